package providers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// MakePlan returns what would bring the provider from the snapshot to the served zone. It is pure: no I/O, the same
// answer every time; in is not modified.
func MakePlan(in Input) *Plan {
	p := newPlanner(in)
	p.project()
	for _, k := range p.keys() {
		if in.Mode == Health {
			p.health(k)
		} else {
			p.full(k)
		}
	}
	p.conflicts()
	p.foreign()
	p.plan.Guards = append([]Guard{}, p.tally.guards(in.Limits, in.Allow)...)
	p.plan.Hash = p.plan.hash()
	return p.plan
}

type planner struct {
	in     Input
	state  *MirrorState
	proj   projection
	plan   *Plan
	tally  tally
	held   map[Key]RRset        // at the provider, as RRsets
	opaque map[Key]string       // at the provider, not RRsets
	served map[Key]zones.RRset  // what goes to this provider
	loaded map[Key]zones.RRset  //
	lost   map[Key]bool         // can't be held
	dead   map[string]bool      // names deleted, for the tally
	drop   map[Key]bool         // foreign RRsets that stand in the way of a CNAME, or the reverse
	owners map[zones.Name][]Key // of held
	order  []Key                // of served, canonical
	alias  aliases
}

func newPlanner(in Input) *planner {
	if in.Loaded == nil {
		in.Loaded = in.Served
	}
	if in.State == nil {
		in.State = NewMirrorState()
	}
	p := &planner{
		in: in, state: in.State,
		proj: projection{driver: in.Driver, origin: in.Zone, overlay: in.Overlay, whole: isWhole(in.Driver)},
		held: make(map[Key]RRset), opaque: make(map[Key]string), lost: make(map[Key]bool),
		served: make(map[Key]zones.RRset), loaded: make(map[Key]zones.RRset),
		alias: aliasesOf(in), dead: make(map[string]bool), drop: make(map[Key]bool), owners: make(map[zones.Name][]Key),
		plan: &Plan{Provider: in.Provider, Zone: in.Zone.String(), Mode: in.Mode, Made: in.Now,
			Lines: []Line{}, Foreign: []Record{}, Losses: []Loss{}, Notes: []Note{}, records: make(map[Key]settle), adopted: make(map[Key]settle)},
	}
	for _, s := range in.Snapshot.RRsets {
		k := Key{s.Name, s.Type}
		p.held[k] = s
		p.owners[s.Name] = append(p.owners[s.Name], k)
	}
	for _, f := range in.Snapshot.Foreign {
		p.opaque[Key{f.Name, f.Type}] = f.Text
	}
	return p
}

// project fills served and loaded, and looks at what the source is worth.
func (p *planner) project() {
	if p.in.Served == nil {
		p.tally.noSOA = true
		return
	}
	_, soa := p.in.Served.SOA()
	p.tally.noSOA = !soa
	p.plan.Serial = p.in.Served.Serial()
	for k, s := range p.proj.rrsets(p.in.Served) {
		p.served[k] = s
		p.order = append(p.order, k)
	}
	for s := range p.in.Served.At(p.in.Zone) {
		if _, note := mirrored(Key{s.Name, s.Type}, p.in.Zone, p.proj.whole); note != "" {
			p.note(Key{s.Name, s.Type}, note)
		}
	}
	for k, s := range p.proj.rrsets(p.in.Loaded) {
		p.loaded[k] = s
	}
	p.noteAliases()
	for name := range p.in.Overlay {
		if !p.in.Served.Exists(name) {
			p.plan.Notes = append(p.plan.Notes, Note{Name: name.Relative(p.in.Zone), Text: "the overlay is for a name that the zone does not have"})
		}
	}
	slices.SortFunc(p.plan.Notes, func(a, b Note) int { return strings.Compare(a.Name, b.Name) })
	p.tally.noRecords = true
	for _, k := range p.order {
		p.tally.noRecords = p.tally.noRecords && k.Name == p.in.Zone && (k.Type == dns.TypeSOA || k.Type == dns.TypeNS)
	}
}

