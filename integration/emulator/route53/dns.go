package route53

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

const (
	maxChain       = 8  // CNAMEs and aliases followed inside a zone
	maxMultivalue  = 8  // records of a multivalue answer
	aliasTTL       = 60 // of aliases to AWS's own services
	udpSize        = 512
	udpSizeMost    = 1232
	anywhereInDNS  = "*" // the country code of the default location
	failoverMaster = "PRIMARY"
)

// serveDNS answers one query as the name servers of all public zones.
func (s *Server) serveDNS(w dns.ResponseWriter, q *dns.Msg) {
	m := s.reply(q)
	if m == nil {
		return
	}
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
		size := udpSize
		if o := q.IsEdns0(); o != nil {
			size = min(max(int(o.UDPSize()), udpSize), udpSizeMost)
		}
		m.Truncate(size)
	}
	_ = w.WriteMsg(m) // nobody to tell
}

func (s *Server) reply(q *dns.Msg) *dns.Msg {
	if q.Response {
		return nil
	}
	m := new(dns.Msg)
	switch {
	case q.Opcode != dns.OpcodeQuery:
		m.SetRcode(q, dns.RcodeNotImplemented)
		return m
	case len(q.Question) != 1:
		m.SetRcode(q, dns.RcodeFormatError)
		return m
	}
	question := q.Question[0]
	n, err := nameFromWire(question.Name)
	if err != nil {
		m.SetRcode(q, dns.RcodeFormatError)
		return m
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.publicZoneLocked(n)
	if z == nil || question.Qclass != dns.ClassINET || question.Qtype == dns.TypeAXFR || question.Qtype == dns.TypeIXFR {
		m.SetRcode(q, dns.RcodeRefused)
	} else {
		m = s.answerLocked(z, n, question.Qtype)
		m.SetRcode(q, m.Rcode)
		if o := q.IsEdns0(); o != nil {
			m.SetEdns0(udpSizeMost, o.Do())
		}
	}
	return m
}

// publicZoneLocked is the public zone that is closest above n. Of several zones
// of one name, which the service tells apart by their name servers, it is the
// oldest.
func (s *Server) publicZoneLocked(n name) *zone {
	for i := range len(n) + 1 {
		for _, z := range s.byName[n[i:].key()] {
			if !z.private {
				return z
			}
		}
	}
	return nil
}

// An answering is one query on its way through a zone.
type answering struct {
	s    *Server
	zone *zone
	m    *dns.Msg
}

// answerLocked answers from what of z is visible. The message has no question
// yet.
func (s *Server) answerLocked(z *zone, n name, qtype uint16) *dns.Msg {
	s.settleLocked(z)
	a := answering{s, z, new(dns.Msg)}
	a.m.Authoritative = true
	for range maxChain {
		next, more := a.step(n, qtype)
		if !more || !next.within(z.name) {
			break
		}
		n = next
	}
	return a.m
}

// step answers one name (RFC 1034 4.3.2) and says which name a CNAME leads to.
func (a *answering) step(n name, qtype uint16) (next name, more bool) {
	if cut, ns := a.cut(n, qtype); ns != nil {
		a.refer(cut, ns)
		return nil, false
	}
	owner := n
	if !a.exists(n) {
		source, ok := a.wildcard(n)
		if !ok {
			a.negative(dns.RcodeNameError)
			return nil, false
		}
		owner = source
	}
	if rrs := a.records(owner, qtype, n, 0); len(rrs) > 0 {
		a.m.Answer = append(a.m.Answer, rrs...)
		return nil, false
	}
	if cname := a.records(owner, dns.TypeCNAME, n, 0); len(cname) > 0 {
		a.m.Answer = append(a.m.Answer, cname...)
		target, err := nameFromWire(cname[0].(*dns.CNAME).Target)
		return target, err == nil && qtype != dns.TypeANY
	}
	a.negative(dns.RcodeSuccess)
	return nil, false
}

// cut finds a delegation at or above n, below the apex.
func (a *answering) cut(n name, qtype uint16) (name, []dns.RR) {
	for i := len(n) - len(a.zone.name) - 1; i >= 0; i-- {
		at := n[i:]
		if i == 0 && qtype == dns.TypeDS {
			break // the parent's side answers for it
		}
		if rrs := a.records(at, dns.TypeNS, at, 0); len(rrs) > 0 {
			return at, rrs
		}
	}
	return nil, nil
}

func (a *answering) refer(cut name, ns []dns.RR) {
	a.m.Authoritative = false
	a.m.Ns = append(a.m.Ns, ns...)
	a.m.Ns = append(a.m.Ns, a.records(cut, dns.TypeDS, cut, 0)...)
	for _, rr := range ns {
		glue, err := nameFromWire(rr.(*dns.NS).Ns)
		if err != nil || !glue.within(a.zone.name) {
			continue
		}
		a.m.Extra = append(a.m.Extra, a.records(glue, dns.TypeA, glue, 0)...)
		a.m.Extra = append(a.m.Extra, a.records(glue, dns.TypeAAAA, glue, 0)...)
	}
}

// negative adds the SOA record with the TTL of RFC 2308.
func (a *answering) negative(rcode int) {
	a.m.Rcode = rcode
	for _, rr := range a.records(a.zone.name, dns.TypeSOA, a.zone.name, 0) {
		rr.Header().Ttl = min(rr.Header().Ttl, rr.(*dns.SOA).Minttl)
		a.m.Ns = append(a.m.Ns, rr)
	}
}

// exists: the name has records, or one below it has.
func (a *answering) exists(n name) bool {
	for _, r := range a.zone.visible {
		if r.owner.within(n) {
			return true
		}
	}
	return false
}

// wildcard finds the source of synthesis for a name that does not exist.
func (a *answering) wildcard(n name) (name, bool) {
	for i := 1; len(n)-i >= len(a.zone.name); i++ {
		if !a.exists(n[i:]) {
			continue
		}
		source := append(name{"*"}, n[i:]...)
		return source, a.exists(source)
	}
	return nil, false
}

// records are those of owner that a query for qtype gets, under the name shown.
func (a *answering) records(owner name, qtype uint16, shown name, depth int) []dns.RR {
	types := []string{dns.TypeToString[qtype]}
	if qtype == dns.TypeANY {
		types = recordTypes
	}
	var rrs []dns.RR
	for _, t := range types {
		rrs = append(rrs, a.set(owner, t, shown, depth)...)
	}
	return rrs
}

func (a *answering) set(owner name, rrtype string, shown name, depth int) []dns.RR {
	var members []*recordSet
	for k, r := range a.zone.visible {
		if k.name == owner.key() && k.rrtype == rrtype {
			members = append(members, r)
		}
	}
	var rrs []dns.RR
	for _, r := range a.s.choose(members) {
		rrs = append(rrs, a.render(r, shown, depth)...)
	}
	if len(rrs) > maxMultivalue && len(members) > 1 {
		rrs = rrs[:maxMultivalue]
	}
	return rrs
}

// render is one record set as records.
func (a *answering) render(r *recordSet, shown name, depth int) []dns.RR {
	if r.AliasTarget != nil {
		return a.alias(r, shown, depth)
	}
	var rrs []dns.RR
	for _, rr := range r.rdata {
		c := dns.Copy(rr)
		*c.Header() = dns.RR_Header{Name: shown.fqdn(), Rrtype: rr.Header().Rrtype, Class: dns.ClassINET, Ttl: uint32(*r.TTL)}
		rrs = append(rrs, c)
	}
	return rrs
}

// alias answers with the records of its target: of this zone, or the addresses
// that SetAliasTarget gave.
func (a *answering) alias(r *recordSet, shown name, depth int) []dns.RR {
	target, err := parseName(r.AliasTarget.DNSName)
	if err != nil || depth >= maxChain {
		return nil
	}
	rrtype := dns.StringToType[r.Type]
	if strings.TrimPrefix(r.AliasTarget.HostedZoneID, "/hostedzone/") == a.zone.id {
		return a.records(target, rrtype, shown, depth+1)
	}
	var rrs []dns.RR
	for _, text := range a.s.aliases[target.key()] {
		ip, err := netip.ParseAddr(text)
		h := dns.RR_Header{Name: shown.fqdn(), Rrtype: rrtype, Class: dns.ClassINET, Ttl: aliasTTL}
		switch {
		case err == nil && ip.Is4() && rrtype == dns.TypeA:
			rrs = append(rrs, &dns.A{Hdr: h, A: ip.AsSlice()})
		case err == nil && ip.Is6() && rrtype == dns.TypeAAAA:
			rrs = append(rrs, &dns.AAAA{Hdr: h, AAAA: ip.AsSlice()})
		}
	}
	return rrs
}

// choose applies the routing policy that the members of one name and type
// share: who answers this query. Unhealthy members are left out, unless all
// are unhealthy.
func (s *Server) choose(members []*recordSet) []*recordSet {
	if len(members) < 2 {
		return members
	}
	slices.SortFunc(members, compareSets)
	alive := slices.DeleteFunc(slices.Clone(members), func(r *recordSet) bool { return !s.alive(r) })
	if len(alive) == 0 {
		alive = members
	}
	switch members[0].policy() {
	case "weighted":
		return []*recordSet{s.weighted(alive)}
	case "multivalue answer":
		return alive
	case "failover":
		return prefer(alive, func(r *recordSet) bool { return *r.Failover == failoverMaster })
	case "geolocation":
		return prefer(alive, func(r *recordSet) bool { return r.GeoLocation.CountryCode == anywhereInDNS })
	default: // latency: every client is as near to one region as to another
		return alive[:1]
	}
}

// prefer is the first member that fits, else the first.
func prefer(members []*recordSet, fits func(*recordSet) bool) []*recordSet {
	if i := slices.IndexFunc(members, fits); i >= 0 {
		return members[i : i+1]
	}
	return members[:1]
}

func (s *Server) alive(r *recordSet) bool {
	healthy, known := s.healthy[deref(r.HealthCheckID)]
	return r.HealthCheckID == nil || healthy || !known
}

// weighted takes turns in proportion to the weights, so that tests see every
// member. Members of weight 0 answer only if all have it.
func (s *Server) weighted(members []*recordSet) *recordSet {
	total := int64(0)
	for _, r := range members {
		total += *r.Weight
	}
	k := members[0].owner.key() + members[0].Type
	turn := int64(s.picks[k])
	s.picks[k]++
	if total == 0 {
		return members[turn%int64(len(members))]
	}
	turn %= total
	for _, r := range members {
		if turn -= *r.Weight; turn < 0 {
			return r
		}
	}
	return members[len(members)-1]
}

func typeNumber(text string) (uint16, bool) {
	t, ok := dns.StringToType[text]
	return t, ok && slices.Contains(recordTypes, text)
}

func rcodeText(m *dns.Msg) string { return dns.RcodeToString[m.Rcode] }
