package providers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// PlanOptions say what a Plan is to be.
type PlanOptions struct {
	Allow []string // ids of guards to let pass
	Mode  Mode
}

// PushOptions say how far a Push may go.
type PushOptions struct {
	Allow []string
	Hash  string        // where set: apply the plan with this hash, or nothing
	Wait  time.Duration // for the name servers; 0: Timeouts.Verify; below 0: don't wait
}

// Result is what a Push did.
type Result struct {
	Plan       *Plan    `json:"plan"`       // what was to be done
	Applied    int      `json:"applied"`    // RRsets seen at the provider afterwards
	Left       []string `json:"left"`       // RRsets that were not: "www A"
	Asked      bool     `json:"asked"`      // there are name servers, and they were asked
	Unverified []string `json:"unverified"` // what name servers did not answer yet when the wait was over
	Unasked    []string `json:"unasked"`    // what they can't be asked for
}

// Errors of Plan and Push.
var (
	// ErrNotLoaded: nothing is known of the zone yet (no Update).
	ErrNotLoaded = errors.New("zone not loaded")
	// ErrPlanChanged: PushOptions.Hash is no longer the hash of the plan. Nothing was done.
	ErrPlanChanged = errors.New("the plan has changed since it was read")
)

// BlockedError means that guards stand in the way of a Push. Nothing was done.
type BlockedError struct {
	Provider string
	Zone     zones.Name
	Guards   []Guard
}

// Error tells every guard, in one line.
func (e *BlockedError) Error() string {
	texts := make([]string, len(e.Guards))
	for i, g := range e.Guards {
		texts[i] = g.Text
	}
	return fmt.Sprintf("%s -> %s: %s; nothing was changed", e.Zone, e.Provider, strings.Join(texts, "; "))
}

// IDs returns the ids that would let it pass, and whether they would (some guards can't be let pass).
func (e *BlockedError) IDs() (ids []string, pass bool) {
	pass = true
	for _, g := range e.Guards {
		ids = append(ids, g.ID)
		pass = pass && g.Overridable
	}
	return ids, pass
}

// Plan reads the provider and returns what would be done there. It writes nothing, waits while the mirror is
// being written, and needs no running engine.
func (e *Engine) Plan(ctx context.Context, provider string, zone zones.Name, o PlanOptions) (*Plan, error) {
	w, err := e.worker(provider, zone)
	if err != nil {
		return nil, err
	}
	if err := w.acquire(ctx); err != nil {
		return nil, err
	}
	defer w.release()
	plan, _, _, err := w.plan(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("%s -> %s: %w", zone, provider, err)
	}
	return plan, nil
}

