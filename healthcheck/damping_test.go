package healthcheck

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var (
	ok      = Result{}
	failed  = Result{Err: errors.New("tcp 192.0.2.1:443: connection refused")}
	slowish = Result{Degraded: "https 192.0.2.1:443: answered in 900 ms, max_latency is 800 ms"}
)

// play feeds one letter after the other to a damper, each when the one before says that the next probe is due: "." an
// answer, "x" a failure, "~" a degraded answer. It returns the state after each as its first letter, and the damper.
func play(d damper, script string, c Check) (states string, last damper, now time.Duration) {
	for _, letter := range script {
		r := map[rune]Result{'.': ok, 'x': failed, '~': slowish}[letter]
		d, _ = d.step(r, now, c, DefaultFlap())
		states += map[State]string{Unknown: "?", Up: "u", Degraded: "g", Down: "D"}[d.state]
		wait, _ := d.delay(now, c)
		now += wait
	}
	return states, d, now
}

func TestDamping(t *testing.T) {
	quick := Default()
	quick.HoldDown = 0
	window := quick
	window.Fall = Fall{Count: 3, Of: 6}
	single := quick
	single.Fall, single.Rise = Fall{Count: 1}, 1
	for _, c := range []struct {
		name         string
		check        Check
		script, want string
	}{
		{"the first answer decides", quick, ".", "u"},
		{"failures from the start take fall", quick, "xxx", "??D"},
		{"unknown is not degraded before fall", quick, "~~~", "uug"},
		{"one or two lost probes change nothing", quick, ".x.xx.x", "uuuuuuu"},
		{"fall in a row", quick, ".xxx", "uuuD"},
		{"rise in a row", quick, "xxx..x...", "??DDDDDDu"},
		{"fall as a part of the last", window, ".x.x.x", "uuuuuD"},
		{"not below the part", window, ".x..x...x", "uuuuuuuuu"},
		{"an answer alone does not complete a fall", window, "x.x..x", "?uuuuD"},
		{"the window starts anew after a return", window, "xxx...x.x", "??DDDuuuu"},
		{"fall and rise of one", single, ".x.x.", "uDuDu"},
		{"degraded after fall, back after rise", quick, ".~~~~..~...", "uuugggggggu"},
		{"a failure breaks a degraded streak", quick, ".~~x~~.", "uuuuuuu"},
		{"degraded goes down", quick, "~~~xxx", "uuggGD"},
		{"returns as degraded while it is", quick, "xxx~~~", "??DDDg"},
		{"returns as up where the last answer is", quick, "xxx~~.", "??DDDu"},
		{"down answers slowly: that is an answer", quick, "xxx~x~.~", "??DDDDDg"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, _ := play(damper{}, c.script, c.check)
			if want := strings.ReplaceAll(c.want, "G", "g"); got != want {
				t.Errorf("%s gives\n%s, want\n%s", c.script, got, want)
			}
		})
	}
}

func TestHoldDown(t *testing.T) {
	c := Default()
	_, down, now := play(damper{}, "xxx", c)
	_, held, at := play(shift(down, -now), "...", c)
	if held.state != Down || !held.held || held.penalized {
		t.Fatalf("after rise: %+v, want down and held", held)
	}
	// Probes go on in the hold; the last one is due at its very end.
	if wait, _ := held.delay(0, c); wait != c.Interval {
		t.Errorf("in the hold probes come every %v, want %v", wait, c.Interval)
	}
	if wait, exact := held.delay(held.until-time.Second, c); wait != time.Second || !exact {
		t.Errorf("near the end of the hold the next probe is due in %v (exact %v), want 1s, exact", wait, exact)
	}
	early, reason := held.step(ok, held.until-1, c, DefaultFlap())
	if early.state != Down || reason != "" {
		t.Errorf("returned before the end of the hold: %q", reason)
	}
	due, _ := held.step(ok, held.until, c, DefaultFlap())
	if due.state != Up {
		t.Errorf("%v at the end of the hold, want up", due.state)
	}
	// One failure starts rise and hold anew.
	again, _ := held.step(failed, at, c, DefaultFlap())
	if again.held || again.answers != 0 {
		t.Errorf("after a failure in the hold: %+v, want a fresh start", again)
	}
}

