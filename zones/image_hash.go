package zones

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"sync"

	"github.com/miekg/dns"
)

// Hash identifies what a zone holds: the sum modulo 2^256, as a big-endian number, of the SHA-256 of each record: owner, type,
// TTL, RDATA. The serial of the apex SOA is taken as 0; the order of records does not count. A sum can follow changes
// without the zone, so that a flip in a zone of a million records costs the flip. It detects damage and says whether
// content is the same; it does not withstand an adversary who may choose both.
type Hash [32]byte

// ContentHash returns the hash of what z holds. Of a large zone it is computed once for all versions that share a base.
func (z *Zone) ContentHash() Hash {
	if z.sum == nil {
		return z.hashRecords()
	}
	base := *z
	base.over, base.apex = nil, Node(z.first)
	z.sum.once.Do(func() { z.sum.hash = base.hashRecords() })
	if z.over == nil {
		return z.sum.hash
	}
	return z.sum.hash.After(Diff(&base, z), z.origin)
}

// largeSum is how many octets of arena make a zone one whose hash is kept.
const largeSum = 16 << 10

// contentSum is the content hash of a base, which the zones that share it share.
type contentSum struct {
	once sync.Once
	hash Hash
}

// newSum returns where the hash of a base of so many octets is to be kept; nil for a small one.
func newSum(octets int) *contentSum {
	if octets < largeSum {
		return nil
	}
	return new(contentSum)
}

// set says what the hash is.
func (s *contentSum) set(h Hash) { s.once.Do(func() { s.hash = h }) }

// After returns the hash of what changes make of content with hash h, in the zone at origin.
func (h Hash) After(changes []Change, origin Name) Hash {
	s := summer{sum: h.words()}
	for _, c := range changes {
		s.rrset(c.Old, origin, s.remove)
		s.rrset(c.New, origin, s.add)
	}
	return s.hash()
}

// hashRecords hashes every record of z.
func (z *Zone) hashRecords() Hash {
	var s summer
	for w := z.walk(); w.next(); {
		s.node(w.node, z.origin.wire)
	}
	return s.hash()
}

// summer is a sum of hashes, and what it takes to hash a record.
type summer struct {
	sum [4]uint64 // least significant first
	buf []byte
}

func (h Hash) words() (w [4]uint64) {
	for i := range w {
		w[3-i] = binary.BigEndian.Uint64(h[8*i:])
	}
	return w
}

func (s *summer) hash() (h Hash) {
	for i, w := range s.sum {
		binary.BigEndian.PutUint64(h[8*(3-i):], w)
	}
	return h
}

func (s *summer) add(h Hash) {
	var carry uint64
	for i, w := range h.words() {
		s.sum[i], carry = bits.Add64(s.sum[i], w, carry)
	}
}

func (s *summer) remove(h Hash) {
	var borrow uint64
	for i, w := range h.words() {
		s.sum[i], borrow = bits.Sub64(s.sum[i], w, borrow)
	}
}

// rrset calls put with the hash of every record of r.
func (s *summer) rrset(r RRset, origin Name, put func(Hash)) {
	s.buf = append(s.buf[:0], r.Name.wire...)
	s.buf = binary.BigEndian.AppendUint16(s.buf, r.Type)
	s.buf = binary.BigEndian.AppendUint32(s.buf, r.TTL)
	head := len(s.buf)
	for _, d := range r.Data {
		s.buf = append(s.buf[:head], d...)
		if r.Type == dns.TypeSOA && r.Name == origin {
			clearSerial(s.buf[head:])
		}
		put(sha256.Sum256(s.buf))
	}
}

// clearSerial makes the serial in the RDATA of a SOA 0.
func clearSerial(rdata []byte) {
	if len(rdata) >= 20 {
		clear(rdata[len(rdata)-20:][:4])
	}
}

// node adds the hashes of all records of a node.
func (s *summer) node(b []byte, origin string) {
	rel := nodeName(b)
	s.buf = append(append(s.buf[:0], rel...), origin...)
	owner, heads := len(s.buf), nodeHeads(b)
	for i := range nodeSets(b) {
		set := nodeSet(b, heads, i)
		wire, ttl := set.wire(), set.ttl()
		if set.typ == dns.TypeRRSIG {
			ttl = signatureTTL(b)
		}
		s.records(owner, wire, ttl, len(rel) == 0 && set.typ == dns.TypeSOA)
		if signatures := wire[len(wire):cap(wire)]; len(signatures) > 0 {
			s.records(owner, signatures, signatureTTL(b), false)
		}
	}
}

// records adds the hashes of records as they go out; their owner is in the first octets of the buffer.
func (s *summer) records(owner int, wire []byte, ttl uint32, soa bool) {
	s.buf = append(s.buf[:owner], wire[2], wire[3])
	s.buf = binary.BigEndian.AppendUint32(s.buf, ttl)
	for len(wire) > 0 {
		var rdata []byte
		rdata, wire = firstRecord(wire)
		s.buf = append(s.buf[:owner+6], rdata...)
		if soa {
			clearSerial(s.buf[owner+6:])
		}
		s.add(sha256.Sum256(s.buf))
	}
}

// signatureTTL returns the TTL that the signatures of a node have as an RRset: that of the first of them.
func signatureTTL(b []byte) uint32 {
	heads := nodeHeads(b)
	for i := range nodeSets(b) {
		if s := nodeSet(b, heads, i); s.sigs != 0 {
			return s.ttl()
		}
	}
	lone, _ := nodeType(b, dns.TypeRRSIG)
	return lone.ttl()
}
