package zones

import (
	"encoding/binary"
	"iter"

	"github.com/miekg/dns"
)

// Zone is one zone's records. It is immutable and safe for any number of readers. doc.go says how it is laid out.
type Zone struct {
	origin  Name
	base    []byte   // index, marks, nodes in canonical order
	over    *overlay // what differs from base; nil in most zones
	neg     []byte   // the SOA records as they go into negative answers, their signatures behind them, within its capacity
	hash    uint64   // the origin's
	buckets uint32   // of the index
	first   uint32   // place of the apex in base
	end     uint32   // place behind the last node in base
	apex    Node
	nodes   uint32
	records uint32
	labels  uint8 // the origin's
	depth   uint8 // no name has more labels below the origin
	denial  Denial
	sum     *contentSum // the content hash of base; nil in small zones
}

// Node is a place in a zone's tree: a name that exists, if only as an empty non-terminal. It is
// meaningful for the Zone that returned it alone. NoNode is none.
type Node uint32

// NoNode means "there is no such node".
const NoNode = ^Node(0)

// inOverlay marks the nodes whose place is in the overlay.
const inOverlay = Node(1 << 31)

// node returns the arena from n on.
func (z *Zone) node(n Node) []byte {
	if n&inOverlay != 0 {
		return nodeAt(z.over.arena, uint32(n&^inOverlay))
	}
	return nodeAt(z.base, uint32(n))
}

// lookup returns the node of the name rel below the apex with hash h.
func (z *Zone) lookup(h uint64, rel []byte) Node {
	if len(rel) == 0 {
		return z.apex
	}
	if z.over != nil {
		if n, ok := z.over.lookup(h, rel); ok {
			return n
		}
	}
	if p, ok := search(z.base, int(z.buckets), z.base, h, rel); ok {
		return Node(p)
	}
	return NoNode
}

// lookupName returns the node of name; NoNode where it is not within the zone or not there.
func (z *Zone) lookupName(name Name) Node {
	if !name.Within(z.origin) {
		return NoNode
	}
	var buf [maxName]byte
	rel := buf[:copy(buf[:], name.relative(z.origin))]
	return z.lookup(hashName(z.hash, rel), rel)
}

// lookupWire returns the node of a name in wire form, in any case.
func (z *Zone) lookupWire(name []byte) Node {
	if !nameWithin(name, z.origin.wire) {
		return NoNode
	}
	var buf [maxName]byte
	rel := buf[:copy(buf[:], name[:len(name)-len(z.origin.wire)])]
	lower(rel)
	return z.lookup(hashName(z.hash, rel), rel)
}

// Origin returns the zone's apex.
func (z *Zone) Origin() Name { return z.origin }

// Records returns the number of records.
func (z *Zone) Records() int { return int(z.records) }

// Nodes returns the number of names, empty non-terminals included.
func (z *Zone) Nodes() int { return int(z.nodes) }

// Name returns the name of a node.
func (z *Zone) Name(n Node) Name { return z.nameOf(z.node(n)) }

func (z *Zone) nameOf(b []byte) Name {
	rel := nodeName(b)
	if len(rel) == 0 {
		return z.origin
	}
	var buf [maxName]byte
	end := copy(buf[:], rel)
	end += copy(buf[end:], z.origin.wire)
	return Name{string(buf[:end])}
}

// RRset returns the records of name and type; a zero RRset and false where there are none.
// The zone's own bytes are copied: the caller may keep the result.
func (z *Zone) RRset(name Name, typ uint16) (RRset, bool) {
	n := z.lookupName(name)
	if n == NoNode {
		return RRset{}, false
	}
	if typ == dns.TypeRRSIG {
		return nodeSignatures(z.node(n), name)
	}
	s, ok := nodeType(z.node(n), typ)
	if !ok {
		return RRset{}, false
	}
	return s.rrset(name), true
}

