package zones

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// Kind says what stands above a name that takes the answer away from it.
type Kind uint8

const (
	// KindNone: nothing; the name is authoritative data of the zone, or does not exist.
	KindNone Kind = iota
	// KindCut: the name is at or below a delegation (RFC 1034 4.2.1).
	KindCut
	// KindDNAME: the name is below a DNAME (RFC 6672); the owner itself is not.
	KindDNAME
)

// Found is the place of a key in a zone.
type Found struct {
	Node   Node // the name's own node where Exact, else its closest encloser (RFC 4592 3.3.1); never NoNode
	Labels int  // how many labels Node's name has
	Exact  bool
	// Cover is the highest delegation at or above the name, or DNAME above it, whichever comes first on the way
	// down from the apex (RFC 1034 4.3.2 steps 3b, 3c); NoNode where Kind is KindNone.
	Kind        Kind
	Cover       Node
	CoverLabels int
}

// Find looks for k in the zone. k must be within the zone. It allocates nothing.
func (z *Zone) Find(k *Key) Found {
	f := Found{Cover: NoNode}
	f.Node, f.Labels = z.enclosing(k)
	f.Exact = f.Labels == k.labels
	if z.over != nil && z.over.covers {
		z.findCover(k, &f)
		return f
	}
	b := z.node(f.Node)
	if cover := int(b[1]); cover != 0 {
		f.CoverLabels = int(z.labels) + cover - 1
		f.Cover = f.Node
		if f.CoverLabels != f.Labels {
			f.Cover = z.lookupKey(k, f.CoverLabels)
		}
		f.Kind = KindDNAME
		if z.node(f.Cover)[0]&flagCut != 0 {
			f.Kind = KindCut
		}
	} else if b[0]&flagDNAME != 0 && !f.Exact {
		f.Kind, f.Cover, f.CoverLabels = KindDNAME, f.Node, f.Labels
	}
	return f
}

// enclosing returns the node of the longest suffix of k that exists, and its labels. Where a name exists
// all of its ancestors do, so that the border is found by halving, not by walking: a name of a hundred labels
// costs seven probes, not a hundred.
func (z *Zone) enclosing(k *Key) (Node, int) {
	found, low := z.apex, int(z.labels)
	if k.labels == low {
		return found, low
	}
	high := low + int(z.depth) + 1 // no name with so many labels exists
	if k.labels < high {
		if mid := (low + k.labels) / 2; mid > low {
			prefetchLine(&z.base[bucketOf(k.hash[mid&127], int(z.buckets))*bucketSize]) // the next probe, where this one fails
		}
		if n := z.lookupKey(k, k.labels); n != NoNode {
			return n, k.labels
		}
		high = k.labels
	}
	for high-low > 1 {
		mid := (low + high) / 2
		if n := z.lookupKey(k, mid); n != NoNode {
			found, low = n, mid
		} else {
			high = mid
		}
	}
	return found, low
}

// lookupKey returns the node of the suffix of labels labels.
func (z *Zone) lookupKey(k *Key, labels int) Node {
	return z.lookup(k.hash[labels&127], k.wire[k.off[labels&127]:k.off[z.labels&127]])
}

// findCover finds f.Cover on the way down from the apex: for overlays that have changed what nodes of the base say.
func (z *Zone) findCover(k *Key, f *Found) {
	for l := int(z.labels); l <= f.Labels; l++ {
		n := z.apex
		switch l {
		case f.Labels:
			n = f.Node
		case int(z.labels):
		default:
			n = z.lookupKey(k, l)
		}
		flags := z.node(n)[0]
		switch {
		case flags&flagCut != 0:
			f.Kind = KindCut
		case flags&flagDNAME != 0 && l < k.labels:
			f.Kind = KindDNAME
		default:
			continue
		}
		f.Cover, f.CoverLabels = n, l
		return
	}
}

// Wildcard returns the node of "*" below n; NoNode where there is none.
func (z *Zone) Wildcard(n Node) Node {
	b := z.node(n)
	if b[0]&flagWild == 0 {
		return NoNode
	}
	if z.over == nil {
		return Node(nodeWild(b))
	}
	var buf [maxName]byte
	buf[0], buf[1] = 1, '*'
	rel := nodeName(b)
	return z.lookup(hashLabel(hashName(z.hash, rel), "*", 1), buf[:2+copy(buf[2:], rel)])
}

