// Package storetest is what every implementation of store.Store must pass. It says nothing about how fast.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/store"
	"github.com/miekg/dns"
)

// Open opens the store at a place, which it makes if need be; opened again after Close, it holds what it held. A place is
// the path of a directory that exists and that nobody else uses.
type Open func(t *testing.T, place string) store.Store

// RunConformance runs every test. Each begins with a place of its own, and ends with a Check without findings, before
// and after the store was closed and opened again.
func RunConformance(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s *session)
	}{
		{"loaded zones", testLoaded},
		{"loaded zone replaced", testLoadedReplaced},
		{"forget", testForget},
		{"serials reserved", testReserve},
		{"first served version", testServedFirst},
		{"served versions follow each other", testServedChain},
		{"served versions that do not follow", testServedRefused},
		{"all or nothing", testServedAtomic},
		{"content whatever the serial", testServedIs},
		{"journal by range", testJournal},
		{"zones do not mix", testZonesApart},
		{"verdicts", testVerdicts},
		{"mirrors", testMirrors},
		{"mirrors written by others", testMirrorsStale},
		{"mirrors of every size", testMirrorSizes},
		{"events", testEvents},
		{"meta", testMeta},
		{"results are the caller's", testOwnership},
		{"cancelled", testCancelled},
		{"backup", testBackup},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &session{place: t.TempDir(), open: open}
			s.Store = open(t, s.place)
			c.test(t, s)
			s.check(t)
			s.reopen(t)
			s.check(t)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// session is a store that can be closed and opened again.
type session struct {
	store.Store
	place string
	open  Open
}

func (s *session) reopen(t *testing.T) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Store = s.open(t, s.place)
}

func (s *session) check(t *testing.T) {
	t.Helper()
	for _, f := range s.Check(t.Context()) {
		t.Errorf("check: %s", f)
	}
}

// Zone makes a zone at origin out of lines of a zone file, names relative to origin. It is for tests of what uses a store, too.
func Zone(t testing.TB, origin string, lines ...string) *zones.Zone {
	t.Helper()
	b := zones.NewBuilder(zones.MustParseName(origin))
	zp := dns.NewZoneParser(strings.NewReader(strings.Join(lines, "\n")+"\n"), origin, "test")
	zp.SetDefaultTTL(300)
	var rrs []dns.RR
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		rrs = append(rrs, rr)
	}
	if err := zp.Err(); err != nil {
		t.Fatal(err)
	}
	sets, err := zones.FromRRs(rrs)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sets {
		if err := b.AddRRset(s); err != nil {
			t.Fatal(err)
		}
	}
	return b.Zone()
}

// soa is a SOA record with a serial.
func soa(serial uint32) string {
	return fmt.Sprintf("@ SOA ns hostmaster %d 3600 600 1209600 60", serial)
}

// Text is a zone as text, for comparisons: every RRset in canonical order, the order of its records kept.
func Text(z *zones.Zone) string {
	var b strings.Builder
	for s := range z.RRsets() {
		b.WriteString(s.String())
		b.WriteByte('\n')
	}
	return b.String()
}

var (
	t0  = time.Date(2026, 11, 20, 14, 2, 3, 456789, time.UTC)
	org = zones.MustParseName("example.org.")
)

// ok fails the test if err is not nil.
func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// must returns v, and fails the test if err is not nil.
func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		ok(t, err)
		return v
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error is %v, want %v", err, want)
	}
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b zones.Name) bool { return a == b })); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

// zoneN is a zone with every shape of record that encodings stumble over, and n addresses.
func zoneN(t *testing.T, origin string, serial uint32, n int) *zones.Zone {
	lines := []string{soa(serial), "@ NS ns", "ns A 192.0.2.53", "* TXT \"\" \"a\\\"b\\\\c\\000\"", "\\000.\\001.\\255 A 192.0.2.1",
		"mail MX 0 .", "MiXed CNAME TaRgEt", "www 60 A 192.0.2.3", "www 60 A 192.0.2.1", "www 60 A 192.0.2.2", "deep.er.www AAAA 2001:db8::1",
		"odd TYPE65400 \\# 3 00ff00", "empty TYPE65402 \\# 0"}
	for i := range n {
		lines = append(lines, fmt.Sprintf("h%d A 10.%d.%d.%d", i, i>>16, i>>8&255, i&255))
	}
	return Zone(t, origin, lines...)
}

