package resolver

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// portableWorker serves a socket of package net, a datagram a system call: what every system can do.
type portableWorker struct {
	server   *Server
	conn     *net.UDPConn
	wildcard bool
	worker   *Worker
	in       [readDatagram]byte
	control  []byte     // room for control messages
	out      []byte     // room for the answer
	from     netip.Addr // whose datagram is answered
	rates    rateWorker
	counters counters
}

// datagram is a query and where its answer goes.
type datagram struct {
	msg  []byte
	from netip.AddrPort
	oob  []byte // control messages: those received, then those to send
}

func (u *portableWorker) addr() netip.Addr { return u.from }

// newPortableWorker binds addr.
func newPortableWorker(s *Server, addr netip.AddrPort, wildcard bool) (*portableWorker, error) {
	network := "udp4"
	if addr.Addr().Is6() {
		network = "udp6"
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) { err = prepareUDP(int(fd), network == "udp6", wildcard) }); cerr != nil {
			return cerr
		}
		return err
	}}
	conn, err := lc.ListenPacket(context.Background(), network, addr.String())
	if err != nil {
		return nil, err
	}
	u := &portableWorker{server: s, conn: conn.(*net.UDPConn), wildcard: wildcard, worker: NewWorker(s.policy), rates: newRateWorker(s.limiter)}
	u.out = make([]byte, s.policy.MaxUDPSize)
	if wildcard {
		u.control = make([]byte, controlLen)
	}
	return u, nil
}

func (u *portableWorker) stats() *counters { return &u.counters }

func (u *portableWorker) close() { _ = u.conn.Close() } // nothing was written that could be lost

func (u *portableWorker) run(ctx context.Context) error {
	defer whenDone(ctx, func() { _ = u.conn.SetReadDeadline(time.Unix(1, 0)) })()
	errs := receiveErrors{socket: u.conn.LocalAddr().String()}
	for {
		d, err := u.receive()
		if err != nil {
			if end, err := errs.pause(ctx, err); end {
				return err
			}
			continue
		}
		errs.row = 0
		if answer := u.answer(ctx, &d); answer != nil {
			if err := u.write(answer, d.oob, d.from); err != nil {
				u.counters.unsent.Add(1) // the loss of a datagram, no more
			}
		}
	}
}

func (u *portableWorker) receive() (d datagram, err error) {
	var n, oobn int
	if u.wildcard {
		n, oobn, _, d.from, err = u.conn.ReadMsgUDPAddrPort(u.in[:], u.control)
		d.oob = u.control[:oobn]
	} else {
		n, d.from, err = u.conn.ReadFromUDPAddrPort(u.in[:])
	}
	if err != nil {
		return datagram{}, err
	}
	d.msg = u.in[:n]
	return d, nil
}

// answer answers one datagram, or hands it on; nil where nothing is to be sent now.
func (u *portableWorker) answer(ctx context.Context, d *datagram) []byte {
	s := u.server
	if d.from.Port() == 0 {
		u.counters.dropped.Add(1) // nobody can be answered there
		return nil
	}
	u.from = d.from.Addr()
	answer, outcome := s.answer(u.worker, d.msg, UDP, u, u.out, &u.counters)
	if u.wildcard {
		d.oob = turnControl(d.oob)
	}
	if outcome.Rare() && s.opts.Rare != nil {
		if s.reserveRare(answer) {
			from, oob := d.from, bytes.Clone(d.oob)
			s.handOn(ctx, Request{Msg: d.msg, Via: UDP, Client: from}, answer, &u.counters,
				func(msg []byte) error { return u.write(msg, oob, from) })
			return nil
		}
		outcome = Outcome{Rcode: dns.RcodeServerFailure}
	}
	if u.rates.begin(); u.rates.limits != nil && !outcome.Proven() && answer != nil {
		answer, outcome = u.limit(d.msg, answer, outcome)
	}
	u.counters.count(answer, outcome)
	return answer
}

// limit keeps answer within the limits. As in answering, a panic costs this packet its answer alone: SERVFAIL.
func (u *portableWorker) limit(query, answer []byte, o Outcome) (msg []byte, out Outcome) {
	defer func() {
		if p := recover(); p != nil {
			u.server.reportPanic(p, query, &u.counters)
			msg, out = u.worker.fail(query, &Source{Addr: u.from}, u.out), Outcome{Rcode: dns.RcodeServerFailure}
		}
	}()
	msg, out, r := u.rates.limit(u.worker, addressOf(u.from), query, answer, o)
	if r != ruleSend {
		u.counters.limited[r].Add(1)
	}
	return msg, out
}

func (u *portableWorker) write(msg, oob []byte, to netip.AddrPort) error {
	if u.wildcard {
		_, _, err := u.conn.WriteMsgUDPAddrPort(msg, oob, to)
		return err
	}
	_, err := u.conn.WriteToUDPAddrPort(msg, to)
	return err
}
