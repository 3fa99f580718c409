package resolver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

func TestReferral(t *testing.T) {
	cat := parseCatalog(t, "example.", `
@          SOA   ns hostmaster 1 2 3 4 60
@          NS    ns
@          NS    ns.sub
ns         A     192.0.2.53
sub        NS    ns.sub
sub        NS    ns.other
sub        NS    ns.elsewhere.
sub        TXT   "not authoritative"
ns.sub     A     192.0.2.1
ns.sub     AAAA  2001:db8::1
deep.sub   NS    ns.deep.sub
ns.deep.sub A    192.0.2.7
other      NS    ns.other
ns.other   A     192.0.2.2
alias.sub  CNAME ns
dname.sub  DNAME example.
self       NS    self
self       A     192.0.2.3
both       NS    ns.served.
mail       MX    10 ns.sub
`, "served.", "@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\nns A 192.0.2.99\n", "both.example.", "@ SOA ns.served. h 1 2 3 4 60\n@ NS ns.served.\n@ A 192.0.2.4\n")
	const sub = `
		ns sub.example. 300 NS ns.sub.example.
		ns sub.example. 300 NS ns.other.example.
		ns sub.example. 300 NS ns.elsewhere.
		ar ns.sub.example. 300 A 192.0.2.1
		ar ns.sub.example. 300 AAAA 2001:db8::1
		ar ns.other.example. 300 A 192.0.2.2`
	run(t, cat, Policy{}, []asked{
		// no AA on a referral, at the cut or anywhere below; what lies at or below it is not ours to answer
		{"sub.example. A", "NOERROR" + sub},
		{"sub.example. NS", "NOERROR" + sub},
		{"sub.example. TXT", "NOERROR" + sub},
		{"sub.example. ANY", "NOERROR" + sub},
		{"sub.example. SOA", "NOERROR" + sub},
		{"www.sub.example. A", "NOERROR" + sub},
		{"ns.sub.example. A", "NOERROR" + sub},
		{"a.b.c.sub.example. A", "NOERROR" + sub},
		// a CNAME, a DNAME or a cut below a cut counts for nothing
		{"alias.sub.example. A", "NOERROR" + sub},
		{"x.dname.sub.example. A", "NOERROR" + sub},
		{"x.deep.sub.example. A", "NOERROR" + sub},
		// a name that serves itself
		{"www.self.example. A", "NOERROR\nns self.example. 300 NS self.example.\nar self.example. 300 A 192.0.2.3"},
		// the apex is no cut; its servers' addresses come along, glue or not
		{"example. NS", `NOERROR aa
			an example. 300 NS ns.example.
			an example. 300 NS ns.sub.example.
			ar ns.example. 300 A 192.0.2.53
			ar ns.sub.example. 300 A 192.0.2.1
			ar ns.sub.example. 300 AAAA 2001:db8::1`},
		// a cut to a zone that we serve too: that zone answers
		{"both.example. A", "NOERROR aa\nan both.example. 300 A 192.0.2.4"},
		{"both.example. NS", "NOERROR aa\nan both.example. 300 NS ns.served."},
		// glue is for referrals, not for mail
		{"mail.example. MX", "NOERROR aa\nan mail.example. 300 MX 10 ns.sub.example."},
	})
}

