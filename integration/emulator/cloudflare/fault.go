package cloudflare

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// FaultKind says how a request goes wrong.
type FaultKind int

const (
	RateLimited   FaultKind = iota // 429 with Retry-After and the Ratelimit headers
	ServerError                    // 500 with an envelope; nothing was done
	BadGateway                     // 502 with an HTML page; nothing was done
	Hang                           // no answer until the client gives up or the server closes
	ApplyThenFail                  // the change is done, and the answer is 500
	ApplyThenDrop                  // the change is done, and the connection closes without an answer
	Reset                          // the connection closes without an answer; nothing was done
)

// Fault is what happens to the next requests that match.
type Fault struct {
	Kind       FaultKind
	Method     string        // empty: any
	Path       string        // a part of the URL's path; empty: any
	Count      int           // how many requests; 0 means 1, negative all until ClearFaults
	Skip       int           // how many matching requests pass before
	RetryAfter time.Duration // of RateLimited; 0 means 1 s
}

// Inject adds a fault. Where several match, the one injected first applies.
func (s *Server) Inject(f Fault) {
	if f.Count == 0 {
		f.Count = 1
	}
	if f.RetryAfter == 0 {
		f.RetryAfter = time.Second
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// ClearFaults drops all faults. Requests that hang go on hanging.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// SetDark makes the API unreachable (every connection closes without an answer) or reachable
// again. DNS answers on.
func (s *Server) SetDark(dark bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dark = dark
}

// takeFaultLocked returns the fault that r meets, if any, and counts it.
func (s *Server) takeFaultLocked(r *http.Request) (Fault, bool) {
	if s.dark {
		return Fault{Kind: Reset}, true
	}
	for _, f := range s.faults {
		if f.Count == 0 || f.Method != "" && f.Method != r.Method || !strings.Contains(r.URL.Path, f.Path) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Count > 0 {
			f.Count--
		}
		return *f, true
	}
	return Fault{}, false
}

// The documented limit: 1200 requests in five minutes, then five minutes of nothing.
const (
	limitRequests = 1200
	limitWindow   = 5 * time.Minute
)

// window counts one token's requests.
type window struct {
	start   time.Time
	used    int
	blocked time.Time // until when; zero: not blocked
}

// SetRateLimit switches the limit on or off, and forgets what was counted.
func (s *Server) SetRateLimit(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts.RateLimit = on
	clear(s.limits)
}

// countLocked charges one request to the token and says how the limit stands; retry is not
// zero where the request is over it.
func (s *Server) countLocked(token string) (left int, reset, retry time.Duration) {
	now := s.opts.Now()
	w := s.limits[token]
	if w == nil || !now.Before(w.start.Add(limitWindow)) && !now.Before(w.blocked) {
		w = &window{start: now}
		s.limits[token] = w
	}
	if now.Before(w.blocked) {
		return 0, w.blocked.Sub(now), w.blocked.Sub(now)
	}
	if w.used == limitRequests && s.opts.RateLimit {
		w.blocked = now.Add(limitWindow)
		return 0, limitWindow, limitWindow
	}
	w.used++
	return max(0, limitRequests-w.used), w.start.Add(limitWindow).Sub(now), 0
}

func setLimitHeaders(h http.Header, left int, reset, retry time.Duration) {
	h.Set("Ratelimit", `"default";r=`+strconv.Itoa(left)+`;t=`+seconds(reset))
	h.Set("Ratelimit-Policy", `"default";q=`+strconv.Itoa(limitRequests)+`;w=`+seconds(limitWindow))
	if retry > 0 {
		h.Set("Retry-After", seconds(retry))
	}
}

// seconds rounds up, as the vendor says that it does.
func seconds(d time.Duration) string {
	return strconv.Itoa(int((d + time.Second - 1) / time.Second))
}
