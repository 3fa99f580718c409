package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/alias"
)

// ALIAS records: between reading and everything else. A source with ALIAS records is taken up as its zone with addresses in their
// place (source.loaded): from there on nobody knows of them. New addresses make another source of the same files.

const (
	// aliasWait is how long new zones wait for the first answers about their targets. Those that are not there by then are
	// published as unknown, and follow: other zones must not wait for somebody else's servers.
	aliasWait = 3 * time.Second
	// aliasPause is between two publications of new addresses, and saveAliases between two writes of the file. checkAliases is how often it
	// is written where no address changes, for a crash not to lose since when, and how often problems in our own zones are told of.
	aliasPause   = 100 * time.Millisecond
	saveAliases  = 5 * time.Second
	checkAliases = time.Hour
	// maxAliases bounds how many ALIAS records, one leading to the next, are followed at once; the others follow with time.
	maxAliases = 16
	// aliasFile keeps what is known of targets in the data directory.
	aliasFile  = "aliases.json"
	resolvConf = "/etc/resolv.conf"
)

// aliasing is the ALIAS records of a source, and what has become of them. It is immutable.
type aliasing struct {
	records []alias.Record
	changes []zones.Change // what makes addresses of them
	loaded  *zones.Zone    // the source's zone with changes; nil: they are not made yet
}

// aliasingOf is nil where there are no records.
func aliasingOf(records []alias.Record) *aliasing {
	if len(records) == 0 {
		return nil
	}
	return &aliasing{records: records}
}

func (src *source) hasAliases() bool { return src != nil && src.zone != nil && src.alias != nil }

func (src *source) aliasRecords() []alias.Record {
	if !src.hasAliases() {
		return nil
	}
	return src.alias.records
}

// loaded is the zone as health, publishing and providers know it: that of the files, with addresses in the place of ALIAS records.
func (src *source) loaded() *zones.Zone {
	if src.alias != nil && src.alias.loaded != nil {
		return src.alias.loaded
	}
	return src.zone
}

// content identifies what changes make of the loaded zone.
func (src *source) content(changes []zones.Change) string {
	if src.alias != nil {
		changes = slices.Concat(src.alias.changes, changes)
	}
	if len(changes) == 0 {
		return asRead
	}
	return contentOf(changes)
}

// openAliases makes the keeper of addresses, with what was known in the last run.
func (a *app) openAliases() {
	client := &alias.Client{Servers: a.resolvers, Allowed: a.mayAlias}
	a.aliases = alias.New(alias.Options{Ask: client.Ask, Catalog: a.ownZones, Refused: a.refusedAlias, Log: a.log})
	text, err := os.ReadFile(filepath.Join(a.config().Data, aliasFile))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	a.aliasesKept = string(text)
	var states []alias.State
	if err == nil {
		states, err = alias.Decode(text)
	}
	if err != nil {
		a.log.Warn("addresses of ALIAS targets from the last run are lost; they are asked for anew", "err", err)
	}
	a.aliases.Restore(states)
}

// resolvers returns who is asked for targets.
func (a *app) resolvers() ([]netip.AddrPort, error) { return a.config().resolvers() }

func (c *config) resolvers() ([]netip.AddrPort, error) {
	if len(c.Resolvers) == 0 {
		return alias.SystemServers(resolvConf)
	}
	out := make([]netip.AddrPort, 0, len(c.Resolvers))
	for _, s := range c.Resolvers {
		server, err := alias.ParseServer(s)
		if err != nil {
			return nil, err
		}
		out = append(out, server)
	}
	return out, nil
}

func (a *app) mayAlias(addr netip.Addr) bool { return a.config().mayAlias(addr) }

// refusedAlias says which addresses resolvers may not lead to now.
func (a *app) refusedAlias(addr netip.Addr) bool { return alias.Refused(addr) && !a.mayAlias(addr) }

func (c *config) mayAlias(addr netip.Addr) bool {
	return slices.ContainsFunc(c.AliasNetworks, func(n network) bool { return n.Contains(addr) })
}

