package main

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// TestDigestOfZoneWithoutChain: a zone whose SOA is signed is not ours to change, also where it proves nothing of what does not exist.
func TestDigestOfZoneWithoutChain(t *testing.T) {
	parse := func(serial string) *zones.Zone {
		t.Helper()
		res, err := zonefile.ParseBytes("z", []byte(`$ORIGIN s.test.
$TTL 300
@ SOA ns1 hostmaster `+serial+` 3600 600 1209600 60
  RRSIG SOA 13 2 300 20900201000000 20260101000000 1 s.test. AAAA
  NS ns.example.net.
  ZONEMD `+serial+` 1 240 `+"000102030405060708090a0b"+`
`), zonefile.Options{Origin: zones.MustParseName("s.test")})
		if err != nil || res.Zone == nil {
			t.Fatal(err, res)
		}
		return res.Zone
	}
	file, target := parse("1"), parse("2")
	taken, _ := judgeDigest(file, func(zones.Name, uint16, int) zones.Pos { return zones.Pos{} })
	if _, has := taken.RRset(file.Origin(), dns.TypeZONEMD); !has {
		t.Error("the ZONEMD record of a signed zone is not served")
	}
	same, err := sameDigests(file, target)
	if err != nil || same != target {
		t.Errorf("a rollback of a signed zone makes a digest without a signature: %v", err)
	}
}
