package resolver

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// start runs a server on loopback until the test ends, and checks that it leaves nothing behind.
func start(t *testing.T, o Options) (s *Server, addrs []netip.AddrPort, stop func()) {
	t.Helper()
	if o.Listen == nil {
		o.Listen = []string{"127.0.0.1:0"}
	}
	if o.Catalog == nil {
		cat := headerCatalog(t)
		o.Catalog = func() *zones.Catalog { return cat }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s = New(o)
	addrs, stop = serve(t, s)
	return s, addrs, stop
}

// serve has s listen and run until stop or the test's end.
func serve(t *testing.T, s *Server) (addrs []netip.AddrPort, stop func()) {
	t.Helper()
	addrs, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return addrs, stop
}

// bothPaths runs a test over each of the two ways in which UDP is served.
func bothPaths(t *testing.T, test func(t *testing.T, portable bool)) {
	t.Run("portable", func(t *testing.T) { test(t, true) })
	t.Run("batch", func(t *testing.T) {
		if err := canBatch(); err != nil {
			t.Skip(err)
		}
		test(t, false)
	})
}

// exchange asks over a socket and returns the rendered answer.
func exchange(t *testing.T, network string, to netip.AddrPort, question string) string {
	t.Helper()
	c := dns.Client{Net: network, UDPSize: 4096, Timeout: 10 * time.Second}
	m, _, err := c.ExchangeContext(t.Context(), parseQuery(t, question).msg, to.String())
	if err != nil {
		t.Fatalf("%s %s %s: %v", network, to, question, err)
	}
	return render(m)
}

const headerAnswer = "NOERROR aa\nan ns.example. 300 A 192.0.2.53"

func TestServerAnswersOverBothTransports(t *testing.T) {
	bothPaths(t, checkServerAnswersOverBothTransports)
}

func checkServerAnswersOverBothTransports(t *testing.T, portable bool) {
	listen := []string{"127.0.0.1:0", "127.0.0.2:0"}
	if haveIPv6(t) {
		listen = append(listen, "[::1]:0")
	}
	s, addrs, _ := start(t, Options{Listen: listen, Workers: 2, PortableUDP: portable})
	for _, a := range addrs {
		for _, network := range []string{"udp", "tcp"} {
			if got := exchange(t, network, a, "ns.example. A"); got != headerAnswer {
				t.Errorf("%s %s: got %s", network, a, got)
			}
		}
	}
	st := s.Stats()
	n := uint64(len(addrs))
	if st.UDP.Queries != n || st.TCP.Queries != n || st.UDP.Responses[0] != n || st.Conns.Accepted != n {
		t.Errorf("stats: %+v", st)
	}
}

func haveIPv6(t *testing.T) bool {
	c, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Logf("no IPv6 here: %v", err)
		return false
	}
	_ = c.Close()
	return true
}

// A wildcard socket answers from the address that was asked: a connected client sees no other answer.
func TestWildcardAnswersFromTheAddressAsked(t *testing.T) {
	bothPaths(t, checkWildcardAnswersFromTheAddressAsked)
}

func checkWildcardAnswersFromTheAddressAsked(t *testing.T, portable bool) {
	_, addrs, _ := start(t, Options{Listen: []string{":0"}, Workers: 2, PortableUDP: portable})
	port := addrs[0].Port()
	to := []string{"127.0.0.1", "127.0.0.2", "127.1.2.3"}
	if len(addrs) == 2 {
		if addrs[1].Port() != port {
			t.Errorf("ports %v: want one", addrs)
		}
		to = append(to, "::1")
	}
	for _, ip := range to {
		a := netip.AddrPortFrom(netip.MustParseAddr(ip), port)
		for _, network := range []string{"udp", "tcp"} {
			if got := exchange(t, network, a, "ns.example. A"); got != headerAnswer {
				t.Errorf("%s %s: got %s", network, a, got)
			}
		}
	}
}

func TestListenErrors(t *testing.T) { bothPaths(t, checkListenErrors) }

