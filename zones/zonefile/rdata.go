package zonefile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// fieldKind is how one field of a record's data is written, in text and on the wire.
type fieldKind uint8

const (
	fieldName       fieldKind = iota // a domain name
	fieldIPv4                        // a dotted quad
	fieldIPv6                        // RFC 4291 2.2
	fieldUint8                       // a decimal number
	fieldUint16                      // a decimal number
	fieldUint32                      // a decimal number
	fieldPeriod                      // 32 bits of seconds, or with units as in 1h30m
	fieldTag                         // letters and digits, with a length octet (RFC 8659 4.1)
	fieldText                        // the rest of the data, without a length (RFC 8659 4.1.1)
	fieldString                      // one character string (RFC 1035 3.3)
	fieldMayString                   // one or none
	fieldStrings                     // one or more
	fieldLocator                     // four groups of hexadecimal digits with colons (RFC 6742 2.1.2)
	fieldEUI48                       // six octets with hyphens
	fieldEUI64                       // eight
	fieldAlgorithm                   // 8 bits, as a number or a name (RFC 4034 A.1)
	fieldCertType                    // 16 bits, as a number or a name (RFC 4398 2.1)
	fieldType                        // a record type
	fieldTime                        // 32 bits, YYYYMMDDHHmmSS or seconds (RFC 4034 3.2)
	fieldSalt                        // hexadecimal digits with a length octet (RFC 5155 3.3)
	fieldHash                        // base32 with a length octet (RFC 5155 3.3)
	fieldHex                         // the rest, hexadecimal digits
	fieldBase64                      // the rest
	fieldMayBase64                   // the rest, or nothing where there is no key
	fieldDashBase64                  // the rest, or "-" for nothing
	fieldTypes                       // the rest, a bit map of one type at least (RFC 4034 4.1.2)
	fieldMayTypes                    // of any number
	fieldOldTypes                    // the bit map of RFC 2535 5.2
	fieldParams                      // the rest, RFC 9460 2.1
	fieldPrefixes                    // the rest, RFC 3123 4
	fieldNames                       // the rest, domain names
	fieldLocation                    // RFC 1876 3
	fieldGateway                     // RFC 4025 2.5, of the type that stands two octets before
	fieldRelay                       // RFC 8777 4.2
	fieldHost                        // RFC 8005 5, but for the names
	fieldServices                    // RFC 1035 3.4.2
	fieldScheme                      // RFC 9859 2.1
	fieldNSAP                        // RFC 1706 6
	fieldATM                         // af-dans-0152
	fieldA6                          // RFC 2874 3.1
)

type field struct {
	kind fieldKind
	name string // for messages
}

// rdataFault is what is wrong with a record's data. at is the index of the token: len(data) means "behind the last one".
type rdataFault struct {
	at   int
	what string // the field, "" where the text says all
	text string // why, or all
}

// maxRdata is what RDLENGTH can say (RFC 1035 3.2.1).
const maxRdata = 65535

// rdata returns the wire form of h's data, names uncompressed and in their case; it is valid until the next call.
func (p *parser) rdata(h header) ([]byte, *rdataFault) {
	if isGeneric(h) {
		return p.rdata3597(h)
	}
	layout := layoutOf(h.typ)
	if layout == nil {
		return nil, &rdataFault{at: 0, text: `has a type without a text form: write \# LENGTH HEX (RFC 3597)`}
	}
	wire := p.wire[:0]
	at := 0
	for _, f := range layout {
		rest, mayBeEmpty := f.kind.takesRest()
		if at >= len(h.data) && !mayBeEmpty {
			why := "ends before its " + f.name
			if h.typ == dns.TypeSOA {
				why += ": one that goes over several lines stands in parentheses"
				p.src.shortSOA = true
			}
			return nil, &rdataFault{at: at, text: why}
		}
		var why string
		n := 1
		switch {
		case rest:
			wire, n, why = p.rest(wire, f, h.data[at:])
		case f.kind == fieldGateway:
			wire, why = p.appendGateway(wire, wire[1], h.data[at])
		default:
			wire, why = p.field(wire, f, h.data[at])
		}
		switch {
		case why == "":
		case !rest:
			return nil, &rdataFault{at, f.name, why}
		case at+n >= len(h.data):
			return nil, &rdataFault{at: at + n, text: why}
		default:
			return nil, &rdataFault{at + n, f.name, why}
		}
		at += n
	}
	p.wire = wire
	switch {
	case at < len(h.data):
		return nil, &rdataFault{at: at, text: "ends before this" + foreignComment(h.data[at].text)}
	case len(wire) > maxRdata:
		return nil, tooLong(wire)
	}
	return wire, p.judge(h, wire)
}

