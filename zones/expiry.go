package zones

import (
	"encoding/binary"
	"fmt"
	"time"
)

// ExpiryWarning is how long before a signature expires ExpiringSignatures tells of it.
const ExpiryWarning = 3 * 24 * time.Hour

// ExpiringSignatures reports signatures in z that do not count at now, or soon will not: expired, not valid yet, or valid for
// less than ExpiryWarning. Of each kind it names one, that which expires or begins first, and says how many there are. It reads
// every record of a zone with signatures.
func ExpiringSignatures(z *Zone, now time.Time) []Problem {
	var kinds [3]struct {
		n     int
		left  int32 // seconds until the moment that is told, of the first
		name  Name
		typ   uint16
		words string
	}
	kinds[0].words, kinds[1].words, kinds[2].words = "expired", "is not valid before", "expires"
	for w := z.walk(); w.next(); {
		if !nodeSigned(w.node) {
			continue
		}
		sigs, _ := nodeSignatures(w.node, z.origin)
		for _, d := range sigs.Data {
			if len(d) < minSignature {
				continue
			}
			// Serial number arithmetic, RFC 4034 3.1.5.
			left := int32(binary.BigEndian.Uint32(d[8:]) - uint32(now.Unix()))
			begins := int32(binary.BigEndian.Uint32(d[12:]) - uint32(now.Unix()))
			kind := -1
			switch {
			case left < 0:
				kind = 0
			case begins > 0:
				kind, left = 1, begins
			case time.Duration(left)*time.Second < ExpiryWarning:
				kind = 2
			}
			if kind < 0 {
				continue
			}
			k := &kinds[kind]
			if k.n++; k.n == 1 || left < k.left {
				k.left, k.name, k.typ = left, z.nameOf(w.node), binary.BigEndian.Uint16(d)
			}
		}
	}
	var out []Problem
	for _, k := range kinds {
		if k.n == 0 {
			continue
		}
		at := now.Add(time.Duration(k.left) * time.Second).UTC().Format(time.RFC3339)
		text := fmt.Sprintf("%s: the signature of %s %s %s %s", z.origin, k.name, TypeString(k.typ), k.words, at)
		if k.n > 1 {
			text += fmt.Sprintf(" (and %d more signatures likewise)", k.n-1)
		}
		out = append(out, Problem{Severity: Warning, Text: text + "; sign the zone again"})
	}
	return out
}