// shift moves what a damper remembers in time.
func shift(d damper, by time.Duration) damper {
	d.until += by
	var flips []time.Duration
	for _, at := range d.flips {
		flips = append(flips, at+by)
	}
	d.flips = flips
	return d
}

func TestDelays(t *testing.T) {
	c := Default()
	for _, tc := range []struct {
		name, script string
		want         time.Duration
	}{
		{"unknown", "x", c.FastInterval},
		{"up", ".", c.Interval},
		{"failing", ".x", c.FastInterval},
		{"failing no more", ".x.", c.Interval},
		{"getting slow", ".~", c.FastInterval},
		{"degraded", ".~~~~", c.Interval},
		{"degraded, better", ".~~~.", c.FastInterval},
		{"down", "xxx", c.DownInterval},
		{"down, answering", "xxx.", c.FastInterval},
		{"held", "xxx...", c.Interval},
	} {
		_, d, now := play(damper{}, tc.script, c)
		if got, _ := d.delay(now, c); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	restored := damper{state: Up}
	if got, _ := restored.delay(0, c); got != c.FastInterval {
		t.Errorf("restored: %v, want %v", got, c.FastInterval)
	}
}

// Scenario 2, first half: 5 of the last 20 sees a target that loses 30 %, 3 in a row rarely does in the same time.
func TestScenario2LossIsSeen(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 30))
	trips := func(f Fall) int {
		n := 0
		for range 1000 {
			c := Default()
			c.Fall = f
			d, _ := damper{}.step(ok, 0, c, DefaultFlap())
			for range 25 {
				r := ok
				if rnd.Float64() < 0.3 {
					r = failed
				}
				if d, _ = d.step(r, 0, c, DefaultFlap()); d.state == Down {
					n++
					break
				}
			}
		}
		return n
	}
	part, row := trips(Fall{5, 20}), trips(Fall{Count: 3})
	if part < 850 || row > 450 {
		t.Errorf("of 1000 targets 5/20 saw %d, 3 in a row saw %d; want most and few", part, row)
	}
	t.Logf("of 1000 targets 5/20 saw %d, 3 in a row saw %d", part, row)
}

// Scenario 2, second half: whatever a target does, it does not change more often than flap.max within the window; only a
// withdrawal, which nothing may delay, can be one more.
func TestScenario2FlapsAreBounded(t *testing.T) {
	flap := DefaultFlap()
	for _, c := range []struct {
		name string
		next func(d damper, rnd *rand.Rand) Result
	}{
		{"30 % loss", func(_ damper, rnd *rand.Rand) Result {
			if rnd.Float64() < 0.3 {
				return failed
			}
			return ok
		}},
		{"dies whenever it is up", func(d damper, _ *rand.Rand) Result {
			if d.state == Down {
				return ok
			}
			return failed
		}},
		{"degraded whenever it is up", func(d damper, _ *rand.Rand) Result {
			if d.state == Degraded {
				return ok
			}
			return slowish
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(50) {
				rnd := rand.New(rand.NewPCG(seed, 7))
				check := Default()
				check.Fall = Fall{5, 20}
				d, _ := damper{}.step(ok, 0, check, flap)
				var at []time.Duration
				for now := time.Duration(0); now < 6*time.Hour; {
					was := d.state
					d, _ = d.step(c.next(d, rnd), now, check, flap)
					if d.state != was {
						at = append(at, now)
						most := flap.Max
						if d.state.rank() > was.rank() {
							most++
						}
						if n := len(at); n > most && now-at[n-1-most] < flap.Window {
							t.Fatalf("seed %d: transition %d within %v at %v, to %v", seed, most+1, flap.Window, now, d.state)
						}
					}
					wait, _ := d.delay(now, check)
					now += wait
				}
			}
		})
	}
}