func tooLong(wire []byte) *rdataFault {
	return &rdataFault{at: 0, text: fmt.Sprintf("has %d octets of data, %d are the limit", len(wire), maxRdata)}
}

// field reads one field from t; the second result is why it cannot.
func (p *parser) field(dst []byte, f field, t token) ([]byte, string) {
	if t.quoted && f.kind != fieldText && f.kind != fieldTag && f.kind != fieldString {
		return dst, writeUnquoted
	}
	switch f.kind {
	case fieldName:
		start := len(dst)
		dst, form, fault := appendName(dst, t.text, p.src.origin.Wire())
		if fault == faultNone && form != (nameForm{}) {
			p.warnForm(t, dst[start:], form)
		}
		return dst, string(fault)
	case fieldIPv4:
		dst, why := appendIPv4(dst, t.text)
		return dst, otherFamily(why, t.text, "; this is an IPv6 address, which an AAAA record holds", "")
	case fieldIPv6:
		dst, why := appendIPv6(dst, t.text)
		return dst, otherFamily(why, t.text, "", "; this is an IPv4 address, which an A record holds")
	case fieldUint8:
		n, ok := parseUint(t.text, 255)
		return append(dst, byte(n)), numberFault(ok, "255")
	case fieldUint16:
		n, ok := parseUint(t.text, 65535)
		return binary.BigEndian.AppendUint16(dst, uint16(n)), numberFault(ok, "65535")
	case fieldUint32:
		n, ok := parseUint(t.text, 1<<32-1)
		return binary.BigEndian.AppendUint32(dst, uint32(n)), numberFault(ok, "4294967295")
	case fieldPeriod:
		n, ok := parsePeriod(t.text, 1<<32-1)
		why := numberFault(ok, "4294967295")
		if !ok {
			why += ", or a time as in 1h30m"
		}
		return binary.BigEndian.AppendUint32(dst, uint32(n)), why
	case fieldTag:
		return appendTag(dst, t.text)
	case fieldString:
		return appendString(dst, t.text)
	case fieldLocator:
		return appendLocator(dst, t.text)
	case fieldText:
		return appendText(dst, t.text)
	}
	return rareField(dst, f.kind, t.text)
}

// rareField reads a field of the rarer kinds.
func rareField(dst []byte, kind fieldKind, text []byte) ([]byte, string) {
	switch kind {
	case fieldEUI48:
		return appendEUI(dst, text, 6)
	case fieldEUI64:
		return appendEUI(dst, text, 8)
	case fieldAlgorithm:
		n, ok := parseAlgorithm(text)
		why := ""
		if !ok {
			why = "a number from 0 to 255 is needed, or the name of an algorithm as in ECDSAP256SHA256"
		}
		return append(dst, n), why
	case fieldCertType:
		n, ok := parseCertType(text)
		why := ""
		if !ok {
			why = "a number from 0 to 65535 is needed, or the name of a certificate type as in PKIX"
		}
		return binary.BigEndian.AppendUint16(dst, n), why
	case fieldType:
		n, ok := lookupType(text)
		why := ""
		if !ok {
			why = noType
		}
		return binary.BigEndian.AppendUint16(dst, n), why
	case fieldTime:
		n, ok := parseTime(text)
		why := ""
		if !ok {
			why = "a time in UTC as in 20301231235959 is needed, or a number of seconds since 1970"
		}
		return binary.BigEndian.AppendUint32(dst, n), why
	case fieldSalt:
		return appendSalt(dst, text)
	case fieldHash:
		return appendHash(dst, text)
	case fieldScheme:
		return appendScheme(dst, text)
	case fieldNSAP:
		return appendNSAP(dst, text)
	case fieldATM:
		return appendATM(dst, text)
	}
	return dst, "it cannot be read"
}

