package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"
)

// A store on a disk that is full: what is served follows edits and verdicts all the same, the trouble is said, and once there
// is room everything is durable again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	port, targets := newTargets(t, at11, at12)
	n := newNode(t, fastChecks+fmt.Sprintf("checks:\n  web: {type: tcp, port: %d}\nproviders:\n  file: {type: zonefile, directory: mirror}\n", port))
	text := func(edit int) string { return numbered(edit) + "www IN A 127.0.0.11\nwww IN A 127.0.0.12\n" }
	n.write("zones/example.com.zone", text(1))
	n.write("zones/example.com.yaml", "providers: [file]\nedits: auto\nhealth: {www: web}\n")
	data := n.path("data")
	if err := syscall.Mount("mangrove", data, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("mounting a small tmpfs on the data directory: %v (needs root with CAP_SYS_ADMIN)", err)
	}
	t.Cleanup(func() {
		if n.daemon != nil && !n.daemon.ended() {
			n.stop()
		}
		if err := syscall.Unmount(data, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	n.start()
	n.serves(example, 1)
	answer(t, "own", n.addr, "www", at11, at12)
	eventually(t, "the first version is durable", func() (bool, string) { return n.zone(example).Durable, "" })

	ballast := filepath.Join(data, "ballast")
	fill(t, ballast)
	// What has room in the store's file goes on being kept, so there is work until there is none.
	edit := 1
	eventually(t, "the store can't be written", func() (bool, string) {
		edit++
		n.write("zones/example.com.zone", text(edit)+bulk(edit))
		n.serves(example, edit)
		st := n.status()
		return strings.Contains(strings.Join(st.Problems, "\n"), "store: writing fails"), fmt.Sprint(st.Problems)
	})
	targets[0].kill()
	answer(t, "own", n.addr, "www", at12)
	edit++
	n.write("zones/example.com.zone", text(edit)+bulk(edit))
	n.serves(example, edit)
	if z := n.zone(example); z.Durable {
		t.Error("a version is called durable while the store can't be written")
	}
	last := serial(t, n.addr, example)

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	n.problem("")
	eventually(t, "everything is durable again", func() (bool, string) { return n.zone(example).Durable, "" })
	eventually(t, "the mirror follows", func() (bool, string) {
		name := "first." + example
		got := values(readRecords(t, example, n.path("mirror/example.com.zone"))[rrset{name, "TXT"}], name, dns.TypeTXT)
		return fmt.Sprint(got) == fmt.Sprintf("[%q]", fmt.Sprint(edit)), fmt.Sprint(got)
	})
	n.kill()
	if r := n.run("store", "check"); r.code != 0 {
		t.Errorf("store check after a full disk and a crash: %s", r)
	}
	n.start()
	n.serves(example, edit)
	if after := serial(t, n.addr, example); newer(last, after) {
		t.Errorf("serial %d after the restart, %d before", after, last)
	}
}

// bulk is so much of a zone that the store needs more room for it, other at each edit.
func bulk(edit int) string {
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "h%d-%d IN TXT \"%s\"\n", edit, i, strings.Repeat("x", 100))
	}
	return b.String()
}

// fill writes a file until there is no room left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for {
		if _, err := f.Write(block); err != nil {
			return
		}
	}
}
