package resolver

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"
)

// Response rate limiting. Over UDP the sender of a question may be anybody: who writes a victim's address into it has us
// send the answer there, and a signed answer is many times as large as the question. So UDP answers are counted by who gets
// them and what they say, and what comes faster than anybody who asks for himself would need is not sent whole.
//
// # What is counted
//
// An account is a network (/24 of IPv4, /56 of IPv6: an attack on one host is one on its line, and who forges one address forges its
// neighbours), a kind of answer, and the name that answered: not the one asked for, but the zone and the node that the answer was made
// from. So all names below one wildcard, one DNAME or one delegation are one account, whatever was put before them; that a name
// does not exist counts for the zone as a whole, since of such names there is no end; errors count for the network alone, since what we
// do not serve has no name here. The type does not matter: there are few of them, and who is flooded does not care. A node that has
// another number after its zone was read anew is a new account.
//
// # What an account may have
//
// A second's worth of answers at once, then as many a second as the limit says. Every answer costs, sent or not, so that a flood
// gets nothing for going on: the debt grows up to a second and Window, and the account is limited until it has paid down to a
// second. It is BIND's scheme (credits of one second, debts of its window); NSD's counts by the second and halves. Here an account is one
// number, the time at which it will have paid (limittable.go), in nanoseconds and exact.
//
// # What becomes of a limited answer
//
// It is never larger than its question: empty, and with TC set. Who asked for himself comes again over TCP, where nobody can
// forge an address and nothing is limited; the victim of a flood gets no more than the attacker has to send. That goes for
// every limited answer, as Slip is 1: nobody who asks is left without an answer by our own doing. With a larger Slip each n-th
// is sent, at random, and the others are dropped, which helps against a flood of packets and costs resolvers a timeout; with 0
// all are. NXDOMAIN becomes NOERROR with TC: some resolvers take the code as the last word (as BIND does). An error
// remains the error that it is, without the options that explain it: there is nothing to come for over TCP.
//
// A client that sent a cookie, but none of ours, gets BADCOOKIE and one of ours where another one would get TC (RFC 7873 5.2.3): it asks
// again over UDP, and has proven its address. Who has, is never limited, and costs no account. As in BIND.
//
// # Where BIND and NSD differ
//
//	                    here               BIND 9.20               NSD 4
//	on                  by default         once configured         once built with it, by default
//	identical answers   200/s              none; 5 is its example  200/s
//	counted by          zone and node      name and type           name; zone for negative ones
//	NODATA              by node            by name                 by zone
//	NXDOMAIN            by zone            by zone                 by zone
//	errors              by network         by network              by network and zone
//	slip                1: all             2                       2
//	NXDOMAIN that slips NOERROR, TC        NOERROR, TC             NXDOMAIN, TC
//	errors that slip    are sent           are dropped             get TC
//	all_per_second      slips as others    drops                   is not there
//	window              5 s                15 s                    about 2 s
//	IPv6 network        /56                /56                     /64
//	table               one, 64k accounts  one, to 20k             1M for each process
//	full table          the least debtor   the oldest              whoever hashes there
//	                    is forgotten       is forgotten            is forgotten
//
// # What it costs
//
// The clock and one atomic pointer are looked at once for a batch of datagrams, and an account once for each answer: some 45
// ns where 65,000 networks ask, each within its limits, 25 ns for one in a flood, 9 ns for who is exempt. A server that takes
// 3.6 us of CPU for an answer over loopback shows nothing of it: two runs of the same differ more. So accounts are not asked
// for ahead of the batch as zones are (touch), which would have answers judged after all of them are made. And there is no
// short cut for times in which little is asked: at some hundred questions a second nobody sees these either, and who had not
// counted them would grant a flood its first second twice.

// RateMode says whether limits are kept.
type RateMode uint8

const (
	// RateOff: nothing is counted.
	RateOff RateMode = iota
	// RateObserve: all is counted, reported and logged, and every answer is sent whole.
	RateObserve
	// RateOn: what is over a limit is not sent whole.
	RateOn
)

// RateLimit is how much of one kind a network may get over UDP. The zero value limits nothing. Values out of bounds are brought
// within.
type RateLimit struct {
	Mode RateMode
	// Limits a second, 0 for none, MaxRate at most. Responses is for answers, for names without the type, and for referrals, each by the
	// name that they are of; NXDomains by zone; Errors by network; All for everything that a network gets, besides the others.
	Responses, NXDomains, Errors, All int
	// Window bounds the debt: how long after a flood it is still limited. From MinWindow to MaxWindow.
	Window time.Duration
	// Slip: each n-th limited answer is sent, truncated, and the others are dropped; 1 sends all of them, 0 none. MaxSlip at most.
	Slip int
	// IPv4Prefix and IPv6Prefix are how many bits of an address are its network's.
	IPv4Prefix, IPv6Prefix int
	// Exempt networks are never limited.
	Exempt []netip.Prefix
}

// Bounds of a RateLimit.
const (
	MaxRate       = 1_000_000
	MinWindow     = time.Second
	MaxWindow     = time.Hour
	MaxSlip       = 10
	MinIPv4Prefix = 8
	MinIPv6Prefix = 16
)

// DefaultRateLimit is one that hardly anybody meets who asks for himself: a resolver keeps what it has been told. Loopback
// is exempt: no datagram comes from there over a wire, so nobody can forge it, and what asks a thousand times a second from
// there is the resolver, the monitoring, or the benchmark of the same host.
func DefaultRateLimit() RateLimit {
	return RateLimit{
		Mode: RateOn, Responses: 200, NXDomains: 200, Errors: 200, Window: 5 * time.Second, Slip: 1, IPv4Prefix: 24, IPv6Prefix: 56,
		Exempt: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
	}
}

