package zones

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// targetState is what becomes of a target within its zone.
type targetState uint8

const (
	outside   targetState = iota // not in the zone, or redirected by a DNAME
	delegated                    // at or below a delegation
	missing                      // does not exist
	here                         // exists, or a wildcard answers for it
)

// resolve returns the node that answers for a name; below a delegation, the name's own or NoNode.
func (c *checker) resolve(target []byte) (targetState, Node) {
	if _, ok := c.key.Parse(target, 0); !ok || !c.key.within(c.z.origin.wire, int(c.z.labels)) {
		return outside, NoNode
	}
	f := c.z.Find(&c.key)
	switch {
	case f.Kind == KindDNAME:
		return outside, NoNode
	case f.Kind == KindCut && f.Exact:
		return delegated, f.Node
	case f.Kind == KindCut:
		return delegated, NoNode
	case f.Exact:
		return here, f.Node
	}
	if w := c.z.Wildcard(f.Node); w != NoNode {
		return here, w
	}
	return missing, NoNode
}

// targets reports targets of a name that is not delegated which lead nowhere within the zone.
func (c *checker) targets(n checked) {
	for i := range n.sets() {
		s := n.set(i)
		switch s.typ {
		case dns.TypeNS, dns.TypeMX, dns.TypeSRV, dns.TypeCNAME:
		default:
			continue
		}
		for j := range int(s.count) {
			target := targetName(s.typ, s.rdata(j))
			switch {
			case len(target) < 2:
				// null MX, "no such service", or broken
			case c.address(n, s.typ, j, target):
			case s.typ == dns.TypeCNAME:
				c.alias(n, j, target)
			case s.typ == dns.TypeNS:
				c.server(n, j, target, Error)
			default:
				c.host(n, s.typ, j, target)
			}
		}
	}
}

// delegation reports servers of a delegation that cannot be found, and what stands beside the delegation.
func (c *checker) delegation(n checked) {
	if isWild(n.rel) { // RFC 4592 4.2
		c.add(Warning, n, dns.TypeNS, 0, "stands at a wildcard, and what that delegates is not defined; delegate each name by itself")
	}
	s, _ := nodeType(n.b, dns.TypeNS)
	for i := range int(s.count) {
		if target := targetName(dns.TypeNS, s.rdata(i)); len(target) > 1 && !c.address(n, dns.TypeNS, i, target) {
			c.server(n, i, target, Warning)
		}
	}
	for i := range n.sets() {
		switch typ := n.set(i).typ; typ {
		case dns.TypeNS, dns.TypeDS, dns.TypeNSEC, dns.TypeRRSIG, dns.TypeCNAME, dns.TypeDNAME, dns.TypeSOA:
			// may stand here, or was reported
		default:
			if !c.isGlue(n, typ) {
				c.add(Warning, n, typ, 0, "stands at a delegation%s and is never answered; it belongs into that zone",
					c.line(c.pos(n, typ, 0), n, dns.TypeNS, 0))
			}
		}
	}
}

// server reports a name server that is a CNAME (RFC 2181 10.3), or that is in the zone and has no address; that is sev.
func (c *checker) server(n checked, i int, target []byte, sev Severity) {
	switch state, node := c.resolve(target); {
	case state == outside:
	case state == delegated:
		// A server in another delegation is found there; one in its own by its glue alone.
		own := n.b[0]&flagCut != 0 && nameWithin(target, c.z.nameOf(n.b).wire)
		if own && (node == NoNode || !c.hasAddress(node)) {
			c.add(sev, n, dns.TypeNS, i, "%s is within the delegation and has no A or AAAA record here; without this glue nobody finds it", display(target))
		}
	case state == missing:
		c.add(sev, n, dns.TypeNS, i, "%s does not exist%s", display(target), c.advice(target))
	case c.isCNAME(node):
		c.add(sev, n, dns.TypeNS, i, "%s is a CNAME%s; name a server that has addresses itself", display(target), c.cnameLine(n, dns.TypeNS, i, node))
	case !c.hasAddress(node):
		if b := c.z.node(node); nodeSets(b) == 0 && isWild(nodeName(b)) {
			sev = Warning // it is nowhere but below an empty wildcard: named-checkzone is at a loss, too
		}
		c.add(sev, n, dns.TypeNS, i, "%s has no A or AAAA record; give it one", display(target))
	}
}

