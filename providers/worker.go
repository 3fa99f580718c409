package providers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// worker keeps one mirror. Its lock is held by whoever speaks to the provider for it: the loop, Plan, or Push.
type worker struct {
	opt  *Options
	key  mirrorKey
	wake chan struct{} // something to do
	gone chan struct{} // closed when the mirror is no longer configured
	lock chan struct{} // holds one token: a mutex that a context can give up on
	slot chan struct{} // of the provider

	verifier  *verifier
	session   session         // under lock
	refused   map[Key]refusal // under lock
	stuck     map[Key]string  // under lock: withdrawals and restores that were refused in this round
	backoff   int             // under lock: failures in a row
	notUntil  time.Time       // under lock: no automatic call before
	paidUntil time.Time       // under lock: what writes cost so far
	settled   *Desired        // under lock: what nothing is left to be done for by itself

	mu      sync.Mutex
	mirror  Mirror
	desired *Desired
	seen    observed
}

// refusal is an RRset that the provider refused: left out until the zone changes it, or a while has passed.
type refusal struct {
	text   string
	served zones.RRset
	until  time.Time
}

const (
	refusalHolds = 10 * time.Minute
	maxRounds    = 4 // plans in a row before a mirror is left for a while
	backoffBase  = time.Second
	backoffCap   = time.Minute
	retryCap     = 5 * time.Minute
	freeWrites   = 3 // writes that need not wait for each other
)

func newWorker(e *Engine, m Mirror, slot chan struct{}) *worker {
	return &worker{
		opt: &e.opt, key: mirrorKey{m.Provider, m.Zone}, mirror: m, slot: slot,
		wake: make(chan struct{}, 1), gone: make(chan struct{}), lock: make(chan struct{}, 1),
		verifier: newVerifier(&e.opt, m.Zone), refused: make(map[Key]refusal), stuck: make(map[Key]string),
		session: session{opt: &e.opt, mirror: m},
		seen:    observed{phase: Starting, since: e.opt.Now()},
	}
}

// want takes over what the zone is to be.
func (w *worker) want(d *Desired) {
	if d == nil {
		return
	}
	w.mu.Lock()
	w.desired = d
	w.mu.Unlock()
	w.rouse()
}

func (w *worker) replace(m Mirror) {
	w.mu.Lock()
	w.mirror = m
	w.mu.Unlock()
	w.rouse()
}

func (w *worker) retire() { close(w.gone) }

func (w *worker) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *worker) current() *Desired {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.desired
}

// acquire takes the lock and then a slot of the provider.
func (w *worker) acquire(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case w.lock <- struct{}{}:
	}
	select {
	case <-ctx.Done():
		<-w.lock
		return ctx.Err()
	case w.slot <- struct{}{}:
	}
	w.take()
	return nil
}

// take makes the session use the mirror as it is configured now.
func (w *worker) take() {
	w.mu.Lock()
	if w.session.mirror.Driver != w.mirror.Driver {
		w.backoff, w.notUntil = 0, time.Time{} // another account, or other credentials: what the old ones met says nothing
	}
	w.session.mirror = w.mirror
	w.mu.Unlock()
	w.verifier.use(w.session.mirror.Driver)
}

// retired says whether the mirror is no longer configured.
func (w *worker) retired() bool {
	select {
	case <-w.gone:
		return true
	default:
		return false
	}
}

// fresh returns why a plan for d may no longer be written, nil where it may.
func (w *worker) fresh(d *Desired) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.retired():
		return fmt.Errorf("%w any more", ErrUnknownMirror)
	case !w.mirror.equal(w.session.mirror):
		return errReconfigured
	case w.desired != d:
		return errSuperseded
	}
	return nil
}

func (w *worker) release() {
	<-w.slot
	<-w.lock
}

// run keeps the mirror until ctx ends or the mirror goes. A round that has begun may finish within Timeouts.Stop.
func (w *worker) run(ctx context.Context) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(w.opt.Timeouts.Stop, cancel) })
	defer stop()
	w.rouse() // on start: read, adopt, settle what was under way
	timer := time.NewTimer(w.opt.Reread)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.gone:
			return
		case <-timer.C:
		case <-w.wake:
		}
		if ctx.Err() != nil {
			return
		}
		timer.Reset(w.round(ctx, work))
	}
}

