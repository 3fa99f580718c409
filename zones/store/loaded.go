package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/mangrove-dns/mangrove/zones"
	bolt "go.etcd.io/bbolt"
)

// loadedHead is the value of the loaded bucket: where the version came from, and what its image must hold.
type loadedHead struct {
	Source
	hash Hash
}

func (h loadedHead) encode() []byte {
	b := begin()
	b = binary.AppendUvarint(b, uint64(len(h.Files)))
	for _, f := range h.Files {
		b = appendBytes(b, f.Path)
		b = binary.BigEndian.AppendUint64(b, uint64(f.Size))
		b = appendTime(b, f.Modified)
		b = binary.BigEndian.AppendUint64(b, f.Inode)
		b = binary.BigEndian.AppendUint64(b, f.Device)
		b = append(b, f.SHA256[:]...)
	}
	b = appendTime(b, h.Loaded)
	b = binary.BigEndian.AppendUint32(b, h.Serial)
	b = appendBytes(b, h.Meta)
	return seal(append(b, h.hash[:]...))
}

func decodeLoadedHead(origin zones.Name, value []byte) (loadedHead, error) {
	r := unseal(value)
	h := loadedHead{Source: Source{Origin: origin}}
	for range r.count(1 + 8 + 12 + 16 + 32) {
		h.Files = append(h.Files, File{Path: r.string(), Size: int64(r.u64()), Modified: r.time(), Inode: r.u64(), Device: r.u64(), SHA256: r.hash()})
	}
	h.Loaded, h.Serial, h.Meta, h.hash = r.time(), r.u32(), bytes.Clone(r.bytes()), r.hash()
	if len(h.Meta) == 0 {
		h.Meta = nil
	}
	if err := r.end(); err != nil {
		return loadedHead{}, fmt.Errorf("loaded version of %s: %w", origin, err)
	}
	return h, nil
}

// originOf reads a key that is an origin.
func originOf(key []byte) (zones.Name, error) {
	n, err := zones.NameFromWire(key)
	if err != nil {
		return n, fmt.Errorf("%w: key %x: %w", ErrCorrupt, key, err)
	}
	return n, nil
}

// SaveLoaded implements Store.
func (s *Bolt) SaveLoaded(ctx context.Context, zs ...Loaded) error {
	if len(zs) == 0 {
		return nil
	}
	return s.update(ctx, "save loaded "+someZones(len(zs), zs[0].Origin), func(tx *bolt.Tx) error {
		for _, z := range inOrder(zs, func(z Loaded) string { return z.Origin.Wire() }) {
			if z.Zone.Origin() != z.Origin {
				return fmt.Errorf("zone of %s given for %s", z.Zone.Origin(), z.Origin)
			}
			if err := saveImage(tx.Bucket(bucketLoadedImage), z.Zone); err != nil {
				return err
			}
			h := loadedHead{z.Source, HashZone(z.Zone)}
			if err := tx.Bucket(bucketLoaded).Put([]byte(z.Origin.Wire()), h.encode()); err != nil {
				return err
			}
		}
		return nil
	})
}

// someZones names n zones by the first of them.
func someZones(n int, first zones.Name) string {
	if n == 1 {
		return "zone " + first.String()
	}
	return fmt.Sprintf("zone %s and %d more", first, n-1)
}

// Loaded implements Store.
func (s *Bolt) Loaded(ctx context.Context, origin zones.Name) (out Loaded, err error) {
	err = s.view(ctx, "read loaded zone "+origin.String(), func(tx *bolt.Tx) error {
		v := tx.Bucket(bucketLoaded).Get([]byte(origin.Wire()))
		if v == nil {
			return ErrNotFound
		}
		h, err := decodeLoadedHead(origin, v)
		if err != nil {
			return err
		}
		z, err := loadImage(tx.Bucket(bucketLoadedImage), origin)
		if err != nil {
			return err
		}
		if z == nil {
			z = zones.NewBuilder(origin).Zone()
		}
		if HashZone(z) != h.hash {
			return fmt.Errorf("%w: its records are not those that were saved", ErrCorrupt)
		}
		out = Loaded{h.Source, z}
		return nil
	})
	return out, err
}

// Sources implements Store.
func (s *Bolt) Sources(ctx context.Context) (out []Source, err error) {
	err = s.view(ctx, "read sources of zones", func(tx *bolt.Tx) error {
		out = nil
		return tx.Bucket(bucketLoaded).ForEach(func(k, v []byte) error {
			origin, err := originOf(k)
			if err != nil {
				return err
			}
			h, err := decodeLoadedHead(origin, v)
			if err == nil {
				out = append(out, h.Source)
			}
			return err
		})
	})
	return out, err
}

// Forget implements Store.
func (s *Bolt) Forget(ctx context.Context, origin zones.Name) error {
	return s.update(ctx, "forget zone "+origin.String(), func(tx *bolt.Tx) error {
		key := []byte(origin.Wire())
		if err := tx.Bucket(bucketLoaded).Delete(key); err != nil {
			return err
		}
		for _, b := range [][]byte{bucketLoadedImage, bucketServedImage, bucketJournal} {
			if err := dropImage(tx.Bucket(b), origin); err != nil {
				return err
			}
		}
		h, known, err := getServed(tx, origin)
		if err != nil || !known {
			return err
		}
		return putServed(tx, servedHead{Head: Head{Origin: origin, Reserved: h.Reserved, Generation: h.Generation}})
	})
}

// EachLoaded implements Store.
func (s *Bolt) EachLoaded(ctx context.Context, f func(Loaded, error) error) error {
	sources, err := s.Sources(ctx)
	if err != nil {
		return err
	}
	for _, src := range sources {
		l, err := s.Loaded(ctx, src.Origin)
		if err != nil {
			l = Loaded{Source: src}
		}
		if err := f(l, err); err != nil {
			return err
		}
	}
	return nil
}

// VerifyLoaded implements Store.
func (s *Bolt) VerifyLoaded(ctx context.Context, origin zones.Name) error {
	_, err := s.Loaded(ctx, origin) // it verifies the content hash
	return err
}

// Resident implements Store: every zone is in memory of its own.
func (s *Bolt) Resident(z *zones.Zone) (moved *zones.Zone, release func()) { return z, func() {} }

// Maintain implements Store: every write leaves the store as it should be.
func (s *Bolt) Maintain(ctx context.Context) error { return ctx.Err() }
