package providertest

import (
	"context"
	"errors"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// TestFakeConforms runs the suite on the fake: it holds what any driver must.
func TestFakeConforms(t *testing.T) {
	f := NewFake("example.org")
	f.Servers = 2
	Run(t, Harness{Driver: f, Zone: zones.MustParseName("example.org"), Missing: zones.MustParseName("example.net"),
		Foreign: func(_ *testing.T, sets ...providers.RRset) { f.Edit(sets...) }, Exchange: f.Exchange})
}

func TestFakeWithLimitsConforms(t *testing.T) {
	f := NewFake("example.org")
	f.MinTTL, f.CannotHold = 60, []uint16{dns.TypeLOC, dns.TypeNAPTR}
	Run(t, Harness{Driver: f, Zone: zones.MustParseName("example.org"), Many: 10})
}

func TestFakePanicsOnABrokenContract(t *testing.T) {
	zone := zones.MustParseName("example.org")
	set := Set("example.org", "www A 192.0.2.1")
	soa := Set("example.org", "@ SOA ns1 hm 1 2 3 4 5")
	for name, c := range map[string]providers.Change{
		"apex SOA":                     {Name: zone, Type: dns.TypeSOA, New: soa},
		"an Old that was not seen":     {Name: set.Name, Type: set.Type, Old: set, New: Set("example.org", "www A 192.0.2.2")},
		"an automatic change to empty": {Name: set.Name, Type: set.Type, Health: true},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f := NewFake("example.org")
			snap, err := f.Snapshot(t.Context(), zone)
			if err != nil {
				t.Fatal(err)
			}
			_ = f.Apply(t.Context(), zone, snap, []providers.Change{c})
		})
	}
}

func TestFakeFaults(t *testing.T) {
	zone := zones.MustParseName("example.org")
	boom := errors.New("boom")
	f := NewFake("example.org")
	f.Fault = func(c Call) Fault { return Fault{After: boom, Hang: c.Op == OpSnapshot && c.N == 2} }
	snap, err := f.Snapshot(t.Context(), zone)
	if err != nil {
		t.Fatal(err)
	}
	set := Set("example.org", "www A 192.0.2.1")
	if err := f.Apply(t.Context(), zone, snap, []providers.Change{{Name: set.Name, Type: set.Type, New: set}}); !errors.Is(err, boom) {
		t.Errorf("apply: %v", err)
	}
	if !providers.Equal(f.Held("www.example.org", dns.TypeA), set) {
		t.Error("After means that it was done")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Snapshot(ctx, zone); !errors.Is(err, providers.ErrUnavailable) {
		t.Errorf("hung snapshot: %v", err)
	}
}
