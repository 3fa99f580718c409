package zones

import (
	"errors"
	"fmt"
	"strings"
)

// Name is an absolute domain name, lower case (RFC 4343), made only by ParseName,
// NameFromWire and the methods of Name. It is comparable and may be a map key. The zero
// Name is no name at all (IsZero); the root is ParseName(".").
type Name struct{ wire string }

// Root is the name of the DNS root.
var Root = Name{"\x00"}

// ErrName is wrapped by every error of ParseName, ParseRelative, NameFromWire and Child.
var ErrName = errors.New("bad domain name")

const (
	maxName  = 255 // octets of a name in wire form, RFC 1035 3.1
	maxLabel = 63
)

// ParseName reads an absolute name in presentation form (RFC 1035 5.1: \. and \DDD
// escapes); a final dot may be there or not. It never applies an origin and never checks
// that labels are host names: the DNS has no such rule (RFC 2181 11).
func ParseName(s string) (Name, error) {
	return parseName(s, Root)
}

// MustParseName is ParseName for names that are constants of the program or a test; it panics on a bad one.
func MustParseName(s string) Name {
	n, err := ParseName(s)
	if err != nil {
		panic(err)
	}
	return n
}

// ParseRelative reads a name as it stands in a zone's files: "@" is the origin, a name
// with a final dot is absolute, any other is below origin.
func ParseRelative(s string, origin Name) (Name, error) {
	if s == "@" {
		return origin, nil
	}
	return parseName(s, origin)
}

// parseName reads s and puts origin behind it where it has no final dot.
func parseName(s string, origin Name) (Name, error) {
	bad := func(why string) (Name, error) { return Name{}, fmt.Errorf("%w %q: %s", ErrName, s, why) }
	switch {
	case s == "":
		return Name{}, fmt.Errorf("%w: empty", ErrName)
	case s == ".":
		return Root, nil
	}
	var buf [maxName + 1]byte
	label, n := 0, 1 // where the label's length goes, where its next octet goes
	for i := 0; i < len(s); {
		c, dot, size, why := octet(s[i:])
		i += size
		switch {
		case why != "":
			return bad(why)
		case dot && n == label+1:
			return bad("a label is empty")
		case dot:
			buf[label] = byte(n - label - 1)
			label, n = n, n+1
		case n == label+1+maxLabel:
			return bad(fmt.Sprintf("a label has more than %d octets", maxLabel))
		default:
			buf[n] = c
			n++
		}
		if n > maxName {
			return bad(fmt.Sprintf("more than %d octets", maxName))
		}
	}
	end := Root.wire
	if n > label+1 { // no final dot
		buf[label] = byte(n - label - 1)
		label, end = n, origin.wire
	}
	if label+len(end) > maxName {
		return bad(fmt.Sprintf("more than %d octets", maxName))
	}
	copy(buf[label:], end)
	lower(buf[:label])
	return Name{string(buf[:label+len(end)])}, nil
}

// octet reads one octet of a label in presentation form; dot says that it ends the label, why what is wrong.
func octet(s string) (c byte, dot bool, size int, why string) {
	digit := func(i int) bool { return '0' <= s[i] && s[i] <= '9' }
	switch {
	case s[0] == '.':
		return 0, true, 1, ""
	case s[0] != '\\':
		return s[0], false, 1, ""
	case len(s) == 1:
		return 0, false, 1, "nothing follows the last backslash"
	case !digit(1):
		return s[1], false, 2, ""
	case len(s) < 4 || !digit(2) || !digit(3):
		return 0, false, 1, "a backslash and a digit must be a backslash and three digits"
	}
	v := int(s[1]-'0')*100 + int(s[2]-'0')*10 + int(s[3]-'0')
	if v > 255 {
		return 0, false, 1, "an escape is above \\255"
	}
	return byte(v), false, 4, ""
}

// NameFromWire takes the uncompressed name that fills wire exactly (RFC 1035 3.1), and
// lowers its case. wire is not kept.
func NameFromWire(wire []byte) (Name, error) {
	n, err := wireName(wire)
	if err != nil {
		return Name{}, err
	}
	if n != len(wire) {
		return Name{}, fmt.Errorf("%w: octets behind the root label", ErrName)
	}
	var buf [maxName]byte
	copy(buf[:], wire)
	lower(buf[:n])
	return Name{string(buf[:n])}, nil
}

