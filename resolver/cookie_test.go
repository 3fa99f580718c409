package resolver

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/dchest/siphash"
	"github.com/miekg/dns"
)

// Of RFC 9018 A.1: a secret, when it is used, and what a client is given then.
const (
	vectorSecret = "e5e973e5a6b2a43f48e7dc849e37bfcf"
	vectorTime   = 1559731985
	vectorCookie = clientCookie + "010000005cf79f111f8130c3eee29480"
)

func cookieSecret(tb testing.TB, text string) (s CookieSecret) {
	tb.Helper()
	if n, err := hex.Decode(s[:], []byte(text)); err != nil || n != len(s) {
		tb.Fatalf("secret %q: %v", text, err)
	}
	return s
}

// cookiesAt are cookies of a moment.
func cookiesAt(tb testing.TB, at uint32, secrets ...string) *Cookies {
	tb.Helper()
	c := NewCookies(func() time.Time { return time.Unix(int64(at), 0) })
	keys := make([]CookieSecret, len(secrets))
	for i, s := range secrets {
		keys[i] = cookieSecret(tb, s)
	}
	c.Set(keys...)
	return c
}

// testCookies are those of RFC 9018 A.1.
func testCookies(tb testing.TB) *Cookies { return cookiesAt(tb, vectorTime, vectorSecret) }

// TestCookieVectors are those of RFC 9018 A, sent as queries.
func TestCookieVectors(t *testing.T) {
	const rolled, old = "445536bcd2513298075a5d379663c962", "dd3bdf9344b678b185a6f5cb60fca715"
	for _, c := range []struct {
		name    string
		secrets []string
		addr    string
		at      uint32
		sent    string
		want    string
		proven  bool
	}{
		{"A.1 learning a new one", []string{vectorSecret}, "198.51.100.100", vectorTime, clientCookie, vectorCookie, false},
		{"A.2 the same client, renewed", []string{vectorSecret}, "198.51.100.100", 1559734385, vectorCookie,
			"2464c4abcf10c957010000005cf7a871d4a564a1442aca77", true},
		{"A.3 another client, renewed, reserved octets", []string{vectorSecret}, "203.0.113.203", 1559734700,
			"fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e", false},
		{"A.3 in its time", []string{vectorSecret}, "203.0.113.203", 1559727985 + 3600,
			"fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", "", true},
		{"A.4 IPv6, secret rolled over", []string{rolled, old}, "2001:db8:220:1:59de:d0f4:8769:82b8", 1559741961,
			"22681ab97d52c298010000005cf7c57926556bd0934c72f8", "22681ab97d52c298010000005cf7c609a6bb79d16625507a", true},
		{"IPv4 in IPv6", []string{vectorSecret}, "::ffff:198.51.100.100", vectorTime, clientCookie, vectorCookie, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := NewWorker(Policy{Cookies: cookiesAt(t, c.at, c.secrets...)})
			got, o := askCookie(t, w, "ns.example. A +cookie="+c.sent, &Source{Addr: netip.MustParseAddr(c.addr)})
			if c.want != "" && got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if o.Proven() != c.proven || !o.Cookie() || o.Rcode != dns.RcodeSuccess {
				t.Errorf("outcome %+v, want proven %v", o, c.proven)
			}
		})
	}
}

// askCookie returns the cookie in the answer, "" for none.
func askCookie(tb testing.TB, w *Worker, question string, from *Source) (string, Outcome) {
	tb.Helper()
	answer, o := w.Answer(headerCatalog(tb), pack(tb, parseQuery(tb, question).msg), from, make([]byte, maxMessage))
	m := new(dns.Msg)
	if err := m.Unpack(answer); err != nil {
		tb.Fatal(err)
	}
	return cookieOf(m), o
}

// cookieOf returns the first cookie of a message in hex, "" for none.
func cookieOf(m *dns.Msg) string {
	if o := m.IsEdns0(); o != nil {
		for _, e := range o.Option {
			if e, ok := e.(*dns.EDNS0_COOKIE); ok {
				return e.Cookie
			}
		}
	}
	return ""
}

