package providertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// Harness is a driver and what it speaks to. The zone is the suite's own: whatever is in it, apex SOA and NS apart, is deleted.
type Harness struct {
	Driver providers.Driver
	Zone   zones.Name
	// Missing is a zone that the account does not have; zero: not tried.
	Missing zones.Name
	// BadCredentials is the same driver with credentials that are refused; nil: not tried.
	BadCredentials providers.Driver
	// Foreign sets RRsets as someone else would; one without records goes. nil: by the driver itself, after a reading of its own.
	Foreign func(t *testing.T, sets ...providers.RRset)
	// Exchange asks the provider's name servers; nil: by UDP and TCP.
	Exchange func(ctx context.Context, m *dns.Msg, addr string) (*dns.Msg, error)
	// Timeout bounds each call, and how long name servers may take; 0: 20 s.
	Timeout time.Duration
	// Many is how many RRsets the mass test writes; 0: 300.
	Many int
}

// Run is the suite. It needs the zone to exist; it leaves it empty. Every test begins with an empty zone.
func Run(t *testing.T, h Harness) {
	if h.Timeout == 0 {
		h.Timeout = 20 * time.Second
	}
	if h.Many == 0 {
		h.Many = 300
	}
	s := &suite{Harness: h}
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"Project", s.project}, {"Tricky", s.tricky}, {"Steps", s.steps}, {"Swap", s.swap}, {"Conflict", s.conflict},
		{"Again", s.again}, {"ForeignKept", s.foreignKept}, {"Many", s.many}, {"AtOnce", s.atOnce},
		{"MissingZone", s.missing}, {"BadCredentials", s.bad}, {"Context", s.context},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.clean(t)
			test.run(t)
		})
	}
	s.clean(t)
}

type suite struct{ Harness }

func (s *suite) ctx(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), s.Timeout)
	t.Cleanup(cancel)
	return ctx
}

func (s *suite) snapshot(t *testing.T) *providers.Snapshot {
	t.Helper()
	snap, err := s.Driver.Snapshot(s.ctx(t), s.Zone)
	if err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	seen := make(map[providers.Key]bool)
	for _, r := range snap.RRsets {
		k := providers.Key{Name: r.Name, Type: r.Type}
		if seen[k] || r.IsZero() || !r.Name.Within(s.Zone) {
			t.Errorf("snapshot has %s twice, empty, or outside the zone", k)
		}
		seen[k] = true
	}
	return snap
}

// ours returns what is held, apex SOA and NS apart.
func (s *suite) ours(snap *providers.Snapshot) map[providers.Key]providers.RRset {
	m := make(map[providers.Key]providers.RRset)
	for _, r := range snap.RRsets {
		if r.Name != s.Zone || r.Type != dns.TypeSOA && r.Type != dns.TypeNS {
			m[providers.Key{Name: r.Name, Type: r.Type}] = r
		}
	}
	return m
}

// clean empties the zone.
func (s *suite) clean(t *testing.T) {
	t.Helper()
	s.bring(t)
}

// held projects sets of records; what can't be held is left out.
func (s *suite) held(t *testing.T, sets ...zones.RRset) []providers.RRset {
	t.Helper()
	var out []providers.RRset
	for _, r := range sets {
		p, _, err := s.Driver.Project(providers.RRset{RRset: r})
		switch {
		case errors.Is(err, providers.ErrCannotHold):
		case err != nil:
			t.Errorf("project %s %s: %v, which does not wrap ErrCannotHold", r.Name, zones.TypeString(r.Type), err)
		default:
			out = append(out, p)
		}
	}
	return out
}

func (s *suite) text(text string) []zones.RRset { return MustRRsets(s.Zone.String(), text) }

