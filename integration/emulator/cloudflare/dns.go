package cloudflare

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// autoTTL is what TTL 1, and everything proxied, is answered with.
const autoTTL = 300

// DNS returns the name servers' handler: authoritative answers from what has propagated.
func (s *Server) DNS() dns.Handler {
	return dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := s.respond(q)
		if w.RemoteAddr().Network() == "udp" {
			size := dns.MinMsgSize
			if o := q.IsEdns0(); o != nil {
				size = max(size, int(o.UDPSize()))
			}
			m.Truncate(min(size, 1232))
		}
		_ = w.WriteMsg(m) // a client that went away is no matter of ours
	})
}

// DNSQueries returns how many DNS queries came for a name and type.
func (s *Server) DNSQueries(name string, qtype uint16) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dns[strings.ToLower(dns.Fqdn(name))+" "+dns.TypeToString[qtype]]
}

func (s *Server) respond(q *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	if o := q.IsEdns0(); o != nil {
		m.SetEdns0(1232, o.Do())
	}
	if q.Opcode != dns.OpcodeQuery || len(q.Question) != 1 {
		m.Rcode = dns.RcodeNotImplemented
		return m
	}
	question := q.Question[0]
	name := strings.ToLower(question.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dns[name+" "+dns.TypeToString[question.Qtype]]++
	z := s.zoneOfLocked(name)
	if z == nil || question.Qclass != dns.ClassINET || question.Qtype == dns.TypeAXFR || question.Qtype == dns.TypeIXFR {
		m.Rcode = dns.RcodeRefused
		return m
	}
	z.step()
	m.Authoritative = true
	if question.Qtype == dns.TypeANY { // RFC 8482 4.2
		m.Answer = []dns.RR{&dns.HINFO{Hdr: dns.RR_Header{Name: question.Name, Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: 3789}, Cpu: "RFC8482"}}
		return m
	}
	s.resolveLocked(m, z, question.Name, question.Qtype, 0)
	return m
}

// zoneOfLocked finds the closest active zone that name is in.
func (s *Server) zoneOfLocked(name string) *zone {
	var found *zone
	for _, z := range s.order {
		if z.status == "active" && dns.IsSubDomain(z.name+".", name) && (found == nil || len(z.name) > len(found.name)) {
			found = z
		}
	}
	return found
}

// step counts one query towards the end of a propagation delay.
func (z *zone) step() {
	if z.waits > 0 {
		if z.waits--; z.waits == 0 {
			z.publish()
		}
	}
}

func (z *zone) soa() *dns.SOA {
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: z.name + ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 1800},
		Ns:  z.servers[0] + ".", Mbox: "dns.cloudflare.com.",
		Serial: z.serial, Refresh: 10000, Retry: 2400, Expire: 604800, Minttl: 1800,
	}
}

// resolveLocked is RFC 1034 4.3.2 over one zone, with the vendor's proxy and flattening. name keeps the question's case.
func (s *Server) resolveLocked(m *dns.Msg, z *zone, name string, qtype uint16, depth int) {
	lower := strings.ToLower(name)
	if z.refer(m, lower, qtype) {
		return
	}
	apex := lower == z.name+"."
	switch {
	case apex && qtype == dns.TypeSOA:
		m.Answer = append(m.Answer, withName(z.soa(), name, 1800))
		return
	case apex && qtype == dns.TypeNS:
		for _, ns := range z.servers {
			m.Answer = append(m.Answer, &dns.NS{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: 86400}, Ns: ns + "."})
		}
		return
	}
	records, exists := z.lookup(lower)
	if !exists {
		m.Rcode = dns.RcodeNameError
		m.Ns = []dns.RR{z.soa()}
		return
	}
	before := len(m.Answer)
	s.answerLocked(m, records, name, qtype, apex, depth)
	if len(m.Answer) == before && m.Rcode == dns.RcodeSuccess {
		m.Ns = []dns.RR{z.soa()}
	}
}

