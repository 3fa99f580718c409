package dnssec_test

import (
	"crypto"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/dnssec"
)

const origin = "example."

// text is a zone before it is signed: names in several cases, a wildcard, types whose names count in lower case and such that keep theirs.
const text = `
@ SOA NS1 Host 1 2 3 4 60
@ NS ns1
@ NS Ns2.Example.net.
@ MX 10 Mail.EXAMPLE.
NS1 A 192.0.2.1
www A 192.0.2.3
www A 192.0.2.2
www TXT "Text" "b"
*.Wild A 192.0.2.4
srv SRV 1 2 3 WWW
alias CNAME Www
tree DNAME Example.net.
web HTTPS 1 Www.example. alpn=h2
cut NS ns.Cut
cut DS 1 13 2 00
ns.cut A 192.0.2.5
a.b.c.d CAA 0 issue "x"
naptr NAPTR 1 2 "A" "" "" NS1
rp RP Host.example. Txt.example.
`

func parse(t *testing.T, text string) []dns.RR {
	t.Helper()
	p := dns.NewZoneParser(strings.NewReader("$TTL 300\n"+text), origin, "")
	var rrs []dns.RR
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		rrs = append(rrs, rr)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return rrs
}

// keyPair is a key of a zone.
type keyPair struct {
	*dns.DNSKEY
	private crypto.PrivateKey
}

func newKey(t *testing.T, algorithm uint8, bits int) keyPair {
	t.Helper()
	k := &dns.DNSKEY{Hdr: dns.RR_Header{Name: origin, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 300}, Flags: 257, Protocol: 3, Algorithm: algorithm}
	private, err := k.Generate(bits)
	if err != nil {
		t.Fatal(err)
	}
	return keyPair{k, private}
}

// sign signs the records of a zone with keys, by another implementation.
func sign(t *testing.T, rrs []dns.RR, keys ...keyPair) []dns.RR {
	t.Helper()
	sets := map[string][]dns.RR{}
	var order []string
	for _, rr := range rrs {
		h := rr.Header()
		if h.Rrtype == dns.TypeNS && !strings.EqualFold(h.Name, origin) || strings.HasSuffix(strings.ToLower(h.Name), ".cut.example.") {
			continue
		}
		id := strings.ToLower(h.Name) + dns.TypeToString[h.Rrtype]
		if sets[id] == nil {
			order = append(order, id)
		}
		sets[id] = append(sets[id], rr)
	}
	out := slices.Clone(rrs)
	for _, id := range order {
		for _, k := range keys {
			sig := &dns.RRSIG{Hdr: dns.RR_Header{Ttl: 300}, Algorithm: k.Algorithm, KeyTag: k.KeyTag(), SignerName: origin,
				Inception: uint32(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Unix()), Expiration: uint32(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Unix())}
			if err := sig.Sign(k.private.(crypto.Signer), sets[id]); err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			out = append(out, sig)
		}
	}
	return out
}

func build(t *testing.T, rrs []dns.RR) *zones.Zone {
	t.Helper()
	sets, err := zones.FromRRs(rrs)
	if err != nil {
		t.Fatal(err)
	}
	b := zones.NewBuilder(zones.MustParseName(origin))
	for _, s := range sets {
		if err := b.AddRRset(s); err != nil {
			t.Fatal(err)
		}
	}
	return b.Zone()
}

// verify returns what Verify says, with "NAME TYPE: " for a place that is asked for.
func verify(t *testing.T, z *zones.Zone) []string {
	t.Helper()
	out := []string{}
	for _, p := range dnssec.Verify(z, func(name zones.Name, typ uint16, i int) zones.Pos {
		return zones.Pos{File: fmt.Sprint(name, " ", zones.TypeString(typ)), Line: 1 + i}
	}) {
		if p.Severity != zones.Warning || p.Pos.Line != 1 || !strings.HasPrefix(p.Text, p.Pos.File+" ") {
			t.Errorf("place %v: %s", p.Pos, p)
		}
		out = append(out, p.Text)
	}
	return out
}

func withKey(rrs []dns.RR, keys ...keyPair) []dns.RR {
	for _, k := range keys {
		rrs = append(slices.Clip(rrs), k.DNSKEY)
	}
	return rrs
}

