package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/healthcheck"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/store"
)

// testConfig is the configuration of a directory with zones, whose records point at loopback.
func testConfig(t *testing.T, files map[string]string) *config {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Join(dir, "zones"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "zones", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := defaultConfig()
	cfg.path = filepath.Join(dir, "mangrove.yaml")
	if problems := cfg.parse([]byte("listen: 127.0.0.1:0\nprivate_targets: 127.0.0.0/8\ncheck_defaults: {interval: 200ms, fast_interval: 50ms, down_interval: 200ms, timeout: 100ms}\n")); len(problems) > 0 {
		t.Fatal(problems)
	}
	return cfg
}

// testApp opens what serve runs, without running it, until the test ends.
func testApp(t *testing.T, cfg *config) *app {
	t.Helper()
	a, err := openApp(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

const twoTargets = "$TTL 60\n@ SOA ns1 h 1 3600 600 86400 60\n@ NS ns.example.net.\n@ NS ns.example.org.\nwww A 127.0.0.2\nwww A 127.0.0.3\n"

// A zone that can't be served does not keep a verdict from the others.
func TestFlipsReachEveryZone(t *testing.T) {
	cfg := testConfig(t, map[string]string{
		"a.test.zone": twoTargets, "a.test.yaml": "health: {www: tcp:1}\n",
		"b.test.zone": twoTargets, "b.test.yaml": "health: {www: tcp:1}\n",
	})
	a := testApp(t, cfg)
	a.monitor = healthcheck.New(healthcheck.Options{Probe: func(_ context.Context, w healthcheck.Watch) healthcheck.Result {
		if w.Target.String() == "127.0.0.2" {
			return healthcheck.Result{Err: errors.New("it is dead")}
		}
		return healthcheck.Result{}
	}})
	_, stop := context.WithCancelCause(t.Context())
	journal := startStage(t.Context(), stop, a.live.Run)
	if err := a.loadAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.live.Remove(zones.MustParseName("a.test"))
	probes := startStage(t.Context(), stop, a.monitor.Run)

	www := zones.MustParseName("www.b.test")
	for deadline := time.After(30 * time.Second); ; {
		select {
		case <-a.monitor.Changed():
		case <-deadline:
			t.Fatal("no verdict")
		}
		err := a.publishFlips()
		set, _ := a.live.Catalog().Zone(zones.MustParseName("b.test")).RRset(www, dns.TypeA)
		if slices.Equal(set.Texts(), []string{"127.0.0.3"}) {
			if err == nil || !strings.Contains(err.Error(), "a.test.") {
				t.Errorf("got %v, want that a.test could not be published", err)
			}
			break
		}
	}
	for _, s := range []*stage{probes, journal} {
		if err := s.end(); err != nil {
			t.Error(err)
		}
	}
}

// A CNAME moves to the first of its named targets that answers, and stays at the zone's own where none does.
func TestCNAMEFailover(t *testing.T) {
	cfg := testConfig(t, map[string]string{
		"a.test.zone": "$TTL 300\n@ SOA ns1 h 1 3600 600 86400 60\n@ NS ns.example.net.\n@ NS ns.example.org.\napi CNAME eu.lb.example.net.\n",
		"a.test.yaml": "health:\n  api: {check: https, policy: failover, targets: [eu.lb.example.net., us.lb.example.net.]}\n",
	})
	a := testApp(t, cfg)
	var dead sync.Map
	a.monitor = healthcheck.New(healthcheck.Options{Probe: func(_ context.Context, w healthcheck.Watch) healthcheck.Result {
		if w.Host != "api.a.test" {
			return healthcheck.Result{Err: errors.New("asked for " + w.Host)}
		}
		if _, is := dead.Load(w.Target.String()); is {
			return healthcheck.Result{Err: errors.New("it is dead")}
		}
		return healthcheck.Result{}
	}})
	_, stop := context.WithCancelCause(t.Context())
	journal := startStage(t.Context(), stop, a.live.Run)
	dead.Store("eu.lb.example.net.", true)
	if err := a.loadAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	probes := startStage(t.Context(), stop, a.monitor.Run)
	until := func(want string) {
		t.Helper()
		for deadline := time.After(60 * time.Second); ; {
			set, _ := a.live.Catalog().Zone(zones.MustParseName("a.test")).RRset(zones.MustParseName("api.a.test"), dns.TypeCNAME)
			if got := set.Texts(); slices.Equal(got, []string{want}) && set.TTL == 60 {
				return
			}
			select {
			case <-a.monitor.Changed():
			case <-deadline:
				t.Fatalf("api points at %v with TTL %d, want %s with 60", set.Texts(), set.TTL, want)
			}
			if err := a.publishFlips(); err != nil {
				t.Fatal(err)
			}
		}
	}
	until("us.lb.example.net.")
	dead.Store("us.lb.example.net.", true)
	until("eu.lb.example.net.")
	for _, s := range []*stage{probes, journal} {
		if err := s.end(); err != nil {
			t.Error(err)
		}
	}
}

// To be stopped while it reads is no failure.
func TestServeStoppedWhileLoading(t *testing.T) {
	cfg := testConfig(t, map[string]string{"a.test.zone": twoTargets})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := serve(ctx, cfg, slog.New(slog.DiscardHandler), nil, nil); err != nil {
		t.Errorf("got %v", err)
	}
}

// faultyStore can't tell the last good version of any zone.
type faultyStore struct{ store.Store }

func (faultyStore) Loaded(context.Context, zones.Name) (store.Loaded, error) {
	return store.Loaded{}, store.ErrCorrupt
}

// A zone that is good is served although its NAME.yaml is not, and the store can't tell what was good before.
func TestBrokenRulesAndStore(t *testing.T) {
	cfg := testConfig(t, map[string]string{"a.test.zone": twoTargets, "a.test.yaml": "health: {nope: tcp:1}\n"})
	a := testApp(t, cfg)
	a.sources.store = faultyStore{a.store}
	_, stop := context.WithCancelCause(t.Context())
	journal := startStage(t.Context(), stop, a.live.Run)
	if err := a.loadAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a.live.Catalog().Zone(zones.MustParseName("a.test")) == nil {
		t.Error("the zone is not served")
	}
	if err := journal.end(); err != nil {
		t.Error(err)
	}
}
