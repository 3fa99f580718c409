package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What becomes durable is handed on once, with what it was made of, also under a generation that nobody published.
func TestHand(t *testing.T) {
	type step struct {
		durable uint64
		want    uint64   // the generation that it was published as; 0: nothing is to be handed
		left    []uint64 // what is remembered then
	}
	for _, c := range []struct {
		name  string
		made  []uint64
		steps []step
	}{
		{"nothing made", nil, []step{{5, 0, nil}}},
		{"of an earlier run", []uint64{6}, []step{{5, 0, []uint64{6}}, {6, 6, []uint64{6}}}},
		{"one by one", []uint64{5, 6}, []step{{5, 5, []uint64{5, 6}}, {5, 0, []uint64{5, 6}}, {6, 6, []uint64{6}}, {6, 0, []uint64{6}}}},
		{"overtaken", []uint64{5, 6, 7}, []step{{7, 7, []uint64{7}}}},
		{"some overtaken", []uint64{5, 6, 7}, []step{{6, 6, []uint64{6, 7}}, {7, 7, []uint64{7}}}},
		{"raised", []uint64{5, 6}, []step{{5, 5, []uint64{5, 6}}, {9, 6, []uint64{6}}, {9, 0, []uint64{6}}}},
		{"raised when it was handed", []uint64{5}, []step{{5, 5, []uint64{5}}, {9, 5, []uint64{5}}, {9, 0, []uint64{5}}}},
		{"raised between", []uint64{5, 9}, []step{{7, 5, []uint64{5, 9}}, {9, 9, []uint64{9}}}},
	} {
		st := &zoneState{}
		for _, g := range c.made {
			st.made = append(st.made, madeOf{generation: g})
		}
		for i, s := range c.steps {
			m, ok := st.hand(s.durable)
			if ok != (s.want > 0) || m.generation != s.want {
				t.Errorf("%s, step %d: handed %d (%t), want %d", c.name, i, m.generation, ok, s.want)
			}
			var left []uint64
			for _, m := range st.made {
				left = append(left, m.generation)
			}
			if d := cmp.Diff(s.left, left); d != "" {
				t.Errorf("%s, step %d: -want +got\n%s", c.name, i, d)
			}
		}
	}
}
