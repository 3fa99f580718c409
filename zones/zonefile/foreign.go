package zonefile

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
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
	if err := checkWire(h, wire); err != nil {
		return nil, &rdataFault{at: 0, text: "has data that its type does not allow: " + core(err)}
	}
	return wire, judge(h, wire)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// errNotPlain: names are compressed, or something else is not as it would be written.
var errNotPlain = errors.New("not in its plain, uncompressed form")

// checkWire says why wire is no data of h's type.
func checkWire(h header, wire []byte) error {
	if h.typ == zones.TypeALIAS {
		if n, ok := nameLen(wire); !ok || n != len(wire) {
			return errors.New("it is not one name")
		}
		return nil
	}
	if _, known := dns.TypeToRR[h.typ]; !known {
		return nil
	}
	if len(wire) == 0 && h.typ != dns.TypeAPL && h.typ != dns.TypeNULL {
		return errors.New("it is empty")
	}
	owner := h.owner
	if owner.IsZero() {
		owner = zones.Root
	}
	set := zones.RRset{Name: owner, Type: h.typ, Data: [][]byte{wire}}
	rr, err := set.RR(0)
	if err != nil {
		return err
	}
	again, err := zones.Rdata(rr)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, wire) {
		return errNotPlain
	}
	return nil
}

// rdataForeign lets miekg/dns read the data. Each token goes on a line of its own, so that the line in its error tells which one it was.
func (p *parser) rdataForeign(h header) ([]byte, *rdataFault) {
	if len(h.data) == 0 && h.typ != dns.TypeAPL {
		return nil, &rdataFault{at: 0, text: "has no data"}
	}
	if _, known := dns.TypeToRR[h.typ]; !known || h.typ == dns.TypeNULL {
		return nil, &rdataFault{at: 0, text: `has a type without a text form: write \# LENGTH HEX (RFC 3597)`}
	}
	if h.typ == dns.TypeAPL && len(h.data) == 0 {
		return nil, nil
	}
	if h.typ == dns.TypeLOC {
		if fault := badLOC(h.data); fault != nil {
			return nil, fault
		}
		h.data = completeLOC(h.data)
	}
	var text strings.Builder
	lines := make([]int, 0, len(h.data)) // lines[i]: the token that starts line i+2
	fmt.Fprintf(&text, ". 0 IN %s (", zones.TypeString(h.typ))
	for i, t := range h.data {
		if !t.joined || i == 0 {
			text.WriteString(" \n")
			lines = append(lines, i)
		}
		text.WriteString(t.raw())
	}
	text.WriteString(" \n)\n")
	zp := dns.NewZoneParser(strings.NewReader(text.String()), p.src.origin.String(), "")
	rr, ok := zp.Next()
	if err := zp.Err(); err != nil || !ok {
		return nil, foreignFault(err, lines, len(h.data))
	}
	sortTypes(rr)
	wire, err := zones.Rdata(rr)
	if err != nil {
		return nil, &rdataFault{at: 0, text: "cannot be read: " + core(err)}
	}
	if len(wire) > maxRdata {
		return nil, tooLong(wire)
	}
	if err := checkWire(h, wire); err != nil {
		return nil, &rdataFault{at: 0, text: "cannot be read: " + core(err)}
	}
	return wire, judge(h, wire)
}

// judge finds what miekg/dns lets pass.
func judge(h header, wire []byte) *rdataFault {
	why := incomplete(h.typ, wire)
	at := len(h.data) - 1
	switch {
	case why != "":
	case h.typ == dns.TypeSVCB || h.typ == dns.TypeHTTPS:
		why, at = badParams(wire), 0
	}
	if why == "" {
		return nil
	}
	return &rdataFault{at: at, text: why}
}

// foreignFault translates an error of miekg/dns: `dns: bad LOC Latitude: "x" at line: 3:5`.
func foreignFault(err error, lines []int, count int) *rdataFault {
	if err == nil {
		return &rdataFault{at: 0, text: "cannot be read"}
	}
	text := strings.TrimPrefix(err.Error(), "dns: ")
	text, place, found := cutLast(text, " at line: ")
	line, _, _ := strings.Cut(place, ":")
	n, numErr := strconv.Atoi(line)
	if i := strings.LastIndex(text, `: "`); i >= 0 {
		text = text[:i]
	}
	switch {
	case !found || numErr != nil || n < 2:
		return &rdataFault{at: 0, text: "cannot be read: " + text}
	case n-2 >= len(lines):
		return &rdataFault{at: count, text: "ends too early: " + text}
	}
	return &rdataFault{lines[n-2], "value", text}
}

// core is err without the owner, type and field that stand in front of it: the message names the place itself.
func core(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, ": dns: "); i >= 0 {
		return text[i+len(": dns: "):]
	}
	if i := strings.LastIndex(text, ": encoding/"); i >= 0 {
		return text[i+len(": encoding/"):]
	}
	return text
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
