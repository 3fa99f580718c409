package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// madeUp are results with every part, Mangrove first in W1 and behind in W3.
func madeUp() *results {
	r := &results{
		Machine:   machine{CPU: "Imagined CPU", CPUs: 2, Memory: "8 GB", Kernel: "Linux 6", System: "Debian", Go: "go1"},
		Servers:   map[string]serverInfo{mangroveName: {Version: "mangrove 1"}, "gdnsd": {Version: "gdnsd 2"}, "yadifa": {Missing: "yadifa"}},
		Workloads: map[string]*workloadResult{}, Starts: map[string]*startResult{}, Again: map[string][]startSample{},
		Reloads: map[string]*reloadResult{},
	}
	of := func(ns ...float64) (s []sample) {
		for i, v := range ns {
			s = append(s, sample{Round: i, NS: v, QPS: 1e9 / v, User: 0.1, Latency: &latency{20, 40, 60, 800}})
		}
		return s
	}
	for id, own := range map[string]float64{"W1": 90, "W3": 300, "W1x2": 95} {
		r.Workloads[id] = &workloadResult{Samples: map[string][]sample{mangroveName: of(own, own*1.1, own*0.9), "gdnsd": of(100, 110, 90), "floor-c": of(80, 80, 80)},
			Fixed: map[string][]sample{mangroveName: of(1), "gdnsd": of(2)}, Failed: map[string]string{"bind": "3 of 200 answers are wrong: a <b> & c\nmore"}}
	}
	start := startSample{First: 0.01, Ready: 0.3, Idle: memory{50, 40, 70}, After: memory{60, 45, 80}}
	r.Starts["big"] = &startResult{Samples: map[string][]startSample{mangroveName: {start, start}, "gdnsd": {start}}}
	r.Again["big"] = []startSample{{Ready: 0.02}}
	reload := reloadSample{Rate: 1000, Before: latency{1, 2, 3, 4}, During: latency{1, 2, 9, 40}, Seconds: 1}
	r.Reloads[mangroveName] = &reloadResult{Samples: []reloadSample{reload}}
	r.Reloads["nsd"] = &reloadResult{Failed: "it cannot be told to"}
	r.Flip = &flipResult{Rate: 1000, Down: []float64{400, 600}, Up: []float64{500}, Before: []latency{{1, 2, 10, 4}}, During: []latency{{1, 2, 12, 4}}}
	return r
}

func TestPage(t *testing.T) {
	text := pageText(madeUp())
	for _, want := range []string{
		"| W1, CPU per answer | ≤ 1.00 x best peer | 0.90 x (0.90–0.90) | gdnsd | yes |",
		"| W1, CPU per answer, to the C responder | ≤ 1.15 x | 1.12 x (1.01–1.24) | floor-c | yes |",
		"| W3, CPU per answer | ≤ 0.85 x best peer | 3.00 x (3.00–3.00) | gdnsd | no |",
		"| W2, CPU per answer | ≤ 0.90 x best peer | not measured |  | – |",
		"| W1, CPU per answer, two workers : one | ≤ gdnsd's | 1.06 | gdnsd 1.00 | no |",
		"| start W3 again | ≤ 50 ms | 20 ms |  | yes |",
		"| peak memory of W3 | ≤ 1.5 x what stays | 1.33 x: 80 MB | gdnsd 80 MB | yes |",
		"| flip in W3 at half load: to the changed answer | ≤ 1 ms | 500 µs (longest 600 µs) |  | yes |",
		"| reload of W3: p99.9 | ≤ 2.00 x without | 3.00 x |  | no |",
		"- W3, CPU time for an answer: 300 ns, gdnsd 100 ns (3.00 x)",
		"not measured: package yadifa is not installed",
		"- bind: 3 of 200 answers are wrong: a <b> & c\n",
		"- nsd: it cannot be told to",
		"Imagined CPU",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"NaN", "%!", "Inf"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// TestTables wants as many cells in every line of a table.
func TestTables(t *testing.T) {
	cells := 0
	for line := range strings.Lines(pageText(madeUp())) {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		n := strings.Count(line, "|")
		if cells != 0 && n != cells {
			t.Errorf("%d cells, want %d: %s", n-1, cells-1, line)
		}
		cells = n
	}
}

func TestPlots(t *testing.T) {
	all := plots(madeUp())
	if len(all) != 4 {
		t.Errorf("%d plots, want 4", len(all))
	}
	for name, p := range all {
		svg := p.svg()
		if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("%!")) || bytes.Contains(svg, []byte("<script")) {
			t.Errorf("%s:\n%s", name, svg)
		}
		texts := map[string]bool{}
		for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if chars, ok := token.(xml.CharData); ok {
				texts[string(chars)] = true
			}
		}
		for _, want := range []string{mangroveName, "gdnsd", p.title} {
			if !texts[want] {
				t.Errorf("%s does not say %s", name, want)
			}
		}
	}
	if got := len(plots(&results{})); got != 0 {
		t.Errorf("%d plots of nothing", got)
	}
}

// TestResultsFile reads what it wrote.
func TestResultsFile(t *testing.T) {
	dir := t.TempDir()
	r := madeUp()
	if err := os.MkdirAll(filepath.Join(dir, "performance"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "performance", "results.json")
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	again, err := readResults(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := pageText(again), pageText(r); got != want {
		t.Error("the page of the results read is another than that of the results written")
	}
	if err := writePage(again, dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"performance.md", "performance/cpu.svg", "performance/start.svg"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
