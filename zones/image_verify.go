package zones

import (
	"encoding/binary"
	"fmt"

	"github.com/miekg/dns"
)

// Verify says what is wrong with a zone that OpenImage returned, whose content hash should be want: whether every octet of its arena
// is what a zone of these records would have there, as far as anything that reads it relies on. After that nothing that is asked of
// the zone can fail, whoever made the image. It takes about as long as to hash all records, and is meant for after a start. The
// error wraps ErrImage.
func (z *Zone) Verify(want Hash) error {
	v := newVerifier(z)
	if err := v.run(v.walk, v.references, v.index, v.marks, v.chain, v.hashed, v.negative); err != nil {
		return err
	}
	if v.z.hashRecords() != want {
		return fmt.Errorf("%w: its records are not those that were saved", ErrImage)
	}
	return nil
}

// verifier verifies a zone without trusting it.
type verifier struct {
	z      *Zone
	nodes  []byte   // the arena up to the end of the nodes
	starts []uint64 // a bit for each place from the first node on: a node starts there
	path   [128]verified
	last   []byte // name of the node before
	seen   verifiedCounts
}

func newVerifier(z *Zone) *verifier {
	base := *z
	base.over, base.apex = nil, Node(z.first)
	return &verifier{z: &base, nodes: base.base[:int(base.end)<<2]}
}

// run takes the steps one after another, up to the first that fails. Each relies on those before.
func (v *verifier) run(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("%w: %w", ErrImage, err)
		}
	}
	return nil
}

// verifiedCounts is what was seen of a zone.
type verifiedCounts struct {
	nodes, records, wild, wildFlags uint32
	depth                           uint8
}

// verified is a node among the ancestors of the one at hand.
type verified struct {
	rel          []byte
	place        uint32
	flags, cover byte
}

// node returns the octets from the node at place on, up to the end of all nodes.
func (v *verifier) node(place uint32) []byte { return nodeAt(v.nodes, place) }

// isNode says whether a node starts at place.
func (v *verifier) isNode(place uint32) bool {
	if place < v.z.first || place >= v.z.end {
		return false
	}
	i := place - v.z.first
	return v.starts[i/64]>>(i%64)&1 != 0
}

// each calls f with every node; walk has verified that they can be walked.
func (v *verifier) each(f func(place uint32, b []byte) error) error {
	for at := v.z.first; at < v.z.end; {
		b := v.node(at)
		if err := f(at, b); err != nil {
			return fmt.Errorf("node %s: %w", v.z.nameOf(b), err)
		}
		at += uint32(nodeSize(b) >> 2)
	}
	return nil
}

// walk verifies each node for itself, and how it stands to the ones before.
func (v *verifier) walk() error {
	v.starts = make([]uint64, (v.z.end-v.z.first)/64+1)
	for at := v.z.first; at < v.z.end; {
		b := v.node(at)
		if err := v.name(b); err != nil {
			return fmt.Errorf("octet %d: %w", uint64(at)<<2, err)
		}
		end, err := v.sets(b)
		if err == nil {
			err = v.place(at, b)
		}
		if err != nil {
			return fmt.Errorf("node %s: %w", v.z.nameOf(b), err)
		}
		i := at - v.z.first
		v.starts[i/64] |= 1 << (i % 64)
		at += uint32(align(end) >> 2)
		v.seen.nodes++
	}
	s := v.seen
	switch {
	case s.nodes != v.z.nodes || s.records != v.z.records:
		return fmt.Errorf("%d nodes and %d records instead of %d and %d", s.nodes, s.records, v.z.nodes, v.z.records)
	case s.depth > v.z.depth:
		return fmt.Errorf("a name has %d labels below the origin, %d are the most", s.depth, v.z.depth)
	case s.wild != s.wildFlags:
		return fmt.Errorf("%d wildcards, %d are announced", s.wild, s.wildFlags)
	}
	return nil
}

