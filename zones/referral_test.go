package zones

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// referralOf returns the records that the prepared referral of the cut at name holds, as lines; nil where it has none.
func referralOf(t *testing.T, z *Zone, name string) []string {
	t.Helper()
	wire := wireOf("a." + name)
	var k Key
	k.Parse(wire, 0)
	f := z.Find(&k)
	if f.Kind != KindCut {
		t.Fatalf("%s is no cut", name)
	}
	ns, r, ok := z.Delegation(f.Cover)
	if !ok || ns.Type != dns.TypeNS {
		t.Fatalf("%s: got %v, want its NS set", name, ns)
	}
	msg := make([]byte, 700)
	at := 12 + copy(msg[12:], wire)
	at += copy(msg[at:], []byte{0, 1, 0, 1})
	end, servers, glue, ok := r.Put(msg, at, 12+k.Offset(f.CoverLabels))
	if !ok {
		return nil
	}
	if _, _, _, ok := r.Put(msg[:end-1], at, 14); ok {
		t.Errorf("%s: it does not fit, but was written", name)
	}
	msg[5], msg[9], msg[11] = 1, byte(servers), byte(glue)
	var m dns.Msg
	if err := m.Unpack(msg[:end]); err != nil {
		t.Fatalf("%s: %v in %x", name, err, msg[:end])
	}
	var got []string
	for _, rr := range append(m.Ns, m.Extra...) {
		got = append(got, rr.String())
	}
	return got
}

func referralZone(t *testing.T, lines ...string) *Zone {
	t.Helper()
	b := NewBuilder(MustParseName("example.com."))
	addApex(b, b.origin)
	for i := range 500 { // too large to be built again at each change
		lines = append(lines, fmt.Sprintf("host%d.example.com. 60 IN A 192.0.2.1", i))
	}
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		data, err := Rdata(rr)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.Add(MustParseName(rr.Header().Name), rr.Header().Rrtype, rr.Header().Ttl, data); err != nil {
			t.Fatal(err)
		}
	}
	return b.Zone()
}

