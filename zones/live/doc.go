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
// 0 is skipped. It rises with every version and never goes back, also across crashes, whatever the file says, but for
// zones that come signed (below). For that, the store knows of a block of serials above what is served, which is extended
// in the background. So a withdrawal never waits for a disk. Serials of a block that were never served are lost in a
// crash; a clean stop gives them back.
//
// A start must not write a word for each of 100,000 zones before it answers. Hence three rules:
//
//   - One block serves all zones. A run tells the store once that each zone may be served under so many serials above
//     its newest journaled one (block.go). The journal itself moves each zone's block up. After a crash the
//     next run starts above the block, with one that is larger by what was left behind, and then, at leisure, records
//     where the zones stand, until the block is an ordinary one again.
//   - What is journaled needs nothing. Content that is the newest journaled version keeps its serial, which is no news to
//     anybody, and is served before the store hears of the run.
//   - A zone that the store never knew has no serial that could go back: the first version is served at once and journaled
//     behind. Its next content has a serial of its own once the store knows the zone. (After a crash in between it begins
//     anew; nobody but own answers had it.)
//
// What jumps beyond the block, with its file's serial, is reserved for its zone alone, before it is served; that may wait,
// but only so long (Options.ReserveWait).
//
// # Signed zones
//
// A zone that comes signed is served as its file has it, with the file's serial: any other would break the signature of the SOA
// record. Where that serial is not newer than the journaled one, its owner is warned, and the version is unreserved:
// served, but not durable, until the file has a newer serial. Single records of such a zone cannot be changed (ErrSigned).
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
// # After a restart
//
// Restore reads where serials stand. The caller builds the zones anew, from what was loaded and from the last verdicts, and
// publishes them. Content that is the same as the newest journaled keeps its serial, unless more serials may have been
// served than were journaled (a crash): then it gets one above the block. Whether it is the same, Update.Content says
// where the caller knows; else the zones are compared, which takes as long as reading them. Other content is
// journaled as changes of the journaled version, which the store still has.
//
// # Locks
//
// Publish is Prepare, which compares zones and waits for serials, and Prepared.Publish, which swaps. Only the second holds
// the lock that a withdrawal needs, and it does nothing there that grows with a zone: reading a large file again delays
// nobody's verdict.
//
// # Invariants
//
//   - One publisher for a store. Catalog is always a whole: the zones of one Publish appear together.
//   - The serial of what is served is at most what the store would say, after a crash, that it may have been; but for
//     the first serial of a zone that the store never knew, and for zones that come signed.
//   - A durable version never changes, and the one after it has a newer serial and a higher generation.
//
// # What it leaves to others
//
// What is served (health, policies) is decided before Publish; whoever computes the content of a zone is one at a
// time, for the last call wins. Package store keeps things, through the small interface Store.
package live
