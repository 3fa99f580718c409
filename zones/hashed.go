package zones

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"
)

// MaxIterations is how often a zone may have its names hashed (RFC 5155 5) beyond the first time: RFC 5155 10.3 allows no more for keys
// of any size. Each time costs about 120 ns for every name that is asked for and does not exist; the hashes of those that do
// are made when the zone is built.
const MaxIterations = 2500

// usualIterations is how often they may be without a warning. RFC 9276 3.1 wants none; resolvers take zones with more than some limit, from 50
// to 150, for unsigned, or refuse them (3.2).
const usualIterations = 50

const (
	hashSHA1    = 1  // the only algorithm there is (RFC 5155 11)
	hashLabel32 = 32 // octets of a hash as a label, base32 with the hexadecimal alphabet
	coversBit   = 1 << 31
)

// hashParams is how the names of an NSEC3 zone are hashed.
type hashParams struct {
	iterations uint16
	salt       []byte
}

func (p hashParams) equal(o hashParams) bool {
	return p.iterations == o.iterations && bytes.Equal(p.salt, o.salt)
}

// parseParams reads the RDATA of an NSEC3PARAM record, and the start of that of an NSEC3 record but for its flags; false
// where names cannot be hashed so.
func parseParams(rdata []byte) (p hashParams, ok bool) {
	if len(rdata) < 5 || len(rdata) < 5+int(rdata[4]) {
		return p, false
	}
	p = hashParams{binary.BigEndian.Uint16(rdata[2:]), rdata[5 : 5+int(rdata[4])]}
	// RFC 5155 4.1.2: one with flags set is not in use.
	return p, rdata[0] == hashSHA1 && rdata[1] == 0 && p.iterations <= MaxIterations
}

// of says whether an NSEC3 record has its hashes made so.
func (p hashParams) of(nsec3 []byte) bool {
	return len(nsec3) >= 5+len(p.salt) && nsec3[0] == hashSHA1 && binary.BigEndian.Uint16(nsec3[2:]) == p.iterations &&
		int(nsec3[4]) == len(p.salt) && string(nsec3[5:5+len(p.salt)]) == string(p.salt)
}

// ofNode says whether a node has an NSEC3 record whose hashes are made so.
func (p hashParams) ofNode(b []byte) bool {
	s, ok := nodeType(b, dns.TypeNSEC3)
	if ok {
		for d := range s.each {
			if p.of(d) {
				return true
			}
		}
	}
	return false
}

// isHashLabel says whether a name below the apex may be a hash.
func isHashLabel(rel []byte) bool { return len(rel) == hashLabel32+1 && rel[0] == hashLabel32 }

// hashParams returns how the zone hashes names; its Denial must be NSEC3.
func (z *Zone) hashParams() hashParams {
	b := z.base[int(z.end)<<2:]
	return hashParams{binary.LittleEndian.Uint16(b[8:]), b[chainHead : chainHead+int(binary.LittleEndian.Uint16(b[10:]))]}
}

// hashedName is a hashed name below the apex.
type hashedName [1 + hashLabel32]byte

// hash hashes a name in wire form, lower case, that ends with origin.
func (p hashParams) hash(rel []byte, origin string) hashedName {
	var buf [maxName + 256]byte
	n := copy(buf[:], rel)
	n += copy(buf[n:], origin)
	n += copy(buf[n:], p.salt)
	sum := sha1.Sum(buf[:n])
	for range p.iterations {
		n := copy(buf[:], sum[:])
		n += copy(buf[n:], p.salt)
		sum = sha1.Sum(buf[:n])
	}
	return encodeHash(sum)
}

// hashSum is a hash as NSEC3 records hold that of the next name.
type hashSum = [sha1.Size]byte

// encodeHash returns the name that a hash has.
func encodeHash(sum hashSum) (out hashedName) {
	const hexAlphabet = "0123456789abcdefghijklmnopqrstuv"
	out[0] = hashLabel32
	for i, at := 0, 1; i < len(sum); i, at = i+5, at+8 {
		v := uint64(binary.BigEndian.Uint32(sum[i:]))<<8 | uint64(sum[i+4])
		for j := range 8 {
			out[at+j] = hexAlphabet[v>>(35-5*j)&31]
		}
	}
	return out
}

