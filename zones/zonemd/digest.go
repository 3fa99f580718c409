package zonemd

import (
	"bytes"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// Scheme says which records are digested, and how (RFC 8976 5.2).
type Scheme uint8

// Simple digests the whole zone at once: the one scheme there is.
const Simple Scheme = 1

// Algorithm is a hash (RFC 8976 5.3).
type Algorithm uint8

const (
	SHA384 Algorithm = 1
	SHA512 Algorithm = 2
)

// String names a hash as its standard does.
func (a Algorithm) String() string {
	switch a {
	case SHA384:
		return "SHA-384"
	case SHA512:
		return "SHA-512"
	}
	return fmt.Sprintf("hash %d", uint8(a))
}

func (a Algorithm) new() hash.Hash {
	switch a {
	case SHA384:
		return sha512.New384()
	case SHA512:
		return sha512.New()
	}
	return nil
}

var (
	// ErrAlgorithm is returned for a hash that is not known.
	ErrAlgorithm = errors.New("unknown hash algorithm")
	// ErrSOA is returned for a zone without a SOA: there is no serial that a digest could be of.
	ErrSOA = errors.New("zone has no SOA record")
)

// Digest returns the digest of a zone, by scheme SIMPLE.
func Digest(z *zones.Zone, a Algorithm) ([]byte, error) {
	h := a.new()
	if h == nil {
		return nil, fmt.Errorf("digest %s: %w: %d", z.Origin(), ErrAlgorithm, uint8(a))
	}
	d := digester{hash: h, origin: z.Origin()}
	for s := range z.RRsets() {
		if len(d.sets) > 0 && d.sets[0].Name != s.Name {
			d.node()
		}
		d.sets = append(d.sets, s)
	}
	d.node()
	return h.Sum(nil), nil
}

// digester hashes the records of one name after the other.
type digester struct {
	hash   hash.Hash
	origin zones.Name
	sets   []zones.RRset // of one name
	buf    []byte
}

// node hashes the name whose RRsets were gathered: by type, then by data in canonical form (RFC 8976 3.3.1).
func (d *digester) node() {
	slices.SortFunc(d.sets, func(a, b zones.RRset) int { return int(a.Type) - int(b.Type) })
	for _, s := range d.sets {
		apex := s.Name == d.origin
		if apex && s.Type == dns.TypeZONEMD {
			continue
		}
		data := make([][]byte, 0, len(s.Data))
		for _, rdata := range s.Data {
			if !apex || s.Type != dns.TypeRRSIG || covers(rdata) != dns.TypeZONEMD {
				data = append(data, zones.CanonicalData(s.Type, rdata))
			}
		}
		slices.SortFunc(data, bytes.Compare)
		// Names in another case were different data; now they are the same record, which counts once.
		for _, rdata := range slices.CompactFunc(data, bytes.Equal) {
			ttl := s.TTL
			if s.Type == dns.TypeRRSIG {
				ttl = d.signatureTTL(rdata)
			}
			d.record(s.Name, s.Type, ttl, rdata)
		}
	}
	d.sets = d.sets[:0]
}

// signatureTTL is that of what a signature covers (RFC 4034 3): the RRSIGs of a name are no RRset, and may have different ones.
func (d *digester) signatureTTL(rdata []byte) uint32 {
	typ := covers(rdata)
	for _, s := range d.sets {
		if s.Type == typ {
			return s.TTL
		}
	}
	if len(rdata) < 8 {
		return 0
	}
	return binary.BigEndian.Uint32(rdata[4:]) // the original one
}

// covers returns the type that a signature covers.
func covers(rdata []byte) uint16 {
	if len(rdata) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(rdata)
}

// record hashes one record in wire form (RFC 8976 3.3.2).
func (d *digester) record(owner zones.Name, typ uint16, ttl uint32, rdata []byte) {
	b := append(d.buf[:0], owner.Wire()...)
	b = binary.BigEndian.AppendUint16(b, typ)
	b = binary.BigEndian.AppendUint16(b, dns.ClassINET)
	b = binary.BigEndian.AppendUint32(b, ttl)
	b = binary.BigEndian.AppendUint16(b, uint16(len(rdata)))
	d.buf = append(b, rdata...)
	d.hash.Write(d.buf) // a hash takes everything
}
