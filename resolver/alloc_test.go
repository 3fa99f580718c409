package resolver

import (
	"testing"
)

// No question, however it is answered, costs an allocation.
func TestAnswerDoesNotAllocate(t *testing.T) {
	cat := packetCatalog(t)
	w := NewWorker(Policy{})
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
	} {
		query := parseQuery(t, q)
		wire := pack(t, query.msg)
		if n := testing.AllocsPerRun(100, func() { w.Answer(cat, wire, query.via, out) }); n != 0 {
			t.Errorf("%s: %v allocations", q, n)
		}
	}
}
