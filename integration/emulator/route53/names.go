package route53

import (
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// A name is a domain name as its labels, from left to right, in raw bytes and
// lower case. The root is the empty name. Route 53 writes names with octal
// escapes and miekg/dns with decimal ones, so neither text is kept.
type name []string

// Problems that Route 53 names when it refuses a domain name.
var (
	errNameEmpty    = errors.New("DomainNameEmpty (Domain name is empty)")
	errNameTooLong  = errors.New("DomainNameTooLong (Domain name is too long)")
	errLabelEmpty   = errors.New("DomainLabelEmpty (Domain label is empty)")
	errLabelTooLong = errors.New("DomainLabelTooLong (Domain label is too long)")
	errBadCharacter = errors.New("UnsupportedCharacter (Value contains unsupported characters)")
)

// parseName reads a name as the API takes it: printable ASCII stands for
// itself, everything else and a dot inside a label come as \ooo in octal; the
// trailing dot is optional because every name is fully qualified.
func parseName(s string) (name, error) {
	if s == "." {
		return name{}, nil
	}
	if s == "" {
		return nil, errNameEmpty
	}
	labels, err := splitLabels(s)
	if err != nil {
		return nil, err
	}
	if last := len(labels) - 1; labels[last] == "" {
		labels = labels[:last] // the trailing dot
	}
	length := 1
	for _, l := range labels {
		switch {
		case l == "":
			return nil, errLabelEmpty
		case len(l) > 63:
			return nil, errLabelTooLong
		}
		length += len(l) + 1
	}
	if length > 255 {
		return nil, errNameTooLong
	}
	return labels, nil
}

// splitLabels cuts at unescaped dots, resolves octal escapes and lower-cases.
func splitLabels(s string) ([]string, error) {
	var labels []string
	var label []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '.':
			labels = append(labels, string(label))
			label = label[:0]
			continue
		case c == '\\':
			if b, ok := octalEscape(s[i:]); ok {
				c = b
				i += 3
			}
		case c <= ' ' || c >= 0x7f:
			return nil, errBadCharacter
		}
		label = append(label, lower(c))
	}
	return append(labels, string(label)), nil
}

// octalEscape reads \ooo at the start of s.
func octalEscape(s string) (byte, bool) {
	if len(s) < 4 || s[0] != '\\' {
		return 0, false
	}
	v := 0
	for _, c := range []byte(s[1:4]) {
		if c < '0' || c > '7' {
			return 0, false
		}
		v = v*8 + int(c-'0')
	}
	if v > 255 {
		return 0, false
	}
	return byte(v), true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// String is the form in which every answer of the API shows the name: all but
// a-z, 0-9, hyphen and underscore as octal escapes, with a trailing dot.
func (n name) String() string {
	if len(n) == 0 {
		return "."
	}
	var b strings.Builder
	for _, l := range n {
		for _, c := range []byte(l) {
			switch {
			case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
				b.WriteByte(c)
			default:
				fmt.Fprintf(&b, `\%03o`, c)
			}
		}
		b.WriteByte('.')
	}
	return b.String()
}

// fqdn is the name in the presentation form of miekg/dns (decimal escapes).
func (n name) fqdn() string {
	if len(n) == 0 {
		return "."
	}
	var b strings.Builder
	for _, l := range n {
		for _, c := range []byte(l) {
			switch {
			case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '*', c == '/':
				b.WriteByte(c)
			default:
				fmt.Fprintf(&b, `\%03d`, c)
			}
		}
		b.WriteByte('.')
	}
	return b.String()
}

// key identifies the name in maps; labels may hold dots, so they are joined by
// their lengths.
func (n name) key() string {
	var b strings.Builder
	for _, l := range n {
		b.WriteByte(byte(len(l)))
		b.WriteString(l)
	}
	return b.String()
}

// sortKey orders names as ListResourceRecordSets does: the labels reversed,
// with a trailing dot that takes part in the comparison, so that characters
// below the dot sort a name before its parent's other children.
func (n name) sortKey() string {
	var b strings.Builder
	for i := len(n) - 1; i >= 0; i-- {
		b.WriteString(n[i])
		b.WriteByte('.')
	}
	return b.String()
}

// within reports whether n is zone or lies below it.
func (n name) within(zone name) bool {
	if len(n) < len(zone) {
		return false
	}
	tail := n[len(n)-len(zone):]
	for i, l := range zone {
		if tail[i] != l {
			return false
		}
	}
	return true
}

func (n name) equal(o name) bool { return len(n) == len(o) && n.within(o) }

// nameFromWire takes a name out of a DNS message.
func nameFromWire(s string) (name, error) {
	buf := make([]byte, 256)
	end, err := dns.PackDomainName(dns.Fqdn(s), buf, 0, nil, false)
	if err != nil {
		return nil, fmt.Errorf("name %q: %w", s, err)
	}
	n := name{}
	for i := 0; i < end && buf[i] != 0; i += 1 + int(buf[i]) {
		label := buf[i+1 : i+1+int(buf[i])]
		for j, c := range label {
			label[j] = lower(c)
		}
		n = append(n, string(label))
	}
	return n, nil
}
