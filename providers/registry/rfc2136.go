package registry

import (
	"time"

	librfc2136 "github.com/libdns/rfc2136"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/rfc2136"
)

// RFC2136 is a name server that takes transfers and updates: BIND, Knot, PowerDNS and others.
type RFC2136 struct {
	Server      string        `yaml:"server" doc:"host:port of the primary name server"`
	KeyName     string        `yaml:"key_name" doc:"name of the TSIG key; without it messages are not signed"`
	Algorithm   string        `yaml:"key_algorithm" doc:"of the TSIG key: hmac-sha256, hmac-sha512 …"`
	Key         string        `yaml:"key" doc:"the TSIG key in base64, as env:NAME or file:PATH" secret:"yes"`
	Nameservers []string      `yaml:"nameservers" doc:"host:port to ask whether they answer what was written; the server itself unless said"`
	Timeout     time.Duration `yaml:"timeout" doc:"of one message"`
}

func rfc2136Vendor() Vendor {
	return Vendor{
		Type:    "rfc2136",
		Options: func() any { return &RFC2136{Algorithm: "hmac-sha256", Timeout: 10 * time.Second} },
		New: func(options any, _ Dependencies) (providers.Driver, error) {
			o := options.(*RFC2136)
			return rfc2136.New(rfc2136.Options{
				Account:     &librfc2136.Provider{Server: o.Server, KeyName: o.KeyName, KeyAlg: o.Algorithm, Key: o.Key},
				Nameservers: o.Nameservers, Timeout: o.Timeout,
			})
		},
	}
}
