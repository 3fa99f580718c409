package resolver

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// checkShort holds the short ways, of reading a query and of answering it, to the long ones. All tests that ask by way of send
// do so, the fuzzers among them.
func checkShort(tb testing.TB, w *Worker, cat *zones.Catalog, query []byte, via Transport, want []byte, wanted Outcome) {
	tb.Helper()
	if w.parsed = w.own; !w.parse(query) {
		return
	}
	short := w.req
	if end, ok := restRead(query); ok {
		long := request{
			opcode: short.opcode, question: true, end: end, qtype: short.qtype, qclass: short.qclass, size: minPayload, plain: short.plain,
		}
		off, ok := end, true
		for range binary.BigEndian.Uint16(query[10:]) {
			off, ok = long.record(query, off, true, true)
		}
		if !ok || off != len(query) || long != short {
			tb.Fatalf("query %x: read the short way\n%+v\nthe long way, until %d, %v\n%+v", query, short, off, ok, long)
		}
	}
	w.req.plain = false
	got, o := w.answer(cat, query, &Source{Via: via, Addr: clientAddr}, make([]byte, 65535))
	if !bytes.Equal(got, want) || o != wanted {
		tb.Fatalf("query %x:\nanswered       %x %+v\nthe long way   %x %+v", query, want, wanted, got, o)
	}
}

// restRead says that what stands behind the question of query is read the short way, and where the question ends.
func restRead(query []byte) (end int, ok bool) {
	if !bytes.Equal(query[4:10], []byte{0, 1, 0, 0, 0, 0}) {
		return 0, false
	}
	end, ok = new(zones.Key).Parse(query, headerLen)
	if !ok || end+4 > len(query) {
		return 0, false
	}
	return end + 4, new(request).rest(query, end+4, int(binary.BigEndian.Uint16(query[10:])))
}

// TestPlain says which answers go the short way: were it none, the comparison above would compare nothing.
func TestPlain(t *testing.T) {
	checkPlain(t, packetCatalog(t), []plainCase{
		{"host.example. A", true},
		{"HOST.example. A", true},
		{"host.example. A +edns", true},
		{"host.example. A +dnssec", true},
		{"mail.example. AAAA +bufsize=512", true},
		{"host.example. TXT", true},
		{"host.example. AAAA", false},
		{"host.example. A +cookie", true},
		{"host.example. A +cookie +dnssec", true},
		{"host.example. A +cookie +nsid", false},
		{"host.example. A +nsid", false},
		{"host.example. A +edns=1", false},
		{"host.example. A +option=65001", false},
		{"host.example. A CH", false},
		{"host.example. ANY", false},
		{"example. MX", false},
		{"www.example. A", false},
		{"x.w.example. A", false},
		{"sub.example. A", true},
		{"NS.sub.example. AAAA +dnssec", true},
		{"sub.example. NS", false},
		{"sub.example. DS", false},
		{"x.d.example. A", false},
		{"elsewhere. A", false},
	})
}

// TestPlainSigned is TestPlain in a zone with signatures.
func TestPlainSigned(t *testing.T) {
	checkPlain(t, benchZone(t, zones.NSEC), []plainCase{
		{"h0007.example. A", true},
		{"h0007.example. A +edns", true},
		{"h0007.example. A +dnssec", true},
		{"h0007.example. AAAA +dnssec +cookie", true},
		{"h0007.example. TXT +dnssec", false},
		{"x.wild.example. A +dnssec", false},
		{"missing.example. A +dnssec", false},
		{"www.d0007.example. A", true},
		{"www.d0007.example. A +dnssec", false},
	})
}

type plainCase struct {
	question string
	want     bool
}

func checkPlain(t *testing.T, cat *zones.Catalog, cases []plainCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.question, func(t *testing.T) {
			query := pack(t, parseQuery(t, c.question).msg)
			w := NewWorker(Policy{})
			send(t, w, cat, query, UDP)
			if !w.parse(query) {
				t.Fatal("not parsed")
			}
			if got := goesShort(w, cat, query); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// goesShort says whether w answers query, which it has read, the short way.
func goesShort(w *Worker, cat *zones.Catalog, query []byte) bool {
	if w.rcode != dns.RcodeSuccess || !w.req.plain {
		return false
	}
	z := cat.Find(&w.key, w.key.Labels())
	if z == nil {
		return false
	}
	answer, _ := w.short(&place{z, z.Find(&w.key)}, query, make([]byte, maxMessage))
	return answer != nil
}

// TestPlainAtTheLimit has answers grow past what the client, the policy and the room for them allow.
func TestPlainAtTheLimit(t *testing.T) {
	for _, octets := range []int{300, 320, 330, 335, 340, 345, 350, 360, 370, 380, 390, 400, 410, 412, 413, 414, 415, 416, 417, 418, 430, 440, 441, 442, 443, 444, 445, 446, 447, 448, 449, 450, 451, 452, 453, 454, 455, 456, 457, 458, 459, 470, 1300} {
		data := ""
		for left := octets; left > 0; left -= 200 {
			data += fmt.Sprintf(" %q", bytes.Repeat([]byte("x"), min(left, 200)))
		}
		rrs := parseRRs(t, "example.", "@ SOA ns h 1 2 3 4 5\n@ NS ns\nt TXT"+data+"\n")
		cat := zones.NewCatalog(buildZone(t, "example.", append(rrs, fakeSignatures("example.", rrs)...)))
		for _, options := range []string{"", " +edns", " +bufsize=512", " +bufsize=4096", " +cookie", " +dnssec", " +dnssec +bufsize=512", " +dnssec +cookie"} {
			query := pack(t, parseQuery(t, "t.example. TXT"+options).msg)
			for _, via := range []Transport{UDP, TCP} {
				send(t, NewWorker(Policy{}), cat, query, via)
				send(t, NewWorker(Policy{MaxUDPSize: 512}), cat, query, via)
				send(t, NewWorker(Policy{MaxUDPSize: 512, Cookies: testCookies(t)}), cat, query, via)
			}
		}
	}
}

// TestPlainReferralAtTheLimit has questions grow until the referral does not fit behind them: then something is left out, the long way.
func TestPlainReferralAtTheLimit(t *testing.T) {
	text := "@ SOA ns h 1 2 3 4 5\n@ NS ns\nsub NS outside.\n"
	for i := range 7 {
		text += fmt.Sprintf("sub NS ns%d.sub\nns%[1]d.sub A 192.0.2.1\n", i)
	}
	cat := parseCatalog(t, "example.", text)
	w := NewWorker(Policy{Cookies: testCookies(t)})
	for _, options := range []string{"", " +edns", " +dnssec", " +bufsize=512", " +cookie", " +bufsize=512 +cookie"} {
		long := 0
		for octets := 100; octets < 230; octets++ {
			name := "sub.example. A" + options
			for left := octets; left > 0; left -= 61 {
				name = strings.Repeat("x", min(left, 60)) + "." + name
			}
			query := pack(t, parseQuery(t, name).msg)
			send(t, w, cat, query, TCP)
			send(t, w, cat, query, UDP)
			if w.parse(query); !goesShort(w, cat, query) {
				long++
			}
		}
		if small := options == "" || strings.Contains(options, "=512"); small != (long > 0) || long == 130 {
			t.Errorf("options %q: %d of 130 answers went the long way", options, long)
		}
	}
}
