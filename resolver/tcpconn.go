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
	// idleBuffer is what a connection with a goroutine holds while it waits: most queries fit.
	idleBuffer = 512
	// pipelineBuffer is how far the buffer of a connection grows for many small queries; a large one gets what it needs.
	pipelineBuffer = 16 << 10
)

// tcpConn is a connection with a goroutine, on which reading, answering and writing follow each other.
type tcpConn struct {
	server    *tcpServer
	conn      net.Conn
	client    netip.AddrPort
	prefix    prefix
	counters  *counters
	idleSince atomic.Int64 // as tcpServer.since; 0 while at work
	draining  atomic.Bool
}

// serve answers until the client is done, is too slow, or the server drains. due are answers to be written first, had is
// what was read already and is not answered.
func (c *tcpConn) serve(ctx context.Context, due, had []byte) {
	if len(due) > 0 && !c.write(due) {
		return
	}
	buf := make([]byte, max(idleBuffer, len(had)))
	have := 0
	if n := copy(buf, had); n > 0 {
		used, ok := c.answerAll(ctx, buf[:n])
		if !ok {
			return
		}
		have = copy(buf, buf[used:n])
	}
	c.await(have, true)
	for {
		buf = grow(buf, have)
		n, err := c.conn.Read(buf[have:])
		started := have == 0 && n > 0
		have += n
		if n > 0 {
			c.idleSince.Store(0)
			used, ok := c.answerAll(ctx, buf[:have])
			if !ok {
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
		c.await(have, started)
		if have == 0 && len(buf) > idleBuffer && n < idleBuffer {
			buf = make([]byte, idleBuffer)
		}
	}
}

// await sets until when more may come: the next message, or the rest of one of which some octets are there.
func (c *tcpConn) await(have int, started bool) {
	switch {
	case have == 0:
		c.idleSince.Store(c.server.since())
		c.allow(c.server.opts.Idle)
	case started:
		// The rest of this message is due by then, however many octets come in between.
		c.allow(c.server.opts.Message)
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

// answerAll answers every complete message in buf and returns how many octets they were. False: the connection is of no
// more use.
func (c *tcpConn) answerAll(ctx context.Context, buf []byte) (used int, ok bool) {
	if _, ok := message(buf); !ok {
		return 0, true
	}
	w := c.server.borrowed.Get().(*tcpWorker)
	defer c.server.borrowed.Put(w)
	w.out = w.room[:0]
	used, v := w.answerAll(ctx, c.server.server, c, c.counters, buf)
	return used, v == goOn
}

// rare lets Options.Rare answer, for as long as it takes.
func (c *tcpConn) rare(ctx context.Context, w *tcpWorker, query, refusal []byte) sequel {
	refusal = append([]byte(nil), refusal...)
	q := Request{Msg: query, Via: TCP, Client: c.client}
	if c.server.server.callRare(ctx, q, func(msg []byte) error { return c.send(w, msg) }, c.counters) {
		return goOn
	}
	c.counters.countMessage(refusal)
	if c.send(w, refusal) != nil {
		return hangUp
	}
	return goOn
}

// errMessageSize is returned to Rare for a message that no length field can hold.
var errMessageSize = errors.New("DNS message of more than 65535 octets")

// send adds a message that was made elsewhere.
func (c *tcpConn) send(w *tcpWorker, msg []byte) error {
	if len(msg) > maxMessage {
		return errMessageSize
	}
	if len(w.room)-len(w.out) < 2+len(msg) && c.flush(w) != goOn {
		return net.ErrClosed
	}
	w.out = binary.BigEndian.AppendUint16(w.out, uint16(len(msg)))
	w.out = append(w.out, msg...)
	return nil
}

func (c *tcpConn) addr() netip.Addr { return c.client.Addr() }

// flush writes what waits, for as long as the client may take.
func (c *tcpConn) flush(w *tcpWorker) sequel {
	if len(w.out) == 0 {
		return goOn
	}
	ok := c.write(w.out)
	w.out = w.room[:0]
	if !ok {
		return hangUp
	}
	return goOn
}

// write writes answers. False: the client does not take them.
func (c *tcpConn) write(answers []byte) (ok bool) {
	_ = c.conn.SetWriteDeadline(c.server.server.now().Add(c.server.opts.Write)) // fails on a closed connection alone
	_, err := c.conn.Write(answers)
	if err == nil {
		return true
	}
	c.counters.unsent.Add(1)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.server.timedOut.Add(1)
	}
	return false
}
