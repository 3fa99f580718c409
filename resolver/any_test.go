package resolver

import "testing"

// RFC 8482: one RRset over UDP, everything over TCP.
func TestANY(t *testing.T) {
	cat := parseCatalog(t, "example.", `
@     SOA ns hostmaster 1 2 3 4 60
@     NS  ns
ns    A   192.0.2.53
host  A   192.0.2.1
host  A   192.0.2.2
host  TXT "text"
host  MX  10 ns
mx    MX  10 ns
cut   NS  ns.cut
ns.cut A  192.0.2.54
*.w   TXT "wild"
*.w   A   192.0.2.3
d     DNAME host
`)
	const soa = "ns example. 60 SOA ns.example. hostmaster.example. 1 2 3 4 60"
	run(t, cat, Policy{}, []asked{
		{"host.example. ANY", "NOERROR aa\nan host.example. 300 A 192.0.2.1\nan host.example. 300 A 192.0.2.2"},
		{"host.example. ANY +tcp", `NOERROR aa
			an host.example. 300 A 192.0.2.1
			an host.example. 300 A 192.0.2.2
			an host.example. 300 MX 10 ns.example.
			an host.example. 300 TXT "text"`},
		// nothing is added
		{"example. ANY", "NOERROR aa\nan example. 300 NS ns.example."},
		{"mx.example. ANY +edns", "NOERROR aa\nan mx.example. 300 MX 10 ns.example.\nopt 1232"},
		{"mx.example. ANY +tcp", "NOERROR aa\nan mx.example. 300 MX 10 ns.example."},
		{"mx.example. MX", "NOERROR aa\nan mx.example. 300 MX 10 ns.example.\nar ns.example. 300 A 192.0.2.53"},
		// but what is no answer is as ever
		{"x.cut.example. ANY", "NOERROR\nns cut.example. 300 NS ns.cut.example.\nar ns.cut.example. 300 A 192.0.2.54"},
		{"x.w.example. ANY +tcp", "NOERROR aa\nan x.w.example. 300 A 192.0.2.3\nan x.w.example. 300 TXT \"wild\""},
		{"w.example. ANY", "NOERROR aa\n" + soa},
		{"nosuch.example. ANY", "NXDOMAIN aa\n" + soa},
		{"x.d.example. ANY", "NOERROR aa\nan d.example. 300 DNAME host.example.\nan x.d.example. 300 CNAME x.host.example."},
		{"elsewhere. ANY", "REFUSED"},
	})
}
