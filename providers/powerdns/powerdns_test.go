package powerdns

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	libdns "github.com/libdns/powerdns"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/providertest"
	"github.com/mangrove-dns/mangrove/zones"
)

var zone = zones.MustParseName("example.org")

func newDriver(t *testing.T, url, token string, servers ...string) *Driver {
	t.Helper()
	d, err := New(Options{Account: &libdns.Provider{ServerURL: url, APIToken: token}, Nameservers: servers})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestConformance(t *testing.T) {
	p := startPowerDNS(t)
	providertest.Run(t, providertest.Harness{
		Driver: newDriver(t, p.url, token, p.dns), Zone: zone, Missing: zones.MustParseName("example.net"),
		BadCredentials: newDriver(t, p.url, "wrong"),
	})
}

// TestDisabledAndAliasStay: what PowerDNS has beside RRsets is shown, and outlives changes at its name.
func TestDisabledAndAliasStay(t *testing.T) {
	p := startPowerDNS(t)
	d := newDriver(t, p.url, token)
	p.request(t, http.MethodPatch, "/zones/example.org.", `{"rrsets":[
		{"name":"www.example.org.","type":"A","ttl":60,"changetype":"REPLACE","records":[
			{"content":"192.0.2.1","disabled":false},{"content":"192.0.2.9","disabled":true}]},
		{"name":"alias.example.org.","type":"ALIAS","ttl":60,"changetype":"REPLACE","records":[{"content":"target.example.net.","disabled":false}]}]}`,
		http.StatusNoContent)
	foreign := func() string {
		snap, err := d.Snapshot(t.Context(), zone)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, f := range snap.Foreign {
			texts = append(texts, f.Text)
		}
		return strings.Join(texts, ", ")
	}
	const want = "ALIAS target.example.net., disabled: A 192.0.2.9"
	apply := func(old, next string) error {
		c := providers.Change{Name: zones.MustParseName("www.example.org"), Type: dns.TypeA}
		for set, text := range map[*providers.RRset]string{&c.Old: old, &c.New: next} {
			if text != "" {
				*set = providertest.Set("example.org", text)
			}
		}
		return d.Apply(t.Context(), zone, nil, []providers.Change{c})
	}
	for _, step := range [][2]string{
		{"www 60 A 192.0.2.1", "www 60 A 192.0.2.2"}, {"www 60 A 192.0.2.2", ""}, {"", "www 60 A 192.0.2.3"},
	} {
		if err := apply(step[0], step[1]); err != nil {
			t.Errorf("%q: %v", step, err)
		}
		if got := foreign(); sortWords(got) != sortWords(want) {
			t.Errorf("after %q foreign are %q, want %q", step, got, want)
		}
	}
	if err := apply("www 60 A 192.0.2.3", "www 60 A 192.0.2.9"); !errors.Is(err, providers.ErrRefused) || !strings.Contains(err.Error(), "disabled") {
		t.Errorf("a record that is there, disabled: %v, want ErrRefused", err)
	}
}

func sortWords(s string) string {
	if a, b, ok := strings.Cut(s, ", "); ok && a > b {
		return b + ", " + a
	}
	return s
}

// TestOneBadRecord: it is named, and everything else is written.
func TestOneBadRecord(t *testing.T) {
	p := startPowerDNS(t)
	d := newDriver(t, p.url, token)
	var changes []providers.Change
	for _, text := range []string{"a A 192.0.2.1", "b A 192.0.2.1", "c A 192.0.2.1", "c CNAME x", "d A 192.0.2.1", "e A 192.0.2.1"} {
		s := providertest.Set("example.org", text)
		changes = append(changes, providers.Change{Name: s.Name, Type: s.Type, New: s})
	}
	err := d.Apply(t.Context(), zone, nil, changes)
	var ce *providers.ChangeError
	if !errors.As(err, &ce) || ce.Name != zones.MustParseName("c.example.org") || !errors.Is(err, providers.ErrRefused) {
		t.Errorf("%v, want the refusal of c", err)
	}
	snap, err := d.Snapshot(t.Context(), zone)
	if err != nil || len(snap.RRsets) != 2+4 {
		t.Errorf("%d RRsets, %v, want SOA, NS and four", len(snap.RRsets), err)
	}
}

// TestErrors: what each status means.
func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		status int
		header string
		body   string
		want   error
		after  time.Duration
	}{
		{http.StatusUnauthorized, "", "Unauthorized", providers.ErrAuth, 0},
		{http.StatusNotFound, "", "Not Found", providers.ErrZoneNotFound, 0},
		{http.StatusUnprocessableEntity, "", `{"error":"bad"}`, providers.ErrRefused, 0},
		{http.StatusTooManyRequests, "7", "", providers.ErrRateLimited, 7 * time.Second},
		{http.StatusBadGateway, "", "<html>", providers.ErrUnavailable, 0},
		{http.StatusOK, "", `{"name":"example.net.","rrsets":[]}`, providers.ErrUnavailable, 0},
		{http.StatusOK, "", `{"name":"example.org."}`, providers.ErrUnavailable, 0},
		{http.StatusOK, "", `{"name":"example.org.","rrsets":[`, providers.ErrUnavailable, 0},
		{http.StatusOK, "", `{"name":"example.org.","rrsets":[{"name":"www.example.net.","type":"A"}]}`, providers.ErrUnavailable, 0},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/v1/servers/localhost/zones/example.org." {
				t.Errorf("path %s", r.URL.Path)
			}
			w.Header().Set("Retry-After", tt.header)
			w.WriteHeader(tt.status)
			fmt.Fprint(w, tt.body)
		}))
		_, err := newDriver(t, srv.URL+"/", "secret-token").Snapshot(t.Context(), zone)
		srv.Close()
		if !errors.Is(err, tt.want) || strings.Contains(fmt.Sprint(err), "secret-token") {
			t.Errorf("%d %s: %v, want %v", tt.status, tt.body, err, tt.want)
		}
		var retry *providers.RetryError
		if errors.As(err, &retry) && retry.After != tt.after {
			t.Errorf("%d: after %v, want %v", tt.status, retry.After, tt.after)
		}
	}
}

