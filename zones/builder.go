package zones

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

// ErrTooLarge is wrapped by errors about data that a zone cannot hold: RDATA above 65,535 octets, more than 65,535
// records in an RRset, more than 16 MB at one name, more than 8 GB in a zone.
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

	names   []builtName // names[0] is the apex; ancestors come before descendants
	octets  []byte      // the names below the apex
	table   []uint64    // upper half of the hash, number of the name + 1; open addressing, at most half full
	sets    []builtSet  // sets[0] is none
	log     [][]byte    // records: next 32, length 16, RDATA; by chunks
	big     map[bigRecord]struct{}
	records int
	size    int // an upper bound of the zone's octets
}

// builtName is a name that has records, or has names below it.
type builtName struct {
	hash   uint64
	octets uint32 // where it starts in octets
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
	typ, count  uint16
}

// bigRecord finds a record among those of an RRset that is too large to be walked.
type bigRecord struct {
	set   uint32
	rdata string
}

const (
	chunkSize   = 1 << 20
	bigSet      = 32 // records from which on bigRecord is used
	markEvery   = 32 // nodes between two marks
	nameExtra   = nodeHead + 4 + 3 + 12
	recordExtra = recordHead + 4
)

// NewBuilder starts a zone at origin.
func NewBuilder(origin Name) *Builder {
	b := &Builder{origin: origin, labels: origin.Labels(), last: -1}
	b.key.Set(origin)
	b.names = append(b.names, builtName{hash: b.key.hash[b.labels]})
	b.sets = append(b.sets, builtSet{})
	b.log = append(b.log, []byte{0})
	return b
}

// Grow makes room for n further records of as many names, where their number is known or can be guessed.
func (b *Builder) Grow(n int) {
	b.names = append(make([]builtName, 0, len(b.names)+n), b.names...)
	b.sets = append(make([]builtSet, 0, len(b.sets)+n), b.sets...)
	b.rehash(len(b.names) + n)
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
		b.names[parent].flags |= flagWild
	}
	if 2*(len(b.names)+1) > len(b.table) {
		b.rehash(len(b.names) + 1)
	}
	id := uint32(len(b.names))
	b.names = append(b.names, builtName{
		hash: h, octets: uint32(len(b.octets)), length: uint8(len(rel)), depth: uint8(labels - b.labels),
	})
	b.octets = append(b.octets, rel...)
	b.enter(id)
	b.size += nameExtra + len(rel)
	return id
}

// rel returns the name with number id below the apex.
func (b *Builder) rel(id uint32) []byte {
	n := &b.names[id]
	return b.octets[n.octets:][:n.length]
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
	h := b.names[id].hash
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
	for size < 2*n {
		size *= 2
	}
	if size == len(b.table) {
		return
	}
	b.table = make([]uint64, size)
	for id := 1; id < len(b.names); id++ {
		b.enter(uint32(id))
	}
}

// add adds a record to the last name.
func (b *Builder) add(typ uint16, ttl uint32, rdata []byte) (added, sameTTL bool, err error) {
	if len(rdata) > maxRdata {
		return false, false, fmt.Errorf("%w: %d octets of data, %d are the limit", ErrTooLarge, len(rdata), maxRdata)
	}
	id, used := b.set(typ)
	s := &b.sets[id]
	if b.holds(id, rdata) {
		return false, s.ttl == ttl, nil
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
	case b.size+need > maxPlace*4:
		err = fmt.Errorf("%w: more than %d octets", ErrTooLarge, maxPlace*4)
	}
	if err != nil {
		return false, false, err
	}
	if id == 0 {
		id = b.newSet(typ, ttl)
		s = &b.sets[id]
	}
	at := b.put(rdata)
	if s.count == 0 {
		s.first = at
	} else {
		binary.LittleEndian.PutUint32(b.record(s.last), at)
	}
	s.last = at
	s.count++
	s.size += uint32(len(rdata))
	b.records++
	b.size += need
	b.remember(id, rdata)
	return true, s.ttl == ttl, nil
}

// set returns the number of the last name's RRset of a type, 0 where it has none yet, and how many octets
// the name takes.
func (b *Builder) set(typ uint16) (id uint32, used int) {
	used = nameExtra + maxName
	for at := b.names[b.last].set; at != 0; at = b.sets[at].next {
		s := &b.sets[at]
		used += setHead + int(s.size) + recordExtra*int(s.count)
		if s.typ == typ {
			id = at
		}
	}
	return id, used
}

