package alias

import (
	"slices"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// Held is the addresses that the owner of a record had from another target, before its record was changed. It has them until
// the new target is heard of: a slip of the pen must not take a name away that works.
type Held struct {
	Owner  zones.Name
	Target zones.Name // whose addresses they are
	Answer
	Since time.Time // of these addresses
}

// held is one of them, as a target has it that was not heard of yet.
type held struct {
	Held
	log  string // the problem that was logged
	told int    // and for how many days
}

func (t *target) hold(h *held) {
	if t.held == nil {
		t.held = make(map[zones.Name]*held)
	}
	t.held[h.Owner] = h
}

// state is the State, with what is held.
func (t *target) state() State {
	s := t.State
	for _, h := range t.held {
		s.Held = append(s.Held, h.Held)
	}
	slices.SortFunc(s.Held, func(a, b Held) int { return a.Owner.Compare(b.Owner) })
	return s
}

// holdLocked keeps what owners had whose target is another one than it was, also in the last run, and drops what nobody has any more.
// owners and targets are those from before.
func (k *Keeper) holdLocked(owners map[zones.Name]zones.Name, targets map[zones.Name]*target) {
	moved := make(map[zones.Name]*held)
	for owner, target := range k.owners {
		was, ran := owners[owner]
		if !ran {
			was = k.had[owner]
		}
		if was.IsZero() || was == target {
			continue
		}
		if h, ok := k.pastLocked(owner, was, targets[was]); ok {
			moved[owner] = &held{Held: h}
		}
	}
	for _, t := range k.targets {
		for owner := range t.held {
			if k.owners[owner] != t.Target {
				delete(t.held, owner)
			}
		}
	}
	for owner, h := range moved {
		t := k.targets[k.owners[owner]]
		switch {
		case t.has():
		case h.Target == t.Target: // back to the one whose addresses they are
			t.Answer, t.Since = h.Answer, h.Since
			k.news[t.Target] = true
			poke(k.changed)
		default:
			t.hold(h)
		}
	}
	for _, t := range k.targets {
		if t.has() {
			t.held = nil
		}
	}
}

// pastLocked returns what the owner of a record had while its target was name: the target's addresses, or what was held meanwhile.
// t is that target; nil where it is gone, or of the last run.
func (k *Keeper) pastLocked(owner, name zones.Name, t *target) (Held, bool) {
	if t == nil {
		t = k.targets[name]
	}
	if t != nil {
		if t.has() {
			return Held{Owner: owner, Target: name, Answer: t.Answer, Since: t.Since}, true
		}
		if h := t.held[owner]; h != nil {
			return h.Held, true
		}
		return Held{}, false
	}
	s := k.kept[name]
	if s.has() {
		return Held{Owner: owner, Target: name, Answer: s.Answer, Since: s.Since}, true
	}
	for _, h := range s.Held {
		if h.Owner == owner {
			return h, true
		}
	}
	return Held{}, false
}

// heldLocked returns what the owner of a record had before. Between the reading of a record and Set, that is what it has now.
// The record's own target has no addresses.
func (k *Keeper) heldLocked(r Record) (Held, bool) {
	now, ran := k.owners[r.Owner]
	if !ran {
		now = k.had[r.Owner]
	}
	if now.IsZero() {
		now = r.Target
	}
	return k.pastLocked(r.Owner, now, nil)
}

// tellHeldLocked logs for whom addresses are held, when the problem of their target begins or becomes another one, and again for each
// day that it goes on.
func (k *Keeper) tellHeldLocked(t *target, days int) {
	if t.Problem == "" || t.has() {
		return
	}
	for owner, h := range t.held {
		if h.log == t.Problem && h.told == days {
			continue
		}
		h.log, h.told = t.Problem, days
		if days == 0 {
			k.opts.Log.Warn(h.Text(t.Target, t.Problem), "owner", owner)
		} else {
			k.opts.Log.Warn(h.Text(t.Target, t.Problem), "owner", owner, "days", days)
		}
	}
}

// Text says what is held and why, target being the one that the record has now.
func (h Held) Text(target zones.Name, problem string) string {
	text := "still the addresses of " + h.Target.String() + ": " + target.String() + " has not been resolved"
	if problem != "" {
		text += ": " + problem
	}
	return text
}
