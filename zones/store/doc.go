// Package store is Mangrove's durable state: everything that must outlive the process, and nothing else.
//
// It keeps, for each zone, the last good version as the operator wrote it (so that a broken or vanished file costs
// nothing, also across a restart), the served versions (the newest as a whole, the ones before as a journal of
// changes), how far serials may go; the last verdicts of health checks; what the engine knows of each mirror at a
// provider; a bounded log of events; a few small values. [Store] is the contract; [OpenBolt] keeps it in one bbolt
// file, and the zones themselves in files of package image, ready to be served; package storetest holds what any
// implementation must pass. The encodings are in FORMAT.md.
//
// # Promises
//
//   - A method that writes returns nil only once what it wrote survives a crash, and writes all of it or nothing (SaveLoaded:
//     of each zone). An error means "not known to be written": read again before relying on either. It says what was not
//     saved. The store remains usable after it; a full disk that is emptied heals without a restart.
//   - Every value carries its encoding's version and a CRC32C. What does not decode is an error that wraps
//     [ErrCorrupt], never a panic and never a guess.
//   - A served version follows the one before it or is refused ([ErrChain]); a mirror's generation never falls, and
//     who has not read the newest is refused ([ErrStale]): a delayed writer cannot undo what came after it.
//   - Nothing that the store hands out points into it: results are the caller's. What it is given is not kept.
//
// # Images
//
// A zone as a whole is an image, known by its origin and content hash: what is loaded, and what a served version is made of, refer to
// the same one where they differ in the serial alone, as they do while all targets are well.
//
//	loaded   content hash a, files, times ─────────────────────────┐
//	served   serial 7, generation 3, content hash c, base a of 1 ──┤
//	journal  [gen 1: whole] [gen 2: a → b, changes] [gen 3: b → c] │
//	images   a: index, nodes, records as they go out ◄─────────────┘
//
// One more version (AppendServed) is one small transaction: the journal entry and the zone's head. The newest version is made of its
// base by the entries since; the base moves to a version whose image is there anyway, and to one of its own before there
// is too much to replay. Images are written before the transaction that refers to them, and never under its lock;
// they are dropped after the one that refers to them no more. What a process that was killed left behind, Maintain drops.
//
// An image that is damaged or gone is an error when it is read, and counts as not there from then on: saved again, it is written
// again. Without it a last good version must be read from its files, and the next served version is journaled as a whole.
//
// # The content hash
//
// The content hash is the sum modulo 2^256 of the SHA-256 of each record, the serial of the apex SOA taken as 0. A sum
// can follow changes without the zone, and does not depend on order: so the journal can be verified entry by
// entry even after its beginning was dropped, and a flip in a zone of a million records costs the flip.
// It detects damage and says whether content is the same; it does not withstand an adversary who
// can write the store.
//
// # What it leaves to others
//
// Package live decides serials and when to journal; the engine of package providers decides what is planned and
// applied, and what it must remember of it: to the store, a mirror is a generation and two blobs. The store never
// looks at the network or at a zone file. It logs nothing: it returns errors.
package store
