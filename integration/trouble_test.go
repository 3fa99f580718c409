package integration

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mangrove-dns/mangrove/providers"
)

// What goes wrong at providers, and what waits for the operator: one zone at two emulated providers.

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
	for _, s := range p.mirrors() {
		answer(t, s.name, s.addr, "www", at11, at13)
		answer(t, s.name, s.addr, "mail", "192.0.2.25")
		answer(t, s.name, s.addr, "new")
	}
	if r := p.run("plan", "--exit-code"); r.code != 3 {
		t.Errorf("plan while edits wait: %s; want exit 3", r)
	}
	p.targets[1].revive()
	for _, s := range p.mirrors() {
		answer(t, s.name, s.addr, "www", at11, at12, at13)
		answer(t, s.name, s.addr, "mail", "192.0.2.25")
	}

	p.must("push")
	for _, s := range p.sides() {
		answer(t, s.name, s.addr, "www", at11, at12, at13, at14)
		answer(t, s.name, s.addr, "mail", "192.0.2.26")
		answer(t, s.name, s.addr, "new", "192.0.2.3")
	}
	if r := p.run("plan", "--exit-code"); r.code != 0 {
		t.Errorf("plan after the push: %s; want exit 0", r)
	}
}

func TestEditsAuto(t *testing.T) {
	t.Parallel()
	p := newPair(t, "edits: auto\n")
	p.start()
	for _, s := range p.mirrors() {
		answer(t, s.name, s.addr, "mail", "192.0.2.25")
	}
	p.write("zones/example.com.zone", strings.Replace(smallZone, "192.0.2.25", "192.0.2.26", 1))
	for _, s := range p.sides() {
		answer(t, s.name, s.addr, "mail", "192.0.2.26")
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
	for _, s := range p.sides() {
		answer(t, s.name, s.addr, "www", at11, at13)
	}
	for _, s := range p.mirrors() {
		answer(t, s.name, s.addr, "mail", "192.0.2.26")
	}
	if r := p.run("push"); r.code != 1 || !strings.Contains(r.stderr, "--allow") {
		t.Errorf("push that guards block: %s; want exit 1 and a hint", r)
	}
	if r := p.run("push", "--allow", "G2"); r.code != 1 {
		t.Errorf("push with one of two guards let pass: %s; want exit 1", r)
	}
	p.must("push", "--allow", "G2,G4")
	for _, s := range p.mirrors() {
		answer(t, s.name, s.addr, "mail")
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
