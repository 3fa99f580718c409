package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mangrove-dns/mangrove/healthcheck"
	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/live"
	"github.com/mangrove-dns/mangrove/zones/store"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// app is the whole machinery but the sockets and the loops: what serve runs, and what the other commands open where no
// daemon does. It is an operator.
type app struct {
	log     *slog.Logger
	now     func() time.Time
	started time.Time // zero unless it serves

	store   store.Store
	sources *sources
	live    *live.Publisher
	monitor *healthcheck.Monitor
	engine  *providers.Engine
	drivers drivers
	watcher *zonefile.Watcher

	cfg atomic.Pointer[config] // in force

	reading sync.Mutex // held while files are read and published: an older reading must not overtake a newer one

	mu       sync.Mutex      // one change of what is served at a time
	problems []zones.Problem // of the newest reading of mangrove.yaml and the directory; cfg stays as it was good
	accounts []zones.Problem // of accounts at providers: their mirrors wait
	restart  []string        // what of mangrove.yaml changed and takes a restart
	zones    map[zones.Name]*zoneState
	watched  map[healthcheck.Key][]zones.Name
	listen   []netip.AddrPort
	saved    map[healthcheck.Key]healthcheck.State // verdicts that the store has
}

// openApp opens the store, and reads nothing of the zones yet. The config has no errors.
func openApp(ctx context.Context, cfg *config, log *slog.Logger) (_ *app, err error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	st, err := store.OpenBolt(cfg.Data, store.Options{Timeout: 2 * time.Second})
	if errors.Is(err, store.ErrLocked) {
		return nil, hinted{fmt.Errorf("%s: another mangrove has it open", cfg.Data), "stop it, or give this one another --data"}
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	a := &app{
		log: log, now: time.Now, store: st,
		sources: &sources{store: st, now: time.Now},
		zones:   make(map[zones.Name]*zoneState), watched: make(map[healthcheck.Key][]zones.Name),
		saved: make(map[healthcheck.Key]healthcheck.State),
	}
	a.cfg.Store(cfg)
	a.watcher = zonefile.NewWatcher(zonefile.WatchOptions{Dir: cfg.Zones, Watch: cfg.Watch, Log: log})
	defer func() {
		if err != nil {
			st.Close()
		}
	}()
	a.live = live.New(live.Options{Store: st, Log: log, Now: a.now})
	if err := a.live.Restore(ctx); err != nil {
		return nil, err
	}
	a.monitor = healthcheck.New(healthcheck.Options{
		Dial: a.dialTarget, Resolve: resolveTarget, Log: log, Flap: cfg.Flap.flap(),
	})
	a.engine = providers.NewEngine(providers.Options{
		State: mirrorState{st}, Log: log, Now: a.now,
	})
	// An account with a problem keeps no zone from being served: its mirrors wait.
	a.drivers, a.accounts = buildDrivers(cfg, nil)
	if err := a.restoreVerdicts(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// config returns the configuration in force. It is not modified.
func (a *app) config() *config { return a.cfg.Load() }

func (f flapConfig) flap() healthcheck.Flap {
	return healthcheck.Flap{Max: f.Max, Window: f.Window, Penalty: float64(f.Penalty), Cap: f.Cap}
}

// Close frees the store. Nothing of a may run any more.
func (a *app) Close() error { return a.store.Close() }

// loadAll reads every zone that there is, and publishes it.
func (a *app) loadAll(ctx context.Context) error {
	// What is read after this look is at least as new as what the watcher takes for known. That the directory can't be read
	// is said by whoever lists its zones.
	_, _ = a.watcher.Scan()
	list, err := a.readEveryZone(ctx)
	if err != nil {
		return err
	}
	for _, p := range append(slices.Clone(a.accounts), a.problems...) {
		a.log.Error(p.String())
	}
	a.logSources(list)
	if err := a.publishSources(ctx, list); err != nil {
		return err
	}
	a.keep(ctx, list)
	return nil
}

// readEveryZone reads the zones of the directory, and those whose file is gone from the store.
func (a *app) readEveryZone(ctx context.Context) ([]*source, error) {
	files, problems, err := zonefile.ZoneFiles(a.config().Zones)
	if err != nil {
		problems = append(problems, zones.Problem{Pos: zones.Pos{File: a.config().Zones}, Severity: zones.Error,
			Text: readProblem(err) + "; the zones of the last run are served on"})
	}
	a.problems = problems
	list := a.sources.readAll(ctx, a.config(), files, nil)
	stored, err := a.store.Sources(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what the store has: %w", err)
	}
	there := originsOf(files)
	for _, s := range stored {
		if there[s.Origin] {
			continue
		}
		src, err := a.sources.stored(ctx, a.config(), s.Origin)
		if err != nil {
			return nil, fmt.Errorf("last good version of %s: %w", s.Origin, err)
		}
		if src != nil {
			list = append(list, src.gone(a.now()))
		}
	}
	return list, nil
}

// keep saves last good versions. That it fails is no reason not to serve: they are read from the files again.
func (a *app) keep(ctx context.Context, list []*source) {
	if err := a.sources.save(ctx, list); err != nil {
		a.log.Error("last good versions are not kept", "err", err)
	}
}

// watchFilesLocked has the watcher look after the files outside of the directory's own: mangrove.yaml and what zones include.
func (a *app) watchFilesLocked() {
	extra := slices.Clone(a.cfg.Load().files)
	for _, st := range a.zones {
		extra = append(extra, st.src.includes...)
	}
	a.watcher.SetExtra(extra)
}

func (a *app) logSources(list []*source) {
	for _, src := range list {
		for _, p := range src.problems {
			level := slog.LevelWarn
			if p.Severity == zones.Error {
				level = slog.LevelError
			}
			a.log.Log(context.Background(), level, p.String())
		}
		switch {
		case src.zone == nil:
			a.log.Error("zone is not served: it has errors, and there is no earlier version", "zone", src.origin)
		case src.state != sourceOK:
			a.log.Error("zone is served as it was last good", "zone", src.origin, "why", src.state)
		}
	}
}

// readPaths reads again what changed at paths; gone are files that are not there any more. a.reading is held.
func (a *app) readPaths(ctx context.Context, changed, gone []string) error {
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
		a.setProblems(zones.Problem{Pos: zones.Pos{File: cfg.Zones}, Severity: zones.Error, Text: readProblem(err) + "; all zones are served on as they were"})
		return nil
	}
	a.setProblems(problems...)
	paths := append(slices.Clone(changed), gone...)
	touched := slices.DeleteFunc(slices.Clone(files), func(f zonefile.ZoneFile) bool {
		src := before[f.Origin]
		return src != nil && src.state != sourceGone && !slices.ContainsFunc(paths, src.concerns)
	})
	list := a.sources.readAll(ctx, cfg, touched, before)
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
	if err := a.publishSources(ctx, list); err != nil {
		return err
	}
	a.keep(ctx, list)
	return nil
}

// filesChanged takes up a batch of changed files: mangrove.yaml first, since every zone depends on it.
func (a *app) filesChanged(ctx context.Context, b zonefile.Batch) error {
	a.reading.Lock()
	defer a.reading.Unlock()
	cfg := a.config()
	emptied := errors.Is(b.DirError, zonefile.ErrEmptied)
	if b.DirError != nil && !emptied {
		a.setProblems(zones.Problem{Pos: zones.Pos{File: cfg.Zones}, Severity: zones.Error, Text: readProblem(b.DirError) + "; all zones are served on as they were"})
	}
	if cfg.path != "" && slices.ContainsFunc(b.Changed, func(p string) bool { return filepath.Clean(p) == filepath.Clean(cfg.path) }) {
		return a.readConfig(ctx)
	}
	if b.DirError != nil && !emptied && len(b.Changed) == 0 {
		return nil
	}
	return a.readPaths(ctx, b.Changed, b.Gone)
}

func originsOf(files []zonefile.ZoneFile) map[zones.Name]bool {
	out := make(map[zones.Name]bool, len(files))
	for _, f := range files {
		out[f.Origin] = true
	}
	return out
}

func (a *app) setProblems(problems ...zones.Problem) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.problems = problems
	for _, p := range problems {
		a.log.Error(p.String())
	}
}

// readConfig reads mangrove.yaml again and takes up what can be without a restart. With errors in it, everything stays.
func (a *app) readConfig(ctx context.Context) error {
	old := a.config()
	next, problems := loadConfig(old.path)
	if hasErrors(problems) {
		a.setProblems(problems...)
		return nil
	}
	next.override(old.flags)
	restart := next.keepStarted(old)
	built, problems := buildDrivers(next, a.drivers)
	if hasErrors(problems) {
		a.setProblems(problems...)
		return nil
	}
	a.cfg.Store(next)
	a.mu.Lock()
	a.restart, a.drivers, a.accounts = restart, built, nil
	a.mu.Unlock()
	if len(restart) > 0 {
		a.log.Warn("mangrove.yaml: changed, but taken up by a restart alone", "keys", strings.Join(restart, ", "))
	}
	// Every zone may depend on what changed.
	return a.readEverything(ctx)
}

func (a *app) readEverything(ctx context.Context) error {
	a.mu.Lock()
	var paths []string
	for _, st := range a.zones {
		paths = append(paths, st.src.path)
	}
	a.mu.Unlock()
	return a.readPaths(ctx, paths, nil)
}

// Reload reads mangrove.yaml and all zones again, as SIGHUP does.
func (a *app) Reload(ctx context.Context) (*reloadReport, error) {
	a.reading.Lock()
	defer a.reading.Unlock()
	var err error
	if a.config().path != "" {
		err = a.readConfig(ctx)
	} else {
		err = a.readEverything(ctx)
	}
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	rep := &reloadReport{Restart: a.restart, Problems: texts(append(slices.Clone(a.accounts), a.problems...))}
	for _, origin := range slices.SortedFunc(maps.Keys(a.zones), zones.Name.Compare) {
		rep.Zones++
		rep.Problems = append(rep.Problems, texts(a.zones[origin].src.problems)...)
	}
	return rep, nil
}

// reloadReport is what a reload found.
type reloadReport struct {
	Zones    int      `json:"zones"`
	Problems []string `json:"problems"`
	Restart  []string `json:"restart"` // keys of mangrove.yaml that changed and take a restart
}

func texts(problems []zones.Problem) []string {
	out := make([]string, len(problems))
	for i, p := range problems {
		out[i] = p.String()
	}
	return out
}

// Forget stops serving a zone whose file is gone.
func (a *app) Forget(ctx context.Context, origin zones.Name) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	st := a.zones[origin]
	if st == nil {
		return fmt.Errorf("no zone %s", origin)
	}
	if _, err := os.Stat(st.src.path); !errors.Is(err, fs.ErrNotExist) {
		return hinted{fmt.Errorf("%s still has its file %s", origin, st.src.path), "remove the file first; forgetting is for zones whose file is gone"}
	}
	delete(a.zones, origin)
	a.watchLocked()
	if err := a.mirrorsLocked(); err != nil {
		return err
	}
	// First out of what is served, so that nothing of it is journaled behind the store's forgetting.
	a.live.Remove(origin)
	if err := a.sources.forget(ctx, origin); err != nil {
		return fmt.Errorf("%s is no longer served, but the store still has it and will serve it after a restart: %w", origin, err)
	}
	a.log.Info("zone forgotten", "zone", origin)
	return nil
}

