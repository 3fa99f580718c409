package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/healthcheck"
	"github.com/mangrove-dns/mangrove/providers"
)

// What goes wrong at providers, and what waits for the operator: one zone at two emulated providers.

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

func TestProviderDark(t *testing.T) {
	t.Parallel()
	p := newPair(t, "")
	p.must("push")
	p.start()
	p.phase(t, "cf", providers.InSync)
	p.phase(t, "aws", providers.InSync)

	p.cf.SetDark(true)
	seen := record(t, p.cf.dns, "www")
	answer(t, "cf", p.cf.dns, "www", at11, at12, at13)
	p.targets[1].kill()
	answer(t, "own", p.addr, "www", at11, at13)
	answer(t, "aws", p.aws.DNSAddr(), "www", at11, at13)
	m := p.phase(t, "cf", providers.Unreachable)
	if m.Error == "" || m.NextTry.IsZero() {
		t.Errorf("status of a dark provider: error %q, next try %v", m.Error, m.NextTry)
	}
	if got := addresses(t, p.cf.dns, "www."+mirrorZone); !slices.Contains(got, at12) {
		t.Errorf("cf answers %v although nobody could tell it", got)
	}
	if out := p.run("status").stdout; !strings.Contains(out, "-> cf: unreachable since") {
		t.Errorf("status does not say that cf is unreachable:\n%s", out)
	}

	// What was wanted of it meanwhile is overtaken: it must never be done.
	p.targets[1].revive()
	answer(t, "own", p.addr, "www", at11, at12, at13)
	answer(t, "aws", p.aws.DNSAddr(), "www", at11, at12, at13)
	p.targets[0].kill()
	answer(t, "own", p.addr, "www", at12, at13)
	answer(t, "aws", p.aws.DNSAddr(), "www", at12, at13)

	p.cf.SetDark(false)
	answer(t, "cf", p.cf.dns, "www", at12, at13)
	p.phase(t, "cf", providers.InSync)
	seen.stop()
	if want := []string{"127.0.0.11 127.0.0.12 127.0.0.13", "127.0.0.12 127.0.0.13"}; !slices.Equal(seen.seen, want) {
		t.Errorf("cf answered one after the other %q, want %q", seen.seen, want)
	}
	if r := p.run("plan", "--exit-code"); r.code != 0 {
		t.Errorf("a plan is not empty: %s", r)
	}
}

// A provider that was dark from the start of the daemon on must not be guessed at.
func TestProviderDarkAtStart(t *testing.T) {
	t.Parallel()
	p := newPair(t, "edits: auto\n")
	p.aws.SetDark(true)
	p.start()
	answer(t, "cf", p.cf.dns, "mail", "192.0.2.25")
	p.phase(t, "aws", providers.Unreachable)
	for _, r := range p.plans() {
		if (r.Plan == nil) != (r.Provider == "aws") {
			t.Errorf("plan for %s: %v, error %q", r.Provider, r.Plan, r.Error)
		}
	}
	if r := p.run("plan"); r.code != 1 || !strings.Contains(r.stdout, "can't be planned") {
		t.Errorf("plan with a dark provider: %s; want exit 1", r)
	}
	p.aws.SetDark(false)
	p.phase(t, "aws", providers.InSync)
	answer(t, "aws", p.aws.DNSAddr(), "mail", "192.0.2.25")
}

