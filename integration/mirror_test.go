package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMirror(t *testing.T) {
	t.Parallel()
	w := newEverywhere(t)
	w.start()
	if z := w.zone(mirrorZone); z.State != "ok" {
		t.Fatalf("the zone is %s: %q", z.State, z.Problems)
	}
	w.compareOwn(t)

	w.checkPlan(t)
	if r := w.run("plan", "--exit-code"); r.code != 3 {
		t.Errorf("plan --exit-code before the push: %s; want exit 3", r)
	}
	for _, p := range w.pushes() {
		if p.Error != "" || len(p.Left) > 0 || len(p.Unverified) > 0 || p.Applied == 0 {
			t.Errorf("push to %s: %d applied, left %v, unverified %v: %s", p.Provider, p.Applied, p.Left, p.Unverified, p.Error)
		}
	}
	w.inSync(t)
	for _, s := range w.mirrors() {
		w.served(s).compareAnswers(t, s.name, s.addr, mirrorZone, nil, nil)
	}
	w.compareFile(t)
	w.loadFile(t)
	w.checkForeign(t)
	if t.Failed() {
		t.FailNow()
	}

	stop := w.neverEmpty(t, "www")
	w.flip(t)
	stop()
	w.checkForeign(t)
	w.inSync(t)
	w.stop()
	if out := w.must("store", "check"); out != "OK\n" {
		t.Errorf("store check says %q", out)
	}
}

func (w *everywhere) compareOwn(t *testing.T) {
	t.Helper()
	own := side{"own", w.addr, true}
	w.served(own).compareAnswers(t, own.name, own.addr, mirrorZone, nil, func(k rrset) bool { return k.rrtype == "SOA" })
}

// compareFile holds the mirror file against the zone: everything is there, and what was there before.
func (w *everywhere) compareFile(t *testing.T) {
	t.Helper()
	got, want := w.file(t), w.served(side{name: "file", whole: true})
	for _, k := range want.keys() {
		if k.rrtype == "SOA" {
			continue // its serial is the served one
		}
		if got, want := got.text(k), want.text(k); got != want {
			t.Errorf("mirror file: %s %s (-got +want):\n%s", k.name, k.rrtype, cmp.Diff(got, want))
		}
	}
	for _, k := range got.keys() {
		if _, ok := want[k]; !ok && k != (rrset{"foreign." + mirrorZone, "A"}) && k != (rrset{"www." + mirrorZone, "TXT"}) {
			t.Errorf("mirror file: %s %s is there and nobody wrote it", k.name, k.rrtype)
		}
	}
}

// loadFile has another name server load the mirror file: it is a backup only if one can.
func (w *everywhere) loadFile(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(w.path("mirror/example.com.zone"))
	if err != nil {
		t.Fatal(err)
	}
	nsd := startPlain(t, "nsd", peerZone{mirrorZone, string(text)})
	w.served(side{name: "file", whole: true}).compareAnswers(t, "NSD with the mirror file", nsd, mirrorZone, nil,
		func(k rrset) bool { return k.rrtype == "SOA" })
}

// flip has targets die and come back, and looks at every side after each.
func (w *everywhere) flip(t *testing.T) {
	t.Helper()
	w.answers(t, "www", at11, at12, at13)
	w.answers(t, "api", at12)

	t.Log("a target dies")
	w.targets[at12].kill()
	w.answers(t, "www", at11, at13)
	w.answers(t, "api", at13)
	w.hint(t, "127.0.0.11")
	w.inSync(t)
	z := w.zone(mirrorZone)
	h := z.health(t, "www", "A")
	if h.Outcome != "2 of 3 up" || h.FailOpen {
		t.Errorf("www A: %q, fail open %v; want \"2 of 3 up\"", h.Outcome, h.FailOpen)
	}
	down := h.target(t, at12)
	if want := "connection refused"; down.Served || !strings.Contains(down.Reason, want) {
		t.Errorf("target %s: served %v, reason %q; want it left out because of %q", at12, down.Served, down.Reason, want)
	}

	t.Log("it comes back")
	w.targets[at12].revive()
	w.answers(t, "www", at11, at12, at13)
	w.answers(t, "api", at12)
	w.hint(t, "127.0.0.11,127.0.0.12")
	w.inSync(t)

	t.Log("the last one dies")
	w.targets[at11].kill()
	w.targets[at12].kill()
	w.answers(t, "www", at13)
	w.targets[at13].kill()
	w.answers(t, "www", at11, at12, at13)
	w.hint(t, "127.0.0.11,127.0.0.12")
	w.inSync(t)
	if h := w.zone(mirrorZone).health(t, "www", "A"); !h.FailOpen || h.Outcome != "none of 3 up: all are kept (all_down: all)" {
		t.Errorf("www A with no target up: fail open %v, %q", h.FailOpen, h.Outcome)
	}
	if out := w.run("status").stdout; !strings.Contains(out, "www A: none of 3 up: all are kept (all_down: all)") || !strings.Contains(out, "connection refused") {
		t.Errorf("status does not say why everything stays:\n%s", out)
	}

	t.Log("all come back")
	for _, g := range w.targets {
		g.revive()
	}
	eventually(t, "all targets are up", func() (bool, string) {
		h := w.zone(mirrorZone).health(t, "www", "A")
		return h.Outcome == "3 of 3 up", h.Outcome
	})
	w.answers(t, "www", at11, at12, at13)
	w.answers(t, "api", at12)
}

// BIND in Knot's place: the same zone by UPDATE, and nothing to do afterwards.
func TestMirrorBIND(t *testing.T) {
	t.Parallel()
	bind := startPlain(t, "bind", peerZone{mirrorZone, `
@ 3600 IN SOA ns1.elsewhere.test. hostmaster.elsewhere.test. 1 3600 600 1209600 60
@ 3600 IN NS ns1.elsewhere.test.
foreign 300 IN A 203.0.113.7
`})
	n := newNode(t, fmt.Sprintf("providers:\n  bind: %s\nzone_defaults: {providers: [bind]}\n", rfc2136Config(bind)))
	n.env = append(n.env, secrets...)
	text, err := os.ReadFile("testdata/mirror/example.com.zone")
	if err != nil {
		t.Fatal(err)
	}
	n.write("zones/example.com.zone", string(text))
	n.must("push")
	if r := n.run("plan", "--exit-code"); r.code != 0 || !strings.Contains(r.stdout, "foreign 300 A 203.0.113.7  not ours, kept") {
		t.Errorf("a second plan: %s", r)
	}
	want := parseRecords(t, mirrorZone, string(text))
	want.compareAnswers(t, "BIND", bind, mirrorZone, nil, func(k rrset) bool {
		return k.name == mirrorZone && (k.rrtype == "SOA" || k.rrtype == "NS")
	})
	if got := addresses(t, bind, "foreign."+mirrorZone); !slices.Equal(got, []string{"203.0.113.7"}) {
		t.Errorf("foreign A is %v after the push", got)
	}
}
