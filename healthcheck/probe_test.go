package healthcheck

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// authority signs certificates for tests.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-1000 * time.Hour), NotAfter: time.Now().Add(1000 * time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{t, cert, key}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// sign returns a certificate for host, from and until as told relative to now.
func (a *authority) sign(host string, from, until time.Duration) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	now := time.Now()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{host}, NotBefore: now.Add(from), NotAfter: now.Add(until)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serve starts an HTTP server, with TLS where cert is not nil, and returns its port and how many connections it has had.
func serve(t *testing.T, cert *tls.Certificate, h http.HandlerFunc) (uint16, *atomic.Int32) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	var conns atomic.Int32
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	if cert == nil {
		s.Start()
	} else {
		s.TLS = &tls.Config{Certificates: []tls.Certificate{*cert}}
		s.StartTLS()
	}
	t.Cleanup(s.Close)
	return portOf(s.Listener), &conns
}

func portOf(l net.Listener) uint16 { return uint16(l.Addr().(*net.TCPAddr).Port) }

// listen starts a raw server: each connection is handed to serve, and closed after it.
func listen(t *testing.T, serve func(net.Conn)) uint16 {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serve(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return portOf(l)
}

// closedPort returns a port that nothing listens on until the test ends: it is the client's of a connection.
func closedPort(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	conn, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return uint16(conn.LocalAddr().(*net.TCPAddr).Port)
}

var loopback = Target{Addr: netip.MustParseAddr("127.0.0.1")}

func watchOf(typ Type, port uint16, change func(*Check)) Watch {
	c := Default()
	c.Type, c.Port = typ, port
	c.Timeout = 30 * time.Second // more than the slowest machine needs with itself
	if change != nil {
		change(&c)
	}
	return NewWatch(loopback, zones.MustParseName("www.example.com"), c)
}

// said returns a result as words, ports as PORT.
func said(r Result, port uint16) string {
	text := r.Degraded
	if r.Err != nil {
		text = r.Err.Error()
	}
	return strings.ReplaceAll(text, fmt.Sprintf(":%d", port), ":PORT")
}

func TestProbeTCP(t *testing.T) {
	p := &Prober{}
	open := listen(t, func(net.Conn) {})
	if r := p.Probe(t.Context(), watchOf(TCP, open, nil)); r.Err != nil || r.Degraded != "" || r.Latency <= 0 {
		t.Errorf("open port: %+v", r)
	}
	closed := closedPort(t)
	r := p.Probe(t.Context(), watchOf(TCP, closed, nil))
	if got, want := said(r, closed), "tcp 127.0.0.1:PORT: connection refused"; got != want || errors.Is(r.Err, ErrAbstain) {
		t.Errorf("closed port: %q, want %q", got, want)
	}
	r = p.Probe(t.Context(), watchOf(TCP, open, func(c *Check) { c.MaxLatency = 1 }))
	if r.Err != nil || !strings.Contains(r.Degraded, "max_latency is 0 ms") {
		t.Errorf("too slow: %+v", r)
	}
}

func TestProbeHTTP(t *testing.T) {
	var followed atomic.Bool
	port, _ := serve(t, nil, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			io.WriteString(w, "all is ok here")
		case "/long":
			w.Write(make([]byte, 2*maxBody))
			io.WriteString(w, "ok")
		case "/moved":
			http.Redirect(w, r, "/followed", http.StatusFound)
		case "/followed":
			followed.Store(true)
		case "/hints":
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNoContent)
		case "/header":
			if r.Header.Get("X-Probe") != "yes" || len(r.Header.Values("User-Agent")) != 1 || r.UserAgent() != "me" {
				w.WriteHeader(http.StatusBadRequest)
			}
		case "/query":
			if r.URL.RawQuery != "a=b&c" || r.Method != "POST" {
				w.WriteHeader(http.StatusBadRequest)
			}
		case "/host":
			io.WriteString(w, "host="+r.Host)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	status := func(text string) func(*Check) {
		return func(c *Check) {
			r, err := ParseStatusRange(text)
			if err != nil {
				t.Fatal(err)
			}
			c.ExpectStatus = append(c.ExpectStatus, r)
		}
	}
	for _, c := range []struct {
		path   string
		change func(*Check)
		want   string
	}{
		{"/ok", nil, ""},
		{"/", nil, "http 127.0.0.1:PORT: status 503, wanted 200-399"},
		{"/", status("503"), ""},
		{"/ok", status("204"), "http 127.0.0.1:PORT: status 200, wanted 204"},
		{"/ok", func(c *Check) { c.ExpectBody = "is ok" }, ""},
		{"/ok", func(c *Check) { c.ExpectBody = "fine" }, `http 127.0.0.1:PORT: the body does not contain "fine"`},
		{"/long", func(c *Check) { c.ExpectBody = "ok" }, `http 127.0.0.1:PORT: the body does not contain "ok"`},
		{"/moved", nil, ""},
		{"/moved", status("200"), "http 127.0.0.1:PORT: status 302, wanted 200"},
		{"/hints", status("204"), ""},
		{"/header", func(c *Check) { c.Headers = []Header{{"X-Probe", "yes"}, {"user-agent", "me"}} }, ""},
		{"/query?a=b&c", func(c *Check) { c.Method = "POST" }, ""},
		{"/ok", func(c *Check) { c.Method = "HEAD" }, ""},
		{"/host", func(c *Check) { c.ExpectBody = fmt.Sprintf("host=www.example.com:%d", port) }, ""},
		{"/host", func(c *Check) { c.Host, c.ExpectBody = "shop.example.com:80", "host=shop.example.com:80" }, ""},
	} {
		r := (&Prober{}).Probe(t.Context(), watchOf(HTTP, port, func(check *Check) {
			check.Path = c.path
			if c.change != nil {
				c.change(check)
			}
		}))
		if got := said(r, port); got != c.want {
			t.Errorf("%s: %q, want %q", c.path, got, c.want)
		}
	}
	if followed.Load() {
		t.Error("a redirect was followed")
	}
}

// Each probe is a connection of its own to the address, whatever the environment says of proxies.
func TestProbeIsANewClient(t *testing.T) {
	proxy, proxied := serve(t, nil, func(http.ResponseWriter, *http.Request) {})
	for _, v := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(v, fmt.Sprintf("http://127.0.0.1:%d", proxy))
	}
	ca := newAuthority(t)
	cert := ca.sign("www.example.com", -time.Hour, time.Hour)
	for _, typ := range []Type{HTTP, HTTPS} {
		var c *tls.Certificate
		if typ == HTTPS {
			c = &cert
		}
		var resumed atomic.Bool
		port, conns := serve(t, c, func(_ http.ResponseWriter, r *http.Request) {
			if r.TLS != nil && r.TLS.DidResume {
				resumed.Store(true)
			}
		})
		p := &Prober{Roots: ca.pool()}
		for range 3 {
			if r := p.Probe(t.Context(), watchOf(typ, port, nil)); r.Err != nil {
				t.Error(r.Err)
			}
		}
		if n := conns.Load(); n != 3 || resumed.Load() {
			t.Errorf("%s: %d connections for 3 probes, session resumed: %v", typ, n, resumed.Load())
		}
	}
	if n := proxied.Load(); n != 0 {
		t.Errorf("the proxy of the environment was asked %d times", n)
	}
}

