package providertest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// The calls of a Fake.
const (
	OpSnapshot    = "snapshot"
	OpApply       = "apply"
	OpNameservers = "nameservers"
)

// Call is one call of a Fake.
type Call struct {
	Op   string
	Zone zones.Name
	N    int // counts the calls of this Op, from 1
	Time time.Time
	// Changes are those of an Apply.
	Changes []providers.Change
}

// Fault is what goes wrong with one call. The zero Fault is none.
type Fault struct {
	Delay  time.Duration // before anything else
	Hang   bool          // nothing is done; the call lasts as long as its context
	Before error         // nothing is done, and this is the error
	After  error         // it is done, and this is the error all the same
	Lost   bool          // it is done, and the call then lasts as long as its context
	Part   int           // of an Apply: so many changes are done, then After (or ErrUnavailable)
	Stale  bool          // of a Snapshot: as it was before the last Apply
}

// Fake is a driver in memory. Its zones exist once Create was called. The fields are set before use; everything else is
// safe for concurrent use.
type Fake struct {
	// Fault says what goes wrong with a call; nil: nothing.
	Fault func(Call) Fault
	// Step is called after every change of an RRset, with what was and what is; the lock is held. nil: not.
	Step func(zone zones.Name, old, new providers.RRset)
	// MinTTL and MaxTTL are what TTLs are raised and lowered to, with a note; 0: no limit.
	MinTTL, MaxTTL uint32
	// CannotHold are types that can't be held.
	CannotHold []uint16
	// Refuse names RRsets that Apply refuses, one ChangeError each, the rest being done or not as Atomic says.
	Refuse map[providers.Key]string
	// Servers is how many name servers answer; they are named ns1.fake.invalid and so on.
	Servers int
	// Lag is how long after a change the name servers still answer what was.
	Lag time.Duration

	mu    sync.Mutex
	zones map[zones.Name]*fakeZone
	count map[string]int
	calls []Call
}

type fakeZone struct {
	sets    map[providers.Key]providers.RRset
	before  map[providers.Key]providers.RRset // before the last Apply
	foreign []providers.Foreign
	log     []logged
}

type logged struct {
	at  time.Time
	key providers.Key
	old providers.RRset
}

// NewFake returns a provider that has the zones named, each with an apex SOA and NS of its own.
func NewFake(origins ...string) *Fake {
	f := &Fake{zones: make(map[zones.Name]*fakeZone), count: make(map[string]int)}
	for _, o := range origins {
		f.Create(zones.MustParseName(o))
	}
	return f
}

// Create adds a zone.
func (f *Fake) Create(origin zones.Name) {
	f.mu.Lock()
	defer f.mu.Unlock()
	z := &fakeZone{sets: make(map[providers.Key]providers.RRset)}
	for _, s := range MustRRsets(origin.String(),
		"@ 3600 IN SOA ns1.fake.invalid. hostmaster.fake.invalid. 1 7200 900 1209600 1800\n@ 86400 IN NS ns1.fake.invalid.\n@ 86400 IN NS ns2.fake.invalid.") {
		z.sets[providers.Key{Name: s.Name, Type: s.Type}] = providers.RRset{RRset: s}
	}
	f.zones[origin] = z
}

// Edit sets RRsets as someone else would; one without records goes.
func (f *Fake) Edit(sets ...providers.RRset) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range sets {
		z := f.zoneOf(s.Name)
		if z == nil {
			panic(fmt.Sprintf("no zone has %s", s.Name))
		}
		f.set(z, providers.Key{Name: s.Name, Type: s.Type}, s)
	}
}

// AddForeign adds something that is no RRset.
func (f *Fake) AddForeign(zone zones.Name, what providers.Foreign) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.zones[zone].foreign = append(f.zones[zone].foreign, what)
}

// Held returns what is held at a name and type.
func (f *Fake) Held(name string, typ uint16) providers.RRset {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := zones.MustParseName(name)
	return f.zoneOf(n).sets[providers.Key{Name: n, Type: typ}]
}

// Calls returns all calls so far.
func (f *Fake) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Count returns how many calls of op there were.
func (f *Fake) Count(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count[op]
}

func (f *Fake) zoneOf(n zones.Name) *fakeZone {
	for {
		if z, ok := f.zones[n]; ok {
			return z
		}
		up, ok := n.Parent()
		if !ok {
			return nil
		}
		n = up
	}
}

