package resolver

import (
	"net"
	"net/netip"
	"testing"

	"github.com/mangrove-dns/mangrove/zones"
)

// No question, however it is answered, costs an allocation.
func TestAnswerDoesNotAllocate(t *testing.T) {
	cat := packetCatalog(t)
	w := NewWorker(Policy{Cookies: testCookies(t)})
	out := make([]byte, 65535)
	for _, q := range []string{
		"host.example. A",             // hit
		"host.example. A +dnssec",     // with EDNS
		"missing.example. A",          // NXDOMAIN
		"host.example. AAAA",          // NODATA
		"b.c.example. A",              // empty non-terminal
		"www.sub.example. A",          // referral
		"sub.example. DS",             // parent's side
		"x.w.example. A",              // wildcard
		"www.example. A",              // CNAME
		"other.example. A",            // CNAMEs through two zones
		"x.d.example. A",              // DNAME
		"loop.example. A",             // loop
		"example. MX",                 // additional data
		"_s._tcp.example. SRV",        //
		"svc.example. HTTPS",          //
		"host.example. ANY +tcp",      //
		"elsewhere. A +edns",          // REFUSED
		"example. AXFR +tcp",          //
		"host.example. A +edns=1",     // BADVERS
		"host.example. TYPE128 +edns", // FORMERR
		"host.example. A +cookie",     // a cookie with it
		"example. SOA +expire",        //
		"missing.example. A +cookie=2464c4abcf10c957010000005cf79f111f8130c3eee29480",
	} {
		query := parseQuery(t, q)
		wire := pack(t, query.msg)
		if n := testing.AllocsPerRun(100, func() { w.Answer(cat, wire, sourceOf(query.via), out) }); n != 0 {
			t.Errorf("%s: %v allocations", q, n)
		}
	}
}

// Nor does serving it over a socket, from the client's datagram to the answer's.
func TestServingDoesNotAllocate(t *testing.T) { bothPaths(t, checkServingDoesNotAllocate) }

func checkServingDoesNotAllocate(t *testing.T, portable bool) {
	cat := packetCatalog(t)
	for _, listen := range []string{"127.0.0.1:0", ":0"} {
		_, addrs, _ := start(t, Options{Listen: []string{listen}, Workers: 1, PortableUDP: portable, Catalog: func() *zones.Catalog { return cat }})
		for _, network := range []string{"udp", "tcp"} {
			conn, err := net.Dial(network, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), addrs[0].Port()).String())
			if err != nil {
				t.Fatal(err)
			}
			query := pack(t, parseQuery(t, "host.example. A +edns").msg)
			if network == "tcp" {
				query = frame(query)
			}
			buf := make([]byte, 1232)
			n := testing.AllocsPerRun(200, func() {
				if _, err := conn.Write(query); err != nil {
					t.Fatal(err)
				}
				if _, err := conn.Read(buf); err != nil {
					t.Fatal(err)
				}
			})
			// The race detector makes sync.Pool forget, on purpose.
			if n != 0 && !(raceEnabled && network == "tcp") {
				t.Errorf("%s on %s: %v allocations a query", network, listen, n)
			}
			_ = conn.Close()
		}
	}
}
