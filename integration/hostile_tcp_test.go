package integration

import (
	bin "encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// dial opens a connection that hangs at most as long as anything may.
func (h *hostile) dial() (*net.TCPConn, error) {
	h.connections.Add(1)
	conn, err := net.DialTimeout("tcp", h.addr, patience)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), conn.SetDeadline(time.Now().Add(patience))
}

// overTCP sends packets, up to some dozens a connection, in frames that are cut in every way, and ends connections in all the ways
// there are. What is due before the first that cannot be answered has to come.
func (h *hostile) overTCP(m *mangler, packets int) {
	for left := packets; left > 0 && !h.t.Failed(); {
		due := make(map[uint16][]byte)
		var out []byte
		ended := false
		sent := 0
		for k := min(left, 1+m.IntN(60)); sent < k && !ended; sent++ {
			p := m.packet(dns.MaxMsgSize)
			if len(p) >= 2 {
				bin.BigEndian.PutUint16(p, uint16(sent))
			}
			out = frame(out, p)
			if ended = !answerable(p); !ended {
				due[uint16(sent)] = p
			}
		}
		left -= sent
		h.packets.Add(int64(sent))
		if !ended && m.IntN(6) == 0 { // a length that is not true, and something behind it
			out = bin.BigEndian.AppendUint16(out, pick(m.Rand, []uint16{0, 1, 2, 11, 12, 65535, m.number()}))
			torn := m.octets(m.IntN(11))
			if int(bin.BigEndian.Uint16(out[len(out)-2:])) <= len(torn) {
				torn = nil // whole it might be, or the start of what follows
			}
			out = append(out, torn...)
		}
		if err := h.connection(m, out, due); err != nil {
			h.t.Error(err)
		}
		if m.IntN(20) == 0 {
			h.good(m.IntN(100))
		}
	}
}

// connection writes to a connection of its own and takes what is due.
func (h *hostile) connection(m *mangler, out []byte, due map[uint16][]byte) error {
	conn, err := h.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	end := m.IntN(16)
	if end == 0 {
		out = out[:m.IntN(len(out)+1)] // and then the client is gone
	}
	for _, part := range m.parts(out) {
		if _, err := conn.Write(part); err != nil {
			break // the server has hung up already
		}
	}
	switch end {
	case 0, 1: // reset, with answers on their way
		return conn.SetLinger(0)
	case 2: // closed without a look
		return nil
	}
	if end > 8 {
		_ = conn.CloseWrite() // where the server has hung up, there is nothing left to close
	} else if len(due) == 0 {
		return nil
	}
	for {
		got, err := readFrame(conn)
		switch {
		case err != nil && len(due) > 0:
			return fmt.Errorf("%d replies are missing, %w: %x", len(due), err, out)
		case err != nil && errors.Is(err, io.EOF), err != nil && end <= 8:
			return nil
		case err != nil:
			return fmt.Errorf("the connection's end: %w: %x", err, out)
		case len(got) < 2:
			return fmt.Errorf("a reply of %d octets", len(got))
		}
		id := bin.BigEndian.Uint16(got)
		p, ok := due[id]
		if !ok {
			return fmt.Errorf("a reply that is not due, or a second one: %x", got)
		}
		delete(due, id)
		h.note(p, got, false)
		if len(due) == 0 && end <= 8 {
			return nil
		}
	}
}

// parts cuts what is to be written: not at all, somewhere, or behind each octet.
func (m *mangler) parts(b []byte) (parts [][]byte) {
	switch n := m.IntN(8); {
	case n == 0 && len(b) < 400:
		return slices.Collect(slices.Chunk(b, 1))
	case n < 3:
		for len(b) > 0 && len(parts) < 20 {
			at := 1 + m.IntN(len(b))
			parts, b = append(parts, b[:at]), b[at:]
		}
	}
	if len(b) > 0 {
		parts = append(parts, b)
	}
	return parts
}

// good asks a good question over a connection of its own.
func (h *hostile) good(number int) {
	h.probes.Add(1)
	conn, err := h.dial()
	if err != nil {
		h.t.Error(err)
		return
	}
	defer conn.Close()
	if err := h.askOn(conn, number); err != nil {
		h.t.Error(err)
	}
}

func (h *hostile) askOn(conn net.Conn, number int) error {
	if _, err := conn.Write(frame(nil, goodWire(h.t, number, 1))); err != nil {
		return err
	}
	got, err := readFrame(conn)
	if err != nil {
		return err
	}
	if fault := goodFault(number, got); fault != "" {
		return errors.New(fault)
	}
	return nil
}
