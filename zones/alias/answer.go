package alias

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// Family is what is known of a target's addresses of one family. It is not modified.
type Family struct {
	// Known says that somebody who must know it said so; without addresses, that there are none, while the other family has some.
	Known bool
	Addrs []netip.Addr // ascending, each once
}

func (f Family) equal(o Family) bool { return f.Known == o.Known && slices.Equal(f.Addrs, o.Addrs) }

// Answer is what is known of a target. The zero Answer is nothing.
type Answer struct{ V4, V6 Family }

// Whole says that both families are known.
func (a Answer) Whole() bool { return a.V4.Known && a.V6.Known }

func (a Answer) has() bool { return len(a.V4.Addrs)+len(a.V6.Addrs) > 0 }

// Equal says whether both say the same.
func (a Answer) Equal(b Answer) bool { return a.V4.equal(b.V4) && a.V6.equal(b.V6) }

// Addrs returns the addresses of both families.
func (a Answer) Addrs() []netip.Addr { return slices.Concat(a.V4.Addrs, a.V6.Addrs) }

// State is how it stands with a target.
type State struct {
	Target zones.Name
	Answer
	Own     bool       // taken from a zone of our own: it follows that, and nobody is asked
	Asks    zones.Name // for whom resolvers are asked: what the target's CNAMEs in our zones lead to, or the target
	Since   time.Time  // of these addresses; zero where there are none
	Good    time.Time  // when they were last heard, both families without a problem
	Problem string     // why they were not the last time; "" where they were
	Failing time.Time  // since when there is a problem
	// Stale is since when addresses were not heard that are known still, the last good ones; zero where none are. A problem may be without:
	// one family has never been heard, or some of the addresses were refused.
	Stale time.Time
	Ring  bool      // the problem is that ALIAS records of ours lead to each other
	Next  time.Time // when it is asked for again; zero: when our own zone changes
	// Rotating says that the target had other addresses at several refreshes in a row: it is asked for every Every.
	Rotating bool
	Every    time.Duration
	Held     []Held       // what owners have that had another target before, until this one is heard of; by owner
	Owners   []zones.Name // of the records that lead to it; where they are kept, Restore knows what each had; by States alone
}

// Reply is what was answered to a question for the addresses of one family.
type Reply struct {
	Addrs []netip.Addr
	TTL   time.Duration // the shortest on the way to Addrs
	// None says in words why there are no addresses: "NXDOMAIN".
	None string
	// Refused are addresses that were there and are not taken.
	Refused []netip.Addr
}

// outcome is a Reply or why there is none.
type outcome struct {
	Reply
	err error
}

func (o outcome) has() bool { return o.err == nil && len(o.Addrs) > 0 }

// problem says what is wrong with an outcome, "" where nothing is. alone: no family has addresses.
func (o outcome) problem(alone bool) string {
	switch {
	case o.err != nil:
		return o.err.Error()
	case len(o.Refused) > 0 && len(o.Addrs) > 0:
		return fmt.Sprintf("%s refused, an address that alias_networks does not open; %s served", joined(o.Refused), joined(o.Addrs))
	case len(o.Refused) > 0:
		return fmt.Sprintf("%s refused, an address that alias_networks does not open", joined(o.Refused))
	case alone && len(o.Addrs) == 0:
		return o.None
	}
	return ""
}

func joined(addrs []netip.Addr) string {
	out := ""
	for i, a := range addrs {
		if i > 0 {
			out += ", "
		}
		out += a.String()
	}
	return out
}

// merge returns what is known after both families were asked for, and what was wrong. Only when one of them has addresses,
// the absence of the other is believed.
func (a Answer) merge(v4, v6 outcome) (Answer, string) {
	alone := !v4.has() && !v6.has()
	if !alone {
		a.V4, a.V6 = a.V4.take(v4), a.V6.take(v6)
	}
	p4, p6 := v4.problem(alone), v6.problem(alone)
	switch {
	case p4 == p6:
		return a, p4
	case p4 == "":
		return a, "AAAA: " + p6
	case p6 == "":
		return a, "A: " + p4
	}
	return a, "A: " + p4 + "; AAAA: " + p6
}

func (f Family) take(o outcome) Family {
	if o.err != nil {
		return f
	}
	addrs := slices.Clone(o.Addrs)
	slices.SortFunc(addrs, netip.Addr.Compare)
	return Family{Known: true, Addrs: slices.Compact(addrs)}
}

// kept says whether f has addresses, and o did not bring them.
func (f Family) kept(o outcome) bool { return len(f.Addrs) > 0 && !o.has() }
