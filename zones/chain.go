package zones

import (
	"encoding/binary"
	"iter"
	"math/bits"

	"github.com/miekg/dns"
)

// Denial says with what a zone proves that something does not exist.
type Denial uint8

const (
	// Unsigned zones prove nothing.
	Unsigned Denial = iota
	// NSEC: each name that has records points at the next one in canonical order (RFC 4034 4).
	NSEC
	// NSEC3: each hashed name points at the next one in the order of hashes (RFC 5155).
	NSEC3
)

// The chain of a zone that proves what it denies: the owners of its NSEC or NSEC3 records in canonical order, and a tree
// that finds the one before any name. It lies behind the nodes of the base:
//
//	0     how many owners, 32 bits
//	4     how many nodes the tree has, 32 bits
//	8     iterations, length of the salt, of NSEC3, 16 bits each
//	12    the salt, up to the next multiple of four
//	      the place of each owner's node, 32 bits
//	      up to the next multiple of 64
//	      the nodes of the tree, the first is the root
//
// A node of the tree has 128 octets, two cache lines:
//
//	0     skip: so many octets do the sort keys (sortKey) of all owners below have in common, 16 bits
//	2     how many separators, 8 bits
//	4     separators: four octets of a key behind skip, as numbers in ascending order
//	64    one child more than separators: the number of a node or, with the upper bit, of an owner
//
// A look-up compares four octets of the key it seeks with up to 15 separators at once, and reads no name before it
// has found a candidate: two or three misses in a million names. What it skipped was only assumed; the
// candidate's own key shows whether rightly. Where it differs before an octet that was skipped, the whole part of the
// tree where that was comes before or behind the key, which the way down to it says.
const (
	chainHead     = 12
	treeNode      = 128
	treeWays      = 16
	treeSeps      = 4
	treeChildren  = 64
	ownerBit      = 1 << 31
	keyRoom       = 2*maxName + 16 // octets of the longest sort key, and zeros behind it
	treeAlignment = 64
)

// nameKey is a name's sort key, with zeros behind it.
type nameKey [keyRoom]byte

// set makes k, which is zero, the key of labels rel. It is sortKey without growing anything.
func (k *nameKey) set(rel []byte) {
	at := 0
	if len(rel) > 1 && int(rel[0])+1 == len(rel) {
		k.label(at, rel[1:])
		return
	}
	var off [128]uint8
	for i := labelStarts(rel, &off) - 1; i >= 0; i-- {
		p := int(off[i])
		at = k.label(at, rel[p+1:p+1+int(rel[p])])
	}
}

// label writes a label at offset at, and returns where the next one goes.
func (k *nameKey) label(at int, label []byte) int {
	for _, c := range label {
		if c <= 1 {
			k[at], c = 1, c+1
			at++
		}
		k[at] = c
		at++
	}
	return at + 1
}

// word returns the four octets behind skip.
func (k *nameKey) word(skip int) uint32 { return binary.BigEndian.Uint32(k[skip:]) }

// chain is the chain of a zone's base. A slice each, so that bounds are checked once.
type chain struct {
	owners []byte
	tree   []byte
}

// chain returns the chain of the base; the zone must have one.
func (z *Zone) chain() chain {
	at := int(z.end) << 2
	owners := int(binary.LittleEndian.Uint32(z.base[at:]))
	nodes := int(binary.LittleEndian.Uint32(z.base[at+4:]))
	at += chainHead + align(int(binary.LittleEndian.Uint16(z.base[at+10:])))
	tree := treeAt(at + 4*owners)
	return chain{z.base[at : at+4*owners], z.base[tree : tree+nodes*treeNode]}
}

func treeAt(at int) int { return (at + treeAlignment - 1) &^ (treeAlignment - 1) }

// owner returns the place of owner i's node.
func (c chain) owner(i int) uint32 { return binary.LittleEndian.Uint32(c.owners[4*i:]) }

// before returns the number of the last owner that is the name of key or comes before it; -1 where there is none.
func (z *Zone) before(c chain, key *nameKey) int {
	i, _ := z.match(c, key)
	return i
}

