package zonefile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"
)

// deadline is for what must happen; no test waits for it unless it fails.
const deadline = 30 * time.Second

// watching is a watcher that runs, and what it delivered.
type watching struct {
	t       *testing.T
	w       *Watcher
	dir     string
	batches chan Batch
}

// watch runs a watcher of dir until the test ends. Without a Poll in o, it has events alone.
func watch(t *testing.T, dir string, o WatchOptions, set func(*Watcher)) *watching {
	t.Helper()
	o.Dir = dir
	if o.Settle == 0 {
		o.Settle = 20 * time.Millisecond
	}
	if o.Poll == 0 {
		o.Poll = -1
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	x := &watching{t: t, w: NewWatcher(o), dir: dir, batches: make(chan Batch, 100)}
	if set != nil {
		set(x.w)
	}
	if _, err := x.w.Scan(); err != nil {
		t.Fatal(err)
	}
	x.run()
	return x
}

func (x *watching) run() {
	ctx, cancel := context.WithCancel(x.t.Context())
	done := make(chan error, 1)
	go func() { done <- x.w.Run(ctx, func(b Batch) { x.batches <- b }) }()
	x.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			x.t.Errorf("Run: %v", err)
		}
	})
}

// next returns the next batch.
func (x *watching) next() Batch {
	x.t.Helper()
	select {
	case b := <-x.batches:
		return b
	case <-time.After(deadline):
		x.t.Fatal("no batch")
		panic("unreachable")
	}
}

// until gathers batches until all that is wanted has been reported, by names in the directory, "-" before those that are gone.
// Other changes of the same files may come too; others must not.
func (x *watching) until(want ...string) {
	x.t.Helper()
	missing := slices.Clone(want)
	for len(missing) > 0 {
		b := x.next()
		if b.DirError != nil {
			x.t.Fatalf("the directory has an error: %v", b.DirError)
		}
		for _, got := range x.names(b) {
			if !slices.Contains(want, got) {
				x.t.Errorf("reported %s, want %v", got, want)
			}
			missing = slices.DeleteFunc(missing, func(s string) bool { return s == got })
		}
	}
}

func (x *watching) names(b Batch) []string {
	var names []string
	for _, path := range b.Changed {
		names = append(names, x.name(path))
	}
	for _, path := range b.Gone {
		names = append(names, "-"+x.name(path))
	}
	return names
}

func (x *watching) name(path string) string {
	rel, err := filepath.Rel(x.dir, path)
	if err != nil {
		x.t.Fatal(err)
	}
	return rel
}

// untilError waits for a batch with a DirError like want; nothing may be gone until then.
func (x *watching) untilError(want error) {
	x.t.Helper()
	for {
		b := x.next()
		if len(b.Gone) > 0 {
			x.t.Errorf("gone: %v, though the directory says nothing", b.Gone)
		}
		if errors.Is(b.DirError, want) || b.DirError == nil && want == nil {
			return
		}
	}
}

