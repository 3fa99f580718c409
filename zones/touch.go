package zones

import (
	"encoding/binary"
	"math/bits"
)

// Looking a name up in much data reads a few places in memory, one after the other, each of which says where the next is:
// the catalog's slot, the zone, the bucket of its index, the node. Each costs a cache miss of up to 100 ns. Many questions that
// came together can take each step together instead: what is needed next is asked for, for all, before the first
// waits for it, and the misses run side by side.
//
//	all: Catalog.Touch      the slots of the zones that may hold the name
//	all: Catalog.TouchZone  the zone
//	all: Zone.TouchIndex    the buckets that the look-up will read
//	all: Zone.TouchNodes    the nodes that these say
//	each: Catalog.Find, Zone.Find, Zone.Set … find everything in the cache
//
// These are hints alone: they change nothing, may guess wrong, and what is found never depends on them.

// touchLevels is how many names, from the question's upwards, are touched: a delegation is rarely further up.
const touchLevels = 3

// coldOctets is from what size on zones are taken not to lie in the caches that a core has for itself.
const coldOctets = 512 << 10

// Cold says whether the zones together are so large that touching them pays.
func (c *Catalog) Cold() bool { return c.octets > coldOctets }

// Touch asks for the places where the zones are noted that k may be in.
func (c *Catalog) Touch(k *Key) {
	if c.length <= pageZones {
		return // a page or two, which stay in the cache
	}
	for l := k.labels; l >= 0; l-- {
		if c.depths[l&127] == 0 {
			continue
		}
		h := k.hash[l&127]
		if page := c.pages[c.page(h)]; len(page) > 0 {
			prefetchSlot(&page[h&uint64(len(page)-1)])
		}
	}
}

// TouchZone returns the zone that k seems to be in, nil for none, and asks for it.
func (c *Catalog) TouchZone(k *Key) *Zone {
	if len(c.pages) == 0 {
		return nil
	}
	for l := k.labels; l >= 0; l-- {
		if c.depths[l&127] == 0 {
			continue
		}
		h := k.hash[l&127]
		page := c.pages[c.page(h)]
		for i := h; len(page) > 0; i++ {
			s := &page[i&uint64(len(page)-1)]
			if s.zone == nil {
				break
			}
			if s.hash == h {
				if c.length > pageZones {
					prefetchZone(s.zone)
				}
				return s.zone
			}
		}
	}
	return nil
}

// TouchIndex asks for what Find will read first.
func (z *Zone) TouchIndex(k *Key) {
	low := int(z.labels)
	if z.buckets == 1 {
		prefetchNode(&z.base[0]) // a zone of a few names is all there, behind one bucket
		prefetchString(z.origin.wire)
		return
	}
	for l := min(k.labels, low+int(z.depth)); l > low && l > k.labels-touchLevels; l-- {
		prefetchLine(&z.base[bucketOf(k.hash[l&127], int(z.buckets))*bucketSize])
	}
}

// TouchNodes asks for the nodes that the index has for k and the names above it.
func (z *Zone) TouchNodes(k *Key) {
	low := int(z.labels)
	short := uint64(z.end-z.first) < 16*uint64(z.nodes) // most nodes have fewer than 64 octets
	for l := min(k.labels, low+int(z.depth)); l > low && l > k.labels-touchLevels; l-- {
		h := k.hash[l&127]
		b := z.base[bucketOf(h, int(z.buckets))*bucketSize:][:bucketSize]
		if s := tagged(b, h); s >= 0 {
			p := &z.base[int(binary.LittleEndian.Uint32(b[bucketSlots+4*s:]))<<2]
			if short {
				prefetchLine(p)
			} else {
				prefetchNode(p)
			}
			if l == k.labels {
				return // most likely the name itself: the look-up ends there
			}
		}
	}
}

// tagged returns the first slot of bucket b that may be that of a name with hash h; -1 where there is none.
func tagged(b []byte, h uint64) int {
	const ones = 0x0101010101010101
	want := uint64(tagOf(h)) * ones
	x := binary.LittleEndian.Uint64(b) ^ want
	if m := (x - ones) &^ x & (0x80 * ones); m != 0 {
		return bits.TrailingZeros64(m) >> 3
	}
	x = uint64(binary.LittleEndian.Uint32(b[8:])^uint32(want)) | 0xffffffff<<32
	if m := (x - ones) &^ x & (0x80 * ones); m != 0 {
		return 8 + bits.TrailingZeros64(m)>>3
	}
	return -1
}
