package main

import (
	"fmt"
	"slices"
)

// goal is a line of the summary: what we want, what was measured, and whether that is met.
type goal struct {
	what, want, got, beside string
	met                     bool
	known                   bool // there are samples
}

// goals returns the summary.
func goals(r *results) []goal {
	g := []goal{
		r.cpuGoal("W1", 1.0), r.floorGoal(1.15), r.cpuGoal("W2", 0.9), r.cpuGoal("W3", 0.85), r.cpuGoal("W4", 0.85), r.cpuGoal("W5", 1.0), r.cpuGoal("W6", 1.0),
		r.workersGoal("W1"), r.workersGoal("W3"),
		r.startGoal("memory after W3", "big", 100, megabytes, func(s startSample) float64 { return s.After.PSS }),
		r.startGoal("memory after W4", "many", 80, megabytes, func(s startSample) float64 { return s.After.PSS }),
		r.startGoal("anonymous memory, idle, one small zone", "small", 20, megabytes, func(s startSample) float64 { return s.Idle.Anon }),
		r.peakGoal(),
		r.startGoal("start W3 from text", "big", 0.5, seconds, func(s startSample) float64 { return s.Ready }),
		r.againGoal("start W3 again", "big", 0.05),
		r.startGoal("start W4 from text", "many", 1.5, seconds, func(s startSample) float64 { return s.Ready }),
		r.againGoal("start W4 again", "many", 0.3),
		r.startGoal("start 10M records from text", "ten", 6, seconds, func(s startSample) float64 { return s.Ready }),
		r.againGoal("start 10M records again", "ten", 0.2),
		r.startGoal("memory of 10M records", "ten", 1000, megabytes, func(s startSample) float64 { return s.After.PSS }),
	}
	g = append(g, r.flipGoals()...)
	return append(g, r.reloadGoals()...)
}

// cpuGoal is a ratio of CPU time to the best peer's.
func (r *results) cpuGoal(id string, most float64) goal {
	g := goal{what: id + ", CPU per answer", want: fmt.Sprintf("≤ %.2f x best peer", most)}
	w := r.Workloads[id]
	if w == nil {
		return g
	}
	peer := best(w.Samples, sampleNS)
	if x := ratios(w.Samples[mangroveName], w.Samples[peer], sampleNS); len(x) > 0 {
		b := bootstrap(x)
		g.got, g.beside, g.met, g.known = ratioText(b), peer, b.mid <= most, true
	}
	return g
}

func ratioText(b spread) string { return fmt.Sprintf("%.2f x (%.2f–%.2f)", b.mid, b.low, b.high) }

// floorGoal is the ratio to what the kernel alone costs.
func (r *results) floorGoal(most float64) goal {
	g := goal{what: "W1, CPU per answer, to the C responder", want: fmt.Sprintf("≤ %.2f x", most)}
	if w := r.Workloads["W1"]; w != nil {
		if x := ratios(w.Samples[mangroveName], w.Samples["floor-c"], sampleNS); len(x) > 0 {
			b := bootstrap(x)
			g.got, g.beside, g.met, g.known = ratioText(b), "floor-c", b.mid <= most, true
		}
	}
	return g
}

// workersGoal compares what a second worker costs: CPU time for an answer with two by that with one.
func (r *results) workersGoal(id string) goal {
	g := goal{what: id + ", CPU per answer, two workers : one", want: "≤ gdnsd's"}
	one, two := r.Workloads[id], r.Workloads[id+"x2"]
	if one == nil || two == nil {
		return g
	}
	of := func(s string) (float64, bool) {
		a, b := one.Samples[s], two.Samples[s]
		return median(values(b, sampleNS)) / median(values(a, sampleNS)), len(a) > 0 && len(b) > 0
	}
	own, ok1 := of(mangroveName)
	peer, ok2 := of("gdnsd")
	if ok1 && ok2 {
		g.got, g.beside, g.met, g.known = fmt.Sprintf("%.2f", own), fmt.Sprintf("gdnsd %.2f", peer), own <= peer, true
	}
	return g
}

