package main

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// message makes an answer from sections of records in presentation form, separated by " | ".
func message(t *testing.T, rcode int, aa bool, answer, ns, extra string) *dns.Msg {
	t.Helper()
	m := &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: rcode, Authoritative: aa}}
	for i, section := range []string{answer, ns, extra} {
		for text := range strings.SplitSeq(section, " | ") {
			if text == "" {
				continue
			}
			rr, err := dns.NewRR(text)
			if err != nil {
				t.Fatal(err)
			}
			*[]*[]dns.RR{&m.Answer, &m.Ns, &m.Extra}[i] = append(*[]*[]dns.RR{&m.Answer, &m.Ns, &m.Extra}[i], rr)
		}
	}
	return m
}

func TestCompare(t *testing.T) {
	const (
		a    = "h.test. 3600 IN A 10.0.0.1"
		soa  = "test. 300 IN SOA ns1.test. host.test. 1 2 3 4 5"
		nsec = "a.test. 300 IN NSEC b.test. A"
		sig  = "test. 300 IN RRSIG SOA 13 1 300 20300101000000 20200101000000 1 test. AAAA"
		cut  = "d.test. 3600 IN NS ns1.d.test. | d.test. 3600 IN NS ns2.d.test."
		glue = "ns2.d.test. 3600 IN A 10.0.0.2"
	)
	hit, miss, referral := expect{answer: []string{a}}, expect{rcode: dns.RcodeNameError}, expect{cut: "d.test"}
	for _, c := range []struct {
		name              string
		want              expect
		do                bool
		rcode             int
		aa                bool
		answer, ns, extra string
		wrong             string
	}{
		{"hit", hit, false, 0, true, a, "", "", ""},
		{"hit in capitals", hit, false, 0, true, strings.Replace(a, "h.test", "H.test", 1), "", "", ""},
		{"another address", hit, false, 0, true, "h.test. 3600 IN A 10.0.0.2", "", "", "answer"},
		{"another TTL", hit, false, 0, true, "h.test. 60 IN A 10.0.0.1", "", "", "answer"},
		{"too much", hit, false, 0, true, a + " | h.test. 3600 IN A 10.0.0.2", "", "", "answer"},
		{"not authoritative", hit, false, 0, false, a, "", "", "AA is false"},
		{"refused", hit, false, dns.RcodeRefused, false, "", "", "", "REFUSED"},
		{"unsigned", hit, true, 0, true, a, "", "", "0 signatures"},
		{"nxdomain", miss, false, dns.RcodeNameError, true, "", soa, "", ""},
		{"nxdomain without SOA", miss, false, dns.RcodeNameError, true, "", "", "", "0 SOA"},
		{"nxdomain without denial", miss, true, dns.RcodeNameError, true, "", soa + " | " + sig, "", "no denial"},
		{"nxdomain with denial", miss, true, dns.RcodeNameError, true, "", soa + " | " + sig + " | " + nsec + " | " + sig, "", ""},
		{"referral", referral, false, 0, false, "", cut, glue, ""},
		{"referral with AA", referral, false, 0, true, "", cut, glue, "AA is true"},
		{"referral without glue", referral, false, 0, false, "", cut, "", "without glue"},
		{"half a referral", referral, false, 0, false, "", "d.test. 3600 IN NS ns1.d.test.", glue, "1 NS"},
	} {
		check := check{expect: c.want}
		err := check.compare(message(t, c.rcode, c.aa, c.answer, c.ns, c.extra), c.do)
		switch {
		case err == nil && c.wrong != "":
			t.Errorf("%s: no error, want %q", c.name, c.wrong)
		case err != nil && (c.wrong == "" || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s: %v, want %q", c.name, err, c.wrong)
		}
	}
}
