package alias

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// server is a resolver on loopback, UDP and TCP, that answers as handle says; nil: not at all.
type server struct {
	addr netip.AddrPort
	udp  atomic.Int32
	tcp  atomic.Int32
}

func serveDNS(t *testing.T, handle func(q *dns.Msg, tcp bool) *dns.Msg) *server {
	t.Helper()
	s := &server{}
	pc, l := listen(t)
	s.addr = netip.MustParseAddrPort(pc.LocalAddr().String())
	h := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		tcp := w.LocalAddr().Network() == "tcp"
		if tcp {
			s.tcp.Add(1)
		} else {
			s.udp.Add(1)
		}
		if m := handle(q, tcp); m != nil {
			if err := w.WriteMsg(m); err != nil {
				t.Error(err)
			}
		}
	})
	for _, srv := range []*dns.Server{{PacketConn: pc, Handler: h}, {Listener: l, Handler: h}} {
		started := make(chan struct{})
		srv.NotifyStartedFunc = func() { close(started) }
		done := make(chan error)
		go func() { done <- srv.ActivateAndServe() }()
		<-started
		t.Cleanup(func() {
			if err := errors.Join(srv.Shutdown(), <-done); err != nil {
				t.Error(err)
			}
		})
	}
	return s
}

// listen finds a port that is free for both UDP and TCP.
func listen(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	var errs error
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		pc, err := net.ListenPacket("udp", l.Addr().String())
		if err == nil {
			return pc, l
		}
		errs = errors.Join(errs, err, l.Close())
	}
	t.Fatal(errs)
	return nil, nil
}

// answer makes a resolver's answer of records as text.
func answer(q *dns.Msg, rcode int, records ...string) *dns.Msg {
	m := new(dns.Msg)
	m.SetRcode(q, rcode)
	m.RecursionAvailable = true
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	return m
}

func client(servers ...*server) *Client {
	return &Client{Servers: func() (out []netip.AddrPort, err error) {
		for _, s := range servers {
			out = append(out, s.addr)
		}
		return out, nil
	}}
}

// many is n addresses.
func many(n int) []string { return slices.Repeat([]string{"t.example. 60 A 192.0.2.1"}, n) }