// rescan asks for a rescan and gathers what is reported until it is over.
func (x *watching) rescan() []string {
	x.t.Helper()
	x.w.Rescan()
	var names []string
	for {
		b := x.next()
		names = append(names, x.names(b)...)
		if b.Rescanned {
			return names
		}
	}
}

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("a.zone"), "1")
	write(t, at("b.zone"), "1")
	write(t, at("b.yaml"), "1")
	x := watch(t, dir, WatchOptions{Watch: true}, nil)

	write(t, at("a.zone"), "12")
	x.until("a.zone")

	write(t, at("new.zone"), "1")
	write(t, at("new.yaml"), "1")
	x.until("new.zone", "new.yaml")

	// As editors do: a new file is renamed over the old one.
	write(t, at(".a.zone.swp"), "x")
	write(t, at("a.zone~"), "x")
	write(t, at("4913"), "x")
	write(t, at("tmp"), "123")
	rename(t, at("tmp"), at("a.zone"))
	x.until("a.zone")

	remove(t, at("b.yaml"))
	x.until("-b.yaml")

	// The old time and the same size, as rsync and "cp -p" leave them.
	info, err := os.Stat(at("b.zone"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, at("b.zone"), "2")
	if err := os.Chtimes(at("b.zone"), info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	x.until("b.zone")

	rename(t, at("b.zone"), at("c.zone"))
	x.until("-b.zone", "c.zone")

	if got := x.rescan(); len(got) != 0 {
		t.Errorf("left over: %v", got)
	}
}

// TestTogether has all that comes at once in one batch: a rest that no test machine exceeds between two writes.
func TestTogether(t *testing.T) {
	dir := t.TempDir()
	x := watch(t, dir, WatchOptions{Watch: true, Settle: time.Second}, nil)
	var want []string
	for i := range 50 {
		name := fmt.Sprintf("z%02d.zone", i)
		if err := os.WriteFile(filepath.Join(dir, name), []byte("1"), 0o644); err != nil { // made, then written
			t.Fatal(err)
		}
		want = append(want, name)
	}
	if diff := cmp.Diff(want, x.names(x.next())); diff != "" {
		t.Errorf("first batch (-want +got):\n%s", diff)
	}
}

func TestScan(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.zone", "a.yaml", ".b.zone", "#c.zone#", "d.zone~", "notes.txt"} {
		write(t, filepath.Join(dir, name), "1")
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "e.zone")); err != nil {
		t.Fatal(err)
	}
	files, err := NewWatcher(WatchOptions{Dir: dir}).Scan()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		got = append(got, filepath.Base(f.Path))
		if f.Stamp != Stat(f.Path).Stamp || f.Err != nil {
			t.Errorf("%+v is not as it is now", f)
		}
	}
	if diff := cmp.Diff([]string{"a.yaml", "a.zone"}, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if _, err := NewWatcher(WatchOptions{Dir: filepath.Join(dir, "none")}).Scan(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
}

// TestChangedBeforeRun has a change between Scan and Run: before there are events.
func TestChangedBeforeRun(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.zone"), "1")
	x := watch(t, dir, WatchOptions{Watch: true}, func(w *Watcher) {
		inner := w.newEvents
		w.newEvents = func() (eventSource, error) {
			write(t, filepath.Join(dir, "a.zone"), "12")
			return inner()
		}
	})
	x.until("a.zone")
}

func TestWithoutScan(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.zone"), "1")
	x := &watching{t: t, dir: dir, batches: make(chan Batch, 100),
		w: NewWatcher(WatchOptions{Dir: dir, Watch: true, Poll: -1, Settle: time.Millisecond})}
	x.run()
	x.until("a.zone")
}

func TestNotWatching(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.zone"), "1")
	x := watch(t, dir, WatchOptions{Poll: time.Millisecond}, func(w *Watcher) {
		w.newEvents = func() (eventSource, error) {
			t.Error("watches, though it was not to")
			return nil, errors.New("none")
		}
	})
	write(t, filepath.Join(dir, "a.zone"), "12")
	write(t, filepath.Join(dir, "b.zone"), "1")
	if diff := cmp.Diff([]string{"a.zone", "b.zone"}, x.rescan()); diff != "" {
		t.Errorf("rescan (-want +got):\n%s", diff)
	}
	if got := x.rescan(); len(got) != 0 {
		t.Errorf("second rescan: %v", got)
	}
}

func TestExtra(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("a.zone"), "1")
	write(t, at("hosts"), "1")
	conf, later := filepath.Join(other, "mangrove.yaml"), filepath.Join(other, "sub", "later")
	write(t, conf, "1")
	x := watch(t, dir, WatchOptions{Watch: true}, nil)
	known := []File{Stat(at("hosts")), Stat(conf), Stat(later), Stat(at("a.zone"))}
	x.w.SetExtra(known)

	write(t, conf, "12")
	x.until(x.name(conf))
	write(t, at("hosts"), "12")
	x.until("hosts")
	if err := os.Mkdir(filepath.Dir(later), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, later, "1")
	x.until(x.name(later))
	remove(t, later)
	x.until("-" + x.name(later))
	rename(t, conf, conf+".old")
	x.until("-" + x.name(conf))
	rename(t, conf+".old", conf)
	x.until(x.name(conf))

	// Named again, as they are; one that changed since it was read.
	stale := Stat(at("hosts"))
	x.w.SetExtra([]File{Stat(conf)})
	if got := x.rescan(); len(got) != 0 {
		t.Errorf("reported %v, want nothing", got)
	}
	write(t, at("hosts"), "123")
	if got := x.rescan(); len(got) != 0 {
		t.Errorf("reported %v, want nothing of what is no longer named", got)
	}
	x.w.SetExtra([]File{Stat(conf), stale})
	x.until("hosts")
}

