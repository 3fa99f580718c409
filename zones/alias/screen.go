package alias

import (
	"net/netip"
	"slices"
	"time"
)

// without returns a without refused addresses. A family that loses all of its is not known: it was never said that there are
// none. The absence of one is believed only beside addresses of the other.
func (a Answer) without(refused func(netip.Addr) bool) Answer {
	a.V4, a.V6 = a.V4.without(refused), a.V6.without(refused)
	if !a.has() {
		return Answer{}
	}
	return a
}

func (f Family) without(refused func(netip.Addr) bool) Family {
	if !slices.ContainsFunc(f.Addrs, refused) {
		return f
	}
	left := slices.DeleteFunc(slices.Clone(f.Addrs), refused)
	if len(left) == 0 {
		return Family{}
	}
	return Family{Known: true, Addrs: left}
}

// allowed returns what of list is left without refused addresses. Those from our own zones are no exception here: they may have
// come there by an ALIAS in turn.
func (k *Keeper) allowed(list []Held) []Held {
	var out []Held
	for _, h := range list {
		if h.Answer = h.without(k.opts.Refused); h.has() {
			out = append(out, h)
		}
	}
	return out
}

// screenAllLocked drops the addresses that Options.Refused tells now from everything that resolvers have said, and has those
// targets asked for.
func (k *Keeper) screenAllLocked() {
	for name, s := range k.kept {
		if !s.Own {
			s.Answer = s.without(k.opts.Refused)
		}
		s.Held = k.allowed(s.Held)
		k.kept[name] = s
	}
	for _, t := range k.targets {
		if !t.Own {
			k.screenLocked(t)
		}
		for owner, h := range t.held {
			list := k.allowed([]Held{h.Held})
			switch {
			case len(list) == 0:
				delete(t.held, owner)
			case h.Equal(list[0].Answer):
				continue
			default:
				h.Held = list[0]
			}
			k.news[t.Target] = true
			poke(k.changed)
		}
	}
}

// screenLocked drops refused addresses of one target.
func (k *Keeper) screenLocked(t *target) {
	next := t.without(k.opts.Refused)
	if t.Equal(next) {
		return
	}
	k.takeLocked(t, next)
	if t.place >= 0 {
		k.due.remove(t)
		t.Next, t.failures = time.Now(), 0
		k.due.put(t)
	}
}
