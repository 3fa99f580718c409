package resolver

import (
	"context"
	"encoding/binary"
)

// tcpWorker answers what was read from a connection: all the complete messages in a buffer, and the answers leave
// together. A loop has one; a connection with a goroutine borrows one while there is something to answer.
type tcpWorker struct {
	worker *Worker
	out    []byte // answers that wait to be written together, in room
	room   [2 * framed]byte
}

// framed is a message with its length in front (RFC 1035 4.2.2).
const framed = 2 + maxMessage

func newTCPWorker(p Policy) *tcpWorker {
	w := &tcpWorker{worker: NewWorker(p)}
	w.out = w.room[:0]
	return w
}

// sequel is how a connection goes on.
type sequel uint8

const (
	// goOn: more may be read.
	goOn sequel = iota
	// hangUp: the connection is of no more use: the client is gone, does not take its answers, or speaks no DNS.
	hangUp
	// moveOut: the connection has to wait for something else than its next query, and that is for a goroutine to do.
	moveOut
)

// client is the connection that a worker answers to.
type client interface {
	peer
	// flush writes what waits in w.out; what it could not write is there when it returns moveOut.
	flush(w *tcpWorker) sequel
	// rare takes a message that Options.Rare may want. moveOut: the message was not looked at.
	rare(ctx context.Context, w *tcpWorker, query, refusal []byte) sequel
}

// answerAll answers every complete message in buf, with as few writes as there can be, and returns how many octets they
// were. With moveOut, w.out may hold answers that were not written, and buf[used:] messages that were not looked at.
func (w *tcpWorker) answerAll(ctx context.Context, s *Server, c client, n *counters, buf []byte) (used int, v sequel) {
	for {
		query, ok := message(buf[used:])
		if !ok {
			break
		}
		if len(w.room)-len(w.out) < framed {
			if v := c.flush(w); v != goOn {
				return used, v
			}
		}
		switch w.answer(ctx, s, c, n, query) {
		case hangUp:
			if c.flush(w) == moveOut {
				return used, moveOut // the answers to what came before are due; this is looked at again behind them
			}
			n.count(nil, Outcome{})
			return used, hangUp
		case moveOut:
			return used, moveOut
		}
		used += 2 + len(query)
	}
	return used, c.flush(w)
}

// message returns the first message in buf if it is there to its end.
func message(buf []byte) (msg []byte, ok bool) {
	if len(buf) < 2 {
		return nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(buf))
	if len(buf) < n {
		return nil, false
	}
	return buf[2:n], true
}

// answer adds the answer to one message to w.out.
func (w *tcpWorker) answer(ctx context.Context, s *Server, c client, n *counters, query []byte) sequel {
	at := len(w.out)
	answer, outcome := s.answer(w.worker, query, TCP, c, w.room[at+2:at+framed], n)
	if outcome.Rare() && s.opts.Rare != nil {
		return c.rare(ctx, w, query, answer)
	}
	if answer == nil {
		return hangUp // whoever sends this does not speak DNS
	}
	n.count(answer, outcome)
	w.out = w.room[:at+2+len(answer)]
	binary.BigEndian.PutUint16(w.out[at:], uint16(len(answer)))
	return goOn
}
