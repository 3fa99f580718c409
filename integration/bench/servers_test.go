package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestConfigurations looks whether each server's configuration names its port, its zones and its files.
func TestConfigurations(t *testing.T) {
	for _, srv := range servers("/bin/mangrove", "/bin/bench", "/bin/floor") {
		for _, workers := range []int{1, 2} {
			s := &setup{dir: t.TempDir(), zoneDir: "/zones-are-here", zones: []string{"a.test", "b.test"}, addr: "127.0.0.1", port: 15353, workers: workers}
			argv, err := srv.command(s)
			if err != nil {
				t.Fatalf("%s: %v", srv.name, err)
			}
			text := strings.Join(argv, " ")
			err = filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
				switch {
				case err != nil || d.IsDir():
					return err
				case d.Type() == fs.ModeSymlink:
					to, err := os.Readlink(path)
					text += " " + to
					return err
				}
				b, err := os.ReadFile(path)
				text += string(b)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"15353", "127.0.0.1"}
			if !srv.floor {
				want = append(want, "/zones-are-here")
			}
			if !srv.floor && srv.name != mangroveName {
				want = append(want, "a.test.zone", "b.test.zone")
			}
			for _, w := range want {
				if !strings.Contains(text, w) {
					t.Errorf("%s, %d workers: nothing says %s:\n%s", srv.name, workers, w, text)
				}
			}
			if strings.Contains(text, "%!") {
				t.Errorf("%s: a format and its arguments do not fit:\n%s", srv.name, text)
			}
		}
	}
}

func TestGdnsdCannotSign(t *testing.T) {
	_, err := gdnsdCommand(&setup{dir: t.TempDir(), signed: true})
	if !errors.Is(err, errCannot) {
		t.Errorf("%v, want %v", err, errCannot)
	}
}

// TestOrder has every server listed once.
func TestOrder(t *testing.T) {
	var names []string
	for _, s := range servers("m", "b", "f") {
		names = append(names, s.name)
		if isFloor(s.name) != s.floor {
			t.Errorf("%s: floor is %v", s.name, s.floor)
		}
	}
	slices.Sort(names)
	if want := slices.Sorted(slices.Values(order)); !slices.Equal(names, want) {
		t.Errorf("servers %v, listed %v", names, want)
	}
}

func TestFileName(t *testing.T) {
	for zone, want := range map[string]string{".": "root.zone", "a.test": "a.test.zone"} {
		if got := fileName(zone); got != want {
			t.Errorf("fileName(%q) = %q, want %q", zone, got, want)
		}
	}
}
