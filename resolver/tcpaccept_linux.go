package resolver

import (
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// pollListener is a listening socket in a loop. The loop that has it accepts for all of them, between its connections'
// turns: a goroutine that only accepts would have to be scheduled for every connection, and costs half of the
// connections a second where the loops keep all cores busy.
type pollListener struct {
	fd         int
	name       string
	complained bool
	resume     int64 // when its pause is over, as tcpServer.since
}

// acceptBatch is how many connections are accepted before those that are there have their turn again.
const acceptBatch = 32

// listen has the loop accept from what tcp listens on. tcp itself is closed: as long as the runtime watched the socket
// it would wake a thread for every connection.
func (l *pollLoop) listen(tcp *net.TCPListener) error {
	control, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	ln := &pollListener{name: tcp.Addr().String()}
	var controlErr error
	err = control.Control(func(fd uintptr) {
		ln.fd, controlErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err != nil {
		return err
	}
	if controlErr != nil {
		return os.NewSyscallError("fcntl", controlErr)
	}
	_ = tcp.Close() // there is a copy
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining {
		return unix.Close(ln.fd)
	}
	if err := l.watch(ln.fd); err != nil {
		_ = unix.Close(ln.fd)
		return os.NewSyscallError("epoll_ctl", err)
	}
	l.listeners = append(l.listeners, ln)
	return nil
}

// accept takes connections that wait at a listener, and gives them to the loops.
func (l *pollLoop) accept(ln *pollListener) {
	for range acceptBatch {
		fd, from, err := unix.Accept4(ln.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			ln.complained = false
			l.server.place(fd, addrOf(from))
		case unix.EAGAIN:
			return
		case unix.EINTR, unix.ECONNABORTED: // gone before we came
		default:
			l.pause(ln, err)
			return
		}
	}
}

// place gives a connection to a loop, or closes it.
func (t *tcpServer) place(fd int, addr netip.Addr) {
	// Not inherited from a listener of MPTCP, which package net makes. It fails for a client that is gone already.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	p := prefixOf(addr)
	loop, ok := t.reserve(p)
	if !ok {
		_ = unix.Close(fd)
		return
	}
	if !loop.add(fd, addr) {
		_ = unix.Close(fd)
		t.refused.Add(1)
		t.release(p)
	}
}

// pause leaves a listener alone for a while: what is short, descriptors most often, comes back.
func (l *pollLoop) pause(ln *pollListener, err error) {
	if !ln.complained {
		l.server.complain(ln.name, os.NewSyscallError("accept4", err))
		ln.complained = true
	}
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, ln.fd, nil)
	ln.resume = l.server.since() + int64(acceptPause)
	l.paused = append(l.paused, ln)
}

// resume watches the listeners again whose pause is over, and returns how long it is until the next one's is; d if that
// is longer.
func (l *pollLoop) resume(now, d int64) int64 {
	paused := l.paused
	l.paused = paused[:0]
	for _, ln := range paused {
		if ln.resume > now {
			l.paused = append(l.paused, ln)
			d = min(d, ln.resume-now)
		} else if err := l.watch(ln.fd); err != nil {
			l.pause(ln, err)
			d = min(d, int64(acceptPause))
		}
	}
	return d
}

// closeListenersLocked ends listening.
func (l *pollLoop) closeListenersLocked() {
	for _, ln := range l.listeners {
		_ = unix.Close(ln.fd)
	}
	l.listeners, l.paused = nil, nil
}

// addrOf is the address of a peer.
func addrOf(sa unix.Sockaddr) netip.Addr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(sa.Addr)
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(sa.Addr)
	}
	return netip.Addr{} // cannot happen: the listener is of one of the two
}
