package zones

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
)

// BenchmarkPack makes large zones from records that come in order: hosts of an address, hosts of two and a text,
// delegations to two servers with glue.
func BenchmarkPack(b *testing.B) {
	type record struct {
		rel  []byte
		typ  uint16
		data []byte
	}
	origin := MustParseName("example.com.")
	rel := func(name string) []byte { n := wireOf(name); return n[:len(n)-1] }
	a, text := []byte{192, 0, 2, 1}, []byte("\x04text")
	for _, kind := range []struct {
		name    string
		records func(i int) []record
	}{
		{"hosts", func(i int) []record { return []record{{rel(fmt.Sprintf("h%07d", i)), dns.TypeA, a}} }},
		{"sets", func(i int) []record {
			n := rel(fmt.Sprintf("h%07d", i))
			return []record{{n, dns.TypeA, a}, {n, dns.TypeA, []byte{192, 0, 2, 2}}, {n, dns.TypeTXT, text}}
		}},
		{"delegations", func(i int) []record {
			d := fmt.Sprintf("d%07d", i)
			ns1, ns2 := "ns1."+d, "ns2."+d
			return []record{{rel(d), dns.TypeNS, wireOf(ns1 + ".example.com.")}, {rel(d), dns.TypeNS, wireOf(ns2 + ".example.com.")},
				{rel(ns1), dns.TypeA, a}, {rel(ns2), dns.TypeA, a}}
		}},
	} {
		b.Run(kind.name, func(b *testing.B) {
			var records []record
			for i := 0; len(records) < 200_000; i++ {
				records = append(records, kind.records(i)...)
			}
			p := new(Packer)
			b.ReportAllocs()
			for b.Loop() {
				p.Reset(origin)
				for _, r := range records {
					p.Add(r.rel, r.typ, 300, r.data)
				}
				if _, err := p.Zone(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(records)), "ns/record")
		})
	}
}
