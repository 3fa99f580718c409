package zonefile

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFilesAreClosed: whatever is in a file, it does not stay open.
func TestFilesAreClosed(t *testing.T) {
	opened := func() int {
		t.Helper()
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(entries)
	}
	for name, text := range map[string]string{"sound": top, "a NUL": top + "a\x00 A 192.0.2.1\n", "an error": top + "a A\n", "nothing": ""} {
		path := filepath.Join(t.TempDir(), "example.org.zone")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		before := opened()
		for range 20 {
			if _, err := new(Reader).Parse(t.Context(), path, Options{}); err != nil {
				t.Fatal(err)
			}
		}
		if after := opened(); after > before+5 {
			t.Errorf("%s: %d files are open, %d were before it was read", name, after, before)
		}
	}
}
