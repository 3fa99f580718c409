package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// Every value is: one octet, the version of its encoding; the payload; CRC32C (Castagnoli) of all before, big-endian.
// FORMAT.md has the payloads. Encoders append to a slice; decoders read with a reader, which remembers its first
// error and never allocates more than its input justifies.

const (
	encoding   = 1 // the version of every encoding so far
	sealedSize = 1 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// begin starts a value.
func begin() []byte { return []byte{encoding} }

// seal ends a value that was started with begin.
func seal(b []byte) []byte { return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)) }

// unseal returns a reader of the payload of value, which must not change meanwhile: results may point into it.
func unseal(value []byte) *reader {
	r := &reader{}
	switch {
	case len(value) < sealedSize:
		r.fail("%d octets are no value", len(value))
	case binary.BigEndian.Uint32(value[len(value)-4:]) != crc32.Checksum(value[:len(value)-4], castagnoli):
		r.fail("checksum differs")
	case value[0] != encoding:
		r.fail("encoding %d is unknown", value[0])
	default:
		r.b = value[1 : len(value)-4]
	}
	return r
}

// reader takes a payload apart. After its first error everything reads as zero.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
	}
	r.b = nil
}

// end returns the first error; octets that were not read are one.
func (r *reader) end() error {
	if len(r.b) > 0 {
		r.fail("%d octets too many", len(r.b))
	}
	return r.err
}

// take returns the next n octets, and zeros never: nil where there are not so many.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail("ends early")
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) u8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) bool() bool {
	v := r.u8()
	if v > 1 {
		r.fail("%d is no truth value", v)
	}
	return v == 1
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("ends within a number")
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads how many things follow that take at least size octets each.
func (r *reader) count(size int) int {
	n := r.uvarint()
	if n > uint64(len(r.b)/size) {
		r.fail("%d things announced in %d octets", n, len(r.b))
		return 0
	}
	return int(n)
}

func (r *reader) bytes() []byte  { return r.take(r.uvarint()) }
func (r *reader) string() string { return string(r.bytes()) }

func (r *reader) hash() (h zones.Hash) {
	copy(h[:], r.take(uint64(len(h))))
	return h
}

func appendBytes[T []byte | string](b []byte, v T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// Times are seconds since 1970 and nanoseconds; the zero Time is the least number of seconds.
func appendTime(b []byte, t time.Time) []byte {
	sec := int64(math.MinInt64)
	if !t.IsZero() {
		sec = t.Unix()
	}
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(b, uint64(sec)), uint32(t.Nanosecond()))
}

func (r *reader) time() time.Time {
	sec, nsec := int64(r.u64()), r.u32()
	switch {
	case r.err != nil || sec == math.MinInt64:
		return time.Time{}
	case nsec >= uint32(time.Second):
		r.fail("%d nanoseconds in a second", nsec)
		return time.Time{}
	}
	return time.Unix(sec, int64(nsec)).UTC()
}

func appendStrings(b []byte, ss []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(ss)))
	for _, s := range ss {
		b = appendBytes(b, s)
	}
	return b
}

func (r *reader) strings() []string {
	var out []string
	for range r.count(1) {
		out = append(out, r.string())
	}
	return out
}

// A name is its wire form, which says itself where it ends; the zero Name is the octet 0xff, which starts no label.
func appendName(b []byte, n zones.Name) []byte {
	if n.IsZero() {
		return append(b, 0xff)
	}
	return append(b, n.Wire()...)
}

func (r *reader) name() zones.Name {
	if len(r.b) > 0 && r.b[0] == 0xff {
		r.b = r.b[1:]
		return zones.Name{}
	}
	end := 0
	for end < len(r.b) && r.b[end] != 0 {
		end += int(r.b[end]) + 1
	}
	wire := r.take(uint64(end) + 1)
	if wire == nil {
		return zones.Name{}
	}
	n, err := zones.NameFromWire(wire)
	if err != nil {
		r.fail("%v", err)
	}
	return n
}

// A set is an RRset without its name: type, TTL, then each record's RDATA.
func appendSet(b []byte, s zones.RRset) []byte {
	b = binary.BigEndian.AppendUint16(b, s.Type)
	b = binary.BigEndian.AppendUint32(b, s.TTL)
	b = binary.AppendUvarint(b, uint64(len(s.Data)))
	for _, d := range s.Data {
		b = appendBytes(b, d)
	}
	return b
}

// set reads an RRset of a name. Its data point into the reader's input.
func (r *reader) set(name zones.Name) zones.RRset {
	s := zones.RRset{Name: name, Type: r.u16(), TTL: r.u32()}
	if n := r.count(1); n > 0 {
		s.Data = make([][]byte, 0, n)
		for range n {
			d := r.bytes()
			if len(d) > math.MaxUint16 {
				r.fail("RDATA of %d octets", len(d))
			}
			s.Data = append(s.Data, d)
		}
	}
	if r.err != nil {
		return zones.RRset{}
	}
	return s
}

// A change is its name and type once, then which sides there are and, for each, TTL and data.
func appendChange(b []byte, c zones.Change) []byte {
	b = appendName(b, c.Name)
	b = binary.BigEndian.AppendUint16(b, c.Type)
	b = appendSide(b, c.Old)
	return appendSide(b, c.New)
}

func appendSide(b []byte, s zones.RRset) []byte {
	if s.IsZero() {
		return append(b, 0)
	}
	return appendSet(append(b, 1), s)
}

func (r *reader) change() zones.Change {
	c := zones.Change{Name: r.name(), Type: r.u16()}
	c.Old = r.side(c.Name, c.Type)
	c.New = r.side(c.Name, c.Type)
	if r.err == nil && c.Old.IsZero() && c.New.IsZero() {
		r.fail("a change of nothing")
	}
	return c
}

func (r *reader) side(name zones.Name, typ uint16) zones.RRset {
	if !r.bool() {
		return zones.RRset{}
	}
	s := r.set(name)
	if r.err == nil && (s.Type != typ || s.IsZero()) {
		r.fail("the side of a change is not of its type")
	}
	return s
}

func appendChanges(b []byte, changes []zones.Change) []byte {
	b = binary.AppendUvarint(b, uint64(len(changes)))
	for _, c := range changes {
		b = appendChange(b, c)
	}
	return b
}

func (r *reader) changes() []zones.Change {
	var out []zones.Change
	for range r.count(5) { // a name, a type, two sides
		out = append(out, r.change())
	}
	return out
}