// changes leads from a snapshot to exactly want.
func (s *suite) changes(snap *providers.Snapshot, want []providers.RRset) []providers.Change {
	held := s.ours(snap)
	var out []providers.Change
	for _, w := range want {
		k := providers.Key{Name: w.Name, Type: w.Type}
		if !providers.Equal(held[k], w) {
			out = append(out, providers.Change{Name: k.Name, Type: k.Type, Old: held[k], New: w})
		}
		delete(held, k)
	}
	for k, r := range held {
		out = append(out, providers.Change{Name: k.Name, Type: k.Type, Old: r})
	}
	slices.SortFunc(out, func(a, b providers.Change) int {
		if c := a.Name.Compare(b.Name); c != 0 {
			return c
		}
		return int(a.Type) - int(b.Type)
	})
	return out
}

// bring makes the zone hold exactly want, reads it back and compares.
func (s *suite) bring(t *testing.T, want ...providers.RRset) {
	t.Helper()
	snap := s.snapshot(t)
	if changes := s.changes(snap, want); len(changes) > 0 {
		if err := s.Driver.Apply(s.ctx(t), s.Zone, snap, changes); err != nil {
			t.Fatalf("apply %d changes: %v", len(changes), err)
		}
	}
	s.wantHeld(t, want...)
}

// wantHeld reads until exactly want is held; services that show a change late get the harness' timeout.
func (s *suite) wantHeld(t *testing.T, want ...providers.RRset) {
	t.Helper()
	ctx := s.ctx(t)
	for {
		left := s.changes(s.snapshot(t), want)
		if len(left) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not as applied:\n%s", describe(left))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func describe(changes []providers.Change) string {
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&b, "%s %s:\n   is   %d %q %v\n   want %d %q %v\n", c.Name, zones.TypeString(c.Type),
			c.Old.TTL, c.Old.Texts(), c.Old.Attrs, c.New.TTL, c.New.Texts(), c.New.Attrs)
	}
	return b.String()
}

// project: pure and idempotent; refusals say why.
func (s *suite) project(t *testing.T) {
	n := 0
	for r := range Tricky(s.Zone.String()).RRsets() {
		in := providers.RRset{RRset: r}
		p, notes, err := s.Driver.Project(in)
		if err != nil {
			if !errors.Is(err, providers.ErrCannotHold) || len(err.Error()) <= len(providers.ErrCannotHold.Error()) {
				t.Errorf("%s %s: %v, want ErrCannotHold with a reason", r.Name, zones.TypeString(r.Type), err)
			}
			t.Logf("%s %s: %v", r.Name.Relative(s.Zone), zones.TypeString(r.Type), err)
			continue
		}
		n++
		for _, note := range notes {
			t.Logf("%s %s: %s", r.Name.Relative(s.Zone), zones.TypeString(r.Type), note)
		}
		again, notes2, err := s.Driver.Project(p)
		if err != nil || !providers.Equal(again, p) || !providers.Equal(p, again) {
			t.Errorf("%s %s: projecting its projection gives %v %v, %v", r.Name, zones.TypeString(r.Type), again, notes2, err)
		}
		if p.TTL != r.TTL && len(notes) == 0 {
			t.Errorf("%s %s: TTL %d becomes %d without a note", r.Name, zones.TypeString(r.Type), r.TTL, p.TTL)
		}
	}
	t.Logf("%d RRsets can be held", n)
}

