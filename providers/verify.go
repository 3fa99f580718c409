package providers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// verifier asks a provider's own name servers for what was applied, until they answer it. It is safe for concurrent use.
type verifier struct {
	opt  *Options
	zone zones.Name
	turn chan struct{} // one round at a time

	mu      sync.Mutex
	driver  Driver
	checks  map[Key]*check
	skipped map[Key]string
	servers int           // that the last round asked
	changed chan struct{} // closed and replaced whenever checks change
}

// check is one RRset that name servers are asked for.
type check struct {
	held     RRset       // at the provider
	want     zones.RRset // to be answered; no records: none
	also     zones.RRset // a wildcard's, where none is wanted: answered in its place
	next     time.Time
	wait     time.Duration
	deadline time.Time
	problem  string
}

const (
	verifyFirst = 250 * time.Millisecond
	verifyCap   = 5 * time.Second
	verifyLate  = 30 * time.Second // between two rounds once diverged
	askTimeout  = 3 * time.Second
	askParallel = 8
)

func newVerifier(o *Options, zone zones.Name) *verifier {
	return &verifier{opt: o, zone: zone, turn: make(chan struct{}, 1), checks: make(map[Key]*check),
		skipped: make(map[Key]string), changed: make(chan struct{})}
}

// use sets whose name servers are asked.
func (v *verifier) use(d Driver) {
	v.mu.Lock()
	v.driver = d
	v.mu.Unlock()
}

// expect adds what was applied and is held now.
func (v *verifier) expect(d Driver, done []Change, after *Snapshot) {
	held := after.index()
	now := v.opt.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range done {
		k := Key{c.Name, c.Type}
		delete(v.checks, k)
		delete(v.skipped, k)
		if why := unaskable(k, v.zone, held); why != "" {
			v.skipped[k] = why
			continue
		}
		ch := &check{held: c.New, next: now, wait: verifyFirst, deadline: now.Add(v.opt.Timeouts.Verify), problem: "not asked yet"}
		if c.New.IsZero() {
			ch.also = wildcardFor(d, k, v.zone, held)
		} else {
			seen, ok := d.Visible(c.New)
			if !ok {
				v.skipped[k] = "the provider answers something of its own for it"
				continue
			}
			ch.want = seen
		}
		v.checks[k] = ch
	}
	v.signalLocked()
}

func (v *verifier) signalLocked() {
	close(v.changed)
	v.changed = make(chan struct{})
}

// unaskable says why name servers won't answer an RRset that they hold: it is below a cut or a DNAME.
func unaskable(k Key, zone zones.Name, held map[Key]RRset) string {
	for n := k.Name; n != zone; {
		if _, cut := held[Key{n, dns.TypeNS}]; cut && !(n == k.Name && (k.Type == dns.TypeNS || k.Type == dns.TypeDS)) {
			return "it is glue, below the delegation of " + n.String()
		}
		up, ok := n.Parent()
		if !ok {
			return ""
		}
		n = up
		if _, cut := held[Key{n, dns.TypeDNAME}]; cut {
			return "it is below the DNAME of " + n.String()
		}
	}
	return ""
}

// wildcardFor returns what a wildcard above k answers in its place once k is gone.
func wildcardFor(d Driver, k Key, zone zones.Name, held map[Key]RRset) zones.RRset {
	for n := k.Name; n != zone; {
		up, ok := n.Parent()
		if !ok {
			break
		}
		n = up
		star, err := n.Child("*")
		if err != nil {
			continue
		}
		if s, ok := held[Key{star, k.Type}]; ok {
			seen, _ := d.Visible(s)
			return seen
		}
	}
	return zones.RRset{}
}

// compare drops the checks of what the provider no longer holds as it was applied: that is for the next plan.
func (v *verifier) compare(snap *Snapshot) {
	held := snap.index()
	v.mu.Lock()
	defer v.mu.Unlock()
	for k, c := range v.checks {
		if !Equal(held[k], c.held) {
			delete(v.checks, k)
		}
	}
	v.signalLocked()
}

// problems returns what is not answered yet, and whether some of it is overdue.
func (v *verifier) problems() (out []string, diverged bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, k := range sorted(v.checks) {
		c := v.checks[k]
		out = append(out, fmt.Sprintf("%s %s: %s", k.Name.Relative(v.zone), zones.TypeString(k.Type), c.problem))
		diverged = diverged || !v.opt.Now().Before(c.deadline)
	}
	return out, diverged
}

// unasked returns what can't be asked, and why.
func (v *verifier) unasked() (out []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, k := range sorted(v.skipped) {
		out = append(out, fmt.Sprintf("%s %s: %s", k.Name.Relative(v.zone), zones.TypeString(k.Type), v.skipped[k]))
	}
	return out
}

// asks says whether there are name servers to ask.
func (v *verifier) asks() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.servers > 0
}

func (v *verifier) busy() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.checks) > 0
}

// due returns when the next round is, and a channel that closes when that may have changed.
func (v *verifier) due() (next time.Time, changed <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.checks {
		if next.IsZero() || c.next.Before(next) {
			next = c.next
		}
	}
	return next, v.changed
}

// round asks for everything that is due. Only one round runs at a time.
func (v *verifier) round(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case v.turn <- struct{}{}:
	}
	defer func() { <-v.turn }()
	now := v.opt.Now()
	v.mu.Lock()
	d := v.driver
	asked := make(map[Key]*check)
	for k, c := range v.checks {
		if !c.next.After(now) {
			asked[k] = c
		}
	}
	v.mu.Unlock()
	if len(asked) == 0 {
		return nil
	}
	problems := v.askAll(ctx, d, asked)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for k, c := range asked {
		switch {
		case v.checks[k] != c: // replaced meanwhile
		case problems[k] == "":
			delete(v.checks, k)
		default:
			c.problem = problems[k]
			v.postpone(c)
		}
	}
	v.signalLocked()
	return nil
}

