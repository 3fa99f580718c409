package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// built holds the binary, once a test has asked for it.
var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// binary builds mangrove, once a run; what go has compiled before it takes from its cache.
func binary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "mangrove-"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "mangrove")
		args := []string{"build", "-o", built.path}
		if raceEnabled {
			args = append(args, "-race")
		}
		if out, err := exec.Command("go", append(args, "../cmd/mangrove")...).CombinedOutput(); err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// shortDir returns a directory of the test's own with a path short enough for the sockets in it: a unix socket's has 103
// bytes at most, which the names of tests would use up.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// node is one installation of mangrove: a directory with mangrove.yaml, zones/ and data/, and the daemon while it runs.
type node struct {
	t   testing.TB
	dir string
	env []string

	daemon *process // nil: not started yet
	addr   string   // where it answers
}

// newNode makes an installation and starts nothing. config is mangrove.yaml without listen.
func newNode(t testing.TB, config string) *node {
	t.Helper()
	dir := shortDir(t)
	n := &node{t: t, dir: dir, env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir,
		"GORACE=atexit_sleep_ms=0", // the race detector's end would take a second for each command
	}}
	for _, sub := range []string{"zones", "data"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	n.write("mangrove.yaml", "listen: [127.0.0.1:0]\n"+config)
	return n
}

// path is where a file of the installation is.
func (n *node) path(name string) string { return filepath.Join(n.dir, name) }

// write puts a file in place as careful editors do: aside, then renamed.
func (n *node) write(name, text string) {
	n.t.Helper()
	aside := n.path(filepath.Join(filepath.Dir(name), ".aside~"))
	if err := errors.Join(os.WriteFile(aside, []byte(text), 0o600), os.Rename(aside, n.path(name))); err != nil {
		n.t.Fatal(err)
	}
}

// writeZone puts a zone's file in place.
func (n *node) writeZone(z peerZone) {
	n.t.Helper()
	name := strings.TrimSuffix(z.origin, ".")
	if name == "" {
		name = "root"
	}
	n.write("zones/"+name+".zone", z.text)
}

// startMangrove starts mangrove with zones that must all be good.
func startMangrove(t testing.TB, config string, zones ...peerZone) *node {
	t.Helper()
	n := newNode(t, config)
	for _, z := range zones {
		n.writeZone(z)
	}
	n.start()
	for _, z := range n.status().Zones {
		if z.State != "ok" {
			t.Fatalf("%s: %q", z.Zone, z.Problems)
		}
	}
	return n
}

var readyLine = regexp.MustCompile(`msg=ready listen="?([0-9.:,\[\]]+)"? `)

// start starts the daemon and waits until it answers.
func (n *node) start() {
	n.t.Helper()
	var p *process
	n.t.Cleanup(func() { checkLog(p) }) // after its end, which startProcess sees to
	p = startProcess(n.t, "mangrove serve", n.env, binary(n.t), "serve", "--config", n.path("mangrove.yaml"))
	n.daemon = p
	m := p.waitLog(readyLine)
	if m == nil {
		n.t.Fatalf("mangrove serve ended: %v", p.err)
	}
	n.addr, _, _ = strings.Cut(m[1], ",")
}

// checkLog fails the test where a daemon had a data race or a panic.
func checkLog(p *process) {
	if p == nil {
		return // not even started
	}
	p.t.Helper()
	log := p.log.String()
	for _, bad := range []string{"WARNING: DATA RACE", "panic:", "fatal error:", "the driver panicked"} {
		if strings.Contains(log, bad) {
			p.t.Errorf("the log of mangrove serve (pid %d) has %q:\n%s", p.cmd.Process.Pid, bad, log)
		}
	}
}

// stop ends the daemon as an operator does, which must end well.
func (n *node) stop() {
	n.t.Helper()
	n.daemon.signal(syscall.SIGTERM)
	if code := n.daemon.exitCode(); code != 0 {
		n.t.Errorf("mangrove serve exits %d on SIGTERM, want 0", code)
	}
}

// result is what a command did.
type result struct {
	code           int
	stdout, stderr string
}

func (r result) String() string {
	return fmt.Sprintf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
}

// run runs a command on the installation, to its end.
func (n *node) run(args ...string) result {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(n.t), append(args, "--config", n.path("mangrove.yaml"))...)
	cmd.Env = n.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		n.t.Fatalf("mangrove %s: %v", strings.Join(args, " "), errors.Join(err, ctx.Err()))
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// must runs a command that has to exit 0, and returns what it wrote to standard output.
func (n *node) must(args ...string) string {
	n.t.Helper()
	r := n.run(args...)
	if r.code != 0 {
		n.t.Fatalf("mangrove %s: %s", strings.Join(args, " "), r)
	}
	return r.stdout
}
