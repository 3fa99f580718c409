package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/mangrove-dns/mangrove/cmd/mangrove/yamlconf"
	"github.com/mangrove-dns/mangrove/healthcheck"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// This file alone knows what the configuration files look like. mangrove.yaml belongs to whoever runs the machine;
// NAME.yaml beside NAME.zone may come from the zone's owner, and can only use what mangrove.yaml defines.

// config is mangrove.yaml.
type config struct {
	Listen         []string                  `yaml:"listen" doc:"addresses to answer DNS on, UDP and TCP" restart:"yes"`
	Zones          string                    `yaml:"zones" doc:"directory of NAME.zone files, with NAME.yaml beside them" restart:"yes"`
	Data           string                    `yaml:"data" doc:"directory of the store and the control socket" restart:"yes"`
	Watch          bool                      `yaml:"watch" doc:"whether changed files are taken up by themselves; else on SIGHUP and mangrove reload" restart:"yes"`
	Providers      map[string]providerConfig `yaml:"providers" doc:"accounts at DNS services, by the name that zones call them"`
	ZoneDefaults   zoneSettings              `yaml:"zone_defaults" doc:"what holds for zones that do not say otherwise"`
	CheckDefaults  checkConfig               `yaml:"check_defaults" doc:"what holds for checks that do not say otherwise"`
	Checks         map[string]checkConfig    `yaml:"checks" doc:"checks that zones can name"`
	Flap           flapConfig                `yaml:"flap" doc:"how targets that come and go are held back" restart:"yes"`
	PrivateTargets []network                 `yaml:"private_targets" doc:"private, loopback and link-local networks that may be probed"`
	Resolvers      []string                  `yaml:"resolvers" doc:"who is asked for the targets of ALIAS records, ADDRESS or ADDRESS:PORT; else those of /etc/resolv.conf"`
	AliasNetworks  []network                 `yaml:"alias_networks" doc:"loopback, link-local and other special networks that resolvers may lead ALIAS records to"`
	RateLimit      rateLimitConfig           `yaml:"rate_limit" doc:"how much of one kind a network may get over UDP"`
	Cookies        cookieConfig              `yaml:"cookies" doc:"DNS cookies (RFC 7873, RFC 9018)"`
	Server         serverConfig              `yaml:"server" doc:"limits of the DNS listeners" restart:"yes"`
	Log            logConfig                 `yaml:"log" doc:"what is logged to standard error" restart:"yes"`

	path    string          // of the file; empty where there is none
	files   []zonefile.File // the file as it was read, for the watcher
	origins yamlconf.Origins
	flags   flagValues  // win over the file, also when it is read again
	plain   *zoneConfig // of all zones without NAME.yaml
}

// flagValues are what the command line says; empty is nothing.
type flagValues struct {
	zones, data string
	listen      []string
}

// override puts what the command line says in the place of what the file does.
func (c *config) override(f flagValues) {
	c.flags = f
	if f.zones != "" {
		c.Zones = f.zones
	}
	if f.data != "" {
		c.Data = f.data
	}
	if len(f.listen) > 0 {
		c.Listen = f.listen
	}
}

type logConfig struct {
	Level  logLevel  `yaml:"level" doc:"debug, info, warn or error"`
	Format logFormat `yaml:"format" doc:"text or json"`
}

type serverConfig struct {
	Workers        int           `yaml:"workers" doc:"UDP workers for each address; 0 is one a core"`
	MaxUDPSize     uint16        `yaml:"max_udp_size" doc:"largest UDP answer in bytes (RFC 6891; 1232 avoids fragments)"`
	TCPIdle        time.Duration `yaml:"tcp_idle" doc:"how long a TCP connection may be idle (RFC 7766)"`
	TCPConnections int           `yaml:"tcp_connections" doc:"most TCP connections at a time"`
	TCPPerClient   int           `yaml:"tcp_per_client" doc:"most TCP connections at a time from one /24 or /56"`
	NSID           string        `yaml:"nsid" doc:"name server identifier (RFC 5001); empty gives none"`
	Identity       string        `yaml:"identity" doc:"answer to id.server and hostname.bind, class CH (RFC 4892); empty hides it"`
	Version        string        `yaml:"version" doc:"answer to version.server and version.bind, class CH; empty hides it"`
}

type flapConfig struct {
	Max     int           `yaml:"max" doc:"changes of state within the window that are borne"`
	Window  time.Duration `yaml:"window" doc:"what changes of state are counted in"`
	Penalty factor        `yaml:"penalty" doc:"how hold_down grows with each further change"`
	Cap     time.Duration `yaml:"cap" doc:"longest hold_down that a penalty leads to"`
}

