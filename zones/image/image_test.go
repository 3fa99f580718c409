package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/miekg/dns"
)

// The test binary is also another process, with other hashes.
const partVar = "MANGROVE_IMAGE_TEST_PART"

func TestMain(m *testing.M) {
	dir, ok := strings.CutPrefix(os.Getenv(partVar), "fill ")
	adopt, adopts := strings.CutPrefix(os.Getenv(partVar), "adopt ")
	var err error
	switch {
	case ok:
		err = fill(dir)
	case adopts:
		if err = AdoptSeed(adopt); err == nil {
			fmt.Printf("%x", zones.CurrentSeed())
		}
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// play runs this binary in a part, and returns what it prints.
func play(t *testing.T, part string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), partVar+"="+part)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// zone makes a zone with n addresses; content tells zones of one origin apart.
func zone(origin string, serial uint32, content, n int) *zones.Zone {
	apex := zones.MustParseName(origin)
	b := zones.NewBuilder(apex)
	add := func(name zones.Name, typ uint16, rdata []byte) {
		if _, _, err := b.Add(name, typ, 300, rdata); err != nil {
			panic(err)
		}
	}
	soa := append([]byte{0, 0}, make([]byte, 20)...)
	soa[2], soa[3], soa[4], soa[5] = byte(serial>>24), byte(serial>>16), byte(serial>>8), byte(serial)
	add(apex, dns.TypeSOA, soa)
	add(apex, dns.TypeTXT, fmt.Appendf(nil, "%c%d", len(fmt.Sprint(content)), content))
	for i := range n {
		name, err := apex.Child(fmt.Sprintf("h%d", i))
		if err != nil {
			panic(err)
		}
		add(name, dns.TypeA, []byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	}
	return b.Zone()
}

func refOf(z *zones.Zone) Ref { return Ref{z.Origin(), z.ContentHash()} }

func text(z *zones.Zone) string {
	var b strings.Builder
	for s := range z.RRsets() {
		fmt.Fprintln(&b, s)
	}
	return b.String()
}

func openDir(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(path, Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func put(t *testing.T, d *Dir, zs ...*zones.Zone) {
	t.Helper()
	refs, release, err := d.Put(t.Context(), zs...)
	if err != nil {
		t.Fatal(err)
	}
	for i, z := range zs {
		if refs[i] != refOf(z) {
			t.Errorf("%s: got %v", z.Origin(), refs[i])
		}
	}
	release()
}

// wantZones wants these zones in d, in every way that there is to get them, and nothing wrong.
func wantZones(t *testing.T, d *Dir, want ...*zones.Zone) {
	t.Helper()
	refs := make([]Ref, len(want))
	for i, z := range want {
		refs[i] = refOf(z)
	}
	mapped, errs := d.Map(refs)
	for i, z := range want {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		got, err := d.Get(refs[i])
		if err != nil {
			t.Fatal(err)
		}
		moved, release := d.Resident(mapped[i])
		release()
		for how, got := range map[string]*zones.Zone{"Get": got, "Map": mapped[i], "Resident": moved} {
			if got.Origin() != z.Origin() || text(got) != text(z) || got.ContentHash() != refs[i].Hash {
				t.Errorf("%s: %s: got\n%.200s\nwant\n%.200s", how, z.Origin(), text(got), text(z))
			}
			if err := got.Verify(refs[i].Hash); err != nil {
				t.Errorf("%s: %s: %v", how, z.Origin(), err)
			}
		}
		if !d.Has(refs[i]) {
			t.Errorf("%s is not there", z.Origin())
		}
	}
	for _, f := range d.Check(t.Context(), refs) {
		t.Errorf("check: %s", f)
	}
}

func someZones() []*zones.Zone {
	out := []*zones.Zone{zone("large.example.", 1, 1, 5000), zone(".", 1, 1, 3)}
	for i := range 100 {
		out = append(out, zone(fmt.Sprintf("z%d.example.", i), 7, i, i%5))
	}
	return out
}

func TestPut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "images")
	d := openDir(t, path)
	zs := someZones()
	put(t, d, zs...)
	wantZones(t, d, zs...)
	if got, want := d.Stats(), (Stats{Files: 2, Images: len(zs)}); got.Files != want.Files || got.Images != want.Images || got.Garbage != 0 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	put(t, d, zs...)                                                              // all there
	put(t, d, zone("z3.example.", 99, 3, 3), zs[5], zone("z3.example.", 7, 3, 3)) // the serial does not count
	if got := d.Stats(); got.Files != 2 {
		t.Errorf("%d files after the same was put again", got.Files)
	}
	wantZones(t, openDir(t, path), zs...)
	r, err := Open(path, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	wantZones(t, r, zs...)
	if _, _, err := r.Put(t.Context(), zone("new.example.", 1, 1, 1)); err == nil {
		t.Error("written although open for reading only")
	}
	_, err = d.Get(Ref{zs[0].Origin(), zones.Hash{}})
	_, errs := d.Map([]Ref{{zs[0].Origin(), zones.Hash{}}})
	for _, err := range append(errs, err, d.Verify(Ref{zs[1].Origin(), refOf(zs[0]).Hash})) {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("error is %v, want ErrNotFound", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := d.Put(ctx, zone("new.example.", 1, 1, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

// TestPutBeside: a large zone that is put from many sides at once is written once.
func TestPutBeside(t *testing.T) {
	d := openDir(t, t.TempDir())
	large := zone("large.example.", 1, 1, 20_000)
	done := make(chan error)
	for range 8 {
		go func() {
			_, release, err := d.Put(context.Background(), large, zone("small.example.", 1, 1, 1))
			if err == nil {
				release()
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	octets := int64(0)
	for _, f := range d.Files() {
		st, err := os.Stat(filepath.Join(d.Path(), f))
		if err != nil {
			t.Fatal(err)
		}
		octets += st.Size()
	}
	if size := int64(len(large.Arena())); octets > 2*size {
		t.Errorf("%d octets for an arena of %d", octets, size)
	}
	wantZones(t, d, large)
}

// TestDrop: what is not referred to goes, files of which nothing is left are removed, what is pinned or held stays.
func TestDrop(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	a, b, large := zone("a.example.", 1, 1, 1), zone("b.example.", 1, 1, 1), zone("large.example.", 1, 1, 5000)
	put(t, d, a, b, large)
	files := func() int {
		names, err := filepath.Glob(filepath.Join(path, "*.zones"))
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	drop := func(zs ...*zones.Zone) {
		t.Helper()
		for _, z := range zs {
			if err := d.Drop(refOf(z)); err != nil {
				t.Fatal(err)
			}
		}
	}
	letGo := d.Hold()
	drop(large)
	if d.Has(refOf(large)) || files() != 2 || len(d.Files()) != 2 {
		t.Errorf("held: %d files, %q", files(), d.Files())
	}
	if err := letGo(); err != nil || files() != 1 {
		t.Errorf("%v, %d files", err, files())
	}
	_, release, err := d.Put(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	drop(a)
	if err := d.Keep([]Ref{refOf(b)}); err != nil {
		t.Fatal(err)
	}
	wantZones(t, d, a, b)
	release()
	if err := d.Keep([]Ref{refOf(b)}); err != nil {
		t.Fatal(err)
	}
	if d.Has(refOf(a)) || files() != 1 {
		t.Errorf("%d files", files())
	}
	wantZones(t, d, b)
	drop(b, b)
	if files() != 0 || d.Stats() != (Stats{}) {
		t.Errorf("%d files, %+v", files(), d.Stats())
	}
}

// TestMaintain puts zones one by one and changes them: the number of files and what they waste stays bounded.
func TestMaintain(t *testing.T) {
	d := openDir(t, t.TempDir())
	now := make(map[int]*zones.Zone)
	for i := range 200 {
		origin := i * i % 41
		z := zone(fmt.Sprintf("z%d.example.", origin), 1, i, 3)
		put(t, d, z)
		if old := now[origin]; old != nil {
			if err := d.Drop(refOf(old)); err != nil {
				t.Fatal(err)
			}
		}
		now[origin] = z
		if i%20 == 19 {
			if err := d.Maintain(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s := d.Stats(); s.Files > maxPacks || s.Images != len(now) || s.Garbage > s.Images {
				t.Errorf("after %d: %+v", i, s)
			}
		}
	}
	var all []*zones.Zone
	for _, z := range now {
		all = append(all, z)
	}
	wantZones(t, d, all...)
	wantZones(t, openDir(t, d.Path()), all...)
}

// TestMaintainBeside: zones are read, put and dropped while files are written together.
func TestMaintainBeside(t *testing.T) {
	d := openDir(t, t.TempDir())
	stay := zone("stay.example.", 1, 1, 4)
	put(t, d, stay)
	done := make(chan error)
	go func() {
		for i := range 100 {
			z := zone("goes.example.", 1, i, 4)
			_, release, err := d.Put(context.Background(), z)
			if err == nil {
				release()
				err = d.Drop(refOf(z))
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for {
		if err := d.Maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Get(refOf(stay)); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			wantZones(t, d, stay)
			return
		default:
		}
	}
}

// TestLeftovers: what a process that was killed had not finished is removed, or is as if it was not there.
func TestLeftovers(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	z := zone("example.", 1, 1, 9)
	put(t, d, z)
	good, err := os.ReadFile(filepath.Join(path, fileName(1)))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(path, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(fileName(2)+asideSuffix, good[:100])
	write(fileName(3), good[:100])
	write(fileName(4), nil)
	write(fileName(5), good) // written together, but what it was made of is still there
	write("notes.txt", nil)
	d = openDir(t, path)
	if _, err := os.Stat(filepath.Join(path, fileName(2)+asideSuffix)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was not finished is still there: %v", err)
	}
	found := d.Check(t.Context(), []Ref{refOf(z)})
	if len(found) != 2 || !strings.Contains(found[0], "images: 00000003.zones: damaged: no foot") || !strings.Contains(found[1], "no file of zones") {
		t.Errorf("found %q", found)
	}
	if got, err := d.Get(refOf(z)); err != nil || text(got) != text(z) {
		t.Error(err)
	}
	if err := d.Keep([]Ref{refOf(z)}); err != nil {
		t.Fatal(err)
	}
	if s := d.Stats(); s.Files != 1 || s.Damaged != 2 {
		t.Errorf("%+v", s)
	}
	put(t, d, zone("other.example.", 1, 1, 1))
	if _, err := os.Stat(filepath.Join(path, fileName(6))); err != nil {
		t.Errorf("a number was used again: %v", err)
	}
}

// TestDamaged flips an octet anywhere in the files and cuts them anywhere: no zone that is not what it was comes out of them.
func TestDamaged(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	zs := []*zones.Zone{zone("a.example.", 1, 1, 3), zone("b.example.", 1, 1, 3)}
	put(t, d, zs...)
	refs := []Ref{refOf(zs[0]), refOf(zs[1])}
	file := filepath.Join(path, fileName(1))
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	try := func(what string, b []byte) {
		t.Helper()
		bad := t.TempDir()
		if err := os.WriteFile(filepath.Join(bad, fileName(1)), b, 0o600); err != nil {
			t.Fatal(err)
		}
		d := openDir(t, bad)
		mapped, errs := d.Map(refs)
		for i := range zs {
			got, err := d.Get(refs[i])
			for _, c := range []struct {
				z   *zones.Zone
				err error
			}{{mapped[i], errs[i]}, {got, err}} {
				switch {
				case c.err == nil && text(c.z) != text(zs[i]):
					t.Errorf("%s: another zone", what)
				case c.err != nil && !errors.Is(c.err, ErrDamaged) && !errors.Is(c.err, ErrNotFound):
					t.Errorf("%s: error is %v", what, c.err)
				case c.err != nil:
					lost++
				}
			}
			if err != nil && len(d.Check(t.Context(), refs)) == 0 {
				t.Errorf("%s: nothing was found", what)
			}
		}
	}
	for at := 0; at < len(good); at += 3 {
		bad := bytes.Clone(good)
		bad[at] ^= 0x10
		try(fmt.Sprintf("octet %d", at), bad)
	}
	if lost < len(good)/6 {
		t.Errorf("%d of %d flips were noticed", lost, len(good)/3)
	}
	for size := 0; size < len(good); size += 97 {
		try(fmt.Sprintf("cut to %d", size), good[:size])
	}
	// Behind the back of a process that has it open.
	if err := os.WriteFile(file, good[:len(good)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Get(refs[0]); !errors.Is(err, ErrDamaged) {
		t.Errorf("cut meanwhile: error is %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, errs := d.Map(refs)
	if !errors.Is(errs[0], ErrNotFound) || !errors.Is(errs[1], ErrDamaged) {
		t.Errorf("gone meanwhile: errors are %v", errs)
	}
	// What was found damaged is written again.
	put(t, d, zs...)
	wantZones(t, openDir(t, path), zs...)
}

func fill(dir string) error {
	d, err := Open(dir, Options{NoSync: true})
	if err == nil {
		_, _, err = d.Put(context.Background(), someZones()...)
	}
	return err
}

// TestForeign: images that another process made with other hashes are indexed anew, and written so by Maintain.
func TestForeign(t *testing.T) {
	path := t.TempDir()
	play(t, "fill "+path)
	d := openDir(t, path)
	if s := d.Stats(); s.Foreign != 2 {
		t.Fatalf("%+v", s)
	}
	zs := someZones()
	wantZones(t, d, zs...)
	for range 2 {
		if err := d.Maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := d.Stats(); s.Foreign != 0 || s.Files != 2 || s.Images != len(zs) {
			t.Errorf("%+v", s)
		}
		wantZones(t, d, zs...)
		d = openDir(t, path)
	}
}

// TestAdoptSeed: processes that adopt the seed of a directory hash alike; a damaged seed is replaced.
func TestAdoptSeed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "images")
	first := play(t, "adopt "+path)
	if again := play(t, "adopt "+path); again != first || len(first) != 48 {
		t.Errorf("seed %q became %q", first, again)
	}
	file := filepath.Join(path, seedFile)
	st, err := os.Stat(file)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, good[:10], append(bytes.Clone(good), 0), append([]byte("x"), good[1:]...), append(bytes.Clone(good[:20]), make([]byte, len(good)-20)...)} {
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		other := play(t, "adopt "+path)
		if other == first || play(t, "adopt "+path) != other {
			t.Errorf("%x was taken for a seed, or no other one was kept", bad)
		}
	}
	zone("example.", 1, 1, 1)
	if err := AdoptSeed(path); !errors.Is(err, zones.ErrSeedInUse) {
		t.Errorf("error is %v, want ErrSeedInUse", err)
	}
}

// FuzzFile opens a directory with a file of any content.
func FuzzFile(f *testing.F) {
	dir := f.TempDir()
	d, err := Open(dir, Options{NoSync: true})
	if err != nil {
		f.Fatal(err)
	}
	z := zone("example.", 1, 1, 2)
	if _, _, err := d.Put(context.Background(), z); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, fileName(1)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := readContents(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for i := range c.count {
			at, size := c.arena(i)
			if got, err := zones.OpenImage(c.head(i), b[at:at+size]); err == nil {
				_ = got.Verify(got.ContentHash())
			}
		}
	})
}
