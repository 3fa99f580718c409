package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// startTwice starts Mangrove on an empty data directory, stops it, and starts it again on what it left there.
func (c *campaign) startTwice(ctx context.Context, d dataset, w workload, times int) error {
	srv := c.server(mangroveName)
	if srv == nil {
		return nil
	}
	dir, err := d.prepare(c.data)
	if err != nil {
		return err
	}
	q := w.questions()
	p, _, err := c.launch(ctx, srv, setup{zoneDir: dir, zones: d.zones(), workers: 1, signed: d.signed}, q.checks[:50], q.do)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(p.setup.dir) }()
	key := d.name
	c.results.Again[key] = nil
	for range times {
		// What it writes for the next start, it may write after its first answer.
		if err := c.settle(ctx, p); err != nil {
			p.stop()
			return err
		}
		p.stop()
		argv, err := srv.command(p.setup)
		if err != nil {
			return err
		}
		if p, err = startAgain(ctx, srv, p.setup, cpus(1), argv); err != nil {
			return err
		}
		s, err := c.await(ctx, p, q.checks[:50], q.do)
		if err == nil {
			err = c.settle(ctx, p)
		}
		if err == nil {
			s.Idle, err = p.readMemory()
		}
		if wrong := verify(p.addrPort(), q); err == nil && len(wrong) > 0 {
			err = fmt.Errorf("after a second start: %s", wrong[0])
		}
		if err != nil {
			p.stop()
			return err
		}
		c.results.Again[key] = append(c.results.Again[key], s)
		c.sayf("%s: %s, started again, answers after %.3f s", d.name, srv.name, s.Ready)
	}
	p.stop()
	return c.save()
}

func (c *campaign) server(name string) *server {
	for i := range c.servers {
		if c.servers[i].name == name {
			return &c.servers[i]
		}
	}
	return nil
}

// alone measures a dataset that is too large to have all servers loaded at once: one start each, one server after the other.
func (c *campaign) alone(ctx context.Context, d dataset, w workload) error {
	one := *c
	one.starts, one.rounds = 1, min(c.rounds, 3)
	all := &workloadResult{Made: one.made(1), Samples: map[string][]sample{}, Failed: map[string]string{}}
	starts := &startResult{Made: one.made(1), Samples: map[string][]startSample{}, Failed: map[string]string{}}
	for i := range c.servers {
		if c.servers[i].floor {
			continue
		}
		one.servers = c.servers[i : i+1]
		if err := one.measureDataset(ctx, d, []workload{w}, 1); err != nil {
			return err
		}
		name := c.servers[i].name
		merge(all.Samples, c.results.Workloads[w.id].Samples, name)
		merge(all.Failed, c.results.Workloads[w.id].Failed, name)
		merge(starts.Samples, c.results.Starts[d.name].Samples, name)
		merge(starts.Failed, c.results.Starts[d.name].Failed, name)
	}
	c.results.Workloads[w.id], c.results.Starts[d.name] = all, starts
	return c.save()
}

func merge[V any](into, from map[string]V, key string) {
	if v, ok := from[key]; ok {
		into[key] = v
	}
}

// halfRate returns half of what a server answers at saturation.
func (c *campaign) halfRate(ctx context.Context, l load) (float64, error) {
	l.last = time.Second
	if _, err := l.run(ctx); err != nil { // caches
		return 0, err
	}
	r, err := l.run(ctx)
	if err != nil {
		return 0, err
	}
	return float64(r.answered) / r.elapsed.Seconds() / 2, nil
}