// tricky pushes everything that can be held through the engine: read back equal, answered by the name servers, planned again empty.
func (s *suite) tricky(t *testing.T) {
	e := providers.NewEngine(providers.Options{Exchange: s.Exchange, Resolve: resolveLocal,
		Timeouts: providers.Timeouts{Read: s.Timeout, Apply: s.Timeout, Verify: s.Timeout}})
	if err := e.Set([]providers.Mirror{{Provider: "test", Zone: s.Zone, Driver: s.Driver}}); err != nil {
		t.Fatal(err)
	}
	e.Update(s.Zone, providers.Desired{Served: s.trickyZone(t)})
	all := []string{providers.GuardDeletes, providers.GuardUpdates, providers.GuardCritical, providers.GuardAdopt, providers.GuardSwap}
	res, err := e.Push(t.Context(), "test", s.Zone, providers.PushOptions{Allow: all})
	if err != nil {
		s.blame(t)
		t.Fatalf("push: %v", err)
	}
	if len(res.Left) > 0 {
		t.Errorf("not there: %v", res.Left)
	}
	for _, u := range res.Unverified {
		t.Errorf("name servers: %s", u)
	}
	plan, err := e.Plan(t.Context(), "test", s.Zone, providers.PlanOptions{})
	if err != nil || !plan.Empty() {
		t.Errorf("the second plan: %v\n%s", err, describe(plan.Changes()))
	}
	t.Logf("%d RRsets written, %d can't be held, not asked for: %q", res.Applied, len(plan.Losses), res.Unasked)
}