func TestProbeHTTPS(t *testing.T) {
	ca := newAuthority(t)
	good := ca.sign("www.example.com", -time.Hour, 60*time.Hour)
	var sni, host atomic.Value
	port, _ := serve(t, &good, func(_ http.ResponseWriter, r *http.Request) {
		sni.Store(r.TLS.ServerName)
		host.Store(r.Host)
	})
	day := 24 * time.Hour
	expired := ca.sign("www.example.com", -10*day, -2*day-time.Hour)
	fresh := ca.sign("www.example.com", time.Hour, day)
	other := ca.sign("other.example.com", -time.Hour, day)
	nothing := func(http.ResponseWriter, *http.Request) {}
	expiredPort, _ := serve(t, &expired, nothing)
	freshPort, _ := serve(t, &fresh, nothing)
	otherPort, _ := serve(t, &other, nothing)
	plainPort, _ := serve(t, nil, nothing)
	wildcard := ca.sign("*.example.com", -time.Hour, day)
	wildPort, _ := serve(t, &wildcard, nothing)
	refusing := listen(t, func(c net.Conn) {
		tls.Server(c, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("none") }}).Handshake()
	})
	for _, c := range []struct {
		name   string
		port   uint16
		roots  *x509.CertPool
		change func(*Check)
		want   string
	}{
		{name: "good", port: port},
		{name: "wildcard", port: wildPort, change: func(c *Check) { c.Host = WildcardLabel + ".example.com" }},
		{name: "unknown authority", port: port, roots: x509.NewCertPool(), want: "the certificate is signed by an unknown authority"},
		{name: "not verified", port: port, roots: x509.NewCertPool(), change: func(c *Check) { c.Insecure = true }},
		{name: "expired", port: expiredPort, want: "certificate expired 2 days ago"},
		{name: "expired, not verified", port: expiredPort, change: func(c *Check) { c.Insecure = true }},
		{name: "wrong name", port: otherPort, want: "the certificate is for other.example.com, not for www.example.com"},
		{name: "the name of the check", port: otherPort, change: func(c *Check) { c.SNI = "other.example.com" }},
		{name: "near its end", port: port, change: func(c *Check) { c.CertMinDays = 3 }, want: "the certificate expires in 2 days, cert_min_days is 3"},
		{name: "refused", port: refusing, want: "the target refused the TLS handshake: internal error"},
		{name: "no TLS", port: plainPort, want: "no TLS: the answer to the handshake is something else"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.roots == nil {
				c.roots = ca.pool()
			}
			r := (&Prober{Roots: c.roots}).Probe(t.Context(), watchOf(HTTPS, c.port, c.change))
			want := c.want
			if want != "" {
				want = "https 127.0.0.1:PORT: " + want
			}
			if got := said(r, c.port); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	if want := fmt.Sprintf("www.example.com:%d", port); sni.Load() != "www.example.com" || host.Load() != want {
		t.Errorf("asked for SNI %v and Host %v, want www.example.com and %s", sni.Load(), host.Load(), want)
	}
	r := (&Prober{Roots: ca.pool()}).Probe(t.Context(), watchOf(HTTPS, freshPort, nil))
	if got := said(r, freshPort); !strings.HasPrefix(got, "https 127.0.0.1:PORT: the certificate is not valid before ") {
		t.Errorf("not valid yet: %q", got)
	}
}

// Servers that accept and then do badly: the reason says what was being waited for.
func TestProbeBadServers(t *testing.T) {
	stuck := func(c net.Conn) { io.Copy(io.Discard, c) }
	headersOnly := func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
		stuck(c)
	}
	asked := func(answer string) func(net.Conn) {
		return func(c net.Conn) {
			http.ReadRequest(bufio.NewReader(c))
			io.WriteString(c, answer)
		}
	}
	for _, c := range []struct {
		name  string
		typ   Type
		serve func(net.Conn)
		body  string
		want  string
	}{
		{"silent", HTTP, stuck, "", "timeout after 300 ms while waiting for headers"},
		{"silent TLS", HTTPS, stuck, "", "timeout after 300 ms while in the TLS handshake"},
		{"half a body", HTTP, headersOnly, "whole", "timeout after 300 ms while reading the body"},
		{"half a body, enough of it", HTTP, headersOnly, "ha", ""},
		{"a body nobody asked for", HTTP, headersOnly, "", ""},
		{"closes", HTTP, asked(""), "", "connection closed while waiting for headers"},
		{"closes within the headers", HTTP, asked("HTTP/1.1 200 OK\r\nA: "), "", "connection closed while waiting for headers"},
		{"closes within the body", HTTP, asked("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), "whole", "connection closed while reading the body"},
		{"another protocol", HTTP, asked("220 mail.example.com ESMTP\r\n"), "", "no HTTP answer while waiting for headers"},
		{"endless header", HTTP, asked("HTTP/1.1 200 OK\r\n" + strings.Repeat("A: "+strings.Repeat("b", 1000)+"\r\n", 100)), "", "a header of more than 64 KiB"},
		{"endless hints", HTTP, asked(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 9)), "", "more than 8 interim responses while waiting for headers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Result
			var port uint16
			body := func(check *Check) { check.ExpectBody = c.body }
			if strings.HasPrefix(c.want, "timeout") {
				port = 80
				r = probeInBubble(t, c.serve, watchOf(c.typ, port, func(check *Check) { body(check); check.Timeout = 300 * time.Millisecond }))
			} else {
				port = listen(t, c.serve)
				r = (&Prober{}).Probe(t.Context(), watchOf(c.typ, port, body))
			}
			want := c.want
			if want != "" {
				want = fmt.Sprintf("%s 127.0.0.1:PORT: %s", c.typ, want)
			}
			if got := said(r, port); got != want || errors.Is(r.Err, ErrAbstain) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// probeInBubble probes a server at the end of a pipe, in virtual time: what the probe waits for when its time is over
// does not depend on how fast the machine is.
func probeInBubble(t *testing.T, serve func(net.Conn), w Watch) (r Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &Prober{Dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				serve(server)
			}()
			return client, nil
		}}
		r = p.Probe(t.Context(), w)
	})
	return r
}

