package integration

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mangrove-dns/mangrove/providers"
)

// How changes of mangrove.yaml and NAME.yaml are taken up.

func TestConfigReload(t *testing.T) {
	t.Parallel()
	port, targets := newTargets(t, at11, at12)
	n := newNode(t, fastChecks)
	n.write("zones/example.com.zone", apex(1)+"www IN A 127.0.0.11\nwww IN A 127.0.0.12\n")
	n.start()
	answer(t, "own", n.addr, "www", at11, at12)
	base, err := os.ReadFile(n.path("mangrove.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	// A zone that asks for a provider which nobody has defined keeps what was good.
	n.write("zones/example.com.yaml", "providers: [file]\nedits: auto\nhealth: {www: web}\n")
	n.state(example, "broken", `example.com.yaml:1:13: providers[0]: no provider "file"`)
	answer(t, "own", n.addr, "www", at11, at12)

	// They come, and nothing is restarted.
	defined := string(base) + fmt.Sprintf("providers:\n  file: {type: zonefile, directory: mirror}\nchecks:\n  web: {type: tcp, port: %d}\n", port)
	n.write("mangrove.yaml", defined)
	n.state(example, "ok", "")
	eventually(t, "the new provider has the zone", func() (bool, string) {
		m := n.zone(example).mirror(t, "file")
		return m.Phase == providers.InSync, string(m.Phase)
	})
	targets[0].kill()
	answer(t, "own", n.addr, "www", at12)
	targets[0].revive()
	answer(t, "own", n.addr, "www", at11, at12)

	// A mistake in mangrove.yaml changes nothing, and is said with its place.
	n.write("mangrove.yaml", defined+"chekcs: {}\n")
	n.problem(`mangrove.yaml:` + fmt.Sprint(strings.Count(defined, "\n")+1) + `:1: unknown key "chekcs"; did you mean "checks"?`)
	if r := n.run("status", "--quiet"); r.code != 0 {
		t.Errorf("the health check of a daemon that runs well fails because of a mistake in a file: %s", r)
	}
	targets[0].kill()
	answer(t, "own", n.addr, "www", at12)
	n.write("mangrove.yaml", defined)
	n.problem("")

	// What needs a restart says so by name.
	n.write("mangrove.yaml", strings.Replace(defined, "listen: [127.0.0.1:0]", "listen: [127.0.0.1:0, '[::1]:0']", 1))
	eventually(t, "status says that listen takes a restart", func() (bool, string) {
		st := n.status()
		return slices.Equal(st.Restart, []string{"listen"}), fmt.Sprint(st.Restart)
	})
	if out := n.run("status").stdout; !strings.Contains(out, "listen changed; restart to take it up") {
		t.Errorf("status does not say that listen takes a restart:\n%s", out)
	}
	if n.daemon.waitLog(regexp.MustCompile(`keys=listen\b`)) == nil { // it is logged once status shows it
		t.Error("the log does not say that listen takes a restart")
	}
	answer(t, "own", n.addr, "www", at12)

	// The check goes again, and with it what it withdrew.
	n.write("zones/example.com.yaml", "providers: [file]\nedits: auto\n")
	answer(t, "own", n.addr, "www", at11, at12)
}

// Bad settings of a zone: each has its place and what to do, and the zone goes on as it was.
func TestZoneConfigMistakes(t *testing.T) {
	t.Parallel()
	n := newNode(t, "checks:\n  web: {type: tcp, port: 1}\n")
	n.write("zones/example.com.zone", numbered(1)+"www IN A 192.0.2.1\n")
	n.start()
	n.serves(example, 1)
	for _, tt := range []struct{ text, problem string }{
		{"helth: {www: web}\n", `example.com.yaml:1:1: unknown key "helth"; did you mean "health"?`},
		{"health: {www: wep}\n", `example.com.yaml:1:10: health.www: no check "wep"; did you mean "web"?`},
		{"health: {wwww: web}\n", `example.com.yaml:1:10: `},
		{"health: [\n", `example.com.yaml:`},
		{"edits: sometimes\n", `example.com.yaml:1:8: edits: "sometimes" is none of auto, plan-only`},
		{"health: {www: web}\n", "private"},
	} {
		text := tt.text
		if tt.problem == "private" {
			n.write("zones/example.com.zone", numbered(1)+"www IN A 127.0.0.1\n")
		}
		n.write("zones/example.com.yaml", text)
		n.state(example, "broken", tt.problem)
		n.serves(example, 1)
	}
	n.write("zones/example.com.yaml", "")
	n.state(example, "ok", "")
}

// Daemon and commands must not start on a configuration with mistakes, and must say all of them.
func TestBadConfigAtStart(t *testing.T) {
	t.Parallel()
	n := newNode(t, "provders: {}\nchecks:\n  web: {type: tpc}\n")
	n.write("zones/example.com.zone", numbered(1))
	for _, args := range [][]string{{"serve"}, {"status"}, {"plan"}} {
		r := n.run(args...)
		for _, want := range []string{`mangrove.yaml:2:1: unknown key "provders"; did you mean "providers"?`, "mangrove.yaml:4:"} {
			if r.code != 1 || !strings.Contains(r.stdout+r.stderr, want) {
				t.Errorf("mangrove %s: %s; want exit 1 and %q", args[0], r, want)
			}
		}
	}
}
