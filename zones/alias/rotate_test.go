package alias

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
)

// A target with other addresses each time is asked for more and more seldom, and as often as before when it has settled.
func TestRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var times []string
		last, asked := begin, 0
		const settled = 15 // from this question on
		ask := func(_ context.Context, _ zones.Name, v6 bool) (Reply, error) {
			if v6 {
				return Reply{None: "NODATA"}, nil
			}
			times = append(times, time.Since(last).String())
			last = time.Now()
			asked = min(asked+1, settled)
			return Reply{Addrs: []netip.Addr{netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", asked))}, TTL: time.Second}, nil
		}
		k := New(Options{Ask: ask, Random: fixed(0)})
		k.Set(records("o. t."))
		start(t, k)
		rotating := func() time.Duration {
			s, _ := k.State(zones.MustParseName("t."))
			if s.Rotating != (s.Every > 0) {
				t.Errorf("rotating: %v, every %v", s.Rotating, s.Every)
			}
			return s.Every
		}
		time.Sleep(35 * time.Second)
		synctest.Wait()
		if got := rotating(); got != 0 {
			t.Errorf("after three changes it rotates: every %v", got)
		}
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if got := rotating(); got != 5*time.Minute {
			t.Errorf("asked every %v, want 5m", got)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := rotating(); got != 0 {
			t.Errorf("it has settled, and is asked every %v", got)
		}
		want := []string{"0s", "10s", "10s", "10s", "10s", "20s", "40s", "1m20s", "2m40s", "5m0s", "5m0s", "5m0s", "5m0s", "5m0s", "5m0s",
			"5m0s", "2m40s", "1m20s", "40s", "20s", "10s", "10s"}
		if d := cmp.Diff(want, times[:min(len(want), len(times))]); d != "" {
			t.Error(d)
		}
	})
}
