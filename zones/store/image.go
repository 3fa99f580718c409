package store

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/mangrove-dns/mangrove/zones"
	bolt "go.etcd.io/bbolt"
)

// An image is a zone as a whole: chunks of RRsets in canonical order, in a bucket that holds the images of many zones. A
// chunk's key is the zone's origin, then a sort key that is not above that of its first name and above those of
// the chunk before. All RRsets of a name are in one chunk.
//
// Chunks are cut where the hash of a name says so, not by counting: an edit in the middle moves no later cut, so that
// saving a zone again writes the chunks that differ. A chunk that grows too large is cut wherever it is.

const (
	chunkCut   = 128       // one name in so many starts a chunk: about 4 KiB of addresses
	chunkLimit = 16 << 10  // octets; a name that would go beyond starts another chunk
	imageFill  = 0.9       // of a page, when chunks are written in order
	maxRRset   = 256 << 20 // octets of one name's RRsets; bbolt's values have a limit
)

// imageKey returns where name stands in the image of origin.
func imageKey(origin, name zones.Name) []byte {
	return appendSortKey([]byte(origin.Wire()), origin, name)
}

// appendSortKey appends octets that order as the names below origin do canonically: the labels from the
// right, each ended by 0, which escapes keep out of the labels themselves.
func appendSortKey(b []byte, origin, name zones.Name) []byte {
	wire := name.Wire()
	wire = wire[:len(wire)-len(origin.Wire())]
	var starts [128]int
	n := 0
	for off := 0; off < len(wire); off += int(wire[off]) + 1 {
		starts[n] = off
		n++
	}
	for n--; n >= 0; n-- {
		for _, c := range []byte(wire[starts[n]+1:][:wire[starts[n]]]) {
			if c <= 1 {
				b = append(b, 1)
				c++
			}
			b = append(b, c)
		}
		b = append(b, 0)
	}
	return b
}

// chunker cuts RRsets that come in canonical order into chunks.
type chunker struct {
	origin zones.Name
	put    func(key, value []byte) error
	key    []byte // of the chunk in hand; nil: none
	value  []byte
	last   zones.Name
}

func (c *chunker) add(s zones.RRset) error {
	if s.Name != c.last && c.key != nil && (cutsAt(s.Name) || len(c.value) >= chunkLimit) {
		if err := c.flush(); err != nil {
			return err
		}
	}
	if c.key == nil {
		c.key, c.value = imageKey(c.origin, s.Name), begin()
	}
	c.last = s.Name
	c.value = appendRRset(c.value, s)
	if len(c.value) > maxRRset {
		return fmt.Errorf("records of %s: more than %d octets", s.Name, maxRRset)
	}
	return nil
}

func (c *chunker) flush() error {
	if c.key == nil {
		return nil
	}
	key, value := c.key, seal(c.value)
	c.key, c.value = nil, nil
	return c.put(key, value)
}

func cutsAt(n zones.Name) bool {
	return crc32.Checksum([]byte(n.Wire()), castagnoli)%chunkCut == 0
}

// saveImage makes z the image of its origin in b. Chunks that are there already are not written.
func saveImage(b *bolt.Bucket, z *zones.Zone) error {
	b.FillPercent = imageFill
	keep := make(map[string]bool)
	c := &chunker{origin: z.Origin(), put: func(key, value []byte) error {
		keep[string(key)] = true
		if bytes.Equal(b.Get(key), value) {
			return nil
		}
		return b.Put(key, value)
	}}
	for s := range z.RRsets() {
		if err := c.add(s); err != nil {
			return err
		}
	}
	if err := c.flush(); err != nil {
		return err
	}
	return deleteKeys(b, []byte(z.Origin().Wire()), func(key []byte) bool { return !keep[string(key)] })
}

