package resolver

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// RFC 2308 3: the SOA of a negative answer has the lower of its TTL and MINIMUM, wherever it stands.
func TestNegativeTTL(t *testing.T) {
	low := "@ 3600 SOA ns hostmaster 1 2 3 4 60\n@ NS ns\nalias CNAME missing\nalias2 CNAME txt\ntxt TXT x\nother CNAME missing.high.\n"
	high := "@ 30 SOA ns hostmaster 1 2 3 4 600\n@ NS ns\nalias CNAME nothing.low.\n"
	cat := parseCatalog(t, "low.", low, "high.", high)
	run(t, cat, Policy{}, []asked{
		{"missing.low. A", "NXDOMAIN aa\nns low. 60 SOA ns.low. hostmaster.low. 1 2 3 4 60"},
		{"txt.low. A", "NOERROR aa\nns low. 60 SOA ns.low. hostmaster.low. 1 2 3 4 60"},
		{"missing.high. A", "NXDOMAIN aa\nns high. 30 SOA ns.high. hostmaster.high. 1 2 3 4 600"},
		// behind a CNAME
		{"alias.low. A", `NXDOMAIN aa
			an alias.low. 300 CNAME missing.low.
			ns low. 60 SOA ns.low. hostmaster.low. 1 2 3 4 60`},
		{"alias2.low. A", `NOERROR aa
			an alias2.low. 300 CNAME txt.low.
			ns low. 60 SOA ns.low. hostmaster.low. 1 2 3 4 60`},
		// behind a CNAME into another zone: that zone's SOA
		{"other.low. A", `NXDOMAIN aa
			an other.low. 300 CNAME missing.high.
			ns high. 30 SOA ns.high. hostmaster.high. 1 2 3 4 600`},
		{"alias.high. A", `NXDOMAIN aa
			an alias.high. 300 CNAME nothing.low.
			ns low. 60 SOA ns.low. hostmaster.low. 1 2 3 4 60`},
		// asked for, the SOA has its own TTL
		{"low. SOA", "NOERROR aa\nan low. 3600 SOA ns.low. hostmaster.low. 1 2 3 4 60"},
		{"low. A", "NOERROR aa\nns low. 60 SOA ns.low. hostmaster.low. 1 2 3 4 60"},
	})
}

// A zone without SOA cannot deny anything; it must not look as if it did.
func TestZoneWithoutSOA(t *testing.T) {
	cat := parseCatalog(t, "example.", "@ NS ns\nns A 192.0.2.1\nalias CNAME missing\n")
	run(t, cat, Policy{}, []asked{
		{"ns.example. A", "NOERROR aa\nan ns.example. 300 A 192.0.2.1"},
		{"missing.example. A", "SERVFAIL"},
		{"ns.example. AAAA", "SERVFAIL"},
	})
}

// The root zone: every name is below it, and its SOA's owner is one octet.
func TestRootZone(t *testing.T) {
	cat := parseCatalog(t, ".", ". SOA a.root. b.root. 1 2 3 4 60\n. NS a.root.\na.root. A 192.0.2.1\ncom. NS ns.com.\nns.com. A 192.0.2.2\nalias. CNAME missing.\n")
	run(t, cat, Policy{}, []asked{
		{". NS", "NOERROR aa\nan . 300 NS a.root.\nar a.root. 300 A 192.0.2.1"},
		{". DS", "NOERROR aa\nns . 60 SOA a.root. b.root. 1 2 3 4 60"},
		{"nosuch. A", "NXDOMAIN aa\nns . 60 SOA a.root. b.root. 1 2 3 4 60"},
		{"alias. A", "NXDOMAIN aa\nan alias. 300 CNAME missing.\nns . 60 SOA a.root. b.root. 1 2 3 4 60"},
		{"www.example.com. A", "NOERROR\nns com. 300 NS ns.com.\nar ns.com. 300 A 192.0.2.2"},
	})
}

// However the names of the SOA record lie to the zone's, and whatever case they are in, it is sent as it is.
func TestNegativeSOANames(t *testing.T) {
	for _, names := range []string{
		"ns hostmaster", "NS HostMaster", "ns ns", "ns.dns hostmaster.dns", "ns h.ostmaster", "n.s hostmaster", "@ @", "ns @", "@ hostmaster",
		"ns.provider. hostmaster.provider.", "ns hostmaster.provider.", "ns.provider. hostmaster", ". .", "ns.xexample. h.xexample.", "ns.example.example. h",
	} {
		rrs := parseRRs(t, "example.", "@ SOA "+names+" 1 2 3 4 5\n@ NS ns\n*.w TXT x\nhost A 192.0.2.1\n")
		rrs = append(rrs, fakeSignatures("example.", rrs)...)
		cat := zones.NewCatalog(buildZone(t, "example.", rrs))
		soa := dns.Copy(rrs[0])
		soa.Header().Ttl = 5
		for _, question := range []string{
			"x.example. A", "x.EXample. A", "NS.example. A", "x.ns.example. A", "host.example. TXT", "example. TXT", "x.w.example. A", "hostmaster.example. A",
		} {
			for _, options := range []string{"", " +dnssec"} {
				answer := send(t, NewWorker(Policy{}), cat, pack(t, parseQuery(t, question+options).msg), UDP)
				want := 1
				if options != "" {
					want = 2
				}
				if len(answer.Ns) != want || !dns.IsDuplicate(answer.Ns[0], soa) || answer.Ns[0].Header().Ttl != 5 {
					t.Errorf("SOA %s, %s%s: got %v", names, question, options, answer.Ns)
				}
				if sig, ok := answer.Ns[want-1].(*dns.RRSIG); options != "" && (!ok || sig.TypeCovered != dns.TypeSOA || sig.Hdr.Ttl != 5) {
					t.Errorf("SOA %s, %s%s: got %v", names, question, options, answer.Ns)
				}
			}
		}
	}
}
