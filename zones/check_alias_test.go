package zones_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

func TestCheckALIAS(t *testing.T) {
	const apex = "$TTL 300\n@ IN SOA ns.example.net. h.example.net. 1 3600 600 1209600 60\n  IN NS ns.example.net.\n"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"apex, wildcard and below", "@ IN ALIAS lb.example.net.\n*.w IN ALIAS lb.example.net.\nx IN ALIAS lb.example.net.\nx IN MX 10 @", nil},
		{"TTL of an hour", "x 3600 IN ALIAS lb.example.net.", nil},
		{"TTL of more", "x 3601 IN ALIAS lb.example.net.", []string{
			"z:4:1: warning: x.example.org. ALIAS has the TTL 3601, and for so long resolvers keep addresses that the target may have left; give it 3600 at most"}},
		{"beside addresses", "x IN ALIAS lb.example.net.\nx IN A 192.0.2.1\nx IN AAAA 2001:db8::1", []string{
			"z:4:1: x.example.org. ALIAS stands beside an A record (line 5); the name has either addresses of its own or those of the target",
			"z:4:1: x.example.org. ALIAS stands beside an AAAA record (line 6); the name has either addresses of its own or those of the target"}},
		{"beside a CNAME", "x IN ALIAS lb.example.net.\nx IN CNAME lb.example.net.", []string{
			"z:5:1: x.example.org. CNAME stands beside an ALIAS record (line 4); a CNAME must be alone"}},
		{"two", "x IN ALIAS lb.example.net.\nx IN ALIAS lb.example.com.", []string{
			"z:5:1: x.example.org. ALIAS is one of 2 ALIAS records of this name (line 4); keep one"}},
		{"itself", "x IN ALIAS X", []string{
			"z:4:1: x.example.org. ALIAS leads back to itself (x.example.org. -> X.example.org.); it would never have an address"}},
		{"itself by a wildcard", "*.w IN ALIAS a.w", []string{
			"z:4:1: *.w.example.org. ALIAS leads back to itself (*.w.example.org. -> a.w.example.org.); it would never have an address"}},
		{"a ring", "x IN ALIAS y\ny IN CNAME z\nz IN ALIAS x", []string{
			"z:4:1: x.example.org. ALIAS leads back to itself (x.example.org. -> y.example.org. -> z.example.org. -> x.example.org.); it would never have an address",
			"z:6:1: z.example.org. ALIAS leads back to itself (z.example.org. -> x.example.org. -> y.example.org. -> z.example.org.); it would never have an address"}},
		{"into a ring of CNAMEs", "x IN ALIAS y\ny IN CNAME z\nz IN CNAME y", []string{
			"z:5:1: warning: y.example.org. CNAME leads back to itself (y.example.org. -> z.example.org. -> y.example.org.); it is never answered"}},
		{"root", "x IN ALIAS .", []string{"z:4:1: x.example.org. ALIAS has the root as its target, which has no addresses; name a host"}},
		{"an address", "x IN ALIAS 192.0.2.1", []string{"z:4:1: warning: x.example.org. ALIAS 192.0.2.1.example.org. is an address; a name is wanted here"}},
		{"nowhere", "x IN ALIAS lb.example.net", []string{
			"z:4:1: warning: x.example.org. ALIAS lb.example.net.example.org. does not exist; add it, or put a dot behind lb.example.net if that is the whole name"}},
		{"no address", "x IN ALIAS y\ny IN TXT y", []string{"z:4:1: warning: x.example.org. ALIAS y.example.org. has no A or AAAA record; give it one"}},
		{"chain in the zone", "x IN ALIAS y\ny IN CNAME z\nz IN ALIAS lb.example.net.", nil},
		{"below a delegation", "d IN NS ns.example.net.\nx.d IN ALIAS lb.example.net.", []string{
			"z:5:1: warning: x.d.example.org. ALIAS stands below the delegation of d.example.org. (line 4) and is never answered; it belongs into that zone"}},
		{"at a delegation", "d IN NS ns.example.net.\nd IN ALIAS lb.example.net.", []string{
			"z:5:1: warning: d.example.org. ALIAS stands at a delegation (line 4) and is never answered; it belongs into that zone"}},
		{"below a DNAME", "d IN DNAME example.net.\nx.d IN ALIAS lb.example.net.", []string{
			"z:5:1: x.d.example.org. ALIAS stands below the DNAME at d.example.org. (line 4), which hides it; remove one of them"}},
		{"mail to it", "x IN ALIAS lb.example.net.\n@ IN MX 10 x", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, err := zonefile.ParseBytes("z", []byte(apex+c.text+"\n"), zonefile.Options{Origin: zones.MustParseName("example.org.")})
			if err != nil || res.Zone == nil {
				t.Fatal(err, res)
			}
			var got []string
			for _, p := range zones.Check(res.Zone, zones.CheckOptions{Where: res.Where}) {
				if !strings.Contains(p.Text, "one server only") {
					got = append(got, p.String())
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if !res.Aliases {
				t.Error("the parser saw no ALIAS")
			}
		})
	}
}

// No signature would cover the addresses that an ALIAS brings.
func TestCheckALIASSigned(t *testing.T) {
	res, err := zonefile.ParseBytes("z", []byte(`$TTL 300
@ IN SOA ns.example.net. h.example.net. 1 3600 600 1209600 60
@ IN RRSIG SOA 13 2 300 20360101000000 20260101000000 1 example.org. AAAA
@ IN NS ns.example.net.
x IN ALIAS lb.example.net.
`), zonefile.Options{Origin: zones.MustParseName("example.org.")})
	if err != nil || res.Zone == nil {
		t.Fatal(err, res)
	}
	var got []string
	for _, p := range zones.Check(res.Zone, zones.CheckOptions{Where: res.Where}) {
		if p.Severity == zones.Error {
			got = append(got, p.String())
		}
	}
	want := []string{"z:5:1: x.example.org. ALIAS stands in a zone that comes signed, and no signature would cover the addresses of its target; write A and AAAA records before signing"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// What is authoritative is listed, and what is not isn't.
func TestALIASes(t *testing.T) {
	res, err := zonefile.ParseBytes("z", []byte(`$TTL 300
@ IN SOA ns.example.net. h.example.net. 1 3600 600 1209600 60
@ IN NS ns.example.net.
@ 60 IN ALIAS Lb.example.net.
*.w IN TYPE65401 \# 16 026C62076578616D706C65036E657400
d IN NS ns.example.net.
d IN ALIAS lb.example.net.
x.d IN ALIAS lb.example.net.
`), zonefile.Options{Origin: zones.MustParseName("example.org.")})
	if err != nil || res.Zone == nil {
		t.Fatal(err, res)
	}
	var got []string
	for _, s := range res.Zone.ALIASes() {
		got = append(got, s.String())
	}
	want := []string{"example.org. 60 IN ALIAS lb.example.net.", "*.w.example.org. 300 IN ALIAS lb.example.net."}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
