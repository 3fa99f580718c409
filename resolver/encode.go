package resolver

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// recordLen is what stands before the data of a record with a compressed owner: pointer, type, class, TTL, length.
const recordLen = 12

// maxTargets is for how many records of a set the place of their target in the message is remembered. The owners of
// further addresses are found as any other name is.
const maxTargets = 64

// encoder writes one message. All its memory is the worker's.
type encoder struct {
	msg       []byte // the whole of it, as far as this answer may go
	n         int    // octets written
	truncated bool
	names     names
	primed    bool // names holds the question's
	question  int  // length of the question's name, 0 without one
	target    [maxTargets]uint16
	targets   int // how many records of the set written last have their target's place in target; 0 means "not there"
}

// encode writes the response to query into out.
func (w *Worker) encode(query, out []byte) []byte {
	q, r, e := &w.req, &w.res, &w.enc
	limit, tail := w.limit(out), w.tailLen()
	if q.end+tail > limit && w.tsig != nil {
		w.tsig = nil // names of 255 octets in 512: the code alone has to do
		tail = w.tailLen()
	}
	e.begin(out[:limit-tail], query[:q.end])
	if q.question {
		e.question = q.end - 4 - headerLen
	}
	var counts [3]uint16
	if servers, glue, ok := e.prepared(r, q.do); ok {
		counts[1], counts[2] = servers, glue
	} else {
		counts[0] = e.section(r.answer[:r.answers])
		counts[1] = e.section(r.authority[:r.authorities])
		if !e.truncated {
			counts[2] = w.additional()
		}
	}
	msg := out[:e.n+tail]
	counts[2] += w.putTail(msg, e.n)

	// The header: ID, opcode, RD and CD are the query's (RFC 1035 4.1.1, RFC 4035 3.1.6), RA, Z and AD are clear.
	flags := binary.BigEndian.Uint16(query[2:])&0x7910 | 1<<15 | uint16(r.Rcode&15)
	if r.Authoritative {
		flags |= 1 << 10
	}
	if e.truncated {
		flags |= 1 << 9
	}
	binary.BigEndian.PutUint16(msg[2:], flags)
	questions := uint16(0)
	if q.question {
		questions = 1
	}
	binary.BigEndian.PutUint16(msg[4:], questions)
	binary.BigEndian.PutUint16(msg[6:], counts[0])
	binary.BigEndian.PutUint16(msg[8:], counts[1])
	binary.BigEndian.PutUint16(msg[10:], counts[2])
	e.msg = nil
	return msg
}

// limit returns how large the answer in out may be.
func (w *Worker) limit(out []byte) int {
	limit := min(len(out), maxMessage)
	if w.via == UDP {
		limit = min(limit, w.req.size, w.policy.MaxUDPSize)
	}
	return limit
}

// begin starts a message with head, a header and a question, which fit in any buffer that Answer is given.
func (e *encoder) begin(msg, head []byte) {
	e.msg, e.n = msg, copy(msg, head)
	e.truncated, e.primed = false, false
	e.names.count, e.targets, e.question = 0, 0, 0
}

// prepared writes a referral that was prepared, and is the whole answer, where it fits. Where it does not, and behind a
// CNAME, the sections are put together one by one: that finds more to point at, and what may be left out.
func (e *encoder) prepared(r *Response, do bool) (servers, glue uint16, ok bool) {
	if !r.referral || r.answers > 0 || r.authority[0].ptr == 0 {
		return 0, 0, false
	}
	owner := int(r.authority[0].ptr &^ pointer)
	if r.authorities == 1 {
		e.n, servers, glue, ok = r.prepared.Put(e.msg, e.n, owner)
		return servers, glue, ok
	}
	secure := r.authority[1:r.authorities]
	room := 0
	for i := range secure {
		room += len(secure[i].owner) + len(secure[i].Signed())
	}
	start := e.n
	middle, end, servers, glue, ok := r.prepared.Split(e.msg, start, owner, room)
	if !ok {
		return 0, 0, false
	}
	e.n = middle
	for i := range secure {
		if s := &secure[i]; !e.put(s) {
			break
		} else {
			servers += uint16(s.Count) + s.Signatures
		}
	}
	if e.n != middle+room {
		e.n = start // it was not as long as it looked
		return 0, 0, false
	}
	e.n = end
	return servers, glue, true
}

// section writes RRsets that the answer needs. The first that does not fit ends the message (RFC 2181 9).
func (e *encoder) section(sets []rrset) (count uint16) {
	for i := range sets {
		if e.truncated {
			break
		}
		s := &sets[i]
		if s.every {
			count += e.every(s)
			continue
		}
		if !e.put(s) {
			e.truncated = true
			break
		}
		count += uint16(s.Count) + s.Signatures
	}
	return count
}