func loaded(z *zones.Zone, path string) store.Loaded {
	return store.Loaded{Zone: z, Source: store.Source{Origin: z.Origin(), Loaded: t0, Serial: z.Serial(), Meta: []byte("meta of " + path), Files: []store.File{
		{Path: path, Size: 1234, Modified: t0.Add(-time.Hour), Inode: 77, Device: 1 << 40, SHA256: [32]byte{1, 2, 31: 255}},
		{Path: path + ".inc", Size: 0, Modified: time.Time{}},
	}}}
}

func testLoaded(t *testing.T, s *session) {
	_, err := s.Loaded(t.Context(), org)
	wantErr(t, err, store.ErrNotFound)
	wantErr(t, s.VerifyLoaded(t.Context(), org), store.ErrNotFound)
	equal(t, len(must(s.Sources(t.Context()))(t)), 0)
	a, b := loaded(zoneN(t, "example.org.", 7, 3000), "/z/example.org.zone"), loaded(Zone(t, ".", soa(1)), "/z/root.zone")
	ok(t, s.SaveLoaded(t.Context(), a, b))
	for range 2 {
		for _, want := range []store.Loaded{a, b} {
			got := must(s.Loaded(t.Context(), want.Origin))(t)
			equal(t, got.Source, want.Source)
			equal(t, Text(got.Zone), Text(want.Zone))
		}
		equal(t, must(s.Sources(t.Context()))(t), []store.Source{b.Source, a.Source})
		wantEach(t, s, b, a)
		s.reopen(t)
	}
}

// wantEach wants exactly these from EachLoaded, and that they verify and can be moved.
func wantEach(t *testing.T, s *session, want ...store.Loaded) {
	t.Helper()
	ok(t, s.EachLoaded(t.Context(), func(got store.Loaded, err error) error {
		ok(t, err)
		if len(want) == 0 {
			t.Fatalf("%s is one too many", got.Origin)
		}
		equal(t, got.Source, want[0].Source)
		equal(t, Text(got.Zone), Text(want[0].Zone))
		ok(t, s.VerifyLoaded(t.Context(), got.Origin)) // f may call the store
		moved, release := s.Resident(got.Zone)
		release()
		equal(t, Text(moved), Text(want[0].Zone))
		equal(t, Text(got.Zone), Text(want[0].Zone))
		want = want[1:]
		return nil
	}))
	if len(want) > 0 {
		t.Errorf("%d are missing", len(want))
	}
	stop := errors.New("stop")
	wantErr(t, s.EachLoaded(t.Context(), func(store.Loaded, error) error { return stop }), stop)
	ok(t, s.Maintain(t.Context()))
}

func testLoadedReplaced(t *testing.T, s *session) {
	for _, n := range []int{2000, 2001, 10, 0, 3000} {
		want := loaded(zoneN(t, "example.org.", uint32(n), n), "/z")
		ok(t, s.SaveLoaded(t.Context(), want))
		got := must(s.Loaded(t.Context(), org))(t)
		equal(t, Text(got.Zone), Text(want.Zone))
		equal(t, got.Serial, uint32(n))
		s.check(t)
	}
	if err := s.SaveLoaded(t.Context(), store.Loaded{Source: store.Source{Origin: org}, Zone: Zone(t, "other.")}); err == nil {
		t.Error("a zone was saved under another name")
	}
}

