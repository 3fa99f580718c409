package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/healthcheck"
	"github.com/mangrove-dns/mangrove/zones"
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
	if problems := cfg.parse([]byte("listen: 127.0.0.1:0\nprivate_targets: 127.0.0.0/8\n")); len(problems) > 0 {
		t.Fatal(problems)
	}
	return cfg
}

const twoTargets = "$TTL 60\n@ SOA ns1 h 1 3600 600 86400 60\n@ NS ns.example.net.\n@ NS ns.example.org.\nwww A 127.0.0.2\nwww A 127.0.0.3\n"

// A zone that can't be served does not keep a verdict from the others.
func TestFlipsReachEveryZone(t *testing.T) {
	cfg := testConfig(t, map[string]string{
		"a.test.zone": twoTargets, "a.test.yaml": "health: {www: tcp:1}\n",
		"b.test.zone": twoTargets, "b.test.yaml": "health: {www: tcp:1}\n",
	})
	log := slog.New(slog.DiscardHandler)
	a, err := openApp(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
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

// To be stopped while it reads is no failure.
func TestServeStoppedWhileLoading(t *testing.T) {
	cfg := testConfig(t, map[string]string{"a.test.zone": twoTargets})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := serve(ctx, cfg, slog.New(slog.DiscardHandler), nil); err != nil {
		t.Errorf("got %v", err)
	}
}
