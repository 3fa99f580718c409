package main

import (
	"fmt"
	"slices"
)

// plots returns the page's plots by file name; those without samples are left out.
func plots(r *results) map[string]*plot {
	all := map[string]*plot{
		"cpu.svg":     cpuPlot(r),
		"latency.svg": latencyPlot(r),
		"start.svg": startPlot(r, "From the start to the last of 50 answers", "seconds, from zone files; one worker on one CPU; median and quartiles",
			func(s startSample) float64 { return s.Ready }, seconds),
		"memory.svg": startPlot(r, "Memory after the load", "MB, proportional set size; one worker; median and quartiles",
			func(s startSample) float64 { return s.After.PSS }, megabytes),
	}
	for name, p := range all {
		if len(p.panels) == 0 {
			delete(all, name)
		}
	}
	return all
}

func cpuPlot(r *results) *plot {
	p := &plot{title: "CPU time of the server for one answer", note: "nanoseconds at saturation, one worker on one CPU; median and quartiles of the rounds; less is better", columns: 3}
	for _, w := range workloads() {
		if m := r.Workloads[w.id]; m != nil {
			rows := barRows(m.Samples, sampleNS, func(v float64) string { return fmt.Sprintf("%.0f", v) })
			if len(rows) > 0 {
				p.panels = append(p.panels, panel{title: shortTitle(w), rows: rows})
			}
		}
	}
	return p
}

func shortTitle(w workload) string {
	if t, ok := map[string]string{"W1": "W1 small zone", "W2": "W2 referrals, NXDOMAIN", "W3": "W3 1M records", "W4": "W4 50,000 zones", "W5": "W5 signed, DO",
		"W6": "W6 TCP", "zipf": "1M records, Zipf", "wildcard": "wildcards", "cname": "CNAME chains", "mx": "MX", "srv": "SRV", "https": "HTTPS", "root": "signed root zone",
		"ten": "10M records"}[w.id]; ok {
		return t
	}
	return w.id
}

// barRows makes a row of each server's samples, least first.
func barRows[S any](of map[string][]S, f func(S) float64, text func(float64) string) []row {
	var rows []row
	for _, s := range order {
		if len(of[s]) > 0 {
			sp := spreadOf(values(of[s], f))
			rows = append(rows, row{label: s, class: class(s), spread: sp, text: text(sp.mid)})
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		switch {
		case a.mid < b.mid:
			return -1
		case a.mid > b.mid:
			return 1
		}
		return 0
	})
	return rows
}

func class(server string) string {
	switch {
	case server == mangroveName:
		return "own"
	case isFloor(server):
		return "floor"
	}
	return "peer"
}

func startPlot(r *results, title, note string, f func(startSample) float64, text func(float64) string) *plot {
	p := &plot{title: title, note: note, columns: 3}
	for _, d := range datasets() {
		s := r.Starts[d.name]
		if s == nil {
			continue
		}
		of := map[string][]startSample{}
		for name, samples := range s.Samples {
			if !isFloor(name) {
				of[name] = samples
			}
		}
		if rows := barRows(of, f, text); len(rows) > 0 {
			p.panels = append(p.panels, panel{title: datasetTitle[d.name], rows: rows})
		}
	}
	return p
}

var datasetTitle = map[string]string{"small": "1,000 names", "mix": "100,000 delegations", "big": "1M records", "many": "50,000 zones", "signed": "1,000 names, signed",
	"shapes": "many kinds of records", "root": "signed root zone", "ten": "10M records"}

func latencyPlot(r *results) *plot {
	p := &plot{title: "Latency at a fixed rate", note: "from large to small: median, 99 %, 99.9 %, and the longest; one worker on one CPU, logarithmic", columns: 2}
	for _, w := range workloads() {
		m := r.Workloads[w.id]
		if m == nil {
			continue
		}
		pl := panel{title: shortTitle(w), log: true, unit: "µs"}
		for _, s := range order {
			if samples := m.Fixed[s]; len(samples) > 0 {
				l := medianLatency(samples)
				pl.rows = append(pl.rows, row{label: s, class: class(s), marks: []float64{l.P50, l.P99, l.P999, l.Max}})
			}
		}
		slices.SortStableFunc(pl.rows, func(a, b row) int { return int(a.marks[2] - b.marks[2]) })
		if len(pl.rows) > 0 {
			p.panels = append(p.panels, pl)
		}
	}
	return p
}

// medianLatency is the median of each quantile over the rounds, and the longest of all.
func medianLatency(samples []sample) latency {
	of := func(f func(*latency) float64) []float64 {
		return values(samples, func(s sample) float64 { return f(s.Latency) })
	}
	return latency{median(of(func(l *latency) float64 { return l.P50 })), median(of(func(l *latency) float64 { return l.P99 })),
		median(of(func(l *latency) float64 { return l.P999 })), slices.Max(of(func(l *latency) float64 { return l.Max }))}
}

func seconds(v float64) string {
	switch {
	case v < 0.1:
		return fmt.Sprintf("%.0f ms", v*1000)
	case v < 10:
		return fmt.Sprintf("%.2f s", v)
	}
	return fmt.Sprintf("%.1f s", v)
}

func megabytes(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.1f MB", v)
	}
	return fmt.Sprintf("%.0f MB", v)
}

func microseconds(v float64) string {
	switch {
	case v < 10_000:
		return fmt.Sprintf("%.0f µs", v)
	case v < 1e6:
		return fmt.Sprintf("%.0f ms", v/1e3)
	}
	return fmt.Sprintf("%.2f s", v/1e6)
}
