package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/miekg/dns"
)

// Hash identifies content: the sum modulo 2^256, big-endian, of the SHA-256 of each record. The package comment says why.
type Hash [32]byte

// HashZone returns the hash of a zone's content. The serial of the apex SOA does not count, nor does the
// order of records in an RRset.
func HashZone(z *zones.Zone) Hash {
	var h hasher
	for s := range z.RRsets() {
		h.add(s, z.Origin())
	}
	return h.sum()
}

// after returns the hash of the content that changes make of content with hash h, in the zone at origin.
func (h Hash) after(changes []zones.Change, origin zones.Name) Hash {
	w := hasher{words: h.words()}
	for _, c := range changes {
		w.remove(c.Old, origin)
		w.add(c.New, origin)
	}
	return w.sum()
}

// words returns the number that h is, least significant word first.
func (h Hash) words() (w [4]uint64) {
	for i := range w {
		w[3-i] = binary.BigEndian.Uint64(h[8*i:])
	}
	return w
}

// hasher is a running sum, with a buffer so that a record costs no allocation.
type hasher struct {
	words [4]uint64 // least significant first
	buf   []byte
}

func (h *hasher) sum() (out Hash) {
	for i, w := range h.words {
		binary.BigEndian.PutUint64(out[8*(3-i):], w)
	}
	return out
}

func (h *hasher) add(s zones.RRset, origin zones.Name) {
	h.each(s, origin, func(w [4]uint64) {
		var carry uint64
		for i := range h.words {
			h.words[i], carry = bits.Add64(h.words[i], w[i], carry)
		}
	})
}

func (h *hasher) remove(s zones.RRset, origin zones.Name) {
	h.each(s, origin, func(w [4]uint64) {
		var borrow uint64
		for i := range h.words {
			h.words[i], borrow = bits.Sub64(h.words[i], w[i], borrow)
		}
	})
}

// each calls f with the hash of every record of s: SHA-256 of name, type, TTL, RDATA.
func (h *hasher) each(s zones.RRset, origin zones.Name, f func([4]uint64)) {
	h.buf = appendName(h.buf[:0], s.Name)
	h.buf = binary.BigEndian.AppendUint16(h.buf, s.Type)
	h.buf = binary.BigEndian.AppendUint32(h.buf, s.TTL)
	head := len(h.buf)
	for _, d := range s.Data {
		h.buf = append(h.buf[:head], d...)
		if s.Type == dns.TypeSOA && s.Name == origin && len(d) >= 20 {
			copy(h.buf[head+len(d)-20:], bytes.Repeat([]byte{0}, 4))
		}
		f(Hash(sha256.Sum256(h.buf)).words())
	}
}
