package zonefile

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSortPlaces holds the passes to a plain stable sort: with keys that are spread, that share upper or lower bits, and that repeat.
func TestSortPlaces(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		masks := []uint64{^uint64(0), 0xffffffff, 0xffffffff << 32, 0x7ff << 42, 0xff << 28, 0}
		mask := masks[r.IntN(len(masks))]
		places := make([]place, manyPlaces-2+r.IntN(3*manyPlaces))
		for i := range places {
			places[i] = place{key: r.Uint64() & mask, line: uint32(i)}
			if i > 0 && r.IntN(3) == 0 {
				places[i].key = places[r.IntN(i)].key
			}
		}
		want := slices.Clone(places)
		slices.SortStableFunc(want, func(a, b place) int { return cmp.Compare(a.key, b.key) })
		sortPlaces(places)
		if !slices.Equal(places, want) {
			t.Fatalf("seed %d: not in order", seed)
		}
	}
}
