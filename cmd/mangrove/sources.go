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
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mangrove-dns/mangrove/healthcheck"
	"github.com/mangrove-dns/mangrove/zones"
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
	conf    *zoneConfig          // that goes with zone
	rules   []healthcheck.Rule   // of conf
	overlay *healthcheck.Overlay // rules joined with zone

	confGone bool // NAME.yaml was there before
	state    sourceState
	problems []zones.Problem // of the newest reading, warnings too
	read     time.Time       // of the newest reading
	files    []string        // that the newest reading touched: a change to one means reading again
	includes []zonefile.File // those of them that the zone's file includes
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

// sources reads zones and remembers their last good versions in the store.
type sources struct {
	store store.Store
	now   func() time.Time

	writing sync.Mutex                 // held while last good versions are written or forgotten
	kept    map[zones.Name]keptVersion // what the store has; nil: not asked yet. Guarded by writing

	mu      sync.Mutex
	waiting map[zones.Name]waiting // what is to be kept
	wake    chan struct{}          // there is some
}

func newSources(st store.Store, now func() time.Time) *sources {
	return &sources{store: st, now: now, waiting: make(map[zones.Name]waiting), wake: make(chan struct{}, 1)}
}

// readAll reads the zones that are in the directory, in parallel within the cores.
func (s *sources) readAll(ctx context.Context, cfg *config, files []zonefile.ZoneFile, before map[zones.Name]*source) []*source {
	out := make([]*source, len(files))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, f := range files {
		g.Go(func() error {
			out[i] = s.read(ctx, cfg, f, before[f.Origin])
			return nil
		})
	}
	_ = g.Wait() // read reports through what it returns
	return out
}

// read reads one zone's files. before is what is known of the zone, nil where nothing is.
func (s *sources) read(ctx context.Context, cfg *config, f zonefile.ZoneFile, before *source) *source {
	next := readSource(cfg, f, s.now())
	if next.state == sourceOK {
		next.noteConfigGone(before)
		return next
	}
	s.keepLastGood(ctx, cfg, next, before)
	return next
}

// noteConfigGone warns where the zone had a NAME.yaml that is not there any more: every address is served then, which is safe,
// and nothing is mirrored that it alone mirrored, which somebody should know.
func (src *source) noteConfigGone(before *source) {
	if before == nil || before.conf == nil || src.conf.path != "" || before.conf.path == "" && !before.confGone {
		return
	}
	src.confGone = true
	src.problems = append(src.problems, zones.Problem{Pos: zones.Pos{File: zoneConfigPath(src.path)}, Severity: zones.Warning,
		Text: "the file is gone; the zone is served without its health rules, and mirrored as zone_defaults say"})
}

// readSource reads and judges the files of one zone, without what was before.
func readSource(cfg *config, f zonefile.ZoneFile, now time.Time) *source {
	src := &source{origin: f.Origin, path: f.Path, read: now, state: sourceBroken, files: []string{filepath.Clean(f.Path), filepath.Clean(zoneConfigPath(f.Path))}}
	conf, confProblems := cfg.loadZoneConfig(zoneConfigPath(f.Path))
	var rules []healthcheck.Rule
	if conf != nil {
		var more []zones.Problem
		rules, more = conf.rules(cfg, f.Origin)
		confProblems = append(confProblems, more...)
	}
	res, err := zonefile.Parse(f.Path, zonefile.Options{Origin: f.Origin, IncludeRoot: cfg.Zones})
	if err != nil {
		src.problems = append(confProblems, zones.Problem{Pos: zones.Pos{File: f.Path}, Severity: zones.Error, Text: readProblem(err)})
		return src
	}
	defer res.DropPositions()
	for _, file := range res.Files {
		src.files = append(src.files, filepath.Clean(file.Path))
	}
	src.includes = res.Files[1:]
	src.problems = res.Problems
	if res.Zone != nil {
		src.problems = append(src.problems, zones.Check(res.Zone, zones.CheckOptions{Where: res.Where, Checked: checkedNames(rules)})...)
		if conf != nil {
			confProblems = append(confProblems, conf.against(cfg, res.Zone, rules)...)
		}
	}
	slices.SortStableFunc(confProblems, func(a, b zones.Problem) int { return cmp.Compare(a.Pos.Line, b.Pos.Line) })
	good := res.Zone != nil && !hasErrors(src.problems)
	src.problems = append(src.problems, confProblems...)
	if !good {
		return src
	}
	src.zone, src.zoneFiles, src.fileVersion = res.Zone, res.Files, versionOf(storeFiles(res.Files), nil)
	if !hasErrors(confProblems) {
		src.accept(res.Zone, conf, rules)
		src.version = versionOf(storeFiles(res.Files), conf.text)
	}
	return src
}

// accept makes zone, conf and rules what the source serves, with nothing wrong.
func (src *source) accept(zone *zones.Zone, conf *zoneConfig, rules []healthcheck.Rule) {
	src.zone, src.conf, src.rules = zone, conf, rules
	src.overlay = healthcheck.NewOverlay(zone, rules)
	src.state = sourceOK
}

func hasErrors(problems []zones.Problem) bool {
	return slices.ContainsFunc(problems, func(p zones.Problem) bool { return p.Severity == zones.Error })
}

func checkedNames(rules []healthcheck.Rule) func(zones.Name) bool {
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
		out[i] = store.File{Path: f.Path, Size: f.Size, Modified: f.ModTime(), SHA256: f.SHA256}
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
		next.problems = append(next.problems, zones.Problem{Pos: zones.Pos{File: next.path}, Severity: zones.Warning,
			Text: "last good version: " + err.Error()})
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
		src.zone, src.overlay, src.version, src.fileVersion = good.zone, good.overlay, good.version, good.fileVersion
		return
	}
	src.overlay = healthcheck.NewOverlay(src.zone, src.rules)
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
	src := &source{origin: origin, state: sourceGone, read: loaded.Source.Loaded}
	for _, f := range loaded.Files {
		src.files = append(src.files, filepath.Clean(f.Path))
	}
	if len(src.files) > 0 {
		src.path = src.files[0]
	}
	text, err := s.store.Meta(ctx, confKey(origin))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	conf, problems := cfg.parseZoneConfig(zoneConfigPath(src.path), text)
	rules, more := conf.rules(cfg, origin)
	if problems = append(problems, more...); hasErrors(problems) {
		// It was good under another mangrove.yaml. Without rules every address is served: that is never wrong.
		conf, rules = &zoneConfig{zoneSettings: cfg.ZoneDefaults}, nil
		src.problems = append(src.problems, zones.Problem{Pos: zones.Pos{File: zoneConfigPath(src.path)}, Severity: zones.Warning,
			Text: "the last good version no longer fits mangrove.yaml; the zone is served without health rules and not mirrored"})
		conf.Providers = nil
	}
	src.accept(loaded.Zone, conf, rules)
	src.state = sourceGone
	src.version, src.fileVersion = versionOf(loaded.Files, text), versionOf(loaded.Files, nil)
	return src, nil
}

func confKey(origin zones.Name) string { return "zone-config/" + origin.String() }

// gone returns src as it is when its file is not there any more.
func (src *source) gone(now time.Time) *source {
	next := *src
	next.state, next.read = sourceGone, now
	next.problems = []zones.Problem{{Pos: zones.Pos{File: src.path}, Severity: zones.Error,
		Text: fmt.Sprintf("the file is gone; %s is served on as it was, until \"mangrove zone forget %s\"", src.origin, src.origin)}}
	return &next
}
