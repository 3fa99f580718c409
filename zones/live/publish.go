package live

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/miekg/dns"
)

// Update is the content that a zone should be served with.
type Update struct {
	Zone       *zones.Zone // with a SOA, whose serial counts in a signed zone alone
	FileSerial uint32      // the serial that the zone's file has
	// FileVersion is an opaque identity of the loaded content that Zone was made from: each one whose serial did not
	// rise is warned of once. Empty: not from a file.
	FileVersion string
	// Content says, together with FileVersion, what exactly Zone holds but for its serial: two zones with both the same
	// are the same. It saves comparing the zone with the journal at the start. Empty: that is not known.
	Content string
	Reasons []string // in words, for the journal: what changed
}

// contentMark stands between FileVersion and Content where the store keeps both as one.
const contentMark = "+"

// Result says what became of what was to be published.
type Result struct {
	Published []Version // now served, in the order of the updates; versions that are as before are not among them
	Unchanged int
	Warnings  []Warning
}

// Warning is something about a zone that its owner should look at.
type Warning struct {
	Origin  zones.Name
	Problem zones.Problem
}

// Unreserved returns the zones whose new content is served under an old serial, because the store could not reserve another
// or because they are signed.
func (r Result) Unreserved() []zones.Name {
	var out []zones.Name
	for _, v := range r.Published {
		if v.Unreserved {
			out = append(out, v.Zone.Origin())
		}
	}
	return out
}

// job is one Update on its way.
type job struct {
	Update
	z          *state
	served     bool   // a version was served when the update was compared
	generation uint64 // of that
	differs    bool   // from it
	same       bool   // the journal's newest version, of generation of, has this content
	of         uint64
}

// Publish makes the updates' zones what is served, all with one swap: those whose content differs, in more than
// the serial, from what is served get the next serial. The error tells of zones that cannot be served (no SOA) or not now
// (ErrStopped, ErrNotRestored); all others are published. Publish may wait for the store to reserve
// serials, at most Options.ReserveWait or until ctx ends, and then publishes in any case; it never waits for a journal.
// Of two updates of one zone the later counts.
func (p *Publisher) Publish(ctx context.Context, updates []Update) (Result, error) {
	prepared, err := p.Prepare(ctx, updates)
	res, pubErr := prepared.Publish(nil)
	return res, errors.Join(err, pubErr)
}

// Prepared is what Prepare made.
type Prepared struct {
	p    *Publisher
	jobs []job
}

// Prepare does what takes long of Publish, and changes nothing of what is served: it compares the zones with what is
// served and journaled, and waits for serials. The error is as that of Publish; Prepared holds the others, and is
// published once.
func (p *Publisher) Prepare(ctx context.Context, updates []Update) (*Prepared, error) {
	jobs, seen, err := p.accept(updates)
	for i := range jobs {
		j := &jobs[i]
		if j.differs = differs(seen[i], j.Zone); j.served || j.same || j.of == 0 {
			continue
		}
		same, readErr := p.opts.Store.ServedIs(ctx, j.Zone)
		if j.same = same && readErr == nil; readErr != nil {
			p.opts.Log.Error("compare with journal: the zone gets a new serial", "zone", j.z.origin, "err", readErr)
		}
	}
	p.awaitReservations(ctx, jobs)
	return &Prepared{p, jobs}, err
}

