package main

import (
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/mangrove-dns/mangrove/resolver"
	"github.com/mangrove-dns/mangrove/zones"
)

// rateLimitConfig is how much of one kind a network may get over UDP.
type rateLimitConfig struct {
	Mode       rateMode      `yaml:"mode" doc:"on; observe: count and log what would be limited, and send it whole; off"`
	Responses  int           `yaml:"responses_per_second" doc:"of one name to one network: answers, none of that type, referrals; 0 is no limit"`
	NXDomains  int           `yaml:"nxdomains_per_second" doc:"names that do not exist, of one zone to one network; 0 is no limit"`
	Errors     int           `yaml:"errors_per_second" doc:"errors and refusals to one network; 0 is no limit"`
	All        int           `yaml:"all_per_second" doc:"everything to one network, besides the others; 0 is no limit"`
	Window     time.Duration `yaml:"window" doc:"how long after a flood a network is still limited, at most"`
	Slip       int           `yaml:"slip" doc:"every Nth limited answer is sent truncated, the others are dropped; 1 sends all, 0 none"`
	IPv4Prefix int           `yaml:"ipv4_prefix" doc:"length of what counts as one network in IPv4"`
	IPv6Prefix int           `yaml:"ipv6_prefix" doc:"length of what counts as one network in IPv6"`
	Exempt     []network     `yaml:"exempt" doc:"networks that are never limited"`
}

// SetShorthand takes `rate_limit: off` for `rate_limit: {mode: off}`.
func (r *rateLimitConfig) SetShorthand(text string) (string, error) {
	return "mode", r.Mode.UnmarshalText([]byte(text))
}

// defaultRateLimit is resolver's.
func defaultRateLimit() rateLimitConfig {
	r := resolver.DefaultRateLimit()
	c := rateLimitConfig{Mode: "on", Responses: r.Responses, NXDomains: r.NXDomains, Errors: r.Errors, All: r.All,
		Window: r.Window, Slip: r.Slip, IPv4Prefix: r.IPv4Prefix, IPv6Prefix: r.IPv6Prefix}
	for _, p := range r.Exempt {
		c.Exempt = append(c.Exempt, network{p})
	}
	return c
}

// limit is r as the server takes it.
func (r *rateLimitConfig) limit() resolver.RateLimit {
	out := resolver.RateLimit{Mode: map[rateMode]resolver.RateMode{"on": resolver.RateOn, "observe": resolver.RateObserve}[r.Mode],
		Responses: r.Responses, NXDomains: r.NXDomains, Errors: r.Errors, All: r.All,
		Window: r.Window, Slip: r.Slip, IPv4Prefix: r.IPv4Prefix, IPv6Prefix: r.IPv6Prefix}
	for _, n := range r.Exempt {
		out.Exempt = append(out.Exempt, n.Prefix)
	}
	return out
}

// validateRateLimit reports what is out of bounds in rate_limit.
func validateRateLimit(problems *[]zones.Problem, c *config) {
	r := &c.RateLimit
	for _, v := range []struct {
		key             string
		got, least, top int
	}{
		{"responses_per_second", r.Responses, 0, resolver.MaxRate}, {"nxdomains_per_second", r.NXDomains, 0, resolver.MaxRate},
		{"errors_per_second", r.Errors, 0, resolver.MaxRate}, {"all_per_second", r.All, 0, resolver.MaxRate},
		{"slip", r.Slip, 0, resolver.MaxSlip},
		{"ipv4_prefix", r.IPv4Prefix, resolver.MinIPv4Prefix, 32}, {"ipv6_prefix", r.IPv6Prefix, resolver.MinIPv6Prefix, 128},
	} {
		if v.got < v.least || v.got > v.top {
			c.problem(problems, "rate_limit."+v.key, "%d is not from %d to %d", v.got, v.least, v.top)
		}
	}
	if r.Window < resolver.MinWindow || r.Window > resolver.MaxWindow {
		c.problem(problems, "rate_limit.window", "%v is not from %v to %v", r.Window, resolver.MinWindow, resolver.MaxWindow)
	}
	// The limit of everything counts what the others do, so that one below them would leave them without effect.
	for _, v := range []struct {
		key string
		got int
	}{{"responses_per_second", r.Responses}, {"nxdomains_per_second", r.NXDomains}, {"errors_per_second", r.Errors}} {
		if r.All > 0 && r.All < v.got {
			c.problem(problems, "rate_limit.all_per_second", "%d is less than %s, %d, which could never be reached", r.All, v.key, v.got)
		}
	}
}

