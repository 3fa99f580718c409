package integration

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
)

// The name servers that mangrove is compared with and mirrors to, from Debian's packages. Each test starts its own, with
// everything in a directory of its own.

// peerBinary returns where a peer's program is. A test that needs one which is not installed lacks it.
func peerBinary(t testing.TB, name string) string {
	t.Helper()
	path, installed := findPeer(name)
	if !installed {
		lacks(t, name)
	}
	return path
}

func findPeer(name string) (path string, installed bool) {
	for _, dir := range []string{"", "/usr/sbin/", "/usr/bin/"} {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path, true
		}
	}
	return "", false
}

// peersRequired says whether nothing may be missing that integration/peers.sh installs.
func peersRequired() bool { return os.Getenv("MANGROVE_PEERS") == "required" }

// lacks skips a test that lacks something, or fails it where nothing may be missing.
func lacks(t testing.TB, what string) {
	t.Helper()
	what += " is not installed (integration/peers.sh installs it)"
	if peersRequired() {
		t.Fatal(what)
	}
	t.Skip(what)
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

const (
	tsigName   = "mirror-key."
	tsigSecret = "c2VjcmV0IG9mIHRoZSBtaXJyb3ItdGVzdHMgISEhISE="
)

// plainSetups are the peers as anybody would run them. Knot and BIND have the zones updated and transferred with the TSIG key.
var plainSetups = map[string]peerSetup{
	"knot": {
		sections: fmt.Sprintf(`
key:
  - id: %[1]s
    algorithm: hmac-sha256
    secret: %[2]s
acl:
  - id: mirror
    key: %[1]s
    action: [transfer, update]
`, tsigName, tsigSecret),
		zone: "acl: mirror",
	},
	"nsd": {},
	"bind": {
		server:   "minimal-responses yes;",
		sections: fmt.Sprintf("key %q { algorithm hmac-sha256; secret %q; };\n", tsigName, tsigSecret),
		zone: fmt.Sprintf(`
			allow-update { key %[1]q; };
			allow-transfer { key %[1]q; };`, tsigName),
	},
}

// startPlain starts a peer as anybody would run it.
func startPlain(t testing.TB, name string, zones ...peerZone) (addr string) {
	t.Helper()
	return peerKinds[name].start(t, plainSetups[name].with(zones...)).addr
}