// Publish makes the prepared zones what is served, at once. Where replace returns another zone for one of them, made
// from the same file, that one is: verdicts may have changed since Prepare. A zone that was changed since Prepare is
// published in any case: the caller knows better.
func (pr *Prepared) Publish(replace func(Update) (zone *zones.Zone, content string)) (Result, error) {
	p := pr.p
	if len(pr.jobs) == 0 {
		return Result{}, nil
	}
	for i := range pr.jobs {
		pr.jobs[i].replace(replace)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return Result{}, ErrStopped
	}
	var res Result
	var errs []error
	swap := make([]*zones.Zone, 0, len(pr.jobs))
	for i := range pr.jobs {
		j := &pr.jobs[i]
		if now := j.z.served != nil; now != j.served || now && j.z.generation != j.generation {
			j.differs = true
		}
		if w, ok := j.warning(); ok {
			res.Warnings = append(res.Warnings, w)
		}
		j.z.fileSerial, j.z.fileVersion = j.FileSerial, j.FileVersion
		if !j.differs {
			j.z.content = j.Content
			res.Unchanged++
			continue
		}
		if err := p.publishLocked(j); err != nil {
			errs = append(errs, err)
			continue
		}
		swap = append(swap, j.z.served)
		res.Published = append(res.Published, j.z.version())
	}
	p.swapLocked(swap...)
	return res, errors.Join(errs...)
}

// replace puts another zone into the job.
func (j *job) replace(by func(Update) (*zones.Zone, string)) {
	if by == nil {
		return
	}
	if z, content := by(j.Update); z != nil && z != j.Zone {
		j.Zone, j.Content, j.differs, j.same = z, content, true, false
	}
}

// accept picks the updates that can be published; seen is what is served of their zones.
func (p *Publisher) accept(updates []Update) (jobs []job, seen []*zones.Zone, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.restored:
		return nil, nil, ErrNotRestored
	case p.stopped:
		return nil, nil, ErrStopped
	}
	var errs []error
	jobs, seen = make([]job, 0, len(updates)), make([]*zones.Zone, 0, len(updates))
	at := make(map[*state]int, len(updates))
	for _, u := range updates {
		if !hasSOA(u.Zone) {
			errs = append(errs, fmt.Errorf("publish %s: the zone has no SOA record", u.Zone.Origin()))
			continue
		}
		z := p.stateLocked(u.Zone.Origin())
		j := job{Update: u, z: z, served: z.served != nil, generation: z.generation}
		if z.journaled.known && z.served == nil {
			j.of = z.journaled.generation
			j.same = u.Content != "" && u.FileVersion != "" && u.Content == z.content && u.FileVersion == z.fileVersion
		}
		if i, ok := at[z]; ok {
			jobs[i] = j
			continue
		}
		at[z] = len(jobs)
		jobs, seen = append(jobs, j), append(seen, z.served)
	}
	return jobs, seen, errors.Join(errs...)
}

// hasSOA says whether z has a SOA that can have a serial.
func hasSOA(z *zones.Zone) bool {
	soa, ok := z.SOA()
	return ok && len(soa.Data[0]) >= 20
}

// differs says whether old and new differ in more than the serial, or at all where they are signed. old may be nil.
func differs(old, new *zones.Zone) bool {
	if old == new {
		return false
	}
	if old == nil {
		return true
	}
	whole := fixed(old) || fixed(new) // the serial counts, too
	for _, c := range zones.Diff(old, new) {
		if whole || !(c.Type == dns.TypeSOA && c.Name == new.Origin() && !c.Old.IsZero() && !c.New.IsZero() &&
			withSerial(c.Old, 0).Equal(withSerial(c.New, 0))) {
			return true
		}
	}
	return false
}

// withSerial returns a copy of soa with another serial.
func withSerial(soa zones.RRset, serial uint32) zones.RRset {
	d := bytes.Clone(soa.Data[0])
	if len(d) >= 20 {
		binary.BigEndian.PutUint32(d[len(d)-20:], serial)
	}
	soa.Data = [][]byte{d}
	return soa
}

