package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// query makes a question as a resolver sends it to an authoritative server.
func query(name string, qtype uint16) *dns.Msg {
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(name), qtype)
	q.RecursionDesired = false
	q.SetEdns0(1232, false)
	return q
}

// exchange asks once, by UDP or TCP. The answer may take as long as a machine is slow that has other things to do.
func exchange(addr, network string, q *dns.Msg) (*dns.Msg, error) {
	return exchangeWithin(20*time.Second, addr, network, q)
}

func exchangeWithin(limit time.Duration, addr, network string, q *dns.Msg) (*dns.Msg, error) {
	c := &dns.Client{Net: network, Timeout: limit, UDPSize: 1232}
	r, _, err := c.Exchange(q, addr)
	return r, err
}

// ask asks by UDP, and by TCP where the answer is truncated. As a resolver does, it asks again where a packet was lost.
func ask(addr, name string, qtype uint16) (r *dns.Msg, err error) {
	for range 3 {
		if r, err = exchangeWithin(5*time.Second, addr, "udp", query(name, qtype)); err == nil {
			break
		}
	}
	if err == nil && r.Truncated {
		r, err = exchange(addr, "tcp", query(name, qtype))
	}
	return r, err
}

// dig asks a server that must answer.
func dig(t testing.TB, addr, name string, qtype uint16) *dns.Msg {
	t.Helper()
	r, err := ask(addr, name, qtype)
	if err != nil {
		t.Fatalf("%s %s at %s: %v", name, dns.TypeToString[qtype], addr, err)
	}
	return r
}

// values returns the RDATA in rrs of one owner and type, sorted, in presentation form. Owner names are compared without case.
func values(rrs []dns.RR, name string, qtype uint16) []string {
	var out []string
	for _, rr := range rrs {
		if h := rr.Header(); h.Rrtype == qtype && strings.EqualFold(h.Name, name) {
			out = append(out, rdata(rr))
		}
	}
	slices.Sort(out)
	return out
}

// rdata returns the RDATA of a record as text that is the same for the same wire form: a name in it in lower case (RFC 4034 6.2,
// where the type is one of RFC 1035's), parameters in order.
func rdata(rr dns.RR) string {
	rr = dns.Copy(rr)
	h := rr.Header()
	h.Name, h.Ttl, h.Class = ".", 0, dns.ClassINET
	switch rr := rr.(type) {
	case *dns.NS:
		rr.Ns = strings.ToLower(rr.Ns)
	case *dns.CNAME:
		rr.Target = strings.ToLower(rr.Target)
	case *dns.DNAME:
		rr.Target = strings.ToLower(rr.Target)
	case *dns.PTR:
		rr.Ptr = strings.ToLower(rr.Ptr)
	case *dns.MX:
		rr.Mx = strings.ToLower(rr.Mx)
	case *dns.SRV:
		rr.Target = strings.ToLower(rr.Target)
	case *dns.SOA:
		rr.Ns, rr.Mbox = strings.ToLower(rr.Ns), strings.ToLower(rr.Mbox)
	}
	wire := make([]byte, dns.MaxMsgSize)
	end, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		return fmt.Sprintf("%v (%v)", rr, err)
	}
	back, _, err := dns.UnpackRR(wire[:end], 0)
	if err != nil {
		return fmt.Sprintf("%v (%v)", rr, err)
	}
	return strings.TrimPrefix(back.String(), back.Header().String())
}

// addresses returns what a server answers for A records of name, sorted.
func addresses(t testing.TB, addr, name string) []string {
	t.Helper()
	return values(dig(t, addr, name, dns.TypeA).Answer, dns.Fqdn(name), dns.TypeA)
}

// serial returns the serial of the SOA that a server answers.
func serial(t testing.TB, addr, zone string) uint32 {
	t.Helper()
	n, err := askSerial(addr, zone)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func askSerial(addr, zone string) (uint32, error) {
	r, err := ask(addr, zone, dns.TypeSOA)
	if err != nil {
		return 0, err
	}
	for _, rr := range r.Answer {
		if soa, ok := rr.(*dns.SOA); ok {
			return soa.Serial, nil
		}
	}
	return 0, fmt.Errorf("%s answers no SOA of %s: %s", addr, zone, dns.RcodeToString[r.Rcode])
}

// runDig asks a server with dig itself, which waits for one answer as long as that may take.
func runDig(t testing.TB, addr string, args ...string) string {
	t.Helper()
	host, port := splitAddr(t, addr)
	args = append([]string{"@" + host, "-p", port, "+norecurse", "+tries=1", "+timeout=20"}, args...)
	return tool(t, "", "dig", args...)
}
