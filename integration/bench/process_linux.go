package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a server that runs.
type process struct {
	server *server
	setup  *setup
	cmd    *exec.Cmd
	log    string
	done   chan struct{} // closed once it has ended
	pids   []int         // of its processes, once it answers
	began  time.Time
}

// start starts a server on the CPUs, numbered as taskset takes them.
func start(ctx context.Context, srv *server, s *setup, cpus string) (*process, error) {
	argv, err := srv.command(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", srv.name, err)
	}
	return startAgain(ctx, srv, s, cpus, argv)
}

// startAgain starts a server whose configuration is written already.
func startAgain(ctx context.Context, srv *server, s *setup, cpus string, argv []string) (*process, error) {
	p := &process{server: srv, setup: s, log: filepath.Join(s.dir, "output"), done: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.CommandContext(ctx, "taskset", append([]string{"-c", cpus}, argv...)...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = s.dir, log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 20 * time.Second
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", srv.name, err)
	}
	go func() {
		// How it ends is of no matter: that it has, is.
		_ = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// tail returns the end of what the server printed.
func (p *process) tail() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(b[max(0, len(b)-400):]))
}

// stop ends the server, by force after 30 s, and with it what is left of its process group.
func (p *process) stop() {
	if !p.ended() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
	}
	// The group is the server's own; where nothing is left of it, this finds nothing.
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// addrPort is where it answers.
func (p *process) addrPort() string {
	return net.JoinHostPort(p.setup.addr, strconv.Itoa(p.setup.port))
}

// findProcesses fills pids: the process and all its descendants.
func (p *process) findProcesses() error {
	children := map[int][]int{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return err
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		pid, parent, ok := parseStat(string(b))
		if ok {
			children[parent] = append(children[parent], pid)
		}
	}
	p.pids = []int{p.cmd.Process.Pid}
	for i := 0; i < len(p.pids); i++ {
		p.pids = append(p.pids, children[p.pids[i]]...)
	}
	return nil
}

// parseStat returns the process and its parent from a line of /proc/PID/stat.
func parseStat(line string) (pid, parent int, ok bool) {
	head, _, found := strings.Cut(line, " ")
	end := strings.LastIndexByte(line, ')')
	if !found || end < 0 {
		return 0, 0, false
	}
	f := strings.Fields(line[end+1:])
	if len(f) < 2 {
		return 0, 0, false
	}
	pid, err1 := strconv.Atoi(head)
	parent, err2 := strconv.Atoi(f[1])
	return pid, parent, err1 == nil && err2 == nil
}

// cpu returns the CPU time that all threads of the processes have used, ended ones too.
func cpu(pids ...int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		// A process's CPU clock: the number that clock_getcpuclockid(3) makes.
		const sched = 2
		var ts unix.Timespec
		if err := unix.ClockGettime(int32(^uint32(pid)<<3|sched), &ts); err != nil {
			return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
		}
		sum += time.Duration(ts.Nano())
	}
	return sum, nil
}

// ticks returns user and all CPU time in ticks.
func ticks(pids []int) (user, all uint64) {
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		u, _ := strconv.ParseUint(f[11], 10, 64)
		s, _ := strconv.ParseUint(f[12], 10, 64)
		user, all = user+u, all+u+s
	}
	return user, all
}

// busy returns the time that all CPUs together have not been idle, stolen time included.
func busy() (time.Duration, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	f := strings.Fields(line)
	if len(f) < 9 {
		return 0, errors.New("/proc/stat has no line of all CPUs")
	}
	var sum uint64
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		v, err := strconv.ParseUint(f[i], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += v
	}
	const tick = 10 * time.Millisecond
	return time.Duration(sum) * tick, nil
}

// readMemory returns what the processes have in memory.
func (p *process) readMemory() (memory, error) {
	var m memory
	for _, pid := range p.pids {
		rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return m, err
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return m, err
		}
		m.PSS += kilobytes(string(rollup), "Pss:")
		m.Anon += kilobytes(string(rollup), "Anonymous:")
		m.Peak = max(m.Peak, kilobytes(string(status), "VmHWM:"))
	}
	return m, nil
}

// kilobytes returns the value of a line "KEY   123 kB" in MB.
func kilobytes(text, key string) float64 {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == key {
			kb, _ := strconv.ParseFloat(f[1], 64)
			return kb * 1024 / 1e6
		}
	}
	return 0
}

// freePort returns a port of addr that is free for UDP and TCP.
func freePort(addr string) (int, error) {
	for range 50 {
		l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
		if err != nil {
			return 0, err
		}
		port := l.Addr().(*net.TCPAddr).Port
		u, err := net.ListenPacket("udp", l.Addr().String())
		l.Close()
		if err == nil {
			u.Close()
			return port, nil
		}
	}
	return 0, errors.New("no port is free for UDP and TCP")
}

// bindSelf binds all threads of this program to a CPU. Threads made later inherit it, and so do servers, which are
// started through taskset.
func bindSelf(cpus ...int) error {
	var set unix.CPUSet
	for _, c := range cpus {
		set.Set(c)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(tid, &set); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("bind thread %d to CPUs %v: %w", tid, cpus, err)
		}
	}
	return nil
}
