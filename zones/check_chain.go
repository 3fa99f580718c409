package zones

import (
	"encoding/binary"
	"slices"

	"github.com/miekg/dns"
)

// chainChecker checks, name by name in canonical order, that the chain which denies is that of the zone: resolvers that
// validate take an answer for forged whose proof says otherwise, and take a name for absent that the chain passes over.
type chainChecker struct {
	c        *checker
	negative uint32   // TTL of denials; 0 where it is not known
	present  []uint16 // types of the name at hand, as notePresent has them
	listed   []uint16 // types that its record says there are

	// NSEC: the name before that has a record.
	last     checked
	lastNext []byte // where it leads to, in wire form; nil once that was seen

	// NSEC3.
	params  hashParams
	seen    []uint64 // a bit for each place from the first node on: the NSEC3 record there is that of a name
	pending []pendingName
}

// chainChecker returns a checker of the chain; nil where the zone has none.
func (c *checker) chainChecker() *chainChecker {
	if c.z.denial == Unsigned {
		return nil
	}
	cc := &chainChecker{c: c}
	if len(c.z.neg) > 0 {
		cc.negative = binary.BigEndian.Uint32(c.z.neg[6:])
	}
	if c.z.denial == NSEC3 {
		cc.params = c.z.hashParams()
		cc.seen = make([]uint64, (c.z.end-c.z.first)/64+1)
	}
	return cc
}

// name checks what the chain says of a name whose data are the zone's, or that is a delegation.
func (cc *chainChecker) name(n checked) {
	if cc == nil || cc.c.z.OnlyHash(n.node) {
		return
	}
	cc.notePresent(n)
	if cc.c.z.denial == NSEC3 {
		cc.hashed(n)
		return
	}
	s, ok := nodeType(n.b, dns.TypeNSEC)
	if !ok && len(cc.present) == 0 {
		return
	}
	if !ok {
		if sameName(cc.lastNext, n.rel, cc.c.z.origin) {
			cc.lastNext = nil
		}
		cc.c.warn(faultUnchained, n, cc.present[0], 0, "stands at a name without an NSEC record; resolvers that validate take it for absent, or its denials for forged; sign the zone again")
		return
	}
	if cc.lastNext != nil && !sameName(cc.lastNext, n.rel, cc.c.z.origin) {
		cc.wrongNext(n.b)
	}
	cc.ttl(n, s)
	if s.count > 1 {
		cc.c.warn(faultSeveral, n, s.typ, 1, "is one of %d of this name; a chain has one for each name; sign the zone again", s.count)
	}
	cc.last, cc.lastNext = n, nil
	rdata := s.rdata(0)
	next, err := wireName(rdata)
	if err != nil {
		return // the parser refuses it
	}
	cc.lastNext = rdata[:next]
	cc.types(n, n, s.typ, 0, rdata[next:])
}

// end checks what can be said behind the last name.
func (cc *chainChecker) end() {
	switch {
	case cc == nil:
	case cc.c.z.denial == NSEC3:
		cc.release(nil)
		cc.circle()
	case cc.lastNext != nil && !sameName(cc.lastNext, nil, cc.c.z.origin):
		cc.wrongNext(cc.c.z.node(cc.c.z.apex))
	}
}

// wrongNext reports that the last NSEC record does not lead to the node b.
func (cc *chainChecker) wrongNext(b []byte) {
	cc.c.warn(faultNext, cc.last, dns.TypeNSEC, 0, "leads to %s, and the next name is %s; resolvers that validate take what is between for absent, or its denials for forged; sign the zone again",
		display(cc.lastNext), cc.c.z.nameOf(b))
}

// ttl reports a record that denies for longer than the zone's SOA says.
func (cc *chainChecker) ttl(n checked, s set) {
	if ttl := s.ttl(); ttl > cc.negative {
		cc.c.warn(faultLong, n, s.typ, 0, "has a TTL of %d s, and the SOA lets denials be kept for %d s (the lower of its TTL and MINIMUM): resolvers that deny by this record go on for longer; "+
			"it must be the same (RFC 9077 3)", ttl, cc.negative)
	}
}

