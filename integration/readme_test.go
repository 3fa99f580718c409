package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const readme = "../README.md"

// TestReadme types the transcripts of the README, in order and in one directory, and compares what they print.
func TestReadme(t *testing.T) {
	peerBinary(t, "dig")
	s := newStory(t)
	played := 0
	for _, b := range codeBlocks(t, readme) {
		switch {
		case b.lang == "yaml" && b.title() == "mangrove.yaml":
			s.write("mangrove.yaml", s.here(b.text))
		case b.lang == "console" && !strings.HasPrefix(b.text, "$ "+demoCommand):
			for _, st := range b.steps(t) {
				s.play(st)
			}
			played++
		}
	}
	if played < 4 {
		t.Errorf("the README has %d transcripts, want 4 at least: are they still marked as console?", played)
	}
	if s.daemon != nil {
		t.Error("the README starts a server that it never stops")
	}
}

// story is a terminal in which a reader types what the README says.
type story struct {
	*node
	port string
}

// readmePort is what the README has servers listen on; here it is a free one.
const readmePort = "5353"

func newStory(t *testing.T) *story {
	addr := freePort(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	dir := shortDir(t)
	path := filepath.Dir(binary(t)) + string(filepath.ListSeparator) + os.Getenv("PATH")
	return &story{node: &node{t: t, dir: dir, env: []string{"PATH=" + path, "HOME=" + dir}, addr: addr}, port: port}
}

// here puts the test's port in the place of the README's.
func (s *story) here(text string) string { return strings.ReplaceAll(text, readmePort, s.port) }

// play types one command.
func (s *story) play(st step) {
	s.t.Helper()
	background, isServer := strings.CutSuffix(s.here(st.command), " &")
	switch {
	case isServer:
		s.serve(st, background)
	case st.command == "kill %1":
		s.daemon.signal(syscall.SIGTERM)
		if code := s.daemon.exitCode(); code != 0 {
			s.t.Fatalf("README:%d: the server exits %d on SIGTERM, want 0", st.line, code)
		}
		s.daemon = nil
	case looks(st.command):
		// A reader takes longer to type than the server to take up a file.
		eventually(s.t, st.command, func() (bool, string) {
			diff := s.compare(st)
			return diff == "", diff
		})
	default:
		if diff := s.compare(st); diff != "" {
			s.t.Fatalf("README:%d: %s", st.line, diff)
		}
	}
}

// looks says whether a command may be typed again without changing anything.
func looks(command string) bool {
	return slices.ContainsFunc([]string{"dig ", "mangrove status", "mangrove plan", "mangrove check"}, func(p string) bool { return strings.HasPrefix(command, p) })
}

// serve starts a server as a job of the shell, and goes on once it answers commands.
func (s *story) serve(st step, command string) {
	s.t.Helper()
	if s.daemon != nil || len(st.want) > 0 {
		s.t.Fatalf("README:%d: one silent server at a time", st.line)
	}
	s.daemon = startProcess(s.t, st.command, s.env, "/bin/sh", "-c", fmt.Sprintf("cd %s && exec %s", s.dir, command))
	eventually(s.t, st.command, func() (bool, string) {
		if s.daemon.ended() {
			s.t.Fatalf("README:%d: it ended: %v", st.line, s.daemon.err)
		}
		out, code := s.shell("mangrove status --quiet")
		return code == 0, out
	})
}

// compare runs a command and returns how what it prints differs from what the README says.
func (s *story) compare(st step) string {
	s.t.Helper()
	out, code := s.shell(s.here(st.command))
	var got, want []string
	for line := range strings.Lines(out) {
		got = append(got, stable(strings.TrimSuffix(line, "\n")))
	}
	for _, line := range st.want {
		want = append(want, stable(s.here(line)))
	}
	if len(want) == 0 && code != 0 {
		return fmt.Sprintf("%s exits %d: %s", st.command, code, out)
	}
	if matches(want, got) {
		return ""
	}
	return fmt.Sprintf("%s (-README +printed):\n%s", st.command, cmp.Diff(want, got))
}

// shell runs a command to its end, and returns what a terminal would show.
func (s *story) shell(command string) (out string, code int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.Dir, cmd.Env = s.dir, s.env
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		s.t.Fatalf("%s: %v", command, errors.Join(err, ctx.Err()))
	}
	return both.String(), cmd.ProcessState.ExitCode()
}

