package integration

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// One bad file among good ones: it is named, the others go on.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	bad := []struct {
		name, text, problem string
	}{
		{"empty", "", "holds no records: a zone has a SOA record at least"},
		{"comments", "; nothing\n; at all\n", "holds no records: a zone has a SOA record at least"},
		{"binary", "\x7fELF\x02\x01\x01\x00\x00\x00\x00\xff\xfe\x00\n\x00\x00\x01", ":1:8: NUL octet: the file is not a text"},
		{"openquote", apex(1) + "txt IN TXT \"never ends\n", ":7:12: quote is not closed on its line"},
		{"openparen", apex(1) + "txt IN TXT ( \"never\" ends\n", ":7:12: parenthesis is never closed"},
		{"longrecord", apex(1) + "txt IN TXT " + strings.Repeat("\"x\" ", 100_000) + "\n", ":7:12: the TXT record of txt.longrecord. has 200000 octets of data, 65535 are the limit"},
		{"outside", apex(1) + "www.elsewhere.test. IN A 192.0.2.1\n", ":7:1: www.elsewhere.test. is outside the zone outside."},
		{"cname", apex(1) + "www IN A 192.0.2.1\nwww IN CNAME ns1\n", ":8:1: www.cname. CNAME stands beside an A record (line 7); a CNAME must be alone"},
		{"include", apex(1) + "$INCLUDE /etc/passwd\n", ": it is outside of "},
		{"generate", apex(1) + "$GENERATE 1-100000000 h$ A 192.0.2.1\n", `:7:11: bad range "1-100000000": it makes 100000000 records, 1048576 are the limit`},
		{"loop", apex(1) + "$INCLUDE loop.zone\n", ": the file includes itself"},
	}
	n := newNumbered(t)
	for _, b := range bad {
		n.write("zones/"+b.name+".zone", b.text)
	}
	for _, b := range bad {
		n.state(b.name+".", "broken", b.problem)
		n.refused(b.name + ".")
		z := n.zone(b.name + ".")
		if want := regexp.MustCompile(`zones/` + b.name + `\.zone(:\d+:\d+)?: `); len(z.Problems) == 0 || !want.MatchString(z.Problems[0]) {
			t.Errorf("%s: problems %q do not begin with file:line:col", b.name, z.Problems)
		}
		if len(z.Problems) > 10 {
			t.Errorf("%s: one mistake makes %d problems", b.name, len(z.Problems))
		}
	}
	n.write("zones/example.com.zone", numbered(2))
	n.serves(example, 2)
	n.stop()
	n.start()
	n.serves(example, 2)
	n.write("zones/empty.zone", numbered(7))
	n.serves("empty.", 7)
}

// What stands beside zone files and is none must not disturb.
func TestOtherFiles(t *testing.T) {
	t.Parallel()
	n := newNumbered(t)
	for name, text := range map[string]string{
		"README": "hello", ".hidden.zone": "broken (", "example.com.zone~": "broken (", "#example.com.zone#": "broken (",
		".example.com.zone.swp": "broken (", "notes.txt": "x", "example.com.zone.bak": "broken (",
	} {
		n.write("zones/"+name, text)
	}
	if err := os.Mkdir(n.path("zones/directory.zone"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", n.path("zones/dangling.zone")); err != nil {
		t.Fatal(err)
	}
	n.write("zones/example.com.zone", numbered(2))
	n.serves(example, 2)
	n.state(example, "ok", "")
	if r := n.run("reload"); r.code != 1 || !strings.Contains(r.stdout, "2 zones read: 2 errors, no warnings") {
		t.Errorf("reload with a directory and a link to nowhere among the zone files: %s; want exit 1", r)
	}
	for _, z := range n.status().Zones {
		if z.Zone != example && z.State == "ok" {
			t.Errorf("%s is served out of what is no zone file", z.Zone)
		}
	}
	n.serves(example, 2)
}

// Mistakes of different kinds in one file are all said at once.
func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	n := newNode(t, "")
	n.write("zones/example.com.zone", numbered(1)+"www IN A 192.0.2.1\nwww IN CNAME ns1\nx IN NOTYPE y\n")
	n.write("zones/example.com.yaml", "providers: [file]\nhealth: {www: web}\n")
	r := n.run("check")
	for _, want := range []string{
		`example.com.yaml:1:13: providers[0]: no provider "file"`,
		`example.com.yaml:2:10: health.www: no check "web"`,
		"example.com.zone:",
		"NOTYPE",
		"3 errors",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("check does not say %q: %s", want, r)
		}
	}
}
