package live

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/miekg/dns"
)

// nowhere is a Store that keeps nothing.
type nowhere struct{}

func (nowhere) Block(context.Context) (uint32, error)                   { return 0, nil }
func (nowhere) SetBlock(context.Context, uint32) error                  { return nil }
func (nowhere) Heads(context.Context) ([]Head, error)                   { return nil, nil }
func (nowhere) Head(context.Context, zones.Name) (Head, bool, error)    { return Head{}, false, nil }
func (nowhere) Reserve(context.Context, map[zones.Name]uint32) error    { return nil }
func (nowhere) AppendServed(context.Context, []Journal) error           { return nil }
func (nowhere) Served(context.Context, zones.Name) (*zones.Zone, error) { return nil, nil }
func (nowhere) ServedIs(context.Context, *zones.Zone) (bool, error)     { return false, nil }

// bigZone has n names with one address each.
func bigZone(b *testing.B, n int) *zones.Zone {
	b.Helper()
	zb := zones.NewBuilder(orgName)
	soa, _ := zone(org, 1).SOA()
	if err := zb.AddRRset(soa); err != nil {
		b.Fatal(err)
	}
	for i := range n {
		if _, _, err := zb.Add(hostName(b, i), dns.TypeA, 60, binary.BigEndian.AppendUint32(nil, uint32(i))); err != nil {
			b.Fatal(err)
		}
	}
	return zb.Zone()
}

func hostName(b *testing.B, i int) zones.Name {
	const digits = "0123456789abcdef"
	label := []byte{'h', digits[i>>20&15], digits[i>>16&15], digits[i>>12&15], digits[i>>8&15], digits[i>>4&15], digits[i&15]}
	n, err := orgName.Child(string(label))
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkPublishChanges is a health flip in a zone of a million records, from the call to the swapped pointer; beside
// it runs what always runs: the writer (to nowhere) and compaction.
func BenchmarkPublishChanges(b *testing.B) {
	const records = 1_000_000
	p := New(Options{Store: nowhere{}})
	if err := p.Restore(b.Context()); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	}()
	if _, err := p.Publish(ctx, []Update{{Zone: bigZone(b, records), FileSerial: 1}}); err != nil {
		b.Fatal(err)
	}
	if err := p.WaitDurable(ctx, orgName, 1); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		name := hostName(b, i/2*7919%records)
		c := zones.Change{Name: name, Type: dns.TypeA}
		if i%2 == 1 {
			c.New = zones.RRset{Name: name, Type: dns.TypeA, TTL: 60, Data: [][]byte{{10, 0, 0, byte(i)}}}
		}
		res, err := p.PublishChanges(orgName, []zones.Change{c}, nil)
		if err != nil || len(res.Published) != 1 {
			b.Fatalf("%+v, %v", res, err)
		}
	}
}

// BenchmarkPublishFlip is the same by way of Publish: the caller made the zone from a base that it shares with the served one.
func BenchmarkPublishFlip(b *testing.B) {
	p := New(Options{Store: nowhere{}, Block: slack / 2})
	if err := p.Restore(b.Context()); err != nil {
		b.Fatal(err)
	}
	base := bigZone(b, 1_000_000)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go func() { _ = p.Run(ctx) }()
	if _, err := p.Publish(ctx, []Update{{Zone: base, FileSerial: 1}}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		name := hostName(b, i*7919%1_000_000)
		z, err := base.With([]zones.Change{{Name: name, Type: dns.TypeA}})
		if err != nil {
			b.Fatal(err)
		}
		res, err := p.Publish(ctx, []Update{{Zone: z, FileSerial: 1}})
		if err != nil || len(res.Published) != 1 {
			b.Fatalf("%+v, %v", res, err)
		}
	}
}
