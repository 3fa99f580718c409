package zones

import (
	"bytes"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestCanonicalData: names in data are in lower case for the types that RFC 4034 6.2 lists, but NSEC (RFC 6840 5.1), and for no
// others (RFC 3597 7). What is no name keeps its case.
func TestCanonicalData(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"NS Ns.Example.", "NS ns.example."},
		{"MD Ns.Example.", "MD ns.example."},
		{"MF Ns.Example.", "MF ns.example."},
		{"CNAME WWW.Example.", "CNAME www.example."},
		{"SOA Ns.Example. Host.Example. 1 2 3 4 5", "SOA ns.example. host.example. 1 2 3 4 5"},
		{"MB Mail.Example.", "MB mail.example."},
		{"MG Mail.Example.", "MG mail.example."},
		{"MR Mail.Example.", "MR mail.example."},
		{"PTR Host.Example.", "PTR host.example."},
		{"MINFO A.Example. B.Example.", "MINFO a.example. b.example."},
		{"MX 10 Mail.Example.", "MX 10 mail.example."},
		{"RP A.Example. B.Example.", "RP a.example. b.example."},
		{"AFSDB 1 A.Example.", "AFSDB 1 a.example."},
		{"RT 1 A.Example.", "RT 1 a.example."},
		{"PX 1 A.Example. B.Example.", "PX 1 a.example. b.example."},
		{`NAPTR 1 2 "S" "SIP+D2U" "!A!B!" A.Example.`, `NAPTR 1 2 "S" "SIP+D2U" "!A!B!" a.example.`},
		{"KX 1 A.Example.", "KX 1 a.example."},
		{"SRV 1 2 65 A.Example.", "SRV 1 2 65 a.example."},
		{"DNAME A.Example.", "DNAME a.example."},
		{"RRSIG A 13 2 65 20261221140046 20261121140046 65 A.Example. QUJD", "RRSIG A 13 2 65 20261221140046 20261121140046 65 a.example. QUJD"},
		{`HINFO "CPU" "OS"`, ""},
		{`TXT "Text"`, ""},
		{`CAA 0 issue "CA.Example"`, ""},
		{"NSEC A.Example. A", ""},
		{"SVCB 1 A.Example. alpn=H2", ""},
		{"HTTPS 0 A.Example.", ""},
		{"LP 10 A.Example.", ""},
	} {
		data := func(text string) []byte {
			rr, err := dns.NewRR("x.example. 300 IN " + text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			data, err := Rdata(rr)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			return data
		}
		typ, _, _ := strings.Cut(c.text, " ")
		if c.want == "" {
			c.want = c.text
		}
		given := data(c.text)
		before := bytes.Clone(given)
		if got, want := CanonicalData(dns.StringToType[typ], given), data(c.want); !bytes.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", c.text, got, want)
		}
		if !bytes.Equal(given, before) {
			t.Errorf("%s: the data that was given has changed", c.text)
		}
		// What is cut off is left alone, and read no further than it goes.
		for end := range given {
			if got := CanonicalData(dns.StringToType[typ], given[:end:end]); len(got) != end {
				t.Errorf("%s, cut to %d octets: got %d", c.text, end, len(got))
			}
		}
	}
}
