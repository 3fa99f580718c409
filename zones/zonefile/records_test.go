package zonefile

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

var update = flag.Bool("update", false, "write what is found into the files in testdata")

const recordsFile = "testdata/records.txt"

// recordLines are the records of the file, and what stands there of them.
func recordLines(t testing.TB) (lines []string, want map[string]string) {
	t.Helper()
	text, err := os.ReadFile(recordsFile)
	if err != nil {
		t.Fatal(err)
	}
	want = make(map[string]string)
	for line := range strings.Lines(string(text)) {
		if line[0] == '\t' {
			want[lines[len(lines)-1]] += line
			continue
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	return lines, want
}

// readRecord reads a record at x.example.org, or the zone's SOA, and says what is made of it as the file does.
func readRecord(t testing.TB, record string) (set zones.RRset, says string) {
	t.Helper()
	soa, x := "SOA ns hostmaster 1 3600 600 86400 300", "x "+record+"\n"
	if strings.HasPrefix(record, "SOA ") {
		soa, x = record, ""
	}
	r, err := ParseBytes("", []byte("$TTL 300\n@ "+soa+"\n@ NS ns.example.net.\n"+x), Options{Origin: zones.MustParseName("example.org")})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems {
		says += fmt.Sprintf("\t%d: %s%s\n", p.Pos.Col, map[zones.Severity]string{zones.Warning: "warning: "}[p.Severity], p.Text)
	}
	if r.Zone == nil {
		return set, says
	}
	set, _ = r.Zone.SOA()
	for s := range r.Zone.RRsets() {
		if s.Name != r.Origin {
			set = s
		}
	}
	return set, says + fmt.Sprintf("\t= %x\n", set.Data[0])
}

// TestRecords reads records of every type: right ones, written in all the ways that there are, and wrong ones.
func TestRecords(t *testing.T) {
	lines, want := recordLines(t)
	if *update {
		var out strings.Builder
		for _, line := range lines {
			out.WriteString(line + "\n")
			if line != "" && line[0] != '#' {
				_, says := readRecord(t, line)
				out.WriteString(says)
			}
		}
		if err := os.WriteFile(recordsFile, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	read := make(map[uint16]bool)
	for _, line := range lines {
		if line == "" || line[0] == '#' {
			continue
		}
		set, says := readRecord(t, line)
		if diff := cmp.Diff(want[line], says); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
		if set.IsZero() {
			continue
		}
		if !strings.Contains(line, `\#`) {
			read[set.Type] = true
		}
		comesBack(t, line, set)
	}
	for typ := range dns.TypeToRR {
		if !isMeta(typ) && typ != dns.TypeNULL && !read[typ] {
			t.Errorf("no record of type %s is read by its text", zones.TypeString(typ))
		}
	}
}

// comesBack holds data to its generic form, which has to be read as well, and to what is written of it.
func comesBack(t *testing.T, line string, set zones.RRset) {
	t.Helper()
	if set.Type == dns.TypeSOA {
		return
	}
	again, says := readRecord(t, fmt.Sprintf(`TYPE%d \# %d %x`, set.Type, len(set.Data[0]), set.Data[0]))
	if again.IsZero() || !bytes.Equal(again.Data[0], set.Data[0]) {
		t.Errorf("%s: its generic form: %s", line, says)
	}
	b := zones.NewBuilder(zones.MustParseName("example.org"))
	if _, _, err := b.Add(set.Name, set.Type, set.TTL, set.Data[0]); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := Write(&text, b.Zone(), WriteOptions{Absolute: true}); err != nil {
		t.Fatal(err)
	}
	last := strings.TrimSpace(text.String()[strings.Index(text.String(), "\n")+1:])
	_, record, _ := strings.Cut(last, "\tIN\t")
	again, says = readRecord(t, record)
	if again.IsZero() || !bytes.Equal(again.Data[0], set.Data[0]) {
		t.Errorf("%s: written as %s: %s", line, record, says)
	}
}

// TestRecordsAsMiekg holds what is read to what miekg/dns makes of it, but for where that differs from other servers.
func TestRecordsAsMiekg(t *testing.T) {
	lines, _ := recordLines(t)
	same := 0
	for _, line := range lines {
		if line == "" || line[0] == '#' || strings.HasPrefix(line, "SOA ") || miekgDiffers[line] != "" {
			continue
		}
		set, says := readRecord(t, line)
		rr, err := dns.NewRR("$ORIGIN example.org.\nx 300 IN " + line)
		switch {
		case set.IsZero():
		case err != nil || rr == nil:
		default:
			theirs, err := zones.Rdata(rr)
			if err != nil {
				continue
			}
			if got, want := hex.EncodeToString(set.Data[0]), hex.EncodeToString(theirs); got != want {
				t.Errorf("%s: got %s, want %s as miekg/dns has it; %s", line, got, want, says)
			}
			same++
		}
	}
	if same < 200 {
		t.Errorf("only %d records were compared", same)
	}
}

// miekgDiffers has the records that miekg/dns reads otherwise, and what others do.
var miekgDiffers = map[string]string{
	"ISDN 150862028003217": "it adds an empty subaddress",
	"ISDN 1508620280x":     "it adds an empty subaddress",
	"LOC 52 22 23.1 N 4 53 32.12 E 0.5m 1m 1.5m 90000000m":  "it rounds through floating point",
	"LOC 52 22 23.456 N 4 53 32.001 W 1.01m 2.5m 0.01m 99m": "it rounds through floating point",
	"SVCB 1 foo mandatory=key3 port=1":                      "it does not know keyNNNNN of a key that has a name",
	"NSEC3 2 0 0 - 2vptu5timamqttgl A":                      "it takes every hash for one of 20 octets",
	"NXT b A NS":                                            "it takes the bit map for that of NSEC",
	"NXT b A":                                               "it takes the bit map for that of NSEC",
	"AMTRELAY 128 1 3 amtrelays.example.com.":               "it loses the relay behind a discovery bit",
}