// rateClass is which limit an answer is under.
type rateClass uint8

const (
	rateResponses rateClass = iota
	rateNXDomains
	rateErrors
	rateAll
	rateClasses
)

// classOf is the limit that answers of each kind are under.
var classOf = [...]rateClass{KindAnswer: rateResponses, KindReferral: rateResponses, KindNoData: rateResponses,
	KindNXDomain: rateNXDomains, KindError: rateErrors}

// String names a limit as reports do.
func (c rateClass) String() string {
	return [rateClasses]string{"responses", "nxdomains", "errors", "all"}[c]
}

// limits is a RateLimit made ready. It is immutable.
type limits struct {
	mode   RateMode
	slip   uint32
	rates  [rateClasses]rate
	masks  [2]address // of IPv4, of IPv6
	bits   [2]int     // the same as lengths
	exempt [2][]span  // of IPv4, of IPv6; in order, without overlaps
}

// rate is one limit: all in nanoseconds.
type rate struct {
	cost  int64 // of one answer; 0 is no limit
	burst int64 // debt that is borne
	most  int64 // debt that an account can have
}

// newLimits returns nil where nothing is to be limited.
func newLimits(r RateLimit) *limits {
	if r.Mode == RateOff {
		return nil
	}
	l := &limits{mode: r.Mode, slip: uint32(min(max(r.Slip, 0), MaxSlip))}
	window := min(max(r.Window, MinWindow), MaxWindow)
	for class, n := range [...]int{r.Responses, r.NXDomains, r.Errors, r.All} {
		if n <= 0 {
			continue
		}
		n := int64(min(n, MaxRate))
		cost := int64(time.Second) / n
		l.rates[class] = rate{cost: cost, burst: n * cost, most: n*cost + int64(window)}
	}
	l.bits = [2]int{min(max(r.IPv4Prefix, MinIPv4Prefix), 32), min(max(r.IPv6Prefix, MinIPv6Prefix), 128)}
	l.masks = [2]address{maskOf(mappedBits + l.bits[0]), maskOf(l.bits[1])}
	for _, p := range r.Exempt {
		f := familyOf(addressOf(p.Addr()))
		l.exempt[f] = append(l.exempt[f], spanOf(p))
	}
	l.exempt[0], l.exempt[1] = ordered(l.exempt[0]), ordered(l.exempt[1])
	return l
}

// perSecond is the limit of a class as it was configured.
func (l *limits) perSecond(c rateClass) int64 {
	if r := &l.rates[c]; r.cost != 0 {
		return r.burst / r.cost
	}
	return 0
}

// network returns the network of a client.
func (l *limits) network(a address) address {
	m := &l.masks[familyOf(a)]
	return address{a.hi & m.hi, a.lo & m.lo}
}

// prefix is how network is written.
func (l *limits) prefix(network address) netip.Prefix {
	return netip.PrefixFrom(network.netip().Unmap(), l.bits[familyOf(network)])
}

// isExempt looks a client up among the exempt networks.
func (l *limits) isExempt(a address) bool {
	list := l.exempt[familyOf(a)]
	from, to := 0, len(list)
	for from < to {
		mid := int(uint(from+to) / 2)
		if a.less(list[mid].first) {
			to = mid
		} else {
			from = mid + 1
		}
	}
	return from > 0 && !list[from-1].last.less(a)
}

// address is an IP address; one of IPv4 is ::ffff:a.b.c.d.
type address struct{ hi, lo uint64 }

// mappedBits is how many bits an IPv4 address has before its own.
const mappedBits = 96

// mapped is an IPv4 address.
func mapped(ip uint32) address { return address{lo: 0xffff<<32 | uint64(ip)} }

func addressOf(a netip.Addr) address {
	if a.Is4() {
		b := a.As4()
		return mapped(binary.BigEndian.Uint32(b[:]))
	}
	b := a.As16()
	return address{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (a address) netip() netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.hi)
	binary.BigEndian.PutUint64(b[8:], a.lo)
	return netip.AddrFrom16(b)
}

// familyOf is 0 for IPv4, 1 for IPv6.
func familyOf(a address) int {
	if a.hi == 0 && a.lo>>32 == 0xffff {
		return 0
	}
	return 1
}

func (a address) less(b address) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// maskOf has the first n bits set.
func maskOf(n int) address {
	if n <= 64 {
		return address{hi: ^uint64(0) << (64 - n)}
	}
	return address{^uint64(0), ^uint64(0) << (128 - n)}
}

// span is a row of addresses.
type span struct{ first, last address }

func spanOf(p netip.Prefix) span {
	n := p.Bits()
	if p.Addr().Is4() {
		n += mappedBits
	}
	a, m := addressOf(p.Addr()), maskOf(n)
	return span{address{a.hi & m.hi, a.lo & m.lo}, address{a.hi | ^m.hi, a.lo | ^m.lo}}
}

// ordered puts networks in order and leaves out those within others: networks lie within each other or apart.
func ordered(list []span) []span {
	slices.SortFunc(list, func(a, b span) int {
		switch {
		case a.first.less(b.first), a.first == b.first && b.last.less(a.last): // the wider one first
			return -1
		case a == b:
			return 0
		}
		return 1
	})
	var out []span
	for _, s := range list {
		if len(out) == 0 || out[len(out)-1].last.less(s.first) {
			out = append(out, s)
		}
	}
	return out
}
