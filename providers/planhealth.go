package providers

import (
	"slices"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// health plans withdrawals and restores of one RRset on top of what was approved for it: the table in doc.go, row by row.
func (p *planner) health(k Key) {
	held, isHeld := p.held[k]
	approved, isApproved := p.state.Approved[k]
	if why, refused := p.in.Refused[k]; refused {
		p.lose(k, "refused by the provider: "+why)
		isApproved = false // nothing is to be done for it
	} else if p.aliasHealth(k, held, isHeld, isApproved) {
		return
	}
	if !isApproved || !isHeld || !p.ours(k) || k.Type == dns.TypeSOA {
		if isHeld && isApproved && p.ours(k) {
			p.plan.Counts.Same += len(held.Data)
		}
		return
	}
	next, ok := p.healthWant(k, held, approved)
	if !ok || SameData(held.RRset, next.RRset) {
		p.plan.Counts.Same += len(held.Data)
		return
	}
	if !p.free(k) {
		return
	}
	c := Change{Name: k.Name, Type: k.Type, Old: held, New: next, Health: true}
	st := settle{held: p.healthApplied(k, held, next), health: true}
	if p.follows(k) {
		st.approve, st.health = p.approve(k, next), false
	}
	p.plan.records[k] = st
	p.emit(c, p.healthLines(k, held, next))
	p.tally.count(c, k.Name.Relative(p.in.Zone)+" "+zones.TypeString(k.Type), 0, 0, true, false)
}

// healthWant returns what the RRset is to hold: what is held, less what is dead, plus what we had withdrawn. False
// where nothing is to be done.
func (p *planner) healthWant(k Key, held, approved RRset) (RRset, bool) {
	want, ok := p.alive(k, held, approved)
	if !ok {
		return RRset{}, false
	}
	if SameData(held.RRset, want.RRset) {
		return RRset{}, false
	}
	applied, _ := p.state.applied(k)
	h, w, a := valuesOf(held), valuesOf(want), valuesOf(applied)
	dead := p.deadValues(k, h, w, a, valuesOf(approved))
	next := RRset{RRset: zones.RRset{Name: k.Name, Type: k.Type, TTL: held.TTL}, Attrs: held.Attrs}
	for _, v := range h.canon {
		if !dead[v] {
			next.Data = append(next.Data, held.Data[h.index[v]])
		}
	}
	for _, v := range w.canon {
		if !h.has(v) && !a.has(v) {
			next.Data = append(next.Data, want.Data[w.index[v]])
		}
	}
	if next.IsZero() || single(k.Type) && len(next.Data) > 1 {
		return RRset{}, false // nothing would be left, or someone else's CNAME stands there and is not known to be dead
	}
	if !SameData(held.RRset, next.RRset) && Equal(RRset{RRset: want.RRset}, RRset{RRset: withTTL(next.RRset, want.TTL)}) {
		next.TTL = want.TTL // the set is as it is to be: its TTL too
	}
	out, _, err := p.proj.driver.Project(next)
	return out, err == nil
}

// healthApplied returns what of next is our own work: what was, less what goes now, plus what comes. What others added
// or removed meanwhile goes on counting as theirs.
func (p *planner) healthApplied(k Key, held, next RRset) RRset {
	applied, _ := p.state.applied(k)
	h, n, a := valuesOf(held), valuesOf(next), valuesOf(applied)
	out := next
	out.Data = nil
	for _, v := range a.canon {
		if n.has(v) || !h.has(v) {
			out.Data = append(out.Data, applied.Data[a.index[v]])
		}
	}
	for _, v := range n.canon {
		if !h.has(v) && !a.has(v) {
			out.Data = append(out.Data, next.Data[n.index[v]])
		}
	}
	return out
}

func withTTL(s zones.RRset, ttl uint32) zones.RRset {
	s.TTL = ttl
	return s
}

// single says whether an RRset of the type has one record at most.
func single(typ uint16) bool { return typ == dns.TypeCNAME || typ == dns.TypeDNAME }

// deadValues returns what goes from the held values: what was ours and is not wanted, and what is known to be dead. A value
// that someone else put there and that nobody calls dead stays: repair of drift is not for health.
func (p *planner) deadValues(k Key, held, want, applied, approved values) map[string]bool {
	b := lineMaker{p: p, key: k, loaded: p.loadedValues(k)}
	dead := make(map[string]bool)
	for _, v := range held.canon {
		if !want.has(v) && (applied.has(v) || approved.has(v) || b.reason(v) != "") {
			dead[v] = true
		}
	}
	return dead
}

// alive returns what is approved for k, less what is dead. As long as the zone says of k what was approved, that is what is
// served, under the approved TTL where that was edited. Else an edit of k waits, and lived says what it is.
func (p *planner) alive(k Key, held, approved RRset) (RRset, bool) {
	set, isServed := p.served[k]
	loaded, isLoaded := p.loaded[k]
	if isServed && p.follows(k) {
		want, _, err := p.proj.held(set, held.Attrs)
		return want, err == nil
	}
	if isServed && isLoaded {
		now, _, err := p.proj.held(loaded, nil)
		if err == nil && same(now, approved) {
			want, _, err := p.proj.held(set, held.Attrs)
			return want, err == nil
		}
		if err == nil && SameData(now.RRset, approved.RRset) { // the edit is of the TTL or of attributes: the values don't wait for it
			want, _, err := p.proj.held(set, held.Attrs)
			want.TTL = approved.TTL
			if set.TTL < loaded.TTL {
				want.TTL = min(want.TTL, set.TTL)
			}
			return want, err == nil
		}
	}
	if isLoaded && !isServed {
		return RRset{}, false // nothing of it is served: what is held stays
	}
	want := p.lived(k, held, approved)
	if isServed && isLoaded && set.TTL < loaded.TTL {
		want.TTL = min(want.TTL, set.TTL) // the TTL of a checked RRset is capped
	}
	return want, !want.IsZero()
}

// lived returns what health wants of k while an edit of it waits: the approved values that no verdict is against (all of them
// where there is one against each), as far as they are held or served now. No verdict is told of a value that the zone no longer
// has, so one that is not there is not known to live and never comes back; nor does anything go in exchange for it.
func (p *planner) lived(k Key, held, approved RRset) RRset {
	b := lineMaker{p: p, key: k, loaded: p.loadedValues(k)}
	v, h, served := valuesOf(approved), valuesOf(held), p.servedValues(k)
	doomed := !slices.ContainsFunc(v.canon, func(c string) bool { return b.reason(c) == "" })
	want, unknown := approved, false
	want.Data = nil
	for _, c := range v.canon {
		switch {
		case !doomed && b.reason(c) != "":
		case h.has(c) || served[c]:
			want.Data = append(want.Data, approved.Data[v.index[c]])
		default:
			unknown = true
		}
	}
	for _, c := range h.canon {
		if !v.has(c) && b.reason(c) == "" && (unknown || served[c]) {
			want.Data = append(want.Data, held.Data[h.index[c]])
		}
	}
	return want
}

// servedValues returns the served values of k in canonical form, as written and as the provider would hold them.
func (p *planner) servedValues(k Key) map[string]bool {
	out := make(map[string]bool)
	set, ok := p.served[k]
	if !ok {
		return out
	}
	for _, c := range valuesOf(RRset{RRset: set}).canon {
		out[c] = true
	}
	if as, _, err := p.proj.held(set, nil); err == nil {
		for _, c := range valuesOf(as).canon {
			out[c] = true
		}
	}
	return out
}

// healthLines tells a health change. Every line of it is a verdict's doing, its TTL included.
func (p *planner) healthLines(k Key, held, next RRset) []Line {
	lines := p.lines(k, held, next)
	for i, l := range lines {
		switch {
		case l.Why == Aliased:
		case l.Op == Remove && l.Why != Withdrawn:
			lines[i].Why, lines[i].Reason = Withdrawn, "withdrawn"
		case l.Op != Remove && l.Why != Restored:
			lines[i].Why, lines[i].Reason = Restored, ""
		}
	}
	return slices.Clip(lines)
}
