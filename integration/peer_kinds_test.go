package integration

import (
	"regexp"
	"testing"
	"text/template"
)

// The name servers that are compared with mangrove, by their names, and the resolver. Each answers as small as a test's setup
// allows, limits no rates and needs nothing outside its directory.
var peerKinds = map[string]*peerKind{"knot": knotPeer, "nsd": nsdPeer, "bind": bindPeer}

// comparedPeers are these, in the order that they are spoken of.
var comparedPeers = []string{"knot", "nsd", "bind"}

var knotPeer = &peerKind{
	name: "knot", program: "knotd", args: []string{"-c"},
	refusal: regexp.MustCompile(`.*zone event 'load' failed.*`),
	config: template.Must(template.New("knot").Parse(`
server:
    rundir: {{.Dir}}
    listen: {{.Host}}@{{.Port}}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 2
    tcp-idle-timeout: 60
{{range .Server}}    {{.}}
{{end}}
log:
  - target: stderr
    any: {{if .Quiet}}warning{{else}}info{{end}}
database:
    storage: {{.Dir}}
{{.Sections}}
template:
  - id: default
    zonefile-sync: -1
    semantic-checks: off
{{range .ZoneLines}}    {{.}}
{{end}}
zone:
{{range .Zones}}  - domain: {{printf "%q" .Origin}}
    file: {{.File}}
{{end}}`)),
}

var nsdPeer = &peerKind{
	name: "nsd", program: "nsd", args: []string{"-d", "-c"},
	refusal: regexp.MustCompile(`.*(read with [0-9]+ errors|zonefile .* does not exist).*`),
	config: template.Must(template.New("nsd").Parse(`
server:
	ip-address: {{.Host}}@{{.Port}}
	username: ""
	chroot: ""
	database: ""
	zonesdir: "{{.Dir}}"
	pidfile: "{{.Dir}}/nsd.pid"
	xfrdfile: "{{.Dir}}/xfrd.state"
	zonelistfile: "{{.Dir}}/zone.list"
	xfrdir: "{{.Dir}}"
	server-count: 1
	minimal-responses: yes
	rrl-ratelimit: 0
	rrl-whitelist-ratelimit: 0
{{range .Server}}	{{.}}
{{end}}
remote-control:
	control-enable: no
{{.Sections}}
{{$lines := .ZoneLines}}{{range .Zones}}zone:
	name: {{printf "%q" .Origin}}
	zonefile: "{{.File}}"
{{range $lines}}	{{.}}
{{end}}{{end}}`)),
}

var bindPeer = &peerKind{
	name: "bind", program: "named", args: []string{"-g", "-n", "1", "-c"},
	refusal: regexp.MustCompile(`.*not loaded due to errors.*`),
	loaded:  regexp.MustCompile(`all zones loaded`),
	config: template.Must(template.New("bind").Parse(`
options {
	directory "{{.Dir}}";
	pid-file none;
	session-keyfile "{{.Dir}}/session.key";
	listen-on port {{.Port}} { {{.Host}}; };
	listen-on-v6 { none; };
	recursion no;
	dnssec-validation no;
	notify no;
	empty-zones-enable no;
	check-names primary ignore;
	check-integrity no;
{{range .Server}}	{{.}}
{{end}}};
controls { };
{{.Sections}}
{{$lines := .ZoneLines}}{{range .Zones}}zone {{printf "%q" .Origin}} {
	type primary;
	file "{{.File}}";
{{range $lines}}	{{.}}
{{end}}};
{{end}}`)),
}

// unboundPeer asks for its zones where the lines for each zone say.
var unboundPeer = &peerKind{
	name: "unbound", program: "unbound", args: []string{"-d", "-c"},
	refusal: regexp.MustCompile(`.*validation failure.*`),
	config: template.Must(template.New("unbound").Parse(`
server:
	directory: "{{.Dir}}"
	chroot: ""
	username: ""
	pidfile: ""
	use-syslog: no
	interface: {{.Host}}@{{.Port}}
	access-control: 127.0.0.0/8 allow_snoop
	do-not-query-localhost: no
	local-zone: "test." nodefault
	num-threads: 1
{{range .Server}}	{{.}}
{{end}}
remote-control:
	control-enable: no
{{.Sections}}
{{$lines := .ZoneLines}}{{range .Zones}}stub-zone:
	name: {{printf "%q" .Origin}}
{{range $lines}}	{{.}}
{{end}}{{end}}`)),
}

// unboundAddr is an address as Unbound spells it.
func unboundAddr(t testing.TB, addr string) string {
	t.Helper()
	host, port := splitAddr(t, addr)
	return host + "@" + port
}
