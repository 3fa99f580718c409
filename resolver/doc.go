// Package resolver is the authoritative server: a question comes in as bytes, the answer goes out as bytes.
//
// # Answering
//
// [Worker.Answer] is the one path for every transport. It allocates nothing, takes no lock, and asks nobody: the
// catalog that it is given is immutable, and everything else lies in the worker's own buffers.
//
//	query ─► request.parse ─► Worker.decide ─────────► Response ─► encoder ─► answer
//	         header,          RFC 1034 4.3.2,          which       names compressed,
//	         question, OPT    one turn a CNAME/DNAME   RRsets      nothing cut in half
//
// Most answers are addresses, text or a referral that lie in the zone as they go out: these are written without a Response, octet for
// octet the same (plain.go).
//
// A Response is a plain value: the code, the flags, and for each section which RRsets of which zone, with what owner.
// Deciding knows no sizes, encoding knows no DNS tree; the two meet in the additional section alone, where an address
// that a referral cannot do without is told from one that is added when there is room.
//
// Promised, and held by tests beside the code:
//   - RFC 1034 4.3.2 and RFC 4592: exact names, empty non-terminals, wildcards, delegations. RFC 2308: the SOA of a
//     negative answer carries the lower of its TTL and MINIMUM, also behind a CNAME.
//   - CNAME and DNAME (RFC 6672) are followed through all the zones served, at most 16 steps. A loop ends with what was
//     collected. No RRset stands twice in an answer.
//   - RFC 9471: an answer that lacks in-domain glue is truncated; sibling glue is added when it fits.
//   - DS at a cut comes from the parent (RFC 4035 3.1.4.1) where the parent is served.
//   - RFC 4035 3.1, RFC 5155 7: zones that come signed are answered, where DO asks for it, with the signatures of every
//     RRset and the NSEC or NSEC3 records that prove what is not there, each once (proof.go). What does not fit with them
//     is truncated, but for addresses that are a courtesy. AD is never set, CD is copied.
//   - RFC 6891: EDNS only to those who speak it, and then in every reply. UDP answers keep the size that both agreed
//     on; a truncated answer holds whole RRsets only.
//   - RFC 8482: QTYPE ANY over UDP is one RRset, QTYPE RRSIG the signatures of one; over TCP all of them. Nothing is added to these.
//   - Addresses that may be there and that nobody knows (zones.TypeALIAS is still in the zone) are not denied: SERVFAIL (alias.go).
//   - Nothing with QR=1 is answered, nothing shorter than a header, and no packet ends the process.
//
// Answers are minimal: no NS set in the authority section of a positive answer. The address that a record points
// at is added from the same zone alone.
//
// # Serving
//
// [Server] owns the sockets: [Server.Listen] binds, [Server.Run] serves until its context ends. Each UDP socket has
// one worker, its buffers set up once and never moved, its counters on cache lines of their own. On Linux it has a thread
// of its own, too, and takes and answers many datagrams with two system calls (udp_batch_linux.go is the loop,
// mmsg_linux.go the calls and all that is unsafe); elsewhere, and where a sandbox forbids these calls, each datagram takes two
// (udp_portable.go). [Schedule] gives the Go scheduler what the threads need.
//
// On Linux TCP connections that wait for their next query are a hundred octets each in one of a few loops, which read
// and answer without a goroutine, a timer or a buffer of the connection's own (tcppoll_linux.go says how;
// tcpaccept_linux.go takes them in). One that has to wait for something else (a slow reader, [Options.Rare]) gets
// a goroutine, as all do on other systems (tcpconn.go); both answer with tcpworker.go. The TCP listener of an address
// is bound first and without SO_REUSEPORT, so that two servers never share a port in silence.
//
// # Limits
//
// Over UDP the sender of a question may be forged, and the answer is larger. [RateLimit] bounds what a network gets of one name, or of what
// does not exist, or of errors: what is beyond is sent without content, so that who asks for himself comes again over TCP, or with a
// cookie. limit.go says what is counted and why, and where BIND and NSD differ; limittable.go is the table that all workers count in
// without locks; limitreport.go tells the log and [Server.Limited] who is limited. The zero [Options] limit nothing.
//
// # Left to others
//
// What is rare, and what changes something, goes to [Options.Rare]: UPDATE, NOTIFY, transfers, TSIG. Without it such
// requests are refused. Health checks add nothing to a query: a withdrawn record is not in the catalog. Nothing is signed
// here, and no signature is looked into.
//
// # Options of EDNS
//
// Cookies (RFC 7873, cookie.go) are made and checked as RFC 9018 has it, if there are secrets. Who has none, or none of ours, is answered as
// ever, with a fresh one: BADCOOKIE is for whom limits demand it of, and for the question whether a cookie is good (5.4). A good cookie
// younger than half an hour goes back as it came. Every reply has it but BADVERS, since of another version of EDNS we do not know the
// options, and FORMERR for a malformed one. Of several COOKIE options the first counts (RFC 7873 5.2). Without a
// cookie in the query neither a clock nor an address is looked at, with one the clock once for a batch.
//
// EXPIRE (RFC 7314) is answered to questions for the SOA of a zone, with what that says. CLIENT-SUBNET (RFC 7871) is read, and
// refused where it is malformed; since no answer depends on it, none has it (7.2.1). Padding (RFC 7830) is for encrypted transports.
// Extended errors (RFC 8914) tell what a code alone does not: nothing to answer from yet (14), this is not for you (18), none of our
// zones (20), we do not do this (21), the zone has no SOA (24), no type to ask for (30). What is wrong with signatures is told to the
// operator, not to who asks: to know it of each answer would cost every answer.
package resolver
