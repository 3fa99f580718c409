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
		{"example. ANY", "NOERROR aa\nan example. 300 NS ns.example.\nar ns.example. 300 A 192.0.2.53"},
		{"x.w.example. ANY +tcp", "NOERROR aa\nan x.w.example. 300 A 192.0.2.3\nan x.w.example. 300 TXT \"wild\""},
		{"w.example. ANY", "NOERROR aa\n" + soa},
		{"nosuch.example. ANY", "NXDOMAIN aa\n" + soa},
		{"x.d.example. ANY", "NOERROR aa\nan d.example. 300 DNAME host.example.\nan x.d.example. 300 CNAME x.host.example."},
		{"elsewhere. ANY", "REFUSED"},
	})
}
