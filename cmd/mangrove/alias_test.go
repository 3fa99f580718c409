package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/alias"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

func TestResolversConfig(t *testing.T) {
	cfg := defaultConfig()
	cfg.path = "m.yaml"
	got := problemTexts(cfg.parse([]byte("resolvers: [192.0.2.53, \"[2001:db8::53]:5353\", resolver.example.net]\nalias_networks: [127.0.0.0/8, here]\n")))
	want := []string{`m.yaml:2:31: alias_networks[1]: "here" is not a network such as 10.0.0.0/8`,
		`m.yaml:1:48: resolvers[2]: "resolver.example.net" is no address of a resolver, such as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53`}
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// known answers for one target.
func known(addrs ...string) func(alias.Record) alias.Answer {
	var a alias.Answer
	for _, s := range addrs {
		addr := netip.MustParseAddr(s)
		if addr.Is4() {
			a.V4.Addrs = append(a.V4.Addrs, addr)
		} else {
			a.V6.Addrs = append(a.V6.Addrs, addr)
		}
	}
	a.V4.Known, a.V6.Known = len(addrs) > 0, len(addrs) > 0
	return func(alias.Record) alias.Answer { return a }
}

func TestResolvedSource(t *testing.T) {
	res, err := zonefile.ParseBytes("x.org.zone", []byte("$TTL 300\n@ SOA ns h 1 3600 600 1209600 60\n@ NS ns\nns A 192.0.2.53\n@ 60 ALIAS lb.example.net.\n"), zonefile.Options{Origin: zones.MustParseName("x.org")})
	if err != nil || res.Zone == nil {
		t.Fatal(err, res)
	}
	src := &source{origin: zones.MustParseName("x.org"), zone: res.Zone, alias: aliasingOf(alias.Records(res.Zone, res.Where)), overlay: noRules}
	take := func(from *source, addrs ...string) *source {
		t.Helper()
		next, _, err := from.resolved(known(addrs...), nil)
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	dark := take(src)
	if _, pending := dark.loaded().RRset(src.origin, zones.TypeALIAS); !pending || dark.content(nil) != asRead {
		t.Errorf("unresolved: %s", dark.content(nil))
	}
	first := take(dark, "192.0.2.1", "2001:db8::1")
	second := take(first, "192.0.2.2")
	for _, c := range []struct {
		from, to *source
		want     []string
	}{
		{dark, first, []string{"alias x.org. to lb.example.net.: with 192.0.2.1, 2001:db8::1"}},
		{first, second, []string{"alias x.org. to lb.example.net.: with 192.0.2.2 without 192.0.2.1, 2001:db8::1"}},
		{first, first, nil},
	} {
		if d := cmp.Diff(c.want, aliasReasons(c.from.alias, c.to.alias, []int{0})); d != "" {
			t.Error(d)
		}
	}
	if same := take(second, "192.0.2.2"); same != second {
		t.Error("the same addresses made another source")
	}
	if _, pending := second.loaded().RRset(src.origin, zones.TypeALIAS); pending || src.zone.Records() != 4 {
		t.Error("the ALIAS is there still, or the file's zone was changed")
	}
	if contents := []string{dark.content(nil), first.content(nil), second.content(nil)}; len(slices.Compact(slices.Sorted(slices.Values(contents)))) != 3 {
		t.Errorf("contents are not told apart: %v", contents)
	}
	if take(second, "192.0.2.1", "2001:db8::1").content(nil) != first.content(nil) {
		t.Error("one content has two names")
	}
}

// What status says of an ALIAS record.
func TestAliasLine(t *testing.T) {
	at := time.Date(2020, 1, 2, 3, 4, 5, 0, time.Local)
	one, both := []string{"192.0.2.1"}, []string{"192.0.2.1", "2001:db8::1"}
	for _, c := range []struct {
		report aliasReport
		want   string
	}{
		{aliasReport{Addresses: one, Since: at, Heard: at}, "192.0.2.1 since 2020-01-02 03:04:05, heard 2020-01-02 03:04:05"},
		{aliasReport{Addresses: one, Since: at, Own: true}, "192.0.2.1, from our own zone since 2020-01-02 03:04:05"},
		{aliasReport{Unknown: []string{"A", "AAAA"}, Problem: "SERVFAIL", Failing: at}, "not resolved yet, questions for its addresses are answered SERVFAIL; failing since 2020-01-02 03:04:05: SERVFAIL"},
		{aliasReport{Addresses: both, Problem: "NXDOMAIN", Failing: at, Stale: at}, "192.0.2.1, 2001:db8::1; the last good ones stay since 2020-01-02 03:04:05: NXDOMAIN"},
		{aliasReport{Addresses: one, Unknown: []string{"AAAA"}, Problem: "AAAA: SERVFAIL", Failing: at},
			"192.0.2.1; AAAA not resolved yet, answered SERVFAIL; resolved in part since 2020-01-02 03:04:05: AAAA: SERVFAIL"},
		{aliasReport{Addresses: one, Problem: "127.0.0.1 refused", Failing: at}, "192.0.2.1; resolved in part since 2020-01-02 03:04:05: 127.0.0.1 refused"},
		{aliasReport{Addresses: one, Held: "old.", Since: at, Problem: "NXDOMAIN", Failing: at}, "192.0.2.1, still the addresses of old.: t. has not been resolved: NXDOMAIN since 2020-01-02 03:04:05"},
		{aliasReport{Addresses: one, Rotating: 80, Next: at}, "192.0.2.1; it rotates: other addresses each time, so it is asked every 1m20s only, asked again 2020-01-02 03:04:05"},
	} {
		c.report.Target = "t."
		if d := cmp.Diff("t.: "+c.want, c.report.String()); d != "" {
			t.Error(d)
		}
	}
}

// A problem that lasts is the zone's problem from the first day on.
func TestAliasProblem(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	const day = 24 * time.Hour
	one := alias.Answer{V4: alias.Family{Known: true, Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}, V6: alias.Family{Known: true}}
	for _, c := range []struct {
		state alias.State
		held  bool
		want  string
	}{
		{alias.State{Answer: one}, false, ""},
		{alias.State{Problem: "r", Ring: true, Failing: now}, false, "is in a ring with other zones: r; let one of them lead elsewhere"},
		{alias.State{Answer: one, Problem: "NXDOMAIN", Failing: ago(day - 1), Stale: ago(day - 1)}, false, ""},
		{alias.State{Answer: one, Problem: "NXDOMAIN", Failing: ago(9 * day), Stale: ago(day)}, false,
			"t.: its last good addresses, heard 1 day ago, are served still and may be somebody else's by now: NXDOMAIN; let it lead elsewhere, or remove it"},
		{alias.State{Answer: one, Problem: "127.0.0.1 refused", Failing: ago(9 * day)}, false, ""},
		{alias.State{Problem: "SERVFAIL", Failing: ago(3*day - 1)}, true, "t. has not been resolved for 2 days, and the addresses of its target of before are served still: SERVFAIL"},
		{alias.State{Problem: "SERVFAIL", Failing: ago(3 * day)}, false, "t. has not been resolved for 3 days: SERVFAIL"},
		{alias.State{Problem: "SERVFAIL", Failing: now.Add(day)}, false, ""}, // the clock was set back
	} {
		c.state.Target = zones.MustParseName("t.")
		severity, got := aliasProblem(c.state, c.held, now)
		if got != c.want || got != "" && (severity == zones.Error) != c.state.Ring {
			t.Errorf("got %v %q, want %q", severity, got, c.want)
		}
	}
}

// check --resolve tells how old what a server answers is, where it can know.
func TestCheckLastGood(t *testing.T) {
	at := time.Date(2020, 1, 2, 3, 4, 5, 0, time.Local)
	dir := t.TempDir()
	c := &aliasCheck{cfg: &config{Data: dir}}
	if got := c.kept(); got != nil {
		t.Errorf("got %v without a file", got)
	}
	target := zones.MustParseName("t.")
	one := alias.Family{Known: true, Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}}
	for _, s := range []struct {
		state alias.State
		want  string
	}{
		{alias.State{Good: at}, ""},
		{alias.State{Answer: alias.Answer{V4: one}, Good: at}, "; the server has its last good addresses, 192.0.2.1, 192.0.2.2, heard 2020-01-02 03:04:05"},
		{alias.State{Answer: alias.Answer{V4: one}, Good: at, Stale: at.Add(time.Hour)}, "; the server has its last good addresses, 192.0.2.1, 192.0.2.2, heard 2020-01-02 04:04:05"},
	} {
		s.state.Target = target
		if err := os.WriteFile(filepath.Join(dir, aliasFile), alias.Encode([]alias.State{s.state}), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := lastGood(c.kept()[target]); got != s.want {
			t.Errorf("got %q, want %q", got, s.want)
		}
	}
}

// Many records of one zone: what changes is looked at, nothing else; and that leads to the same zone as all at once.
func TestResolvedInPart(t *testing.T) {
	const n = 20000 // as many as make the zone too large to be built anew for each change, or for one of many
	var text strings.Builder
	text.WriteString("$TTL 300\n@ SOA ns h 1 3600 600 1209600 60\n@ NS ns\nns A 192.0.2.53\n")
	for i := range n {
		fmt.Fprintf(&text, "w%d ALIAS t%d.example.net.\n", i, i)
	}
	res, err := zonefile.ParseBytes("x.org.zone", []byte(text.String()), zonefile.Options{Origin: zones.MustParseName("x.org")})
	if err != nil || res.Zone == nil {
		t.Fatal(err, res)
	}
	answers := make(map[zones.Name]alias.Answer)
	looks := 0
	look := func(r alias.Record) alias.Answer {
		looks++
		return answers[r.Owner]
	}
	read := &source{origin: zones.MustParseName("x.org"), zone: res.Zone, alias: aliasingOf(alias.Records(res.Zone, res.Where)), overlay: noRules}
	src, _, err := read.resolved(look, nil)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for step := range 200 {
		at := make([]int, random.IntN(30))
		if step == 0 {
			at = make([]int, n/5)
		}
		for i := range at {
			at[i] = random.IntN(n)
		}
		slices.Sort(at)
		at = slices.Compact(at)
		for _, i := range at {
			list := []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(random.IntN(4))})}
			answers[src.alias.records[i].Owner] = [...]alias.Answer{{}, {V4: alias.Family{Known: true, Addrs: list}}, {V4: alias.Family{Known: true, Addrs: list}, V6: alias.Family{Known: true}}}[random.IntN(3)]
		}
		before, content := src, ""
		if step%50 == 0 {
			content = src.content(nil)
		}
		looks = 0
		next, what, err := src.resolved(look, append([]int{}, at...))
		if err != nil {
			t.Fatal(err)
		}
		if looks > len(at) || len(what.at) > len(at) || (next == src) != (len(what.at) == 0) {
			t.Fatalf("step %d: %d looks, %d changes for %d records", step, looks, len(what.at), len(at))
		}
		if next.loaded().NeedsCompaction() {
			t.Fatalf("step %d: what is looked up in it is dear", step)
		}
		if src = next; content != "" && before.content(nil) != content {
			t.Fatalf("step %d: the source of before has changed", step)
		}
	}
	whole, _, err := read.resolved(look, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := zones.Diff(whole.loaded(), src.loaded()); len(d) > 0 || whole.content(nil) != src.content(nil) {
		t.Errorf("other zones: %v", d)
	}
}

// What a target was found to have in zones that were about to be served does not outlast their publication.
func TestAliasesCame(t *testing.T) {
	cfg := testConfig(t, map[string]string{"a.test.zone": twoTargets, "b.test.zone": strings.Replace(plainZone, "www A 192.0.2.1", "www ALIAS www.a.test.", 1)})
	a := testApp(t, cfg)
	if err := a.loadAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect := func(want string) {
		t.Helper()
		s, ok := a.aliases.State(zones.MustParseName("www.a.test."))
		if got := strings.Join(addrTexts(s.Addrs()), " "); !ok || got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	const served = "127.0.0.2 127.0.0.3"
	expect(served)
	res, err := zonefile.ParseBytes("a.test.zone", []byte(strings.Replace(twoTargets, "www A 127.0.0.3\n", "", 1)), zonefile.Options{Origin: zones.MustParseName("a.test.")})
	if err != nil || res.Zone == nil {
		t.Fatal(err, res)
	}
	a.coming.Store(a.live.Catalog().With(res.Zone))
	a.aliases.Follow()
	expect("127.0.0.2")
	if err := a.publishSources(t.Context(), nil); err != nil { // which is not among what it publishes
		t.Fatal(err)
	}
	expect(served)
}
