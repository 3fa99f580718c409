package resolver

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// asker asks over UDP from an address of its own.
type asker struct {
	t    *testing.T
	conn *net.UDPConn
}

func newAsker(t *testing.T, from string, to netip.AddrPort) asker {
	t.Helper()
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return asker{t, conn}
}

// ask returns the answer to a question, rendered; "" where none comes before the one to a question that is not limited.
func (a asker) ask(question string) string {
	a.t.Helper()
	q := parseQuery(a.t, question)
	wire := pack(a.t, q.msg)
	got := a.exchange(wire, q.msg.Id)
	if got == nil {
		return ""
	}
	m := new(dns.Msg)
	if err := m.Unpack(got); err != nil {
		a.t.Fatal(err)
	}
	if m.Truncated && len(got) > len(wire) {
		a.t.Errorf("%s: a truncated answer of %d octets to a question of %d", question, len(got), len(wire))
	}
	return render(m)
}

// exchange sends wire and, right behind it, a question for a name that does not exist, which the tests here do not limit: what
// comes over one socket is answered in order.
func (a asker) exchange(wire []byte, id uint16) []byte {
	a.t.Helper()
	end := parseQuery(a.t, "missing.second. TXT")
	end.msg.Id = id + 1
	for _, msg := range [][]byte{wire, pack(a.t, end.msg)} {
		if _, err := a.conn.Write(msg); err != nil {
			a.t.Fatal(err)
		}
	}
	if err := a.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		a.t.Fatal(err)
	}
	var found []byte
	buf := make([]byte, 65535)
	for {
		n, err := a.conn.Read(buf)
		if err != nil {
			a.t.Fatal(err)
		}
		switch got := uint16(buf[0])<<8 | uint16(buf[1]); got {
		case id:
			found = bytes.Clone(buf[:n])
		case id + 1:
			return found
		}
	}
}

// A server limits who gets too much over UDP, and nobody else: by TCP the same client gets all.
func TestServerLimits(t *testing.T) { bothPaths(t, checkServerLimits) }

func checkServerLimits(t *testing.T, portable bool) {
	cat := packetCatalog(t)
	// The window is long: nothing depends on how long the test takes.
	limit := RateLimit{Mode: RateOn, Responses: 1, Window: time.Hour, Slip: 1, IPv4Prefix: 32, IPv6Prefix: 128}
	s, addrs, _ := start(t, Options{Workers: 2, PortableUDP: portable, RateLimit: limit, Catalog: func() *zones.Catalog { return cat }})
	const whole = "NOERROR aa\nan host.example. 300 A 192.0.2.1"
	victim, other := newAsker(t, "127.0.0.1", addrs[0]), newAsker(t, "127.0.0.2", addrs[0])
	if got := victim.ask("host.example. A"); got != whole {
		t.Fatalf("got %q, want %q", got, whole)
	}
	limited := 0
	for range 200 { // as many seconds of debt
		if got := victim.ask("host.example. A"); got == "NOERROR aa tc" {
			limited++
		} else if got != whole {
			t.Fatalf("got %q", got)
		}
	}
	if limited < 150 {
		t.Fatalf("%d of 200 answers are limited", limited)
	}
	if got := exchange(t, "tcp", addrs[0], "host.example. A"); got != whole {
		t.Errorf("over TCP: got %q, want %q", got, whole)
	}
	if got := other.ask("host.example. A"); got != whole {
		t.Errorf("another client: got %q, want %q", got, whole)
	}
	if got := victim.ask("www.sub.example. A"); strings.Contains(got, "tc") || !strings.Contains(got, "ns sub.example.") {
		t.Errorf("another name: got %q", got)
	}
	before := s.Stats()
	if before.Limits.Truncated != uint64(limited) || before.Limits.All() != uint64(limited) || before.UDP.Truncated != uint64(limited) {
		t.Errorf("after %d limited answers: %+v, %+v", limited, before.Limits, before.UDP)
	}

	limit.Slip = 0
	s.SetRateLimit(limit)
	if got := victim.ask("host.example. A"); got != "" {
		t.Errorf("slip 0: got %q", got)
	}
	if st := s.Stats(); st.Limits.Dropped != 1 || st.UDP.Dropped != before.UDP.Dropped+1 {
		t.Errorf("after a dropped answer: %+v, %+v", st.Limits, st.UDP)
	}
	limit.Mode = RateObserve
	s.SetRateLimit(limit)
	if got := victim.ask("host.example. A"); got != whole {
		t.Errorf("observed: got %q", got)
	}
	if st := s.Stats(); st.Limits.Observed != 1 {
		t.Errorf("after an observed answer: %+v", st.Limits)
	}
	s.SetRateLimit(RateLimit{})
	if got := victim.ask("host.example. A"); got != whole {
		t.Errorf("off: got %q", got)
	}
}

