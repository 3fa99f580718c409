package alias

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// Addresses that the policy does not let through any more are not last good; those of our own zones are not resolvers'.
func TestScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Bool
		open.Store(true)
		refused := func(a netip.Addr) bool { return Refused(a) && !open.Load() }
		f := newFake("alone.test. A", "127.0.0.1", "mixed.test. A", "127.0.0.1 192.0.2.1", "both.test. A", "127.0.0.1", "both.test. AAAA", "2001:db8::1", "old.test. A", "127.0.0.2")
		cat := zones.NewCatalog(zone(t, "example.", "own A 127.0.0.9\nchain ALIAS alone.test.\n"))
		k := New(Options{Ask: f.Ask, Random: fixed(0), Refused: refused, Catalog: func() *zones.Catalog { return cat }})
		start(t, k)
		list := records("a. alone.test.", "b. mixed.test.", "c. both.test.", "d. own.example.", "e. chain.example.", "g. old.test.")
		k.Set(list)
		time.Sleep(time.Second)
		resolved, err := zone(t, "example.", "own A 127.0.0.9\nchain A 127.0.0.1\n").With(nil)
		if err != nil {
			t.Fatal(err)
		}
		cat, pending := zones.NewCatalog(resolved), cat
		k.Follow()
		list[5].Target = zones.MustParseName("none.test.")
		k.Set(list)
		time.Sleep(time.Second)
		synctest.Wait()
		expect := func(k *Keeper, want ...string) {
			t.Helper()
			for i, r := range list {
				if got := joined(k.Answer(r).Addrs()); got != want[i] {
					t.Errorf("%s ALIAS %s: got %q, want %q", r.Owner, r.Target, got, want[i])
				}
			}
		}
		expect(k, "127.0.0.1", "127.0.0.1, 192.0.2.1", "127.0.0.1, 2001:db8::1", "127.0.0.9", "127.0.0.1", "127.0.0.2")
		saved := Encode(k.States())

		open.Store(false)
		f.set("alone.test. A", "!refused", "mixed.test. A", "!refused", "both.test. A", "!refused")
		k.Take()
		k.Retry()
		if got := k.Take(); len(got) != 4 {
			t.Errorf("changed: %v", got)
		}
		cat = pending // as its ALIAS has no addresses now
		k.Follow()
		time.Sleep(time.Minute)
		synctest.Wait()
		closed := []string{"", "192.0.2.1", "2001:db8::1", "127.0.0.9", "", ""}
		expect(k, closed...)

		states, err := Decode(saved)
		if err != nil {
			t.Fatal(err)
		}
		k = New(Options{Ask: f.Ask, Random: fixed(0), Refused: refused, Catalog: func() *zones.Catalog { return cat }})
		k.Restore(states)
		k.Set(list)
		expect(k, closed...)
		cat = nil // what was our own is resolvers' now
		k.Follow()
		expect(k, "", "192.0.2.1", "2001:db8::1", "", "", "")
	})
}

// What was kept for records that are not there yet is no exception.
func TestScreenKept(t *testing.T) {
	var open atomic.Bool
	open.Store(true)
	k := New(Options{Refused: func(a netip.Addr) bool { return Refused(a) && !open.Load() }})
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	loop := Answer{V4: Family{true, []netip.Addr{netip.MustParseAddr("127.0.0.1")}}, V6: Family{Known: true}}
	k.Restore([]State{
		{Target: zones.MustParseName("t.test."), Answer: loop, Since: at, Stale: at, Problem: "SERVFAIL", Failing: at},
		{Target: zones.MustParseName("n.test."), Held: []Held{{Owner: zones.MustParseName("o."), Target: zones.MustParseName("old.test."), Answer: loop, Since: at}}},
	})
	open.Store(false)
	k.Retry()
	k.Set(records("a. t.test.", "o. n.test."))
	for _, r := range []string{"a. t.test.", "o. n.test."} {
		if got := has(k, r); got != "" {
			t.Errorf("%s: got %q", r, got)
		}
	}
	if s, _ := k.State(zones.MustParseName("t.test.")); !s.Since.IsZero() || !s.Stale.IsZero() || s.Failing != at {
		t.Errorf("got %+v", s)
	}
}
