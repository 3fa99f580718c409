package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/mangrove-dns/mangrove/zones"
)

// maxPacks is how many files of small zones there may be before Maintain writes some of them together.
const maxPacks = 8

// Maintain writes packs together, and those anew of which little is referred to, or that were made with another seed. It
// holds nothing up, and costs what it has to copy. A file that turns out to be damaged is left as it is; the error tells of it.
func (d *Dir) Maintain(ctx context.Context) error {
	if d.opts.ReadOnly {
		return nil
	}
	d.mu.Lock()
	files := make([]file, 0, len(d.files))
	for _, f := range d.files {
		files = append(files, *f)
	}
	d.mu.Unlock()
	var errs []error
	for _, group := range choose(files) {
		if err := d.rewrite(ctx, group); err != nil {
			errs = append(errs, fmt.Errorf("write images together: %w", err))
		}
	}
	return errors.Join(errs...)
}

// choose returns the files that should be written anew, those of a group together.
func choose(files []file) (groups [][]file) {
	var packs, sparse []file
	for _, f := range files {
		switch {
		case f.count == 1 && f.foreign && f.live > 0:
			groups = append(groups, []file{f})
		case f.count < 2 && f.size >= largeArena:
		case f.foreign || 2*f.live < f.count:
			sparse = append(sparse, f)
		default:
			packs = append(packs, f)
		}
	}
	if len(packs) > maxPacks {
		// The smallest, and so many that there is room for as many again: each image is then copied a few times at most.
		slices.SortFunc(packs, func(a, b file) int { return cmp.Or(cmp.Compare(a.live, b.live), cmp.Compare(a.number, b.number)) })
		sparse = append(sparse, packs[:len(packs)-maxPacks/2]...)
	}
	if len(sparse) > 0 {
		slices.SortFunc(sparse, func(a, b file) int { return cmp.Compare(a.number, b.number) })
		groups = append(groups, sparse)
	}
	return groups
}

// rewrite writes what is referred to of some files into a new one, in place of them.
func (d *Dir) rewrite(ctx context.Context, files []file) error {
	return d.create(true, func(w *writer) error {
		for _, f := range files {
			if err := d.copyLive(ctx, w, f.number); err != nil {
				return fmt.Errorf("%s: %w", fileName(f.number), err)
			}
		}
		return nil
	})
}

// copyLive writes those images of a file that are referred to.
func (d *Dir) copyLive(ctx context.Context, w *writer, number uint32) (err error) {
	in, c, err := openFile(d.pathOf(number))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	for i := range c.count {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		head := c.head(i)
		origin, hash, _ := zones.ImageOf(head)
		d.mu.Lock()
		live := d.index[keyOf(origin, hash)] == place{number, uint32(i)}
		d.mu.Unlock()
		if !live {
			continue
		}
		if err := d.copyImage(w, in, c, i, head); err != nil {
			return err
		}
	}
	return nil
}

// copyImage writes image i of a file, with the seed of this process.
func (d *Dir) copyImage(w *writer, in *os.File, c contents, i int, head []byte) error {
	at, size := c.arena(i)
	arena := make([]byte, size)
	if err := readAt(in, arena, at); err != nil {
		return err
	}
	_, err := zones.OpenImage(head, arena)
	if errors.Is(err, zones.ErrImageSeed) {
		var z *zones.Zone
		if z, err = zones.RehashImage(head, arena); err == nil {
			head, arena = z.Image()
		}
	}
	if err != nil {
		return fmt.Errorf("image %d: %w: %w", i, ErrDamaged, err)
	}
	return w.add(head, arena)
}

// Check returns what is wrong with the files of the directory and with refs, the images that the caller refers to, each
// finding complete in one line. It reads all of them.
func (d *Dir) Check(ctx context.Context, refs []Ref) []string {
	d.mu.Lock()
	out := slices.Clone(d.damaged)
	d.mu.Unlock()
	for _, r := range refs {
		if err := ctx.Err(); err != nil {
			return append(out, fmt.Sprintf("images: %v", err))
		}
		if err := d.Verify(r); err != nil {
			out = append(out, fmt.Sprintf("image of %v", err))
		}
	}
	return out
}

// Files returns the paths of everything that is needed of the directory elsewhere, relative to it. They stay there while Hold
// holds them.
func (d *Dir) Files() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for n := range d.files {
		out = append(out, fileName(n))
	}
	for _, f := range d.gone {
		out = append(out, fileName(f.number))
	}
	slices.Sort(out)
	if _, err := os.Stat(filepath.Join(d.path, seedFile)); err == nil {
		out = append(out, seedFile)
	}
	return out
}

// Path returns where the directory is.
func (d *Dir) Path() string { return d.path }
