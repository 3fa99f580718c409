package zonefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
)

// oddLines are lines that are almost plain, or plain in an odd way; none may be read otherwise than the careful parser does.
var oddLines = []string{
	"a A 192.0.2.1", "a A 192.0.2.256", "a A 192.0.2.01", "a A 192.0.2.1.", "a A 192.0.2", "a A 192.0.2.1 x", "a A 1..2.3", "a A 0.0.0.0",
	"a 300 IN A 192.0.2.1", "a IN 300 A 192.0.2.1", "a 300 300 A 192.0.2.1", "a IN IN A 192.0.2.1", "a 1h A 192.0.2.1", "a CH A 192.0.2.1",
	"a 2147483647 A 192.0.2.1", "a 2147483648 A 192.0.2.1", "a 99999999999999999999 A 192.0.2.1", "a 00000000000300 A 192.0.2.1",
	"\tA 192.0.2.1", "  300 A 192.0.2.2 ; again", " ; only that", "\t", "", "\r", ";", "; with \r in it", "x ; A 192.0.2.1",
	"A.B A 192.0.2.1", "a..b A 192.0.2.1", ".a A 192.0.2.1", ". A 192.0.2.1", "a.example.org. A 192.0.2.1", "example.org. A 192.0.2.9",
	"xexample.org. A 192.0.2.1", "a.example.net. A 192.0.2.1", "a.example.org A 192.0.2.1", "example.org A 192.0.2.1", "@ A 192.0.2.7", "@x A 192.0.2.1",
	`a\.b A 192.0.2.1`, `"a" A 192.0.2.1`, "a\u00e4 A 192.0.2.1", "* A 192.0.2.1", "*.a A 192.0.2.1", "_x._tcp SRV 1 2 3 a", "a_b A 192.0.2.1",
	"a AAAA ::", "a AAAA ::1", "a AAAA 1::", "a AAAA 1:2:3:4:5:6:7:8", "a AAAA 1:2:3:4:5:6:7::", "a AAAA ::2:3:4:5:6:7:8", "a AAAA 1::2::3",
	"a AAAA 1:2:3:4:5:6:7", "a AAAA 1:2:3:4:5:6:7:8:9", "a AAAA 1:2:3:4:5:6:7:8::", "a AAAA :1:2:3:4:5:6:7", "a AAAA 1:2:3:4:5:6:7:", "a AAAA 12345::",
	"a AAAA ::ffff:192.0.2.1", "a AAAA 2001:DB8::A", "a AAAA ::1%eth0", "a AAAA :::", "a AAAA :", "a AAAA 1", "a AAAA g::", "a AAAA 0::0",
	"a NS b", "a NS B.Example.ORG.", "a NS .", "a NS @", "a NS b.example.org", "a NS b..c", "a NS b c", `a NS b\.c`, "a NS b.", "a CNAME b", "b DNAME c", "a PTR b",
	"a NS " + strings.Repeat("x", 63), "a NS " + strings.Repeat("x", 64), strings.Repeat("x", 63) + " A 192.0.2.1", strings.Repeat("x", 64) + " A 192.0.2.1",
	strings.Repeat("abcdefg.", 30) + "x A 192.0.2.1", strings.Repeat("abcdefg.", 31) + "x A 192.0.2.1", "a NS " + strings.Repeat("abcdefg.", 31) + "abcdef.",
	"a NS " + strings.Repeat("abcdefg.", 30) + "x", strings.Repeat("abcdefg.", 28) + "abcdefg.abcdefg.a A 192.0.2.1",
	"a MX 10 b", "a MX 010 b", "a MX 65535 b", "a MX 65536 b", "a MX b", "a MX 10", "a MX 0 .", "a MX 10 b c", "a SRV 0 0 0 .", "a SRV 1 2 b", "a SRV 1 2 3 4",
	`a TXT x`, `a TXT "x y" z`, `a TXT "x"y`, `a TXT "x""y"`, `a TXT ""`, `a TXT "x`, `a TXT "\""`, `a TXT x;y`, `a TXT "x;y" ; z`, "a TXT \"tab\tin\"", "a TXT",
	`a TXT "` + strings.Repeat("x", 255) + `"`, `a TXT "` + strings.Repeat("x", 256) + `"`, "a TXT v=spf1 -all", "a TXT a@b", "a TXT (x)", "a TXT ( \"x\"\n \"y\" )",
	"a A ( 192.0.2.1 )", "a A (", "a A )", "a", "a A", "a A ", "a IN", "a 300", "a B x", "a TYPE1 192.0.2.1", "a type1 \\# 4 c0000201", "a a 192.0.2.1", "a aaaa ::1",
	"a mx 1 b", "a TXTX x", "a A\t192.0.2.1\t; x", "a A 192.0.2.1;x", "a\x01 A 192.0.2.1", "a A 192.0.2.1\x01", "a A 192.0.2.1\r", "a A 192.0.2.1\r\r", "a A 192.0.2.1 ; \r\r",
	"$TTL 60", "$TTL x", "$ORIGIN sub", "$ORIGIN example.net.", "$ORIGIN .", "$ORIGIN EXAMPLE.ORG.", "$INCLUDE x", "$GENERATE 1-3 g$ A 192.0.2.$", "$X", " $TTL 5", "a$b A 192.0.2.1",
	"a HINFO x y", "a CAA 0 issue \"x\"", "@ SOA ns host 1 2 3 4 5", "@ SOA ns host 1 2 3 4 6", "a SOA ns host 1 2 3 4 5", "a TXT \x00",
	"a DS 1 8 2 " + strings.Repeat("ab", 32), "a DS 65535 255 2 " + strings.Repeat("Ab", 16) + " " + strings.Repeat("bC", 16) + " ; x",
	"a DS 1 8 2 a " + strings.Repeat("ab", 31) + "\tc", "a DS 1 8 2 " + strings.Repeat("ab", 31), "a DS 1 8 2 " + strings.Repeat("ab", 32) + "a", "a DS 1 8 1 " + strings.Repeat("ab", 20),
	"a DS 1 8 9 ab", "a DS 1 8 9 aba", "a DS 1 8 9", "a DS 1 8 9 ", "a DS 1 8 9 ;ab", "a DS 1 8 9 ab;", "a DS 1 8 9 xy", "a DS 1 8 9 abx", "a DS 1 8 9 ab cx", "a DS 1 8 9 (ab)",
	"a DS 1 8 9 \"ab\"", "a DS 1 256 9 ab", "a DS 1 8 256 ab", "a DS 65536 8 9 ab", "a DS 1 RSASHA256 9 ab", "a DS 01 008 09 ab", "a DS 1 8 ab", "a DS \\# 5 0001080900", "a ds 1 8 9 AB\r",
	"a CDS 1 8 9 ab", "a RRSIG A 8 3 60 20300101000000 20200101000000 1 example.org. AAAA", "a NSEC b A",
}

