package resolver

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// pipe is a connection whose other end is served, within the test's bubble of virtual time. It counts what the
// server does.
type pipe struct {
	net.Conn // the client's end
	server   *tcpServer
	served   *tcpConn
	reads    atomic.Int64
	writes   atomic.Int64
}

type countingConn struct {
	net.Conn
	p *pipe
}

func (c countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.p.reads.Add(1)
	}
	return n, err
}

func (c countingConn) Write(b []byte) (int, error) { c.p.writes.Add(1); return c.Conn.Write(b) }

// dialPipe serves a connection of s. The server's end is closed when serving ends.
func dialPipe(t *testing.T, s *Server) *pipe {
	t.Helper()
	client, server := net.Pipe()
	p := &pipe{Conn: client, server: s.tcp}
	c := &tcpConn{server: s.tcp, conn: countingConn{server, p}, client: netip.MustParseAddrPort("192.0.2.1:1234"), counters: &s.tcp.counters[0]}
	p.served = c
	if !s.tcp.enter(c) {
		t.Fatal("no room")
	}
	go func() {
		defer s.tcp.leave(c)
		c.serve(t.Context(), nil, nil)
	}()
	t.Cleanup(func() { _ = client.Close() })
	return p
}

func tcpServerForTest(t *testing.T, o TCPOptions) *Server {
	cat := headerCatalog(t)
	return New(Options{TCP: o, Catalog: func() *zones.Catalog { return cat }, Log: slog.New(slog.DiscardHandler)})
}

func frame(msg []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
}

// question is a framed query with an ID.
func framedQuestion(t *testing.T, id int, q string) []byte {
	m := parseQuery(t, q).msg
	m.Id = uint16(id)
	return frame(pack(t, m))
}

// receive reads one framed answer.
func receive(r io.Reader) (*dns.Msg, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	m := new(dns.Msg)
	return m, m.Unpack(b)
}

// What lies in the buffer is answered with one write, in order (RFC 7766 6.2.1.1).
func TestPipelinedQueries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := dialPipe(t, tcpServerForTest(t, TCPOptions{}))
		const n = 12
		var all []byte
		for i := range n {
			all = append(all, framedQuestion(t, i, "ns.example. A")...)
		}
		if len(all) > idleBuffer {
			t.Fatalf("%d octets do not fit the buffer", len(all))
		}
		go func() { _, _ = p.Write(all) }()
		for i := range n {
			m, err := receive(p)
			if err != nil || int(m.Id) != i || render(m) != headerAnswer {
				t.Fatalf("answer %d: %v\n%v", i, err, m)
			}
		}
		if p.reads.Load() != 1 || p.writes.Load() != 1 {
			t.Errorf("%d reads, %d writes; want one of each", p.reads.Load(), p.writes.Load())
		}
	})
}

// However the octets are cut into segments, the answers are the same.
func TestSegments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tcpServerForTest(t, TCPOptions{})
		var all []byte
		const n = 200
		for i := range n {
			all = append(all, framedQuestion(t, i, fmt.Sprintf("%s.example. A +edns", strings.Repeat("x", 1+i%60)))...)
		}
		for _, size := range []int{1, 2, 3, 7, 100, 511, 512, 513, 5000, len(all)} {
			p := dialPipe(t, s)
			go func() {
				for b := all; len(b) > 0; {
					k := min(size, len(b))
					_, _ = p.Write(b[:k])
					b = b[k:]
				}
			}()
			for i := range n {
				m, err := receive(p)
				if err != nil || int(m.Id) != i || m.Rcode != dns.RcodeNameError {
					t.Fatalf("segments of %d, answer %d: %v\n%v", size, i, err, m)
				}
			}
			_ = p.Close()
		}
	})
}

// Pipelined queries whose answers exceed any buffer are answered all the same.
func TestPipelinedLargeAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var zone strings.Builder
		zone.WriteString("@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\n")
		for i := range 240 {
			fmt.Fprintf(&zone, "big TXT \"%d\" %q\n", i, strings.Repeat("x", 240))
		}
		cat := parseCatalog(t, "example.", zone.String())
		p := dialPipe(t, New(Options{Catalog: func() *zones.Catalog { return cat }, Log: slog.New(slog.DiscardHandler)}))
		const n = 10
		var all []byte
		for i := range n {
			all = append(all, framedQuestion(t, i, "big.example. TXT")...)
		}
		go func() { _, _ = p.Write(all) }()
		for i := range n {
			if m, err := receive(p); err != nil || int(m.Id) != i || len(m.Answer) != 240 {
				t.Fatalf("answer %d: %v", i, err)
			}
		}
		if p.writes.Load() != n/2 {
			t.Errorf("%d writes, want two answers in each", p.writes.Load())
		}
	})
}

