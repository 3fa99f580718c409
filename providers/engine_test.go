package providers_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/providertest"
	"github.com/mangrove-dns/mangrove/zones"
)

const (
	both  = "www 60 A 192.0.2.1\nwww 60 A 192.0.2.2\nmail A 192.0.2.5\nx TXT hello"
	onlyB = "www 60 A 192.0.2.2\nmail A 192.0.2.5\nx TXT hello"
)

var zone = zones.MustParseName(origin)

// rig is an engine with fakes, inside a synctest bubble.
type rig struct {
	t      *testing.T
	engine *providers.Engine
	state  providers.State
	cancel context.CancelFunc
	ended  chan struct{}
	gen    uint64
}

func options(state providers.State, dnsAnswers *providertest.Fake) providers.Options {
	o := providers.Options{State: state, Rand: func() float64 { return 0.5 },
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return nil, errors.New("no resolver in this test")
		}}
	if dnsAnswers != nil {
		o.Exchange = dnsAnswers.Exchange
	}
	return o
}

func newRig(t *testing.T, o providers.Options, mirrors ...providers.Mirror) *rig {
	r := &rig{t: t, engine: providers.NewEngine(o), state: o.State}
	for i := range mirrors {
		mirrors[i].Zone = zone
	}
	if err := r.engine.Set(mirrors); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) run() {
	ctx, cancel := context.WithCancel(r.t.Context())
	r.cancel, r.ended = cancel, make(chan struct{})
	go func() {
		defer close(r.ended)
		if err := r.engine.Run(ctx); err != nil {
			r.t.Errorf("Run: %v", err)
		}
	}()
}

func (r *rig) stop() {
	r.cancel()
	<-r.ended
}

// update serves what remains of loaded without the dead ones ("www A 192.0.2.1").
func (r *rig) update(loaded, served string, dead ...string) {
	r.gen++
	why := make(map[string]string)
	for _, d := range dead {
		why[d] = "down"
	}
	soa := fmt.Sprintf("@ SOA ns1 hm %d 2 3 4 5\n@ NS ns1\n", r.gen)
	r.engine.Update(zone, providers.Desired{Served: providertest.MustZone(origin, soa+served), Loaded: providertest.MustZone(origin, soa+loaded),
		Reasons: reasons(why), Generation: r.gen})
}

func (r *rig) push(provider string) *providers.Result {
	r.t.Helper()
	res, err := r.engine.Push(r.t.Context(), provider, zone, providers.PushOptions{})
	if err != nil {
		r.t.Fatalf("push: %v", err)
	}
	return res
}

func (r *rig) status(provider string) providers.Status {
	for _, s := range r.engine.Status() {
		if s.Provider == provider {
			return s
		}
	}
	r.t.Fatalf("no status of %s", provider)
	return providers.Status{}
}

func (r *rig) wantPhase(provider string, want providers.Phase) {
	r.t.Helper()
	if s := r.status(provider); s.Phase != want {
		r.t.Errorf("%s is %q, want %q: %+v", provider, s.Phase, want, s)
	}
}

func wantHeld(t *testing.T, f *providertest.Fake, name string, typ uint16, want string) {
	t.Helper()
	if got := strings.Join(f.Held(name, typ).Texts(), " "); got != want {
		t.Errorf("%s %s is %q at the provider, want %q", name, zones.TypeString(typ), got, want)
	}
}

// neverEmpty fails the test when www loses its last record.
func neverEmpty(t *testing.T, f *providertest.Fake) {
	f.Step = func(n zones.Name, old, next providers.RRset) {
		if n == zones.MustParseName("www.example.org") && !old.IsZero() && next.IsZero() {
			t.Error("www went empty")
		}
	}
}

func TestPushVerifiesAndIsThenEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		f.Servers, f.Lag = 2, 3*time.Second
		r := newRig(t, options(nil, f), providers.Mirror{Provider: "p", Driver: f})
		r.update(both, both)
		start := time.Now()
		res := r.push("p")
		if res.Applied != 3 || len(res.Left) != 0 || len(res.Unverified) != 0 {
			t.Errorf("result %+v", res)
		}
		if waited := time.Since(start); waited < f.Lag {
			t.Errorf("verified after %v although the name servers lag by %v", waited, f.Lag)
		}
		plan, err := r.engine.Plan(t.Context(), "p", zone, providers.PlanOptions{})
		if err != nil || !plan.Empty() {
			t.Errorf("second plan: %v, %v", render(plan), err)
		}
		if s := r.status("p"); s.Phase != providers.InSync || s.VerifiedSerial != 1 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestWithdrawalIsCalledForAtOnceAndNeverEmpties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		neverEmpty(t, f)
		r := newRig(t, options(nil, f), providers.Mirror{Provider: "p", Driver: f})
		r.update(both, both)
		r.push("p")
		r.run()
		time.Sleep(time.Minute)
		synctest.Wait()
		verdict := time.Now()
		before := len(f.Calls())
		r.update(both, onlyB, "www A 192.0.2.1")
		synctest.Wait()
		calls := f.Calls()[before:]
		if len(calls) == 0 || calls[0].Time.Sub(verdict) > 200*time.Millisecond {
			t.Errorf("first call after %v", calls)
		}
		wantHeld(t, f, "www.example.org", dns.TypeA, "192.0.2.2")
		r.wantPhase("p", providers.InSync)
		// the last one dies: all stay
		r.update(both, both, "www A 192.0.2.1", "www A 192.0.2.2")
		time.Sleep(time.Minute)
		synctest.Wait()
		if f.Held("www.example.org", dns.TypeA).IsZero() {
			t.Error("www is empty")
		}
		r.update(both, both)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(f.Held("www.example.org", dns.TypeA).Data); n != 2 {
			t.Errorf("%d addresses after the restore, want 2", n)
		}
		r.stop()
	})
}

