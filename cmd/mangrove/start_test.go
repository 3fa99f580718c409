package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/store"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

const plainZone = "$TTL 60\n@ SOA ns1 h 1 3600 600 86400 60\n@ NS ns.example.net.\n@ NS ns.example.org.\nwww A 192.0.2.1\n"

// loadOnce starts on the data directory of cfg, lets what is good be kept, and stops. It returns what the log said, and the
// addresses of www.a.test before and after what was trusted has been verified.
func loadOnce(t *testing.T, cfg *config) (log string, before, after []string) {
	t.Helper()
	var out bytes.Buffer
	a, err := openApp(t.Context(), cfg, slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	_, stop := context.WithCancelCause(t.Context())
	journal := startStage(t.Context(), stop, a.live.Run)
	if err := a.loadAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	www := func() []string {
		set, _ := a.live.Catalog().Zone(zones.MustParseName("a.test")).RRset(zones.MustParseName("www.a.test"), dns.TypeA)
		return set.Texts()
	}
	before = www()
	a.keepWaiting(t.Context())
	a.moveIntoMemory(t.Context())
	a.resolveDoubts(t.Context())
	a.keepWaiting(t.Context())
	after = www()
	if err := journal.end(); err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	return out.String(), before, after
}

// A zone is taken from the store when its files are as they were, and read in every other case.
func TestStartFromStore(t *testing.T) {
	long := time.Now().Add(-time.Hour) // so that no stamp is doubtful
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, dir string)
		read   string // why the zone is read; "": it is taken from the store
		serves string // at once; "" means as before
		then   string // once it has been verified
	}{
		{name: "nothing changed"},
		{name: "other contents", read: "is not as it was", serves: "192.0.2.22", change: func(t *testing.T, dir string) {
			write(t, dir, "a.test.zone", strings.Replace(plainZone, "192.0.2.1\n", "192.0.2.22\n", 1), long)
		}},
		{name: "touched", read: "is not as it was", change: func(t *testing.T, dir string) {
			if err := os.Chtimes(filepath.Join(dir, "a.test.zone"), long, long.Add(time.Nanosecond)); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "replaced by a copy", read: "is not as it was", change: func(t *testing.T, dir string) {
			write(t, dir, "new", plainZone, long)
			if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "a.test.zone")); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "an included file changed", read: "more.inc is not as it was", change: func(t *testing.T, dir string) {
			write(t, dir, "more.inc", "more A 192.0.2.9\nand A 192.0.2.9\n", long)
		}},
		{name: "an included file is gone", read: "more.inc is not as it was", change: func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "more.inc")); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "a NAME.yaml came", read: "NAME.yaml is another one", change: func(t *testing.T, dir string) {
			write(t, dir, "a.test.yaml", "mode: observe\n", long)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig(t, map[string]string{"a.test.zone": plainZone + "$INCLUDE more.inc\n", "more.inc": "more A 192.0.2.8\n"})
			for _, name := range []string{"a.test.zone", "more.inc"} {
				if err := os.Chtimes(filepath.Join(cfg.Zones, name), long, long); err != nil {
					t.Fatal(err)
				}
			}
			loadOnce(t, cfg)
			if tt.change != nil {
				tt.change(t, cfg.Zones)
			}
			log, got, _ := loadOnce(t, cfg)
			why := ""
			if _, text, read := strings.Cut(log, "zone is read anew"); read {
				why = text
			}
			if (why == "") != (tt.read == "") || !strings.Contains(why, tt.read) {
				t.Errorf("it was read because %q, want %q", why, tt.read)
			}
			want := "192.0.2.1"
			if tt.serves != "" {
				want = tt.serves
			}
			if len(got) != 1 || got[0] != want {
				t.Errorf("%v is served, want %s", got, want)
			}
		})
	}
}