// A query may be as long as a message may be.
func TestLargestQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := dialPipe(t, tcpServerForTest(t, TCPOptions{}))
		m := parseQuery(t, "ns.example. A +edns").msg
		padding := &dns.EDNS0_PADDING{}
		m.IsEdns0().Option = []dns.EDNS0{padding}
		padding.Padding = make([]byte, maxMessage-len(pack(t, m)))
		query := pack(t, m)
		if len(query) != maxMessage {
			t.Fatalf("%d octets", len(query))
		}
		go func() { _, _ = p.Write(append(frame(query), framedQuestion(t, 7, "ns.example. A")...)) }()
		for i := range 2 {
			if m, err := receive(p); err != nil || m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 {
				t.Fatalf("answer %d: %v\n%v", i, err, m)
			}
		}
	})
}

// wantClosed reads until the server closes, and returns how long that took.
func wantClosed(t *testing.T, p *pipe) time.Duration {
	t.Helper()
	start := time.Now()
	if n, err := p.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("got %d octets and %v, want EOF", n, err)
	}
	return time.Since(start)
}

func TestIdleConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tcpServerForTest(t, TCPOptions{Idle: 7 * time.Second})
		p := dialPipe(t, s)
		if got, want := wantClosed(t, p), 7*time.Second; got != want {
			t.Errorf("a connection without query: closed after %v, want %v", got, want)
		}
		// Each answer starts the time anew.
		p = dialPipe(t, s)
		for range 3 {
			time.Sleep(6 * time.Second)
			if _, err := p.Write(framedQuestion(t, 1, "ns.example. A")); err != nil {
				t.Fatal(err)
			}
			if _, err := receive(p); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := wantClosed(t, p), 7*time.Second; got != want {
			t.Errorf("after an answer: closed after %v, want %v", got, want)
		}
		if got, want := s.Stats().Conns.TimedOut, uint64(2); got != want {
			t.Errorf("%d timed out, want %d", got, want)
		}
	})
}

// A message that comes octet by octet has its time from the first one, whatever dribbles in.
func TestPartialMessageIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := dialPipe(t, tcpServerForTest(t, TCPOptions{Message: 5500 * time.Millisecond}))
		start := time.Now()
		query := framedQuestion(t, 1, "ns.example. A")
		for i := range query {
			time.Sleep(time.Second)
			if _, err := p.Write(query[i : i+1]); err != nil {
				// The first octet came after one second, so time was up at 6.5 s; the next octet hears of it.
				if got, want := time.Since(start), 7*time.Second; got != want || !errors.Is(err, io.ErrClosedPipe) {
					t.Errorf("after %v: %v; want %v", got, err, want)
				}
				return
			}
		}
		t.Error("the whole query was taken")
	})
}

// The time of a partial message starts when it does, not with those before it.
func TestPartialMessageBehindOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := dialPipe(t, tcpServerForTest(t, TCPOptions{Message: 5 * time.Second, Idle: 60 * time.Second}))
		query := framedQuestion(t, 1, "ns.example. A")
		_, _ = p.Write(query[:10])
		for range 4 {
			time.Sleep(4 * time.Second)
			if _, err := p.Write(append(bytes.Clone(query[10:]), query[:10]...)); err != nil {
				t.Fatal(err)
			}
			if _, err := receive(p); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := wantClosed(t, p), 5*time.Second; got != want {
			t.Errorf("closed after %v, want %v", got, want)
		}
	})
}

