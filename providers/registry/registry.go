// Package registry is the table of the DNS services that a zone can be mirrored to: for each, what its account is
// configured by, and how to make its driver. A new vendor is a line in Vendors and a file beside this one.
package registry

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// Vendor is one kind of DNS service.
type Vendor struct {
	Type string // as configuration names it: "cloudflare"
	// Options returns a pointer to a new struct with the defaults. Its fields are what an account is configured by: each has a tag
	// `yaml` (its key), `doc` (a line of documentation), and `secret` where it must never be shown.
	Options func() any
	// New makes a driver from what Options returned, filled in. It does no I/O, and its error names every mistake. Accounts with
	// the same credentials share their rate where the vendor counts it so.
	New func(options any, deps Dependencies) (providers.Driver, error)
}

// Dependencies are what drivers take from the program. providers imports nothing that reads or writes zone files, so that
// comes from outside.
type Dependencies struct {
	Log       *slog.Logger
	Directory string                                                                 // what relative paths are relative to
	Write     func(w io.Writer, z *zones.Zone) error                                 // a zone as a master file
	Parse     func(path string, text []byte, origin zones.Name) (*zones.Zone, error) // and back
}

// Vendors returns all there are, by type. The table is made anew for each caller: drivers that share a rate are of one table.
func Vendors() []Vendor {
	return []Vendor{
		cloudflareVendor(),
		powerDNSVendor(),
		rfc2136Vendor(),
		route53Vendor(),
		zoneFileVendor(),
	}
}

// zoneIDs reads the keys of a table of zones.
func zoneIDs(table map[string]string) (map[zones.Name]string, error) {
	out := make(map[zones.Name]string, len(table))
	for zone, id := range table {
		name, err := zones.ParseName(zone)
		if err != nil {
			return nil, fmt.Errorf("zone_ids: %w", err)
		}
		out[name] = id
	}
	return out, nil
}
