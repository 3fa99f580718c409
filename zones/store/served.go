package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mangrove-dns/mangrove/zones"
	bolt "go.etcd.io/bbolt"
)

// servedHead is the value of the served bucket: where a zone's served versions stand.
type servedHead struct {
	Head
	hash    Hash   // of the image
	entries uint64 // in the journal
	octets  uint64 // of the journal's values
}

func (h servedHead) encode() []byte {
	b := begin()
	b = binary.BigEndian.AppendUint32(b, h.Reserved)
	b = binary.BigEndian.AppendUint64(b, h.Generation)
	b = appendBool(b, h.Journaled)
	b = binary.BigEndian.AppendUint32(b, h.Serial)
	b = appendTime(b, h.Time)
	b = binary.BigEndian.AppendUint32(b, h.FileSerial)
	b = appendBytes(b, h.FileVersion)
	b = append(b, h.hash[:]...)
	b = binary.AppendUvarint(b, h.entries)
	return seal(binary.AppendUvarint(b, h.octets))
}

func decodeServedHead(origin zones.Name, value []byte) (servedHead, error) {
	r := unseal(value)
	h := servedHead{Head: Head{Origin: origin, Reserved: r.u32(), Generation: r.u64(), Journaled: r.bool(), Serial: r.u32(),
		Time: r.time(), FileSerial: r.u32(), FileVersion: r.string()}}
	h.hash, h.entries, h.octets = r.hash(), r.uvarint(), r.uvarint()
	if err := r.end(); err != nil {
		return servedHead{}, fmt.Errorf("served version of %s: %w", origin, err)
	}
	return h, nil
}

// getServed returns a zone's head; false, and one with the origin alone, where there is none.
func getServed(tx *bolt.Tx, origin zones.Name) (servedHead, bool, error) {
	v := tx.Bucket(bucketServed).Get([]byte(origin.Wire()))
	if v == nil {
		return servedHead{Head: Head{Origin: origin}}, false, nil
	}
	h, err := decodeServedHead(origin, v)
	return h, err == nil, err
}

func putServed(tx *bolt.Tx, h servedHead) error {
	return tx.Bucket(bucketServed).Put([]byte(h.Origin.Wire()), h.encode())
}

// older says whether serial a is before b (RFC 1982 3.2); of two that are 2^31 apart neither is.
func older(a, b uint32) bool { return a != b && b-a < 1<<31 }

