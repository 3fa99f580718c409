package cloudflare

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// A payload is the part of a record's JSON that says what its value is.
type payload struct {
	Content  string         `json:"content,omitempty"`
	Priority *uint16        `json:"priority,omitempty"` // a pointer: 0 must be sent
	Data     map[string]any `json:"data,omitempty"`     // types whose content the API computes
}

var errNoSuchType = errors.New("there are no records of this type at Cloudflare")

// encode returns the payload of one record.
func encode(rrtype uint16, rdata []byte) (payload, error) {
	rr, err := zones.RRset{Name: zones.Root, Type: rrtype, Data: [][]byte{rdata}}.RR(0)
	if err != nil {
		return payload{}, err
	}
	if len(rdata) == 0 {
		return payload{}, errors.New("it has no data")
	}
	switch rr := rr.(type) {
	case *dns.A:
		return payload{Content: rr.A.String()}, nil
	case *dns.AAAA:
		return payload{Content: ipv6(rr)}, nil
	case *dns.CNAME:
		return encodeTarget(rr.Target)
	case *dns.NS:
		return encodeTarget(rr.Ns)
	case *dns.PTR:
		return encodeTarget(rr.Ptr)
	case *dns.MX:
		p, err := encodeTarget(rr.Mx)
		p.Priority = &rr.Preference
		return p, err
	case *dns.TXT:
		strs, err := stringsOf(rdata)
		return payload{Content: joinStrings(strs)}, err
	case *dns.OPENPGPKEY:
		return payload{Content: rr.PublicKey}, nil
	case *dns.URI:
		// miekg/dns neither escapes nor unescapes these octets the same way in both directions.
		if len(rdata) < 4 {
			return payload{}, errors.New("the data is cut short")
		}
		target, err := literal(rdata[4:])
		return payload{Priority: &rr.Priority, Data: map[string]any{"weight": rr.Weight, "target": target}}, err
	case *dns.CAA:
		return encodeCAA(rdata)
	}
	data, err := encodeData(rr)
	return payload{Data: data}, err
}

func encodeTarget(name string) (payload, error) {
	target, err := apiTarget(name)
	return payload{Content: target}, err
}

func encodeCAA(rdata []byte) (payload, error) {
	if len(rdata) < 2 || len(rdata) < 2+int(rdata[1]) {
		return payload{}, errors.New("the data is cut short")
	}
	tag, err := literal(rdata[2 : 2+int(rdata[1])])
	if err != nil {
		return payload{}, err
	}
	value, err := literal(rdata[2+int(rdata[1]):])
	return payload{Data: map[string]any{"flags": rdata[0], "tag": tag, "value": value}}, err
}

// encodeData returns the data object of the types that have one.
func encodeData(rr dns.RR) (map[string]any, error) {
	switch rr := rr.(type) {
	case *dns.SRV:
		target, err := apiTarget(rr.Target)
		return map[string]any{"priority": rr.Priority, "weight": rr.Weight, "port": rr.Port, "target": target}, err
	case *dns.HTTPS:
		return encodeService(&rr.SVCB)
	case *dns.SVCB:
		return encodeService(rr)
	case *dns.NAPTR:
		return encodeNAPTR(rr)
	case *dns.LOC:
		return locData(rr)
	case *dns.DS:
		return map[string]any{"key_tag": rr.KeyTag, "algorithm": rr.Algorithm, "digest_type": rr.DigestType, "digest": rr.Digest}, nil
	case *dns.DNSKEY:
		return map[string]any{"flags": rr.Flags, "protocol": rr.Protocol, "algorithm": rr.Algorithm, "public_key": rr.PublicKey}, nil
	case *dns.TLSA:
		return map[string]any{"usage": rr.Usage, "selector": rr.Selector, "matching_type": rr.MatchingType, "certificate": rr.Certificate}, nil
	case *dns.SMIMEA:
		return map[string]any{"usage": rr.Usage, "selector": rr.Selector, "matching_type": rr.MatchingType, "certificate": rr.Certificate}, nil
	case *dns.SSHFP:
		return map[string]any{"algorithm": rr.Algorithm, "type": rr.Type, "fingerprint": rr.FingerPrint}, nil
	case *dns.CERT:
		return map[string]any{"type": rr.Type, "key_tag": rr.KeyTag, "algorithm": rr.Algorithm, "certificate": rr.Certificate}, nil
	}
	return nil, errNoSuchType
}

