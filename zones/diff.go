package zones

import (
	"cmp"
	"slices"
)

// Change is what becomes of one RRset between two versions of a zone. Old is zero where
// the RRset is new, New is zero where it goes. Old and New are never both zero.
type Change struct {
	Name Name
	Type uint16
	Old  RRset
	New  RRset
}

// Diff returns what turns old into new, in canonical order of names, then by type. Either may be nil, meaning a zone
// without records. RRsets with the same records in another order are the same. Versions that share a base cost
// what differs between them, not their size; others one pass over both.
func Diff(old, new *Zone) []Change {
	var d differ
	switch {
	case old == nil && new == nil:
	case old == nil:
		d.all(new, d.added)
	case new == nil:
		d.all(old, d.removed)
	case old.origin != new.origin:
		d.all(old, d.removed)
		d.all(new, d.added)
		slices.SortStableFunc(d.out, func(a, b Change) int {
			return cmp.Or(a.Name.Compare(b.Name), cmp.Compare(a.Type, b.Type))
		})
	case &old.base[0] == &new.base[0]:
		d.overlays(old, new)
	default:
		d.merge(old, new)
	}
	return d.out
}

type differ struct{ out []Change }

func (d *differ) added(s RRset)   { d.out = append(d.out, Change{Name: s.Name, Type: s.Type, New: s}) }
func (d *differ) removed(s RRset) { d.out = append(d.out, Change{Name: s.Name, Type: s.Type, Old: s}) }

func (d *differ) all(z *Zone, put func(RRset)) {
	for s := range z.RRsets() {
		put(s)
	}
}

// merge compares zones that share nothing, node by node.
func (d *differ) merge(old, new *Zone) {
	a, b := old.walk(), new.walk()
	for more, less := a.next(), b.next(); more || less; {
		order := 0
		switch {
		case !more:
			order = 1
		case !less:
			order = -1
		default:
			order = compareNames(nodeName(a.node), nodeName(b.node))
		}
		switch {
		case order < 0:
			d.nodes(old, a.node, nil)
			more = a.next()
		case order > 0:
			d.nodes(new, nil, b.node)
			less = b.next()
		default:
			d.nodes(old, a.node, b.node)
			more, less = a.next(), b.next()
		}
	}
}

// overlays compares versions with one base: the names that either one's overlay has.
func (d *differ) overlays(old, new *Zone) {
	a, b := old.overEntries(), new.overEntries()
	shared := old.over != nil && new.over != nil && old.over.store == new.over.store
	for len(a) > 0 || len(b) > 0 {
		if shared && len(a) > 0 && len(b) > 0 && a[0] == b[0] {
			a, b = a[1:], b[1:] // one and the same node
			continue
		}
		var rel []byte
		switch order := compareEntries(old, new, a, b); {
		case order < 0:
			rel, a = old.entryName(a[0]), a[1:]
		case order > 0:
			rel, b = new.entryName(b[0]), b[1:]
		default:
			rel, a, b = old.entryName(a[0]), a[1:], b[1:]
		}
		h := hashName(old.hash, rel)
		d.nodes(old, old.nodeOrNil(h, rel), new.nodeOrNil(h, rel))
	}
}

// compareEntries orders the first entries of a and b; an empty list comes behind all.
func compareEntries(old, new *Zone, a, b []entry) int {
	switch {
	case len(a) == 0:
		return 1
	case len(b) == 0:
		return -1
	case a[0].at != b[0].at:
		return cmp.Compare(a[0].at, b[0].at)
	case a[0].replaces() && b[0].replaces():
		return 0
	case a[0].replaces():
		return 1
	case b[0].replaces():
		return -1
	}
	return compareNames(old.entryName(a[0]), new.entryName(b[0]))
}

func (z *Zone) overEntries() []entry {
	if z.over == nil {
		return nil
	}
	return z.over.order
}

func (z *Zone) entryName(e entry) []byte { return nodeName(nodeAt(z.over.arena, e.place())) }

func (z *Zone) nodeOrNil(h uint64, rel []byte) []byte {
	n := z.lookup(h, rel)
	if n == NoNode {
		return nil
	}
	return z.node(n)
}

// nodes compares two nodes of one name, RRset by RRset; nil is a name that does not exist. z has the name's origin.
func (d *differ) nodes(z *Zone, old, new []byte) {
	a, b := setsOf(old), setsOf(new)
	if old != nil && nodeSigned(old) || new != nil && nodeSigned(new) {
		d.signedNodes(z, old, new)
		return
	}
	for i, j := 0, 0; i < a.n || j < b.n; {
		var s, t set
		if i < a.n {
			s = nodeSet(old, a.heads, i)
		}
		if j < b.n {
			t = nodeSet(new, b.heads, j)
		}
		switch {
		case j == b.n || i < a.n && s.typ < t.typ:
			d.removed(s.rrset(z.nameOf(old)))
			i++
		case i == a.n || t.typ < s.typ:
			d.added(t.rrset(z.nameOf(new)))
			j++
		default:
			if string(s.wire()) != string(t.wire()) {
				name := z.nameOf(old)
				if x, y := s.rrset(name), t.rrset(name); !x.Equal(y) {
					d.out = append(d.out, Change{Name: name, Type: s.typ, Old: x, New: y})
				}
			}
			i, j = i+1, j+1
		}
	}
}

// signedNodes is nodes where there are signatures: they lie with what they cover, and are an RRset of their own here.
func (d *differ) signedNodes(z *Zone, old, new []byte) {
	if sameSets(old, new) {
		return
	}
	a, b := collectSets(z, old), collectSets(z, new)
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Type < b[0].Type:
			d.removed(a[0])
			a = a[1:]
		case len(a) == 0 || b[0].Type < a[0].Type:
			d.added(b[0])
			b = b[1:]
		default:
			if !a[0].Equal(b[0]) {
				d.out = append(d.out, Change{Name: a[0].Name, Type: a[0].Type, Old: a[0], New: b[0]})
			}
			a, b = a[1:], b[1:]
		}
	}
}

// sameSets says whether two nodes have the same octets of records and signatures.
func sameSets(old, new []byte) bool {
	a, b := setsOf(old), setsOf(new)
	if a.n != b.n {
		return false
	}
	for i := range a.n {
		s, t := nodeSet(old, a.heads, i), nodeSet(new, b.heads, i)
		x, y := s.wire(), t.wire()
		if s.typ != t.typ || len(x) != len(y) || string(x[:cap(x)]) != string(y[:cap(y)]) {
			return false
		}
	}
	return true
}

func collectSets(z *Zone, b []byte) (sets []RRset) {
	if b != nil {
		yieldSets(b, z.nameOf(b), func(s RRset) bool {
			sets = append(sets, s)
			return true
		})
	}
	return sets
}

type nodeShape struct{ n, heads int }

func setsOf(b []byte) nodeShape {
	if b == nil {
		return nodeShape{}
	}
	return nodeShape{nodeSets(b), nodeHeads(b)}
}
