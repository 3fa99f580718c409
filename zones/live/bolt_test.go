package live_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/live"
	"github.com/mangrove-dns/mangrove/zones/store"
	"github.com/mangrove-dns/mangrove/zones/store/storetest"
	"github.com/miekg/dns"
)

// The store is what the publisher asks for.
var _ live.Store = (store.Store)(nil)

// run is a publisher over a real store.
type run struct {
	*live.Publisher
	db   *store.Bolt
	stop func() error
}

func begin(t *testing.T, dir string) *run {
	t.Helper()
	db, err := store.OpenBolt(dir, store.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	p := live.New(live.Options{Store: db, ReserveWait: time.Minute})
	if err := p.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return &run{p, db, func() error {
		cancel()
		err := <-done
		for _, f := range db.Check(context.WithoutCancel(t.Context())) {
			err = errors.Join(err, errors.New(f))
		}
		return errors.Join(err, db.Close())
	}}
}

// TestWithBolt takes 500 zones through publication, flips and a restart, over a real store.
func TestWithBolt(t *testing.T) {
	const n = 500
	dir := t.TempDir()
	origin := func(i int) string { return fmt.Sprintf("z%d.example.", i) }
	update := func(i int) live.Update {
		z := storetest.Zone(t, origin(i), "@ SOA ns host 7 1 1 1 1", "www 60 A 192.0.2.1", "www 60 A 192.0.2.2")
		return live.Update{Zone: z, FileSerial: 7, FileVersion: "v1", Reasons: []string{"zone file added"}}
	}
	var us []live.Update
	for i := range n {
		us = append(us, update(i))
	}
	r := begin(t, dir)
	res, err := r.Publish(t.Context(), us)
	if err != nil || len(res.Published) != n || len(res.Unreserved()) > 0 {
		t.Fatalf("%d published, %d unreserved, %v", len(res.Published), len(res.Unreserved()), err)
	}
	for _, u := range us {
		if err := r.WaitDurable(t.Context(), u.Zone.Origin(), 7); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n / 2 { // every second zone loses an address
		c := withdrawn(us[2*i].Zone)
		if _, err := r.PublishChanges(us[2*i].Zone.Origin(), []zones.Change{c}, []string{"tcp 192.0.2.2:443: connection refused"}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		want := uint32(7)
		if i%2 == 0 {
			want = 8
		}
		if err := r.WaitDurable(t.Context(), us[i].Zone.Origin(), want); err != nil {
			t.Fatal(err)
		}
	}
	served := r.Catalog()
	es, err := r.db.Journal(t.Context(), us[0].Zone.Origin(), 7)
	if err != nil || len(es) != 1 || len(es[0].Changes) != 2 || es[0].To != 8 {
		t.Errorf("journal: %+v, %v", es, err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}

	// The same content keeps its serial; other content is a change of the journaled one.
	r = begin(t, dir)
	again := make([]live.Update, 0, n)
	for z := range served.All() {
		u := live.Update{Zone: z, FileSerial: 7, FileVersion: "v1"}
		if z.Origin() == us[1].Zone.Origin() {
			z, err := z.With([]zones.Change{withdrawn(z)})
			if err != nil {
				t.Fatal(err)
			}
			u.Zone = z
		}
		again = append(again, u)
	}
	if res, err = r.Publish(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	for _, v := range res.Published {
		name := v.Zone.Origin()
		want := served.Zone(name).Serial()
		if name == us[1].Zone.Origin() {
			want++
		} else if !v.Durable {
			t.Errorf("%s: %+v", name, v)
		}
		if v.Serial != want {
			t.Errorf("%s: serial %d, want %d", name, v.Serial, want)
		}
	}
	if err := r.WaitDurable(t.Context(), us[1].Zone.Origin(), 8); err != nil {
		t.Fatal(err)
	}
	kept, err := r.db.Served(t.Context(), us[1].Zone.Origin())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := storetest.Text(kept), storetest.Text(r.Catalog().Zone(us[1].Zone.Origin())); got != want {
		t.Errorf("kept is\n%s\nserved is\n%s", got, want)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// withdrawn is the change that leaves the second address of www out.
func withdrawn(z *zones.Zone) zones.Change {
	name, err := z.Origin().Child("www")
	if err != nil {
		panic(err)
	}
	c := zones.Change{Name: name, Type: dns.TypeA}
	c.Old, _ = z.RRset(name, dns.TypeA)
	c.New = c.Old
	c.New.Data = c.New.Data[:1]
	return c
}
