package route53

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// rrset reads one RRset from lines of a zone file.
func rrset(t testing.TB, lines ...string) zones.RRset {
	t.Helper()
	var rrs []dns.RR
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		rrs = append(rrs, rr)
	}
	sets, err := zones.FromRRs(rrs)
	if err != nil || len(sets) != 1 {
		t.Fatalf("%q: %d RRsets, %v", lines, len(sets), err)
	}
	return sets[0]
}

// TestValues is the table of records and how Route 53 writes them; both ways.
func TestValues(t *testing.T) {
	for _, c := range []struct{ record, value string }{
		{`A 192.0.2.1`, `192.0.2.1`},
		{`AAAA 2001:DB8::1`, `2001:db8::1`},
		{`CNAME Host.Example.net.`, `Host.Example.net.`},
		{`CNAME a\.b.*.x\@y.example.`, `a\056b.*.x\100y.example.`},
		{`NS ns.example.net.`, `ns.example.net.`},
		{`PTR host.example.`, `host.example.`},
		{`MX 0 .`, `0 .`},
		{`MX 10 mail.example.net.`, `10 mail.example.net.`},
		{`SRV 1 0 65535 target.example.`, `1 0 65535 target.example.`},
		{`SRV 0 0 0 .`, `0 0 0 .`},
		{`TXT ""`, `""`},
		{`TXT "a b" "" "c"`, `"a b" "" "c"`},
		{`TXT "say \"hi\" \\ ; done"`, `"say \"hi\" \\ ; done"`},
		{`TXT "\195\169\000\255\009"`, `"\303\251\000\377\011"`},
		{`TXT "\\052 and \\303"`, `"\\052 and \\303"`},
		{`TXT "` + strings.Repeat("x", 255) + `" "` + strings.Repeat("y", 45) + `"`, `"` + strings.Repeat("x", 255) + `" "` + strings.Repeat("y", 45) + `"`},
		{`SPF "v=spf1 -all"`, `"v=spf1 -all"`},
		{`CAA 128 issue "ca.example; account=\"1\""`, `128 issue "ca.example; account=\"1\""`},
		{`CAA 0 issue ""`, `0 issue ""`},
		{`HTTPS 1 . alpn="h2,h3" ipv4hint="192.0.2.1"`, `1 . alpn="h2,h3" ipv4hint="192.0.2.1"`},
		{`HTTPS 0 svc.example.`, `0 svc.example.`},
		{`SVCB 16 x\046y.example. port="8443"`, `16 x\056y.example. port="8443"`},
		{`TLSA 3 1 1 abcdef00`, `3 1 1 abcdef00`},
		{`SSHFP 4 2 ABCDEF00`, `4 2 ABCDEF00`},
		{`DS 12345 13 2 ABCDEF00`, `12345 13 2 ABCDEF00`},
		{`NAPTR 100 10 "u" "E2U+sip" "!^(.*)$!sip:\\1@example.com!" .`, `100 10 "u" "E2U+sip" "!^(.*)$!sip:\\1@example.com!" .`},
		{`NAPTR 1 2 "" "" "" rep.example.`, `1 2 "" "" "" rep.example.`},
	} {
		s := rrset(t, "x.example. 300 IN "+c.record)
		got, err := encodeValue(s, 0)
		if err != nil || got != c.value {
			t.Errorf("%s:\n got %s, %v\nwant %s", c.record, got, err, c.value)
		}
		back, err := decodeValue(s.Type, c.value)
		if err != nil || !bytes.Equal(back, s.Data[0]) {
			t.Errorf("%s read back: %x, %v, want %x", c.value, back, err, s.Data[0])
		}
	}
}

