package zones

import "encoding/binary"

// Resident returns z in memory of its own, in huge pages where the kernel gives them: look-ups in a file that is
// mapped take more of the TLB. The two are equal; nothing of the copy lies in z's arena. It costs one copy where the arena has to be
// copied only, and where z was changed since it was built, no more than to build it anew.
func (z *Zone) Resident() *Zone {
	if z.over != nil {
		return z.flat()
	}
	next := *z
	next.base = copyArena(z.base)
	next.rebase(z)
	return &next
}

// Arena returns the octets that z was built in: those of its versions are the same. They must not be modified.
func (z *Zone) Arena() []byte { return z.base }

// copyArena returns a copy of an arena.
func copyArena(arena []byte) []byte {
	out := make([]byte, len(arena))
	hugePages(out)
	copy(out, arena)
	return out
}

// rebase makes what z has of its arena point into base, a copy of old's.
func (z *Zone) rebase(old *Zone) {
	if at := old.negativeOffset(); at != notInArena {
		z.neg = z.base[at:][:len(old.neg):cap(old.neg)]
	}
}

// flat returns a zone equal to z without an overlay; z itself where it has none. It is Compact, for less where the changes fit
// into the places of what they changed: another serial, other addresses.
func (z *Zone) flat() *Zone {
	if z.over == nil {
		return z
	}
	if next := z.patched(); next != nil {
		return next
	}
	return z.Compact()
}

// patched returns a copy of z's base with the nodes of its overlay in it; nil where they do not fit.
func (z *Zone) patched() *Zone {
	if z.over.covers || z.over.glue || z.denial != Unsigned {
		return nil
	}
	for _, e := range z.over.order {
		if !e.replaces() || !samePlace(nodeAt(z.base, e.at), nodeAt(z.over.arena, e.place())) {
			return nil
		}
	}
	next := *z
	next.over, next.apex = nil, Node(z.first)
	next.base = copyArena(z.base)
	for _, e := range z.over.order {
		old, b := nodeAt(next.base, e.at), nodeAt(z.over.arena, e.place())
		wild := uint32(NoNode)
		if old[0]&flagWild != 0 {
			wild = nodeWild(old)
		}
		copy(old, b[:nodeSize(b)])
		if old[0]&flagWild != 0 {
			binary.LittleEndian.PutUint32(old[nodeHead+int(old[4]):], wild)
		}
	}
	next.neg = negativeSOA(next.node(next.apex))
	next.sum = newSum(len(next.base))
	if next.sum != nil {
		next.sum.set(z.ContentHash())
	}
	return &next
}

// samePlace says whether the node b of an overlay can be put into the place of the base's node old: it is as long, stands to its
// neighbours as that did, and where it has places of targets they are the old ones: those of what changed, an overlay
// leaves to be looked up.
func samePlace(old, b []byte) bool {
	if old[0] != b[0] || old[1] != b[1] || nodeSize(old) != nodeSize(b) {
		return false
	}
	heads := nodeHeads(b)
	for i := range nodeSets(b) {
		s := nodeSet(b, heads, i)
		if s.flags&setTargets == 0 {
			continue
		}
		was, ok := nodeType(old, s.typ)
		if !ok || was.flags != s.flags || string(was.body) != string(s.body) {
			return false
		}
	}
	return true
}

// RehashImage is OpenImage for an image that was made with another seed: it copies the arena, verifies it, and makes its
// index anew.
func RehashImage(head, arena []byte) (*Zone, error) {
	useSeed()
	_, neg, _ := imageParts(head)
	o := opener{rehash: true, negs: make([]byte, 0, len(neg))}
	z := new(Zone)
	if err := o.open(z, head, copyArena(arena)); err != nil {
		return nil, err
	}
	v := newVerifier(z)
	if err := v.run(v.walk, v.references, v.marks, v.chain, v.hashed, v.negative); err != nil {
		return nil, err
	}
	clear(z.base[:int(z.buckets)*bucketSize])
	err := v.each(func(place uint32, b []byte) error {
		insert(z.base, int(z.buckets), hashName(z.hash, nodeName(b)), place)
		return nil
	})
	return z, err
}
