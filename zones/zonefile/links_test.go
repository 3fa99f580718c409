package zonefile

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A link that is found the short way leads over the same entries as it does step by step; the others are not found that way.
func TestShortcut(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(path string) string { return filepath.Join(root, path) }
	for _, dir := range []string{"zones", "data/deep"} {
		if err := os.MkdirAll(at(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(at("data/deep/file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	links := map[string]struct {
		target string
		ok     bool
	}{
		"absolute": {at("data/deep/file"), true},
		"by-link":  {at("current/file"), true},
		"beside":   {"file", false}, // not there
		"up":       {"../data/deep/file", false},
		"twice":    {at("zones/absolute"), false},
		"nowhere":  {at("none/file"), false},
		"loop":     {at("zones/loop"), false},
	}
	if err := os.Symlink(at("data/deep"), at("current")); err != nil {
		t.Fatal(err)
	}
	f := linkFinder{real: at("zones"), dirs: make(map[string]dirHops)}
	for base, l := range links {
		if err := os.Symlink(l.target, at("zones/"+base)); err != nil {
			t.Fatal(err)
		}
	}
	for base, l := range links {
		got, ok := f.shortcut(base)
		if ok != l.ok {
			t.Errorf("%s: ok is %t, want %t", base, ok, l.ok)
		}
		if !ok {
			continue
		}
		hops := slices.Concat([]hop{{f.real, filepath.Join(f.real, base)}}, got.hops, []hop{{got.real, got.path}})
		if want, _ := hopsOf(at("zones/" + base)); !slices.Equal(hops, want) {
			t.Errorf("%s: %v, step by step %v", base, hops, want)
		}
	}
}
