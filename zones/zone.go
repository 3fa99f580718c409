package zones

import (
	"bytes"
	"fmt"
	"iter"
	"slices"

	"github.com/miekg/dns"
)

// Zone is one zone's records. It is immutable and safe for any number of readers.
type Zone struct {
	origin Name
	names  []Name // canonical order; every node, empty non-terminals included
	index  map[Name]Node
	sets   [][]RRset // by node
}

// Node is a place in a zone's tree: a name that exists, if only as an empty non-terminal. It is
// meaningful for the Zone that returned it alone. NoNode is none.
type Node uint32

// NoNode means "there is no such node".
const NoNode = ^Node(0)

// Builder collects a zone's records. It is not safe for concurrent use.
type Builder struct {
	origin Name
	sets   map[Name][]RRset
}

// NewBuilder starts a zone at origin.
func NewBuilder(origin Name) *Builder {
	return &Builder{origin: origin, sets: make(map[Name][]RRset)}
}

// Add adds one record; rdata is in wire form with names uncompressed, and is copied. A record that is
// there already is dropped (added is false); the TTL of an RRset is that of its first record
// (ttl differs: see sameTTL). The error says that owner is not within the zone or too large to hold.
func (b *Builder) Add(owner Name, typ uint16, ttl uint32, rdata []byte) (added, sameTTL bool, err error) {
	if !owner.Within(b.origin) {
		return false, false, fmt.Errorf("%s is not within %s", owner, b.origin)
	}
	sets := b.sets[owner]
	i := slices.IndexFunc(sets, func(s RRset) bool { return s.Type == typ })
	if i < 0 {
		b.sets[owner] = append(sets, RRset{Name: owner, Type: typ, TTL: ttl, Data: [][]byte{bytes.Clone(rdata)}})
		return true, true, nil
	}
	s := &sets[i]
	for _, d := range s.Data {
		if bytes.Equal(d, rdata) {
			return false, s.TTL == ttl, nil
		}
	}
	s.Data = append(s.Data, bytes.Clone(rdata))
	return true, s.TTL == ttl, nil
}

// AddRRset adds every record of s.
func (b *Builder) AddRRset(s RRset) error {
	for _, d := range s.Data {
		if _, _, err := b.Add(s.Name, s.Type, s.TTL, d); err != nil {
			return err
		}
	}
	return nil
}

// Zone makes the zone of what was added; the builder is spent.
// It needs no SOA: what a zone must have to be served is for Check to say.
func (b *Builder) Zone() *Zone {
	z := &Zone{origin: b.origin, index: make(map[Name]Node)}
	all := map[Name]bool{b.origin: true}
	for n := range b.sets {
		for n != b.origin && !all[n] {
			all[n] = true
			n, _ = n.Parent()
		}
	}
	for n := range all {
		z.names = append(z.names, n)
	}
	slices.SortFunc(z.names, Name.Compare)
	z.sets = make([][]RRset, len(z.names))
	for i, n := range z.names {
		z.index[n] = Node(i)
		sets := b.sets[n]
		slices.SortFunc(sets, func(a, b RRset) int { return int(a.Type) - int(b.Type) })
		z.sets[i] = sets
	}
	return z
}

// Origin returns the zone's apex.
func (z *Zone) Origin() Name { return z.origin }

// Records returns the number of records.
func (z *Zone) Records() int {
	n := 0
	for _, sets := range z.sets {
		for _, s := range sets {
			n += len(s.Data)
		}
	}
	return n
}

// Nodes returns the number of names, empty non-terminals included.
func (z *Zone) Nodes() int { return len(z.names) }

// RRset returns the records of name and type; a zero RRset and false where there are none.
// The zone's own bytes are copied: the caller may keep the result.
func (z *Zone) RRset(name Name, typ uint16) (RRset, bool) {
	n, ok := z.index[name]
	if !ok {
		return RRset{}, false
	}
	for _, s := range z.sets[n] {
		if s.Type == typ {
			return s, true
		}
	}
	return RRset{}, false
}