// cookieMade is a cookie as the RFC describes it, made by the book.
func cookieMade(secret CookieSecret, client string, head, at uint32, addr netip.Addr) string {
	b, _ := hex.DecodeString(client)
	b = binary.BigEndian.AppendUint32(b, head)
	b = binary.BigEndian.AppendUint32(b, at)
	sum := siphash.New(secret[:])
	sum.Write(b)
	sum.Write(addr.AsSlice())
	return hex.EncodeToString(sum.Sum(b))
}

// TestCookieAge goes around the clock of 32 bits, and along the edges of what is accepted and renewed.
func TestCookieAge(t *testing.T) {
	secret := cookieSecret(t, vectorSecret)
	for _, now := range []uint32{vectorTime, 0, 1, 299, 1 << 31, 1<<31 + 1800, 1<<32 - 1, 1<<32 - 300, 3600} {
		w := NewWorker(Policy{Cookies: cookiesAt(t, now, vectorSecret)})
		for _, c := range []struct {
			age          int64
			valid, young bool
		}{
			{-1 << 31, false, false}, {-301, false, false}, {-300, true, true}, {-1, true, true}, {0, true, true}, {1799, true, true}, {1800, true, true},
			{1801, true, false}, {3600, true, false}, {3601, false, false}, {1<<31 - 1, false, false},
		} {
			sent := cookieMade(secret, clientCookie, 1<<24, uint32(int64(now)-c.age), clientAddr)
			got, o := askCookie(t, w, "ns.example. A +cookie="+sent, sourceOf(UDP))
			want := cookieMade(secret, clientCookie, 1<<24, now, clientAddr)
			if c.young {
				want = sent
			}
			if got != want || o.Proven() != c.valid {
				t.Errorf("now %d, age %d: got %s, proven %v; want %s, %v", now, c.age, got, o.Proven(), want, c.valid)
			}
		}
	}
}

// Whatever is wrong with a server cookie, the answer is the ordinary one with a good cookie (RFC 7873 5.2.3, 5.2.4).
func TestCookieNotOurs(t *testing.T) {
	w := NewWorker(Policy{Cookies: testCookies(t)})
	mine := cookieSecret(t, vectorSecret)
	for _, c := range []struct{ name, sent string }{
		{"of another secret", cookieMade(NewCookieSecret(), clientCookie, 1<<24, vectorTime, clientAddr)},
		{"of another address", cookieMade(mine, clientCookie, 1<<24, vectorTime, netip.MustParseAddr("198.51.100.101"))},
		{"of another family", cookieMade(mine, clientCookie, 1<<24, vectorTime, netip.MustParseAddr("2001:db8::1"))},
		{"of another client", clientCookie + cookieMade(mine, "2464c4abcf10c958", 1<<24, vectorTime, clientAddr)[16:]},
		{"of version 0", cookieMade(mine, clientCookie, 0, vectorTime, clientAddr)},
		{"of version 2", cookieMade(mine, clientCookie, 2<<24, vectorTime, clientAddr)},
		{"with another reserved octet", vectorCookie[:18] + "01" + vectorCookie[20:]},
		{"with another hash", vectorCookie[:46] + "81"},
		{"of 8 octets", clientCookie + "0102030405060708"},
		{"of 15 octets", vectorCookie[:46]},
		{"of 17 octets", vectorCookie + "00"},
		{"of 32 octets", vectorCookie + strings.Repeat("00", 16)},
	} {
		got, o := askCookie(t, w, "ns.example. A +cookie="+c.sent, sourceOf(UDP))
		if got != vectorCookie || o.Proven() || !o.Cookie() || o.Kind != KindAnswer {
			t.Errorf("%s: got %s, outcome %+v", c.name, got, o)
		}
	}
}

