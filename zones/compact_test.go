package zones

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// diff is cmp.Diff for what is mostly equal.
func diff[T any](want, got T) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got, equateNames)
}

// equateNames lets cmp look into names.
var equateNames = cmp.Comparer(func(a, b Name) bool { return a == b })

// checkZone compares everything that z says with what r says; extra names are asked for beside those of the zone.
func checkZone(t *testing.T, z *Zone, r *refZone, extra []Name) {
	t.Helper()
	names := r.names()
	if got, want := z.Nodes(), len(names); got != want {
		t.Errorf("Nodes: got %d, want %d", got, want)
	}
	want := r.rrsets()
	if d := diff(want, slices.Collect(z.RRsets())); d != "" {
		t.Fatalf("RRsets (-want +got):\n%s", d)
	}
	records := 0
	for _, s := range want {
		records += len(s.Data)
	}
	if got := z.Records(); got != records {
		t.Errorf("Records: got %d, want %d", got, records)
	}
	var walked []Name
	for w := z.walk(); w.next(); {
		walked = append(walked, z.nameOf(w.node))
	}
	if d := diff(names, walked); d != "" {
		t.Fatalf("walk (-want +got):\n%s", d)
	}
	for _, n := range slices.Concat(names, extra) {
		checkName(t, z, r, n)
	}
	checkSOA(t, z, r)
}

// checkName compares what z and r say about one name within the zone.
func checkName(t *testing.T, z *Zone, r *refZone, name Name) {
	t.Helper()
	if got, want := z.Exists(name), r.exists(name); got != want {
		t.Fatalf("Exists(%s): got %v, want %v", name, got, want)
	}
	var k Key
	k.Set(name)
	f, want := z.Find(&k), r.find(name)
	got := refFound{z.Name(f.Node), f.Exact, f.Kind, Name{}}
	if f.Cover != NoNode {
		got.cover = z.Name(f.Cover)
		if f.CoverLabels != got.cover.Labels() {
			t.Fatalf("Find(%s): cover %s has not %d labels", name, got.cover, f.CoverLabels)
		}
	}
	if got != want || f.Labels != want.name.Labels() {
		t.Fatalf("Find(%s): got %v, %d labels, want %v", name, got, f.Labels, want)
	}
	checkNode(t, z, r, f.Node, want.name)
}

// checkNode compares what z says about node n with what r says about its name.
func checkNode(t *testing.T, z *Zone, r *refZone, n Node, name Name) {
	t.Helper()
	nameOf := func(n Node) Name {
		if n == NoNode {
			return Name{}
		}
		return z.Name(n)
	}
	var wild Name
	if c, err := name.Child("*"); err == nil && r.exists(c) {
		wild = c
	}
	if got := nameOf(z.Wildcard(n)); got != wild {
		t.Fatalf("Wildcard(%s): got %v, want %v", name, got, wild)
	}
	sets := r.sets[name]
	if d := diff(sets, slices.Collect(z.At(name))); d != "" {
		t.Fatalf("At(%s) (-want +got):\n%s", name, d)
	}
	for i, want := range sets {
		got, ok := z.Sets(n, i)
		if !ok || got.Type != want.Type || got.TTL != want.TTL || got.Count != len(want.Data) {
			t.Fatalf("Sets(%s, %d): got %v %v, want %v", name, i, got, ok, want)
		}
		if wire := refWire(want, want.TTL); !bytes.Equal(got.Wire, wire) {
			t.Fatalf("Sets(%s, %d): got % x, want % x", name, i, got.Wire, wire)
		}
		if again, ok := z.Set(n, want.Type); !ok || !bytes.Equal(again.Wire, got.Wire) {
			t.Fatalf("Set(%s, %s): got %v %v", name, TypeString(want.Type), again, ok)
		}
		if s, ok := z.RRset(name, want.Type); !ok || !reflect.DeepEqual(s, want) {
			t.Fatalf("RRset(%s, %s): got %v %v, want %v", name, TypeString(want.Type), s, ok, want)
		}
		for j := range want.Data {
			if got, want := nameOf(z.Target(n, want.Type, j)), r.target(want, j); got != want {
				t.Fatalf("Target(%s, %s, %d): got %v, want %v", name, TypeString(sets[i].Type), j, got, want)
			}
		}
		if got := z.Target(n, want.Type, len(want.Data)); got != NoNode {
			t.Fatalf("Target(%s, %s) behind the last: got %v", name, TypeString(want.Type), got)
		}
	}
	if _, ok := z.Sets(n, len(sets)); ok {
		t.Fatalf("Sets(%s, %d): there is one", name, len(sets))
	}
	if _, ok := z.Set(n, 65000); ok {
		t.Fatalf("Set(%s, TYPE65000): there is one", name)
	}
}

