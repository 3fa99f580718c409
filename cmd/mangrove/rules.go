package main

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/mangrove-dns/mangrove/cmd/mangrove/yamlconf"
	"github.com/mangrove-dns/mangrove/healthcheck"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/alias"
)

// From configuration to rules: what NAME.yaml says about health, as the healthcheck package wants it.

// rules returns the rules of a zone in the order of their names. Problems are of the configuration alone; what the zone
// itself has to say is healthcheck.ValidateRules'.
func (z *zoneConfig) rules(c *config, origin zones.Name) ([]healthcheck.Rule, []zones.Problem) {
	var rules []healthcheck.Rule
	var problems []zones.Problem
	for _, owner := range slices.Sorted(maps.Keys(z.Health)) {
		path := "health." + owner
		rule, err := z.rule(c, origin, owner, z.Health[owner])
		if err != nil {
			problems = append(problems, zones.Problem{Pos: z.origins.At(path), Severity: zones.Error, Text: path + ": " + err.Error()})
			continue
		}
		rule.Pos = z.origins.At(path)
		rules = append(rules, rule)
	}
	return rules, problems
}

func (z *zoneConfig) rule(c *config, origin zones.Name, owner string, h healthConfig) (healthcheck.Rule, error) {
	name, err := ownerName(owner, origin)
	if err != nil {
		return healthcheck.Rule{}, err
	}
	check, settings, err := z.check(c, h.Check)
	if err != nil {
		return healthcheck.Rule{}, err
	}
	rule := healthcheck.Rule{
		Name: name, Checks: []healthcheck.Check{check},
		MinHealthy: settings.MinHealthy.Floor, TTL: settings.TTL.TTL,
	}
	if h.Policy == "failover" {
		rule.Policy = healthcheck.Failover
	}
	if h.MinHealthy != nil {
		rule.MinHealthy = h.MinHealthy.Floor
	}
	if h.TTL != nil {
		rule.TTL = h.TTL.TTL
	}
	for _, t := range h.Targets {
		target, err := zones.ParseRelative(t, origin)
		if err != nil {
			return healthcheck.Rule{}, fmt.Errorf("target: %w", err)
		}
		rule.Targets = append(rule.Targets, target)
	}
	return rule, nil
}

// ownerName reads an owner as NAME.yaml writes it: relative to the zone, "@" or apex for the zone itself.
func ownerName(owner string, origin zones.Name) (zones.Name, error) {
	if owner == "apex" {
		owner = "@"
	}
	name, err := zones.ParseRelative(owner, origin)
	if err != nil {
		return zones.Name{}, err
	}
	if !name.Within(origin) {
		return zones.Name{}, fmt.Errorf("%s is not in the zone %s", name, origin)
	}
	return name, nil
}

// check finds what a rule calls its check: one of the zone's, one of mangrove.yaml's, or a preset.
func (z *zoneConfig) check(c *config, name string) (healthcheck.Check, *checkConfig, error) {
	if name == "" {
		return healthcheck.Check{}, nil, fmt.Errorf("names no check; write a preset such as https or tcp:25, or the name of a check")
	}
	for _, checks := range []map[string]checkConfig{z.Checks, c.Checks} {
		if cc, ok := checks[name]; ok {
			check, err := cc.check(name)
			return check, &cc, err
		}
	}
	base, err := c.CheckDefaults.settings()
	if err != nil {
		return healthcheck.Check{}, nil, err
	}
	check, err := healthcheck.ParsePreset(name, base)
	if err != nil {
		known := append(slices.Sorted(maps.Keys(z.Checks)), slices.Sorted(maps.Keys(c.Checks))...)
		if near := yamlconf.Nearest(name, append(known, "https", "http")); near != "" {
			return healthcheck.Check{}, nil, fmt.Errorf("no check %q; did you mean %q?", name, near)
		}
		return healthcheck.Check{}, nil, fmt.Errorf("no check %q here or in mangrove.yaml, and it is no preset (https, http, tcp:PORT)", name)
	}
	return check, &c.CheckDefaults, nil
}