// every writes all RRsets of a node, or all its signatures.
func (e *encoder) every(s *rrset) (count uint16) {
	one := *s
	for i := 0; ; i++ {
		var ok bool
		if s.Type == dns.TypeRRSIG {
			one.Set, ok = s.zone.Signatures(s.node, i)
		} else {
			one.Set, ok = s.zone.Sets(s.node, i)
		}
		if !ok {
			return count
		}
		if !e.put(&one) {
			e.truncated = true
			return count
		}
		count += uint16(one.Count) + one.Signatures
	}
}

// put writes one RRset with its signatures, or nothing of it where it does not fit.
func (e *encoder) put(s *rrset) (fits bool) {
	if s.Type == dns.TypeSOA && e.putSOA(s) {
		return true
	}
	layout := layoutOf(s.Type)
	ptr := s.ptr
	if s.Signatures != 0 || ptr != 0 && len(s.owner) > 0 {
		return e.putSigned(s, layout)
	}
	if ptr == 0 {
		ptr = e.pointerTo(s.owner)
	}
	if layout.kind == opaque && ptr != 0 {
		return e.copySet(s.Wire, ptr)
	}
	return e.putRecords(s, ptr, layout)
}

// copySet writes records whose data hold no names: they go out as they lie in the zone, with their owner's pointer patched.
func (e *encoder) copySet(wire []byte, ptr uint16) (fits bool) {
	start := e.n
	if len(e.msg)-start < len(wire) {
		return false
	}
	e.n += copy(e.msg[start:], wire)
	if ptr == questionPtr {
		return true
	}
	for p := e.msg[start:e.n]; len(p) >= recordLen; {
		p[0], p[1] = byte(ptr>>8), byte(ptr)
		p = p[recordLen+int(binary.BigEndian.Uint16(p[10:])):]
	}
	return true
}

// putSOA writes the SOA record of the zone that the question is in, and its signatures: of all records with names the one that goes out
// most. Its names are one label each above the zone's, at which a pointer is enough. False, and nothing is written, where it is
// otherwise, and where it might not fit.
func (e *encoder) putSOA(s *rrset) (fits bool) {
	wire := s.Signed()
	if s.ptr == 0 || s.Count != 1 || len(wire) > len(e.msg)-e.n {
		return false
	}
	zone := e.msg[s.ptr&^pointer : headerLen+e.question]
	server, rest, below := cutLabel(s.Wire[recordLen:], zone)
	mailbox, numbers, both := cutLabel(rest, zone)
	if !below || !both {
		return false
	}
	to := e.msg[e.n:]
	copy(to, wire[:recordLen])
	binary.BigEndian.PutUint16(to, s.ptr)
	n := recordLen
	n += copy(to[n:], server)
	binary.BigEndian.PutUint16(to[n:], s.ptr)
	n += 2
	n += copy(to[n:], mailbox)
	binary.BigEndian.PutUint16(to[n:], s.ptr)
	n += 2
	n += copy(to[n:], numbers)
	binary.BigEndian.PutUint16(to[recordLen-2:], uint16(n-recordLen))
	e.n += n
	return e.copySet(wire[len(s.Wire):], s.ptr)
}

// cutLabel returns the one label that data has before the name zone, and what is behind that; false where there is something else, and for
// the root, which is shorter than a pointer.
func cutLabel(data, zone []byte) (label, rest []byte, ok bool) {
	if len(data) == 0 || len(zone) == 1 {
		return nil, nil, false
	}
	n := 1 + int(data[0])
	end := n + len(zone)
	if n == 1 || len(data) < end || !equalFold(data[n:end], zone) {
		return nil, nil, false
	}
	return data[:n], data[end:], true
}

// putRecords writes a set record by record: the names in the data are compressed where their type allows it, and
// where they stand is remembered. ptr is 0 where the owner has to be written out.
func (e *encoder) putRecords(s *rrset, ptr uint16, layout layout) (fits bool) {
	e.prime()
	e.targets = 0
	if ptr != 0 && len(s.Wire) <= len(e.msg)-e.n {
		e.putFitting(&s.Set, ptr, layout)
		return true
	}
	start, names := e.n, e.names.count
	for p, i := s.Wire, 0; len(p) >= recordLen; i++ {
		data := p[recordLen:][:binary.BigEndian.Uint16(p[10:])]
		if !e.putRecord(s.owner, ptr, p[2:10], data, layout, i) {
			e.n, e.names.count, e.targets = start, names, 0
			return false
		}
		if ptr == 0 {
			ptr = e.pointerTo(s.owner)
		}
		p = p[recordLen+len(data):]
	}
	return true
}

// putFitting writes a set that would fit even without any compression: nothing on its way has to be measured.
func (e *encoder) putFitting(s *zones.Set, ptr uint16, layout layout) {
	for p, i := s.Wire, 0; len(p) >= recordLen; i++ {
		data := p[recordLen:][:binary.BigEndian.Uint16(p[10:])]
		head := e.msg[e.n:][:recordLen]
		copy(head, p[:recordLen])
		binary.BigEndian.PutUint16(head, ptr)
		e.n += recordLen
		start := e.n
		e.putData(data, layout, i)
		binary.BigEndian.PutUint16(head[recordLen-2:], uint16(e.n-start))
		p = p[recordLen+len(data):]
	}
}

