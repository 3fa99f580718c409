package zonefile

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// isMember says whether a file belongs to the directory's own that are watched in any case.
func (w *Watcher) isMember(path string) bool {
	return filepath.Dir(path) == filepath.Clean(w.o.Dir) && memberName(filepath.Base(path))
}

// memberName says whether a file of this name in the zones directory matters: a zone, or what is said about one.
func memberName(base string) bool {
	return IsZoneFile(base) || base[0] != '.' && base[0] != '#' && (strings.HasSuffix(base, ".yaml") || strings.HasSuffix(base, ".yml"))
}

// inDir says whether path is below the zones directory, by its name.
func (w *Watcher) inDir(path string) bool {
	rel, err := filepath.Rel(w.o.Dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// list returns the directory's entries that matter.
func (w *Watcher) list() ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(w.o.Dir)
	if err != nil {
		return nil, err
	}
	members := entries[:0]
	for _, e := range entries {
		if memberName(e.Name()) {
			members = append(members, e)
		}
	}
	return members, nil
}

// scan looks at everything.
func (w *Watcher) scan() {
	w.scanAt = time.Time{}
	members, err := w.list()
	// Watches come first and the look second, or what changes in between is missed. They depend on the links that are found.
	for range 3 {
		if w.events == nil || !w.follow(members) {
			break
		}
		members, err = w.list()
	}
	now := time.Now()
	w.scanDir(members, err, now)
	for path, known := range w.s.files {
		if known.extra {
			w.look(path, now)
		}
	}
}

// scanDir looks at the directory's files.
func (w *Watcher) scanDir(members []fs.DirEntry, err error, now time.Time) {
	if err != nil {
		w.s.observeDir(err, now)
		return
	}
	zones := slices.ContainsFunc(members, func(e fs.DirEntry) bool { return IsZoneFile(e.Name()) })
	if !zones && w.hadZones {
		w.s.observeDir(ErrEmptied, now)
		return
	}
	w.hadZones = zones
	w.s.observeDir(nil, now)
	w.looks++
	for _, e := range members {
		path := filepath.Join(w.o.Dir, e.Name())
		w.look(path, now)
		if known := w.s.files[path]; known != nil {
			known.look = w.looks
		}
	}
	for path, known := range w.s.files {
		if known.inDir && !known.extra && known.look != w.looks {
			w.s.observe(path, Stamp{}, true, now)
		}
	}
}

// look looks at one file.
func (w *Watcher) look(path string, now time.Time) {
	info, err := os.Stat(path)
	switch {
	case err == nil:
		w.s.observe(path, stampOf(info), w.inDir(path), now)
	case errors.Is(err, fs.ErrNotExist):
		w.s.observe(path, Stamp{}, w.inDir(path), now)
	default:
		// It cannot be looked at, which says nothing about it. As far as a directory is the reason, DirError tells.
	}
}

// doubtful says whether the directory has to be read before something is reported: a file is gone only
// if the directory can still be read, and an error of the directory may be over.
func (w *Watcher) doubtful() bool {
	for p := range maps.Values(w.s.pending) {
		if p.seen == 0 && p.inDir {
			return true
		}
	}
	return w.s.dirSeen != nil || w.s.dirReported != nil
}

func (w *Watcher) pendingPaths() []string {
	paths := make([]string, 0, len(w.s.pending))
	for path := range w.s.pending {
		paths = append(paths, path)
	}
	return paths
}