// answerLocked appends what the records of one name say to qtype.
func (s *Server) answerLocked(m *dns.Msg, records []*Record, name string, qtype uint16, apex bool, depth int) {
	isAddress := qtype == dns.TypeA || qtype == dns.TypeAAAA
	if isAddress && slices.ContainsFunc(records, func(r *Record) bool { return r.Proxied }) {
		m.Answer = append(m.Answer, addressRRs(name, qtype, autoTTL, s.opts.ProxyAddrs)...)
		return
	}
	// The API lets a CNAME stand beside anything but addresses and NS; DNS does not.
	if i := slices.IndexFunc(records, func(r *Record) bool { return r.Type == "CNAME" && !r.Proxied }); i >= 0 && !apex {
		records = records[i : i+1]
	}
	for _, r := range records {
		switch {
		case r.rr.Header().Rrtype == qtype && !(apex && r.Type == "CNAME"):
			m.Answer = append(m.Answer, withName(r.rr, name, r.ttl()))
		case r.Type != "CNAME" || r.Proxied || depth > 8:
		case apex:
			if isAddress {
				m.Answer = append(m.Answer, addressRRs(name, qtype, r.ttl(), s.flattenLocked(r.rr.(*dns.CNAME).Target, qtype, depth))...)
			}
		default:
			target := r.rr.(*dns.CNAME).Target
			m.Answer = append(m.Answer, withName(r.rr, name, r.ttl()))
			if next := s.zoneOfLocked(target); next != nil {
				s.resolveLocked(m, next, target, qtype, depth+1)
			}
		}
	}
}

// flattenLocked finds the addresses at the end of a CNAME chain.
func (s *Server) flattenLocked(target string, qtype uint16, depth int) []netip.Addr {
	z := s.zoneOfLocked(target)
	if z == nil {
		if s.opts.Resolve == nil {
			return nil
		}
		return s.opts.Resolve(target, qtype)
	}
	inner := new(dns.Msg)
	s.resolveLocked(inner, z, target, qtype, depth+1)
	var out []netip.Addr
	for _, rr := range inner.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			a, _ := netip.AddrFromSlice(rr.A.To4())
			out = append(out, a)
		case *dns.AAAA:
			a, _ := netip.AddrFromSlice(rr.AAAA.To16())
			out = append(out, a)
		}
	}
	return out
}

// refer makes a referral where name is at or below a zone cut.
func (z *zone) refer(m *dns.Msg, name string, qtype uint16) bool {
	cut := ""
	for _, r := range z.published {
		owner := r.Name + "."
		if r.Type == "NS" && r.Name != z.name && dns.IsSubDomain(owner, name) && !(owner == name && qtype == dns.TypeDS) && (cut == "" || len(owner) < len(cut)) {
			cut = owner
		}
	}
	if cut == "" {
		return false
	}
	m.Authoritative = false
	for _, r := range z.published {
		if r.Type == "NS" && r.Name+"." == cut {
			m.Ns = append(m.Ns, withName(r.rr, cut, r.ttl()))
			for _, g := range z.published {
				if (g.Type == "A" || g.Type == "AAAA") && g.Name == r.Content {
					m.Extra = append([]dns.RR{withName(g.rr, g.Name+".", g.ttl())}, m.Extra...)
				}
			}
		}
	}
	return true
}

// lookup returns the records of name, or of the wildcard that covers it (RFC 4592).
func (z *zone) lookup(name string) (records []*Record, exists bool) {
	at := func(owner string) (list []*Record, exists bool) {
		for _, r := range z.published {
			if r.Name+"." == owner && !(r.Type == "NS" && r.Name == z.name) {
				list = append(list, r)
			}
			exists = exists || dns.IsSubDomain(owner, r.Name+".")
		}
		return list, exists || owner == z.name+"."
	}
	if records, exists = at(name); exists {
		return records, true
	}
	encloser := name
	for !exists {
		next, _ := dns.NextLabel(encloser, 0)
		encloser = encloser[next:]
		_, exists = at(encloser)
	}
	records, _ = at("*." + encloser)
	return records, len(records) > 0
}

func (r *Record) ttl() uint32 {
	if r.TTL == 1 {
		return autoTTL
	}
	return uint32(r.TTL)
}

func withName(rr dns.RR, name string, ttl uint32) dns.RR {
	rr = dns.Copy(rr)
	h := rr.Header()
	h.Name, h.Class, h.Ttl = name, dns.ClassINET, ttl
	return rr
}

func addressRRs(name string, qtype uint16, ttl uint32, addrs []netip.Addr) []dns.RR {
	var out []dns.RR
	for _, a := range addrs {
		h := dns.RR_Header{Name: name, Rrtype: qtype, Class: dns.ClassINET, Ttl: ttl}
		switch {
		case qtype == dns.TypeA && a.Is4():
			out = append(out, &dns.A{Hdr: h, A: a.AsSlice()})
		case qtype == dns.TypeAAAA && a.Is6():
			out = append(out, &dns.AAAA{Hdr: h, AAAA: a.AsSlice()})
		}
	}
	return out
}
