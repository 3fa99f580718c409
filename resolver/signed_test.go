package resolver

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// parseSigned makes a zone of text that has its NSEC or NSEC3 records, and a signature for whatever must have one. The
// signatures are none that anybody could verify: integration tests do that with real ones.
func parseSigned(tb testing.TB, origin, text string) *zones.Zone {
	tb.Helper()
	rrs := parseRRs(tb, origin, text)
	return buildZone(tb, origin, append(rrs, fakeSignatures(origin, rrs)...))
}

func parseRRs(tb testing.TB, origin, text string) []dns.RR {
	tb.Helper()
	p := dns.NewZoneParser(strings.NewReader("$TTL 300\n"+text), origin, "")
	var rrs []dns.RR
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		rrs = append(rrs, rr)
	}
	if err := p.Err(); err != nil {
		tb.Fatalf("zone %s: %v", origin, err)
	}
	return rrs
}

// fakeSignatures are the signatures that a zone of these records would have: of all authoritative data (RFC 4035 2.2).
func fakeSignatures(origin string, rrs []dns.RR) []dns.RR {
	hides := map[string]uint16{} // cuts and owners of DNAMEs
	for _, rr := range rrs {
		h := rr.Header()
		if name := strings.ToLower(h.Name); h.Rrtype == dns.TypeNS && name != origin || h.Rrtype == dns.TypeDNAME && hides[name] == 0 {
			hides[name] = h.Rrtype
		}
	}
	signed := func(name string, typ uint16) bool {
		if typ == dns.TypeNSEC3 {
			return true
		}
		for _, a := range ancestors(origin, name) {
			switch {
			case a == name:
				return hides[a] != dns.TypeNS || typ == dns.TypeDS || typ == dns.TypeNSEC
			case hides[a] != 0:
				return false
			}
		}
		return true
	}
	var out []dns.RR
	seen := map[string]bool{}
	for _, rr := range rrs {
		h := rr.Header()
		name := strings.ToLower(h.Name)
		id := name + dns.TypeToString[h.Rrtype]
		if seen[id] || !signed(name, h.Rrtype) {
			continue
		}
		seen[id] = true
		labels := dns.CountLabel(name)
		if strings.HasPrefix(name, "*.") {
			labels--
		}
		out = append(out, &dns.RRSIG{
			Hdr:         dns.RR_Header{Name: h.Name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: h.Ttl},
			TypeCovered: h.Rrtype, Algorithm: dns.RSASHA256, Labels: uint8(labels), OrigTtl: h.Ttl,
			Expiration: 2000000000, Inception: 1000000000, KeyTag: 1, SignerName: origin, Signature: "bm9uZQ==",
		})
	}
	return out
}

// rfc4035Zone is the zone of RFC 4035 appendix A, keys left out.
const rfc4035Zone = `
@ 3600 SOA ns1 bugs.x.w 1081539377 3600 300 3600000 3600
@ 3600 NS ns1
@ 3600 NS ns2
@ 3600 MX 1 xx
@ 3600 NSEC a.example. NS SOA MX RRSIG NSEC DNSKEY
@ 3600 DNSKEY 257 3 8 AwEAAQ==
a 3600 NS ns1.a
a 3600 NS ns2.a
a 3600 DS 57855 5 1 B6DCD485719ADCA18E5F3D48A2331627FDD3636B
a 3600 NSEC ai.example. NS DS RRSIG NSEC
ns1.a 3600 A 192.0.2.5
ns2.a 3600 A 192.0.2.6
ai 3600 A 192.0.2.9
ai 3600 HINFO "KLH-10" "ITS"
ai 3600 AAAA 2001:db8::f00:baa9
ai 3600 NSEC b.example. A HINFO AAAA RRSIG NSEC
b 3600 NS ns1.b
b 3600 NS ns2.b
b 3600 NSEC ns1.example. NS RRSIG NSEC
ns1.b 3600 A 192.0.2.7
ns2.b 3600 A 192.0.2.8
ns1 3600 A 192.0.2.1
ns1 3600 NSEC ns2.example. A RRSIG NSEC
ns2 3600 A 192.0.2.2
ns2 3600 NSEC *.w.example. A RRSIG NSEC
*.w 3600 MX 1 ai
*.w 3600 NSEC x.w.example. MX RRSIG NSEC
x.w 3600 MX 1 xx
x.w 3600 NSEC x.y.w.example. MX RRSIG NSEC
x.y.w 3600 MX 1 xx
x.y.w 3600 NSEC xx.example. MX RRSIG NSEC
xx 3600 A 192.0.2.10
xx 3600 HINFO "KLH-10" "TOPS-20"
xx 3600 AAAA 2001:db8::f00:baaa
xx 3600 NSEC example. A HINFO AAAA RRSIG NSEC
`

