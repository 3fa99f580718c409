package resolver

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// RFC 6672.
func TestDNAME(t *testing.T) {
	long := strings.Repeat("abcdefghi.", 19) // 190 octets
	cat := parseCatalog(t, "example.", `
@          SOA   ns hostmaster 1 2 3 4 60
@          NS    ns
ns         A     192.0.2.53
d     600  DNAME target
d          TXT   "at the owner"
below.d    A     192.0.2.66
host.target A    192.0.2.1
sub.target DNAME third
host.third A     192.0.2.2
away       DNAME elsewhere.
loop       DNAME loop
grow       DNAME a.grow
a.grow2    DNAME grow3
long       DNAME `+long+`example.
alias      CNAME host.d
circle     CNAME x.circle2
circle2    DNAME circle3
x.circle3  CNAME circle
*.wild     A     192.0.2.3
towild     DNAME wild
`, "apex.", `
@          SOA   ns.example. hostmaster 1 2 3 4 60
@          NS    ns.example.
@          DNAME example.
`)
	const soa = "ns example. 60 SOA ns.example. hostmaster.example. 1 2 3 4 60"
	label := strings.Repeat("x", 63)
	run(t, cat, Policy{}, []asked{
		{"host.d.example. A", `NOERROR aa
			an d.example. 600 DNAME target.example.
			an host.d.example. 600 CNAME host.target.example.
			an host.target.example. 300 A 192.0.2.1`},
		// 2.3: the owner itself is not redirected
		{"d.example. TXT", `NOERROR aa
			an d.example. 300 TXT "at the owner"`},
		{"d.example. A", "NOERROR aa\n" + soa},
		{"d.example. DNAME", "NOERROR aa\nan d.example. 600 DNAME target.example."},
		// 2.4: data below are not there
		{"below.d.example. A", `NXDOMAIN aa
			an d.example. 600 DNAME target.example.
			an below.d.example. 600 CNAME below.target.example.
			` + soa},
		// the synthesised CNAME is what QTYPE CNAME asks for
		{"host.d.example. CNAME", `NOERROR aa
			an d.example. 600 DNAME target.example.
			an host.d.example. 600 CNAME host.target.example.`},
		{"host.d.example. TXT", `NOERROR aa
			an d.example. 600 DNAME target.example.
			an host.d.example. 600 CNAME host.target.example.
			` + soa},
		// chains of DNAMEs
		{"host.sub.d.example. A", `NOERROR aa
			an d.example. 600 DNAME target.example.
			an host.sub.d.example. 600 CNAME host.sub.target.example.
			an sub.target.example. 300 DNAME third.example.
			an host.sub.target.example. 300 CNAME host.third.example.
			an host.third.example. 300 A 192.0.2.2`},
		{"host.away.example. A", `NOERROR aa
			an away.example. 300 DNAME elsewhere.
			an host.away.example. 300 CNAME host.elsewhere.`},
		{"x.towild.example. A", `NOERROR aa
			an towild.example. 300 DNAME wild.example.
			an x.towild.example. 300 CNAME x.wild.example.
			an x.wild.example. 300 A 192.0.2.3`},
		{"alias.example. A", `NOERROR aa
			an alias.example. 300 CNAME host.d.example.
			an d.example. 600 DNAME target.example.
			an host.d.example. 600 CNAME host.target.example.
			an host.target.example. 300 A 192.0.2.1`},
		// loops
		{"x.loop.example. A", `NOERROR aa
			an loop.example. 300 DNAME loop.example.
			an x.loop.example. 300 CNAME x.loop.example.`},
		{"circle.example. A", `NOERROR aa
			an circle.example. 300 CNAME x.circle2.example.
			an circle2.example. 300 DNAME circle3.example.
			an x.circle2.example. 300 CNAME x.circle3.example.
			an x.circle3.example. 300 CNAME circle.example.`},
		// 2.2: too long
		{label + ".long.example. A", `YXDOMAIN aa
			an long.example. 300 DNAME ` + long + `example.`},
		// at the apex: it redirects what is below, and leaves the apex alone
		{"apex. SOA", "NOERROR aa\nan apex. 300 SOA ns.example. hostmaster.apex. 1 2 3 4 60"},
		{"ns.apex. A", `NOERROR aa
			an apex. 300 DNAME example.
			an ns.apex. 300 CNAME ns.example.
			an ns.example. 300 A 192.0.2.53`},
		{"apex. A", "NOERROR aa\nns apex. 60 SOA ns.example. hostmaster.apex. 1 2 3 4 60"},
	})
}

// A DNAME below itself makes ever longer names: the DNAME stands once in the answer, and it ends.
func TestDNAMEThatGrows(t *testing.T) {
	cat := parseCatalog(t, "example.", "@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\ngrow DNAME a.grow\n")
	m := send(t, NewWorker(Policy{}), cat, pack(t, parseQuery(t, "x.grow.example. A").msg), TCP)
	dnames := 0
	for _, rr := range m.Answer {
		if strings.HasPrefix(rr.String(), "grow.example.") {
			dnames++
		}
	}
	if dnames != 1 || len(m.Answer) != 1+maxSteps {
		t.Errorf("%d DNAMEs in %d records; want 1 in %d:\n%v", dnames, len(m.Answer), 1+maxSteps, m)
	}
}

// RFC 6672 2.2: a name of 255 octets is the longest that a DNAME can make.
func TestDNAMELength(t *testing.T) {
	suffix := strings.Repeat("abcdefghi.", 18) // 180 octets, and 9 of "example."
	cat := parseCatalog(t, "example.", "@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\nd DNAME "+suffix+"example.\n")
	w := NewWorker(Policy{})
	for n := 1; n <= 63; n++ {
		m := send(t, w, cat, pack(t, parseQuery(t, strings.Repeat("x", n)+".yy.d.example. A").msg), TCP)
		length := 1 + n + 3 + 180 + 9
		if tooLong := length > 255; tooLong != (m.Rcode == dns.RcodeYXDomain) || tooLong == (len(m.Answer) == 2) {
			t.Errorf("a name of %d octets: %v", length, m)
		}
	}
}
