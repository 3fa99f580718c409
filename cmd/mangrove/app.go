package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mangrove-dns/mangrove/healthcheck"
	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/resolver"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/alias"
	"github.com/mangrove-dns/mangrove/zones/edits"
	"github.com/mangrove-dns/mangrove/zones/live"
	"github.com/mangrove-dns/mangrove/zones/store"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// app is the whole machinery but the sockets and the loops: what serve runs, and what the other commands open where no
// daemon does. It is an operator.
type app struct {
	log     *slog.Logger
	now     func() time.Time
	started time.Time        // zero unless it serves
	load    *load            // of the start; nil unless it serves
	server  *resolver.Server // nil unless it serves

	store       store.Store
	sources     *sources
	live        *live.Publisher
	monitor     *healthcheck.Monitor
	engine      *providers.Engine
	drivers     drivers
	watcher     *zonefile.Watcher
	flipped     chan struct{} // verdicts changed: they are worth keeping
	handNow     chan struct{} // something was added to handing
	memory      trimmer
	term        *terminal // where progress is shown; nil: nowhere
	aliases     *alias.Keeper
	aliasesKept string                        // what aliasFile holds; openAliases', then aliasLoop's
	coming      atomic.Pointer[zones.Catalog] // what is about to be served, while ALIAS records are resolved for that; nil: nothing is
	doubts      []doubt                       // zones that the start took from the store; the start's, then settleLoop's

	cfg atomic.Pointer[config] // in force

	reading sync.Mutex // held while files are read and published: an older reading must not overtake a newer one

	mu       sync.Mutex // one change of what is served at a time
	problems appProblems
	// mirrorsStale: accounts have changed since the engine was told the mirrors.
	mirrorsStale bool
	// filesStale: the watcher has to be told which files matter beside the directory's own.
	filesStale bool
	restart    []string // what of mangrove.yaml changed and takes a restart
	zones      map[zones.Name]*zoneState
	// checked, including, mirrored are those of zones with targets that are probed, with files that they include, with
	// mirrors: there may be few of them among many. handing are mirrored ones of which providers don't know all yet.
	checked, including, mirrored, handing map[zones.Name]*zoneState
	// aliased are the zones that have ALIAS records; aliasTo are those, by target.
	aliased map[zones.Name]*zoneState
	aliasTo map[zones.Name][]aliasUse

	watched map[healthcheck.Key][]zones.Name
	listen  []netip.AddrPort
	saved   map[healthcheck.Key]healthcheck.State // verdicts that the store has
}

// openStore opens the store of a data directory.
func openStore(dir string) (store.Store, error) {
	st, err := store.OpenBolt(dir, store.Options{Timeout: 2 * time.Second})
	if errors.Is(err, store.ErrLocked) {
		return nil, hinted{fmt.Errorf("%s: another mangrove has it open", dir), "stop it, or give this one another --data"}
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return st, nil
}

// openApp opens the store, and reads nothing of the zones yet. The config has no errors.
func openApp(ctx context.Context, cfg *config, log *slog.Logger) (_ *app, err error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	st, err := openStore(cfg.Data)
	if err != nil {
		return nil, err
	}
	a := &app{
		log: log, now: time.Now, store: st,
		sources: newSources(st, edits.New(filepath.Join(cfg.Data, editsDir), edits.Options{}), time.Now),
		zones:   make(map[zones.Name]*zoneState), watched: make(map[healthcheck.Key][]zones.Name),
		saved: make(map[healthcheck.Key]healthcheck.State), flipped: make(chan struct{}, 1), handNow: make(chan struct{}, 1),
		checked: make(map[zones.Name]*zoneState), including: make(map[zones.Name]*zoneState),
		mirrored: make(map[zones.Name]*zoneState), handing: make(map[zones.Name]*zoneState), filesStale: true,
		aliased: make(map[zones.Name]*zoneState),
	}
	a.cfg.Store(cfg)
	a.watcher = zonefile.NewWatcher(zonefile.WatchOptions{Dir: cfg.Zones, Watch: cfg.Watch, Log: log})
	defer func() {
		if err != nil {
			st.Close()
		}
	}()
	a.live = live.New(live.Options{Store: st, Log: log, Now: a.now, Aside: a.memory.aside})
	if err := a.live.Restore(ctx); err != nil {
		return nil, err
	}
	a.monitor = healthcheck.New(healthcheck.Options{
		Dial: a.dialTarget, Resolve: resolveTarget, Log: log, Flap: cfg.Flap.flap(),
	})
	a.openAliases()
	a.engine = providers.NewEngine(providers.Options{
		State: mirrorState{st}, Log: log, Now: a.now,
	})
	// An account with a problem keeps no zone from being served: its mirrors wait.
	a.drivers, a.problems.accounts = buildDrivers(cfg, nil)
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

// Forget stops serving a zone whose file is gone.
func (a *app) Forget(ctx context.Context, origin zones.Name) error {
	a.reading.Lock()
	defer a.reading.Unlock()
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
	delete(a.handing, origin)
	a.indexLocked(origin, nil)
	a.watchLocked()
	a.aliasesLocked()
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
