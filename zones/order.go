package zones

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// octets is a name in wire form, with the root label or without: a zone's nodes hold slices, a Name a string.
type octets interface{ ~string | ~[]byte }

// labelStarts fills off with where each label of wire starts, and returns how many there are; the root's is not one.
func labelStarts[T octets](wire T, off *[128]uint8) int {
	count := 0
	for o := 0; o < len(wire) && wire[o] != 0; o += int(wire[o]) + 1 {
		off[count&127] = uint8(o)
		count++
	}
	return count
}

// compareNames orders two names canonically (RFC 4034 6.1). Both are absolute or both relative to one origin.
func compareNames[A, B octets](a A, b B) int {
	if len(a) > 0 && len(b) > 0 && int(a[0])+1 == len(a) && int(b[0])+1 == len(b) {
		return compareOctets(a[1:], b[1:]) // one label each: most names of a large zone, seen from its apex
	}
	var ao, bo [128]uint8
	i, j := labelStarts(a, &ao)-1, labelStarts(b, &bo)-1
	for ; i >= 0 && j >= 0; i, j = i-1, j-1 {
		p, q := int(ao[i]), int(bo[j])
		if c := compareOctets(a[p+1:p+1+int(a[p])], b[q+1:q+1+int(b[q])]); c != 0 {
			return c
		}
	}
	return cmp.Compare(i, j) // the one with labels left comes behind
}

func compareOctets[A, B octets](a A, b B) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return cmp.Compare(a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b))
}

// sortKey appends octets whose plain order is the canonical order of names: the labels from the right, each ended
// by a zero, with the octets 0 and 1 within labels escaped so that the zero stays the lowest. Zeros fill it up to a
// multiple of eight, one at least, so that no key is the start of another one and none is read into the next.
func sortKey[T octets](key []byte, rel T) []byte {
	var off [128]uint8
	for i := labelStarts(rel, &off) - 1; i >= 0; i-- {
		p := int(off[i])
		for i := p + 1; i <= p+int(rel[p]); i++ {
			if c := rel[i]; c <= 1 {
				key = append(key, 1, c+1)
			} else {
				key = append(key, rel[i])
			}
		}
		key = append(key, 0)
	}
	key = append(key, 0)
	for len(key)%8 != 0 {
		key = append(key, 0)
	}
	return key
}

// canonicalOrder returns the numbers 0 … n-1 in canonical order of the names rel(i), which are all different. It costs
// one pass where they stand in order already, as those of most files do.
func canonicalOrder[T octets](n int, rel func(i uint32) T) []uint32 {
	order := make([]uint32, n)
	sorted := true
	for i := range order {
		order[i] = uint32(i)
		sorted = sorted && (i == 0 || compareNames(rel(uint32(i-1)), rel(uint32(i))) < 0)
	}
	if sorted {
		return order
	}
	var keys []byte
	items := make([]sortItem, n)
	for i := range items {
		items[i] = sortItem{id: uint32(i), key: uint32(len(keys) / 8)}
		keys = sortKey(keys, rel(uint32(i)))
	}
	sortByKey(items, keys, 0)
	for i, it := range items {
		order[i] = it.id
	}
	return order
}

// sortItem is a name to be sorted: eight octets of its key, and where the key starts, in units of eight.
type sortItem struct {
	word    uint64
	key, id uint32
}

// sortByKey sorts items, whose keys agree before octet depth: by eight octets, then each run of equals by the next
// eight. Names that are numbered share their starts: comparing whole keys would visit the same octets, and miss the
// cache, in every comparison.
func sortByKey(items []sortItem, keys []byte, depth int) {
	for i := range items {
		items[i].word = binary.BigEndian.Uint64(keys[int(items[i].key)*8+depth:])
	}
	slices.SortFunc(items, func(a, b sortItem) int { return cmp.Compare(a.word, b.word) })
	for from := 0; from < len(items); {
		to := from + 1
		for to < len(items) && items[to].word == items[from].word {
			to++
		}
		if to-from > 1 {
			sortByKey(items[from:to], keys, depth+8)
		}
		from = to
	}
}
