package resolver

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// Answer returns the answer to query from the zones of cat, written into out, which has room for
// 65535 octets on TCP, MaxUDPSize on UDP; nil where nothing may be answered: to responses and to what is shorter than a header.
// A nil cat is one that is not there yet: SERVFAIL.
// It keeps neither query nor cat nor from. It never allocates and never waits.
func (w *Worker) Answer(cat *zones.Catalog, query []byte, from *Source, out []byte) ([]byte, Outcome) {
	w.parsed, w.now = w.own, 0
	if !w.parse(query) {
		return nil, Outcome{}
	}
	return w.answer(cat, query, from, out)
}

// answer is Answer for a query that was parsed.
func (w *Worker) answer(cat *zones.Catalog, query []byte, from *Source, out []byte) ([]byte, Outcome) {
	q := &w.req
	w.meet(query, from)
	if q.question {
		w.qname = query[headerLen : q.end-4]
		w.current, w.first = w.qname, true
	}
	// The first step is made here, once for both ways to go on from it.
	var at place
	if q.plain && w.rcode == dns.RcodeSuccess && cat != nil {
		if at.zone = cat.Find(&w.key, w.key.Labels()); at.zone != nil {
			at.found = at.zone.Find(&w.key)
			if answer, o := w.short(&at, query, out); answer != nil {
				w.current, w.qname = nil, nil
				return answer, o
			}
		}
	}
	rare := false
	switch {
	case q.edns && q.version > 0 && w.rcode == dns.RcodeSuccess:
		w.res.Rcode = dns.RcodeBadVers // RFC 6891 6.1.3, of any opcode
	case q.opcode != dns.OpcodeQuery && q.opcode != dns.OpcodeNotify && q.opcode != dns.OpcodeUpdate:
		// Whatever stands in the message: its form is not ours to judge.
		w.refuse(dns.RcodeNotImplemented, dns.ExtendedErrorCodeNotSupported)
	case w.rcode != dns.RcodeSuccess:
		w.res.Rcode = w.rcode
	case q.tsig != 0:
		// Before what the message asks for (RFC 8945 5.2), also where that is UPDATE or NOTIFY.
		w.res.Rcode = dns.RcodeNotAuth
		if w.tsig = w.badKey(query, q.tsig); w.tsig == nil {
			w.res.Rcode = dns.RcodeFormatError
		}
		rare = w.tsig != nil
	case q.opcode != dns.OpcodeQuery:
		rare = true
		w.refuse(dns.RcodeNotImplemented, dns.ExtendedErrorCodeNotSupported)
	case !q.question:
		w.cookieAlone()
	default:
		rare = w.question(cat, &at)
	}
	answer := w.encode(query, out)
	o := w.outcome(rare)
	w.res.clear()
	w.current, w.qname, w.tsig, w.scratch = nil, nil, nil, w.scratch[:0]
	return answer, o
}

// meet notes whose query it is.
func (w *Worker) meet(query []byte, from *Source) {
	w.via, w.flags = from.Via, flags(from.Via)
	if w.req.cookie != 0 {
		w.answerCookie(query, from)
	}
}

// outcome says what became of the query.
func (w *Worker) outcome(rare bool) Outcome {
	r := &w.res
	o := Outcome{Zone: r.zone, Node: r.node, Rcode: r.Rcode, manner: manner{r.kind, w.flags}}
	if w.enc.truncated {
		o.flags |= flagTruncated
	}
	if rare {
		o.flags |= flagRare
	}
	if w.req.opcode != dns.OpcodeQuery {
		o.flags &^= flagCookie
	}
	return o
}

// refuse makes the response one without content.
func (w *Worker) refuse(rcode int, extended uint16) {
	w.res.Rcode, w.res.Extended = rcode, extended
}

