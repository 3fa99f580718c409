package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// The name servers that mangrove is compared with and mirrors to, from Debian's packages. Each test starts its own, with
// everything in a directory of its own.

// peerBinary returns where a peer's program is. A test that needs one which is not installed is skipped, or fails where
// MANGROVE_PEERS=required.
func peerBinary(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range []string{"", "/usr/sbin/", "/usr/bin/"} {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path
		}
	}
	text := name + " is not installed (integration/peers.sh installs it)"
	if os.Getenv("MANGROVE_PEERS") == "required" {
		t.Fatal(text)
	}
	t.Skip(text)
	return ""
}

// given counts the ports that this process has handed out.
var given atomic.Uint32

// nextPort returns a port that nobody else is given. It is below those that the system hands out by itself: with one of
// them, any socket that somebody opens may have it before the server that it is for has bound it, or while a target is dead.
func nextPort() int {
	const lowest, count = 10_000, 20_000
	return lowest + (os.Getpid()*211+int(given.Add(1)))%count
}

// freePort returns an address of loopback with a port that was free for UDP and TCP a moment ago.
func freePort(t testing.TB) string {
	t.Helper()
	for range 200 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(nextPort()))
		tcp, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		udp, err := net.ListenPacket("udp", addr)
		tcp.Close()
		if err == nil {
			udp.Close()
			return addr
		}
	}
	t.Fatal("no port is free for UDP and TCP")
	return ""
}

// startPeer starts a name server until it answers for zone; start makes its configuration for an address. Somebody may take
// the port between finding and binding it, so there are several tries.
func startPeer(t testing.TB, zone string, start func(dir, addr string) *process) (addr string) {
	t.Helper()
	for range 3 {
		addr := freePort(t)
		p := start(shortDir(t), addr)
		if answersFor(p, addr, zone) {
			return addr
		}
		t.Logf("%s has ended: %v\n%s", p.name, p.err, p.log)
	}
	t.Fatal("the peer does not start")
	return ""
}

