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
