package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/store"
)

// The store keeps the state of mirrors as providers.State promises it, across a restart.
func TestMirrorState(t *testing.T) {
	dir, zone := t.TempDir(), zones.MustParseName("example.org")
	open := func() *store.Bolt {
		st, err := store.OpenBolt(dir, store.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	st := open()
	state := mirrorState{st}
	if s, err := state.Load("p", zone); err != nil || cmp.Diff(providers.Saved{}, s) != "" {
		t.Fatalf("empty: %+v, %v", s, err)
	}
	if err := state.Save("p", zone, 0, providers.Saved{Generation: 1, Live: []byte("l1"), Base: []byte("b1")}); err != nil {
		t.Fatal(err)
	}
	late := state.Save("p", zone, 0, providers.Saved{Generation: 1, Live: []byte("other"), Base: []byte("other")})
	if !errors.Is(late, providers.ErrFenced) {
		t.Errorf("late save: error is %v, want ErrFenced", late)
	}
	if err := state.Save("p", zone, 1, providers.Saved{Generation: 2, Live: []byte("l2")}); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if err := state.Save("p", zone, 2, providers.Saved{Generation: 3}); err == nil || errors.Is(err, providers.ErrFenced) {
		t.Errorf("closed store: error is %v, want one that is not ErrFenced", err)
	}
	st = open()
	s, err := mirrorState{st}.Load("p", zone)
	if d := cmp.Diff(providers.Saved{Generation: 2, Live: []byte("l2"), Base: []byte("b1")}, s); err != nil || d != "" {
		t.Errorf("%v, -want +got\n%s", err, d)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

// damagedStore is a store whose mirrors can't be read. All else of it is not there.
type damagedStore struct {
	store.Store
	err error
}

func (s damagedStore) Mirror(context.Context, string, zones.Name) (store.Mirror, error) {
	return store.Mirror{}, s.err
}

func TestMirrorStateErrors(t *testing.T) {
	zone, other := zones.MustParseName("example.org"), errors.New("disk is gone")
	for _, c := range []struct{ err, want error }{
		{fmt.Errorf("read mirror: %w: checksum differs", store.ErrCorrupt), providers.ErrState},
		{other, other},
	} {
		_, err := mirrorState{damagedStore{err: c.err}}.Load("p", zone)
		if !errors.Is(err, c.want) || !errors.Is(err, c.err) {
			t.Errorf("error is %v, want %v", err, c.want)
		}
	}
}
