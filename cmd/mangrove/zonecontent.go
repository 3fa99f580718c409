package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/store"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// What a zone holds and held: for zone show, diff, history and rollback. Zones travel as the text that zonefile.Write makes.

// contentQuery asks for one version of a zone.
type contentQuery struct {
	Zone   string  `json:"zone"`
	Loaded bool    `json:"loaded"` // as the operator wrote it; else as it is served
	Serial *uint32 `json:"serial"` // an older served version; nil: the newest
}

// contentReport is one version of a zone.
type contentReport struct {
	Zone   string       `json:"zone"`
	File   string       `json:"file"`
	Serial uint32       `json:"serial"`
	Time   time.Time    `json:"time"`
	Text   string       `json:"text"`
	Left   []leftReport `json:"left"` // what is left out of the newest served version, and why
}

// leftReport is a record that is left out.
type leftReport struct {
	Name   string `json:"name"` // relative to the zone
	Type   string `json:"type"`
	Target string `json:"target"`
	Reason string `json:"reason"`
}

// stateOf returns a zone that can be served, with its name.
func (a *app) stateOf(zone string) (zoneState, error) {
	origin, err := zones.ParseName(zone)
	if err != nil {
		return zoneState{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	st := a.zones[origin]
	if st == nil {
		return zoneState{}, hinted{fmt.Errorf("no zone %s", origin), "\"mangrove status\" lists the zones"}
	}
	return zoneState{src: st.src, decisions: st.acted()}, nil
}

// Content returns a version of a zone.
func (a *app) Content(ctx context.Context, q contentQuery) (*contentReport, error) {
	st, err := a.stateOf(q.Zone)
	if err != nil {
		return nil, err
	}
	origin := st.src.origin
	rep := &contentReport{Zone: origin.String(), File: st.src.path, Left: []leftReport{}}
	var z *zones.Zone
	switch {
	case q.Loaded && q.Serial != nil:
		z, rep.Time, err = a.loadedAt(ctx, origin, *q.Serial)
	case q.Loaded && st.src.zone == nil:
		return nil, hinted{fmt.Errorf("%s has no good version", origin), "\"mangrove check\" says what is wrong"}
	case q.Loaded:
		z, rep.Time = st.src.zone, st.src.read
	case q.Serial != nil:
		z, rep.Time, err = a.servedAt(ctx, origin, *q.Serial)
	default:
		z, rep.Time, err = a.servedNow(ctx, origin)
		rep.Left = leftOut(origin, st)
	}
	if err != nil {
		return nil, err
	}
	rep.Serial = z.Serial()
	var b bytes.Buffer
	if err := zonefile.Write(&b, z, zonefile.WriteOptions{}); err != nil {
		return nil, err
	}
	rep.Text = b.String()
	return rep, nil
}

// leftOut tells what the decisions in force leave out of a zone.
func leftOut(origin zones.Name, st zoneState) []leftReport {
	out := []leftReport{}
	for _, key := range slices.SortedFunc(maps.Keys(st.decisions), rrsetKey.compare) {
		d := st.decisions[key]
		for _, m := range d.Left() {
			out = append(out, leftReport{d.Name.Relative(origin), zones.TypeString(d.Type), m.Target.String(), m.Reason})
		}
	}
	return out
}

// servedNow returns what is served; while nothing is, what the last run served.
func (a *app) servedNow(ctx context.Context, origin zones.Name) (*zones.Zone, time.Time, error) {
	if v, ok := a.live.Version(origin); ok {
		return v.Zone, v.Since, nil
	}
	head, ok, err := a.store.Head(ctx, origin)
	if err != nil {
		return nil, time.Time{}, err
	}
	if !ok || !head.Journaled {
		return nil, time.Time{}, hinted{fmt.Errorf("%s was never served", origin), "\"--loaded\" is what its file says"}
	}
	z, err := a.store.Served(ctx, origin)
	return z, head.Time, err
}

// servedAt returns an older version: the newest journaled one, with the changes since then taken back.
func (a *app) servedAt(ctx context.Context, origin zones.Name, serial uint32) (*zones.Zone, time.Time, error) {
	if v, ok := a.live.Version(origin); ok && v.Serial == serial {
		return v.Zone, v.Since, nil
	}
	z, err := a.store.Served(ctx, origin)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("what was served of %s: %w", origin, err)
	}
	entries, err := a.store.History(ctx, origin, journalEntries)
	if err != nil {
		return nil, time.Time{}, err
	}
	// The journal may have gone on since the zone was read.
	for len(entries) > 0 && entries[0].To != z.Serial() {
		entries = entries[1:]
	}
	for _, e := range entries {
		if e.To == serial {
			return z, e.Time, nil
		}
		if e.Whole {
			break
		}
		back := make([]zones.Change, len(e.Changes))
		for i, c := range e.Changes {
			back[i] = zones.Change{Name: c.Name, Type: c.Type, Old: c.New, New: c.Old}
		}
		if z, err = z.With(back); err != nil {
			return nil, time.Time{}, err
		}
	}
	return nil, time.Time{}, hinted{fmt.Errorf("the journal of %s does not reach back to serial %d", origin, serial),
		fmt.Sprintf("\"mangrove zone history %s\" lists what it has", bare(origin.String()))}
}

// loadedAt returns what was loaded when a serial was served: the newest good version, with the edits since then taken back.
func (a *app) loadedAt(ctx context.Context, origin zones.Name, serial uint32) (*zones.Zone, time.Time, error) {
	_, at, err := a.servedAt(ctx, origin, serial)
	if err != nil {
		return nil, time.Time{}, err
	}
	// What waits to be kept is not in the record of edits yet.
	if err := a.sources.keepWaiting(ctx); err != nil {
		return nil, time.Time{}, err
	}
	loaded, err := a.store.Loaded(ctx, origin)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("what was loaded of %s: %w", origin, err)
	}
	z, err := a.sources.edits.Back(loaded.Zone, at)
	return z, at, err
}