func TestEditsWaitUnderPlanOnlyAndGoUnderAuto(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait, auto := providertest.NewFake(origin), providertest.NewFake(origin)
		r := newRig(t, options(nil, nil), providers.Mirror{Provider: "wait", Driver: wait}, providers.Mirror{Provider: "auto", Driver: auto, Edits: providers.Auto})
		r.update(both, both)
		r.push("wait")
		r.run()
		synctest.Wait()
		wantHeld(t, auto, "mail.example.org", dns.TypeA, "192.0.2.5")
		edited := both + "\nnew A 192.0.2.9\nwww 60 A 192.0.2.3"
		time.Sleep(time.Minute)
		r.update(edited, strings.Replace(edited, "www 60 A 192.0.2.1\n", "", 1), "www A 192.0.2.1")
		time.Sleep(time.Minute)
		synctest.Wait()
		wantHeld(t, wait, "new.example.org", dns.TypeA, "")
		wantHeld(t, wait, "www.example.org", dns.TypeA, "192.0.2.2")
		wantHeld(t, auto, "new.example.org", dns.TypeA, "192.0.2.9")
		wantHeld(t, auto, "www.example.org", dns.TypeA, "192.0.2.2 192.0.2.3")
		r.wantPhase("wait", providers.Pending)
		r.wantPhase("auto", providers.InSync)
		r.push("wait")
		wantHeld(t, wait, "new.example.org", dns.TypeA, "192.0.2.9")
		synctest.Wait()
		r.wantPhase("wait", providers.InSync)
		r.stop()
	})
}

func TestGuardBlocksAutomaticEditsButNotWithdrawals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		r := newRig(t, options(nil, nil), providers.Mirror{Provider: "p", Driver: f, Edits: providers.Auto})
		r.run()
		r.update(both, both)
		time.Sleep(time.Minute)
		r.update("www 60 A 192.0.2.1\nwww 60 A 192.0.2.2", "www 60 A 192.0.2.2", "www A 192.0.2.1") // mail and x vanish
		time.Sleep(time.Minute)
		synctest.Wait()
		wantHeld(t, f, "mail.example.org", dns.TypeA, "192.0.2.5")
		wantHeld(t, f, "www.example.org", dns.TypeA, "192.0.2.2")
		r.wantPhase("p", providers.Blocked)
		_, err := r.engine.Push(t.Context(), "p", zone, providers.PushOptions{})
		var blocked *providers.BlockedError
		if !errors.As(err, &blocked) || blocked.Guards[0].ID != providers.GuardDeletes {
			t.Errorf("push: %v, want G2", err)
		}
		if _, err := r.engine.Push(t.Context(), "p", zone, providers.PushOptions{Allow: []string{"G2"}}); err != nil {
			t.Errorf("push --allow G2: %v", err)
		}
		wantHeld(t, f, "mail.example.org", dns.TypeA, "")
		r.stop()
	})
}

// TestAfterAnErrorReadingDecides: acceptance scenario 8.
func TestAfterAnErrorReadingDecides(t *testing.T) {
	faults := map[string]providertest.Fault{
		"refused call, not done":    {Before: &providers.RetryError{After: 40 * time.Second, Err: fmt.Errorf("%w: 429", providers.ErrRateLimited)}},
		"5xx after it was done":     {After: fmt.Errorf("%w: 503", providers.ErrUnavailable)},
		"timeout after it was done": {Lost: true},
		"timeout, not done":         {Hang: true},
		"a part was done":           {Part: 1},
		"conflict":                  {Before: providers.ErrConflict},
		"hang for a while":          {Delay: 20 * time.Second},
		"unknown error, not done":   {Before: errors.New("what?")},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bad, good := providertest.NewFake(origin), providertest.NewFake(origin)
				neverEmpty(t, bad)
				r := newRig(t, options(nil, nil), providers.Mirror{Provider: "bad", Driver: bad}, providers.Mirror{Provider: "good", Driver: good})
				two := both + "\napi 60 A 192.0.2.1\napi 60 A 192.0.2.2"
				r.update(two, two)
				r.push("bad")
				r.push("good")
				first := bad.Count(providertest.OpApply) + 1
				var failedAt, next time.Time
				bad.Fault = func(c providertest.Call) providertest.Fault {
					if c.Op == providertest.OpApply && c.N == first {
						failedAt = c.Time
						return fault
					}
					if c.Op == providertest.OpApply && next.IsZero() {
						next = c.Time
					}
					return providertest.Fault{}
				}
				r.run()
				time.Sleep(time.Minute)
				r.update(two, onlyB+"\napi 60 A 192.0.2.2", "www A 192.0.2.1", "api A 192.0.2.1")
				synctest.Wait()
				wantHeld(t, good, "www.example.org", dns.TypeA, "192.0.2.2")
				if fault.After != nil {
					r.wantPhase("bad", providers.InSync) // read back, found done, no error kept
					if s := r.status("bad"); s.Error != "" {
						t.Errorf("error kept: %s", s.Error)
					}
				}
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				wantHeld(t, bad, "www.example.org", dns.TypeA, "192.0.2.2")
				wantHeld(t, bad, "api.example.org", dns.TypeA, "192.0.2.2")
				r.wantPhase("bad", providers.InSync)
				if fault.After != nil && !next.IsZero() {
					t.Error("it was there when read back, and was written again")
				}
				var retry *providers.RetryError
				if errors.As(fault.Before, &retry) && next.Sub(failedAt) < retry.After {
					t.Errorf("tried again after %v, asked to wait %v", next.Sub(failedAt), retry.After)
				}
				r.stop()
			})
		})
	}
}