func TestEditsWait(t *testing.T) {
	t.Parallel()
	p := newPair(t, "")
	p.must("push")
	p.start()
	p.phase(t, "cf", providers.InSync)
	p.phase(t, "aws", providers.InSync)

	edited := strings.NewReplacer("192.0.2.25", "192.0.2.26", "more  IN A   192.0.2.2", "more  IN A   192.0.2.2\nwww IN A 127.0.0.14\nnew IN A 192.0.2.3",
		" 100 3600", " 101 3600").Replace(smallZone)
	p.write("zones/example.com.zone", edited)
	answer(t, "own", p.addr, "mail", "192.0.2.26")
	p.phase(t, "cf", providers.Pending)
	if m := p.phase(t, "aws", providers.Pending); m.Waiting != 4 {
		t.Errorf("%d changes wait at aws, want 4", m.Waiting)
	}

	// The verdict goes to the providers at once, and takes nothing of the edit along: not in the RRset that it changes either.
	p.targets[1].kill()
	answer(t, "own", p.addr, "www", at11, at13, at14)
	for who, addr := range map[string]string{"cf": p.cf.dns, "aws": p.aws.DNSAddr()} {
		answer(t, who, addr, "www", at11, at13)
		answer(t, who, addr, "mail", "192.0.2.25")
		answer(t, who, addr, "new")
	}
	if r := p.run("plan", "--exit-code"); r.code != 3 {
		t.Errorf("plan while edits wait: %s; want exit 3", r)
	}
	p.targets[1].revive()
	for who, addr := range map[string]string{"cf": p.cf.dns, "aws": p.aws.DNSAddr()} {
		answer(t, who, addr, "www", at11, at12, at13)
		answer(t, who, addr, "mail", "192.0.2.25")
	}

	p.must("push")
	for who, addr := range map[string]string{"own": p.addr, "cf": p.cf.dns, "aws": p.aws.DNSAddr()} {
		answer(t, who, addr, "www", at11, at12, at13, at14)
		answer(t, who, addr, "mail", "192.0.2.26")
		answer(t, who, addr, "new", "192.0.2.3")
	}
	if r := p.run("plan", "--exit-code"); r.code != 0 {
		t.Errorf("plan after the push: %s; want exit 0", r)
	}
}

func TestEditsAuto(t *testing.T) {
	t.Parallel()
	p := newPair(t, "edits: auto\n")
	p.start()
	for who, addr := range map[string]string{"cf": p.cf.dns, "aws": p.aws.DNSAddr()} {
		answer(t, who, addr, "mail", "192.0.2.25")
	}
	p.write("zones/example.com.zone", strings.Replace(smallZone, "192.0.2.25", "192.0.2.26", 1))
	for who, addr := range map[string]string{"own": p.addr, "cf": p.cf.dns, "aws": p.aws.DNSAddr()} {
		answer(t, who, addr, "mail", "192.0.2.26")
	}

	// An edit that a guard stops waits for a person; withdrawals go on.
	gutted, _, _ := strings.Cut(smallZone, "mail ")
	p.write("zones/example.com.zone", gutted)
	answer(t, "own", p.addr, "mail")
	m := p.phase(t, "cf", providers.Blocked)
	if len(m.Guards) == 0 {
		t.Error("status names no guard")
	}
	if r := p.run("plan", "--exit-code"); r.code != 4 || !strings.Contains(r.stdout, "guard G2 blocks: ") || !strings.Contains(r.stdout, "guard G4 blocks: ") {
		t.Errorf("plan that guards block: %s; want exit 4", r)
	}
	p.targets[1].kill()
	for who, addr := range map[string]string{"own": p.addr, "cf": p.cf.dns, "aws": p.aws.DNSAddr()} {
		answer(t, who, addr, "www", at11, at13)
	}
	for who, addr := range map[string]string{"cf": p.cf.dns, "aws": p.aws.DNSAddr()} {
		answer(t, who, addr, "mail", "192.0.2.26")
	}
	if r := p.run("push"); r.code != 1 || !strings.Contains(r.stderr, "--allow") {
		t.Errorf("push that guards block: %s; want exit 1 and a hint", r)
	}
	if r := p.run("push", "--allow", "G2"); r.code != 1 {
		t.Errorf("push with one of two guards let pass: %s; want exit 1", r)
	}
	p.must("push", "--allow", "G2,G4")
	for who, addr := range map[string]string{"cf": p.cf.dns, "aws": p.aws.DNSAddr()} {
		answer(t, who, addr, "mail")
	}
}

