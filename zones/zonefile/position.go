package zonefile

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/mangrove-dns/mangrove/zones"
)

// place is where one record stands, in 16 octets. A column above 65535 is kept as 0: not known.
type place struct {
	key  uint64 // hash of owner and type; two that share one get each other's positions, which harms nobody
	line uint32
	file uint16
	col  uint16
}

// positions remembers where each record of a zone stands. Records are added in file order, which is also the order of an
// RRset's data, so the i-th place with a key is record i.
type positions struct {
	seed   maphash.Seed
	files  []string
	places []place
	sorted sync.Once
}

func (p *positions) key(owner zones.Name, typ uint16) uint64 {
	const odd = 0x9e3779b97f4a7c15
	return maphash.String(p.seed, owner.Wire()) ^ (uint64(typ)+1)*odd
}

func (p *positions) add(owner zones.Name, typ uint16, file, line, col int) {
	if col > 0xffff {
		col = 0
	}
	p.places = append(p.places, place{p.key(owner, typ), uint32(line), uint16(file), uint16(col)})
}

// where returns where record i of the RRset stands. The first call sorts, which most zones never need.
func (p *positions) where(owner zones.Name, typ uint16, i int) zones.Pos {
	p.sorted.Do(func() {
		sortPlaces(p.places)
	})
	key := p.key(owner, typ)
	at, ok := slices.BinarySearchFunc(p.places, key, func(a place, key uint64) int { return cmp.Compare(a.key, key) })
	if at += i; !ok || i < 0 || at >= len(p.places) || p.places[at].key != key {
		return zones.Pos{}
	}
	found := p.places[at]
	return zones.Pos{File: p.files[found.file], Line: int(found.line), Col: int(found.col)}
}

// sortPlaces sorts places by their keys; equal ones keep their order. Keys are hashes: of very many, the upper bits are spread
// evenly, three passes by eleven of them leave next to nothing to do, and comparing would miss the cache most of the time.
func sortPlaces(places []place) {
	if len(places) >= manyPlaces {
		const digit, passes = 11, 3
		var counts [passes][1 << digit]uint32
		for i := range places {
			for pass := range passes {
				counts[pass][digitOf(places[i].key, pass)]++
			}
		}
		from, to := places, make([]place, len(places))
		for pass := range passes {
			sum := uint32(0)
			for i, n := range counts[pass] {
				counts[pass][i] = sum
				sum += n
			}
			for i := range from {
				at := &counts[pass][digitOf(from[i].key, pass)]
				to[*at] = from[i]
				*at++
			}
			from, to = to, from
		}
		copy(places, from) // the passes are odd in number
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.key, b.key) })
}

// manyPlaces is from how many on passes pay.
const manyPlaces = 1 << 12

// digitOf returns eleven of the upper 33 bits of key, those of pass 0 the lowest.
func digitOf(key uint64, pass int) uint64 { return key >> (31 + 11*pass) & (1<<11 - 1) }

// apexPlaces are the places of the first records at the apex of a zone that is packed. What is found in small zones is most
// often found there, and then nobody has to read the file again.
type apexPlaces struct {
	n      int // more than there is room for, or elsewhere than in the zone's own file: none is known
	places [8]place
}

func (a *apexPlaces) note(typ uint16, file int, t token) {
	if a.n < len(a.places) && file == 0 && t.col <= 0xffff {
		a.places[a.n] = place{key: uint64(typ), line: uint32(t.line), col: uint16(t.col)}
		a.n++
		return
	}
	a.n = len(a.places) + 1
}

// where returns where record i of the apex's RRset of a type stands; false where that is not known.
func (a *apexPlaces) where(path string, typ uint16, i int) (zones.Pos, bool) {
	if a.n > len(a.places) {
		return zones.Pos{}, false
	}
	for _, p := range a.places[:a.n] {
		if p.key == uint64(typ) {
			if i--; i < 0 {
				return zones.Pos{File: path, Line: int(p.line), Col: int(p.col)}, true
			}
		}
	}
	return zones.Pos{}, false
}