func checkListenErrors(t *testing.T, portable bool) {
	_, addrs, _ := start(t, Options{PortableUDP: portable})
	for _, c := range []struct{ listen, want string }{
		{"127.0.0.1", `listen address "127.0.0.1": want ip:port`},
		{"::1:53", `listen address "::1:53": want ip:port`},
		{"127.0.0.1:dns", `listen address "127.0.0.1:dns": want a port from 0 to 65535, got "dns"`},
		{"127.0.0.1:65536", `listen address "127.0.0.1:65536": want a port from 0 to 65535, got "65536"`},
		{"localhost:53", `listen address "localhost:53": want an IP address, got "localhost"`},
		{"192.0.2.1:0", "listen on 192.0.2.1:0: listen tcp4 192.0.2.1:0: bind: cannot assign requested address"},
		{addrs[0].String(), fmt.Sprintf("listen on %s: listen tcp4 %[1]s: bind: address already in use", addrs[0])},
	} {
		s := New(Options{Listen: []string{"127.0.0.1:0", c.listen}, PortableUDP: portable})
		if _, err := s.Listen(); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.listen, err, c.want)
		}
		if len(s.endpoints) != 0 {
			t.Errorf("%s: sockets left open", c.listen)
		}
	}
	if err := New(Options{}).Run(t.Context()); !errors.Is(err, ErrNotListening) {
		t.Errorf("Run without Listen: %v", err)
	}
}

// A UDP port that another process has, even with SO_REUSEPORT, is not shared.
func TestUDPPortIsNotShared(t *testing.T) { bothPaths(t, checkUDPPortIsNotShared) }

func checkUDPPortIsNotShared(t *testing.T, portable bool) {
	other, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	s := New(Options{Listen: []string{other.LocalAddr().String()}, PortableUDP: portable})
	if _, err := s.Listen(); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
}