func (r *results) startGoal(what, dataset string, most float64, text func(float64) string, f func(startSample) float64) goal {
	g := goal{what: what, want: "≤ " + text(most)}
	s := r.Starts[dataset]
	if s == nil || len(s.Samples[mangroveName]) == 0 {
		return g
	}
	v := median(values(s.Samples[mangroveName], f))
	g.got, g.met, g.known = text(v), v <= most, true
	if peer := best(s.Samples, f); peer != "" {
		g.beside = peer + " " + text(median(values(s.Samples[peer], f)))
	}
	return g
}

// peakGoal bounds the peak by the goal of what stays.
func (r *results) peakGoal() goal {
	g := goal{what: "peak memory of W3", want: "≤ 1.5 x what stays"}
	s := r.Starts["big"]
	if s == nil || len(s.Samples[mangroveName]) == 0 {
		return g
	}
	x := median(values(s.Samples[mangroveName], func(s startSample) float64 { return s.After.Peak / s.After.PSS }))
	peak := func(s startSample) float64 { return s.After.Peak }
	g.got, g.met, g.known = fmt.Sprintf("%.2f x: %s", x, megabytes(median(values(s.Samples[mangroveName], peak)))), x <= 1.5, true
	if peer := best(s.Samples, peak); peer != "" {
		g.beside = peer + " " + megabytes(median(values(s.Samples[peer], peak)))
	}
	return g
}

func (r *results) againGoal(what, dataset string, most float64) goal {
	g := goal{what: what, want: "≤ " + seconds(most)}
	if s := r.Again[dataset]; len(s) > 0 {
		v := median(values(s, func(s startSample) float64 { return s.Ready }))
		g.got, g.met, g.known = seconds(v), v <= most, true
	}
	return g
}

func (r *results) flipGoals() []goal {
	time := goal{what: "flip in W3 at half load: to the changed answer", want: "≤ 1 ms"}
	tail := goal{what: "flip in W3 at half load: p99.9", want: "≤ 1.50 x without"}
	if f := r.Flip; f != nil && len(f.Down) > 0 && len(f.During) > 0 {
		all := slices.Concat(f.Down, f.Up)
		time.got = fmt.Sprintf("%s (longest %s)", microseconds(median(all)), microseconds(slices.Max(all)))
		time.met, time.known = median(all) <= 1000, true
		x := tailRatios(f.Before, f.During)
		tail.got, tail.met, tail.known = fmt.Sprintf("%.2f x", median(x)), median(x) <= 1.5, true
	}
	return []goal{time, tail}
}

// tailRatios are the 99.9 % quantiles during something by those before it.
func tailRatios(before, during []latency) []float64 {
	x := make([]float64, len(before))
	for i := range x {
		x[i] = during[i].P999 / before[i].P999
	}
	return x
}

func (r *results) reloadGoals() []goal {
	lost := goal{what: "reload of W3, 1 % changed, at half load: lost answers", want: "0"}
	tail := goal{what: "reload of W3: p99.9", want: "≤ 2.00 x without"}
	time := goal{what: "reload of W3: to the last changed answer", want: "≤ 1.50 s"}
	m := r.Reloads[mangroveName]
	if m == nil || len(m.Samples) == 0 {
		return []goal{lost, tail, time}
	}
	var gone uint64
	for _, s := range m.Samples {
		gone += s.Lost
	}
	x := median(values(m.Samples, reloadTail))
	v := median(values(m.Samples, reloadSeconds))
	lost.got, lost.met, lost.known = fmt.Sprint(gone), gone == 0, true
	tail.got, tail.met, tail.known = fmt.Sprintf("%.2f x", x), x <= 2, true
	time.got, time.met, time.known = seconds(v), v <= 1.5, true
	of := map[string][]reloadSample{}
	for name, p := range r.Reloads {
		of[name] = p.Samples
	}
	if peer := best(of, reloadSeconds); peer != "" {
		time.beside = peer + " " + seconds(median(values(of[peer], reloadSeconds)))
	}
	if peer := best(of, reloadTail); peer != "" {
		tail.beside = fmt.Sprintf("%s %.2f x", peer, median(values(of[peer], reloadTail)))
	}
	return []goal{lost, tail, time}
}

func reloadTail(s reloadSample) float64    { return s.During.P999 / s.Before.P999 }
func reloadSeconds(s reloadSample) float64 { return s.Seconds }
