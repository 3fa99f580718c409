package zones

import (
	"slices"

	"github.com/miekg/dns"
)

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

// proofs reports what keeps a zone that comes signed from proving what does not exist, or is of no use for that.
func (c *checker) proofs(n checked) {
	if !c.signs {
		return
	}
	if c.z.denial == Unsigned && n.has(dns.TypeSOA) {
		c.add(Warning, n, dns.TypeSOA, 0, "is that of a zone with signatures, and without NSEC or NSEC3 records that can be used: it proves nothing that does not exist, "+
			"and resolvers that validate take its denials for forged; sign the zone again")
	}
	if c.z.denial == NSEC3 && n.has(dns.TypeNSEC) {
		c.add(Warning, n, dns.TypeNSEC, 0, "is of no use: the zone has NSEC3 records and NSEC3PARAM too, and denies with them (RFC 5155 10.4); sign the zone again with one of the two")
	}
	s, _ := nodeType(n.b, dns.TypeNSEC3PARAM)
	for i := range int(s.count) {
		p, ok := parseParams(s.rdata(i))
		c.params = append(c.params, p) // also of a chain that we don't use: its records are not foreign
		if !ok {
			continue
		}
		if h := p.hash(nil, c.z.origin.wire); !c.hasHash(h[:], p) {
			c.add(Warning, n, s.typ, i, "speaks of NSEC3 records that are not there: none has the hash of %s, which is %s; sign the zone again", c.z.origin, string(h[1:]))
		}
	}
}

// hasHash says whether rel has an NSEC3 record whose hashes are made so.
func (c *checker) hasHash(rel []byte, p hashParams) bool {
	n := c.z.lookup(hashName(c.z.hash, rel), rel)
	return n != NoNode && p.ofNode(c.z.node(n))
}

// foreign reports NSEC3 records that NSEC3PARAM does not speak of: they are of no use.
func (c *checker) foreign(n checked) {
	s, ok := nodeType(n.b, dns.TypeNSEC3)
	if !ok || !c.signs {
		return
	}
	for i := range int(s.count) {
		d := s.rdata(i)
		if !slices.ContainsFunc(c.params, func(p hashParams) bool { return p.of(d) }) {
			c.warn(faultForeign, n, s.typ, i, "is of no use: no NSEC3PARAM record at %s says that the zone has such a chain (RFC 5155 4); sign the zone again", c.z.origin)
		}
	}
}

// signed reports signatures of what is not there and, in a zone that comes signed, what has none: resolvers that
// validate take it for forged. Nobody signs delegations and what is below them.
func (c *checker) signed(n checked) {
	if lone, ok := nodeType(n.b, dns.TypeRRSIG); ok {
		for i := range int(lone.count) {
			if typ, ok := coveredType(lone.rdata(i)); ok { // which one it is among all signatures of the name is not known here
				c.warn(faultLone, n, dns.TypeRRSIG, 0, "covers %s records, and this name has none; sign the zone again", TypeString(typ))
			}
		}
	}
	if !c.signs {
		c.unproven(n)
		return
	}
	c.foreign(n)
	cut := n.b[0]&flagCut != 0
	for i := range n.sets() {
		s := n.set(i)
		signs := !cut || s.typ == dns.TypeDS || s.typ == dns.TypeNSEC
		if s.sigs == 0 && signs && s.typ != dns.TypeRRSIG {
			c.warn(faultUnsigned, n, s.typ, 0, "has no signature in a zone that is signed, and resolvers that validate refuse it; sign the zone again")
		}
	}
}

// unproven reports NSEC and NSEC3 records of a zone that comes unsigned: it was signed once, or somebody lost its signatures.
func (c *checker) unproven(n checked) {
	for _, typ := range [...]uint16{dns.TypeNSEC, dns.TypeNSEC3} {
		if n.has(typ) {
			c.warn(faultUnproven, n, typ, 0, "proves nothing without signatures: the SOA record of %s has none; sign the zone again, or remove its NSEC and NSEC3 records", c.z.origin)
		}
	}
}