func TestFlapPenalty(t *testing.T) {
	c, f := Default(), DefaultFlap()
	d := damper{state: Down}
	minute := func(list ...int) (flips []time.Duration) {
		for _, m := range list {
			flips = append(flips, time.Duration(m)*time.Minute)
		}
		return flips
	}
	for _, tc := range []struct {
		flips []time.Duration
		now   int
		want  time.Duration
	}{
		{minute(0), 1, time.Minute},
		{minute(0, 2, 3), 4, time.Minute},            // the return is the fourth
		{minute(0, 2, 3, 5, 6), 7, 16 * time.Minute}, // 1, 2, 4, 8 are too short
		{minute(0, 2, 3, 5, 6), 15, 2 * time.Minute},
		{minute(0, 2, 3, 5, 6), 40, time.Minute},
	} {
		d.flips = tc.flips
		if got := d.hold(time.Duration(tc.now)*time.Minute, c.HoldDown, f); got != tc.want {
			t.Errorf("%v, at %d m: held %v, want %v", tc.flips, tc.now, got, tc.want)
		}
	}
	d.flips = minute(6, 7, 8, 9, 10, 11, 12, 13, 14)
	if got := d.hold(14*time.Minute, c.HoldDown, Flap{Max: 1, Window: 24 * time.Hour, Cap: 30 * time.Minute}); got != 30*time.Minute {
		t.Errorf("held %v, want the cap", got)
	}
	if got := d.hold(14*time.Minute, 0, f); got < time.Second {
		t.Errorf("held %v: without hold_down flaps still cost", got)
	}
	if got := d.hold(14*time.Minute, c.HoldDown, Flap{Max: 1, Window: 24 * time.Hour, Penalty: 1.5, Cap: 100 * time.Second}); got != 100*time.Second {
		t.Errorf("hold with a penalty of 1.5: got %v, want the cap of 100 s", got)
	}
	if got := d.hold(14*time.Minute, c.HoldDown, Flap{Max: 1, Window: 24 * time.Hour, Penalty: 0.5, Cap: 2 * time.Minute}); got != 2*time.Minute {
		t.Errorf("hold with a penalty that does not grow: got %v, want the cap of 2 min", got)
	}
	if got := d.hold(14*time.Minute, c.HoldDown, Flap{Window: time.Hour}); got != c.HoldDown {
		t.Errorf("held %v without a limit, want %v", got, c.HoldDown)
	}
}

func TestReasons(t *testing.T) {
	part := Default()
	part.Fall = Fall{5, 20}
	for _, c := range []struct {
		check                   Check
		script, reason, pending string
	}{
		{Default(), ".", "answers", ""},
		{Default(), ".x", "", "1 of 3 failed: tcp 192.0.2.1:443: connection refused"},
		{Default(), ".xxx", "tcp 192.0.2.1:443: connection refused, 3 of 3", ""},
		{part, "..x.x.x.x.x", "tcp 192.0.2.1:443: connection refused, 5 of the last 11", ""},
		{part, ".x.", "", ""},
		{part, ".x.x", "", "2 of the last 4 failed: tcp 192.0.2.1:443: connection refused"},
		{Default(), ".~~~", slowish.Degraded + ", 3 of 3", ""},
		{Default(), ".~~", "", "2 of 3 degraded: " + slowish.Degraded},
		{Default(), "xxx..", "", "answers again, 2 of 3"},
		{Default(), ".~~~.", "", "as it should be again, 1 of 3"},
	} {
		n := len(c.script) - 1
		_, d, now := play(damper{}, c.script[:n], c.check)
		r := map[byte]Result{'.': ok, 'x': failed, '~': slowish}[c.script[n]]
		d, reason := d.step(r, now, c.check, DefaultFlap())
		if reason != c.reason {
			t.Errorf("%s: reason %q, want %q", c.script, reason, c.reason)
		}
		if got := d.pending(r, c.check); got != c.pending {
			t.Errorf("%s: pending %q, want %q", c.script, got, c.pending)
		}
	}
}
