package store

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/mangrove-dns/mangrove/zones"
	bolt "go.etcd.io/bbolt"
)

func encodeEvent(e Event) []byte {
	b := appendTime(begin(), e.Time)
	b = appendBytes(b, e.Kind)
	b = appendName(b, e.Zone)
	return seal(appendBytes(b, e.Text))
}

func decodeEvent(key, value []byte) (Event, error) {
	r := unseal(value)
	e := Event{Time: r.time(), Kind: r.string(), Zone: r.name(), Text: r.string()}
	if err := r.end(); err != nil {
		return Event{}, fmt.Errorf("event %x: %w", key, err)
	}
	if len(key) != 8 {
		return Event{}, fmt.Errorf("%w: event key %x", ErrCorrupt, key)
	}
	e.Seq = binary.BigEndian.Uint64(key)
	return e, nil
}

// AddEvents implements Store.
func (s *Bolt) AddEvents(ctx context.Context, es ...Event) error {
	if len(es) == 0 {
		return nil
	}
	return s.update(ctx, fmt.Sprintf("save %d events", len(es)), func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketEvents)
		for _, e := range es {
			seq, err := b.NextSequence()
			if err != nil {
				return err
			}
			if err := b.Put(binary.BigEndian.AppendUint64(nil, seq), encodeEvent(e)); err != nil {
				return err
			}
			if seq > uint64(s.opts.Events) {
				if err := b.Delete(binary.BigEndian.AppendUint64(nil, seq-uint64(s.opts.Events))); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Events implements Store.
func (s *Bolt) Events(ctx context.Context, origin zones.Name, limit int) (out []Event, err error) {
	err = s.view(ctx, "read events", func(tx *bolt.Tx) error {
		out = nil
		c := tx.Bucket(bucketEvents).Cursor()
		for k, v := c.Last(); k != nil && len(out) < limit; k, v = c.Prev() {
			e, err := decodeEvent(k, v)
			if err != nil {
				return err
			}
			if origin.IsZero() || e.Zone == origin {
				out = append(out, e)
			}
		}
		return nil
	})
	return out, err
}
