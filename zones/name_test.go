package zones

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

func TestParseName(t *testing.T) {
	long := strings.Repeat("a", 63)
	tests := []struct{ in, want string }{
		{".", "."},
		{"com", "com."},
		{"com.", "com."},
		{"WWW.Example.COM.", "www.example.com."},
		{"*.example.com.", "*.example.com."},
		{`\042.example.com.`, "*.example.com."},
		{"_sip._tcp.example.com.", "_sip._tcp.example.com."},
		{`a\.b.example.com.`, `a\.b.example.com.`},
		{`a\046b.example.com.`, `a\.b.example.com.`},
		{`\065\097.`, "aa."},
		{`\a\b.`, "ab."},
		{`a b.`, `a\ b.`},
		{`\000\255.`, `\000\255.`},
		{"ü.", `\195\188.`},
		{`@.`, `\@.`},
		{`\\.`, `\\.`},
		{`a\..`, `a\..`},
		{`a\.`, `a\..`},
		{long + "." + long + "." + long + "." + strings.Repeat("a", 61), long + "." + long + "." + long + "." + strings.Repeat("a", 61) + "."},
		{strings.Repeat("a.", 127), strings.Repeat("a.", 127)},
	}
	for _, tt := range tests {
		n, err := ParseName(tt.in)
		if err != nil || n.String() != tt.want {
			t.Errorf("ParseName(%q): got %q, %v, want %q", tt.in, n, err, tt.want)
		}
		again, err := ParseName(n.String())
		if err != nil || again != n {
			t.Errorf("ParseName(%q) again: got %q, %v", n, again, err)
		}
	}
}

func TestParseNameBad(t *testing.T) {
	long := strings.Repeat("a", 63)
	tests := []struct{ in, want string }{
		{"", "bad domain name: empty"},
		{"..", `bad domain name "..": a label is empty`},
		{".com", `bad domain name ".com": a label is empty`},
		{"a..b", `bad domain name "a..b": a label is empty`},
		{"a..", `bad domain name "a..": a label is empty`},
		{"a\\", `bad domain name "a\\": nothing follows the last backslash`},
		{`\1.`, `bad domain name "\\1.": a backslash and a digit must be a backslash and three digits`},
		{`\12a.`, `bad domain name "\\12a.": a backslash and a digit must be a backslash and three digits`},
		{`\256.`, `bad domain name "\\256.": an escape is above \255`},
		{long + "a.", `bad domain name "` + long + `a.": a label has more than 63 octets`},
		{strings.Repeat("a.", 128), `bad domain name "` + strings.Repeat("a.", 128) + `": more than 255 octets`},
		{strings.Repeat("a.", 126) + "aa", `bad domain name "` + strings.Repeat("a.", 126) + `aa": more than 255 octets`},
		{strings.Repeat("a.", 127) + "a", `bad domain name "` + strings.Repeat("a.", 127) + `a": more than 255 octets`},
	}
	for _, tt := range tests {
		n, err := ParseName(tt.in)
		if err == nil || err.Error() != tt.want || !errors.Is(err, ErrName) || !n.IsZero() {
			t.Errorf("ParseName(%q): got %q, %v, want %s", tt.in, n, err, tt.want)
		}
	}
}

func TestMustParseName(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a bad name did not panic")
		}
	}()
	MustParseName("a..b")
}

