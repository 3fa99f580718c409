package store_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/store"
	"github.com/mangrove-dns/mangrove/zones/store/storetest"
)

// open opens the store in dir, and checks and closes it when the test ends.
func open(t *testing.T, dir string, o store.Options) *store.Bolt {
	t.Helper()
	o.NoSync = true
	s, err := store.OpenBolt(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !t.Failed() {
			for _, f := range s.Check(context.WithoutCancel(t.Context())) {
				t.Errorf("check: %s", f)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestBoltConformance(t *testing.T) {
	storetest.RunConformance(t, func(t *testing.T, place string) store.Store {
		s, err := store.OpenBolt(place, store.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.Options{})
	for _, o := range []store.Options{{Timeout: time.Millisecond}, {Timeout: time.Millisecond, ReadOnly: true}} {
		if _, err := store.OpenBolt(dir, o); !errors.Is(err, store.ErrLocked) {
			t.Errorf("%+v: error is %v, want ErrLocked", o, err)
		}
	}
	if err := s.SetMeta(t.Context(), "k", nil); err != nil { // the first opener is not disturbed
		t.Error(err)
	}
}

func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	if _, err := store.OpenBolt(dir, store.Options{ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v, want fs.ErrNotExist", err)
	}
	if ok, err := store.Exists(dir); ok || err != nil {
		t.Errorf("exists: %t, %v", ok, err)
	}
	s, err := store.OpenBolt(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetMeta(t.Context(), "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if ok, err := store.Exists(dir); !ok || err != nil {
		t.Errorf("exists: %t, %v", ok, err)
	}
	r1, r2 := open(t, dir, store.Options{ReadOnly: true}), open(t, dir, store.Options{ReadOnly: true})
	for _, r := range []*store.Bolt{r1, r2} {
		if v, err := r.Meta(t.Context(), "k"); err != nil || string(v) != "v" {
			t.Errorf("got %q, %v", v, err)
		}
		if err := r.SetMeta(t.Context(), "k", nil); !errors.Is(err, store.ErrReadOnly) {
			t.Errorf("error is %v, want ErrReadOnly", err)
		}
	}
}

func TestBackupOpens(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{})
	z := storetest.Zone(t, "example.org.", "@ SOA ns host 7 1 1 1 1", "www A 192.0.2.1")
	v := store.Version{Origin: z.Origin(), Generation: 1, To: 7, Zone: z}
	if err := s.AppendServed(t.Context(), []store.Version{v}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := s.Backup(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	restored := open(t, restore(t, &b), store.Options{})
	got, err := restored.Served(t.Context(), z.Origin())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := storetest.Text(got), storetest.Text(z); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// restore unpacks a backup into a directory.
func restore(t *testing.T, backup io.Reader) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for in := tar.NewReader(backup); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(in)
		path := filepath.Join(dir, h.Name)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, b, h.FileInfo().Mode())); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBackupBeside backs a store up while it is written to: each backup is one moment of it, and whole.
func TestBackupBeside(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{JournalEntries: 4})
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		var last *zones.Zone
		for serial := uint32(1); ; serial++ {
			z := crashVersion(noTest{}, serial)
			v := store.Version{Origin: crashZone, Prev: uint64(serial - 1), Generation: uint64(serial), From: serial - 1, To: serial, Zone: z, Changes: zones.Diff(last, z)}
			last = z
			err := errors.Join(s.AppendServed(context.Background(), []store.Version{v}),
				s.SaveLoaded(context.Background(), store.Loaded{Source: store.Source{Origin: crashZone}, Zone: z}), s.Maintain(context.Background()))
			select {
			case <-stop:
				done <- err
				return
			default:
			}
			if err != nil {
				done <- err
				return
			}
		}
	}()
	for range 5 {
		var b bytes.Buffer
		if err := s.Backup(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		r, err := store.OpenBolt(restore(t, &b), store.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Check(t.Context()) {
			t.Errorf("check: %s", f)
		}
		if h, known, err := r.Head(t.Context(), crashZone); err != nil {
			t.Error(err)
		} else if known {
			z, err := r.Served(t.Context(), crashZone)
			if err != nil {
				t.Fatal(err)
			}
			if storetest.Text(z) != storetest.Text(crashVersion(t, h.Serial)) {
				t.Errorf("serial %d is not what was written", h.Serial)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNotAStore(t *testing.T) {
	for name, content := range map[string][]byte{
		"text":  bytes.Repeat([]byte("this is no database\n"), 10_000),
		"short": []byte("x"),
		"zeros": make([]byte, 64<<10),
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, store.FileName), content, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, readOnly := range []bool{false, true} {
			s, err := store.OpenBolt(dir, store.Options{ReadOnly: readOnly})
			if err == nil {
				t.Errorf("%s: opened", name)
				_ = s.Close()
			} else if !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("%s: error is %v, want ErrCorrupt", name, err)
			}
		}
	}
	t.Run("empty file to read", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, store.FileName), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := store.OpenBolt(dir, store.Options{ReadOnly: true}); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("error is %v, want ErrCorrupt", err)
		}
	})
}

// TestJournalBounds: the oldest entries go, and what is too large to keep is kept as a whole.
func TestJournalBounds(t *testing.T) {
	org := zones.MustParseName("example.org.")
	s := open(t, t.TempDir(), store.Options{JournalEntries: 5, JournalBytes: 4000})
	var last *zones.Zone
	gen := uint64(0)
	add := func(lines ...string) {
		t.Helper()
		z := storetest.Zone(t, "example.org.", append(lines, "@ SOA ns host "+string('1'+byte(gen))+" 1 1 1 1")...)
		v := store.Version{Origin: org, Prev: gen, Generation: gen + 1, To: z.Serial(), Zone: z, Changes: zones.Diff(last, z)}
		if last != nil {
			v.From = last.Serial()
		}
		if err := s.AppendServed(t.Context(), []store.Version{v}); err != nil {
			t.Fatal(err)
		}
		last, gen = z, v.Generation
	}
	journal := func(from uint32) int {
		es, err := s.Journal(t.Context(), org, from)
		if errors.Is(err, store.ErrNotFound) {
			return -1
		}
		if err != nil {
			t.Fatal(err)
		}
		return len(es)
	}
	for range 7 {
		add()
	}
	for from, want := range map[uint32]int{1: -1, 2: 5, 3: 4, 7: 0} {
		if got := journal(from); got != want {
			t.Errorf("from %d: %d entries, want %d", from, got, want)
		}
	}
	var big []string
	for i := range 200 {
		big = append(big, "h"+string('a'+byte(i%26))+string('a'+byte(i/26))+" A 192.0.2.1")
	}
	add(big...)
	if got := journal(7); got != -1 {
		t.Errorf("a change beyond the bound was kept: %d entries", got)
	}
	h, err := s.History(t.Context(), org, 1)
	if err != nil || !h[0].Whole || h[0].From != 7 || h[0].To != 8 {
		t.Errorf("got %+v, %v", h, err)
	}
	got, err := s.Served(t.Context(), org)
	if err != nil {
		t.Fatal(err)
	}
	if storetest.Text(got) != storetest.Text(last) {
		t.Error("the image is not the version")
	}
	add(append(big, "more A 192.0.2.9")...)
	if got := journal(8); got != 1 {
		t.Errorf("%d entries after the whole one, want 1", got)
	}
}

func TestEventBound(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{Events: 3})
	for i := range 5 {
		if err := s.AddEvents(t.Context(), store.Event{Kind: string('a' + byte(i))}); err != nil {
			t.Fatal(err)
		}
	}
	es, err := s.Events(t.Context(), zones.Name{}, 100)
	if err != nil || len(es) != 3 || es[0].Kind != "e" || es[2].Kind != "c" {
		t.Errorf("got %v, %v", es, err)
	}
}
