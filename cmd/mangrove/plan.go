package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func (c *cli) planCommand() *cobra.Command {
	var q planQuery
	var exitCode bool
	cmd := &cobra.Command{
		Use:   "plan [ZONE]",
		Short: "Show what would change at each provider, and why",
		Long: `Plan reads every provider that the zone, or each zone, is mirrored to, and shows what a push would change there and why. It
changes nothing. Records that are not ours are kept and counted; what a provider cannot hold is said.

With --exit-code it exits 3 when changes wait, 4 when a guard blocks them.`,
		Example: `  mangrove plan
  mangrove plan example.com --provider cf
  mangrove plan --exit-code --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				q.Zone = args[0]
			}
			op, err := c.operator(cmd.Context())
			if err != nil {
				return err
			}
			defer op.Close()
			reports, err := op.Plan(cmd.Context(), q)
			if err != nil {
				return err
			}
			if c.json {
				if err := c.printJSON(reports); err != nil {
					return err
				}
			} else {
				c.printPlans(reports)
			}
			return planExit(reports, exitCode)
		},
	}
	c.jsonFlag(cmd)
	cmd.Flags().StringVarP(&q.Provider, "provider", "p", "", "only at this provider")
	cmd.Flags().StringSliceVar(&q.Allow, "allow", nil, "let a guard pass, by its id (G2)")
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit 3 when changes wait, 4 when a guard blocks them")
	return cmd
}

func planExit(reports []planReport, exitCode bool) error {
	changes, blocked := false, false
	for _, r := range reports {
		if r.Error != "" {
			return exitError(exitProblems)
		}
		changes = changes || len(r.Plan.Lines) > 0
		blocked = blocked || len(r.Plan.Blocked()) > 0
	}
	switch {
	case exitCode && blocked:
		return exitError(exitBlocked)
	case exitCode && changes:
		return exitError(exitChanges)
	}
	return nil
}

func (c *cli) pushCommand() *cobra.Command {
	var q planQuery
	cmd := &cobra.Command{
		Use:   "push [ZONE]",
		Short: "Make each provider hold what is served, and verify it",
		Long: `Push does what plan shows, at all providers at once: a provider that fails holds up no other. It reads back what it wrote, and
asks the provider's own name servers until they answer it.

A guard stops a push that looks like a mistake; --allow lets one pass by its id, this once.`,
		Example: `  mangrove push example.com
  mangrove push example.com --provider cf --allow G2
  mangrove push example.com --plan 5f0c27b1d0a94e11   # the plan with this hash, or nothing`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				q.Zone = args[0]
			}
			if q.Hash != "" && (q.Zone == "" || q.Provider == "") {
				return usageError{cmd.CommandPath(), errors.New("--plan is one plan: name its ZONE and --provider")}
			}
			op, err := c.operator(cmd.Context())
			if err != nil {
				return err
			}
			defer op.Close()
			reports, err := op.Push(cmd.Context(), q)
			if err != nil {
				return err
			}
			if c.json {
				if err := c.printJSON(reports); err != nil {
					return err
				}
			} else {
				c.printPushes(reports)
			}
			for _, r := range reports {
				if r.Error != "" || len(r.Left) > 0 || len(r.Unverified) > 0 && !q.NoWait {
					return exitError(exitProblems)
				}
			}
			return nil
		},
	}
	c.jsonFlag(cmd)
	cmd.Flags().StringVarP(&q.Provider, "provider", "p", "", "only at this provider")
	cmd.Flags().StringSliceVar(&q.Allow, "allow", nil, "let a guard pass, by its id (G2)")
	cmd.Flags().StringVar(&q.Hash, "plan", "", "apply the plan with this hash, or nothing")
	cmd.Flags().BoolVar(&q.NoWait, "no-wait", false, "do not wait for the providers' name servers")
	return cmd
}

func (c *cli) jsonFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.json, "json", false, "print JSON (see JSON.md)")
}
