package main

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mangrove-dns/mangrove/resolver"
	"github.com/mangrove-dns/mangrove/zones"
)

// A network that is over several limits is one.
func TestRateLimitReport(t *testing.T) {
	var limited []resolver.Limited
	for _, l := range []struct{ network, limit, zone string }{
		{"192.0.2.0/24", "responses", "a.test"}, {"192.0.2.0/24", "responses", "b.test"}, {"192.0.2.0/24", "errors", ""}, {"198.51.100.0/24", "nxdomains", "a.test"},
	} {
		one := resolver.Limited{Network: netip.MustParsePrefix(l.network), Limit: l.limit, Since: time.Unix(1, 0)}
		if l.zone != "" {
			one.Zone = zones.MustParseName(l.zone)
		}
		limited = append(limited, one)
	}
	counts := resolver.LimitStats{Truncated: 7}
	for _, c := range []struct {
		mode               rateMode
		networks, accounts int
		want               string
	}{
		{"on", 2, 4, "rate limit: 7 answers over it (7 truncated, 0 BADCOOKIE, 0 dropped), 2 networks now\n  192.0.2.0/24 "},
		{"off", 0, 0, "rate limit: 7 answers over it (7 truncated, 0 BADCOOKIE, 0 dropped), no networks now\n"},
	} {
		rep := rateLimitReportOf(c.mode, counts, limited)
		if rep.Count != c.networks || len(rep.Networks) != c.accounts {
			t.Errorf("mode %s: got %+v", c.mode, rep)
		}
		var out bytes.Buffer
		printRateLimit(&out, rep)
		if got := out.String(); !strings.HasPrefix(got, c.want) || strings.Count(got, "\n") != c.accounts+1 {
			t.Errorf("mode %s: got\n%s", c.mode, got)
		}
	}
}

// What is switched off as a whole is written as that.
func TestSwitches(t *testing.T) {
	for _, c := range []struct {
		yaml    string
		mode    rateMode
		cookies bool
		wrong   string
	}{
		{"", "on", true, ""},
		{"rate_limit: off\ncookies: off\n", "off", false, ""},
		{"rate_limit: observe\ncookies: false\n", "observe", false, ""},
		{"rate_limit: on\ncookies: on\n", "on", true, ""},
		{"rate_limit: {mode: off}\ncookies: {enabled: false}\n", "off", false, ""},
		{"rate_limit: false\n", "", false, `m.yaml:1:13: rate_limit: "false" is none of on, observe, off`},
		{"cookies: no\n", "", false, `m.yaml:1:10: cookies: neither on nor off; secrets stand in {secrets: ...}`},
		{"cookies:\n", "", false, "m.yaml:1:10: cookies has no value; give it one or leave the key out"},
	} {
		cfg := defaultConfig()
		cfg.path = "m.yaml"
		got := strings.Join(problemTexts(cfg.parse([]byte(c.yaml))), "\n")
		if got != c.wrong || c.wrong == "" && (cfg.RateLimit.Mode != c.mode || cfg.Cookies.Enabled != c.cookies || cfg.RateLimit.Responses != 200) {
			t.Errorf("%q: rate_limit %s, cookies %v, %q", c.yaml, cfg.RateLimit.Mode, cfg.Cookies.Enabled, got)
		}
	}
}
