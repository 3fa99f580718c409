package resolver

import (
	"math/bits"
	"math/rand/v2"
	"sync/atomic"

	"github.com/mangrove-dns/mangrove/zones"
)

// The accounts of rate limiting: a table of fixed size that all workers share, since SO_REUSEPORT spreads the forged
// ports of one victim over all of them. An account is one word, read and written by atomic operations alone:
//
//	16 bits  tag, of the account's hash; the hash's lower bits say in which set it is
//	48 bits  when it will have paid all that it owes, in nanoseconds of the table's clock, modulo 2^48 (78 hours)
//
// Debt is what lies between now and then. So an account needs no refill and no end: time pays. One that owes nothing is
// a free place, whatever its tag is; the table starts with these alone.
//
// A set is eight accounts, one cache line. Where a set is full, who owes least is forgotten: a flood from a million networks pushes
// out its own single questions, and not those who have asked a thousand times. Whoever is forgotten starts anew without debts,
// and is sent what he asks for: too many accounts limit too little, never too much.
//
// The hash has a seed of this process. So nobody can aim at the accounts of somebody else; two that share set and tag by chance
// share what they may have. Beside a full table of limited accounts that is one in 8192, and it costs this one a way over TCP.
//
// A word whose time is long past would, 39 hours later, seem to lie in the future: sweep renews those before.
type accounts struct {
	seed [3]uint64
	sets [][setWays]atomic.Uint64
}

const (
	setWays  = 8
	setCount = 1 << 13 // 64k accounts, 512 KiB

	tagBits  = 16
	paidBits = 64 - tagBits
	paidMask = 1<<paidBits - 1

	// casTries is how often an answer tries to be counted while other workers count in the same account. One that cannot
	// be is not missed: the account is over its limit if any is.
	casTries = 4
	// strayDebt is how far an account may be beyond the most that it can owe: the clocks of two workers are read at the starts of their
	// batches. More is a clock that was set back, or a limit that was lowered; what is owed then is forgiven.
	strayDebt = int64(1e9)
)

func newAccounts(sets int) *accounts {
	return &accounts{seed: [3]uint64{rand.Uint64(), rand.Uint64(), rand.Uint64()}, sets: make([][setWays]atomic.Uint64, sets)}
}

// hash is the same for the same account alone, as far as 64 bits can tell. zone is the origin in wire form, empty for none.
func (t *accounts) hash(network address, class rateClass, kind Kind, zone string, node zones.Node) uint64 {
	h := fold(network.hi^t.seed[0], network.lo^t.seed[1])
	at := 0
	for ; len(zone)-at > 8; at += 8 {
		h = fold(h^word(zone[at:]), t.seed[2])
	}
	switch n := len(zone); {
	case n >= 8:
		h = fold(h^word(zone[n-8:]), t.seed[2])
	default:
		var w uint64
		for ; at < n; at++ {
			w = w<<8 | uint64(zone[at])
		}
		h ^= w
	}
	return fold(h^uint64(class)<<8^uint64(kind), t.seed[1]^uint64(node))
}

// word returns the first eight octets of s as a number.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// fold multiplies and folds: every bit of the result depends on every bit of both.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// debt is what word w owes at now; negative where it has paid.
func debt(w uint64, now int64) int64 { return int64((w-uint64(now))<<tagBits) >> tagBits }

// charge has the account with hash h pay for an answer at now under limit r, and returns what it owed before and owes then.
func (t *accounts) charge(h uint64, r *rate, now int64) (before, after int64) {
	set := &t.sets[h&uint64(len(t.sets)-1)]
	tag := h &^ paidMask
	p, w := find(set, tag, now)
	for range casTries {
		before = debt(w, now)
		if w&^paidMask != tag || before < 0 || before > r.most+strayDebt {
			before = 0
		}
		after = before + r.cost
		if after > r.most {
			return before, after // as deep as it gets: there is nothing to write, so that a flood does not have the workers fight for the line
		}
		if p.CompareAndSwap(w, tag|uint64(now+after)&paidMask) {
			return before, after
		}
		if w = p.Load(); w&^paidMask != tag {
			break // somebody else has the place now
		}
	}
	return before, after
}

// find returns where the account with tag is in its set or, where it is not, whose place it takes, and what stands there.
func find(set *[setWays]atomic.Uint64, tag uint64, now int64) (*atomic.Uint64, uint64) {
	for i := range set {
		if w := set[i].Load(); w&^paidMask == tag {
			return &set[i], w
		}
	}
	least, from, w := int64(1)<<62, 0, uint64(0)
	for i := range set {
		v := set[i].Load()
		d := debt(v, now)
		if d <= 0 {
			return &set[i], v // a free place
		}
		if d < least {
			least, from, w = d, i, v
		}
	}
	return &set[from], w
}

// owes returns the debt at now of the account with hash h; 0 where there is none.
func (t *accounts) owes(h uint64, now int64) int64 {
	set := &t.sets[h&uint64(len(t.sets)-1)]
	for i := range set {
		if w := set[i].Load(); w&^paidMask == h&^paidMask {
			return max(debt(w, now), 0)
		}
	}
	return 0
}

// sweep renews what has been paid. It has to be called once a day at least.
func (t *accounts) sweep(now int64) {
	for s := range t.sets {
		for i := range t.sets[s] {
			p := &t.sets[s][i]
			// Who counts at the same time has renewed it himself.
			if w := p.Load(); debt(w, now) < 0 {
				p.CompareAndSwap(w, w&^paidMask|uint64(now)&paidMask)
			}
		}
	}
}
