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
type tcpServer struct {
	server   *Server
	opts     TCPOptions
	counters [8]counters // a connection takes the one of its number, so that few share one
	borrowed sync.Pool   // of *tcpWorker

	accepted, refused, evicted, timedOut atomic.Uint64

	mu       sync.Mutex
	conns    map[*tcpConn]struct{}
	prefixes map[netip.Prefix]int
	draining bool
	gone     sync.WaitGroup // connections
}

func newTCPServer(s *Server) *tcpServer {
	t := &tcpServer{
		server:   s,
		opts:     s.opts.TCP,
		conns:    make(map[*tcpConn]struct{}),
		prefixes: make(map[netip.Prefix]int),
	}
	t.borrowed.New = func() any { return newTCPWorker(s.policy) }
	return t
}

// acceptPause is how long to wait when a connection cannot be accepted: file descriptors come back.
const acceptPause = 50 * time.Millisecond

// accept takes connections until ctx ends, then has the connections drained and returns when the last is gone.
func (t *tcpServer) accept(ctx context.Context, l *net.TCPListener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.SetDeadline(time.Unix(1, 0)) })
	defer stop()
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
				t.server.log.Warn("TCP connections cannot be accepted for now", "listen", l.Addr().String(), "error", err)
				complained = true
			}
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
		}
	}
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
		c.serve(ctx)
	}()
}

// prefixOf is what counts as one client.
func prefixOf(ip netip.Addr) netip.Prefix {
	ip = ip.Unmap().WithZone("")
	bits := 24
	if ip.Is6() {
		bits = 56
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // cannot happen: both families are longer than that
	}
	return p
}

// enter makes room for c, or says that there is none.
func (t *tcpServer) enter(c *tcpConn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draining || t.prefixes[c.prefix] >= t.opts.MaxPerPrefix {
		return false
	}
	if len(t.conns) >= t.opts.MaxConns {
		idlest := t.idlestLocked()
		if idlest == nil {
			return false
		}
		t.evicted.Add(1)
		_ = idlest.conn.Close()
		t.removeLocked(idlest)
	}
	t.conns[c] = struct{}{}
	t.prefixes[c.prefix]++
	t.gone.Add(1)
	return true
}

// idlestLocked returns the connection that has been idle for longest; nil where all are at work.
func (t *tcpServer) idlestLocked() *tcpConn {
	var idlest *tcpConn
	var since int64
	for c := range t.conns {
		if s := c.idleSince.Load(); s != 0 && (idlest == nil || s < since) {
			idlest, since = c, s
		}
	}
	return idlest
}

func (t *tcpServer) removeLocked(c *tcpConn) {
	if _, ok := t.conns[c]; !ok {
		return
	}
	delete(t.conns, c)
	if t.prefixes[c.prefix]--; t.prefixes[c.prefix] == 0 {
		delete(t.prefixes, c.prefix)
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

// drain wakes every connection that waits for a query, and waits for all to end: for Drain at most, then they are cut.
func (t *tcpServer) drain() {
	t.mu.Lock()
	t.draining = true
	for c := range t.conns {
		c.wake()
	}
	t.mu.Unlock()
	cut := time.AfterFunc(t.opts.Drain, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for c := range t.conns {
			_ = c.conn.Close()
		}
	})
	defer cut.Stop()
	t.gone.Wait()
}

func (t *tcpServer) stats() ConnStats {
	t.mu.Lock()
	open := len(t.conns)
	t.mu.Unlock()
	return ConnStats{
		Open:     open,
		Accepted: t.accepted.Load(),
		Refused:  t.refused.Load(),
		Evicted:  t.evicted.Load(),
		TimedOut: t.timedOut.Load(),
	}
}
