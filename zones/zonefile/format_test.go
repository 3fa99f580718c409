package zonefile

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
)

// formatGood formats a file without errors, and checks that what comes out is its own form.
func formatGood(t *testing.T, text string, f FormatOptions) string {
	t.Helper()
	out, err := Format("example.org.zone", []byte(text), Options{}, f)
	if err != nil {
		t.Fatal(err)
	}
	if out.Result.Errors > 0 {
		t.Fatalf("errors:\n%s", problemText(out.Result))
	}
	again, err := Format("example.org.zone", out.Text, Options{}, f)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(out.Text), string(again.Text)); diff != "" {
		t.Errorf("formatted otherwise the second time (-first +second):\n%s", diff)
	}
	return string(out.Text)
}

func TestFormat(t *testing.T) {
	for _, tt := range []struct {
		name string
		sort bool
		in   string
		want string
	}{
		{"columns", false, `

; the zone
$ttl 1H
@ IN SOA ns1 hostmaster 2026112101 7200 10M 14d 0300


   IN NS ns1   ; first
   IN NS ns2.example.net. ; second
ns1 300 a 192.0.2.53
; a block of two lines
;   for www
www IN 0060 A 192.0.2.1
  AAAA 2001:db8::1
a-name-that-is-far-too-long-for-the-column A 192.0.2.3 ; far
; the end`, `; the zone
$TTL 1h
@       IN SOA  ns1 hostmaster (
                2026112101 ; serial
                7200       ; refresh
                10m        ; retry
                2w         ; expire
                300 )      ; minimum

        IN NS   ns1              ; first
        IN NS   ns2.example.net. ; second
ns1 300 IN A    192.0.2.53
; a block of two lines
;   for www
www 60  IN A    192.0.2.1
        IN AAAA 2001:db8::1
a-name-that-is-far-too-long-for-the-column IN A 192.0.2.3 ; far
; the end
`},
		{"comments within parentheses", false, `$TTL 300
@ SOA ns1 host ( ; the start
   1 ; the serial
   2 ; how often
   3 4
   ; the last
   5
 ) ; done
@ NS ( ns1 ) ; a server
@ ( ; lifted
  NS ; lifted too
  ns2 )
t TXT ( "a" ; one
   "b" "c"
   ; two, alone
   "d" ; three
   ; four
 ) ; five
u TXT ( "a"
  "b" ; the last is that of the line
 )
v TXT (
  "a" ; v
  "b" ) ; v2
`, `$TTL 300
@ SOA ( ns1 host ; the start
      1 ; the serial
      2 ; how often
      3 4
      ; the last
      5 ) ; done
@ NS  ns1 ; a server
; lifted
; lifted too
@ NS  ns2
t TXT ( "a" ; one
      "b" "c"
      ; two, alone
      "d" ; three
      ; four
      ) ; five
u TXT "a" "b" ; the last is that of the line
v TXT (
      "a" ; v
      "b" ) ; v2
`},
		{"comments of a SOA", false, `$TTL 300
@ SOA ns1 host ( ; the start
   1 ; the serial
   2h
   3 4 ; two
   5 ; the last
 ) ; done
`, `$TTL 300
@ SOA ns1 host ( ; the start
      1          ; the serial
      2h
      3
      4          ; two
      5          ; the last
      ) ; done
`},
		{"a SOA with a comment behind it", false, "$TTL 300\n@ SOA ns1 host 1 2 3 4 5;here\n", `$TTL 300
@ SOA ns1 host (
      1          ; serial
      2          ; refresh
      3          ; retry
      4          ; expire
      5 )        ;here
`},
		{"long data", false, `$TTL 300
@ SOA ns1 host 1 2 3 4 5
dkim TXT "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDBolTXCqbxwoRBffkg8u" "2ZrzWCRoCtj5B" (
  "last" )
one TXT "one string alone stays on its line however long it is, for there is no other way to write it than this one"
@ DNSKEY 256 3 8 ( AwEAAcUlFV1vhmqx6NSOUOq2R/dsR7Xm3upJ j7IommWSpJABVfW8Q0rOvXdM6kzt+TAu92L9
 AbsUdblMFin8CVF3n4s= )
short TXT ( "a"
 "b" )
`, `$TTL 300
@     SOA    ns1 host (
             1          ; serial
             2          ; refresh
             3          ; retry
             4          ; expire
             5 )        ; minimum
dkim  TXT    (
             "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDBolTXCqbxwoRBffkg8u"
             "2ZrzWCRoCtj5B"
             "last" )
one   TXT    "one string alone stays on its line however long it is, for there is no other way to write it than this one"
@     DNSKEY ( 256 3 8 AwEAAcUlFV1vhmqx6NSOUOq2R/dsR7Xm3upJ
             j7IommWSpJABVfW8Q0rOvXdM6kzt+TAu92L9 AbsUdblMFin8CVF3n4s= )
short TXT    "a" "b"
`},
		{"directives and odd words", false, `$TTL ( 1d ; a day
 )
@ IN 60 SOA . . 1 2 3 4 5
$origin Sub
\032x\ 	txt  joined"parts"  \"  "q;("
\036x type65280 \# 1 ( 0
 0 )
h https 1 . alpn="h2,h3"  port=443
$GENERATE   1-2  g$	A   192.0.2.$ ; both
l LOC 52 22 23.000 N 4 53 32.000 E -2.00m
`, `; a day
$TTL 1d
@       60 IN SOA       . . (
                        1          ; serial
                        2          ; refresh
                        3          ; retry
                        4          ; expire
                        5 )        ; minimum
$ORIGIN Sub
\032x\     IN TXT       joined"parts" \" "q;("
\036x      IN TYPE65280 \# 1 0 0
h          IN HTTPS     1 . alpn="h2,h3" port=443
$GENERATE 1-2 g$ A 192.0.2.$ ; both
l          IN LOC       52 22 23.000 N 4 53 32.000 E -2.00m
`},
		{"sorted", true, `$TTL 300
; heading

z A 192.0.2.2
  A 192.0.2.1
@ A 192.0.2.9
@ NS ns1
; above b
b.a A 192.0.2.3
@ SOA ns1 host 1 2 3 4 5
z TXT z

; next heading

www A 192.0.2.4
$ORIGIN sub
  TXT x
a A 192.0.2.5
`, `$TTL 300
; heading

@                SOA ns1 host (
                     1          ; serial
                     2          ; refresh
                     3          ; retry
                     4          ; expire
                     5 )        ; minimum
                 NS  ns1
                 A   192.0.2.9
; above b
b.a              A   192.0.2.3
z                A   192.0.2.2
                 A   192.0.2.1
                 TXT z

; next heading

www              A   192.0.2.4
$ORIGIN sub
a                A   192.0.2.5
www.example.org. TXT x
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := formatGood(t, tt.in, FormatOptions{Sort: tt.sort})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestFormatNotes tells what is not a matter of layout.
func TestFormatNotes(t *testing.T) {
	out, err := Format("example.org.zone", []byte("\ufeff$TTL 300\r\n@ SOA . . 1 2 3 4 5 ; x\r\n"), Options{}, FormatOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"the byte order mark is gone", "2 of 2 lines ended with a carriage return, none does any more"}
	if diff := cmp.Diff(want, out.Notes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if bytes.ContainsAny(out.Text, "\r\ufeff") {
		t.Errorf("still there: %q", out.Text)
	}
}

// TestFormatErrors: nothing is made of a file that has errors.
func TestFormatErrors(t *testing.T) {
	out, err := Format("example.org.zone", []byte("@ 300 SOA . . 1 2 3 4 5\nwww A 192.0.2.300\n"), Options{}, FormatOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if out.Text != nil || out.Result.Errors != 1 {
		t.Errorf("text %q, errors %d", out.Text, out.Result.Errors)
	}
	// Where TTLs follow from the records before, another order means another zone.
	_, err = Format("example.org.zone", []byte("@ 300 SOA . . 1 2 3 4 5\nwww 60 A 192.0.2.3\nmail A 192.0.2.4\n"), Options{}, FormatOptions{Sort: true})
	if !errors.Is(err, ErrMeaning) {
		t.Errorf("got %v, want %v", err, ErrMeaning)
	}
}

// randomFile is a file without errors, laid out at random.
func randomFile(r *rand.Rand) string {
	var b strings.Builder
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	blank := func() string { return pick(" ", "\t", "   ", " \t ") }
	eol := func() {
		b.WriteString(pick("", "", "", " ", ";", " ; c;\"(", "\t;x  ") + pick("\n", "\n", "\n", "\r\n"))
	}
	depth := 0
	// part parts two words, with parentheses opened and closed, and lines and comments within them.
	part := func() {
		switch r.IntN(8) {
		case 0:
			b.WriteString(blank() + "(" + pick("", " "))
			depth++
		case 1:
			if depth > 0 {
				b.WriteString(" ) ")
				depth--
				return
			}
			b.WriteString(blank())
		default:
			b.WriteString(blank())
		}
		for depth > 0 && r.IntN(3) == 0 {
			eol()
			b.WriteString(blank())
		}
	}
	if r.IntN(4) == 0 {
		b.WriteString("\ufeff")
	}
	b.WriteString(pick("$TTL 300", "$ttl 1H30M", "$TTL\t0060 ; x") + "\n")
	b.WriteString("@ IN SOA ns1 Host ( 1\n 2h ; r\n 3 4 0005 )\n")
	owners := []string{"@", "www", "WWW", "a.b", "*", "x\\032y", "\\(z\\)", "very-long-name-of-a-host-in-a-branch-office", "n1.Example.ORG."}
	for n := range 3 + r.IntN(20) {
		switch r.IntN(12) {
		case 0:
			b.WriteString(pick("", "; alone", "  ; indented", ";", "\t"))
			eol()
			continue
		case 1:
			b.WriteString(pick("$ORIGIN example.org.", "$ORIGIN\tsub.example.org.", "$TTL 2d", "$origin Other", fmt.Sprintf("$GENERATE 1-3 g%d-$ A 192.0.%d.$", n, n)))
			eol()
			continue
		}
		if r.IntN(3) > 0 {
			b.WriteString(pick(owners...))
		}
		part()
		head := []string{pick("", "60", "1w2D", "90m"), pick("", "IN", "in")}
		if r.IntN(2) == 0 {
			slices.Reverse(head)
		}
		for _, w := range head {
			if w != "" {
				b.WriteString(w)
				part()
			}
		}
		for i, w := range strings.Split(pick("A|192.0.2.N", "aaaa|2001:db8::N", "MX|N|Mail", "TXT|\"N;(\"|unquoted|\"\"", "TXT|\"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDBolTXCqbxwoRBffkg8u\"|\"2ZrzWCRoCtj5BN\"",
			"SRV|0|0|N|t", "CAA|0|issue|\"ca N\"", "HTTPS|N|.|alpn=\"h2,h3\"|port=443", "TYPE65280|\\#|3|00|00|0N", "APL|1:192.0.2.N/32", "TXT|\"\xc3\xa4N\"",
			"DS|N|8|2|2BB183AF5F22588179A53B0A98631FAD1A2921182BB183AF5F|22588179A53B0A98631FAD1A292118"), "|") {
			if i > 0 {
				part()
			}
			b.WriteString(strings.ReplaceAll(w, "N", fmt.Sprint(n%10)))
		}
		for ; depth > 0; depth-- {
			if r.IntN(2) == 0 {
				eol()
			}
			b.WriteString(" )")
		}
		eol()
	}
	return strings.TrimRight(b.String(), pick("", "\n"))
}

// checkFormat demands of any text that it is formatted to its own form, with the same meaning (which Format itself
// verifies, and must never find broken), and that no comment is lost. It returns whether the text has no errors.
func checkFormat(t *testing.T, text []byte, sort bool) bool {
	t.Helper()
	o := Options{Origin: zones.MustParseName("example.org"), MaxSize: 1 << 20, MaxGenerate: 100, ReadFile: noFiles}
	out, err := Format("f", text, o, FormatOptions{Sort: sort})
	if sort && errors.Is(err, ErrMeaning) {
		return false
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if out.Result.Errors > 0 {
		return false
	}
	again, err := Format("f", out.Text, o, FormatOptions{Sort: sort})
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, text, out.Text)
	}
	if diff := cmp.Diff(string(out.Text), string(again.Text)); diff != "" {
		t.Fatalf("formatted otherwise the second time (-first +second):\n%s\n%q", diff, text)
	}
	before, after := remarksOf(text), remarksOf(out.Text)
	for _, r := range before {
		if i := slices.Index(after, r); i < 0 {
			t.Fatalf("the comment %q is lost:\n%s\n%s", r, text, out.Text)
		} else {
			after = slices.Delete(after, i, i+1)
		}
	}
	return true
}

func noFiles(string) ([]byte, error) { return nil, errors.New("no files here") }

func remarksOf(text []byte) (out []string) {
	var remarks []remark
	s := newScanner(text)
	for s.remarks = &remarks; s.next(); {
	}
	for _, r := range remarks {
		out = append(out, r.text)
	}
	return out
}

func TestFormatRandom(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	good := 0
	for range 2000 {
		text := randomFile(r)
		if checkFormat(t, []byte(text), false) {
			good++
		}
		checkFormat(t, []byte(text), true)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if good < 400 {
		t.Errorf("seed %d: only %d of 2000 files have no errors", seed, good)
	}
}

// TestFormatRecords lays out records of every type, in all the ways that they are written.
func TestFormatRecords(t *testing.T) {
	lines, want := recordLines(t)
	text := top
	count := 0
	for _, line := range lines {
		if strings.Contains(want[line], "\t= ") && !strings.HasPrefix(line, "SOA ") {
			text += fmt.Sprintf("r%d %s ; %d\n", count, line, count)
			count++
		}
	}
	if count < 300 {
		t.Fatalf("only %d records", count)
	}
	for _, sorted := range []bool{false, true} {
		out := formatGood(t, text, FormatOptions{Sort: sorted})
		for i := range count {
			if !strings.Contains(out, fmt.Sprintf("; %d\n", i)) {
				t.Errorf("comment %d is lost", i)
			}
		}
	}
}

func FuzzFormat(f *testing.F) {
	f.Add(everything)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		f.Add(randomFile(r))
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkFormat(t, []byte(text), false)
		checkFormat(t, []byte(text), true)
	})
}