// TestKubernetes swaps the files as a ConfigMap volume does: each is a link over ..data, which is replaced.
func TestKubernetes(t *testing.T) {
	dir := t.TempDir()
	at := func(names ...string) string { return filepath.Join(append([]string{dir}, names...)...) }
	version := func(name, text string) {
		mkdir(t, at(name))
		write(t, at(name, "a.zone"), text)
		write(t, at(name, "b.zone"), text)
	}
	version("..1", "1")
	symlink(t, "..1", at("..data"))
	symlink(t, "..data/a.zone", at("a.zone"))
	symlink(t, "..data/b.zone", at("b.zone"))
	x := watch(t, dir, WatchOptions{Watch: true}, nil)

	version("..2", "2")
	symlink(t, "..2", at("..data_tmp"))
	rename(t, at("..data_tmp"), at("..data"))
	if err := os.RemoveAll(at("..1")); err != nil {
		t.Fatal(err)
	}
	x.until("a.zone", "b.zone")

	version("..3", "2") // the same text in other files
	write(t, at("..3", "c.zone"), "3")
	symlink(t, "..data/c.zone", at("c.zone"))
	symlink(t, "..3", at("..data_tmp"))
	rename(t, at("..data_tmp"), at("..data"))
	x.until("a.zone", "b.zone", "c.zone")

	// The file itself, behind its links.
	write(t, at("..3", "b.zone"), "33")
	x.until("b.zone")
}

// TestSwappedDirectory is "ln -sfn releases/2 zones".
func TestSwappedDirectory(t *testing.T) {
	top := t.TempDir()
	at := func(names ...string) string { return filepath.Join(append([]string{top}, names...)...) }
	for _, release := range []string{"1", "2"} {
		mkdir(t, at(release))
		write(t, at(release, "a.zone"), release)
		write(t, at(release, release+".zone"), release)
	}
	symlink(t, "1", at("zones"))
	x := watch(t, at("zones"), WatchOptions{Watch: true}, nil)

	symlink(t, "2", at("tmp"))
	rename(t, at("tmp"), at("zones"))
	x.until("a.zone", "2.zone", "-1.zone")

	// The new directory is watched, by its own name.
	write(t, at("2", "a.zone"), "22")
	x.until("a.zone")
	write(t, at("1", "a.zone"), "11")
	write(t, at("2", "2.zone"), "22")
	x.until("2.zone")
}

func TestDirectory(t *testing.T) {
	top := t.TempDir()
	dir, away := filepath.Join(top, "zones"), filepath.Join(top, "away")
	mkdir(t, dir)
	write(t, filepath.Join(dir, "a.zone"), "1")
	write(t, filepath.Join(dir, "b.zone"), "1")
	write(t, filepath.Join(dir, "hosts"), "1")
	x := watch(t, dir, WatchOptions{Watch: true}, nil)
	x.w.SetExtra([]File{Stat(filepath.Join(dir, "hosts"))})

	rename(t, dir, away)
	x.untilError(fs.ErrNotExist)
	rename(t, away, dir)
	x.untilError(nil)

	// Another directory of the same name, with one file changed, one gone.
	rename(t, dir, away)
	x.untilError(fs.ErrNotExist)
	mkdir(t, away+"2")
	write(t, filepath.Join(away+"2", "a.zone"), "12")
	write(t, filepath.Join(away+"2", "hosts"), "1")
	rename(t, away+"2", dir)
	x.until("a.zone", "-b.zone", "hosts")
	write(t, filepath.Join(dir, "a.zone"), "123")
	x.until("a.zone")

	remove(t, filepath.Join(dir, "a.zone")) // first: without it, the directory says nothing of hosts, however long the rest takes
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	x.untilError(fs.ErrNotExist)
	mkdir(t, dir)
	x.untilError(ErrEmptied)
	write(t, filepath.Join(dir, "c.zone"), "1")
	x.until("-a.zone", "-hosts", "c.zone")

	remove(t, filepath.Join(dir, "c.zone"))
	x.untilError(ErrEmptied)
	write(t, filepath.Join(dir, "c.zone"), "2")
	x.until("c.zone")
}

// TestNotADirectory is a directory that is there and cannot be read, for any user.
func TestNotADirectory(t *testing.T) {
	top := t.TempDir()
	dir, away := filepath.Join(top, "zones"), filepath.Join(top, "away")
	mkdir(t, dir)
	write(t, filepath.Join(dir, "a.zone"), "1")
	x := watch(t, dir, WatchOptions{Watch: true}, nil)
	rename(t, dir, away)
	write(t, dir, "not a directory")
	x.untilError(syscall.ENOTDIR)
	remove(t, dir)
	rename(t, away, dir)
	x.untilError(nil)
	write(t, filepath.Join(dir, "a.zone"), "12")
	x.until("a.zone")
}

func TestUnreadableDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.zone"), "1")
	x := watch(t, dir, WatchOptions{Watch: true}, nil)
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
	if _, err := os.ReadDir(dir); err == nil {
		t.Skip("this user may read everything: run the tests as another than root")
	}
	x.untilError(fs.ErrPermission)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	x.untilError(nil)
	write(t, filepath.Join(dir, "a.zone"), "12")
	x.until("a.zone")
}

// noEvents is a source of events that has none but those of a test.
type noEvents struct {
	events chan fsnotify.Event
	errs   chan error
	added  chan string
}

