package healthcheck

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// Targets returns what must be probed for rules: the targets that the loaded zone's records point at. Never hand it the
// served zone: a withdrawn record would not be probed any more, and could not return. Each key occurs once.
func Targets(loaded *zones.Zone, rules []Rule) []Watch { return NewOverlay(loaded, rules).Watches() }

// Withdraw returns what to change in the loaded zone when the targets are in the states that state tells, and the
// decision for each checked RRset, with the reason for each record left out.
//
// It never empties an RRset: below the rule's floor all records stay, in zone order. It never adds a record, but for the
// named targets of a CNAME. It is pure: the same zone, rules and states give the same changes, and loaded is not modified.
// It costs what the checked RRsets cost, not the zone. Who calls it for each flip keeps an Overlay instead.
func Withdraw(loaded *zones.Zone, rules []Rule, state func(Key) Verdict) ([]zones.Change, []Decision) {
	return NewOverlay(loaded, rules).Withdraw(state)
}

// Overlay is the rules of a zone joined with one loaded version of it: what Withdraw needs, looked up once. It is
// immutable and safe for concurrent use; another loaded version or other rules need another Overlay.
type Overlay struct {
	groups  []group
	touched map[Key][]int // the groups that a key counts in; one may occur twice
	watches []Watch
}

// group is everything that is decided together: the checked RRsets of one name, and the hints that follow them.
type group struct {
	checked []checked
	hints   []zones.RRset // HTTPS and SVCB at the name with the address of a checked record in them
}

// checked is one RRset that a rule is for.
type checked struct {
	rule    *Rule
	set     zones.RRset
	members []member
	own     int // CNAME: which member the zone itself points at
}

// member is one target of a checked RRset, and what it is asked.
type member struct {
	target Target
	data   []byte
	keys   []Key
}

// NewOverlay joins rules with loaded. A rule whose name or type the zone does not have counts for nothing here
// (ValidateRules reports it); of two rules for one RRset the first counts.
func NewOverlay(loaded *zones.Zone, rules []Rule) *Overlay {
	o := &Overlay{touched: make(map[Key][]int)}
	at := make(map[zones.Name]int)
	for i := range rules {
		rule := &rules[i]
		if len(rule.Checks) == 0 {
			continue
		}
		for _, set := range ruled(loaded, rule) {
			c, watches, ok := newChecked(rule, set)
			if !ok {
				continue
			}
			g, known := at[set.Name]
			if !known {
				g = len(o.groups)
				at[set.Name] = g
				o.groups = append(o.groups, group{})
			}
			if o.groups[g].checks(set.Type) {
				continue
			}
			o.groups[g].checked = append(o.groups[g].checked, c)
			for _, w := range watches {
				o.watch(w, g)
			}
		}
	}
	for i := range o.groups {
		o.groups[i].findHints(loaded)
	}
	return o
}

// watch notes that group g asks for w.
func (o *Overlay) watch(w Watch, g int) {
	groups, known := o.touched[w.Key]
	if !known {
		o.watches = append(o.watches, w)
	}
	if len(groups) == 0 || groups[len(groups)-1] != g {
		o.touched[w.Key] = append(groups, g)
	}
}

// ruled returns the RRsets of loaded that rule is for.
func ruled(loaded *zones.Zone, rule *Rule) []zones.RRset {
	types := rule.Types
	if len(types) == 0 {
		types = []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME}
	}
	var sets []zones.RRset
	for _, t := range types {
		if t != dns.TypeA && t != dns.TypeAAAA && t != dns.TypeCNAME {
			continue
		}
		if set, ok := loaded.RRset(rule.Name, t); ok && !set.IsZero() {
			sets = append(sets, set)
		}
	}
	return sets
}

func (g *group) checks(typ uint16) bool {
	return slices.ContainsFunc(g.checked, func(c checked) bool { return c.set.Type == typ })
}

// newChecked joins one RRset with its rule. It is not ok where a record is not what its type demands, which a parsed zone
// never holds: such an RRset is left alone.
func newChecked(rule *Rule, set zones.RRset) (c checked, watches []Watch, ok bool) {
	c = checked{rule: rule, set: set}
	if set.Type == dns.TypeCNAME {
		c.own, c.members, ok = named(rule, set)
	} else {
		c.members, ok = addressed(set)
	}
	if !ok {
		return checked{}, nil, false
	}
	for _, check := range rule.Checks {
		print := fingerprint(check)
		for i := range c.members {
			w := newWatch(c.members[i].target, set.Name, check, print)
			c.members[i].keys = append(c.members[i].keys, w.Key)
			watches = append(watches, w)
		}
	}
	return c, watches, true
}

// addressed returns the addresses of an A or AAAA RRset.
func addressed(set zones.RRset) (members []member, ok bool) {
	size := net.IPv4len
	if set.Type == dns.TypeAAAA {
		size = net.IPv6len
	}
	for _, data := range set.Data {
		addr, ok := netip.AddrFromSlice(data)
		if !ok || len(data) != size {
			return nil, false
		}
		members = append(members, member{target: Target{Addr: addr}, data: data})
	}
	return members, true
}

