package main

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Many datagrams a system call. All that is unsafe is in this file. A batch's buffers, vectors and headers are
// made once and point at each other, and belong to one thread. They lie in the heap, which does not move, and the batch keeps
// them alive; the kernel writes to them during the call alone.

// batchSize is how many datagrams one call sends or takes.
const batchSize = 32

// mmsghdr is struct mmsghdr of 64-bit Linux.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   uint32
}

// batch is a set of datagrams and the headers that describe them.
type batch struct {
	bufs  [batchSize][]byte
	hdrs  [batchSize]mmsghdr
	iovs  [batchSize]unix.Iovec
	peers [batchSize]unix.RawSockaddrInet4 // where addresses are wanted
}

// newBatch makes buffers of size bytes. With peers, senders' addresses are kept, and answers go back there.
func newBatch(size int, peers bool) *batch {
	b := new(batch)
	room := make([]byte, batchSize*size)
	for i := range b.bufs {
		b.bufs[i] = room[i*size : (i+1)*size : (i+1)*size]
		b.iovs[i].Base = &b.bufs[i][0]
		b.hdrs[i].hdr.Iov = &b.iovs[i]
		b.hdrs[i].hdr.SetIovlen(1)
		if peers {
			b.hdrs[i].hdr.Name = (*byte)(unsafe.Pointer(&b.peers[i]))
		}
	}
	return b
}

// receive takes up to batchSize datagrams; message i is bufs[i][:length(i)]. Without wait it returns 0 and EAGAIN
// where there is none, else it waits for the first.
func (b *batch) receive(fd int, wait bool) (int, unix.Errno) {
	for i := range b.iovs {
		b.iovs[i].SetLen(len(b.bufs[i]))
		if b.hdrs[i].hdr.Name != nil {
			b.hdrs[i].hdr.Namelen = unix.SizeofSockaddrInet4
		}
	}
	// A call that cannot wait need not be announced to Go's scheduler.
	call, flags := unix.RawSyscall6, uintptr(unix.MSG_DONTWAIT)
	if wait {
		call, flags = unix.Syscall6, unix.MSG_WAITFORONE
	}
	n, _, errno := call(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.hdrs[0])), batchSize, flags, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

func (b *batch) length(i int) int { return int(b.hdrs[i].len) }

// setLength says how many bytes of buffer i go out.
func (b *batch) setLength(i, n int) { b.iovs[i].SetLen(n) }

// send sends datagrams from:to and returns how many the kernel took.
func (b *batch) send(fd, from, to int) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.hdrs[from])), uintptr(to-from), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// udpSocket makes a socket with large buffers, connected to addr, or bound to it.
func udpSocket(addr netip.AddrPort, bind bool) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	const room = 4 << 20
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room) // as much of it as the system allows
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, room)
	sa := &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	if bind {
		err = unix.Bind(fd, sa)
	} else {
		err = unix.Connect(fd, sa)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
