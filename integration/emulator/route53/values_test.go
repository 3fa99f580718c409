package route53

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestValuesTaken(t *testing.T) {
	long := strings.Repeat("a", 255)
	for _, c := range []struct{ rrtype, value, want string }{
		{"A", "192.0.2.1", "192.0.2.1"},
		{"AAAA", "2001:DB8::1", "2001:db8::1"},
		{"CNAME", "Target.Example.NET", "target.example.net."},
		{"NS", "ns.example.net.", "ns.example.net."},
		{"PTR", `\052.example.com`, "*.example.com."},
		{"MX", "10 mail.example.com", "10 mail.example.com."},
		{"MX", "0 .", "0 ."},
		{"SRV", "0 0 0 .", "0 0 0 ."},
		{"SRV", "1 2 443 www.example.com.", "1 2 443 www.example.com."},
		{"CAA", `0 issue "ca.example.net; account=1"`, `0 issue "ca.example.net; account=1"`},
		{"CAA", `128 iodef "mailto:a\"b@example.com"`, `128 iodef "mailto:a\"b@example.com"`},
		{"TXT", `"v=spf1 -all"`, `"v=spf1 -all"`},
		{"TXT", `""`, `""`},
		{"TXT", `"a" "b"`, `"a" "b"`},
		{"TXT", `"a""b"`, `"a" "b"`},
		{"TXT", `"ex\344mple \"q\" \\"`, `"ex\228mple \"q\" \\"`},
		{"TXT", `"` + long + `"`, `"` + long + `"`},
		{"SPF", `"v=spf1 -all"`, `"v=spf1 -all"`},
		{"DS", "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118", "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118"},
		{"SSHFP", "1 1 67dd2f81", "1 1 67DD2F81"},
		{"TLSA", "3 1 1 0b9fa5a5", "3 1 1 0b9fa5a5"},
		{"NAPTR", `100 50 "u" "E2U+sip" "!^(\\+441632960083)$!sip:\\1@example.com!" .`,
			`100 50 "u" "E2U+sip" "!^(\\+441632960083)$!sip:\\1@example.com!" .`},
		{"HTTPS", `1 . alpn="h2,h3" ipv4hint=192.0.2.1`, `1 . alpn="h2,h3" ipv4hint="192.0.2.1"`},
		{"SVCB", "0 svc.example.net", "0 svc.example.net."},
		{"SOA", "ns.example.com host.example.com 1 7200 900 1209600 86400", "ns.example.com. host.example.com. 1 7200 900 1209600 86400"},
	} {
		t.Run(fmt.Sprintf("%s %.40s", c.rrtype, c.value), func(t *testing.T) {
			rr, err := parseValue(c.rrtype, c.value)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.TrimPrefix(rr.String(), rr.Header().String())
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if _, err := dns.PackRR(rr, make([]byte, 65535), 0, nil, false); err != nil {
				t.Errorf("cannot be sent: %v", err)
			}
		})
	}
}

