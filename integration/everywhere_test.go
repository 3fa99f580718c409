package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
)

const mirrorZone = "example.com."

// fastChecks are check settings with which a verdict takes well under a second: a dead target refuses at once. The time-out is
// for living ones on a machine that has other things to do.
const fastChecks = `check_defaults: {interval: 200ms, fast_interval: 50ms, down_interval: 200ms, timeout: 10s, fall: 2, rise: 2, hold_down: 0s, jitter: 0%}
flap: {max: 1000, window: 1m}
private_targets: [127.0.0.0/8, "::1"]
`

// everywhere is one zone mirrored to all that there is.
type everywhere struct {
	*node
	cf   *cloudflareAccount
	aws  *route53Account
	pdns *powerDNS
	knot string // address
	want records

	ips     []string
	targets map[string]*target // by address
}

// Where targets listen.
const (
	at11 = "127.0.0.11"
	at12 = "127.0.0.12"
	at13 = "127.0.0.13"
	at14 = "127.0.0.14"
)

func newEverywhere(t *testing.T) *everywhere {
	t.Helper()
	w := &everywhere{cf: newCloudflare(t, "example.com"), aws: newRoute53(t, "example.com"), targets: make(map[string]*target)}
	w.pdns = startPowerDNS(t, mirrorZone)
	const foreign = `
@ 3600 IN SOA ns1.elsewhere.test. hostmaster.elsewhere.test. 1 3600 600 1209600 60
@ 3600 IN NS ns1.elsewhere.test.
foreign 300 IN A 203.0.113.7
www 300 IN TXT "not ours"
`
	w.knot = startPlain(t, "knot", peerZone{mirrorZone, foreign})
	w.ips = []string{at11, at12, at13}
	port, all := newTargets(t, w.ips...)
	for i, ip := range w.ips {
		w.targets[ip] = all[i]
	}
	w.node = newNode(t, fmt.Sprintf(`
providers:
  cf: %s
  aws: %s
  pdns: %s
  knot: %s
  file: {type: zonefile, directory: mirror}
zone_defaults: {providers: [cf, aws, pdns, knot, file], edits: plan-only}
checks:
  web: {type: tcp, port: %d}
%s`, w.cf.config(), w.aws.config(), w.pdns.config(), rfc2136Config(w.knot), port, fastChecks))
	w.env = append(w.env, secrets...)
	text, err := os.ReadFile("testdata/mirror/example.com.zone")
	if err != nil {
		t.Fatal(err)
	}
	w.want = parseRecords(t, mirrorZone, string(text))
	w.node.write("zones/example.com.zone", string(text))
	w.node.write("zones/example.com.yaml", "health:\n  www: web\n  api: {check: web, policy: failover}\n")
	if err := os.Mkdir(w.path("mirror"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.node.write("mirror/example.com.zone", `
@ 3600 IN SOA ns1.example.com. hostmaster.example.com. 1 3600 600 1209600 60
@ 3600 IN NS ns1.example.com.
@ 3600 IN NS ns2.example.net.
foreign 300 IN A 203.0.113.7
www 300 IN TXT "not ours"
`)
	w.addForeign(t)
	return w
}

// addForeign has somebody else write records at each provider.
func (w *everywhere) addForeign(t *testing.T) {
	t.Helper()
	for _, fields := range []map[string]any{
		{"type": "A", "name": "foreign.example.com", "content": "203.0.113.7", "ttl": 300},
		{"type": "TXT", "name": "www.example.com", "content": `"not ours"`, "ttl": 300},
		{"type": "A", "name": "proxied.example.com", "content": "203.0.113.8", "ttl": 1, "proxied": true},
	} {
		if _, err := w.cf.Create("example.com", fields); err != nil {
			t.Fatal(err)
		}
	}
	set := func(name, rrtype string, value string) types.ResourceRecordSet {
		return types.ResourceRecordSet{Name: aws.String(name), Type: types.RRType(rrtype), TTL: aws.Int64(300),
			ResourceRecords: []types.ResourceRecord{{Value: aws.String(value)}}}
	}
	weighted := set("weighted.example.com.", "A", "203.0.113.9")
	weighted.SetIdentifier, weighted.Weight = aws.String("one"), aws.Int64(10)
	w.aws.create(t, "example.com",
		set("foreign.example.com.", "A", "203.0.113.7"), set("www.example.com.", "TXT", `"not ours"`), weighted,
		types.ResourceRecordSet{Name: aws.String("alias.example.com."), Type: "A", AliasTarget: &types.AliasTarget{
			HostedZoneId: aws.String(w.aws.ids["example.com"]), DNSName: aws.String("foreign.example.com."), EvaluateTargetHealth: false}})
	w.pdns.add(mirrorZone, "foreign.example.com.", "A", 300, "203.0.113.7")
	w.pdns.add(mirrorZone, "www.example.com.", "TXT", 300, `"not ours"`)
}

// side is somewhere that the zone is answered, own or mirror.
type side struct {
	name, addr string
	whole      bool // with our apex SOA and NS
}

func (w *everywhere) mirrors() []side {
	return []side{{"cf", w.cf.dns, false}, {"aws", w.aws.DNSAddr(), false}, {"pdns", w.pdns.addr, false}, {"knot", w.knot, false}}
}

func (w *everywhere) sides() []side { return append([]side{{"own", w.addr, true}}, w.mirrors()...) }

// file returns what the mirror file holds of an RRset.
func (w *everywhere) file(t testing.TB) records {
	return readRecords(t, mirrorZone, w.path("mirror/example.com.zone"))
}

// served returns the zone as it is to be answered by a side while every target lives: with what the side can't hold left out, and the
// TTLs that it gives.
func (w *everywhere) served(s side) records {
	out := make(records)
	for k, rrs := range w.want {
		apex := k.name == mirrorZone && (k.rrtype == "SOA" || k.rrtype == "NS")
		if apex && !s.whole || slices.ContainsFunc(losses[s.name], func(l providers.Loss) bool {
			return l.Type == k.rrtype && l.Name+"."+mirrorZone == k.name
		}) {
			continue
		}
		for _, rr := range rrs {
			rr = dns.Copy(rr)
			h := rr.Header()
			if owner := strings.TrimSuffix(k.name, "."+mirrorZone); owner == "www" || owner == "api" {
				h.Ttl = min(h.Ttl, 60) // checked
			}
			if s.name == "cf" {
				h.Ttl = max(h.Ttl, 60)
			}
			out[k] = append(out[k], rr)
		}
	}
	api := rrset{"api." + mirrorZone, "A"}
	out[api] = out[api][:1] // the first of those that a failover goes through
	return out
}

// answers waits until every side answers the addresses for a name, the mirror file too.
func (w *everywhere) answers(t *testing.T, name string, want ...string) {
	t.Helper()
	for _, s := range w.sides() {
		eventually(t, fmt.Sprintf("%s answers %v for %s", s.name, want, name), func() (bool, string) {
			got := addresses(t, s.addr, name+"."+mirrorZone)
			return slices.Equal(got, want), fmt.Sprint(got)
		})
	}
	eventually(t, fmt.Sprintf("the mirror file has %v for %s", want, name), func() (bool, string) {
		fqdn := name + "." + mirrorZone
		got := values(w.file(t)[rrset{fqdn, "A"}], fqdn, dns.TypeA)
		return slices.Equal(got, want), fmt.Sprint(got)
	})
}

// hint waits until every side answers an HTTPS record of www with the addresses as its hint.
func (w *everywhere) hint(t *testing.T, want string) {
	t.Helper()
	for _, s := range w.sides() {
		eventually(t, s.name+" hints "+want, func() (bool, string) {
			got := values(dig(t, s.addr, "www."+mirrorZone, dns.TypeHTTPS).Answer, "www."+mirrorZone, dns.TypeHTTPS)
			return slices.Equal(got, []string{`1 . alpn="h2,h3" ipv4hint="` + want + `"`}), fmt.Sprint(got)
		})
	}
}

// inSync waits until all mirrors say that they are, with what is served now, and a plan finds nothing to do.
func (w *everywhere) inSync(t *testing.T) {
	t.Helper()
	eventually(t, "all mirrors are in sync", func() (bool, string) {
		z := w.zone(mirrorZone)
		for _, m := range z.Mirrors {
			if m.Phase != providers.InSync || m.VerifiedSerial != z.Serial {
				return false, fmt.Sprintf("%s is %s, serial %d of %d verified: %s %v", m.Provider, m.Phase, m.VerifiedSerial, z.Serial, m.Error, m.Unverified)
			}
		}
		return true, ""
	})
	if r := w.run("plan", "--exit-code"); r.code != 0 {
		t.Errorf("a second plan is not empty: %s", r)
	}
}

// neverEmpty watches an answer at every side until the test ends, and fails where it is ever without addresses.
func (w *everywhere) neverEmpty(t *testing.T, name string) (stop func()) {
	t.Helper()
	var stops []func()
	for _, s := range w.sides() {
		asked := 0
		end := meanwhile(t, 5*time.Millisecond, func() bool {
			r, err := ask(s.addr, name+"."+mirrorZone, dns.TypeA)
			if err != nil {
				return true // a lost packet; that it answers at all is tested elsewhere
			}
			if asked++; len(r.Answer) == 0 {
				t.Errorf("%s answers no address for %s: %v", s.name, name, r)
			}
			return len(r.Answer) > 0
		})
		stops = append(stops, func() {
			if end(); asked == 0 {
				t.Errorf("%s was never asked for %s", s.name, name)
			}
		})
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}
