package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
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
			Name: r.Owner.Relative(src.origin), Target: r.Target.String(), TTL: r.TTL, Addresses: []string{}, Unknown: []string{},
			Own: s.Own, Since: s.Since, Heard: s.Good, Problem: s.Problem, Failing: s.Failing, Stale: s.Stale, Next: s.Next,
			Rotating: s.Every.Seconds(),
		}
		if held, ok := a.aliases.Held(r); ok {
			rep.Held, rep.Since, s.Answer = held.Target.String(), held.Since, held.Answer
		}
		for _, addr := range s.Addrs() {
			rep.Addresses = append(rep.Addresses, addr.String())
		}
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

// aliasProblems are those of ALIAS records that their zones' owners must mend: rings, at their places.
func (a *app) aliasProblems(src *source) []zones.Problem {
	var out []zones.Problem
	for _, r := range src.aliasRecords() {
		if s, ok := a.aliases.State(r.Target); ok && s.Ring {
			out = append(out, zones.Problem{Pos: r.Pos, Severity: zones.Error, Text: fmt.Sprintf("%s ALIAS is in a ring with other zones: %s; let one of them lead elsewhere", r.Owner, s.Problem)})
		}
	}
	return out
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
