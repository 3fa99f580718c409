package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"unsafe"

	"github.com/mangrove-dns/mangrove/zones"
)

// locate returns where an image is.
func (d *Dir) locate(k key) (p place, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok = d.index[k]
	return p, ok
}

// Get returns the zone of an image, in memory of its own. ErrNotFound says that there is no such image; ErrDamaged that it is not what was
// written: it counts as not there from then on, so that Put writes it again.
func (d *Dir) Get(ref Ref) (z *zones.Zone, err error) {
	err = d.visit(ref, func(opened *zones.Zone) error {
		z = opened
		if len(opened.Arena()) >= largeArena {
			z = opened.Resident()
		}
		return nil
	})
	return z, err
}

// Verify reads all of an image, and says whether it is what its Ref says, to the last octet that a look-up may rely
// on. The errors are those of Get.
func (d *Dir) Verify(ref Ref) error {
	return d.visit(ref, func(z *zones.Zone) error {
		if err := z.Verify(ref.Hash); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return nil
	})
}

// visit calls f with the zone of an image. A large one lies in a mapping that ends with the call: f must keep nothing of it.
func (d *Dir) visit(ref Ref, f func(*zones.Zone) error) (err error) {
	defer func() {
		if errors.Is(err, ErrDamaged) {
			d.distrust(ref.key(), err)
		}
	}()
	file, c, err := d.openImage(ref)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	arena, drop, err := readArena(file, c)
	if err != nil {
		return fmt.Errorf("%s: %w", ref.Origin, err)
	}
	defer drop()
	defer guard(&err)()
	z, err := openOne(ref, c.head(0), arena)
	if err != nil {
		return err
	}
	return f(z)
}

// openImage opens the file that an image is in, and returns of its contents what is about this image, as if it was the only one.
func (d *Dir) openImage(ref Ref) (f *os.File, c contents, err error) {
	k := ref.key()
	for {
		d.mu.Lock()
		p, ok := d.index[k]
		var at file
		if ok {
			at = *d.files[p.file]
		}
		d.mu.Unlock()
		if !ok {
			return nil, c, fmt.Errorf("%s: %w", ref.Origin, ErrNotFound)
		}
		f, c, err = openRecord(d.pathOf(p.file), at.contents, at.size, int(p.record))
		if err == nil {
			return f, c, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, c, fmt.Errorf("%s: %w", ref.Origin, err)
		}
		if now, ok := d.locate(k); ok && now == p {
			return nil, c, fmt.Errorf("%s: %w: %w", ref.Origin, ErrDamaged, err)
		} // else Maintain was faster
	}
}

// openOne opens an image, with whatever seed it was made.
func openOne(ref Ref, head, arena []byte) (*zones.Zone, error) {
	z, err := zones.OpenImage(head, arena)
	if errors.Is(err, zones.ErrImageSeed) {
		z, err = zones.RehashImage(head, arena)
	}
	return z, wrong(ref, z, head, err)
}

// wrong says what is wrong with z as the zone of ref; err is why there is none.
func wrong(ref Ref, z *zones.Zone, head []byte, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w: %w", ref.Origin, ErrDamaged, err)
	}
	if _, hash, _ := zones.ImageOf(head); z.Origin() != ref.Origin || hash != ref.Hash {
		return fmt.Errorf("%s: %w: it is another image", ref.Origin, ErrDamaged)
	}
	return nil
}

// readArena returns the arena of the first image of c, which is in f: a large one is mapped until drop is called.
func readArena(f *os.File, c contents) (arena []byte, drop func(), err error) {
	at, size := c.arena(0)
	if size < largeArena {
		arena = make([]byte, size)
		return arena, func() {}, readAt(f, arena, at)
	}
	from := at &^ int64(os.Getpagesize()-1)
	b, err := mapPart(f, from, at+size-from)
	if err != nil {
		return nil, nil, err
	}
	return b[at-from:], func() { unmapFile(b) }, nil
}

