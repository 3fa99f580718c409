package main

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/healthcheck"
	"github.com/mangrove-dns/mangrove/resolver"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

func problemTexts(problems []zones.Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, p.String())
	}
	return out
}

// Mistakes in mangrove.yaml, each with the exact words.
func TestConfigProblems(t *testing.T) {
	for _, c := range []struct {
		src  string
		want []string
	}{
		{"listen: []\n", []string{`m.yaml:1:9: listen: no address to answer on`}},
		{"listen: [localhost:53]\n", []string{`m.yaml:1:10: listen[0]: "localhost:53": "localhost" is not an IP address; leave it empty for all`}},
		{"listen: ['53']\n", []string{`m.yaml:1:10: listen[0]: "53" is not ADDRESS:PORT, such as :53 or [::1]:5353`}},
		{"listen: [':70000']\n", []string{`m.yaml:1:10: listen[0]: ":70000": "70000" is not a port`}},
		{"providers: {cf: {type: cloudfare}}\n", []string{`m.yaml:1:24: providers.cf.type: unknown type "cloudfare"; did you mean "cloudflare"?`}},
		{"providers: {cf: {type: cloudflare, tokn: env:X}}\n", []string{`m.yaml:1:36: unknown key "tokn" in providers.cf; did you mean "token"?`}},
		{"checks: {web: {path: /}}\n", []string{`m.yaml:1:10: checks.web: check web has no type; give it https, http or tcp`}},
		{"checks: {https: {type: http}}\n", []string{`m.yaml:1:10: checks.https: "https" is the name of a preset; call the check otherwise`}},
		{"checks: {web: {type: tcp}}\n", []string{`m.yaml:1:10: checks.web: bad check: tcp needs a port`}},
		{"check_defaults: {fall: 0}\n", []string{`m.yaml:1:24: check_defaults.fall: bad check: fall "0": want a count as 3, or a part of the last probes as 5/20 (at most 64)`,
			`m.yaml:1:17: check_defaults: bad check: fall 0: want a count, or count/of with count at most of and of at most 64`}},
		{"check_defaults: {fast_interval: 20s}\n", []string{`m.yaml:1:17: check_defaults: bad check: fast_interval 20s is longer than interval 10s`}},
		{"check_defaults: {port: 80}\n", []string{`m.yaml:1:17: check_defaults: type and port belong to a check, not to the defaults of all`}},
		{"check_defaults: {ttl: 30/60}\n", []string{`m.yaml:1:23: check_defaults.ttl: bad rule: ttl "30/60": want seconds as 60, or the most and the least as 60/30`}},
		{"zone_defaults: {edits: never}\n", []string{`m.yaml:1:24: zone_defaults.edits: "never" is none of auto, plan-only`}},
		{"private_targets: [lan]\n", []string{`m.yaml:1:19: private_targets[0]: "lan" is not a network such as 10.0.0.0/8`}},
		{"flap: {penalty: fast}\n", []string{`m.yaml:1:17: flap.penalty: "fast" is not a factor such as 2x, at least 1.1x`}},
		{"rate_limit: {mode: slow}\n", []string{`m.yaml:1:20: rate_limit.mode: "slow" is none of on, observe, off`}},
		{"rate_limit: {responses_per_second: -1, slip: 11, ipv4_prefix: 7}\n", []string{
			`m.yaml:1:36: rate_limit.responses_per_second: -1 is not from 0 to 1000000`, `m.yaml:1:46: rate_limit.slip: 11 is not from 0 to 10`,
			`m.yaml:1:63: rate_limit.ipv4_prefix: 7 is not from 8 to 32`}},
		{"rate_limit: {window: 500ms, ipv6_prefix: 129}\n", []string{
			`m.yaml:1:42: rate_limit.ipv6_prefix: 129 is not from 16 to 128`, `m.yaml:1:22: rate_limit.window: 500ms is not from 1s to 1h0m0s`}},
		{"rate_limit: {all_per_second: 150, errors_per_second: 5}\n", []string{
			`m.yaml:1:30: rate_limit.all_per_second: 150 is less than responses_per_second, 200, which could never be reached`,
			`m.yaml:1:30: rate_limit.all_per_second: 150 is less than nxdomains_per_second, 200, which could never be reached`}},
		{"rate_limit: {exempt: [lan]}\n", []string{`m.yaml:1:23: rate_limit.exempt[0]: "lan" is not a network such as 10.0.0.0/8`}},
		{"log: {level: loud}\n", []string{`m.yaml:1:14: log.level: "loud" is none of debug, info, warn, error`}},
	} {
		cfg := defaultConfig()
		cfg.path = "m.yaml"
		if d := cmp.Diff(c.want, problemTexts(cfg.parse([]byte(c.src)))); d != "" {
			t.Errorf("%q: %s", c.src, d)
		}
	}
}

