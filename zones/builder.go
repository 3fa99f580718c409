package zones

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/dns"
)

// ErrTooLarge is wrapped by errors about data that a zone cannot hold: RDATA above 65,535 octets, more than 65,535
// records in an RRset, more than 16 MB at one name, more than 3.75 GB in a zone.
var ErrTooLarge = errors.New("too large for a zone")

// Builder collects a zone's records. It is not safe for concurrent use.
//
// Nothing that it holds has pointers: records lie behind one another in a log and are linked by numbers, names are
// found by an open hash table. Adding a record to a name costs one or two cache misses and, but for
// growth, no allocation.
type Builder struct {
	origin Name
	labels int
	key    Key
	last   int // number of the name that key is set to; -1 for none
	writer referralWriter
	signer signer
	signed bool   // there are signatures
	proves Denial // when the zone is made: with what it proves what is not there
	params hashParams

	names   parts[builtName] // the first is the apex; ancestors come before descendants
	table   []uint64         // upper half of the hash, number of the name + 1; open addressing, at most 3/4 full
	sets    parts[builtSet]  // the first is none
	log     [][]byte         // names below the apex; records: next 32, length 16, RDATA
	big     map[bigRecord]struct{}
	records int
	size    int64 // an upper bound of the zone's octets, and of the log's
}

// builtName is a name that has records, or has names below it.
type builtName struct {
	hash   uint64
	octets uint32 // where it starts in the log
	set    uint32 // its first RRset
	place  uint32 // its node in the finished zone
	length uint8
	depth  uint8 // labels below the apex
	flags  uint8
	cover  uint8
}

// builtSet is an RRset; those of a name are linked by ascending type.
type builtSet struct {
	next        uint32
	first, last uint32 // records in the log
	ttl         uint32
	size        uint32 // octets of RDATA
	referral    uint32 // in the log; 0 for none; of signatures, the first that lies behind what it covers (attach)
	typ, count  uint16
}

// parts is a list that grows without being copied, but for its first part: a small zone needs less than a whole one.
type parts[T any] struct {
	list [][]T
	n    int
}

const partSize = 1 << 13

// add appends v and returns its number. Pointers to other elements may be stale then.
func (p *parts[T]) add(v T) uint32 {
	if p.n == len(p.list)*partSize {
		var part []T
		if p.n > 0 {
			part = make([]T, 0, partSize)
		}
		p.list = append(p.list, part)
	}
	last := len(p.list) - 1
	p.list[last] = append(p.list[last], v)
	p.n++
	return uint32(p.n - 1)
}

// reset forgets all elements, and keeps the first part's memory.
func (p *parts[T]) reset() {
	p.n = 0
	if len(p.list) > 0 {
		p.list = p.list[:1]
		p.list[0] = p.list[0][:0]
	}
}

// at returns the element with number i.
func (p *parts[T]) at(i uint32) *T { return &p.list[i/partSize][i%partSize] }

// bigRecord finds a record among those of an RRset that is too large to be walked.
type bigRecord struct {
	set   uint32
	rdata string
}

const (
	chunkSize   = 1 << 20    // of the log; a number of 32 bits finds an octet in 4096 of them
	maxZone     = 3840 << 20 // so much fits them, however badly records fill them
	recordLink  = 6          // octets of a record in the log before its RDATA
	bigSet      = 32         // records from which on bigRecord is used
	markEvery   = 32         // nodes between two marks
	nameExtra   = nodeHead + 4 + 3 + 12
	recordExtra = recordHead + 4
)

// NewBuilder starts a zone at origin.
func NewBuilder(origin Name) *Builder {
	useSeed()
	b := new(Builder)
	b.reset(origin)
	return b
}

// reset makes b a builder for a zone at origin, without records. It keeps the memory that a small zone needs.
func (b *Builder) reset(origin Name) {
	b.origin, b.labels, b.last = origin, origin.Labels(), -1
	b.key.Set(origin)
	b.names.reset()
	b.names.add(builtName{hash: b.key.hash[b.labels]})
	b.sets.reset()
	b.sets.add(builtSet{})
	if len(b.log) == 0 {
		b.log = append(b.log, nil)
	}
	b.log = b.log[:1]
	b.log[0] = append(b.log[0][:0], 0)
	if len(b.table) > 64 {
		b.table = nil
	}
	clear(b.table)
	b.big, b.signed, b.records, b.size = nil, false, 0, 0
}

