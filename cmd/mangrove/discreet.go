package main

import (
	"context"
	"reflect"
	"strings"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// A provider's answer is passed on to people, and a server or proxy that reflects what it was sent would so put a token
// into logs, plans and status. So the errors of drivers go through here.

// discreet returns d with secrets struck out of its errors. d is returned as it is where it has none.
func discreet(d providers.Driver, secrets []string) providers.Driver {
	if len(secrets) == 0 {
		return d
	}
	out := &discreetDriver{d, secrets}
	if _, whole := d.(providers.WholeZone); whole {
		return discreetWhole{out}
	}
	return out
}

// secretsOf returns the secrets among options. One that is shorter than a password may be is left alone: striking it out would
// garble every text.
func secretsOf(options any) []string {
	const shortest = 6
	var out []string
	v := reflect.ValueOf(options).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		if text := v.FieldByIndex(f.Index); f.Tag.Get("secret") != "" && text.Kind() == reflect.String && text.Len() >= shortest {
			out = append(out, text.String())
		}
	}
	return out
}

type discreetDriver struct {
	providers.Driver
	secrets []string
}

// discreetWhole is a discreetDriver of whole zones.
type discreetWhole struct{ *discreetDriver }

func (discreetWhole) WholeZone() {}

func (d *discreetDriver) Snapshot(ctx context.Context, zone zones.Name) (*providers.Snapshot, error) {
	s, err := d.Driver.Snapshot(ctx, zone)
	return s, d.strike(err)
}

func (d *discreetDriver) Apply(ctx context.Context, zone zones.Name, snap *providers.Snapshot, changes []providers.Change) error {
	return d.strike(d.Driver.Apply(ctx, zone, snap, changes))
}

func (d *discreetDriver) Nameservers(ctx context.Context, zone zones.Name) ([]providers.Nameserver, error) {
	ns, err := d.Driver.Nameservers(ctx, zone)
	return ns, d.strike(err)
}

// strike returns err, with another text where it holds a secret.
func (d *discreetDriver) strike(err error) error {
	if err == nil {
		return nil
	}
	// The refusals of single changes are taken out of the whole and told one by one.
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			_ = d.strike(e)
		}
	}
	if change, ok := err.(*providers.ChangeError); ok {
		change.Err = d.strike(change.Err)
	}
	text := err.Error()
	for _, s := range d.secrets {
		text = strings.ReplaceAll(text, s, "(hidden)")
	}
	if text == err.Error() {
		return err
	}
	return struckError{text, err}
}

// struckError says text, and is for errors.Is and errors.As what it was.
type struckError struct {
	text string
	err  error
}

func (e struckError) Error() string { return e.text }
func (e struckError) Unwrap() error { return e.err }
