package cloudflare

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mangrove-dns/mangrove/providers"
)

// Cloudflare takes 1200 requests in five minutes from one token and then blocks it for five. A bucket of 600 that
// refills at 2 a second can never spend more than 600 + 300 s * 2/s in any five minutes.
const (
	bucketSize = 600
	bucketRate = 2.0 // a second
	bucketPart = 5   // 1/5 is kept for health changes, half of that for reading
	maxLent    = 4   // calls that reading may take out of what is kept for health, half of it at most
	maxWait    = 5 * time.Second
)

// use says what a call is for, and so how deep it may dip into the budget.
type use int

const (
	forEdits use = iota
	forReading
	forHealth
)

// floor is what a use leaves for those above it.
func (u use) floor() float64 {
	switch u {
	case forHealth:
		return 0
	case forReading:
		return bucketSize / bucketPart / 2
	}
	return bucketSize / bucketPart
}

// Budget is what one API token may still spend. Drivers that use the same token share it. It is safe for
// concurrent use.
type Budget struct {
	mu      sync.Mutex
	tokens  float64
	lent    int // calls of reading below its floor since there were enough
	filled  time.Time
	blocked time.Time // nothing is sent before
}

// NewBudget returns a full budget.
func NewBudget() *Budget { return &Budget{tokens: bucketSize, filled: time.Now()} }

// take waits a little until a call may be sent. Where the wait would be long, or outlast ctx, it fails at once, with
// a providers.RetryError that says how long it would be: the engine has better to do than to wait here.
func (b *Budget) take(ctx context.Context, u use) error {
	for {
		wait := b.reserve(u)
		if wait == 0 {
			return ctx.Err()
		}
		if end, ok := ctx.Deadline(); wait > maxWait || ok && time.Until(end) < wait {
			return &providers.RetryError{After: wait, Err: fmt.Errorf("own budget of calls is spent: %w", providers.ErrRateLimited)}
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// reserve takes one token, or says how long it will be until there is one.
func (b *Budget) reserve(u use) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.tokens = min(bucketSize, b.tokens+now.Sub(b.filled).Seconds()*bucketRate)
	b.filled = now
	if now.Before(b.blocked) {
		return b.blocked.Sub(now)
	}
	floor := u.floor()
	if u == forReading && b.tokens < 1+floor && b.lent < maxLent {
		floor /= 2 // what health is to change has to be read first
	}
	if missing := 1 + floor - b.tokens; missing > 0 {
		return time.Duration(missing/bucketRate*float64(time.Second)) + time.Millisecond
	}
	switch {
	case b.tokens >= 1+forReading.floor():
		b.lent = 0
	case u == forReading:
		b.lent++
	}
	b.tokens--
	return 0
}

// block stops all calls for a while: Cloudflare said so.
func (b *Budget) block(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until := time.Now().Add(d); until.After(b.blocked) {
		b.blocked = until
	}
}

// learn takes over what Cloudflare says is left ("default";r=50;t=30): other programs may use the same token.
func (b *Budget) learn(header string) {
	left, reset, ok := parseRatelimit(header)
	if !ok {
		return
	}
	if left == 0 {
		b.block(reset)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.tokens, float64(left))
}

// parseRatelimit reads the Ratelimit header; of several policies the one with the least left counts.
func parseRatelimit(header string) (left int, reset time.Duration, ok bool) {
	for policy := range strings.SplitSeq(header, ",") {
		r, t := -1, 0
		for param := range strings.SplitSeq(policy, ";") {
			k, v, _ := strings.Cut(strings.TrimSpace(param), "=")
			n, err := strconv.Atoi(v)
			switch {
			case err != nil || n < 0:
			case k == "r":
				r = n
			case k == "t":
				t = n
			}
		}
		if r >= 0 && (!ok || r < left) {
			left, reset, ok = r, time.Duration(t)*time.Second, true
		}
	}
	return left, reset, ok
}
