package edits

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// An entry is its length (of what follows, 4 octets), a payload, and the payload's CRC-32C:
//
//	time of reading (8, nanoseconds since 1970), hash before (32), hash after (32), lost (1), changes until the end
//	change: owner in wire form, type (2), side before, side after
//	side:   number of records (varint), where there are any TTL (4) and for each its length (2) and data

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errDamaged = errors.New("entry is damaged")

const lengthOctets, sumOctets = 4, 4

func (e Edit) encode() []byte {
	b := make([]byte, lengthOctets)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Read.UnixNano()))
	b = append(append(b, e.Before[:]...), e.After[:]...)
	lost := byte(0)
	if e.Lost {
		lost = 1
	}
	b = append(b, lost)
	for _, c := range e.Changes {
		b = append(b, c.Name.Wire()...)
		b = binary.BigEndian.AppendUint16(b, c.Type)
		b = appendSide(appendSide(b, c.Old), c.New)
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b[lengthOctets:], castagnoli))
	binary.BigEndian.PutUint32(b, uint32(len(b)-lengthOctets))
	return b
}

func appendSide(b []byte, s zones.RRset) []byte {
	b = binary.AppendUvarint(b, uint64(len(s.Data)))
	if s.IsZero() {
		return b
	}
	b = binary.BigEndian.AppendUint32(b, s.TTL)
	for _, d := range s.Data {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(d))), d...)
	}
	return b
}

// entrySize returns how many octets the first entry takes; false where it is not all there.
func entrySize(b []byte) (int, bool) {
	if len(b) < lengthOctets {
		return 0, false
	}
	n := uint64(binary.BigEndian.Uint32(b)) + lengthOctets
	return int(n), n <= uint64(len(b)) && n >= lengthOctets+sumOctets
}

// decode reads one entry.
func decode(b []byte) (e Edit, err error) {
	payload := b[lengthOctets : len(b)-sumOctets]
	if crc32.Checksum(payload, castagnoli) != binary.BigEndian.Uint32(b[len(b)-sumOctets:]) {
		return e, errDamaged
	}
	r := reader{b: payload}
	e.Read = time.Unix(0, int64(binary.BigEndian.Uint64(r.take(8))))
	copy(e.Before[:], r.take(len(e.Before)))
	copy(e.After[:], r.take(len(e.After)))
	e.Lost = r.take(1)[0] != 0
	for len(r.b) > 0 && !r.bad {
		c := zones.Change{Name: r.name()}
		c.Type = binary.BigEndian.Uint16(r.take(2))
		c.Old = r.side(c.Name, c.Type)
		c.New = r.side(c.Name, c.Type)
		e.Changes = append(e.Changes, c)
	}
	if r.bad {
		return Edit{}, errDamaged
	}
	return e, nil
}

// reader takes a payload apart; what is beyond its end is zero, and makes it bad.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.b, r.bad = nil, true
		return make([]byte, n)
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) name() zones.Name {
	end := 0
	for end < len(r.b) && r.b[end] != 0 {
		end += 1 + int(r.b[end])
	}
	n, err := zones.NameFromWire(r.take(min(end+1, 256)))
	if err != nil {
		r.bad = true
	}
	return n
}

func (r *reader) side(name zones.Name, typ uint16) zones.RRset {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > uint64(len(r.b)) {
		r.b, r.bad = nil, true
		return zones.RRset{}
	}
	r.take(size)
	if n == 0 {
		return zones.RRset{}
	}
	s := zones.RRset{Name: name, Type: typ, TTL: binary.BigEndian.Uint32(r.take(4))}
	for range n {
		if r.bad {
			return zones.RRset{}
		}
		s.Data = append(s.Data, r.take(int(binary.BigEndian.Uint16(r.take(2)))))
	}
	return s
}
