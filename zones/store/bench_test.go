package store_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/store"
	"github.com/mangrove-dns/mangrove/zones/store/storetest"
	"github.com/miekg/dns"
)

const manyRecords = 1_000_000

// manyNames is a zone of n names with one address each.
func manyNames(b *testing.B, n int) *zones.Zone {
	b.Helper()
	zb := zones.NewBuilder(crashZone)
	soa, _ := storetest.Zone(b, "example.org.", "@ SOA ns host 1 1 1 1 1").SOA()
	if err := zb.AddRRset(soa); err != nil {
		b.Fatal(err)
	}
	for i := range n {
		name, err := crashZone.Child(fmt.Sprintf("h%06d", i))
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := zb.Add(name, dns.TypeA, 60, binary.BigEndian.AppendUint32(nil, uint32(i))); err != nil {
			b.Fatal(err)
		}
	}
	return zb.Zone()
}

func benchStore(b *testing.B) *store.Bolt {
	b.Helper()
	s, err := store.OpenBolt(b.TempDir(), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// BenchmarkSaveLoaded keeps a zone of a million records: all of it, then again with one record changed.
func BenchmarkSaveLoaded(b *testing.B) {
	z := manyNames(b, manyRecords)
	l := store.Loaded{Source: store.Source{Origin: crashZone}, Zone: z}
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			if err := benchStore(b).SaveLoaded(b.Context(), l); err != nil {
				b.Fatal(err)
			}
		}
	})
	s := benchStore(b)
	if err := s.SaveLoaded(b.Context(), l); err != nil {
		b.Fatal(err)
	}
	b.Run("again", func(b *testing.B) {
		for i := uint32(0); b.Loop(); i++ {
			z, err := z.WithSerial(i)
			if err != nil {
				b.Fatal(err)
			}
			if err := s.SaveLoaded(b.Context(), store.Loaded{Source: l.Source, Zone: z}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Loaded(b.Context(), crashZone); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkAppendFlip journals a flip in a zone of a million records, with what a disk costs.
func BenchmarkAppendFlip(b *testing.B) {
	z := manyNames(b, manyRecords)
	s := benchStore(b)
	if err := s.AppendServed(b.Context(), []store.Version{{Origin: crashZone, Generation: 1, To: 1, Zone: z}}); err != nil {
		b.Fatal(err)
	}
	gen := uint64(1)
	for b.Loop() {
		name, err := crashZone.Child(fmt.Sprintf("h%06d", gen/2*7919%manyRecords))
		if err != nil {
			b.Fatal(err)
		}
		c := zones.Change{Name: name, Type: dns.TypeA}
		if c.Old, _ = z.RRset(name, dns.TypeA); c.Old.IsZero() {
			c.New = zones.RRset{Name: name, Type: dns.TypeA, TTL: 60, Data: [][]byte{{1, 2, 3, 4}}}
		}
		next, err := z.With([]zones.Change{c})
		if err != nil {
			b.Fatal(err)
		}
		if next, err = next.WithSerial(uint32(gen + 1)); err != nil {
			b.Fatal(err)
		}
		v := store.Version{Origin: crashZone, Prev: gen, Generation: gen + 1, From: uint32(gen), To: uint32(gen + 1), Time: time.Unix(1, 0),
			Reasons: []string{"tcp 192.0.2.1:443: connection refused, 3 of 3"}, Changes: zones.Diff(z, next), Zone: next}
		if err := s.AppendServed(b.Context(), []store.Version{v}); err != nil {
			b.Fatal(err)
		}
		z, gen = next, gen+1
	}
}

// BenchmarkManyZones does, for 100,000 small zones, what a start does: keep them, reserve serials, journal them, read where
// they stand.
func BenchmarkManyZones(b *testing.B) {
	const n = 100_000
	upTo := make(map[zones.Name]uint32, n)
	var ls []store.Loaded
	var vs []store.Version
	for i := range n {
		z := storetest.Zone(b, fmt.Sprintf("z%06d.example.", i), "@ SOA ns host 1 1 1 1 1", "@ NS ns", "ns A 192.0.2.1", "www A 192.0.2.2", "mail A 192.0.2.3")
		upTo[z.Origin()] = 257
		ls = append(ls, store.Loaded{Source: store.Source{Origin: z.Origin()}, Zone: z})
		vs = append(vs, store.Version{Origin: z.Origin(), Generation: 1, To: 1, Zone: z})
	}
	s := benchStore(b)
	ctx := b.Context()
	once := func(name string, f func() error) {
		done := false
		b.Run(name, func(b *testing.B) {
			if done { // asked again to be measured for longer
				return
			}
			done = true
			began := time.Now()
			if err := f(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(time.Since(began).Seconds(), "s")
			b.ReportMetric(0, "ns/op")
		})
	}
	once("save", func() error { return s.SaveLoaded(ctx, ls...) })
	once("reserve", func() error { return s.Reserve(ctx, upTo) })
	once("journal", func() error {
		for i := 0; i < n; i += 1000 {
			if err := s.AppendServed(ctx, vs[i:i+1000]); err != nil {
				return err
			}
		}
		return nil
	})
	once("heads", func() error { _, err := s.Heads(ctx); return err })
	once("check", func() error {
		if f := s.Check(ctx); len(f) > 0 {
			return fmt.Errorf("%q", f)
		}
		return nil
	})
}

// BenchmarkSaveMirror keeps what is known of a mirror of a million records: all of it, then with one octet of the base
// changed, then as a flip does.
func BenchmarkSaveMirror(b *testing.B) {
	m := store.Mirror{Live: make([]byte, 1000), Base: make([]byte, 100<<20)}
	for i := range m.Base {
		m.Base[i] = byte(i >> 8 * i)
	}
	s := benchStore(b)
	save := func(b *testing.B, m *store.Mirror, next store.Mirror) {
		was := m.Generation
		m.Generation++
		next.Generation = m.Generation
		if err := s.SaveMirror(b.Context(), "p", crashZone, was, next); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("base", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			for at := i % 1000; at < len(m.Base); at += 1000 {
				m.Base[at]++
			}
			save(b, &m, m)
		}
	})
	b.Run("octet", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			m.Base[i*7919%len(m.Base)]++
			save(b, &m, m)
		}
	})
	b.Run("live", func(b *testing.B) {
		for b.Loop() {
			save(b, &m, store.Mirror{Live: m.Live})
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Mirror(b.Context(), "p", crashZone); err != nil {
				b.Fatal(err)
			}
		}
	})
}
