package zonefile

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// The data of LOC records (RFC 1876 3), and prefixes of APL records (RFC 3123 4).

const (
	equator      = 1 << 31        // thousandths of seconds of arc; also the prime meridian
	groundLevel  = 100000 * 100   // centimetres above the lowest altitude
	maxAltitude  = 1<<32 - 1      // centimetres above the lowest
	maxSize      = 90000000 * 100 // centimetres
	sizeDefault  = 0x12           // 1 m
	horDefault   = 0x16           // 10 km
	verDefault   = 0x13           // 10 m
	degreeMillis = 60 * 60 * 1000 // a degree, in thousandths of seconds of arc
	maxLatitude  = 90 * degreeMillis
	maxLongitude = 180 * degreeMillis
)

// appendLocation appends the data of a LOC record: degrees [minutes [seconds]] N or S, the same E or W, altitude, and up
// to three sizes.
func appendLocation(dst []byte, toks []token) (_ []byte, n int, why string) {
	for i, t := range toks {
		if t.quoted {
			return dst, i, writeUnquoted
		}
	}
	latitude, n, why := angle(toks, 0, 'N', 'S', "latitude", maxLatitude)
	if why != "" {
		return dst, n, why
	}
	longitude, n, why := angle(toks, n, 'E', 'W', "longitude", maxLongitude)
	if why != "" {
		return dst, n, why
	}
	if n == len(toks) {
		return dst, n, "ends before its altitude"
	}
	altitude, ok := metres(toks[n].text)
	if altitude += groundLevel; !ok || altitude < 0 || altitude > maxAltitude {
		return dst, n, "an altitude in metres is needed, from -100000.00m to 42849672.95m, with two decimals at most"
	}
	n++
	sizes := [...]byte{sizeDefault, horDefault, verDefault}
	for i := range sizes {
		if n == len(toks) {
			break
		}
		v, ok := metres(toks[n].text)
		if !ok || v < 0 || v > maxSize {
			return dst, n, "metres up to 90000000.00m are needed, with two decimals at most"
		}
		sizes[i] = power(v)
		n++
	}
	dst = append(append(dst, 0), sizes[:]...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(equator+latitude))
	dst = binary.BigEndian.AppendUint32(dst, uint32(equator+longitude))
	return binary.BigEndian.AppendUint32(dst, uint32(altitude)), n, ""
}

// angle reads degrees, minutes and seconds with their direction, from word n on, in thousandths of seconds; negative for minus.
func angle(toks []token, n int, plus, minus byte, what string, most int64) (millis int64, next int, why string) {
	units := [...]struct {
		limit uint64
		scale int64
		name  string
	}{{uint64(most / degreeMillis), degreeMillis, "degrees"}, {59, 60000, "minutes"}}
	for i := 0; ; i++ {
		if n == len(toks) {
			return 0, n, "ends before its " + what + " is complete: " + string(plus) + " or " + string(minus) + " is missing"
		}
		text := toks[n].text
		if c := text[0] &^ 0x20; len(text) == 1 && i > 0 && (c == plus || c == minus) {
			if millis > most {
				return 0, n, "the " + what + " is over its limit of " + mostDegrees(plus) + " degrees"
			}
			if c == minus {
				millis = -millis
			}
			return millis, n + 1, ""
		}
		switch {
		case i < len(units):
			v, ok := parseUint(text, units[i].limit)
			if !ok {
				return 0, n, what + " is needed: degrees up to " + mostDegrees(plus) + ", minutes and seconds up to 59, and " + string(plus) + " or " + string(minus)
			}
			millis += int64(v) * units[i].scale
		case i == len(units):
			v, ok := decimal(text, 3)
			if !ok || v >= 60000 {
				return 0, n, "seconds up to 59.999 are needed, with three decimals at most"
			}
			millis += v
		default:
			return 0, n, string(plus) + " or " + string(minus) + " is needed behind the seconds"
		}
		n++
	}
}

// mostDegrees is how many degrees there are at most.
func mostDegrees(plus byte) string {
	if plus == 'N' {
		return "90"
	}
	return "180"
}

// decimal reads a number with so many decimals at most, in the unit of the last of them.
func decimal(text []byte, decimals int) (int64, bool) {
	whole, part, dot := bytes.Cut(text, []byte("."))
	v, ok := parseUint(whole, 1<<40)
	if !ok || len(part) > decimals || dot && len(part) == 0 {
		return 0, false
	}
	for i := range decimals {
		v *= 10
		if i < len(part) {
			if part[i] < '0' || part[i] > '9' {
				return 0, false
			}
			v += uint64(part[i] - '0')
		}
	}
	return int64(v), true
}

// metres reads metres, with up to two decimals and with or without an m, in centimetres.
func metres(text []byte) (int64, bool) {
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("m")), []byte("."))
	number, negative := bytes.CutPrefix(text, []byte("-"))
	v, ok := decimal(number, 2)
	if negative {
		v = -v
	}
	return v, ok
}

// power is a size as RFC 1876 2 keeps it: a digit and a power of ten, in centimetres.
func power(v int64) byte {
	exponent := byte(0)
	for ; v >= 10; exponent++ {
		v /= 10
	}
	return byte(v)<<4 | exponent
}

// Address families of APL records.
const (
	familyIPv4 = 1
	familyIPv6 = 2
)

// appendPrefix appends an item of an APL record: [!]FAMILY:ADDRESS/BITS. Octets that are 0 at the end of the address are left out.
func appendPrefix(dst, text []byte) ([]byte, string) {
	const why = "1:IPv4/BITS or 2:IPv6/BITS is needed, with an ! before it for what is not meant"
	item, not := bytes.CutPrefix(text, []byte("!"))
	family, rest, ok1 := bytes.Cut(item, []byte(":"))
	address, bits, ok2 := bytes.Cut(rest, []byte("/"))
	if !ok1 || !ok2 {
		return dst, why
	}
	var octets []byte
	var most uint64
	switch string(family) {
	case "1":
		a, bad := appendIPv4(nil, address)
		if bad != "" {
			return dst, why
		}
		octets, most = a, 32
	case "2":
		a, err := netip.ParseAddr(string(address))
		if err != nil || !a.Is6() || a.Zone() != "" {
			return dst, why
		}
		b := a.As16()
		octets, most = b[:], 128
	default:
		return dst, why
	}
	n, ok := parseUint(bits, most)
	if !ok {
		return dst, why
	}
	octets = bytes.TrimRight(octets, "\x00")
	length := byte(len(octets))
	if not {
		length |= 0x80
	}
	return append(append(dst, 0, family[0]-'0', byte(n), length), octets...), ""
}
