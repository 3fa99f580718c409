package cloudflare_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	emulator "github.com/mangrove-dns/mangrove/integration/emulator/cloudflare"
	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/cloudflare"
)

// sent is the body of a batch.
type sent struct {
	Deletes, Patches, Posts []map[string]any
}

// batches returns what was sent to the batch endpoint since the log was reset.
func (r *rig) batches() []sent {
	r.t.Helper()
	var out []sent
	for _, req := range r.Requests() {
		if !strings.HasSuffix(req.Path, "/batch") {
			continue
		}
		var s sent
		if err := json.Unmarshal([]byte(req.Body), &s); err != nil {
			r.t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

func (s sent) String() string {
	return fmt.Sprintf("%d deletes, %d patches, %d posts", len(s.Deletes), len(s.Patches), len(s.Posts))
}

func TestOperations(t *testing.T) {
	for name, c := range map[string]struct {
		from, to string
		want     string
	}{
		"new":                  {"", "www 300 IN A 192.0.2.1\nwww 300 IN A 192.0.2.2", "0 deletes, 0 patches, 2 posts"},
		"withdrawn":            {"www IN A 192.0.2.1\nwww IN A 192.0.2.2", "www IN A 192.0.2.2", "1 deletes, 0 patches, 0 posts"},
		"restored":             {"www IN A 192.0.2.2", "www IN A 192.0.2.1\nwww IN A 192.0.2.2", "0 deletes, 0 patches, 1 posts"},
		"address swapped":      {"www IN A 192.0.2.1", "www IN A 192.0.2.2", "0 deletes, 1 patches, 0 posts"},
		"two become one other": {"www IN A 192.0.2.1\nwww IN A 192.0.2.2", "www IN A 192.0.2.3", "1 deletes, 1 patches, 0 posts"},
		"one becomes two":      {"www IN A 192.0.2.1", "www IN A 192.0.2.2\nwww IN A 192.0.2.3", "0 deletes, 1 patches, 1 posts"},
		"TTL":                  {"www 300 IN A 192.0.2.1\nwww 300 IN A 192.0.2.2", "www 60 IN A 192.0.2.1\nwww 60 IN A 192.0.2.2", "0 deletes, 2 patches, 0 posts"},
		"A to CNAME":           {"www IN A 192.0.2.1\nwww IN AAAA 2001:db8::1", "www IN CNAME www.example.net.", "2 deletes, 0 patches, 1 posts"},
		"CNAME to A":           {"www IN CNAME www.example.net.", "www IN A 192.0.2.1", "1 deletes, 0 patches, 1 posts"},
		"CNAME target":         {"www IN CNAME a.example.net.", "www IN CNAME b.example.net.", "0 deletes, 1 patches, 0 posts"},
		"MX preference":        {"@ IN MX 10 mail", "@ IN MX 0 mail", "0 deletes, 1 patches, 0 posts"},
		"SRV port":             {"_a._tcp IN SRV 1 2 3 www", "_a._tcp IN SRV 0 0 0 www", "0 deletes, 1 patches, 0 posts"},
		"case only":            {"@ IN MX 10 mail", "@ IN MX 10 MAIL", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, emulator.Options{}, nil)
			if c.from != "" {
				r.push(c.from)
			}
			r.ResetRequests()
			r.push(c.to)
			var got []string
			for _, b := range r.batches() {
				got = append(got, b.String())
			}
			if got := strings.Join(got, "; "); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// A patch sends what changes and nothing else, so that what hangs on the record stays.
func TestPatchKeepsWhatHangsOnTheRecord(t *testing.T) {
	r := newRig(t, emulator.Options{Plan: emulator.Paid}, nil)
	r.create(map[string]any{"type": "A", "name": "www", "content": "192.0.2.1", "proxied": true, "comment": "mine", "tags": []string{"a:b"}})
	r.create(map[string]any{"type": "TXT", "name": "www", "content": `"x"`, "ttl": 1, "comment": "text"})
	r.push("www 60 IN A 192.0.2.2\nwww 300 IN TXT \"x\"")
	want := []string{"www.example.com 1 A 192.0.2.2 proxied #mine a:b", `www.example.com 1 TXT "x" #text`}
	if diff := cmp.Diff(want, r.held()); diff != "" {
		t.Error(diff)
	}
	if got := r.batches(); len(got) != 1 || len(got[0].Patches) != 1 || got[0].Patches[0]["proxied"] != nil || got[0].Patches[0]["comment"] != nil {
		t.Errorf("got %v", got)
	}
}

func TestOverlays(t *testing.T) {
	r := newRig(t, emulator.Options{Plan: emulator.Paid}, nil)
	const served = "www 60 IN A 192.0.2.1\nwww 60 IN TXT \"x\"\nin 60 IN A 192.168.0.1\n"
	for _, c := range []struct {
		overlay []string
		want    []string
	}{
		{nil, []string{"in.example.com 60 A 192.168.0.1", "www.example.com 60 A 192.0.2.1", `www.example.com 60 TXT "x"`}},
		{[]string{"www proxied=true", "www comment=web", "in proxied=true"},
			[]string{"in.example.com 60 A 192.168.0.1", "www.example.com 1 A 192.0.2.1 proxied #web", `www.example.com 60 TXT "x" #web`}},
		{[]string{"www tags=team:dns, env:prod"},
			[]string{"in.example.com 60 A 192.168.0.1", "www.example.com 1 A 192.0.2.1 proxied #web env:prod,team:dns", `www.example.com 60 TXT "x" #web env:prod,team:dns`}},
		{[]string{"www proxied=false", "www comment=", "www tags="},
			[]string{"in.example.com 60 A 192.168.0.1", "www.example.com 60 A 192.0.2.1", `www.example.com 60 TXT "x"`}},
	} {
		r.push(served, c.overlay...)
		if diff := cmp.Diff(c.want, r.held()); diff != "" {
			t.Errorf("overlay %q:\n%s", c.overlay, diff)
		}
	}
	// A new address beside a proxied one is proxied too, and commented alike.
	r.push(served, "www proxied=true", "www comment=web")
	r.push(served + "www 60 IN A 192.0.2.2")
	if got, want := r.held()[2], "www.example.com 1 A 192.0.2.2 proxied #web"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Records of one RRset may differ in TTL and attributes at Cloudflare: a plan sees it, and evens out what the zone asks for.
func TestUnevenRecords(t *testing.T) {
	r := newRig(t, emulator.Options{}, nil)
	r.create(map[string]any{"type": "A", "name": "www", "content": "192.0.2.1", "ttl": 60, "comment": "one"})
	r.create(map[string]any{"type": "A", "name": "www", "content": "192.0.2.2", "ttl": 300})
	snap := r.snapshot()
	if s := snap.RRsets[0]; s.TTL != 0 || s.Attrs["comment"] != "(differs)  | one" {
		t.Errorf("snapshot %+v", s)
	}
	r.push("www 300 IN A 192.0.2.1\nwww 300 IN A 192.0.2.2")
	if diff := cmp.Diff([]string{"www.example.com 300 A 192.0.2.1 #one", "www.example.com 300 A 192.0.2.2"}, r.held()); diff != "" {
		t.Error(diff)
	}
	r.push("www 300 IN A 192.0.2.1\nwww 300 IN A 192.0.2.2", "www comment=web")
	if diff := cmp.Diff([]string{"www.example.com 300 A 192.0.2.1 #web", "www.example.com 300 A 192.0.2.2 #web"}, r.held()); diff != "" {
		t.Error(diff)
	}
}

// A verdict's change keeps the TTLs that it found.
func TestUnevenRecordsKeptByHealth(t *testing.T) {
	r := newRig(t, emulator.Options{}, nil)
	r.create(map[string]any{"type": "A", "name": "www", "content": "192.0.2.1", "ttl": 60})
	r.create(map[string]any{"type": "A", "name": "www", "content": "192.0.2.2", "ttl": 300})
	snap := r.snapshot()
	c := providers.Change{Name: snap.RRsets[0].Name, Type: 1, Old: snap.RRsets[0], Health: true}
	c.New = c.Old
	c.New.Data = append([][]byte{{192, 0, 2, 3}}, c.Old.Data...)
	if err := r.driver.Apply(t.Context(), origin, snap, []providers.Change{c}); err != nil {
		t.Fatal(err)
	}
	want := []string{"www.example.com 60 A 192.0.2.1", "www.example.com 300 A 192.0.2.2", "www.example.com 60 A 192.0.2.3"}
	if diff := cmp.Diff(want, r.held()); diff != "" {
		t.Error(diff)
	}
}

func TestConflicts(t *testing.T) {
	const before = "www 300 IN A 192.0.2.1\nother 300 IN A 192.0.2.9\n"
	for name, meddle := range map[string]func(*rig){
		"value added":   func(r *rig) { r.create(map[string]any{"type": "A", "name": "www", "content": "192.0.2.7", "ttl": 300}) },
		"value changed": func(r *rig) { r.mustUpdate("www.example.com", map[string]any{"content": "192.0.2.7"}) },
		"TTL changed":   func(r *rig) { r.mustUpdate("www.example.com", map[string]any{"ttl": 120}) },
		"proxied":       func(r *rig) { r.mustUpdate("www.example.com", map[string]any{"proxied": true}) },
		"commented":     func(r *rig) { r.mustUpdate("www.example.com", map[string]any{"comment": "hands off"}) },
		"gone":          func(r *rig) { r.mustDelete("www.example.com") },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, emulator.Options{}, nil)
			r.push(before)
			snap := r.snapshot()
			p := r.plan(snap, "www 300 IN A 192.0.2.2\nother 300 IN A 192.0.2.10\n")
			meddle(r)
			held := r.held()
			err := r.driver.Apply(t.Context(), origin, snap, p.Changes())
			var change *providers.ChangeError
			if !errors.Is(err, providers.ErrConflict) || !errors.As(err, &change) || change.Name.String() != "www.example.com." {
				t.Fatalf("got %v", err)
			}
			// The other change is done, this one not.
			held[0] = "other.example.com 300 A 192.0.2.10"
			if diff := cmp.Diff(held, r.held()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func (r *rig) mustUpdate(name string, fields map[string]any) {
	r.t.Helper()
	if _, err := r.Update("example.com", r.id(name), fields); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) mustDelete(name string) {
	r.t.Helper()
	if err := r.Delete("example.com", r.id(name)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) id(name string) string {
	for _, rec := range r.Records("example.com") {
		if rec.Name == name {
			return rec.ID
		}
	}
	r.t.Fatalf("no record %s", name)
	return ""
}

// Doing it twice is no conflict: what is wanted is there.
func TestAppliedAlready(t *testing.T) {
	r := newRig(t, emulator.Options{}, nil)
	r.push("www 300 IN A 192.0.2.1")
	snap := r.snapshot()
	changes := r.plan(snap, "www 300 IN A 192.0.2.2").Changes()
	for range 2 {
		if err := r.driver.Apply(t.Context(), origin, snap, changes); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.Count("POST", "/batch"); got != 2 {
		t.Errorf("%d batches, want 2", got)
	}
}

// Changes of a name with a CNAME stand or fall together.
func TestExchangeOfCNAMEIsOneThing(t *testing.T) {
	r := newRig(t, emulator.Options{}, nil)
	r.push("www 300 IN A 192.0.2.1\nwww 300 IN AAAA 2001:db8::1")
	snap := r.snapshot()
	changes := r.plan(snap, "www 300 IN CNAME www.example.net.").Changes()
	if len(changes) != 3 {
		t.Fatalf("%d changes", len(changes))
	}
	r.create(map[string]any{"type": "AAAA", "name": "www", "content": "2001:db8::2", "ttl": 300})
	err := r.driver.Apply(t.Context(), origin, snap, changes)
	if !errors.Is(err, providers.ErrConflict) || strings.Count(err.Error(), "www.example.com.") < 3 {
		t.Errorf("got %v", err)
	}
	if got := len(r.held()); got != 3 {
		t.Errorf("%d records, want 3", got)
	}
}

// One record that is refused does not hold up the others, and is named.
func TestRefusedChangeStandsAlone(t *testing.T) {
	r := newRig(t, emulator.Options{}, nil)
	var changes []providers.Change
	for i := range 40 {
		changes = append(changes, r.change("", fmt.Sprintf("h%d 300 IN A 192.0.2.%d", i, i+1)))
	}
	changes = append(changes, r.change("", "loop 300 IN CNAME loop")) // "cannot reference itself"
	err := r.driver.Apply(t.Context(), origin, r.snapshot(), changes)
	var change *providers.ChangeError
	if !errors.Is(err, providers.ErrRefused) || !errors.As(err, &change) || change.Name.String() != "loop.example.com." {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(err.Error(), "h0") {
		t.Errorf("others are named: %v", err)
	}
	if got := len(r.held()); got != 40 {
		t.Errorf("%d records, want 40", got)
	}
	if got := r.Count("POST", "/batch"); got > 14 {
		t.Errorf("%d batches to find one of 41", got)
	}
}

func TestBatchLimits(t *testing.T) {
	for name, c := range map[string]struct {
		emulated emulator.Plan
		plan     cloudflare.Plan
		batches  int
	}{
		"free as the zone says": {emulator.Free, cloudflare.PlanUnknown, 3},
		"paid as the zone says": {emulator.Paid, cloudflare.PlanUnknown, 1},
		"free as configured":    {emulator.Paid, cloudflare.PlanFree, 3},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, emulator.Options{Plan: c.emulated}, func(o *cloudflare.Options) { o.Plan = c.plan })
			var b strings.Builder
			for i := range 150 { // three records a name
				for j := range 3 {
					fmt.Fprintf(&b, "h%d 300 IN A 192.0.%d.%d\n", i, j, i)
				}
			}
			r.push(b.String())
			seen := map[any]int{}
			for i, s := range r.batches() {
				for _, p := range s.Posts {
					if at, ok := seen[p["name"]]; ok && at != i {
						t.Errorf("%s is split over two batches", p["name"])
					}
					seen[p["name"]] = i
				}
			}
			if got := len(r.batches()); got != c.batches {
				t.Errorf("%d batches, want %d", got, c.batches)
			}
		})
	}
}

// A name with more records than a batch may have never is without any.
func TestOversizedName(t *testing.T) {
	r := newRig(t, emulator.Options{}, nil)
	many := func(n, net int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "big 300 IN A 192.0.%d.%d\n", net, i)
		}
		return b.String()
	}
	for _, zone := range []string{many(250, 2), many(250, 3), many(10, 4), "big 300 IN CNAME x.example.net.", many(250, 5), "big 300 IN CNAME y.example.net."} {
		r.ResetRequests()
		r.push(zone)
		for _, s := range r.batches() {
			if n := len(s.Deletes) + len(s.Patches) + len(s.Posts); n > 200 {
				t.Errorf("batch of %d", n)
			}
		}
	}
}

// Verdicts go first, and not in one transaction with edits.
func TestHealthGoesFirst(t *testing.T) {
	r := newRig(t, emulator.Options{}, nil)
	edit, verdict := r.change("", "a 300 IN A 192.0.2.1"), r.change("", "z 300 IN A 192.0.2.2")
	verdict.Health = true
	if err := r.driver.Apply(t.Context(), origin, r.snapshot(), []providers.Change{edit, verdict}); err != nil {
		t.Fatal(err)
	}
	got := r.batches()
	if len(got) != 2 || got[0].Posts[0]["name"] != "z.example.com" || got[1].Posts[0]["name"] != "a.example.com" {
		t.Errorf("got %v", got)
	}
}

func TestApexAndForeignNamesAreLeftAlone(t *testing.T) {
	r := newRig(t, emulator.Options{}, nil)
	for text, want := range map[string]error{
		"@ 300 IN NS ns1.example.net.":        providers.ErrCannotHold,
		"@ 300 IN SOA a. b. 1 2 3 4 5":        providers.ErrCannotHold,
		"www.example.org. 300 IN A 192.0.2.1": providers.ErrRefused,
		"wwwexample.com. 300 IN A 192.0.2.1":  providers.ErrRefused,
	} {
		err := r.driver.Apply(t.Context(), origin, r.snapshot(), []providers.Change{r.change("", text)})
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", text, err, want)
		}
	}
	if got := r.Count("POST", ""); got != 0 {
		t.Errorf("%d calls", got)
	}
}

// A failure between two batches leaves the rest undone; the next plan is the rest.
func TestFailureBetweenBatches(t *testing.T) {
	for name, kind := range map[string]emulator.FaultKind{"not done": emulator.ServerError, "done": emulator.ApplyThenFail} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, emulator.Options{MaxRecords: 3000}, nil)
			var b strings.Builder
			for i := range 500 {
				fmt.Fprintf(&b, "h%d 300 IN A 192.0.2.1\n", i)
			}
			snap := r.snapshot()
			r.Inject(emulator.Fault{Kind: kind, Method: "POST", Skip: 1})
			err := r.driver.Apply(t.Context(), origin, snap, r.plan(snap, b.String()).Changes())
			if !errors.Is(err, providers.ErrUnavailable) || !strings.Contains(err.Error(), "batch 2 of 3") {
				t.Fatalf("got %v", err)
			}
			want := 200
			if kind == emulator.ApplyThenFail {
				want = 400
			}
			if got := len(r.held()); got != want {
				t.Errorf("%d records, want %d", got, want)
			}
			r.push(b.String())
		})
	}
}

// One proxied address makes the name proxied: TTL 300, and what is added is proxied.
func TestPartlyProxiedName(t *testing.T) {
	r := newRig(t, emulator.Options{}, nil)
	r.create(map[string]any{"type": "A", "name": "www", "content": "192.0.2.1", "proxied": true})
	r.create(map[string]any{"type": "A", "name": "www", "content": "192.0.2.2", "ttl": 60})
	snap := r.snapshot()
	if s := snap.RRsets[0]; s.TTL != 300 || s.Attrs["proxied"] != "(differs) false | true" {
		t.Errorf("snapshot %+v", s)
	} else if _, visible := r.driver.Visible(s); visible {
		t.Error("visible")
	}
	r.push("www 60 IN A 192.0.2.1\nwww 60 IN A 192.0.2.2\nwww 60 IN A 192.0.2.3")
	want := []string{"www.example.com 1 A 192.0.2.1 proxied", "www.example.com 60 A 192.0.2.2", "www.example.com 1 A 192.0.2.3 proxied"}
	if diff := cmp.Diff(want, r.held()); diff != "" {
		t.Error(diff)
	}
}