func TestValuesRefused(t *testing.T) {
	long := `"` + strings.Repeat("a", 256) + `"`
	for _, c := range []struct{ rrtype, value, want string }{
		{"A", "", "ARRDATAEmpty (Value is empty)"},
		{"A", "256.0.2.1", "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"},
		{"A", "192.0.2.01", "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"},
		{"A", "2001:db8::1", "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"},
		{"A", "192.0.2.1 192.0.2.2", "ARRDATANotSingleField (Value contains spaces)"},
		{"A", " 192.0.2.1", "ARRDATANotSingleField (Value contains spaces)"},
		{"AAAA", "192.0.2.1", "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"},
		{"AAAA", "fe80::1%eth0", "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"},
		{"CNAME", "a b", "CNAMERRDATANotSingleField (Value contains spaces)"},
		{"CNAME", "a..b", "DomainLabelEmpty (Domain label is empty)"},
		{"NS", strings.Repeat("a", 64) + ".net", "DomainLabelTooLong (Domain label is too long)"},
		{"NS", strings.Repeat("abcdefg.", 40), "DomainNameTooLong (Domain name is too long)"},
		{"PTR", "exämple.com", "UnsupportedCharacter (Value contains unsupported characters)"},
		{"MX", "mail.example.com", "MXRRDATANotTwoFields (MX record doesn't have 2 fields)"},
		{"MX", "65536 mail", "MXRRDATAIllegalPreference (Preference is not a number from 0 to 65535)"},
		{"MX", "-1 mail", "MXRRDATAIllegalPreference (Preference is not a number from 0 to 65535)"},
		{"SRV", "1 2 www", "SRVRRDATANotFourFields (SRV record doesn't have 4 fields)"},
		{"SRV", "1 2 x www", "SRVRRDATAIllegalNumber (Priority, weight and port are numbers from 0 to 65535)"},
		{"CAA", "0 issue", "CAARRDATANotThreeFields (CAA record doesn't have 3 fields)"},
		{"CAA", "0 issue ca.example.net", "InvalidCharacterString (Value should be enclosed in quotation marks)"},
		{"CAA", `256 issue "x"`, "CAARRDATAIllegalFlags (Flags is not a number from 0 to 255)"},
		{"CAA", `0 is-sue "x"`, "CAARRDATAIllegalTag (Tag has characters other than a-z and 0-9)"},
		{"TXT", "v=spf1", "InvalidCharacterString (Value should be enclosed in quotation marks)"},
		{"TXT", `"a" b`, "InvalidCharacterString (Value should be enclosed in quotation marks)"},
		{"TXT", `"a`, "InvalidCharacterString (Value should be enclosed in quotation marks)"},
		{"TXT", `"a "quoted" b"`, "InvalidCharacterString (Value should be enclosed in quotation marks)"},
		{"TXT", `"grün"`, "UnsupportedCharacter (Value contains unsupported characters)"},
		{"TXT", "\"a\tb\"", "UnsupportedCharacter (Value contains unsupported characters)"},
		{"TXT", `"\x"`, "InvalidCharacterString (Value contains an escape code that is not a three-digit octal code)"},
		{"TXT", `"\777"`, "InvalidCharacterString (Value contains an escape code that is not a three-digit octal code)"},
		{"TXT", long, "CharacterStringTooLong (Value is too long)"},
		{"SPF", "x", "InvalidCharacterString (Value should be enclosed in quotation marks)"},
		{"DS", "1 2 3", "DSRRDATAInvalid (DS record is 3 numbers and a hexadecimal string)"},
		{"DS", "1 2 3 xy", "DSRRDATAInvalid (DS record is 3 numbers and a hexadecimal string)"},
		{"SSHFP", "1 1 abc", "SSHFPRRDATAInvalid (SSHFP record is 2 numbers and a hexadecimal string)"},
		{"TLSA", "3 1 256 ab", "TLSARRDATAInvalid (TLSA record is 3 numbers and a hexadecimal string)"},
		{"NAPTR", `1 2 u "s" "" .`, "InvalidCharacterString (Value should be enclosed in quotation marks)"},
		{"NAPTR", `1 2 "u" "s" .`, `NAPTRRRDATAInvalid (NAPTR is order preference "flags" "service" "regexp" replacement)`},
		{"NAPTR", `1 .`, `NAPTRRRDATAInvalid (NAPTR is order preference "flags" "service" "regexp" replacement)`},
		{"HTTPS", "1", "HTTPSRRDATAInvalid (Value is priority, target name and parameters)"},
		{"HTTPS", "1 . nosuchkey=1", "HTTPSRRDATAInvalid (Value is priority, target name and parameters)"},
		{"HTTPS", "0 . alpn=h2", "HTTPSRRDATAInvalid (Value is priority, target name and parameters)"},
		{"SVCB", "x svc", "SVCBRRDATAInvalid (Value is priority, target name and parameters)"},
		{"SOA", "ns host 1 2 3 4", "SOARRDATANotSevenFields (SOA record doesn't have 7 fields)"},
		{"SOA", "ns host 1 2 3 4 x", "SOARRDATAIllegalNumber (Serial and timers are numbers from 0 to 4294967295)"},
	} {
		t.Run(fmt.Sprintf("%s %.40s", c.rrtype, c.value), func(t *testing.T) {
			_, err := parseValue(c.rrtype, c.value)
			want := fmt.Sprintf("Invalid Resource Record: 'FATAL problem: %s encountered with '%s''", c.want, c.value)
			if err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func FuzzParseValue(f *testing.F) {
	for i, v := range []string{"192.0.2.1", `"a" "b\101"`, `0 issue "x"`, "1 . alpn=h2", `1 2 "u" "s" "" .`, "10 a.b"} {
		f.Add(i, v)
	}
	f.Fuzz(func(t *testing.T, i int, value string) {
		rrtype := recordTypes[uint(i)%uint(len(recordTypes))]
		rr, err := parseValue(rrtype, value)
		if err != nil {
			return
		}
		wire := make([]byte, 65535)
		end, err := dns.PackRR(rr, wire, 0, nil, false)
		if err != nil {
			t.Fatalf("%s %q was taken and cannot be sent: %v", rrtype, value, err)
		}
		back, _, err := dns.UnpackRR(wire[:end], 0)
		if err != nil {
			t.Fatalf("%s %q was taken and cannot be read: %v", rrtype, value, err)
		}
		if got, want := back.Header().Rrtype, dns.StringToType[rrtype]; got != want {
			t.Fatalf("%s %q became type %d", rrtype, value, got)
		}
	})
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ in, api, wire string }{
		{"WWW.Example.com", "www.example.com.", "www.example.com."},
		{"*.example.com.", `\052.example.com.`, "*.example.com."},
		{`\052.example.com.`, `\052.example.com.`, "*.example.com."},
		{`f\374bar.example.com`, `f\374bar.example.com.`, `f\252bar.example.com.`},
		{`a\056b.example.com`, `a\056b.example.com.`, `a\046b.example.com.`},
		{"a/b_c-d.example.com", `a\057b_c-d.example.com.`, "a/b_c-d.example.com."},
		{`\101.example.com`, "a.example.com.", "a.example.com."},
		{`a\b.example.com`, `a\134b.example.com.`, `a\092b.example.com.`},
		{".", ".", "."},
	} {
		n, err := parseName(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if n.String() != c.api || n.fqdn() != c.wire {
			t.Errorf("%s: got %s and %s, want %s and %s", c.in, n, n.fqdn(), c.api, c.wire)
		}
		back, err := nameFromWire(n.fqdn())
		if err != nil || !back.equal(n) {
			t.Errorf("%s: through the wire got %v, %v", c.in, back, err)
		}
	}
	for in, want := range map[string]error{
		"": errNameEmpty, ".com": errLabelEmpty, "a b": errBadCharacter, strings.Repeat("a", 64): errLabelTooLong,
		strings.Repeat("abc.", 64): errNameTooLong,
	} {
		if _, err := parseName(in); err != want {
			t.Errorf("%q: got %v, want %v", in, err, want)
		}
	}
}