// carefully are the ways of reading that are not the plain one.
func carefully() *Reader { return &Reader{slowly: true, noPlain: true} }

// readAlike reads text in every way there is and compares all that comes out with what the careful one says.
func readAlike(t *testing.T, text string, size int) {
	t.Helper()
	o := Options{MaxGenerate: 100, MaxProblems: 20}
	path := filepath.Join(t.TempDir(), "example.org.zone")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want, err := carefully().Parse(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	shared := new(Reader)
	inMemory := o
	inMemory.ReadFile = func(p string) ([]byte, error) {
		if p == path {
			return []byte(text), nil
		}
		return nil, &fs.PathError{Op: "open", Path: p, Err: syscall.ENOENT}
	}
	for name, parse := range map[string]func() (*Result, error){
		"pieces":       func() (*Result, error) { return shared.Parse(t.Context(), path, o) },
		"again":        func() (*Result, error) { return shared.Parse(t.Context(), path, o) },
		"small pieces": func() (*Result, error) { return (&Reader{window: window{size: size}}).Parse(t.Context(), path, o) },
		"text":         func() (*Result, error) { return shared.ParseBytes(t.Context(), path, []byte(text), inMemory) },
		"ReadFile":     func() (*Result, error) { return shared.Parse(t.Context(), path, inMemory) },
		"whole":        func() (*Result, error) { return (&Reader{slowly: true}).Parse(t.Context(), path, o) },
		"packed":       func() (*Result, error) { return (&Reader{noPlain: true}).Parse(t.Context(), path, o) },
	} {
		got, err := parse()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want.Problems, got.Problems); diff != "" || got.Errors != want.Errors || got.Warnings != want.Warnings {
			t.Fatalf("%s: %d errors, %d warnings, want %d, %d (-want +got):\n%s", name, got.Errors, got.Warnings, want.Errors, want.Warnings, diff)
		}
		if diff := zones.Diff(want.Zone, got.Zone); diff != nil || (want.Zone == nil) != (got.Zone == nil) {
			t.Fatalf("%s: the zone differs: %v", name, diff)
		}
		if len(got.Files) != len(want.Files) || got.Files[0].SHA256 != want.Files[0].SHA256 || got.Files[0].Path != path {
			t.Fatalf("%s: files %v, want %v", name, got.Files, want.Files)
		}
		if name == "pieces" && got.Files[0] != want.Files[0] {
			t.Fatalf("%s: got %v, want %v", name, got.Files[0], want.Files[0])
		}
		if want.Zone == nil {
			continue
		}
		for s := range want.Zone.RRsets() {
			for i := range s.Data {
				if got, want := got.Where(s.Name, s.Type, i), want.Where(s.Name, s.Type, i); got != want {
					t.Fatalf("%s: %s %s %d stands at %v, want %v", name, s.Name, zones.TypeString(s.Type), i, got, want)
				}
			}
		}
	}
}

