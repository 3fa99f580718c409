// Package image keeps compiled zones in files, to be mapped and served at the next start without being parsed.
//
// An image is the arena of a [zones.Zone] as it lies in memory, and a head that says what it is (zones/image.go has
// its octets). It is known by its [Ref]: the zone's origin and its content hash, so that an image never changes: other
// content is another image. Who refers to which one is for the caller to remember (package store does); what nobody
// refers to, Keep and Drop forget.
//
//	images/
//	├── seed                     what the names in all of them were hashed with (AdoptSeed); a secret
//	├── 0000001c.zones           a pack: many small zones
//	├── 0000001d.zones           one large zone
//	└── 0000001e.zones           the small zones that changed since
//
// # Promises
//
//   - What Put returned of is on the disk, whole. A file is written under another name, synced and renamed, and never
//     modified: a crash leaves all of it or nothing, and at worst images that nobody refers to.
//   - An image that is damaged, cut short, of another version of the program, or whose names were hashed with another
//     seed is never returned as it is. The first three are errors; the last is indexed anew.
//   - Of an image that was made on purpose to pass its checksum, Get and Map may return a zone that makes
//     look-ups panic, until Verify is asked: the directory is the operator's alone (mode 0700), as the zone files are.
//   - The directory belongs to one process at a time, which the caller sees to (package store locks its database).
//
// # Packs
//
// A zone whose arena has less than 64 KiB goes into a pack with the others of its Put, so that 50,000 zones are one file; a
// later Put of some of them makes another, smaller one. Maintain writes packs together, the smallest first, when
// there are more than eight, and those of which more than half is not referred to.
//
// # Mappings
//
// Map gives zones whose arenas lie in a file that is mapped, read only. Slices of an arena escape into answers, RRsets and
// later versions of the zone, so a mapping is never taken away while the process lives: a file that was mapped keeps its space on the
// disk until then, even removed. Only a start maps; Get reads into memory. Resident moves a zone to memory of its own, in huge
// pages, and lets the kernel take back what the mapping had of it; a reader that still has the old one faults it in
// again, no more.
//
// Nobody must cut such a file short or write into it while it is mapped: the kernel answers a look-up in what is gone with
// SIGBUS, which ends the process. This package never does; copying a directory over one in use does.
//
// Where files cannot be mapped (build tags), they are read.
package image
