package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mangrove-dns/mangrove/healthcheck"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/alias"
	"github.com/mangrove-dns/mangrove/zones/edits"
	"github.com/mangrove-dns/mangrove/zones/store"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// From files to loaded zones. A zone is the pair NAME.zone and NAME.yaml, read together. Where NAME.zone has an error, the last
// good pair goes on, also across a restart. Where NAME.yaml alone has one, the zone is taken up with the settings and rules that
// were good last, or with none: a record that is not checked is served, which is never worse than no answer. What is wrong
// is kept to be shown. A file that is not there any more unloads nothing.

// source is one zone's files and what became of them. It is immutable: a new reading makes a new one.
type source struct {
	origin zones.Name
	path   string // of NAME.zone

	zone    *zones.Zone          // last good; nil where there never was one
	conf    *zoneConfig          // that goes with zone; zones without NAME.yaml share one
	rules   []healthcheck.Rule   // of conf
	overlay *healthcheck.Overlay // rules joined with what the zone is loaded as; nil where nothing was ever good
	alias   *aliasing            // ALIAS records of zone, and what they are; nil in most zones

	state    sourceState
	found    findings        // problems of the newest reading, warnings too
	read     time.Time       // of the newest reading
	includes []zonefile.File // what the zone's file includes: a change to one means reading again
	confGone bool            // NAME.yaml was there before
	unsigned bool            // zone comes unsigned, and came signed before
	fresh    bool            // read from its files just now, not taken from the store
	// zoneFiles are what zone was read from, the zone's own file first; none once they are with what is to be kept.
	zoneFiles   []zonefile.File
	version     contentID // identity of what zone and conf were read from
	fileVersion contentID // the same of zone alone
}

// sourceState is how the files stand to what is served.
type sourceState string

const (
	sourceOK     sourceState = "ok"          // what is served is what the files say
	sourceBroken sourceState = "broken"      // the files have errors; the last good version is served, where there is one
	sourceGone   sourceState = "source gone" // the file is not there; served on until mangrove zone forget
)

// concerned says whether a change of one of paths, which are clean, means reading the source again.
func (src *source) concerned(paths map[string]bool) bool {
	return paths[filepath.Clean(src.path)] || paths[filepath.Clean(zoneConfigPath(src.path))] ||
		slices.ContainsFunc(src.includes, func(f zonefile.File) bool { return paths[filepath.Clean(f.Path)] })
}

// sources reads zones and remembers their last good versions in the store.
type sources struct {
	store store.Store
	edits *edits.Log
	now   func() time.Time

	writing sync.Mutex                 // held while last good versions are written or forgotten
	kept    map[zones.Name]keptVersion // what the store has; nil: not asked yet. Guarded by writing

	mu      sync.Mutex
	waiting map[zones.Name]waiting // what is to be kept
	wake    chan struct{}          // there is some
}

// editsDir is the directory in the data directory that remembers edits.
const editsDir = "edits"

func newSources(st store.Store, log *edits.Log, now func() time.Time) *sources {
	return &sources{store: st, edits: log, now: now, waiting: make(map[zones.Name]waiting), wake: make(chan struct{}, 1)}
}

// readAll reads zones from their files, in parallel within the cores, the largest first, and tells prog of each.
func (s *sources) readAll(ctx context.Context, cfg *config, files []zonefile.ZoneFile, before func(zones.Name) *source, prog *progress) []*source {
	out := make([]*source, len(files))
	order := make([]int, len(files))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(files[b].Stamp.Size, files[a].Stamp.Size) })
	prog.begin(files)
	defer prog.end()
	var next atomic.Int64
	work := func() {
		var reader zonefile.Reader
		for n := next.Add(1) - 1; int(n) < len(order) && ctx.Err() == nil; n = next.Add(1) - 1 {
			i := order[n]
			out[i] = s.read(ctx, &reader, cfg, files[i], before(files[i].Origin))
			prog.done(files[i], out[i])
		}
	}
	var all sync.WaitGroup
	for range min(runtime.NumCPU(), len(files)) {
		all.Go(func() { prog.run(work) })
	}
	all.Wait()
	return slices.DeleteFunc(out, func(src *source) bool { return src == nil }) // stopped before all were read
}

// read reads one zone's files. before is what is known of the zone, nil where nothing is.
func (s *sources) read(ctx context.Context, reader *zonefile.Reader, cfg *config, f zonefile.ZoneFile, before *source) *source {
	next := readSource(reader, cfg, f, s.now())
	if next.state == sourceOK {
		next.noteConfigGone(before)
	} else {
		s.keepLastGood(ctx, cfg, next, before)
	}
	next.noteUnsigned(before)
	return next
}