func (v *verifier) postpone(c *check) {
	now := v.opt.Now()
	if !now.Before(c.deadline) {
		c.wait = verifyLate
	}
	c.next = now.Add(c.wait)
	c.wait = min(2*c.wait, max(verifyCap, c.wait))
}

// askAll asks all name servers for all checks; a key without a problem is answered as it should be by all of them.
func (v *verifier) askAll(ctx context.Context, d Driver, checks map[Key]*check) map[Key]string {
	problems := make(map[Key]string)
	fail := func(text string) map[Key]string {
		for k := range checks {
			problems[k] = text
		}
		return problems
	}
	nctx, cancel := context.WithTimeout(ctx, v.opt.Timeouts.Read)
	defer cancel()
	var servers []Nameserver
	err := protect(func() (err error) {
		servers, err = d.Nameservers(nctx, v.zone)
		return err
	})
	if err != nil {
		return fail(fmt.Sprintf("finding the name servers: %v", err))
	}
	v.mu.Lock()
	v.servers = len(servers)
	v.mu.Unlock()
	var mu sync.Mutex
	var wg sync.WaitGroup
	gate := make(chan struct{}, askParallel)
	for _, ns := range servers {
		addrs, err := v.addresses(ctx, ns)
		if err != nil {
			return fail(fmt.Sprintf("%s: %v", ns.label(), err))
		}
		for k, c := range checks {
			gate <- struct{}{}
			wg.Go(func() {
				defer func() { <-gate }()
				if p := v.ask(ctx, addrs, k, c); p != "" {
					mu.Lock()
					problems[k] = ns.label() + " " + p
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	return problems
}

func (n Nameserver) label() string {
	if n.Name != "" {
		return n.Name
	}
	return n.Addr
}

// addresses returns where to ask a name server, IPv4 first: one that answers is enough.
func (v *verifier) addresses(ctx context.Context, ns Nameserver) ([]string, error) {
	host, port, err := net.SplitHostPort(ns.Addr)
	if err != nil {
		host, port = ns.Addr, "53"
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return []string{net.JoinHostPort(host, port)}, nil
	}
	rctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	ips, err := v.opt.Resolve(rctx, host)
	if err != nil {
		return nil, err
	}
	var four, six []string
	for _, ip := range ips {
		if ip = ip.Unmap(); ip.Is4() {
			four = append(four, net.JoinHostPort(ip.String(), port))
		} else {
			six = append(six, net.JoinHostPort(ip.String(), port))
		}
	}
	if len(four)+len(six) == 0 {
		return nil, errors.New("has no address")
	}
	return append(four, six...), nil
}

// ask asks one name server for one RRset, and returns what is wrong with the answer in words, "" where nothing is.
func (v *verifier) ask(ctx context.Context, addrs []string, k Key, c *check) string {
	q := new(dns.Msg)
	q.SetQuestion(k.Name.String(), k.Type)
	q.RecursionDesired = false
	q.SetEdns0(1232, false)
	var r *dns.Msg
	var err error
	for _, addr := range addrs[:min(2, len(addrs))] {
		actx, cancel := context.WithTimeout(ctx, askTimeout)
		r, err = v.opt.Exchange(actx, q.Copy(), addr)
		cancel()
		if err == nil {
			break
		}
	}
	if err != nil {
		return fmt.Sprintf("does not answer: %v", err)
	}
	if r.Rcode != dns.RcodeSuccess && r.Rcode != dns.RcodeNameError {
		return "answers " + dns.RcodeToString[r.Rcode]
	}
	got := answered(r, k)
	switch {
	case got.IsZero() && c.want.IsZero():
		return ""
	case got.IsZero():
		return "has none"
	case c.want.IsZero() && !c.also.IsZero() && SameData(got, c.also):
		return ""
	case !c.want.IsZero() && SameData(got, c.want) && got.TTL <= c.want.TTL:
		return ""
	case !c.want.IsZero() && SameData(got, c.want):
		return fmt.Sprintf("answers TTL %d", got.TTL)
	}
	return "answers " + strings.Join(got.Texts(), ", ")
}

// answered returns the RRset of k in an answer; for the NS of a delegation, in a referral.
func answered(r *dns.Msg, k Key) zones.RRset {
	rrs := r.Answer
	if k.Type == dns.TypeNS {
		rrs = append(rrs[:len(rrs):len(rrs)], r.Ns...)
	}
	var mine []dns.RR
	for _, rr := range rrs {
		if n, err := zones.ParseName(rr.Header().Name); err == nil && n == k.Name && rr.Header().Rrtype == k.Type {
			mine = append(mine, rr)
		}
	}
	sets, err := zones.FromRRs(mine)
	if err != nil || len(sets) == 0 {
		return zones.RRset{}
	}
	return sets[0]
}

// exchange asks by UDP, and by TCP where the answer is truncated or does not come.
func exchange(ctx context.Context, m *dns.Msg, addr string) (*dns.Msg, error) {
	udp := &dns.Client{Net: "udp", Timeout: askTimeout / 2, UDPSize: 1232}
	r, _, err := udp.ExchangeContext(ctx, m, addr)
	if err == nil && !r.Truncated {
		return r, nil
	}
	tcp := &dns.Client{Net: "tcp", Timeout: askTimeout / 2}
	r, _, err = tcp.ExchangeContext(ctx, m, addr)
	return r, err
}
