package healthcheck

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// watches returns n watches of different targets.
func watches(n int, c Check) []Watch {
	out := make([]Watch, n)
	for i := range out {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		out[i] = NewWatch(Target{Addr: addr}, name("www.example.com"), c)
	}
	return out
}

func TestFirstProbesAreQuick(t *testing.T) {
	for _, c := range []struct {
		n      int
		within time.Duration
	}{{1, 10 * time.Millisecond}, {100, 200 * time.Millisecond}, {20_000, 10 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			m := New(Options{Probe: newWorld().probe})
			m.Set(watches(c.n, Default()))
			defer start(t, m)()
			time.Sleep(c.within)
			synctest.Wait()
			for _, v := range m.Verdicts() {
				if v.State != Up {
					t.Fatalf("%d targets: %s is %v after %v", c.n, v.Target, v.State, c.within)
				}
			}
		})
	}
}

func TestLoadIsSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		m := New(Options{Probe: func(context.Context, Watch) Result { n.Add(1); return Result{} }})
		m.Set(watches(10_000, Default()))
		defer start(t, m)()
		time.Sleep(10 * time.Second)
		for range 30 {
			n.Store(0)
			time.Sleep(time.Second)
			synctest.Wait()
			if got := n.Load(); got < 700 || got > 1500 {
				t.Errorf("%d probes in a second, want about 1050", got)
			}
		}
	})
}

func TestParallelProbesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		running, most := make(map[string]int), make(map[string]int)
		probe := func(ctx context.Context, w Watch) Result {
			count := func(by int) {
				mu.Lock()
				defer mu.Unlock()
				for _, what := range []string{"all", w.Target.String()} {
					running[what] += by
					most[what] = max(most[what], running[what])
				}
			}
			count(1)
			defer count(-1)
			select {
			case <-time.After(w.Check.Timeout):
			case <-ctx.Done():
			}
			return failed
		}
		m := New(Options{Probe: probe, MaxParallel: 20, PerTarget: 3})
		all := watches(40, Default())
		shared := Target{Addr: netip.MustParseAddr("192.0.2.1")}
		for port := range uint16(30) {
			c := Default()
			c.Port = 8000 + port
			all = append(all, NewWatch(shared, name("www.example.com"), c))
		}
		m.Set(all)
		defer start(t, m)()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if most["all"] != 20 || most["192.0.2.1"] != 3 || most["10.0.0.1"] != 1 {
			t.Errorf("at most %d at a time, %d at the shared target, %d at another; want 20, 3, 1", most["all"], most["192.0.2.1"], most["10.0.0.1"])
		}
		for _, v := range m.Verdicts() {
			if v.State != Down {
				t.Errorf("%s is %v: it never had its turn", v.Key, v.State)
			}
		}
	})
}

func TestSetKeepsWhatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		m := New(Options{Probe: w.probe})
		three := watches(3, Default())
		for _, x := range three {
			w.kill(x.Target.String())
		}
		m.Set(three[:2])
		defer start(t, m)()
		time.Sleep(time.Minute)
		synctest.Wait()
		since := m.Verdict(three[0].Key).Since
		m.Set([]Watch{three[0], three[2], three[0]})
		if v := m.Verdict(three[0].Key); v.State != Down || v.Since != since || v.Restored {
			t.Errorf("what stays: %v", v)
		}
		if v := m.Verdict(three[1].Key); v.State != Unknown || v.Reason != "not watched" {
			t.Errorf("what goes: %v", v)
		}
		if v := m.Verdict(three[2].Key); v.State != Unknown || v.Reason != "not probed yet" {
			t.Errorf("what is new: %v", v)
		}
		if got := len(m.Verdicts()); got != 2 {
			t.Errorf("%d verdicts, want 2", got)
		}
		gone := w.count(three[1].Target.String())
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := w.count(three[1].Target.String()); n != gone {
			t.Errorf("%d probes of what is gone", n-gone)
		}
		for _, tr := range m.Take() {
			if tr.Verdict.Key == three[1].Key {
				t.Errorf("a transition of what is gone: %v", tr)
			}
		}
	})
}