func testForget(t *testing.T, s *session) {
	ok(t, s.Forget(t.Context(), org))
	ch := chain{s: s}
	ch.add(t, zoneN(t, "example.org.", 7, 10))
	ch.add(t, zoneN(t, "example.org.", 9, 11))
	ok(t, s.SaveLoaded(t.Context(), loaded(ch.last, "/z")))
	ok(t, s.Reserve(t.Context(), map[zones.Name]uint32{org: 256}))
	ok(t, s.Forget(t.Context(), org))
	_, err := s.Loaded(t.Context(), org)
	wantErr(t, err, store.ErrNotFound)
	_, err = s.Served(t.Context(), org)
	wantErr(t, err, store.ErrNotFound)
	_, err = s.Journal(t.Context(), org, 7)
	wantErr(t, err, store.ErrNotFound)
	equal(t, len(must(s.History(t.Context(), org, 10))(t)), 0)
	s.check(t)
	h, known, err := s.Head(t.Context(), org)
	ok(t, err)
	equal(t, known, true)
	equal(t, h, store.Head{Origin: org, Reserved: 256, Generation: 2})
	// What comes after is a first version again, whose generation goes on.
	v := store.Version{Origin: org, Generation: 2, To: 257, Zone: zoneN(t, "example.org.", 257, 0)}
	wantErr(t, s.AppendServed(t.Context(), []store.Version{v}), store.ErrChain)
	v.Generation = 3
	ok(t, s.AppendServed(t.Context(), []store.Version{v}))
}

func testReserve(t *testing.T, s *session) {
	ok(t, s.Reserve(t.Context(), nil))
	many := make(map[zones.Name]uint32)
	for i := range 500 {
		many[zones.MustParseName(fmt.Sprintf("z%d.example.", i))] = uint32(i)
	}
	ok(t, s.Reserve(t.Context(), many))
	s.reopen(t)
	heads := must(s.Heads(t.Context()))(t)
	got := make(map[zones.Name]uint32)
	for _, h := range heads {
		got[h.Origin] = h.Reserved
		equal(t, h.Journaled, false)
	}
	equal(t, got, many)
	if !slices.IsSortedFunc(heads, func(a, b store.Head) int { return strings.Compare(a.Origin.Wire(), b.Origin.Wire()) }) {
		t.Error("heads are not in order")
	}

	ch := chain{s: s}
	ch.add(t, zoneN(t, "example.org.", 4294967290, 1))
	wantErr(t, s.Reserve(t.Context(), map[zones.Name]uint32{org: 4294967289}), store.ErrChain)
	ok(t, s.Reserve(t.Context(), map[zones.Name]uint32{org: 100})) // around the corner
	ok(t, s.Reserve(t.Context(), map[zones.Name]uint32{org: 50}))  // given back
	ch.add(t, zoneN(t, "example.org.", 40, 2))
	h, _, err := s.Head(t.Context(), org)
	ok(t, err)
	equal(t, h.Reserved, uint32(50))
	ch.add(t, zoneN(t, "example.org.", 60, 3))
	h, _, err = s.Head(t.Context(), org)
	ok(t, err)
	equal(t, h.Reserved, uint32(60))
}

// chain appends versions of one zone.
type chain struct {
	s    store.Store
	last *zones.Zone
	gen  uint64
}

func (c *chain) version(z *zones.Zone) store.Version {
	v := store.Version{Origin: z.Origin(), Prev: c.gen, Generation: c.gen + 1, To: z.Serial(), Zone: z, Time: t0,
		Reasons: []string{"zone file changed"}, FileSerial: 5, FileVersion: "abc", Changes: zones.Diff(c.last, z)}
	if c.last != nil {
		v.From = c.last.Serial()
	}
	return v
}

func (c *chain) add(t *testing.T, z *zones.Zone) store.Version {
	t.Helper()
	v := c.version(z)
	ok(t, c.s.AppendServed(t.Context(), []store.Version{v}))
	c.last, c.gen = z, v.Generation
	return v
}

func testServedFirst(t *testing.T, s *session) {
	_, known, err := s.Head(t.Context(), org)
	ok(t, err)
	equal(t, known, false)
	_, err = s.Served(t.Context(), org)
	wantErr(t, err, store.ErrNotFound)
	z := zoneN(t, "example.org.", 0, 2000) // serial 0 is a serial
	v := (&chain{s: s}).add(t, z)
	for range 2 {
		equal(t, Text(must(s.Served(t.Context(), org))(t)), Text(z))
		h, known, err := s.Head(t.Context(), org)
		ok(t, err)
		equal(t, known, true)
		equal(t, h, store.Head{Origin: org, Generation: 1, Journaled: true, Time: t0, FileSerial: 5, FileVersion: "abc"})
		equal(t, must(s.Heads(t.Context()))(t), []store.Head{h})
		equal(t, must(s.History(t.Context(), org, 10))(t), []store.Entry{{Origin: org, Generation: 1, Time: t0, Reasons: v.Reasons, Whole: true}})
		s.reopen(t)
	}
}

