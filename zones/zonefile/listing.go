package zonefile

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mangrove-dns/mangrove/zones"
)

// List is Scan and ZoneFiles in one look at each file: what is listed are the versions that Run takes for known. A start with many
// zones knows from the stamps which of them it need not read.
func (w *Watcher) List() ([]ZoneFile, []zones.Problem, error) {
	entries, err := w.list()
	if err != nil {
		w.s.dirSeen, w.s.dirReported = err, err
		return nil, nil, err
	}
	for _, e := range entries {
		if !IsZoneFile(e.Name()) {
			w.known(filepath.Join(w.o.Dir, e.Name()))
		}
	}
	list, problems := zoneFiles(entries, func(e fs.DirEntry) (f ZoneFile, err error) {
		f.Path = filepath.Join(w.o.Dir, e.Name())
		info, err := os.Stat(f.Path)
		if err != nil {
			// Gone since, or a link to nowhere: it is new when it comes. Who reads it says why it cannot.
			return f, nil
		}
		f.Stamp = stampOf(info)
		w.s.baseline(f.Path, f.Stamp, true, false)
		w.hadZones = true
		if !info.Mode().IsRegular() {
			return f, errNotRegular
		}
		return f, nil
	})
	return list, problems, nil
}

// known takes the version of a file that is there for known.
func (w *Watcher) known(path string) {
	if f := Stat(path); f.Err == nil {
		w.s.baseline(f.Path, f.Stamp, true, false)
	}
}
