package route53

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	libdns "github.com/libdns/route53"
	"github.com/miekg/dns"

	emulator "github.com/mangrove-dns/mangrove/integration/emulator/route53"
	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// awkward holds every common type, with the values that are known to be mangled on the way.
const awkward = `
@            300 IN A     192.0.2.1
@            300 IN A     192.0.2.2
@            300 IN AAAA  2001:db8::1
@            300 IN MX    10 Mail.example.com.
@            300 IN MX    20 mail2.example.com.
@            300 IN CAA   0 issue "ca.example.net; account=\"1\""
@            300 IN CAA   128 iodef "mailto:a@example.com"
@            300 IN TXT   "v=spf1 -all"
@            300 IN HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.1
*            60  IN A     192.0.2.3
*.deep.w     60  IN CNAME target.example.net.
null         300 IN MX    0 .
empty        300 IN TXT   ""
odd          300 IN TXT   "say \"hi\" \\ ; \195\169\000\255" "" "second"
odd          300 IN TXT   "\\052 is not *"
long         300 IN TXT   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" "yyy"
_sip._tcp    300 IN SRV   0 0 0 .
_xmpp._tcp   300 IN SRV   1 2 5222 Srv.example.com.
svc          300 IN HTTPS 0 other.example.net.
_8443._https.x 300 IN SVCB 16 svc.example.net. port=8443 alpn="h2"
_443._tcp    300 IN TLSA  3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
ssh          300 IN SSHFP 4 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
naptr        300 IN NAPTR 100 10 "u" "E2U+sip" "!^\\+441(.*)$!sip:\\1@example.com!" .
naptr        300 IN NAPTR 200 10 "" "" "" rep.example.com.
sub          300 IN NS    ns.sub
sub          300 IN DS    12345 13 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
ns.sub       300 IN A     192.0.2.4
ptr          300 IN PTR   host.example.com.
dot\.in\@it  300 IN A     192.0.2.5
under_score  0   IN A     192.0.2.6
far          2147483647 IN A 192.0.2.7
`

func parseZone(t *testing.T, text string) []providers.RRset {
	t.Helper()
	p := dns.NewZoneParser(strings.NewReader(text), "example.com.", "")
	var rrs []dns.RR
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		rrs = append(rrs, rr)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	sets, err := zones.FromRRs(rrs)
	if err != nil {
		t.Fatal(err)
	}
	var out []providers.RRset
	for _, s := range sets {
		out = append(out, providers.RRset{RRset: s})
	}
	return out
}

// account is an emulated account with the zone example.com and a driver for it.
func account(t *testing.T, opts emulator.Options) (*emulator.Server, string, *Driver) {
	t.Helper()
	opts.AccessKey, opts.SecretKey = "AKIATEST", "secret"
	s := emulator.New(opts)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	id := s.AddZone("example.com", false)
	return s, id, connect(t, s, "secret", Options{})
}

