package edits_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/edits"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// zone is example.org with these records.
func zone(t *testing.T, serial int, records ...string) *zones.Zone {
	t.Helper()
	text := fmt.Sprintf("$TTL 300\n@ SOA . . %d 1 2 3 4\n%s\n", serial, strings.Join(records, "\n"))
	res, err := zonefile.ParseBytes("test", []byte(text), zonefile.Options{Origin: zones.MustParseName("example.org")})
	if err != nil || res.Zone == nil {
		t.Fatal(err, res.Problems)
	}
	return res.Zone
}

// at is a moment.
func at(minute int) time.Time { return time.Date(2026, 11, 21, 12, minute, 0, 0, time.UTC) }

// versions are three of a zone, read at minutes 1, 2 and 3.
func versions(t *testing.T, l *edits.Log) []*zones.Zone {
	t.Helper()
	v := []*zones.Zone{
		zone(t, 1, "@ NS ns.example.net.", "www A 192.0.2.1", "www A 192.0.2.2"),
		zone(t, 2, "@ NS ns.example.net.", "www 60 A 192.0.2.1", `x TXT "new"`),
		zone(t, 3, "@ NS ns.example.net.", "www A 192.0.2.3"),
	}
	for i := 1; i < len(v); i++ {
		if err := l.Append(v[i-1], v[i], at(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func TestBack(t *testing.T) {
	l := edits.New(filepath.Join(t.TempDir(), "edits"), edits.Options{})
	v := versions(t, l)
	// The same again, as after a crash before the version itself was kept, and one that changes nothing.
	for _, again := range [][2]int{{1, 2}, {2, 2}} {
		if err := l.Append(v[again[0]], v[again[1]], at(4)); err != nil {
			t.Fatal(err)
		}
	}
	for minute, want := range map[int]int{1: 0, 2: 1, 3: 2, 9: 2} {
		got, err := l.Back(v[2], at(minute))
		if err != nil {
			t.Fatal(err)
		}
		if changes := zones.Diff(v[want], got); len(changes) > 0 {
			t.Errorf("minute %d: differs from version %d: %v", minute, want, changes)
		}
	}
	if list, err := l.Edits(v[0].Origin()); err != nil || len(list) != 2 {
		t.Errorf("%d edits (%v), want 2", len(list), err)
	}
	if err := l.Forget(v[0].Origin()); err != nil {
		t.Fatal(err)
	}
	if err := l.Forget(v[0].Origin()); err != nil {
		t.Errorf("what is not there: %v", err)
	}
	if list, err := l.Edits(v[0].Origin()); err != nil || len(list) != 0 {
		t.Errorf("%d edits (%v) of a forgotten zone", len(list), err)
	}
}

// TestGap: what cannot be known is not guessed.
func TestGap(t *testing.T) {
	t.Run("another zone", func(t *testing.T) {
		l := edits.New(t.TempDir(), edits.Options{})
		versions(t, l)
		if _, err := l.Back(zone(t, 3, "www A 192.0.2.9"), at(1)); !errors.Is(err, edits.ErrGap) {
			t.Errorf("got %v, want %v", err, edits.ErrGap)
		}
	})
	t.Run("too large", func(t *testing.T) {
		l := edits.New(t.TempDir(), edits.Options{MaxEdit: 200})
		v := versions(t, l)
		big := zone(t, 4, "big TXT "+strings.Repeat(`"0123456789" `, 50))
		if err := l.Append(v[2], big, at(4)); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Back(big, at(3)); !errors.Is(err, edits.ErrGap) {
			t.Errorf("got %v, want %v", err, edits.ErrGap)
		}
		if _, err := l.Back(big, at(4)); err != nil {
			t.Error(err)
		}
	})
	t.Run("too many", func(t *testing.T) {
		l := edits.New(t.TempDir(), edits.Options{MaxZone: 1000})
		old := zone(t, 1, "n TXT 0")
		for n := 1; n < 50; n++ {
			next := zone(t, n+1, fmt.Sprintf("n TXT %d", n))
			if err := l.Append(old, next, at(n)); err != nil {
				t.Fatal(err)
			}
			old = next
		}
		list, err := l.Edits(old.Origin())
		if err != nil || len(list) < 2 || len(list) > 10 {
			t.Fatalf("%d edits (%v)", len(list), err)
		}
		if _, err := l.Back(old, list[0].Read); err != nil {
			t.Error(err)
		}
	})
}

// TestDamaged cuts a log short at every octet, and spoils each: what comes back is right, or nothing.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	l := edits.New(dir, edits.Options{})
	v := versions(t, l)
	files, err := filepath.Glob(filepath.Join(dir, "*.edits"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	try := func(data []byte) {
		t.Helper()
		if err := os.WriteFile(files[0], data, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := l.Back(v[2], at(1))
		if err == nil && len(zones.Diff(v[0], got)) > 0 && len(zones.Diff(v[2], got)) > 0 {
			t.Fatalf("%d octets: neither version came back", len(data))
		}
		if err != nil && !errors.Is(err, edits.ErrGap) {
			t.Fatal(err)
		}
	}
	for n := range whole {
		try(whole[:n])
		spoilt := append([]byte(nil), whole...)
		spoilt[n] ^= 0x40
		try(spoilt)
	}
	// Also for a moment that the edits which are left do not reach beyond.
	if err := os.WriteFile(files[0], whole[:len(whole)-3], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Back(v[2], at(2)); !errors.Is(err, edits.ErrGap) {
		t.Errorf("the newest edit is lost: got %v, want %v", err, edits.ErrGap)
	}
	// It goes on behind a torn end.
	if err := os.WriteFile(files[0], whole[:len(whole)-3], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(v[1], v[2], at(3)); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Back(v[2], at(1)); err != nil || len(zones.Diff(v[0], got)) > 0 {
		t.Errorf("after a torn end: %v", err)
	}
}

// TestNames: whatever a zone is called, it has a file of its own.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	l := edits.New(dir, edits.Options{})
	long := strings.Repeat(strings.Repeat(`\000`, 60)+".", 4)
	for n, name := range []string{".", "0/25.2.0.192.in-addr.arpa", `a\.b.org`, "a.b.org", long} {
		origin := zones.MustParseName(name)
		b := zones.NewBuilder(origin)
		if _, _, err := b.Add(origin, 16, 60, []byte{1, byte(n)}); err != nil {
			t.Fatal(err)
		}
		if err := l.Append(zones.NewBuilder(origin).Zone(), b.Zone(), at(1)); err != nil {
			t.Fatal(err)
		}
		if list, err := l.Edits(origin); err != nil || len(list) != 1 {
			t.Errorf("%s: %d edits (%v)", name, len(list), err)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 5 {
		t.Errorf("%d files, want 5", len(files))
	}
}
