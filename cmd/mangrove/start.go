package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/store"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// The start: a zone whose files are as they were when its last good version was kept is taken from the store, as it lies there,
// and served at once; all others are read. What was trusted by its stamps is verified once answers flow (verify.go). Anything
// doubtful is read.

// stamps that are younger than the reading by less than this may hide a later edit: the file system's clock moves in steps.
// A stamp in full seconds comes from one with long steps.
const (
	fineClock   = 20 * time.Millisecond
	coarseClock = 2 * time.Second
)

// racy says that one of files, read at a time, may have been edited afterwards without a trace in its stamp.
func racy(files []zonefile.File, read time.Time) bool {
	return slices.ContainsFunc(files, func(f zonefile.File) bool { return racyStamp(f.Stamp, read) })
}

func racyStamp(s zonefile.Stamp, read time.Time) bool {
	step := fineClock
	if s.MTime%int64(time.Second) == 0 {
		step = coarseClock
	}
	return s.MTime > read.Add(-step).UnixNano()
}

// readEveryZone makes the sources of all zones: those of the directory, and those whose file is gone from the store.
func (a *app) readEveryZone(ctx context.Context, prog *progress) ([]*source, error) {
	// What is read after this look is at least as new as what the watcher takes for known.
	files, problems, err := a.watcher.List()
	a.load.expect(len(files))
	if err != nil {
		problems = append(problems, zones.Problem{Pos: zones.Pos{File: a.config().Zones}, Severity: zones.Error,
			Text: readProblem(err) + "; the zones of the last run are served on"})
	}
	a.found(&a.problems.dir, problems)
	list, unread, signed, err := a.takeStored(ctx, files)
	if err != nil {
		return nil, err
	}
	read := a.sources.readAll(ctx, a.config(), unread, func(origin zones.Name) *source { return signed[origin] }, prog)
	return append(list, read...), ctx.Err()
}

// takeStored takes from the store what can be, and returns the files that are to be read, and which of these have a last good
// version that came signed. A version whose records are damaged is as one that is not there, and said.
func (a *app) takeStored(ctx context.Context, files []zonefile.ZoneFile) (list []*source, unread []zonefile.ZoneFile, signed map[zones.Name]*source, err error) {
	at := make(map[zones.Name]int, len(files))
	for i, f := range files {
		at[f.Origin] = i
	}
	s := starter{app: a, cfg: a.config(), texts: make(map[string]string), taken: make([]bool, len(files)), kept: make(map[zones.Name]keptVersion, len(files))}
	list = make([]*source, 0, len(files))
	signed = make(map[zones.Name]*source)
	err = a.store.EachLoaded(ctx, func(l store.Loaded, damage error) error {
		i, there := at[l.Origin]
		switch {
		case damage != nil:
			a.log.Error("last good version in the store can't be used", "zone", l.Origin, "err", damage)
		case !there:
			list = append(list, a.sources.fromStore(s.cfg, l).gone(a.now()))
		default:
			src, why := s.source(l, files[i])
			if src == nil {
				a.log.Debug("zone is read anew", "zone", l.Origin, "why", why)
				if known := cameSigned(l); known != nil {
					signed[l.Origin] = known
				}
				return nil
			}
			list, s.taken[i] = append(list, src), true
		}
		return nil
	})
	switch {
	case errors.Is(err, store.ErrCorrupt):
		a.log.Error("last good versions can't all be read from the store: zones are read from their files", "err", err)
	case err != nil:
		return nil, nil, nil, fmt.Errorf("read what the store has: %w", err)
	}
	a.sources.told(s.kept, err == nil)
	for i, f := range files {
		if !s.taken[i] {
			unread = append(unread, f)
		}
	}
	return list, unread, signed, nil
}

// told notes what the store has, where all of it is known.
func (s *sources) told(kept map[zones.Name]keptVersion, all bool) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if all {
		s.kept = kept
	}
}

// starter takes sources from the store.
type starter struct {
	*app
	cfg   *config
	texts map[string]string // shared texts of findings
	taken []bool            // by file
	kept  map[zones.Name]keptVersion
}

// share returns one string for all equal texts.
func (s *starter) share(b []byte) string {
	text, ok := s.texts[string(b)]
	if !ok {
		text = string(b)
		s.texts[text] = text
	}
	return text
}

// source returns the source of a stored version whose files are as they were; else nil, and why it is to be read.
func (s *starter) source(l store.Loaded, f zonefile.ZoneFile) (*source, string) {
	made, err := decodeRecipe(l.Meta, s.share)
	if err != nil {
		return nil, err.Error()
	}
	id := versionOf(l.Files, made.conf)
	s.kept[f.Origin] = keptVersion{id, l.Source.Loaded.UnixNano()}
	if why := unlike(l, made, f); why != "" {
		return nil, why
	}
	src := &source{origin: f.Origin, path: f.Path, read: l.Source.Loaded, found: made.found, version: id, fileVersion: id}
	for i, inc := range l.Files[1:] {
		stamp := stampOf(inc)
		stamp.CTime = made.ctimes[i+1]
		src.includes = append(src.includes, zonefile.File{Path: inc.Path, Stamp: stamp, SHA256: inc.SHA256})
	}
	conf, rules, problems := s.cfg.zoneConfigOf(f)
	if conf == nil || string(conf.text) != string(made.conf) {
		return nil, "NAME.yaml is another one"
	}
	if len(made.conf) > 0 {
		src.fileVersion = versionOf(l.Files, nil)
		// The rules are judged anew: what mangrove.yaml says may have changed.
		if problems = append(problems, conf.against(s.cfg, l.Zone, rules)...); hasErrors(problems) {
			return nil, "NAME.yaml has errors"
		}
	}
	src.accept(l.Zone, conf, rules)
	src.alias = aliasingOf(made.aliases)
	s.doubts = append(s.doubts, doubt{f.Origin, slices.Clone(l.Files)})
	return src, ""
}

// unlike says why a stored version can't stand for what its files hold now; "" where it can, as far as their stamps tell.
func unlike(l store.Loaded, made recipe, f zonefile.ZoneFile) string {
	if len(l.Files) == 0 || len(made.ctimes) != len(l.Files) || l.Files[0].Path != f.Path {
		return "it was read from another file"
	}
	for i, file := range l.Files {
		now := f.Stamp
		if i > 0 {
			now = zonefile.Stat(file.Path).Stamp
		}
		was := stampOf(file)
		was.CTime = made.ctimes[i]
		switch {
		case was.Inode == 0 || now != was:
			return file.Path + " is not as it was"
		case racyStamp(was, l.Source.Loaded):
			return file.Path + " was read so soon after it was written that a later edit may not show"
		}
	}
	return ""
}

// stampOf is the stamp of a file as the store has it; it has no CTime.
func stampOf(f store.File) zonefile.Stamp {
	return zonefile.Stamp{Size: f.Size, MTime: f.Modified.UnixNano(), Dev: f.Device, Inode: f.Inode}
}
