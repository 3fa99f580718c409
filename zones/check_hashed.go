package zones

import (
	"github.com/miekg/dns"
)

// optOutFlag is that of an NSEC3 record which says nothing of insecure delegations that it covers (RFC 5155 6).
const optOutFlag = 1

// pendingName is an empty non-terminal without NSEC3 record, which is right where there are insecure delegations alone below it.
type pendingName struct {
	n      checked
	owner  checked // of the record that covers it
	record int     // there
}

// hashed is name for NSEC3 (RFC 5155 7.1).
func (cc *chainChecker) hashed(n checked) {
	cc.release(n.rel)
	cut := n.b[0]&flagCut != 0
	secure := !cut || n.has(dns.TypeDS)
	owner, matches, ok := cc.c.z.hashedNode(n.node, false)
	if !ok {
		owner, matches = cc.c.z.hashed(cc.params.hash(n.rel, cc.c.z.origin.wire))
	}
	at := cc.at(owner)
	record, rdata := cc.record(at)
	if matches {
		i := uint32(owner) - cc.c.z.first
		cc.seen[i/64] |= 1 << (i % 64)
		cc.types(n, at, dns.TypeNSEC3, record, hashedBitmap(rdata, len(cc.params.salt)))
	} else {
		optOut := len(rdata) > 1 && rdata[1]&optOutFlag != 0
		switch {
		case len(cc.present) > 0 && (secure || !optOut):
			cc.c.warn(faultUnchained, n, cc.present[0], 0, "stands at a name without an NSEC3 record; resolvers that validate take it for absent, or its denials for forged; sign the zone again")
		case len(cc.present) == 0 && !optOut:
			cc.denied(pendingName{n, at, record})
		case len(cc.present) == 0:
			cc.pending = append(cc.pending, pendingName{n, at, record})
			return
		}
	}
	if len(cc.present) > 0 && (secure || matches) {
		for _, p := range cc.pending {
			cc.denied(p)
		}
		cc.pending = cc.pending[:0]
	}
}

// denied reports an empty non-terminal that must have a record.
func (cc *chainChecker) denied(p pendingName) {
	cc.c.warn(faultUnchained, p.owner, dns.TypeNSEC3, p.record, "denies %s, which has names below and no NSEC3 record; resolvers that validate take them for absent, or its denials for forged; "+
		"sign the zone again", cc.c.z.nameOf(p.n.b))
}

// release lets go of the pending names that rel, which comes next, is not below: there are insecure delegations alone below them.
func (cc *chainChecker) release(rel []byte) {
	for len(cc.pending) > 0 {
		p := cc.pending[len(cc.pending)-1]
		if rel != nil && below(rel, p.n.rel) {
			return
		}
		cc.pending = cc.pending[:len(cc.pending)-1]
		cc.unprovable(p)
	}
}

// unprovable reports an opted-out name with a wildcard at its closest encloser that can be proved. Who asks for a name there is told that
// neither it nor a wildcard exists, and no NSEC3 record denies a wildcard that does.
func (cc *chainChecker) unprovable(p pendingName) {
	for rel := p.n.rel; len(rel) > 0; {
		rel = parentOf(rel)
		n := cc.c.z.lookup(hashName(cc.c.z.hash, rel), rel)
		if owner, matches, ok := cc.c.z.hashedNode(n, false); len(rel) > 0 && (!ok || !matches || owner == NoNode) {
			continue
		}
		if b := cc.c.z.node(n); b[0]&flagWild != 0 {
			cc.c.warn(faultOptedOut, p.owner, dns.TypeNSEC3, p.record, "opts out %s, and there is a wildcard below %s: nothing can prove that it does not stand for names below the one, and "+
				"of the resolvers that validate some answer SERVFAIL for these (Unbound), others take their denial for unsigned (BIND); sign the zone without opt-out", cc.c.z.nameOf(p.n.b), cc.c.z.nameOf(b))
		}
		return
	}
}

// circle checks that each NSEC3 record leads to the next one, the last to the first, and is that of a name.
func (cc *chainChecker) circle() {
	z := cc.c.z
	c := z.chain()
	owners := len(c.owners) / 4
	for i := range owners {
		place := c.owner(i)
		n, next := cc.at(Node(place)), nodeName(nodeAt(z.base, c.owner((i+1)%owners)))
		record, rdata := cc.record(n)
		s, _ := nodeType(n.b, dns.TypeNSEC3)
		cc.ttl(n, s)
		if at := place - z.first; cc.seen[at/64]>>(at%64)&1 == 0 {
			cc.c.warn(faultStray, n, dns.TypeNSEC3, record, "is that of no name in the zone; sign the zone again")
		}
		hash := rdata[5+len(cc.params.salt):]
		if len(hash) == 0 || int(hash[0]) != len(hashSum{}) || len(hash) <= len(hashSum{}) {
			cc.c.warn(faultNext, n, dns.TypeNSEC3, record, "leads to no hash of %d octets; sign the zone again", len(hashSum{}))
			continue
		}
		if to := encodeHash(hashSum(hash[1:])); string(to[:]) != string(next) {
			cc.c.warn(faultNext, n, dns.TypeNSEC3, record, "leads to the hash %s, and the next one is %s; resolvers that validate take what is between for absent, or its denials for forged; sign the zone again",
				string(to[1:]), string(next[1:]))
		}
	}
}

// at returns a node as it is checked.
func (cc *chainChecker) at(n Node) checked {
	b := cc.c.z.node(n)
	return checked{node: n, b: b, rel: nodeName(b), heads: nodeHeads(b)}
}

// record returns the NSEC3 record of an owner that has its hash made as the chain has, and its number among them.
func (cc *chainChecker) record(n checked) (i int, rdata []byte) {
	s, _ := nodeType(n.b, dns.TypeNSEC3)
	for d := range s.each {
		if cc.params.of(d) {
			return i, d
		}
		i++
	}
	return 0, nil
}

// hashedBitmap returns the types of an NSEC3 record's RDATA.
func hashedBitmap(rdata []byte, salt int) []byte {
	at := 5 + salt
	if len(rdata) <= at || len(rdata) < at+1+int(rdata[at]) {
		return nil
	}
	return rdata[at+1+int(rdata[at]):]
}
