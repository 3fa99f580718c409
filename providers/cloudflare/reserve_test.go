package cloudflare_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	emulator "github.com/mangrove-dns/mangrove/integration/emulator/cloudflare"
	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/cloudflare"
)

// scarce is a client to which the API says, once it is on, that few calls are left.
type scarce struct{ on atomic.Bool }

func (s *scarce) Do(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultClient.Do(req)
	if err == nil && s.on.Load() {
		resp.Header.Set("Ratelimit", `"default";r=4;t=200`)
	}
	return resp, err
}

// With what is kept for health alone left, a verdict is written and read back; other reading has to wait.
func TestReserveReachesFromReadingToReadingBack(t *testing.T) {
	var client scarce
	r := newRig(t, emulator.Options{}, func(o *cloudflare.Options) { o.Account.HTTPClient = &client })
	c := r.change("", "www 300 IN A 192.0.2.1")
	c.Health = true
	snap := r.snapshot()
	client.on.Store(true)
	if err := r.driver.Apply(t.Context(), origin, snap, []providers.Change{c}); err != nil {
		t.Fatal(err)
	}
	if got := r.snapshot(); len(got.RRsets) != len(snap.RRsets)+1 {
		t.Errorf("read back %v", got.RRsets)
	}
	if _, err := r.driver.Snapshot(t.Context(), origin); !errors.Is(err, providers.ErrRateLimited) {
		t.Errorf("a second reading: %v, want ErrRateLimited", err)
	}
}
