package cloudflare

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// contentRules says per type how content (or data) becomes a record. Types that are not here do not exist.
var contentRules = map[string]func(*Record, fields, *problems){
	"A":          address,
	"AAAA":       address,
	"CNAME":      host,
	"NS":         host,
	"PTR":        host,
	"MX":         mailExchange,
	"TXT":        text,
	"OPENPGPKEY": openPGPKey,
	"CAA":        fromData,
	"CERT":       fromData,
	"DNSKEY":     fromData,
	"DS":         fromData,
	"HTTPS":      fromData,
	"LOC":        fromData,
	"NAPTR":      fromData,
	"SMIMEA":     fromData,
	"SRV":        fromData,
	"SSHFP":      fromData,
	"SVCB":       fromData,
	"TLSA":       fromData,
	"URI":        fromData,
}

// contentErrors are code and message for content that its type does not allow.
var contentErrors = map[string]APIError{
	"A":          {Code: 9005, Message: "Content for A record must be a valid IPv4 address."},
	"AAAA":       {Code: 9006, Message: "Content for AAAA record must be a valid IPv6 address."},
	"CNAME":      {Code: 9007, Message: "Content for CNAME record is invalid."},
	"NS":         {Code: 9008, Message: "Content for NS record must be a hostname."},
	"MX":         {Code: 9009, Message: "Content for MX record must be a hostname."},
	"PTR":        {Code: 9010, Message: "Content for PTR record must be a hostname."},
	"TXT":        {Code: 9010, Message: "Content for TXT record is invalid."},
	"OPENPGPKEY": {Code: 9010, Message: "Content for OPENPGPKEY record is invalid."},
}

func address(r *Record, f fields, p *problems) {
	content, _ := read[string](f, "content")
	a, err := netip.ParseAddr(content)
	if err != nil || a.Zone() != "" || a.Is4() != (r.Type == "A") {
		*p = append(*p, contentErrors[r.Type])
		return
	}
	r.Content = a.String()
	r.setRR(a.String(), p)
}

func host(r *Record, f fields, p *problems) {
	content, _ := read[string](f, "content")
	name := target(content)
	if name == "" || name == "." {
		*p = append(*p, contentErrors[r.Type])
		return
	}
	r.Content = name
	r.setRR(name+".", p)
}

func mailExchange(r *Record, f fields, p *problems) {
	priority(r, f, p)
	content, _ := read[string](f, "content")
	name := target(content)
	if name == "" {
		*p = append(*p, contentErrors[r.Type])
	}
	if name == "" || r.Priority == nil {
		return
	}
	r.Content = name
	r.setRR(fmt.Sprintf("%d %s", *r.Priority, dns.Fqdn(name)), p)
}

// priority reads the member that MX and URI have beside content and data.
func priority(r *Record, f fields, p *problems) {
	if !f.has("priority") {
		p.add(9101, "priority is a required data field.")
		return
	}
	n, ok := read[int](f, "priority")
	if !ok || n < 0 || n > 65535 {
		p.add(9102, "priority must be a number between 0 and 65535.")
		return
	}
	r.Priority = &n
}

// target returns a host name in the API's form: lower case, without final dot but for the
// root, which stays "."; "" for what is no name, an address among them.
func target(s string) string {
	if s == "." {
		return s
	}
	s = toASCII(strings.TrimSuffix(s, "."))
	if len(s) > 253 || !validLabels(s, true) {
		return ""
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return ""
	}
	return s
}

func openPGPKey(r *Record, f fields, p *problems) {
	content, _ := read[string](f, "content")
	if content == "" {
		*p = append(*p, contentErrors[r.Type])
		return
	}
	r.Content = content
	r.setRR(content, p)
}

// text reads one or more quoted strings, or text without quotes at all, which gets them. A
// string longer than 255 octets is split.
func text(r *Record, f fields, p *problems) {
	content, ok := read[string](f, "content")
	strs, quoted := splitQuoted(content)
	if !ok || content == "" || !quoted {
		*p = append(*p, contentErrors["TXT"])
		return
	}
	var chunks, shown []string
	for _, s := range strs {
		for first := true; first || s != ""; first = false {
			cut := min(len(s), 255)
			chunks, shown = append(chunks, escape(s[:cut])), append(shown, `"`+escapeQuotes(s[:cut])+`"`)
			s = s[cut:]
		}
	}
	r.Content = strings.Join(shown, " ")
	r.rr = &dns.TXT{Hdr: dns.RR_Header{Rrtype: dns.TypeTXT}, Txt: chunks}
}

// splitQuoted returns the octets of each quoted string in s; false where quotes are
// inconsistent. Text without any quote is one string, as it stands.
func splitQuoted(s string) ([]string, bool) {
	if !strings.Contains(s, `"`) {
		return []string{s}, true
	}
	var out []string
	for s = strings.TrimLeft(s, " \t"); s != ""; s = strings.TrimLeft(s, " \t") {
		if s[0] != '"' {
			return nil, false
		}
		var b strings.Builder
		i := 1
		for ; i < len(s) && s[i] != '"'; i++ {
			if s[i] != '\\' {
				b.WriteByte(s[i])
				continue
			}
			c, n := unescape(s[i:])
			if n == 0 {
				return nil, false
			}
			b.WriteByte(c)
			i += n - 1
		}
		if i >= len(s) {
			return nil, false
		}
		out, s = append(out, b.String()), s[i+1:]
	}
	return out, true
}

// unescape reads \DDD or \X at the start of s; n is 0 where there is neither.
func unescape(s string) (c byte, n int) {
	if len(s) < 2 {
		return 0, 0
	}
	if s[1] < '0' || s[1] > '9' {
		return s[1], 2
	}
	v := 0
	for i := 1; i <= 3; i++ {
		if i >= len(s) || s[i] < '0' || s[i] > '9' {
			return 0, 0
		}
		v = v*10 + int(s[i]-'0')
	}
	if v > 255 {
		return 0, 0
	}
	return byte(v), 4
}

// escape returns the octets of s as miekg/dns keeps character strings (RFC 1035 5.1).
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, "\\%03d", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// escapeQuotes is how the API shows a string: UTF-8 stays readable, the rest is escaped.
func escapeQuotes(s string) string {
	var b strings.Builder
	for _, part := range splitUTF8(s) {
		if len(part) > 1 {
			b.WriteString(part)
			continue
		}
		b.WriteString(escape(part))
	}
	return b.String()
}

// splitUTF8 cuts s into characters; octets that are no UTF-8 stand alone.
func splitUTF8(s string) []string {
	var out []string
	for i, c := range s {
		n := 1
		if c != '\uFFFD' || strings.HasPrefix(s[i:], "\uFFFD") {
			n = len(string(c))
		}
		out = append(out, s[i:i+n])
	}
	return out
}

// setRR parses rdata in presentation form, and takes it through the wire form, where service
// parameters get their order. What is refused only here is a vendor's "invalid" too.
func (r *Record) setRR(rdata string, p *problems) {
	rr, err := dns.NewRR(". 1 IN " + r.Type + " " + rdata)
	if err == nil && rr != nil {
		buf := make([]byte, 1<<16)
		var end int
		if end, err = dns.PackRR(rr, buf, 0, nil, false); err == nil {
			rr, _, err = dns.UnpackRR(buf[:end], 0)
		}
	}
	if err != nil || rr == nil || strings.ContainsAny(rdata, "\r\n") {
		p.add(9102, "Content for %s record is invalid.", r.Type)
		return
	}
	r.rr = rr
}