// awaitReservations asks for the serials that must be reserved before they are served: the first of a zone, and one
// that the file jumps to. It waits for them, but not for ever, and not for a store that fails or hangs.
func (p *Publisher) awaitReservations(ctx context.Context, jobs []job) {
	ctx, cancel := context.WithTimeout(ctx, p.opts.ReserveWait)
	defer cancel()
	var asked []*state
	failures := -1
	_ = p.await(ctx, func() (bool, error) { // how it ends does not matter: publishLocked looks at what is reserved
		if failures < 0 {
			failures = p.health.reserveFailures
			for i := range jobs {
				if p.askLocked(&jobs[i]) {
					asked = append(asked, jobs[i].z)
				}
			}
			if len(asked) > 0 {
				poke(p.wake)
			}
		}
		waiting := slices.ContainsFunc(asked, func(z *state) bool { _, asks := p.asking[z]; return asks })
		return !waiting || p.health.reserveFailures > failures || p.stopped || p.stuckLocked(), nil
	})
}

// stuckLocked says that the last write failed, or that the one in progress takes too long.
func (p *Publisher) stuckLocked() bool {
	h := p.health
	return h.err != nil || !h.since.IsZero() && p.opts.Now().Sub(h.since) > p.opts.ReserveWait
}

// askLocked asks for a reservation for j if it must come before j is published. Of a zone that the store does not know,
// nobody has seen a serial that counts: its first one waits for nothing.
func (p *Publisher) askLocked(j *job) bool {
	if !j.differs || !j.z.known {
		return false
	}
	serial := p.serialFor(j)
	if p.within(j.z, serial) {
		return false
	}
	if p.block > 0 && serial == succ(j.z.top()) {
		return false // the block is used up and is being extended: content does not wait for that
	}
	p.reserveLocked(j.z, serial)
	return true
}

// serialFor returns the serial that j should have.
func (p *Publisher) serialFor(j *job) uint32 {
	z := j.z
	switch {
	case fixed(j.Zone):
		return j.Zone.Serial()
	case !z.known && j.FileSerial == 0:
		return 1
	case !z.known:
		return j.FileSerial
	case z.reusable(j):
		return z.serial
	}
	return p.nextSerial(z, j.FileSerial)
}

// nextSerial returns the serial that z's next version should have, its file having serial file.
func (p *Publisher) nextSerial(z *state, file uint32) uint32 {
	journaled := z.serial
	if z.journaled.known {
		journaled = z.journaled.serial
	}
	return next(z.top(), journaled, file)
}

// reusable says that j is the newest journaled version, and that none was served after that one.
func (z *state) reusable(j *job) bool {
	serial := z.serial
	if fixed(j.Zone) { // nothing but it was served since
		serial = j.Zone.Serial()
	}
	return z.served == nil && z.holdsContent(j) && serial == z.journaled.serial
}

// holdsContent says that the newest journaled version has j's content.
func (z *state) holdsContent(j *job) bool {
	return j.same && z.journaled.known && z.journaled.generation == j.of
}

// reserveLocked has the writer reserve serial, and a block after it, unless as much is under way.
func (p *Publisher) reserveLocked(z *state, serial uint32) {
	if _, asks := p.asking[z]; asks && newer(z.want, serial) {
		return
	}
	z.want = serial
	p.asking[z] = struct{}{}
	poke(p.wake)
}

// warning says that a new version of the file does not have a newer serial than the one before.
func (j *job) warning() (Warning, bool) {
	z := j.z
	if fixed(j.Zone) {
		return j.fixedWarning()
	}
	if !j.differs || j.FileVersion == "" || z.fileVersion == "" || j.FileVersion == z.fileVersion || newer(j.FileSerial, z.fileSerial) {
		return Warning{}, false
	}
	text := fmt.Sprintf("%s serial %d of the changed file is not newer than the one before, %d; it is served with the next serial instead: raise the serial with every edit",
		z.origin, j.FileSerial, z.fileSerial)
	return Warning{z.origin, zones.Problem{Severity: zones.Warning, Text: text}}, true
}

