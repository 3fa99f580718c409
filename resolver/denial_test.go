package resolver

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// deniedZone is a small zone without what denies.
const deniedZone = `
@ SOA ns1 h 1 2 3 4 60
@ NS ns1
ns1 A 192.0.2.1
a.ent A 192.0.2.2
a.*.w A 192.0.2.3
w TXT w
zz A 192.0.2.4
`

// chains returns the records of deniedZone with more records and all of the chains, which are made without these.
func chains(t *testing.T, more string, chains ...zones.Denial) []dns.RR {
	t.Helper()
	const origin = "example."
	plain := parseRRs(t, origin, deniedZone)
	all := append(parseRRs(t, origin, more), plain...)
	for _, c := range chains {
		for _, rr := range withChain(t, origin, plain, c, false)[len(plain):] {
			all = append(all[:len(all):len(all)], rr)
		}
	}
	return append(all, fakeSignatures(origin, all)...)
}

// without returns records but for signatures of one type at the apex.
func without(rrs []dns.RR, typ uint16) []dns.RR {
	var out []dns.RR
	for _, rr := range rrs {
		if sig, ok := rr.(*dns.RRSIG); !ok || sig.TypeCovered != typ || sig.Hdr.Name != "example." {
			out = append(out, rr)
		}
	}
	return out
}

// TestDenialOfTransitions asks zones while they are signed anew, or from which a signature was lost.
func TestDenialOfTransitions(t *testing.T) {
	other := func(params string, names ...string) (out string) { // a chain with parameters of its own
		f := strings.Fields(params)
		salt := strings.TrimPrefix(f[1], "-")
		for _, n := range names {
			var iterations uint16
			fmt.Sscan(f[0], &iterations)
			out += fmt.Sprintf("%s NSEC3 1 0 %s 2t7b4g4vsa5smi47k61mv5bv1a22bojr A RRSIG\n", dns.HashName(n, dns.SHA1, iterations, salt), params)
		}
		return out
	}
	tests := []struct {
		name string
		rrs  []dns.RR
		want uint16
	}{
		{"NSEC", chains(t, "", zones.NSEC), dns.TypeNSEC},
		{"NSEC, its signature at the apex lost", without(chains(t, "", zones.NSEC), dns.TypeNSEC), dns.TypeNSEC},
		{"NSEC3", chains(t, "", zones.NSEC3), dns.TypeNSEC3},
		{"NSEC3, NSEC3PARAM not signed", without(chains(t, "", zones.NSEC3), dns.TypeNSEC3PARAM), dns.TypeNSEC3},
		{"both", chains(t, "", zones.NSEC, zones.NSEC3), dns.TypeNSEC3},
		{"both the other way round", chains(t, "", zones.NSEC3, zones.NSEC), dns.TypeNSEC3},
		{"parameters of no chain", chains(t, "@ NSEC3PARAM 1 0 7 00\n", zones.NSEC3), dns.TypeNSEC3},
		{"parameters of a chain that begins", chains(t, "@ NSEC3PARAM 1 0 7 00\n"+other("7 00", "ns1.example.", "zz.example."), zones.NSEC3), dns.TypeNSEC3},
		{"a chain that ends, its parameters gone", chains(t, other("7 00", "example.", "ns1.example.", "zz.example."), zones.NSEC3), dns.TypeNSEC3},
	}
	questions := []struct {
		name   string
		rcode  int
		proofs int
	}{{"nx.example.", dns.RcodeNameError, 2}, {"a.b.nx.example.", dns.RcodeNameError, 2}, {"ns1.example.", dns.RcodeSuccess, 1}, {"ent.example.", dns.RcodeSuccess, 1}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			z := buildZone(t, "example.", tt.rrs)
			for how, z := range map[string]*zones.Zone{"built": z, "overlaid": overlaid(t, z)} {
				cat := zones.NewCatalog(z)
				for _, q := range questions {
					m := send(t, NewWorker(Policy{}), cat, pack(t, parseQuery(t, q.name+" MX +dnssec").msg), TCP)
					if m.Rcode != q.rcode {
						t.Errorf("%s: %s: got %s", how, q.name, dns.RcodeToString[m.Rcode])
					}
					n := 0
					for _, rr := range m.Ns {
						switch typ := rr.Header().Rrtype; {
						case typ == tt.want:
							n++
						case typ == dns.TypeNSEC || typ == dns.TypeNSEC3:
							t.Errorf("%s: %s: it has %v", how, q.name, rr)
						}
						if rr, ok := rr.(*dns.NSEC3); ok && (rr.Iterations != 1 || !strings.EqualFold(rr.Salt, "ab")) {
							t.Errorf("%s: %s: the record is of another chain: %v", how, q.name, rr)
						}
					}
					if n < q.proofs && tt.want == dns.TypeNSEC3 || n == 0 {
						t.Errorf("%s: %s: %d records that prove it:\n%v", how, q.name, n, m)
					}
				}
			}
		})
	}
}

