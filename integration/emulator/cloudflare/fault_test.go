package cloudflare_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mangrove-dns/mangrove/integration/emulator/cloudflare"
	"github.com/miekg/dns"
)

func listen(t *testing.T, s *cloudflare.Server) *cloudflare.Endpoint {
	t.Helper()
	e, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// do asks over a socket; the status is 0 where no answer came.
func do(ctx context.Context, e *cloudflare.Endpoint, method, path, body string) (int, http.Header) {
	r, err := http.NewRequestWithContext(ctx, method, e.URL+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Do(r)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	return resp.StatusCode, resp.Header
}

func TestFaults(t *testing.T) {
	const post = `{"type":"A","name":"x","content":"192.0.2.1"}`
	for _, c := range []struct {
		kind    cloudflare.FaultKind
		status  int
		applied bool
	}{
		{cloudflare.RateLimited, 429, false},
		{cloudflare.ServerError, 500, false},
		{cloudflare.BadGateway, 502, false},
		{cloudflare.ApplyThenFail, 500, true},
		{cloudflare.ApplyThenDrop, 0, true},
		{cloudflare.Reset, 0, false},
	} {
		s, zone := with(t, cloudflare.Options{})
		e := listen(t, s)
		path := "/zones/" + zone + "/dns_records"
		s.Inject(cloudflare.Fault{Kind: c.kind, Method: "POST", Path: "/dns_records", RetryAfter: 1500 * time.Millisecond})
		if got, _ := do(t.Context(), e, "GET", path, ""); got != 200 {
			t.Errorf("kind %d: GET got %d, want 200", c.kind, got)
		}
		got, header := do(t.Context(), e, "POST", path, post)
		if got != c.status {
			t.Errorf("kind %d: got %d, want %d", c.kind, got, c.status)
		}
		if got, want := len(s.Records("example.com")) == 1, c.applied; got != want {
			t.Errorf("kind %d: applied %v, want %v", c.kind, got, want)
		}
		if c.kind == cloudflare.RateLimited && (header.Get("Retry-After") != "2" || header.Get("Ratelimit") != `"default";r=0;t=2` || header.Get("Ratelimit-Policy") != `"default";q=1200;w=300`) {
			t.Errorf("headers %v", header)
		}
		// The fault is used up.
		want := 200
		if c.applied {
			want = 400
		}
		if got, _ := do(t.Context(), e, "POST", path, post); got != want {
			t.Errorf("kind %d: afterwards got %d, want %d", c.kind, got, want)
		}
	}
}

func TestFaultSkipAndClear(t *testing.T) {
	s, _ := with(t, cloudflare.Options{})
	s.Inject(cloudflare.Fault{Kind: cloudflare.ServerError, Skip: 1, Count: -1})
	var got []int
	for range 3 {
		got = append(got, call(t, s, "Bearer "+token, "GET", "/zones", "").Status)
	}
	s.ClearFaults()
	got = append(got, call(t, s, "Bearer "+token, "GET", "/zones", "").Status)
	if want := "[200 500 500 200]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if got, want := s.Count("GET", "/zones"), 4; got != want {
		t.Errorf("counted %d requests, want %d", got, want)
	}
}

func TestHang(t *testing.T) {
	s, zone := with(t, cloudflare.Options{})
	e := listen(t, s)
	s.Inject(cloudflare.Fault{Kind: cloudflare.Hang, Count: 2})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if got, _ := do(ctx, e, "GET", "/zones/"+zone, ""); got != 0 {
			t.Errorf("cancelled request got %d", got)
		}
	})
	wg.Go(func() { // released by Close
		if got, _ := do(t.Context(), e, "GET", "/zones/"+zone, ""); got != 0 {
			t.Errorf("request got %d after Close", got)
		}
	})
	for s.Count("", "") < 2 { // both have come in
		if t.Context().Err() != nil {
			t.Fatal("the test ended early")
		}
	}
	cancel()
	e.Close()
	wg.Wait()
}

func TestDark(t *testing.T) {
	s, _ := with(t, cloudflare.Options{}, `{"type":"A","name":"a","content":"192.0.2.1"}`)
	e := listen(t, s)
	s.SetDark(true)
	if got, _ := do(t.Context(), e, "GET", "/zones", ""); got != 0 {
		t.Errorf("dark: got %d", got)
	}
	if got := ask(t, e, "udp", "a.example.com.", dns.TypeA); len(got.Answer) != 1 {
		t.Errorf("dark: DNS answers %v", got)
	}
	s.SetDark(false)
	if got, _ := do(t.Context(), e, "GET", "/zones", ""); got != 200 {
		t.Errorf("lit: got %d", got)
	}
}

func TestRateLimit(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s, _ := with(t, cloudflare.Options{RateLimit: true, ReadOnlyToken: "reader", Now: func() time.Time { return now }})
	get := func(token string) answer { return call(t, s, "Bearer "+token, "GET", "/zones", "") }
	for i := range 1200 {
		if a := get(token); a.Status != 200 {
			t.Fatalf("request %d: %d", i, a.Status)
		}
	}
	now = now.Add(4 * time.Minute)
	if a := get(token); a.Status != 429 || a.Header.Get("Retry-After") != "300" {
		t.Errorf("request 1201: %d %v", a.Status, a.Header)
	}
	if a := get("reader"); a.Status != 200 {
		t.Errorf("another token: %d", a.Status)
	}
	now = now.Add(299 * time.Second)
	if a := get(token); a.Status != 429 || a.Header.Get("Retry-After") != "1" {
		t.Errorf("blocked: %d %v", a.Status, a.Header)
	}
	now = now.Add(time.Second)
	if a := get(token); a.Status != 200 || a.Header.Get("Ratelimit") != `"default";r=1199;t=300` {
		t.Errorf("afterwards: %d %v", a.Status, a.Header)
	}
	s.SetRateLimit(false)
	for range 1201 {
		if a := get(token); a.Status != 200 {
			t.Fatalf("switched off: %d", a.Status)
		}
	}
}
