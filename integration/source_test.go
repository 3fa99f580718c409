package integration

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// What is served when files or directories are not what they should be: everything that was, and nothing of what is broken.

const wentAway = "example.org."

// newTwo serves two zones.
func newTwo(t *testing.T) *node {
	t.Helper()
	n := newNode(t, "")
	n.write("zones/example.com.zone", numbered(1))
	n.write("zones/example.org.zone", numbered(1))
	n.start()
	n.serves(example, 1)
	n.serves(wentAway, 1)
	return n
}

// problem waits until status shows a problem of the whole that has the text; an empty text: until it shows none.
func (n *node) problem(text string) {
	n.t.Helper()
	eventually(n.t, "status shows the problem "+text, func() (bool, string) {
		st := n.status()
		if text == "" {
			return len(st.Problems) == 0, strings.Join(st.Problems, "\n")
		}
		return slices.ContainsFunc(st.Problems, func(p string) bool { return strings.Contains(p, text) }), strings.Join(st.Problems, "\n")
	})
}

func (n *node) refused(zone string) {
	n.t.Helper()
	eventually(n.t, zone+" is refused", func() (bool, string) {
		r := dig(n.t, n.addr, zone, dns.TypeSOA)
		return r.Rcode == dns.RcodeRefused, dns.RcodeToString[r.Rcode]
	})
}

// A zone whose file vanishes is served on until somebody says that it is meant.
func TestForget(t *testing.T) {
	t.Parallel()
	n := newTwo(t)
	if r := n.run("zone", "forget", "example.org"); r.code != 1 || !strings.Contains(r.stderr, "still has its file") {
		t.Errorf("forget while the file is there: %s; want exit 1", r)
	}
	if err := os.Remove(n.path("zones/example.org.zone")); err != nil {
		t.Fatal(err)
	}
	n.state(wentAway, "source gone", `"mangrove zone forget example.org`)
	n.serves(wentAway, 1)
	n.stop()
	n.start()
	n.state(wentAway, "source gone", `"mangrove zone forget example.org`)
	n.serves(wentAway, 1)

	// It comes back by itself when the file does.
	n.write("zones/example.org.zone", numbered(2))
	n.serves(wentAway, 2)
	n.state(wentAway, "ok", "")
	if err := os.Remove(n.path("zones/example.org.zone")); err != nil {
		t.Fatal(err)
	}
	n.state(wentAway, "source gone", "")

	n.must("zone", "forget", "example.org")
	n.refused(wentAway)
	n.serves(example, 1)
	n.stop()
	n.start()
	n.serves(example, 1)
	n.refused(wentAway)
	if st := n.status(); len(st.Zones) != 1 {
		t.Errorf("status shows %d zones after one was forgotten, want 1", len(st.Zones))
	}
	n.write("zones/example.org.zone", numbered(3))
	n.serves(wentAway, 3)
}

func TestDirectoryEmptied(t *testing.T) {
	t.Parallel()
	n := newTwo(t)
	for _, name := range []string{"example.com.zone", "example.org.zone"} {
		if err := os.Remove(n.path("zones/" + name)); err != nil {
			t.Fatal(err)
		}
	}
	n.state(example, "source gone", "the file is gone")
	n.state(wentAway, "source gone", "the file is gone")
	n.serves(example, 1)
	n.serves(wentAway, 1)
	n.kill()
	n.start()
	n.serves(example, 1)
	n.serves(wentAway, 1)
	n.state(example, "source gone", "")

	n.write("zones/example.com.zone", numbered(2))
	n.serves(example, 2)
	n.state(example, "ok", "")
	n.serves(wentAway, 1)
}

// A directory that can't be read: a volume that is not mounted, a file in its place.
func TestDirectoryUnreadable(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(dir string) error{
		"gone":              func(string) error { return nil },
		"not a directory":   func(dir string) error { return os.WriteFile(dir, nil, 0o600) },
		"a link to nowhere": func(dir string) error { return os.Symlink("nowhere", dir) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newTwo(t)
			dir, away := n.path("zones"), n.path("away")
			if err := errors.Join(os.Rename(dir, away), spoil(dir)); err != nil {
				t.Fatal(err)
			}
			n.problem(filepath.Base(dir) + ": ")
			n.serves(example, 1)
			n.serves(wentAway, 1)
			n.stop()
			n.start()
			n.serves(example, 1)
			n.serves(wentAway, 1)
			n.problem("can't be read")

			writeFile(t, filepath.Join(away, "example.com.zone"), numbered(2))
			if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			if err := os.Rename(away, dir); err != nil {
				t.Fatal(err)
			}
			n.serves(example, 2)
			n.problem("")
			n.state(wentAway, "ok", "")
		})
	}
}

func TestSecondServe(t *testing.T) {
	t.Parallel()
	n := newNumbered(t)
	r := n.run("serve")
	if want := "another mangrove has it open"; r.code != 1 || !strings.Contains(r.stderr, want) || !strings.Contains(r.stderr, "hint:") {
		t.Errorf("a second serve: %s; want exit 1 and %q", r, want)
	}
	n.serves(example, 1)
	if r := n.run("status", "--quiet"); r.code != 0 {
		t.Errorf("status after the second serve: %s", r)
	}
	n.kill()
	if r := n.run("status", "--quiet"); r.code != 1 {
		t.Errorf("status --quiet without a daemon: %s; want exit 1", r)
	}
	n.start()
	n.serves(example, 1)
}
