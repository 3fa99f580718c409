package zones

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// packedLikeBuilt adds the same records to a packer and to a builder, and compares the zones that they make, to the octet where there
// are no two ways. It says whether the packer made one.
func packedLikeBuilt(t *testing.T, p *Packer, origin Name, records []RRset) bool {
	t.Helper()
	b := NewBuilder(origin)
	p.Reset(origin)
	repeats := false
	for _, r := range records {
		added, same, err := b.Add(r.Name, r.Type, r.TTL, r.Data[0])
		if err != nil {
			t.Fatal(err)
		}
		repeats = repeats || !added || !same
		p.Add([]byte(r.Name.relative(origin)), r.Type, r.TTL, r.Data[0])
	}
	want := b.Zone()
	got, err := p.Zone()
	if repeats != (err != nil) || err != nil && !errors.Is(err, ErrNotPacked) {
		t.Fatalf("records repeat: %v; got error %v", repeats, err)
	}
	if err == nil {
		sameZone(t, want, got)
	}
	return err == nil
}

// sameZone compares two zones that have no overlay. The order within the buckets of an index may differ.
func sameZone(t *testing.T, want, got *Zone) {
	t.Helper()
	if got.origin != want.origin || got.hash != want.hash || got.buckets != want.buckets || got.first != want.first || got.end != want.end ||
		got.apex != want.apex || got.nodes != want.nodes || got.records != want.records || got.labels != want.labels || got.depth != want.depth ||
		!bytes.Equal(got.neg, want.neg) {
		t.Fatalf("got %d nodes, %d records, %d … %d, depth %d, want %d, %d, %d … %d, %d", got.nodes, got.records, got.first, got.end, got.depth,
			want.nodes, want.records, want.first, want.end, want.depth)
	}
	behindIndex := int(want.buckets) * bucketSize
	for i := behindIndex; i < len(want.base); i++ {
		if got.base[i] != want.base[i] {
			t.Fatalf("at octet %d of %d: got %q, want %q", i, len(want.base), got.base[i:min(i+100, len(got.base))], want.base[i:min(i+100, len(want.base))])
		}
	}
	for w := want.walk(); w.next(); {
		if n := got.lookup(hashName(got.hash, nodeName(w.node)), nodeName(w.node)); n != w.current {
			t.Fatalf("%s: the index says %d, want %d", want.nameOf(w.node), n, w.current)
		}
	}
}

// packable turns random records into some without repeats.
func packable(records []RRset) []RRset {
	ttls := make(map[string]uint32)
	seen := make(map[string]bool)
	var out []RRset
	for _, r := range records {
		set := fmt.Sprint(r.Name, r.Type)
		if _, ok := ttls[set]; !ok {
			ttls[set] = r.TTL
		}
		r.TTL = ttls[set]
		if key := set + string(r.Data[0]); !seen[key] {
			seen[key] = true
			out = append(out, r)
		}
	}
	return out
}

func (m *maker) records(n int) []RRset {
	out := make([]RRset, n)
	for i := range out {
		typ, d := m.record()
		out[i] = RRset{m.name(), typ, uint32(m.IntN(3)), [][]byte{d}}
		if typ == dns.TypeSOA {
			out[i].Name = m.origin
		}
	}
	return out
}

// TestPackerAgainstBuilder makes random zones, in file order and in canonical order.
func TestPackerAgainstBuilder(t *testing.T) {
	p := new(Packer)
	packed := 0
	for seed := range uint64(400) {
		m := newMaker(seed)
		records := m.records(m.IntN(120))
		packedLikeBuilt(t, p, m.origin, records)
		records = packable(records)
		if packedLikeBuilt(t, p, m.origin, records) {
			packed++
		}
		slices.SortStableFunc(records, func(a, b RRset) int { return a.Name.Compare(b.Name) })
		packedLikeBuilt(t, p, m.origin, records)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if packed != 400 {
		t.Errorf("%d zones were packed", packed)
	}
}

// FuzzPacker is TestPackerAgainstBuilder for seeds that the fuzzer finds.
func FuzzPacker(f *testing.F) {
	f.Add(uint64(1000), uint8(50), false)
	f.Fuzz(func(t *testing.T, seed uint64, n uint8, repeats bool) {
		m := newMaker(seed)
		records := m.records(int(n) * 4)
		if !repeats {
			records = packable(records)
		}
		packedLikeBuilt(t, new(Packer), m.origin, records)
	})
}

// TestPackerOrders adds names of a large zone in the orders that there are ways of sorting for.
func TestPackerOrders(t *testing.T) {
	origin := MustParseName("example.com.")
	name := func(format string, a ...any) Name { return MustParseName(fmt.Sprintf(format, a...) + ".example.com.") }
	const n = 40_000
	shuffle := func(records []RRset) []RRset {
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		return records
	}
	var canonical, numbered, deep []RRset
	for i := range n {
		a := [][]byte{binary.BigEndian.AppendUint32(nil, uint32(i))}
		canonical = append(canonical, RRset{name("h%06d", i), dns.TypeA, 60, a})
		numbered = append(numbered, RRset{name("a-long-start-of-a-host-%d", i), dns.TypeA, 60, a})
		deep = append(deep, RRset{name("h%d.x%d.d%d", i, i%7, i%1000), dns.TypeA, uint32(i % 100), a})
	}
	apexLast := append(slices.Clone(canonical), RRset{origin, dns.TypeTXT, 60, [][]byte{[]byte("\x01x")}})
	for _, tt := range []struct {
		name    string
		records []RRset
	}{
		{"canonical", canonical}, {"numbered", numbered}, {"deep", deep}, {"apex last", apexLast},
		{"canonical shuffled", shuffle(slices.Clone(canonical))}, {"numbered shuffled", shuffle(slices.Clone(numbered))},
		{"reversed", slices.Collect(func(yield func(RRset) bool) {
			for _, r := range slices.Backward(canonical) {
				if !yield(r) {
					return
				}
			}
		})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !packedLikeBuilt(t, new(Packer), origin, tt.records) {
				t.Error("not packed")
			}
		})
	}
}

