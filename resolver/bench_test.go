package resolver

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// benchNames is how many names the large zone has.
const benchNames = 1_000_000

// large is one zone of benchNames names with an address each, and as many delegations with glue as a tenth of that.
var large = sync.OnceValue(func() *zones.Catalog {
	b := zones.NewBuilder(zones.MustParseName("example."))
	add := func(name string, typ uint16, data []byte) {
		if _, _, err := b.Add(zones.MustParseName(name), typ, 300, data); err != nil {
			panic(err)
		}
	}
	rdata := func(line string) []byte {
		rr, err := dns.NewRR(line)
		if err != nil {
			panic(err)
		}
		data, err := zones.Rdata(rr)
		if err != nil {
			panic(err)
		}
		return data
	}
	add("example.", dns.TypeSOA, rdata("example. SOA ns.example. hostmaster.example. 1 2 3 4 60"))
	add("example.", dns.TypeNS, rdata("example. NS ns.example."))
	add("ns.example.", dns.TypeA, []byte{192, 0, 2, 53})
	for i := range benchNames {
		add(fmt.Sprintf("h%d.example.", i), dns.TypeA, []byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	}
	for i := range benchNames / 10 {
		add(fmt.Sprintf("d%d.example.", i), dns.TypeNS, rdata(fmt.Sprintf("x. NS ns1.d%d.example.", i)))
		add(fmt.Sprintf("d%d.example.", i), dns.TypeNS, rdata(fmt.Sprintf("x. NS ns2.d%d.example.", i)))
		add(fmt.Sprintf("ns1.d%d.example.", i), dns.TypeA, []byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		add(fmt.Sprintf("ns2.d%d.example.", i), dns.TypeA, []byte{11, byte(i >> 16), byte(i >> 8), byte(i)})
	}
	return zones.NewCatalog(b.Zone())
})

// benchmark answers questions for random names, drawn beforehand, so that the caches of the machine miss as they
// do in service.
func benchmark(b *testing.B, format string, names, rcode int) {
	cat := large()
	rnd := rand.New(rand.NewPCG(1, 2))
	queries := make([][]byte, 1<<16)
	for i := range queries {
		m := new(dns.Msg)
		m.SetQuestion(fmt.Sprintf(format, rnd.IntN(names)), dns.TypeA)
		queries[i] = pack(b, m)
	}
	w := NewWorker(Policy{})
	out := make([]byte, 1232)
	from := sourceOf(UDP)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, o := w.Answer(cat, queries[i%len(queries)], from, out); o.Rcode != rcode {
			b.Fatalf("%v", o)
		}
	}
}

func BenchmarkAnswerHit(b *testing.B) { benchmark(b, "h%d.example.", benchNames, dns.RcodeSuccess) }
func BenchmarkAnswerNXDOMAIN(b *testing.B) {
	benchmark(b, "x%d.example.", benchNames, dns.RcodeNameError)
}
func BenchmarkAnswerReferral(b *testing.B) {
	benchmark(b, "www.d%d.example.", benchNames/10, dns.RcodeSuccess)
}

// The same questions in a zone that fits the caches: what our own work costs.
func BenchmarkAnswerSmall(b *testing.B) {
	cat := packetCatalog(b)
	w := NewWorker(Policy{Cookies: NewCookies(time.Now, NewCookieSecret())})
	out := make([]byte, 1232)
	from := sourceOf(UDP)
	for _, c := range []struct{ name, question string }{
		{"hit", "host.example. A"}, {"edns", "host.example. A +dnssec"}, {"nxdomain", "missing.example. A"}, {"referral", "www.sub.example. A"},
		{"wildcard", "x.w.example. A"}, {"cname", "www.example. A"}, {"dname", "x.d.example. A"}, {"refused", "www.elsewhere. A"},
		{"cookie", "host.example. A +cookie"}, {"cookie/nxdomain", "missing.example. A +cookie"},
	} {
		b.Run(c.name, func(b *testing.B) {
			query := pack(b, parseQuery(b, c.question).msg)
			b.ReportAllocs()
			for b.Loop() {
				w.Answer(cat, query, from, out)
			}
		})
	}
	// A client that has its cookie, as those that come often do.
	b.Run("cookie/known", func(b *testing.B) {
		answer, _ := w.Answer(cat, pack(b, parseQuery(b, "host.example. A +cookie").msg), from, out)
		query := pack(b, parseQuery(b, "host.example. A +cookie="+hex.EncodeToString(answer[len(answer)-cookieLen:])).msg)
		b.ReportAllocs()
		for b.Loop() {
			if _, o := w.Answer(cat, query, from, out); !o.Proven() {
				b.Fatalf("%+v", o)
			}
		}
	})
}