// refWire returns the records of s as they go out.
func refWire(s RRset, ttl uint32) []byte {
	var out []byte
	for _, d := range s.Data {
		out = append(out, 0xc0, 12)
		out = binary.BigEndian.AppendUint16(out, s.Type)
		out = binary.BigEndian.AppendUint16(out, 1)
		out = binary.BigEndian.AppendUint32(out, ttl)
		out = binary.BigEndian.AppendUint16(out, uint16(len(d)))
		out = append(out, d...)
	}
	return out
}

func checkSOA(t *testing.T, z *Zone, r *refZone) {
	t.Helper()
	want, ok := r.rrset(r.origin, dns.TypeSOA)
	got, gotOK := z.NegativeSOA()
	if gotOK != ok {
		t.Fatalf("NegativeSOA: got %v, want %v", gotOK, ok)
	}
	if !ok {
		return
	}
	d := want.Data[0]
	ttl := min(want.TTL, binary.BigEndian.Uint32(d[len(d)-4:]))
	if got.TTL != ttl || got.Count != len(want.Data) || !bytes.Equal(got.Wire, refWire(want, ttl)) {
		t.Fatalf("NegativeSOA: got %v, want TTL %d of %v", got, ttl, want)
	}
	if got, want := z.Serial(), binary.BigEndian.Uint32(d[len(d)-20:]); got != want {
		t.Fatalf("Serial: got %d, want %d", got, want)
	}
}

// maker makes random zones of few different labels, so that everything that may meet does.
type maker struct {
	*rand.Rand
	origin Name
	labels []string
}

var makerOrigins = []string{".", "example.", "a.b.example.", `odd\.dot.\000.`}

func newMaker(seed uint64) *maker {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 1))}
	m.origin = MustParseName(makerOrigins[m.IntN(len(makerOrigins))])
	m.labels = []string{"*", "a", "b", "c", "\x00", "\x01", "\xff", "a.b", "a b", "longer-than-eight", "exactly8", "_x"}
	m.labels = m.labels[:3+m.IntN(len(m.labels)-2)]
	return m
}

func (m *maker) name() Name {
	n := m.origin
	for range m.IntN(5) {
		n, _ = n.Child(m.labels[m.IntN(len(m.labels))])
	}
	return n
}

// upper returns wire with ASCII letters in upper case.
func upper(wire string) []byte {
	out := []byte(wire)
	for i, c := range out {
		if 'a' <= c && c <= 'z' {
			out[i] = c - 'a' + 'A'
		}
	}
	return out
}

func (m *maker) target() []byte {
	switch m.IntN(6) {
	case 0:
		return []byte("\x02ns\x05other\x00")
	case 1:
		return upper(m.name().Wire())
	}
	return []byte(m.name().Wire())
}

func (m *maker) record() (typ uint16, rdata []byte) {
	types := []uint16{
		dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeTXT, dns.TypeNS, dns.TypeNS, dns.TypeCNAME, dns.TypeDNAME, dns.TypeMX,
		dns.TypeSRV, dns.TypePTR, dns.TypeHTTPS, dns.TypeSOA, 65280,
	}
	typ = types[m.IntN(len(types))]
	return typ, m.rdata(typ)
}

func (m *maker) rdata(typ uint16) []byte {
	switch typ {
	case dns.TypeA:
		return []byte{192, 0, 2, byte(m.IntN(4))}
	case dns.TypeTXT:
		return append([]byte{3}, fmt.Sprintf("%03d", m.IntN(5))...)
	case dns.TypeMX:
		return append([]byte{0, byte(m.IntN(2))}, m.target()...)
	case dns.TypeSRV:
		return append([]byte{0, 1, 0, 1, 0, 80}, m.target()...)
	case dns.TypeHTTPS:
		return append(append([]byte{0, 1}, m.target()...), 0, 3, 0, 2, 1, 187)
	case dns.TypeSOA:
		d := slices.Concat(m.target(), m.target())
		for _, n := range []uint32{m.Uint32(), 1, 2, 3, uint32(m.IntN(4))} {
			d = binary.BigEndian.AppendUint32(d, n)
		}
		return d
	case 65280:
		return make([]byte, m.IntN(3))
	}
	return m.target()
}

