package zones

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// randomCuts makes a random zone of them: servers in the cut, beside it, at it and elsewhere, in any case of letters, with glue and
// without, cuts below cuts, more glue than a packer looks through, and what is not glue among it.
func randomCuts(r *rand.Rand) []RRset {
	const origin = "zone.example."
	var out []RRset
	seen := make(map[string]bool)
	add := func(name string, typ uint16, ttl uint32, data []byte) {
		name = strings.ToLower(name)
		if key := fmt.Sprint(name, typ, data); !seen[key] {
			seen[key] = true
			out = append(out, RRset{MustParseName(name), typ, ttl, [][]byte{data}})
		}
	}
	anyCase := func(s string) string {
		if r.IntN(3) == 0 {
			s = strings.ToUpper(s[:1]) + s[1:]
		}
		return s
	}
	addresses := func(name string) {
		for range r.IntN(4) {
			if r.IntN(3) == 0 {
				add(name, dns.TypeAAAA, 60, append(make([]byte, 15), byte(r.IntN(9))))
			} else {
				add(name, dns.TypeA, 60, []byte{192, 0, 2, byte(r.IntN(9))})
			}
		}
	}
	add(origin, dns.TypeNS, 60, wireOf("ns1.d0."+origin))
	cuts := []string{"d0." + origin}
	for i := range 1 + r.IntN(12) {
		above := origin
		if r.IntN(6) == 0 {
			above = cuts[r.IntN(len(cuts))]
		}
		cuts = append(cuts, fmt.Sprintf("d%d.%s", i, above))
	}
	for _, cut := range cuts {
		for range r.IntN(6) {
			host := fmt.Sprintf("ns%d.", r.IntN(4))
			switch r.IntN(12) {
			default:
				host += cut
			case 0:
				host += "a.b." + cut
			case 1:
				host = cut
			case 2, 3:
				host += "elsewhere.example."
			case 4:
				host += cuts[r.IntN(len(cuts))]
			case 5:
				host = "*." + cut
			}
			add(cut, dns.TypeNS, 60, wireOf(anyCase(host)))
			if name, err := ParseName(host); err == nil && name.Within(MustParseName(origin)) {
				addresses(host)
			}
		}
		switch r.IntN(8) {
		case 0, 1, 2:
			add(cut, dns.TypeDS, 60, make([]byte, 36))
		case 3:
			add(cut, dns.TypeTXT, 60, []byte("\x01x"))
		case 4:
			for i := range plainGlue + r.IntN(3) - 1 {
				add(fmt.Sprintf("h%d.%s", i, cut), dns.TypeA, 60, []byte{192, 0, 2, 1})
			}
		case 5:
			add("www."+cut, dns.TypeCNAME, 60, wireOf(anyCase(cuts[r.IntN(len(cuts))])))
			add("*."+cut, dns.TypeMX, 60, append([]byte{0, 1}, wireOf("mail."+cut)...))
			add("srv."+cut, dns.TypeSRV, 60, append(make([]byte, 6), wireOf("elsewhere.example.")...))
			add("https."+cut, dns.TypeHTTPS, 60, append([]byte{0, 0}, wireOf("www."+cut)...))
			add("broken."+cut, dns.TypeMX, 60, []byte{0, 1, 9})
		case 6:
			for i := range plainRecords + r.IntN(60) {
				add(cut, dns.TypeNS, 60, wireOf(fmt.Sprintf("ns%d.%s", i, cut)))
			}
		case 7:
			add("dname."+cut, dns.TypeDNAME, 60, wireOf(cuts[r.IntN(len(cuts))]))
		}
	}
	return out
}

// TestPackerReferrals: delegations that a packer writes by itself are as a builder makes them.
func TestPackerReferrals(t *testing.T) {
	p := new(Packer)
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		records := randomCuts(r)
		if r.IntN(2) == 0 {
			r.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		}
		if !packedLikeBuilt(t, p, MustParseName("zone.example."), records) || t.Failed() {
			t.Fatalf("seed %d: not packed, or not alike", seed)
		}
	}
}