// testServedChain takes a zone through edits of every kind, and compares each version as kept with what it should be.
func testServedChain(t *testing.T, s *session) {
	ch := chain{s: s}
	serial := uint32(1)
	ch.add(t, zoneN(t, "example.org.", serial, 1000))
	next := func(changes ...zones.Change) {
		t.Helper()
		serial++
		z, err := ch.last.With(changes)
		ok(t, err)
		z, err = z.WithSerial(serial)
		ok(t, err)
		ch.add(t, z)
		got, want := Text(must(s.Served(t.Context(), org))(t)), Text(z)
		if got != want {
			t.Fatalf("serial %d:\n%s", serial, cmp.Diff(want, got))
		}
	}
	change := func(name string, typ uint16, data ...string) zones.Change {
		c := zones.Change{Name: zones.MustParseName(name), Type: typ}
		if len(data) > 0 {
			c.New = zones.RRset{Name: c.Name, Type: typ, TTL: 60}
		}
		for _, d := range data {
			c.New.Data = append(c.New.Data, []byte(d))
		}
		return c
	}
	next()                                                          // the serial alone
	next(change("www.example.org.", dns.TypeA, "\xc0\x00\x02\x01")) // fewer values
	next(change("www.example.org.", dns.TypeA))                     // none
	next(change("www.example.org.", dns.TypeA, "1234", "5678"))     // back
	next(change("aaa.example.org.", dns.TypeA, "1234"), change("zzz.example.org.", dns.TypeA, "1234"))
	next(change("new.below.h500.example.org.", dns.TypeA, "1234"))
	var many, gone []zones.Change
	for i := range 700 { // chunks grow, and are cut
		many = append(many, change(fmt.Sprintf("n%d.h500.example.org.", i), dns.TypeTXT, strings.Repeat("x", 200)))
		gone = append(gone, change(fmt.Sprintf("h%d.example.org.", i), dns.TypeA))
	}
	next(many...)
	next(gone...)
	slices.Reverse(many)
	next(many...) // order of changes does not matter
	for i := range many {
		many[i].New = zones.RRset{}
	}
	next(many...)
	s.check(t)
	s.reopen(t)
	equal(t, Text(must(s.Served(t.Context(), org))(t)), Text(ch.last))
}

func testServedRefused(t *testing.T, s *session) {
	z1, z2, z3 := zoneN(t, "example.org.", 10, 1), zoneN(t, "example.org.", 11, 2), zoneN(t, "example.org.", 12, 3)
	ch := chain{s: s}
	v := ch.version(z1)
	v.Prev, v.From = 1, 9
	wantErr(t, s.AppendServed(t.Context(), []store.Version{v}), store.ErrChain)
	ch.add(t, z1)
	ch.add(t, z2)
	good := ch.version(z3)
	for name, bad := range map[string]func(v *store.Version){
		"other serial before":     func(v *store.Version) { v.From = 10 },
		"other generation before": func(v *store.Version) { v.Prev = 1 },
		"as if the first":         func(v *store.Version) { v.Prev = 0 },
		"generation again":        func(v *store.Version) { v.Generation = 2 },
		"serial again":            func(v *store.Version) { v.To = 11 },
		"serial back":             func(v *store.Version) { v.To = 9 },
		"serial far":              func(v *store.Version) { v.To = 11 + 1<<31 },
		"from other content":      func(v *store.Version) { v.Changes = zones.Diff(z1, z3) },
		"from nothing":            func(v *store.Version) { v.Changes = zones.Diff(nil, z3) },
	} {
		v := good
		bad(&v)
		if err := s.AppendServed(t.Context(), []store.Version{v}); !errors.Is(err, store.ErrChain) {
			t.Errorf("%s: error is %v, want ErrChain", name, err)
		}
	}
	equal(t, Text(must(s.Served(t.Context(), org))(t)), Text(z2))
	ok(t, s.AppendServed(t.Context(), []store.Version{good}))
}