// What fails on this machine says nothing about the target.
func TestProbeAbstains(t *testing.T) {
	for _, c := range []struct {
		err     error
		abstain bool
		want    string
	}{
		{os.NewSyscallError("socket", syscall.EMFILE), true, "no vote: too many open files on this machine while connecting"},
		{os.NewSyscallError("connect", syscall.ENETUNREACH), true, "no vote: network is unreachable on this machine while connecting"},
		{os.NewSyscallError("connect", syscall.EADDRNOTAVAIL), true, "no vote: cannot assign requested address on this machine while connecting"},
		{os.NewSyscallError("connect", syscall.EPERM), true, "no vote: operation not permitted on this machine while connecting"},
		{os.NewSyscallError("connect", syscall.EHOSTUNREACH), false, "no route to host"},
		{os.NewSyscallError("connect", syscall.ECONNREFUSED), false, "connection refused"},
		{os.NewSyscallError("connect", syscall.ECONNRESET), false, "connection reset by peer"},
		{os.NewSyscallError("connect", syscall.ETIMEDOUT), false, "timeout after 30 s while connecting"},
		{context.Canceled, true, "no vote: called off while connecting"},
		{errors.New("something else"), false, "something else while connecting"},
	} {
		p := &Prober{Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: c.err}
		}}
		if _, ok := c.err.(interface{ Timeout() bool }); !ok {
			p.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, c.err }
		}
		r := p.Probe(t.Context(), watchOf(TCP, 9, nil))
		if want := "tcp 127.0.0.1:PORT: " + c.want; said(r, 9) != want || errors.Is(r.Err, ErrAbstain) != c.abstain {
			t.Errorf("%v: got %q (abstains %v), want %q (%v)", c.err, said(r, 9), errors.Is(r.Err, ErrAbstain), want, c.abstain)
		}
	}

	hang := &Prober{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	r := hang.Probe(t.Context(), watchOf(TCP, 9, func(c *Check) { c.Timeout = 20 * time.Millisecond }))
	if want := "tcp 127.0.0.1:PORT: timeout after 20 ms while connecting"; said(r, 9) != want {
		t.Errorf("silent target: %q, want %q", said(r, 9), want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := hang.Probe(ctx, watchOf(TCP, 9, nil)); !errors.Is(r.Err, ErrAbstain) {
		t.Errorf("called off: %v, want an abstention", r.Err)
	}
}

func TestProbeNamedTargets(t *testing.T) {
	port := listen(t, func(net.Conn) {})
	addrs := func(list ...string) []netip.Addr {
		var out []netip.Addr
		for _, s := range list {
			out = append(out, netip.MustParseAddr(s))
		}
		return out
	}
	var d net.Dialer
	for _, c := range []struct {
		name    string
		addrs   []netip.Addr
		err     error
		abstain bool
		want    string
	}{
		{name: "the first that accepts", addrs: addrs("2001:db8::1", "192.0.2.9", "127.0.0.1")},
		{name: "none accepts", addrs: addrs("192.0.2.9", "192.0.2.10"), want: "192.0.2.9: connection refused (none of 2 addresses)"},
		{name: "one family is missing here", addrs: addrs("2001:db8::1", "192.0.2.9"), want: "192.0.2.9: connection refused (none of 2 addresses)"},
		{name: "no network here", addrs: addrs("2001:db8::1"), abstain: true, want: "2001:db8::1: no vote: network is unreachable on this machine while connecting"},
		{name: "no such name", err: &net.DNSError{Err: "no such host", Name: "eu.lb.example.net.", IsNotFound: true}, want: "the name has no address"},
		{name: "no address", want: "the name has no address"},
		{name: "resolver fails", err: errors.New("server misbehaving"), abstain: true, want: "no vote: resolver: server misbehaving"},
		{name: "resolver is silent", err: context.DeadlineExceeded, abstain: true, want: "no vote: the resolver did not answer within 20 ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &Prober{
				Resolve: func(ctx context.Context, n zones.Name) ([]netip.Addr, error) {
					if n != name("eu.lb.example.net") {
						t.Errorf("resolved %s", n)
					}
					if errors.Is(c.err, context.DeadlineExceeded) {
						<-ctx.Done()
					}
					return c.addrs, c.err
				},
				Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
					switch at := netip.MustParseAddrPort(address).Addr(); {
					case at.Is6():
						return nil, os.NewSyscallError("connect", syscall.ENETUNREACH)
					case !at.IsLoopback():
						return nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
					}
					return d.DialContext(ctx, network, address)
				},
			}
			check := Default()
			check.Type, check.Port, check.Timeout = TCP, port, 30*time.Second
			if errors.Is(c.err, context.DeadlineExceeded) {
				check.Timeout = 20 * time.Millisecond
			}
			r := p.Probe(t.Context(), NewWatch(Target{Name: name("eu.lb.example.net")}, name("api.example.com"), check))
			want := c.want
			if want != "" {
				want = "tcp eu.lb.example.net:PORT: " + want
			}
			if got := said(r, port); got != want || errors.Is(r.Err, ErrAbstain) != c.abstain {
				t.Errorf("got %q (abstains %v), want %q (%v)", got, errors.Is(r.Err, ErrAbstain), want, c.abstain)
			}
		})
	}
	w := NewWatch(Target{Name: name("eu.lb.example.net")}, name("api.example.com"), Default())
	if r := (&Prober{}).Probe(t.Context(), w); !errors.Is(r.Err, ErrAbstain) {
		t.Errorf("without a resolver: %v, want an abstention", r.Err)
	}
}