// rrset returns a copy of s.
func (s *set) rrset(name Name) RRset {
	wire := s.wire()
	out := RRset{Name: name, Type: s.typ, TTL: s.ttl(), Data: make([][]byte, 0, s.count)}
	out.Data = appendData(out.Data, make([]byte, 0, len(wire)-recordHead*int(s.count)), wire)
	return out
}

// appendData appends a copy of the RDATA of each record in wire, which room has room for.
func appendData(data [][]byte, room, wire []byte) [][]byte {
	for len(wire) > 0 {
		var d []byte
		d, wire = firstRecord(wire)
		from := len(room)
		room = append(room, d...)
		data = append(data, room[from:len(room):len(room)])
	}
	return data
}

// At iterates over the RRsets of one name, by ascending type.
func (z *Zone) At(name Name) iter.Seq[RRset] {
	return func(yield func(RRset) bool) {
		if n := z.lookupName(name); n != NoNode {
			yieldSets(z.node(n), name, yield)
		}
	}
}

// yieldSets yields the RRsets of a node, the signatures of all of them as one of their own.
func yieldSets(b []byte, name Name, yield func(RRset) bool) bool {
	heads, signed := nodeHeads(b), nodeSigned(b)
	for i := range nodeSets(b) {
		s := nodeSet(b, heads, i)
		if signed && s.typ >= dns.TypeRRSIG {
			signed = false
			if sigs, ok := nodeSignatures(b, name); ok && !yield(sigs) {
				return false
			}
		}
		if s.typ != dns.TypeRRSIG && !yield(s.rrset(name)) {
			return false
		}
	}
	if signed {
		if sigs, ok := nodeSignatures(b, name); ok {
			return yield(sigs)
		}
	}
	return true
}

// Exists says whether name is in the zone, if only as an empty non-terminal (RFC 8020).
func (z *Zone) Exists(name Name) bool { return z.lookupName(name) != NoNode }

// RRsets iterates over all RRsets in canonical order of names (RFC 4034 6.1), then ascending type.
func (z *Zone) RRsets() iter.Seq[RRset] {
	return func(yield func(RRset) bool) {
		for w := z.walk(); w.next(); {
			if nodeSets(w.node) > 0 && !yieldSets(w.node, z.nameOf(w.node), yield) {
				return
			}
		}
	}
}

// SOA returns the apex SOA; false where the zone has none.
func (z *Zone) SOA() (RRset, bool) { return z.RRset(z.origin, dns.TypeSOA) }

// Serial returns the SOA's serial; 0 without a SOA.
func (z *Zone) Serial() uint32 {
	if s, ok := nodeType(z.node(z.apex), dns.TypeSOA); ok {
		if n := soaNumbers(s.rdata(0)); n != nil {
			return binary.BigEndian.Uint32(n)
		}
	}
	return 0
}

// soaNumbers returns the part of a SOA's RDATA behind the names, in place: serial, refresh, retry, expire, minimum,
// 32 bits each; nil where the RDATA is too short to be a SOA's.
func soaNumbers(rdata []byte) []byte {
	if len(rdata) < 22 {
		return nil
	}
	return rdata[len(rdata)-20:]
}

// negativeSOA returns the SOA records of the apex node as they go into negative answers: their TTL is the lower of
// their own and MINIMUM (RFC 2308 3); their signatures stand behind them, within the capacity. They are the node's
// own octets where that changes nothing.
func negativeSOA(apex []byte) []byte {
	s, ok := nodeType(apex, dns.TypeSOA)
	if !ok {
		return nil
	}
	wire := s.wire()
	n := soaNumbers(s.rdata(0))
	if n == nil || binary.BigEndian.Uint32(n[16:]) >= s.ttl() {
		return wire
	}
	out := make([]byte, cap(wire))
	copy(out, wire[:cap(wire)])
	for rest := out; len(rest) > 0; {
		copy(rest[6:10], n[16:])
		_, rest = firstRecord(rest)
	}
	return out[:len(wire)]
}