// question answers a sound question of opcode QUERY, or says that it is one of the rare ones. at is the question's
// place where that was looked up.
func (w *Worker) question(cat *zones.Catalog, at *place) (rare bool) {
	switch q := &w.req; {
	case q.qclass == dns.ClassCHAOS:
		w.chaos()
	case cat == nil:
		w.refuse(dns.RcodeServerFailure, dns.ExtendedErrorCodeNotReady)
	case q.qclass != dns.ClassINET:
		w.refuse(dns.RcodeRefused, dns.ExtendedErrorCodeNotAuthoritative)
	case q.qtype < firstMetaType && q.qtype != dns.TypeOPT || q.qtype > lastMetaType || q.qtype == dns.TypeANY:
		w.decide(cat, at)
	case q.qtype == dns.TypeAXFR || q.qtype == dns.TypeIXFR:
		return w.transfer(cat)
	case q.qtype == dns.TypeMAILA || q.qtype == dns.TypeMAILB:
		w.refuse(dns.RcodeNotImplemented, dns.ExtendedErrorCodeNotSupported)
	default: // what is nobody's data: OPT, TSIG, NXNAME (RFC 9824 3.5) and the like
		w.refuse(dns.RcodeFormatError, extendedInvalidQueryType)
	}
	return false
}

// transfer refuses a transfer. It is one of the rare ones, unless it is AXFR over UDP, which does not exist (RFC 5936 4.2).
func (w *Worker) transfer(cat *zones.Catalog) (rare bool) {
	if w.req.qtype == dns.TypeAXFR && w.via == UDP {
		w.refuse(dns.RcodeNotImplemented, dns.ExtendedErrorCodeNotSupported)
		return false
	}
	z := cat.Find(&w.key, w.key.Labels())
	if z == nil || len(z.Origin().Wire()) != len(w.qname) {
		w.refuse(dns.RcodeNotAuth, dns.ExtendedErrorCodeNotAuthoritative) // RFC 5936 2.2.1
		return true
	}
	w.refuse(dns.RcodeRefused, dns.ExtendedErrorCodeProhibited)
	return true
}

// decide fills in the response to a question of class IN, by the steps of RFC 1034 4.3.2.
func (w *Worker) decide(cat *zones.Catalog, at *place) {
	r := &w.res
	for step := 0; step < maxSteps; step++ {
		// 2. The nearest zone. Behind a CNAME that leads out of our zones, the resolver goes on.
		z, f := at.zone, at.found
		if step > 0 || !w.req.plain {
			if z = w.zone(cat); z != nil {
				f = z.Find(&w.key)
			}
		}
		if z == nil {
			if step == 0 {
				w.refuse(dns.RcodeRefused, dns.ExtendedErrorCodeNotAuthoritative)
			}
			return
		}
		if step == 0 {
			r.zone, r.node, r.kind = z, f.Cover, KindAnswer
		}
		// 3. Down, label by label. Find did it: what it says of a cut or a DNAME comes before the rest.
		if f.Kind == zones.KindCut && !w.parentSide(&f) {
			if step == 0 {
				r.kind = KindReferral
			}
			w.refer(z, &f, step) // 3b
			return
		}
		w.res.Authoritative = true
		if f.Kind == zones.KindDNAME {
			if !w.substitute(z, &f) { // 3c, as RFC 6672 3.2 has it
				return
			}
			continue
		}
		if z.Denial() != zones.Unsigned && z.OnlyHash(f.Node) {
			// RFC 5155 7.2.8, also of hashes that are left over in a zone with NSEC. The name is one label below the apex.
			f.Node, f.Labels, f.Exact = z.Apex(), z.Origin().Labels(), false
		}
		node := f.Node
		if !f.Exact {
			// 3c. RFC 4592 3.3.1: the source of synthesis is the wildcard below the closest encloser, or none.
			if node = z.Wildcard(f.Node); node == zones.NoNode {
				w.deny(z, &f, node, dns.RcodeNameError)
				return
			}
			if w.req.do && z.Denial() != zones.Unsigned {
				w.proveNoCloser(z, &f)
			}
		}
		// 3a.
		if step == 0 {
			r.node = node
		}
		if !w.match(z, &f, node) {
			return
		}
	}
}

