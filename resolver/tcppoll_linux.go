package resolver

import (
	"context"
	"math"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pollLoop serves connections that wait for their next query: a descriptor and some hundred octets each, no goroutine,
// no timer and no buffer. It waits for all of them at once (epoll, level-triggered), and each that has something to say
// has its turn: one read, the answers, one write. Read and answer buffers are the loop's own.
//
// A thousand idle connections cost what one costs with a goroutine, and a turn costs two system calls less: there is no
// read that finds nothing, and no deadline to set. Deadlines are two lists, because both limits are the same for every
// connection: who came to a list first is the first to run out of time.
//
// A connection is in the table from when it is admitted until it is closed; who takes it from there, closes it. The
// table and the list of the idle ones are under mu: who accepts adds to them, and evicts from them when the server is
// full. All else about a connection belongs to the loop's goroutine.
type pollLoop struct {
	server   *tcpServer
	counters *counters
	epoll    int
	wakeup   int           // an eventfd
	done     chan struct{} // closed when the goroutine has ended

	mu        sync.Mutex
	table     []*pollConn // by file descriptor
	idle      connList    // wait for their next query, longest first
	listeners []*pollListener
	draining  bool
	stopping  bool

	late    connList // their time is up
	partial connList // parts of a message are there, oldest message first
	work    *tcpWorker
	current *pollConn // whose turn it is
	events  [64]unix.EpollEvent
	busy    []*pollConn     // those that have something to say
	callers []*pollListener // those where somebody waits
	paused  []*pollListener
	in      [pipelineBuffer]byte
	spare   [][]byte // buffers of idleBuffer octets
}

// pollConn is a connection in a loop.
type pollConn struct {
	fd         int
	addr       netip.Addr
	list       *connList // where it waits; nil while it is the loop's alone
	prev, next *pollConn
	since      int64  // of its place in the list, as tcpServer.since
	had        []byte // what was read of a message
	room       []byte // where had lies; nil without it
}

// connList is a list of connections in the order of since.
type connList struct{ first, last *pollConn }

func (l *connList) push(c *pollConn, since int64) {
	c.list, c.prev, c.next, c.since = l, l.last, nil, since
	if l.last == nil {
		l.first = c
	} else {
		l.last.next = c
	}
	l.last = c
}

func (l *connList) remove(c *pollConn) {
	if c.prev == nil {
		l.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		l.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.list, c.prev, c.next = nil, nil, nil
}

// newPollLoops returns n loops that are not running.
func newPollLoops(t *tcpServer, n int) (loops []*pollLoop, err error) {
	for i := range n {
		l, err := newPollLoop(t, &t.counters[i%len(t.counters)])
		if err != nil {
			for _, l := range loops {
				l.closeDescriptors()
			}
			return nil, err
		}
		loops = append(loops, l)
	}
	return loops, nil
}

func newPollLoop(t *tcpServer, n *counters) (*pollLoop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	l := &pollLoop{server: t, counters: n, epoll: epoll, wakeup: -1, done: make(chan struct{}), work: newTCPWorker(t.server.policy)}
	l.wakeup, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		err = l.watch(l.wakeup)
	}
	if err != nil {
		l.closeDescriptors()
		return nil, os.NewSyscallError("eventfd", err)
	}
	return l, nil
}

func (l *pollLoop) watch(fd int) error {
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

func (l *pollLoop) closeDescriptors() {
	_ = unix.Close(l.epoll)
	if l.wakeup >= 0 {
		_ = unix.Close(l.wakeup)
	}
}

// wake ends the loop's wait.
func (l *pollLoop) wake() {
	one := [8]byte{7: 1, 0: 1}          // not 0 in either order of octets
	_, _ = unix.Write(l.wakeup, one[:]) // fails when it was woken already
}

// stop ends the loop; it has no connections any more.
func (l *pollLoop) stop() {
	l.mu.Lock()
	l.stopping = true
	l.mu.Unlock()
	l.wake()
	<-l.done
}

// drain has the loop end listening, and close every connection when it has answered what it read.
func (l *pollLoop) drain() {
	l.mu.Lock()
	l.draining = true
	l.mu.Unlock()
	l.wake()
}

// add takes a connection with a place; false when none is taken any more.
func (l *pollLoop) add(fd int, addr netip.Addr) bool {
	c := &pollConn{fd: fd, addr: addr}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining || l.watch(fd) != nil {
		return false
	}
	for fd >= len(l.table) {
		l.table = append(l.table, nil)
	}
	l.table[fd] = c
	l.idle.push(c, l.server.since())
	return true
}

// idlest says since when the longest idle connection is; 0 where none is.
func (l *pollLoop) idlest() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.idle.first == nil {
		return 0
	}
	return l.idle.first.since
}

// evict closes the longest idle connection, and returns whose place is free now.
func (l *pollLoop) evict() (p prefix, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.idle.first
	if c == nil {
		return prefix{}, false
	}
	l.idle.remove(c)
	l.table[c.fd] = nil
	_ = unix.Close(c.fd)
	return prefixOf(c.addr), true
}

// run serves until stop.
func (l *pollLoop) run(ctx context.Context) {
	defer close(l.done)
	defer l.closeDescriptors()
	complained := false
	for wait := 0; ; {
		n, err := l.poll(wait)
		if err != nil {
			if !complained {
				l.server.server.log.Warn("TCP connections cannot be waited for", "error", err)
				complained = true
			}
			time.Sleep(acceptPause)
			continue
		}
		l.take(n)
		for i, c := range l.busy {
			l.turn(ctx, c)
			l.busy[i] = nil
		}
		for _, ln := range l.callers {
			l.accept(ln)
		}
		var stopping bool
		if wait, stopping = l.expire(); stopping {
			return
		}
	}
}

// poll waits for connections that have something to say, wait milliseconds at most.
func (l *pollLoop) poll(wait int) (n int, err error) {
	n, err = unix.EpollWait(l.epoll, l.events[:], wait)
	if err == unix.EINTR {
		return 0, nil
	}
	return n, err
}

// take finds out whom n events are about, and takes the connections from the idle ones: whose turn it is cannot be
// evicted.
func (l *pollLoop) take(n int) {
	l.busy, l.callers = l.busy[:0], l.callers[:0]
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.events[:n] {
		fd := int(l.events[i].Fd)
		switch c := l.connLocked(fd); {
		case c != nil:
			if c.list == &l.idle {
				l.idle.remove(c)
			} // else a part of a message is there, and its time runs on
			l.busy = append(l.busy, c)
		case fd == l.wakeup:
			var b [8]byte
			_, _ = unix.Read(fd, b[:])
		default:
			for _, ln := range l.listeners {
				if ln.fd == fd {
					l.callers = append(l.callers, ln)
				}
			} // else it was evicted meanwhile
		}
	}
}

// connLocked returns the connection of a descriptor, nil for none.
func (l *pollLoop) connLocked(fd int) *pollConn {
	if fd >= len(l.table) {
		return nil
	}
	return l.table[fd]
}

// turn reads from a connection once, and answers. Level-triggered: what it leaves unread gives it another turn.
func (l *pollLoop) turn(ctx context.Context, c *pollConn) {
	// A few octets of a message go in front of what comes; a larger part has a buffer for all of the message.
	buf, have := l.in[:], len(c.had)
	if have <= idleBuffer {
		copy(buf, c.had)
	} else {
		buf = c.room
	}
	n, err := unix.Read(c.fd, buf[have:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		l.keep(c, c.had, false)
		return
	case err != nil || n == 0:
		l.close(c)
		return
	}
	buf = buf[:have+n]
	l.current = c
	used, v := l.work.answerAll(ctx, l.server.server, l, l.counters, buf)
	l.current = nil
	switch v {
	case goOn:
		l.keep(c, buf[used:], have == 0 || used > 0)
	case hangUp:
		l.close(c)
	case moveOut:
		l.moveOut(ctx, c, append([]byte(nil), l.work.out...), append([]byte(nil), buf[used:]...))
	}
	l.work.out = l.work.room[:0]
}

// keep lets a connection wait: for its next query, or for the rest of a message of which had is there. started: the
// message has begun with this turn.
func (l *pollLoop) keep(c *pollConn, had []byte, started bool) {
	l.store(c, had)
	if c.list != nil && (started || len(had) == 0) {
		l.partial.remove(c)
	}
	switch {
	case len(had) == 0:
		l.mu.Lock()
		l.idle.push(c, l.server.since())
		l.mu.Unlock()
	case c.list == nil:
		l.partial.push(c, l.server.since())
	}
}

// store copies had to the connection's own buffer, which it has no longer than it needs it.
func (l *pollLoop) store(c *pollConn, had []byte) {
	if len(had) == 0 {
		if len(c.room) == idleBuffer && len(l.spare) < len(l.events) {
			l.spare = append(l.spare, c.room)
		}
		c.had, c.room = nil, nil
		return
	}
	if c.room == nil && len(l.spare) > 0 {
		c.room, l.spare = l.spare[len(l.spare)-1], l.spare[:len(l.spare)-1]
	}
	if len(c.room) < len(had) || len(c.room) > idleBuffer && len(had) < idleBuffer {
		c.room = make([]byte, max(idleBuffer, len(had)))
	}
	n := copy(c.room, had)
	c.room = grow(c.room, n)
	c.had = c.room[:n]
}

// addr is that of the client whose turn it is.
func (l *pollLoop) addr() netip.Addr { return l.current.addr }

// flush writes what waits, as much as the system takes.
func (l *pollLoop) flush(w *tcpWorker) sequel {
	for len(w.out) > 0 {
		n, err := unix.Write(l.current.fd, w.out)
		switch err {
		case nil:
			w.out = w.out[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			return moveOut
		default:
			l.counters.unsent.Add(1)
			w.out = w.room[:0]
			return hangUp
		}
	}
	w.out = w.room[:0]
	return goOn
}

// rare leaves the message to a goroutine: whoever answers it may take long.
func (l *pollLoop) rare(context.Context, *tcpWorker, []byte, []byte) sequel { return moveOut }

// forget takes a connection that is not among the idle ones from the table.
func (l *pollLoop) forget(c *pollConn) {
	if c.list != nil {
		l.partial.remove(c)
	}
	l.store(c, nil)
	l.mu.Lock()
	l.table[c.fd] = nil
	l.mu.Unlock()
}

func (l *pollLoop) close(c *pollConn) {
	l.forget(c)
	_ = unix.Close(c.fd)
	l.server.release(prefixOf(c.addr))
}

// moveOut gives a connection a goroutine, and with it the answers that are due and what was read and not answered.
func (l *pollLoop) moveOut(ctx context.Context, c *pollConn, due, had []byte) {
	l.forget(c)
	// The copy that net makes is the same connection to epoll, which would go on telling of it.
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, c.fd, nil)
	conn, err := fileConn(c.fd)
	if err != nil {
		l.server.server.log.Warn("a TCP connection is cut off: it cannot be waited for", "error", err)
		l.server.release(prefixOf(c.addr))
		return
	}
	moved := &tcpConn{server: l.server, conn: conn, prefix: prefixOf(c.addr), counters: l.counters}
	if c, ok := conn.(*net.TCPConn); ok {
		_ = c.SetKeepAlive(false) // as it was; fails for a client that is gone
		moved.client = c.RemoteAddr().(*net.TCPAddr).AddrPort()
	}
	l.server.adopt(moved)
	go func() {
		defer l.server.leave(moved)
		moved.serve(ctx, due, had)
	}()
}

// fileConn makes a connection of package net of a socket, which belongs to it.
func fileConn(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "tcp")
	defer func() { _ = f.Close() }() // the connection has a copy
	return net.FileConn(f)
}

// expire closes the connections whose time is up, all of them in a drain. It returns for how many milliseconds there
// is nothing to do, and whether the loop is to end.
func (l *pollLoop) expire() (wait int, stopping bool) {
	now := l.server.since()
	idle, message := now-int64(l.server.opts.Idle), now-int64(l.server.opts.Message)
	late := &l.late
	l.mu.Lock()
	for c := l.idle.first; c != nil && (l.draining || c.since <= idle); c = l.idle.first {
		l.idle.remove(c)
		late.push(c, c.since)
	}
	// Who is added after this has all of Idle before it.
	next := now
	if c := l.idle.first; c != nil {
		next = c.since
	}
	draining, stopping := l.draining, l.stopping
	if draining {
		l.closeListenersLocked()
	}
	l.mu.Unlock()

	for c := l.partial.first; c != nil && (draining || c.since <= message); c = l.partial.first {
		l.partial.remove(c)
		late.push(c, c.since)
	}
	for c := late.first; c != nil; c = late.first {
		late.remove(c)
		if !draining {
			l.server.timedOut.Add(1)
		}
		l.close(c)
	}
	d := next - idle
	if c := l.partial.first; c != nil {
		d = min(d, c.since-message)
	}
	d = l.resume(now, d)
	return int(min((d+int64(time.Millisecond)-1)/int64(time.Millisecond), math.MaxInt32)), stopping
}
