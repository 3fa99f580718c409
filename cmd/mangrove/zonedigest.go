package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/miekg/dns"
	"github.com/spf13/cobra"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
	"github.com/mangrove-dns/mangrove/zones/zonemd"
)

// judgeDigest verifies the ZONEMD records of a zone that was read, and returns what is to be taken up of it. An
// unsigned zone goes on without them: its serial, and what is withdrawn, are ours, and a digest that no longer is that of the zone makes
// it worthless to whoever verifies, while none does no harm (RFC 8976 4). A new one would cost a pass over the zone for each
// verdict. Signed zones are served as they came.
func judgeDigest(z *zones.Zone, where func(zones.Name, uint16, int) zones.Pos) (*zones.Zone, []zones.Problem) {
	v := zonemd.Verify(z)
	if v.Status == zonemd.Absent {
		return z, nil
	}
	var problems []zones.Problem
	if v.Text != "" {
		severity := zones.Warning
		if v.Status == zonemd.Failed {
			severity = zones.Error
		}
		problems = append(problems, zones.Problem{Pos: where(z.Origin(), dns.TypeZONEMD, v.Record), Severity: severity,
			Text: fmt.Sprintf("the ZONEMD record of %s %s", z.Origin(), v.Text)})
	}
	if z.Signed() {
		return z, problems
	}
	without, err := z.With([]zones.Change{{Name: z.Origin(), Type: dns.TypeZONEMD}})
	if err != nil {
		return z, problems // cannot happen: a record that goes fits
	}
	return without.Compact(), problems
}

func (c *cli) zoneDigestCommand() *cobra.Command {
	var hashes []string
	var origin string
	cmd := &cobra.Command{
		Use:   "zonemd FILE|ZONE|-",
		Short: "Print the ZONEMD record of a zone file",
		Long: `Zonemd prints the ZONEMD records (RFC 8976) for the contents of a zone file: with them, whoever gets the file can tell
that it is whole. Put them into the file, in the place of those that it has, which do not count. They are for the SOA
serial that the file says.

A signed zone has to have a ZONEMD record, with any digest, when it is signed, so that its NSEC or NSEC3 records know
the type; the record that is printed takes its place, and its signature has to be made anew (RFC 8976 3.1).`,
		Example: `  mangrove zone zonemd example.com
  mangrove zone zonemd --hash sha384,sha512 zones/example.com.zone`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			which, err := digestAlgorithms(hashes)
			if err != nil {
				return usageError{cmd.CommandPath(), err}
			}
			o, err := readOptions(origin, args)
			if err != nil {
				return usageError{cmd.CommandPath(), err}
			}
			path, err := fileOf(c.config, args[0])
			if err != nil {
				return err
			}
			data, err := readInput(cmd.InOrStdin(), path)
			if err != nil {
				return err
			}
			z, err := c.parseText(path, data, o)
			if err != nil {
				return nameless(err)
			}
			set, err := zonemd.New(z, which...)
			if err != nil {
				return err
			}
			if _, placeholder := z.RRset(z.Origin(), dns.TypeZONEMD); z.Signed() && !placeholder {
				c.say("%s is signed and has no ZONEMD record: put this one in, sign the zone, and make the digest again (RFC 8976 3.1)", z.Origin())
			}
			_, err = fmt.Fprintln(c.stdout, set)
			return err
		},
	}
	cmd.Flags().StringSliceVar(&hashes, "hash", []string{"sha384"}, "hashes: sha384, sha512")
	cmd.Flags().StringVar(&origin, "origin", "", "zone that the file is for (default by its name)")
	return cmd
}

// digestAlgorithms are the hashes that are meant, one at least.
func digestAlgorithms(names []string) (out []zonemd.Algorithm, err error) {
	for _, name := range names {
		switch name {
		case "sha384":
			out = append(out, zonemd.SHA384)
		case "sha512":
			out = append(out, zonemd.SHA512)
		default:
			return nil, fmt.Errorf("unknown hash %q: there are sha384 and sha512", name)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("--hash names no hash: there are sha384 and sha512")
	}
	return out, nil
}

// parseFile reads a zone file that must have no errors, as it stands; its problems are printed. The zone follows from its name where
// origin is zero.
func (c *cli) parseFile(path string, origin zones.Name) (*zones.Zone, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return c.parseText(path, data, zonefile.Options{Origin: origin})
}

func (c *cli) parseText(path string, data []byte, o zonefile.Options) (*zones.Zone, error) {
	res, err := zonefile.ParseBytes(path, data, o)
	if err != nil {
		return nil, err
	}
	return c.goodZone(path, res)
}

// goodZone returns what a file holds that has no errors.
func (c *cli) goodZone(path string, res *zonefile.Result) (*zones.Zone, error) {
	if res.Errors == 0 {
		return res.Zone, nil
	}
	for _, p := range res.Problems {
		if p.Severity == zones.Error {
			fmt.Fprintln(c.stderr, p)
		}
	}
	return nil, fmt.Errorf("%s: %s", path, count(res.Errors, "error"))
}
