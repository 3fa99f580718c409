package image

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/mangrove-dns/mangrove/zones"
)

// ErrNotFound is returned for an image that is not in the directory.
var ErrNotFound = errors.New("no such image")

// Ref names an image.
type Ref struct {
	Origin zones.Name
	Hash   zones.Hash // zones.Zone.ContentHash: the serial does not count
}

// key is a Ref, shorter: a start may have 100,000 of them. The content hash has the names of records in it, so the origin
// makes a difference between zones without any.
type key struct{ origin, high, low uint64 }

// keySeed is that of the hashes in keys. They mean something within this process only.
var keySeed = maphash.MakeSeed()

func keyOf(origin []byte, hash zones.Hash) key {
	return key{maphash.Bytes(keySeed, origin), binary.BigEndian.Uint64(hash[0:]), binary.BigEndian.Uint64(hash[8:])}
}

func (r Ref) key() key {
	return key{maphash.String(keySeed, r.Origin.Wire()), binary.BigEndian.Uint64(r.Hash[0:]), binary.BigEndian.Uint64(r.Hash[8:])}
}

// Options says how to open a directory.
type Options struct {
	ReadOnly bool // change nothing; a directory that is not there is empty
	NoSync   bool // leave it to the operating system when data reach the disk: for tests
}

// Dir is a directory of images. Its methods are safe for concurrent use; none holds a lock while it reads or writes images.
type Dir struct {
	path string
	opts Options

	mu      sync.Mutex
	files   map[uint32]*file
	index   map[key]place
	writing map[key]chan struct{} // large images that are being written; closed when that ended
	pins    map[key]int           // images that are not to be dropped, and by how many
	next    uint32                // number of the next file
	held    int                   // files are not to be removed, by so many
	gone    []*file               // to be removed then
	mapped  []*file               // every one that was, also when it is removed
	damaged []string              // files that cannot be read, with the reason
}

// file is a file of images. Dir.mu guards live and data; the rest does not change.
type file struct {
	number   uint32
	count    int
	size     int64
	contents int64  // where they start
	live     int    // so many of the index are here
	foreign  bool   // made with another seed
	data     []byte // mapped; nil: not
}

// place is where an image is.
type place struct {
	file   uint32
	record uint32
}

// Open opens the directory at path, and makes it unless o.ReadOnly says otherwise. Files that cannot be read are as if they were
// not there; Check tells of them.
func Open(path string, o Options) (*Dir, error) {
	d := &Dir{path: path, opts: o, files: make(map[uint32]*file), index: make(map[key]place), pins: make(map[key]int), writing: make(map[key]chan struct{}), next: 1}
	if err := d.open(); err != nil {
		return nil, fmt.Errorf("open images %s: %w", path, err)
	}
	return d, nil
}

func (d *Dir) open() error {
	if !d.opts.ReadOnly {
		if err := os.MkdirAll(d.path, 0o700); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(d.path) // in the order of names, so older files first
	if err != nil && (!d.opts.ReadOnly || !errors.Is(err, fs.ErrNotExist)) {
		return err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), asideSuffix) && !d.opts.ReadOnly {
			if err := os.Remove(filepath.Join(d.path, e.Name())); err != nil { // of a process that was killed
				return err
			}
		}
		digits, ok := strings.CutSuffix(e.Name(), nameSuffix)
		number, err := strconv.ParseUint(digits, 16, 32)
		if !ok || err != nil || fileName(uint32(number)) != e.Name() {
			continue
		}
		d.next = max(d.next, uint32(number)+1)
		if err := d.take(uint32(number)); err != nil {
			d.damaged = append(d.damaged, fmt.Sprintf("images: %s: %v", e.Name(), err))
		}
	}
	return nil
}

func (d *Dir) pathOf(number uint32) string { return filepath.Join(d.path, fileName(number)) }

// take takes a file's images up.
func (d *Dir) take(number uint32) error {
	f, c, err := openFile(d.pathOf(number))
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addLocked(number, c, false)
	return nil
}

