package integration

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a server that a test has started: mangrove, or a peer. It is ended by its pid, at the latest when the test ends.
type process struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd
	log  *transcript
	done chan struct{} // closed when it has ended
	err  error         // of Wait; valid once done is closed
	// silent keeps what it wrote out of the report of a failed test.
	silent bool
	// peer is not ours: it may hang.
	peer bool
}

// startProcess starts a program, and ends it with the test; what it wrote is shown where the test failed.
func startProcess(t testing.TB, name string, env []string, path string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: exec.Command(path, args...), log: newTranscript(), done: make(chan struct{})}
	p.cmd.Env = env
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	// A child of the server's that outlives it must not keep Wait from returning.
	p.cmd.WaitDelay = 5 * time.Second
	endWithTest(p.cmd)
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		if !p.ended() {
			p.signal(syscall.SIGTERM)
			select {
			case <-p.done:
			case <-time.After(patience):
				say := t.Errorf
				if p.peer {
					say = t.Logf
				}
				say("%s does not end on SIGTERM", name)
				p.signal(syscall.SIGKILL)
				<-p.done
			}
		}
		if t.Failed() && !p.silent {
			t.Logf("what %s (pid %d) wrote:\n%s", name, p.cmd.Process.Pid, p.log)
		}
	})
	return p
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// signal sends a signal to this very process; one that has ended is left alone.
func (p *process) signal(s os.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("%s: %v: %v", p.name, s, err)
	}
}

// kill ends it as the power does.
func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	<-p.done
}

// exitCode waits for the end.
func (p *process) exitCode() int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("%s has not ended", p.name)
		return 0
	}
}

// waitLog waits for a line that re matches, among those written so far and those to come, and returns its submatches. nil
// where the process ended before.
func (p *process) waitLog(re *regexp.Regexp) []string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for {
		more := p.log.more()
		ended := p.ended()
		if m := re.FindStringSubmatch(p.log.String()); m != nil {
			return m
		}
		if ended {
			return nil
		}
		select {
		case <-more:
		case <-p.done:
		case <-ctx.Done():
			p.t.Fatalf("%s never wrote %s", p.name, re)
		}
	}
}

// transcript collects what a process writes. It is safe for concurrent use.
type transcript struct {
	mu    sync.Mutex
	text  bytes.Buffer
	wakes chan struct{} // closed and replaced at every write
}

func newTranscript() *transcript { return &transcript{wakes: make(chan struct{})} }

func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.wakes)
	t.wakes = make(chan struct{})
	return t.text.Write(b)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// more returns a channel that closes with the next write.
func (t *transcript) more() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wakes
}