// zone returns the nearest zone above the current name. For DS at an apex that is the parent's, where we
// serve it and it delegates the name (RFC 4035 3.1.4.1).
func (w *Worker) zone(cat *zones.Catalog) *zones.Zone {
	k := &w.key
	z := cat.Find(k, k.Labels())
	if w.req.qtype != dns.TypeDS || z == nil || k.Labels() == 0 || len(z.Origin().Wire()) != len(w.current) {
		return z
	}
	if parent := cat.Find(k, k.Labels()-1); parent != nil && parent.Find(k).Kind == zones.KindCut {
		return parent
	}
	return z
}

// parentSide says that the question is for DS at the cut itself: the one type whose data at a cut are the parent's.
func (w *Worker) parentSide(f *zones.Found) bool {
	return w.req.qtype == dns.TypeDS && f.Exact && f.CoverLabels == f.Labels
}

// match answers from the records of node, which may be a wildcard's. True: a CNAME leads on to w.current.
func (w *Worker) match(z *zones.Zone, f *zones.Found, node zones.Node) (more bool) {
	qtype := w.req.qtype
	if qtype == dns.TypeANY || qtype == dns.TypeRRSIG {
		if !w.unresolved(z, node) {
			w.any(z, f, node)
		}
		return false
	}
	if set, ok := z.Set(node, qtype); ok && qtype != zones.TypeALIAS {
		w.answerWith(z, node, set, 0)
		if w.req.expire && qtype == dns.TypeSOA && w.first {
			w.tellExpire(set.Wire)
		}
		return false
	}
	set, ok := z.Set(node, dns.TypeCNAME)
	// NSEC is of the alias itself (RFC 4034 4), there or not. With NSEC3 nobody could prove that it is not: a denial whose
	// record has a CNAME is no proof (RFC 5155 8.5).
	if !ok || qtype == dns.TypeNSEC && z.Denial() != zones.NSEC3 {
		if w.unresolved(z, node) {
			return false
		}
		w.deny(z, f, node, dns.RcodeSuccess)
		return false
	}
	w.answerWith(z, node, set, 0)
	return w.follow(set.Wire[recordLen:])
}

// any answers QTYPE ANY (RFC 8482 4.1) and QTYPE RRSIG (7): over UDP one RRset will do, so that nobody gains by
// reflecting it.
func (w *Worker) any(z *zones.Zone, f *zones.Found, node zones.Node) {
	set, ok := z.Sets(node, 0)
	if w.req.qtype == dns.TypeRRSIG {
		set, ok = z.Signatures(node, 0)
	}
	if !ok {
		w.deny(z, f, node, dns.RcodeSuccess)
		return
	}
	w.answerWith(z, node, set, 0).every = w.via != UDP
}

// follow makes target, a sound name in wire form, the current name. False: we have been there.
func (w *Worker) follow(target []byte) bool {
	end, ok := w.key.Parse(target, 0)
	if !ok {
		return false
	}
	w.current, w.first = target[:end], false
	for i := range w.res.answer[:w.res.answers] {
		s := &w.res.answer[i]
		owner := s.owner
		if s.ptr != 0 {
			owner = w.qname[s.ptr-questionPtr:]
		}
		if s.Type == dns.TypeCNAME && equalNames(owner, w.current) {
			return false
		}
	}
	return true
}

// substitute answers from a DNAME above the current name, and follows it (RFC 6672 3.2). False: that is all.
func (w *Worker) substitute(z *zones.Zone, f *zones.Found) (more bool) {
	set, ok := z.Set(f.Cover, dns.TypeDNAME)
	if !ok {
		return false
	}
	prefix := w.key.Offset(f.CoverLabels)
	if !w.res.has(z, f.Cover, dns.TypeDNAME) {
		w.answerWith(z, f.Cover, set, prefix)
	}
	target := set.Wire[recordLen:]
	if prefix+len(target) > maxName {
		w.res.Rcode = dns.RcodeYXDomain
		return false
	}
	// 3.1: the CNAME has the DNAME's TTL. QTYPE CNAME asks for just this record.
	cname := w.synthesise(dns.TypeCNAME, dns.ClassINET, set.TTL, w.current[:prefix], target)
	w.answerWith(nil, zones.NoNode, cname, 0)
	if w.req.qtype == dns.TypeCNAME || w.req.qtype == dns.TypeANY {
		return false
	}
	return w.follow(cname.Wire[recordLen:])
}