// TestFailingProviderHoldsUpNobody: reading hangs at one, the other goes on.
func TestFailingProviderHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dark, good := providertest.NewFake(origin), providertest.NewFake(origin)
		r := newRig(t, options(nil, nil), providers.Mirror{Provider: "dark", Driver: dark}, providers.Mirror{Provider: "good", Driver: good})
		r.update(both, both)
		r.push("dark")
		r.push("good")
		var mu sync.Mutex
		broken := true
		dark.Fault = func(providertest.Call) providertest.Fault {
			mu.Lock()
			defer mu.Unlock()
			return providertest.Fault{Hang: broken}
		}
		r.run()
		time.Sleep(10 * time.Minute)
		r.wantPhase("dark", providers.Unreachable)
		for i := range 3 {
			time.Sleep(10 * time.Second)
			at := time.Now()
			if i%2 == 0 {
				r.update(both, onlyB, "www A 192.0.2.1")
			} else {
				r.update(both, both)
			}
			synctest.Wait()
			if c := good.Calls(); c[len(c)-1].Time != at {
				t.Errorf("the good provider was not called at once")
			}
		}
		wantHeld(t, good, "www.example.org", dns.TypeA, "192.0.2.2")
		wantHeld(t, dark, "www.example.org", dns.TypeA, "192.0.2.1 192.0.2.2")
		mu.Lock()
		broken = false
		mu.Unlock()
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		wantHeld(t, dark, "www.example.org", dns.TypeA, "192.0.2.2")
		r.wantPhase("dark", providers.InSync)
		r.stop()
	})
}

// TestForeignEdit: acceptance scenario 9.
func TestForeignEdit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait, auto := providertest.NewFake(origin), providertest.NewFake(origin)
		r := newRig(t, options(nil, nil), providers.Mirror{Provider: "wait", Driver: wait}, providers.Mirror{Provider: "auto", Driver: auto, Edits: providers.Auto})
		r.update(both, both)
		r.push("wait")
		r.run()
		time.Sleep(time.Minute)
		for _, f := range []*providertest.Fake{wait, auto} {
			f.Edit(providertest.Set(origin, "mail A 192.0.2.66"), providertest.Set(origin, "theirs A 192.0.2.67"))
		}
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		wantHeld(t, wait, "mail.example.org", dns.TypeA, "192.0.2.66")
		wantHeld(t, auto, "mail.example.org", dns.TypeA, "192.0.2.5")
		wantHeld(t, auto, "theirs.example.org", dns.TypeA, "192.0.2.67")
		if s := r.status("wait"); s.Phase != providers.Drifted || s.DriftCount != 2 || s.Foreign != 1 {
			t.Errorf("status %+v, want drifted: two lines, one foreign", s)
		}
		r.wantPhase("auto", providers.InSync)
		r.stop()
	})
}

// TestFlapWithinPropagation: acceptance scenario 10. Calls stay bounded by MinInterval, the last state wins.
func TestFlapWithinPropagation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		f.Servers, f.Lag = 2, 20*time.Second
		neverEmpty(t, f)
		r := newRig(t, options(nil, f), providers.Mirror{Provider: "p", Driver: f})
		r.update(both, both)
		r.push("p")
		r.run()
		time.Sleep(time.Minute)
		writes := f.Count(providertest.OpApply)
		for i := range 101 {
			if i%2 == 0 {
				r.update(both, onlyB, "www A 192.0.2.1")
			} else {
				r.update(both, both)
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		wantHeld(t, f, "www.example.org", dns.TypeA, "192.0.2.2")
		r.wantPhase("p", providers.InSync)
		if n := f.Count(providertest.OpApply) - writes; n > 6 {
			t.Errorf("%d writes for 101 flips within 10 s, want at most 6: three at once, then one each 5 s", n)
		}
		r.stop()
	})
}

