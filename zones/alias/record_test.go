package alias

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

func TestChanges(t *testing.T) {
	k := New(Options{})
	addr := netip.MustParseAddr
	k.Restore([]State{
		{Target: zones.MustParseName("both."), Answer: Answer{V4: Family{true, []netip.Addr{addr("192.0.2.1"), addr("192.0.2.2")}}, V6: Family{true, []netip.Addr{addr("2001:db8::1")}}}},
		{Target: zones.MustParseName("half."), Answer: Answer{V4: Family{true, []netip.Addr{addr("192.0.2.3")}}}},
	})
	z := zone(t, "example.", "a 60 ALIAS both.\nb ALIAS half.\nc ALIAS none.\nb TXT x\n*.w ALIAS both.\n")
	list := Records(z, nil)
	k.Set(list)
	got, err := z.With(Changes(list, k.Answer))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := zonefile.Write(&out, got, zonefile.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(out.String(), "IN\tNS\tns\n")
	want := "a\t60\tIN\tA\t192.0.2.1\na\t60\tIN\tA\t192.0.2.2\na\t60\tIN\tAAAA\t2001:db8::1\n" +
		"b\t300\tIN\tA\t192.0.2.3\nb\t300\tIN\tTXT\t\"x\"\nb\t300\tIN\tALIAS\thalf.\nc\t300\tIN\tALIAS\tnone.\n" +
		"ns\t300\tIN\tA\t192.0.2.53\n" +
		"*.w\t300\tIN\tA\t192.0.2.1\n*.w\t300\tIN\tA\t192.0.2.2\n*.w\t300\tIN\tAAAA\t2001:db8::1\n"
	if d := cmp.Diff(want, text); d != "" {
		t.Error(d)
	}
}

// From any answer to any other, a zone becomes what it would have become at once.
func TestRecordChanges(t *testing.T) {
	addr := func(list ...string) (f Family) {
		f.Known = true
		for _, a := range list {
			f.Addrs = append(f.Addrs, netip.MustParseAddr(a))
		}
		return f
	}
	answers := []Answer{{}, {V4: addr("192.0.2.1")}, {V6: addr("2001:db8::1")}, {addr("192.0.2.1"), addr()}, {addr("192.0.2.2"), addr("2001:db8::1")}, {addr(), addr("2001:db8::1")}}
	z := zone(t, "example.", "a 60 ALIAS t.test.\na TXT x\n")
	r := Records(z, nil)[0]
	with := func(z *zones.Zone, changes []zones.Change) *zones.Zone {
		t.Helper()
		for _, c := range changes {
			if old, _ := z.RRset(c.Name, c.Type); !old.Equal(c.Old) {
				t.Errorf("%s %s was %v, not %v", c.Name, zones.TypeString(c.Type), old, c.Old)
			}
		}
		next, err := z.With(changes)
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	for _, from := range answers {
		before := with(z, r.Changes(nil, Answer{}, from))
		for _, to := range answers {
			if d := zones.Diff(with(z, r.Changes(nil, Answer{}, to)), with(before, r.Changes(nil, from, to))); len(d) > 0 {
				t.Errorf("%v to %v: %v", from, to, d)
			}
		}
	}
}
