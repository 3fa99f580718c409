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

// maxHalvings is how often the refused messages of one Apply are halved to find out which changes the server means.
const maxHalvings = 256

// Apply implements providers.Driver: one UPDATE message for verdicts and one for edits, or as few as their size allows. A
// message that the server refuses is halved until the changes that it means stand alone: they are named, the others are made.
func (d *Driver) Apply(ctx context.Context, zone zones.Name, _ *providers.Snapshot, changes []providers.Change) error {
	w := &writer{Driver: d, zone: zone, halvings: maxHalvings}
	for _, batch := range batches(changes) {
		if !w.write(ctx, batch) {
			break
		}
	}
	return errors.Join(w.errs...)
}

// A group is changes that are not parted as long as the server takes them: those of one name, verdicts and edits apart. Where
// a CNAME takes the place of other data, or the reverse, all changes of the name are one group, and never parted.
type group struct {
	changes []providers.Change
	health  bool
	bound   bool
}

// groups sorts changes into groups, those of verdicts first.
func groups(changes []providers.Change) []group {
	type key struct {
		name   zones.Name
		health bool
	}
	bound, verdict := make(map[zones.Name]bool), make(map[zones.Name]bool)
	for _, c := range changes {
		bound[c.Name] = bound[c.Name] || exchangesCNAME(c)
		verdict[c.Name] = verdict[c.Name] || c.Health
	}
	var out [2][]group // verdicts, edits
	at := make(map[key]int)
	for _, c := range changes {
		k := key{c.Name, c.Health || bound[c.Name] && verdict[c.Name]}
		list := &out[1]
		if k.health {
			list = &out[0]
		}
		i, ok := at[k]
		if !ok {
			i = len(*list)
			at[k] = i
			*list = append(*list, group{health: k.health, bound: bound[c.Name]})
		}
		(*list)[i].changes = append((*list)[i].changes, c)
	}
	return append(out[0], out[1]...)
}

// exchangesCNAME: a CNAME comes or goes, which other data at the name may depend on.
func exchangesCNAME(c providers.Change) bool {
	return c.Type == dns.TypeCNAME && c.Old.IsZero() != c.New.IsZero()
}

// batches splits changes into messages. Groups stay whole; verdicts go first, and never with edits.
func batches(changes []providers.Change) [][]group {
	var out [][]group
	full, health := 0, false
	for _, g := range groups(changes) {
		n := 0
		for _, c := range g.changes {
			n += size(c.Old) + size(c.New) + len(c.Name.Wire()) + 10
		}
		if len(out) == 0 || full+n > maxUpdate || g.health != health {
			out, full, health = append(out, nil), 0, g.health
		}
		out[len(out)-1] = append(out[len(out)-1], g)
		full += n
	}
	return out
}

// A writer carries out one Apply.
type writer struct {
	*Driver
	zone     zones.Name
	halvings int // left
	errs     []error
}

// write sends a batch, and parts of it where it is refused. It returns false where nothing more is to be sent: what went
// wrong concerns not this batch alone.
func (w *writer) write(ctx context.Context, batch []group) bool {
	var changes []providers.Change
	for _, g := range batch {
		changes = append(changes, g.changes...)
	}
	err := w.update(ctx, w.zone, changes)
	if errors.Is(err, providers.ErrConflict) {
		err = w.settleConflict(ctx, w.zone, changes, err)
	}
	switch {
	case err == nil:
		return true
	case !errors.Is(err, providers.ErrRefused) && !errors.Is(err, providers.ErrCannotHold):
		w.errs = append(w.errs, err)
		return false
	case len(changes) == 1 || len(batch) == 1 && batch[0].bound:
		w.blame(changes, err)
		return true
	case w.halvings == 0:
		w.errs = append(w.errs, fmt.Errorf("%d changes, of which not all need be meant: %w", len(changes), err))
		return true
	}
	w.halvings--
	if len(batch) == 1 {
		batch = singles(batch[0])
	}
	return w.write(ctx, batch[:len(batch)/2]) && w.write(ctx, batch[len(batch)/2:])
}

// singles parts a group that is not bound.
func singles(g group) []group {
	var out []group
	for _, c := range g.changes {
		out = append(out, group{changes: []providers.Change{c}, health: g.health})
	}
	return out
}

// blame notes the refusal of each change.
func (w *writer) blame(changes []providers.Change, err error) {
	var named *providers.ChangeError
	if errors.As(err, &named) {
		err = named.Err
	}
	for _, c := range changes {
		w.errs = append(w.errs, &providers.ChangeError{Name: c.Name, Type: c.Type, Err: err})
	}
}

// size is how many octets the records of a set take without compression.
func size(s providers.RRset) int {
	n := 0
	for _, d := range s.Data {
		n += len(s.Name.Wire()) + 10 + len(d)
	}
	return n
}

// update sends one message.
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
	if err = d.refusal(ctx, r, zone); r.Rcode == dns.RcodeRefused && (r.IsTsig() == nil || r.IsTsig().Error == 0) {
		return fmt.Errorf("%w, or %w", providers.ErrRefused, err) // a policy may take this record and not that one
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
