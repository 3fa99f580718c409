package live

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// wantChain verifies the journal of d: every entry follows the one before, and they lead to the newest served version.
func wantChain(t *testing.T, d *disk, origin zones.Name, served *zones.Zone) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	var z *zones.Zone
	for i, e := range d.journal[origin] {
		if e.Prev == 0 || e.Whole {
			z = e.Zone
		} else {
			if last := d.journal[origin][i-1]; e.From != last.To || e.Prev != last.Generation || !newer(e.To, e.From) {
				t.Errorf("%s: %d → %d follows %d", origin, e.From, e.To, last.To)
			}
			z = apply(z, e.Changes)
		}
	}
	if got, want := text(z), text(served); got != want {
		t.Errorf("%s: the journal leads to\n%s\nserved is\n%s", origin, got, want)
	}
}

// TestHangingWrite: a disk that does not answer holds up the journal and nothing else.
func TestHangingWrite(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		s.publish(t, Update{Zone: zone(org, 1, "www 192.0.2.1"), FileSerial: 1})
		synctest.Wait()
		release := make(chan struct{})
		s.m.set(func(string, []zones.Name) error { <-release; return nil })
		began := time.Now()
		for i := range 100 {
			s.flip(t, org, change(org, "www", fmt.Sprintf("%04d", i)))
			if got, want := s.serial(org), uint32(i)+2; got != want {
				t.Fatalf("serial %d, want %d", got, want)
			}
			synctest.Wait()
		}
		if v, _ := s.Version(orgName); v.Durable || v.Unreserved {
			t.Errorf("version: %+v", v)
		}
		if d, _ := s.Durable(orgName); d.Serial != 1 {
			t.Errorf("durable: %+v", d)
		}
		if now := time.Now(); !now.Equal(began) {
			t.Errorf("publishing waited %s", now.Sub(began))
		}
		after(time.Minute)
		if h := s.Health(); h.Pending != 1 || !h.WriteSince.Equal(began) || !h.PendingSince.Equal(began) {
			t.Errorf("health: %+v, began %s", h, began)
		}
		// Nor does a new zone wait, whose serials nobody has seen: but its next content has no serial before the store knows it.
		s.publish(t, Update{Zone: zone("new.example.", 5), FileSerial: 5})
		if got := time.Since(began) - time.Minute; got > 0 {
			t.Errorf("a new zone waited %s", got)
		}
		if v, _ := s.Version(zones.MustParseName("new.example.")); v.Serial != 5 || v.Unreserved || v.Durable {
			t.Errorf("new zone: %+v", v)
		}
		s.flip(t, "new.example.", change("new.example.", "www", "1234"))
		if v, _ := s.Version(zones.MustParseName("new.example.")); v.Serial != 5 || !v.Unreserved || v.Durable {
			t.Errorf("new zone: %+v", v)
		}
		s.m.set(nil)
		close(release)
		synctest.Wait()
		wantChain(t, s.m.disk, orgName, s.Catalog().Zone(orgName))
		wantChain(t, s.m.disk, zones.MustParseName("new.example."), s.Catalog().Zone(zones.MustParseName("new.example.")))
		if n := len(s.m.journal[orgName]); n != 3 { // the first, the one that hung, all the others as one
			t.Errorf("%d journal entries, want 3", n)
		}
		if h := s.Health(); !h.OK() || h.Pending > 0 {
			t.Errorf("health: %+v", h)
		}
	})
}

