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
	log string // the problem that was logged
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

// holdLocked keeps what owners had whose target is another one than it was, and drops what nobody has any more. owners and
// targets are those from before.
func (k *Keeper) holdLocked(owners map[zones.Name]zones.Name, targets map[zones.Name]*target) {
	moved := make(map[zones.Name]*held)
	for owner, target := range k.owners {
		old := targets[owners[owner]]
		if old == nil || old.Target == target {
			continue
		}
		if old.has() {
			moved[owner] = &held{Held: Held{Owner: owner, Target: old.Target, Answer: old.Answer, Since: old.Since}}
		} else if h := old.held[owner]; h != nil {
			moved[owner] = &held{Held: h.Held}
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

// heldLocked returns what the owner of a record had before. Between the reading of a record and Set, that is what it has now.
func (k *Keeper) heldLocked(r Record) (Held, bool) {
	now := r.Target
	if target, ok := k.owners[r.Owner]; ok {
		now = target
	}
	t := k.targets[now]
	if t == nil { // of the last run
		for _, h := range k.kept[now].Held {
			if h.Owner == r.Owner {
				return h, true
			}
		}
		return Held{}, false
	}
	if now != r.Target && t.has() {
		return Held{Owner: r.Owner, Target: now, Answer: t.Answer, Since: t.Since}, true
	}
	if h := t.held[r.Owner]; h != nil {
		return h.Held, true
	}
	return Held{}, false
}

// tellHeldLocked logs for whom addresses are held, when the problem of their target begins or becomes another one.
func (k *Keeper) tellHeldLocked(t *target) {
	if t.Problem == "" || t.has() {
		return
	}
	for owner, h := range t.held {
		if h.log != t.Problem {
			h.log = t.Problem
			k.opts.Log.Warn(h.Text(t.Target, t.Problem), "owner", owner)
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
