package healthcheck

import (
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// ValidateRules returns every problem that rules have with the loaded zone: an error for a rule that cannot do what it
// says, a warning for one that does less than its owner may think. The order is that of the rules.
func ValidateRules(loaded *zones.Zone, rules []Rule) []zones.Problem {
	v := validator{zone: loaded, seen: make(map[rrsetID]bool), checked: make(map[zones.Name]*Rule)}
	for i := range rules {
		v.rule = &rules[i]
		v.validate()
	}
	v.pointers()
	return v.problems
}

type rrsetID struct {
	name zones.Name
	typ  uint16
}

type validator struct {
	zone     *zones.Zone
	rule     *Rule
	seen     map[rrsetID]bool
	checked  map[zones.Name]*Rule // names whose addresses come and go
	problems []zones.Problem
}

func (v *validator) report(s zones.Severity, format string, args ...any) {
	v.problems = append(v.problems, zones.Problem{Pos: v.rule.Pos, Severity: s,
		Text: fmt.Sprintf("health rule for %s: ", v.rule.Name.Relative(v.zone.Origin())) + fmt.Sprintf(format, args...)})
}

// validate looks at one rule.
func (v *validator) validate() {
	r := v.rule
	for _, c := range r.Checks {
		for _, err := range c.Validate() {
			v.report(zones.Error, "check %s: %v", c.Name, err)
		}
	}
	if len(r.Checks) == 0 {
		v.unchecked()
	}
	if !v.place() {
		return
	}
	sets := ruled(v.zone, r)
	if alias, ok := v.zone.RRset(r.Name, zones.TypeALIAS); ok && len(sets) == 0 {
		v.alias(alias)
		return
	}
	if slices.ContainsFunc(sets, func(s zones.RRset) bool { return isKept(v.zone, s.Name, s.Type) }) {
		v.report(zones.Warning, "the zone is signed: targets are checked, but no record is withdrawn or changed, since its signature would not cover what is left")
	}
	for _, t := range r.Types {
		switch {
		case !hasTargets(t):
			v.report(zones.Error, "type %s cannot be checked: only A, AAAA and CNAME point at a target", zones.TypeString(t))
		case !slices.ContainsFunc(sets, func(s zones.RRset) bool { return s.Type == t }):
			v.report(zones.Error, "the zone has no %s record there", zones.TypeString(t))
		}
	}
	if len(sets) == 0 && len(r.Types) == 0 {
		v.report(zones.Error, "there is no A, AAAA or CNAME record at that name: there is nothing to check")
	}
	for _, set := range sets {
		v.rrset(set)
	}
}

// unchecked looks at a rule without a check.
func (v *validator) unchecked() {
	if v.rule.Policy == Failover {
		v.report(zones.Warning, "failover without a check: the standby would never be served, so all records are; name a check")
		return
	}
	v.report(zones.Warning, "no check: the rule changes nothing")
}

// place says whether the rule's name is one that the zone answers for itself.
func (v *validator) place() bool {
	r, origin := v.rule, v.zone.Origin()
	if !r.Name.Within(origin) {
		v.report(zones.Error, "the name is not within %s", origin)
		return false
	}
	for n := r.Name; n != origin; n, _ = n.Parent() {
		if _, cut := v.zone.RRset(n, dns.TypeNS); cut {
			v.report(zones.Error, "%s is delegated: records there are glue, and others answer for them", n)
			return false
		}
	}
	if !v.zone.Exists(r.Name) {
		v.report(zones.Error, "the zone has no such name")
		return false
	}
	return true
}

// alias looks at a rule for the addresses that an ALIAS record brings. How many there are is known when it is resolved.
func (v *validator) alias(set zones.RRset) {
	r := v.rule
	types := r.Types
	if len(types) == 0 {
		types = []uint16{dns.TypeA, dns.TypeAAAA}
	}
	if len(r.Targets) > 0 {
		v.report(zones.Error, "targets are for a CNAME, and the name has an ALIAS record: the addresses that it leads to are the targets")
	}
	for _, typ := range types {
		id := rrsetID{set.Name, typ}
		switch {
		case typ != dns.TypeA && typ != dns.TypeAAAA:
			v.report(zones.Error, "an ALIAS record brings A and AAAA records, no %s", zones.TypeString(typ))
		case v.seen[id]:
			v.report(zones.Error, "%s has a rule already; the first counts", zones.TypeString(typ))
		default:
			v.seen[id], v.checked[set.Name] = true, r
		}
	}
	if len(r.Checks) > 0 {
		v.ttl(set)
	}
}

// rrset looks at what the rule means for one RRset.
func (v *validator) rrset(set zones.RRset) {
	r, typ := v.rule, zones.TypeString(set.Type)
	if id := (rrsetID{set.Name, set.Type}); v.seen[id] {
		v.report(zones.Error, "%s has a rule already; the first counts", typ)
		return
	} else {
		v.seen[id] = true
	}
	n := len(set.Data)
	switch {
	case set.Type == dns.TypeCNAME:
		n = v.cname(set)
	case len(r.Targets) > 0:
		v.report(zones.Error, "targets are for a CNAME, and the name has %s records: their addresses are the targets", typ)
	default:
		v.checked[set.Name] = r
	}
	if len(r.Checks) == 0 {
		return
	}
	switch floor := r.MinHealthy.Of(n); {
	case n == 1:
		v.report(zones.Warning, "%s has one target only: there is nothing to fail over to, and it is never left out", typ)
	case set.Type != dns.TypeCNAME && r.Policy == Failover && r.MinHealthy.Of(n) > 1:
		v.report(zones.Warning, "min_healthy %s has no meaning with failover: one usable target is enough", r.MinHealthy)
	case set.Type != dns.TypeCNAME && r.Policy != Failover && floor >= n:
		v.report(zones.Warning, "min_healthy %s of %d %s records: nothing is ever left out", r.MinHealthy, n, typ)
	}
	v.ttl(set)
}

// cname looks at a rule for a CNAME, and returns how many targets it has.
func (v *validator) cname(set zones.RRset) int {
	r := v.rule
	own, members, ok := named(r, set)
	if !ok {
		return len(set.Data)
	}
	if len(r.Targets) > 0 && !slices.Contains(r.Targets, members[own].target.Name) {
		v.report(zones.Warning, "targets do not name %s, which the zone points at: it is used after all of them", members[own].target)
	}
	if r.Policy != Failover && len(members) > 1 {
		v.report(zones.Error, "a CNAME points at one target at a time: targets need policy failover")
	}
	if slices.ContainsFunc(members, func(m member) bool { return m.target.Name == r.Name }) {
		v.report(zones.Error, "the name is among its own targets")
	}
	return len(members)
}

// ttl warns where resolvers keep a dead target longer than it takes to see that it is dead.
func (v *validator) ttl(set zones.RRset) {
	served := time.Duration(v.rule.TTL.cap(set.TTL)) * time.Second
	var detect time.Duration
	for _, c := range v.rule.Checks {
		detect = max(detect, Budget(c))
	}
	if served > max(detect, DefaultMaxTTL*time.Second) {
		v.report(zones.Warning, "%s keeps a TTL of %s, and a dead target is known after %s at most: resolvers would go on with it; lower ttl",
			zones.TypeString(set.Type), words(served), words(detect))
	}
}

// pointers warns of NS and MX records that point at addresses which come and go: a resolver that caches them as glue, or
// a mail server that finds one MX missing, does not do what the rule wants.
func (v *validator) pointers() {
	if len(v.checked) == 0 {
		return
	}
	skip := map[uint16]int{dns.TypeNS: 0, dns.TypeMX: 2} // octets before the name
	for set := range v.zone.RRsets() {
		off, points := skip[set.Type]
		if !points {
			continue
		}
		for _, data := range set.Data {
			if len(data) < off {
				continue
			}
			name, err := zones.NameFromWire(data[off:])
			if rule := v.checked[name]; err == nil && rule != nil {
				v.rule = rule
				v.report(zones.Warning, "the %s record of %s points at this name: its addresses come and go", zones.TypeString(set.Type), set.Name)
			}
		}
	}
}
