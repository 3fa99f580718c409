package resolver

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// What a resolver that validates (DO) needs beside the signatures: proof of what is not there (RFC 4035 3.1.3).
// It goes into the authority section, each record once.

// proveAbsence proves that the current name does not exist and no wildcard stands for it, where node is none; else that
// node, the name itself or the wildcard that stands for it, does not have the type. What proveNoCloser proves is
// in the answer where a wildcard stands for the name.
func (w *Worker) proveAbsence(z *zones.Zone, f *zones.Found, node zones.Node) {
	k := &w.key
	switch {
	case z.Denial() == zones.NSEC3:
		w.proveHashed(z, f, node)
	case f.Exact:
		// 3.1.3.1; an empty non-terminal has no record, the one before it proves that there are names below alone.
		w.proveNSEC(z, node, k.Labels(), false)
	case node == zones.NoNode:
		w.prove(z, z.Covering(k, k.Labels(), false)) // 3.1.3.2
		w.prove(z, z.CoveringWildcard(k, f.Node, f.Labels))
	default:
		w.proveNSEC(z, node, f.Labels, true) // 3.1.3.4
	}
}

// proveHashed is proveAbsence with NSEC3 (RFC 5155 7.2).
func (w *Worker) proveHashed(z *zones.Zone, f *zones.Found, node zones.Node) {
	if f.Exact {
		// 7.2.3, 7.2.4; an empty non-terminal above opted-out delegations alone may have no record either.
		if owner, matches := z.Hashed(&w.key, w.key.Labels(), false, node); matches {
			w.prove(z, owner)
			return
		}
		w.proveCloser(z, f.Labels-1, zones.NoNode, node)
		return
	}
	// 7.2.2 or, where the wildcard exists, 7.2.5. The wildcard is that of the encloser which the proof shows, since no other is
	// known to who validates.
	if labels, encloser := w.proveCloser(z, f.Labels, f.Node, zones.NoNode); labels > 0 || z.Origin().Labels() == 0 {
		owner, _ := z.Hashed(&w.key, labels, true, encloser)
		w.prove(z, owner)
	}
}

// proveCloser is the proof of the closest encloser (RFC 5155 7.2.1), which has so many labels: it exists, and the next
// longer name does not. They are node and next, where these are known. Names that were left out of the chain (opt-out) are passed over:
// the closest one that can be proved counts, and is returned; node may not be known. Without any, labels is 0.
func (w *Worker) proveCloser(z *zones.Zone, labels int, node, next zones.Node) (proved int, encloser zones.Node) {
	for ; labels >= z.Origin().Labels(); labels, node, next = labels-1, zones.NoNode, node {
		if owner, matches := z.Hashed(&w.key, labels, false, node); matches {
			w.prove(z, owner)
			owner, _ = z.Hashed(&w.key, labels+1, false, next)
			w.prove(z, owner)
			return labels, node
		}
	}
	return 0, zones.NoNode
}

// proveNoCloser proves that a wildcard answers rightly: there is no name closer to the current one (RFC 4035 3.1.3.3,
// RFC 5155 7.2.6).
func (w *Worker) proveNoCloser(z *zones.Zone, f *zones.Found) {
	if z.Denial() == zones.NSEC3 {
		owner, _ := z.Hashed(&w.key, f.Labels+1, false, zones.NoNode)
		w.prove(z, owner)
		return
	}
	w.prove(z, z.Covering(&w.key, w.key.Labels(), false))
}

// proveDelegation says whether a cut is signed: by its DS, or the proof that it has none (RFC 4035 3.1.4, RFC 5155 7.2.7).
func (w *Worker) proveDelegation(z *zones.Zone, f *zones.Found) {
	if ds, ok := z.Set(f.Cover, dns.TypeDS); ok {
		w.authorityWith(z, f.Cover, ds, w.key.Offset(f.CoverLabels))
		return
	}
	if z.Denial() == zones.NSEC {
		w.proveNSEC(z, f.Cover, f.CoverLabels, false)
		return
	}
	if owner, matches := z.Hashed(&w.key, f.CoverLabels, false, f.Cover); matches {
		w.prove(z, owner)
		return
	}
	w.proveCloser(z, f.CoverLabels-1, zones.NoNode, f.Cover)
}

