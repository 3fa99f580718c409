package integration

import (
	be "encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// messageQuery is a query as flags describe it:
//
//	+qr +aa +tc +rd +ra +z +ad +cd          bits of the header
//	+opcode=N +rcode=N                      its fields
//	+qdcount=N +ancount=N +nscount=N +arcount=N   counts that are not true
//	+noquestion                             nothing but a header
//	+edns[=VERSION] +bufsize=N +do +ednsflags=0xN   an OPT record, of version 0 and with 1232 octets, as with each of these:
//	+ednsopt=CODE[:HEX] +nsid +cookie[=HEX] +subnet=ADDRESS/LENGTH +keepalive[=HEX] +expire +padding=N
type messageQuery struct {
	flags     uint16
	questions [][]byte
	sections  [3][][]byte
	counts    [4]int // -1: as it is
	edns      *messageOPT
	trailing  []byte
}

type messageOPT struct {
	version byte
	flags   uint16
	size    uint16
	options []byte
}

// The numbers of options, by the names that cases give them.
var optionNames = map[string]uint16{"NSID": 3, "SUBNET": 8, "EXPIRE": 9, "COOKIE": 10, "KEEPALIVE": 11, "PADDING": 12, "EDE": 15}

var messageBits = map[string]uint16{"qr": 1 << 15, "aa": 1 << 10, "tc": 1 << 9, "rd": 1 << 8, "ra": 1 << 7, "z": 1 << 6, "ad": 1 << 5, "cd": 1 << 4}

// typeNumber knows the types that no record has, too.
func typeNumber(s string) (uint16, bool) {
	if n, ok := strings.CutPrefix(s, "TYPE"); ok {
		v, err := strconv.ParseUint(n, 10, 16)
		return uint16(v), err == nil
	}
	v, ok := dns.StringToType[s]
	return v, ok
}

func classNumber(s string) (uint16, bool) {
	if n, ok := strings.CutPrefix(s, "CLASS"); ok {
		v, err := strconv.ParseUint(n, 10, 16)
		return uint16(v), err == nil
	}
	v, ok := map[string]uint16{"IN": 1, "CH": 3, "HS": 4}[s]
	return v, ok
}

func packQuestion(fields []string) ([]byte, error) {
	class := uint16(dns.ClassINET)
	if len(fields) == 3 {
		var ok bool
		if class, ok = classNumber(fields[1]); !ok {
			return nil, fmt.Errorf("%q is no class", fields[1])
		}
		fields = []string{fields[0], fields[2]}
	}
	if len(fields) != 2 {
		return nil, fmt.Errorf("%q is no question", strings.Join(fields, " "))
	}
	qtype, ok := typeNumber(fields[1])
	if !ok {
		return nil, fmt.Errorf("%q is no type", fields[1])
	}
	wire := make([]byte, 260)
	end, err := dns.PackDomainName(dns.Fqdn(fields[0]), wire, 0, nil, false)
	if err != nil {
		return nil, err
	}
	wire = be.BigEndian.AppendUint16(wire[:end], qtype)
	return be.BigEndian.AppendUint16(wire, class), nil
}

func parseMessageQuery(fields []string) (*messageQuery, error) {
	q := &messageQuery{counts: [4]int{-1, -1, -1, -1}}
	end := 0
	for end < len(fields) && fields[end][0] != '+' {
		end++
	}
	question, err := packQuestion(fields[:end])
	if err != nil {
		return nil, err
	}
	q.questions = [][]byte{question}
	for _, f := range fields[end:] {
		key, value, _ := strings.Cut(strings.TrimPrefix(f, "+"), "=")
		if err := q.flag(key, value); err != nil || f[0] != '+' {
			return nil, fmt.Errorf("%s is no flag of a query (%v)", f, err)
		}
	}
	return q, nil
}

// flag takes one flag.
func (q *messageQuery) flag(key, value string) error {
	number := func(bits int) (uint16, error) {
		v, err := strconv.ParseUint(value, 0, bits)
		return uint16(v), err
	}
	bit, isBit := messageBits[key]
	switch key {
	case "opcode", "rcode":
		v, err := number(4)
		if key == "opcode" {
			v <<= 11
		}
		q.flags |= v
		return err
	case "noquestion":
		q.questions = nil
		return nil
	case "qdcount", "ancount", "nscount", "arcount":
		v, err := number(16)
		q.counts[strings.Index("qdannsar", key[:2])/2] = int(v)
		return err
	}
	if isBit {
		q.flags |= bit
		return nil
	}
	if q.edns == nil {
		q.edns = &messageOPT{size: 1232}
	}
	return q.edns.flag(key, value, number)
}

// flag takes one that is about the OPT record.
func (o *messageOPT) flag(key, value string, number func(int) (uint16, error)) (err error) {
	option := func(code uint16, text string) error {
		data, err := hex.DecodeString(text)
		o.options = be.BigEndian.AppendUint16(o.options, code)
		o.options = be.BigEndian.AppendUint16(o.options, uint16(len(data)))
		o.options = append(o.options, data...)
		return err
	}
	switch key {
	case "edns":
		if value != "" {
			v, err := number(8)
			o.version = byte(v)
			return err
		}
	case "bufsize":
		o.size, err = number(16)
	case "do":
		o.flags |= 0x8000
	case "ednsflags":
		v, err := number(16)
		o.flags |= v
		return err
	case "ednsopt":
		code, text, _ := strings.Cut(value, ":")
		n, err := strconv.ParseUint(code, 10, 16)
		if err != nil {
			return err
		}
		return option(uint16(n), text)
	case "nsid", "expire", "keepalive":
		return option(optionNames[strings.ToUpper(key)], value)
	case "cookie":
		if value == "" {
			value = "0102030405060708"
		}
		return option(optionNames["COOKIE"], value)
	case "padding":
		n, err := number(16)
		if err != nil {
			return err
		}
		return option(optionNames["PADDING"], strings.Repeat("00", int(n)))
	case "subnet":
		p, err := netip.ParsePrefix(value)
		if err != nil {
			return err
		}
		family := 1
		if p.Addr().Is6() {
			family = 2
		}
		return option(optionNames["SUBNET"], fmt.Sprintf("%04x%02x00%x", family, p.Bits(), p.Addr().AsSlice()[:(p.Bits()+7)/8]))
	default:
		return fmt.Errorf("nothing that a query can have")
	}
	return err
}

// add puts a further record, or octets, into the query.
func (q *messageQuery) add(where, what string) error {
	if where == "octets" {
		octets, err := parseOctets(what)
		q.trailing = append(q.trailing, octets...)
		return err
	}
	text, raw := strings.CutPrefix(what, "octets ")
	if where == "question" && !raw {
		question, err := packQuestion(strings.Fields(what))
		q.questions = append(q.questions, question)
		return err
	}
	var wire []byte
	var err error
	if raw {
		wire, err = parseOctets(text)
	} else {
		wire, err = packRecord(what)
	}
	switch where {
	case "question":
		q.questions = append(q.questions, wire)
	case "answer":
		q.sections[0] = append(q.sections[0], wire)
	case "authority":
		q.sections[1] = append(q.sections[1], wire)
	case "additional":
		q.sections[2] = append(q.sections[2], wire)
	default:
		return fmt.Errorf("%q is nothing that a query has", where)
	}
	return err
}

func packRecord(text string) ([]byte, error) {
	rr, err := dns.NewRR(text)
	if err != nil {
		return nil, err
	}
	wire := make([]byte, dns.MaxMsgSize)
	end, err := dns.PackRR(rr, wire, 0, nil, false)
	return wire[:end], err
}

// pack makes the message. The OPT record comes before what was added to the additional section, so that a TSIG can be last.
func (q *messageQuery) pack() ([]byte, error) {
	sections := q.sections
	if q.edns != nil {
		sections[2] = append([][]byte{q.edns.pack()}, sections[2]...)
	}
	m := be.BigEndian.AppendUint16([]byte{0, 0}, q.flags)
	for i, n := range [4]int{len(q.questions), len(sections[0]), len(sections[1]), len(sections[2])} {
		if q.counts[i] >= 0 {
			n = q.counts[i]
		}
		m = be.BigEndian.AppendUint16(m, uint16(n))
	}
	for _, part := range [][][]byte{q.questions, sections[0], sections[1], sections[2], {q.trailing}} {
		for _, octets := range part {
			m = append(m, octets...)
		}
	}
	return m, nil
}

func (o *messageOPT) pack() []byte {
	b := []byte{0, 0, byte(dns.TypeOPT)}
	b = be.BigEndian.AppendUint16(b, o.size)
	b = append(b, 0, o.version)
	b = be.BigEndian.AppendUint16(b, o.flags)
	b = be.BigEndian.AppendUint16(b, uint16(len(o.options)))
	return append(b, o.options...)
}

// withID returns the message with another ID, if it is long enough to have one.
func withID(wire []byte, id uint16) []byte {
	wire = append([]byte(nil), wire...)
	if len(wire) >= 2 {
		be.BigEndian.PutUint16(wire, id)
	}
	return wire
}
