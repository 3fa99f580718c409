package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

var (
	// ErrNotServed is returned for a zone that is not served, or is no longer.
	ErrNotServed = errors.New("zone is not served")
	// ErrStopped is returned once Run has begun to end: nothing more is published, what is served stays.
	ErrStopped = errors.New("publisher is stopped")
	// ErrNotRestored is returned when something is published before Restore: serials might go back.
	ErrNotRestored = errors.New("publisher does not know the serials yet: Restore was not called, or not successfully")
)

// Options says how to make a Publisher. Store is necessary; the rest has defaults.
type Options struct {
	Store Store
	Log   *slog.Logger     // nil: nowhere
	Now   func() time.Time // nil: time.Now
	// Block is how many serials are reserved ahead for each zone; 0: 256.
	Block uint32
	// Aside runs what takes long and nobody waits for, and returns when it is done: where the caller has threads of lower
	// priority, on one of them. nil: it is called.
	Aside func(func())
	// ReserveWait bounds how long Publish waits for a reservation that it must have before it serves a
	// serial: a zone's first, or one that jumps with the file's. 0: 2 seconds.
	ReserveWait time.Duration
	// RetryMin and RetryMax bound the pause after a write that failed; 0: 100 ms, and 5 s.
	RetryMin, RetryMax time.Duration
	// StopWait bounds how long Run, told to end, tries to journal what is left; 0: 5 seconds.
	StopWait time.Duration
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Block == 0 {
		o.Block = 256
	}
	o.Block = min(o.Block, maxBlock/2)
	if o.Aside == nil {
		o.Aside = func(f func()) { f() }
	}
	for _, d := range []struct {
		value *time.Duration
		def   time.Duration
	}{{&o.ReserveWait, 2 * time.Second}, {&o.RetryMin, 100 * time.Millisecond}, {&o.RetryMax, 5 * time.Second}, {&o.StopWait, 5 * time.Second}} {
		if *d.value <= 0 {
			*d.value = d.def
		}
	}
	return o
}

// Publisher is the owner of what is served. Its methods are safe for concurrent use.
type Publisher struct {
	opts    Options
	catalog atomic.Pointer[zones.Catalog]
	wake    chan struct{} // the writer has something to do
	compact chan *state   // zones whose layers should be merged

	mu       sync.Mutex
	restored bool
	running  bool
	stopped  bool
	marked   uint32 // the block that the store knows of: what the last run left, then what this one wrote
	block    uint32 // so many serials above its newest journaled one each zone may use; 0: the store does not know of this run yet
	zones    map[zones.Name]*state
	asking   map[*state]struct{} // zones that want serials reserved
	queue    []*state            // zones with versions to journal, in the order to try them
	writing  []task              // what is being journaled; their zones are not in queue
	tick     chan struct{}       // closed, and made anew, when a reservation or a journal write ended
	subs     map[chan struct{}]struct{}
	health   writeHealth
}

// state is what is known of one zone. Publisher.mu guards it. There are as many as zones: it is kept small.
type state struct {
	origin zones.Name

	served     *zones.Zone // nil: not served
	generation uint64      // of served; else the highest journaled
	since      int64       // nanoseconds since 1970
	reasons    []string

	fileVersion string
	content     string // what identifies what is served, together with fileVersion; "": nothing does

	journaled journaled
	waiting   *waiting // nil: everything is in the journal, or being written

	serial     uint32 // of served; else the highest that may have been served
	fileSerial uint32
	reserved   uint32 // serials up to this one may be served, durably; see held
	want       uint32 // to be reserved, while the zone is among Publisher.asking

	known      bool // serial means something
	held       bool // reserved means something: the store knows the zone
	unreserved bool // the content is newer than the serial, which could not be raised
	reload     bool // changes are to be computed from what the store has, not from journaled.zone
	queued     bool // among Publisher.queue, or being written
}

// waiting is what is known of versions that are not in the journal.
type waiting struct {
	since   time.Time
	reasons reasons // of the versions since the journaled one
}

// journaled is the newest version of a zone in the journal.
type journaled struct {
	zone       *zones.Zone // nil: in the store alone, its content is not what is served
	generation uint64
	since      int64
	reasons    []string
	serial     uint32
	known      bool
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func timeOf(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos)
}

// New returns a publisher that serves nothing yet and has started nothing. Call Restore, then Run beside the rest.
func New(o Options) *Publisher {
	p := &Publisher{
		opts:    o.withDefaults(),
		wake:    make(chan struct{}, 1),
		compact: make(chan *state, 16),
		zones:   make(map[zones.Name]*state),
		asking:  make(map[*state]struct{}),
		tick:    make(chan struct{}),
		subs:    make(map[chan struct{}]struct{}),
	}
	p.catalog.Store(zones.NewCatalog())
	return p
}