// An edit that leaves no trace in a file's stamp is found by its contents, behind the start.
func TestEditWithoutTrace(t *testing.T) {
	cfg := testConfig(t, map[string]string{"a.test.zone": plainZone})
	path := filepath.Join(cfg.Zones, "a.test.zone")
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	a, err := openApp(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	// What is kept is of other contents, under the stamp of what is there.
	other := filepath.Join(t.TempDir(), "a.test.zone")
	if err := os.WriteFile(other, []byte(strings.Replace(plainZone, "192.0.2.1", "192.0.2.9", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	src := readSource(new(zonefile.Reader), cfg, zonefile.ZoneFile{Path: other, Origin: zones.MustParseName("a.test")}, time.Now())
	now := zonefile.Stat(path)
	src.path, src.zoneFiles[0].Path, src.zoneFiles[0].Stamp = path, path, now.Stamp
	a.sources.toKeep([]*source{src})
	a.keepWaiting(t.Context())
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	log, before, after := loadOnce(t, cfg)
	if len(before) != 1 || before[0] != "192.0.2.9" {
		t.Fatalf("%v is served at once, want what was kept", before)
	}
	if len(after) != 1 || after[0] != "192.0.2.1" || !strings.Contains(log, "the times of those before") {
		t.Errorf("%v is served then, want what the file says; log:\n%s", after, log)
	}
	if log, before, _ = loadOnce(t, cfg); len(before) != 1 || before[0] != "192.0.2.1" || strings.Contains(log, "read anew") {
		t.Errorf("%v is served at the next start; log:\n%s", before, log)
	}
}

func TestRacyStamp(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 500, time.UTC)
	for _, tt := range []struct {
		mtime time.Time
		want  bool
	}{
		{at.Add(-fineClock - 1), false},
		{at.Add(-fineClock + 1), true},
		{at, true},
		{at.Add(time.Hour), true}, // a clock that was set back
		{at.Truncate(time.Second), true},
		{at.Truncate(time.Second).Add(-time.Second), true},
		{at.Truncate(time.Second).Add(-2 * time.Second), false},
	} {
		if got := racyStamp(zonefile.Stamp{MTime: tt.mtime.UnixNano()}, at); got != tt.want {
			t.Errorf("written %s, read %s: %t, want %t", tt.mtime, at, got, tt.want)
		}
	}
}

// A stored version that can't be used for any reason is never used.
func TestUnlike(t *testing.T) {
	read := time.Unix(1_800_000_000, 5)
	file := store.File{Path: "a.zone", Size: 7, Modified: read.Add(-time.Minute), Inode: 3, Device: 4}
	good := func() (store.Loaded, recipe, zonefile.ZoneFile) {
		stamp := stampOf(file)
		stamp.CTime = 9
		return store.Loaded{Source: store.Source{Files: []store.File{file}, Loaded: read}}, recipe{ctimes: []int64{9}}, zonefile.ZoneFile{Path: "a.zone", Stamp: stamp}
	}
	if why := unlike(good()); why != "" {
		t.Fatal(why)
	}
	for name, spoil := range map[string]func(*store.Loaded, *recipe, *zonefile.ZoneFile){
		"another path":   func(l *store.Loaded, r *recipe, f *zonefile.ZoneFile) { f.Path = "b.zone" },
		"another size":   func(l *store.Loaded, r *recipe, f *zonefile.ZoneFile) { f.Stamp.Size++ },
		"another mtime":  func(l *store.Loaded, r *recipe, f *zonefile.ZoneFile) { f.Stamp.MTime++ },
		"another ctime":  func(l *store.Loaded, r *recipe, f *zonefile.ZoneFile) { f.Stamp.CTime++ },
		"another inode":  func(l *store.Loaded, r *recipe, f *zonefile.ZoneFile) { f.Stamp.Inode++ },
		"another device": func(l *store.Loaded, r *recipe, f *zonefile.ZoneFile) { f.Stamp.Dev++ },
		"no file":        func(l *store.Loaded, r *recipe, f *zonefile.ZoneFile) { f.Stamp = zonefile.Stamp{} },
		"no files kept":  func(l *store.Loaded, r *recipe, f *zonefile.ZoneFile) { l.Files = nil },
		"no ctimes kept": func(l *store.Loaded, r *recipe, f *zonefile.ZoneFile) { r.ctimes = nil },
		"read too soon": func(l *store.Loaded, r *recipe, f *zonefile.ZoneFile) {
			l.Source.Loaded = file.Modified.Add(time.Millisecond)
		},
		"inode was not recorded": func(l *store.Loaded, r *recipe, f *zonefile.ZoneFile) { l.Files[0].Inode, f.Stamp.Inode = 0, 0 },
	} {
		l, r, f := good()
		spoil(&l, &r, &f)
		if unlike(l, r, f) == "" {
			t.Errorf("%s: it would be served", name)
		}
	}
}

func write(t *testing.T, dir, name, text string, at time.Time) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}