// name verifies the name of the node and that its head is there.
func (v *verifier) name(b []byte) error {
	if len(b) < nodeHead || len(b) < nodeHeads(b) || len(b) < nodeHeads(b)+setHead*nodeSets(b) {
		return fmt.Errorf("ends early")
	}
	rel := nodeName(b)
	if len(rel)+len(v.z.origin.wire) > maxName {
		return fmt.Errorf("a name of %d octets", len(rel)+len(v.z.origin.wire))
	}
	for at := 0; at < len(rel); {
		n := int(rel[at])
		if n == 0 || n > maxLabel || at+1+n > len(rel) {
			return fmt.Errorf("name %x", rel)
		}
		for _, c := range rel[at+1 : at+1+n] {
			if 'A' <= c && c <= 'Z' {
				return fmt.Errorf("name %x in upper case", rel)
			}
		}
		at += n + 1
	}
	return nil
}

// place verifies how a node, good in itself, stands to those before it: order, ancestors, what covers it, its flags.
func (v *verifier) place(at uint32, b []byte) error {
	rel := nodeName(b)
	depth := byte(countLabels(rel))
	flags, cover := byte(0), coverOf(b[0], depth)
	if v.seen.nodes == 0 {
		if len(rel) > 0 {
			return fmt.Errorf("stands where the apex should")
		}
	} else {
		if len(rel) == 0 || compareNames(v.last, rel) >= 0 {
			return fmt.Errorf("is out of order")
		}
		above := &v.path[depth-1]
		if string(above.rel) != string(parentOf(rel)) || above.place == 0 {
			return fmt.Errorf("has no parent")
		}
		cover = coverBelow(above.flags, above.cover, depth-1, cover)
		if isWild(rel) {
			v.seen.wild++
			if above.flags&flagWild == 0 || nodeWild(v.node(above.place)) != at {
				return fmt.Errorf("is not known to its parent")
			}
		}
	}
	for i, heads := 0, nodeHeads(b); i < nodeSets(b); i++ {
		flags |= typeFlags(nodeSet(b, heads, i).typ, depth)
	}
	if b[0]&flagWild != 0 {
		flags |= flagWild
		v.seen.wildFlags++
	}
	if _, ok := nodeType(b, dns.TypeNSEC3); v.z.denial == NSEC3 && !ok {
		flags |= flagHashed
	}
	if b[0] != flags || b[0]&flagGone != 0 || b[1] != cover {
		return fmt.Errorf("flags %d, cover %d", b[0], b[1])
	}
	v.path[depth&127] = verified{rel: rel, place: at, flags: b[0], cover: cover}
	v.last, v.seen.depth = rel, max(v.seen.depth, depth)
	return nil
}

// sets verifies the RRsets of a node, and returns where it ends.
func (v *verifier) sets(b []byte) (end int, err error) {
	heads := nodeHeads(b)
	end = heads + setHead*nodeSets(b)
	last := -1
	for i := range nodeSets(b) {
		h := b[heads+i*setHead:]
		typ, count, tail := binary.LittleEndian.Uint16(h), binary.LittleEndian.Uint16(h[2:]), binary.LittleEndian.Uint32(h[4:])
		next := int(tail & 0xffffff)
		if next < end || next > len(b) || int(typ) <= last || count == 0 {
			return 0, fmt.Errorf("%s: %d records up to octet %d", TypeString(typ), count, next)
		}
		if err := v.body(b[end:next], typ, int(count), byte(tail>>24)); err != nil {
			return 0, fmt.Errorf("%s: %w", TypeString(typ), err)
		}
		end, last = next, int(typ)
		v.seen.records += uint32(count)
	}
	if align(end) > len(b) {
		return 0, fmt.Errorf("ends early")
	}
	return end, nil
}

// body verifies what a node has of an RRset: signatures' head, records, signatures, targets, referral.
func (v *verifier) body(b []byte, typ uint16, count int, flags byte) error {
	if flags&^(setTargets|setReferral|setSigned) != 0 || flags&setReferral != 0 && flags&setTargets == 0 {
		return fmt.Errorf("flags %d", flags)
	}
	var sigs uint32
	if flags&setSigned != 0 {
		if len(b) < sigHead {
			return fmt.Errorf("ends early")
		}
		sigs, b = binary.LittleEndian.Uint32(b), b[sigHead:]
	}
	ttl := uint32(0)
	for i := range count {
		record, rest, err := cutRecord(b)
		if err != nil {
			return err
		}
		if i == 0 {
			ttl = binary.BigEndian.Uint32(record[6:])
		}
		if typ == dns.TypeRRSIG {
			ttl = binary.BigEndian.Uint32(record[6:]) // each has its own
		}
		if !isRecord(record, typ, ttl) {
			return fmt.Errorf("record %x", record[:recordHead])
		}
		b = rest
	}
	if flags&setSigned != 0 {
		var err error
		if b, err = v.signatures(b, typ, ttl, sigs); err != nil {
			return err
		}
	}
	if flags&setTargets == 0 {
		if len(b) > 0 {
			return fmt.Errorf("%d octets too many", len(b))
		}
		return nil
	}
	if len(b) < 4*count || !keepsTargets(typ) {
		return fmt.Errorf("no room for its targets")
	}
	if b = b[4*count:]; flags&setReferral != 0 {
		return verifyReferral(b, count)
	}
	if len(b) > 0 {
		return fmt.Errorf("%d octets too many", len(b))
	}
	return nil
}

