package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/dnssec"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// checkReport is what check found.
type checkReport struct {
	Zones    int           `json:"zones"`
	Errors   int           `json:"errors"`
	Warnings int           `json:"warnings"`
	Aliases  int           `json:"aliases"`  // targets of ALIAS records
	Resolved bool          `json:"resolved"` // they were resolved
	Problems []problemJSON `json:"problems"`
}

type problemJSON struct {
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`
	Col      int    `json:"col,omitempty"`
	Severity string `json:"severity"`
	Text     string `json:"text"`
}

func (c *cli) checkCommand() *cobra.Command {
	var resolve bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Report every problem of configuration, zones and rules",
		Long: `Check reads mangrove.yaml, every zone file with what it includes, and every NAME.yaml, and prints all problems as
file:line:col, then a count. Of zones that come signed it verifies every signature, which loading them does not. It
changes nothing and needs no server. It exits 1 when there is an error; warnings alone pass.

It asks nobody for the targets of ALIAS records, unless told so (--resolve).`,
		Example: `  mangrove check
  mangrove check --resolve
  mangrove check --zones ./zones --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rep := c.check(cmd.Context(), resolve)
			if c.json {
				if err := c.printJSON(rep); err != nil {
					return err
				}
			} else {
				c.printCheck(rep)
			}
			if rep.Errors > 0 {
				return exitError(exitProblems)
			}
			return nil
		},
	}
	c.jsonFlag(cmd)
	cmd.Flags().BoolVar(&resolve, "resolve", false, "ask for the targets of ALIAS records, too")
	return cmd
}

// check reads everything and collects what is wrong with it.
func (c *cli) check(ctx context.Context, resolve bool) *checkReport {
	rep := &checkReport{Problems: []problemJSON{}}
	cfg, problems := loadConfig(findConfig(c.configPath))
	cfg.override(c.flags)
	rep.add(problems)
	if !hasErrors(problems) {
		_, problems = buildDrivers(cfg, nil)
		rep.add(problems)
		if cfg.Cookies.Enabled {
			_, problems = configuredCookies(cfg)
			rep.add(problems)
		}
	}
	files, problems, err := zonefile.ZoneFiles(cfg.Zones)
	if err != nil {
		problems = append(problems, zones.Problem{Pos: zones.Pos{File: cfg.Zones}, Severity: zones.Error, Text: readProblem(err)})
	}
	rep.add(problems)
	aliases := aliasCheck{cfg: cfg, resolve: resolve}
	var reader zonefile.Reader
	for _, f := range files {
		rep.Zones++
		src := readSource(&reader, cfg, f, time.Time{}, verifySignatures)
		rep.add(src.problems())
		rep.add(src.expiring(time.Now()))
		aliases.add(src)
	}
	rep.Aliases, rep.Resolved = aliases.targets(), resolve
	rep.add(aliases.problems(ctx))
	return rep
}

// verifySignatures is the judge of a zone that comes signed.
func verifySignatures(z *zones.Zone, where func(zones.Name, uint16, int) zones.Pos) []zones.Problem {
	return dnssec.Verify(z, where)
}

func (r *checkReport) add(problems []zones.Problem) {
	for _, p := range problems {
		if p.Severity == zones.Error {
			r.Errors++
		} else {
			r.Warnings++
		}
		r.Problems = append(r.Problems, problemJSON{p.Pos.File, p.Pos.Line, p.Pos.Col, p.Severity.String(), p.Text})
	}
}

// String is the problem as check prints it.
func (p problemJSON) String() string {
	severity := zones.Warning
	if p.Severity == zones.Error.String() {
		severity = zones.Error
	}
	return zones.Problem{Pos: zones.Pos{File: p.File, Line: p.Line, Col: p.Col}, Severity: severity, Text: p.Text}.String()
}

func (c *cli) printCheck(rep *checkReport) {
	for _, p := range rep.Problems {
		fmt.Fprintln(c.stdout, p)
	}
	if rep.Aliases > 0 && !rep.Resolved {
		c.say("%s of ALIAS records not asked for; --resolve does", count(rep.Aliases, "target"))
	}
	fmt.Fprintf(c.stdout, "%s checked: %s, %s\n", count(rep.Zones, "zone"), count(rep.Errors, "error"), count(rep.Warnings, "warning"))
}