// addLocked makes the file with a number, whose contents are c, one of the directory's. Of an image that is there already, the
// newer counts; with again, no other one does.
func (d *Dir) addLocked(number uint32, c contents, again bool) {
	f := &file{number: number, count: c.count, size: c.size, contents: c.at}
	d.files[number] = f
	if len(d.index) == 0 && !again {
		d.index = make(map[key]place, c.count)
	}
	for i := range c.count {
		head := c.head(i)
		f.foreign = f.foreign || !zones.ImageFits(head)
		origin, hash, _ := zones.ImageOf(head) // readContents has seen it
		k := keyOf(origin, hash)
		if _, there := d.index[k]; again && !there {
			continue // dropped meanwhile
		}
		d.leaveLocked(k)
		d.index[k] = place{f.number, uint32(i)}
		f.live++
	}
}

// leaveLocked takes an image out of the index, if it is there.
func (d *Dir) leaveLocked(k key) {
	if p, ok := d.index[k]; ok {
		d.files[p.file].live--
		delete(d.index, k)
	}
}

// sweepLocked removes the files of which nothing is referred to any more.
func (d *Dir) sweepLocked() error {
	for n, f := range d.files {
		if f.live == 0 {
			delete(d.files, n)
			d.gone = append(d.gone, f)
		}
	}
	if d.held > 0 || d.opts.ReadOnly {
		return nil
	}
	var errs []error
	for _, f := range d.gone {
		if err := os.Remove(d.pathOf(f.number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	d.gone = nil // what could not be removed is found, and dropped, at the next start
	return errors.Join(errs...)
}

// Hold keeps all files where they are until release is called: for a copy of the directory.
func (d *Dir) Hold() (release func() error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held++
	return func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.held--
		return d.sweepLocked()
	}
}

// Has says whether an image is there, without looking whether it is whole.
func (d *Dir) Has(ref Ref) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.index[ref.key()]
	return ok
}

// Put keeps images of zones, and returns once they are on the disk. Those that are there already cost their hash. Until
// release is called, Drop and Keep leave them alone, so that the caller has time to note that it refers to them.
func (d *Dir) Put(ctx context.Context, zs ...*zones.Zone) (refs []Ref, release func(), err error) {
	p := putting{d: d, refs: make([]Ref, len(zs)), seen: make(map[key]bool, len(zs))}
	defer func() {
		if err != nil {
			p.release()
			err = fmt.Errorf("write images: %w", err)
		}
	}()
	if d.opts.ReadOnly {
		return nil, nil, errors.New("open for reading only")
	}
	for i, z := range zs {
		if i%256 == 0 && ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err := p.add(ctx, i, z); err != nil {
			return nil, nil, err
		}
	}
	if err := p.writeSmall(ctx); err != nil {
		return nil, nil, err
	}
	return p.refs, p.release, nil
}

// putting is one Put.
type putting struct {
	d     *Dir
	refs  []Ref
	keys  []key // pinned
	seen  map[key]bool
	small []newImage
}

// newImage is an image to be written.
type newImage struct{ head, arena []byte }

func (p *putting) release() {
	p.d.unpin(p.keys)
	p.keys = nil
}

// add takes zone i: a large one is written, if it is not there, a small one with the others.
func (p *putting) add(ctx context.Context, i int, z *zones.Zone) error {
	var im newImage
	large := len(z.Arena()) >= largeArena
	p.refs[i].Origin = z.Origin()
	if large { // its hash is known, or kept from now on
		p.refs[i].Hash = z.ContentHash()
	} else {
		im.head, im.arena = z.Image()
		_, p.refs[i].Hash, _ = zones.ImageOf(im.head)
	}
	k := p.refs[i].key()
	if p.seen[k] {
		return nil
	}
	p.seen[k] = true
	p.keys = append(p.keys, k)
	switch there := p.d.pinHas(k); {
	case there:
	case large:
		return p.d.writeLarge(ctx, k, z)
	default:
		p.small = append(p.small, im)
	}
	return nil
}

// writeLarge writes the image of a large zone, or waits for who is writing it: a start saves and journals the same ones.
func (d *Dir) writeLarge(ctx context.Context, k key, z *zones.Zone) error {
	for {
		d.mu.Lock()
		other, ok := d.writing[k]
		_, there := d.index[k]
		if !ok && !there {
			d.writing[k] = make(chan struct{})
		}
		d.mu.Unlock()
		switch {
		case there:
			return nil
		case !ok:
			defer func() {
				d.mu.Lock()
				defer d.mu.Unlock()
				close(d.writing[k])
				delete(d.writing, k)
			}()
			return d.create(false, func(w *writer) error { return w.add(z.Image()) })
		}
		select {
		case <-other:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// writeSmall writes the small ones together.
func (p *putting) writeSmall(ctx context.Context) error {
	if len(p.small) == 0 {
		return nil
	}
	return p.d.create(false, func(w *writer) error {
		for i, im := range p.small {
			if i%256 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if err := w.add(im.head, im.arena); err != nil {
				return err
			}
		}
		return nil
	})
}

// pinHas keeps an image from being dropped, and says whether it is there.
func (d *Dir) pinHas(k key) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pins[k]++
	_, there := d.index[k]
	return there
}

func (d *Dir) unpin(keys []key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, k := range keys {
		if d.pins[k]--; d.pins[k] == 0 {
			delete(d.pins, k)
		}
	}
}

// Pin keeps an image from being dropped until release is called; false where it is not there.
func (d *Dir) Pin(ref Ref) (release func(), ok bool) {
	keys := []key{ref.key()}
	if !d.pinHas(keys[0]) {
		d.unpin(keys)
		return nil, false
	}
	return func() { d.unpin(keys) }, true
}

// PinAll keeps images from being dropped until release is called, whether they are there or not.
func (d *Dir) PinAll(refs []Ref) (release func()) {
	keys := make([]key, len(refs))
	for i, r := range refs {
		keys[i] = r.key()
		d.pinHas(keys[i])
	}
	return func() { d.unpin(keys) }
}

// distrust forgets an image that turned out to be damaged: Put then writes it again.
func (d *Dir) distrust(k key, why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p, ok := d.index[k]; ok {
		d.leaveLocked(k)
		d.damaged = append(d.damaged, fmt.Sprintf("images: %s: %v", fileName(p.file), why))
	}
}

// create makes a file and takes its images up: with again, those that are there, in place of where they were.
func (d *Dir) create(again bool, fill func(w *writer) error) error {
	d.mu.Lock()
	number := d.next
	d.next++
	d.mu.Unlock()
	var c contents
	err := writeAside(d.path, fileName(number), d.opts.NoSync, func(f *os.File) error {
		w, err := newWriter(f)
		if err == nil {
			err = fill(w)
		}
		if err == nil {
			err = w.finish()
		}
		if err != nil {
			return err
		}
		c = w.contents()
		return nil
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addLocked(number, c, again)
	if again {
		return d.sweepLocked()
	}
	return nil
}

// Drop forgets images. What they took is given back now or by Maintain.
func (d *Dir) Drop(refs ...Ref) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range refs {
		if k := r.key(); d.pins[k] == 0 {
			d.leaveLocked(k)
		}
	}
	return d.sweepLocked()
}

// Keep forgets all images but refs.
func (d *Dir) Keep(refs []Ref) error {
	keep := make(map[key]bool, len(refs))
	for _, r := range refs {
		keep[r.key()] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for k := range d.index {
		if !keep[k] && d.pins[k] == 0 {
			d.leaveLocked(k)
		}
	}
	return d.sweepLocked()
}

// Stats says how much a directory holds.
type Stats struct {
	Files, Images int
	Garbage       int   // images that are in files, but that nobody refers to
	Octets        int64 // of all files
	Foreign       int   // files made with another seed
	Damaged       int   // files that cannot be read
}

// Stats returns how much the directory holds.
func (d *Dir) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Stats{Files: len(d.files), Images: len(d.index), Damaged: len(d.damaged)}
	for _, f := range d.files {
		s.Garbage += f.count - f.live
		s.Octets += f.size
		if f.foreign {
			s.Foreign++
		}
	}
	return s
}
