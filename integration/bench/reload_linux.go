package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// A reload: the big zone's file is replaced by one with a hundredth of its addresses changed, and the server told, while it
// answers at half of what it can. Seconds count from the moment of the replacement until a name from each part of the
// file, the first and the last changed one included, was answered with its new address.

// sentinel watches for the last changed answer.
type sentinel struct {
	armed  atomic.Int64 // the moment of the change; 0: not yet
	ask    [][]byte
	want   [][]byte // what the answer's record must hold
	at     int
	sent   int64
	doneAt int64
	limit  time.Duration
}

const (
	sentinels     = 16
	sentinelEvery = time.Millisecond
	afterglow     = 300 * time.Millisecond // for how long the load goes on behind a change
)

func newSentinel(version int, limit time.Duration) *sentinel {
	s := &sentinel{limit: limit}
	last := bigNames/changeStep - 1
	for k := range sentinels {
		i := k * last / (sentinels - 1) * changeStep
		s.ask = append(s.ask, appendQuestion(nil, bigName(i)+"."+bigZone, dns.TypeA, false))
		s.want = append(s.want, []byte{0, 4, byte(10 + version), byte(i >> 16), byte(i >> 8), byte(i)})
	}
	return s
}

func (s *sentinel) next(now int64) []byte {
	if s.armed.Load() == 0 || s.doneAt != 0 || now-s.sent < int64(sentinelEvery) {
		return nil
	}
	s.sent = now
	return s.ask[s.at]
}

func (s *sentinel) answer(m []byte, now int64) {
	if !bytes.Contains(m, s.want[s.at]) {
		return
	}
	s.sent = 0 // the next at once
	if s.at++; s.at == len(s.ask) {
		s.doneAt = now
	}
}

func (s *sentinel) wants(now int64) bool {
	if s.doneAt != 0 {
		return now < s.doneAt+int64(afterglow)
	}
	return s.armed.Load() == 0 || now-s.armed.Load() < int64(s.limit)
}

// reloads measures reloads of every server that knows how.
func (c *campaign) reloads(ctx context.Context, times int) error {
	versions := filepath.Join(c.data, "change")
	for v := 1; v <= times+spareReloads+1; v++ {
		if err := writeChange(versions, v); err != nil {
			return err
		}
	}
	q := newQuestions(false)
	askBig(bigNames)(rand.New(rand.NewPCG(42, 99)), q, 200_000)
	for i := range c.servers {
		srv := &c.servers[i]
		if srv.floor {
			continue
		}
		r := &reloadResult{Made: c.made(1)}
		c.results.Reloads[srv.name] = r
		if err := c.reloadServer(ctx, srv, versions, times, q, r); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r.Failed = err.Error()
			c.sayf("reload: %v", err)
		}
		if err := c.save(); err != nil {
			return err
		}
	}
	return nil
}

func (c *campaign) reloadServer(ctx context.Context, srv *server, versions string, times int, q *questions, r *reloadResult) error {
	zoneDir, err := os.MkdirTemp(c.data, "reload")
	if err != nil {
		return err
	}
	defer os.RemoveAll(zoneDir)
	file := zoneFile(zoneDir, bigZone)
	if err := takeFile(changeFile(versions, 1), file); err != nil {
		return err
	}
	p, _, err := c.launch(ctx, srv, setup{zoneDir: zoneDir, zones: []string{bigZone}, workers: 1}, q.checks[:1], false)
	if err != nil {
		return err
	}
	defer func() {
		p.stop()
		_ = os.RemoveAll(p.setup.dir)
	}()
	if err := c.settle(ctx, p); err != nil {
		return err
	}
	l := load{addr: netip.MustParseAddrPort(p.addrPort()), ask: q, conns: 16, window: 192}
	if l.rate, err = c.halfRate(ctx, l); err != nil {
		return err
	}
	l.window, l.last = openSlots*l.conns/2, 2*time.Second
	for version := 2; undisturbed(r.Samples) < times && version <= times+spareReloads+1; version++ {
		s, err := c.reloadOnce(ctx, p, l, version, func() error { return takeFile(changeFile(versions, version), file) })
		if err != nil {
			return fmt.Errorf("%s: %w", srv.name, err)
		}
		r.Samples = append(r.Samples, s)
		c.sayf("reload: %s at %.0f qps: %.2f s, %d lost, p99.9 %.0f us, before %.0f us, other %.2f", srv.name, s.Rate, s.Seconds, s.Lost, s.During.P999, s.Before.P999, s.Foreign)
		if err := c.settle(ctx, p); err != nil {
			return err
		}
	}
	r.Samples = leastDisturbed(r.Samples, times)
	return nil
}

