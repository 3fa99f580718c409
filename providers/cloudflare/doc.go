// Package cloudflare keeps zones at Cloudflare as we serve them: it implements providers.Driver over API v4.
//
// # How it works
//
// The account is a libdns/cloudflare Provider (its tokens, its HTTPClient). The calls are our own, because at the versions that
// exist each operation of that module loses something which a mirror must not lose: one record that it cannot read (NAPTR, LOC
// with fractions, SVCB) fails the listing of the whole zone; setting an RRset keeps one value; deleting one SRV or MX deletes its
// neighbours; an error while deleting TXT is swallowed; priority 0 is not sent; ids, proxied, comments and tags are
// dropped. What goes through the Account's HTTPClient all the same is counted in the same budget.
//
//	Snapshot   all pages as raw JSON; each record is understood by itself. What is not, and what other Cloudflare products
//	           own, makes its RRset Foreign: shown, kept, never changed in part.
//	Apply      read again what is to be changed and compare it with each change's Old (Cloudflare has no compare-and-swap),
//	           then POST dns_records/batch: deletes by id, patches in place, posts. The verdicts of
//	           a name go first; its edits are one batch unless they exceed the limit or are refused. A refused batch is
//	           halved until the changes that are meant stand alone. Changes that a CNAME binds are never parted.
//
// # What it promises
//
//   - A value that goes and one that comes share a record, which is patched in place: an RRset that is to have records never passes
//     through having none, although Cloudflare publishes the records of a batch one by one. CNAME and what replaces it are
//     exchanged in one transaction, deletes first.
//   - A patch names nothing but what changes. proxied, comment and tags stay as they are unless an overlay asks for them.
//   - Nothing that the API answers to a write is believed; the engine reads again.
//   - The apex SOA and NS are never touched, nor any record that no change names.
//   - A list is complete or an error: a page that is missing, repeated or of another length than was said is never taken
//     for the end of the zone.
//   - No call goes beyond 1200 in five minutes (Budget), whatever other programs with the same token do to the rest; a part is kept for
//     health changes and the reading back of them, and a few calls of it for the reading before. A Retry-After is obeyed by all calls.
//
// # How things are expressed there
//
// TTL 1 is "automatic" and answered as 300, so 300 is what Snapshot says; it counts as equal to 300 and is left as it is.
// Everything proxied has it. Where the records of an RRset differ in TTL, Snapshot says TTL 0, which no zone is
// projected to. One proxied address makes all addresses of its name proxied; what is answered then are the proxy's addresses, so Visible is
// false. Attributes: "proxied" ("true", "false"; of A, AAAA and CNAME), "comment", "tags" ("name:value, name:value"); an
// attribute that differs within an RRset begins with "(differs) ".
//
// TXT content is quoted strings in presentation form; content without quotes is from before Cloudflare asked for them
// and is taken as it stands. Types that have a data object are read from it and written with it; their content is computed by the
// API. Names are complete and in ASCII: an owner that the API would take for another name cannot be held.
//
// Sources: developers.cloudflare.com, "DNS record types", "Batch record changes", "Time to Live", "Proxy status",
// "Rate limits", the API reference of dns/records and zones.
package cloudflare
