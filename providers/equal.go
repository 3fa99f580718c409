package providers

import (
	"strings"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// Equal says whether a provider that holds held has what is wanted: the same records in canonical form, the
// same TTL, and each attribute that want asks for. Attributes that want does not name do not count.
func Equal(held, want RRset) bool {
	if held.IsZero() || want.IsZero() {
		return held.IsZero() == want.IsZero()
	}
	for k, v := range want.Attrs {
		if held.Attrs[k] != v {
			return false
		}
	}
	return held.TTL == want.TTL && SameData(held.RRset, want.RRset)
}

// SameData says whether both hold the same records in canonical form, whatever the order and TTL.
func SameData(a, b zones.RRset) bool {
	return Canonical(a).SameData(Canonical(b))
}

// Canonical returns s with the names in its RDATA in lower case (RFC 4034 6.2; RFC 4343: case never tells two names apart), so
// that two providers' spelling of one record is the same bytes. RDATA that can't be read stays as it is.
func Canonical(s zones.RRset) zones.RRset {
	switch s.Type {
	case dns.TypeNS, dns.TypeCNAME, dns.TypePTR, dns.TypeDNAME, dns.TypeMX, dns.TypeSRV, dns.TypeNAPTR, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeSOA:
	default:
		return s
	}
	out := s
	out.Data = make([][]byte, len(s.Data))
	for i, d := range s.Data {
		out.Data[i] = d
		rr, err := s.RR(i)
		if err != nil {
			continue
		}
		lowerNames(rr)
		if low, err := zones.Rdata(rr); err == nil {
			out.Data[i] = low
		}
	}
	return out
}

func lowerNames(rr dns.RR) {
	switch rr := rr.(type) {
	case *dns.NS:
		rr.Ns = strings.ToLower(rr.Ns)
	case *dns.CNAME:
		rr.Target = strings.ToLower(rr.Target)
	case *dns.PTR:
		rr.Ptr = strings.ToLower(rr.Ptr)
	case *dns.DNAME:
		rr.Target = strings.ToLower(rr.Target)
	case *dns.MX:
		rr.Mx = strings.ToLower(rr.Mx)
	case *dns.SRV:
		rr.Target = strings.ToLower(rr.Target)
	case *dns.NAPTR:
		rr.Replacement = strings.ToLower(rr.Replacement)
	case *dns.HTTPS:
		rr.Target = strings.ToLower(rr.Target)
	case *dns.SVCB:
		rr.Target = strings.ToLower(rr.Target)
	case *dns.SOA:
		rr.Ns, rr.Mbox = strings.ToLower(rr.Ns), strings.ToLower(rr.Mbox)
	}
}
