package zonefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOriginOf(t *testing.T) {
	for _, tt := range []struct{ file, want string }{
		{"example.org.zone", "example.org."},
		{"example.org..zone", "example.org."},
		{"Example.ORG.zone", "example.org."},
		{"org.zone", "org."},
		{"2.0.192.in-addr.arpa.zone", "2.0.192.in-addr.arpa."},
		{`0\04725.2.0.192.in-addr.arpa.zone`, "0/25.2.0.192.in-addr.arpa."},
		{"root.zone", "."},
		{`roo\116.zone`, "root."},
		{"_acme-challenge.www.example.org.zone", "_acme-challenge.www.example.org."},
	} {
		if got, err := OriginOf(tt.file); err != nil || got.String() != tt.want {
			t.Errorf("%s: got %v, %v; want %s", tt.file, got, err, tt.want)
		}
	}
	for _, bad := range []string{"", ".zone", "zone", "example.org", "a..b.zone", ".a.zone", "example.org.zone~", "example.org.ZONE"} {
		if got, err := OriginOf(bad); !errors.Is(err, ErrNotZoneName) {
			t.Errorf("%q: got %v, %v; want %v", bad, got, err, ErrNotZoneName)
		}
	}
}

func TestZoneFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"example.org.zone", "2.0.192.in-addr.arpa.zone", "root.zone",
		".example.net.zone", "example.net.zone~", "example.net.zone.swp", ".example.net.zone.swp", "#example.net.zone#", "example.net.zone.bak", "example.net.yaml", ".zone",
		"Twin.example.zone", "twin.example.zone", `\116win.example.zone`, "a..b.zone",
	} {
		write(t, filepath.Join(dir, name), "")
	}
	if err := os.Mkdir(filepath.Join(dir, "sub.example.zone"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"link.example.zone": "example.org.zone", "dangling.example.zone": "nowhere", "dirlink.example.zone": "."} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	list, problems, err := ZoneFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, z := range list {
		got = append(got, filepath.Base(z.Path)+" "+z.Origin.String())
	}
	want := []string{"root.zone .", "2.0.192.in-addr.arpa.zone 2.0.192.in-addr.arpa.", "dangling.example.zone dangling.example.",
		"link.example.zone link.example.", "example.org.zone example.org."}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("zones (-want +got):\n%s", diff)
	}
	var said []string
	for _, p := range problems {
		said = append(said, p.String())
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	want = []string{
		at("a..b.zone") + `: file name names no zone: bad domain name "a..b": `,
		at("dirlink.example.zone") + ": not a regular file",
		at("sub.example.zone") + ": not a regular file",
		at(`\116win.example.zone`) + ": the same zone as " + at("Twin.example.zone") + ": twin.example.; neither is loaded, remove one",
		at("twin.example.zone") + ": the same zone as " + at("Twin.example.zone") + ": twin.example.; neither is loaded, remove one",
	}
	prefix := cmp.Comparer(func(a, b string) bool { // the reason why a name is bad is for package zones to say
		return a == b || len(a) > len(b) && a[:len(b)] == b || len(b) > len(a) && b[:len(a)] == a
	})
	if diff := cmp.Diff(want, said, prefix); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if _, _, err := ZoneFiles(at("none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
}