// RFC 1034 6.2, with today's rules for additional data: the examples of the RFC, numbered as there.
func TestRFC1034Examples(t *testing.T) {
	cat := parseCatalog(t, ".", `
.          86400 SOA SRI-NIC.ARPA. hostmaster.SRI-NIC.ARPA. 870611 1800 300 604800 86400
.          86400 NS A.ISI.EDU.
.          86400 NS C.ISI.EDU.
.          86400 NS SRI-NIC.ARPA.
MIL.       86400 NS SRI-NIC.ARPA.
MIL.       86400 NS A.ISI.EDU.
EDU.       86400 NS SRI-NIC.ARPA.
EDU.       86400 NS C.ISI.EDU.
SRI-NIC.ARPA. 86400 A 26.0.0.73
SRI-NIC.ARPA. 86400 A 10.0.0.51
SRI-NIC.ARPA. 86400 MX 0 SRI-NIC.ARPA.
SRI-NIC.ARPA. 86400 HINFO DEC-2060 TOPS20
ACC.ARPA.  86400 A 26.6.0.65
ACC.ARPA.  86400 HINFO PDP-11/70 UNIX
ACC.ARPA.  86400 MX 10 ACC.ARPA.
USC-ISIC.ARPA. 86400 CNAME C.ISI.EDU.
73.0.0.26.IN-ADDR.ARPA. 86400 PTR SRI-NIC.ARPA.
A.ISI.EDU. 86400 A 26.3.0.103
C.ISI.EDU. 86400 A 10.0.0.52
`)
	run(t, cat, Policy{}, []asked{
		{"SRI-NIC.ARPA. A", "NOERROR aa\nan SRI-NIC.ARPA. 86400 A 26.0.0.73\nan SRI-NIC.ARPA. 86400 A 10.0.0.51"}, // 6.2.1
		{"SRI-NIC.ARPA. ANY +tcp", `NOERROR aa
			an SRI-NIC.ARPA. 86400 A 26.0.0.73
			an SRI-NIC.ARPA. 86400 A 10.0.0.51
			an SRI-NIC.ARPA. 86400 HINFO "DEC-2060" "TOPS20"
			an SRI-NIC.ARPA. 86400 MX 0 SRI-NIC.ARPA.`}, // 6.2.2
		{"SRI-NIC.ARPA. MX", `NOERROR aa
			an SRI-NIC.ARPA. 86400 MX 0 SRI-NIC.ARPA.
			ar SRI-NIC.ARPA. 86400 A 26.0.0.73
			ar SRI-NIC.ARPA. 86400 A 10.0.0.51`}, // 6.2.3
		{"SRI-NIC.ARPA. NS", "NOERROR aa\nns . 86400 SOA SRI-NIC.ARPA. hostmaster.SRI-NIC.ARPA. 870611 1800 300 604800 86400"}, // 6.2.4
		{"SIR-NIC.ARPA. A", "NXDOMAIN aa\nns . 86400 SOA SRI-NIC.ARPA. hostmaster.SRI-NIC.ARPA. 870611 1800 300 604800 86400"}, // 6.2.5
		{"BRL.MIL. A", `NOERROR
			ns MIL. 86400 NS SRI-NIC.ARPA.
			ns MIL. 86400 NS A.ISI.EDU.
			ar SRI-NIC.ARPA. 86400 A 26.0.0.73
			ar SRI-NIC.ARPA. 86400 A 10.0.0.51
			ar A.ISI.EDU. 86400 A 26.3.0.103`}, // 6.2.6
		{"USC-ISIC.ARPA. A", `NOERROR aa
			an USC-ISIC.ARPA. 86400 CNAME C.ISI.EDU.
			ns EDU. 86400 NS SRI-NIC.ARPA.
			ns EDU. 86400 NS C.ISI.EDU.
			ar C.ISI.EDU. 86400 A 10.0.0.52
			ar SRI-NIC.ARPA. 86400 A 26.0.0.73
			ar SRI-NIC.ARPA. 86400 A 10.0.0.51`}, // 6.2.7, from a server of the root alone
		{"USC-ISIC.ARPA. CNAME", "NOERROR aa\nan USC-ISIC.ARPA. 86400 CNAME C.ISI.EDU."}, // 6.2.8
	})
}

// TestPreparedReferral: a referral that was prepared when the zone was built is the one that is put together where a
// change elsewhere below a delegation has made what is prepared count for nothing, at each size.
func TestPreparedReferral(t *testing.T) {
	text := "@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\nns A 192.0.2.53\nelsewhere NS ns.elsewhere\nns.elsewhere A 192.0.2.9\n" +
		"alias CNAME www.sub\nsub NS ns1.sub\nsub NS Ns2.Sub\nsub NS ns.provider.net.\nsub NS ns2.provider.net.\n"
	for i := range 9 {
		text += fmt.Sprintf("ns%d.sub A 192.0.2.%d\nns1.sub AAAA 2001:db8::%d\n", i%3, i, i)
	}
	for i := range 500 {
		text += fmt.Sprintf("host%d A 192.0.2.1\n", i)
	}
	z := parseZone(t, "example.", text)
	glue := zones.MustParseName("ns.elsewhere.example.")
	changed, err := z.With([]zones.Change{{Name: glue, Type: dns.TypeA, New: zones.RRset{Name: glue, Type: dns.TypeA, TTL: 5, Data: [][]byte{{192, 0, 2, 8}}}}})
	if err != nil {
		t.Fatal(err)
	}
	prepared, plain := zones.NewCatalog(z), zones.NewCatalog(changed)
	w := NewWorker(Policy{MaxUDPSize: maxMessage})
	for _, name := range []string{"sub", "www.sub", "wWw.sUB", "ns1.sub", "a.b.ns2.sub", "alias", "sub.sub", strings.Repeat(strings.Repeat("l", 60)+".", 3) + "sub"} {
		for size := 512; size < 700; size++ {
			q := new(dns.Msg).SetQuestion(name+".example.", dns.TypeA)
			q.SetEdns0(uint16(size), false)
			got, want := render(send(t, w, prepared, pack(t, q), UDP)), render(send(t, w, plain, pack(t, q), UDP))
			if d := cmp.Diff(strings.ToLower(want), strings.ToLower(got)); d != "" {
				t.Errorf("%s, %d octets: %s", name, size, d)
			}
		}
	}
}