// Mistakes in NAME.yaml, with a mangrove.yaml that defines a provider and a check.
func TestZoneConfigProblems(t *testing.T) {
	cfg := defaultConfig()
	cfg.path = "m.yaml"
	if problems := cfg.parse([]byte("providers: {cf: {type: cloudflare, token: x}}\nchecks: {web: {type: http}}\n")); len(problems) > 0 {
		t.Fatal(problems)
	}
	origin := zones.MustParseName("example.com")
	for _, c := range []struct {
		src  string
		want []string
	}{
		{"providers: [fc]\n", []string{`z.yaml:1:13: providers[0]: no provider "fc" in mangrove.yaml; did you mean "cf"?`}},
		{"providers: [cf, cf]\n", []string{`z.yaml:1:17: providers[1]: cf stands twice`}},
		{"checks: {web: {type: tcp, port: 1}}\n", []string{`z.yaml:1:10: checks.web: mangrove.yaml has a check of this name; call this one otherwise`}},
		{"health: {www: wbe}\n", []string{`z.yaml:1:10: health.www: no check "wbe"; did you mean "web"?`}},
		{"health: {www: ssh}\n", []string{`z.yaml:1:10: health.www: no check "ssh" here or in mangrove.yaml, and it is no preset (https, http, tcp:PORT)`}},
		{"health: {www: {policy: all}}\n", []string{`z.yaml:1:10: health.www: names no check; write a preset such as https or tcp:25, or the name of a check`}},
		{"health: {www.example.org.: web}\n", []string{`z.yaml:1:10: health.www.example.org.: www.example.org. is not in the zone example.com.`}},
		{"health: {www: {check: web, policy: random}}\n", []string{`z.yaml:1:36: health.www.policy: "random" is none of all, failover`}},
		{"overlays: {cf: {www: {proxied: true}}}\n", []string{`z.yaml:1:12: overlays.cf: the zone is not mirrored to cf`}},
		{"listen: [':53']\n", []string{`z.yaml:1:1: unknown key "listen"; known are checks, edits, health, mode, overlays, providers`}},
	} {
		z, problems := cfg.parseZoneConfig("z.yaml", []byte(c.src))
		if !hasErrors(problems) {
			_, problems = z.rules(cfg, origin)
		}
		if d := cmp.Diff(c.want, problemTexts(problems)); d != "" {
			t.Errorf("%q: %s", c.src, d)
		}
	}
}

