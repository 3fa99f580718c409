package resolver

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// The tests of this package are written as zone text and cases that read like dig: a question with options, and the
// answer it must have, section by section.
//
//	www.example. A +tcp +edns
//	  NOERROR aa                        code and flags
//	  an www.example. 300 A 192.0.2.1   answer, ns: authority, ar: additional
//	  an www.example. 300 RRSIG A 2     a signature: what it covers, how many labels that was signed with
//	  opt 1232                          EDNS: size, "do", "ede=20" …

// asked is one case.
type asked struct {
	q    string
	want string
}

// parseZone makes a zone of text; TTLs are 300 unless said otherwise.
func parseZone(tb testing.TB, origin, text string) *zones.Zone {
	tb.Helper()
	p := dns.NewZoneParser(strings.NewReader("$TTL 300\n"+text), origin, "")
	var rrs []dns.RR
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		rrs = append(rrs, rr)
	}
	if err := p.Err(); err != nil {
		tb.Fatalf("zone %s: %v", origin, err)
	}
	return buildZone(tb, origin, rrs)
}

func buildZone(tb testing.TB, origin string, rrs []dns.RR) *zones.Zone {
	tb.Helper()
	sets, err := zones.FromRRs(rrs)
	if err != nil {
		tb.Fatalf("zone %s: %v", origin, err)
	}
	b := zones.NewBuilder(zones.MustParseName(origin))
	for _, s := range sets {
		if err := b.AddRRset(s); err != nil {
			tb.Fatalf("zone %s: %v", origin, err)
		}
	}
	return b.Zone()
}

// parseCatalog takes pairs of origin and text.
func parseCatalog(tb testing.TB, originsAndTexts ...string) *zones.Catalog {
	tb.Helper()
	var zs []*zones.Zone
	for i := 0; i < len(originsAndTexts); i += 2 {
		zs = append(zs, parseZone(tb, originsAndTexts[i], originsAndTexts[i+1]))
	}
	return zones.NewCatalog(zs...)
}

// query is a question and how it is asked.
type query struct {
	msg *dns.Msg
	via Transport
}

// parseQuery reads "NAME TYPE [CLASS] [+tcp] [+edns[=VERSION]] [+bufsize=N] [+dnssec] [+nsid] [+cookie[=HEX]] [+rd] [+cd] [+ad]".
func parseQuery(tb testing.TB, s string) query {
	tb.Helper()
	f := strings.Fields(s)
	q := query{msg: new(dns.Msg)}
	q.msg.Id = dns.Id()
	typ, ok := dns.StringToType[f[1]]
	if !ok {
		n, err := strconv.Atoi(strings.TrimPrefix(f[1], "TYPE"))
		if err != nil {
			tb.Fatalf("question %q: unknown type", s)
		}
		typ = uint16(n)
	}
	q.msg.Question = []dns.Question{{Name: f[0], Qtype: typ, Qclass: dns.ClassINET}}
	for _, o := range f[2:] {
		o, value, _ := strings.Cut(o, "=")
		number, _ := strconv.Atoi(value)
		switch o {
		case "CH":
			q.msg.Question[0].Qclass = dns.ClassCHAOS
		case "HS":
			q.msg.Question[0].Qclass = dns.ClassHESIOD
		case "ANYCLASS":
			q.msg.Question[0].Qclass = dns.ClassANY
		case "+tcp":
			q.via = TCP
		case "+edns":
			withOPT(q.msg).SetVersion(uint8(number))
		case "+bufsize":
			withOPT(q.msg).SetUDPSize(uint16(number))
		case "+dnssec":
			withOPT(q.msg).SetDo()
		case "+nsid":
			o := withOPT(q.msg)
			o.Option = append(o.Option, &dns.EDNS0_NSID{Code: dns.EDNS0NSID})
		case "+cookie":
			o := withOPT(q.msg)
			if value == "" {
				value = clientCookie
			}
			o.Option = append(o.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: value})
		case "+expire":
			o := withOPT(q.msg)
			o.Option = append(o.Option, &dns.EDNS0_EXPIRE{Code: dns.EDNS0EXPIRE, Expire: uint32(number), Empty: value == ""})
		case "+keepalive":
			o := withOPT(q.msg)
			o.Option = append(o.Option, &dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE})
		case "+option":
			o := withOPT(q.msg)
			o.Option = append(o.Option, &dns.EDNS0_LOCAL{Code: uint16(number), Data: []byte("whatever")})
		case "+rd":
			q.msg.RecursionDesired = true
		case "+cd":
			q.msg.CheckingDisabled = true
		case "+ad":
			q.msg.AuthenticatedData = true
		case "+z":
			q.msg.Zero = true
		default:
			tb.Fatalf("question %q: unknown option %s", s, o)
		}
	}
	return q
}

