package integration

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// shape is an answer as far as cases tell of it.
type shape struct {
	Rcode      string
	AA, TC     bool
	Answer     []string
	Authority  []string
	Additional []string
	Unsigned   []string // what is wrong with signatures, where they are looked at
	Octets     int      // where they are
}

// exchange asks a server, and returns its answer and the size of it, or what is wrong before anybody looks at the records.
func (c *answerCase) exchange(to server, network string) (r *dns.Msg, size int, problem string) {
	q := query(c.name, c.qtype)
	q.Extra = nil
	if c.size > 0 {
		q.SetEdns0(uint16(c.size), c.do)
	}
	wire, err := exchangeRaw(to.addr, network, q)
	if err != nil {
		return nil, 0, err.Error()
	}
	// Escapes as Unpack writes them.
	if out, err := q.Pack(); err != nil || q.Unpack(out) != nil {
		return nil, 0, fmt.Sprintf("%v: %v", q, err)
	}
	r = new(dns.Msg)
	if err := r.Unpack(wire); err != nil {
		return nil, 0, fmt.Sprintf("%v: %x", err, wire)
	}
	o := r.IsEdns0()
	switch {
	case r.Id != q.Id || !r.Response || len(r.Question) != 1 || r.Question[0] != q.Question[0]:
		return nil, 0, fmt.Sprintf("not an answer to the question:\n%v", r)
	case (o != nil) != (c.size > 0) || o != nil && o.Do() != c.do:
		return nil, 0, fmt.Sprintf("EDNS is not as in the question:\n%v", r)
	case network == "udp" && len(wire) > max(c.size, dns.MinMsgSize):
		return nil, 0, fmt.Sprintf("the answer has %d octets", len(wire))
	case network == "tcp" && r.Truncated:
		return nil, 0, fmt.Sprintf("truncated by TCP:\n%v", r)
	}
	return r, len(wire), ""
}

// exchangeRaw asks by UDP, again where a packet was lost, or by TCP.
func exchangeRaw(addr, network string, q *dns.Msg) (wire []byte, err error) {
	for range 3 {
		var c *dns.Conn
		if c, err = dns.DialTimeout(network, addr, 5*time.Second); err != nil {
			return nil, err
		}
		c.UDPSize = dns.MaxMsgSize
		c.SetDeadline(time.Now().Add(5 * time.Second))
		if err = c.WriteMsg(q); err == nil {
			wire, err = c.ReadMsgHeader(nil)
		}
		c.Close()
		if err == nil {
			break
		}
	}
	return wire, err
}

// line is a record as one line; unless asked to be exact, the case of its owner and of names in its data aside.
func (c *answerCase) line(rr dns.RR) string {
	h := rr.Header()
	if c.exact {
		return strings.Join(strings.Fields(rr.String()), " ")
	}
	return fmt.Sprintf("%s %d %s %s", strings.ToLower(spelled(h.Name)), h.Ttl, dns.Type(h.Rrtype), rdata(rr))
}

// spelled is a name with the escapes that names from messages have.
func spelled(name string) string {
	wire := make([]byte, 256)
	if _, err := dns.PackDomainName(name, wire, 0, nil, false); err != nil {
		return name
	}
	out, _, err := dns.UnpackDomainName(wire, 0)
	if err != nil {
		return name
	}
	return out
}

// lines are records, set by set as they come, sorted within. For ANY the order of the sets is nobody's business.
func (c *answerCase) lines(rrs []dns.RR) []string {
	type set struct {
		name string
		typ  uint16
	}
	var sets []set
	of := make(map[set][]string)
	for _, rr := range rrs {
		s := set{strings.ToLower(rr.Header().Name), rr.Header().Rrtype}
		if of[s] == nil {
			sets = append(sets, s)
		}
		of[s] = append(of[s], c.line(rr))
	}
	var out []string
	for _, s := range sets {
		slices.Sort(of[s])
		out = append(out, of[s]...)
	}
	if c.qtype == dns.TypeANY {
		slices.Sort(out)
	}
	return out
}

// sorted are records where the order of sets does not matter.
func (c *answerCase) sorted(rrs []dns.RR) []string {
	out := c.lines(rrs)
	slices.Sort(out)
	return out
}

// want is the answer that is to be given.
func (c *answerCase) want(network string) shape {
	s := shape{Rcode: c.rcode, AA: c.rcode != "REFUSED" && (c.referral == nil || c.answer != nil)}
	if c.tc && network == "udp" {
		s.TC = true
		return s
	}
	s.Answer, s.Additional = c.lines(c.answer), c.sorted(c.additional)
	s.Authority = c.sorted(slices.Concat(c.referral, c.authority))
	if c.soa != "" {
		s.Authority = append(s.Authority, "SOA of "+c.soa)
		slices.Sort(s.Authority)
	}
	s.Octets = c.octets
	return s
}

// got is the answer that a server gives.
func (c *answerCase) got(from server, network string, r *dns.Msg, size int) shape {
	s := shape{Rcode: dns.RcodeToString[r.Rcode], AA: r.Authoritative, TC: r.Truncated}
	if c.tc && network == "udp" {
		return s
	}
	answer, authority, additional := r.Answer, r.Ns, slices.DeleteFunc(slices.Clone(r.Extra), isOPT)
	if c.signed {
		var all [3][]string
		answer, all[0] = withoutSignatures(answer, nil)
		authority, all[1] = withoutSignatures(authority, c.referral)
		// The glue of a referral has none, and nobody needs to add anything else.
		additional, all[2] = withoutSignatures(additional, nil)
		if c.referral != nil || !from.mangrove() {
			all[2] = nil
		}
		s.Unsigned = slices.Concat(all[0], all[1], all[2])
	}
	var rest []dns.RR
	for _, rr := range authority {
		switch soa, isSOA := rr.(*dns.SOA); {
		case isSOA:
			s.Authority = append(s.Authority, fmt.Sprintf("SOA of %s %d", strings.ToLower(soa.Hdr.Name), soa.Hdr.Ttl))
		case !from.mangrove() && rr.Header().Rrtype == dns.TypeNS && c.referral == nil && len(answer) > 0:
		case !from.mangrove() && rr.Header().Rrtype == dns.TypeDS && !c.do: // of a signed delegation
		default:
			rest = append(rest, rr)
		}
	}
	s.Answer = c.lines(answer)
	s.Authority = append(s.Authority, c.sorted(rest)...)
	slices.Sort(s.Authority)
	s.Additional = c.sorted(additional)
	if want := c.sorted(c.additional); !from.mangrove() && c.referral == nil && allIn(s.Additional, want) {
		s.Additional = want // or less of it
	}
	if c.octets != 0 {
		s.Octets = size
	}
	return s
}

func isOPT(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT }

func allIn(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
