package store

import (
	"bytes"
	"context"

	bolt "go.etcd.io/bbolt"
)

// metaKey keeps the callers' keys apart from the store's own.
func metaKey(key string) []byte { return []byte("m:" + key) }

// Meta implements Store.
func (s *Bolt) Meta(ctx context.Context, key string) (value []byte, err error) {
	err = s.view(ctx, "read "+key, func(tx *bolt.Tx) error {
		v := tx.Bucket(bucketMeta).Get(metaKey(key))
		if v == nil {
			return ErrNotFound
		}
		value, err = decodeMeta(v)
		return err
	})
	return value, err
}

// SetMeta implements Store.
func (s *Bolt) SetMeta(ctx context.Context, key string, value []byte) error {
	return s.update(ctx, "save "+key, func(tx *bolt.Tx) error {
		return tx.Bucket(bucketMeta).Put(metaKey(key), seal(append(begin(), value...)))
	})
}

func decodeMeta(value []byte) ([]byte, error) {
	r := unseal(value)
	v := bytes.Clone(r.b)
	r.b = nil
	return v, r.err
}
