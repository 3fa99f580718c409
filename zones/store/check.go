package store

import (
	"bytes"
	"context"
	"fmt"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/image"
	bolt "go.etcd.io/bbolt"
)

// findings collects what Check finds.
type findings []string

func (f *findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// Check implements Store: bbolt's own check of its pages, then every value, then what must hold between them, then the
// images that are referred to.
func (s *Bolt) Check(ctx context.Context) []string {
	var f findings
	refs, release, err := s.check(ctx, &f)
	if err != nil {
		f.add("%v", err)
	}
	defer release()
	return append(f, s.images.Check(ctx, refs)...)
}

// check verifies the database. It returns the images that it refers to, which are there until release is called.
func (s *Bolt) check(ctx context.Context, f *findings) (refs []image.Ref, release func(), err error) {
	release = func() {}
	defer describe(&err, "check store")
	defer guard(&err)()
	// bbolt's check must not run beside a writer, so it takes the writer's lock where there can be one.
	tx, err := s.db.Begin(!s.opts.ReadOnly)
	if err != nil {
		return nil, release, err
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	damaged := false
	for err := range tx.Check() {
		f.add("file: %v", err)
		damaged = true
	}
	if damaged {
		return nil, release, nil // what follows would report the same damage in other words, or stumble over it
	}
	for _, step := range []func(*bolt.Tx, *findings) error{checkMeta, checkLoaded, checkServed, checkOrphans, checkVerdicts, checkMirrors, checkEvents} {
		if err := ctx.Err(); err != nil {
			return nil, release, err
		}
		if err := step(tx, f); err != nil {
			return nil, release, err
		}
	}
	refs = readableRefs(tx)
	return refs, s.images.PinAll(refs), nil
}

// readableRefs returns the images that the heads refer to which can be read; the others were found already.
func readableRefs(tx *bolt.Tx) (refs []image.Ref) {
	seen := make(map[image.Ref]bool)
	note := func(r image.Ref) {
		if !seen[r] {
			seen[r], refs = true, append(refs, r)
		}
	}
	each := func(bucket []byte, f func(origin zones.Name, v []byte)) {
		_ = tx.Bucket(bucket).ForEach(func(k, v []byte) error { // f returns no error
			if origin, err := originOf(k); err == nil {
				f(origin, v)
			}
			return nil
		})
	}
	each(bucketLoaded, func(origin zones.Name, v []byte) {
		if h, err := decodeLoadedHead(origin, v); err == nil {
			note(h.ref())
		}
	})
	each(bucketServed, func(origin zones.Name, v []byte) {
		if h, err := decodeServedHead(origin, v); err == nil && h.Journaled {
			note(h.ref())
		}
	})
	return refs
}

func checkMeta(tx *bolt.Tx, f *findings) error {
	return tx.Bucket(bucketMeta).ForEach(func(k, v []byte) error {
		if _, err := decodeMeta(v); err != nil {
			f.add("meta %q: %v", k, err)
		}
		return nil
	})
}

func checkLoaded(tx *bolt.Tx, f *findings) error {
	return tx.Bucket(bucketLoaded).ForEach(func(k, v []byte) error {
		origin, err := originOf(k)
		if err != nil {
			f.add("loaded: %v", err)
			return nil
		}
		if _, err := decodeLoadedHead(origin, v); err != nil {
			f.add("%v", err)
		}
		return nil
	})
}

func checkServed(tx *bolt.Tx, f *findings) error {
	return tx.Bucket(bucketServed).ForEach(func(k, v []byte) error {
		origin, err := originOf(k)
		if err != nil {
			f.add("served: %v", err)
			return nil
		}
		h, err := decodeServedHead(origin, v)
		if err != nil {
			f.add("%v", err)
			return nil
		}
		if h.Journaled && older(h.Reserved, h.Serial) {
			f.add("served version of %s: serial %d is beyond what is reserved, %d", origin, h.Serial, h.Reserved)
		}
		checkJournal(tx, h, f)
		return nil
	})
}

// checkJournal verifies that each entry follows the one before, that its changes make of the content before the
// content after, that the last leads to the head, and that those to be replayed start from its base.
func checkJournal(tx *bolt.Tx, h servedHead, f *findings) {
	var entries, octets uint64
	var replay cost
	from := h.base
	var last *entry
	prefix := []byte(h.Origin.Wire())
	c := tx.Bucket(bucketJournal).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		entries, octets = entries+1, octets+uint64(len(v))
		e, err := decodeEntry(k, v)
		if err != nil {
			f.add("%v", err)
			return
		}
		if err := e.verify(last); err != nil {
			f.add("journal of %s, serial %d: %v", h.Origin, e.To, err)
		}
		if e.Generation > h.of {
			if replay.entries++; e.Whole || e.before != from {
				f.add("journal of %s, serial %d: it does not follow the image that it is to be replayed on", h.Origin, e.To)
			}
			replay.octets, from = replay.octets+e.octets, e.after
		}
		last = &e
	}
	switch {
	case entries != h.entries || octets != h.octets:
		f.add("journal of %s: %d entries, %d octets; %d and %d were counted", h.Origin, entries, octets, h.entries, h.octets)
	case h.Journaled != (last != nil):
		f.add("journal of %s: %d entries, but a journaled version: %t", h.Origin, entries, h.Journaled)
	case last != nil && (last.To != h.Serial || last.Generation != h.Generation || last.after != h.hash):
		f.add("journal of %s: ends with serial %d generation %d, not with the newest version, %d and %d", h.Origin,
			last.To, last.Generation, h.Serial, h.Generation)
	case replay != h.replay || h.Journaled && from != h.hash:
		f.add("journal of %s: %d entries, %d octets to be replayed; %d and %d were counted", h.Origin, replay.entries, replay.octets,
			h.replay.entries, h.replay.octets)
	}
}

// verify says what is wrong with e after last, which may be nil.
func (e entry) verify(last *entry) error {
	switch {
	case last != nil && (e.From != last.To || e.before != last.after):
		return fmt.Errorf("it follows serial %d, the entry before ends with %d", e.From, last.To)
	case last != nil && !older(e.From, e.To):
		return fmt.Errorf("the serial does not rise from %d", e.From)
	case e.Whole && len(e.Changes) > 0:
		return fmt.Errorf("changes in an entry without")
	case !e.Whole && e.before.After(e.Changes, e.Origin) != e.after:
		return fmt.Errorf("its changes do not lead from the content before to the content after")
	}
	return nil
}

// checkOrphans finds journal entries of zones that have no head.
func checkOrphans(tx *bolt.Tx, f *findings) error {
	var last zones.Name
	return tx.Bucket(bucketJournal).ForEach(func(k, _ []byte) error {
		r := &reader{b: k}
		origin := r.name()
		if r.err != nil {
			f.add("%s: key %x: %v", bucketJournal, k, r.err)
		} else if origin != last && tx.Bucket(bucketServed).Get([]byte(origin.Wire())) == nil {
			f.add("%s: holds %s, which %s does not", bucketJournal, origin, bucketServed)
		}
		last = origin
		return nil
	})
}

func checkVerdicts(tx *bolt.Tx, f *findings) error {
	return tx.Bucket(bucketVerdicts).ForEach(func(k, v []byte) error {
		if _, err := decodeVerdict(k, v); err != nil {
			f.add("%v", err)
		}
		return nil
	})
}

func checkEvents(tx *bolt.Tx, f *findings) error {
	b := tx.Bucket(bucketEvents)
	return b.ForEach(func(k, v []byte) error {
		e, err := decodeEvent(k, v)
		if err != nil {
			f.add("%v", err)
		} else if e.Seq > b.Sequence() {
			f.add("event %d is above the newest, %d", e.Seq, b.Sequence())
		}
		return nil
	})
}