func withOPT(m *dns.Msg) *dns.OPT {
	if o := m.IsEdns0(); o != nil {
		return o
	}
	o := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	o.SetUDPSize(1232)
	m.Extra = append(m.Extra, o)
	return o
}

func pack(tb testing.TB, m *dns.Msg) []byte {
	tb.Helper()
	b, err := m.Pack()
	if err != nil {
		tb.Fatalf("pack %v: %v", m, err)
	}
	return b
}

// clientAddr is whom send asks for, and clientCookie what such a client calls itself.
var clientAddr = netip.MustParseAddr("198.51.100.100")

const clientCookie = "2464c4abcf10c957"

func sourceOf(via Transport) *Source { return &Source{Via: via, Addr: clientAddr} }

// send has the answer to wire checked by what must hold for any answer, and unpacked; nil for none.
func send(tb testing.TB, w *Worker, cat *zones.Catalog, wire []byte, via Transport) *dns.Msg {
	tb.Helper()
	before := bytes.Clone(wire)
	out := make([]byte, 65535)
	got, outcome := w.Answer(cat, wire, sourceOf(via), out)
	if !bytes.Equal(before, wire) {
		tb.Fatalf("query %x was changed to %x", before, wire)
	}
	if problem := unsound(w, wire, got, via); problem != "" {
		tb.Fatalf("query %x, answer %x: %s", wire, got, problem)
	}
	checkShort(tb, w, cat, wire, via, got, outcome)
	if via == UDP {
		checkBatch(tb, w, cat, wire, got, outcome)
	}
	if got == nil {
		return nil
	}
	m := new(dns.Msg)
	if err := m.Unpack(got); err != nil {
		tb.Fatalf("query %x: answer %x: %v", wire, got, err)
	}
	if m.Rcode != outcome.Rcode || m.Truncated != outcome.Truncated() {
		tb.Fatalf("query %x: outcome %+v, answer\n%v", wire, outcome, m)
	}
	return m
}

// unsound says what is wrong with an answer that no answer may have.
func unsound(w *Worker, query, answer []byte, via Transport) string {
	if answer == nil {
		return ""
	}
	m := new(dns.Msg)
	switch {
	case len(query) < headerLen || query[2]&0x80 != 0:
		return "answered what may not be answered"
	case len(answer) < headerLen || answer[2]&0x80 == 0:
		return "not a response"
	case !bytes.Equal(query[:2], answer[:2]):
		return "another ID"
	case (query[2]^answer[2])&0x79 != 0:
		return "another opcode or RD"
	case answer[3]&0xe0 != 0 || (query[3]^answer[3])&0x10 != 0:
		return "RA, Z, AD set or another CD"
	case via == UDP && len(answer) > w.policy.MaxUDPSize:
		return fmt.Sprintf("%d octets over UDP", len(answer))
	case via == UDP && len(answer) > max(512, w.req.size):
		return fmt.Sprintf("%d octets for a client that takes %d", len(answer), w.req.size)
	}
	if err := m.Unpack(answer); err != nil {
		return err.Error()
	}
	if end := messageEnd(answer); end != len(answer) {
		return fmt.Sprintf("%d octets of message in %d", end, len(answer))
	}
	if len(m.Question) == 1 && !bytes.HasPrefix(query[headerLen:], answer[headerLen:questionEnd(answer)]) {
		return "another question"
	}
	return ""
}

