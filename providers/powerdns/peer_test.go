package powerdns

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const token = "mirror-test-token"

// pdns is a PowerDNS with an empty example.org.
type pdns struct{ url, dns string }

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

const schema = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"

// startPowerDNS runs a server until the test ends.
func startPowerDNS(t *testing.T) pdns {
	t.Helper()
	program := lookPath(t, "pdns_server", "pdns-server")
	sqlite := lookPath(t, "sqlite3", "sqlite3")
	sql, err := os.ReadFile(schema)
	if err != nil {
		missing(t, "%s is not there (Debian: pdns-backend-sqlite3)", schema)
	}
	dir, port, api := t.TempDir(), freePort(t), freePort(t)
	db := filepath.Join(dir, "pdns.db")
	load := exec.CommandContext(t.Context(), sqlite, db)
	load.Stdin = bytes.NewReader(sql)
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p := pdns{fmt.Sprintf("http://127.0.0.1:%d", api), fmt.Sprintf("127.0.0.1:%d", port)}
	start(t, p.url, program, "--config-dir="+dir, "--launch=gsqlite3", "--gsqlite3-database="+db, "--daemon=no", "--guardian=no",
		"--local-address=127.0.0.1", fmt.Sprintf("--local-port=%d", port), "--socket-dir="+dir, "--write-pid=no", "--api=yes", "--api-key="+token,
		"--webserver=yes", "--webserver-address=127.0.0.1", fmt.Sprintf("--webserver-port=%d", api), "--zone-cache-refresh-interval=0",
		"--disable-syslog=yes", "--receiver-threads=1", "--distributor-threads=1", "--retrieval-threads=1", "--loglevel=4")
	p.request(t, http.MethodPost, "/zones",
		`{"name":"example.org.","kind":"Native","nameservers":["ns1.example.net."],"soa_edit_api":"INCREASE"}`, http.StatusCreated)
	return p
}

// request makes a request of the test's own.
func (p pdns) request(t *testing.T, method, path, body string, want int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.url+"/api/v1/servers/localhost"+path, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Key", token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != want {
		var text bytes.Buffer
		_, _ = text.ReadFrom(resp.Body)
		t.Fatalf("%s %s: %s: %s", method, path, resp.Status, &text)
	}
}

// start runs a program until the test ends and waits until url is answered.
func start(t *testing.T, url, program string, args ...string) {
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
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		if resp, err := http.Get(url); err == nil {
			_ = resp.Body.Close()
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

// missing skips the test, or fails it where no peer may be missing.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("MANGROVE_PEERS") == "required" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