// TestAlgorithms: what another implementation signs is right with each algorithm, and is not once a record has changed.
func TestAlgorithms(t *testing.T) {
	for _, a := range []struct {
		algorithm uint8
		bits      int
	}{{dns.RSASHA1, 1024}, {dns.RSASHA1NSEC3SHA1, 1024}, {dns.RSASHA256, 2048}, {dns.RSASHA512, 1024}, {dns.ECDSAP256SHA256, 256}, {dns.ECDSAP384SHA384, 384}, {dns.ED25519, 256}} {
		t.Run(dns.AlgorithmToString[a.algorithm], func(t *testing.T) {
			k := newKey(t, a.algorithm, a.bits)
			rrs := sign(t, withKey(parse(t, text), k), k)
			if got := verify(t, build(t, rrs)); len(got) > 0 {
				t.Errorf("got %q", got)
			}
			for _, rr := range rrs {
				if a, ok := rr.(*dns.A); ok && a.Hdr.Name == "NS1.example." {
					a.A[3]++
				}
			}
			want := []string{fmt.Sprintf("ns1.example. A has no signature that holds: it is by key %d, and not of these records; resolvers that validate refuse the records; sign the zone again", k.KeyTag())}
			if d := cmp.Diff(want, verify(t, build(t, rrs))); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestVerify(t *testing.T) {
	first, second := newKey(t, dns.ED25519, 256), newKey(t, dns.ED25519, 256)
	one, both := sign(t, withKey(parse(t, text), first), first), sign(t, withKey(parse(t, text), first, second), first, second)
	edit := func(rrs []dns.RR, f func(dns.RR) bool) []dns.RR { // without those that f says no to
		var out []dns.RR
		for _, rr := range rrs {
			if rr = dns.Copy(rr); f(rr) {
				out = append(out, rr)
			}
		}
		return out
	}
	signatures := func(rrs []dns.RR, owner string, typ uint16, f func(*dns.RRSIG)) []dns.RR {
		return edit(rrs, func(rr dns.RR) bool {
			if sig, ok := rr.(*dns.RRSIG); ok && strings.EqualFold(sig.Hdr.Name, owner) && sig.TypeCovered == typ {
				f(sig)
			}
			return true
		})
	}
	refused := "; resolvers that validate refuse the records; sign the zone again"
	tag := fmt.Sprint(first.KeyTag())
	stranger := newKey(t, dns.ED25519, 256)
	foreign := dns.Copy(first.DNSKEY).(*dns.DNSKEY)
	foreign.Algorithm = dns.ED448
	tests := []struct {
		name string
		rrs  []dns.RR
		want []string
	}{
		{"unsigned", parse(t, text), nil},
		{"right", one, nil},
		{"two keys", both, nil},
		{"a record more", append(slices.Clip(one), parse(t, "www A 192.0.2.9")...), []string{"www.example. A has no signature that holds: it is by key " + tag + ", and not of these records" + refused}},
		{"a record less", edit(one, func(rr dns.RR) bool { a, ok := rr.(*dns.A); return !ok || a.A.String() != "192.0.2.3" }),
			[]string{"www.example. A has no signature that holds: it is by key " + tag + ", and not of these records" + refused}},
		{"a wildcard changed", edit(one, func(rr dns.RR) bool {
			if a, ok := rr.(*dns.A); ok && a.A.String() == "192.0.2.4" {
				a.A[3] = 99
			}
			return true
		}), []string{"*.wild.example. A has no signature that holds: it is by key " + tag + ", and not of these records" + refused}},
		{"another TTL", edit(one, func(rr dns.RR) bool { rr.Header().Ttl = 299; return true }), nil}, // the original one counts
		{"names in another case", edit(one, func(rr dns.RR) bool {
			if mx, ok := rr.(*dns.MX); ok {
				mx.Mx = strings.ToLower(mx.Mx)
			}
			return true
		}), nil},
		{"a name that keeps its case", edit(one, func(rr dns.RR) bool {
			if h, ok := rr.(*dns.HTTPS); ok {
				h.Target = strings.ToLower(h.Target)
			}
			return true
		}), []string{"web.example. HTTPS has no signature that holds: it is by key " + tag + ", and not of these records" + refused}},
		{"another signer", signatures(one, "www.example.", dns.TypeTXT, func(s *dns.RRSIG) { s.SignerName = "other." }),
			[]string{"www.example. TXT has no signature that holds: it is of other., and only example. signs here" + refused}},
		{"another number of labels", signatures(one, "www.example.", dns.TypeTXT, func(s *dns.RRSIG) { s.Labels = 1 }),
			[]string{"www.example. TXT has no signature that holds: it is made for a name of 1 labels, and this one has 2" + refused}},
		{"another key", sign(t, withKey(parse(t, text), first), stranger)[:len(one)-1], nil},
		{"a key gone", edit(both, func(rr dns.RR) bool { k, ok := rr.(*dns.DNSKEY); return !ok || k.PublicKey != second.PublicKey }), nil},
		{"a signature broken beside one", signatures(both, "alias.example.", dns.TypeCNAME, func(s *dns.RRSIG) {
			if s.KeyTag == second.KeyTag() {
				s.Signature = "AAAA" + s.Signature[4:]
			}
		}), []string{fmt.Sprintf("alias.example. CNAME has a signature that does not hold, beside one that does: it is by key %d, and not of these records; sign the zone again", second.KeyTag())}},
		{"no key", edit(one, func(rr dns.RR) bool { return rr.Header().Rrtype != dns.TypeDNSKEY }),
			[]string{"example. SOA is that of a zone with signatures and no DNSKEY record: nobody can verify them; sign the zone again"}},
		{"no key for zones", edit(one, func(rr dns.RR) bool {
			if k, ok := rr.(*dns.DNSKEY); ok {
				k.Flags = 0
			}
			return true
		}), []string{"example. SOA is that of a zone with signatures and no DNSKEY record that signs zones: nobody can verify them; sign the zone again"}},
		{"an algorithm that is not known", append(edit(one, func(rr dns.RR) bool {
			if s, ok := rr.(*dns.RRSIG); ok {
				s.Algorithm = dns.ED448
			}
			return rr.Header().Rrtype != dns.TypeDNSKEY
		}), foreign), []string{"example. DNSKEY of algorithm ED448: 16 of its signatures were not verified: this program cannot"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := verify(t, build(t, tt.rrs))
			switch tt.name {
			case "another key", "a key gone": // everything is wrong, with one reason
				want := "which is not among the zone's DNSKEY records"
				if tt.name == "a key gone" {
					want = "beside one that does"
				}
				if len(got) != 10 || !strings.Contains(got[0], want) || !strings.HasSuffix(got[9], "more likewise)") {
					t.Errorf("got %q", got)
				}
				return
			}
			if d := cmp.Diff(append([]string{}, tt.want...), got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// TestShortKeys: what cannot be read is told, and harms nobody.
func TestShortKeys(t *testing.T) {
	k := newKey(t, dns.RSASHA256, 1024)
	for _, public := range []string{"", "AA==", "AwEAAQ==", "AAAB", "BAEAAQABqqq7", "AwEAAaqqu7s="} {
		rrs := sign(t, withKey(parse(t, text), k), k)
		short := dns.Copy(k.DNSKEY).(*dns.DNSKEY)
		short.PublicKey = public
		for i, rr := range rrs {
			switch rr := rr.(type) {
			case *dns.DNSKEY:
				rrs[i] = short
			case *dns.RRSIG:
				rr.KeyTag = short.KeyTag()
			}
		}
		got := verify(t, build(t, rrs))
		if len(got) != 1 || !strings.HasPrefix(got[0], "example. DNSKEY of algorithm RSASHA256: 16 of its signatures were not verified: key ") {
			t.Errorf("%q: got %q", public, got)
		}
	}
}

// BenchmarkVerify verifies a zone of a thousand signatures.
func BenchmarkVerify(b *testing.B) {
	k := &dns.DNSKEY{Hdr: dns.RR_Header{Name: origin, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 300}, Flags: 257, Protocol: 3, Algorithm: dns.ECDSAP256SHA256}
	private, err := k.Generate(256)
	if err != nil {
		b.Fatal(err)
	}
	var rrs []dns.RR
	for i := range 1000 {
		rr, err := dns.NewRR(fmt.Sprintf("h%d.example. 300 A 192.0.2.1", i))
		if err != nil {
			b.Fatal(err)
		}
		if i == 0 {
			rr, _ = dns.NewRR("example. 300 SOA a. b. 1 2 3 4 5")
		}
		sig := &dns.RRSIG{Hdr: dns.RR_Header{Ttl: 300}, Algorithm: k.Algorithm, KeyTag: k.KeyTag(), SignerName: origin}
		if err := sig.Sign(private.(crypto.Signer), []dns.RR{rr}); err != nil {
			b.Fatal(err)
		}
		rrs = append(rrs, rr, sig)
	}
	sets, err := zones.FromRRs(append(rrs, k))
	if err != nil {
		b.Fatal(err)
	}
	builder := zones.NewBuilder(zones.MustParseName(origin))
	for _, s := range sets {
		if err := builder.AddRRset(s); err != nil {
			b.Fatal(err)
		}
	}
	z := builder.Zone()
	for b.Loop() {
		if got := dnssec.Verify(z, nil); len(got) > 0 {
			b.Fatal(got)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/signature")
}
