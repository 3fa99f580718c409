package providers

import (
	"maps"
	"slices"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// ALIAS records (zones.TypeALIAS) are never sent to a provider: their owners have the addresses of their targets, as A and AAAA
// records, in the served and in the loaded zone. What is approved with a push is the ALIAS record. Other addresses of an
// approved one are no edit and no verdict: they go and come by themselves, as withdrawals do, also where an RRset is
// created or goes with that (a family that comes or goes). Nothing follows an ALIAS that was edited and not pushed. In the state the
// approved record stands under its own key, as nothing that a provider holds ever does.
//
// Where the served zone still has the ALIAS record, addresses of that name may be missing in it because nobody knows them yet.
// What the provider has there stays.

// aliases are the ALIAS records of the zone that is planned.
type aliases struct {
	sets    map[zones.Name]zones.RRset // as the file has them, by owner
	pending map[zones.Name]bool        // of those, what the served zone still has: not all of their addresses are known
}

func aliasesOf(in Input) aliases {
	a := aliases{sets: in.Aliases}
	if in.Served == nil {
		return a
	}
	for owner := range in.Aliases {
		if _, ok := in.Served.RRset(owner, zones.TypeALIAS); ok {
			if a.pending == nil {
				a.pending = make(map[zones.Name]bool)
			}
			a.pending[owner] = true
		}
	}
	return a
}

// isAddress says whether an ALIAS record brings records of a type.
func isAddress(typ uint16) bool { return typ == dns.TypeA || typ == dns.TypeAAAA }

// noteAliases says which addresses are not known.
func (p *planner) noteAliases() {
	for _, owner := range slices.SortedFunc(maps.Keys(p.alias.pending), zones.Name.Compare) {
		for _, typ := range [...]uint16{dns.TypeA, dns.TypeAAAA} {
			k := Key{owner, typ}
			if _, known := p.served[k]; !known {
				p.note(k, "not known yet, since "+p.alias.sets[owner].Text(0)+" is not resolved; what the provider has there stays")
			}
		}
	}
}

// unknown says that nobody knows yet whether the zone has k.
func (p *planner) unknown(k Key) bool {
	_, served := p.served[k]
	return isAddress(k.Type) && !served && p.alias.pending[k.Name]
}

// follows says whether the addresses of k come from an ALIAS record that was approved as it is now.
func (p *planner) follows(k Key) bool {
	set, ok := p.alias.sets[k.Name]
	return ok && isAddress(k.Type) && p.state.Approved[Key{k.Name, zones.TypeALIAS}].Equal(set)
}

// approveAlias plans nothing for an ALIAS record itself: it becomes approved once its addresses are there, and is forgotten
// when the zone has it no more.
func (p *planner) approveAlias(k Key) {
	set, ok := p.alias.sets[k.Name]
	if !ok {
		p.plan.records[k] = settle{}
		return
	}
	st := settle{held: RRset{RRset: set}, approve: RRset{RRset: set}}
	for _, typ := range [...]uint16{dns.TypeA, dns.TypeAAAA} {
		address := Key{k.Name, typ}
		if _, served := p.served[address]; !served {
			continue
		}
		r, planned := p.plan.records[address]
		if !planned || slices.ContainsFunc(p.plan.changes, func(c Change) bool { return c.Name == k.Name && c.Type == typ }) {
			return
		}
		st.adopt = r.adopt
	}
	st.adopt = st.adopt && !p.alias.pending[k.Name]
	p.plan.records[k] = st
}

// aliasHealth plans what following an ALIAS record means for a whole RRset, one that comes or goes: true where that is all
// about k. approved says that k was put there by us.
func (p *planner) aliasHealth(k Key, held RRset, isHeld, approved bool) bool {
	if !p.follows(k) {
		return false
	}
	set, isServed := p.served[k]
	switch {
	case isServed && !isHeld && !approved:
		want, _, err := p.proj.held(set, nil)
		if err != nil || !p.free(k) || p.holdsCNAME(k.Name) {
			return true
		}
		p.followed(k, held, want)
	case !isServed && isHeld && approved && !p.unknown(k) && p.onlyOurs(k, held):
		p.followed(k, held, RRset{})
	default:
		return false
	}
	return true
}

// followed plans held -> want for k as a whole.
func (p *planner) followed(k Key, held, want RRset) {
	p.plan.records[k] = settle{held: want, approve: p.approve(k, want)}
	p.emit(Change{Name: k.Name, Type: k.Type, Old: held, New: want, Health: true}, p.lines(k, held, want))
}

func (p *planner) holdsCNAME(name zones.Name) bool {
	_, ok := p.held[Key{name, dns.TypeCNAME}]
	return ok
}

// onlyOurs says whether we have put every held value of k there.
func (p *planner) onlyOurs(k Key, held RRset) bool {
	applied, _ := p.state.applied(k)
	a, b := valuesOf(applied), valuesOf(p.state.Approved[k])
	return !slices.ContainsFunc(valuesOf(held).canon, func(v string) bool { return !a.has(v) && !b.has(v) })
}
