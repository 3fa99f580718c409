package registry

import (
	"sync"
	"time"

	libroute53 "github.com/libdns/route53"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/route53"
)

// Route53 is an account at Amazon Route 53. Without keys and profile, the SDK's usual chain finds the credentials.
type Route53 struct {
	Region       string            `yaml:"region" doc:"AWS region; us-east-1 unless said"`
	Profile      string            `yaml:"profile" doc:"profile of the AWS configuration files"`
	AccessKeyID  string            `yaml:"access_key_id" doc:"access key"`
	SecretKey    string            `yaml:"secret_access_key" doc:"its secret, as env:NAME or file:PATH" secret:"yes"`
	SessionToken string            `yaml:"session_token" doc:"session token of temporary credentials" secret:"yes"`
	RoleARN      string            `yaml:"role_arn" doc:"role to assume"`
	ExternalID   string            `yaml:"external_id" doc:"external id for the role"`
	ZoneIDs      map[string]string `yaml:"zone_ids" doc:"hosted zone id by zone, where several zones have one name"`
	WaitInSync   bool              `yaml:"wait_insync" doc:"wait until Route 53 says INSYNC after each change"`
	Endpoint     string            `yaml:"endpoint" doc:"address of the API, instead of AWS's"`
	Nameservers  []string          `yaml:"nameservers" doc:"host:port to ask, instead of the zone's name servers"`
	Timeout      time.Duration     `yaml:"timeout" doc:"of one call"`
}

func route53Vendor() Vendor {
	limiters := &shared[*route53.Limiter]{make: route53.NewLimiter}
	return Vendor{
		Type:    "route53",
		Options: func() any { return &Route53{Region: "us-east-1", Timeout: 30 * time.Second} },
		New: func(options any, deps Dependencies) (providers.Driver, error) {
			o := options.(*Route53)
			ids, err := zoneIDs(o.ZoneIDs)
			if err != nil {
				return nil, err
			}
			account := &libroute53.Provider{
				Region: o.Region, Profile: o.Profile, AccessKeyId: o.AccessKeyID, SecretAccessKey: o.SecretKey,
				SessionToken: o.SessionToken, WaitForRoute53Sync: o.WaitInSync,
			}
			return route53.New(account, route53.Options{
				RoleARN: o.RoleARN, ExternalID: o.ExternalID, ZoneIDs: ids, Endpoint: o.Endpoint, Nameservers: o.Nameservers,
				CallTimeout: o.Timeout, Log: deps.Log, Limiter: limiters.of(o.Profile + "\x00" + o.AccessKeyID + "\x00" + o.RoleARN),
			})
		},
	}
}

// shared hands out one T for each credential.
type shared[T any] struct {
	make func() T

	mu sync.Mutex
	by map[string]T
}

func (s *shared[T]) of(credential string) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.by[credential]; ok {
		return t
	}
	if s.by == nil {
		s.by = make(map[string]T)
	}
	t := s.make()
	s.by[credential] = t
	return t
}
