package resolver

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This file is all there is of unsafe in this package: recvmmsg(2) and sendmmsg(2), which take and send many datagrams
// with one system call, and the structures that they read and write. What it relies on:
//   - The memory that the kernel is pointed at is allocated once, on the heap, where nothing is ever moved, and it is
//     reachable for as long as the mmsg is, since the structures hold pointers and no numbers made of them.
//   - Numbers are made of pointers in the argument list of the system call alone, which keeps what they point at alive.
//   - The kernel writes during the call only, and never more than a structure says: each buffer is as long as its iovec
//     and its control length say, and both are set by this file.
//   - An mmsg belongs to one goroutine.

// mmsghdr is the struct of that name, of which unix has none: its trailing padding is what Go gives it as well.
type mmsghdr struct {
	unix.Msghdr
	octets uint32 // received or sent
}

// sockaddr holds an address as the kernel has it, of either family; 28 octets are used.
type sockaddr [32]byte

const (
	sockaddrLen  = unix.SizeofSockaddrInet6
	sockaddrPort = 2 // where the port is, in network order; the family is before it, in the machine's
)

// mmsg is a batch of datagrams and the batch of their answers.
//
// Each datagram has a slot in one piece of memory: the room for an answer, then the datagram. So the two pieces that are
// used of most slots, a hundred octets each, lie close together, and those of the many slots are spread over
// all sets of the first cache: slots of a power of two would all fight for the same few.
type mmsg struct {
	slots    []byte
	stride   int
	room     int // for an answer
	in, out  []mmsghdr
	from     []sockaddr
	control  []byte // controlLen for each datagram; empty without control messages
	received int    // datagrams of the last receive
	replies  int    // answers since
}

// newMmsg makes a batch of n datagrams of up to size octets and of answers of up to room octets.
func newMmsg(n, size, room int, control bool) *mmsg {
	m := &mmsg{room: room, in: make([]mmsghdr, n), out: make([]mmsghdr, n), from: make([]sockaddr, n)}
	m.stride = (room+size+63)&^63 | 64 // an odd number of cache lines
	m.slots = make([]byte, n*m.stride)
	if control {
		m.control = make([]byte, n*controlLen)
	}
	vecs := make([]unix.Iovec, 2*n)
	for i := range n {
		slot := m.slots[i*m.stride:]
		vecs[2*i].Base = &slot[room]
		vecs[2*i].SetLen(size)
		vecs[2*i+1].Base = &slot[0]
		m.in[i].Iov, m.out[i].Iov = &vecs[2*i], &vecs[2*i+1]
		m.in[i].SetIovlen(1)
		m.out[i].SetIovlen(1)
		m.in[i].Name = &m.from[i][0]
	}
	m.received = n
	m.reset()
	return m
}

// reset gives the datagrams that were received their room back: the kernel has written how much of it was used.
func (m *mmsg) reset() {
	for i := range m.in[:m.received] {
		h := &m.in[i]
		h.Namelen = sockaddrLen
		if m.control != nil {
			h.Control = &m.control[i*controlLen]
			h.SetControllen(controlLen)
		}
	}
	m.received, m.replies = 0, 0
}

// receive waits for datagrams and takes as many as there are and fit.
func (m *mmsg) receive(fd uintptr) error {
	m.reset()
	// Most often under load there is something: the raw call, which cannot block, costs the scheduler nothing. The one that
	// may block tells the scheduler.
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&m.in[0])), uintptr(len(m.in)), unix.MSG_DONTWAIT, 0, 0)
	if errno == unix.EAGAIN {
		n, _, errno = unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&m.in[0])), uintptr(len(m.in)), unix.MSG_WAITFORONE, 0, 0)
	}
	if errno != 0 {
		return errno
	}
	m.received = int(n)
	return nil
}

// isShutdown says that datagram i is none: what a socket that was shut down returns instead of waiting has no sender.
func (m *mmsg) isShutdown(i int) bool { return m.in[i].octets == 0 && m.in[i].Namelen == 0 }

// query returns datagram i, or as much of it as there is room for.
func (m *mmsg) query(i int) []byte {
	n := int(m.in[i].octets)
	at := i*m.stride + m.room
	return m.slots[at : at+n : at+n]
}

// port returns the port that datagram i came from.
func (m *mmsg) port(i int) uint16 { return binary.BigEndian.Uint16(m.from[i][sockaddrPort:]) }

// client returns the address that datagram i came from.
func (m *mmsg) client(i int) netip.AddrPort {
	ip := m.addr(i)
	if scope := binary.NativeEndian.Uint32(m.from[i][24:]); ip.Is6() && scope != 0 {
		ip = ip.WithZone(zoneName(int(scope)))
	}
	return netip.AddrPortFrom(ip, m.port(i))
}

// addr returns the IP address that datagram i came from, without the zone of a link-local one.
func (m *mmsg) addr(i int) netip.Addr {
	s := &m.from[i]
	if binary.NativeEndian.Uint16(s[:]) != unix.AF_INET6 {
		return netip.AddrFrom4([4]byte(s[4:8]))
	}
	return netip.AddrFrom16([16]byte(s[8:24]))
}

// address returns the IP address that datagram i came from, as limits take it.
func (m *mmsg) address(i int) address {
	s := &m.from[i]
	if binary.NativeEndian.Uint16(s[:]) != unix.AF_INET6 {
		return mapped(binary.BigEndian.Uint32(s[4:]))
	}
	return address{binary.BigEndian.Uint64(s[8:]), binary.BigEndian.Uint64(s[16:])}
}

// zoneName names the interface of a link-local address, as package net does.
func zoneName(index int) string {
	if i, err := net.InterfaceByIndex(index); err == nil {
		return i.Name
	}
	return strconv.Itoa(index)
}

// answer returns the room for the next answer.
func (m *mmsg) answer() []byte {
	at := m.replies * m.stride
	return m.slots[at : at+m.room : at+m.room]
}

// reply sends the first n octets of that room to the sender of datagram i with the next send.
func (m *mmsg) reply(i, n int) {
	h, from := &m.out[m.replies], &m.in[i]
	h.Iov.SetLen(n)
	h.Name, h.Namelen = from.Name, from.Namelen
	if m.control != nil {
		oob := m.turnControl(i)
		h.Control = unsafe.SliceData(oob)
		h.SetControllen(len(oob))
	}
	m.replies++
}

// turnControl makes the control messages of datagram i those of its answer.
func (m *mmsg) turnControl(i int) []byte {
	return turnControl(m.control[i*controlLen:][:m.in[i].Controllen])
}

// returnPath returns a copy of the control messages that lead an answer back to the sender of datagram i.
func (m *mmsg) returnPath(i int) []byte {
	if m.control == nil {
		return nil
	}
	return bytes.Clone(m.turnControl(i))
}

// send sends the replies, and returns how many could not be sent.
func (m *mmsg) send(fd uintptr) (unsent int) {
	for done := 0; done < m.replies; {
		left := uintptr(m.replies - done)
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&m.out[done])), left, unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.EAGAIN {
			n, _, errno = unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&m.out[done])), left, 0, 0, 0)
		}
		switch {
		case errno == 0 && n > 0:
			done += int(n) // what stopped it, if anything did, is returned by the next call
		case errno == unix.EINTR:
		default:
			done++ // this one cannot be sent; the others may
			unsent++
		}
	}
	return unsent
}