// Who asks and does not take the answers is cut off.
func TestSlowReaderIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tcpServerForTest(t, TCPOptions{Write: 3 * time.Second})
		p := dialPipe(t, s)
		start := time.Now()
		query := framedQuestion(t, 1, "ns.example. A")
		for {
			if _, err := p.Write(query); err != nil {
				break
			}
		}
		if got, want := time.Since(start), 3*time.Second; got != want {
			t.Errorf("cut after %v, want %v", got, want)
		}
		synctest.Wait()
		if st := s.Stats(); st.Conns.TimedOut != 1 || st.Conns.Open != 0 || st.TCP.Unsent != 1 {
			t.Errorf("stats %+v", st)
		}
	})
}

// Who does not speak DNS is cut off, after the answers to what came before.
func TestGarbageEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tcpServerForTest(t, TCPOptions{})
		response := framedQuestion(t, 2, "ns.example. A")
		response[4] |= 0x80
		for name, garbage := range map[string][]byte{
			"a length of 0": {0, 0}, "a short message": {0, 3, 1, 2, 3}, "a response": response, "HTTP": []byte("GET / HTTP/1.1\r\n" + strings.Repeat("x", 20000)),
		} {
			p := dialPipe(t, s)
			go func() { _, _ = p.Write(append(framedQuestion(t, 1, "ns.example. A"), garbage...)) }()
			if m, err := receive(p); err != nil || m.Id != 1 {
				t.Fatalf("%s: %v %v", name, err, m)
			}
			if name == "HTTP" {
				continue // 18245 octets of a message: it is waited for
			}
			if got := wantClosed(t, p); got != 0 {
				t.Errorf("%s: closed after %v", name, got)
			}
		}
	})
}

// On a drain an idle connection ends at once, and one at work when what was read is answered and written.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tcpServerForTest(t, TCPOptions{Drain: 20 * time.Second})
		idle, partial, busy := dialPipe(t, s), dialPipe(t, s), dialPipe(t, s)
		query := framedQuestion(t, 1, "ns.example. A")
		_, _ = partial.Write(query[:10])
		_, _ = busy.Write(append(bytes.Clone(query), query...)) // the answers wait for a reader
		synctest.Wait()
		drained := make(chan time.Duration)
		go func() {
			start := time.Now()
			s.tcp.drain()
			drained <- time.Since(start)
		}()
		if got := wantClosed(t, idle); got != 0 {
			t.Errorf("idle: closed after %v", got)
		}
		if got := wantClosed(t, partial); got != 0 {
			t.Errorf("partial: closed after %v", got)
		}
		time.Sleep(2 * time.Second)
		for range 2 {
			if m, err := receive(busy); err != nil || render(m) != headerAnswer {
				t.Fatalf("busy: %v %v", err, m)
			}
		}
		if got := wantClosed(t, busy); got != 0 {
			t.Errorf("busy: closed after %v", got)
		}
		if got, want := <-drained, 2*time.Second; got != want {
			t.Errorf("drained after %v, want %v", got, want)
		}
		if c := (&tcpConn{server: s.tcp}); s.tcp.enter(c) {
			t.Error("a newcomer was let in")
		}
	})
}

// Who does not take the answers holds up a drain for its time, no longer.
func TestDrainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tcpServerForTest(t, TCPOptions{Drain: 2 * time.Second, Write: time.Minute})
		p := dialPipe(t, s)
		_, _ = p.Write(framedQuestion(t, 1, "ns.example. A"))
		synctest.Wait()
		start := time.Now()
		s.tcp.drain()
		if got, want := time.Since(start), 2*time.Second; got != want {
			t.Errorf("drained after %v, want %v", got, want)
		}
	})
}

// When all places are taken the connection that idles longest makes room; one at work never does.
func TestConnectionLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tcpServerForTest(t, TCPOptions{MaxConns: 3, Idle: time.Hour, Message: time.Hour})
		working := dialPipe(t, s)
		_, _ = working.Write([]byte{0})
		time.Sleep(time.Second)
		oldest := dialPipe(t, s)
		time.Sleep(time.Second)
		younger := dialPipe(t, s)
		time.Sleep(time.Second)
		newcomer := dialPipe(t, s)
		if got := wantClosed(t, oldest); got != 0 {
			t.Errorf("closed after %v", got)
		}
		query := framedQuestion(t, 1, "ns.example. A")
		_, _ = working.Write(query[1:])
		for _, p := range []*pipe{younger, newcomer} {
			_, _ = p.Write(query)
		}
		for _, p := range []*pipe{working, younger, newcomer} {
			if m, err := receive(p); err != nil || m.Rcode != dns.RcodeSuccess {
				t.Errorf("%v %v", err, m)
			}
		}
		for _, p := range []*pipe{working, younger, newcomer} {
			_, _ = p.Write(query[:1]) // all at work
		}
		synctest.Wait()
		if s.tcp.enter(&tcpConn{server: s.tcp}) {
			t.Error("a fourth got in")
		}
		if st := s.Stats().Conns; st.Evicted != 1 || st.Open != 3 {
			t.Errorf("stats %+v", st)
		}
	})
}