// TestSecondDeathDoesNotWait: two targets that die one after the other are withdrawn at once both.
func TestSecondDeathDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		r := newRig(t, options(nil, nil), providers.Mirror{Provider: "p", Driver: f})
		three := "www A 192.0.2.1\nwww A 192.0.2.2\nwww A 192.0.2.3"
		r.update(three, three)
		r.push("p")
		r.run()
		time.Sleep(time.Minute)
		r.update(three, "www A 192.0.2.2\nwww A 192.0.2.3", "www A 192.0.2.1")
		time.Sleep(time.Second)
		r.update(three, "www A 192.0.2.3", "www A 192.0.2.1", "www A 192.0.2.2")
		synctest.Wait()
		wantHeld(t, f, "www.example.org", dns.TypeA, "192.0.2.3")
		r.stop()
	})
}

// TestNewestWins: while a write hangs, older wishes pile up; the newest alone is written then.
func TestNewestWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		r := newRig(t, options(nil, nil), providers.Mirror{Provider: "p", Driver: f, Edits: providers.Auto})
		var mu sync.Mutex
		var seen []string
		f.Fault = func(c providertest.Call) providertest.Fault {
			mu.Lock()
			defer mu.Unlock()
			if r.gen == 1 {
				return providertest.Fault{}
			}
			if c.Op == providertest.OpSnapshot {
				return providertest.Fault{Delay: 10 * time.Second}
			}
			seen = append(seen, strings.Join(c.Changes[0].New.Texts(), " "))
			return providertest.Fault{}
		}
		r.run()
		r.update("v A 192.0.2.0", "v A 192.0.2.0")
		time.Sleep(time.Minute)
		for i := 1; i <= 9; i++ {
			z := fmt.Sprintf("v A 192.0.2.%d", i)
			mu.Lock()
			r.update(z, z)
			mu.Unlock()
			time.Sleep(time.Second)
		}
		r.engine.Update(zone, providers.Desired{Served: providertest.MustZone(origin, "v A 192.0.2.100"), Generation: 1}) // late and old
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := strings.Join(seen, " "); got != "192.0.2.9" {
			t.Errorf("written: %s, want 192.0.2.9 alone", got)
		}
		r.stop()
	})
}

// TestKilledAtEveryStep: acceptance scenario 7. The engine dies at its nth call, before it or after it was done.
func TestKilledAtEveryStep(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for n := 1; n <= 12; n++ {
			t.Run(fmt.Sprintf("call %d lost %v", n, lost), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { killedAt(t, n, lost) })
			})
		}
	}
}

func killedAt(t *testing.T, n int, lost bool) {
	f := providertest.NewFake(origin)
	neverEmpty(t, f)
	state := &generations{t: t}
	o := options(state, nil)
	o.Timeouts.Stop = time.Millisecond
	first := newRig(t, o, providers.Mirror{Provider: "p", Driver: f})
	first.update(both, both)
	calls, dead := 0, make(chan struct{})
	var mu sync.Mutex
	armed := true
	f.Fault = func(providertest.Call) providertest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if calls++; armed && calls == n {
			armed = false
			close(dead)
			return providertest.Fault{Hang: !lost, Lost: lost}
		}
		return providertest.Fault{}
	}
	ctx, kill := context.WithCancel(t.Context())
	go func() { <-dead; kill() }()
	_, _ = first.engine.Push(ctx, "p", zone, providers.PushOptions{Wait: -1})
	first.run()
	first.update(both, onlyB, "www A 192.0.2.1")
	time.Sleep(10 * time.Second)
	first.update(both, both)
	time.Sleep(10 * time.Second)
	first.stop()
	kill()

	second := newRig(t, options(state, nil), providers.Mirror{Provider: "p", Driver: f})
	second.gen = 100
	second.update(both, onlyB, "www A 192.0.2.1")
	second.run()
	time.Sleep(time.Minute)
	if f.Held("www.example.org", dns.TypeA).IsZero() || second.status("p").Phase == providers.Pending {
		second.push("p") // the first push was cut off before anything was approved
	}
	synctest.Wait()
	wantHeld(t, f, "www.example.org", dns.TypeA, "192.0.2.2")
	wantHeld(t, f, "mail.example.org", dns.TypeA, "192.0.2.5")
	second.update(both, both)
	time.Sleep(time.Minute)
	synctest.Wait()
	if n := len(f.Held("www.example.org", dns.TypeA).Data); n != 2 {
		t.Errorf("%d addresses after the restore, want 2", n)
	}
	second.wantPhase("p", providers.InSync)
	second.stop()
}

// generations is a State that fails the test when a generation does not rise.
type generations struct {
	providers.MemoryState
	t    *testing.T
	last uint64
}

func (g *generations) Save(p string, z zones.Name, was uint64, s providers.Saved) error {
	if s.Generation < g.last {
		g.t.Errorf("generation %d after %d", s.Generation, g.last)
	}
	err := g.MemoryState.Save(p, z, was, s)
	if err == nil {
		g.last = s.Generation
	}
	return err
}

