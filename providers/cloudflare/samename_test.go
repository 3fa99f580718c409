package cloudflare_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	emulator "github.com/mangrove-dns/mangrove/integration/emulator/cloudflare"
	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// refusals lists the changes that err names, sorted, and sees to it that each was refused.
func (r *rig) refusals(err error) []string {
	r.t.Helper()
	if err == nil {
		return nil
	}
	joined, ok := errors.Unwrap(err).(interface{ Unwrap() []error })
	if !ok {
		r.t.Fatalf("got %v", err)
	}
	var out []string
	for _, e := range joined.Unwrap() {
		var ce *providers.ChangeError
		if !errors.As(e, &ce) || !errors.Is(e, providers.ErrRefused) {
			r.t.Errorf("%v is not the refusal of a change", e)
			continue
		}
		label, _, _ := strings.Cut(ce.Name.String(), ".")
		out = append(out, label+" "+zones.TypeString(ce.Type))
	}
	slices.Sort(out)
	return out
}

// applyFound applies changes from what a snapshot shows.
func (r *rig) applyFound(changes ...providers.Change) error {
	r.t.Helper()
	snap := r.snapshot()
	for i, c := range changes {
		for _, s := range snap.RRsets {
			if s.Name == c.Name && s.Type == c.Type {
				changes[i].Old = s
			}
		}
	}
	return r.driver.Apply(r.t.Context(), origin, snap, changes)
}

// A refused edit takes neither a verdict at its name with it nor another edit.
func TestRefusedEditAtTheNameOfAVerdict(t *testing.T) {
	const both, one = "www 60 IN A 192.0.2.1\nwww 60 IN A 192.0.2.2", "www 60 IN A 192.0.2.2"
	const full = "www 60 IN TXT a\nwww 60 IN TXT b\nwww 60 IN TXT c\nwww 60 IN TXT d" // more than the quota allows
	for name, c := range map[string]struct {
		healthA, healthTXT bool
	}{"verdict and edit": {true, false}, "two verdicts": {true, true}, "two edits": {false, false}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, emulator.Options{MaxRecords: 3}, nil)
			r.push(both)
			withdrawal, edit := r.change(both, one), r.change("", full)
			withdrawal.Health, edit.Health = c.healthA, c.healthTXT
			err := r.applyFound(edit, withdrawal)
			if diff := cmp.Diff([]string{"www TXT"}, r.refusals(err)); diff != "" {
				t.Errorf("refused (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff([]string{"www.example.com 60 A 192.0.2.2"}, r.held()); diff != "" {
				t.Errorf("held (-want +got)\n%s", diff)
			}
		})
	}
}

// The verdict goes before the edit of its name, in a transaction of its own.
func TestVerdictBeforeEditOfItsName(t *testing.T) {
	r := newRig(t, emulator.Options{}, nil)
	edit, verdict := r.change("", "www 300 IN TXT x"), r.change("", "www 300 IN A 192.0.2.2")
	verdict.Health = true
	if err := r.driver.Apply(t.Context(), origin, r.snapshot(), []providers.Change{edit, verdict}); err != nil {
		t.Fatal(err)
	}
	got := r.batches()
	if len(got) != 2 || len(got[0].Posts) != 1 || got[0].Posts[0]["type"] != "A" || got[1].Posts[0]["type"] != "TXT" {
		t.Errorf("got %v", got)
	}
}

// What a CNAME is exchanged for is refused as a whole, whoever asked for which part.
func TestRefusedExchange(t *testing.T) {
	r := newRig(t, emulator.Options{MaxRecords: 2}, nil)
	r.push("c 300 IN CNAME x.example.net.")
	gone := r.change("c 300 IN CNAME x.example.net.", "")
	come, more := r.change("", "c 300 IN A 192.0.2.1\nc 300 IN A 192.0.2.2"), r.change("", "c 300 IN AAAA 2001:db8::1")
	come.Health, gone.Health = true, true
	err := r.applyFound(gone, come, more)
	if diff := cmp.Diff([]string{"c A", "c AAAA", "c CNAME"}, r.refusals(err)); diff != "" {
		t.Errorf("refused (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"c.example.com 300 CNAME x.example.net"}, r.held()); diff != "" {
		t.Errorf("held (-want +got)\n%s", diff)
	}
}
