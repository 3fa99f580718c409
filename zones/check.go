package zones

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// CheckOptions says what Check cannot see in a zone itself. The zero value will do.
type CheckOptions struct {
	// Where returns the place of record i of an RRset; the zero Pos where it is not known.
	Where func(name Name, typ uint16, i int) Pos
	// Checked says whether a health rule applies to a name.
	Checked func(Name) bool
}

// Check returns all that is wrong with a zone, in the order of its file where that is known, else in canonical order.
// What would be answered wrongly or refused by other servers is an Error; what is served but can hardly be meant is
// a Warning. Where opinions differ it does as BIND's named-checkzone: a server of the zone (NS at the apex) that has
// no address in the zone, or that is a CNAME, is an error; the same of a delegation, missing glue, and targets of MX, SRV and CNAME
// that lead nowhere, are warnings. Owners with an underscore and an address are left alone: many are meant.
//
// What stands in the text alone (TTLs that differ within an RRset, repeated records) is for the parser to say.
func Check(z *Zone, o CheckOptions) []Problem {
	if z.denial != Unsigned {
		z = z.Compact() // what is known of its chain is in the base
	}
	c := &checker{z: z, o: o, glue: make(map[Node]bool), looped: make(map[Node]bool), signs: nodeSigned(z.node(z.apex))}
	c.apex()
	c.collectGlue()
	chain := c.chainChecker()
	var cover cover
	for w := z.walk(); w.next(); {
		n := checked{node: w.current, b: w.node, rel: nodeName(w.node), heads: nodeHeads(w.node)}
		if !below(n.rel, cover.rel) {
			cover.kind = KindNone
		}
		c.ttls(n)
		c.sizes(n)
		switch {
		case cover.kind != KindNone:
			c.occluded(n, cover)
			c.aliases(n)
		case n.b[0]&flagCut != 0:
			cover = coverAt(n, KindCut)
			c.exclusive(n)
			c.delegation(n)
			c.signed(n)
			chain.name(n)
		default:
			c.exclusive(n)
			c.signed(n)
			chain.name(n)
			c.names(n)
			c.targets(n)
			c.addressAlias(n)
			c.services(n)
			if n.b[0]&flagDNAME != 0 {
				cover = coverAt(n, KindDNAME)
			}
		}
	}
	chain.end()
	c.untold()
	if o.Where != nil {
		slices.SortStableFunc(c.out, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
		})
	}
	return c.out
}

// checker is one run of Check.
type checker struct {
	z      *Zone
	o      CheckOptions
	key    Key
	out    []Problem
	glue   map[Node]bool // nodes below delegations that servers of a delegation are called by
	looped map[Node]bool // in a chain of CNAMEs that was reported
	signs  bool          // the zone comes signed
	params []hashParams  // of its NSEC3PARAM records
	counts faultCounts
}

// checked is the node at hand.
type checked struct {
	node  Node
	b     []byte
	rel   []byte
	heads int
}

func (n checked) sets() int         { return nodeSets(n.b) }
func (n checked) set(i int) set     { return nodeSet(n.b, n.heads, i) }
func (n checked) has(t uint16) bool { _, ok := nodeType(n.b, t); return ok }

// cover is the topmost delegation or DNAME above the node at hand: what is below it follows it in canonical order.
type cover struct {
	kind Kind
	rel  []byte
	node checked
}

func coverAt(n checked, kind Kind) cover { return cover{kind, n.rel, n} }

// add adds a problem with record i of an RRset: the owner, the type, then what format says.
func (c *checker) add(sev Severity, n checked, typ uint16, i int, format string, args ...any) {
	c.out = append(c.out, Problem{
		Pos:      c.pos(n, typ, i),
		Severity: sev,
		Text:     fmt.Sprintf("%s %s ", c.z.nameOf(n.b), TypeString(typ)) + fmt.Sprintf(format, args...),
	})
}

// pos returns the place of record i of an RRset.
func (c *checker) pos(n checked, typ uint16, i int) Pos {
	if c.o.Where == nil {
		return Pos{}
	}
	return c.o.Where(c.z.nameOf(n.b), typ, i)
}

