package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/mangrove-dns/mangrove/zones"
)

func (c *cli) zoneShowCommand() *cobra.Command {
	var served, loaded bool
	cmd := &cobra.Command{
		Use:   "show ZONE [NAME [TYPE]]",
		Short: "Print what a zone holds, and what is left out of it and why",
		Long: `Show prints the records of a zone as lines of a zone file, or those of one NAME (relative to the zone, @ for its apex)
and TYPE: as they are served, with what is left out as comments; with --loaded, as the operator wrote them.
ZONE@SERIAL is what was served with that serial, or what was loaded then. It exits 1 where there is no such record.`,
		Example: `  mangrove zone show example.com
  mangrove zone show example.com www A
  mangrove zone show --loaded example.com @
  mangrove zone show example.com@41
  mangrove zone show --json example.com`,
		Args: cobra.RangeArgs(1, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			if loaded && served {
				return usageError{cmd.CommandPath(), errors.New("--served and --loaded exclude each other")}
			}
			name, serial, err := cutSerial(args[0])
			if err != nil {
				return usageError{cmd.CommandPath(), err}
			}
			only, err := newSelection(name, args[1:])
			if err != nil {
				return usageError{cmd.CommandPath(), err}
			}
			op, err := c.operator(cmd.Context())
			if err != nil {
				return err
			}
			defer op.Close()
			rep, err := op.Content(cmd.Context(), contentQuery{Zone: name, Loaded: loaded, Serial: serial})
			if err != nil {
				return err
			}
			z, err := rep.zone()
			if err != nil {
				return err
			}
			shown, err := newShowReport(rep, z, only)
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(shown)
			}
			printShow(c.stdout, shown)
			return nil
		},
	}
	c.jsonFlag(cmd)
	cmd.Flags().BoolVar(&served, "served", false, "as it is served (the default)")
	cmd.Flags().BoolVar(&loaded, "loaded", false, "as the operator wrote it")
	return cmd
}

// selection is what of a zone is to be shown.
type selection struct {
	name zones.Name // zero: all
	typ  uint16     // 0: all
}

// newSelection reads [NAME [TYPE]].
func newSelection(zone string, args []string) (s selection, err error) {
	origin, err := zones.ParseName(zone)
	if err != nil || len(args) == 0 {
		return s, err
	}
	if args[0] == "@" {
		s.name = origin
	} else if s.name, err = zones.ParseRelative(args[0], origin); err != nil {
		return s, err
	}
	if !s.name.Within(origin) {
		return s, fmt.Errorf("%s is not in %s", s.name, origin)
	}
	if len(args) == 2 {
		s.typ, err = zones.ParseType(args[1])
	}
	return s, err
}

func (s selection) has(name zones.Name, typ uint16) bool {
	return (s.name.IsZero() || name == s.name) && (s.typ == 0 || typ == s.typ)
}

// nothing says that a zone has no such record.
func (s selection) nothing() error {
	if s.typ != 0 {
		return fmt.Errorf("%s has no %s record", s.name, zones.TypeString(s.typ))
	}
	return fmt.Errorf("%s has no records", s.name)
}

// showReport is what a zone holds, or what of it was asked for.
type showReport struct {
	Zone    string        `json:"zone"`
	File    string        `json:"file"`
	Serial  uint32        `json:"serial"`
	Time    time.Time     `json:"time"`
	Records []shownRecord `json:"records"`
	Left    []leftReport  `json:"left"`
}

type shownRecord struct {
	Name string `json:"name"`
	TTL  uint32 `json:"ttl"`
	Type string `json:"type"`
	Text string `json:"text"`
}

// newShowReport picks what was asked for, and fails where there is none of it.
func newShowReport(rep *contentReport, z *zones.Zone, only selection) (*showReport, error) {
	out := &showReport{Zone: rep.Zone, File: rep.File, Serial: rep.Serial, Time: rep.Time, Records: []shownRecord{}, Left: []leftReport{}}
	origin := z.Origin()
	for s := range z.RRsets() {
		if !only.has(s.Name, s.Type) {
			continue
		}
		for i := range s.Data {
			out.Records = append(out.Records, shownRecord{s.Name.Relative(origin), s.TTL, zones.TypeString(s.Type), s.Text(i)})
		}
	}
	for _, l := range rep.Left {
		one, err := newSelection(rep.Zone, []string{l.Name, l.Type})
		if err != nil {
			return nil, err
		}
		if only.has(one.name, one.typ) {
			out.Left = append(out.Left, l)
		}
	}
	if len(out.Records)+len(out.Left) == 0 {
		return nil, only.nothing()
	}
	return out, nil
}

// printShow prints records in columns, those left out as comments behind them.
func printShow(out io.Writer, rep *showReport) {
	var rows, left [][]string
	for _, r := range rep.Records {
		rows = append(rows, []string{r.Name, fmt.Sprint(r.TTL), r.Type, r.Text})
	}
	for _, l := range rep.Left {
		left = append(left, []string{"; left out: " + l.Name, l.Type, l.Target, l.Reason})
	}
	table(out, "", rows)
	table(out, "", left)
}
