package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
)

func FuzzRecipe(f *testing.F) {
	for _, r := range []recipe{
		{},
		{ctimes: []int64{1, -5, 1 << 60}, conf: []byte("health: {}\n"), found: findings{{"", " NS names one server only", 3, 1, zones.Warning, true}, {"zones/x.inc", "text", 1 << 30, 0, zones.Error, false}}},
	} {
		f.Add(r.encode())
	}
	share := func(b []byte) string { return string(b) }
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRecipe(b, share)
		if err != nil {
			return
		}
		again, err := decodeRecipe(r.encode(), share)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(r, again, cmp.AllowUnexported(recipe{}, finding{})); d != "" {
			t.Error(d)
		}
	})
}

func TestRecipeCutShort(t *testing.T) {
	whole := recipe{ctimes: []int64{1, 2}, conf: []byte("edits: auto\n"), found: findings{{"f", "t", 1, 2, zones.Error, true}}}.encode()
	for n := range whole {
		if _, err := decodeRecipe(slices.Clone(whole[:n]), func(b []byte) string { return string(b) }); err == nil {
			t.Errorf("%d of %d octets were taken for a recipe", n, len(whole))
		}
	}
	if _, err := decodeRecipe(append(whole, 0), func(b []byte) string { return string(b) }); err == nil {
		t.Error("more than a recipe was taken for one")
	}
	whole[0]++
	if _, err := decodeRecipe(whole, func(b []byte) string { return string(b) }); err == nil {
		t.Error("a recipe of another revision was taken")
	}
}
