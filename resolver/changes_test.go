package resolver

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// changer makes random changes around delegations, in a zone so large that they make an overlay.
type changer struct{ rnd *rand.Rand }

var (
	changedOwners = []string{"c.z.", "d.z.", "e.c.z.", "e.d.z.", "f.e.c.z.", "*.d.z.", "ns.z.", "g.ns.z.", "*.z."}
	// Mostly those that make no cut and end none: once one does, nothing that was prepared is taken from an overlay.
	changedTypes = []uint16{dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeAAAA, dns.TypeDS, dns.TypeTXT, dns.TypeNS, dns.TypeDNAME}
)

func (c *changer) owner() string { return changedOwners[c.rnd.IntN(len(changedOwners))] }
func (c *changer) typ() uint16   { return changedTypes[c.rnd.IntN(len(changedTypes))] }

func (c *changer) zone(tb testing.TB) *zones.Zone {
	text := "@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"
	for i := range 300 {
		text += fmt.Sprintf("x%d TXT \"so that the zone is not built anew\"\n", i)
	}
	for range 1 + c.rnd.IntN(6) {
		for _, rr := range c.records(tb, c.owner(), dns.TypeNS) {
			text += fmt.Sprintf("%s\n%s 300 A 192.0.2.9\n", rr, rr.(*dns.NS).Ns)
		}
	}
	rrs := slices.DeleteFunc(parseRRs(tb, "z.", text), func(rr dns.RR) bool { return !dns.IsSubDomain("z.", rr.Header().Name) })
	return buildZone(tb, "z.", dns.Dedup(rrs, nil))
}

// change is another RRset of some name and type, or none.
func (c *changer) change(tb testing.TB) zones.Change {
	owner, typ := c.owner(), c.typ()
	change := zones.Change{Name: zones.MustParseName(owner), Type: typ}
	if c.rnd.IntN(3) == 0 {
		return change
	}
	sets, err := zones.FromRRs(c.records(tb, owner, typ))
	if err != nil {
		tb.Fatal(err)
	}
	change.New = sets[0]
	return change
}

func (c *changer) records(tb testing.TB, owner string, typ uint16) (rrs []dns.RR) {
	n := 1 + c.rnd.IntN(2)
	if typ == dns.TypeDNAME {
		n = 1
	}
	for range n {
		data := []string{owner, owner, "e." + owner, c.owner(), "ns.elsewhere."}[c.rnd.IntN(5)]
		switch typ {
		case dns.TypeA:
			data = fmt.Sprintf("192.0.2.%d", c.rnd.IntN(8))
		case dns.TypeAAAA:
			data = fmt.Sprintf("2001:db8::%d", c.rnd.IntN(8))
		case dns.TypeDS:
			data = fmt.Sprintf("%d 13 2 00", c.rnd.IntN(8))
		}
		rr, err := dns.NewRR(fmt.Sprintf("%s 300 %s %s", owner, dns.TypeToString[typ], data))
		if err != nil {
			tb.Fatal(err)
		}
		rrs = append(rrs, rr)
	}
	return dns.Dedup(rrs, nil)
}

// TestAnswersAfterChanges: a zone that was changed answers as the same zone built anew; what was prepared when it was built, as
// referrals are, is never told of once it is something else.
func TestAnswersAfterChanges(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c := changer{rand.New(rand.NewPCG(seed, 2))}
			w, overlaid := NewWorker(Policy{MaxUDPSize: maxMessage}), 0
			for z := c.zone(t); overlaid < 40; {
				next, err := z.With([]zones.Change{c.change(t)})
				if err != nil {
					t.Fatal(err)
				}
				z = next
				anew := z.Compact()
				if z != anew {
					overlaid++
				}
				if c.rnd.IntN(4) == 0 {
					z = anew
				}
				for range 8 {
					q := new(dns.Msg)
					q.SetQuestion([]string{"", "w."}[c.rnd.IntN(2)]+c.owner(), c.typ())
					q.SetEdns0(maxMessage, c.rnd.IntN(2) == 0)
					ask := func(z *zones.Zone) verdict {
						m := send(t, w, zones.NewCatalog(z), pack(t, q), UDP)
						v := verdict{rcodeString(m.Rcode), m.Authoritative, texts(m.Answer), texts(m.Ns), texts(m.Extra)}
						slices.Sort(v.Additional)
						return v
					}
					if diff := cmp.Diff(ask(anew), ask(next)); diff != "" {
						t.Fatalf("%v (-built anew +changed)\n%s", &q.Question[0], diff)
					}
				}
			}
		})
	}
}
