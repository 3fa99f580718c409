package live

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/mangrove-dns/mangrove/zones"
)

// layered publishes a zone, and changes until it needs compaction.
func layered(t *testing.T, s *server) {
	t.Helper()
	var texts []string
	for i := range 9_000 {
		texts = append(texts, fmt.Sprintf("h%d 192.0.2.1", i))
	}
	s.publish(t, Update{Zone: zone(org, 1, texts...), FileSerial: 1})
	for i := 0; !s.Catalog().Zone(orgName).NeedsCompaction(); i++ {
		if i == 100 {
			t.Fatal("a zone with very many changes does not need compaction")
		}
		var cs []zones.Change
		for j := range 100 {
			cs = append(cs, change(org, fmt.Sprintf("h%d", 100*i+j), "1234"))
		}
		s.flip(t, org, cs...)
	}
}

// holdCompactor lets zones wait for the compactor until the function that it returns is called.
func (s *server) holdCompactor() (release func()) {
	synctest.Wait() // it waits where it always does
	s.mu.Lock()
	defer s.mu.Unlock()
	compact := s.compact
	s.compact = make(chan *state, cap(compact))
	return func() {
		s.mu.Lock()
		held := s.compact
		s.compact = compact
		s.mu.Unlock()
		for len(held) > 0 {
			compact <- <-held
		}
	}
}

// TestCompaction: the compact zone takes the place of the served one, as the same version.
func TestCompaction(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		release := s.holdCompactor()
		layered(t, s)
		before, _ := s.Version(orgName)
		want := text(before.Zone)
		release()
		synctest.Wait()
		v, _ := s.Version(orgName)
		if v.Zone == before.Zone || v.Zone.NeedsCompaction() || v.Zone != s.Catalog().Zone(orgName) {
			t.Error("not compacted")
		}
		if text(v.Zone) != want || v.Serial != before.Serial || v.Generation != before.Generation || !v.Durable {
			t.Errorf("another version: %+v", v)
		}
		if d, ok := s.Durable(orgName); !ok || d.Zone != v.Zone {
			t.Errorf("durable: %+v", d)
		}
		s.flip(t, org, change(org, "new", "1234"))
		synctest.Wait()
		wantChain(t, s.m.disk, orgName, s.Catalog().Zone(orgName))
	})
}

// TestCompactionBehindChanges compacts a version that has been followed by others, journaled and not.
func TestCompactionBehindChanges(t *testing.T) {
	for _, journaled := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			s := start(t, newDisk(), Options{})
			letCompact := s.holdCompactor()
			layered(t, s)
			synctest.Wait()
			s.mu.Lock()
			z := s.zones[orgName]
			old := z.served
			s.mu.Unlock()
			release := make(chan struct{})
			if !journaled {
				s.m.set(func(string, []zones.Name) error { <-release; return nil })
			}
			s.flip(t, org, change(org, "new", "1234"))
			if journaled {
				letCompact() // what follows compacts again
				synctest.Wait()
			}
			want := text(s.Catalog().Zone(orgName))
			if err := s.replaceSame(z, old, old.Compact()); err != nil {
				t.Fatal(err)
			}
			v, _ := s.Version(orgName)
			if text(v.Zone) != want || v.Zone != s.Catalog().Zone(orgName) || v.Durable != journaled {
				t.Errorf("version: %+v", v)
			}
			if d, ok := s.Durable(orgName); journaled && (!ok || d.Zone != v.Zone) {
				t.Errorf("durable: %+v", d)
			}
			if !journaled {
				letCompact()
			}
			close(release)
			synctest.Wait()
			s.flip(t, org, change(org, "newer", "1234"))
			synctest.Wait()
			wantChain(t, s.m.disk, orgName, s.Catalog().Zone(orgName))
		})
	}
}
