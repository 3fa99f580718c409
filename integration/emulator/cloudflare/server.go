package cloudflare

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Plan is what a zone's owner pays for. It decides limits.
type Plan int

const (
	Free       Plan = iota // 200 operations a batch, TTL from 60, no tags
	Paid                   // 3500 operations a batch, TTL from 60, 20 tags a record
	Enterprise             // 3500 operations a batch, TTL from 30, 20 tags a record
)

// Options say what a Server emulates. The zero value of each field is its default.
type Options struct {
	// Token is the API token that may do everything; empty means "test-token".
	Token string
	// ReadOnlyToken may read and not write; empty means that there is none.
	ReadOnlyToken string
	// Zones are the names of the zones there from the start; AddZone adds more.
	Zones []string
	// Plan is that of every zone.
	Plan Plan
	// Now is the clock of timestamps and of the rate limit; nil means time.Now.
	Now func() time.Time
	// PageSizeMax caps per_page of record lists below what was asked, so that few records
	// make several pages; 0 means the documented 5,000,000.
	PageSizeMax int
	// RateLimit switches on 1200 requests per five minutes and token, after which every
	// call is blocked for five minutes.
	RateLimit bool
	// MaxRecords is the quota of a zone; 0 means 1000 (free) or 3500.
	MaxRecords int
	// ErrorChain wraps validation errors in 1004 "DNS Validation Error", as before October 2024.
	ErrorChain bool
	// ProxyAddrs answer for proxied names; empty means two IPv4 and two IPv6 addresses.
	ProxyAddrs []netip.Addr
	// Resolve finds the addresses of a CNAME target outside of the emulated zones, for
	// flattening at the apex. nil means that there are none.
	Resolve func(name string, qtype uint16) []netip.Addr
}

// Server is the emulator. It is safe for concurrent use. It starts nothing: Listen does, or
// an http.Server and dns.Servers of the caller's.
type Server struct {
	opts Options

	mu     sync.Mutex
	zones  map[string]*zone // by name, without final dot
	order  []*zone          // as they were added
	seq    int              // makes ids
	log    []Request
	faults []*Fault
	dark   bool
	limits map[string]*window // by token
	lag    int                // see SetPropagation
	dns    map[string]int     // DNS queries by "name. TYPE"
	closed chan struct{}      // ends requests that hang
}

// zone is one zone. Records are never modified once stored; a change stores a new one.
type zone struct {
	id, name  string
	status    string
	created   time.Time
	servers   []string
	records   map[string]*Record // by id
	published []*Record          // what DNS answers
	waits     int                // queries until published is renewed; -1: until Propagate
	serial    uint32
}

// New returns a Server; it panics on a zone name that is not one.
func New(opts Options) *Server {
	if opts.Token == "" {
		opts.Token = "test-token"
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.MaxRecords == 0 {
		opts.MaxRecords = map[Plan]int{Free: 1000, Paid: 3500, Enterprise: 3500}[opts.Plan]
	}
	if len(opts.ProxyAddrs) == 0 {
		for _, a := range []string{"104.16.0.1", "104.17.0.1", "2606:4700::6810:1", "2606:4700::6811:1"} {
			opts.ProxyAddrs = append(opts.ProxyAddrs, netip.MustParseAddr(a))
		}
	}
	s := &Server{
		opts:   opts,
		zones:  make(map[string]*zone),
		limits: make(map[string]*window),
		dns:    make(map[string]int),
		closed: make(chan struct{}),
	}
	for _, z := range opts.Zones {
		s.AddZone(z)
	}
	return s
}

// AddZone adds an active, empty zone and returns its id. A zone that is there already is kept.
func (s *Server) AddZone(name string) string {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if _, ok := dns.IsDomainName(name); !ok || name == "" {
		panic(fmt.Sprintf("cloudflare emulator: %q is no zone name", name))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if z := s.zones[name]; z != nil {
		return z.id
	}
	z := &zone{
		id: s.newIDLocked("zone"), name: name, status: "active", created: s.opts.Now().UTC(),
		servers: []string{"ada.ns.cloudflare.com", "bob.ns.cloudflare.com"},
		records: make(map[string]*Record), serial: 2300000001,
	}
	s.zones[name] = z
	s.order = append(s.order, z)
	return z.id
}

// RemoveZone takes a zone away with all that it holds.
func (s *Server) RemoveZone(name string) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.zones, name)
	s.order = slices.DeleteFunc(s.order, func(z *zone) bool { return z.name == name })
}

