package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
	bolt "go.etcd.io/bbolt"
)

// appliedKey is the provider's name, 0, the origin; longer keys of the owned and intents buckets begin with it.
func appliedKey(provider string, origin zones.Name) ([]byte, error) {
	if provider == "" || strings.IndexByte(provider, 0) >= 0 {
		return nil, fmt.Errorf("provider name %q cannot be kept", provider)
	}
	return append(append([]byte(provider), 0), origin.Wire()...), nil
}

func encodeApplied(a Applied) []byte {
	b := begin()
	b = binary.BigEndian.AppendUint64(b, a.Generation)
	b = appendBool(b, a.Pending)
	b = binary.BigEndian.AppendUint32(b, a.Serial)
	b = appendTime(b, a.Verified)
	b = appendBytes(b, a.Error)
	return seal(appendTime(b, a.ErrorTime))
}

func decodeApplied(key, value []byte) (Applied, error) {
	var a Applied
	provider, origin, ok := bytes.Cut(key, []byte{0})
	if !ok {
		return a, fmt.Errorf("%w: applied: key %x", ErrCorrupt, key)
	}
	name, err := originOf(origin)
	if err != nil {
		return a, fmt.Errorf("applied: %w", err)
	}
	r := unseal(value)
	a = Applied{Provider: string(provider), Origin: name, Generation: r.u64(), Pending: r.bool(), Serial: r.u32(),
		Verified: r.time(), Error: r.string(), ErrorTime: r.time()}
	if err := r.end(); err != nil {
		return Applied{}, fmt.Errorf("applied %s at %s: %w", name, provider, err)
	}
	return a, nil
}

func encodeIntent(in Intent) []byte {
	b := begin()
	b = binary.BigEndian.AppendUint32(b, in.Serial)
	b = appendTime(b, in.Begun)
	b = AppendChanges(b, in.Changes)
	b = appendBytes(b, in.Plan)
	b = appendTime(b, in.Ended)
	return seal(appendBytes(b, in.Error))
}

// decodeIntent reads a plan; value must not change afterwards.
func decodeIntent(key, value []byte) (Intent, error) {
	in, err := decodeIntentValue(value)
	if err == nil && len(key) < 8 {
		err = fmt.Errorf("%w: key", ErrCorrupt)
	}
	if err != nil {
		return Intent{}, fmt.Errorf("plan %x: %w", key, err)
	}
	in.Generation = binary.BigEndian.Uint64(key[len(key)-8:])
	return in, nil
}

func decodeIntentValue(value []byte) (Intent, error) {
	r := unseal(value)
	in := Intent{Serial: r.u32(), Begun: r.time(), Changes: r.changes(), Plan: r.blob(), Ended: r.time(), Error: r.string()}
	return in, r.end()
}

func encodeOwned(o Owned) []byte {
	b := begin()
	b = AppendRRset(b, o.RRset)
	b = append(b, o.Hash[:]...)
	b = appendBytes(b, o.Note)
	b = binary.BigEndian.AppendUint64(b, o.Generation)
	return seal(appendTime(b, o.Since))
}

// decodeOwned reads an owned RRset; value must not change afterwards.
func decodeOwned(value []byte) (Owned, error) {
	r := unseal(value)
	o := Owned{RRset: r.rrset(), Hash: r.hash(), Note: r.blob(), Generation: r.u64(), Since: r.time()}
	if r.err == nil && HashRRset(o.RRset) != o.Hash {
		r.fail("the content of %s %s is not what was hashed", o.RRset.Name, zones.TypeString(o.RRset.Type))
	}
	return o, r.end()
}

// ownedKey is where an owned RRset is kept: names order canonically.
func ownedKey(applied []byte, origin, name zones.Name, typ uint16) ([]byte, error) {
	if !name.Within(origin) {
		return nil, fmt.Errorf("%s is not within %s", name, origin)
	}
	return binary.BigEndian.AppendUint16(appendSortKey(bytes.Clone(applied), origin, name), typ), nil
}

