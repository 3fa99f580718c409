package zonefile

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// TestSyntax has good text behind top, and its records.
func TestSyntax(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"TTL and class in either order", "a 60 IN A 192.0.2.1\nb IN 61 A 192.0.2.1\nc 62 A 192.0.2.1\nd IN A 192.0.2.1\ne A 192.0.2.1\nf CLASS1 63 A 192.0.2.1",
			"a.example.org. 60 IN A 192.0.2.1\nb.example.org. 61 IN A 192.0.2.1\nc.example.org. 62 IN A 192.0.2.1\nd.example.org. 300 IN A 192.0.2.1\ne.example.org. 300 IN A 192.0.2.1\nf.example.org. 63 IN A 192.0.2.1\n"},
		{"TTL units", "a 1h30m A 192.0.2.1\nb 1W2D3H4M5S A 192.0.2.1\nc 0 A 192.0.2.1\nd 0s A 192.0.2.1\ne 2147483647 A 192.0.2.1",
			"a.example.org. 5400 IN A 192.0.2.1\nb.example.org. 788645 IN A 192.0.2.1\nc.example.org. 0 IN A 192.0.2.1\nd.example.org. 0 IN A 192.0.2.1\ne.example.org. 2147483647 IN A 192.0.2.1\n"},
		{"case", "A a 192.0.2.1\nb in mx 10 C\n", "a.example.org. 300 IN A 192.0.2.1\nb.example.org. 300 IN MX 10 C.example.org.\n"},
		{"blank owner", "a A 192.0.2.1\n  A 192.0.2.2\n\t60 IN TXT x\n\n ; comment\n\tAAAA ::1\n", "a.example.org. 300 IN A 192.0.2.1\na.example.org. 300 IN A 192.0.2.2\na.example.org. 60 IN TXT \"x\"\na.example.org. 300 IN AAAA ::1\n"},
		{"blank owner past $ORIGIN", "a A 192.0.2.1\n$ORIGIN b\n TXT x\na A 192.0.2.2\n", "a.example.org. 300 IN A 192.0.2.1\na.example.org. 300 IN TXT \"x\"\na.b.example.org. 300 IN A 192.0.2.2\n"},
		{"owners that are types", "in IN A 192.0.2.1\nMX MX 10 MX\n60 60 A 192.0.2.1\nTYPE1 A 192.0.2.1",
			"60.example.org. 60 IN A 192.0.2.1\nin.example.org. 300 IN A 192.0.2.1\nmx.example.org. 300 IN MX 10 MX.example.org.\ntype1.example.org. 300 IN A 192.0.2.1\n"},
		{"names", "a CNAME @\nb CNAME .\nc CNAME x.\n@ A 192.0.2.1\n$ORIGIN .\nd.example.org CNAME y\n", "example.org. 300 IN A 192.0.2.1\na.example.org. 300 IN CNAME example.org.\nb.example.org. 300 IN CNAME .\nc.example.org. 300 IN CNAME x.\nd.example.org. 300 IN CNAME y.\n"},
		{"escapes in names", `a\.b A 192.0.2.1` + "\n" + `\065c A 192.0.2.1` + "\n" + `\@ A 192.0.2.1` + "\n" + `\$d A 192.0.2.1` + "\n" + `e\032f CNAME g\;h` + "\n" + `i\(j CNAME \"k`,
			`$d.example.org. 300 IN A 192.0.2.1` + "\n" + `\@.example.org. 300 IN A 192.0.2.1` + "\n" + `a\.b.example.org. 300 IN A 192.0.2.1` + "\n" + "ac.example.org. 300 IN A 192.0.2.1\n" +
				`e\ f.example.org. 300 IN CNAME g\;h.example.org.` + "\n" + `i\(j.example.org. 300 IN CNAME \"k.example.org.` + "\n"},
		{"wildcard, underscore", "* A 192.0.2.1\n_x._tcp.*.y SRV 0 0 443 @", "*.example.org. 300 IN A 192.0.2.1\n_x._tcp.*.y.example.org. 300 IN SRV 0 0 443 example.org.\n"},
		{"parentheses", "a A ( 192.0.2.1 )\nb ( 60\n IN ) A 192.0.2.1\n( c A\n192.0.2.1\n)\nd MX(10(x)) ; comment ( \ne TXT ( a ; not b )\n ; c )\nd\n\t)\n( ) \n",
			"a.example.org. 300 IN A 192.0.2.1\nb.example.org. 60 IN A 192.0.2.1\nc.example.org. 300 IN A 192.0.2.1\nd.example.org. 300 IN MX 10 x.example.org.\ne.example.org. 300 IN TXT \"a\" \"d\"\n"},
		{"a line of data that looks like a record", "a TXT (\nb A x\n)\n", "a.example.org. 300 IN TXT \"b\" \"A\" \"x\"\n"},
		{"quotes", `a TXT "b ; ( c" d "" "\"" \" "\\" "\065" "e"f"g"` + "\n", `a.example.org. 300 IN TXT "b ; ( c" "d" "" "\"" "\"" "\\" "A" "e" "f" "g"` + "\n"},
		{"quoted octets", "a TXT \"\t\xc3\xa9\\000\\255\"", `a.example.org. 300 IN TXT "\009\195\169\000\255"` + "\n"},
		{"strings of 255", "a TXT " + strings.Repeat("x", 255) + " y", `a.example.org. 300 IN TXT "` + strings.Repeat("x", 255) + `" "y"` + "\n"},
		{"CRLF, tabs, no final newline", "a\t60\tA\t192.0.2.1\r\n\tTXT\t(\r\n \"b\"\r\n ) ; comment\r\n\r\nc TXT \"d\"", "a.example.org. 60 IN A 192.0.2.1\na.example.org. 300 IN TXT \"b\"\nc.example.org. 300 IN TXT \"d\"\n"},
		{"comment without newline", "a A 192.0.2.1;x", "a.example.org. 300 IN A 192.0.2.1\n"},
		{"CAA", "@ CAA 0 issue \"letsencrypt.org; validationmethods=dns-01\"\n@ CAA 128 iodef mailto:x@example.org\n@ CAA 0 issue \";\"", "example.org. 300 IN CAA 0 issue \"letsencrypt.org; validationmethods=dns-01\"\nexample.org. 300 IN CAA 128 iodef \"mailto:x@example.org\"\nexample.org. 300 IN CAA 0 issue \";\"\n"},
		{"null MX", "@ MX 0 .", "example.org. 300 IN MX 0 .\n"},
		{"HTTPS", "@ HTTPS 1 . alpn=\"h2,h3\" ipv4hint=192.0.2.1\n@ HTTPS 0 ( www )", "example.org. 300 IN HTTPS 1 . alpn=\"h2,h3\" ipv4hint=\"192.0.2.1\"\nexample.org. 300 IN HTTPS 0 www.example.org.\n"},
		{"foreign over lines", "@ NAPTR 10 20 \"U\" \"E2U+sip\" (\n \"!^.*$!sip:x@y!\"\n sip ) ; x\n@ TLSA 3 1 0 ( 00112233\n445566 )", "example.org. 300 IN NAPTR 10 20 \"U\" \"E2U+sip\" \"!^.*$!sip:x@y!\" sip.example.org.\nexample.org. 300 IN TLSA 3 1 0 00112233445566\n"},
		{"LOC without minutes and seconds", "a LOC 52 N 4 53 E -2.00m\nb LOC 52 22 23.000 N 4 E 0m 1m 2m 3m", "a.example.org. 300 IN LOC 52 00 0.000 N 04 53 0.000 E -2m 1m 10000m 10m\nb.example.org. 300 IN LOC 52 22 23.000 N 04 00 0.000 E 0m 1m 2m 3m\n"},
		{"types in any order", "a CSYNC 66 3 AAAA NS A NS", "a.example.org. 300 IN CSYNC 66 3 A NS AAAA\n"},
		{"generate", "$GENERATE 1-5/2 h$ 60 IN A 192.0.2.$\n$GENERATE 1-2 m$ MX \"10 h$\"\n$GENERATE 1-2 n$ MX 10 h$\n$GENERATE 7-8 t${-7,3,d} TXT \"\\\"a b $\\\" \\$ $$ \"\n$GENERATE 255-256 ${0,5,n} PTR h${0,0,X}",
			`h1.example.org. 60 IN A 192.0.2.1
h3.example.org. 60 IN A 192.0.2.3
h5.example.org. 60 IN A 192.0.2.5
m1.example.org. 300 IN MX 10 h1.example.org.
m2.example.org. 300 IN MX 10 h2.example.org.
n1.example.org. 300 IN MX 10 h1.example.org.
n2.example.org. 300 IN MX 10 h2.example.org.
f.f.0.example.org. 300 IN PTR hFF.example.org.
0.0.1.example.org. 300 IN PTR h100.example.org.
t000.example.org. 300 IN TXT "a b 7" "$" "$"
t001.example.org. 300 IN TXT "a b 8" "$" "$"
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := parseGood(t, top+tt.text)
			want := strings.Split(tt.want, "\n")
			got := strings.Split(records(r.Zone), "\n")
			sortLines := cmp.Transformer("set", func(in []string) map[string]int {
				set := make(map[string]int)
				for _, s := range in {
					set[s]++
				}
				return set
			})
			if diff := cmp.Diff(want, got, sortLines); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRFC3597 has the generic form, for unknown types and known ones.
func TestRFC3597(t *testing.T) {
	r := parseGood(t, top+"a TYPE65280 \\# 4 0a000001\nb TYPE65281 \\# 0\nc A \\# 4 c0 00 02\t01\nd TYPE1 192.0.2.1\n"+
		"e CLASS1 TYPE65280 \\# 4 ( 0A00\n 0001 )\nf NS \\# 4 02787900\ng TXT \"\\#\" 4 00000000\nh type65280 \\# 00004 00000000\ni TYPE00016 x\n")
	for _, tt := range []struct {
		name string
		typ  uint16
		want string
	}{
		{"a", 65280, "\x0a\x00\x00\x01"},
		{"b", 65281, ""},
		{"c", dns.TypeA, "\xc0\x00\x02\x01"},
		{"d", dns.TypeA, "\xc0\x00\x02\x01"},
		{"e", 65280, "\x0a\x00\x00\x01"},
		{"f", dns.TypeNS, "\x02xy\x00"},
		{"g", dns.TypeTXT, "\x01#\x014\x0800000000"},
		{"h", 65280, "\x00\x00\x00\x00"},
		{"i", dns.TypeTXT, "\x01x"},
	} {
		set, _ := r.Zone.RRset(zones.MustParseName(tt.name+".example.org"), tt.typ)
		if len(set.Data) != 1 || string(set.Data[0]) != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, set.Data, tt.want)
		}
	}
}

// TestSOA is the SOA of RFC 1035 5.3, with parentheses, comments and BIND's units.
func TestSOA(t *testing.T) {
	const text = `@   IN  SOA     VENERA      Action\.domains (
                                 20     ; SERIAL
                                 7200   ; REFRESH
                                 10m    ; RETRY
                                 5w6d16h; EXPIRE
                                 1m)    ; MINIMUM
`
	r := parse(t, text)
	soa, ok := r.Zone.SOA()
	if got, want := soa.String(), `example.org. 60 IN SOA VENERA.example.org. Action\.domains.example.org. 20 7200 600 3600000 60`; !ok || got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestRFC1035 is the file of RFC 1035 5.3 with what it includes.
func TestRFC1035(t *testing.T) {
	r, err := Parse("isi.edu.zone", Options{ReadFile: files{
		"isi.edu.zone": `@   IN  SOA     VENERA      Action\.domains (
                                 20     ; SERIAL
                                 7200   ; REFRESH
                                 600    ; RETRY
                                 3600000; EXPIRE
                                 60)    ; MINIMUM

        NS      A.ISI.EDU.
        NS      VENERA
        NS      VAXA
        MX      10      VENERA
        MX      20      VAXA

A       A       26.3.0.103

VENERA  A       10.1.0.52
        A       128.9.0.32

VAXA    A       10.2.0.27
        A       128.9.0.33


$INCLUDE ISI-MAILBOXES.TXT
`,
		"ISI-MAILBOXES.TXT": `    MOE     MB      A.ISI.EDU.
LARRY   MB      A.ISI.EDU.
CURLEY  MB      A.ISI.EDU.
STOOGES MG      MOE
        MG      LARRY
        MG      CURLEY
`}.read})
	if err != nil {
		t.Fatal(err)
	}
	// The RFC's own text indents MOE, which makes it a type: each parser since has refused that.
	const want = "isi.edu.zone:1:1: warning: no TTL here and no $TTL before it: 60 is used from here on, the SOA's MINIMUM; write $TTL at the top of the file\n" +
		"ISI-MAILBOXES.TXT:1:5: unknown record type \"MOE\": a line that starts with white space continues the record before it, it has no owner of its own\n"
	if diff := cmp.Diff(want, problemText(r)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// TestPlaceSize: a million records must not take more than 16 MB for their places.
func TestPlaceSize(t *testing.T) {
	if got := unsafe.Sizeof(place{}); got > 16 {
		t.Errorf("a place takes %d octets, want at most 16", got)
	}
}

func TestWhere(t *testing.T) {
	text := top + "www A 192.0.2.1\nftp A 192.0.2.9\nwww A 192.0.2.1\n   A 192.0.2.2\n$GENERATE 1-2 g$ A 192.0.2.$\n" + strings.Repeat(" ", 70000) + "TXT far\n"
	r := parse(t, text)
	if r.Zone == nil {
		t.Fatal(problemText(r))
	}
	www, g2 := zones.MustParseName("www.example.org"), zones.MustParseName("g2.example.org")
	for _, tt := range []struct {
		name zones.Name
		typ  uint16
		i    int
		want string
	}{
		{www, dns.TypeA, 0, "example.org.zone:4:1"},
		{www, dns.TypeA, 1, "example.org.zone:7:4"}, // the one in line 6 is a duplicate
		{www, dns.TypeA, 2, ""},
		{www, dns.TypeA, -1, ""},
		{www, dns.TypeMX, 0, ""},
		{r.Origin, dns.TypeSOA, 0, "example.org.zone:2:1"},
		{g2, dns.TypeA, 0, "example.org.zone:8:15"},
		{www, dns.TypeTXT, 0, "example.org.zone:9"}, // too far to the right for a column
	} {
		if got := r.Where(tt.name, tt.typ, tt.i).String(); got != tt.want {
			t.Errorf("%s %s %d: got %q, want %q", tt.name, zones.TypeString(tt.typ), tt.i, got, tt.want)
		}
	}
	r.DropPositions()
	if got := r.Where(www, dns.TypeA, 0); got != (zones.Pos{}) {
		t.Errorf("dropped positions know %v", got)
	}
}