// noteConfigGone warns where the zone had a NAME.yaml that is not there any more: every address is served then, which is safe,
// and nothing is mirrored that it alone mirrored, which somebody should know.
func (src *source) noteConfigGone(before *source) {
	if before == nil || before.conf == nil || src.conf.path != "" || before.conf.path == "" && !before.confGone {
		return
	}
	src.confGone = true
	src.add(zones.Problem{Pos: zones.Pos{File: zoneConfigPath(src.path)}, Severity: zones.Warning,
		Text: "the file is gone; the zone is served without its health rules, and mirrored as zone_defaults say"})
}

// judge says what is wrong with a zone, whose records stand where where says.
type judge func(z *zones.Zone, where func(zones.Name, uint16, int) zones.Pos) []zones.Problem

// readSource reads and judges the files of one zone, without what was before. more are judges who are too slow for a zone that
// waits to be served.
func readSource(reader *zonefile.Reader, cfg *config, f zonefile.ZoneFile, now time.Time, more ...judge) *source {
	src := &source{origin: f.Origin, path: f.Path, read: now, state: sourceBroken, fresh: true}
	conf, rules, confProblems := cfg.zoneConfigOf(f)
	res, err := reader.Parse(context.Background(), f.Path, zonefile.Options{Origin: f.Origin, IncludeRoot: cfg.Zones})
	if err != nil {
		src.add(confProblems...)
		src.add(zones.Problem{Pos: zones.Pos{File: f.Path}, Severity: zones.Error, Text: readProblem(err)})
		return src
	}
	defer res.DropPositions()
	if len(res.Files) > 1 {
		src.includes = slices.Clone(res.Files[1:])
	}
	problems, zone := res.Problems, res.Zone
	if res.Zone != nil {
		var digest []zones.Problem
		zone, digest = judgeDigest(res.Zone, res.Where) // what is served of it; all of it is judged
		problems = append(problems, digest...)
		problems = append(problems, zones.Check(res.Zone, zones.CheckOptions{Where: res.Where, Checked: checkedNames(rules)})...)
		for _, j := range more {
			problems = append(problems, j(res.Zone, res.Where)...)
		}
		if conf != nil {
			confProblems = append(confProblems, conf.against(cfg, res.Zone, rules)...)
		}
	}
	slices.SortStableFunc(confProblems, func(a, b zones.Problem) int { return cmp.Compare(a.Pos.Line, b.Pos.Line) })
	src.add(problems...)
	src.add(confProblems...)
	if zone == nil || hasErrors(problems) {
		return src
	}
	src.zone, src.zoneFiles, src.fileVersion = zone, res.Files, versionOf(storeFiles(res.Files), nil)
	if res.Aliases {
		src.alias = aliasingOf(alias.Records(zone, res.Where))
	}
	if !hasErrors(confProblems) {
		src.accept(zone, conf, rules)
		src.version = versionOf(storeFiles(res.Files), conf.text)
	}
	return src
}

// zoneConfigOf reads the NAME.yaml of a zone and what it means; conf is nil where it can't be read.
func (c *config) zoneConfigOf(f zonefile.ZoneFile) (conf *zoneConfig, rules []healthcheck.Rule, problems []zones.Problem) {
	if !f.Config {
		return c.plain, nil, nil
	}
	conf, problems = c.loadZoneConfig(zoneConfigPath(f.Path))
	if conf != nil {
		var more []zones.Problem
		rules, more = conf.rules(c, f.Origin)
		problems = append(problems, more...)
	}
	return conf, rules, problems
}

// accept makes zone, conf and rules what the source serves, with nothing wrong.
func (src *source) accept(zone *zones.Zone, conf *zoneConfig, rules []healthcheck.Rule) {
	src.zone, src.conf, src.rules = zone, conf, rules
	src.overlay = overlayOf(zone, rules)
	src.state = sourceOK
}

// noRules is the overlay of all zones without rules. It is never changed.
var noRules = healthcheck.NewOverlay(nil, nil)

func overlayOf(zone *zones.Zone, rules []healthcheck.Rule) *healthcheck.Overlay {
	if len(rules) == 0 {
		return noRules
	}
	return healthcheck.NewOverlay(zone, rules)
}

func hasErrors(problems []zones.Problem) bool {
	return slices.ContainsFunc(problems, func(p zones.Problem) bool { return p.Severity == zones.Error })
}

func checkedNames(rules []healthcheck.Rule) func(zones.Name) bool {
	if len(rules) == 0 {
		return nil
	}
	names := make(map[zones.Name]bool, len(rules))
	for _, r := range rules {
		names[r.Name] = true
	}
	return func(n zones.Name) bool { return names[n] }
}

// contentID identifies what was read: the start of a SHA-256.
type contentID [12]byte

func (v contentID) String() string { return hex.EncodeToString(v[:]) }

