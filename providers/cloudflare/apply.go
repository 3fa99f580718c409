package cloudflare

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// maxNameReads is up to how many names are read one by one before a change; for more, the whole zone is read.
const maxNameReads = 2

// Apply implements providers.Driver. Cloudflare has no compare-and-swap: what is there is read just before, compared with
// each change's Old, and the records are then changed by their ids. All edits of one name go in one transaction, and all its
// verdicts in an earlier one; a CNAME and what it is exchanged for are never parted.
func (d *Driver) Apply(ctx context.Context, zone zones.Name, snap *providers.Snapshot, changes []providers.Change) (err error) {
	defer recovered(&err)
	var problems []error
	changes = slices.DeleteFunc(slices.Clone(changes), func(c providers.Change) bool {
		problem := apexProblem(zone, c)
		problems = append(problems, changeError(c, problem)...)
		return problem != nil
	})
	if len(changes) == 0 {
		return errors.Join(problems...)
	}
	if useOf(changes) == forHealth {
		d.owe(zone)
	}
	err = d.withZone(ctx, zone, func(info *zoneInfo) error {
		if id, ok := snap.Token.(string); ok && id != info.ID {
			return fmt.Errorf("%w: the zone was made anew", providers.ErrConflict)
		}
		groups, refused, err := d.prepare(ctx, zone, info, changes)
		if err != nil {
			return err
		}
		problems = append(problems, refused...)
		problems = append(problems, d.send(ctx, info, groups)...)
		return nil
	})
	if errors.Is(errors.Join(problems...), errGone) {
		d.forget(zone)
	}
	if err != nil {
		problems = append(problems, err)
	}
	if len(problems) > 0 {
		return fmt.Errorf("apply to %s: %w", zone, errors.Join(problems...))
	}
	return nil
}

// apexProblem: the apex SOA and NS are Cloudflare's own.
func apexProblem(zone zones.Name, c providers.Change) error {
	switch {
	case !c.Name.Within(zone):
		return fmt.Errorf("%w: it is not within %s", providers.ErrRefused, zone)
	case c.Name == zone && (c.Type == dns.TypeNS || c.Type == dns.TypeSOA):
		return fmt.Errorf("%w: the apex SOA and NS are the provider's own", providers.ErrCannotHold)
	}
	return nil
}

// changeError wraps a problem of one change; nothing for nil.
func changeError(c providers.Change, err error) []error {
	if err == nil {
		return nil
	}
	return []error{&providers.ChangeError{Name: c.Name, Type: c.Type, Err: err}}
}

// A group is the verdicts of one name, or its edits, or both where a CNAME binds them: one transaction, unless it is too large
// for one.
type group struct {
	changes []providers.Change
	batches []batch // of each change
	health  bool
	bound   bool // refused as a whole, never in part
}

func (g *group) batch() batch {
	var all batch
	for _, b := range g.batches {
		all.join(b)
	}
	return all
}

// halves parts a group between its changes; nothing where it can't be.
func (g *group) halves() []*group {
	n := len(g.changes) / 2
	if g.bound || n == 0 {
		return nil
	}
	return []*group{
		{changes: g.changes[:n], batches: g.batches[:n], health: g.health},
		{changes: g.changes[n:], batches: g.batches[n:], health: g.health},
	}
}

// partsOf parts the changes of one name into verdicts and edits, unless they are bound.
func partsOf(changes []providers.Change) (parts [][]providers.Change) {
	if slices.ContainsFunc(changes, bindsName) {
		return [][]providers.Change{changes}
	}
	for _, health := range []bool{true, false} {
		part := slices.DeleteFunc(slices.Clone(changes), func(c providers.Change) bool { return c.Health != health })
		if len(part) > 0 {
			parts = append(parts, part)
		}
	}
	return parts
}

// bindsName: a CNAME comes or goes, which other data at the name may depend on.
func bindsName(c providers.Change) bool {
	return c.Type == dns.TypeCNAME && c.Old.IsZero() != c.New.IsZero()
}

// prepare reads what is there, and turns the changes that fit it into groups. The error means that nothing could be read.
func (d *Driver) prepare(ctx context.Context, zone zones.Name, info *zoneInfo, changes []providers.Change) (groups []*group, problems []error, err error) {
	names := make(map[zones.Name][]providers.Change)
	for _, c := range changes {
		names[c.Name] = append(names[c.Name], c)
	}
	current, exact, err := d.current(ctx, zone, info, names)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range slices.SortedFunc(maps.Keys(names), zones.Name.Compare) {
		some, bad := newGroups(names[name], current)
		if len(bad) > 0 && !exact {
			// A filter may have missed what a list shows: only the whole list proves a conflict.
			if current, err = d.index(d.readAll(ctx, zone, info, useOf(changes))); err != nil {
				return nil, nil, err
			}
			exact = true
			some, bad = newGroups(names[name], current)
		}
		problems = append(problems, bad...)
		groups = append(groups, some...)
	}
	return groups, problems, nil
}

// useOf is what a call for changes spends from.
func useOf(changes []providers.Change) use {
	if slices.ContainsFunc(changes, func(c providers.Change) bool { return c.Health }) {
		return forHealth
	}
	return forEdits
}