// check returns the check that cc describes.
func (cc *checkConfig) check(name string) (healthcheck.Check, error) {
	if cc.Type == "" {
		return healthcheck.Check{}, fmt.Errorf("check %s has no type; give it https, http or tcp", name)
	}
	check, err := cc.settings()
	if err != nil {
		return healthcheck.Check{}, err
	}
	check.Name, check.Type, check.Port = name, healthcheck.Type(cc.Type), cc.Port
	if errs := check.Validate(); len(errs) > 0 {
		return healthcheck.Check{}, errs[0]
	}
	return check, nil
}

// settings returns everything of cc but its type and port.
func (cc *checkConfig) settings() (healthcheck.Check, error) {
	check := healthcheck.Check{
		Method: cc.Method, Path: cc.Path, Host: cc.Host, ExpectBody: cc.ExpectBody,
		MaxLatency: cc.MaxLatency, CertMinDays: cc.CertMinDays,
		Interval: cc.Interval, FastInterval: cc.FastInterval, DownInterval: cc.DownInterval, Timeout: cc.Timeout, Jitter: float64(cc.Jitter),
		Fall: cc.Fall.Fall, Rise: cc.Rise, HoldDown: cc.HoldDown,
	}
	for _, s := range cc.ExpectStatus {
		check.ExpectStatus = append(check.ExpectStatus, s.StatusRange)
	}
	for _, name := range slices.Sorted(maps.Keys(cc.Headers)) {
		check.Headers = append(check.Headers, healthcheck.Header{Name: name, Value: cc.Headers[name]})
	}
	return check, nil
}

