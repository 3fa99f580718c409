package cloudflare_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	libcloudflare "github.com/libdns/cloudflare"
	"github.com/miekg/dns"

	emulator "github.com/mangrove-dns/mangrove/integration/emulator/cloudflare"
	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/cloudflare"
	"github.com/mangrove-dns/mangrove/providers/providertest"
	"github.com/mangrove-dns/mangrove/zones"
)

var origin = zones.MustParseName("example.com")

// rig is a driver before an emulator that holds example.com.
type rig struct {
	t *testing.T
	*emulator.Server
	endpoint *emulator.Endpoint
	driver   *cloudflare.Driver
}

func newRig(t *testing.T, eo emulator.Options, edit func(*cloudflare.Options)) *rig {
	t.Helper()
	if eo.Zones == nil {
		eo.Zones = []string{"example.com"}
	}
	s := emulator.New(eo)
	e, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	opts := cloudflare.Options{
		Account: &libcloudflare.Provider{APIToken: "test-token"}, BaseURL: e.URL,
		Nameservers: []providers.Nameserver{{Addr: e.DNS}},
	}
	if edit != nil {
		edit(&opts)
	}
	d, err := cloudflare.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t, s, e, d}
}

func (r *rig) snapshot() *providers.Snapshot {
	r.t.Helper()
	s, err := r.driver.Snapshot(r.t.Context(), origin)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// plan is what would bring the zone to the served text; overlay lines are "owner attr=value".
func (r *rig) plan(snap *providers.Snapshot, served string, overlay ...string) *providers.Plan {
	r.t.Helper()
	over := providers.Overlay{}
	for _, line := range overlay {
		owner, attr, _ := strings.Cut(line, " ")
		k, v, _ := strings.Cut(attr, "=")
		n, err := zones.ParseRelative(owner, origin)
		if err != nil {
			r.t.Fatal(err)
		}
		if over[n] == nil {
			over[n] = map[string]string{}
		}
		over[n][k] = v
	}
	state := providers.NewMirrorState()
	for _, s := range snap.RRsets { // everything there is ours
		state.Approved[providers.Key{Name: s.Name, Type: s.Type}] = s
	}
	return providers.MakePlan(providers.Input{Provider: "cf", Zone: origin, Driver: r.driver, State: state, Snapshot: snap,
		Served: providertest.MustZone("example.com", soa+served), Overlay: over, Now: time.Now()})
}

const soa = "@ 3600 IN SOA ns1.example.com. host.example.com. 1 3600 600 86400 60\n@ 3600 IN NS ns1.example.com.\n"

// push brings the zone to the served text, and sees to it that a second plan is empty and loses nothing.
func (r *rig) push(served string, overlay ...string) {
	r.t.Helper()
	snap := r.snapshot()
	p := r.plan(snap, served, overlay...)
	if err := r.driver.Apply(r.t.Context(), origin, snap, p.Changes()); err != nil {
		r.t.Fatalf("apply: %v", err)
	}
	after := r.plan(r.snapshot(), served, overlay...)
	if len(after.Lines) > 0 || len(after.Losses) > 0 {
		r.t.Fatalf("second plan: changes %+v, losses %+v", after.Lines, after.Losses)
	}
}

// held lists what the API holds, one line a record.
func (r *rig) held() []string {
	var out []string
	for _, rec := range r.Records("example.com") {
		line := fmt.Sprintf("%s %d %s %s", rec.Name, rec.TTL, rec.Type, rec.Content)
		if rec.Priority != nil {
			line = fmt.Sprintf("%s %d %s %d %s", rec.Name, rec.TTL, rec.Type, *rec.Priority, rec.Content)
		}
		if rec.Proxied {
			line += " proxied"
		}
		if rec.Comment != nil {
			line += " #" + *rec.Comment
		}
		if len(rec.Tags) > 0 {
			line += " " + strings.Join(rec.Tags, ",")
		}
		out = append(out, line)
	}
	return out
}

// create puts somebody's record there.
func (r *rig) create(fields map[string]any) string {
	r.t.Helper()
	rec, err := r.Create("example.com", fields)
	if err != nil {
		r.t.Fatal(err)
	}
	return rec.ID
}

// ask returns the canonical RDATA that the emulator's name servers answer, sorted.
func (r *rig) ask(name zones.Name, rrtype uint16) []string {
	r.t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name.String(), rrtype)
	c := dns.Client{Net: "tcp", Timeout: 5 * time.Second}
	in, _, err := c.ExchangeContext(r.t.Context(), m, r.endpoint.DNS)
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, rr := range in.Answer {
		if rr.Header().Rrtype == rrtype {
			rdata, err := zones.Rdata(rr)
			if err != nil {
				r.t.Fatal(err)
			}
			out = append(out, string(rdata))
		}
	}
	slices.Sort(out)
	return out
}

// change makes a Change out of zone text, "" for nothing.
func (r *rig) change(oldText, newText string) providers.Change {
	r.t.Helper()
	var c providers.Change
	for text, to := range map[string]*providers.RRset{oldText: &c.Old, newText: &c.New} {
		if text != "" {
			*to = providertest.Set("example.com", text)
			c.Name, c.Type = to.Name, to.Type
		}
	}
	return c
}
