package route53

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// maxValueLength is the longest ResourceRecord Value that the API takes.
const maxValueLength = 4000

// recordTypes are the types that Route 53 holds, in the order in which it
// lists them when it refuses another. There is no LOC, URI, DNAME, CERT or
// OPENPGPKEY.
var recordTypes = []string{
	"SOA", "A", "TXT", "NS", "CNAME", "MX", "NAPTR", "PTR", "SRV", "SPF", "AAAA", "CAA",
	"DS", "TLSA", "SSHFP", "SVCB", "HTTPS",
}

// A valueError is Route 53's "FATAL problem" about one value.
type valueError struct{ problem, value string }

func (e *valueError) Error() string {
	return fmt.Sprintf("Invalid Resource Record: 'FATAL problem: %s encountered with '%s''", e.problem, e.value)
}

// parseValue checks one value of a record set as strictly as the API does and
// returns its record data, under the root's name and without TTL.
func parseValue(rrtype, value string) (dns.RR, error) {
	rr, problem := parseRdata(rrtype, value)
	if problem != "" {
		return nil, &valueError{problem, value}
	}
	*rr.Header() = dns.RR_Header{Name: ".", Rrtype: dns.StringToType[rrtype], Class: dns.ClassINET}
	return rr, nil
}

func parseRdata(rrtype, value string) (dns.RR, string) {
	if value == "" {
		return nil, rrtype + "RRDATAEmpty (Value is empty)"
	}
	fields := strings.Fields(value)
	switch rrtype {
	case "A", "AAAA":
		return parseAddress(rrtype, value, fields)
	case "TXT", "SPF":
		return parseTXT(rrtype, value)
	case "CNAME", "NS", "PTR":
		return parseTarget(rrtype, fields)
	case "MX":
		return parseMX(fields)
	case "SRV":
		return parseSRV(fields)
	case "CAA":
		return parseCAA(value)
	case "SOA":
		return parseSOA(fields)
	case "NAPTR":
		return parseNAPTR(value)
	case "DS", "SSHFP", "TLSA":
		return parseHex(rrtype, fields)
	default: // HTTPS, SVCB
		return parseServiceBinding(rrtype, value, fields)
	}
}

func parseAddress(rrtype, value string, fields []string) (dns.RR, string) {
	if len(fields) != 1 || fields[0] != value {
		return nil, rrtype + "RRDATANotSingleField (Value contains spaces)"
	}
	ip, err := netip.ParseAddr(value)
	if rrtype == "A" {
		if err != nil || !ip.Is4() {
			return nil, "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"
		}
		return &dns.A{A: ip.AsSlice()}, ""
	}
	if err != nil || !ip.Is6() || ip.Zone() != "" {
		return nil, "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"
	}
	return &dns.AAAA{AAAA: ip.AsSlice()}, ""
}

func parseTarget(rrtype string, fields []string) (dns.RR, string) {
	if len(fields) != 1 {
		return nil, rrtype + "RRDATANotSingleField (Value contains spaces)"
	}
	n, err := parseName(fields[0])
	if err != nil {
		return nil, err.Error()
	}
	switch rrtype {
	case "CNAME":
		return &dns.CNAME{Target: n.fqdn()}, ""
	case "NS":
		return &dns.NS{Ns: n.fqdn()}, ""
	default:
		return &dns.PTR{Ptr: n.fqdn()}, ""
	}
}

func parseMX(fields []string) (dns.RR, string) {
	if len(fields) != 2 {
		return nil, "MXRRDATANotTwoFields (MX record doesn't have 2 fields)"
	}
	preference, ok := number(fields[0], 16)
	if !ok {
		return nil, "MXRRDATAIllegalPreference (Preference is not a number from 0 to 65535)"
	}
	n, err := parseName(fields[1])
	if err != nil {
		return nil, err.Error()
	}
	return &dns.MX{Preference: uint16(preference), Mx: n.fqdn()}, ""
}

