package rfc2136

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	libdns "github.com/libdns/rfc2136"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/providertest"
	"github.com/mangrove-dns/mangrove/zones"
)

var zone = zones.MustParseName("example.org")

func TestConformance(t *testing.T) {
	for name, start := range map[string]func(*testing.T) string{"knot": startKnot, "bind": startNamed} {
		t.Run(name, func(t *testing.T) {
			addr := start(t)
			providertest.Run(t, providertest.Harness{
				Driver: newDriver(t, account(addr, keySecret)), Zone: zone, Missing: zones.MustParseName("example.net"),
				BadCredentials: newDriver(t, account(addr, keyWrong)),
			})
		})
	}
}

// TestUnknownKey: a key that the server does not know is refused as such; so is none.
func TestUnknownKey(t *testing.T) {
	addr := startKnot(t)
	other := account(addr, keySecret)
	other.KeyName = "other.key"
	for name, a := range map[string]*libdns.Provider{"unknown key": other, "no key": {Server: addr}} {
		if _, err := newDriver(t, a).Snapshot(t.Context(), zone); !errors.Is(err, providers.ErrAuth) {
			t.Errorf("%s: %v, want ErrAuth", name, err)
		}
	}
}

func TestUnreachable(t *testing.T) {
	d := newDriver(t, &libdns.Provider{Server: fmt.Sprintf("127.0.0.1:%d", providertest.FreePort(t))})
	if _, err := d.Snapshot(t.Context(), zone); !errors.Is(err, providers.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
}

func TestBadOptions(t *testing.T) {
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{}, "server: not set"},
		{Options{Account: &libdns.Provider{Server: "ns1.example.net:x"}}, `server: "ns1.example.net:x": port "x"`},
		{Options{Account: &libdns.Provider{Server: "ns1", Key: keySecret}}, "key_name is not set, but key is"},
		{Options{Account: &libdns.Provider{Server: "ns1", KeyName: "k", Key: "secret!"}}, "key: not base64, or empty"},
		{Options{Account: &libdns.Provider{Server: "ns1", KeyName: "k", Key: keySecret, KeyAlg: "hmac-md5"}},
			`key_algorithm: "hmac-md5" is not one of hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512`},
		{Options{Account: &libdns.Provider{Server: "ns1", KeyName: "a..b", Key: "x"}, Nameservers: []string{"[::1"}},
			"nameservers: address [::1: missing ']' in address\nkey_name: bad domain name \"a..b\": a label is empty"},
	} {
		if _, err := New(tt.o); fmt.Sprint(err) != tt.want {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
	for in, want := range map[string]string{"ns1": "ns1:53", "::1": "[::1]:53", "[::1]:54": "[::1]:54", "192.0.2.1": "192.0.2.1:53"} {
		if got, err := address(in); err != nil || got != want {
			t.Errorf("address(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}

// TestMessage: what goes over the wire, as nsupdate would print it.
func TestMessage(t *testing.T) {
	set := func(text string) providers.RRset { return providertest.Set("example.org", text) }
	m := new(dns.Msg)
	m.SetUpdate("example.org.")
	a, cname, x := set("www A 192.0.2.1"), set("www CNAME x"), set("x A 192.0.2.2")
	err := fill(m, []providers.Change{
		{Name: a.Name, Type: a.Type, New: a},
		{Name: cname.Name, Type: cname.Type, Old: cname},
		{Name: x.Name, Type: x.Type, Old: x, New: set("x 60 A 192.0.2.3")},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, rr := range append(m.Answer, m.Ns...) {
		got = append(got, strings.Join(strings.Fields(rr.String()), " "))
	}
	want := []string{
		"www.example.org. 0 NONE A",
		"www.example.org. 0 IN CNAME x.example.org.",
		"x.example.org. 0 IN A 192.0.2.2",
		"www.example.org. 0 CLASS255 CNAME",
		"x.example.org. 0 CLASS255 A",
		"www.example.org. 300 IN A 192.0.2.1",
		"x.example.org. 60 IN A 192.0.2.3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestBatches: verdicts first, names whole, messages small enough.
func TestBatches(t *testing.T) {
	var changes []providers.Change
	for i := range 700 {
		for _, typ := range []string{"TXT " + strings.Repeat("x", 200), "A 192.0.2.1"} {
			s := providertest.Set("example.org", fmt.Sprintf("n%d %s", i, typ))
			changes = append(changes, providers.Change{Name: s.Name, Type: s.Type, New: s, Health: i == 699})
		}
	}
	got := batches(changes)
	if len(got) < 3 || got[0][0].changes[0].Name != changes[len(changes)-1].Name {
		t.Errorf("%d batches, the first begins with %s; want at least 3, verdicts first", len(got), got[0][0].changes[0].Name)
	}
	seen := make(map[zones.Name]int)
	total := 0
	for i, b := range got {
		m := new(dns.Msg)
		m.SetUpdate("example.org.")
		var all []providers.Change
		for _, g := range b {
			all = append(all, g.changes...)
		}
		if err := fill(m, all); err != nil {
			t.Fatal(err)
		}
		if n := m.Len(); n > 64000 {
			t.Errorf("batch %d has %d octets", i, n)
		}
		for _, c := range all {
			if at, ok := seen[c.Name]; ok && at != i {
				t.Errorf("%s is in batches %d and %d", c.Name, at, i)
			}
			seen[c.Name] = i
			total++
		}
	}
	if total != len(changes) {
		t.Errorf("%d changes in batches, want %d", total, len(changes))
	}
}

func TestProject(t *testing.T) {
	d := newDriver(t, &libdns.Provider{Server: "ns1"})
	s := providertest.Set("example.org", "www A 192.0.2.1")
	s.Attrs = map[string]string{"proxied": "true"}
	got, notes, err := d.Project(s)
	if err != nil || got.Attrs != nil || len(notes) != 1 {
		t.Errorf("%v %v %v", got, notes, err)
	}
	s.Data = [][]byte{{1, 2, 3}}
	if _, _, err := d.Project(s); !errors.Is(err, providers.ErrCannotHold) {
		t.Errorf("a bad A record: %v, want ErrCannotHold", err)
	}
}
