package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

const connecting = "connecting"

// connect opens a connection to the first of addrs that accepts one, and says which one it was where the target is a name.
//
// Each address has its part of the time that is left, as net.Dialer does it, so that a silent first one does not take
// it all. Where none accepts, the failure of the first counts; an abstention only where all abstain, because one
// address family that is missing here says nothing while another answers.
func (p *Prober) connect(ctx context.Context, w Watch, addrs []netip.Addr, deadline time.Time) (conn net.Conn, at string, err error) {
	var first error
	for i, addr := range addrs {
		if !w.Target.Addr.IsValid() {
			at = " (" + addr.String() + ")"
		}
		left := time.Until(deadline)
		share := left / time.Duration(len(addrs)-i)
		conn, err := p.dial(ctx, netip.AddrPortFrom(addr, w.Check.port()).String(), share)
		if err == nil {
			return conn, at, nil
		}
		limit := w.Check.Timeout
		if len(addrs) > 1 {
			limit = share.Round(time.Millisecond)
		}
		err = explain(err, connecting, limit)
		if !w.Target.Addr.IsValid() {
			err = fmt.Errorf("%s: %w", addr, err)
		}
		if first == nil || errors.Is(first, ErrAbstain) && !errors.Is(err, ErrAbstain) {
			first = err
		}
	}
	if len(addrs) > 1 {
		first = fmt.Errorf("%w (none of %d addresses)", first, len(addrs))
	}
	return nil, "", first
}

func (p *Prober) dial(ctx context.Context, address string, share time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	if p.Dial != nil {
		return p.Dial(ctx, "tcp", address)
	}
	d := net.Dialer{KeepAlive: -1}
	return d.DialContext(ctx, "tcp", address)
}
