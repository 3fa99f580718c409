package demodns

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

const key, secret = "demo.", "c2VjcmV0IG9mIHRoZSBkZW1v"

func start(t *testing.T) (*Server, string) {
	t.Helper()
	s := New("example.com", key, secret)
	addr, serve, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, addr
}

func send(addr string, m *dns.Msg, signed bool) (*dns.Msg, error) {
	c := &dns.Client{Net: "tcp", Timeout: 5 * time.Second, TsigSecret: map[string]string{key: secret}}
	if signed {
		m.SetTsig(key, dns.HmacSHA256, 300, time.Now().Unix())
	}
	r, _, err := c.Exchange(m, addr)
	return r, err
}

func rr(t *testing.T, s string) dns.RR {
	t.Helper()
	out, err := dns.NewRR(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func query(t *testing.T, addr, name string) string {
	t.Helper()
	r, err := send(addr, new(dns.Msg).SetQuestion(name, dns.TypeA), false)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{dns.RcodeToString[r.Rcode]}
	for _, a := range r.Answer {
		out = append(out, fmt.Sprint(a.(*dns.A).A, "/", a.Header().Ttl))
	}
	return strings.Join(out, " ")
}

func TestUpdateTransferAnswer(t *testing.T) {
	s, addr := start(t)
	const www = "www.example.com. 60 IN A 192.0.2."
	update := func(edit func(m *dns.Msg)) *dns.Msg {
		m := new(dns.Msg).SetUpdate("example.com.")
		edit(m)
		return m
	}
	for _, c := range []struct {
		name   string
		edit   func(m *dns.Msg)
		rcode  int
		answer string
	}{
		{"both come", func(m *dns.Msg) { m.Insert([]dns.RR{rr(t, www+"1"), rr(t, www+"2")}) }, dns.RcodeSuccess, "NOERROR 192.0.2.1/60 192.0.2.2/60"},
		{"one goes", func(m *dns.Msg) { m.Remove([]dns.RR{rr(t, www+"1")}) }, dns.RcodeSuccess, "NOERROR 192.0.2.2/60"},
		{"prerequisite that does not hold", func(m *dns.Msg) {
			m.Used([]dns.RR{rr(t, www+"1")})
			m.RemoveRRset([]dns.RR{rr(t, www+"2")})
		}, dns.RcodeNXRrset, "NOERROR 192.0.2.2/60"},
		{"prerequisite that holds", func(m *dns.Msg) {
			m.Used([]dns.RR{rr(t, www+"2")})
			m.RemoveRRset([]dns.RR{rr(t, www+"2")})
			m.Insert([]dns.RR{rr(t, "www.example.com. 30 IN A 192.0.2.3")})
		}, dns.RcodeSuccess, "NOERROR 192.0.2.3/30"},
		{"must not be there, and is", func(m *dns.Msg) { m.RRsetNotUsed([]dns.RR{rr(t, www+"3")}) }, dns.RcodeYXRrset, "NOERROR 192.0.2.3/30"},
		{"outside the zone", func(m *dns.Msg) { m.Insert([]dns.RR{rr(t, "www.example.org. 60 IN A 192.0.2.1")}) }, dns.RcodeNotZone, "NOERROR 192.0.2.3/30"},
	} {
		r, err := send(addr, update(c.edit), true)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if r.Rcode != c.rcode {
			t.Errorf("%s: got %s, want %s", c.name, dns.RcodeToString[r.Rcode], dns.RcodeToString[c.rcode])
		}
		if got := query(t, addr, "www.example.com."); got != c.answer {
			t.Errorf("%s: got %s, want %s", c.name, got, c.answer)
		}
	}
	if got := query(t, addr, "nope.example.com."); got != "NXDOMAIN" {
		t.Errorf("missing name: got %s", got)
	}

	if r, err := send(addr, update(func(m *dns.Msg) { m.RemoveName([]dns.RR{rr(t, www+"3")}) }), false); err != nil || r.Rcode != dns.RcodeNotAuth {
		t.Errorf("unsigned update: got %v, %v, want NOTAUTH", r, err)
	}

	var got []string
	axfr := new(dns.Msg).SetAxfr("example.com.")
	axfr.SetTsig(key, dns.HmacSHA256, 300, time.Now().Unix())
	envelopes, err := (&dns.Transfer{TsigSecret: map[string]string{key: secret}}).In(axfr, addr)
	if err != nil {
		t.Fatal(err)
	}
	for e := range envelopes {
		if e.Error != nil {
			t.Fatal(e.Error)
		}
		for _, r := range e.RR {
			got = append(got, strings.Join(strings.Fields(r.String()), " "))
		}
	}
	soa := "example.com. 3600 IN SOA ns1.other.example. hostmaster.other.example. 4 3600 600 1209600 60"
	if d := cmp.Diff([]string{soa, "www.example.com. 30 IN A 192.0.2.3", soa}, got); d != "" {
		t.Error(d)
	}
	if s.Updates() != 3 {
		t.Errorf("%d updates, want 3", s.Updates())
	}
}

func TestDark(t *testing.T) {
	s, addr := start(t)
	s.SetDark(true)
	if _, err := send(addr, new(dns.Msg).SetUpdate("example.com."), true); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("update in the dark: got %v, want a closed connection", err)
	}
	if got := query(t, addr, "example.com."); got != "NOERROR" {
		t.Errorf("question in the dark: got %s", got)
	}
	s.SetDark(false)
	if r, err := send(addr, new(dns.Msg).SetUpdate("example.com."), true); err != nil || r.Rcode != dns.RcodeSuccess {
		t.Errorf("update after the dark: got %v, %v", r, err)
	}
}
