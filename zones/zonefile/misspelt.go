package zonefile

import (
	"bytes"
	"strings"
)

// likelyTypes are those that people write by hand.
var likelyTypes = [...]string{"AAAA", "ALIAS", "CAA", "CNAME", "DNAME", "DNSKEY", "HTTPS", "NAPTR", "PTR", "SOA", "SRV", "SSHFP", "SVCB", "TLSA", "TXT"}

// likelyType says which type is likely meant by a word that is none: one that a slip of a finger makes of it, or one with a blank too
// little behind it.
func likelyType(text []byte) string {
	digits := bytes.IndexFunc(text, func(r rune) bool { return '0' <= r && r <= '9' })
	if digits > 0 {
		if _, ok := lookupType(text[:digits]); ok {
			return ": a blank is missing behind " + strings.ToUpper(string(text[:digits]))
		}
	}
	if len(text) < 3 {
		return "" // too many are near
	}
	written := strings.ToUpper(string(text))
	for _, near := range [...]func(a, b string) bool{oneMore, exchanged, oneOther} {
		for _, name := range likelyTypes {
			if near(written, name) || near(name, written) {
				return ": is " + name + " meant?"
			}
		}
	}
	return ""
}

// oneMore says whether a is b with one letter more.
func oneMore(a, b string) bool {
	i := common(a, b)
	return len(a) == len(b)+1 && a[i+1:] == b[i:]
}

// exchanged says whether a is b with two neighbours exchanged.
func exchanged(a, b string) bool {
	i := common(a, b)
	return len(a) == len(b) && i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// oneOther says whether a is b with another letter in one place.
func oneOther(a, b string) bool {
	i := common(a, b)
	return len(a) == len(b) && i < len(a) && a[i+1:] == b[i+1:]
}

// common is how many letters a and b begin with alike.
func common(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return i
}
