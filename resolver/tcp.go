package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// tcpServer holds what the connections of all listeners share: the limits, and who is there.
//
// A connection is served in one of two ways. Where the system has epoll, those that only wait for their next query are
// some hundred octets in a pollLoop (tcppoll_linux.go). Everywhere else, and as soon as a connection has to wait for
// something else (a client that does not take its answers, a hook that works for it), it has a goroutine (tcpconn.go).
type tcpServer struct {
	server   *Server
	opts     TCPOptions
	portable bool        // connections have goroutines from the start, whatever the system can do; for tests
	counters [8]counters // a connection takes the one of its number or of its loop, so that few share one
	borrowed sync.Pool   // of *tcpWorker
	epoch    time.Time   // what since counts from

	accepted, refused, evicted, timedOut atomic.Uint64

	mu        sync.Mutex
	listeners int         // how many take connections
	loops     []*pollLoop // there as long as there are listeners; none where the system lacks them
	open      int         // connections of either kind
	prefixes  map[prefix]int
	conns     map[*tcpConn]struct{} // those with a goroutine
	draining  bool
	cut       bool           // draining took too long
	gone      sync.WaitGroup // connections
}

func newTCPServer(s *Server) *tcpServer {
	t := &tcpServer{
		server:   s,
		opts:     s.opts.TCP,
		epoch:    s.now(),
		conns:    make(map[*tcpConn]struct{}),
		prefixes: make(map[prefix]int),
	}
	t.borrowed.New = func() any { return newTCPWorker(s.policy) }
	return t
}

// since is the time as connections note it: never 0, and not moved by setting the clock.
func (t *tcpServer) since() int64 { return 1 + int64(t.server.now().Sub(t.epoch)) }

// acceptPause is how long to wait when a connection cannot be accepted: file descriptors come back.
const acceptPause = 50 * time.Millisecond

// accept takes connections until ctx ends, then has the connections drained and returns when the last is gone.
func (t *tcpServer) accept(ctx context.Context, l *net.TCPListener) error {
	loop := t.enlist(ctx)
	defer t.dismiss()
	if loop == nil {
		return t.acceptEach(ctx, l)
	}
	if err := loop.listen(l); err != nil {
		return fmt.Errorf("accept on %s: %w", l.Addr(), err)
	}
	<-ctx.Done()
	t.drain()
	return nil
}

// acceptEach is accept where each connection gets a goroutine.
func (t *tcpServer) acceptEach(ctx context.Context, l *net.TCPListener) error {
	defer whenDone(ctx, func() { _ = l.SetDeadline(time.Unix(1, 0)) })()
	complained := false
	for {
		conn, err := l.AcceptTCP()
		switch {
		case err == nil:
			complained = false
			t.admit(ctx, conn)
		case ctx.Err() != nil:
			_ = l.Close() // refuse newcomers while the others are drained
			t.drain()
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		default:
			if !complained {
				t.complain(l.Addr().String(), err)
				complained = true
			}
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
		}
	}
}

// complain says that nobody gets in; once, until somebody did.
func (t *tcpServer) complain(listen string, err error) {
	t.server.log.Warn("TCP connections cannot be accepted for now", "listen", listen, "error", err)
}

// enlist counts a listener and returns the loop that is to have it. The first one starts the loops.
func (t *tcpServer) enlist(ctx context.Context) *pollLoop {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.listeners++
	if t.portable {
		return nil
	}
	if t.listeners == 1 {
		loops, err := newPollLoops(t, t.server.opts.Workers)
		if err != nil {
			t.server.log.Warn("each TCP connection gets a goroutine: the system has no epoll for us", "error", err)
			return nil
		}
		for _, l := range loops {
			go l.run(ctx)
		}
		t.loops = loops
	}
	if len(t.loops) == 0 {
		return nil
	}
	return t.loops[t.listeners%len(t.loops)]
}

// dismiss takes a listener back, and with the last one the loops: no connection is left then.
func (t *tcpServer) dismiss() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.listeners--; t.listeners > 0 {
		return
	}
	for _, l := range t.loops {
		l.stop()
	}
	t.loops = nil
}

// admit serves a connection on a goroutine of its own, unless a limit forbids it.
func (t *tcpServer) admit(ctx context.Context, conn *net.TCPConn) {
	remote, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		_ = conn.Close()
		return
	}
	c := &tcpConn{server: t, conn: conn, client: remote.AddrPort()}
	c.prefix = prefixOf(c.client.Addr())
	number := t.accepted.Add(1)
	c.counters = &t.counters[number%uint64(len(t.counters))]
	if !t.enter(c) {
		t.refused.Add(1)
		_ = conn.Close()
		return
	}
	go func() {
		defer t.leave(c)
		c.serve(ctx, nil, nil)
	}()
}

