package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
	var origin string
	cmd := &cobra.Command{
		Use:   "check [FILE | ZONE]...",
		Short: "Report every problem of configuration, zones and rules",
		Long: `Check reads mangrove.yaml, every zone file with what it includes, and every NAME.yaml, and prints all problems as
file:line:col, then a count. Of zones that come signed it verifies every signature, which loading them does not. It
changes nothing and needs no server. It exits 1 when there is an error; warnings alone pass.

With FILE or ZONE it reads these alone of the zone files, wherever they are; --origin says which zone a FILE is for
that is not named NAME.zone.

It asks nobody for the targets of ALIAS records, unless told so (--resolve).`,
		Example: `  mangrove check
  mangrove check --resolve
  mangrove check --zones ./zones --json
  mangrove check old/example.com.zone
  mangrove check --origin example.com /etc/bind/db.example.com`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := checkOptions(origin, args)
			if err != nil {
				return usageError{cmd.CommandPath(), err}
			}
			rep := c.check(cmd.Context(), args, o.Origin, resolve)
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
	cmd.Flags().StringVar(&origin, "origin", "", "zone that the file is for (default by its name)")
	cmd.Flags().BoolVar(&resolve, "resolve", false, "ask for the targets of ALIAS records, too")
	return cmd
}

// checkOptions are how files are to be read; the error says that they can't be.
func checkOptions(origin string, args []string) (zonefile.Options, error) {
	switch {
	case slices.Contains(args, standardInput):
		return zonefile.Options{}, errors.New("standard input can't be checked: name a file")
	case origin != "" && len(args) != 1:
		return zonefile.Options{}, errors.New("--origin is for one FILE")
	}
	return readOptions(origin, args)
}

// check reads everything, or of the zone files those that args name, and collects what is wrong with it.
func (c *cli) check(ctx context.Context, args []string, origin zones.Name, resolve bool) *checkReport {
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
	files, problems := filesToCheck(cfg, args, origin)
	rep.add(problems)
	aliases := aliasCheck{cfg: cfg, resolve: resolve}
	var reader zonefile.Reader
	for _, f := range files {
		rep.Zones++
		src := readSource(&reader, cfg.readingFrom(f.Path), f, time.Time{}, verifySignatures)
		rep.add(src.problems())
		rep.add(src.expiring(time.Now()))
		aliases.add(src)
	}
	rep.Aliases, rep.Resolved = aliases.targets(), resolve
	rep.add(aliases.problems(ctx))
	return rep
}

// filesToCheck are the zone files that args name, else all of the zones directory.
func filesToCheck(cfg *config, args []string, origin zones.Name) (files []zonefile.ZoneFile, problems []zones.Problem) {
	if len(args) == 0 {
		files, problems, err := zonefile.ZoneFiles(cfg.Zones)
		if err != nil {
			problems = append(problems, zones.Problem{Pos: zones.Pos{File: cfg.Zones}, Severity: zones.Error, Text: readProblem(err)})
		}
		return files, problems
	}
	for _, arg := range args {
		f, err := fileToCheck(cfg, arg, origin)
		if err != nil {
			problems = append(problems, zones.Problem{Pos: zones.Pos{File: arg}, Severity: zones.Error, Text: err.Error()})
			continue
		}
		files = append(files, f)
	}
	return files, problems
}

// fileToCheck finds one file. The error does not repeat arg.
func fileToCheck(cfg *config, arg string, origin zones.Name) (f zonefile.ZoneFile, err error) {
	f.Path, err = fileOf(func() (*config, error) { return cfg, nil }, arg)
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) && pathErr.Path == arg {
		return f, errors.New(readProblem(err))
	}
	if f.Origin = origin; err == nil && origin.IsZero() {
		f.Origin, err = zonefile.OriginOf(filepath.Base(f.Path))
	}
	if err != nil {
		return f, nameless(err)
	}
	_, configErr := os.Stat(zoneConfigPath(f.Path))
	f.Config = configErr == nil && zonefile.IsZoneFile(filepath.Base(f.Path))
	return f, nil
}

// readingFrom returns the configuration for a file that may be elsewhere than in the zones directory: what it includes must be below
// its own directory then.
func (c *config) readingFrom(path string) *config {
	root, rootErr := filepath.Abs(c.Zones)
	dir, err := filepath.Abs(filepath.Dir(path))
	if rel, relErr := filepath.Rel(root, dir); errors.Join(rootErr, err, relErr) == nil && filepath.IsLocal(rel) {
		return c
	}
	elsewhere := *c
	elsewhere.Zones = filepath.Dir(path)
	return &elsewhere
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