// RFC 7873 5.2.2: FORMERR, and nothing to give back.
func TestMalformedCookie(t *testing.T) {
	cat := headerCatalog(t)
	on, off := NewWorker(Policy{Cookies: testCookies(t)}), NewWorker(Policy{})
	unknown := NewWorker(Policy{Cookies: cookiesAt(t, vectorTime)})
	for n := range 60 {
		sound := n == 8 || n >= 16 && n <= 40
		q := parseQuery(t, "ns.example. A +cookie="+strings.Repeat("ab", n))
		if n == 0 {
			q = parseQuery(t, "ns.example. A +edns")
			o := q.msg.IsEdns0()
			o.Option = append(o.Option, &dns.EDNS0_LOCAL{Code: optionCookie})
		}
		for _, extra := range []bool{false, true} { // a second option has it read the long way
			if extra {
				o := q.msg.IsEdns0()
				o.Option = append(o.Option, &dns.EDNS0_LOCAL{Code: 65001})
			}
			wire := pack(t, q.msg)
			for _, via := range []Transport{UDP, TCP} {
				m := send(t, on, cat, wire, via)
				if want := map[bool]int{true: dns.RcodeSuccess, false: dns.RcodeFormatError}[sound]; m.Rcode != want || (cookieOf(m) != "") != sound {
					t.Errorf("%d octets: %v", n, m)
				}
				for _, w := range []*Worker{off, unknown} {
					if m := send(t, w, cat, wire, via); m.Rcode != dns.RcodeSuccess || cookieOf(m) != "" {
						t.Errorf("%d octets, ignored: %v", n, m)
					}
				}
			}
		}
	}
}

// Every reply that has an OPT record of a version that we know has the cookie in it.
func TestCookieInEveryReply(t *testing.T) {
	const cookie = " cookie=" + vectorCookie
	run(t, headerCatalog(t), Policy{Cookies: testCookies(t), KeepAlive: 100, Identity: Identity{NSID: "x"}}, []asked{
		{"ns.example. A +cookie", "NOERROR aa\nan ns.example. 300 A 192.0.2.53\nopt 1232" + cookie},
		{"ns.example. A +cookie +tcp", "NOERROR aa\nan ns.example. 300 A 192.0.2.53\nopt 1232" + cookie},
		{"ns.example. A +cookie +nsid", "NOERROR aa\nan ns.example. 300 A 192.0.2.53\nopt 1232" + cookie + " nsid=78"},
		{"ns.example. A +cookie +keepalive +tcp", "NOERROR aa\nan ns.example. 300 A 192.0.2.53\nopt 1232" + cookie + " keepalive=100"},
		{"x.example. A +cookie +dnssec", "NXDOMAIN aa\n" + headerSOA + "\nopt 1232 do" + cookie},
		{"elsewhere. A +cookie", "REFUSED\nopt 1232" + cookie + " ede=20"},
		{"example. TSIG +cookie", "FORMERR\nopt 1232" + cookie + " ede=30"},
		{"example. AXFR +cookie", "NOTIMP\nopt 1232" + cookie + " ede=21"},
		{"version.bind. TXT CH +cookie", "REFUSED\nopt 1232" + cookie + " ede=20"},
		// The first counts.
		{"ns.example. A +cookie +cookie=0011223344556677", "NOERROR aa\nan ns.example. 300 A 192.0.2.53\nopt 1232" + cookie},
		{"ns.example. A +cookie +cookie=00", "NOERROR aa\nan ns.example. 300 A 192.0.2.53\nopt 1232" + cookie},
		{"ns.example. A +cookie=00 +cookie", "FORMERR\nopt 1232"},
		// Of another version we know no options.
		{"ns.example. A +cookie +edns=1", "BADVERS\nopt 1232"},
		{"ns.example. A +cookie=00 +edns=1", "BADVERS\nopt 1232"},
	})
}