// prefix is what counts as one client: the first 3 octets of an IPv4 address or the first 7 of an IPv6 address, and behind
// them which of the two.
type prefix [8]byte

func prefixOf(ip netip.Addr) (p prefix) {
	ip = ip.Unmap()
	if ip.Is4() {
		a := ip.As4()
		copy(p[:3], a[:])
		p[7] = 4
		return p
	}
	a := ip.As16()
	copy(p[:7], a[:])
	p[7] = 6
	return p
}

// reserve makes room for one connection in a loop, or says that there is none. The loop is the next in turn, so that each
// has its share of those that stay.
func (t *tcpServer) reserve(p prefix) (*pollLoop, bool) {
	number := t.accepted.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.loops) == 0 || !t.reserveLocked(p) {
		t.refused.Add(1)
		return nil, false
	}
	return t.loops[number%uint64(len(t.loops))], true
}

func (t *tcpServer) reserveLocked(p prefix) bool {
	if t.draining || t.prefixes[p] >= t.opts.MaxPerPrefix {
		return false
	}
	if t.open >= t.opts.MaxConns && !t.evictLocked() {
		return false
	}
	t.open++
	t.prefixes[p]++
	t.gone.Add(1)
	return true
}

// freeLocked gives a place back; t.gone hears of it when the connection is done.
func (t *tcpServer) freeLocked(p prefix) {
	t.open--
	if t.prefixes[p]--; t.prefixes[p] == 0 {
		delete(t.prefixes, p)
	}
}

// release gives back the place of a connection that is closed.
func (t *tcpServer) release(p prefix) {
	t.mu.Lock()
	t.freeLocked(p)
	t.mu.Unlock()
	t.gone.Done()
}

// enter makes room for c, or says that there is none.
func (t *tcpServer) enter(c *tcpConn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.reserveLocked(c.prefix) {
		return false
	}
	t.conns[c] = struct{}{}
	return true
}

// adopt notes that a connection that had its place in a loop has a goroutine now.
func (t *tcpServer) adopt(c *tcpConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns[c] = struct{}{}
	if t.draining {
		c.wake()
	}
	if t.cut {
		_ = c.conn.Close()
	}
}

// leave forgets a connection that is done.
func (t *tcpServer) leave(c *tcpConn) {
	_ = c.conn.Close()
	t.mu.Lock()
	t.removeLocked(c)
	t.mu.Unlock()
	t.gone.Done()
}

func (t *tcpServer) removeLocked(c *tcpConn) {
	if _, ok := t.conns[c]; ok {
		delete(t.conns, c)
		t.freeLocked(c.prefix)
	}
}

// evictLocked closes the connection that has been idle for longest, of whichever kind; false where all are at work.
func (t *tcpServer) evictLocked() bool {
	for {
		loop, since := t.idlestLoopLocked()
		if c := t.idlestConnLocked(since); c != nil {
			_ = c.conn.Close()
			t.removeLocked(c)
			t.evicted.Add(1)
			return true
		}
		if loop == nil {
			return false
		}
		if p, ok := loop.evict(); ok {
			t.freeLocked(p)
			t.gone.Done()
			t.evicted.Add(1)
			return true
		} // else it has just got something to do: look again
	}
}

// idlestLoopLocked returns the loop with the connection that has been idle for longest, and since when; 0 for none.
func (t *tcpServer) idlestLoopLocked() (loop *pollLoop, since int64) {
	for _, l := range t.loops {
		if s := l.idlest(); s != 0 && (since == 0 || s < since) {
			loop, since = l, s
		}
	}
	return loop, since
}

// idlestConnLocked returns the connection with a goroutine that has been idle for longest, if that is since before the
// given time; 0 is any.
func (t *tcpServer) idlestConnLocked(before int64) (idlest *tcpConn) {
	for c := range t.conns {
		if s := c.idleSince.Load(); s != 0 && (before == 0 || s < before) {
			idlest, before = c, s
		}
	}
	return idlest
}

// drain wakes every connection that waits for a query, and waits for all to end: for Drain at most, then they are cut.
func (t *tcpServer) drain() {
	t.mu.Lock()
	t.draining = true
	for _, l := range t.loops {
		l.drain()
	}
	for c := range t.conns {
		c.wake()
	}
	t.mu.Unlock()
	cut := time.AfterFunc(t.opts.Drain, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.cut = true
		for c := range t.conns {
			_ = c.conn.Close()
		}
	})
	defer cut.Stop()
	t.gone.Wait()
}

func (t *tcpServer) stats() ConnStats {
	t.mu.Lock()
	open := t.open
	t.mu.Unlock()
	return ConnStats{
		Open:     open,
		Accepted: t.accepted.Load(),
		Refused:  t.refused.Load(),
		Evicted:  t.evicted.Load(),
		TimedOut: t.timedOut.Load(),
	}
}