// Applied implements Store.
func (s *Bolt) Applied(ctx context.Context, provider string, origin zones.Name) (a Applied, err error) {
	err = s.view(ctx, fmt.Sprintf("read what was applied of %s at %s", origin, provider), func(tx *bolt.Tx) error {
		var err error
		a, _, err = getApplied(tx, provider, origin)
		return err
	})
	return a, err
}

func getApplied(tx *bolt.Tx, provider string, origin zones.Name) (a Applied, key []byte, err error) {
	if key, err = appliedKey(provider, origin); err != nil {
		return a, nil, err
	}
	a = Applied{Provider: provider, Origin: origin}
	if v := tx.Bucket(bucketApplied).Get(key); v != nil {
		a, err = decodeApplied(key, v)
	}
	return a, key, err
}

// AllApplied implements Store.
func (s *Bolt) AllApplied(ctx context.Context) (out []Applied, err error) {
	err = s.view(ctx, "read what was applied", func(tx *bolt.Tx) error {
		out = nil
		return tx.Bucket(bucketApplied).ForEach(func(k, v []byte) error {
			a, err := decodeApplied(k, v)
			out = append(out, a)
			return err
		})
	})
	return out, err
}

// updateApplied runs f over the state of a zone at a provider and saves what f made of it.
func (s *Bolt) updateApplied(ctx context.Context, what, provider string, origin zones.Name, f func(tx *bolt.Tx, key []byte, a *Applied) error) error {
	return s.update(ctx, fmt.Sprintf("%s of %s at %s", what, origin, provider), func(tx *bolt.Tx) error {
		a, key, err := getApplied(tx, provider, origin)
		if err != nil {
			return err
		}
		if err := f(tx, key, &a); err != nil {
			return err
		}
		return tx.Bucket(bucketApplied).Put(key, encodeApplied(a))
	})
}

// BeginApply implements Store.
func (s *Bolt) BeginApply(ctx context.Context, provider string, origin zones.Name, intent Intent) (generation uint64, err error) {
	err = s.updateApplied(ctx, "record plan", provider, origin, func(tx *bolt.Tx, key []byte, a *Applied) error {
		a.Generation++
		a.Pending = true
		generation = a.Generation
		intent.Generation, intent.Ended, intent.Error = a.Generation, time.Time{}, ""
		b := tx.Bucket(bucketIntents)
		if err := b.Put(intentKey(key, a.Generation), encodeIntent(intent)); err != nil {
			return err
		}
		if a.Generation > uint64(s.opts.Intents) {
			if err := b.Delete(intentKey(key, a.Generation-uint64(s.opts.Intents))); err != nil {
				return err
			}
		}
		return declare(tx, key, origin, intent)
	})
	if err != nil {
		return 0, err
	}
	return generation, nil
}

func intentKey(applied []byte, generation uint64) []byte {
	return binary.BigEndian.AppendUint64(bytes.Clone(applied), generation)
}

// declare takes ownership of the names and types that a plan changes, where we do not have it already.
func declare(tx *bolt.Tx, key []byte, origin zones.Name, intent Intent) error {
	b := tx.Bucket(bucketOwned)
	for _, c := range intent.Changes {
		k, err := ownedKey(key, origin, c.Name, c.Type)
		if err != nil {
			return err
		}
		if b.Get(k) != nil {
			continue
		}
		o := Owned{RRset: zones.RRset{Name: c.Name, Type: c.Type}, Generation: intent.Generation, Since: intent.Begun}
		if err := b.Put(k, encodeOwned(o)); err != nil {
			return err
		}
	}
	return nil
}