// A panic costs one packet its answer: SERVFAIL. It is counted, and logged with the packet once a minute.
func TestPanicInAnswering(t *testing.T) {
	var log syncBuffer
	var now atomic.Int64
	now.Store(time.Hour.Nanoseconds())
	cat := headerCatalog(t)
	var broken atomic.Bool
	s := New(Options{
		Listen: []string{"127.0.0.1:0"}, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Catalog: func() *zones.Catalog {
			if broken.Load() {
				panic("the catalog is broken")
			}
			return cat
		},
	})
	s.now = func() time.Time { return time.Unix(0, now.Load()) }
	w := NewWorker(s.policy)
	var c counters
	query := pack(t, parseQuery(t, "ns.example. A +edns +rd").msg)
	ask := func() string {
		out, o := s.answer(w, query, UDP, nil, make([]byte, 1232), &c)
		m := new(dns.Msg)
		if err := m.Unpack(out); err != nil || o.Rcode != m.Rcode {
			t.Fatalf("%v %v", err, o)
		}
		return render(m)
	}
	broken.Store(true)
	for range 3 {
		if got, want := ask(), "SERVFAIL rd\nopt 1232"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := strings.Count(log.String(), "panic in answering"); got != 1 {
		t.Errorf("logged %d times: %s", got, &log)
	}
	if want := fmt.Sprintf("query=%x", query); !strings.Contains(log.String(), want) {
		t.Errorf("log lacks %s: %s", want, &log)
	}
	now.Add(int64(panicInterval))
	ask()
	if got := strings.Count(log.String(), "panic in answering"); got != 2 {
		t.Errorf("logged %d times after a minute", got)
	}
	if got, want := c.panics.Load(), uint64(4); got != want {
		t.Errorf("%d panics counted, want %d", got, want)
	}
	broken.Store(false)
	if got, want := ask(), "NOERROR aa rd\nan ns.example. 300 A 192.0.2.53\nopt 1232"; got != want {
		t.Errorf("after the panic: got %s, want %s", got, want)
	}
}

// A panic where limits are kept is none but in answering.
func TestPanicInLimits(t *testing.T) { bothPaths(t, checkPanicInLimits) }

func checkPanicInLimits(t *testing.T, portable bool) {
	s := New(Options{Listen: []string{"127.0.0.1:0"}, Workers: 1, PortableUDP: portable, Log: slog.New(slog.DiscardHandler),
		RateLimit: RateLimit{Mode: RateOn, Responses: 1}})
	cat := headerCatalog(t)
	s.opts.Catalog = func() *zones.Catalog { return cat }
	s.limiter.accounts = &accounts{} // nothing to count in
	addrs, _ := serve(t, s)
	if got, want := exchange(t, "udp", addrs[0], "ns.example. A +edns"), "SERVFAIL\nopt 1232"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if st := s.Stats().UDP; st.Panics != 1 || st.Dropped != 0 || st.Responses[dns.RcodeServerFailure] != 1 {
		t.Errorf("stats %+v", st)
	}
}

// Whatever a worker was in the middle of when it panicked, the refusal shows nothing of it, and neither does what follows.
func TestPanicLeavesNothingBehind(t *testing.T) {
	cat := headerCatalog(t)
	w := NewWorker(Policy{})
	dirty := parseQuery(t, "example. NS")
	w.parse(pack(t, dirty.msg))
	w.res.answers, w.res.authorities, w.res.Authoritative, w.res.referral = 7, 1, true, true
	w.res.answer[0].Set, _ = cat.Zone(zones.MustParseName("example.")).NegativeSOA()
	w.scratch = append(w.scratch, make([]byte, 4000)...)
	query := pack(t, parseQuery(t, "ns.example. A +edns").msg)
	m := new(dns.Msg)
	if err := m.Unpack(w.fail(query, &Source{}, make([]byte, 1232))); err != nil {
		t.Fatal(err)
	}
	if got, want := render(m), "SERVFAIL\nopt 1232"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := dig(t, w, cat, "ns.example. A"); got != headerAnswer {
		t.Errorf("then: %s", got)
	}
	if got := w.fail(query[:5], &Source{}, make([]byte, 1232)); got != nil {
		t.Errorf("answered %x", got)
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// What nobody may answer is dropped and counted; the worker goes on.
func TestDroppedDatagrams(t *testing.T) { bothPaths(t, checkDroppedDatagrams) }

func checkDroppedDatagrams(t *testing.T, portable bool) {
	s, addrs, _ := start(t, Options{Workers: 1, PortableUDP: portable})
	conn, err := net.Dial("udp", addrs[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	response := pack(t, parseQuery(t, "ns.example. A").msg)
	response[2] |= 0x80
	for _, b := range [][]byte{{}, {1}, response, make([]byte, 11), bytes.Repeat(response[2:3], maxDatagram), bytes.Repeat(response[2:3], 60000)} {
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if got := exchange(t, "udp", addrs[0], "ns.example. A"); got != headerAnswer {
		t.Errorf("got %s", got)
	}
	if st := s.Stats().UDP; st.Dropped != 6 || st.Queries != 7 {
		t.Errorf("stats %+v", st)
	}
}

// A datagram may be as long as it likes: up to maxDatagram it is read, of a longer one the beginning, which is answered FORMERR.
func TestLongDatagrams(t *testing.T) { bothPaths(t, checkLongDatagrams) }

func checkLongDatagrams(t *testing.T, portable bool) {
	for _, listen := range []string{"127.0.0.1:0", "0.0.0.0:0"} {
		s, addrs, _ := start(t, Options{Listen: []string{listen}, Workers: 1, PortableUDP: portable})
		conn, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(addrs[0].Port())})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		const bare, opt = headerLen + 12 + 4, optLen + 4 // "ns.example." and an option without content
		padded := func(octets int) []byte {
			q := parseQuery(t, "ns.example. A +edns").msg
			q.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_PADDING{Padding: make([]byte, octets-bare-opt)}}
			return pack(t, q)
		}
		// Sound as far as it is read.
		cut := append(padded(maxDatagram), 0)
		for _, c := range []struct {
			name, want string
			query      []byte
		}{
			{"an octet less", "NOERROR aa\nan ns.example. 300 A 192.0.2.53\nopt 1232", padded(maxDatagram - 1)},
			{"as long as they are read", "NOERROR aa\nan ns.example. 300 A 192.0.2.53\nopt 1232", padded(maxDatagram)},
			{"an octet longer", "FORMERR\nopt 1232", padded(maxDatagram + 1)},
			{"sound but for the octet behind", "FORMERR\nopt 1232", cut},
			{"the longest", "FORMERR", padded(65507)},
			{"zeros", "FORMERR", make([]byte, 60000)},
			{"an opcode that nobody knows", "NOTIMP", append([]byte{0, 1, 0x30}, make([]byte, 5000)...)},
		} {
			binary.BigEndian.PutUint16(c.query, 0x1234)
			if _, err := conn.Write(c.query); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 65535)
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			m := new(dns.Msg)
			if err := m.Unpack(buf[:n]); err != nil {
				t.Fatal(err)
			}
			if got := render(m); got != c.want || m.Id != 0x1234 || len(m.Question) != int(binary.BigEndian.Uint16(c.query[4:])) {
				t.Errorf("%s: got %s, want %s with ID and question:\n%v", c.name, got, c.want, m)
			}
		}
		if st := s.Stats().UDP; st.Dropped != 0 {
			t.Errorf("stats %+v", st)
		}
	}
}

// Rare messages go to the hook over both transports, and its refusal is the server's.
func TestRare(t *testing.T) { bothPaths(t, checkRare) }

func checkRare(t *testing.T, portable bool) {
	hook := func(_ context.Context, q Request, send func([]byte) error) bool {
		m := new(dns.Msg)
		if err := m.Unpack(q.Msg); err != nil {
			t.Errorf("unpack: %v", err)
			return false
		}
		if m.Opcode == dns.OpcodeNotify {
			return false
		}
		if m.Id == 0xdead {
			panic("in the hook")
		}
		r := new(dns.Msg)
		r.SetReply(m)
		r.Authoritative = true
		b, err := r.Pack()
		if err != nil {
			t.Errorf("pack: %v", err)
			return false
		}
		for range 2 {
			if err := send(b); err != nil {
				t.Errorf("send: %v", err)
			}
			if q.Via == UDP {
				break
			}
		}
		return true
	}
	s, addrs, stop := start(t, Options{Rare: hook, Workers: 1, PortableUDP: portable})
	for _, network := range []string{"udp", "tcp"} {
		c := dns.Client{Net: network, Timeout: 10 * time.Second}
		for _, test := range []struct {
			opcode, id, want int
		}{{dns.OpcodeUpdate, 1, dns.RcodeSuccess}, {dns.OpcodeNotify, 2, dns.RcodeNotImplemented}, {dns.OpcodeUpdate, 0xdead, dns.RcodeNotImplemented}} {
			m := new(dns.Msg)
			m.SetUpdate("example.")
			m.Opcode, m.Id = test.opcode, uint16(test.id)
			r, _, err := c.ExchangeContext(t.Context(), m, addrs[0].String())
			if err != nil {
				t.Fatal(err)
			}
			if r.Rcode != test.want || r.Opcode != test.opcode {
				t.Errorf("%s, opcode %d: got\n%v", network, test.opcode, r)
			}
		}
		if got := exchange(t, network, addrs[0], "ns.example. A"); got != headerAnswer {
			t.Errorf("%s: got %s", network, got)
		}
	}
	stop()
	if st := s.Stats(); st.UDP.Panics != 1 || st.TCP.Panics != 1 || st.UDP.Queries != 4 {
		t.Errorf("stats: %+v", st)
	}
}

// Over UDP no more than maxRare messages wait for the hook; further ones are told so, and queries are answered.
func TestRareIsBounded(t *testing.T) { bothPaths(t, checkRareIsBounded) }

func checkRareIsBounded(t *testing.T, portable bool) {
	release := make(chan struct{})
	var busy sync.WaitGroup
	busy.Add(maxRare)
	_, addrs, stop := start(t, Options{Workers: 1, PortableUDP: portable, Rare: func(context.Context, Request, func([]byte) error) bool {
		busy.Done()
		<-release
		return true
	}})
	conn, err := net.Dial("udp", addrs[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	m := new(dns.Msg)
	m.SetUpdate("example.")
	for range maxRare {
		if _, err := conn.Write(pack(t, m)); err != nil {
			t.Fatal(err)
		}
	}
	busy.Wait()
	c := dns.Client{Timeout: 10 * time.Second}
	r, _, err := c.ExchangeContext(t.Context(), m, addrs[0].String())
	if err != nil || r.Rcode != dns.RcodeServerFailure || r.Opcode != dns.OpcodeUpdate {
		t.Errorf("got %v, %v", err, r)
	}
	if got := exchange(t, "udp", addrs[0], "ns.example. A"); got != headerAnswer {
		t.Errorf("got %s", got)
	}
	close(release)
	stop()
}

// After Run nothing is left: no goroutine, no socket.
func TestRunLeavesNothing(t *testing.T) { bothPaths(t, checkRunLeavesNothing) }

func checkRunLeavesNothing(t *testing.T, portable bool) {
	before := runtime.NumGoroutine()
	_, addrs, stop := start(t, Options{Listen: []string{":0"}, PortableUDP: portable})
	exchange(t, "udp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), addrs[0].Port()), "ns.example. A")
	stop()
	s := New(Options{Listen: []string{fmt.Sprintf(":%d", addrs[0].Port())}, PortableUDP: portable})
	if _, err := s.Listen(); err != nil {
		t.Errorf("the port is still taken: %v", err)
	}
	s.Close()
	// A goroutine whose work is over may have to run once more to be gone.
	for late := time.Now().Add(10 * time.Second); time.Now().Before(late); runtime.Gosched() {
		if runtime.NumGoroutine() <= before {
			return
		}
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}
