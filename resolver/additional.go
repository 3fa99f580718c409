package resolver

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// maxAdded bounds for how many targets addresses are added where they are a courtesy, not a need.
const maxAdded = 64

// addedNode is a target whose addresses are in the message already: SRV sets name one host with many ports.
type addedNode struct {
	node zones.Node
	name []byte
}

// additional writes the addresses that the sets before it point at (RFC 1034 4.3.2 step 6), and returns the
// number of records.
func (w *Worker) additional() (count uint16) {
	r := &w.res
	if r.referral {
		return w.glue(&r.authority[r.cut])
	}
	if r.answers == 0 || w.req.qtype == dns.TypeANY {
		return 0 // over UDP an answer to ANY is to be small (RFC 8482 4.1), over TCP it is everything of one name
	}
	switch s := &r.answer[r.answers-1]; s.Type {
	case dns.TypeNS:
		return w.servers(s, nil)
	case dns.TypeMX, dns.TypeSRV, dns.TypeSVCB, dns.TypeHTTPS:
		return w.courtesy(s)
	}
	return 0
}

// glue writes the addresses of a delegation's servers. Those in or below the delegated name cannot be found any other
// way, so without them the answer is truncated; siblings come along when they fit (RFC 9471).
func (w *Worker) glue(ns *rrset) (count uint16) {
	e, cut, siblings := &w.enc, w.ownerOf(ns), false
	for p, i := ns.Wire, 0; len(p) >= recordLen; i++ {
		host := p[recordLen:][:binary.BigEndian.Uint16(p[10:])]
		p = p[recordLen+len(host):]
		if !within(host, cut) {
			siblings = true
			continue
		}
		n, fits := w.server(ns, i, host)
		count += n
		if !fits {
			e.truncated = true
			return count
		}
	}
	if siblings {
		count += w.servers(ns, cut)
	}
	return count
}

// servers writes the addresses of the servers of ns as far as they fit; with a cut, of those outside it.
func (w *Worker) servers(ns *rrset, cut []byte) (count uint16) {
	for p, i := ns.Wire, 0; len(p) >= recordLen; i++ {
		host := p[recordLen:][:binary.BigEndian.Uint16(p[10:])]
		p = p[recordLen+len(host):]
		if cut == nil || !within(host, cut) {
			n, _ := w.server(ns, i, host)
			count += n
		}
	}
	return count
}

// server writes the addresses of server i of ns. The zone holds them as glue or as its own data.
func (w *Worker) server(ns *rrset, i int, host []byte) (count uint16, fits bool) {
	node := ns.zone.Target(ns.node, dns.TypeNS, i)
	if node == zones.NoNode {
		return 0, true
	}
	return w.putAddresses(ns.zone, node, host, w.enc.targetPtr(i))
}

// courtesy writes the addresses of targets that are authoritative data of the zone, as far as they fit.
func (w *Worker) courtesy(s *rrset) (count uint16) {
	e := &w.enc
	skip := layoutOf(s.Type).skip
	service := s.Type == dns.TypeSVCB || s.Type == dns.TypeHTTPS
	done := w.added[:0]
	for p, i := s.Wire, 0; len(p) >= recordLen && len(done) < maxAdded; i++ {
		data := p[recordLen:][:binary.BigEndian.Uint16(p[10:])]
		p = p[recordLen+len(data):]
		if len(data) <= skip {
			continue
		}
		t := addedNode{s.node, w.ownerOf(s)}
		ptr := s.ptr
		alias := service && data[0] == 0 && data[1] == 0
		if n := soundName(data[skip:]); n > 1 {
			t, ptr = addedNode{w.host(s.zone, data[skip:]), data[skip:][:n]}, e.targetPtr(i)
		} else if n == 0 || !service || alias {
			continue // null MX (RFC 7505), "no such service" (RFC 2782, RFC 9460 2.5.1)
		}
		if t.node == zones.NoNode || containsNode(done, t) {
			continue
		}
		done = append(done, t)
		n, _ := w.putAddresses(s.zone, t.node, t.name, ptr)
		count += n
		if alias {
			// RFC 9460 4.1: the target's own service records go along. In ServiceMode nobody would look for them (3, 4.2): its
			// parameters are these, and what is left to be known are addresses.
			n, _ := w.putExtra(s.zone, t.node, s.Type, t.name, ptr)
			count += n
			e.targets = 0 // they were of s, and are of this set now
		}
	}
	clear(done)
	return count
}