func testServedAtomic(t *testing.T, s *session) {
	a, b := chain{s: s}, chain{s: s}
	a.add(t, zoneN(t, "a.example.", 1, 1))
	b.add(t, zoneN(t, "b.example.", 1, 1))
	va, vb := a.version(zoneN(t, "a.example.", 2, 2)), b.version(zoneN(t, "b.example.", 1, 2))
	wantErr(t, s.AppendServed(t.Context(), []store.Version{va, vb}), store.ErrChain)
	h, _, err := s.Head(t.Context(), va.Origin)
	ok(t, err)
	equal(t, h.Serial, uint32(1))
	equal(t, Text(must(s.Served(t.Context(), va.Origin))(t)), Text(a.last))
	vb.To, vb.Zone = 2, zoneN(t, "b.example.", 2, 2)
	vb.Changes = zones.Diff(b.last, vb.Zone)
	ok(t, s.AppendServed(t.Context(), []store.Version{va, vb}))
	// Several versions of one zone in one call.
	a.last, a.gen = va.Zone, va.Generation
	v3 := a.version(zoneN(t, "a.example.", 3, 3))
	a.last, a.gen = v3.Zone, v3.Generation
	v4 := a.version(zoneN(t, "a.example.", 4, 4))
	ok(t, s.AppendServed(t.Context(), []store.Version{v3, v4}))
	equal(t, len(must(s.Journal(t.Context(), va.Origin, 1))(t)), 3)
}

func testServedIs(t *testing.T, s *session) {
	z := zoneN(t, "example.org.", 5, 20)
	same := func(z *zones.Zone) bool { return must(s.ServedIs(t.Context(), z))(t) }
	equal(t, same(z), false)
	ok(t, s.Reserve(t.Context(), map[zones.Name]uint32{org: 9}))
	equal(t, same(zones.NewBuilder(org).Zone()), false)
	ch := chain{s: s}
	ch.add(t, z)
	equal(t, same(z), true)
	equal(t, same(zoneN(t, "example.org.", 77, 20)), true)
	equal(t, same(zoneN(t, "example.org.", 5, 21)), false)
	other := zoneN(t, "example.org.", 6, 21)
	ch.add(t, other)
	equal(t, same(z), false)
	equal(t, same(other), true)
	back, err := z.WithSerial(7)
	ok(t, err)
	ch.add(t, back)
	equal(t, same(z), true)
}

func testJournal(t *testing.T, s *session) {
	_, err := s.Journal(t.Context(), org, 1)
	wantErr(t, err, store.ErrNotFound)
	ch := chain{s: s}
	var want []store.Entry
	for serial := uint32(1); serial <= 6; serial++ {
		v := ch.add(t, zoneN(t, "example.org.", serial, int(serial)))
		want = append(want, store.Entry{Origin: org, Generation: v.Generation, From: v.From, To: v.To, Time: v.Time, Reasons: v.Reasons, Changes: v.Changes})
	}
	want[0].Whole, want[0].Changes = true, nil
	for from := uint32(1); from <= 5; from++ {
		equal(t, must(s.Journal(t.Context(), org, from))(t), want[from:])
	}
	equal(t, len(must(s.Journal(t.Context(), org, 6))(t)), 0)
	for _, from := range []uint32{0, 9, 100} {
		_, err := s.Journal(t.Context(), org, from)
		wantErr(t, err, store.ErrNotFound)
	}
	// A version whose changes are not known breaks the way back.
	v := ch.version(zoneN(t, "example.org.", 7, 20))
	v.Changes, v.Whole = nil, true
	ok(t, s.AppendServed(t.Context(), []store.Version{v}))
	equal(t, Text(must(s.Served(t.Context(), org))(t)), Text(v.Zone))
	want = append(want, store.Entry{Origin: org, Generation: 7, From: 6, To: 7, Time: t0, Reasons: v.Reasons, Whole: true})
	_, err = s.Journal(t.Context(), org, 5)
	wantErr(t, err, store.ErrNotFound)
	slices.Reverse(want)
	equal(t, must(s.History(t.Context(), org, 100))(t), want)
	equal(t, must(s.History(t.Context(), org, 2))(t), want[:2])
	equal(t, len(must(s.History(t.Context(), org, 0))(t)), 0)
}

