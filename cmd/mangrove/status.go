package main

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (c *cli) statusCommand() *cobra.Command {
	var quiet bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show zones, serials, targets and why each is down, and how far providers are",
		Long: `Status shows, for each zone, what is served and from which file, each checked record with its targets and why one is left out,
and each provider: in sync, pending, behind, drifted, unreachable.

It exits 1 when mangrove serve does not run, so that it can be a health check (--quiet).`,
		Example: `  mangrove status
  mangrove status --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if quiet {
				return c.alive(cmd)
			}
			op, err := c.operator(cmd.Context())
			if err != nil {
				return err
			}
			defer op.Close()
			rep, err := op.Status(cmd.Context())
			if err != nil {
				return err
			}
			if c.json {
				err = c.printJSON(rep)
			} else {
				c.printStatus(rep)
			}
			if err == nil && !rep.Running {
				return exitError(exitProblems)
			}
			return err
		},
	}
	c.jsonFlag(cmd)
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print nothing; exit 0 when mangrove serve answers on its control socket")
	return cmd
}

// alive asks the daemon alone: a health check must not open the store.
func (c *cli) alive(cmd *cobra.Command) error {
	quiet := *c
	quiet.stderr = io.Discard
	client, _, _, err := quiet.daemon(cmd.Context())
	if err != nil {
		return exitError(exitProblems)
	}
	defer client.Close()
	if _, err := client.Status(cmd.Context()); err != nil {
		return exitError(exitProblems)
	}
	return nil
}

func (c *cli) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "reload",
		Short:   "Have mangrove serve read mangrove.yaml and all zones again",
		Example: "  mangrove reload",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, cfg, _, err := c.daemon(cmd.Context())
			if errors.Is(err, errNoDaemon) {
				return hinted{fmt.Errorf("%s: %w", cfg.Data, err), "start it with mangrove serve; it reads everything then"}
			}
			if err != nil {
				return err
			}
			defer client.Close()
			rep, err := client.Reload(cmd.Context())
			if err != nil {
				return err
			}
			for _, p := range rep.Problems {
				fmt.Fprintln(c.stdout, p)
			}
			for _, key := range rep.Restart {
				c.say("%s changed in %s; restart mangrove serve to take it up", key, cfg.path)
			}
			fmt.Fprintf(c.stdout, "%s read: %s, %s\n", count(rep.Zones, "zone"), count(rep.Errors, "error"), count(len(rep.Problems)-rep.Errors, "warning"))
			if rep.Errors > 0 {
				return exitError(exitProblems)
			}
			return nil
		},
	}
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  mangrove version",
		Args:    cobra.NoArgs,
		Run:     func(*cobra.Command, []string) { fmt.Fprintln(c.stdout, "mangrove "+version()) },
	}
}

// version is that of the module, or of the commit that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	return info.Main.Version
}