// named returns the targets of a CNAME rule in order, and which one the zone points at. A zone's own target that the rule
// does not list is the last resort, behind all that it lists; it keeps its spelling.
func named(rule *Rule, set zones.RRset) (own int, members []member, ok bool) {
	self, err := zones.NameFromWire(set.Data[0])
	if err != nil || len(set.Data) != 1 {
		return 0, nil, false
	}
	for _, name := range append(slices.Clone(rule.Targets), self) {
		if slices.ContainsFunc(members, func(m member) bool { return m.target.Name == name }) {
			continue
		}
		data := []byte(name.Wire())
		if name == self {
			own, data = len(members), set.Data[0]
		}
		members = append(members, member{target: Target{Name: name}, data: data})
	}
	return own, members, true
}

// Watches returns what must be probed, each key once. The caller does not modify it.
func (o *Overlay) Watches() []Watch { return o.watches }

// Touches says whether the verdict of key counts for anything in this overlay.
func (o *Overlay) Touches(key Key) bool { return len(o.touched[key]) > 0 }

// Withdraw is the function of that name. The changes are relative to the loaded zone: applied to it, not to a served one.
func (o *Overlay) Withdraw(state func(Key) Verdict) ([]zones.Change, []Decision) {
	var changes []zones.Change
	var decisions []Decision
	for i := range o.groups {
		ch, d := o.groups[i].decide(state)
		decisions = append(decisions, d...)
		for _, c := range ch {
			if !c.Old.Equal(c.New) {
				changes = append(changes, c)
			}
		}
	}
	return changes, decisions
}

// WithdrawTouched decides again only where the verdicts of keys count. It returns every RRset concerned, also those
// that are now as loaded: applied to any zone that this overlay's changes were applied to, they bring it up to date.
func (o *Overlay) WithdrawTouched(state func(Key) Verdict, keys ...Key) ([]zones.Change, []Decision) {
	var groups []int
	for _, key := range keys {
		groups = append(groups, o.touched[key]...)
	}
	slices.Sort(groups)
	var changes []zones.Change
	var decisions []Decision
	for _, g := range slices.Compact(groups) {
		ch, d := o.groups[g].decide(state)
		changes, decisions = append(changes, ch...), append(decisions, d...)
	}
	return changes, decisions
}

// decide returns every RRset of the group as it should be served, and why.
func (g *group) decide(state func(Key) Verdict) ([]zones.Change, []Decision) {
	var changes []zones.Change
	var decisions []Decision
	var out []netip.Addr // withdrawn
	for i := range g.checked {
		c := &g.checked[i]
		d := c.decide(state)
		next := zones.RRset{Name: c.set.Name, Type: c.set.Type, TTL: d.TTL}
		for j, m := range d.Members {
			if m.Served {
				next.Data = append(next.Data, c.members[j].data)
			} else if m.Target.Addr.IsValid() {
				out = append(out, m.Target.Addr)
			}
		}
		changes = append(changes, zones.Change{Name: c.set.Name, Type: c.set.Type, Old: c.set, New: next})
		decisions = append(decisions, d)
	}
	for _, set := range g.hints {
		c, d := g.follow(set, out)
		changes, decisions = append(changes, c), append(decisions, d)
	}
	return changes, decisions
}

// Decision is what was decided about one checked RRset, and why.
type Decision struct {
	Name zones.Name
	Type uint16
	Pos  zones.Pos // of the rule
	// Outcome in words: "2 of 3 up", "none of 2 up: all are kept (all_down: all)".
	Outcome string
	// FailOpen says that too few targets are usable, and that all are served whatever their state: somebody should know.
	FailOpen bool
	TTL      uint32 // as served
	// Members are the targets in their order; none for the hints of HTTPS and SVCB, which follow A and AAAA.
	Members []Member
}

// Member is one target in a decision.
type Member struct {
	Target Target
	State  State // the worst of its checks
	Served bool
	// Reason says in words why State, and, where it is left out although usable, why.
	Reason string
	// Verdicts are those that State was made of, one for each check.
	Verdicts []Verdict
}

// Left returns the members that are left out.
func (d Decision) Left() []Member {
	return slices.DeleteFunc(slices.Clone(d.Members), func(m Member) bool { return m.Served })
}

// String returns the decision in a line: "www.example.com. A: 2 of 3 up".
func (d Decision) String() string {
	return fmt.Sprintf("%s %s: %s", d.Name, zones.TypeString(d.Type), d.Outcome)
}

// decide picks the members that are served.
func (c *checked) decide(state func(Key) Verdict) Decision {
	d := Decision{Name: c.set.Name, Type: c.set.Type, Pos: c.rule.Pos, TTL: c.rule.TTL.cap(c.set.TTL)}
	for _, m := range c.members {
		d.Members = append(d.Members, m.judge(state))
	}
	switch {
	case c.set.Type == dns.TypeCNAME:
		c.pickName(&d)
	case c.rule.Policy == Failover:
		c.pickFirst(&d)
	default:
		c.pickAll(&d)
	}
	return d
}

