package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// telling is a driver whose server reflects what it was sent.
type telling struct {
	providers.Driver
	err error
}

func (d telling) Snapshot(context.Context, zones.Name) (*providers.Snapshot, error) {
	return nil, d.err
}

func (d telling) Apply(context.Context, zones.Name, *providers.Snapshot, []providers.Change) error {
	return d.err
}

type tellingWhole struct{ telling }

func (tellingWhole) WholeZone() {}

func TestDiscreet(t *testing.T) {
	const token = "s3cret-token"
	options := &struct {
		Token string `yaml:"token" secret:"yes"`
		Short string `yaml:"short" secret:"yes"`
		User  string `yaml:"user"`
	}{token, "abc", "somebody"}
	refusal := &providers.ChangeError{Name: zones.MustParseName("www.example.com"), Type: 1, Err: fmt.Errorf("%w: you sent %s", providers.ErrRefused, token)}
	err := errors.Join(fmt.Errorf("%w: Authorization: Bearer %s", providers.ErrAuth, token), refusal)

	d := discreet(telling{err: err}, secretsOf(options))
	if _, whole := d.(providers.WholeZone); whole {
		t.Error("a driver of RRsets became one of whole zones")
	}
	if _, whole := discreet(tellingWhole{}, secretsOf(options)).(providers.WholeZone); !whole {
		t.Error("a driver of whole zones became one of RRsets")
	}
	_, got := d.Snapshot(t.Context(), zones.Root)
	for _, e := range []error{got, d.Apply(t.Context(), zones.Root, nil, nil)} {
		if strings.Contains(e.Error(), token) || !strings.Contains(e.Error(), "Bearer (hidden)") {
			t.Errorf("got %q", e)
		}
		var change *providers.ChangeError
		if !errors.Is(e, providers.ErrAuth) || !errors.As(e, &change) {
			t.Errorf("%q is no longer what it was", e)
		} else if strings.Contains(change.Error(), token) {
			t.Errorf("got %q", change)
		}
	}
	if got := d.(*discreetDriver).strike(providers.ErrConflict); got != providers.ErrConflict {
		t.Errorf("an error without a secret became %v", got)
	}
}
