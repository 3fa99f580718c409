package registry

import (
	"testing"

	"github.com/mangrove-dns/mangrove/integration/emulator/cloudflare"
	"github.com/mangrove-dns/mangrove/integration/emulator/route53"
	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/providertest"
	"github.com/mangrove-dns/mangrove/zones"
)

// makeDriver makes a driver of an account.
func makeDriver(t *testing.T, vendor string, account any) providers.Driver {
	t.Helper()
	for _, v := range Vendors() {
		if v.Type == vendor {
			d, err := v.New(account, deps)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	}
	t.Fatalf("no vendor %s", vendor)
	return nil
}

// TestCloudflareConformance runs the suite against the emulator of Cloudflare's API and name servers.
func TestCloudflareConformance(t *testing.T) {
	const token = "0123456789012345678901234567890123456789"
	ep, err := cloudflare.New(cloudflare.Options{Token: token, Zones: []string{"example.org"}}).Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ep.Close)
	account := Cloudflare{Token: token, Endpoint: ep.URL, Nameservers: []string{ep.DNS}}
	bad := account
	bad.Token = "9876543210987654321098765432109876543210"
	providertest.Run(t, providertest.Harness{
		Driver: makeDriver(t, "cloudflare", &account), BadCredentials: makeDriver(t, "cloudflare", &bad),
		Zone: zones.MustParseName("example.org"), Missing: zones.MustParseName("example.net"), Many: 250,
	})
}

// TestRoute53Conformance runs the suite against the emulator of Route 53's API and name servers.
func TestRoute53Conformance(t *testing.T) {
	if testing.Short() {
		t.Skip("it keeps to Route 53's ten requests a second: 16 s")
	}
	s := route53.New(route53.Options{AccessKey: "AKIDEXAMPLE", SecretKey: "secret"})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.AddZone("example.org", false)
	account := Route53{Region: "us-east-1", AccessKeyID: "AKIDEXAMPLE", SecretKey: "secret", Endpoint: s.URL(), Nameservers: []string{s.DNSAddr()}}
	bad := account
	bad.SecretKey = "wrong"
	providertest.Run(t, providertest.Harness{
		Driver: makeDriver(t, "route53", &account), BadCredentials: makeDriver(t, "route53", &bad),
		Zone: zones.MustParseName("example.org"), Missing: zones.MustParseName("example.net"),
	})
}
