package integration

import (
	"bytes"
	bin "encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/miekg/dns"
)

// stressClient asks in batches, and checks the answers.
type stressClient struct {
	*stress
	r     *rand.Rand
	known map[string]uint32 // answers, from the question on, that were found right for a version
	seen  [4]uint32         // the newest version of each zone that was answered
}

// stressBatch is how many questions are under way at a time; those of all clients fit the server's socket buffers.
const stressBatch = 12

type asked struct {
	zone     *stressZone
	question int
	from     uint32 // the oldest version that may be answered
}

func (c *stressClient) run(network string, turns chan<- struct{}, over <-chan struct{}) error {
	conn, err := net.Dial(network, c.addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	c.known = make(map[string]uint32)
	buf := make([]byte, 65535)
	for {
		batch, err := c.ask(conn, network)
		if err != nil {
			return err
		}
		newest := c.seen
		for range batch {
			msg, err := receive(conn, buf, time.Minute)
			if err != nil {
				return fmt.Errorf("an answer is missing: %w", err)
			}
			id := int(bin.BigEndian.Uint16(msg))
			if id >= len(batch) || batch[id].zone == nil {
				return fmt.Errorf("answer %d was not asked for, or came twice", id)
			}
			q := batch[id]
			batch[id].zone = nil
			v, err := c.check(q, msg)
			if err != nil {
				return err
			}
			newest[q.zone.number] = max(newest[q.zone.number], v)
		}
		c.seen = newest
		select {
		case <-over:
			return nil
		case turns <- struct{}{}:
		default:
		}
	}
}

// ask sends a batch of questions, whose IDs are their numbers.
func (c *stressClient) ask(conn net.Conn, network string) ([]asked, error) {
	batch := make([]asked, stressBatch)
	var all []byte
	for id := range batch {
		z := c.zones[c.r.IntN(len(c.zones))]
		q := c.r.IntN(len(stressQuestions))
		m := new(dns.Msg)
		name := z.origin.String()
		if n := stressQuestions[q].name; n != "@" {
			name = n + "." + name
		}
		m.SetQuestion(name, stressQuestions[q].typ)
		m.Id, m.RecursionDesired = uint16(id), false
		b, err := m.Pack()
		if err != nil {
			return nil, err
		}
		batch[id] = asked{z, q, z.done.Load()}
		if network == "tcp" {
			all = frame(all, b)
		} else if _, err := conn.Write(b); err != nil {
			return nil, err
		}
	}
	if network == "tcp" {
		_, err := conn.Write(all)
		return batch, err
	}
	return batch, nil
}

// check returns which version msg is of; an error where that is none that q may be answered from.
func (c *stressClient) check(q asked, msg []byte) (uint32, error) {
	z, to := q.zone, q.zone.begun.Load()
	v, ok := c.known[string(msg[2:])]
	if !ok {
		m := new(dns.Msg)
		if err := m.Unpack(msg); err != nil {
			return 0, fmt.Errorf("%w: %x", err, msg)
		}
		got, serial := z.rendered(m)
		if v, ok = z.versionOf(got, q.question, q.from, to); !ok {
			was := "of none before"
			if v, ok := z.versionOf(got, q.question, max(q.from, 200)-200, q.from); ok {
				was = fmt.Sprintf("that of version %d", v)
			}
			return 0, fmt.Errorf("%s %s: want the answer of a version from %d to %d, got one that is %s:\n%s",
				z.origin, stressQuestions[q.question].name, q.from, to, was, got)
		}
		if got != "REFUSED" { // the same in many versions
			c.known[string(bytes.Clone(msg[2:]))] = v
		}
		if serial != 0 {
			if err := z.noteSerial(v, serial); err != nil {
				return 0, err
			}
		}
		if len(c.known) > 20000 {
			clear(c.known)
		}
	}
	if v < q.from || v > to {
		return 0, fmt.Errorf("%s %s: got version %d, want one from %d to %d", z.origin, stressQuestions[q.question].name, v, q.from, to)
	}
	if v < c.seen[z.number] && !absent(v) {
		return 0, fmt.Errorf("%s %s: got version %d behind %d", z.origin, stressQuestions[q.question].name, v, c.seen[z.number])
	}
	return v, nil
}
