package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

const (
	maxBatch   = 1000   // versions in one write
	maxRecords = 50_000 // records of first versions in one write, beyond its first version
)

// Run journals what is published, and extends blocks of serials, until ctx ends; then it journals what is left and records
// the exact serials, so that the rest of the blocks is not lost. The error says what could not be saved: zones named there
// go on above their block at the next start. It may be called once.
func (p *Publisher) Run(ctx context.Context) error {
	p.mu.Lock()
	if p.running || p.stopped {
		p.mu.Unlock()
		return fmt.Errorf("run publisher: %w", errors.New("it ran already"))
	}
	p.running = true
	p.mu.Unlock()

	// Writes in progress are not cut short by ctx, but when the time to stop is over.
	writes, cancel := context.WithCancel(context.WithoutCancel(ctx))
	compactor := make(chan struct{})
	go func() { p.compactor(writes); close(compactor) }()
	defer func() { cancel(); <-compactor }()
	done := make(chan error, 1)
	go func() { done <- p.write(ctx, writes) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(p.opts.StopWait)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		cancel()
	}
	late.Reset(time.Second)
	select {
	case err := <-done:
		return err
	case <-late.C:
		return p.ended(errors.New("a write to the store does not come back"))
	}
}

// write is the loop of the writer; stop ends it, writes is for the store.
func (p *Publisher) write(stop, writes context.Context) error {
	w := writer{p: p, batch: maxBatch}
	for stop.Err() == nil {
		worked, err := w.step(writes)
		switch {
		case err != nil:
			w.pause(stop)
		case !worked:
			select {
			case <-p.wake:
			case <-stop.Done():
			}
		}
	}
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	for {
		worked, err := w.step(writes)
		if err != nil {
			return p.ended(err)
		}
		if !worked {
			return p.ended(p.giveBack(writes))
		}
	}
}

// ended makes Run's error, and lets those who wait for the journal go.
func (p *Publisher) ended(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped, p.running = true, false
	p.tickLocked()
	if err == nil {
		return nil
	}
	var names []zones.Name
	for _, z := range p.pendingLocked() {
		names = append(names, z.origin)
	}
	if len(names) == 0 {
		return fmt.Errorf("stop publisher: %w", err)
	}
	return fmt.Errorf("stop publisher: the newest versions of %d zones (%s …) are not in the journal: %w", len(names), names[0], err)
}

// giveBack records the exact serials of the zones that do not stand at their newest journaled one, and then takes the
// block back, so that what is left of it is not lost.
func (p *Publisher) giveBack(ctx context.Context) error {
	p.mu.Lock()
	exact := make(map[zones.Name]uint32)
	for _, z := range p.zones {
		settled := !z.unreserved && z.journaled.known && z.journaled.serial == z.serial
		if settled && z.reserved != z.serial || !settled && z.known && (!z.held || newer(z.serial, z.reserved)) {
			exact[z.origin] = z.serial
		}
	}
	marked := p.marked
	p.mu.Unlock()
	if len(exact) > 0 {
		if err := p.opts.Store.Reserve(ctx, exact); err != nil {
			return err
		}
	}
	if marked == 0 {
		return nil
	}
	return p.opts.Store.SetBlock(ctx, 0)
}

// writer is the state of the loop.
type writer struct {
	p     *Publisher
	batch int           // versions to try in one write: one after a failure, so that no zone holds up another
	delay time.Duration // the last pause; 0: the last write went well
}

// step reserves what is to be reserved, then journals a batch. worked is false where there was nothing to do.
func (w *writer) step(ctx context.Context) (worked bool, err error) {
	reserved, err1 := w.reserve(ctx)
	journaled, err2 := w.journal(ctx)
	if reserved || journaled {
		return true, errors.Join(err1, err2)
	}
	w.p.idle()
	return w.lower(ctx)
}

// idle forgets failures once nothing waits for the store: zones that did may have been removed.
func (p *Publisher) idle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 && len(p.asking) == 0 && p.marked <= p.opts.Block {
		h := &p.health
		h.failures, h.failing, h.err = 0, time.Time{}, nil
	}
}

