// Package demodns is the other company's name server in mangrove demo: it holds one zone in memory, answers for it,
// and takes transfers (RFC 5936) and updates (RFC 2136) that are signed with its key (RFC 8945). Its control plane can
// go dark while it answers on, as those of real companies do.
//
// It is as small as the demo allows: no wildcards, no delegations, no EDNS. Nothing else may use it.
package demodns

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"
)

// Server holds one zone. Make it with New.
type Server struct {
	origin  string
	keyName string
	secret  string
	dark    atomic.Bool
	updates atomic.Int64

	mu      sync.Mutex
	records []dns.RR // the SOA first
}

// New returns a server for origin whose control plane wants the TSIG key keyName (hmac-sha256, secret in base64).
func New(origin, keyName, secret string) *Server {
	origin = dns.Fqdn(strings.ToLower(origin))
	soa, err := dns.NewRR(origin + " 3600 IN SOA ns1.other.example. hostmaster.other.example. 1 3600 600 1209600 60")
	if err != nil {
		panic(err) // origin comes from the demo itself
	}
	return &Server{origin: origin, keyName: dns.Fqdn(keyName), secret: secret, records: []dns.RR{soa}}
}

// SetDark makes the control plane fail, or work again; questions are answered all the while.
func (s *Server) SetDark(dark bool) { s.dark.Store(dark) }

// Updates returns how many updates changed the zone.
func (s *Server) Updates() int { return int(s.updates.Load()) }

// Listen binds UDP and TCP on one port of 127.0.0.1 that the system picks; serve runs until its context ends.
func (s *Server) Listen() (addr string, serve func(context.Context) error, err error) {
	// The port that TCP gets may be taken on UDP: then another is tried.
	for range 16 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", nil, err
		}
		pc, err := net.ListenPacket("udp", l.Addr().String())
		if err != nil {
			l.Close()
			continue
		}
		return l.Addr().String(), func(ctx context.Context) error { return s.serve(ctx, l, pc) }, nil
	}
	return "", nil, fmt.Errorf("no port is free for both UDP and TCP")
}

func (s *Server) serve(ctx context.Context, l net.Listener, pc net.PacketConn) error {
	keys := map[string]string{s.keyName: s.secret}
	tcp := &dns.Server{Listener: l, Handler: s, TsigSecret: keys, MsgAcceptFunc: accept}
	udp := &dns.Server{PacketConn: pc, Handler: s, TsigSecret: keys, MsgAcceptFunc: accept}
	done := make(chan error, 2)
	go func() { done <- tcp.ActivateAndServe() }()
	go func() { done <- udp.ActivateAndServe() }()
	select {
	case <-ctx.Done():
		l.Close()
		pc.Close()
		<-done
		<-done
		return nil
	case err := <-done:
		l.Close()
		pc.Close()
		<-done
		return err
	}
}

// accept lets updates in, which the library's own rule refuses.
func accept(h dns.Header) dns.MsgAcceptAction {
	if opcode := int(h.Bits>>11) & 0xf; opcode == dns.OpcodeUpdate && h.Bits&(1<<15) == 0 {
		return dns.MsgAccept
	}
	return dns.DefaultMsgAcceptFunc(h)
}

// ServeDNS implements dns.Handler.
func (s *Server) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	control := r.Opcode == dns.OpcodeUpdate || len(r.Question) == 1 && r.Question[0].Qtype == dns.TypeAXFR
	if control && s.dark.Load() {
		w.Close() // no answer at all: whoever asked can't know what was done
		return
	}
	m := new(dns.Msg).SetReply(r)
	signed := r.IsTsig() != nil && w.TsigStatus() == nil
	switch {
	case len(r.Question) != 1 || !strings.EqualFold(r.Question[0].Name, s.origin) && control:
		m.Rcode = dns.RcodeFormatError
	case control && !signed:
		m.Rcode = dns.RcodeNotAuth
	case r.Opcode == dns.OpcodeUpdate:
		m.Rcode = s.update(r)
	case control:
		s.transfer(w, r)
		return
	default:
		s.answer(m, r.Question[0])
	}
	if signed {
		m.SetTsig(s.keyName, dns.HmacSHA256, 300, int64(r.IsTsig().TimeSigned))
	}
	// A client that went away is not ours to mend.
	_ = w.WriteMsg(m)
}

func (s *Server) transfer(w dns.ResponseWriter, r *dns.Msg) {
	s.mu.Lock()
	all := append(slices.Clone(s.records), s.records[0])
	s.mu.Unlock()
	envelopes := make(chan *dns.Envelope, 1)
	envelopes <- &dns.Envelope{RR: all}
	close(envelopes)
	_ = new(dns.Transfer).Out(w, r, envelopes)
	w.Close()
}

