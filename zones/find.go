package zones

import "github.com/miekg/dns"

// Key is a name prepared for look-ups: lower case, with the offset and the hash of the suffix at each
// label, so that finding the zone, the node, its closest encloser, its wildcard and its cut costs one pass over the
// octets. It holds no pointers and is meant to be reused.
type Key struct {
	n      int         // octets of the name, the root label included
	labels int         // labels, the root's not counted
	off    [128]uint8  // off[i]: where the suffix of i labels starts
	hash   [128]uint64 // hash[i]: hash of the suffix of i labels
	wire   [256]byte   // lower case
}

// Parse reads the uncompressed name at off in msg, in any case, and returns where it ends. It refuses
// compression pointers, other label types, names over 255 octets and names that end within a label.
func (k *Key) Parse(msg []byte, off int) (end int, ok bool) {
	start := off
	k.labels = 0
	for {
		if off >= len(msg) {
			return 0, false
		}
		n := int(msg[off])
		if n > 63 || off+1+n > len(msg) || off+1+n-start > 255 {
			return 0, false
		}
		if n == 0 {
			break
		}
		k.off[k.labels] = uint8(off - start)
		k.labels++
		off += n + 1
	}
	k.n = off + 1 - start
	copy(k.wire[:], lower(msg[start:off+1]))
	// turn around: off[i] is the suffix of i labels
	for i, j := 0, k.labels-1; i < j; i, j = i+1, j-1 {
		k.off[i], k.off[j] = k.off[j], k.off[i]
	}
	copy(k.off[1:], k.off[:k.labels])
	k.off[0] = uint8(k.n - 1)
	return off + 1, true
}

// Set makes k the key of name.
func (k *Key) Set(name Name) { k.Parse([]byte(name.wire), 0) }

// Labels returns the number of labels, the root's not counted.
func (k *Key) Labels() int { return k.labels }

// Wire returns the suffix of labels labels in wire form, lower case; valid until k is set again.
func (k *Key) Wire(labels int) []byte { return k.wire[k.off[labels]:k.n] }

// Offset returns how many octets of the name stand before the suffix of labels labels.
func (k *Key) Offset(labels int) int { return int(k.off[labels]) }

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
	apex := z.origin.Labels()
	f := Found{Node: NoNode, Cover: NoNode}
	for l := apex; l <= k.labels; l++ {
		n, ok := z.index[Name{string(k.Wire(l))}]
		if !ok {
			break
		}
		f.Node, f.Labels, f.Exact = n, l, l == k.labels
		if f.Kind == KindNone && l > apex {
			if _, ok := z.Set(n, dns.TypeNS); ok {
				f.Kind, f.Cover, f.CoverLabels = KindCut, n, l
			}
		}
		if f.Kind == KindNone && l < k.labels {
			if _, ok := z.Set(n, dns.TypeDNAME); ok {
				f.Kind, f.Cover, f.CoverLabels = KindDNAME, n, l
			}
		}
	}
	return f
}

// Wildcard returns the node of "*" below n; NoNode where there is none.
func (z *Zone) Wildcard(n Node) Node {
	child, err := z.names[n].Child("*")
	if err != nil {
		return NoNode
	}
	if w, ok := z.index[child]; ok {
		return w
	}
	return NoNode
}

// Set is one RRset as it goes out. It points into the zone: valid as long as the zone is held, never to be modified.
type Set struct {
	Type  uint16
	Count int
	TTL   uint32
	// Wire is Count records, each: a pointer to offset 12 of the message (0xc00c: the question's name), type,
	// class IN, TTL, RDLENGTH, RDATA with names uncompressed in the case they were written in.
	Wire []byte
}

func pack(s RRset) Set {
	out := Set{Type: s.Type, Count: len(s.Data), TTL: s.TTL}
	for _, d := range s.Data {
		out.Wire = append(out.Wire, 0xc0, 0x0c, byte(s.Type>>8), byte(s.Type), 0, 1,
			byte(s.TTL>>24), byte(s.TTL>>16), byte(s.TTL>>8), byte(s.TTL), byte(len(d)>>8), byte(len(d)))
		out.Wire = append(out.Wire, d...)
	}
	return out
}

// Set returns the RRset of a type at node n.
func (z *Zone) Set(n Node, typ uint16) (Set, bool) {
	for _, s := range z.sets[n] {
		if s.Type == typ {
			return pack(s), true
		}
	}
	return Set{}, false
}

// Sets returns RRset number i of node n, by ascending type; false behind the last.
func (z *Zone) Sets(n Node, i int) (Set, bool) {
	if i >= len(z.sets[n]) {
		return Set{}, false
	}
	return pack(z.sets[n][i]), true
}

// Target returns the node in this zone of the name that record i of the set of type typ at n points at (NS, MX,
// SRV, CNAME …: the target of the RDATA), resolved when the zone was made; NoNode where the target is outside
// the zone or does not exist in it.
func (z *Zone) Target(n Node, typ uint16, i int) Node {
	for _, s := range z.sets[n] {
		if s.Type != typ || i >= len(s.Data) {
			continue
		}
		d := s.Data[i]
		switch typ {
		case dns.TypeMX:
			d = d[2:]
		case dns.TypeSRV:
			d = d[6:]
		}
		name, err := NameFromWire(d)
		if err != nil {
			return NoNode
		}
		if t, ok := z.index[name]; ok {
			return t
		}
	}
	return NoNode
}

// NegativeSOA returns the SOA as it goes into negative answers, its TTL the lower of its own and MINIMUM (RFC 2308 3),
// with the owner as a pointer to offset 12: the caller puts the right owner there.
func (z *Zone) NegativeSOA() (Set, bool) {
	soa, ok := z.SOA()
	if !ok {
		return Set{}, false
	}
	d := soa.Data[0]
	m := d[len(d)-4:]
	soa.TTL = min(soa.TTL, uint32(m[0])<<24|uint32(m[1])<<16|uint32(m[2])<<8|uint32(m[3]))
	return pack(soa), true
}
