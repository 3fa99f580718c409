package resolver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

var kindNames = map[Kind]string{
	KindError: "error", KindAnswer: "answer", KindReferral: "referral", KindNoData: "nodata", KindNXDomain: "nxdomain",
}

// renderOutcome writes what an outcome says of where the answer came from.
func renderOutcome(o Outcome) string {
	s := kindNames[o.Kind]
	if o.Zone == nil {
		return s
	}
	s += " zone=" + o.Zone.Origin().String()
	if o.Node != zones.NoNode {
		s += fmt.Sprintf(" node=%q", o.Zone.Below(o.Node))
	}
	return s
}

// TestOutcome: what a limit of answers counts by.
func TestOutcome(t *testing.T) {
	cat := packetCatalog(t)
	w := NewWorker(Policy{})
	for _, c := range []struct{ q, want string }{
		{"host.example. A", `answer zone=example. node="\x04host"`},
		{"HOST.example. A +dnssec", `answer zone=example. node="\x04host"`},
		{"example. MX", `answer zone=example. node=""`},
		{"host.example. AAAA", `nodata zone=example. node="\x04host"`},
		{"b.c.example. A", `nodata zone=example. node="\x01b\x01c"`},
		{"missing.example. A", "nxdomain zone=example."},
		{"x.w.example. A", `answer zone=example. node="\x01*\x01w"`},
		{"x.w.example. MX", `nodata zone=example. node="\x01*\x01w"`},
		{"www.sub.example. A", `referral zone=example. node="\x03sub"`},
		{"sub.example. DS", `answer zone=example. node="\x03sub"`},
		{"other.example. A", `answer zone=example. node="\x05other"`}, // NXDOMAIN behind CNAMEs of two zones
		{"loop.example. A", `answer zone=example. node="\x04loop"`},
		{"x.d.example. A", `answer zone=example. node="\x01d"`},
		{"www.second. A", `answer zone=second. node="\x03www"`},
		{"elsewhere. A", "error"},
		{"version.bind. TXT CH", "error"},
		{"host.example. A +edns=1", "error"},
		{"example. AXFR +tcp", "error"},
	} {
		q := parseQuery(t, c.q)
		wire := pack(t, q.msg)
		if got, o := w.Answer(cat, wire, &Source{Via: q.via}, make([]byte, maxMessage)); renderOutcome(o) != c.want {
			t.Errorf("%s: got %s, want %s of\n%x", c.q, renderOutcome(o), c.want, got)
		} else if o.Proven() != (q.via == TCP) || o.Cookie() {
			t.Errorf("%s: outcome %+v", c.q, o)
		}
		if w.res.zone != nil {
			t.Errorf("%s: the worker keeps the zone", c.q)
		}
	}
	// What has no SOA cannot deny.
	broken := parseCatalog(t, "example.", "@ NS ns\n")
	if _, o := w.Answer(broken, pack(t, parseQuery(t, "x.example. A").msg), &Source{}, make([]byte, 512)); renderOutcome(o) != "error zone=example." {
		t.Errorf("got %s", renderOutcome(o))
	}
	// RFC 8914 4.25: invalid data.
	if got, want := dig(t, w, broken, "x.example. A +edns"), "SERVFAIL\nopt 1232 ede=24"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestInstead: an answer can be taken back, and what follows shows nothing of it.
func TestInstead(t *testing.T) {
	cat := packetCatalog(t)
	w := NewWorker(Policy{Identity: Identity{NSID: "x"}})
	for _, c := range []struct{ q, truncated, badCookie string }{
		{"host.example. A", "NOERROR aa tc", ""},
		{"host.example. A +dnssec +rd", "NOERROR aa tc rd\nopt 1232 do", "BADCOOKIE rd\nopt 1232 do"},
		{"missing.example. A +nsid", "NXDOMAIN aa tc\nopt 1232 nsid=78", "BADCOOKIE\nopt 1232 nsid=78"},
		{"www.sub.example. A +edns", "NOERROR tc\nopt 1232", "BADCOOKIE\nopt 1232"},
		{"elsewhere. A +edns", "REFUSED tc\nopt 1232", "BADCOOKIE\nopt 1232"},
		{strings.Repeat("abcdefghi.", 24) + "example. A +edns", "NXDOMAIN aa tc\nopt 1232", "BADCOOKIE\nopt 1232"},
	} {
		t.Run(c.q, func(t *testing.T) {
			query := pack(t, parseQuery(t, c.q).msg)
			buf := make([]byte, 1232)
			check := func(what, want string, instead func(query, answer []byte, o Outcome) ([]byte, Outcome)) {
				answer, o := w.Answer(cat, query, &Source{}, buf)
				kind := o.Kind
				answer, o = instead(query, answer, o)
				if problem := unsound(w, query, answer, UDP); problem != "" {
					t.Fatalf("%s: %s", what, problem)
				}
				m := new(dns.Msg)
				if err := m.Unpack(answer); err != nil {
					t.Fatal(err)
				}
				if got := render(m); got != want {
					t.Errorf("%s: got %q, want %q", what, got, want)
				}
				if len(m.Question) != 1 || m.Rcode != o.Rcode || m.Truncated != o.Truncated() || o.Kind != kind {
					t.Errorf("%s: outcome %+v of\n%v", what, o, m)
				}
				send(t, w, cat, query, UDP) // compares with other ways to answer
			}
			check("truncated", c.truncated, w.Truncate)
			if c.badCookie != "" {
				check("bad cookie", c.badCookie, w.BadCookie)
			}
		})
	}
}
