// Package alias turns ALIAS records into addresses. An ALIAS record (zones.TypeALIAS, as PowerDNS has it) gives its owner the
// addresses of another name, where a CNAME may not stand, as at an apex. There is no RFC for it; draft-ietf-dnsop-aname, which
// was to be one, expired. Everything that follows is therefore our own choice.
//
//	loaded zone ─ Records ─► Keeper: own zones, or resolvers ─► Answer ─┐
//	     └──────────────────────────────────────────────────────────────┴─ Changes ─► loaded zone with A and AAAA instead
//
// What comes out is a loaded zone like any other: health checks its addresses, and what is served, transferred and mirrored has
// ordinary A and AAAA records. Who asks is answered from memory, never by asking somebody else meanwhile.
//
// # Promises
//
//   - The last good answer stays. A timeout, SERVFAIL, REFUSED, NXDOMAIN, or the absence of both families takes no address away;
//     State says since when and why. One family that is absent while the other has addresses is really gone. A family that
//     failed keeps what it had. It stays without an end, and is told of louder from the first day on (see below).
//   - A record that is changed keeps the addresses of its last target until the new one is heard of (Held), also where it was changed
//     while nothing ran.
//   - What was never known is not denied. As long as a family is unknown, the ALIAS record stays in the zone, and stands for "there may
//     be addresses": package resolver answers SERVFAIL to who asks for that family, and providers leave it as it is there.
//   - The TTL is the record's own. A resolver's counts down, and would make every refresh a change. The order of addresses is
//     that of their numbers: it never counts.
//   - Equal targets are asked for once, and no more than Options.Parallel at a time. Refreshes are spread at random.
//   - A target in a zone of ours is taken from what we serve, at the moment when that changes, without asking anybody: so it follows
//     withdrawals. Where the chain of CNAMEs leads out of our zones, resolvers are asked for what it leads to.
//   - ALIAS records that lead to each other in a ring are a problem that is told, not a loop.
//
// # When resolvers are asked
//
// Again when the answer's shortest TTL ends, at least every Options.Max and at most every Options.Min, and a little later at random;
// after a failure in ten seconds, and in twice as many each time up to a minute. Both families are asked for together.
//
// A target that has other addresses at each refresh, as a pool that shows eight of a hundred, is asked for more seldom: from the
// fourth change on, the least pause doubles with each up to Options.Max. A refresh without a change takes one doubling back.
//
// # Why the last good answer has no end
//
// Who serves from memory must choose what is worse: addresses that may be somebody else's by now, or none. PowerDNS answers SERVFAIL at
// once. RFC 8767 has resolvers end after one to three days, but they have someone to ask in their place, and nobody's zone to answer for.
// Here, the end would be SERVFAIL from us while every provider goes on with the addresses, since no record there can say "unknown"; and to
// remove them there, a denial that is kept for as long as the SOA says, because somebody else's servers were dark for too long. A
// version of the zone that takes a name away is its owner's to make. So it is told instead: in the log once a day with the number of
// days, in the status as a problem of the zone from the first day on, and by check. It ends with the record.
//
// # What resolvers may say
//
// Client asks with EDNS, random ids and ports, over TCP where an answer is truncated, and takes only what its question and the chain
// of CNAMEs from it lead to. Addresses that mean another host to everybody who asks (loopback, unspecified, link-local, multicast,
// reserved, IPv4-mapped) are refused: whoever owns the target must not turn clients against themselves or their neighbours. Private networks (RFC
// 1918, RFC 4193) are let through: zones that are served inside have their reasons, and outside such an address leads no
// further than any name can that is somebody's own. Validation (DNSSEC) is the resolver's.
//
// # What it leaves to others
//
// Nothing is published here (cmd/mangrove/alias.go), nothing is written to a disk: Encode and Decode make a text of what is worth keeping.
package alias
