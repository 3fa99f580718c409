package zones

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

const million = 1_000_000

// wireOf returns labels as a name in wire form.
func wireOf(dotted string) []byte {
	var out []byte
	if dotted == "." {
		return []byte{0}
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(dotted, "."), ".") {
		out = append(append(out, byte(len(label))), label...)
	}
	return append(out, 0)
}

// benchOwners are the names of the zone of a million records, in file order: shuffled, or as a generator would write them.
func benchOwners(shuffled bool) [][]byte {
	out := make([][]byte, million)
	for i := range out {
		out[i] = wireOf(fmt.Sprintf("host%d.example.com.", i))
	}
	if shuffled {
		r := rand.New(rand.NewPCG(1, 2))
		r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	}
	return out
}

func buildMillion(owners [][]byte) *Zone {
	b := NewBuilder(MustParseName("example.com."))
	addApex(b, MustParseName("example.com."))
	for i, o := range owners {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], 10<<24+uint32(i))
		if _, _, err := b.AddWire(o, dns.TypeA, 300, a[:]); err != nil {
			panic(err)
		}
	}
	return b.Zone()
}

// addApex adds a SOA and two NS records.
func addApex(b *Builder, origin Name) {
	soa := []byte("\x03ns1" + origin.Wire() + "\x04host" + origin.Wire())
	for _, n := range []uint32{1, 3600, 600, 86400, 300} {
		soa = binary.BigEndian.AppendUint32(soa, n)
	}
	b.Add(origin, dns.TypeSOA, 3600, soa)
	b.Add(origin, dns.TypeNS, 3600, []byte("\x03ns1"+origin.Wire()))
	b.Add(origin, dns.TypeNS, 3600, []byte("\x03ns2"+origin.Wire()))
}

// oneMillion is made once for all benchmarks that only read it.
var oneMillion = sync.OnceValue(func() *Zone { return buildMillion(benchOwners(true)) })

