package integration

import (
	"encoding/json"
	"testing"

	"github.com/mangrove-dns/mangrove/providers"
)

// The JSON forms that the commands print, as far as tests look at them.
type (
	statusReport struct {
		Running  bool
		Listen   []string
		Problems []string
		Restart  []string
		Zones    []zoneReport
	}
	zoneReport struct {
		Zone       string
		Serial     uint32
		FileSerial uint32 `json:"file_serial"`
		Durable    bool
		File       string
		State      string
		Problems   []string
		Health     []healthReport
		Mirrors    []providers.Status
	}
	healthReport struct {
		Name, Type, Outcome string
		FailOpen            bool `json:"fail_open"`
		TTL                 uint32
		Targets             []targetReport
	}
	targetReport struct {
		Target, Reason, Pending string
		Served                  bool
	}
	planReport struct {
		Provider, Type, Zone, Error string
		Plan                        *providers.Plan
	}
	pushReport struct {
		planReport
		Applied                   int
		Left, Unverified, Unasked []string
		Blocked                   []string
	}
)

func decode[T any](t testing.TB, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return v
}

func (n *node) status() statusReport {
	n.t.Helper()
	r := n.run("status", "--json")
	if r.code != 0 {
		n.t.Fatalf("mangrove status: %s", r)
	}
	return decode[statusReport](n.t, r.stdout)
}

// zone returns the status of one zone.
func (n *node) zone(name string) zoneReport {
	n.t.Helper()
	z, ok := n.find(name)
	if !ok {
		n.t.Fatalf("status has no zone %s", name)
	}
	return z
}

// find returns the status of a zone that may not be known yet.
func (n *node) find(name string) (zoneReport, bool) {
	n.t.Helper()
	for _, z := range n.status().Zones {
		if z.Zone == name {
			return z, true
		}
	}
	return zoneReport{}, false
}

// mirror returns the status of the zone at one provider.
func (z zoneReport) mirror(t testing.TB, provider string) providers.Status {
	t.Helper()
	for _, m := range z.Mirrors {
		if m.Provider == provider {
			return m
		}
	}
	t.Fatalf("status has no mirror of %s at %s", z.Zone, provider)
	return providers.Status{}
}

func (n *node) plans(args ...string) []planReport {
	n.t.Helper()
	return decode[[]planReport](n.t, n.run(append([]string{"plan", "--json"}, args...)...).stdout)
}

func (n *node) pushes(args ...string) []pushReport {
	n.t.Helper()
	return decode[[]pushReport](n.t, n.run(append([]string{"push", "--json"}, args...)...).stdout)
}

func (z zoneReport) health(t testing.TB, name, rrtype string) healthReport {
	t.Helper()
	for _, h := range z.Health {
		if h.Name == name && h.Type == rrtype {
			return h
		}
	}
	t.Fatalf("status says nothing of the health of %s %s: %+v", name, rrtype, z.Health)
	return healthReport{}
}

func (h healthReport) target(t testing.TB, addr string) targetReport {
	t.Helper()
	for _, g := range h.Targets {
		if g.Target == addr {
			return g
		}
	}
	t.Fatalf("no target %s in %+v", addr, h.Targets)
	return targetReport{}
}