// round does what is to be done now and returns how long nothing will be, unless something wakes the worker.
func (w *worker) round(ctx, work context.Context) time.Duration {
	if err := w.acquire(ctx); err != nil {
		return w.opt.Reread
	}
	defer w.release()
	if wait := w.notUntil.Sub(w.opt.Now()); wait > 0 {
		if w.backoff == 0 && w.current() != w.settled {
			w.behind() // the interval is in the way: until it is over, nobody knows better
			w.rephase()
		}
		return wait
	}
	if w.current() == nil {
		return w.opt.Reread
	}
	held, err := w.reconcile(ctx, work)
	if ctx.Err() != nil || w.retired() {
		return w.opt.Reread
	}
	if err == nil {
		w.fine(ctx)
		err = w.keep()
	}
	defer w.rephase()
	now := w.opt.Now()
	if err != nil {
		wait := w.penalty(err)
		w.notUntil = now.Add(wait)
		w.failed(ctx, err, w.notUntil)
		return wait
	}
	w.backoff = 0
	if held {
		return w.notUntil.Sub(now)
	}
	return time.Duration(float64(w.opt.Reread) * (0.9 + 0.2*w.opt.Rand()))
}

// spend counts an automatic write: in the long run one each MinInterval, but a few at once, so that the second target
// to die is not left in place because the first just went.
func (w *worker) spend(now time.Time) {
	if w.paidUntil.Before(now) {
		w.paidUntil = now
	}
	w.paidUntil = w.paidUntil.Add(w.opt.MinInterval)
	w.notUntil = w.paidUntil.Add(-(freeWrites - 1) * w.opt.MinInterval)
}

// keep saves what is not saved yet.
func (w *worker) keep() error {
	if s := &w.session; s.state != nil && (s.dirty || s.base) {
		return s.save()
	}
	return nil
}

// penalty is how long to wait after an error: doubling, with jitter, and never less than the provider asks for, up to
// retryCap: a mistaken Retry-After must not keep a dead target there for a day.
func (w *worker) penalty(err error) time.Duration {
	wait := backoffCap
	if w.backoff < 6 {
		wait = backoffBase << w.backoff
	}
	w.backoff++
	if errors.Is(err, ErrAuth) || errors.Is(err, ErrZoneNotFound) || errors.Is(err, ErrState) {
		wait = backoffCap // trying again soon does not help
	}
	wait = time.Duration(float64(wait) * (0.5 + w.opt.Rand()/2))
	var retry *RetryError
	if errors.As(err, &retry) {
		wait = max(wait, min(retry.After, retryCap))
	}
	return wait
}

// reconcile reads, and applies what is to be applied by itself, until nothing is left: a newer Desired, or a conflict, make it
// plan again; held says that a newer one has to wait until notUntil. work outlives ctx, so that a write is not cut short by the program's end.
func (w *worker) reconcile(ctx, work context.Context) (held bool, err error) {
	var snap *Snapshot
	var written *Desired // what the last write was for
	clear(w.stuck)
	for range maxRounds {
		d := w.current()
		if err := w.session.open(); err != nil {
			return false, err
		}
		if snap == nil {
			if snap, err = w.session.read(ctx); err != nil {
				w.unread()
				return false, err
			}
		}
		plan := w.automatic(snap, d)
		if plan.Empty() && w.current() == d {
			if len(w.stuck) > 0 {
				return false, w.stuckError()
			}
			w.settled = d
			return false, nil
		}
		if ctx.Err() != nil {
			return false, nil // stopping: between two writes is the place
		}
		if plan.Empty() {
			continue
		}
		if written != nil && written != d && w.notUntil.After(w.opt.Now()) {
			return true, nil // it changed again while we wrote: that is for the next write
		}
		written = d
		snap, err = w.write(work, plan, snap, d)
		switch {
		case errors.Is(err, ErrUnknownMirror):
			return false, nil
		case errors.Is(err, errReconfigured):
			w.take()
			snap = nil // the driver may be another
			continue
		}
		w.spend(w.opt.Now())
		if err != nil && !again(err) {
			return false, err
		}
	}
	return false, fmt.Errorf("%w: it still differs after %d writes", ErrUnavailable, maxRounds)
}

// stuckError says which withdrawals and restores were refused. They are tried again after the penalty.
func (w *worker) stuckError() error {
	w.behind()
	var errs []error
	for _, k := range sorted(w.stuck) {
		errs = append(errs, fmt.Errorf("%w: %s is not withdrawn or restored: %s", ErrRefused, k, w.stuck[k]))
	}
	return errors.Join(errs...)
}

// What stops a write whose plan is no longer the newest.
var (
	errSuperseded   = errors.New("superseded")
	errReconfigured = errors.New("mirror configured anew")
)

// again says whether an error means: read and plan again, now.
func again(err error) bool {
	var change *ChangeError
	return errors.Is(err, errSuperseded) || errors.Is(err, ErrConflict) || errors.As(err, &change)
}

