package healthcheck

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

const mixed = `
www     300 A     192.0.2.1
www     300 A     192.0.2.2
www     300 A     198.51.100.1
www     300 AAAA  2001:db8::1
www     300 AAAA  2001:db8::2
low     30  A     192.0.2.1
low     30  A     192.0.2.2
one         A     192.0.2.1
*.wild      A     192.0.2.1
*.wild      A     192.0.2.2
@           A     192.0.2.1
@           A     192.0.2.2
api     60  CNAME Eu.LB.example.net.
other   60  CNAME own.example.net.
mail    MX  10 mx.example.net.
`

func TestWithdraw(t *testing.T) {
	down := func(list ...string) map[string]State {
		by := make(map[string]State)
		for _, s := range list {
			by[s] = Down
		}
		return by
	}
	api := names("eu.lb.example.net", "us.lb.example.net")
	for _, c := range []struct {
		name    string
		rule    Rule
		states  map[string]State
		typ     uint16 // A unless said
		want    []string
		outcome string
		left    []string // target: reason
	}{
		{name: "all up: nothing but the TTL", rule: Rule{Name: name("www.example.com")},
			want:    []string{"60 192.0.2.1", "60 192.0.2.2", "60 198.51.100.1"},
			outcome: "3 of 3 up"},
		{name: "a lower TTL stays", rule: Rule{Name: name("low.example.com")},
			want: []string{"30 192.0.2.1", "30 192.0.2.2"}, outcome: "2 of 2 up"},
		{name: "TTL of the rule", rule: Rule{Name: name("www.example.com"), TTL: TTL{Max: 120}},
			want:    []string{"120 192.0.2.1", "120 192.0.2.2", "120 198.51.100.1"},
			outcome: "3 of 3 up"},
		{name: "one down", rule: Rule{Name: name("www.example.com")}, states: down("192.0.2.2"),
			want: []string{"60 192.0.2.1", "60 198.51.100.1"}, outcome: "2 of 3 up",
			left: []string{"192.0.2.2: tcp 192.0.2.2:443: connection refused, 3 of 3"}},
		{name: "all down: all stay, in zone order", rule: Rule{Name: name("www.example.com")}, states: down("198.51.100.1", "192.0.2.2", "192.0.2.1"),
			want: []string{"60 192.0.2.1", "60 192.0.2.2", "60 198.51.100.1"}, outcome: "none of 3 up: all are kept (all_down: all)"},
		{name: "unknown counts as usable", rule: Rule{Name: name("www.example.com")}, states: map[string]State{"192.0.2.1": Unknown, "192.0.2.2": Down},
			want: []string{"60 192.0.2.1", "60 198.51.100.1"}, outcome: "1 of 3 up, 1 unknown",
			left: []string{"192.0.2.2: tcp 192.0.2.2:443: connection refused, 3 of 3"}},
		{name: "degraded is left out while there is better", rule: Rule{Name: name("www.example.com")}, states: map[string]State{"192.0.2.1": Degraded},
			want: []string{"60 192.0.2.2", "60 198.51.100.1"}, outcome: "2 of 3 up, 1 degraded",
			left: []string{"192.0.2.1: answers; left out while enough others are up"}},
		{name: "degraded is used where the floor needs it", rule: Rule{Name: name("www.example.com"), MinHealthy: Floor{Count: 2}},
			states: map[string]State{"192.0.2.1": Degraded, "192.0.2.2": Down},
			want:   []string{"60 192.0.2.1", "60 198.51.100.1"}, outcome: "1 of 3 up, 1 degraded",
			left: []string{"192.0.2.2: tcp 192.0.2.2:443: connection refused, 3 of 3"}},
		{name: "below the floor", rule: Rule{Name: name("www.example.com"), MinHealthy: Floor{Count: 2}}, states: down("192.0.2.1", "192.0.2.2"),
			want:    []string{"60 192.0.2.1", "60 192.0.2.2", "60 198.51.100.1"},
			outcome: "1 of 3 up, fewer than min_healthy 2: all are kept (all_down: all)"},
		{name: "drained", rule: Rule{Name: name("www.example.com")}, states: map[string]State{"192.0.2.1": Drain, "192.0.2.2": Maint},
			want: []string{"60 198.51.100.1"}, outcome: "1 of 3 up, 1 drain, 1 maint",
			left: []string{"192.0.2.1: answers", "192.0.2.2: answers"}},
		{name: "A and AAAA have floors of their own", rule: Rule{Name: name("www.example.com")}, typ: dns.TypeAAAA,
			states: down("192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::2"),
			want:   []string{"60 2001:db8::1"}, outcome: "1 of 2 up",
			left: []string{"2001:db8::2: tcp [2001:db8::2]:443: connection refused, 3 of 3"}},
		{name: "a type alone", rule: Rule{Name: name("www.example.com"), Types: []uint16{dns.TypeAAAA}}, states: down("192.0.2.1"),
			want: []string{"300 192.0.2.1", "300 192.0.2.2", "300 198.51.100.1"}},
		{name: "the only one is kept", rule: Rule{Name: name("one.example.com")}, states: down("192.0.2.1"),
			want: []string{"60 192.0.2.1"}, outcome: "none of 1 up: all are kept (all_down: all)"},
		{name: "wildcard", rule: Rule{Name: name("*.wild.example.com")}, states: down("192.0.2.1"),
			want: []string{"60 192.0.2.2"}, outcome: "1 of 2 up",
			left: []string{"192.0.2.1: tcp 192.0.2.1:443: connection refused, 3 of 3"}},
		{name: "apex", rule: Rule{Name: name("example.com")}, states: down("192.0.2.1"),
			want: []string{"60 192.0.2.2"}, outcome: "1 of 2 up",
			left: []string{"192.0.2.1: tcp 192.0.2.1:443: connection refused, 3 of 3"}},
		{name: "failover: the first alone", rule: Rule{Name: name("www.example.com"), Policy: Failover},
			want: []string{"60 192.0.2.1"}, outcome: "192.0.2.1 is served, 1 of 3 (3 of 3 up)",
			left: []string{"192.0.2.2: answers; standby while 192.0.2.1 is served", "198.51.100.1: answers; standby while 192.0.2.1 is served"}},
		{name: "failover: the first that is usable", rule: Rule{Name: name("www.example.com"), Policy: Failover}, states: down("192.0.2.1"),
			want: []string{"60 192.0.2.2"}, outcome: "192.0.2.2 is served, 2 of 3 (2 of 3 up)",
			left: []string{"192.0.2.1: tcp 192.0.2.1:443: connection refused, 3 of 3", "198.51.100.1: answers; standby while 192.0.2.2 is served"}},
		{name: "failover: an unknown primary stays", rule: Rule{Name: name("low.example.com"), Policy: Failover}, states: map[string]State{"192.0.2.1": Unknown},
			want: []string{"30 192.0.2.1"}, outcome: "192.0.2.1 is served, 1 of 2 (1 of 2 up, 1 unknown)",
			left: []string{"192.0.2.2: answers; standby while 192.0.2.1 is served"}},
		{name: "failover: up before degraded", rule: Rule{Name: name("low.example.com"), Policy: Failover}, states: map[string]State{"192.0.2.1": Degraded},
			want: []string{"30 192.0.2.2"}, outcome: "192.0.2.2 is served, 2 of 2 (1 of 2 up, 1 degraded)",
			left: []string{"192.0.2.1: answers; standby while 192.0.2.2 is served"}},
		{name: "failover: degraded before down", rule: Rule{Name: name("low.example.com"), Policy: Failover}, states: map[string]State{"192.0.2.1": Down, "192.0.2.2": Degraded},
			want: []string{"30 192.0.2.2"}, outcome: "192.0.2.2 is served, 2 of 2 (none of 2 up, 1 degraded)",
			left: []string{"192.0.2.1: tcp 192.0.2.1:443: connection refused, 3 of 3"}},
		{name: "failover: none usable", rule: Rule{Name: name("low.example.com"), Policy: Failover}, states: down("192.0.2.1", "192.0.2.2"),
			want: []string{"30 192.0.2.1", "30 192.0.2.2"}, outcome: "none of 2 up: all are kept (all_down: all)"},
		{name: "CNAME: as it is, in its spelling", rule: Rule{Name: name("api.example.com"), Policy: Failover, Targets: api}, typ: dns.TypeCNAME,
			want: []string{"60 Eu.LB.example.net."}, outcome: "eu.lb.example.net. is served, 1 of 2 (2 of 2 up)",
			left: []string{"us.lb.example.net.: answers; standby while eu.lb.example.net. is served"}},
		{name: "CNAME: to the next", rule: Rule{Name: name("api.example.com"), Policy: Failover, Targets: api}, typ: dns.TypeCNAME, states: down("eu.lb.example.net."),
			want: []string{"60 us.lb.example.net."}, outcome: "us.lb.example.net. is served, 2 of 2 (1 of 2 up)",
			left: []string{"eu.lb.example.net.: tcp eu.lb.example.net:443: connection refused, 3 of 3"}},
		{name: "CNAME: all down keeps the zone's own", rule: Rule{Name: name("other.example.com"), Policy: Failover, Targets: api}, typ: dns.TypeCNAME,
			states: down("eu.lb.example.net.", "us.lb.example.net.", "own.example.net."),
			want:   []string{"60 own.example.net."}, outcome: "none of 3 up: the zone's own target own.example.net. is kept",
			left: []string{"eu.lb.example.net.: tcp eu.lb.example.net:443: connection refused, 3 of 3", "us.lb.example.net.: tcp us.lb.example.net:443: connection refused, 3 of 3"}},
		{name: "CNAME: nothing known keeps the zone's own", rule: Rule{Name: name("other.example.com"), Policy: Failover, Targets: api}, typ: dns.TypeCNAME,
			states: map[string]State{"eu.lb.example.net.": Unknown, "us.lb.example.net.": Unknown, "own.example.net.": Unknown},
			want:   []string{"60 own.example.net."}, outcome: "own.example.net. is served, 3 of 3 (none of 3 up, 3 unknown)",
			left: []string{"eu.lb.example.net.: answers; standby while own.example.net. is served", "us.lb.example.net.: answers; standby while own.example.net. is served"}},
		{name: "CNAME: from dead to unknown", rule: Rule{Name: name("api.example.com"), Policy: Failover, Targets: api}, typ: dns.TypeCNAME,
			states: map[string]State{"eu.lb.example.net.": Down, "us.lb.example.net.": Unknown},
			want:   []string{"60 us.lb.example.net."}, outcome: "us.lb.example.net. is served, 2 of 2 (none of 2 up, 1 unknown)",
			left: []string{"eu.lb.example.net.: tcp eu.lb.example.net:443: connection refused, 3 of 3"}},
		{name: "a name that is not there", rule: Rule{Name: name("nothing.example.com")}},
		{name: "a name without addresses", rule: Rule{Name: name("mail.example.com")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.rule.Checks = []Check{Default()}
			if c.typ == 0 {
				c.typ = dns.TypeA
			}
			loaded := zoneOf(t, mixed)
			changes, decisions := Withdraw(loaded, []Rule{c.rule}, states(c.states))
			served := with(t, loaded, changes)
			wantLines(t, "served", dig(served, c.rule.Name.String(), c.typ), c.want...)
			var outcome string
			var left []string
			for _, d := range decisions {
				if d.Type == c.typ {
					outcome = d.Outcome
					for _, m := range d.Left() {
						left = append(left, m.Target.String()+": "+m.Reason)
					}
				}
			}
			if outcome != c.outcome {
				t.Errorf("outcome %q, want %q", outcome, c.outcome)
			}
			wantLines(t, "left out", left, c.left...)
		})
	}
}

