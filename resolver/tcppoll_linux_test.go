package resolver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mangrove-dns/mangrove/zones"
)

// polled is a server whose TCP connections are in one loop, with a clock that the test sets.
type polled struct {
	t       *testing.T
	s       *Server
	addr    netip.AddrPort
	log     syncBuffer
	stop    func()
	control net.Conn

	mu  sync.Mutex
	now time.Time
}

func startPolled(t *testing.T, o TCPOptions) *polled { return startTCP(t, o, false) }

func startTCP(t *testing.T, o TCPOptions, portable bool) *polled {
	p := &polled{t: t, now: time.Now()}
	cat := parseCatalog(t, "example.", "@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\nns A 192.0.2.53\n"+bigTXT())
	p.s = New(Options{Listen: []string{"127.0.0.1:0"}, TCP: o, Workers: 1,
		Catalog: func() *zones.Catalog { return cat }, Log: slog.New(slog.NewTextHandler(&p.log, nil))})
	p.s.now = func() time.Time { p.mu.Lock(); defer p.mu.Unlock(); return p.now }
	p.s.tcp.portable = portable
	addrs, err := p.s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	p.addr = addrs[0]
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.s.Run(ctx) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(p.stop)
	return p
}

// bigTXT is an RRset of nearly 64 kB.
func bigTXT() string {
	var b strings.Builder
	for i := range 240 {
		fmt.Fprintf(&b, "big TXT \"%d\" %q\n", i, strings.Repeat("x", 240))
	}
	return b.String()
}

func (p *polled) dial() *net.TCPConn {
	p.t.Helper()
	c, err := net.Dial("tcp", p.addr.String())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

// asks says whether a query is answered.
func (p *polled) asks(c net.Conn, id int) bool {
	if _, err := c.Write(framedQuestion(p.t, id, "ns.example. A")); err != nil {
		return false
	}
	m, err := receive(c)
	return err == nil && int(m.Id) == id && render(m) == headerAnswer
}

// settle returns when the loop has done all that there was to do for other connections than control. One answer says that it
// has read from every connection that was written to before, and the second that it has looked at the clock after that.
func (p *polled) settle() {
	p.t.Helper()
	for range 2 {
		if !p.asks(p.control, 1) {
			p.t.Fatal("the loop does not answer")
		}
	}
}

// pass lets time pass.
func (p *polled) pass(d time.Duration) {
	p.mu.Lock()
	p.now = p.now.Add(d)
	p.mu.Unlock()
	p.s.tcp.mu.Lock()
	defer p.s.tcp.mu.Unlock()
	for _, l := range p.s.tcp.loops {
		l.wake()
	}
}

// waitIdle returns when n of the connections that have goroutines wait for a query: a client has its answer before its connection waits
// for the next. Loops need no waiting for, they do one thing after the other (settle).
func (p *polled) waitIdle(n int) {
	p.t.Helper()
	if !p.s.tcp.portable {
		return
	}
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		idle := 0
		p.s.tcp.mu.Lock()
		for c := range p.s.tcp.conns {
			if c.idleSince.Load() != 0 {
				idle++
			}
		}
		p.s.tcp.mu.Unlock()
		if idle == n {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%d connections are idle, want %d", idle, n)
		}
	}
}

func (p *polled) wantEOF(c net.Conn) {
	p.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	defer func() { _ = c.SetReadDeadline(time.Time{}) }()
	if n, err := c.Read(make([]byte, 1)); err == nil || n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Errorf("got %d octets, %v, want the end", n, err)
	}
}

// Each answer starts the time of silence anew, and it ends when it is over.
func TestPolledIdle(t *testing.T) {
	p := startPolled(t, TCPOptions{Idle: 10 * time.Second})
	p.control = p.dial()
	silent, asking := p.dial(), p.dial()
	if !p.asks(silent, 1) {
		t.Fatal("no answer")
	}
	for range 3 { // at 0, 6 and 12 seconds
		if !p.asks(asking, 1) {
			t.Fatal("no answer")
		}
		p.settle()
		p.pass(6 * time.Second)
	}
	p.wantEOF(silent)
	p.settle()
	p.pass(4 * time.Second)
	p.wantEOF(asking)
	p.settle()
	if st := p.s.Stats().Conns; st.TimedOut != 2 || st.Open != 1 {
		t.Errorf("stats %+v", st)
	}
}

