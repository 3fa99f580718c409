package route53

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Options say who may call the API and how it behaves. The zero value of each
// field except the keys is a good default.
type Options struct {
	// AccessKey and SecretKey are the one credential that the API knows.
	AccessKey, SecretKey string
	// SessionToken, if not empty, must come signed with every request, as for
	// temporary credentials.
	SessionToken string
	// Now tells the time: of the signatures, of the changes and of the rate
	// limit. time.Now if nil.
	Now func() time.Time
	// Sync says when a change becomes INSYNC.
	Sync Sync
	// RateLimit switches the account's limit on: 10 requests a second, 50 at once.
	RateLimit bool
	// FlatBatchErrors answers InvalidChangeBatch in the common error envelope,
	// with all messages in one list in brackets, as the service does to some
	// clients, instead of the documented InvalidChangeBatch element.
	FlatBatchErrors bool
}

// Sync says when a change turns from PENDING to INSYNC and so becomes visible
// in DNS: when both conditions hold. The zero value is "at once"; the answer to
// the change itself says PENDING even then, as the service's does.
type Sync struct {
	After time.Duration // since the change was submitted
	Polls int           // calls of GetChange that still answer PENDING
	Never bool          // only Server.Release does it
}

// A Server is one account at Route 53: an http.Handler for the API and a DNS
// responder for what the account's public zones hold. All methods may be called
// from any goroutine.
type Server struct {
	opts Options

	mu      sync.Mutex
	zones   map[string]*zone // by id without prefix
	byName  map[string][]*zone
	changes map[string]*change
	created int // zones ever made: ids and name servers derive from it
	changed int // changes ever made
	log     []Request
	faults  []*spoiler
	dark    bool
	limiter limiter
	healthy map[string]bool // health check id -> what it last said
	aliases map[string][]string
	picks   map[string]int // weighted rotation, by name and type

	stop      chan struct{} // closed by Close: hanging calls end
	listeners []func(context.Context) error
	url       string
	dnsAddr   string
}

// New returns an account without zones. It starts nothing.
func New(opts Options) *Server {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Server{
		opts:    opts,
		zones:   map[string]*zone{},
		byName:  map[string][]*zone{},
		changes: map[string]*change{},
		healthy: map[string]bool{},
		aliases: map[string][]string{},
		picks:   map[string]int{},
		stop:    make(chan struct{}),
	}
	s.limiter.on = opts.RateLimit
	return s
}

// Start serves the API and DNS on loopback, ports of the system's choice (the
// same one for UDP and TCP), until Close.
func (s *Server) Start() error {
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the API: %w", err)
	}
	udp, tcp, err := listenDNS()
	if err != nil {
		return errors.Join(err, web.Close())
	}
	handler := dns.HandlerFunc(s.serveDNS)
	api := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	overUDP := &dns.Server{PacketConn: udp, Handler: handler}
	overTCP := &dns.Server{Listener: tcp, Handler: handler}
	s.mu.Lock()
	s.url = "http://" + web.Addr().String()
	s.dnsAddr = udp.LocalAddr().String()
	s.mu.Unlock()

	var done sync.WaitGroup
	done.Go(func() { _ = api.Serve(web) }) // ends with ErrServerClosed
	for _, d := range []*dns.Server{overUDP, overTCP} {
		started := make(chan struct{})
		d.NotifyStartedFunc = func() { close(started) }
		done.Go(func() { _ = d.ActivateAndServe() })
		<-started // Shutdown of a server that has not started is an error
	}
	s.listeners = append(s.listeners,
		func(context.Context) error { return api.Close() },
		overUDP.ShutdownContext, overTCP.ShutdownContext,
		func(context.Context) error { done.Wait(); return nil })
	return nil
}

// listenDNS finds a port that is free for UDP and for TCP.
func listenDNS() (net.PacketConn, net.Listener, error) {
	var errs error
	for range 20 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, fmt.Errorf("listen for DNS: %w", err)
		}
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err == nil {
			return udp, tcp, nil
		}
		errs = errors.Join(errs, err, tcp.Close())
	}
	return nil, nil, fmt.Errorf("listen for DNS on a port free for UDP and TCP: %w", errs)
}

// Close ends what Start started and every call that hangs. It may be called
// once, also when Start was not.
func (s *Server) Close() error {
	close(s.stop)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var errs error
	for _, end := range s.listeners {
		errs = errors.Join(errs, end(ctx))
	}
	return errs
}

// URL is the endpoint of the API, for AWS_ENDPOINT_URL_ROUTE_53. Empty before Start.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url
}

// DNSAddr is where DNS is answered, UDP and TCP, as host:port. Empty before Start.
func (s *Server) DNSAddr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dnsAddr
}

// AddZone makes a hosted zone and returns its id without prefix ("Z…"). It
// panics on a name that is none: tests write names as constants.
func (s *Server) AddZone(zoneName string, private bool) string {
	n, err := parseName(zoneName)
	if err != nil {
		panic(fmt.Sprintf("route53 emulator: AddZone(%q): %v", zoneName, err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addZoneLocked(n, fmt.Sprintf("emulator-%d", s.created), "", private).id
}

func (s *Server) addZoneLocked(n name, reference, comment string, private bool) *zone {
	s.created++
	z := newZone(s.created, n, reference, comment, private)
	s.zones[z.id] = z
	s.byName[n.key()] = append(s.byName[n.key()], z)
	return z
}

func (s *Server) removeZoneLocked(z *zone) {
	delete(s.zones, z.id)
	k := z.name.key()
	s.byName[k] = slices.DeleteFunc(s.byName[k], func(o *zone) bool { return o == z })
	if len(s.byName[k]) == 0 {
		delete(s.byName, k)
	}
}

// zonesSortedLocked are all zones by id, the order of ListHostedZones.
func (s *Server) zonesSortedLocked() []*zone {
	return slices.SortedFunc(maps.Values(s.zones), func(a, b *zone) int {
		return strings.Compare(a.id, b.id)
	})
}