func parseSRV(fields []string) (dns.RR, string) {
	if len(fields) != 4 {
		return nil, "SRVRRDATANotFourFields (SRV record doesn't have 4 fields)"
	}
	var numbers [3]uint16
	for i, f := range fields[:3] {
		v, ok := number(f, 16)
		if !ok {
			return nil, "SRVRRDATAIllegalNumber (Priority, weight and port are numbers from 0 to 65535)"
		}
		numbers[i] = uint16(v)
	}
	n, err := parseName(fields[3])
	if err != nil {
		return nil, err.Error()
	}
	return &dns.SRV{Priority: numbers[0], Weight: numbers[1], Port: numbers[2], Target: n.fqdn()}, ""
}

func parseCAA(value string) (dns.RR, string) {
	fields := strings.SplitN(value, " ", 3)
	if len(fields) != 3 {
		return nil, "CAARRDATANotThreeFields (CAA record doesn't have 3 fields)"
	}
	flag, ok := number(fields[0], 8)
	if !ok {
		return nil, "CAARRDATAIllegalFlags (Flags is not a number from 0 to 255)"
	}
	if !alphanumeric(fields[1]) {
		return nil, "CAARRDATAIllegalTag (Tag has characters other than a-z and 0-9)"
	}
	strs, problem := parseStrings(fields[2], maxValueLength)
	if problem != "" {
		return nil, problem
	}
	if len(strs) != 1 {
		return nil, "CAARRDATANotThreeFields (CAA record doesn't have 3 fields)"
	}
	return &dns.CAA{Flag: uint8(flag), Tag: fields[1], Value: escapeText(strs[0])}, ""
}

func parseSOA(fields []string) (dns.RR, string) {
	if len(fields) != 7 {
		return nil, "SOARRDATANotSevenFields (SOA record doesn't have 7 fields)"
	}
	var names [2]string
	for i, f := range fields[:2] {
		n, err := parseName(f)
		if err != nil {
			return nil, err.Error()
		}
		names[i] = n.fqdn()
	}
	var numbers [5]uint32
	for i, f := range fields[2:] {
		v, ok := number(f, 32)
		if !ok {
			return nil, "SOARRDATAIllegalNumber (Serial and timers are numbers from 0 to 4294967295)"
		}
		numbers[i] = uint32(v)
	}
	return &dns.SOA{Ns: names[0], Mbox: names[1], Serial: numbers[0], Refresh: numbers[1],
		Retry: numbers[2], Expire: numbers[3], Minttl: numbers[4]}, ""
}

func parseNAPTR(value string) (dns.RR, string) {
	const malformed = "NAPTRRRDATAInvalid (NAPTR is order preference \"flags\" \"service\" \"regexp\" replacement)"
	head := strings.SplitN(value, " ", 3)
	cut := strings.LastIndexByte(value, ' ')
	if len(head) != 3 || cut < len(head[0])+len(head[1])+2 {
		return nil, malformed
	}
	order, ok1 := number(head[0], 16)
	preference, ok2 := number(head[1], 16)
	strs, problem := parseStrings(value[len(head[0])+len(head[1])+2:cut], 255)
	if !ok1 || !ok2 || len(strs) != 3 && problem == "" {
		return nil, malformed
	}
	if problem != "" {
		return nil, problem
	}
	n, err := parseName(value[cut+1:])
	if err != nil {
		return nil, err.Error()
	}
	return &dns.NAPTR{Order: uint16(order), Preference: uint16(preference), Flags: escapeText(strs[0]),
		Service: escapeText(strs[1]), Regexp: escapeText(strs[2]), Replacement: n.fqdn()}, ""
}