// answersFor waits until a server answers, or has ended.
func answersFor(p *process, addr, zone string) (answers bool) {
	p.t.Helper()
	eventually(p.t, p.name+" answers", func() (bool, string) {
		if p.ended() {
			return true, ""
		}
		r, err := exchange(addr, "udp", query(zone, dns.TypeSOA))
		if err != nil {
			return false, err.Error()
		}
		// A server may refuse for a moment what it has not loaded yet.
		answers = r.Rcode == dns.RcodeSuccess
		return answers || zone == "", dns.RcodeToString[r.Rcode]
	})
	return answers || zone == "" && !p.ended()
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// splitAddr parts host and port.
func splitAddr(t testing.TB, addr string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// peerZone is a zone that a peer is started with.
type peerZone struct{ origin, text string }

// file is where the zone's file goes.
func (z peerZone) file(dir string) string {
	return filepath.Join(dir, "zone-"+strings.TrimSuffix(z.origin, "."))
}

const (
	tsigName   = "mirror-key."
	tsigSecret = "c2VjcmV0IG9mIHRoZSBtaXJyb3ItdGVzdHMgISEhISE="
)

// startKnot starts Knot with zones that may be updated and transferred with the TSIG key.
func startKnot(t testing.TB, zones ...peerZone) (addr string) {
	t.Helper()
	path := peerBinary(t, "knotd")
	return startPeer(t, zones[0].origin, func(dir, addr string) *process {
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
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: %[1]s/db
key:
  - id: %[4]s
    algorithm: hmac-sha256
    secret: %[5]s
acl:
  - id: mirror
    key: %[4]s
    action: [transfer, update]
template:
  - id: default
    storage: %[1]s
    acl: mirror
    zonefile-sync: -1
    journal-content: changes
    semantic-checks: off
zone:
`, dir, host, port, strings.TrimSuffix(tsigName, "."), tsigSecret)
		for _, z := range zones {
			writeFile(t, z.file(dir), z.text)
			fmt.Fprintf(&conf, "  - domain: %s\n    file: %s\n", z.origin, z.file(dir))
		}
		writeFile(t, filepath.Join(dir, "knot.conf"), conf.String())
		return startProcess(t, "knotd", nil, path, "-c", filepath.Join(dir, "knot.conf"))
	})
}

// startBIND starts BIND as a primary that may be updated and transferred with the TSIG key.
func startBIND(t testing.TB, zones ...peerZone) (addr string) {
	t.Helper()
	path := peerBinary(t, "named")
	return startPeer(t, zones[0].origin, func(dir, addr string) *process {
		host, port := splitAddr(t, addr)
		key := strings.TrimSuffix(tsigName, ".")
		text := fmt.Sprintf(`
options {
	directory %q;
	pid-file none;
	session-keyfile %q;
	listen-on port %s { %s; };
	listen-on-v6 { none; };
	recursion no;
	dnssec-validation no;
	notify no;
	minimal-responses yes;
};
controls { };
key %q { algorithm hmac-sha256; secret %q; };
`, dir, filepath.Join(dir, "session.key"), port, host, key, tsigSecret)
		for _, z := range zones {
			writeFile(t, z.file(dir), z.text)
			text += fmt.Sprintf(`
zone %q {
	type primary;
	file %q;
	allow-update { key %[3]q; };
	allow-transfer { key %[3]q; };
	check-names ignore;
	check-integrity no;
};
`, z.origin, z.file(dir), key)
		}
		writeFile(t, filepath.Join(dir, "named.conf"), text)
		return startProcess(t, "named", nil, path, "-g", "-n", "1", "-c", filepath.Join(dir, "named.conf"))
	})
}

// startNSD starts NSD.
func startNSD(t testing.TB, zones ...peerZone) (addr string) {
	t.Helper()
	path := peerBinary(t, "nsd")
	return startPeer(t, zones[0].origin, func(dir, addr string) *process {
		host, port := splitAddr(t, addr)
		text := fmt.Sprintf(`
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
remote-control:
	control-enable: no
`, host, port, dir, filepath.Join(dir, "nsd.pid"), filepath.Join(dir, "xfrd.state"), filepath.Join(dir, "zone.list"))
		for _, z := range zones {
			writeFile(t, z.file(dir), z.text)
			text += fmt.Sprintf("zone:\n\tname: %q\n\tzonefile: %q\n", z.origin, z.file(dir))
		}
		writeFile(t, filepath.Join(dir, "nsd.conf"), text)
		return startProcess(t, "nsd", nil, path, "-d", "-c", filepath.Join(dir, "nsd.conf"))
	})
}

// powerDNS is a PowerDNS with its HTTP API.
type powerDNS struct {
	t    testing.TB
	addr string // of DNS
	url  string // of the API
	key  string
}

// startPowerDNS starts PowerDNS on sqlite3, and makes the zones in it, with nothing but SOA and NS.
func startPowerDNS(t testing.TB, zones ...string) *powerDNS {
	t.Helper()
	path, sqlite := peerBinary(t, "pdns_server"), peerBinary(t, "sqlite3")
	const schema = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"
	if _, err := os.Stat(schema); err != nil {
		if os.Getenv("MANGROVE_PEERS") == "required" {
			t.Fatalf("pdns-backend-sqlite3 is not installed: %v", err)
		}
		t.Skipf("pdns-backend-sqlite3 is not installed: %v", err)
	}
	d := &powerDNS{t: t, key: "an-api-key"}
	d.addr = startPeer(t, "", func(dir, addr string) *process {
		db := filepath.Join(dir, "pdns.sqlite3")
		if out, err := exec.CommandContext(t.Context(), sqlite, db, ".read "+schema).CombinedOutput(); err != nil {
			t.Fatalf("make the database of PowerDNS: %v\n%s", err, out)
		}
		host, port := splitAddr(t, addr)
		_, api := splitAddr(t, freePort(t))
		d.url = "http://127.0.0.1:" + api
		writeFile(t, filepath.Join(dir, "pdns.conf"), fmt.Sprintf(`
launch=gsqlite3
gsqlite3-database=%s
local-address=%s
local-port=%s
webserver=yes
webserver-address=127.0.0.1
webserver-port=%s
webserver-allow-from=127.0.0.1
api=yes
api-key=%s
socket-dir=%s
daemon=no
guardian=no
disable-syslog=yes
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
receiver-threads=1
distributor-threads=1
zone-cache-refresh-interval=0
expand-alias=no
dname-processing=yes
`, db, host, port, api, d.key, dir))
		return startProcess(t, "pdns_server", nil, path, "--config-dir="+dir)
	})
	eventually(t, "the API of PowerDNS answers", func() (bool, string) {
		code, text := d.call("GET", "", nil)
		return code == http.StatusOK, text
	})
	for _, z := range zones {
		code, text := d.call("POST", "/zones", map[string]any{
			"name": z, "kind": "Native", "nameservers": []string{"ns1.powerdns.test.", "ns2.powerdns.test."}, "soa_edit_api": "INCREASE",
		})
		if code != http.StatusCreated {
			t.Fatalf("make zone %s at PowerDNS: %d %s", z, code, text)
		}
	}
	return d
}

// call calls the API below servers/localhost.
func (d *powerDNS) call(method, path string, body any) (status int, text string) {
	d.t.Helper()
	var in bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&in).Encode(body); err != nil {
			d.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+"/api/v1/servers/localhost"+path, &in)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", d.key)
	c := http.Client{Timeout: 10 * time.Second}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	var out bytes.Buffer
	if _, err := out.ReadFrom(resp.Body); err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, out.String()
}

// add puts an RRset into a zone: somebody else's work.
func (d *powerDNS) add(zone, name, rrtype string, ttl int, contents ...string) {
	d.t.Helper()
	var records []map[string]any
	for _, c := range contents {
		records = append(records, map[string]any{"content": c, "disabled": false})
	}
	code, text := d.call("PATCH", "/zones/"+zone, map[string]any{"rrsets": []any{map[string]any{
		"name": name, "type": rrtype, "ttl": ttl, "changetype": "REPLACE", "records": records,
	}}})
	if code != http.StatusNoContent {
		d.t.Fatalf("add %s %s at PowerDNS: %d %s", name, rrtype, code, text)
	}
}
