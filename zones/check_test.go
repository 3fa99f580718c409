package zones

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// checkedZone is a zone from lines of a zone file at origin example.com., one record a line, with the place of each.
func checkedZone(t *testing.T, text string) (*Zone, CheckOptions) {
	t.Helper()
	origin := MustParseName("example.com.")
	b := NewBuilder(origin)
	type rrset struct {
		name Name
		typ  uint16
	}
	places := make(map[rrset][]Pos)
	for i, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		zp := dns.NewZoneParser(strings.NewReader(line+"\n"), "example.com.", "")
		zp.SetDefaultTTL(300)
		rr, ok := zp.Next()
		if !ok {
			t.Fatalf("line %d: %v", i+1, zp.Err())
		}
		sets, err := FromRRs([]dns.RR{rr})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.AddRRset(sets[0]); err != nil {
			t.Fatal(err)
		}
		k := rrset{sets[0].Name, sets[0].Type}
		places[k] = append(places[k], Pos{"z", i + 1, 1})
	}
	return b.Zone(), CheckOptions{Where: func(name Name, typ uint16, i int) Pos {
		if p := places[rrset{name, typ}]; i < len(p) {
			return p[i]
		}
		t.Errorf("Where(%s, %s, %d): there is no such record", name, TypeString(typ), i)
		return Pos{}
	}}
}

// sound is the start of a zone that has nothing wrong; its lines are 1 to 5, so that what follows starts at line 6.
const sound = `@ 300 SOA ns1 host 1 3600 600 864000 300
@ NS ns1
@ NS ns2.example.net.
ns1 A 192.0.2.53
ns1 AAAA 2001:db8::53
`

// many returns n lines of a zone, in each of which format has another number.
func many(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format+"\n", i)
	}
	return b.String()
}

