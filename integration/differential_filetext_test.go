package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
)

// fileRecords are the records of the reader's own test: every type, right and nearly so.
var fileRecords = sync.OnceValue(func() (records []string) {
	text, err := os.ReadFile("../zones/zonefile/testdata/records.txt")
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && !strings.ContainsRune("#\t", rune(line[0])) && !strings.HasPrefix(line, "SOA ") {
			records = append(records, line)
		}
	}
	return records
})

// someRecord is type and data of a record.
func someRecord(rnd *rand.Rand) string {
	switch rnd.IntN(6) {
	case 0:
		return pick(rnd, fileData)
	case 1, 2, 3:
		return pick(rnd, fileRecords())
	}
	return reworded(rnd, pick(rnd, fileRecords()))
}

// reworded changes a word of a record: it goes, stands twice, changes places, comes from elsewhere, is written otherwise.
func reworded(rnd *rand.Rand, record string) string {
	words := strings.Split(record, " ")
	i, j := rnd.IntN(len(words)), rnd.IntN(len(words))
	switch rnd.IntN(10) {
	case 0:
		words = slices.Delete(words, i, i+1)
	case 1:
		words = slices.Insert(words, i, words[j])
	case 2:
		words[i], words[j] = words[j], words[i]
	case 3:
		words[i] = pick(rnd, strings.Split(pick(rnd, fileRecords()), " "))
	case 4:
		words[i] = `"` + words[i] + `"`
	case 5:
		words[i] = strings.ToLower(words[i])
	case 6:
		words[i] = strings.ToUpper(words[i])
	case 7:
		n := rnd.IntN(len(words[i]) + 1)
		words[i] = words[i][:n] + pick(rnd, []string{" ", "0", "1", "9", "a", "=", ".", "-", ":", ",", "\n", " \\# "}) + words[i][n:]
	case 8:
		if n := len(words[i]); n > 0 {
			words[i] = words[i][:n-1]
		}
	case 9:
		words[i] = pick(rnd, []string{"0", "1", "255", "256", "65535", "65536", "4294967295", "4294967296", "-1", "-", ".", "@", "*", "x", "::", "192.0.2.1", "AA==", "00", `""`, "A", "TYPE1"})
	}
	return strings.Join(words, " ")
}

// Random zone files: lines that are right and lines that nearly are, put together in all the ways that master files allow,
// then damaged here and there.

