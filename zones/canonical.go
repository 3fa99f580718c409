package zones

import (
	"slices"

	"github.com/miekg/dns"
)

// namesIn says where data of a type have names that are in lower case in canonical form: how many octets, and how many character
// strings, stand before them, and how many names. These are the types that RFC 4034 6.2 lists; RFC 6840 5.1 takes NSEC out of
// them again. Names in the data of later types keep their case (RFC 3597 7).
func namesIn(typ uint16) (octets, strings, names int) {
	switch typ {
	case dns.TypeNS, dns.TypeMD, dns.TypeMF, dns.TypeCNAME, dns.TypeMB, dns.TypeMG, dns.TypeMR, dns.TypePTR, dns.TypeDNAME, dns.TypeNXT:
		return 0, 0, 1
	case dns.TypeSOA, dns.TypeMINFO, dns.TypeRP:
		return 0, 0, 2
	case dns.TypeMX, dns.TypeAFSDB, dns.TypeRT, dns.TypeKX:
		return 2, 0, 1
	case dns.TypePX:
		return 2, 0, 2
	case dns.TypeSRV:
		return 6, 0, 1
	case dns.TypeNAPTR:
		return 4, 3, 1
	case dns.TypeSIG, dns.TypeRRSIG:
		return 18, 0, 1
	}
	return 0, 0, 0
}

// CanonicalData returns the RDATA of a type in canonical form (RFC 4034 6.2), as signatures and digests have it: itself, or a copy
// where a name in it has a capital letter. Data that is not what its type demands stays as it is from there on.
func CanonicalData(typ uint16, rdata []byte) []byte {
	octets, strings, names := namesIn(typ)
	at := octets
	for range strings {
		if at >= len(rdata) {
			return rdata
		}
		at += 1 + int(rdata[at])
	}
	out := rdata
	for range names {
		for at < len(rdata) && rdata[at] != 0 {
			end := at + 1 + int(rdata[at])
			if rdata[at] > maxLabel || end > len(rdata) {
				return out
			}
			if slices.ContainsFunc(rdata[at+1:end], isCapital) {
				if &out[0] == &rdata[0] {
					out = slices.Clone(rdata)
				}
				lower(out[at+1 : end])
			}
			at = end
		}
		at++
	}
	return out
}

func isCapital(c byte) bool { return 'A' <= c && c <= 'Z' }
