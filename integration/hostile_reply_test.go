package integration

import (
	bin "encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// goodQuestions are asked all the time, and have these answers.
var goodQuestions = []struct {
	name string
	typ  uint16
	want string
}{
	{"mail." + mirrorZone, dns.TypeA, "NOERROR aa; mail.example.com. A 192.0.2.25"},
	{"x.y.wild." + mirrorZone, dns.TypeTXT, `NOERROR aa; x.y.wild.example.com. TXT "a wildcard"`},
	{"inside." + mirrorZone, dns.TypeA, "NOERROR aa; inside.example.com. CNAME mail.example.com., mail.example.com. A 192.0.2.25"},
	{"x.dname." + mirrorZone, dns.TypeA, "NOERROR aa; dname.example.com. DNAME other.example.net., x.dname.example.com. CNAME x.other.example.net."},
	{"nothing." + mirrorZone, dns.TypeA, "NXDOMAIN aa; example.com. SOA ns1.example.com. hostmaster.example.com. 2026112001 3600 600 1209600 60"},
	{"er." + mirrorZone, dns.TypeA, "NOERROR aa; example.com. SOA ns1.example.com. hostmaster.example.com. 2026112001 3600 600 1209600 60"},
	{"a.sub." + mirrorZone, dns.TypeA, "NOERROR; sub.example.com. NS ns.sub.example.com., sub.example.com. NS ns.example.net."},
	{"www.nsec.test.", dns.TypeA, "NOERROR aa; www.nsec.test. A 192.0.2.1"},
	{"x.wild.nsec3.test.", dns.TypeA, "NOERROR aa; x.wild.nsec3.test. A 192.0.2.2"},
	{"www.elsewhere.test.", dns.TypeA, "REFUSED; "},
}

// goodWire is a good question, of a number, with an ID.
func goodWire(t testing.TB, number int, id uint16) []byte {
	t.Helper()
	g := goodQuestions[number%len(goodQuestions)]
	q := query(g.name, g.typ)
	q.Id = id
	wire, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// goodFault says what is wrong with the answer to a good question; "" where nothing is.
func goodFault(number int, answer []byte) string {
	g := goodQuestions[number%len(goodQuestions)]
	r := new(dns.Msg)
	if err := r.Unpack(answer); err != nil {
		return fmt.Sprintf("%s: %v: %x", g.name, err, answer)
	}
	got := dns.RcodeToString[r.Rcode]
	if r.Authoritative {
		got += " aa"
	}
	var records []string
	for _, rr := range append(r.Answer, r.Ns...) {
		records = append(records, strings.ToLower(rr.Header().Name)+" "+dns.TypeToString[rr.Header().Rrtype]+" "+strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	if got += "; " + strings.Join(records, ", "); got != g.want {
		return fmt.Sprintf("%s %s: %s, want %s", g.name, dns.TypeToString[g.typ], got, g.want)
	}
	return ""
}

// answerable says whether a packet is one that has to be answered: a header, and not the mark of an answer.
func answerable(p []byte) bool { return len(p) >= 12 && p[2]&0x80 == 0 }

// replyFault says what is wrong with what came back for a packet; "" where nothing is.
func replyFault(sent, got []byte, udp bool) string {
	r := new(dns.Msg)
	switch {
	case !answerable(sent):
		return "a reply to what none is due to"
	case len(got) < 12 || got[2]&0x80 == 0:
		return "a reply without the mark of one"
	case got[0] != sent[0] || got[1] != sent[1]:
		return "another ID"
	case got[2]>>3&15 != sent[2]>>3&15:
		return "another opcode"
	case (got[2]^sent[2])&1 != 0 || (got[3]^sent[3])&0x10 != 0:
		return "RD or CD are not the request's"
	case got[3]&0xe0 != 0:
		return "RA, Z or AD are set"
	case bin.BigEndian.Uint16(got[4:]) > 1:
		return "several questions"
	}
	if err := r.Unpack(got); err != nil {
		return "unreadable: " + err.Error()
	}
	if len(r.Question) == 1 {
		if _, end, err := dns.UnpackDomainName(got, 12); err != nil || len(sent) < end+4 || string(got[12:end+4]) != string(sent[12:end+4]) {
			return "another question"
		}
	}
	q := new(dns.Msg)
	readable := q.Unpack(sent) == nil && counted(sent)
	limit := dns.MinMsgSize
	switch {
	case r.IsEdns0() != nil && readable && q.IsEdns0() == nil:
		return "EDNS unasked"
	case readable && plainEDNS(sent, q) && r.IsEdns0() == nil && r.Rcode != dns.RcodeFormatError:
		return "no EDNS, where it was asked with"
	case r.IsEdns0() != nil && readable:
		limit = min(max(limit, int(q.IsEdns0().UDPSize())), 1232)
	case r.IsEdns0() != nil:
		limit = 1232
	}
	if udp && len(got) > limit {
		return fmt.Sprintf("%d octets, where %d were the limit", len(got), limit)
	}
	if !udp && r.Truncated && len(got) < 60_000 {
		return "TC over TCP"
	}
	return codeFault(q, r)
}

// plainEDNS says whether a message is a question and one OPT record, whose owner is the root, spelled as such.
func plainEDNS(wire []byte, m *dns.Msg) bool {
	end, ok := nameEnd(wire, 12)
	return ok && len(m.Question) == 1 && len(m.Answer)+len(m.Ns) == 0 && len(m.Extra) == 1 && m.IsEdns0() != nil && wire[end+4] == 0
}

// codeFault holds a reply's code and sections together.
func codeFault(q, r *dns.Msg) string {
	switch r.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError, dns.RcodeYXDomain:
		if r.Opcode != dns.OpcodeQuery {
			return fmt.Sprintf("opcode %d is answered with %s", r.Opcode, dns.RcodeToString[r.Rcode])
		}
		return ""
	case dns.RcodeFormatError, dns.RcodeNotImplemented, dns.RcodeRefused, dns.RcodeNotAuth, dns.RcodeBadVers, dns.RcodeBadCookie:
		if len(r.Answer)+len(r.Ns) > 0 || r.Authoritative || r.Truncated {
			return "content beside an error"
		}
		if r.Rcode == dns.RcodeBadVers && q.IsEdns0() != nil && q.IsEdns0().Version() == 0 {
			return "BADVERS for version 0"
		}
		return ""
	default:
		return "code " + rcodeText(r)
	}
}
