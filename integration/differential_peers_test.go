package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"
)

// The peers as the differential tests run them: many zones that need not be good, nothing that keeps somebody from asking fast,
// and answers as small as each can make them.

// sentinel is a zone that every server can load: who answers for it is ready.
var sentinel = peerZone{"sentinel.invalid.", "$TTL 60\n@ SOA ns.sentinel.invalid. h.sentinel.invalid. 1 3600 600 86400 60\n@ NS ns.sentinel.invalid.\nns A 192.0.2.1\n"}

// differentialPeers start the peers, by their names, with zone files that are there already.
var differentialPeers = map[string]func(t testing.TB, dir string, zones []peerZone) (addr string){
	"knot": differentialKnot,
	"nsd":  differentialNSD,
	"bind": differentialBIND,
}

// zonePath is the file of a server's zone; origins may have what file names cannot.
func zonePath(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("zone-%d", i)) }

// writeZones writes the files of zones into a directory of their own.
func writeZones(t testing.TB, zones []peerZone) (dir string) {
	t.Helper()
	dir = shortDir(t)
	for i, z := range zones {
		writeFile(t, zonePath(dir, i), z.text)
	}
	return dir
}

// startSilent is startProcess for a server that writes a line for each broken zone: its log is not shown.
func startSilent(t testing.TB, name, path string, args ...string) *process {
	t.Helper()
	p := startProcess(t, name, nil, path, args...)
	p.silent = true
	return p
}

func differentialKnot(t testing.TB, files string, zones []peerZone) string {
	t.Helper()
	path := peerBinary(t, "knotd")
	return startPeer(t, sentinel.origin, func(dir, addr string) *process {
		host, port := splitAddr(t, addr)
		if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
			t.Fatal(err)
		}
		var conf strings.Builder
		fmt.Fprintf(&conf, `
server:
    rundir: %[1]s
    listen: %[2]s@%[3]s
    udp-workers: 1
    tcp-workers: 1
    background-workers: 2
    tcp-idle-timeout: 60
log:
  - target: stderr
    any: warning
database:
    storage: %[1]s/db
acl:
  - id: all
    action: transfer
template:
  - id: default
    storage: %[1]s
    acl: all
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
zone:
`, dir, host, port)
		for i, z := range zones {
			fmt.Fprintf(&conf, "  - domain: %q\n    file: %s\n", z.origin, zonePath(files, i))
		}
		writeFile(t, filepath.Join(dir, "knot.conf"), conf.String())
		// It answers nobody before it has loaded what it can.
		return startSilent(t, "knotd", path, "-c", filepath.Join(dir, "knot.conf"))
	})
}

func differentialNSD(t testing.TB, files string, zones []peerZone) string {
	t.Helper()
	return startPeer(t, sentinel.origin, func(dir, addr string) *process { return nsdProcess(t, dir, addr, files, zones) })
}

// nsdSurvives says whether NSD starts with zones. NSD 4.6 ends without a word on some that are signed.
func nsdSurvives(t testing.TB, files string, zones []peerZone) bool {
	t.Helper()
	addr := freePort(t)
	p := nsdProcess(t, shortDir(t), addr, files, zones)
	defer p.signal(syscall.SIGTERM)
	return answersFor(p, addr, sentinel.origin)
}

func nsdProcess(t testing.TB, dir, addr, files string, zones []peerZone) *process {
	t.Helper()
	host, port := splitAddr(t, addr)
	var conf strings.Builder
	fmt.Fprintf(&conf, `
server:
	ip-address: %s@%s
	username: ""
	chroot: ""
	database: ""
	zonesdir: %q
	pidfile: %q
	xfrdfile: %q
	zonelistfile: %q
	xfrdir: %[3]q
	server-count: 1
	minimal-responses: yes
	confine-to-zone: no
	rrl-ratelimit: 0
	rrl-whitelist-ratelimit: 0
	tcp-timeout: 60
remote-control:
	control-enable: no
`, host, port, dir, filepath.Join(dir, "nsd.pid"), filepath.Join(dir, "xfrd.state"), filepath.Join(dir, "zone.list"))
	for i, z := range zones {
		fmt.Fprintf(&conf, "zone:\n\tname: %q\n\tzonefile: %q\n\tprovide-xfr: 127.0.0.1 NOKEY\n", z.origin, zonePath(files, i))
	}
	writeFile(t, filepath.Join(dir, "nsd.conf"), conf.String())
	return startSilent(t, "nsd", peerBinary(t, "nsd"), "-d", "-c", filepath.Join(dir, "nsd.conf"))
}

var bindLoaded = regexp.MustCompile(`all zones loaded`)

func differentialBIND(t testing.TB, files string, zones []peerZone) string {
	t.Helper()
	path := peerBinary(t, "named")
	var p *process
	addr := startPeer(t, sentinel.origin, func(dir, addr string) *process {
		host, port := splitAddr(t, addr)
		var conf strings.Builder
		fmt.Fprintf(&conf, `
options {
	directory %q;
	pid-file none;
	session-keyfile %q;
	listen-on port %s { %s; };
	listen-on-v6 { none; };
	recursion no;
	dnssec-validation no;
	notify no;
	minimal-responses no-auth;
	minimal-any yes;
	answer-cookie no;
	empty-zones-enable no;
	allow-transfer { any; };
	check-names primary ignore;
	check-integrity no;
	check-mx ignore;
	check-mx-cname ignore;
	check-srv-cname ignore;
	check-dup-records ignore;
	zone-statistics none;
	tcp-clients 500;
	transfers-out 500;
	max-udp-size 1232;
};
controls { };
logging { channel quiet { stderr; severity info; }; category default { quiet; }; category queries { null; }; category query-errors { null; }; category xfer-out { null; }; };
`, dir, filepath.Join(dir, "session.key"), port, host)
		for i, z := range zones {
			fmt.Fprintf(&conf, "zone %q { type primary; file %q; };\n", z.origin, zonePath(files, i))
		}
		writeFile(t, filepath.Join(dir, "named.conf"), conf.String())
		p = startSilent(t, "named", path, "-g", "-n", "1", "-c", filepath.Join(dir, "named.conf"))
		return p
	})
	if p.waitLog(bindLoaded) == nil {
		t.Fatalf("named ended: %v\n%s", p.err, p.log)
	}
	return addr
}

// served says which zones a server has: those whose SOA it answers with authority.
func served(t testing.TB, addr string, zones []peerZone) []bool {
	t.Helper()
	var asked []question
	for _, z := range zones {
		m := query(z.origin, dns.TypeSOA)
		m.Question[0].Name = z.origin
		asked = append(asked, newQuestion(t, m, "udp"))
	}
	out := make([]bool, len(zones))
	for i, a := range askAll(t, addr, asked) {
		r := new(dns.Msg)
		if a == nil || r.Unpack(a) != nil {
			t.Fatalf("%s does not answer for %s", addr, zones[i].origin)
		}
		out[i] = r.Rcode == dns.RcodeSuccess && r.Authoritative && len(r.Answer) > 0 &&
			r.Answer[0].Header().Rrtype == dns.TypeSOA && strings.EqualFold(r.Answer[0].Header().Name, zones[i].origin)
	}
	return out
}