// match is before that also says whether the owner is the name itself.
func (z *Zone) match(c chain, key *nameKey) (owner int, exact bool) {
	i, skip := c.descend(key)
	var own nameKey
	own.set(nodeName(nodeAt(z.base, c.owner(i))))
	differ := 0
	for differ < keyRoom-8 {
		if x := binary.BigEndian.Uint64(key[differ:]) ^ binary.BigEndian.Uint64(own[differ:]); x != 0 {
			differ += bits.LeadingZeros64(x) / 8
			break
		}
		differ += 8
	}
	switch {
	case differ >= keyRoom-8:
		return i, true
	case differ < skip:
		return c.beside(key, differ, key[differ] > own[differ]), false
	case key[differ] < own[differ]:
		return i - 1, false
	}
	return i, false
}

// descend follows the key down the tree to an owner. skip is what the last node assumed to be equal.
func (c chain) descend(key *nameKey) (owner, skip int) {
	at := 0
	for {
		n := c.tree[at : at+treeNode]
		skip = int(binary.LittleEndian.Uint16(n))
		child := nextChild(n, key.word(skip&0x1ff))
		if child&ownerBit != 0 {
			return int(child &^ ownerBit), skip
		}
		at = int(child) * treeNode
	}
}

// nextChild returns the child of a node of the tree that word belongs into.
func nextChild(n []byte, word uint32) uint32 {
	i := 0
	for seps := n[treeSeps : treeSeps+4*int(n[2]&(treeWays-1))]; len(seps) >= 4; seps = seps[4:] {
		if binary.LittleEndian.Uint32(seps) > word {
			break
		}
		i++
	}
	return binary.LittleEndian.Uint32(n[treeChildren+4*i:])
}

// beside returns the number of the owner before a key that differs at octet differ from all owners below the first node
// on its way that skips this octet: the last of them where the key is behind, else the one before the first.
func (c chain) beside(key *nameKey, differ int, behind bool) int {
	at, found := 0, false
	for {
		n := c.tree[at : at+treeNode]
		skip := int(binary.LittleEndian.Uint16(n))
		found = found || skip > differ
		var child uint32
		switch {
		case !found:
			child = nextChild(n, key.word(skip&0x1ff))
		case behind:
			child = binary.LittleEndian.Uint32(n[treeChildren+4*int(n[2]):])
		default:
			child = binary.LittleEndian.Uint32(n[treeChildren:])
		}
		switch {
		case child&ownerBit == 0:
			at = int(child) * treeNode
		case behind:
			return int(child &^ ownerBit)
		default:
			return int(child&^ownerBit) - 1
		}
	}
}

// chainBuilder makes the chain of a zone that is being built.
type chainBuilder struct {
	owners []uint32               // places
	common []uint16               // for each owner: how many octets its key has in common with the one before
	name   func(owner int) []byte // below the apex
	nodes  [][treeNode]byte
	hash   hashParams
}

// chain collects the owners of the chain from the names in order, and makes the tree.
func (b *Builder) chain(order []uint32) *chainBuilder {
	var ids []uint32
	c := &chainBuilder{name: func(i int) []byte { return b.rel(ids[i]) }, hash: b.params}
	var keys [2]nameKey
	for _, id := range order {
		if n := b.names.at(id); b.denies(n, c.hash) {
			key, last := &keys[len(ids)&1], &keys[(len(ids)+1)&1]
			*key = nameKey{}
			key.set(b.rel(id))
			common := 0
			for len(ids) > 0 && common < keyRoom && key[common] == last[common] {
				common++
			}
			ids = append(ids, id)
			c.owners = append(c.owners, n.place)
			c.common = append(c.common, uint16(common))
		}
	}
	if len(ids) > 0 {
		c.grow(0, len(ids))
	}
	return c
}

// denies says whether a name is an owner of the chain.
func (b *Builder) denies(n *builtName, params hashParams) bool {
	if b.proves == NSEC {
		below := n.cover != 0 && (n.flags&flagCut == 0 || n.cover != n.depth+1) // a delegation or a DNAME
		return !below && b.hasType(n, dns.TypeNSEC)
	}
	return n.depth == 1 && n.length == hashLabel32+1 && b.hashedBy(n, params)
}

// denial returns with what the zone that is being built proves denial.
func (b *Builder) denial() (Denial, hashParams) {
	if !b.signed {
		return Unsigned, hashParams{}
	}
	apex := b.names.at(0)
	return apexDenial{
		signed: b.hasType(apex, dns.TypeRRSIG),
		nsec:   b.hasType(apex, dns.TypeNSEC),
		params: b.each(b.setOf(apex, dns.TypeNSEC3PARAM)),
		hashed: func(p hashParams) bool {
			h := p.hash(nil, b.origin.wire)
			id, ok := b.find(hashName(apex.hash, h[:]), h[:])
			return ok && b.hashedBy(b.names.at(id), p)
		},
	}.choose()
}

