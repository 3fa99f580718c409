package resolver

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// testRates is a RateLimit small enough to count by hand.
func testRates() RateLimit {
	return RateLimit{Mode: RateOn, Responses: 10, NXDomains: 5, Errors: 2, Window: 3 * time.Second, Slip: 1, IPv4Prefix: 24, IPv6Prefix: 56}
}

// rater counts answers to questions at times of the test's own.
type rater struct {
	t   testing.TB
	cat *zones.Catalog
	w   *Worker
	r   rateWorker
}

func newRater(t testing.TB, limit RateLimit) *rater {
	r := &rater{t: t, cat: packetCatalog(t), w: NewWorker(Policy{})}
	l := newLimiter()
	l.set(limit)
	r.r = newRateWorker(l)
	r.r.limits = l.limits.Load()
	return r
}

// at sets the time, in milliseconds.
func (r *rater) at(ms int) { r.r.now = int64(ms) * int64(time.Millisecond) }

// ask has client ask a question, and returns what becomes of the answer.
func (r *rater) ask(client, question string) ruling {
	r.t.Helper()
	_, o := r.w.Answer(r.cat, pack(r.t, parseQuery(r.t, question).msg), &Source{}, make([]byte, 1232))
	return r.r.rule(addressOf(netip.MustParseAddr(client)), &o)
}

// sent asks n times and returns how many answers were sent whole.
func (r *rater) sent(client, question string, n int) (whole int) {
	r.t.Helper()
	for range n {
		if r.ask(client, question) == ruleSend {
			whole++
		}
	}
	return whole
}

// The budget of one account over time: a second's worth at once, then the rate, and the debts of a window.
func TestRateOverTime(t *testing.T) {
	type step struct{ ms, ask, want int }
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"a second's worth at once", []step{{0, 10, 10}, {0, 1, 0}}},
		{"at the rate forever", []step{{0, 1, 1}, {100, 1, 1}, {200, 1, 1}, {5000, 1, 1}, {5100, 1, 1}}},
		{"what was not used is kept for a second", []step{{0, 1, 1}, {10_000, 20, 10}}},
		{"one more each tenth of a second", []step{{0, 10, 10}, {99, 1, 0}, {200, 2, 1}}},
		{"the whole after a second without debts", []step{{0, 10, 10}, {1000, 20, 10}}},
		{"limited answers cost as well", []step{{0, 20, 10}, {1000, 1, 0}, {1099, 1, 0}, {2000, 10, 8}}},
		{"debts end at the window", []step{{0, 1000, 10}, {2900, 1, 0}, {3200, 1, 1}}},
		{"twice the rate is nothing but limited", []step{{0, 30, 10}, {500, 10, 0}, {1000, 10, 0}, {1500, 10, 0}}},
		{"all of it after the window and a second", []step{{0, 1000, 10}, {4000, 11, 10}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRater(t, testRates())
			for _, s := range c.steps {
				r.at(s.ms)
				if got := r.sent("192.0.2.1", "host.example. A", s.ask); got != s.want {
					t.Errorf("at %d ms %d of %d answers are sent whole, want %d", s.ms, got, s.ask, s.want)
				}
			}
		})
	}
}

// However it is asked, no account gets more than a second's worth and the rate: an oracle that counts in another way.
func TestRateIsKept(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for range 50 {
		limit := testRates()
		limit.Responses = 1 + rnd.IntN(1000)
		r := newRater(t, limit)
		_, o := r.w.Answer(r.cat, pack(t, parseQuery(t, "host.example. A").msg), &Source{}, make([]byte, 1232))
		client := addressOf(netip.MustParseAddr("192.0.2.1"))
		// Credits as BIND counts them, in units of 1/rate of a nanosecond each.
		rate, second := int64(limit.Responses), int64(time.Second)
		cost := second / rate
		credit, most := rate*cost, rate*cost
		last := int64(0)
		for range 2000 {
			r.r.now += rnd.Int64N(4 * cost)
			credit = min(credit+r.r.now-last, most)
			last = r.r.now
			// Below the floor it is not charged.
			if credit-cost >= -int64(limit.Window) {
				credit -= cost
			} else if got := r.r.rule(client, &o); got != ruleSlip {
				t.Fatalf("rate %d: in the deepest debt the answer is ruled %v", rate, got)
			} else {
				continue
			}
			want := ruleSend
			if credit < 0 {
				want = ruleSlip
			}
			if got := r.r.rule(client, &o); got != want {
				t.Fatalf("rate %d: at %d with %d ns of credit the answer is ruled %v, want %v", rate, r.r.now, credit, got, want)
			}
		}
	}
}

