package providers_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/providertest"
	"github.com/mangrove-dns/mangrove/zones"
)

// Two targets, lb.com.net. and lc.com.net.
const (
	toB = "www TYPE65401 \\# 12 026c6203636f6d036e657400\n"
	toC = "www TYPE65401 \\# 12 026c6303636f6d036e657400\n"
)

// aliasScene is a scene of a zone with www as an ALIAS to lb.com.net. (file: none where empty).
type aliasScene struct {
	scene
	file    string // ALIAS in the file
	pushed  string // ALIAS that is approved
	pending bool   // www is not wholly resolved
}

func (s aliasScene) input() providers.Input {
	if s.pending {
		s.loaded += "\n" + s.file
		if s.served != "" {
			s.served += "\n" + s.file
		}
	}
	in := s.scene.input()
	for _, r := range providertest.MustRRsets(origin, s.file) {
		in.Aliases = map[zones.Name]zones.RRset{r.Name: r}
	}
	for _, r := range providertest.MustRRsets(origin, s.pushed) {
		in.State.Approved[providers.Key{Name: r.Name, Type: r.Type}] = providers.RRset{RRset: r}
	}
	return in
}

func TestPlanALIAS(t *testing.T) {
	const a, b, six = "www A 192.0.2.1\n", "www A 192.0.2.2\n", "www AAAA 2001:db8::1\n"
	const other = "ftp A 192.0.2.9\n"
	none := func(same string) string {
		return "0 added, 0 removed, 0 changed, " + same + " as they are, 0 not ours"
	}
	unknown := func(typ string) string {
		return "  note www " + typ + ": not known yet, since lb.com.net. is not resolved; what the provider has there stays\n"
	}
	const why = " [alias] the target of the ALIAS record has other addresses\n"
	for _, c := range []struct {
		name         string
		scene        aliasScene
		full, health string
	}{
		{"first push", aliasScene{scene: scene{loaded: a}, file: toB},
			"+ www 300 A 192.0.2.1 [edited]\n1 added, 0 removed, 0 changed, 0 as they are, 0 not ours", none("0")},
		{"as it was pushed", aliasScene{scene: scene{loaded: a, held: a, approved: a}, file: toB, pushed: toB}, none("1"), none("1")},
		{"other addresses", aliasScene{scene: scene{loaded: b, held: a, approved: a}, file: toB, pushed: toB},
			"+ www 300 A 192.0.2.2" + why + "- www 300 A 192.0.2.1" + why + "1 added, 1 removed, 0 changed, 0 as they are, 0 not ours", "as full"},
		{"other addresses of an ALIAS that was not pushed", aliasScene{scene: scene{loaded: b, held: a, approved: a}, file: toB},
			"+ www 300 A 192.0.2.2 [edited]\n- www 300 A 192.0.2.1 [edited]\n1 added, 1 removed, 0 changed, 0 as they are, 0 not ours", none("1")},
		{"another target waits", aliasScene{scene: scene{loaded: b, held: a, approved: a}, file: toC, pushed: toB},
			"+ www 300 A 192.0.2.2 [edited]\n- www 300 A 192.0.2.1 [edited]\n1 added, 1 removed, 0 changed, 0 as they are, 0 not ours", none("1")},
		{"a family comes", aliasScene{scene: scene{loaded: a + six, held: a, approved: a}, file: toB, pushed: toB},
			"+ www 300 AAAA 2001:db8::1" + why + "1 added, 0 removed, 0 changed, 1 as they are, 0 not ours", "as full"},
		{"a family goes", aliasScene{scene: scene{loaded: a + other, held: a + six + other, approved: a + six + other}, file: toB, pushed: toB},
			"- www 300 AAAA 2001:db8::1" + why + "0 added, 1 removed, 0 changed, 2 as they are, 0 not ours", "as full"},
		{"a family goes, and someone else's value stands in it", aliasScene{scene: scene{loaded: a, held: a + six + "www AAAA 2001:db8::9\n", approved: a + six}, file: toB, pushed: toB},
			"- www 300 AAAA 2001:db8::1" + why + "- www 300 AAAA 2001:db8::9 [drift] drift: not put there by us\n0 added, 2 removed, 0 changed, 1 as they are, 0 not ours", none("3")},
		{"someone else's value stays", aliasScene{scene: scene{loaded: b, held: a + "www A 192.0.2.77\n", approved: a}, file: toB, pushed: toB},
			"+ www 300 A 192.0.2.2" + why + "- www 300 A 192.0.2.1" + why + "- www 300 A 192.0.2.77 [drift] drift: not put there by us\n1 added, 2 removed, 0 changed, 0 as they are, 0 not ours",
			"+ www 300 A 192.0.2.2" + why + "- www 300 A 192.0.2.1" + why + "1 added, 1 removed, 0 changed, 1 as they are, 0 not ours"},
		{"someone removed it", aliasScene{scene: scene{loaded: b, held: "", approved: a}, file: toB, pushed: toB},
			"+ www 300 A 192.0.2.2" + why + "1 added, 0 removed, 0 changed, 0 as they are, 0 not ours", none("0")},
		{"someone else has the other family", aliasScene{scene: scene{loaded: a + six, held: a + "www AAAA 2001:db8::9\n", approved: a}, file: toB, pushed: toB},
			"+ www 300 AAAA 2001:db8::1" + why + "- www 300 AAAA 2001:db8::9 [adopted] stood there before us\n  G5: 1 record that stood there before us would be removed blocks\n1 added, 1 removed, 0 changed, 1 as they are, 0 not ours", none("1")},
		{"not resolved", aliasScene{scene: scene{held: a + six, approved: a + six}, file: toB, pushed: toB, pending: true},
			unknown("A") + unknown("AAAA") + none("2"), "as full"},
		{"not resolved, and not ours", aliasScene{scene: scene{held: a}, file: toB, pushed: toB, pending: true},
			"  foreign www A 192.0.2.1\n" + unknown("A") + unknown("AAAA") + "0 added, 0 removed, 0 changed, 1 as they are, 1 not ours",
			"  foreign www A 192.0.2.1\n" + unknown("A") + unknown("AAAA") + "0 added, 0 removed, 0 changed, 0 as they are, 1 not ours"},
		{"one family not resolved", aliasScene{scene: scene{loaded: b, held: a + six, approved: a + six}, file: toB, pushed: toB, pending: true},
			"+ www 300 A 192.0.2.2" + why + "- www 300 A 192.0.2.1" + why + unknown("AAAA") + "1 added, 1 removed, 0 changed, 1 as they are, 0 not ours", "as full"},
		{"resolved for the first time", aliasScene{scene: scene{loaded: a + six}, file: toB, pushed: toB},
			"+ www 300 A 192.0.2.1" + why + "+ www 300 AAAA 2001:db8::1" + why + "2 added, 0 removed, 0 changed, 0 as they are, 0 not ours", "as full"},
		{"resolved while a CNAME stands there", aliasScene{scene: scene{loaded: a, held: "www CNAME x.example.net.\n"}, file: toB, pushed: toB},
			"+ www 300 A 192.0.2.1" + why + "- www 300 CNAME x.example.net. [adopted] stood there before us\n" +
				"  G5: 1 record that stood there before us would be removed blocks\n" +
				"  G6: a CNAME and other data change places; where the provider has no atomic swap, the name has neither for a moment blocks\n" +
				"1 added, 1 removed, 0 changed, 0 as they are, 0 not ours",
			"  foreign www CNAME x.example.net.\n0 added, 0 removed, 0 changed, 0 as they are, 1 not ours"},
		{"an address dies", aliasScene{scene: scene{loaded: a + b, served: b, held: a + b, approved: a + b, dead: map[string]string{"www A 192.0.2.1": "down"}}, file: toB, pushed: toB},
			"- www 300 A 192.0.2.1 [withdrawn] withdrawn: down\n0 added, 1 removed, 0 changed, 1 as they are, 0 not ours", "as full"},
		{"it is no ALIAS any more", aliasScene{scene: scene{loaded: b, held: a, approved: a}, pushed: toB},
			"+ www 300 A 192.0.2.2 [edited]\n- www 300 A 192.0.2.1 [edited]\n1 added, 1 removed, 0 changed, 0 as they are, 0 not ours", none("1")},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.health == "as full" {
				c.health = c.full
			}
			for _, m := range []struct {
				mode providers.Mode
				want string
			}{{providers.Full, c.full}, {providers.Health, c.health}} {
				c.scene.mode = m.mode
				plan := providers.MakePlan(c.scene.input())
				if d := cmp.Diff(m.want, render(plan)); d != "" {
					t.Errorf("%s: %s", m.mode, d)
				}
				for _, ch := range plan.Changes() {
					if ch.Type == zones.TypeALIAS {
						t.Errorf("%s: an ALIAS record would be sent: %v", m.mode, ch)
					}
					if strings.Contains(m.want, "[alias]") && !strings.Contains(m.want, "drift") && !strings.Contains(m.want, "adopted") && !ch.Health {
						t.Errorf("%s: %s %s is an edit", m.mode, ch.Name, zones.TypeString(ch.Type))
					}
				}
			}
		})
	}
}
