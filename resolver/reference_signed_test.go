package resolver

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// signaturesOf returns the signatures of the set that rr is one of, as they go with it: under its name, with its TTL.
func signaturesOf(zone []dns.RR, owner string, rr dns.RR) []dns.RR {
	var out []dns.RR
	for _, sig := range renamed(records(zone, owner, dns.TypeRRSIG), rr.Header().Name) {
		if sig.(*dns.RRSIG).TypeCovered == rr.Header().Rrtype {
			sig.Header().Ttl = rr.Header().Ttl
			out = append(out, sig)
		}
	}
	return out
}

// proofs finds the owners of the NSEC or NSEC3 records that prove something of a name, by looking at all of them.
type proofs struct {
	zone         []dns.RR
	origin, name string
	on           bool // proofs are wanted
}

func (p proofs) has(typ uint16) bool { return p.on && len(records(p.zone, p.origin, typ)) > 0 }
func (p proofs) denies() bool        { return p.has(dns.TypeNSEC) || p.has(dns.TypeNSEC3PARAM) }

// exact is what proves that a name which exists lacks a type.
func (p proofs) exact(name string) []string {
	switch {
	case p.has(dns.TypeNSEC):
		return []string{p.covering(name)}
	case !p.has(dns.TypeNSEC3PARAM):
		return nil
	}
	if owner, matches := p.hashed(name); matches {
		return []string{owner}
	}
	return p.closer(parent(name))
}

// none is what proves that the name does not exist and no wildcard has the type.
func (p proofs) none() []string {
	switch {
	case p.has(dns.TypeNSEC):
		return []string{p.covering(p.name), p.covering(under("*", p.encloser()))}
	case p.has(dns.TypeNSEC3PARAM):
		proof, above := p.provable(p.encloser())
		owner, _ := p.hashed(under("*", above))
		return append(proof, owner)
	}
	return nil
}

// noCloser is what proves that a wildcard may stand for the name.
func (p proofs) noCloser() []string {
	switch {
	case p.has(dns.TypeNSEC):
		return []string{p.covering(p.name)}
	case p.has(dns.TypeNSEC3PARAM):
		owner, _ := p.hashed(p.below(p.encloser()))
		return []string{owner}
	}
	return nil
}

// encloser is the closest name above that exists.
func (p proofs) encloser() string {
	all := ancestors(p.origin, p.name)
	slices.Reverse(all)
	return all[slices.IndexFunc(all, func(a string) bool { return exists(p.zone, a) })]
}

// below is the name one label below above, on the way down to the name.
func (p proofs) below(above string) string {
	all := ancestors(p.origin, p.name)
	return all[slices.Index(all, above)+1]
}

// covering returns the owner of the NSEC record that comes last among those at or before a name.
func (p proofs) covering(name string) string {
	var last string
	for _, rr := range p.zone {
		owner := strings.ToLower(rr.Header().Name)
		if rr.Header().Rrtype == dns.TypeNSEC && compareCanonically(owner, name) <= 0 && (last == "" || compareCanonically(owner, last) > 0) {
			last = owner
		}
	}
	return last
}

// hashed returns the owner of the NSEC3 record that matches a name, or else that covers it.
func (p proofs) hashed(name string) (owner string, matches bool) {
	hash := strings.ToLower(referenceHash(name))
	var before, last string
	for _, rr := range p.zone {
		if rr.Header().Rrtype == dns.TypeNSEC3 {
			h := strings.ToLower(dns.SplitDomainName(rr.Header().Name)[0])
			if h <= hash {
				before = max(before, h)
			}
			last = max(last, h)
		}
	}
	if before == "" {
		before = last
	}
	return under(before, p.origin), before == hash
}

// closer is the proof of the closest encloser, from above on upwards.
func (p proofs) closer(above string) []string {
	proof, _ := p.provable(above)
	return proof
}

// provable is closer, and the encloser that is proved: with opt-out an empty non-terminal may have no record.
func (p proofs) provable(above string) (proof []string, encloser string) {
	for ; ; above = parent(above) {
		if owner, matches := p.hashed(above); matches {
			next, _ := p.hashed(p.below(above))
			return []string{owner, next}, above
		}
	}
}

func parent(name string) string {
	return dns.Fqdn(strings.Join(dns.SplitDomainName(name)[1:], "."))
}
