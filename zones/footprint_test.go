package zones

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
)

// TestNoAllocation: what a question needs allocates nothing, with an overlay or without.
func TestNoAllocation(t *testing.T) {
	plain := numbered(t, 3000)
	changes := []Change{
		change(t, "*.w.example.com. 60 IN A 192.0.2.1"),
		change(t, "sub.example.com. 60 IN NS ns1.example.com."),
		change(t, "ns1.example.com. 60 IN A 192.0.2.1"),
		change(t, "host1.example.com. 60 IN A 192.0.2.1"),
	}
	overlaid, err := plain.With(changes)
	if err != nil || overlaid.over == nil {
		t.Fatal(err)
	}
	for _, z := range []*Zone{plain, overlaid, overlaid.Compact()} {
		c := NewCatalog(z, emptyZone("com."))
		for _, name := range []string{
			"host1.example.com.", "host2.example.com.", "nothing.example.com.", "x.y.z.nothing.example.com.",
			"example.com.", "x.w.example.com.", "a.sub.example.com.", "aVeryLongLabelIndeed.host7.example.com.",
		} {
			wire := wireOf(name)
			msg := make([]byte, 512)
			var k Key
			if n := testing.AllocsPerRun(10, func() {
				k.Parse(wire, 0)
				z := c.Find(&k, k.Labels())
				f := z.Find(&k)
				z.Wildcard(f.Node)
				z.Set(f.Node, dns.TypeA)
				z.Sets(f.Node, 0)
				z.Target(f.Node, dns.TypeNS, 0)
				z.NegativeSOA()
				if f.Cover != NoNode {
					z.Target(f.Cover, dns.TypeNS, 0)
					_, r, _ := z.Delegation(f.Cover)
					r.Put(msg, 12, 12)
				}
			}); n != 0 {
				t.Errorf("%s: %v allocations (overlay: %v)", name, n, z.over != nil)
			}
		}
	}
}

// TestFootprint: how much of the arena records and zones take. The heap holds the same: BenchmarkBuildMillion says so.
func TestFootprint(t *testing.T) {
	b := NewBuilder(MustParseName("example.com."))
	const n = 100_000
	for i := range n {
		b.AddWire(wireOf(fmt.Sprintf("host%06d.example.com.", i)), dns.TypeA, 300, []byte{10, 0, 0, 1})
	}
	if z := b.Zone(); len(z.base) > 52*n {
		t.Errorf("got %.1f octets a record, 52 are wanted", float64(len(z.base))/n)
	}
	if z := manyDelegations(n / 8); len(z.base) > 90*z.Records() {
		t.Errorf("got %.1f octets a record in a zone of delegations, 90 are wanted", float64(len(z.base))/float64(z.Records()))
	}
	if z := smallZones(1)[0]; len(z.base) > 400 {
		t.Errorf("got %d octets in a zone of five records, 400 are wanted", len(z.base))
	}
}

// manyDelegations is a zone of n delegations to two servers each, with an address each.
func manyDelegations(n int) *Zone {
	b := NewBuilder(MustParseName("example.com."))
	for i := range n {
		d := fmt.Sprintf("domain%06d.example.com.", i)
		for _, host := range []string{"ns1.", "ns2."} {
			b.AddWire(wireOf(d), dns.TypeNS, 300, wireOf(host+d))
			b.AddWire(wireOf(host+d), dns.TypeA, 300, []byte{192, 0, 2, byte(i)})
		}
	}
	return b.Zone()
}
