package alias

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// fakeResolver answers from a table: "name A" -> addresses with blanks between, or what starts with "!", an error, or
// with "-", the absence of addresses.
type fakeResolver struct {
	mu      sync.Mutex
	answers map[string]string
	ttl     time.Duration
	delay   time.Duration
	asked   map[string]int
	times   []time.Time // of questions for A
	now     int         // questions under way
	most    int         // of them, ever
}

func newFake(pairs ...string) *fakeResolver {
	f := &fakeResolver{answers: make(map[string]string), asked: make(map[string]int), ttl: 60 * time.Second}
	f.set(pairs...)
	return f
}

func (f *fakeResolver) set(pairs ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := 0; i < len(pairs); i += 2 {
		f.answers[pairs[i]] = pairs[i+1]
	}
}

func (f *fakeResolver) count(key string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[key]
}

func (f *fakeResolver) Ask(ctx context.Context, target zones.Name, v6 bool) (Reply, error) {
	key := target.String() + " A"
	if v6 {
		key += "AAA"
	}
	f.mu.Lock()
	f.asked[key]++
	f.now++
	f.most = max(f.most, f.now)
	if !v6 {
		f.times = append(f.times, time.Now())
	}
	delay := f.delay
	f.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now--
	if ctx.Err() != nil {
		return Reply{}, ctx.Err()
	}
	text, ok := f.answers[key]
	switch {
	case strings.HasPrefix(text, "!"):
		return Reply{}, errors.New(text[1:])
	case strings.HasPrefix(text, "-") || !ok:
		return Reply{None: strings.TrimPrefix(text, "-")}, nil
	}
	r := Reply{TTL: f.ttl}
	for _, a := range strings.Fields(text) {
		r.Addrs = append(r.Addrs, netip.MustParseAddr(a))
	}
	return r, nil
}

// records reads "owner target" pairs.
func records(pairs ...string) []Record {
	var out []Record
	for _, p := range pairs {
		owner, target, _ := strings.Cut(p, " ")
		out = append(out, Record{Owner: zones.MustParseName(owner), Target: zones.MustParseName(target), TTL: 300})
	}
	return out
}

// known is what is known of a target, in words: "192.0.2.1 2001:db8::1", "A ?", "" for a family that is known to be empty.
func known(k *Keeper, target string) string {
	s, ok := k.State(zones.MustParseName(target))
	if !ok {
		return "no target"
	}
	var out []string
	for _, a := range s.Addrs() {
		out = append(out, a.String())
	}
	if !s.V4.Known {
		out = append(out, "A?")
	}
	if !s.V6.Known {
		out = append(out, "AAAA?")
	}
	text := strings.Join(out, " ")
	if s.Problem != "" {
		text += " (" + s.Problem + ")"
	}
	return text
}

func fixed(f float64) func() float64 { return func() float64 { return f } }

