package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/store"
)

// config reads the configuration that the flags name. Its problems are printed; an error in it ends the command.
func (c *cli) config() (*config, error) {
	cfg, problems := c.read()
	if hasErrors(problems) {
		return nil, fmt.Errorf("%s has errors", cfg.path)
	}
	return cfg, nil
}

// read reads the configuration and prints its problems.
func (c *cli) read() (*config, []zones.Problem) {
	cfg, problems := loadConfig(findConfig(c.configPath))
	cfg.override(c.flags)
	for _, p := range problems {
		fmt.Fprintln(c.stderr, p)
	}
	return cfg, problems
}

// storeOperator returns who can look after the store: the daemon, or the store alone. It needs no zones.
func (c *cli) storeOperator(ctx context.Context) (storeOperator, error) {
	client, cfg, _, err := c.daemon(ctx)
	if err == nil {
		return client, nil
	}
	if !errors.Is(err, errNoDaemon) {
		return nil, err
	}
	exists, err := store.Exists(cfg.Data)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if !exists {
		return nil, hinted{fmt.Errorf("no store in %s", cfg.Data), "name the data directory with --data, or in mangrove.yaml"}
	}
	st, err := openStore(cfg.Data)
	if err != nil {
		return nil, err
	}
	return onlyStore{st}, nil
}

// storeOperator is the part of an operator that needs the store alone.
type storeOperator interface {
	StoreCheck(ctx context.Context) ([]string, error)
	Backup(ctx context.Context, w io.Writer) error
	Close() error
}

// onlyStore is a store without anything around it.
type onlyStore struct{ store.Store }

func (s onlyStore) StoreCheck(ctx context.Context) ([]string, error) { return s.Check(ctx), nil }

// daemon returns the daemon that runs on the data directory. A configuration that has errors keeps nobody from reaching one
// that runs well on the one before; what is wrong is returned for those who need it whole.
func (c *cli) daemon(ctx context.Context) (client *controlClient, cfg *config, cfgErr, err error) {
	cfg, problems := c.read()
	if hasErrors(problems) {
		cfgErr = fmt.Errorf("%s has errors", cfg.path)
	}
	client, err = dialDaemon(ctx, cfg.Data)
	return client, cfg, cfgErr, err
}

// operator returns who does what the commands ask for: the daemon that runs on the data directory, or, while
// none runs, the machinery opened here.
func (c *cli) operator(ctx context.Context) (operator, error) {
	client, cfg, cfgErr, err := c.daemon(ctx)
	if err == nil {
		return client, nil
	}
	if !errors.Is(err, errNoDaemon) {
		return nil, err
	}
	if cfgErr != nil {
		return nil, cfgErr
	}
	if _, err := os.Stat(cfg.Zones); err != nil {
		return nil, hinted{fmt.Errorf("zones directory: %w", err), "name it with --zones, or in mangrove.yaml"}
	}
	return openOffline(ctx, cfg, c.quietLog())
}

// quietLog is the log of commands: what they have to say they print themselves.
func (c *cli) quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// openOffline opens the machinery without running it. Nothing is published, so no serial is used up: what the
// mirrors are to hold is the zones with the verdicts of the last run.
func openOffline(ctx context.Context, cfg *config, log *slog.Logger) (_ *app, err error) {
	a, err := openApp(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	list, err := a.readEveryZone(ctx, nil)
	if err != nil {
		return nil, err
	}
	list = a.resolveAliases(ctx, list)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, src := range list {
		st := &zoneState{src: src}
		a.zones[src.origin] = st
		a.indexLocked(src.origin, st)
	}
	a.watchLocked()
	if err := a.mirrorsLocked(); err != nil {
		return nil, err
	}
	for _, src := range list {
		if src.zone != nil {
			if err := a.desireOfflineLocked(ctx, src.origin); err != nil {
				return nil, err
			}
		}
	}
	return a, nil
}

// desireOfflineLocked tells the engine what a zone is to be while nothing is published: the serial is the last that
// was served, so that a plan made here is the daemon's.
func (a *app) desireOfflineLocked(ctx context.Context, origin zones.Name) error {
	st := a.zones[origin]
	d, err := a.decide(st.src)
	if err != nil {
		return err
	}
	st.decisions = d.decisions
	served := d.served
	head, ok, err := a.store.Head(ctx, origin)
	if err != nil {
		return fmt.Errorf("read what the store has: %w", err)
	}
	if ok && head.Journaled {
		if served, err = served.WithSerial(head.Serial); err != nil {
			return err
		}
	}
	a.engine.Update(origin, providers.Desired{Served: served, Loaded: st.src.loaded(), Reasons: planReasons(st.acted()), Aliases: aliasSets(st.src.aliasRecords())})
	return nil
}
