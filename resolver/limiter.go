package resolver

import (
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// limiter is what all workers of a server share of rate limiting.
type limiter struct {
	accounts *accounts
	limits   atomic.Pointer[limits] // nil: nothing is limited
	start    time.Time
	crossed  chan crossing // accounts that went over their limit; what finds no room is counted in missed
	missed   atomic.Uint64
	report   limitReport
}

// crossing is an account that went over its limit.
type crossing struct {
	hash    uint64
	network netip.Prefix
	class   rateClass
	zone    zones.Name // zero for none
}

// maxCrossings is how many may wait for the report. They are few: each has cost the limit of a second.
const maxCrossings = 256

func newLimiter() *limiter {
	return &limiter{accounts: newAccounts(setCount), start: time.Now(), crossed: make(chan crossing, maxCrossings)}
}

// set has the limits of r hold from the next batch on. Debts stay.
func (l *limiter) set(r RateLimit) { l.limits.Store(newLimits(r)) }

// now is the time of the accounts. It never goes back.
func (l *limiter) now() int64 { return int64(time.Since(l.start)) }

// rateWorker is what one worker needs of it. It is not safe for concurrent use.
type rateWorker struct {
	limiter *limiter
	limits  *limits // for the batch under work; nil: nothing is limited
	now     int64   // at its start
	draws   uint64  // state of draw
}

func newRateWorker(l *limiter) rateWorker { return rateWorker{limiter: l, draws: rand.Uint64()} }

// begin is called before the answers of a batch are made.
func (w *rateWorker) begin() {
	if w.limits = w.limiter.limits.Load(); w.limits != nil {
		w.now = w.limiter.now()
	}
}

// ruling is what becomes of an answer.
type ruling uint8

const (
	ruleSend      ruling = iota // it is within its limits
	ruleObserve                 // it is not, and sent all the same
	ruleSlip                    // send it without content
	ruleBadCookie               // send BADCOOKIE
	ruleDrop
	rulings
)

// rule counts the answer o to client and says what becomes of it. Limits are on.
func (w *rateWorker) rule(client address, o *Outcome) ruling {
	l := w.limits
	if l.isExempt(client) {
		return ruleSend
	}
	network := l.network(client)
	class, zone, node := classOf[o.Kind], "", zones.NoNode
	if o.Zone != nil && class != rateErrors {
		zone = o.Zone.Origin().Wire()
		if class == rateResponses {
			node = o.Node
		}
	}
	over := false
	if l.rates[class].cost != 0 {
		h := w.limiter.accounts.hash(network, class, o.Kind, zone, node)
		over = w.charge(h, class, network, o.Zone)
	}
	if l.rates[rateAll].cost != 0 {
		h := w.limiter.accounts.hash(network, rateAll, 0, "", zones.NoNode)
		over = w.charge(h, rateAll, network, nil) || over
	}
	switch {
	case !over:
		return ruleSend
	case l.mode == RateObserve:
		return ruleObserve
	case l.slip == 0 || l.slip > 1 && w.draw(l.slip) != 0:
		return ruleDrop
	case o.Cookie():
		return ruleBadCookie
	}
	return ruleSlip
}

// limit is rule, carried out: it returns what is sent to client instead of answer, which worker has just made of query, is not nil,
// and of which o says what it is. Nothing of it is longer than query, but for a server cookie.
func (w *rateWorker) limit(worker *Worker, client address, query, answer []byte, o Outcome) ([]byte, Outcome, ruling) {
	r := w.rule(client, &o)
	switch r {
	case ruleDrop:
		return nil, o, r
	case ruleBadCookie:
		worker.req.nsid = false
		answer, o = worker.BadCookie(query, answer, o)
	case ruleSlip:
		worker.req.nsid = false
		if o.Rcode == dns.RcodeNameError {
			o.Rcode = dns.RcodeSuccess // some resolvers take it as the last word
		}
		answer, o = worker.Truncate(query, answer, o)
		if o.Rcode != dns.RcodeSuccess {
			answer[2] &^= 2 // an error: TCP has nothing to add
			o.flags &^= flagTruncated
		}
	}
	return answer, o, r
}

// charge says whether the account with hash h is over the limit of its class with one more answer.
func (w *rateWorker) charge(h uint64, class rateClass, network address, zone *zones.Zone) (over bool) {
	r := &w.limits.rates[class]
	before, after := w.limiter.accounts.charge(h, r, w.now)
	if after <= r.burst {
		return false
	}
	if before <= r.burst {
		w.cross(h, class, network, zone)
	}
	return true
}

// cross tells the report.
func (w *rateWorker) cross(h uint64, class rateClass, network address, zone *zones.Zone) {
	c := crossing{hash: h, network: w.limits.prefix(network), class: class}
	if zone != nil && class != rateErrors {
		c.zone = zone.Origin()
	}
	select {
	case w.limiter.crossed <- c:
	default:
		w.limiter.missed.Add(1)
	}
}

// draw returns a number below n, each as likely. It is a generator of Steele and Vigna's (splitmix64): nobody sees more of it than which
// of his questions are answered.
func (w *rateWorker) draw(n uint32) uint32 {
	w.draws += 0x9e3779b97f4a7c15
	z := w.draws
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return uint32((z >> 32) * uint64(n) >> 32)
}