// inOrder returns things in the order of their keys, those of one key as they were. bbolt splits its pages when a
// transaction ends: until then, keys that come in another order are inserted into ever longer arrays.
func inOrder[T any](things []T, key func(T) string) []T {
	out := slices.Clone(things)
	slices.SortStableFunc(out, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	return out
}

// Heads implements Store.
func (s *Bolt) Heads(ctx context.Context) (out []Head, err error) {
	err = s.view(ctx, "read served versions", func(tx *bolt.Tx) error {
		out = nil
		return tx.Bucket(bucketServed).ForEach(func(k, v []byte) error {
			origin, err := originOf(k)
			if err != nil {
				return err
			}
			h, err := decodeServedHead(origin, v)
			if err == nil {
				out = append(out, h.Head)
			}
			return err
		})
	})
	return out, err
}

// Head implements Store.
func (s *Bolt) Head(ctx context.Context, origin zones.Name) (out Head, known bool, err error) {
	err = s.view(ctx, "read served version of "+origin.String(), func(tx *bolt.Tx) error {
		h, ok, err := getServed(tx, origin)
		out, known = h.Head, ok
		return err
	})
	return out, known, err
}

// Reserve implements Store.
func (s *Bolt) Reserve(ctx context.Context, upTo map[zones.Name]uint32) error {
	if len(upTo) == 0 {
		return nil
	}
	return s.update(ctx, fmt.Sprintf("reserve serials of %d zones", len(upTo)), func(tx *bolt.Tx) error {
		for _, origin := range inOrder(slices.Collect(maps.Keys(upTo)), func(n zones.Name) string { return n.Wire() }) {
			serial := upTo[origin]
			h, _, err := getServed(tx, origin)
			if err != nil {
				return err
			}
			if h.Journaled && older(serial, h.Serial) {
				return fmt.Errorf("%s: serial %d: %w: %d", origin, serial, ErrChain, h.Serial)
			}
			h.Reserved = serial
			if err := putServed(tx, h); err != nil {
				return err
			}
		}
		return nil
	})
}

// AppendServed implements Store.
func (s *Bolt) AppendServed(ctx context.Context, vs []Version) error {
	if len(vs) == 0 {
		return nil
	}
	what := fmt.Sprintf("journal serial %d of %s", vs[0].To, someZones(len(vs), vs[0].Origin))
	return s.update(ctx, what, func(tx *bolt.Tx) error {
		for _, v := range inOrder(vs, func(v Version) string { return v.Origin.Wire() }) {
			if err := s.appendVersion(tx, v); err != nil {
				return fmt.Errorf("%s serial %d: %w", v.Origin, v.To, err)
			}
		}
		return nil
	})
}

// appendVersion writes one version: journal entry, image, head.
func (s *Bolt) appendVersion(tx *bolt.Tx, v Version) error {
	h, known, err := getServed(tx, v.Origin)
	if err != nil {
		return err
	}
	if err := follows(h, v); err != nil {
		return err
	}
	e := entry{Entry: Entry{Origin: v.Origin, Generation: v.Generation, From: v.From, To: v.To, Time: v.Time,
		Reasons: v.Reasons, Whole: v.Whole || v.Prev == 0, Changes: v.Changes}, before: h.hash}
	value := []byte(nil)
	if !e.Whole {
		e.after = h.hash.after(v.Changes, v.Origin)
		value = e.encode()
	}
	if e.Whole || len(value) > s.opts.JournalBytes {
		if v.Zone == nil || v.Zone.Origin() != v.Origin || v.Zone.Serial() != v.To {
			return fmt.Errorf("the version itself is needed and was not given")
		}
		e.Whole, e.Changes, e.after = true, nil, HashZone(v.Zone)
		value = e.encode()
		err = saveImage(tx.Bucket(bucketServedImage), v.Zone)
	} else {
		err = patchImage(tx.Bucket(bucketServedImage), v.Origin, v.Changes)
	}
	if err != nil {
		return err
	}
	if err := tx.Bucket(bucketJournal).Put(journalKey(v.Origin, v.Generation), value); err != nil {
		return err
	}
	if !known || older(h.Reserved, v.To) {
		h.Reserved = v.To
	}
	h.Journaled, h.Generation, h.Serial, h.Time = true, v.Generation, v.To, v.Time
	h.FileSerial, h.FileVersion, h.hash = v.FileSerial, v.FileVersion, e.after
	h.entries, h.octets = h.entries+1, h.octets+uint64(len(value))
	if err := s.pruneJournal(tx, &h); err != nil {
		return err
	}
	return putServed(tx, h)
}

// follows says what is wrong with v after h.
func follows(h servedHead, v Version) error {
	switch {
	case v.Generation <= h.Generation:
		return fmt.Errorf("%w: generation %d is not above %d", ErrChain, v.Generation, h.Generation)
	case !h.Journaled && v.Prev != 0:
		return fmt.Errorf("%w: there is none", ErrChain)
	case h.Journaled && (v.Prev != h.Generation || v.From != h.Serial):
		return fmt.Errorf("%w: it is made from serial %d generation %d, the newest is serial %d generation %d", ErrChain,
			v.From, v.Prev, h.Serial, h.Generation)
	case h.Journaled && !older(h.Serial, v.To):
		return fmt.Errorf("%w: the serial does not rise from %d", ErrChain, h.Serial)
	}
	return nil
}

// Served implements Store.
func (s *Bolt) Served(ctx context.Context, origin zones.Name) (z *zones.Zone, err error) {
	err = s.view(ctx, "read served version of "+origin.String(), func(tx *bolt.Tx) error {
		h, _, err := getServed(tx, origin)
		if err != nil {
			return err
		}
		if !h.Journaled {
			return ErrNotFound
		}
		if z, err = loadImage(tx.Bucket(bucketServedImage), origin); err != nil {
			return err
		}
		if z == nil || z.Serial() != h.Serial || HashZone(z) != h.hash {
			z = nil
			return fmt.Errorf("%w: its records are not those that were journaled", ErrCorrupt)
		}
		return nil
	})
	return z, err
}

// ServedIs implements Store.
func (s *Bolt) ServedIs(ctx context.Context, z *zones.Zone) (same bool, err error) {
	err = s.view(ctx, "read served version of "+z.Origin().String(), func(tx *bolt.Tx) error {
		h, _, err := getServed(tx, z.Origin())
		same = err == nil && h.Journaled && h.hash == HashZone(z)
		return err
	})
	return same, err
}
