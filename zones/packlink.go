package zones

import "encoding/binary"

// linker puts the places of other nodes into nodes, in a zone that nobody else sees yet. Each is a look-up anywhere in a large
// zone, which misses the caches at its bucket and at its node. So some are under way at a time: a bucket is asked for when a link comes, its
// node some links later, and the look-up is made when both are there.
type linker struct {
	zone  *Zone
	links [linksAhead]packLink
	n     int // links that came
}

// linksAhead is how many links are under way; a power of two.
const linksAhead = 16

// packLink is a place that is to be written at base[at:], that of the node rel.
type packLink struct {
	hash uint64
	at   int
	size uint8
	rel  [maxName]byte
}

// node links the node at place.
func (l *linker) node(place uint32) {
	z, at := l.zone, int(place)<<2
	b := z.base[at:]
	if b[0]&flagWild != 0 {
		link := l.next(at + nodeHead + int(b[4]))
		link.rel[0], link.rel[1] = 1, '*'
		link.size = uint8(2 + copy(link.rel[2:], nodeName(b)))
		l.look(link)
	}
	for i, heads := 0, nodeHeads(b); i < nodeSets(b); i++ {
		s := nodeSet(b, heads, i)
		if s.flags&setTargets == 0 {
			continue
		}
		end := int(binary.LittleEndian.Uint32(b[heads+i*setHead+4:]) & 0xffffff) // of the body
		to, rest := at+end-len(s.body)+s.targets(), s.wire()
		for range s.count {
			var d []byte
			d, rest = firstRecord(rest)
			l.target(to, targetName(s.typ, d))
			to += 4
		}
	}
}

// target links the node of a target.
func (l *linker) target(at int, name []byte) {
	z := l.zone
	if !nameWithin(name, z.origin.wire) {
		binary.LittleEndian.PutUint32(z.base[at:], targetOutside)
		return
	}
	link := l.next(at)
	link.size = uint8(copy(link.rel[:], name[:len(name)-len(z.origin.wire)]))
	lower(link.rel[:link.size])
	l.look(link)
}

// next returns the link that is to be filled, and finishes the one that was there.
func (l *linker) next(at int) *packLink {
	link := &l.links[l.n%linksAhead]
	if l.n >= linksAhead {
		l.finish(link)
	}
	link.at = at
	return link
}

// look asks for what the look-up of link will read, and goes on with an earlier one.
func (l *linker) look(link *packLink) {
	z := l.zone
	link.hash = hashName(z.hash, link.rel[:link.size])
	prefetchLine(&z.base[bucketOf(link.hash, int(z.buckets))*bucketSize])
	l.n++
	if l.n >= linksAhead/2 {
		h := l.links[(l.n-linksAhead/2)%linksAhead].hash
		b := z.base[bucketOf(h, int(z.buckets))*bucketSize:][:bucketSize]
		if s := tagged(b, h); s >= 0 {
			prefetchNode(&z.base[int(binary.LittleEndian.Uint32(b[bucketSlots+4*s:]))<<2])
		}
	}
}

// finish writes the place of a link.
func (l *linker) finish(link *packLink) {
	z, place := l.zone, targetByName
	if n := z.lookup(link.hash, link.rel[:link.size]); n != NoNode {
		place = uint32(n)
	}
	binary.LittleEndian.PutUint32(z.base[link.at:], place)
}

// flush finishes the links that are under way.
func (l *linker) flush() {
	for i := max(0, l.n-linksAhead); i < l.n; i++ {
		l.finish(&l.links[i%linksAhead])
	}
	l.n, l.zone = 0, nil
}
