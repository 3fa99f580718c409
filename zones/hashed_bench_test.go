package zones

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
)

// hashedZone is a zone of n names with an NSEC3 chain of so many iterations.
func hashedZone(tb testing.TB, n int, iterations uint16) *Builder {
	tb.Helper()
	origin := MustParseName("example.com.")
	params := hashParams{iterations: iterations}
	b := NewBuilder(origin)
	add := func(name string, typ uint16, d []byte) {
		if _, _, err := b.AddWire(wireOf(name), typ, 300, d); err != nil {
			tb.Fatal(err)
		}
	}
	addApex(b, origin)
	fields := []byte{1, 0, byte(iterations >> 8), byte(iterations), 0}
	add("example.com.", dns.TypeNSEC3PARAM, fields)
	add("example.com.", dns.TypeRRSIG, append([]byte{0, 6}, make([]byte, 90)...))
	hash := func(rel string) {
		h := params.hash([]byte(rel), origin.wire)
		add(string(h[1:])+".example.com.", dns.TypeNSEC3, append(fields[:5:5], make([]byte, 30)...))
	}
	hash("")
	for i := range n {
		name := fmt.Sprintf("host%d", i)
		add(name+".example.com.", dns.TypeA, []byte{10, 0, 0, 1})
		hash(string(rune(len(name))) + name)
	}
	return b
}

// BenchmarkIterations is what a name that does not exist costs, and a name when the zone is built.
func BenchmarkIterations(b *testing.B) {
	for _, iterations := range []uint16{0, 150, 500, MaxIterations} {
		z := hashedZone(b, 1000, iterations).Zone()
		var k Key
		k.Set(MustParseName("nx.example.com."))
		b.Run(fmt.Sprintf("absent/%d", iterations), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				z.Hashed(&k, k.Labels(), false, NoNode)
			}
		})
		b.Run(fmt.Sprintf("built/%d", iterations), func(b *testing.B) {
			const names = 1000
			for b.Loop() {
				b.StopTimer()
				builder := hashedZone(b, names, iterations)
				b.StartTimer()
				builder.Zone()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/names, "ns/name")
		})
	}
}