// publishLocked makes j's zone the served one of its state; the caller swaps the catalog.
func (p *Publisher) publishLocked(j *job) error {
	z := j.z
	again := z.reusable(j)
	served, serial, reserved := j.Zone, p.serialFor(j), false
	if fixed(j.Zone) {
		reserved = !z.journaled.known || newer(serial, z.journaled.serial)
	} else {
		serial, reserved = p.allowed(z, serial)
	}
	if j.Zone.Serial() != serial {
		var err error
		if served, err = j.Zone.WithSerial(serial); err != nil {
			return fmt.Errorf("publish %s: %w", z.origin, err)
		}
	}
	z.content = j.Content
	if again {
		z.served, z.serial, z.generation, z.since = served, serial, z.journaled.generation, z.journaled.since
		z.reasons, z.unreserved = slices.Clone(j.Reasons), false
		z.journaled.zone, z.journaled.reasons = served, z.reasons
		return nil
	}
	if z.holdsContent(j) && z.journaled.zone == nil && !fixed(j.Zone) {
		// After a crash: the content is the journaled one, and only its serial moves.
		if same, err := j.Zone.WithSerial(z.journaled.serial); err == nil {
			z.journaled.zone = same
		}
	}
	p.servedLocked(z, served, serial, reserved, j.Reasons)
	return nil
}

// allowed returns the serial that z may have now, at best wanted, and whether it is its own.
func (p *Publisher) allowed(z *state, wanted uint32) (serial uint32, reserved bool) {
	switch {
	case !z.known:
		return wanted, true // nothing to go back behind
	case p.within(z, wanted):
		return wanted, true
	case p.within(z, succ(z.top())):
		return succ(z.top()), true
	}
	return z.top(), false
}

// servedLocked makes served the newest version of z, to be journaled.
func (p *Publisher) servedLocked(z *state, served *zones.Zone, serial uint32, reserved bool, why []string) {
	if !reserved && !z.unreserved && !fixed(served) { // of the others, a Warning tells
		p.logUnreserved(z, serial)
	}
	now := p.opts.Now()
	z.served, z.serial, z.known, z.unreserved = served, serial, true, !reserved
	z.generation++
	z.since, z.reasons = now.UnixNano(), slices.Clone(why)
	if z.waiting == nil {
		z.waiting = &waiting{since: now}
	}
	z.waiting.reasons.add(why...)
	p.extendLocked(z)
	p.enqueueLocked(z)
	p.askCompactLocked(z)
}

// logUnreserved tells that z has new content under an old serial. That is bad news unless the store has simply not come to
// a zone that it does not know yet.
func (p *Publisher) logUnreserved(z *state, serial uint32) {
	if !z.held && p.health.err == nil {
		p.opts.Log.Info("new content is served under the first serial until the store knows the zone", "zone", z.origin, "serial", serial)
		return
	}
	p.opts.Log.Error("serials are used up and the store cannot reserve more: new content is served under the old serial, and not transferred or mirrored",
		"zone", z.origin, "serial", serial)
}

// extendLocked asks for more serials when less than half a block is left. One of a zone that the store does not know yet
// comes with its first journal entry.
func (p *Publisher) extendLocked(z *state) {
	if z.unreserved && fixed(z.served) {
		return // no other serial would help
	}
	if z.unreserved || z.held && p.block > 0 && left(z.serial, z.limit(p.block)) < p.opts.Block/2 {
		p.reserveLocked(z, z.serial)
	}
}

// enqueueLocked has the writer journal z.
func (p *Publisher) enqueueLocked(z *state) {
	if !z.queued {
		z.queued = true
		p.queue = append(p.queue, z)
	}
	poke(p.wake)
}

// swapLocked makes zs part of the catalog.
func (p *Publisher) swapLocked(zs ...*zones.Zone) {
	if len(zs) == 0 {
		return
	}
	p.catalog.Store(p.catalog.Load().With(zs...))
	p.signalLocked()
}

