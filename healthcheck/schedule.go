package healthcheck

import (
	"container/heap"
	"context"
	"fmt"
	"sync"
	"time"
)

// schedule is a heap of entries by due time.
type schedule []*entry

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].due < s[j].due }
func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

// Push and Pop are heap's; add and remove are ours.
func (s *schedule) Push(x any) {
	e := x.(*entry)
	e.index = len(*s)
	*s = append(*s, e)
}

func (s *schedule) Pop() any {
	old := *s
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*s = old[:len(old)-1]
	e.index = -1
	return e
}

func (s *schedule) add(e *entry) { heap.Push(s, e) }

func (s *schedule) remove(e *entry) {
	if e.index >= 0 {
		heap.Remove(s, e.index)
	}
}

// Run probes until ctx ends, and returns nil then, after the last probe has ended. What is watched stays, with its verdicts.
func (m *Monitor) Run(ctx context.Context) error {
	m.mu.Lock()
	if m.running {
		m.mu.Unlock()
		return ErrRunning
	}
	m.running = true
	m.mu.Unlock()
	var probes sync.WaitGroup
	defer func() {
		probes.Wait()
		m.mu.Lock()
		m.running = false
		m.mu.Unlock()
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if wait, ok := m.dispatch(ctx, &probes); ok {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-m.wake:
		}
	}
}

// dispatch begins every probe that is due and has a place. It returns how long the next one is away; ok is false where
// there is none, or no place: then the end of a probe wakes Run.
func (m *Monitor) dispatch(ctx context.Context, probes *sync.WaitGroup) (wait time.Duration, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.elapsed()
	for len(m.queue) > 0 && m.inFlight < m.opts.MaxParallel && ctx.Err() == nil {
		e := m.queue[0]
		if e.due > now {
			return e.due - now, true
		}
		m.queue.remove(e)
		host := e.watch.Target.String()
		t := m.busy[host]
		if t == nil {
			t = &turn{}
			m.busy[host] = t
		}
		if t.running >= m.opts.PerTarget {
			t.waiting = append(t.waiting, e)
			continue
		}
		t.running++
		m.inFlight++
		m.noteLagLocked(e, now)
		pctx, cancel := context.WithCancel(ctx)
		e.cancel = cancel
		watch := e.watch
		probes.Go(func() {
			defer cancel()
			m.run(pctx, e, watch)
		})
	}
	return 0, false
}

// noteLagLocked says, at most once a minute, that probes begin later than they should.
func (m *Monitor) noteLagLocked(e *entry, now time.Duration) {
	m.stats.Lag = now - e.due
	if m.stats.Lag > e.watch.Check.Interval && (m.lagged == 0 || now-m.lagged > time.Minute) {
		m.lagged = now
		m.log.Warn("probes are late: too many at the same time", "late", m.stats.Lag, "in_flight", m.inFlight, "watched", len(*m.entries.Load()))
	}
}

// jump and stall are how far the clocks may differ, and how late a timeout may fire, before a result is our own fault.
const (
	jump  = time.Second
	stall = time.Second
)

// run makes one probe and takes its result in.
func (m *Monitor) run(ctx context.Context, e *entry, watch Watch) {
	began, wall := m.elapsed(), m.wall()
	r := m.probe(ctx, watch)
	took := m.elapsed() - began
	switch apart := m.wall().Sub(wall) - took; {
	case apart > jump || apart < -jump:
		// A clock that was set, or a machine that slept: its connections and timers mean nothing.
		r = Result{Err: fmt.Errorf("%w: the clock jumped by %s during the probe", ErrAbstain, apart.Round(time.Millisecond))}
	case r.Err != nil && !r.abstained() && took > watch.Check.Timeout+stall:
		r = Result{Err: fmt.Errorf("%w: this machine stood still during the probe (%s for a timeout of %s)", ErrAbstain,
			words(took.Round(time.Millisecond)), words(watch.Check.Timeout))}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.releaseLocked(e)
	if e.removed || ctx.Err() != nil {
		if !e.removed { // Run ends: the next one begins with this probe
			e.due = began
			m.queue.add(e)
		}
		return
	}
	m.takeLocked(e, r)
}

// releaseLocked gives the place of e's probe to the next.
func (m *Monitor) releaseLocked(e *entry) {
	e.cancel = nil
	m.inFlight--
	host := e.watch.Target.String()
	t := m.busy[host]
	t.running--
	if len(t.waiting) > 0 {
		m.queue.add(t.waiting[0])
		t.waiting = t.waiting[1:]
	} else if t.running == 0 {
		delete(m.busy, host)
	}
	m.poke()
}

// takeLocked is the one place where a result becomes a verdict.
func (m *Monitor) takeLocked(e *entry, r Result) {
	now, wall := m.elapsed(), m.wall()
	c, before := e.watch.Check, *e.verdict.Load()
	v := before
	v.Check, v.LastProbe, v.LastError = c.Name, wall, ""
	m.stats.Probes++
	if r.abstained() {
		m.stats.Abstentions++
		v.Abstained++
		v.LastError = r.Err.Error()
		e.verdict.Store(&v)
		m.scheduleLocked(e, now, c.Interval, false)
		return
	}
	switch {
	case r.Err != nil:
		m.stats.Failures++
		v.LastError = r.Err.Error()
	case r.Degraded != "":
		v.LastError = r.Degraded
	}
	var reason string
	e.damp, reason = e.damp.step(r, now, c, m.opts.Flap)
	v.Abstained, v.Latency, v.Restored = 0, r.Latency, e.damp.state != Unknown && !e.damp.confirmed
	v.Pending, v.NextUp, v.Flapping = e.damp.pending(r, c), time.Time{}, false
	if e.damp.held {
		v.NextUp, v.Flapping = wall.Add(e.damp.until-now), e.damp.penalized
		v.Pending = "answers again, held until " + v.NextUp.Format(time.TimeOnly)
		if v.Flapping {
			v.Pending += " because it flaps"
		}
	}
	if reason != "" {
		v.State, v.Since, v.Reason = e.damp.state, wall, reason
	}
	e.verdict.Store(&v)
	if v.State != before.State {
		m.announceLocked(before.State, v)
	}
	wait, exact := e.damp.delay(now, c)
	m.scheduleLocked(e, now, wait, exact)
}

// scheduleLocked queues the next probe of e.
func (m *Monitor) scheduleLocked(e *entry, now, wait time.Duration, exact bool) {
	if !exact {
		wait -= time.Duration(m.opts.Rand() * e.watch.Check.Jitter * float64(wait))
	}
	e.due = now + wait
	m.queue.add(e)
}

// announceLocked logs a transition and keeps it for Take.
func (m *Monitor) announceLocked(from State, v Verdict) {
	m.stats.Transitions++
	log := m.log.Info
	switch {
	case v.State == Down || v.State == Degraded:
		log = m.log.Warn
	case from == Unknown:
		log = m.log.Debug
	}
	log("target "+v.State.String(), "target", v.Target, "check", v.Check, "from", from, "reason", v.Reason)
	t, ok := m.flips[v.Key]
	if !ok {
		t.From = from
		m.order = append(m.order, v.Key)
	}
	t.Verdict = v
	m.flips[v.Key] = t
	select {
	case m.changed <- struct{}{}:
	default:
	}
}
