package zones

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// A referral is most of what a zone of delegations answers, and the dearest answer to put together: the names of the
// servers must be compressed, and each server's addresses fetched from a node of its own. So where the servers of a cut
// are all below it, or outside of the zone, what follows the question is written when the zone is built, compressed
// against the cut's own name. It lies behind the places of the NS set's targets:
//
//	0     how many pointers, 8 bits
//	1     how many records of glue, 8 bits
//	2     where each pointer stands in what follows, 16 bits, the upper one set where it points into what follows
//	…     the NS records, then the addresses, as they go out, the pointers relative to the cut's name or to the start
//	last  how long all this is, 16 bits
//
// Other cuts have none: glue beside the cut may be left out of an answer (RFC 9471), and belongs to so many
// referrals that the copies would have no bound. An overlay that touches anything below a cut makes all of them
// count as none until the zone is built again.
const (
	maxReferral = 512     // octets, the pointers' places included
	ownPointer  = 1 << 15 // the pointer points into the referral itself
)

// Referral is the authority and additional sections of the answer that leads to the servers of a cut, all in-domain glue
// included. The zero Referral holds nothing: not every cut has one prepared. It is valid as long as its zone is held.
type Referral struct {
	data    []byte
	servers uint16
}

// Delegation returns the NS set of the cut n, and its prepared referral if there is one; false where n has no NS.
func (z *Zone) Delegation(n Node) (ns Set, r Referral, ok bool) {
	s, ok := nodeType(z.node(n), dns.TypeNS)
	if !ok {
		return Set{}, Referral{}, false
	}
	return s.out(), z.prepared(&s), true
}

// Referral is the prepared referral of Delegation alone.
func (z *Zone) Referral(n Node) Referral {
	s, ok := nodeType(z.node(n), dns.TypeNS)
	if !ok {
		return Referral{}
	}
	return z.prepared(&s)
}

// prepared returns the referral that lies behind the NS set of a cut, where it still holds.
func (z *Zone) prepared(s *set) Referral {
	if s.flags&setReferral == 0 || z.over != nil && (z.over.covers || z.over.glue) {
		return Referral{}
	}
	end := len(s.body)
	return Referral{s.body[end-s.referral() : end-2], s.count}
}

// Put writes the referral at offset at of msg, in which the cut's name stands uncompressed at offset owner, both below
// 8192. It returns where it ends, and how many records of each section it has; false, and nothing is written,
// where there is nothing or it does not fit.
func (r Referral) Put(msg []byte, at, owner int) (end int, servers, glue uint16, ok bool) {
	if len(r.data) == 0 {
		return at, 0, 0, false
	}
	pointers, body := r.parts()
	if len(body) > len(msg)-at {
		return at, 0, 0, false
	}
	msg = msg[at:][:copy(msg[at:], body)]
	for ; len(pointers) >= 2; pointers = pointers[2:] {
		p, base := binary.LittleEndian.Uint16(pointers), uint16(owner)
		if p&ownPointer != 0 {
			base = uint16(at)
		}
		b := msg[p&^ownPointer:][:2]
		binary.BigEndian.PutUint16(b, binary.BigEndian.Uint16(b)+base)
	}
	return at + len(body), r.servers, uint16(r.data[1]), true
}

// Split writes the referral in two, as Put does, with room octets between the servers and the glue: for what says
// whether the cut is signed, which belongs between them and is the caller's to write, at middle.
func (r Referral) Split(msg []byte, at, owner, room int) (middle, end int, servers, glue uint16, ok bool) {
	if len(r.data) == 0 {
		return at, at, 0, 0, false
	}
	pointers, body := r.parts()
	if len(body)+room > len(msg)-at {
		return at, at, 0, 0, false
	}
	_, rest := firstRecord(body)
	for range r.servers - 1 {
		_, rest = firstRecord(rest)
	}
	front := len(body) - len(rest)
	middle = at + front
	copy(msg[at:], body[:front])
	end = middle + room + copy(msg[middle+room:], rest)
	for ; len(pointers) >= 2; pointers = pointers[2:] {
		p, base := binary.LittleEndian.Uint16(pointers), uint16(owner)
		if p&ownPointer != 0 {
			base = uint16(at) // what is pointed at is a server's name: in front
		}
		to := at + int(p&^ownPointer)
		if to >= middle {
			to += room
		}
		b := msg[to:][:2]
		binary.BigEndian.PutUint16(b, binary.BigEndian.Uint16(b)+base)
	}
	return middle, end, r.servers, uint16(r.data[1]), true
}

// parts returns where the pointers stand, and what is written.
func (r Referral) parts() (pointers, body []byte) {
	n := 2 + 2*int(r.data[0])
	return r.data[2:n], r.data[n:]
}

// referral prepares the referral of the cut whose name has number id and whose NS set is ns, and returns where in the
// log it is, as a record's data; 0 where the cut gets none.
func (b *Builder) referral(id uint32, ns *builtSet) uint32 {
	if ns.typ != dns.TypeNS || b.names.at(id).depth == 0 || ns.count > maxReferral/recordHead || b.size > maxZone/2 {
		return 0
	}
	w := &b.writer
	w.begin(b.rel(id), b.origin.wire)
	for i, at := uint16(0), ns.first; i < ns.count; i++ {
		r := b.record(at)
		if !w.add(targetName(dns.TypeNS, r[recordLink:]), b.origin.wire, ns.ttl) {
			return 0
		}
		at = binary.LittleEndian.Uint32(r)
	}
	for i := range w.hosts {
		if w.hosts[i].inside {
			b.glue(&w.hosts[i])
		}
	}
	size := w.size()
	if size == 0 {
		return 0
	}
	at := b.put(recordLink + size)
	r := b.log[at/chunkSize][at%chunkSize:]
	binary.LittleEndian.PutUint32(r, 0)
	binary.LittleEndian.PutUint16(r[4:], uint16(size))
	w.appendTo(r[:recordLink])
	return at
}

