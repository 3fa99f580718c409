package healthcheck

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

func TestValidateRules(t *testing.T) {
	loaded := zoneOf(t, mixed+`
sub       NS    ns.sub
ns.sub    A     192.0.2.53
ent.a     TXT   "x"
mx        MX    10 low
child     NS    low
three 3600 A 192.0.2.1
three 3600 A 192.0.2.2
`)
	bad := Default()
	bad.Rise, bad.Timeout = 0, 0
	slow := TTL{Max: 600}
	checks := []Check{Default()}
	pos := zones.Pos{File: "example.com.yaml", Line: 3, Col: 5}
	api := names("eu.lb.example.net", "us.lb.example.net")
	for _, c := range []struct {
		name string
		rule Rule
		want []string
	}{
		{"fine", Rule{Name: name("www.example.com"), Checks: checks}, nil},
		{"CNAME failover is fine", Rule{Name: name("api.example.com"), Checks: checks, Policy: Failover, Targets: api}, nil},
		{"wildcard is fine", Rule{Name: name("*.wild.example.com"), Checks: checks}, nil},
		{"no such name", Rule{Name: name("wwww.example.com"), Checks: checks}, []string{"health rule for wwww: the zone has no such name"}},
		{"outside", Rule{Name: name("www.example.net"), Checks: checks}, []string{"health rule for www.example.net.: the name is not within example.com."}},
		{"glue", Rule{Name: name("ns.sub.example.com"), Checks: checks},
			[]string{"health rule for ns.sub: sub.example.com. is delegated: records there are glue, and others answer for them"}},
		{"no addresses", Rule{Name: name("mail.example.com"), Checks: checks},
			[]string{"health rule for mail: there is no A, AAAA or CNAME record at that name: there is nothing to check"}},
		{"empty non-terminal", Rule{Name: name("a.example.com"), Checks: checks},
			[]string{"health rule for a: there is no A, AAAA or CNAME record at that name: there is nothing to check"}},
		{"type that is not there", Rule{Name: name("one.example.com"), Types: []uint16{dns.TypeAAAA}, Checks: checks},
			[]string{"health rule for one: the zone has no AAAA record there"}},
		{"type that cannot be checked", Rule{Name: name("mail.example.com"), Types: []uint16{dns.TypeMX}, Checks: checks},
			[]string{"health rule for mail: type MX cannot be checked: only A, AAAA and CNAME point at a target"}},
		{"bad check", Rule{Name: name("www.example.com"), Checks: []Check{bad}},
			[]string{"health rule for www: check https: bad check: timeout must be more than 0", "health rule for www: check https: bad check: rise must be at least 1"}},
		{"no check", Rule{Name: name("www.example.com")}, []string{"warning: health rule for www: no check: the rule changes nothing"}},
		{"standby without check", Rule{Name: name("www.example.com"), Policy: Failover},
			[]string{"warning: health rule for www: failover without a check: the standby would never be served, so all records are; name a check"}},
		{"one target", Rule{Name: name("one.example.com"), Checks: checks},
			[]string{"warning: health rule for one: A has one target only: there is nothing to fail over to, and it is never left out"}},
		{"one named target", Rule{Name: name("api.example.com"), Checks: checks, Policy: Failover, Targets: api[:1]},
			[]string{"warning: health rule for api: CNAME has one target only: there is nothing to fail over to, and it is never left out"}},
		{"CNAME without targets", Rule{Name: name("api.example.com"), Checks: checks},
			[]string{"warning: health rule for api: CNAME has one target only: there is nothing to fail over to, and it is never left out"}},
		{"CNAME without failover", Rule{Name: name("api.example.com"), Checks: checks, Targets: api},
			[]string{"health rule for api: a CNAME points at one target at a time: targets need policy failover"}},
		{"own target is not named", Rule{Name: name("other.example.com"), Checks: checks, Policy: Failover, Targets: api},
			[]string{"warning: health rule for other: targets do not name own.example.net., which the zone points at: it is used after all of them"}},
		{"a CNAME to itself", Rule{Name: name("api.example.com"), Checks: checks, Policy: Failover, Targets: append(names("api.example.com"), api...)},
			[]string{"health rule for api: the name is among its own targets"}},
		{"targets beside addresses", Rule{Name: name("www.example.com"), Checks: checks, Policy: Failover, Targets: api},
			[]string{"health rule for www: targets are for a CNAME, and the name has A records: their addresses are the targets",
				"health rule for www: targets are for a CNAME, and the name has AAAA records: their addresses are the targets"}},
		{"floor out of reach", Rule{Name: name("www.example.com"), Checks: checks, MinHealthy: Floor{Count: 2}},
			[]string{"warning: health rule for www: min_healthy 2 of 2 AAAA records: nothing is ever left out"}},
		{"floor with failover", Rule{Name: name("www.example.com"), Checks: checks, Policy: Failover, MinHealthy: Floor{Count: 2}, Types: []uint16{dns.TypeA}},
			[]string{"warning: health rule for www: min_healthy 2 has no meaning with failover: one usable target is enough"}},
		{"slow TTL", Rule{Name: name("three.example.com"), Checks: checks, TTL: slow},
			[]string{"warning: health rule for three: A keeps a TTL of 10 m, and a dead target is known after 23 s at most: resolvers would go on with it; lower ttl"}},
		{"pointed at", Rule{Name: name("low.example.com"), Checks: checks},
			[]string{"warning: health rule for low: the NS record of child.example.com. points at this name: its addresses come and go",
				"warning: health rule for low: the MX record of mx.example.com. points at this name: its addresses come and go"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.rule.Pos = pos
			var got []string
			for _, p := range ValidateRules(loaded, []Rule{c.rule}) {
				if p.Pos != pos {
					t.Errorf("%s stands at %s, want %s", p, p.Pos, pos)
				}
				p.Pos = zones.Pos{}
				got = append(got, p.String())
			}
			wantLines(t, "problems", got, c.want...)
		})
	}
	twice := Rule{Name: name("low.example.com"), Checks: checks}
	got := ValidateRules(loaded, []Rule{twice, twice})
	if len(got) == 0 || got[0].Text != "health rule for low: A has a rule already; the first counts" {
		t.Errorf("two rules for one name: %v", got)
	}
}
