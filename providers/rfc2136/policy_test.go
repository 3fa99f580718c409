package rfc2136

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	libdns "github.com/libdns/rfc2136"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/providertest"
)

// picky takes every UPDATE but those for which refuse returns true, and keeps what was taken.
type picky struct {
	rcode  int
	refuse func(dns.RR) bool

	mu       sync.Mutex
	messages int
	taken    [][]string // owner and type of each update, by message
}

func (p *picky) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages++
	r := new(dns.Msg)
	r.SetReply(q)
	var did []string
	for _, u := range q.Ns {
		if p.refuse(u) {
			r.Rcode = p.rcode
		}
		label, _, _ := strings.Cut(u.Header().Name, ".")
		did = append(did, label+" "+dns.TypeToString[u.Header().Rrtype])
	}
	if r.Rcode == dns.RcodeSuccess {
		p.taken = append(p.taken, did)
	}
	_ = w.WriteMsg(r)
}

// serve runs a server on loopback until the test ends and returns a driver for it.
func serve(t *testing.T, h dns.Handler) *Driver {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan struct{}), make(chan error, 1)
	s := &dns.Server{Listener: l, Handler: h, NotifyStartedFunc: func() { close(ready) },
		MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }}
	go func() { ended <- s.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() {
		if err := errors.Join(s.Shutdown(), <-ended); err != nil {
			t.Error(err)
		}
	})
	return newDriver(t, &libdns.Provider{Server: l.Addr().String()})
}

// creation is the change that makes a set; health where it begins with "!".
func creation(text string) providers.Change {
	text, health := strings.TrimPrefix(text, "!"), strings.HasPrefix(text, "!")
	s := providertest.Set("example.org", text)
	return providers.Change{Name: s.Name, Type: s.Type, New: s, Health: health}
}

// blamed lists the changes that err names, and sees to it that each wraps all of want.
func blamed(t *testing.T, err error, want ...error) []string {
	t.Helper()
	var out []string
	if err == nil {
		return nil
	}
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		var ce *providers.ChangeError
		if !errors.As(e, &ce) {
			t.Errorf("%v names no change", e)
			continue
		}
		for _, w := range want {
			if !errors.Is(e, w) {
				t.Errorf("%v is no %v", e, w)
			}
		}
		label, _, _ := strings.Cut(ce.Name.String(), ".")
		out = append(out, label+" "+dns.TypeToString[ce.Type])
	}
	return out
}

// TestPolicy: a server that takes no TXT (as BIND's "grant key zonesub A") keeps nothing else from being written.
func TestPolicy(t *testing.T) {
	noTXT := func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeTXT }
	for _, rcode := range []int{dns.RcodeRefused, dns.RcodeFormatError, dns.RcodeNotImplemented} {
		for _, tt := range []struct {
			changes, blamed string
			taken           []string
		}{
			{"x TXT new, !www A 192.0.2.2", "x TXT", []string{"www A"}},
			{"www TXT new, !www A 192.0.2.2", "www TXT", []string{"www A"}},
			{"www TXT new, www A 192.0.2.2, b A 192.0.2.1", "www TXT", []string{"www A", "b A"}},
			{"!www TXT new, !www A 192.0.2.2", "www TXT", []string{"www A"}},
			{"a A 192.0.2.1, b TXT b, !c A 192.0.2.1, d TXT d, e A 192.0.2.1", "b TXT, d TXT", []string{"c A", "a A", "e A"}},
			{"a A 192.0.2.1, !b A 192.0.2.1", "", []string{"b A", "a A"}},
			{"x TXT x", "x TXT", nil},
			{"x TXT x, y TXT y", "x TXT, y TXT", nil},
		} {
			t.Run(dns.RcodeToString[rcode]+" "+tt.changes, func(t *testing.T) {
				p := &picky{rcode: rcode, refuse: noTXT}
				var changes []providers.Change
				for text := range strings.SplitSeq(tt.changes, ", ") {
					changes = append(changes, creation(text))
				}
				want := []error{providers.ErrRefused}
				if rcode == dns.RcodeRefused {
					want = append(want, providers.ErrAuth)
				}
				err := serve(t, p).Apply(t.Context(), zone, nil, changes)
				if got := strings.Join(blamed(t, err, want...), ", "); got != tt.blamed {
					t.Errorf("blamed %s, want %s", got, tt.blamed)
				}
				if diff := cmp.Diff(tt.taken, slices.Concat(p.taken...)); diff != "" {
					t.Errorf("taken (-want +got)\n%s", diff)
				}
			})
		}
	}
}

// TestVerdictsAlone: the server sees verdicts in a message without edits, before them, unless a CNAME binds them.
func TestVerdictsAlone(t *testing.T) {
	p := &picky{refuse: func(dns.RR) bool { return false }}
	gone := creation("c CNAME x")
	gone.Old, gone.New = gone.New, gone.Old
	changes := []providers.Change{creation("www TXT x"), creation("a A 192.0.2.1"), creation("!www A 192.0.2.1"), gone, creation("!c A 192.0.2.1")}
	if err := serve(t, p).Apply(t.Context(), zone, nil, changes); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"c CNAME", "www A", "c A"}, {"www TXT", "a A"}}, p.taken); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestRefusedExchange: changes that a CNAME binds are refused together, and never made in part.
func TestRefusedExchange(t *testing.T) {
	p := &picky{rcode: dns.RcodeRefused, refuse: func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeAAAA }}
	gone := creation("c CNAME x")
	gone.Old, gone.New = gone.New, gone.Old
	err := serve(t, p).Apply(t.Context(), zone, nil, []providers.Change{gone, creation("c A 192.0.2.1"), creation("c AAAA 2001:db8::1"), creation("d A 192.0.2.1")})
	if diff := cmp.Diff([]string{"c CNAME", "c A", "c AAAA"}, blamed(t, err, providers.ErrRefused)); diff != "" {
		t.Errorf("blamed (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"d A"}}, p.taken); diff != "" {
		t.Errorf("taken (-want +got)\n%s", diff)
	}
}

// TestRefusedAltogether: a key that may do nothing costs a bounded number of messages, and nothing is lost from the error.
func TestRefusedAltogether(t *testing.T) {
	p := &picky{rcode: dns.RcodeRefused, refuse: func(dns.RR) bool { return true }}
	var changes []providers.Change
	for i := range 1000 {
		changes = append(changes, creation(fmt.Sprintf("n%d A 192.0.2.1", i)))
	}
	err := serve(t, p).Apply(t.Context(), zone, nil, changes)
	var ce *providers.ChangeError
	if !errors.Is(err, providers.ErrAuth) || !errors.As(err, &ce) || !strings.Contains(err.Error(), "500 changes, of which not all need be meant") {
		t.Errorf("got %v", err)
	}
	if p.messages > 2*maxHalvings+1 {
		t.Errorf("%d messages", p.messages)
	}
}
