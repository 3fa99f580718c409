package zonefile

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// FuzzRoundTrip parses anything. What is a zone must be the same when it is written and read again; what is
// not must have an error with a place.
func FuzzRoundTrip(f *testing.F) {
	f.Add(everything)
	lines, want := recordLines(f)
	for _, line := range lines {
		if strings.Contains(want[line], "\t= ") {
			f.Add(top + "x " + line + "\n")
		}
	}
	f.Add(top + "a A 192.0.2.1\n$INCLUDE x\n$GENERATE 1-3 a$ A 192.0.2.$\n")
	f.Add(top + "a TXT ( \"b\n c ) \\\" ; x\r\n\\$a\\000 CNAME \\@\n")
	f.Add("\ufeff$ORIGIN .\n@ 1w SOA . . 1 1h 1m 1d 1s\nx TYPE65280 \\# 2 abcd\nx TXT \\# 2 0161\n")
	f.Fuzz(func(t *testing.T, text string) {
		noFiles := func(string) ([]byte, error) { return nil, fs.ErrNotExist }
		r, err := ParseBytes("example.org.zone", []byte(text), Options{ReadFile: noFiles, MaxGenerate: 100})
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(text, "\n") + 1
		for _, p := range r.Problems {
			if p.Pos.File != "example.org.zone" || p.Pos.Line < 0 || p.Pos.Line > lines || p.Pos.Col > len(text)+2 || p.Text == "" {
				t.Errorf("problem at an odd place: %v", p)
			}
		}
		if (r.Zone == nil) != (r.Errors > 0) {
			t.Fatalf("%d errors, zone: %v", r.Errors, r.Zone != nil)
		}
		if r.Zone == nil {
			return
		}
		for s := range r.Zone.RRsets() {
			for i := range s.Data {
				if r.Where(s.Name, s.Type, i).Line == 0 {
					t.Errorf("nobody knows where %s %s %d stands", s.Name, zones.TypeString(s.Type), i)
				}
			}
		}
		roundTrip(t, r.Zone, WriteOptions{})
		roundTrip(t, r.Zone, WriteOptions{Absolute: true, DefaultTTL: 300})
	})
}

// FuzzLayouts holds the types that are read by a table to miekg/dns's reading of them.
func FuzzLayouts(f *testing.F) {
	for line := range strings.Lines(everything) {
		if _, rest, ok := strings.Cut(line, " "); ok {
			typ, data, _ := strings.Cut(rest, " ")
			if n, known := lookupType([]byte(typ)); known && layoutOf(n) != nil {
				f.Add(n, strings.TrimSpace(data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, typ uint16, data string) {
		if _, known := dns.TypeToRR[typ]; !known || layoutOf(typ) == nil || strings.ContainsAny(data, "\n\r()") {
			t.Skip()
		}
		scan := newScanner([]byte(data))
		for scan.next() {
			if slices.ContainsFunc(scan.toks, func(t token) bool { return t.joined }) {
				t.Skip() // a"b" is two strings for BIND and for us; miekg/dns has opinions by type
			}
		}
		mine, fault := parseData(t, typ, data)
		theirs, err := miekgData(typ, data)
		switch {
		case differsByType(typ):
		case fault == nil && err == nil && !bytes.Equal(mine, theirs):
			t.Errorf("%s %s: got %x, miekg/dns has %x", zones.TypeString(typ), data, mine, theirs)
		case fault == nil && err != nil && !stricter(typ, err):
			t.Errorf("%s %s: got %x, miekg/dns says %v", zones.TypeString(typ), data, mine, err)
		}
	})
}

// parseData reads the data of one record.
func parseData(t *testing.T, typ uint16, data string) ([]byte, error) {
	r := parse(t, fmt.Sprintf("%sx %s %s", top, zones.TypeString(typ), data))
	if r.Zone == nil {
		return nil, fmt.Errorf("%s", problemText(r))
	}
	set, ok := r.Zone.RRset(zones.MustParseName("x.example.org"), typ)
	if !ok || len(set.Data) != 1 {
		t.Fatalf("no error, and %d records", len(set.Data))
	}
	return set.Data[0], nil
}

func miekgData(typ uint16, data string) ([]byte, error) {
	zp := dns.NewZoneParser(strings.NewReader(fmt.Sprintf("x 300 IN %s %s\n", zones.TypeString(typ), data)), "example.org.", "")
	rr, ok := zp.Next()
	if !ok {
		return nil, fmt.Errorf("no record: %w", zp.Err())
	}
	return zones.Rdata(rr)
}

// differsByType says of which types miekg/dns is known to make something else; TestRecordsAsMiekg has what.
func differsByType(typ uint16) bool {
	switch typ {
	case dns.TypeISDN, dns.TypeNXT, dns.TypeLOC, dns.TypeAMTRELAY, dns.TypeNSEC3, dns.TypeSVCB, dns.TypeHTTPS:
		return true
	}
	return false
}

// stricter says whether miekg/dns refuses for a reason of its own: it wants quotes around strings of these types, which BIND does not,
// and four digits in each group of a locator. It knows less names of algorithms, and not all strings may have quotes.
func stricter(typ uint16, err error) bool {
	if !writtenByLayout(typ) {
		return true
	}
	for _, own := range []string{"bad NAPTR ", "bad URI Target", "bad NID/L64 "} {
		if strings.Contains(err.Error(), own) {
			return true
		}
	}
	return false
}