// Map returns the zones of images, or why there are none, in their order. Large parts of them lie in mapped files: see the
// package comment. The errors are those of Get; one image's keeps no other from being returned.
func (d *Dir) Map(refs []Ref) ([]*zones.Zone, []error) {
	zs, errs := make([]*zones.Zone, len(refs)), make([]error, len(refs))
	type want struct {
		record uint32
		ref    int
	}
	wants := make(map[uint32][]want)
	d.mu.Lock()
	for i, r := range refs {
		p, ok := d.index[r.key()]
		if !ok {
			errs[i] = fmt.Errorf("%s: %w", r.Origin, ErrNotFound)
			continue
		}
		list, ok := wants[p.file]
		if !ok {
			list = make([]want, 0, min(d.files[p.file].live, len(refs)-i))
		}
		wants[p.file] = append(list, want{p.record, i})
	}
	d.mu.Unlock()
	for number, list := range wants {
		slices.SortFunc(list, func(a, b want) int { return int(a.record) - int(b.record) })
		err := d.mapFile(number, func(b []byte, c contents) error {
			return zones.OpenImages(len(list), func(i int) (head, arena []byte) {
				at, size := c.arena(int(list[i].record))
				return c.head(int(list[i].record)), b[at:][:size:size]
			}, func(i int, z *zones.Zone, err error) error {
				head, ref := c.head(int(list[i].record)), refs[list[i].ref]
				if errors.Is(err, zones.ErrImageSeed) {
					at, size := c.arena(int(list[i].record))
					z, err = zones.RehashImage(head, b[at:][:size:size])
				}
				if err = wrong(ref, z, head, err); err == nil {
					zs[list[i].ref] = z
				} else {
					d.distrust(ref.key(), err)
				}
				errs[list[i].ref] = err
				return nil
			})
		})
		for _, w := range list {
			if err != nil && zs[w.ref] == nil && errs[w.ref] == nil { // the file as a whole: Maintain may have been faster
				zs[w.ref], errs[w.ref] = d.Get(refs[w.ref])
			}
		}
	}
	return zs, errs
}

// mapFile maps a file, if it is not mapped already, and calls f with its octets and contents.
func (d *Dir) mapFile(number uint32, f func(b []byte, c contents) error) (err error) {
	in, c, err := openFile(d.pathOf(number))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }() // a mapping stays
	defer guard(&err)()
	b, err := d.mapping(number, in, c)
	if err != nil {
		return err
	}
	return f(b, c)
}

// mapping returns the octets of a file, in, that are arenas, mapped now or before.
func (d *Dir) mapping(number uint32, in *os.File, c contents) ([]byte, error) {
	d.mu.Lock()
	file := d.files[number]
	if file == nil || file.count != c.count {
		d.mu.Unlock()
		return nil, ErrNotFound // dropped, or replaced behind our back
	}
	b := file.data
	d.mu.Unlock()
	if b != nil {
		return b, nil
	}
	b, err := mapPart(in, 0, c.at)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if file.data != nil { // another was faster; nothing points into this one
		unmapFile(b)
		return file.data, nil
	}
	file.data = b
	d.mapped = append(d.mapped, file)
	return b, nil
}

// Resident returns z in memory of its own if it is large and lies in a file that Map mapped, else z itself. release gives back the pages
// that it had there, which is of use once nothing reads them any more, and no harm before.
func (d *Dir) Resident(z *zones.Zone) (moved *zones.Zone, release func()) {
	arena := z.Arena()
	if len(arena) < largeArena {
		return z, func() {}
	}
	d.mu.Lock()
	at := slices.IndexFunc(d.mapped, func(f *file) bool { return inside(f.data, arena) })
	d.mu.Unlock()
	if at < 0 {
		return z, func() {}
	}
	return z.Resident(), func() { forgetPages(wholePages(arena)) }
}

// inside says whether part lies in whole.
func inside(whole, part []byte) bool {
	from, at := address(whole), address(part)
	return at >= from && at < from+uintptr(len(whole))
}

// address returns where b lies. It is for comparing, never to make a pointer of.
func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// wholePages returns the pages that lie wholly in b.
func wholePages(b []byte) []byte {
	page := uintptr(os.Getpagesize())
	skip := -address(b) & (page - 1)
	if uintptr(len(b)) < skip {
		return nil
	}
	return b[skip : skip+(uintptr(len(b))-skip)&^(page-1)]
}

// guard turns a fault in a mapping (a file cut short, a dead disk) and whatever else damage leads to into an error: use as
// defer guard(&err)().
func guard(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			*err = fmt.Errorf("%w: %v", ErrDamaged, p)
		}
	}
}
