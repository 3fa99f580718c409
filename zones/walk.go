package zones

import "encoding/binary"

// walk passes over the nodes of a zone in canonical order: those of the base as they lie there, with those of the
// overlay put in where they belong.
type walk struct {
	z       *Zone
	at      uint32 // place in the base
	entry   int    // in the overlay's order
	node    []byte
	current Node
}

func (z *Zone) walk() *walk { return &walk{z: z, at: z.first} }

// next goes to the next node; false behind the last.
func (w *walk) next() bool {
	for {
		if o := w.z.over; o != nil && w.entry < len(o.order) && o.order[w.entry].at == w.at {
			e := o.order[w.entry]
			w.entry++
			if e.replaces() {
				w.at += uint32(nodeSize(nodeAt(w.z.base, w.at)) >> 2)
			}
			w.current = inOverlay | Node(e.place())
			if w.node = w.z.node(w.current); w.node[0]&flagGone == 0 {
				return true
			}
			continue
		}
		if w.at == w.z.end {
			return false
		}
		w.current = Node(w.at)
		w.node = nodeAt(w.z.base, w.at)
		w.at += uint32(nodeSize(w.node) >> 2)
		return true
	}
}

// seek returns the place of the first node of the base that is rel or comes behind it: by halving the marks, then
// by walking the nodes between two of them.
func (z *Zone) seek(rel []byte) uint32 {
	marks := z.base[int(z.buckets)*bucketSize : int(z.first)<<2]
	at, low, high := z.first, 0, len(marks)/4
	for low < high {
		mid := (low + high) / 2
		p := binary.LittleEndian.Uint32(marks[4*mid:])
		if compareNames(nodeName(nodeAt(z.base, p)), rel) <= 0 {
			at, low = p, mid+1
		} else {
			high = mid
		}
	}
	for at < z.end && compareNames(nodeName(nodeAt(z.base, at)), rel) < 0 {
		at += uint32(nodeSize(nodeAt(z.base, at)) >> 2)
	}
	return at
}

// hasBelow says whether a name below rel exists.
func (z *Zone) hasBelow(rel []byte) bool {
	at, inBase := search(z.base, int(z.buckets), z.base, hashName(z.hash, rel), rel)
	if inBase {
		p := at
		for {
			p += uint32(nodeSize(nodeAt(z.base, p)) >> 2)
			if p == z.end || !below(nodeName(nodeAt(z.base, p)), rel) {
				break
			}
			if z.over == nil || z.current(Node(p)) != NoNode {
				return true
			}
		}
	} else {
		at = z.seek(rel)
	}
	if z.over == nil {
		return false
	}
	o := z.over
	for _, en := range o.order[o.slot(at, inBase, rel):] {
		b := nodeAt(o.arena, en.place())
		switch {
		case string(nodeName(b)) == string(rel):
		case !below(nodeName(b), rel):
			return false
		case b[0]&flagGone == 0:
			return true
		}
	}
	return false
}