// keys returns every RRset that can be ours: declared, held or owned, in canonical order.
func (p *planner) keys() []Key {
	rest := make(map[Key]bool)
	add := func(k Key) {
		if _, known := p.served[k]; !known {
			rest[k] = true
		}
	}
	for k := range p.loaded {
		add(k)
	}
	for k := range p.held {
		if ok, _ := mirrored(k, p.in.Zone, p.proj.whole); ok {
			add(k)
		}
	}
	for k := range p.state.Approved {
		add(k)
	}
	for owner := range p.alias.sets {
		add(Key{owner, zones.TypeALIAS})
	}
	if len(rest) == 0 {
		return p.order // as a rule; a large zone is not sorted for nothing
	}
	all := append(slices.Clone(p.order), sorted(rest)...)
	slices.SortFunc(all, Key.compare)
	return all
}

// declared says whether the zone has k now, withdrawn as a whole or not.
func (p *planner) declared(k Key) bool {
	_, s := p.served[k]
	_, l := p.loaded[k]
	return s || l
}

// ours says whether k is ours at the provider: declared now, or written by us before and, of that, at least a value still
// there. What someone else has put in the place of what we no longer declare is theirs.
func (p *planner) ours(k Key) bool {
	if p.declared(k) {
		return true
	}
	approved, ok := p.state.Approved[k]
	if !ok {
		return false
	}
	applied, _ := p.state.applied(k)
	a, b := valuesOf(approved), valuesOf(applied)
	for _, v := range valuesOf(p.held[k]).canon {
		if a.has(v) || b.has(v) {
			return true
		}
	}
	return false
}

// full plans one RRset from whatever is held to what is served.
func (p *planner) full(k Key) {
	if k.Type == zones.TypeALIAS {
		p.approveAlias(k)
		return
	}
	held, isHeld := p.held[k]
	set, isServed := p.served[k]
	if p.ours(k) {
		p.weigh(held, isHeld)
	}
	if why, refused := p.in.Refused[k]; refused {
		p.lose(k, "refused by the provider: "+why)
		p.leave(k, held)
		return
	}
	switch {
	case isServed:
		want, ok := p.want(k, set, held)
		if ok && p.free(k) {
			p.change(k, held, want)
		} else {
			p.leave(k, held)
		}
	case p.unknown(k): // which is noted
		p.plan.Counts.Same += len(held.Data)
	case !isHeld: // nothing to do; it stays ours, for what was read may be older than our last write
	case p.declared(k):
		p.note(k, "nothing of it is served now; what the provider holds stays")
		p.plan.Counts.Same += len(held.Data)
	case p.ours(k) && p.in.Served != nil && p.replacementLost(k):
		p.note(k, "kept: what takes its place can't be written, and the name would have nothing")
		p.plan.Counts.Same += len(held.Data)
	case p.ours(k):
		p.change(k, held, RRset{})
	}
}

// leave counts what stays only because the RRset can't be written, and what of it is withdrawn from what is served.
func (p *planner) leave(k Key, held RRset) {
	p.plan.Counts.Same += len(held.Data)
	loaded, served := p.loadedValues(k), p.servedValues(k)
	for _, v := range valuesOf(held).canon {
		if _, declared := loaded[v]; declared && !served[v] {
			p.plan.stale++
		}
	}
}

// replacementLost says whether k makes place for a CNAME, or a CNAME for others, that then can't be written.
func (p *planner) replacementLost(k Key) bool {
	lost := false
	for s := range p.in.Served.At(k.Name) {
		o := Key{s.Name, s.Type}
		if _, goes := p.served[o]; !goes || (o.Type == dns.TypeCNAME) == (k.Type == dns.TypeCNAME) {
			continue
		}
		_, refused := p.in.Refused[o]
		_, taken := p.opaque[o]
		_, _, err := p.proj.held(s, p.held[o].Attrs)
		if !refused && !taken && err == nil {
			return false
		}
		lost = true
	}
	return lost
}

// weigh adds what is ours and held to the totals that the limits are a part of.
func (p *planner) weigh(held RRset, isHeld bool) {
	if !isHeld || held.Type == dns.TypeSOA {
		return
	}
	p.tally.values += len(held.Data)
	p.tally.sets++
	first := p.owners[held.Name][0]
	if first == (Key{held.Name, held.Type}) {
		p.tally.names++
	}
}

// want projects one served RRset; false where the provider can't hold it, which is said.
func (p *planner) want(k Key, set zones.RRset, held RRset) (RRset, bool) {
	want, notes, err := p.proj.held(set, held.Attrs)
	if err != nil {
		p.lose(k, err.Error())
		return RRset{}, false
	}
	for _, n := range notes {
		p.note(k, n)
	}
	if k.Type == dns.TypeSOA && sameButSerial(held.RRset, want.RRset) {
		want.RRset = held.RRset // conflicts sees to it that it goes along
	}
	return want, true
}

