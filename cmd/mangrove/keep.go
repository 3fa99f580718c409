package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/store"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// Last good versions are kept aside, behind the serving: until one is written, the one before is what the store has. In the
// order of events that is as if the program had been stopped a moment earlier.

// keptVersion is what the store has of a zone.
type keptVersion struct {
	version contentID
	read    int64 // when its files were read, in nanoseconds since 1970
}

// waiting is a good version that is to be kept.
type waiting struct {
	src   *source
	files []zonefile.File // that its zone was read from
}

const (
	keepZones   = 1000    // zones in one write
	keepRecords = 100_000 // their records, beyond the first zone's
)

// toKeep has the good ones among list kept by keepLoop. It takes from them what is needed for that alone: list is not
// shared yet.
func (s *sources) toKeep(list []*source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, src := range list {
		switch {
		case src.state != sourceOK:
			delete(s.waiting, src.origin) // what was good before is older than what is kept now
		case src.fresh:
			s.waiting[src.origin] = waiting{src, src.zoneFiles}
		}
		src.zoneFiles = nil
	}
	select {
	case s.wake <- struct{}{}:
	default: // it is on its way
	}
}

// keepLoop keeps last good versions as they come; when ctx ends, those that are left. That it fails is no reason not to
// serve: they are read from the files again.
func (a *app) keepLoop(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			a.keepWaiting(context.WithoutCancel(ctx))
			return nil
		case <-a.sources.wake:
			a.keepWaiting(ctx)
		}
	}
}

func (a *app) keepWaiting(ctx context.Context) {
	a.memory.aside(func() {
		if err := a.sources.keepWaiting(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("last good versions are not kept", "err", err)
		}
	})
}

// keepWaiting writes what waits to be kept, unless the store has it already. What could not be written waits on.
func (s *sources) keepWaiting(ctx context.Context) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.askKept(ctx); err != nil {
		return err
	}
	todo := s.takeWaiting()
	var unnoted error
	for len(todo) > 0 {
		n := batchOf(todo)
		err := ctx.Err()
		if err == nil {
			unnoted = errors.Join(unnoted, s.noteEdits(ctx, todo[:n]))
			err = s.write(ctx, todo[:n])
		}
		if err != nil {
			s.putBack(todo)
			return errors.Join(err, unnoted)
		}
		todo = todo[n:]
	}
	return unnoted
}

// takeWaiting takes what waits and the store has not, in the order in which the store writes fastest.
func (s *sources) takeWaiting() []waiting {
	s.mu.Lock()
	defer s.mu.Unlock()
	todo := make([]waiting, 0, len(s.waiting))
	for origin, w := range s.waiting {
		if kept, ok := s.kept[origin]; !ok || kept.version != w.src.version || racy(w.files, time.Unix(0, kept.read)) {
			todo = append(todo, w)
		}
	}
	s.waiting = make(map[zones.Name]waiting)
	slices.SortFunc(todo, func(a, b waiting) int { return cmp.Compare(a.src.origin.Wire(), b.src.origin.Wire()) })
	return todo
}

// batchOf returns how many of todo go into one write.
func batchOf(todo []waiting) int {
	records := 0
	for i, w := range todo {
		if records += w.src.zone.Records(); i == keepZones || i > 0 && records > keepRecords {
			return i
		}
	}
	return len(todo)
}

// putBack lets what could not be written wait again, unless something newer does.
func (s *sources) putBack(batch []waiting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range batch {
		if _, newer := s.waiting[w.src.origin]; !newer {
			s.waiting[w.src.origin] = w
		}
	}
}

// write keeps a batch. s.writing is held.
func (s *sources) write(ctx context.Context, batch []waiting) error {
	loaded := make([]store.Loaded, len(batch))
	for i, w := range batch {
		loaded[i] = w.loaded()
	}
	if err := s.store.SaveLoaded(ctx, loaded...); err != nil {
		return fmt.Errorf("keep the last good versions: %w", err)
	}
	for _, w := range batch {
		s.kept[w.src.origin] = keptVersion{w.src.version, w.src.read.UnixNano()}
	}
	return nil
}

// noteEdits notes what the versions of a batch change in those that the store still has, for rollbacks. It is asked for zones alone
// that the store has. That it fails keeps nothing from being kept: what is missing then is found missing by its hashes.
func (s *sources) noteEdits(ctx context.Context, batch []waiting) error {
	var errs []error
	for _, w := range batch {
		if _, had := s.kept[w.src.origin]; !had {
			continue
		}
		before, err := s.store.Loaded(ctx, w.src.origin)
		if err == nil {
			err = s.edits.Append(before.Zone, w.src.zone, w.src.read)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			errs = append(errs, fmt.Errorf("edit is not noted: %w", err))
		}
	}
	return errors.Join(errs...)
}

// loaded is w as the store keeps it.
func (w waiting) loaded() store.Loaded {
	made := recipe{conf: w.src.conf.text, found: w.src.found, aliases: w.src.aliasRecords(), ctimes: make([]int64, len(w.files))}
	for i, f := range w.files {
		made.ctimes[i] = f.CTime
	}
	return store.Loaded{Zone: w.src.zone, Source: store.Source{
		Origin: w.src.origin, Files: storeFiles(w.files), Loaded: w.src.read, Serial: w.src.zone.Serial(), Meta: made.encode(),
	}}
}

// askKept learns what the store has, unless the start told. s.writing is held.
func (s *sources) askKept(ctx context.Context) error {
	if s.kept != nil {
		return nil
	}
	list, err := s.store.Sources(ctx)
	if err != nil {
		return fmt.Errorf("read what the store has: %w", err)
	}
	s.kept = make(map[zones.Name]keptVersion, len(list))
	for _, l := range list {
		if made, err := decodeRecipe(l.Meta, func([]byte) string { return "" }); err == nil {
			s.kept[l.Origin] = keptVersion{versionOf(l.Files, made.conf), l.Loaded.UnixNano()}
		}
	}
	return nil
}

// forget drops the last good version of a zone.
func (s *sources) forget(ctx context.Context, origin zones.Name) error {
	s.mu.Lock()
	delete(s.waiting, origin)
	s.mu.Unlock()
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.store.Forget(ctx, origin); err != nil {
		return err
	}
	delete(s.kept, origin)
	return s.edits.Forget(origin)
}