// start runs a keeper for the rest of the test.
func start(t *testing.T, k *Keeper) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- k.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// What is heard one time after the other, and what is known then.
func TestLastGood(t *testing.T) {
	const a, aaaa = "t.example. A", "t.example. AAAA"
	type step struct{ v4, v6, want string }
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"both families", []step{{"192.0.2.2 192.0.2.1", "2001:db8::1", "192.0.2.1 192.0.2.2 2001:db8::1"}}},
		{"order and repetition do not count", []step{{"192.0.2.2 192.0.2.1 192.0.2.2", "-", "192.0.2.1 192.0.2.2"}}},
		{"one family", []step{{"192.0.2.1", "-NODATA", "192.0.2.1"}}},
		{"one family goes while the other has addresses", []step{{"192.0.2.1", "2001:db8::1", "192.0.2.1 2001:db8::1"}, {"192.0.2.1", "-NODATA", "192.0.2.1"}}},
		{"one family comes", []step{{"192.0.2.1", "-NODATA", "192.0.2.1"}, {"192.0.2.1", "2001:db8::1", "192.0.2.1 2001:db8::1"}}},
		{"both go", []step{{"192.0.2.1", "2001:db8::1", "192.0.2.1 2001:db8::1"}, {"-NODATA", "-NODATA", "192.0.2.1 2001:db8::1 (NODATA)"}}},
		{"the name goes", []step{{"192.0.2.1", "-NODATA", "192.0.2.1"}, {"-NXDOMAIN", "-NXDOMAIN", "192.0.2.1 (NXDOMAIN)"}}},
		{"failure", []step{{"192.0.2.1", "2001:db8::1", "192.0.2.1 2001:db8::1"}, {"!SERVFAIL", "!SERVFAIL", "192.0.2.1 2001:db8::1 (SERVFAIL)"},
			{"192.0.2.9", "-", "192.0.2.9"}}},
		{"one family fails", []step{{"192.0.2.1", "2001:db8::1", "192.0.2.1 2001:db8::1"}, {"192.0.2.9", "!timeout", "192.0.2.9 2001:db8::1 (AAAA: timeout)"}}},
		{"one fails, the other is absent", []step{{"192.0.2.1", "2001:db8::1", "192.0.2.1 2001:db8::1"},
			{"!timeout", "-NODATA", "192.0.2.1 2001:db8::1 (A: timeout; AAAA: NODATA)"}}},
		{"never known", []step{{"!SERVFAIL", "!SERVFAIL", "A? AAAA? (SERVFAIL)"}, {"-NXDOMAIN", "-NXDOMAIN", "A? AAAA? (NXDOMAIN)"},
			{"192.0.2.1", "!SERVFAIL", "192.0.2.1 AAAA? (AAAA: SERVFAIL)"}, {"192.0.2.1", "-", "192.0.2.1"}}},
		{"another address", []step{{"192.0.2.1", "-", "192.0.2.1"}, {"192.0.2.2", "-", "192.0.2.2"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				k := New(Options{Ask: f.Ask, Random: fixed(0)})
				for i, s := range c.steps {
					f.set(a, s.v4, aaaa, s.v6)
					if i == 0 {
						k.Set(records("o.example. t.example."))
						start(t, k)
					}
					time.Sleep(5*time.Minute + time.Second)
					synctest.Wait()
					if got := known(k, "t.example."); got != s.want {
						t.Errorf("step %d: got %q, want %q", i, got, s.want)
					}
				}
			})
		})
	}
}

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

// A target is asked for again when its TTL ends, within bounds, and after failures with growing pauses.
func TestRefreshTimes(t *testing.T) {
	for _, c := range []struct {
		name   string
		ttl    time.Duration
		answer string
		want   []int // seconds between questions
	}{
		{"TTL", 60 * time.Second, "192.0.2.1", []int{60, 60, 60}},
		{"short TTL", 0, "192.0.2.1", []int{10, 10, 10}},
		{"long TTL", time.Hour, "192.0.2.1", []int{300, 300}},
		{"failures", 0, "!SERVFAIL", []int{10, 20, 40, 60, 60}},
		{"one family fails", 20 * time.Second, "192.0.2.1 !SERVFAIL", []int{10, 20, 20, 20, 20}},
		{"one family fails for a short TTL", 0, "192.0.2.1 !SERVFAIL", []int{10, 10, 10, 10, 10}},
		{"one family fails for a long TTL", time.Hour, "192.0.2.1 !SERVFAIL", []int{10, 20, 40, 60, 60}},
		{"nothing there", time.Hour, "-NXDOMAIN", []int{10, 20, 40, 60, 60}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v4, v6, two := strings.Cut(c.answer, " ")
				switch {
				case two:
				case v4 == "192.0.2.1":
					v6 = "-"
				default:
					v6 = v4
				}
				f := newFake("t.example. A", v4, "t.example. AAAA", v6)
				f.ttl = c.ttl
				k := New(Options{Ask: f.Ask, Random: fixed(0)})
				k.Set(records("o.example. t.example.", "p.example. T.example."))
				start(t, k)
				time.Sleep(15 * time.Minute)
				synctest.Wait()
				var got []int
				for i := range c.want {
					got = append(got, int(f.times[i+1].Sub(f.times[i])/time.Second))
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Error(d)
				}
			})
		})
	}
}

