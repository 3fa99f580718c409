package resolver

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"github.com/mangrove-dns/mangrove/zones"
)

// BenchmarkBatch is what we do for a datagram between its reception and the sending of its answer, the kernel's work left out:
// batches as recvmmsg leaves them, from one client of loopback, which is exempt from limits, or from as many networks as there are
// datagrams, which are not. The copies that stand for the kernel's are in it.
func BenchmarkBatch(b *testing.B) {
	small := sync.OnceValue(func() *zones.Catalog { return benchZone(b, zones.Unsigned) })
	signed := sync.OnceValue(func() *zones.Catalog { return benchZone(b, zones.NSEC) })
	for _, c := range []struct {
		name   string
		cat    func() *zones.Catalog
		format string
		names  int
		limit  RateLimit
		edit   func(*dns.Msg)
	}{
		{"hit", small, "h%04d.example.", 1000, DefaultRateLimit(), nil},
		{"hit/limited", small, "h%04d.example.", 1000, benchLimit(), nil},
		{"edns", small, "h%04d.example.", 1000, DefaultRateLimit(), edns},
		{"cookie", small, "h%04d.example.", 1000, DefaultRateLimit(), withCookie},
		{"nxdomain", small, "x%d.example.", 1 << 20, DefaultRateLimit(), edns},
		{"referral", small, "www.d%04d.example.", 1000, DefaultRateLimit(), edns},
		{"signed/hit", signed, "h%04d.example.", 1000, DefaultRateLimit(), wantsDNSSEC},
		{"signed/nxdomain", signed, "x%d.example.", 1 << 20, DefaultRateLimit(), wantsDNSSEC},
		{"large/hit", large, "h%d.example.", benchNames, DefaultRateLimit(), edns},
		{"large/hit/limited", large, "h%d.example.", benchNames, benchLimit(), edns},
		{"large/nxdomain", large, "x%d.example.", benchNames, DefaultRateLimit(), edns},
		{"large/referral", large, "www.d%d.example.", benchNames / 10, DefaultRateLimit(), edns},
	} {
		b.Run(c.name, func(b *testing.B) {
			rnd := rand.New(rand.NewPCG(1, 2))
			queries := make([][]byte, 1<<14)
			for i := range queries {
				m := new(dns.Msg)
				m.SetQuestion(fmt.Sprintf(c.format, rnd.IntN(c.names)), dns.TypeA)
				if c.edit != nil {
					c.edit(m)
				}
				queries[i] = pack(b, m)
			}
			benchBatch(b, Options{Catalog: c.cat, RateLimit: c.limit, CookieSecrets: []CookieSecret{NewCookieSecret()}}, queries)
		})
	}
}

func edns(m *dns.Msg)        { m.SetEdns0(1232, false) }
func wantsDNSSEC(m *dns.Msg) { m.SetEdns0(1232, true) }
func withCookie(m *dns.Msg) {
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "2464c4abcf10c957"})
}

// benchBatch has queries answered by a batchWorker, one after the other.
func benchBatch(b *testing.B, o Options, queries [][]byte) {
	if err := canBatch(); err != nil {
		b.Skip(err)
	}
	w, err := newBatchWorker(New(o), netip.MustParseAddrPort("127.0.0.1:0"), false)
	if err != nil {
		b.Fatal(err)
	}
	u := w.(*batchWorker)
	b.Cleanup(u.close)
	m := u.batch
	for i := range m.in {
		m.from[i] = sockaddr{byte(unix.AF_INET), 0, 10, 1, 127, 0, 0, 1}
		if o.RateLimit.Exempt == nil {
			m.from[i] = sockaddr{byte(unix.AF_INET), 0, 10, 1, 10, 0, byte(i), 1}
		}
		m.in[i].Namelen = unix.SizeofSockaddrInet4
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if m.received = i % batchSize; m.received != 0 {
			continue
		}
		m.received, m.replies = batchSize, 0
		for at := range m.received {
			q := queries[(i+at)%len(queries)]
			m.in[at].octets = uint32(copy(m.slots[at*m.stride+m.room:], q))
		}
		u.work(b.Context())
		u.tally.flush(&u.counters)
		if m.replies != batchSize {
			b.Fatalf("%d answers", m.replies)
		}
	}
}
