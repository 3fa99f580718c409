package integration

import (
	"bytes"
	be "encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// messenger puts messages to a server by one socket or connection.
type messenger struct {
	conn   net.Conn
	tcp    bool
	addr   string
	buffer [1 << 16]byte
}

func (m *messenger) close() { m.conn.Close() }

// replyWait is how long a reply may take before the message is sent once more (UDP), or is said to have none.
const replyWait = 5 * time.Second

// put sends a message and returns the reply, or what became of it. Silence is what comes before the answer to another query,
// where it is awaited.
func (m *messenger) put(wire []byte, want ending) (reply []byte, what ending) {
	probe := want == silent || want == open
	tries := 3
	if m.tcp {
		tries = 1
	}
	for range tries {
		if m.send(wire) != nil {
			return nil, closed
		}
		if probe {
			if m.send(probeWire) != nil {
				return nil, closed
			}
		}
		for {
			got, err := m.read()
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			switch {
			case err != nil:
				return nil, closed
			case len(got) < 2:
				return got, "a reply without ID"
			case probe && [2]byte(got) == [2]byte(probeWire):
				return nil, want
			case len(wire) < 2 || [2]byte(got) == [2]byte(wire):
				return got, replied
			default:
				return got, "a reply with another ID"
			}
		}
	}
	return nil, "no reply within " + ending(replyWait.String())
}

// probeWire is a query that every server answers.
var probeWire = func() []byte {
	q, err := parseMessageQuery([]string{messageZone, "SOA"})
	if err != nil {
		panic(err)
	}
	wire, err := q.pack()
	if err != nil {
		panic(err)
	}
	return withID(wire, 0x7e57)
}()

func (m *messenger) send(wire []byte) error {
	if m.tcp {
		wire = frame(nil, wire)
	}
	_, err := m.conn.Write(wire)
	return err
}

// read reads the next message.
func (m *messenger) read() ([]byte, error) { return receive(m.conn, m.buffer[:], replyWait) }

// messageStep is one thing that is done to a connection.
type messageStep struct {
	verb    string
	queries [][]byte
	number  int // of octets in a write, of replies
	octets  []byte
}

func parseStep(verb, rest string) (s messageStep, err error) {
	s.verb = verb
	switch verb {
	case "shut":
		return s, nil
	case "octets":
		s.octets, err = parseOctets(rest)
		return s, err
	case "await", "pieces":
		n, more, _ := strings.Cut(rest, " ")
		if s.number, err = strconv.Atoi(n); err != nil || s.number < 1 || verb == "await" {
			return s, err
		}
		rest = more
	case "send":
	default:
		return s, fmt.Errorf("%q is nothing that is done to a connection", verb)
	}
	for _, text := range strings.Split(rest, "|") {
		q, err := parseMessageQuery(strings.Fields(text))
		if err != nil {
			return s, err
		}
		wire, err := q.pack()
		if err != nil {
			return s, err
		}
		s.queries = append(s.queries, wire)
	}
	return s, nil
}

// play does what is to be done to a connection, and returns how that ends otherwise than it should.
func (m *messenger) play(steps []messageStep, want *messageWant) (diff string) {
	open := make(map[uint16][]byte) // queries without a reply yet, by ID
	id, replies := uint16(0x100), 0
	for _, s := range steps {
		var out []byte
		for _, q := range s.queries {
			id++
			wire := withID(q, id)
			open[id] = wire
			out = frame(out, wire)
		}
		out = append(out, s.octets...)
		size := len(out)
		if s.verb == "pieces" {
			size = s.number
		}
		for piece := range slices.Chunk(out, max(size, 1)) {
			if _, err := m.conn.Write(piece); err != nil {
				break // the server has closed, which reading tells
			}
		}
		switch s.verb {
		case "shut":
			_ = m.conn.(*net.TCPConn).CloseWrite() // likewise
		case "await":
			for replies < s.number {
				if diff := m.take(open); diff != "" {
					return fmt.Sprintf("reply %d: %s", replies+1, diff)
				}
				replies++
			}
		}
	}
	return m.finish(want, open, replies)
}

// take reads a reply to one of the open queries.
func (m *messenger) take(open map[uint16][]byte) (diff string) {
	got, err := m.read()
	if err != nil {
		return err.Error()
	}
	r, err := parseReply(got)
	if err != nil {
		return fmt.Sprintf("%v: %x", err, got)
	}
	id := be.BigEndian.Uint16(got)
	query, ok := open[id]
	want := dns.RcodeSuccess
	if ok && opcodeOf(query) != dns.OpcodeQuery {
		want = dns.RcodeNotImplemented
	}
	if !ok || r.flags&0x8000 == 0 || !bytes.HasPrefix(query[12:], r.question) || r.rcode != want {
		return fmt.Sprintf("not the answer to one of the queries: %x", got)
	}
	delete(open, id)
	return ""
}

// finish reads the rest of the replies, and how the connection ends.
func (m *messenger) finish(want *messageWant, queries map[uint16][]byte, replies int) (diff string) {
	for ; replies < want.answers; replies++ {
		if diff := m.take(queries); diff != "" {
			return fmt.Sprintf("reply %d: %s", replies+1, diff)
		}
	}
	if want.end == open {
		if _, what := m.put(probeWire, open); what != open {
			return fmt.Sprintf("then %v; want it open", what)
		}
		return ""
	}
	switch got, err := m.read(); {
	case err == nil:
		return fmt.Sprintf("then one reply more: %x", got)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "then it stays open; want it closed"
	}
	return ""
}
