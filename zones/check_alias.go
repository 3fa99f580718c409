package zones

import (
	"strings"

	"github.com/miekg/dns"
)

// aliasTTL is how long an ALIAS may live without a warning, in seconds: the addresses have its TTL, not the target's.
const aliasTTL = 3600

// addressAlias reports ALIAS records that cannot give their owner addresses: beside addresses of its own, more than one, in a
// zone whose signatures would not cover them, or leading nowhere or back to themselves within the zone.
func (c *checker) addressAlias(n checked) {
	s, ok := nodeType(n.b, TypeALIAS)
	if !ok {
		return
	}
	c.single(n, s)
	for _, typ := range [...]uint16{dns.TypeA, dns.TypeAAAA} {
		if n.has(typ) {
			c.add(Error, n, TypeALIAS, 0, "stands beside %s record%s; the name has either addresses of its own or those of the target",
				withArticle(typ), c.line(c.pos(n, TypeALIAS, 0), n, typ, 0))
		}
	}
	if c.z.Signed() {
		c.add(Error, n, TypeALIAS, 0, "stands in a zone that comes signed, and no signature would cover the addresses of its target; write A and AAAA records before signing")
	}
	if s.ttl() > aliasTTL {
		c.add(Warning, n, TypeALIAS, 0, "has the TTL %d, and for so long resolvers keep addresses that the target may have left; give it %d at most", s.ttl(), aliasTTL)
	}
	for i := range int(s.count) {
		c.aliasTarget(n, i, s.rdata(i))
	}
}

// aliasTarget follows the target of an ALIAS through the ALIAS and CNAME records of the zone.
func (c *checker) aliasTarget(n checked, i int, target []byte) {
	if len(target) < 2 {
		c.add(Error, n, TypeALIAS, i, "has the root as its target, which has no addresses; name a host")
		return
	}
	if c.address(n, TypeALIAS, i, target) {
		return
	}
	names := []string{c.z.nameOf(n.b).String()}
	for range maxChain {
		names = append(names, display(target))
		state, node := c.resolve(target)
		switch {
		case state == missing && len(names) == 2:
			c.add(Warning, n, TypeALIAS, i, "%s does not exist%s", display(target), c.advice(target))
			return
		case state != here:
			return
		case node == n.node:
			c.add(Error, n, TypeALIAS, i, "leads back to itself (%s); it would never have an address", strings.Join(names, " -> "))
			return
		}
		next, ok := nodeType(c.z.node(node), TypeALIAS)
		if !ok {
			next, ok = nodeType(c.z.node(node), dns.TypeCNAME)
		}
		if !ok {
			if len(names) == 2 && !c.hasAddress(node) {
				c.add(Warning, n, TypeALIAS, i, "%s has no A or AAAA record; give it one", display(target))
			}
			return
		}
		target = next.rdata(0)
	}
}