// TestTwoControllers: whoever has not seen the other's write writes nothing.
func TestTwoControllers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		state := &providers.MemoryState{}
		a := newRig(t, options(state, nil), providers.Mirror{Provider: "p", Driver: f})
		b := newRig(t, options(state, nil), providers.Mirror{Provider: "p", Driver: f})
		a.update(both, both)
		b.update(both, both)
		a.push("p") // a has generation 1
		if _, err := b.engine.Plan(t.Context(), "p", zone, providers.PlanOptions{}); err != nil {
			t.Fatal(err) // b has read generation 1
		}
		a.update(both+"\na A 192.0.2.8", both+"\na A 192.0.2.8")
		a.push("p")
		writes := f.Count(providertest.OpApply)
		b.update(both+"\nb A 192.0.2.9", both+"\nb A 192.0.2.9")
		_, err := b.engine.Push(t.Context(), "p", zone, providers.PushOptions{})
		if !errors.Is(err, providers.ErrFenced) {
			t.Errorf("push of the late one: %v, want ErrFenced", err)
		}
		if n := f.Count(providertest.OpApply); n != writes {
			t.Errorf("the late one wrote %d times", n-writes)
		}
	})
}

func TestReadFailureTouchesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		r := newRig(t, options(nil, nil), providers.Mirror{Provider: "p", Driver: f, Edits: providers.Auto})
		f.Fault = func(c providertest.Call) providertest.Fault {
			if c.Op == providertest.OpSnapshot {
				return providertest.Fault{Before: fmt.Errorf("%w: half a page", providers.ErrUnavailable)}
			}
			return providertest.Fault{}
		}
		r.update(both, both)
		r.run()
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := f.Count(providertest.OpApply); n != 0 {
			t.Errorf("%d writes without having read", n)
		}
		if s := r.status("p"); s.Phase != providers.Unreachable || !strings.Contains(s.Error, "half a page") {
			t.Errorf("status %+v", s)
		}
		if n := f.Count(providertest.OpSnapshot); n > 120 {
			t.Errorf("%d readings in an hour", n)
		}
		r.stop()
	})
}

// TestOneRefusedRecordBlocksNoOther: the rest goes on, and the refusal is said.
func TestOneRefusedRecordBlocksNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		f.Refuse = map[providers.Key]string{{Name: zones.MustParseName("x.example.org"), Type: dns.TypeTXT}: "I don't like it"}
		r := newRig(t, options(nil, nil), providers.Mirror{Provider: "p", Driver: f, Edits: providers.Auto})
		r.run()
		r.update(both, both)
		time.Sleep(time.Minute)
		synctest.Wait()
		wantHeld(t, f, "mail.example.org", dns.TypeA, "192.0.2.5")
		wantHeld(t, f, "x.example.org", dns.TypeTXT, "")
		if s := r.status("p"); len(s.Refused) != 1 || !strings.Contains(s.Refused[0].Text, "I don't like it") || len(s.Losses) != 1 {
			t.Errorf("refused %+v losses %+v", s.Refused, s.Losses)
		}
		r.stop()
	})
}

func TestStaleReadIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		r := newRig(t, options(nil, nil), providers.Mirror{Provider: "p", Driver: f})
		f.Fault = func(c providertest.Call) providertest.Fault {
			return providertest.Fault{Stale: c.Op == providertest.OpSnapshot && c.N <= 3}
		}
		r.update(both, both)
		if res := r.push("p"); res.Applied != 3 || f.Count(providertest.OpApply) != 1 {
			t.Errorf("%d applied in %d writes, want 3 in 1", res.Applied, f.Count(providertest.OpApply))
		}
	})
}

func TestDivergedNameServersAreSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		f.Servers, f.Lag = 1, time.Hour
		r := newRig(t, options(nil, f), providers.Mirror{Provider: "p", Driver: f})
		r.update(both, both)
		r.run()
		res := r.push("p")
		if len(res.Unverified) != 3 || !strings.Contains(strings.Join(res.Unverified, "\n"), "www A: ns1.fake.invalid. has none") {
			t.Errorf("unverified %q", res.Unverified)
		}
		r.wantPhase("p", providers.Diverged)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		r.wantPhase("p", providers.InSync)
		r.stop()
	})
}

func TestPushOfAnotherPlanIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		r := newRig(t, options(nil, nil), providers.Mirror{Provider: "p", Driver: f})
		r.update(both, both)
		plan, err := r.engine.Plan(t.Context(), "p", zone, providers.PlanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		f.Edit(providertest.Set(origin, "mail A 192.0.2.66"))
		if _, err := r.engine.Push(t.Context(), "p", zone, providers.PushOptions{Hash: plan.Hash}); !errors.Is(err, providers.ErrPlanChanged) {
			t.Errorf("push: %v, want ErrPlanChanged", err)
		}
		if n := f.Count(providertest.OpApply); n != 0 {
			t.Errorf("%d writes", n)
		}
	})
}

