package integration

import (
	bin "encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/miekg/dns"
)

// abuseTCP does what single clients do to a server over TCP, on purpose or not.
func (h *hostile) abuseTCP() {
	h.t.Helper()
	for _, abuse := range []struct {
		name string
		do   func() error
	}{
		{"hundreds of connections left open", h.leftOpen},
		{"each octet on its own", h.octetwise},
		{"thousands of questions at once", func() error { return h.pipelined(5000, false) }},
		{"questions by a slow reader", func() error { return h.pipelined(20_000, true) }},
		{"questions by one who never reads", h.neverReads},
		{"the longest message", h.longest},
		{"the shortest messages", h.shortest},
	} {
		if err := abuse.do(); err != nil {
			h.t.Errorf("%s: %v", abuse.name, err)
		}
		for i := range goodQuestions {
			h.good(i)
		}
	}
}

// leftOpen opens many connections, says on each nothing, half of something or all of it, and asks beside them.
func (h *hostile) leftOpen() error {
	for i := range 400 {
		conn, err := h.dial()
		if err != nil {
			return err
		}
		defer conn.Close()
		wire := frame(nil, goodWire(h.t, i, 1))
		switch i % 5 {
		case 0:
			err = h.askOn(conn, i)
		case 1: // a length's first octet
			_, err = conn.Write(wire[:1])
		case 2: // half a question
			_, err = conn.Write(wire[:len(wire)/2])
		case 3: // a question, and half of another
			if err = h.askOn(conn, i); err == nil {
				_, err = conn.Write(wire[:len(wire)-1])
			}
		}
		if err != nil {
			return err
		}
		if i%20 == 0 {
			h.good(i)
		}
	}
	return nil
}

// octetwise sends the good questions octet by octet, on one connection.
func (h *hostile) octetwise() error {
	conn, err := h.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	for i := range goodQuestions {
		for _, b := range frame(nil, goodWire(h.t, i, 1)) {
			if _, err := conn.Write([]byte{b}); err != nil {
				return err
			}
		}
		got, err := readFrame(conn)
		if err != nil {
			return err
		}
		if fault := goodFault(i, got); fault != "" {
			return errors.New(fault)
		}
	}
	return nil
}

// pipelined asks all at once and then closes its side; all are answered. A slow reader begins to read when nothing more can
// be written, as long as that takes to find out.
func (h *hostile) pipelined(count int, slow bool) error {
	conn, err := h.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	if slow {
		if err := conn.SetReadBuffer(64 << 10); err != nil { // with less, most of the time goes into TCP's own timers
			return err
		}
	}
	large := query("big.nsec.test.", dns.TypeTXT)
	large.IsEdns0().SetDo()
	var out []byte
	for i := range count {
		if large.Id = uint16(i); slow {
			wire, err := large.Pack()
			if err != nil {
				return err
			}
			out = frame(out, wire)
		} else {
			out = frame(out, goodWire(h.t, i, uint16(i)))
		}
	}
	wrote := make(chan error, 1)
	go func() {
		_, err := conn.Write(out)
		wrote <- errors.Join(err, conn.CloseWrite())
	}()
	if slow {
		for i := range 200 { // others are answered in the meantime
			h.good(i)
		}
	}
	seen := make([]bool, count)
	for range count {
		got, err := readFrame(conn)
		if err != nil {
			return err
		}
		i := int(bin.BigEndian.Uint16(got))
		if i >= count || seen[i] {
			return fmt.Errorf("a reply that is not due: %x", got)
		}
		seen[i] = true
		if slow {
			if r := new(dns.Msg); r.Unpack(got) != nil || len(r.Answer) < 5 || r.Truncated {
				return fmt.Errorf("not the answer: %x", got)
			}
		} else if fault := goodFault(i, got); fault != "" {
			return errors.New(fault)
		}
	}
	if _, err := readFrame(conn); !errors.Is(err, io.EOF) {
		return fmt.Errorf("behind the last reply: %w, want the end", err)
	}
	return <-wrote
}

// neverReads asks as long as it can without reading an answer, and then is gone.
func (h *hostile) neverReads() error {
	for range 20 {
		conn, err := h.dial()
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := errors.Join(conn.SetReadBuffer(4096), conn.SetLinger(0)); err != nil {
			return err
		}
		large := query("big.nsec.test.", dns.TypeTXT)
		wire, err := large.Pack()
		if err != nil {
			return err
		}
		go conn.Write(slices.Repeat(frame(nil, wire), 20_000)) // until it is closed
	}
	for i := range 50 {
		h.good(i)
	}
	return nil
}

// longest sends messages of 65535 octets: a header that promises nothing, and a good question with a lot behind it.
func (h *hostile) longest() error {
	for _, start := range [][]byte{make([]byte, 12), goodWire(h.t, 0, 0)} {
		conn, err := h.dial()
		if err != nil {
			return err
		}
		defer conn.Close()
		p := append(slices.Clone(start), make([]byte, dns.MaxMsgSize-1-len(start))...)
		if _, err := conn.Write(frame(nil, p)); err != nil {
			return err
		}
		got, err := readFrame(conn)
		if err != nil {
			return err
		}
		if h.note(p, got, false); got[3]&15 != dns.RcodeFormatError {
			return fmt.Errorf("%x, want FORMERR", got)
		}
		if err := h.askOn(conn, 1); err != nil {
			return err
		}
	}
	return nil
}

// shortest sends messages that are none, behind a question; that is answered, and then the connection ends.
func (h *hostile) shortest() error {
	for n := range 12 {
		conn, err := h.dial()
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := conn.Write(frame(frame(nil, goodWire(h.t, n, 1)), make([]byte, n))); err != nil {
			return err
		}
		got, err := readFrame(conn)
		if err != nil {
			return err
		}
		if fault := goodFault(n, got); fault != "" {
			return errors.New(fault)
		}
		if got, err := readFrame(conn); !errors.Is(err, io.EOF) {
			return fmt.Errorf("%x, %w behind %d octets, want the end", got, err, n)
		}
	}
	return nil
}
