package main

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// The load generator: one thread, one question after the other from a list, over a few connections. Closed loop: it keeps a
// window of questions in flight, as many as a default socket buffer holds, so that the server is never without work. Open loop: it
// sends at a fixed rate whatever comes back, and latency is counted from the moment of sending; the thread
// spins, so that it sees an answer within microseconds.

// load says what to ask, and how.
type load struct {
	addr   netip.AddrPort
	tcp    bool
	ask    *questions
	conns  int
	window int           // in flight over all connections; bounds an open loop as well
	rate   float64       // questions a second; 0 is a closed loop
	last   time.Duration // how long
	share  bool          // CPUs are shared with the server: wait instead of spinning
	// watch, where it is not nil, asks questions of its own beside, over a socket of its own.
	watch watcher
}

// watcher follows a change while the load runs. Its methods are called by the generator's thread.
type watcher interface {
	// next returns a question to send at the moment now, or nil. It is called at every turn, at most one question is in flight.
	next(now int64) []byte
	// answer takes the answer to the last question.
	answer(msg []byte, now int64)
	// wants reports whether the load must go on after its time.
	wants(now int64) bool
}

// loadResult is what came of it.
type loadResult struct {
	sent, answered, lost, wrong uint64
	bytes                       uint64
	elapsed                     time.Duration
	reconnects                  int
	latency                     histogram
	firstWrong                  string
}

// A connection remembers its questions by their IDs modulo the slots: in a closed loop as few as stay in the caches, in an open
// one as many as may be missing before those that are lost are told from those that are late.
const (
	closedSlots = 256
	openSlots   = 8192
)

// flow is one connection and what is in flight on it.
type flow struct {
	wire   wire
	out    int
	nextID uint16
	slots  []slot // as many as a power of two
}

// slot is a question in flight.
type slot struct {
	sentAt int64 // 0: nothing in flight
	index  int32 // of the question
}

func (f *flow) slot(id uint16) *slot { return &f.slots[int(id)&(len(f.slots)-1)] }

// generator is a load that runs.
type generator struct {
	load
	flows    []*flow
	question int
	loadResult
	watchFD  int
	watching bool
	watchAt  int64
	watchBuf [4096]byte
}

// epoch is where nowNS begins: the package's time.Since reads the monotonic clock without a system call.
var epoch = time.Now()

// nowNS is the time since the program began, a little more than zero at least.
func nowNS() int64 { return int64(time.Since(epoch)) }

// run runs the load on a thread of its own.
func (l load) run(ctx context.Context) (*loadResult, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	g := &generator{load: l, watchFD: -1}
	defer g.close()
	slots := closedSlots
	if l.rate > 0 {
		slots = openSlots
	}
	for range l.conns {
		w, err := newWire(l.addr, l.tcp)
		if err != nil {
			return nil, fmt.Errorf("connect %s: %w", l.addr, err)
		}
		g.flows = append(g.flows, &flow{wire: w, slots: make([]slot, slots)})
	}
	if l.watch != nil {
		fd, err := udpSocket(l.addr, false)
		if err != nil {
			return nil, err
		}
		g.watchFD = fd
	}
	var err error
	if l.rate > 0 {
		err = g.open(ctx)
	} else {
		err = g.closed(ctx)
	}
	return &g.loadResult, err
}

func (g *generator) close() {
	for _, f := range g.flows {
		f.wire.close()
	}
	if g.watchFD >= 0 {
		unix.Close(g.watchFD)
	}
}

// closed keeps the window full until the time is over. What is in flight then counts as nothing.
func (g *generator) closed(ctx context.Context) error {
	per := max(1, min(g.window/len(g.flows), closedSlots/2))
	least := min(max(1, per/2), 16) // fewer at a time would cost a system call for each
	if g.tcp {
		// A server may hold an answer back until the one before is acknowledged (RFC 896), and the next question does that.
		least = 1
	}
	began := nowNS()
	end := began + int64(g.last)
	progress, seen := began, uint64(0)
	for turn := 0; ; turn++ {
		f := g.flows[turn%len(g.flows)]
		now := nowNS()
		if now >= end {
			g.elapsed = time.Duration(now - began)
			return nil
		}
		if err := g.drain(f); err != nil {
			return err
		}
		if n := per - f.out; n >= least {
			if err := g.fill(f, n, now); err != nil {
				return err
			}
		}
		switch {
		case g.answered != seen:
			seen, progress = g.answered, now
		case g.share && turn%len(g.flows) == 0:
			g.poll()
		case now-progress > int64(2*time.Millisecond):
			g.poll()
		}
		if now-progress > int64(300*time.Millisecond) { // all of the window is lost
			if ctx.Err() != nil {
				return ctx.Err()
			}
			g.writeOff(now + 1)
			progress = now
		}
	}
}

