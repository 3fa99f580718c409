package cloudflare_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mangrove-dns/mangrove/integration/emulator/cloudflare"
)

func contents(s *cloudflare.Server) []string {
	var out []string
	for _, r := range s.Records("example.com") {
		out = append(out, r.Name+" "+r.Type+" "+r.Content)
	}
	return out
}

func idOf(t *testing.T, s *cloudflare.Server, content string) string {
	t.Helper()
	for _, r := range s.Records("example.com") {
		if r.Content == content {
			return r.ID
		}
	}
	t.Fatalf("no record with content %s", content)
	return ""
}

// TestBatchOrder turns a CNAME into addresses and addresses into a CNAME in one go: it works
// only if deletes come first, whatever the order in the body.
func TestBatchOrder(t *testing.T) {
	s, zone := with(t, cloudflare.Options{},
		`{"type":"CNAME","name":"c","content":"host.example.net"}`, `{"type":"A","name":"a","content":"192.0.2.1"}`,
		`{"type":"A","name":"p","content":"192.0.2.2"}`, `{"type":"A","name":"q","content":"192.0.2.3"}`)
	body := fmt.Sprintf(`{"posts":[{"type":"A","name":"c","content":"192.0.2.9"},{"type":"CNAME","name":"a","content":"host.example.net"}],
		"puts":[{"id":%q,"type":"A","name":"q","content":"192.0.2.2","ttl":60}],
		"patches":[{"id":%q,"content":"192.0.2.8"}],
		"deletes":[{"id":%q},{"id":%q}]}`,
		idOf(t, s, "192.0.2.3"), idOf(t, s, "192.0.2.2"), idOf(t, s, "host.example.net"), idOf(t, s, "192.0.2.1"))
	a := call(t, s, "Bearer "+token, "POST", "/zones/"+zone+"/dns_records/batch", body)
	if a.Status != 200 {
		t.Fatal(a.Raw)
	}
	want := []string{"a.example.com CNAME host.example.net", "c.example.com A 192.0.2.9", "p.example.com A 192.0.2.8", "q.example.com A 192.0.2.2"}
	if diff := cmp.Diff(want, contents(s)); diff != "" {
		t.Error(diff)
	}
	var result map[string][]map[string]any
	if err := json.Unmarshal(a.Result, &result); err != nil {
		t.Fatal(err)
	}
	for key, n := range map[string]int{"deletes": 2, "patches": 1, "puts": 1, "posts": 2} {
		if len(result[key]) != n {
			t.Errorf("%s: got %d results, want %d", key, len(result[key]), n)
		}
	}
}

func TestBatchIsAllOrNothing(t *testing.T) {
	for _, c := range []struct{ last, want string }{
		{`"posts":[{"type":"A","name":"x","content":"192.0.2.5"},{"type":"A","name":"x","content":"bad"}]`, "400 9005"},
		{`"posts":[{"type":"A","name":"x","content":"192.0.2.5"},{"type":"A","name":"x","content":"192.0.2.5"}]`, "400 81058"},
		{`"posts":[{"type":"CNAME","name":"b","content":"a.example.net"}]`, "400 81053"},
		{`"patches":[{"id":"` + strings.Repeat("0", 32) + `","ttl":60}]`, "404 81044"},
		{`"puts":[{"type":"A","name":"b","content":"192.0.2.7"}]`, "404 81044"},
	} {
		s, zone := with(t, cloudflare.Options{}, `{"type":"A","name":"a","content":"192.0.2.1"}`, `{"type":"A","name":"b","content":"192.0.2.2"}`)
		before := s.Records("example.com")
		body := fmt.Sprintf(`{"deletes":[{"id":%q}],%s}`, before[0].ID, c.last)
		a := call(t, s, "Bearer "+token, "POST", "/zones/"+zone+"/dns_records/batch", body)
		if got := fmt.Sprintf("%d %s", a.Status, codes(a)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.last, got, c.want)
		}
		if got, want := contents(s), []string{"a.example.com A 192.0.2.1", "b.example.com A 192.0.2.2"}; !cmp.Equal(got, want) {
			t.Errorf("%s: half done: %s", c.last, cmp.Diff(want, got))
		}
	}
}

func TestBatchLimit(t *testing.T) {
	for plan, limit := range map[cloudflare.Plan]int{cloudflare.Free: 200, cloudflare.Paid: 3500} {
		s, zone := with(t, cloudflare.Options{Plan: plan, MaxRecords: 10000})
		for _, n := range []int{limit, limit + 1} {
			var posts []string
			for i := range n {
				posts = append(posts, fmt.Sprintf(`{"type":"A","name":"n%d-%d","content":"192.0.2.1"}`, n, i))
			}
			a := call(t, s, "Bearer "+token, "POST", "/zones/"+zone+"/dns_records/batch", `{"posts":[`+strings.Join(posts, ",")+`]}`)
			if got, want := a.Status == 200, n == limit; got != want {
				t.Errorf("plan %d, %d operations: got %d", plan, n, a.Status)
			}
		}
	}
}

func TestRecordQuota(t *testing.T) {
	s, zone := with(t, cloudflare.Options{MaxRecords: 1}, `{"type":"A","name":"a","content":"192.0.2.1"}`)
	a := call(t, s, "Bearer "+token, "POST", "/zones/"+zone+"/dns_records", `{"type":"A","name":"b","content":"192.0.2.1"}`)
	if got, want := codes(a), "81045"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
