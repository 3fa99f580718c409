package integration

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// signatures are the RRSIG records of a zone that has everything else of a signed one: of all authoritative data (RFC 4035 2.2).
// Nobody could verify them; instead each says what it is of, so that it is known whether the right ones are answered. That
// real ones validate is for TestSignedZones.
func signatures(t testing.TB, z peerZone) string {
	t.Helper()
	rrs := parseZone(t, z.origin, z.text)
	hides := make(map[string]uint16) // cuts and owners of DNAMEs
	for _, rr := range rrs {
		name := strings.ToLower(rr.Header().Name)
		switch typ := rr.Header().Rrtype; {
		case typ == dns.TypeNS && name != z.origin, typ == dns.TypeDNAME && hides[name] == 0:
			hides[name] = typ
		}
	}
	var out strings.Builder
	seen := make(map[string]bool)
	for _, rr := range rrs {
		h := rr.Header()
		name := strings.ToLower(h.Name)
		what := signatureOf(name, h.Rrtype)
		if seen[what] || !authoritative(hides, z.origin, name, h.Rrtype) {
			continue
		}
		seen[what] = true
		fmt.Fprintf(&out, "%s %d RRSIG %s 8 %d %d 20330518033320 20010909014640 1 %s %s\n", name, h.Ttl, dns.Type(h.Rrtype),
			dns.CountLabel(strings.TrimPrefix(name, "*.")), h.Ttl, z.origin, what)
	}
	return out.String()
}

// signatureOf is the signature of a set: what it is of.
func signatureOf(name string, typ uint16) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s of %s", dns.Type(typ), name))
}

// authoritative says whether a set is one that the zone signs.
func authoritative(hides map[string]uint16, origin, name string, typ uint16) bool {
	if typ == dns.TypeNSEC3 {
		return true
	}
	if hides[name] == dns.TypeNS && typ != dns.TypeDS && typ != dns.TypeNSEC {
		return false
	}
	for off, end := dns.NextLabel(name, 0); !end && len(name)-off >= len(origin); off, end = dns.NextLabel(name, off) {
		if hides[name[off:]] != 0 {
			return false
		}
	}
	return true
}

// withoutSignatures parts signatures from what they sign, and says what is wrong with them. Of unsigned there must be none.
func withoutSignatures(rrs, unsigned []dns.RR) (rest []dns.RR, wrong []string) {
	type set struct {
		name string
		typ  uint16
	}
	id := func(rr dns.RR, typ uint16) set { return set{strings.ToLower(rr.Header().Name), typ} }
	ttl := make(map[set]uint32)
	for _, rr := range rrs {
		if _, ok := rr.(*dns.RRSIG); !ok {
			rest = append(rest, rr)
			ttl[id(rr, rr.Header().Rrtype)] = rr.Header().Ttl
		}
	}
	signed := make(map[set]bool)
	for _, rr := range rrs {
		sig, ok := rr.(*dns.RRSIG)
		if !ok {
			continue
		}
		s := id(rr, sig.TypeCovered)
		source := s.name
		if n := dns.CountLabel(s.name) - int(sig.Labels); n > 0 { // RFC 4035 5.3.2
			source = "*." + s.name[dns.Split(s.name)[n]:]
		}
		switch was, there := ttl[s]; {
		case !there:
			wrong = append(wrong, fmt.Sprintf("a signature of nothing: %v", rr))
		case signed[s]:
			wrong = append(wrong, fmt.Sprintf("a signature twice: %v", rr))
		case sig.Signature != signatureOf(source, sig.TypeCovered):
			wrong = append(wrong, fmt.Sprintf("the signature of another set: %v", rr))
		case sig.Hdr.Ttl != was:
			wrong = append(wrong, fmt.Sprintf("TTL %d: %v", was, rr))
		}
		signed[s] = true
	}
	for _, rr := range rest {
		s := id(rr, rr.Header().Rrtype)
		none := slices.ContainsFunc(unsigned, func(u dns.RR) bool { return id(u, u.Header().Rrtype) == s }) || synthesised(rr, rest)
		if signed[s] == none {
			wrong = append(wrong, fmt.Sprintf("signed %t: %v", signed[s], rr))
			signed[s] = !signed[s] // once
		}
	}
	return rest, wrong
}

// synthesised says whether a record is a CNAME made of a DNAME, which is signed instead (RFC 4035 3.1, RFC 6672 5.3.1).
func synthesised(rr dns.RR, rrs []dns.RR) bool {
	_, cname := rr.(*dns.CNAME)
	return cname && slices.ContainsFunc(rrs, func(d dns.RR) bool {
		_, ok := d.(*dns.DNAME)
		return ok && rr.Header().Name != d.Header().Name && dns.IsSubDomain(d.Header().Name, rr.Header().Name)
	})
}
