package zonefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/providertest"
	"github.com/mangrove-dns/mangrove/zones"
)

var zone = zones.MustParseName("example.org")

func options(dir string) Options {
	return Options{Directory: dir,
		Write: func(w io.Writer, z *zones.Zone) error {
			soa, _ := z.SOA()
			sets := []zones.RRset{soa}
			for s := range z.RRsets() {
				if s.Type != dns.TypeSOA {
					sets = append(sets, s)
				}
			}
			for _, s := range sets {
				rrs, err := s.RRs()
				if err != nil {
					return err
				}
				for _, rr := range rrs {
					if _, err := fmt.Fprintln(w, rr); err != nil {
						return err
					}
				}
			}
			return nil
		},
		Parse: func(path string, text []byte, origin zones.Name) (*zones.Zone, error) {
			p := dns.NewZoneParser(bytes.NewReader(text), origin.String(), path)
			var rrs []dns.RR
			for rr, ok := p.Next(); ok; rr, ok = p.Next() {
				rrs = append(rrs, rr)
			}
			if err := p.Err(); err != nil {
				return nil, err
			}
			sets, err := zones.FromRRs(rrs)
			if err != nil {
				return nil, err
			}
			b := zones.NewBuilder(origin)
			for _, s := range sets {
				if err := b.AddRRset(s); err != nil {
					return nil, err
				}
			}
			return b.Zone(), nil
		}}
}

func newDriver(t *testing.T, dir string) *Driver {
	t.Helper()
	d, err := New(options(dir))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestConformance(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mirror")
	d := newDriver(t, dir)
	push(t, d, "@ SOA ns1 hm 7 2 3 4 5\n@ NS ns1.example.net.")
	providertest.Run(t, providertest.Harness{Driver: d, Zone: zone})
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "example.org.zone" {
		t.Errorf("in the directory: %v, %v, want one file", left, err)
	}
}

// push brings a zone there through the engine and returns what was planned.
func push(t *testing.T, d *Driver, text string) *providers.Plan {
	t.Helper()
	e := providers.NewEngine(providers.Options{})
	if err := e.Set([]providers.Mirror{{Provider: "file", Zone: zone, Driver: d}}); err != nil {
		t.Fatal(err)
	}
	e.Update(zone, providers.Desired{Served: providertest.MustZone("example.org", text)})
	res, err := e.Push(t.Context(), "file", zone, providers.PushOptions{Allow: []string{"G2", "G3", "G4", "G5"}})
	if err != nil {
		t.Fatal(err)
	}
	return res.Plan
}

// TestSerialFollows: the SOA goes along with a change, and is none of its own.
func TestSerialFollows(t *testing.T) {
	d := newDriver(t, t.TempDir())
	push(t, d, "@ SOA ns1 hm 1 2 3 4 5\n@ NS ns1\nwww A 192.0.2.1")
	if p := push(t, d, "@ SOA ns1 hm 2 2 3 4 5\n@ NS ns1\nwww A 192.0.2.1"); !p.Empty() {
		t.Errorf("a serial alone is a change: %+v", p.Lines)
	}
	p := push(t, d, "@ SOA ns1 hm 3 2 3 4 5\n@ NS ns1\nwww A 192.0.2.2")
	if n := p.Count(providers.Serial); n != 1 {
		t.Errorf("%d lines for the serial, want 1: %+v", n, p.Lines)
	}
	z, err := d.read(t.Context(), zone)
	if err != nil || z.Serial() != 3 {
		t.Errorf("serial %d, %v, want 3", z.Serial(), err)
	}
}

// TestOtherServersLoadIt: what is written is a zone to BIND, Knot and NSD.
func TestOtherServersLoadIt(t *testing.T) {
	dir := t.TempDir()
	push(t, newDriver(t, dir), "@ SOA ns1 hm 7 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\nwww A 192.0.2.1\ntxt TXT \"a \\\" ; b\"\n*.w CNAME www\nc CAA 0 issue \";\"")
	path := filepath.Join(dir, "example.org.zone")
	conf := filepath.Join(t.TempDir(), "knot.conf")
	if err := os.WriteFile(conf, []byte("zone:\n  - domain: example.org\n    file: "+path+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		program, debian string
		args            []string
	}{
		{"named-checkzone", "bind9-utils", []string{"example.org", path}},
		{"knotc", "knot", []string{"-c", conf, "zone-check", "example.org"}},
		{"nsd-checkzone", "nsd", []string{"example.org", path}},
	} {
		t.Run(c.program, func(t *testing.T) {
			program := providertest.PeerPath(t, c.program, c.debian)
			if out, err := exec.CommandContext(t.Context(), program, c.args...).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestUnreadableIsNeverEmpty(t *testing.T) {
	dir := t.TempDir()
	d := newDriver(t, filepath.Join(dir, "not", "there"))
	if _, err := d.Snapshot(t.Context(), zone); !errors.Is(err, providers.ErrUnavailable) {
		t.Errorf("a missing parent directory: %v, want ErrUnavailable", err)
	}
	d = newDriver(t, filepath.Join(dir, "new"))
	if snap, err := d.Snapshot(t.Context(), zone); err != nil || len(snap.RRsets) != 0 {
		t.Errorf("a directory that can be made: %v, %v, want an empty zone", snap, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "example.org.zone"), []byte("www A 192.0.2."), 0o644); err != nil {
		t.Fatal(err)
	}
	d = newDriver(t, dir)
	if _, err := d.Snapshot(t.Context(), zone); !errors.Is(err, providers.ErrUnavailable) {
		t.Errorf("a broken file: %v, want ErrUnavailable", err)
	}
	set := providertest.Set("example.org", "www A 192.0.2.1")
	err := d.Apply(t.Context(), zone, &providers.Snapshot{}, []providers.Change{{Name: set.Name, Type: set.Type, New: set}})
	if text, _ := os.ReadFile(filepath.Join(dir, "example.org.zone")); err == nil || string(text) != "www A 192.0.2." {
		t.Errorf("a broken file was written over: %v %q", err, text)
	}
}

func TestWithoutSOAIsRefused(t *testing.T) {
	set := providertest.Set("example.org", "www A 192.0.2.1")
	err := newDriver(t, t.TempDir()).Apply(t.Context(), zone, &providers.Snapshot{}, []providers.Change{{Name: set.Name, Type: set.Type, New: set}})
	if !errors.Is(err, providers.ErrRefused) {
		t.Errorf("%v, want ErrRefused", err)
	}
}

func TestFileName(t *testing.T) {
	for name, want := range map[string]string{
		"example.org": "example.org.zone", ".": "root.zone", "root": "root..zone",
		"0/25.2.0.192.in-addr.arpa": `0\04725.2.0.192.in-addr.arpa.zone`, "#x.org": `\035x.org.zone`, "../x": "",
	} {
		n, err := zones.ParseName(name)
		if err != nil {
			if want != "" {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if got := FileName(n); got != want || strings.ContainsRune(got, '/') {
			t.Errorf("%s is in %s, want %s", name, got, want)
		}
	}
}

func TestBadOptions(t *testing.T) {
	_, err := New(Options{})
	if got, want := fmt.Sprint(err), "directory is not set\nno writer and parser for zone files"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
