package resolver

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mangrove-dns/mangrove/zones"
)

// Options say what to serve and where.
type Options struct {
	// Listen holds addresses as "ip:port" ("[ip]:port" for IPv6). Without ip (":53") it is all addresses of IPv4 and,
	// where the host has it, of IPv6. Port 0 takes any that is free, the same for UDP and TCP.
	Listen []string
	// Catalog returns what is served now. It is called for every query: an atomic load.
	Catalog func() *zones.Catalog
	// Workers is how many UDP workers each address has; GOMAXPROCS if 0.
	Workers int
	// PortableUDP has UDP served one datagram a system call also where the kernel takes many.
	PortableUDP bool
	// MaxUDPSize is the largest UDP answer, and the payload size that we announce; 1232 if 0.
	MaxUDPSize int
	Identity   Identity
	TCP        TCPOptions
	// CookieSecrets are what server cookies are made (with the first) and accepted (with all) with (RFC 7873, RFC 9018); without any the
	// COOKIE option is ignored. SetCookieSecrets changes them.
	CookieSecrets []CookieSecret
	// RateLimit is for UDP alone. The zero value limits nothing; SetRateLimit changes it.
	RateLimit RateLimit
	// Rare takes what the answering path leaves to others; may be nil.
	Rare Rare
	// Log gets what an operator should know; slog.Default() if nil.
	Log *slog.Logger
}

// TCPOptions bound what a TCP connection may cost (RFC 7766 6). Zero values mean the default in parentheses.
type TCPOptions struct {
	Idle     time.Duration // how long a connection may be silent between messages (10 s); announced if asked (RFC 7828)
	Message  time.Duration // from a message's first octet to its last (5 s)
	Write    time.Duration // until a client has taken what it asked for (10 s)
	Drain    time.Duration // from the end of Run's context to the end of the last connection (5 s)
	MaxConns int           // all together (4096); when full, the connection that idles longest makes room
	// MaxPerPrefix bounds the connections of one client, by /24 of IPv4 and /56 of IPv6 (256).
	MaxPerPrefix int
}

// Request is a message for Rare.
type Request struct {
	Msg    []byte // valid until Rare returns
	Via    Transport
	Client netip.AddrPort
}

// Rare answers what changes something or takes long: UPDATE, NOTIFY, AXFR, IXFR, and whatever bears a TSIG. Such
// a message has a sound header, question and records.
//
// It calls send for each message of its answer, on the goroutine that it was called on, and returns true; or it returns
// false without calling send, and the client gets the refusal (NOTIMP, REFUSED, NOTAUTH, BADKEY). Over UDP each call has
// a goroutine of its own, of which there are at most 64: more are answered SERVFAIL. ctx ends with the server.
type Rare func(ctx context.Context, q Request, send func(msg []byte) error) (handled bool)

// ErrNotListening is returned by Run before Listen.
var ErrNotListening = errors.New("resolver does not listen")

// Server answers on sockets. Listen binds them, Run serves them, once.
type Server struct {
	opts      Options
	log       *slog.Logger
	now       func() time.Time
	policy    Policy
	endpoints []*endpoint
	tcp       *tcpServer
	limiter   *limiter
	udp       []*counters    // of each UDP worker
	chooseUDP sync.Once      // sets batchUDP, at the first Listen
	batchUDP  bool           // UDP workers are of the kind that takes many datagrams a system call
	rare      chan struct{}  // tokens for Rare over UDP
	rareWork  sync.WaitGroup // those who hold one
	lastPanic atomic.Int64   // when the last panic was logged
}

// maxRare bounds how many UDP messages Rare works on at a time.
const maxRare = 64

// New returns a server that has not started anything.
func New(o Options) *Server {
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	o.TCP = o.TCP.withDefaults()
	s := &Server{opts: o, log: o.Log, now: time.Now, rare: make(chan struct{}, maxRare)}
	s.policy = NewWorker(Policy{
		MaxUDPSize: o.MaxUDPSize,
		Identity:   o.Identity,
		Cookies:    NewCookies(func() time.Time { return s.now() }, o.CookieSecrets...),
		KeepAlive:  uint16(min(o.TCP.Idle/(100*time.Millisecond), 65535)),
	}).policy
	s.tcp = newTCPServer(s)
	s.limiter = newLimiter()
	s.limiter.set(o.RateLimit)
	return s
}

func (o TCPOptions) withDefaults() TCPOptions {
	orElse := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	orElse(&o.Idle, 10*time.Second)
	orElse(&o.Message, 5*time.Second)
	orElse(&o.Write, 10*time.Second)
	orElse(&o.Drain, 5*time.Second)
	if o.MaxConns == 0 {
		o.MaxConns = 4096
	}
	if o.MaxPerPrefix == 0 {
		o.MaxPerPrefix = 256
	}
	return o
}

// Run serves until ctx ends, then answers what it has read, closes all sockets and returns nil. An error is a socket
// that cannot be read any more: everything is closed then too.
func (s *Server) Run(ctx context.Context) error {
	if len(s.endpoints) == 0 {
		return ErrNotListening
	}
	defer s.Close()
	g, ctx := errgroup.WithContext(ctx)
	for _, e := range s.endpoints {
		for _, u := range e.udp {
			g.Go(func() error { return u.run(ctx) })
		}
		g.Go(func() error { return s.tcp.accept(ctx, e.tcp) })
	}
	g.Go(func() error { return s.limiter.run(ctx, s.log) })
	err := g.Wait()
	s.rareWork.Wait()
	return err
}

// whenDone has f called once ctx is done, unless stop is called before. stop waits for an f that has begun: as long as
// that holds a socket's descriptor, its port is taken.
func whenDone(ctx context.Context, f func()) (stop func()) {
	ended := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(ended)
		f()
	})
	return func() {
		if !cancel() {
			<-ended
		}
	}
}
