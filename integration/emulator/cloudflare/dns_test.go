package cloudflare_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mangrove-dns/mangrove/integration/emulator/cloudflare"
	"github.com/miekg/dns"
)

func ask(t *testing.T, e *cloudflare.Endpoint, network, name string, qtype uint16) *dns.Msg {
	t.Helper()
	c := &dns.Client{Net: network}
	q := new(dns.Msg).SetQuestion(name, qtype)
	m, _, err := c.ExchangeContext(t.Context(), q, e.DNS)
	if err != nil {
		t.Fatalf("%s %s: %v", name, dns.TypeToString[qtype], err)
	}
	return m
}

// lines shows rcode, flags and sections in short.
func lines(m *dns.Msg) []string {
	out := []string{dns.RcodeToString[m.Rcode]}
	if m.Authoritative {
		out[0] += " aa"
	}
	var rest []string
	for _, rr := range m.Answer {
		rest = append(rest, strings.Join(strings.Fields(rr.String()), " "))
	}
	slices.Sort(rest)
	out = append(out, rest...)
	for _, rr := range m.Ns {
		out = append(out, "ns "+dns.TypeToString[rr.Header().Rrtype])
	}
	for _, rr := range m.Extra {
		out = append(out, "glue "+rr.Header().Name)
	}
	return out
}

func TestDNSAnswers(t *testing.T) {
	s, _ := with(t, cloudflare.Options{Resolve: func(name string, qtype uint16) []netip.Addr {
		if name == "far.example.net." && qtype == dns.TypeA {
			return []netip.Addr{netip.MustParseAddr("198.51.100.1")}
		}
		return nil
	}},
		`{"type":"CNAME","name":"@","content":"far.example.net","ttl":120}`,
		`{"type":"MX","name":"@","content":".","priority":0}`,
		`{"type":"NS","name":"@","content":"ns.elsewhere.example"}`,
		`{"type":"A","name":"a","content":"192.0.2.1","ttl":60}`,
		`{"type":"A","name":"a","content":"192.0.2.2"}`,
		`{"type":"CNAME","name":"c","content":"a.example.com","ttl":600}`,
		`{"type":"TXT","name":"c","content":"hidden"}`,
		`{"type":"A","name":"p","content":"192.0.2.3","proxied":true}`,
		`{"type":"TXT","name":"p","content":"\"one\" \"two\""}`,
		`{"type":"CNAME","name":"pc","content":"a.example.com","proxied":true}`,
		`{"type":"A","name":"*.w","content":"192.0.2.4"}`,
		`{"type":"A","name":"deep.ent","content":"192.0.2.5"}`,
		`{"type":"NS","name":"sub","content":"ns.sub.example.com"}`,
		`{"type":"DS","name":"sub","data":{"key_tag":1,"algorithm":13,"digest_type":2,"digest":"abcd"}}`,
		`{"type":"A","name":"ns.sub","content":"192.0.2.6"}`,
		`{"type":"HTTPS","name":"h","data":{"priority":1,"target":".","value":"alpn=h2"}}`,
	)
	s.AddZone("pending.example")
	s.SetZoneStatus("pending.example", "pending")
	e := listen(t, s)
	for _, c := range []struct {
		name  string
		qtype uint16
		want  []string
	}{
		{"A.example.com.", dns.TypeA, []string{"NOERROR aa", "A.example.com. 300 IN A 192.0.2.2", "A.example.com. 60 IN A 192.0.2.1"}},
		{"a.example.com.", dns.TypeAAAA, []string{"NOERROR aa", "ns SOA"}},
		{"none.example.com.", dns.TypeA, []string{"NXDOMAIN aa", "ns SOA"}},
		{"ent.example.com.", dns.TypeA, []string{"NOERROR aa", "ns SOA"}},
		{"example.com.", dns.TypeA, []string{"NOERROR aa", "example.com. 120 IN A 198.51.100.1"}},
		{"example.com.", dns.TypeCNAME, []string{"NOERROR aa", "ns SOA"}},
		{"example.com.", dns.TypeMX, []string{"NOERROR aa", "example.com. 300 IN MX 0 ."}},
		{"example.com.", dns.TypeNS, []string{"NOERROR aa", "example.com. 86400 IN NS ada.ns.cloudflare.com.", "example.com. 86400 IN NS bob.ns.cloudflare.com."}},
		{"c.example.com.", dns.TypeA, []string{"NOERROR aa", "a.example.com. 300 IN A 192.0.2.2", "a.example.com. 60 IN A 192.0.2.1", "c.example.com. 600 IN CNAME a.example.com."}},
		{"c.example.com.", dns.TypeTXT, []string{"NOERROR aa", "c.example.com. 600 IN CNAME a.example.com.", "ns SOA"}},
		{"c.example.com.", dns.TypeCNAME, []string{"NOERROR aa", "c.example.com. 600 IN CNAME a.example.com."}},
		{"p.example.com.", dns.TypeA, []string{"NOERROR aa", "p.example.com. 300 IN A 104.16.0.1", "p.example.com. 300 IN A 104.17.0.1"}},
		{"p.example.com.", dns.TypeAAAA, []string{"NOERROR aa", "p.example.com. 300 IN AAAA 2606:4700::6810:1", "p.example.com. 300 IN AAAA 2606:4700::6811:1"}},
		{"p.example.com.", dns.TypeTXT, []string{"NOERROR aa", `p.example.com. 300 IN TXT "one" "two"`}},
		{"pc.example.com.", dns.TypeA, []string{"NOERROR aa", "pc.example.com. 300 IN A 104.16.0.1", "pc.example.com. 300 IN A 104.17.0.1"}},
		{"x.y.w.example.com.", dns.TypeA, []string{"NOERROR aa", "x.y.w.example.com. 300 IN A 192.0.2.4"}},
		{"x.sub.example.com.", dns.TypeA, []string{"NOERROR", "ns NS", "glue ns.sub.example.com."}},
		{"sub.example.com.", dns.TypeDS, []string{"NOERROR aa", "sub.example.com. 300 IN DS 1 13 2 ABCD"}},
		{"h.example.com.", dns.TypeHTTPS, []string{"NOERROR aa", `h.example.com. 300 IN HTTPS 1 . alpn="h2"`}},
		{"a.example.com.", dns.TypeANY, []string{"NOERROR aa", `a.example.com. 3789 IN HINFO "RFC8482" ""`}},
		{"example.com.", dns.TypeAXFR, []string{"REFUSED"}},
		{"example.org.", dns.TypeA, []string{"REFUSED"}},
		{"pending.example.", dns.TypeSOA, []string{"REFUSED"}},
	} {
		for _, network := range []string{"udp", "tcp"} {
			if diff := cmp.Diff(c.want, lines(ask(t, e, network, c.name, c.qtype))); diff != "" {
				t.Errorf("%s %s %s (-want +got):\n%s", network, c.name, dns.TypeToString[c.qtype], diff)
			}
		}
	}
	if got, want := s.DNSQueries("ent.example.com", dns.TypeA), 2; got != want {
		t.Errorf("counted %d queries, want %d", got, want)
	}
}

