package zones

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// signedHosts is a zone of n hosts, each with an address, what denies, and signatures: four records.
func signedHosts(tb testing.TB, n int, denial Denial) *Zone {
	tb.Helper()
	origin := MustParseName("example.com.")
	b := NewBuilder(origin)
	sig := func(typ uint16) []byte { return append([]byte{byte(typ >> 8), byte(typ)}, make([]byte, 90)...) }
	add := func(name string, typ uint16, d []byte) {
		for typ, d := range map[uint16][]byte{typ: d, dns.TypeRRSIG: sig(typ)} {
			if _, _, err := b.AddWire([]byte(name), typ, 60, d); err != nil {
				tb.Fatal(err)
			}
		}
	}
	addApex(b, origin)
	names := []string{""}
	for i := range n {
		l := fmt.Sprintf("h%07d", i)
		names = append(names, string(rune(len(l)))+l)
	}
	params := hashParams{}
	owners := slices.Clone(names)
	if denial == NSEC3 {
		add(origin.wire, dns.TypeNSEC3PARAM, []byte{1, 0, 0, 0, 0})
		for i, n := range names {
			h := params.hash([]byte(n), origin.wire)
			owners[i] = string(h[:])
		}
		slices.SortFunc(owners, func(a, b string) int { return cmp.Compare(a, b) })
	}
	for i, n := range names {
		next := owners[(i+1)%len(owners)]
		types := []byte{0, 6, 0x40, 0, 0, 0, 0, 3}
		if i == 0 && n == "" {
			types = []byte{0, 6, 0x22, 0, 0, 0, 0, 3}
		} else {
			add(n+origin.wire, dns.TypeA, []byte{10, 0, 0, 1})
		}
		if denial == NSEC {
			add(n+origin.wire, dns.TypeNSEC, append([]byte(next+origin.wire), types...))
			continue
		}
		raw, err := decodeHash(next[1:])
		if err != nil {
			tb.Fatal(err)
		}
		add(owners[i]+origin.wire, dns.TypeNSEC3, slices.Concat([]byte{1, 0, 0, 0, 0, 20}, raw, []byte{0, 6, 0x40, 0, 0, 0, 0, 2}))
	}
	return b.Zone()
}

// decodeHash is the reverse of encodeHash.
func decodeHash(label string) ([]byte, error) {
	var out []byte
	var bits, n uint
	for _, c := range []byte(label) {
		at := bytes.IndexByte([]byte("0123456789abcdefghijklmnopqrstuv"), c)
		if at < 0 {
			return nil, fmt.Errorf("hash %q", label)
		}
		if bits, n = bits<<5|uint(at), n+5; n >= 8 {
			n -= 8
			out = append(out, byte(bits>>n))
		}
	}
	return out, nil
}

// BenchmarkCheckSigned checks zones of a million records.
func BenchmarkCheckSigned(b *testing.B) {
	for _, denial := range []Denial{NSEC, NSEC3} {
		z := signedHosts(b, 250_000, denial)
		b.Run(fmt.Sprint(denial), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if problems := Check(z, CheckOptions{}); len(problems) > 20 {
					b.Fatal(problems)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(z.Records()), "ns/record")
		})
		b.Run(fmt.Sprint(denial, "/chain alone"), func(b *testing.B) {
			for b.Loop() {
				c := &checker{z: z}
				cc := c.chainChecker()
				for w := z.walk(); w.next(); {
					cc.name(checked{node: w.current, b: w.node, rel: nodeName(w.node), heads: nodeHeads(w.node)})
				}
				cc.end()
			}
		})
	}
}
