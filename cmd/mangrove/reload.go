package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// Reading files: all of them at the start, what changed while it runs. a.reading orders it, so that an older reading never
// overtakes a newer one.

// appProblems are what is wrong beyond single zones, each kind as it was found last.
type appProblems struct {
	config   []zones.Problem // mangrove.yaml has errors: the one before is in force
	cookies  []zones.Problem // their secrets can't be had: those before, or one of our own, are in force
	accounts []zones.Problem // accounts at providers that could not be made: their mirrors wait
	dir      []zones.Problem // the zones directory, and files in it that are no zones
}

func (p appProblems) texts() []string {
	return texts(slices.Concat(p.config, p.cookies, p.accounts, p.dir))
}

// found notes problems in one of the fields of a.problems, and logs those that are new.
func (a *app) found(field *[]zones.Problem, problems []zones.Problem) {
	a.mu.Lock()
	before := *field
	*field = problems
	a.mu.Unlock()
	for _, p := range problems {
		if !slices.Contains(before, p) {
			a.log.Error(p.String())
		}
	}
}

// loadAll makes every zone that there is served.
func (a *app) loadAll(ctx context.Context) error {
	list, err := a.readEveryZone(ctx, newProgress(a.log, a.term, nil))
	if err != nil {
		return err
	}
	for _, p := range a.problems.accounts {
		a.log.Error(p.String())
	}
	a.logSources(list)
	a.sources.toKeep(list)
	if err := a.publishSources(ctx, list); err != nil {
		a.log.Error("not all zones are served", "err", err)
	}
	a.settleAliases()
	return ctx.Err()
}

// watchFilesLocked has the watcher look after the files outside of the directory's own: mangrove.yaml and what zones include.
func (a *app) watchFilesLocked() {
	extra := slices.Clone(a.cfg.Load().files)
	for _, st := range a.including {
		extra = append(extra, st.src.includes...)
	}
	a.watcher.SetExtra(extra)
}

// logWarnings is how many warnings of one reading the log gets in full.
const logWarnings = 100

// logSources logs what is wrong with newly read sources: errors all, warnings as long as somebody may read them.
func (a *app) logSources(list []*source) {
	warnings := 0
	for _, src := range list {
		for i, f := range src.found {
			level := slog.LevelWarn
			if f.severity == zones.Error {
				level = slog.LevelError
			} else if warnings++; warnings > logWarnings {
				continue
			}
			a.log.Log(context.Background(), level, src.found[i:i+1].list(src.path, src.origin)[0].String())
		}
		switch {
		case src.zone == nil:
			a.log.Error("zone is not served: it has errors, and there is no earlier version", "zone", src.origin)
		case src.state != sourceOK:
			a.log.Error("zone is served as it was last good", "zone", src.origin, "why", src.state)
		}
	}
	if warnings > logWarnings {
		a.log.Warn("more warnings than are logged; \"mangrove check\" prints all", "warnings", warnings, "logged", logWarnings)
	}
}

// changes are files to be read again.
type changes struct {
	all   bool            // every zone
	paths map[string]bool // clean paths of files that changed or went
}

func changesOf(lists ...[]string) changes {
	c := changes{paths: make(map[string]bool)}
	for _, list := range lists {
		for _, p := range list {
			c.paths[filepath.Clean(p)] = true
		}
	}
	return c
}

func (c changes) concern(src *source) bool { return c.all || src.concerned(c.paths) }

// filesChanged takes up a batch of changed files: mangrove.yaml first, since every zone depends on it.
func (a *app) filesChanged(ctx context.Context, b zonefile.Batch) error {
	a.reading.Lock()
	defer a.reading.Unlock()
	cfg := a.config()
	emptied := errors.Is(b.DirError, zonefile.ErrEmptied)
	if b.DirError != nil && !emptied {
		a.found(&a.problems.dir, []zones.Problem{{Pos: zones.Pos{File: cfg.Zones}, Severity: zones.Error,
			Text: readProblem(b.DirError) + "; all zones are served on as they were"}})
	}
	c := changesOf(b.Changed, b.Gone)
	if cfg.path != "" && c.paths[filepath.Clean(cfg.path)] {
		c.all = a.readConfig()
	}
	if b.DirError != nil && !emptied && len(b.Changed) == 0 && !c.all {
		return nil
	}
	return a.readZones(ctx, c)
}

