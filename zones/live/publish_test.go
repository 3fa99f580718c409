package live

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/miekg/dns"
)

func TestPublish(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		steps := []struct {
			name   string
			do     func() Result
			serial uint32
			made   int // versions
		}{
			{"first: the file's serial", func() Result { return s.publish(t, Update{Zone: zone(org, 10, "www 192.0.2.1"), FileSerial: 10}) }, 10, 1},
			{"the same", func() Result { return s.publish(t, Update{Zone: zone(org, 10, "www 192.0.2.1"), FileSerial: 10}) }, 10, 0},
			{"the serial alone", func() Result { return s.publish(t, Update{Zone: zone(org, 20, "www 192.0.2.1"), FileSerial: 10}) }, 10, 0},
			{"content, file as before", func() Result { return s.publish(t, Update{Zone: zone(org, 10, "www 192.0.2.2"), FileSerial: 10}) }, 11, 1},
			{"flip", func() Result { return s.flip(t, org, change(org, "www", "1234")) }, 12, 1},
			{"flip to what is served", func() Result { return s.flip(t, org, change(org, "www", "1234")) }, 12, 0},
			{"withdrawal of what is not there", func() Result { return s.flip(t, org, change(org, "nope")) }, 12, 0},
			{"no changes", func() Result { return s.flip(t, org) }, 12, 0},
			{"the file rises beyond", func() Result { return s.publish(t, Update{Zone: zone(org, 30), FileSerial: 30}) }, 30, 1},
			{"the file rises, but not beyond", func() Result { return s.publish(t, Update{Zone: zone(org, 29, "a 192.0.2.1"), FileSerial: 29}) }, 31, 1},
			{"the file jumps", func() Result {
				return s.publish(t, Update{Zone: zone(org, 2026112001, "b 192.0.2.1"), FileSerial: 2026112001})
			}, 2026112001, 1},
			{"the serial alone, for later", func() Result {
				return s.publish(t, Update{Zone: zone(org, 2026112101, "b 192.0.2.1"), FileSerial: 2026112101})
			}, 2026112001, 0},
		}
		for _, st := range steps {
			res := st.do()
			if got := s.serial(org); got != st.serial || len(res.Published) != st.made || res.Unchanged != 1-st.made {
				t.Errorf("%s: serial %d, %d published, %d unchanged; want serial %d, %d published", st.name, got, len(res.Published), res.Unchanged, st.serial, st.made)
			}
			v, ok := s.Version(orgName)
			if !ok || v.Serial != st.serial || v.Zone != s.Catalog().Zone(orgName) || v.Unreserved {
				t.Errorf("%s: version %+v", st.name, v)
			}
			synctest.Wait()
			if v, _ := s.Version(orgName); !v.Durable {
				t.Errorf("%s: is not durable", st.name)
			}
			if d, ok := s.Durable(orgName); !ok || d.Zone != s.Catalog().Zone(orgName) || !d.Durable {
				t.Errorf("%s: durable is %+v", st.name, d)
			}
			if got, want := text(s.m.image[orgName]), text(s.Catalog().Zone(orgName)); got != want {
				t.Errorf("%s: in the store\n%s", st.name, cmp.Diff(want, got))
			}
		}
		if h := s.Health(); !h.OK() || h.Pending != 0 || !h.PendingSince.IsZero() || !h.WriteSince.IsZero() {
			t.Errorf("health: %+v", h)
		}
	})
}

// TestAdoptLater: the file's serial that was not worth a version of its own is the next version's.
func TestAdoptLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		s.publish(t, Update{Zone: zone(org, 10), FileSerial: 10})
		synctest.Wait()
		s.publish(t, Update{Zone: zone(org, 100), FileSerial: 100})
		s.flip(t, org, change(org, "www", "1234"))
		if got := s.serial(org); got != 100 {
			t.Errorf("serial %d, want 100", got)
		}
	})
}

// TestWarnings: a file version whose serial did not rise is warned of, once, and a flip never.
func TestWarnings(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		for _, st := range []struct {
			name, version string
			file          uint32
			addr          string
			want          string
		}{
			{"first", "v1", 10, "192.0.2.1", ""},
			{"a flip", "v1", 10, "192.0.2.2", ""},
			{"stays", "v2", 10, "192.0.2.3", "serial 10 of the changed file is not newer than the one before, 10"},
			{"the same file again", "v2", 10, "192.0.2.4", ""},
			{"rises", "v3", 11, "192.0.2.5", ""},
			{"back", "v4", 5, "192.0.2.6", "serial 5 of the changed file is not newer than the one before, 11"},
			{"a comment was edited", "v5", 5, "192.0.2.6", ""},
			{"not from a file", "", 0, "192.0.2.7", ""},
		} {
			res := s.publish(t, Update{Zone: zone(org, st.file, "www "+st.addr), FileSerial: st.file, FileVersion: st.version})
			got := ""
			for _, w := range res.Warnings {
				got += w.Problem.Text
				if w.Origin != orgName || w.Problem.Severity != zones.Warning {
					t.Errorf("%s: %+v", st.name, w)
				}
			}
			if st.want == "" && got != "" || !strings.Contains(got, st.want) {
				t.Errorf("%s: warned %q, want %q", st.name, got, st.want)
			}
		}
	})
}

