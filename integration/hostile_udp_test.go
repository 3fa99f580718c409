package integration

import (
	bin "encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"
)

// probeID is of the good question among packets.
const probeID = 0xfffe

// overUDP sends packets, a good question behind some of them, and sees that what is due comes, and nothing else.
func (h *hostile) overUDP(m *mangler, packets int) {
	const batch = 24
	buf := make([]byte, 1<<16)
	for first := 0; first < packets && !h.t.Failed(); first += batch {
		n := min(batch, packets-first)
		waiting := make(map[uint16][]byte)
		var sent [][]byte
		for i := range n {
			p := m.packet(60_000)
			if len(p) >= 2 {
				bin.BigEndian.PutUint16(p, uint16(i))
			}
			if sent = append(sent, p); answerable(p) {
				waiting[uint16(i)] = p
			}
		}
		h.packets.Add(int64(n))
		number := first / batch
		waiting[probeID] = goodWire(h.t, number, probeID)
		h.probes.Add(1)
		sent = append(sent, waiting[probeID])
		for try := 0; len(waiting) > 0; try++ {
			if try == askTries {
				for _, p := range waiting {
					h.t.Errorf("no reply to %x", p)
				}
				return
			}
			if try > 0 { // lost on the way: a socket is only so deep
				sent = sent[:0]
				for _, p := range waiting {
					sent = append(sent, p)
				}
			}
			if err := h.batch(sent, waiting, buf, number); err != nil {
				h.t.Error(err)
				return
			}
		}
	}
}

// batch sends packets from a socket of their own and takes the replies to those that wait, until all are there or none comes.
func (h *hostile) batch(sent [][]byte, waiting map[uint16][]byte, buf []byte, number int) error {
	conn, err := net.Dial("udp", h.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, p := range sent {
		if _, err := conn.Write(p); err != nil {
			return err
		}
	}
	for len(waiting) > 0 {
		got, err := receive(conn, buf, silence)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(got) < 2 {
			return fmt.Errorf("a reply of %d octets", len(got))
		}
		id := bin.BigEndian.Uint16(got)
		p, ok := waiting[id]
		if !ok {
			return fmt.Errorf("a reply that is not due, or a second one: %x", got)
		}
		delete(waiting, id)
		if id != probeID {
			h.note(p, got, true)
		} else if fault := goodFault(number, got); fault != "" {
			return errors.New(fault)
		}
	}
	return nil
}

// roundTrip sends a good question until it is answered, a few times at most, and hands other packets to before. It returns the
// answer, in buf, or nil, and how often it has sent the question.
func roundTrip(t *testing.T, conn net.Conn, wire, buf []byte, before func([]byte)) (answer []byte, sent int) {
	t.Helper()
	for sent < 5 {
		sent++
		if _, err := conn.Write(wire); err != nil {
			t.Fatal(err)
		}
		for {
			got, err := receive(conn, buf, 10*time.Second)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break // lost
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got) >= 2 && [2]byte(got) == [2]byte(wire) {
				return got, sent
			}
			before(got)
		}
	}
	return nil, sent
}