// newSet gives the last name an RRset of a type that it has none of.
func (b *Builder) newSet(typ uint16, ttl uint32) uint32 {
	id := uint32(len(b.sets))
	link := &b.names[b.last].set
	for *link != 0 && b.sets[*link].typ < typ {
		link = &b.sets[*link].next
	}
	next := *link
	*link = id
	b.sets = append(b.sets, builtSet{next: next, ttl: ttl, typ: typ})
	return id
}

// holds says whether the RRset has the record.
func (b *Builder) holds(id uint32, rdata []byte) bool {
	s := &b.sets[id]
	if s.count >= bigSet {
		_, ok := b.big[bigRecord{id, string(rdata)}]
		return ok
	}
	for i, at := uint16(0), s.first; i < s.count; i++ {
		r := b.record(at)
		if string(r[6:]) == string(rdata) {
			return true
		}
		at = binary.LittleEndian.Uint32(r)
	}
	return false
}

// remember keeps the records of a large RRset where holds finds them.
func (b *Builder) remember(id uint32, rdata []byte) {
	s := &b.sets[id]
	switch {
	case s.count > bigSet:
		b.big[bigRecord{id, string(rdata)}] = struct{}{}
	case s.count == bigSet:
		if b.big == nil {
			b.big = make(map[bigRecord]struct{})
		}
		for at := s.first; at != 0; {
			r := b.record(at)
			b.big[bigRecord{id, string(r[6:])}] = struct{}{}
			at = binary.LittleEndian.Uint32(r)
		}
	}
}

// put appends a record to the log and returns where it is.
func (b *Builder) put(rdata []byte) uint32 {
	n := len(b.log) - 1
	if len(b.log[n])+6+len(rdata) > chunkSize {
		b.log = append(b.log, make([]byte, 0, chunkSize))
		n++
	}
	c := b.log[n]
	at := uint32(n*chunkSize + len(c))
	c = append(c, 0, 0, 0, 0)
	c = binary.LittleEndian.AppendUint16(c, uint16(len(rdata)))
	b.log[n] = append(c, rdata...)
	return at
}

// record returns a record of the log: next, length, RDATA.
func (b *Builder) record(at uint32) []byte {
	r := b.log[at/chunkSize][at%chunkSize:]
	return r[:6+int(binary.LittleEndian.Uint16(r[4:]))]
}

// Zone makes the zone of what was added; the builder is spent.
// It needs no SOA: what a zone must have to be served is for Check to say.
func (b *Builder) Zone() *Zone {
	order := canonicalOrder(len(b.names), b.rel)
	z := &Zone{
		origin: b.origin, hash: b.names[0].hash, labels: uint8(b.labels),
		nodes: uint32(len(b.names)), records: uint32(b.records), buckets: uint32(bucketsFor(len(b.names))),
	}
	marks := (len(order) - 1) / markEvery
	z.first = z.buckets*bucketSize/4 + uint32(marks)
	z.apex = Node(z.first)
	b.measure()
	z.end, z.depth = b.layOut(order, z.first)
	z.base = make([]byte, int(z.end)<<2)
	for i := 1; i <= marks; i++ {
		at := int(z.buckets)*bucketSize + 4*(i-1)
		binary.LittleEndian.PutUint32(z.base[at:], b.names[order[i*markEvery]].place)
	}
	// In the order in which names came, not in that of their places: it reads four arrays and writes to one.
	for id := range b.names {
		b.write(z.base, uint32(id))
		insert(z.base, int(z.buckets), b.names[id].hash, b.names[id].place)
	}
	z.neg = negativeSOA(z.node(z.apex))
	*b = Builder{}
	return z
}

// measure finds the flags of each node, and its size, which is kept where its place will be.
func (b *Builder) measure() {
	for id := range b.names {
		n := &b.names[id]
		size := nodeHead + int(n.length)
		if n.flags&flagWild != 0 {
			size += 4
		}
		for s := n.set; s != 0; s = b.sets[s].next {
			size += setHead + b.bodySize(s)
			n.flags |= typeFlags(b.sets[s].typ, n.depth)
		}
		n.place = uint32(align(size) >> 2)
	}
}

// layOut gives each node its place, from first on, and finds what stands above it.
func (b *Builder) layOut(order []uint32, first uint32) (end uint32, deepest uint8) {
	var path [128]*builtName // the name's ancestors by depth
	end = first
	for _, id := range order {
		n := &b.names[id]
		path[n.depth&127] = n
		deepest = max(deepest, n.depth)
		n.cover = coverOf(n.flags, n.depth)
		if n.depth > 0 {
			above := path[(n.depth-1)&127]
			n.cover = coverBelow(above.flags, above.cover, above.depth, n.cover)
		}
		n.place, end = end, end+n.place
	}
	return end, deepest
}