// wireName returns how many octets the uncompressed name at the start of wire has.
func wireName(wire []byte) (int, error) {
	for off := 0; ; {
		if off >= maxName {
			return 0, fmt.Errorf("%w: more than %d octets", ErrName, maxName)
		}
		if off >= len(wire) {
			return 0, fmt.Errorf("%w: ends within a label", ErrName)
		}
		n := int(wire[off])
		if n > maxLabel {
			return 0, fmt.Errorf("%w: label type %#x", ErrName, n&0xc0)
		}
		off += n + 1
		if n == 0 {
			return off, nil
		}
	}
}

// lower brings ASCII letters of wire to lower case. Label lengths are below 'A', so they pass unchanged.
func lower(wire []byte) {
	for i, c := range wire {
		if 'A' <= c && c <= 'Z' {
			wire[i] = c + 'a' - 'A'
		}
	}
}

// IsZero says that n is the zero Name, which names nothing.
func (n Name) IsZero() bool { return n.wire == "" }

// Wire returns the uncompressed wire form, lower case, the root label included.
func (n Name) Wire() string { return n.wire }

// String returns the presentation form with its final dot, escaped as RFC 1035 5.1 says.
func (n Name) String() string {
	if n.wire == Root.wire {
		return "."
	}
	var buf [maxName + 16]byte
	return string(appendLabels(buf[:0], n.wire))
}

// appendLabels appends the presentation form of the labels in wire, each with a dot behind it, up to the
// root label or the end.
func appendLabels(out []byte, wire string) []byte {
	for off := 0; off < len(wire) && wire[off] != 0; {
		end := off + 1 + int(wire[off])
		for _, c := range []byte(wire[off+1 : end]) {
			switch {
			case c < ' ' || c > '~':
				out = append(out, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
			case strings.IndexByte(". '@;()\"\\", c) >= 0:
				out = append(out, '\\', c)
			default:
				out = append(out, c)
			}
		}
		out = append(out, '.')
		off = end
	}
	return out
}

// Labels returns the number of labels, the root's not counted: 3 for www.example.com.
func (n Name) Labels() int { return countLabels(n.wire) }

// countLabels counts the labels of wire, which ends with the root label or without it.
func countLabels[T octets](wire T) int {
	count := 0
	for off := 0; off < len(wire) && wire[off] != 0; off += int(wire[off]) + 1 {
		count++
	}
	return count
}

// Parent returns the name without its first label; false for the root.
func (n Name) Parent() (Name, bool) {
	if n.IsZero() || n.wire[0] == 0 {
		return Name{}, false
	}
	return Name{n.wire[int(n.wire[0])+1:]}, true
}

// Label returns the first label's octets, without length; empty for the root.
func (n Name) Label() string {
	if n.IsZero() {
		return ""
	}
	return n.wire[1 : 1+int(n.wire[0])]
}

// Child returns the name of label (raw octets) below n.
func (n Name) Child(label string) (Name, error) {
	switch {
	case n.IsZero():
		return Name{}, fmt.Errorf("%w: a label below no name", ErrName)
	case label == "" || len(label) > maxLabel:
		return Name{}, fmt.Errorf("%w: label of %d octets", ErrName, len(label))
	case 1+len(label)+len(n.wire) > maxName:
		return Name{}, fmt.Errorf("%w: more than %d octets", ErrName, maxName)
	}
	var buf [maxName]byte
	buf[0] = byte(len(label))
	end := 1 + copy(buf[1:], label)
	lower(buf[1:end])
	end += copy(buf[end:], n.wire)
	return Name{string(buf[:end])}, nil
}

// IsWildcard says whether the first label is "*" (RFC 4592 2.1.1).
func (n Name) IsWildcard() bool { return strings.HasPrefix(n.wire, "\x01*") }

// Within says whether n is zone or a name below it.
func (n Name) Within(zone Name) bool {
	if n.IsZero() || zone.IsZero() || !strings.HasSuffix(n.wire, zone.wire) {
		return false
	}
	cut := len(n.wire) - len(zone.wire)
	off := 0
	for off < cut {
		off += int(n.wire[off]) + 1
	}
	return off == cut
}

// relative returns the labels of n above origin in wire form; n must be within origin.
func (n Name) relative(origin Name) string { return n.wire[:len(n.wire)-len(origin.wire)] }

// Relative returns n as it is written in the files of zone origin: "@", "www", or the
// absolute name where n is not within origin.
func (n Name) Relative(origin Name) string {
	switch {
	case n == origin:
		return "@"
	case !n.Within(origin) || origin == Root:
		return n.String()
	}
	s := appendLabels(nil, n.relative(origin))
	return string(s[:len(s)-1])
}

// Compare orders names canonically (RFC 4034 6.1): by labels from the right, as octets.
func (n Name) Compare(m Name) int { return compareNames(n.wire, m.wire) }
