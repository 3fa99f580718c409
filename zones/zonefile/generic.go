package zonefile

import (
	"encoding/hex"
	"fmt"
)

// rdata3597 reads data in the form of RFC 3597 5: \# length hex…, for any type. Data of a known type must be what its
// type demands, or it could neither be answered nor mirrored.
func (p *parser) rdata3597(h header) ([]byte, *rdataFault) {
	if len(h.data) < 2 {
		return nil, &rdataFault{at: 1, text: "ends before its length"}
	}
	want, ok := parseUint(h.data[1].text, maxRdata)
	if !ok {
		return nil, &rdataFault{1, "length", "a number from 0 to 65535 is needed"}
	}
	wire := p.wire[:0]
	var digits []byte
	for i, t := range h.data[2:] {
		if t.quoted {
			return nil, &rdataFault{2 + i, "data", "hexadecimal digits are needed, without quotes"}
		}
		digits = append(digits, t.text...)
		for _, c := range t.text {
			if !isHex(c) {
				return nil, &rdataFault{2 + i, "data", "hexadecimal digits are needed"}
			}
		}
	}
	wire, err := hex.AppendDecode(wire, digits)
	p.wire = wire
	switch {
	case err != nil:
		return nil, &rdataFault{at: len(h.data) - 1, text: fmt.Sprintf("has %d hexadecimal digits, an odd number", len(digits))}
	case uint64(len(wire)) != want:
		return nil, &rdataFault{1, "length", fmt.Sprintf("%d octets follow", len(wire))}
	}
	if why := wireFault(h.typ, wire); why != "" {
		return nil, &rdataFault{at: 0, text: "has data that its type does not allow: " + why}
	}
	return wire, p.judge(h, wire)
}

// isGeneric says that the data are in that form.
func isGeneric(h header) bool {
	return len(h.data) > 0 && !h.data[0].quoted && string(h.data[0].text) == `\#`
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}
