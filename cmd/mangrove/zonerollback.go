package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
	"github.com/mangrove-dns/mangrove/zones/zonemd"
)

func (c *cli) zoneRollbackCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "rollback ZONE SERIAL",
		Short: "Bring a zone's file back to what it said when SERIAL was served",
		Long: `Rollback changes the zone file, because it is what the zone is made from: the records that were edited since then
become what they were, everything else stays as it is, and the SOA serial rises. What health withdrew or restored is
no part of it. The text before is kept beside the file as NAME.zone.orig, and a server takes the new one up as any
edit. It prints what would change, and asks; where the answer is no it exits 1.

It is refused where records that differ stand in an included file, or are made by $GENERATE.`,
		Example: `  mangrove zone history example.com
  mangrove zone rollback example.com 41`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			origin, err := zones.ParseName(args[0])
			serial, serr := parseSerial(args[1])
			if err = errors.Join(err, serr); err != nil {
				return usageError{cmd.CommandPath(), err}
			}
			op, err := c.operator(cmd.Context())
			if err != nil {
				return err
			}
			defer op.Close()
			return c.rollback(cmd, op, origin, serial, yes)
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func (c *cli) rollback(cmd *cobra.Command, op operator, origin zones.Name, serial uint32, yes bool) error {
	file, err := zoneFileOf(c.config, origin)
	if err != nil {
		return err
	}
	old, err := os.ReadFile(file.Path)
	if err != nil {
		return err
	}
	target, err := c.rollbackTarget(cmd.Context(), op, origin, serial)
	if err != nil {
		return err
	}
	next, same, err := rolledBack(file.Path, old, target)
	if err != nil {
		return err
	}
	if same {
		fmt.Fprintf(c.stdout, "%s says what it said when serial %d was served; nothing to do\n", file.Path, serial)
		return nil
	}
	if _, err := c.stdout.Write(diff.Diff(file.Path, old, fmt.Sprintf("%s (as of serial %d)", file.Path, serial), next)); err != nil {
		return err
	}
	if !yes {
		if ok, err := c.confirm(cmd.InOrStdin(), fmt.Sprintf("change %s?", file.Path)); err != nil || !ok {
			return errors.Join(err, exitError(exitProblems))
		}
	}
	backup, err := keepCopy(file.Path, old)
	if err != nil {
		return err
	}
	if err := replaceFile(file.Path, old, next); err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "%s is as of serial %d; what it was is in %s\n", file.Path, serial, backup)
	return nil
}

// rollbackTarget returns what was loaded when a serial was served, with a serial above all that were used.
func (c *cli) rollbackTarget(ctx context.Context, op operator, origin zones.Name, serial uint32) (*zones.Zone, error) {
	rep, err := op.Content(ctx, contentQuery{Zone: origin.String(), Loaded: true, Serial: &serial})
	if err != nil {
		return nil, err
	}
	z, err := rep.zone()
	if err != nil {
		return nil, err
	}
	next := z.Serial()
	for _, q := range []contentQuery{{Zone: origin.String(), Loaded: true}, {Zone: origin.String()}} {
		now, err := op.Content(ctx, q)
		if err != nil {
			return nil, err
		}
		if int32(now.Serial-next) > 0 { // RFC 1982
			next = now.Serial
		}
	}
	return z.WithSerial(next + 1)
}

// rolledBack returns the text of a file changed to hold target; same where all but the serial is so already. A file without an error is
// patched; one with errors is written anew, as long as it includes nothing.
func rolledBack(path string, old []byte, target *zones.Zone) (text []byte, same bool, err error) {
	o := zonefile.Options{Origin: target.Origin()}
	res, err := zonefile.ParseBytes(path, old, o)
	if err != nil {
		return nil, false, err
	}
	if res.Zone == nil {
		if len(res.Files) > 1 {
			return nil, false, hinted{fmt.Errorf("%s has errors and includes other files: it can't be written anew without them", path), "\"mangrove check\" says what is wrong"}
		}
		text, err = writtenAnew(path, target, o)
		return text, false, err
	}
	// The serial of the file may be above what was loaded of it.
	if int32(res.Zone.Serial()-target.Serial()) >= 0 {
		if target, err = target.WithSerial(res.Zone.Serial() + 1); err != nil {
			return nil, false, err
		}
	}
	if target, err = sameDigests(res.Zone, target); err != nil {
		return nil, false, err
	}
	rows, soa := rowsOf(target.Origin(), zones.Diff(res.Zone, target))
	if len(rows) == 0 && onlySerial(res.Zone, target, soa) {
		return nil, true, nil
	}
	text, err = zonefile.Patch(path, old, target, o)
	if errors.Is(err, zonefile.ErrElsewhere) {
		err = hinted{err, "change it there by hand; \"mangrove zone diff\" shows the difference"}
	}
	return text, false, err
}

// onlySerial says whether the SOAs of two zones differ in nothing but the serial.
func onlySerial(a, b *zones.Zone, soa []recordRow) bool {
	if len(soa) == 0 {
		return true
	}
	with, err := a.WithSerial(b.Serial())
	return err == nil && len(zones.Diff(with, b)) == 0
}

// sameDigests gives target ZONEMD records of its own where the file, unsigned, has some: they would be wrong otherwise.
func sameDigests(file, target *zones.Zone) (*zones.Zone, error) {
	had, ok := file.RRset(file.Origin(), dns.TypeZONEMD)
	if !ok || file.Signed() {
		return target, nil
	}
	set, err := zonemd.New(target, zonemd.SHA384)
	if err != nil {
		return nil, err
	}
	set.TTL = had.TTL
	return target.With([]zones.Change{{Name: set.Name, Type: set.Type, New: set}})
}

// writtenAnew returns the canonical text of a zone.
func writtenAnew(path string, z *zones.Zone, o zonefile.Options) ([]byte, error) {
	var b strings.Builder
	if err := zonefile.Write(&b, z, zonefile.WriteOptions{}); err != nil {
		return nil, err
	}
	out, err := zonefile.Format(path, []byte(b.String()), o, zonefile.FormatOptions{})
	if err != nil {
		return nil, err
	}
	if out.Text == nil {
		return nil, errors.New(out.Result.Problems[0].String())
	}
	return out.Text, nil
}

// confirm asks; no answer is a no.
func (c *cli) confirm(in io.Reader, question string) (bool, error) {
	fmt.Fprintf(c.stderr, "mangrove: %s [y/N] ", question)
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	if answer == "y" || answer == "yes" {
		return true, nil
	}
	c.say("nothing is changed")
	return false, nil
}

// keepCopy writes what a file holds beside it, as FILE.orig, FILE.orig.2 and so on, and returns the name.
func keepCopy(path string, data []byte) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	name := path + ".orig"
	for n := 2; ; n++ {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
		if errors.Is(err, fs.ErrExist) {
			name = fmt.Sprintf("%s.orig.%d", path, n)
			continue
		}
		if err != nil {
			return "", fmt.Errorf("keep what the file was: %w", err)
		}
		_, err = f.Write(data)
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return "", fmt.Errorf("keep what the file was: %w", errors.Join(err, os.Remove(name)))
		}
		return name, nil
	}
}
