package zones

import (
	"slices"
	"sort"
	"sync/atomic"
)

// overlay is what a version of a zone has that its base has not. It belongs to one version and is immutable, but
// for the arena behind it: its versions share that one, each seeing the octets up to its own end, and the newest
// appends. A node in it never holds the place of another overlay node, so that nodes can be copied as they are.
type overlay struct {
	arena   []byte
	store   *store
	index   []byte
	buckets int
	order   []entry // canonical order
	live    int     // octets of the nodes that order has
	covers  bool    // a delegation or a DNAME came or went: what the base's nodes say of cover may be wrong
	hashes  bool    // an NSEC3 record came, went or changed: what is prepared of them may be wrong
	glue    bool    // something below a delegation changed: what is prepared of referrals may be wrong
}

// entry is one node of an overlay.
type entry struct {
	at   uint32 // place in the base: of the node that it replaces, or of the one that it comes before
	node uint32 // place in the arena; the upper bit says that it replaces
}

const replacesBit = 1 << 31

func (e entry) replaces() bool { return e.node&replacesBit != 0 }
func (e entry) place() uint32  { return e.node &^ replacesBit }

// store is an arena that several versions share.
type store struct {
	octets []byte
	used   atomic.Int64 // the end of the version that appended last
}

const (
	firstStore  = 4 << 10
	keepGarbage = 16 << 10 // octets that no look-up reaches any more, beside as many as are reached
)

func newOverlay() *overlay { return &overlay{index: make([]byte, bucketSize), buckets: 1} }

// lookup returns the overlay's node of a name, NoNode where the name is gone; false where the overlay says nothing.
func (o *overlay) lookup(h uint64, rel []byte) (Node, bool) {
	p, ok := search(o.index, o.buckets, o.arena, h, rel)
	if !ok {
		return NoNode, false
	}
	if nodeAt(o.arena, p)[0]&flagGone != 0 {
		return NoNode, true
	}
	return inOverlay | Node(p), true
}

// clone returns an overlay to be changed. Where most of the arena is garbage, it gets an arena of its own.
func (o *overlay) clone(hash uint64) *overlay {
	if len(o.arena) > 2*o.live+keepGarbage {
		return o.compact(hash)
	}
	c := *o
	c.index = slices.Clone(o.index)
	c.order = append(make([]entry, 0, len(o.order)+8), o.order...)
	return &c
}

// compact returns o without garbage and without marks that something is gone which the base never had.
func (o *overlay) compact(hash uint64) *overlay {
	c := &overlay{covers: o.covers, hashes: o.hashes, glue: o.glue}
	c.order = make([]entry, 0, len(o.order)+8)
	c.store = &store{octets: make([]byte, 2*o.live+firstStore)}
	for _, e := range o.order {
		b := nodeAt(o.arena, e.place())
		if b[0]&flagGone != 0 && !e.replaces() {
			continue
		}
		from := len(c.arena)
		c.arena = append(c.store.octets[:from], b[:nodeSize(b)]...)
		c.order = append(c.order, entry{e.at, e.node&replacesBit | uint32(from>>2)})
	}
	c.live = len(c.arena)
	c.store.used.Store(int64(len(c.arena)))
	c.reindex(hash)
	return c
}

// reindex makes the index anew, with room for half as many names again.
func (o *overlay) reindex(hash uint64) {
	o.buckets = bucketsFor(len(o.order) + len(o.order)/2 + bucketSlots/2)
	o.index = make([]byte, o.buckets*bucketSize)
	for _, e := range o.order {
		insert(o.index, o.buckets, hashName(hash, nodeName(nodeAt(o.arena, e.place()))), e.place())
	}
}

// append copies a node to the end of the arena and returns its place.
func (o *overlay) append(b []byte) uint32 {
	from := len(o.arena)
	end := from + align(len(b))
	if o.store == nil || end > len(o.store.octets) || !o.store.used.CompareAndSwap(int64(from), int64(end)) {
		s := &store{octets: make([]byte, max(firstStore, 2*end))}
		copy(s.octets, o.arena)
		s.used.Store(int64(end))
		o.store = s
	}
	o.arena = o.store.octets[:end]
	copy(o.arena[from:], b)
	o.live += end - from
	return uint32(from >> 2)
}

// slot returns where in order the entry of the name rel is or would be: that of the base's node at place at where
// replaces, else that of a new node before it.
func (o *overlay) slot(at uint32, replaces bool, rel []byte) int {
	return sort.Search(len(o.order), func(i int) bool {
		e := o.order[i]
		switch {
		case e.at != at:
			return e.at > at
		case e.replaces() || replaces:
			return e.replaces()
		}
		return compareNames(nodeName(nodeAt(o.arena, e.place())), rel) >= 0
	})
}

// put makes b, whose name has hash h, the overlay's node of its name.
func (o *overlay) put(h, zoneHash uint64, at uint32, replaces bool, b []byte) Node {
	rel := nodeName(b)
	place := o.append(b)
	e := entry{at, place}
	if replaces {
		e.node |= replacesBit
	}
	i := o.slot(at, replaces, rel)
	if old, ok := search(o.index, o.buckets, o.arena, h, rel); ok {
		o.live -= nodeSize(nodeAt(o.arena, old))
		replace(o.index, o.buckets, h, old, place)
		o.order[i] = e
		return inOverlay | Node(place)
	}
	o.order = slices.Insert(o.order, i, e)
	if len(o.order) > o.buckets*bucketSlots*3/4 {
		o.reindex(zoneHash)
	} else {
		insert(o.index, o.buckets, h, place)
	}
	return inOverlay | Node(place)
}