// validate reports what is wrong with mangrove.yaml beyond its form.
func (c *config) validate() []zones.Problem {
	var problems []zones.Problem
	if len(c.Listen) == 0 {
		c.problem(&problems, "listen", "no address to answer on")
	}
	for i, addr := range c.Listen {
		if err := validListen(addr); err != nil {
			c.problem(&problems, fmt.Sprintf("listen[%d]", i), "%v", err)
		}
	}
	for i, server := range c.Resolvers {
		if _, err := alias.ParseServer(server); err != nil {
			c.problem(&problems, fmt.Sprintf("resolvers[%d]", i), "%v", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Checks)) {
		validateCheck(&problems, c.origins, "checks."+name, name, c.Checks[name])
	}
	validateDefaults(&problems, c)
	validateRateLimit(&problems, c)
	validateCookies(&problems, c)
	for i, p := range c.ZoneDefaults.Providers {
		if _, ok := c.Providers[p]; !ok {
			c.problem(&problems, fmt.Sprintf("zone_defaults.providers[%d]", i), "%s", unknownProvider(p, c))
		}
	}
	return problems
}

func validListen(addr string) error {
	host, port, ok := cutLast(addr, ":")
	if !ok {
		return fmt.Errorf("%q is not ADDRESS:PORT, such as :53 or [::1]:5353", addr)
	}
	if host != "" {
		if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err != nil {
			return fmt.Errorf("%q: %q is not an IP address; leave it empty for all", addr, host)
		}
	}
	if _, err := netip.ParseAddrPort("127.0.0.1:" + port); err != nil {
		return fmt.Errorf("%q: %q is not a port", addr, port)
	}
	return nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func validateCheck(problems *[]zones.Problem, origins yamlconf.Origins, path, name string, cc checkConfig) {
	if _, err := healthcheck.ParsePreset(name, healthcheck.Default()); err == nil {
		*problems = append(*problems, zones.Problem{Pos: origins.At(path), Severity: zones.Error,
			Text: fmt.Sprintf("%s: %q is the name of a preset; call the check otherwise", path, name)})
	}
	if _, err := cc.check(name); err != nil {
		*problems = append(*problems, zones.Problem{Pos: origins.At(path), Severity: zones.Error, Text: path + ": " + err.Error()})
	}
}

// validateDefaults holds check_defaults against a preset: what is wrong there is wrong for every check without a value of its own.
func validateDefaults(problems *[]zones.Problem, c *config) {
	base, err := c.CheckDefaults.settings()
	if err == nil {
		base.Type = healthcheck.HTTPS
		if errs := base.Validate(); len(errs) > 0 {
			err = errs[0]
		}
	}
	if err != nil {
		c.problem(problems, "check_defaults", "%v", err)
	}
	if c.CheckDefaults.Type != "" || c.CheckDefaults.Port != 0 {
		c.problem(problems, "check_defaults", "type and port belong to a check, not to the defaults of all")
	}
}

func unknownProvider(name string, c *config) string {
	known := slices.Sorted(maps.Keys(c.Providers))
	if near := yamlconf.Nearest(name, known); near != "" {
		return fmt.Sprintf("no provider %q in mangrove.yaml; did you mean %q?", name, near)
	}
	if len(known) == 0 {
		return fmt.Sprintf("no provider %q: mangrove.yaml defines none", name)
	}
	return fmt.Sprintf("no provider %q in mangrove.yaml; it defines %s", name, strings.Join(known, ", "))
}

// validate reports what is wrong with NAME.yaml as far as it can be told without the zone.
func (z *zoneConfig) validate(c *config) []zones.Problem {
	var problems []zones.Problem
	report := func(path, format string, args ...any) {
		problems = append(problems, zones.Problem{Pos: z.origins.At(path), Severity: zones.Error, Text: path + ": " + fmt.Sprintf(format, args...)})
	}
	if _, own := z.origins["providers"]; own {
		for i, p := range z.Providers {
			if _, ok := c.Providers[p]; !ok {
				report(fmt.Sprintf("providers[%d]", i), "%s", unknownProvider(p, c))
			}
			if slices.Contains(z.Providers[:i], p) {
				report(fmt.Sprintf("providers[%d]", i), "%s stands twice", p)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(z.Checks)) {
		validateCheck(&problems, z.origins, "checks."+name, name, z.Checks[name])
		if _, twice := c.Checks[name]; twice {
			report("checks."+name, "mangrove.yaml has a check of this name; call this one otherwise")
		}
	}
	for _, p := range slices.Sorted(maps.Keys(z.Overlays)) {
		if !slices.Contains(z.Providers, p) {
			report("overlays."+p, "the zone is not mirrored to %s", p)
		}
	}
	return problems
}

// against reports what is wrong with NAME.yaml once its zone is known.
func (z *zoneConfig) against(c *config, loaded *zones.Zone, rules []healthcheck.Rule) []zones.Problem {
	problems := healthcheck.ValidateRules(loaded, rules)
	problems = append(problems, privateTargets(c, loaded, rules)...)
	for _, p := range slices.Sorted(maps.Keys(z.Overlays)) {
		for _, owner := range slices.Sorted(maps.Keys(z.Overlays[p])) {
			path := "overlays." + p + "." + owner
			name, err := ownerName(owner, loaded.Origin())
			if err == nil && !loaded.Exists(name) {
				err = fmt.Errorf("%s is not in the zone", name)
			}
			if err != nil {
				problems = append(problems, zones.Problem{Pos: z.origins.At(path), Severity: zones.Error, Text: path + ": " + err.Error()})
			}
		}
	}
	return problems
}

// privateTargets reports rules that would probe networks which whoever runs the machine has not opened: a zone's owner
// must not make the machine talk to its own neighbours.
func privateTargets(c *config, loaded *zones.Zone, rules []healthcheck.Rule) []zones.Problem {
	var problems []zones.Problem
	for _, rule := range rules {
		for _, w := range healthcheck.Targets(loaded, []healthcheck.Rule{rule}) {
			addr := w.Target.Addr.Unmap()
			if !addr.IsValid() || !isPrivate(addr) || slices.ContainsFunc(c.PrivateTargets, func(n network) bool { return n.Contains(addr) }) {
				continue
			}
			problems = append(problems, zones.Problem{Pos: rule.Pos, Severity: zones.Error,
				Text: fmt.Sprintf("%s has the target %s, a private address; private_targets in mangrove.yaml must open its network before it is probed", rule.Name, addr)})
		}
	}
	return problems
}

// special are networks that are nobody's on the public internet, or that lead into others: shared address space (RFC 6598),
// the like of RFC 6890, and forms of IPv6 that carry an IPv4 address (NAT64, 6to4), whatever it is.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"),
}

func isPrivate(a netip.Addr) bool {
	if slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return true
	}
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsMulticast() || a.IsUnspecified()
}
