package cloudflare_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	libcloudflare "github.com/libdns/cloudflare"

	emulator "github.com/mangrove-dns/mangrove/integration/emulator/cloudflare"
	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/cloudflare"
	"github.com/mangrove-dns/mangrove/zones"
)

// fake serves fixed JSON for the one zone's records; every other path is the zone.
func fake(t *testing.T, records http.HandlerFunc) *cloudflare.Driver {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "dns_records") {
			records(w, r)
			return
		}
		_, _ = io.WriteString(w, `{"success":true,"result":[{"id":"ab","name":"example.com","status":"active"}],"result_info":{"total_count":1}}`)
	}))
	t.Cleanup(s.Close)
	d, err := cloudflare.New(cloudflare.Options{Account: &libcloudflare.Provider{APIToken: "t"}, BaseURL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func list(records string, total int) string {
	return fmt.Sprintf(`{"success":true,"errors":[],"result":[%s],"result_info":{"page":1,"total_count":%d}}`, records, total)
}

// Nothing that only looks like an answer is taken for an empty zone, or for a part of one.
func TestBrokenAnswersAreErrors(t *testing.T) {
	const a = `{"id":"1","type":"A","name":"www.example.com","content":"192.0.2.1","ttl":300}`
	for name, c := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"empty":             {200, "", providers.ErrUnavailable},
		"HTML":              {200, "<html>welcome to the hotel</html>", providers.ErrUnavailable},
		"cut short":         {200, `{"success":true,"result":[`, providers.ErrUnavailable},
		"other JSON":        {200, `{}`, providers.ErrUnavailable},
		"null":              {200, `{"success":true,"result":null,"result_info":{"total_count":0}}`, providers.ErrUnavailable},
		"object":            {200, `{"success":true,"result":{},"result_info":{"total_count":0}}`, providers.ErrUnavailable},
		"no count":          {200, `{"success":true,"result":[]}`, providers.ErrUnavailable},
		"fewer than said":   {200, list("", 3), providers.ErrUnavailable},
		"the same for ever": {200, list(a, 3), providers.ErrConflict},
		"more than said":    {200, list(a+","+strings.Replace(a, `"1"`, `"2"`, 1), 1), providers.ErrConflict},
		"unsuccessful":      {200, `{"success":false,"errors":[],"result":[],"result_info":{"total_count":0}}`, providers.ErrUnavailable},
		"errors":            {200, `{"success":false,"errors":[{"code":1,"message":"no"}],"result":[]}`, providers.ErrRefused},
		"moved":             {302, "", providers.ErrUnavailable},
		"accepted":          {202, list(a, 1), providers.ErrUnavailable},
		"server error":      {500, "oops", providers.ErrUnavailable},
		"bad gateway":       {502, "<html>", providers.ErrUnavailable},
		"forbidden":         {403, `{"errors":[{"code":10000,"message":"Authentication error"}]}`, providers.ErrAuth},
		"unauthorized":      {401, "", providers.ErrAuth},
		"bad header":        {400, `{"errors":[{"code":6003,"message":"Invalid request headers"}]}`, providers.ErrAuth},
		"no such zone":      {404, `{"errors":[{"code":7003,"message":"Could not route"}]}`, providers.ErrZoneNotFound},
		"zone of others":    {403, `{"errors":[{"code":9109,"message":"Unauthorized to access requested resource"}]}`, providers.ErrZoneNotFound},
		"bad token":         {403, `{"errors":[{"code":9109,"message":"Invalid access token"}]}`, providers.ErrAuth},
		"throttled":         {429, "", providers.ErrRateLimited},
	} {
		t.Run(name, func(t *testing.T) {
			d := fake(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			snap, err := d.Snapshot(t.Context(), origin)
			if snap != nil || !errors.Is(err, c.want) {
				t.Errorf("got %v, %v, want %v", snap, err, c.want)
			}
		})
	}
}

// A record that is not understood costs its RRset, not the zone.
func TestForeign(t *testing.T) {
	d := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, list(strings.Join([]string{
			`{"id":"1","type":"A","name":"ok.example.com","content":"192.0.2.1","ttl":1}`,
			`{"id":"2","type":"WORKER","name":"w.example.com","content":"script"}`,
			`{"id":"3","type":"NAPTR","name":"n.example.com","content":"1 2","data":{"order":"x"}}`,
			`{"id":"4","type":"A","name":"half.example.com","content":"192.0.2.1","ttl":300}`,
			`{"id":"5","type":"A","name":"half.example.com","content":"999.0.2.1","ttl":300}`,
			`{"id":"6","type":"MX","name":"m.example.com","content":"mx","ttl":300}`,
			`{"id":"7","type":"TXT","name":"t.example.com","content":"\"a\" b","ttl":300}`,
			`{"id":"8","type":"TXT","name":"old.example.com","content":"v=spf1 \\ \"x\"","ttl":300}`,
			`{"id":"9","type":"A","name":"www.example.org","content":"192.0.2.1","ttl":300}`,
			`{"id":"10","type":"MX","name":"e.example.com","content":"route1.mx.cloudflare.net","priority":10,"ttl":1,"meta":{"email_routing":true,"read_only":true}}`,
			`{"id":"11","type":"A","name":"l.example.com","content":"192.0.2.1","ttl":300,"locked":true}`,
			`{"id":"12","type":"A","name":"s.example.com","content":"192.0.2.1","ttl":"300"}`,
			`17`,
			`{"type":"A","name":"i.example.com","content":"192.0.2.1","ttl":300}`,
		}, ","), 14))
	})
	snap, err := d.Snapshot(t.Context(), origin)
	if err != nil {
		t.Fatal(err)
	}
	var sets, foreign []string
	for _, s := range snap.RRsets {
		sets = append(sets, s.String())
	}
	for _, f := range snap.Foreign {
		foreign = append(foreign, f.Name.String()+" "+zones.TypeString(f.Type)+": "+f.Text)
	}
	want := []string{"ok.example.com. 300 IN A 192.0.2.1", `old.example.com. 300 IN TXT "v=spf1 \\ \"x\""`}
	if diff := cmp.Diff(want, sets); diff != "" {
		t.Error(diff)
	}
	for i, want := range []string{
		"w.example.com. TYPE0: WORKER script (not understood: there are no records of this type at Cloudflare)",
		`n.example.com. NAPTR: NAPTR 1 2 (not understood: data.order is`,
		"half.example.com. A: A 999.0.2.1 (not understood: ",
		"m.example.com. MX: MX mx (not understood: no priority)",
		`t.example.com. TXT: TXT "a" b (not understood: text`,
		`example.com. TYPE0: A 192.0.2.1 at "www.example.org", which is no name of the zone; record 17: json`,
		"e.example.com. MX: MX route1.mx.cloudflare.net (managed by Email Routing)",
		"l.example.com. A: A 192.0.2.1 (managed by another Cloudflare product)",
		"s.example.com. A: A 192.0.2.1 (not understood: json",
		"i.example.com. A: A 192.0.2.1 (without an id)",
	} {
		if i >= len(foreign) || !strings.HasPrefix(foreign[i], want) {
			t.Errorf("foreign %d: got %q, want %q", i, foreign, want)
			break
		}
	}
	if got := foreign[2]; !strings.HasSuffix(got, "; with it A 192.0.2.1") {
		t.Errorf("got %q", got)
	}
}