// testZonesApart has zones whose names are prefixes and suffixes of each other, in text and in wire form.
func testZonesApart(t *testing.T, s *session) {
	names := []string{".", "org.", "example.org.", "www.example.org.", "xample.org.", "example.", "\\000.", "\\001\\000.org."}
	chains := make(map[string]*chain)
	for i, n := range names {
		z := Zone(t, n, soa(uint32(i)), "@ NS ns", fmt.Sprintf("h%d A 192.0.2.1", i))
		ok(t, s.SaveLoaded(t.Context(), loaded(z, n)))
		chains[n] = &chain{s: s}
		chains[n].add(t, z)
		chains[n].add(t, Zone(t, n, soa(uint32(i)+1), "@ NS ns", fmt.Sprintf("h%d A 192.0.2.2", i)))
		ok(t, s.SaveMirror(t.Context(), "p", z.Origin(), 0, store.Mirror{Generation: 1, Live: []byte("live of " + n), Base: []byte("base of " + n)}))
	}
	ok(t, s.Forget(t.Context(), zones.Root))
	ok(t, s.Forget(t.Context(), org))
	s.check(t)
	for _, n := range names {
		name := zones.MustParseName(n)
		equal(t, must(s.Mirror(t.Context(), "p", name))(t), store.Mirror{Generation: 1, Live: []byte("live of " + n), Base: []byte("base of " + n)})
		if name == zones.Root || name == org {
			_, err := s.Served(t.Context(), name)
			wantErr(t, err, store.ErrNotFound)
			continue
		}
		equal(t, Text(must(s.Served(t.Context(), name))(t)), Text(chains[n].last))
		equal(t, len(must(s.History(t.Context(), name, 10))(t)), 2)
		equal(t, must(s.Loaded(t.Context(), name))(t).Origin == name, true)
	}
}

func testVerdicts(t *testing.T, s *session) {
	ok(t, s.SaveVerdicts(t.Context(), nil))
	a := store.Verdict{Key: "192.0.2.1/https", State: 3, Since: t0, Reason: "tcp 192.0.2.1:443: connection refused, 3 of 3"}
	b := store.Verdict{Key: "192.0.2.2/https", State: 1}
	c := store.Verdict{Key: "\x00\xff", State: 255, Since: t0}
	ok(t, s.SaveVerdicts(t.Context(), []store.Verdict{b, a, c}))
	equal(t, must(s.Verdicts(t.Context()))(t), []store.Verdict{c, a, b})
	a.State, a.Reason = 1, ""
	ok(t, s.SaveVerdicts(t.Context(), []store.Verdict{a}))
	ok(t, s.DropVerdicts(t.Context(), []string{b.Key, "never there"}))
	s.reopen(t)
	equal(t, must(s.Verdicts(t.Context()))(t), []store.Verdict{c, a})
	if err := s.SaveVerdicts(t.Context(), []store.Verdict{{Key: "x"}, {Key: ""}}); err == nil {
		t.Error("a verdict without key was kept")
	}
	equal(t, len(must(s.Verdicts(t.Context()))(t)), 2)
}

