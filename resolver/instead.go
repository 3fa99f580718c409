package resolver

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// What is sent instead of an answer to a client that has to show first that it receives what is sent to its address. Neither answer is
// longer than the query but for what EDNS adds to it.

// Truncate makes answer, which w has just made of query and of which o says what it is, one without records: its code, AA and TC, the
// question, and what EDNS adds. Whoever really asks does so again over TCP. It is written where answer was, which must not be nil.
func (w *Worker) Truncate(query, answer []byte, o Outcome) ([]byte, Outcome) {
	w.res.Rcode, w.res.Authoritative = o.Rcode, binary.BigEndian.Uint16(answer[2:])&(1<<10) != 0
	answer = w.encode(query, answer[:cap(answer)])
	w.res.clear()
	answer[2] |= 2
	o.flags |= flagTruncated
	return answer, o
}

// BadCookie makes answer, which w has just made of query and of which o says what it is, one that asks for a server cookie, which is with it
// (RFC 7873 5.2.3). It is for queries with a cookie (Outcome.Cookie) over UDP. It is written where answer was, which must not be nil.
func (w *Worker) BadCookie(query, answer []byte, o Outcome) ([]byte, Outcome) {
	w.res.Rcode = dns.RcodeBadCookie
	answer = w.encode(query, answer[:cap(answer)])
	w.res.clear()
	o.Rcode, o.flags = dns.RcodeBadCookie, o.flags&^flagTruncated
	return answer, o
}
