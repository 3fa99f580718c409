package zonefile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
)

// files is a file system of a few texts.
type files map[string]string

func (f files) read(path string) ([]byte, error) {
	text, ok := f[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

func parseFiles(t *testing.T, f files, o Options) *Result {
	t.Helper()
	o.ReadFile = f.read
	r, err := Parse("z/example.org.zone", o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestInclude follows what BIND 9 does; named_test.go holds it to that.
func TestInclude(t *testing.T) {
	r := parseFiles(t, files{
		"z/example.org.zone": top + "www A 192.0.2.1\n" +
			"$INCLUDE parts/hosts\n\tTXT \"back at www\"\n" +
			"$INCLUDE \"parts/hosts\" sub\nftp A 192.0.2.5\n" +
			"$INCLUDE /etc/more example.org. ; comment\nlast A 192.0.2.7",
		"z/parts/hosts":  "\tAAAA 2001:db8::1\na A 192.0.2.2\n$ORIGIN deep\nb A 192.0.2.3\n$INCLUDE deeper",
		"z/parts/deeper": "c 60 A 192.0.2.4\n",
		"/etc/more":      "$TTL 77\nm A 192.0.2.6\n",
	}, Options{})
	want := `a.example.org. 300 IN A 192.0.2.2
b.deep.example.org. 300 IN A 192.0.2.3
c.deep.example.org. 60 IN A 192.0.2.4
ftp.example.org. 300 IN A 192.0.2.5
last.example.org. 77 IN A 192.0.2.7
m.example.org. 77 IN A 192.0.2.6
a.sub.example.org. 300 IN A 192.0.2.2
b.deep.sub.example.org. 300 IN A 192.0.2.3
c.deep.sub.example.org. 60 IN A 192.0.2.4
www.example.org. 300 IN A 192.0.2.1
www.example.org. 300 IN TXT "back at www"
www.example.org. 300 IN AAAA 2001:db8::1
`
	const wantProblems = "z/parts/hosts:1:2: warning: www.example.org. AAAA 2001:db8::1 stands here a second time; it counts once\n"
	if diff := cmp.Diff(wantProblems, problemText(r)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if r.Zone == nil {
		t.Fatal("no zone")
	}
	if diff := cmp.Diff(want, records(r.Zone)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	var paths []string
	for _, f := range r.Files {
		paths = append(paths, f.Path)
	}
	if diff := cmp.Diff([]string{"z/example.org.zone", "z/parts/hosts", "z/parts/deeper", "/etc/more"}, paths); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestBadInclude(t *testing.T) {
	deep := files{"z/example.org.zone": top + "$INCLUDE 1"}
	for i := 1; i <= 12; i++ {
		deep[fmt.Sprintf("z/%d", i)] = fmt.Sprintf("h%d A 192.0.2.1\n$INCLUDE %d\n", i, i+1)
	}
	for _, tt := range []struct {
		name  string
		files files
		o     Options
		want  string
	}{
		{"missing", files{"z/example.org.zone": top + "$INCLUDE none\nx A x"}, Options{},
			"z/example.org.zone:4:10: include z/none: file does not exist; a relative path starts where this file is\n" +
				"z/example.org.zone:5:5: bad IPv4 address \"x\" in the A record of x.example.org.: four numbers up to 255 with dots between are needed\n"},
		{"itself", files{"z/example.org.zone": top + "$INCLUDE ../z/example.org.zone"}, Options{},
			"z/example.org.zone:4:10: include z/example.org.zone: the file includes itself: z/example.org.zone -> z/example.org.zone\n"},
		{"each other", files{"z/example.org.zone": top + "$INCLUDE a", "z/a": "x A 192.0.2.1\n$INCLUDE b", "z/b": "$INCLUDE a"}, Options{},
			"z/b:1:10: include z/a: the file includes itself: z/a -> z/b -> z/a\n"},
		{"deep", deep, Options{}, "z/10:2:10: include z/11: files include each other more than 10 deep\n"},
		{"problems in file order", files{"z/example.org.zone": top + "a A x\n$INCLUDE a\nb A x", "z/a": "c A x\n"}, Options{},
			`z/example.org.zone:4:5: bad IPv4 address "x" in the A record of a.example.org.: four numbers up to 255 with dots between are needed
z/a:1:5: bad IPv4 address "x" in the A record of c.example.org.: four numbers up to 255 with dots between are needed
z/example.org.zone:6:5: bad IPv4 address "x" in the A record of b.example.org.: four numbers up to 255 with dots between are needed
`},
		{"origin", files{"z/example.org.zone": top + "$INCLUDE a a..b\n$INCLUDE a b c\n$INCLUDE \"\"", "z/a": "c A x\n"}, Options{},
			"z/example.org.zone:4:12: bad origin \"a..b\": a label in it is empty\nz/example.org.zone:5:14: $INCLUDE ends before this: it is written $INCLUDE FILE [ORIGIN]\n" +
				"z/example.org.zone:6:10: bad file name \"\": it is empty\n"},
		{"size of all", files{"z/example.org.zone": top + "$INCLUDE a", "z/a": strings.Repeat(" ", 20)}, Options{MaxSize: int64(len(top)) + 20},
			fmt.Sprintf("z/example.org.zone:4:10: include z/a: file too large: 20 octets, %d are the limit\n", 10)},
		{"root", files{"z/example.org.zone": top + "$INCLUDE a\n$INCLUDE ../b\n$INCLUDE /c", "z/a": "", "b": "", "/c": ""}, Options{IncludeRoot: "z"},
			"z/example.org.zone:5:10: include b: it is outside of z, where included files must be\nz/example.org.zone:6:10: include /c: it is outside of z, where included files must be\n"},
		{"open parenthesis ends with its file", files{"z/example.org.zone": top + "$INCLUDE a\nb A 192.0.2.1", "z/a": "c TXT (\n"}, Options{},
			"z/a:1:7: parenthesis is never closed\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := parseFiles(t, tt.files, tt.o)
			if diff := cmp.Diff(tt.want, problemText(r)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if r.Zone != nil {
				t.Error("there is a zone")
			}
		})
	}
}

// TestFiles reads from the real file system: stamps, hashes, links that lead out, files that are missing.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	zone, part, out := filepath.Join(dir, "z", "example.org.zone"), filepath.Join(dir, "z", "part"), filepath.Join(dir, "out")
	if err := os.Mkdir(filepath.Join(dir, "z"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := top + "$INCLUDE part\n$INCLUDE link\n$INCLUDE none\n$INCLUDE part\n"
	write(t, zone, text)
	write(t, part, "a A 192.0.2.1\n")
	write(t, out, "b A 192.0.2.1\n")
	if err := os.Symlink("../out", filepath.Join(dir, "z", "link")); err != nil {
		t.Fatal(err)
	}
	r, err := Parse(zone, Options{IncludeRoot: filepath.Join(dir, "z")})
	if err != nil {
		t.Fatal(err)
	}
	want := []zones.Problem{
		{Pos: zones.Pos{File: zone, Line: 5, Col: 10}, Severity: zones.Error, Text: "include " + filepath.Join(dir, "z", "link") + ": it is outside of " + filepath.Join(dir, "z") + ", where included files must be"},
		{Pos: zones.Pos{File: zone, Line: 6, Col: 10}, Severity: zones.Error, Text: "include " + filepath.Join(dir, "z", "none") + ": no such file or directory; a relative path starts where this file is"},
		{Pos: zones.Pos{File: part, Line: 1, Col: 1}, Text: "a.example.org. A 192.0.2.1 stands here a second time; it counts once"},
	}
	if diff := cmp.Diff(want, r.Problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if len(r.Files) != 3 {
		t.Fatalf("got %d files, want 3", len(r.Files))
	}
	if got := r.Files[0]; got.Path != zone || got.Stamp != Stat(zone).Stamp || got.Size != int64(len(text)) || got.SHA256 != sha256.Sum256([]byte(text)) {
		t.Errorf("got %+v", got)
	}
	if got := r.Files[1]; got.Path != part || got.Err != nil || got.IsZero() {
		t.Errorf("got %+v", got)
	}
	if got := r.Files[2]; !errors.Is(got.Err, fs.ErrNotExist) || !got.IsZero() {
		t.Errorf("got %+v, want a file that is not there", got)
	}
}
