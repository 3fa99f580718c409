package zonefile

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
)

const aliasApex = "$TTL 300\n@ IN SOA ns.example.net. h.example.net. 1 3600 600 1209600 60\n@ IN NS ns.example.net.\n"

// Every way to write an ALIAS record gives the same data, and is written back by its name.
func TestALIAS(t *testing.T) {
	for _, line := range []string{
		"www IN ALIAS Lb.example.net.",
		"www alias Lb.example.net.",
		"www 300 ALIAS ( Lb.example.net.\n ) ; a comment",
		"www TYPE65401 Lb.example.net.",
		`www TYPE65401 \# 16 02 4C62 076578616D706C65 036E6574 00`,
		`www ALIAS \# 16 024C62076578616D706C65036E657400`,
	} {
		res, err := ParseBytes("z", []byte(aliasApex+line+"\n"), Options{Origin: zones.MustParseName("example.org.")})
		if err != nil || res.Zone == nil {
			t.Fatal(line, err, res)
		}
		var out bytes.Buffer
		if err := Write(&out, res.Zone, WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		if got, want := out.String(), "www\t300\tIN\tALIAS\tLb.example.net.\n"; !strings.HasSuffix(got, want) || !res.Aliases {
			t.Errorf("%s: got %q, aliases %v", line, got, res.Aliases)
		}
	}
}

func TestALIASProblems(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"www ALIAS", "z:4:10: the ALIAS record of www.example.org. ends before its name"},
		{"www ALIAS a b", "z:4:13: the ALIAS record of www.example.org. ends before this"},
		{"www ALIAS a..b", `z:4:11: bad name "a..b" in the ALIAS record of www.example.org.: `},
		{`www ALIAS "a"`, `z:4:11: bad name "a" in the ALIAS record of www.example.org.: write it without quotes`},
		{`www TYPE65401 \# 3 016100`, ""},
		{`www TYPE65401 \# 2 0161`, "z:4:15: the ALIAS record of www.example.org. has data that its type does not allow: its name is cut off, or is none"},
		{`www TYPE65401 \# 4 01610000`, "z:4:15: the ALIAS record of www.example.org. has data that its type does not allow: octets behind it are too much: 1"},
		{`www TYPE65401 \# 0`, "z:4:15: the ALIAS record of www.example.org. has data that its type does not allow: it ends before its name"},
	} {
		res, err := ParseBytes("z", []byte(aliasApex+c.line+"\n"), Options{Origin: zones.MustParseName("example.org.")})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, p := range res.Problems {
			got += p.String()
		}
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.line, got, c.want)
		}
	}
}

// A file without ALIAS says so, whichever way it was read, and a plain one stays plain.
func TestNoALIAS(t *testing.T) {
	res, err := ParseBytes("z", []byte(aliasApex+"www A 192.0.2.1\n"), Options{Origin: zones.MustParseName("example.org.")})
	if err != nil || res.Zone == nil || res.Aliases {
		t.Error(err, res)
	}
}

func TestFormatALIAS(t *testing.T) {
	out, err := Format("z", []byte(aliasApex+"@ ALIAS   lb.example.net. ; the site\nlonger 60 IN alias @\n"), Options{Origin: zones.MustParseName("example.org.")}, FormatOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(string(out.Text), "ns.example.net.\n")
	want := "@         IN ALIAS lb.example.net. ; the site\nlonger 60 IN ALIAS @\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
