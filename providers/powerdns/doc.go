// Package powerdns mirrors zones to a PowerDNS Authoritative Server through its HTTP API (4.2 and later).
//
// An account is configured as libdns' provider of that name is (server_url, server_id, api_token). Its calls are not used,
// for what a mirror must not lose or mangle:
//
//   - It sends one PATCH for each RRset, so that a CNAME can't take other data's place. The API takes many RRsets in one
//     PATCH, which is one database transaction: here all edits go in one, or in as few as the server's body
//     limit (2 MB by default) allows, after those of verdicts. What a CNAME binds is never in two. A PATCH that is refused is
//     parted until the change that the server means stands alone, so that it keeps nothing else back.
//   - It reads TXT back quoted, and fails the whole reading for a record that its parser does not know (an SVCB at a name
//     without underscore). Here RDATA is parsed by type; what can't be (ALIAS, LUA) is shown as foreign and kept. No
//     RRset that has a record which can't be read is changed or deleted.
//   - It drops the disabled flag. A disabled record is served by nobody: here it is foreign, and is sent back as it is
//     when its RRset is replaced.
//   - PowerDNS refuses content that is not spelled its own way (a LOC without centimetres). Here the spelling that it names in
//     its refusal is taken, if it means the same octets.
//
// There is no compare-and-swap: the zone is read again right before a PATCH, and a change whose RRset differs from what was
// planned from is ErrConflict, and it is not written, nor what a CNAME binds to it. An edit in the moment between is lost.
//
// Comments stay as they are. The apex SOA and NS stay the server's. Names with other characters than letters, digits and
// "_-/." are refused by the API and can't be held.
package powerdns
