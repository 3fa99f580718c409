package integration

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// How edits of zone files go live.

func TestEditByRename(t *testing.T) {
	t.Parallel()
	n := newNumbered(t)
	for edit := 2; edit <= 5; edit++ {
		begin := time.Now()
		n.write("zones/example.com.zone", numbered(edit))
		n.serves(example, edit)
		t.Logf("edit by rename: live after %v", time.Since(begin).Round(time.Millisecond))
		if got := serial(t, n.addr, example); got != uint32(edit) {
			t.Errorf("serial %d is served, want the file's, %d", got, edit)
		}
	}
}

// An editor that writes in place and in pieces: no part of it ever goes live.
func TestEditInPieces(t *testing.T) {
	t.Parallel()
	n := newNumbered(t)
	seen := make(map[string]bool)
	stop := meanwhile(t, time.Millisecond, func() bool {
		// The serial is the edit's number. A part of the file would be that serial without the last record.
		before, err1 := askSerial(n.addr, example)
		last, err2 := askEdit(n.addr, "last."+example)
		after, err3 := askSerial(n.addr, example)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Error(err)
			return false
		}
		if before == after {
			seen[fmt.Sprintf("serial %d, last %d", after, last)] = true
		}
		return true
	})
	allowed := map[string]bool{"serial 1, last 1": true}
	for edit := 2; edit <= 6; edit++ {
		if !writeInPieces(t, n.path("zones/example.com.zone"), numbered(edit)) {
			// This machine was too slow: the file rested between two pieces, and what was there may rightly have gone live.
			allowed[fmt.Sprintf("serial %d, last -1", edit)] = true
		}
		n.serves(example, edit)
		allowed[fmt.Sprintf("serial %d, last %d", edit, edit)] = true
	}
	stop()
	for s := range seen {
		if !allowed[s] {
			t.Errorf("part of an edit was served: %s", s)
		}
	}
	if len(seen) < 3 {
		t.Errorf("only %v was seen", seen)
	}
}

// writeInPieces writes a file anew in ten pieces with pauses, and reports whether it never rested long on the way.
func writeInPieces(t *testing.T, path, text string) (quick bool) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	quick = true
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	last := time.Now()
	for piece := range slices.Chunk([]byte(text), len(text)/10+1) {
		<-tick.C // an editor's own slowness, not a wait for anything
		if _, err := f.Write(piece); err != nil {
			t.Fatal(err)
		}
		quick = quick && time.Since(last) < 150*time.Millisecond
		last = time.Now()
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return quick
}

// Files that change together, as git checkout has them, go live in one swap.
func TestManyFilesAtOnce(t *testing.T) {
	t.Parallel()
	const count = 30
	n := newNode(t, "")
	if err := os.Mkdir(n.path("next"), 0o700); err != nil {
		t.Fatal(err)
	}
	zone := func(i int) string { return fmt.Sprintf("zone%d.example.", i) }
	// checkout writes the files elsewhere, which may take its time, and puts them in place.
	checkout := func(edit int) (took time.Duration) {
		for i := range count {
			writeFile(t, n.path("next/"+zone(i)+"zone"), numbered(edit))
		}
		begin := time.Now()
		for i := range count {
			if err := os.Rename(n.path("next/"+zone(i)+"zone"), n.path("zones/"+zone(i)+"zone")); err != nil {
				t.Fatal(err)
			}
		}
		return time.Since(begin)
	}
	checkout(1)
	n.start()

	// Two zones are asked one after the other, in both orders. Where the first answers an edit, the second, asked after, must
	// have it too.
	var mu sync.Mutex
	torn := make(map[int]string)
	var watchers []func()
	for _, pair := range [][2]string{{zone(0), zone(count - 1)}, {zone(count - 1), zone(0)}, {zone(7), zone(3)}} {
		watchers = append(watchers, meanwhile(t, time.Millisecond, func() bool {
			a, err1 := askEdit(n.addr, "first."+pair[0])
			b, err2 := askEdit(n.addr, "first."+pair[1])
			if err := errors.Join(err1, err2); err != nil {
				t.Error(err)
				return false
			}
			if b < a {
				mu.Lock()
				torn[a] = fmt.Sprintf("%s had edit %d already, and %s %d", pair[0], a, pair[1], b)
				mu.Unlock()
			}
			return true
		}))
	}
	edit, held := 1, 0
	eventually(t, "eight edits were made fast enough", func() (bool, string) {
		edit++
		took := checkout(edit)
		for i := range count {
			n.serves(zone(i), edit)
		}
		mu.Lock()
		text := torn[edit]
		mu.Unlock()
		if took < 100*time.Millisecond { // files rest for 200 ms: whoever is slower makes several changes
			held++
			if text != "" {
				t.Errorf("edit %d went live in parts: %s", edit, text)
			}
		}
		return held == 8, fmt.Sprintf("%d of %d were", held, edit-1)
	})
	for _, stop := range watchers {
		stop()
	}
}