func TestReferral(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"two servers", []string{
			"sub.example.com. 60 IN NS ns1.sub.example.com.", "sub.example.com. 60 IN NS ns2.sub.example.com.",
			"ns1.sub.example.com. 30 IN AAAA 2001:db8::1", "ns1.sub.example.com. 20 IN A 192.0.2.1", "ns1.sub.example.com. 9 IN TXT x",
			"ns2.sub.example.com. 10 IN A 192.0.2.2", "ns2.sub.example.com. 10 IN A 192.0.2.3",
		}, []string{
			"sub.example.com.\t60\tIN\tNS\tns1.sub.example.com.", "sub.example.com.\t60\tIN\tNS\tns2.sub.example.com.",
			"ns1.sub.example.com.\t20\tIN\tA\t192.0.2.1", "ns1.sub.example.com.\t30\tIN\tAAAA\t2001:db8::1",
			"ns2.sub.example.com.\t10\tIN\tA\t192.0.2.2", "ns2.sub.example.com.\t10\tIN\tA\t192.0.2.3",
		}},
		{"names that share", []string{
			"sub.example.com. 60 IN NS Sub.Example.com.", "sub.example.com. 60 IN NS ns.provider.net.",
			"sub.example.com. 60 IN NS a.NS.provider.net.", "sub.example.com. 60 IN NS other.provider.net.",
			"sub.example.com. 60 IN NS x.y.com.", "sub.example.com. 60 IN A 192.0.2.1", "sub.example.com. 60 IN NS .",
		}, []string{
			"sub.example.com.\t60\tIN\tNS\tsub.example.com.", "sub.example.com.\t60\tIN\tNS\tns.provider.net.",
			"sub.example.com.\t60\tIN\tNS\ta.ns.provider.net.", "sub.example.com.\t60\tIN\tNS\tother.provider.net.",
			"sub.example.com.\t60\tIN\tNS\tx.y.com.", "sub.example.com.\t60\tIN\tNS\t.", "sub.example.com.\t60\tIN\tA\t192.0.2.1",
		}},
		{"a sibling", []string{
			"sub.example.com. 60 IN NS ns1.sub.example.com.", "sub.example.com. 60 IN NS host1.example.com.", "ns1.sub.example.com. 60 IN A 192.0.2.1",
		}, nil},
		{"no glue", []string{"sub.example.com. 60 IN NS ns1.sub.example.com."}, nil},
		{"elsewhere", []string{"sub.example.com. 60 IN NS ns.provider.net."}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := referralOf(t, referralZone(t, c.lines...), "sub.example.com.")
			if d := cmp.Diff(strings.ToLower(strings.Join(c.want, "\n")), strings.ToLower(strings.Join(got, "\n"))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestReferralTooLarge(t *testing.T) {
	lines := []string{"sub.example.com. 60 IN NS ns1.sub.example.com."}
	for i := range 40 {
		lines = append(lines, fmt.Sprintf("ns1.sub.example.com. 60 IN A 192.0.2.%d", i))
	}
	if got := referralOf(t, referralZone(t, lines...), "sub.example.com."); got != nil {
		t.Errorf("got %d records, want none prepared", len(got))
	}
}

// TestReferralChanged: what an overlay changed below a delegation is never missing from a referral.
func TestReferralChanged(t *testing.T) {
	z := referralZone(t, "sub.example.com. 60 IN NS ns1.sub.example.com.", "sub.example.com. 60 IN NS ns2.sub.example.com.",
		"ns1.sub.example.com. 60 IN A 192.0.2.1")
	servers := []string{"sub.example.com.\t60\tIN\tNS\tns1.sub.example.com.", "sub.example.com.\t60\tIN\tNS\tns2.sub.example.com."}
	old := append(servers, "ns1.sub.example.com.\t60\tIN\tA\t192.0.2.1")
	ns1 := MustParseName("ns1.sub.example.com.")
	for _, c := range []struct {
		name      string
		change    Change
		want      []string // of the overlaid zone
		compacted []string
	}{
		{"beside", change(t, "host1.example.com. 60 IN A 192.0.2.9"), old, old},
		{"at the cut", change(t, "sub.example.com. 60 IN DS 1 8 2 "+fmt.Sprintf("%064d", 0)), old, old},
		{"an address", change(t, "ns1.sub.example.com. 60 IN A 192.0.2.9"), nil,
			append(servers[:2:2], "ns1.sub.example.com.\t60\tIN\tA\t192.0.2.9")},
		{"an address more", change(t, "ns2.sub.example.com. 60 IN AAAA 2001:db8::9"), nil,
			append(old[:3:3], "ns2.sub.example.com.\t60\tIN\tAAAA\t2001:db8::9")},
		{"an address less", Change{Name: ns1, Type: dns.TypeA}, nil, nil},
		{"the servers", change(t, "sub.example.com. 60 IN NS ns1.sub.example.com."), nil, []string{servers[0], old[2]}},
		{"a cut above another", change(t, "host2.example.com. 60 IN NS ns.provider.net."), nil, old},
	} {
		t.Run(c.name, func(t *testing.T) {
			next, err := z.With([]Change{c.change})
			if err != nil || next.over == nil {
				t.Fatal(err, next.over)
			}
			if d := cmp.Diff(c.want, referralOf(t, next, "sub.example.com.")); d != "" {
				t.Error(d)
			}
			later, err := next.With([]Change{change(t, "host9.example.com. 60 IN A 192.0.2.9")})
			if err != nil {
				t.Fatal(err)
			}
			later.setOverlay(later.over.compact(later.hash))
			if d := cmp.Diff(c.want, referralOf(t, later, "sub.example.com.")); d != "" {
				t.Error("later:", d)
			}
			if d := cmp.Diff(c.compacted, referralOf(t, next.Compact(), "sub.example.com.")); d != "" {
				t.Error("compacted:", d)
			}
			if d := cmp.Diff(old, referralOf(t, z, "sub.example.com.")); d != "" {
				t.Error("before:", d)
			}
		})
	}
}

// TestReferralChangedAtCut: a server may have the name of the cut itself, whose addresses are glue beside the NS records.
func TestReferralChangedAtCut(t *testing.T) {
	z := referralZone(t, "sub.example.com. 60 IN NS sub.example.com.", "sub.example.com. 60 IN A 192.0.2.1",
		"sub.example.com. 60 IN AAAA 2001:db8::1", "sub.example.com. 60 IN DS 1 8 2 00")
	sub := MustParseName("sub.example.com.")
	ns, a, aaaa := "sub.example.com.\t60\tIN\tNS\tsub.example.com.", "sub.example.com.\t60\tIN\tA\t192.0.2.1", "sub.example.com.\t60\tIN\tAAAA\t2001:db8::1"
	for _, c := range []struct {
		name            string
		change          Change
		want, compacted []string
	}{
		{"another address", change(t, "sub.example.com. 60 IN A 192.0.2.9"), nil, []string{ns, "sub.example.com.\t60\tIN\tA\t192.0.2.9", aaaa}},
		{"an address less", Change{Name: sub, Type: dns.TypeA}, nil, []string{ns, aaaa}},
		{"another of IPv6", change(t, "sub.example.com. 60 IN AAAA 2001:db8::9"), nil, []string{ns, a, "sub.example.com.\t60\tIN\tAAAA\t2001:db8::9"}},
		{"no DS", Change{Name: sub, Type: dns.TypeDS}, []string{ns, a, aaaa}, []string{ns, a, aaaa}},
	} {
		t.Run(c.name, func(t *testing.T) {
			next, err := z.With([]Change{c.change})
			if err != nil || next.over == nil {
				t.Fatal(err, next.over)
			}
			if d := cmp.Diff(c.want, referralOf(t, next, "sub.example.com.")); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(c.compacted, referralOf(t, next.Compact(), "sub.example.com.")); d != "" {
				t.Error("compacted:", d)
			}
		})
	}
}