// TestHashWithNames asks for a hash that is an empty non-terminal too, and below it: it exists (RFC 5155 7.2.8), and is the encloser.
func TestHashWithNames(t *testing.T) {
	const origin = "example."
	apex := under(strings.ToLower(referenceHash(origin)), origin)
	rrs := withChain(t, origin, parseRRs(t, origin, deniedZone+"a."+apex+" A 192.0.2.9\n"), zones.NSEC3, false)
	z := buildZone(t, origin, append(rrs, fakeSignatures(origin, rrs)...))
	for how, z := range map[string]*zones.Zone{"built": z, "overlaid": overlaid(t, z)} {
		for _, c := range []struct {
			name    string
			rcode   int
			matches []string
			covers  []string
		}{
			{apex, dns.RcodeSuccess, []string{apex}, nil},
			{"b." + apex, dns.RcodeNameError, []string{apex}, []string{"b." + apex, "*." + apex}},
			{"c.b." + apex, dns.RcodeNameError, []string{apex}, []string{"b." + apex, "*." + apex}},
			{under(strings.ToLower(referenceHash("ns1.example.")), origin), dns.RcodeNameError, []string{origin}, nil},
		} {
			m := send(t, NewWorker(Policy{}), zones.NewCatalog(z), pack(t, parseQuery(t, c.name+" A +dnssec").msg), TCP)
			if m.Rcode != c.rcode {
				t.Errorf("%s: %s: got %s, want %s", how, c.name, dns.RcodeToString[m.Rcode], dns.RcodeToString[c.rcode])
			}
			has := func(proves func(*dns.NSEC3) bool) bool {
				return slices.ContainsFunc(m.Ns, func(rr dns.RR) bool { n, ok := rr.(*dns.NSEC3); return ok && proves(n) })
			}
			for _, name := range c.matches {
				if !has(func(n *dns.NSEC3) bool { return n.Match(name) }) {
					t.Errorf("%s: %s: nothing matches %s\n%v", how, c.name, name, m)
				}
			}
			for _, name := range c.covers {
				if !has(func(n *dns.NSEC3) bool { return n.Cover(name) }) {
					t.Errorf("%s: %s: nothing covers %s\n%v", how, c.name, name, m)
				}
			}
		}
	}
}

// TestEmptyWildcard asks for a name that a wildcard stands for which is an empty non-terminal. That there is no closer name and that the
// wildcard has nothing are two proofs (RFC 4035 3.1.3.4); who has the first alone may take the wildcard's records for hidden.
func TestEmptyWildcard(t *testing.T) {
	z := buildZone(t, "example.", chains(t, "", zones.NSEC))
	cases := []asked{
		{"x.w.example. A +dnssec", `NOERROR aa
			ns a.*.w.example. 60 NSEC zz.example. A RRSIG NSEC
			ns a.*.w.example. 60 RRSIG NSEC 4
			ns example. 60 SOA ns1.example. h.example. 1 2 3 4 60
			ns example. 60 RRSIG SOA 1
			ns w.example. 60 NSEC a.*.w.example. TXT RRSIG NSEC
			ns w.example. 60 RRSIG NSEC 2
			opt 1232 do`},
		{"*.w.example. A +dnssec", `NOERROR aa
			ns example. 60 SOA ns1.example. h.example. 1 2 3 4 60
			ns example. 60 RRSIG SOA 1
			ns w.example. 60 NSEC a.*.w.example. TXT RRSIG NSEC
			ns w.example. 60 RRSIG NSEC 2
			opt 1232 do`},
	}
	run(t, zones.NewCatalog(z), Policy{}, cases)
	t.Run("overlaid", func(t *testing.T) { run(t, zones.NewCatalog(overlaid(t, z)), Policy{}, cases) })
}

// TestHashLeftOver asks for the owner of an NSEC3 record in a zone whose NSEC3 chain is being removed (RFC 5155 10.5).
func TestHashLeftOver(t *testing.T) {
	hash := under(strings.ToLower(referenceHash("example.")), "example.")
	left := hash + " NSEC3 1 0 1 ab 2t7b4g4vsa5smi47k61mv5bv1a22bojr A\n"
	const denied = "NXDOMAIN aa\nns example. 60 SOA ns1.example. h.example. 1 2 3 4 60\n"
	cases := []asked{{hash + " A", denied}, {hash + " NSEC3", denied}, {"x." + hash + " A", denied}}
	run(t, zones.NewCatalog(buildZone(t, "example.", chains(t, left, zones.NSEC))), Policy{}, cases)
}

// TestDenialDoesNotAllocate: nor does any proof, whether what is prepared of names counts or not.
func TestDenialDoesNotAllocate(t *testing.T) {
	w := NewWorker(Policy{})
	out := make([]byte, 65535)
	apex := under(strings.ToLower(referenceHash("example.")), "example.")
	for _, denial := range []zones.Denial{zones.NSEC, zones.NSEC3} {
		z := buildZone(t, "example.", chains(t, "", denial))
		for how, z := range map[string]*zones.Zone{"built": z, "overlaid": overlaid(t, z)} {
			cat := zones.NewCatalog(z)
			for _, q := range []string{"ns1.example. A +dnssec", "nx.example. A +dnssec", "a.b.nx.example. A +dnssec", "ns1.example. MX +dnssec", "ent.example. A +dnssec",
				"x.w.example. A +dnssec", apex + " A +dnssec", "x." + apex + " A +dnssec"} {
				query := parseQuery(t, q)
				wire := pack(t, query.msg)
				if n := testing.AllocsPerRun(100, func() { w.Answer(cat, wire, sourceOf(query.via), out) }); n != 0 {
					t.Errorf("%s, denial %d: %s: %v allocations", how, denial, q, n)
				}
			}
		}
	}
}
