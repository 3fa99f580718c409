package providers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/providertest"
	"github.com/mangrove-dns/mangrove/zones"
)

const origin = "example.org."

// render prints a plan much as the program does.
func render(p *providers.Plan) string {
	var b strings.Builder
	for _, l := range p.Lines {
		ttl := fmt.Sprint(l.TTL)
		if l.OldTTL != 0 {
			ttl = fmt.Sprintf("%d -> %d", l.OldTTL, l.TTL)
		}
		fmt.Fprintf(&b, "%s %s %s %s %s", l.Op, l.Name, ttl, l.Type, l.Text)
		if l.Attrs != "" {
			fmt.Fprintf(&b, " {%s}", l.Attrs)
		}
		fmt.Fprintf(&b, " [%s]", l.Why)
		if l.Reason != "" {
			fmt.Fprintf(&b, " %s", l.Reason)
		}
		b.WriteByte('\n')
	}
	for _, f := range p.Foreign {
		fmt.Fprintf(&b, "  foreign %s %s %s\n", f.Name, f.Type, f.Text)
	}
	for _, l := range p.Losses {
		fmt.Fprintf(&b, "  lost %s %s: %s\n", l.Name, l.Type, l.Text)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "  note %s %s: %s\n", n.Name, n.Type, n.Text)
	}
	for _, g := range p.Guards {
		fmt.Fprintf(&b, "  %s: %s %v\n", g.ID, g.Text, map[bool]string{true: "allowed", false: "blocks"}[g.Allowed])
	}
	return b.String() + p.Counts.String()
}

// scene is what a plan is made from, as text.
type scene struct {
	loaded   string // the zone
	served   string // "": as loaded
	held     string // at the provider
	approved string // pushed before; "-": as loaded
	applied  string // of that, what was last written differently
	dead     map[string]string
	foreign  []providers.Foreign
	overlay  map[string]map[string]string
	attrs    map[string]map[string]string // held, by "name type"
	fake     *providertest.Fake
	mode     providers.Mode
	allow    []string
	limits   providers.Limits
}

func (s scene) input() providers.Input {
	if s.fake == nil {
		s.fake = providertest.NewFake(origin)
	}
	if s.served == "" {
		s.served = s.loaded
	}
	if s.approved == "-" {
		s.approved = s.loaded
	}
	state := providers.NewMirrorState()
	for _, r := range providertest.MustRRsets(origin, s.approved) {
		held, _, err := s.fake.Project(providers.RRset{RRset: r, Attrs: s.overlay[r.Name.Relative(zones.MustParseName(origin))]})
		if err == nil {
			state.Approved[providers.Key{Name: r.Name, Type: r.Type}] = held
		}
	}
	for _, r := range providertest.MustRRsets(origin, s.applied) {
		state.Applied[providers.Key{Name: r.Name, Type: r.Type}] = providers.RRset{RRset: r}
	}
	snap := &providers.Snapshot{Foreign: s.foreign}
	for _, r := range providertest.MustRRsets(origin, "@ 86400 IN NS ns1.fake.invalid.\n"+s.held) {
		set := providers.RRset{RRset: r}
		set.Attrs = maps.Clone(s.attrs[r.Name.Relative(zones.MustParseName(origin))+" "+zones.TypeString(r.Type)])
		snap.RRsets = append(snap.RRsets, set)
	}
	over := make(providers.Overlay)
	for n, a := range s.overlay {
		name, err := zones.ParseRelative(n, zones.MustParseName(origin))
		if err != nil {
			panic(err)
		}
		over[name] = a
	}
	return providers.Input{
		Provider: "fake", Zone: zones.MustParseName(origin), Driver: s.fake,
		Served: providertest.MustZone(origin, s.served), Loaded: providertest.MustZone(origin, s.loaded),
		Reasons: reasons(s.dead), Snapshot: snap, State: state, Overlay: over, Limits: s.limits, Allow: s.allow, Mode: s.mode,
	}
}

// reasons makes Reasons of "www A 192.0.2.1": "why".
func reasons(dead map[string]string) providers.Reasons {
	return func(n zones.Name, t uint16, rdata []byte) string {
		text := zones.RRset{Name: n, Type: t, Data: [][]byte{rdata}}.Text(0)
		return dead[fmt.Sprintf("%s %s %s", n.Relative(zones.MustParseName(origin)), zones.TypeString(t), text)]
	}
}

