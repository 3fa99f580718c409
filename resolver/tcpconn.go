package resolver

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

const (
	// idleBuffer is what a connection holds while it waits: most queries fit, and ten thousand of them do not hurt.
	idleBuffer = 512
	// pipelineBuffer is how far the buffer of a connection grows for many small queries; a large one gets what it needs.
	pipelineBuffer = 16 << 10
	// framed is a message with its length in front (RFC 1035 4.2.2).
	framed = 2 + maxMessage
)

// tcpConn is one connection. Reading, answering and writing follow each other on one goroutine.
type tcpConn struct {
	server    *tcpServer
	conn      net.Conn
	client    netip.AddrPort
	prefix    netip.Prefix
	counters  *counters
	idleSince atomic.Int64 // nanoseconds since the epoch; 0 while at work
	draining  atomic.Bool
}

// tcpWorker is what a connection borrows while there is something to answer.
type tcpWorker struct {
	worker *Worker
	out    []byte // answers that wait to be written together
	room   [2 * framed]byte
}

func newTCPWorker(p Policy) *tcpWorker {
	return &tcpWorker{worker: NewWorker(p)}
}

// serve answers until the client is done, is too slow, or the server drains.
func (c *tcpConn) serve(ctx context.Context) {
	buf := make([]byte, idleBuffer)
	have := 0
	c.idleSince.Store(c.server.server.now().UnixNano())
	c.allow(c.server.opts.Idle)
	for {
		n, err := c.conn.Read(buf[have:])
		started := have == 0 && n > 0
		have += n
		if n > 0 {
			c.idleSince.Store(0)
			used, goOn := c.answerAll(ctx, buf[:have])
			if !goOn {
				return
			}
			started = started || used > 0
			have = copy(buf, buf[used:have])
		}
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) && !c.draining.Load() {
				c.server.timedOut.Add(1)
			}
			return
		}
		switch {
		case have == 0:
			c.idleSince.Store(c.server.server.now().UnixNano())
			c.allow(c.server.opts.Idle)
			if len(buf) > idleBuffer && n < idleBuffer {
				buf = make([]byte, idleBuffer)
			}
		case started:
			// The rest of this message is due by then, however many octets come in between.
			c.allow(c.server.opts.Message)
		}
		buf = grow(buf, have)
	}
}

// grow returns buf with room behind the first have octets: for the rest of the message that they begin, as its octets
// come, or for more of many small ones.
func grow(buf []byte, have int) []byte {
	if have < len(buf) {
		return buf
	}
	next := make([]byte, min(2*len(buf), max(pipelineBuffer, 2+int(binary.BigEndian.Uint16(buf)))))
	copy(next, buf[:have])
	return next
}

// allow sets until when reading may take; a drain may have begun meanwhile, and then it is over.
func (c *tcpConn) allow(d time.Duration) {
	_ = c.conn.SetReadDeadline(c.server.server.now().Add(d)) // fails on a closed connection alone, as Read will
	if c.draining.Load() {
		c.wake()
	}
}

// wake ends the wait for more queries.
func (c *tcpConn) wake() {
	c.draining.Store(true)
	_ = c.conn.SetReadDeadline(time.Unix(1, 0))
}

// answerAll answers every complete message in buf, with as few writes as there can be, and returns how
// many octets they were. False: the connection is of no more use.
func (c *tcpConn) answerAll(ctx context.Context, buf []byte) (used int, goOn bool) {
	if len(buf) < 2 || len(buf) < 2+int(binary.BigEndian.Uint16(buf)) {
		return 0, true
	}
	w := c.server.borrowed.Get().(*tcpWorker)
	defer c.server.borrowed.Put(w)
	w.out = w.room[:0]
	for {
		rest := buf[used:]
		if len(rest) < 2 {
			break
		}
		n := int(binary.BigEndian.Uint16(rest))
		if len(rest) < 2+n {
			break
		}
		used += 2 + n
		if len(w.room)-len(w.out) < framed && !c.flush(w) {
			return used, false
		}
		if !c.answer(ctx, w, rest[2:2+n]) {
			c.flush(w)
			return used, false
		}
	}
	return used, c.flush(w)
}

// answer adds the answer to one message to w.out. False: whoever sends this does not speak DNS, or a write failed.
func (c *tcpConn) answer(ctx context.Context, w *tcpWorker, query []byte) (goOn bool) {
	s := c.server.server
	at := len(w.out)
	answer, outcome := s.answer(w.worker, query, TCP, w.room[at+2:at+framed], c.counters)
	if outcome.Rare && s.opts.Rare != nil {
		refusal := append([]byte(nil), answer...)
		q := Request{Msg: query, Via: TCP, Client: c.client}
		if s.callRare(ctx, q, func(msg []byte) error { return c.send(w, msg) }, c.counters) {
			return true
		}
		c.counters.countMessage(refusal)
		return c.send(w, refusal) == nil
	}
	c.counters.count(answer, outcome)
	if answer == nil {
		return false
	}
	w.out = w.room[:at+2+len(answer)]
	binary.BigEndian.PutUint16(w.out[at:], uint16(len(answer)))
	return true
}

// errMessageSize is returned to Rare for a message that no length field can hold.
var errMessageSize = errors.New("DNS message of more than 65535 octets")

// send adds a message that was made elsewhere.
func (c *tcpConn) send(w *tcpWorker, msg []byte) error {
	if len(msg) > maxMessage {
		return errMessageSize
	}
	if len(w.room)-len(w.out) < 2+len(msg) && !c.flush(w) {
		return net.ErrClosed
	}
	w.out = binary.BigEndian.AppendUint16(w.out, uint16(len(msg)))
	w.out = append(w.out, msg...)
	return nil
}

// flush writes what waits. False: the client does not take it.
func (c *tcpConn) flush(w *tcpWorker) (ok bool) {
	if len(w.out) == 0 {
		return true
	}
	_ = c.conn.SetWriteDeadline(c.server.server.now().Add(c.server.opts.Write)) // fails on a closed connection alone
	_, err := c.conn.Write(w.out)
	w.out = w.room[:0]
	if err != nil {
		c.counters.unsent.Add(1)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.server.timedOut.Add(1)
		}
		return false
	}
	return true
}
