package zonefile

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
)

// Fields that take all words up to the end of the record, or are read by more than one word. Each returns how many words it took, or
// which one is wrong, and why.

// rest reads a field of such a kind from toks, of which there may be none.
func (p *parser) rest(dst []byte, f field, toks []token) (_ []byte, n int, why string) {
	switch f.kind {
	case fieldStrings:
		for ; n < len(toks); n++ {
			if dst, why = appendString(dst, toks[n].text); why != "" {
				return dst, n, why
			}
		}
		return dst, n, ""
	case fieldMayString:
		if len(toks) == 0 {
			return dst, 0, ""
		}
		dst, why = appendString(dst, toks[0].text)
		return dst, 1, why
	case fieldHex:
		return appendHex(dst, toks)
	case fieldBase64, fieldMayBase64:
		return appendBase64(dst, toks)
	case fieldDashBase64:
		if len(toks) == 1 && string(toks[0].text) == "-" {
			return dst, 1, ""
		}
		return appendBase64(dst, toks)
	case fieldTypes, fieldMayTypes:
		return appendTypes(dst, toks)
	case fieldOldTypes:
		return appendOldTypes(dst, toks)
	case fieldNames:
		for ; n < len(toks); n++ {
			if dst, why = p.field(dst, field{fieldName, f.name}, toks[n]); why != "" {
				return dst, n, why
			}
		}
		return dst, n, ""
	case fieldParams:
		return p.appendParams(dst, toks)
	case fieldPrefixes:
		for ; n < len(toks); n++ {
			if toks[n].quoted {
				return dst, n, writeUnquoted
			}
			if dst, why = appendPrefix(dst, toks[n].text); why != "" {
				return dst, n, why
			}
		}
		return dst, n, ""
	case fieldLocation:
		return appendLocation(dst, toks)
	case fieldHost:
		return appendHost(dst, toks)
	case fieldRelay:
		return p.appendRelay(dst, toks)
	case fieldServices:
		return appendServices(dst, toks)
	case fieldA6:
		return p.appendA6(dst, toks)
	}
	return dst, 0, "it cannot be read"
}

// takesRest says whether a field is read by rest, and whether it may be empty.
func (k fieldKind) takesRest() (rest, mayBeEmpty bool) {
	switch k {
	case fieldMayString, fieldMayBase64, fieldMayTypes, fieldNames, fieldParams, fieldPrefixes, fieldOldTypes:
		return true, true
	case fieldStrings, fieldHex, fieldBase64, fieldDashBase64, fieldTypes, fieldLocation, fieldHost, fieldRelay, fieldServices, fieldA6:
		return true, false
	}
	return false, false
}

const writeUnquoted = "write it without quotes"

// joinWords puts words together that are one value in several parts (RFC 4034 2.2: white space is allowed within it).
func joinWords(toks []token, valid func(byte) bool, needed string) (text []byte, bad int, why string) {
	if len(toks) == 1 && !toks[0].quoted {
		text = toks[0].text
		if i := slices.IndexFunc(text, func(c byte) bool { return !valid(c) }); i >= 0 {
			return nil, 0, fmt.Sprintf("%s are needed, and %q is none", needed, rune(text[i]))
		}
		return text, 0, ""
	}
	for n, t := range toks {
		if t.quoted {
			return nil, n, writeUnquoted
		}
		if i := slices.IndexFunc(t.text, func(c byte) bool { return !valid(c) }); i >= 0 {
			return nil, n, fmt.Sprintf("%s are needed, and %q is none", needed, rune(t.text[i]))
		}
		text = append(text, t.text...)
	}
	return text, 0, ""
}

func appendHex(dst []byte, toks []token) (_ []byte, n int, why string) {
	text, n, why := joinWords(toks, isHex, "hexadecimal digits")
	if why != "" {
		return dst, n, why
	}
	if len(text)%2 != 0 {
		return dst, len(toks) - 1, fmt.Sprintf("%d hexadecimal digits are an odd number: one is missing, or too much", len(text))
	}
	dst, err := hex.AppendDecode(dst, text)
	if err != nil {
		return dst, 0, "hexadecimal digits are needed"
	}
	return dst, len(toks), ""
}

func isBase64(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '='
}