func testMirrors(t *testing.T, s *session) {
	equal(t, must(s.Mirror(t.Context(), "cf", org))(t), store.Mirror{})
	equal(t, len(must(s.Mirrors(t.Context()))(t)), 0)
	m := store.Mirror{Generation: 5, Live: []byte("l5"), Base: []byte("b5")}
	ok(t, s.SaveMirror(t.Context(), "cf", org, 0, m))
	ok(t, s.SaveMirror(t.Context(), "cf", zones.Root, 0, store.Mirror{Live: []byte("l0")})) // nothing was written there so far
	ok(t, s.SaveMirror(t.Context(), "cf-2", org, 0, store.Mirror{Generation: 1, Base: []byte("b1")}))
	for range 2 {
		equal(t, must(s.Mirror(t.Context(), "cf", org))(t), m)
		equal(t, must(s.Mirror(t.Context(), "cf", zones.Root))(t), store.Mirror{Live: []byte("l0")})
		equal(t, must(s.Mirror(t.Context(), "cf-2", org))(t), store.Mirror{Generation: 1, Base: []byte("b1")})
		equal(t, must(s.Mirrors(t.Context()))(t), []store.MirrorInfo{{Provider: "cf", Origin: zones.Root},
			{Provider: "cf", Origin: org, Generation: 5}, {Provider: "cf-2", Origin: org, Generation: 1}})
		s.reopen(t)
	}
	for _, next := range []store.Mirror{
		{Generation: 6, Live: []byte("l6")},
		{Generation: 6, Live: []byte("again"), Base: []byte("b6")}, // the same generation again
		{Generation: 7},
		{Generation: 8, Live: []byte("l8"), Base: []byte{}},
	} {
		ok(t, s.SaveMirror(t.Context(), "cf", org, m.Generation, next))
		m.Generation, m.Live = next.Generation, next.Live
		if next.Base != nil {
			m.Base = next.Base
		}
		if len(m.Base) == 0 {
			m.Base = nil
		}
		equal(t, must(s.Mirror(t.Context(), "cf", org))(t), m)
	}
	for _, bad := range []string{"", "a\x00b"} {
		if err := s.SaveMirror(t.Context(), bad, org, 0, m); err == nil {
			t.Errorf("provider name %q was taken", bad)
		}
	}
}

func testMirrorsStale(t *testing.T, s *session) {
	other := store.Mirror{Generation: 9, Live: []byte("other"), Base: []byte("other")}
	wantErr(t, s.SaveMirror(t.Context(), "cf", org, 8, other), store.ErrStale)
	equal(t, must(s.Mirror(t.Context(), "cf", org))(t), store.Mirror{})
	m := store.Mirror{Generation: 5, Live: []byte("l5"), Base: []byte("b5")}
	ok(t, s.SaveMirror(t.Context(), "cf", org, 0, m))
	for _, was := range []uint64{0, 4, 6, 9} {
		wantErr(t, s.SaveMirror(t.Context(), "cf", org, was, other), store.ErrStale)
	}
	if err := s.SaveMirror(t.Context(), "cf", org, 5, store.Mirror{Generation: 4, Live: []byte("other"), Base: []byte("other")}); err == nil {
		t.Error("a generation fell")
	}
	equal(t, must(s.Mirror(t.Context(), "cf", org))(t), m)
	// Another zone and another provider count for themselves.
	ok(t, s.SaveMirror(t.Context(), "aws", org, 0, other))
	ok(t, s.SaveMirror(t.Context(), "cf", zones.Root, 0, other))
	equal(t, must(s.Mirror(t.Context(), "cf", org))(t), m)
}

// testMirrorSizes has blobs grow and shrink, and change in the middle.
func testMirrorSizes(t *testing.T, s *session) {
	r := rand.New(rand.NewPCG(1, 2))
	octets := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	var m store.Mirror
	for _, n := range []int{1, 3 << 20, 64 << 10, 64<<10 + 1, 64<<10 - 1, 128 << 10, 2 << 20, 2<<20 + 5, 7, 1 << 20} {
		was := m.Generation
		m = store.Mirror{Generation: was + 1, Live: octets(n / 3), Base: octets(n)}
		if n < 3 {
			m.Live = nil
		}
		ok(t, s.SaveMirror(t.Context(), "p", org, was, m))
		wantMirror(t, s, m)
	}
	m.Base[1<<19]++
	m.Base = slices.Concat(m.Base, m.Base[:10])
	ok(t, s.SaveMirror(t.Context(), "p", org, m.Generation, m))
	wantMirror(t, s, m)
	s.reopen(t)
	wantMirror(t, s, m)
}

