package main

import (
	"net/netip"
	"slices"
	"testing"

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
		next, err := from.resolved(known(addrs...))
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
		if d := cmp.Diff(c.want, aliasReasons(c.from, c.to)); d != "" {
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
