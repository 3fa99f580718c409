package integration

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// aspect is a part of an answer that servers are compared by. Each is compared on its own: where the peers agree in one
// mangrove has to agree with them, whatever they do in others.
type aspect int

const (
	aspectRcode aspect = iota
	aspectAA
	aspectFlags // the others
	aspectTruncated
	aspectQuestion
	aspectEDNS
	aspectAnswer    // its records, as a set
	aspectOrder     // its RRsets, in the order of a chain
	aspectAuthority // its records
	aspectGlue      // addresses of servers below the cut that a referral is to
	aspectSiblings  // addresses of its other servers
	aspects
)

var aspectNames = [aspects]string{"rcode", "AA", "flags", "truncation", "question", "EDNS", "answer", "order of the answer", "authority", "glue", "sibling glue"}

// verdict is an answer, reduced to what has to be alike.
type verdict [aspects]string

// silentVerdict is the verdict on a server that does not answer.
func silentVerdict() (v verdict) {
	for i := range v {
		v[i] = "no answer"
	}
	return v
}

// judge reduces an answer. apex tells apexes of zones that are served: their NS sets beside an answer are left out, since
// RFC 1034 4.3.2 lets each server add them. So are addresses beside anything but a referral (RFC 2181 9).
func judge(wire []byte, apex map[string]bool) (verdict, *dns.Msg) {
	if wire == nil {
		return silentVerdict(), nil
	}
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		v := silentVerdict()
		v[aspectRcode] = fmt.Sprintf("unreadable: %v: %x", err, wire)
		return v, nil
	}
	var v verdict
	v[aspectRcode] = rcodeText(m)
	v[aspectAA] = fmt.Sprint(m.Authoritative)
	v[aspectFlags] = fmt.Sprintf("qr %t, opcode %d, rd %t, ra %t, z %t, ad %t, cd %t", m.Response, m.Opcode, m.RecursionDesired, m.RecursionAvailable, m.Zero, m.AuthenticatedData, m.CheckingDisabled)
	v[aspectTruncated] = fmt.Sprint(m.Truncated)
	for _, q := range m.Question {
		v[aspectQuestion] += fmt.Sprintf("%s %s %s; ", q.Name, dns.Class(q.Qclass), dns.Type(q.Qtype))
	}
	v[aspectEDNS] = "none"
	if o := m.IsEdns0(); o != nil {
		v[aspectEDNS] = fmt.Sprintf("version %d, flags %04x", o.Version(), o.Hdr.Ttl&0xffff)
	}
	if m.Truncated {
		return v, m // which part of an answer is left is nobody's promise
	}
	v[aspectAnswer], v[aspectOrder] = texts(m.Answer), order(m.Answer)
	v[aspectAuthority] = texts(slices.DeleteFunc(slices.Clone(m.Ns), func(rr dns.RR) bool {
		return len(m.Answer) > 0 && covers(rr) == dns.TypeNS && apex[strings.ToLower(rr.Header().Name)]
	}))
	v[aspectGlue], v[aspectSiblings] = glue(m)
	return v, m
}

func rcodeText(m *dns.Msg) string {
	if s, ok := dns.RcodeToString[m.Rcode]; ok {
		return s
	}
	return fmt.Sprint(m.Rcode)
}

// covers is the type of a record, of a signature that of what it signs.
func covers(rr dns.RR) uint16 {
	if s, ok := rr.(*dns.RRSIG); ok {
		return s.TypeCovered
	}
	return rr.Header().Rrtype
}

// recordText is a record as one line. Names are compared without case, text is not.
func recordText(rr dns.RR) string {
	h := *rr.Header()
	h.Name = strings.ToLower(h.Name)
	data := strings.TrimPrefix(rr.String(), rr.Header().String())
	switch rr.(type) {
	case *dns.TXT, *dns.CAA, *dns.HINFO, *dns.RRSIG, *dns.DNSKEY:
	default:
		data = strings.ToLower(data)
	}
	return h.String() + data
}

func texts(rrs []dns.RR) string {
	var out []string
	for _, rr := range rrs {
		out = append(out, recordText(rr))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// order is the sequence of RRsets, signatures aside.
func order(rrs []dns.RR) string {
	var out []string
	for _, rr := range rrs {
		if rr.Header().Rrtype == dns.TypeRRSIG {
			continue
		}
		set := strings.ToLower(rr.Header().Name) + " " + dns.Type(rr.Header().Rrtype).String()
		if len(out) == 0 || out[len(out)-1] != set {
			out = append(out, set)
		}
	}
	return strings.Join(out, ", ")
}

// glue returns the addresses of a referral's servers, those below the cut and the others.
func glue(m *dns.Msg) (below, beside string) {
	cuts := map[string]string{} // server: cut
	for _, rr := range m.Ns {
		if ns, ok := rr.(*dns.NS); ok {
			cuts[strings.ToLower(ns.Ns)] = strings.ToLower(ns.Hdr.Name)
		}
	}
	if m.Authoritative && len(m.Answer) == 0 {
		return "", ""
	}
	var in, out []dns.RR
	for _, rr := range m.Extra {
		if t := rr.Header().Rrtype; t != dns.TypeA && t != dns.TypeAAAA {
			continue
		}
		cut, ok := cuts[strings.ToLower(rr.Header().Name)]
		switch {
		case !ok:
		case dns.IsSubDomain(cut, strings.ToLower(rr.Header().Name)):
			in = append(in, rr)
		default:
			out = append(out, rr)
		}
	}
	return texts(in), texts(out)
}
