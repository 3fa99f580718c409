package alias

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
)

func TestSaved(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	v4 := Family{true, []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
	v6 := Family{true, []netip.Addr{netip.MustParseAddr("2001:db8::1")}}
	states := []State{
		{Target: zones.MustParseName("both.example."), Answer: Answer{v4, v6}, Since: at, Good: at, Owners: []zones.Name{zones.MustParseName("a.example."), zones.MustParseName("o.example.")}},
		{Target: zones.MustParseName("empty.example."), Answer: Answer{v4, Family{Known: true}}, Since: at},
		{Target: zones.MustParseName("half.example."), Answer: Answer{V6: v6}, Problem: "SERVFAIL", Failing: at, Stale: at.Add(time.Minute), Own: true},
		{Target: zones.MustParseName("held.example."), Problem: "NXDOMAIN", Held: []Held{{Owner: zones.MustParseName("o.example."), Target: zones.MustParseName("old.example."), Answer: Answer{v4, v6}, Since: at}}},
		{Target: zones.MustParseName("none.example.")},
	}
	got, err := Decode(Encode(states))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(states[:4], got, cmp.AllowUnexported(zones.Name{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
}

func TestSavedDamage(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "unexpected end"},
		{`{"revision":2}`, "revision 2 is not known"},
		{`{"revision":1,"targets":[{"target":"a..b","a":["192.0.2.1"]}]}`, "a..b"},
		{`{"revision":1,"targets":[{"target":"a.","a":["2001:db8::1"]}]}`, "those of a. are none"},
		{`{"revision":1,"targets":[{"target":"a.","aaaa":["fe80::1%eth0"]}]}`, "those of a. are none"},
		{`{"revision":1,"targets":[{"target":"a.","a":[]}]}`, "those of a. are none"},
		{`{"revision":1,"targets":[{"target":"a.","a":["192.0.2"]}]}`, "192.0.2"},
		{`{"revision":1,"targets":[{"target":"a.","a":["192.0.2.1"],"owners":["o..x"]}]}`, "o..x"},
		{`{"revision":1,"targets":[{"target":"a.","held":[{"owner":"o.","target":"b.","a":[]}]}]}`, "those of b. are none"},
	} {
		states, err := Decode([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || states != nil {
			t.Errorf("%s: got %v, %v; want %q", c.text, states, err, c.want)
		}
	}
}
