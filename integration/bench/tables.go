package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// page is the text in the making.
type page struct{ strings.Builder }

func (p *page) linef(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// table writes a table; every row has as many cells as head.
func (p *page) table(head []string, rows [][]string) {
	p.linef("| %s |", strings.Join(head, " | "))
	p.linef("|%s", strings.Repeat("---|", len(head)))
	for _, r := range rows {
		p.linef("| %s |", strings.Join(r, " | "))
	}
	p.linef("")
}

// bold marks Mangrove's name.
func bold(name string) string {
	if name == mangroveName {
		return "**" + name + "**"
	}
	return name
}

// byMedian returns the servers that have samples, least median first.
func byMedian[S any](of map[string][]S, f func(S) float64) []string {
	var names []string
	for _, s := range order {
		if len(of[s]) > 0 {
			names = append(names, s)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		if median(values(of[a], f)) < median(values(of[b], f)) {
			return -1
		}
		return 1
	})
	return names
}

func (p *page) workload(w workload, r *workloadResult) {
	p.linef("### %s: %s\n", w.id, w.title)
	p.linef("%s\n", madeText(r.Made))
	peer := best(r.Samples, sampleNS)
	var rows [][]string
	for _, s := range byMedian(r.Samples, sampleNS) {
		m := r.Samples[s]
		ns := spreadOf(values(m, sampleNS))
		ratio := "1"
		if s != peer {
			ratio = ratioText(bootstrap(ratios(m, r.Samples[peer], sampleNS)))
		}
		rows = append(rows, []string{bold(s), fmt.Sprintf("%.0f (%.0f–%.0f)", ns.mid, ns.low, ns.high), ratio,
			fmt.Sprintf("%.0f %%", 100*median(values(m, func(s sample) float64 { return s.User }))),
			thousands(median(values(m, sampleQPS))), fmt.Sprintf("%.2f", median(values(m, func(s sample) float64 { return s.Util }))),
			fmt.Sprintf("%.0f", median(values(m, func(s sample) float64 { return s.Bytes }))), lostText(m)})
	}
	p.table([]string{"server", "CPU ns per answer (quartiles)", "by the best peer's (95 %)", "user", "answers/s", "CPU used", "bytes", "lost"}, rows)
	p.failed(r.Failed)
}

func lostText(m []sample) string {
	var lost uint64
	ended := 0
	for _, s := range m {
		lost += s.Lost
		ended += s.Reconnects
	}
	if ended > 0 {
		return fmt.Sprintf("%d, by %d connections that it ended", lost, ended)
	}
	return fmt.Sprint(lost)
}

func madeText(m made) string {
	return fmt.Sprintf("%s; %d rounds of %g s, %d starts, %d worker(s).", m.Date, m.Rounds, m.Seconds, m.Starts, m.Workers)
}

// failed says which servers are not in a table, and why.
func (p *page) failed(why map[string]string) {
	for _, s := range slices.Sorted(maps.Keys(why)) {
		p.linef("- %s: %s", s, firstLine(why[s]))
	}
	if len(why) > 0 {
		p.linef("")
	}
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// thousands writes a number with commas.
func thousands(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (p *page) latencies(r *results) {
	var rows [][]string
	for _, w := range workloads() {
		m := r.Workloads[w.id]
		if m == nil {
			continue
		}
		for _, s := range byMedian(m.Fixed, func(s sample) float64 { return s.Latency.P999 }) {
			l := medianLatency(m.Fixed[s])
			rows = append(rows, []string{w.id, bold(s), microseconds(l.P50), microseconds(l.P99), microseconds(l.P999), microseconds(l.Max), lostText(m.Fixed[s])})
		}
	}
	if len(rows) == 0 {
		return
	}
	p.linef("## Latency at a fixed rate\n")
	p.linef("30,000 questions a second unless `-rate` said otherwise. Medians of the rounds; the longest of all rounds.\n")
	p.plot(r, "latency.svg", "Latency")
	p.table([]string{"", "server", "median", "99 %", "99.9 %", "longest", "lost"}, rows)
}

func (p *page) startTables(r *results) {
	p.linef("## Start and memory\n")
	p.linef("From the start of the process, with its configuration, until 50 questions from all over the data were answered, one worker on one CPU. " +
		"PSS is the proportional set size of all its processes; anonymous is what no file backs; peak is the most that one of them ever had (VmHWM).\n")
	p.plot(r, "start.svg", "Start")
	p.plot(r, "memory.svg", "Memory")
	for _, d := range datasets() {
		s := r.Starts[d.name]
		if s == nil {
			continue
		}
		p.linef("### %s\n\n%s\n", d.title, madeText(s.Made))
		rows := [][]string{}
		at := func(m []startSample, f func(startSample) float64) float64 { return median(values(m, f)) }
		ready := func(s startSample) float64 { return s.Ready }
		for _, name := range byMedian(s.Samples, ready) {
			if isFloor(name) {
				continue
			}
			rows = append(rows, startRow(bold(name), s.Samples[name], at))
		}
		if again := r.Again[d.name]; len(again) > 0 {
			rows = append(rows, startRow(bold(mangroveName)+", started again", again, at))
		}
		p.table([]string{"server", "first answer", "all answers", "PSS idle", "PSS after the load", "anonymous", "peak"}, rows)
		p.failed(s.Failed)
	}
}

func startRow(name string, m []startSample, at func([]startSample, func(startSample) float64) float64) []string {
	after := at(m, func(s startSample) float64 { return s.After.PSS })
	row := []string{name, seconds(at(m, func(s startSample) float64 { return s.First })), seconds(at(m, func(s startSample) float64 { return s.Ready })),
		megabytes(at(m, func(s startSample) float64 { return s.Idle.PSS })), "–", "–", megabytes(at(m, func(s startSample) float64 { return s.Idle.Peak }))}
	row[5] = megabytes(at(m, func(s startSample) float64 { return s.Idle.Anon }))
	if after > 0 {
		row[4], row[6] = megabytes(after), megabytes(at(m, func(s startSample) float64 { return s.After.Peak }))
	}
	return row
}

func (p *page) twoWorkers(r *results) {
	var rows [][]string
	for _, w := range workloads() {
		one, two := r.Workloads[w.id], r.Workloads[w.id+"x2"]
		if one == nil || two == nil {
			continue
		}
		for _, s := range byMedian(two.Samples, sampleNS) {
			if len(one.Samples[s]) > 0 {
				a, b := median(values(one.Samples[s], sampleNS)), median(values(two.Samples[s], sampleNS))
				rows = append(rows, []string{w.id, bold(s), fmt.Sprintf("%.0f", a), fmt.Sprintf("%.0f", b), fmt.Sprintf("%.2f", b/a)})
			}
		}
	}
	if len(rows) == 0 {
		return
	}
	p.linef("## Two workers\n")
	p.linef("Nothing is bound to a CPU, and the load shares the CPUs with the server, so that rates mean nothing; what an answer costs does.\n")
	p.table([]string{"", "server", "CPU ns, one worker", "CPU ns, two workers", "two : one"}, rows)
}

func (p *page) changes(r *results) {
	var rows [][]string
	why := map[string]string{}
	for _, s := range order {
		m := r.Reloads[s]
		if m == nil {
			continue
		}
		if m.Failed != "" {
			why[s] = m.Failed
		}
		if len(m.Samples) == 0 {
			continue
		}
		at := func(f func(reloadSample) float64) float64 { return median(values(m.Samples, f)) }
		rows = append(rows, []string{bold(s), thousands(at(func(s reloadSample) float64 { return s.Rate })), seconds(at(reloadSeconds)),
			fmt.Sprintf("%.0f", at(func(s reloadSample) float64 { return float64(s.Lost) })),
			microseconds(at(func(s reloadSample) float64 { return s.Before.P999 })), microseconds(at(func(s reloadSample) float64 { return s.During.P999 })),
			microseconds(at(func(s reloadSample) float64 { return s.During.Max })), fmt.Sprintf("%.2f", at(reloadTail))})
	}
	if len(rows)+len(why) > 0 {
		p.linef("## A reload of a million records, 1 %% changed\n")
		p.linef("The zone file is replaced and the server told, while it is asked at half of its own saturation: rates differ, and with them what a pause costs. " +
			"Time runs from the replacement to the new answer of the last of 16 names spread over the file. Medians of the reloads.\n")
		p.table([]string{"server", "questions/s", "to the last new answer", "lost", "99.9 % without", "99.9 % during", "longest during", "during : without"}, rows)
		p.failed(why)
	}
	if f := r.Flip; f != nil && len(f.Down) > 0 {
		p.linef("## A flip in a million records\n")
		p.linef("A name has two addresses that are checked over HTTP. Under half load one target begins to answer 503, and later 200 again. Time runs from before "+
			"that status is written to the first changed DNS answer: the probe's end, the verdict, the new version of the zone, and the answer. %s questions/s, %d flips, %d lost answers.\n",
			thousands(f.Rate), len(f.Down)+len(f.Up), f.Lost)
		row := func(name string, v []float64) []string {
			return []string{name, microseconds(median(v)), microseconds(quantile(v, 0.9)), microseconds(slices.Max(v))}
		}
		p.table([]string{"", "median", "90 %", "longest"}, [][]string{row("withdrawn", f.Down), row("restored", f.Up)})
		p.linef("99.9 %% of the answers within %s without flips, %s with.\n", microseconds(median(values(f.Before, func(l latency) float64 { return l.P999 }))),
			microseconds(median(values(f.During, func(l latency) float64 { return l.P999 }))))
	}
}
