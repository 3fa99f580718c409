package rfc2136

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
)

// link is one TCP connection, with the state of its TSIG. It is bound to the context that it was made with.
type link struct {
	d    *Driver
	ctx  context.Context
	conn *dns.Conn
	stop func() bool
	mac  string // of the message before, in both directions
	more bool   // an answer was read: further ones are signed over their timers alone (RFC 8945 5.3.1)
}

func (d *Driver) dial(ctx context.Context) (*link, error) {
	c := &dns.Client{Net: "tcp", Timeout: d.timeout}
	conn, err := c.DialContext(ctx, d.server)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", providers.ErrUnavailable, err)
	}
	l := &link{d: d, ctx: ctx, conn: conn}
	l.stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
	return l, nil
}

func (l *link) close() {
	l.stop()
	_ = l.conn.Close()
}

// unavailable wraps what went wrong on the way; what was asked for may have been done.
func (l *link) unavailable(err error) error {
	if cerr := l.ctx.Err(); cerr != nil {
		err = cerr
	}
	return fmt.Errorf("%w: %s: %w", providers.ErrUnavailable, l.d.server, err)
}

func (l *link) send(m *dns.Msg) error {
	var out []byte
	var err error
	if l.d.keyName != "" {
		m.SetTsig(l.d.keyName, l.d.keyAlg, 300, time.Now().Unix())
		out, l.mac, err = dns.TsigGenerate(m, l.d.secret, "", false)
	} else {
		out, err = m.Pack()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", providers.ErrRefused, err)
	}
	if err := l.conn.SetDeadline(time.Now().Add(l.d.timeout)); err != nil {
		return l.unavailable(err)
	}
	if _, err := l.conn.Write(out); err != nil {
		return l.unavailable(err)
	}
	return nil
}

// receive reads the next message that answers id. An error response may be unsigned (the server may not know
// our key); anything else must be signed where we sign.
func (l *link) receive(id uint16) (*dns.Msg, error) {
	if err := l.conn.SetDeadline(time.Now().Add(l.d.timeout)); err != nil {
		return nil, l.unavailable(err)
	}
	buf := make([]byte, dns.MaxMsgSize)
	n, err := l.conn.Read(buf)
	if err != nil {
		return nil, l.unavailable(err)
	}
	m := new(dns.Msg)
	if err := m.Unpack(buf[:n]); err != nil {
		return nil, l.unavailable(err)
	}
	if m.Id != id || !m.Response {
		return nil, l.unavailable(errors.New("it is no answer to the question"))
	}
	if l.d.keyName == "" {
		return m, nil
	}
	err = dns.TsigVerify(buf[:n], l.d.secret, l.mac, l.more)
	if t := m.IsTsig(); t != nil {
		l.mac = t.MAC
	}
	l.more = true
	if err != nil && m.Rcode == dns.RcodeSuccess {
		return nil, l.unavailable(fmt.Errorf("signature of the answer: %w", err))
	}
	return m, nil
}
