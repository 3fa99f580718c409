package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/image"
	bolt "go.etcd.io/bbolt"
)

// servedHead is the value of the served bucket: where a zone's served versions stand. The newest one is the image of hash base,
// and on top of it the changes of all journal entries above generation of.
type servedHead struct {
	Head
	hash    zones.Hash // of the newest version's content
	base    zones.Hash
	of      uint64 // the generation that base has the content of
	entries uint64 // in the journal
	octets  uint64 // of the journal's values
	replay  cost   // of the entries above of
}

// cost is what it takes to make a version of its base.
type cost struct{ entries, octets uint64 }

func (h servedHead) ref() image.Ref { return image.Ref{Origin: h.Origin, Hash: h.base} }

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
	b = append(b, h.base[:]...)
	b = binary.BigEndian.AppendUint64(b, h.of)
	for _, n := range [...]uint64{h.entries, h.octets, h.replay.entries, h.replay.octets} {
		b = binary.AppendUvarint(b, n)
	}
	return seal(b)
}

func decodeServedHead(origin zones.Name, value []byte) (servedHead, error) {
	r := unseal(value)
	h := servedHead{Head: Head{Origin: origin, Reserved: r.u32(), Generation: r.u64(), Journaled: r.bool(), Serial: r.u32(),
		Time: r.time(), FileSerial: r.u32(), FileVersion: r.string()}}
	h.hash, h.base, h.of = r.hash(), r.hash(), r.u64()
	for _, n := range [...]*uint64{&h.entries, &h.octets, &h.replay.entries, &h.replay.octets} {
		*n = r.uvarint()
	}
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
	return writable(tx, bucketServed).Put([]byte(h.Origin.Wire()), h.encode())
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

// eachServed calls f with the head of every zone.
func eachServed(tx *bolt.Tx, f func(servedHead) error) error {
	return tx.Bucket(bucketServed).ForEach(func(k, v []byte) error {
		origin, err := originOf(k)
		if err != nil {
			return err
		}
		h, err := decodeServedHead(origin, v)
		if err != nil {
			return err
		}
		return f(h)
	})
}

// Heads implements Store.
func (s *Bolt) Heads(ctx context.Context) (out []Head, err error) {
	err = s.view(ctx, "read served versions", func(tx *bolt.Tx) error {
		out = make([]Head, 0, s.images.Stats().Images) // as many as there are zones, or nearly
		return eachServed(tx, func(h servedHead) error {
			out = append(out, h.Head)
			return nil
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

// errNeedsImages ends a transaction in which versions turned out to need images that are not there.
var errNeedsImages = errors.New("images are needed")

// AppendServed implements Store. Images are written before the transaction, so that it does not hold up others; which ones
// it needs, it may say only once it has begun: then it begins again.
func (s *Bolt) AppendServed(ctx context.Context, vs []Version) error {
	if len(vs) == 0 {
		return nil
	}
	what := fmt.Sprintf("journal serial %d of %s", vs[0].To, someZones(len(vs), vs[0].Origin))
	for _, v := range vs {
		if v.Zone == nil || v.Zone.Origin() != v.Origin {
			return fmt.Errorf("%s: %s serial %d: the version itself was not given", what, v.Origin, v.To)
		}
	}
	vs = inOrder(vs, func(v Version) string { return v.Origin.Wire() })
	a := appender{s: s, vs: vs, hashes: make([]zones.Hash, len(vs)), pinned: make(map[image.Ref]bool)}
	defer a.release()
	for i, v := range vs {
		if v.Whole || v.Prev == 0 {
			a.missing = append(a.missing, i)
		} else {
			a.hashes[i] = v.Zone.ContentHash()
		}
	}
	for {
		if err := a.putMissing(ctx); err != nil {
			return fmt.Errorf("%s (nothing of it is known to be saved): %w", what, err)
		}
		err := s.update(ctx, what, func(tx *bolt.Tx) error { return a.append(tx) })
		if !errors.Is(err, errNeedsImages) {
			if err == nil {
				err = s.collect(a.unused)
			}
			return err
		}
	}
}

// appender is one AppendServed.
type appender struct {
	s       *Bolt
	vs      []Version
	hashes  []zones.Hash // of their content
	missing []int        // those that need images
	pinned  map[image.Ref]bool
	free    []func()
	unused  []image.Ref // no head refers to them any more
}

// putMissing writes the images that are needed.
func (a *appender) putMissing(ctx context.Context) error {
	if len(a.missing) == 0 {
		return nil
	}
	zs := make([]*zones.Zone, len(a.missing))
	for i, n := range a.missing {
		zs[i] = a.vs[n].Zone
	}
	refs, release, err := a.s.images.Put(ctx, zs...)
	if err != nil {
		return err
	}
	a.free = append(a.free, release)
	for i, n := range a.missing {
		a.hashes[n], a.pinned[refs[i]] = refs[i].Hash, true
	}
	a.missing = nil
	return nil
}

// has says whether an image is there, and keeps it there until release.
func (a *appender) has(ref image.Ref) bool {
	if a.pinned[ref] {
		return true
	}
	release, ok := a.s.images.Pin(ref)
	if ok {
		a.free, a.pinned[ref] = append(a.free, release), true
	}
	return ok
}

func (a *appender) release() {
	for _, f := range a.free {
		f()
	}
}

// append writes all versions.
func (a *appender) append(tx *bolt.Tx) error {
	a.missing, a.unused = nil, nil
	for i, v := range a.vs {
		if err := a.version(tx, i); err != nil {
			return fmt.Errorf("%s serial %d: %w", v.Origin, v.To, err)
		}
	}
	if len(a.missing) > 0 {
		return errNeedsImages
	}
	return nil
}

// version writes one version: journal entry and head. Where it needs an image that is not there, it notes that, and nothing
// of the transaction will be kept.
func (a *appender) version(tx *bolt.Tx, i int) error {
	v, content := a.vs[i], a.hashes[i]
	h, known, err := getServed(tx, v.Origin)
	if err != nil {
		return err
	}
	if err := follows(h, v); err != nil {
		return err
	}
	if v.Zone.Serial() != v.To {
		return fmt.Errorf("the version that was given has serial %d", v.Zone.Serial())
	}
	e := entry{Entry: Entry{Origin: v.Origin, Generation: v.Generation, From: v.From, To: v.To, Time: v.Time,
		Reasons: v.Reasons, Whole: v.Whole || v.Prev == 0, Changes: v.Changes}, before: h.hash, after: content}
	value := []byte(nil)
	if !e.Whole {
		if h.hash.After(v.Changes, v.Origin) != content {
			return fmt.Errorf("%w: its changes do not lead from that one to it", ErrChain)
		}
		value = e.encode()
	}
	if e.Whole || len(value) > a.s.opts.JournalBytes {
		e.Whole, e.Changes = true, nil
		value = e.encode()
	}
	if err := writable(tx, bucketJournal).Put(journalKey(v.Origin, v.Generation), value); err != nil {
		return err
	}
	if !known || older(h.Reserved, v.To) {
		h.Reserved = v.To
	}
	h.Journaled, h.Generation, h.Serial, h.Time = true, v.Generation, v.To, v.Time
	h.FileSerial, h.FileVersion, h.hash = v.FileSerial, v.FileVersion, content
	h.entries, h.octets = h.entries+1, h.octets+uint64(len(value))
	a.rebase(&h, i, e.Whole, uint64(len(value)))
	if err := a.s.pruneJournal(tx, &h); err != nil {
		return err
	}
	return putServed(tx, h)
}

// rebase lets h, whose newest version is number i now, be made of that one's image where there is one, or where there must be
// one: because the changes are not known, or there are too many of them since the base.
func (a *appender) rebase(h *servedHead, i int, whole bool, octets uint64) {
	ref := image.Ref{Origin: h.Origin, Hash: h.hash}
	h.replay.entries, h.replay.octets = h.replay.entries+1, h.replay.octets+octets
	if !a.has(ref) {
		if !whole && !a.s.tooLong(h.replay) {
			return
		}
		a.missing = append(a.missing, i)
	}
	if h.of > 0 && h.base != h.hash {
		a.unused = append(a.unused, h.ref())
	}
	h.base, h.of, h.replay = h.hash, h.Generation, cost{}
}

// tooLong says whether so much should not be replayed: half of what the journal keeps, so that it has what is needed.
func (s *Bolt) tooLong(c cost) bool {
	return c.entries > uint64(s.opts.JournalEntries)/2 || c.octets > uint64(s.opts.JournalBytes)/2
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
	for {
		h, changes, err := s.recipe(ctx, origin)
		if err != nil {
			return nil, err
		}
		z, err := s.images.Get(h.ref())
		if err == nil {
			z, err = h.make(z, changes)
		}
		if errors.Is(err, image.ErrNotFound) {
			// Between the two, its base may have moved, and the image gone.
			if now, _, err := s.recipe(ctx, origin); err == nil && now.base != h.base {
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("read served version of %s: %w", origin, damaged(err))
		}
		return z, nil
	}
}

// recipe returns what the newest journaled version of a zone is made of.
func (s *Bolt) recipe(ctx context.Context, origin zones.Name) (h servedHead, changes []zones.Change, err error) {
	err = s.view(ctx, "read served version of "+origin.String(), func(tx *bolt.Tx) error {
		changes = nil
		if h, _, err = getServed(tx, origin); err != nil {
			return err
		}
		if !h.Journaled {
			return ErrNotFound
		}
		return eachEntry(tx, origin, h.of+1, func(e entry) error {
			if e.Whole {
				return fmt.Errorf("%w: serial %d was kept as a whole, and there is no image of it", ErrCorrupt, e.To)
			}
			changes = append(changes, e.Changes...)
			return nil
		})
	})
	return h, changes, err
}

// make makes the version of its base.
func (h servedHead) make(z *zones.Zone, changes []zones.Change) (*zones.Zone, error) {
	var err error
	if len(changes) > 0 {
		z, err = z.With(changes)
	}
	if err == nil && z.Serial() != h.Serial { // base is the same but for the serial
		z, err = z.WithSerial(h.Serial)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if z.ContentHash() != h.hash {
		return nil, fmt.Errorf("%w: its records are not those that were journaled", ErrCorrupt)
	}
	return z, nil
}

// ServedIs implements Store.
func (s *Bolt) ServedIs(ctx context.Context, z *zones.Zone) (same bool, err error) {
	hash := z.ContentHash()
	err = s.view(ctx, "read served version of "+z.Origin().String(), func(tx *bolt.Tx) error {
		h, _, err := getServed(tx, z.Origin())
		same = err == nil && h.Journaled && h.hash == hash
		return err
	})
	return same, err
}
