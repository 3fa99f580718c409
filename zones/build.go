package zones

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// Zone makes the zone of what was added; the builder is spent.
// It needs no SOA: what a zone must have to be served is for Check to say.
func (b *Builder) Zone() *Zone {
	order := canonicalOrder(b.names.n, b.rel)
	z := &Zone{
		origin: b.origin, hash: b.names.at(0).hash, labels: uint8(b.labels),
		nodes: uint32(b.names.n), records: uint32(b.records), buckets: uint32(bucketsFor(b.names.n)),
	}
	marks := (len(order) - 1) / markEvery
	z.first = z.buckets*bucketSize/4 + uint32(marks)
	z.apex = Node(z.first)
	b.proves, b.params = b.denial()
	b.measure()
	z.end, z.depth = b.layOut(order, z.first)
	size := int(z.end) << 2
	var proofs *chainBuilder
	if z.denial = b.proves; z.denial != Unsigned {
		proofs = b.chain(order)
		size += proofs.size(size)
	}
	z.base = make([]byte, size)
	z.sum = newSum(len(z.base))
	hugePages(z.base)
	for i := 1; i <= marks; i++ {
		at := int(z.buckets)*bucketSize + 4*(i-1)
		binary.LittleEndian.PutUint32(z.base[at:], b.names.at(order[i*markEvery]).place)
	}
	// In the order in which names came, not in that of their places: it reads four arrays and writes to one.
	for id := range uint32(b.names.n) {
		b.write(z.base, id)
		insert(z.base, int(z.buckets), b.names.at(id).hash, b.names.at(id).place)
	}
	if proofs != nil {
		proofs.write(z.base, int(z.end)<<2)
		if z.denial == NSEC3 {
			b.hashNames(z, order)
		}
	}
	z.neg = negativeSOA(z.node(z.apex))
	*b = Builder{}
	return z
}

// measure finds the flags of each node, and its size, which is kept where its place will be.
func (b *Builder) measure() {
	for id := range uint32(b.names.n) {
		n := b.names.at(id)
		if b.proves == NSEC3 && !b.hasType(n, dns.TypeNSEC3) {
			n.flags |= flagHashed
		}
		size := nodeHead + int(n.length) + headExtra(n.flags)
		var sigs signatures
		if b.signed {
			b.attach(n)
			sigs = b.signaturesOf(n)
		}
		for s := n.set; s != 0; s = b.sets.at(s).next {
			if b.sets.at(s).count == 0 {
				continue // signatures that all lie elsewhere
			}
			size += setHead + b.bodySize(id, s)
			n.flags |= typeFlags(b.sets.at(s).typ, n.depth)
			if count, octets := sigs.size(b.sets.at(s).typ); count > 0 {
				size += sigHead + octets
			}
		}
		n.place = uint32(align(size) >> 2)
	}
}

