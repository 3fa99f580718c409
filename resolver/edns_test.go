package resolver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// RFC 6891.
func TestEDNS(t *testing.T) {
	const a = "NOERROR aa\nan ns.example. 300 A 192.0.2.53"
	run(t, headerCatalog(t), Policy{KeepAlive: 100}, []asked{
		// only to those who speak it
		{"ns.example. A", a},
		{"ns.example. A +edns", a + "\nopt 1232"},
		{"ns.example. A +dnssec", a + "\nopt 1232 do"},
		{"ns.example. A +edns +tcp", a + "\nopt 1232"},
		// in errors too
		{"elsewhere. A +dnssec", "REFUSED\nopt 1232 do ede=20"},
		{"x.example. A +edns", "NXDOMAIN aa\n" + headerSOA + "\nopt 1232"},
		// 6.1.3: another version gets no answer, and ours
		{"ns.example. A +edns=1", "BADVERS\nopt 1232"},
		{"ns.example. A +edns=255 +dnssec", "BADVERS\nopt 1232 do"},
		{"elsewhere. A +edns=1", "BADVERS\nopt 1232"},
		// unknown options are ignored and not echoed
		{"ns.example. A +option=65001", a + "\nopt 1232"},
		{"ns.example. A +option=13", a + "\nopt 1232"},
		{"ns.example. A +option=100 +edns=1", "BADVERS\nopt 1232"},
		// RFC 7828: over TCP alone
		{"ns.example. A +keepalive", a + "\nopt 1232"},
		{"ns.example. A +keepalive +tcp", a + "\nopt 1232 keepalive=100"},
	})
}