// notePresent notes the types that the chain must say a name has: those that the zone has data of there, without those that the
// chain itself is made of.
func (cc *chainChecker) notePresent(n checked) {
	cc.present = cc.present[:0]
	cut := n.b[0]&flagCut != 0
	for i := range n.sets() {
		typ := binary.LittleEndian.Uint16(n.b[n.heads+i*setHead:])
		if !ofChain(typ) && (!cut || typ == dns.TypeNS || typ == dns.TypeDS) {
			cc.present = append(cc.present, typ)
		}
	}
}

// ofChain says whether a type is not looked for: records of the chains themselves and their signatures, and ALIAS, which is data
// for us alone.
func ofChain(typ uint16) bool {
	return typ == dns.TypeNSEC || typ == dns.TypeNSEC3 || typ == dns.TypeRRSIG || typ == TypeALIAS
}

// types compares what the NSEC or NSEC3 record i at owner says of the types at n with those present.
func (cc *chainChecker) types(n, owner checked, typ uint16, i int, bitmap []byte) {
	signed, itself := false, false
	cc.listed = cc.listed[:0]
	for t := range bitmapTypes(bitmap) {
		signed, itself = signed || t == dns.TypeRRSIG, itself || t == dns.TypeNSEC
		if !ofChain(t) {
			cc.listed = append(cc.listed, t)
		}
	}
	report := func(format, types string) {
		of := ""
		if typ == dns.TypeNSEC3 {
			of = " of " + cc.c.z.nameOf(n.b).String()
		}
		cc.c.warn(faultTypes, owner, typ, i, format+"; resolvers that validate take answers for forged; sign the zone again", of, types)
	}
	cut := n.b[0]&flagCut != 0
	signs := len(cc.present) > 0 && (!cut || slices.Contains(cc.present, dns.TypeDS)) || typ == dns.TypeNSEC
	var missing, extra []uint16
	if !slices.Equal(cc.listed, cc.present) {
		missing, extra = without(cc.present, cc.listed), without(cc.listed, cc.present)
	}
	if signs && !signed {
		missing = append(missing, dns.TypeRRSIG)
	}
	if !signs && signed {
		extra = append(extra, dns.TypeRRSIG)
	}
	if typ == dns.TypeNSEC && !itself {
		missing = append(missing, dns.TypeNSEC)
	}
	if len(missing) > 0 {
		report("denies%s %s records, which are there", typeList(missing))
	}
	if len(extra) > 0 {
		report("says%s that there are %s records, which are not", typeList(extra))
	}
}

// without returns those of a that are not in b.
func without(a, b []uint16) (out []uint16) {
	for _, t := range a {
		if !slices.Contains(b, t) {
			out = append(out, t)
		}
	}
	return out
}

// typeList returns types as they are spoken of.
func typeList(types []uint16) string {
	out := ""
	for i, t := range types {
		switch {
		case i > 0 && i == len(types)-1:
			out += " and "
		case i > 0:
			out += ", "
		}
		out += TypeString(t)
	}
	return out
}

// bitmapTypes passes over the types of a bitmap (RFC 4034 4.1.2) in ascending order, up to where it is broken.
func bitmapTypes(b []byte) func(yield func(uint16) bool) {
	return func(yield func(uint16) bool) {
		for len(b) >= 2 && len(b) >= 2+int(b[1]) {
			for i, bits := range b[2 : 2+int(b[1])] {
				for bit := range 8 {
					if bits&(0x80>>bit) != 0 && !yield(uint16(b[0])<<8|uint16(8*i+bit)) {
						return
					}
				}
			}
			b = b[2+int(b[1]):]
		}
	}
}

// sameName says whether a name in wire form, in any case, is rel below origin.
func sameName(wire, rel []byte, origin Name) bool {
	if len(wire) != len(rel)+len(origin.wire) {
		return false
	}
	for i, b := range wire {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		if i < len(rel) && b != rel[i] || i >= len(rel) && b != origin.wire[i-len(rel)] {
			return false
		}
	}
	return true
}