// resolved returns src with the addresses that are known now; src itself where nothing is different.
func (a *app) resolved(src *source) *source {
	next, err := src.resolved(a.aliases.Answer)
	if err != nil { // too many octets at a name: what was before stays, or the ALIAS records, which stand for "unknown"
		a.log.Error("addresses of ALIAS records are not taken up", "zone", src.origin, "err", err)
		return src
	}
	return next
}

func (src *source) resolved(look func(alias.Record) alias.Answer) (*source, error) {
	if !src.hasAliases() {
		return src, nil
	}
	changes := alias.Changes(src.alias.records, look)
	if src.alias.loaded != nil && slices.EqualFunc(changes, src.alias.changes, sameChange) {
		return src, nil
	}
	loaded, err := src.zone.With(changes)
	if err != nil {
		return nil, err
	}
	next := *src
	next.alias = &aliasing{records: src.alias.records, changes: changes, loaded: loaded}
	next.overlay = overlayOf(loaded, src.rules)
	return &next, nil
}

func sameChange(x, y zones.Change) bool {
	return x.Name == y.Name && x.Type == y.Type && x.New.Equal(y.New)
}

// resolveAliases returns list with addresses in the place of ALIAS records. It waits a moment for those that were never heard of.
// Until a.coming is unset, our own zones are those that are served and, in their place, those of list.
func (a *app) resolveAliases(ctx context.Context, list []*source) []*source {
	if !slices.ContainsFunc(list, (*source).hasAliases) {
		return list
	}
	out := slices.Clone(list)
	a.resolveEach(out) // with what is known from the last run
	a.coming.Store(a.withServed(out))
	a.mu.Lock()
	records := a.aliasRecordsLocked() // also those that go: they are served until list is
	a.mu.Unlock()
	for _, src := range list {
		records = append(records, src.aliasRecords()...)
	}
	a.aliases.Set(records)
	wait, cancel := context.WithTimeout(ctx, aliasWait)
	defer cancel()
	a.aliases.First(wait)
	// A target may be the owner of another ALIAS record.
	for range maxAliases {
		if !a.resolveEach(out) {
			break
		}
		a.coming.Store(a.withServed(out))
		a.aliases.Follow()
	}
	return out
}

// resolveEach brings each source of list up to date, and says whether one was not.
func (a *app) resolveEach(list []*source) (changed bool) {
	for i, src := range list {
		list[i] = a.resolved(src)
		changed = changed || list[i] != src
	}
	return changed
}

// withServed is the catalog with what list is about to be served as.
func (a *app) withServed(list []*source) *zones.Catalog {
	var served []*zones.Zone
	for _, src := range list {
		if src.zone == nil {
			continue
		}
		if d, err := a.decide(src); err == nil { // an error is told where it is published
			served = append(served, d.served)
		}
	}
	return a.live.Catalog().With(served...)
}

// ownZones are the zones that targets are looked up in before anybody is asked.
func (a *app) ownZones() *zones.Catalog {
	if coming := a.coming.Load(); coming != nil {
		return coming
	}
	return a.live.Catalog()
}

// aliasRecordsLocked returns the ALIAS records of all zones. a.mu is held.
func (a *app) aliasRecordsLocked() []alias.Record {
	var out []alias.Record
	for _, st := range a.aliased {
		out = append(out, st.src.aliasRecords()...)
	}
	return out
}

// aliasesLocked tells the keeper which records there are, and notes which zones each target is for. a.mu is held.
func (a *app) aliasesLocked() {
	a.aliasTo = make(map[zones.Name][]zones.Name)
	for origin, st := range a.aliased {
		for _, r := range st.src.aliasRecords() {
			if to := a.aliasTo[r.Target]; len(to) == 0 || to[len(to)-1] != origin {
				a.aliasTo[r.Target] = append(to, origin)
			}
		}
	}
	a.aliases.Set(a.aliasRecordsLocked())
}

// aliasSets are records as the providers are told of them, by owner.
func aliasSets(records []alias.Record) map[zones.Name]zones.RRset {
	if len(records) == 0 {
		return nil
	}
	out := make(map[zones.Name]zones.RRset, len(records))
	for _, r := range records {
		out[r.Owner] = r.RRset()
	}
	return out
}