// TestAdoptedWithoutAPush: a provider that holds exactly the zone already needs no push before health works.
func TestAdoptedWithoutAPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		for _, s := range providertest.MustRRsets(origin, both) {
			f.Edit(providers.RRset{RRset: s})
		}
		r := newRig(t, options(nil, nil), providers.Mirror{Provider: "p", Driver: f})
		r.update(both, both)
		r.run()
		time.Sleep(time.Minute)
		r.wantPhase("p", providers.InSync)
		r.update(both, onlyB, "www A 192.0.2.1")
		synctest.Wait()
		wantHeld(t, f, "www.example.org", dns.TypeA, "192.0.2.2")
		r.stop()
	})
}

func TestUnknownMirror(t *testing.T) {
	e := providers.NewEngine(providers.Options{})
	if _, err := e.Plan(t.Context(), "p", zone, providers.PlanOptions{}); !errors.Is(err, providers.ErrUnknownMirror) {
		t.Errorf("plan: %v", err)
	}
	if err := e.Set([]providers.Mirror{{Provider: "p", Zone: zone}, {Provider: "p", Zone: zone}}); err == nil {
		t.Error("two mirrors without drivers under one name are taken")
	}
}

// TestHeldBackIsBehind: while the interval holds a withdrawal back, the mirror does not claim to be in sync.
func TestHeldBackIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		r := newRig(t, options(nil, f), providers.Mirror{Provider: "p", Driver: f})
		r.update(both, both)
		r.push("p")
		r.run()
		time.Sleep(time.Minute)
		for range 2 { // four writes, of which three are free
			r.update(both, onlyB, "www A 192.0.2.1")
			time.Sleep(100 * time.Millisecond)
			r.update(both, both)
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		wantHeld(t, f, "www.example.org", dns.TypeA, "192.0.2.2")
		r.wantPhase("p", providers.Behind)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		wantHeld(t, f, "www.example.org", dns.TypeA, "192.0.2.2 192.0.2.1")
		r.wantPhase("p", providers.InSync)
		r.stop()
	})
}

// TestDeadRemovedFromTheFileStaysAway: who sees that a target is dead and takes it out of the file must not bring it back.
func TestDeadRemovedFromTheFileStaysAway(t *testing.T) {
	for _, edits := range []providers.Edits{providers.PlanOnly, providers.Auto} {
		t.Run(fmt.Sprint(edits), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := providertest.NewFake(origin)
				r := newRig(t, options(nil, nil), providers.Mirror{Provider: "p", Driver: f, Edits: edits})
				mx := "\nm1 MX 1 a\nm2 MX 1 a"
				r.update(both+mx, both+mx)
				r.push("p")
				r.run()
				r.update(both+mx, onlyB+mx, "www A 192.0.2.1")
				time.Sleep(time.Minute)
				wantHeld(t, f, "www.example.org.", dns.TypeA, "192.0.2.2")
				f.Step = func(n zones.Name, _, next providers.RRset) {
					if strings.Contains(strings.Join(next.Texts(), " "), "192.0.2.1") {
						t.Errorf("%s: %v", n, next.Texts())
					}
				}
				if edits == providers.Auto {
					mx = "\nm1 MX 1 a" // beside it, an edit that a guard blocks
				}
				r.update(onlyB+mx, onlyB+mx)
				time.Sleep(time.Minute)
				wantHeld(t, f, "www.example.org.", dns.TypeA, "192.0.2.2")
				r.stop()
			})
		})
	}
}

// picky refuses an A RRset with 192.0.2.66 in it, at Project or at Apply; stubborn, it refuses any change of www A.
type picky struct {
	*providertest.Fake
	project  bool
	stubborn *atomic.Bool
}

func (p picky) refuses(s providers.RRset) bool {
	return s.Type == dns.TypeA && strings.Contains(strings.Join(s.Texts(), " "), "192.0.2.66")
}

func (p picky) Project(s providers.RRset) (providers.RRset, []string, error) {
	if p.project && p.refuses(s) {
		return s, nil, fmt.Errorf("%w: 66", providers.ErrCannotHold)
	}
	return p.Fake.Project(s)
}

func (p picky) Apply(ctx context.Context, z zones.Name, snap *providers.Snapshot, changes []providers.Change) error {
	var errs []error
	var rest []providers.Change
	for _, c := range changes {
		if p.refuses(c.New) || p.stubborn != nil && p.stubborn.Load() && c.Name == zones.MustParseName("www.example.org.") {
			errs = append(errs, &providers.ChangeError{Name: c.Name, Type: c.Type, Err: providers.ErrRefused})
			continue
		}
		rest = append(rest, c)
	}
	if len(rest) > 0 {
		errs = append(errs, p.Fake.Apply(ctx, z, snap, rest))
	}
	return errors.Join(errs...)
}