func (f *Fake) set(z *fakeZone, k providers.Key, s providers.RRset) {
	old := z.sets[k]
	if s.IsZero() {
		delete(z.sets, k)
	} else {
		attrs := maps.Clone(old.Attrs)
		if attrs == nil {
			attrs = make(map[string]string)
		}
		maps.Copy(attrs, s.Attrs)
		s.Attrs = attrs
		z.sets[k] = s
	}
	z.log = append(z.log, logged{time.Now(), k, old})
	if f.Step != nil {
		f.Step(k.Name, old, s)
	}
}

// begin counts a call and lets its fault happen. undone says that nothing is to be done, err being the outcome.
func (f *Fake) begin(ctx context.Context, op string, zone zones.Name, changes []providers.Change) (fault Fault, undone bool, err error) {
	f.mu.Lock()
	f.count[op]++
	c := Call{Op: op, Zone: zone, N: f.count[op], Time: time.Now(), Changes: changes}
	f.calls = append(f.calls, c)
	f.mu.Unlock()
	if f.Fault != nil {
		fault = f.Fault(c)
	}
	if fault.Delay > 0 {
		select {
		case <-ctx.Done():
			return fault, true, fmt.Errorf("%w: %w", providers.ErrUnavailable, ctx.Err())
		case <-time.After(fault.Delay):
		}
	}
	if fault.Hang {
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		return fault, true, fmt.Errorf("%w: %w", providers.ErrUnavailable, ctx.Err())
	}
	return fault, fault.Before != nil, fault.Before
}

// Project implements providers.Driver.
func (f *Fake) Project(s providers.RRset) (providers.RRset, []string, error) {
	if slices.Contains(f.CannotHold, s.Type) {
		return providers.RRset{}, nil, fmt.Errorf("%w: type %s", providers.ErrCannotHold, zones.TypeString(s.Type))
	}
	var notes []string
	ttl := max(s.TTL, f.MinTTL)
	if f.MaxTTL > 0 {
		ttl = min(ttl, f.MaxTTL)
	}
	if ttl != s.TTL {
		notes = append(notes, fmt.Sprintf("TTL %d becomes %d", s.TTL, ttl))
		s.TTL = ttl
	}
	s.RRset = providers.Canonical(s.RRset)
	return s, notes, nil
}

// Snapshot implements providers.Driver.
func (f *Fake) Snapshot(ctx context.Context, zone zones.Name) (*providers.Snapshot, error) {
	fault, undone, err := f.begin(ctx, OpSnapshot, zone, nil)
	if undone {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	z, ok := f.zones[zone]
	if !ok {
		return nil, fmt.Errorf("%w: %s", providers.ErrZoneNotFound, zone)
	}
	sets := z.sets
	if fault.Stale && z.before != nil {
		sets = z.before
	}
	snap := &providers.Snapshot{Time: time.Now(), Foreign: slices.Clone(z.foreign), Token: f.count[OpSnapshot]}
	for _, s := range sets {
		s.Attrs = maps.Clone(s.Attrs)
		snap.RRsets = append(snap.RRsets, s)
	}
	return snap, nil
}

// Apply implements providers.Driver: all or nothing, unless a Fault says otherwise.
func (f *Fake) Apply(ctx context.Context, zone zones.Name, snap *providers.Snapshot, changes []providers.Change) error {
	f.mustBeContract(zone, snap, changes)
	fault, undone, err := f.begin(ctx, OpApply, zone, changes)
	if undone {
		return err
	}
	if err := f.apply(zone, changes, fault); err != nil {
		return err
	}
	if fault.Lost {
		<-ctx.Done()
		return fmt.Errorf("%w: %w", providers.ErrUnavailable, ctx.Err())
	}
	return fault.After
}

func (f *Fake) apply(zone zones.Name, changes []providers.Change, fault Fault) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	z, ok := f.zones[zone]
	if !ok {
		return fmt.Errorf("%w: %s", providers.ErrZoneNotFound, zone)
	}
	if err := f.check(z, changes); err != nil {
		return err
	}
	z.before = maps.Clone(z.sets)
	for i, c := range changes {
		if fault.Part > 0 && i == fault.Part {
			if fault.After != nil {
				return fault.After
			}
			return fmt.Errorf("%w: after %d of %d changes", providers.ErrUnavailable, i, len(changes))
		}
		f.set(z, providers.Key{Name: c.Name, Type: c.Type}, c.New)
	}
	return nil
}