func (m *maker) zone(records int) (*Builder, *refZone) {
	b, r := NewBuilder(m.origin), newRef(m.origin)
	for range records {
		name, ttl := m.name(), uint32(m.IntN(3))
		typ, d := m.record()
		if typ == dns.TypeSOA {
			name = m.origin
		}
		if m.IntN(2) == 0 {
			b.Add(name, typ, ttl, d)
		} else {
			b.AddWire(upper(name.Wire()), typ, ttl, d)
		}
		r.add(name, typ, ttl, d)
	}
	return b, r
}

func (m *maker) changes(r *refZone) []Change {
	var out []Change
	all := r.rrsets()
	for range 1 + m.IntN(4) {
		name := m.name()
		typ, d := m.record()
		switch {
		case m.IntN(2) == 0 && len(all) > 0: // takes one away
			s := all[m.IntN(len(all))]
			out = append(out, Change{Name: s.Name, Type: s.Type, Old: s})
			continue
		case typ == dns.TypeSOA:
			name = m.origin
		}
		s := RRset{name, typ, uint32(m.IntN(3)), [][]byte{d}}
		for range m.IntN(3) {
			s.Data = append(s.Data, m.rdata(typ)) // some stand twice
		}
		out = append(out, Change{Name: name, Type: typ, New: s})
	}
	return out
}

func (m *maker) extra() []Name {
	var out []Name
	for range 20 {
		out = append(out, m.name())
	}
	return out
}

// TestAgainstReference makes zones and chains of versions of them, and compares all that they say with the reference.
func TestAgainstReference(t *testing.T) {
	runs := uint64(120)
	if testing.Short() {
		runs = 30
	}
	for seed := range runs {
		againstReference(t, seed, 10)
	}
}

// FuzzAgainstReference is TestAgainstReference for seeds that the fuzzer finds.
func FuzzAgainstReference(f *testing.F) {
	f.Add(uint64(1000), uint8(5))
	f.Fuzz(func(t *testing.T, seed uint64, steps uint8) { againstReference(t, seed, int(steps)%20) })
}

func againstReference(t *testing.T, seed uint64, steps int) {
	m := newMaker(seed)
	records := m.IntN(100)
	if m.IntN(10) == 0 {
		records *= 10
	}
	b, r := m.zone(records)
	z := b.Zone()
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	checkZone(t, z, r, m.extra())
	first, firstRef := z, r
	for range steps {
		changes := m.changes(r)
		next, nextRef := m.next(t, z, changes), r.with(changes)
		checkZone(t, next, nextRef, m.extra())
		checkZone(t, z, r, m.extra()) // unchanged
		for _, pair := range []struct {
			old, new       *Zone
			oldRef, newRef *refZone
		}{{z, next, r, nextRef}, {first, next, firstRef, nextRef}, {next, first, nextRef, firstRef}} {
			got, want := Diff(pair.old, pair.new), refDiff(pair.oldRef, pair.newRef)
			if d := diff(want, got); d != "" {
				t.Fatalf("Diff (-want +got):\n%s", d)
			}
		}
		z, r = next, nextRef
	}
	if diff := Diff(z, z.Compact()); diff != nil {
		t.Fatalf("compacted, the zone differs: %v", diff)
	}
	checkZone(t, z.Compact(), r, m.extra())
}

// next makes the changed zone in one of the ways that there are.
func (m *maker) next(t *testing.T, z *Zone, changes []Change) *Zone {
	t.Helper()
	var next *Zone
	var err error
	switch m.IntN(10) {
	case 0:
		next, err = z.rebuild(lastChanges(changes))
	case 1:
		next, err = z.With(changes)
	case 2: // two versions from one
		if _, err := z.overlaid(lastChanges(m.changes(newRef(m.origin)))); err != nil {
			t.Fatal(err)
		}
		next, err = z.overlaid(lastChanges(changes))
	case 3:
		if z.over != nil {
			c := *z
			c.setOverlay(z.over.compact(z.hash))
			z = &c
		}
		next, err = z.overlaid(lastChanges(changes))
	default:
		next, err = z.overlaid(lastChanges(changes))
	}
	if err != nil {
		t.Fatal(err)
	}
	return next
}