// Hashed returns the owner of the NSEC3 record that matches the suffix of labels labels of k or, with wild, "*" below it;
// matches is false where none does, and the owner is that of the record that covers it. known is the node of that suffix,
// where there is one and the caller has it. k must be within the zone, whose Denial must be NSEC3. NoNode where the zone has
// no such records. It allocates nothing.
func (z *Zone) Hashed(k *Key, labels int, wild bool, known Node) (owner Node, matches bool) {
	if labels == int(z.labels) {
		known = z.apex
	}
	if known != NoNode && (z.over == nil || !z.over.hashes) {
		if owner, matches, ok := z.hashedNode(known, wild); ok {
			return owner, matches
		}
	}
	rel := k.wire[k.off[labels&127]:k.off[z.labels&127]]
	var buf [maxName + 2]byte
	if wild {
		buf[0], buf[1] = 1, '*'
		rel = buf[:2+copy(buf[2:], rel)]
	}
	return z.hashed(z.hashParams().hash(rel, z.origin.wire))
}

// hashedNode returns what was prepared for the name of a node, or for "*" below it.
func (z *Zone) hashedNode(n Node, wild bool) (owner Node, matches, ok bool) {
	b := z.node(n)
	if b[0]&flagHashed == 0 {
		return NoNode, false, false
	}
	at := nodeHeads(b) - 8
	if wild {
		at += 4
	}
	p := binary.LittleEndian.Uint32(b[at:])
	if p == targetByName {
		return NoNode, false, false
	}
	return Node(p &^ coversBit), p&coversBit == 0, true
}

// hashed returns the owner of the NSEC3 record that matches or covers a hash.
func (z *Zone) hashed(h hashedName) (owner Node, matches bool) {
	var key nameKey
	key.set(h[:])
	c := z.chain()
	last := len(c.owners)/4 - 1
	if last < 0 && z.over == nil {
		return NoNode, false
	}
	i, exact := -1, false
	if last >= 0 {
		i, exact = z.match(c, &key)
	}
	if z.over == nil || !z.over.hashes {
		if i < 0 {
			i = last // the last one covers what comes before the first
		}
		if i < 0 {
			return NoNode, false
		}
		return z.current(Node(c.owner(i))), exact
	}
	n := z.later(z.ownerFrom(c, i), z.overlayBefore(h[:]))
	if n == NoNode {
		highest := hashedName{hashLabel32}
		for i := range highest[1:] {
			highest[1+i] = 'v'
		}
		n = z.later(z.ownerFrom(c, last), z.overlayBefore(highest[:]))
	}
	return n, n != NoNode && string(nodeName(z.node(n))) == string(h[:])
}

// hashNames finds the NSEC3 records of every name that has some proved of it, and of the wildcards below those that
// have names below. z has all its nodes, and its chain.
func (b *Builder) hashNames(z *Zone, order []uint32) {
	params := z.hashParams()
	place := func(rel []byte) uint32 {
		n, matches := z.hashed(params.hash(rel, z.origin.wire))
		switch {
		case n == NoNode:
			return targetByName
		case matches:
			return uint32(n)
		}
		return uint32(n) | coversBit
	}
	each := func(from, to int) {
		var buf [maxName + 2]byte
		buf[0], buf[1] = 1, '*'
		for i := from; i < to; i++ {
			n := b.names.at(order[i])
			if n.flags&flagHashed == 0 || n.cover != 0 && n.cover <= n.depth {
				continue
			}
			rel := b.rel(order[i])
			node := nodeAt(z.base, n.place)
			at := nodeHeads(node) - 8
			binary.LittleEndian.PutUint32(node[at:], place(rel))
			if i+1 < len(order) && b.names.at(order[i+1]).depth > n.depth && len(rel) <= maxName-3 {
				binary.LittleEndian.PutUint32(node[at+4:], place(buf[:2+copy(buf[2:], rel)]))
			}
		}
	}
	// Each name is worth a hash or two, and most of the time that building takes: so it is shared, with no need for order.
	part := max(1, hashesApart/(1+int(params.iterations)))
	if len(order) <= part {
		each(0, len(order))
		return
	}
	var all sync.WaitGroup
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for from := int(next.Add(int64(part))) - part; from < len(order); from = int(next.Add(int64(part))) - part {
				each(from, min(from+part, len(order)))
			}
		})
	}
	all.Wait()
}

// hashesApart is how many hashes are worth to be made by another goroutine.
const hashesApart = 1 << 14

// OnlyHash says whether a node of a zone that proves denial has nothing but NSEC3 records, and no names below: such a name is a hash,
// and to be answered as if it did not exist (RFC 5155 7.2.8).
func (z *Zone) OnlyHash(n Node) bool {
	b := z.node(n)
	if !isHashLabel(nodeName(b)) {
		return false
	}
	heads, only := nodeHeads(b), false
	for i := range nodeSets(b) {
		switch binary.LittleEndian.Uint16(b[heads+i*setHead:]) {
		case dns.TypeNSEC3:
			only = true
		case dns.TypeRRSIG: // of what is not there any more
		default:
			return false
		}
	}
	return only && !z.hasBelow(nodeName(b))
}