// What is foreign is not changed.
func TestForeignIsNotChanged(t *testing.T) {
	r := newRig(t, emulator.Options{}, nil)
	r.Seed("example.com", emulator.Record{Name: "example.com", Type: "MX", Content: "route1.mx.cloudflare.net", TTL: 1, Meta: map[string]any{"read_only": true}}, "example.com. 1 IN MX 10 route1.mx.cloudflare.net.")
	err := r.driver.Apply(t.Context(), origin, r.snapshot(), []providers.Change{r.change("", "@ 300 IN MX 10 mail")})
	if !errors.Is(err, providers.ErrConflict) || r.Count("POST", "") > 0 {
		t.Errorf("got %v, %d writes", err, r.Count("POST", ""))
	}
}

func TestZoneLookup(t *testing.T) {
	var many []string
	for i := range 70 {
		many = append(many, fmt.Sprintf("z%d.example", i))
	}
	r := newRig(t, emulator.Options{Zones: append(many, "example.com", "sub.example.com")}, nil)
	r.snapshot()
	r.snapshot()
	if got := r.Count("GET", "/zones") - r.Count("GET", "dns_records"); got != 1 {
		t.Errorf("%d look-ups for two snapshots", got)
	}
	_, err := r.driver.Snapshot(t.Context(), zones.MustParseName("example.net"))
	if !errors.Is(err, providers.ErrZoneNotFound) {
		t.Errorf("unknown zone: got %v", err)
	}
	// The zone is made anew: its id is another. A snapshot finds it; changes planned before are refused.
	r.push("www IN A 192.0.2.1")
	snap := r.snapshot()
	changes := r.plan(snap, "www IN A 192.0.2.2").Changes()
	r.RemoveZone("example.com")
	r.AddZone("example.com")
	if err := r.driver.Apply(t.Context(), origin, snap, changes); !errors.Is(err, providers.ErrConflict) {
		t.Errorf("apply to the zone made anew: got %v", err)
	}
	if got := r.snapshot(); len(got.RRsets) > 0 {
		t.Errorf("got %v", got.RRsets)
	}
	r.RemoveZone("example.com")
	if _, err := r.driver.Snapshot(t.Context(), origin); !errors.Is(err, providers.ErrZoneNotFound) {
		t.Errorf("zone gone: got %v", err)
	}
}