// RecordApplied implements Store.
func (s *Bolt) RecordApplied(ctx context.Context, provider string, origin zones.Name, generation uint64, rrsets []Owned) error {
	return s.updateApplied(ctx, "record what was written", provider, origin, func(tx *bolt.Tx, key []byte, a *Applied) error {
		if generation != a.Generation {
			return fmt.Errorf("%w: %d, this is %d", ErrStale, a.Generation, generation)
		}
		for _, o := range rrsets {
			k, err := ownedKey(key, origin, o.RRset.Name, o.RRset.Type)
			if err != nil {
				return err
			}
			o.Generation, o.Hash = generation, HashRRset(o.RRset)
			if err := tx.Bucket(bucketOwned).Put(k, encodeOwned(o)); err != nil {
				return err
			}
		}
		return nil
	})
}

// EndApply implements Store.
func (s *Bolt) EndApply(ctx context.Context, provider string, origin zones.Name, generation uint64, o Outcome) error {
	return s.updateApplied(ctx, "record outcome of plan", provider, origin, func(tx *bolt.Tx, key []byte, a *Applied) error {
		if generation != a.Generation {
			return fmt.Errorf("%w: %d, this is %d", ErrStale, a.Generation, generation)
		}
		a.Pending = false
		setOutcome(a, o)
		b, k := tx.Bucket(bucketIntents), intentKey(key, generation)
		v := b.Get(k)
		if v == nil {
			return fmt.Errorf("%w: plan %d is missing", ErrCorrupt, generation)
		}
		in, err := decodeIntent(k, bytes.Clone(v))
		if err != nil {
			return err
		}
		in.Ended, in.Error = o.Time, o.Error
		return b.Put(k, encodeIntent(in))
	})
}

// RecordSync implements Store.
func (s *Bolt) RecordSync(ctx context.Context, provider string, origin zones.Name, o Outcome) error {
	return s.updateApplied(ctx, "record state", provider, origin, func(_ *bolt.Tx, _ []byte, a *Applied) error {
		setOutcome(a, o)
		return nil
	})
}

func setOutcome(a *Applied, o Outcome) {
	a.Error = o.Error
	if o.Error != "" {
		a.ErrorTime = o.Time
		return
	}
	a.Verified, a.Serial = o.Time, o.Serial
}

// Owned implements Store.
func (s *Bolt) Owned(ctx context.Context, provider string, origin zones.Name) (out []Owned, err error) {
	err = s.view(ctx, fmt.Sprintf("read what is ours of %s at %s", origin, provider), func(tx *bolt.Tx) error {
		out = nil
		prefix, err := appliedKey(provider, origin)
		if err != nil {
			return err
		}
		c := tx.Bucket(bucketOwned).Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			o, err := decodeOwned(bytes.Clone(v))
			if err != nil {
				return err
			}
			out = append(out, o)
		}
		return nil
	})
	return out, err
}

// Disown implements Store.
func (s *Bolt) Disown(ctx context.Context, provider string, origin zones.Name, rrsets []Owned) error {
	return s.update(ctx, fmt.Sprintf("give up records of %s at %s", origin, provider), func(tx *bolt.Tx) error {
		prefix, err := appliedKey(provider, origin)
		if err != nil {
			return err
		}
		for _, o := range rrsets {
			k, err := ownedKey(prefix, origin, o.RRset.Name, o.RRset.Type)
			if err != nil {
				return err
			}
			if err := tx.Bucket(bucketOwned).Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// Intents implements Store.
func (s *Bolt) Intents(ctx context.Context, provider string, origin zones.Name, limit int) (out []Intent, err error) {
	err = s.view(ctx, fmt.Sprintf("read plans of %s at %s", origin, provider), func(tx *bolt.Tx) error {
		out = nil
		a, key, err := getApplied(tx, provider, origin)
		if err != nil {
			return err
		}
		for g := a.Generation; g > 0 && len(out) < limit; g-- {
			k := intentKey(key, g)
			v := tx.Bucket(bucketIntents).Get(k)
			if v == nil {
				return nil
			}
			in, err := decodeIntent(k, bytes.Clone(v))
			if err != nil {
				return err
			}
			out = append(out, in)
		}
		return nil
	})
	return out, err
}
