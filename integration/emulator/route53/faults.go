package route53

import (
	"net/http"
	"time"
)

// An Effect is what Server.Fail does to a call.
type Effect int

const (
	// Throttle answers HTTP 400 Throttling, "Rate exceeded".
	Throttle Effect = iota
	// PriorRequest answers HTTP 400 PriorRequestNotComplete.
	PriorRequest
	// InternalError answers HTTP 500 InternalError; nothing is done.
	InternalError
	// Unavailable answers HTTP 503 ServiceUnavailable; nothing is done.
	Unavailable
	// Hang answers nothing until the client goes away or the server is closed;
	// nothing is done.
	Hang
	// Reset cuts the connection before anything is done.
	Reset
	// ApplyThenError does the call and then answers HTTP 500 InternalError.
	ApplyThenError
	// ApplyThenReset does the call and then cuts the connection.
	ApplyThenReset
	// Garbage answers HTTP 200 with a body that is no XML, as a captive portal or
	// a broken proxy does; nothing is done. The AWS SDK for Go takes it for an
	// empty listing, without an error.
	Garbage
)

// A spoiler waits for calls to spoil.
type spoiler struct {
	op     string // the operation's name in the API, or "" for any
	effect Effect
	left   int
}

// Fail makes the next n authorized calls of op ("" for any operation) end in
// effect. Faults are used up in the order in which they were added.
func (s *Server) Fail(op string, n int, effect Effect) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &spoiler{op: op, effect: effect, left: n})
}

// ClearFaults drops the faults that Fail has added and no call has met.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// SetDark takes the whole API away (every connection is cut, as if nobody were
// there) or gives it back. DNS goes on answering.
func (s *Server) SetDark(dark bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dark = dark
}

// SetRateLimit switches the account's limit on requests on or off.
func (s *Server) SetRateLimit(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limiter = limiter{on: on}
}

// fault takes the next fault that fits op.
func (s *Server) fault(op string) (Effect, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.left > 0 && (f.op == "" || f.op == op) {
			f.left--
			return f.effect, true
		}
	}
	return 0, false
}

func (s *Server) isDark() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dark
}

// hang waits for somebody else to give up.
func (s *Server) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.stop:
	}
}

// A limiter is the token bucket of an account: ten requests a second, fifty at
// once.
type limiter struct {
	on     bool
	tokens float64
	last   time.Time
}

const (
	ratePerSecond = 10
	rateBurst     = 50
)

// allow takes one token; the first call finds the bucket full.
func (l *limiter) allow(now time.Time) bool {
	if !l.on {
		return true
	}
	if l.last.IsZero() {
		l.tokens = rateBurst
	} else {
		l.tokens = min(rateBurst, l.tokens+ratePerSecond*now.Sub(l.last).Seconds())
	}
	l.last = now
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}
