package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/mangrove-dns/mangrove/healthcheck"
	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/alias"
	"github.com/mangrove-dns/mangrove/zones/live"
)

// The joint: where loaded zones and verdicts meet. Everything that is served goes through here, one change at a time
// (app.mu): loaded zone + verdicts -> withdraw -> live.Publish -> answers, and once journaled -> providers.

// rrsetKey names an RRset.
type rrsetKey struct {
	name zones.Name
	typ  uint16
}

// zoneState is what is served of one zone, and why. It is guarded by app.mu.
type zoneState struct {
	src *source
	// decisions are those in force, by RRset. The map is replaced, never modified: plans read it.
	decisions map[rrsetKey]healthcheck.Decision
	// made holds what each published generation was made of, by generation: the durable one that the providers have, and
	// those after it.
	made []madeOf
	// expiring is what was wrong with the times of the zone's signatures when they were looked at last, at expiringAt.
	expiring   []zones.Problem
	expiringAt time.Time
}

// madeOf is what a published version was made of.
type madeOf struct {
	generation uint64
	loaded     *zones.Zone
	decisions  map[rrsetKey]healthcheck.Decision
	aliases    []alias.Record
	handed     uint64 // the generation that the providers know it by; 0: they don't have it yet
}

// publishSources takes newly read sources live, all in one swap, and watches what they point at. What takes long comes
// first, without the lock: verdicts that come meanwhile are published as ever, and heeded at the end. a.reading is held, or
// nothing else reads.
func (a *app) publishSources(ctx context.Context, list []*source) error {
	list = a.resolveAliases(ctx, list)
	defer a.aliasesCame()
	decided, updates, errs := a.decideAll(list)
	expiring := a.warnFreshExpiring(list, decided)
	prepared, err := a.live.Prepare(ctx, updates)
	if err != nil {
		errs = append(errs, fmt.Errorf("publish: %w", err))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, src := range list { // what was heard of targets meanwhile
		if next := a.resolved(src); next != src {
			list[i] = next
			if d := decided[src.origin]; d != nil {
				d.src = next
			}
		}
	}
	if err := a.takeUpLocked(list); err != nil {
		errs = append(errs, err)
	}
	res, err := prepared.Publish(func(u live.Update) (*zones.Zone, string) {
		d := decided[u.Zone.Origin()]
		if err := a.decideAgain(d); err != nil {
			errs = append(errs, err)
		}
		return d.served, d.content
	})
	for _, w := range res.Warnings {
		a.log.Warn(w.Problem.Text, "zone", w.Origin)
	}
	for origin, found := range expiring {
		a.zones[origin].expiring, a.zones[origin].expiringAt = found, a.sources.now()
	}
	for origin, d := range decided {
		a.zones[origin].decisions = d.decisions
		a.noteMadeLocked(origin)
	}
	if err != nil {
		errs = append(errs, fmt.Errorf("publish: %w", err))
	}
	return errors.Join(errs...)
}

// decideAll decides what is to be served of each source that has a zone. One that can't be served keeps no other from it.
func (a *app) decideAll(list []*source) (all map[zones.Name]*decided, updates []live.Update, errs []error) {
	all = make(map[zones.Name]*decided, len(list))
	updates = make([]live.Update, 0, len(list))
	for _, src := range list {
		if src.zone == nil {
			continue
		}
		d, err := a.decide(src)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all[src.origin] = d
		updates = append(updates, d.update())
	}
	return all, updates, errs
}

// takeUpLocked puts sources in the place of those before, and tells those who look after what belongs to them. a.mu is
// held.
func (a *app) takeUpLocked(list []*source) error {
	var watches, files, mirrors, aliases bool
	for _, src := range list {
		st := a.zones[src.origin]
		if st == nil {
			st = &zoneState{}
			a.zones[src.origin] = st
		}
		watches = watches || st.src.watches() || src.watches()
		mirrors = mirrors || !src.mirroredAs(st.src)
		aliases = aliases || st.src.hasAliases() || src.hasAliases()
		files = files || st.src.includesAny() || src.includesAny()
		st.src = src
		a.indexLocked(src.origin, st)
	}
	if watches {
		a.watchLocked()
	}
	if aliases {
		a.aliasesLocked()
	}
	if files || a.filesStale {
		a.filesStale = false
		a.watchFilesLocked()
	}
	if mirrors || a.mirrorsStale {
		a.mirrorsStale = false
		return a.mirrorsLocked()
	}
	return nil
}

// indexLocked keeps the lists of the zones that are few among many: those whose targets are probed, that include files,
// that are mirrored, that have ALIAS records.
func (a *app) indexLocked(origin zones.Name, st *zoneState) {
	for _, l := range []struct {
		list map[zones.Name]*zoneState
		in   bool
	}{{a.checked, st != nil && st.src.watches()}, {a.including, st != nil && st.src.includesAny()}, {a.mirrored, st != nil && st.src.mirrored()},
		{a.aliased, st != nil && st.src.hasAliases()}} {
		if l.in {
			l.list[origin] = st
		} else {
			delete(l.list, origin)
		}
	}
}

// includesAny says whether the source's file includes others.
func (src *source) includesAny() bool { return src != nil && len(src.includes) > 0 }

// mirrored says whether the source is mirrored anywhere.
func (src *source) mirrored() bool { return src.zone != nil && len(src.conf.Providers) > 0 }

// watches says whether anything of the source is probed. A source that is not there has nothing.
func (src *source) watches() bool {
	return src != nil && src.overlay != nil && len(src.overlay.Watches()) > 0
}

// mirroredAs says whether the source is mirrored where and how before is.
func (src *source) mirroredAs(before *source) bool {
	if before == nil || (src.zone == nil) != (before.zone == nil) {
		return false
	}
	return src.zone == nil || slices.Equal(src.conf.Providers, before.conf.Providers) && src.conf.Edits == before.conf.Edits &&
		reflect.DeepEqual(src.conf.Overlays, before.conf.Overlays)
}

// decided is what is to be served of a source, under the verdicts of a moment.
type decided struct {
	src       *source
	decisions map[rrsetKey]healthcheck.Decision
	reasons   []string
	served    *zones.Zone
	content   string // tells served from what else may be served of the same file
}

// asRead is the content of a zone that is served as it was read.
const asRead = "as read"

// readReasons is why a zone is published that was read.
var readReasons = []string{"read from its file"}

// decide withdraws from a zone what the verdicts say.
func (a *app) decide(src *source) (*decided, error) {
	d := &decided{src: src, served: src.loaded(), content: src.content(nil), reasons: readReasons}
	changes, decisions := src.overlay.Withdraw(a.monitor.Verdict)
	if d.decisions = byRRset(nil, decisions); src.conf.Mode == "observe" {
		return d, nil
	}
	if len(changes) > 0 {
		var err error
		if d.served, err = d.served.With(changes); err != nil {
			return nil, fmt.Errorf("withdraw from %s: %w", src.origin, err)
		}
		d.content = src.content(changes)
		d.reasons = slices.Concat(readReasons, withdrawals(decisions))
	}
	return d, nil
}

// decideAgain brings d up to date, if verdicts have changed, or its source has.
func (a *app) decideAgain(d *decided) error {
	if !d.src.watches() && !d.src.hasAliases() {
		return nil
	}
	next, err := a.decide(d.src)
	if err != nil {
		return err // what was decided before is served
	}
	if next.content == d.content {
		next.served = d.served
	}
	*d = *next
	return nil
}

// contentOf identifies what changes make of a zone.
func contentOf(changes []zones.Change) string {
	h := sha256.New()
	for _, c := range changes {
		fmt.Fprintln(h, c.Name, c.Type)
		fmt.Fprintln(h, c.New)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func (d *decided) update() live.Update {
	return live.Update{Zone: d.served, FileSerial: d.src.zone.Serial(), FileVersion: d.src.fileVersion.String(), Content: d.content, Reasons: d.reasons}
}

// publishFlips takes the transitions of verdicts live. It costs the records that they concern, not the zones.
func (a *app) publishFlips() error {
	flips := a.monitor.Take()
	if len(flips) == 0 {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	touched := make(map[zones.Name][]healthcheck.Key)
	for _, f := range flips {
		for _, origin := range a.watched[f.Verdict.Key] {
			touched[origin] = append(touched[origin], f.Verdict.Key)
		}
	}
	// The flips have been taken: a zone that can't be served now must not keep them from the others.
	var errs []error
	for _, origin := range slices.SortedFunc(maps.Keys(touched), zones.Name.Compare) {
		st := a.zones[origin]
		if st == nil || st.src.overlay == nil {
			continue
		}
		changes, decisions := st.src.overlay.WithdrawTouched(a.monitor.Verdict, touched[origin]...)
		if st.src.conf.Mode != "observe" {
			if _, err := a.live.PublishChanges(origin, changes, reasonsOf(flips, touched[origin])); err != nil {
				errs = append(errs, fmt.Errorf("publish %s: %w", origin, err))
				continue
			}
		}
		for _, d := range decisions {
			if d.Signed {
				a.log.Warn("not withdrawn: the zone is signed", "zone", origin, "record", d.Name.Relative(origin)+" "+zones.TypeString(d.Type), "outcome", d.Outcome)
			} else if d.FailOpen {
				a.log.Warn("all targets are kept", "zone", origin, "record", d.Name.Relative(origin)+" "+zones.TypeString(d.Type), "outcome", d.Outcome)
			}
		}
		st.decisions = byRRset(st.decisions, decisions)
		a.noteMadeLocked(origin)
	}
	return errors.Join(errs...)
}

// byRRset returns base with decisions put in; base stays as it is.
func byRRset(base map[rrsetKey]healthcheck.Decision, decisions []healthcheck.Decision) map[rrsetKey]healthcheck.Decision {
	if len(decisions) == 0 {
		return base
	}
	out := make(map[rrsetKey]healthcheck.Decision, len(base)+len(decisions))
	maps.Copy(out, base)
	for _, d := range decisions {
		out[rrsetKey{d.Name, d.Type}] = d
	}
	return out
}

// withdrawals tells in words what decisions leave out.
func withdrawals(decisions []healthcheck.Decision) []string {
	var out []string
	for _, d := range decisions {
		for _, m := range d.Left() {
			if !m.State.Usable() {
				out = append(out, fmt.Sprintf("%s %s without %s: %s", d.Name, zones.TypeString(d.Type), m.Target, m.Reason))
			}
		}
	}
	return out
}

func reasonsOf(flips []healthcheck.Transition, keys []healthcheck.Key) []string {
	var out []string
	for _, f := range flips {
		if slices.Contains(keys, f.Verdict.Key) {
			out = append(out, fmt.Sprintf("%s %s: %s", f.Verdict.Target, f.Verdict.State, f.Verdict.Reason))
		}
	}
	return out
}

// watchLocked makes the monitor watch what the loaded zones point at. Targets come from the loaded zones, never from the
// served ones: a withdrawn record would not be probed any more and could never return.
func (a *app) watchLocked() {
	var watches []healthcheck.Watch
	watched := make(map[healthcheck.Key][]zones.Name)
	for origin, st := range a.checked {
		for _, w := range st.src.overlay.Watches() {
			if watched[w.Key] == nil {
				watches = append(watches, w)
			}
			watched[w.Key] = append(watched[w.Key], origin)
		}
	}
	a.watched = watched
	a.monitor.Set(watches)
}

// noteMadeLocked remembers what the version of origin that is served now was made of, where providers are to know.
func (a *app) noteMadeLocked(origin zones.Name) {
	st := a.zones[origin]
	if !st.src.mirrored() {
		st.made = nil
		delete(a.handing, origin)
		return
	}
	v, ok := a.live.Version(origin)
	if !ok {
		return
	}
	if n := len(st.made); n > 0 && st.made[n-1].generation == v.Generation {
		st.made = st.made[:n-1]
	}
	st.made = append(st.made, madeOf{generation: v.Generation, loaded: st.src.loaded(), decisions: st.acted(), aliases: st.src.aliasRecords()})
	a.handing[origin] = st
	select {
	case a.handNow <- struct{}{}:
	default: // somebody is on the way already
	}
}

// mirrorDurable hands what has become durable to the providers. Until then they must not see it: a crash would take its
// serial back. It looks at the zones that have something to be handed.
func (a *app) mirrorDurable() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for origin, st := range a.handing {
		v, ok := a.live.Durable(origin)
		if !ok {
			continue
		}
		if m, ok := st.hand(v.Generation); ok {
			a.engine.Update(origin, providers.Desired{
				Served: v.Zone, Loaded: m.loaded, Generation: v.Generation, Reasons: planReasons(m.decisions), Aliases: aliasSets(m.aliases),
			})
		}
		if served, ok := a.live.Version(origin); ok && served.Durable {
			delete(a.handing, origin)
		}
	}
}

// hand returns what the durable version of a generation was made of, once, and forgets what is older. That is the
// newest entry up to it: what is served may get a higher generation, without being published anew, where the journal
// was not as it was left.
func (st *zoneState) hand(generation uint64) (madeOf, bool) {
	n := 0
	for n < len(st.made) && st.made[n].generation <= generation {
		n++
	}
	if n == 0 {
		return madeOf{}, false
	}
	st.made = slices.Clone(st.made[n-1:])
	m := &st.made[0]
	if m.handed == generation {
		return madeOf{}, false
	}
	m.handed = generation
	return *m, true
}

// planReasons tells a plan why a record is left out.
func planReasons(decisions map[rrsetKey]healthcheck.Decision) providers.Reasons {
	return func(name zones.Name, typ uint16, rdata []byte) string {
		for _, m := range decisions[rrsetKey{name, typ}].Left() {
			if m.Target.Addr.IsValid() && string(m.Target.Addr.AsSlice()) == string(rdata) {
				return m.Reason
			}
			if !m.Target.Name.IsZero() {
				if n, err := zones.NameFromWire(rdata); err == nil && n == m.Target.Name {
					return m.Reason
				}
			}
		}
		return ""
	}
}

// flipLoop publishes transitions as they come.
func (a *app) flipLoop(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.monitor.Changed():
			if err := a.publishFlips(); err != nil {
				a.log.Error("verdicts were not published everywhere", "err", err)
			}
			select {
			case a.flipped <- struct{}{}:
			default: // somebody is on the way already
			}
		}
	}
}

// mirrorLoop hands versions to the providers as they become durable.
func (a *app) mirrorLoop(ctx context.Context) error {
	changed, cancel := a.live.Subscribe()
	defer cancel()
	for {
		a.mirrorDurable()
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-a.handNow:
		}
	}
}

// acted returns the decisions that have an effect: with mode observe, none has.
func (st *zoneState) acted() map[rrsetKey]healthcheck.Decision {
	if st.src.conf == nil || st.src.conf.Mode == "observe" {
		return nil
	}
	return st.decisions
}
