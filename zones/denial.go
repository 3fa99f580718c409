package zones

import (
	"iter"
	"sort"

	"github.com/miekg/dns"
)

// Denial returns with what the zone proves that something does not exist.
func (z *Zone) Denial() Denial { return z.denial }

// apexDenial is what decides how a zone proves denial.
type apexDenial struct {
	signed bool                  // the apex has signatures, of whatever
	nsec   bool                  // and an NSEC record
	params iter.Seq[[]byte]      // the RDATA of its NSEC3PARAM records
	hashed func(hashParams) bool // the name that the apex has as a hash has an NSEC3 record made so
}

// choose returns with what the zone proves denial. NSEC3PARAM says that a chain of NSEC3 records is whole, whatever else there is
// (RFC 5155 10.4, 10.5: while a zone is signed anew, NSEC records come and go beside it). It speaks to servers alone (4), so
// that its own signature does not matter; nor does that of an NSEC record: without it that record proves nothing, and the others do. Of several
// chains the first one that is there counts (7.3).
func (a apexDenial) choose() (Denial, hashParams) {
	if !a.signed {
		return Unsigned, hashParams{}
	}
	for rdata := range a.params {
		if p, ok := parseParams(rdata); ok && a.hashed(p) {
			return NSEC3, p
		}
	}
	if a.nsec {
		return NSEC, hashParams{}
	}
	return Unsigned, hashParams{}
}

// denialOf returns what the zone proves denial with, by its records.
func (z *Zone) denialOf() (Denial, hashParams) {
	return z.denialBy(func(rel []byte) []byte {
		if n := z.lookup(hashName(z.hash, rel), rel); n != NoNode {
			return z.node(n)
		}
		return nil
	})
}

// denialBy is denialOf with a function that returns the node of a name, nil where there is none.
func (z *Zone) denialBy(find func(rel []byte) []byte) (Denial, hashParams) {
	b := z.node(z.apex)
	a := apexDenial{signed: nodeSigned(b), nsec: hasSet(b, dns.TypeNSEC), params: func(func([]byte) bool) {}}
	if s, ok := nodeType(b, dns.TypeNSEC3PARAM); ok {
		a.params = s.each
	}
	a.hashed = func(p hashParams) bool {
		h := p.hash(nil, z.origin.wire)
		owner := find(h[:])
		return owner != nil && p.ofNode(owner)
	}
	return a.choose()
}

// decidesDenial says whether a change may be one of how the zone proves denial.
func (z *Zone) decidesDenial(c Change) bool {
	return c.Type == dns.TypeNSEC3 || c.Name == z.origin && (c.Type == dns.TypeNSEC || c.Type == dns.TypeNSEC3PARAM || c.Type == dns.TypeRRSIG)
}

// Below returns the name of a node less that of the apex: wire form, lower case, without a root label; empty at the apex.
// It points into the zone.
func (z *Zone) Below(n Node) []byte { return nodeName(z.node(n)) }

// Covering returns the node whose NSEC record matches or covers the suffix of labels labels of k or, with wild, "*" below
// it: the last node with such a record that is this name or comes before it in canonical order. k must be within
// the zone, whose Denial must be NSEC. NoNode where the zone lacks such a record. It allocates nothing.
func (z *Zone) Covering(k *Key, labels int, wild bool) Node {
	var buf [maxName + 2]byte
	rel := k.wire[k.off[labels&127]:k.off[z.labels&127]]
	if wild {
		buf[0], buf[1] = 1, '*'
		rel = buf[:2+copy(buf[2:], rel)]
	}
	var key nameKey
	key.set(rel)
	c := z.chain()
	i := z.before(c, &key)
	if z.over == nil {
		if i < 0 {
			return NoNode
		}
		return Node(c.owner(i))
	}
	return z.later(z.ownerFrom(c, i), z.overlayBefore(rel))
}

// CoveringWildcard is Covering of "*" below n, the suffix of labels labels of k, where there is no such name.
func (z *Zone) CoveringWildcard(k *Key, n Node, labels int) Node {
	if s, ok := nodeType(z.node(n), dns.TypeNSEC); ok && passesWildcard(s.rdata(0), labels) {
		return n
	}
	return z.Covering(k, labels, true)
}

// passesWildcard says that next, the next name of the NSEC record of a name with so many labels, certainly comes behind "*" below that.
// Nearly always it does: few labels sort before the asterisk.
func passesWildcard(next []byte, labels int) bool {
	below := -labels
	for at := 0; at < len(next) && next[at] != 0; at += int(next[at]) + 1 {
		below++
	}
	if below <= 0 {
		return true // it is not below the name at all, but behind everything that is
	}
	at := 0
	for ; below > 1; below-- {
		at += int(next[at]) + 1
	}
	// It comes behind by this label if it is below the name, and else in any case.
	return next[at+1] > '*'
}

// ownerFrom returns the node of the last owner of the chain, from number i backwards, that still has its record.
func (z *Zone) ownerFrom(c chain, i int) Node {
	for ; i >= 0; i-- {
		if n := z.current(Node(c.owner(i))); n != NoNode && z.hasDenial(n) {
			return n
		}
	}
	return NoNode
}

// overlayBefore returns the last node of the overlay with a record that denies which is rel or comes before it.
func (z *Zone) overlayBefore(rel []byte) Node {
	o := z.over
	i := sort.Search(len(o.order), func(i int) bool { return compareNames(z.entryName(o.order[i]), rel) > 0 })
	for i--; i >= 0; i-- {
		n := inOverlay | Node(o.order[i].place())
		if z.node(n)[0]&flagGone == 0 && z.hasDenial(n) {
			return n
		}
	}
	return NoNode
}

// later returns which of two nodes comes later in canonical order; either may be NoNode.
func (z *Zone) later(a, b Node) Node {
	switch {
	case a == NoNode:
		return b
	case b == NoNode || compareNames(nodeName(z.node(a)), nodeName(z.node(b))) >= 0:
		return a
	}
	return b
}

// hasDenial says whether a node has a record of the chain.
func (z *Zone) hasDenial(n Node) bool {
	b := z.node(n)
	if z.denial == NSEC3 {
		return isHashLabel(nodeName(b)) && z.hashParams().ofNode(b)
	}
	_, ok := nodeType(b, dns.TypeNSEC)
	return ok
}

// Apex returns the node of the zone's apex.
func (z *Zone) Apex() Node { return z.apex }
