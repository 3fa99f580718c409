package zonefile

import (
	"fmt"
	"strings"
	"testing"
)

// TestLimits goes up to each limit, and one beyond it.
func TestLimits(t *testing.T) {
	label := strings.Repeat("l", 63)
	name := strings.Repeat(label+".", 3)               // 192 octets, and 13 of .example.org.
	strs := strings.Repeat(" "+label+label+label, 345) // 345 * 190 octets
	for _, tt := range []struct {
		name           string
		within, beyond string
		want           string // of beyond
		o              Options
	}{
		{"octets of a name", name + strings.Repeat("n", 49) + " A 192.0.2.1", name + strings.Repeat("n", 50) + " A 192.0.2.1",
			"4:1: bad owner name %q: it is over 255 octets", Options{}},
		{"octets of an absolute name", "a CNAME " + name + strings.Repeat("n", 61) + ".", "a CNAME " + name + strings.Repeat("n", 62) + ".",
			"it is over 255 octets", Options{}},
		{"octets of a label", label + " A 192.0.2.1", label + "l A 192.0.2.1", "a label in it is over 63 octets", Options{}},
		{"octets of a string", "a TXT " + strings.Repeat("s", 255), "a TXT " + strings.Repeat("s", 256), "it has 256 octets, 255 are the limit", Options{}},
		{"octets of data", "a TXT" + strs[:344*190] + " " + strings.Repeat("s", 174), "a TXT" + strs[:344*190] + " " + strings.Repeat("s", 175),
			"4:7: the TXT record of a.example.org. has 65536 octets of data, 65535 are the limit", Options{}},
		{"octets of generic data", `a TYPE65400 \# 65535 ` + strings.Repeat("00", 65535), `a TYPE65400 \# 65536 ` + strings.Repeat("00", 65536),
			`4:16: bad length "65536"`, Options{}},
		{"included files", strings.Repeat("$INCLUDE a\n", maxFiles-1), strings.Repeat("$INCLUDE a\n", maxFiles),
			"10003:10: include a: more than 10000 files are included", Options{ReadFile: func(string) ([]byte, error) { return nil, nil }}},
		{"records of $GENERATE", "$GENERATE 1-3 a$ A 192.0.2.$", "$GENERATE 1-4 a$ A 192.0.2.$", `4:11: bad range "1-4": it makes 4 records, 3 are the limit`, Options{MaxGenerate: 3}},
		{"numbers of $GENERATE", "$GENERATE 1-1 a${2147483646} A 192.0.2.1", "$GENERATE 2-2 a${2147483646} A 192.0.2.1",
			"4:15: bad template \"a${2147483646}\" in $GENERATE: offset 2147483646 makes the number 2147483648", Options{}},
		{"least number of $GENERATE", "$GENERATE 1-1 a${-1} A 192.0.2.1", "$GENERATE 0-1 a${-1} A 192.0.2.1", "offset -1 makes the number -1", Options{}},
		{"TTL", "a 2147483647 A 192.0.2.1", "a 2147483648 A 192.0.2.1", `4:3: bad TTL "2147483648"`, Options{}},
		{"words", "a TXT " + strings.Repeat("( ) ", 10) + "x", "a TXT" + strings.Repeat(" x", maxTokens-1), "more than 262144 words in one record", Options{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, slowly := range []bool{false, true} {
				r, err := (&Reader{slowly: slowly}).ParseBytes(t.Context(), "example.org.zone", []byte(top+tt.within), tt.o)
				if err != nil || r.Zone == nil {
					t.Fatalf("within: %v\n%.200s", err, problemText(r))
				}
				if r, err = (&Reader{slowly: slowly}).ParseBytes(t.Context(), "example.org.zone", []byte(top+tt.beyond), tt.o); err != nil {
					t.Fatal(err)
				}
				want := tt.want
				if strings.Contains(want, "%q") {
					want = fmt.Sprintf(want, strings.Fields(tt.beyond)[0])
				}
				if got := problemText(r); !strings.Contains(got, want) || r.Errors != 1 || r.Zone != nil {
					t.Errorf("beyond: got %.300s, want %s", got, want)
				}
			}
		})
	}
}
