package rfc2136

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	libdns "github.com/libdns/rfc2136"
	"github.com/miekg/dns"
)

const (
	keyName   = "mirror.key."
	keySecret = "bWFuZ3JvdmUtdGVzdC1rZXktMDEyMzQ1Njc4OWFiY2Q="
	keyWrong  = "d3JvbmctdGVzdC1rZXktMDEyMzQ1Njc4OWFiY2QhISE="
	apex      = "$TTL 3600\n@ IN SOA ns1 hostmaster 1 7200 900 1209600 60\n@ IN NS ns1.example.net.\n"
)

// given counts the ports that this process has tried.
var given atomic.Uint32

// freePort returns a port that is free for UDP and TCP on loopback just now. It is below those that the system hands out by
// itself: any socket that somebody opens may have one of them before the server that it is for has bound it.
func freePort(t *testing.T) int {
	t.Helper()
	const lowest, count = 10_000, 20_000
	for range 200 {
		port := lowest + (os.Getpid()*211+int(given.Add(1)))%count
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		_ = l.Close()
		if err == nil {
			_ = u.Close()
			return port
		}
	}
	t.Fatal("no port is free for UDP and TCP")
	return 0
}

// start runs a name server until the test ends and waits until it answers for example.org.
func start(t *testing.T, addr, program string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			said := out.String()
			t.Logf("%s said:\n%s", program, said[max(0, len(said)-4000):])
		}
	})
	q := new(dns.Msg)
	q.SetQuestion("example.org.", dns.TypeSOA)
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		if r, err := dns.Exchange(q, addr); err == nil && len(r.Answer) == 1 {
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended:\n%s", program, out.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("%s does not answer", program)
}

func lookPath(t *testing.T, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		path = "/usr/sbin/" + program
		if _, err := os.Stat(path); err != nil {
			missing(t, "%s is not installed (Debian: %s)", program, debian)
		}
	}
	return path
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// startKnot returns the address of a Knot with an empty example.org.
func startKnot(t *testing.T) string {
	program, dir, port := lookPath(t, "knotd", "knot"), t.TempDir(), freePort(t)
	write(t, filepath.Join(dir, "example.org.zone"), apex)
	conf := write(t, filepath.Join(dir, "knot.conf"), fmt.Sprintf(`
server:
    listen: 127.0.0.1@%d
    rundir: %q
    udp-workers: 1
    tcp-workers: 2
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: %q
key:
  - id: %s
    algorithm: hmac-sha256
    secret: %s
acl:
  - id: mirror
    key: %s
    action: [transfer, update]
zone:
  - domain: example.org
    storage: %q
    file: example.org.zone
    acl: mirror
`, port, dir, dir, keyName, keySecret, keyName, dir))
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	start(t, addr, program, "-c", conf)
	return addr
}

// startNamed returns the address of a BIND with an empty example.org.
func startNamed(t *testing.T) string {
	program, dir, port := lookPath(t, "named", "bind9"), t.TempDir(), freePort(t)
	write(t, filepath.Join(dir, "example.org.zone"), apex)
	conf := write(t, filepath.Join(dir, "named.conf"), fmt.Sprintf(`
options {
	directory %q;
	listen-on port %d { 127.0.0.1; };
	listen-on-v6 { none; };
	pid-file none;
	session-keyfile none;
	recursion no;
	dnssec-validation no;
	notify no;
	allow-transfer { none; };
};
controls { };
key %q { algorithm hmac-sha256; secret %q; };
zone "example.org" {
	type primary;
	file "example.org.zone";
	check-names ignore;
	allow-update { key %q; };
	allow-transfer { key %q; };
};
`, dir, port, keyName, keySecret, keyName, keyName))
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	start(t, addr, program, "-g", "-n", "1", "-c", conf)
	return addr
}

func account(addr, secret string) *libdns.Provider {
	return &libdns.Provider{Server: addr, KeyName: strings.TrimSuffix(keyName, "."), KeyAlg: "hmac-sha256", Key: secret}
}

func newDriver(t *testing.T, a *libdns.Provider) *Driver {
	t.Helper()
	d, err := New(Options{Account: a})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// missing skips the test, or fails it where no peer may be missing.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("MANGROVE_PEERS") == "required" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