// open sends at the rate until the time is over, then waits for what is missing.
func (g *generator) open(ctx context.Context) error {
	const patience = 500 * time.Millisecond
	began := nowNS()
	end := began + int64(g.last)
	for turn := 0; ; turn++ {
		f := g.flows[turn%len(g.flows)]
		now := nowNS()
		g.turnWatch(now)
		if err := g.drain(f); err != nil {
			return err
		}
		if now >= end && (g.watch == nil || !g.watch.wants(now)) {
			g.elapsed = time.Duration(now - began)
			break
		}
		if due := int(float64(now-began)/1e9*g.rate) - int(g.sent); due > 0 && f.out < g.window/len(g.flows) {
			if err := g.fill(f, min(due, 4), now); err != nil {
				return err
			}
		}
		if turn%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	for until := nowNS() + int64(patience); g.inFlight() > 0 && nowNS() < until; {
		for _, f := range g.flows {
			if err := g.drain(f); err != nil {
				return err
			}
		}
	}
	g.writeOff(nowNS() + 1)
	return nil
}

func (g *generator) inFlight() (n int) {
	for _, f := range g.flows {
		n += f.out
	}
	return n
}

// writeOff counts everything that was sent before then as lost.
func (g *generator) writeOff(before int64) {
	for _, f := range g.flows {
		for i := range f.slots {
			if s := &f.slots[i]; s.sentAt != 0 && s.sentAt < before {
				s.sentAt = 0
				g.lost++
			}
		}
		f.out = 0
	}
}

// fill sends up to n questions in one call.
func (g *generator) fill(f *flow, n int, now int64) error {
	n = min(n, batchSize)
	first := f.nextID
	for i := range n {
		id := f.nextID
		f.nextID++
		f.wire.put(i, g.ask.message(g.question), id)
		s := f.slot(id)
		if s.sentAt != 0 {
			g.lost++
			f.out--
		}
		*s = slot{now, int32(g.question)}
		if g.question++; g.question == g.ask.len() {
			g.question = 0
		}
	}
	k, err := f.wire.flush(n)
	if err != nil {
		return g.reconnect(f, err)
	}
	for i := k; i < n; i++ { // not taken by the kernel, so not asked
		f.slot(first + uint16(i)).sentAt = 0
	}
	g.sent += uint64(k)
	f.out += k
	return nil
}

// reconnect makes a new connection in the place of one that the server has ended, as clients do. What was in flight is lost.
func (g *generator) reconnect(f *flow, why error) error {
	if g.reconnects++; !g.tcp || g.reconnects > 1000 {
		return why
	}
	f.wire.close()
	for i := range f.slots {
		if f.slots[i].sentAt != 0 {
			f.slots[i].sentAt = 0
			g.lost++
		}
	}
	f.out = 0
	w, err := newWire(g.addr, g.tcp)
	if err != nil {
		return err
	}
	f.wire = w
	return nil
}

// drain takes the answers that are there.
func (g *generator) drain(f *flow) error {
	n, err := f.wire.take()
	if err != nil {
		return g.reconnect(f, err)
	}
	if n == 0 {
		return nil
	}
	now := nowNS()
	for i := range n {
		g.take(f, f.wire.message(i), now)
	}
	return nil
}

// take counts an answer and compares it with what the question must be answered.
func (g *generator) take(f *flow, m []byte, now int64) {
	if len(m) < 12 {
		return
	}
	s := f.slot(uint16(m[0])<<8 | uint16(m[1]))
	if s.sentAt == 0 {
		return // written off already
	}
	g.latency.add(now - s.sentAt)
	s.sentAt = 0
	f.out--
	g.answered++
	g.bytes += uint64(len(m))
	i := s.index
	if m[2]&0x82 != 0x80 || m[3]&15 != g.ask.rcode[i] || m[6] != 0 || m[7] != g.ask.answers[i] {
		if g.wrong++; g.wrong == 1 {
			g.firstWrong = fmt.Sprintf("question %d: RCODE %d with %d records, TC %v; want RCODE %d with %d records",
				i, m[3]&15, int(m[6])<<8|int(m[7]), m[2]&2 != 0, g.ask.rcode[i], g.ask.answers[i])
		}
	}
}

// poll waits for an answer, ten milliseconds at most.
func (g *generator) poll() {
	fds := make([]unix.PollFd, 0, 64)
	for _, f := range g.flows {
		fds = append(fds, unix.PollFd{Fd: int32(f.wire.descriptor()), Events: unix.POLLIN})
	}
	_, _ = unix.Poll(fds, 10) // whatever it says, the next turn looks
}

// turnWatch sends and takes the watcher's messages.
func (g *generator) turnWatch(now int64) {
	if g.watch == nil {
		return
	}
	if g.watching {
		n, _, err := unix.Recvfrom(g.watchFD, g.watchBuf[:], unix.MSG_DONTWAIT)
		switch {
		case err == nil && n >= 12:
			g.watching = false
			g.watch.answer(g.watchBuf[:n], nowNS())
		case now-g.watchAt > int64(100*time.Millisecond):
			g.watching = false // lost: the next question asks again
		}
		return
	}
	if msg := g.watch.next(now); msg != nil {
		if _, err := unix.Write(g.watchFD, msg); err == nil {
			g.watching, g.watchAt = true, now
		}
	}
}
