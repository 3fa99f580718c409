package zonefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// Options are what New needs; all of them.
type Options struct {
	Directory string
	Write     func(w io.Writer, z *zones.Zone) error
	Parse     func(path string, text []byte, origin zones.Name) (*zones.Zone, error)
}

// Driver implements providers.Driver and providers.WholeZone.
type Driver struct {
	o  Options
	mu sync.Mutex // one write at a time
}

var (
	_ providers.Driver    = (*Driver)(nil)
	_ providers.WholeZone = (*Driver)(nil)
)

const header = "; A mirror written by Mangrove. What is edited here shows as drift, and goes with the next push.\n"

// New returns a driver for a directory. It does not look at it.
func New(o Options) (*Driver, error) {
	var errs []error
	if o.Directory == "" {
		errs = append(errs, errors.New("directory is not set"))
	}
	if o.Write == nil || o.Parse == nil {
		errs = append(errs, errors.New("no writer and parser for zone files"))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &Driver{o: o}, nil
}

// WholeZone says that the apex SOA and NS are held too.
func (d *Driver) WholeZone() {}

// FileName returns the name of a zone's file: as Mangrove reads it in a directory of zones.
func FileName(zone zones.Name) string {
	switch zone {
	case zones.Root:
		return "root.zone"
	case zones.MustParseName("root"):
		return "root..zone"
	}
	name := strings.ReplaceAll(strings.TrimSuffix(zone.String(), "."), "/", `\047`)
	if rest, ok := strings.CutPrefix(name, "#"); ok {
		name = `\035` + rest
	}
	return name + ".zone"
}

func (d *Driver) path(zone zones.Name) string { return filepath.Join(d.o.Directory, FileName(zone)) }

// Project implements providers.Driver: a file holds everything, and no attributes.
func (d *Driver) Project(s providers.RRset) (providers.RRset, []string, error) {
	var notes []string
	for _, k := range slices.Sorted(maps.Keys(s.Attrs)) {
		notes = append(notes, fmt.Sprintf("a zone file has no attribute %q", k))
	}
	s.Attrs = nil
	return s, notes, nil
}

// Snapshot implements providers.Driver. A file that is not there is an empty zone; one that can't be read whole is an error.
func (d *Driver) Snapshot(ctx context.Context, zone zones.Name) (*providers.Snapshot, error) {
	z, err := d.read(ctx, zone)
	if err != nil {
		return nil, err
	}
	snap := &providers.Snapshot{Time: time.Now()}
	for s := range z.RRsets() {
		snap.RRsets = append(snap.RRsets, providers.RRset{RRset: s})
	}
	return snap, nil
}

func (d *Driver) read(ctx context.Context, zone zones.Name) (*zones.Zone, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", providers.ErrUnavailable, err)
	}
	path := d.path(zone)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Dir(filepath.Clean(d.o.Directory))); err != nil {
			return nil, kind(err)
		}
		return zones.NewBuilder(zone).Zone(), nil
	}
	if err != nil {
		return nil, kind(err)
	}
	z, err := d.o.Parse(path, text, zone)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", providers.ErrUnavailable, err)
	}
	return z, nil
}

// kind wraps an error of the file system in the sentinel that fits.
func kind(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", providers.ErrAuth, err)
	}
	return fmt.Errorf("%w: %w", providers.ErrUnavailable, err)
}

// Apply implements providers.Driver: one rename, so all or nothing.
func (d *Driver) Apply(ctx context.Context, zone zones.Name, _ *providers.Snapshot, changes []providers.Change) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, err := d.read(ctx, zone)
	if err != nil {
		return err
	}
	next := make([]zones.Change, len(changes))
	for i, c := range changes {
		held, _ := now.RRset(c.Name, c.Type)
		is := providers.RRset{RRset: held}
		if !providers.Equal(is, c.Old) && !providers.Equal(is, c.New) {
			return &providers.ChangeError{Name: c.Name, Type: c.Type, Err: fmt.Errorf("%w: %s", providers.ErrConflict, d.path(zone))}
		}
		next[i] = zones.Change{Name: c.Name, Type: c.Type, New: c.New.RRset}
	}
	z, err := now.With(next)
	if err != nil {
		return fmt.Errorf("%w: %w", providers.ErrRefused, err)
	}
	if _, ok := z.SOA(); !ok {
		return fmt.Errorf("%w: a zone file without a SOA record is loaded by no name server", providers.ErrRefused)
	}
	return d.write(zone, z)
}

// write replaces the file, durably.
func (d *Driver) write(zone zones.Name, z *zones.Zone) error {
	text := bytes.NewBufferString(header)
	if err := d.o.Write(text, z); err != nil {
		return fmt.Errorf("%w: %w", providers.ErrRefused, err)
	}
	if err := os.Mkdir(d.o.Directory, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return kind(err)
	}
	tmp, err := os.CreateTemp(d.o.Directory, ".mangrove-*")
	if err != nil {
		return kind(err)
	}
	defer os.Remove(tmp.Name()) // gone already when all went well
	_, err = tmp.Write(text.Bytes())
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err != nil {
		return kind(err)
	}
	if err := os.Rename(tmp.Name(), d.path(zone)); err != nil {
		return kind(err)
	}
	dir, err := os.Open(d.o.Directory)
	if err != nil {
		return kind(err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return kind(err)
	}
	return nil
}

// Nameservers implements providers.Driver: a file answers nobody.
func (d *Driver) Nameservers(context.Context, zones.Name) ([]providers.Nameserver, error) {
	return nil, nil
}

// Visible implements providers.Driver.
func (d *Driver) Visible(s providers.RRset) (zones.RRset, bool) { return s.RRset, true }