// At iterates over the RRsets of one name, by ascending type.
func (z *Zone) At(name Name) iter.Seq[RRset] {
	return func(yield func(RRset) bool) {
		n, ok := z.index[name]
		if !ok {
			return
		}
		for _, s := range z.sets[n] {
			if !yield(s) {
				return
			}
		}
	}
}

// Exists says whether name is in the zone, if only as an empty non-terminal (RFC 8020).
func (z *Zone) Exists(name Name) bool { _, ok := z.index[name]; return ok }

// RRsets iterates over all RRsets in canonical order of names (RFC 4034 6.1), then ascending type.
func (z *Zone) RRsets() iter.Seq[RRset] {
	return func(yield func(RRset) bool) {
		for _, sets := range z.sets {
			for _, s := range sets {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// SOA returns the apex SOA; false where the zone has none.
func (z *Zone) SOA() (RRset, bool) { return z.RRset(z.origin, dns.TypeSOA) }

// Serial returns the SOA's serial; 0 without a SOA.
func (z *Zone) Serial() uint32 {
	soa, ok := z.SOA()
	if !ok {
		return 0
	}
	d := soa.Data[0]
	if len(d) < 20 {
		return 0
	}
	d = d[len(d)-20:]
	return uint32(d[0])<<24 | uint32(d[1])<<16 | uint32(d[2])<<8 | uint32(d[3])
}

// With returns z changed: each Change's RRset becomes New (or goes, where New is zero). Old is not
// looked at. z stays as it is, and the two share what did not change: the cost is that of
// the changed RRsets. A name without records left goes, unless names below keep it as an empty non-terminal.
// The error says that a change's name is not within the zone; nothing is made then.
func (z *Zone) With(changes []Change) (*Zone, error) {
	b := NewBuilder(z.origin)
	changed := make(map[Name]map[uint16]bool)
	for _, c := range changes {
		if !c.Name.Within(z.origin) {
			return nil, fmt.Errorf("%s is not within %s", c.Name, z.origin)
		}
		if changed[c.Name] == nil {
			changed[c.Name] = make(map[uint16]bool)
		}
		changed[c.Name][c.Type] = true
	}
	for s := range z.RRsets() {
		if !changed[s.Name][s.Type] {
			if err := b.AddRRset(s); err != nil {
				return nil, err
			}
		}
	}
	for _, c := range changes {
		if err := b.AddRRset(c.New); err != nil {
			return nil, err
		}
	}
	return b.Zone(), nil
}

// WithSerial returns z with another SOA serial.
func (z *Zone) WithSerial(serial uint32) (*Zone, error) {
	soa, ok := z.SOA()
	if !ok {
		return nil, fmt.Errorf("%s has no SOA record", z.origin)
	}
	d := bytes.Clone(soa.Data[0])
	p := d[len(d)-20:]
	p[0], p[1], p[2], p[3] = byte(serial>>24), byte(serial>>16), byte(serial>>8), byte(serial)
	next := soa
	next.Data = [][]byte{d}
	return z.With([]Change{{Name: z.origin, Type: dns.TypeSOA, Old: soa, New: next}})
}

// Diff returns what turns old into new, in canonical order. Either may be nil, meaning a zone without
// records. RRsets with the same records in another order are the same. Versions that share a base cost
// what differs between them, not their size.
func Diff(old, new *Zone) []Change {
	var out []Change
	if old != nil {
		for s := range old.RRsets() {
			var n RRset
			if new != nil {
				n, _ = new.RRset(s.Name, s.Type)
			}
			if !s.Equal(n) {
				out = append(out, Change{s.Name, s.Type, s, n})
			}
		}
	}
	if new != nil {
		for s := range new.RRsets() {
			if old != nil {
				if _, ok := old.RRset(s.Name, s.Type); ok {
					continue
				}
			}
			out = append(out, Change{s.Name, s.Type, RRset{}, s})
		}
	}
	slices.SortStableFunc(out, func(a, b Change) int {
		if c := a.Name.Compare(b.Name); c != 0 {
			return c
		}
		return int(a.Type) - int(b.Type)
	})
	return out
}
