package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "floor" {
		fmt.Fprintln(os.Stderr, runFloor(os.Args[2]))
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// parts are what -parts can name beside workloads.
var parts = []string{"two", "again", "reload", "flip"}

func run(ctx context.Context, args []string) error {
	var o options
	var binary, wantServers, wantParts string
	var render bool
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&binary, "mangrove", "./mangrove", "Mangrove's binary")
	f.StringVar(&wantServers, "servers", strings.Join(order, ","), "which to measure")
	f.StringVar(&wantParts, "parts", "all", "workloads, and "+strings.Join(parts, ", "))
	f.IntVar(&o.rounds, "rounds", 9, "rounds of each workload")
	f.IntVar(&o.starts, "starts", 3, "how often servers are started afresh within the rounds")
	f.Float64Var(&o.seconds, "seconds", 1, "of one measurement")
	f.Float64Var(&o.rate, "rate", 30000, "questions a second where latency is measured")
	f.DurationVar(&o.limit, "limit", 2*time.Minute, "for a server to start or to reload")
	f.StringVar(&o.data, "data", filepath.Join(os.TempDir(), "mangrove-bench"), "where zones are made; kept for the next time. A short path: sockets lie below")
	f.StringVar(&o.out, "out", "docs", "where performance.md and performance/ are written")
	f.BoolVar(&render, "render", false, "measure nothing: write the page from the samples that are there")
	if err := f.Parse(args); err != nil {
		return err
	}
	o.json = filepath.Join(o.out, "performance", "results.json")
	r, err := readResults(o.json)
	if err != nil {
		return fmt.Errorf("%s: %w", o.json, err)
	}
	if !render {
		if err := measureAll(ctx, o, r, binary, strings.Split(wantServers, ","), wantParts); err != nil {
			return err
		}
	}
	return writePage(r, o.out)
}

// measureAll measures the wanted parts.
func measureAll(ctx context.Context, o options, r *results, binary string, wantServers []string, wantParts string) error {
	if runtime.NumCPU() < 2 {
		return errors.New("needs two CPUs: one for the server, one for the load")
	}
	wanted, err := chooseParts(wantParts)
	if err != nil {
		return err
	}
	if binary, err = filepath.Abs(binary); err != nil {
		return err
	}
	if o.data, err = filepath.Abs(o.data); err != nil {
		return err
	}
	if err := os.MkdirAll(o.data, 0o755); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(o.data, "r")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	c := &campaign{options: o, results: r, scratch: scratch, shuffle: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0)), talk: os.Stderr}
	if err := c.findServers(binary, wantServers); err != nil {
		return err
	}
	r.Machine = thisMachine()
	debug.SetGCPercent(-1) // collected between the parts
	if err := bindSelf(1); err != nil {
		return err
	}
	return c.measureParts(ctx, wanted)
}

// chooseParts returns the wanted parts, all of which must be known.
func chooseParts(list string) (func(string) bool, error) {
	if list == "all" {
		return func(string) bool { return true }, nil
	}
	want := strings.Split(list, ",")
	for _, name := range want {
		known := slices.Contains(parts, name) || slices.ContainsFunc(workloads(), func(w workload) bool { return w.id == name })
		if !known {
			return nil, fmt.Errorf("no workload or part is called %q", name)
		}
	}
	return func(name string) bool { return slices.Contains(want, name) }, nil
}

// findServers looks which of the wanted servers are there.
func (c *campaign) findServers(binary string, want []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	floorC, err := buildFloor(c.scratch)
	if err != nil {
		return err
	}
	all := servers(binary, self, floorC)
	for _, name := range want {
		i := slices.IndexFunc(all, func(s server) bool { return s.name == name })
		switch {
		case i < 0 && slices.Contains(order, name):
			c.results.Servers[name] = serverInfo{Missing: "gcc"}
		case i < 0:
			return fmt.Errorf("no server is called %q", name)
		case !all[i].installed() && all[i].from == "":
			return fmt.Errorf("%s: %w", all[i].program, exec.ErrNotFound)
		case !all[i].installed():
			c.results.Servers[name] = serverInfo{Missing: all[i].from}
			c.sayf("%s is not installed (Debian package %s)", name, all[i].from)
		default:
			c.results.Servers[name] = serverInfo{Version: all[i].versionLine()}
			c.servers = append(c.servers, all[i])
		}
	}
	return nil
}

// measureParts measures dataset after dataset, then what is more than answering.
func (c *campaign) measureParts(ctx context.Context, wanted func(string) bool) error {
	all := workloads()
	for _, d := range datasets() {
		var ws []workload
		for _, w := range all {
			if w.dataset == d.name && wanted(w.id) {
				ws = append(ws, w)
			}
		}
		var err error
		switch {
		case len(ws) == 0:
			continue
		case d.name == "ten":
			err = c.alone(ctx, d, ws[0])
		default:
			err = c.measureDataset(ctx, d, ws, 1)
		}
		if err != nil {
			return err
		}
	}
	if wanted("two") {
		if err := c.twoWorkers(ctx); err != nil {
			return err
		}
	}
	if wanted("again") {
		for _, d := range datasets() {
			if times, ok := map[string]int{"small": 5, "big": 5, "many": 3, "ten": 3}[d.name]; ok && (d.name != "ten" || wanted("ten")) {
				i := slices.IndexFunc(all, func(w workload) bool { return w.dataset == d.name })
				if err := c.startTwice(ctx, d, all[i], min(times, c.rounds)); err != nil {
					return err
				}
			}
		}
	}
	if wanted("reload") {
		if err := c.reloads(ctx, min(3, c.rounds)); err != nil {
			return err
		}
	}
	if wanted("flip") {
		return c.flips(ctx, min(3, c.rounds), 4)
	}
	return nil
}

// twoWorkers measures W1 and W3 with two workers that nothing is bound for.
func (c *campaign) twoWorkers(ctx context.Context) error {
	if err := bindSelf(0, 1); err != nil {
		return err
	}
	defer func() { _ = bindSelf(1) }() // it could before
	all := workloads()
	for _, d := range datasets() {
		for _, w := range all {
			if w.dataset == d.name && (w.id == "W1" || w.id == "W3") {
				if err := c.measureDataset(ctx, d, []workload{w}, 2); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
