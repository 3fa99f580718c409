package resolver

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// badKey makes the unsigned TSIG record with error BADKEY (RFC 8945 5.2.1, 5.3.2) that answers the one at off in query:
// owner, algorithm and time are the query's. nil means that the query's is not sound. Whoever
// knows keys is asked first (Options.Rare); this is the answer of a server without any.
func (w *Worker) badKey(query []byte, off int) []byte {
	end, ok := w.other.Parse(query, off)
	if !ok || end+10 > len(query) {
		return nil
	}
	b := append(w.scratch, w.other.Wire(w.other.Labels())...)
	if binary.BigEndian.Uint16(query[end+2:]) != dns.ClassANY {
		return nil
	}
	data := query[end+10:]
	algorithm, ok := w.other.Parse(data, 0)
	if !ok || algorithm+10 > len(data) {
		return nil
	}
	// time (48 bits), fudge, MAC size, MAC, original ID, error, other length, other
	mac := int(binary.BigEndian.Uint16(data[algorithm+8:]))
	rest := algorithm + 10 + mac
	if rest+6 > len(data) || rest+6+int(binary.BigEndian.Uint16(data[rest+4:])) != len(data) {
		return nil
	}
	b = binary.BigEndian.AppendUint16(b, dns.TypeTSIG)
	b = binary.BigEndian.AppendUint16(b, dns.ClassANY)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(algorithm+8+2+6))
	b = append(b, data[:algorithm+8]...)
	b = append(b, 0, 0)
	b = append(b, data[rest:rest+2]...)
	b = binary.BigEndian.AppendUint16(b, dns.RcodeBadKey)
	b = append(b, 0, 0)
	w.scratch = b[:0]
	return b
}