// cutRecord returns the first record of wire, and what is behind it.
func cutRecord(wire []byte) (record, rest []byte, err error) {
	if len(wire) < recordHead {
		return nil, nil, fmt.Errorf("ends within a record")
	}
	end := recordHead + int(binary.BigEndian.Uint16(wire[10:]))
	if len(wire) < end {
		return nil, nil, fmt.Errorf("ends within a record")
	}
	return wire[:end], wire[end:], nil
}

// isRecord says whether b starts as records of typ and ttl do when they go out.
func isRecord(b []byte, typ uint16, ttl uint32) bool {
	return b[0] == 0xc0 && b[1] == 0x0c && binary.BigEndian.Uint16(b[2:]) == typ && b[4] == 0 && b[5] == dns.ClassINET &&
		binary.BigEndian.Uint32(b[6:]) == ttl
}

// signatures verifies those of an RRset at the start of b, and returns what is behind them.
func (v *verifier) signatures(b []byte, typ uint16, ttl, head uint32) (rest []byte, err error) {
	size := int(head >> 8)
	if size == 0 || size > len(b) {
		return nil, fmt.Errorf("%d octets of signatures", size)
	}
	n := uint32(0)
	for wire := b[:size]; len(wire) > 0; n++ {
		var record []byte
		if record, wire, err = cutRecord(wire); err != nil {
			return nil, err
		}
		covered, ok := coveredType(record[recordHead:])
		if !isRecord(record, dns.TypeRRSIG, ttl) || !ok || covered != typ {
			return nil, fmt.Errorf("signature %x", record[:recordHead])
		}
	}
	if min(n, 0xff) != head&0xff || n > maxRecords {
		return nil, fmt.Errorf("%d signatures instead of %d", n, head&0xff)
	}
	v.seen.records += n
	return b[size:], nil
}

// verifyReferral verifies a referral to so many servers, which b is.
func verifyReferral(b []byte, servers int) error {
	if len(b) < 4 || int(binary.LittleEndian.Uint16(b[len(b)-2:])) != len(b) {
		return fmt.Errorf("a referral of %d octets", len(b))
	}
	data := b[:len(b)-2]
	if 2+2*int(data[0]) > len(data) {
		return fmt.Errorf("a referral with %d pointers", data[0])
	}
	pointers, body := Referral{data: data}.parts()
	for ; len(pointers) > 0; pointers = pointers[2:] {
		if at := int(binary.LittleEndian.Uint16(pointers) &^ ownPointer); at+2 > len(body) {
			return fmt.Errorf("a referral that points from %d", at)
		}
	}
	for range servers + int(data[1]) {
		var err error
		if _, body, err = cutRecord(body); err != nil {
			return fmt.Errorf("a referral that %w", err)
		}
	}
	if len(body) > 0 {
		return fmt.Errorf("a referral of %d octets too many", len(body))
	}
	return nil
}

// references verifies that wildcards and targets lie where nodes say.
func (v *verifier) references() error {
	origin := v.z.origin.wire
	return v.each(func(_ uint32, b []byte) error {
		if b[0]&flagWild != 0 {
			if w := nodeWild(b); !v.isNode(w) || !isWild(nodeName(v.node(w))) || string(parentOf(nodeName(v.node(w)))) != string(nodeName(b)) {
				return fmt.Errorf("its wildcard is elsewhere")
			}
		}
		for i, heads := 0, nodeHeads(b); i < nodeSets(b); i++ {
			s := nodeSet(b, heads, i)
			if s.flags&setTargets == 0 {
				continue
			}
			rest := s.wire()
			for j := range int(s.count) {
				var rdata []byte
				rdata, rest = firstRecord(rest)
				if !v.isTarget(s.target(j), targetName(s.typ, rdata), origin) {
					return fmt.Errorf("%s: target %d is elsewhere", TypeString(s.typ), j)
				}
			}
		}
		return nil
	})
}

