package image

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/miekg/dns"
)

// numbered is a zone of n names with an address each.
func numbered(b *testing.B, n int) *zones.Zone {
	b.Helper()
	origin := zones.MustParseName("example.")
	zb := zones.NewBuilder(origin)
	zb.Grow(n)
	owner := []byte("\x0ahost000000\x07example\x00")
	for i := range n {
		copy(owner[1:], fmt.Sprintf("host%06d", i%1_000_000))
		owner[1] = 'a' + byte(i/1_000_000)
		if _, _, err := zb.AddWire(owner, dns.TypeA, 300, binary.BigEndian.AppendUint32(nil, uint32(i))); err != nil {
			b.Fatal(err)
		}
	}
	return zb.Zone()
}

func benchDir(b *testing.B) *Dir {
	b.Helper()
	d, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	return d
}

func benchPut(b *testing.B, d *Dir, zs ...*zones.Zone) []Ref {
	b.Helper()
	refs, _, err := d.Put(b.Context(), zs...)
	if err != nil {
		b.Fatal(err)
	}
	return refs
}

// benchStart does what a start does with the images in a directory: opens it, maps all, checks their checksums.
func benchStart(b *testing.B, d *Dir, refs []Ref) {
	b.ReportAllocs()
	for b.Loop() {
		again, err := Open(d.Path(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		_, errs := again.Map(refs)
		for _, err := range errs {
			if err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		for _, f := range again.mapped {
			unmapFile(f.data) // nothing points there any more
		}
		b.StartTimer()
	}
}

// BenchmarkLarge is one zone of a million records.
func BenchmarkLarge(b *testing.B) { benchLarge(b, 1_000_000) }

// BenchmarkHuge is one zone of ten million records.
func BenchmarkHuge(b *testing.B) { benchLarge(b, 10_000_000) }

func benchLarge(b *testing.B, n int) {
	z := numbered(b, n)
	want := z.ContentHash()
	d := benchDir(b)
	refs := benchPut(b, d, z)
	b.Run("put", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			d := benchDir(b)
			b.StartTimer()
			benchPut(b, d, z)
		}
	})
	b.Run("start", func(b *testing.B) { benchStart(b, d, refs) })
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if err := z.Verify(want); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("resident", func(b *testing.B) {
		for b.Loop() {
			z.Resident()
		}
	})
}

// BenchmarkSmall is 50,000 zones of five records.
func BenchmarkSmall(b *testing.B) {
	zs := make([]*zones.Zone, 50_000)
	for i := range zs {
		zs[i] = zone(fmt.Sprintf("zone%05d.example.", i), 1, i%9, 3)
	}
	d := benchDir(b)
	refs := benchPut(b, d, zs...)
	b.Run("put", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			d := benchDir(b)
			b.StartTimer()
			benchPut(b, d, zs...)
		}
	})
	b.Run("start", func(b *testing.B) { benchStart(b, d, refs) })
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			for _, r := range refs {
				if err := d.Verify(r); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("maintain", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			d := benchDir(b)
			for i := 0; i < len(zs); i += 5000 {
				benchPut(b, d, zs[i:i+5000]...)
			}
			b.StartTimer()
			if err := d.Maintain(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