// parseHex reads the types that are three numbers (SSHFP: two) and a digest.
func parseHex(rrtype string, fields []string) (dns.RR, string) {
	widths := map[string][]int{"DS": {16, 8, 8}, "TLSA": {8, 8, 8}, "SSHFP": {8, 8}}[rrtype]
	malformed := fmt.Sprintf("%sRRDATAInvalid (%s record is %d numbers and a hexadecimal string)", rrtype, rrtype, len(widths))
	if len(fields) != len(widths)+1 {
		return nil, malformed
	}
	var n [3]uint64
	for i, bits := range widths {
		v, ok := number(fields[i], bits)
		if !ok {
			return nil, malformed
		}
		n[i] = v
	}
	digest := fields[len(widths)]
	if raw, err := hex.DecodeString(digest); err != nil || len(raw) == 0 {
		return nil, malformed
	}
	switch rrtype {
	case "DS":
		return &dns.DS{KeyTag: uint16(n[0]), Algorithm: uint8(n[1]), DigestType: uint8(n[2]), Digest: digest}, ""
	case "TLSA":
		return &dns.TLSA{Usage: uint8(n[0]), Selector: uint8(n[1]), MatchingType: uint8(n[2]), Certificate: digest}, ""
	default:
		return &dns.SSHFP{Algorithm: uint8(n[0]), Type: uint8(n[1]), FingerPrint: digest}, ""
	}
}

func parseServiceBinding(rrtype, value string, fields []string) (dns.RR, string) {
	malformed := rrtype + "RRDATAInvalid (Value is priority, target name and parameters)"
	if len(fields) < 2 || strings.ContainsAny(value, "\r\n();") {
		return nil, malformed
	}
	if _, err := parseName(fields[1]); err != nil {
		return nil, err.Error()
	}
	rr, err := dns.NewRR(". 0 IN " + rrtype + " " + value)
	if err != nil || rr == nil {
		return nil, malformed
	}
	// AliasMode with parameters is what RFC 9460 section 2.4.2 tells to refuse.
	if fields[0] == "0" && len(fields) > 2 {
		return nil, malformed
	}
	// Packing finds parameters that parse and yet cannot be sent.
	if _, err := dns.PackRR(rr, make([]byte, 65535), 0, nil, false); err != nil {
		return nil, malformed
	}
	return rr, ""
}

func parseTXT(rrtype, value string) (dns.RR, string) {
	strs, problem := parseStrings(value, 255)
	if problem != "" {
		return nil, problem
	}
	for i, s := range strs {
		strs[i] = escapeText(s)
	}
	if rrtype == "SPF" {
		return &dns.SPF{Txt: strs}, ""
	}
	return &dns.TXT{Txt: strs}, ""
}

// parseStrings reads one or more quoted strings. Inside them \ooo is an octet,
// \" and \\ stand for themselves; any other escape, raw control characters and
// raw octets above ASCII are refused.
func parseStrings(s string, limit int) ([]string, string) {
	const unquoted = "InvalidCharacterString (Value should be enclosed in quotation marks)"
	var strs []string
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		if s[0] != '"' {
			return nil, unquoted
		}
		str, rest, problem := parseString(s[1:])
		if problem != "" {
			return nil, problem
		}
		if len(str) > limit {
			return nil, "CharacterStringTooLong (Value is too long)"
		}
		strs = append(strs, str)
		s = rest
	}
	if len(strs) == 0 {
		return nil, unquoted
	}
	return strs, ""
}

func parseString(s string) (str, rest, problem string) {
	var b []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '"':
			return string(b), s[i+1:], ""
		case c == '\\':
			if octet, ok := octalEscape(s[i:]); ok {
				b = append(b, octet)
				i += 3
				continue
			}
			if i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\') {
				b = append(b, s[i+1])
				i++
				continue
			}
			return "", "", "InvalidCharacterString (Value contains an escape code that is not a three-digit octal code)"
		case c < ' ' || c >= 0x7f:
			return "", "", errBadCharacter.Error()
		default:
			b = append(b, c)
		}
	}
	return "", "", "InvalidCharacterString (Value should be enclosed in quotation marks)"
}

// escapeText writes raw octets as miekg/dns keeps them in its string fields.
func escapeText(raw string) string {
	var b strings.Builder
	for _, c := range []byte(raw) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\%03d`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func number(s string, bits int) (uint64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	v, err := strconv.ParseUint(s, 10, bits)
	return v, err == nil
}

func alphanumeric(s string) bool {
	return s != "" && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}