func (s *Server) answer(m *dns.Msg, q dns.Question) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !dns.IsSubDomain(s.origin, q.Name) {
		m.Rcode = dns.RcodeRefused
		return
	}
	m.Authoritative = true
	exists := false
	for _, rr := range s.records {
		if !strings.EqualFold(rr.Header().Name, q.Name) {
			exists = exists || dns.IsSubDomain(q.Name, rr.Header().Name)
			continue
		}
		exists = true
		if t := rr.Header().Rrtype; t == q.Qtype || t == dns.TypeCNAME {
			m.Answer = append(m.Answer, rr)
		}
	}
	if len(m.Answer) == 0 {
		m.Ns = []dns.RR{s.records[0]}
		if !exists {
			m.Rcode = dns.RcodeNameError
		}
	}
}

// update applies an UPDATE whole or not at all (RFC 2136 3).
func (s *Server) update(r *dns.Msg) (rcode int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rcode := s.prerequisites(r.Answer); rcode != dns.RcodeSuccess {
		return rcode
	}
	next := slices.Clone(s.records)
	for _, rr := range r.Ns {
		h := rr.Header()
		if !dns.IsSubDomain(s.origin, h.Name) {
			return dns.RcodeNotZone
		}
		same := func(o dns.RR) bool {
			return strings.EqualFold(o.Header().Name, h.Name) && o.Header().Rrtype != dns.TypeSOA &&
				(h.Rrtype == dns.TypeANY || o.Header().Rrtype == h.Rrtype)
		}
		switch h.Class {
		case dns.ClassANY: // 2.5.2, 2.5.3: an RRset, or all of a name, goes
			next = slices.DeleteFunc(next, same)
		case dns.ClassNONE: // 2.5.4: one record goes
			rr := dns.Copy(rr)
			rr.Header().Class = dns.ClassINET
			next = slices.DeleteFunc(next, func(o dns.RR) bool { return same(o) && dns.IsDuplicate(o, rr) })
		default: // 2.5.1: a record comes, and with its TTL the RRset's
			next = slices.DeleteFunc(next, func(o dns.RR) bool { return dns.IsDuplicate(o, rr) })
			for i, o := range next {
				if same(o) && o.Header().Ttl != h.Ttl {
					next[i] = dns.Copy(o)
					next[i].Header().Ttl = h.Ttl
				}
			}
			next = append(next, rr)
		}
	}
	if len(r.Ns) > 0 {
		soa := dns.Copy(s.records[0]).(*dns.SOA)
		soa.Serial++
		next[0] = soa
		s.updates.Add(1)
	}
	s.records = next
	return dns.RcodeSuccess
}

// prerequisites checks what must be so before the update (RFC 2136 3.2).
func (s *Server) prerequisites(rrs []dns.RR) int {
	exact := map[dns.Question][]dns.RR{}
	for _, rr := range rrs {
		h := rr.Header()
		have := s.rrset(h.Name, h.Rrtype)
		switch {
		case h.Class == dns.ClassANY && h.Rrtype == dns.TypeANY && len(have) == 0:
			return dns.RcodeNameError
		case h.Class == dns.ClassANY && len(have) == 0:
			return dns.RcodeNXRrset
		case h.Class == dns.ClassNONE && h.Rrtype == dns.TypeANY && len(have) > 0:
			return dns.RcodeYXDomain
		case h.Class == dns.ClassNONE && len(have) > 0:
			return dns.RcodeYXRrset
		case h.Class == dns.ClassINET:
			key := dns.Question{Name: strings.ToLower(h.Name), Qtype: h.Rrtype}
			exact[key] = append(exact[key], rr)
		}
	}
	for key, want := range exact {
		have := s.rrset(key.Name, key.Qtype)
		if len(have) != len(want) {
			return dns.RcodeNXRrset
		}
		for _, rr := range want {
			if !slices.ContainsFunc(have, func(o dns.RR) bool { return dns.IsDuplicate(o, rr) }) {
				return dns.RcodeNXRrset
			}
		}
	}
	return dns.RcodeSuccess
}

func (s *Server) rrset(name string, typ uint16) []dns.RR {
	var out []dns.RR
	for _, rr := range s.records {
		if strings.EqualFold(rr.Header().Name, name) && (typ == dns.TypeANY || rr.Header().Rrtype == typ) {
			out = append(out, rr)
		}
	}
	return out
}
