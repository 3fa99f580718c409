package main

import (
	"slices"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/store"
)

// noteUnsigned warns where the zone came signed before and does not any more: it may be wanted, and is served, but who is sent
// by a DS record of the parent takes all of it for forged. It is said of every reading until the zone comes signed again, or,
// after a restart, is edited: who knows of it has a way to end it.
func (src *source) noteUnsigned(before *source) {
	switch {
	case before == nil || src.zone == nil || src.zone.Signed():
		return
	case before.zone != nil && before.zone.Signed():
	case !before.unsigned || before.zone == nil && before.fileVersion != (contentID{}) && before.fileVersion != src.fileVersion:
		return
	}
	src.unsigned = true
	src.add(zones.Problem{Pos: zones.Pos{File: src.path}, Severity: zones.Warning, Text: src.origin.String() + unsignedText})
}

// unsignedText goes on behind the zone's name.
const unsignedText = " was signed, is not any more: validators fail as long as the parent has a DS record"

// unsigned says whether the problems are those of a zone that came signed before.
func (fs findings) unsigned() bool {
	return slices.ContainsFunc(fs, func(f finding) bool { return f.named && f.text == unsignedText })
}

// cameSigned is all that is known, before it is read, of a zone whose last good version came signed, or was told of as one that
// does not any more; nil for others.
func cameSigned(l store.Loaded) *source {
	if l.Zone.Signed() {
		return &source{unsigned: true}
	}
	if made, err := decodeRecipe(l.Meta, func(b []byte) string { return string(b) }); err == nil && made.found.unsigned() {
		return &source{unsigned: true, fileVersion: versionOf(l.Files, nil)}
	}
	return nil
}