// readZones reads again the zones that changes concern. a.reading is held.
func (a *app) readZones(ctx context.Context, c changes) error {
	cfg := a.config()
	a.mu.Lock()
	before := make(map[zones.Name]*source, len(a.zones))
	for origin, st := range a.zones {
		before[origin] = st.src
	}
	a.mu.Unlock()

	files, problems, err := zonefile.ZoneFiles(cfg.Zones)
	if err != nil {
		// A directory that can't be read says nothing about the zones in it.
		a.found(&a.problems.dir, []zones.Problem{{Pos: zones.Pos{File: cfg.Zones}, Severity: zones.Error,
			Text: readProblem(err) + "; all zones are served on as they were"}})
		return nil
	}
	a.found(&a.problems.dir, problems)
	touched := slices.DeleteFunc(slices.Clone(files), func(f zonefile.ZoneFile) bool {
		src := before[f.Origin]
		return src != nil && src.state != sourceGone && !c.concern(src)
	})
	list := a.sources.readAll(ctx, cfg, touched, func(origin zones.Name) *source { return before[origin] }, newProgress(a.log, nil, aside))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	there := originsOf(files)
	for origin, src := range before {
		if !there[origin] && src.state != sourceGone && src.zone != nil {
			list = append(list, src.gone(a.now()))
		}
	}
	if len(list) == 0 {
		return nil
	}
	a.logSources(list)
	a.sources.toKeep(list)
	defer a.memory.trim()
	return a.publishSources(ctx, list)
}

// readConfig reads mangrove.yaml again and takes up what can be without a restart; it says whether it did. With errors in
// it, everything stays. An account that can't be made is no error of the file: its mirrors wait, as at the start.
func (a *app) readConfig() bool {
	old := a.config()
	next, problems := loadConfig(old.path)
	if hasErrors(problems) {
		a.found(&a.problems.config, problems)
		return false
	}
	next.override(old.flags)
	restart := next.keepStarted(old)
	built, accounts := buildDrivers(next, a.drivers)
	a.cfg.Store(next)
	a.mu.Lock()
	a.restart, a.drivers, a.mirrorsStale, a.filesStale = restart, built, true, true
	a.mu.Unlock()
	a.found(&a.problems.config, nil)
	a.found(&a.problems.accounts, accounts)
	if a.server != nil {
		a.server.SetRateLimit(next.RateLimit.limit())
		a.takeUpCookies()
	}
	if !slices.Equal(next.Resolvers, old.Resolvers) || !slices.Equal(next.AliasNetworks, old.AliasNetworks) {
		a.aliases.Retry()
	}
	if len(restart) > 0 {
		a.log.Warn("mangrove.yaml: changed, but taken up by a restart alone", "keys", strings.Join(restart, ", "))
	}
	return true
}

// Reload reads mangrove.yaml and all zones again, as SIGHUP does.
func (a *app) Reload(ctx context.Context) (*reloadReport, error) {
	a.reading.Lock()
	defer a.reading.Unlock()
	if a.config().path != "" {
		a.readConfig()
	}
	if err := a.readZones(ctx, changes{all: true}); err != nil {
		return nil, err
	}
	a.mu.Lock()
	rep := &reloadReport{Restart: append([]string{}, a.restart...), Problems: a.problems.texts(), Errors: len(a.problems.texts())}
	a.mu.Unlock()
	for _, z := range a.snapshot() {
		rep.Zones++
		for _, p := range z.src.problems() {
			rep.Problems = append(rep.Problems, p.String())
			if p.Severity == zones.Error {
				rep.Errors++
			}
		}
	}
	return rep, nil
}

// snapshot returns what is served of all zones, by name. It holds up verdicts for a moment only.
func (a *app) snapshot() []zoneState {
	a.mu.Lock()
	out := make([]zoneState, 0, len(a.zones))
	for _, st := range a.zones {
		out = append(out, zoneState{src: st.src, decisions: st.decisions, expiring: st.expiring})
	}
	a.mu.Unlock()
	slices.SortFunc(out, func(x, y zoneState) int { return x.src.origin.Compare(y.src.origin) })
	return out
}

// reloadReport is what a reload found.
type reloadReport struct {
	Zones    int      `json:"zones"`
	Errors   int      `json:"errors"`
	Problems []string `json:"problems"` // warnings too
	Restart  []string `json:"restart"`  // keys of mangrove.yaml that changed and take a restart
}

func originsOf(files []zonefile.ZoneFile) map[zones.Name]bool {
	out := make(map[zones.Name]bool, len(files))
	for _, f := range files {
		out[f.Origin] = true
	}
	return out
}

func texts(problems []zones.Problem) []string {
	out := make([]string, len(problems))
	for i, p := range problems {
		out[i] = p.String()
	}
	return out
}