// dropImage removes the image of origin from b.
func dropImage(b *bolt.Bucket, origin zones.Name) error {
	return deleteKeys(b, []byte(origin.Wire()), func([]byte) bool { return true })
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

// eachRRset calls f with the RRsets of the image of origin in order. Their data are valid until f returns.
func eachRRset(b *bolt.Bucket, origin zones.Name, f func(zones.RRset) error) error {
	prefix := []byte(origin.Wire())
	c := b.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		sets, err := chunkSets(v)
		if err != nil {
			return fmt.Errorf("%s: records from %x: %w", origin, k[len(prefix):], err)
		}
		for _, s := range sets {
			if err := f(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// chunkSets takes a chunk apart; the data point into value.
func chunkSets(value []byte) ([]zones.RRset, error) {
	r := unseal(value)
	var out []zones.RRset
	for len(r.b) > 0 {
		out = append(out, r.rrset())
	}
	return out, r.end()
}

// loadImage returns the zone whose image is in b; nil where there is none.
func loadImage(b *bolt.Bucket, origin zones.Name) (*zones.Zone, error) {
	zb := zones.NewBuilder(origin)
	n := 0
	err := eachRRset(b, origin, func(s zones.RRset) error {
		n++
		if err := zb.AddRRset(s); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return nil
	})
	if err != nil || n == 0 {
		return nil, err
	}
	return zb.Zone(), nil
}

// patchImage applies changes to the image of origin in b; it writes the chunks that they touch. ErrChain says that the Old
// of a change is not what the image has.
func patchImage(b *bolt.Bucket, origin zones.Name, changes []zones.Change) error {
	touched := make(map[string][]zones.Change)
	c := b.Cursor()
	for _, ch := range changes {
		key := chunkOf(c, origin, ch.Name)
		touched[string(key)] = append(touched[string(key)], ch)
	}
	for key, chs := range touched {
		if err := patchChunk(b, origin, []byte(key), chs); err != nil {
			return err
		}
	}
	return nil
}

// chunkOf returns the key of the chunk that name is in or belongs into; where there is none before it, name's own.
func chunkOf(c *bolt.Cursor, origin, name zones.Name) []byte {
	want := imageKey(origin, name)
	k, _ := c.Seek(want)
	if bytes.Equal(k, want) {
		return want
	}
	if k == nil {
		k, _ = c.Last()
	} else {
		k, _ = c.Prev()
	}
	if bytes.HasPrefix(k, []byte(origin.Wire())) {
		return bytes.Clone(k)
	}
	return want
}

func patchChunk(b *bolt.Bucket, origin zones.Name, key []byte, changes []zones.Change) error {
	var sets []zones.RRset
	if v := b.Get(key); v != nil {
		var err error
		if sets, err = chunkSets(v); err != nil {
			return err
		}
	}
	for _, ch := range changes {
		at, found := slices.BinarySearchFunc(sets, ch, func(s zones.RRset, ch zones.Change) int {
			if c := s.Name.Compare(ch.Name); c != 0 {
				return c
			}
			return int(s.Type) - int(ch.Type)
		})
		switch {
		case found == ch.Old.IsZero() || found && !sets[at].Equal(ch.Old):
			return fmt.Errorf("%w: %s %s is not what its change would replace", ErrChain, ch.Name, zones.TypeString(ch.Type))
		case found && ch.New.IsZero():
			sets = slices.Delete(sets, at, at+1)
		case found:
			sets[at] = ch.New
		case !ch.New.IsZero():
			sets = slices.Insert(sets, at, ch.New)
		}
	}
	first := true
	c := &chunker{origin: origin, put: func(k, v []byte) error {
		if first { // the chunk keeps its key, which is not above its first name's
			k, first = key, false
		}
		return b.Put(k, v)
	}}
	for _, s := range sets {
		if err := c.add(s); err != nil {
			return err
		}
	}
	if err := c.flush(); err != nil {
		return err
	}
	if first {
		return b.Delete(key)
	}
	return nil
}