// versionOf is the identity of what a zone was read from.
func versionOf(files []store.File, conf []byte) contentID {
	if len(files) == 1 && len(conf) == 0 {
		return contentID(files[0].SHA256[:len(contentID{})])
	}
	h := sha256.New()
	for _, f := range files {
		h.Write(f.SHA256[:])
	}
	h.Write(conf)
	return contentID(h.Sum(nil)[:len(contentID{})])
}

func storeFiles(files []zonefile.File) []store.File {
	out := make([]store.File, len(files))
	for i, f := range files {
		out[i] = store.File{Path: f.Path, Size: f.Size, Modified: f.ModTime(), Inode: f.Inode, Device: f.Dev, SHA256: f.SHA256}
	}
	return out
}

// keepLastGood gives next, which has errors, the version that was good last: the one that is served, else the stored one. A next
// whose zone is good takes settings and rules alone.
func (s *sources) keepLastGood(ctx context.Context, cfg *config, next, before *source) {
	if before != nil && before.zone != nil {
		next.keep(before)
		return
	}
	stored, err := s.stored(ctx, cfg, next.origin)
	if err != nil {
		next.add(zones.Problem{Pos: zones.Pos{File: next.path}, Severity: zones.Warning, Text: "last good version: " + err.Error()})
	}
	switch {
	case stored != nil:
		next.keep(stored)
	case next.zone != nil:
		// Mirrored nowhere: what providers are to hold is part of what can't be read.
		next.keep(&source{zone: next.zone, conf: &zoneConfig{zoneSettings: zoneSettings{Edits: cfg.ZoneDefaults.Edits, Mode: cfg.ZoneDefaults.Mode}}})
	}
}

// keep takes over what was good, but for a zone that is good itself.
func (src *source) keep(good *source) {
	src.conf, src.rules = good.conf, good.rules
	if src.zone == nil {
		src.zone, src.overlay, src.alias, src.version, src.fileVersion = good.zone, good.overlay, good.alias, good.version, good.fileVersion
		return
	}
	src.overlay = overlayOf(src.zone, src.rules)
}

// stored returns the last good version that the store has of a zone, nil where it has none.
func (s *sources) stored(ctx context.Context, cfg *config, origin zones.Name) (*source, error) {
	loaded, err := s.store.Loaded(ctx, origin)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.fromStore(cfg, loaded), nil
}

// fromStore makes a source of a version that the store has, without looking at its files.
func (s *sources) fromStore(cfg *config, loaded store.Loaded) *source {
	src := &source{origin: loaded.Origin, read: loaded.Source.Loaded}
	if len(loaded.Files) > 0 {
		src.path = loaded.Files[0].Path
		for _, f := range loaded.Files[1:] {
			src.includes = append(src.includes, zonefile.File{Path: f.Path})
		}
	}
	made, err := decodeRecipe(loaded.Meta, func(b []byte) string { return string(b) })
	var problems []zones.Problem
	conf := cfg.plain
	var rules []healthcheck.Rule
	if len(made.conf) > 0 {
		conf, problems = cfg.parseZoneConfig(zoneConfigPath(src.path), made.conf)
		var more []zones.Problem
		rules, more = conf.rules(cfg, src.origin)
		problems = append(problems, more...)
	}
	switch {
	case err != nil:
		src.add(zones.Problem{Pos: zones.Pos{File: zoneConfigPath(src.path)}, Severity: zones.Warning,
			Text: "the last good version " + err.Error() + "; the zone is served without health rules and not mirrored"})
	case hasErrors(problems):
		// It was good under another mangrove.yaml. Without rules every address is served: that is never wrong.
		src.add(zones.Problem{Pos: zones.Pos{File: zoneConfigPath(src.path)}, Severity: zones.Warning,
			Text: "the last good version no longer fits mangrove.yaml; the zone is served without health rules and not mirrored"})
	}
	if err != nil || hasErrors(problems) {
		conf, rules = &zoneConfig{zoneSettings: cfg.ZoneDefaults}, nil
		conf.Providers = nil
	}
	src.accept(loaded.Zone, conf, rules)
	src.alias = aliasingOf(made.aliases)
	src.state = sourceGone
	src.version, src.fileVersion = versionOf(loaded.Files, made.conf), versionOf(loaded.Files, nil)
	return src
}

// gone returns src as it is when its file is not there any more.
func (src *source) gone(now time.Time) *source {
	next := *src
	next.state, next.read, next.found = sourceGone, now, nil
	next.add(zones.Problem{Pos: zones.Pos{File: src.path}, Severity: zones.Error,
		Text: fmt.Sprintf("the file is gone; %s is served on as it was, until \"mangrove zone forget %s\"", src.origin, src.origin)})
	return &next
}