// Which questions are one account: those of each group share it, and groups have nothing to do with each other.
func TestRateAccounts(t *testing.T) {
	for _, c := range []struct {
		name   string
		groups [][]string // "client question"
	}{
		{"names", [][]string{
			{"192.0.2.1 host.example. A", "192.0.2.255 HOST.example. A +dnssec", "192.0.2.7 host.example. ANY"},
			{"192.0.2.1 example. MX", "192.0.2.1 example. NS"},
			{"192.0.2.1 www.second. A"},
		}},
		{"a wildcard is one name", [][]string{
			{"192.0.2.1 a.w.example. A", "192.0.2.1 b.w.example. A", "192.0.2.1 c.d.w.example. A"},
			{"192.0.2.1 host.example. A"},
		}},
		{"a DNAME is one name", [][]string{{"192.0.2.1 a.d.example. A", "192.0.2.1 b.c.d.example. A"}}},
		{"a CNAME is its own name", [][]string{{"192.0.2.1 www.example. A"}, {"192.0.2.1 host.example. A"}}},
		{"a delegation is one name", [][]string{
			{"192.0.2.1 sub.example. A", "192.0.2.1 a.sub.example. MX", "192.0.2.1 b.c.sub.example. A"},
			{"192.0.2.1 sub.example. DS"}, // the parent's own answer
		}},
		{"what does not exist is its zone", [][]string{
			{"192.0.2.1 a.example. A", "192.0.2.1 b.example. MX", "192.0.2.1 x.y.z.example. A"},
			{"192.0.2.1 a.second. A"},
		}},
		{"what has no such type is its name", [][]string{
			{"192.0.2.1 host.example. AAAA", "192.0.2.1 host.example. MX"},
			{"192.0.2.1 b.c.example. A"},
			{"192.0.2.1 a.w.example. MX", "192.0.2.1 b.w.example. MX"},
			{"192.0.2.1 host.example. A"},
		}},
		{"errors are their network's", [][]string{
			{"192.0.2.1 elsewhere. A", "192.0.2.2 other. MX", "192.0.2.3 host.example. A +edns=1", "192.0.2.1 version.bind. TXT CH", "192.0.2.1 host.example. MAILA"},
			{"192.0.3.1 elsewhere. A"},
		}},
		{"networks", [][]string{
			{"192.0.2.0 host.example. A", "192.0.2.255 host.example. A", "::ffff:192.0.2.9 host.example. A"},
			{"192.0.3.0 host.example. A"},
			{"193.0.2.0 host.example. A"},
			{"2001:db8:0:ff00:: host.example. A", "2001:db8:0:ffff:ffff:ffff:ffff:ffff host.example. A"},
			{"2001:db8:0:fe00:: host.example. A"},
			{"::c000:200 host.example. A"}, // not IPv4's
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			limit := testRates()
			limit.Responses, limit.NXDomains, limit.Errors = 12, 12, 12
			r := newRater(t, limit)
			for _, group := range c.groups {
				whole := 0
				for i := range 30 {
					client, question, _ := strings.Cut(group[i%len(group)], " ")
					whole += r.sent(client, question, 1)
				}
				if whole != 12 {
					t.Errorf("%v: %d answers are sent whole, want 12", group, whole)
				}
			}
		})
	}
}