// hashedBy says whether a name has an NSEC3 record whose hashes are made so.
func (b *Builder) hashedBy(n *builtName, params hashParams) bool {
	for d := range b.each(b.setOf(n, dns.TypeNSEC3)) {
		if params.of(d) {
			return true
		}
	}
	return false
}

// each passes over the RDATA of an RRset, which may be nil.
func (b *Builder) each(s *builtSet) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if s == nil {
			return
		}
		for i, at := uint16(0), s.first; i < s.count; i++ {
			r := b.record(at)
			if !yield(r[recordLink:]) {
				return
			}
			at = binary.LittleEndian.Uint32(r)
		}
	}
}

// setOf returns the RRset of a type; nil where the name has none.
func (b *Builder) setOf(n *builtName, typ uint16) *builtSet {
	for at := n.set; at != 0; at = b.sets.at(at).next {
		if s := b.sets.at(at); s.typ == typ {
			return s
		}
	}
	return nil
}

func (b *Builder) hasType(n *builtName, typ uint16) bool { return b.setOf(n, typ) != nil }

// grow makes the node of the owners from … to-1, and those below, and returns its number.
func (c *chainBuilder) grow(from, to int) uint32 {
	at := len(c.nodes)
	c.nodes = append(c.nodes, [treeNode]byte{})
	skip := c.skip(from, to)
	binary.LittleEndian.PutUint16(c.nodes[at][:], uint16(skip))
	cuts := c.split(from, to, skip)
	c.nodes[at][2] = byte(len(cuts))
	for i := 0; i <= len(cuts); i++ {
		end := to
		if i < len(cuts) {
			end = cuts[i]
			var key nameKey
			key.set(c.name(end))
			binary.LittleEndian.PutUint32(c.nodes[at][treeSeps+4*i:], key.word(skip))
		}
		child := uint32(from) | ownerBit
		if end-from > 1 {
			child = c.grow(from, end)
		}
		binary.LittleEndian.PutUint32(c.nodes[at][treeChildren+4*i:], child)
		from = end
	}
	return uint32(at)
}

// skip returns how many octets the keys of the owners from … to-1 have in common.
func (c *chainBuilder) skip(from, to int) int {
	if to-from < 2 {
		return 0
	}
	skip := c.common[from+1]
	for _, n := range c.common[from+1 : to] {
		skip = min(skip, n)
	}
	return int(skip)
}

// split returns the owners that begin a child each, but for the first. A child can begin only where the key differs from
// the one before within the four octets that are compared; children are as even as that allows.
func (c *chainBuilder) split(from, to, skip int) []int {
	step := 1
	for step*treeWays < to-from {
		step *= treeWays
	}
	begins := func(i int) bool { return int(c.common[i]) < skip+4 }
	var cuts []int
	last := from
	for ideal := from + step; ideal < to; ideal += step {
		for away := 0; away <= step/2; away++ {
			if i := ideal - away; i > last && begins(i) {
				cuts, last = append(cuts, i), i
				break
			}
			if i := ideal + away; i > last && i < to && begins(i) {
				cuts, last = append(cuts, i), i
				break
			}
		}
	}
	for i := from + 1; len(cuts) == 0 && i < to; i++ {
		if begins(i) {
			cuts = append(cuts, i)
		}
	}
	return cuts
}

// size returns how many octets the chain takes behind nodes that end at octet at.
func (c *chainBuilder) size(at int) int {
	return treeAt(at+chainHead+align(len(c.hash.salt))+4*len(c.owners)) + len(c.nodes)*treeNode - at
}

// write puts the chain into base at octet at.
func (c *chainBuilder) write(base []byte, at int) {
	binary.LittleEndian.PutUint32(base[at:], uint32(len(c.owners)))
	binary.LittleEndian.PutUint32(base[at+4:], uint32(len(c.nodes)))
	binary.LittleEndian.PutUint16(base[at+8:], c.hash.iterations)
	binary.LittleEndian.PutUint16(base[at+10:], uint16(len(c.hash.salt)))
	copy(base[at+chainHead:], c.hash.salt)
	at += chainHead + align(len(c.hash.salt))
	for i, place := range c.owners {
		binary.LittleEndian.PutUint32(base[at+4*i:], place)
	}
	at = treeAt(at + 4*len(c.owners))
	for i := range c.nodes {
		copy(base[at+i*treeNode:], c.nodes[i][:])
	}
}
