package resolver

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// The short way of the answer that most are: addresses or text of a name that exists. Header, question, the records as they lie
// in the zone, with DO their signatures, and OPT are all there is to it, so they are written without first making a Response of them. Octet for octet it is
// what encode would write; who changes one of them has both to change.

// place is where a name stands: in which zone, nil where that was not looked up, and where there.
type place struct {
	zone  *zones.Zone
	found zones.Found
}

// plainType says that records of typ have no names in their data, and nothing to add to an answer of them.
func plainType(typ uint16) bool {
	return typ == dns.TypeA || typ == dns.TypeAAAA || typ == dns.TypeTXT
}

// short answers query, whose request is plain, from the name's own records. It returns nil where they are not the whole answer.
func (w *Worker) short(at *place, query, out []byte) []byte {
	q := &w.req
	if at.found.Kind != zones.KindNone || !at.found.Exact {
		return nil
	}
	set, ok := at.zone.Set(at.found.Node, q.qtype)
	if !ok {
		return nil
	}
	records, count := set.Wire, uint16(set.Count)
	if q.do {
		records, count = set.Signed(), count+set.Signatures
	}
	end := q.end + len(records)
	total := end
	if q.edns {
		total += optLen
		if w.flags&flagCookie != 0 {
			total += 4 + cookieLen
		}
	}
	if total > len(out) || total > maxMessage || w.via == UDP && (total > q.size || total > w.policy.MaxUDPSize) {
		return nil
	}
	msg := out[:total]
	copy(msg, query[:q.end])
	copy(msg[q.end:], records)
	additional := uint64(0)
	if q.edns {
		additional = 1
		opt := msg[end:]
		// The root, OPT, the size; then no code, version 0, DO, no options.
		binary.BigEndian.PutUint64(opt, uint64(dns.TypeOPT)<<40|uint64(w.policy.MaxUDPSize)<<24)
		opt[7], opt[8], opt[9], opt[10] = 0, 0, 0, 0
		if q.do {
			opt[7] = 0x80
		}
		if w.flags&flagCookie != 0 {
			opt[10] = 4 + cookieLen
			binary.BigEndian.PutUint32(opt[optLen:], optionCookie<<16|cookieLen)
			copy(opt[optLen+4:], w.cookie[:])
		}
	}
	// As encode has it, with AA, NOERROR and neither TC nor an authority section.
	binary.BigEndian.PutUint16(msg[2:], binary.BigEndian.Uint16(query[2:])&0x7910|1<<15|1<<10)
	binary.BigEndian.PutUint64(msg[4:], 1<<48|uint64(count)<<32|additional)
	return msg
}
