package resolver

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

func TestAdditional(t *testing.T) {
	cat := parseCatalog(t, "example.", `
@          SOA   ns hostmaster 1 2 3 4 60
@          NS    ns
@          NS    NS.Elsewhere.
ns         A     192.0.2.53
mail       MX    10 host
mail       MX    20 host
mail       MX    30 other
mail       MX    40 nosuch
mail       MX    50 x.w
mail       MX    60 y.w
null       MX    0 .
_s._tcp    SRV   0 0 1 host
_s._tcp    SRV   0 0 2 host
_s._tcp    SRV   0 0 3 HOST
none._tcp  SRV   0 0 0 .
host       A     192.0.2.1
host       AAAA  2001:db8::1
other      A     192.0.2.2
*.w        A     192.0.2.3
todname    MX    10 x.d
d          DNAME w
toalias    MX    10 alias
alias      CNAME host
svc        HTTPS 1 . alpn=h2
svc        HTTPS 2 other
svc        A     192.0.2.4
*.wsvc     HTTPS 1 .
*.wsvc     A     192.0.2.5
both       HTTPS 0 one
both       HTTPS 0 two
both       HTTPS 0 .
one        HTTPS 1 svc
one        HTTPS 2 host
one        A     192.0.2.6
two        HTTPS 1 .
two        A     192.0.2.7
ptr        PTR   host
`)
	run(t, cat, Policy{}, []asked{
		// each target once, those outside or not there left out, wildcards synthesised
		{"mail.example. MX", `NOERROR aa
			an mail.example. 300 MX 10 host.example.
			an mail.example. 300 MX 20 host.example.
			an mail.example. 300 MX 30 other.example.
			an mail.example. 300 MX 40 nosuch.example.
			an mail.example. 300 MX 50 x.w.example.
			an mail.example. 300 MX 60 y.w.example.
			ar host.example. 300 A 192.0.2.1
			ar host.example. 300 AAAA 2001:db8::1
			ar other.example. 300 A 192.0.2.2
			ar x.w.example. 300 A 192.0.2.3
			ar y.w.example. 300 A 192.0.2.3`},
		{"_s._tcp.example. SRV", `NOERROR aa
			an _s._tcp.example. 300 SRV 0 0 1 host.example.
			an _s._tcp.example. 300 SRV 0 0 2 host.example.
			an _s._tcp.example. 300 SRV 0 0 3 HOST.example.
			ar host.example. 300 A 192.0.2.1
			ar host.example. 300 AAAA 2001:db8::1`},
		{"null.example. MX", "NOERROR aa\nan null.example. 300 MX 0 ."},                     // RFC 7505
		{"none._tcp.example. SRV", "NOERROR aa\nan none._tcp.example. 300 SRV 0 0 0 ."},     // RFC 2782
		{"todname.example. MX", "NOERROR aa\nan todname.example. 300 MX 10 x.d.example."},   // not there, but below a DNAME
		{"toalias.example. MX", "NOERROR aa\nan toalias.example. 300 MX 10 alias.example."}, // RFC 2181 10.3 forbids it
		{"ptr.example. PTR", "NOERROR aa\nan ptr.example. 300 PTR host.example."},
		{"example. NS", "NOERROR aa\nan example. 300 NS ns.example.\nan example. 300 NS NS.Elsewhere.\nar ns.example. 300 A 192.0.2.53"},
		// RFC 9460: "." is the owner itself, with AliasMode nothing at all
		{"svc.example. HTTPS", `NOERROR aa
			an svc.example. 300 HTTPS 1 . alpn="h2"
			an svc.example. 300 HTTPS 2 other.example.
			ar svc.example. 300 A 192.0.2.4
			ar other.example. 300 A 192.0.2.2`},
		{"x.wsvc.example. HTTPS", `NOERROR aa
			an x.wsvc.example. 300 HTTPS 1 .
			ar x.wsvc.example. 300 A 192.0.2.5`},
		{"both.example. HTTPS", `NOERROR aa
			an both.example. 300 HTTPS 0 one.example.
			an both.example. 300 HTTPS 0 two.example.
			an both.example. 300 HTTPS 0 .
			ar one.example. 300 A 192.0.2.6
			ar one.example. 300 HTTPS 1 svc.example.
			ar one.example. 300 HTTPS 2 host.example.
			ar two.example. 300 A 192.0.2.7
			ar two.example. 300 HTTPS 1 .`},
	})
}

// Data that are not what their type demands, as RFC 3597 lets them be written, go out as they are: nothing is guessed
// from them, nothing breaks.
func TestDataThatIsNotWhatItsTypeDemands(t *testing.T) {
	for _, typ := range []uint16{dns.TypeNS, dns.TypeCNAME, dns.TypeSOA, dns.TypeMX, dns.TypeSRV, dns.TypeHTTPS, dns.TypeMINFO, dns.TypePTR} {
		for _, data := range []string{"", "\x00", "\x01", "\x05abc", "\xc0\x0c", "\x01a\x00junk", "\x00\x01\x3f", "\x00\x01\xc0\x00", "\x00\x00\x00\x00\x00\x00\x01a", "\x01a\x00\x01b\x00"} {
			b := zones.NewBuilder(zones.MustParseName("example."))
			for _, s := range []zones.RRset{
				{Name: zones.MustParseName("example."), Type: dns.TypeNS, TTL: 1, Data: [][]byte{[]byte("\x02ns\x07example\x00")}},
				{Name: zones.MustParseName("odd.example."), Type: typ, TTL: 1, Data: [][]byte{[]byte(data)}},
				{Name: zones.MustParseName("*.odd.example."), Type: typ, TTL: 1, Data: [][]byte{[]byte(data)}},
			} {
				if err := b.AddRRset(s); err != nil {
					t.Fatal(err)
				}
			}
			cat := zones.NewCatalog(b.Zone())
			w := NewWorker(Policy{})
			for _, qname := range []string{"odd.example.", "x.odd.example.", "*.odd.example."} {
				for _, qtype := range []uint16{typ, dns.TypeA, dns.TypeANY} {
					for _, via := range []Transport{UDP, TCP} {
						m := new(dns.Msg)
						m.SetQuestion(qname, qtype)
						got, _ := w.Answer(cat, pack(t, m), &Source{Via: via}, make([]byte, 65535))
						if end := messageEnd(got); end != len(got) {
							t.Errorf("%s %q: %d octets of message in %d", dns.TypeToString[typ], data, end, len(got))
						}
					}
				}
			}
		}
	}
}