// layOut gives each node its place, from first on, and finds what stands above it.
func (b *Builder) layOut(order []uint32, first uint32) (end uint32, deepest uint8) {
	var path [128]*builtName // the name's ancestors by depth
	end = first
	for _, id := range order {
		n := b.names.at(id)
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
// types do that the resolver follows, where one target at least is within the zone. Those of a delegation get their
// referral too.
func (b *Builder) bodySize(name, id uint32) int {
	s := b.sets.at(id)
	size := int(s.size) + recordHead*int(s.count)
	if !keepsTargets(s.typ) {
		return size
	}
	for i, at := uint16(0), s.first; i < s.count; i++ {
		r := b.record(at)
		if nameWithin(targetName(s.typ, r[recordLink:]), b.origin.wire) {
			s.size |= targetsFlag
			s.referral = b.referral(name, s)
			return size + 4*int(s.count) + b.referralSize(s)
		}
		at = binary.LittleEndian.Uint32(r)
	}
	return size
}

// write puts the node of a name into arena.
func (b *Builder) write(arena []byte, id uint32) {
	n := b.names.at(id)
	from := int(n.place) << 2
	out := arena[from:from:len(arena)]
	count, end := 0, nodeHead+int(n.length)
	for s := n.set; s != 0; s = b.sets.at(s).next {
		if b.sets.at(s).count > 0 {
			count++
		}
	}
	var sigs signatures
	if b.signed {
		sigs = b.signaturesOf(n)
	}
	out = appendHead(out, n.flags, n.cover, count, b.rel(id))
	if n.flags&flagWild != 0 {
		if w, ok := b.find(hashLabel(n.hash, "*", 1), append([]byte("\x01*"), b.rel(id)...)); ok {
			binary.LittleEndian.PutUint32(out[end:], b.names.at(w).place)
		}
	}
	end += headExtra(n.flags) + count*setHead
	cursor := sigs
	for at := n.set; at != 0; at = b.sets.at(at).next {
		s := b.sets.at(at)
		if s.count == 0 {
			continue
		}
		end += int(s.size&^targetsFlag) + recordHead*int(s.count)
		flags := byte(0)
		if count, octets := cursor.size(s.typ); count > 0 {
			flags, end = setSigned, end+sigHead+octets
		}
		if s.size&targetsFlag != 0 {
			flags, end = flags|setTargets, end+4*int(s.count)
		}
		if s.hasReferral() {
			flags, end = flags|setReferral, end+b.referralSize(s)
		}
		out = appendSetHead(out, s.typ, s.count, end, flags)
	}
	for at := n.set; at != 0; at = b.sets.at(at).next {
		out = b.appendBody(out, b.sets.at(at), &sigs)
	}
}

// appendBody appends the records of an RRset, their signatures, and the places of their targets.
func (b *Builder) appendBody(out []byte, s *builtSet, sigs *signatures) []byte {
	cursor := *sigs
	if count, octets := cursor.size(s.typ); count > 0 {
		out = binary.LittleEndian.AppendUint32(out, signatureHead(count, octets))
	}
	for i, at := uint16(0), s.first; i < s.count; i++ {
		r, ttl := b.record(at), s.ttl
		if s.typ == dns.TypeRRSIG {
			ttl = loneTTL(r[recordLink:])
		}
		out = appendRecord(out, s.typ, ttl, r[recordLink:])
		at = binary.LittleEndian.Uint32(r)
	}
	for rdata, ok := sigs.next(s.typ); ok; rdata, ok = sigs.next(s.typ) {
		out = appendRecord(out, dns.TypeRRSIG, s.ttl, rdata)
	}
	if s.size&targetsFlag == 0 {
		return out
	}
	for i, at := uint16(0), s.first; i < s.count; i++ {
		r := b.record(at)
		out = binary.LittleEndian.AppendUint32(out, b.target(targetName(s.typ, r[recordLink:])))
		at = binary.LittleEndian.Uint32(r)
	}
	if s.hasReferral() {
		out = append(out, b.record(s.referral)[recordLink:]...)
		out = binary.LittleEndian.AppendUint16(out, uint16(b.referralSize(s)))
	}
	return out
}

func (s *builtSet) hasReferral() bool { return s.referral != 0 && s.typ == dns.TypeNS }

// referralSize returns how many octets the referral behind the targets of s takes, its length included.
func (b *Builder) referralSize(s *builtSet) int {
	if !s.hasReferral() {
		return 0
	}
	return len(b.record(s.referral)) - recordLink + 2
}

// target returns the place of the name of a target.
func (b *Builder) target(name []byte) uint32 {
	if _, ok := b.key.Parse(name, 0); !ok || !b.key.within(b.origin.wire, b.labels) {
		return targetOutside
	}
	l := b.key.labels
	if l == b.labels {
		return b.names.at(0).place
	}
	if id, ok := b.find(b.key.hash[l], b.key.wire[b.key.off[l]:b.key.off[b.labels]]); ok {
		return b.names.at(id).place
	}
	return targetByName
}

// keepsTargets says whether nodes keep the places of a type's targets.
func keepsTargets(typ uint16) bool {
	_, ok := targetOffset(typ)
	return ok && typ != dns.TypePTR
}

// nameWithin says whether name, in any case, is within origin.
func nameWithin[T octets](name []byte, origin T) bool {
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
