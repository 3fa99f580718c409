package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/store"
)

// mirrorState keeps in the store what the engine must remember of mirrors.
type mirrorState struct{ store store.Store }

var _ providers.State = mirrorState{}

// Load implements providers.State. What the store finds damaged is an error that wraps providers.ErrState, too.
func (s mirrorState) Load(provider string, zone zones.Name) (providers.Saved, error) {
	m, err := s.store.Mirror(context.Background(), provider, zone)
	return providers.Saved(m), mirrorError(err)
}

// Save implements providers.State.
func (s mirrorState) Save(provider string, zone zones.Name, was uint64, m providers.Saved) error {
	return mirrorError(s.store.SaveMirror(context.Background(), provider, zone, was, store.Mirror(m)))
}

// mirrorError says to the engine, in its own words, what an error of the store means.
func mirrorError(err error) error {
	switch {
	case errors.Is(err, store.ErrStale):
		return fmt.Errorf("%w: %w", providers.ErrFenced, err)
	case errors.Is(err, store.ErrCorrupt):
		return fmt.Errorf("%w: %w", providers.ErrState, err)
	}
	return err
}
