package zonefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// event takes up one event of the system. It says where to look, nothing more: what counts is what is there.
func (w *Watcher) event(ev fsnotify.Event) {
	if ev.Has(fsnotify.Remove) || ev.Has(fsnotify.Rename) {
		if _, watched := w.dirs[ev.Name]; watched { // the system has dropped the watch, or it follows the directory to its new name
			w.unwatch(ev.Name)
			w.scanSoon()
			return
		}
	}
	if w.hops.has(ev.Name) {
		w.scanSoon()
		return
	}
	base := filepath.Base(ev.Name)
	if filepath.Dir(ev.Name) != w.realDir || !memberName(base) {
		return
	}
	path := filepath.Join(w.o.Dir, base)
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		w.scanSoon() // for the watches along the link
		return
	}
	w.look(path, time.Now())
}

// scanSoon asks for a scan, one for all the events of a moment.
func (w *Watcher) scanSoon() {
	if w.scanAt.IsZero() {
		w.scanAt = time.Now().Add(min(w.o.Settle/4, 50*time.Millisecond))
	}
}

// eventError takes up an error of the system's events.
func (w *Watcher) eventError(err error) {
	if !errors.Is(err, fsnotify.ErrEventOverflow) {
		w.trouble("events: "+err.Error(), "watching zone files", "err", err)
	}
	w.scanSoon()
}

// follow sees to it that all directories are watched in which a change may matter, and that none else is. It says
// whether there are new ones.
func (w *Watcher) follow(members []fs.DirEntry) bool {
	hops, real := hopsOf(w.o.Dir)
	w.realDir = real
	w.hops.clear()
	dirs := make(map[string]bool)
	take := func(hops []hop) {
		for _, h := range hops {
			w.hops.add(h.path)
			dirs[h.dir] = true
		}
	}
	take(hops)
	for path, known := range w.s.files {
		if known.extra {
			more, _ := hopsOf(path)
			take(more)
		}
	}
	links := linkFinder{real: real, dirs: make(map[string]dirHops)}
	for _, e := range members {
		if e.Type()&fs.ModeSymlink != 0 {
			if target, ok := links.shortcut(e.Name()); ok {
				take(target.hops)
				w.hops.add(real + string(filepath.Separator) + e.Name())
				w.hops.add(target.path)
				dirs[target.real] = true
				continue
			}
			more, _ := hopsOf(filepath.Join(w.o.Dir, e.Name()))
			take(more)
		}
	}
	if real != "" {
		dirs[real] = true
	}
	for dir := range w.dirs {
		if !dirs[dir] {
			w.unwatch(dir)
		}
	}
	added := false
	for dir := range dirs {
		added = w.watch(dir) || added
	}
	return added
}

// watch watches dir, and says whether that is new.
func (w *Watcher) watch(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil {
		w.unwatch(dir)
		return false // the next scan sees
	}
	stamp := stampOf(info)
	id := dirID{stamp.Dev, stamp.Inode}
	if have, ok := w.dirs[dir]; ok && have == id {
		return false
	}
	w.unwatch(dir)
	if err := w.events.Add(dir); err != nil {
		w.trouble("watch "+dir, "changes in a directory are found by polling alone: it cannot be watched", "dir", dir, "err", err, "poll", w.o.Poll)
		return false
	}
	delete(w.told, "watch "+dir)
	w.dirs[dir] = id
	return true
}

func (w *Watcher) unwatch(dir string) {
	if _, ok := w.dirs[dir]; !ok {
		return
	}
	delete(w.dirs, dir)
	_ = w.events.Remove(dir) // it may be gone, and the watch with it
}
