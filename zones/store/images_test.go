package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/store"
	"github.com/mangrove-dns/mangrove/zones/store/storetest"
)

// imageFiles returns the files of images of a store.
func imageFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "images", "*.zones"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func ok(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// versions journals versions of the crash zone, one behind the other.
type versions struct {
	s    *store.Bolt
	last *zones.Zone
}

func (v *versions) add(t *testing.T, z *zones.Zone) {
	t.Helper()
	serial := z.Serial()
	next := store.Version{Origin: crashZone, Prev: uint64(serial - 1), Generation: uint64(serial), From: serial - 1, To: serial, Zone: z, Changes: zones.Diff(v.last, z)}
	ok(t, v.s.AppendServed(t.Context(), []store.Version{next}))
	v.last = z
}

func (v *versions) want(t *testing.T) {
	t.Helper()
	got, err := v.s.Served(t.Context(), crashZone)
	ok(t, err)
	if storetest.Text(got) != storetest.Text(v.last) {
		t.Fatalf("serial %d: another version is served", v.last.Serial())
	}
}

// TestImagesShared: what is loaded and what is served have one image where they are the same but for the serial; flips write
// none; what nothing refers to goes.
func TestImagesShared(t *testing.T) {
	dir := t.TempDir()
	v := versions{s: open(t, dir, store.Options{})}
	content := crashVersion(t, 1)
	at := func(z *zones.Zone, serial uint32) *zones.Zone {
		z, err := z.WithSerial(serial)
		ok(t, err)
		return z
	}
	ok(t, v.s.SaveLoaded(t.Context(), store.Loaded{Source: store.Source{Origin: crashZone}, Zone: at(content, 77)}))
	v.add(t, content)
	for serial := uint32(2); serial < 40; serial++ {
		if serial%2 == 0 {
			v.add(t, at(crashVersion(t, serial), serial))
		} else {
			v.add(t, at(content, serial))
		}
		v.want(t)
		if n := len(imageFiles(t, dir)); n != 1 {
			t.Fatalf("serial %d: %d files", serial, n)
		}
	}
	l, err := v.s.Loaded(t.Context(), crashZone)
	ok(t, err)
	if l.Zone.Serial() != 77 || storetest.Text(l.Zone) != storetest.Text(at(content, 77)) {
		t.Errorf("serial %d", l.Zone.Serial())
	}
	ok(t, v.s.SaveLoaded(t.Context(), store.Loaded{Source: store.Source{Origin: crashZone}, Zone: crashVersion(t, 1000)}))
	if n := len(imageFiles(t, dir)); n != 2 {
		t.Errorf("%d files: what is served was dropped", n)
	}
	v.want(t)
	v.add(t, at(crashVersion(t, 1000), 40))
	if n := len(imageFiles(t, dir)); n != 1 {
		t.Errorf("%d files: what nothing refers to is still there", n)
	}
	v.want(t)
	ok(t, v.s.Forget(t.Context(), crashZone))
	if n := len(imageFiles(t, dir)); n != 0 {
		t.Errorf("%d files: what was forgotten is still there", n)
	}
}

// TestReplay: a version is its image and the changes since, however many; Maintain makes the way shorter.
func TestReplay(t *testing.T) {
	for _, o := range []store.Options{{}, {JournalEntries: 1}, {JournalEntries: 5}, {JournalEntries: 40}, {JournalBytes: 3000}} {
		dir := t.TempDir()
		v := versions{s: open(t, dir, o)}
		for serial := uint32(1); serial < 60; serial++ {
			v.add(t, crashVersion(t, serial))
			v.want(t)
			if serial%17 == 0 {
				ok(t, v.s.Maintain(t.Context()))
				v.want(t)
			}
			if serial%10 == 0 {
				if f := v.s.Check(t.Context()); len(f) > 0 {
					t.Fatalf("%+v: serial %d: %q", o, serial, f)
				}
			}
		}
		if n := len(imageFiles(t, dir)); n != 1 {
			t.Errorf("%+v: %d files", o, n)
		}
	}
}

// TestImageLost: a last good version whose image is damaged or gone is an error and nothing else; what is served is journaled
// as a whole, and both heal when they are saved again.
func TestImageLost(t *testing.T) {
	for name, harm := range map[string]func(file string) error{
		"gone": os.Remove,
		"cut": func(file string) error {
			return os.Truncate(file, 1000)
		},
		"damaged": func(file string) error {
			b, err := os.ReadFile(file)
			if err == nil {
				b[500] ^= 1
				err = os.WriteFile(file, b, 0o600)
			}
			return err
		},
		"another's": func(file string) error { return os.WriteFile(file, []byte("nothing"), 0o600) },
	} {
		for _, closed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, closed %t", name, closed), func(t *testing.T) {
				dir := t.TempDir()
				s, err := store.OpenBolt(dir, store.Options{NoSync: true})
				ok(t, err)
				z := crashVersion(t, 1)
				loaded := store.Loaded{Source: store.Source{Origin: crashZone, Meta: []byte("m")}, Zone: z}
				first := store.Version{Origin: crashZone, Generation: 1, To: 1, Zone: z}
				ok(t, s.SaveLoaded(t.Context(), loaded), s.AppendServed(t.Context(), []store.Version{first}))
				if closed {
					ok(t, s.Close())
				}
				for _, file := range imageFiles(t, dir) {
					ok(t, harm(file))
				}
				if closed {
					s, err = store.OpenBolt(dir, store.Options{NoSync: true})
					ok(t, err)
				}
				defer func() { ok(t, s.Close()) }()
				err = s.EachLoaded(t.Context(), func(l store.Loaded, err error) error {
					if l.Zone != nil || string(l.Meta) != "m" || !errors.Is(err, store.ErrCorrupt) {
						t.Errorf("got %v, error is %v", l, err)
					}
					return nil
				})
				ok(t, err)
				_, loadErr := s.Loaded(t.Context(), crashZone)
				_, servedErr := s.Served(t.Context(), crashZone)
				for _, err := range []error{loadErr, servedErr, s.VerifyLoaded(t.Context(), crashZone)} {
					if !errors.Is(err, store.ErrCorrupt) {
						t.Errorf("error is %v, want ErrCorrupt", err)
					}
				}
				if f := s.Check(t.Context()); !strings.Contains(strings.Join(f, "\n"), "image of example.org.: no such image") {
					t.Errorf("found %q", f)
				}
				// The publisher could not read the version before, so it gives this one as a whole.
				second := store.Version{Origin: crashZone, Prev: 1, Generation: 2, From: 1, To: 2, Zone: crashVersion(t, 2), Whole: true}
				ok(t, s.AppendServed(t.Context(), []store.Version{second}), s.SaveLoaded(t.Context(), loaded), s.Maintain(t.Context()))
				got, err := s.Served(t.Context(), crashZone)
				ok(t, err)
				l, err := s.Loaded(t.Context(), crashZone)
				ok(t, err)
				if storetest.Text(got) != storetest.Text(second.Zone) || storetest.Text(l.Zone) != storetest.Text(z) {
					t.Error("not healed")
				}
			})
		}
	}
}

