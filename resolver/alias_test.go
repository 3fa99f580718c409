package resolver

import "testing"

// An ALIAS record in a served zone means that there may be addresses which nobody knows: A and AAAA are not denied, all
// else is answered as if the record was not there.
func TestUnresolvedALIAS(t *testing.T) {
	cat := parseCatalog(t, "example.", `
@     SOA ns hostmaster 1 2 3 4 60
@     NS  ns
@     TYPE65401 \# 12 026c6203636f6d036e657400
ns    A   192.0.2.53
half  A   192.0.2.1
half  TYPE65401 \# 12 026c6203636f6d036e657400
half  TXT "text"
alone TYPE65401 \# 12 026c6203636f6d036e657400
*.w   TYPE65401 \# 12 026c6203636f6d036e657400
to    CNAME alone
done  A   192.0.2.2
`)
	const soa = "ns example. 60 SOA ns.example. hostmaster.example. 1 2 3 4 60"
	run(t, cat, Policy{}, []asked{
		{"example. A", "SERVFAIL"},
		{"example. AAAA +edns", "SERVFAIL\nopt 1232 ede=14"},
		{"example. ANY +tcp", "SERVFAIL"},
		{"example. NS", "NOERROR aa\nan example. 300 NS ns.example.\nar ns.example. 300 A 192.0.2.53"},
		{"example. SOA", "NOERROR aa\nan example. 300 SOA ns.example. hostmaster.example. 1 2 3 4 60"},
		{"example. MX", "NOERROR aa\n" + soa},
		{"example. TYPE65401", "NOERROR aa\n" + soa},
		{"half.example. A", "NOERROR aa\nan half.example. 300 A 192.0.2.1"},
		{"half.example. AAAA", "SERVFAIL"},
		{"half.example. ANY", "SERVFAIL"},
		{"half.example. TXT", "NOERROR aa\nan half.example. 300 TXT \"text\""},
		{"half.example. TYPE65401 +tcp", "NOERROR aa\n" + soa},
		{"alone.example. A", "SERVFAIL"},
		{"alone.example. TXT", "NOERROR aa\n" + soa},
		{"x.alone.example. A", "NXDOMAIN aa\n" + soa},
		{"x.w.example. A", "SERVFAIL"},
		{"x.w.example. TXT", "NOERROR aa\n" + soa},
		{"x.w.example. TYPE65401", "NOERROR aa\n" + soa},
		{"to.example. A", "SERVFAIL\nan to.example. 300 CNAME alone.example."},
		{"to.example. TXT", "NOERROR aa\nan to.example. 300 CNAME alone.example.\n" + soa},
		{"done.example. AAAA", "NOERROR aa\n" + soa},
	})
}