// Many targets are asked for a few at a time; after a restart, and later, they are spread.
func TestNoHerd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		f := newFake()
		f.delay = 10 * time.Millisecond
		var list []string
		var kept []State
		for i := range n {
			name := fmt.Sprintf("t%d.example.", i)
			list = append(list, fmt.Sprintf("o%d.example. %s", i, name))
			f.set(name+" A", "192.0.2.1")
			s := State{Target: zones.MustParseName(name)}
			s.V4, s.V6 = Family{Known: true, Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}, Family{Known: true}
			kept = append(kept, s)
		}
		k := New(Options{Ask: f.Ask, Parallel: 8})
		k.Restore(kept)
		k.Set(records(list...))
		if got := len(k.Take()); got != 0 {
			t.Errorf("%d targets have changed, and none was asked for", got)
		}
		start(t, k)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if f.most > 16 { // two families each
			t.Errorf("%d questions at a time", f.most)
		}
		perSecond := make(map[int64]int)
		for _, at := range f.times {
			perSecond[at.Unix()]++
		}
		busiest := 0
		for _, c := range perSecond {
			busiest = max(busiest, c)
		}
		if busiest > n/4 {
			t.Errorf("%d of %d targets were asked for in one second", busiest, n)
		}
		if len(f.times) < 8*n {
			t.Errorf("%d questions in ten minutes", len(f.times))
		}
	})
}

func TestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a.example. A", "192.0.2.1", "b.example. A", "!SERVFAIL", "b.example. AAAA", "!SERVFAIL")
		f.delay = time.Second
		k := New(Options{Ask: f.Ask})
		k.Restore([]State{{Target: zones.MustParseName("kept.example."), Answer: Answer{V4: Family{true, []netip.Addr{netip.MustParseAddr("192.0.2.9")}}, V6: Family{Known: true}}}})
		k.Set(records("1.example. a.example.", "2.example. b.example.", "3.example. kept.example."))
		from := time.Now()
		k.First(t.Context())
		if got := time.Since(from); got != time.Second {
			t.Errorf("it took %v", got)
		}
		for target, want := range map[string]string{"a.example.": "192.0.2.1", "b.example.": "A? AAAA? (SERVFAIL)", "kept.example.": "192.0.2.9"} {
			if got := known(k, target); got != want {
				t.Errorf("%s: got %q, want %q", target, got, want)
			}
		}
		if got := f.count("kept.example. A"); got != 0 {
			t.Errorf("what is known was asked for %d times", got)
		}
	})
}

// A question that is cut short is no failure, and is put again.
func TestFirstCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a.example. A", "192.0.2.1")
		f.delay = 5 * time.Second
		k := New(Options{Ask: f.Ask})
		k.Set(records("1.example. a.example."))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		k.First(ctx)
		if got := known(k, "a.example."); got != "A? AAAA?" {
			t.Errorf("got %q", got)
		}
		start(t, k)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if got := known(k, "a.example."); got != "192.0.2.1" {
			t.Errorf("got %q", got)
		}
	})
}