// pause waits after a failure, each time longer.
func (w *writer) pause(stop context.Context) {
	w.delay = min(max(2*w.delay, w.p.opts.RetryMin), w.p.opts.RetryMax)
	t := time.NewTimer(w.delay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-stop.Done():
	}
}

// mark tells the store of this run's block, once.
func (w *writer) mark(ctx context.Context) (worked bool, err error) {
	p := w.p
	p.mu.Lock()
	n := p.nextBlock()
	todo := p.block == 0 && n <= maxBlock && !p.stopped
	p.beginLocked(todo)
	p.mu.Unlock()
	if !todo {
		return false, nil
	}
	err = p.opts.Store.SetBlock(ctx, n)
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.tickLocked()
	p.endLocked(err)
	if err != nil {
		p.health.reserveFailures++
		return true, err
	}
	p.marked, p.block = n, n
	p.settleLocked(p.queue)
	return true, nil
}

// lower makes the block an ordinary one again after a crash: what was behind the last one is reserved zone by zone. It is
// for when there is nothing else to do.
func (w *writer) lower(ctx context.Context) (worked bool, err error) {
	p := w.p
	p.mu.Lock()
	if p.marked <= p.opts.Block || p.stopped || p.catalog.Load().Len() == 0 {
		p.mu.Unlock()
		return false, nil
	}
	upTo := make(map[zones.Name]uint32)
	for _, z := range p.zones {
		if z.known && (!z.held || newer(z.serial, z.limit(p.opts.Block))) {
			if upTo[z.origin] = z.serial; len(upTo) == maxBatch {
				break
			}
		}
	}
	if len(upTo) == 0 {
		p.block = p.opts.Block // every zone stands within it
	}
	p.beginLocked(true)
	p.mu.Unlock()
	if len(upTo) > 0 {
		err = p.opts.Store.Reserve(ctx, upTo)
	} else {
		err = p.opts.Store.SetBlock(ctx, p.opts.Block)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.tickLocked()
	p.endLocked(err)
	switch {
	case err != nil:
	case len(upTo) == 0:
		p.marked = p.opts.Block
	default:
		p.reservedLocked(upTo)
	}
	return true, err
}

// reserve extends the blocks of all zones that ask for it, in one write, and gives serials to those that lacked one.
func (w *writer) reserve(ctx context.Context) (worked bool, err error) {
	if worked, err = w.mark(ctx); err != nil {
		return worked, err
	}
	p := w.p
	p.mu.Lock()
	upTo := make(map[zones.Name]uint32)
	for z := range p.asking {
		if p.asksLocked(z) {
			upTo[z.origin] = z.want + p.opts.Block
		} else {
			delete(p.asking, z) // the block has moved up meanwhile
		}
	}
	p.beginLocked(len(upTo) > 0)
	if len(upTo) == 0 {
		if worked {
			p.tickLocked()
		}
		p.mu.Unlock()
		return worked, nil
	}
	p.mu.Unlock()
	err = p.opts.Store.Reserve(ctx, upTo)
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.tickLocked()
	p.endLocked(err)
	if err != nil {
		p.health.reserveFailures++
		return true, err
	}
	p.reservedLocked(upTo)
	p.settleLocked(p.queue)
	return true, nil
}

// reservedLocked notes that serials are reserved.
func (p *Publisher) reservedLocked(upTo map[zones.Name]uint32) {
	for origin, serial := range upTo {
		z := p.zones[origin]
		if !z.held || newer(serial, z.reserved) {
			z.reserved, z.held = serial, true
		}
		if _, asks := p.asking[z]; asks && !p.asksLocked(z) {
			delete(p.asking, z)
		}
	}
}

// settleLocked gives a serial to every version among list that is served without one of its own and can have it now.
func (p *Publisher) settleLocked(list []*state) {
	var swap []*zones.Zone
	for _, z := range list {
		if z.served == nil || !z.unreserved {
			continue
		}
		if fixed(z.served) {
			z.unreserved = z.behind()
			continue
		}
		serial, reserved := p.allowed(z, p.nextSerial(z, z.fileSerial))
		if !reserved {
			continue
		}
		served, err := z.served.WithSerial(serial)
		if err != nil { // cannot be: it has a SOA since it was accepted
			p.opts.Log.Error("set serial", "zone", z.origin, "err", err)
			continue
		}
		// It remains the version that its publisher knows by its generation: only the serial is new.
		z.served, z.serial, z.unreserved = served, serial, false
		p.extendLocked(z)
		swap = append(swap, served)
		p.opts.Log.Info("new content has a serial of its own again", "zone", z.origin, "serial", serial)
	}
	p.swapLocked(swap...)
}

// task is one version on its way into the journal.
type task struct {
	z       *state
	version Journal
	before  journaled
	waiting *waiting // what version's reasons were made of
}

// journal writes the newest versions of some zones.
func (w *writer) journal(ctx context.Context) (worked bool, err error) {
	p := w.p
	tasks := w.take()
	if len(tasks) == 0 {
		return false, nil
	}
	p.where(tasks)(func() {
		vs := make([]Journal, len(tasks))
		for i := range tasks {
			p.complete(ctx, &tasks[i])
			vs[i] = tasks[i].version
		}
		err = p.opts.Store.AppendServed(ctx, vs)
	})
	var heads []Head
	if err != nil {
		heads = p.reread(ctx, tasks)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.tickLocked()
	p.endLocked(err)
	if err == nil {
		for _, t := range tasks {
			p.journaledLocked(t)
		}
		w.batch, w.delay = min(4*w.batch, maxBatch), 0
	} else {
		w.batch = 1
		for i, t := range tasks {
			p.failedLocked(t, heads[i], err)
		}
	}
	p.requeueLocked(tasks)
	p.signalLocked()
	return true, err
}

// where returns what runs the writing of tasks: first versions, which are large or many, are written aside.
func (p *Publisher) where(tasks []task) func(func()) {
	for _, t := range tasks {
		if t.before.zone == nil {
			return p.opts.Aside
		}
	}
	return func(f func()) { f() }
}

// take picks the zones to journal now, the oldest first, and what of them is to be journaled. They leave the queue, as those
// do that are no longer served; those that wait for a serial stay.
func (w *writer) take() []task {
	p := w.p
	p.mu.Lock()
	defer p.mu.Unlock()
	var tasks []task
	records := 0
	rest := p.queue[:0]
	for i, z := range p.queue {
		if z.served == nil {
			z.queued = false
			continue
		}
		if z.unreserved || fixed(z.served) && z.behind() {
			z.unreserved = true // perhaps only since another version came into the journal
			rest = append(rest, z)
			continue
		}
		if z.journaled.zone == nil {
			records += z.served.Records()
		}
		if len(tasks) == w.batch || len(tasks) > 0 && records > maxRecords {
			rest = append(rest, p.queue[i:]...)
			break
		}
		tasks = append(tasks, p.taskLocked(z))
	}
	clear(p.queue[len(rest):])
	p.queue, p.writing = rest, tasks
	p.beginLocked(len(tasks) > 0)
	return tasks
}

// taskLocked makes the task of journaling what is served of z.
func (p *Publisher) taskLocked(z *state) task {
	if z.waiting == nil { // cannot be: it is made with every version
		z.waiting = &waiting{since: timeOf(z.since)}
	}
	t := task{z: z, before: z.journaled, waiting: z.waiting, version: Journal{
		Origin: z.origin, Generation: z.generation, To: z.serial, Time: timeOf(z.since), Reasons: z.waiting.reasons.list(),
		FileSerial: z.fileSerial, FileVersion: z.fileVersion, Zone: z.served,
	}}
	if z.content != "" {
		t.version.FileVersion += contentMark + z.content
	}
	z.waiting = nil
	return t
}

// complete computes the changes of a version since the journaled one.
func (p *Publisher) complete(ctx context.Context, t *task) {
	if !t.before.known {
		t.version.Whole = true
		return
	}
	t.version.Prev, t.version.From = t.before.generation, t.before.serial
	old := t.before.zone
	if t.z.reload || old == nil { // reload is the writer's own
		var err error
		if old, err = p.opts.Store.Served(ctx, t.z.origin); err != nil {
			// The version before is lost, not this one: it is journaled as a whole.
			p.opts.Log.Error("read the journaled version: this one is kept as a whole, secondaries transfer all of it", "zone", t.z.origin, "err", err)
			t.version.Whole = true
			return
		}
	}
	t.version.Changes = zones.Diff(old, t.version.Zone)
}

// reread returns what the store has of the zones of tasks after a write that failed, and may have been done
// nevertheless. A head without origin is not known.
func (p *Publisher) reread(ctx context.Context, tasks []task) []Head {
	heads := make([]Head, len(tasks))
	for i, t := range tasks {
		h, _, err := p.opts.Store.Head(ctx, t.z.origin)
		if err != nil {
			p.opts.Log.Error("read what was journaled", "zone", t.z.origin, "err", err)
			break // the others would not do better
		}
		h.Origin = t.z.origin
		heads[i] = h
	}
	return heads
}

// journaledLocked notes that t is in the journal.
func (p *Publisher) journaledLocked(t task) {
	z, v := t.z, t.version
	z.journaled = journaled{known: true, zone: v.Zone, serial: v.To, generation: v.Generation, since: nanos(v.Time), reasons: v.Reasons}
	z.reload = false
	if !z.held || newer(v.To, z.reserved) {
		z.reserved, z.held = v.To, true // the store has it so, too
	}
	switch {
	case z.served == nil: // removed meanwhile
		z.journaled.zone = nil
	case z.generation == v.Generation:
		z.journaled.zone = z.served // compacted, perhaps
		z.queued = false
	}
}

// failedLocked notes that t could not be written, because of err; h is what the store has.
func (p *Publisher) failedLocked(t task, h Head, err error) {
	z := t.z
	if !h.Origin.IsZero() && h.Journaled && h.Generation == t.version.Generation && h.Serial == t.version.To {
		p.journaledLocked(t) // it was written after all
		return
	}
	if z.served == nil {
		return
	}
	z.waitsSince(t.waiting)
	var chain interface{ Chain() bool }
	if errors.As(err, &chain) && chain.Chain() {
		z.reload = true
	}
	if h.Origin.IsZero() || h.Journaled == z.journaled.known && (!h.Journaled || h.Generation == z.journaled.generation && h.Serial == z.journaled.serial) {
		return
	}
	// Somebody else wrote the store, or had it forget the zone.
	p.opts.Log.Warn("the journal is not where it was left", "zone", z.origin, "serial", h.Serial, "generation", h.Generation)
	z.adopt(h)
	z.generation = max(z.generation, h.Generation+1)
	if fixed(z.served) {
		z.unreserved = z.behind()
		return
	}
	if h.Journaled && !newer(z.serial, h.Serial) {
		z.serial, z.unreserved = h.Serial, true
		p.reserveLocked(z, z.serial)
	}
}

// waitsSince puts what waited before in front of what waits now.
func (z *state) waitsSince(before *waiting) {
	w := waiting{since: before.since, reasons: before.reasons}
	if z.waiting != nil {
		w.reasons = z.waiting.reasons
		w.reasons.before(before.reasons)
	}
	z.waiting = &w
}

// requeueLocked puts the zones of tasks that still wait behind the others.
func (p *Publisher) requeueLocked(tasks []task) {
	p.writing = nil
	var settle []*state
	for _, t := range tasks {
		if t.z.queued {
			p.queue = append(p.queue, t.z)
			settle = append(settle, t.z)
		}
	}
	p.settleLocked(settle) // the block has moved up
}

// beginLocked notes that a write begins, endLocked how it ended.
func (p *Publisher) beginLocked(begins bool) {
	if begins {
		p.health.since = p.opts.Now()
	}
}

func (p *Publisher) endLocked(err error) {
	h := &p.health
	h.since = time.Time{}
	switch {
	case err == nil && h.failures > 0:
		p.opts.Log.Info("the store takes writes again", "failures", h.failures, "since", h.failing)
		h.failures, h.failing, h.err = 0, time.Time{}, nil
	case err != nil:
		if h.failures++; h.failures == 1 {
			h.failing = p.opts.Now()
		}
		if h.err == nil || h.err.Error() != err.Error() {
			p.opts.Log.Error("write to the store: it will be tried again", "err", err, "pending", len(p.queue)+len(p.writing))
		}
		h.err = err
	}
}