// PublishChanges applies changes to what is served of a zone: a faster Publish, which costs the changed RRsets and not
// the zone, and waits for nothing. Only Name, Type and New of each change are looked at; none may come twice. What is
// served already is left out. ErrNotServed, ErrStopped and ErrSigned as documented there.
func (p *Publisher) PublishChanges(origin zones.Name, changes []zones.Change, why []string) (Result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	z := p.zones[origin]
	switch {
	case p.stopped:
		return Result{}, ErrStopped
	case z == nil || z.served == nil:
		return Result{}, fmt.Errorf("publish changes of %s: %w", origin, ErrNotServed)
	}
	real, err := effective(z.served, changes)
	if err != nil {
		return Result{}, fmt.Errorf("publish changes of %s: %w", origin, err)
	}
	if len(real) == 0 {
		return Result{Unchanged: 1}, nil
	}
	if fixed(z.served) {
		return Result{}, fmt.Errorf("publish changes of %s: %w", origin, ErrSigned)
	}
	serial, reserved := p.allowed(z, p.nextSerial(z, z.fileSerial))
	served, err := z.served.With(withSOA(z.served, real, serial))
	if err != nil {
		return Result{}, fmt.Errorf("publish changes of %s: %w", origin, err)
	}
	z.content = ""
	p.servedLocked(z, served, serial, reserved, why)
	p.swapLocked(served)
	return Result{Published: []Version{z.version()}}, nil
}

// effective returns the changes that change z, each with what it replaces.
func effective(z *zones.Zone, changes []zones.Change) ([]zones.Change, error) {
	type key struct {
		name zones.Name
		typ  uint16
	}
	seen := make(map[key]bool, len(changes))
	var out []zones.Change
	for _, c := range changes {
		switch k := (key{c.Name, c.Type}); {
		case !c.Name.Within(z.Origin()):
			return nil, fmt.Errorf("%s is not within the zone", c.Name)
		case seen[k]:
			return nil, fmt.Errorf("%s %s is changed twice", c.Name, zones.TypeString(c.Type))
		case !c.New.IsZero() && (c.New.Name != c.Name || c.New.Type != c.Type):
			return nil, fmt.Errorf("%s %s would become %s %s", c.Name, zones.TypeString(c.Type), c.New.Name, zones.TypeString(c.New.Type))
		default:
			seen[k] = true
		}
		c.Old, _ = z.RRset(c.Name, c.Type)
		if c.Type == dns.TypeSOA && c.Name == z.Origin() {
			if len(c.New.Data) != 1 || len(c.New.Data[0]) < 20 {
				return nil, fmt.Errorf("the zone would have no SOA record")
			}
			c.New = withSerial(c.New, z.Serial())
		}
		if c.Old.IsZero() && c.New.IsZero() || c.Old.Equal(c.New) {
			continue
		}
		out = append(out, c)
	}
	return out, nil
}

// withSOA returns changes and, for the new serial, the SOA's; one for it that is among changes gets the serial.
func withSOA(z *zones.Zone, changes []zones.Change, serial uint32) []zones.Change {
	for i, c := range changes {
		if c.Type == dns.TypeSOA && c.Name == z.Origin() {
			changes[i].New = withSerial(c.New, serial)
			return changes
		}
	}
	if soa, ok := z.SOA(); ok && serial != z.Serial() {
		changes = append(changes, zones.Change{Name: z.Origin(), Type: dns.TypeSOA, Old: soa, New: withSerial(soa, serial)})
	}
	return changes
}

// Remove ends the serving of a zone, at once; false if it was not served. A version that was not journaled yet is given
// up: nobody but own answers had it. The serial is kept: a zone that returns goes on above it.
func (p *Publisher) Remove(origin zones.Name) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	z := p.zones[origin]
	if z == nil || z.served == nil {
		return false
	}
	z.served, z.reasons, z.since, z.unreserved = nil, nil, 0, false
	z.waiting, z.journaled.zone, z.journaled.reasons = nil, nil, nil
	p.catalog.Store(p.catalog.Load().Without(origin))
	p.signalLocked()
	p.tickLocked()
	poke(p.wake) // the writer drops it from the queue
	return true
}
