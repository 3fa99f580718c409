package main

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/alias"
)

// aliasReport is how it stands with one ALIAS record.
type aliasReport struct {
	Name      string    `json:"name"` // relative to the zone
	Target    string    `json:"target"`
	TTL       uint32    `json:"ttl"`
	Addresses []string  `json:"addresses"` // before health withdraws any
	Unknown   []string  `json:"unknown"`   // families of which nothing is known yet: A, AAAA
	Own       bool      `json:"own"`       // the target is in a zone of ours
	Since     time.Time `json:"since,omitzero"`
	Heard     time.Time `json:"heard,omitzero"` // when both families were last heard of without a problem
	Problem   string    `json:"problem,omitempty"`
	Failing   time.Time `json:"failing,omitzero"`   // since when there is a problem
	Stale     time.Time `json:"stale,omitzero"`     // since when some of Addresses were not heard: the last good ones
	Next      time.Time `json:"next,omitzero"`      // when resolvers are asked again
	Rotating  float64   `json:"rotating,omitempty"` // seconds between two questions, more than the target's TTL says: it has others each time
	Held      string    `json:"held,omitempty"`     // the target of before, whose addresses these are until Target is resolved
}

// aliasReports tells how it stands with the ALIAS records of a source.
func (a *app) aliasReports(src *source) []aliasReport {
	out := []aliasReport{}
	for _, r := range src.aliasRecords() {
		s, _ := a.aliases.State(r.Target)
		rep := aliasReport{
			Name: r.Owner.Relative(src.origin), Target: r.Target.String(), TTL: r.TTL, Unknown: []string{},
			Own: s.Own, Since: s.Since, Heard: s.Good, Problem: s.Problem, Failing: s.Failing, Stale: s.Stale, Next: s.Next,
			Rotating: s.Every.Seconds(),
		}
		if held, ok := a.aliases.Held(r); ok {
			rep.Held, rep.Since, s.Answer = held.Target.String(), held.Since, held.Answer
		}
		rep.Addresses = addrTexts(s.Addrs())
		if !s.V4.Known {
			rep.Unknown = append(rep.Unknown, "A")
		}
		if !s.V6.Known {
			rep.Unknown = append(rep.Unknown, "AAAA")
		}
		out = append(out, rep)
	}
	return out
}

func addrTexts(addrs []netip.Addr) []string {
	out := make([]string, len(addrs))
	for i, a := range addrs {
		out[i] = a.String()
	}
	return out
}

// aliasProblems are those of ALIAS records that their zones' owners must mend, at their places.
func (a *app) aliasProblems(src *source) []zones.Problem {
	var out []zones.Problem
	for _, r := range src.aliasRecords() {
		s, ok := a.aliases.State(r.Target)
		if !ok {
			continue
		}
		_, held := a.aliases.Held(r)
		if severity, text := aliasProblem(s, held, a.now()); text != "" {
			out = append(out, zones.Problem{Pos: r.Pos, Severity: severity, Text: fmt.Sprintf("%s ALIAS %s", r.Owner, text)})
		}
	}
	return out
}

// aliasProblem says what is wrong with a target that will hardly mend itself: a ring, or a problem that has lasted for a day. held: there are
// addresses of another target.
func aliasProblem(s alias.State, held bool, now time.Time) (zones.Severity, string) {
	days := s.Days(now)
	switch {
	case s.Ring:
		return zones.Error, fmt.Sprintf("is in a ring with other zones: %s; let one of them lead elsewhere", s.Problem)
	case days == 0:
	case !s.Stale.IsZero():
		return zones.Warning, fmt.Sprintf("%s: its last good addresses, heard %s ago, are served still and may be somebody else's by now: %s; let it lead elsewhere, or remove it",
			s.Target, count(days, "day"), s.Problem)
	case held:
		return zones.Warning, fmt.Sprintf("%s has not been resolved for %s, and the addresses of its target of before are served still: %s", s.Target, count(days, "day"), s.Problem)
	case len(s.Addrs()) == 0:
		return zones.Warning, fmt.Sprintf("%s has not been resolved for %s: %s", s.Target, count(days, "day"), s.Problem)
	}
	return zones.Warning, ""
}

// String is the report in a line, behind the name.
func (r aliasReport) String() string {
	text := r.Target + ": " + strings.Join(r.Addresses, ", ")
	if len(r.Addresses) == 0 {
		text += "not resolved yet, questions for its addresses are answered SERVFAIL"
	} else if len(r.Unknown) > 0 {
		text += fmt.Sprintf("; %s not resolved yet, answered SERVFAIL", strings.Join(r.Unknown, " and "))
	}
	if r.Held != "" {
		text += fmt.Sprintf(", still the addresses of %s: %s has not been resolved", r.Held, r.Target)
		if r.Problem != "" {
			text += ": " + r.Problem
		}
	}
	if r.Own && r.Held == "" {
		text += ", from our own zone"
	}
	if !r.Since.IsZero() {
		text += " since " + when(r.Since)
	}
	switch {
	case r.Held != "": // the problem was said
	case !r.Stale.IsZero():
		text += fmt.Sprintf("; the last good ones stay since %s: %s", when(r.Stale), r.Problem)
	case r.Problem != "" && len(r.Addresses) > 0:
		text += fmt.Sprintf("; resolved in part since %s: %s", when(r.Failing), r.Problem)
	case r.Problem != "":
		text += fmt.Sprintf("; failing since %s: %s", when(r.Failing), r.Problem)
	case !r.Heard.IsZero() && !r.Own:
		text += ", heard " + when(r.Heard)
	}
	if r.Rotating > 0 {
		text += fmt.Sprintf("; it rotates: other addresses each time, so it is asked every %v only", time.Duration(r.Rotating*float64(time.Second)))
	}
	if !r.Next.IsZero() {
		text += ", asked again " + when(r.Next)
	}
	return text
}
