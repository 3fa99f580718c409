package integration

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// Rate limits of UDP answers. Addresses of loopback are the clients, whose questions somebody forges.

// rateStatus is what status --json says of it.
type rateStatus struct {
	RateLimit struct {
		Mode                        string
		Limited, Truncated, Dropped uint64
		BadCookie                   uint64 `json:"bad_cookie"`
		Networks                    []struct{ Network, Limit, Zone string }
	} `json:"rate_limit"`
}

func (n *node) rateStatus() rateStatus {
	n.t.Helper()
	return decode[rateStatus](n.t, n.must("status", "--json"))
}

const (
	victim = "127.0.0.2"
	// largeName has an answer many times as large as its question.
	largeName = "large.example.com."
)

// newLimited starts a node that limits to one answer a second, with a window so long that nothing depends on how long the test takes.
func newLimited(t *testing.T, more string) *node {
	n := newNode(t, "")
	n.limit(more)
	var zone strings.Builder
	zone.WriteString(apex(1))
	for i := range 8 {
		fmt.Fprintf(&zone, "large IN TXT \"%s %d\"\n", strings.Repeat("x", 100), i)
	}
	zone.WriteString("www IN A 192.0.2.1\n*.wild IN A 192.0.2.2\n")
	n.write("zones/example.com.zone", zone.String())
	n.start()
	return n
}

// limit writes mangrove.yaml with limits.
func (n *node) limit(more string) {
	n.t.Helper()
	n.write("mangrove.yaml", "listen: [127.0.0.1:0]\nrate_limit:\n  exempt: []\n  ipv4_prefix: 32\n  window: 1h\n  responses_per_second: 1\n"+more)
}

// fromUDP asks once over UDP from an address, and returns the answer and how large it and the question are; nil where none comes.
func fromUDP(t *testing.T, from, to string, q *dns.Msg) (r *dns.Msg, asked, got int) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}}
	conn, err := d.DialContext(t.Context(), "udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	wire, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	// Behind it goes a message that is answered whatever is limited: a worker answers what comes from one port in order.
	last := query("last.invalid.", dns.TypeA)
	last.Id = q.Id + 1
	end, err := last.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for _, msg := range [][]byte{wire, end} {
		if _, err := conn.Write(msg); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 65535)
	for {
		size, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		m := new(dns.Msg)
		if err := m.Unpack(buf[:size]); err != nil {
			t.Fatal(err)
		}
		if m.Id == last.Id {
			return r, len(wire), got
		}
		r, got = m, size
	}
}

// fromTCP asks once over TCP from an address.
func fromTCP(t *testing.T, from, to string, q *dns.Msg) *dns.Msg {
	t.Helper()
	c := &dns.Client{Net: "tcp", Timeout: 20 * time.Second, Dialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}}
	r, _, err := c.ExchangeContext(t.Context(), q, to)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// flood has so many questions asked in a client's name, and returns how many octets were sent to it, and by it.
func flood(t *testing.T, from, to string, n int, question func(i int) *dns.Msg) (out, in int) {
	t.Helper()
	for i := range n {
		_, asked, got := fromUDP(t, from, to, question(i))
		out, in = out+got, in+asked
	}
	return out, in
}

// whole says what is wrong with an answer as one that no limit has touched.
func whole(r *dns.Msg, records int) string {
	switch {
	case r == nil:
		return "no answer"
	case r.Truncated || r.Rcode != dns.RcodeSuccess || len(r.Answer) != records:
		return r.String()
	}
	return ""
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	n := newLimited(t, "  errors_per_second: 0\n")
	large := query(largeName, dns.TypeTXT)
	if r, _, _ := fromUDP(t, "127.0.0.3", n.addr, large); whole(r, 8) != "" {
		t.Fatalf("before a flood: %s", whole(r, 8))
	}
	out, in := flood(t, victim, n.addr, 200, func(int) *dns.Msg { return large })
	if out > in+2*1232 {
		t.Errorf("%d octets were sent for questions of %d: an attacker gains by it", out, in)
	}
	r, asked, got := fromUDP(t, victim, n.addr, large)
	if r == nil || !r.Truncated || len(r.Answer) != 0 || len(r.Question) != 1 || got > asked {
		t.Errorf("under a flood, %d octets came for a question of %d, want an empty truncated answer:\n%v", got, asked, r)
	}
	// Who was forged still gets what he asks for: over TCP, and over UDP what nobody floods him with.
	if bad := whole(fromTCP(t, victim, n.addr, large), 8); bad != "" {
		t.Errorf("over TCP: %s", bad)
	}
	if r, _, _ := fromUDP(t, victim, n.addr, query("www.example.com.", dns.TypeA)); whole(r, 1) != "" {
		t.Errorf("another name: %s", whole(r, 1))
	}
	// And nobody else notices.
	if r, _, _ := fromUDP(t, "127.0.0.4", n.addr, large); whole(r, 8) != "" {
		t.Errorf("another client: %s", whole(r, 8))
	}

	// All names of a wildcard are one.
	flood(t, "127.0.0.5", n.addr, 50, func(i int) *dns.Msg { return query(fmt.Sprintf("n%d.wild.example.com.", i), dns.TypeA) })
	if r, _, _ := fromUDP(t, "127.0.0.5", n.addr, query("unasked.wild.example.com.", dns.TypeA)); r == nil || !r.Truncated {
		t.Errorf("another name of the wildcard: got %v, want it truncated", r)
	}

	st := n.rateStatus().RateLimit
	if st.Mode != "on" || st.Limited < 200 || st.Truncated != st.Limited || st.Dropped != 0 {
		t.Errorf("status: %+v", st)
	}
	var listed bool
	for _, l := range st.Networks {
		listed = listed || cmp.Equal(l, struct{ Network, Limit, Zone string }{victim + "/32", "responses", "example.com."})
	}
	if !listed {
		t.Errorf("status does not list the victim: %+v", st.Networks)
	}
	if out := n.must("status"); !regexp.MustCompile(`(?m)^rate limit: [0-9]+ answers over it \([0-9]+ truncated, 0 BADCOOKIE, 0 dropped\), 2 networks now\n  127\.0\.0\.2/32 +responses of example\.com +since `).MatchString(out) {
		t.Errorf("status:\n%s", out)
	}
	if got := strings.Count(n.daemon.log.String(), `msg="answers to a network are limited" network=127.0.0.2/32 limit=responses zone=example.com. per_second=1`); got != 1 {
		t.Errorf("the log says %d times that the victim is limited, want once:\n%s", got, n.daemon.log.String())
	}

	// Other limits are taken up while it runs.
	n.limit("  errors_per_second: 0\n  slip: 0\n")
	n.must("reload")
	if r, _, _ := fromUDP(t, victim, n.addr, large); r != nil {
		t.Errorf("with slip 0: got %v, want none", r)
	}
	n.limit("  mode: observe\n")
	n.must("reload")
	if r, _, _ := fromUDP(t, victim, n.addr, large); whole(r, 8) != "" {
		t.Errorf("with mode observe: %s", whole(r, 8))
	}
	if st := n.rateStatus().RateLimit; st.Mode != "observe" || st.Dropped != 1 || st.Limited != st.Truncated+st.Dropped+1 {
		t.Errorf("status with mode observe: %+v", st)
	}
	n.limit("  mode: off\n")
	n.must("reload")
	if r, _, _ := fromUDP(t, victim, n.addr, large); whole(r, 8) != "" {
		t.Errorf("with mode off: %s", whole(r, 8))
	}
	if n.daemon.waitLog(regexp.MustCompile(`msg="answers to a network are no longer limited" network=127\.0\.0\.2/32`)) == nil {
		t.Error("the log does not say that the victim is no longer limited")
	}
}