func appendBase64(dst []byte, toks []token) (_ []byte, n int, why string) {
	text, n, why := joinWords(toks, isBase64, "the characters of base64")
	if why != "" {
		return dst, n, why
	}
	last := max(0, len(toks)-1)
	if end := bytes.TrimRight(text, "="); bytes.IndexByte(end, '=') >= 0 || len(text)-len(end) > 2 {
		return dst, last, `it has a "=" too much, which stands at the end of base64 alone`
	}
	if len(text)%4 != 0 {
		return dst, last, fmt.Sprintf("it has %d characters, and base64 has a multiple of four: its end is missing", len(text))
	}
	dst, err := base64.StdEncoding.Strict().AppendDecode(dst, text)
	if err != nil {
		return dst, last, "it is no base64: its last character has bits that belong to no octet"
	}
	return dst, len(toks), ""
}

// appendTypes appends the bit map of types (RFC 4034 4.1.2): blocks of 256 of them, octets up to the last that is not 0.
func appendTypes(dst []byte, toks []token) (_ []byte, n int, why string) {
	types := make([]uint16, 0, len(toks))
	for i, t := range toks {
		if t.quoted {
			return dst, i, writeUnquoted
		}
		typ, ok := lookupType(t.text)
		if !ok {
			return dst, i, noType
		}
		types = append(types, typ)
	}
	slices.Sort(types)
	for i := 0; i < len(types); {
		block, bits, octets := types[i]>>8, [32]byte{}, 0
		for ; i < len(types) && types[i]>>8 == block; i++ {
			low := types[i] & 255
			bits[low/8] |= 0x80 >> (low % 8)
			octets = int(low/8) + 1
		}
		dst = append(append(dst, byte(block), byte(octets)), bits[:octets]...)
	}
	return dst, len(toks), ""
}

const noType = "the name of a record type is needed, or TYPE and its number"

// appendOldTypes appends the bit map of RFC 2535 5.2: one of types up to 127.
func appendOldTypes(dst []byte, toks []token) (_ []byte, n int, why string) {
	var bits [16]byte
	octets := 0
	for i, t := range toks {
		typ, ok := lookupType(t.text)
		switch {
		case t.quoted:
			return dst, i, writeUnquoted
		case !ok:
			return dst, i, noType
		case typ == 0 || typ > 127:
			return dst, i, "NXT knows the types 1 to 127"
		}
		bits[typ/8] |= 0x80 >> (typ % 8)
		octets = max(octets, int(typ/8)+1)
	}
	return append(dst, bits[:octets]...), len(toks), ""
}

// appendSalt appends a salt with its length (RFC 5155 3.3): "-" is an empty one.
func appendSalt(dst, text []byte) ([]byte, string) {
	if len(text) == 1 && text[0] == '-' {
		return append(dst, 0), ""
	}
	if len(text) == 0 || len(text) > 510 || len(text)%2 != 0 || slices.ContainsFunc(text, func(c byte) bool { return !isHex(c) }) {
		return dst, `an even number of hexadecimal digits is needed, or "-" for none`
	}
	dst, err := hex.AppendDecode(append(dst, byte(len(text)/2)), text)
	if err != nil {
		return dst, "hexadecimal digits are needed"
	}
	return dst, ""
}

// appendHash appends a hashed name with its length (RFC 5155 3.3): base32 with the extended hex alphabet, without padding.
func appendHash(dst, text []byte) ([]byte, string) {
	up := bytes.ToUpper(text)
	sum, err := base32.HexEncoding.WithPadding(base32.NoPadding).AppendDecode(nil, up)
	if err != nil || len(sum) == 0 || len(sum) > 255 || base32.HexEncoding.WithPadding(base32.NoPadding).EncodedLen(len(sum)) != len(up) {
		return dst, "base32 is needed, which has the digits 0 to 9 and A to V, and 32 of them for SHA-1"
	}
	return append(append(dst, byte(len(sum))), sum...), ""
}

// appendEUI appends an address of a number of octets (RFC 7043): two digits each, hyphens between.
func appendEUI(dst, text []byte, octets int) ([]byte, string) {
	why := fmt.Sprintf("%d times two hexadecimal digits with hyphens between are needed, as in 00-00-5e-00-53-2a", octets)
	if len(text) != octets*3-1 {
		return dst, why
	}
	start := len(dst)
	for i := 0; i < len(text); i += 3 {
		if !isHex(text[i]) || !isHex(text[i+1]) || i+2 < len(text) && text[i+2] != '-' {
			return dst[:start], why
		}
		var err error
		if dst, err = hex.AppendDecode(dst, text[i:i+2]); err != nil {
			return dst[:start], why
		}
	}
	return dst, ""
}