// judge returns m with the worst of its verdicts.
func (m member) judge(state func(Key) Verdict) Member {
	out := Member{Target: m.target}
	for i, key := range m.keys {
		v := state(key)
		out.Verdicts = append(out.Verdicts, v)
		if i == 0 || v.State.rank() > out.State.rank() {
			out.State, out.Reason = v.State, v.Reason
		}
	}
	return out
}

// pickAll serves what is up or unknown; the degraded as well where that is below the floor; all where that is too.
func (c *checked) pickAll(d *Decision) {
	floor := c.rule.MinHealthy.Of(len(d.Members))
	if d.serve(func(m Member) bool { return m.State == Up || m.State == Unknown }) >= floor {
		d.Outcome = d.tally()
		for i := range d.Members {
			if m := &d.Members[i]; m.State == Degraded {
				m.Reason += "; left out while enough others are up"
			}
		}
		return
	}
	usable := d.serve(func(m Member) bool { return m.State.Usable() })
	d.Outcome = d.tally()
	if usable >= floor {
		return
	}
	d.serve(func(Member) bool { return true })
	d.FailOpen = true
	if usable > 0 {
		d.Outcome += fmt.Sprintf(", fewer than min_healthy %s", c.rule.MinHealthy)
		if c.rule.MinHealthy.Count == 0 {
			d.Outcome += fmt.Sprintf(" (%d)", floor)
		}
	}
	d.Outcome += fmt.Sprintf(": all are kept (all_down: %s)", c.rule.AllDown)
}

// pickFirst serves the first that is up or unknown, else the first that is degraded, else all.
func (c *checked) pickFirst(d *Decision) {
	first := slices.IndexFunc(d.Members, func(m Member) bool { return m.State == Up || m.State == Unknown })
	if first < 0 {
		first = slices.IndexFunc(d.Members, func(m Member) bool { return m.State.Usable() })
	}
	if first < 0 {
		d.serve(func(Member) bool { return true })
		d.FailOpen = true
		d.Outcome = fmt.Sprintf("%s: all are kept (all_down: %s)", d.tally(), c.rule.AllDown)
		return
	}
	d.only(first)
}

// pickName chooses what a CNAME points at. An unknown target is moved to only where nothing is known to answer: the zone's
// own target is where clients are, and stays until something better is known. With nothing usable it stays too.
func (c *checked) pickName(d *Decision) {
	pick := func(fits func(i int, m Member) bool) int {
		for i, m := range d.Members {
			if fits(i, m) {
				return i
			}
		}
		return -1
	}
	first := pick(func(i int, m Member) bool { return m.State == Up || m.State == Unknown && i == c.own })
	if first < 0 {
		first = pick(func(_ int, m Member) bool { return m.State == Degraded })
	}
	if first < 0 {
		first = pick(func(_ int, m Member) bool { return m.State.Usable() })
	}
	if first < 0 {
		d.FailOpen = true
		d.only(c.own)
		d.Outcome = fmt.Sprintf("%s: the zone's own target %s is kept", d.tally(), d.Members[c.own].Target)
		return
	}
	d.only(first)
}

// serve marks the members that fit, and only them, and returns how many there are.
func (d *Decision) serve(fits func(Member) bool) int {
	n := 0
	for i := range d.Members {
		d.Members[i].Served = fits(d.Members[i])
		if d.Members[i].Served {
			n++
		}
	}
	return n
}

// only serves member first alone.
func (d *Decision) only(first int) {
	served := d.Members[first].Target
	for i := range d.Members {
		m := &d.Members[i]
		m.Served = i == first
		if !m.Served && m.State.Usable() {
			m.Reason = fmt.Sprintf("%s; standby while %s is served", m.Reason, served)
		}
	}
	d.Outcome = fmt.Sprintf("%s is served, %d of %d (%s)", served, first+1, len(d.Members), d.tally())
}

// tally counts: "2 of 3 up, 1 degraded", "none of 2 up".
func (d *Decision) tally() string {
	var n [len(stateNames)]int
	for _, m := range d.Members {
		n[m.State]++
	}
	up := "none"
	if n[Up] > 0 {
		up = fmt.Sprint(n[Up])
	}
	parts := []string{fmt.Sprintf("%s of %d up", up, len(d.Members))}
	for _, s := range []State{Degraded, Unknown, Drain, Maint} {
		if n[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[s], s))
		}
	}
	return strings.Join(parts, ", ")
}

// holds says whether a checked RRset of the group has addr.
func (g *group) holds(addr netip.Addr) bool {
	return slices.ContainsFunc(g.checked, func(c checked) bool {
		return slices.ContainsFunc(c.set.Data, func(d []byte) bool {
			return bytes.Equal(d, addr.AsSlice()) && c.set.Type != dns.TypeCNAME
		})
	})
}