// trickyZone is Tricky; a provider that holds whole zones keeps its own apex.
func (s *suite) trickyZone(t *testing.T) *zones.Zone {
	z := Tricky(s.Zone.String())
	if _, whole := s.Driver.(providers.WholeZone); !whole {
		return z
	}
	var apex []zones.Change
	for _, r := range s.snapshot(t).RRsets {
		if r.Name == s.Zone && (r.Type == dns.TypeSOA || r.Type == dns.TypeNS) {
			apex = append(apex, zones.Change{Name: r.Name, Type: r.Type, New: r.RRset})
		}
	}
	z, err := z.With(apex)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// blame writes the tricky RRsets one by one and says which of them does not survive.
func (s *suite) blame(t *testing.T) {
	for r := range Tricky(s.Zone.String()).RRsets() {
		if r.Name == s.Zone && (r.Type == dns.TypeSOA || r.Type == dns.TypeNS) {
			continue
		}
		for _, p := range s.held(t, r) {
			snap, err := s.Driver.Snapshot(s.ctx(t), s.Zone)
			if err != nil {
				t.Errorf("snapshot: %v", err)
				return
			}
			k := providers.Key{Name: p.Name, Type: p.Type}
			old := s.ours(snap)[k]
			if providers.Equal(old, p) {
				continue
			}
			if err := s.Driver.Apply(s.ctx(t), s.Zone, snap, []providers.Change{{Name: k.Name, Type: k.Type, Old: old, New: p}}); err != nil {
				t.Errorf("alone: %s %q: %v", k, p.Texts(), err)
			}
		}
	}
}

func resolveLocal(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// steps: one value, the TTL alone, one more, one less, others beside it untouched.
func (s *suite) steps(t *testing.T) {
	const rest = "\nother A 192.0.2.100\nsteps TXT \"beside it\"\n"
	for _, step := range []string{
		"steps 300 A 192.0.2.1\nsteps 300 A 192.0.2.2\nsteps 300 A 192.0.2.3",
		"steps 300 A 192.0.2.1\nsteps 300 A 192.0.2.4\nsteps 300 A 192.0.2.3",
		"steps 600 A 192.0.2.1\nsteps 600 A 192.0.2.4\nsteps 600 A 192.0.2.3",
		"steps 600 A 192.0.2.1\nsteps 600 A 192.0.2.3",
		"steps 600 A 192.0.2.3",
		"steps 600 A 192.0.2.7",
		"steps 900 A 192.0.2.8\nsteps 900 A 192.0.2.9",
		"",
		"steps 300 MX 10 a.example.net.\nsteps 300 MX 20 a.example.net.",
		"steps 300 MX 20 a.example.net.",
		"_s._tcp 300 SRV 1 1 1 a.example.net.\n_s._tcp 300 SRV 2 2 2 a.example.net.",
		"_s._tcp 300 SRV 2 2 2 a.example.net.",
		"steps 300 CAA 0 issue \"a.example.net\"\nsteps 300 CAA 0 issue \"b.example.net\"",
		"steps 300 CAA 0 issue \"b.example.net\"",
		"*.steps 300 A 192.0.2.1\n*.steps 300 A 192.0.2.2",
		"*.steps 300 A 192.0.2.2",
	} {
		s.bring(t, s.held(t, s.text(step+rest)...)...)
	}
	texts := s.text("steps TXT one\nsteps TXT \"two ; \\\" x\"\nsteps TXT three")
	s.bring(t, s.held(t, texts...)...)
	texts[0].Data = texts[0].Data[1:]
	s.bring(t, s.held(t, texts...)...)
}

// swap: a CNAME and other data change places, in one Apply.
func (s *suite) swap(t *testing.T) {
	for _, step := range []string{
		"swap A 192.0.2.1\nswap AAAA 2001:db8::1", "swap CNAME a.example.net.", "swap CNAME b.example.net.",
		"swap A 192.0.2.2\nswap TXT x", "swap CNAME a.example.net.",
	} {
		s.bring(t, s.held(t, s.text(step)...)...)
	}
}

// foreign edits as someone else.
func (s *suite) foreign(t *testing.T, sets ...providers.RRset) {
	t.Helper()
	if s.Foreign != nil {
		s.Foreign(t, sets...)
		return
	}
	snap := s.snapshot(t)
	held := s.ours(snap)
	var changes []providers.Change
	for _, r := range sets {
		changes = append(changes, providers.Change{Name: r.Name, Type: r.Type, Old: held[providers.Key{Name: r.Name, Type: r.Type}], New: r})
	}
	if err := s.Driver.Apply(s.ctx(t), s.Zone, snap, changes); err != nil {
		t.Fatalf("edit as someone else: %v", err)
	}
}

// conflict: what was planned from is no longer there.
func (s *suite) conflict(t *testing.T) {
	one := func(text string) providers.RRset { return s.held(t, s.text(text)...)[0] }
	none := func(name string) providers.RRset {
		r := one(name + " A 192.0.2.1")
		r.Data = nil
		return r
	}
	for _, tt := range []struct {
		name           string
		old, then, new providers.RRset
	}{
		{"changed value", one("c A 192.0.2.1"), one("c A 192.0.2.66"), one("c A 192.0.2.2")},
		{"one value more", one("c A 192.0.2.1"), one("c A 192.0.2.1\nc A 192.0.2.66"), one("c A 192.0.2.2")},
		{"changed before it goes", one("c A 192.0.2.1"), one("c A 192.0.2.66"), none("c")},
		{"created meanwhile", none("c"), one("c A 192.0.2.66"), one("c A 192.0.2.2")},
		{"gone meanwhile", one("c A 192.0.2.1"), none("c"), one("c A 192.0.2.2")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rest := one("rest A 192.0.2.9")
			start := []providers.RRset{rest}
			if !tt.old.IsZero() {
				start = append(start, tt.old)
			}
			s.bring(t, start...)
			snap := s.snapshot(t)
			old := s.ours(snap)[providers.Key{Name: tt.new.Name, Type: tt.new.Type}]
			s.foreign(t, tt.then)
			err := s.Driver.Apply(s.ctx(t), s.Zone, snap, []providers.Change{{Name: tt.new.Name, Type: tt.new.Type, Old: old, New: tt.new}})
			if !errors.Is(err, providers.ErrConflict) {
				t.Errorf("apply over someone else's edit: %v, want ErrConflict", err)
			}
			end := []providers.RRset{rest}
			if !tt.then.IsZero() {
				end = append(end, tt.then)
			}
			s.wantHeld(t, end...)
		})
	}
}

// again: a change whose outcome is there already is no conflict.
func (s *suite) again(t *testing.T) {
	was, is := s.held(t, s.text("again A 192.0.2.1")...)[0], s.held(t, s.text("again A 192.0.2.2")...)[0]
	s.bring(t, was)
	snap := s.snapshot(t)
	change := []providers.Change{{Name: was.Name, Type: was.Type, Old: s.ours(snap)[providers.Key{Name: was.Name, Type: was.Type}], New: is}}
	for range 2 {
		if err := s.Driver.Apply(s.ctx(t), s.Zone, snap, change); err != nil {
			t.Fatalf("apply: %v", err)
		}
	}
	s.wantHeld(t, is)
}

// foreignKept: what is not named in changes is not touched, at the same name neither.
func (s *suite) foreignKept(t *testing.T) {
	theirs := s.held(t, s.text("theirs TXT \"not ours\"\nmine TXT \"not ours\"\n*.theirs A 192.0.2.1")...)
	s.bring(t)
	s.foreign(t, theirs...)
	mine := s.held(t, s.text("mine A 192.0.2.1")...)
	s.bring(t, append(mine, theirs...)...)
	s.bring(t, theirs...)
}

// many: more than one page and more than one message.
func (s *suite) many(t *testing.T) {
	for round := range 2 {
		var text strings.Builder
		for i := range s.Many {
			fmt.Fprintf(&text, "m%d %d TXT \"%s\"\n", i, 300+round*300, strings.Repeat(fmt.Sprint(i%10), 200))
		}
		s.bring(t, s.held(t, s.text(text.String())...)...)
	}
}

// atOnce: several callers at different names.
func (s *suite) atOnce(t *testing.T) {
	var wg sync.WaitGroup
	var want []providers.RRset
	for i := range 4 {
		r := s.held(t, s.text(fmt.Sprintf("w%d A 192.0.2.%d", i, i+1))...)[0]
		want = append(want, r)
		ctx := s.ctx(t)
		wg.Go(func() {
			snap, err := s.Driver.Snapshot(ctx, s.Zone)
			if err == nil {
				err = s.Driver.Apply(ctx, s.Zone, snap, []providers.Change{{Name: r.Name, Type: r.Type, New: r}})
			}
			if err != nil {
				t.Errorf("caller %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	s.wantHeld(t, want...)
}

func (s *suite) missing(t *testing.T) {
	if s.Missing.IsZero() {
		t.Skip("the harness names no zone that is missing")
	}
	if _, err := s.Driver.Snapshot(s.ctx(t), s.Missing); !errors.Is(err, providers.ErrZoneNotFound) {
		t.Errorf("snapshot of a zone that is not there: %v, want ErrZoneNotFound", err)
	}
}

func (s *suite) bad(t *testing.T) {
	if s.BadCredentials == nil {
		t.Skip("the harness has no bad credentials")
	}
	if _, err := s.BadCredentials.Snapshot(s.ctx(t), s.Zone); !errors.Is(err, providers.ErrAuth) {
		t.Errorf("snapshot with bad credentials: %v, want ErrAuth", err)
	}
	snap := s.snapshot(t)
	r := s.held(t, s.text("bad A 192.0.2.1")...)[0]
	err := s.BadCredentials.Apply(s.ctx(t), s.Zone, snap, []providers.Change{{Name: r.Name, Type: r.Type, New: r}})
	if !errors.Is(err, providers.ErrAuth) {
		t.Errorf("apply with bad credentials: %v, want ErrAuth", err)
	}
	s.wantHeld(t)
}

// context: a call whose context is over returns, with an error.
func (s *suite) context(t *testing.T) {
	snap := s.snapshot(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Driver.Snapshot(ctx, s.Zone); err == nil {
		t.Error("a snapshot under a context that is over succeeds")
	}
	r := s.held(t, s.text("late A 192.0.2.1")...)[0]
	if err := s.Driver.Apply(ctx, s.Zone, snap, []providers.Change{{Name: r.Name, Type: r.Type, New: r}}); err == nil {
		t.Error("an apply under a context that is over succeeds")
	}
	s.wantHeld(t)
	if _, err := s.Driver.Nameservers(s.ctx(t), s.Zone); err != nil {
		t.Errorf("name servers: %v", err)
	}
}