// TestReadsOthersValues: forms that somebody else may have written.
func TestReadsOthersValues(t *testing.T) {
	for _, c := range []struct{ typ, value, want string }{
		{"CNAME", "host.example", "host.example."},
		{"CNAME", `\052.example`, "*.example."},
		{"MX", "10  mail.example", "10 mail.example."},
		{"TXT", `"a"	"b" `, `"a" "b"`},
		{"TXT", "\"caf\xc3\xa9\"", `"caf\195\169"`},
		{"TXT", `"\x\9"`, `"x9"`},
		{"AAAA", "2001:0db8:0:0:0:0:0:1", "2001:db8::1"},
		{"HTTPS", "1 svc.example alpn=h2", `1 svc.example. alpn="h2"`},
		{"SOA", "ns-1.example hostmaster.example 1 7200 900 1209600 86400", "ns-1.example. hostmaster.example. 1 7200 900 1209600 86400"},
	} {
		typ, err := zones.ParseType(c.typ)
		if err != nil {
			t.Fatal(err)
		}
		data, err := decodeValue(typ, c.value)
		if err != nil {
			t.Errorf("%s %q: %v", c.typ, c.value, err)
			continue
		}
		s := zones.RRset{Name: zones.MustParseName("x.example"), Type: typ, Data: [][]byte{data}}
		if got := s.Text(0); got != c.want {
			t.Errorf("%s %q: got %s, want %s", c.typ, c.value, got, c.want)
		}
	}
}

func TestRefusesBadValues(t *testing.T) {
	for _, c := range []struct{ typ, value string }{
		{"A", ""}, {"A", "192.0.2"}, {"A", "192.0.2.1 192.0.2.2"}, {"A", `192.0.2.1 ; x`}, {"A", "192.0.2.1\nx"},
		{"TXT", `"open`}, {"TXT", `"a"b`}, {"TXT", `"a\`}, {"TXT", `"` + strings.Repeat("x", 256) + `"`},
		{"MX", "mail.example."}, {"CNAME", "a..b"}, {"CNAME", strings.Repeat("x", 64)}, {"HTTPS", `1 . alpn="h\,2"`},
	} {
		typ, err := zones.ParseType(c.typ)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := decodeValue(typ, c.value); err == nil {
			t.Errorf("%s %q: read as %x", c.typ, c.value, data)
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ name, encoded string }{
		{"example.com.", "example.com."},
		{"*.example.com.", "*.example.com."},
		{"_sip._tcp.example.com.", "_sip._tcp.example.com."},
		{`a\.b.example.com.`, `a\056b.example.com.`},
		{`\000\255.x/y.example.com.`, `\000\377.x\057y.example.com.`},
		{".", "."},
	} {
		n := zones.MustParseName(c.name)
		if got := encodeName(n); got != c.encoded {
			t.Errorf("%s: got %s, want %s", c.name, got, c.encoded)
		}
		back, err := decodeName(c.encoded)
		if err != nil || back != n {
			t.Errorf("%s: read back %v, %v", c.encoded, back, err)
		}
	}
	if got, err := decodeName(`\052.EXAMPLE.com`); err != nil || got != zones.MustParseName("*.example.com") {
		t.Errorf("got %v, %v", got, err)
	}
}

// FuzzDecodeValue: whatever can be read is written, and then reads as the same octets.
func FuzzDecodeValue(f *testing.F) {
	for _, v := range []string{`"a\303\251 \"" ""`, `10 a\056b.example`, `1 . alpn="h2"`, `0 issue "x;y"`, `100 10 "u" "s" "!x!\\1!" .`, `3 1 1 ab`, "192.0.2.1", "2001:db8::1"} {
		for typ := range heldTypes {
			f.Add(typ, v)
		}
	}
	f.Fuzz(func(t *testing.T, typ uint16, value string) {
		if !isHeld(typ) {
			return
		}
		data, err := decodeValue(typ, value)
		if err != nil {
			return
		}
		s := zones.RRset{Name: zones.Root, Type: typ, Data: [][]byte{data}}
		out, err := encodeValue(s, 0)
		if err != nil {
			return // service parameters with escapes
		}
		again, err := decodeValue(typ, out)
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%s %q: %s", zones.TypeString(typ), value, cmp.Diff(data, again))
		}
	})
}
