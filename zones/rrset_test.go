package zones

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// mustRRs reads lines of a zone file.
func mustRRs(t *testing.T, lines ...string) []dns.RR {
	t.Helper()
	var rrs []dns.RR
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil || rr == nil {
			t.Fatalf("%s: %v", line, err)
		}
		rrs = append(rrs, rr)
	}
	return rrs
}

func TestTypes(t *testing.T) {
	for typ, want := range map[uint16]string{
		1: "A", 28: "AAAA", 65: "HTTPS", 64: "SVCB", 0: "TYPE0", 65535: "TYPE65535", 65401: "ALIAS", 65280: "TYPE65280",
	} {
		if got := TypeString(typ); got != want {
			t.Errorf("TypeString(%d): got %s, want %s", typ, got, want)
		}
	}
	for typ := range 1 << 16 {
		if got, err := ParseType(TypeString(uint16(typ))); err != nil || got != uint16(typ) {
			t.Errorf("ParseType(%s): got %d, %v, want %d", TypeString(uint16(typ)), got, err, typ)
		}
	}
	for in, want := range map[string]uint16{"a": 1, "https": 65, "TYPE1": 1, "type65535": 65535} {
		if got, err := ParseType(in); err != nil || got != want {
			t.Errorf("ParseType(%s): got %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "B", "TYPE", "TYPE-1", "TYPE065", "TYPE65536", "TYPE1 ", "NONE", "RESERVED", "TYPE1x"} {
		if got, err := ParseType(in); err == nil || !strings.Contains(err.Error(), "unknown record type") {
			t.Errorf("ParseType(%q): got %d, %v", in, got, err)
		}
	}
}

func TestText(t *testing.T) {
	tests := []struct{ line, want string }{
		{"a.example. 60 IN A 192.0.2.1", "192.0.2.1"},
		{`a.example. 60 IN TXT "a b" c`, `"a b" "c"`},
		{"a.example. 60 IN MX 10 Mail.Example.", "10 Mail.Example."},
		{"a.example. 60 IN TYPE65401 \\# 3 0a0B0c", `\# 3 0A0B0C`},
		{"a.example. 60 IN TYPE65401 \\# 0", `\# 0`},
		{"a.example. 60 IN TYPE1 \\# 4 c0000201", "192.0.2.1"},
		{"a.example. 60 IN APL", ""},
		{`a.example. 60 IN HTTPS 1 . alpn="h2"`, `1 . alpn="h2"`},
	}
	for _, tt := range tests {
		sets, err := FromRRs(mustRRs(t, tt.line))
		if err != nil {
			t.Fatalf("%s: %v", tt.line, err)
		}
		if got := sets[0].Text(0); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.line, got, tt.want)
		}
	}
}

func TestOddRdata(t *testing.T) {
	name := MustParseName("a.example.")
	tests := []struct {
		typ  uint16
		data string
		text string
		err  string
	}{
		{dns.TypeA, "\x01\x02\x03", `\# 3 010203`, "a.example. A: A: dns: overflow unpacking a"},
		{dns.TypeA, "\x01\x02\x03\x04\x05", `\# 5 0102030405`, "a.example. A: dns: bad rdlength"},
		{dns.TypeA, "", `\# 0`, "a.example. A: no data"},
		{dns.TypeTXT, "", `\# 0`, "a.example. TXT: no data"},
		{dns.TypeNS, "\x03ns", `\# 3 036E73`, "a.example. NS: NS.Ns: dns: buffer size too small"},
		{dns.TypeNULL, "", `\# 0`, ""},
		{dns.TypeNULL, "ab", `\# 2 6162`, ""},
		{65280, "", `\# 0`, ""},
		{dns.TypeAMTRELAY, "\x0a\x81\xc0\x00\x02\x01", `\# 6 0A81C0000201`, "a.example. AMTRELAY: dns: bad rdlength"},
		{dns.TypeSRV, "\x00\x02", `\# 2 0002`, "a.example. SRV: miekg/dns cannot represent the data"},
	}
	for _, tt := range tests {
		s := RRset{name, tt.typ, 60, [][]byte{[]byte(tt.data)}}
		if got := s.Text(0); got != tt.text {
			t.Errorf("%s %q: got text %s, want %s", TypeString(tt.typ), tt.data, got, tt.text)
		}
		_, err := s.RRs()
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || err.Error() != tt.err) {
			t.Errorf("%s %q: got %v, want %s", TypeString(tt.typ), tt.data, err, tt.err)
		}
	}
}

