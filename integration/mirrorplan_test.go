package integration

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
)

// What the plan of testdata/mirror says beside changes, at each provider: what it can't hold, what it holds otherwise, and what
// is there from somebody else. The texts are a promise to people who read plans.

var losses = map[string][]providers.Loss{
	"cf": {
		{Name: "dname", Type: "DNAME", Text: "cannot be held: other.example.net.: there are no records of this type at Cloudflare"},
		{Name: "hinfo", Type: "HINFO", Text: `cannot be held: "PC" "Linux 6": there are no records of this type at Cloudflare`},
		{Name: "rp", Type: "RP", Text: "cannot be held: admin.example.net. txt.example.com.: there are no records of this type at Cloudflare"},
		{Name: "unknown", Type: "TYPE65400", Text: `cannot be held: \# 4 C0000201: there are no records of this type at Cloudflare`},
	},
	"aws": {
		{Name: "_http._tcp", Type: "URI", Text: "cannot be held: there are no URI records at Route 53"},
		{Name: "cert", Type: "CERT", Text: "cannot be held: there are no CERT records at Route 53"},
		{Name: "dname", Type: "DNAME", Text: "cannot be held: there are no DNAME records at Route 53"},
		{Name: "hinfo", Type: "HINFO", Text: "cannot be held: there are no HINFO records at Route 53"},
		{Name: "loc", Type: "LOC", Text: "cannot be held: there are no LOC records at Route 53"},
		{Name: "pgp", Type: "OPENPGPKEY", Text: "cannot be held: there are no OPENPGPKEY records at Route 53"},
		{Name: "rp", Type: "RP", Text: "cannot be held: there are no RP records at Route 53"},
		{Name: "smime", Type: "SMIMEA", Text: "cannot be held: there are no SMIMEA records at Route 53"},
		{Name: "unknown", Type: "TYPE65400", Text: "cannot be held: there are no TYPE65400 records at Route 53"},
	},
	"pdns": {
		{Name: "unknown", Type: "TYPE65400", Text: "cannot be held: PowerDNS takes TYPE65400 for a type of its own (ADDR, ALIAS, LUA)"},
	},
	"knot": {},
	"file": {},
}

var notes = map[string][]providers.Note{
	"cf":   {{Name: "quick", Type: "A", Text: "TTL 30 becomes 60, the least that Cloudflare takes"}},
	"aws":  {},
	"pdns": {},
	"knot": {},
	"file": {},
}

var foreigners = map[string][]string{
	"cf":   {"foreign A 203.0.113.7", "proxied A 203.0.113.8", `www TXT "not ours"`},
	"aws":  {"alias A alias to foreign.example.com.", "foreign A 203.0.113.7", `weighted A weighted set "one", weight 10`, `www TXT "not ours"`},
	"pdns": {"foreign A 203.0.113.7", `www TXT "not ours"`},
	"knot": {"foreign A 203.0.113.7", `www TXT "not ours"`},
	"file": {"foreign A 203.0.113.7", `www TXT "not ours"`},
}

// checkPlan holds the first plan against the tables.
func (w *everywhere) checkPlan(t *testing.T) {
	t.Helper()
	plans := w.plans()
	if len(plans) != 5 {
		t.Errorf("%d plans, want one for each of 5 providers", len(plans))
	}
	for _, p := range plans {
		if p.Plan == nil {
			t.Errorf("no plan for %s: %s", p.Provider, p.Error)
			continue
		}
		if diff := cmp.Diff(p.Plan.Losses, losses[p.Provider]); diff != "" {
			t.Errorf("%s can't hold (-got +want):\n%s", p.Provider, diff)
		}
		if diff := cmp.Diff(p.Plan.Notes, notes[p.Provider]); diff != "" {
			t.Errorf("%s holds otherwise (-got +want):\n%s", p.Provider, diff)
		}
		if g := p.Plan.Blocked(); len(g) > 0 {
			t.Errorf("%s: a first push is blocked: %+v", p.Provider, g)
		}
		for _, l := range p.Plan.Lines {
			if l.Op != providers.Add && l.Why != providers.Serial {
				t.Errorf("%s: a first plan changes what is there: %+v", p.Provider, l)
			}
		}
		w.checkForeignPlan(t, p)
	}
	w.checkPlanText(t, plans)
}

// checkPlanText looks for the same in what people read.
func (w *everywhere) checkPlanText(t *testing.T, plans []planReport) {
	t.Helper()
	text := w.run("plan").stdout
	for _, p := range plans {
		heading := fmt.Sprintf("example.com -> %s/%s\n", p.Type, p.Provider)
		_, after, ok := strings.Cut(text, heading)
		if !ok {
			t.Errorf("plan has no heading %q:\n%s", heading, text)
			continue
		}
		mine, _, _ := strings.Cut(after, "\nplan ")
		var want []string
		for _, l := range losses[p.Provider] {
			want = append(want, fmt.Sprintf("  can't be held: %s %s: %s\n", l.Name, l.Type, l.Text))
		}
		for _, n := range notes[p.Provider] {
			want = append(want, fmt.Sprintf("  note: %s %s: %s\n", n.Name, n.Type, n.Text))
		}
		want = append(want, "  = foreign 300 A 203.0.113.7  not ours, kept\n")
		for _, line := range want {
			if !strings.Contains(mine, line) {
				t.Errorf("the plan for %s does not say %q:\n%s", p.Provider, line, mine)
			}
		}
	}
}

func (w *everywhere) checkForeignPlan(t *testing.T, p planReport) {
	t.Helper()
	var got []string
	for _, f := range p.Plan.Foreign {
		got = append(got, fmt.Sprintf("%s %s %s", f.Name, f.Type, f.Text))
	}
	slices.Sort(got)
	if diff := cmp.Diff(got, foreigners[p.Provider]); diff != "" {
		t.Errorf("%s has of others' (-got +want):\n%s", p.Provider, diff)
	}
}

// checkForeign asks for what others have put at the providers, and looks whether plans go on showing it.
func (w *everywhere) checkForeign(t *testing.T) {
	t.Helper()
	for _, p := range w.plans() {
		if p.Plan != nil {
			w.checkForeignPlan(t, p)
		}
	}
	for _, s := range w.mirrors() {
		if got := addresses(t, s.addr, "foreign."+mirrorZone); !slices.Equal(got, []string{"203.0.113.7"}) {
			t.Errorf("%s: foreign A is %v", s.name, got)
		}
		name := "www." + mirrorZone
		if got := values(dig(t, s.addr, name, dns.TypeTXT).Answer, name, dns.TypeTXT); !slices.Equal(got, []string{`"not ours"`}) {
			t.Errorf("%s: www TXT is %v", s.name, got)
		}
	}
	if got := addresses(t, w.aws.DNSAddr(), "alias."+mirrorZone); !slices.Equal(got, []string{"203.0.113.7"}) {
		t.Errorf("aws: alias A is %v", got)
	}
	if got := addresses(t, w.aws.DNSAddr(), "weighted."+mirrorZone); !slices.Equal(got, []string{"203.0.113.9"}) {
		t.Errorf("aws: weighted A is %v", got)
	}
	for _, r := range w.cf.Records("example.com") {
		if r.Name == "proxied.example.com" && !r.Proxied {
			t.Error("cf: proxied A is not proxied any more")
		}
	}
	file := readRecords(t, mirrorZone, filepath.Join(w.dir, "mirror/example.com.zone"))
	if got, want := file.text(rrset{"foreign." + mirrorZone, "A"}), "300 203.0.113.7"; got != want {
		t.Errorf("mirror file: foreign A is %q, want %q", got, want)
	}
}