// TestPackerDelegations: their referrals are made with what is below them.
func TestPackerDelegations(t *testing.T) {
	origin := MustParseName("example.com.")
	var records []RRset
	add := func(name string, typ uint16, data []byte) {
		records = append(records, RRset{MustParseName(name), typ, 60, [][]byte{data}})
	}
	add("example.com.", dns.TypeNS, wireOf("ns1.d1.example.com."))
	add("*.example.com.", dns.TypeMX, append([]byte{0, 1}, wireOf("D2.example.COM.")...))
	for i := range 3000 {
		d := fmt.Sprintf("d%d.example.com.", i)
		add(d, dns.TypeNS, wireOf("ns1."+d))
		add(d, dns.TypeNS, wireOf("ns.a.b."+d))
		add("ns.a.b."+d, dns.TypeA, []byte{192, 0, 2, 1})
		add("ns1."+d, dns.TypeA, []byte{192, 0, 2, 2})
		add("*.b."+d, dns.TypeA, []byte{192, 0, 2, 2})
		add("ns.a.b."+d, dns.TypeAAAA, make([]byte, 16))
		add("mail."+d, dns.TypeMX, append([]byte{0, 1}, wireOf("D2.example.COM.")...))
	}
	if !packedLikeBuilt(t, new(Packer), origin, records) {
		t.Error("not packed")
	}
}

// TestPackerLimits: data that need several chunks of the log, and what no zone can hold.
func TestPackerLimits(t *testing.T) {
	origin := MustParseName("example.com.")
	big := MustParseName("big.example.com.")
	many := func(n, size int) []RRset {
		out := make([]RRset, n)
		for i := range out {
			d := make([]byte, size)
			binary.BigEndian.PutUint32(d, uint32(i))
			out[i] = RRset{big, 65280, 60, [][]byte{d}}
		}
		return out
	}
	if !packedLikeBuilt(t, new(Packer), origin, many(100, maxRdata)) {
		t.Error("not packed")
	}
	if !packedLikeBuilt(t, new(Packer), origin, many(maxRecords, 4)) {
		t.Error("not packed")
	}
	p := new(Packer)
	for _, tt := range []struct {
		name string
		add  func()
	}{
		{"records", func() {
			for _, r := range many(maxRecords+1, 4) {
				p.Add([]byte("\x03big"), r.Type, r.TTL, r.Data[0])
			}
		}},
		{"octets at a name", func() {
			for _, r := range many(260, maxRdata) {
				p.Add([]byte("\x03big"), r.Type, r.TTL, r.Data[0])
			}
		}},
		{"octets", func() { p.Add([]byte("\x03big"), 65280, 60, make([]byte, maxRdata+1)) }},
		{"signed", func() { p.Add(nil, dns.TypeRRSIG, 60, make([]byte, 40)) }},
	} {
		p.Reset(origin)
		tt.add()
		if z, err := p.Zone(); !errors.Is(err, ErrNotPacked) || z != nil {
			t.Errorf("%s: got %v, %v", tt.name, z, err)
		}
	}
	p.Reset(origin)
	if z, err := p.Zone(); err != nil || z.Nodes() != 1 || z.Records() != 0 {
		t.Errorf("nothing was added: got %v, %v", z, err)
	}
}

// TestPackerKinds: more kinds of records than are numbered.
func TestPackerKinds(t *testing.T) {
	var records []RRset
	for i := range 3 * maxKinds {
		for _, typ := range []uint16{dns.TypeA, dns.TypeTXT} {
			name := MustParseName(strings.Repeat("x", 1+i%60) + fmt.Sprintf("%d.example.com.", i))
			records = append(records, RRset{name, typ, uint32(i), [][]byte{{3, 'a', 'b', 'c'}}})
		}
	}
	if !packedLikeBuilt(t, new(Packer), MustParseName("example.com."), records) {
		t.Error("not packed")
	}
}

// TestSortWord holds the short ways of reading a sort key to the key itself.
func TestSortWord(t *testing.T) {
	for seed := range uint64(50) {
		m := newMaker(seed)
		for range 50 {
			rel := []byte(m.name().relative(m.origin))
			key := append(sortKey(nil, rel), make([]byte, 16)...)
			for depth := 0; depth+8 <= len(key); depth += 8 {
				if got, want := sortWord(rel, depth), binary.BigEndian.Uint64(key[depth:]); got != want {
					t.Fatalf("%q at %d: got %x, want %x", rel, depth, got, want)
				}
			}
		}
	}
}
