package zonefile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// fieldKind is how one field of a record's data is written, in text and on the wire.
type fieldKind uint8

const (
	fieldName    fieldKind = iota // a domain name
	fieldIPv4                     // a dotted quad
	fieldIPv6                     // RFC 4291 2.2
	fieldUint8                    // a decimal number
	fieldUint16                   // a decimal number
	fieldUint32                   // a decimal number
	fieldPeriod                   // 32 bits of seconds, or with units as in 1h30m
	fieldTag                      // letters and digits, with a length octet (RFC 8659 4.1)
	fieldText                     // the rest of the data, without a length (RFC 8659 4.1.1)
	fieldString                   // one character string (RFC 1035 3.3)
	fieldStrings                  // one or more
	fieldLocator                  // four groups of hexadecimal digits with colons (RFC 6742 2.1.2)
)

type field struct {
	kind fieldKind
	name string // for messages
}

// layouts of the common types. The same table reads and writes them. Types that are not here go through miekg/dns.
var (
	layoutA    = []field{{fieldIPv4, "IPv4 address"}}
	layoutAAAA = []field{{fieldIPv6, "IPv6 address"}}
	layoutName = []field{{fieldName, "name"}}
	layoutMX   = []field{{fieldUint16, "preference"}, {fieldName, "name"}}
	layoutSRV  = []field{{fieldUint16, "priority"}, {fieldUint16, "weight"}, {fieldUint16, "port"}, {fieldName, "target"}}
	layoutTXT  = []field{{fieldStrings, "string"}}
	layoutCAA  = []field{{fieldUint8, "flags"}, {fieldTag, "tag"}, {fieldText, "value"}}
	layoutSOA  = []field{{fieldName, "primary server"}, {fieldName, "mailbox"}, {fieldUint32, "serial"}, {fieldPeriod, "refresh"},
		{fieldPeriod, "retry"}, {fieldPeriod, "expire"}, {fieldPeriod, "minimum"}}
)

// layouts of rarer types that a table reads better than miekg/dns: it wants four digits in each group of a locator, and
// has one message for all fields of others.
var (
	layoutTwoNames = []field{{fieldName, "name"}, {fieldName, "second name"}}
	layoutHINFO    = []field{{fieldString, "CPU"}, {fieldString, "system"}}
	layoutNAPTR    = []field{{fieldUint16, "order"}, {fieldUint16, "preference"}, {fieldString, "flags"}, {fieldString, "services"},
		{fieldString, "regular expression"}, {fieldName, "replacement"}}
	layoutURI     = []field{{fieldUint16, "priority"}, {fieldUint16, "weight"}, {fieldText, "target"}}
	layoutLocator = []field{{fieldUint16, "preference"}, {fieldLocator, "locator"}}
	layoutL32     = []field{{fieldUint16, "preference"}, {fieldIPv4, "locator"}}
)

// layoutOf returns the fields of a type; nil for one that has no layout.
func layoutOf(typ uint16) []field {
	switch typ {
	case dns.TypeA:
		return layoutA
	case dns.TypeAAAA:
		return layoutAAAA
	case dns.TypeNS, dns.TypeCNAME, dns.TypePTR, dns.TypeDNAME, zones.TypeALIAS:
		return layoutName
	case dns.TypeMX:
		return layoutMX
	case dns.TypeTXT, dns.TypeSPF:
		return layoutTXT
	case dns.TypeSRV:
		return layoutSRV
	case dns.TypeCAA:
		return layoutCAA
	case dns.TypeSOA:
		return layoutSOA
	case dns.TypeAFSDB, dns.TypeKX, dns.TypeLP:
		return layoutMX
	case dns.TypeRP:
		return layoutTwoNames
	case dns.TypeHINFO:
		return layoutHINFO
	case dns.TypeNAPTR:
		return layoutNAPTR
	case dns.TypeURI:
		return layoutURI
	case dns.TypeNID, dns.TypeL64:
		return layoutLocator
	case dns.TypeL32:
		return layoutL32
	}
	return nil
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
	if len(h.data) > 0 && !h.data[0].quoted && string(h.data[0].text) == `\#` {
		return p.rdata3597(h)
	}
	layout := layoutOf(h.typ)
	if layout == nil {
		return p.rdataForeign(h)
	}
	wire := p.wire[:0]
	at := 0
	for _, f := range layout {
		if at >= len(h.data) {
			return nil, &rdataFault{at: at, text: "ends before its " + f.name}
		}
		var why string
		if f.kind == fieldStrings {
			for ; at < len(h.data) && why == ""; at++ {
				wire, why = appendString(wire, h.data[at].text)
			}
			if why != "" {
				at--
			}
		} else {
			wire, why = p.field(wire, f, h.data[at])
			if why == "" {
				at++
			}
		}
		if why != "" {
			return nil, &rdataFault{at, f.name, why}
		}
	}
	p.wire = wire
	switch {
	case at < len(h.data):
		return nil, &rdataFault{at: at, text: "ends before this"}
	case len(wire) > maxRdata:
		return nil, tooLong(wire)
	}
	return wire, nil
}

func tooLong(wire []byte) *rdataFault {
	return &rdataFault{at: 0, text: fmt.Sprintf("has %d octets of data, %d are the limit", len(wire), maxRdata)}
}

// field reads one field from t; the second result is why it cannot.
func (p *parser) field(dst []byte, f field, t token) ([]byte, string) {
	if t.quoted && f.kind != fieldText && f.kind != fieldTag && f.kind != fieldString {
		return dst, "write it without quotes"
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
		return appendIPv4(dst, t.text)
	case fieldIPv6:
		return appendIPv6(dst, t.text)
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
	default:
		return appendText(dst, t.text)
	}
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