// TestFullDisk: a hundred failed writes lose nothing.
func TestFullDisk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		var us []Update
		for i := range 20 {
			us = append(us, Update{Zone: zone(fmt.Sprintf("z%d.example.", i), 1, "www 192.0.2.1"), FileSerial: 1})
		}
		s.publish(t, us...)
		synctest.Wait()
		failures := 0
		s.m.set(func(string, []zones.Name) error {
			if failures++; failures <= 100 {
				return errFull
			}
			return nil
		})
		for i := range 20 {
			origin := fmt.Sprintf("z%d.example.", i)
			s.flip(t, origin, change(origin, "www", "1234"))
			after(time.Second)
			s.flip(t, origin, change(origin, "www", "5678"))
		}
		if h := s.Health(); h.OK() || !errors.Is(h.Err, errFull) || h.Failures == 0 || h.Pending != 20 || h.FailingSince.IsZero() {
			t.Errorf("health: %+v", h)
		}
		after(10 * time.Minute)
		if failures <= 100 {
			t.Fatalf("the store was tried %d times", failures)
		}
		for i := range 20 {
			origin := zones.MustParseName(fmt.Sprintf("z%d.example.", i))
			wantChain(t, s.m.disk, origin, s.Catalog().Zone(origin))
			if v, _ := s.Version(origin); !v.Durable || v.Serial != 3 {
				t.Errorf("%s: %+v", origin, v)
			}
		}
		if h := s.Health(); !h.OK() || h.Pending > 0 {
			t.Errorf("health: %+v", h)
		}
	})
}

// TestBlockUsedUp: content goes on changing, the serial does not rise beyond what is reserved, and neither transfers nor
// providers see two contents under one serial.
func TestBlockUsedUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{Block: 8})
		s.publish(t, Update{Zone: zone(org, 100, "www 192.0.2.1"), FileSerial: 100})
		synctest.Wait()
		s.m.set(full)
		for i := range 8 {
			if res := s.flip(t, org, change(org, "www", fmt.Sprintf("%04d", i))); len(res.Unreserved()) > 0 {
				t.Fatalf("flip %d is not reserved", i)
			}
		}
		waited := make(chan error, 1)
		for i := range 5 {
			addr := fmt.Sprintf("9%03d", i)
			res := s.flip(t, org, change(org, "www", addr))
			if got := res.Unreserved(); !slices.Equal(got, []zones.Name{orgName}) || s.serial(org) != 108 {
				t.Errorf("unreserved %v, serial %d", got, s.serial(org))
			}
			set, _ := s.Catalog().Zone(orgName).RRset(change(org, "www").Name, 1)
			if string(set.Data[0]) != addr {
				t.Errorf("%q is served, want %q", set.Data[0], addr)
			}
		}
		// A file that rises cannot have its serial either.
		res := s.publish(t, Update{Zone: zone(org, 500, "www 192.0.2.9"), FileSerial: 500})
		if len(res.Unreserved()) != 1 || s.serial(org) != 108 {
			t.Errorf("unreserved %v, serial %d", res.Unreserved(), s.serial(org))
		}
		if h := s.Health(); h.OK() || !slices.Equal(h.Unreserved, []zones.Name{orgName}) {
			t.Errorf("health: %+v", h)
		}
		if d, _ := s.Durable(orgName); d.Serial != 100 {
			t.Errorf("durable: %+v", d)
		}
		unreserved, _ := s.Version(orgName)
		go func() { waited <- s.WaitDurable(t.Context(), orgName, 108) }()
		after(time.Minute)
		if d, _ := s.Durable(orgName); d.Serial != 100 {
			t.Errorf("durable: %+v", d)
		}
		s.m.set(nil)
		after(time.Minute)
		if err := <-waited; err != nil {
			t.Error(err)
		}
		v, _ := s.Version(orgName)
		if v.Serial != 500 || !v.Durable || v.Unreserved {
			t.Errorf("version: %+v", v)
		}
		if v.Generation != unreserved.Generation {
			t.Errorf("generation %d when it had its serial, %d before", v.Generation, unreserved.Generation)
		}
		wantChain(t, s.m.disk, orgName, s.Catalog().Zone(orgName))
	})
}