// isTarget says whether place is that of name.
func (v *verifier) isTarget(place uint32, name []byte, origin string) bool {
	within := nameWithin(name, origin)
	switch place {
	case targetOutside:
		return !within
	case targetByName:
		return within
	}
	if !within || !v.isNode(place) {
		return false
	}
	var buf [maxName]byte
	rel := buf[:copy(buf[:], name[:len(name)-len(origin)])]
	lower(rel)
	return string(nodeName(v.node(place))) == string(rel)
}

// index verifies that the index leads to every node, to nothing else, and no further than it must.
func (v *verifier) index() error {
	index, buckets := v.z.base[:int(v.z.buckets)*bucketSize], int(v.z.buckets)
	used := uint32(0)
	for at := 0; at < buckets; at++ {
		b := index[at*bucketSize:][:bucketSize]
		for s := range bucketSlots {
			if b[s] == 0 {
				continue
			}
			used++
			if !v.isNode(binary.LittleEndian.Uint32(b[bucketSlots+4*s:])) {
				return fmt.Errorf("bucket %d leads nowhere", at)
			}
		}
	}
	if used != v.z.nodes {
		return fmt.Errorf("%d nodes in the index instead of %d", used, v.z.nodes)
	}
	reach := make([]uint32, buckets)
	var path [128]uint64
	path[0] = v.z.hash
	err := v.each(func(place uint32, b []byte) error {
		h, rel := v.z.hash, nodeName(b)
		if len(rel) > 0 {
			depth := countLabels(rel)
			h = hashLabel(path[(depth-1)&127], rel[1:], int(rel[0]))
			path[depth&127] = h
		}
		home := bucketOf(h, buckets)
		away, ok := slotDistance(index, buckets, h, place)
		if !ok {
			return fmt.Errorf("is not in the index")
		}
		reach[home] = max(reach[home], away)
		return nil
	})
	if err != nil {
		return err
	}
	for at, want := range reach {
		if got := binary.LittleEndian.Uint32(index[at*bucketSize+reachAt:]); got != want {
			return fmt.Errorf("bucket %d reaches %d further instead of %d", at, got, want)
		}
	}
	return nil
}

// slotDistance returns how many buckets behind the one that it belongs into the slot of the node at place is.
func slotDistance(index []byte, buckets int, h uint64, place uint32) (away uint32, ok bool) {
	at := bucketOf(h, buckets)
	reach := min(binary.LittleEndian.Uint32(index[at*bucketSize+reachAt:]), uint32(buckets-1))
	tag := tagOf(h)
	for ; ; away++ {
		b := index[at*bucketSize:][:bucketSize]
		for s := range bucketSlots {
			if b[s] == tag && binary.LittleEndian.Uint32(b[bucketSlots+4*s:]) == place {
				return away, true
			}
		}
		if away == reach {
			return 0, false
		}
		if at++; at == buckets {
			at = 0
		}
	}
}

// marks verifies the marks.
func (v *verifier) marks() error {
	marks := v.z.base[int(v.z.buckets)*bucketSize : int(v.z.first)<<2]
	i := 0
	return v.each(func(place uint32, _ []byte) error {
		if i > 0 && i%markEvery == 0 {
			if at := i/markEvery - 1; binary.LittleEndian.Uint32(marks[4*at:]) != place {
				return fmt.Errorf("is not where its mark is")
			}
		}
		i++
		return nil
	})
}

// negative verifies the negative SOA.
func (v *verifier) negative() error {
	want := negativeSOA(v.z.node(v.z.apex))
	got := v.z.neg
	if string(want[:cap(want)]) != string(got[:cap(got)]) || len(want) != len(got) {
		return fmt.Errorf("the SOA in negative answers is not the zone's")
	}
	return nil
}
