package zones

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/miekg/dns"
)

// packing is what a Packer needs while it writes nodes.
//
// The nodes are walked twice in canonical order. The first time their sizes are added up, the second time they are
// written where they belong. Most are plain (packnode.go): RRsets as a packer can write them by itself. All others are made at once
// the first time, aside, as a Builder makes them: a unit, which is one name, or a delegation with all that is below it. The
// second time they are copied. So are the referrals of plain delegations. Places of other nodes are put in when all nodes are
// there (packlink.go).
type packing struct {
	path  [128]packStep // the names above the node at hand, and itself; path[0] is the apex
	depth int           // of the node at hand
	deep  int           // of the deepest

	wild    int // of Packer.wild
	nodes   int
	place   uint32 // of the next node, from the apex on the first time
	failed  bool
	builder Builder // of the unit at hand
	writer  referralWriter
	made    [][]byte
	units   []packUnit
	owner   []byte

	// The second time.
	zone    *Zone
	unit    int // the next of units
	fix     []uint32
	linker  linker
	waiting [16]packEntry
	waits   int
}

// packStep is a node on the way from the apex to the one at hand.
type packStep struct {
	rel          []byte
	hash         uint64
	flags, cover byte
}

// packUnit is a unit that was made, of runs from … to-1; wild is packing.wild behind it. Or it is a referral alone, with its
// length, of the delegation that starts with run from; to is 0 then.
type packUnit struct {
	from, to, wild uint32
	octets         []byte // in the log made
}

// packEntry is a node to be put into the index.
type packEntry struct {
	hash  uint64
	place uint32
}

func (k *packing) drop() {
	k.made = dropChunks(k.made)
	k.units, k.fix, k.zone, k.failed, k.deep = k.units[:0], k.fix[:0], nil, false, 0
}

// Zone makes the zone of what was added. Like Builder.Zone it demands no SOA. The packer is to be Reset before it is used
// again. The error is ErrNotPacked.
func (p *Packer) Zone() (*Zone, error) {
	defer p.drop()
	if p.runs.n > 0 {
		p.end()
	}
	p.spoilt = p.spoilt || p.size > maxZone
	if p.spoilt {
		return nil, ErrNotPacked
	}
	p.sort()
	p.sortWild()
	k := &p.packing
	p.walk()
	if k.failed || k.place > maxPlace {
		return nil, ErrNotPacked
	}
	z := &Zone{
		origin: p.origin, hash: p.key.hash[p.labels], labels: uint8(p.labels), depth: uint8(k.deep),
		nodes: uint32(k.nodes), records: uint32(p.records), buckets: uint32(bucketsFor(k.nodes)),
	}
	z.first = z.buckets*bucketSize/4 + uint32((k.nodes-1)/markEvery)
	z.apex, z.end = Node(z.first), z.first+k.place
	z.base = make([]byte, int(z.end)<<2)
	z.sum = newSum(len(z.base))
	hugePages(z.base)
	k.zone = z
	p.walk()
	k.flush()
	k.linker.zone = z
	for _, place := range k.fix {
		k.linker.node(place)
	}
	k.linker.flush()
	z.neg = negativeSOA(z.node(z.apex))
	return z, nil
}

// sortWild puts the parents of wildcards in canonical order, each once.
func (p *Packer) sortWild() {
	if len(p.wild) > 1 {
		slices.SortFunc(p.wild, compareNames)
		p.wild = slices.CompactFunc(p.wild, bytes.Equal)
	}
}

// walk passes over all names in canonical order.
func (p *Packer) walk() {
	k := &p.packing
	k.depth, k.wild, k.nodes, k.place, k.unit, k.fix = 0, 0, 0, 0, 0, k.fix[:0]
	if k.zone != nil {
		k.place = k.zone.first
	}
	k.path[0] = packStep{hash: p.key.hash[p.labels]}
	for from := 0; from < p.runs.n && !k.failed; {
		rel, _ := p.run(*p.runs.at(uint32(from)))
		to := p.group(from, rel)
		if from == 0 && len(rel) > 0 {
			p.node(nil, 0, 0)
		}
		if len(rel) > 0 && int(rel[0])+1 < len(rel) {
			p.above(rel)
		}
		from = p.node(rel, from, to)
	}
	if p.runs.n == 0 {
		p.node(nil, 0, 0)
	}
}

