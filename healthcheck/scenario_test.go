package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// world is what probes find: a result for each target, by its text.
type world struct {
	mu      sync.Mutex
	results map[string]Result
	probes  map[string]int
	takes   time.Duration // how long each probe takes
}

func newWorld() *world {
	return &world{results: make(map[string]Result), probes: make(map[string]int)}
}

func (w *world) set(target string, r Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.results[target] = r
}

func (w *world) kill(target string) {
	w.set(target, Result{Err: fmt.Errorf("tcp %s:443: connection refused", target)})
}

// slow makes every probe take d.
func (w *world) slow(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.takes = d
}

func (w *world) revive(target string) { w.set(target, Result{}) }

func (w *world) count(target string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.probes[target]
}

func (w *world) probe(ctx context.Context, watch Watch) Result {
	w.mu.Lock()
	takes := w.takes
	w.mu.Unlock()
	select {
	case <-ctx.Done():
		return Result{Err: fmt.Errorf("%w: %w", ErrAbstain, ctx.Err())}
	case <-time.After(takes):
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.probes[watch.Target.String()]++
	return w.results[watch.Target.String()]
}

// rig is a monitor and the zone that follows it, as publish does it.
type rig struct {
	t       *testing.T
	world   *world
	mon     *Monitor
	loaded  *zones.Zone
	overlay *Overlay

	mu       sync.Mutex
	served   *zones.Zone
	versions int
	last     []Decision
	at       time.Time // of the last version
}

// newRig starts both in a bubble. Whatever it started has ended when the bubble does.
func newRig(t *testing.T, text string, opts Options, rules ...Rule) *rig {
	t.Helper()
	r := &rig{t: t, world: newWorld(), loaded: zoneOf(t, text)}
	if opts.Probe == nil {
		opts.Probe = r.world.probe
	}
	if opts.Rand == nil {
		opts.Rand = rand.New(rand.NewPCG(1, 2)).Float64
	}
	r.mon = New(opts)
	r.overlay = NewOverlay(r.loaded, rules)
	r.mon.Set(r.overlay.Watches())
	changes, decisions := r.overlay.Withdraw(r.mon.Verdict)
	r.served, r.last = with(t, r.loaded, changes), decisions
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := r.mon.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() { r.publish(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return r
}

func (r *rig) publish(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.mon.Changed():
		}
		var keys []Key
		for _, tr := range r.mon.Take() {
			keys = append(keys, tr.Verdict.Key)
		}
		changes, decisions := r.overlay.WithdrawTouched(r.mon.Verdict, keys...)
		r.mu.Lock()
		next := with(r.t, r.served, changes)
		if len(zones.Diff(r.served, next)) > 0 {
			r.served, r.at = next, time.Now()
			r.versions++
		}
		r.last = decisions
		r.mu.Unlock()
	}
}

// pass lets time go by, and everything that happens in it.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (r *rig) want(owner string, typ uint16, lines ...string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	wantLines(r.t, fmt.Sprintf("%s %s", owner, zones.TypeString(typ)), dig(r.served, owner, typ), lines...)
}

func (r *rig) published() (int, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.versions, r.at
}

const pair = "www 300 A 192.0.2.1\nwww 300 A 198.51.100.1\n"

func httpsRule(owner string) Rule { return Rule{Name: name(owner), Checks: []Check{Default()}} }

func TestScenario1OneOfTwoDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, pair, Options{}, httpsRule("www.example.com"))
		r.pass(30 * time.Second)
		r.want("www.example.com", dns.TypeA, "60 192.0.2.1", "60 198.51.100.1")

		// One lost probe changes nothing.
		lost := r.world.count("192.0.2.1")
		r.world.kill("192.0.2.1")
		for r.world.count("192.0.2.1") == lost {
			r.pass(100 * time.Millisecond)
		}
		r.world.revive("192.0.2.1")
		r.pass(time.Minute)
		if n, _ := r.published(); n != 0 {
			t.Errorf("one lost probe made %d versions", n)
		}

		died := time.Now()
		r.world.kill("192.0.2.1")
		r.pass(Budget(Default()))
		r.want("www.example.com", dns.TypeA, "60 198.51.100.1")
		n, at := r.published()
		if n != 1 || at.Sub(died) > Budget(Default()) {
			t.Errorf("%d versions, the last %v after the death; want 1 within %v", n, at.Sub(died), Budget(Default()))
		}
		v := r.mon.Verdict(r.overlay.Watches()[0].Key)
		if want := "tcp 192.0.2.1:443: connection refused, 3 of 3"; v.State != Down || v.Reason != want {
			t.Errorf("got %v %q, want down %q", v.State, v.Reason, want)
		}

		// It returns after Rise and HoldDown: not before, and not long after.
		c := Default()
		r.world.revive("192.0.2.1")
		revived := time.Now()
		r.pass(c.HoldDown)
		r.want("www.example.com", dns.TypeA, "60 198.51.100.1")
		r.pass(c.DownInterval + time.Duration(c.Rise)*(c.FastInterval+c.Timeout))
		r.want("www.example.com", dns.TypeA, "60 192.0.2.1", "60 198.51.100.1")
		if n, at := r.published(); n != 2 || at.Sub(revived) < c.HoldDown {
			t.Errorf("%d versions, the last %v after the return; want 2, not before %v", n, at.Sub(revived), c.HoldDown)
		}
	})
}

