package providertest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// given counts the ports that this process has tried.
var given atomic.Uint32

// FreePort returns a port that is free for UDP and TCP on loopback just now. It is below those that the system hands out by
// itself: any socket that somebody opens may have one of them before the server that it is for has bound it.
func FreePort(t *testing.T) int {
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

// PeerPath returns the path of a program that a test needs, of a Debian package. Where it is missing the test is skipped, or
// fails: see Missing.
func PeerPath(t *testing.T, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		path = "/usr/sbin/" + program
		if _, err := os.Stat(path); err != nil {
			Missing(t, "%s is not installed (Debian: %s)", program, debian)
		}
	}
	return path
}

// Missing skips the test, or fails it where MANGROVE_PEERS says that nothing may be missing.
func Missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("MANGROVE_PEERS") == "required" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// StartPeer runs a program until the test ends, and waits until it answers.
func StartPeer(t *testing.T, answers func() bool, program string, args ...string) {
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
		if answers() {
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
