package resolver

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// world is a few small random zones, dense enough that names hit cuts, DNAMEs, wildcards and each other.
type world struct {
	reference
	cat *zones.Catalog
	rnd *rand.Rand
}

var (
	worldOrigins = []string{"z.", "b.z.", "y.", "."}
	worldLabels  = []string{"a", "b", "c", "*", "ns"}
	worldTypes   = []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeNS, dns.TypeCNAME, dns.TypeDNAME, dns.TypeMX, dns.TypeSRV, dns.TypeHTTPS, dns.TypeDS}
)

func newWorld(tb testing.TB, seed uint64) *world {
	w := &world{reference: reference{map[string][]dns.RR{}}, rnd: rand.New(rand.NewPCG(seed, 1))}
	var zs []*zones.Zone
	for _, origin := range worldOrigins {
		if w.rnd.IntN(3) == 0 {
			continue
		}
		rrs := w.sign(tb, origin, w.zone(tb, origin))
		w.zones[origin] = rrs
		zs = append(zs, buildZone(tb, origin, rrs))
	}
	w.cat = zones.NewCatalog(zs...)
	return w
}

func (w *world) zone(tb testing.TB, origin string) []dns.RR {
	lines := []string{fmt.Sprintf("%s %d SOA ns.%s h.%[3]s 1 2 3 4 %[4]d", origin, 100+w.rnd.IntN(100), strings.TrimPrefix(origin, "."), 100+w.rnd.IntN(100))}
	lines = append(lines, fmt.Sprintf("%s 302 NS %s", origin, w.name(origin)))
	single := map[string]bool{}
	for range w.rnd.IntN(24) {
		owner := w.name(origin)
		typ := worldTypes[w.rnd.IntN(len(worldTypes))]
		// A zone with two CNAMEs at a name, or one beside a DNAME, is never loaded.
		if typ == dns.TypeCNAME || typ == dns.TypeDNAME {
			if single[owner] || owner == origin && typ == dns.TypeCNAME {
				continue
			}
			single[owner] = true
		}
		lines = append(lines, fmt.Sprintf("%s %d %s %s", owner, 300+int(typ), dns.TypeToString[typ], w.data(typ)))
	}
	var rrs []dns.RR
	seen := map[string]bool{}
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil {
			tb.Fatalf("%s: %v", line, err)
		}
		if !seen[rr.String()] {
			seen[rr.String()] = true
			rrs = append(rrs, rr)
		}
	}
	return rrs
}

// sign signs a zone, in one of the ways there are or not at all.
func (w *world) sign(tb testing.TB, origin string, rrs []dns.RR) []dns.RR {
	way := w.rnd.IntN(6)
	if way > 3 {
		return rrs
	}
	denial := zones.NSEC3
	if way < 2 {
		denial = zones.NSEC
	}
	rrs = withChain(tb, origin, rrs, denial, way == 2)
	return append(rrs, fakeSignatures(origin, rrs)...)
}

// name is a random name within origin.
func (w *world) name(origin string) string {
	name := strings.TrimPrefix(origin, ".")
	for range w.rnd.IntN(4) {
		label := worldLabels[w.rnd.IntN(len(worldLabels))]
		if w.rnd.IntN(40) == 0 {
			label = strings.Repeat("l", 62)
		}
		name = label + "." + name
	}
	if name == "" {
		return "."
	}
	return name
}

// anyName is a random name, mostly in one of the zones.
func (w *world) anyName() string {
	if w.rnd.IntN(10) == 0 {
		return "outside.x."
	}
	return w.name(worldOrigins[w.rnd.IntN(len(worldOrigins))])
}

func (w *world) data(typ uint16) string {
	switch typ {
	case dns.TypeA:
		return fmt.Sprintf("192.0.2.%d", w.rnd.IntN(8))
	case dns.TypeAAAA:
		return fmt.Sprintf("2001:db8::%d", w.rnd.IntN(8))
	case dns.TypeTXT:
		return fmt.Sprintf("t%d", w.rnd.IntN(8))
	case dns.TypeMX:
		return fmt.Sprintf("%d %s", w.rnd.IntN(2), w.target())
	case dns.TypeSRV:
		return fmt.Sprintf("0 0 %d %s", w.rnd.IntN(3), w.target())
	case dns.TypeHTTPS:
		return fmt.Sprintf("%d %s", w.rnd.IntN(2), w.target())
	case dns.TypeDS:
		return fmt.Sprintf("%d 13 2 00", w.rnd.IntN(8))
	}
	return w.anyName()
}

func (w *world) target() string {
	if w.rnd.IntN(6) == 0 {
		return "."
	}
	return w.anyName()
}

// question is a random question of the types that the zones hold, and some others.
func (w *world) question() (name string, typ uint16) {
	types := append(slices.Clone(worldTypes), dns.TypeANY, dns.TypeSOA, dns.TypeCAA, dns.TypeNSEC, dns.TypeRRSIG)
	return w.anyName(), types[w.rnd.IntN(len(types))]
}

// check compares one answer with the reference, section by section.
func (w *world) check(tb testing.TB, worker *Worker, name string, typ uint16, via Transport, do bool) {
	tb.Helper()
	q := new(dns.Msg)
	q.SetQuestion(name, typ)
	q.SetEdns0(65535, do)
	m := send(tb, worker, w.cat, pack(tb, q), via)
	got := verdict{rcodeString(m.Rcode), m.Authoritative, texts(m.Answer), texts(m.Ns), texts(m.Extra)}
	slices.Sort(got.Additional)
	slices.Sort(got.Authority)
	if typ == dns.TypeANY || typ == dns.TypeRRSIG {
		slices.Sort(got.Answer)
	}
	if diff := cmp.Diff(w.ask(name, typ, via, do), got); diff != "" || m.Truncated {
		tb.Fatalf("%s %s over %v, DO %v (-reference +got)\n%s\nzones:\n%s", name, dns.TypeToString[typ], via, do, diff, w)
	}
}

func (w *world) String() string {
	var b strings.Builder
	for origin, rrs := range w.zones {
		fmt.Fprintf(&b, "; %s\n", origin)
		for _, rr := range rrs {
			fmt.Fprintln(&b, rr)
		}
	}
	return b.String()
}

// differ asks a world n questions over each transport.
func differ(tb testing.TB, seed uint64, n int) {
	w := newWorld(tb, seed)
	worker := NewWorker(Policy{MaxUDPSize: maxMessage})
	for range n {
		name, typ := w.question()
		for _, via := range []Transport{UDP, TCP} {
			w.check(tb, worker, name, typ, via, false)
			w.check(tb, worker, name, typ, via, true)
		}
	}
}

// TestAgainstReference compares many random worlds; the seed of one that differs is in the failure's test name.
func TestAgainstReference(t *testing.T) {
	n := uint64(150)
	if testing.Short() {
		n = 40
	}
	for seed := range n {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { differ(t, seed, 20) })
	}
}

// FuzzAgainstReference looks for a world in which the answering path and the reference disagree.
func FuzzAgainstReference(f *testing.F) {
	for seed := range uint64(16) {
		f.Add(seed << 32)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { differ(t, seed, 20) })
}
