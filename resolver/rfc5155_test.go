package resolver

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// rfc5155Zone is the zone of RFC 5155 appendix A, keys left out. b and c are its insecure delegations, with opt-out.
const rfc5155Zone = `
@ 3600 SOA ns1 bugs.x.w 1 3600 300 3600000 3600
@ 3600 NS ns1
@ 3600 NS ns2
@ 3600 MX 1 xx
@ 3600 DNSKEY 257 3 7 AwEAAQ==
@ 3600 NSEC3PARAM 1 0 12 aabbccdd
0p9mhaveqvm6t7vbl5lop2u3t2rp3tom 3600 NSEC3 1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr NS SOA MX RRSIG DNSKEY NSEC3PARAM
2t7b4g4vsa5smi47k61mv5bv1a22bojr 3600 A 192.0.2.127
2t7b4g4vsa5smi47k61mv5bv1a22bojr 3600 NSEC3 1 1 12 aabbccdd 2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG
2vptu5timamqttgl4luu9kg21e0aor3s 3600 NSEC3 1 1 12 aabbccdd 35mthgpgcu1qg68fab165klnsnk3dpvl MX RRSIG
35mthgpgcu1qg68fab165klnsnk3dpvl 3600 NSEC3 1 1 12 aabbccdd b4um86eghhds6nea196smvmlo4ors995 NS DS RRSIG
a 3600 NS ns1.a
a 3600 NS ns2.a
a 3600 DS 58470 5 1 3079F1593EBAD6DC121E202A8B766A6A4837206C
ns1.a 3600 A 192.0.2.5
ns2.a 3600 A 192.0.2.6
ai 3600 A 192.0.2.9
ai 3600 HINFO "KLH-10" "ITS"
ai 3600 AAAA 2001:db8:0:0:0:0:f00:baa9
b4um86eghhds6nea196smvmlo4ors995 3600 NSEC3 1 1 12 aabbccdd gjeqe526plbf1g8mklp59enfd789njgi MX RRSIG
c 3600 NS ns1.c
c 3600 NS ns2.c
ns1.c 3600 A 192.0.2.7
ns2.c 3600 A 192.0.2.8
gjeqe526plbf1g8mklp59enfd789njgi 3600 NSEC3 1 1 12 aabbccdd ji6neoaepv8b5o6k4ev33abha8ht9fgc A HINFO AAAA RRSIG
ji6neoaepv8b5o6k4ev33abha8ht9fgc 3600 NSEC3 1 1 12 aabbccdd k8udemvp1j2f7eg6jebps17vp3n8i58h
k8udemvp1j2f7eg6jebps17vp3n8i58h 3600 NSEC3 1 1 12 aabbccdd kohar7mbb8dc2ce8a9qvl8hon4k53uhi
kohar7mbb8dc2ce8a9qvl8hon4k53uhi 3600 NSEC3 1 1 12 aabbccdd q04jkcevqvmu85r014c7dkba38o0ji5r A RRSIG
ns1 3600 A 192.0.2.1
ns2 3600 A 192.0.2.2
q04jkcevqvmu85r014c7dkba38o0ji5r 3600 NSEC3 1 1 12 aabbccdd r53bq7cc2uvmubfu5ocmm6pers9tk9en A RRSIG
r53bq7cc2uvmubfu5ocmm6pers9tk9en 3600 NSEC3 1 1 12 aabbccdd t644ebqk9bibcna874givr6joj62mlhv MX RRSIG
t644ebqk9bibcna874givr6joj62mlhv 3600 NSEC3 1 1 12 aabbccdd 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom A HINFO AAAA RRSIG
*.w 3600 MX 1 ai
x.w 3600 MX 1 xx
x.y.w 3600 MX 1 xx
xx 3600 A 192.0.2.10
xx 3600 HINFO "KLH-10" "TOPS-20"
xx 3600 AAAA 2001:db8:0:0:0:0:f00:baaa
`

