package integration

import (
	"os"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// DNS cookies of a set of servers of four makes that share a secret (RFC 9018 5): what one gives, each takes.

const (
	cookieSecret      = "e5e973e5a6b2a43f48e7dc849e37bfcf"
	cookieOtherSecret = "445536bcd2513298075a5d379663c962"
	cookieClient      = "2464c4abcf10c957"
)

// cookieServer is a server, and how it shows that it takes a cookie for its own.
type cookieServer struct {
	name, addr string
	takes      func(t *testing.T, s cookieServer, cookie string) bool
}

// askCookie asks with a cookie in hex, and returns the answer and the one that it has.
func askCookie(t *testing.T, addr string, m *dns.Msg, sent string) (r *dns.Msg, got string) {
	t.Helper()
	o := m.IsEdns0()
	o.Option = append(o.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: sent})
	r, err := exchange(addr, "udp", m)
	if err != nil {
		t.Fatalf("%s: %v", addr, err)
	}
	if o := r.IsEdns0(); o != nil {
		for _, e := range o.Option {
			if e, ok := e.(*dns.EDNS0_COOKIE); ok {
				got = e.Cookie
			}
		}
	}
	return r, got
}

// demands is for servers that say BADCOOKIE to everything but a cookie of theirs.
func demands(t *testing.T, s cookieServer, cookie string) bool {
	t.Helper()
	r, _ := askCookie(t, s.addr, query("www.example.com.", dns.TypeA), cookie)
	if r.Rcode != dns.RcodeSuccess && r.Rcode != dns.RcodeBadCookie {
		t.Errorf("%s answers %s", s.name, dns.RcodeToString[r.Rcode])
	}
	return r.Rcode == dns.RcodeSuccess
}

// returns is for servers that give a good cookie back as it came, and another for a bad one.
func returns(t *testing.T, s cookieServer, cookie string) bool {
	t.Helper()
	r, got := askCookie(t, s.addr, query("www.example.com.", dns.TypeA), cookie)
	if r.Rcode != dns.RcodeSuccess {
		t.Errorf("%s answers %s", s.name, dns.RcodeToString[r.Rcode])
	}
	return got == cookie
}

// confirms is for servers that can be asked (RFC 7873 5.4).
func confirms(t *testing.T, s cookieServer, cookie string) bool {
	t.Helper()
	m := query("www.example.com.", dns.TypeA)
	m.Question = nil
	r, _ := askCookie(t, s.addr, m, cookie)
	if len(r.Answer)+len(r.Ns)+len(r.Question) > 0 || r.Rcode != dns.RcodeSuccess && r.Rcode != dns.RcodeBadCookie {
		t.Errorf("%s answers a query without a question with\n%v", s.name, r)
	}
	return r.Rcode == dns.RcodeSuccess
}

var cookieZone = peerZone{"example.com.", apex(1) + "www IN A 192.0.2.1\n"}

// cookieSetups have cookies, and the secret that all share.
var cookieSetups = map[string]peerSetup{
	"knot": {
		sections: `
mod-cookies:
  - id: shared
    secret: "0x` + cookieSecret + `"
`,
		zone: "global-module: mod-cookies/shared",
	},
	"nsd": {
		server: `
			answer-cookie: yes
			cookie-secret: "` + cookieSecret + `"`,
	},
	"bind": {
		server: `
			answer-cookie yes;
			require-server-cookie yes;
			cookie-algorithm siphash24;
			cookie-secret "` + cookieSecret + `";`,
	},
}

// cookieConfig is mangrove.yaml with a secret.
func cookieConfig(secret string) string { return "cookies: {secrets: " + secret + "}\n" }

func startForCookies(t *testing.T, name string) (addr string) {
	t.Helper()
	return peerKinds[name].start(t, cookieSetups[name].with(cookieZone)).addr
}

// TestCookiesAmongPeers has the cookie of each server taken by each, and that of another secret by none.
func TestCookiesAmongPeers(t *testing.T) {
	t.Parallel()
	n := startMangrove(t, cookieConfig(cookieSecret), cookieZone)
	other := startMangrove(t, cookieConfig(cookieOtherSecret), cookieZone)
	servers := []cookieServer{
		{"Mangrove", n.addr, confirms},
		{"Knot", startForCookies(t, "knot"), demands},
		{"BIND", startForCookies(t, "bind"), demands},
		{"NSD", startForCookies(t, "nsd"), returns},
	}
	foreign := cookieServer{name: "Mangrove with another secret", addr: other.addr}
	for _, from := range append(servers, foreign) {
		_, cookie := askCookie(t, from.addr, query("www.example.com.", dns.TypeA), cookieClient)
		if len(cookie) != 48 || !strings.HasPrefix(cookie, cookieClient+"01000000") {
			t.Errorf("%s gives %q", from.name, cookie)
			continue
		}
		for _, to := range servers {
			if got, want := to.takes(t, to, cookie), from.addr != foreign.addr; got != want {
				t.Errorf("%s takes %q of %s: %v, want %v", to.name, cookie, from.name, got, want)
			}
			if bad := flipped(cookie); to.takes(t, to, bad) {
				t.Errorf("%s takes %q, a wrong one", to.name, bad)
			}
		}
	}
}

