package resolver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// glueZone delegates sub to n servers below it, with two addresses each, and to one sibling.
func glueZone(n int) string {
	var b strings.Builder
	b.WriteString("@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\nsub NS ns.sibling\n")
	for i := range n {
		fmt.Fprintf(&b, "sub NS nameserver-%d.sub\nnameserver-%d.sub A 192.0.2.%d\nnameserver-%d.sub AAAA 2001:db8::%d\n", i, i, i, i, i)
	}
	b.WriteString("sibling NS ns.sibling\nns.sibling A 192.0.2.200\nns.sibling AAAA 2001:db8::200\n")
	return b.String()
}

// RFC 9471: in-domain glue must be there or the answer is truncated; sibling glue comes when it fits. For each number of
// servers and each size that a client may announce, the rule is computed from the whole answer.
func TestGlueThatDoesNotFit(t *testing.T) {
	w := NewWorker(Policy{MaxUDPSize: 4096})
	for n := 1; n <= 24; n++ {
		cat := parseCatalog(t, "example.", glueZone(n))
		for size := 512; size <= 1400; size += 13 {
			q := parseQuery(t, fmt.Sprintf("www.sub.example. A +bufsize=%d", size))
			m := send(t, w, cat, pack(t, q.msg), UDP)
			inDomain, sibling := 0, 0
			for _, rr := range m.Extra {
				switch name := rr.Header().Name; {
				case strings.HasSuffix(name, ".sub.example."):
					inDomain++
				case strings.HasSuffix(name, ".sibling.example."):
					sibling++
				}
			}
			if complete := inDomain == 2*n && len(m.Ns) == n+1; complete == m.Truncated {
				t.Errorf("%d servers, %d octets: TC=%v with %d of %d addresses and %d of %d NS", n, size, m.Truncated, inDomain, 2*n, len(m.Ns), n+1)
			}
			if len(m.Ns) != 0 && len(m.Ns) != n+1 {
				t.Errorf("%d servers, %d octets: part of the NS set: %d records", n, size, len(m.Ns))
			}
			if m.Truncated && sibling > 0 {
				t.Errorf("%d servers, %d octets: sibling glue in a truncated answer", n, size)
			}
		}
		m := send(t, w, cat, pack(t, parseQuery(t, "www.sub.example. A").msg), TCP)
		if got, want := len(m.Extra), 2*n+2; got != want || m.Truncated {
			t.Errorf("%d servers over TCP: %d addresses, TC=%v; want %d", n, got, m.Truncated, want)
		}
	}
}

// Of sibling glue each set comes whole or not at all, and its lack truncates nothing.
func TestSiblingGlueThatDoesNotFit(t *testing.T) {
	var zone strings.Builder
	zone.WriteString("@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\nsub NS ns.sibling\nsub NS ns.sub\nns.sub A 192.0.2.1\nsibling NS ns.sibling\n")
	for i := range 40 {
		fmt.Fprintf(&zone, "ns.sibling A 192.0.2.%d\n", i)
	}
	zone.WriteString("ns.sibling AAAA 2001:db8::1\n")
	cat := parseCatalog(t, "example.", zone.String())
	m := send(t, NewWorker(Policy{}), cat, pack(t, parseQuery(t, "www.sub.example. A").msg), UDP)
	var got []string
	for _, rr := range m.Extra {
		got = append(got, rr.Header().Name+dns.TypeToString[rr.Header().Rrtype])
	}
	if want := "ns.sub.example.A ns.sibling.example.AAAA"; m.Truncated || strings.Join(got, " ") != want {
		t.Errorf("TC=%v, additional %v; want %s", m.Truncated, got, want)
	}
}
