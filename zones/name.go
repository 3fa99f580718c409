package zones

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// Name is an absolute domain name, lower case (RFC 4343), made only by ParseName,
// NameFromWire and the methods of Name. It is comparable and may be a map key. The zero
// Name is no name at all (IsZero); the root is ParseName(".").
type Name struct{ wire string }

// Root is the name of the DNS root.
var Root = Name{"\x00"}

// ErrName is wrapped by every error of ParseName and NameFromWire.
var ErrName = errors.New("bad domain name")

// ParseName reads an absolute name in presentation form (RFC 1035 5.1: \. and \DDD
// escapes); a final dot may be there or not. It never applies an origin and never checks
// that labels are host names: the DNS has no such rule (RFC 2181 11).
func ParseName(s string) (Name, error) {
	if s == "" {
		return Name{}, fmt.Errorf("%w: empty", ErrName)
	}
	var buf [256]byte
	n, err := dns.PackDomainName(dns.Fqdn(s), buf[:], 0, nil, false)
	if err != nil {
		return Name{}, fmt.Errorf("%w %q: %s", ErrName, s, strings.TrimPrefix(err.Error(), "dns: "))
	}
	return NameFromWire(buf[:n])
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
	if dns.IsFqdn(s) {
		return ParseName(s)
	}
	if origin == Root {
		return ParseName(s + ".")
	}
	return ParseName(s + "." + origin.String())
}

// NameFromWire takes the uncompressed name that fills wire exactly (RFC 1035 3.1), and
// lowers its case. wire is not kept.
func NameFromWire(wire []byte) (Name, error) {
	if len(wire) > 255 {
		return Name{}, fmt.Errorf("%w: %d octets, 255 are the limit", ErrName, len(wire))
	}
	for off := 0; ; {
		if off >= len(wire) {
			return Name{}, fmt.Errorf("%w: ends within a label", ErrName)
		}
		n := int(wire[off])
		switch {
		case n > 63:
			return Name{}, fmt.Errorf("%w: label type %#x", ErrName, n&0xc0)
		case n == 0 && off+1 != len(wire):
			return Name{}, fmt.Errorf("%w: octets behind the root label", ErrName)
		case n == 0:
			return Name{string(lower(wire))}, nil
		}
		off += n + 1
	}
}

// lower returns wire with ASCII letters in lower case. Label lengths are below 'A', so they pass unchanged.
func lower(wire []byte) []byte {
	out := bytes.Clone(wire)
	for i, c := range out {
		if 'A' <= c && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return out
}

// IsZero says that n is the zero Name, which names nothing.
func (n Name) IsZero() bool { return n.wire == "" }

// Wire returns the uncompressed wire form, lower case, the root label included.
func (n Name) Wire() string { return n.wire }

// String returns the presentation form with its final dot, escaped as RFC 1035 5.1 says.
func (n Name) String() string {
	if n.IsZero() {
		return ""
	}
	s, _, err := dns.UnpackDomainName([]byte(n.wire), 0)
	if err != nil {
		return fmt.Sprintf("%q", n.wire) // cannot happen: NameFromWire checked it
	}
	return s
}

// Labels returns the number of labels, the root's not counted: 3 for www.example.com.
func (n Name) Labels() int {
	count := 0
	for off := 0; off < len(n.wire) && n.wire[off] != 0; off += int(n.wire[off]) + 1 {
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
	if label == "" || len(label) > 63 {
		return Name{}, fmt.Errorf("%w: label of %d octets", ErrName, len(label))
	}
	return NameFromWire([]byte(string(rune(len(label))) + label + n.wire))
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

// Relative returns n as it is written in the files of zone origin: "@", "www", or the
// absolute name where n is not within origin.
func (n Name) Relative(origin Name) string {
	switch {
	case n == origin:
		return "@"
	case !n.Within(origin) || origin == Root:
		return n.String()
	}
	return strings.TrimSuffix(n.String(), "."+origin.String())
}

// Compare orders names canonically (RFC 4034 6.1): by labels from the right, as octets.
func (n Name) Compare(m Name) int {
	var no, mo [128]uint8
	nl, ml := n.offsets(&no), m.offsets(&mo)
	for i, j := nl-1, ml-1; ; i, j = i-1, j-1 {
		switch {
		case i < 0 && j < 0:
			return 0
		case i < 0:
			return -1
		case j < 0:
			return 1
		}
		a, b := n.wire[no[i]+1:][:n.wire[no[i]]], m.wire[mo[j]+1:][:m.wire[mo[j]]]
		if c := strings.Compare(a, b); c != 0 {
			return c
		}
	}
}

// offsets fills off with where each label starts, and returns how many there are (the root's not counted).
func (n Name) offsets(off *[128]uint8) int {
	count := 0
	for o := 0; o < len(n.wire) && n.wire[o] != 0; o += int(n.wire[o]) + 1 {
		off[count] = uint8(o)
		count++
	}
	return count
}
