// Package store is Mangrove's durable state: everything that must outlive the process, and nothing else.
//
// It keeps, for each zone, the last good version as the operator wrote it (so that a broken or vanished file costs
// nothing, also across a restart), the served versions (the newest as a whole, the ones before as a journal of
// changes), how far serials may go; the last verdicts of health checks; what the engine knows of each mirror at a
// provider; a bounded log of events; a few small values. [Store] is the contract; [OpenBolt] keeps it in one bbolt
// file; package storetest holds what any implementation must pass. The encodings are in FORMAT.md.
//
// # Promises
//
//   - A method that writes returns nil only once what it wrote survives a crash, and writes all of it or nothing. An error
//     means "not known to be written": read again before relying on either. It says what was not saved. The
//     store remains usable after it; a full disk that is emptied heals without a restart.
//   - Every value carries its encoding's version and a CRC32C. What does not decode is an error that wraps
//     [ErrCorrupt], never a panic and never a guess.
//   - A served version follows the one before it or is refused ([ErrChain]); a mirror's generation never falls, and
//     who has not read the newest is refused ([ErrStale]): a delayed writer cannot undo what came after it.
//   - Nothing that the store hands out points into it: results are the caller's. What it is given is not kept.
//
// # Served versions
//
// The newest served version is an image: chunks of RRsets in canonical order, of a few kilobytes each. One more version
// (AppendServed) is one small transaction: the journal entry, the chunks that its changes touch, the zone's head.
//
//	head     serial 7, generation 3, content hash ──────────────┐ equals the sum over the image
//	journal  [gen 1: whole] [gen 2: 5 → 6, changes] [gen 3: 6 → 7, changes]
//	image    chunk "@" … chunk "mail" … chunk "www" …           ┘
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
