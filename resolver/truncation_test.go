package resolver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// Whatever the size, an RRset is there in whole or not at all, and what is missing of answer or authority sets TC (RFC
// 2181 9).
func TestNeverHalfAnRRset(t *testing.T) {
	var zone strings.Builder
	zone.WriteString("@ SOA a-name-server-with-a-long-name hostmaster 1 2 3 4 60\n@ NS ns\n")
	for i := range 60 {
		fmt.Fprintf(&zone, "alias CNAME big\n")
		fmt.Fprintf(&zone, "big A 192.0.2.%d\nbig AAAA 2001:db8::%x\n", i, i)
		fmt.Fprintf(&zone, "big MX %d m%d.mail\nm%d.mail A 192.0.2.%d\n", i, i, i, i)
		fmt.Fprintf(&zone, "all TXT %q\nall TYPE65400 \\# 2 %04x\n", fmt.Sprint("text ", i), i)
		fmt.Fprintf(&zone, "_s._tcp SRV %d 0 1 m%d.mail\n", i, i)
	}
	cat := parseCatalog(t, "example.", zone.String())
	w := NewWorker(Policy{MaxUDPSize: 4096})
	for _, question := range []string{
		"big.example. A", "big.example. AAAA", "big.example. MX", "alias.example. A", "alias.example. MX", "all.example. TXT",
		"_s._tcp.example. SRV", "missing." + strings.Repeat("x.", 90) + "example. A",
	} {
		full := send(t, w, cat, pack(t, parseQuery(t, question).msg), TCP)
		for size := 512; size < 4096; size += 31 {
			q := parseQuery(t, fmt.Sprintf("%s +bufsize=%d", question, size))
			m := send(t, w, cat, pack(t, q.msg), UDP)
			complete := true
			for _, s := range []struct{ got, want []dns.RR }{{m.Answer, full.Answer}, {m.Ns, full.Ns}, {m.Extra, full.Extra}} {
				got, want := countSets(s.got), countSets(s.want)
				for set, n := range got {
					if n != want[set] {
						t.Errorf("%s in %d octets: %d of %d records of %s", question, size, n, want[set], set)
					}
				}
			}
			complete = len(m.Answer) == len(full.Answer) && len(m.Ns) == len(full.Ns)
			if m.Truncated == complete {
				t.Errorf("%s in %d octets: TC=%v with %d of %d answers", question, size, m.Truncated, len(m.Answer), len(full.Answer))
			}
		}
	}
}

func countSets(rrs []dns.RR) map[string]int {
	out := make(map[string]int)
	for _, rr := range rrs {
		if rr.Header().Rrtype != dns.TypeOPT {
			out[rr.Header().Name+" "+dns.Type(rr.Header().Rrtype).String()]++
		}
	}
	return out
}

// Over TCP 65535 octets are the end: the answer says so.
func TestTruncationOverTCP(t *testing.T) {
	var zone strings.Builder
	zone.WriteString("@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\n")
	for i := range 300 {
		fmt.Fprintf(&zone, "huge TXT \"%d\" %q\n", i, strings.Repeat("x", 250))
		fmt.Fprintf(&zone, "large MX %d a-very-long-name-%d.%s\n", i, i, strings.Repeat("y", 60))
		fmt.Fprintf(&zone, "a-very-long-name-%d.%s AAAA 2001:db8::%x\n", i, strings.Repeat("y", 60), i)
	}
	cat := parseCatalog(t, "example.", zone.String())
	w := NewWorker(Policy{})
	m := send(t, w, cat, pack(t, parseQuery(t, "huge.example. TXT +edns").msg), TCP)
	if !m.Truncated || len(m.Answer) != 0 || m.IsEdns0() == nil {
		t.Errorf("TC=%v, %d answers", m.Truncated, len(m.Answer))
	}
	// Names behind what a pointer can reach (16383) are written out, and still right.
	m = send(t, w, cat, pack(t, parseQuery(t, "large.example. MX").msg), TCP)
	if m.Truncated || len(m.Answer) != 300 || len(m.Extra) != maxAdded {
		t.Errorf("TC=%v, %d answers, %d addresses", m.Truncated, len(m.Answer), len(m.Extra))
	}
	for i, rr := range m.Answer {
		if got, want := rr.(*dns.MX).Mx, fmt.Sprintf("a-very-long-name-%d.%s.example.", i, strings.Repeat("y", 60)); got != want {
			t.Fatalf("record %d: %s, want %s", i, got, want)
		}
	}
	for i, rr := range m.Extra {
		if got, want := rr.Header().Name, m.Answer[i].(*dns.MX).Mx; got != want {
			t.Fatalf("address %d: %s, want %s", i, got, want)
		}
	}
}

