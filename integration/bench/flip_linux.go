package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// A flip: a name in a zone of a million records has two addresses, both checked over HTTP. While the server answers at half
// of what it can, one of the targets begins to answer 503, and later 200 again. A flip takes from the moment before that status is
// written to the moment that the first changed DNS answer has come in: all of it, the probe's end, the verdict, the
// new version of the zone, the answer.

// target is the web server that one of the addresses leads to.
type target struct {
	listener net.Listener
	healthy  atomic.Bool
	// told is called right before the first answer of another status.
	told func(healthy bool)
}

func (t *target) run() {
	last := true
	for {
		conn, err := t.listener.Accept()
		if err != nil {
			return // closed
		}
		if !readRequest(conn) {
			conn.Close()
			continue
		}
		healthy := t.healthy.Load()
		text := "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
		if !healthy {
			text = strings.Replace(text, "200 OK", "503 Service Unavailable", 1)
		}
		if healthy != last && t.told != nil {
			t.told(healthy)
		}
		last = healthy
		_, _ = io.WriteString(conn, text) // a probe that has gone away gets the next one
		conn.Close()
	}
}

// readRequest reads a request's head.
func readRequest(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		if strings.TrimSpace(line) == "" {
			return true
		}
	}
}

// flipWatch turns the target and measures how long the answer takes to follow, again and again.
type flipWatch struct {
	target *target
	ask    []byte
	told   atomic.Int64 // moment of the status that begins a flip; 0: the probe has not come yet
	down   bool         // what the answer is to become
	begun  bool
	sent   int64
	rest   int64 // until when nothing is done
	left   int
	result *flipResult
}

const (
	flipEvery = 50 * time.Microsecond
	flipRest  = 300 * time.Millisecond
)

func (w *flipWatch) next(now int64) []byte {
	if !w.begun {
		if w.left == 0 || now < w.rest {
			return nil
		}
		w.begun, w.down = true, !w.down
		w.told.Store(0)
		w.target.healthy.Store(!w.down)
		return nil
	}
	if w.told.Load() == 0 || now-w.sent < int64(flipEvery) {
		return nil
	}
	w.sent = now
	return w.ask
}

func (w *flipWatch) answer(m []byte, now int64) {
	want := byte(2)
	if w.down {
		want = 1
	}
	if m[7] != want {
		return
	}
	took := float64(now-w.told.Load()) / 1e3
	if w.down {
		w.result.Down = append(w.result.Down, took)
	} else {
		w.result.Up = append(w.result.Up, took)
	}
	w.begun, w.left, w.rest = false, w.left-1, now+int64(flipRest)
}

func (w *flipWatch) wants(now int64) bool {
	return (w.left > 0 || now < w.rest) && now < w.rest+int64(20*time.Second)
}

const flipRules = `private_targets: [127.0.0.0/8]
flap: {max: 100000}
checks:
  probe: {type: http, port: %d, interval: 100ms, fast_interval: 50ms, down_interval: 100ms, timeout: 1s, fall: 1, rise: 1, hold_down: 0s, jitter: 0%%}
`

// flips measures Mangrove's flips: turns times down and up, in several loads.
func (c *campaign) flips(ctx context.Context, loads, turns int) error {
	srv := c.server(mangroveName)
	if srv == nil {
		return nil
	}
	r := &flipResult{Made: c.made(1)}
	c.results.Flip = r
	if err := c.flipServer(ctx, srv, loads, turns, r); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.Failed = err.Error()
		c.sayf("flip: %v", err)
	}
	return c.save()
}

func (c *campaign) flipServer(ctx context.Context, srv *server, loads, turns int, r *flipResult) error {
	zoneDir := filepath.Join(c.data, "flip", "version-1")
	if err := writeChange(filepath.Dir(zoneDir), 1, "127.0.0.2", "127.0.0.3"); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(zoneDir, bigZone+".yaml"), []byte("health: {flip: probe}\n"), 0o644); err != nil {
		return err
	}
	steady, sick, port, err := targets()
	if err != nil {
		return err
	}
	defer steady.listener.Close()
	defer sick.listener.Close()
	watch := &flipWatch{target: sick, result: r, ask: appendQuestion(nil, "flip."+bigZone, dns.TypeA, false)}
	sick.told = func(bool) { watch.told.Store(nowNS()) }
	go steady.run()
	go sick.run()
	q := newQuestions(false)
	askBig(bigNames)(rand.New(rand.NewPCG(42, 98)), q, 200_000)
	p, _, err := c.launch(ctx, srv, setup{zoneDir: zoneDir, zones: []string{bigZone}, workers: 1, rules: fmt.Sprintf(flipRules, port)}, q.checks[:1], false)
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
	r.Rate, l.window, l.last = l.rate, openSlots*l.conns/2, 2*time.Second
	for tries := 0; len(r.During) < loads; tries++ {
		down, up, lost := len(r.Down), len(r.Up), r.Lost
		foreign, err := flipLoad(ctx, p, l, watch, 2*turns, r)
		if err != nil {
			return err
		}
		if foreign > 0.1 && tries < 2*loads {
			r.Down, r.Up, r.Lost = r.Down[:down], r.Up[:up], lost
			c.sayf("flip: other %.2f: again", foreign)
			r.Before, r.During = r.Before[:len(r.Before)-1], r.During[:len(r.During)-1]
			continue
		}
		c.sayf("flip: down %.0f us, up %.0f us, p99.9 %.0f us, before %.0f us", median(r.Down), median(r.Up),
			r.During[len(r.During)-1].P999, r.Before[len(r.Before)-1].P999)
	}
	return nil
}

// flipLoad measures latency without flips and with some. It returns what else the machine did meanwhile.
func flipLoad(ctx context.Context, p *process, l load, watch *flipWatch, flips int, r *flipResult) (float64, error) {
	calm, calmForeign, err := disturbed(ctx, p, l)
	if err != nil {
		return 0, err
	}
	watch.left, watch.rest = flips, nowNS()+int64(flipRest)
	l.watch = watch
	turned, foreign, err := disturbed(ctx, p, l)
	if err != nil {
		return 0, err
	}
	if watch.left > 0 {
		return 0, errors.New("the answer does not follow the check")
	}
	r.Before = append(r.Before, *latencyOf(&calm.latency))
	r.During = append(r.During, *latencyOf(&turned.latency))
	r.Lost += turned.lost
	return max(calmForeign, foreign), nil
}

// targets makes the two web servers, on one port of two addresses.
func targets() (steady, sick *target, port int, err error) {
	for range 20 {
		a, err := net.Listen("tcp", "127.0.0.2:0")
		if err != nil {
			return nil, nil, 0, err
		}
		port := a.Addr().(*net.TCPAddr).Port
		b, err := net.Listen("tcp", fmt.Sprintf("127.0.0.3:%d", port))
		if err != nil {
			a.Close()
			continue
		}
		steady, sick = &target{listener: a}, &target{listener: b}
		steady.healthy.Store(true)
		sick.healthy.Store(true)
		return steady, sick, port, nil
	}
	return nil, nil, 0, errors.New("no port is free on 127.0.0.2 and 127.0.0.3")
}
