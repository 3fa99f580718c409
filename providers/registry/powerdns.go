package registry

import (
	libpowerdns "github.com/libdns/powerdns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/powerdns"
)

// PowerDNS is a PowerDNS Authoritative Server with its HTTP API.
type PowerDNS struct {
	ServerURL   string   `yaml:"server_url" doc:"address of the HTTP API, http://HOST:8081"`
	ServerID    string   `yaml:"server_id" doc:"name of the server within the API"`
	APIToken    string   `yaml:"api_token" doc:"the API key, as env:NAME or file:PATH" secret:"yes"`
	Nameservers []string `yaml:"nameservers" doc:"host:port to ask whether changes have arrived; not asked unless set"`
}

func powerDNSVendor() Vendor {
	return Vendor{
		Type:    "powerdns",
		Options: func() any { return &PowerDNS{ServerID: "localhost"} },
		New: func(options any, _ Dependencies) (providers.Driver, error) {
			o := options.(*PowerDNS)
			return powerdns.New(powerdns.Options{
				Account:     &libpowerdns.Provider{ServerURL: o.ServerURL, ServerID: o.ServerID, APIToken: o.APIToken},
				Nameservers: o.Nameservers,
			})
		},
	}
}
