package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// writePage writes performance.md and its plots below dir.
func writePage(r *results, dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "performance"), 0o755); err != nil {
		return err
	}
	for name, p := range plots(r) {
		if err := os.WriteFile(filepath.Join(dir, "performance", name), p.svg(), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "performance.md"), []byte(pageText(r)), 0o644)
}

func pageText(r *results) string {
	var p page
	p.linef("# Performance\n")
	p.linef("<!-- Written by `make bench-peers` from performance/results.json; `go run ./integration/bench -render` writes it again. -->\n")
	p.linef("Mangrove beside the authoritative servers that Debian has as packages, on one machine, in the same minutes. Ratios are what " +
		"holds elsewhere too; absolute figures differ by a factor of two between machines and days.\n")
	p.machine(r)
	p.summary(r)
	p.losses(r)
	p.linef("## CPU time for an answer\n")
	p.plot(r, "cpu.svg", "CPU time")
	p.linef("`floor-c` and `floor-go` turn each question around with one fixed record, by recvmmsg and sendmmsg: what the kernel alone costs. " +
		"Ratios are medians of the rounds' ratios to the best peer, with the interval that holds 95 %% of resampled medians.\n")
	for _, w := range workloads() {
		if m := r.Workloads[w.id]; m != nil {
			p.workload(w, m)
		}
	}
	p.latencies(r)
	p.startTables(r)
	p.twoWorkers(r)
	p.changes(r)
	p.method()
	return p.String()
}

// plot shows a plot, where there is one.
func (p *page) plot(r *results, name, title string) {
	if plots(r)[name] != nil {
		p.linef("![%s](performance/%s)\n", title, name)
	}
}

func (p *page) machine(r *results) {
	m := r.Machine
	rows := [][]string{{"machine", fmt.Sprintf("%s, %d CPUs, %s", m.CPU, m.CPUs, m.Memory)}, {"system", m.System + ", " + m.Kernel + ", " + m.Go}}
	for _, s := range order {
		switch info, ok := r.Servers[s]; {
		case !ok:
		case info.Missing != "":
			rows = append(rows, []string{bold(s), "not measured: package " + info.Missing + " is not installed"})
		default:
			rows = append(rows, []string{bold(s), info.Version})
		}
	}
	if m.CPUs > 0 {
		p.table([]string{"", ""}, rows)
	}
}

func (p *page) summary(r *results) {
	p.linef("## In short\n")
	var rows [][]string
	for _, g := range goals(r) {
		met := "no"
		switch {
		case !g.known:
			met, g.got = "–", "not measured"
		case g.met:
			met = "yes"
		}
		rows = append(rows, []string{g.what, g.want, g.got, g.beside, met})
	}
	p.table([]string{"", "goal", "Mangrove", "beside", "met"}, rows)
	p.linef("\"Best peer\" is the one with the least median in that workload. Started again: on the data directory that the first start left, after a clean stop.\n")
}

// losses lists everything in which a peer is better.
func (p *page) losses(r *results) {
	p.linef("## Where a peer is better\n")
	none := true
	say := func(format string, args ...any) {
		none = false
		p.linef("- "+format, args...)
	}
	for _, w := range workloads() {
		if m := r.Workloads[w.id]; m != nil {
			if why := m.Failed[mangroveName]; why != "" {
				say("%s: Mangrove does not do it: %s", w.id, firstLine(why))
			}
			lossOf(say, w.id+", CPU time for an answer", m.Samples, sampleNS, func(v float64) string { return fmt.Sprintf("%.0f ns", v) })
			lossOf(say, w.id+", latency, 99.9 %", m.Fixed, func(s sample) float64 { return s.Latency.P999 }, microseconds)
		}
	}
	for _, d := range datasets() {
		if s := r.Starts[d.name]; s != nil {
			lossOf(say, d.title+", start", s.Samples, func(s startSample) float64 { return s.Ready }, seconds)
			lossOf(say, d.title+", memory after the load", s.Samples, func(s startSample) float64 { return s.After.PSS }, megabytes)
			lossOf(say, d.title+", peak memory", s.Samples, func(s startSample) float64 { return s.After.Peak }, megabytes)
		}
	}
	of := map[string][]reloadSample{}
	for name, m := range r.Reloads {
		of[name] = m.Samples
	}
	lossOf(say, "reload of a million records", of, reloadSeconds, seconds)
	lossOf(say, "reload of a million records, 99.9 % by that without", of, reloadTail, func(v float64) string { return fmt.Sprintf("%.2f x", v) })
	switch {
	case len(r.Workloads) == 0:
		p.linef("Nothing was measured yet.")
	case none:
		p.linef("Nowhere in these measurements.")
	}
	p.linef("")
}

// lossOf says by how much the best peer is better than Mangrove, if it is.
func lossOf[S any](say func(string, ...any), what string, of map[string][]S, f func(S) float64, text func(float64) string) {
	peer := best(of, f)
	if peer == "" || len(of[mangroveName]) == 0 {
		return
	}
	own, other := median(values(of[mangroveName], f)), median(values(of[peer], f))
	if own > other {
		say("%s: %s, %s %s (%.2f x)", what, text(own), peer, text(other), own/other)
	}
}

func (p *page) method() {
	p.linef("## How it was measured\n")
	p.linef("```sh\nmake bench-peers                                    # everything, an hour at most\n" +
		"make bench-peers ROUNDS=3 SECONDS=1                 # quicker, with wider intervals\n" +
		"make bench-peers BENCHFLAGS='-parts W1,W3,reload -servers mangrove,gdnsd,nsd -out /tmp/page'   # parts\n```\n")
	p.linef("Needs Linux, two CPUs, root for the peers' packages, 8 GB of memory (20 for the 10 million records of all peers) and 3 GB of disk. " +
		"Peers that are not installed are named above. The samples are in [performance/results.json](performance/results.json).\n")
	p.linef("- One worker: the server is bound to CPU 0, the load generator to CPU 1. Loopback, IPv4; the sender's CPU does the receiver's work in IP and UDP.\n" +
		"- Saturation: 192 questions in flight on 8 sockets, sent in batches of 12 and more; by TCP 12 on each of 16 connections, a new one as soon as one is answered.\n" +
		"- Fixed rate: the generator spins and sends on time whatever comes back; latency from sending to reception.\n" +
		"- Rounds: all servers of a dataset run at once, idle but for the one that is asked, in shuffled order. The 10 million records alone are measured server by server.\n" +
		"- CPU time: the CPU clocks of all processes of the server, by the answers. Measured again where anything else used more than a tenth of a CPU.\n" +
		"- RCODE and number of answers of every answer are compared with what the generator of the zone knows; of 200 questions for each workload the whole answer. " +
		"A server that answers wrong is taken out and named.\n" +
		"- Zones and questions are generated, the same on every run; signatures are by dnssec-signzone.\n" +
		"- Servers answer minimally, log nothing, and limit no rate; all else is as their packages have it.")
}