func TestZoneByID(t *testing.T) {
	s := emulator.New(emulator.Options{Zones: []string{"example.com", "example.net"}})
	id, other := s.AddZone("example.com"), s.AddZone("example.net")
	e, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	for id, want := range map[string]error{id: nil, other: providers.ErrZoneNotFound, strings.Repeat("0", 32): providers.ErrZoneNotFound} {
		d, err := cloudflare.New(cloudflare.Options{Account: &libcloudflare.Provider{APIToken: "test-token"}, BaseURL: e.URL,
			ZoneIDs: map[zones.Name]string{origin: id}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Snapshot(t.Context(), origin); !errors.Is(err, want) {
			t.Errorf("id %s: got %v, want %v", id, err, want)
		}
		if servers, err := d.Nameservers(t.Context(), origin); !errors.Is(err, want) || err == nil && servers[0].Addr != "ada.ns.cloudflare.com:53" {
			t.Errorf("id %s: name servers %v, %v", id, servers, err)
		}
	}
}

// Two accounts that one token sees may have the zone both.
func TestAmbiguousZone(t *testing.T) {
	for status, want := range map[string]error{"moved": nil, "active": providers.ErrZoneNotFound} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "dns_records") {
				_, _ = io.WriteString(w, list("", 0))
				return
			}
			_, _ = fmt.Fprintf(w, `{"success":true,"result":[{"id":"aa","name":"example.com","status":"active"},{"id":"bb","name":"example.com","status":%q},
				{"id":"cc","name":"www.example.com","status":"active"}],"result_info":{"total_count":3}}`, status)
		}))
		t.Cleanup(s.Close)
		d, err := cloudflare.New(cloudflare.Options{Account: &libcloudflare.Provider{APIToken: "t"}, BaseURL: s.URL})
		if err != nil {
			t.Fatal(err)
		}
		snap, err := d.Snapshot(t.Context(), origin)
		if !errors.Is(err, want) || err == nil && snap.Token != "aa" {
			t.Errorf("%s: got %v, %v", status, snap, err)
		}
	}
}