// TestTogether: the zones of one Publish appear together, those that cannot be served apart.
func TestTogether(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		signal, cancel := s.Subscribe()
		<-signal
		release := s.m.hold("append") // or both signals may come as one
		noSOA := zones.NewBuilder(zones.MustParseName("bad.example.")).Zone()
		res, err := s.Publish(t.Context(), []Update{
			{Zone: zone("a.example.", 1)}, {Zone: noSOA}, {Zone: zone("b.example.", 2), FileSerial: 2}, {Zone: zone("a.example.", 7, "x 192.0.2.1"), FileSerial: 7}})
		if err == nil || !strings.Contains(err.Error(), "bad.example.: the zone has no SOA record") {
			t.Errorf("error is %v", err)
		}
		if len(res.Published) != 2 || s.Catalog().Len() != 2 || s.serial("a.example.") != 7 || s.serial("b.example.") != 2 {
			t.Errorf("got %+v", res)
		}
		<-signal // or the bubble is deadlocked
		synctest.Wait()
		release()
		synctest.Wait()
		select {
		case <-signal: // durable
		default:
			t.Error("no signal when the versions became durable")
		}
		before := s.Catalog()
		s.publish(t, Update{Zone: zone("a.example.", 8), FileSerial: 8}, Update{Zone: zone("b.example.", 8, "y 192.0.2.1"), FileSerial: 8})
		if before.Zone(zones.MustParseName("a.example.")).Serial() != 7 {
			t.Error("a catalog changed")
		}
		cancel()
		synctest.Wait()
		select {
		case <-signal:
		default:
		}
		s.flip(t, "a.example.", change("a.example.", "q", "1234"))
		select {
		case <-signal:
			t.Error("a signal after cancel")
		default:
		}
	})
}

func TestChangesRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		s.publish(t, Update{Zone: zone(org, 1, "www 192.0.2.1"), FileSerial: 1})
		before := s.Catalog()
		soa := zones.Change{Name: orgName, Type: dns.TypeSOA}
		misnamed := change(org, "www", "1234")
		misnamed.New.Name = orgName
		for name, cs := range map[string][]zones.Change{
			"is not within the zone":         {change("example.com.", "www", "1234")},
			"is changed twice":               {change(org, "www", "1234"), change(org, "www")},
			"the zone would have no SOA":     {soa},
			"would become example.org. A":    {misnamed},
			"www.example.com. is not within": {change(org, "www", "1234"), change("example.com.", "www", "1234")},
		} {
			if _, err := s.PublishChanges(orgName, cs, nil); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("error is %v, want %q", err, name)
			}
		}
		if _, err := s.PublishChanges(zones.Root, nil, nil); !errors.Is(err, ErrNotServed) {
			t.Errorf("error is %v, want ErrNotServed", err)
		}
		if s.Catalog() != before {
			t.Error("something was published")
		}
		// A change of the SOA itself keeps the serials in order.
		synctest.Wait()
		soa.New, _ = s.Catalog().Zone(orgName).SOA()
		soa.New.TTL = 77
		soa.New = withSerial(soa.New, 0)
		s.flip(t, org, soa)
		if got, _ := s.Catalog().Zone(orgName).SOA(); got.TTL != 77 || s.serial(org) != 2 {
			t.Errorf("got %v", got)
		}
	})
}

