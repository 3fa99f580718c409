package zones

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// Key is a name prepared for look-ups: lower case, with the offset and the hash of the suffix at each
// label, so that finding the zone, the node, its closest encloser, its wildcard and its cut costs one pass over the
// octets. It holds no pointers and is meant to be reused; it is not safe for concurrent use while it is set.
type Key struct {
	n      int         // octets of the name, the root label included
	labels int         // labels, the root's not counted
	off    [128]uint8  // off[i]: where the suffix of i labels starts
	hash   [128]uint64 // hash[i]: hash of the suffix of i labels
	start  [128]uint8  // where the labels start, from the left
	wire   [264]byte   // lower case; eight octets may be read from wherever a label starts
}

// Parse reads the uncompressed name at off in msg, in any case, and returns where it ends. It refuses
// compression pointers, other label types, names over 255 octets and names that end within a label. What k was
// before is lost either way.
func (k *Key) Parse(msg []byte, off int) (end int, ok bool) {
	k.clear()
	at, labels := off, 0
	for {
		if uint(at) >= uint(len(msg)) {
			return 0, false
		}
		n := int(msg[at])
		if n == 0 {
			break
		}
		if n > maxLabel || at+1+n-off >= maxName {
			return 0, false
		}
		k.start[labels&127] = uint8(at - off)
		labels++
		at += n + 1
	}
	end = at + 1
	copy(k.wire[:maxName], msg[off:end])
	lowerWords(&k.wire, end-off)
	k.set(end-off, labels)
	return end, true
}

// Set makes k the key of name; of the zero Name, a key that nothing is found by.
func (k *Key) Set(name Name) {
	k.clear()
	if !name.IsZero() {
		copy(k.wire[:maxName], name.wire)
		k.set(len(name.wire), labelStarts(name.wire, &k.start))
	}
}

// clear makes k the key of no name.
func (k *Key) clear() { k.n, k.labels, k.off[0], k.hash[0] = 0, 0, 0, 0 }

// set hashes the name of n octets that is in wire, whose labels start at k.start. It is hashLabel for each label: the
// octets behind the label may be read here.
func (k *Key) set(n, labels int) {
	k.n, k.labels = n, labels
	h := seed.root
	k.off[0], k.hash[0] = uint8(n-1), h
	for i := 1; i <= labels; i++ {
		p := k.start[(labels-i)&127]
		at, rest := int(p)+1, int(k.wire[p])
		for ; rest > 8; at, rest = at+8, rest-8 {
			h = mix(h^binary.LittleEndian.Uint64(k.wire[at:]), seed.word)
		}
		h = mix(h^binary.LittleEndian.Uint64(k.wire[at:])&(1<<(8*uint(rest))-1), seed.end+uint64(rest)<<1)
		k.off[i&127], k.hash[i&127] = p, h
	}
}

// Labels returns the number of labels, the root's not counted.
func (k *Key) Labels() int { return k.labels }

// Wire returns the suffix of labels labels in wire form, lower case; valid until k is set again.
func (k *Key) Wire(labels int) []byte { return k.wire[k.off[labels]:k.n] }

// Offset returns how many octets of the name stand before the suffix of labels labels.
func (k *Key) Offset(labels int) int { return int(k.off[labels]) }

// within says whether origin, of labels labels, is a suffix of the name at a label's start.
func (k *Key) within(origin string, labels int) bool {
	return k.labels >= labels && string(k.Wire(labels)) == origin
}

// lowerWords brings the first n octets to lower case, eight at a time. Octets above 127 are left alone.
func lowerWords(wire *[264]byte, n int) {
	const ones = 0x0101010101010101
	for i := 0; i < n; i += 8 {
		w := binary.LittleEndian.Uint64(wire[i : i+8])
		low := w & (0x7f * ones)
		fromA := low + (0x80-'A')*ones // the top bit of an octet: it is 'A' or above
		overZ := low + (0x80-'Z'-1)*ones
		upper := (fromA &^ overZ) &^ w & (0x80 * ones)
		binary.LittleEndian.PutUint64(wire[i:i+8], w|upper>>2)
	}
}

// seed makes the hashes of one process unlike those of any other one: who may choose names (a client of DNS UPDATE)
// cannot choose them to collide. It is set once, before anything runs.
var seed = struct{ root, word, end uint64 }{rand.Uint64(), rand.Uint64() | 1, rand.Uint64() | 1}

// hashLabel returns the hash of a name from that of its parent and from its first label: the first n octets of label.
func hashLabel[T octets](h uint64, label T, n int) uint64 {
	at := 0
	for ; n-at > 8; at += 8 {
		h = mix(h^word(label, at), seed.word)
	}
	rest := n - at
	var w uint64
	if len(label)-at >= 8 {
		w = word(label, at) & (1<<(8*uint(rest)) - 1)
	} else {
		for i := rest - 1; i >= 0; i-- {
			w = w<<8 | uint64(label[at+i])
		}
	}
	return mix(h^w, seed.end+uint64(rest)<<1)
}

// hashName returns the hash of the labels rel above a name whose hash is h.
func hashName[T octets](h uint64, rel T) uint64 {
	if len(rel) > 1 && int(rel[0])+1 == len(rel) {
		return hashLabel(h, rel[1:], len(rel)-1)
	}
	var off [128]uint8
	for i := labelStarts(rel, &off) - 1; i >= 0; i-- {
		p := int(off[i])
		h = hashLabel(h, rel[p+1:], int(rel[p]))
	}
	return h
}

// word returns eight octets of s as a number.
func word[T octets](s T, at int) uint64 {
	_ = s[at+7]
	return uint64(s[at]) | uint64(s[at+1])<<8 | uint64(s[at+2])<<16 | uint64(s[at+3])<<24 |
		uint64(s[at+4])<<32 | uint64(s[at+5])<<40 | uint64(s[at+6])<<48 | uint64(s[at+7])<<56
}

// mix multiplies and folds: every bit of the result depends on every bit of a.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
