package resolver

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// chainProblems are what zones.Check says of the chain that denies.
func chainProblems(z *zones.Zone) []string {
	var out []string
	for _, p := range zones.Check(z, zones.CheckOptions{}) {
		if strings.Contains(p.Text, "NSEC") && !strings.Contains(p.Text, "which hides it") && !strings.Contains(p.Text, "has a TTL of") && !strings.Contains(p.Text, "opts out") {
			out = append(out, p.Text)
		}
	}
	return out
}

// TestCheckAgainstChains has random zones checked: their chains are right, and are not any more once a record of them goes, or comes
// to point elsewhere, or a type is forgotten.
func TestCheckAgainstChains(t *testing.T) {
	checked := 0
	for seed := range uint64(400) {
		w := newWorld(t, seed)
		r := rand.New(rand.NewPCG(seed, 7))
		for origin, rrs := range w.zones {
			if !slices.ContainsFunc(rrs, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeRRSIG }) {
				continue
			}
			if got := chainProblems(buildZone(t, origin, rrs)); len(got) > 0 {
				t.Fatalf("seed %d, %s: %q\n%s", seed, origin, got, w)
			}
			var chain []int
			apex := 0
			for i, rr := range rrs {
				if typ := rr.Header().Rrtype; typ == dns.TypeNSEC || typ == dns.TypeNSEC3 {
					chain = append(chain, i)
				}
				if n, ok := rr.(*dns.NSEC3); ok && n.Match(origin) || rr.Header().Rrtype == dns.TypeNSEC && strings.EqualFold(rr.Header().Name, origin) {
					apex = i
				}
			}
			if len(chain) < 3 {
				continue
			}
			at := chain[r.IntN(len(chain))]
			if at == apex { // without it there is no chain
				continue
			}
			wrong := slices.Clone(rrs)
			what := r.IntN(3)
			switch rr := dns.Copy(rrs[at]).(type) {
			case *dns.NSEC:
				switch what {
				case 0:
					wrong = slices.Delete(wrong, at, at+1)
				case 1:
					rr.NextDomain = rr.Hdr.Name
					wrong[at] = rr
				default:
					rr.TypeBitMap = rr.TypeBitMap[1:]
					wrong[at] = rr
				}
			case *dns.NSEC3:
				switch {
				case what == 0:
					wrong = slices.Delete(wrong, at, at+1)
				case what == 1 || len(rr.TypeBitMap) == 0:
					rr.NextDomain = strings.ToUpper(dns.SplitDomainName(rr.Hdr.Name)[0])
					wrong[at] = rr
				default:
					rr.TypeBitMap = rr.TypeBitMap[1:]
					wrong[at] = rr
				}
			}
			checked++
			if got := chainProblems(buildZone(t, origin, wrong)); len(got) == 0 {
				t.Fatalf("seed %d, %s: nothing is wrong after way %d at %v\n%s", seed, origin, what, rrs[at], fmt.Sprint(wrong))
			}
		}
	}
	if checked < 100 {
		t.Errorf("%d zones were made wrong", checked)
	}
}
