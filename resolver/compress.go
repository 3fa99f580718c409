package resolver

import "encoding/binary"

const (
	maxName      = 255
	maxPointable = 0x3fff // RFC 1035 4.1.4: a pointer has 14 bits
	maxNames     = 64     // suffixes remembered per message; further ones are written out
)

// names remembers where in a message which suffix stands. Two names can only share a suffix of the same length, so
// the length is what is searched for, and octets are compared on a hit alone: no hashing, no second pass.
type names struct {
	count  int
	length [maxNames]uint8
	offset [maxNames]uint16
}

// add remembers the labels of name, which stands at offset at, up to where its known suffix starts.
func (t *names) add(name []byte, at, known int) {
	for i := 0; i < known && t.count < maxNames && at+i <= maxPointable; i += int(name[i]) + 1 {
		t.length[t.count] = uint8(len(name) - i)
		t.offset[t.count] = uint16(at + i)
		t.count++
	}
}

// find returns where in name the longest suffix starts that stands in msg already, and where that is. Without one it
// returns the offset of the root label and 0. It is not sound where name is not exactly one uncompressed name.
func (t *names) find(msg, name []byte) (known int, at uint16, sound bool) {
	lengths := t.length[:t.count]
	for i := 0; i < len(name); i += int(name[i]) + 1 {
		rest := name[i:]
		switch n := rest[0]; {
		case n == 0:
			return i, 0, len(rest) == 1
		case n > 63:
			return 0, 0, false
		}
		for j, n := range lengths {
			if int(n) != len(rest) {
				continue
			}
			// Most often it stands there in one piece, in the same case.
			off := int(t.offset[j])
			if end := off + len(rest); end <= len(msg) && string(msg[off:end]) == string(rest) || standsAt(msg, off, rest) {
				return i, t.offset[j], true
			}
		}
	}
	return 0, 0, false
}

// standsAt says whether name stands at off in msg, in any case. msg is our own: its pointers lead back and end.
func standsAt(msg []byte, off int, name []byte) bool {
	for len(name) > 0 {
		c := msg[off]
		if c >= 0xc0 {
			off = int(binary.BigEndian.Uint16(msg[off:])) & maxPointable
			continue
		}
		n := int(c) + 1
		if c != name[0] || n > len(name) || !equalFold(msg[off:off+n], name[:n]) {
			return false
		}
		off, name = off+n, name[n:]
	}
	return true
}

// equalNames says whether two uncompressed names are the same (RFC 4343).
func equalNames(a, b []byte) bool {
	return len(a) == len(b) && equalFold(a, b)
}

// equalFold compares octets of the same number, ASCII letters in any case. Label lengths are below 'A'.
func equalFold(a, b []byte) bool {
	if string(a) == string(b) {
		return true
	}
	b = b[:len(a)]
	for i, c := range a {
		if d := c ^ b[i]; d != 0 && (d != 0x20 || c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

// soundName returns how long the uncompressed name at the start of data is, and 0 where there is none.
func soundName(data []byte) int {
	for i := 0; i < len(data) && i < maxName && data[i] < 64; i += int(data[i]) + 1 {
		if data[i] == 0 {
			return i + 1
		}
	}
	return 0
}
