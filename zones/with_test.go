package zones

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// numbered returns a zone at example.com. of n names host0, host1 … with an address each.
func numbered(t *testing.T, n int) *Zone {
	t.Helper()
	origin := MustParseName("example.com.")
	b := NewBuilder(origin)
	addApex(b, origin)
	for i := range n {
		if _, _, err := b.AddWire(wireOf(fmt.Sprintf("host%d.example.com.", i)), dns.TypeA, 300, []byte{10, 0, 0, 1}); err != nil {
			t.Fatal(err)
		}
	}
	return b.Zone()
}

// change is a Change to the records of a zone file's lines, all of one RRset.
func change(t *testing.T, lines ...string) Change {
	t.Helper()
	sets, err := FromRRs(mustRRs(t, lines...))
	if err != nil || len(sets) != 1 {
		t.Fatalf("%v: %d RRsets, %v", lines, len(sets), err)
	}
	return Change{Name: sets[0].Name, Type: sets[0].Type, New: sets[0]}
}

func gone(name string, typ uint16) Change { return Change{Name: MustParseName(name), Type: typ} }

// dig describes what a zone says about a name: how it is found, and the types there.
func dig(z *Zone, name string) string {
	var k Key
	k.Set(MustParseName(name))
	f := z.Find(&k)
	var out []string
	switch {
	case f.Kind == KindCut:
		out = append(out, "cut "+z.Name(f.Cover).Relative(z.Origin()))
	case f.Kind == KindDNAME:
		out = append(out, "dname "+z.Name(f.Cover).Relative(z.Origin()))
	}
	switch w := z.Wildcard(f.Node); {
	case f.Exact:
		out = append(out, "exact")
	case w != NoNode:
		out = append(out, "wildcard of "+z.Name(f.Node).Relative(z.Origin()))
		f.Node = w
	default:
		out = append(out, "below "+z.Name(f.Node).Relative(z.Origin()))
		return strings.Join(out, ", ")
	}
	for i := 0; ; i++ {
		s, ok := z.Sets(f.Node, i)
		if !ok {
			break
		}
		out = append(out, TypeString(s.Type))
	}
	return strings.Join(out, ", ")
}

