package zones

import (
	"testing"

	"github.com/miekg/dns"
)

// TestHasSignatures: of a type with records, in the base and above it; a signature of nothing counts for nothing. One RRset with
// signatures makes no zone that comes signed, one of the SOA record does.
func TestHasSignatures(t *testing.T) {
	partly, _ := checkedZone(t, sound+"www A 192.0.2.1\nwww AAAA 2001:db8::1\nwww "+fakeSignature("A")+"\nwww "+fakeSignature("TXT")+"\n")
	signed, _ := checkedZone(t, sound+"@ "+fakeSignature("SOA")+"\n")
	www := MustParseName("www.example.com.")
	changed, err := partly.With([]Change{{Name: www, Type: dns.TypeTXT, New: RRset{Name: www, Type: dns.TypeTXT, TTL: 300, Data: [][]byte{{0}}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		z    *Zone
		at   string
		typ  uint16
		want bool
	}{
		{"signed", partly, "www.example.com.", dns.TypeA, true},
		{"not signed", partly, "www.example.com.", dns.TypeAAAA, false},
		{"nothing there", partly, "www.example.com.", dns.TypeTXT, false},
		{"no such name", partly, "nx.example.com.", dns.TypeA, false},
		{"came there", changed, "www.example.com.", dns.TypeTXT, true},
		{"stayed there", changed, "www.example.com.", dns.TypeAAAA, false},
		{"apex", signed, "example.com.", dns.TypeSOA, true},
	} {
		if got := tt.z.HasSignatures(MustParseName(tt.at), tt.typ); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
	if partly.Signed() || changed.Signed() || !signed.Signed() {
		t.Errorf("Signed: got %t, %t and %t", partly.Signed(), changed.Signed(), signed.Signed())
	}
}
