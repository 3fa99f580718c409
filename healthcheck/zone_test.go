package healthcheck

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// zoneOf reads a zone file for example.com, with a SOA and NS before it.
func zoneOf(t testing.TB, text string) *zones.Zone {
	t.Helper()
	head := "$ORIGIN example.com.\n$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 1209600 60\n@ NS ns1.example.net.\n"
	p := dns.NewZoneParser(strings.NewReader(head+text), "example.com.", "test.zone")
	var rrs []dns.RR
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		rrs = append(rrs, rr)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	sets, err := zones.FromRRs(rrs)
	if err != nil {
		t.Fatal(err)
	}
	b := zones.NewBuilder(zones.MustParseName("example.com"))
	for _, s := range sets {
		if err := b.AddRRset(s); err != nil {
			t.Fatal(err)
		}
	}
	return b.Zone()
}

func name(s string) zones.Name { return zones.MustParseName(s) }

func names(list ...string) []zones.Name {
	var out []zones.Name
	for _, s := range list {
		out = append(out, name(s))
	}
	return out
}

// dig returns the records of a zone as "ttl data" lines, in the zone's order.
func dig(z *zones.Zone, owner string, typ uint16) []string {
	set, _ := z.RRset(name(owner), typ)
	var out []string
	for _, text := range set.Texts() {
		out = append(out, fmt.Sprintf("%d %s", set.TTL, text))
	}
	return out
}

// with applies changes to z.
func with(t testing.TB, z *zones.Zone, changes []zones.Change) *zones.Zone {
	t.Helper()
	next, err := z.With(changes)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// preset is a check by its text, with the defaults.
func preset(t testing.TB, text string) Check {
	t.Helper()
	c, err := ParsePreset(text, Default())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// states is a function from keys to verdicts made of targets by text: "192.0.2.1" or "a.example.net.". Targets
// that are not named are up.
func states(by map[string]State) func(Key) Verdict {
	return func(key Key) Verdict {
		endpoint := strings.Fields(string(key))[1]
		host := strings.Trim(endpoint[:strings.LastIndexByte(endpoint, ':')], "[]")
		s, ok := by[host]
		if !ok {
			if s, ok = by[host+"."]; !ok {
				s = Up
			}
		}
		reason := "answers"
		if s == Down {
			reason = "tcp " + endpoint + ": connection refused, 3 of 3"
		}
		return Verdict{Key: key, State: s, Reason: reason}
	}
}

var byText = cmp.Options{
	cmp.Comparer(func(a, b zones.Name) bool { return a == b }),
	cmp.Comparer(func(a, b Target) bool { return a == b }),
	cmpopts.EquateEmpty(),
}

// wantLines fails unless got are the lines want.
func wantLines(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %s", what, cmp.Diff(want, got, byText))
	}
}
