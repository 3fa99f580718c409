package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// options are the flags.
type options struct {
	rounds, starts  int
	seconds         float64
	rate            float64 // of the measurements at a fixed rate
	limit           time.Duration
	data, out, json string
}

// campaign measures, part after part, and writes the results after each.
type campaign struct {
	options
	servers []server // that are installed and wanted
	results *results
	scratch string // where servers' directories are made
	shuffle *rand.Rand
	talk    io.Writer
}

const loopback = "127.0.0.1"

func (c *campaign) sayf(format string, args ...any) { fmt.Fprintf(c.talk, format+"\n", args...) }

// made says how a part is measured from now on.
func (c *campaign) made(workers int) made {
	return made{Date: time.Now().Format("2006-01-02 15:04"), Seconds: c.seconds, Rounds: c.rounds, Starts: c.starts, Workers: workers}
}

// cpus returns what servers with so many workers are bound to.
func cpus(workers int) string {
	if workers == 1 {
		return "0"
	}
	return fmt.Sprintf("0-%d", runtime.NumCPU()-1)
}

// launch starts a server in a directory of its own and waits until it answers the probes.
func (c *campaign) launch(ctx context.Context, srv *server, s setup, probes []check, do bool) (*process, startSample, error) {
	var sample startSample
	var err error
	if s.dir, err = os.MkdirTemp(c.scratch, srv.name); err != nil {
		return nil, sample, err
	}
	if s.port, err = freePort(loopback); err != nil {
		return nil, sample, err
	}
	s.addr = loopback
	p, err := start(ctx, srv, &s, cpus(s.workers))
	if err != nil {
		return nil, sample, err
	}
	sample, err = c.await(ctx, p, probes, do)
	if err != nil {
		p.stop()
		return nil, sample, err
	}
	return p, sample, nil
}

// await waits until a server that was started answers.
func (c *campaign) await(ctx context.Context, p *process, probes []check, do bool) (startSample, error) {
	first, all, err := ready(ctx, p.addrPort(), probes, do, p.began, c.limit, p.ended)
	if err != nil {
		return startSample{}, fmt.Errorf("%s does not start: %w: %s", p.server.name, err, p.tail())
	}
	return startSample{First: first.Seconds(), Ready: all.Seconds()}, p.findProcesses()
}

// settle waits until the servers are idle: they may work on after their first answer. After a minute it goes on all the
// same; what they disturb then is measured again.
func (c *campaign) settle(ctx context.Context, running ...*process) error {
	const step = 300 * time.Millisecond
	for range 200 {
		var pids []int
		for _, p := range running {
			if err := p.findProcesses(); err != nil {
				return err
			}
			pids = append(pids, p.pids...)
		}
		before, err := cpu(pids...)
		if err != nil {
			continue // one of them has just ended: some servers make a new process to reload
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(step):
		}
		after, err := cpu(pids...)
		if err == nil && after-before <= step/20 {
			return nil
		}
	}
	return nil
}

// loadFor is the closed loop for a workload at a server.
func (c *campaign) loadFor(w *workload, q *questions, p *process) load {
	l := load{addr: netip.MustParseAddrPort(p.addrPort()), tcp: w.tcp, ask: q, conns: 8, window: 192,
		last: time.Duration(c.seconds * float64(time.Second))}
	if w.tcp {
		l.conns = 16
	}
	if p.setup.workers > 1 {
		// The kernel deals connections out to workers: more of them are dealt more evenly.
		l.conns, l.window, l.share = 64, 384, true
	}
	return l
}

// measure runs a load against a server until it was not disturbed, three times at most.
func (c *campaign) measure(ctx context.Context, p *process, l load) (sample, error) {
	var least sample
	for try := range 3 {
		s, err := measureOnce(ctx, p, l)
		if err != nil {
			return s, err
		}
		if try == 0 || s.Foreign < least.Foreign {
			least = s
		}
		if least.Foreign <= 0.1 {
			break
		}
	}
	return least, nil
}