// A check that changes asks anew, and what was known holds until it has decided.
func TestChangedCheckKeepsTheVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		m := New(Options{Probe: w.probe})
		before := watches(2, Default())
		w.kill(before[0].Target.String())
		m.Set(before)
		defer start(t, m)()
		time.Sleep(time.Minute)
		synctest.Wait()
		c := Default()
		c.Path = "/healthz"
		after := watches(2, c)
		m.Set(after)
		if v := m.Verdict(after[0].Key); v.State != Down || !v.Restored || v.Reason != "tcp 10.0.0.0:443: connection refused, 3 of 3" {
			t.Errorf("down before the change: %+v", v)
		}
		if v := m.Verdict(after[1].Key); v.State != Up || !v.Restored {
			t.Errorf("up before the change: %+v", v)
		}
		w.revive(before[0].Target.String())
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for _, x := range after {
			if v := m.Verdict(x.Key); v.State != Up || v.Restored {
				t.Errorf("after probes: %+v", v)
			}
		}
		// Another service on the same machine is another matter.
		tcp := preset(t, "tcp:25")
		w.kill(before[0].Target.String())
		time.Sleep(time.Minute)
		synctest.Wait()
		m.Set(watches(1, tcp))
		if v := m.Verdicts()[0]; v.State != Unknown {
			t.Errorf("another check of the same target: %+v", v)
		}
	})
}

func TestRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		four := watches(4, Default())
		since := time.Now().Add(-time.Hour)
		past := func(i int, s State, reason string) Verdict {
			return Verdict{Key: four[i].Key, Target: four[i].Target, Host: four[i].Host, Check: "https", State: s, Since: since, Reason: reason}
		}
		m := New(Options{Probe: w.probe})
		m.Restore([]Verdict{past(0, Down, "refused, 3 of 3"), past(1, Up, "answers"), past(2, Unknown, "not probed yet")})
		m.Set(four)
		for i, want := range []State{Down, Up, Unknown, Unknown} {
			v := m.Verdict(four[i].Key)
			if v.State != want || v.Restored != (want != Unknown) {
				t.Errorf("%d: %+v, want %v", i, v, want)
			}
		}
		if v := m.Verdict(four[0].Key); v.Reason != "refused, 3 of 3" || !v.Since.Equal(since) {
			t.Errorf("got %+v", v)
		}
		w.kill(four[0].Target.String())
		defer start(t, m)()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if v := m.Verdict(four[0].Key); v.State != Down || v.Restored || !v.Since.Equal(since) {
			t.Errorf("confirmed: %+v", v)
		}
		// Down is no transition: it was down before.
		for _, tr := range m.Take() {
			if tr.Verdict.Key == four[0].Key || tr.Verdict.Key == four[1].Key {
				t.Errorf("a transition without a change: %v", tr)
			}
		}
		// What the first Set did not want is forgotten: a verdict of last week withdraws nothing.
		late := watches(5, Default())[4]
		m.Restore([]Verdict{{Key: late.Key, Target: late.Target, State: Down}})
		m.Set(four)
		m.Set(append(four, late))
		if v := m.Verdict(late.Key); v.State != Unknown {
			t.Errorf("stale: %+v", v)
		}
	})
}

// A machine that stands still does not blame its targets.
func TestStallsAreAbstentions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, pair, Options{}, httpsRule("www.example.com"))
		r.pass(time.Minute)
		r.world.kill("192.0.2.1")
		r.world.slow(Default().Timeout + 2*stall) // no timer fired in time
		r.pass(10 * time.Minute)
		v := r.mon.Verdict(r.overlay.Watches()[0].Key)
		if v.State != Up || v.Abstained == 0 || !strings.Contains(v.LastError, "this machine stood still") {
			t.Errorf("got %+v", v)
		}
	})
}

func TestHeldIsVisible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, pair, Options{}, httpsRule("www.example.com"))
		r.pass(time.Minute)
		key := r.overlay.Watches()[0].Key
		r.world.kill("192.0.2.1")
		r.pass(time.Minute)
		r.world.revive("192.0.2.1")
		r.pass(30 * time.Second)
		v := r.mon.Verdict(key)
		if want := "answers again, held until " + v.NextUp.Format(time.TimeOnly); v.State != Down || v.Pending != want || v.Flapping {
			t.Errorf("got %+v, want pending %q", v, want)
		}
		due := v.NextUp
		r.pass(time.Minute)
		v = r.mon.Verdict(key)
		if v.State != Up || !v.Since.Equal(due) || v.Pending != "" || !v.NextUp.IsZero() {
			t.Errorf("got %+v, want up since %v", v, due)
		}
	})
}

func TestTransitionsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		w := newWorld()
		m := New(Options{Probe: w.probe, Log: log, Rand: func() float64 { return 0 }})
		one := watches(1, Default())
		m.Set(one)
		stop := start(t, m)
		time.Sleep(time.Minute)
		w.kill(one[0].Target.String())
		time.Sleep(time.Minute)
		w.revive(one[0].Target.String())
		time.Sleep(2 * time.Minute)
		stop()
		wantLines(t, "log", strings.Split(strings.TrimSpace(out.String()), "\n"),
			`level=WARN msg="target down" target=10.0.0.0 check=https from=up reason="tcp 10.0.0.0:443: connection refused, 3 of 3"`,
			`level=INFO msg="target up" target=10.0.0.0 check=https from=down reason="answers, 9 in a row"`)
	})
}

func TestLateProbesAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		w := newWorld()
		w.slow(2 * time.Second)
		m := New(Options{Probe: w.probe, MaxParallel: 1, Log: slog.New(slog.NewTextHandler(&out, nil))})
		m.Set(watches(20, Default())) // 40 s of probes every 10 s
		stop := start(t, m)
		time.Sleep(5*time.Minute - time.Second)
		if s := m.Stats(); s.Lag < 20*time.Second || s.Watched != 20 || s.Probes == 0 {
			t.Errorf("got %+v", s)
		}
		stop()
		if n := strings.Count(out.String(), "probes are late"); n < 4 || n > 5 {
			t.Errorf("said %d times in five minutes, want once a minute:\n%s", n, out.String())
		}
	})
}

func TestACheckMayChangeItsName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Options{Probe: newWorld().probe})
		m.Set(watches(1, Default()))
		defer start(t, m)()
		time.Sleep(time.Minute)
		c := Default()
		c.Name = "web"
		m.Set(watches(1, c))
		time.Sleep(time.Minute)
		synctest.Wait()
		if v := m.Verdicts()[0]; v.Check != "web" || v.State != Up || v.Restored {
			t.Errorf("got %+v, want the same verdict under the new name", v)
		}
	})
}

// Readers, Set and probes at the same time: for the race detector. No goroutine is left behind.
func TestConcurrentUse(t *testing.T) {
	before := runtime.NumGoroutine()
	m := New(Options{Probe: func(context.Context, Watch) Result {
		if rand.IntN(2) == 0 {
			return failed
		}
		return Result{}
	}})
	c := Default()
	c.Interval, c.FastInterval, c.DownInterval, c.HoldDown = time.Millisecond, time.Millisecond, time.Millisecond, 0
	all := watches(50, c)
	m.Set(all)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { m.Run(ctx) })
	enough := make(chan struct{})
	wg.Go(func() {
		for flips := 0; ; {
			select {
			case <-ctx.Done():
				return
			case <-m.Changed():
				before := flips
				flips += len(m.Take())
				if before < 100 && flips >= 100 {
					close(enough)
				}
			}
		}
	})
	for range 4 {
		wg.Go(func() {
			for i := range 200 {
				m.Verdict(all[i%50].Key)
				m.Verdicts()
				m.Stats()
			}
		})
	}
	for i := range 200 {
		m.Set(all[i%25 : 25+i%25])
		runtime.Gosched()
	}
	<-enough
	cancel()
	wg.Wait()
	if s := m.Stats(); s.InFlight != 0 || s.Probes == 0 {
		t.Errorf("after the end: %+v", s)
	}
	for runtime.NumGoroutine() > before {
		runtime.Gosched() // those that have just ended
	}
}

// BenchmarkMonitor measures what scheduling and damping cost for each probe, beside the probe itself: 10,000 targets
// at 10 s make 1,000 of them a second.
func BenchmarkMonitor(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var probes atomic.Int64
			enough := make(chan struct{})
			m := New(Options{Probe: func(context.Context, Watch) Result {
				if probes.Add(1) == int64(b.N) {
					close(enough)
				}
				return Result{}
			}})
			c := Default()
			c.Interval, c.FastInterval = 1, 1 // always late: as fast as it goes
			m.Set(watches(n, c))
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan error, 1)
			b.ReportAllocs()
			b.ResetTimer()
			go func() { done <- m.Run(ctx) }()
			<-enough
			cancel()
			<-done
		})
	}
}

// BenchmarkReaction measures from the end of the probe that decides to the transition in the hands of its taker.
func BenchmarkReaction(b *testing.B) {
	results := make(chan Result)
	m := New(Options{Probe: func(ctx context.Context, w Watch) Result {
		select {
		case r := <-results:
			return r
		case <-ctx.Done():
			return failed
		}
	}})
	c := Default()
	c.Interval, c.FastInterval, c.DownInterval, c.HoldDown = 1, 1, 1, 0
	c.Fall, c.Rise = Fall{Count: 1}, 1
	one := watches(1, c)
	m.Set(one)
	m.opts.Flap = Flap{}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	b.ResetTimer()
	for i := range b.N {
		r := failed
		if i%2 == 1 {
			r = Result{}
		}
		results <- r
		<-m.Changed()
		m.Take()
	}
	cancel()
	<-done
}
