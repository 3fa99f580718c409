package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/image"
	bolt "go.etcd.io/bbolt"
)

// loadedHead is the value of the loaded bucket: where the version came from, and which image has its records.
type loadedHead struct {
	Source
	hash   zones.Hash
	serial uint32 // the zone's own: an image may be shared with a version of another serial
}

func (h loadedHead) ref() image.Ref { return image.Ref{Origin: h.Origin, Hash: h.hash} }

func (h loadedHead) encode() []byte {
	b := begin()
	b = append(b, h.hash[:]...)
	b = binary.BigEndian.AppendUint32(b, h.serial)
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
	return seal(appendBytes(b, h.Meta))
}

func decodeLoadedHead(origin zones.Name, value []byte) (loadedHead, error) {
	r := unseal(value)
	h := loadedHead{Source: Source{Origin: origin}, hash: r.hash(), serial: r.u32()}
	if n := r.count(1 + 8 + 12 + 16 + 32); n > 0 {
		h.Files = make([]File, 0, n)
		for range n {
			h.Files = append(h.Files, File{Path: r.string(), Size: int64(r.u64()), Modified: r.time(), Inode: r.u64(), Device: r.u64(), SHA256: r.hash()})
		}
	}
	h.Loaded, h.Serial = r.time(), r.u32()
	if meta := r.bytes(); len(meta) > 0 {
		h.Meta = bytes.Clone(meta)
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

// getLoaded returns the head of a zone's last good version; ErrNotFound where there is none.
func getLoaded(tx *bolt.Tx, origin zones.Name) (loadedHead, error) {
	v := tx.Bucket(bucketLoaded).Get([]byte(origin.Wire()))
	if v == nil {
		return loadedHead{}, ErrNotFound
	}
	return decodeLoadedHead(origin, v)
}

// eachLoaded calls f with the head of every last good version.
func eachLoaded(tx *bolt.Tx, f func(loadedHead) error) error {
	return tx.Bucket(bucketLoaded).ForEach(func(k, v []byte) error {
		origin, err := originOf(k)
		if err != nil {
			return err
		}
		h, err := decodeLoadedHead(origin, v)
		if err != nil {
			return err
		}
		return f(h)
	})
}

// savedAtOnce is how many zones SaveLoaded notes in one transaction: a verdict that changes what is served waits for no
// more than one of them.
const savedAtOnce = 1000

// SaveLoaded implements Store.
func (s *Bolt) SaveLoaded(ctx context.Context, zs ...Loaded) error {
	if len(zs) == 0 {
		return nil
	}
	what := "save loaded " + someZones(len(zs), zs[0].Origin)
	zs = inOrder(zs, func(z Loaded) string { return z.Origin.Wire() })
	list := make([]*zones.Zone, len(zs))
	for i, z := range zs {
		if list[i] = z.Zone; z.Zone.Origin() != z.Origin {
			return fmt.Errorf("%s: zone of %s given for %s", what, z.Zone.Origin(), z.Origin)
		}
	}
	if s.opts.ReadOnly {
		return fmt.Errorf("%s: %w", what, ErrReadOnly)
	}
	refs, release, err := s.images.Put(ctx, list...)
	if err != nil {
		return fmt.Errorf("%s (nothing of it is known to be saved): %w", what, err)
	}
	defer release()
	for from := 0; from < len(zs); from += savedAtOnce {
		to := min(from+savedAtOnce, len(zs))
		var unused []image.Ref
		err := s.update(ctx, what, func(tx *bolt.Tx) (err error) {
			unused, err = noteLoaded(tx, zs[from:to], refs[from:to])
			return err
		})
		if err == nil {
			err = s.collect(unused)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// noteLoaded writes the heads of zones whose images are there, and returns the images that the heads before referred to.
func noteLoaded(tx *bolt.Tx, zs []Loaded, refs []image.Ref) (unused []image.Ref, err error) {
	for i, z := range zs {
		h := loadedHead{z.Source, refs[i].Hash, z.Zone.Serial()}
		// A head that cannot be read is replaced: what it referred to, Maintain finds.
		if before, err := getLoaded(tx, z.Origin); err == nil && before.hash != h.hash {
			unused = append(unused, before.ref())
		}
		if err := writable(tx, bucketLoaded).Put([]byte(z.Origin.Wire()), h.encode()); err != nil {
			return nil, err
		}
	}
	return unused, nil
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
	what := "read loaded zone " + origin.String()
	err = s.withLoaded(ctx, what, origin, func(h loadedHead) error {
		z, err := s.images.Get(h.ref())
		if err == nil {
			out, err = h.loaded(z)
		}
		return err
	})
	return out, err
}

// VerifyLoaded implements Store.
func (s *Bolt) VerifyLoaded(ctx context.Context, origin zones.Name) error {
	return s.withLoaded(ctx, "verify loaded zone "+origin.String(), origin, func(h loadedHead) error {
		return s.images.Verify(h.ref())
	})
}

// loaded returns the version whose image z is.
func (h loadedHead) loaded(z *zones.Zone) (Loaded, error) {
	if z.Serial() != h.serial {
		var err error
		if z, err = z.WithSerial(h.serial); err != nil {
			return Loaded{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
	return Loaded{h.Source, z}, nil
}

// withLoaded calls f with the head of a zone's last good version, outside of any transaction; once more where that was replaced meanwhile.
func (s *Bolt) withLoaded(ctx context.Context, what string, origin zones.Name, f func(loadedHead) error) error {
	for {
		h, err := s.loadedHead(ctx, what, origin)
		if err != nil {
			return err
		}
		if err = f(h); err == nil {
			return nil
		}
		if now, again := s.loadedHead(ctx, what, origin); again == nil && now.hash != h.hash {
			continue
		}
		return fmt.Errorf("%s: %w", what, damaged(err))
	}
}

func (s *Bolt) loadedHead(ctx context.Context, what string, origin zones.Name) (h loadedHead, err error) {
	err = s.view(ctx, what, func(tx *bolt.Tx) error {
		h, err = getLoaded(tx, origin)
		return err
	})
	return h, err
}

// Sources implements Store.
func (s *Bolt) Sources(ctx context.Context) (out []Source, err error) {
	heads, err := s.loadedHeads(ctx)
	for _, h := range heads {
		out = append(out, h.Source)
	}
	return out, err
}

func (s *Bolt) loadedHeads(ctx context.Context) (out []loadedHead, err error) {
	err = s.view(ctx, "read sources of zones", func(tx *bolt.Tx) error {
		out = make([]loadedHead, 0, s.images.Stats().Images) // as many as there are zones, or nearly
		return eachLoaded(tx, func(h loadedHead) error {
			out = append(out, h)
			return nil
		})
	})
	return out, err
}

// EachLoaded implements Store.
func (s *Bolt) EachLoaded(ctx context.Context, f func(Loaded, error) error) error {
	heads, err := s.loadedHeads(ctx)
	if err != nil {
		return err
	}
	refs := make([]image.Ref, len(heads))
	for i, h := range heads {
		refs[i] = h.ref()
	}
	zs, errs := s.images.Map(refs)
	for i, h := range heads {
		out, err := Loaded{Source: h.Source}, errs[i]
		if err == nil {
			if out, err = h.loaded(zs[i]); err != nil {
				out = Loaded{Source: h.Source}
			}
		}
		if err != nil {
			err = fmt.Errorf("read loaded zone %s: %w", h.Origin, damaged(err))
		}
		if err := f(out, err); err != nil {
			return err
		}
	}
	return nil
}

// Resident implements Store.
func (s *Bolt) Resident(z *zones.Zone) (moved *zones.Zone, release func()) {
	return s.images.Resident(z)
}

// Forget implements Store.
func (s *Bolt) Forget(ctx context.Context, origin zones.Name) error {
	var unused []image.Ref
	err := s.update(ctx, "forget zone "+origin.String(), func(tx *bolt.Tx) error {
		unused = nil
		key := []byte(origin.Wire())
		if h, err := getLoaded(tx, origin); err == nil {
			unused = append(unused, h.ref())
		} else if !isMissing(err) {
			return err
		}
		if err := tx.Bucket(bucketLoaded).Delete(key); err != nil {
			return err
		}
		if err := deleteKeys(tx.Bucket(bucketJournal), key, func([]byte) bool { return true }); err != nil {
			return err
		}
		h, known, err := getServed(tx, origin)
		if err != nil || !known {
			return err
		}
		unused = append(unused, h.ref())
		return putServed(tx, servedHead{Head: Head{Origin: origin, Reserved: h.Reserved, Generation: h.Generation}})
	})
	if err != nil {
		return err
	}
	return s.collect(unused)
}
