package route53

import (
	"maps"
	"slices"
)

// A Request is one line of the log of the API.
type Request struct {
	ID     string
	Op     string // the operation's name, "" if the path is none
	Method string
	Path   string // with the query
	Body   string
	Status int    // HTTP status; 0 while under way and where the connection was cut
	Code   string // the error's code, "" for success

	number int
}

// A RecordSet is what a zone holds for one name, type and set identifier.
type RecordSet struct {
	Name          string // as the API shows it, with octal escapes
	Type          string
	TTL           int64 // 0 for an alias
	Values        []string
	SetIdentifier string
	Alias         string // the target's DNS name, "" for ordinary records
	Visible       bool   // the name servers answer exactly this already
}

// RRsets are the record sets that the API holds for the zone, in the order in
// which it lists them. It is nil if there is no such zone.
func (s *Server) RRsets(zoneID string) []RecordSet {
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.zones[zoneID]
	if z == nil {
		return nil
	}
	s.settleLocked(z)
	var sets []RecordSet
	for _, r := range sorted(z.sets) {
		sets = append(sets, RecordSet{
			Name: r.Name, Type: r.Type, TTL: deref(r.TTL), Values: r.values(),
			SetIdentifier: deref(r.SetIdentifier), Alias: deref(r.AliasTarget).DNSName,
			Visible: z.visible[r.key()] == r,
		})
	}
	return sets
}

// NameServers are the zone's delegation set, without trailing dots.
func (s *Server) NameServers(zoneID string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if z := s.zones[zoneID]; z != nil {
		return slices.Clone(z.servers)
	}
	return nil
}

// Requests is the log of all calls that arrived while the API was not dark,
// oldest first.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Calls counts the calls of an operation, whatever became of them; "" counts
// all.
func (s *Server) Calls(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.log {
		if op == "" || r.Op == op {
			n++
		}
	}
	return n
}

// Release makes every change INSYNC that is still PENDING, whatever Options.Sync
// says.
func (s *Server) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, z := range s.zones {
		if n := len(z.pending); n > 0 {
			z.applyThrough(z.pending[n-1])
		}
	}
}

// SetSync changes when changes become INSYNC, those under way included.
func (s *Server) SetSync(sync Sync) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts.Sync = sync
}

// SetHealth says what a health check finds; checks nobody spoke of are healthy.
// DNS leaves unhealthy members of a routing policy out while any other is left.
func (s *Server) SetHealth(checkID string, healthy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.healthy[checkID] = healthy
}

// SetAliasTarget gives the addresses behind an alias target that is no record
// of this account: a load balancer, a distribution. The name is compared
// without case and trailing dot.
func (s *Server) SetAliasTarget(dnsName string, addresses ...string) {
	n, err := parseName(dnsName)
	if err != nil {
		panic("route53 emulator: SetAliasTarget: " + err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aliases[n.key()] = slices.Clone(addresses)
}

// Zones are the ids of all hosted zones, sorted.
func (s *Server) Zones() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.zones))
}

func (s *Server) begin(r *Request) (id string, number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	number = len(s.log)
	r.ID = requestID(number + 1)
	s.log = append(s.log, *r)
	return r.ID, number
}

func (s *Server) finish(number, status int, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log[number].Status, s.log[number].Code = status, code
}

func (r *recordSet) values() []string {
	if r.ResourceRecords == nil {
		return nil
	}
	var values []string
	for _, v := range r.ResourceRecords.Records {
		values = append(values, v.Value)
	}
	return values
}