func TestScenario4AllDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, pair, Options{}, httpsRule("www.example.com"))
		r.pass(30 * time.Second)
		r.world.kill("192.0.2.1")
		r.pass(time.Minute)
		r.want("www.example.com", dns.TypeA, "60 198.51.100.1")
		r.world.kill("198.51.100.1")
		r.pass(time.Minute)
		r.want("www.example.com", dns.TypeA, "60 192.0.2.1", "60 198.51.100.1")
		r.mu.Lock()
		d := r.last[0]
		r.mu.Unlock()
		if want := "none of 2 up: all are kept (all_down: all)"; !d.FailOpen || d.Outcome != want {
			t.Errorf("got %q, fail open %v; want %q", d.Outcome, d.FailOpen, want)
		}
	})
}

func TestScenario6BelowFloor(t *testing.T) {
	four := "www A 192.0.2.4\nwww A 192.0.2.1\nwww A 192.0.2.3\nwww A 192.0.2.2\n"
	synctest.Test(t, func(t *testing.T) {
		rule := httpsRule("www.example.com")
		rule.MinHealthy = Floor{Percent: 50}
		r := newRig(t, four, Options{}, rule)
		r.pass(30 * time.Second)
		r.world.kill("192.0.2.4")
		r.world.kill("192.0.2.2")
		r.pass(time.Minute)
		r.want("www.example.com", dns.TypeA, "60 192.0.2.1", "60 192.0.2.3")
		r.world.kill("192.0.2.1")
		r.pass(time.Minute)
		r.want("www.example.com", dns.TypeA, "60 192.0.2.4", "60 192.0.2.1", "60 192.0.2.3", "60 192.0.2.2")
		r.mu.Lock()
		d := r.last[0]
		r.mu.Unlock()
		if want := "1 of 4 up, fewer than min_healthy 50% (2): all are kept (all_down: all)"; d.Outcome != want {
			t.Errorf("got %q, want %q", d.Outcome, want)
		}
	})
}

// Scenario 10: what leaves and returns before anybody took it is no change; what is left over is the final state.
func TestScenario10WithdrawAndRestoreAreCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		m := New(Options{Probe: w.probe})
		loaded := zoneOf(t, pair)
		rule := httpsRule("www.example.com")
		rule.Checks[0].HoldDown = 0
		o := NewOverlay(loaded, []Rule{rule})
		m.Set(o.Watches())
		stop := start(t, m)
		defer stop()
		time.Sleep(time.Minute)
		m.Take()

		w.kill("192.0.2.1")
		w.kill("198.51.100.1")
		time.Sleep(time.Minute)
		w.revive("192.0.2.1")
		time.Sleep(time.Minute)
		synctest.Wait()
		got := m.Take()
		if len(got) != 1 || got[0].From != Up || got[0].Verdict.State != Down || got[0].Verdict.Target.String() != "198.51.100.1" {
			t.Errorf("got %v, want the one target that is down", got)
		}
		changes, _ := o.Withdraw(m.Verdict)
		wantLines(t, "served", dig(with(t, loaded, changes), "www.example.com", dns.TypeA), "60 192.0.2.1")
	})
}

// start runs m until stop.
func start(t *testing.T, m *Monitor) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// Scenario 14: the wall clock jumps while probes are under way. Their failures are nobody's, and nothing expires.
func TestScenario14ClockJumps(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var offset time.Duration
				now := func() time.Time {
					mu.Lock()
					defer mu.Unlock()
					return time.Now().Add(offset)
				}
				r := newRig(t, pair, Options{Now: now}, httpsRule("www.example.com"))
				r.world.slow(2 * time.Second)
				r.pass(time.Minute)
				r.world.kill("192.0.2.1")
				r.world.kill("198.51.100.1")
				// Every probe of the next minutes sees the clock jump.
				for range 120 {
					mu.Lock()
					offset += by
					mu.Unlock()
					r.pass(time.Second)
				}
				if n, _ := r.published(); n != 0 {
					t.Errorf("clock jumps made %d versions", n)
				}
				for _, v := range r.mon.Verdicts() {
					if v.State != Up || v.Abstained == 0 {
						t.Errorf("%s: %v after %d abstentions, want up after some", v.Key, v.State, v.Abstained)
					}
				}
				// With a steady clock the failures count again.
				r.pass(time.Minute)
				if v := r.mon.Verdicts()[0]; v.State != Down || v.Abstained != 0 {
					t.Errorf("%s: %v after %d abstentions, want down", v.Key, v.State, v.Abstained)
				}
			})
		})
	}
}

func TestAbstentionsChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, pair, Options{}, httpsRule("www.example.com"))
		r.pass(time.Minute)
		r.world.set("192.0.2.1", Result{Err: fmt.Errorf("https 192.0.2.1:443: %w: too many open files", ErrAbstain)})
		r.pass(time.Hour)
		v := r.mon.Verdict(r.overlay.Watches()[0].Key)
		if v.State != Up || v.Abstained < 300 || v.LastError != "https 192.0.2.1:443: no vote: too many open files" {
			t.Errorf("got %+v", v)
		}
		if n, _ := r.published(); n != 0 {
			t.Errorf("%d versions, want none", n)
		}
	})
}

func TestErrRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Options{Probe: newWorld().probe})
		stop := start(t, m)
		defer stop()
		synctest.Wait()
		if err := m.Run(t.Context()); !errors.Is(err, ErrRunning) {
			t.Errorf("got %v, want ErrRunning", err)
		}
	})
}
