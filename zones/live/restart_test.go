package live

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// TestCleanRestart: the same content keeps its serial, and no serial is lost.
func TestCleanRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDisk()
		s := start(t, d, Options{})
		s.publish(t, Update{Zone: zone(org, 10, "www 192.0.2.1"), FileSerial: 10, FileVersion: "v1"})
		s.flip(t, org, change(org, "www", "1234"))
		served := s.Catalog().Zone(orgName)
		if err := s.shutdown(); err != nil {
			t.Fatal(err)
		}
		if h := d.heads[orgName]; h.Reserved != 11 || h.Serial != 11 {
			t.Errorf("after a clean stop: %+v", h)
		}
		entries := len(d.journal[orgName])

		s = start(t, d, Options{})
		s.publish(t, Update{Zone: served, FileSerial: 10, FileVersion: "v1"})
		if v, _ := s.Version(orgName); v.Serial != 11 || !v.Durable || v.Generation != d.heads[orgName].Generation {
			t.Errorf("version: %+v", v)
		}
		synctest.Wait()
		if got := len(d.journal[orgName]); got != entries {
			t.Errorf("%d journal entries, were %d", got, entries)
		}
		s.flip(t, org, change(org, "www", "5678"))
		if got := s.serial(org); got != 12 {
			t.Errorf("serial %d, want 12", got)
		}
		synctest.Wait()
		wantChain(t, d, orgName, s.Catalog().Zone(orgName))
		if err := s.shutdown(); err != nil {
			t.Fatal(err)
		}

		// Other content goes on from the journaled one.
		s = start(t, d, Options{})
		res := s.publish(t, Update{Zone: zone(org, 10, "www 192.0.2.7"), FileSerial: 10, FileVersion: "v2"})
		if got := s.serial(org); got != 13 || len(res.Warnings) != 1 {
			t.Errorf("serial %d, want 13; warnings %v", got, res.Warnings)
		}
		synctest.Wait()
		if es := d.journal[orgName]; es[len(es)-1].Whole || es[len(es)-1].From != 12 {
			t.Errorf("journaled as %+v", es[len(es)-1])
		}
		wantChain(t, d, orgName, s.Catalog().Zone(orgName))
	})
}

// TestCrash: serials go on above the block, whatever was journaled.
func TestCrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDisk()
		s := start(t, d, Options{Block: 8})
		s.publish(t, Update{Zone: zone(org, 10, "www 192.0.2.1"), FileSerial: 10})
		synctest.Wait()
		s.m.set(full)
		for i := range 5 {
			s.flip(t, org, change(org, "www", string(rune('0'+i))+"234"))
		}
		if got := s.serial(org); got != 15 {
			t.Fatalf("serial %d, want 15", got)
		}
		s.kill()
		reserved := d.reserved(d.heads[orgName])
		if reserved < 15 {
			t.Fatalf("serial 15 was served, %d is reserved", reserved)
		}

		// The content that is journaled.
		s = start(t, d, Options{Block: 8})
		release := s.m.hold("append")
		s.publish(t, Update{Zone: zone(org, 10, "www 192.0.2.1"), FileSerial: 10})
		if got := s.serial(org); got != succ(reserved) {
			t.Errorf("serial %d, want %d", got, succ(reserved))
		}
		if v, ok := s.Durable(orgName); !ok || v.Serial != 10 || content(v.Zone) != content(s.Catalog().Zone(orgName)) {
			t.Errorf("durable: %+v, %t", v, ok)
		}
		release()
		synctest.Wait()
		wantChain(t, d, orgName, s.Catalog().Zone(orgName))
		if e := d.journal[orgName][1]; e.Whole || len(e.Changes) != 1 {
			t.Errorf("journaled as %+v", e)
		}
		s.kill()

		// Other content; a file that rose, but not beyond the block; a file beyond.
		for _, c := range []struct {
			file, want uint32
			addr       string
		}{{11, 0, "192.0.2.2"}, {500, 500, "192.0.2.3"}} {
			want := c.want
			if want == 0 {
				want = succ(d.reserved(d.heads[orgName]))
			}
			s = start(t, d, Options{Block: 8})
			s.publish(t, Update{Zone: zone(org, c.file, "www "+c.addr), FileSerial: c.file})
			if got := s.serial(org); got != want {
				t.Errorf("file %d: serial %d, want %d", c.file, got, want)
			}
			synctest.Wait()
			wantChain(t, d, orgName, s.Catalog().Zone(orgName))
			s.kill()
		}
	})
}

// TestStartOnFullDisk: what was served before is served, with serials that do not go back; nothing is durable that is not.
func TestStartOnFullDisk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDisk()
		s := start(t, d, Options{})
		s.publish(t, Update{Zone: zone("same.", 10), FileSerial: 10}, Update{Zone: zone("other.", 10), FileSerial: 10})
		synctest.Wait()
		if err := s.shutdown(); err != nil {
			t.Fatal(err)
		}
		m := &mount{disk: d}
		m.set(full)
		s = boot(t, m, Options{})
		t.Cleanup(s.kill)
		began := time.Now()
		s.publish(t, Update{Zone: zone("same.", 10), FileSerial: 10}, Update{Zone: zone("other.", 11, "www 192.0.2.1"), FileSerial: 11},
			Update{Zone: zone("new.", 7), FileSerial: 7})
		if d := time.Since(began); d > s.opts.ReserveWait {
			t.Errorf("it took %s", d)
		}
		for origin, want := range map[string]Version{"same.": {Serial: 10, Durable: true}, "other.": {Serial: 10, Unreserved: true}, "new.": {Serial: 7}} {
			v, _ := s.Version(zones.MustParseName(origin))
			if v.Serial != want.Serial || v.Durable != want.Durable || v.Unreserved != want.Unreserved {
				t.Errorf("%s: %+v, want %+v", origin, v, want)
			}
		}
		m.set(nil)
		after(time.Minute)
		for origin, want := range map[string]uint32{"same.": 10, "other.": 11, "new.": 7} {
			name := zones.MustParseName(origin)
			v, _ := s.Version(name)
			if v.Serial != want || !v.Durable || v.Unreserved {
				t.Errorf("%s: %+v, want serial %d", origin, v, want)
			}
			wantChain(t, d, name, s.Catalog().Zone(name))
		}
	})
}

// TestUnreadableJournal: a journaled version that cannot be read back does not keep the next one from becoming durable.
func TestUnreadableJournal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDisk()
		s := start(t, d, Options{})
		s.publish(t, Update{Zone: zone(org, 10), FileSerial: 10})
		if err := s.shutdown(); err != nil {
			t.Fatal(err)
		}
		m := &mount{disk: d}
		s = boot(t, m, Options{})
		t.Cleanup(s.kill)
		m.mu.Lock()
		m.reads = errors.New("damaged")
		m.mu.Unlock()
		s.publish(t, Update{Zone: zone(org, 10), FileSerial: 10})
		synctest.Wait()
		if v, _ := s.Version(orgName); v.Serial != 11 || !v.Durable {
			t.Errorf("version: %+v", v)
		}
		if es := d.journal[orgName]; len(es) != 2 || !es[1].Whole {
			t.Errorf("journaled as %+v", es)
		}
	})
}

func TestRunOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		synctest.Wait()
		if err := s.Run(t.Context()); err == nil {
			t.Error("a second Run began")
		}
		if err := s.shutdown(); err != nil {
			t.Fatal(err)
		}
		if err := s.Run(t.Context()); err == nil {
			t.Error("Run began after it had ended")
		}
	})
}