// check refuses what a provider would refuse: what was not planned from what is held, and a CNAME beside other data.
func (f *Fake) check(z *fakeZone, changes []providers.Change) error {
	next := maps.Clone(z.sets)
	for _, c := range changes {
		k := providers.Key{Name: c.Name, Type: c.Type}
		if held := z.sets[k]; !providers.Equal(held, c.Old) && !providers.Equal(held, c.New) {
			return fmt.Errorf("%w: %s", providers.ErrConflict, k)
		}
		if text, no := f.Refuse[k]; no {
			return &providers.ChangeError{Name: c.Name, Type: c.Type, Err: fmt.Errorf("%w: %s", providers.ErrRefused, text)}
		}
		if c.New.IsZero() {
			delete(next, k)
		} else {
			next[k] = c.New
		}
	}
	for k := range next {
		if k.Type != dns.TypeCNAME {
			continue
		}
		for o := range next {
			if o.Name == k.Name && o.Type != k.Type {
				return &providers.ChangeError{Name: o.Name, Type: o.Type, Err: fmt.Errorf("%w: a CNAME must be alone", providers.ErrRefused)}
			}
		}
	}
	return nil
}

// mustBeContract panics where the caller breaks what providers.Driver demands of it.
func (f *Fake) mustBeContract(zone zones.Name, snap *providers.Snapshot, changes []providers.Change) {
	if snap == nil || len(changes) == 0 {
		panic("Apply without a snapshot or without changes")
	}
	for _, c := range changes {
		k := providers.Key{Name: c.Name, Type: c.Type}
		if c.Name == zone && (c.Type == dns.TypeSOA || c.Type == dns.TypeNS) {
			panic(fmt.Sprintf("%s is not ours", k))
		}
		var old providers.RRset
		for _, s := range snap.RRsets {
			if s.Name == c.Name && s.Type == c.Type {
				old = s
			}
		}
		if !providers.Equal(old, c.Old) {
			panic(fmt.Sprintf("%s: Old is not what the snapshot has", k))
		}
		if c.Health && c.New.IsZero() {
			panic(fmt.Sprintf("%s: an automatic change empties it", k))
		}
		if c.New.IsZero() {
			continue
		}
		if held, _, err := f.Project(c.New); err != nil || !providers.Equal(held, c.New) {
			panic(fmt.Sprintf("%s: New is not projected", k))
		}
	}
}

// Nameservers implements providers.Driver.
func (f *Fake) Nameservers(ctx context.Context, zone zones.Name) ([]providers.Nameserver, error) {
	if _, undone, err := f.begin(ctx, OpNameservers, zone, nil); undone {
		return nil, err
	}
	var out []providers.Nameserver
	for i := range f.Servers {
		out = append(out, providers.Nameserver{Name: fmt.Sprintf("ns%d.fake.invalid.", i+1), Addr: fmt.Sprintf("192.0.2.%d:53", 200+i)})
	}
	return out, nil
}

// Visible implements providers.Driver: a proxied name answers the proxy's addresses.
func (f *Fake) Visible(s providers.RRset) (zones.RRset, bool) {
	return s.RRset, s.Attrs["proxied"] != "true"
}

// Exchange answers a question as the fake's name servers do, Lag behind what is held. It fits providers.Options.
func (f *Fake) Exchange(ctx context.Context, m *dns.Msg, _ string) (*dns.Msg, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := zones.ParseName(m.Question[0].Name)
	if err != nil {
		return nil, err
	}
	r := new(dns.Msg)
	r.SetReply(m)
	z := f.zoneOf(n)
	if z == nil {
		r.Rcode = dns.RcodeRefused
		return r, nil
	}
	k := providers.Key{Name: n, Type: m.Question[0].Qtype}
	seen := z.sets[k]
	for _, l := range slices.Backward(z.log) {
		if time.Since(l.at) >= f.Lag {
			break
		}
		if l.key == k {
			seen = l.old
		}
	}
	if seen.IsZero() && !z.exists(n) {
		seen = z.wildcard(n, k.Type)
	}
	if r.Answer, err = seen.RRs(); err != nil {
		return nil, err
	}
	return r, nil
}

// exists says whether a name is there, if only as an empty non-terminal.
func (z *fakeZone) exists(n zones.Name) bool {
	for k := range z.sets {
		if k.Name.Within(n) {
			return true
		}
	}
	return false
}

// wildcard returns what the wildcard at n's closest encloser makes of a question for n (RFC 4592 3.3).
func (z *fakeZone) wildcard(n zones.Name, typ uint16) providers.RRset {
	for up, ok := n.Parent(); ok; up, ok = up.Parent() {
		if !z.exists(up) {
			continue
		}
		star, err := up.Child("*")
		if err != nil {
			break
		}
		s := z.sets[providers.Key{Name: star, Type: typ}]
		s.Name = n
		return s
	}
	return providers.RRset{}
}
