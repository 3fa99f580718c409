package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
		Long: `Fmt prints zone files laid out in one way: in columns, one record a line, SOA and long data in parentheses. Comments,
directives, and how names and numbers are written stay as they are; so do the order of records, unless --sort is
given, and included files. What the text means is read before and after and must be the same, else nothing is written.
A file with errors is left alone.

With -w the file is replaced, at once as a whole, with its permissions kept. Without FILE or ZONE, all of the zones
directory are meant.

It exits 1 when a file has errors or is not there, after it did the others; with --check and --diff also when a file
would change.`,
		Example: `  mangrove zone fmt example.com
  mangrove zone fmt -w zones/*.zone
  mangrove zone fmt --check
  mangrove zone fmt --origin example.com - <records.txt`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.options(args)
			if err != nil {
				return usageError{cmd.CommandPath(), err}
			}
			return c.zoneFmt(cmd, f, o, args)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.write, "write", "w", false, "replace the files instead of printing them")
	flags.BoolVar(&f.check, "check", false, "print the names of files that would change, and exit 1 where there are any")
	flags.BoolVar(&f.diff, "diff", false, "print what would change, and exit 1 where there is anything")
	flags.BoolVar(&f.sort, "sort", false, "put records in canonical order, between directives and comments that stand alone")
	flags.StringVar(&f.origin, "origin", "", "zone that the file is for (default by its name)")
	return cmd
}

// options are how the files are to be read; the error says that f or args make no sense.
func (f formatCall) options(args []string) (zonefile.Options, error) {
	switch {
	case f.write && (f.check || f.diff), f.check && f.diff:
		return zonefile.Options{}, errors.New("-w, --check and --diff exclude each other")
	case f.write && slices.Contains(args, standardInput):
		return zonefile.Options{}, errors.New("standard input can't be written to: leave out -w")
	}
	return readOptions(f.origin, args)
}

// readOptions are how files are to be read that are for the zone of --origin, or for the zones that their names say.
func readOptions(origin string, args []string) (o zonefile.Options, err error) {
	if origin != "" {
		o.Origin, err = zones.ParseName(origin)
	} else if slices.Contains(args, standardInput) {
		err = errors.New("standard input has no name that says which zone it is: name it with --origin")
	}
	return o, err
}

func (c *cli) zoneFmt(cmd *cobra.Command, f formatCall, o zonefile.Options, args []string) error {
	files, failed := c.filesOf(args)
	changed := false
	for _, path := range files {
		did, err := c.formatOne(cmd.InOrStdin(), path, o, f)
		if err != nil {
			c.complain(err)
			failed = true
		}
		changed = changed || did
	}
	if failed || changed && (f.check || f.diff) {
		return exitError(exitProblems)
	}
	return nil
}

// standardInput is what stands for it among files.
const standardInput = "-"

// filesOf finds the files that are meant: by path, else by zone; all of the zones directory where nothing is said. What is wrong with
// some of them is printed.
func (c *cli) filesOf(args []string) (files []string, failed bool) {
	if len(args) == 0 {
		cfg, err := c.config()
		if err != nil {
			c.complain(err)
			return nil, true
		}
		list, problems, err := zonefile.ZoneFiles(cfg.Zones)
		if err != nil {
			c.complain(err)
			return nil, true
		}
		for _, p := range problems {
			fmt.Fprintln(c.stderr, p)
		}
		for _, f := range list {
			files = append(files, f.Path)
		}
		return files, hasErrors(problems)
	}
	for _, arg := range args {
		path, err := fileOf(c.config, arg)
		if err != nil {
			c.complain(err)
			failed = true
			continue
		}
		files = append(files, path)
	}
	return files, failed
}

// fileOf finds one file: by path, else by zone.
func fileOf(configured func() (*config, error), arg string) (string, error) {
	if arg == standardInput {
		return arg, nil
	}
	info, err := os.Stat(arg)
	if err == nil && info.IsDir() {
		return "", hinted{fmt.Errorf("%s is a directory", arg), fmt.Sprintf("name its files, or all of it as zones directory: --zones %s", arg)}
	}
	if err == nil {
		return arg, nil
	}
	origin, nameErr := zones.ParseName(arg)
	if !errors.Is(err, fs.ErrNotExist) || nameErr != nil || strings.ContainsRune(arg, filepath.Separator) {
		return "", err
	}
	f, err := zoneFileOf(configured, origin)
	if err != nil {
		return "", err
	}
	return f.Path, nil
}

// zoneFileOf finds the file of a zone in the zones directory.
func zoneFileOf(configured func() (*config, error), origin zones.Name) (zonefile.ZoneFile, error) {
	cfg, err := configured()
	if err != nil {
		return zonefile.ZoneFile{}, err
	}
	list, _, err := zonefile.ZoneFiles(cfg.Zones)
	for _, f := range list {
		if f.Origin == origin {
			return f, nil
		}
	}
	missing := fmt.Errorf("no file %s, and no zone %s in %s", bare(origin.String()), origin, cfg.Zones)
	if err != nil {
		missing = fmt.Errorf("no file %s, and no zone %s: %w", bare(origin.String()), origin, err)
	}
	return zonefile.ZoneFile{}, hinted{missing, "zones are the NAME.zone files of the zones directory; name it with --zones, or in mangrove.yaml"}
}

// readInput reads a file, or standard input.
func readInput(stdin io.Reader, path string) ([]byte, error) {
	if path == standardInput {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(path)
}

// nameless says what to do about a file whose name names no zone.
func nameless(err error) error {
	if errors.Is(err, zonefile.ErrNotZoneName) {
		return fmt.Errorf("%w; name the zone with --origin", err)
	}
	return err
}

// formatOne does with one file what was asked for, and says whether it is not in its canonical form.
func (c *cli) formatOne(stdin io.Reader, path string, o zonefile.Options, f formatCall) (changed bool, err error) {
	data, err := readInput(stdin, path)
	if err != nil {
		return false, err
	}
	out, err := zonefile.Format(path, data, o, zonefile.FormatOptions{Sort: f.sort})
	if err != nil {
		return false, nameless(err)
	}
	if out.Result.Errors > 0 {
		for _, p := range out.Result.Problems {
			if p.Severity == zones.Error {
				fmt.Fprintln(c.stderr, p)
			}
		}
		left := ""
		if f.write {
			left = "; the file is left as it is"
		}
		return false, fmt.Errorf("%s: %s%s", path, count(out.Result.Errors, "error"), left)
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