// StoreCheck returns what is wrong with the store.
func (a *app) StoreCheck(ctx context.Context) ([]string, error) { return a.store.Check(ctx), nil }

// Backup writes a copy of the store while it is in use.
func (a *app) Backup(ctx context.Context, w io.Writer) error { return a.store.Backup(ctx, w) }

// dialTarget connects a probe. A name that a zone's owner wrote must not lead into networks that are not opened.
func (a *app) dialTarget(ctx context.Context, netw, addr string) (net.Conn, error) {
	if ap, err := netip.ParseAddrPort(addr); err == nil && isPrivate(ap.Addr().Unmap()) && !a.mayProbe(ap.Addr().Unmap()) {
		return nil, fmt.Errorf("%w: %s is a private address that private_targets does not open", healthcheck.ErrAbstain, ap.Addr())
	}
	var d net.Dialer
	return d.DialContext(ctx, netw, addr)
}

func (a *app) mayProbe(addr netip.Addr) bool {
	return slices.ContainsFunc(a.config().PrivateTargets, func(n network) bool { return n.Contains(addr) })
}

func resolveTarget(ctx context.Context, name zones.Name) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", name.String())
}

// restoreVerdicts tells the monitor what was known before the restart.
func (a *app) restoreVerdicts(ctx context.Context) error {
	kept, err := a.store.Verdicts(ctx)
	if err != nil {
		return fmt.Errorf("read verdicts: %w", err)
	}
	verdicts := make([]healthcheck.Verdict, 0, len(kept))
	for _, k := range kept {
		v := healthcheck.Verdict{Key: healthcheck.Key(k.Key), State: healthcheck.State(k.State), Since: k.Since, Reason: k.Reason}
		verdicts = append(verdicts, v)
		a.saved[v.Key] = v.State
	}
	a.monitor.Restore(verdicts)
	return nil
}

// saveVerdicts keeps the verdicts that changed since the last call.
func (a *app) saveVerdicts(ctx context.Context) error {
	var changed []store.Verdict
	now := make(map[healthcheck.Key]healthcheck.State)
	for _, v := range a.monitor.Verdicts() {
		if v.State == healthcheck.Unknown {
			continue
		}
		now[v.Key] = v.State
		if old, ok := a.saved[v.Key]; !ok || old != v.State {
			changed = append(changed, store.Verdict{Key: string(v.Key), State: uint8(v.State), Since: v.Since, Reason: v.Reason})
		}
	}
	var gone []string
	for key := range a.saved {
		if _, ok := now[key]; !ok {
			gone = append(gone, string(key))
		}
	}
	if len(changed) > 0 {
		if err := a.store.SaveVerdicts(ctx, changed); err != nil {
			return fmt.Errorf("keep verdicts: %w", err)
		}
	}
	if len(gone) > 0 {
		if err := a.store.DropVerdicts(ctx, gone); err != nil {
			return fmt.Errorf("drop verdicts: %w", err)
		}
	}
	a.saved = now
	return nil
}
