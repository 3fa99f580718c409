package healthcheck

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mangrove-dns/mangrove/zones"
)

// Policy is how a record picks among its targets.
type Policy uint8

const (
	// All serves every usable target.
	All Policy = iota
	// Failover serves the first usable target alone: in the zone file's order of the records, or in the order of
	// Rule.Targets for a CNAME.
	Failover
)

// String returns the policy as the configuration writes it.
func (p Policy) String() string {
	if p == Failover {
		return "failover"
	}
	return "all"
}

// AllDown is what is served when too few targets are usable.
type AllDown uint8

// AllDownAll serves the whole configured set, in zone order: it fails open. It is the only one there is so far.
const AllDownAll AllDown = iota

// String returns the value as the configuration writes it.
func (a AllDown) String() string { return "all" }

// Floor is how many targets must be usable: a count, or a part of what the RRset holds. The zero Floor is 1.
type Floor struct {
	Count   int
	Percent int // where Count is 0
}

// Of returns the floor for an RRset of n records, at least 1.
func (f Floor) Of(n int) int {
	if f.Count == 0 {
		return max(1, (n*f.Percent+99)/100)
	}
	return max(1, f.Count)
}

// String returns the floor as the configuration writes it.
func (f Floor) String() string {
	switch {
	case f.Count == 0 && f.Percent != 0:
		return strconv.Itoa(f.Percent) + "%"
	case f.Count == 0:
		return "1"
	}
	return strconv.Itoa(f.Count)
}

// ErrRule is wrapped by every error about the text of a rule's settings.
var ErrRule = errors.New("bad rule")

// ParseFloor reads "2" or "50%".
func ParseFloor(text string) (Floor, error) {
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || percent && n > 100 {
		return Floor{}, fmt.Errorf("%w: min_healthy %q: want a count as 2, or a part as 50%%", ErrRule, text)
	}
	if percent {
		return Floor{Percent: n}, nil
	}
	return Floor{Count: n}, nil
}

// TTL bounds what a checked RRset carries. The zero TTL is DefaultMaxTTL.
type TTL struct {
	Max uint32 // served at most, transferred and mirrored; 0 is DefaultMaxTTL
	// Min is the least that own answers may count down to. Withdraw does not look at it: a zone has one TTL for an RRset.
	Min uint32
}

// DefaultMaxTTL is the TTL of checked RRsets unless the rule or a lower one in the zone file says otherwise.
const DefaultMaxTTL = 60

// ParseTTL reads "60" or "60/30", in seconds.
func ParseTTL(text string) (TTL, error) {
	maxText, minText, both := strings.Cut(text, "/")
	hi, err := strconv.ParseUint(maxText, 10, 31)
	lo := hi / 2
	var err2 error
	if both {
		lo, err2 = strconv.ParseUint(minText, 10, 31)
	}
	if err != nil || err2 != nil || hi == 0 || lo > hi || both && lo == 0 {
		return TTL{}, fmt.Errorf("%w: ttl %q: want seconds as 60, or the most and the least as 60/30", ErrRule, text)
	}
	return TTL{uint32(hi), uint32(lo)}, nil
}

func (t TTL) cap(ttl uint32) uint32 { return min(ttl, t.max()) }

func (t TTL) max() uint32 {
	if t.Max == 0 {
		return DefaultMaxTTL
	}
	return t.Max
}

// Rule says which records of one name are checked, and what that means for them. It is a plain value: filled by whoever
// reads the configuration, and not changed once it is in use. A rule only ever takes from what the zone file says; the
// names of a CNAME rule's Targets are the one thing that it may put there.
type Rule struct {
	Name zones.Name // absolute; may be a wildcard or the apex
	// Types are the RRsets it is for: A, AAAA, or CNAME. Empty: what the name has of A and AAAA, else its CNAME.
	// Each RRset is judged by itself, with its own floor.
	Types []uint16
	// Checks are all made; the worst verdict counts. A rule without any changes nothing.
	Checks     []Check
	Policy     Policy
	Targets    []zones.Name // CNAME failover: the names it may point at, best first
	MinHealthy Floor        // below it AllDown applies; with Failover, one usable target is always enough
	AllDown    AllDown
	TTL        TTL
	Pos        zones.Pos // where it is written, for problems and decisions
}