// TestOverlay changes a large zone, so that With makes an overlay, and asks around what was changed.
func TestOverlay(t *testing.T) {
	const a = " 60 IN A 192.0.2.1"
	tests := []struct {
		name    string
		changes []Change
		asked   map[string]string
	}{
		{"a new name", []Change{change(t, "new.example.com."+a)}, map[string]string{
			"new.example.com.": "exact, A", "x.new.example.com.": "below new", "host1.example.com.": "exact, A"}},
		{"a deep name", []Change{change(t, "a.b.c.example.com."+a)}, map[string]string{
			"a.b.c.example.com.": "exact, A", "b.c.example.com.": "exact", "c.example.com.": "exact", "x.c.example.com.": "below c"}},
		{"a deep name, gone again", []Change{change(t, "a.b.c.example.com."+a), {}, gone("a.b.c.example.com.", dns.TypeA)}, map[string]string{
			"a.b.c.example.com.": "below @", "c.example.com.": "below @"}},
		{"one of two below", []Change{change(t, "a.c.example.com."+a), change(t, "b.c.example.com."+a), {}, gone("a.c.example.com.", dns.TypeA)}, map[string]string{
			"a.c.example.com.": "below c", "c.example.com.": "exact"}},
		{"a name of the base goes", []Change{gone("host7.example.com.", dns.TypeA)}, map[string]string{
			"host7.example.com.": "below @", "x.host7.example.com.": "below @", "host70.example.com.": "exact, A"}},
		{"and returns", []Change{gone("host7.example.com.", dns.TypeA), {}, change(t, "host7.example.com. 60 IN TXT x")}, map[string]string{
			"host7.example.com.": "exact, TXT"}},
		{"what is not there goes", []Change{gone("nothing.example.com.", dns.TypeA), gone("host7.example.com.", dns.TypeTXT)}, map[string]string{
			"nothing.example.com.": "below @", "host7.example.com.": "exact, A"}},
		{"a parent without records", []Change{change(t, "x.host7.example.com."+a), gone("host7.example.com.", dns.TypeA)}, map[string]string{
			"host7.example.com.": "exact", "x.host7.example.com.": "exact, A"}},
		{"a parent that loses its last", []Change{change(t, "x.host7.example.com."+a), gone("host7.example.com.", dns.TypeA), {},
			gone("x.host7.example.com.", dns.TypeA)}, map[string]string{"host7.example.com.": "below @"}},
		{"a wildcard", []Change{change(t, "*.example.com."+a)}, map[string]string{
			"nothing.example.com.": "wildcard of @, A", "x.host7.example.com.": "below host7", "*.example.com.": "exact, A"}},
		{"a wildcard goes", []Change{change(t, "*.host7.example.com."+a), {}, gone("*.host7.example.com.", dns.TypeA)}, map[string]string{
			"x.host7.example.com.": "below host7", "host7.example.com.": "exact, A"}},
		{"a wildcard as an empty non-terminal", []Change{change(t, "a.*.example.com."+a)}, map[string]string{
			"x.example.com.": "wildcard of @", "a.x.example.com.": "wildcard of @"}},
		{"a delegation above", []Change{change(t, "x.host7.example.com."+a), {}, change(t, "host7.example.com. 60 IN NS ns.example.net.")}, map[string]string{
			"x.host7.example.com.": "cut host7, exact, A", "y.x.host7.example.com.": "cut host7, below x.host7", "host7.example.com.": "cut host7, exact, A, NS"}},
		{"a delegation goes", []Change{change(t, "host7.example.com. 60 IN NS ns.example.net."), {}, gone("host7.example.com.", dns.TypeNS)}, map[string]string{
			"x.host7.example.com.": "below host7", "host7.example.com.": "exact, A"}},
		{"a DNAME at the apex", []Change{change(t, "example.com. 60 IN DNAME example.net.")}, map[string]string{
			"host7.example.com.": "dname @, exact, A", "nothing.example.com.": "dname @, below @", "example.com.": "exact, NS, SOA, DNAME"}},
	}
	base := numbered(t, 2000)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			z := base
			for part := range splitChanges(tt.changes) {
				var err error
				if z, err = z.With(part); err != nil {
					t.Fatal(err)
				}
			}
			if z.over == nil {
				t.Fatal("there is no overlay")
			}
			for name, want := range tt.asked {
				if got := dig(z, name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
				if got := dig(z.Compact(), name); got != want {
					t.Errorf("%s, compacted: got %q, want %q", name, got, want)
				}
			}
		})
	}
}

// splitChanges yields the changes between the empty ones.
func splitChanges(changes []Change) func(yield func([]Change) bool) {
	return func(yield func([]Change) bool) {
		for len(changes) > 0 {
			i := slices.IndexFunc(changes, func(c Change) bool { return c.Name.IsZero() })
			if i < 0 {
				yield(changes)
				return
			}
			if !yield(changes[:i]) {
				return
			}
			changes = changes[i+1:]
		}
	}
}

