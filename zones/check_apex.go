package zones

import (
	"encoding/binary"
	"slices"

	"github.com/miekg/dns"
)

const (
	healthMinimum = 300   // seconds: a longer negative TTL outlasts what failover promises
	mostMinimum   = 86400 // seconds, RFC 2308 5
)

// apex checks what every zone must have at its apex.
func (c *checker) apex() {
	b := c.z.node(c.z.apex)
	n := checked{node: c.z.apex, b: b, rel: nodeName(b), heads: nodeHeads(b)}
	if s, ok := nodeType(b, dns.TypeSOA); ok {
		c.soa(n, s)
	} else {
		c.zoneProblem("has no SOA record; a zone starts with one")
	}
	c.hashing(n)
	c.proofs(n)
	switch s, ok := nodeType(b, dns.TypeNS); {
	case !ok:
		c.zoneProblem("has no NS record; name the servers of the zone, two at least")
	case s.count == 1:
		c.add(Warning, n, dns.TypeNS, 0, "names one server only; when it fails the zone is gone (RFC 1034 4.1 wants two)")
	}
}

// zoneProblem adds an error about the zone as a whole, placed at its file.
func (c *checker) zoneProblem(what string) {
	var p Pos
	for s := range c.z.RRsets() {
		if c.o.Where != nil {
			p = Pos{File: c.o.Where(s.Name, s.Type, 0).File}
		}
		break
	}
	c.out = append(c.out, Problem{p, Error, c.z.origin.String() + " " + what})
}

func (c *checker) soa(n checked, s set) {
	if s.count > 1 {
		c.single(n, s)
		return
	}
	num := soaNumbers(s.rdata(0))
	if num == nil {
		return // the parser refuses it
	}
	var v [5]uint32
	for i := range v {
		v[i] = binary.BigEndian.Uint32(num[4*i:])
	}
	serial, refresh, retry, expire, minimum := v[0], v[1], v[2], v[3], min(v[4], s.ttl())
	warn := func(format string, args ...any) { c.add(Warning, n, dns.TypeSOA, 0, format, args...) }
	if serial == 0 {
		warn(`has the serial 0, which some servers take for "never loaded"; start with 1`)
	}
	if refresh == 0 || retry == 0 {
		warn("has a refresh of %d s and a retry of %d s; secondaries that take it literally never stop asking", refresh, retry)
	} else if retry > refresh {
		warn("has a retry of %d s above its refresh of %d s; an attempt that failed should be repeated sooner than one that did not", retry, refresh)
	}
	if uint64(expire) <= uint64(refresh)+uint64(retry) {
		warn("has an expire of %d s, not more than refresh and retry together (%d s): secondaries drop the zone after one failure; two weeks are usual",
			expire, uint64(refresh)+uint64(retry))
	}
	switch {
	case minimum > healthMinimum && c.hasRules():
		warn("lets resolvers keep negative answers for %d s (the lower of its TTL and MINIMUM), and the zone has health rules; %d s or less let changes be seen in time",
			minimum, healthMinimum)
	case minimum > mostMinimum:
		warn("lets resolvers keep negative answers for %d s (the lower of its TTL and MINIMUM); a day is the most that makes sense (RFC 2308 5)", minimum)
	}
	c.mailbox(n, s)
}

// mailbox reports a mailbox that was written as a mail address: its "@" has become part of a label.
func (c *checker) mailbox(n checked, s set) {
	d := s.rdata(0)
	first, err := wireName(d)
	if err != nil {
		return
	}
	second, err := wireName(d[first:])
	if err != nil {
		return
	}
	if slices.Contains(d[first:first+second], '@') {
		c.add(Warning, n, dns.TypeSOA, 0, `has a mailbox with an "@": %s; write a dot instead`, display(d[first:first+second]))
	}
}

// hasRules says whether a health rule applies to a name of the zone.
func (c *checker) hasRules() bool {
	if c.o.Checked == nil {
		return false
	}
	for w := c.z.walk(); w.next(); {
		if nodeSets(w.node) > 0 && c.o.Checked(c.z.nameOf(w.node)) {
			return true
		}
	}
	return false
}
