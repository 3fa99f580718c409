package route53

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestAnswers(t *testing.T) {
	a := open(t, Options{})
	a.AddZone("private.example.com", true)
	soa := "\n; example.com. 900 IN SOA " + a.NameServers(a.zone)[0] + ". awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
	a.SetAliasTarget("d123.cloudfront.net", "192.0.2.99", "2001:db8::99")
	a.change(t,
		"CREATE www.example.com 300 A 192.0.2.1",
		"CREATE www.example.com 300 TXT \"ex\\344mple\" \"two\"",
		"CREATE c1.example.com 60 CNAME c2.example.com", "CREATE c2.example.com 61 CNAME www.example.com.",
		"CREATE out.example.com 60 CNAME www.example.net", "CREATE dead.example.com 60 CNAME none.example.com",
		"CREATE loop.example.com 60 CNAME loop.example.com",
		"CREATE *.wild.example.com 60 A 192.0.2.7", "CREATE under.*.wild.example.com 60 A 192.0.2.8",
		"CREATE x.deep.ent.example.com 60 A 192.0.2.9",
		"CREATE sub.example.com 60 NS ns.sub.example.com|ns.example.net", "CREATE ns.sub.example.com 60 A 192.0.2.53",
		"CREATE sub.example.com 60 DS 1 8 2 ABCD",
		"CREATE alias.example.com - A + "+aliasTo("Z2FDTNDATAQYW2", "D123.CloudFront.net."),
		"CREATE alias.example.com - AAAA + "+aliasTo("Z2FDTNDATAQYW2", "d123.cloudfront.net"))
	a.change(t, "CREATE inner.example.com - A + "+aliasTo(a.zone, "www.example.com"))
	nx, nodata := "NXDOMAIN aa"+soa, "NOERROR aa"+soa
	for question, want := range map[string]string{
		"www.example.com A":          "NOERROR aa\nwww.example.com. 300 IN A 192.0.2.1",
		"wWw.eXample.com A":          "NOERROR aa\nwww.example.com. 300 IN A 192.0.2.1",
		"www.example.com A tcp":      "NOERROR aa\nwww.example.com. 300 IN A 192.0.2.1",
		"www.example.com TXT":        "NOERROR aa\nwww.example.com. 300 IN TXT \"ex\\228mple\" \"two\"",
		"www.example.com AAAA":       nodata,
		"none.example.com A":         nx,
		"c1.example.com A":           "NOERROR aa\nc1.example.com. 60 IN CNAME c2.example.com.\nc2.example.com. 61 IN CNAME www.example.com.\nwww.example.com. 300 IN A 192.0.2.1",
		"c1.example.com CNAME":       "NOERROR aa\nc1.example.com. 60 IN CNAME c2.example.com.",
		"out.example.com A":          "NOERROR aa\nout.example.com. 60 IN CNAME www.example.net.",
		"dead.example.com A":         "NXDOMAIN aa\ndead.example.com. 60 IN CNAME none.example.com." + soa,
		"a.wild.example.com A":       "NOERROR aa\na.wild.example.com. 60 IN A 192.0.2.7",
		"a.b.wild.example.com A":     "NOERROR aa\na.b.wild.example.com. 60 IN A 192.0.2.7",
		"a.wild.example.com MX":      nodata,
		"*.wild.example.com A":       "NOERROR aa\n*.wild.example.com. 60 IN A 192.0.2.7",
		"wild.example.com A":         nodata,
		"under.*.wild.example.com A": "NOERROR aa\nunder.*.wild.example.com. 60 IN A 192.0.2.8",
		"not.*.wild.example.com A":   nx,
		"ent.example.com A":          nodata,
		"deep.ent.example.com A":     nodata,
		"host.sub.example.com A":     "NOERROR\n; sub.example.com. 60 IN NS ns.sub.example.com.\n; sub.example.com. 60 IN NS ns.example.net.\n; sub.example.com. 60 IN DS 1 8 2 ABCD\n; ns.sub.example.com. 60 IN A 192.0.2.53",
		"sub.example.com DS":         "NOERROR aa\nsub.example.com. 60 IN DS 1 8 2 ABCD",
		"alias.example.com A":        "NOERROR aa\nalias.example.com. 60 IN A 192.0.2.99",
		"alias.example.com AAAA":     "NOERROR aa\nalias.example.com. 60 IN AAAA 2001:db8::99",
		"inner.example.com A":        "NOERROR aa\ninner.example.com. 300 IN A 192.0.2.1",
		"www.example.org A":          "REFUSED",
		"host.private.example.com A": nx, // private zones are not public: the parent answers
		"example.com AXFR tcp":       "REFUSED",
		"example.com SOA":            "NOERROR aa\n" + soa[3:],
	} {
		t.Run(question, func(t *testing.T) {
			if got := a.dig(t, question); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	if got := a.dig(t, "loop.example.com A"); strings.Count(got, "CNAME") != maxChain {
		t.Errorf("loop: got %s", got)
	}
}

func TestRoutingPolicies(t *testing.T) {
	a := open(t, Options{})
	policy := func(name, value, id, rest string) string {
		return fmt.Sprintf("CREATE %s.example.com 60 A %s + <SetIdentifier>%s</SetIdentifier>%s", name, value, id, rest)
	}
	check := func(id string) string { return "<HealthCheckId>" + id + "</HealthCheckId>" }
	a.change(t,
		policy("w", "192.0.2.1", "a", "<Weight>3</Weight>"), policy("w", "192.0.2.2", "b", "<Weight>1</Weight>"), policy("w", "192.0.2.3", "c", "<Weight>0</Weight>"),
		policy("f", "192.0.2.1", "p", "<Failover>PRIMARY</Failover>"+check("one")), policy("f", "192.0.2.2", "s", "<Failover>SECONDARY</Failover>"),
		policy("m", "192.0.2.1", "a", "<MultiValueAnswer>true</MultiValueAnswer>"+check("one")),
		policy("m", "192.0.2.2", "b", "<MultiValueAnswer>true</MultiValueAnswer>"+check("two")),
		policy("g", "192.0.2.1", "de", "<GeoLocation><CountryCode>DE</CountryCode></GeoLocation>"),
		policy("g", "192.0.2.2", "all", "<GeoLocation><CountryCode>*</CountryCode></GeoLocation>"))
	tally := func(name string) string {
		seen := map[string]int{}
		for range 4 {
			answer := a.dig(t, name+".example.com A")
			for _, line := range strings.Split(answer, "\n")[1:] {
				seen[strings.Fields(line)[4]]++
			}
		}
		return fmt.Sprint(seen)
	}
	for _, c := range []struct{ sick, name, want string }{
		{"", "w", "map[192.0.2.1:3 192.0.2.2:1]"},
		{"", "f", "map[192.0.2.1:4]"},
		{"", "m", "map[192.0.2.1:4 192.0.2.2:4]"},
		{"", "g", "map[192.0.2.2:4]"},
		{"one", "f", "map[192.0.2.2:4]"},
		{"one", "m", "map[192.0.2.2:4]"},
		{"one two", "m", "map[192.0.2.1:4 192.0.2.2:4]"},
	} {
		for id := range strings.FieldsSeq(c.sick) {
			a.SetHealth(id, false)
		}
		if got := tally(c.name); got != c.want {
			t.Errorf("%s with %q down: got %s, want %s", c.name, c.sick, got, c.want)
		}
	}
}

func TestTruncation(t *testing.T) {
	a := open(t, Options{})
	values := ""
	for i := range 60 {
		values += fmt.Sprintf("192.0.2.%d|", i)
	}
	a.change(t, "CREATE big.example.com 60 A "+strings.TrimSuffix(values, "|"))
	if got := a.dig(t, "big.example.com A"); !strings.HasPrefix(got, "NOERROR aa tc") {
		t.Errorf("UDP: got %s", got)
	}
	if got := a.dig(t, "big.example.com A tcp"); strings.Count(got, "\n") != 60 {
		t.Errorf("TCP: got %d records", strings.Count(got, "\n"))
	}
}

func TestOddQueries(t *testing.T) {
	s := New(Options{})
	s.AddZone("example.com", false)
	query := func(f func(*dns.Msg)) *dns.Msg {
		m := new(dns.Msg)
		m.SetQuestion("example.com.", dns.TypeSOA)
		f(m)
		return s.reply(m)
	}
	if got := query(func(m *dns.Msg) { m.Response = true }); got != nil {
		t.Errorf("answered a response: %v", got)
	}
	for name, c := range map[string]struct {
		edit func(*dns.Msg)
		want int
	}{
		"opcode":       {func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate }, dns.RcodeNotImplemented},
		"no question":  {func(m *dns.Msg) { m.Question = nil }, dns.RcodeFormatError},
		"chaos":        {func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }, dns.RcodeRefused},
		"edns":         {func(m *dns.Msg) { m.SetEdns0(4096, true) }, dns.RcodeSuccess},
		"ordinary one": {func(*dns.Msg) {}, dns.RcodeSuccess},
	} {
		got := query(c.edit)
		if got.Rcode != c.want || !got.Response {
			t.Errorf("%s: got %v, want %s", name, got, dns.RcodeToString[c.want])
		}
		if (got.IsEdns0() != nil) != (name == "edns") {
			t.Errorf("%s: EDNS in %v", name, got)
		}
	}
}