// TestOverlaidTargets: what a record points at is resolved again where the target changes.
func TestOverlaidTargets(t *testing.T) {
	origin := MustParseName("example.com.")
	b := NewBuilder(origin)
	addApex(b, origin) // ns1 and ns2 do not exist
	for i := range 500 {
		b.AddWire(wireOf(fmt.Sprintf("host%d.example.com.", i)), dns.TypeA, 300, []byte{10, 0, 0, 1})
	}
	b.AddWire(wireOf("example.com."), dns.TypeMX, 300, append([]byte{0, 1}, wireOf("host7.example.com.")...))
	z := b.Zone()
	target := func(z *Zone, typ uint16, i int) string {
		n := z.Target(z.apex, typ, i)
		if n == NoNode {
			return "none"
		}
		s, _ := z.Set(n, dns.TypeA)
		return fmt.Sprintf("%s %d", z.Name(n), s.TTL)
	}
	next, err := z.With([]Change{change(t, "ns1.example.com. 60 IN A 192.0.2.1"), change(t, "host7.example.com. 61 IN A 192.0.2.1")})
	if err != nil {
		t.Fatal(err)
	}
	after, err := next.With([]Change{change(t, "ns1.example.com. 62 IN A 192.0.2.1"), gone("host7.example.com.", dns.TypeA),
		change(t, "example.com. 60 IN TXT x")})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name         string
		z            *Zone
		ns1, ns2, mx string
	}{
		{"base", z, "none", "none", "host7.example.com. 300"},
		{"next", next, "ns1.example.com. 60", "none", "host7.example.com. 61"},
		{"after", after, "ns1.example.com. 62", "none", "none"},
		{"compact", after.Compact(), "ns1.example.com. 62", "none", "none"},
	} {
		got := [3]string{target(tt.z, dns.TypeNS, 0), target(tt.z, dns.TypeNS, 1), target(tt.z, dns.TypeMX, 0)}
		if want := [3]string{tt.ns1, tt.ns2, tt.mx}; got != want {
			t.Errorf("%s: got %v, want %v", tt.name, got, want)
		}
	}
}

// TestManyFlips: versions in a row stay as small as the first one, however many they are.
func TestManyFlips(t *testing.T) {
	z := numbered(t, 5000)
	first := z
	for i := range 3000 {
		next, err := z.With(flip(z, i%3))
		if err != nil {
			t.Fatal(err)
		}
		want := 1 // the serial; the address is what it was
		if i < 3 {
			want = 2
		}
		if got := len(Diff(z, next)); got != want {
			t.Fatalf("flip %d: got %d changes, want %d", i, got, want)
		}
		z = next
		if s, ok := z.NegativeSOA(); !ok || binary.BigEndian.Uint32(s.Wire[len(s.Wire)-20:]) != z.Serial() {
			t.Fatalf("flip %d: NegativeSOA has another serial than %d", i, z.Serial())
		}
		if len(z.over.order) > 4 || len(z.over.arena) > 2*z.over.live+keepGarbage+firstStore || len(z.over.store.octets) > 8*(keepGarbage+firstStore) {
			t.Fatalf("flip %d: overlay of %d names, %d octets in use of %d in %d", i, len(z.over.order), z.over.live, len(z.over.arena), len(z.over.store.octets))
		}
	}
	if got, want := z.Serial(), first.Serial()+3000; got != want {
		t.Errorf("serial: got %d, want %d", got, want)
	}
	if z.NeedsCompaction() {
		t.Error("four names need compaction")
	}
	if got := len(Diff(first, z)); got != 4 {
		t.Errorf("got %d changes since the first version, want 4", got)
	}
}

func TestNeedsCompaction(t *testing.T) {
	z := numbered(t, 10*largeOverlay)
	changes := func(n int) []Change {
		var out []Change
		for i := range n {
			out = append(out, change(t, fmt.Sprintf("host%d.example.com. 60 IN A 192.0.2.1", i)))
		}
		return out
	}
	few, err := z.With(changes(largeOverlay))
	if err != nil || few.NeedsCompaction() {
		t.Errorf("%d changes need compaction; %v", largeOverlay, err)
	}
	many, err := few.With(changes(largeOverlay + 1))
	if err != nil || !many.NeedsCompaction() {
		t.Errorf("%d changes need no compaction; %v", largeOverlay+1, err)
	}
	c := many.Compact()
	if c.NeedsCompaction() || c.over != nil || len(Diff(many, c)) != 0 || c.Records() != z.Records() || c.Nodes() != z.Nodes() {
		t.Error("the compacted zone is another one")
	}
	if c.Compact() != c {
		t.Error("compacted twice it is another one")
	}
	all, err := z.With(changes(6 * largeOverlay))
	if err != nil || all.over != nil {
		t.Errorf("a change of most names made an overlay; %v", err)
	}
}