// runsAhead is how far before its turn a run is asked for: in canonical order, runs are anywhere in the log.
const runsAhead = 12

// group returns the end of the runs from from on that have the name rel.
func (p *Packer) group(from int, rel []byte) int {
	to := from + 1
	for ; to < p.runs.n; to++ {
		if to+runsAhead < p.runs.n {
			p.touch(*p.runs.at(uint32(to + runsAhead)))
		}
		if next, _ := p.run(*p.runs.at(uint32(to))); !bytes.Equal(next, rel) {
			break
		}
	}
	return to
}

// above makes empty non-terminals of the names above rel, which has several labels, that have no records.
func (p *Packer) above(rel []byte) {
	k := &p.packing
	var off [128]uint8
	labels := labelStarts(rel, &off)
	known := min(labels-1, k.depth)
	for ; known > 0; known-- {
		if bytes.Equal(k.path[known].rel, rel[off[labels-known]:]) {
			break
		}
	}
	for d := known + 1; d < labels; d++ {
		p.node(rel[off[labels-d]:], 0, 0)
	}
}

// node passes over the node of the name rel, whose runs are from … to-1, and returns the next run.
func (p *Packer) node(rel []byte, from, to int) int {
	k := &p.packing
	var step packStep
	depth := 0
	if len(rel) > 0 {
		if depth = 1; int(rel[0])+1 < len(rel) {
			depth = countLabels(rel)
		}
		above := &k.path[depth-1]
		step.cover = coverBelow(above.flags, above.cover, byte(depth-1), 0)
		if k.zone != nil {
			step.hash = hashLabel(above.hash, rel[1:], int(rel[0]))
		}
	} else {
		step.hash = k.path[0].hash
	}
	step.rel = rel
	if k.wild < len(p.wild) && bytes.Equal(p.wild[k.wild], rel) {
		k.wild++
		step.flags = flagWild
	}
	k.depth, k.deep = depth, max(k.deep, depth)
	k.path[depth] = step
	if k.zone != nil {
		return p.write(from, to)
	}
	size, plain := nodeHead+len(rel), true
	if r, ok := p.single(from, to); ok {
		size += setHead + recordHead + len(r.data)
	} else if from < to {
		size, plain = p.plainSize(from, to)
	}
	if !plain {
		k.path[depth] = step // plainSize may have made it a delegation already
		return p.makeUnit(from, to)
	}
	if step.flags&flagWild != 0 {
		size += 4
	}
	k.nodes++
	k.place += uint32(align(size) >> 2)
	return to
}

// makeUnit makes the unit that starts with the runs from … to-1, which are of the node at hand, and returns the next run.
func (p *Packer) makeUnit(from, to int) int {
	k := &p.packing
	b := &k.builder
	b.reset(p.origin)
	top, depth := k.path[k.depth].rel, k.depth
	p.addRuns(from, to)
	end := to
	if depth > 0 && p.hasType(from, to, dns.TypeNS) {
		for end < p.runs.n {
			rel, _ := p.run(*p.runs.at(uint32(end)))
			if !below(rel, top) {
				break
			}
			next := p.group(end, rel)
			p.addRuns(end, next)
			end = next
		}
	}
	if k.failed {
		return end
	}
	first := uint32(depth) // the names before it are its ancestors
	if k.path[depth].flags&flagWild != 0 {
		b.names.at(first).flags |= flagWild
	}
	b.measure()
	size := 0
	for id := first; id < uint32(b.names.n); id++ {
		size += int(b.names.at(id).place) << 2
	}
	octets := k.room(size)
	at := uint32(0)
	for id := first; id < uint32(b.names.n); id++ {
		n := b.names.at(id)
		step := packStep{rel: b.rel(id), flags: n.flags}
		if id == first {
			step.rel = top
		} else if k.wild < len(p.wild) && bytes.Equal(p.wild[k.wild], step.rel) {
			k.wild++
		}
		n.cover = coverOf(n.flags, n.depth)
		if n.depth > 0 {
			above := &k.path[n.depth-1]
			n.cover = coverBelow(above.flags, above.cover, n.depth-1, n.cover)
		}
		step.cover = n.cover
		k.path[n.depth] = step
		k.deep = max(k.deep, int(n.depth))
		n.place, at = at, at+n.place
	}
	for id := first; id < uint32(b.names.n); id++ {
		b.write(octets, id)
	}
	k.depth = depth
	k.nodes += b.names.n - int(first)
	k.place += uint32(size >> 2)
	k.units = append(k.units, packUnit{uint32(from), uint32(end), uint32(k.wild), octets})
	return end
}

