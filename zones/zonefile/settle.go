package zonefile

import (
	"cmp"
	"hash/maphash"
	"slices"
	"time"
)

// Batch is a set of changes that belong together, as far as a watcher can tell: load them as one.
type Batch struct {
	Changed []string // files that are new or other than before; sorted
	Gone    []string // files that are not there any more; sorted
	// DirError says that the zones directory cannot be read, or holds no zone file any more though it did (ErrEmptied). It is
	// the state at the time of the batch, so a batch with a nil DirError behind one with an error is the end of it. While there is an error,
	// nothing is known of the files in the directory, and none of them is reported as gone.
	DirError error
	// Rescanned: the batch ends a Rescan. It comes also where nothing changed.
	Rescanned bool
}

// settler decides when changes are reported. It is the whole logic of the watcher, without files, events or clock: it is told
// what is there, and says what to report, and when to be asked again.
//
//	observe: other than seen           observe: as reported
//	    ┌──────────────┐             ┌────────────────────────┐
//	    ▼              │             ▼                        │
//	 pending ──────────┘          settled ──── observe: other ──► pending
//	    │                            ▲
//	    └── unchanged for rest ──► rested ── all pending ones rested, or hold is over ──► reported: one batch
//
// It is not safe for concurrent use.
type settler struct {
	rest time.Duration // how long a file must stay as it is
	hold time.Duration // how long a rested file waits for others that are not
	seed maphash.Seed

	files   map[string]*watched // known: present, or reported as present, or extra
	pending map[string]*watched // those of files that are other than reported

	dirReported, dirSeen error
	dirSince             time.Time

	rescan      bool // a batch must be delivered, if only an empty one
	rescanSince time.Time
}

// watched is what is known of one file. There are as many as zones: it is kept small.
type watched struct {
	reported mark    // as the caller knows it
	seen     mark    // as it was when looked at last
	unrest   *unrest // nil: it is as reported
	look     uint32  // the number of the last look at the directory that found it
	inDir    bool    // it is in the zones directory, and not gone as long as that cannot be read
	extra    bool    // the caller asked for it: it is known though it is not there
}

// unrest says since when a file is other than reported.
type unrest struct {
	since   time.Time // it is as it was seen
	pending time.Time // it is other than reported
}

// mark stands for a Stamp: a hash of it, for two stamps of one file have one hash less often than a disk errs. 0 is
// that of the zero Stamp, and of no other.
type mark uint64

func (s *settler) mark(stamp Stamp) mark {
	if stamp.IsZero() {
		return 0
	}
	return max(1, mark(maphash.Comparable(s.seed, stamp)))
}

func newSettler(rest, hold time.Duration) *settler {
	return &settler{rest: rest, hold: hold, seed: maphash.MakeSeed(), files: make(map[string]*watched), pending: make(map[string]*watched)}
}

// baseline tells what the caller knows already.
func (s *settler) baseline(path string, stamp Stamp, inDir, extra bool) {
	m := s.mark(stamp)
	s.files[path] = &watched{reported: m, seen: m, inDir: inDir, extra: extra}
	delete(s.pending, path)
}

// forget ends the interest in an extra file.
func (s *settler) forget(path string) {
	delete(s.files, path)
	delete(s.pending, path)
}

// observe tells what is at path now; a zero stamp: nothing.
func (s *settler) observe(path string, stamp Stamp, inDir bool, now time.Time) {
	w := s.files[path]
	if w == nil {
		if stamp.IsZero() {
			return
		}
		w = &watched{inDir: inDir}
		s.files[path] = w
	}
	m := s.mark(stamp)
	if w.seen == m {
		return
	}
	if w.seen == w.reported {
		w.unrest = &unrest{pending: now}
	}
	w.seen, w.unrest.since = m, now
	s.sort(path, w)
}

// sort puts a file among the pending ones, or not.
func (s *settler) sort(path string, w *watched) {
	switch {
	case w.seen != w.reported:
		s.pending[path] = w
		return
	case w.seen == 0 && !w.extra:
		delete(s.files, path)
	}
	w.unrest = nil
	delete(s.pending, path)
}

// observeDir tells how the directory is; nil: it can be read, and what is observed of its files is all there is.
func (s *settler) observeDir(err error, now time.Time) {
	if sameError(err, s.dirSeen) {
		return
	}
	s.dirSeen, s.dirSince = err, now
	for _, w := range s.pending {
		// What was missing when the directory failed is missing from now on, not since then: it may be filled at this moment.
		if w.inDir && w.seen == 0 {
			w.unrest.since = now
		}
	}
}

func sameError(a, b error) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error()
}

// demand asks for a batch in any case.
func (s *settler) demand(now time.Time) {
	if !s.rescan {
		s.rescan, s.rescanSince = true, now
	}
}

// restless returns the files that have been changing for longer than d.
func (s *settler) restless(now time.Time, d time.Duration) []string {
	var paths []string
	for path, w := range s.pending {
		if w.unrest.since.Sub(w.unrest.pending) > d && now.Before(w.unrest.since.Add(s.rest)) {
			paths = append(paths, path)
		}
	}
	return paths
}

// held says that a file must not be reported, because the directory says nothing about it.
func (s *settler) held(w *watched) bool { return w.inDir && w.seen == 0 && s.dirSeen != nil }

// due returns when something is to be reported: the earliest and the latest time at which a pending item is rested. some: there are such items.
func (s *settler) due() (first, last time.Time, some bool) {
	add := func(at time.Time) {
		if !some || at.Before(first) {
			first = at
		}
		if !some || at.After(last) {
			last = at
		}
		some = true
	}
	for _, w := range s.pending {
		if !s.held(w) {
			add(w.unrest.since.Add(s.rest))
		}
	}
	if !sameError(s.dirSeen, s.dirReported) {
		add(s.dirSince.Add(s.rest))
	}
	if s.rescan {
		add(s.rescanSince)
	}
	return first, last, some
}

// wake returns when take may have something next; false: when nothing happens, never.
func (s *settler) wake() (time.Time, bool) {
	first, last, due := s.due()
	if !due {
		return time.Time{}, false
	}
	limit := first.Add(s.hold)
	if last.Before(limit) {
		return last, true
	}
	return limit, true
}

// take returns the batch that is to be reported at now, and takes it for reported. All that is pending has been observed at now.
func (s *settler) take(now time.Time) (Batch, bool) {
	at, due := s.wake()
	if !due || now.Before(at) {
		return Batch{}, false
	}
	b := Batch{Rescanned: s.rescan}
	s.rescan = false
	if !now.Before(s.dirSince.Add(s.rest)) {
		s.dirReported = s.dirSeen
	}
	b.DirError = s.dirReported
	for path, w := range s.pending {
		if s.held(w) || now.Before(w.unrest.since.Add(s.rest)) {
			continue
		}
		w.reported = w.seen
		if w.seen == 0 {
			b.Gone = append(b.Gone, path)
		} else {
			b.Changed = append(b.Changed, path)
		}
		s.sort(path, w)
	}
	slices.SortFunc(b.Changed, cmp.Compare[string])
	slices.SortFunc(b.Gone, cmp.Compare[string])
	return b, true
}
