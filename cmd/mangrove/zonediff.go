package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// diffReport is how two versions of a zone differ.
type diffReport struct {
	Zone    string      `json:"zone"`
	From    diffSide    `json:"from"`
	To      diffSide    `json:"to"`
	Changes []recordRow `json:"changes"`
	SOA     []recordRow `json:"soa"`
}

// diffSide is one of them.
type diffSide struct {
	Source string `json:"source"`
	Serial uint32 `json:"serial"`
}

func (c *cli) zoneDiffCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff A [B]",
		Short: "Show how two versions of a zone differ, record by record",
		Long: `Diff compares what two versions of a zone hold: not their text, and not the order of records. Each of A and B is a
zone file, the name of a zone (what is served), or ZONE@SERIAL, a version of its journal. Beside a zone a file is
taken for one of that zone, whatever its name. Without B, what is served is compared with what the zone's file says
now. It exits 1 where they differ. The SOA is told apart, and a difference of it alone counts as none.`,
		Example: `  mangrove zone diff example.com
  mangrove zone diff example.com@41 example.com@42
  mangrove zone diff --json old/example.com.zone example.com`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			r := zoneReader{cli: c}
			defer r.close()
			rep, err := r.diff(cmd.Context(), args)
			if err != nil {
				return err
			}
			if c.json {
				err = c.printJSON(rep)
			} else {
				printDiff(c.stdout, rep)
			}
			if err == nil && len(rep.Changes) > 0 {
				err = exitError(exitProblems)
			}
			return err
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

// zoneReader finds the versions of zones that arguments name. It asks the operator when one is needed first.
type zoneReader struct {
	cli *cli
	op  operator
}

func (r *zoneReader) operator(ctx context.Context) (operator, error) {
	if r.op != nil {
		return r.op, nil
	}
	op, err := r.cli.operator(ctx)
	if err == nil {
		r.op = op
	}
	return op, err
}

func (r *zoneReader) close() {
	if r.op != nil {
		r.op.Close()
	}
}

// zoneVersion is a version of a zone, and what it is called.
type zoneVersion struct {
	zone  *zones.Zone
	title string
}

func (r *zoneReader) diff(ctx context.Context, args []string) (*diffReport, error) {
	from, to, err := r.both(ctx, args)
	if err != nil {
		return nil, err
	}
	if a, b := from.zone.Origin(), to.zone.Origin(); a != b {
		return nil, fmt.Errorf("%s is a version of %s, and %s of %s", from.title, a, to.title, b)
	}
	return diffOf(from, to), nil
}

// both reads what is to be compared. Beside the name of a zone a file is one of that zone, however it is called; of two files one whose
// name names no zone is one of the other's.
func (r *zoneReader) both(ctx context.Context, args []string) (from, to zoneVersion, err error) {
	if len(args) == 2 && isFile(args[0]) != isFile(args[1]) {
		file, named := &from, &to
		if isFile(args[1]) {
			file, named = &to, &from
			args = []string{args[1], args[0]}
		}
		if *named, err = r.read(ctx, args[1], zones.Name{}); err == nil {
			*file, err = r.read(ctx, args[0], named.zone.Origin())
		}
		return from, to, err
	}
	from, err = r.read(ctx, args[0], zones.Name{})
	switch {
	case len(args) == 1 && err == nil:
		to, err = r.fileOf(from.zone.Origin())
	case len(args) == 2 && errors.Is(err, zonefile.ErrNotZoneName):
		if to, err = r.read(ctx, args[1], zones.Name{}); err == nil {
			from, err = r.read(ctx, args[0], to.zone.Origin())
		}
	case len(args) == 2 && err == nil:
		if to, err = r.read(ctx, args[1], zones.Name{}); errors.Is(err, zonefile.ErrNotZoneName) {
			to, err = r.read(ctx, args[1], from.zone.Origin())
		}
	}
	return from, to, err
}