// free says whether nothing opaque of others' stands at k, and says so where it does.
func (p *planner) free(k Key) bool {
	text, taken := p.opaque[k]
	if taken {
		p.lose(k, fmt.Sprintf("%s stands there, which is not ours", text))
	}
	return !taken
}

func (p *planner) lose(k Key, text string) {
	if !p.lost[k] {
		p.lost[k] = true
		p.plan.Losses = append(p.plan.Losses, Loss{k.Name.Relative(p.in.Zone), zones.TypeString(k.Type), text})
	}
}

func (p *planner) note(k Key, text string) {
	p.plan.Notes = append(p.plan.Notes, Note{k.Name.Relative(p.in.Zone), zones.TypeString(k.Type), text})
}

// change plans held -> want (either may be without records) and writes its lines.
func (p *planner) change(k Key, held, want RRset) {
	st := settle{held: want, approve: p.approve(k, want)}
	if Equal(held, want) {
		st.adopt = SameData(st.approve.RRset, held.RRset)
		p.plan.records[k] = st
		p.plan.Counts.Same += len(want.Data)
		return
	}
	p.plan.records[k] = st
	if !p.state.owns(k) && Equal(held, st.approve) {
		p.plan.adopted[k] = settle{held: held, approve: st.approve}
	}
	lines := p.lines(k, held, want)
	c := Change{Name: k.Name, Type: k.Type, Old: held, New: want, Health: true}
	removed, added := 0, 0
	for _, l := range lines {
		health := l.Why == Withdrawn || l.Why == Restored || l.Why == Aliased
		c.Health = c.Health && health
		switch {
		case l.Op == Remove && !health:
			removed++
		case l.Op == Add && !health:
			added++
		}
	}
	p.emit(c, lines)
	if k.Type == dns.TypeSOA {
		return
	}
	if want.IsZero() && c.Health {
		return // a family that is gone: no edit that a guard counts
	}
	label := k.Name.Relative(p.in.Zone) + " " + zones.TypeString(k.Type)
	p.tally.count(c, label, removed, added, p.state.owns(k), !c.Health)
	if want.IsZero() && p.state.owns(k) {
		p.deleted(k, label)
	}
}

func (p *planner) deleted(k Key, label string) {
	if name := k.Name.Relative(p.in.Zone); !p.dead[name] {
		p.dead[name] = true
		p.tally.deletedNames = append(p.tally.deletedNames, name)
	}
	if isCritical(k, p.in.Zone) {
		p.tally.critical = append(p.tally.critical, label)
	}
	p.tally.everything = true
}

// emit adds a change and its lines to the plan.
func (p *planner) emit(c Change, lines []Line) {
	p.plan.changes = append(p.plan.changes, c)
	for _, l := range lines {
		switch l.Op {
		case Add:
			p.plan.Counts.Added++
		case Remove:
			p.plan.Counts.Removed++
		case Alter:
			p.plan.Counts.Changed++
		}
	}
	p.plan.Counts.Same += len(c.New.Data) - countOps(lines, Add, Alter)
	p.plan.Lines = append(p.plan.Lines, lines...)
}

func countOps(lines []Line, ops ...Op) int {
	n := 0
	for _, l := range lines {
		if slices.Contains(ops, l.Op) {
			n++
		}
	}
	return n
}

// approve returns what k is to hold while every target lives. Overlay attributes are in it, others' are not, so
// that it changes with an edit only.
func (p *planner) approve(k Key, want RRset) RRset {
	set, ok := p.loaded[k]
	if !ok {
		return want // served only: what is served is what is wanted
	}
	if served, ok := p.served[k]; ok && len(p.held[k].Attrs) == 0 && set.Equal(served) {
		return want // the same, as a rule
	}
	held, _, err := p.proj.held(set, nil)
	if err != nil {
		return want
	}
	return held
}

