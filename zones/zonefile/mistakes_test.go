package zonefile

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
)

const (
	mistakesFile = "testdata/mistakes.txt"
	mistakesTop  = "$TTL 300\n@ SOA ns.example.net. h.example.net. 1 7200 3600 1209600 300\n@ NS ns.example.net.\n"
)

// TestMistakes has mistakes that are made in zone files. What is said of each, by the reader or the checks, stands in
// the file with it, to be read by whoever changes it: where it is, what is wrong, what to do.
func TestMistakes(t *testing.T) {
	data, err := os.ReadFile(mistakesFile)
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(string(data), "\n== ")
	var out strings.Builder
	out.WriteString(cases[0])
	for _, c := range cases[1:] {
		title, rest, _ := strings.Cut(c, "\n")
		var text, want string
		for line := range strings.Lines(rest) {
			if strings.HasPrefix(line, "\t>> ") {
				want += line
			} else {
				text += line
			}
		}
		text = strings.TrimSuffix(text, "\n")
		got := saidOf(t, text, strings.HasSuffix(title, ", whole"))
		out.WriteString("\n== " + title + "\n" + text + "\n" + strings.TrimSuffix(got, "\n"))
		if got == "" {
			t.Errorf("%s: nothing is said of it", title)
		}
		if !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		if diff := cmp.Diff(want, got); diff != "" && !*update {
			t.Errorf("%s (-want +got):\n%s", title, diff)
		}
	}
	if *update {
		if err := os.WriteFile(mistakesFile, []byte(out.String()+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if len(cases) < 60 {
		t.Errorf("%d mistakes, 60 are wanted", len(cases)-1)
	}
}

// saidOf reads and checks a text.
func saidOf(t *testing.T, text string, whole bool) string {
	t.Helper()
	if !whole {
		text = mistakesTop + text
	}
	r := parse(t, text)
	problems := r.Problems
	if r.Zone != nil {
		problems = append(problems, zones.Check(r.Zone, zones.CheckOptions{Where: r.Where})...)
	}
	var b strings.Builder
	for _, p := range problems {
		// That there is but one NS record is said of each; it is no mistake here.
		if strings.Contains(p.Text, "names one server only") {
			continue
		}
		b.WriteString("\t>> " + strings.TrimPrefix(p.String(), "example.org.zone:") + "\n")
	}
	return b.String()
}