func BenchmarkBuildMillion(b *testing.B) {
	for _, order := range []string{"numbered", "shuffled"} {
		b.Run(order, func(b *testing.B) {
			owners := benchOwners(order == "shuffled")
			var z *Zone
			before := heap()
			for b.Loop() {
				z = buildMillion(owners)
			}
			b.StopTimer()
			b.ReportMetric(float64(heap()-before)/million, "bytes/record")
			b.ReportMetric(float64(len(z.base))/million, "arena-bytes/record")
			runtime.KeepAlive(z)
			runtime.KeepAlive(owners)
		})
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// questions are names to be looked up, in an order that defeats the caches.
func questions(n int, name func(i int) string) [][]byte {
	out := make([][]byte, n)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range out {
		out[i] = wireOf(name(r.IntN(million)))
	}
	return out
}

func benchmarkFind(b *testing.B, z *Zone, qs [][]byte, check func(f Found) bool) {
	b.ReportAllocs()
	var k Key
	i := 0
	for b.Loop() {
		k.Parse(qs[i&(1<<16-1)], 0)
		f := z.Find(&k)
		if !check(f) {
			b.Fatalf("%q: %+v", qs[i&(1<<16-1)], f)
		}
		i++
	}
}

func BenchmarkFindHit(b *testing.B) {
	z := oneMillion()
	qs := questions(1<<16, func(i int) string { return fmt.Sprintf("host%d.example.com.", i) })
	benchmarkFind(b, z, qs, func(f Found) bool {
		s, ok := z.Set(f.Node, dns.TypeA)
		return ok && f.Exact && len(s.Wire) == 16
	})
}

func BenchmarkFindNXDomain(b *testing.B) {
	z := oneMillion()
	qs := questions(1<<16, func(i int) string { return fmt.Sprintf("nohost%d.example.com.", i) })
	benchmarkFind(b, z, qs, func(f Found) bool { return !f.Exact && z.Wildcard(f.Node) == NoNode })
}

// delegations is a zone of 300,000 delegations, two name servers each, one of them inside with an address.
var delegations = sync.OnceValue(func() *Zone {
	origin := MustParseName("tld.")
	b := NewBuilder(origin)
	addApex(b, origin)
	for i := range 300_000 {
		d := fmt.Sprintf("domain%d.tld.", i)
		b.AddWire(wireOf(d), dns.TypeNS, 3600, wireOf("ns1."+d))
		b.AddWire(wireOf(d), dns.TypeNS, 3600, wireOf("ns.provider.net."))
		b.AddWire(wireOf("ns1."+d), dns.TypeA, 3600, []byte{192, 0, 2, byte(i)})
	}
	return b.Zone()
})

func BenchmarkFindReferral(b *testing.B) {
	z := delegations()
	qs := questions(1<<16, func(i int) string { return fmt.Sprintf("www.domain%d.tld.", i%300_000) })
	benchmarkFind(b, z, qs, func(f Found) bool {
		glue, ok := z.Set(z.Target(f.Cover, dns.TypeNS, 0), dns.TypeA)
		return ok && f.Kind == KindCut && len(glue.Wire) == 16
	})
}

func BenchmarkKeyParse(b *testing.B) {
	name := wireOf("host123456.example.com.")
	var k Key
	for b.Loop() {
		k.Parse(name, 0)
	}
}

// flip is a change of one A RRset and of the serial.
func flip(z *Zone, i int) []Change {
	soa, _ := z.SOA()
	next := RRset{soa.Name, soa.Type, soa.TTL, [][]byte{append([]byte(nil), soa.Data[0]...)}}
	binary.BigEndian.PutUint32(soaNumbers(next.Data[0]), z.Serial()+1)
	name := MustParseName(fmt.Sprintf("host%d.example.com.", i))
	return []Change{
		{Name: soa.Name, Type: soa.Type, New: next},
		{Name: name, Type: dns.TypeA, New: RRset{name, dns.TypeA, 60, [][]byte{{192, 0, 2, byte(i)}}}},
	}
}

// BenchmarkWithFlip flips one after the other of so many names, each version made from the last.
func BenchmarkWithFlip(b *testing.B) {
	for _, names := range []int{1, 100, 2000, 20000} {
		b.Run(fmt.Sprintf("names=%d", names), func(b *testing.B) {
			b.ReportAllocs()
			z := oneMillion()
			for i := range names {
				z, _ = z.With(flip(z, i))
			}
			i := 0
			for b.Loop() {
				var err error
				if z, err = z.With(flip(z, i%names)); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

func BenchmarkDiffAfterFlip(b *testing.B) {
	for _, names := range []int{1, 2000} {
		b.Run(fmt.Sprintf("names=%d", names), func(b *testing.B) {
			z := oneMillion()
			for i := range names {
				z, _ = z.With(flip(z, i))
			}
			next, _ := z.With(flip(z, million-1))
			for b.Loop() {
				if got := len(Diff(z, next)); got != 2 {
					b.Fatalf("got %d changes, want 2", got)
				}
			}
		})
	}
}

func BenchmarkDiffUnrelated(b *testing.B) {
	z := oneMillion()
	next, _ := z.With(flip(z, 1))
	next = next.Compact()
	for b.Loop() {
		if got := len(Diff(z, next)); got != 2 {
			b.Fatalf("got %d changes, want 2", got)
		}
	}
}

// BenchmarkFindHitOverlaid is BenchmarkFindHit in a zone that was flipped a thousand times.
func BenchmarkFindHitOverlaid(b *testing.B) {
	z := oneMillion()
	for i := range 1000 {
		z, _ = z.With(flip(z, i))
	}
	qs := questions(1<<16, func(i int) string { return fmt.Sprintf("host%d.example.com.", i) })
	benchmarkFind(b, z, qs, func(f Found) bool {
		s, ok := z.Set(f.Node, dns.TypeA)
		return ok && f.Exact && len(s.Wire) == 16
	})
}

// smallZones are n zones of five records.
func smallZones(n int) []*Zone {
	out := make([]*Zone, n)
	for i := range out {
		origin := MustParseName(fmt.Sprintf("zone%d.example.", i))
		b := NewBuilder(origin)
		addApex(b, origin)
		for j, label := range []string{"ns1", "www"} {
			name, _ := origin.Child(label)
			b.Add(name, dns.TypeA, 300, []byte{192, 0, 2, byte(j)})
		}
		out[i] = b.Zone()
	}
	return out
}

const manyZones = 50_000

func BenchmarkCatalogFind(b *testing.B) {
	before := heap()
	c := NewCatalog(smallZones(manyZones)...)
	b.ReportAllocs()
	r := rand.New(rand.NewPCG(3, 4))
	qs := make([][]byte, 1<<16)
	for i := range qs {
		qs[i] = wireOf(fmt.Sprintf("www.zone%d.example.", r.IntN(manyZones)))
	}
	var k Key
	i := 0
	for b.Loop() {
		k.Parse(qs[i&(1<<16-1)], 0)
		z := c.Find(&k, k.Labels())
		f := z.Find(&k)
		if s, ok := z.Set(f.Node, dns.TypeA); !ok || len(s.Wire) != 16 {
			b.Fatalf("%q: %+v", qs[i&(1<<16-1)], f)
		}
		i++
	}
	b.StopTimer()
	qs = nil
	b.ReportMetric(float64(heap()-before)/manyZones, "bytes/zone")
	runtime.KeepAlive(c)
}

func BenchmarkCatalogWith(b *testing.B) {
	c := NewCatalog(smallZones(100_000)...)
	z := smallZones(1)[0]
	b.ReportAllocs()
	for b.Loop() {
		c = c.With(z)
	}
}

func BenchmarkCheckMillion(b *testing.B) {
	z := oneMillion()
	for b.Loop() {
		if got := len(Check(z, CheckOptions{})); got != 2 { // the addresses of ns1 and ns2 are missing
			b.Fatalf("got %d problems, want 2", got)
		}
	}
}

func BenchmarkRRsetsMillion(b *testing.B) {
	z := oneMillion()
	for b.Loop() {
		n := 0
		for s := range z.RRsets() {
			n += len(s.Data)
		}
		if n != z.Records() {
			b.Fatalf("got %d records, want %d", n, z.Records())
		}
	}
}

func BenchmarkCompactMillion(b *testing.B) {
	z, _ := oneMillion().With(flip(oneMillion(), 1))
	for b.Loop() {
		z.Compact()
	}
}