// TestWithAtOnce makes versions of one zone, and reads it, from several goroutines: under the race detector it
// shows that they do not meet.
func TestWithAtOnce(t *testing.T) {
	z := numbered(t, 3000)
	z, err := z.With(flip(z, 1))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			v := z
			for i := range 200 {
				next, err := v.With(flip(v, 100*g+i%50))
				if err != nil {
					t.Error(err)
					return
				}
				name := MustParseName(fmt.Sprintf("host%d.example.com.", 100*g+i%50))
				if s, ok := next.RRset(name, dns.TypeA); !ok || s.TTL != 60 {
					t.Errorf("%s: got %v", name, s)
				}
				if s, _ := z.RRset(name, dns.TypeA); s.TTL == 60 && name.String() != "host1.example.com." {
					t.Errorf("%s has changed in the first version", name)
				}
				v = next
			}
			if got := len(Diff(z, v)); got != 51 && g != 0 {
				t.Errorf("got %d changes, want 51", got)
			}
		})
	}
	wg.Wait()
}

func TestWithSerial(t *testing.T) {
	for _, n := range []int{1, 3000} { // rebuilt, overlaid
		z := numbered(t, n)
		next, err := z.WithSerial(4_000_000_000)
		if err != nil || next.Serial() != 4_000_000_000 || z.Serial() != 1 {
			t.Fatalf("got %d, %v", next.Serial(), err)
		}
		d := Diff(z, next)
		if len(d) != 1 || d[0].Type != dns.TypeSOA || d[0].Name != z.Origin() {
			t.Errorf("got %v", d)
		}
		s, ok := next.NegativeSOA()
		if !ok || s.TTL != 300 || binary.BigEndian.Uint32(s.Wire[len(s.Wire)-20:]) != 4_000_000_000 {
			t.Errorf("NegativeSOA: got %v", s)
		}
	}
	b := NewBuilder(Root)
	if _, err := b.Zone().WithSerial(1); err == nil || err.Error() != ". has no SOA record" {
		t.Errorf("without SOA: got %v", err)
	}
	b = NewBuilder(Root)
	b.Add(Root, dns.TypeSOA, 60, []byte{0, 0, 1})
	z := b.Zone()
	if _, err := z.WithSerial(1); err == nil || z.Serial() != 0 {
		t.Errorf("with a broken SOA: got %v", err)
	}
	if s, ok := z.NegativeSOA(); !ok || s.TTL != 60 {
		t.Errorf("NegativeSOA of a broken SOA: got %v", s)
	}
}

func TestWithErrors(t *testing.T) {
	name := MustParseName("host1.example.com.")
	tests := []struct {
		name   string
		change Change
		want   string
	}{
		{"outside", Change{Name: MustParseName("example.net.")}, "example.net. is not within example.com."},
		{"zero Name", Change{}, "the zero Name is not within example.com."},
		{"RDATA", Change{Name: name, Type: 65280, New: RRset{Data: [][]byte{make([]byte, 65536)}}},
			"host1.example.com.: too large for a zone: 65536 octets of data, 65535 are the limit"},
		{"records", Change{Name: name, Type: 65280, New: RRset{Data: numbers(65536)}},
			"host1.example.com.: too large for a zone: more than 65535 TYPE65280 records at a name"},
		{"node", Change{Name: name, Type: 65280, New: RRset{Data: large(300)}},
			"host1.example.com.: too large for a zone: more than 16776688 octets at a name"},
	}
	z := numbered(t, 3000)
	for _, tt := range tests {
		next, err := z.With([]Change{change(t, "host2.example.com. 1 IN A 192.0.2.1"), tt.change})
		if next != nil || err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		} else if strings.Contains(tt.want, "too large") != errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v wraps what it should not, or does not", tt.name, err)
		}
		if strings.Contains(tt.want, "too large") {
			if _, err := z.rebuild([]Change{tt.change}); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s: rebuilt, got %v", tt.name, err)
			}
		}
	}
}

