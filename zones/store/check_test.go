package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mangrove-dns/mangrove/zones"
	bolt "go.etcd.io/bbolt"
)

// filled makes a store that holds something of everything, and closes it.
func filled(t *testing.T, dir string) {
	t.Helper()
	s, err := OpenBolt(dir, Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	org := zones.MustParseName("example.org.")
	soa := func(serial byte) zones.RRset {
		return set("example.org.", 6, 60, "\x00\x00\x00\x00\x00"+string(rune(serial))+strings.Repeat("\x00", 16))
	}
	build := func(serial byte, data ...string) *zones.Zone {
		b := zones.NewBuilder(org)
		for _, s := range []zones.RRset{soa(serial), set("www.example.org.", 1, 60, data...), set("mail.example.org.", 1, 60, "1234")} {
			if err := b.AddRRset(s); err != nil {
				t.Fatal(err)
			}
		}
		return b.Zone()
	}
	a, b, c := build(1, "1111"), build(2, "2222"), build(3, "2222", "3333")
	ctx := t.Context()
	for _, err := range []error{
		s.SaveLoaded(ctx, Loaded{Source{Origin: org}, b}),
		s.AppendServed(ctx, []Version{{Origin: org, Generation: 1, To: 1, Zone: a}}),
		s.AppendServed(ctx, []Version{{Origin: org, Prev: 1, Generation: 2, From: 1, To: 2, Zone: b, Changes: zones.Diff(a, b)}}),
		s.AppendServed(ctx, []Version{{Origin: org, Prev: 2, Generation: 3, From: 2, To: 3, Zone: c, Changes: zones.Diff(b, c)}}),
		s.SaveVerdicts(ctx, []Verdict{{Key: "k"}}),
		s.AddEvents(ctx, Event{Kind: "k"}),
		s.SetMeta(ctx, "k", []byte("v")),
		s.SaveMirror(ctx, "p", org, 0, Mirror{1, []byte("live"), bytes.Repeat([]byte("a mirror's base, "), blobChunk/10)}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if f := s.Check(ctx); len(f) > 0 {
		t.Fatal(f)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestCheckFinds damages a store behind its back, and wants to be told of exactly that.
func TestCheckFinds(t *testing.T) {
	org := zones.MustParseName("example.org.")
	key := []byte(org.Wire())
	bucket := func(tx *bolt.Tx, name []byte) *bolt.Bucket { return tx.Bucket(name) }
	// head changes the served head and seals it again, so that its checksum is right.
	head := func(f func(h *servedHead)) func(tx *bolt.Tx) error {
		return func(tx *bolt.Tx) error {
			h, _, err := getServed(tx, org)
			if err != nil {
				return err
			}
			f(&h)
			return putServed(tx, h)
		}
	}
	loaded := func(f func(h *loadedHead)) func(tx *bolt.Tx) error {
		return func(tx *bolt.Tx) error {
			h, err := getLoaded(tx, org)
			if err != nil {
				return err
			}
			f(&h)
			return tx.Bucket(bucketLoaded).Put(key, h.encode())
		}
	}
	record := func(generation uint64, f func(e *entry)) func(tx *bolt.Tx) error {
		return func(tx *bolt.Tx) error {
			k := journalKey(org, generation)
			e, err := decodeEntry(k, bytes.Clone(tx.Bucket(bucketJournal).Get(k)))
			if err != nil {
				return err
			}
			f(&e)
			return tx.Bucket(bucketJournal).Put(k, e.encode())
		}
	}
	flip := func(b, k []byte) func(tx *bolt.Tx) error {
		return func(tx *bolt.Tx) error {
			v := bytes.Clone(tx.Bucket(b).Get(k))
			v[len(v)/2] ^= 4
			return tx.Bucket(b).Put(k, v)
		}
	}
	mirror := append([]byte("p\x00"), key...)
	base := func(n int) []byte { return chunkKey(blobKey(mirror, partBase), n) }
	for name, c := range map[string]struct {
		damage func(tx *bolt.Tx) error
		want   string
	}{
		"loaded head":         {flip(bucketLoaded, key), "loaded version of example.org.: store is damaged: checksum differs"},
		"loaded hash":         {loaded(func(h *loadedHead) { h.hash[0]++ }), "image of example.org.: no such image"},
		"served head":         {flip(bucketServed, key), "served version of example.org.: store is damaged: checksum differs"},
		"served head gone":    {func(tx *bolt.Tx) error { return bucket(tx, bucketServed).Delete(key) }, "journal: holds example.org., which served does not"},
		"serial":              {head(func(h *servedHead) { h.Serial = 2 }), "ends with serial 3 generation 3, not with the newest version, 2 and 3"},
		"base":                {head(func(h *servedHead) { h.base[0]++ }), "image of example.org.: no such image"},
		"base of another":     {head(func(h *servedHead) { h.base = h.hash }), "serial 3: it does not follow the image that it is to be replayed on"},
		"base too new":        {head(func(h *servedHead) { h.of = 3 }), "0 entries, 0 octets to be replayed; 1 and"},
		"replay of a whole":   {head(func(h *servedHead) { h.of = 0 }), "serial 1: it does not follow the image that it is to be replayed on"},
		"reserved":            {head(func(h *servedHead) { h.Reserved = 2 }), "serial 3 is beyond what is reserved, 2"},
		"content hash":        {head(func(h *servedHead) { h.hash[0]++ }), "not with the newest version"},
		"count":               {head(func(h *servedHead) { h.entries++ }), "4 and"},
		"not journaled":       {head(func(h *servedHead) { h.Journaled = false }), "3 entries, but a journaled version: false"},
		"journal entry":       {flip(bucketJournal, journalKey(org, 2)), "journal entry"},
		"journal entry gone":  {func(tx *bolt.Tx) error { return bucket(tx, bucketJournal).Delete(journalKey(org, 2)) }, "it follows serial 2, the entry before ends with 1"},
		"journal end gone":    {func(tx *bolt.Tx) error { return bucket(tx, bucketJournal).Delete(journalKey(org, 3)) }, "2 entries"},
		"journal serial":      {record(2, func(e *entry) { e.From = 7 }), "it follows serial 7, the entry before ends with 1"},
		"journal serial back": {record(3, func(e *entry) { e.To = 1 }), "the serial does not rise from 2"},
		"journal changes":     {record(2, func(e *entry) { e.Changes = e.Changes[:1] }), "its changes do not lead from the content before to the content after"},
		"changes in a whole":  {record(1, func(e *entry) { e.Changes = someChanges()[:1] }), "changes in an entry without"},
		"verdict":             {flip(bucketVerdicts, []byte("k")), `verdict "k": store is damaged`},
		"event":               {flip(bucketEvents, []byte{7: 1}), "event 0000000000000001: store is damaged"},
		"event number":        {func(tx *bolt.Tx) error { return tx.Bucket(bucketEvents).SetSequence(0) }, "event 1 is above the newest, 0"},
		"meta":                {flip(bucketMeta, metaKey("k")), `meta "m:k": store is damaged`},
		"mirror":              {flip(bucketMirrors, mirror), "mirror of example.org. at p: store is damaged: checksum differs"},
		"mirror gone":         {func(tx *bolt.Tx) error { return bucket(tx, bucketMirrors).Delete(mirror) }, "mirror blobs: holds 7000076578616d706c65036f72670000, which mirrors does not"},
		"mirror live":         {flip(bucketMirrorBlobs, chunkKey(blobKey(mirror, partLive), 0)), "mirror of example.org. at p: live: chunk 00000000: store is damaged: checksum differs"},
		"mirror base":         {flip(bucketMirrorBlobs, base(1)), "mirror of example.org. at p: base: chunk 00000001: store is damaged: checksum differs"},
		"mirror base cut":     {func(tx *bolt.Tx) error { return bucket(tx, bucketMirrorBlobs).Delete(base(1)) }, "mirror of example.org. at p: base: store is damaged: it is not what was saved"},
		"mirror base in disorder": {func(tx *bolt.Tx) error {
			b := bucket(tx, bucketMirrorBlobs)
			first, second := bytes.Clone(b.Get(base(0))), bytes.Clone(b.Get(base(1)))
			return errors.Join(b.Put(base(0), second), b.Put(base(1), first))
		}, "mirror of example.org. at p: base: store is damaged: it is not what was saved"},
		"a stranger's blob": {func(tx *bolt.Tx) error {
			return bucket(tx, bucketMirrorBlobs).Put(chunkKey(blobKey(mirror, 7), 0), seal(begin()))
		}, "mirror blobs: holds 7000076578616d706c65036f72670007, which mirrors does not"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			filled(t, dir)
			s, err := OpenBolt(dir, Options{NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			if err := s.db.Update(c.damage); err != nil {
				t.Fatal(err)
			}
			if f := strings.Join(s.Check(t.Context()), "\n"); !strings.Contains(f, c.want) {
				t.Errorf("found\n%s\nwant %q", f, c.want)
			}
			readEverything(t, s)
		})
	}
}

// readEverything reads all of a damaged store: errors are fine, panics are not.
func readEverything(t *testing.T, s *Bolt) {
	t.Helper()
	ctx, org := t.Context(), zones.MustParseName("example.org.")
	for _, err := range []error{
		second(s.Loaded(ctx, org)), second(s.Sources(ctx)), second(s.Heads(ctx)), second(s.Served(ctx, org)), second(s.Journal(ctx, org, 1)),
		second(s.History(ctx, org, 9)), second(s.Verdicts(ctx)), second(s.Mirrors(ctx)), second(s.Mirror(ctx, "p", org)),
		second(s.Events(ctx, org, 9)), second(s.Meta(ctx, "k")),
	} {
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNotFound) {
			t.Errorf("error is %v, want ErrCorrupt", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestDamagedFile overwrites parts of the file and cuts it: the store says so, wherever it notices, and never panics.
func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir)
	path := filepath.Join(dir, FileName)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := OpenBolt(dir, Options{NoSync: true, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	want := contents(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	try := func(name string, content []byte) {
		t.Helper()
		dir := t.TempDir() // another each time: bbolt keeps the lock of a file that it panicked over
		if err := os.WriteFile(filepath.Join(dir, FileName), content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := OpenBolt(dir, Options{NoSync: true})
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: error is %v, want ErrCorrupt", name, err)
			}
			return
		}
		readEverything(t, s)
		if f := s.Check(t.Context()); len(f) == 0 && contents(t, s) != want { // free pages hold nothing that could be missed
			t.Errorf("%s: nothing was found, and the content is\n%s\nwant\n%s", name, contents(t, s), want)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	page := os.Getpagesize()
	for off := 2 * page; off < len(good); off += page {
		bad := bytes.Clone(good)
		for i := range page {
			bad[off+i] = 0xa5
		}
		try(fmt.Sprintf("page %d overwritten", off/page), bad)
		try("cut", good[:off])
	}
}

// contents is every key and value of a store, as text.
func contents(t *testing.T, s *Bolt) string {
	t.Helper()
	var b strings.Builder
	err := s.db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, bucket *bolt.Bucket) error {
			return bucket.ForEach(func(k, v []byte) error {
				fmt.Fprintf(&b, "%s %x %x\n", name, k, v)
				return nil
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestNewerSchema(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir)
	s, err := OpenBolt(dir, Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	err = s.db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketMeta).Put(keySchema, seal(append(begin(), 0, 0, 0, schema+1)))
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []bool{false, true} {
		_, err := OpenBolt(dir, Options{ReadOnly: readOnly})
		if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "schema 2, this one knows 1") {
			t.Errorf("error is %v, want ErrNewer", err)
		}
	}
}

// TestCheckCancelled: a check that is cut short says so, and does not call the store good.
func TestCheckCancelled(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir)
	s, err := OpenBolt(dir, Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f := s.Check(ctx); len(f) != 1 || !strings.Contains(f[0], "context canceled") {
		t.Errorf("found %q", f)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
