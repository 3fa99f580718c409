package alias

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// Options says how to make a Keeper. Ask is necessary; the rest has defaults.
type Options struct {
	// Ask asks resolvers for the addresses of a name, of one family. It ends soon after its context.
	Ask func(ctx context.Context, target zones.Name, v6 bool) (Reply, error)
	// Catalog returns what we serve ourselves; nil: nothing.
	Catalog func() *zones.Catalog
	// Refused says which addresses resolvers may not bring, and none is to have from an earlier answer of theirs; nil: none.
	Refused func(netip.Addr) bool
	Log     *slog.Logger // nil: nowhere
	// Parallel is how many targets are asked for at a time; 0: 16.
	Parallel int
	// Min and Max bound the time between two refreshes; 0: 10 s and 5 min.
	Min, Max time.Duration
	// RetryMax bounds the time after a failure, which starts at Min; 0: one minute.
	RetryMax time.Duration
	// Random returns numbers from 0 to below 1, by which refreshes are spread; nil: math/rand/v2.
	Random func() float64
}

// Keeper knows the addresses of targets and keeps them fresh. Its methods are safe for concurrent use.
type Keeper struct {
	opts    Options
	wake    chan struct{} // there is something to ask, or room to
	changed chan struct{}

	mu      sync.Mutex
	owners  map[zones.Name]zones.Name // of all records: owner -> target
	targets map[zones.Name]*target
	kept    map[zones.Name]State      // restored, for targets that are not there yet
	had     map[zones.Name]zones.Name // restored: owner -> target, of records that are not there yet
	due     queue                     // targets that resolvers are to be asked for, by time
	asking  int
	news    map[zones.Name]bool // targets with other addresses than were taken
}

// target is one of them. Keeper.mu guards it.
type target struct {
	State
	asked    bool          // resolvers were asked for it, or our own zones, and the answer or its absence noted
	asking   chan struct{} // closed when the question under way is over; nil: none is
	failures int           // in a row
	turns    int           // refreshes that brought other addresses, less those that did not; at most turnsMax
	place    int           // in the queue; -1: not there
	log      string        // the problem that was logged
	told     int           // and for how many days
	held     map[zones.Name]*held
}

// New makes a Keeper; it does nothing until Set and Run.
func New(o Options) *Keeper {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Catalog == nil {
		o.Catalog = func() *zones.Catalog { return nil }
	}
	if o.Refused == nil {
		o.Refused = func(netip.Addr) bool { return false }
	}
	if o.Parallel <= 0 {
		o.Parallel = 16
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	for _, d := range []struct {
		value *time.Duration
		def   time.Duration
	}{{&o.Min, 10 * time.Second}, {&o.Max, 5 * time.Minute}, {&o.RetryMax, time.Minute}} {
		if *d.value <= 0 {
			*d.value = d.def
		}
	}
	return &Keeper{
		opts: o, wake: make(chan struct{}, 1), changed: make(chan struct{}, 1),
		targets: make(map[zones.Name]*target), kept: make(map[zones.Name]State), had: make(map[zones.Name]zones.Name),
		news: make(map[zones.Name]bool),
	}
}

// Restore tells what was known before a restart, to be used when the target comes up in Set. Refused addresses are left out.
func (k *Keeper) Restore(states []State) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range states {
		if !s.Own {
			s.Answer = s.without(k.opts.Refused)
		}
		s.Held = k.allowed(s.Held)
		for _, owner := range s.Owners {
			k.had[owner] = s.Target
		}
		s.Owners = nil
		k.kept[s.Target] = s
	}
}

// Set says which records there are, in all zones. What is known of their targets stays; what is known of others is forgotten.
func (k *Keeper) Set(records []Record) {
	k.mu.Lock()
	defer k.mu.Unlock()
	ownersBefore := k.owners
	k.owners = make(map[zones.Name]zones.Name, len(records))
	for _, r := range records {
		k.owners[r.Owner] = r.Target
	}
	before := k.targets
	k.targets = make(map[zones.Name]*target, len(before))
	for _, r := range records {
		if k.targets[r.Target] != nil {
			continue
		}
		t := before[r.Target]
		if t == nil {
			t = k.newTarget(r.Target)
		}
		k.targets[r.Target] = t
	}
	k.holdLocked(ownersBefore, before)
	for owner := range k.owners {
		delete(k.had, owner)
	}
	for name, t := range before {
		if k.targets[name] == nil {
			k.due.remove(t)
			delete(k.news, name)
		}
	}
	k.followLocked()
	for _, t := range k.targets {
		k.tellHeldLocked(t, t.Days(time.Now())) // of whom a problem was known before
	}
	poke(k.wake)
}

func (k *Keeper) newTarget(name zones.Name) *target {
	t := &target{State: State{Target: name, Asks: name}, place: -1}
	now := time.Now()
	t.Next = now
	if s, ok := k.kept[name]; ok {
		delete(k.kept, name)
		t.Answer, t.Since, t.Good, t.Problem, t.Failing, t.Stale, t.Own = s.Answer, s.Since, s.Good, s.Problem, s.Failing, s.Stale, s.Own
		if !t.has() {
			t.Since, t.Stale = time.Time{}, time.Time{}
		}
		for _, h := range s.Held {
			t.hold(&held{Held: h})
		}
		if t.Whole() {
			// After a restart all would be due at once.
			t.Next = now.Add(time.Duration(k.opts.Random() * float64(k.opts.Min)))
		}
	}
	return t
}

