package resolver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestCNAME(t *testing.T) {
	cat := parseCatalog(t, "example.", `
@        SOA   ns hostmaster 1 2 3 4 60
@        NS    ns
ns       A     192.0.2.53
www      CNAME host
host     A     192.0.2.1
host     AAAA  2001:db8::1
away     CNAME www.elsewhere.
self     CNAME self
loop1    CNAME loop2
loop2    CNAME Loop3
loop3    CNAME LOOP1
into     CNAME loop1
cut      NS    ns.cut
ns.cut   A     192.0.2.54
tocut    CNAME www.cut
other    CNAME www.second.
mx       CNAME mail
mail     MX    10 host
`, "second.", `
@        SOA   ns hostmaster 1 2 3 4 60
@        NS    ns.example.
www      CNAME back.example.
back     CNAME host.example.
`)
	const soa = "ns example. 60 SOA ns.example. hostmaster.example. 1 2 3 4 60"
	run(t, cat, Policy{}, []asked{
		{"www.example. A", "NOERROR aa\nan www.example. 300 CNAME host.example.\nan host.example. 300 A 192.0.2.1"},
		{"www.example. AAAA", "NOERROR aa\nan www.example. 300 CNAME host.example.\nan host.example. 300 AAAA 2001:db8::1"},
		{"www.example. TXT", "NOERROR aa\nan www.example. 300 CNAME host.example.\n" + soa},
		{"www.example. CNAME", "NOERROR aa\nan www.example. 300 CNAME host.example."},
		{"www.example. ANY", "NOERROR aa\nan www.example. 300 CNAME host.example."},
		{"www.example. NSEC", "NOERROR aa\n" + soa}, // of the alias itself
		{"x.www.example. A", "NXDOMAIN aa\n" + soa},
		// out of our zones: the resolver goes on
		{"away.example. A", "NOERROR aa\nan away.example. 300 CNAME www.elsewhere."},
		// loops end with what was collected, each RRset once
		{"self.example. A", "NOERROR aa\nan self.example. 300 CNAME self.example."},
		{"into.example. A", `NOERROR aa
			an into.example. 300 CNAME loop1.example.
			an loop1.example. 300 CNAME loop2.example.
			an loop2.example. 300 CNAME Loop3.example.
			an Loop3.example. 300 CNAME loop1.example.`}, // compressed onto the name before
		// to a delegated name: AA speaks for the first owner, the referral follows
		{"tocut.example. A", `NOERROR aa
			an tocut.example. 300 CNAME www.cut.example.
			ns cut.example. 300 NS ns.cut.example.
			ar ns.cut.example. 300 A 192.0.2.54`},
		// through another zone of ours
		{"other.example. A", "NXDOMAIN aa\nan other.example. 300 CNAME www.second.\nan www.second. 300 CNAME back.example.\n" + soa},
		{"back.second. A", "NOERROR aa\nan back.second. 300 CNAME host.example.\nan host.example. 300 A 192.0.2.1"},
		// additional data belong to the end of the chain
		{"mx.example. MX", `NOERROR aa
			an mx.example. 300 CNAME mail.example.
			an mail.example. 300 MX 10 host.example.
			ar host.example. 300 A 192.0.2.1
			ar host.example. 300 AAAA 2001:db8::1`},
	})
}

// A chain longer than the bound is answered as far as it was followed.
func TestCNAMEChainIsBounded(t *testing.T) {
	var zone strings.Builder
	zone.WriteString("@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\n")
	for i := range 40 {
		fmt.Fprintf(&zone, "c%d CNAME c%d\n", i, i+1)
	}
	zone.WriteString("c40 A 192.0.2.1\n")
	cat := parseCatalog(t, "example.", zone.String())
	w := NewWorker(Policy{})

	m := send(t, w, cat, pack(t, parseQuery(t, "c0.example. A").msg), TCP)
	if got, want := len(m.Answer), maxSteps; got != want || m.Rcode != dns.RcodeSuccess {
		t.Errorf("c0: %d records, %s; want %d, NOERROR", got, dns.RcodeToString[m.Rcode], want)
	}
	m = send(t, w, cat, pack(t, parseQuery(t, "c25.example. A").msg), TCP)
	if got, want := len(m.Answer), 16; got != want || m.Answer[15].Header().Rrtype != dns.TypeA {
		t.Errorf("c25: %d records, want %d with the address last:\n%v", got, want, m)
	}
}