// appendServices appends a protocol and the bit map of its ports (RFC 1035 3.4.2).
func appendServices(dst []byte, toks []token) (_ []byte, n int, why string) {
	var protocol byte
	number, ok := parseUint(toks[0].text, 255)
	switch {
	case toks[0].quoted:
		return dst, 0, writeUnquoted
	case ok:
		protocol = byte(number)
	case bytes.EqualFold(toks[0].text, []byte("tcp")):
		protocol = 6
	case bytes.EqualFold(toks[0].text, []byte("udp")):
		protocol = 17
	case bytes.EqualFold(toks[0].text, []byte("icmp")):
		protocol = 1
	default:
		return dst, 0, "tcp, udp or a number up to 255 is needed"
	}
	dst = append(dst, protocol)
	var bits [1 << 13]byte
	octets := 0
	for i, t := range toks[1:] {
		port, ok := parseService(t.text)
		switch {
		case t.quoted:
			return dst, i + 1, writeUnquoted
		case !ok:
			return dst, i + 1, "a port is needed: a number up to 65535, or a well-known name as smtp"
		}
		bits[port/8] |= 0x80 >> (port % 8)
		octets = max(octets, int(port/8)+1)
	}
	return append(dst, bits[:octets]...), len(toks), ""
}

// appendScheme appends a scheme of a DSYNC record (RFC 9859 2.1).
func appendScheme(dst, text []byte) ([]byte, string) {
	if bytes.EqualFold(text, []byte("NOTIFY")) {
		return append(dst, 1), ""
	}
	n, ok := parseUint(text, 255)
	if !ok {
		return dst, "NOTIFY or a number up to 255 is needed"
	}
	return append(dst, byte(n)), ""
}

// appendNSAP appends an address of RFC 1706: 0x and hexadecimal digits, dots anywhere.
func appendNSAP(dst, text []byte) ([]byte, string) {
	const why = "0x and an even number of hexadecimal digits are needed, with dots where they help"
	digits, ok := bytes.CutPrefix(bytes.ToLower(text), []byte("0x"))
	digits = bytes.ReplaceAll(digits, []byte("."), nil)
	if !ok || len(digits) == 0 {
		return dst, why
	}
	start := len(dst)
	dst, err := hex.AppendDecode(dst, digits)
	if err != nil {
		return dst[:start], why
	}
	return dst, ""
}

// appendATM appends an ATM address: + and a telephone number, or hexadecimal digits with dots.
func appendATM(dst, text []byte) ([]byte, string) {
	const why = "+ and the digits of a number are needed, or hexadecimal digits with dots where they help"
	if number, ok := bytes.CutPrefix(text, []byte("+")); ok {
		number = bytes.ReplaceAll(number, []byte("."), nil)
		if len(number) == 0 || slices.ContainsFunc(number, func(c byte) bool { return c < '0' || c > '9' }) {
			return dst, why
		}
		return append(append(dst, 1), number...), ""
	}
	digits := bytes.ReplaceAll(text, []byte("."), nil)
	start := len(dst)
	dst, err := hex.AppendDecode(append(dst, 0), digits)
	if err != nil || len(digits) == 0 {
		return dst[:start], why
	}
	return dst, ""
}

// appendA6 appends the data of an A6 record (RFC 2874 3.1): how many bits are elsewhere, the other ones, and where those are.
func (p *parser) appendA6(dst []byte, toks []token) (_ []byte, n int, why string) {
	bits, ok := parseUint(toks[0].text, 128)
	if !ok || toks[0].quoted {
		return dst, 0, "a number from 0 to 128 is needed"
	}
	dst = append(dst, byte(bits))
	n = 1
	if bits < 128 {
		if n == len(toks) {
			return dst, n, "ends before its address"
		}
		a, why := appendIPv6(nil, toks[n].text)
		if why != "" || toks[n].quoted {
			return dst, n, "an address as in 2001:db8::1 is needed"
		}
		a[bits/8] &= 0xff >> (bits % 8)
		dst = append(dst, a[bits/8:]...)
		n++
	}
	if bits > 0 {
		if n == len(toks) {
			return dst, n, "ends before its prefix name"
		}
		if dst, why = p.field(dst, field{fieldName, "prefix name"}, toks[n]); why != "" {
			return dst, n, why
		}
		n++
	}
	return dst, n, ""
}

