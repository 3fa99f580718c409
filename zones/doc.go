// Package zones is the model that everything else in Mangrove speaks: names, RRsets, immutable zones, their
// differences, what is wrong with them, and the catalog of what is served. It is pure: no files, no sockets, no
// clock. Zones are never changed; With makes the next one, and the two share what did not change.
//
// # How a zone is laid out
//
// A Zone of ten million records must cost the garbage collector nothing, a hundred thousand zones of five records
// must fit one process, and a question must be answered with two or three cache misses. So a zone is one
// slice without pointers, made once with its exact size, and everything in it is found by numbers:
//
//	base ┌───────────────────────────────┐
//	     │ index   buckets of 64 octets: │  hash ─► 12 tags, 12 places
//	     ├───────────────────────────────┤
//	     │ marks   every 32nd node       │  where to start when a place in the order is sought
//	     ├───────────────────────────────┤
//	     │ node    example.com.          │  in canonical order (RFC 4034 6.1), each
//	     │ node    *.example.com.        │  a head: name below the apex, kind, cover, wildcard child
//	     │ node    a.example.com.        │  and its RRsets as they go out:
//	     │  …                            │  c00c type class ttl rdlength rdata …, places of targets
//	     └───────────────────────────────┘
//
// The octets of a node are described in node.go, those of a bucket in index.go.
//
//   - A node holds its whole name below the apex and its RRsets: one miss brings the name to be compared, the
//     facts about it and most often the answer. Equal RDATA is not shared between nodes for that
//     reason: a reference would save little (an A record takes 16 octets) and cost a miss.
//   - Canonical order makes iteration, transfers, Diff and the later NSEC chain sequential reads, and puts the glue
//     behind its delegation and the wildcard behind its parent.
//   - The hash of a name is made from the root to the first label, so that one pass over a question (Key) yields
//     the hash of every suffix: the zone, the closest encloser and the delegation are found without a second one.
//   - A node says what covers it (the topmost delegation at or above, or DNAME above it) as a number of labels: the
//     hash for that suffix is in the Key already.
//   - Where a name exists its ancestors do: empty non-terminals are nodes without RRsets. So the closest encloser is
//     found by halving the labels.
//   - A delegation whose servers are below it holds its referral as it goes out, beside its NS set (referral.go).
//   - A look-up compares names, always: two names with one hash are told apart. The hash is seeded at random in
//     each process, so that names cannot be chosen to meet in one bucket.
//   - Signatures (RRSIG) that come with a zone lie behind the records that they cover, so that an answer with them is one
//     copy; as values they are an RRset of their own (signature.go). A zone signed with NSEC or NSEC3 has a chain behind
//     its nodes: the owners of those records in order, and a tree that finds what covers a name which does not exist
//     (chain.go). Which chain denies is decided by what stands at the apex (denial.go): NSEC3 where NSEC3PARAM speaks of a chain that is
//     there, else NSEC. With NSEC3 each node says which record matches or covers its own name (hashed.go).
//   - Places are offsets, the arena depends on nothing of its process but the seed of the hashes: it may lie
//     in a mapped file (image.go). A data directory keeps its seed for that; else it is random in each process.
//
// An A record at a name of its own takes 48 octets, index included; a zone of five records 570, with its share of the
// catalog. Limits: ErrTooLarge.
//
// # How a zone changes
//
//	version 1: base
//	version 2: base + overlay { nodes, index, order }
//	version 3: base + overlay { … one more node … }       nodes appended to the same arena behind version 2's end
//
// An overlay holds each changed node as a whole, names that came, and marks for names that went; it is looked at
// before the base. There is one overlay however many versions there were: a new version copies its small index
// and appends nodes to the arena, which older versions do not see. Nodes of the base keep places of other
// nodes (targets, wildcard): with an overlay these are only names, looked up again. Invariants:
//
//   - A name in base and overlay is answered from the overlay alone.
//   - Adding or removing "*" below a node puts the node itself into the overlay, whose flag says so; adding
//     a name puts its missing ancestors there, removing one its needless ancestors.
//   - Nodes in an overlay hold places of the base only, so that they can be copied to another arena as they are.
//   - Records of the chain that come or go are found beside the base's (denial.go); a change of how the zone proves denial
//     builds it anew.
//   - What changes below a delegation is not in the referrals that were prepared. The overlay says so (glue), and they
//     are left alone. Where the addresses of the cut itself change, which a server may have, its referral goes (dropReferral).
//   - A delegation or a DNAME that comes or goes changes the cover of nodes that are not touched. The overlay
//     says so (covers), and Find then walks down from the apex.
//   - order is the canonical order of the overlay's nodes, each with the place in the base where it belongs.
//
// Compact builds a zone without overlay, aside; With does so itself where an overlay would be no gain: in a small zone,
// and where a quarter of the names change. Two versions from one base are compared by their overlays alone (Diff); a
// compacted version has a base of its own.
//
// # What holds it together
//
// reference_test.go is the model once more, in maps and slices; the tests make random zones and chains of versions,
// and compare everything that a zone says with it. Files:
//
//   - names: name.go, order.go, key.go, canonical.go (names in data);
//   - from records to the arena: rrset.go, builder.go, build.go, node.go, index.go, referral.go, huge*.go, scratch*.go;
//   - the same zones from many records at once: packer.go, packsort.go, pack.go, packnode.go, packlink.go (packer_test.go holds them
//     to the builder's);
//   - reading it: zone.go, find.go, walk.go, touch.go, prefetch*;
//   - what comes signed: signature.go, chain.go, denial.go, hashed.go;
//   - keeping it in files, the content hash: image*.go;
//   - versions: with.go, overlay.go, diff.go; catalog.go;
//   - what zones mean: check*.go, problem.go; alias.go (ALIAS records, which zones/alias turns into addresses).
package zones
