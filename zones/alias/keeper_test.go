package alias

import (
	"context"
	"errors"
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