func TestBadOptions(t *testing.T) {
	for _, tt := range []struct {
		a    *libdns.Provider
		want string
	}{
		{&libdns.Provider{}, "server_url: not set\napi_token: not set, or with a line break"},
		{&libdns.Provider{ServerURL: "localhost:8081", APIToken: "x"}, "server_url: not of the form http://HOST:PORT"},
		{&libdns.Provider{ServerURL: "http://user:secret@h", APIToken: "x"}, "server_url: not of the form http://HOST:PORT"},
		{&libdns.Provider{ServerURL: "http://h", APIToken: "x", Debug: "stderr"}, "debug: it would print the token"},
	} {
		if _, err := New(Options{Account: tt.a}); fmt.Sprint(err) != tt.want {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
}

func TestZoneURL(t *testing.T) {
	d := newDriver(t, "http://h/api/v1/", "x")
	for in, want := range map[string]string{
		"example.org": "example.org.", "0/25.2.0.192.in-addr.arpa": "0=2F25.2.0.192.in-addr.arpa.", "_x.org": "=5Fx.org.", ".": "=2E",
	} {
		if got := d.zoneURL(zones.MustParseName(in)); got != "http://h/api/v1/servers/localhost/zones/"+want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

func TestBatches(t *testing.T) {
	var sets []patchSet
	for i := range 400 {
		s := providertest.Set("example.org", fmt.Sprintf("n%d TXT %s", i, strings.Repeat("x", 250)))
		for len(s.Data) < 10 {
			s.Data = append(s.Data, s.Data[0])
		}
		c := providers.Change{Name: s.Name, Type: s.Type, New: s, Health: i == 399}
		h := &held{}
		p, err := h.patch(providers.Key{Name: s.Name, Type: s.Type}, c)
		if err != nil {
			t.Fatal(err)
		}
		sets = append(sets, p)
	}
	got := batches(sets)
	if len(got) < 2 || got[0][0].change.Name != zones.MustParseName("n399.example.org") {
		t.Errorf("%d batches, first %s; want two or more, verdicts first", len(got), got[0][0].change.Name)
	}
}