// TestRefusedEditHoldsUpNoWithdrawal: what the provider won't have, or can't hold, keeps nothing dead there, be it of the
// same RRset.
func TestRefusedEditHoldsUpNoWithdrawal(t *testing.T) {
	for _, edits := range []providers.Edits{providers.Auto, providers.PlanOnly} {
		for _, project := range []bool{false, true} {
			t.Run(fmt.Sprint(edits, project), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := providertest.NewFake(origin)
					r := newRig(t, options(nil, nil), providers.Mirror{Provider: "p", Driver: picky{Fake: f, project: project}, Edits: edits})
					r.update(both, both)
					r.push("p")
					r.run()
					add := "\nwww 60 A 192.0.2.66"
					r.update(both+add, both+add)
					time.Sleep(time.Minute)
					r.update(both+add, onlyB+add, "www A 192.0.2.1")
					time.Sleep(time.Minute)
					wantHeld(t, f, "www.example.org.", dns.TypeA, "192.0.2.2")
					r.update(both+add, both+add)
					time.Sleep(time.Minute)
					wantHeld(t, f, "www.example.org.", dns.TypeA, "192.0.2.2 192.0.2.1")
					r.stop()
				})
			})
		}
	}
}

// TestRefusedWithdrawalIsTriedAgain: it is said, holds up no other, and goes through as soon as the provider lets it.
func TestRefusedWithdrawalIsTriedAgain(t *testing.T) {
	for _, edits := range []providers.Edits{providers.Auto, providers.PlanOnly} {
		t.Run(fmt.Sprint(edits), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, stubborn := providertest.NewFake(origin), new(atomic.Bool)
				r := newRig(t, options(nil, nil), providers.Mirror{Provider: "p", Driver: picky{Fake: f, stubborn: stubborn}, Edits: edits})
				two := both + "\nm 60 A 192.0.2.1\nm 60 A 192.0.2.2"
				r.update(two, two)
				r.push("p")
				r.run()
				synctest.Wait()
				stubborn.Store(true)
				add := "\nnew A 192.0.2.7"
				r.update(two+add, onlyB+"\nm 60 A 192.0.2.2"+add, "www A 192.0.2.1", "m A 192.0.2.1")
				time.Sleep(time.Minute)
				wantHeld(t, f, "m.example.org.", dns.TypeA, "192.0.2.2")
				wantHeld(t, f, "www.example.org.", dns.TypeA, "192.0.2.1 192.0.2.2")
				if edits == providers.Auto {
					wantHeld(t, f, "new.example.org.", dns.TypeA, "192.0.2.7")
				}
				r.wantPhase("p", providers.Behind)
				if s := r.status("p"); !strings.Contains(s.Error, "www") {
					t.Errorf("the error does not name it: %q", s.Error)
				}
				stubborn.Store(false)
				time.Sleep(2 * time.Minute)
				wantHeld(t, f, "www.example.org.", dns.TypeA, "192.0.2.2")
				r.stop()
			})
		})
	}
}

// TestDeadValueThatMustStayIsNotInSync: where an RRset can't be written at all, what is dead in it is said.
func TestDeadValueThatMustStayIsNotInSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		r := newRig(t, options(nil, nil), providers.Mirror{Provider: "p", Driver: picky{Fake: f, project: true}})
		r.run()
		f.Edit(providertest.Set(origin, "www 60 A 192.0.2.1\nwww 60 A 192.0.2.2"))
		const add = "www 60 A 192.0.2.1\nwww 60 A 192.0.2.2\nwww 60 A 192.0.2.66"
		r.update(add, add)
		time.Sleep(time.Minute)
		r.wantPhase("p", providers.InSync)
		r.update(add, "www 60 A 192.0.2.2\nwww 60 A 192.0.2.66", "www A 192.0.2.1")
		time.Sleep(time.Minute)
		r.wantPhase("p", providers.Behind)
		r.stop()
	})
}

// slowReading lets every reading of f that begins from now on last for d, or the first alone.
func slowReading(f *providertest.Fake, d time.Duration, firstOnly bool) {
	var done atomic.Bool
	f.Fault = func(c providertest.Call) providertest.Fault {
		if c.Op == providertest.OpSnapshot && !(firstOnly && done.Swap(true)) {
			return providertest.Fault{Delay: d}
		}
		return providertest.Fault{}
	}
}

// TestPushNeverWritesWhatWasOvertaken: an edit that is taken back while Push reads is not written, with a hash nothing is.
func TestPushNeverWritesWhatWasOvertaken(t *testing.T) {
	for _, hashed := range []bool{false, true} {
		t.Run(fmt.Sprint(hashed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := providertest.NewFake(origin)
				r := newRig(t, options(nil, nil), providers.Mirror{Provider: "p", Driver: f})
				r.update(both, both)
				r.push("p")
				edited := both + "\nbad A 192.0.2.66"
				r.update(edited, edited)
				plan, err := r.engine.Plan(t.Context(), "p", zone, providers.PlanOptions{})
				if err != nil {
					t.Fatal(err)
				}
				o := providers.PushOptions{Wait: -1}
				if hashed {
					o.Hash = plan.Hash
				}
				writes := f.Count(providertest.OpApply)
				f.Step = func(n zones.Name, _, next providers.RRset) {
					if n == zones.MustParseName("bad.example.org.") {
						t.Errorf("%s: %v", n, next.Texts())
					}
				}
				slowReading(f, 5*time.Second, true)
				time.AfterFunc(time.Second, func() { r.update(both, onlyB, "www A 192.0.2.1") })
				res, err := r.engine.Push(t.Context(), "p", zone, o)
				if hashed {
					if !errors.Is(err, providers.ErrPlanChanged) || f.Count(providertest.OpApply) != writes {
						t.Errorf("push: %v, %d writes; want ErrPlanChanged and none", err, f.Count(providertest.OpApply)-writes)
					}
					return
				}
				if err != nil || res.Applied != 1 || len(res.Plan.Changes()) != 1 || res.Plan.Changes()[0].Name != zones.MustParseName("www.example.org.") {
					t.Errorf("push: %+v, %v", res, err)
				}
				wantHeld(t, f, "www.example.org.", dns.TypeA, "192.0.2.2")
			})
		})
	}
}

