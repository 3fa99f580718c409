package route53

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// Route 53 writes octets that are not plain text as \ooo, three octal digits, in names and in
// quoted strings alike, where RFC 1035 and miekg/dns write three decimal ones. A value is
// translated token by token; nothing else in it changes.

// heldTypes are the types that Route 53 has, and which of their tokens are domain names.
var heldTypes = map[uint16][]int{
	dns.TypeA:     nil,
	dns.TypeAAAA:  nil,
	dns.TypeCAA:   nil,
	dns.TypeCNAME: {0},
	dns.TypeDS:    nil,
	dns.TypeHTTPS: {1},
	dns.TypeMX:    {1},
	dns.TypeNAPTR: {5},
	dns.TypeNS:    {0},
	dns.TypePTR:   {0},
	dns.TypeSOA:   {0, 1},
	dns.TypeSPF:   nil,
	dns.TypeSRV:   {3},
	dns.TypeSSHFP: nil,
	dns.TypeSVCB:  {1},
	dns.TypeTLSA:  nil,
	dns.TypeTXT:   nil,
}

// encodeValue returns record i of s as Route 53 takes it.
func encodeValue(s zones.RRset, i int) (string, error) {
	rr, err := s.RR(i)
	if err != nil {
		return "", err
	}
	text := strings.TrimPrefix(rr.String(), rr.Header().String())
	return translate(s.Type, text, 10, func(token []byte, name bool) string {
		if name {
			return escapeName(token, 8)
		}
		return `"` + escapeString(token, 8) + `"`
	})
}

// decodeValue returns the RDATA of a value that Route 53 holds. Names without a final dot are
// absolute there.
func decodeValue(rrtype uint16, value string) ([]byte, error) {
	text, err := translate(rrtype, value, 8, func(token []byte, name bool) string {
		if name {
			return escapeName(token, 10)
		}
		return `"` + escapeString(token, 10) + `"`
	})
	if err != nil {
		return nil, err
	}
	rr, err := dns.NewRR(". 0 IN " + zones.TypeString(rrtype) + " " + text)
	if err != nil {
		reason, _, _ := strings.Cut(err.Error(), " at line: ") // a line of ours, not of anybody's file
		return nil, fmt.Errorf("value %q: %s", value, strings.TrimPrefix(reason, "dns: "))
	}
	if rr == nil {
		return nil, fmt.Errorf("value %q is empty", value)
	}
	return zones.Rdata(rr)
}

