package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

func TestExpiringSignatures(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	sig := func(owner, typ, from, to string) string {
		return fmt.Sprintf("%s 300 RRSIG %s 13 2 300 %s000000 %s000000 1 example.com. AAAA\n", owner, typ, to, from)
	}
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"none", "", nil},
		{"sound", sig("@", "SOA", "20261101", "20261201"), nil},
		{"expired, one longer ago", sig("@", "SOA", "20261101", "20261120") + sig("ns1", "A", "20261101", "20261119"),
			[]string{"warning: example.com.: the signature of ns1.example.com. A expired 2026-11-19T00:00:00Z (and 1 more signatures likewise); sign the zone again"}},
		{"soon and not yet", sig("@", "SOA", "20261101", "20261124") + sig("@", "NS", "20261122", "20261222"),
			[]string{"warning: example.com.: the signature of example.com. NS is not valid before 2026-11-22T00:00:00Z; sign the zone again",
				"warning: example.com.: the signature of example.com. SOA expires 2026-11-24T00:00:00Z; sign the zone again"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, err := zonefile.ParseBytes("example.com.zone", []byte("$TTL 300\n@ SOA ns1 h 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\n"+c.text), zonefile.Options{})
			if err != nil || res.Zone == nil {
				t.Fatal(err, res)
			}
			var got []string
			for _, p := range expiringSignatures(res.Zone, now) {
				got = append(got, p.String())
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}