// wantMirror says nothing of where blobs differ: they are large.
func wantMirror(t *testing.T, s *session, want store.Mirror) {
	t.Helper()
	got := must(s.Mirror(t.Context(), "p", org))(t)
	if got.Generation != want.Generation || !bytes.Equal(got.Live, want.Live) || !bytes.Equal(got.Base, want.Base) {
		t.Errorf("got generation %d, live of %d, base of %d octets; want what was saved: %d, %d, %d", got.Generation, len(got.Live), len(got.Base),
			want.Generation, len(want.Live), len(want.Base))
	}
	s.check(t)
}

func testEvents(t *testing.T, s *session) {
	ok(t, s.AddEvents(t.Context()))
	a := store.Event{Time: t0, Kind: "withdraw", Zone: org, Text: "www A 192.0.2.1: down"}
	b := store.Event{Time: t0.Add(time.Second), Kind: "start", Text: "mangrove started"}
	ok(t, s.AddEvents(t.Context(), a, b))
	ok(t, s.AddEvents(t.Context(), a))
	s.reopen(t)
	got := must(s.Events(t.Context(), zones.Name{}, 10))(t)
	equal(t, len(got), 3)
	if !(got[0].Seq > got[1].Seq && got[1].Seq > got[2].Seq) {
		t.Errorf("numbers do not fall: %v", got)
	}
	for i, want := range []store.Event{a, b, a} {
		want.Seq = got[i].Seq
		equal(t, got[i], want)
	}
	equal(t, len(must(s.Events(t.Context(), zones.Name{}, 2))(t)), 2)
	equal(t, must(s.Events(t.Context(), org, 10))(t), []store.Event{got[0], got[2]})
	equal(t, len(must(s.Events(t.Context(), zones.Root, 10))(t)), 0)
}

func testMeta(t *testing.T, s *session) {
	_, err := s.Meta(t.Context(), "instance")
	wantErr(t, err, store.ErrNotFound)
	ok(t, s.SetMeta(t.Context(), "instance", []byte("abc")))
	ok(t, s.SetMeta(t.Context(), "schema", []byte("mine"))) // no name of a caller collides with the store's own
	ok(t, s.SetMeta(t.Context(), "", nil))
	s.reopen(t)
	equal(t, string(must(s.Meta(t.Context(), "instance"))(t)), "abc")
	equal(t, string(must(s.Meta(t.Context(), "schema"))(t)), "mine")
	equal(t, len(must(s.Meta(t.Context(), ""))(t)), 0)
}

// testOwnership changes what the store was given and what it gave.
func testOwnership(t *testing.T, s *session) {
	m := store.Mirror{Generation: 1, Live: []byte("live"), Base: []byte("base")}
	ok(t, s.SaveMirror(t.Context(), "cf", org, 0, m))
	m.Live[0], m.Base[0] = 'x', 'x'
	for range 2 {
		got := must(s.Mirror(t.Context(), "cf", org))(t)
		equal(t, got, store.Mirror{Generation: 1, Live: []byte("live"), Base: []byte("base")})
		got.Live[0], got.Base[0] = 'x', 'x'
	}
	ok(t, s.SetMeta(t.Context(), "k", []byte("v")))
	must(s.Meta(t.Context(), "k"))(t)[0] = 'x'
	equal(t, string(must(s.Meta(t.Context(), "k"))(t)), "v")
}

func testCancelled(t *testing.T, s *session) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.SetMeta(ctx, "k", []byte("v")); err == nil {
		t.Error("written although cancelled")
	}
	_, err := s.Meta(t.Context(), "k")
	wantErr(t, err, store.ErrNotFound)
}

func testBackup(t *testing.T, s *session) {
	z := zoneN(t, "example.org.", 3, 500)
	(&chain{s: s}).add(t, z)
	var b bytes.Buffer
	ok(t, s.Backup(t.Context(), &b))
	if b.Len() == 0 {
		t.Error("an empty backup")
	}
	if err := s.Backup(t.Context(), fullWriter{}); err == nil {
		t.Error("a backup that could not be written was called good")
	}
}

// fullWriter takes nothing.
type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errors.New("no space left") }