// hasType says whether the runs from … to-1 have a record of a type.
func (p *Packer) hasType(from, to int, typ uint16) bool {
	for r := range p.each(from, to) {
		if r.typ == typ {
			return true
		}
	}
	return false
}

// addRuns adds the runs from … to-1, which are of one name, to the builder.
func (p *Packer) addRuns(from, to int) {
	k := &p.packing
	rel, _ := p.run(*p.runs.at(uint32(from)))
	k.owner = append(append(k.owner[:0], rel...), p.origin.wire...)
	for r := range p.each(from, to) {
		added, sameTTL, err := k.builder.AddWire(k.owner, r.typ, r.ttl, r.data)
		k.failed = k.failed || !added || !sameTTL || err != nil
	}
}

// room returns n octets of the log made.
func (k *packing) room(n int) []byte {
	last := len(k.made) - 1
	if last < 0 {
		k.made = append(k.made, make([]byte, 0, max(firstChunk, n)))
		last = 0
	} else if c := k.made[last]; len(c)+n > cap(c) {
		k.made = append(k.made, newScratch(max(chunkSize, n))[:0])
		last++
	}
	c := k.made[last]
	k.made[last] = c[:len(c)+n]
	out := k.made[last][len(c):]
	clear(out)
	return out
}

// write writes the node at hand, or the unit that starts with it, and returns the next run.
func (p *Packer) write(from, to int) int {
	k := &p.packing
	step := &k.path[k.depth]
	var referral []byte
	if from < to && k.unit < len(k.units) && int(k.units[k.unit].from) == from {
		u := &k.units[k.unit]
		k.unit++
		if u.to > 0 {
			step.flags, step.cover = u.octets[0], u.octets[1]
			k.wild = int(u.wild)
			k.copyUnit(u.octets)
			return int(u.to)
		}
		referral = u.octets
	}
	at := int(k.place) << 2
	out, links := p.appendPlain(k.zone.base[at:at:len(k.zone.base)], from, to, referral)
	if links {
		k.fix = append(k.fix, k.place)
	}
	k.enter(step.hash, len(out))
	return to
}

// copyUnit copies the nodes of a unit to the place at hand.
func (k *packing) copyUnit(octets []byte) {
	copy(k.zone.base[int(k.place)<<2:], octets)
	for len(octets) > 0 {
		size := nodeSize(octets)
		if octets[0]&flagWild != 0 || hasTargets(octets) {
			k.fix = append(k.fix, k.place)
		}
		k.enter(hashName(k.zone.hash, nodeName(octets)), size)
		octets = octets[size:]
	}
}

// hasTargets says whether places of targets are in the node.
func hasTargets(b []byte) bool {
	for i, heads := 0, nodeHeads(b); i < nodeSets(b); i++ {
		if b[heads+i*setHead+7]&setTargets != 0 {
			return true
		}
	}
	return false
}

// enter notes the node at hand, of so many octets, in marks and index, and goes to the next one. The index is
// written a little later: its buckets are anywhere in memory, and are on their way meanwhile.
func (k *packing) enter(hash uint64, size int) {
	z := k.zone
	if k.nodes%markEvery == 0 && k.nodes > 0 {
		binary.LittleEndian.PutUint32(z.base[int(z.buckets)*bucketSize+4*(k.nodes/markEvery-1):], k.place)
	}
	e := &k.waiting[k.waits%len(k.waiting)]
	if k.waits >= len(k.waiting) {
		insert(z.base, int(z.buckets), e.hash, e.place)
	}
	*e = packEntry{hash, k.place}
	prefetchLine(&z.base[bucketOf(hash, int(z.buckets))*bucketSize])
	k.waits++
	k.nodes++
	k.place += uint32(align(size) >> 2)
}

// flush puts the nodes that still wait into the index.
func (k *packing) flush() {
	for i := max(0, k.waits-len(k.waiting)); i < k.waits; i++ {
		e := k.waiting[i%len(k.waiting)]
		insert(k.zone.base, int(k.zone.buckets), e.hash, e.place)
	}
	k.waits = 0
}
