package providers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// Edits says what becomes of edits at one mirror. Withdrawals and restores are applied always.
type Edits uint8

const (
	// PlanOnly: an edit waits for a Push.
	PlanOnly Edits = iota
	// Auto: an edit is applied as soon as it is served, unless a guard stands in the way.
	Auto
)

// Mirror is one zone at one provider.
type Mirror struct {
	Provider string // our name for it
	Zone     zones.Name
	Driver   Driver
	Overlay  Overlay
	Edits    Edits
	Limits   Limits
}

// equal says whether both ask for the same of the same driver.
func (m Mirror) equal(o Mirror) bool {
	return m.Provider == o.Provider && m.Zone == o.Zone && m.Driver == o.Driver && m.Edits == o.Edits && m.Limits == o.Limits &&
		maps.EqualFunc(m.Overlay, o.Overlay, maps.Equal[map[string]string])
}

// Desired is what a zone is to be, everywhere.
type Desired struct {
	Served     *zones.Zone
	Loaded     *zones.Zone // nil: the same as Served
	Reasons    Reasons
	Aliases    map[zones.Name]zones.RRset // the ALIAS records of the zone's file, by owner; see Input
	Generation uint64                     // of our own; an older one never replaces a newer
}

// Timeouts bound what the engine waits for.
type Timeouts struct {
	Read   time.Duration // one reading of a zone; 0: 30 s
	Apply  time.Duration // one call that changes it; 0: 60 s
	Verify time.Duration // until the name servers answer what was applied; after that it counts as diverged; 0: 2 min
	Stop   time.Duration // how long Run lets a write that is under way finish; 0: 5 s
}

// Options are what an Engine needs from outside. Every field may be left zero.
type Options struct {
	State State // nil: a MemoryState
	Log   *slog.Logger
	Now   func() time.Time
	Rand  func() float64 // in [0,1), for jitter
	// Resolve finds the addresses of a provider's name servers.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Exchange asks one name server. nil: UDP, then TCP where the answer is truncated or none comes.
	Exchange func(ctx context.Context, m *dns.Msg, addr string) (*dns.Msg, error)
	// MinInterval is the time between two automatic writes to one zone at one provider in the long run: it bounds what flapping
	// costs. The first three after a quiet time are not held back. 0: 5 s.
	MinInterval time.Duration
	Reread      time.Duration // between two readings for drift; 0: 5 min
	Parallel    int           // calls at once at one provider; 0: 4
	Timeouts    Timeouts
}

// Engine keeps mirrors: one worker for each provider and zone, none of which waits for another. It is safe for concurrent use.
type Engine struct {
	opt Options

	mu      sync.Mutex
	workers map[mirrorKey]*worker
	slots   map[string]chan struct{} // by provider
	desired map[zones.Name]*Desired
	start   func(*worker) // non-nil while Run is running
}

type mirrorKey struct {
	provider string
	zone     zones.Name
}

// NewEngine returns an engine without mirrors. It starts nothing.
func NewEngine(o Options) *Engine {
	if o.State == nil {
		o.State = &MemoryState{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	if o.Resolve == nil {
		o.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if o.Exchange == nil {
		o.Exchange = exchange
	}
	setDefault(&o.MinInterval, 5*time.Second)
	setDefault(&o.Reread, 5*time.Minute)
	setDefault(&o.Timeouts.Read, 30*time.Second)
	setDefault(&o.Timeouts.Apply, time.Minute)
	setDefault(&o.Timeouts.Verify, 2*time.Minute)
	setDefault(&o.Timeouts.Stop, 5*time.Second)
	if o.Parallel <= 0 {
		o.Parallel = 4
	}
	return &Engine{opt: o, workers: make(map[mirrorKey]*worker), slots: make(map[string]chan struct{}), desired: make(map[zones.Name]*Desired)}
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d <= 0 {
		*d = v
	}
}

// ErrUnknownMirror means that the engine was never given this provider and zone.
var ErrUnknownMirror = errors.New("no such mirror")

// Set replaces the mirrors. A mirror that stays keeps its worker, what it knows and what it waits for; one that
// goes is left alone at its provider: nothing is ever deleted there because a mirror is no longer configured. The error names
// every mirror that can't be; nothing is changed then.
func (e *Engine) Set(mirrors []Mirror) error {
	var errs []error
	next := make(map[mirrorKey]Mirror, len(mirrors))
	for _, m := range mirrors {
		k := mirrorKey{m.Provider, m.Zone}
		if _, twice := next[k]; twice {
			errs = append(errs, fmt.Errorf("%s -> %s stands twice", m.Zone, m.Provider))
		}
		if m.Driver == nil {
			errs = append(errs, fmt.Errorf("%s -> %s has no driver", m.Zone, m.Provider))
		}
		next[k] = m
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, w := range e.workers {
		if _, stays := next[k]; !stays {
			w.retire()
			delete(e.workers, k)
		}
	}
	for k, m := range next {
		if w, ok := e.workers[k]; ok {
			w.replace(m)
			continue
		}
		w := newWorker(e, m, e.slotLocked(m.Provider))
		w.want(e.desired[m.Zone])
		e.workers[k] = w
		if e.start != nil {
			e.start(w)
		}
	}
	return nil
}

func (e *Engine) slotLocked(provider string) chan struct{} {
	s, ok := e.slots[provider]
	if !ok {
		s = make(chan struct{}, e.opt.Parallel)
		e.slots[provider] = s
	}
	return s
}

// Update tells what zone is to be. It never blocks, and the newest wins: what was not yet applied of an older one
// never is. A Desired with a lower Generation than the last, or without a Served zone, is dropped: no zone is no wish to empty it.
func (e *Engine) Update(zone zones.Name, d Desired) {
	if d.Served == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if old := e.desired[zone]; old != nil && d.Generation < old.Generation {
		return
	}
	if d.Loaded == nil {
		d.Loaded = d.Served
	}
	e.desired[zone] = &d
	for k, w := range e.workers {
		if k.zone == zone {
			w.want(&d)
		}
	}
}

// Run keeps all mirrors until ctx ends. A write under way is let finish, for Timeouts.Stop. It returns nil.
func (e *Engine) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	e.mu.Lock()
	e.start = func(w *worker) {
		wg.Go(func() { w.run(ctx) })
		wg.Go(func() { w.verifyLoop(ctx) })
	}
	for _, w := range e.workers {
		e.start(w)
	}
	e.mu.Unlock()
	<-ctx.Done()
	e.mu.Lock()
	e.start = nil
	e.mu.Unlock()
	wg.Wait()
	return nil
}

func (e *Engine) worker(provider string, zone zones.Name) (*worker, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w, ok := e.workers[mirrorKey{provider, zone}]
	if !ok {
		return nil, fmt.Errorf("%s -> %s: %w", zone, provider, ErrUnknownMirror)
	}
	return w, nil
}

// Status tells about every mirror, by zone, then provider.
func (e *Engine) Status() []Status {
	e.mu.Lock()
	ws := make([]*worker, 0, len(e.workers))
	for _, w := range e.workers {
		ws = append(ws, w)
	}
	e.mu.Unlock()
	slices.SortFunc(ws, func(a, b *worker) int {
		if c := a.key.zone.Compare(b.key.zone); c != 0 {
			return c
		}
		return strings.Compare(a.key.provider, b.key.provider)
	})
	out := make([]Status, len(ws))
	for i, w := range ws {
		out[i] = w.status()
	}
	return out
}