// Nobody who asks from the same host meets a limit that he has not set.
func TestRateLimitSparesLoopback(t *testing.T) {
	t.Parallel()
	n := newNode(t, "rate_limit: {responses_per_second: 1, window: 1h}\n")
	n.write("zones/example.com.zone", apex(1)+"www IN A 192.0.2.1\n")
	n.start()
	for i := range 50 {
		if r, _, _ := fromUDP(t, victim, n.addr, query("www.example.com.", dns.TypeA)); whole(r, 1) != "" {
			t.Fatalf("question %d: %s", i, whole(r, 1))
		}
	}
	if st := n.rateStatus().RateLimit; st.Limited != 0 {
		t.Errorf("status: %+v", st)
	}
}

// A client in a network that is limited asks on over UDP with a cookie, once it has one of ours.
func TestRateLimitAndCookies(t *testing.T) {
	t.Parallel()
	n := newLimited(t, "  errors_per_second: 0\n")
	large := query(largeName, dns.TypeTXT)
	flood(t, victim, n.addr, 200, func(int) *dns.Msg { return large })

	withCookie := func(cookie string) *dns.Msg {
		q := query(largeName, dns.TypeTXT)
		opt := q.IsEdns0()
		opt.Option = append(opt.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie})
		return q
	}
	const own = "0123456789abcdef"
	r, asked, got := fromUDP(t, victim, n.addr, withCookie(own))
	if r == nil || r.Rcode != dns.RcodeBadCookie || r.Truncated || len(r.Answer) != 0 || got > asked+16 {
		t.Fatalf("a client cookie: %d octets for a question of %d, want BADCOOKIE and a server cookie more:\n%v", got, asked, r)
	}
	var fresh string
	for _, o := range r.IsEdns0().Option {
		if c, ok := o.(*dns.EDNS0_COOKIE); ok {
			fresh = c.Cookie
		}
	}
	if !strings.HasPrefix(fresh, own) || len(fresh) != 48 {
		t.Fatalf("BADCOOKIE comes with the cookie %q", fresh)
	}
	for range 20 {
		if r, _, _ := fromUDP(t, victim, n.addr, withCookie(fresh)); whole(r, 8) != "" {
			t.Fatalf("with the cookie that it was given: %s", whole(r, 8))
		}
	}
	// It proves one address, not the others.
	flood(t, "127.0.0.6", n.addr, 20, func(int) *dns.Msg { return large })
	if r, _, _ := fromUDP(t, "127.0.0.6", n.addr, withCookie(fresh)); r == nil || r.Rcode != dns.RcodeBadCookie {
		t.Errorf("with a cookie of another client: got\n%v\nwant BADCOOKIE", r)
	}
	if st := n.rateStatus().RateLimit; st.BadCookie != 2 || st.Limited != st.Truncated+2 {
		t.Errorf("status: %+v", st)
	}

	// dig does it by itself; +ignore keeps it from TCP.
	for _, c := range []struct{ option, want string }{{"+cookie", "ANSWER: 8"}, {"+nocookie", "flags: qr aa tc"}} {
		if out := runDig(t, n.addr, "-b", victim, "+ignore", c.option, largeName, "TXT"); !strings.Contains(out, c.want) {
			t.Errorf("dig %s, want %s:\n%s", c.option, c.want, out)
		}
	}
}
