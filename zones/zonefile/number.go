package zonefile

import (
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// maxTTL is the highest TTL there is (RFC 2181 8).
const maxTTL = 1<<31 - 1

// parseUint reads a decimal number of at most max.
func parseUint(text []byte, max uint64) (uint64, bool) {
	if len(text) == 0 || len(text) > 20 {
		return 0, false
	}
	var n uint64
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
		if n > max {
			return 0, false
		}
	}
	return n, true
}

// parsePeriod reads a time in seconds, as a plain number or in BIND's units: 1w2d3h4m5s.
func parsePeriod(text []byte, max uint64) (uint64, bool) {
	if n, ok := parseUint(text, max); ok {
		return n, true
	}
	if len(text) == 0 {
		return 0, false
	}
	var total uint64
	for len(text) > 0 {
		i := 0
		for i < len(text) && '0' <= text[i] && text[i] <= '9' {
			i++
		}
		if i == len(text) {
			return 0, false // digits without a unit behind others with one: is it 90 seconds or a slip?
		}
		n, ok := parseUint(text[:i], max)
		if !ok {
			return 0, false
		}
		switch text[i] | 0x20 {
		case 's':
		case 'm':
			n *= 60
		case 'h':
			n *= 3600
		case 'd':
			n *= 86400
		case 'w':
			n *= 604800
		default:
			return 0, false
		}
		total += n
		if total > max {
			return 0, false
		}
		text = text[i+1:]
	}
	return total, true
}

// parseTTL reads a TTL: a period up to 2^31-1 seconds.
func parseTTL(text []byte) (uint32, bool) {
	if len(text) == 0 || text[0] < '0' || text[0] > '9' {
		return 0, false
	}
	n, ok := parsePeriod(text, maxTTL)
	return uint32(n), ok
}

// lookupType finds a record type by its mnemonic, in any case, or as TYPEnnn.
func lookupType(text []byte) (uint16, bool) {
	if len(text) == 0 || len(text) > 16 {
		return 0, false
	}
	var buf [16]byte
	up := buf[:copy(buf[:], text)]
	for i, c := range up {
		if 'a' <= c && c <= 'z' {
			up[i] = c - 'a' + 'A'
		}
	}
	switch string(up) {
	case "A":
		return dns.TypeA, true
	case "AAAA":
		return dns.TypeAAAA, true
	}
	if t, ok := otherTypes[string(up)]; ok {
		return t, true
	}
	if t, ok := dns.StringToType[string(up)]; ok && string(up) != "RESERVED" && string(up) != "NONE" {
		return t, true
	}
	if strings.HasPrefix(string(up), "TYPE") {
		n, ok := parseUint(up[4:], 65535)
		return uint16(n), ok
	}
	return 0, false
}

// lookupClass finds a class by its mnemonic or as CLASSnnn. ANY is none here: as a class it stands in questions alone.
func lookupClass(text []byte) (uint16, bool) {
	switch len(text) {
	case 2:
		switch [2]byte{text[0] | 0x20, text[1] | 0x20} {
		case [2]byte{'i', 'n'}:
			return dns.ClassINET, true
		case [2]byte{'c', 'h'}:
			return dns.ClassCHAOS, true
		case [2]byte{'c', 's'}:
			return dns.ClassCSNET, true
		case [2]byte{'h', 's'}:
			return dns.ClassHESIOD, true
		}
	case 6, 7, 8, 9, 10:
		if strings.EqualFold(string(text[:5]), "CLASS") {
			n, err := strconv.ParseUint(string(text[5:]), 10, 16)
			return uint16(n), err == nil
		}
	}
	return 0, false
}

// isMeta says whether a type stands in messages alone and never in a zone (RFC 6895 3.1).
func isMeta(t uint16) bool {
	return t == 0 || t == dns.TypeOPT || 128 <= t && t <= 255
}