func TestOPTPackets(t *testing.T) {
	const (
		ok     = "NOERROR aa\nan ns.example. 300 A 192.0.2.53\nopt 1232"
		query  = "0001 0000 0001 0000 0000 0001" + rawQ
		header = "00 0029 0400 00 00 0000"
	)
	cat := headerCatalog(t)
	w := NewWorker(Policy{Identity: Identity{NSID: "x"}})
	for _, c := range []raw{
		{"sound", query + rawOPT, ok},
		{"two", "0001 0000 0001 0000 0000 0002" + rawQ + rawOPT + rawOPT, "FORMERR\nopt 1232"},
		{"with a name", query + "01 61 00 0029 0400 00 00 0000 0000", "FORMERR"},
		{"with a pointer to the root", query + "c016 0029 0400 00 00 0000 0000", "FORMERR"},
		{"in the answer section", "0001 0000 0001 0001 0000 0000" + rawQ + rawOPT, "FORMERR"},
		{"in the authority section", "0001 0000 0001 0000 0001 0000" + rawQ + rawOPT, "FORMERR"},
		{"behind another record", "0001 0000 0001 0000 0000 0002" + rawQ + "c00c 0001 0001 00000000 0004 7f000001" + rawOPT, ok},
		{"before another record", "0001 0000 0001 0000 0000 0002" + rawQ + rawOPT + "c00c 0001 0001 00000000 0004 7f000001", ok},
		{"an extended rcode", query + "00 0029 0400 ff 00 0000 0000", ok},
		{"unknown flags", query + "00 0029 0400 00 00 7fff 0000", ok},
		{"size 0", query + "00 0029 0000 00 00 0000 0000", ok},
		{"size 65535", query + "00 0029 ffff 00 00 0000 0000", ok},
		{"an option", query + header + "0008 fde9 0004 01020304", ok},
		{"an empty option", query + header + "0004 fde9 0000", ok},
		{"NSID with content", query + header + "0006 0003 0002 7879", ok + " nsid=78"},
		{"an option that ends early", query + header + "0008 fde9 0005 01020304", "FORMERR\nopt 1232"},
		{"half an option header", query + header + "0003 fde900", "FORMERR\nopt 1232"},
		{"options longer than the message", query + header + "0009 fde9 0004 01020304", "FORMERR"},
		{"version 1 and options that end early", query + "00 0029 0400 00 01 0000 0003 fde900", "BADVERS\nopt 1232"},
		{"trailing octet", query + rawOPT + "00", "FORMERR\nopt 1232"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, want := render(send(t, w, cat, unhex(t, c.query), UDP)), squeeze(c.want); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// The size of a UDP answer: what both sides agreed, 512 without EDNS and where the client says less.
func TestUDPSize(t *testing.T) {
	var zone strings.Builder
	zone.WriteString("@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\n")
	for n := 0; n < 2000; n += 7 {
		// one record each, so that the answer is as long as the text allows
		fmt.Fprintf(&zone, "t%d TXT", n)
		for left := n; ; left -= 200 {
			fmt.Fprintf(&zone, " %q", strings.Repeat("x", min(left, 200)))
			if left <= 200 {
				break
			}
		}
		zone.WriteString("\n")
	}
	cat := parseCatalog(t, "example.", zone.String())
	for _, c := range []struct{ client, server, want int }{
		{0, 0, 512}, {100, 0, 512}, {511, 0, 512}, {512, 0, 512}, {513, 0, 513}, {1000, 0, 1000}, {1231, 0, 1231},
		{1232, 0, 1232}, {1233, 0, 1232}, {4096, 0, 1232}, {65535, 0, 1232}, {65535, 1400, 1400}, {1400, 100, 512},
	} {
		w := NewWorker(Policy{MaxUDPSize: c.server})
		largest := 0
		for n := 0; n < 2000; n += 7 {
			q := parseQuery(t, fmt.Sprintf("t%d.example. TXT", n))
			if c.client != 0 {
				withOPT(q.msg).SetUDPSize(uint16(c.client))
			}
			wire := pack(t, q.msg)
			m := send(t, w, cat, wire, UDP)
			whole := send(t, w, cat, wire, TCP)
			got, _ := w.Answer(cat, wire, &Source{Via: UDP}, make([]byte, 65535))
			full, _ := w.Answer(cat, wire, &Source{Via: TCP}, make([]byte, 65535))
			size := len(full)
			largest = max(largest, len(got))
			if fits := size <= c.want; fits == m.Truncated || fits && len(m.Answer) != len(whole.Answer) || !fits && len(m.Answer) != 0 {
				t.Fatalf("client %d, server %d: an answer of %d octets: TC=%v and %d records", c.client, c.server, size, m.Truncated, len(m.Answer))
			}
		}
		if largest > c.want || largest < c.want-12 {
			t.Errorf("client %d, server %d: largest answer %d, want nearly %d", c.client, c.server, largest, c.want)
		}
	}
}

// An answering OPT's place is reserved: it is in every truncated answer.
func TestTruncatedAnswersHaveOPT(t *testing.T) {
	var zone strings.Builder
	zone.WriteString("@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\n")
	for i := range 200 {
		fmt.Fprintf(&zone, "many A 192.0.2.%d\n", i)
	}
	run(t, parseCatalog(t, "example.", zone.String()), Policy{Identity: Identity{NSID: "x"}}, []asked{
		{"many.example. A", "NOERROR aa tc"},
		{"many.example. A +edns", "NOERROR aa tc\nopt 1232"},
		{"many.example. A +dnssec +nsid", "NOERROR aa tc\nopt 1232 do nsid=78"},
	})
}

// TSIG: without keys every key is unknown (RFC 8945 5.2.1): NOTAUTH, BADKEY, unsigned, and EDNS before it.
func TestTSIGWithoutKeys(t *testing.T) {
	cat := headerCatalog(t)
	w := NewWorker(Policy{})
	m := new(dns.Msg)
	m.SetQuestion("ns.example.", dns.TypeA)
	m.RecursionDesired = false
	m.SetEdns0(1232, false)
	m.SetTsig("Key.Example.", dns.HmacSHA256, 300, 1700000000)
	wire, _, err := dns.TsigGenerate(m, "c2VjcmV0", "", false)
	if err != nil {
		t.Fatal(err)
	}
	got := send(t, w, cat, wire, UDP)
	tsig := got.IsTsig()
	if got.Rcode != dns.RcodeNotAuth || len(got.Answer) != 0 || got.IsEdns0() == nil || tsig == nil {
		t.Fatalf("got\n%v", got)
	}
	if tsig.Error != dns.RcodeBadKey || tsig.MACSize != 0 || tsig.Hdr.Name != "key.example." || tsig.Algorithm != dns.HmacSHA256 ||
		tsig.TimeSigned != 1700000000 || tsig.Fudge != 300 || tsig.OrigId != m.Id || tsig.Hdr.Class != dns.ClassANY || tsig.Hdr.Ttl != 0 {
		t.Errorf("got %v", tsig)
	}
	// Of whatever opcode (RFC 8945 5.2): whoever has keys is asked, and then that is the answer.
	for _, change := range []*dns.Msg{new(dns.Msg).SetUpdate("example."), new(dns.Msg).SetNotify("example."), new(dns.Msg).SetUpdate("elsewhere.")} {
		change.SetEdns0(1232, false)
		change.SetTsig("Key.Example.", dns.HmacSHA256, 300, 1700000000)
		wire, _, err := dns.TsigGenerate(change, "c2VjcmV0", "", false)
		if err != nil {
			t.Fatal(err)
		}
		for _, via := range []Transport{UDP, TCP} {
			got := send(t, w, cat, wire, via)
			if tsig := got.IsTsig(); got.Rcode != dns.RcodeNotAuth || got.Opcode != change.Opcode || tsig == nil || tsig.Error != dns.RcodeBadKey || tsig.MACSize != 0 {
				t.Errorf("%v: got\n%v", change, got)
			}
			if _, o := w.Answer(cat, wire, sourceOf(via), make([]byte, 1232)); !o.Rare() {
				t.Errorf("%v: not handed on", change)
			}
			if got := send(t, w, cat, wire[:len(wire)-1], via); got.Rcode != dns.RcodeFormatError {
				t.Errorf("cut off: got\n%v", got)
			}
		}
	}
	for cut := len(wire) - 1; cut > len(wire)-40; cut-- {
		if m := send(t, w, cat, wire[:cut], UDP); m.Rcode != dns.RcodeFormatError {
			t.Errorf("cut to %d of %d octets: %s", cut, len(wire), dns.RcodeToString[m.Rcode])
		}
	}
	// Names so long that the TSIG record finds no room in 512 octets: the code alone.
	long := new(dns.Msg)
	long.SetQuestion(strings.Repeat("abcdefghi.", 25), dns.TypeA)
	long.SetTsig(strings.Repeat("jklmnopqr.", 25), strings.Repeat("stuvwxyz0.", 25), 300, 1700000000)
	if got := send(t, w, cat, pack(t, long), UDP); got.Rcode != dns.RcodeNotAuth || got.IsTsig() != nil || len(got.Question) != 1 {
		t.Errorf("long names over UDP:\n%v", got)
	}
	tsigAndOPT := long.Copy()
	tsigAndOPT.Extra = append([]dns.RR{&dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT, Class: 512}}}, long.Extra...)
	if got := send(t, w, cat, pack(t, tsigAndOPT), UDP); got.Rcode != dns.RcodeNotAuth || got.IsTsig() != nil || got.IsEdns0() == nil {
		t.Errorf("long names and an OPT over UDP:\n%v", got)
	}
	if got := send(t, w, cat, pack(t, long), TCP); got.Rcode != dns.RcodeNotAuth || got.IsTsig() == nil {
		t.Errorf("long names over TCP:\n%v", got)
	}
	// not the last record
	m.SetTsig("Key.Example.", dns.HmacSHA256, 300, 1700000000)
	m.Extra = append(m.Extra, &dns.A{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeA, Class: dns.ClassINET}, A: []byte{127, 0, 0, 1}})
	if got := send(t, w, cat, pack(t, m), UDP); got.Rcode != dns.RcodeFormatError {
		t.Errorf("TSIG before another record: %s", dns.RcodeToString[got.Rcode])
	}
	if _, o := w.Answer(cat, pack(t, m), &Source{Via: UDP}, make([]byte, 1232)); o.Rare() {
		t.Error("TSIG before another record: handed on")
	}
}