// TestReconfiguredWhileReading: a mirror that was taken out, or whose edits wait now, is not written by what began before.
func TestReconfiguredWhileReading(t *testing.T) {
	for _, what := range []string{"removed", "plan-only", "overlay"} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := providertest.NewFake(origin)
				m := providers.Mirror{Provider: "p", Zone: zone, Driver: f, Edits: providers.Auto}
				r := newRig(t, options(nil, nil), m)
				r.run()
				r.update(both, both)
				time.Sleep(time.Minute)
				synctest.Wait()
				slowReading(f, 20*time.Second, false)
				n := f.Count(providertest.OpApply)
				edited := strings.Replace(both, "192.0.2.5", "192.0.2.66", 1)
				r.update(edited, edited)
				time.Sleep(time.Second)
				var next []providers.Mirror
				switch what {
				case "plan-only":
					m.Edits = providers.PlanOnly
					next = []providers.Mirror{m}
				case "overlay":
					m.Overlay = providers.Overlay{zones.MustParseName("mail.example.org."): {"comment": "x"}}
					next = []providers.Mirror{m}
				}
				if err := r.engine.Set(next); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Minute)
				got := f.Held("mail.example.org.", dns.TypeA)
				if what == "overlay" {
					if strings.Join(got.Texts(), " ") != "192.0.2.66" || got.Attrs["comment"] != "x" || f.Count(providertest.OpApply) != n+1 {
						t.Errorf("mail is %v %v after %d writes", got.Texts(), got.Attrs, f.Count(providertest.OpApply)-n)
					}
				} else if f.Count(providertest.OpApply) != n {
					t.Errorf("%d writes, mail is %v", f.Count(providertest.OpApply)-n, got.Texts())
				}
				r.stop()
			})
		})
	}
}

// TestAdoptedWhileATargetIsDown: a provider that holds what the zone says is ours when a mirror is added during an outage too,
// also beside an edit that waits or that a guard blocks.
func TestAdoptedWhileATargetIsDown(t *testing.T) {
	for _, edits := range []providers.Edits{providers.PlanOnly, providers.Auto} {
		for _, theirs := range []bool{false, true} {
			t.Run(fmt.Sprint(edits, theirs), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := providertest.NewFake(origin)
					neverEmpty(t, f)
					r := newRig(t, options(nil, nil), providers.Mirror{Provider: "p", Driver: f, Edits: edits})
					r.run()
					f.Edit(providertest.Set(origin, "www 60 A 192.0.2.1\nwww 60 A 192.0.2.2"), providertest.Set(origin, "x TXT hello"))
					mail := "192.0.2.5"
					if theirs {
						mail = "192.0.2.250" // to replace it needs leave (G5)
					}
					f.Edit(providertest.Set(origin, "mail A "+mail))
					r.update(both, onlyB, "www A 192.0.2.1")
					time.Sleep(time.Minute)
					wantHeld(t, f, "www.example.org.", dns.TypeA, "192.0.2.2")
					r.update(both, both)
					time.Sleep(time.Minute)
					wantHeld(t, f, "www.example.org.", dns.TypeA, "192.0.2.2 192.0.2.1")
					r.update(both, onlyB, "www A 192.0.2.1")
					time.Sleep(time.Minute)
					wantHeld(t, f, "www.example.org.", dns.TypeA, "192.0.2.2")
					wantHeld(t, f, "mail.example.org.", dns.TypeA, mail)
					r.stop()
				})
			})
		}
	}
}

// TestOverlongRetryAfter: a provider that says to come back tomorrow is asked again in a while all the same.
func TestOverlongRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		r := newRig(t, options(nil, nil), providers.Mirror{Provider: "p", Driver: f})
		r.update(both, both)
		r.push("p")
		r.run()
		synctest.Wait()
		var once atomic.Bool
		f.Fault = func(c providertest.Call) providertest.Fault {
			if c.Op == providertest.OpSnapshot && !once.Swap(true) {
				return providertest.Fault{Before: &providers.RetryError{After: 24 * time.Hour, Err: providers.ErrUnavailable}}
			}
			return providertest.Fault{}
		}
		r.update(both, onlyB, "www A 192.0.2.1")
		synctest.Wait()
		wantHeld(t, f, "www.example.org.", dns.TypeA, "192.0.2.1 192.0.2.2")
		time.Sleep(6 * time.Minute)
		wantHeld(t, f, "www.example.org.", dns.TypeA, "192.0.2.2")
		r.stop()
	})
}