// TestWaitForSerial: who waits for a serial under which other content is served now, waits for that.
func TestWaitForSerial(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{Block: 8})
		s.publish(t, Update{Zone: zone(org, 100, "www 192.0.2.1"), FileSerial: 100})
		synctest.Wait()
		gates := make(chan chan struct{})
		s.m.set(func(op string, _ []zones.Name) error {
			if op == "reserve" {
				return errFull
			}
			gate := make(chan struct{})
			gates <- gate
			<-gate
			return nil
		})
		s.publish(t, Update{Zone: zone("other.example.", 1), FileSerial: 1})
		other := <-gates // meanwhile nothing else is journaled
		for i := range 8 {
			s.flip(t, org, change(org, "www", fmt.Sprintf("%04d", i)))
		}
		close(other)
		first := <-gates // serial 108 is being journaled
		s.flip(t, org, change(org, "www", "9999"))
		if v, _ := s.Version(orgName); v.Serial != 108 || !v.Unreserved {
			t.Fatalf("version: %+v", v)
		}
		waited := make(chan error, 1)
		go func() { waited <- s.WaitDurable(t.Context(), orgName, 108) }()
		synctest.Wait()
		close(first)
		second := <-gates
		if d, _ := s.Durable(orgName); d.Serial != 108 || content(d.Zone) == content(s.Catalog().Zone(orgName)) {
			t.Errorf("durable: %+v", d)
		}
		after(time.Minute)
		select {
		case err := <-waited:
			t.Errorf("did not wait: %v", err)
		default:
		}
		s.m.set(nil)
		close(second)
		if err := <-waited; err != nil {
			t.Error(err)
		}
		if d, _ := s.Durable(orgName); d.Serial != 109 || d.Zone != s.Catalog().Zone(orgName) {
			t.Errorf("durable: %+v", d)
		}
	})
}

// TestReasonsKept: a write that failed does not lose why.
func TestReasonsKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		s.publish(t, Update{Zone: zone(org, 1), FileSerial: 1, Reasons: []string{"added"}})
		synctest.Wait()
		s.m.set(full)
		for i, why := range []string{"a down", "b down", "c down"} {
			if _, err := s.PublishChanges(orgName, []zones.Change{change(org, "www", fmt.Sprintf("%04d", i))}, []string{why}); err != nil {
				t.Fatal(err)
			}
			after(time.Second)
		}
		s.m.set(nil)
		after(time.Minute)
		es := s.m.journal[orgName]
		if got, want := es[len(es)-1].Reasons, []string{"a down", "b down", "c down"}; len(es) != 2 || !slices.Equal(got, want) {
			t.Errorf("%d entries, the last because of %q, want %q", len(es), got, want)
		}
	})
}

// TestWrongMemory: a journaled version that is not what we take it for is read again from the store.
func TestWrongMemory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		s.publish(t, Update{Zone: zone(org, 1), FileSerial: 1})
		synctest.Wait()
		s.mu.Lock()
		s.zones[orgName].journaled.zone = zone(org, 1, "never 192.0.2.1")
		s.mu.Unlock()
		s.flip(t, org, change(org, "www", "1234"))
		after(time.Minute)
		if v, _ := s.Version(orgName); !v.Durable {
			t.Errorf("version: %+v", v)
		}
		wantChain(t, s.m.disk, orgName, s.Catalog().Zone(orgName))
	})
}

// TestSignalAtOnce: subscribers hear of a swap while the disk hangs.
func TestSignalAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		s.publish(t, Update{Zone: zone(org, 1), FileSerial: 1})
		synctest.Wait()
		release := make(chan struct{})
		s.m.set(func(string, []zones.Name) error { <-release; return nil })
		signal, cancel := s.Subscribe()
		defer cancel()
		<-signal
		s.flip(t, org, change(org, "www", "1234"))
		synctest.Wait()
		select {
		case <-signal:
		default:
			t.Error("no signal")
		}
		close(release)
	})
}

// TestDoneButFailed: a write that was done and said to have failed is not done again.
func TestDoneButFailed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		s.publish(t, Update{Zone: zone(org, 1), FileSerial: 1})
		synctest.Wait()
		s.m.mu.Lock()
		s.m.after = func(string) error { return errors.New("fsync: input/output error") }
		s.m.mu.Unlock()
		s.flip(t, org, change(org, "www", "1234"))
		synctest.Wait()
		if v, _ := s.Version(orgName); !v.Durable {
			t.Errorf("version: %+v", v)
		}
		s.flip(t, org, change(org, "www", "5678"))
		after(time.Minute)
		s.m.mu.Lock()
		s.m.after = nil
		s.m.mu.Unlock()
		s.flip(t, org, change(org, "www", "9999"))
		after(time.Minute)
		if n := len(s.m.journal[orgName]); n != 4 {
			t.Errorf("%d journal entries, want 4", n)
		}
		wantChain(t, s.m.disk, orgName, s.Catalog().Zone(orgName))
		if h := s.Health(); !h.OK() {
			t.Errorf("health: %+v", h)
		}
	})
}