func TestCookieInOddMessages(t *testing.T) {
	cat := headerCatalog(t)
	w := NewWorker(Policy{Cookies: testCookies(t)})
	off := NewWorker(Policy{})
	const (
		opt    = "00 0029 0400 00 00 0000 000c 000a 0008" + clientCookie
		known  = "00 0029 0400 00 00 0000 001c 000a 0018" + vectorCookie
		bad    = "00 0029 0400 00 00 0000 001c 000a 0018" + clientCookie + "010000005cf79f110000000000000000"
		other  = "00 0029 0400 00 00 0000 0008 fde9 0004 01020304"
		cookie = "\nopt 1232 cookie=" + vectorCookie
	)
	for _, c := range []struct{ name, query, want, without string }{
		// RFC 7873 5.4
		{"no question", "0001 0000 0000 0000 0000 0001" + opt, "NOERROR" + cookie, "FORMERR\nopt 1232"},
		{"no question, a good cookie", "0001 0000 0000 0000 0000 0001" + known, "NOERROR" + cookie, "FORMERR\nopt 1232"},
		{"no question, a bad cookie", "0001 0000 0000 0000 0000 0001" + bad, "BADCOOKIE" + cookie, "FORMERR\nopt 1232"},
		{"no question, RD and CD", "0001 0110 0000 0000 0000 0001" + opt, "NOERROR rd cd" + cookie, "FORMERR rd cd\nopt 1232"},
		{"no question, no cookie", "0001 0000 0000 0000 0000 0001" + other, "FORMERR\nopt 1232", "FORMERR\nopt 1232"},
		{"no question, no OPT", "0001 0000 0000 0000 0000 0000", "FORMERR", "FORMERR"},
		{"no question, an answer", "0001 0000 0000 0001 0000 0001" + "00 0001 0001 00000000 0004 7f000001" + opt, "FORMERR" + cookie, "FORMERR\nopt 1232"},
		{"no question, TSIG", "0001 0000 0000 0000 0000 0002" + opt + "00 00fa 00ff 00000000 0000", "FORMERR" + cookie, "FORMERR\nopt 1232"},
		// errors
		{"two questions", "0001 0000 0002 0000 0000 0001" + rawQ + rawQ + opt, "FORMERR" + cookie, "FORMERR\nopt 1232"},
		{"trailing octet", "0001 0000 0001 0000 0000 0001" + rawQ + opt + "00", "FORMERR" + cookie, "FORMERR\nopt 1232"},
		{"two OPT", "0001 0000 0001 0000 0000 0002" + rawQ + opt + rawOPT, "FORMERR" + cookie, "FORMERR\nopt 1232"},
		{"an unknown opcode", "0001 3000 0001 0000 0000 0001" + rawQ + opt, "NOTIMP" + cookie + " ede=21", "NOTIMP\nopt 1232 ede=21"},
		{"a cookie that ends early", "0001 0000 0001 0000 0000 0001" + rawQ + "00 0029 0400 00 00 0000 000c 000a 0009" + clientCookie, "FORMERR\nopt 1232", "FORMERR\nopt 1232"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, via := range []Transport{UDP, TCP} {
				if got, want := render(send(t, w, cat, unhex(t, c.query), via)), squeeze(c.want); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				if got, want := render(send(t, off, cat, unhex(t, c.query), via)), squeeze(c.without); got != want {
					t.Errorf("cookies off: got %q, want %q", got, want)
				}
			}
		})
	}
}

// BADCOOKIE is for QUERY alone, and never for a client that is proven.
func TestWhoMayGetBadCookie(t *testing.T) {
	w := NewWorker(Policy{Cookies: testCookies(t)})
	cat := headerCatalog(t)
	update := new(dns.Msg)
	update.SetUpdate("example.")
	withOPT(update).Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: clientCookie}}
	if _, o := w.Answer(cat, pack(t, update), sourceOf(UDP), make([]byte, 1232)); o.Cookie() || !o.Rare() {
		t.Errorf("UPDATE: %+v", o)
	}
	for question, want := range map[string]bool{"ns.example. A +cookie": false, "ns.example. A +cookie=" + vectorCookie: true, "ns.example. A +edns": false} {
		for _, via := range []Transport{UDP, TCP} {
			if _, o := askCookie(t, w, question, sourceOf(via)); o.Proven() != (want || via == TCP) {
				t.Errorf("%s over %v: %+v", question, via, o)
			}
		}
	}
	// Without an address nothing is known of it.
	if got, o := askCookie(t, w, "ns.example. A +cookie="+vectorCookie, &Source{}); got != "" || o.Cookie() || o.Proven() {
		t.Errorf("no address: %s, %+v", got, o)
	}
}

