package alias

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

const (
	udpSize     = 1232 // announced by EDNS: no fragments
	maxServers  = 8
	maxChain    = 16 // CNAMEs in an answer
	defaultPort = 53
)

// MaxAddrs bounds the addresses of one family of a target: which of more are taken would be a guess.
const MaxAddrs = 64

// tries is how long each server has for its answer the first time, and the next.
var tries = [...]time.Duration{time.Second, 3 * time.Second}

// Client asks resolvers. It is safe for concurrent use.
type Client struct {
	// Servers returns those to ask, in order. It is called for each question.
	Servers func() ([]netip.AddrPort, error)
	// Allowed says which of the addresses that Refused tells are taken all the same; nil: none.
	Allowed func(netip.Addr) bool

	good atomic.Uint32 // which server answered last: it is the first to be asked
}

// Ask asks for the addresses of target of one family, one server after the other until one answers. An error says of each
// server that was asked why it gave no answer. It ends with ctx.
func (c *Client) Ask(ctx context.Context, target zones.Name, v6 bool) (Reply, error) {
	servers, err := c.Servers()
	if err != nil {
		return Reply{}, err
	}
	if len(servers) == 0 {
		return Reply{}, errors.New("there is no resolver to ask")
	}
	servers = servers[:min(len(servers), maxServers)]
	q := new(dns.Msg)
	q.SetQuestion(target.String(), dns.TypeA)
	if v6 {
		q.Question[0].Qtype = dns.TypeAAAA
	}
	q.SetEdns0(udpSize, false)
	first := int(c.good.Load())
	var errs []error
	for try, timeout := range tries {
		for i := range servers {
			at := (first + i) % len(servers)
			msg, err := exchange(ctx, servers[at], q, timeout)
			var reply Reply
			if err == nil {
				reply, err = c.read(msg, target)
			}
			if err == nil {
				c.good.Store(uint32(at))
				return reply, nil
			}
			if try == 0 {
				errs = append(errs, fmt.Errorf("resolver %s: %w", servers[at], err))
			}
			if over(ctx) != nil {
				return Reply{}, oneLine(errs)
			}
		}
	}
	return Reply{}, oneLine(errs)
}