// Names that cannot be compressed, in every size around that of the whole answer: it is there when it fits to the octet.
func TestExactFit(t *testing.T) {
	var zone strings.Builder
	zone.WriteString("@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\n")
	for i := range 10 {
		fmt.Fprintf(&zone, "big MX 1 %s.\n", strings.Repeat(fmt.Sprint(i), 60))
		fmt.Fprintf(&zone, "srv SRV 1 1 1 %s.\n", strings.Repeat(fmt.Sprint(i), 60))
		fmt.Fprintf(&zone, "opaque TXT %s\n", strings.Repeat(fmt.Sprint(i), 60))
	}
	cat := parseCatalog(t, "example.", zone.String())
	w := NewWorker(Policy{MaxUDPSize: 4096})
	for _, question := range []string{"big.example. MX", "srv.example. SRV", "opaque.example. TXT"} {
		whole, _ := w.Answer(cat, pack(t, parseQuery(t, question+" +edns").msg), &Source{Via: TCP}, make([]byte, 65535))
		for size := len(whole) - 3; size <= len(whole)+3; size++ {
			m := send(t, w, cat, pack(t, parseQuery(t, fmt.Sprintf("%s +bufsize=%d", question, size)).msg), UDP)
			if fits := size >= len(whole); fits == m.Truncated || fits != (len(m.Answer) == 10) {
				t.Errorf("%s: %d octets in %d: TC=%v, %d records", question, len(whole), size, m.Truncated, len(m.Answer))
			}
		}
	}
}

// Behind 16383 octets no name can be pointed at: those there are written out, and point at those before.
func TestNamesBehindTheReachOfPointers(t *testing.T) {
	var zone strings.Builder
	zone.WriteString("@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\n")
	for i := range 1300 {
		fmt.Fprintf(&zone, "many A 10.0.%d.%d\n", i>>8, i&255)
	}
	for i := range 20 {
		fmt.Fprintf(&zone, "many MX %d mail.far%d.\nmany NAPTR %d 1 \"\" \"\" \"\" .\nmany SRV 1 1 %d mail.far%d.\n", i, i%3, i, i, i%3)
	}
	cat := parseCatalog(t, "example.", zone.String())
	m := send(t, NewWorker(Policy{}), cat, pack(t, parseQuery(t, "many.example. ANY").msg), TCP)
	got := 0
	for _, rr := range m.Answer {
		switch rr := rr.(type) {
		case *dns.MX:
			if want := fmt.Sprintf("mail.far%d.", rr.Preference%3); rr.Mx != want {
				t.Errorf("MX %d: %s, want %s", rr.Preference, rr.Mx, want)
			}
			got++
		case *dns.SRV:
			if want := fmt.Sprintf("mail.far%d.", rr.Port%3); rr.Target != want {
				t.Errorf("SRV %d: %s, want %s", rr.Port, rr.Target, want)
			}
			got++
		}
	}
	if got != 40 || m.Truncated {
		t.Errorf("%d records of 40, TC=%v", got, m.Truncated)
	}
}

// The same for targets whose addresses follow: an owner that cannot point at its target is written out.
func TestTargetsBehindTheReachOfPointers(t *testing.T) {
	var zone strings.Builder
	zone.WriteString("@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\n")
	host := func(i int) string {
		label := fmt.Sprintf("%02d%s", i, strings.Repeat("x", 61))
		return label + "." + label + "." + label + "." + label[:50]
	}
	owner := strings.Repeat("w", 63)
	for i := range 64 {
		fmt.Fprintf(&zone, "%s MX %d %s\n%s A 192.0.2.%d\n", owner, i, host(i), host(i), i)
	}
	m := send(t, NewWorker(Policy{}), parseCatalog(t, "example.", zone.String()), pack(t, parseQuery(t, owner+".example. MX").msg), TCP)
	if len(m.Answer) != 64 || len(m.Extra) != 64 {
		t.Fatalf("%d answers, %d addresses", len(m.Answer), len(m.Extra))
	}
	for i, rr := range m.Extra {
		if got, want := rr.String(), fmt.Sprintf("%s.example.\t300\tIN\tA\t192.0.2.%d", host(i), i); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// A denial is there when it fits to the octet: the owner of an NSEC3 record and of its signature is written once.
func TestSignedExactFit(t *testing.T) {
	cat := zones.NewCatalog(parseSigned(t, "example.", rfc5155Zone))
	w := NewWorker(Policy{MaxUDPSize: 4096})
	for _, question := range []string{"a.c.x.w.example. A +dnssec", "ns1.example. MX +dnssec", "mc.c.example. MX +dnssec", "a.z.w.example. AAAA +dnssec", "a.z.w.example. MX +dnssec"} {
		whole, _ := w.Answer(cat, pack(t, parseQuery(t, question).msg), &Source{Via: TCP}, make([]byte, 65535))
		for size := max(512, len(whole)-40); size <= len(whole)+3; size++ {
			m := send(t, w, cat, pack(t, parseQuery(t, fmt.Sprintf("%s +bufsize=%d", question, size)).msg), UDP)
			if fits := size >= len(whole); fits == m.Truncated {
				t.Errorf("%s: %d octets in %d: TC=%v", question, len(whole), size, m.Truncated)
			}
		}
	}
}
