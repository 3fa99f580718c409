package resolver

import (
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// chaos answers a question of class CH: what the identity holds, and REFUSED for all else.
func (w *Worker) chaos() {
	text := w.chaosText()
	if text == "" || w.req.qtype != dns.TypeTXT && w.req.qtype != dns.TypeANY {
		w.refuse(dns.RcodeRefused, dns.ExtendedErrorCodeNotAuthoritative)
		return
	}
	text = text[:min(len(text), 255)]
	set := w.synthesise(dns.TypeTXT, dns.ClassCHAOS, 0, []byte{byte(len(text))}, []byte(text))
	w.res.Authoritative = true
	w.answerWith(nil, zones.NoNode, set, 0)
}

// chaosText returns what we tell about ourselves under the question's name (RFC 4892, and BIND's habit).
func (w *Worker) chaosText() string {
	switch string(w.key.Wire(w.key.Labels())) {
	case "\x07version\x04bind\x00", "\x07version\x06server\x00":
		return w.policy.Identity.Version
	case "\x02id\x06server\x00", "\x08hostname\x04bind\x00":
		return w.policy.Identity.Name
	}
	return ""
}