func TestParseRelative(t *testing.T) {
	example := MustParseName("example.com.")
	tests := []struct {
		in     string
		origin Name
		want   string
	}{
		{"@", example, "example.com."},
		{"@", Root, "."},
		{".", example, "."},
		{"www", example, "www.example.com."},
		{"www.", example, "www."},
		{"a.b", example, "a.b.example.com."},
		{"www", Root, "www."},
		{`a\.`, example, `a\..example.com.`}, // the dot is of the label
		{`a\\.`, example, `a\\.`},
		{`\@`, example, `\@.example.com.`},
	}
	for _, tt := range tests {
		got, err := ParseRelative(tt.in, tt.origin)
		if err != nil || got.String() != tt.want {
			t.Errorf("ParseRelative(%q, %s): got %q, %v, want %q", tt.in, tt.origin, got, err, tt.want)
		}
	}
	for _, in := range []string{"", "a..b", strings.Repeat("a.", 121) + "a", `a\`} {
		if n, err := ParseRelative(in, example); !errors.Is(err, ErrName) {
			t.Errorf("ParseRelative(%q): got %q, %v", in, n, err)
		}
	}
	if n, err := ParseRelative(strings.Repeat("a.", 120)+"a", example); err != nil || len(n.Wire()) != 255 {
		t.Errorf("the longest name: got %d octets, %v", len(n.Wire()), err)
	}
}

func TestNameFromWireBad(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", "bad domain name: ends within a label"},
		{"\x03ww", "bad domain name: ends within a label"},
		{"\x03www", "bad domain name: ends within a label"},
		{"\x03www\x00\x00", "bad domain name: octets behind the root label"},
		{"\x00\x00", "bad domain name: octets behind the root label"},
		{"\xc0\x0c", "bad domain name: label type 0xc0"},
		{"\x40a\x00", "bad domain name: label type 0x40"},
		{strings.Repeat("\x01a", 127) + "\x00\x00", "bad domain name: octets behind the root label"},
		{strings.Repeat("\x01a", 128) + "\x00", "bad domain name: more than 255 octets"},
		{strings.Repeat("\x01a", 126) + "\x02aa\x00", "bad domain name: more than 255 octets"},
	}
	for _, tt := range tests {
		n, err := NameFromWire([]byte(tt.in))
		if err == nil || err.Error() != tt.want || !errors.Is(err, ErrName) || !n.IsZero() {
			t.Errorf("NameFromWire(%q): got %q, %v, want %s", tt.in, n, err, tt.want)
		}
	}
}

func TestNameFromWireKeepsNothing(t *testing.T) {
	wire := []byte("\x03WwW\x00")
	n, err := NameFromWire(wire)
	if err != nil || string(wire) != "\x03WwW\x00" {
		t.Fatalf("got %q, %v; the wire is %q", n, err, wire)
	}
	wire[1] = 'x'
	if n.String() != "www." {
		t.Errorf("got %s", n)
	}
}

func TestNameParts(t *testing.T) {
	tests := []struct {
		name          string
		labels        int
		label, parent string
		wild          bool
	}{
		{".", 0, "", "", false},
		{"com.", 1, "com", ".", false},
		{"*.", 1, "*", ".", true},
		{"*.example.com.", 3, "*", "example.com.", true},
		{"a.*.example.com.", 4, "a", "*.example.com.", false},
		{`\001*.com.`, 2, "\x01*", "com.", false},
		{`**.com.`, 2, "**", "com.", false},
		{strings.Repeat("a.", 127), 127, "a", strings.Repeat("a.", 126), false},
	}
	for _, tt := range tests {
		n := MustParseName(tt.name)
		p, ok := n.Parent()
		if n.Labels() != tt.labels || n.Label() != tt.label || n.IsWildcard() != tt.wild || ok != (tt.parent != "") || p.String() != tt.parent {
			t.Errorf("%s: got %d labels, %q below %q, wildcard %v", n, n.Labels(), n.Label(), p, n.IsWildcard())
		}
		if ok {
			if c, err := p.Child(strings.ToUpper(tt.label)); err != nil || c != n {
				t.Errorf("%s.Child(%q): got %q, %v, want %s", p, tt.label, c, err, n)
			}
		}
	}
	var zero Name
	if p, ok := zero.Parent(); ok || !zero.IsZero() || zero.String() != "" || zero.Wire() != "" || zero.Labels() != 0 || zero.Label() != "" || zero.IsWildcard() {
		t.Errorf("the zero Name: has parent %q", p)
	}
	if Root.IsZero() {
		t.Error("the root is the zero Name")
	}
}

func TestChildBad(t *testing.T) {
	long := MustParseName(strings.Repeat("a.", 126) + "")
	tests := []struct {
		parent Name
		label  string
		want   string
	}{
		{Root, "", "bad domain name: label of 0 octets"},
		{Root, strings.Repeat("a", 64), "bad domain name: label of 64 octets"},
		{Root, strings.Repeat("a", 200), "bad domain name: label of 200 octets"},
		{long, "aa", "bad domain name: more than 255 octets"},
		{Name{}, "a", "bad domain name: a label below no name"},
	}
	for _, tt := range tests {
		if n, err := tt.parent.Child(tt.label); err == nil || err.Error() != tt.want || !errors.Is(err, ErrName) {
			t.Errorf("Child(%q): got %q, %v, want %s", tt.label, n, err, tt.want)
		}
	}
	if n, err := long.Child("\xff"); err != nil || len(n.Wire()) != 255 {
		t.Errorf("the longest child: got %d octets, %v", len(n.Wire()), err)
	}
}

func TestWithin(t *testing.T) {
	tests := []struct {
		name, zone string
		within     bool
		relative   string
	}{
		{"example.com.", "example.com.", true, "@"},
		{"www.example.com.", "example.com.", true, "www"},
		{`a.b\.c.example.com.`, "example.com.", true, `a.b\.c`},
		{"notexample.com.", "example.com.", false, "notexample.com."},
		{"com.", "example.com.", false, "com."},
		{"example.net.", "example.com.", false, "example.net."},
		{"example.com.", ".", true, "example.com."},
		{".", ".", true, "@"},
		{".", "com.", false, "."},
		// a label that ends with what looks like the zone's wire form
		{`x\007example\003com.`, "example.com.", false, `x\007example\003com.`},
		{`x\003com.`, "com.", false, `x\003com.`},
	}
	for _, tt := range tests {
		n, zone := MustParseName(tt.name), MustParseName(tt.zone)
		if got := n.Within(zone); got != tt.within {
			t.Errorf("%s within %s: got %v", n, zone, got)
		}
		rel := n.Relative(zone)
		if rel != tt.relative {
			t.Errorf("%s relative to %s: got %q, want %q", n, zone, rel, tt.relative)
		}
		if again, err := ParseRelative(rel, zone); err != nil || again != n {
			t.Errorf("%q below %s: got %q, %v, want %s", rel, zone, again, err, n)
		}
	}
	if (Name{}).Within(Root) || Root.Within(Name{}) || (Name{}).Within(Name{}) {
		t.Error("the zero Name is within something")
	}
}

// TestCompare is the list of RFC 4034 6.1, and what it does not show.
func TestCompare(t *testing.T) {
	want := []string{
		".", `\000.`, "com.", "example.", "a.example.", "yljkjljk.a.example.", "z.a.example.", "zabc.a.example.", "z.example.",
		`\000.z.example.`, `\001.z.example.`, `*.z.example.`, `\200.z.example.`, "examples.", "net.",
	}
	var names []Name
	for _, s := range want {
		names = append(names, MustParseName(s))
	}
	for i, a := range names {
		for j, b := range names {
			if got := a.Compare(b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%s and %s: got %d", a, b, got)
			}
		}
	}
	slices.Reverse(names)
	var got []string
	for _, i := range canonicalOrder(len(names), func(i uint32) string { return names[i].Wire() }) {
		got = append(got, names[i].String())
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("canonicalOrder (-want +got):\n%s", d)
	}
}

// FuzzParseName: what is accepted is written so that it reads as the same name, and miekg/dns agrees with both.
func FuzzParseName(f *testing.F) {
	for _, s := range []string{".", "", "a.b", `a\.b.`, `\065\000.`, "ü", `\`, `\25`, strings.Repeat("a.", 127), strings.Repeat("a", 64), `a\\.`, "@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseName(s)
		if err != nil {
			if !errors.Is(err, ErrName) || !n.IsZero() {
				t.Fatalf("got %q, %v", n, err)
			}
			return
		}
		if again, err := ParseName(n.String()); err != nil || again != n {
			t.Fatalf("%q again: got %q, %v", n, again, err)
		}
		if again, err := NameFromWire([]byte(n.Wire())); err != nil || again != n {
			t.Fatalf("%q from wire: got %q, %v", n, again, err)
		}
		var buf [256]byte
		end, err := dns.PackDomainName(dns.Fqdn(s), buf[:], 0, nil, false)
		if err != nil {
			t.Fatalf("miekg/dns refuses %q: %v", s, err)
		}
		if theirs, err := NameFromWire(buf[:end]); err != nil || theirs != n {
			t.Fatalf("miekg/dns reads %q, %v, want %q", theirs, err, n)
		}
		if text, _, err := dns.UnpackDomainName([]byte(n.Wire()), 0); err != nil || text != n.String() {
			t.Fatalf("miekg/dns writes %q, %v, want %q", text, err, n)
		}
	})
}