// Restore reads from the store where the serials stand. It comes before anything is published; after an error it
// may be called again.
func (p *Publisher) Restore(ctx context.Context) error {
	marked, err := p.opts.Store.Block(ctx)
	if err != nil {
		return fmt.Errorf("restore serials: %w", err)
	}
	heads, err := p.opts.Store.Heads(ctx)
	if err != nil {
		return fmt.Errorf("restore serials: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.restored {
		return nil
	}
	p.marked = marked
	p.zones = make(map[zones.Name]*state, len(heads))
	for _, h := range heads {
		z := p.stateLocked(h.Origin)
		z.reserved, z.held, z.generation = h.Reserved, true, h.Generation
		z.fileSerial = h.FileSerial
		z.fileVersion, z.content, _ = strings.Cut(h.FileVersion, contentMark)
		z.adopt(h)
		// After a crash any serial of the block may have been served.
		z.serial, z.known = z.limit(marked), true
	}
	p.restored = true
	return nil
}

// adopt takes over which version of the zone the store has.
func (z *state) adopt(h Head) {
	z.journaled = journaled{known: h.Journaled, serial: h.Serial, generation: h.Generation, since: nanos(h.Time)}
}

func (p *Publisher) stateLocked(origin zones.Name) *state {
	z := p.zones[origin]
	if z == nil {
		z = &state{origin: origin}
		p.zones[origin] = z
	}
	return z
}

// Catalog returns what is served: one atomic load.
func (p *Publisher) Catalog() *zones.Catalog { return p.catalog.Load() }

// Version is one version of a zone.
type Version struct {
	Zone    *zones.Zone // its SOA has Serial
	Serial  uint32
	Durable bool // in the journal: transfers and providers may have it
	// Generation rises with every version of the zone; one that was unreserved keeps it when it gets its serial. After a
	// crash, those of versions that were not durable may be given again; those of durable ones never.
	Generation uint64
	Since      time.Time
	Reasons    []string
	// Unreserved says that the content is newer than the serial: the store could not reserve another one, or the zone is
	// signed, and its file's serial is not newer than the journaled one. It is not durable before it has a serial of its own.
	Unreserved bool
}

// Version returns the version of a zone that is served; false where it is not.
func (p *Publisher) Version(origin zones.Name) (Version, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	z := p.zones[origin]
	if z == nil || z.served == nil {
		return Version{}, false
	}
	return z.version(), true
}

func (z *state) version() Version {
	return Version{Zone: z.served, Serial: z.serial, Durable: z.durable(), Generation: z.generation,
		Since: timeOf(z.since), Reasons: slices.Clone(z.reasons), Unreserved: z.unreserved}
}

// durable says that what is served is in the journal.
func (z *state) durable() bool {
	return z.journaled.zone != nil && z.journaled.generation == z.generation
}

// Durable returns the newest version of a served zone that is in the journal: what transfers and providers take. It is
// false where the zone is not served, or no version of this run is journaled yet.
func (p *Publisher) Durable(origin zones.Name) (Version, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	z := p.zones[origin]
	if z == nil || z.served == nil || z.journaled.zone == nil {
		return Version{}, false
	}
	j := z.journaled
	return Version{Zone: j.zone, Serial: j.serial, Durable: true, Generation: j.generation, Since: timeOf(j.since), Reasons: slices.Clone(j.reasons)}, true
}

// WaitDurable waits until the version of a zone with this serial, or a newer one, is in the journal. Where the serial is
// that of unreserved content, it waits for that content, whatever serial it gets. ErrNotServed says that the
// zone is not served, ErrStopped that nothing more will be journaled.
func (p *Publisher) WaitDurable(ctx context.Context, origin zones.Name, serial uint32) error {
	var generation uint64 // of the unreserved content; 0: there is none
	return p.await(ctx, func() (bool, error) {
		z := p.zones[origin]
		if z == nil || z.served == nil {
			return false, fmt.Errorf("%s: %w", origin, ErrNotServed)
		}
		if generation == 0 && z.unreserved && z.serial == serial {
			generation = z.generation
		}
		switch {
		case z.journaled.zone != nil && z.journaled.generation >= generation && !newer(serial, z.journaled.serial):
			return true, nil
		case p.stopped && !p.running:
			return false, fmt.Errorf("%s: %w", origin, ErrStopped)
		}
		return false, nil
	})
}

// await waits until done, called with mu held, says so.
func (p *Publisher) await(ctx context.Context, done func() (bool, error)) error {
	for {
		p.mu.Lock()
		ok, err := done()
		tick := p.tick
		p.mu.Unlock()
		if ok || err != nil {
			return err
		}
		select {
		case <-tick:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Subscribe returns a channel that gets a signal after what is served or what is durable changed. Signals that were not
// taken yet coalesce; the first is there at once. cancel ends them.
func (p *Publisher) Subscribe() (signal <-chan struct{}, cancel func()) {
	ch := make(chan struct{}, 1)
	ch <- struct{}{}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.subs[ch] = struct{}{}
	return ch, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.subs, ch)
	}
}

// signalLocked tells subscribers.
func (p *Publisher) signalLocked() {
	for ch := range p.subs {
		poke(ch)
	}
}

// tickLocked lets those who wait look again.
func (p *Publisher) tickLocked() {
	close(p.tick)
	p.tick = make(chan struct{})
}

func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
