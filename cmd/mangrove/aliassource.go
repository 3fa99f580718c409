package main

import (
	"slices"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/alias"
)

// aliasing is the ALIAS records of a source, and what has become of them. It is immutable.
type aliasing struct {
	records []alias.Record
	answers []alias.Answer // of each record, as loaded has it
	loaded  *zones.Zone    // the source's zone with addresses; nil: it is not made yet
}

// changes is what makes loaded of the source's zone.
func (al *aliasing) changes() (out []zones.Change) {
	for i, a := range al.answers {
		out = al.records[i].Changes(out, alias.Answer{}, a)
	}
	return out
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
		changes = slices.Concat(src.alias.changes(), changes)
	}
	if len(changes) == 0 {
		return asRead
	}
	return contentOf(changes)
}

// resolved returns src with the addresses that are known now; src itself where nothing is different.
func (a *app) resolved(src *source) *source {
	next, _, err := src.resolved(a.aliases.Answer, nil)
	if err != nil { // too many octets at a name: what was before stays, or the ALIAS records, which stand for "unknown"
		a.log.Error("addresses of ALIAS records are not taken up", "zone", src.origin, "err", err)
		return src
	}
	return next
}

// realiased is what a source became by other addresses of its ALIAS records.
type realiased struct {
	at      []int          // the records that have others
	changes []zones.Change // of its loaded zone
}

// resolved returns src with the addresses that look tells of its records, or of those with the numbers at alone, and what is different then;
// src itself where nothing is. It costs as much as is different.
func (src *source) resolved(look func(alias.Record) alias.Answer, at []int) (*source, realiased, error) {
	var what realiased
	if !src.hasAliases() {
		return src, what, nil
	}
	al := *src.alias
	fresh := al.loaded == nil
	if fresh {
		al.loaded, al.answers = src.zone, make([]alias.Answer, len(al.records))
	}
	take := func(i int) {
		was, is := src.alias.answer(i), look(al.records[i])
		if is.Equal(was) {
			return
		}
		if len(what.at) == 0 && !fresh {
			al.answers = slices.Clone(al.answers)
		}
		what.at = append(what.at, i)
		what.changes = al.records[i].Changes(what.changes, was, is)
		al.answers[i] = is
	}
	if at == nil || fresh {
		for i := range al.records {
			take(i)
		}
	} else {
		for _, i := range at {
			take(i)
		}
	}
	if len(what.at) == 0 && !fresh {
		return src, what, nil
	}
	var err error
	if al.loaded, err = al.loaded.With(what.changes); err != nil {
		return src, realiased{}, err
	}
	if al.loaded.NeedsCompaction() {
		al.loaded = al.loaded.Compact()
	}
	next := *src
	next.alias = &al
	next.overlay = overlayOf(al.loaded, src.rules)
	return &next, what, nil
}

// answer is what the record with number i has in loaded.
func (al *aliasing) answer(i int) alias.Answer {
	if al.loaded == nil {
		return alias.Answer{}
	}
	return al.answers[i]
}
