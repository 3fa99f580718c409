package providers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// Driver speaks to one account at one DNS service. A Driver is safe for concurrent use; its
// constructor does no I/O and reports every mistake of its configuration as an error (never by ending
// the process). Every call is bounded by its context, returns soon after the context ends, and never panics.
//
// An error of any method means "state unknown: read again". It never means that the zone is empty and
// never that nothing was done. Errors say which kind they are by wrapping one of the Err sentinels, where known.
type Driver interface {
	// Project returns how the provider holds s: the same RRset where it can be held as it is; with notes, each
	// complete in words ("TTL 20 becomes 60"), where it is held differently; an error wrapping ErrCannotHold that says why
	// where it can't be held at all. Pure: no I/O, the same answer every time. Project(Project(s)) is
	// Project(s), and what Snapshot returns after an Apply of it is equal to it (see Equal). Attributes that a Snapshot showed at the
	// RRset are passed in s.Attrs again unless an overlay says otherwise, so that what depends on them (a TTL) comes out
	// as it is held; an attribute that means nothing to the provider, or on this type, is dropped with a note.
	Project(s RRset) (held RRset, notes []string, err error)

	// Snapshot reads the whole zone, or fails: never a part of it. The Snapshot belongs to the caller.
	Snapshot(ctx context.Context, zone zones.Name) (*Snapshot, error)

	// Apply brings the changes about. Each change's Old is what snap holds for it and New the Project'ed RRset that is
	// wanted. The provider must hold Old (or New already) at that moment, exactly where it offers
	// compare-and-swap, by reading just before where it does not; else nothing is done about that change and the error
	// wraps ErrConflict. No RRset that is to have records passes through having none; no
	// change is split over two calls unless it cannot be otherwise. It never touches anything that is not named in changes.
	// nil means that the provider accepted everything; the engine reads back all the same.
	// Where single changes were refused the error joins one *ChangeError each.
	Apply(ctx context.Context, zone zones.Name, snap *Snapshot, changes []Change) error

	// Nameservers returns where the provider answers for zone, to ask what it really serves. Empty, without error, where it
	// can't be asked by DNS.
	Nameservers(ctx context.Context, zone zones.Name) ([]Nameserver, error)

	// Visible returns what the provider's name servers should answer for an RRset that they hold; false where that can't
	// be foretold (a proxied name answers the proxy's addresses).
	Visible(s RRset) (zones.RRset, bool)
}

// RRset is an RRset as a provider holds it: the records, and what the provider hangs on them beside DNS.
type RRset struct {
	zones.RRset
	// Attrs are the provider's own attributes ("proxied": "true", "comment": "web"); nil for none. The overlay of a zone asks for
	// them; an attribute that no overlay names is left as it is at the provider, and never counts as a difference.
	Attrs map[string]string
}

// Change is what is to become of one RRset at a provider. Old is what is there (no records: nothing), New what
// is wanted (no records: it goes).
type Change struct {
	Name   zones.Name
	Type   uint16
	Old    RRset
	New    RRset
	Health bool // made by a verdict, not by an edit: drivers put these first and keep a reserve of their rate for them
}

// Snapshot is what a provider held when it was read.
type Snapshot struct {
	RRsets  []RRset   // everything that can be told as RRsets, the apex SOA and NS included where the provider shows them
	Foreign []Foreign // everything else; never touched
	Time    time.Time
	Token   any // the driver's own: record ids, serial; handed back to Apply
}

// Foreign is something that a provider holds and that is not an ordinary RRset: an alias, a weighted set,
// a type that we don't know. A change at its name and type is refused.
type Foreign struct {
	Name zones.Name
	Type uint16 // 0 where it has none of the DNS
	Text string // for people: "alias to d123.cloudfront.net."
}

// Nameserver is one of the servers that answer for a provider.
type Nameserver struct {
	Name string // as in the NS record, for messages; may be empty
	Addr string // host:port to ask; where the host is a name, whoever asks resolves it
}

// Sentinels that a Driver's errors wrap.
var (
	// ErrZoneNotFound: the account has no such zone, or it is not visible to these credentials.
	ErrZoneNotFound = errors.New("no such zone at the provider")
	// ErrAuth: the provider refused the credentials, or what they may do does not suffice. Trying again does not help.
	ErrAuth = errors.New("credentials refused")
	// ErrConflict: the provider does not hold what the plan was made from. Read and plan again.
	ErrConflict = errors.New("changed meanwhile")
	// ErrCannotHold: the provider cannot hold this RRset. Nothing but another zone helps.
	ErrCannotHold = errors.New("cannot be held")
	// ErrRefused: the provider understood and said no (validation). Trying the same again does not help.
	ErrRefused = errors.New("refused by the provider")
	// ErrRateLimited: too many calls; see RetryAfter.
	ErrRateLimited = errors.New("rate limited")
	// ErrUnavailable: no answer, or one of the 5xx kind: the provider may or may not have done it.
	ErrUnavailable = errors.New("provider unavailable")
)

// RetryError tells when trying again makes sense. It wraps ErrRateLimited or ErrUnavailable.
type RetryError struct {
	After time.Duration // 0: not said
	Err   error
}

func (e *RetryError) Error() string {
	if e.After > 0 {
		return fmt.Sprintf("%v (retry after %v)", e.Err, e.After)
	}
	return e.Err.Error()
}

func (e *RetryError) Unwrap() error { return e.Err }

// ChangeError is the refusal of one change.
type ChangeError struct {
	Name zones.Name
	Type uint16
	Err  error
}

func (e *ChangeError) Error() string {
	return fmt.Sprintf("%s %s: %v", e.Name, zones.TypeString(e.Type), e.Err)
}

func (e *ChangeError) Unwrap() error { return e.Err }