// TestOneBadZone: a zone that cannot be written holds up no other.
func TestOneBadZone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		bad := zones.MustParseName("z3.example.")
		s.m.set(func(op string, origins []zones.Name) error {
			if op == "append" && slices.Contains(origins, bad) {
				return errors.New("value too large")
			}
			return nil
		})
		var us []Update
		for i := range 10 {
			us = append(us, Update{Zone: zone(fmt.Sprintf("z%d.example.", i), 1), FileSerial: 1})
		}
		s.publish(t, us...)
		after(time.Minute)
		for i := range 10 {
			origin := zones.MustParseName(fmt.Sprintf("z%d.example.", i))
			if v, _ := s.Version(origin); v.Durable != (origin != bad) {
				t.Errorf("%s: durable is %t", origin, v.Durable)
			}
		}
		if h := s.Health(); h.OK() || h.Pending != 1 {
			t.Errorf("health: %+v", h)
		}
		if err := s.shutdown(); err == nil || !strings.Contains(err.Error(), "1 zones (z3.example. …) are not in the journal: value too large") {
			t.Errorf("error is %v", err)
		}
	})
}

// TestStopWithHangingWrite: Run ends although the store does not.
func TestStopWithHangingWrite(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		s.publish(t, Update{Zone: zone(org, 1), FileSerial: 1})
		synctest.Wait()
		release := make(chan struct{})
		s.m.set(func(string, []zones.Name) error { <-release; return errFull })
		s.flip(t, org, change(org, "www", "1234"))
		synctest.Wait()
		if err := s.shutdown(); err == nil || !strings.Contains(err.Error(), "does not come back") {
			t.Errorf("error is %v", err)
		}
		close(release)
		synctest.Wait()
	})
}

// TestForgottenBehind: a store that lost the zone's journal gets the zone as a whole.
func TestForgottenBehind(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		s.publish(t, Update{Zone: zone(org, 1), FileSerial: 1})
		synctest.Wait()
		s.m.forget(orgName)
		s.flip(t, org, change(org, "www", "1234"))
		after(time.Minute)
		if v, _ := s.Version(orgName); !v.Durable || v.Serial != 2 {
			t.Errorf("version: %+v", v)
		}
		wantChain(t, s.m.disk, orgName, s.Catalog().Zone(orgName))
		// The same while the zone is removed.
		s.Remove(orgName)
		s.m.forget(orgName)
		s.publish(t, Update{Zone: zone(org, 1), FileSerial: 1})
		after(time.Minute)
		if v, _ := s.Version(orgName); !v.Durable || v.Serial != 3 {
			t.Errorf("version: %+v", v)
		}
		wantChain(t, s.m.disk, orgName, s.Catalog().Zone(orgName))
	})
}

// TestOtherWriter: a journal that somebody else continued is followed, with serials above.
func TestOtherWriter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDisk()
		s := start(t, d, Options{})
		s.publish(t, Update{Zone: zone(org, 1), FileSerial: 1})
		synctest.Wait()
		other := zone(org, 90, "other 192.0.2.1")
		v := Journal{Origin: orgName, Prev: 1, Generation: 7, From: 1, To: 90, Zone: other, Changes: zones.Diff(d.image[orgName], other)}
		if err := s.m.AppendServed(t.Context(), []Journal{v}); err != nil {
			t.Fatal(err)
		}
		s.flip(t, org, change(org, "www", "1234"))
		after(time.Minute)
		got, _ := s.Version(orgName)
		if !got.Durable || got.Serial != 91 || got.Generation != 8 {
			t.Errorf("version: %+v", got)
		}
		wantChain(t, d, orgName, s.Catalog().Zone(orgName))
	})
}