// appendHost appends the fixed part of a HIP record (RFC 8005 5): algorithm, host identity tag and key, with their lengths.
func appendHost(dst []byte, toks []token) (_ []byte, n int, why string) {
	if len(toks) < 3 {
		return dst, len(toks), "ends before its " + [...]string{"algorithm", "host identity tag", "key"}[len(toks)]
	}
	algorithm, ok := parseUint(toks[0].text, 255)
	if !ok || toks[0].quoted {
		return dst, 0, numberFault(false, "255")
	}
	tag, _, why := appendHex(nil, toks[1:2])
	if why == "" && len(tag) > 255 {
		why = "it has more than 255 octets"
	}
	if why != "" {
		return dst, 1, why
	}
	key, _, why := appendBase64(nil, toks[2:3])
	if why != "" {
		return dst, 2, why
	}
	if len(key) > 65535 {
		return dst, 2, "it has more than 65535 octets"
	}
	dst = append(dst, byte(len(tag)), byte(algorithm))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(key)))
	return append(append(dst, tag...), key...), 3, ""
}

// appendGateway appends where packets go, of the kind that stands two octets before its place (RFC 4025 2.5).
func (p *parser) appendGateway(dst []byte, kind byte, t token) ([]byte, string) {
	if t.quoted {
		return dst, writeUnquoted
	}
	switch kind {
	case 0:
		if string(t.text) != "." {
			return dst, `"." is needed, since the type before says that there is none`
		}
		return dst, ""
	case 1:
		dst, why := appendIPv4(dst, t.text)
		if why != "" {
			why = "an IPv4 address is needed, as the type before says: " + why
		}
		return dst, why
	case 2:
		dst, why := appendIPv6(dst, t.text)
		if why != "" {
			why = "an IPv6 address is needed, as the type before says"
		}
		return dst, why
	case 3:
		return p.field(dst, field{fieldName, "gateway"}, t)
	}
	return dst, gatewayTypes
}

const gatewayTypes = "its type must be 0 for none, 1 for an IPv4 address, 2 for an IPv6 address or 3 for a name"

// appendRelay appends a relay of an AMTRELAY record (RFC 8777 4.2): whether discovery is optional, which type it has, and where it is.
func (p *parser) appendRelay(dst []byte, toks []token) (_ []byte, n int, why string) {
	if len(toks) < 3 {
		return dst, len(toks), "ends before its " + [...]string{"discovery bit", "relay type", "relay"}[len(toks)]
	}
	optional, ok := parseUint(toks[0].text, 1)
	if !ok || toks[0].quoted {
		return dst, 0, "0 or 1 is needed, which says whether discovery is optional"
	}
	kind, ok := parseUint(toks[1].text, 3)
	if !ok || toks[1].quoted {
		return dst, 1, gatewayTypes
	}
	dst, why = p.appendGateway(append(dst, byte(optional<<7|kind)), byte(kind), toks[2])
	if why != "" {
		return dst, 2, why
	}
	return dst, 3, ""
}

// maxWindow is how many octets a window of a bit map of types has at most (RFC 4034 4.1.2).
const maxWindow = 32

// typesFault says what is wrong with a bit map of types (RFC 4034 4.1.2).
func typesFault(wire []byte) string {
	last := -1
	for len(wire) > 0 {
		if len(wire) < 2 || wire[1] == 0 || wire[1] > maxWindow || len(wire) < 2+int(wire[1]) {
			return "its bit map of types is cut off"
		}
		if int(wire[0]) <= last {
			return "its bit map of types is out of order"
		}
		if wire[1+int(wire[1])] == 0 {
			return "its bit map of types ends with an empty octet"
		}
		last = int(wire[0])
		wire = wire[2+int(wire[1]):]
	}
	return ""
}

// isKeyless says whether a KEY record says that there is no key (RFC 2535 3.1.2).
func isKeyless(wire []byte) bool {
	return len(wire) >= 2 && binary.BigEndian.Uint16(wire)&0xc000 == 0xc000
}

// noKeyAlgorithm is that of an IPSECKEY record without a key (RFC 4025 2.4).
const noKeyAlgorithm = 0
