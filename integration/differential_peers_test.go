package integration

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"
)

// The peers as the differential tests run them: many zones that need not be good, nothing that keeps somebody from asking fast,
// and answers as small as each can make them.

// sentinel is a zone that every server can load: who answers for it is ready.
var sentinel = peerZone{"sentinel.invalid.", "$TTL 60\n@ SOA ns.sentinel.invalid. h.sentinel.invalid. 1 3600 600 86400 60\n@ NS ns.sentinel.invalid.\nns A 192.0.2.1\n"}

// differentialSetups let anybody transfer zones.
var differentialSetups = map[string]peerSetup{
	"knot": {
		sections: `
acl:
  - id: all
    action: transfer
`,
		zone: `
			acl: all
			journal-content: none`,
	},
	"nsd": {zone: "provide-xfr: 127.0.0.1 NOKEY"},
	"bind": {
		server: `
			minimal-responses no-auth;
			minimal-any yes;
			answer-cookie no;
			allow-transfer { any; };
			check-mx ignore;
			check-mx-cname ignore;
			check-srv-cname ignore;
			check-dup-records ignore;
			zone-statistics none;
			tcp-clients 500;
			transfers-out 500;
			max-udp-size 1232;`,
	},
}

// differentialSetup is that of a peer for zones, the sentinel first, whose files are there already.
func differentialSetup(name, files string, zones []peerZone) peerSetup {
	s := differentialSetups[name].with(zones...)
	s.files, s.lenient, s.quiet = files, true, true
	return s
}

// startLenient starts a peer with zones of which it may refuse some.
func startLenient(t testing.TB, name, files string, zones []peerZone) (addr string) {
	t.Helper()
	return peerKinds[name].start(t, differentialSetup(name, files, zones)).addr
}

// nsdSurvives says whether NSD starts with zones. NSD 4.6 ends without a word on some that are signed.
func nsdSurvives(t testing.TB, files string, zones []peerZone) bool {
	t.Helper()
	for {
		p, err := nsdPeer.try(t, differentialSetup("nsd", files, zones), shortDir(t), freePort(t))
		p.signal(syscall.SIGTERM)
		if !errors.Is(err, errPortTaken) {
			return err == nil
		}
	}
}

// served says which zones a server has: those whose SOA it answers with authority.
func served(t testing.TB, addr string, zones []peerZone) []bool {
	t.Helper()
	var asked []question
	for _, z := range zones {
		m := query(z.origin, dns.TypeSOA)
		m.Question[0].Name = z.origin
		asked = append(asked, newQuestion(t, m, "udp"))
	}
	out := make([]bool, len(zones))
	for i, a := range askAll(t, addr, asked) {
		r := new(dns.Msg)
		if a == nil || r.Unpack(a) != nil {
			t.Fatalf("%s does not answer for %s", addr, zones[i].origin)
		}
		out[i] = r.Rcode == dns.RcodeSuccess && r.Authoritative && len(r.Answer) > 0 &&
			r.Answer[0].Header().Rrtype == dns.TypeSOA && strings.EqualFold(r.Answer[0].Header().Name, zones[i].origin)
	}
	return out
}