// typeFlags returns what an RRset of a type makes of its node.
func typeFlags(typ uint16, depth uint8) byte {
	switch {
	case typ == dns.TypeNS && depth > 0:
		return flagCut
	case typ == dns.TypeDNAME:
		return flagDNAME
	}
	return 0
}

// coverOf returns the cover of a node that has nothing above it.
func coverOf(flags, depth byte) byte {
	if flags&flagCut != 0 {
		return depth + 1
	}
	return 0
}

// coverBelow returns the cover of a node below another one, own being what the node itself would make it.
func coverBelow(flags, cover, depth, own byte) byte {
	switch {
	case cover != 0:
		return cover
	case flags&flagDNAME != 0:
		return depth + 1
	}
	return own
}

// targetsFlag marks in builtSet.size that the RRset gets places of targets; the size itself has 24 bits.
const targetsFlag = 1 << 31

// bodySize returns how large the body of an RRset becomes, and marks whether it gets places of targets: those
// types do that the resolver follows, where one target at least is within the zone.
func (b *Builder) bodySize(id uint32) int {
	s := &b.sets[id]
	size := int(s.size) + recordHead*int(s.count)
	if !keepsTargets(s.typ) {
		return size
	}
	for i, at := uint16(0), s.first; i < s.count; i++ {
		r := b.record(at)
		if nameWithin(targetName(s.typ, r[6:]), b.origin.wire) {
			s.size |= targetsFlag
			return size + 4*int(s.count)
		}
		at = binary.LittleEndian.Uint32(r)
	}
	return size
}

// write puts the node of a name into arena.
func (b *Builder) write(arena []byte, id uint32) {
	n := &b.names[id]
	from := int(n.place) << 2
	out := arena[from:from:len(arena)]
	count, end := 0, nodeHead+int(n.length)
	for s := n.set; s != 0; s = b.sets[s].next {
		count++
	}
	out = appendHead(out, n.flags, n.cover, count, b.rel(id))
	if n.flags&flagWild != 0 {
		if w, ok := b.find(hashLabel(n.hash, "*", 1), append([]byte("\x01*"), b.rel(id)...)); ok {
			binary.LittleEndian.PutUint32(out[end:], b.names[w].place)
		}
		end += 4
	}
	end += count * setHead
	for at := n.set; at != 0; at = b.sets[at].next {
		s := &b.sets[at]
		end += int(s.size&^targetsFlag) + recordHead*int(s.count)
		flags := byte(0)
		if s.size&targetsFlag != 0 {
			flags, end = setTargets, end+4*int(s.count)
		}
		out = appendSetHead(out, s.typ, s.count, end, flags)
	}
	for at := n.set; at != 0; at = b.sets[at].next {
		out = b.appendBody(out, &b.sets[at])
	}
}

// appendBody appends the records of an RRset, and the places of their targets.
func (b *Builder) appendBody(out []byte, s *builtSet) []byte {
	for i, at := uint16(0), s.first; i < s.count; i++ {
		r := b.record(at)
		out = appendRecord(out, s.typ, s.ttl, r[6:])
		at = binary.LittleEndian.Uint32(r)
	}
	if s.size&targetsFlag == 0 {
		return out
	}
	for i, at := uint16(0), s.first; i < s.count; i++ {
		r := b.record(at)
		out = binary.LittleEndian.AppendUint32(out, b.target(targetName(s.typ, r[6:])))
		at = binary.LittleEndian.Uint32(r)
	}
	return out
}

// target returns the place of the name of a target.
func (b *Builder) target(name []byte) uint32 {
	if _, ok := b.key.Parse(name, 0); !ok || !b.key.within(b.origin.wire, b.labels) {
		return targetOutside
	}
	l := b.key.labels
	if l == b.labels {
		return b.names[0].place
	}
	if id, ok := b.find(b.key.hash[l], b.key.wire[b.key.off[l]:b.key.off[b.labels]]); ok {
		return b.names[id].place
	}
	return targetByName
}

// keepsTargets says whether nodes keep the places of a type's targets.
func keepsTargets(typ uint16) bool {
	_, ok := targetOffset(typ)
	return ok && typ != dns.TypePTR
}

// nameWithin says whether name, in any case, is within origin.
func nameWithin(name []byte, origin string) bool {
	from := len(name) - len(origin)
	if len(name) == 0 || from < 0 {
		return false
	}
	off := 0
	for off < from {
		off += int(name[off]) + 1
	}
	if off != from {
		return false
	}
	for i, c := range name[from:] {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != origin[i] {
			return false
		}
	}
	return true
}
