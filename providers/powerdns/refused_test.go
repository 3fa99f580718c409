package powerdns

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/providertest"
)

// picky holds what it is given, refuses every PATCH with a type of refuse, and keeps what it took.
type picky struct {
	holds  []rrsetJSON
	refuse string

	mu    sync.Mutex
	taken [][]string // change, owner and type, by PATCH
}

func (p *picky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		_ = json.NewEncoder(w).Encode(zoneJSON{Name: "example.org.", RRsets: append([]rrsetJSON{}, p.holds...)})
		return
	}
	var body zoneJSON
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var did []string
	for _, s := range body.RRsets {
		if s.Type == p.refuse {
			http.Error(w, `{"error":"no `+s.Type+` here"}`, http.StatusUnprocessableEntity)
			return
		}
		label, _, _ := strings.Cut(s.Name, ".")
		did = append(did, s.ChangeType+" "+label+" "+s.Type)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = append(p.taken, did)
	w.WriteHeader(http.StatusNoContent)
}

func (p *picky) apply(t *testing.T, changes ...providers.Change) error {
	t.Helper()
	srv := httptest.NewServer(p)
	defer srv.Close()
	return newDriver(t, srv.URL, "x").Apply(t.Context(), zone, nil, changes)
}

// creation is the change that makes a set, removal the one that takes it away; health where the text begins with "!".
func creation(text string) providers.Change {
	text, health := strings.TrimPrefix(text, "!"), strings.HasPrefix(text, "!")
	s := providertest.Set("example.org", text)
	return providers.Change{Name: s.Name, Type: s.Type, New: s, Health: health}
}

func removal(text string) providers.Change {
	c := creation(text)
	c.Old, c.New = c.New, c.Old
	return c
}

// blamed lists the changes that err names, and sees to it that each wraps want.
func blamed(t *testing.T, err, want error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var out []string
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		var ce *providers.ChangeError
		if !errors.As(e, &ce) || !errors.Is(e, want) {
			t.Errorf("%v is no ChangeError with %v", e, want)
			continue
		}
		out = append(out, strings.TrimSuffix(strings.Fields(e.Error())[0], ".example.org.")+" "+strings.TrimSuffix(strings.Fields(e.Error())[1], ":"))
	}
	return out
}

// TestRefusedEdit: it keeps nothing back, neither a verdict at its name nor other edits.
func TestRefusedEdit(t *testing.T) {
	for _, tt := range []struct {
		changes []providers.Change
		blamed  []string
		taken   []string
	}{
		{[]providers.Change{creation("www TXT x"), creation("!www A 192.0.2.1")}, []string{"www TXT"}, []string{"REPLACE www A"}},
		{[]providers.Change{creation("!www TXT x"), creation("!www A 192.0.2.1")}, []string{"www TXT"}, []string{"REPLACE www A"}},
		{[]providers.Change{creation("www TXT x"), creation("www A 192.0.2.1"), creation("a A 192.0.2.1"), creation("!z A 192.0.2.1")},
			[]string{"www TXT"}, []string{"REPLACE z A", "REPLACE a A", "REPLACE www A"}},
	} {
		p := &picky{refuse: "TXT"}
		err := p.apply(t, tt.changes...)
		if diff := cmp.Diff(tt.blamed, blamed(t, err, providers.ErrRefused)); diff != "" {
			t.Errorf("blamed (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(tt.taken, slices.Concat(p.taken...)); diff != "" {
			t.Errorf("taken (-want +got)\n%s", diff)
		}
	}
}

// TestVerdictsAlone: verdicts go in a PATCH without edits, before them, unless a CNAME binds them.
func TestVerdictsAlone(t *testing.T) {
	cname := rrsetJSON{Name: "c.example.org.", Type: "CNAME", TTL: 300, Records: []recordJSON{{Content: "x.example.org."}}}
	p := &picky{holds: []rrsetJSON{cname}}
	err := p.apply(t, creation("www TXT x"), creation("a A 192.0.2.1"), creation("!www A 192.0.2.1"), creation("!c A 192.0.2.1"), removal("c CNAME x"))
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"DELETE c CNAME", "REPLACE c A", "REPLACE www A"}, {"REPLACE a A", "REPLACE www TXT"}}
	if diff := cmp.Diff(want, p.taken); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestBoundTogether: where one change of an exchange is refused or does not fit, none is made, and others are.
func TestBoundTogether(t *testing.T) {
	cname := rrsetJSON{Name: "c.example.org.", Type: "CNAME", TTL: 300, Records: []recordJSON{{Content: "x.example.org."}}}
	changes := []providers.Change{removal("c CNAME x"), creation("c A 192.0.2.1"), creation("c AAAA 2001:db8::1"), creation("d A 192.0.2.1")}
	names := []string{"c A", "c AAAA", "c CNAME"}
	for _, tt := range []struct {
		p    *picky
		want error
	}{
		{&picky{holds: []rrsetJSON{cname}, refuse: "AAAA"}, providers.ErrRefused},
		{&picky{}, nil}, // somebody took the CNAME away: that is done, the rest goes on
		{&picky{holds: []rrsetJSON{{Name: "c.example.org.", Type: "CNAME", TTL: 300, Records: []recordJSON{{Content: "y.example.org."}}}}}, providers.ErrConflict},
	} {
		err := tt.p.apply(t, slices.Clone(changes)...)
		got := blamed(t, err, tt.want)
		slices.Sort(got)
		want, taken := names, [][]string{{"REPLACE d A"}}
		if tt.p.holds == nil {
			want, taken = nil, [][]string{{"REPLACE c A", "REPLACE c AAAA", "REPLACE d A"}}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("blamed (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(taken, tt.p.taken); diff != "" {
			t.Errorf("taken (-want +got)\n%s", diff)
		}
	}
}

// TestUnreadableRecordStays: no change of its RRset, a deletion neither, takes along what can't be read.
func TestUnreadableRecordStays(t *testing.T) {
	caa := rrsetJSON{Name: "www.example.org.", Type: "CAA", TTL: 300, Records: []recordJSON{{Content: `0 issue "ca.example"`}, {Content: "what can't be read"}}}
	old := removal(`www 300 CAA 0 issue "ca.example"`)
	edit := old
	edit.New = providertest.Set("example.org", `www 300 CAA 0 issue "other.example"`)
	verdict := old
	verdict.Health = true
	for name, c := range map[string]providers.Change{"deletion": old, "edit": edit, "verdict": verdict} {
		p := &picky{holds: []rrsetJSON{caa}}
		err := p.apply(t, c, creation("www A 192.0.2.1"))
		if diff := cmp.Diff([]string{"www CAA"}, blamed(t, err, providers.ErrRefused)); diff != "" {
			t.Errorf("%s: blamed (-want +got)\n%s", name, diff)
		}
		if err == nil || !strings.Contains(err.Error(), `"what can't be read"`) {
			t.Errorf("%s: %v does not say which record", name, err)
		}
		if diff := cmp.Diff([][]string{{"REPLACE www A"}}, p.taken); diff != "" {
			t.Errorf("%s: taken (-want +got)\n%s", name, diff)
		}
	}
}