// A message has its time from its first octet on, whatever comes in between; one behind others from when they are there.
func TestPolledPartialMessage(t *testing.T) {
	p := startPolled(t, TCPOptions{Idle: time.Hour, Message: 5 * time.Second})
	p.control = p.dial()
	dribble, behind := p.dial(), p.dial()
	query := framedQuestion(t, 1, "ns.example. A")
	write := func(c net.Conn, b []byte) {
		t.Helper()
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	write(behind, query[:10])
	for i := range 5 {
		write(dribble, query[i:i+1])
		p.settle()
		p.pass(900 * time.Millisecond)
		p.settle()
	}
	write(behind, append(bytes.Clone(query[10:]), query[:10]...)) // 4.5 s: its time starts anew
	if _, err := receive(behind); err != nil {
		t.Fatal(err)
	}
	p.settle()
	write(dribble, query[5:6])
	p.settle()
	p.pass(900 * time.Millisecond)
	p.wantEOF(dribble)
	write(behind, query[10:])
	if _, err := receive(behind); err != nil {
		t.Error("cut in time: ", err)
	}
	write(behind, query[:1])
	p.settle()
	p.pass(5 * time.Second)
	p.wantEOF(behind)
	if got := p.s.Stats().Conns.TimedOut; got != 2 {
		t.Errorf("%d timed out, want 2", got)
	}
}

// However the octets are cut, the answers are the same, in order: small queries, and one as large as can be.
func TestPolledSegments(t *testing.T) {
	p := startPolled(t, TCPOptions{})
	m := parseQuery(t, "ns.example. A +edns").msg
	large := pack(t, m)
	padding := maxMessage - len(large) - 4
	large = append(large, 0, 12, byte(padding>>8), byte(padding))
	large = append(large, make([]byte, padding)...)
	rdlen := len(pack(t, m)) - 2
	large[rdlen], large[rdlen+1] = byte((padding+4)>>8), byte(padding+4)
	var all []byte
	const n = 600
	for i := range n {
		if i == n/2 {
			large[0], large[1] = byte(i>>8), byte(i)
			all = append(all, frame(large)...)
			continue
		}
		all = append(all, framedQuestion(t, i, "ns.example. A")...)
	}
	for _, size := range []int{7, 100, 511, 512, 513, 5000, 20000, len(all)} {
		c := p.dial()
		go func() {
			for b := all; len(b) > 0; {
				k := min(size, len(b))
				if _, err := c.Write(b[:k]); err != nil {
					return
				}
				b = b[k:]
			}
		}()
		for i := range n {
			m, err := receive(c)
			if err != nil || int(m.Id) != i || len(m.Answer) != 1 {
				t.Fatalf("segments of %d, answer %d: %v\n%v", size, i, err, m)
			}
		}
	}
}

// Who asks for more than he takes at once gets all of it, in order, and does not hold up the others.
func TestPolledSlowReader(t *testing.T) {
	p := startPolled(t, TCPOptions{})
	slow := p.dial()
	const n = 300
	asked := make(chan error, 1)
	go func() {
		for i := range n {
			if _, err := slow.Write(framedQuestion(t, i, "big.example. TXT")); err != nil {
				asked <- err
				return
			}
		}
		asked <- slow.CloseWrite()
	}()
	p.control = p.dial()
	for moved := false; !moved; {
		p.settle()
		p.s.tcp.mu.Lock()
		moved = len(p.s.tcp.conns) == 1
		p.s.tcp.mu.Unlock()
	}
	for i := range n {
		if m, err := receive(slow); err != nil || int(m.Id) != i || len(m.Answer) != 240 {
			t.Fatalf("answer %d: %v", i, err)
		}
	}
	if err := <-asked; err != nil {
		t.Error(err)
	}
	p.wantEOF(slow)
}

// Who does not take the answers at all is cut off.
func TestPolledWriteTimeout(t *testing.T) {
	p := startPolled(t, TCPOptions{Write: time.Millisecond})
	c := p.dial()
	for {
		if _, err := c.Write(framedQuestion(t, 1, "big.example. TXT")); err != nil {
			break
		}
	}
	p.stop()
	if st := p.s.Stats(); st.Conns.TimedOut != 1 || st.TCP.Unsent != 1 || st.Conns.Open != 0 {
		t.Errorf("stats %+v", st)
	}
}

// bothKinds runs a test for connections in a loop and for those with a goroutine.
func bothKinds(t *testing.T, test func(t *testing.T, portable bool)) {
	t.Run("loop", func(t *testing.T) { test(t, false) })
	t.Run("goroutines", func(t *testing.T) { test(t, true) })
}

// A client that has said all it wanted gets its answers all the same.
func TestHalfClosed(t *testing.T) {
	bothKinds(t, func(t *testing.T, portable bool) {
		p := startTCP(t, TCPOptions{}, portable)
		c := p.dial()
		if _, err := c.Write(framedQuestion(t, 5, "ns.example. A")); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if m, err := receive(c); err != nil || m.Id != 5 {
			t.Errorf("%v %v", err, m)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("then %v", err)
		}
	})
}

// The connection that idles longest makes room, never one at work; who leaves gives back his place.
func TestConnectionLimitOverSockets(t *testing.T) {
	bothKinds(t, func(t *testing.T, portable bool) {
		p := startTCP(t, TCPOptions{MaxConns: 3, Idle: time.Hour, Message: time.Hour}, portable)
		working, oldest := p.dial(), p.dial()
		query := framedQuestion(t, 7, "ns.example. A")
		if !p.asks(working, 1) {
			t.Fatal("no answer")
		}
		p.waitIdle(2)
		p.pass(time.Second)
		if !p.asks(oldest, 1) {
			t.Fatal("no answer")
		}
		p.waitIdle(2)
		if _, err := working.Write(query[:5]); err != nil {
			t.Fatal(err)
		}
		p.waitIdle(1)
		p.pass(time.Second)
		p.control = p.dial()
		p.settle()
		p.waitIdle(2)
		newcomer := p.dial()
		if !p.asks(newcomer, 1) {
			t.Error("the newcomer was refused")
		}
		p.wantEOF(oldest)
		if _, err := working.Write(query[5:]); err != nil {
			t.Fatal(err)
		}
		if m, err := receive(working); err != nil || m.Id != 7 {
			t.Errorf("the one at work: %v", err)
		}
		p.settle()
		if st := p.s.Stats().Conns; st.Evicted != 1 || st.Open != 3 {
			t.Errorf("stats %+v", st)
		}
	})
}

// The end of Run's context ends connections that wait, for a query or for the rest of one.
func TestPolledDrain(t *testing.T) {
	p := startPolled(t, TCPOptions{Idle: time.Hour, Message: time.Hour})
	p.control = p.dial()
	partial := p.dial()
	if _, err := partial.Write([]byte{0, 30, 1}); err != nil {
		t.Fatal(err)
	}
	p.settle()
	p.stop()
	p.wantEOF(p.control)
	p.wantEOF(partial)
	if c, err := net.Dial("tcp", p.addr.String()); err == nil {
		_ = c.Close()
		t.Error("somebody listens")
	}
	if st := p.s.Stats().Conns; st.Open != 0 || st.TimedOut != 0 {
		t.Errorf("stats %+v", st)
	}
}

// Answers do not wait for the client's acknowledgement of those before (TCP_NODELAY).
func TestPolledNoDelay(t *testing.T) {
	p := startPolled(t, TCPOptions{})
	if !p.asks(p.dial(), 1) {
		t.Fatal("no answer")
	}
	p.s.tcp.mu.Lock()
	l := p.s.tcp.loops[0]
	p.s.tcp.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	found := false
	for fd, c := range l.table {
		if c == nil {
			continue
		}
		found = true
		if v, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY); err != nil || v != 1 {
			t.Errorf("TCP_NODELAY is %d, %v", v, err)
		}
	}
	if !found {
		t.Error("no connection in the loop")
	}
}

