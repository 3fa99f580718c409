// Package rfc2136 mirrors zones to any name server that takes DNS UPDATE (RFC 2136) and transfers the zone (AXFR,
// RFC 5936), with TSIG (RFC 8945) or without: Knot, BIND, PowerDNS, NSD's primary, Windows DNS.
//
// An account is configured as libdns' provider of that name is (server, key_name, key_alg, key), and by the type itself. Its
// calls are not used, for what a mirror must not lose:
//
//   - They have no prerequisites. Here, every change names what was seen: "RRset exists, value dependent" (RFC 2136 2.4.2)
//     for what was there, "RRset does not exist" (2.4.3) for what was not. The server compares and swaps in one step, exactly.
//   - TXT is written through Go's %q and read back escaped: a TAB becomes "t", text over 255 octets is cut within a
//     character, empty text is a FORMERR. Here, RDATA goes as octets in both directions.
//   - A record that its parser refuses makes the whole reading fail.
//
// One UPDATE message carries all changes that verdicts made, another one all edits, each applied as a whole or not at all. One
// that would not fit a TCP message (65,535 octets) is split between names: changes that a CNAME binds, which takes other data's
// place, are never parted. A single RRset too large for a message is refused. A message that is refused is halved, within bounds,
// until what the server means stands alone (its policy may take an A and no TXT), so that it keeps nothing else back. REFUSED
// for all of it reads the same as for one: it is both ErrRefused and ErrAuth.
//
// After a refused prerequisite the zone is read again: where everything wanted is there already (the answer to an earlier try was
// lost), that is success; else it is ErrConflict. TTLs are no part of prerequisites (RFC 2136 2.4): an edit of a TTL alone between
// reading and writing is not noticed.
//
// The apex SOA and NS stay the server's; so does everything that a signing server adds (RRSIG, NSEC, its DNSKEYs), which a transfer
// shows and a plan leaves alone.
package rfc2136