// glue writes the addresses of host, as many as there may be.
func (b *Builder) glue(host *referralHost) {
	w := &b.writer
	b.last = -1
	if _, ok := b.key.Parse(host.name, 0); !ok {
		return
	}
	l := b.key.labels
	id, ok := b.find(b.key.hash[l&127], b.key.wire[b.key.off[l&127]:b.key.off[b.labels&127]])
	if !ok {
		return
	}
	for set := b.names.at(id).set; set != 0; set = b.sets.at(set).next {
		s := b.sets.at(set)
		if s.typ != dns.TypeA && s.typ != dns.TypeAAAA {
			continue
		}
		for i, at := uint16(0), s.first; i < s.count && w.address(host, s.typ, s.ttl, b.record(at)[recordLink:]); i++ {
			at = binary.LittleEndian.Uint32(b.record(at))
		}
	}
}

// referralWriter puts a referral together.
type referralWriter struct {
	cut      []byte // its name
	out      []byte
	pointers []uint16
	hosts    []referralHost
	glue     int // records
}

// referralHost is a server whose name was written.
type referralHost struct {
	name   []byte
	inside bool  // of the cut
	own    int   // so many octets of the name were written, before a pointer or the root label
	at     place // where the name can be pointed at
}

// place is what a pointer points at: an octet of the cut's name, or of the referral itself.
type place struct {
	offset int
	own    bool
}

// begin starts the referral of the cut rel below origin.
func (w *referralWriter) begin(rel []byte, origin string) {
	w.cut = append(append(w.cut[:0], rel...), origin...)
	w.out, w.pointers, w.hosts, w.glue = w.out[:0], w.pointers[:0], w.hosts[:0], 0
}

// add adds a server; false where the cut gets no referral because of it.
func (w *referralWriter) add(host []byte, origin string, ttl uint32) bool {
	inside := nameWithin(host, w.cut)
	if len(host) == 0 || !inside && nameWithin(host, origin) {
		return false
	}
	w.server(host, inside, ttl)
	return true
}

// address adds an address of host; false: there is no room for more.
func (w *referralWriter) address(host *referralHost, typ uint16, ttl uint32, rdata []byte) bool {
	if len(w.out) > maxReferral {
		return false
	}
	w.record(host.at, typ, ttl, rdata)
	w.glue++
	return true
}

// size returns how many octets the referral takes; 0 where there is none to be prepared.
func (w *referralWriter) size() int {
	size := 2 + 2*len(w.pointers) + len(w.out)
	if w.glue == 0 || size > maxReferral {
		return 0
	}
	return size
}

// appendTo appends the referral.
func (w *referralWriter) appendTo(out []byte) []byte {
	out = append(out, byte(len(w.pointers)), byte(w.glue))
	for _, p := range w.pointers {
		out = binary.LittleEndian.AppendUint16(out, p)
	}
	return append(out, w.out...)
}

// record writes a record whose owner stands at owner.
func (w *referralWriter) record(owner place, typ uint16, ttl uint32, rdata []byte) {
	at := len(w.out)
	w.out = appendRecord(w.out, typ, ttl, rdata)
	w.point(at, owner)
}

// point makes the two octets at offset at a pointer.
func (w *referralWriter) point(at int, to place) {
	binary.BigEndian.PutUint16(w.out[at:], 0xc000|uint16(to.offset))
	p := uint16(at)
	if to.own {
		p |= ownPointer
	}
	w.pointers = append(w.pointers, p)
}

// server writes the NS record of host.
func (w *referralWriter) server(host []byte, inside bool, ttl uint32) {
	start := len(w.out)
	w.record(place{}, dns.TypeNS, ttl, nil)
	h := referralHost{name: host, inside: inside, at: place{len(w.out), true}}
	own, known, ok := w.find(host)
	h.own = own
	w.out = append(w.out, host[:own]...)
	switch {
	case !ok:
		w.out = append(w.out, 0)
	default:
		w.out = append(w.out, 0, 0)
		w.point(len(w.out)-2, known)
	}
	if own == 0 {
		h.at = known
	}
	binary.BigEndian.PutUint16(w.out[start+recordHead-2:], uint16(len(w.out)-start-recordHead))
	w.hosts = append(w.hosts, h)
}

// find returns how many octets of name stand before the longest suffix that can be pointed at, and where that is.
func (w *referralWriter) find(name []byte) (own int, at place, ok bool) {
	var buf [maxName]byte
	folded := buf[:copy(buf[:], name)]
	lower(folded)
	for ; folded[own] != 0; own += int(folded[own]) + 1 {
		rest := folded[own:]
		if nameWithin(w.cut, rest) {
			return own, place{offset: len(w.cut) - len(rest)}, true
		}
		for i := range w.hosts {
			h := &w.hosts[i]
			if skip := len(h.name) - len(rest); skip < h.own && nameWithin(h.name, rest) {
				return own, place{h.at.offset + skip, true}, true
			}
		}
	}
	return own, place{}, false
}
