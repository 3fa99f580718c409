package main

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// aliasLoop publishes new addresses as they are heard, follows what we serve ourselves, and keeps what is known for the next start.
func (a *app) aliasLoop(ctx context.Context) error {
	served, cancel := a.live.Subscribe()
	defer cancel()
	a.saveAliases() // what the start has heard: nothing may change for long, and a crash comes without a warning
	var save <-chan time.Time
	saveIn := saveAliases
	check := time.NewTicker(checkAliases)
	defer check.Stop()
	for {
		follow, write := false, false
		select {
		case <-ctx.Done():
			a.saveAliases()
			return nil
		case <-check.C:
			follow, write = true, true
		case <-save:
			write = true
		case <-served:
			follow = true
		case <-a.aliases.Changed():
		}
		began := time.Now()
		if follow {
			a.aliases.Follow()
		}
		if a.publishAliases() && save == nil {
			save = time.After(saveIn)
		}
		took := time.Since(began)
		if write {
			began, save = time.Now(), nil
			a.saveAliases()
			saveIn = max(saveAliases, aliasShare*time.Since(began))
		}
		select {
		case <-ctx.Done():
		case <-time.After(max(aliasPause, aliasShare*took)):
		}
	}
}

// settleAliases publishes what is known already, until nothing follows from that any more: at the start, a target may be in a
// zone of ours that was not served a moment ago.
func (a *app) settleAliases() {
	for range maxAliases {
		a.aliases.Follow()
		if !a.publishAliases() {
			return
		}
	}
}

// publishAliases takes addresses live that have changed; false where there are none.
func (a *app) publishAliases() bool {
	targets := a.aliases.Take()
	if len(targets) == 0 {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	touched := make(map[zones.Name][]int)
	for _, target := range targets {
		for _, use := range a.aliasTo[target] {
			touched[use.zone] = append(touched[use.zone], use.i)
		}
	}
	watches := false
	for _, origin := range slices.SortedFunc(maps.Keys(touched), zones.Name.Compare) {
		st := a.aliased[origin]
		if st == nil {
			continue
		}
		slices.Sort(touched[origin])
		next, what, err := st.src.resolved(a.aliases.Answer, touched[origin])
		if err != nil { // too many octets at a name: what was before stays
			a.log.Error("addresses of ALIAS records are not taken up", "zone", origin, "err", err)
			continue
		}
		if next == st.src {
			continue
		}
		watches = watches || st.src.watches() || next.watches()
		if err := a.publishResolvedLocked(st, next, what); err != nil {
			a.log.Error("addresses of ALIAS records were not published", "zone", origin, "err", err)
		}
	}
	if watches {
		a.watchLocked()
	}
	return true
}

// publishResolvedLocked puts next, which is the source of st with other addresses, in its place. It costs the records concerned,
// not the zone.
func (a *app) publishResolvedLocked(st *zoneState, next *source, what realiased) error {
	withdrawn, decisions := next.overlay.Withdraw(a.monitor.Verdict)
	loaded := next.loaded()
	final := make(map[rrsetKey]zones.RRset)
	as := func(name zones.Name, typ uint16) {
		final[rrsetKey{name, typ}], _ = loaded.RRset(name, typ)
	}
	for _, c := range what.changes {
		as(c.Name, c.Type)
	}
	for key := range st.decisions {
		as(key.name, key.typ)
	}
	for _, d := range decisions {
		as(d.Name, d.Type)
	}
	if next.conf.Mode != "observe" {
		for _, c := range withdrawn {
			final[rrsetKey{c.Name, c.Type}] = c.New
		}
	}
	changes := make([]zones.Change, 0, len(final))
	for _, key := range slices.SortedFunc(maps.Keys(final), rrsetKey.compare) {
		changes = append(changes, zones.Change{Name: key.name, Type: key.typ, New: final[key]})
	}
	reasons := aliasReasons(st.src.alias, next.alias, what.at)
	// Taken up in any case: what is probed, and what is published next, follows from it.
	st.src, st.decisions = next, byRRset(nil, decisions)
	a.indexLocked(next.origin, st)
	if _, err := a.live.PublishChanges(next.origin, changes, reasons); err != nil {
		return err
	}
	for _, reason := range reasons {
		a.log.Info("addresses of an ALIAS record have changed", "zone", next.origin, "what", reason)
	}
	a.noteMadeLocked(next.origin)
	return nil
}

// aliasReason begins the reasons of versions with new addresses.
const aliasReason = "alias "

func isAliasReason(reason string) bool { return strings.HasPrefix(reason, aliasReason) }

// aliasReasons tells in words what became of the records with the numbers at.
func aliasReasons(before, after *aliasing, at []int) []string {
	var out []string
	for _, i := range at {
		was, is := before.answer(i).Addrs(), after.answer(i).Addrs()
		text := fmt.Sprintf(aliasReason+"%s to %s:", after.records[i].Owner, after.records[i].Target)
		came, went := lacking(is, was), lacking(was, is)
		if len(came) > 0 {
			text += " with " + strings.Join(came, ", ")
		}
		if len(went) > 0 {
			text += " without " + strings.Join(went, ", ")
		}
		if len(came)+len(went) > 0 {
			out = append(out, text)
		}
	}
	return out
}

// lacking returns what of list others has not, as text.
func lacking(list, others []netip.Addr) []string {
	return addrTexts(slices.DeleteFunc(slices.Clone(list), func(a netip.Addr) bool { return slices.Contains(others, a) }))
}