// The clock is looked at once for all that is answered together, and not at all where nobody has a cookie.
func TestCookieClock(t *testing.T) {
	looked := 0
	w := NewWorker(Policy{Cookies: NewCookies(func() time.Time { looked++; return time.Unix(vectorTime+int64(looked), 0) }, NewCookieSecret())})
	cat, slots, out := headerCatalog(t), make([]slot, 3), make([]byte, 1232)
	for _, c := range []struct {
		question string
		want     int
	}{{"ns.example. A +cookie", 1}, {"ns.example. A +edns", 0}, {"x.example. A +cookie", 1}} {
		looked, w.now = 0, 0
		for i := range slots {
			slots[i].query = pack(t, parseQuery(t, c.question).msg)
			slots[i].parse(slots[i].query)
		}
		for i := range slots {
			w.parsed = &slots[i].parsed
			w.answer(cat, slots[i].query, sourceOf(UDP), out)
		}
		if looked != c.want {
			t.Errorf("%s: looked %d times for %d queries, want %d", c.question, looked, len(slots), c.want)
		}
		for range 2 { // each by itself
			w.Answer(cat, slots[0].query, sourceOf(UDP), out)
		}
		if looked != 3*c.want {
			t.Errorf("%s: looked %d times in all, want %d", c.question, looked, 3*c.want)
		}
	}
}

// Set rolls a secret over in the three steps that the documentation gives, during which every cookie holds.
func TestCookieRollover(t *testing.T) {
	const before, after = vectorSecret, "445536bcd2513298075a5d379663c962"
	steps := [][]string{{before}, {before, after}, {after, before}, {after}}
	keys := func(step int) (out []CookieSecret) {
		for _, s := range steps[step] {
			out = append(out, cookieSecret(t, s))
		}
		return out
	}
	// A set of servers, some of which have gone one step further than the others.
	for step := range len(steps) - 1 {
		a, b := NewWorker(Policy{Cookies: testCookies(t)}), NewWorker(Policy{Cookies: testCookies(t)})
		a.policy.Cookies.Set(keys(step)...)
		b.policy.Cookies.Set(keys(step + 1)...)
		for _, w := range [][2]*Worker{{a, b}, {b, a}} {
			cookie, _ := askCookie(t, w[0], "ns.example. A +cookie", sourceOf(UDP))
			if _, o := askCookie(t, w[1], "ns.example. A +cookie="+cookie, sourceOf(UDP)); !o.Proven() {
				t.Errorf("step %d: a cookie of one is none of the other", step)
			}
		}
	}
	w := NewWorker(Policy{Cookies: testCookies(t)})
	w.policy.Cookies.Set()
	if got, o := askCookie(t, w, "ns.example. A +cookie="+vectorCookie, sourceOf(UDP)); got != "" || o.Cookie() || o.Proven() {
		t.Errorf("without secrets: %s %+v", got, o)
	}
}

// What is sent instead of an answer has the cookie, too: without it BADCOOKIE would lead nowhere.
func TestCookieInstead(t *testing.T) {
	w := NewWorker(Policy{Cookies: testCookies(t)})
	cat := headerCatalog(t)
	for _, question := range []string{"ns.example. A +cookie", "x.example. A +cookie +nsid", strings.Repeat("abcdefghi.", 24) + "example. A +cookie"} {
		query := pack(t, parseQuery(t, question).msg)
		for want, instead := range map[int]func(query, answer []byte, o Outcome) ([]byte, Outcome){-1: w.Truncate, dns.RcodeBadCookie: w.BadCookie} {
			answer, o := w.Answer(cat, query, sourceOf(UDP), make([]byte, 512))
			rcode := o.Rcode
			answer, o = instead(query, answer, o)
			m := new(dns.Msg)
			if err := m.Unpack(answer); err != nil {
				t.Fatal(err)
			}
			if want >= 0 {
				rcode = want
			}
			if cookieOf(m) != vectorCookie || m.Rcode != rcode || o.Rcode != rcode || m.Truncated == (want >= 0) {
				t.Errorf("%s: %v", question, m)
			}
		}
	}
}

