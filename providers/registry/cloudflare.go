package registry

import (
	libcloudflare "github.com/libdns/cloudflare"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/cloudflare"
)

// Cloudflare is an account at Cloudflare.
type Cloudflare struct {
	Token       string            `yaml:"token" doc:"API token that may edit the DNS of the zones, as env:NAME or file:PATH" secret:"yes"`
	ZoneToken   string            `yaml:"zone_token" doc:"token that may read zones, where token may not" secret:"yes"`
	Plan        string            `yaml:"plan" doc:"free, paid or enterprise: how large a batch and how low a TTL may be; as the zone says unless set"`
	ZoneIDs     map[string]string `yaml:"zone_ids" doc:"zone id by zone, where the token may not list zones"`
	Endpoint    string            `yaml:"endpoint" doc:"address of the API, instead of Cloudflare's"`
	Nameservers []string          `yaml:"nameservers" doc:"host:port to ask, instead of the zone's name servers"`
}

func cloudflareVendor() Vendor {
	budgets := &shared[*cloudflare.Budget]{make: cloudflare.NewBudget}
	return Vendor{
		Type:    "cloudflare",
		Options: func() any { return &Cloudflare{} },
		New: func(options any, deps Dependencies) (providers.Driver, error) {
			o := options.(*Cloudflare)
			ids, err := zoneIDs(o.ZoneIDs)
			if err != nil {
				return nil, err
			}
			opts := cloudflare.Options{
				Account: &libcloudflare.Provider{APIToken: o.Token, ZoneToken: o.ZoneToken},
				BaseURL: o.Endpoint, Plan: cloudflare.Plan(o.Plan), ZoneIDs: ids, Budget: budgets.of(o.Token),
			}
			for _, addr := range o.Nameservers {
				opts.Nameservers = append(opts.Nameservers, providers.Nameserver{Addr: addr})
			}
			return cloudflare.New(opts)
		},
	}
}