// synthesise makes a set of one record in the scratch buffer, which has room for one of them a step.
func (w *Worker) synthesise(typ, class uint16, ttl uint32, data ...[]byte) zones.Set {
	start := len(w.scratch)
	b := binary.BigEndian.AppendUint16(w.scratch, questionPtr)
	b = binary.BigEndian.AppendUint16(b, typ)
	b = binary.BigEndian.AppendUint16(b, class)
	b = binary.BigEndian.AppendUint32(b, ttl)
	b = append(b, 0, 0)
	for _, d := range data {
		b = append(b, d...)
	}
	binary.BigEndian.PutUint16(b[start+recordLen-2:], uint16(len(b)-start-recordLen))
	w.scratch = b
	return zones.Set{Type: typ, Count: 1, TTL: ttl, Wire: b[start:]}
}

// deny answers that there is no such name or, with RcodeSuccess, no such type (RFC 2308 2) at node.
func (w *Worker) deny(z *zones.Zone, f *zones.Found, node zones.Node, rcode int) {
	soa, ok := z.NegativeSOA()
	if !ok {
		// Nothing can be denied in the name of a zone without SOA. Loading refuses them; this is for those who did not ask it.
		w.refuse(dns.RcodeServerFailure, dns.ExtendedErrorCodeInvalidData)
		w.res.Authoritative = false
		w.deemed(KindError, zones.NoNode)
		return
	}
	w.res.Rcode = rcode
	if rcode == dns.RcodeNameError {
		w.deemed(KindNXDomain, zones.NoNode)
	} else {
		w.deemed(KindNoData, node)
	}
	w.authorityWith(z, zones.NoNode, soa, len(w.current)-len(z.Origin().Wire()))
	if w.req.do && z.Denial() != zones.Unsigned {
		w.proveAbsence(z, f, node)
	}
}

// deemed says what is denied and of which node, if it is the question's name that we are at.
func (w *Worker) deemed(kind Kind, node zones.Node) {
	if w.first {
		w.res.node, w.res.kind = node, kind
	}
}

// refer sends the resolver down to the servers of the cut (RFC 1034 4.3.2 step 3b).
func (w *Worker) refer(z *zones.Zone, f *zones.Found, step int) {
	ns, prepared, ok := z.Delegation(f.Cover)
	if !ok {
		return
	}
	// AA speaks for the first owner in the answer section (RFC 1035 4.1.1), which is ours behind a CNAME.
	w.res.Authoritative = step > 0
	w.res.referral, w.res.prepared = true, prepared
	w.res.cut = w.res.authorities
	w.authorityWith(z, f.Cover, ns, w.key.Offset(f.CoverLabels))
	if w.req.do && z.Denial() != zones.Unsigned {
		w.proveDelegation(z, f)
	}
}

// answerWith puts set into the answer section; its owner is the current name less the first off octets.
func (w *Worker) answerWith(z *zones.Zone, node zones.Node, set zones.Set, off int) *rrset {
	s := &w.res.answer[w.res.answers]
	w.res.answers++
	w.fill(s, z, node, set, off)
	return s
}

// authorityWith puts set into the authority section.
func (w *Worker) authorityWith(z *zones.Zone, node zones.Node, set zones.Set, off int) {
	s := &w.res.authority[w.res.authorities]
	w.res.authorities++
	w.fill(s, z, node, set, off)
}

// fill fills in s, which is clear.
func (w *Worker) fill(s *rrset, z *zones.Zone, node zones.Node, set zones.Set, off int) {
	s.Set, s.zone, s.node = set, z, node
	if !w.req.do {
		s.Signatures = 0
	}
	if w.first {
		s.ptr = questionPtr + uint16(off)
	} else {
		s.owner = w.current[off:]
	}
}