func encodeService(rr *dns.SVCB) (map[string]any, error) {
	target, err := apiTarget(rr.Target)
	if err != nil {
		return nil, err
	}
	params := make([]string, len(rr.Value))
	for i, p := range rr.Value {
		params[i] = p.Key().String()
		if v := p.String(); v != "" {
			params[i] += `="` + v + `"`
		}
	}
	return map[string]any{"priority": rr.Priority, "target": target, "value": strings.Join(params, " ")}, nil
}

func encodeNAPTR(rr *dns.NAPTR) (map[string]any, error) {
	data := map[string]any{"order": rr.Order, "preference": rr.Preference}
	for key, text := range map[string]string{"flags": rr.Flags, "service": rr.Service, "regex": rr.Regexp} {
		text, err := octets(text)
		if err != nil {
			return nil, err
		}
		if data[key], err = literal([]byte(text)); err != nil {
			return nil, err
		}
	}
	target, err := apiTarget(rr.Replacement)
	data["replacement"] = target
	return data, err
}

// literal returns octets as the data objects hold them: not escaped. JSON has no others than those of UTF-8.
func literal(text []byte) (string, error) {
	if !utf8.Valid(text) {
		return "", fmt.Errorf("the string %q is not UTF-8", text)
	}
	return string(text), nil
}

// ipv6 writes the address as RFC 5952 does; net.IP would print an IPv4-mapped one as IPv4.
func ipv6(rr *dns.AAAA) string { return strings.TrimPrefix(rr.String(), rr.Header().String()) }

// decode returns the RDATA of a record that the API showed.
func decode(rec *record) ([]byte, error) {
	rrtype, known := dns.StringToType[rec.Type]
	if !known {
		return nil, errNoSuchType
	}
	switch rec.Type {
	case "TXT":
		strs, err := splitStrings(rec.Content)
		return rdataOf(strs), err
	case "CAA":
		return decodeCAA(members{rec.Data, new(error)})
	case "URI":
		return decodeURI(rec, members{rec.Data, new(error)})
	}
	rr, err := rec.rr()
	if err != nil {
		return nil, err
	}
	*rr.Header() = dns.RR_Header{Name: ".", Rrtype: rrtype, Class: dns.ClassINET}
	return zones.Rdata(rr)
}

func decodeCAA(m members) ([]byte, error) {
	tag := m.text("tag")
	if tag == "" || len(tag) > maxString {
		m.fail("tag")
	}
	out := append([]byte{m.u8("flags"), byte(len(tag))}, tag...)
	return append(out, m.text("value")...), *m.err
}

func decodeURI(rec *record, m members) ([]byte, error) {
	if rec.Priority == nil {
		return nil, errors.New("no priority")
	}
	out := binary.BigEndian.AppendUint16(nil, *rec.Priority)
	out = binary.BigEndian.AppendUint16(out, m.u16("weight"))
	return append(out, m.text("target")...), *m.err
}

// rr reads the other types.
func (rec *record) rr() (dns.RR, error) {
	switch rec.Type {
	case "A", "AAAA":
		return parseRR(rec.Type, rec.Content)
	case "CNAME", "NS", "PTR":
		target, err := readTarget(rec.Content)
		if err != nil {
			return nil, err
		}
		return parseRR(rec.Type, target)
	case "MX":
		target, err := readTarget(rec.Content)
		if err != nil || rec.Priority == nil {
			return nil, errors.Join(err, errors.New("no priority"))
		}
		return &dns.MX{Preference: *rec.Priority, Mx: target}, nil
	case "OPENPGPKEY":
		return &dns.OPENPGPKEY{PublicKey: strings.Join(strings.Fields(rec.Content), "")}, nil
	}
	return decodeData(rec)
}

func parseRR(rrtype, rdata string) (dns.RR, error) {
	if strings.ContainsAny(rdata, "\r\n;()") {
		return nil, fmt.Errorf("%s %q is no record", rrtype, rdata)
	}
	rr, err := dns.NewRR(". 1 IN " + rrtype + " " + rdata)
	if err == nil && rr == nil {
		err = fmt.Errorf("%s %q is no record", rrtype, rdata)
	}
	return rr, err
}

