package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/alias"
)

var recipeAliases = []alias.Record{
	{Owner: zones.MustParseName("x.org"), Target: zones.MustParseName("lb.example.net"), TTL: 60, Pos: zones.Pos{File: "x.org.zone", Line: 4, Col: 1}},
	{Owner: zones.MustParseName("*.x.org"), Target: zones.MustParseName("."), TTL: 1<<31 - 1},
}

func TestRecipeAliases(t *testing.T) {
	got, err := decodeRecipe(recipe{aliases: recipeAliases}.encode(), func(b []byte) string { return string(b) })
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(recipeAliases, got.aliases, cmp.Comparer(func(a, b zones.Name) bool { return a == b })); d != "" {
		t.Error(d)
	}
}

func FuzzRecipe(f *testing.F) {
	for _, r := range []recipe{
		{},
		{ctimes: []int64{1, -5, 1 << 60}, conf: []byte("health: {}\n"), found: findings{{"", " NS names one server only", 3, 1, zones.Warning, true}, {"zones/x.inc", "text", 1 << 30, 0, zones.Error, false}}},
		{ctimes: []int64{1}, aliases: recipeAliases},
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
		if d := cmp.Diff(r, again, cmp.AllowUnexported(recipe{}, finding{}), cmp.Comparer(func(a, b zones.Name) bool { return a == b })); d != "" {
			t.Error(d)
		}
	})
}

func TestRecipeCutShort(t *testing.T) {
	whole := recipe{ctimes: []int64{1, 2}, conf: []byte("edits: auto\n"), found: findings{{"f", "t", 1, 2, zones.Error, true}}, aliases: recipeAliases}.encode()
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