// Grow makes room for n further names, where their number is known or can be guessed.
func (b *Builder) Grow(n int) {
	b.rehash(b.names.n + n)
}

// Add adds one record; rdata is in wire form with names uncompressed, and is copied. A record that is
// there already is dropped (added is false); the TTL of an RRset is that of its first record
// (ttl differs: see sameTTL). The error says that owner is not within the zone, or wraps ErrTooLarge.
func (b *Builder) Add(owner Name, typ uint16, ttl uint32, rdata []byte) (added, sameTTL bool, err error) {
	if b.last < 0 || string(b.key.wire[:b.key.n]) != owner.wire {
		b.last = -1
		b.key.Set(owner)
		if err := b.owner(); err != nil {
			return false, false, err
		}
	}
	return b.add(typ, ttl, rdata)
}

// AddWire is Add for an owner in uncompressed wire form, in any case. It makes no Name.
func (b *Builder) AddWire(owner []byte, typ uint16, ttl uint32, rdata []byte) (added, sameTTL bool, err error) {
	if b.last < 0 || string(b.key.wire[:b.key.n]) != string(owner) {
		b.last = -1
		if end, ok := b.key.Parse(owner, 0); !ok || end != len(owner) {
			_, err := NameFromWire(owner)
			return false, false, err
		}
		if err := b.owner(); err != nil {
			return false, false, err
		}
	}
	return b.add(typ, ttl, rdata)
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

// owner makes the name that key is set to the last one.
func (b *Builder) owner() error {
	if !b.key.within(b.origin.wire, b.labels) {
		name, _ := NameFromWire(b.key.wire[:b.key.n]) // the zero Name for itself
		return notWithin(name, b.origin)
	}
	b.last = int(b.name(b.key.labels))
	return nil
}

// notWithin says that a name cannot be in a zone.
func notWithin(name, origin Name) error {
	if name.IsZero() {
		return fmt.Errorf("the zero Name is not within %s", origin)
	}
	return fmt.Errorf("%s is not within %s", name, origin)
}

// name returns the number of the suffix of labels labels of key, which is added where it is new, after its ancestors.
func (b *Builder) name(labels int) uint32 {
	if labels == b.labels {
		return 0
	}
	rel := b.key.wire[b.key.off[labels]:b.key.off[b.labels]]
	h := b.key.hash[labels]
	if id, ok := b.find(h, rel); ok {
		return id
	}
	parent := b.name(labels - 1)
	if string(rel[:2]) == "\x01*" {
		b.names.at(parent).flags |= flagWild
	}
	b.rehash(b.names.n + 1)
	id := b.names.add(builtName{
		hash: h, octets: b.put(len(rel)), length: uint8(len(rel)), depth: uint8(labels - b.labels),
	})
	copy(b.rel(id), rel)
	b.enter(id)
	b.size += int64(nameExtra + len(rel))
	return id
}

// rel returns the name with number id below the apex.
func (b *Builder) rel(id uint32) []byte {
	n := b.names.at(id)
	return b.log[n.octets/chunkSize][n.octets%chunkSize:][:n.length]
}

// find returns the number of the name rel with hash h, but for the apex.
func (b *Builder) find(h uint64, rel []byte) (id uint32, ok bool) {
	if len(b.table) == 0 {
		return 0, false
	}
	for i := h; ; i++ {
		e := b.table[i&uint64(len(b.table)-1)]
		if e == 0 {
			return 0, false
		}
		if id := uint32(e) - 1; e>>32 == h>>32 && string(b.rel(id)) == string(rel) {
			return id, true
		}
	}
}

// enter puts name id into the table.
func (b *Builder) enter(id uint32) {
	h := b.names.at(id).hash
	for i := h; ; i++ {
		if e := &b.table[i&uint64(len(b.table)-1)]; *e == 0 {
			*e = h>>32<<32 | uint64(id+1)
			return
		}
	}
}

// rehash makes the table large enough for n names.
func (b *Builder) rehash(n int) {
	size := max(16, len(b.table))
	for 3*size < 4*n {
		size *= 2
	}
	if size == len(b.table) {
		return
	}
	b.table = make([]uint64, size)
	for id := 1; id < b.names.n; id++ {
		b.enter(uint32(id))
	}
}

// add adds a record to the last name.
func (b *Builder) add(typ uint16, ttl uint32, rdata []byte) (added, sameTTL bool, err error) {
	if len(rdata) > maxRdata {
		return false, false, fmt.Errorf("%w: %d octets of data, %d are the limit", ErrTooLarge, len(rdata), maxRdata)
	}
	id, used := b.set(typ)
	s := b.sets.at(id)
	sameTTL = s.ttl == ttl || typ == dns.TypeRRSIG // theirs are those of what they cover
	if b.holds(id, rdata) {
		return false, sameTTL, nil
	}
	need := recordExtra + len(rdata)
	if id == 0 {
		need += setHead
	}
	switch {
	case s.count == maxRecords:
		err = fmt.Errorf("%w: more than %d %s records at a name", ErrTooLarge, maxRecords, TypeString(typ))
	case used+need > maxNodeSize:
		err = fmt.Errorf("%w: more than %d octets at a name", ErrTooLarge, maxNodeSize)
	case b.size+int64(need) > maxZone:
		err = fmt.Errorf("%w: more than %d octets", ErrTooLarge, int64(maxZone))
	}
	if err != nil {
		return false, false, err
	}
	if id == 0 {
		id, sameTTL = b.newSet(typ, ttl), true
		s = b.sets.at(id)
	}
	at := b.put(recordLink + len(rdata))
	r := b.log[at/chunkSize][at%chunkSize:]
	binary.LittleEndian.PutUint32(r, 0)
	binary.LittleEndian.PutUint16(r[4:], uint16(len(rdata)))
	copy(r[recordLink:], rdata)
	if s.count == 0 {
		s.first = at
	} else {
		binary.LittleEndian.PutUint32(b.record(s.last), at)
	}
	s.last = at
	s.count++
	s.size += uint32(len(rdata))
	b.records++
	b.size += int64(need)
	b.remember(id, rdata)
	return true, sameTTL, nil
}

// set returns the number of the last name's RRset of a type, 0 where it has none yet, and how many octets
// the name takes.
func (b *Builder) set(typ uint16) (id uint32, used int) {
	used = nameExtra + maxName
	for at := b.names.at(uint32(b.last)).set; at != 0; at = b.sets.at(at).next {
		s := b.sets.at(at)
		used += setHead + int(s.size) + recordExtra*int(s.count)
		if s.typ == typ {
			id = at
		}
	}
	return id, used
}

// newSet gives the last name an RRset of a type that it has none of.
func (b *Builder) newSet(typ uint16, ttl uint32) uint32 {
	link := &b.names.at(uint32(b.last)).set
	for *link != 0 && b.sets.at(*link).typ < typ {
		link = &b.sets.at(*link).next
	}
	b.signed = b.signed || typ == dns.TypeRRSIG
	s := builtSet{next: *link, ttl: ttl, typ: typ}
	*link = uint32(b.sets.n)
	return b.sets.add(s)
}

// holds says whether the RRset has the record.
func (b *Builder) holds(id uint32, rdata []byte) bool {
	s := b.sets.at(id)
	if s.count >= bigSet {
		_, ok := b.big[bigRecord{id, string(rdata)}]
		return ok
	}
	for i, at := uint16(0), s.first; i < s.count; i++ {
		r := b.record(at)
		if string(r[recordLink:]) == string(rdata) {
			return true
		}
		at = binary.LittleEndian.Uint32(r)
	}
	return false
}

// remember keeps the records of a large RRset where holds finds them.
func (b *Builder) remember(id uint32, rdata []byte) {
	s := b.sets.at(id)
	switch {
	case s.count > bigSet:
		b.big[bigRecord{id, string(rdata)}] = struct{}{}
	case s.count == bigSet:
		if b.big == nil {
			b.big = make(map[bigRecord]struct{})
		}
		for at := s.first; at != 0; {
			r := b.record(at)
			b.big[bigRecord{id, string(r[recordLink:])}] = struct{}{}
			at = binary.LittleEndian.Uint32(r)
		}
	}
}

// put makes room for n octets at the end of the log and returns where they are.
func (b *Builder) put(n int) uint32 {
	last := len(b.log) - 1
	if len(b.log[last])+n > chunkSize {
		b.log = append(b.log, make([]byte, 0, chunkSize))
		last++
	}
	c := b.log[last]
	b.log[last] = slices.Grow(c, n)[:len(c)+n]
	return uint32(last*chunkSize + len(c))
}

// record returns a record of the log: next, length, RDATA.
func (b *Builder) record(at uint32) []byte {
	r := b.log[at/chunkSize][at%chunkSize:]
	return r[:recordLink+int(binary.LittleEndian.Uint16(r[4:]))]
}
