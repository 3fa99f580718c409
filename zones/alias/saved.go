package alias

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// savedRevision says how what is kept is written; another one is not read.
const savedRevision = 1

// saved is what is kept over a restart.
type saved struct {
	Revision int           `json:"revision"`
	Targets  []savedTarget `json:"targets"`
}

// savedTarget is what is known of a target. A family that is not there is not known; an empty one has no addresses.
type savedTarget struct {
	Target  string       `json:"target"`
	A       []netip.Addr `json:"a"`
	AAAA    []netip.Addr `json:"aaaa"`
	Since   time.Time    `json:"since,omitzero"`
	Good    time.Time    `json:"good,omitzero"`
	Problem string       `json:"problem,omitempty"`
	Failing time.Time    `json:"failing,omitzero"`
	Stale   time.Time    `json:"stale,omitzero"`
	Own     bool         `json:"own,omitempty"`
	Held    []savedHeld  `json:"held,omitempty"`
	Owners  []string     `json:"owners,omitempty"`
}

// savedHeld is what the owner of a record has as long as its target has no addresses.
type savedHeld struct {
	Owner  string       `json:"owner"`
	Target string       `json:"target"`
	A      []netip.Addr `json:"a"`
	AAAA   []netip.Addr `json:"aaaa"`
	Since  time.Time    `json:"since,omitzero"`
}

// Encode returns the states of targets that have addresses, or whose owners have others meanwhile, as a text, for Decode.
func Encode(states []State) []byte {
	s := saved{Revision: savedRevision, Targets: []savedTarget{}}
	for _, t := range states {
		if !t.has() && len(t.Held) == 0 {
			continue
		}
		out := savedTarget{Target: t.Target.String(), A: t.V4.saved(), AAAA: t.V6.saved(),
			Since: t.Since, Good: t.Good, Problem: t.Problem, Failing: t.Failing, Stale: t.Stale, Own: t.Own}
		for _, o := range t.Owners {
			out.Owners = append(out.Owners, o.String())
		}
		for _, h := range t.Held {
			out.Held = append(out.Held, savedHeld{Owner: h.Owner.String(), Target: h.Target.String(), A: h.V4.saved(), AAAA: h.V6.saved(), Since: h.Since})
		}
		s.Targets = append(s.Targets, out)
	}
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		panic(err) // strings, addresses and times always marshal
	}
	return append(text, '\n')
}

func (f Family) saved() []netip.Addr {
	if !f.Known {
		return nil
	}
	return append([]netip.Addr{}, f.Addrs...)
}

// Decode reads what Encode wrote.
func Decode(text []byte) ([]State, error) {
	var s saved
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("kept addresses of ALIAS targets: %w", err)
	}
	if s.Revision != savedRevision {
		return nil, fmt.Errorf("kept addresses of ALIAS targets: revision %d is not known", s.Revision)
	}
	out := make([]State, 0, len(s.Targets))
	for _, t := range s.Targets {
		st, err := t.state()
		if err != nil {
			return nil, fmt.Errorf("kept addresses of ALIAS targets: %w", err)
		}
		out = append(out, st)
	}
	return out, nil
}

func (t savedTarget) state() (State, error) {
	name, err := zones.ParseName(t.Target)
	if err != nil {
		return State{}, err
	}
	st := State{Target: name, Since: t.Since, Good: t.Good, Problem: t.Problem, Failing: t.Failing, Stale: t.Stale, Own: t.Own}
	if t.A != nil || t.AAAA != nil || len(t.Held) == 0 {
		if st.Answer, err = restoredAnswer(name, t.A, t.AAAA); err != nil {
			return State{}, err
		}
	}
	for _, o := range t.Owners {
		owner, err := zones.ParseName(o)
		if err != nil {
			return State{}, err
		}
		st.Owners = append(st.Owners, owner)
	}
	for _, h := range t.Held {
		one := Held{Since: h.Since}
		if one.Owner, err = zones.ParseName(h.Owner); err != nil {
			return State{}, err
		}
		if one.Target, err = zones.ParseName(h.Target); err != nil {
			return State{}, err
		}
		if one.Answer, err = restoredAnswer(one.Target, h.A, h.AAAA); err != nil {
			return State{}, err
		}
		st.Held = append(st.Held, one)
	}
	return st, nil
}

func restoredAnswer(name zones.Name, a, aaaa []netip.Addr) (Answer, error) {
	v4, ok4 := restored(a, netip.Addr.Is4)
	v6, ok6 := restored(aaaa, netip.Addr.Is6)
	if !ok4 || !ok6 || len(v4.Addrs)+len(v6.Addrs) == 0 {
		return Answer{}, fmt.Errorf("those of %s are none", name)
	}
	return Answer{v4, v6}, nil
}

// restored returns a family that was kept; false where an address is not of it.
func restored(addrs []netip.Addr, fits func(netip.Addr) bool) (Family, bool) {
	if addrs == nil {
		return Family{}, true
	}
	for _, a := range addrs {
		if !fits(a) || a.Zone() != "" {
			return Family{}, false
		}
	}
	return Family{}.take(outcome{Reply: Reply{Addrs: addrs}}), true
}
