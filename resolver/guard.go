package resolver

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/miekg/dns"
)

// panicInterval is how often a panic in answering is logged: the packet that causes it may come a million times.
const panicInterval = time.Minute

// peer is who asks.
type peer interface {
	// addr returns the client's address. It is called for queries that depend on it (parsed.asksForAddr), and for no others.
	addr() netip.Addr
}

// answer is Worker.Answer for packets from anybody: a panic costs that packet its answer, and nothing else.
func (s *Server) answer(w *Worker, query []byte, via Transport, client peer, out []byte, c *counters) (msg []byte, o Outcome) {
	from := Source{Via: via}
	defer func() {
		if p := recover(); p != nil {
			s.reportPanic(p, query, c)
			msg, o = w.fail(query, &from, out), Outcome{Rcode: dns.RcodeServerFailure}
		}
	}()
	w.parsed, w.now = w.own, 0
	sound := false
	if via == UDP {
		sound = w.parseDatagram(query)
	} else {
		sound = w.parse(query)
	}
	if !sound {
		return nil, Outcome{}
	}
	if w.asksForAddr() {
		from.Addr = client.addr()
	}
	return w.answer(s.opts.Catalog(), query, &from, out)
}

// callRare is Options.Rare with the same guard. It counts the first message of an answer; the refusal is for the caller to
// send and to count. A hook that panics behind its first message has handled the request, badly.
func (s *Server) callRare(ctx context.Context, q Request, send func([]byte) error, c *counters) (handled bool) {
	sent := false
	defer func() {
		if p := recover(); p != nil {
			s.reportPanic(p, q.Msg, c)
			handled = sent
		}
		if handled && !sent {
			c.dropped.Add(1)
		}
	}()
	return s.opts.Rare(ctx, q, func(msg []byte) error {
		if !sent {
			sent = true
			c.countMessage(msg)
		}
		return send(msg)
	})
}

// reportPanic counts a panic, and logs it where none was for a minute.
func (s *Server) reportPanic(p any, query []byte, c *counters) {
	c.panics.Add(1)
	now := s.now().UnixNano()
	last := s.lastPanic.Load()
	if last != 0 && now-last < int64(panicInterval) || !s.lastPanic.CompareAndSwap(last, now) {
		return
	}
	s.log.Error("panic in answering: the client got SERVFAIL; please report this",
		"panic", fmt.Sprint(p), "query", hex.EncodeToString(query), "stack", string(debug.Stack()))
}

// fail answers SERVFAIL from a worker that may be in any state.
func (w *Worker) fail(query []byte, from *Source, out []byte) (msg []byte) {
	*w = *NewWorker(w.policy)
	if len(query) < headerLen || query[2]&0x80 != 0 {
		return nil
	}
	defer func() {
		if recover() != nil { // not even that
			msg = append(out[:0], query[:4]...)
			msg[2], msg[3] = query[2]&0x79|0x80, query[3]&0x10|dns.RcodeServerFailure
			msg = append(msg, 0, 0, 0, 0, 0, 0, 0, 0)
		}
	}()
	w.parse(query)
	w.meet(query, from)
	w.res.Rcode = dns.RcodeServerFailure
	msg = w.encode(query, out)
	w.res.clear()
	return msg
}