// conflicts finds CNAMEs that meet other data, lets what is in the way go where that is ours to decide, and
// sends the SOA along with whatever else changes.
func (p *planner) conflicts() {
	for _, c := range slices.Clone(p.plan.changes) {
		if c.New.IsZero() || !c.Old.IsZero() {
			continue
		}
		for _, k := range p.owners[c.Name] {
			if k.Type == c.Type || (k.Type == dns.TypeCNAME) == (c.Type == dns.TypeCNAME) || p.lost[k] {
				continue
			}
			p.tally.swapped = appendNew(p.tally.swapped, c.Name.Relative(p.in.Zone))
			if ok, _ := mirrored(k, p.in.Zone, p.proj.whole); ok && !p.ours(k) && !p.drop[k] {
				p.drop[k] = true
				p.change(k, p.held[k], RRset{})
			}
		}
	}
	p.sendSOA()
	slices.SortStableFunc(p.plan.changes, func(a, b Change) int { return Key{a.Name, a.Type}.compare(Key{b.Name, b.Type}) })
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// sendSOA lets the SOA of a whole zone follow the serial, once anything else changes.
func (p *planner) sendSOA() {
	k := Key{p.in.Zone, dns.TypeSOA}
	set, ok := p.served[k]
	held := p.held[k]
	if !ok || len(p.plan.changes) == 0 || slices.ContainsFunc(p.plan.changes, func(c Change) bool { return c.Type == dns.TypeSOA && c.Name == p.in.Zone }) {
		return
	}
	want, _, err := p.proj.held(set, held.Attrs)
	if p.in.Mode == Health {
		want.RRset = withSerial(held.RRset, want.RRset) // other fields are an edit
	}
	if err != nil || held.IsZero() || Equal(held, want) {
		return
	}
	p.plan.Counts.Same -= len(held.Data)
	p.plan.records[k] = settle{held: want, approve: want}
	p.emit(Change{Name: k.Name, Type: k.Type, Old: held, New: want, Health: p.in.Mode == Health}, []Line{{
		Op: Alter, Name: "@", TTL: want.TTL, Type: "SOA", Text: want.Text(0), Why: Serial,
		Reason: fmt.Sprintf("serial %d -> %d", soaSerial(held.RRset), soaSerial(want.RRset))}})
}

// sameButSerial says whether two SOAs differ in their serial at most.
func sameButSerial(a, b zones.RRset) bool {
	if len(a.Data) != 1 || len(b.Data) != 1 || a.TTL != b.TTL || len(a.Data[0]) < 22 {
		return false
	}
	x, y := slices.Clone(Canonical(a).Data[0]), Canonical(b).Data[0]
	if len(x) != len(y) {
		return false
	}
	copy(x[len(x)-20:len(x)-16], y[len(y)-20:])
	return string(x) == string(y)
}

// withSerial returns a SOA with the serial of another.
func withSerial(s, of zones.RRset) zones.RRset {
	if len(s.Data) != 1 || len(of.Data) != 1 || len(s.Data[0]) < 22 || len(of.Data[0]) < 22 {
		return s
	}
	d, o := slices.Clone(s.Data[0]), of.Data[0]
	copy(d[len(d)-20:len(d)-16], o[len(o)-20:])
	s.Data = [][]byte{d}
	return s
}

func soaSerial(s zones.RRset) uint32 {
	if len(s.Data) == 0 || len(s.Data[0]) < 22 {
		return 0
	}
	d := s.Data[0][len(s.Data[0])-20:]
	return uint32(d[0])<<24 | uint32(d[1])<<16 | uint32(d[2])<<8 | uint32(d[3])
}

// foreign lists what is there and not ours.
func (p *planner) foreign() {
	theirs := make(map[Key]bool)
	for k := range p.held {
		if ok, _ := mirrored(k, p.in.Zone, p.proj.whole); (ok || k.Type == zones.TypeALIAS) && !p.ours(k) && !p.drop[k] {
			theirs[k] = true
		}
	}
	for _, k := range sorted(theirs) {
		s := p.held[k]
		for i := range s.Data {
			p.plan.Foreign = append(p.plan.Foreign, Record{k.Name.Relative(p.in.Zone), s.TTL, zones.TypeString(k.Type), s.Text(i)})
		}
	}
	for _, f := range p.in.Snapshot.Foreign {
		r := Record{Name: f.Name.Relative(p.in.Zone), Text: f.Text}
		if f.Type != 0 {
			r.Type = zones.TypeString(f.Type)
		}
		p.plan.Foreign = append(p.plan.Foreign, r)
	}
	p.plan.Counts.Foreign = len(p.plan.Foreign)
}