func (s noEvents) Add(dir string) error          { s.added <- dir; return nil }
func (s noEvents) Remove(string) error           { return nil }
func (s noEvents) Events() <-chan fsnotify.Event { return s.events }
func (s noEvents) Errors() <-chan error          { return s.errs }
func (s noEvents) Close() error                  { return nil }

func silent() noEvents {
	return noEvents{make(chan fsnotify.Event), make(chan error), make(chan string, 100)}
}

func TestOverflow(t *testing.T) {
	dir := t.TempDir()
	src := silent()
	x := watch(t, dir, WatchOptions{Watch: true}, func(w *Watcher) { w.newEvents = func() (eventSource, error) { return src, nil } })
	if got := x.rescan(); len(got) != 0 { // it has looked, and found nothing
		t.Fatalf("got %v", got)
	}
	write(t, filepath.Join(dir, "a.zone"), "1")
	src.errs <- fsnotify.ErrEventOverflow
	x.until("a.zone")
}

func TestPoll(t *testing.T) {
	for _, tt := range []struct {
		name   string
		source func() (eventSource, error)
		log    string
	}{
		{"silent events", func() (eventSource, error) { return silent(), nil }, ""},
		{"no events", func() (eventSource, error) { return nil, errors.New("too many watches") },
			`level=WARN msg="changed zone files are found by polling alone: the system's events cannot be used" err="too many watches" poll=10ms`},
		{"events that end", func() (eventSource, error) {
			s := silent()
			close(s.events)
			close(s.errs)
			return s, nil
		}, `level=WARN msg="changed zone files are found by polling alone: the system's events have ended" err=closed poll=10ms`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			var log strings.Builder
			x := watch(t, dir, WatchOptions{Watch: true, Poll: 10 * time.Millisecond, Log: slog.New(slog.NewTextHandler(&log, nil))},
				func(w *Watcher) { w.newEvents = tt.source })
			write(t, filepath.Join(dir, "a.zone"), "1")
			x.until("a.zone")
			write(t, filepath.Join(dir, "a.zone"), "12")
			x.until("a.zone")
			x.rescan() // Run's log is written before this is delivered
			if got := log.String(); !strings.Contains(got, tt.log) || tt.log == "" && got != "" {
				t.Errorf("log: got %q, want %q", got, tt.log)
			}
		})
	}
}

// TestSlowReader has changes while a batch is being loaded: they are in the next one.
func TestSlowReader(t *testing.T) {
	dir := t.TempDir()
	w := NewWatcher(WatchOptions{Dir: dir, Watch: true, Settle: time.Millisecond, Poll: -1})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	write(t, filepath.Join(dir, "a.zone"), "1")
	var got []string
	err := w.Run(ctx, func(b Batch) {
		for _, path := range b.Changed {
			got = append(got, filepath.Base(path))
		}
		switch {
		case len(got) == 1 && !b.Rescanned: // a change and a rescan, from within
			write(t, filepath.Join(dir, "b.zone"), "1")
			w.Rescan()
		case b.Rescanned:
			cancel()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.zone", "b.zone"}, got); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
}

func TestHops(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	mkdir(t, at("x"))
	mkdir(t, at("x/y"))
	write(t, at("x/y/file"), "1")
	symlink(t, "x", at("l"))
	symlink(t, at("l/y"), at("abs"))
	symlink(t, "../../abs/file", at("x/y/up"))
	symlink(t, "loop2", at("loop"))
	symlink(t, "loop", at("loop2"))
	for _, tt := range []struct {
		path, want, resolved string
	}{
		{"x/y/file", "x/y/file", "x/y/file"},
		{"x/./y/../y/file", "x/y/file", "x/y/file"},
		{"l/y/file", "l x/y/file", "x/y/file"},
		{"abs/up", "abs l x/y/up abs l x/y/file", "x/y/file"},
		{"l", "l x", "x"},
		{"none/a/b", "none", ""},
		{"l/none", "l x/none", ""},
	} {
		hops, resolved := hopsOf(at(tt.path))
		var got []string
		for _, h := range hops {
			rel, err := filepath.Rel(dir, h.path)
			if err != nil || h.dir != filepath.Dir(h.path) {
				t.Fatalf("hop %v: %v", h, err)
			}
			got = append(got, rel)
		}
		want := ""
		if tt.resolved != "" {
			want = at(tt.resolved)
		}
		if strings.Join(got, " ") != tt.want || resolved != want {
			t.Errorf("%s: got %v -> %s, want %s -> %s", tt.path, got, resolved, tt.want, want)
		}
	}
	if _, resolved := hopsOf(at("loop")); resolved != "" {
		t.Errorf("a loop leads to %s", resolved)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}