// aliasLoop publishes new addresses as they are heard, follows what we serve ourselves, and keeps what is known for the next start.
func (a *app) aliasLoop(ctx context.Context) error {
	served, cancel := a.live.Subscribe()
	defer cancel()
	a.saveAliases() // what the start has heard: nothing may change for long, and a crash comes without a warning
	var save <-chan time.Time
	check := time.NewTicker(checkAliases)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			a.saveAliases()
			return nil
		case <-check.C:
			a.aliases.Follow()
			a.saveAliases()
			continue
		case <-served:
			a.aliases.Follow()
			continue
		case <-save:
			save = nil
			a.saveAliases()
			continue
		case <-a.aliases.Changed():
		}
		if a.publishAliases() && save == nil {
			save = time.After(saveAliases)
		}
		select {
		case <-ctx.Done():
		case <-time.After(aliasPause):
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
	touched := make(map[zones.Name]bool)
	for _, target := range targets {
		for _, origin := range a.aliasTo[target] {
			touched[origin] = true
		}
	}
	watches := false
	for _, origin := range slices.SortedFunc(maps.Keys(touched), zones.Name.Compare) {
		st := a.aliased[origin]
		if st == nil {
			continue
		}
		next := a.resolved(st.src)
		if next == st.src {
			continue
		}
		watches = watches || st.src.watches() || next.watches()
		if err := a.publishResolvedLocked(st, next); err != nil {
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
func (a *app) publishResolvedLocked(st *zoneState, next *source) error {
	withdrawn, decisions := next.overlay.Withdraw(a.monitor.Verdict)
	loaded := next.loaded()
	final := make(map[rrsetKey]zones.RRset)
	as := func(name zones.Name, typ uint16) {
		final[rrsetKey{name, typ}], _ = loaded.RRset(name, typ)
	}
	for _, c := range slices.Concat(st.src.alias.changes, next.alias.changes) {
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
	reasons := aliasReasons(st.src, next)
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

// aliasReasons tells in words what became of the records.
func aliasReasons(before, after *source) []string {
	type change struct{ came, went []string }
	by := make(map[zones.Name]*change)
	was := addressesOf(before.alias)
	is := addressesOf(after.alias)
	for _, m := range []struct {
		from, to map[zones.Name][]string
		add      func(c *change, addr string)
	}{
		{was, is, func(c *change, addr string) { c.came = append(c.came, addr) }},
		{is, was, func(c *change, addr string) { c.went = append(c.went, addr) }},
	} {
		for owner, addrs := range m.to {
			for _, addr := range addrs {
				if slices.Contains(m.from[owner], addr) {
					continue
				}
				if by[owner] == nil {
					by[owner] = &change{}
				}
				m.add(by[owner], addr)
			}
		}
	}
	var out []string
	for _, r := range after.alias.records {
		c := by[r.Owner]
		if c == nil {
			continue
		}
		text := fmt.Sprintf(aliasReason+"%s to %s:", r.Owner, r.Target)
		if len(c.came) > 0 {
			text += " with " + strings.Join(c.came, ", ")
		}
		if len(c.went) > 0 {
			text += " without " + strings.Join(c.went, ", ")
		}
		out = append(out, text)
	}
	return out
}

func addressesOf(al *aliasing) map[zones.Name][]string {
	out := make(map[zones.Name][]string)
	for _, c := range al.changes {
		if c.Type == dns.TypeA || c.Type == dns.TypeAAAA {
			out[c.Name] = append(out[c.Name], c.New.Texts()...)
		}
	}
	return out
}

// saveAliases writes what is known of targets. That it fails is no harm but after a restart while resolvers are dark.
func (a *app) saveAliases() {
	text := alias.Encode(a.aliases.States())
	if string(text) == a.aliasesKept || a.aliasesKept == "" && string(text) == string(alias.Encode(nil)) {
		return
	}
	path := filepath.Join(a.config().Data, aliasFile)
	if err := writeAtomically(path, text); err != nil {
		a.log.Error("addresses of ALIAS targets are not kept for the next start", "err", err)
		return
	}
	a.aliasesKept = string(text)
}