// spareReloads are made for those that were disturbed.
const spareReloads = 3

func undisturbed(samples []reloadSample) (n int) {
	for _, s := range samples {
		if s.Foreign <= 0.1 {
			n++
		}
	}
	return n
}

// leastDisturbed returns so many samples, those during which the least else was done.
func leastDisturbed(samples []reloadSample, times int) []reloadSample {
	slices.SortStableFunc(samples, func(a, b reloadSample) int { return cmp.Compare(a.Foreign, b.Foreign) })
	return samples[:min(times, len(samples))]
}

// disturbed runs a load and returns how much of one CPU anything else but the server used meanwhile.
func disturbed(ctx context.Context, p *process, l load) (*loadResult, float64, error) {
	begin, err := readUsage(p)
	if err != nil {
		return nil, 0, err
	}
	r, err := l.run(ctx)
	if err != nil {
		return nil, 0, err
	}
	// Where the server makes processes meanwhile, their time counts as foreign: it can't be told any more.
	end, err := readUsage(p)
	if err != nil {
		return r, 0, nil
	}
	took := end.at.Sub(begin.at)
	return r, (end.all - begin.all - (end.server - begin.server) - (end.self - begin.self)).Seconds() / took.Seconds(), nil
}

// reloadOnce measures latency without and with a reload.
func (c *campaign) reloadOnce(ctx context.Context, p *process, l load, version int, replace func() error) (reloadSample, error) {
	calm, calmForeign, err := disturbed(ctx, p, l)
	if err != nil {
		return reloadSample{}, err
	}
	watch := newSentinel(version, c.limit)
	l.watch = watch
	told := make(chan error, 1)
	timer := time.AfterFunc(300*time.Millisecond, func() {
		now := nowNS()
		err := replace()
		watch.armed.Store(now)
		if err == nil {
			err = p.reload(ctx)
		}
		told <- err
	})
	defer timer.Stop()
	r, foreign, err := disturbed(ctx, p, l)
	if err != nil {
		return reloadSample{}, err
	}
	if err := <-told; err != nil {
		return reloadSample{}, err
	}
	if watch.doneAt == 0 {
		return reloadSample{}, fmt.Errorf("no new answer within %v", c.limit)
	}
	// Questions and answers that are wrong in number would be a broken zone.
	if r.wrong > 0 {
		return reloadSample{}, fmt.Errorf("%d answers are wrong: %s", r.wrong, r.firstWrong)
	}
	return reloadSample{Rate: l.rate, Before: *latencyOf(&calm.latency), During: *latencyOf(&r.latency), Lost: r.lost,
		Seconds: time.Duration(watch.doneAt - watch.armed.Load()).Seconds(), Foreign: max(calmForeign, foreign)}, nil
}

// reload tells a server to read its zones again.
func (p *process) reload(ctx context.Context) error {
	switch {
	case p.server.signal != 0:
		return p.cmd.Process.Signal(p.server.signal)
	case p.server.tell != nil:
		argv := p.server.tell(p.setup)
		out, err := exec.CommandContext(ctx, "taskset", append([]string{"-c", cpus(p.setup.workers)}, argv...)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", argv[0], err, bytes.TrimSpace(out))
		}
		return nil
	}
	return errors.New("it cannot be told to")
}
