package resolver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxDatagram is the largest query over UDP. We announce less; an UPDATE may try, or padding. A longer one is FORMERR: it can be
	// asked over TCP.
	maxDatagram = 4096
	// readDatagram is how much of a datagram is read: an octet more shows that it is longer, on every system.
	readDatagram = maxDatagram + 1
)

// udpWorker serves one socket: receive, answer, send. There are two: batchWorker, where the kernel takes many datagrams a
// system call, and portableWorker for everywhere else.
type udpWorker interface {
	// run serves the socket until ctx ends, then answers what it has read.
	run(ctx context.Context) error
	close()
	stats() *counters
}

const (
	// maxReceiveErrors is how many receives in a row may fail before the socket is given up.
	maxReceiveErrors = 1000
	// receivePause is waited after each: what the system lacks now it may have then.
	receivePause = 10 * time.Millisecond
)

// receiveErrors bears with errors of receiving, each of which may belong to one datagram, or be a lack of memory that passes.
type receiveErrors struct {
	socket string
	row    int
}

// pause waits before the next try; or it returns the error that ends the worker, nil where ctx has ended.
func (r *receiveErrors) pause(ctx context.Context, err error) (end bool, _ error) {
	switch r.row++; {
	case ctx.Err() != nil:
		return true, nil
	case errors.Is(err, net.ErrClosed) || r.row == maxReceiveErrors:
		return true, fmt.Errorf("receive on %s: %w", r.socket, err)
	}
	select {
	case <-time.After(receivePause):
	case <-ctx.Done():
	}
	return false, nil
}

// reserveRare says whether one more message may be given to Options.Rare now. Where not, refusal becomes the answer
// that says so.
func (s *Server) reserveRare(refusal []byte) bool {
	select {
	case s.rare <- struct{}{}:
		return true
	default:
	}
	if len(refusal) >= headerLen {
		refusal[3] = refusal[3]&0xf0 | dns.RcodeServerFailure
	}
	return false
}

// handOn gives a message, for which reserveRare made room, to Options.Rare, on a goroutine of its own: the worker goes on. It
// keeps neither the message nor the refusal; send is called on that goroutine.
func (s *Server) handOn(ctx context.Context, q Request, refusal []byte, c *counters, send func([]byte) error) {
	q.Msg, refusal = bytes.Clone(q.Msg), bytes.Clone(refusal)
	s.rareWork.Go(func() {
		defer func() { <-s.rare }()
		if s.callRare(ctx, q, send, c) {
			return
		}
		c.countMessage(refusal)
		if err := send(refusal); err != nil {
			c.unsent.Add(1)
		}
	})
}