func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		800 * time.Millisecond: "800 ms", 3 * time.Second: "3 s", 1500 * time.Millisecond: "1.5 s", 150 * time.Second: "2 m 30 s",
		26 * time.Hour: "26 h", 90 * time.Minute: "1 h 30 m", 50 * time.Hour: "2 days", 0: "0 ms",
	} {
		if got := words(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// BenchmarkProbe is one probe of a loopback server of the same process, both sides of it.
func BenchmarkProbe(b *testing.B) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	s.Config.SetKeepAlivesEnabled(false)
	for _, typ := range []Type{TCP, HTTPS} {
		w := watchOf(typ, portOf(s.Listener), func(c *Check) { c.Insecure = true })
		b.Run(string(typ), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r := (&Prober{}).Probe(b.Context(), w); r.Err != nil {
					b.Fatal(r.Err)
				}
			}
		})
	}
}

// The whole way on real sockets: a port that listens, then does not.
func TestMonitorOnRealSockets(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := portOf(l)
	m := New(Options{})
	w := watchOf(TCP, port, func(c *Check) {
		c.Interval, c.FastInterval = 5*time.Millisecond, 5*time.Millisecond
	})
	m.Set([]Watch{w})
	defer start(t, m)()
	await := func(want State) Verdict {
		for range m.Changed() {
			m.Take()
			if v := m.Verdict(w.Key); v.State == want {
				return v
			}
		}
		return Verdict{}
	}
	await(Up)
	l.Close()
	v := await(Down)
	if want := fmt.Sprintf("tcp 127.0.0.1:%d: connection refused, 3 of 3", port); v.Reason != want {
		t.Errorf("got %q, want %q", v.Reason, want)
	}
}
