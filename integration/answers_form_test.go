package integration

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestScenarioForm refuses what is no question and no answer, so that nothing in a scenario is overlooked.
func TestScenarioForm(t *testing.T) {
	for _, bad := range []string{"example.", "example. NOTYPE", "example. A twice", "example. A size=big"} {
		if _, err := newAnswerCase("here", strings.Fields(bad)); err == nil {
			t.Errorf("%q is taken for a question", bad)
		}
	}
	c, err := newAnswerCase("here", strings.Fields("example. A do size=512 tcp"))
	if err != nil || !c.do || c.size != 512 || !slices.Equal(c.networks, []string{"tcp"}) {
		t.Errorf("got %+v, %v", c, err)
	}
	for _, bad := range [][2]string{
		{"anwser", "example. 1 A 192.0.2.1"}, {"answer", "example. 1 A 192.0.2"}, {"answer", ""}, {"referral", "example. 1"},
		{"octets", "many"}, {"except", "knot"}, {"except", "mangrove: of course"},
	} {
		if err := c.read(bad[0], bad[1]); err == nil {
			t.Errorf("%q is taken for a part of an answer", bad)
		}
	}
}

// TestSignaturesAreSeen finds what is wrong with the signatures of an answer.
func TestSignaturesAreSeen(t *testing.T) {
	z := peerZone{"test.", "$TTL 60\n$ORIGIN test.\n@ SOA ns h 1 2 3 4 5\n@ NS ns\na A 192.0.2.1\nb A 192.0.2.2\n" +
		"*.w A 192.0.2.3\ncut NS ns.cut\nns.cut A 192.0.2.4\nold DNAME a\n"}
	text := signatures(t, z)
	records := func(lines ...string) (rrs []dns.RR) {
		for _, l := range lines {
			if sig, ok := strings.CutPrefix(l, "sig "); ok {
				name, of, _ := strings.Cut(sig, " as ") // of a name, said of another
				for s := range strings.Lines(text) {
					if strings.HasPrefix(s, name+" ") {
						l = strings.Replace(s, name+" ", of+" ", 1)
					}
				}
			}
			if err := addRecord(&rrs, l); err != nil {
				t.Fatal(err)
			}
		}
		return rrs
	}
	const a, x, ns = "a.test. 60 A 192.0.2.1", "x.w.test. 60 A 192.0.2.3", "cut.test. 60 NS ns.cut.test."
	for _, c := range []struct {
		name  string
		rrs   []dns.RR
		none  []dns.RR
		wrong int
	}{
		{"signed", records(a, "sig a.test. as a.test."), nil, 0},
		{"a wildcard", records(x, "sig *.w.test. as x.w.test."), nil, 0},
		{"without", records(a), nil, 1},
		{"twice", records(a, "sig a.test. as a.test.", "sig a.test. as a.test."), nil, 1},
		{"of another", records(a, "sig b.test. as a.test."), nil, 1},
		{"of nothing", records(a, "sig a.test. as a.test.", "sig b.test. as b.test."), nil, 1},
		{"another TTL", records("a.test. 59 A 192.0.2.1", "sig a.test. as a.test."), nil, 1},
		{"a referral", records(ns), records(ns), 0},
		{"not one", records(ns), nil, 1},
		{"of DNAME", records("old.test. 60 DNAME a.test.", "sig old.test. as old.test.", "q.old.test. 60 CNAME q.a.test."), nil, 0},
	} {
		if _, wrong := withoutSignatures(c.rrs, c.none); len(wrong) != c.wrong {
			t.Errorf("%s: %d are wrong, want %d: %q", c.name, len(wrong), c.wrong, wrong)
		}
	}
	if strings.Contains(text, "ns.cut.test.") || strings.Contains(text, "RRSIG NS 8 2") {
		t.Errorf("what is not authoritative is signed:\n%s", text)
	}
}