// host reports the target of an MX or SRV record that is a CNAME (RFC 2181 10.3), or that is in the zone and has no address.
func (c *checker) host(n checked, typ uint16, i int, target []byte) {
	switch state, node := c.resolve(target); {
	case state == outside || state == delegated:
	case state == missing:
		c.add(Warning, n, typ, i, "%s does not exist%s", display(target), c.advice(target))
	case c.isCNAME(node):
		c.add(Warning, n, typ, i, "%s is a CNAME%s; name a host that has addresses itself", display(target), c.cnameLine(n, typ, i, node))
	case !c.hasAddress(node):
		c.add(Warning, n, typ, i, "%s has no A or AAAA record; give it one", display(target))
	}
}

// alias reports a CNAME that leads to a name of the zone that does not exist, or back to itself.
func (c *checker) alias(n checked, i int, target []byte) {
	state, node := c.resolve(target)
	if state == missing {
		c.add(Warning, n, dns.TypeCNAME, i, "%s does not exist%s", display(target), c.advice(target))
	}
	if state != here || i > 0 || c.looped[n.node] {
		return
	}
	chain := []Node{n.node}
	names := []string{c.z.nameOf(n.b).String(), display(target)}
	for node != n.node {
		s, ok := nodeType(c.z.node(node), dns.TypeCNAME)
		if !ok || len(chain) > maxChain {
			return
		}
		chain = append(chain, node)
		target = targetName(dns.TypeCNAME, s.rdata(0))
		names = append(names, display(target))
		if state, node = c.resolve(target); state != here {
			return
		}
	}
	for _, l := range chain {
		c.looped[l] = true
	}
	c.add(Warning, n, dns.TypeCNAME, i, "leads back to itself (%s); it is never answered", strings.Join(names, " -> "))
}

// maxChain bounds how long a chain of CNAMEs is followed; no resolver follows more.
const maxChain = 32

// address reports a target that is an address: where a name is wanted, that is a name of digits.
func (c *checker) address(n checked, typ uint16, i int, target []byte) bool {
	labels, off := 0, 0
	for ; labels < 4 && off < len(target) && target[off] != 0; labels++ {
		end := off + 1 + int(target[off])
		if label := target[off+1 : end]; len(label) > 3 || strings.Trim(string(label), "0123456789") != "" {
			return false
		}
		off = end
	}
	if labels < 4 || len(target[off:]) != 1 && string(target[off:]) != c.z.origin.wire {
		return false
	}
	c.add(Warning, n, typ, i, "%s is an address; a name is wanted here", display(target))
	return true
}

// advice returns what to do about a target in the zone that does not exist.
func (c *checker) advice(target []byte) string {
	rel := target[:len(target)-len(c.z.origin.wire)]
	if c.z.origin == Root || countLabels(rel) < 2 {
		return "; add it"
	}
	shown := string(appendLabels(nil, string(rel)))
	return fmt.Sprintf("; add it, or put a dot behind %s if that is the whole name", shown[:len(shown)-1])
}

func (c *checker) isCNAME(n Node) bool { _, ok := nodeType(c.z.node(n), dns.TypeCNAME); return ok }

func (c *checker) hasAddress(n Node) bool {
	b := c.z.node(n)
	_, v4 := nodeType(b, dns.TypeA)
	_, v6 := nodeType(b, dns.TypeAAAA)
	_, alias := nodeType(b, TypeALIAS)
	return v4 || v6 || alias
}

// cnameLine returns where the CNAME of node stands, for a problem with record i of an RRset.
func (c *checker) cnameLine(n checked, typ uint16, i int, node Node) string {
	return c.line(c.pos(n, typ, i), checked{node: node, b: c.z.node(node)}, dns.TypeCNAME, 0)
}

// display returns a name in wire form as it is written.
func display(wire []byte) string {
	if len(wire) == 1 {
		return "."
	}
	return string(appendLabels(nil, string(wire)))
}