func TestDNSTruncates(t *testing.T) {
	s, _ := with(t, cloudflare.Options{}, `{"type":"TXT","name":"x","content":"`+strings.Repeat("x", 1000)+`"}`)
	e := listen(t, s)
	if m := ask(t, e, "udp", "x.example.com.", dns.TypeTXT); !m.Truncated {
		t.Error("not truncated over UDP")
	}
	if m := ask(t, e, "tcp", "x.example.com.", dns.TypeTXT); m.Truncated || len(m.Answer) != 1 {
		t.Errorf("over TCP: %v", m)
	}
}

func TestPropagation(t *testing.T) {
	s, _ := with(t, cloudflare.Options{}, `{"type":"A","name":"a","content":"192.0.2.1"}`)
	e := listen(t, s)
	id := s.Records("example.com")[0].ID
	shown := func() string {
		return ask(t, e, "udp", "a.example.com.", dns.TypeA).Answer[0].(*dns.A).A.String()
	}
	s.SetPropagation(2)
	if _, err := s.Update("example.com", id, map[string]any{"content": "192.0.2.2"}); err != nil {
		t.Fatal(err)
	}
	if got, want := []string{shown(), shown(), shown()}, []string{"192.0.2.1", "192.0.2.2", "192.0.2.2"}; !cmp.Equal(got, want) {
		t.Errorf("by queries: got %v, want %v", got, want)
	}
	s.SetPropagation(-1)
	if _, err := s.Update("example.com", id, map[string]any{"content": "192.0.2.3"}); err != nil {
		t.Fatal(err)
	}
	got := []string{shown(), shown()}
	s.Propagate()
	if got, want := append(got, shown()), []string{"192.0.2.2", "192.0.2.2", "192.0.2.3"}; !cmp.Equal(got, want) {
		t.Errorf("by Propagate: got %v, want %v", got, want)
	}
}
