package resolver

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// The short way of the answers that most are: addresses or text of a name that exists, and a referral that was prepared. Header,
// question, the records as they lie in the zone, with DO their signatures, and OPT are all there is to them, so they are written
// without first making a Response of them. Octet for octet it is what encode would write; who changes one of them has both to change.

// place is where a name stands: in which zone, nil where that was not looked up, and where there.
type place struct {
	zone  *zones.Zone
	found zones.Found
}

// plainType says that records of typ have no names in their data, and nothing to add to an answer of them.
func plainType(typ uint16) bool {
	return typ == dns.TypeA || typ == dns.TypeAAAA || typ == dns.TypeTXT
}

// short answers query, whose request is plain, from the name's own records, or with the referral of the cut above it. It returns nil
// where these are not the whole answer.
func (w *Worker) short(at *place, query, out []byte) ([]byte, Outcome) {
	q, z, f := &w.req, at.zone, &at.found
	tail := 0
	if q.edns {
		tail = optLen
		if w.flags&flagCookie != 0 {
			tail += 4 + cookieLen
		}
	}
	room, end := out[:w.limit(out)-tail], q.end
	o := Outcome{Zone: z, manner: manner{flags: w.flags}}
	// As encode has them, with NOERROR and without TC.
	flags, counts := binary.BigEndian.Uint16(query[2:])&0x7910|1<<15, uint64(1)<<48
	switch {
	case f.Kind == zones.KindNone && f.Exact:
		set, ok := z.Set(f.Node, q.qtype)
		records, count := set.Wire, uint16(set.Count)
		if q.do {
			records, count = set.Signed(), count+set.Signatures
		}
		if !ok || len(records) > len(room)-end {
			return nil, Outcome{}
		}
		end += copy(room[end:], records)
		flags |= 1 << 10 // AA
		counts |= uint64(count) << 32
		o.Node, o.Kind = f.Node, KindAnswer
	case f.Kind == zones.KindCut && (!q.do || z.Denial() == zones.Unsigned):
		servers, glue, ok := uint16(0), uint16(0), false
		if end, servers, glue, ok = z.Referral(f.Cover).Put(room, end, headerLen+w.key.Offset(f.CoverLabels)); !ok {
			return nil, Outcome{}
		}
		counts |= uint64(servers)<<16 | uint64(glue)
		o.Node, o.Kind = f.Cover, KindReferral
	default:
		return nil, Outcome{}
	}
	msg := out[:end+tail]
	copy(msg, query[:q.end])
	if q.edns {
		counts++
		w.putPlainOpt(msg[end:])
	}
	binary.BigEndian.PutUint16(msg[2:], flags)
	binary.BigEndian.PutUint64(msg[4:], counts)
	return msg, o
}

// putPlainOpt writes OPT with the one option that it may have where the request is plain.
func (w *Worker) putPlainOpt(opt []byte) {
	var do, options uint32
	if w.req.do {
		do = 1 << 31
	}
	if w.flags&flagCookie != 0 {
		options = 4 + cookieLen
		binary.BigEndian.PutUint32(opt[optLen:], optionCookie<<16|cookieLen)
		copy(opt[optLen+4:], w.cookie[:])
	}
	// The root, OPT, the size; then no code, version 0, DO, and how long the options are.
	binary.BigEndian.PutUint64(opt, uint64(dns.TypeOPT)<<40|uint64(w.policy.MaxUDPSize)<<24)
	binary.BigEndian.PutUint32(opt[7:], do|options)
}
