package zonefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// top starts most zones of these tests; what follows it is line 4.
const top = "$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 300\n@ NS ns.example.net.\n"

// parse reads text as example.org.zone.
func parse(t *testing.T, text string) *Result {
	t.Helper()
	r, err := ParseBytes("example.org.zone", []byte(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// parseGood is parse for zones without problems.
func parseGood(t *testing.T, text string) *Result {
	t.Helper()
	r := parse(t, text)
	if len(r.Problems) != 0 || r.Zone == nil {
		t.Fatalf("got problems:\n%s", problemText(r))
	}
	return r
}

// problemText returns the problems as lines, the file's name left out.
func problemText(r *Result) string {
	var b strings.Builder
	for _, p := range r.Problems {
		b.WriteString(strings.TrimPrefix(p.String(), "example.org.zone:"))
		b.WriteByte('\n')
	}
	return b.String()
}

// records returns a zone's records as lines without its SOA and its apex NS.
func records(z *zones.Zone) string {
	var b strings.Builder
	for s := range z.RRsets() {
		if s.Name != z.Origin() || s.Type != dns.TypeSOA && s.Type != dns.TypeNS {
			b.WriteString(s.String() + "\n")
		}
	}
	return b.String()
}

func TestBadInput(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, tt := range []struct {
		name, text, want string // text comes behind top
	}{
		{"address", "www A 192.0.2.300", `4:7: bad IPv4 address "192.0.2.300" in the A record of www.example.org.: four numbers up to 255 with dots between are needed`},
		{"address short", "www A 192.0.2", `4:7: bad IPv4 address "192.0.2" in the A record of www.example.org.: four numbers up to 255 with dots between are needed`},
		{"address with final dot", "www A 192.0.2.1.", `4:7: bad IPv4 address "192.0.2.1." in the A record of www.example.org.: four numbers up to 255 with dots between are needed`},
		{"address octal", "www A 192.0.02.1", `4:7: bad IPv4 address "192.0.02.1" in the A record of www.example.org.: a number in it starts with 0, which some read as octal`},
		{"address v6 in A", "www A 2001:db8::1", `4:7: bad IPv4 address "2001:db8::1" in the A record of www.example.org.: four numbers up to 255 with dots between are needed; this is an IPv6 address, which an AAAA record holds`},
		{"address v4 in AAAA", "www 60 IN AAAA 192.0.2.1", `4:16: bad IPv6 address "192.0.2.1" in the AAAA record of www.example.org.: an address as in 2001:db8::1 is needed; this is an IPv4 address, which an A record holds`},
		{"address with zone", "www AAAA fe80::1%eth0", `4:10: bad IPv6 address "fe80::1%eth0" in the AAAA record of www.example.org.: an address as in 2001:db8::1 is needed`},
		{"address quoted", `www A "192.0.2.1"`, `4:7: bad IPv4 address "192.0.2.1" in the A record of www.example.org.: write it without quotes`},
		{"two addresses", "www A 192.0.2.1 192.0.2.2", `4:17: the A record of www.example.org. ends before this`},
		{"no data", "www A", `4:6: the A record of www.example.org. ends before its IPv4 address`},
		{"no data, comment", "www A ; nothing\nftp MX 10 ; nothing", "4:6: the A record of www.example.org. ends before its IPv4 address\n5:10: the MX record of ftp.example.org. ends before its name"},
		{"no type", "www 300 IN", `4:11: the line ends before the record's type`},
		{"owner alone", "www", `4:4: the line ends before the record's type`},
		{"unknown type", "www IN ALIS example.net.", `4:8: unknown record type "ALIS": is ALIAS meant?`},
		{"type number", "www TYPE65536 \\# 0", `4:5: unknown record type "TYPE65536"`},
		{"meta types", "www ANY x\nwww AXFR x\nwww OPT x\nwww TYPE0 \\# 0\nwww TYPE250 \\# 0",
			"4:5: type ANY stands in messages alone, a zone cannot hold it\n5:5: type AXFR stands in messages alone, a zone cannot hold it\n" +
				"6:5: type OPT stands in messages alone, a zone cannot hold it\n7:5: type TYPE0 stands in messages alone, a zone cannot hold it\n" +
				"8:5: type TYPE250 stands in messages alone, a zone cannot hold it"},
		{"LOC", "a LOC 52 N 4 E 1.234m\nb LOC 52 1 1.2345 N 4 E 1m\nc LOC 1 2 3 N 4 5 6 W 10 20 30 40 50", "4:16: bad location \"1.234m\" in the LOC record of a.example.org.: an altitude in metres is needed, from -100000.00m to 42849672.95m, with two decimals at most\n" +
			"5:12: bad location \"1.2345\" in the LOC record of b.example.org.: seconds up to 59.999 are needed, with three decimals at most\n" +
			"6:35: the LOC record of c.example.org. ends before this"},
		{"NSEC without types", "a NSEC b", "4:9: the NSEC record of a.example.org. ends before its types"},
		{"indented owner", "  www A 192.0.2.1", `4:3: unknown record type "www": a line that starts with white space continues the record before it, it has no owner of its own`},
		{"class", "www CH TXT x\nwww CLASS3 TXT x\nwww 300 HS TXT x\nwww CLASS1 TXT x", "4:5: class CH: only IN is served\n5:5: class CLASS3: only IN is served\n6:9: class HS: only IN is served"},
		{"two classes", "www IN IN A 192.0.2.1", `4:8: a second class "IN" in one record`},
		{"two TTLs", "www 300 IN 300 A 192.0.2.1", `4:12: a second TTL "300" in one record`},
		{"TTL too high", "www 2147483648 A 192.0.2.1", `4:5: bad TTL "2147483648": a number of seconds up to 2147483647 is needed, or units as in 1h30m`},
		{"TTL without unit", "www 1h30 A 192.0.2.1", `4:5: bad TTL "1h30": a number of seconds up to 2147483647 is needed, or units as in 1h30m`},
		{"TTL overflow", "www 99999999999999999999999w A 192.0.2.1", `4:5: bad TTL "99999999999999999999999w": a number of seconds up to 2147483647 is needed, or units as in 1h30m`},
		{"$TTL", "$TTL\n$TTL x\n$TTL 1 2\n", "4:5: $TTL ends too early: it is written $TTL SECONDS\n5:6: bad TTL \"x\": a number of seconds up to 2147483647 is needed, or units as in 1h30m\n6:8: $TTL ends before this: it is written $TTL SECONDS"},
		{"TTL differs", "www 60 A 192.0.2.1\nwww 90 A 192.0.2.2\nwww 99 A 192.0.2.3", "5:1: warning: TTL 90 of www.example.org. A differs from that of the records before it; all of them get the first one's (RFC 2181 5.2)"},
		{"duplicate", "www A 192.0.2.1\nWWW IN A 192.0.2.1", "5:1: warning: www.example.org. A 192.0.2.1 stands here a second time; it counts once"},
		{"outside", "www.example.net. A 192.0.2.1", `4:1: www.example.net. is outside the zone example.org.`},
		{"outside, continued", "www.example.net. A 192.0.2.1\n A 192.0.2.2\n A 192.0.2\nx A 192.0.2.1",
			"4:1: www.example.net. is outside the zone example.org.\n6:4: bad IPv4 address \"192.0.2\" in the A record of A: four numbers up to 255 with dots between are needed"},
		{"outside by $ORIGIN", "$ORIGIN example.net.\nwww A 192.0.2.1", `5:1: www.example.net. is outside the zone example.org.`},
		{"suffix is not within", "badexample.org. A 192.0.2.1", `4:1: badexample.org. is outside the zone example.org.`},
		{"empty label", "a..b A 192.0.2.1", `4:1: bad owner name "a..b": a label in it is empty`},
		{"leading dot", ".a A 192.0.2.1", `4:1: bad owner name ".a": a label in it is empty`},
		{"long label", long + " A 192.0.2.1", `4:1: bad owner name "` + long + `": a label in it is over 63 octets`},
		{"long name", "x CNAME " + strings.Repeat("aaaaaaaaa.", 26) + "\n", `4:9: bad name "` + strings.Repeat("aaaaaaaaa.", 6) + `"… in the CNAME record of x.example.org.: it is over 255 octets`},
		{"escape", `a\25x A 192.0.2.1` + "\n" + `a\256 A 192.0.2.1` + "\n" + `x TXT "\300"`,
			`4:1: bad owner name "a\\25x": a backslash must have a character behind it, or three digits up to 255` + "\n" +
				`5:1: bad owner name "a\\256": a backslash must have a character behind it, or three digits up to 255` + "\n" +
				`6:7: bad string "\\300" in the TXT record of x.example.org.: a backslash must have a character behind it, or three digits up to 255`},
		{"owner and data bad", "a..b A 192.0.2", "4:1: bad owner name \"a..b\": a label in it is empty\n4:8: bad IPv4 address \"192.0.2\" in the A record of a..b: four numbers up to 255 with dots between are needed"},
		{"quoted owner", `"www" A 192.0.2.1`, `4:1: owner name "www" is quoted: write it without quotes`},
		{"empty owner", `"" B`, "4:1: owner name \"\" is quoted: write it without quotes\n4:4: unknown record type \"B\""},
		{"quoted type", `www "A" 192.0.2.1`, `4:5: a quoted string stands where the record's type is expected`},
		{"forgotten dot", "www CNAME web.example.org\nmail.example.org A 192.0.2.1",
			"4:11: warning: \"web.example.org\" has no final dot, so it means web.example.org.example.org.; write web.example.org. if that is not meant\n" +
				"5:1: warning: \"mail.example.org\" has no final dot, so it means mail.example.org.example.org.; write mail.example.org. if that is not meant"},
		{"not ASCII", "münchen A 192.0.2.1", `4:1: warning: "münchen" has octets outside ASCII: an international name is written in its xn-- form`},
		{"string too long", `x TXT short "` + strings.Repeat("a", 256) + `"`, `4:13: bad string "` + strings.Repeat("a", 60) + `"… in the TXT record of x.example.org.: it has 256 octets, 255 are the limit: split it into several quoted strings`},
		{"TXT without data", "x TXT", "4:6: the TXT record of x.example.org. ends before its string"},
		{"MX", "x MX mail\ny MX 65536 mail\nz MX 10 mail mail2", "4:6: bad preference \"mail\" in the MX record of x.example.org.: a number from 0 to 65535 is needed\n" +
			"5:6: bad preference \"65536\" in the MX record of y.example.org.: a number from 0 to 65535 is needed\n6:14: the MX record of z.example.org. ends before this"},
		{"SRV", "_x._tcp SRV 0 0 http www", "4:17: bad port \"http\" in the SRV record of _x._tcp.example.org.: a number from 0 to 65535 is needed"},
		{"CAA", "x CAA 256 issue \"a\"\nx CAA 0 iss-ue \"a\"\nx CAA 0 issue a b", "4:7: bad flags \"256\" in the CAA record of x.example.org.: a number from 0 to 255 is needed\n" +
			"5:9: bad tag \"iss-ue\" in the CAA record of x.example.org.: letters and digits alone are allowed (RFC 8659)\n6:17: the CAA record of x.example.org. ends before this"},
		{"SOA elsewhere", "www SOA ns h 1 2 3 4 5", "4:1: SOA at www.example.org.: it belongs to the zone's apex, example.org."},
		{"SOA twice", "@ SOA ns hostmaster 2 3600 600 86400 300", "4:1: a second SOA, with other data than the one at example.org.zone:2:1"},
		{"SOA again, as dig prints it", "@ SOA ns hostmaster 1 3600 600 86400 300", "4:1: warning: example.org. SOA ns.example.org. hostmaster.example.org. 1 3600 600 86400 300 stands here a second time; it counts once"},
		{"SOA serial", "@ SOA ns h 4294967296 2 3 4 5", "4:12: bad serial \"4294967296\" in the SOA record of example.org.: a number from 0 to 4294967295 is needed"},
		{"SOA retry", "@ SOA ns h 1 2 3x 4 5", "4:16: bad retry \"3x\" in the SOA record of example.org.: a number from 0 to 4294967295 is needed, or a time as in 1h30m"},
		{"RFC 3597 length", `x TYPE65280 \# 3 0a000001`, `4:16: bad length "3" in the TYPE65280 record of x.example.org.: 4 octets follow`},
		{"RFC 3597 digits", `x TYPE65280 \# 4 0a0000 0g`, `4:25: bad data "0g" in the TYPE65280 record of x.example.org.: hexadecimal digits are needed`},
		{"RFC 3597 odd", `x TYPE65280 \# 4 0a000`, `4:18: the TYPE65280 record of x.example.org. has 5 hexadecimal digits, an odd number`},
		{"RFC 3597 alone", `x TYPE65280 \#`, `4:15: the TYPE65280 record of x.example.org. ends before its length`},
		{"RFC 3597 bad A", `x A \# 3 0a0000`, `4:5: the A record of x.example.org. has data that its type does not allow: its IPv4 address is cut off, or is none`},
		{"RFC 3597 compressed", `x NS \# 2 c000`, `4:6: the NS record of x.example.org. has data that its type does not allow: its name is cut off, or is none`},
		{"unknown type in text", `x TYPE65280 10.0.0.1`, `4:13: the TYPE65280 record of x.example.org. has a type without a text form: write \# LENGTH HEX (RFC 3597)`},
		{"SSHFP", "x SSHFP 1 x 00", `4:11: bad fingerprint type "x" in the SSHFP record of x.example.org.: a number from 0 to 255 is needed`},
		{"HTTPS", "x HTTPS 1 . alpn=h2 nonsense=1", `4:21: bad parameter "nonsense=1" in the HTTPS record of x.example.org.: there are the parameters mandatory, alpn, no-default-alpn, port, ipv4hint, ech, ipv6hint, dohpath and ohttp, and others are written keyNNNNN`},
		{"HTTPS over lines", "x HTTPS 1 (\n .\n alpn=h2\n  nonsense=1 )", `7:3: bad parameter "nonsense=1" in the HTTPS record of x.example.org.: there are the parameters mandatory, alpn, no-default-alpn, port, ipv4hint, ech, ipv6hint, dohpath and ohttp, and others are written keyNNNNN`},
		{"DS", "x DS 1 8 2 zz", `4:12: bad digest "zz" in the DS record of x.example.org.: hexadecimal digits are needed, and 'z' is none`},
		{"digests and keys that are missing", "x DS 1 8 2\nx DS 1 8 2 00\nx TLSA 3 1 1\nx SSHFP 4 2\nx DNSKEY 256 3 8\nx CERT PKIX 1 RSASHA256\nx DS \\# 4 00010802",
			`4:11: the DS record of x.example.org. ends before its digest
5:12: the DS record of x.example.org. has a digest of 1 octets, its algorithm makes 32
6:13: the TLSA record of x.example.org. ends before its association data
7:12: the SSHFP record of x.example.org. ends before its fingerprint
8:17: the DNSKEY record of x.example.org. ends before its key
9:24: the CERT record of x.example.org. ends before its certificate
10:6: the DS record of x.example.org. has data that its type does not allow: it ends before its digest`},
		{"HTTPS mandatory", "x HTTPS 1 . mandatory=alpn port=1\nx HTTPS 1 . mandatory=alnp alpn=h2", "4:13: bad parameter \"mandatory=alpn\" in the HTTPS record of x.example.org.: mandatory lists alpn, which is not among the parameters\n" +
			"5:13: bad parameter \"mandatory=alnp\" in the HTTPS record of x.example.org.: there is no parameter \"alnp\""},
		{"foreign type without data", "x NAPTR\nx SSHFP", "4:8: the NAPTR record of x.example.org. ends before its order\n5:8: the SSHFP record of x.example.org. ends before its algorithm"},
		{"directives", "$FOO x\n$ORIGIN\n$ORIGIN a b\n$ORIGIN a..b\n $TTL 5\n$INCLUDE", "4:1: unknown directive \"$FOO\": there are $ORIGIN, $TTL, $INCLUDE and $GENERATE; a name that starts with \"$\" is written \\$FOO\n" +
			"5:8: $ORIGIN ends too early: it is written $ORIGIN NAME\n6:11: $ORIGIN ends before this: it is written $ORIGIN NAME\n7:9: bad origin \"a..b\": a label in it is empty\n" +
			"8:2: $TTL must start in the first column of its line\n9:9: $INCLUDE ends too early: it is written $INCLUDE FILE [ORIGIN]"},
		{"origin without dot", "$ORIGIN example.org\n", "4:9: warning: \"example.org\" has no final dot, so it means example.org.example.org.; write example.org. if that is not meant"},
		{"stray parenthesis", "x TXT a ) b\ny A 192.0.2", "4:9: \")\" without a \"(\" before it\n5:5: bad IPv4 address \"192.0.2\" in the A record of y.example.org.: four numbers up to 255 with dots between are needed"},
		{"open parenthesis", "x TXT ( a\n b\n c\ny A 192.0.2\n A 192.0.2.1", "4:7: parenthesis is never closed\n7:5: bad IPv4 address \"192.0.2\" in the A record of y.example.org.: four numbers up to 255 with dots between are needed"},
		{"open parenthesis at the end", "x TXT ( a", "4:7: parenthesis is never closed"},
		{"open parenthesis, closed ones behind", "x TXT ( a\ny TXT ( b )\n$TTL x\nz 60 IN TXT ( c", "4:7: parenthesis is never closed\n6:6: bad TTL \"x\": a number of seconds up to 2147483647 is needed, or units as in 1h30m\n7:13: parenthesis is never closed"},
		{"open quote", "x TXT \"a\ny A 192.0.2", "4:7: quote is not closed on its line\n5:5: bad IPv4 address \"192.0.2\" in the A record of y.example.org.: four numbers up to 255 with dots between are needed"},
		{"open quote in parentheses", "x TXT ( \"a\n \"b\" )\ny A 192.0.2", "4:9: quote is not closed on its line\n6:5: bad IPv4 address \"192.0.2\" in the A record of y.example.org.: four numbers up to 255 with dots between are needed"},
		{"open quote that swallows the parenthesis", "x TXT ( \"a )\ny A 192.0.2", "4:9: quote is not closed on its line\n5:5: bad IPv4 address \"192.0.2\" in the A record of y.example.org.: four numbers up to 255 with dots between are needed"},
		{"open quote at the end", "x TXT \"", "4:7: quote is not closed on its line"},
		{"escaped quote at the end", `x TXT "\"`, "4:7: quote is not closed on its line"},
		{"control character", "x TXT a\x01b\ny A 192.0.2.1", "4:8: control character 0x01"},
		{"old Mac line ends", "x A 192.0.2.1\ry A 192.0.2.1 ; comment\rz A 192.0.2.1\n", "4:14: carriage return without a line feed behind it\n4:38: carriage return without a line feed behind it"},
		{"carriage return in quotes", "x TXT \"a\rb\"\n", `4:9: carriage return in a quoted string: write \013`},
		{"problems of one record in their order", "www.example.org 2147483648 A 192.0.2\n$ORIGIN sub\nx.sub.example.org 60 CNAME y.sub.example.org\nx.sub.example.org 70 CNAME y.sub.example.org",
			"4:1: warning: \"www.example.org\" has no final dot, so it means www.example.org.example.org.; write www.example.org. if that is not meant\n" +
				"4:17: bad TTL \"2147483648\": a number of seconds up to 2147483647 is needed, or units as in 1h30m\n" +
				"6:1: warning: \"x.sub.example.org\" has no final dot, so it means x.sub.example.org.sub.example.org.; write x.sub.example.org. if that is not meant\n" +
				"6:28: warning: \"y.sub.example.org\" has no final dot, so it means y.sub.example.org.sub.example.org.; write y.sub.example.org. if that is not meant\n" +
				"7:1: warning: TTL 70 of x.sub.example.org.sub.example.org. CNAME differs from that of the records before it; all of them get the first one's (RFC 2181 5.2)\n" +
				"7:1: warning: x.sub.example.org.sub.example.org. CNAME y.sub.example.org.sub.example.org. stands here a second time; it counts once\n" +
				"7:28: warning: \"y.sub.example.org\" has no final dot, so it means y.sub.example.org.sub.example.org.; write y.sub.example.org. if that is not meant"},
		{"too many words", "x TXT " + strings.Repeat("a ", 1<<18) + "\ny A 192.0.2.x", "4:524291: more than 262144 words in one record\n5:5: bad IPv4 address \"192.0.2.x\" in the A record of y.example.org.: four numbers up to 255 with dots between are needed"},
		{"too much data", "x TXT " + strings.Repeat("aaaaaaaaa ", 6554), "4:7: the TXT record of x.example.org. has 65540 octets of data, 65535 are the limit"},
		{"generate", "$GENERATE 1-3 h$ A\n$GENERATE x h$ A 192.0.2.$\n$GENERATE 3-1 h$ A 192.0.2.$\n$GENERATE 1-3/0 h$ A 192.0.2.$\n$GENERATE 250-300 h$ A 192.0.2.$\n$GENERATE 1-3 h${0,x} A 192.0.2.$\n$GENERATE 1-3 h${-2} A 192.0.2.$\n$GENERATE 1-3 h${1 A 192.0.2.$\n$GENERATE 0-2147483647 h$ A 192.0.2.1\n$GENERATE 1-2 x$ MX \"10 \\\"\"",
			`4:19: $GENERATE ends too early: it is written $GENERATE START-STOP[/STEP] OWNER [TTL] [CLASS] TYPE DATA` + "\n" +
				`5:11: bad range "x": START-STOP or START-STOP/STEP is needed, of numbers up to 2147483647` + "\n" +
				`6:11: bad range "3-1": it ends before it starts` + "\n" +
				`7:11: bad range "1-3/0": the step is 0` + "\n" +
				`8:24: bad IPv4 address "192.0.2.256" in the A record of h256.example.org.: four numbers up to 255 with dots between are needed` + "\n" +
				`9:15: bad template "h${0,x}" in $GENERATE: ${OFFSET,WIDTH,BASE} is needed, width up to 255, base one of d o x X n N` + "\n" +
				`10:15: bad template "h${-2}" in $GENERATE: offset -2 makes the number -1` + "\n" +
				`11:15: bad template "h${1" in $GENERATE: a ${ is not closed` + "\n" +
				`12:11: bad range "0-2147483647": it makes 2147483648 records, 1048576 are the limit` + "\n" +
				`13:21: bad template "10 \\\"" in $GENERATE: it does not hold the data of one record`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := parse(t, top+tt.text)
			if diff := cmp.Diff(tt.want+"\n", problemText(r)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if (r.Zone == nil) != (r.Errors > 0) {
				t.Errorf("%d errors, and zone %v", r.Errors, r.Zone)
			}
			if got, want := r.Errors+r.Warnings, len(r.Problems); got != want {
				t.Errorf("counts %d problems, has %d", got, want)
			}
		})
	}
}

// TestBadFile has what is wrong with the file as a whole, or its start.
func TestBadFile(t *testing.T) {
	const empty = " holds no records: a zone has a SOA record at least; example.org. is not loaded\n"
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", empty},
		{"blank", " \n\t\n\r\n", empty},
		{"comments", "; nothing\n; here", empty},
		{"directives", "$TTL 300\n$ORIGIN example.org.\n", empty},
		{"truncated in the SOA", "$TTL 300\n@ SOA ns h (\n 1 ; serial\n 2", "2:12: parenthesis is never closed\n"},
		{"truncated in a number", "$TTL 300\n@ SOA ns h 1 2 3 4", "2:19: the SOA record of example.org. ends before its minimum: one that goes over several lines stands in parentheses\n"},
		{"NUL", top + "x A 192.0.2.1\x00\n", "4:14: NUL octet: the file is not a text\n"},
		{"gzip", "\x1f\x8b\x08\x00\x00\x00", "1:4: NUL octet: the file is not a text\n"},
		{"UTF-16", "\xff\xfe@\x00", "1:4: the file is UTF-16 text: save it as UTF-8\n"},
		{"byte order mark", "\ufeff" + top, "1:1: warning: byte order mark: save the file as UTF-8 without one, other name servers refuse it\n"},
		{"no owner", "$TTL 5\n\tA 192.0.2.1\n A 192.0.2.2\n" + top, "2:2: the line starts with white space, so it continues the record before it, but there is none\n"},
		{"no TTL", "www A 192.0.2.1\nftp A 192.0.2.1\n" + top, "1:1: no TTL here and no $TTL before it: write $TTL 3600, or what suits, at the top of the file\n"},
		{"TTL of the record before", "@ 60 SOA ns h 1 2 3 4 5\n@ NS ns.example.net.\nwww 30 A 192.0.2.1\nftp A 192.0.2.1",
			"2:1: warning: no TTL here and no $TTL before it: 60 is used, the last one written; write $TTL at the top of the file\n"},
		{"TTL of the SOA", "@ SOA ns h 1 2 3 4 5\n@ NS ns.example.net.\n",
			"1:1: warning: no TTL here and no $TTL before it: 5 is used from here on, the SOA's MINIMUM; write $TTL at the top of the file\n"},
		{"broken SOA without TTL", "@ SOA ns h 1 2 3 4 x\n@ NS ns.example.net.\n",
			"1:20: bad minimum \"x\" in the SOA record of example.org.: a number from 0 to 4294967295 is needed, or a time as in 1h30m\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := parse(t, tt.text)
			got := strings.TrimPrefix(problemText(r), "example.org.zone:")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if (r.Zone == nil) != (r.Errors > 0) {
				t.Errorf("%d errors, and zone %v", r.Errors, r.Zone)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "big.example.zone"), strings.Repeat("; comment\n", 100))
	if err := os.Mkdir(filepath.Join(dir, "dir.example.zone"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		file string
		want string
		is   error
	}{
		{"none.example.zone", "no such file or directory", fs.ErrNotExist},
		{"big.example.zone", "file too large: 1000 octets, 999 are the limit", ErrTooLarge},
		{"dir.example.zone", "not a regular file", errNotRegular},
		{"zonefile", `file name names no zone: "zonefile" is not NAME.zone`, ErrNotZoneName},
		{"a..b.zone", `file name names no zone: bad domain name "a..b"`, ErrNotZoneName},
	} {
		path := filepath.Join(dir, tt.file)
		r, err := Parse(path, Options{MaxSize: 999})
		if r != nil || err == nil || !errors.Is(err, tt.is) || !strings.HasPrefix(err.Error(), "read zone "+path+": "+tt.want) {
			t.Errorf("%s: got %v, want %q", tt.file, err, tt.want)
		}
	}
}

func TestProblemLimit(t *testing.T) {
	text := top + strings.Repeat("www 300 A 192.0.2.1\n", 50) + strings.Repeat("x A x\n", 50)
	r, err := ParseBytes("example.org.zone", []byte(text), Options{MaxProblems: 10})
	if err != nil {
		t.Fatal(err)
	}
	if r.Errors != 50 || r.Warnings != 49 || len(r.Problems) != 20 {
		t.Errorf("got %d errors, %d warnings, %d kept; want 50, 49, 20", r.Errors, r.Warnings, len(r.Problems))
	}
	if last := r.Problems[19]; last.Severity != zones.Error {
		t.Errorf("an error was crowded out by warnings: %v", last)
	}
}

// write writes a file of a test.
// write writes a file, in place where it is there and does not shrink. It does so in one step: no watcher sees a file that is empty
// for the moment, however long this machine makes of it.
func write(t *testing.T, path, text string) {
	t.Helper()
	if info, err := os.Stat(path); err != nil || info.Size() > int64(len(text)) {
		aside := filepath.Join(filepath.Dir(path), ".write~")
		if err := errors.Join(os.WriteFile(aside, []byte(text), 0o644), os.Rename(aside, path)); err != nil {
			t.Fatal(err)
		}
		return
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}
