package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/mangrove-dns/mangrove/cmd/mangrove/yamlconf"
	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/registry"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// From accounts in mangrove.yaml to drivers.

// drivers are the accounts in force, by name.
type drivers map[string]driver

type driver struct {
	options any // as they were made out, secrets included
	providers.Driver
}

// vendors is the one table of the process: accounts with the same credentials share their rate through it.
var vendors = sync.OnceValue(registry.Vendors)

// Variant implements yamlconf.Variant: the keys of an account are those of its vendor.
func (p *providerConfig) Variant(kind string) (any, error) {
	var known []string
	for _, v := range vendors() {
		if v.Type == kind {
			p.Type, p.Options = kind, v.Options()
			return p.Options, nil
		}
		known = append(known, v.Type)
	}
	if near := yamlconf.Nearest(kind, known); near != "" {
		return nil, fmt.Errorf("unknown type %q; did you mean %q?", kind, near)
	}
	return nil, fmt.Errorf("unknown type %q; known are %s", kind, strings.Join(known, ", "))
}

// buildDrivers makes a driver for each account. One whose settings are as in before, secrets included, is taken over: it
// knows its rate and its zones.
func buildDrivers(cfg *config, before drivers) (drivers, []zones.Problem) {
	out := make(drivers, len(cfg.Providers))
	var problems []zones.Problem
	for _, name := range slices.Sorted(maps.Keys(cfg.Providers)) {
		conf := cfg.Providers[name]
		options, err := resolveSecrets(conf.Options, cfg.dir())
		if old, ok := before[name]; err == nil && ok && reflect.DeepEqual(old.options, options) {
			out[name] = old
			continue
		}
		var d providers.Driver
		if err == nil {
			d, err = buildDriver(cfg, conf.Type, options)
		}
		if err != nil {
			problems = append(problems, zones.Problem{Pos: cfg.origins.At("providers." + name), Severity: zones.Error,
				Text: fmt.Sprintf("providers.%s: %v", name, err)})
			continue
		}
		out[name] = driver{options, d}
	}
	return out, problems
}

// buildDriver makes a driver. What it says never holds one of the account's secrets.
func buildDriver(cfg *config, kind string, options any) (providers.Driver, error) {
	for _, v := range vendors() {
		if v.Type == kind {
			d, err := v.New(options, registry.Dependencies{
				Directory: cfg.dir(),
				Write:     func(w io.Writer, z *zones.Zone) error { return zonefile.Write(w, z, zonefile.WriteOptions{}) },
				Parse:     parseMirror,
			})
			if err != nil {
				return nil, err
			}
			return discreet(d, secretsOf(options)), nil
		}
	}
	return nil, fmt.Errorf("unknown type %q", kind)
}

// parseMirror reads a zone file that we have written as a mirror.
func parseMirror(path string, data []byte, origin zones.Name) (*zones.Zone, error) {
	res, err := zonefile.ParseBytes(path, data, zonefile.Options{Origin: origin})
	if err != nil {
		return nil, err
	}
	for _, p := range res.Problems {
		if p.Severity == zones.Error {
			return nil, fmt.Errorf("%s", p)
		}
	}
	return res.Zone, nil
}

// resolveSecrets returns a copy of an options struct with the texts that "env:NAME" and "file:PATH" refer to in their
// places. Errors name the reference, never what it holds.
func resolveSecrets(options any, dir string) (any, error) {
	v := reflect.New(reflect.TypeOf(options).Elem())
	v.Elem().Set(reflect.ValueOf(options).Elem())
	for _, f := range reflect.VisibleFields(v.Elem().Type()) {
		if f.Type.Kind() != reflect.String || f.Tag.Get("yaml") == "" {
			continue
		}
		field := v.Elem().FieldByIndex(f.Index)
		text, err := secret(field.String(), dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Tag.Get("yaml"), err)
		}
		field.SetString(text)
	}
	return v.Interface(), nil
}

// secret returns what text refers to, or text itself. A path is relative to dir.
func secret(text, dir string) (string, error) {
	if name, ok := strings.CutPrefix(text, "env:"); ok {
		value, set := os.LookupEnv(name)
		if !set || value == "" {
			return "", fmt.Errorf("environment variable %s is not set", name)
		}
		return value, nil
	}
	if path, ok := strings.CutPrefix(text, "file:"); ok {
		path = under(dir, path)
		b, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("%s %s", path, readProblem(err))
		}
		value := strings.TrimRight(string(b), "\r\n")
		if value == "" {
			return "", fmt.Errorf("%s is empty", path)
		}
		return value, nil
	}
	return text, nil
}

// mirrorsLocked tells the engine which zones are mirrored where. a.mu is held.
func (a *app) mirrorsLocked() error {
	var mirrors []providers.Mirror
	for _, origin := range slices.SortedFunc(maps.Keys(a.mirrored), zones.Name.Compare) {
		src := a.mirrored[origin].src
		for _, name := range src.conf.Providers {
			d, ok := a.drivers[name]
			if !ok {
				continue // the account has a problem of its own, which is reported
			}
			m := providers.Mirror{Provider: name, Zone: origin, Driver: d.Driver, Overlay: src.conf.overlay(name, origin)}
			if src.conf.Edits == "auto" {
				m.Edits = providers.Auto
			}
			mirrors = append(mirrors, m)
		}
	}
	return a.engine.Set(mirrors)
}

// overlay returns what a provider is to hang on the zone's names.
func (z *zoneConfig) overlay(provider string, origin zones.Name) providers.Overlay {
	out := make(providers.Overlay)
	for owner, attrs := range z.Overlays[provider] {
		if name, err := ownerName(owner, origin); err == nil { // validated when it was read
			out[name] = attrs
		}
	}
	return out
}