func numbers(n int) [][]byte {
	var out [][]byte
	for i := range n {
		out = append(out, binary.BigEndian.AppendUint32(nil, uint32(i)))
	}
	return out
}

func large(n int) [][]byte {
	var out [][]byte
	for i := range n {
		out = append(out, append(make([]byte, 60000), byte(i>>8), byte(i)))
	}
	return out
}

// TestLastChange: of two changes of one RRset the later counts, and New's own name and type do not.
func TestLastChange(t *testing.T) {
	for _, n := range []int{1, 3000} {
		first := change(t, "host0.example.com. 1 IN A 192.0.2.1", "host0.example.com. 1 IN A 192.0.2.2")
		second := change(t, "other.example.com. 2 IN TXT x")
		second.Name, second.Type = first.Name, first.Type
		z, err := numbered(t, n).With([]Change{first, second})
		if err != nil {
			t.Fatal(err)
		}
		want := RRset{first.Name, dns.TypeA, 2, [][]byte{[]byte("\x01x")}}
		if got, _ := z.RRset(first.Name, dns.TypeA); !cmp.Equal(got, want, equateNames) || z.Exists(MustParseName("other.example.com.")) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestDiffOfNothing(t *testing.T) {
	z := numbered(t, 2)
	all := slices.Collect(z.RRsets())
	check := func(what string, got []Change, old, new bool) {
		t.Helper()
		if len(got) != len(all) {
			t.Fatalf("%s: got %d changes, want %d", what, len(got), len(all))
		}
		for i, c := range got {
			want := Change{Name: all[i].Name, Type: all[i].Type}
			if old {
				want.Old = all[i]
			}
			if new {
				want.New = all[i]
			}
			if d := cmp.Diff(want, c, equateNames); d != "" {
				t.Errorf("%s (-want +got):\n%s", what, d)
			}
		}
	}
	check("from nil", Diff(nil, z), false, true)
	check("to nil", Diff(z, nil), true, false)
	check("from an empty zone", Diff(emptyZone("example.com."), z), false, true)
	check("to an empty zone", Diff(z, emptyZone("example.com.")), true, false)
	if got := Diff(nil, nil); got != nil {
		t.Errorf("of nil and nil: got %v", got)
	}
	other := NewBuilder(MustParseName("a.example."))
	other.Add(MustParseName("a.example."), dns.TypeTXT, 1, []byte("\x01x"))
	got := Diff(z, other.Zone())
	if len(got) != len(all)+1 || got[len(all)].Name.String() != "a.example." || got[len(all)].Old.Data != nil {
		t.Errorf("of zones with other origins: got %v", got)
	}
}

// TestDiffOrderWithin: RRsets that differ in the order of their records alone are the same.
func TestDiffOrderWithin(t *testing.T) {
	for _, n := range []int{1, 3000} {
		z := numbered(t, n)
		a, err := z.With([]Change{change(t, "x.example.com. 1 IN A 192.0.2.1", "x.example.com. 1 IN A 192.0.2.2")})
		if err != nil {
			t.Fatal(err)
		}
		b, err := z.With([]Change{change(t, "x.example.com. 1 IN A 192.0.2.2", "x.example.com. 1 IN A 192.0.2.1")})
		if err != nil {
			t.Fatal(err)
		}
		if got := Diff(a, b); got != nil {
			t.Errorf("got %v", got)
		}
		if s, _ := b.RRset(MustParseName("x.example.com."), dns.TypeA); s.Text(0) != "192.0.2.2" {
			t.Errorf("the order of the file is lost: %v", s)
		}
	}
}