// A check takes from check_defaults what it does not say, and a rule from its check.
func TestRules(t *testing.T) {
	cfg := defaultConfig()
	cfg.path = "m.yaml"
	problems := cfg.parse([]byte(`check_defaults: {interval: 5s, min_healthy: 2}
checks:
  web: {type: https, path: /healthz, timeout: 1s, headers: {X-B: b, X-A: a}}
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	z, problems := cfg.parseZoneConfig("z.yaml", []byte(`health:
  "@": tcp:25
  www: {check: web, policy: failover, min_healthy: 50%, ttl: 30}
  api: {check: web, targets: [eu, us.example.net.]}
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	rules, problems := z.rules(cfg, zones.MustParseName("example.com"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	base := healthcheck.Check{
		Method: "GET", ExpectStatus: []healthcheck.StatusRange{{From: 200, To: 399}},
		Interval: 5 * time.Second, FastInterval: 2 * time.Second, DownInterval: 15 * time.Second, Timeout: 3 * time.Second, Jitter: 0.1,
		Fall: healthcheck.Fall{Count: 3}, Rise: 3, HoldDown: time.Minute,
	}
	smtp, web := base, base
	smtp.Name, smtp.Type, smtp.Port, smtp.Path = "tcp:25", healthcheck.TCP, 25, "/"
	web.Name, web.Type, web.Path, web.Timeout = "web", healthcheck.HTTPS, "/healthz", time.Second
	web.Headers = []healthcheck.Header{{Name: "X-A", Value: "a"}, {Name: "X-B", Value: "b"}}
	ttl := healthcheck.TTL{Max: 60, Min: 30}
	want := []healthcheck.Rule{
		{Name: zones.MustParseName("example.com"), Checks: []healthcheck.Check{smtp}, MinHealthy: healthcheck.Floor{Count: 2}, TTL: ttl, Pos: zones.Pos{File: "z.yaml", Line: 2, Col: 3}},
		{Name: zones.MustParseName("api.example.com"), Checks: []healthcheck.Check{web}, MinHealthy: healthcheck.Floor{Count: 2}, TTL: ttl, Pos: zones.Pos{File: "z.yaml", Line: 4, Col: 3},
			Targets: []zones.Name{zones.MustParseName("eu.example.com"), zones.MustParseName("us.example.net")}},
		{Name: zones.MustParseName("www.example.com"), Checks: []healthcheck.Check{web}, Policy: healthcheck.Failover, MinHealthy: healthcheck.Floor{Percent: 50},
			TTL: healthcheck.TTL{Max: 30, Min: 15}, Pos: zones.Pos{File: "z.yaml", Line: 3, Col: 3}},
	}
	if d := cmp.Diff(want, rules, cmp.Comparer(func(a, b zones.Name) bool { return a == b })); d != "" {
		t.Error(d)
	}
}

// What a zone's owner writes must not make the machine probe its own networks.
func TestPrivateTargets(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := write("example.com.zone", "$TTL 60\n@ SOA a a 1 3600 600 86400 60\n@ NS ns.example.net.\n@ NS ns.example.org.\nwww A 10.0.0.1\nwww A 192.0.2.1\n")
	write("example.com.yaml", "health: {www: tcp:80}\n")
	for src, want := range map[string][]string{
		"":                                 {filepath.Join(dir, "example.com.yaml") + ":1:10: www.example.com. has the target 10.0.0.1, a private address; private_targets in mangrove.yaml must open its network before it is probed"},
		"private_targets: [10.0.0.0/24]\n": nil,
	} {
		cfg := defaultConfig()
		cfg.path = "m.yaml"
		if problems := cfg.parse([]byte(src)); len(problems) > 0 {
			t.Fatal(problems)
		}
		cfg.Zones = dir
		got := readSource(new(zonefile.Reader), cfg, zoneFileAt(file), time.Time{})
		errs := slices.DeleteFunc(got.problems(), func(p zones.Problem) bool { return p.Severity != zones.Error })
		if d := cmp.Diff(want, problemTexts(errs)); d != "" {
			t.Errorf("%q: %s", src, d)
		}
	}
}

func TestSecret(t *testing.T) {
	t.Setenv("MANGROVE_TEST_TOKEN", "from the environment")
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"env:MANGROVE_TEST_TOKEN": "from the environment", "file:" + file: "from a file", "plain": "plain", "": "",
	} {
		if got, err := secret(text, "."); got != want || err != nil {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"env:MANGROVE_TEST_NOT_SET": "environment variable MANGROVE_TEST_NOT_SET is not set",
		"file:/nowhere/token":       "/nowhere/token can't be read: no such file or directory",
	} {
		if _, err := secret(text, "."); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestKeepStarted(t *testing.T) {
	old, next := defaultConfig(), defaultConfig()
	next.Listen, next.Log.Level, next.Checks = []string{":5353"}, "debug", map[string]checkConfig{"web": {}}
	if d := cmp.Diff([]string{"listen", "log"}, next.keepStarted(old)); d != "" {
		t.Error(d)
	}
	if next.Listen[0] != ":53" || next.Log.Level != "info" || len(next.Checks) != 1 {
		t.Errorf("got %v, %v, %v", next.Listen, next.Log, next.Checks)
	}
}

// rate_limit as it is written is what the server gets.
func TestRateLimitConfig(t *testing.T) {
	if got, want := defaultConfig().RateLimit.limit(), resolver.DefaultRateLimit(); !reflect.DeepEqual(got, want) {
		t.Errorf("the default is %+v, want %+v", got, want)
	}
	cfg := defaultConfig()
	cfg.path = "m.yaml"
	problems := cfg.parse([]byte(`rate_limit:
  mode: observe
  responses_per_second: 1
  nxdomains_per_second: 2
  errors_per_second: 0
  all_per_second: 4
  window: 5m
  slip: 0
  ipv4_prefix: 32
  ipv6_prefix: 64
  exempt: 192.0.2.77
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := resolver.RateLimit{Mode: resolver.RateObserve, Responses: 1, NXDomains: 2, Errors: 0, All: 4, Window: 5 * time.Minute, Slip: 0,
		IPv4Prefix: 32, IPv6Prefix: 64, Exempt: []netip.Prefix{netip.MustParsePrefix("192.0.2.77/32")}}
	if got := cfg.RateLimit.limit(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for text, mode := range map[string]resolver.RateMode{"on": resolver.RateOn, "off": resolver.RateOff} {
		if problems := cfg.parse([]byte("rate_limit: {mode: " + text + ", exempt: []}\n")); len(problems) > 0 {
			t.Fatal(problems)
		}
		if got := cfg.RateLimit.limit(); got.Mode != mode || len(got.Exempt) != 0 {
			t.Errorf("mode %s: got %+v", text, got)
		}
	}
	var shown []string
	for _, v := range configValues(cfg) {
		if v.from != "default" {
			shown = append(shown, v.path+" "+v.text)
		}
	}
	slices.Sort(shown)
	if !slices.Contains(shown, "rate_limit.exempt []") {
		t.Errorf("config show does not say what was written: %v", shown)
	}
}

// FuzzConfig holds that nothing in either file ends the process, and that every problem says where it is.
func FuzzConfig(f *testing.F) {
	for _, s := range []string{
		"listen: [':53']\nchecks: {web: {type: http, expect_status: [200-299, 404]}}\n",
		"providers: {a: {type: route53, zone_ids: {example.com: Z1}}}\n",
		"providers: [cf]\nhealth:\n  www: {check: web, policy: failover, targets: [a, b.], min_healthy: 50%, ttl: 60/30}\n  '*': https\n",
		"overlays: {cf: {www: {proxied: true}}}\n", "health: {\"a\\0\": tcp:1}\n", "check_defaults: {fall: 5/20, jitter: 10%}\n",
	} {
		f.Add(s)
	}
	origin := zones.MustParseName("example.com")
	f.Fuzz(func(t *testing.T, src string) {
		cfg := defaultConfig()
		cfg.path = "m.yaml"
		problems := cfg.parse([]byte(src))
		if !hasErrors(problems) {
			_ = configValues(cfg)
			for _, a := range cfg.Providers {
				// A driver that can't be made must say so.
				if d, err := buildDriver(cfg, a.Type, a.Options); d == nil && err == nil {
					t.Error("neither driver nor error")
				}
			}
		}
		base := defaultConfig()
		z, more := base.parseZoneConfig("z.yaml", []byte(src))
		if !hasErrors(more) {
			rules, rproblems := z.rules(base, origin)
			more = append(more, rproblems...)
			for _, r := range rules {
				if !r.Name.Within(origin) || len(r.Checks) != 1 || len(r.Checks[0].Validate()) > 0 {
					t.Errorf("a rule that can't be: %+v", r)
				}
			}
		}
		for _, p := range append(problems, more...) {
			if p.Pos.File == "" || strings.TrimSpace(p.Text) == "" {
				t.Errorf("problem without place or text: %+v", p)
			}
		}
	})
}

func TestExitCodes(t *testing.T) {
	if got := planExit([]planReport{{Error: "x"}}, true); !errors.Is(got, exitError(exitProblems)) {
		t.Errorf("got %v", got)
	}
}

func zoneFileAt(path string) zonefile.ZoneFile {
	origin, err := zonefile.OriginOf(filepath.Base(path))
	if err != nil {
		panic(err)
	}
	return zonefile.ZoneFile{Path: path, Origin: origin, Config: true}
}
