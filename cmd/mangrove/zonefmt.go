package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// formatCall is how zone fmt was called.
type formatCall struct {
	write, check, diff, sort bool
	origin                   string
}

func (c *cli) zoneFmtCommand() *cobra.Command {
	var f formatCall
	cmd := &cobra.Command{
		Use:   "fmt [FILE | ZONE | -]...",
		Short: "Lay out zone files in one canonical way",
		Long: `Fmt prints zone files laid out in one way: in columns, one record a line, SOA and long data in parentheses. Comments, directives, and how names
and numbers are written stay as they are; so do the order of records, unless --sort is given, and included files. What the text means is read before and after and
must be the same, else nothing is written. A file with errors is left alone.

With -w the file is replaced, at once as a whole, with its permissions kept. Without FILE or ZONE, all of the zones directory are meant.`,
		Example: `  mangrove zone fmt example.com
  mangrove zone fmt -w zones/*.zone
  mangrove zone fmt --check
  mangrove zone fmt --origin example.com - <records.txt`,
		RunE: func(cmd *cobra.Command, args []string) error {
			modes := 0
			for _, on := range []bool{f.write, f.check, f.diff} {
				if on {
					modes++
				}
			}
			if modes > 1 {
				return usageError{cmd.CommandPath(), errors.New("-w, --check and --diff exclude each other")}
			}
			return c.zoneFmt(cmd, f, args)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.write, "write", "w", false, "replace the files instead of printing them")
	flags.BoolVar(&f.check, "check", false, "print the names of the files that would change, and exit 1 where there are any")
	flags.BoolVar(&f.diff, "diff", false, "print what would change")
	flags.BoolVar(&f.sort, "sort", false, "put records in canonical order, between directives and comments that stand alone")
	flags.StringVar(&f.origin, "origin", "", "zone that the file is for (default by its name)")
	return cmd
}

func (c *cli) zoneFmt(cmd *cobra.Command, f formatCall, args []string) error {
	var o zonefile.Options
	if f.origin != "" {
		origin, err := zones.ParseName(f.origin)
		if err != nil {
			return usageError{cmd.CommandPath(), err}
		}
		o.Origin = origin
	}
	files, err := c.filesOf(args)
	if err != nil {
		return err
	}
	failed, changed := false, 0
	for _, path := range files {
		did, err := c.formatOne(cmd.InOrStdin(), path, o, f)
		if err != nil {
			c.say("%v", err)
			failed = true
		}
		if did {
			changed++
		}
	}
	if failed || f.check && changed > 0 {
		return exitError(exitProblems)
	}
	return nil
}

// standardInput is what stands for it among files.
const standardInput = "-"

// filesOf finds the files that are meant: by path, else by zone; all of the zones directory where nothing is said.
func (c *cli) filesOf(args []string) ([]string, error) {
	var out []string
	if len(args) == 0 {
		cfg, err := c.config()
		if err != nil {
			return nil, err
		}
		list, _, err := zonefile.ZoneFiles(cfg.Zones)
		for _, f := range list {
			out = append(out, f.Path)
		}
		return out, err
	}
	for _, arg := range args {
		path, err := c.fileOf(arg)
		if err != nil {
			return nil, err
		}
		out = append(out, path)
	}
	return out, nil
}

// fileOf finds one file.
func (c *cli) fileOf(arg string) (string, error) {
	if arg == standardInput {
		return arg, nil
	}
	_, err := os.Stat(arg)
	if err == nil {
		return arg, nil
	}
	origin, nameErr := zones.ParseName(arg)
	if !errors.Is(err, fs.ErrNotExist) || nameErr != nil || strings.ContainsRune(arg, filepath.Separator) {
		return "", err
	}
	f, err := c.zoneFileOf(origin)
	if err != nil {
		return "", err
	}
	return f.Path, nil
}

// zoneFileOf finds the file of a zone in the zones directory.
func (c *cli) zoneFileOf(origin zones.Name) (zonefile.ZoneFile, error) {
	cfg, err := c.config()
	if err != nil {
		return zonefile.ZoneFile{}, err
	}
	list, _, err := zonefile.ZoneFiles(cfg.Zones)
	if err != nil {
		return zonefile.ZoneFile{}, err
	}
	for _, f := range list {
		if f.Origin == origin {
			return f, nil
		}
	}
	return zonefile.ZoneFile{}, hinted{fmt.Errorf("no file %s, and no zone %s in %s", bare(origin.String()), origin, cfg.Zones),
		"zones are the NAME.zone files of the zones directory; name it with --zones, or in mangrove.yaml"}
}

// formatOne does with one file what was asked for, and says whether it is not in its canonical form.
func (c *cli) formatOne(stdin io.Reader, path string, o zonefile.Options, f formatCall) (changed bool, err error) {
	var data []byte
	if path == standardInput {
		if f.write {
			return false, errors.New("standard input can't be written to: leave out -w")
		}
		if o.Origin.IsZero() {
			return false, errors.New("standard input has no name that says which zone it is: name it with --origin")
		}
		data, err = io.ReadAll(stdin)
	} else {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return false, err
	}
	out, err := zonefile.Format(path, data, o, zonefile.FormatOptions{Sort: f.sort})
	if errors.Is(err, zonefile.ErrNotZoneName) {
		return false, fmt.Errorf("%w; name the zone with --origin", err)
	}
	if err != nil {
		return false, err
	}
	if out.Result.Errors > 0 {
		for _, p := range out.Result.Problems {
			if p.Severity == zones.Error {
				fmt.Fprintln(c.stderr, p)
			}
		}
		return false, fmt.Errorf("%s: %s; the file is left as it is", path, count(out.Result.Errors, "error"))
	}
	changed = !bytes.Equal(data, out.Text)
	if changed {
		for _, n := range out.Notes {
			c.say("%s: %s", path, n)
		}
	}
	switch {
	case f.check && changed:
		_, err = fmt.Fprintln(c.stdout, path)
	case f.check:
	case f.diff:
		_, err = c.stdout.Write(diff.Diff(path, data, path+" (formatted)", out.Text))
	case f.write && changed:
		err = replaceFile(path, data, out.Text)
	case f.write:
	default:
		_, err = c.stdout.Write(out.Text)
	}
	return changed, err
}