// Who waits for many while resolvers are dark is over in time, and those whose turn did not come are not asked for then, all at once.
func TestFirstOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.delay = 5 * time.Second
		k := New(Options{Ask: f.Ask, Parallel: 8, Random: fixed(0)})
		var list []string
		for i := range 1000 {
			list = append(list, fmt.Sprintf("o%d.example. t%d.example.", i, i))
			f.set(fmt.Sprintf("t%d.example. A", i), "192.0.2.1")
		}
		k.Set(records(list...))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		k.First(ctx)
		if n := len(f.times); n != 8 {
			t.Errorf("%d were asked for", n)
		}
		f.delay = time.Second
		start(t, k)
		time.Sleep(1000/8*time.Second + time.Second)
		synctest.Wait()
		for i := range 1000 {
			if got := known(k, fmt.Sprintf("t%d.example.", i)); got != "192.0.2.1" {
				t.Fatalf("t%d has %q", i, got)
			}
		}
	})
}

// With other resolvers, nobody waits for the end of a pause.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a.example. A", "!REFUSED", "a.example. AAAA", "!REFUSED", "b.example. A", "192.0.2.2")
		k := New(Options{Ask: f.Ask, Random: fixed(0)})
		k.Set(records("1.example. a.example.", "2.example. b.example."))
		start(t, k)
		time.Sleep(65 * time.Second) // one of a minute has begun
		f.set("a.example. A", "192.0.2.1", "a.example. AAAA", "-")
		before := f.count("b.example. A")
		k.Retry()
		synctest.Wait()
		if got := known(k, "a.example."); got != "192.0.2.1" {
			t.Errorf("got %q", got)
		}
		if got := f.count("b.example. A"); got != before {
			t.Error("what is known was asked for as well")
		}
	})
}

// What no record leads to any more is asked for no more, also when a question for it is under way.
func TestSetDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a.example. A", "192.0.2.1", "b.example. A", "192.0.2.2")
		f.delay = time.Second
		k := New(Options{Ask: f.Ask})
		k.Set(records("1.example. a.example.", "2.example. b.example."))
		start(t, k)
		time.Sleep(500 * time.Millisecond)
		k.Set(records("2.example. b.example."))
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := f.count("a.example. A"); got != 1 {
			t.Errorf("asked for %d times", got)
		}
		if got := known(k, "a.example."); got != "no target" {
			t.Errorf("got %q", got)
		}
		if d := cmp.Diff([]zones.Name{zones.MustParseName("b.example.")}, k.Take(), cmp.AllowUnexported(zones.Name{})); d != "" {
			t.Error(d)
		}
	})
}

// zone makes a zone of text.
func zone(t *testing.T, origin, text string) *zones.Zone {
	t.Helper()
	res, err := zonefile.ParseBytes("z", []byte("$TTL 300\n@ SOA ns h 1 3600 600 1209600 60\n@ NS ns\nns A 192.0.2.53\n"+text), zonefile.Options{Origin: zones.MustParseName(origin)})
	if err != nil || res.Zone == nil {
		t.Fatal(err, res)
	}
	return res.Zone
}

