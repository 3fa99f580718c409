package zones

import "github.com/miekg/dns"

// hashing reports an NSEC3 chain that cannot be used: every name that does not exist has to be hashed so often.
func (c *checker) hashing(n checked) {
	s, ok := nodeType(n.b, dns.TypeNSEC3PARAM)
	if !ok || c.z.denial == NSEC3 || n.has(dns.TypeNSEC) {
		return
	}
	for i := range int(s.count) {
		d := s.rdata(i)
		if len(d) < 4 || d[0] != hashSHA1 || d[1] != 0 {
			continue
		}
		if iterations := int(d[2])<<8 | int(d[3]); iterations > MaxIterations {
			c.add(Error, n, s.typ, i, "has names hashed %d times more, and %d are the limit; sign the zone with none (RFC 9276 3.1)", iterations, MaxIterations)
		}
	}
}

// signed reports signatures of what is not there and, in a zone that comes signed, what has none: resolvers that
// validate take it for forged. Nobody signs delegations and what is below them.
func (c *checker) signed(n checked) {
	if lone, ok := nodeType(n.b, dns.TypeRRSIG); ok {
		for i := range int(lone.count) {
			if typ, ok := coveredType(lone.rdata(i)); ok {
				c.add(Warning, n, dns.TypeRRSIG, 0, "covers %s records, and this name has none; sign the zone again", TypeString(typ))
			}
		}
	}
	if c.z.denial == Unsigned {
		return
	}
	cut := n.b[0]&flagCut != 0
	for i := range n.sets() {
		s := n.set(i)
		signs := !cut || s.typ == dns.TypeDS || s.typ == dns.TypeNSEC
		if s.sigs == 0 && signs && s.typ != dns.TypeRRSIG {
			c.add(Warning, n, s.typ, 0, "has no signature in a zone that is signed, and resolvers that validate refuse it; sign the zone again")
		}
	}
}
