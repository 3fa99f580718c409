package route53

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	libdns "github.com/libdns/route53"

	"github.com/mangrove-dns/mangrove/providers"
)

func TestProject(t *testing.T) {
	many := func(n int, format string) []string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf("x.example. 60 IN "+format, i/250, i%250))
		}
		return out
	}
	for _, c := range []struct {
		lines []string
		attrs map[string]string
		notes string // joined; what is wrong where it begins with "!"
	}{
		{lines: []string{"x.example. 0 IN A 192.0.2.1"}},
		{lines: []string{"*.example. 60 IN A 192.0.2.1", "*.example. 60 IN A 192.0.2.2"}},
		{lines: []string{"x.example. 4294967295 IN A 192.0.2.1"}, notes: "TTL 4294967295 becomes 2147483647"},
		{lines: []string{"x.example. 60 IN A 192.0.2.1"}, attrs: map[string]string{"proxied": "true"}, notes: `attribute "proxied" is left out: Route 53 has no such thing`},
		{lines: []string{"x.example. 60 IN MX 1 a.example.", "x.example. 60 IN MX 1 A.example."}, notes: "1 values that differ from others in letter case only are left out"},
		{lines: []string{"x.example. 60 IN LOC 1 N 1 E 0m 1m 1m 1m"}, notes: "!there are no LOC records at Route 53"},
		{lines: []string{`x.example. 60 IN URI 1 1 "https://x.example"`}, notes: "!there are no URI records at Route 53"},
		{lines: []string{"x.example. 60 IN DNAME y.example."}, notes: "!there are no DNAME records at Route 53"},
		{lines: []string{"example. 60 IN SOA a. b. 1 2 3 4 5"}, notes: "!the SOA is made by Route 53"},
		{lines: []string{"*.example. 60 IN NS ns.example."}, notes: "!no NS records at a wildcard at Route 53"},
		{lines: []string{`x.example. 60 IN HTTPS 0 y.example. alpn=h2`}, notes: "!HTTPS in alias mode (priority 0) with parameters"},
		{lines: many(400, "A 192.0.%d.%d")},
		{lines: many(401, "A 192.0.%d.%d"), notes: "!401 values, 400 are the limit"},
		{lines: []string{`x.example. 60 IN TXT` + strings.Repeat(` "`+strings.Repeat("x", 255)+`"`, 15)}},
		{lines: []string{`x.example. 60 IN TXT` + strings.Repeat(` "`+strings.Repeat("x", 255)+`"`, 16)}, notes: "!a value of 4127 characters as Route 53 writes it, 4000 are the limit"},
		{lines: []string{`x.example. 60 IN TXT` + strings.Repeat(` "`+strings.Repeat(`\200`, 255)+`"`, 4)}, notes: "!a value of 4091 characters as Route 53 writes it, 4000 are the limit"},
		{lines: many(161, `TXT "%04d%096d"`), notes: "!values of 16422 characters together, 16000 are the limit if they are to be changed in one step"},
	} {
		d := &Driver{provider: &libdns.Provider{}}
		s := providers.RRset{RRset: rrset(t, c.lines...), Attrs: c.attrs}
		held, notes, err := d.Project(s)
		if want, bad := strings.CutPrefix(c.notes, "!"); bad {
			if !errors.Is(err, providers.ErrCannotHold) || err.Error() != "cannot be held: "+want {
				t.Errorf("%.60s: got %v, want %s", c.lines[0], err, want)
			}
			continue
		}
		if got := strings.Join(notes, "; "); err != nil || got != c.notes {
			t.Errorf("%.60s: got %s, %v, want %s", c.lines[0], got, err, c.notes)
		}
		again, notes, err := d.Project(held)
		if diff := cmp.Diff(held.String(), again.String()); diff != "" || len(notes) > 0 || err != nil {
			t.Errorf("%.60s: not stable: %s %v %v", c.lines[0], diff, notes, err)
		}
	}
}
