package providers

import "time"

// Phase is where a mirror stands, the worst first where several are true.
type Phase string

// The phases.
const (
	Starting    Phase = "starting"    // not read yet, or nothing is known of the zone yet
	Unreachable Phase = "unreachable" // the last reading failed
	Behind      Phase = "behind"      // what should be applied by itself was not yet
	Blocked     Phase = "blocked"     // edits are automatic, and a guard stands in the way
	Diverged    Phase = "diverged"    // applied, but name servers went on answering otherwise for longer than Timeouts.Verify
	Drifted     Phase = "drifted"     // someone else changed what is ours
	Pending     Phase = "pending"     // edits wait for a push
	Verifying   Phase = "verifying"   // applied; not all name servers answer it yet
	InSync      Phase = "in sync"     // holds what it can hold of the served zone, and answers it
)

// Status tells about one mirror. Its JSON form is stable in the way a Plan's is.
type Status struct {
	Provider   string    `json:"provider"`
	Zone       string    `json:"zone"`
	Phase      Phase     `json:"phase"`
	Since      time.Time `json:"since"` // when Phase began
	Auto       bool      `json:"auto"`  // edits are applied by themselves
	Serial     uint32    `json:"serial"`
	Generation uint64    `json:"generation"` // of our writes there

	VerifiedSerial uint32    `json:"verified_serial"` // served serial that was last seen whole there
	VerifiedAt     time.Time `json:"verified_at,omitzero"`
	ReadAt         time.Time `json:"read_at,omitzero"`
	AppliedAt      time.Time `json:"applied_at,omitzero"` // last write that was seen to be done

	Error   string    `json:"error,omitempty"` // the last, "" once it is over
	ErrorAt time.Time `json:"error_at,omitzero"`
	NextTry time.Time `json:"next_try,omitzero"` // where an error or the minimum interval makes us wait

	Waiting    int      `json:"waiting"`        // lines of a full plan that wait for a push
	Drift      []Line   `json:"drift"`          // what others changed, at most MaxListed lines
	DriftCount int      `json:"drift_count"`    //
	Withdrawn  int      `json:"withdrawn"`      // lines of withdrawals and restores not yet applied
	Foreign    int      `json:"foreign"`        // records that are not ours
	Losses     []Loss   `json:"losses"`         // what can't be held
	Guards     []Guard  `json:"guards"`         // what a push would stop at
	Unverified []string `json:"unverified"`     // "www A: ns1.example.net answers 192.0.2.9", at most MaxListed
	Unasked    []string `json:"unasked"`        // what can't be asked by DNS, and why, at most MaxListed
	Refused    []Loss   `json:"refused"`        // what the provider refused
	Hash       string   `json:"hash,omitempty"` // of the full plan
	Counts     Counts   `json:"counts"`         // of the full plan
}

// MaxListed bounds the lists of a Status.
const MaxListed = 20

// observed is what a worker keeps for its Status, guarded by its mu.
type observed struct {
	phase      Phase
	since      time.Time
	readAt     time.Time
	appliedAt  time.Time
	readFailed bool
	err        string
	errAt      time.Time
	nextTry    time.Time
	full       *Plan
	waiting    bool // automatic changes are not done
	verified   Verified
	generation uint64
	refused    []Loss
}

// status assembles the Status.
func (w *worker) status() Status {
	w.recall()
	w.rephase()
	unverified, _ := w.verifier.problems()
	w.mu.Lock()
	defer w.mu.Unlock()
	o := &w.seen
	s := Status{
		Provider: w.key.provider, Zone: w.key.zone.String(), Auto: w.mirror.Edits == Auto,
		Generation: o.generation, VerifiedSerial: o.verified.Serial, VerifiedAt: o.verified.Time,
		ReadAt: o.readAt, AppliedAt: o.appliedAt, Error: o.err, ErrorAt: o.errAt, NextTry: o.nextTry,
		Drift: []Line{}, Losses: []Loss{}, Guards: []Guard{}, Unverified: head(unverified), Unasked: head(w.verifier.unasked()),
		Refused: append([]Loss{}, o.refused...),
	}
	if w.desired != nil {
		s.Serial = w.desired.Served.Serial()
	}
	if p := o.full; p != nil {
		s.Foreign, s.Counts, s.Hash = p.Counts.Foreign, p.Counts, p.Hash
		s.Losses, s.Guards = append(s.Losses, p.Losses...), append(s.Guards, p.Guards...)
		s.Waiting, s.Withdrawn = p.Count(Edited, Adopted, Serial), p.Count(Withdrawn, Restored, Aliased)
		s.DriftCount = p.Count(Drift)
		for _, l := range p.Lines {
			if l.Why == Drift && len(s.Drift) < MaxListed {
				s.Drift = append(s.Drift, l)
			}
		}
	}
	s.Phase, s.Since = o.phase, o.since
	return s
}

func head(list []string) []string {
	return append([]string{}, list[:min(len(list), MaxListed)]...)
}

// judge returns the phase.
func (o *observed) judge(edits Edits, unverified, diverged bool) Phase {
	switch {
	case o.readFailed:
		return Unreachable
	case o.waiting:
		return Behind
	case o.full == nil:
		return Starting
	case o.full.stale > 0:
		return Behind // nothing is to be done that could be, and what is dead is there all the same
	case edits == Auto && len(o.full.Blocked()) > 0:
		return Blocked
	case diverged:
		return Diverged
	case o.full.Count(Drift) > 0:
		return Drifted
	case !o.full.Empty():
		return Pending
	case unverified:
		return Verifying
	}
	return InSync
}