// One client has its share of the connections and no more, counted by prefix.
func TestConnectionsPerPrefix(t *testing.T) {
	s, addrs, _ := start(t, Options{TCP: TCPOptions{MaxPerPrefix: 2}})
	dial := func(from string) net.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := d.DialContext(t.Context(), "tcp", addrs[0].String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	works := func(c net.Conn) bool {
		if _, err := c.Write(framedQuestion(t, 1, "ns.example. A")); err != nil {
			return false
		}
		_, err := receive(c)
		return err == nil
	}
	a, b := dial("127.0.0.1"), dial("127.0.0.2")
	if !works(a) || !works(b) {
		t.Fatal("the first two were refused")
	}
	if works(dial("127.0.0.3")) {
		t.Error("a third of 127.0.0.0/24 was served")
	}
	if !works(dial("127.0.1.1")) {
		t.Error("127.0.1.0/24 was refused")
	}
	if st := s.Stats().Conns; st.Refused != 1 || st.Accepted != 4 {
		t.Errorf("stats %+v", st)
	}
}

// Who leaves gives the place back.
func TestConnectionThatLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tcpServerForTest(t, TCPOptions{MaxPerPrefix: 1})
		for range 3 {
			p := dialPipe(t, s) // fails where there is no room
			if s.tcp.enter(&tcpConn{server: s.tcp}) {
				t.Fatal("a second of one prefix got in")
			}
			_ = p.Close()
			synctest.Wait()
		}
		if len(s.tcp.prefixes) != 0 || len(s.tcp.conns) != 0 {
			t.Errorf("left behind: %v, %v", s.tcp.prefixes, s.tcp.conns)
		}
	})
}

func TestPrefixOf(t *testing.T) {
	prefixes := make(map[prefix][]string)
	for _, group := range [][]string{ // the same within a group, different between them
		{"192.0.2.77", "192.0.2.0", "::ffff:192.0.2.255"},
		{"192.0.3.77"},
		{"2001:db8:1:2ff:3:4:5:6", "2001:db8:1:200::"},
		{"2001:db8:1:300::"},
		{"fe80::1%eth0", "fe80::1"},
		{"c000:200::"}, // begins with the octets of 192.0.2.0
	} {
		want := prefixOf(netip.MustParseAddr(group[0]))
		for _, ip := range group {
			if got := prefixOf(netip.MustParseAddr(ip)); got != want {
				t.Errorf("%s: got %x, want %x as of %s", ip, got, want, group[0])
			}
		}
		prefixes[want] = append(prefixes[want], group[0])
	}
	for p, of := range prefixes {
		if len(of) > 1 {
			t.Errorf("%x is one client: %v", p, of)
		}
	}
}

// The end of Run's context: what was read is answered, over real sockets, and the listener is gone.
func TestShutdownAnswersWhatWasRead(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	_, addrs, stop := start(t, Options{Rare: func(ctx context.Context, q Request, send func([]byte) error) bool {
		close(entered)
		<-release
		return false
	}})
	c, err := net.Dial("tcp", addrs[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	update := new(dns.Msg)
	update.SetUpdate("example.")
	update.Id = 1
	if _, err := c.Write(append(frame(pack(t, update)), framedQuestion(t, 2, "ns.example. A")...)); err != nil {
		t.Fatal(err)
	}
	<-entered
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	for { // until the listener is closed
		probe, err := net.Dial("tcp", addrs[0].String())
		if err != nil {
			break
		}
		_ = probe.Close()
	}
	close(release)
	for id := 1; id <= 2; id++ {
		m, err := receive(c)
		if err != nil || int(m.Id) != id {
			t.Fatalf("answer %d: %v %v", id, err, m)
		}
	}
	<-stopped
}
