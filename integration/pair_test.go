package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
)

const smallZone = `$TTL 300
@     IN SOA ns1 hostmaster 100 3600 600 1209600 60
@     IN NS  ns1
ns1   IN A   192.0.2.53
www   IN A   127.0.0.11
www   IN A   127.0.0.12
www   IN A   127.0.0.13
mail  IN A   192.0.2.25
@     IN MX  10 mail
txt   IN TXT "one"
other IN A   192.0.2.1
more  IN A   192.0.2.2
`

// pair is a zone at two providers, with targets.
type pair struct {
	*node
	cf      *cloudflareAccount
	aws     *route53Account
	targets []*target
}

// newPair makes the installation. zoneConfig is added to the zone's NAME.yaml, checks to mangrove.yaml.
func newPair(t *testing.T, zoneConfig string) *pair {
	t.Helper()
	p := &pair{cf: newCloudflare(t, "example.com"), aws: newRoute53(t, "example.com")}
	port, targets := newTargets(t, at11, at12, at13, at14)
	p.targets = targets
	p.node = newNode(t, fmt.Sprintf("providers:\n  cf: %s\n  aws: %s\nchecks:\n  web: {type: tcp, port: %d}\n%s",
		p.cf.config(), p.aws.config(), port, fastChecks))
	p.env = append(p.env, secrets...)
	p.write("zones/example.com.zone", smallZone)
	p.write("zones/example.com.yaml", "providers: [cf, aws]\nhealth: {www: web}\n"+zoneConfig)
	return p
}

func (p *pair) mirrors() []side {
	return []side{{"cf", p.cf.dns, false}, {"aws", p.aws.DNSAddr(), false}}
}

func (p *pair) sides() []side { return append([]side{{"own", p.addr, true}}, p.mirrors()...) }

// answer waits until a side answers addresses for a name.
func answer(t *testing.T, who, addr, name string, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s answers %v for %s", who, want, name), func() (bool, string) {
		got := addresses(t, addr, name+"."+mirrorZone)
		return slices.Equal(got, want), fmt.Sprint(got)
	})
}

// phase waits until a mirror is in a phase; in sync means with what is served now.
func (p *pair) phase(t *testing.T, provider string, want providers.Phase) providers.Status {
	t.Helper()
	var m providers.Status
	eventually(t, fmt.Sprintf("%s is %s", provider, want), func() (bool, string) {
		z := p.zone(mirrorZone)
		m = z.mirror(t, provider)
		why := fmt.Sprintf("%s, serial %d of %d verified: %s %v", m.Phase, m.VerifiedSerial, z.Serial, m.Error, m.Guards)
		return m.Phase == want && (want != providers.InSync || m.VerifiedSerial == z.Serial), why
	})
	return m
}

// recorder notes every different answer that a server gives for A of a name, in their order.
type recorder struct {
	seen []string // to be read once it is stopped
	stop func()
}

func record(t *testing.T, addr, name string) *recorder {
	t.Helper()
	r := &recorder{}
	r.stop = meanwhile(t, 2*time.Millisecond, func() bool {
		if m, err := ask(addr, name+"."+mirrorZone, dns.TypeA); err == nil {
			got := strings.Join(values(m.Answer, name+"."+mirrorZone, dns.TypeA), " ")
			if len(r.seen) == 0 || r.seen[len(r.seen)-1] != got {
				r.seen = append(r.seen, got)
			}
		}
		return true
	})
	return r
}
