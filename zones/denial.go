package zones

import (
	"sort"

	"github.com/miekg/dns"
)

// Denial returns with what the zone proves that something does not exist.
func (z *Zone) Denial() Denial { return z.denial }

// denialOf returns what a zone whose apex is node b proves denial with.
func denialOf(b []byte) (Denial, hashParams) {
	if s, ok := nodeType(b, dns.TypeNSEC); ok && s.sigs != 0 {
		return NSEC, hashParams{}
	}
	if s, ok := nodeType(b, dns.TypeNSEC3PARAM); ok && s.sigs != 0 {
		for wire := s.wire(); len(wire) > 0; {
			var rdata []byte
			rdata, wire = firstRecord(wire)
			if p, ok := parseParams(rdata); ok {
				return NSEC3, p
			}
		}
	}
	return Unsigned, hashParams{}
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
		s, ok := nodeType(b, dns.TypeNSEC3)
		return ok && len(nodeName(b)) == hashLabel32+1 && b[nodeHead] == hashLabel32 && z.hashParams().of(s.rdata(0))
	}
	_, ok := nodeType(b, dns.TypeNSEC)
	return ok
}

// Apex returns the node of the zone's apex.
func (z *Zone) Apex() Node { return z.apex }
