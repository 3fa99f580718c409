package alias

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// found is what our own zones say of a target.
type found struct {
	own    bool
	v4, v6 outcome
	asks   zones.Name // where own is false: for what resolvers are to be asked
}

// find looks a target up in the zones of cat. owners are the targets of all ALIAS records.
func find(cat *zones.Catalog, owners map[zones.Name]zones.Name, target zones.Name) found {
	if cat == nil || cat.Len() == 0 {
		return found{asks: target}
	}
	w := walker{cat: cat, owners: owners, target: target}
	return w.find()
}

// walker follows a target through our own zones.
type walker struct {
	cat    *zones.Catalog
	owners map[zones.Name]zones.Name
	target zones.Name
	key    zones.Key
}

// place is the node that answers for a name: its own, or a wildcard's. own is false where somebody else answers for it;
// without a node the name does not exist.
func (w *walker) place(name zones.Name) (z *zones.Zone, node zones.Node, own bool) {
	w.key.Set(name)
	if z = w.cat.Find(&w.key, w.key.Labels()); z == nil {
		return nil, zones.NoNode, false
	}
	f := z.Find(&w.key)
	switch {
	case f.Kind != zones.KindNone:
		return nil, zones.NoNode, false
	case f.Exact:
		return z, f.Node, true
	}
	return z, z.Wildcard(f.Node), true
}

func (w *walker) find() found {
	name := w.target
	for range maxChain {
		z, node, own := w.place(name)
		switch {
		case !own:
			return found{asks: name}
		case node == zones.NoNode:
			return w.missing("%s does not exist in our zone %s", name, z.Origin())
		}
		if cname, ok := z.Set(node, dns.TypeCNAME); ok {
			next, err := targetOf(cname)
			if err != nil {
				return w.missing("CNAME of %s: %v", name, err)
			}
			name = next
			continue
		}
		if err := w.ring(); err != nil {
			return found{own: true, v4: outcome{err: err}, v6: outcome{err: err}}
		}
		_, pending := z.Set(node, zones.TypeALIAS)
		out := found{own: true, v4: addresses(z, node, dns.TypeA), v6: addresses(z, node, dns.TypeAAAA)}
		for _, o := range [...]*outcome{&out.v4, &out.v6} {
			switch {
			case len(o.Addrs) > 0:
			case pending:
				o.err = fmt.Errorf("%s is an ALIAS itself, and not resolved yet", name)
			default:
				o.None = fmt.Sprintf("%s has no addresses in our zone %s", name, z.Origin())
			}
		}
		return out
	}
	return w.missing("%s leads through more than %d CNAMEs in our zones", w.target, maxChain)
}

func (w *walker) missing(format string, args ...any) found {
	none := outcome{Reply: Reply{None: fmt.Sprintf(format, args...)}}
	return found{own: true, v4: none, v6: none}
}

// errRing: ALIAS records lead back to where they came from.
var errRing = errors.New("its ALIAS records lead back to it")

// ring follows the target through ALIAS and CNAME records of our zones, and returns an error where that never ends. Addresses
// don't tell: in a ring, each record has those that the others had.
func (w *walker) ring() error {
	seen := make(map[zones.Name]bool)
	for name := w.target; !seen[name]; {
		seen[name] = true
		z, node, own := w.place(name)
		if !own || node == zones.NoNode {
			return nil
		}
		if next, ok := w.owners[z.Name(node)]; ok {
			name = next
			continue
		}
		cname, ok := z.Set(node, dns.TypeCNAME)
		if !ok {
			return nil
		}
		next, err := targetOf(cname)
		if err != nil {
			return nil
		}
		name = next
	}
	return fmt.Errorf("%s: %w", w.target, errRing)
}

// recordHead is what stands before the data of a record in a zones.Set.
const recordHead = 12

func targetOf(s zones.Set) (zones.Name, error) { return zones.NameFromWire(s.Wire[recordHead:]) }

// addresses returns the addresses at a node.
func addresses(z *zones.Zone, node zones.Node, typ uint16) (o outcome) {
	s, ok := z.Set(node, typ)
	if !ok {
		return o
	}
	size := len(s.Wire) / s.Count
	for i := range s.Count {
		if a, ok := netip.AddrFromSlice(s.Wire[i*size+recordHead : (i+1)*size]); ok {
			o.Addrs = append(o.Addrs, a)
		}
	}
	return o
}