func TestCheck(t *testing.T) {
	tests := []struct{ name, zone, want string }{
		{"sound", sound, ""},
		{"a signature of nothing", sound + "x A 192.0.2.1\nx RRSIG TXT 13 3 300 20300101000000 20200101000000 1 example.com. AAAA",
			"z:7:1: warning: x.example.com. RRSIG covers TXT records, and this name has none; sign the zone again"},
		{"hashed too often", sound + "@ NSEC3PARAM 1 0 2501 -",
			"z:6:1: example.com. NSEC3PARAM has names hashed 2501 times more, and 2500 are the limit (RFC 5155 10.3); sign the zone with none (RFC 9276 3.1)"},
		{"hashed often", sound + "@ NSEC3PARAM 1 0 51 -", "z:6:1: warning: example.com. NSEC3PARAM has names hashed 51 times more: resolvers take zones with " +
			"more than some 50 to 150 for unsigned, or refuse them (RFC 9276 3.2), and each negative answer costs so many hashes; sign the zone with none (RFC 9276 3.1)"},
		{"hashed no more than usual", sound + "@ NSEC3PARAM 1 0 50 -", ""},
		{"as large as a message", sound + many("x TXT %0229d", 270), ""},
		{"larger than a message", sound + many("x TXT %0229d", 271), "z:6:1: warning: x.example.com. TXT has 271 records, and a message with them takes 65613 octets: " +
			"the most is 65535 (RFC 1035 4.2.2), so nobody who asks gets them; remove some, or divide them among names"},
		{"larger than a message with signatures", sound + many("x TXT %0229d", 270) + "x RRSIG TXT 13 3 300 20300101000000 20200101000000 1 example.com. " + strings.Repeat("AAAA", 100),
			"z:6:1: warning: x.example.com. TXT has 270 records, and a message with them takes 65714 octets: " +
				"the most is 65535 (RFC 1035 4.2.2), so nobody who asks gets them; remove some, or divide them among names"},
		{"many names, which are compressed", sound + many("x PTR a%d.a-long-name.to-be-compressed.example.net.", 4000), ""},
		{"nothing", "", `
example.com. has no SOA record; a zone starts with one
example.com. has no NS record; name the servers of the zone, two at least`},
		{"no SOA, no NS", "www A 192.0.2.1", `
z: example.com. has no SOA record; a zone starts with one
z: example.com. has no NS record; name the servers of the zone, two at least`},
		{"two SOA", sound + "@ SOA ns1 host 2 3600 600 864000 300", `
z:6:1: example.com. SOA is one of 2 SOA records of this name (line 1); keep one`},
		{"SOA below", sound + "a SOA ns1 host 2 3600 600 864000 300", `
z:6:1: a.example.com. SOA stands below the zone's apex example.com.; only the apex has one`},
		{"one NS", `@ SOA ns1.example.net. host 1 3600 600 864000 300
@ NS ns1.example.net.`, `
z:2:1: warning: example.com. NS names one server only; when it fails the zone is gone (RFC 1034 4.1 wants two)`},
		{"SOA numbers", `@ SOA ns1 host 0 300 600 900 90000
@ NS a.example.net.
@ NS b.example.net.`, `
z:1:1: warning: example.com. SOA has the serial 0, which some servers take for "never loaded"; start with 1
z:1:1: warning: example.com. SOA has a retry of 600 s above its refresh of 300 s; an attempt that failed should be repeated sooner than one that did not
z:1:1: warning: example.com. SOA has an expire of 900 s, not more than refresh and retry together (900 s): secondaries drop the zone after one failure; two weeks are usual`},
		{"SOA zeros, minimum", `@ 90000 SOA ns1 hostmaster\@example.com. 1 0 0 864000 90000
@ NS a.example.net.
@ NS b.example.net.`, `
z:1:1: warning: example.com. SOA has a refresh of 0 s and a retry of 0 s; secondaries that take it literally never stop asking
z:1:1: warning: example.com. SOA lets resolvers keep negative answers for 90000 s (the lower of its TTL and MINIMUM); a day is the most that makes sense (RFC 2308 5)
z:1:1: warning: example.com. SOA has a mailbox with an "@": hostmaster\@example.com.; write a dot instead`},
		{"minimum with rules", `@ 3600 SOA ns1 host 1 3600 600 864000 1800
@ NS a.example.net.
@ NS b.example.net.
checked A 192.0.2.1`, `
z:1:1: warning: example.com. SOA lets resolvers keep negative answers for 1800 s (the lower of its TTL and MINIMUM), and the zone has health rules; 300 s or less let changes be seen in time`},
		{"minimum with rules, low TTL", sound + "checked A 192.0.2.1", ""},

		{"CNAME beside", sound + "www A 192.0.2.1\nwww TXT x\nwww CNAME ns1", `
z:8:1: www.example.com. CNAME stands beside an A record (line 6) and a TXT record (line 7); a CNAME must be alone`},
		{"CNAME beside DNAME", sound + "www CNAME ns1\nwww DNAME example.net.", `
z:6:1: www.example.com. CNAME stands beside a DNAME record (line 7); a CNAME must be alone`},
		{"CNAME twice", sound + "www CNAME ns1\nwww CNAME example.net.", `
z:7:1: www.example.com. CNAME is one of 2 CNAME records of this name (line 6); keep one`},
		{"CNAME and its signature", sound + "www CNAME ns1\nwww RRSIG CNAME 13 3 300 20260101000000 20250101000000 1 example.com. AAAA\nwww NSEC a CNAME RRSIG NSEC",
			"z:8:1: warning: www.example.com. NSEC proves nothing without signatures: the SOA record of example.com. has none; sign the zone again, or remove its NSEC and NSEC3 records"},
		{"a chain that lost its signatures", sound + "@ NSEC ns1 NS SOA NSEC\nns1 NSEC @ A NSEC\n0p9mhaveqvm6t7vbl5lop2u3t2rp3tom NSEC3 1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A",
			"z:6:1: warning: example.com. NSEC proves nothing without signatures: the SOA record of example.com. has none; sign the zone again, or remove its NSEC and NSEC3 records (and 2 more likewise)"},
		{"CNAME at the apex", sound + "@ CNAME example.net.", `
z:6:1: example.com. CNAME stands at the zone's apex, beside its SOA and NS; use A and AAAA records there`},
		{"CNAME to nothing", sound + "www CNAME nothing\nftp CNAME cdn.example.net\nx CNAME y.w\n*.w A 192.0.2.1\nz CNAME z.sub\nsub NS ns.example.net.", `
z:6:1: warning: www.example.com. CNAME nothing.example.com. does not exist; add it
z:7:1: warning: ftp.example.com. CNAME cdn.example.net.example.com. does not exist; add it, or put a dot behind cdn.example.net if that is the whole name`},
		{"CNAME loops", sound + "a CNAME b\nb CNAME c\nc CNAME a\nd CNAME a\ne CNAME e\n*.w CNAME x.w", `
z:6:1: warning: a.example.com. CNAME leads back to itself (a.example.com. -> b.example.com. -> c.example.com. -> a.example.com.); it is never answered
z:10:1: warning: e.example.com. CNAME leads back to itself (e.example.com. -> e.example.com.); it is never answered
z:11:1: warning: *.w.example.com. CNAME leads back to itself (*.w.example.com. -> x.w.example.com.); it is never answered`},
		{"CNAME chains", sound + "a CNAME b\nb CNAME c\nc CNAME www.example.net.\nd CNAME ns1", ""},

		{"DNAME twice", sound + "d DNAME example.net.\nd DNAME example.org.", `
z:7:1: d.example.com. DNAME is one of 2 DNAME records of this name (line 6); keep one`},
		{"below a DNAME", sound + "d DNAME example.net.\nd A 192.0.2.1\na.b.d A 192.0.2.1\nd.d.d NS ns1\n*.d CNAME x", `
z:8:1: a.b.d.example.com. A stands below the DNAME at d.example.com. (line 6), which hides it; remove one of them
z:9:1: d.d.d.example.com. NS stands below the DNAME at d.example.com. (line 6), which hides it; remove one of them
z:10:1: *.d.example.com. CNAME stands below the DNAME at d.example.com. (line 6), which hides it; remove one of them`},
		{"DNAME beside NS", sound + "d DNAME example.net.\nd NS ns1", `
z:6:1: d.example.com. DNAME stands beside an NS record (line 7); a name is either delegated or redirected`},
		{"DNAME at the apex", `@ 300 SOA ns1.example.net. host.example.net. 1 3600 600 864000 300
@ NS ns1.example.net.
@ NS ns2.example.net.
@ DNAME example.org.`, ""},

		{"servers", `@ 300 SOA ns1 host 1 3600 600 864000 300
@ NS alias
@ NS nothing
@ NS naked
@ NS ns.sub
alias CNAME www.example.net.
naked TXT x
sub NS ns.sub`, `
z:2:1: example.com. NS alias.example.com. is a CNAME (line 6); name a server that has addresses itself
z:3:1: example.com. NS nothing.example.com. does not exist; add it
z:4:1: example.com. NS naked.example.com. has no A or AAAA record; give it one
z:8:1: warning: sub.example.com. NS ns.sub.example.com. is within the delegation and has no A or AAAA record here; without this glue nobody finds it`},
		{"server at an empty wildcard", sound + "@ NS ns.w\nx.*.w A 192.0.2.1", `
z:6:1: warning: example.com. NS ns.w.example.com. has no A or AAAA record; give it one`},
		{"servers of delegations", sound + "sub NS alias\nsub NS nothing\nsub NS naked\nsub NS ns.other\nsub NS NS.SUB\nns.sub A 192.0.2.1\nalias CNAME www.example.net.\nnaked TXT x\nother NS ns.example.net.", `
z:6:1: warning: sub.example.com. NS alias.example.com. is a CNAME (line 12); name a server that has addresses itself
z:7:1: warning: sub.example.com. NS nothing.example.com. does not exist; add it
z:8:1: warning: sub.example.com. NS naked.example.com. has no A or AAAA record; give it one`},
		{"mail", sound + "@ MX 10 alias\n@ MX 20 nothing\n@ MX 30 naked\n@ MX 40 ns1\n@ MX 50 example.net.\n@ MX 60 192.0.2.1\n_sip._tcp SRV 0 0 1 alias\nalias CNAME ns1\nnaked TXT x\n@ MX 70 192.0.2.1.", `
z:6:1: warning: example.com. MX alias.example.com. is a CNAME (line 13); name a host that has addresses itself
z:7:1: warning: example.com. MX nothing.example.com. does not exist; add it
z:8:1: warning: example.com. MX naked.example.com. has no A or AAAA record; give it one
z:11:1: warning: example.com. MX 192.0.2.1.example.com. is an address; a name is wanted here
z:12:1: warning: _sip._tcp.example.com. SRV alias.example.com. is a CNAME (line 13); name a host that has addresses itself
z:15:1: warning: example.com. MX 192.0.2.1. is an address; a name is wanted here`},
		{"null MX", sound + "@ MX 0 .\n_x._tcp SRV 0 0 0 .", ""},
		{"null MX beside others", sound + "@ MX 10 ns1\n@ MX 0 .", `
z:7:1: warning: example.com. MX "." says that there is no mail, beside other MX records; keep it alone or remove it`},

		{"occluded", sound + "sub NS ns.sub\nns.sub A 192.0.2.1\nns.sub AAAA 2001:db8::1\nns.sub TXT x\nwww.sub A 192.0.2.1\nsub MX 0 ns1\nsub DS 1 13 2 00\nsub A 192.0.2.1\na.b.sub NS ns.a.b.sub", `
z:9:1: warning: ns.sub.example.com. TXT stands below the delegation of sub.example.com. (line 6) and is never answered; it belongs into that zone
z:10:1: warning: www.sub.example.com. A stands below the delegation of sub.example.com. (line 6) and is never answered; it belongs into that zone
z:11:1: warning: sub.example.com. MX stands at a delegation (line 6) and is never answered; it belongs into that zone
z:13:1: warning: sub.example.com. A stands at a delegation (line 6) and is never answered; it belongs into that zone
z:14:1: warning: a.b.sub.example.com. NS stands below the delegation of sub.example.com. (line 6) and is never answered; it belongs into that zone`},
		{"occluded CNAME", sound + "sub NS ns.example.net.\na.sub CNAME x\na.sub TXT x", `
z:7:1: warning: a.sub.example.com. CNAME stands below the delegation of sub.example.com. (line 6) and is never answered; it belongs into that zone
z:7:1: a.sub.example.com. CNAME stands beside a TXT record (line 8); a CNAME must be alone
z:8:1: warning: a.sub.example.com. TXT stands below the delegation of sub.example.com. (line 6) and is never answered; it belongs into that zone`},
		{"glue of others", sound + "a NS ns.b\nb NS b\nns.b A 192.0.2.1\nb A 192.0.2.1", ""},
		{"DS", sound + "@ DS 1 13 2 00\na DS 1 13 2 00\nsub DS 1 13 2 00\nsub NS ns1", `
z:6:1: example.com. DS stands at a name that is not delegated; it belongs beside the NS records of a delegation
z:7:1: warning: a.example.com. DS stands at a name that is not delegated; it belongs beside the NS records of a delegation`},
		{"wildcard NS", sound + "*.w NS ns1", `
z:6:1: warning: *.w.example.com. NS stands at a wildcard, and what that delegates is not defined; delegate each name by itself`},

		{"aliases", sound + "a HTTPS 0 example.net. alpn=h2\nb HTTPS 0 x.example.net.\nb HTTPS 1 . alpn=h2\nc SVCB 0 example.net.\nd HTTPS 1 . port=443\nd HTTPS 2 example.net.", `
z:6:1: warning: a.example.com. HTTPS has priority 0, which makes it an alias, and parameters, which are ignored then; remove them or raise the priority
z:7:1: warning: b.example.com. HTTPS has priority 0, which makes it an alias, beside other HTTPS records; keep one alias alone`},
		{"TTL", sound + "www 2147483648 A 192.0.2.1\nold 2147483647 A 192.0.2.1", `
z:6:1: warning: www.example.com. A has the TTL 2147483648, which resolvers take for 0; the limit is 2147483647`},
		{"owners", sound + "*.w A 192.0.2.1\n_x A 192.0.2.1\nfoo,bar A 192.0.2.1\na\\.b AAAA 2001:db8::1\nx* MX 0 ns1\nx,y TXT ok\nwww.example.com A 192.0.2.1\nexample.com A 192.0.2.1\nnotexample.com A 192.0.2.1", `
z:8:1: warning: foo,bar.example.com. A has an owner that is no host name: letters, digits and hyphens make one
z:9:1: warning: a\.b.example.com. AAAA has an owner that is no host name: letters, digits and hyphens make one
z:10:1: warning: x*.example.com. MX has an owner that is no host name: letters, digits and hyphens make one
z:12:1: warning: www.example.com.example.com. A has an owner that ends with the zone's name twice; a dot is missing behind it, or the zone's name is too much
z:13:1: warning: example.com.example.com. A has an owner that ends with the zone's name twice; a dot is missing behind it, or the zone's name is too much`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			z, o := checkedZone(t, tt.zone)
			o.Checked = func(n Name) bool { return strings.HasPrefix(n.String(), "checked.") }
			var got []string
			for _, p := range Check(z, o) {
				got = append(got, p.String())
			}
			if d := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), strings.Join(got, "\n")); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestCheckWithoutPlaces: in canonical order, and without lines in the text.
func TestCheckWithoutPlaces(t *testing.T) {
	z, _ := checkedZone(t, sound+"z CNAME ns1\nz A 192.0.2.1\nb DS 1 13 2 00")
	want := []Problem{
		{Severity: Warning, Text: "b.example.com. DS stands at a name that is not delegated; it belongs beside the NS records of a delegation"},
		{Severity: Error, Text: "z.example.com. CNAME stands beside an A record; a CNAME must be alone"},
	}
	if d := cmp.Diff(want, Check(z, CheckOptions{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestCheckOtherFile: a record in another file is named by it.
func TestCheckOtherFile(t *testing.T) {
	z, o := checkedZone(t, sound+"www CNAME ns1\nwww A 192.0.2.1")
	where := o.Where
	o.Where = func(name Name, typ uint16, i int) Pos {
		p := where(name, typ, i)
		if typ == dns.TypeA {
			p.File = "included"
		}
		return p
	}
	want := "z:6:1: www.example.com. CNAME stands beside an A record (included:7); a CNAME must be alone"
	if got := Check(z, o); len(got) != 1 || got[0].String() != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// TestCheckOverlaid: what came by With is checked like what was there.
func TestCheckOverlaid(t *testing.T) {
	z, _ := checkedZone(t, sound+"sub NS ns.example.net.\nwww.sub A 192.0.2.1\nd DNAME example.net.\nok A 192.0.2.1")
	name := MustParseName("ok.example.com.")
	next, err := z.overlaid([]Change{
		{Name: MustParseName("sub.example.com."), Type: dns.TypeNS},
		{Name: MustParseName("d.example.com."), Type: dns.TypeDNAME},
		{Name: name, Type: dns.TypeDNAME, New: RRset{name, dns.TypeDNAME, 60, [][]byte{[]byte("\x03net\x00")}}},
		{Name: MustParseName("a.ok.example.com."), Type: dns.TypeA, New: RRset{Data: [][]byte{{192, 0, 2, 1}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Problem{{Severity: Error, Text: "a.ok.example.com. A stands below the DNAME at ok.example.com., which hides it; remove one of them"}}
	if d := cmp.Diff(want, Check(next, CheckOptions{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
