package providers

import (
	"fmt"
	"slices"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// The guards. Each is let pass alone, by its id.
const (
	GuardSource   = "G1" // the zone is empty: nothing would be left of it. Without a SOA it can't be let pass
	GuardDeletes  = "G2" // too many records or names would be deleted
	GuardUpdates  = "G3" // too many RRsets would be changed
	GuardCritical = "G4" // an RRset goes whose loss takes much with it: at the apex, MX, a wildcard, a delegation
	GuardAdopt    = "G5" // data that stood there before us would be removed
	GuardSwap     = "G6" // a CNAME takes the place of other data, or the reverse
	GuardEmpty    = "G7" // an automatic change would empty an RRset; can't be let pass
)

// Guard is a limit that a plan goes beyond.
type Guard struct {
	ID          string   `json:"id"`
	Text        string   `json:"text"` // "14 of 40 records would be deleted (35 %, limit 30 %)"
	Count       int      `json:"count"`
	Of          int      `json:"of,omitempty"`
	Limit       int      `json:"limit"`           // how many would have passed
	Names       []string `json:"names,omitempty"` // what it is about: "@ MX"
	Allowed     bool     `json:"allowed"`
	Overridable bool     `json:"overridable"`
}

// Limits are the limits of one mirror. They count edits; withdrawals have their own floor: an outage must not trip a limit
// exactly when mirroring matters most.
type Limits struct {
	DeletePercent int // of the records, and of the names, that are ours there. 0: 30. One deletion always passes
	UpdatePercent int // of the RRsets that are ours there. 0: 30. Three updates always pass
}

const (
	defaultPercent = 30
	freeDeletes    = 1
	freeUpdates    = 3
)

// allowance is how many of total may go at percent: never less than free, so that a zone of five records can lose
// one, and of four not two.
func allowance(total, percent, free int) int {
	if percent <= 0 {
		percent = defaultPercent
	}
	return max(free, total*percent/100)
}

// tally is what the guards look at.
type tally struct {
	values, names, sets          int // ours, held now
	deletedValues                int
	deletedNames                 []string
	updated                      []string
	critical, adopted, swapped   []string
	adoptedValues                int
	emptied                      []string
	noSOA, noRecords, everything bool
}

// count adds one change of an edit to the tally.
func (t *tally) count(c Change, label string, removed, added int, owned, byEdit bool) {
	if !byEdit {
		if c.New.IsZero() {
			t.emptied = append(t.emptied, label)
		}
		return
	}
	if c.Old.IsZero() {
		return
	}
	if !owned {
		if removed > 0 {
			t.adopted = append(t.adopted, label)
			t.adoptedValues += removed
		}
		return
	}
	t.deletedValues += max(0, removed-added)
	if !c.New.IsZero() {
		t.updated = append(t.updated, label)
	}
}

// isCritical says whether the loss of an RRset takes more with it than itself.
func isCritical(k Key, origin zones.Name) bool {
	return k.Name == origin || k.Name.IsWildcard() || k.Type == dns.TypeMX || k.Type == dns.TypeNS
}

// guards returns what the tally goes beyond.
func (t *tally) guards(l Limits, allow []string) []Guard {
	var out []Guard
	trip := func(g Guard) {
		g.Overridable = g.ID != GuardEmpty && !(g.ID == GuardSource && t.noSOA)
		g.Allowed = g.Overridable && slices.Contains(allow, g.ID)
		out = append(out, g)
	}
	t.source(trip)
	t.deletes(l, trip)
	if limit := allowance(t.sets, l.UpdatePercent, freeUpdates); len(t.updated) > limit {
		trip(Guard{ID: GuardUpdates, Count: len(t.updated), Of: t.sets, Limit: limit, Names: t.updated,
			Text: fmt.Sprintf("%d of %d RRsets would be changed (%s)", len(t.updated), t.sets, percent(len(t.updated), t.sets, l.UpdatePercent))})
	}
	for _, g := range []struct {
		id, text string
		names    []string
	}{
		{GuardCritical, "deletes at the apex, of MX, a wildcard or a delegation", t.critical},
		{GuardAdopt, recordCount(t.adoptedValues) + " that stood there before us would be removed", t.adopted},
		{GuardSwap, "a CNAME and other data change places; where the provider has no atomic swap, the name has neither for a moment", t.swapped},
		{GuardEmpty, "an automatic change would leave nothing", t.emptied},
	} {
		if len(g.names) > 0 {
			trip(Guard{ID: g.id, Text: g.text, Count: len(g.names), Names: g.names})
		}
	}
	return out
}

// recordCount is "1 record", "2 records".
func recordCount(n int) string {
	if n == 1 {
		return "1 record"
	}
	return fmt.Sprintf("%d records", n)
}

func (t *tally) source(trip func(Guard)) {
	switch {
	case t.noSOA:
		trip(Guard{ID: GuardSource, Text: "the zone has no SOA record: it was not loaded whole"})
	case t.noRecords && t.everything:
		trip(Guard{ID: GuardSource, Count: t.values, Of: t.values,
			Text: fmt.Sprintf("the zone has no records but its apex SOA and NS: all there would be deleted (%s)", recordCount(t.values))})
	}
}

func (t *tally) deletes(l Limits, trip func(Guard)) {
	values, names := allowance(t.values, l.DeletePercent, freeDeletes), allowance(t.names, l.DeletePercent, freeDeletes)
	switch {
	case t.deletedValues > values:
		trip(Guard{ID: GuardDeletes, Count: t.deletedValues, Of: t.values, Limit: values, Names: t.deletedNames,
			Text: fmt.Sprintf("%d of %d records would be deleted (%s)", t.deletedValues, t.values, percent(t.deletedValues, t.values, l.DeletePercent))})
	case len(t.deletedNames) > names:
		trip(Guard{ID: GuardDeletes, Count: len(t.deletedNames), Of: t.names, Limit: names, Names: t.deletedNames,
			Text: fmt.Sprintf("%d of %d names would lose an RRset (%s)", len(t.deletedNames), t.names, percent(len(t.deletedNames), t.names, l.DeletePercent))})
	}
}

func percent(n, of, limit int) string {
	if limit <= 0 {
		limit = defaultPercent
	}
	return fmt.Sprintf("%d %%, limit %d %%", n*100/max(of, 1), limit)
}