func TestFromRRs(t *testing.T) {
	rrs := mustRRs(t,
		"WWW.example. 60 IN A 192.0.2.2",
		"www.example. 60 IN AAAA 2001:db8::1",
		"www.Example. 90 IN A 192.0.2.1",
		"www.example. 60 IN A 192.0.2.2",
		"x.example. 60 IN CNAME Www.Example.",
	)
	sets, err := FromRRs(rrs)
	if err != nil {
		t.Fatal(err)
	}
	want := `www.example. 60 IN A 192.0.2.2
www.example. 60 IN A 192.0.2.1
www.example. 60 IN AAAA 2001:db8::1
x.example. 60 IN CNAME Www.Example.`
	var got []string
	for _, s := range sets {
		got = append(got, s.String())
		if s.IsZero() {
			t.Errorf("%s is zero", s)
		}
		again, err := s.RRs()
		if err != nil {
			t.Fatal(err)
		}
		same, err := FromRRs(again)
		if err != nil || len(same) != 1 || !same[0].Equal(s) {
			t.Errorf("%s again: got %v, %v", s, same, err)
		}
	}
	if d := cmp.Diff(want, strings.Join(got, "\n")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"192.0.2.2", "192.0.2.1"}, sets[0].Texts()); d != "" {
		t.Errorf("Texts (-want +got):\n%s", d)
	}
}

func TestFromRRsBad(t *testing.T) {
	if _, err := FromRRs([]dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "a..b.", Rrtype: 1}}}); !errors.Is(err, ErrName) {
		t.Errorf("a bad owner: got %v", err)
	}
	bad := &dns.NS{Hdr: dns.RR_Header{Name: "a.", Rrtype: 2}, Ns: strings.Repeat("a", 64) + "."}
	if _, err := FromRRs([]dns.RR{bad}); err == nil || !strings.HasPrefix(err.Error(), "a. NS: ") {
		t.Errorf("a bad target: got %v", err)
	}
	huge := &dns.TXT{Hdr: dns.RR_Header{Name: "a.", Rrtype: 16}, Txt: make([]string, 70000)}
	if _, err := Rdata(huge); err == nil {
		t.Error("70000 octets of data are none")
	}
}

// TestRdataLarge: data that dns.Len may take for shorter than they are.
func TestRdataLarge(t *testing.T) {
	txt := &dns.TXT{Hdr: dns.RR_Header{Name: `\097.`, Rrtype: 16}}
	for range 250 {
		txt.Txt = append(txt.Txt, strings.Repeat(`\200`, 255))
	}
	d, err := Rdata(txt)
	if err != nil || len(d) != 250*256 || d[1] != 200 {
		t.Errorf("got %d octets, %v", len(d), err)
	}
}

func TestEqual(t *testing.T) {
	set := func(ttl uint32, data ...string) RRset {
		s := RRset{Name: Root, Type: 65280, TTL: ttl}
		for _, d := range data {
			s.Data = append(s.Data, []byte(d))
		}
		return s
	}
	tests := []struct {
		a, b        RRset
		equal, data bool
	}{
		{set(1), set(1), true, true},
		{set(1), set(2), true, true}, // nothing has no TTL
		{set(1, "a"), set(1, "a"), true, true},
		{set(1, "a"), set(2, "a"), false, true},
		{set(1, "a", "b"), set(1, "b", "a"), true, true},
		{set(1, "a", "b"), set(1, "a", "c"), false, false},
		{set(1, "a", "b"), set(1, "a"), false, false},
		{set(1, ""), set(1), false, false},
		{set(1, "a"), RRset{Root, 65281, 1, [][]byte{[]byte("a")}}, false, true},
		{set(1, "a"), RRset{MustParseName("a."), 65280, 1, [][]byte{[]byte("a")}}, false, true},
	}
	for _, tt := range tests {
		if got := tt.a.Equal(tt.b); got != tt.equal {
			t.Errorf("%v Equal %v: got %v", tt.a, tt.b, got)
		}
		if got := tt.a.SameData(tt.b); got != tt.data {
			t.Errorf("%v SameData %v: got %v", tt.a, tt.b, got)
		}
		if tt.b.Equal(tt.a) != tt.equal || tt.b.SameData(tt.a) != tt.data {
			t.Errorf("%v and %v: the order matters", tt.a, tt.b)
		}
	}
}

// A backslash in CAA and URI survives the way over dns.RR, and is shown escaped.
func TestBackslashInOctets(t *testing.T) {
	for _, c := range []struct {
		typ  uint16
		data string
		want string
	}{
		{dns.TypeCAA, "\x00\x05issue" + `a\b"c`, `0 issue "a\\b\"c"`},
		{dns.TypeURI, "\x00\x01\x00\x02" + `http://x/\y`, `1 2 "http://x/\\y"`},
	} {
		s := RRset{Name: MustParseName("example.com"), Type: c.typ, TTL: 60, Data: [][]byte{[]byte(c.data)}}
		if got := s.Text(0); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
		rr, err := s.RR(0)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Rdata(rr); err != nil || !bytes.Equal(got, s.Data[0]) {
			t.Errorf("got %q, %v, want %q", got, err, s.Data[0])
		}
	}
}
