package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/image"
	bolt "go.etcd.io/bbolt"
)

// Images are written before the transaction that refers to them, and dropped after the one that refers to them no more. In
// between a pin keeps those that are about to be referred to; and what decides that nothing refers to an image holds the
// writer's lock of the database, as whoever might refer to it does. So an image that a head refers to is there, whenever the
// process is killed; what is there and nobody refers to, Maintain finds.

// damaged lets an error about an image be ErrCorrupt.
func damaged(err error) error {
	if errors.Is(err, image.ErrDamaged) || errors.Is(err, image.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

func isMissing(err error) bool { return errors.Is(err, ErrNotFound) }

// collect drops those of refs that no head refers to.
func (s *Bolt) collect(refs []image.Ref) (err error) {
	if len(refs) == 0 {
		return nil
	}
	defer describe(&err, "drop images")
	defer guard(&err)()
	return s.exclude(func(tx *bolt.Tx) error {
		var unused []image.Ref
		for _, r := range refs {
			used, err := isUsed(tx, r)
			if err != nil {
				return err
			}
			if !used {
				unused = append(unused, r)
			}
		}
		return s.images.Drop(unused...)
	})
}

// exclude calls f while nobody writes.
func (s *Bolt) exclude(f func(tx *bolt.Tx) error) error {
	tx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	return f(tx)
}

// isUsed says whether a head refers to an image.
func isUsed(tx *bolt.Tx, r image.Ref) (bool, error) {
	l, err := getLoaded(tx, r.Origin)
	if err != nil && !isMissing(err) || err == nil && l.hash == r.Hash {
		return err == nil, err
	}
	h, _, err := getServed(tx, r.Origin)
	return h.Journaled && h.base == r.Hash, err
}

// usedImages returns the images that heads refer to.
func usedImages(tx *bolt.Tx) (refs []image.Ref, err error) {
	err = eachLoaded(tx, func(h loadedHead) error {
		refs = append(refs, h.ref())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return refs, eachServed(tx, func(h servedHead) error {
		if h.Journaled {
			refs = append(refs, h.ref())
		}
		return nil
	})
}

// Maintain implements Store.
func (s *Bolt) Maintain(ctx context.Context) (err error) {
	if s.opts.ReadOnly {
		return nil
	}
	long, err := s.longReplays(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, origin := range long {
		if err := s.shorten(ctx, origin); err != nil {
			errs = append(errs, err)
		}
	}
	errs = append(errs, s.dropUnused(ctx), s.images.Maintain(ctx))
	s.forgetPages()
	return errors.Join(errs...)
}

// dropUnused drops the images that no head refers to: those of a process that was killed.
func (s *Bolt) dropUnused(ctx context.Context) (err error) {
	defer describe(&err, "drop images")
	defer guard(&err)()
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.exclude(func(tx *bolt.Tx) error {
		refs, err := usedImages(tx)
		if err != nil {
			return err // rather too many than too few
		}
		return s.images.Keep(refs)
	})
}

// longReplays returns the zones whose newest version takes a while to be made.
func (s *Bolt) longReplays(ctx context.Context) (out []zones.Name, err error) {
	err = s.view(ctx, "read served versions", func(tx *bolt.Tx) error {
		out = nil
		return eachServed(tx, func(h servedHead) error {
			if s.tooLong(cost{2 * h.replay.entries, 2 * h.replay.octets}) {
				out = append(out, h.Origin)
			}
			return nil
		})
	})
	return out, err
}

// shorten makes the newest version of a zone an image, aside, and its head refer to it. Versions that come meanwhile are
// replayed on top of it.
func (s *Bolt) shorten(ctx context.Context, origin zones.Name) error {
	was, changes, err := s.recipe(ctx, origin)
	if err != nil {
		return err
	}
	what := "write image of the served version of " + origin.String()
	z, err := s.images.Get(was.ref())
	if err == nil {
		z, err = was.make(z, changes)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, damaged(err))
	}
	_, release, err := s.images.Put(ctx, z)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer release()
	err = s.update(ctx, what, func(tx *bolt.Tx) error {
		h, _, err := getServed(tx, origin)
		if err != nil || !h.Journaled || h.of >= was.Generation || h.base != was.base {
			return err // forgotten, or moved on
		}
		h.base, h.of, h.replay = was.hash, was.Generation, cost{}
		err = eachEntry(tx, origin, h.of+1, func(e entry) error {
			h.replay.entries, h.replay.octets = h.replay.entries+1, h.replay.octets+e.octets
			return nil
		})
		if err != nil {
			return err
		}
		return putServed(tx, h)
	})
	if err != nil {
		return err
	}
	return s.collect([]image.Ref{was.ref()})
}

// deleteKeys removes the keys with prefix for which drop is true. (A cursor that deletes as it goes may skip keys.)
func deleteKeys(b *bolt.Bucket, prefix []byte, drop func(key []byte) bool) error {
	var keys [][]byte
	c := b.Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		if drop(k) {
			keys = append(keys, bytes.Clone(k))
		}
	}
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