// TestRFC4035Examples is appendix B by its numbers, as minimal answers are: without the apex NS set, which is in the
// authority section of B.1 and B.6 there.
func TestRFC4035Examples(t *testing.T) {
	const soa = `ns example. 3600 SOA ns1.example. bugs.x.w.example. 1081539377 3600 300 3600000 3600
		ns example. 3600 RRSIG SOA 1
		`
	cases := []asked{
		{"x.w.example. MX +dnssec", `NOERROR aa
			an x.w.example. 3600 MX 1 xx.example.
			an x.w.example. 3600 RRSIG MX 3
			ar xx.example. 3600 A 192.0.2.10
			ar xx.example. 3600 RRSIG A 2
			ar xx.example. 3600 AAAA 2001:db8::f00:baaa
			ar xx.example. 3600 RRSIG AAAA 2
			opt 1232 do`}, // B.1
		{"ml.example. A +dnssec", "NXDOMAIN aa\n" + soa + `
			ns b.example. 3600 NSEC ns1.example. NS RRSIG NSEC
			ns b.example. 3600 RRSIG NSEC 2
			ns example. 3600 NSEC a.example. NS SOA MX RRSIG NSEC DNSKEY
			ns example. 3600 RRSIG NSEC 1
			opt 1232 do`}, // B.2
		{"ns1.example. MX +dnssec", "NOERROR aa\n" + soa + `
			ns ns1.example. 3600 NSEC ns2.example. A RRSIG NSEC
			ns ns1.example. 3600 RRSIG NSEC 2
			opt 1232 do`}, // B.3
		{"mc.a.example. MX +dnssec", `NOERROR
			ns a.example. 3600 NS ns1.a.example.
			ns a.example. 3600 NS ns2.a.example.
			ns a.example. 3600 DS 57855 5 1 B6DCD485719ADCA18E5F3D48A2331627FDD3636B
			ns a.example. 3600 RRSIG DS 2
			ar ns1.a.example. 3600 A 192.0.2.5
			ar ns2.a.example. 3600 A 192.0.2.6
			opt 1232 do`}, // B.4
		{"mc.b.example. MX +dnssec", `NOERROR
			ns b.example. 3600 NS ns1.b.example.
			ns b.example. 3600 NS ns2.b.example.
			ns b.example. 3600 NSEC ns1.example. NS RRSIG NSEC
			ns b.example. 3600 RRSIG NSEC 2
			ar ns1.b.example. 3600 A 192.0.2.7
			ar ns2.b.example. 3600 A 192.0.2.8
			opt 1232 do`}, // B.5
		{"a.z.w.example. MX +dnssec", `NOERROR aa
			an a.z.w.example. 3600 MX 1 ai.example.
			an a.z.w.example. 3600 RRSIG MX 2
			ns x.y.w.example. 3600 NSEC xx.example. MX RRSIG NSEC
			ns x.y.w.example. 3600 RRSIG NSEC 4
			ar ai.example. 3600 A 192.0.2.9
			ar ai.example. 3600 RRSIG A 2
			ar ai.example. 3600 AAAA 2001:db8::f00:baa9
			ar ai.example. 3600 RRSIG AAAA 2
			opt 1232 do`}, // B.6
		{"a.z.w.example. AAAA +dnssec", `NOERROR aa
			ns x.y.w.example. 3600 NSEC xx.example. MX RRSIG NSEC
			ns x.y.w.example. 3600 RRSIG NSEC 4
			` + soa + `
			ns *.w.example. 3600 NSEC x.w.example. MX RRSIG NSEC
			ns *.w.example. 3600 RRSIG NSEC 2
			opt 1232 do`}, // B.7
		{"example. DS +dnssec", "NOERROR aa\n" + soa + `
			ns example. 3600 NSEC a.example. NS SOA MX RRSIG NSEC DNSKEY
			ns example. 3600 RRSIG NSEC 1
			opt 1232 do`}, // B.8
	}
	run(t, zones.NewCatalog(parseSigned(t, "example.", rfc4035Zone)), Policy{}, cases)
	t.Run("overlaid", func(t *testing.T) {
		run(t, zones.NewCatalog(overlaid(t, parseSigned(t, "example.", rfc4035Zone))), Policy{}, cases)
	})
}

// overlaid returns a zone that says what z does, but with every name changed since it was built, some of them after
// names between them came and went.
func overlaid(tb testing.TB, z *zones.Zone) *zones.Zone {
	tb.Helper()
	b := zones.NewBuilder(z.Origin())
	for i := range 3000 { // large enough that With makes an overlay
		name, err := zones.ParseName(fmt.Sprintf("filler%d.%s", i, z.Origin()))
		if err != nil {
			tb.Fatal(err)
		}
		for _, s := range []zones.RRset{
			{Name: name, Type: dns.TypeTXT, TTL: 1, Data: [][]byte{[]byte("\x01x")}},
			{Name: name, Type: dns.TypeNSEC, TTL: 1, Data: [][]byte{[]byte("\x00\x00\x01\x40")}},
		} {
			if err := b.AddRRset(s); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := b.AddRRset(zones.RRset{Name: z.Origin(), Type: dns.TypeNSEC, TTL: 1, Data: [][]byte{[]byte("\x00\x00\x01\x40")}}); err != nil {
		tb.Fatal(err)
	}
	out := b.Zone()
	changes := zones.Diff(out, z)
	slices.SortStableFunc(changes, func(a, b zones.Change) int { return strings.Compare(a.Name.Label(), b.Name.Label()) })
	for part := range slices.Chunk(changes, 500) {
		var err error
		if out, err = out.With(part); err != nil {
			tb.Fatal(err)
		}
	}
	return out
}