// Set is one RRset as it goes out. It points into the zone: valid as long as the zone is held, never to be modified.
type Set struct {
	Type       uint16
	Signatures uint16 // how many RRSIG records cover the set; see Signed
	TTL        uint32
	Count      int
	// Wire is Count records, each: a pointer to offset 12 of the message (0xc00c: the question's name), type,
	// class IN, TTL, RDLENGTH, RDATA with names uncompressed in the case they were written in.
	Wire []byte
}

func (s *set) out() Set {
	out := Set{Type: s.typ, Count: int(s.count), TTL: s.ttl(), Wire: s.wire()}
	if s.sigs != 0 {
		out.Signatures = s.signatures()
	}
	return out
}

// outSet is nodeSet and out in one step for sets that are nothing but records and their signatures, which most are.
func outSet(b []byte, heads, i int) Set {
	h := b[heads+i*setHead:][:setHead]
	tail := binary.LittleEndian.Uint32(h[4:])
	flags, end := tail>>24, tail&0xffffff
	if flags&^setSigned != 0 {
		s := nodeSet(b, heads, i)
		return s.out()
	}
	from := heads + nodeSets(b)*setHead
	if i > 0 {
		from = int(binary.LittleEndian.Uint32(b[heads+i*setHead-4:]) & 0xffffff)
	}
	wire, signatures := b[from:end:end], uint32(0)
	if flags != 0 {
		signatures = binary.LittleEndian.Uint32(wire)
		wire = wire[sigHead : len(wire)-int(signatures>>8)]
		if signatures &= 0xff; signatures == 0xff {
			signatures = uint32(countRecords(wire[len(wire):cap(wire)]))
		}
	}
	return Set{
		Type:       binary.LittleEndian.Uint16(h),
		Signatures: uint16(signatures),
		TTL:        binary.BigEndian.Uint32(wire[6:]),
		Count:      int(binary.LittleEndian.Uint16(h[2:])),
		Wire:       wire,
	}
}

// Set returns the RRset of a type at node n.
func (z *Zone) Set(n Node, typ uint16) (Set, bool) {
	b := z.node(n)
	heads := nodeHeads(b)
	for i := range nodeSets(b) {
		if t := binary.LittleEndian.Uint16(b[heads+i*setHead:]); t >= typ {
			if t == typ {
				return outSet(b, heads, i), true
			}
			break
		}
	}
	return Set{}, false
}

// Sets returns RRset number i of node n, by ascending type; false behind the last.
func (z *Zone) Sets(n Node, i int) (Set, bool) {
	b := z.node(n)
	if i >= nodeSets(b) {
		return Set{}, false
	}
	return outSet(b, nodeHeads(b), i), true
}

// Target returns the node in this zone of the name that record i of the set of type typ at n points at (NS, MX,
// SRV, CNAME …: the target of the RDATA), resolved when the zone was made; NoNode where the target is outside
// the zone or does not exist in it.
func (z *Zone) Target(n Node, typ uint16, i int) Node {
	s, ok := nodeType(z.node(n), typ)
	if !ok || i >= int(s.count) {
		return NoNode
	}
	if !keepsTargets(typ) {
		return z.lookupWire(targetName(typ, s.rdata(i)))
	}
	switch p := s.target(i); {
	case p == targetOutside:
		return NoNode
	case p != targetByName:
		return z.current(Node(p))
	case z.over == nil:
		return NoNode
	}
	return z.lookupWire(targetName(typ, s.rdata(i)))
}

// current returns what a node of the base has become in the overlay; NoNode where it went.
func (z *Zone) current(n Node) Node {
	if z.over == nil {
		return n
	}
	rel := nodeName(z.node(n))
	return z.lookup(hashName(z.hash, rel), rel)
}

// NegativeSOA returns the SOA as it goes into negative answers, its TTL the lower of its own and MINIMUM (RFC 2308 3),
// with the owner as a pointer to offset 12: the caller puts the right owner there. Its signatures have the same TTL.
func (z *Zone) NegativeSOA() (Set, bool) {
	if len(z.neg) == 0 {
		return Set{}, false
	}
	s := Set{Type: dns.TypeSOA, TTL: binary.BigEndian.Uint32(z.neg[6:]), Wire: z.neg}
	for rest := z.neg; len(rest) > 0; s.Count++ {
		_, rest = firstRecord(rest)
	}
	if cap(z.neg) > len(z.neg) {
		s.Signatures = countRecords(z.neg[len(z.neg):cap(z.neg)])
	}
	return s, true
}