func connect(t *testing.T, s *emulator.Server, secret string, opts Options) *Driver {
	t.Helper()
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	opts.Endpoint, opts.Nameservers = s.URL(), []string{s.DNSAddr()}
	d, err := New(&libdns.Provider{AccessKeyId: "AKIATEST", SecretAccessKey: secret, MaxRetries: 1}, opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// towards returns what brings a snapshot to the wanted sets; what is not wanted goes, but for the apex's own.
func towards(t *testing.T, d *Driver, snap *providers.Snapshot, wanted []providers.RRset) []providers.Change {
	t.Helper()
	var out []providers.Change
	held := make(map[key]providers.RRset)
	for _, s := range snap.RRsets {
		held[key{s.Name, s.Type}] = s
	}
	for _, w := range wanted {
		p, _, err := d.Project(w)
		if err != nil {
			t.Fatal(err)
		}
		k := key{w.Name, w.Type}
		if !providers.Equal(held[k], p) {
			out = append(out, providers.Change{Name: w.Name, Type: w.Type, Old: held[k], New: p})
		}
		delete(held, k)
	}
	for k, s := range held {
		if k.name != example || k.typ != dns.TypeSOA && k.typ != dns.TypeNS {
			out = append(out, providers.Change{Name: k.name, Type: k.typ, Old: s})
		}
	}
	return out
}

// TestEveryType: the awkward zone goes there, comes back byte for byte, is answered by DNS, and goes again.
func TestEveryType(t *testing.T) {
	s, id, d := account(t, emulator.Options{})
	wanted := parseZone(t, awkward)
	snap := snapshot(t, d)
	if err := d.Apply(t.Context(), example, snap, towards(t, d, snap, wanted)); err != nil {
		t.Fatal(err)
	}
	snap = snapshot(t, d)
	if len(snap.Foreign) > 0 {
		t.Errorf("foreign: %v", snap.Foreign)
	}
	if left := towards(t, d, snap, wanted); len(left) > 0 {
		t.Errorf("planned again: %v", left)
	}
	for _, w := range wanted {
		i := slices.IndexFunc(snap.RRsets, func(r providers.RRset) bool { return r.Name == w.Name && r.Type == w.Type })
		if i < 0 || !snap.RRsets[i].SameData(w.RRset) || snap.RRsets[i].TTL != w.TTL {
			t.Errorf("%s %s is not held byte for byte", w.Name, zones.TypeString(w.Type))
		}
		if w.Name.Within(zones.MustParseName("sub.example.com")) {
			continue // below the cut
		}
		if got := dig(t, s, w.Name.String(), w.Type); !providers.SameData(got, w.RRset) {
			t.Errorf("%s %s: DNS answers\n%s\nwant\n%s", w.Name, zones.TypeString(w.Type), got, w)
		}
	}
	if got := s.Calls("ChangeResourceRecordSets"); got != 1 {
		t.Errorf("%d calls to write, want 1", got)
	}
	if err := d.Apply(t.Context(), example, snap, towards(t, d, snap, nil)); err != nil {
		t.Fatal(err)
	}
	if got := s.RRsets(id); len(got) != 2 {
		t.Errorf("left: %v", got)
	}
}

// dig asks over TCP for one RRset.
func dig(t *testing.T, s *emulator.Server, name string, qtype uint16) zones.RRset {
	t.Helper()
	c := dns.Client{Net: "tcp"}
	m, _, err := c.ExchangeContext(t.Context(), new(dns.Msg).SetQuestion(name, qtype), s.DNSAddr())
	if err != nil {
		t.Fatal(err)
	}
	var rrs []dns.RR
	for _, rr := range m.Answer {
		if rr.Header().Rrtype == qtype {
			rrs = append(rrs, rr)
		}
	}
	sets, err := zones.FromRRs(rrs)
	if err != nil {
		t.Fatal(err)
	}
	if len(sets) != 1 {
		return zones.RRset{}
	}
	return sets[0]
}

// TestManyPagesAndBatches: 700 RRsets are three pages of 300, and 1400 values two batches.
func TestManyPagesAndBatches(t *testing.T) {
	s, _, d := account(t, emulator.Options{})
	var text strings.Builder
	for i := range 700 {
		fmt.Fprintf(&text, "n%d 60 IN A 192.0.2.1\nn%d 60 IN A 192.0.2.2\n", i, i)
	}
	wanted := parseZone(t, text.String())
	snap := snapshot(t, d)
	if err := d.Apply(t.Context(), example, snap, towards(t, d, snap, wanted)); err != nil {
		t.Fatal(err)
	}
	snap = snapshot(t, d)
	if left := towards(t, d, snap, wanted); len(left) > 0 {
		t.Errorf("%d changes are left", len(left))
	}
	if got, want := [2]int{s.Calls("ListResourceRecordSets"), s.Calls("ChangeResourceRecordSets")}, [2]int{4, 2}; got != want {
		t.Errorf("calls: got %v, want %v", got, want)
	}
}

// TestEmulatedFaults: every way that a call can fail has its kind, and nothing is believed.
func TestEmulatedFaults(t *testing.T) {
	change := "x 60 IN A 192.0.2.1"
	for _, c := range []struct {
		effect  emulator.Effect
		kind    error
		applied bool
	}{
		{emulator.Throttle, providers.ErrRateLimited, false},
		{emulator.PriorRequest, providers.ErrRateLimited, false},
		{emulator.InternalError, providers.ErrUnavailable, false},
		{emulator.Unavailable, providers.ErrUnavailable, false},
		{emulator.Reset, providers.ErrUnavailable, false},
		{emulator.ApplyThenError, providers.ErrUnavailable, true},
		{emulator.ApplyThenReset, providers.ErrUnavailable, true},
		{emulator.Garbage, providers.ErrUnavailable, false},
	} {
		s, id, d := account(t, emulator.Options{})
		snap := snapshot(t, d)
		s.Fail("ChangeResourceRecordSets", 1, c.effect)
		changes := towards(t, d, snap, parseZone(t, change))
		if err := d.Apply(t.Context(), example, snap, changes); !errors.Is(err, c.kind) {
			t.Errorf("effect %d: got %v, want %v", c.effect, err, c.kind)
		}
		if got := len(s.RRsets(id)) == 3; got != c.applied {
			t.Errorf("effect %d: applied %v, want %v", c.effect, got, c.applied)
		}
		// The same again does it, or finds it done.
		if err := d.Apply(t.Context(), example, snap, changes); err != nil {
			t.Errorf("effect %d, again: %v", c.effect, err)
		}
		if len(s.RRsets(id)) != 3 {
			t.Errorf("effect %d: holds %v", c.effect, s.RRsets(id))
		}
		if c.effect == emulator.Reset || c.effect == emulator.ApplyThenReset {
			continue // net/http itself repeats a GET whose connection was cut
		}
		s.Fail("ListResourceRecordSets", 1, c.effect)
		if snap, err := d.Snapshot(t.Context(), example); !errors.Is(err, c.kind) {
			t.Errorf("effect %d: read %v, %v", c.effect, snap, err)
		}
	}
}

// TestFlatErrors: both forms in which the service words a refusal are understood.
func TestFlatErrors(t *testing.T) {
	for _, flat := range []bool{false, true} {
		s, id, d := account(t, emulator.Options{FlatBatchErrors: flat})
		snap := snapshot(t, d)
		first := towards(t, d, snap, parseZone(t, "a 60 IN A 192.0.2.1\nb 60 IN CNAME x.example.net."))
		if err := d.Apply(t.Context(), example, snap, first); err != nil {
			t.Fatal(err)
		}
		snap = snapshot(t, d)
		changes := plans(t, snap, "a.example.com. 60 IN A 192.0.2.2", "b.example.com. 60 IN A 192.0.2.2", "c.example.com. 60 IN A 192.0.2.2")
		err := d.Apply(t.Context(), example, snap, changes)
		if diff := cmp.Diff([]string{"b.example.com. A: refused by the provider"}, changeErrors(err)); diff != "" {
			t.Errorf("flat %v: %s%v", flat, diff, err)
		}
		if err == nil || !strings.Contains(err.Error(), "a conflicting RRSet of type CNAME") {
			t.Errorf("flat %v: no reason: %v", flat, err)
		}
		if got := len(s.RRsets(id)); got != 5 {
			t.Errorf("flat %v: holds %d", flat, got)
		}
	}
}

func TestEmulatedCredentials(t *testing.T) {
	s, _, _ := account(t, emulator.Options{})
	if _, err := connect(t, s, "wrong", Options{}).Snapshot(t.Context(), example); !errors.Is(err, providers.ErrAuth) {
		t.Errorf("got %v", err)
	}
	if _, err := connect(t, s, "secret", Options{}).Snapshot(t.Context(), zones.MustParseName("example.org")); !errors.Is(err, providers.ErrZoneNotFound) {
		t.Errorf("got %v", err)
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	d, err := New(&libdns.Provider{}, Options{Endpoint: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Snapshot(t.Context(), example); !errors.Is(err, providers.ErrAuth) {
		t.Errorf("no credentials: got %v", err)
	}
}

// TestHang: a call that hangs ends with its own deadline.
func TestHang(t *testing.T) {
	s, _, _ := account(t, emulator.Options{})
	d := connect(t, s, "secret", Options{CallTimeout: 50 * time.Millisecond})
	s.Fail("", 1, emulator.Hang)
	if _, err := d.Snapshot(t.Context(), example); !errors.Is(err, providers.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	s.SetDark(true)
	if _, err := d.Snapshot(t.Context(), example); !errors.Is(err, providers.ErrUnavailable) {
		t.Errorf("dark: got %v", err)
	}
}
