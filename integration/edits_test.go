package integration

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// numbered is a zone whose content tells which edit it is: in a TXT record at its begin and in one at its end.
func numbered(edit int) string {
	return fmt.Sprintf("%sfirst IN TXT \"%d\"\n%slast IN TXT \"%d\"\n", apex(edit), edit, strings.Repeat("; a comment that makes the file longer than one write\n", 100), edit)
}

// apex is the begin of a zone that nobody could find fault with.
func apex(serial int) string {
	return fmt.Sprintf(`$TTL 60
@   IN SOA ns1 hostmaster %d 3600 600 1209600 60
@   IN NS  ns1
@   IN NS  ns2
ns1 IN A   192.0.2.53
ns2 IN A   198.51.100.53
`, serial)
}

// editOf asks which edit of a zone is served, -1 where none is.
func editOf(t testing.TB, addr, zone string) int {
	t.Helper()
	n, err := askEdit(addr, "first."+zone)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func askEdit(addr, name string) (int, error) {
	r, err := ask(addr, name, dns.TypeTXT)
	if err != nil || len(r.Answer) == 0 {
		return -1, err
	}
	return strconv.Atoi(r.Answer[0].(*dns.TXT).Txt[0])
}

// serves waits until an edit of a zone is served.
func (n *node) serves(zone string, edit int) {
	n.t.Helper()
	eventually(n.t, fmt.Sprintf("edit %d of %s is served", edit, zone), func() (bool, string) {
		got := editOf(n.t, n.addr, zone)
		return got == edit, fmt.Sprintf("%d is", got)
	})
}

// state waits until status shows a zone in a state, with a problem that has the text.
func (n *node) state(zone, state, problem string) {
	n.t.Helper()
	eventually(n.t, fmt.Sprintf("%s is %q because of %q", zone, state, problem), func() (bool, string) {
		z, ok := n.find(zone)
		if !ok {
			return false, "status does not show it"
		}
		has := problem == "" || slices.ContainsFunc(z.Problems, func(p string) bool { return strings.Contains(p, problem) })
		return z.State == state && has, fmt.Sprintf("%q: %q", z.State, z.Problems)
	})
}

const example = "example.com."

func newNumbered(t *testing.T) *node {
	t.Helper()
	n := newNode(t, "")
	n.write("zones/example.com.zone", numbered(1))
	n.start()
	n.serves(example, 1)
	return n
}
