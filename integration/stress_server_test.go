package integration

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/resolver"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/image"
	"github.com/mangrove-dns/mangrove/zones/live"
	"github.com/mangrove-dns/mangrove/zones/store"
)

type stress struct {
	t      *testing.T
	seed   uint64
	zones  []*stressZone
	live   *live.Publisher
	images *image.Dir
	mapped atomic.Int32 // how many zones were served from a mapped image
	moved  atomic.Int32 // how many of these were moved into memory while they were served
	server *resolver.Server
	addr   string
	rounds uint64
}

func startStress(t *testing.T, seed uint64) *stress {
	db, err := store.OpenBolt(t.TempDir(), store.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	s := &stress{t: t, seed: seed, live: live.New(live.Options{Store: db, ReserveWait: time.Minute, Block: 1 << 20})}
	if err := s.live.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.images, err = image.Open(t.TempDir(), image.Options{NoSync: true}); err != nil {
		t.Fatal(err)
	}
	s.server = resolver.New(resolver.Options{
		Listen: []string{"127.0.0.1:0"}, Workers: 2, Catalog: s.live.Catalog, Log: slog.New(slog.DiscardHandler),
	})
	addrs, err := s.server.Listen()
	if err != nil {
		t.Fatal(err)
	}
	s.addr = addrs[0].String()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for what, run := range map[string]func(context.Context) error{"publisher": s.live.Run, "server": s.server.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
		for _, problem := range db.Check(context.Background()) {
			t.Errorf("store: %s", problem)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	// One that every change builds anew, one whose layers With merges, and two that are compacted aside.
	for i, size := range []struct{ fill, churn int }{{0, 0}, {400, 2}, {10000, 20}, {3000, 30}} {
		z := &stressZone{number: i, fill: size.fill, churn: size.churn, serials: make(map[uint32]uint32)}
		z.origin = zones.MustParseName(fmt.Sprintf("s%d.test.", i))
		s.zones = append(s.zones, z)
		z.begun.Store(1)
		s.load(z, 1, false)
		z.done.Store(1)
		// From now on there are more serials than versions: no two versions have the same.
		if err := s.live.WaitDurable(t.Context(), z.origin, 1); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// sets groups records by RRset.
func (s *stress) sets(z *stressZone, records []string) []zones.RRset {
	p := dns.NewZoneParser(strings.NewReader("$TTL 300\n"+strings.Join(records, "\n")), z.origin.String(), "")
	var rrs []dns.RR
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		rrs = append(rrs, rr)
	}
	sets, err := zones.FromRRs(rrs)
	if err != nil || p.Err() != nil {
		s.t.Errorf("%s: %v, %v", z.origin, err, p.Err())
	}
	return sets
}

// load publishes version v as a zone of its own; mapped, as one that lies in a file.
func (s *stress) load(z *stressZone, v uint32, mapped bool) {
	records := append(z.records(v), "@ NS ns", "ns A 192.0.2.53")
	for i := range z.fill {
		records = append(records, fmt.Sprintf("host%d A 192.0.2.%d", i, i%250))
	}
	b := zones.NewBuilder(z.origin)
	for _, set := range s.sets(z, records) {
		if err := b.AddRRset(set); err != nil {
			s.t.Errorf("%s: %v", z.origin, err)
		}
	}
	loaded := b.Zone()
	before := z.image
	z.image = nil
	if mapped {
		loaded = s.asImage(loaded)
		z.image = loaded
	}
	if _, err := s.live.Publish(s.t.Context(), []live.Update{{Zone: loaded, FileSerial: v}}); err != nil {
		s.t.Errorf("%s: %v", z.origin, err)
	}
	s.drop(before)
}

// asImage writes an image of a zone and returns the zone as it lies there.
func (s *stress) asImage(z *zones.Zone) *zones.Zone {
	refs, release, err := s.images.Put(s.t.Context(), z)
	if err != nil {
		s.t.Error(err)
		return z
	}
	defer release()
	zs, errs := s.images.Map(refs)
	if errs[0] != nil {
		s.t.Error(errs[0])
		return z
	}
	s.mapped.Add(1)
	return zs[0]
}

// move serves a zone from memory that was served from a file.
func (s *stress) move(z *stressZone) {
	moved, release := s.images.Resident(z.image)
	if moved == z.image {
		s.t.Errorf("%s: the image was not mapped", z.origin)
	}
	if err := s.live.Replace(z.origin, z.image, moved); err != nil {
		s.t.Error(err)
	}
	release() // answers may be on their way from there: they fault the pages in again
	s.drop(z.image)
	z.image = nil
	s.moved.Add(1)
}

// drop forgets an image; what is mapped stays so.
func (s *stress) drop(z *zones.Zone) {
	if z == nil {
		return
	}
	if err := s.images.Drop(image.Ref{Origin: z.Origin(), Hash: z.ContentHash()}); err != nil {
		s.t.Error(err)
	}
}

// flip publishes version v as changes of the one before.
func (s *stress) flip(z *stressZone, v uint32) {
	type key struct {
		name zones.Name
		typ  uint16
	}
	changes := make(map[key]zones.Change)
	for _, set := range s.sets(z, z.records(v-1)) {
		changes[key{set.Name, set.Type}] = zones.Change{Name: set.Name, Type: set.Type}
	}
	for _, set := range s.sets(z, z.records(v)) {
		changes[key{set.Name, set.Type}] = zones.Change{Name: set.Name, Type: set.Type, New: set}
	}
	var list []zones.Change
	for _, c := range changes {
		list = append(list, c)
	}
	if _, err := s.live.PublishChanges(z.origin, list, nil); err != nil {
		s.t.Errorf("%s: %v", z.origin, err)
	}
}

// change publishes version v in one of the ways in which that can be done.
func (s *stress) change(z *stressZone, v uint32, r *rand.Rand) {
	switch {
	case absent(v):
		s.live.Remove(z.origin)
		s.drop(z.image)
		z.image = nil
	case absent(v-1) || r.IntN(4) == 0:
		s.load(z, v, z.fill >= mappedFill && r.IntN(5) == 0)
	default:
		s.flip(z, v)
	}
	if z.image != nil && r.IntN(2) == 0 {
		s.move(z)
	}
}

// mappedFill is how many names make a zone large enough to be moved out of its image.
const mappedFill = 3000
