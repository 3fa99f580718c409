package healthcheck

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// A rule for the addresses that an ALIAS record will bring is judged without them.
func TestValidateALIAS(t *testing.T) {
	loaded := zoneOf(t, mixed+`
alias     TYPE65401 \# 12 026c6203636f6d036e657400
slow 3600 TYPE65401 \# 12 026c6203636f6d036e657400
`)
	checks := []Check{Default()}
	for _, c := range []struct {
		name string
		rule []Rule
		want []string
	}{
		{"all its addresses", []Rule{{Name: name("alias.example.com"), Checks: checks}}, nil},
		{"of one family", []Rule{{Name: name("alias.example.com"), Types: []uint16{dns.TypeAAAA}, Checks: checks}}, nil},
		{"a CNAME", []Rule{{Name: name("alias.example.com"), Types: []uint16{dns.TypeCNAME}, Checks: checks}},
			[]string{"health rule for alias: an ALIAS record brings A and AAAA records, no CNAME"}},
		{"targets", []Rule{{Name: name("alias.example.com"), Checks: checks, Targets: names("a.example.net")}},
			[]string{"health rule for alias: targets are for a CNAME, and the name has an ALIAS record: the addresses that it leads to are the targets"}},
		{"twice", []Rule{{Name: name("alias.example.com"), Checks: checks}, {Name: name("alias.example.com"), Types: []uint16{dns.TypeA}, Checks: checks}},
			[]string{"health rule for alias: A has a rule already; the first counts"}},
		{"long TTL", []Rule{{Name: name("slow.example.com"), Checks: checks, TTL: TTL{Max: 3600}}},
			[]string{"health rule for slow: ALIAS keeps a TTL of 1 h, and a dead target is known after 23 s at most: resolvers would go on with it; lower ttl"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, p := range ValidateRules(loaded, c.rule) {
				got = append(got, p.Text)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// With other addresses, those that stay keep their keys, and so their verdicts.
func TestKeysOfALIAS(t *testing.T) {
	rules := []Rule{{Name: name("alias.example.com"), Checks: []Check{Default()}}}
	keys := func(text string) []Key {
		var out []Key
		for _, w := range Targets(zoneOf(t, text), rules) {
			out = append(out, w.Key)
		}
		return out
	}
	before, after := keys("alias A 192.0.2.1\nalias A 192.0.2.2\n"), keys("alias A 192.0.2.2\nalias A 192.0.2.3\n")
	if len(before) != 2 || len(after) != 2 || !slices.Contains(before, after[0]) || slices.Contains(before, after[1]) {
		t.Errorf("before %v, after %v", before, after)
	}
	if len(keys("alias TYPE65401 \\# 12 026c6203636f6d036e657400\n")) != 0 {
		t.Error("what is not known is probed")
	}
}