var (
	fileOwners = []string{"a", "a", "b", "c.a", "@", "*", "*.b", "", "", "A", `\097`, `x\.y`, `\@`, `\$d`, `"q"`, `q"r"`, "1", "60", "IN", "MX", "TYPE1", "_a._b", "a-", "-a",
		`\000`, `\255`, `\256`, `\25`, `x\`, `x\032y`, "x..y", ".x", "..", "a.out.example.", strings.Repeat("l", 63), strings.Repeat("l", 64), strings.Repeat("abcdefg.", 30) + "x",
		strings.Repeat("abcdefg.", 32) + "x", "é", "x,y", "(a)", "a;", `a\;b`, "@.a", "a.@", "0", "\\(", "c.a.", "$x", "x$"}
	filePrefixes = []string{"", "", "", "IN", "60", "60 IN", "IN 60", "1h", "1H30M", "1w2d3h4m5s", "0", "CLASS1", "CLASS1 5", "in", "CH", "CLASS3", "HS", "NONE", "ANY", "CLASS0",
		"2147483647", "2147483648", "4294967295", "4294967296", "-1", "1x", "1h30", "30m1h", "h", "0x10", "060", "1.5", "60 60", "IN IN", "IN 60 IN", "CLASS65536", "1m1m", "1S", "\"60\"", "+5", "99999999999999999999"}
	fileData = []string{
		"A 192.0.2.1", "A 192.0.2.1", "A 192.0.2.256", "A 192.0.2", "A 192.0.02.1", "A 192.0.2.1 x", "A", "A 1", `A "192.0.2.1"`, `A \# 4 c0000201`, `A \# 5 c000020100`, `A \# 4 C00 002 01`, `A \# 4 c00002`,
		"AAAA 2001:db8::1", "AAAA ::", "AAAA ::ffff:192.0.2.1", "AAAA 1::2::3", "AAAA 2001:db8::g", "AAAA 1:2:3:4:5:6:7:8", "AAAA 1:2:3:4:5:6:7::", "AAAA fe80::1%eth0", "AAAA 12345::", "AAAA 192.0.2.1",
		"NS b", "NS out.example.", "NS .", "CNAME b", "CNAME @", "CNAME", "CNAME a b", "DNAME b", "PTR b.", `PTR b\.c`, "NS 192.0.2.1",
		"MX 10 b", "MX b", "MX 65536 b", "MX -1 b", "MX 010 b", "MX 10 .", "MX 10", "MX 0x1 b", "MX 10 b c",
		`TXT x`, `TXT "x y" z`, `TXT ""`, `TXT`, `TXT "x`, `TXT x"y"`, `TXT "x""y"`, `TXT "\"\\\;"`, `TXT \"x\"`, `TXT "\065\300"`, `TXT x\ y`, `TXT \# 2 0161`, `TXT "\#" 2`, "TXT \"a\nb\"", "TXT é", "TXT \"\té\"",
		"TXT " + strings.Repeat("x", 255), "TXT " + strings.Repeat("x", 256), `TXT "` + strings.Repeat("x", 254) + `\120"`, `TXT a;b`, `TXT "a;b"`, `TXT (a)`, `TXT @ $`, "TXT a\\\nb",
		"SRV 1 2 3 b", "SRV 1 2 b", "SRV 1 2 65536 .", "SRV 0 0 0 .",
		`CAA 0 issue "ca.example"`, `CAA 0 issue ca.example`, `CAA 256 issue x`, `CAA 0 "issue" x`, `CAA 0 is-sue x`, `CAA 0 issue`, `CAA 0 issue ""`, `CAA 128 tbs "unknown"`, `CAA 0 ISSUE x y`,
		"DS 1 13 2 " + strings.Repeat("0a", 32), "DS 1 13 2 0A0B", "DS 1 ECDSAP256SHA256 2 " + strings.Repeat("0a", 32), "DS 1 13 2 " + strings.Repeat("0a ", 32), "DS 1 13 9 0a", "DS 65536 13 2 0a", "DS 1 13 2 0a0", "DS 1 13 2",
		"TLSA 3 1 1 " + strings.Repeat("0b", 32), "TLSA 3 1 1", "TLSA 3 1 1 0b", "TLSA PKIX-TA SPKI SHA2-256 0b", "SSHFP 4 2 " + strings.Repeat("0c", 32), "SSHFP 4 2 0c", "SSHFP 4 2",
		`HINFO x y`, `HINFO "x y" z`, `HINFO x`, `HINFO x y z`, `NAPTR 1 2 "u" "E2U+sip" "!^.*$!sip:x@y!" .`, `NAPTR 1 2 u s "" b`, `NAPTR 1 2 "u" "s" b`,
		"HTTPS 1 . alpn=h2,h3", "HTTPS 0 b", "HTTPS 1 . alpn=\"h2,h3\" port=443", "HTTPS 1 . port=1 alpn=h2", "HTTPS 1 . ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1", "HTTPS 1 . key65000=abc", "HTTPS 1 . mandatory=alpn alpn=h2",
		"HTTPS 1 . mandatory=alpn", "HTTPS 1 . alpn=h2 alpn=h3", "HTTPS 1", "SVCB 1 b no-default-alpn", "SVCB 1 b no-default-alpn alpn=x", "SVCB 1 b key667=\"\\000\\255\"", "SVCB 1 b ech=AAAA", "SVCB 1 b port=65536", "SVCB 1 b port=", "SVCB 1 b dohpath=/x{?dns}",
		"SVCB 65536 b", "SVCB 1 b alpn=\"a\\\\,b\"", "SVCB 1 b ipv4hint=x", "SVCB 0 b port=1", "SVCB 1 b key1=h2",
		"LOC 52 22 23 N 4 53 32 E -2m", "LOC 52 N 4 E 0m", "LOC 52 N 4 E 1.234m", "LOC 91 N 4 E 0m", "LOC 52 22 23.1234 N 4 53 32 E -2m", "LOC 1 2 3 N 4 5 6 W 10 20 30 40", "LOC 52 22 23 N 4 53 32 E 42849672.95m",
		"RP b c", "RP b", "AFSDB 1 b", "RT 1 b", "KX 1 b", "PX 1 b c", "X25 123", "ISDN 123", "ISDN 1 2", "NSAP 0x47.0005.80", "EUI48 00-11-22-33-44-55", "EUI48 00:11:22:33:44:55", "EUI64 00-11-22-33-44-55-66-77",
		"OPENPGPKEY AAAA", "SMIMEA 3 1 1 0b0c", "CERT 1 2 3 AAAA", "CERT PKIX 2 RSASHA256 AAAA", "URI 1 2 \"http://x/\"", "URI 1 2 http://x/", `URI 1 2 ""`, "NID 1 0014:4fff:ff20:ee64", "L32 1 10.1.2.0", "L64 1 2001:0db8:1140:1000", "LP 1 b", "DHCID AAAA",
		"CDS 0 0 0 00", "CDNSKEY 0 3 0 AA==", "CDS 0 0 0 0", "DNSKEY 257 3 13 " + strings.Repeat("A", 88), "DNSKEY 257 3 13 AAA", "DNSKEY 65536 3 13 AAAA", "CSYNC 66 3 A NS AAAA", "ZONEMD 1 1 1 " + strings.Repeat("0d", 48), "APL 1:192.0.2.0/24 !2:2001:db8::/32", "APL", "IPSECKEY 10 1 2 192.0.2.1 AAAA", "IPSECKEY 10 0 2 . AAAA", "HIP 2 0011 AAAA b",
		"NSEC b A NS", "NSEC b", "NSEC b A A", "NSEC b FOO", "NSEC3PARAM 1 0 0 -", "NSEC3PARAM 1 0 1 ab", "RRSIG A 13 2 60 20300101000000 20200101000000 1 @ AAAA", "RRSIG A 13 2 60 1893456000 1577836800 1 @ AAAA", "RRSIG A 13 2 60 20300101000000 20301301000000 1 @ AAAA",
		`TYPE65400 \# 0`, `TYPE65400 \# 2 abcd`, `TYPE65400 \# 2 ab cd`, `TYPE65400 \# 2 abc`, `TYPE65400 \# 3 abcd`, `TYPE65400 \# -1`, `TYPE65400 x`, `TYPE65400 \#`, `TYPE65400 \# 02 abcd`, `TYPE1 192.0.2.1`, `type65400 \# 2 ABCD`, `TYPE65536 \# 0`, `TYPE0 \# 0`, `TYPE65400 "\#" 2 abcd`, `TYPE16 \# 2 0161`, `TYPE00016 x`,
		"SOA b c 1 2 3 4 5", "NULL x", "ANY x", "OPT x", "AXFR", "FOO x", "SPF x", "AVC x", "WKS 192.0.2.1 6 25 80", "WKS 192.0.2.1 tcp smtp", "MINFO b c", "MB b", "MG b", "MR b", "GPOS 1 2 3", "NXT b A", "KEY 256 3 13 AAAA", "SIG A 13 2 60 20300101000000 20200101000000 1 @ AAAA", "TALINK b c", "A6 0 2001:db8::1", "ATMA +123", "EID ab", "NIMLOC ab", "SINK 1 2 3 AAAA", "TKEY x", "AMTRELAY 10 0 1 192.0.2.1", "DLV 1 13 2 " + strings.Repeat("0a", 32), "TA 1 13 2 0a",
	}
	fileDirectives = []string{"$ORIGIN b", "$ORIGIN b.out.example.", "$ORIGIN", "$ORIGIN @", "$ORIGIN .", "$ORIGIN b c", "$TTL 1h", "$TTL 77", "$TTL", "$TTL x", "$ttl 5", "$origin b", " $TTL 60", "$TTL 60 x", "$TTL 60 ; x", "$FOO", "$FOO x",
		"$TTL 2147483648", "$TTL -1", "$TTL 1h30m", "$ORIGIN \"b\"", "$ORIGIN x..y", "$TTL (5)", "$TTL (\n5\n)", "$", "$INCLUDE", "$INCLUDE /nonexistent/file", "; comment", ";", "", "   ", "\t; c", "(", ")", "()", "( )", "(\n)"}
	fileEnds   = []string{"\n", "\n", "\n", "\n", "\r\n", " \n", "\t; comment\n", " ; ( \" \n", ";x\n", "\n\n", "\r", "\f\n", "\v\n"}
	fileSpaces = []string{" ", " ", " ", " ", "\t", "  ", " \t "}
	noise      = []string{"(", ")", "\"", "\\", ";", " ", "\n", "\t", "\r", "@", ".", "$", "0", "a", "\x00", "\xff", "#", "-", "\\#", "\\1", "(\n", "\n ", "\"\"", "\ufeff"}
)

