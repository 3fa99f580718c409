package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/mangrove-dns/mangrove/zones"
	bolt "go.etcd.io/bbolt"
)

// A mirror is a head and two blobs, which are cut into chunks: a push of a large zone needs no run of pages as long
// as itself, and a chunk that did not change is not written again. The head has the length and the hash of each
// blob, so that chunks of different versions never pass for one.

// blobChunk is how many octets of a blob are in one value.
const blobChunk = 64 << 10

// The blobs of a mirror, as their chunks' keys have them.
const (
	partLive = 0
	partBase = 1
)

// mirrorHead is the value of the mirrors bucket.
type mirrorHead struct {
	MirrorInfo
	live, base blobSum
}

// blobSum is what the chunks of a blob must be, put together.
type blobSum struct {
	octets uint64
	hash   [32]byte
}

func sumOf(parts ...[]byte) blobSum {
	var s blobSum
	h := sha256.New()
	for _, p := range parts {
		s.octets += uint64(len(p))
		h.Write(p)
	}
	h.Sum(s.hash[:0])
	return s
}

// mirrorKey is the provider's name, 0, the origin.
func mirrorKey(provider string, origin zones.Name) ([]byte, error) {
	if provider == "" || strings.IndexByte(provider, 0) >= 0 {
		return nil, fmt.Errorf("provider name %q cannot be kept", provider)
	}
	return append(append([]byte(provider), 0), origin.Wire()...), nil
}

// blobKey begins the keys of a blob's chunks; the number of the chunk follows.
func blobKey(mirror []byte, part byte) []byte { return append(bytes.Clone(mirror), part) }

func chunkKey(blob []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(bytes.Clone(blob), uint32(n))
}

func (h mirrorHead) encode() []byte {
	b := binary.BigEndian.AppendUint64(begin(), h.Generation)
	for _, s := range []blobSum{h.live, h.base} {
		b = binary.AppendUvarint(b, s.octets)
		b = append(b, s.hash[:]...)
	}
	return seal(b)
}

func decodeMirrorHead(key, value []byte) (mirrorHead, error) {
	provider, wire, ok := bytes.Cut(key, []byte{0})
	if !ok {
		return mirrorHead{}, fmt.Errorf("mirror: %w: key %x", ErrCorrupt, key)
	}
	origin, err := originOf(wire)
	if err != nil {
		return mirrorHead{}, fmt.Errorf("mirror: %w", err)
	}
	r := unseal(value)
	h := mirrorHead{MirrorInfo: MirrorInfo{Provider: string(provider), Origin: origin, Generation: r.u64()}}
	for _, s := range []*blobSum{&h.live, &h.base} {
		s.octets, s.hash = r.uvarint(), r.hash()
	}
	if err := r.end(); err != nil {
		return mirrorHead{}, fmt.Errorf("mirror of %s at %s: %w", origin, provider, err)
	}
	return h, nil
}

// getMirror returns the head of a mirror; one without generation and blobs where nothing is kept.
func getMirror(tx *bolt.Tx, provider string, origin zones.Name) (h mirrorHead, key []byte, err error) {
	if key, err = mirrorKey(provider, origin); err != nil {
		return h, nil, err
	}
	v := tx.Bucket(bucketMirrors).Get(key)
	if v == nil {
		return mirrorHead{MirrorInfo{Provider: provider, Origin: origin}, sumOf(), sumOf()}, key, nil
	}
	h, err = decodeMirrorHead(key, v)
	return h, key, err
}

// blobParts returns the chunks of a blob, verified against its sum. They point into the store.
func blobParts(tx *bolt.Tx, key []byte, part byte, sum blobSum) (parts [][]byte, err error) {
	prefix := blobKey(key, part)
	c := tx.Bucket(bucketMirrorBlobs).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		r := unseal(v)
		if r.err != nil {
			return nil, fmt.Errorf("%s: chunk %x: %w", partName(part), k[len(prefix):], r.err)
		}
		parts = append(parts, r.b)
	}
	if sumOf(parts...) != sum {
		return nil, fmt.Errorf("%s: %w: it is not what was saved", partName(part), ErrCorrupt)
	}
	return parts, nil
}

func partName(part byte) string {
	if part == partLive {
		return "live"
	}
	return "base"
}