// line returns " (line 7)" for a record that a problem elsewhere speaks of, as much as is known of it.
func (c *checker) line(from Pos, n checked, typ uint16, i int) string {
	switch p := c.pos(n, typ, i); {
	case p.Line == 0:
		return ""
	case p.File != from.File:
		return fmt.Sprintf(" (%s:%d)", p.File, p.Line)
	default:
		return fmt.Sprintf(" (line %d)", p.Line)
	}
}

// withArticle returns a type with its article, as it is spoken.
func withArticle(typ uint16) string {
	s := TypeString(typ)
	switch typ {
	case dns.TypeNULL, dns.TypeLOC, dns.TypeHIP, dns.TypeNID, dns.TypeRKEY, dns.TypeNINFO:
		return "a " + s
	}
	if strings.ContainsRune("AEFHILMNORSX", rune(s[0])) {
		return "an " + s
	}
	return "a " + s
}

// ttls reports TTLs that are none (RFC 2181 8).
func (c *checker) ttls(n checked) {
	for i := range n.sets() {
		if s := n.set(i); s.ttl() > 1<<31-1 {
			c.add(Warning, n, s.typ, 0, "has the TTL %d, which resolvers take for 0; the limit is 2147483647", s.ttl())
		}
	}
}

// maxMessage is the most octets that a DNS message has, over TCP (RFC 1035 4.2.2).
const maxMessage = 1<<16 - 1

// sizes reports RRsets that nobody can be answered with, however they are asked for.
func (c *checker) sizes(n checked) {
	question := 12 + len(n.rel) + len(c.z.origin.wire) + 4
	for i := range n.sets() {
		s := n.set(i)
		records := len(s.wire())
		switch s.typ {
		case dns.TypeNS, dns.TypeMX, dns.TypePTR: // names in them are compressed: two octets each, if all goes well
			records = int(s.count) * 14
		}
		if size := question + records + s.sigLen(); size > maxMessage {
			c.add(Warning, n, s.typ, 0, "has %d records, and a message with them takes %d octets: the most is %d (RFC 1035 4.2.2), so nobody who asks gets them; remove some, or divide them among names",
				s.count, size, maxMessage)
		}
	}
}

// collectGlue finds the nodes that servers of delegations are called by.
func (c *checker) collectGlue() {
	for w := c.z.walk(); w.next(); {
		if w.node[0]&flagCut == 0 {
			continue
		}
		s, _ := nodeType(w.node, dns.TypeNS)
		for i := range int(s.count) {
			if t := c.z.Target(w.current, dns.TypeNS, i); t != NoNode {
				c.glue[t] = true
			}
		}
	}
}

// occluded reports RRsets of a node that is below a delegation, where only glue may be, or below a DNAME, where
// nothing may (RFC 6672 2.4).
func (c *checker) occluded(n checked, above cover) {
	for i := range n.sets() {
		switch typ := n.set(i).typ; {
		case above.kind == KindDNAME && len(above.rel) == 0 && (typ == dns.TypeNSEC3 || typ == dns.TypeRRSIG):
			// The chain of a zone whose apex is redirected.
		case above.kind == KindDNAME:
			c.add(Error, n, typ, 0, "stands below the DNAME at %s%s, which hides it; remove one of them",
				c.z.nameOf(above.node.b), c.line(c.pos(n, typ, 0), above.node, dns.TypeDNAME, 0))
		case !c.isGlue(n, typ):
			c.add(Warning, n, typ, 0, "stands below the delegation of %s%s and is never answered; it belongs into that zone",
				c.z.nameOf(above.node.b), c.line(c.pos(n, typ, 0), above.node, dns.TypeNS, 0))
		}
	}
}

func (c *checker) isGlue(n checked, typ uint16) bool {
	return (typ == dns.TypeA || typ == dns.TypeAAAA) && c.glue[n.node]
}

