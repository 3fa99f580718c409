package providers

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// session is one mirror while its lock is held: read, plan, apply, read back, and the durable state around it. It
// is not safe for concurrent use.
type session struct {
	opt    *Options
	mirror Mirror
	state  *MirrorState // nil: not loaded yet
	saved  uint64       // the generation that is kept
	dirty  bool         // live differs from what is kept
	base   bool         // so does base
	found  []Change     // what an interrupted write was found to have done: not asked for by DNS yet
}

// open loads the state, once.
func (s *session) open() error {
	if s.state != nil {
		return nil
	}
	kept, err := s.opt.State.Load(s.mirror.Provider, s.mirror.Zone)
	if err != nil {
		return fmt.Errorf("load what was applied: %w", err)
	}
	state, err := decodeState(kept)
	if err != nil {
		return err
	}
	s.state, s.saved, s.dirty, s.base = state, kept.Generation, false, false
	return nil
}

// save makes the state durable. On an error it is forgotten, to be loaded again: another controller may have
// written, and what is in memory must not win over that.
func (s *session) save() error {
	var out Saved
	var err error
	out.Generation = s.state.Generation
	if out.Live, err = encodeLive(s.state); err != nil {
		return err
	}
	if s.base {
		if out.Base, err = encodeBase(s.state); err != nil {
			return err
		}
	}
	if err := s.opt.State.Save(s.mirror.Provider, s.mirror.Zone, s.saved, out); err != nil {
		s.state = nil
		return fmt.Errorf("keep what is to be applied: %w", err)
	}
	s.saved, s.dirty, s.base = out.Generation, false, false
	return nil
}

// settle takes over what the provider was seen to hold.
func (s *session) settle(k Key, r settle) {
	s.doubtNoMore(k)
	old, had := s.state.Applied[k]
	if approved, ours := s.state.Approved[k]; ours && r.released() {
		// A reading that is older than our write can show it gone when it is not. If it comes back as it was, it is ours.
		applied, _ := s.state.applied(k)
		s.state.Doubts[k] = Doubt{IntentChange{Key: k, New: applied, Record: approved}, s.opt.Now()}
	}
	base := s.state.settle(k, r)
	s.base = s.base || base
	now, has := s.state.Applied[k]
	s.dirty = s.dirty || base || had != has || had && !same(old, now)
}

// read takes a snapshot.
func (s *session) read(ctx context.Context) (*Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opt.Timeouts.Read)
	defer cancel()
	var snap *Snapshot
	err := protect(func() (err error) {
		snap, err = s.mirror.Driver.Snapshot(ctx, s.mirror.Zone)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.mirror.Zone, err)
	}
	s.resolve(snap)
	return snap, nil
}

// resolve settles a write whose outcome we never saw: what is there now is its outcome. What is not there is kept in
// doubt for a while: the reading may be older than the write.
func (s *session) resolve(snap *Snapshot) {
	st := s.state
	if p := st.Pending; p != nil {
		for _, c := range p.Changes {
			st.Doubts[c.Key] = Doubt{c, p.Time}
		}
		st.Pending, s.dirty = nil, true
	}
	if len(st.Doubts) == 0 {
		return
	}
	held := snap.index()
	for _, k := range sorted(st.Doubts) {
		d := st.Doubts[k]
		switch {
		case Equal(held[k], d.Change.New):
			s.settle(k, d.Change.settle())
			s.found = append(s.found, Change{Name: k.Name, Type: k.Type, New: d.Change.New, Health: d.Change.Health})
		case s.opt.Now().Sub(d.Begun) >= doubtHolds:
			s.doubtNoMore(k)
		}
	}
}

func (s *session) doubtNoMore(k Key) {
	if _, ok := s.state.Doubts[k]; ok {
		delete(s.state.Doubts, k)
		s.dirty = true
	}
}

func (c IntentChange) settle() settle {
	if c.Health {
		return settle{held: c.Record, health: true}
	}
	return settle{held: c.New, approve: c.Record}
}

// index returns the RRsets of the snapshot by their key.
func (s *Snapshot) index() map[Key]RRset {
	m := make(map[Key]RRset, len(s.RRsets))
	for _, r := range s.RRsets {
		m[Key{r.Name, r.Type}] = r
	}
	return m
}