func TestTheWorstCheckCounts(t *testing.T) {
	loaded := zoneOf(t, mixed)
	rule := Rule{Name: name("low.example.com"), Checks: []Check{Default(), preset(t, "tcp:25")}}
	o := NewOverlay(loaded, []Rule{rule})
	changes, decisions := o.Withdraw(func(k Key) Verdict {
		if k[:3] == "tcp" && k[4:13] == "192.0.2.1" {
			return Verdict{Key: k, State: Down, Reason: "tcp 192.0.2.1:25: connection refused, 3 of 3"}
		}
		return Verdict{Key: k, State: Up}
	})
	wantLines(t, "low", dig(with(t, loaded, changes), "low.example.com", dns.TypeA), "30 192.0.2.2")
	if got := len(decisions[0].Members[0].Verdicts); got != 2 {
		t.Errorf("%d verdicts of the first member, want 2", got)
	}
	if got := len(o.Watches()); got != 4 {
		t.Errorf("%d watches, want 4", got)
	}
}

func TestSharedTargetsAreWatchedOnce(t *testing.T) {
	loaded := zoneOf(t, mixed)
	tcp := preset(t, "tcp:25")
	rules := []Rule{{Name: name("www.example.com"), Checks: []Check{tcp}}, {Name: name("low.example.com"), Checks: []Check{tcp}}}
	var got []string
	for _, w := range Targets(loaded, rules) {
		got = append(got, w.label())
	}
	wantLines(t, "watches", got, "tcp 192.0.2.1:25", "tcp 192.0.2.2:25", "tcp 198.51.100.1:25", "tcp [2001:db8::1]:25", "tcp [2001:db8::2]:25")
	// https asks for the owner's name, so there the owners differ.
	rules[0].Checks, rules[1].Checks = []Check{Default()}, []Check{Default()}
	if got := len(Targets(loaded, rules)); got != 7 {
		t.Errorf("%d https watches, want 7", got)
	}
}

