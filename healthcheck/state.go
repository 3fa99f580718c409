package healthcheck

import (
	"fmt"
	"time"
)

// State is what is known of a target.
type State uint8

const (
	// Unknown: nothing has decided yet (start, new target). It counts as usable and never withdraws anything.
	Unknown State = iota
	// Up: it answers as it should.
	Up
	// Degraded: it answers, but slowly or with a certificate near its end. It is used where there is nothing better.
	Degraded
	// Down: it does not answer. It is left out, unless that would leave too few.
	Down
	// Drain: an operator takes it out; it goes on being probed. No probe leads here: the caller of Withdraw overrides.
	Drain
	// Maint: an operator took it out and nobody minds its failures. No probe leads here either.
	Maint
)

var stateNames = [...]string{"unknown", "up", "degraded", "down", "drain", "maint"}

// String returns the state as people write it.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// MarshalText returns String.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what String wrote.
func (s *State) UnmarshalText(text []byte) error {
	for i, name := range stateNames {
		if name == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("unknown state %q", text)
}

// Usable says whether a target in this state may be served at all.
func (s State) Usable() bool { return s == Unknown || s == Up || s == Degraded }

// rank orders states from good to bad, for "the worst of several checks".
func (s State) rank() int {
	return [...]int{Unknown: 1, Up: 0, Degraded: 2, Down: 3, Maint: 4, Drain: 5}[s]
}

// Verdict is what probes of one key have decided, after damping. It is a value, made anew for each result; its
// JSON form is what the store keeps and Restore takes. Times are of the wall clock.
type Verdict struct {
	Key    Key
	Target Target
	Host   string `json:",omitempty"` // the name that is asked for
	Check  string // the check's name
	State  State
	Since  time.Time // when State began; zero while Unknown
	Reason string    // why State, in words: "tcp 192.0.2.9:443: connection refused, 3 of 3"
	// Pending is what is building up to another state, in words, empty where nothing is: "1 of 3 failures: …",
	// "answers again, held until 14:05:07".
	Pending  string    `json:",omitempty"`
	NextUp   time.Time `json:",omitzero"`  // the earliest return, where only hold_down is in the way
	Flapping bool      `json:",omitempty"` // the hold in force is longer than hold_down, because the target flaps
	// Restored says that State comes from an earlier run or an earlier form of the check, and no probe has confirmed it yet.
	Restored bool `json:",omitempty"`

	LastProbe time.Time     `json:",omitzero"`  // the end of the last probe, abstentions included
	LastError string        `json:",omitempty"` // what was wrong with it; empty where nothing was
	Latency   time.Duration `json:",omitempty"` // of the last probe that was no abstention
	// Abstained counts the abstentions since the last vote; a target that is watched, but cannot be judged from here.
	Abstained int `json:",omitempty"`
}

// String returns the verdict in a line: "down since 14:02:11: tcp 192.0.2.9:443: connection refused, 3 of 3".
func (v Verdict) String() string {
	s := v.State.String()
	if !v.Since.IsZero() {
		s += " since " + v.Since.Format(time.TimeOnly)
	}
	if v.Reason != "" {
		s += ": " + v.Reason
	}
	if v.Pending != "" {
		s += " (" + v.Pending + ")"
	}
	return s
}

// Transition is a change of state.
type Transition struct {
	From    State
	Verdict Verdict // after it
}