// TestPlainLines reads each odd line between others, and all of them together.
func TestPlainLines(t *testing.T) {
	for _, line := range oddLines {
		for _, end := range []string{"\n", "\r\n", ""} {
			readAlike(t, top+"x A 192.0.2.3\n"+line+end, 64)
			if end != "" {
				readAlike(t, top+"x A 192.0.2.3\n"+line+end+" TXT y\nz 60 MX 1 x\n", 100)
			}
		}
		readAlike(t, "x.example.org. 60 A 192.0.2.3\n"+line+"\n a 192.0.2.9\n", 64)
	}
	readAlike(t, strings.Join(oddLines, "\n")+"\n", 64)
	readAlike(t, top+everything, 128)
	readAlike(t, "", 64)
	readAlike(t, "\n", 1)
	readAlike(t, "\ufeff"+top+"a A 192.0.2.1\n", 64)
}

// FuzzPlain holds the plain lines, the window and the packer to the careful parser and the builder.
func FuzzPlain(f *testing.F) {
	for _, line := range oddLines {
		f.Add(top+"x A 192.0.2.3\n"+line+"\n TXT y\n", uint16(64))
	}
	f.Add(top+everything, uint16(100))
	f.Fuzz(func(t *testing.T, text string, size uint16) {
		if strings.Contains(strings.ToUpper(text), "$INCLUDE") {
			t.Skip() // it might find a file
		}
		readAlike(t, text, max(int(size)%4096, 16))
	})
}

// TestReaderCancelled: a reader gives up when it is told, and is as good as new for the next file.
func TestReaderCancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "example.org.zone")
	text := manyA(200_000)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done []int64
	o := Options{OnProgress: func(n, total int64) {
		if total != int64(len(text)) {
			t.Errorf("got a total of %d, want %d", total, len(text))
		}
		done = append(done, n)
		cancel()
	}}
	r := new(Reader)
	if res, err := r.Parse(ctx, path, o); !errors.Is(err, context.Canceled) || res != nil {
		t.Errorf("got %v, %v", res, err)
	}
	if len(done) != 1 || done[0] < progressEvery {
		t.Errorf("progress: %v", done)
	}
	if res, err := r.ParseBytes(ctx, path, text, Options{}); !errors.Is(err, context.Canceled) || res != nil {
		t.Errorf("got %v, %v", res, err)
	}
	res, err := r.Parse(t.Context(), path, Options{})
	if err != nil || res.Zone == nil || res.Zone.Records() != 200_000+strings.Count(top, "\n")-1 {
		t.Errorf("got %v, %v", res, err)
	}
}

// TestWhereOfAnotherFile: places are not looked for in a file that is not the one that was read.
func TestWhereOfAnotherFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "example.org.zone")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(top + "a A 192.0.2.1\n")
	res, err := Parse(path, Options{})
	if err != nil || res.Zone == nil {
		t.Fatal(err, res.Problems)
	}
	write(top + "\na A 192.0.2.1\n")
	if got := res.Where(zones.MustParseName("a.example.org"), 1, 0); got != (zones.Pos{}) {
		t.Errorf("got %v", got)
	}
	write(top + "a A 192.0.2.1\n")
	if res, err = Parse(path, Options{}); err != nil {
		t.Fatal(err)
	}
	if got, want := res.Where(zones.MustParseName("a.example.org"), 1, 0), (zones.Pos{File: path, Line: strings.Count(top, "\n") + 1, Col: 1}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestLongRecords: records that are longer than the window.
func TestLongRecords(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(top + "x TXT (\n")
	for i := range 50_000 {
		fmt.Fprintf(&b, "; a comment of some length, number %d\n", i)
	}
	b.WriteString("a b )\ny A 192.0.2.1\n")
	readAlike(t, b.String(), 64)
}
