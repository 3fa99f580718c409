package resolver

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// packetCatalog has something of everything that the answering path distinguishes.
func packetCatalog(tb testing.TB) *zones.Catalog {
	return parseCatalog(tb, "example.", `
@        SOA   ns hostmaster 1 2 3 4 60
@        NS    ns
@        MX    10 mail
ns       A     192.0.2.53
mail     A     192.0.2.25
mail     AAAA  2001:db8::25
www      CNAME host
host     A     192.0.2.1
host     TXT   "text"
*.w      A     192.0.2.2
d        DNAME w
sub      NS    ns.sub
sub      DS    1 13 2 00
ns.sub   A     192.0.2.3
_s._tcp  SRV   1 2 3 host
svc      HTTPS 1 . alpn=h2
svc      HTTPS 0 host
svc      A     192.0.2.4
a.b.c    TXT   "below empty non-terminals"
loop     CNAME loop
other    CNAME www.second.
generic  TYPE65400 \# 3 010203
`, "second.", "@ SOA ns.example. h.example. 1 2 3 4 5\n@ NS ns.example.\nwww CNAME missing.example.\n")
}

// FuzzPacket has any packet answered, over either transport. Whatever it is: no panic, no answer to a response, the same
// ID and opcode, a size that both sides agreed on, and an answer that another implementation reads.
func FuzzPacket(f *testing.F) {
	for _, q := range []string{
		"host.example. A", "www.example. A +edns", "x.w.example. A +dnssec", "a.d.example. A", "x.sub.example. AAAA +bufsize=4096",
		"sub.example. DS", "_s._tcp.example. SRV", "svc.example. HTTPS", "b.c.example. A", "missing.example. A", "loop.example. TXT",
		"host.example. ANY", "example. AXFR", "example. IXFR", "version.bind. TXT CH", "other.example. A +nsid", "generic.example. TYPE65400",
		"example. SOA +expire", "www.example. SOA +expire=1", "host.example. A +cookie", "missing.example. A +cookie=" + vectorCookie, "host.example. A +cookie=00", "host.example. A +cookie +nsid +cookie=01",
		"host.example. A +cookie +edns=1", "elsewhere. A +option=65001", "host.example. A +edns=1", "example. TSIG",
	} {
		f.Add(pack(f, parseQuery(f, q).msg), false)
		f.Add(pack(f, parseQuery(f, q).msg), true)
	}
	update := new(dns.Msg)
	update.SetUpdate("example.")
	f.Add(pack(f, update), false)
	signed := new(dns.Msg)
	signed.SetQuestion("host.example.", dns.TypeA)
	signed.SetTsig("key.example.", dns.HmacSHA256, 300, 1700000000)
	if wire, _, err := dns.TsigGenerate(signed, "c2VjcmV0", "", false); err == nil {
		f.Add(wire, false)
	}
	bare := new(dns.Msg)
	withOPT(bare).Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: vectorCookie}}
	f.Add(pack(f, bare), false)
	cat := packetCatalog(f)
	cookies := testCookies(f)
	w := NewWorker(Policy{Identity: Identity{Version: "v", Name: "n", NSID: "id"}, KeepAlive: 100, Cookies: cookies})
	f.Fuzz(func(t *testing.T, packet []byte, tcp bool) {
		via := UDP
		if tcp {
			via = TCP
		}
		m := send(t, w, cat, packet, via)
		if m == nil {
			if len(packet) >= headerLen && packet[2]&0x80 == 0 {
				t.Fatalf("no answer to %x", packet)
			}
			return
		}
		switch m.Rcode {
		case dns.RcodeSuccess, dns.RcodeNameError, dns.RcodeYXDomain, dns.RcodeBadVers:
		case dns.RcodeBadCookie:
			if len(m.Question)+len(m.Answer)+len(m.Ns) > 0 {
				t.Fatalf("%x: BADCOOKIE for a question:\n%v", packet, m)
			}
		case dns.RcodeFormatError, dns.RcodeNotImplemented, dns.RcodeRefused, dns.RcodeNotAuth:
			if len(m.Answer)+len(m.Ns) > 0 || m.Authoritative {
				t.Fatalf("%x: content beside an error:\n%v", packet, m)
			}
		default:
			t.Fatalf("%x: %s", packet, dns.RcodeToString[m.Rcode])
		}
		// Who sends no sound EDNS gets none.
		q := new(dns.Msg)
		if q.Unpack(packet) == nil && q.IsEdns0() == nil && m.IsEdns0() != nil {
			t.Fatalf("%x: EDNS unasked:\n%v", packet, m)
		}
		// What miekg/dns takes for an ordinary query with one question is not FORMERR, unless for what it does not check.
		if m.Rcode == dns.RcodeSuccess && len(m.Question) != 1 && (cookieOf(m) == "" || len(m.Answer)+len(m.Ns) > 0) {
			t.Fatalf("%x: NOERROR without the question:\n%v", packet, m)
		}
		if expire := expireOf(m); expire != (len(m.Question) == 1 && m.Question[0].Qtype == dns.TypeSOA && len(m.Answer) == 1 && q.Unpack(packet) == nil && asksExpire(q)) {
			t.Fatalf("%x: EXPIRE answered: %v:\n%v", packet, expire, m)
		}
		checkCookie(t, cookies, cookieSecret(t, vectorSecret), packet, m)
	})
}

// expireOf says whether an answer has the EXPIRE option; it must be that of packetCatalog's zones.
func expireOf(m *dns.Msg) bool {
	if o := m.IsEdns0(); o != nil {
		for _, e := range o.Option {
			if e, ok := e.(*dns.EDNS0_EXPIRE); ok {
				return !e.Empty && e.Expire == 4
			}
		}
	}
	return false
}

// asksExpire says whether a query has the option without a content.
func asksExpire(q *dns.Msg) bool {
	if o := q.IsEdns0(); o != nil && o.Version() == 0 {
		for _, e := range o.Option {
			if e, ok := e.(*dns.EDNS0_EXPIRE); ok && e.Empty {
				return true
			}
		}
	}
	return false
}
