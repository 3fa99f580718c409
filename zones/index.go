package zones

import (
	"encoding/binary"
	"math/bits"
)

// The index of a zone: buckets of one cache line, each
//
//	 0 … 11   a tag for each slot: one octet of the hash, 0 where the slot is free
//	12 … 59   a place for each slot: where its node starts, in units of four octets
//	60 … 63   reach: how many further buckets hold names that belong into this one
//
// A look-up compares twelve tags at once, and then most often one name: about two cache misses in all, one
// for the bucket and one for the node. It ends at the reach, which is written when the index is made: it never
// runs along a chain whose end is not known.
const (
	bucketSize  = 64
	bucketSlots = 12
	reachAt     = 60
)

// bucketsFor returns how many buckets n names take: nearly three quarters of the slots are used then, and one bucket
// in thirteen passes names on to the next.
func bucketsFor(n int) int { return max(1, (n*2+16)/17, (n+bucketSlots-1)/bucketSlots) }

// bucketOf returns the bucket that a hash belongs into; it takes the hash's upper bits, tagOf its lower ones.
func bucketOf(h uint64, buckets int) int {
	hi, _ := bits.Mul64(h, uint64(buckets))
	return int(hi)
}

func tagOf(h uint64) byte {
	if t := byte(h); t != 0 {
		return t
	}
	return 1
}

// search returns the place in arena of the node with hash h and name rel; false where there is none.
func search(index []byte, buckets int, arena []byte, h uint64, rel []byte) (place uint32, ok bool) {
	const ones = 0x0101010101010101
	want := uint64(tagOf(h)) * ones
	at := bucketOf(h, buckets)
	for left := -1; ; left-- {
		b := index[at*bucketSize:][:bucketSize]
		// The test for a zero octet may also report the octet above a match; the name decides.
		x := binary.LittleEndian.Uint64(b) ^ want
		for m := (x - ones) &^ x & (0x80 * ones); m != 0; m &= m - 1 {
			if p, ok := matches(b, bits.TrailingZeros64(m)>>3, arena, rel); ok {
				return p, true
			}
		}
		x = uint64(binary.LittleEndian.Uint32(b[8:])^uint32(want)) | 0xffffffff<<32
		for m := (x - ones) &^ x & (0x80 * ones); m != 0; m &= m - 1 {
			if p, ok := matches(b, 8+bits.TrailingZeros64(m)>>3, arena, rel); ok {
				return p, true
			}
		}
		if left < 0 {
			left = int(binary.LittleEndian.Uint32(b[reachAt:]))
		}
		if left == 0 {
			return 0, false
		}
		if at++; at == buckets {
			at = 0
		}
	}
}

// matches says whether the node of slot s in bucket b is called rel.
func matches(b []byte, s int, arena []byte, rel []byte) (place uint32, ok bool) {
	place = binary.LittleEndian.Uint32(b[bucketSlots+4*s:])
	node := nodeAt(arena, place)
	prefetchNode(&node[0])
	return place, string(nodeName(node)) == string(rel)
}

// insert adds a node that is not in the index yet. There must be a free slot somewhere.
func insert(index []byte, buckets int, h uint64, place uint32) {
	home := bucketOf(h, buckets)
	for at, reach := home, 0; ; reach++ {
		b := index[at*bucketSize:][:bucketSize]
		for s := range bucketSlots {
			if b[s] == 0 {
				b[s] = tagOf(h)
				binary.LittleEndian.PutUint32(b[bucketSlots+4*s:], place)
				r := index[home*bucketSize+reachAt:]
				binary.LittleEndian.PutUint32(r, max(binary.LittleEndian.Uint32(r), uint32(reach)))
				return
			}
		}
		if at++; at == buckets {
			at = 0
		}
	}
}

// replace makes the slot that points at old point at place; both have hash h.
func replace(index []byte, buckets int, h uint64, old, place uint32) {
	for at := bucketOf(h, buckets); ; {
		b := index[at*bucketSize:][:bucketSize]
		for s := range bucketSlots {
			slot := b[bucketSlots+4*s:]
			if b[s] != 0 && binary.LittleEndian.Uint32(slot) == old {
				binary.LittleEndian.PutUint32(slot, place)
				return
			}
		}
		if at++; at == buckets {
			at = 0
		}
	}
}