// exclusive reports RRsets that cannot stand at one name, or not with so many records.
func (c *checker) exclusive(n checked) {
	c.aliases(n)
	for i := range n.sets() {
		switch s := n.set(i); s.typ {
		case dns.TypeDNAME:
			c.single(n, s)
			if n.b[0]&flagCut != 0 { // RFC 6672 2.3
				c.add(Error, n, s.typ, 0, "stands beside an NS record%s; a name is either delegated or redirected",
					c.line(c.pos(n, s.typ, 0), n, dns.TypeNS, 0))
			}
		case dns.TypeSOA:
			if len(n.rel) > 0 {
				c.add(Error, n, s.typ, 0, "stands below the zone's apex %s; only the apex has one", c.z.origin)
			}
		case dns.TypeDS:
			if n.b[0]&flagCut == 0 { // RFC 4035 2.4
				sev := Warning
				if len(n.rel) == 0 { // "MUST NOT appear at a zone's apex"
					sev = Error
				}
				c.add(sev, n, s.typ, 0, "stands at a name that is not delegated; it belongs beside the NS records of a delegation")
			}
		case dns.TypeMX:
			for j := range int(s.count) {
				if d := s.rdata(j); s.count > 1 && len(d) == 3 && d[2] == 0 { // RFC 7505 3
					c.add(Warning, n, s.typ, j, `"." says that there is no mail, beside other MX records; keep it alone or remove it`)
				}
			}
		}
	}
}

// aliases reports CNAMEs that are not alone. Where they are never answered as well: no other server loads such a zone.
func (c *checker) aliases(n checked) {
	if s, ok := nodeType(n.b, dns.TypeCNAME); ok {
		c.single(n, s)
		c.cnameAlone(n)
	}
}

// single reports further records of a type that a name has one of at most.
func (c *checker) single(n checked, s set) {
	if s.count > 1 {
		c.add(Error, n, s.typ, 1, "is one of %d %s records of this name%s; keep one",
			s.count, TypeString(s.typ), c.line(c.pos(n, s.typ, 1), n, s.typ, 0))
	}
}

// cnameAlone reports what stands beside a CNAME (RFC 2181 10.1; RFC 4034 3, 4 and RFC 3007 for what may).
func (c *checker) cnameAlone(n checked) {
	if len(n.rel) == 0 {
		c.add(Error, n, dns.TypeCNAME, 0, "stands at the zone's apex, beside its SOA and NS; use A and AAAA records there")
		return
	}
	var beside []string
	for i := range n.sets() {
		switch typ := n.set(i).typ; typ {
		case dns.TypeCNAME, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeSIG, dns.TypeKEY, dns.TypeNXT:
		default:
			beside = append(beside, withArticle(typ)+" record"+c.line(c.pos(n, dns.TypeCNAME, 0), n, typ, 0))
		}
	}
	if len(beside) > 0 {
		c.add(Error, n, dns.TypeCNAME, 0, "stands beside %s; a CNAME must be alone", strings.Join(beside, " and "))
	}
}

// names reports owners that can hardly be meant.
func (c *checker) names(n checked) {
	for _, typ := range [...]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeMX} {
		if n.has(typ) && !hostName(n.rel) {
			c.add(Warning, n, typ, 0, "has an owner that is no host name: letters, digits and hyphens make one")
			break
		}
	}
	origin := c.z.origin.wire[:len(c.z.origin.wire)-1]
	if n.sets() > 0 && c.z.labels > 1 && (string(n.rel) == origin || below(n.rel, []byte(origin))) {
		c.add(Warning, n, n.set(0).typ, 0, "has an owner that ends with the zone's name twice; a dot is missing behind it, or the zone's name is too much")
	}
}

// hostName says whether every label has letters, digits, hyphens and underscores alone, or is "*".
func hostName(rel []byte) bool {
	for off := 0; off < len(rel); {
		end := off + 1 + int(rel[off])
		label := rel[off+1 : end]
		for _, c := range label {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && string(label) != "*" {
				return false
			}
		}
		off = end
	}
	return true
}

// services reports SVCB and HTTPS records in AliasMode that say more than an alias does (RFC 9460 2.4.2).
func (c *checker) services(n checked) {
	for _, typ := range [...]uint16{dns.TypeSVCB, dns.TypeHTTPS} {
		s, ok := nodeType(n.b, typ)
		if !ok {
			continue
		}
		for i := range int(s.count) {
			d := s.rdata(i)
			if len(d) < 3 || binary.BigEndian.Uint16(d) != 0 {
				continue
			}
			if len(d) > 2+len(targetName(typ, d)) {
				c.add(Warning, n, typ, i, "has priority 0, which makes it an alias, and parameters, which are ignored then; remove them or raise the priority")
			}
			if s.count > 1 {
				c.add(Warning, n, typ, i, "has priority 0, which makes it an alias, beside other %s records; keep one alias alone", TypeString(typ))
			}
		}
	}
}
