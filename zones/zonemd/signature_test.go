package zonemd_test

import (
	"bytes"
	"testing"

	"github.com/mangrove-dns/mangrove/zones/zonemd"
)

// TestSignatures: the signature of the ZONEMD records at the apex is made behind the digest, and is no part of it (RFC 8976 3.3.1); every other is,
// those of records elsewhere that say they are ZONEMD too.
func TestSignatures(t *testing.T) {
	const (
		zone    = "$TTL 300\n@ SOA ns h 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\nsub ZONEMD 1 1 1 000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\n"
		times   = " 13 1 300 20900201000000 20260101000000 1 example. "
		another = " 13 1 300 20900201000000 20260101000000 2 example. "
	)
	digest := func(text string) []byte {
		t.Helper()
		d, err := zonemd.Digest(parse(t, "example", zone+text), zonemd.SHA384)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	without := digest("")
	for _, c := range []struct {
		text string
		same bool
	}{
		{"@ ZONEMD 1 1 1 000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\n", true},
		{"@ ZONEMD 1 1 1 000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\n@ RRSIG ZONEMD" + times + "AAAA\n", true},
		{"@ RRSIG ZONEMD" + times + "AAAA\n@ RRSIG ZONEMD" + another + "BBBB\n", true},
		{"@ RRSIG SOA" + times + "AAAA\n", false},
		{"@ RRSIG NS" + times + "AAAA\n", false},
		{"sub RRSIG ZONEMD" + times + "AAAA\n", false},
		{"ns RRSIG A" + times + "AAAA\n", false},
	} {
		if got := digest(c.text); bytes.Equal(got, without) != c.same {
			t.Errorf("%q: the digest is the same: %t, want %t", c.text, !c.same, c.same)
		}
	}
}
