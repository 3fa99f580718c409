package zonefile

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// TestGenerateAsBIND makes random $GENERATE lines, right ones and wrong ones, and holds what comes of them to what BIND makes. MANGROVE_SEED repeats
// a run, MANGROVE_GENERATE is how many lines there are.
func TestGenerateAsBIND(t *testing.T) {
	seed, count := uint64(time.Now().UnixNano()), 60
	if n, err := strconv.ParseUint(os.Getenv("MANGROVE_SEED"), 10, 64); err == nil {
		seed = n
	}
	if n, err := strconv.Atoi(os.Getenv("MANGROVE_GENERATE")); err == nil {
		count = n
	}
	rnd := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	same, refused := 0, 0
	for range count {
		line := randomGenerate(rnd)
		write(t, filepath.Join(dir, "example.org.zone"), top+line+"\n")
		want, ok, said := compile(t, dir, "example.org.zone")
		r, err := Parse(filepath.Join(dir, "example.org.zone"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		good := r.Zone != nil && !slices.ContainsFunc(zones.Check(r.Zone, zones.CheckOptions{}), func(p zones.Problem) bool { return p.Severity == zones.Error })
		switch {
		case !ok && !good:
			refused++
		case ok && r.Zone != nil && strings.Contains(problemText(r), "BIND adds the offset"):
		case ok && r.Zone != nil:
			same++
			sameZone(t, want, r.Zone)
		case ok && generateDiffers(problemText(r)):
		case !ok && manyWords.MatchString(line):
		default:
			t.Errorf("%s\nBIND reads it: %v\n%s\n%s", line, ok, said, problemText(r))
		}
		if t.Failed() {
			t.Fatalf("seed %d: %s", seed, line)
		}
	}
	t.Logf("seed %d: %d lines, %d read alike, %d refused by both", seed, count, same, refused)
}

// generateDiffers says whether a line is refused for what the package's documentation says: numbers below 0, and owners outside of the zone.
func generateDiffers(says string) bool {
	return strings.Contains(says, " makes the number -") || strings.Contains(says, " is outside the zone ")
}

// manyWords is data of several words, of which BIND takes the first alone.
var manyWords = regexp.MustCompile(`(?i)(mx[ \t]+10[ \t]+m|txt[ \t].*[ \t]x$)`)

func randomGenerate(rnd *rand.Rand) string {
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	number := func() string {
		wrong := rnd.IntN(12) == 0
		odd := func(right ...string) string {
			if wrong {
				return pick("x", "-1", "b", "300")
			}
			return pick(right...)
		}
		modifier := odd("0", "1", "5", "100")
		if rnd.IntN(3) > 0 {
			modifier += "," + odd("0", "1", "2", "3", "4", "7")
			if rnd.IntN(3) > 0 {
				modifier += "," + odd("d", "o", "x", "X", "n", "N")
			}
		}
		return pick("$", "$", "$", "$", "${"+modifier+"}", "${"+modifier+"}", "${"+modifier+"}-$", "$-$$", "${0,3,d}", "$"+odd("", "", "{0}"))
	}
	from := rnd.IntN(20)
	r := fmt.Sprintf("%d-%d", from, from+rnd.IntN(40)) + pick("", "", "", "", "", "/1", "/2", "/3", "/7", "/100")
	if !strings.Contains(r, "/") && rnd.IntN(20) == 0 {
		r += pick("/0", "/-1", "/x", "/2")
	}
	if rnd.IntN(20) == 0 {
		r = pick("3-1", "1", "-1", "1-", "a-b", "1 - 2", "0x1-3", "01-03")
	}
	owner := pick("h", "", "a.", `\065`) + number() + pick("", "", "-b", ".c", "."+number())
	prefix := pick("", "", "", "60 ", "IN ", "60 IN ", "IN 60 ", "1h ")
	if rnd.IntN(20) == 0 {
		prefix = pick("CH ", "60 60 ", "IN IN ", "x ", "-1 ")
	}
	data := pick("A 192.0.2."+number(), "A 192.0.2."+number(), "AAAA 2001:db8::"+number(), "PTR h"+number(), "CNAME "+number()+".x", "NS ns"+number(),
		"DNAME "+number(), `MX "10 m`+number()+`"`, `TXT "a `+number()+`"`, `TXT "\"a `+number()+`\" b"`, "TXT "+number(), `SRV "0 0 `+number()+` x"`,
		"MX 10 m"+number(), "TYPE1 192.0.2."+number(), "LP \"10 x"+number()+"\"", `TYPE65400 "\# 1 0`+number()+`"`)
	if rnd.IntN(20) == 0 {
		data = pick("FOO ", "ANY ", "SOA ", "OPT ") + number()
	}
	line := "$GENERATE " + r + " " + owner + " " + prefix + data
	return pick(line, line, line, line, strings.ToLower(line), line+" ; comment", strings.ReplaceAll(line, " ", "\t"))
}