func TestPlan(t *testing.T) {
	down := map[string]string{"www A 192.0.2.1": "tcp 192.0.2.1:443 down since 14:02 (connection refused)"}
	tests := []struct {
		name  string
		scene scene
		want  string
	}{
		{"first push onto an empty provider", scene{loaded: "www A 192.0.2.1\nwww A 192.0.2.2\n@ MX 10 mail"}, `
+ @ 300 MX 10 mail.example.org. [edited]
+ www 300 A 192.0.2.1 [edited]
+ www 300 A 192.0.2.2 [edited]
3 added, 0 removed, 0 changed, 0 as they are, 0 not ours`},
		{"nothing to do", scene{loaded: "www A 192.0.2.1", held: "www A 192.0.2.1", approved: "-"}, `
0 added, 0 removed, 0 changed, 1 as they are, 0 not ours`},
		{"case of names is no difference", scene{loaded: "www CNAME Host.Example.NET.", held: "www CNAME host.example.net.", approved: "-"}, `
0 added, 0 removed, 0 changed, 1 as they are, 0 not ours`},
		{"edited values and TTL", scene{
			loaded: "www A 192.0.2.7\nwww A 192.0.2.8\nmail A 192.0.2.5", approved: "www A 192.0.2.9\nwww A 192.0.2.8\nmail 3600 A 192.0.2.5",
			held: "www A 192.0.2.9\nwww A 192.0.2.8\nmail 3600 A 192.0.2.5"}, `
~ mail 3600 -> 300 A 192.0.2.5 [edited]
+ www 300 A 192.0.2.7 [edited]
- www 300 A 192.0.2.9 [edited]
1 added, 1 removed, 1 changed, 1 as they are, 0 not ours`},
		{"withdrawn, with its reason", scene{loaded: "www A 192.0.2.1\nwww A 192.0.2.2", served: "www A 192.0.2.2",
			held: "www A 192.0.2.1\nwww A 192.0.2.2", approved: "-", dead: down}, `
- www 300 A 192.0.2.1 [withdrawn] withdrawn: tcp 192.0.2.1:443 down since 14:02 (connection refused)
0 added, 1 removed, 0 changed, 1 as they are, 0 not ours`},
		{"restored", scene{loaded: "www A 192.0.2.1\nwww A 192.0.2.2", held: "www A 192.0.2.2", approved: "-", applied: "www A 192.0.2.2"}, `
+ www 300 A 192.0.2.1 [restored] restored
1 added, 0 removed, 0 changed, 1 as they are, 0 not ours`},
		{"a withdrawal counts for no limit", scene{
			loaded: "a A 192.0.2.1\na A 192.0.2.2\nb A 192.0.2.1\nb A 192.0.2.2\n", served: "a A 192.0.2.2\nb A 192.0.2.2", approved: "-",
			held: "a A 192.0.2.1\na A 192.0.2.2\nb A 192.0.2.1\nb A 192.0.2.2\n",
			dead: map[string]string{"a A 192.0.2.1": "down", "b A 192.0.2.1": "down"}}, `
- a 300 A 192.0.2.1 [withdrawn] withdrawn: down
- b 300 A 192.0.2.1 [withdrawn] withdrawn: down
0 added, 2 removed, 0 changed, 2 as they are, 0 not ours`},
		{"drift, both ways", scene{loaded: "www A 192.0.2.1\nwww A 192.0.2.2", held: "www A 192.0.2.1\nwww A 192.0.2.77", approved: "-"}, `
+ www 300 A 192.0.2.2 [drift] drift: someone removed it there
- www 300 A 192.0.2.77 [drift] drift: not put there by us
1 added, 1 removed, 0 changed, 1 as they are, 0 not ours`},
		{"foreign records are shown and kept", scene{loaded: "www A 192.0.2.1", approved: "-", held: "www A 192.0.2.1\n_acme-challenge TXT token",
			foreign: []providers.Foreign{{Name: zones.MustParseName("cdn.example.org"), Type: dns.TypeA, Text: "alias to d1.cloudfront.net."}}}, `
  foreign _acme-challenge TXT "token"
  foreign cdn A alias to d1.cloudfront.net.
0 added, 0 removed, 0 changed, 1 as they are, 2 not ours`},
		{"what is opaque is never written over", scene{loaded: "cdn A 192.0.2.1\nwww A 192.0.2.1",
			foreign: []providers.Foreign{{Name: zones.MustParseName("cdn.example.org"), Type: dns.TypeA, Text: "an alias to d1.cloudfront.net."}}}, `
+ www 300 A 192.0.2.1 [edited]
  foreign cdn A an alias to d1.cloudfront.net.
  lost cdn A: an alias to d1.cloudfront.net. stands there, which is not ours
1 added, 0 removed, 0 changed, 0 as they are, 1 not ours`},
		{"adopting other data needs leave", scene{loaded: "www A 192.0.2.1", held: "www A 192.0.2.66"}, `
+ www 300 A 192.0.2.1 [edited]
- www 300 A 192.0.2.66 [adopted] stood there before us
  G5: 1 record that stood there before us would be removed blocks
1 added, 1 removed, 0 changed, 0 as they are, 0 not ours`},
		{"adopting the same data with another TTL needs none", scene{loaded: "www A 192.0.2.1", held: "www 60 A 192.0.2.1"}, `
~ www 60 -> 300 A 192.0.2.1 [adopted]
0 added, 0 removed, 1 changed, 0 as they are, 0 not ours`},
		{"one deletion of five passes", scene{loaded: "a A 192.0.2.1\nb A 192.0.2.1\nc A 192.0.2.1\nd A 192.0.2.1",
			approved: "a A 192.0.2.1\nb A 192.0.2.1\nc A 192.0.2.1\nd A 192.0.2.1\ne A 192.0.2.1",
			held:     "a A 192.0.2.1\nb A 192.0.2.1\nc A 192.0.2.1\nd A 192.0.2.1\ne A 192.0.2.1"}, `
- e 300 A 192.0.2.1 [edited]
0 added, 1 removed, 0 changed, 4 as they are, 0 not ours`},
		{"two of four need leave", scene{loaded: "a A 192.0.2.1\nb A 192.0.2.1",
			approved: "a A 192.0.2.1\nb A 192.0.2.1\nc A 192.0.2.1\nd A 192.0.2.1",
			held:     "a A 192.0.2.1\nb A 192.0.2.1\nc A 192.0.2.1\nd A 192.0.2.1"}, `
- c 300 A 192.0.2.1 [edited]
- d 300 A 192.0.2.1 [edited]
  G2: 2 of 4 records would be deleted (50 %, limit 30 %) blocks
0 added, 2 removed, 0 changed, 2 as they are, 0 not ours`},
		{"and pass with it", scene{loaded: "a A 192.0.2.1\nb A 192.0.2.1", allow: []string{"G2"},
			approved: "a A 192.0.2.1\nb A 192.0.2.1\nc A 192.0.2.1\nd A 192.0.2.1",
			held:     "a A 192.0.2.1\nb A 192.0.2.1\nc A 192.0.2.1\nd A 192.0.2.1"}, `
- c 300 A 192.0.2.1 [edited]
- d 300 A 192.0.2.1 [edited]
  G2: 2 of 4 records would be deleted (50 %, limit 30 %) allowed
0 added, 2 removed, 0 changed, 2 as they are, 0 not ours`},
		{"most values of one RRset are a mass deletion too", scene{loaded: "www A 192.0.2.1",
			approved: "www A 192.0.2.1\nwww A 192.0.2.2\nwww A 192.0.2.3\nwww A 192.0.2.4", held: "www A 192.0.2.1\nwww A 192.0.2.2\nwww A 192.0.2.3\nwww A 192.0.2.4"}, `
- www 300 A 192.0.2.2 [edited]
- www 300 A 192.0.2.3 [edited]
- www 300 A 192.0.2.4 [edited]
  G2: 3 of 4 records would be deleted (75 %, limit 30 %) blocks
0 added, 3 removed, 0 changed, 1 as they are, 0 not ours`},
		{"critical deletions have a guard of their own", scene{loaded: "a A 192.0.2.1\nb A 192.0.2.1\nc A 192.0.2.1\nd A 192.0.2.1",
			approved: "@ MX 10 a\na A 192.0.2.1\nb A 192.0.2.1\nc A 192.0.2.1\nd A 192.0.2.1",
			held:     "@ MX 10 a\na A 192.0.2.1\nb A 192.0.2.1\nc A 192.0.2.1\nd A 192.0.2.1"}, `
- @ 300 MX 10 a.example.org. [edited]
  G4: deletes at the apex, of MX, a wildcard or a delegation blocks
0 added, 1 removed, 0 changed, 4 as they are, 0 not ours`},
		{"an A becomes a CNAME", scene{loaded: "www CNAME x.example.net.\nb A 192.0.2.1", approved: "www A 192.0.2.1\nb A 192.0.2.1", held: "www A 192.0.2.1\nb A 192.0.2.1"}, `
- www 300 A 192.0.2.1 [edited]
+ www 300 CNAME x.example.net. [edited]
  G6: a CNAME and other data change places; where the provider has no atomic swap, the name has neither for a moment blocks
1 added, 1 removed, 0 changed, 1 as they are, 0 not ours`},
		{"a foreign CNAME in the way of a declared A", scene{loaded: "www A 192.0.2.1", held: "www CNAME x.example.net."}, `
+ www 300 A 192.0.2.1 [edited]
- www 300 CNAME x.example.net. [adopted] stood there before us
  G5: 1 record that stood there before us would be removed blocks
  G6: a CNAME and other data change places; where the provider has no atomic swap, the name has neither for a moment blocks
1 added, 1 removed, 0 changed, 0 as they are, 0 not ours`},
		{"a zone that lost everything", scene{loaded: "@ SOA ns1 hm 1 2 3 4 5", approved: "a A 192.0.2.1\nb A 192.0.2.1", held: "a A 192.0.2.1\nb A 192.0.2.1"}, `
- a 300 A 192.0.2.1 [edited]
- b 300 A 192.0.2.1 [edited]
  G1: the zone has no records but its apex SOA and NS: all there would be deleted (2 records) blocks
  G2: 2 of 2 records would be deleted (100 %, limit 30 %) blocks
0 added, 2 removed, 0 changed, 0 as they are, 0 not ours`},
		{"too many updates", scene{loaded: "$TTL 60\na A 192.0.2.1\nb A 192.0.2.1\nc A 192.0.2.1\nd A 192.0.2.1",
			approved: "a A 192.0.2.1\nb A 192.0.2.1\nc A 192.0.2.1\nd A 192.0.2.1", held: "a A 192.0.2.1\nb A 192.0.2.1\nc A 192.0.2.1\nd A 192.0.2.1"}, `
~ a 300 -> 60 A 192.0.2.1 [edited]
~ b 300 -> 60 A 192.0.2.1 [edited]
~ c 300 -> 60 A 192.0.2.1 [edited]
~ d 300 -> 60 A 192.0.2.1 [edited]
  G3: 4 of 4 RRsets would be changed (100 %, limit 30 %) blocks
0 added, 0 removed, 4 changed, 0 as they are, 0 not ours`},
		{"what can't be held is said and blocks nothing", scene{loaded: "www A 192.0.2.1\nwww LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
			fake: &providertest.Fake{CannotHold: []uint16{dns.TypeLOC}, MinTTL: 600}}, `
+ www 600 A 192.0.2.1 [edited]
  lost www LOC: cannot be held: type LOC
  note www A: TTL 300 becomes 600
1 added, 0 removed, 0 changed, 0 as they are, 0 not ours`},
		{"what makes place for something that can't be written stays", scene{loaded: "www DNAME x.example.net.\nwww2 CNAME x.example.net.",
			approved: "www A 192.0.2.1\nwww2 A 192.0.2.1", held: "www A 192.0.2.1\nwww2 A 192.0.2.1", fake: &providertest.Fake{CannotHold: []uint16{dns.TypeCNAME}}}, `
- www 300 A 192.0.2.1 [edited]
+ www 300 DNAME x.example.net. [edited]
  lost www2 CNAME: cannot be held: type CNAME
  note www2 A: kept: what takes its place can't be written, and the name would have nothing
1 added, 1 removed, 0 changed, 1 as they are, 0 not ours`},
		{"an overlay for a name that is not there", scene{loaded: "www A 192.0.2.1", approved: "-", held: "www A 192.0.2.1",
			overlay: map[string]map[string]string{"wwww": {"proxied": "true"}}}, `
  note wwww : the overlay is for a name that the zone does not have
0 added, 0 removed, 0 changed, 1 as they are, 0 not ours`},
		{"attributes of the overlay", scene{loaded: "www A 192.0.2.1", approved: "-", held: "www A 192.0.2.1",
			overlay: map[string]map[string]string{"www": {"proxied": "true"}}, attrs: map[string]map[string]string{"www A": {"proxied": "false", "comment": "x"}}}, `
~ www 300 A 192.0.2.1 {proxied false -> true} [drift] drift: not set by us
0 added, 0 removed, 1 changed, 0 as they are, 0 not ours`},
		{"attributes that no overlay names don't count", scene{loaded: "www A 192.0.2.1", approved: "-", held: "www A 192.0.2.1",
			attrs: map[string]map[string]string{"www A": {"proxied": "true"}}}, `
0 added, 0 removed, 0 changed, 1 as they are, 0 not ours`},
		{"withdrawn as a whole: what is held stays", scene{loaded: "www A 192.0.2.1\nb A 192.0.2.1", served: "b A 192.0.2.1", approved: "-",
			held: "www A 192.0.2.1\nb A 192.0.2.1"}, `
  note www A: nothing of it is served now; what the provider holds stays
0 added, 0 removed, 0 changed, 2 as they are, 0 not ours`},
		{"delegations and glue go too, signatures don't", scene{loaded: "sub NS ns.sub\nns.sub A 192.0.2.3\nsub DS 1 13 2 AB\n@ DNSKEY 257 3 13 AAAA\nsub RRSIG DS 13 3 300 20300101000000 20200101000000 1 @ AAAA"}, `
+ sub 300 NS ns.sub.example.org. [edited]
+ sub 300 DS 1 13 2 AB [edited]
+ ns.sub 300 A 192.0.2.3 [edited]
  note @ DNSKEY: not mirrored: each provider signs for itself
3 added, 0 removed, 0 changed, 0 as they are, 0 not ours`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := render(providers.MakePlan(tt.scene.input()))
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlanHealth goes through the table in doc.go, row by row.
func TestPlanHealth(t *testing.T) {
	const ab, a, b = "www A 192.0.2.1\nwww A 192.0.2.2\n", "www A 192.0.2.1\n", "www A 192.0.2.2\n"
	down := map[string]string{"www A 192.0.2.1": "down"}
	tests := []struct {
		name  string
		scene scene
		want  string
	}{
		{"a dies", scene{loaded: ab, served: b, held: ab, approved: ab, dead: down}, `
- www 300 A 192.0.2.1 [withdrawn] withdrawn: down
0 added, 1 removed, 0 changed, 1 as they are, 0 not ours`},
		{"a returns", scene{loaded: ab, held: b, approved: ab, applied: b}, `
+ www 300 A 192.0.2.1 [restored] restored
1 added, 0 removed, 0 changed, 1 as they are, 0 not ours`},
		{"the TTL cap goes along, alone it is an edit", scene{loaded: ab + "x 300 A 192.0.2.2", served: "www 60 A 192.0.2.2\nx 60 A 192.0.2.2",
			held: ab + "x 300 A 192.0.2.2", approved: ab + "x 300 A 192.0.2.2", dead: down}, `
- www 300 A 192.0.2.1 [withdrawn] withdrawn: down
~ www 300 -> 60 A 192.0.2.2 [restored]
0 added, 1 removed, 1 changed, 1 as they are, 0 not ours`},
		{"never pushed: not touched", scene{loaded: ab, served: b, held: ab, dead: down}, `
0 added, 0 removed, 0 changed, 0 as they are, 0 not ours`},
		{"an edit that waits does not ride along: value", scene{loaded: ab + "www A 192.0.2.3", served: b + "www A 192.0.2.3", held: ab, approved: ab, dead: down}, `
- www 300 A 192.0.2.1 [withdrawn] withdrawn: down
0 added, 1 removed, 0 changed, 1 as they are, 0 not ours`},
		{"an edit that waits does not ride along: removed value", scene{loaded: a + "www A 192.0.2.3", served: "www A 192.0.2.3", held: ab, approved: ab, dead: down}, `
- www 300 A 192.0.2.1 [withdrawn] withdrawn: down
0 added, 1 removed, 0 changed, 1 as they are, 0 not ours`},
		{"an edit that waits does not ride along: whole RRset", scene{loaded: "x A 192.0.2.3", held: ab, approved: ab}, `
0 added, 0 removed, 0 changed, 2 as they are, 0 not ours`},
		{"a restore with an edit that waits", scene{loaded: ab + "www A 192.0.2.3", held: b, approved: ab, applied: b}, `
+ www 300 A 192.0.2.1 [restored] restored
1 added, 0 removed, 0 changed, 1 as they are, 0 not ours`},
		{"drift is not repaired: a foreign value stays", scene{loaded: ab, served: b, held: ab + "www A 192.0.2.77", approved: ab, dead: down}, `
- www 300 A 192.0.2.1 [withdrawn] withdrawn: down
0 added, 1 removed, 0 changed, 2 as they are, 0 not ours`},
		{"drift is not repaired: a removed value stays away", scene{loaded: ab, held: b, approved: ab}, `
0 added, 0 removed, 0 changed, 1 as they are, 0 not ours`},
		{"drift is not repaired: a removed RRset stays away", scene{loaded: ab, served: b, held: "", approved: ab, dead: down}, `
0 added, 0 removed, 0 changed, 0 as they are, 0 not ours`},
		{"never empty: all dead, all served", scene{loaded: ab, held: ab, approved: ab, dead: map[string]string{"www A 192.0.2.1": "down", "www A 192.0.2.2": "down"}}, `
0 added, 0 removed, 0 changed, 2 as they are, 0 not ours`},
		{"never empty: only the dead one is held", scene{loaded: ab, served: b, held: a, approved: ab, dead: down}, `
0 added, 0 removed, 0 changed, 1 as they are, 0 not ours`},
		{"never empty: served none of it", scene{loaded: ab, served: "x A 192.0.2.3", held: ab, approved: ab, dead: down}, `
0 added, 0 removed, 0 changed, 2 as they are, 0 not ours`},
		{"CNAME failover", scene{loaded: "api CNAME eu.example.net.", served: "api CNAME us.example.net.", held: "api CNAME eu.example.net.",
			approved: "api CNAME eu.example.net.", dead: map[string]string{"api CNAME eu.example.net.": "down"}}, `
+ api 300 CNAME us.example.net. [restored] standby: takes the place of what is withdrawn
- api 300 CNAME eu.example.net. [withdrawn] withdrawn: down
1 added, 1 removed, 0 changed, 0 as they are, 0 not ours`},
		{"CNAME failback", scene{loaded: "api CNAME eu.example.net.", held: "api CNAME us.example.net.",
			approved: "api CNAME eu.example.net.", applied: "api CNAME us.example.net."}, `
+ api 300 CNAME eu.example.net. [restored] restored
- api 300 CNAME us.example.net. [withdrawn] standby: no longer needed
1 added, 1 removed, 0 changed, 0 as they are, 0 not ours`},
		{"someone else's CNAME is not swapped", scene{loaded: "api CNAME eu.example.net.", served: "api CNAME us.example.net.", held: "api CNAME other.example.net.",
			approved: "api CNAME eu.example.net.", dead: map[string]string{"api CNAME eu.example.net.": "down"}}, `
0 added, 0 removed, 0 changed, 1 as they are, 0 not ours`},
		{"dead and then out of the file: it does not come back", scene{loaded: b, held: b, approved: ab, applied: b}, `
0 added, 0 removed, 0 changed, 1 as they are, 0 not ours`},
		{"dead and then replaced in the file: it does not come back", scene{loaded: b + "www A 192.0.2.9", held: b, approved: ab, applied: b}, `
0 added, 0 removed, 0 changed, 1 as they are, 0 not ours`},
		{"dead, and then the whole RRset out of the file: it does not come back", scene{loaded: "x A 192.0.2.3", held: b, approved: ab, applied: b}, `
0 added, 0 removed, 0 changed, 1 as they are, 0 not ours`},
		{"out of the file, with a standby that is served in its place", scene{loaded: b, served: b + "www A 192.0.2.8", held: b + "www A 192.0.2.8",
			approved: ab, applied: b + "www A 192.0.2.8"}, `
0 added, 0 removed, 0 changed, 2 as they are, 0 not ours`},
		{"out of the file while another dies: that one goes", scene{loaded: b + "www A 192.0.2.3", served: "www A 192.0.2.3", held: b + "www A 192.0.2.3",
			approved: ab + "www A 192.0.2.3", applied: b + "www A 192.0.2.3", dead: map[string]string{"www A 192.0.2.2": "down"}}, `
- www 300 A 192.0.2.2 [withdrawn] withdrawn: down
0 added, 1 removed, 0 changed, 1 as they are, 0 not ours`},
		{"a dead CNAME replaced in the file does not come back", scene{loaded: "api CNAME eu2.example.net.", served: "api CNAME us.example.net.", held: "api CNAME us.example.net.",
			approved: "api CNAME eu.example.net.", applied: "api CNAME us.example.net.", dead: map[string]string{"api CNAME eu2.example.net.": "down"}}, `
0 added, 0 removed, 0 changed, 1 as they are, 0 not ours`},
		{"a restore with an edit that waits, of all that are dead", scene{loaded: ab + "www A 192.0.2.3", held: b, approved: ab, applied: b,
			dead: map[string]string{"www A 192.0.2.1": "down", "www A 192.0.2.2": "down", "www A 192.0.2.3": "down"}}, `
+ www 300 A 192.0.2.1 [restored] restored
1 added, 0 removed, 0 changed, 1 as they are, 0 not ours`},
		{"hints that went do not come back with an edit that waits", scene{
			loaded: "h HTTPS 1 . alpn=h3 ipv4hint=192.0.2.1,192.0.2.2", served: "h HTTPS 1 . alpn=h3 ipv4hint=192.0.2.2", held: "h HTTPS 1 . alpn=h2 ipv4hint=192.0.2.2",
			approved: "h HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1,192.0.2.2", applied: "h HTTPS 1 . alpn=h2 ipv4hint=192.0.2.2"}, `
0 added, 0 removed, 0 changed, 1 as they are, 0 not ours`},
		{"hints go and come beside an edit of the TTL", scene{
			loaded: "h 600 HTTPS 1 . ipv4hint=192.0.2.1,192.0.2.2", served: "h 60 HTTPS 1 . ipv4hint=192.0.2.2", held: "h HTTPS 1 . ipv4hint=192.0.2.1,192.0.2.2",
			approved: "h HTTPS 1 . ipv4hint=192.0.2.1,192.0.2.2"}, `
+ h 60 HTTPS 1 . ipv4hint="192.0.2.2" [restored] standby: takes the place of what is withdrawn
- h 300 HTTPS 1 . ipv4hint="192.0.2.1,192.0.2.2" [withdrawn] withdrawn: not served now
1 added, 1 removed, 0 changed, 0 as they are, 0 not ours`},
		{"hints stay withdrawn beside an edit of the TTL", scene{
			loaded: "h 600 HTTPS 1 . ipv4hint=192.0.2.1,192.0.2.2", served: "h 600 HTTPS 1 . ipv4hint=192.0.2.2", held: "h HTTPS 1 . ipv4hint=192.0.2.2",
			approved: "h HTTPS 1 . ipv4hint=192.0.2.1,192.0.2.2", applied: "h HTTPS 1 . ipv4hint=192.0.2.2"}, `
0 added, 0 removed, 0 changed, 1 as they are, 0 not ours`},
		{"hints come back beside an edit of the TTL, and it waits", scene{
			loaded: "h 600 HTTPS 1 . ipv4hint=192.0.2.1,192.0.2.2", held: "h HTTPS 1 . ipv4hint=192.0.2.2",
			approved: "h HTTPS 1 . ipv4hint=192.0.2.1,192.0.2.2", applied: "h HTTPS 1 . ipv4hint=192.0.2.2"}, `
+ h 300 HTTPS 1 . ipv4hint="192.0.2.1,192.0.2.2" [restored] restored
- h 300 HTTPS 1 . ipv4hint="192.0.2.2" [withdrawn] standby: no longer needed
1 added, 1 removed, 0 changed, 0 as they are, 0 not ours`},
		{"new names wait for a push", scene{loaded: ab + "new A 192.0.2.5", held: ab, approved: ab}, `
0 added, 0 removed, 0 changed, 2 as they are, 0 not ours`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.scene.mode = providers.Health
			p := providers.MakePlan(tt.scene.input())
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), render(p)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
			for _, c := range p.Changes() {
				if !c.Health || c.New.IsZero() {
					t.Errorf("change %v is not a health change, or empties", c)
				}
			}
		})
	}
}

func TestPlanWithoutSOA(t *testing.T) {
	in := scene{loaded: "www A 192.0.2.1", approved: "www A 192.0.2.1", held: "www A 192.0.2.1"}.input()
	in.Served = zones.NewBuilder(in.Zone).Zone()
	in.Loaded = in.Served
	in.Allow = []string{"G1", "G2"}
	p := providers.MakePlan(in)
	if b := p.Blocked(); len(b) != 1 || b[0].ID != providers.GuardSource || b[0].Overridable {
		t.Errorf("a zone without SOA is blocked by %+v, want G1, not to be let pass", b)
	}
}

func TestPlanHashIsOfTheChange(t *testing.T) {
	base := scene{loaded: "www A 192.0.2.1", held: "x A 192.0.2.9"}
	first := providers.MakePlan(base.input())
	base.held = "y A 192.0.2.9"
	if again := providers.MakePlan(base.input()); again.Hash != first.Hash {
		t.Error("a foreign record changed the hash")
	}
	base.loaded = "www A 192.0.2.2"
	if other := providers.MakePlan(base.input()); other.Hash == first.Hash {
		t.Error("another value has the same hash")
	}
	base.loaded, base.held = "www A 192.0.2.1", "www A 192.0.2.8"
	if other := providers.MakePlan(base.input()); other.Hash == first.Hash {
		t.Error("another Old has the same hash")
	}
}

func TestBlockedErrorNamesAllGuards(t *testing.T) {
	p := providers.MakePlan(scene{loaded: "@ SOA ns1 hm 1 2 3 4 5", approved: "a A 192.0.2.1\nb A 192.0.2.1", held: "a A 192.0.2.1\nb A 192.0.2.1"}.input())
	var err error = &providers.BlockedError{Provider: "cf", Zone: zones.MustParseName(origin), Guards: p.Blocked()}
	var blocked *providers.BlockedError
	if !errors.As(err, &blocked) {
		t.Fatal("not a BlockedError")
	}
	if ids, pass := blocked.IDs(); !pass || strings.Join(ids, " ") != "G1 G2" {
		t.Errorf("IDs %v %v, want [G1 G2] true", ids, pass)
	}
}

// TestPlanJSON: the shape that programs read. Fields are added, never renamed.
func TestPlanJSON(t *testing.T) {
	in := scene{loaded: "www 60 A 192.0.2.1", approved: "www 300 A 192.0.2.1\nwww 300 A 192.0.2.2", held: "www 300 A 192.0.2.1\nwww 300 A 192.0.2.2\nx A 192.0.2.9"}.input()
	got, err := json.MarshalIndent(providers.MakePlan(in), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want := `{
 "provider": "fake",
 "zone": "example.org.",
 "mode": "full",
 "serial": 1,
 "made": "0001-01-01T00:00:00Z",
 "hash": "HASH",
 "changes": [
  {
   "op": "-",
   "name": "www",
   "ttl": 300,
   "type": "A",
   "text": "192.0.2.2",
   "why": "edited"
  },
  {
   "op": "~",
   "name": "www",
   "ttl": 60,
   "old_ttl": 300,
   "type": "A",
   "text": "192.0.2.1",
   "why": "edited"
  }
 ],
 "counts": {
  "added": 0,
  "removed": 1,
  "changed": 1,
  "same": 0,
  "foreign": 1
 },
 "foreign": [
  {
   "name": "x",
   "ttl": 300,
   "type": "A",
   "text": "192.0.2.9"
  }
 ],
 "losses": [],
 "notes": [],
 "guards": []
}`
	text := regexp.MustCompile(`"hash": "[0-9a-f]{16}"`).ReplaceAllString(string(got), `"hash": "HASH"`)
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func BenchmarkPlan(b *testing.B) {
	var text strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&text, "n%d 60 A 192.0.2.%d\nn%d 60 A 198.51.100.%d\n", i, i%250+1, i, i%250+1)
	}
	in := scene{loaded: text.String(), served: strings.Replace(text.String(), "n77 60 A 192.0.2.78\n", "", 1), approved: "-", held: text.String()}.input()
	for _, mode := range []providers.Mode{providers.Full, providers.Health} {
		in.Mode = mode
		b.Run(mode.String(), func(b *testing.B) {
			for b.Loop() {
				if p := providers.MakePlan(in); len(p.Changes()) != 1 {
					b.Fatalf("%d changes", len(p.Changes()))
				}
			}
		})
	}
}
