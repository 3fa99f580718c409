package resolver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// maxDatagram is the largest query over UDP. We announce less; an UPDATE may try.
const maxDatagram = 4096

// datagram is a query, its sender and its answer. Its buffers are set up once and never move, so that an array of them
// can be handed to a system call that takes many.
type datagram struct {
	in      [maxDatagram]byte
	n       int
	from    netip.AddrPort
	control []byte // room for control messages
	oob     []byte // those received; then those to send
	out     []byte // room for the answer
	answer  []byte // nil: none
}

// udpWorker serves one socket: receive, answer, send.
type udpWorker struct {
	server   *Server
	conn     *net.UDPConn
	wildcard bool
	worker   *Worker
	batch    []datagram
	counters counters
}

func newUDPWorker(s *Server, conn *net.UDPConn, wildcard bool) *udpWorker {
	u := &udpWorker{server: s, conn: conn, wildcard: wildcard, worker: NewWorker(s.policy), batch: make([]datagram, 1)}
	for i := range u.batch {
		u.batch[i].out = make([]byte, s.policy.MaxUDPSize)
		if wildcard {
			u.batch[i].control = make([]byte, controlLen)
		}
	}
	return u
}

const (
	// maxReceiveErrors is how many receives in a row may fail before the socket is given up.
	maxReceiveErrors = 1000
	// receivePause is waited after each: what the system lacks now it may have then.
	receivePause = 10 * time.Millisecond
)

// run serves the socket until ctx ends.
func (u *udpWorker) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = u.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for failed := 0; ; {
		n, err := u.receive()
		switch {
		case err == nil:
			failed = 0
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("receive on %s: %w", u.conn.LocalAddr(), err)
		default:
			// An error that belongs to one datagram, or a lack of memory that passes.
			if failed++; failed == maxReceiveErrors {
				return fmt.Errorf("receive on %s: %w", u.conn.LocalAddr(), err)
			}
			select {
			case <-time.After(receivePause):
			case <-ctx.Done():
			}
			continue
		}
		for i := range u.batch[:n] {
			u.answer(ctx, &u.batch[i])
		}
		u.send(n)
	}
}

// receive fills the first datagrams of the batch: one, for as long as one comes per system call.
func (u *udpWorker) receive() (n int, err error) {
	d := &u.batch[0]
	var oobn, flags int
	if u.wildcard {
		d.n, oobn, flags, d.from, err = u.conn.ReadMsgUDPAddrPort(d.in[:], d.control)
		d.oob = d.control[:oobn]
	} else {
		d.n, d.from, err = u.conn.ReadFromUDPAddrPort(d.in[:])
	}
	if err != nil {
		return 0, err
	}
	if flags&truncatedFlag != 0 || d.n == len(d.in) {
		d.n = 0 // longer than any query: not to be answered
	}
	return 1, nil
}

// answer answers one datagram, or hands it on.
func (u *udpWorker) answer(ctx context.Context, d *datagram) {
	d.answer = nil
	if d.from.Port() == 0 {
		u.counters.dropped.Add(1) // nobody can be answered there
		return
	}
	answer, outcome := u.server.answer(u.worker, d.in[:d.n], UDP, d.out, &u.counters)
	if u.wildcard {
		d.oob = turnControl(d.oob)
	}
	if outcome.Rare && u.server.opts.Rare != nil {
		u.handOn(ctx, d, answer)
		return
	}
	u.counters.count(answer, outcome)
	d.answer = answer
}

// send sends the answers of the first n datagrams. One that cannot be sent is the loss of a datagram, no more.
func (u *udpWorker) send(n int) {
	for i := range u.batch[:n] {
		d := &u.batch[i]
		if d.answer == nil {
			continue
		}
		if err := u.write(d.answer, d.oob, d.from); err != nil {
			u.counters.unsent.Add(1)
		}
	}
}

func (u *udpWorker) write(msg, oob []byte, to netip.AddrPort) error {
	if u.wildcard {
		_, _, err := u.conn.WriteMsgUDPAddrPort(msg, oob, to)
		return err
	}
	_, err := u.conn.WriteToUDPAddrPort(msg, to)
	return err
}

// handOn gives a rare message to Options.Rare, on a goroutine of its own: the worker goes on.
func (u *udpWorker) handOn(ctx context.Context, d *datagram, refusal []byte) {
	s := u.server
	select {
	case s.rare <- struct{}{}:
	default:
		if len(refusal) >= headerLen {
			refusal[3] = refusal[3]&0xf0 | dns.RcodeServerFailure
		}
		u.counters.count(refusal, Outcome{Rcode: dns.RcodeServerFailure})
		d.answer = refusal
		return
	}
	q := Request{Msg: bytes.Clone(d.in[:d.n]), Via: UDP, Client: d.from}
	oob, refusal := bytes.Clone(d.oob), bytes.Clone(refusal)
	s.rareWork.Go(func() {
		defer func() { <-s.rare }()
		send := func(msg []byte) error { return u.write(msg, oob, q.Client) }
		if s.callRare(ctx, q, send, &u.counters) {
			return
		}
		u.counters.countMessage(refusal)
		if err := send(refusal); err != nil {
			u.counters.unsent.Add(1)
		}
	})
}