// Follow looks again at the targets in our own zones: to be called whenever what we serve changes.
func (k *Keeper) Follow() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.followLocked()
}

func (k *Keeper) followLocked() {
	if len(k.targets) == 0 {
		return
	}
	cat := k.opts.Catalog()
	for _, t := range k.targets {
		f := find(cat, k.owners, t.Target)
		if f.own {
			k.due.remove(t)
			t.Own, t.Next, t.turns, t.Rotating, t.Every = true, time.Time{}, 0, false, 0
			k.noteLocked(t, f.v4, f.v6)
			continue
		}
		if t.Own {
			k.screenLocked(t)
		}
		if t.Own || t.Asks != f.asks {
			t.Own, t.Asks, t.Next, t.failures = false, f.asks, time.Now(), 0
			k.due.remove(t)
		}
		if t.place < 0 && t.asking == nil {
			k.due.put(t)
			poke(k.wake)
		}
	}
}

// Answer returns the addresses that the owner of a record is to have: those of its target or, as long as nothing was heard of
// that, those that the owner had from the target before it.
func (k *Keeper) Answer(r Record) Answer {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.knownLocked(r.Target)
	if a.has() {
		return a
	}
	if h, ok := k.heldLocked(r); ok {
		return h.Answer
	}
	return a
}

func (k *Keeper) knownLocked(name zones.Name) Answer {
	if t := k.targets[name]; t != nil {
		return t.Answer
	}
	return k.kept[name].Answer
}

// Held returns what the owner of a record has instead of its target's addresses; false where it has those, or nothing.
func (k *Keeper) Held(r Record) (Held, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.knownLocked(r.Target).has() {
		return Held{}, false
	}
	return k.heldLocked(r)
}

// State returns how it stands with a target; false where no record has it.
func (k *Keeper) State(name zones.Name) (State, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t := k.targets[name]; t != nil {
		return t.state(), true
	}
	return State{}, false
}

// States returns how it stands with all targets, in canonical order, and who has them.
func (k *Keeper) States() []State {
	out := k.statesUnsorted() // to sort many takes long, and nobody is to wait for that
	for _, s := range out {
		slices.SortFunc(s.Owners, zones.Name.Compare)
	}
	slices.SortFunc(out, func(a, b State) int { return a.Target.Compare(b.Target) })
	return out
}

func (k *Keeper) statesUnsorted() []State {
	k.mu.Lock()
	defer k.mu.Unlock()
	owners := make(map[zones.Name][]zones.Name, len(k.targets))
	for owner, target := range k.owners {
		owners[target] = append(owners[target], owner)
	}
	out := make([]State, 0, len(k.targets))
	for _, t := range k.targets {
		s := t.state()
		s.Owners = owners[t.Target]
		out = append(out, s)
	}
	return out
}

// Changed gets a signal when there is something to Take.
func (k *Keeper) Changed() <-chan struct{} { return k.changed }

// Take returns the targets whose addresses have changed since it was called last, in canonical order.
func (k *Keeper) Take() []zones.Name {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]zones.Name, 0, len(k.news))
	for name := range k.news {
		out = append(out, name)
	}
	clear(k.news)
	slices.SortFunc(out, zones.Name.Compare)
	return out
}

// noteLocked takes in what was heard of a target.
func (k *Keeper) noteLocked(t *target, v4, v6 outcome) {
	now := time.Now()
	next, problem := t.merge(v4, v6)
	if !t.Own || v4.err != nil || v6.err != nil {
		// The policy may be another one than when it was asked for. What is kept of our own zones may come from an ALIAS there.
		next = next.without(k.opts.Refused)
	}
	if !t.Own {
		t.turn(next, problem)
	}
	k.takeLocked(t, next)
	switch stale := t.V4.kept(v4) || t.V6.kept(v6); {
	case !stale:
		t.Stale = time.Time{}
	case t.Stale.IsZero():
		t.Stale = now
	}
	t.asked, t.Ring = true, errors.Is(v4.err, errRing)
	if t.Problem = problem; problem == "" {
		t.Good, t.Failing, t.failures = now, time.Time{}, 0
	} else if t.failures++; t.Failing.IsZero() {
		t.Failing = now
	}
	k.logLocked(t, v4.has() || v6.has())
}

// takeLocked makes next what is known of t.
func (k *Keeper) takeLocked(t *target, next Answer) {
	if !t.Equal(next) {
		t.Answer, t.Since = next, time.Now()
		if !t.has() {
			t.Since, t.Stale = time.Time{}, time.Time{}
		}
		k.news[t.Target] = true
		poke(k.changed)
	}
	if t.has() {
		t.held = nil
	}
}

func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default: // somebody is on the way already
	}
}