func TestHosts(t *testing.T) {
	loaded := zoneOf(t, mixed)
	named := Default()
	named.Host = "shop.example.com"
	for _, c := range []struct {
		owner string
		check Check
		want  string
	}{
		{"www.example.com", Default(), "www.example.com"},
		{"example.com", Default(), "example.com"},
		{"*.wild.example.com", Default(), "mangrove-check.wild.example.com"},
		{"*.wild.example.com", named, "shop.example.com"},
		{"api.example.com", Default(), "api.example.com"},
		{"www.example.com", preset(t, "tcp:443"), ""},
	} {
		w := Targets(loaded, []Rule{{Name: name(c.owner), Checks: []Check{c.check}}})
		if len(w) == 0 || w[0].Host != c.want {
			t.Errorf("%s: got %v, want host %q", c.owner, w, c.want)
		}
	}
}

func TestHintsFollow(t *testing.T) {
	loaded := zoneOf(t, `
www 300 A     192.0.2.1
www 300 A     192.0.2.2
www 300 AAAA  2001:db8::1
www 300 HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1
www 300 HTTPS 2 . alpn=h3 ipv4hint=192.0.2.1,203.0.113.9
www 300 SVCB  1 . mandatory=ipv4hint,port port=8443 ipv4hint=192.0.2.1
far 300 A     192.0.2.1
far 300 HTTPS 1 . alpn=h2 ipv4hint=203.0.113.9
`)
	rules := []Rule{httpsRule("www.example.com"), httpsRule("far.example.com")}
	up, _ := Withdraw(loaded, rules, states(nil))
	wantLines(t, "all up", dig(with(t, loaded, up), "www.example.com", dns.TypeHTTPS),
		`60 1 . alpn="h2" ipv4hint="192.0.2.1,192.0.2.2" ipv6hint="2001:db8::1"`, `60 2 . alpn="h3" ipv4hint="192.0.2.1,203.0.113.9"`)

	changes, decisions := Withdraw(loaded, rules, states(map[string]State{"192.0.2.1": Down}))
	served := with(t, loaded, changes)
	wantLines(t, "HTTPS", dig(served, "www.example.com", dns.TypeHTTPS),
		`60 1 . alpn="h2" ipv4hint="192.0.2.2" ipv6hint="2001:db8::1"`, `60 2 . alpn="h3" ipv4hint="203.0.113.9"`)
	wantLines(t, "SVCB: an empty hint goes, also from mandatory", dig(served, "www.example.com", dns.TypeSVCB), `60 1 . mandatory="port" port="8443"`)
	wantLines(t, "hints of other addresses stay", dig(served, "far.example.com", dns.TypeHTTPS), `300 1 . alpn="h2" ipv4hint="203.0.113.9"`)
	i := slices.IndexFunc(decisions, func(d Decision) bool { return d.Type == dns.TypeHTTPS })
	if want := "hints follow the addresses: without 192.0.2.1"; i < 0 || decisions[i].Outcome != want {
		t.Errorf("got %v, want a decision %q", decisions, want)
	}

	// Where all are down the addresses stay, and so do the hints.
	changes, _ = Withdraw(loaded, rules, states(map[string]State{"192.0.2.1": Down, "192.0.2.2": Down}))
	if got, want := dig(with(t, loaded, changes), "www.example.com", dns.TypeHTTPS), dig(with(t, loaded, up), "www.example.com", dns.TypeHTTPS); !slices.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

func TestHintsThatBecomeAlikeAreOneRecord(t *testing.T) {
	loaded := zoneOf(t, `
www A     192.0.2.1
www A     192.0.2.2
www HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1,192.0.2.2
www HTTPS 1 . alpn=h2 ipv4hint=192.0.2.2
`)
	changes, _ := Withdraw(loaded, []Rule{httpsRule("www.example.com")}, states(map[string]State{"192.0.2.1": Down}))
	wantLines(t, "HTTPS", dig(with(t, loaded, changes), "www.example.com", dns.TypeHTTPS), `60 1 . alpn="h2" ipv4hint="192.0.2.2"`)
}

// TestWithdrawInvariants tries random zones, rules and states: no RRset is emptied, nothing is invented, the same inputs give
// the same outputs, what is not checked is not touched, and flips one by one lead to where all at once leads.
func TestWithdrawInvariants(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	for range 100 {
		loaded, rules := randomZone(t, rnd)
		before := zones.Diff(nil, loaded)
		o := NewOverlay(loaded, rules)
		by := make(map[Key]State)
		state := func(k Key) Verdict { return Verdict{Key: k, State: by[k], Reason: "because"} }
		base, _ := o.Withdraw(state)
		served := with(t, loaded, base)
		for range 10 {
			var keys []Key
			for _, w := range o.Watches() {
				if rnd.IntN(3) == 0 {
					by[w.Key] = State(rnd.IntN(len(stateNames)))
					keys = append(keys, w.Key)
				}
			}
			changes, decisions := o.Withdraw(state)
			again, decisionsAgain := Withdraw(loaded, rules, state)
			if !reflect.DeepEqual(changes, again) || !reflect.DeepEqual(decisions, decisionsAgain) {
				t.Fatalf("not pure: %s%s", cmp.Diff(changes, again, byText), cmp.Diff(decisions, decisionsAgain, byText))
			}
			if after := zones.Diff(nil, loaded); !reflect.DeepEqual(before, after) {
				t.Fatalf("the loaded zone was modified: %s", cmp.Diff(before, after, byText))
			}
			checkChanges(t, rules, changes)
			whole := with(t, loaded, changes)
			touched, _ := o.WithdrawTouched(state, keys...)
			served = with(t, served, touched)
			if d := zones.Diff(whole, served); len(d) > 0 {
				t.Fatalf("flips lead elsewhere than the whole: %v", d)
			}
		}
	}
}

// checkChanges holds each change against what a rule may do.
func checkChanges(t *testing.T, rules []Rule, changes []zones.Change) {
	t.Helper()
	for _, c := range changes {
		i := slices.IndexFunc(rules, func(r Rule) bool { return r.Name == c.Name })
		if i < 0 {
			t.Fatalf("%s %s has no rule", c.Name, zones.TypeString(c.Type))
		}
		if c.New.IsZero() || c.Old.IsZero() {
			t.Fatalf("%s %s: an RRset appears or goes: %v -> %v", c.Name, zones.TypeString(c.Type), c.Old, c.New)
		}
		if c.New.TTL > c.Old.TTL || c.New.TTL > DefaultMaxTTL {
			t.Fatalf("%s: TTL %d -> %d", c.Name, c.Old.TTL, c.New.TTL)
		}
		if c.Type == dns.TypeHTTPS {
			continue
		}
		last := -1
		for _, text := range c.New.Texts() {
			at := slices.Index(c.Old.Texts(), text)
			if c.Type == dns.TypeCNAME && slices.Contains(rules[i].Targets, name(text)) {
				at = last + 1
			}
			if at <= last {
				t.Fatalf("%s %s: %q is not from the zone, or out of order: %v -> %v", c.Name, zones.TypeString(c.Type), text, c.Old, c.New)
			}
			last = at
		}
	}
}

// randomZone makes a zone of a few names, and rules for some of them.
func randomZone(t *testing.T, rnd *rand.Rand) (*zones.Zone, []Rule) {
	text := ""
	var rules []Rule
	for i := range 1 + rnd.IntN(6) {
		owner := fmt.Sprintf("n%d", i)
		rule := Rule{Name: name(owner + ".example.com"), Policy: Policy(rnd.IntN(2)), Checks: []Check{Default()}[:rnd.IntN(2)]}
		if rnd.IntN(2) == 0 {
			rule.MinHealthy = Floor{Percent: rnd.IntN(101)}
		}
		if rnd.IntN(3) == 0 {
			rule.Checks = append(rule.Checks, preset(t, "tcp:25"))
		}
		if rnd.IntN(4) == 0 {
			text += fmt.Sprintf("%s %d CNAME t%d.example.net.\n", owner, rnd.IntN(400), rnd.IntN(4))
			rule.Policy = Failover
			for range rnd.IntN(4) {
				rule.Targets = append(rule.Targets, name(fmt.Sprintf("t%d.example.net", rnd.IntN(4))))
			}
		} else {
			ttl := rnd.IntN(400)
			for range 1 + rnd.IntN(4) {
				text += fmt.Sprintf("%s %d A 192.0.2.%d\n", owner, ttl, rnd.IntN(5))
			}
			for range rnd.IntN(3) {
				text += fmt.Sprintf("%s %d AAAA 2001:db8::%d\n", owner, ttl, 1+rnd.IntN(5))
			}
			if rnd.IntN(2) == 0 {
				text += fmt.Sprintf("%s %d HTTPS 1 . ipv4hint=192.0.2.%d,192.0.2.%d\n", owner, ttl, rnd.IntN(5), 5+rnd.IntN(5))
			}
		}
		rules = append(rules, rule)
	}
	return zoneOf(t, text), rules
}

func FuzzHints(f *testing.F) {
	f.Add([]byte("\x00\x01\x00\x00\x04\x00\x08\xc0\x00\x02\x01\xc0\x00\x02\x02"), []byte{192, 0, 2, 1})
	f.Add([]byte("\x00\x01\x00\x00\x00\x00\x02\x00\x04\x00\x04\x00\x04\xc0\x00\x02\x01"), []byte{192, 0, 2, 1})
	f.Fuzz(func(t *testing.T, data, out []byte) {
		addr, ok := netip.AddrFromSlice(out)
		if !ok {
			return
		}
		next := withoutHints(data, []netip.Addr{addr})
		if slices.Contains(hintsOf(next), addr) {
			t.Errorf("%x: %s is still there: %x", data, addr, next)
		}
		if _, _, ok := params(data); ok {
			if _, _, ok := params(next); !ok {
				t.Errorf("%x became malformed: %x", data, next)
			}
		}
		for _, a := range hintsOf(data) {
			if a != addr && !slices.Contains(hintsOf(next), a) {
				t.Errorf("%x: %s went with %s", data, a, addr)
			}
		}
	})
}

// bigZone is n names with an A record each, and one name with two, "www".
func bigZone(b *testing.B, n int) *zones.Zone {
	b.Helper()
	builder := zones.NewBuilder(name("example.com"))
	soa := zoneOf(b, pair)
	for set := range soa.RRsets() {
		if err := builder.AddRRset(set); err != nil {
			b.Fatal(err)
		}
	}
	for i := range n {
		owner, err := name("example.com").Child(fmt.Sprintf("host-%d", i))
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := builder.Add(owner, dns.TypeA, 300, []byte{10, byte(i >> 16), byte(i >> 8), byte(i)}); err != nil {
			b.Fatal(err)
		}
	}
	return builder.Zone()
}

// BenchmarkWithdraw is one rule in a zone of 1,000,000 records, from nothing and for a flip.
func BenchmarkWithdraw(b *testing.B) {
	loaded := bigZone(b, 1_000_000)
	rules := []Rule{httpsRule("www.example.com")}
	o := NewOverlay(loaded, rules)
	key := o.Watches()[0].Key
	state := func(k Key) Verdict { return Verdict{Key: k, State: map[bool]State{true: Down, false: Up}[k == key]} }
	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Withdraw(loaded, rules, state)
		}
	})
	b.Run("flip", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			o.WithdrawTouched(state, key)
		}
	})
}

// BenchmarkOverlay joins 10,000 rules with a zone, and flips one target of one.
func BenchmarkOverlay(b *testing.B) {
	loaded := bigZone(b, 10_000)
	var rules []Rule
	for i := range 10_000 {
		rules = append(rules, httpsRule(fmt.Sprintf("host-%d.example.com", i)))
	}
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			NewOverlay(loaded, rules)
		}
	})
	o := NewOverlay(loaded, rules)
	state := states(nil)
	b.Run("flip", func(b *testing.B) {
		for b.Loop() {
			o.WithdrawTouched(state, o.Watches()[4711].Key)
		}
	})
}
