package resolver

import "testing"

// The zone of RFC 4592 2.2.1, and what 2.2.1, 3.3.1 and 4 say about it.
const wildcardZone = `
$ORIGIN example.
$TTL 3600
example.                 SOA   ns.example.com. host.example. 1 2 3 4 60
example.                 NS    ns.example.com.
example.                 NS    ns.example.net.
*.example.               TXT   "this is a wildcard"
*.example.               MX    10 host1.example.
sub.*.example.           TXT   "this is not a wildcard"
host1.example.           A     192.0.2.1
_ssh._tcp.host1.example. SRV   0 0 22 host1.example.
_ssh._tcp.host2.example. SRV   0 0 22 host1.example.
subdel.example.          NS    ns.example.com.
subdel.example.          NS    ns.example.net.
`

const wildcardSOA = `ns example. 60 SOA ns.example.com. host.example. 1 2 3 4 60`

func TestRFC4592Example(t *testing.T) {
	run(t, parseCatalog(t, "example.", wildcardZone), Policy{}, []asked{
		// 2.2.1: "would cause responses to be synthesized from one of the wildcards"
		{"host3.example. MX", `NOERROR aa
			an host3.example. 3600 MX 10 host1.example.
			ar host1.example. 3600 A 192.0.2.1`},
		{"host3.example. A", "NOERROR aa\n" + wildcardSOA},
		{"foo.bar.example. TXT", `NOERROR aa
			an foo.bar.example. 3600 TXT "this is a wildcard"`},
		// "would not cause responses to be synthesized"
		{"host1.example. MX", "NOERROR aa\n" + wildcardSOA},                // the name exists
		{"sub.*.example. MX", "NOERROR aa\n" + wildcardSOA},                // so does this
		{"_telnet._tcp.host1.example. SRV", "NXDOMAIN aa\n" + wildcardSOA}, // closest encloser _tcp.host1
		{"host.subdel.example. A", "NOERROR\nns subdel.example. 3600 NS ns.example.com.\nns subdel.example. 3600 NS ns.example.net."},
		{"ghost.*.example. MX", "NXDOMAIN aa\n" + wildcardSOA}, // closest encloser *.example has no wildcard below
		// 2.2.2, 2.2.3: empty non-terminals exist, and stop synthesis
		{"_tcp.host1.example. TXT", "NOERROR aa\n" + wildcardSOA},
		{"host2.example. TXT", "NOERROR aa\n" + wildcardSOA},
		{"x.host2.example. TXT", "NXDOMAIN aa\n" + wildcardSOA},
		// 2.3: the wildcard itself can be asked, and so can what is below it
		{"*.example. TXT", `NOERROR aa
			an *.example. 3600 TXT "this is a wildcard"`},
		{"sub.*.example. TXT", `NOERROR aa
			an sub.*.example. 3600 TXT "this is not a wildcard"`},
	})
}

func TestWildcard(t *testing.T) {
	cat := parseCatalog(t, "example.", `
@          SOA   ns hostmaster 1 2 3 4 60
@          NS    ns
ns         A     192.0.2.53
*          A     192.0.2.1
*          A     192.0.2.2
*.alias    CNAME target.example.
target     A     192.0.2.3
*.twice    CNAME x.alias.example.
*.self     CNAME other.self.example.
*.cut      NS    ns.cut-target.example.
*.dname    DNAME elsewhere.example.
a.*.mid    A     192.0.2.4
x.*        A     192.0.2.5
*.empty.b  A     192.0.2.6
below.*.ent A    192.0.2.7
`)
	const soa = "ns example. 60 SOA ns.example. hostmaster.example. 1 2 3 4 60"
	run(t, cat, Policy{}, []asked{
		{"q.example. A", "NOERROR aa\nan q.example. 300 A 192.0.2.1\nan q.example. 300 A 192.0.2.2"},
		{"a.b.c.d.example. A", "NOERROR aa\nan a.b.c.d.example. 300 A 192.0.2.1\nan a.b.c.d.example. 300 A 192.0.2.2"},
		{"q.example. AAAA", "NOERROR aa\n" + soa},
		// the wildcard's own name
		{"*.example. A", "NOERROR aa\nan *.example. 300 A 192.0.2.1\nan *.example. 300 A 192.0.2.2"},
		// a name below a name that exists is not matched by a wildcard above that
		{"q.target.example. A", "NXDOMAIN aa\n" + soa},
		// a wildcard may own a CNAME, and a CNAME may lead to a wildcard
		{"q.alias.example. A", "NOERROR aa\nan q.alias.example. 300 CNAME target.example.\nan target.example. 300 A 192.0.2.3"},
		{"q.alias.example. CNAME", "NOERROR aa\nan q.alias.example. 300 CNAME target.example."},
		{"q.twice.example. A", `NOERROR aa
			an q.twice.example. 300 CNAME x.alias.example.
			an x.alias.example. 300 CNAME target.example.
			an target.example. 300 A 192.0.2.3`},
		// NS and DNAME of a wildcard are data to a name that is synthesised (RFC 4592 4.2, 4.4), and count below "*" itself
		{"q.cut.example. NS", "NOERROR aa\nan q.cut.example. 300 NS ns.cut-target.example."},
		{"q.cut.example. A", "NOERROR aa\n" + soa},
		{"x.*.cut.example. A", "NOERROR\nns *.cut.example. 300 NS ns.cut-target.example."},
		{"q.dname.example. DNAME", "NOERROR aa\nan q.dname.example. 300 DNAME elsewhere.example."},
		{"x.q.dname.example. A", "NOERROR aa\n" + soa},
		{"x.*.dname.example. CNAME", `NOERROR aa
			an *.dname.example. 300 DNAME elsewhere.example.
			an x.*.dname.example. 300 CNAME x.elsewhere.example.`},
		// a loop through a wildcard ends
		{"q.self.example. A", `NOERROR aa
			an q.self.example. 300 CNAME other.self.example.
			an other.self.example. 300 CNAME other.self.example.`},
		// "*" in the middle is an ordinary label
		{"a.q.mid.example. A", "NOERROR aa\n" + soa},
		{"a.*.mid.example. A", "NOERROR aa\nan a.*.mid.example. 300 A 192.0.2.4"},
		{"x.*.example. A", "NOERROR aa\nan x.*.example. 300 A 192.0.2.5"},
		{"y.*.example. A", "NXDOMAIN aa\n" + soa},
		// a wildcard that is an empty non-terminal is the source of synthesis, and has nothing
		{"q.ent.example. A", "NOERROR aa\n" + soa},
		// the wildcard of the parent does not reach below an empty non-terminal
		{"q.b.example. A", "NXDOMAIN aa\n" + soa},
		{"q.empty.b.example. A", "NOERROR aa\nan q.empty.b.example. 300 A 192.0.2.6"},
		// the case of the question stays
		{"Q.eXample. A", "NOERROR aa\nan Q.eXample. 300 A 192.0.2.1\nan Q.eXample. 300 A 192.0.2.2"},
	})
}