// Targets in our own zones are looked up there.
func TestOwnZones(t *testing.T) {
	cat := zones.NewCatalog(zone(t, "example.", `
a    A 192.0.2.1
a    AAAA 2001:db8::1
c    CNAME a
out  CNAME lb.elsewhere.test.
txt  TXT x
*.w  A 192.0.2.2
half A 192.0.2.3
half ALIAS b.elsewhere.test.
open ALIAS b.elsewhere.test.
d    NS ns.elsewhere.test.
n    DNAME elsewhere.test.
l1   CNAME l2
l2   CNAME l1
`), zone(t, "other.", "r1 ALIAS r2.third.\n"), zone(t, "third.", "r2 CNAME r3\nr3 ALIAS r1.other.\nx ALIAS r2\n"))
	list := records("half.example. b.elsewhere.test.", "open.example. b.elsewhere.test.", "r1.other. r2.third.", "r3.third. r1.other.", "x.third. r2.third.")
	ring := " (r2.third.: its ALIAS records lead back to it)"
	for _, c := range []struct{ target, want, asks string }{
		{"a.example.", "192.0.2.1 2001:db8::1", ""},
		{"A.Example.", "192.0.2.1 2001:db8::1", ""},
		{"c.example.", "192.0.2.1 2001:db8::1", ""},
		{"x.w.example.", "192.0.2.2", ""},
		{"txt.example.", "A? AAAA? (txt.example. has no addresses in our zone example.)", ""},
		{"nosuch.example.", "A? AAAA? (nosuch.example. does not exist in our zone example.)", ""},
		{"half.example.", "192.0.2.3 AAAA? (AAAA: half.example. is an ALIAS itself, and not resolved yet)", ""},
		{"open.example.", "A? AAAA? (open.example. is an ALIAS itself, and not resolved yet)", ""},
		{"l1.example.", "A? AAAA? (l1.example. leads through more than 16 CNAMEs in our zones)", ""},
		{"r2.third.", "A? AAAA?" + ring, ""},
		{"out.example.", "A? AAAA?", "lb.elsewhere.test."},
		{"x.d.example.", "A? AAAA?", "x.d.example."},
		{"x.n.example.", "A? AAAA?", "x.n.example."},
		{"elsewhere.test.", "A? AAAA?", "elsewhere.test."},
	} {
		k := New(Options{Catalog: func() *zones.Catalog { return cat }})
		k.Set(append(slices.Clone(list), records("o.example. "+c.target)...))
		if got := known(k, c.target); got != c.want {
			t.Errorf("%s: got %q, want %q", c.target, got, c.want)
		}
		s, _ := k.State(zones.MustParseName(c.target))
		if s.Own != (c.asks == "") || !s.Own && s.Asks.String() != c.asks || s.Ring != strings.Contains(c.want, "lead back") {
			t.Errorf("%s: own %v, ring %v, asks %s, want %q", c.target, s.Own, s.Ring, s.Asks, c.asks)
		}
	}
}

// A target follows our own zones as they change, into them and out of them, and keeps its last good addresses.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cat := zones.NewCatalog(zone(t, "example.", "a A 192.0.2.1\na A 192.0.2.2\n"))
		f := newFake("lb.elsewhere.test. A", "198.51.100.1", "a.example. A", "198.51.100.2")
		k := New(Options{Ask: f.Ask, Catalog: func() *zones.Catalog { return cat }})
		k.Set(records("o.test. a.example."))
		start(t, k)
		step := func(next *zones.Catalog, want string, changed bool) {
			t.Helper()
			k.Take()
			cat = next
			k.Follow()
			time.Sleep(time.Second)
			synctest.Wait()
			if got := known(k, "a.example."); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if got := len(k.Take()) > 0; got != changed {
				t.Errorf("changed: %v, want %v", got, changed)
			}
		}
		step(cat, "192.0.2.1 192.0.2.2", false)
		step(zones.NewCatalog(zone(t, "example.", "a A 192.0.2.2\n")), "192.0.2.2", true)
		step(zones.NewCatalog(zone(t, "example.", "")), "192.0.2.2 (a.example. does not exist in our zone example.)", false)
		if n := f.count("a.example. A"); n != 0 {
			t.Errorf("resolvers were asked %d times", n)
		}
		step(zones.NewCatalog(zone(t, "example.", "a CNAME lb.elsewhere.test.\n")), "198.51.100.1", true)
		step(zones.NewCatalog(zone(t, "unlike.", "")), "198.51.100.2", true)
		step(zones.NewCatalog(zone(t, "example.", "a A 192.0.2.9\n")), "192.0.2.9", true)
	})
}