// rateMode says whether limits are kept.
type rateMode string

func (m *rateMode) UnmarshalText(b []byte) error {
	return choice((*string)(m), string(b), "on", "observe", "off")
}

// rateLimitReport is what limits of answers have done since the start.
type rateLimitReport struct {
	Mode      rateMode        `json:"mode"`
	Limited   uint64          `json:"limited"`
	Truncated uint64          `json:"truncated"`
	BadCookie uint64          `json:"bad_cookie"`
	Dropped   uint64          `json:"dropped"`
	Networks  []limitedReport `json:"networks"`
	Count     int             `json:"network_count"`
}

// limitedReport is a network that is limited now.
type limitedReport struct {
	Network string    `json:"network"`
	Limit   string    `json:"limit"`
	Zone    string    `json:"zone,omitempty"`
	Since   time.Time `json:"since"`
}

const (
	reportedNetworks = 100 // in JSON
	printedNetworks  = 10
)

// rateLimitReport tells what became of limits; nil where nothing is served.
func (a *app) rateLimitReport() *rateLimitReport {
	if a.server == nil {
		return nil
	}
	return rateLimitReportOf(a.config().RateLimit.Mode, a.server.Stats().Limits, a.server.Limited())
}

// rateLimitReportOf is the report of what a server tells. Limits that are off limit nobody, whom they did until a moment ago, either.
func rateLimitReportOf(mode rateMode, counts resolver.LimitStats, limited []resolver.Limited) *rateLimitReport {
	if mode == "off" {
		limited = nil
	}
	networks := make(map[netip.Prefix]bool)
	for _, l := range limited {
		networks[l.Network] = true
	}
	rep := &rateLimitReport{Mode: mode, Limited: counts.All(), Truncated: counts.Truncated, BadCookie: counts.BadCookie,
		Dropped: counts.Dropped, Networks: []limitedReport{}, Count: len(networks)}
	for _, l := range limited[:min(len(limited), reportedNetworks)] {
		one := limitedReport{Network: l.Network.String(), Limit: l.Limit, Since: l.Since}
		if !l.Zone.IsZero() {
			one.Zone = l.Zone.String()
		}
		rep.Networks = append(rep.Networks, one)
	}
	return rep
}

// printRateLimit prints what became of limits, where anything did.
func printRateLimit(out io.Writer, r *rateLimitReport) {
	if r == nil || r.Limited == 0 {
		return
	}
	what := fmt.Sprintf("%d truncated, %d BADCOOKIE, %d dropped", r.Truncated, r.BadCookie, r.Dropped)
	if whole := r.Limited - r.Truncated - r.BadCookie - r.Dropped; whole > 0 {
		what += fmt.Sprintf(", %d observed and sent whole", whole)
	}
	fmt.Fprintf(out, "rate limit: %s over it (%s), %s now\n", count(int(r.Limited), "answer"), what, count(r.Count, "network"))
	var rows [][]string
	for _, l := range r.Networks[:min(len(r.Networks), printedNetworks)] {
		limit := l.Limit
		if l.Zone != "" {
			limit += " of " + bare(l.Zone)
		}
		rows = append(rows, []string{l.Network, limit, "since " + when(l.Since)})
	}
	table(out, "  ", rows)
	switch more := len(r.Networks) - len(rows); {
	case len(r.Networks) == reportedNetworks:
		fmt.Fprintf(out, "  and %d more at least\n", more)
	case more > 0:
		fmt.Fprintf(out, "  and %d more\n", more)
	}
}