// RFC 7314: EXPIRE for the SOA of a zone at its apex, and for nothing else. We are the primary of all zones.
func TestExpire(t *testing.T) {
	const soa = "NOERROR aa\nan example. 300 SOA ns.example. hostmaster.example. 1 2 3 4 60"
	cat := parseCatalog(t, "example.", "@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\nns A 192.0.2.53\nother CNAME @\nwww CNAME ns\n")
	run(t, cat, Policy{Identity: Identity{NSID: "x"}}, []asked{
		{"example. SOA +expire", soa + "\nopt 1232 expire=4"},
		{"example. SOA +expire +tcp +dnssec", soa + "\nopt 1232 do expire=4"},
		{"example. SOA +expire +nsid", soa + "\nopt 1232 nsid=78 expire=4"},
		{"example. SOA +edns", soa + "\nopt 1232"},
		{"example. SOA", soa},
		{"example. SOA +expire=5", soa + "\nopt 1232"}, // that is how it is answered
		{"ns.example. SOA +expire", "NOERROR aa\nns example. 60 SOA ns.example. hostmaster.example. 1 2 3 4 60\nopt 1232"},
		{"x.example. SOA +expire", "NXDOMAIN aa\nns example. 60 SOA ns.example. hostmaster.example. 1 2 3 4 60\nopt 1232"},
		{"other.example. SOA +expire", "NOERROR aa\nan other.example. 300 CNAME example.\nan example. 300 SOA ns.example. hostmaster.example. 1 2 3 4 60\nopt 1232"},
		{"ns.example. A +expire", "NOERROR aa\nan ns.example. 300 A 192.0.2.53\nopt 1232"},
		{"elsewhere. SOA +expire", "REFUSED\nopt 1232 ede=20"},
		{"example. SOA +expire +edns=1", "BADVERS\nopt 1232"},
	})
}