// Limits cost no allocation either, whatever becomes of an answer.
func TestLimitingDoesNotAllocate(t *testing.T) {
	for _, slip := range []int{0, 1, 2} {
		limit := testRates()
		limit.Slip, limit.All = slip, 1
		r := newRater(t, limit)
		for _, q := range []string{"host.example. A +edns", "missing.example. A", "elsewhere. A"} {
			query, out := pack(t, parseQuery(t, q).msg), make([]byte, 1232)
			client := addressOf(netip.MustParseAddr("2001:db8::1"))
			if n := testing.AllocsPerRun(100, func() {
				r.r.begin()
				answer, o := r.w.Answer(r.cat, query, &Source{}, out)
				r.r.limit(r.w, client, query, answer, o)
			}); n != 0 {
				t.Errorf("slip %d, %s: %v allocations", slip, q, n)
			}
		}
	}
}

// logLines keeps what is logged, without its time.
type logLines struct{ bytes.Buffer }

func (l *logLines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

func (l *logLines) take() (lines []string) {
	for line := range strings.Lines(l.String()) {
		lines = append(lines, strings.TrimSpace(line))
	}
	l.Reset()
	return lines
}

// reporting is a rater whose limiter reports, in a bubble of synctest.
func reporting(t *testing.T, limit RateLimit) (*rater, *logLines) {
	r := newRater(t, limit)
	lines := new(logLines)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.r.limiter.run(ctx, lines.logger()) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r, lines
}

// A network that is limited is logged as it begins and as it ends, however many answers were limited in between.
func TestLimitReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, lines := reporting(t, testRates())
		begun := time.Now()
		for range 50 { // five seconds of a hundred a second
			r.r.begin()
			r.sent("192.0.2.1", "host.example. A", 10)
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		want := []string{`level=WARN msg="answers to a network are limited" network=192.0.2.0/24 limit=responses zone=example. per_second=10`}
		if diff := cmp.Diff(want, lines.take()); diff != "" {
			t.Error(diff)
		}
		example := zones.MustParseName("example.")
		wantList := []Limited{{Network: netip.MustParsePrefix("192.0.2.0/24"), Limit: "responses", Zone: example, Since: begun.Add(100 * time.Millisecond)}}
		if diff := cmp.Diff(wantList, r.r.limiter.report.list(), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
			cmp.Comparer(func(a, b zones.Name) bool { return a == b })); diff != "" {
			t.Error(diff)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		want = []string{`level=INFO msg="answers to a network are no longer limited" network=192.0.2.0/24 limit=responses zone=example. after=9s`}
		if diff := cmp.Diff(want, lines.take()); diff != "" {
			t.Error(diff)
		}
		if list := r.r.limiter.report.list(); len(list) != 0 {
			t.Errorf("still limited: %v", list)
		}
	})
}

// Each kind is reported as what it is, and what is off ends.
func TestLimitReportKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := testRates()
		limit.Mode, limit.All = RateObserve, 40
		r, lines := reporting(t, limit)
		r.r.begin()
		for _, q := range []string{"missing.example. A", "elsewhere. A", "www.second. A"} {
			r.sent("2001:db8::1", q, 20)
			synctest.Wait()
		}
		const prefix = `level=WARN msg="answers to a network would be limited" network=2001:db8::/56 `
		want := []string{prefix + "limit=nxdomains zone=example. per_second=5", prefix + "limit=errors per_second=2",
			prefix + "limit=all per_second=40", prefix + "limit=responses zone=second. per_second=10"}
		if diff := cmp.Diff(want, lines.take()); diff != "" {
			t.Error(diff)
		}
		r.r.limiter.set(RateLimit{})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := len(lines.take()); got != 4 {
			t.Errorf("%d ends are logged, want 4", got)
		}
	})
}

// However many networks are limited, the log has some of them and how many more there are.
func TestLimitReportIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, lines := reporting(t, testRates())
		r.r.begin()
		for i := range 3000 {
			r.sent(fmt.Sprintf("10.%d.%d.1", i/250, i%250), "host.example. A", 11)
			if i%100 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		if got := len(lines.take()); got != logAccounts {
			t.Errorf("%d lines are logged, want %d", got, logAccounts)
		}
		if got := len(r.r.limiter.report.list()); got != maxReported {
			t.Errorf("%d networks are reported, want %d", got, maxReported)
		}
		time.Sleep(61 * time.Second)
		synctest.Wait()
		got := lines.take()
		if len(got) != logAccounts+1 || got[logAccounts] != fmt.Sprintf(`level=WARN msg="more networks are limited than are logged" more=%d`, 3000-logAccounts) {
			t.Errorf("got %d lines, the last of which is %s", len(got), got[len(got)-1])
		}
	})
}