func diffOf(from, to zoneVersion) *diffReport {
	origin := from.zone.Origin()
	rep := &diffReport{Zone: origin.String(), From: diffSide{from.title, from.zone.Serial()}, To: diffSide{to.title, to.zone.Serial()}, SOA: []recordRow{}}
	rows, soa := rowsOf(origin, zones.Diff(from.zone, to.zone))
	rep.Changes, rep.SOA = rows, append(rep.SOA, soa...)
	return rep
}

// read reads what an argument names: a file that is there, for origin unless that is zero, else a version of a zone.
func (r *zoneReader) read(ctx context.Context, arg string, origin zones.Name) (zoneVersion, error) {
	if isFile(arg) {
		z, err := r.cli.parseFile(arg, origin)
		return zoneVersion{z, arg}, err
	}
	name, serial, err := cutSerial(arg)
	if err == nil {
		_, err = zones.ParseName(name)
	}
	if err != nil {
		return zoneVersion{}, fmt.Errorf("%s is no file, and no version of a zone: %w", arg, err)
	}
	q := contentQuery{Zone: name, Serial: serial}
	title := bare(name) + " as it is served"
	if serial != nil {
		title = fmt.Sprintf("%s@%d", bare(name), *serial)
	}
	op, err := r.operator(ctx)
	if err != nil {
		return zoneVersion{}, err
	}
	rep, err := op.Content(ctx, q)
	if err != nil && serial == nil {
		err = fmt.Errorf("%s is no file: %w", arg, err)
	}
	if err != nil {
		return zoneVersion{}, err
	}
	z, err := rep.zone()
	return zoneVersion{z, title}, err
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// cutSerial parts ZONE@SERIAL; serial is nil where there is none.
func cutSerial(arg string) (name string, serial *uint32, err error) {
	i := strings.LastIndexByte(arg, '@')
	if i <= 0 || arg[i-1] == '\\' {
		return arg, nil, nil
	}
	n, err := parseSerial(arg[i+1:])
	return arg[:i], &n, err
}

func parseSerial(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is no serial: a number from 0 to 4294967295 is one", text)
	}
	return uint32(n), nil
}

// fileOf reads the file that a zone has now, as the server does.
func (r *zoneReader) fileOf(origin zones.Name) (zoneVersion, error) {
	f, err := zoneFileOf(r.cli.config, origin)
	if err != nil {
		return zoneVersion{}, err
	}
	res, err := zonefile.Parse(f.Path, zonefile.Options{Origin: origin})
	if err != nil {
		return zoneVersion{}, err
	}
	z, err := r.cli.goodZone(f.Path, res)
	if err != nil {
		return zoneVersion{}, err
	}
	z, _ = judgeDigest(z, res.Where)
	return zoneVersion{z, f.Path}, nil
}

// zone reads the zone of a report.
func (rep *contentReport) zone() (*zones.Zone, error) {
	origin, err := zones.ParseName(rep.Zone)
	if err != nil {
		return nil, err
	}
	res, err := zonefile.ParseBytes(rep.Zone, []byte(rep.Text), zonefile.Options{Origin: origin})
	if err != nil {
		return nil, err
	}
	if res.Errors > 0 {
		return nil, errors.New(res.Problems[0].String())
	}
	return res.Zone, nil
}

func printDiff(out io.Writer, rep *diffReport) {
	if len(rep.Changes)+len(rep.SOA) == 0 {
		return
	}
	fmt.Fprintf(out, "--- %s, serial %d\n+++ %s, serial %d\n", rep.From.Source, rep.From.Serial, rep.To.Source, rep.To.Serial)
	printRows(out, "", rep.Changes)
	if len(rep.SOA) > 0 {
		fmt.Fprintln(out, "SOA:")
		printRows(out, "", rep.SOA)
	}
}

// printRows prints records as lines of a zone file, with what becomes of them in front.
func printRows(out io.Writer, indent string, rows []recordRow) {
	var lines [][]string
	for _, r := range rows {
		lines = append(lines, []string{r.Op + " " + r.Name, strconv.FormatUint(uint64(r.TTL), 10) + " " + r.Type + " " + r.Text})
	}
	table(out, indent, lines)
}