// putBlob makes data the blob at prefix. Chunks that are there already are not written.
func putBlob(tx *bolt.Tx, prefix, data []byte) error {
	b := writable(tx, bucketMirrorBlobs)
	keep := make(map[string]bool)
	for n := 0; len(data) > 0; n++ {
		size := min(len(data), blobChunk)
		key, value := chunkKey(prefix, n), seal(append(begin(), data[:size]...))
		data = data[size:]
		keep[string(key)] = true
		if bytes.Equal(b.Get(key), value) {
			continue
		}
		if err := b.Put(key, value); err != nil {
			return err
		}
	}
	return deleteKeys(b, prefix, func(key []byte) bool { return !keep[string(key)] })
}

// Mirror implements Store.
func (s *Bolt) Mirror(ctx context.Context, provider string, origin zones.Name) (m Mirror, err error) {
	err = s.view(ctx, fmt.Sprintf("read mirror of %s at %s", origin, provider), func(tx *bolt.Tx) error {
		h, key, err := getMirror(tx, provider, origin)
		if err != nil {
			return err
		}
		live, err := blobParts(tx, key, partLive, h.live)
		if err != nil {
			return err
		}
		base, err := blobParts(tx, key, partBase, h.base)
		if err != nil {
			return err
		}
		m = Mirror{Generation: h.Generation, Live: join(live), Base: join(base)}
		return nil
	})
	return m, err
}

// join returns a copy of parts as one; nil where there are none.
func join(parts [][]byte) []byte {
	if len(parts) == 0 {
		return nil
	}
	return bytes.Join(parts, nil)
}

// SaveMirror implements Store.
func (s *Bolt) SaveMirror(ctx context.Context, provider string, origin zones.Name, was uint64, m Mirror) error {
	return s.update(ctx, fmt.Sprintf("save mirror of %s at %s", origin, provider), func(tx *bolt.Tx) error {
		h, key, err := getMirror(tx, provider, origin)
		switch {
		case err != nil:
			return err
		case h.Generation != was:
			return fmt.Errorf("%w: generation %d is kept, %d was read", ErrStale, h.Generation, was)
		case m.Generation < was:
			return fmt.Errorf("generation %d would follow %d", m.Generation, was)
		}
		h.Generation, h.live = m.Generation, sumOf(m.Live)
		if err := putBlob(tx, blobKey(key, partLive), m.Live); err != nil {
			return err
		}
		if m.Base != nil {
			h.base = sumOf(m.Base)
			if err := putBlob(tx, blobKey(key, partBase), m.Base); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketMirrors).Put(key, h.encode())
	})
}

// Mirrors implements Store.
func (s *Bolt) Mirrors(ctx context.Context) (out []MirrorInfo, err error) {
	err = s.view(ctx, "read mirrors", func(tx *bolt.Tx) error {
		out = nil
		return tx.Bucket(bucketMirrors).ForEach(func(k, v []byte) error {
			h, err := decodeMirrorHead(k, v)
			if err == nil {
				out = append(out, h.MirrorInfo)
			}
			return err
		})
	})
	return out, err
}

// checkMirrors verifies heads, blobs against their heads, and that no chunk is left without a head.
func checkMirrors(tx *bolt.Tx, f *findings) error {
	err := tx.Bucket(bucketMirrors).ForEach(func(k, v []byte) error {
		h, err := decodeMirrorHead(k, v)
		if err != nil {
			f.add("%v", err)
			return nil
		}
		for part, sum := range []blobSum{partLive: h.live, partBase: h.base} {
			if _, err := blobParts(tx, k, byte(part), sum); err != nil {
				f.add("mirror of %s at %s: %v", h.Origin, h.Provider, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var last []byte // reported already: a blob may have thousands of chunks
	return tx.Bucket(bucketMirrorBlobs).ForEach(func(k, _ []byte) error {
		blob := k[:max(0, len(k)-4)]
		if n := len(blob); n > 0 && blob[n-1] <= partBase && tx.Bucket(bucketMirrors).Get(blob[:n-1]) != nil {
			return nil
		}
		if last == nil || !bytes.Equal(blob, last) {
			f.add("mirror blobs: holds %x, which mirrors does not", blob)
		}
		last = bytes.Clone(blob)
		return nil
	})
}