// plan is Plan under the lock. It returns what the plan was made from.
func (w *worker) plan(ctx context.Context, o PlanOptions) (*Plan, *Snapshot, *Desired, error) {
	d := w.current()
	if d == nil {
		return nil, nil, nil, ErrNotLoaded
	}
	if err := w.session.open(); err != nil {
		return nil, nil, nil, err
	}
	snap, err := w.session.read(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	return MakePlan(w.input(snap, d, o.Mode, o.Allow)), snap, d, nil
}

// Push applies a full plan and approves it: from now on, health goes from what it pushed. It waits until the name
// servers answer it, as long as PushOptions.Wait says; that they don't is no error. A guard in the way is a *BlockedError. After any other
// error, what of it was done is in the Result, where there is one; read and plan again. It needs no running engine.
func (e *Engine) Push(ctx context.Context, provider string, zone zones.Name, o PushOptions) (*Result, error) {
	w, err := e.worker(provider, zone)
	if err != nil {
		return nil, err
	}
	res, keys, err := w.push(ctx, o)
	if err != nil {
		var blocked *BlockedError
		if !errors.As(err, &blocked) {
			err = fmt.Errorf("%s -> %s: %w", zone, provider, err)
		}
		return res, err
	}
	if o.Wait == 0 {
		o.Wait = e.opt.Timeouts.Verify
	}
	w.await(ctx, keys, o.Wait)
	w.finishVerify(ctx)
	unverified, _ := w.verifier.problems()
	res.Unverified = append(res.Unverified, unverified...)
	res.Unasked = append(res.Unasked, w.verifier.unasked()...)
	res.Asked = len(keys) > 0 && w.verifier.asks() && o.Wait > 0
	return res, nil
}

// push plans and applies under the lock, again where the provider or what is wanted changed meanwhile, and returns what was
// written. With a hash, nothing but the plan of that hash is.
func (w *worker) push(ctx context.Context, o PushOptions) (*Result, []Key, error) {
	if err := w.acquire(ctx); err != nil {
		return nil, nil, err
	}
	defer w.release()
	defer w.rephase()
	clear(w.refused) // whoever pushes wants it tried again
	clear(w.stuck)
	var res *Result
	var keys []Key
	var first *Desired // what the first plan was made from
	overtaken := false // by a newer zone or configuration, before it was written
	for range maxRounds {
		plan, snap, d, err := w.plan(ctx, PlanOptions{Allow: o.Allow})
		if err != nil {
			return res, keys, err
		}
		if first != nil && first != d && o.Hash != "" {
			return res, keys, ErrPlanChanged // what is left of it is no longer what was read
		}
		if overtaken {
			res.Plan = plan
		}
		if res == nil {
			first = d
			res = &Result{Plan: plan, Left: []string{}, Unverified: []string{}, Unasked: []string{}}
			if o.Hash != "" && o.Hash != plan.Hash {
				return res, nil, ErrPlanChanged
			}
		}
		if b := plan.Blocked(); len(b) > 0 {
			return res, keys, &BlockedError{w.key.provider, w.key.zone, b}
		}
		var more []Key
		if !plan.Empty() {
			more, err = w.pushOnce(ctx, plan, snap, d, res)
			keys = append(keys, more...)
		} else if err = w.fresh(d); err == nil {
			return res, keys, w.approve(snap, plan)
		}
		overtaken = errors.Is(err, errSuperseded) || errors.Is(err, errReconfigured)
		switch {
		case overtaken && o.Hash != "":
			return res, keys, ErrPlanChanged
		case overtaken:
			w.take()
		case err == nil && len(res.Left) == 0:
			return res, keys, nil
		case err != nil && (!again(err) || o.Hash != "" && errors.Is(err, ErrConflict)):
			return res, keys, err
		}
	}
	return res, keys, fmt.Errorf("%w: it still differs after %d writes", ErrUnavailable, maxRounds)
}

// pushOnce applies one plan. What was begun is finished even when ctx ends.
func (w *worker) pushOnce(ctx context.Context, plan *Plan, snap *Snapshot, d *Desired, res *Result) ([]Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	after, err := w.write(context.WithoutCancel(ctx), plan, snap, d)
	if errors.Is(err, errSuperseded) || errors.Is(err, errReconfigured) || errors.Is(err, ErrUnknownMirror) {
		return nil, err // nothing was done
	}
	res.Left = []string{}
	var done []Key
	var held map[Key]RRset
	if after != nil {
		held = after.index()
	}
	for _, c := range plan.changes {
		k := Key{c.Name, c.Type}
		if after != nil && Equal(held[k], c.New) {
			done = append(done, k)
			continue
		}
		res.Left = append(res.Left, c.Name.Relative(w.key.zone)+" "+zones.TypeString(c.Type))
	}
	res.Applied += len(done)
	if after != nil && w.session.state != nil {
		next := MakePlan(w.input(after, d, Full, nil))
		if aerr := w.approve(after, next); aerr != nil {
			return done, errors.Join(err, aerr)
		}
	}
	return done, err
}

// approve takes over what is as it is to be, and keeps it.
func (w *worker) approve(snap *Snapshot, plan *Plan) error {
	w.session.settleAll(plan)
	w.observe(snap, plan)
	w.checkVerified(plan)
	return w.keep()
}

// await runs verification rounds until the name servers answer keys, or the time is over.
func (w *worker) await(ctx context.Context, keys []Key, limit time.Duration) {
	if limit < 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for w.verifier.waitsFor(keys) {
		if err := w.verifyNext(ctx); err != nil {
			return
		}
	}
}

func (v *verifier) waitsFor(keys []Key) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.ContainsFunc(keys, func(k Key) bool { _, ok := v.checks[k]; return ok })
}

// verifyNext waits until something is due and runs one round.
func (w *worker) verifyNext(ctx context.Context) error {
	for {
		next, changed := w.verifier.due()
		var timer <-chan time.Time
		if !next.IsZero() {
			wait := next.Sub(w.opt.Now())
			if wait <= 0 {
				return w.verifier.round(ctx)
			}
			t := time.NewTimer(wait)
			defer t.Stop()
			timer = t.C
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer:
		case <-changed:
			return nil
		}
	}
}

// verifyLoop asks name servers as long as there is something to ask for.
func (w *worker) verifyLoop(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-w.gone:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		busy := w.verifier.busy()
		if err := w.verifyNext(ctx); err != nil {
			return
		}
		if busy && !w.verifier.busy() {
			w.finishVerify(ctx)
		}
	}
}

// finishVerify notes that all is verified, once it is.
func (w *worker) finishVerify(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case w.lock <- struct{}{}:
	}
	defer func() { <-w.lock }()
	w.mu.Lock()
	full := w.seen.full
	w.mu.Unlock()
	if full != nil && w.session.state != nil {
		w.checkVerified(full)
		if err := w.keep(); err != nil {
			w.opt.Log.WarnContext(ctx, "mirror", "zone", w.key.zone, "provider", w.key.provider, "err", err)
		}
	}
	w.rephase()
}
