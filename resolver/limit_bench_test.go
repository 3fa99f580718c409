package resolver

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// benchLimit is DefaultRateLimit for addresses of loopback as well.
func benchLimit() RateLimit {
	r := DefaultRateLimit()
	r.Exempt = nil
	return r
}

// BenchmarkLimit is what a limit costs an answer: from many networks none of which is limited, from one that is, and from one
// that is exempt.
func BenchmarkLimit(b *testing.B) {
	for _, c := range []struct {
		name    string
		clients int
		limit   RateLimit
		ask     time.Duration // between two
	}{
		{"within", 1 << 16, benchLimit(), time.Microsecond},
		{"within+all", 1 << 16, func() RateLimit { r := benchLimit(); r.All = 10000; return r }(), time.Microsecond},
		{"flood", 1, benchLimit(), time.Microsecond},
		{"exempt", 1, DefaultRateLimit(), time.Microsecond},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := newRater(b, c.limit)
			_, o := r.w.Answer(r.cat, pack(b, parseQuery(b, "host.example. A").msg), &Source{}, make([]byte, 1232))
			clients := make([]address, c.clients)
			for i := range clients {
				clients[i] = mapped(127<<24 | uint32(i)<<8 | 1)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r.r.now += int64(c.ask)
				r.r.rule(clients[i%len(clients)], &o)
			}
		})
	}
}

// BenchmarkLimitShared is the same from workers on all processors.
func BenchmarkLimitShared(b *testing.B) {
	for _, clients := range []int{1, 1 << 16} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			first := newRater(b, benchLimit())
			_, o := first.w.Answer(first.cat, pack(b, parseQuery(b, "host.example. A").msg), &Source{}, make([]byte, 1232))
			b.RunParallel(func(pb *testing.PB) {
				w := newRateWorker(first.r.limiter)
				w.begin()
				rnd := rand.New(rand.NewPCG(rand.Uint64(), 1))
				for i := 0; pb.Next(); i++ {
					if i%32 == 0 {
						w.begin()
					}
					n := rnd.Uint32()
					w.rule(mapped(10<<24|n%uint32(clients)<<8|1), &o)
				}
			})
		})
	}
}

// BenchmarkLimited is a whole answer, with the time looked at once for 32, to clients that are not exempt.
func BenchmarkLimited(b *testing.B) {
	cat := large()
	rnd := rand.New(rand.NewPCG(1, 2))
	queries := make([][]byte, 1<<16)
	clients := make([]address, len(queries))
	for i := range queries {
		m := new(dns.Msg)
		m.SetQuestion(fmt.Sprintf("h%d.example.", rnd.IntN(benchNames)), dns.TypeA)
		queries[i] = pack(b, m)
		clients[i] = mapped(10<<24 | rnd.Uint32()&0xffff00 | 1)
	}
	for _, mode := range []struct {
		name  string
		limit RateLimit
	}{{"off", RateLimit{}}, {"on", benchLimit()}} {
		b.Run(mode.name, func(b *testing.B) {
			r := newRater(b, mode.limit)
			out := make([]byte, 1232)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%32 == 0 {
					r.r.begin()
				}
				query := queries[i%len(queries)]
				answer, o := r.w.Answer(cat, query, &Source{}, out)
				if r.r.limits != nil {
					r.r.limit(r.w, clients[i%len(clients)], query, answer, o)
				}
			}
		})
	}
}
