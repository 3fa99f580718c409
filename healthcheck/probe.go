package healthcheck

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// ErrAbstain is wrapped by the result of a probe that says nothing about its target, because what failed is
// on our own side: no file descriptor, no route, no source address, a local firewall, a resolver that does not
// answer, a clock that jumped, a machine that stood still. An abstention never changes a verdict.
var ErrAbstain = errors.New("no vote")

// Result is what one probe found.
type Result struct {
	// Err is nil where the target answered as it should; else the reason in words, complete in itself
	// ("tcp 192.0.2.9:443: connection refused"). An error that wraps ErrAbstain is no vote.
	Err error
	// Degraded says in words what is wrong with a target that answered; empty where nothing is.
	Degraded string
	Latency  time.Duration // from the first packet to the end of what was wanted; 0 where nothing was sent
}

func (r Result) abstained() bool { return errors.Is(r.Err, ErrAbstain) }

// Dialer opens a connection. It is called with "tcp" and an address, never with a name.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Resolver returns the addresses of a name, in the order a client would try them. An error that is a *net.DNSError with
// IsNotFound says that the name has none, which is the target's failure; any other error is our own.
type Resolver func(ctx context.Context, name zones.Name) ([]netip.Addr, error)

// Prober makes probes. It keeps nothing between two of them, and is safe for concurrent use.
type Prober struct {
	Dial    Dialer           // nil: a net.Dialer without keep-alive
	Resolve Resolver         // nil: probes of named targets abstain
	Roots   *x509.CertPool   // nil: the system's
	Now     func() time.Time // the clock that certificates are held against; nil: time.Now
}

// maxAddresses bounds how many addresses of a named target one probe tries.
const maxAddresses = 8

// Probe tries w once, as a client that has never been there would: a fresh connection to the target's address, no
// proxy, no redirect followed, all within the check's timeout.
//
// A named target is resolved for each probe. Its addresses are tried in order, as clients do, and the first that
// accepts the connection is asked; it fails where none accepts. An address that accepts and then answers badly is a
// failure: no client would go on to the next.
func (p *Prober) Probe(ctx context.Context, w Watch) Result {
	addrs, err := p.addresses(ctx, w)
	if err != nil {
		return Result{Err: fmt.Errorf("%s: %w", w.label(), err)}
	}
	began := time.Now()
	deadline := began.Add(w.Check.Timeout)
	tctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	conn, at, err := p.connect(tctx, w, addrs, deadline)
	if err == nil {
		defer conn.Close()
		// A deadline in the past frees whatever waits on the connection once the caller gives up.
		defer context.AfterFunc(tctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
		switch w.Check.Type {
		case HTTPS, HTTP:
			err = p.http(tctx, conn, w)
		}
	}
	var slow degraded
	r := Result{Latency: time.Since(began)}
	switch {
	case ctx.Err() != nil:
		r.Err = fmt.Errorf("%w: the probe was called off", ErrAbstain)
	case errors.As(err, &slow):
		r.Degraded = w.label() + at + ": " + string(slow)
	case err != nil:
		r.Err = fmt.Errorf("%s%s: %w", w.label(), at, err)
	case w.Check.MaxLatency > 0 && r.Latency > w.Check.MaxLatency:
		r.Degraded = fmt.Sprintf("%s%s: answered in %s, max_latency is %s", w.label(), at,
			words(r.Latency.Round(time.Millisecond)), words(w.Check.MaxLatency))
	}
	return r
}

// degraded is the error of a target that answers, but not as well as it should.
type degraded string

func (d degraded) Error() string { return string(d) }

// addresses returns where to connect to.
func (p *Prober) addresses(ctx context.Context, w Watch) ([]netip.Addr, error) {
	if w.Target.Addr.IsValid() {
		return []netip.Addr{w.Target.Addr}, nil
	}
	if p.Resolve == nil {
		return nil, fmt.Errorf("%w: there is no resolver for named targets", ErrAbstain)
	}
	ctx, cancel := context.WithTimeout(ctx, w.Check.Timeout)
	defer cancel()
	addrs, err := p.Resolve(ctx, w.Target.Name)
	var none *net.DNSError
	switch {
	case err == nil && len(addrs) > 0:
		return addrs[:min(len(addrs), maxAddresses)], nil
	case err == nil || errors.As(err, &none) && none.IsNotFound:
		return nil, errors.New("the name has no address")
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%w: the resolver did not answer within %s", ErrAbstain, words(w.Check.Timeout))
	}
	return nil, fmt.Errorf("%w: resolver: %w", ErrAbstain, err)
}

// explain turns an error of the network into the words of a reason. doing says what was under way: "connecting".
func explain(err error, doing string, timeout time.Duration) error {
	var errno syscall.Errno
	var timed interface{ Timeout() bool }
	switch {
	case errors.Is(err, ErrAbstain):
		return err
	case errors.As(err, &errno) && ours(errno):
		return fmt.Errorf("%w: %s on this machine while %s", ErrAbstain, errno.Error(), doing)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: called off while %s", ErrAbstain, doing)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timed) && timed.Timeout():
		return fmt.Errorf("timeout after %s while %s", words(timeout), doing)
	case errno != 0 && doing == connecting:
		return errors.New(errno.Error())
	case errno != 0:
		return fmt.Errorf("%s while %s", errno.Error(), doing)
	}
	return fmt.Errorf("%w while %s", err, doing)
}

// ours says that errno speaks of this machine and not of the target.
//
// ENETUNREACH is ours: without a route the kernel says so itself. EHOSTUNREACH is the target's: routers send it
// (ICMP host unreachable, administratively prohibited), and so does the kernel where a neighbour does not answer ARP.
// A dead gateway looks the same; that all targets fail at once then is for the floors and the references of a vantage.
func ours(errno syscall.Errno) bool {
	switch errno {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EAGAIN, // no room for a socket or port
		syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, // no route, no source
		syscall.EPERM, syscall.EACCES, // a firewall of our own
		syscall.EAFNOSUPPORT, syscall.EPROTONOSUPPORT, syscall.EINVAL: // no IPv6 here
		return true
	}
	return false
}

// words writes a duration as people do: "3 s", "800 ms", "2 m 30 s", "5 days".
func words(d time.Duration) string {
	switch {
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
	}
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	var parts []string
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if n := d / u.of; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
			d -= n * u.of
		}
	}
	return strings.Join(parts[:min(len(parts), 2)], " ")
}
