package store

import (
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

func encodeVerdict(v Verdict) []byte {
	return seal(appendBytes(appendTime(append(begin(), v.State), v.Since), v.Reason))
}

func decodeVerdict(key, value []byte) (Verdict, error) {
	r := unseal(value)
	v := Verdict{Key: string(key), State: r.u8(), Since: r.time(), Reason: r.string()}
	if err := r.end(); err != nil {
		return Verdict{}, fmt.Errorf("verdict %q: %w", key, err)
	}
	return v, nil
}

// SaveVerdicts implements Store.
func (s *Bolt) SaveVerdicts(ctx context.Context, vs []Verdict) error {
	if len(vs) == 0 {
		return nil
	}
	return s.update(ctx, fmt.Sprintf("save %d verdicts", len(vs)), func(tx *bolt.Tx) error {
		for _, v := range inOrder(vs, func(v Verdict) string { return v.Key }) {
			if err := tx.Bucket(bucketVerdicts).Put([]byte(v.Key), encodeVerdict(v)); err != nil {
				return fmt.Errorf("%q: %w", v.Key, err)
			}
		}
		return nil
	})
}

// DropVerdicts implements Store.
func (s *Bolt) DropVerdicts(ctx context.Context, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	return s.update(ctx, fmt.Sprintf("drop %d verdicts", len(keys)), func(tx *bolt.Tx) error {
		for _, k := range keys {
			if err := tx.Bucket(bucketVerdicts).Delete([]byte(k)); err != nil {
				return fmt.Errorf("%q: %w", k, err)
			}
		}
		return nil
	})
}

// Verdicts implements Store.
func (s *Bolt) Verdicts(ctx context.Context) (out []Verdict, err error) {
	err = s.view(ctx, "read verdicts", func(tx *bolt.Tx) error {
		out = nil
		return tx.Bucket(bucketVerdicts).ForEach(func(k, v []byte) error {
			verdict, err := decodeVerdict(k, v)
			out = append(out, verdict)
			return err
		})
	})
	return out, err
}
