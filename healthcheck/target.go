package healthcheck

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mangrove-dns/mangrove/zones"
)

// Target is what a record points at: an address, or the name in a CNAME. Exactly one of the two is set.
type Target struct {
	Addr netip.Addr
	Name zones.Name
}

// String returns the address, or the name with its final dot.
func (t Target) String() string {
	if t.Addr.IsValid() {
		return t.Addr.String()
	}
	return t.Name.String()
}

// MarshalText returns String.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what String wrote.
func (t *Target) UnmarshalText(text []byte) error {
	s := string(text)
	if !strings.HasSuffix(s, ".") {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return fmt.Errorf("target %q is neither an address nor a name with its final dot", s)
		}
		*t = Target{Addr: addr}
		return nil
	}
	name, err := zones.ParseName(s)
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	*t = Target{Name: name}
	return nil
}

// endpoint returns where a probe of port goes: "192.0.2.9:443", "eu.lb.example.net:443".
func (t Target) endpoint(port uint16) string {
	if t.Addr.IsValid() {
		return netip.AddrPortFrom(t.Addr, port).String()
	}
	return hostOf(t.Name) + ":" + strconv.Itoa(int(port))
}

// hostOf returns a name as URLs and certificates write it.
func hostOf(n zones.Name) string { return strings.TrimSuffix(n.String(), ".") }

// Key is the identity of what is probed: target, port, host name and the settings of the check. Whatever the
// number of records and zones that need it, one key is probed once. It is readable, and the same after a restart.
type Key string

// Watch is one target to be probed with one check. It is made by NewWatch and not changed.
type Watch struct {
	Key    Key
	Target Target
	Host   string // the name that a client would ask for; empty for tcp, which does not say it
	Check  Check
}

// NewWatch returns the watch of target for the records of owner.
//
// The host name is the check's, else the owner: also for the named target of a CNAME, because a client asks for the
// name that it started with. Below a wildcard no client asks for "*" itself: WildcardLabel stands in its place.
func NewWatch(target Target, owner zones.Name, c Check) Watch {
	return newWatch(target, owner, c, fingerprint(c))
}

// WildcardLabel is the label that is asked for below a wildcard, where the check does not name a host. A
// certificate for the wildcard is good for it, and so is a virtual host for all names.
const WildcardLabel = "mangrove-check"

func newWatch(target Target, owner zones.Name, c Check, print string) Watch {
	w := Watch{Target: target, Check: c}
	key := string(c.Type) + " " + target.endpoint(c.port())
	if c.Type != TCP {
		w.Host = c.Host
		if w.Host == "" {
			w.Host = hostOf(owner)
			if owner.IsWildcard() {
				w.Host = WildcardLabel + strings.TrimPrefix(w.Host, "*")
			}
		}
		key += " " + w.Host
	}
	w.Key = Key(key + " " + print)
	return w
}

// fingerprint is the identity of the settings of a check, the name aside. Fields that the type ignores do not count.
func fingerprint(c Check) string {
	if c.Type == TCP {
		c.Method, c.Path, c.Host, c.SNI, c.Headers, c.ExpectStatus, c.ExpectBody = "", "", "", "", nil, nil, ""
		c.Insecure, c.CertMinDays = false, 0
	} else {
		c.Method, c.Path, c.ExpectStatus = c.method(), c.path(), c.statuses()
	}
	c.Port = c.port()
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings, numbers and slices of them always marshal; a jitter that is not a number is a bug of the caller
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}

// label is how reasons and logs begin: "https 192.0.2.9:443".
func (w Watch) label() string { return string(w.Check.Type) + " " + w.Target.endpoint(w.Check.port()) }