// current reads the RRsets of the names; exact says that the whole zone was read.
func (d *Driver) current(ctx context.Context, zone zones.Name, info *zoneInfo, names map[zones.Name][]providers.Change) (sets map[key]*held, exact bool, err error) {
	u := forEdits
	for _, changes := range names {
		u = max(u, useOf(changes))
	}
	if len(names) > maxNameReads {
		sets, err = d.index(d.readAll(ctx, zone, info, u))
		return sets, true, err
	}
	sets = make(map[key]*held)
	for name := range names {
		some, err := d.index(d.readName(ctx, zone, name, info, u))
		if err != nil {
			return nil, false, err
		}
		maps.Copy(sets, some)
	}
	return sets, false, nil
}

func (d *Driver) index(list []*held, err error) (map[key]*held, error) {
	sets := make(map[key]*held)
	for _, h := range list {
		sets[key{h.name, h.rrtype}] = h
	}
	return sets, err
}

// newGroups turns the changes of one name into groups.
func newGroups(changes []providers.Change, current map[key]*held) (groups []*group, problems []error) {
	for _, part := range partsOf(changes) {
		g, bad := newGroup(part, current)
		problems = append(problems, bad...)
		if g != nil {
			groups = append(groups, g)
		}
	}
	return groups, problems
}

// newGroup turns changes into operations. The changes that do not fit what is there are problems; where a CNAME comes or goes
// they stand or fall together.
func newGroup(changes []providers.Change, current map[key]*held) (*group, []error) {
	g := &group{health: useOf(changes) == forHealth, bound: slices.ContainsFunc(changes, bindsName)}
	var problems []error
	for _, c := range changes {
		h := current[key{c.Name, c.Type}]
		if h == nil {
			h = &held{name: c.Name, rrtype: c.Type}
		}
		done, err := fits(c, h)
		if err == nil && !done {
			err = g.add(c, h)
		}
		problems = append(problems, changeError(c, err)...)
	}
	if g.bound && len(problems) > 0 {
		for _, c := range g.changes {
			problems = append(problems, changeError(c, fmt.Errorf("%w: another change at the name does not fit", providers.ErrConflict))...)
		}
		return nil, problems
	}
	if len(g.changes) == 0 {
		return nil, problems
	}
	return g, problems
}

// fits compares what is there with what the change was made from. done: it is there already.
func fits(c providers.Change, h *held) (done bool, err error) {
	if h.foreign != "" {
		return false, fmt.Errorf("%w: there is now %s", providers.ErrConflict, h.asForeign().Text)
	}
	now := providers.RRset{RRset: h.rrset(), Attrs: h.attrs()}
	if sameState(now, c.New) {
		return true, nil
	}
	if now.IsZero() != c.Old.IsZero() || !now.IsZero() && (!providers.SameData(now.RRset, c.Old.RRset) ||
		now.TTL != c.Old.TTL || !maps.Equal(now.Attrs, c.Old.Attrs)) {
		return false, fmt.Errorf("%w: there is now %s", providers.ErrConflict, describe(now))
	}
	return false, nil
}

// sameState says whether nothing is left to be done.
func sameState(now, want providers.RRset) bool {
	if now.IsZero() || want.IsZero() {
		return now.IsZero() && want.IsZero()
	}
	plain := want
	plain.Attrs = maps.Clone(want.Attrs)
	maps.DeleteFunc(plain.Attrs, func(k, _ string) bool { _, ok := asked(want.Attrs, k); return !ok })
	return providers.Equal(now, plain)
}

func describe(s providers.RRset) string {
	if s.IsZero() {
		return "nothing"
	}
	return fmt.Sprintf("TTL %d %q %v", s.TTL, s.Texts(), s.Attrs)
}

// add works out the operations of one change. Values that stay keep their record; a value that goes and one that comes
// share a record, which is changed in place, so that the RRset is never without records and what hangs on the record stays.
func (g *group) add(c providers.Change, h *held) error {
	want := providers.Canonical(c.New.RRset)
	var next batch
	var free []value // records whose value goes
	missing := slices.Clone(want.Data)
	for _, v := range h.records {
		i := slices.IndexFunc(missing, func(d []byte) bool { return bytes.Equal(d, canonical(c.Type, v.rdata)) })
		if i < 0 {
			free = append(free, v)
			continue
		}
		if op, differs := alter(c, v); differs {
			next.Patches = append(next.Patches, op)
		}
		missing = slices.Delete(missing, i, i+1)
	}
	for _, rdata := range missing {
		op, err := write(c, h, rdata)
		if err != nil {
			return cannotHold(err)
		}
		if len(free) > 0 {
			op.ID = free[0].ID
			op.adapt(free[0].record, c)
			next.Patches = append(next.Patches, op)
			free = free[1:]
			continue
		}
		next.Posts = append(next.Posts, op)
	}
	for _, v := range free {
		next.Deletes = append(next.Deletes, operation{ID: v.ID, Type: v.Type, Name: v.Name}) // the id alone counts
	}
	if next.size() > 0 {
		g.batches = append(g.batches, next)
		g.changes = append(g.changes, c)
	}
	return nil
}

func canonical(rrtype uint16, rdata []byte) []byte {
	return providers.Canonical(zones.RRset{Name: zones.Root, Type: rrtype, Data: [][]byte{rdata}}).Data[0]
}

// byHealth puts the groups that a verdict made first.
func byHealth(a, b *group) int {
	rank := func(g *group) int {
		if g.health {
			return 0
		}
		return 1
	}
	return cmp.Compare(rank(a), rank(b))
}