// over returns why ctx is, or is about to be, over: a socket's deadline may come a moment before the context's own.
func over(ctx context.Context) error {
	if d, ok := ctx.Deadline(); ok && !time.Now().Before(d) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// oneLine joins errors in one line.
func oneLine(errs []error) error {
	err := errs[0]
	for _, e := range errs[1:] {
		err = fmt.Errorf("%w; %w", err, e)
	}
	return err
}

// exchange asks one server, over TCP where its answer is truncated.
func exchange(ctx context.Context, server netip.AddrPort, q *dns.Msg, timeout time.Duration) (*dns.Msg, error) {
	q.Id = dns.Id()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	client := &dns.Client{Net: "udp", Timeout: timeout, UDPSize: udpSize}
	m, err := roundTrip(ctx, client, server, q)
	if err == nil && m.Truncated {
		client.Net = "tcp"
		m, err = roundTrip(ctx, client, server, q)
	}
	if err != nil {
		return nil, reason(err)
	}
	if !m.Response || m.Opcode != dns.OpcodeQuery || len(m.Question) != 1 || !sameQuestion(m.Question[0], q.Question[0]) {
		return nil, errors.New("its answer is not to the question")
	}
	return m, nil
}

// roundTrip asks one server over one connection of its own. dns.Client heeds the deadline of a context, but not its end before that.
func roundTrip(ctx context.Context, client *dns.Client, server netip.AddrPort, q *dns.Msg) (*dns.Msg, error) {
	conn, err := client.DialContext(ctx, server.String())
	if err != nil {
		return nil, err
	}
	closed := context.AfterFunc(ctx, func() { _ = conn.Close() }) // whoever reads from it has the error
	m, _, err := client.ExchangeWithConnContext(ctx, q, conn)
	if closed() {
		_ = conn.Close() // the answer is there, or why it is not
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return m, err
}

// reason returns err without the addresses that stand in it: who was asked is said beside it.
func reason(err error) error {
	var late interface{ Timeout() bool }
	if errors.As(err, &late) && late.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	var malformed *dns.Error
	if errors.As(err, &malformed) {
		return errors.New("its answer is malformed")
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return innermost(op.Err)
	}
	return err
}

func innermost(err error) error {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err
}

func sameQuestion(a, b dns.Question) bool {
	x, err := zones.ParseName(a.Name)
	y, _ := zones.ParseName(b.Name)
	return err == nil && x == y && a.Qtype == b.Qtype && a.Qclass == b.Qclass
}

// read takes the addresses from an answer: those at the end of the chain of CNAMEs that starts at target.
func (c *Client) read(m *dns.Msg, target zones.Name) (Reply, error) {
	switch {
	case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return Reply{}, errors.New(cmp.Or(dns.RcodeToString[m.Rcode], fmt.Sprintf("RCODE %d", m.Rcode)))
	case !m.RecursionAvailable && !m.Authoritative:
		return Reply{}, errors.New("it does not resolve for us")
	}
	at, typ, ttl := target, m.Question[0].Qtype, uint32(1<<31-1)
	for range maxChain {
		next, found := zones.Name{}, Reply{}
		for _, rr := range m.Answer {
			h := rr.Header()
			if owner, err := zones.ParseName(h.Name); err != nil || owner != at || h.Class != dns.ClassINET {
				continue
			}
			switch rr := rr.(type) {
			case *dns.CNAME:
				n, err := zones.ParseName(rr.Target)
				if err != nil {
					return Reply{}, fmt.Errorf("a CNAME in its answer: %w", err)
				}
				next, ttl = n, min(ttl, h.Ttl)
			case *dns.A:
				if a, ok := netip.AddrFromSlice(rr.A.To4()); ok && typ == dns.TypeA {
					c.sort(&found, a)
					ttl = min(ttl, h.Ttl)
				}
			case *dns.AAAA:
				if a, ok := netip.AddrFromSlice(rr.AAAA.To16()); ok && typ == dns.TypeAAAA {
					c.sort(&found, a)
					ttl = min(ttl, h.Ttl)
				}
			}
		}
		if n := len(found.Addrs) + len(found.Refused); n > MaxAddrs {
			return Reply{}, fmt.Errorf("too many addresses (%d, at most %d)", n, MaxAddrs)
		}
		found.TTL = time.Duration(ttl) * time.Second
		switch {
		case len(found.Addrs) > 0:
			return found, nil
		case len(found.Refused) > 0:
			return Reply{}, errors.New(outcome{Reply: found}.problem(true))
		case next.IsZero():
			return Reply{None: none(m, at)}, nil
		}
		at = next
	}
	return Reply{}, fmt.Errorf("its answer leads through more than %d CNAMEs", maxChain)
}

// sort puts an address of an answer where it belongs.
func (c *Client) sort(r *Reply, a netip.Addr) {
	if Refused(a) && (c.Allowed == nil || !c.Allowed(a)) {
		r.Refused = append(r.Refused, a)
		return
	}
	r.Addrs = append(r.Addrs, a)
}

// none says that a name has no addresses, in an answer that says so.
func none(m *dns.Msg, at zones.Name) string {
	if m.Rcode == dns.RcodeNameError {
		return at.String() + " does not exist (NXDOMAIN)"
	}
	return at.String() + " has no addresses (NODATA)"
}

// ParseServer reads what names a resolver: an address, with a port where it is not 53.
func ParseServer(s string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a, defaultPort), nil
	}
	ap, err := netip.ParseAddrPort(s)
	if err != nil || ap.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("%q is no address of a resolver, such as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53", s)
	}
	return ap, nil
}

// SystemServers returns the resolvers that a file in the form of /etc/resolv.conf names.
func SystemServers(path string) ([]netip.AddrPort, error) {
	conf, err := dns.ClientConfigFromFile(path)
	if err != nil {
		return nil, fmt.Errorf("find resolvers: %w", err)
	}
	var out []netip.AddrPort
	for _, s := range conf.Servers {
		if ap, err := ParseServer(s); err == nil {
			out = append(out, ap)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("find resolvers: %s names none", path)
	}
	return out, nil
}
