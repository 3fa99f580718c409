package resolver

import (
	"crypto/sha1"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// BenchmarkAnswerSigned is what our own work costs in a zone of a thousand names with signatures of 64 octets, that
// is, of algorithm 13, asked with DO; names are drawn beforehand.
func BenchmarkAnswerSigned(b *testing.B) {
	nsec, nsec3 := benchZone(b, zones.NSEC), benchZone(b, zones.NSEC3)
	for _, c := range []struct {
		name   string
		cat    *zones.Catalog
		format string
		typ    uint16
		rcode  int
	}{
		{"hit", nsec, "h%04d.example.", dns.TypeA, dns.RcodeSuccess},
		{"nxdomain", nsec, "x%d.example.", dns.TypeA, dns.RcodeNameError},
		{"nodata", nsec, "h%04d.example.", dns.TypeMX, dns.RcodeSuccess},
		{"wildcard", nsec, "x%d.wild.example.", dns.TypeA, dns.RcodeSuccess},
		{"referral", nsec, "www.d%04d.example.", dns.TypeA, dns.RcodeSuccess},
		{"nsec3/hit", nsec3, "h%04d.example.", dns.TypeA, dns.RcodeSuccess},
		{"nsec3/nxdomain", nsec3, "x%d.example.", dns.TypeA, dns.RcodeNameError},
		{"nsec3/nodata", nsec3, "h%04d.example.", dns.TypeMX, dns.RcodeSuccess},
		{"nsec3/referral", nsec3, "www.d%04d.example.", dns.TypeA, dns.RcodeSuccess},
	} {
		b.Run(c.name, func(b *testing.B) {
			queries := make([][]byte, 1000)
			for i := range queries {
				m := new(dns.Msg)
				m.SetQuestion(fmt.Sprintf(c.format, i*7919%1000), c.typ)
				m.SetEdns0(1232, true)
				queries[i] = pack(b, m)
			}
			w := NewWorker(Policy{})
			out := make([]byte, 1232)
			from := sourceOf(UDP)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, o := w.Answer(c.cat, queries[i%len(queries)], from, out); o.Rcode != c.rcode || o.Truncated() {
					b.Fatalf("%v", o)
				}
			}
		})
	}
}

// benchZone is a zone of a thousand names and as many delegations without DS, signed where it denies.
func benchZone(tb testing.TB, denial zones.Denial) *zones.Catalog {
	var text strings.Builder
	text.WriteString("@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\n@ DNSKEY 257 3 13 AwEAAQ==\nns A 192.0.2.53\n*.wild A 192.0.2.1\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "h%04d A 192.0.2.1\nh%04[1]d AAAA 2001:db8::1\n", i)
		fmt.Fprintf(&text, "d%04d NS ns1.d%04[1]d\nd%04[1]d NS ns2.d%04[1]d\nns1.d%04[1]d A 192.0.2.1\nns2.d%04[1]d A 192.0.2.2\n", i)
	}
	rrs := parseRRs(tb, "example.", text.String())
	if denial == zones.Unsigned {
		return zones.NewCatalog(buildZone(tb, "example.", rrs))
	}
	rrs = withChain(tb, "example.", rrs, denial, false)
	sigs := fakeSignatures("example.", rrs)
	for _, rr := range sigs {
		rr.(*dns.RRSIG).Signature = base64.StdEncoding.EncodeToString(make([]byte, 64))
	}
	return zones.NewCatalog(buildZone(tb, "example.", append(rrs, sigs...)))
}