// automatic returns what is to be applied by itself now: withdrawals and restores first and alone, so that no edit which a
// guard, the provider or its form stands against keeps them waiting. Once nothing is, it notes what a full plan says.
func (w *worker) automatic(snap *Snapshot, d *Desired) *Plan {
	w.verifier.compare(snap)
	if len(w.session.found) > 0 {
		w.verifier.expect(w.session.mirror.Driver, w.session.found, snap)
		w.session.found = nil
	}
	if health := w.health(snap, d); !health.Empty() {
		return health
	}
	full := MakePlan(w.input(snap, d, Full, nil))
	if w.session.mirror.Edits == Auto && len(full.Blocked()) == 0 {
		w.session.settleAll(full)
		if !full.Empty() {
			w.behind()
			return full
		}
	} else if w.session.adopt(full) {
		if health := w.health(snap, d); !health.Empty() {
			return health
		}
	}
	w.observe(snap, full)
	w.checkVerified(full)
	return &Plan{}
}

// health returns the health plan; an empty one where a guard blocks it.
func (w *worker) health(snap *Snapshot, d *Desired) *Plan {
	plan := MakePlan(w.input(snap, d, Health, nil))
	if plan.Empty() || len(plan.Blocked()) > 0 {
		return &Plan{}
	}
	w.behind()
	return plan
}

// input is what a plan depends on, now.
func (w *worker) input(snap *Snapshot, d *Desired, mode Mode, allow []string) Input {
	m := w.session.mirror
	refused := make(map[Key]string)
	for k, r := range w.refused {
		now, _ := d.Served.RRset(k.Name, k.Type)
		if !now.Equal(r.served) || !w.opt.Now().Before(r.until) {
			delete(w.refused, k)
			continue
		}
		refused[k] = r.text
	}
	if mode == Health {
		clear(refused) // that an edit was refused is nothing against taking the dead out
	}
	maps.Copy(refused, w.stuck)
	return Input{Provider: m.Provider, Zone: m.Zone, Driver: m.Driver, Served: d.Served, Loaded: d.Loaded, Reasons: d.Reasons, Aliases: d.Aliases,
		Snapshot: snap, State: w.session.state, Overlay: m.Overlay, Limits: m.Limits, Allow: allow, Refused: refused,
		Mode: mode, Now: w.opt.Now()}
}

// write applies one plan, hands what was done to the verifier, and returns what is there now (nil: not known).
func (w *worker) write(ctx context.Context, plan *Plan, snap *Snapshot, d *Desired) (*Snapshot, error) {
	out, err := w.session.apply(ctx, plan, snap, func() error { return w.fresh(d) })
	if out.after != nil && len(out.done) > 0 {
		w.verifier.expect(w.session.mirror.Driver, out.done, out.after)
		w.mu.Lock()
		w.seen.appliedAt = w.opt.Now()
		w.mu.Unlock()
		w.opt.Log.Info("mirror written", "zone", w.key.zone, "provider", w.key.provider, "mode", plan.Mode, "serial", plan.Serial,
			"rrsets", len(out.done), "left", len(out.left))
	}
	w.remember(err, plan.Mode, out.left, d)
	return out.after, err
}

// remember keeps which RRsets were refused, so that they don't keep the others from being written: an edit for a while, a
// withdrawal or restore for this round alone.
func (w *worker) remember(err error, mode Mode, left []Change, d *Desired) {
	for _, ce := range changeErrors(err) {
		if !errors.Is(ce.Err, ErrRefused) && !errors.Is(ce.Err, ErrCannotHold) || d == nil {
			continue
		}
		if !slices.ContainsFunc(left, func(c Change) bool { return c.Name == ce.Name && c.Type == ce.Type }) {
			continue
		}
		if mode == Health {
			w.stuck[Key{ce.Name, ce.Type}] = ce.Err.Error()
			continue
		}
		served, _ := d.Served.RRset(ce.Name, ce.Type)
		w.refused[Key{ce.Name, ce.Type}] = refusal{ce.Err.Error(), served, w.opt.Now().Add(refusalHolds)}
	}
}

// changeErrors returns every ChangeError in err's tree.
func changeErrors(err error) []*ChangeError {
	switch e := err.(type) {
	case nil:
		return nil
	case *ChangeError:
		return []*ChangeError{e}
	case interface{ Unwrap() []error }:
		var out []*ChangeError
		for _, sub := range e.Unwrap() {
			out = append(out, changeErrors(sub)...)
		}
		return out
	case interface{ Unwrap() error }:
		return changeErrors(e.Unwrap())
	}
	return nil
}
