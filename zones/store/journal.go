package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/mangrove-dns/mangrove/zones"
	bolt "go.etcd.io/bbolt"
)

// entry is the value of the journal bucket: an Entry, and the hashes of the content before and after, by which
// the chain is verified.
type entry struct {
	Entry
	before, after zones.Hash
	octets        uint64 // of the value that it was read from
}

func (e entry) encode() []byte {
	b := begin()
	b = binary.BigEndian.AppendUint32(b, e.From)
	b = binary.BigEndian.AppendUint32(b, e.To)
	b = appendTime(b, e.Time)
	b = appendStrings(b, e.Reasons)
	b = append(b, e.before[:]...)
	b = append(b, e.after[:]...)
	b = appendBool(b, e.Whole)
	return seal(appendChanges(b, e.Changes))
}

// decodeEntry reads an entry; value must not change afterwards.
func decodeEntry(key, value []byte) (entry, error) {
	e, err := decodeEntryValue(value)
	if err == nil {
		e.Origin, e.Generation, err = splitJournalKey(key)
	}
	if err != nil {
		return entry{}, fmt.Errorf("journal entry %x: %w", key, err)
	}
	e.octets = uint64(len(value))
	return e, nil
}

func decodeEntryValue(value []byte) (e entry, err error) {
	r := unseal(value)
	e.From, e.To, e.Time, e.Reasons = r.u32(), r.u32(), r.time(), r.strings()
	e.before, e.after, e.Whole = r.hash(), r.hash(), r.bool()
	e.Changes = r.changes()
	return e, r.end()
}

func journalKey(origin zones.Name, generation uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(origin.Wire()), generation)
}

func splitJournalKey(key []byte) (zones.Name, uint64, error) {
	r := &reader{b: key}
	origin, generation := r.name(), r.u64()
	return origin, generation, r.end()
}

// pruneJournal drops the oldest entries of h's zone until the rest is within the bounds; never the newest, nor one that is to
// be replayed: of those there are half as many at most.
func (s *Bolt) pruneJournal(tx *bolt.Tx, h *servedHead) error {
	b := tx.Bucket(bucketJournal)
	prefix := []byte(h.Origin.Wire())
	for h.entries > max(1, h.replay.entries) && (h.entries > uint64(s.opts.JournalEntries) || h.octets > uint64(s.opts.JournalBytes)) {
		k, v := b.Cursor().Seek(prefix)
		if !bytes.HasPrefix(k, prefix) || uint64(len(v)) > h.octets {
			return fmt.Errorf("%w: the journal has fewer entries than were counted", ErrCorrupt)
		}
		h.entries, h.octets = h.entries-1, h.octets-uint64(len(v))
		if err := b.Delete(bytes.Clone(k)); err != nil {
			return err
		}
	}
	return nil
}

// eachEntry calls f with the journal entries of origin from a generation on, the oldest first.
func eachEntry(tx *bolt.Tx, origin zones.Name, from uint64, f func(entry) error) error {
	prefix := []byte(origin.Wire())
	c := tx.Bucket(bucketJournal).Cursor()
	for k, v := c.Seek(journalKey(origin, from)); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		e, err := decodeEntry(k, bytes.Clone(v))
		if err == nil {
			err = f(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// newestFirst calls f with the journal entries of origin, the newest first, until f returns false.
func newestFirst(tx *bolt.Tx, origin zones.Name, f func(entry) bool) error {
	prefix := []byte(origin.Wire())
	c := tx.Bucket(bucketJournal).Cursor()
	k, v := c.Seek(journalKey(origin, ^uint64(0)))
	switch {
	case k == nil:
		k, v = c.Last()
	case !bytes.HasPrefix(k, prefix):
		k, v = c.Prev()
	}
	for ; bytes.HasPrefix(k, prefix); k, v = c.Prev() {
		e, err := decodeEntry(k, bytes.Clone(v))
		if err != nil {
			return err
		}
		if !f(e) {
			return nil
		}
	}
	return nil
}

// Journal implements Store.
func (s *Bolt) Journal(ctx context.Context, origin zones.Name, from uint32) (out []Entry, err error) {
	err = s.view(ctx, fmt.Sprintf("read journal of %s from serial %d", origin, from), func(tx *bolt.Tx) error {
		out = nil
		h, _, err := getServed(tx, origin)
		switch {
		case err != nil:
			return err
		case !h.Journaled:
			return ErrNotFound
		case h.Serial == from:
			return nil
		}
		reached := false
		err = newestFirst(tx, origin, func(e entry) bool {
			if e.Whole {
				return false
			}
			out = append(out, e.Entry)
			reached = e.From == from
			return !reached
		})
		if err == nil && !reached {
			out, err = nil, ErrNotFound
		}
		slices.Reverse(out)
		return err
	})
	return out, err
}

// History implements Store.
func (s *Bolt) History(ctx context.Context, origin zones.Name, limit int) (out []Entry, err error) {
	err = s.view(ctx, "read history of "+origin.String(), func(tx *bolt.Tx) error {
		out = nil
		if limit <= 0 {
			return nil
		}
		return newestFirst(tx, origin, func(e entry) bool {
			out = append(out, e.Entry)
			return len(out) < limit
		})
	})
	return out, err
}
