package healthcheck

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a Monitor stands on. The zero value probes the real network.
type Options struct {
	Dial    Dialer         // nil: net.Dialer
	Resolve Resolver       // nil: named targets stay unknown
	Roots   *x509.CertPool // nil: the system's
	// Probe replaces the prober that Dial, Resolve and Roots make up. It must return when its context ends.
	Probe func(context.Context, Watch) Result
	Now   func() time.Time // the wall clock, for times that people read and to see it jump; nil: time.Now
	Rand  func() float64   // [0,1), for jitter; called by one goroutine at a time; nil: math/rand
	Log   *slog.Logger     // nil: nothing is logged
	// MaxParallel bounds how many probes run at the same time; 0 is 1024. PerTarget bounds it for each target; 0 is 4.
	MaxParallel int
	PerTarget   int
	Flap        Flap // zero: DefaultFlap
}

// Monitor probes what it is told to watch, and keeps a verdict for each. It is one vantage: its verdicts are its own
// damped view, and nothing here knows of zones, floors or other vantages.
//
// All methods are safe for concurrent use. Readers never wait for probes.
type Monitor struct {
	opts  Options
	probe func(context.Context, Watch) Result
	log   *slog.Logger
	start time.Time // what instants count from, by the monotonic clock

	entries atomic.Pointer[map[Key]*entry] // replaced by Set, never modified
	changed chan struct{}
	wake    chan struct{}

	mu       sync.Mutex
	restored map[Key]Verdict
	flips    map[Key]Transition // not yet taken, by key
	order    []Key              // of flips, oldest first
	queue    schedule
	running  bool
	inFlight int
	busy     map[string]*turn // by target: what runs and what waits for it
	stats    Stats
	lagged   time.Duration // when lag was logged last
}

// entry is one watched key. Its fields are guarded by Monitor.mu, verdict aside.
type entry struct {
	watch   Watch
	damp    damper
	verdict atomic.Pointer[Verdict]
	due     time.Duration
	index   int // in the queue; -1 outside it
	removed bool
	cancel  context.CancelFunc // of the probe that runs; nil outside one
}

// turn is what one target has to do with PerTarget.
type turn struct {
	running int
	waiting []*entry
}

// Stats are counters since the start, for metrics.
type Stats struct {
	Watched, InFlight             int
	Probes, Failures, Abstentions uint64
	Transitions                   uint64
	// Lag is how late the last probe began, for want of a free place among MaxParallel and PerTarget.
	Lag time.Duration
}

// New returns a Monitor that watches nothing yet. It starts nothing: Run does.
func New(opts Options) *Monitor {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Rand == nil {
		opts.Rand = rand.Float64
	}
	if opts.MaxParallel <= 0 {
		opts.MaxParallel = 1024
	}
	if opts.PerTarget <= 0 {
		opts.PerTarget = 4
	}
	if opts.Flap == (Flap{}) {
		opts.Flap = DefaultFlap()
	}
	m := &Monitor{
		opts: opts, probe: opts.Probe, log: opts.Log, start: time.Now(),
		changed: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		restored: make(map[Key]Verdict), flips: make(map[Key]Transition), busy: make(map[string]*turn),
	}
	if m.probe == nil {
		m.probe = (&Prober{Dial: opts.Dial, Resolve: opts.Resolve, Roots: opts.Roots, Now: opts.Now}).Probe
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	m.entries.Store(&map[Key]*entry{})
	return m
}

// elapsed is the monotonic clock: it never jumps, and stands still while the machine sleeps.
func (m *Monitor) elapsed() time.Duration { return time.Since(m.start) }

// wall is the clock that people read.
func (m *Monitor) wall() time.Time { return m.opts.Now().Round(0) }

// Verdict returns the verdict of key; one that is Unknown where key is not watched. It has the form that Withdraw takes.
func (m *Monitor) Verdict(key Key) Verdict {
	if e, ok := (*m.entries.Load())[key]; ok {
		return *e.verdict.Load()
	}
	return Verdict{Key: key, Reason: "not watched"}
}

// Verdicts returns the verdict of everything that is watched, ordered by key. Each is what it was at some moment of the
// call; together they need not be of one moment.
func (m *Monitor) Verdicts() []Verdict {
	entries := *m.entries.Load()
	out := make([]Verdict, 0, len(entries))
	for _, e := range entries {
		out = append(out, *e.verdict.Load())
	}
	slices.SortFunc(out, func(a, b Verdict) int {
		switch {
		case a.Key < b.Key:
			return -1
		case a.Key > b.Key:
			return 1
		}
		return 0
	})
	return out
}

// Stats returns the counters.
func (m *Monitor) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stats
	s.Watched, s.InFlight = len(*m.entries.Load()), m.inFlight
	return s
}

// Changed receives a value once there are transitions to take. It never closes; several transitions may make one value.
func (m *Monitor) Changed() <-chan struct{} { return m.changed }