// checkConfig is a check, or the defaults of all.
type checkConfig struct {
	Type         string            `yaml:"type" doc:"https, http or tcp"`
	Port         uint16            `yaml:"port" doc:"TCP port; https has 443, http 80"`
	Path         string            `yaml:"path" doc:"path asked for"`
	Host         string            `yaml:"host" doc:"Host header and TLS name; the record's owner unless said"`
	Method       string            `yaml:"method" doc:"GET or HEAD"`
	Headers      map[string]string `yaml:"headers" doc:"further request headers" secret:"yes"`
	ExpectStatus []statusRange     `yaml:"expect_status" doc:"HTTP statuses that count as up"`
	ExpectBody   string            `yaml:"expect_body" doc:"text that the first 64 KiB of the body must hold"`
	MaxLatency   time.Duration     `yaml:"max_latency" doc:"an answer slower than this is degraded"`
	CertMinDays  int               `yaml:"cert_min_days" doc:"a certificate that ends sooner is degraded"`
	Interval     time.Duration     `yaml:"interval" doc:"between probes while all is well"`
	FastInterval time.Duration     `yaml:"fast_interval" doc:"between probes while a streak builds"`
	DownInterval time.Duration     `yaml:"down_interval" doc:"between probes of a target that is down"`
	Timeout      time.Duration     `yaml:"timeout" doc:"of one probe"`
	Fall         fall              `yaml:"fall" doc:"failures that make a target down: 3 in a row, or 5/20 of the last 20"`
	Rise         int               `yaml:"rise" doc:"successes in a row that make it up again"`
	Jitter       fraction          `yaml:"jitter" doc:"how far probes spread around the interval"`
	HoldDown     time.Duration     `yaml:"hold_down" doc:"how long a target that came back is still left out"`
	MinHealthy   quantity          `yaml:"min_healthy" doc:"with fewer usable targets than this the RRset counts as failed"`
	AllDown      allDown           `yaml:"all_down" doc:"what is served then: all, as configured"`
	TTL          ttlRange          `yaml:"ttl" doc:"most/least TTL of checked records"`
}

// zoneSettings are what a zone sets and zone_defaults preset.
type zoneSettings struct {
	Providers []string  `yaml:"providers" doc:"where the zone is mirrored to"`
	Edits     editsMode `yaml:"edits" doc:"auto: the daemon pushes edits of the zone; plan-only: they wait for mangrove push"`
	Mode      actMode   `yaml:"mode" doc:"act, or observe: decide and show, withdraw nothing"`
}

// zoneConfig is NAME.yaml.
type zoneConfig struct {
	zoneSettings
	Checks   map[string]checkConfig                  `yaml:"checks" doc:"checks of this zone alone"`
	Health   map[string]healthConfig                 `yaml:"health" doc:"owner name, relative to the zone, to the check of its records"`
	Overlays map[string]map[string]map[string]string `yaml:"overlays" doc:"provider to owner name to attributes there (proxied, comment)"`

	path    string // of the file; empty where there is none
	text    []byte // of the file
	origins yamlconf.Origins
}

// healthConfig is how one name's records depend on health; `www: https` is short for `www: {check: https}`.
type healthConfig struct {
	Check      string     `yaml:"check" doc:"a preset (https, http, tcp:PORT) or the name of a check"`
	Policy     policyName `yaml:"policy" doc:"all: every usable target; failover: the first usable in zone-file order"`
	Targets    []string   `yaml:"targets" doc:"of a CNAME: the names it may point at, in order"`
	MinHealthy *quantity  `yaml:"min_healthy" doc:"overrides the check's"`
	AllDown    allDown    `yaml:"all_down" doc:"overrides the check's"`
	TTL        *ttlRange  `yaml:"ttl" doc:"overrides the check's"`
}

func (h *healthConfig) SetShorthand(text string) (string, error) {
	h.Check = text
	return "check", nil
}

// providerConfig is one account. Options is the driver's own options struct, as the registry made it for Type.
type providerConfig struct {
	Type    string
	Options any
}

func defaultConfig() *config {
	c := &config{
		Listen:       []string{":53"},
		Zones:        "zones",
		Data:         "data",
		Watch:        true,
		ZoneDefaults: zoneSettings{Edits: "plan-only", Mode: "act"},
		CheckDefaults: checkConfig{
			Path: "/", Method: "GET", ExpectStatus: []statusRange{{healthcheck.StatusRange{From: 200, To: 399}}},
			Interval: 10 * time.Second, FastInterval: 2 * time.Second, DownInterval: 15 * time.Second, Timeout: 3 * time.Second,
			Fall: fall{healthcheck.Fall{Count: 3}}, Rise: 3, Jitter: 0.1, HoldDown: time.Minute,
			MinHealthy: quantity{healthcheck.Floor{Count: 1}}, AllDown: "all", TTL: ttlRange{healthcheck.TTL{Max: 60, Min: 30}},
		},
		Flap:      flapConfig{Max: 4, Window: 15 * time.Minute, Penalty: 2, Cap: 30 * time.Minute},
		RateLimit: defaultRateLimit(),
		Cookies:   cookieConfig{Enabled: true},
		Server:    serverConfig{MaxUDPSize: 1232, TCPIdle: 10 * time.Second, TCPConnections: 10000, TCPPerClient: 200},
		Log:       logConfig{Level: "info", Format: "text"},
		origins:   yamlconf.Origins{},
	}
	c.plain = &zoneConfig{zoneSettings: c.ZoneDefaults, origins: yamlconf.Origins{}}
	return c
}