// messageEnd returns where the last record of a sound message ends.
func messageEnd(msg []byte) int {
	count := func(at int) int { return int(msg[at])<<8 | int(msg[at+1]) }
	off := headerLen
	if count(4) == 1 {
		off = questionEnd(msg)
	}
	for range count(6) + count(8) + count(10) {
		off, _ = skipName(msg, off)
		off += 10 + count(off+8)
	}
	return off
}

func questionEnd(msg []byte) int {
	end, _ := skipName(msg, headerLen)
	return end + 4
}

// render writes an answer in the form of the cases.
func render(m *dns.Msg) string {
	if m == nil {
		return "dropped"
	}
	var b strings.Builder
	b.WriteString(rcodeString(m.Rcode))
	for _, f := range []struct {
		set  bool
		name string
	}{{m.Authoritative, "aa"}, {m.Truncated, "tc"}, {m.RecursionDesired, "rd"}, {m.CheckingDisabled, "cd"}} {
		if f.set {
			b.WriteString(" " + f.name)
		}
	}
	b.WriteString("\n")
	for _, s := range []struct {
		name string
		rrs  []dns.RR
	}{{"an", m.Answer}, {"ns", m.Ns}, {"ar", m.Extra}} {
		for _, rr := range s.rrs {
			if opt, ok := rr.(*dns.OPT); ok {
				b.WriteString(renderOPT(opt))
				continue
			}
			f := strings.Fields(rr.String())
			if rr.Header().Class == dns.ClassINET && rr.Header().Rrtype != dns.TypeTSIG {
				f = append(f[:2], f[3:]...)
			}
			if sig, ok := rr.(*dns.RRSIG); ok {
				f = append(f[:4], fmt.Sprint(sig.Labels)) // the rest is for those who validate
			}
			b.WriteString(s.name + " " + strings.Join(f, " ") + "\n")
		}
	}
	return strings.TrimSpace(b.String())
}

// rcodeString names 16 as RFC 6891 does: miekg/dns takes it for TSIG's BADSIG, which never stands in a header.
func rcodeString(rcode int) string {
	if rcode == dns.RcodeBadVers {
		return "BADVERS"
	}
	return dns.RcodeToString[rcode]
}

func renderOPT(o *dns.OPT) string {
	s := fmt.Sprintf("opt %d", o.UDPSize())
	if o.Version() != 0 {
		s += fmt.Sprintf(" version=%d", o.Version())
	}
	if o.Do() {
		s += " do"
	}
	if z := o.Hdr.Ttl & 0x7fff; z != 0 {
		s += fmt.Sprintf(" flags=%#x", z)
	}
	for _, e := range o.Option {
		switch e := e.(type) {
		case *dns.EDNS0_EDE:
			s += fmt.Sprintf(" ede=%d", e.InfoCode)
		case *dns.EDNS0_NSID:
			s += " nsid=" + e.Nsid
		case *dns.EDNS0_EXPIRE:
			s += fmt.Sprintf(" expire=%d", e.Expire)
		case *dns.EDNS0_COOKIE:
			s += " cookie=" + e.Cookie
		case *dns.EDNS0_TCP_KEEPALIVE:
			s += fmt.Sprintf(" keepalive=%d", e.Timeout)
		default:
			s += fmt.Sprintf(" option=%d", e.Option())
		}
	}
	return s + "\n"
}

// dig asks and renders.
func dig(tb testing.TB, w *Worker, cat *zones.Catalog, question string) string {
	tb.Helper()
	q := parseQuery(tb, question)
	return render(send(tb, w, cat, pack(tb, q.msg), q.via))
}

// run checks each case, with one worker for all as a server has it.
func run(t *testing.T, cat *zones.Catalog, p Policy, cases []asked) {
	t.Helper()
	w := NewWorker(p)
	for _, c := range cases {
		t.Run(strings.Join(strings.Fields(c.q), "_"), func(t *testing.T) {
			if diff := cmp.Diff(squeeze(c.want), dig(t, w, cat, c.q)); diff != "" {
				t.Errorf("%s (-want +got)\n%s", c.q, diff)
			}
		})
	}
}

// squeeze makes each line's blanks single and drops empty lines.
func squeeze(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if f := strings.Fields(line); len(f) > 0 {
			lines = append(lines, strings.Join(f, " "))
		}
	}
	return strings.Join(lines, "\n")
}
