package rfc2136

import (
	"context"
	"errors"
	"fmt"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// maxUpdate is how large a message may become: a TCP message is 65,535 octets, and TSIG needs its share.
const maxUpdate = 60000

// Apply implements providers.Driver: one UPDATE message, or as few as their size allows.
func (d *Driver) Apply(ctx context.Context, zone zones.Name, _ *providers.Snapshot, changes []providers.Change) error {
	for _, batch := range batches(changes) {
		err := d.update(ctx, zone, batch)
		if errors.Is(err, providers.ErrConflict) {
			err = d.settleConflict(ctx, zone, batch, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// batches splits changes into messages. Changes of one name stay together; verdicts go first.
func batches(changes []providers.Change) [][]providers.Change {
	var names [][]providers.Change
	at := make(map[zones.Name]int)
	for _, health := range []bool{true, false} {
		for _, c := range changes {
			if c.Health != health {
				continue
			}
			i, ok := at[c.Name]
			if !ok {
				i = len(names)
				at[c.Name] = i
				names = append(names, nil)
			}
			names[i] = append(names[i], c)
		}
	}
	var out [][]providers.Change
	full := maxUpdate + 1
	for _, group := range names {
		n := 0
		for _, c := range group {
			n += size(c.Old) + size(c.New) + len(c.Name.Wire()) + 10
		}
		if full+n > maxUpdate {
			out, full = append(out, nil), 0
		}
		out[len(out)-1] = append(out[len(out)-1], group...)
		full += n
	}
	return out
}

// size is how many octets the records of a set take without compression.
func size(s providers.RRset) int {
	n := 0
	for _, d := range s.Data {
		n += len(s.Name.Wire()) + 10 + len(d)
	}
	return n
}

// update sends one batch.
func (d *Driver) update(ctx context.Context, zone zones.Name, changes []providers.Change) error {
	m := new(dns.Msg)
	m.SetUpdate(zone.String())
	if err := fill(m, changes); err != nil {
		return err
	}
	l, err := d.dial(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	if err := l.send(m); err != nil {
		return err
	}
	r, err := l.receive(m.Id)
	if err != nil {
		return err
	}
	if r.Rcode == dns.RcodeSuccess {
		return nil
	}
	err = d.refusal(ctx, r, zone)
	if errors.Is(err, providers.ErrRefused) && len(changes) == 1 {
		return &providers.ChangeError{Name: changes[0].Name, Type: changes[0].Type, Err: err}
	}
	return err
}

// fill puts prerequisites and updates into m. All removals stand before all additions: a server drops, without a word, a
// CNAME that is added beside other data, and data added beside a CNAME (RFC 2136 3.4.2.2).
func fill(m *dns.Msg, changes []providers.Change) error {
	var insert []dns.RR
	for _, c := range changes {
		set := &dns.ANY{Hdr: dns.RR_Header{Name: c.Name.String(), Rrtype: c.Type, Class: dns.ClassINET}}
		old, err := c.Old.RRs()
		if err != nil {
			return &providers.ChangeError{Name: c.Name, Type: c.Type, Err: fmt.Errorf("%w: %w", providers.ErrCannotHold, err)}
		}
		next, err := c.New.RRs()
		if err != nil {
			return &providers.ChangeError{Name: c.Name, Type: c.Type, Err: fmt.Errorf("%w: %w", providers.ErrCannotHold, err)}
		}
		if len(old) == 0 {
			m.RRsetNotUsed([]dns.RR{set})
		} else {
			for _, rr := range old {
				rr.Header().Ttl = 0 // RFC 2136 2.4.2
			}
			m.Answer = append(m.Answer, old...)
			m.RemoveRRset([]dns.RR{set})
		}
		insert = append(insert, next...)
	}
	m.Insert(insert)
	return nil
}

// settleConflict finds out what a refused prerequisite means: nothing where everything wanted is there already.
func (d *Driver) settleConflict(ctx context.Context, zone zones.Name, changes []providers.Change, err error) error {
	snap, rerr := d.Snapshot(ctx, zone)
	if rerr != nil {
		return errors.Join(err, rerr)
	}
	held := make(map[providers.Key]providers.RRset)
	for _, s := range snap.RRsets {
		held[providers.Key{Name: s.Name, Type: s.Type}] = s
	}
	var todo []providers.Change
	for _, c := range changes {
		now := held[providers.Key{Name: c.Name, Type: c.Type}]
		switch {
		case providers.Equal(now, c.New):
		case providers.SameData(now.RRset, c.Old.RRset):
			todo = append(todo, c)
		default:
			return &providers.ChangeError{Name: c.Name, Type: c.Type, Err: err}
		}
	}
	if len(todo) == 0 {
		return nil
	}
	if len(todo) == len(changes) {
		return err // it changed and changed back: plan again
	}
	return d.update(ctx, zone, todo)
}
