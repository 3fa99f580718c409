package healthcheck

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

const (
	signedHosts = `
www  300 A     192.0.2.1
www  300 A     192.0.2.2
www  300 AAAA  2001:db8::1
www  300 AAAA  2001:db8::2
www  300 HTTPS 1 . ipv4hint=192.0.2.1,192.0.2.2
api  300 CNAME eu.example.net.
`
	coversA   = "www 300 RRSIG A 13 3 300 20400101000000 20200101000000 1 example.com. AAAA\n"
	coversSOA = "@ 300 RRSIG SOA 13 2 300 20400101000000 20200101000000 1 example.com. AAAA\n"
)

// TestWithdrawSigned: what signatures cover stays as it is loaded, its TTL too, and the decision says why.
func TestWithdrawSigned(t *testing.T) {
	rules := []Rule{
		{Name: name("www.example.com"), Checks: []Check{Default()}, Policy: All},
		{Name: name("api.example.com"), Checks: []Check{Default()}, Policy: Failover, Targets: names("eu.example.net", "us.example.net")},
	}
	const kept = ": not withdrawn: the zone is signed"
	down := map[string]State{"192.0.2.1": Down, "2001:db8::1": Down, "eu.example.net.": Down}
	for _, c := range []struct {
		name, zone string
		states     map[string]State
		want       []string // decisions
		changed    []uint16
	}{
		{"not signed", "", down, []string{"www A: 1 of 2 up", "www AAAA: 1 of 2 up", "www HTTPS: hints follow the addresses: without 192.0.2.1",
			"api CNAME: us.example.net. is served, 2 of 2 (1 of 2 up)"}, []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeHTTPS, dns.TypeCNAME}},
		{"one RRset", coversA, down, []string{"www A: 1 of 2 up" + kept, "www AAAA: 1 of 2 up", "www HTTPS: hints follow the addresses: all are kept",
			"api CNAME: us.example.net. is served, 2 of 2 (1 of 2 up)"}, []uint16{dns.TypeAAAA, dns.TypeHTTPS, dns.TypeCNAME}},
		{"the zone", coversSOA, down, []string{"www A: 1 of 2 up" + kept, "www AAAA: 1 of 2 up" + kept, "www HTTPS: hints follow the addresses: all are kept",
			"api CNAME: 1 of 2 up" + kept}, nil},
		{"all up", coversSOA, nil, []string{"www A: 2 of 2 up", "www AAAA: 2 of 2 up", "www HTTPS: hints follow the addresses: all are kept",
			"api CNAME: eu.example.net. is served, 1 of 2 (2 of 2 up)"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			z := zoneOf(t, signedHosts+c.zone)
			o := NewOverlay(z, rules)
			states := make(map[Key]State)
			for _, w := range o.Watches() {
				states[w.Key] = Up
				if s, ok := c.states[w.Target.String()]; ok {
					states[w.Key] = s
				}
			}
			state := func(k Key) Verdict { return Verdict{Key: k, State: states[k], Reason: "refused"} }
			changes, decisions := o.Withdraw(state)
			var got []string
			for _, d := range decisions {
				got = append(got, strings.Replace(d.String(), ".example.com.", "", 1))
				if d.Signed != strings.Contains(d.Outcome, "the zone is signed") {
					t.Errorf("%s: Signed is %t", d, d.Signed)
				}
				if d.Signed && len(d.Members) > 0 && !slices.ContainsFunc(d.Members, func(m Member) bool {
					return m.Served && strings.Contains(m.Reason, "refused; not withdrawn: the zone is signed")
				}) {
					t.Errorf("%s: no member tells: %+v", d, d.Members)
				}
			}
			wantLines(t, "decisions", got, c.want...)
			var changed []uint16
			for _, ch := range changes {
				changed = append(changed, ch.Type)
			}
			if !slices.Equal(changed, c.changed) {
				t.Errorf("changes of types %v, want %v", changed, c.changed)
			}
			var keys []Key
			for _, w := range o.Watches() {
				keys = append(keys, w.Key)
			}
			touched, _ := o.WithdrawTouched(state, keys...)
			for _, ch := range touched {
				if slices.Contains(c.changed, ch.Type) == ch.Old.Equal(ch.New) {
					t.Errorf("touched: %s becomes %s", ch.Old, ch.New)
				}
			}
		})
	}
}

func TestValidateSigned(t *testing.T) {
	rule := Rule{Name: name("www.example.com"), Checks: []Check{Default()}, Types: []uint16{dns.TypeA}}
	var got []string
	for _, p := range ValidateRules(zoneOf(t, signedHosts+coversA), []Rule{rule}) {
		got = append(got, p.String())
	}
	wantLines(t, "problems", got, "warning: health rule for www: the zone is signed: targets are checked, but no record is withdrawn or changed, since its signature would not cover what is left")
}