// TestRFC5155Examples is appendix B by its numbers, as minimal answers are.
func TestRFC5155Examples(t *testing.T) {
	const soa = `ns example. 3600 SOA ns1.example. bugs.x.w.example. 1 3600 300 3600000 3600
		ns example. 3600 RRSIG SOA 1
		`
	hashed := func(owner, next, types string) string {
		return "ns " + owner + ".example. 3600 NSEC3 1 1 12 AABBCCDD " + next + types + "\nns " + owner + ".example. 3600 RRSIG NSEC3 2\n"
	}
	var (
		apex     = hashed("0p9mhaveqvm6t7vbl5lop2u3t2rp3tom", "2T7B4G4VSA5SMI47K61MV5BV1A22BOJR", " NS SOA MX RRSIG DNSKEY NSEC3PARAM")
		ns1      = hashed("2t7b4g4vsa5smi47k61mv5bv1a22bojr", "2VPTU5TIMAMQTTGL4LUU9KG21E0AOR3S", " A RRSIG")
		a        = hashed("35mthgpgcu1qg68fab165klnsnk3dpvl", "B4UM86EGHHDS6NEA196SMVMLO4ORS995", " NS DS RRSIG")
		xyw      = hashed("b4um86eghhds6nea196smvmlo4ors995", "GJEQE526PLBF1G8MKLP59ENFD789NJGI", " MX RRSIG")
		yw       = hashed("ji6neoaepv8b5o6k4ev33abha8ht9fgc", "K8UDEMVP1J2F7EG6JEBPS17VP3N8I58H", "")
		w        = hashed("k8udemvp1j2f7eg6jebps17vp3n8i58h", "KOHAR7MBB8DC2CE8A9QVL8HON4K53UHI", "")
		ns2      = hashed("q04jkcevqvmu85r014c7dkba38o0ji5r", "R53BQ7CC2UVMUBFU5OCMM6PERS9TK9EN", " A RRSIG")
		wildcard = hashed("r53bq7cc2uvmubfu5ocmm6pers9tk9en", "T644EBQK9BIBCNA874GIVR6JOJ62MLHV", " MX RRSIG")
	)
	_ = ns1
	cases := []asked{
		{"a.c.x.w.example. A +dnssec", "NXDOMAIN aa\n" + soa + xyw + apex + a + "opt 1232 do"}, // B.1
		{"ns1.example. MX +dnssec", "NOERROR aa\n" + soa + ns1 + "opt 1232 do"},                // B.2
		{"y.w.example. A +dnssec", "NOERROR aa\n" + soa + yw + "opt 1232 do"},                  // B.2.1
		{"mc.c.example. MX +dnssec", `NOERROR
			ns c.example. 3600 NS ns1.c.example.
			ns c.example. 3600 NS ns2.c.example.
			` + apex + a + `
			ar ns1.c.example. 3600 A 192.0.2.7
			ar ns2.c.example. 3600 A 192.0.2.8
			opt 1232 do`}, // B.3
		{"a.z.w.example. MX +dnssec", `NOERROR aa
			an a.z.w.example. 3600 MX 1 ai.example.
			an a.z.w.example. 3600 RRSIG MX 2
			` + ns2 + `
			ar ai.example. 3600 A 192.0.2.9
			ar ai.example. 3600 RRSIG A 2
			ar ai.example. 3600 AAAA 2001:db8::f00:baa9
			ar ai.example. 3600 RRSIG AAAA 2
			opt 1232 do`}, // B.4
		{"a.z.w.example. AAAA +dnssec", "NOERROR aa\n" + ns2 + soa + w + wildcard + "opt 1232 do"}, // B.5
		{"example. DS +dnssec", "NOERROR aa\n" + soa + apex + "opt 1232 do"},                       // B.6
		// 7.2.8: a hash is a name that does not exist.
		{"0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. NSEC3", "NXDOMAIN aa\nns example. 3600 SOA ns1.example. bugs.x.w.example. 1 3600 300 3600000 3600"},
		{"x.0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. A", "NXDOMAIN aa\nns example. 3600 SOA ns1.example. bugs.x.w.example. 1 3600 300 3600000 3600"},
		// but one that has records of its own
		{"2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. A", "NOERROR aa\nan 2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. 3600 A 192.0.2.127"},
	}
	run(t, zones.NewCatalog(parseSigned(t, "example.", rfc5155Zone)), Policy{}, cases)
	t.Run("overlaid", func(t *testing.T) {
		run(t, zones.NewCatalog(overlaid(t, parseSigned(t, "example.", rfc5155Zone))), Policy{}, cases)
	})
}

// TestEncloserOptedOut asks below an empty non-terminal that has no NSEC3 record, since there are opted-out delegations alone below it:
// the encloser that is proved is the one above, and so must be the wildcard that is denied (7.2.1, 7.2.2).
func TestEncloserOptedOut(t *testing.T) {
	const origin = "example."
	names := "@ SOA ns1 h 1 2 3 4 60\n@ NS ns1\nns1 A 192.0.2.1\ncut.ent NS ns.elsewhere.\n"
	for i := range 40 { // so that no record covers two of the names that matter
		names += fmt.Sprintf("h%d A 192.0.2.2\n", i)
	}
	rrs := withChain(t, origin, parseRRs(t, origin, names), zones.NSEC3, true)
	cat := zones.NewCatalog(buildZone(t, origin, append(rrs, fakeSignatures(origin, rrs)...)))
	m := send(t, NewWorker(Policy{}), cat, pack(t, parseQuery(t, "x.ent.example. A +dnssec").msg), TCP)
	if m.Rcode != dns.RcodeNameError {
		t.Fatalf("%v", m)
	}
	proves := map[string]bool{}
	for _, rr := range m.Ns {
		if n, ok := rr.(*dns.NSEC3); ok {
			proves["match example."] = proves["match example."] || n.Match("example.")
			proves["cover ent.example."] = proves["cover ent.example."] || n.Cover("ent.example.")
			proves["cover *.example."] = proves["cover *.example."] || n.Cover("*.example.")
		}
	}
	for what, ok := range proves {
		if !ok {
			t.Errorf("the answer has no NSEC3 record to %s:\n%v", what, m)
		}
	}
	if len(proves) == 0 {
		t.Errorf("no NSEC3 records:\n%v", m)
	}
}
