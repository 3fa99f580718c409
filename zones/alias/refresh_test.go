package alias

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
)

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