// SetZoneStatus makes a zone "pending" (not answered by DNS until the delegation is seen) or "active".
func (s *Server) SetZoneStatus(name, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustZoneLocked(name).status = status
}

// NameServers returns the host names assigned to the zone.
func (s *Server) NameServers(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mustZoneLocked(name).servers)
}

// Records returns what the zone holds, ordered by name, type and content. The Records are
// the caller's to keep, not to modify.
func (s *Server) Records(zone string) []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Record
	for _, r := range s.mustZoneLocked(zone).sorted() {
		out = append(out, *r)
	}
	return out
}

// Create puts a record into a zone as POST would do it, without HTTP, authentication or
// faults: somebody else's change, for tests. The error is the API's.
func (s *Server) Create(zone string, fields map[string]any) (Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.mustZoneLocked(zone)
	tx := z.begin()
	r, errs := s.postLocked(tx, rawFields(fields))
	if errs != nil {
		return Record{}, errs
	}
	s.commitLocked(tx)
	return *r, nil
}

// Update changes a record as PATCH would do it, likewise.
func (s *Server) Update(zone, id string, fields map[string]any) (Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.mustZoneLocked(zone)
	tx := z.begin()
	r, errs := s.patchLocked(tx, id, rawFields(fields))
	if errs != nil {
		return Record{}, errs
	}
	s.commitLocked(tx)
	return *r, nil
}

// Delete takes a record away, likewise.
func (s *Server) Delete(zone, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx := s.mustZoneLocked(zone).begin()
	if _, errs := s.deleteLocked(tx, id); errs != nil {
		return errs
	}
	s.commitLocked(tx)
	return nil
}

// Seed stores a record that the API of today would not make: TXT content without quotes, a
// record of a managed service (Meta with "read_only"). ID and times are given where they are
// empty. It panics where rr, which DNS answers with and duplicates are found by, is no record.
func (s *Server) Seed(zone string, r Record, rr string) Record {
	parsed, err := dns.NewRR(rr)
	if err != nil || parsed == nil {
		panic(fmt.Sprintf("cloudflare emulator: seed %q: %v", rr, err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.mustZoneLocked(zone)
	if r.ID == "" {
		r.ID = s.newIDLocked("record")
	}
	r.CreatedOn, r.ModifiedOn, r.rr = s.opts.Now().UTC(), s.opts.Now().UTC(), parsed
	tx := z.begin()
	tx.records[r.ID] = &r
	s.commitLocked(tx)
	return r
}

func (s *Server) mustZoneLocked(name string) *zone {
	z := s.zones[strings.ToLower(strings.TrimSuffix(name, "."))]
	if z == nil {
		panic(fmt.Sprintf("cloudflare emulator: no zone %q", name))
	}
	return z
}

// newIDLocked makes 32 hexadecimal digits, the same ones in every run.
func (s *Server) newIDLocked(kind string) string {
	s.seq++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", kind, s.seq))
	return hex.EncodeToString(sum[:16])
}

// transaction is a zone's records with changes that may yet be dropped.
type transaction struct {
	zone    *zone
	records map[string]*Record
}

func (z *zone) begin() *transaction { return &transaction{z, maps.Clone(z.records)} }

// commitLocked makes the transaction the zone's state, and tells DNS now or later.
func (s *Server) commitLocked(tx *transaction) {
	z := tx.zone
	z.records = tx.records
	if s.lag == 0 {
		z.publish()
		return
	}
	z.waits = s.lag
}

func (z *zone) publish() {
	z.published, z.waits = z.sorted(), 0
	z.serial++
}

func (z *zone) sorted() []*Record {
	return slices.SortedFunc(maps.Values(z.records), compareRecords)
}

// SetPropagation says when DNS answers follow a change: 0 at once (the default), n > 0 after
// n more queries in that zone, negative when Propagate is called.
func (s *Server) SetPropagation(queries int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag = queries
}

// Propagate brings every zone's DNS answers up to what the API holds.
func (s *Server) Propagate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, z := range s.order {
		z.publish()
	}
}

var _ http.Handler = (*Server)(nil)