func TestChanges(t *testing.T) {
	k := New(Options{})
	addr := netip.MustParseAddr
	k.Restore([]State{
		{Target: zones.MustParseName("both."), Answer: Answer{V4: Family{true, []netip.Addr{addr("192.0.2.1"), addr("192.0.2.2")}}, V6: Family{true, []netip.Addr{addr("2001:db8::1")}}}},
		{Target: zones.MustParseName("half."), Answer: Answer{V4: Family{true, []netip.Addr{addr("192.0.2.3")}}}},
	})
	z := zone(t, "example.", "a 60 ALIAS both.\nb ALIAS half.\nc ALIAS none.\nb TXT x\n*.w ALIAS both.\n")
	list := Records(z, nil)
	k.Set(list)
	got, err := z.With(Changes(list, k.Answer))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := zonefile.Write(&out, got, zonefile.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(out.String(), "IN\tNS\tns\n")
	want := "a\t60\tIN\tA\t192.0.2.1\na\t60\tIN\tA\t192.0.2.2\na\t60\tIN\tAAAA\t2001:db8::1\n" +
		"b\t300\tIN\tA\t192.0.2.3\nb\t300\tIN\tTXT\t\"x\"\nb\t300\tIN\tALIAS\thalf.\nc\t300\tIN\tALIAS\tnone.\n" +
		"ns\t300\tIN\tA\t192.0.2.53\n" +
		"*.w\t300\tIN\tA\t192.0.2.1\n*.w\t300\tIN\tA\t192.0.2.2\n*.w\t300\tIN\tAAAA\t2001:db8::1\n"
	if d := cmp.Diff(want, text); d != "" {
		t.Error(d)
	}
}

// From any answer to any other, a zone becomes what it would have become at once.
func TestRecordChanges(t *testing.T) {
	addr := func(list ...string) (f Family) {
		f.Known = true
		for _, a := range list {
			f.Addrs = append(f.Addrs, netip.MustParseAddr(a))
		}
		return f
	}
	answers := []Answer{{}, {V4: addr("192.0.2.1")}, {V6: addr("2001:db8::1")}, {addr("192.0.2.1"), addr()}, {addr("192.0.2.2"), addr("2001:db8::1")}, {addr(), addr("2001:db8::1")}}
	z := zone(t, "example.", "a 60 ALIAS t.test.\na TXT x\n")
	r := Records(z, nil)[0]
	with := func(z *zones.Zone, changes []zones.Change) *zones.Zone {
		t.Helper()
		for _, c := range changes {
			if old, _ := z.RRset(c.Name, c.Type); !old.Equal(c.Old) {
				t.Errorf("%s %s was %v, not %v", c.Name, zones.TypeString(c.Type), old, c.Old)
			}
		}
		next, err := z.With(changes)
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	for _, from := range answers {
		before := with(z, r.Changes(nil, Answer{}, from))
		for _, to := range answers {
			if d := zones.Diff(with(z, r.Changes(nil, Answer{}, to)), with(before, r.Changes(nil, from, to))); len(d) > 0 {
				t.Errorf("%v to %v: %v", from, to, d)
			}
		}
	}
}

// What was asked for while our own zones, or the policy, said otherwise is not taken.
func TestAnswerOutOfDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("one.test. A", "192.0.2.1", "two.test. A", "192.0.2.2", "loop.test. A", "127.0.0.1 192.0.2.3")
		f.delay = time.Second
		cat := zones.NewCatalog(zone(t, "example.", "a CNAME one.test.\n"))
		k := New(Options{Ask: f.Ask, Random: fixed(0), Refused: Refused, Catalog: func() *zones.Catalog { return cat }})
		k.Set(records("o.test. a.example.", "p.test. loop.test."))
		start(t, k)
		time.Sleep(500 * time.Millisecond)
		cat = zones.NewCatalog(zone(t, "example.", "a CNAME two.test.\n"))
		k.Follow()
		time.Sleep(time.Second)
		if got := known(k, "a.example."); got != "A? AAAA?" {
			t.Errorf("before it was asked for: %q", got)
		}
		time.Sleep(time.Second)
		if got := known(k, "a.example."); got != "192.0.2.2" {
			t.Errorf("got %q", got)
		}
		if got := known(k, "loop.test."); got != "192.0.2.3" {
			t.Errorf("refused and taken: %q", got)
		}
	})
}
