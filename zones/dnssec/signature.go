package dnssec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// signature is an RRSIG record (RFC 4034 3.1).
type signature struct {
	head      []byte // RDATA up to the signer
	signer    zones.Name
	signature []byte
}

const headLen = 18

func (s signature) covers() uint16      { return binary.BigEndian.Uint16(s.head) }
func (s signature) algorithm() uint8    { return s.head[2] }
func (s signature) labels() int         { return int(s.head[3]) }
func (s signature) originalTTL() []byte { return s.head[4:8] }
func (s signature) tag() uint16         { return binary.BigEndian.Uint16(s.head[16:]) }

// parseSignature reads the RDATA of an RRSIG record; false where it is none.
func parseSignature(rdata []byte) (signature, bool) {
	end := headLen
	for end < len(rdata) && rdata[end] != 0 {
		end += 1 + int(rdata[end])
	}
	if end >= len(rdata) {
		return signature{}, false
	}
	signer, err := zones.NameFromWire(rdata[headLen : end+1])
	if err != nil {
		return signature{}, false
	}
	return signature{rdata[:headLen], signer, rdata[end+1:]}, true
}

// judgement says what a signature is worth.
type judgement uint8

const (
	holds judgement = iota
	wrong
	unknown // nobody here can tell
)

// judge verifies a signature of set, and says why it does not hold. buf is scratch.
func (v *verification) judge(set zones.RRset, s signature, buf *[]byte) (j judgement, why string) {
	switch labels := ownLabels(set.Name); {
	case s.signer != v.origin:
		return wrong, fmt.Sprintf("it is of %s, and only %s signs here", s.signer, v.origin)
	case s.labels() != labels:
		return wrong, fmt.Sprintf("it is made for a name of %d labels, and this one has %d", s.labels(), labels)
	}
	tried := false
	for _, k := range v.keys {
		switch {
		case k.tag != s.tag() || k.algorithm != s.algorithm():
			continue
		case k.err != nil:
			j, why = unknown, fmt.Sprintf("key %d: %v", k.tag, k.err)
		default:
			if !tried {
				*buf = signedData((*buf)[:0], set, s)
			}
			if k.verify(*buf, s.signature) {
				return holds, ""
			}
			if j != unknown { // two keys with one tag, one of which cannot be used
				j, why = wrong, fmt.Sprintf("it is by key %d, and not of these records", k.tag)
			}
		}
		tried = true
	}
	switch {
	case tried:
		return j, why
	case !known(s.algorithm()):
		return unknown, ""
	}
	return wrong, fmt.Sprintf("it is by key %d of algorithm %s, which is not among the zone's DNSKEY records", s.tag(), algorithmName(s.algorithm()))
}

// ownLabels counts the labels of a name as signatures do: the root and a "*" at the start are none (RFC 4034 3.1.3).
func ownLabels(name zones.Name) int {
	n := name.Labels()
	if n > 0 && strings.HasPrefix(name.Wire(), "\x01*") {
		n--
	}
	return n
}

// signedData appends what a signature is of (RFC 4034 3.1.8.1).
func signedData(b []byte, set zones.RRset, s signature) []byte {
	b = append(append(b, s.head...), s.signer.Wire()...)
	data := make([][]byte, len(set.Data))
	for i, d := range set.Data {
		data[i] = zones.CanonicalData(set.Type, d)
	}
	slices.SortFunc(data, bytes.Compare) // RFC 4034 6.3
	for _, d := range slices.CompactFunc(data, bytes.Equal) {
		b = append(b, set.Name.Wire()...)
		b = binary.BigEndian.AppendUint16(b, set.Type)
		b = binary.BigEndian.AppendUint16(b, dns.ClassINET)
		b = append(b, s.originalTTL()...)
		b = binary.BigEndian.AppendUint16(b, uint16(len(d)))
		b = append(b, d...)
	}
	return b
}

// known says whether signatures of an algorithm can be verified here.
func known(algorithm uint8) bool {
	_, err := verifierOf(algorithm, nil)
	return err != errAlgorithm
}

func algorithmName(a uint8) string {
	if s, ok := dns.AlgorithmToString[a]; ok {
		return s
	}
	return fmt.Sprint(a)
}