func TestZoneTokenLooksUp(t *testing.T) {
	var tokens []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tokens = append(tokens, r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, `{"success":true,"result":[{"id":"aa","name":"example.com"}],"result_info":{"total_count":1}}`)
	}))
	t.Cleanup(s.Close)
	d, err := cloudflare.New(cloudflare.Options{Account: &libcloudflare.Provider{APIToken: "edit", ZoneToken: "look"}, BaseURL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Snapshot(t.Context(), origin); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Bearer look", "Bearer edit"}, tokens); diff != "" {
		t.Error(diff)
	}
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault emulator.Fault
		want  error
		done  bool
	}{
		"rate limited":   {emulator.Fault{Kind: emulator.RateLimited, RetryAfter: 7 * time.Second}, providers.ErrRateLimited, false},
		"server error":   {emulator.Fault{Kind: emulator.ServerError}, providers.ErrUnavailable, false},
		"bad gateway":    {emulator.Fault{Kind: emulator.BadGateway}, providers.ErrUnavailable, false},
		"reset":          {emulator.Fault{Kind: emulator.Reset}, providers.ErrUnavailable, false},
		"done, then 500": {emulator.Fault{Kind: emulator.ApplyThenFail}, providers.ErrUnavailable, true},
		"done, then cut": {emulator.Fault{Kind: emulator.ApplyThenDrop}, providers.ErrUnavailable, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, emulator.Options{}, nil)
			snap := r.snapshot()
			c.fault.Method = "POST"
			r.Inject(c.fault)
			change := []providers.Change{r.change("", "www 300 IN A 192.0.2.1")}
			err := r.driver.Apply(t.Context(), origin, snap, change)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if got := len(r.held()) == 1; got != c.done {
				t.Errorf("done: %t, want %t", got, c.done)
			}
			if got := r.Count("POST", "/batch"); got != 1 {
				t.Errorf("%d batches: trying again is for the engine", got)
			}
			var retry *providers.RetryError
			if !errors.As(err, &retry) {
				t.Fatalf("%v is no RetryError", err)
			}
			if errors.Is(err, providers.ErrRateLimited) {
				if retry.After != 7*time.Second {
					t.Errorf("after %v", retry.After)
				}
				// All calls obey it: the next is not even sent.
				calls := r.Count("", "")
				if _, err := r.driver.Snapshot(t.Context(), origin); !errors.Is(err, providers.ErrRateLimited) || r.Count("", "") != calls {
					t.Errorf("while blocked: %v, %d calls", err, r.Count("", "")-calls)
				}
				return
			}
			if err := r.driver.Apply(t.Context(), origin, snap, change); err != nil {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// A page that fails fails the snapshot, whichever it is.
func TestFailingPage(t *testing.T) {
	for skip := range 4 {
		r := newRig(t, emulator.Options{PageSizeMax: 2}, nil)
		r.push("a IN A 192.0.2.1\nb IN A 192.0.2.1\nc IN A 192.0.2.1\nd IN A 192.0.2.1\ne IN A 192.0.2.1")
		r.Inject(emulator.Fault{Kind: emulator.ServerError, Path: "dns_records", Skip: skip})
		snap, err := r.driver.Snapshot(t.Context(), origin)
		if fails := skip < 3; fails != errors.Is(err, providers.ErrUnavailable) || fails == (snap != nil) {
			t.Errorf("page %d: got %v, %v", skip+1, snap, err)
		}
	}
}

func TestReadOnlyToken(t *testing.T) {
	r := newRig(t, emulator.Options{ReadOnlyToken: "reader"}, func(o *cloudflare.Options) { o.Account.APIToken = "reader" })
	err := r.driver.Apply(t.Context(), origin, r.snapshot(), []providers.Change{r.change("", "www IN A 192.0.2.1")})
	if !errors.Is(err, providers.ErrAuth) {
		t.Errorf("got %v", err)
	}
}

func TestWrongToken(t *testing.T) {
	r := newRig(t, emulator.Options{}, func(o *cloudflare.Options) { o.Account.APIToken = "secret-and-wrong" })
	_, err := r.driver.Snapshot(t.Context(), origin)
	if !errors.Is(err, providers.ErrAuth) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

// A hanging API costs no more than the caller's time.
func TestHang(t *testing.T) {
	r := newRig(t, emulator.Options{}, nil)
	r.Inject(emulator.Fault{Kind: emulator.Hang, Count: -1})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := r.driver.Snapshot(ctx, origin)
	if !errors.Is(err, providers.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestOptions(t *testing.T) {
	_, err := cloudflare.New(cloudflare.Options{
		Account: &libcloudflare.Provider{APIToken: "with space", ZoneToken: "new\nline"}, Plan: "gold", BaseURL: "ftp://x",
		ZoneIDs: map[zones.Name]string{origin: "Z123"},
	})
	want := "cloudflare: token has spaces or characters that no token has\nzone_token has spaces or characters that no token has\n" +
		"plan \"gold\" is none of free, paid, enterprise\nendpoint \"ftp://x\" is no http address\nzone id \"Z123\" of example.com. is not of hexadecimal digits"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if _, err := cloudflare.New(cloudflare.Options{}); err == nil || err.Error() != "cloudflare: token is missing" {
		t.Errorf("got %v", err)
	}
}

// What goes through libdns on the same account goes to the same place, and two drivers of one account count a call once.
func TestAccountIsShared(t *testing.T) {
	account := &libcloudflare.Provider{APIToken: "test-token"}
	r := newRig(t, emulator.Options{}, func(o *cloudflare.Options) { o.Account = account })
	if _, err := cloudflare.New(cloudflare.Options{Account: account, BaseURL: r.endpoint.URL}); err != nil {
		t.Fatal(err)
	}
	found, err := account.ListZones(t.Context())
	if err != nil || len(found) != 1 || found[0].Name != "example.com." {
		t.Errorf("got %v, %v", found, err)
	}
}

// What Cloudflare says is left is believed before it has to refuse.
func TestRatelimitHeader(t *testing.T) {
	calls := 0
	d := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.Header().Set("Ratelimit", `"default";r=0;t=60`)
		_, _ = io.WriteString(w, list("", 0))
	})
	if _, err := d.Snapshot(t.Context(), origin); err != nil {
		t.Fatal(err)
	}
	_, err := d.Snapshot(t.Context(), origin)
	var retry *providers.RetryError
	if !errors.Is(err, providers.ErrRateLimited) || !errors.As(err, &retry) || retry.After > time.Minute || calls != 1 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}