// flipped changes the last bit of a cookie.
func flipped(cookie string) string {
	last := strings.IndexByte("0123456789abcdef", cookie[len(cookie)-1])
	return cookie[:len(cookie)-1] + string("0123456789abcdef"[last^1])
}

// TestCookiesOfDig: dig checks that what it gets is for its own cookie, and asks again after BADCOOKIE, which nobody sees here.
func TestCookiesOfDig(t *testing.T) {
	t.Parallel()
	n := startMangrove(t, cookieConfig(cookieSecret), cookieZone)
	for _, more := range [][]string{nil, {"+tcp"}, {"+dnssec", "+nsid"}, {"+cookie=" + cookieClient}} {
		args := append([]string{"www.example.com", "A", "+cookie", "+nobadcookie"}, more...)
		text := runDig(t, n.addr, args...)
		if !strings.Contains(text, "(good)") || !strings.Contains(text, "status: NOERROR") || !strings.Contains(text, "192.0.2.1") {
			t.Errorf("dig %v:\n%s", args, text)
		}
	}
}

// TestCookieSecretsRollOver goes through the three steps that the manual gives while the server runs, then switches cookies off.
func TestCookieSecretsRollOver(t *testing.T) {
	t.Parallel()
	n := newNode(t, "")
	configure := func(cookies string) {
		n.write("mangrove.yaml", "listen: [127.0.0.1:0]\ncookies: {"+cookies+"}\n")
		if n.daemon != nil {
			n.must("reload")
		}
	}
	n.writeZone(cookieZone)
	n.write("old", cookieOtherSecret+"\n")
	configure(`secrets: "file:old"`)
	n.start()
	mangrove := cookieServer{"Mangrove", n.addr, confirms}
	cookie := func() string {
		_, c := askCookie(t, n.addr, query("www.example.com.", dns.TypeA), cookieClient)
		return c
	}
	before := cookie()
	for _, step := range []struct {
		secrets string
		takes   bool
	}{
		{`secrets: ["file:old", "` + cookieSecret + `"]`, true}, {`secrets: ["` + cookieSecret + `", "file:old"]`, true}, {`secrets: "` + cookieSecret + `"`, false},
	} {
		configure(step.secrets)
		if got := confirms(t, mangrove, before); got != step.takes {
			t.Errorf("%s: takes the old cookie: %v, want %v", step.secrets, got, step.takes)
		}
		if !confirms(t, mangrove, cookie()) {
			t.Errorf("%s: does not take its own cookie", step.secrets)
		}
	}
	// A reference that leads nowhere changes nothing, and is reported.
	now := cookie()
	n.write("mangrove.yaml", "listen: [127.0.0.1:0]\ncookies: {secrets: \"file:none\"}\n")
	if r := n.run("reload"); r.code == 0 || !strings.Contains(r.stdout+r.stderr, "cookies.secrets[0]") {
		t.Errorf("reload with a reference that leads nowhere: %v", r)
	}
	if !confirms(t, mangrove, now) {
		t.Error("secrets that can't be read have changed those in force")
	}
	configure("enabled: false")
	if got := cookie(); got != "" {
		t.Errorf("a cookie while they are off: %s", got)
	}
}

// TestCookieSecretOutlivesRestarts: who has a cookie of a server that was given no secret has it after a restart.
func TestCookieSecretOutlivesRestarts(t *testing.T) {
	t.Parallel()
	n := newNode(t, "")
	n.writeZone(cookieZone)
	n.start()
	_, cookie := askCookie(t, n.addr, query("www.example.com.", dns.TypeA), cookieClient)
	n.stop()
	n.start()
	if !confirms(t, cookieServer{name: "Mangrove", addr: n.addr}, cookie) {
		t.Error("the cookie is not taken after a restart")
	}
	info, err := os.Stat(n.path("data/cookie.secret"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}