func containsNode(done []addedNode, t addedNode) bool {
	for _, d := range done {
		if d.node == t.node && equalNames(d.name, t.name) {
			return true
		}
	}
	return false
}

// host returns the node that answers for name within z, a wildcard's perhaps; NoNode outside, below a cut or a DNAME.
func (w *Worker) host(z *zones.Zone, name []byte) zones.Node {
	k := &w.other
	if _, ok := k.Parse(name, 0); !ok {
		return zones.NoNode
	}
	origin := z.Origin()
	apex := origin.Labels()
	if k.Labels() < apex || string(k.Wire(apex)) != origin.Wire() {
		return zones.NoNode
	}
	f := z.Find(k)
	switch {
	case f.Kind != zones.KindNone:
		return zones.NoNode
	case f.Exact:
		return f.Node
	}
	return z.Wildcard(f.Node)
}

// putAddresses writes the address sets of node, each whole or not at all.
func (w *Worker) putAddresses(z *zones.Zone, node zones.Node, name []byte, ptr uint16) (count uint16, fits bool) {
	fits = true
	for i := 0; ; i++ {
		set, ok := z.Sets(node, i)
		switch {
		case !ok || set.Type > dns.TypeAAAA:
			return count, fits
		case set.Type != dns.TypeA && set.Type != dns.TypeAAAA:
			continue
		}
		if n := w.putAddress(&set, name, ptr); n > 0 {
			count += n
		} else {
			fits = false
		}
	}
}

// putAddress writes one set of addresses, with its signatures where they are wanted and there is room (RFC 4035 3.1.1),
// and returns the number of records; 0 where it does not fit.
func (w *Worker) putAddress(set *zones.Set, name []byte, ptr uint16) (count uint16) {
	if ptr != 0 {
		name = nil
	}
	if set.Signatures != 0 {
		if w.req.do && w.enc.put(&rrset{Set: *set, ptr: ptr, owner: name}) {
			return uint16(set.Count) + set.Signatures
		}
		set.Signatures = 0
	}
	if ptr != 0 && w.enc.copySet(set.Wire, ptr) || ptr == 0 && w.enc.put(&rrset{Set: *set, owner: name}) {
		return uint16(set.Count)
	}
	return 0
}

// putExtra writes one set with name as its owner, at ptr if that is not 0.
func (w *Worker) putExtra(z *zones.Zone, node zones.Node, typ uint16, name []byte, ptr uint16) (count uint16, fits bool) {
	set, ok := z.Set(node, typ)
	if !ok {
		return 0, true
	}
	if ptr != 0 {
		name = nil
	}
	if !w.req.do {
		set.Signatures = 0
	}
	if !w.enc.put(&rrset{Set: set, ptr: ptr, owner: name}) {
		return 0, false
	}
	return uint16(set.Count) + set.Signatures, true
}

// targetPtr returns a pointer to the target of record i of the set written last; 0 where its name has to be looked for.
func (e *encoder) targetPtr(i int) uint16 {
	if i < e.targets {
		return e.target[i]
	}
	return 0
}

// ownerOf returns the owner's name in wire form.
func (w *Worker) ownerOf(s *rrset) []byte {
	if s.ptr != 0 {
		return w.qname[s.ptr-questionPtr:]
	}
	return s.owner
}

// within says whether name is suffix or below it; both uncompressed.
func within(name, suffix []byte) bool {
	for len(name) > len(suffix) {
		n := int(name[0]) + 1
		if n > len(name) {
			return false
		}
		name = name[n:]
	}
	return equalNames(name, suffix)
}
