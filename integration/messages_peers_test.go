package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The servers as messages are put to them. None limits rates; none allows transfers to anybody.

func messagesMangrove(t testing.TB, zones []peerZone) (addr string) {
	t.Helper()
	n := newNode(t, "server: {nsid: "+nsidText+"}\n")
	for _, z := range zones {
		n.write("zones/"+strings.TrimSuffix(z.origin, ".")+".zone", z.text)
	}
	n.start()
	for _, z := range n.status().Zones {
		if z.State != "ok" {
			t.Fatalf("%s: %q", z.Zone, z.Problems)
		}
	}
	return n.addr
}

func messagesKnot(t testing.TB, zones []peerZone) string {
	t.Helper()
	path := peerBinary(t, "knotd")
	return startPeer(t, messageZone, func(dir, addr string) *process {
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
    identity: ""
    version: ""
    nsid: %[4]s
log:
  - target: stderr
    any: warning
database:
    storage: %[1]s/db
mod-cookies:
  - id: default
    badcookie-slip: 1
template:
  - id: default
    storage: %[1]s
    zonefile-sync: -1
    journal-content: none
    semantic-checks: off
    global-module: mod-cookies/default
zone:
`, dir, host, port, nsidText)
		for _, z := range zones {
			writeFile(t, z.file(dir), z.text)
			fmt.Fprintf(&conf, "  - domain: %s\n    file: %s\n", z.origin, z.file(dir))
		}
		writeFile(t, filepath.Join(dir, "knot.conf"), conf.String())
		return startSilent(t, "knotd", path, "-c", filepath.Join(dir, "knot.conf"))
	})
}

func messagesNSD(t testing.TB, zones []peerZone) string {
	t.Helper()
	path := peerBinary(t, "nsd")
	return startPeer(t, messageZone, func(dir, addr string) *process {
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
	rrl-ratelimit: 0
	rrl-whitelist-ratelimit: 0
	hide-version: yes
	hide-identity: yes
	answer-cookie: yes
	nsid: "ascii_%[7]s"
remote-control:
	control-enable: no
`, host, port, dir, filepath.Join(dir, "nsd.pid"), filepath.Join(dir, "xfrd.state"), filepath.Join(dir, "zone.list"), nsidText)
		for _, z := range zones {
			writeFile(t, z.file(dir), z.text)
			fmt.Fprintf(&conf, "zone:\n\tname: %q\n\tzonefile: %q\n", z.origin, z.file(dir))
		}
		writeFile(t, filepath.Join(dir, "nsd.conf"), conf.String())
		return startSilent(t, "nsd", path, "-d", "-c", filepath.Join(dir, "nsd.conf"))
	})
}

func messagesBIND(t testing.TB, zones []peerZone) string {
	t.Helper()
	path := peerBinary(t, "named")
	var p *process
	addr := startPeer(t, messageZone, func(dir, addr string) *process {
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
	minimal-responses yes;
	minimal-any yes;
	empty-zones-enable no;
	allow-transfer { none; };
	check-integrity no;
	version none;
	hostname none;
	server-id %q;
	max-udp-size 1232;
};
controls { };
`, dir, filepath.Join(dir, "session.key"), port, host, nsidText)
		for _, z := range zones {
			writeFile(t, z.file(dir), z.text)
			fmt.Fprintf(&conf, "zone %q { type primary; file %q; };\n", z.origin, z.file(dir))
		}
		writeFile(t, filepath.Join(dir, "named.conf"), conf.String())
		p = startSilent(t, "named", path, "-g", "-n", "1", "-c", filepath.Join(dir, "named.conf"))
		return p
	})
	if p.waitLog(bindLoaded) == nil {
		t.Fatalf("named ended: %v", p.err)
	}
	return addr
}
