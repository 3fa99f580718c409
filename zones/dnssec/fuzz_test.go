package dnssec_test

import (
	"crypto"
	"crypto/ed25519"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/dnssec"
)

// FuzzVerify changes an octet of a record, its signature or the key, and compares the verdict with another implementation's.
func FuzzVerify(f *testing.F) {
	k := &dns.DNSKEY{Hdr: dns.RR_Header{Name: origin, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 300}, Flags: 257, Protocol: 3, Algorithm: dns.ED25519,
		PublicKey: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}
	// The key of RFC 8032 7.1, test 1.
	private := ed25519.NewKeyFromSeed([]byte("\x9d\x61\xb1\x9d\xef\xfd\x5a\x60\xba\x84\x4a\xf4\x92\xec\x2c\xc4\x44\x49\xc5\x69\x7b\x32\x69\x19\x70\x3b\xac\x03\x1c\xae\x7f\x60"))
	soa, err := dns.NewRR("example. 300 SOA A.example. b. 1 2 3 4 5")
	if err != nil {
		f.Fatal(err)
	}
	sig := &dns.RRSIG{Hdr: dns.RR_Header{Ttl: 300}, Algorithm: k.Algorithm, KeyTag: k.KeyTag(), SignerName: origin, Inception: 1, Expiration: 2}
	if err := sig.Sign(crypto.Signer(private), []dns.RR{soa}); err != nil {
		f.Fatal(err)
	}
	sets, err := zones.FromRRs([]dns.RR{soa, sig, k})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(0), uint16(0), uint8(0))
	for i := range sets {
		for at := range sets[i].Data[0] {
			f.Add(uint8(i), uint16(at), uint8(0x20))
			f.Add(uint8(i), uint16(at), uint8(1))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, at uint16, change uint8) {
		b := zones.NewBuilder(zones.MustParseName(origin))
		var rrs []dns.RR
		for i, s := range sets {
			d := append([]byte(nil), s.Data[0]...)
			if i == int(which)%len(sets) {
				d[int(at)%len(d)] ^= change
			}
			if _, _, err := b.Add(s.Name, s.Type, s.TTL, d); err != nil {
				t.Skip()
			}
			parsed, err := (zones.RRset{Name: s.Name, Type: s.Type, TTL: s.TTL, Data: [][]byte{d}}).RRs()
			if err != nil {
				t.Skip() // nothing that a zone file can say
			}
			rrs = append(rrs, parsed[0])
		}
		z := b.Zone()
		if !z.Signed() {
			return // the signature covers something else
		}
		got := dnssec.Verify(z, nil)
		var theirs error
		var key *dns.DNSKEY
		var signature *dns.RRSIG
		var signed dns.RR
		for _, rr := range rrs {
			switch rr := rr.(type) {
			case *dns.DNSKEY:
				key = rr
			case *dns.RRSIG:
				signature = rr
			default:
				signed = rr
			}
		}
		if key.Flags&dns.ZONE == 0 {
			theirs = dns.ErrKey
		} else {
			theirs = signature.Verify(key, []dns.RR{signed})
		}
		if (theirs == nil) != (len(got) == 0) {
			t.Errorf("got %q, want %v\n%v\n%v\n%v", got, theirs, signed, signature, key)
		}
	})
}
