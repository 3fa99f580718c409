package zonemd

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// Status is what the ZONEMD records of a zone say of it.
type Status uint8

const (
	Absent   Status = iota // there are none
	Verified               // one of them has the zone's digest
	Unproven               // there are some, but none that could be judged
	Failed                 // there are some that could be judged, or are for another serial, and none has the zone's digest
)

// Verdict is the result of a verification.
type Verdict struct {
	Status Status
	// Text says why, one line; empty for Absent and Verified.
	Text string
	// Record is the index of the record that Text is about.
	Record int
}

// header is what stands before a digest: serial, scheme, hash.
const header = 6

type pair struct {
	scheme Scheme
	hash   Algorithm
}

// Verify judges the ZONEMD records of the zone's apex (RFC 8976 4).
func Verify(z *zones.Zone) Verdict {
	set, ok := z.RRset(z.Origin(), dns.TypeZONEMD)
	if !ok {
		return Verdict{}
	}
	seen := make(map[pair]int, len(set.Data))
	for _, rdata := range set.Data {
		if len(rdata) >= header {
			seen[pair{Scheme(rdata[4]), Algorithm(rdata[5])}]++
		}
	}
	var skipped []string
	failed := Verdict{Record: -1}
	fail := func(i int, format string, args ...any) {
		if failed.Record < 0 {
			failed = Verdict{Failed, fmt.Sprintf(format, args...), i}
		}
	}
	for i, rdata := range set.Data {
		if len(rdata) < header {
			fail(i, "has %d octets, which is not enough", len(rdata))
			continue
		}
		p, digest := pair{Scheme(rdata[4]), Algorithm(rdata[5])}, rdata[header:]
		switch serial := binary.BigEndian.Uint32(rdata); {
		case serial != z.Serial():
			fail(i, "is for serial %d, and the zone has %d", serial, z.Serial())
		case p.scheme != Simple:
			skipped = append(skipped, fmt.Sprintf("scheme %d is not known", p.scheme))
		case p.hash.new() == nil:
			skipped = append(skipped, p.hash.String()+" is not known")
		case seen[p] > 1:
			skipped = append(skipped, fmt.Sprintf("there are %d with %s", seen[p], p.hash))
		default:
			want, err := Digest(z, p.hash)
			if err == nil && bytes.Equal(digest, want) {
				return Verdict{Status: Verified}
			}
			fail(i, "has another %s digest than the zone: the zone was changed behind it, or damaged", p.hash)
		}
	}
	if failed.Record >= 0 {
		return failed
	}
	return Verdict{Unproven, "proves nothing: " + strings.Join(skipped, "; "), 0}
}

// New returns the ZONEMD records of a zone, one for each hash, as an RRset of its apex. Those that it has are not looked at.
func New(z *zones.Zone, hashes ...Algorithm) (zones.RRset, error) {
	soa, ok := z.SOA()
	if !ok {
		return zones.RRset{}, fmt.Errorf("digest %s: %w", z.Origin(), ErrSOA)
	}
	out := zones.RRset{Name: z.Origin(), Type: dns.TypeZONEMD, TTL: soa.TTL}
	for i, a := range hashes {
		if slices.Contains(hashes[:i], a) {
			continue // a pair of scheme and hash that stands twice proves nothing (RFC 8976 2)
		}
		digest, err := Digest(z, a)
		if err != nil {
			return zones.RRset{}, err
		}
		rdata := binary.BigEndian.AppendUint32(make([]byte, 0, header+len(digest)), z.Serial())
		out.Data = append(out.Data, append(append(rdata, byte(Simple), byte(a)), digest...))
	}
	return out, nil
}
