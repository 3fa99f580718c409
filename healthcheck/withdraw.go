package healthcheck

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// Withdraw returns what to change in the loaded zone when the targets are in the states that state tells, and the
// decision for each checked RRset, with the reason for each record left out.
//
// It never empties an RRset: below the rule's floor all records stay, in zone order. It never adds a record, but for the
// named targets of a CNAME. In a zone that comes signed it changes nothing, and elsewhere no RRset with signatures: what is
// left would not be what was signed. It is pure: the same zone, rules and states give the same changes, and loaded is not
// modified. It costs what the checked RRsets cost, not the zone. Who calls it for each flip keeps an Overlay instead.
func Withdraw(loaded *zones.Zone, rules []Rule, state func(Key) Verdict) ([]zones.Change, []Decision) {
	return NewOverlay(loaded, rules).Withdraw(state)
}

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
		if g.kept[c.set.Type] {
			c.keep(&d)
		}
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
		if g.kept[set.Type] {
			if c.New.TTL = set.TTL; !c.New.Equal(c.Old) {
				d.Signed, d.Outcome = true, "hints do not follow the addresses: the zone is signed"
			}
			c.New, d.TTL = c.Old, set.TTL
		}
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
	// Signed says that something would be left out or changed, and is not, because signatures would not cover what is left.
	Signed bool
	TTL    uint32 // as served
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

// notWithdrawn is why a signed RRset stays as it is.
const notWithdrawn = "not withdrawn: the zone is signed"

// keep makes d one that leaves the RRset as it is loaded, and says so where it would be another.
func (c *checked) keep(d *Decision) {
	for i := range d.Members {
		m := &d.Members[i]
		loaded := c.set.Type != dns.TypeCNAME || i == c.own
		if m.Served == loaded {
			continue
		}
		d.Signed, m.Served = true, loaded
		if loaded {
			m.Reason += "; " + notWithdrawn
		} else {
			m.Reason += "; cannot be served: the zone is signed"
		}
	}
	if d.Signed {
		d.Outcome = d.tally() + ": " + notWithdrawn
	}
	d.TTL = c.set.TTL
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
