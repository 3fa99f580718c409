package zones

import "github.com/miekg/dns"

// hashing reports names that are hashed so often that it is too dear for us, or for those who ask.
func (c *checker) hashing(n checked) {
	s, ok := nodeType(n.b, dns.TypeNSEC3PARAM)
	if !ok {
		return
	}
	for i := range int(s.count) {
		d := s.rdata(i)
		if len(d) < 4 || d[0] != hashSHA1 || d[1] != 0 {
			continue
		}
		switch iterations := int(d[2])<<8 | int(d[3]); {
		case iterations > MaxIterations && c.z.denial == Unsigned:
			c.add(Error, n, s.typ, i, "has names hashed %d times more, and %d are the limit (RFC 5155 10.3); sign the zone with none (RFC 9276 3.1)", iterations, MaxIterations)
		case iterations > usualIterations:
			c.add(Warning, n, s.typ, i, "has names hashed %d times more: resolvers take zones with more than some 50 to 150 for unsigned, or refuse them (RFC 9276 3.2), "+
				"and each negative answer costs so many hashes; sign the zone with none (RFC 9276 3.1)", iterations)
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
