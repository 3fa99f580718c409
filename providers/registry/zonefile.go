package registry

import (
	"path/filepath"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/zonefile"
)

// ZoneFile is a directory of master files: a copy of the zones that any name server can load.
type ZoneFile struct {
	Directory string `yaml:"directory" doc:"where to write NAME.zone; not the directory that zones are read from"`
}

func zoneFileVendor() Vendor {
	return Vendor{
		Type:    "zonefile",
		Options: func() any { return &ZoneFile{} },
		New: func(options any, deps Dependencies) (providers.Driver, error) {
			o := options.(*ZoneFile)
			dir := o.Directory
			if dir != "" && !filepath.IsAbs(dir) {
				dir = filepath.Join(deps.Directory, dir)
			}
			return zonefile.New(zonefile.Options{Directory: dir, Write: deps.Write, Parse: deps.Parse})
		},
	}
}
