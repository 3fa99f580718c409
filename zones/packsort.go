package zones

import (
	"cmp"
	"encoding/binary"
	"slices"
	"unsafe"
)

// packItem is a run to be sorted: eight octets of its sort key, and where it is in the log.
type packItem struct {
	word uint64
	at   uint32
	_    uint32
}

func comparePackItems(a, b packItem) int {
	return cmp.Or(cmp.Compare(a.word, b.word), cmp.Compare(a.at, b.at))
}

// sort puts the runs in canonical order; those of one name stay in the order in which they came.
func (p *Packer) sort() {
	if p.ordered {
		return
	}
	n := p.runs.n
	items, free := packItems(n)
	defer free()
	for i := range n {
		items[i].at = *p.runs.at(uint32(i))
	}
	p.sortFrom(items, 0)
	for i := range n {
		*p.runs.at(uint32(i)) = items[i].at
	}
	p.ordered = true
}

// packItems returns n items, outside of the heap where they are many.
func packItems(n int) (items []packItem, free func()) {
	if n < 1<<14 {
		return make([]packItem, n), func() {}
	}
	b := newScratch(n * int(unsafe.Sizeof(packItem{})))
	return unsafe.Slice((*packItem)(unsafe.Pointer(unsafe.SliceData(b))), n), func() { freeScratch(b) }
}

// sortFrom sorts items, whose keys agree before octet depth: by eight octets, then each run of equals by the next eight.
func (p *Packer) sortFrom(items []packItem, depth int) {
	descents, last := 0, uint64(0)
	for i := range items {
		rel, _ := p.run(items[i].at)
		w := sortWord(rel, depth)
		items[i].word = w
		if w < last {
			descents++
		}
		last = w
	}
	switch {
	case descents == 0:
	case len(items) < 256:
		slices.SortFunc(items, comparePackItems)
	case descents < 16:
		mergeItems(items)
	default:
		radixItems(items)
	}
	for from := 0; from < len(items); {
		to := from + 1
		for to < len(items) && items[to].word == items[from].word {
			to++
		}
		if to-from > 1 && items[from].word&0xffff != 0 && !p.inOrder(items[from:to]) { // two zeros end a key: these are one name
			p.sortFrom(items[from:to], depth+8)
		}
		from = to
	}
}

// inOrder says whether items, whose words are the same, are in canonical order as they are: most such are.
func (p *Packer) inOrder(items []packItem) bool {
	last, _ := p.run(items[0].at)
	for _, it := range items[1:] {
		rel, _ := p.run(it.at)
		if compareNames(last, rel) > 0 {
			return false
		}
		last = rel
	}
	return true
}

// sortWord returns eight octets of sortKey(nil, rel) from depth on, a multiple of eight.
func sortWord(rel []byte, depth int) uint64 {
	if len(rel) > 0 && int(rel[0])+1 == len(rel) { // one label
		label := rel[1:]
		if len(label) >= depth+8 {
			w := binary.BigEndian.Uint64(label[depth:])
			if !hasLowOctet(w) && !hasLowOctets(label[:depth]) {
				return w
			}
		}
	}
	if w, ok := sortWordPlain(rel, depth); ok {
		return w
	}
	var buf [2*maxName + 16]byte
	key := sortKey(buf[:0], rel)
	if depth >= len(key) {
		return 0
	}
	return binary.BigEndian.Uint64(key[depth:])
}

// sortWordPlain is sortWord for names of few labels without the octets 0 and 1.
func sortWordPlain(rel []byte, depth int) (word uint64, ok bool) {
	var starts [8]uint8
	labels := 0
	for at := 0; at < len(rel); at += int(rel[at]) + 1 {
		if labels == len(starts) {
			return 0, false
		}
		starts[labels] = uint8(at)
		labels++
	}
	got := -depth
	for labels--; labels >= 0; labels-- {
		p := int(starts[labels&7])
		for _, c := range rel[p+1 : p+1+int(rel[p])] {
			if c <= 1 {
				return 0, false
			}
			if got++; got > 0 {
				if word = word<<8 | uint64(c); got == 8 {
					return word, true
				}
			}
		}
		if got++; got > 0 {
			if word <<= 8; got == 8 {
				return word, true
			}
		}
	}
	if got <= 0 {
		return 0, true
	}
	return word << (8 * uint(8-got)), true
}

// hasLowOctet says whether an octet of w is 0 or 1, or so close to one that it may be.
func hasLowOctet(w uint64) bool {
	const ones = 0x0101010101010101
	return (w-2*ones)&^w&(0x80*ones) != 0
}

func hasLowOctets(b []byte) bool {
	for _, c := range b {
		if c <= 1 {
			return true
		}
	}
	return false
}

// mergeItems sorts items that are a few ascending parts, one behind the other: as most files are.
func mergeItems(items []packItem) {
	var starts []int
	for i := range items {
		if i == 0 || items[i].word < items[i-1].word {
			starts = append(starts, i)
		}
	}
	room, free := packItems(len(items))
	defer free()
	from, to := items, room
	for len(starts) > 1 {
		next := starts[:0]
		for i := 0; i < len(starts); i += 2 {
			a, end := starts[i], len(items)
			mid := end
			if i+1 < len(starts) {
				mid = starts[i+1]
			}
			if i+2 < len(starts) {
				end = starts[i+2]
			}
			mergeTwo(to[a:end], from[a:mid], from[mid:end])
			next = append(next, a)
		}
		starts = next
		from, to = to, from
	}
	if unsafe.SliceData(from) != unsafe.SliceData(items) {
		copy(items, from)
	}
}

// mergeTwo merges a and b into out; of equal ones those of a come first.
func mergeTwo(out, a, b []packItem) {
	for len(a) > 0 && len(b) > 0 {
		if b[0].word < a[0].word {
			out[0] = b[0]
			b = b[1:]
		} else {
			out[0] = a[0]
			a = a[1:]
		}
		out = out[1:]
	}
	copy(out[copy(out, a):], b)
}

// radixItems sorts items by their words, octet by octet from the last one: equal ones keep their order.
func radixItems(items []packItem) {
	room, free := packItems(len(items))
	defer free()
	var counts [8][256]uint32
	for i := range items {
		w := items[i].word
		for b := range counts {
			counts[b][byte(w>>(8*b))]++
		}
	}
	from, to := items, room
	for b := range counts {
		count := &counts[b]
		if count[byte(from[0].word>>(8*b))] == uint32(len(items)) {
			continue
		}
		sum := uint32(0)
		for i, n := range count {
			count[i] = sum
			sum += n
		}
		for i := range from {
			at := &count[byte(from[i].word>>(8*b))]
			to[*at] = from[i]
			*at++
		}
		from, to = to, from
	}
	if unsafe.SliceData(from) != unsafe.SliceData(items) {
		copy(items, from)
	}
}