// What can't be read is the resolver's fault, and what is said of it tells that; a problem says what is served all the same.
func TestProblemTexts(t *testing.T) {
	if got, want := reason(dns.ErrBuf).Error(), "its answer is malformed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	o := outcome{Reply: Reply{Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Refused: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}}
	if got, want := o.problem(false), "127.0.0.1 refused, an address that alias_networks does not open; 192.0.2.1 served"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestClientReads(t *testing.T) {
	for _, c := range []struct {
		name    string
		rcode   int
		records []string
		edit    func(*dns.Msg)
		want    string // addresses, TTL and what was refused; or the absence; or the error
	}{
		{name: "addresses", records: []string{"t.example. 60 A 192.0.2.1", "T.Example. 30 A 192.0.2.2"}, want: "192.0.2.1 192.0.2.2 30s"},
		{name: "chain", records: []string{"t.example. 60 CNAME A.example.", "a.example. 20 CNAME b.example.", "b.example. 90 A 192.0.2.1"}, want: "192.0.2.1 20s"},
		{name: "chain in any order", records: []string{"b.example. 90 A 192.0.2.1", "a.example. 20 CNAME b.example.", "t.example. 60 CNAME a.example."}, want: "192.0.2.1 20s"},
		{name: "nothing that the question does not lead to", records: []string{"t.example. 60 CNAME a.example.", "a.example. 60 A 192.0.2.1", "b.example. 60 A 192.0.2.66", "t.example. 60 TXT x"}, want: "192.0.2.1 1m0s"},
		{name: "other names alone", records: []string{"b.example. 60 A 192.0.2.66"}, want: "t.example. has no addresses (NODATA)"},
		{name: "the other family", records: []string{"t.example. 60 AAAA 2001:db8::1"}, want: "t.example. has no addresses (NODATA)"},
		{name: "another class", records: []string{"t.example. 60 CH A 192.0.2.1"}, want: "t.example. has no addresses (NODATA)"},
		{name: "NODATA", want: "t.example. has no addresses (NODATA)"},
		{name: "NODATA behind a chain", records: []string{"t.example. 60 CNAME a.example."}, want: "a.example. has no addresses (NODATA)"},
		{name: "NXDOMAIN", rcode: dns.RcodeNameError, want: "t.example. does not exist (NXDOMAIN)"},
		{name: "NXDOMAIN behind a chain", rcode: dns.RcodeNameError, records: []string{"t.example. 60 CNAME a.example."}, want: "a.example. does not exist (NXDOMAIN)"},
		{name: "SERVFAIL", rcode: dns.RcodeServerFailure, want: "error: SERVFAIL"},
		{name: "REFUSED", rcode: dns.RcodeRefused, want: "error: REFUSED"},
		{name: "no RCODE of any name", rcode: 13, want: "error: RCODE 13"},
		{name: "a ring", records: []string{"t.example. 60 CNAME a.example.", "a.example. 60 CNAME t.example."}, want: "error: its answer leads through more than 16 CNAMEs"},
		{name: "not a resolver", edit: func(m *dns.Msg) { m.RecursionAvailable = false }, want: "error: it does not resolve for us"},
		{name: "authoritative is good enough", records: []string{"t.example. 60 A 192.0.2.1"}, edit: func(m *dns.Msg) { m.RecursionAvailable, m.Authoritative = false, true }, want: "192.0.2.1 1m0s"},
		{name: "another question", edit: func(m *dns.Msg) { m.Question[0].Name = "u.example." }, want: "error: its answer is not to the question"},
		{name: "another type", edit: func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA }, want: "error: its answer is not to the question"},
		{name: "no question", edit: func(m *dns.Msg) { m.Question = nil }, want: "error: its answer is not to the question"},
		{name: "loopback", records: []string{"t.example. 60 A 127.0.0.1"}, want: "error: 127.0.0.1 refused, an address that alias_networks does not open"},
		{name: "loopback among others", records: []string{"t.example. 60 A 127.0.0.1", "t.example. 60 A 192.0.2.1"}, want: "192.0.2.1 1m0s refused 127.0.0.1"},
		{name: "loopback that is open", records: []string{"t.example. 60 A 127.7.0.1"}, want: "127.7.0.1 1m0s"},
		{name: "as many as may be", records: many(MaxAddrs), edit: func(m *dns.Msg) { m.Compress = true }, want: strings.TrimSpace(strings.Repeat("192.0.2.1 ", MaxAddrs)) + " 1m0s"},
		{name: "too many", records: many(MaxAddrs + 1), edit: func(m *dns.Msg) { m.Compress = true }, want: "error: too many addresses (65, at most 64)"},
		{name: "private", records: []string{"t.example. 60 A 10.0.0.1"}, want: "10.0.0.1 1m0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serveDNS(t, func(q *dns.Msg, _ bool) *dns.Msg {
				m := answer(q, c.rcode, c.records...)
				if c.edit != nil {
					c.edit(m)
				}
				return m
			})
			cl := client(s)
			cl.Allowed = netip.MustParsePrefix("127.7.0.0/16").Contains
			r, err := cl.Ask(t.Context(), zones.MustParseName("t.example."), false)
			got := r.None
			switch {
			case err != nil:
				got = "error: " + strings.TrimPrefix(err.Error(), "resolver "+s.addr.String()+": ")
			case len(r.Addrs) > 0:
				for _, a := range r.Addrs {
					got += a.String() + " "
				}
				got += r.TTL.String()
				if len(r.Refused) > 0 {
					got += " refused " + joined(r.Refused)
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		addrs string
		want  bool
	}{
		{"0.0.0.0 0.1.2.3 127.0.0.1 127.255.0.1 169.254.1.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 :: ::1 fe80::1 ff02::1 ::ffff:192.0.2.1", true},
		{"192.0.2.1 10.0.0.1 172.16.0.1 192.168.1.1 100.64.0.1 1.1.1.1 126.0.0.1 128.0.0.1 2001:db8::1 fd00::1 64:ff9b::1", false},
	} {
		for _, a := range strings.Fields(c.addrs) {
			if got := Refused(netip.MustParseAddr(a)); got != c.want {
				t.Errorf("%s: got %v", a, got)
			}
		}
	}
}

// A truncated answer is asked for over TCP, with the same question.
func TestClientTruncated(t *testing.T) {
	s := serveDNS(t, func(q *dns.Msg, tcp bool) *dns.Msg {
		if !tcp {
			m := answer(q, dns.RcodeSuccess, "t.example. 60 AAAA 2001:db8::66")
			m.Truncated = true
			return m
		}
		return answer(q, dns.RcodeSuccess, "t.example. 60 AAAA 2001:db8::1", "t.example. 60 AAAA 2001:db8::2")
	})
	r, err := client(s).Ask(t.Context(), zones.MustParseName("t.example."), true)
	if err != nil || joined(r.Addrs) != "2001:db8::1, 2001:db8::2" || s.udp.Load() != 1 || s.tcp.Load() != 1 {
		t.Errorf("got %v, %v; %d over UDP, %d over TCP", r, err, s.udp.Load(), s.tcp.Load())
	}
}

// The question has RD, EDNS and an id of its own each time.
func TestClientQuestion(t *testing.T) {
	var mu sync.Mutex
	ids := make(map[uint16]bool)
	s := serveDNS(t, func(q *dns.Msg, _ bool) *dns.Msg {
		mu.Lock()
		ids[q.Id] = true
		mu.Unlock()
		if o := q.IsEdns0(); !q.RecursionDesired || o == nil || o.UDPSize() != udpSize || o.Do() {
			t.Errorf("question %v", q)
		}
		return answer(q, dns.RcodeSuccess, "t.example. 60 A 192.0.2.1")
	})
	for range 20 {
		if _, err := client(s).Ask(t.Context(), zones.MustParseName("t.example."), false); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(ids) < 15 {
		t.Errorf("%d ids for 20 questions", len(ids))
	}
}

// Servers are asked one after the other, and the one that answered last is the first the next time.
func TestClientServers(t *testing.T) {
	bad := serveDNS(t, func(q *dns.Msg, _ bool) *dns.Msg { return answer(q, dns.RcodeServerFailure) })
	good := serveDNS(t, func(q *dns.Msg, _ bool) *dns.Msg { return answer(q, dns.RcodeSuccess, "t.example. 60 A 192.0.2.1") })
	c := client(bad, good)
	for range 3 {
		if _, err := c.Ask(t.Context(), zones.MustParseName("t.example."), false); err != nil {
			t.Fatal(err)
		}
	}
	if b, g := bad.udp.Load(), good.udp.Load(); b != 1 || g != 3 {
		t.Errorf("the bad one was asked %d times, the good one %d times", b, g)
	}
}

func TestClientErrors(t *testing.T) {
	bad := serveDNS(t, func(q *dns.Msg, _ bool) *dns.Msg { return answer(q, dns.RcodeServerFailure) })
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := &server{addr: netip.MustParseAddrPort(closed.LocalAddr().String())}
	closed.Close()
	_, err = client(bad, dead).Ask(t.Context(), zones.MustParseName("t.example."), false)
	want := "resolver " + bad.addr.String() + ": SERVFAIL; resolver " + dead.addr.String() + ": connection refused"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := client().Ask(t.Context(), zones.MustParseName("t.example."), false); err == nil || err.Error() != "there is no resolver to ask" {
		t.Errorf("got %v", err)
	}
	broken := &Client{Servers: func() ([]netip.AddrPort, error) { return SystemServers(t.TempDir() + "/none") }}
	if _, err := broken.Ask(t.Context(), zones.MustParseName("t.example."), false); err == nil || !strings.HasPrefix(err.Error(), "find resolvers: ") {
		t.Errorf("got %v", err)
	}
}

// One that is silent holds nobody up for longer than the context.
func TestClientSilent(t *testing.T) {
	s := serveDNS(t, func(*dns.Msg, bool) *dns.Msg { return nil })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if r, err := client(s).Ask(ctx, zones.MustParseName("t.example."), false); err == nil || s.udp.Load() != 1 {
		t.Errorf("got %v, %v, asked %d times", r, err, s.udp.Load())
	}
}

// Who is over while a server is silent is over at once, and not when the server's time is.
func TestClientCancelled(t *testing.T) {
	for _, truncated := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := serveDNS(t, func(q *dns.Msg, tcp bool) *dns.Msg {
			if truncated && !tcp {
				m := answer(q, dns.RcodeSuccess)
				m.Truncated = true
				return m
			}
			cancel()
			return nil
		})
		q := new(dns.Msg).SetQuestion("t.example.", dns.TypeA)
		if _, err := exchange(ctx, s.addr, q, time.Hour); !errors.Is(err, context.Canceled) { // else it takes an hour
			t.Errorf("truncated %v: got %v", truncated, err)
		}
	}
}

// When the time is up, it is said who was silent.
func TestClientOutOfTime(t *testing.T) {
	silent := func() *server { return serveDNS(t, func(*dns.Msg, bool) *dns.Msg { return nil }) }
	failing := serveDNS(t, func(q *dns.Msg, _ bool) *dns.Msg { return answer(q, dns.RcodeServerFailure) })
	last := silent()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := client(failing, last).Ask(ctx, zones.MustParseName("t.example."), false)
	want := fmt.Sprintf("resolver %s: SERVFAIL; resolver %s: no answer in time", failing.addr, last.addr)
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestParseServer(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"192.0.2.53", "192.0.2.53:53"}, {"192.0.2.53:5353", "192.0.2.53:5353"}, {"2001:db8::53", "[2001:db8::53]:53"},
		{"[2001:db8::53]:5353", "[2001:db8::53]:5353"}, {"fe80::1%eth0", "[fe80::1%eth0]:53"},
		{"resolver.example", ""}, {"", ""}, {"192.0.2.53:0", ""}, {"192.0.2.53:x", ""},
	} {
		got, err := ParseServer(c.in)
		text := ""
		if err == nil {
			text = got.String()
		}
		if d := cmp.Diff(c.want, text); d != "" {
			t.Errorf("%q: %s", c.in, d)
		}
	}
}
