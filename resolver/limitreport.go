package resolver

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

const (
	// maxReported is how many limited accounts are known by name at a time. There may be more: they are limited as well.
	maxReported = 1000
	// logAccounts is how many beginnings a minute are logged one by one, with their ends. The rest is one line.
	logAccounts = 20
	logInterval = time.Minute

	reportInterval = time.Second
	sweepInterval  = time.Hour
)

// Limited is who gets more of one kind than its limit.
type Limited struct {
	Network netip.Prefix
	Limit   string     // "responses", "nxdomains", "errors" or "all"
	Zone    zones.Name // zero where it is not about one
	Since   time.Time
}

// limitReport is what is known of limited accounts, for the log and for Server.Limited. run alone writes it.
type limitReport struct {
	mu      sync.Mutex
	limited map[uint64]*reported // by the account's hash
}

type reported struct {
	Limited
	logged bool
}

// Limited returns who is limited now, or would be if limits were not just observed, the longest first: 1000 at most.
func (s *Server) Limited() []Limited { return s.limiter.report.list() }

// SetRateLimit has other limits hold from the next datagrams on.
func (s *Server) SetRateLimit(r RateLimit) { s.limiter.set(r) }

func (r *limitReport) list() []Limited {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Limited, 0, len(r.limited))
	for _, l := range r.limited {
		out = append(out, l.Limited)
	}
	slices.SortFunc(out, func(a, b Limited) int {
		return cmp.Or(a.Since.Compare(b.Since), a.Network.Compare(b.Network), strings.Compare(a.Limit, b.Limit), a.Zone.Compare(b.Zone))
	})
	return out
}

// run reports who begins and ends to be limited, until ctx ends. The end is when all debts are paid: who goes on asking for a little more
// than his limit begins once and ends once.
func (l *limiter) run(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(reportInterval)
	defer tick.Stop()
	m := limitLog{log: log, from: time.Now()}
	swept := l.now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case c := <-l.crossed:
			l.began(&m, c)
		case <-tick.C:
			l.ended(&m)
			m.summary(l.missed.Swap(0))
			if now := l.now(); now-swept > int64(sweepInterval) {
				l.accounts.sweep(now)
				swept = now
			}
		}
	}
}

// limitLog logs, but not too much.
type limitLog struct {
	log    *slog.Logger
	from   time.Time // of the minute that logged counts in
	logged int       // accounts logged since
	more   uint64    // accounts that were not
}

// may says whether one more account is logged.
func (m *limitLog) may() bool {
	if m.logged == logAccounts {
		m.more++
		return false
	}
	m.logged++
	return true
}

// summary begins the next minute, and logs what was left out in this one.
func (m *limitLog) summary(missed uint64) {
	m.more += missed
	if time.Since(m.from) < logInterval {
		return
	}
	if m.more > 0 {
		m.log.Warn("more networks are limited than are logged", "more", m.more)
	}
	m.from, m.logged, m.more = time.Now(), 0, 0
}

// began notes an account that went over its limit.
func (l *limiter) began(m *limitLog, c crossing) {
	limits := l.limits.Load()
	if limits == nil {
		return
	}
	r := &l.report
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.limited[c.hash] != nil {
		return
	}
	if len(r.limited) == maxReported {
		m.more++
		return
	}
	if r.limited == nil {
		r.limited = make(map[uint64]*reported)
	}
	e := &reported{Limited: Limited{Network: c.network, Limit: c.class.String(), Zone: c.zone, Since: time.Now()}, logged: m.may()}
	r.limited[c.hash] = e
	if e.logged {
		text := "answers to a network are limited"
		if limits.mode == RateObserve {
			text = "answers to a network would be limited"
		}
		m.log.Warn(text, append(e.attrs(), "per_second", limits.perSecond(c.class))...)
	}
}

// ended takes out accounts that have paid.
func (l *limiter) ended(m *limitLog) {
	off := l.limits.Load() == nil
	now := l.now()
	r := &l.report
	r.mu.Lock()
	defer r.mu.Unlock()
	for hash, e := range r.limited {
		if !off && l.accounts.owes(hash, now) > 0 {
			continue
		}
		delete(r.limited, hash)
		if e.logged {
			m.log.Info("answers to a network are no longer limited", append(e.attrs(), "after", time.Since(e.Since).Round(time.Second))...)
		}
	}
}

func (l *Limited) attrs() []any {
	out := []any{"network", l.Network, "limit", l.Limit}
	if !l.Zone.IsZero() {
		out = append(out, "zone", l.Zone)
	}
	return out
}
