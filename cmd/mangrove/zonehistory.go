package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func (c *cli) zoneHistoryCommand() *cobra.Command {
	var limit int
	var changes bool
	cmd := &cobra.Command{
		Use:   "history ZONE",
		Short: "List the versions of a zone that were served, and why each came",
		Long: `History lists the journal of a zone, the newest version first: serial, time, how many records came and went, and why.
A version is by "file" where files were read for it, by "alias" where targets of ALIAS records have other addresses,
and by "health" where it withdrew or restored records alone.`,
		Example: `  mangrove zone history example.com
  mangrove zone history -p --limit 1 example.com`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return usageError{cmd.CommandPath(), fmt.Errorf("--limit %d: a number of versions is needed, 0 for all", limit)}
			}
			op, err := c.operator(cmd.Context())
			if err != nil {
				return err
			}
			defer op.Close()
			list, err := op.History(cmd.Context(), historyQuery{Zone: args[0], Limit: limit, Changes: changes})
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(list)
			}
			c.printHistory(list, changes)
			return nil
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 0, "how many versions, the newest (default all that the journal has)")
	cmd.Flags().BoolVarP(&changes, "patch", "p", false, "print the changes of each version")
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) printHistory(list []versionReport, changes bool) {
	var rows [][]string
	for _, v := range list {
		counts := fmt.Sprintf("+%d -%d", v.Added, v.Removed)
		if v.Whole {
			counts = "whole"
		}
		row := []string{strconv.FormatUint(uint64(v.Serial), 10), when(v.Time), v.Cause, counts, strings.Join(v.Reasons, "; ")}
		if !changes {
			rows = append(rows, row)
			continue
		}
		table(c.stdout, "", [][]string{row})
		printRows(c.stdout, "  ", v.Changes)
	}
	table(c.stdout, "", rows)
	if len(list) == 0 {
		c.say("nothing of it is journaled yet")
	}
}
