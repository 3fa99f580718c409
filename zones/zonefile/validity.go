package zonefile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/miekg/dns"
)

// What miekg/dns lets pass, or refuses, though other name servers do not.

// incomplete says why wire lacks what miekg/dns takes for optional: the key or digest at its end, or part of a digest.
func incomplete(typ uint16, wire []byte) string {
	fixed, what, length := 0, "", 0 // octets before the last field, its name, its length where that is known
	switch typ {
	case dns.TypeDS, dns.TypeCDS, dns.TypeDLV, dns.TypeTA:
		fixed, what = 4, "digest"
		if len(wire) > fixed {
			length = map[byte]int{dns.SHA1: 20, dns.SHA256: 32, dns.SHA384: 48}[wire[3]]
		}
	case dns.TypeZONEMD:
		fixed, what = 6, "digest"
		if len(wire) > fixed {
			length = map[byte]int{1: 48, 2: 64}[wire[5]]
		}
	case dns.TypeDNSKEY, dns.TypeCDNSKEY, dns.TypeKEY:
		fixed, what = 4, "key"
	case dns.TypeTLSA, dns.TypeSMIMEA:
		fixed, what = 3, "association data"
	case dns.TypeSSHFP:
		fixed, what = 2, "fingerprint"
	case dns.TypeCERT:
		fixed, what = 5, "certificate"
	case dns.TypeNSEC: // it is of itself at least
		n, _ := nameLen(wire)
		fixed, what = n, "types"
	}
	switch got := len(wire) - fixed; {
	case what == "":
		return ""
	case got <= 0:
		return "ends before its " + what
	case length != 0 && got != length:
		return fmt.Sprintf("has a %s of %d octets, its algorithm makes %d", what, got, length)
	}
	return ""
}

// badParams says what is wrong with the parameters of a SVCB or HTTPS record's data (RFC 9460 8): a mandatory key must be there.
// miekg/dns makes key 65535 of a mandatory key that it does not know.
func badParams(wire []byte) string {
	n, ok := nameLen(wire[2:])
	if !ok {
		return "has a bad target"
	}
	var keys, mandatory []uint16
	for params := wire[2+n:]; len(params) >= 4; {
		key, length := binary.BigEndian.Uint16(params), int(binary.BigEndian.Uint16(params[2:]))
		if length > len(params)-4 {
			return "has parameters that are cut off"
		}
		value := params[4 : 4+length]
		params = params[4+length:]
		keys = append(keys, key)
		for ; key == uint16(dns.SVCB_MANDATORY) && len(value) >= 2; value = value[2:] {
			mandatory = append(mandatory, binary.BigEndian.Uint16(value))
		}
	}
	for _, key := range mandatory {
		if key == uint16(dns.SVCB_MANDATORY) || !slices.Contains(keys, key) {
			return "has a mandatory key that is not among its parameters"
		}
	}
	return ""
}

// sortTypes puts the types of a bit map in their order, which miekg/dns demands of whoever writes them.
func sortTypes(rr dns.RR) {
	var types *[]uint16
	switch rr := rr.(type) {
	case *dns.NSEC:
		types = &rr.TypeBitMap
	case *dns.NSEC3:
		types = &rr.TypeBitMap
	case *dns.CSYNC:
		types = &rr.TypeBitMap
	default:
		return
	}
	slices.Sort(*types)
	*types = slices.Compact(*types)
}

// badLOC says what is wrong with the data of a LOC record that miekg/dns passes over: more decimals than there are octets for
// (RFC 1876 3), which are thousandths of seconds and centimetres, and what stands behind the last field.
func badLOC(data []token) *rdataFault {
	directions, sizes := 0, 0
	for i, t := range data {
		if len(t.text) == 1 && bytes.ContainsAny(t.text, "NSEWnsew") {
			directions++
			continue
		}
		limit := 3
		if directions == 2 {
			limit = 2
			sizes++
		}
		if sizes > 4 {
			return &rdataFault{at: i, text: "has more than an altitude and three sizes behind its longitude"}
		}
		_, decimals, _ := bytes.Cut(bytes.TrimRight(t.text, "mM"), []byte("."))
		if len(decimals) > limit {
			return &rdataFault{at: i, text: "has too many decimals: seconds have three, metres two"}
		}
	}
	return nil
}

// completeLOC adds the minutes and seconds that may be left out in a LOC record (RFC 1876 3), where miekg/dns has trouble without.
func completeLOC(data []token) []token {
	out := make([]token, 0, len(data)+4)
	numbers := 0
	directions := 0
	for _, t := range data {
		isDirection := directions < 2 && len(t.text) == 1 && !t.quoted && slices.Contains([]byte("NSEWnsew"), t.text[0])
		if isDirection {
			directions++
			for ; numbers > 0 && numbers < 3; numbers++ {
				out = append(out, token{text: []byte("0"), line: t.line, col: t.col})
			}
			numbers = 0
		} else {
			numbers++
		}
		out = append(out, t)
	}
	return out
}
