package zones

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/miekg/dns"
)

// refZone is what a zone means, written as plainly as it can be: maps and slices, everything computed when it is
// asked for. The tests hold Zone against it.
type refZone struct {
	origin Name
	sets   map[Name][]RRset // by ascending type; empty non-terminals have none
	sorted []Name           // the names in canonical order, once asked for
}

func newRef(origin Name) *refZone {
	return &refZone{origin: origin, sets: map[Name][]RRset{origin: nil}}
}

// add is what Builder.Add does.
func (r *refZone) add(name Name, typ uint16, ttl uint32, rdata []byte) (added, sameTTL bool) {
	r.sorted = nil
	for n := name; n != r.origin; n, _ = n.Parent() {
		if _, ok := r.sets[n]; !ok {
			r.sets[n] = nil
		}
	}
	sets := r.sets[name]
	i, ok := slices.BinarySearchFunc(sets, typ, func(s RRset, t uint16) int { return cmp.Compare(s.Type, t) })
	if !ok {
		r.sets[name] = slices.Insert(sets, i, RRset{name, typ, ttl, [][]byte{rdata}})
		return true, true
	}
	s := &sets[i]
	if slices.ContainsFunc(s.Data, func(d []byte) bool { return bytes.Equal(d, rdata) }) {
		return false, s.TTL == ttl
	}
	s.Data = append(slices.Clip(s.Data), rdata)
	return true, s.TTL == ttl
}

// names returns all names in canonical order.
func (r *refZone) names() []Name {
	if r.sorted == nil {
		labels := make(map[Name][]string)
		for n := range r.sets {
			r.sorted = append(r.sorted, n)
			labels[n] = refLabels(n)
		}
		slices.SortFunc(r.sorted, func(a, b Name) int { return slices.Compare(labels[a], labels[b]) })
	}
	return r.sorted
}

// rrsets returns everything in canonical order.
func (r *refZone) rrsets() []RRset {
	var out []RRset
	for _, n := range r.names() {
		out = append(out, r.sets[n]...)
	}
	return out
}

func (r *refZone) rrset(name Name, typ uint16) (RRset, bool) {
	for _, s := range r.sets[name] {
		if s.Type == typ {
			return s, true
		}
	}
	return RRset{}, false
}

func (r *refZone) exists(name Name) bool { _, ok := r.sets[name]; return ok }

// refFound is Found with names for nodes.
type refFound struct {
	name  Name
	exact bool
	kind  Kind
	cover Name
}

func (r *refZone) find(name Name) refFound {
	var path []Name // from the apex down
	for n := name; ; n, _ = n.Parent() {
		path = append([]Name{n}, path...)
		if n == r.origin {
			break
		}
	}
	var f refFound
	for _, n := range path {
		if !r.exists(n) {
			break
		}
		f.name, f.exact = n, n == name
		if f.kind != KindNone {
			continue
		}
		if _, ok := r.rrset(n, dns.TypeNS); ok && n != r.origin {
			f.kind, f.cover = KindCut, n
		} else if _, ok := r.rrset(n, dns.TypeDNAME); ok && n != name {
			f.kind, f.cover = KindDNAME, n
		}
	}
	return f
}

// target returns the name that a record points at, the zero Name where it is none of the zone.
func (r *refZone) target(s RRset, i int) Name {
	d := s.Data[i]
	skip := map[uint16]int{
		dns.TypeNS: 0, dns.TypeCNAME: 0, dns.TypeDNAME: 0, dns.TypePTR: 0, dns.TypeMX: 2, dns.TypeKX: 2,
		dns.TypeAFSDB: 2, dns.TypeRT: 2, dns.TypeSVCB: 2, dns.TypeHTTPS: 2, dns.TypeSRV: 6,
	}
	n, ok := skip[s.Type]
	if !ok || len(d) < n {
		return Name{}
	}
	for end := n + 1; end <= len(d); end++ {
		if name, err := NameFromWire(d[n:end]); err == nil {
			if r.exists(name) {
				return name
			}
			break
		}
	}
	return Name{}
}

// with is what Zone.With does.
func (r *refZone) with(changes []Change) *refZone {
	next := newRef(r.origin)
	last := make(map[Name]map[uint16]RRset)
	for _, c := range changes {
		if last[c.Name] == nil {
			last[c.Name] = make(map[uint16]RRset)
		}
		last[c.Name][c.Type] = c.New
	}
	for _, s := range r.rrsets() {
		if _, ok := last[s.Name][s.Type]; !ok {
			for _, d := range s.Data {
				next.add(s.Name, s.Type, s.TTL, d)
			}
		}
	}
	for name, types := range last {
		for typ, s := range types {
			for _, d := range s.Data {
				next.add(name, typ, s.TTL, d)
			}
		}
	}
	return next
}

// refDiff is what Diff does.
func refDiff(old, new *refZone) []Change {
	var out []Change
	for _, s := range old.rrsets() {
		if n, _ := new.rrset(s.Name, s.Type); !s.Equal(n) {
			out = append(out, Change{s.Name, s.Type, s, n})
		}
	}
	for _, s := range new.rrsets() {
		if _, ok := old.rrset(s.Name, s.Type); !ok {
			out = append(out, Change{s.Name, s.Type, RRset{}, s})
		}
	}
	slices.SortStableFunc(out, func(a, b Change) int {
		return cmp.Or(refCompare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
	})
	return out
}

// refCompare orders names canonically.
func refCompare(a, b Name) int { return slices.Compare(refLabels(a), refLabels(b)) }

// refLabels returns the labels of a name from the right.
func refLabels(n Name) []string {
	var labels []string
	for !n.IsZero() && n != Root {
		labels = append(labels, n.Label())
		n, _ = n.Parent()
	}
	slices.Reverse(labels)
	return labels
}