func TestRemove(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		if s.Remove(orgName) {
			t.Error("removed what was not served")
		}
		s.publish(t, Update{Zone: zone(org, 5, "www 192.0.2.1"), FileSerial: 5}, Update{Zone: zone("other.", 1)})
		s.flip(t, org, change(org, "www", "1234"))
		synctest.Wait()
		s.m.set(full)
		s.flip(t, org, change(org, "www", "5678"))
		waited := make(chan error, 1)
		go func() { waited <- s.WaitDurable(t.Context(), orgName, 7) }()
		synctest.Wait()
		if !s.Remove(orgName) || s.Catalog().Len() != 1 || s.Catalog().Zone(orgName) != nil {
			t.Error("not removed")
		}
		if err := <-waited; !errors.Is(err, ErrNotServed) {
			t.Errorf("error is %v, want ErrNotServed", err)
		}
		if _, ok := s.Version(orgName); ok {
			t.Error("a version of what is not served")
		}
		if _, ok := s.Durable(orgName); ok {
			t.Error("a durable version of what is not served")
		}
		if _, err := s.PublishChanges(orgName, nil, nil); !errors.Is(err, ErrNotServed) {
			t.Errorf("error is %v, want ErrNotServed", err)
		}
		s.m.set(nil)
		after(s.opts.RetryMax)
		if h := s.Health(); !h.OK() || h.Pending > 0 {
			t.Errorf("health: %+v", h)
		}
		// It returns above what was served, with the content of the newest journaled version too.
		back, _ := zone(org, 5, "www 192.0.2.1").With([]zones.Change{change(org, "www", "1234")})
		s.publish(t, Update{Zone: back, FileSerial: 5})
		if got := s.serial(org); got != 8 {
			t.Errorf("serial %d, want 8", got)
		}
		synctest.Wait()
		s.Remove(orgName)
		s.publish(t, Update{Zone: back, FileSerial: 5})
		if v, _ := s.Version(orgName); v.Serial != 8 || !v.Durable {
			t.Errorf("the journaled version returned as %+v", v)
		}
	})
}

func TestWaitDurable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		s.publish(t, Update{Zone: zone(org, 1), FileSerial: 1})
		if err := s.WaitDurable(t.Context(), orgName, 1); err != nil {
			t.Fatal(err)
		}
		waited := make(chan error, 1)
		go func() { waited <- s.WaitDurable(t.Context(), orgName, 3) }()
		s.flip(t, org, change(org, "www", "1234"))
		synctest.Wait()
		select {
		case err := <-waited:
			t.Fatalf("did not wait for serial 3: %v", err)
		default:
		}
		s.flip(t, org, change(org, "www", "5678"))
		if err := <-waited; err != nil {
			t.Fatal(err)
		}
		go func() { waited <- s.WaitDurable(t.Context(), orgName, 100) }()
		synctest.Wait()
		if err := s.shutdown(); err != nil {
			t.Fatal(err)
		}
		if err := <-waited; !errors.Is(err, ErrStopped) {
			t.Errorf("error is %v, want ErrStopped", err)
		}
		if _, err := s.Publish(t.Context(), []Update{{Zone: zone(org, 9)}}); !errors.Is(err, ErrStopped) {
			t.Errorf("error is %v, want ErrStopped", err)
		}
		if _, err := s.PublishChanges(orgName, nil, nil); !errors.Is(err, ErrStopped) {
			t.Errorf("error is %v, want ErrStopped", err)
		}
	})
}

func TestNotRestored(t *testing.T) {
	m := &mount{disk: newDisk(), reads: errors.New("cannot read")}
	p := New(Options{Store: m})
	if err := p.Restore(t.Context()); err == nil {
		t.Error("restored from nothing")
	}
	if _, err := p.Publish(t.Context(), []Update{{Zone: zone(org, 9)}}); !errors.Is(err, ErrNotRestored) {
		t.Errorf("error is %v, want ErrNotRestored", err)
	}
}

// TestReasons: the journal says why, also for versions that became one entry.
func TestReasons(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		s.publish(t, Update{Zone: zone(org, 1), FileSerial: 1, Reasons: []string{"zone added"}})
		synctest.Wait()
		for _, why := range []string{"a down", "b down", "a down"} {
			if _, err := s.PublishChanges(orgName, []zones.Change{change(org, "x", why+"    ")}, []string{why}); err != nil {
				t.Fatal(err)
			}
		}
		v, _ := s.Version(orgName)
		if d := cmp.Diff([]string{"a down"}, v.Reasons); d != "" {
			t.Error(d)
		}
		synctest.Wait()
		var got []string
		for _, e := range s.m.journal[orgName] {
			got = append(got, e.Reasons...)
		}
		if want := []string{"zone added", "a down", "b down"}; !slices.Equal(slices.Compact(slices.Sorted(slices.Values(got))), slices.Sorted(slices.Values(want))) {
			t.Errorf("journaled %q, want each of %q", got, want)
		}
	})
	var r reasons
	for i := range 100 {
		r.add(string(rune('a' + i)))
	}
	if l := r.list(); len(l) != maxReasons+1 || l[maxReasons] != "and 36 more" {
		t.Errorf("got %d reasons, the last %q", len(l), l[len(l)-1])
	}
	later := reasons{texts: []string{"a", "later"}}
	later.before(reasons{texts: []string{"a", "b"}, more: 1})
	if d := cmp.Diff([]string{"a", "b", "later", "and 1 more"}, later.list()); d != "" {
		t.Error(d)
	}
}
