package healthcheck

import (
	"fmt"
	"math/bits"
	"slices"
	"time"
)

// Flap is the penalty for targets that come and go. A return that would be the target's transition number Max+1 or
// later within Window is held for hold_down times Penalty as often as it takes, up to Cap. A withdrawal is never delayed, so
// with a Cap of at least Window there are never more than Max transitions within Window, but for one last withdrawal.
type Flap struct {
	Max     int // 0: no penalty
	Window  time.Duration
	Penalty float64 // 0: 2; what is below 1.1 counts as that
	Cap     time.Duration
}

// DefaultFlap is 4 transitions in 15 minutes, and holds of at most 30 minutes.
func DefaultFlap() Flap {
	return Flap{Max: 4, Window: 15 * time.Minute, Penalty: 2, Cap: 30 * time.Minute}
}

// damper is the damped view that one vantage has of one key: the state machine drawn in doc.go. It is a value and
// reads no clock: instants are durations since some start, by a clock that never jumps.
type damper struct {
	state     State
	confirmed bool // a probe of this run agrees with state

	failures uint64 // the last results as bits, the newest lowest, 1 for a failure
	seen     int    // how many of them there are, at most maxWindow
	failing  int    // failures in a row
	slow     int    // degraded results in a row
	answers  int    // results in a row that are not failures
	clean    int    // results in a row with nothing wrong

	held      bool // Rise is reached; until says when the return may be
	until     time.Duration
	penalized bool
	flips     []time.Duration // transitions within the flap window, never modified in place
}

// step takes one result that is a vote. It returns the next view, and in words why its state is another one; reason is
// empty where it is not.
func (d damper) step(r Result, now time.Duration, c Check, f Flap) (next damper, reason string) {
	d = d.count(r)
	switch {
	case d.state != Down && d.fallen(c.Fall):
		return d.flip(Down, now, f), fmt.Sprintf("%v, %s", r.Err, d.streak(c.Fall))
	case d.state == Unknown && r.Err == nil:
		return d.flip(Up, now, f), "answers"
	case d.state == Up && d.slow >= c.Fall.Count:
		return d.flip(Degraded, now, f), fmt.Sprintf("%s, %d of %d", r.Degraded, d.slow, c.Fall.Count)
	case d.state == Down || d.state == Degraded:
		return d.rise(r, now, c, f)
	}
	d.confirmed = d.confirmed || r.Err == nil
	return d, ""
}

// count adds a result to the streaks.
func (d damper) count(r Result) damper {
	failed := r.Err != nil
	d.failures <<= 1
	d.seen = min(d.seen+1, maxWindow)
	switch {
	case failed:
		d.failures |= 1
		d.failing, d.slow, d.answers, d.clean = d.failing+1, 0, 0, 0
	case r.Degraded != "":
		d.failing, d.slow, d.answers, d.clean = 0, d.slow+1, d.answers+1, 0
	default:
		d.failing, d.slow, d.answers, d.clean = 0, 0, d.answers+1, d.clean+1
	}
	return d
}

// fallen says whether the last result completes a fall.
func (d damper) fallen(f Fall) bool {
	if f.Of <= f.Count {
		return d.failing >= f.Count
	}
	return d.failing > 0 && d.lost(f) >= f.Count
}

// lost counts the failures in the window of f.
func (d damper) lost(f Fall) int { return bits.OnesCount64(d.failures << (maxWindow - f.Of)) }

func (d damper) streak(f Fall) string {
	if f.Of <= f.Count {
		return fmt.Sprintf("%d of %d", d.failing, f.Count)
	}
	return fmt.Sprintf("%d of the last %d", d.lost(f), min(d.seen, f.Of))
}

// rise handles a vote on a target that is down or degraded and may return: Rise results in a row that are better than its
// state, then hold_down of them. One that is not better starts it anew.
func (d damper) rise(r Result, now time.Duration, c Check, f Flap) (damper, string) {
	better := d.answers
	if d.state == Degraded {
		better = d.clean
	}
	d.confirmed = d.confirmed || better == 0
	if better < c.Rise {
		d.held, d.penalized = false, false
		return d, ""
	}
	if !d.held {
		d.held = true
		hold := d.hold(now, c.HoldDown, f)
		d.until, d.penalized = now+hold, hold > c.HoldDown
	}
	if now < d.until {
		return d, ""
	}
	if r.Degraded != "" {
		return d.flip(Degraded, now, f), r.Degraded
	}
	return d.flip(Up, now, f), fmt.Sprintf("answers, %d in a row", better)
}

// hold returns how long a target whose Rise is complete at now waits for its return.
func (d damper) hold(now, base time.Duration, f Flap) time.Duration {
	hold := base
	if f.Max <= 0 {
		return hold
	}
	grow := f.Penalty
	if grow == 0 {
		grow = 2
	}
	for hold < f.Cap && d.flipsSince(now+hold-f.Window)+1 > f.Max {
		hold = min(max(time.Duration(float64(hold)*max(grow, 1.1)), time.Second), f.Cap)
	}
	return hold
}

// flipsSince counts the transitions after t.
func (d damper) flipsSince(t time.Duration) int {
	n := 0
	for _, at := range d.flips {
		if at > t {
			n++
		}
	}
	return n
}

// flip changes the state, and starts the streaks anew. The first one out of Unknown is no flapping, and where it is an answer
// that ends the not knowing, what was seen before goes on counting.
func (d damper) flip(to State, now time.Duration, f Flap) damper {
	if d.state == Unknown && to == Up {
		d.state, d.confirmed = Up, true
		return d
	}
	next := damper{state: to, confirmed: true}
	next.flips = slices.DeleteFunc(slices.Clone(d.flips), func(at time.Duration) bool { return at <= now-f.Window })
	if d.state != Unknown {
		next.flips = append(next.flips, now)
	}
	return next
}

// delay returns how long after now the next probe is due, before jitter; exact says that jitter must not shorten it.
func (d damper) delay(now time.Duration, c Check) (wait time.Duration, exact bool) {
	switch {
	case d.held:
		// The return is confirmed by a probe at the very moment it is due.
		if left := max(d.until-now, 0); left <= c.Interval {
			return left, true
		}
		return c.Interval, false
	case d.state == Unknown || !d.confirmed:
		return c.FastInterval, false
	case d.state == Down && d.answers == 0:
		return c.DownInterval, false
	case d.state == Down, d.failing > 0, d.state == Up && d.slow > 0, d.state == Degraded && d.clean > 0:
		return c.FastInterval, false
	}
	return c.Interval, false
}

// pending says in words what builds up to another state.
func (d damper) pending(r Result, c Check) string {
	switch {
	case d.state != Down && d.failing > 0:
		return fmt.Sprintf("%s failed: %v", d.streak(c.Fall), r.Err)
	case d.state == Up && d.slow > 0:
		return fmt.Sprintf("%d of %d degraded: %s", d.slow, c.Fall.Count, r.Degraded)
	case d.state == Down && !d.held && d.answers > 0:
		return fmt.Sprintf("answers again, %d of %d", d.answers, c.Rise)
	case d.state == Degraded && !d.held && d.clean > 0:
		return fmt.Sprintf("as it should be again, %d of %d", d.clean, c.Rise)
	}
	return ""
}