// journalEntries is more than the store keeps of a zone.
const journalEntries = 1 << 20

// historyQuery asks for the journal of a zone.
type historyQuery struct {
	Zone    string `json:"zone"`
	Limit   int    `json:"limit"` // newest versions; 0: all
	Changes bool   `json:"changes"`
}

// versionReport is one version that was served.
type versionReport struct {
	Serial  uint32      `json:"serial"`
	From    uint32      `json:"from"` // serial of the version before; 0: none
	Time    time.Time   `json:"time"`
	Cause   string      `json:"cause"` // file, health or alias
	Reasons []string    `json:"reasons"`
	Whole   bool        `json:"whole"` // the first, or one that differs too much from the one before: it has no counts
	Added   int         `json:"added"`
	Removed int         `json:"removed"`
	Changes []recordRow `json:"changes,omitempty"` // with -p
}

const (
	causeFile   = "file"
	causeHealth = "health"
	causeAlias  = "alias"
)

// History returns the journal of a zone, the newest version first.
func (a *app) History(ctx context.Context, q historyQuery) ([]versionReport, error) {
	st, err := a.stateOf(q.Zone)
	if err != nil {
		return nil, err
	}
	if q.Limit <= 0 {
		q.Limit = journalEntries
	}
	entries, err := a.store.History(ctx, st.src.origin, q.Limit)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	out := make([]versionReport, len(entries))
	for i, e := range entries {
		out[i] = versionOfEntry(st.src.origin, e, q.Changes)
	}
	return out, nil
}

func versionOfEntry(origin zones.Name, e store.Entry, changes bool) versionReport {
	v := versionReport{Serial: e.To, From: e.From, Time: e.Time, Cause: causeHealth, Reasons: append([]string{}, e.Reasons...), Whole: e.Whole}
	if e.Whole || slices.Contains(e.Reasons, readReasons[0]) {
		v.Cause = causeFile
	} else if slices.ContainsFunc(e.Reasons, isAliasReason) {
		v.Cause = causeAlias
	}
	rows, _ := rowsOf(origin, e.Changes)
	for _, r := range rows {
		if r.Op == "+" {
			v.Added++
		} else {
			v.Removed++
		}
	}
	if changes {
		v.Changes = rows
	}
	return v
}

// recordRow is one record that differs between two versions.
type recordRow struct {
	Op   string `json:"op"`
	Name string `json:"name"`
	TTL  uint32 `json:"ttl"`
	Type string `json:"type"`
	Text string `json:"text"`
}

// rowsOf returns changes record by record, and those of the apex SOA apart.
func rowsOf(origin zones.Name, changes []zones.Change) (rows, soa []recordRow) {
	rows = []recordRow{}
	for _, c := range changes {
		out := &rows
		if c.Type == dns.TypeSOA && c.Name == origin {
			out = &soa
		}
		*out = append(*out, sideRows("-", origin, c.Old, c.New)...)
		*out = append(*out, sideRows("+", origin, c.New, c.Old)...)
	}
	return rows, soa
}

// sideRows returns the records of s that other has not, with the same TTL.
func sideRows(op string, origin zones.Name, s, other zones.RRset) (rows []recordRow) {
	for i, data := range s.Data {
		if s.TTL == other.TTL && slices.ContainsFunc(other.Data, func(d []byte) bool { return bytes.Equal(d, data) }) {
			continue
		}
		rows = append(rows, recordRow{op, s.Name.Relative(origin), s.TTL, zones.TypeString(s.Type), s.Text(i)})
	}
	return rows
}
