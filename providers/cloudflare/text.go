package cloudflare

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// errQuotes is why TXT content cannot be read.
var errQuotes = errors.New("inconsistent quotes or escapes")

const maxString = 255 // octets in one character string (RFC 1035 3.3)

// joinStrings writes the character strings of a TXT record as content: quoted, separated by a
// space, in presentation form (RFC 1035 5.1). UTF-8 stays readable, as in Cloudflare's dashboard; other octets
// outside of printable ASCII become \DDD.
func joinStrings(strs []string) string {
	quoted := make([]string, len(strs))
	for i, s := range strs {
		quoted[i] = `"` + escapeText(s) + `"`
	}
	return strings.Join(quoted, " ")
}

func escapeText(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch c := s[0]; {
		case r == utf8.RuneError && size == 1, c < ' ', c == 0x7f:
			fmt.Fprintf(&b, `\%03d`, c)
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// splitStrings reads TXT content. What has no quotes at its start was written before Cloudflare asked for them: it
// is text as it stands. Strings longer than 255 octets are cut, as Cloudflare does when it answers.
func splitStrings(content string) ([]string, error) {
	if !strings.HasPrefix(content, `"`) {
		return cut(nil, content), nil
	}
	var out []string
	for rest := content; rest != ""; {
		s, after, err := quotedString(rest)
		if err != nil {
			return nil, fmt.Errorf("text %q: %w", content, err)
		}
		out = cut(out, s)
		rest = strings.TrimLeft(after, " \t")
	}
	return out, nil
}

// cut appends s to out in pieces of at most 255 octets; an empty s is one empty piece.
func cut(out []string, s string) []string {
	for len(s) > maxString {
		out, s = append(out, s[:maxString]), s[maxString:]
	}
	return append(out, s)
}

// quotedString reads one quoted string at the start of s.
func quotedString(s string) (text, rest string, err error) {
	if s[0] != '"' {
		return "", "", errQuotes
	}
	var b strings.Builder
	for i := 1; i < len(s); {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], nil
		case '\\':
			c, n, err := unescapeOctet(s[i:])
			if err != nil {
				return "", "", err
			}
			b.WriteByte(c)
			i += n
		default:
			b.WriteByte(s[i])
			i++
		}
	}
	return "", "", errQuotes
}

// unescapeOctet reads \DDD or \X at the start of s and says how long it is.
func unescapeOctet(s string) (c byte, n int, err error) {
	if len(s) < 2 {
		return 0, 0, errQuotes
	}
	if s[1] < '0' || s[1] > '9' {
		return s[1], 2, nil
	}
	if len(s) < 4 {
		return 0, 0, errQuotes
	}
	v := 0
	for _, d := range []byte(s[1:4]) {
		if d < '0' || d > '9' {
			return 0, 0, errQuotes
		}
		v = v*10 + int(d-'0')
	}
	if v > 255 {
		return 0, 0, errQuotes
	}
	return byte(v), 4, nil
}

// stringsOf returns the character strings that fill rdata.
func stringsOf(rdata []byte) ([]string, error) {
	var out []string
	for off := 0; off < len(rdata); off += 1 + int(rdata[off]) {
		end := off + 1 + int(rdata[off])
		if end > len(rdata) {
			return nil, errors.New("a string is longer than the data")
		}
		out = append(out, string(rdata[off+1:end]))
	}
	if len(out) == 0 {
		return nil, errors.New("no string")
	}
	return out, nil
}

// rdataOf is the inverse of stringsOf.
func rdataOf(strs []string) []byte {
	var out []byte
	for _, s := range strs {
		out = append(append(out, byte(len(s))), s...)
	}
	return out
}

// presentation returns octets as miekg/dns keeps character strings.
func presentation(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03d`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// octets is the inverse of presentation.
func octets(s string) (string, error) {
	text, rest, err := quotedString(`"` + strings.ReplaceAll(strings.ReplaceAll(s, `\"`, `\034`), `"`, `\034`) + `"`)
	if err != nil || rest != "" {
		return "", fmt.Errorf("text %q: %w", s, errQuotes)
	}
	return text, nil
}