// randomFile makes a file for the zone origin. A simple one has one thing that may be odd.
func randomFile(rnd *rand.Rand, origin string, simple bool) string {
	var b strings.Builder
	switch rnd.IntN(12) {
	case 0: // without $TTL
	case 1:
		b.WriteString("$TTL 1h\n")
	default:
		b.WriteString("$TTL 300\n")
	}
	switch rnd.IntN(10) {
	case 0:
		b.WriteString("@ IN SOA ns.out.example. h.out.example. ( 1 ; serial\n 1h\n\t30m 1w\n 60 )\n")
	case 1:
		fmt.Fprintf(&b, "%s 60 SOA ns.out.example. h\\.x.out.example. 4294967295 3600 600 86400 60\n", origin)
	default:
		b.WriteString("@ SOA ns.out.example. h.out.example. 1 3600 600 86400 60\n")
	}
	b.WriteString("@ NS ns.out.example.\n")
	if simple {
		b.WriteString(oneOddity(rnd))
		return b.String()
	}
	body := ""
	for range 1 + rnd.IntN(4)/2 {
		body += fileLine(rnd)
	}
	if rnd.IntN(6) == 0 {
		body = damaged(rnd, body)
	}
	b.WriteString(body)
	out := b.String()
	switch rnd.IntN(20) {
	case 0:
		out = strings.TrimRight(out, "\n")
	case 1:
		out = strings.ReplaceAll(strings.ReplaceAll(out, "\r\n", "\n"), "\n", "\r\n")
	}
	return out
}

