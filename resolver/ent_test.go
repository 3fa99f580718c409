package resolver

import "testing"

// Empty non-terminals exist (RFC 4592 2.2.2, RFC 8020): NODATA, never NXDOMAIN.
func TestEmptyNonTerminal(t *testing.T) {
	cat := parseCatalog(t, "example.", `
@                SOA ns hostmaster 1 2 3 4 60
@                NS  ns
a.b.c            A   192.0.2.1
deep.under.cut   NS  ns.deep.under.cut
ns.deep.under.cut A  192.0.2.2
x.y.alias        CNAME a.b.c
_443._tcp.www    TLSA 3 1 1 00
`)
	const soa = "ns example. 60 SOA ns.example. hostmaster.example. 1 2 3 4 60"
	run(t, cat, Policy{}, []asked{
		{"b.c.example. A", "NOERROR aa\n" + soa},
		{"c.example. A", "NOERROR aa\n" + soa},
		{"c.example. ANY", "NOERROR aa\n" + soa},
		{"c.example. ANY +tcp", "NOERROR aa\n" + soa},
		{"b.example. A", "NXDOMAIN aa\n" + soa},
		{"x.b.c.example. A", "NXDOMAIN aa\n" + soa},
		{"x.a.b.c.example. A", "NXDOMAIN aa\n" + soa},
		// above a cut
		{"under.cut.example. A", "NOERROR aa\n" + soa},
		{"cut.example. NS", "NOERROR aa\n" + soa},
		{"x.cut.example. NS", "NXDOMAIN aa\n" + soa},
		// above a CNAME
		{"y.alias.example. A", "NOERROR aa\n" + soa},
		// a name with one type, the parent with none
		{"www.example. TLSA", "NOERROR aa\n" + soa},
		{"_tcp.www.example. TLSA", "NOERROR aa\n" + soa},
	})
}