func numberFault(ok bool, max string) string {
	if ok {
		return ""
	}
	return "a number from 0 to " + max + " is needed"
}

func appendIPv4(dst, text []byte) ([]byte, string) {
	const why = "four numbers up to 255 with dots between are needed"
	start, dots, digits, n := len(dst), 0, 0, 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && '0' <= text[i] && text[i] <= '9' {
			if digits > 0 && n == 0 {
				return dst[:start], "a number in it starts with 0, which some read as octal"
			}
			n = n*10 + int(text[i]-'0')
			if digits++; n > 255 {
				return dst[:start], why
			}
			continue
		}
		if i < len(text) && text[i] != '.' || digits == 0 || dots == 4 {
			return dst[:start], why
		}
		dst = append(dst, byte(n))
		dots++
		digits, n = 0, 0
	}
	if dots != 4 {
		return dst[:start], why
	}
	return dst, ""
}

// otherFamily adds to why an address is none what it is.
func otherFamily(why string, text []byte, six, four string) string {
	if why == "" {
		return ""
	}
	a, err := netip.ParseAddr(string(text))
	switch {
	case err != nil:
		return why
	case a.Is4():
		return why + four
	}
	return why + six
}

func appendIPv6(dst, text []byte) ([]byte, string) {
	a, err := netip.ParseAddr(string(text))
	if err != nil || !a.Is6() || a.Zone() != "" {
		return dst, "an address as in 2001:db8::1 is needed"
	}
	b := a.As16()
	return append(dst, b[:]...), ""
}

const badEscape = `a backslash must have a character behind it, or three digits up to 255`

// appendText appends text without its escapes.
func appendText(dst, text []byte) ([]byte, string) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' {
			var n int
			if c, n = unescape(text[i:]); n == 0 {
				return dst, badEscape
			}
			i += n - 1
		}
		dst = append(dst, c)
	}
	return dst, ""
}

// appendString appends a character string: a length octet, and up to 255 octets.
func appendString(dst, text []byte) ([]byte, string) {
	start := len(dst)
	dst, why := appendText(append(dst, 0), text)
	n := len(dst) - start - 1
	if why == "" && n > 255 {
		why = fmt.Sprintf("it has %d octets, 255 are the limit: split it into several quoted strings", n)
	}
	dst[start] = byte(n)
	return dst, why
}

func appendTag(dst, text []byte) ([]byte, string) {
	if len(text) == 0 || len(text) > 255 {
		return dst, "1 to 255 letters and digits are needed"
	}
	dst = append(dst, byte(len(text)))
	for _, c := range text {
		if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9') {
			return dst, "letters and digits alone are allowed (RFC 8659)"
		}
		dst = append(dst, c)
	}
	return dst, ""
}

func appendLocator(dst, text []byte) ([]byte, string) {
	groups := bytes.Split(text, []byte{':'})
	if len(groups) != 4 {
		return dst, "four groups of hexadecimal digits with colons are needed"
	}
	for _, g := range groups {
		n, err := strconv.ParseUint(string(g), 16, 16)
		if err != nil || len(g) > 4 {
			return dst, "four groups of hexadecimal digits with colons are needed"
		}
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	}
	return dst, ""
}

// rdataFault reports f.
func (p *parser) rdataFault(h header, f *rdataFault) {
	typ := zones.TypeString(h.typ)
	if layoutOf(h.typ) != nil && strings.HasPrefix(typ, "TYPE") {
		typ = string(h.typTok.text) // a name that zones does not know
	}
	t := h.typTok
	if len(h.data) > 0 {
		t = h.data[min(f.at, len(h.data)-1)]
	}
	if f.at >= len(h.data) {
		t.col += t.width()
	}
	switch {
	case f.what == "":
		p.errorAt(t, "the %s record of %s %s", typ, h.name(), f.text)
	default:
		p.errorAt(t, "bad %s %s in the %s record of %s: %s", f.what, shown(t), typ, h.name(), f.text)
	}
}

// shown returns a token as a message shows it: quoted once, and not too long.
func shown(t token) string {
	const most = 60
	if len(t.text) > most {
		return fmt.Sprintf("%.*q…", most, t.text)
	}
	return fmt.Sprintf("%q", t.text)
}