// A file that is cut off keeps what was good, also across a restart, and says so until it is whole again.
func TestTruncatedFile(t *testing.T) {
	t.Parallel()
	n := newNumbered(t)
	whole := numbered(2) + "@ IN TXT ( \"one\"\n \"two\" )\n"
	if err := os.WriteFile(n.path("zones/example.com.zone"), []byte(whole[:len(whole)-3]), 0o600); err != nil {
		t.Fatal(err)
	}
	const problem = "example.com.zone:"
	n.state(example, "broken", problem)
	n.serves(example, 1)
	if out := n.run("status").stdout; !strings.Contains(out, "BROKEN") || !strings.Contains(out, problem) {
		t.Errorf("status does not show the broken file:\n%s", out)
	}
	if r := n.run("check"); r.code != 1 || !strings.Contains(r.stdout, problem) {
		t.Errorf("check of a broken file: %s; want exit 1", r)
	}
	before := serial(t, n.addr, example)

	n.stop()
	n.start()
	n.serves(example, 1)
	n.state(example, "broken", problem)
	if after := serial(t, n.addr, example); newer(before, after) {
		t.Errorf("serial %d after the restart, %d before", after, before)
	}
	n.kill()
	n.start()
	n.serves(example, 1)
	n.state(example, "broken", problem)

	n.write("zones/example.com.zone", whole)
	n.serves(example, 2)
	n.state(example, "ok", "")
}

// Links are swapped as people and Kubernetes do it.
func TestSymlinkSwap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		// links are made once; swap is the link that is changed from v1 to v2.
		links map[string]string
		swap  string
	}{
		{"the directory", nil, "zones"},
		{"Kubernetes", map[string]string{"zones/example.com.zone": "..data/example.com.zone"}, "zones/..data"},
		{"one file", map[string]string{"zones/example.com.zone": "../current"}, "current"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, "")
			base := filepath.Dir(n.path(tt.swap))
			if tt.swap == "zones" {
				if err := os.Remove(n.path("zones")); err != nil {
					t.Fatal(err)
				}
			}
			version := func(edit int) string {
				v := fmt.Sprintf("..v%d", edit)
				file := filepath.Join(base, v)
				if tt.swap != "current" {
					if err := os.Mkdir(file, 0o700); err != nil {
						t.Fatal(err)
					}
					file = filepath.Join(file, "example.com.zone")
				}
				writeFile(t, file, numbered(edit))
				return v
			}
			swap := func(edit int) {
				aside := n.path(tt.swap + ".new")
				if err := errors.Join(os.Symlink(version(edit), aside), os.Rename(aside, n.path(tt.swap))); err != nil {
					t.Fatal(err)
				}
			}
			swap(1)
			for link, to := range tt.links {
				if err := os.Symlink(to, n.path(link)); err != nil {
					t.Fatal(err)
				}
			}
			n.start()
			for edit := 1; edit <= 4; edit++ {
				if edit > 1 {
					swap(edit)
				}
				n.serves(example, edit)
			}
			n.state(example, "ok", "")
		})
	}
}

// Without watching, files are read when somebody says so.
func TestReloadOnRequest(t *testing.T) {
	t.Parallel()
	n := newNode(t, "watch: false\n")
	n.write("zones/example.com.zone", numbered(1))
	n.start()
	n.write("zones/example.com.zone", numbered(2))
	n.write("zones/example.net.zone", numbered(2))
	n.serves(example, 1)
	n.daemon.signal(syscall.SIGHUP)
	n.serves(example, 2)
	n.serves("example.net.", 2)

	n.write("zones/example.com.zone", numbered(3))
	if out, want := n.must("reload"), "2 zones read: no errors, no warnings\n"; out != want {
		t.Errorf("reload says %q, want %q", out, want)
	}
	if got := editOf(t, n.addr, example); got != 3 {
		t.Errorf("edit %d is served when reload has returned, want 3", got)
	}
}

// A file that a zone includes belongs to it.
func TestIncludedFileChanges(t *testing.T) {
	t.Parallel()
	n := newNode(t, "")
	n.write("zones/example.com.zone", apex(1)+"$INCLUDE part.inc\n")
	n.write("zones/part.inc", "first IN TXT \"1\"\n")
	n.start()
	n.serves(example, 1)
	before := serial(t, n.addr, example)
	n.write("zones/part.inc", "first IN TXT \"2\"\n")
	n.serves(example, 2)
	if after := serial(t, n.addr, example); !newer(after, before) {
		t.Errorf("serial %d after the change of the included file, %d before", after, before)
	}
}
