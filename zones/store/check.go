package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mangrove-dns/mangrove/zones"
	bolt "go.etcd.io/bbolt"
)

// findings collects what Check finds.
type findings []string

func (f *findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// Check implements Store: bbolt's own check of its pages, then every value, then what must hold between them.
func (s *Bolt) Check(ctx context.Context) []string {
	var f findings
	if err := s.check(ctx, &f); err != nil {
		f.add("%v", err)
	}
	return f
}

func (s *Bolt) check(ctx context.Context, f *findings) (err error) {
	defer describe(&err, "check store")
	defer guard(&err)()
	// bbolt's check must not run beside a writer, so it takes the writer's lock where there can be one.
	tx, err := s.db.Begin(!s.opts.ReadOnly)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	damaged := false
	for err := range tx.Check() {
		f.add("file: %v", err)
		damaged = true
	}
	if damaged {
		return nil // what follows would report the same damage in other words, or stumble over it
	}
	for _, step := range []func(*bolt.Tx, *findings) error{checkMeta, checkLoaded, checkServed, checkOrphans, checkVerdicts, checkMirrors, checkEvents} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := step(tx, f); err != nil {
			return err
		}
	}
	return nil
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
		h, err := decodeLoadedHead(origin, v)
		if err != nil {
			f.add("%v", err)
			return nil
		}
		if hash, ok := checkImage(tx.Bucket(bucketLoadedImage), origin, "loaded", f); ok && hash != h.hash {
			f.add("loaded version of %s: its records are not those that were saved", origin)
		}
		return nil
	})
}

// checkImage verifies the chunks of an image and their order, and returns the hash of its content; false where there was a finding.
func checkImage(b *bolt.Bucket, origin zones.Name, what string, f *findings) (Hash, bool) {
	var h hasher
	before := len(*f)
	prefix := []byte(origin.Wire())
	var last []byte // sort key of the record before
	c := b.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		sets, err := chunkSets(v)
		if err != nil {
			f.add("%s version of %s: records from %x: %v", what, origin, k[len(prefix):], err)
			continue
		}
		if last != nil && bytes.Compare(k, last) <= 0 {
			f.add("%s version of %s: records from %x: the chunk before goes beyond its beginning", what, origin, k[len(prefix):])
		}
		for _, s := range sets {
			if !s.Name.Within(origin) {
				f.add("%s version of %s: holds %s", what, origin, s.Name)
				continue
			}
			key := binary.BigEndian.AppendUint16(imageKey(origin, s.Name), s.Type)
			if bytes.Compare(key, k) < 0 || bytes.Compare(key, last) <= 0 {
				f.add("%s version of %s: %s %s is out of order", what, origin, s.Name, zones.TypeString(s.Type))
			}
			last = key
			h.add(s, origin)
		}
	}
	return h.sum(), len(*f) == before
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
		if hash, ok := checkImage(tx.Bucket(bucketServedImage), origin, "served", f); ok && hash != h.hash {
			f.add("served version of %s: its records are not those that were journaled", origin)
		}
		checkSerial(tx, h, f)
		checkJournal(tx, h, f)
		return nil
	})
}

// errBelowApex ends a walk behind the apex.
var errBelowApex = errors.New("below the apex")

// checkSerial verifies that the image's SOA has the head's serial.
func checkSerial(tx *bolt.Tx, h servedHead, f *findings) {
	if !h.Journaled {
		return
	}
	b := zones.NewBuilder(h.Origin)
	_ = eachRRset(tx.Bucket(bucketServedImage), h.Origin, func(s zones.RRset) error { // checkImage has told of errors
		if s.Name != h.Origin {
			return errBelowApex
		}
		return b.AddRRset(s)
	})
	if got := b.Zone().Serial(); got != h.Serial {
		f.add("served version of %s: its SOA has serial %d, journaled was %d", h.Origin, got, h.Serial)
	}
}

// checkJournal verifies that each entry follows the one before, that its changes make of the content before the
// content after, and that the last leads to the head.
func checkJournal(tx *bolt.Tx, h servedHead, f *findings) {
	var entries, octets uint64
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
	case !e.Whole && e.before.after(e.Changes, e.Origin) != e.after:
		return fmt.Errorf("its changes do not lead from the content before to the content after")
	}
	return nil
}

// checkOrphans finds records and journal entries of zones that have no head.
func checkOrphans(tx *bolt.Tx, f *findings) error {
	for _, pair := range [][2][]byte{{bucketLoadedImage, bucketLoaded}, {bucketServedImage, bucketServed}, {bucketJournal, bucketServed}} {
		var last zones.Name
		err := tx.Bucket(pair[0]).ForEach(func(k, _ []byte) error {
			r := &reader{b: k}
			origin := r.name()
			if r.err != nil {
				f.add("%s: key %x: %v", pair[0], k, r.err)
			} else if origin != last && tx.Bucket(pair[1]).Get([]byte(origin.Wire())) == nil {
				f.add("%s: holds %s, which %s does not", pair[0], origin, pair[1])
			}
			last = origin
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
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
