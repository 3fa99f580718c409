package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// respond answers datagrams on loopback until the test ends. reply returns what to send, in place of the question.
func respond(t *testing.T, reply func(m []byte) []byte) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if r := reply(buf[:n]); err == nil && r != nil {
				_, _ = conn.WriteToUDPAddrPort(r, from) // the generator may have gone
			}
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// right turns a question around as the floor does: NOERROR and one record.
func right(m []byte) []byte {
	b := append(slices.Clip(m), make([]byte, 5)...)
	return b[:turn(b, len(m))]
}

func oneQuestion() *questions {
	q := newQuestions(false)
	for _, name := range []string{"a.test", "b.test", "c.test"} {
		q.add(name, dns.TypeA, expect{answer: []string{rr(name, "A", "10.0.0.1")}})
	}
	return q
}

func runLoad(t *testing.T, l load) *loadResult {
	t.Helper()
	l.ask = oneQuestion()
	if l.conns == 0 {
		l.conns, l.window = 4, 48
	}
	if l.last == 0 {
		l.last = 50 * time.Millisecond
	}
	r, err := l.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestClosedLoop(t *testing.T) {
	r := runLoad(t, load{addr: respond(t, right)})
	if r.answered == 0 || r.wrong != 0 || r.lost != 0 || r.latency.count != r.answered || r.bytes == 0 {
		t.Errorf("sent %d, answered %d, wrong %d, lost %d, %d latencies: %s", r.sent, r.answered, r.wrong, r.lost, r.latency.count, r.firstWrong)
	}
}

// TestOpenLoop counts: as many as the rate says, each one answered.
func TestOpenLoop(t *testing.T) {
	r := runLoad(t, load{addr: respond(t, right), rate: 2000, last: 100 * time.Millisecond})
	if r.sent == 0 || r.sent > 201 || r.answered != r.sent || r.lost != 0 || r.wrong != 0 {
		t.Errorf("sent %d at 2000/s in 0.1 s, answered %d, lost %d, wrong %d", r.sent, r.answered, r.lost, r.wrong)
	}
}

// TestLost has every third question get no answer.
func TestLost(t *testing.T) {
	var dropped atomic.Uint64
	count := 0
	addr := respond(t, func(m []byte) []byte {
		if count++; count%3 == 0 {
			dropped.Add(1)
			return nil
		}
		return right(m)
	})
	r := runLoad(t, load{addr: addr, rate: 2000, last: 100 * time.Millisecond})
	if r.lost != dropped.Load() || r.answered+r.lost != r.sent || r.lost == 0 {
		t.Errorf("sent %d, answered %d, lost %d; %d were dropped", r.sent, r.answered, r.lost, dropped.Load())
	}
}

func TestWrongAnswers(t *testing.T) {
	for name, spoil := range map[string]func(m []byte){
		"RCODE":       func(m []byte) { m[3] |= dns.RcodeServerFailure },
		"count":       func(m []byte) { m[7] = 2 },
		"large count": func(m []byte) { m[6] = 1 },
		"truncated":   func(m []byte) { m[2] |= 2 },
		"no answer":   func(m []byte) { m[2] &^= 0x80 },
	} {
		count := 0
		addr := respond(t, func(m []byte) []byte {
			m = right(m)
			if count++; count == 5 {
				spoil(m)
			}
			return m
		})
		if r := runLoad(t, load{addr: addr}); r.wrong != 1 || r.firstWrong == "" {
			t.Errorf("%s: %d answers are wrong, want 1: %s", name, r.wrong, r.firstWrong)
		}
	}
}

// TestSilence ends although nothing is answered.
func TestSilence(t *testing.T) {
	r := runLoad(t, load{addr: respond(t, func([]byte) []byte { return nil }), last: 400 * time.Millisecond})
	if r.answered != 0 || r.lost == 0 {
		t.Errorf("answered %d, lost %d", r.answered, r.lost)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := load{addr: respond(t, func([]byte) []byte { return nil }), ask: oneQuestion(), conns: 1, window: 2, last: time.Hour}
	if _, err := l.run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// streams answers TCP connections, a number of questions each.
func streams(t *testing.T, limit int) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answerStream(conn, limit)
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// TestStream asks a TCP responder that answers in pieces, whatever the limits of messages are.
func TestStream(t *testing.T) {
	r := runLoad(t, load{addr: streams(t, 1<<30), tcp: true})
	if r.answered == 0 || r.wrong != 0 || r.lost != 0 || r.reconnects != 0 {
		t.Errorf("answered %d, wrong %d, lost %d, %d reconnects: %s", r.answered, r.wrong, r.lost, r.reconnects, r.firstWrong)
	}
}

// TestReconnect goes on where a server ends connections, and counts what is lost by that.
func TestReconnect(t *testing.T) {
	r := runLoad(t, load{addr: streams(t, 50), tcp: true, conns: 1, window: 4})
	if r.answered <= 50 || r.wrong != 0 || r.reconnects == 0 || r.lost == 0 {
		t.Errorf("answered %d, wrong %d, lost %d, %d reconnects", r.answered, r.wrong, r.lost, r.reconnects)
	}
}

// answerStream answers limit questions and closes the connection.
func answerStream(conn net.Conn, limit int) {
	defer conn.Close()
	head := make([]byte, 2)
	for range limit {
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		m := make([]byte, binary.BigEndian.Uint16(head))
		if _, err := io.ReadFull(conn, m); err != nil {
			return
		}
		m = right(m)
		out := append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)
		for _, part := range [][]byte{out[:1], out[1:9], out[9:]} {
			if _, err := conn.Write(part); err != nil {
				return
			}
		}
	}
}

// counter is a watcher that wants a number of answers.
type counter struct{ left int }

func (c *counter) next(int64) []byte {
	if c.left == 0 {
		return nil
	}
	return oneQuestion().message(0)
}
func (c *counter) answer([]byte, int64) { c.left-- }
func (c *counter) wants(now int64) bool { return c.left > 0 }

// TestWatch has the load go on until the watcher has what it wants.
func TestWatch(t *testing.T) {
	c := &counter{left: 100}
	runLoad(t, load{addr: respond(t, right), rate: 100, last: time.Nanosecond, watch: c})
	if c.left != 0 {
		t.Errorf("%d answers are missing", c.left)
	}
}

func TestSentinel(t *testing.T) {
	s := newSentinel(2, time.Second)
	if s.next(1) != nil || !s.wants(1) {
		t.Error("asks before the change, or does not wait for it")
	}
	s.armed.Store(1000)
	now := int64(2 * time.Millisecond)
	if s.next(now) == nil || s.next(now+1) != nil {
		t.Error("does not ask once each millisecond")
	}
	s.answer([]byte{0, 4, 10, 0, 0, 0}, now)
	if s.at != 0 {
		t.Error("took the old address for the new one")
	}
	for _, want := range s.want {
		if s.doneAt != 0 {
			t.Fatal("done before the last")
		}
		now++
		s.answer(append([]byte("header"), want...), now)
	}
	if s.doneAt != now || s.next(now+int64(time.Second)) != nil || !s.wants(now+1) || s.wants(now+int64(afterglow)) {
		t.Errorf("done at %d, want %d", s.doneAt, now)
	}
	if late := newSentinel(2, time.Second); func() bool { late.armed.Store(1); return late.wants(int64(2 * time.Second)) }() {
		t.Error("waits for ever")
	}
}

func TestFlipWatch(t *testing.T) {
	var r flipResult
	w := &flipWatch{target: &target{}, result: &r, left: 2, ask: []byte("question")}
	w.target.healthy.Store(true)
	answer := func(records byte) []byte { return append(make([]byte, 7), records, 0, 0, 0, 0) }
	w.next(1)
	if w.target.healthy.Load() || w.next(2) != nil {
		t.Error("the target is not turned, or the question comes before the probe")
	}
	w.told.Store(1000)
	if w.next(int64(time.Second)) == nil {
		t.Error("does not ask after the probe")
	}
	w.answer(answer(2), 5000)
	if len(r.Down) != 0 {
		t.Error("took the old answer")
	}
	w.answer(answer(1), 501_000)
	if !slices.Equal(r.Down, []float64{500}) || len(r.Up) != 0 {
		t.Errorf("down %v, up %v", r.Down, r.Up)
	}
	w.next(501_000 + int64(flipRest))
	if !w.target.healthy.Load() {
		t.Error("the target does not come back")
	}
	w.told.Store(int64(time.Second))
	w.answer(answer(2), int64(time.Second)+7000)
	if !slices.Equal(r.Up, []float64{7}) || w.wants(int64(2*time.Second)) {
		t.Errorf("up %v", r.Up)
	}
}

func TestTarget(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var told []bool
	target := &target{listener: l, told: func(h bool) { told = append(told, h) }}
	done := make(chan struct{})
	go func() { target.run(); close(done) }()
	var got []string
	for _, healthy := range []bool{true, false, false, true} {
		target.healthy.Store(healthy)
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		got = append(got, strings.Fields(string(b))[1])
	}
	l.Close()
	<-done
	if !slices.Equal(got, []string{"200", "503", "503", "200"}) || !slices.Equal(told, []bool{false, true}) {
		t.Errorf("answers %v, told %v", got, told)
	}
}

func TestParseStat(t *testing.T) {
	pid, parent, ok := parseStat("12 (a name) with) S 7 12 12 0")
	if pid != 12 || parent != 7 || !ok {
		t.Errorf("%d %d %v", pid, parent, ok)
	}
	if _, _, ok := parseStat("nonsense"); ok {
		t.Error("took nonsense")
	}
	if got := kilobytes("Rss: 9 kB\nPss:     2000 kB\n", "Pss:"); got != 2.048 {
		t.Errorf("%v MB, want 2.048", got)
	}
}

// TestOwnUsage reads this process as it reads a server's.
func TestOwnUsage(t *testing.T) {
	p := &process{pids: []int{os.Getpid()}}
	m, err := p.readMemory()
	if err != nil {
		t.Fatal(err)
	}
	if m.PSS <= 0 || m.Anon <= 0 || m.Peak <= 0 {
		t.Errorf("memory %+v", m)
	}
	before, err := cpu(p.pids...)
	if err != nil {
		t.Fatal(err)
	}
	for x := 0; x < 1e6; x++ {
		_ = oneQuestion
	}
	if after, err := cpu(p.pids...); err != nil || after <= before {
		t.Errorf("CPU time %v, then %v (%v)", before, after, err)
	}
	if user, all := ticks(p.pids); user > all {
		t.Errorf("%d user ticks of %d", user, all)
	}
}

func TestTakeFile(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "new"), filepath.Join(dir, "zone")
	for path, text := range map[string]string{from: "new", to: "old"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := takeFile(from, to); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{from, to} {
		if b, err := os.ReadFile(path); err != nil || string(b) != "new" {
			t.Errorf("%s: %q, %v", path, b, err)
		}
	}
}

func TestChooseParts(t *testing.T) {
	wanted, err := chooseParts("W1,flip")
	if err != nil || !wanted("W1") || !wanted("flip") || wanted("W2") {
		t.Errorf("W1,flip: %v", err)
	}
	if _, err := chooseParts("W1,W99"); err == nil {
		t.Error("took an unknown part")
	}
}
