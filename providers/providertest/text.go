package providertest

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// RRsets reads records in the form of a zone file, relative to origin; a TTL that is not given is 300.
func RRsets(origin, text string) ([]zones.RRset, error) {
	p := dns.NewZoneParser(strings.NewReader("$TTL 300\n"+text), dns.Fqdn(origin), "")
	var rrs []dns.RR
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		rrs = append(rrs, rr)
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("records of %s: %w", origin, err)
	}
	return zones.FromRRs(rrs)
}

// MustRRsets is RRsets for text that is part of a test; it panics on bad text.
func MustRRsets(origin, text string) []zones.RRset {
	sets, err := RRsets(origin, text)
	if err != nil {
		panic(err)
	}
	return sets
}

// MustZone reads a zone; one without a SOA gets "@ 3600 SOA ns1 hostmaster 1 7200 900 1209600 60".
func MustZone(origin, text string) *zones.Zone {
	b := zones.NewBuilder(zones.MustParseName(origin))
	if !strings.Contains(text, "SOA") {
		text = "@ 3600 IN SOA ns1 hostmaster 1 7200 900 1209600 60\n@ 3600 IN NS ns1\n" + text
	}
	for _, s := range MustRRsets(origin, text) {
		if err := b.AddRRset(s); err != nil {
			panic(err)
		}
	}
	return b.Zone()
}

// Set returns one RRset as a provider would hold it, of records in the form of a zone file.
func Set(origin, text string) providers.RRset {
	sets := MustRRsets(origin, text)
	if len(sets) != 1 {
		panic(fmt.Sprintf("%d RRsets, want 1: %s", len(sets), text))
	}
	return providers.RRset{RRset: sets[0]}
}