// proveNSEC proves with the NSEC record of node, or with the one before it where node has none or is none.
func (w *Worker) proveNSEC(z *zones.Zone, node zones.Node, labels int, wild bool) {
	if node != zones.NoNode {
		if set, ok := z.Set(node, dns.TypeNSEC); ok {
			w.proof(z, node, set)
			return
		}
	}
	w.prove(z, z.Covering(&w.key, labels, wild))
}

// prove puts the NSEC or NSEC3 record of node into the authority section.
func (w *Worker) prove(z *zones.Zone, node zones.Node) {
	if node == zones.NoNode {
		return
	}
	typ := dns.TypeNSEC
	if z.Denial() == zones.NSEC3 {
		typ = dns.TypeNSEC3
	}
	if set, ok := z.Set(node, typ); ok {
		w.proof(z, node, set)
	}
}

// proof puts set, whose owner is node's name, into the authority section, where it is not there yet.
func (w *Worker) proof(z *zones.Zone, node zones.Node, set zones.Set) {
	r := &w.res
	for i := range r.authority[:r.authorities] {
		if s := &r.authority[i]; s.node == node && s.zone == z && s.Type == set.Type {
			return
		}
	}
	s := &r.authority[r.authorities]
	rel, origin := z.Below(node), z.Origin()
	if w.first {
		s.owner, s.ptr = w.split(rel, origin.Labels())
	} else {
		buf := r.owners[r.authorities][:0]
		s.owner = append(append(buf, rel...), origin.Wire()...)
	}
	s.Set, s.zone, s.node = set, z, node
	r.authorities++
}

// split returns the labels of a name, which rel is below an origin of so many labels, that stand before the longest
// suffix that it has in common with the question's name, and a pointer to that.
func (w *Worker) split(rel []byte, origin int) (labels []byte, ptr uint16) {
	k := &w.key
	count := 0
	for p := 0; p < len(rel); p += int(rel[p]) + 1 {
		count++
	}
	for p := 0; p < len(rel); p, count = p+int(rel[p])+1, count-1 {
		if origin+count > k.Labels() {
			continue
		}
		if from := k.Offset(origin + count); k.Offset(origin)-from == len(rel)-p && string(k.Wire(origin + count)[:len(rel)-p]) == string(rel[p:]) {
			return rel[:p], questionPtr + uint16(from)
		}
	}
	return rel, questionPtr + uint16(k.Offset(origin))
}

// putSigned writes a set and its signatures, or nothing of them where they do not fit.
func (e *encoder) putSigned(s *rrset, layout layout) (fits bool) {
	start, names := e.n, e.names.count
	ptr := s.ptr
	if ptr == 0 {
		ptr = e.pointerTo(s.owner)
	}
	if ptr != 0 && layout.kind == opaque {
		if labels := s.owner; s.ptr != 0 && len(labels) > 0 {
			return e.putBelow(labels, ptr, s.Signed())
		}
		return e.copySet(s.Signed(), ptr)
	}
	if e.putRecords(s, ptr, layout) {
		sigs, _ := s.SignatureSet()
		targets := e.targets
		fits = e.put(&rrset{Set: sigs, ptr: ptr, owner: ownerUnless(ptr, s.owner)})
		e.targets = targets
	}
	if !fits {
		e.n, e.names.count, e.targets = start, names, 0
	}
	return fits
}

func ownerUnless(ptr uint16, owner []byte) []byte {
	if ptr != 0 {
		return nil
	}
	return owner
}

// putBelow writes records whose owner is labels before the name that ptr points at.
func (e *encoder) putBelow(labels []byte, ptr uint16, wire []byte) (fits bool) {
	start := e.n
	at := pointer | uint16(start)
	for len(wire) >= recordLen {
		n := recordLen + int(binary.BigEndian.Uint16(wire[10:]))
		own := labels
		if e.n > start && start <= maxPointable {
			own, ptr = nil, at
		}
		if len(e.msg)-e.n < len(own)+n {
			e.n = start
			return false
		}
		e.n += copy(e.msg[e.n:], own)
		to := e.msg[e.n:]
		copy(to, wire[:n])
		to[0], to[1] = byte(ptr>>8), byte(ptr)
		e.n, wire = e.n+n, wire[n:]
	}
	return true
}
