package integration

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mangrove-dns/mangrove/healthcheck"
	"github.com/mangrove-dns/mangrove/providers"
)

// TestDelays measures how long it takes from a closed port to the changed answer, and from there to the first call at a
// provider; with the default check and with a fast one. Nothing is asserted: these are numbers to read.
func TestDelays(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, defaults string
		check          healthcheck.Check
	}{
		{"default", "private_targets: [127.0.0.0/8]\n", healthcheck.Default()},
		{"fast", fastChecks, healthcheck.Check{Interval: 200 * time.Millisecond, FastInterval: 50 * time.Millisecond,
			Timeout: 10 * time.Second, Fall: healthcheck.Fall{Count: 2}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cf := newCloudflare(t, "example.com")
			port, targets := newTargets(t, at11, at12, at13)
			n := newNode(t, fmt.Sprintf("providers:\n  cf: %s\n%s", cf.config(), tt.defaults))
			n.env = append(n.env, secrets...)
			n.write("zones/example.com.zone", smallZone)
			n.write("zones/example.com.yaml", fmt.Sprintf("providers: [cf]\nhealth: {www: 'tcp:%d'}\n", port))
			n.must("push")
			n.start()
			eventually(t, "the mirror is in sync and the targets are up", func() (bool, string) {
				h := n.zone(mirrorZone).health(t, "www", "A")
				return h.Outcome == "3 of 3 up" && n.zone(mirrorZone).mirror(t, "cf").Phase == providers.InSync, h.Outcome
			})
			cf.ResetRequests()
			died := time.Now()
			targets[1].kill()
			changed := changedAt(t, n.addr, at12)
			mirrored := changedAt(t, cf.dns, at12)
			var read, wrote time.Duration
			for _, r := range slices.Backward(cf.Requests()) {
				if r.Method == "GET" {
					read = r.Time.Sub(changed)
				} else {
					wrote = r.Time.Sub(changed)
				}
			}
			t.Logf("from the closed port to the changed answer %v (budget %v); from there to the first call at the provider %v, "+
				"to the first that writes %v, to the changed answer of its name servers %v",
				changed.Sub(died).Round(time.Millisecond), healthcheck.Budget(tt.check), read.Round(time.Millisecond), wrote.Round(time.Millisecond),
				mirrored.Sub(changed).Round(time.Millisecond))
		})
	}
}

// changedAt returns when a server first answered www without an address. It asks as often as it can.
func changedAt(t *testing.T, addr, without string) time.Time {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		got := addresses(t, addr, "www."+mirrorZone)
		now := time.Now()
		if !slices.Contains(got, without) {
			return now
		}
		if now.After(deadline) {
			t.Fatalf("%s goes on answering %v", addr, got)
		}
	}
}
