// Package live is the single publisher: every version of every zone that Mangrove serves is made here. It assigns serials,
// swaps what is served with one pointer, tells whoever follows, and has each version journaled right after.
//
//	Publish ─┐                       ┌─► Catalog: answers, at once
//	changes ─┴─► serial ─► swap ─────┤
//	                       │         └─► Subscribe
//	                       ▼
//	                     queue ─► Run: store (journal) ─► Durable: transfers, providers
//
// # Serials
//
// A published version has the serial of its zone file where that is newer (RFC 1982) than the one served, else the next one;
// 0 is skipped. It rises with every version and never goes back, also across crashes, whatever the file says. For
// that, a block of serials is reserved in the store before the first of them is served, and extended in the
// background. So a withdrawal never waits for a disk. Serials of a block that were never served are lost in a
// crash; a clean stop gives them back.
//
// # When the store fails
//
// Health comes first: content is served in any case. Versions that could not be journaled wait, in order, and are retried with
// growing pauses; for each zone the newest content waits alone, with the reasons of all, and its changes are computed from
// the newest journaled version, so that the journal has no gap. When a block is used up and cannot be
// extended, new content is served under the serial before it ("unreserved"): a serial that was not reserved might
// be given to other content after a crash. The version gets its serial as soon as the store can reserve it. Transfers and
// providers see durable versions alone, so they never see two contents under one serial. All of it is in Health,
// in Result and in the log.
//
// A zone's first publication in a run waits for its reservation, but only so long (Options.ReserveWait).
//
// # After a restart
//
// Restore reads where serials stand. The caller builds the zones anew, from what was loaded and from the last verdicts, and
// publishes them. Content that is the same as the newest journaled keeps its serial, unless more serials may have been
// served than were journaled (a crash): then it gets one above the reserved block. Other content is
// journaled as changes of the journaled version, which the store still has.
//
// # Invariants
//
//   - One publisher for a store. Catalog is always a whole: the zones of one Publish appear together.
//   - The serial of what is served is at most what is reserved, but for zones that were never known to the store.
//   - A durable version never changes, and the one after it has a newer serial and a higher generation.
//
// # What it leaves to others
//
// What is served (health, policies) is decided before Publish; whoever computes the content of a zone is one at a
// time, for the last call wins. Package store keeps things, through the small interface Store.
package live