// putRecord writes one record; fixed is its type, class and TTL.
func (e *encoder) putRecord(owner []byte, ptr uint16, fixed, data []byte, layout layout, i int) (fits bool) {
	if ptr != 0 {
		if !e.putPointer(ptr) {
			return false
		}
	} else if _, _, fits := e.putName(owner, true); !fits {
		return false
	}
	if len(e.msg)-e.n < len(fixed)+2 {
		return false
	}
	e.n += copy(e.msg[e.n:], fixed)
	length := e.n
	e.n += 2
	if !e.putData(data, layout, i) {
		return false
	}
	binary.BigEndian.PutUint16(e.msg[length:], uint16(e.n-length-2))
	return true
}

// putData writes the data of record i.
func (e *encoder) putData(data []byte, layout layout, i int) (fits bool) {
	var at uint16 // where the target stands
	if len(data) < layout.skip {
		return e.putBytes(data) // not what the type demands: it goes out as it is
	}
	if !e.putBytes(data[:layout.skip]) {
		return false
	}
	data = data[layout.skip:]
	for n := range layout.names {
		name := data
		if n+1 < layout.names || !layout.last {
			name = data[:soundName(data)]
		}
		var sound, fits bool
		if at, sound, fits = e.putName(name, layout.kind == compressed); !fits {
			return false
		} else if !sound {
			break
		}
		data = data[len(name):]
	}
	if i < maxTargets {
		e.target[i] = at
		e.targets = i + 1
	}
	return e.putBytes(data)
}

// putName writes name and returns a pointer to where it stands, 0 where no pointer can reach it. What is not sound, not
// exactly one name, is not written.
func (e *encoder) putName(name []byte, compress bool) (ptr uint16, sound, fits bool) {
	known, at, sound := e.names.find(e.msg, name)
	if !sound {
		return 0, false, true
	}
	start := e.n
	switch {
	case at == 0 || !compress:
		fits = e.putBytes(name)
	case known == 0:
		return pointer | at, true, e.putPointer(pointer | at)
	default:
		fits = e.putBytes(name[:known]) && e.putPointer(pointer|at)
	}
	if !fits {
		return 0, true, false
	}
	e.names.add(name, start, known)
	if known == 0 && at != 0 {
		return pointer | at, true, true
	}
	return pointerAt(start, known), true, true
}

// pointerAt points at a name with own labels written at off, 0 if it is the root or out of reach.
func pointerAt(off, own int) uint16 {
	if own == 0 || off > maxPointable {
		return 0
	}
	return pointer | uint16(off)
}

// pointerTo returns a pointer to name if the whole of it stands in the message.
func (e *encoder) pointerTo(name []byte) uint16 {
	e.prime()
	if known, at, _ := e.names.find(e.msg, name); known == 0 && at != 0 {
		return pointer | at
	}
	return 0
}

// prime makes the question's name known. Answers without names in their data never need it.
func (e *encoder) prime() {
	if e.primed {
		return
	}
	e.primed = true
	if e.question > 0 {
		e.names.add(e.msg[headerLen:headerLen+e.question], headerLen, e.question-1)
	}
}

func (e *encoder) putPointer(ptr uint16) (fits bool) {
	if len(e.msg)-e.n < 2 {
		return false
	}
	binary.BigEndian.PutUint16(e.msg[e.n:], ptr)
	e.n += 2
	return true
}

func (e *encoder) putBytes(b []byte) (fits bool) {
	if len(e.msg)-e.n < len(b) {
		return false
	}
	e.n += copy(e.msg[e.n:], b)
	return true
}

// layout says where in a type's data names stand: so many behind skip octets.
type layout struct {
	kind        layoutKind
	skip, names int
	last        bool // nothing stands behind the names
}

type layoutKind uint8

const (
	// opaque: no name, or none that anybody needs to find.
	opaque layoutKind = iota
	// compressed: of RFC 1035, the only types whose names may be compressed (RFC 3597 4).
	compressed
	// target: the name stays as it is (RFC 2782), but later owners may point at it.
	target
)

func layoutOf(typ uint16) layout {
	switch typ {
	case dns.TypeNS, dns.TypeCNAME, dns.TypePTR, dns.TypeMB, dns.TypeMD, dns.TypeMF, dns.TypeMG, dns.TypeMR:
		return layout{compressed, 0, 1, true}
	case dns.TypeSOA:
		return layout{compressed, 0, 2, false}
	case dns.TypeMINFO:
		return layout{compressed, 0, 2, true}
	case dns.TypeMX:
		return layout{compressed, 2, 1, true}
	case dns.TypeSRV:
		return layout{target, 6, 1, true}
	case dns.TypeSVCB, dns.TypeHTTPS:
		return layout{target, 2, 1, false}
	}
	return layout{}
}
