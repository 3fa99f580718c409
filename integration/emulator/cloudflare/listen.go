package cloudflare

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"

	"github.com/miekg/dns"
)

// Endpoint is a Server that listens on loopback.
type Endpoint struct {
	URL string // of the API, with its prefix: http://127.0.0.1:PORT/client/v4
	DNS string // host:port, both UDP and TCP

	server *Server
	http   *http.Server
	udp    *dns.Server
	tcp    *dns.Server
	done   sync.WaitGroup
	once   sync.Once
}

// Listen starts the API and DNS on ports of 127.0.0.1 that are free. Close ends it; a Server
// listens once.
func (s *Server) Listen() (*Endpoint, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the API: %w", err)
	}
	tcp, udp, err := listenBoth()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for DNS: %w", err), l.Close())
	}
	e := &Endpoint{
		URL: "http://" + l.Addr().String() + prefix, DNS: udp.LocalAddr().String(), server: s,
		http: &http.Server{Handler: s},
		udp:  &dns.Server{PacketConn: udp, Handler: s.DNS()},
		tcp:  &dns.Server{Listener: tcp, Handler: s.DNS()},
	}
	var ready sync.WaitGroup
	ready.Add(2)
	e.udp.NotifyStartedFunc, e.tcp.NotifyStartedFunc = ready.Done, ready.Done
	e.done.Go(func() { _ = e.http.Serve(l) })
	e.done.Go(func() { _ = e.udp.ActivateAndServe() })
	e.done.Go(func() { _ = e.tcp.ActivateAndServe() })
	ready.Wait()
	return e, nil
}

// listenBoth finds a port that is free for TCP and UDP.
func listenBoth() (net.Listener, net.PacketConn, error) {
	var last error
	for range 20 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, err
		}
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err == nil {
			return tcp, udp, nil
		}
		last = errors.Join(err, tcp.Close())
	}
	return nil, nil, last
}

// Close ends the listeners and all requests, also those that hang. It waits for its goroutines.
func (e *Endpoint) Close() {
	e.once.Do(func() {
		close(e.server.closed)
		_ = e.http.Close()
		_ = e.udp.Shutdown()
		_ = e.tcp.Shutdown()
	})
	e.done.Wait()
}

// Client returns an HTTP client whose requests all go to this endpoint, whatever host they
// name: for libraries that know the vendor's address only.
func (e *Endpoint) Client() *http.Client {
	u, err := url.Parse(e.URL)
	if err != nil {
		panic(err) // made in Listen
	}
	return &http.Client{Transport: redirect{u.Host, &http.Transport{}}}
}

type redirect struct {
	host string
	next http.RoundTripper
}

func (t redirect) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = "http", t.host, ""
	return t.next.RoundTrip(r)
}