// outcome is what became of an apply.
type outcome struct {
	after *Snapshot // nil: could not be read
	done  []Change  // seen at the provider
	left  []Change  // not seen
}

// apply writes plan's changes, with a durable intent before and a reading after. fresh is asked right before the write; its
// error stops it. An error means that not all was seen to be done; outcome says what was.
func (s *session) apply(ctx context.Context, plan *Plan, snap *Snapshot, fresh func() error) (outcome, error) {
	if err := fresh(); err != nil {
		return outcome{after: snap, left: plan.changes}, err
	}
	if err := s.intend(plan); err != nil {
		return outcome{after: snap, left: plan.changes}, err
	}
	actx, cancel := context.WithTimeout(ctx, s.opt.Timeouts.Apply)
	err := protect(func() error { return s.mirror.Driver.Apply(actx, s.mirror.Zone, snap, plan.changes) })
	cancel()
	out, rerr := s.readBack(ctx, plan, err == nil)
	if rerr == nil {
		s.found = nil // out.done tells it
	}
	if rerr != nil {
		return out, errors.Join(err, rerr)
	}
	if serr := s.save(); serr != nil {
		return out, errors.Join(err, serr)
	}
	switch {
	case len(out.left) == 0:
		return out, nil // whatever the call said: it is there
	case err == nil:
		c := out.left[0]
		return out, fmt.Errorf("%w: accepted, but not there when read back: %s", ErrUnavailable, Key{c.Name, c.Type})
	}
	return out, err
}

// intend makes the write known before it begins, under a generation of its own.
func (s *session) intend(plan *Plan) error {
	s.state.Generation++
	in := &Intent{Generation: s.state.Generation, Time: s.opt.Now(), Mode: plan.Mode, Serial: plan.Serial}
	for _, c := range plan.changes {
		r := plan.records[Key{c.Name, c.Type}]
		ic := IntentChange{Key: Key{c.Name, c.Type}, New: c.New, Record: r.approve, Health: r.health}
		if r.health {
			ic.Record = r.held
		}
		in.Changes = append(in.Changes, ic)
		s.doubtNoMore(ic.Key) // the new write says what becomes of it
	}
	s.state.Pending = in
	return s.save()
}

// readBack reads until the write is seen, a few times where it was accepted: some providers show it late.
func (s *session) readBack(ctx context.Context, plan *Plan, accepted bool) (outcome, error) {
	pending := s.state.Pending
	for wait := 200 * time.Millisecond; ; wait *= 2 {
		snap, err := s.read(ctx)
		if err != nil {
			return outcome{left: plan.changes}, err
		}
		out := outcome{after: snap}
		held := snap.index()
		for _, c := range plan.changes {
			if Equal(held[Key{c.Name, c.Type}], c.New) {
				out.done = append(out.done, c)
			} else {
				out.left = append(out.left, c)
			}
		}
		if len(out.left) == 0 || !accepted || wait > 2*time.Second {
			return out, nil
		}
		s.state.Pending = pending // resolve has taken it; the next reading may show more
		if err := sleep(ctx, wait); err != nil {
			return out, err
		}
	}
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// settleAll takes over that everything which plan has nothing to do about is as it is to be. Only a full plan that
// somebody or something approved may be settled so.
func (s *session) settleAll(plan *Plan) {
	changing := plan.changing()
	for k, r := range plan.records {
		if !changing[k] {
			s.settle(k, r)
		}
	}
}

// adopt takes over what holds exactly what is declared, so that health has something to go from before the first push. It
// says whether something of that is withdrawn now.
func (s *session) adopt(plan *Plan) (withdraw bool) {
	changing := plan.changing()
	for k, r := range plan.records {
		if r.adopt && !changing[k] {
			s.settle(k, r)
		}
	}
	for k, r := range plan.adopted {
		s.settle(k, r)
	}
	return len(plan.adopted) > 0
}

// protect keeps a driver's panic from ending the process: a library's nil dereference is one provider's failure.
func protect(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: the driver panicked: %v\n%s", ErrUnavailable, r, debug.Stack())
		}
	}()
	return f()
}
