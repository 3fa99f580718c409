package alias

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// logText is a log that is read while it is written.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// take returns what was written since it was called last.
func (l *logText) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	l.text.Reset()
	return text
}

// What the log says of a problem is what comes of it.
func TestTold(t *testing.T) {
	const both, servfail = "192.0.2.1", "!SERVFAIL"
	for _, c := range []struct {
		name   string
		v4, v6 [2]string // at first, and then; "refused": loopback beside an address that is taken
		want   string
		stale  bool
	}{
		{"never resolved", [2]string{servfail, servfail}, [2]string{servfail, servfail}, "not resolved: questions for its addresses are answered SERVFAIL", false},
		{"not any more", [2]string{both, servfail}, [2]string{"-", servfail}, "not resolved: its last good addresses stay", true},
		{"gone", [2]string{both, "-NXDOMAIN"}, [2]string{"-", "-NXDOMAIN"}, "not resolved: its last good addresses stay", true},
		{"one family not any more", [2]string{both, both}, [2]string{"2001:db8::1", servfail}, "resolved in part: of the other family its last good addresses stay", true},
		{"one family never", [2]string{both, both}, [2]string{servfail, servfail}, "resolved in part: questions for the other family are answered SERVFAIL", false},
		{"some refused", [2]string{both, "refused"}, [2]string{"-", "-"}, "resolved in part", false},
		{"some refused, and the other family not any more", [2]string{both, "refused"}, [2]string{"2001:db8::1", servfail}, "resolved in part: of the other family its last good addresses stay", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				var log logText
				ask := func(ctx context.Context, target zones.Name, v6 bool) (Reply, error) {
					r, err := f.Ask(ctx, target, v6)
					if r.None == "refused" {
						r = Reply{Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Refused: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}
					}
					return r, err
				}
				k := New(Options{Ask: ask, Random: fixed(0), Log: slog.New(slog.NewTextHandler(&log, nil))})
				k.Set(records("o.example. t.example."))
				start(t, k)
				for i := range 2 {
					f.set("t.example. A", strings.Replace(c.v4[i], "refused", "-refused", 1), "t.example. AAAA", c.v6[i])
					time.Sleep(5*time.Minute + time.Second)
					synctest.Wait()
				}
				lines := strings.Split(strings.TrimSpace(log.take()), "\n")
				if last := lines[len(lines)-1]; !strings.Contains(last, "target of ALIAS records is "+c.want+"\"") {
					t.Errorf("got %s, want %s", last, c.want)
				}
				if s, _ := k.State(zones.MustParseName("t.example.")); s.Stale.IsZero() == c.stale {
					t.Errorf("stale since %v, want %v", s.Stale, c.stale)
				}
				f.set("t.example. A", "192.0.2.7", "t.example. AAAA", "-")
				time.Sleep(5*time.Minute + time.Second)
				synctest.Wait()
				last := log.take()
				if s, _ := k.State(zones.MustParseName("t.example.")); !s.Stale.IsZero() || !strings.HasSuffix(last, "resolved again\" target=t.example.\n") {
					t.Errorf("in the end: %v, %s", s, last)
				}
			})
		})
	}
}

// A problem that goes on is told of once a day, with its age, also over a restart; the last good answer has no end.
func TestToldDaily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const servfail = "!SERVFAIL"
		f := newFake("gone.example. A", "192.0.2.1", "half.example. A", "192.0.2.2", "half.example. AAAA", servfail, "old.example. A", "192.0.2.3",
			"bad.example. A", servfail, "bad.example. AAAA", servfail)
		f.ttl = time.Hour
		var log logText
		list := records("g.example. gone.example.", "h.example. half.example.", "o.example. old.example.")
		k := New(Options{Ask: f.Ask, Random: fixed(0), Max: time.Hour, RetryMax: time.Hour, Log: slog.New(slog.NewTextHandler(&log, nil))})
		k.Set(list)
		k.First(t.Context())
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- k.Run(ctx) }()
		time.Sleep(30 * 24 * time.Hour) // half of it fails for a month already: the other one's age counts from its own end
		f.set("gone.example. A", servfail, "gone.example. AAAA", servfail)
		list[2].Target = zones.MustParseName("bad.example.")
		k.Set(list)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		log.take()
		told := func(days int) {
			t.Helper()
			synctest.Wait()
			text := log.take()
			for _, want := range []string{
				fmt.Sprintf(`msg="target of ALIAS records is not resolved: its last good addresses stay" target=gone.example. days=%d why=SERVFAIL`, days),
				fmt.Sprintf(`msg="target of ALIAS records is resolved in part: questions for the other family are answered SERVFAIL" target=half.example. days=%d why="AAAA: SERVFAIL"`, 30+days),
				fmt.Sprintf(`msg="still the addresses of old.example.: bad.example. has not been resolved: SERVFAIL" owner=o.example. days=%d`, days),
				fmt.Sprintf(`msg="target of ALIAS records is not resolved: questions for its addresses are answered SERVFAIL but where an owner still has those of another target" target=bad.example. days=%d`, days),
			} {
				if n := strings.Count(text, want); n != 1 {
					t.Errorf("day %d: told %d times: %s\n%s", days, n, want, text)
				}
			}
			if n := strings.Count(text, "\n"); n != 4 {
				t.Errorf("day %d: %d lines\n%s", days, n, text)
			}
		}
		for day := range 3 {
			time.Sleep(24 * time.Hour)
			told(day + 1)
		}
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		states, err := Decode(Encode(k.States()))
		if err != nil {
			t.Fatal(err)
		}
		k = New(Options{Ask: f.Ask, Random: fixed(0), Max: time.Hour, RetryMax: time.Hour, Log: slog.New(slog.NewTextHandler(&log, nil))})
		k.Restore(states)
		k.Set(list)
		start(t, k)
		time.Sleep(2 * time.Hour)
		told(3)
		time.Sleep(40 * 24 * time.Hour)
		synctest.Wait()
		if got := has(k, "g.example. gone.example."); got != "192.0.2.1" {
			t.Errorf("after 40 days: %q", got)
		}
	})
}