// oneOddity is a line where at most one thing is odd: what all refuse in it they refuse for one reason.
func oneOddity(rnd *rand.Rand) string {
	const good = "A 192.0.2.1"
	switch rnd.IntN(9) {
	case 0:
		return pick(rnd, fileOwners) + " 60 " + good + "\n"
	case 1:
		return "o " + pick(rnd, filePrefixes) + " " + good + "\n"
	case 2:
		return pick(rnd, fileDirectives) + "\no 60 " + good + "\n"
	case 3:
		return damaged(rnd, "o 60 "+good+"\n")
	case 4:
		return "o 60 " + parenthesised(rnd, good) + pick(rnd, fileEnds)
	}
	return "o 60 " + someRecord(rnd) + "\n"
}

// fileLine is a directive or a record. Most of a record is as it should be, so that what is not shows.
func fileLine(rnd *rand.Rand) string {
	if rnd.IntN(8) == 0 {
		return pick(rnd, fileDirectives) + pick(rnd, fileEnds)
	}
	owner, prefix := fmt.Sprintf("o%d", rnd.IntN(9)), "60"
	if rnd.IntN(4) == 0 {
		owner = pick(rnd, fileOwners)
	}
	if rnd.IntN(4) == 0 {
		prefix = pick(rnd, filePrefixes)
	}
	data := someRecord(rnd)
	if rnd.IntN(6) == 0 {
		data = parenthesised(rnd, data)
	}
	line := owner + pick(rnd, fileSpaces) + prefix
	if prefix != "" {
		line += pick(rnd, fileSpaces)
	}
	return line + data + pick(rnd, fileEnds)
}

// parenthesised puts a part of a line into parentheses, with line breaks and comments in it.
func parenthesised(rnd *rand.Rand, data string) string {
	f := strings.Split(data, " ")
	from := rnd.IntN(len(f))
	to := from + rnd.IntN(len(f)-from) + 1
	inner := strings.Join(f[from:to], pick(rnd, []string{" ", "\n", "\n\t", " ; c\n", " ;)\n "}))
	gap := pick(rnd, []string{"", " ", "\n", " \n\t"})
	parts := append(append(append([]string{}, f[:from]...), "("+gap+inner+gap+")"), f[to:]...)
	return strings.Join(parts, " ")
}

// damaged changes a text in a place or two.
func damaged(rnd *rand.Rand, s string) string {
	for range 1 + rnd.IntN(2) {
		if s == "" {
			return s
		}
		i := rnd.IntN(len(s))
		switch rnd.IntN(3) {
		case 0:
			s = s[:i] + s[i+1:]
		case 1:
			s = s[:i] + pick(rnd, noise) + s[i:]
		case 2:
			s = s[:i] + pick(rnd, noise) + s[i+1:]
		}
	}
	return s
}
