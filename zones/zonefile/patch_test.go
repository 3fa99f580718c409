package zonefile

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
)

const patched = `; the zone
$TTL 300
@	SOA	ns1 host (
	7	; the serial
	1 2 3 4 )
	NS	ns1
ns1	A	192.0.2.53

; the web
www	A	192.0.2.1 ; first
	A	192.0.2.2 ; second
	TXT	"x"
$ORIGIN sub
a	A	192.0.2.3
`

func TestPatch(t *testing.T) {
	for _, tt := range []struct{ name, target, want string }{
		{"nothing", patched, patched},
		{"the serial", `$TTL 300
@ SOA ns1 host 9 1 2 3 4
@ NS ns1
ns1 A 192.0.2.53
www A 192.0.2.1
www A 192.0.2.2
www TXT "x"
a.sub A 192.0.2.3
`, `; the zone
$TTL 300
@	SOA	ns1 host (
	9	; the serial
	1 2 3 4 )
	NS	ns1
ns1	A	192.0.2.53

; the web
www	A	192.0.2.1 ; first
	A	192.0.2.2 ; second
	TXT	"x"
$ORIGIN sub
a	A	192.0.2.3
`},
		{"all kinds", `$TTL 300
@ SOA ns1 host 8 1 2 3 5
@ NS ns1
ns1 60 A 192.0.2.53
www A 192.0.2.2
www AAAA 2001:db8::1
www TXT "x"
a.sub A 192.0.2.4
a.sub A 192.0.2.5
new MX 10 mail.sub
`, `; the zone
$TTL 300
; the serial
@	300	IN	SOA	ns1 host 8 1 2 3 5
	NS	ns1
ns1	60	IN	A	192.0.2.53

; the web
www	A	192.0.2.2 ; second
	TXT	"x"
www	300	IN	AAAA	2001:db8::1
$ORIGIN sub
a	A	192.0.2.4
a	300	IN	A	192.0.2.5
new.example.org.	300	IN	MX	10 mail
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Patch("example.org.zone", []byte(patched), parseGood(t, tt.target).Zone, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestPatchAlike puts records in the place of others, which are written in all the ways that there are.
func TestPatchAlike(t *testing.T) {
	const top = "$TTL 300\n@ SOA ns1 host 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.53\n"
	for _, tt := range []struct{ name, from, to, want string }{
		{"blanks", "www   in  a   192.0.2.1   ; the web\n", "www A 192.0.2.2\n", "www   in  a   192.0.2.2   ; the web\n"},
		{"TTL", "www 300 IN A 192.0.2.1\n", "www A 192.0.2.2\n", "www 300 IN A 192.0.2.2\n"},
		{"another TTL", "www 60 A 192.0.2.1\n", "www 90 A 192.0.2.2\n", "www\t90\tIN\tA\t192.0.2.2\n"},
		{"TTLs that differ", "www 60 A 192.0.2.1\nwww 300 A 192.0.2.2\n", "www 60 A 192.0.2.2\nwww 60 A 192.0.2.3\n", "www 60 A 192.0.2.3\nwww 300 A 192.0.2.2\n"},
		{"end of line", "www A 192.0.2.1\r\nx TXT y\r\n", "www A 192.0.2.2\nx TXT y\n", "www A 192.0.2.2\r\nx TXT y\r\n"},
		{"end of file", "www A 192.0.2.1", "www A 192.0.2.2\n", "www A 192.0.2.2"},
		{"end of file, and one more", "www A 192.0.2.1", "www A 192.0.2.2\nwww A 192.0.2.3\n", "www A 192.0.2.2\nwww\t300\tIN\tA\t192.0.2.3\n"},
		{"owner before", "www A 192.0.2.1\n\tAAAA ::1\n  TXT a \"b c\"\n", "www AAAA ::2\nwww TXT d\n", "www\tAAAA ::2\n  TXT \"d\"\n"},
		{"parentheses", "www TXT ( a\n b ) ; c\nx TXT (d) ; e\ny ( TXT d )\n", "www TXT z\nx TXT z\ny TXT z\n",
			"www\t300\tIN\tTXT\t\"z\" ; c\nx\t300\tIN\tTXT\t\"z\" ; e\ny\t300\tIN\tTXT\t\"z\"\n"},
		{"a semicolon in data", "www TXT \"a;b\" ; c\n", "www TXT d\n", "www TXT \"d\" ; c\n"},
		{"another form", "www TYPE1 \\# 4 c0000201\n", "www A 192.0.2.2\n", "www\t300\tIN\tA\t192.0.2.2\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Patch("example.org.zone", []byte(top+tt.from), parseGood(t, top+tt.to).Zone, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(top+tt.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestPatchElsewhere: what other files have, and what is generated, cannot be changed here; what is beside it can.
func TestPatchElsewhere(t *testing.T) {
	text := []byte("$TTL 300\n@ SOA . . 1 2 3 4 5\n$INCLUDE other\n$GENERATE 1-2 g$ A 192.0.2.$\nwww A 192.0.2.9\n")
	o := Options{Origin: zones.MustParseName("example.org"), ReadFile: func(string) ([]byte, error) { return []byte("x A 192.0.2.7\n"), nil }}
	res, err := ParseBytes("f", text, o)
	if err != nil || res.Zone == nil {
		t.Fatal(err, res.Problems)
	}
	for _, tt := range []struct{ name, want string }{
		{"x", "patch f: x.example.org. A stands in other:1:1: it does not stand in the file itself"},
		{"g2", "patch f: g2.example.org. A is made by $GENERATE in line 4: it does not stand in the file itself"},
		{"www", ""},
	} {
		target, err := res.Zone.With([]zones.Change{{Name: zones.MustParseName(tt.name + ".example.org"), Type: 1}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Patch("f", text, target, o)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (!errors.Is(err, ErrElsewhere) || err.Error() != tt.want):
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

// TestPatchRandom turns random files into what others hold. Where that is said to be done, Patch has verified it;
// it must be done nearly always, and what did not change must stay.
func TestPatchRandom(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	o := Options{Origin: zones.MustParseName("example.org"), MaxGenerate: 100, ReadFile: noFiles}
	done, refused := 0, 0
	for range 2000 {
		text, other := []byte(randomFile(r)), []byte(randomFile(r))
		from, err := formatRead("f", text, o)
		to, err2 := formatRead("f", other, o)
		if err != nil || err2 != nil || from.Errors+to.Errors > 0 {
			continue
		}
		if same, err := Patch("f", text, from.Zone, o); err != nil || !bytes.Equal(same, text) {
			t.Fatalf("seed %d: changed without need (%v):\n%q\n%q", seed, err, text, same)
		}
		switch _, err := Patch("f", text, to.Zone, o); {
		case err == nil:
			done++
		case errors.Is(err, ErrElsewhere), errors.Is(err, ErrMeaning):
			refused++
		default:
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	if done < 50 || refused > 3*done {
		t.Errorf("seed %d: %d done, %d refused", seed, done, refused)
	}
	t.Logf("%d done, %d refused", done, refused)
}