// configPaths is where mangrove.yaml is looked for without --config.
var configPaths = [...]string{"mangrove.yaml", "/etc/mangrove/mangrove.yaml"}

// findConfig returns the configuration file to read, "" where there is none.
func findConfig(flag string) string {
	if flag != "" {
		return flag
	}
	for _, p := range configPaths {
		if _, err := os.Stat(p); !errors.Is(err, fs.ErrNotExist) {
			return p
		}
	}
	return ""
}

// loadConfig reads mangrove.yaml at path; an empty path gives the defaults. The config is only to be used where no
// problem is an error. Paths in it are relative to the file.
func loadConfig(path string) (*config, []zones.Problem) {
	c := defaultConfig()
	if path == "" {
		return c, nil
	}
	c.path = path
	c.files = []zonefile.File{zonefile.Stat(path)} // before it is read: a change meanwhile is found then
	src, err := os.ReadFile(path)
	if err != nil {
		return c, []zones.Problem{{Pos: zones.Pos{File: path}, Severity: zones.Error, Text: readProblem(err)}}
	}
	return c, c.parse(src)
}

// parse fills c, which holds the defaults, from the text of its file.
func (c *config) parse(src []byte) []zones.Problem {
	origins, problems := yamlconf.Decode(c.path, src, c)
	c.origins = origins
	c.Zones, c.Data = under(c.dir(), c.Zones), under(c.dir(), c.Data)
	for name, check := range c.Checks {
		inheritCheck(&check, &c.CheckDefaults, origins, "checks."+name)
		c.Checks[name] = check
	}
	c.plain = &zoneConfig{zoneSettings: c.ZoneDefaults, origins: yamlconf.Origins{}}
	return append(problems, c.validate()...)
}

// dir is what relative paths in the configuration are relative to.
func (c *config) dir() string {
	if c.path == "" {
		return "."
	}
	return filepath.Dir(c.path)
}

func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// readProblem says why a file could not be read, without its path, which stands before it.
func readProblem(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return "can't be read: " + pe.Err.Error()
	}
	return "can't be read: " + err.Error()
}

// inheritCheck gives check every value of defaults that the file at path does not set itself.
func inheritCheck(check, defaults *checkConfig, origins yamlconf.Origins, path string) {
	dst, src := reflect.ValueOf(check).Elem(), reflect.ValueOf(defaults).Elem()
	for i := range dst.NumField() {
		name := dst.Type().Field(i).Tag.Get("yaml")
		if _, set := origins[path+"."+name]; !set {
			dst.Field(i).Set(src.Field(i))
		}
	}
}

func (c *config) problem(list *[]zones.Problem, path, format string, args ...any) {
	*list = append(*list, zones.Problem{Pos: c.origins.At(path), Severity: zones.Error, Text: path + ": " + fmt.Sprintf(format, args...)})
}

// loadZoneConfig reads NAME.yaml; a file that is not there gives the zone's defaults.
func (c *config) loadZoneConfig(path string) (*zoneConfig, []zones.Problem) {
	src, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.plain, nil
	case err != nil:
		return nil, []zones.Problem{{Pos: zones.Pos{File: path}, Severity: zones.Error, Text: readProblem(err)}}
	}
	return c.parseZoneConfig(path, src)
}

func (c *config) parseZoneConfig(path string, src []byte) (*zoneConfig, []zones.Problem) {
	z := &zoneConfig{zoneSettings: c.ZoneDefaults, path: path, text: src}
	var problems []zones.Problem
	z.origins, problems = yamlconf.Decode(path, src, z)
	for name, check := range z.Checks {
		inheritCheck(&check, &c.CheckDefaults, z.origins, "checks."+name)
		z.Checks[name] = check
	}
	for owner, h := range z.Health {
		if h.Policy == "" {
			h.Policy = "all"
			z.Health[owner] = h
		}
	}
	return z, append(problems, z.validate(c)...)
}

// keepStarted gives c, newly read, the values of old for the keys that only a start takes up, and returns which they are.
func (c *config) keepStarted(old *config) (changed []string) {
	next, was := reflect.ValueOf(c).Elem(), reflect.ValueOf(old).Elem()
	for i := range next.NumField() {
		f := next.Type().Field(i)
		if f.Tag.Get("restart") == "" {
			continue
		}
		if !reflect.DeepEqual(next.Field(i).Interface(), was.Field(i).Interface()) {
			changed = append(changed, f.Tag.Get("yaml"))
			next.Field(i).Set(was.Field(i))
		}
	}
	return changed
}

// zoneConfigPath is where the configuration of the zone in zoneFile stands.
func zoneConfigPath(zoneFile string) string {
	return strings.TrimSuffix(zoneFile, ".zone") + ".yaml"
}