func measureOnce(ctx context.Context, p *process, l load) (sample, error) {
	begin, err := readUsage(p)
	if err != nil {
		return sample{}, err
	}
	r, err := l.run(ctx)
	if err != nil {
		return sample{}, err
	}
	end, err := readUsage(p)
	if err != nil {
		return sample{}, err
	}
	if r.wrong > 0 {
		return sample{}, fmt.Errorf("%d of %d answers are wrong: %s", r.wrong, r.answered, r.firstWrong)
	}
	if r.answered == 0 {
		return sample{}, errors.New("no answers")
	}
	used, load, took := end.server-begin.server, end.self-begin.self, end.at.Sub(begin.at)
	s := sample{NS: float64(used) / float64(r.answered), QPS: float64(r.answered) / r.elapsed.Seconds(),
		Util: used.Seconds() / took.Seconds(), Load: load.Seconds() / took.Seconds(),
		Foreign: (end.all - begin.all - used - load).Seconds() / took.Seconds(),
		Bytes:   float64(r.bytes) / float64(r.answered), Lost: r.lost, Reconnects: r.reconnects}
	if all := end.ticks - begin.ticks; all > 0 {
		s.User = float64(end.user-begin.user) / float64(all)
	}
	if l.rate > 0 {
		s.Latency = latencyOf(&r.latency)
	}
	return s, nil
}

// usage is what clocks show at a moment.
type usage struct {
	at                time.Time
	server, self, all time.Duration
	user, ticks       uint64
}

func readUsage(p *process) (u usage, err error) {
	if u.server, err = cpu(p.pids...); err != nil {
		return u, err
	}
	if u.self, err = cpu(os.Getpid()); err != nil {
		return u, err
	}
	if u.all, err = busy(); err != nil {
		return u, err
	}
	u.user, u.ticks = ticks(p.pids)
	u.at = time.Now()
	return u, nil
}

// asked is a workload with its questions.
type asked struct {
	workload
	q *questions
}

// field measures one dataset's workloads at all servers.
type field struct {
	*campaign
	data    dataset
	dir     string
	suffix  string // of keys in the results
	workers int
	ask     []asked
	probes  []check
	starts  *startResult
}

// measureDataset measures the workloads, all of which are of one dataset, at every server that can serve it.
func (c *campaign) measureDataset(ctx context.Context, d dataset, ws []workload, workers int) error {
	dir, err := d.prepare(c.data)
	if err != nil {
		return err
	}
	f := &field{campaign: c, data: d, dir: dir, workers: workers}
	if workers > 1 {
		f.suffix = fmt.Sprintf("x%d", workers)
	}
	f.starts = &startResult{Made: c.made(workers), Samples: map[string][]startSample{}, Failed: map[string]string{}}
	c.results.Starts[d.name+f.suffix] = f.starts
	for _, w := range ws {
		f.ask = append(f.ask, asked{w, w.questions()})
		c.results.Workloads[w.id+f.suffix] = &workloadResult{Made: c.made(workers), Samples: map[string][]sample{},
			Fixed: map[string][]sample{}, Failed: map[string]string{}}
	}
	for _, a := range f.ask {
		f.probes = append(f.probes, a.q.checks[:max(1, 50/len(f.ask))]...)
	}
	defer runtime.GC() // collection is off while something is measured
	for group := range min(c.starts, c.rounds) {
		from, to := group*c.rounds/min(c.starts, c.rounds), (group+1)*c.rounds/min(c.starts, c.rounds)
		if err := f.group(ctx, from, to); err != nil {
			return err
		}
		if err := c.save(); err != nil {
			return err
		}
	}
	return nil
}

// group starts all servers, measures some rounds, and stops them.
func (f *field) group(ctx context.Context, from, to int) error {
	running := f.startAll(ctx)
	defer func() {
		for _, p := range running {
			p.stop()
			_ = os.RemoveAll(p.setup.dir) // scratch
		}
	}()
	if err := f.settle(ctx, running...); err != nil {
		return err
	}
	for _, p := range running {
		m, err := p.readMemory()
		if err != nil {
			return err
		}
		f.last(p).Idle = m
	}
	for _, a := range f.ask {
		r := f.results.Workloads[a.id+f.suffix]
		able := f.able(a, r, running)
		for round := from; round < to; round++ {
			f.shuffle.Shuffle(len(able), func(i, j int) { able[i], able[j] = able[j], able[i] })
			for _, p := range slices.Clone(able) {
				if err := f.round(ctx, p, a, r, round); err != nil {
					if ctx.Err() != nil {
						return ctx.Err()
					}
					f.fail(r, p.server.name, err)
					able = slices.DeleteFunc(able, func(q *process) bool { return q == p })
				}
			}
		}
	}
	for _, p := range running {
		m, err := p.readMemory()
		if err != nil {
			return fmt.Errorf("%s: %w", p.server.name, err)
		}
		f.last(p).After = m
	}
	return nil
}

