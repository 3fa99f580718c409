package providers

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/mangrove-dns/mangrove/zones"
)

// KV keeps values by key, durably. Get returns nil, without error, where there is nothing.
type KV struct {
	Get func(key string) ([]byte, error)
	Set func(key string, value []byte) error
}

// KVState is a State over a store that knows keys and values only and that no other process writes to. It keeps two values for each
// mirror, "mirror/base/PROVIDER/ZONE" and "mirror/live/PROVIDER/ZONE". The base is written first: a crash between
// the two leaves a pending write in the live value, which the next reading of the provider settles.
type KVState struct {
	kv KV
	mu sync.Mutex
}

// NewKVState returns a State over kv.
func NewKVState(kv KV) *KVState { return &KVState{kv: kv} }

func kvKey(part, provider string, zone zones.Name) string {
	return "mirror/" + part + "/" + provider + "/" + zone.String()
}

// Load implements State.
func (s *KVState) Load(provider string, zone zones.Name) (Saved, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loadLocked(provider, zone)
}

func (s *KVState) loadLocked(provider string, zone zones.Name) (Saved, error) {
	live, err := s.kv.Get(kvKey("live", provider, zone))
	if err != nil {
		return Saved{}, err
	}
	base, err := s.kv.Get(kvKey("base", provider, zone))
	if err != nil {
		return Saved{}, err
	}
	if live == nil {
		return Saved{}, nil // a base without live is of a first push that was cut off before it was ours
	}
	if len(live) < 8 {
		return Saved{}, fmt.Errorf("%w: %d octets", ErrState, len(live))
	}
	return Saved{Generation: binary.BigEndian.Uint64(live), Live: live[8:], Base: base}, nil
}

// Save implements State.
func (s *KVState) Save(provider string, zone zones.Name, was uint64, n Saved) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.loadLocked(provider, zone)
	if err != nil {
		return err
	}
	if old.Generation != was {
		return ErrFenced
	}
	if n.Base != nil {
		if err := s.kv.Set(kvKey("base", provider, zone), n.Base); err != nil {
			return err
		}
	}
	return s.kv.Set(kvKey("live", provider, zone), append(binary.BigEndian.AppendUint64(nil, n.Generation), n.Live...))
}