// checkCookie holds an answer to what its query's first COOKIE option demands, by another reading of both.
func checkCookie(tb testing.TB, c *Cookies, secret CookieSecret, packet []byte, m *dns.Msg) {
	tb.Helper()
	q, got := new(dns.Msg), cookieOf(m)
	if q.Unpack(packet) != nil {
		return // what is not sound may have its cookie before it ends to be
	}
	o := q.IsEdns0()
	if o == nil || o.Version() != 0 || m.IsEdns0() == nil {
		if got != "" {
			tb.Fatalf("%x: a cookie unasked: %v", packet, m)
		}
		return
	}
	sent, has := "", false
	for _, e := range o.Option {
		if e, ok := e.(*dns.EDNS0_COOKIE); ok && !has {
			sent, has = e.Cookie, true
		}
	}
	if n := len(sent) / 2; !has || n != 8 && (n < 16 || n > 40) {
		if got != "" || has && m.Rcode != dns.RcodeFormatError && m.Rcode != dns.RcodeNotImplemented {
			tb.Fatalf("%x: cookie %q answered with %q: %v", packet, sent, got, m)
		}
		return
	}
	if len(got) != 2*cookieLen || !strings.HasPrefix(got, sent[:16]) {
		tb.Fatalf("%x: cookie %q answered with %q: %v", packet, sent, got, m)
	}
	b, _ := hex.DecodeString(got)
	now, made := uint32(c.now().Unix()), binary.BigEndian.Uint32(b[12:])
	if want := cookieMade(secret, got[:16], 1<<24, made, clientAddr); got != want || made != now && got != sent {
		tb.Fatalf("%x: cookie %q answered with %q, want %q", packet, sent, got, want)
	}
}

// FuzzCookie has any octets taken for a cookie at any time; what is accepted must be what the book makes.
func FuzzCookie(f *testing.F) {
	good, _ := hex.DecodeString(vectorCookie)
	f.Add(good, uint32(vectorTime), []byte{198, 51, 100, 100})
	f.Add(good, uint32(vectorTime+1801), []byte{198, 51, 100, 100})
	f.Add(good[:8], uint32(0), make([]byte, 16))
	f.Add(bytes.Repeat([]byte{1}, 40), uint32(1), make([]byte, 16))
	secret := cookieSecret(f, vectorSecret)
	cat := headerCatalog(f)
	f.Fuzz(func(t *testing.T, cookie []byte, now uint32, ip []byte) {
		addr, ok := netip.AddrFromSlice(ip)
		if !ok || len(cookie) > 1000 {
			return
		}
		w := NewWorker(Policy{Cookies: cookiesAt(t, now, vectorSecret)})
		q := parseQuery(t, fmt.Sprintf("ns.example. A +cookie=%x", cookie))
		if len(cookie) == 0 {
			q.msg.IsEdns0().Option[0] = &dns.EDNS0_LOCAL{Code: optionCookie}
		}
		answer, o := w.Answer(cat, pack(t, q.msg), &Source{Addr: addr}, make([]byte, 1232))
		m := new(dns.Msg)
		if err := m.Unpack(answer); err != nil {
			t.Fatal(err)
		}
		sound := len(cookie) == 8 || len(cookie) >= 16 && len(cookie) <= 40
		if o.Cookie() != sound || (o.Rcode == dns.RcodeFormatError) == sound || (cookieOf(m) != "") != sound {
			t.Fatalf("%x: outcome %+v, %v", cookie, o, m)
		}
		if !sound {
			return
		}
		client := hex.EncodeToString(cookie[:8])
		want, proven := cookieMade(secret, client, 1<<24, now, addr.Unmap()), false
		if len(cookie) == 24 && cookie[8] == 1 {
			made, head := binary.BigEndian.Uint32(cookie[12:]), binary.BigEndian.Uint32(cookie[8:])
			age := int64(int32(now - made))
			proven = age >= -300 && age <= 3600 && cookieMade(secret, client, head, made, addr.Unmap()) == hex.EncodeToString(cookie)
			if proven && age <= 1800 && head == 1<<24 {
				want = hex.EncodeToString(cookie)
			}
		}
		if got := cookieOf(m); got != want || o.Proven() != proven {
			t.Fatalf("%x at %d from %s: got %s, proven %v; want %s, %v", cookie, now, addr, got, o.Proven(), want, proven)
		}
	})
}
