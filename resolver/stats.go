package resolver

import "sync/atomic"

// rcodes is how many response codes are counted apart: those of RFC 1035, 2136, 8945 and 6891 up to BADVERS. The rest
// counts with the last.
const rcodes = 24

// counters are one worker's, on cache lines of their own: they are written for every query and read when somebody looks.
type counters struct {
	_         [64]byte
	responses [rcodes]atomic.Uint64
	dropped   atomic.Uint64
	truncated atomic.Uint64
	unsent    atomic.Uint64
	panics    atomic.Uint64
	limited   [rulings]atomic.Uint64 // what became of answers that limits are for
	_         [64]byte
}

// count counts the answer to one query; nil was none.
func (c *counters) count(answer []byte, o Outcome) {
	if answer == nil {
		c.dropped.Add(1)
		return
	}
	c.responses[min(o.Rcode, rcodes-1)].Add(1)
	if o.Truncated() {
		c.truncated.Add(1)
	}
}

// countMessage counts an answer of which only the message is known.
func (c *counters) countMessage(msg []byte) {
	if len(msg) >= headerLen {
		o := Outcome{Rcode: int(msg[3] & 15)}
		if msg[2]&2 != 0 {
			o.flags = flagTruncated
		}
		c.count(msg, o)
	}
}

// tally counts like counters, for one worker that counts a batch and then adds it to its counters at once: an
// atomic addition costs as much as finding a name.
type tally struct {
	responses          [rcodes]uint32
	dropped, truncated uint32
	limited            [rulings]uint32
}

// count counts the answer to one query; nil was none.
func (t *tally) count(answer []byte, o Outcome) {
	if answer == nil {
		t.dropped++
		return
	}
	t.responses[min(uint(o.Rcode), rcodes-1)]++
	if o.Truncated() {
		t.truncated++
	}
}

// flush adds t to c and starts anew.
func (t *tally) flush(c *counters) {
	for i, n := range &t.responses {
		if n != 0 {
			c.responses[i].Add(uint64(n))
		}
	}
	if t.dropped != 0 {
		c.dropped.Add(uint64(t.dropped))
	}
	if t.truncated != 0 {
		c.truncated.Add(uint64(t.truncated))
	}
	for i, n := range &t.limited {
		if n != 0 && ruling(i) != ruleSend {
			c.limited[i].Add(uint64(n))
		}
	}
	*t = tally{}
}

// Traffic is what came and went over one transport since the start.
type Traffic struct {
	Queries   uint64 // messages received, whatever they were
	Dropped   uint64 // not answered: responses, what is shorter than a header, what Rare took in silence, and what limits dropped
	Truncated uint64
	Unsent    uint64 // answers that the system did not take
	Panics    uint64
	Responses [rcodes]uint64 // by response code; larger codes count with the last
}

// Stats are a server's counters.
type Stats struct {
	UDP, TCP Traffic
	Conns    ConnStats
	Limits   LimitStats
}

// LimitStats are about UDP answers over a limit (RateLimit). They are counted in Traffic as what was sent, too.
type LimitStats struct {
	Observed  uint64 // sent whole, since limits are just observed
	Truncated uint64 // sent without content
	BadCookie uint64 // BADCOOKIE was sent instead
	Dropped   uint64
}

// All is how many answers were over a limit.
func (l LimitStats) All() uint64 { return l.Observed + l.Truncated + l.BadCookie + l.Dropped }

func (l *LimitStats) add(c *counters) {
	l.Observed += c.limited[ruleObserve].Load()
	l.Truncated += c.limited[ruleSlip].Load()
	l.BadCookie += c.limited[ruleBadCookie].Load()
	l.Dropped += c.limited[ruleDrop].Load()
}

// ConnStats are about TCP connections.
type ConnStats struct {
	Open     int
	Accepted uint64
	Refused  uint64 // closed at once: over a limit
	Evicted  uint64 // idle ones that made room
	TimedOut uint64 // too slow in sending or in taking
}

func (t *Traffic) add(c *counters) {
	for i := range c.responses {
		n := c.responses[i].Load()
		t.Responses[i] += n
		t.Queries += n
	}
	dropped := c.dropped.Load()
	t.Dropped += dropped
	t.Queries += dropped
	t.Truncated += c.truncated.Load()
	t.Unsent += c.unsent.Load()
	t.Panics += c.panics.Load()
}

// Stats returns the counters, summed over all workers. It may be called at any time after Listen.
func (s *Server) Stats() Stats {
	var out Stats
	for _, c := range s.udp {
		out.UDP.add(c)
		out.Limits.add(c)
	}
	for i := range s.tcp.counters {
		out.TCP.add(&s.tcp.counters[i])
	}
	out.Conns = s.tcp.stats()
	return out
}
