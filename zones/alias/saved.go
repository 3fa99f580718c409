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
}

// Encode returns the states of targets that have addresses as a text, for Decode.
func Encode(states []State) []byte {
	s := saved{Revision: savedRevision, Targets: []savedTarget{}}
	for _, t := range states {
		if len(t.Addrs()) > 0 {
			s.Targets = append(s.Targets, savedTarget{Target: t.Target.String(), A: t.V4.saved(), AAAA: t.V6.saved(),
				Since: t.Since, Good: t.Good, Problem: t.Problem, Failing: t.Failing})
		}
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
		name, err := zones.ParseName(t.Target)
		if err != nil {
			return nil, fmt.Errorf("kept addresses of ALIAS targets: %w", err)
		}
		v4, ok4 := restored(t.A, netip.Addr.Is4)
		v6, ok6 := restored(t.AAAA, netip.Addr.Is6)
		if !ok4 || !ok6 || len(v4.Addrs)+len(v6.Addrs) == 0 {
			return nil, fmt.Errorf("kept addresses of ALIAS targets: those of %s are none", name)
		}
		out = append(out, State{Target: name, Answer: Answer{v4, v6}, Since: t.Since, Good: t.Good, Problem: t.Problem, Failing: t.Failing})
	}
	return out, nil
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
