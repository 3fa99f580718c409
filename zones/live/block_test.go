package live

import (
	"testing"
	"testing/synctest"

	"github.com/mangrove-dns/mangrove/zones"
)

// TestBlockAcrossCrashes: each crash makes zones go on above what may have been served, also when the run after it ends before
// it has recorded anything; a quiet moment makes the block an ordinary one again, and a clean stop takes it back.
func TestBlockAcrossCrashes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDisk()
		s := start(t, d, Options{Block: 8})
		served, idle := Update{Zone: zone(org, 10), FileSerial: 10}, Update{Zone: zone("idle.", 5), FileSerial: 5}
		s.publish(t, served, idle)
		synctest.Wait()
		s.kill()
		if d.block != 8 {
			t.Fatalf("block %d after a crash, want 8", d.block)
		}

		s = start(t, d, Options{Block: 8})
		s.m.set(func(op string, _ []zones.Name) error {
			if op == "append" {
				return errFull
			}
			return nil
		})
		s.publish(t, served) // and idle is not there any more
		synctest.Wait()
		if got := s.serial(org); got != 19 || d.block != 16 {
			t.Fatalf("serial %d, block %d, want 19 above the block of 8, and 16", got, d.block)
		}
		s.m.set(func(string, []zones.Name) error { return errFull })
		for range 3 { // up to what the larger block allows
			s.flip(t, org, change(org, "www", "1234"))
			s.flip(t, org, change(org, "www"))
		}
		before := s.serial(org)
		s.kill()

		s = start(t, d, Options{Block: 8})
		s.publish(t, served)
		if got := s.serial(org); !newer(got, before) {
			t.Errorf("serial %d after %d", got, before)
		}
		synctest.Wait()
		idleName := zones.MustParseName("idle.")
		if h := d.heads[idleName]; d.block != 8 || newer(5+16, h.Reserved) {
			t.Errorf("block %d, want 8; the zone that is not served is reserved up to %d, want at least 21", d.block, h.Reserved)
		}
		at := s.serial(org)
		if err := s.shutdown(); err != nil {
			t.Fatal(err)
		}
		if h := d.heads[orgName]; d.block != 0 || h.Reserved != at {
			t.Errorf("block %d, reserved %d after a clean stop, want 0 and %d", d.block, h.Reserved, at)
		}

		s = start(t, d, Options{Block: 8})
		s.publish(t, served, idle)
		if got := s.serial(org); got != at {
			t.Errorf("serial %d after a clean restart, want %d", got, at)
		}
		if got := s.serial("idle."); newer(21, got) {
			t.Errorf("the zone that returns has serial %d, want one above 21", got)
		}
	})
}

// TestNothingReserved: zones that the store never knew, and those that are as they were journaled, are served without a write for
// each.
func TestNothingReserved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDisk()
		for range 2 {
			s := start(t, d, Options{})
			s.m.set(func(op string, _ []zones.Name) error {
				if op == "reserve" {
					t.Error("serials were reserved")
				}
				return nil
			})
			s.publish(t, Update{Zone: zone(org, 10), FileSerial: 10}, Update{Zone: zone("other.", 0), FileSerial: 0})
			synctest.Wait()
			s.flip(t, org, change(org, "www", "1234"))
			s.flip(t, org, change(org, "www"))
			synctest.Wait()
			if err := s.shutdown(); err != nil {
				t.Fatal(err)
			}
		}
		if h := d.heads[orgName]; h.Serial != 14 || h.Reserved != 14 {
			t.Errorf("head %+v, want serial 14", h)
		}
	})
}

// TestContentKnown: what identifies the content saves looking at it, and a flip makes it unknown.
func TestContentKnown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDisk()
		u := Update{Zone: zone(org, 10), FileSerial: 10, FileVersion: "v1", Content: "as read"}
		for i, st := range []struct {
			u      Update
			flip   bool
			reads  bool // the zones are compared
			serial uint32
		}{
			{u, false, false, 10},
			{u, true, false, 10}, // and 11, by the flip
			{Update{Zone: zone(org, 10, "www 49.50.51.52"), FileSerial: 10, FileVersion: "v1", Content: "as read"}, false, true, 11},
			{Update{Zone: zone(org, 10, "www 49.50.51.52"), FileSerial: 10, FileVersion: "v1", Content: "withdrawn"}, false, true, 11},
			{Update{Zone: zone(org, 10, "www 192.0.2.1"), FileSerial: 10, FileVersion: "v1", Content: "other"}, false, true, 12},
			{Update{Zone: zone(org, 10, "www 192.0.2.1"), FileSerial: 10, FileVersion: "v1", Content: "other"}, false, false, 12},
		} {
			s := start(t, d, Options{})
			s.m.mu.Lock()
			compared := s.m.compared
			s.m.mu.Unlock()
			s.publish(t, st.u)
			if got := s.serial(org); got != st.serial || (s.m.compared > compared) != st.reads {
				t.Errorf("%d: serial %d, want %d; %d compared", i, got, st.serial, s.m.compared-compared)
			}
			if st.flip {
				s.flip(t, org, change(org, "www", "1234"))
			}
			synctest.Wait()
			if err := s.shutdown(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