// Each kind has its limit, 0 is none, and All is beside them.
func TestRateClasses(t *testing.T) {
	questions := []string{"host.example. A", "host.example. AAAA", "sub.example. A", "missing.example. A", "elsewhere. A"}
	for _, c := range []struct {
		name  string
		limit func(*RateLimit)
		want  []int
	}{
		{"each its own", func(*RateLimit) {}, []int{10, 10, 10, 5, 2}},
		{"none for answers", func(r *RateLimit) { r.Responses = 0 }, []int{50, 50, 50, 5, 2}},
		{"none for NXDOMAIN", func(r *RateLimit) { r.NXDomains = 0 }, []int{10, 10, 10, 50, 2}},
		{"none for errors", func(r *RateLimit) { r.Errors = 0 }, []int{10, 10, 10, 5, 50}},
		{"all together", func(r *RateLimit) { r.All = 25 }, []int{10, 0, 0, 0, 0}}, // limited ones cost as well
		{"nothing but all together", func(r *RateLimit) { *r = RateLimit{Mode: RateOn, All: 60} }, []int{50, 10, 0, 0, 0}},
		{"off", func(r *RateLimit) { r.Mode = RateOff }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			limit := testRates()
			c.limit(&limit)
			r := newRater(t, limit)
			if r.r.limits == nil {
				if c.want != nil {
					t.Error("nothing is limited")
				}
				return
			}
			var got []int
			for _, q := range questions {
				got = append(got, r.sent("192.0.2.1", q, 50))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What becomes of a limited answer, by slip and by what the client has shown.
func TestRateRuling(t *testing.T) {
	for _, c := range []struct {
		slip        int
		mode        RateMode
		cookie      bool
		want        ruling
		least, most int // of 10000 limited answers
	}{
		{1, RateOn, false, ruleSlip, 10000, 10000},
		{1, RateOn, true, ruleBadCookie, 10000, 10000},
		{0, RateOn, false, ruleDrop, 10000, 10000},
		{0, RateOn, true, ruleDrop, 10000, 10000},
		{2, RateOn, false, ruleSlip, 4800, 5200},
		{2, RateOn, true, ruleBadCookie, 4800, 5200},
		{10, RateOn, false, ruleSlip, 900, 1100},
		{1, RateObserve, false, ruleObserve, 10000, 10000},
		{0, RateObserve, true, ruleObserve, 10000, 10000},
	} {
		t.Run(fmt.Sprintf("slip %d mode %d cookie %v", c.slip, c.mode, c.cookie), func(t *testing.T) {
			limit := testRates()
			limit.Slip, limit.Mode = c.slip, c.mode
			r := newRater(t, limit)
			r.r.draws = 42
			r.sent("192.0.2.1", "host.example. A", limit.Responses)
			_, o := r.w.Answer(r.cat, pack(t, parseQuery(t, "host.example. A").msg), &Source{}, make([]byte, 1232))
			if c.cookie {
				o.flags |= flagCookie
			}
			counts := map[ruling]int{}
			for range 10000 {
				counts[r.r.rule(addressOf(netip.MustParseAddr("192.0.2.1")), &o)]++
			}
			if n := counts[c.want]; n < c.least || n > c.most || n+counts[ruleDrop] != 10000 && c.want != ruleDrop {
				t.Errorf("got %v, want %v %d to %d times, and else drops", counts, c.want, c.least, c.most)
			}
		})
	}
}

// What a limited answer looks like: never longer than the question, with nothing to explain.
func TestLimitedAnswer(t *testing.T) {
	for _, c := range []struct{ q, want string }{
		{"host.example. A", "NOERROR aa tc"},
		{"host.example. A +dnssec +rd", "NOERROR aa tc rd\nopt 1232 do"},
		{"host.example. A +nsid", "NOERROR aa tc\nopt 1232"},
		{"host.example. AAAA", "NOERROR aa tc"},
		{"missing.example. A +edns", "NOERROR aa tc\nopt 1232"},
		{"www.sub.example. A +edns", "NOERROR tc\nopt 1232"},
		{"elsewhere. A +edns", "REFUSED\nopt 1232"},
		{"version.bind. TXT CH", "NOERROR aa tc"},
		{"host.example. A +edns=1", "BADVERS\nopt 1232"},
	} {
		t.Run(c.q, func(t *testing.T) {
			limit := testRates()
			r := newRater(t, limit)
			r.w = NewWorker(Policy{Identity: Identity{Version: "1", NSID: strings.Repeat("x", maxNSID)}})
			query := pack(t, parseQuery(t, c.q).msg)
			for range limit.Responses + 1 {
				answer, o := r.w.Answer(r.cat, query, &Source{}, make([]byte, 1232))
				whole := len(answer)
				answer, o, how := r.r.limit(r.w, addressOf(netip.MustParseAddr("192.0.2.1")), query, answer, o)
				if how == ruleSend {
					if len(answer) != whole {
						t.Fatal("an answer within its limits was changed")
					}
					continue
				}
				m := new(dns.Msg)
				if err := m.Unpack(answer); err != nil {
					t.Fatal(err)
				}
				if got := render(m); how != ruleSlip || got != c.want || len(answer) > len(query) {
					t.Fatalf("%v: got %q of %d octets for a question of %d, want %q", how, got, len(answer), len(query), c.want)
				}
				if m.Rcode != o.Rcode || m.Truncated != o.Truncated() || len(m.Question) != 1 {
					t.Fatalf("outcome %+v of\n%v", o, m)
				}
				return
			}
			t.Fatal("nothing is limited")
		})
	}
}

// Who sends a cookie is told to prove its address, and is not limited once it has.
func TestLimitedAnswerToCookie(t *testing.T) {
	limit := testRates()
	r := newRater(t, limit)
	r.w = NewWorker(Policy{Cookies: testCookies(t), Identity: Identity{NSID: strings.Repeat("x", maxNSID)}})
	client := netip.MustParseAddr("192.0.2.1")
	from := &Source{Addr: client}
	out := make([]byte, 1232)
	ask := func(question string) (m *dns.Msg, longer int, how ruling) {
		query := pack(t, parseQuery(t, question).msg)
		answer, o := r.w.Answer(r.cat, query, from, out)
		if !o.Proven() {
			answer, _, how = r.r.limit(r.w, addressOf(client), query, answer, o)
		}
		m = new(dns.Msg)
		if err := m.Unpack(answer); err != nil {
			t.Fatal(err)
		}
		return m, len(answer) - len(query), how
	}
	for _, question := range []string{"host.example. A +nsid", "missing.example. A", "elsewhere. A"} {
		for range 20 {
			ask(question)
		}
		m, longer, how := ask(question + " +cookie=" + clientCookie)
		if how != ruleBadCookie || m.Rcode != dns.RcodeBadCookie || m.Truncated || len(m.Answer)+len(m.Ns) > 0 || longer > serverCookieLen {
			t.Fatalf("%s: %v, %d octets longer than the question:\n%v", question, how, longer, m)
		}
		fresh := cookieOf(m)
		if !strings.HasPrefix(fresh, clientCookie) || len(fresh) != 2*cookieLen {
			t.Fatalf("%s: the cookie is %q", question, fresh)
		}
		if m, _, how := ask(question + " +cookie=" + fresh); how != ruleSend || m.Truncated || m.Rcode == dns.RcodeBadCookie {
			t.Errorf("%s: with the cookie that it was given: %v\n%v", question, how, m)
		}
		// One of somebody else proves nothing.
		if m, _, _ := ask(question + " +cookie=" + fresh[:len(fresh)-2] + "00"); m.Rcode != dns.RcodeBadCookie {
			t.Errorf("%s: with a cookie that is not ours:\n%v", question, m)
		}
	}
}

func TestRateExempt(t *testing.T) {
	limit := DefaultRateLimit()
	limit.Responses = 1
	for _, p := range []string{"192.0.2.0/25", "192.0.2.64/26", "198.51.100.7/32", "10.0.0.0/8", "10.9.0.0/16", "10.0.0.0/8", "2001:db8::/32", "2001:db8:1::/48", "fe80::/10"} {
		limit.Exempt = append(limit.Exempt, netip.MustParsePrefix(p))
	}
	for client, want := range map[string]bool{
		"127.0.0.1": true, "127.255.255.255": true, "128.0.0.0": false, "126.255.255.255": false, "::1": true, "::": false, "::2": false,
		"192.0.2.127": true, "192.0.2.65": true, "192.0.2.128": false, "192.0.1.255": false, "198.51.100.7": true, "198.51.100.8": false,
		"10.255.255.255": true, "10.200.0.1": true, "11.0.0.0": false, "2001:db8:ffff::": true, "2001:db9::": false,
		"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff": false, "fe80::1": true, "fec0::": false, "0.0.0.0": false, "255.255.255.255": false,
	} {
		r := newRater(t, limit)
		if got := r.sent(client, "host.example. A", 5) == 5; got != want {
			t.Errorf("%s is exempt: %v, want %v", client, got, want)
		}
	}
	// A network of one family has nothing to do with the other one.
	limit.Exempt = []netip.Prefix{netip.MustParsePrefix("::/0")}
	r := newRater(t, limit)
	if got := r.sent("192.0.2.1", "host.example. A", 5); got != 1 {
		t.Errorf("with ::/0 exempt, %d answers to IPv4 are sent whole, want 1", got)
	}
	if got := r.sent("2001:db8::1", "host.example. A", 5); got != 5 {
		t.Errorf("with ::/0 exempt, %d answers to IPv6 are sent whole, want 5", got)
	}
}

func TestRatePrefixes(t *testing.T) {
	for _, c := range []struct {
		v4, v6 int
		a, b   string
		same   bool
	}{
		{32, 128, "192.0.2.1", "192.0.2.2", false}, {31, 128, "192.0.2.2", "192.0.2.3", true}, {31, 128, "192.0.2.1", "192.0.2.2", false},
		{8, 128, "10.0.0.0", "10.255.255.255", true}, {8, 128, "10.0.0.0", "11.0.0.0", false},
		{32, 128, "2001:db8::1", "2001:db8::2", false}, {32, 64, "2001:db8::1", "2001:db8::ffff:0:0:2", true},
		{32, 65, "2001:db8::", "2001:db8:0:0:8000::", false}, {32, 16, "2001::", "2001:ffff::", true}, {32, 16, "2001::", "2002::", false},
	} {
		limit := testRates()
		limit.IPv4Prefix, limit.IPv6Prefix = c.v4, c.v6
		r := newRater(t, limit)
		r.sent(c.a, "host.example. A", 10)
		if got := r.sent(c.b, "host.example. A", 1) == 0; got != c.same {
			t.Errorf("/%d, /%d: %s and %s are one network: %v, want %v", c.v4, c.v6, c.a, c.b, got, c.same)
		}
		if got := r.r.limits.prefix(r.r.limits.network(addressOf(netip.MustParseAddr(c.a)))); !got.Contains(netip.MustParseAddr(c.a)) ||
			got != got.Masked() || got.Contains(netip.MustParseAddr(c.b)) != c.same {
			t.Errorf("/%d, /%d: the network of %s is written %v", c.v4, c.v6, c.a, got)
		}
	}
}

// Values out of bounds limit less or more, but do no harm.
func TestRateBounds(t *testing.T) {
	for _, limit := range []RateLimit{
		{Mode: RateOn}, {Mode: RateOn, Responses: -1, Slip: -5, Window: -time.Hour, IPv4Prefix: -1, IPv6Prefix: -1},
		{Mode: RateOn, Responses: math.MaxInt, NXDomains: MaxRate, Errors: 1, All: 3, Slip: math.MaxInt, Window: 1 << 60, IPv4Prefix: 99, IPv6Prefix: 999},
	} {
		r := newRater(t, limit)
		for _, client := range []string{"192.0.2.1", "2001:db8::1", "0.0.0.0", "::"} {
			r.sent(client, "host.example. A", 10)
		}
		if l := r.r.limits; l.slip > MaxSlip || l.rates[rateResponses].most > int64(time.Second+MaxWindow) || !l.prefix(address{}).IsValid() {
			t.Errorf("%+v: got %+v", limit, l)
		}
	}
}

// A clock that is set back, or a worker that has been behind for long, leaves nobody limited for it.
func TestRateTimeGoesBack(t *testing.T) {
	r := newRater(t, testRates())
	r.at(3_600_000)
	if got := r.sent("192.0.2.1", "host.example. A", 5); got != 5 {
		t.Fatalf("got %d", got)
	}
	r.at(0)
	if got := r.sent("192.0.2.1", "host.example. A", 20); got != 10 {
		t.Errorf("an hour back, %d answers are sent whole, want a second's worth, 10", got)
	}
	// A little back is a worker whose batch began earlier: what is owed stays.
	r.at(-5)
	if got := r.sent("192.0.2.1", "host.example. A", 10); got != 0 {
		t.Errorf("5 ms back, %d answers are sent whole, want 0", got)
	}
}

// Times are kept modulo 2^48 ns, 78 hours. Swept once an hour, no account is ever in debt by that.
func TestRateClockWraps(t *testing.T) {
	r := newRater(t, testRates())
	r.r.limiter.accounts = newAccounts(64)
	for hour := range 400 {
		r.at(hour * 3_600_000)
		if hour%97 == 0 {
			r.sent("192.0.2.1", "host.example. A", 100)
		} else if got := r.sent(fmt.Sprintf("10.%d.1.1", hour%250), "host.example. A", 10); got != 10 {
			t.Fatalf("after %d hours, %d answers are sent whole, want 10", hour, got)
		}
		r.r.limiter.accounts.sweep(r.r.now)
		r.r.now += int64(time.Second)
		if hour%97 == 0 {
			if got := r.sent("192.0.2.1", "host.example. A", 1); got != 0 {
				t.Fatalf("after %d hours and a second, the debt is forgotten", hour)
			}
		}
	}
}

// A flood of questions forged from some hundred thousand networks: memory does not grow, who is limited stays so, and nobody is who
// asks within his limits.
func TestRateUnderRandomSources(t *testing.T) {
	limit := testRates()
	limit.Responses = 200
	r := newRater(t, limit)
	_, o := r.w.Answer(r.cat, pack(t, parseQuery(t, "host.example. A").msg), &Source{}, make([]byte, 1232))
	rnd := rand.New(rand.NewPCG(1, 1))
	victim := addressOf(netip.MustParseAddr("192.0.2.1"))
	honest := make([]address, 100)
	for i := range honest {
		honest[i] = mapped(198<<24 | 51<<16 | uint32(i)<<8 | 1)
	}
	spared, harmed := 0, 0
	allocs := testing.AllocsPerRun(1, func() {
		spared, harmed = 0, 0
		for i := range 300_000 {
			r.r.now += 1000 // a million a second
			r.r.rule(mapped(rnd.Uint32()), &o)
			if i%100 == 0 && r.r.rule(victim, &o) == ruleSend {
				spared++ // 10,000 a second
			}
			if i%100 == 50 && r.r.rule(honest[i/100%100], &o) != ruleSend {
				harmed++ // 100 a second each
			}
		}
	})
	if spared > 400 || harmed != 0 || allocs != 0 {
		t.Errorf("%d answers to the victim were sent whole, want 200 in each second; %d honest ones were limited, want 0; %v allocations", spared, harmed, allocs)
	}
}

// With more limited accounts than the table has room for, those that owe least are forgotten, and none is limited for another.
func TestRateTableIsFull(t *testing.T) {
	limit := testRates()
	r := newRater(t, limit)
	r.r.limiter.accounts = newAccounts(2)                                                             // 16 accounts
	r.r.limiter.accounts.seed = [3]uint64{0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb} // with another one, now and then, two networks share one
	r.sent("192.0.2.1", "host.example. A", 40)
	for i := range 200 {
		if got := r.sent(fmt.Sprintf("10.0.%d.1", i), "host.example. A", 20); got < 10 {
			t.Fatalf("network %d got %d whole answers, want 10 at least", i, got)
		}
	}
	if r.ask("192.0.2.1", "host.example. A") == ruleSend {
		t.Error("who owed most was forgotten")
	}
}

// Workers that count for one account at the same time let through what one worker would.
func TestRateConcurrently(t *testing.T) {
	const workers, each = 8, 20_000
	limit := testRates()
	limit.Responses = 1000
	first := newRater(t, limit)
	first.r.limiter.accounts = newAccounts(64)
	_, o := first.w.Answer(first.cat, pack(t, parseQuery(t, "host.example. A").msg), &Source{}, make([]byte, 1232))
	var whole atomic.Int64
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			w := newRateWorker(first.r.limiter)
			w.limits = first.r.limits
			for n := range each {
				w.now = int64(n) * 1000
				if w.rule(mapped(192<<24|2<<8|uint32(i)), &o) == ruleSend {
					whole.Add(1)
				}
				if n%500 == 0 {
					first.r.limiter.accounts.sweep(w.now)
				}
			}
		})
	}
	wg.Wait()
	// 1000 at once and 20 ms of refill. An answer that was not counted, since too many were at the same time, may be on top.
	if n := whole.Load(); n < 1000 || n > 1400 {
		t.Errorf("%d answers are sent whole, want some more than 1000", n)
	}
}

// New limits hold for what is owed already, and changing them frees nobody.
func TestRateIsChanged(t *testing.T) {
	r := newRater(t, testRates())
	r.sent("192.0.2.1", "host.example. A", 100)
	slower := testRates()
	slower.Responses = 5
	r.r.limiter.set(slower)
	r.r.begin()
	r.at(3300)
	if got := r.sent("192.0.2.1", "host.example. A", 10); got != 1 {
		t.Errorf("%d answers are sent whole, want 1", got)
	}
	r.r.limiter.set(RateLimit{})
	if r.r.begin(); r.r.limits != nil {
		t.Error("limits are not off")
	}
}
