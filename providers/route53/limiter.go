package route53

import (
	"context"
	"sync"
	"time"
)

// What one account may ask of Route 53: ten requests a second, fifty at once. A fifth is kept
// for changes that a verdict made.
const (
	limitRate    = 10
	limitBurst   = 50
	limitReserve = 10
)

// Limiter is one account's rate of requests. Drivers with the same credentials share one. It
// is safe for concurrent use.
type Limiter struct {
	mu     sync.Mutex
	tokens float64
	last   time.Time
}

// NewLimiter returns a Limiter with all of its burst.
func NewLimiter() *Limiter { return &Limiter{tokens: limitBurst} }

// wait returns when one request may be made, or the context's error.
func (l *Limiter) wait(ctx context.Context, urgent bool) error {
	for {
		pause := l.take(urgent)
		if pause == 0 {
			return ctx.Err()
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}

// take takes a token, or says after what time to ask again.
func (l *Limiter) take(urgent bool) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fillLocked()
	need := 1.0
	if !urgent {
		need += limitReserve
	}
	if l.tokens >= need {
		l.tokens--
		return 0
	}
	return time.Duration((need-l.tokens)/limitRate*float64(time.Second)).Round(time.Millisecond) + time.Millisecond
}

func (l *Limiter) fillLocked() {
	now := time.Now()
	if !l.last.IsZero() {
		l.tokens = min(limitBurst, l.tokens+now.Sub(l.last).Seconds()*limitRate)
	}
	l.last = now
}

// drain empties the bucket: the provider counts otherwise than we do, or somebody else uses
// the same account.
func (l *Limiter) drain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fillLocked()
	l.tokens = min(l.tokens, 0)
}

// urgentKey marks a context whose requests may use the reserve.
type urgentKey struct{}

func withUrgency(ctx context.Context, urgent bool) context.Context {
	return context.WithValue(ctx, urgentKey{}, urgent)
}

func isUrgent(ctx context.Context) bool {
	v, _ := ctx.Value(urgentKey{}).(bool)
	return v
}