// RFC 7871 6, 7.2.1: what is not well-formed is refused, what is is not answered, since no answer depends on it.
func TestClientSubnet(t *testing.T) {
	cat := headerCatalog(t)
	w := NewWorker(Policy{})
	for _, c := range []struct {
		name, option string
		want         string // the network; "" for FORMERR
	}{
		{"IPv4 /24", "0001 18 00 c00002", "192.0.2.0/24"},
		{"IPv4 /23", "0001 17 00 c00002", "192.0.2.0/23"},
		{"IPv4 /32", "0001 20 00 c0000201", "192.0.2.1/32"},
		{"IPv4 /1", "0001 01 00 80", "128.0.0.0/1"},
		{"IPv4 /0", "0001 00 00", "0.0.0.0/0"},
		{"IPv6 /56", "0002 38 00 20010db8000000", "2001:db8::/56"},
		{"IPv6 /128", "0002 80 00 20010db8000000000000000000000001", "2001:db8::1/128"},
		{"IPv6 /0", "0002 00 00", "::/0"},
		{"no family, no address", "0000 00 00", "invalid Prefix"},
		{"no family, an address", "0000 08 00 7f", ""},
		{"an unknown family", "0003 00 00", ""},
		{"family 257", "0101 00 00", ""},
		{"a scope", "0001 18 18 c00002", ""},
		{"too few octets", "0001 19 00 c00002", ""},
		{"too many octets", "0001 18 00 c0000200", ""},
		{"a bit beyond the prefix", "0001 17 00 c00003", ""},
		{"the last bit beyond the prefix", "0001 19 00 c0000201", ""},
		{"IPv4 /33", "0001 21 00 c000020100", ""},
		{"IPv6 /129", "0002 81 00 20010db800000000000000000000000100", ""},
		{"nothing", "", ""},
		{"half a head", "0001 18", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := unhex(t, c.option)
			q := parseQuery(t, "ns.example. A +edns")
			o := q.msg.IsEdns0()
			o.Option = append(o.Option, &dns.EDNS0_LOCAL{Code: optionSubnet, Data: data})
			query := pack(t, q.msg)
			want := "FORMERR\nopt 1232"
			if c.want != "" {
				want = "NOERROR aa\nan ns.example. 300 A 192.0.2.53\nopt 1232"
			}
			if got := render(send(t, w, cat, query, UDP)); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			var r request
			if rcode := r.parse(query, new(zones.Key)); rcode == dns.RcodeSuccess && r.subnet(query).String() != c.want {
				t.Errorf("got %v, want %v", r.subnet(query), c.want)
			}
			o.SetVersion(1) // of which we do not know what its options are
			if got, want := render(send(t, w, cat, pack(t, q.msg), UDP)), "BADVERS\nopt 1232"; got != want {
				t.Errorf("version 1: got %q, want %q", got, want)
			}
		})
	}
	// All have to be sound; the first is the one.
	q := parseQuery(t, "ns.example. A +edns")
	o := q.msg.IsEdns0()
	for _, data := range []string{"0001 18 00 c00002", "0001 18 00 c63364"} {
		o.Option = append(o.Option, &dns.EDNS0_LOCAL{Code: optionSubnet, Data: unhex(t, data)})
	}
	var r request
	query := pack(t, q.msg)
	if rcode := r.parse(query, new(zones.Key)); rcode != dns.RcodeSuccess || r.subnet(query).String() != "192.0.2.0/24" {
		t.Errorf("two: %s, %v", rcodeString(rcode), r.subnet(query))
	}
}

// RFC 7830 3: padding is for encrypted transports; over these it is ignored, of whatever length.
func TestPaddingIsIgnored(t *testing.T) {
	const a = "NOERROR aa\nan ns.example. 300 A 192.0.2.53\nopt 1232"
	run(t, headerCatalog(t), Policy{}, []asked{{"ns.example. A +option=12", a}, {"ns.example. A +option=12 +tcp", a}})
}
