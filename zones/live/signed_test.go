package live

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/miekg/dns"
)

// signedZone is zone with a signature of its SOA record, which is of that serial alone.
func signedZone(t *testing.T, origin string, serial uint32, texts ...string) *zones.Zone {
	t.Helper()
	z := zone(origin, serial, texts...)
	rr, err := dns.NewRR(fmt.Sprintf("%s 300 IN RRSIG SOA 13 2 300 20400101000000 20200101000000 1 %s %032dAAAA", origin, origin, serial))
	if err != nil {
		t.Fatal(err)
	}
	sets, err := zones.FromRRs([]dns.RR{rr})
	if err != nil {
		t.Fatal(err)
	}
	z, err = z.With([]zones.Change{{Name: z.Origin(), Type: dns.TypeRRSIG, New: sets[0]}})
	if err != nil {
		t.Fatal(err)
	}
	if !fixed(z) {
		t.Fatal("the zone is not signed")
	}
	return z
}

// TestSigned: a signed zone is served as its file has it, whatever was served before, and the journal never has two contents
// under one serial.
func TestSigned(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		a, b := "www 192.0.2.1", "www 192.0.2.2"
		steps := []struct {
			name      string
			zone      *zones.Zone
			made      int
			warns     bool
			durable   bool
			journaled uint32
		}{
			{"first", signedZone(t, org, 10, a), 1, false, true, 10},
			{"the same", signedZone(t, org, 10, a), 0, false, true, 10},
			{"signed again", signedZone(t, org, 11, a), 1, false, true, 11},
			{"edited, the serial as before", signedZone(t, org, 11, b), 1, true, false, 11},
			{"read again", signedZone(t, org, 11, b), 0, false, false, 11},
			{"back", signedZone(t, org, 9, b), 1, true, false, 11},
			{"not yet beyond", signedZone(t, org, 11, "www 192.0.2.3"), 1, false, false, 11},
			{"beyond", signedZone(t, org, 12, b), 1, false, true, 12},
			{"jump", signedZone(t, org, 2026112001, b), 1, false, true, 2026112001},
			{"back again", signedZone(t, org, 2026112000, b), 1, true, false, 2026112001},
			{"not signed any more", zone(org, 2026112000, b), 1, true, true, 2026112002},
			{"and changed", zone(org, 2026112000, a), 1, true, true, 2026112003},
			{"signed, the serial not beyond", signedZone(t, org, 2026112003, a), 1, true, false, 2026112003},
		}
		for i, st := range steps {
			res := s.publish(t, Update{Zone: st.zone, FileSerial: st.zone.Serial(), FileVersion: fmt.Sprint(i)})
			synctest.Wait()
			v, _ := s.Version(orgName)
			if got, want := text(v.Zone), text(st.zone); fixed(st.zone) && got != want {
				t.Errorf("%s: what is served (-want +got)\n%s", st.name, cmp.Diff(want, got))
			}
			if got := s.Catalog().Zone(orgName); got != v.Zone {
				t.Errorf("%s: another zone answers", st.name)
			}
			if len(res.Published) != st.made || v.Durable != st.durable || v.Unreserved == st.durable || (len(res.Warnings) > 0) != st.warns {
				t.Errorf("%s: %d published, durable %t, unreserved %t, warnings %v; want %d, %t, %t, %t", st.name,
					len(res.Published), v.Durable, v.Unreserved, res.Warnings, st.made, st.durable, !st.durable, st.warns)
			}
			if h := s.m.heads[orgName]; h.Serial != st.journaled {
				t.Errorf("%s: serial %d is journaled, want %d", st.name, h.Serial, st.journaled)
			}
			if d, ok := s.Durable(orgName); !ok || d.Serial != st.journaled || text(d.Zone) != text(s.m.image[orgName]) {
				t.Errorf("%s: durable is serial %d, %t, want %d", st.name, d.Serial, ok, st.journaled)
			}
		}
		if h := s.Health(); h.Err != nil {
			t.Errorf("the store refused: %v", h.Err)
		}
		if err := s.shutdown(); err != nil {
			t.Error(err)
		}
	})
}

// TestSignedAcrossCrash: no start gives a signed zone another serial, and what the journal has is known again.
func TestSignedAcrossCrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDisk()
		z, edited := signedZone(t, org, 10, "www 192.0.2.1"), signedZone(t, org, 10, "www 192.0.2.2")
		for i, st := range []struct {
			zone    *zones.Zone
			durable bool
			warns   bool
			clean   bool
		}{{z, true, false, false}, {z, true, false, false}, {z, true, false, true}, {z, true, false, true}, {edited, false, true, false},
			{edited, false, true, true}, {z, true, false, true}} {
			s := start(t, d, Options{})
			res := s.publish(t, Update{Zone: st.zone, FileSerial: 10, FileVersion: text(st.zone)})
			synctest.Wait()
			v, _ := s.Version(orgName)
			if got, want := text(v.Zone), text(st.zone); got != want {
				t.Errorf("start %d: what is served (-want +got)\n%s", i, cmp.Diff(want, got))
			}
			if v.Durable != st.durable || (len(res.Warnings) > 0) != st.warns {
				t.Errorf("start %d: durable %t, warnings %v; want %t, %t", i, v.Durable, res.Warnings, st.durable, st.warns)
			}
			if got := len(d.journal[orgName]); got != 1 {
				t.Errorf("start %d: %d journal entries, want 1", i, got)
			}
			if st.clean {
				if err := s.shutdown(); err != nil {
					t.Errorf("start %d: stop: %v", i, err)
				}
			} else {
				s.kill()
			}
		}
	})
}

func TestSignedChanges(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		z := signedZone(t, org, 10, "www 192.0.2.1")
		s.publish(t, Update{Zone: z, FileSerial: 10})
		if _, err := s.PublishChanges(orgName, []zones.Change{change(org, "www", "1234")}, nil); !errors.Is(err, ErrSigned) || !strings.Contains(err.Error(), org) {
			t.Errorf("change: %v, want ErrSigned", err)
		}
		if res := s.flip(t, org, change(org, "www", "\xc0\x00\x02\x01")); res.Unchanged != 1 {
			t.Errorf("what is served already: %+v", res)
		}
		if got, want := text(s.Catalog().Zone(orgName)), text(z); got != want {
			t.Error(cmp.Diff(want, got))
		}
	})
}

// TestSignedBehindWrite: while a version is being written, another comes under its serial.
func TestSignedBehindWrite(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, newDisk(), Options{})
		s.publish(t, Update{Zone: signedZone(t, org, 10), FileSerial: 10})
		synctest.Wait()
		release := s.m.hold("append")
		s.publish(t, Update{Zone: signedZone(t, org, 11, "a 192.0.2.1"), FileSerial: 11})
		synctest.Wait()
		next := signedZone(t, org, 11, "b 192.0.2.1")
		s.publish(t, Update{Zone: next, FileSerial: 11})
		release()
		synctest.Wait()
		v, _ := s.Version(orgName)
		if v.Durable || !v.Unreserved || text(v.Zone) != text(next) {
			t.Errorf("version %+v", v)
		}
		if h := s.Health(); h.Err != nil || len(h.Unreserved) != 1 || h.Failures > 0 {
			t.Errorf("health %+v", h)
		}
		if d, _ := s.Durable(orgName); d.Serial != 11 || text(d.Zone) == text(next) {
			t.Errorf("durable %+v", d)
		}
	})
}