// translate rewrites the names and quoted strings of text, whose escapes have the given base.
// write gets quoted strings with all escapes resolved, and names in wire form.
func translate(rrtype uint16, text string, base int, write func(token []byte, name bool) string) (string, error) {
	tokens, err := split(text)
	if err != nil {
		return "", fmt.Errorf("value %q: %w", text, err)
	}
	for i, t := range tokens {
		switch {
		case isName(rrtype, i):
			labels, err := splitName(t, base)
			if err != nil {
				return "", fmt.Errorf("value %q: %w", text, err)
			}
			tokens[i] = write(labels, true)
		case t[0] == '"':
			raw, err := unescape(t[1:len(t)-1], base)
			if err != nil {
				return "", fmt.Errorf("value %q: %w", text, err)
			}
			if len(raw) > 255 && rrtype != dns.TypeCAA {
				return "", fmt.Errorf("value %q: a string of %d octets, 255 are the limit", text, len(raw))
			}
			tokens[i] = write(raw, false)
		case strings.Contains(t, `\`):
			return "", fmt.Errorf("value %q: an escape outside of names and quoted strings has no known form at Route 53", text)
		case t != strings.Trim(t, "();") || strings.ContainsAny(t, "\r\n"):
			return "", fmt.Errorf("value %q: %q is no part of a record", text, t)
		}
	}
	return strings.Join(tokens, " "), nil
}

func isName(rrtype uint16, token int) bool {
	for _, i := range heldTypes[rrtype] {
		if i == token {
			return true
		}
	}
	return false
}

// split cuts a value at spaces that are not within quotes.
func split(s string) ([]string, error) {
	var tokens []string
	for s = strings.TrimLeft(s, " \t"); s != ""; s = strings.TrimLeft(s, " \t") {
		i, quoted := 0, false
		for ; i < len(s) && (quoted || s[i] != ' ' && s[i] != '\t'); i++ {
			switch s[i] {
			case '\\':
				i++
			case '"':
				quoted = !quoted
			}
		}
		if quoted || i > len(s) {
			return nil, fmt.Errorf("a quotation mark or an escape is not closed")
		}
		t := s[:i]
		if t[0] == '"' && (len(t) < 2 || t[len(t)-1] != '"' || closing(t) != len(t)-1) {
			return nil, fmt.Errorf("%s has text behind its closing quotation mark", t)
		}
		tokens, s = append(tokens, t), s[i:]
	}
	return tokens, nil
}

// closing finds the quotation mark that ends the string which t begins with.
func closing(t string) int {
	for i := 1; i < len(t); i++ {
		switch t[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// unescape resolves \NNN in the given base (8 or 10) and \X.
func unescape(s string, base int) ([]byte, error) {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out = append(out, s[i])
			continue
		}
		if i+1 == len(s) {
			return nil, fmt.Errorf("an escape is not closed")
		}
		c, n := escaped(s[i:], base)
		out = append(out, c)
		i += n - 1
	}
	return out, nil
}

// escaped reads the escape that s begins with; n is its length.
func escaped(s string, base int) (c byte, n int) {
	if len(s) >= 4 {
		if v, err := strconv.ParseUint(s[1:4], base, 8); err == nil {
			return byte(v), 4
		}
	}
	return s[1], 2
}

// splitName returns a name in wire form, in the case that it is written in and without the
// root label: lengths make dots within labels harmless.
func splitName(s string, base int) ([]byte, error) {
	if s == "." {
		return nil, nil
	}
	var wire, label []byte
	flush := func() error {
		if len(label) == 0 || len(label) > 63 {
			return fmt.Errorf("name %q has a label of %d octets", s, len(label))
		}
		wire = append(append(wire, byte(len(label))), label...)
		label = label[:0]
		return nil
	}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			c, n := escaped(s[i:], base)
			label = append(label, c)
			i += n - 1
		case s[i] == '.':
			if err := flush(); err != nil {
				return nil, err
			}
		default:
			label = append(label, s[i])
		}
	}
	if len(label) > 0 {
		if err := flush(); err != nil {
			return nil, err
		}
	}
	if len(wire) > 254 {
		return nil, fmt.Errorf("name %q is too long", s)
	}
	return wire, nil
}

// escapeName writes a name from its labels in wire form, with a final dot.
func escapeName(wire []byte, base int) string {
	if len(wire) == 0 || wire[0] == 0 {
		return "."
	}
	var b strings.Builder
	for off := 0; off < len(wire) && wire[off] != 0; off += int(wire[off]) + 1 {
		for _, c := range wire[off+1 : off+1+int(wire[off])] {
			switch {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '*':
				b.WriteByte(c)
			default:
				b.WriteString(escape(c, base))
			}
		}
		b.WriteByte('.')
	}
	return b.String()
}

// escapeString writes the inside of a quoted string.
func escapeString(raw []byte, base int) string {
	var b strings.Builder
	for _, c := range raw {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			b.WriteString(escape(c, base))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func escape(c byte, base int) string {
	if base == 8 {
		return fmt.Sprintf(`\%03o`, c)
	}
	return fmt.Sprintf(`\%03d`, c)
}

// encodeName returns an owner name as Route 53 takes it.
func encodeName(n zones.Name) string { return escapeName([]byte(n.Wire()), 8) }

// decodeName reads an owner name: \052.example.com. is *.example.com.
func decodeName(s string) (zones.Name, error) {
	wire, err := splitName(s, 8)
	if err != nil {
		return zones.Name{}, err
	}
	return zones.NameFromWire(append(wire, 0))
}
