package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/mangrove-dns/mangrove/resolver"
	"github.com/mangrove-dns/mangrove/zones/store"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

func (c *cli) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Answer, check, withdraw and mirror, until stopped",
		Long: `Serve answers for the zones, checks targets, and keeps the mirrors. It logs to standard error.

SIGHUP reads mangrove.yaml and all zones again. SIGTERM and SIGINT stop it: it answers what it has read, finishes writes to
providers that are under way, and exits 0; a second signal ends it at once.`,
		Example: `  mangrove serve
  mangrove serve --zones ./zones --listen 127.0.0.1:5353 --data ./data`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			for _, addr := range c.flags.listen {
				if err := validListen(addr); err != nil {
					return usageError{cmd.CommandPath(), fmt.Errorf("--listen %w", err)}
				}
			}
			term := terminalOf(c.stderr)
			var to io.Writer = c.stderr
			if term != nil {
				to = term
			}
			return serve(cmd.Context(), cfg, newLog(to, cfg.Log), term, nil)
		},
	}
	cmd.Flags().StringSliceVarP(&c.flags.listen, "listen", "l", nil, "addresses to answer on (default as configured, else :53)")
	return cmd
}

func newLog(w io.Writer, cfg logConfig) *slog.Logger {
	var level slog.Level
	// The configuration allows the words that UnmarshalText knows alone.
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		level = slog.LevelInfo
	}
	opts := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// serve runs everything until ctx ends. term, where it is not nil, is shown how the start goes; ready, where it is not
// nil, is called once questions are answered.
//
// The order of starting is that of the flow: store and journal, zones, sockets, then the loops. The order of stopping: no
// new questions, what was read is answered; no more probes; writes to providers under way finish; the journal is written
// out; the store last.
func serve(ctx context.Context, cfg *config, log *slog.Logger, term *terminal, ready func(*app)) (err error) {
	// From the first step to the last: a SIGHUP that nobody takes ends the process.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	memory := beforeLoad()
	if err := store.AdoptSeed(cfg.Data); err != nil {
		log.Warn("kept zones are of no use for a quick start this time", "err", err)
	}
	a, err := openApp(ctx, cfg, log)
	if errors.Is(err, context.Canceled) {
		return nil // stopped before it began
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	a.started, a.term, a.load = a.now(), term, memory

	ctx, stop := context.WithCancelCause(ctx)
	journal := startStage(ctx, stop, a.live.Run)
	defer func() { err = errors.Join(err, journal.end()) }()
	if err := a.loadAll(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // stopped while it read
		}
		return err
	}
	server := resolver.New(resolver.Options{
		Listen: cfg.Listen, Catalog: a.live.Catalog, Workers: resolver.Schedule(cfg.Server.Workers), MaxUDPSize: int(cfg.Server.MaxUDPSize), Log: log,
		Identity:  resolver.Identity{NSID: cfg.Server.NSID, Name: cfg.Server.Identity, Version: cfg.Server.Version},
		RateLimit: cfg.RateLimit.limit(), CookieSecrets: a.startCookies(),
		TCP: resolver.TCPOptions{Idle: cfg.Server.TCPIdle, MaxConns: cfg.Server.TCPConnections, MaxPerPrefix: cfg.Server.TCPPerClient},
	})
	if a.listen, err = server.Listen(); err != nil {
		return listenProblem(err)
	}
	a.server = server
	control, err := newControlServer(cfg.Data, a, log)
	if err != nil {
		server.Close()
		return err
	}
	followers := startStage(ctx, stop, a.flipLoop, a.verdictLoop, a.aliasLoop, a.mirrorLoop, a.keepLoop, a.settleLoop, a.engine.Run)
	sources := startStage(ctx, stop, server.Run, control.Run, a.monitor.Run, a.aliases.Run, a.watchLoop, func(ctx context.Context) error { return a.hupLoop(ctx, hup) })
	afterLoad()
	log.Info("ready", "listen", addresses(a), "zones", a.live.Catalog().Len(), "config", orNone(cfg.path))
	if ready != nil {
		ready(a)
	}
	<-ctx.Done()
	err = errors.Join(sources.end(), followers.end())
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// stage is a group of loops that are ended together. They don't end with the context they were started under: what
// feeds them ends first.
type stage struct {
	group  *errgroup.Group
	cancel context.CancelFunc
}

// startStage starts loops; one that ends with an error stops everything.
func startStage(ctx context.Context, stop context.CancelCauseFunc, loops ...func(context.Context) error) *stage {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	g, ctx := errgroup.WithContext(ctx)
	for _, loop := range loops {
		g.Go(func() error {
			err := loop(ctx)
			if err != nil {
				stop(err)
			}
			return err
		})
	}
	return &stage{g, cancel}
}

// end stops the loops, waits for them, and returns the first error.
func (s *stage) end() error {
	s.cancel()
	if err := s.group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func listenProblem(err error) error {
	switch {
	case errors.Is(err, syscall.EACCES):
		return hinted{err, "ports below 1024 need root, CAP_NET_BIND_SERVICE, or net.ipv4.ip_unprivileged_port_start; for a try use --listen 127.0.0.1:5353"}
	case errors.Is(err, syscall.EADDRINUSE):
		return hinted{err, "something else answers there already; \"ss -lunp\" tells what"}
	}
	return err
}

func addresses(a *app) string {
	var out []string
	for _, ap := range a.listen {
		out = append(out, ap.String())
	}
	return strings.Join(out, ",")
}

func orNone(path string) string {
	if path == "" {
		return "none"
	}
	return path
}

// watchLoop takes up files as they change.
func (a *app) watchLoop(ctx context.Context) error {
	return a.watcher.Run(ctx, func(b zonefile.Batch) {
		if err := a.filesChanged(ctx, b); err != nil {
			a.log.Error("changed files were not taken up", "err", err)
		}
	})
}

// hupLoop reads everything again on SIGHUP.
func (a *app) hupLoop(ctx context.Context, hup <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			if _, err := a.Reload(ctx); err != nil {
				a.log.Error("reload", "err", err)
			}
		}
	}
}

// verdictLoop keeps verdicts for the next start, right behind the flips, and now and then those of targets that came and went.
func (a *app) verdictLoop(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return a.saveVerdicts(context.WithoutCancel(ctx))
		case <-a.flipped:
			if err := a.saveVerdicts(ctx); err != nil {
				a.log.Error("verdicts are not kept", "err", err)
			}
		case <-tick.C:
			if err := a.saveVerdicts(ctx); err != nil {
				a.log.Error("verdicts are not kept", "err", err)
			}
		}
	}
}