// What differs from one run to the next.
var unstable = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`^mangrove \S+, running`), "mangrove VERSION, running"},
	{regexp.MustCompile(`(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d`), "TIME"},
	{regexp.MustCompile(`^( *)plan [0-9a-f]{16}$`), "${1}plan HASH"},
	{regexp.MustCompile(`: \d+ bytes$`), ": N bytes"},
	// Of the demo alone.
	{regexp.MustCompile(`^ *\d+\.\ds  `), "  T  "},
	{regexp.MustCompile(`after [0-9.]+(µs|ms|s|m)\S*$`), "after T"},
	{regexp.MustCompile(`port \d+`), "port PORT"},
	{regexp.MustCompile(`(127\.0\.0\.\d|http):\d+`), "$1:PORT"},
	{regexp.MustCompile(`-p \d+`), "-p PORT"},
}

// stable is a line without what differs from one run to the next.
func stable(line string) string {
	for _, u := range unstable {
		line = u.re.ReplaceAllString(line, u.to)
	}
	return strings.TrimRight(line, " ")
}

const demoCommand = "mangrove demo --once"

// TestDemo runs the demo, which checks itself, and holds it to what the README shows of it and to the points of its story.
func TestDemo(t *testing.T) {
	dir := shortDir(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(t), "demo", "--once")
	cmd.Dir, cmd.Env = dir, []string{"TMPDIR=" + dir, "HOME=" + dir}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("mangrove demo --once: %v\n%s%s", err, stdout.String(), stderr.String())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("the demo left %v behind (%v)", left, err)
	}
	var got []string
	for line := range strings.Lines(stdout.String()) {
		got = append(got, stable(strings.TrimSuffix(line, "\n")))
	}
	for _, b := range codeBlocks(t, readme) {
		if b.lang != "console" || !strings.HasPrefix(b.text, "$ "+demoCommand) {
			continue
		}
		var want []string
		for _, line := range b.steps(t)[0].want {
			want = append(want, stable(line))
		}
		if !matches(want, got) {
			t.Errorf("README:%d: the demo does not print this in this order:\n%s\nbut:\n%s", b.line, strings.Join(want, "\n"), stdout.String())
		}
	}
	inOrder(t, got,
		"Mangrove answers          127.0.0.2, 127.0.0.3, 127.0.0.4",
		"the web server on 127.0.0.3 dies",
		"Mangrove answers          127.0.0.2, 127.0.0.4",
		"the mirrored zone file has 127.0.0.2, 127.0.0.4",
		"the other company answers 127.0.0.2, 127.0.0.4",
		"127.0.0.3  down, left out since TIME  http 127.0.0.3:PORT: connection refused, 3 of 3",
		"it comes back",
		"Mangrove answers          127.0.0.2, 127.0.0.3, 127.0.0.4",
		"the mirrored zone file has 127.0.0.2, 127.0.0.3, 127.0.0.4",
		"the other company answers 127.0.0.2, 127.0.0.3, 127.0.0.4",
		"its API is dark",
		"the web server on 127.0.0.4 dies",
		"Mangrove answers          127.0.0.2, 127.0.0.3",
		"the other company still gets the dead 127.0.0.4",
		"-> other: (unreachable|behind)",
		"its API returns",
		"the other company answers 127.0.0.2, 127.0.0.3",
		"the web server on 127.0.0.4 comes back",
		"the other company answers 127.0.0.2, 127.0.0.3, 127.0.0.4",
		"that was all of it",
	)
}

// inOrder demands lines that match each of points, expressions, one after the other.
func inOrder(t *testing.T, lines []string, points ...string) {
	t.Helper()
	rest := lines
	for _, p := range points {
		i := slices.IndexFunc(rest, regexp.MustCompile(p).MatchString)
		if i < 0 {
			t.Fatalf("no line that matches %q after those before it in:\n%s", p, strings.Join(lines, "\n"))
		}
		rest = rest[i+1:]
	}
}
