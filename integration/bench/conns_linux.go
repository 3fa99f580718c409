package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"

	"golang.org/x/sys/unix"
)

// wire is one connection of the generator: datagrams, or messages in a stream.
type wire interface {
	// put makes m with the ID the i-th of the messages that the next flush sends.
	put(i int, m []byte, id uint16)
	// flush sends the first n messages and returns how many went.
	flush(n int) (int, error)
	// take receives what is there, and returns how many messages; message returns each, until the next take.
	take() (int, error)
	message(i int) []byte
	descriptor() int
	close()
}

func newWire(addr netip.AddrPort, tcp bool) (wire, error) {
	if tcp {
		return newStream(addr)
	}
	fd, err := udpSocket(addr, false)
	if err != nil {
		return nil, err
	}
	return &datagrams{fd: fd, out: newBatch(512, false), in: newBatch(4096, false)}, nil
}

// datagrams is a connected UDP socket.
type datagrams struct {
	fd      int
	out, in *batch
}

func (d *datagrams) put(i int, m []byte, id uint16) {
	b := d.out.bufs[i]
	d.out.setLength(i, copy(b, m))
	b[0], b[1] = byte(id>>8), byte(id)
}

func (d *datagrams) flush(n int) (int, error) {
	k, errno := d.out.send(d.fd, 0, n)
	switch errno {
	case 0, unix.EINTR, unix.EAGAIN, unix.ENOBUFS, unix.ECONNREFUSED:
		return k, nil
	}
	return 0, fmt.Errorf("send: %w", errno)
}

func (d *datagrams) take() (int, error) {
	n, errno := d.in.receive(d.fd, false)
	switch errno {
	case 0, unix.EINTR, unix.EAGAIN, unix.ECONNREFUSED:
		return n, nil
	}
	return 0, fmt.Errorf("receive: %w", errno)
}

func (d *datagrams) message(i int) []byte { return d.in.bufs[i][:d.in.length(i)] }
func (d *datagrams) descriptor() int      { return d.fd }
func (d *datagrams) close()               { unix.Close(d.fd) }

// stream is a TCP connection: messages of one flush go out in one write, each behind its length.
type stream struct {
	fd   int
	out  []byte
	in   []byte // in[:end] was read; messages[i] are in it, and in[next:end] is the beginning of one more
	end  int
	next int
	msgs [][]byte
}

func newStream(addr netip.AddrPort) (*stream, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}); err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &stream{fd: fd, in: make([]byte, 128<<10)}, nil
}

func (s *stream) put(i int, m []byte, id uint16) {
	if i == 0 {
		s.out = s.out[:0]
	}
	s.out = binary.BigEndian.AppendUint16(s.out, uint16(len(m)))
	at := len(s.out)
	s.out = append(s.out, m...)
	s.out[at], s.out[at+1] = byte(id>>8), byte(id)
}

// flush waits where the connection takes no more; the window is so small that this does not happen unless the server has stopped
// reading.
func (s *stream) flush(n int) (int, error) {
	for b := s.out; len(b) > 0; {
		k, err := unix.Write(s.fd, b)
		if err != nil && err != unix.EINTR {
			return 0, fmt.Errorf("send: %w", err)
		}
		b = b[max(k, 0):]
	}
	return n, nil
}

func (s *stream) take() (int, error) {
	s.end = copy(s.in, s.in[s.next:s.end])
	s.next, s.msgs = 0, s.msgs[:0]
	n, _, err := unix.Recvfrom(s.fd, s.in[s.end:], unix.MSG_DONTWAIT)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("receive: %w", err)
	case n == 0:
		return 0, fmt.Errorf("receive: the server closed the connection: %w", io.ErrUnexpectedEOF)
	}
	s.end += n
	for s.end-s.next >= 2 {
		size := int(binary.BigEndian.Uint16(s.in[s.next:]))
		if s.end-s.next-2 < size {
			break
		}
		s.msgs = append(s.msgs, s.in[s.next+2:s.next+2+size])
		s.next += 2 + size
	}
	return len(s.msgs), nil
}

func (s *stream) message(i int) []byte { return s.msgs[i] }
func (s *stream) descriptor() int      { return s.fd }
func (s *stream) close()               { unix.Close(s.fd) }
