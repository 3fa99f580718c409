package healthcheck

import (
	"net"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// Targets returns what must be probed for rules: the targets that the loaded zone's records point at. Never hand it the
// served zone: a withdrawn record would not be probed any more, and could not return. Each key occurs once.
func Targets(loaded *zones.Zone, rules []Rule) []Watch { return NewOverlay(loaded, rules).Watches() }

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
	hints   []zones.RRset   // HTTPS and SVCB at the name with the address of a checked record in them
	kept    map[uint16]bool // types of RRsets here that stay as they are (isKept)
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
				o.groups = append(o.groups, group{kept: keptTypes(loaded, set.Name)})
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

// hasTargets says whether records of a type point at something that can be checked.
func hasTargets(typ uint16) bool {
	return typ == dns.TypeA || typ == dns.TypeAAAA || typ == dns.TypeCNAME
}

// ruled returns the RRsets of loaded that rule is for.
func ruled(loaded *zones.Zone, rule *Rule) []zones.RRset {
	types := rule.Types
	if len(types) == 0 {
		types = []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME}
	}
	var sets []zones.RRset
	for _, t := range types {
		if set, ok := loaded.RRset(rule.Name, t); ok && hasTargets(t) {
			sets = append(sets, set)
		}
	}
	return sets
}

// isKept says whether the RRset of a type at name must stay as it is: its records are signed, or the zone comes signed. Any
// change of such a zone needs another serial, which the signature of its SOA record would not cover.
func isKept(loaded *zones.Zone, name zones.Name, typ uint16) bool {
	return loaded.Signed() || loaded.HasSignatures(name, typ)
}

// keptTypes returns the types at name that must stay as they are; nil at most names.
func keptTypes(loaded *zones.Zone, name zones.Name) map[uint16]bool {
	var out map[uint16]bool
	for set := range loaded.At(name) {
		if isKept(loaded, name, set.Type) {
			if out == nil {
				out = make(map[uint16]bool)
			}
			out[set.Type] = true
		}
	}
	return out
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