// TestImageOrphans: images that were written, but that no head came to refer to, and files that were not finished, go.
func TestImageOrphans(t *testing.T) {
	dir := t.TempDir()
	first, err := store.OpenBolt(dir, store.Options{NoSync: true})
	ok(t, err)
	v := versions{s: first}
	v.add(t, crashVersion(t, 1))
	other := t.TempDir()
	o, err := store.OpenBolt(other, store.Options{NoSync: true})
	ok(t, err)
	ok(t, o.SaveLoaded(t.Context(), store.Loaded{Source: store.Source{Origin: crashZone}, Zone: crashVersion(t, 9)}), o.Close())
	b, err := os.ReadFile(imageFiles(t, other)[0])
	ok(t, err)
	ok(t, v.s.Close())
	ok(t, os.WriteFile(filepath.Join(dir, "images", "000000ff.zones"), b, 0o600))
	ok(t, os.WriteFile(filepath.Join(dir, "images", "00000100.zones.new"), b[:100], 0o600))
	s, err := store.OpenBolt(dir, store.Options{NoSync: true})
	ok(t, err)
	defer func() { ok(t, s.Close()) }()
	ok(t, s.Maintain(t.Context()))
	entries, err := os.ReadDir(filepath.Join(dir, "images"))
	ok(t, err)
	if len(entries) != 1 {
		t.Errorf("left: %v", entries)
	}
	if _, err := s.Served(t.Context(), crashZone); err != nil {
		t.Error(err)
	}
}

// TestImagesBeside saves, journals, forgets, reads and maintains one zone from many sides: what a head refers to is there at
// any time.
func TestImagesBeside(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{JournalEntries: 6})
	var contents []*zones.Zone
	for i := range uint32(4) {
		contents = append(contents, crashVersion(t, i+1))
	}
	sides := []func(i int) error{
		func(i int) error {
			return s.SaveLoaded(context.Background(), store.Loaded{Source: store.Source{Origin: crashZone}, Zone: contents[i%4]})
		},
		func(i int) error {
			z, err := contents[i/3%4].WithSerial(uint32(i + 1))
			if err != nil {
				return err
			}
			h, _, err := s.Head(context.Background(), crashZone)
			if err != nil {
				return err
			}
			v := store.Version{Origin: crashZone, Generation: h.Generation + 1, To: uint32(i + 1), Zone: z, Whole: true}
			if h.Journaled {
				v.Prev, v.From = h.Generation, h.Serial
			}
			return s.AppendServed(context.Background(), []store.Version{v})
		},
		func(int) error { return s.Maintain(context.Background()) },
		func(int) error {
			_, err := s.Loaded(context.Background(), crashZone)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return err
		},
		func(int) error {
			_, err := s.Served(context.Background(), crashZone)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return err
		},
		func(int) error {
			if f := s.Check(context.Background()); len(f) > 0 {
				return fmt.Errorf("%q", f)
			}
			return nil
		},
	}
	done := make(chan error, len(sides))
	for _, side := range sides {
		go func() {
			for i := range 60 {
				if err := side(i); err != nil {
					done <- fmt.Errorf("round %d: %w", i, err)
					return
				}
			}
			done <- nil
		}()
	}
	for range sides {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestUnreleased: a store of the time when zones were in the database is refused, and left as it is.
func TestUnreleased(t *testing.T) {
	dir := t.TempDir()
	store.MakeUnreleased(t, dir)
	for _, readOnly := range []bool{false, true} {
		if _, err := store.OpenBolt(dir, store.Options{ReadOnly: readOnly}); !errors.Is(err, store.ErrOlder) {
			t.Errorf("error is %v, want ErrOlder", err)
		}
	}
}