func TestWrongToken(t *testing.T) {
	t.Parallel()
	p := newPair(t, "edits: auto\n")
	config, err := os.ReadFile(p.path("mangrove.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const wrong = "a-wrong-token-that-nobody-may-see"
	p.write("token", wrong+"\n")
	p.write("mangrove.yaml", strings.Replace(string(config), "env:CF_TOKEN", "file:"+p.path("token"), 1))
	p.start()
	answer(t, "aws", p.aws.DNSAddr(), "mail", "192.0.2.25")
	m := p.phase(t, "cf", providers.Unreachable)
	if !strings.Contains(m.Error, "credentials refused") {
		t.Errorf("status says %q of a wrong token", m.Error)
	}
	p.targets[1].kill()
	answer(t, "own", p.addr, "www", at11, at13)
	answer(t, "aws", p.aws.DNSAddr(), "www", at11, at13)
	for _, text := range []string{p.run("status").stdout, p.run("plan").String(), p.run("config", "show").stdout, p.daemon.log.String()} {
		if strings.Contains(text, wrong) {
			t.Errorf("the token is printed:\n%s", text)
		}
	}
}

func TestZoneMissingAtProvider(t *testing.T) {
	t.Parallel()
	p := newPair(t, "edits: auto\n")
	p.cf.RemoveZone("example.com")
	p.start()
	answer(t, "aws", p.aws.DNSAddr(), "mail", "192.0.2.25")
	m := p.phase(t, "cf", providers.Unreachable)
	if !strings.Contains(m.Error, "no such zone at the provider") {
		t.Errorf("status says %q of a zone that is not there", m.Error)
	}
	p.targets[1].kill()
	answer(t, "own", p.addr, "www", at11, at13)
	answer(t, "aws", p.aws.DNSAddr(), "www", at11, at13)
	if r := p.run("push"); r.code != 1 || !strings.Contains(r.String(), "no such zone at the provider") {
		t.Errorf("push to a zone that is not there: %s", r)
	}
}

// TestDelays measures how long it takes from a closed port to the changed answer, and from there to the first call at a
// provider; with the default check and with a fast one. Nothing is asserted: these are numbers to read.
func TestDelays(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, defaults string
		check          healthcheck.Check
	}{
		{"default", "private_targets: [127.0.0.0/8]\n", healthcheck.Default()},
		{"fast", fastChecks, healthcheck.Check{Interval: 200 * time.Millisecond, FastInterval: 50 * time.Millisecond,
			Timeout: 10 * time.Second, Fall: healthcheck.Fall{Count: 2}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cf := newCloudflare(t, "example.com")
			port, targets := newTargets(t, at11, at12, at13)
			n := newNode(t, fmt.Sprintf("providers:\n  cf: %s\n%s", cf.config(), tt.defaults))
			n.env = append(n.env, secrets...)
			n.write("zones/example.com.zone", smallZone)
			n.write("zones/example.com.yaml", fmt.Sprintf("providers: [cf]\nhealth: {www: 'tcp:%d'}\n", port))
			n.must("push")
			n.start()
			eventually(t, "the mirror is in sync and the targets are up", func() (bool, string) {
				h := n.zone(mirrorZone).health(t, "www", "A")
				return h.Outcome == "3 of 3 up" && n.zone(mirrorZone).mirror(t, "cf").Phase == providers.InSync, h.Outcome
			})
			cf.ResetRequests()
			died := time.Now()
			targets[1].kill()
			changed := changedAt(t, n.addr, at12)
			mirrored := changedAt(t, cf.dns, at12)
			var read, wrote time.Duration
			for _, r := range slices.Backward(cf.Requests()) {
				if r.Method == "GET" {
					read = r.Time.Sub(changed)
				} else {
					wrote = r.Time.Sub(changed)
				}
			}
			t.Logf("from the closed port to the changed answer %v (budget %v); from there to the first call at the provider %v, "+
				"to the first that writes %v, to the changed answer of its name servers %v",
				changed.Sub(died).Round(time.Millisecond), healthcheck.Budget(tt.check), read.Round(time.Millisecond), wrote.Round(time.Millisecond),
				mirrored.Sub(changed).Round(time.Millisecond))
		})
	}
}

// changedAt returns when a server first answered www without an address. It asks as often as it can.
func changedAt(t *testing.T, addr, without string) time.Time {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		got := addresses(t, addr, "www."+mirrorZone)
		now := time.Now()
		if !slices.Contains(got, without) {
			return now
		}
		if now.After(deadline) {
			t.Fatalf("%s goes on answering %v", addr, got)
		}
	}
}