func decodeData(rec *record) (dns.RR, error) {
	m := members{rec.Data, new(error)}
	var rr dns.RR
	switch rec.Type {
	case "SRV":
		rr = &dns.SRV{Priority: m.u16("priority"), Weight: m.u16("weight"), Port: m.u16("port"), Target: m.name("target")}
	case "HTTPS", "SVCB":
		return m.service(rec.Type)
	case "NAPTR":
		rr = &dns.NAPTR{Order: m.u16("order"), Preference: m.u16("preference"), Flags: presentation(m.text("flags")),
			Service: presentation(m.text("service")), Regexp: presentation(m.text("regex")), Replacement: m.name("replacement")}
	case "LOC":
		return locRR(m)
	case "DS":
		rr = &dns.DS{KeyTag: m.u16("key_tag"), Algorithm: m.u8("algorithm"), DigestType: m.u8("digest_type"), Digest: m.hex("digest")}
	case "DNSKEY":
		rr = &dns.DNSKEY{Flags: m.u16("flags"), Protocol: m.u8("protocol"), Algorithm: m.u8("algorithm"), PublicKey: m.base64("public_key")}
	case "TLSA":
		rr = &dns.TLSA{Usage: m.u8("usage"), Selector: m.u8("selector"), MatchingType: m.u8("matching_type"), Certificate: m.hex("certificate")}
	case "SMIMEA":
		rr = &dns.SMIMEA{Usage: m.u8("usage"), Selector: m.u8("selector"), MatchingType: m.u8("matching_type"), Certificate: m.hex("certificate")}
	case "SSHFP":
		rr = &dns.SSHFP{Algorithm: m.u8("algorithm"), Type: m.u8("type"), FingerPrint: m.hex("fingerprint")}
	case "CERT":
		rr = &dns.CERT{Type: m.u16("type"), KeyTag: m.u16("key_tag"), Algorithm: m.u8("algorithm"), Certificate: m.base64("certificate")}
	default:
		return nil, errNoSuchType
	}
	return rr, *m.err
}

// service reads HTTPS and SVCB; the parameters are in presentation form already.
func (m members) service(rrtype string) (dns.RR, error) {
	text := fmt.Sprintf("%d %s %s", m.u16("priority"), m.name("target"), m.text("value"))
	if *m.err != nil {
		return nil, *m.err
	}
	return parseRR(rrtype, text)
}

// members reads a data object; the first problem is kept in err. Cloudflare's documentation and its answers
// disagree about what is a number and what a string, so either is read where it makes sense.
type members struct {
	data map[string]json.RawMessage
	err  *error
}

func (m members) fail(key string) {
	if *m.err == nil {
		*m.err = fmt.Errorf("data.%s is %q", key, m.data[key])
	}
}

func (m members) text(key string) string {
	raw := bytes.TrimSpace(m.data[key])
	var s string
	switch {
	case len(raw) == 0 || string(raw) == "null":
		m.fail(key)
	case raw[0] == '"':
		if json.Unmarshal(raw, &s) != nil {
			m.fail(key)
		}
	case raw[0] == '{' || raw[0] == '[':
		m.fail(key)
	default:
		s = string(raw)
	}
	return s
}

func (m members) number(key string, bits int) uint64 {
	n, err := strconv.ParseUint(m.text(key), 10, bits)
	if err != nil {
		m.fail(key)
	}
	return n
}

func (m members) u8(key string) uint8   { return uint8(m.number(key, 8)) }
func (m members) u16(key string) uint16 { return uint16(m.number(key, 16)) }

// scaled reads a decimal number times by, rounded: the nearest thousandth or centimetre is what it was made from.
func (m members) scaled(key string, by float64) int64 {
	f, err := strconv.ParseFloat(m.text(key), 64)
	if err != nil || math.Abs(f*by) > math.MaxInt64/4_000_000 {
		m.fail(key)
		return 0
	}
	return int64(math.Round(f * by))
}

func (m members) name(key string) string {
	n, err := readTarget(m.text(key))
	if err != nil {
		m.fail(key)
	}
	return n
}

func (m members) hex(key string) string {
	s := strings.Join(strings.Fields(m.text(key)), "")
	if _, err := hex.DecodeString(s); err != nil {
		m.fail(key)
	}
	return s
}

func (m members) base64(key string) string {
	s := strings.Join(strings.Fields(m.text(key)), "")
	if _, err := base64.StdEncoding.DecodeString(s); err != nil {
		m.fail(key)
	}
	return s
}
