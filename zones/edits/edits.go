package edits

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// ErrGap is returned where the log does not reach back as far as it is asked to: too long ago, too large an edit, or lost.
var ErrGap = errors.New("the record of edits does not reach back that far")

// Options bound a log.
type Options struct {
	MaxEdit int64 // octets that one edit may take; default 1 MiB
	MaxZone int64 // octets that the edits of one zone may take; default 4 MiB
}

// Log is a directory of edits. Its methods are safe for concurrent use by zone: calls for one zone must not overlap.
type Log struct {
	dir string
	o   Options
}

// New returns a log in a directory, which is made when it is needed first.
func New(dir string, o Options) *Log {
	o.MaxEdit = cmp.Or(o.MaxEdit, 1<<20)
	o.MaxZone = cmp.Or(o.MaxZone, 4<<20)
	return &Log{dir, o}
}

// Edit is one change of a loaded zone.
type Edit struct {
	Read          time.Time // when its files were read
	Before, After zones.Hash
	Lost          bool // it was too large: there are no changes
	Changes       []zones.Change
}

// path returns the file of a zone.
func (l *Log) path(origin zones.Name) string {
	name := url.PathEscape(origin.String())
	if len(name) > 200 {
		sum := sha256.Sum256([]byte(origin.Wire()))
		name = hex.EncodeToString(sum[:])
	}
	return filepath.Join(l.dir, name+".edits")
}

// Append notes that a zone was loaded in place of another, whose files were read at a moment. Zones with the same content are no
// edit, and one that was noted last is not noted again.
func (l *Log) Append(old, next *zones.Zone, read time.Time) error {
	changes := zones.Diff(old, next)
	if len(changes) == 0 {
		return nil
	}
	origin := next.Origin()
	e := Edit{Read: read, Before: old.ContentHash(), After: next.ContentHash(), Changes: changes}
	known, data, err := l.read(origin)
	if err != nil {
		return fmt.Errorf("note edit of %s: %w", origin, err)
	}
	if n := len(known); n > 0 && known[n-1].Before == e.Before && known[n-1].After == e.After && sameSerials(known[n-1], e) {
		return nil
	}
	entry := e.encode()
	if int64(len(entry)) > l.o.MaxEdit {
		e.Changes, e.Lost = nil, true
		entry = e.encode()
	}
	for len(data) > 0 && int64(len(data)+len(entry)) > l.o.MaxZone {
		n, ok := entrySize(data)
		if !ok {
			data = nil
			break
		}
		data = data[n:]
	}
	if err := l.write(origin, data, entry); err != nil {
		return fmt.Errorf("note edit of %s: %w", origin, err)
	}
	return nil
}

// sameSerials says whether both edits end in the same SOA: the hashes leave the serial out.
func sameSerials(a, b Edit) bool {
	last := func(e Edit) (out []byte) {
		for _, c := range e.Changes {
			if c.Type == soaType && len(c.New.Data) > 0 {
				out = c.New.Data[0]
			}
		}
		return out
	}
	return bytes.Equal(last(a), last(b))
}

const soaType = 6

// write writes a zone's file anew, aside: what was there stays whole until the new one is.
func (l *Log) write(origin zones.Name, data, entry []byte) error {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	path := l.path(origin)
	f, err := os.CreateTemp(l.dir, ".edits-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(data[:len(data):len(data)], entry...))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// read returns the edits of a zone, oldest first, and the octets that they take.
func (l *Log) read(origin zones.Name) ([]Edit, []byte, error) {
	data, err := os.ReadFile(l.path(origin))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var out []Edit
	rest := data
	for {
		n, ok := entrySize(rest)
		if !ok {
			return out, data[:len(data)-len(rest)], nil
		}
		e, err := decode(rest[:n])
		if err != nil {
			return out, data[:len(data)-len(rest)], nil // what follows is not known to be whole
		}
		out = append(out, e)
		rest = rest[n:]
	}
}

// Edits returns the edits of a zone that are known, oldest first.
func (l *Log) Edits(origin zones.Name) ([]Edit, error) {
	out, _, err := l.read(origin)
	if err != nil {
		return nil, fmt.Errorf("edits of %s: %w", origin, err)
	}
	return out, nil
}

// Back returns what was loaded at a moment, from what is loaded now.
func (l *Log) Back(now *zones.Zone, at time.Time) (*zones.Zone, error) {
	list, err := l.Edits(now.Origin())
	if err != nil {
		return nil, err
	}
	z := now
	i := len(list) - 1
	for ; i >= 0 && list[i].Read.After(at); i-- {
		e := list[i]
		if e.Lost || z.ContentHash() != e.After {
			return nil, fmt.Errorf("%s: %w", now.Origin(), ErrGap)
		}
		back := make([]zones.Change, len(e.Changes))
		for i, c := range e.Changes {
			back[i] = zones.Change{Name: c.Name, Type: c.Type, Old: c.New, New: c.Old}
		}
		if z, err = z.With(back); err != nil {
			return nil, fmt.Errorf("%s: %w", now.Origin(), err)
		}
		if z.ContentHash() != e.Before {
			return nil, fmt.Errorf("%s: %w", now.Origin(), ErrGap)
		}
	}
	// An edit behind this one may be missing.
	if i >= 0 && z.ContentHash() != list[i].After {
		return nil, fmt.Errorf("%s: %w", now.Origin(), ErrGap)
	}
	return z, nil
}

// Forget drops the edits of a zone. Where there are none, it is no error.
func (l *Log) Forget(origin zones.Name) error {
	if err := os.Remove(l.path(origin)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget edits of %s: %w", origin, err)
	}
	return nil
}