// Without file descriptors those who come wait, the log says so once, and those who are there are answered.
func TestNoDescriptors(t *testing.T) {
	p := startPolled(t, TCPOptions{})
	p.control = p.dial()
	p.settle()
	waiting := make([]net.Conn, 3)
	func() {
		var before syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
		// The clients' sockets are made first: they take descriptors of this process, too.
		fds := make([]int, len(waiting))
		for i := range fds {
			var err error
			if fds[i], err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
				t.Fatal(err)
			}
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: before.Max}); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
				t.Fatal(err)
			}
			for i, fd := range fds {
				waiting[i] = socketConn(t, fd)
			}
		}()
		for _, fd := range fds {
			if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(p.addr.Port()), Addr: [4]byte{127, 0, 0, 1}}); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			p.settle()
			p.pass(acceptPause)
		}
		p.settle()
	}()
	p.pass(acceptPause)
	for i, c := range waiting {
		if !p.asks(c, 1) {
			t.Errorf("connection %d is not answered afterwards", i)
		}
	}
	if got := strings.Count(p.log.String(), "cannot be accepted for now"); got != 1 {
		t.Errorf("logged %d times: %s", got, &p.log)
	}
}

// socketConn is the connection of a socket, which it closes at the end.
func socketConn(t *testing.T, fd int) net.Conn {
	t.Helper()
	c, err := fileConn(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// An idle connection, and one that holds back the rest of its query, costs some hundred octets.
func TestConnectionFootprint(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector needs memory of its own")
	}
	const n = 1000
	for name, test := range map[string]struct {
		send []byte
		want uint64
	}{
		"idle":    {nil, 300},
		"partial": {[]byte{0, 40, 1}, 300 + idleBuffer},
	} {
		t.Run(name, func(t *testing.T) {
			p := startPolled(t, TCPOptions{MaxPerPrefix: n + 1, Idle: time.Hour, Message: time.Hour})
			p.control = p.dial()
			p.settle()
			before := inUse()
			query := framedQuestion(t, 1, "ns.example. A")
			answer := make([]byte, 512)
			for range n {
				// No connection of package net: it would weigh more than the server's end.
				fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = unix.Close(fd) }()
				if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(p.addr.Port()), Addr: [4]byte{127, 0, 0, 1}}); err != nil {
					t.Fatal(err)
				}
				if _, err := unix.Write(fd, query); err != nil {
					t.Fatal(err)
				}
				if n, err := unix.Read(fd, answer); err != nil || n == 0 {
					t.Fatalf("no answer: %v", err)
				}
				if _, err := unix.Write(fd, test.send); err != nil {
					t.Fatal(err)
				}
			}
			p.settle()
			after := inUse()
			if got := (max(after, before) - before) / n; got > test.want {
				t.Errorf("%d octets a connection, want at most %d", got, test.want)
			}
			if st := p.s.Stats().Conns; st.Open != n+1 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

// inUse is what the heap and the stacks hold.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// Many queries in one segment, and queries in two, are answered without an allocation.
func TestPolledDoesNotAllocate(t *testing.T) {
	p := startPolled(t, TCPOptions{})
	c := p.dial()
	query := framedQuestion(t, 1, "ns.example. A")
	many := bytes.Repeat(query, 20)
	one := len(query) + 16
	buf := make([]byte, 20*one)
	for name, segments := range map[string][][]byte{
		"many in one": {many},
		"one in two":  {query[:7], query[7:]},
		"cut":         {many[:3*len(query)+9], many[3*len(query)+9:]},
	} {
		total := 0
		for _, s := range segments {
			total += len(s)
		}
		want := buf[:total/len(query)*one]
		if n := testing.AllocsPerRun(200, func() {
			for _, s := range segments {
				if _, err := c.Write(s); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := io.ReadFull(c, want); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
