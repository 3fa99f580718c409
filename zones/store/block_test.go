package store_test

import (
	"errors"
	"testing"

	"github.com/mangrove-dns/mangrove/zones/store"
)

func TestBlock(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []uint32{0, 256, 1 << 24, 0} {
		s, err := store.OpenBolt(dir, store.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetBlock(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = store.OpenBolt(dir, store.Options{NoSync: true}); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Block(t.Context()); got != want || err != nil {
			t.Errorf("got %d, %v, want %d", got, err, want)
		}
		if err := s.SetMeta(t.Context(), "serials/block", []byte("?")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Block(t.Context()); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("got %v, want ErrCorrupt", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
