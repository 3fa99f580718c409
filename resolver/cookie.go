package resolver

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/dchest/siphash"
	"github.com/miekg/dns"
)

// DNS cookies (RFC 7873) with the server cookie that all implementations agree on (RFC 9018): what a client sends back from the address
// that it was given for shows that it receives what is sent there. Nothing is kept of a client; what every server of a set knows is
// the secret, so that the cookie of one holds for all.
//
//	client cookie ─ version 1 ─ reserved ─ time ─┬─ SipHash-2-4 of all that and the client's address
//	8 octets        1 octet     3          4     └─ 8 octets
const (
	clientCookieLen = 8
	serverCookieLen = 16
	cookieLen       = clientCookieLen + serverCookieLen
	cookieVersion   = 1
	cookieHashed    = 16 // how much of it is hashed before the address

	// RFC 7873 4: a server cookie of others may be from 8 to 32 octets.
	minServerCookie = 8
	maxServerCookie = 32

	// RFC 9018 4.3, in seconds.
	cookieRenewed = 30 * 60 // older ones are valid, and are renewed
	cookieExpired = 60 * 60
	cookieFuture  = 5 * 60 // how far the clocks of a set may be apart
)

// CookieSecret is what server cookies are made with (RFC 9018 5: 128 bits).
type CookieSecret [16]byte

// ParseCookieSecret reads a secret of 32 hexadecimal digits, the form that BIND, Knot and NSD have it in. What it says of another text
// does not hold it.
func ParseCookieSecret(text string) (s CookieSecret, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(s) {
		return s, fmt.Errorf("not a cookie secret of %d hexadecimal digits", 2*len(s))
	}
	return CookieSecret(b), nil
}

// String shows nothing of the secret.
func (CookieSecret) String() string { return "(hidden)" }

// NewCookieSecret returns a random secret.
func NewCookieSecret() CookieSecret {
	var s CookieSecret
	_, _ = rand.Read(s[:]) // never fails
	return s
}

// Cookies makes and checks server cookies. Any number of workers may share it.
type Cookies struct {
	now  func() time.Time
	keys atomic.Pointer[[]cookieKey]
}

// cookieKey is a secret as SipHash takes it.
type cookieKey struct{ k0, k1 uint64 }

// NewCookies returns cookies made with the first of secrets and accepted with any; without secrets the COOKIE option is ignored.
func NewCookies(now func() time.Time, secrets ...CookieSecret) *Cookies {
	c := &Cookies{now: now}
	c.Set(secrets...)
	return c
}

// Set changes the secrets, for the next query on. It may be called at any time.
func (c *Cookies) Set(secrets ...CookieSecret) {
	keys := make([]cookieKey, len(secrets))
	for i := range secrets {
		s := secrets[i][:]
		keys[i] = cookieKey{binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:])}
	}
	c.keys.Store(&keys)
}

// SetCookieSecrets changes what Options.CookieSecrets has set, for the next query on. It may be called at any time.
func (s *Server) SetCookieSecrets(secrets ...CookieSecret) { s.policy.Cookies.Set(secrets...) }

// secrets returns what cookies are made and accepted with, nothing where they are ignored; c may be nil.
func (c *Cookies) secrets() []cookieKey {
	if c == nil {
		return nil
	}
	return *c.keys.Load()
}

// soundCookie says that a COOKIE option of so many octets is well-formed (RFC 7873 5.2.2): a client cookie, with or without a server cookie.
func soundCookie(octets int) bool {
	server := octets - clientCookieLen
	return server == 0 || server >= minServerCookie && server <= maxServerCookie
}

// answerCookie notes what the query's COOKIE option proves, and the one that goes back. The query has one.
func (w *Worker) answerCookie(query []byte, from *Source) {
	keys := w.policy.Cookies.secrets()
	if len(keys) == 0 || !from.Addr.IsValid() {
		return // RFC 7873 5.2: as if there were no such option
	}
	q := &w.req
	came := query[q.cookie:][:q.cookieLen]
	if !soundCookie(len(came)) {
		if w.rcode == dns.RcodeSuccess {
			w.rcode = dns.RcodeFormatError
		}
		return
	}
	w.flags |= flagCookie
	// The cookie and behind it the address, as it is hashed.
	var b cookieInput
	n := b.setAddr(from)
	now := w.seconds()
	if len(came) == cookieLen {
		copy(b[:], came[:cookieHashed])
		valid, first := b.valid(came, n, now, keys)
		if valid {
			w.flags |= flagValid
		}
		if first && b.young(now) {
			copy(w.cookie[:], came)
			return
		}
	}
	copy(b[:clientCookieLen], came)
	binary.BigEndian.PutUint32(b[clientCookieLen:], cookieVersion<<24)
	binary.BigEndian.PutUint32(b[clientCookieLen+4:], now)
	copy(w.cookie[:], b[:cookieHashed])
	binary.LittleEndian.PutUint64(w.cookie[cookieHashed:], b.hash(n, keys[0]))
}

// seconds is the time, looked at once for all the queries that are answered together.
func (w *Worker) seconds() uint32 {
	if w.now == 0 {
		w.now = uint32(w.policy.Cookies.now().Unix())
	}
	return w.now
}

// cookieAlone answers a query without a question (RFC 7873 5.4): a client fetches a cookie, or asks whether the one it has is good.
func (w *Worker) cookieAlone() {
	switch {
	case w.flags&flagCookie == 0:
		w.res.Rcode = dns.RcodeFormatError // the option is ignored
	case w.req.cookieLen > clientCookieLen && w.flags&flagValid == 0:
		w.res.Rcode = dns.RcodeBadCookie
	}
}

// cookieInput is what is hashed: all of a cookie before its hash, then the client's address.
type cookieInput [cookieHashed + 16]byte

// setAddr puts the address in its place, and returns how much there is to hash.
func (b *cookieInput) setAddr(from *Source) (n int) {
	addr := from.Addr.Unmap()
	if addr.Is4() {
		ip := addr.As4()
		return cookieHashed + copy(b[cookieHashed:], ip[:])
	}
	ip := addr.As16()
	return cookieHashed + copy(b[cookieHashed:], ip[:])
}

func (b *cookieInput) hash(n int, k cookieKey) uint64 { return siphash.Hash(k.k0, k.k1, b[:n]) }

// age is how many seconds ago the cookie was made, in the arithmetic of serial numbers (RFC 1982, RFC 9018 4.3).
func (b *cookieInput) age(now uint32) int32 {
	return int32(now - binary.BigEndian.Uint32(b[clientCookieLen+4:]))
}

// valid says whether came, whose first octets are in b, is a cookie that one of keys has made for the address in b, and whether it was
// the first. What the reserved octets hold does not matter, as long as it is what was hashed (RFC 9018 A.3).
func (b *cookieInput) valid(came []byte, n int, now uint32, keys []cookieKey) (valid, first bool) {
	age := b.age(now)
	if b[clientCookieLen] != cookieVersion || age > cookieExpired || age < -cookieFuture {
		return false, false
	}
	// A hash is compared as one word, so that nobody can learn octet by octet from the time that it takes.
	hash := binary.LittleEndian.Uint64(came[cookieHashed:])
	for i, k := range keys {
		if b.hash(n, k) == hash {
			return true, i == 0
		}
	}
	return false, false
}

// young says that a valid cookie may be used on: it is not old, and is what we would have made then.
func (b *cookieInput) young(now uint32) bool {
	return b.age(now) <= cookieRenewed && binary.BigEndian.Uint32(b[clientCookieLen:]) == cookieVersion<<24
}