func (f *field) last(p *process) *startSample {
	s := f.starts.Samples[p.server.name]
	return &s[len(s)-1]
}

// startAll starts all servers, one after the other, in shuffled order.
func (f *field) startAll(ctx context.Context) (running []*process) {
	for _, i := range f.shuffle.Perm(len(f.servers)) {
		srv := &f.servers[i]
		if srv.floor && f.data.name != "small" || f.starts.Failed[srv.name] != "" || ctx.Err() != nil {
			continue
		}
		s := setup{zoneDir: f.dir, zones: f.data.zones(), workers: f.workers, signed: f.data.signed}
		if srv.old && f.data.old != nil {
			s.zoneDir = oldDir(f.dir)
		}
		p, sample, err := f.launch(ctx, srv, s, f.probes, f.ask[0].do)
		if err != nil {
			f.starts.Failed[srv.name] = err.Error()
			f.sayf("%s%s: %v", f.data.name, f.suffix, err)
			continue
		}
		f.starts.Samples[srv.name] = append(f.starts.Samples[srv.name], sample)
		running = append(running, p)
		f.sayf("%s%s: %s answers after %.3f s", f.data.name, f.suffix, srv.name, sample.Ready)
	}
	return running
}

// able returns the servers that answer the workload's checks, and notes why others don't.
func (f *field) able(a asked, r *workloadResult, running []*process) (able []*process) {
	for _, p := range running {
		name := p.server.name
		if r.Failed[name] != "" || p.server.floor && (a.tcp || a.id != "W1") {
			continue
		}
		if !p.server.floor {
			if wrong := verify(p.addrPort(), a.q); len(wrong) > 0 {
				f.fail(r, name, fmt.Errorf("%d of %d answers are wrong: %s", len(wrong), len(a.q.checks), wrong[0]))
				continue
			}
		}
		able = append(able, p)
	}
	for name, why := range f.starts.Failed {
		r.Failed[name] = why
	}
	return able
}

// fail takes a server out of a workload. What it had is dropped: a server that answers wrong has no speed.
func (f *field) fail(r *workloadResult, name string, err error) {
	r.Failed[name] = err.Error()
	delete(r.Samples, name)
	delete(r.Fixed, name)
	f.sayf("%s: %v", name, err)
}

// round measures a workload at a server: at saturation, and where it is wanted at a fixed rate.
func (f *field) round(ctx context.Context, p *process, a asked, r *workloadResult, round int) error {
	l := f.loadFor(&a.workload, a.q, p)
	warm := l
	warm.last = min(l.last/4, 300*time.Millisecond)
	if round%max(1, f.rounds/max(1, f.options.starts)) == 0 {
		warm.last = l.last // the first after a start: caches of answers fill
	}
	if _, err := warm.run(ctx); err != nil {
		return err
	}
	s, err := f.measure(ctx, p, l)
	if err != nil {
		return err
	}
	s.Round = round
	name := p.server.name
	r.Samples[name] = append(r.Samples[name], s)
	f.sayf("%s%s round %d %-9s %8.0f qps %6.0f ns  server %.2f load %.2f other %.2f", a.id, f.suffix, round+1, name, s.QPS, s.NS, s.Util, s.Load, s.Foreign)
	if !a.fixed || f.workers > 1 || p.server.floor {
		return nil
	}
	l.rate, l.window = f.rate, openSlots*l.conns/2
	if s, err = f.measure(ctx, p, l); err != nil {
		return err
	}
	s.Round = round
	r.Fixed[name] = append(r.Fixed[name], s)
	return nil
}

func (c *campaign) save() error {
	if err := os.MkdirAll(filepath.Dir(c.json), 0o755); err != nil {
		return err
	}
	return c.results.write(c.json)
}