// withChain returns the records of a zone with an NSEC or NSEC3 chain; with optOut insecure delegations are not in it. It is
// as slow and obvious as the reference is.
func withChain(tb testing.TB, origin string, rrs []dns.RR, denial zones.Denial, optOut bool) []dns.RR {
	tb.Helper()
	names := map[string]map[uint16]bool{} // those of the chain, with the types there
	cuts := map[string]bool{}
	for _, rr := range rrs {
		if h := rr.Header(); h.Rrtype == dns.TypeNS && !strings.EqualFold(h.Name, origin) || h.Rrtype == dns.TypeDNAME {
			cuts[strings.ToLower(h.Name)] = cuts[strings.ToLower(h.Name)] || h.Rrtype == dns.TypeNS
		}
	}
	for _, rr := range rrs {
		name := strings.ToLower(rr.Header().Name)
		above := ancestors(origin, name)
		hidden := slices.ContainsFunc(above[:len(above)-1], func(a string) bool { _, ok := cuts[a]; return ok })
		if hidden {
			continue
		}
		for i, a := range above {
			if names[a] == nil {
				names[a] = map[uint16]bool{}
			}
			if i == len(above)-1 {
				names[a][rr.Header().Rrtype] = true
			}
		}
	}
	negative := negativeSOA(rrs, origin)
	hdr := func(name string, typ uint16) dns.RR_Header {
		return dns.RR_Header{Name: name, Rrtype: typ, Class: dns.ClassINET, Ttl: negative.Header().Ttl}
	}
	bitmap := func(name string, more ...uint16) []uint16 {
		var out []uint16
		for typ := range names[name] {
			if !cuts[name] || typ == dns.TypeNS || typ == dns.TypeDS {
				out = append(out, typ)
			}
		}
		if len(out) == 0 {
			return nil
		}
		if !cuts[name] || names[name][dns.TypeDS] || denial == zones.NSEC {
			more = append(more, dns.TypeRRSIG)
		}
		out = append(out, more...)
		slices.Sort(out)
		return slices.Compact(out)
	}
	out := slices.Clone(rrs)
	var chain []string
	if denial == zones.NSEC {
		for name, types := range names {
			if len(types) > 0 {
				chain = append(chain, name)
			}
		}
		slices.SortFunc(chain, compareCanonically)
		for i, name := range chain {
			out = append(out, &dns.NSEC{Hdr: hdr(name, dns.TypeNSEC), NextDomain: chain[(i+1)%len(chain)], TypeBitMap: bitmap(name, dns.TypeNSEC)})
		}
		return out
	}
	hashes := map[string]string{}
	for name, types := range names {
		if optOut && cuts[name] && !types[dns.TypeDS] {
			continue
		}
		if optOut && len(types) == 0 && !slices.ContainsFunc(rrs, func(rr dns.RR) bool {
			below := strings.ToLower(rr.Header().Name)
			return names[below] != nil && dns.IsSubDomain(name, below) && (!cuts[below] || names[below][dns.TypeDS])
		}) {
			continue // an empty non-terminal above insecure delegations alone
		}
		h := referenceHash(name)
		hashes[h] = name
		chain = append(chain, h)
	}
	slices.Sort(chain)
	param := &dns.NSEC3PARAM{Hdr: hdr(origin, dns.TypeNSEC3PARAM), Hash: 1, Iterations: 1, SaltLength: 1, Salt: "ab"}
	names[origin][dns.TypeNSEC3PARAM] = true
	out = append(out, param)
	var flags uint8
	if optOut {
		flags = 1
	}
	for i, h := range chain {
		out = append(out, &dns.NSEC3{Hdr: hdr(under(h, origin), dns.TypeNSEC3), Hash: 1, Flags: flags, Iterations: 1, SaltLength: 1, Salt: "ab",
			HashLength: 20, NextDomain: chain[(i+1)%len(chain)], TypeBitMap: bitmap(hashes[h])})
	}
	return out
}

func under(label, origin string) string { return label + "." + strings.TrimPrefix(origin, ".") }

// referenceHash is the hash of RFC 5155 5 with one iteration and the salt ab.
func referenceHash(name string) string {
	buf := make([]byte, 256)
	n, err := dns.PackDomainName(strings.ToLower(name), buf, 0, nil, false)
	if err != nil {
		panic(err)
	}
	sum := sha1.Sum(append(buf[:n], 0xab))
	sum = sha1.Sum(append(sum[:], 0xab))
	return base32.HexEncoding.EncodeToString(sum[:])
}

// compareCanonically orders names by their labels from the right (RFC 4034 6.1).
func compareCanonically(a, b string) int {
	x, y := dns.SplitDomainName(strings.ToLower(a)), dns.SplitDomainName(strings.ToLower(b))
	slices.Reverse(x)
	slices.Reverse(y)
	return slices.Compare(x, y)
}