// Take returns the transitions since the last call, in the order of each key's first. Of a key that changed several
// times there is one, from the state before the first to the verdict after the last, and none where these are the
// same: what went and came back within one round of the taker needs no answer.
func (m *Monitor) Take() []Transition {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]Transition, 0, len(m.order))
	for _, key := range m.order {
		if t := m.flips[key]; t.From != t.Verdict.State {
			out = append(out, t)
		}
	}
	clear(m.flips)
	m.order = nil
	return out
}

// Restore tells the verdicts of an earlier run to the next Set. They hold, marked as restored, until probes decide
// otherwise. What that Set does not watch is forgotten, and a key that is watched already keeps what it knows.
func (m *Monitor) Restore(verdicts []Verdict) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range verdicts {
		m.restored[v.Key] = v
	}
}

// Set replaces what is watched. A key that was watched before goes on undisturbed; one that is gone is dropped, its
// probe called off. A new key starts with the restored verdict where there is one, else with the verdict of what
// it takes the place of (the same target, asked by a check of the same name with other settings, or for the same host by
// another check), else unknown; probes decide from there.
func (m *Monitor) Set(watches []Watch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := *m.entries.Load()
	next := make(map[Key]*entry, len(watches))
	var fresh []*entry
	for _, w := range watches {
		if next[w.Key] != nil {
			continue
		}
		if e := old[w.Key]; e != nil {
			e.watch.Check.Name = w.Check.Name // all that may differ under one key
			next[w.Key] = e
			continue
		}
		e := &entry{watch: w, index: -1}
		next[w.Key] = e
		fresh = append(fresh, e)
	}
	gone := m.dropLocked(old, next)
	for _, e := range fresh {
		m.adoptLocked(e, gone)
	}
	m.spreadLocked(fresh)
	clear(m.restored)
	m.entries.Store(&next)
	m.poke()
}

// dropLocked takes out what is no longer watched, and returns its verdicts by target, restored ones included.
func (m *Monitor) dropLocked(old, next map[Key]*entry) map[Target][]Verdict {
	gone := make(map[Target][]Verdict)
	for key, e := range old {
		if next[key] != nil {
			continue
		}
		e.removed = true
		if e.cancel != nil {
			e.cancel()
		}
		m.queue.remove(e)
		if t := m.busy[e.watch.Target.String()]; t != nil {
			t.waiting = slices.DeleteFunc(t.waiting, func(w *entry) bool { return w == e })
		}
		if _, ok := m.flips[key]; ok {
			delete(m.flips, key)
			m.order = slices.DeleteFunc(m.order, func(k Key) bool { return k == key })
		}
		gone[e.watch.Target] = append(gone[e.watch.Target], *e.verdict.Load())
	}
	for key, v := range m.restored {
		if next[key] == nil {
			gone[v.Target] = append(gone[v.Target], v)
		}
	}
	return gone
}

// adoptLocked gives a new entry its first verdict.
func (m *Monitor) adoptLocked(e *entry, gone map[Target][]Verdict) {
	w := e.watch
	v, ok := m.restored[w.Key]
	if !ok {
		v, ok = predecessor(gone[w.Target], w)
	}
	first := &Verdict{Key: w.Key, Target: w.Target, Host: w.Host, Check: w.Check.Name, Reason: "not probed yet"}
	if ok && (v.State == Up || v.State == Degraded || v.State == Down) {
		e.damp.state = v.State
		first.State, first.Since, first.Reason, first.Restored = v.State, v.Since, v.Reason, true
		first.LastProbe, first.LastError = v.LastProbe, v.LastError
	}
	e.verdict.Store(first)
}

// predecessor returns the verdict that a new watch inherits from those that its target has lost: that of the same check
// and host, else of the same check, else of the same host. Where several fit equally, none is taken: a guess could withdraw.
func predecessor(gone []Verdict, w Watch) (Verdict, bool) {
	for _, fits := range []func(Verdict) bool{
		func(v Verdict) bool { return v.Check == w.Check.Name && v.Host == w.Host },
		func(v Verdict) bool { return v.Check == w.Check.Name },
		func(v Verdict) bool { return v.Host == w.Host && w.Host != "" },
	} {
		var found []Verdict
		for _, v := range gone {
			if fits(v) {
				found = append(found, v)
			}
		}
		if len(found) > 0 {
			return found[0], len(found) == 1
		}
	}
	return Verdict{}, false
}

// firstRate bounds how many first probes are begun in a second.
const firstRate = 1000

// spreadLocked schedules first probes: at once where they are few, over an interval at most where they are many.
func (m *Monitor) spreadLocked(fresh []*entry) {
	now := m.elapsed()
	window := time.Duration(len(fresh)) * time.Second / firstRate
	for _, e := range fresh {
		e.due = now + time.Duration(m.opts.Rand()*float64(min(window, e.watch.Check.Interval)))
		m.queue.add(e)
	}
}

// poke makes Run look at the queue again.
func (m *Monitor) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// ErrRunning is returned by Run while another Run of the same Monitor is under way.
var ErrRunning = errors.New("the monitor runs already")
