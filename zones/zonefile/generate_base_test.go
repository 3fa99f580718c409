package zonefile

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// TestGenerateBases: letters of digits are those of the base that is asked for; in names nobody would see it.
func TestGenerateBases(t *testing.T) {
	for modifier, want := range map[string]string{
		"${0,0,d}": "171", "${0,4,d}": "0171", "${0,0,o}": "253", "${0,0,x}": "ab", "${0,4,x}": "00ab", "${0,0,X}": "AB", "${1,3,X}": "0AC",
		"${0,3,n}": "b.a", "${0,3,N}": "B.A", "${0,4,N}": "B.A.", "${0,7,N}": "B.A.0.0", "${0,0,n}": "b.a", "${-1}": "170",
	} {
		r := parse(t, top+"$GENERATE 171-171 t TXT "+modifier+"\n")
		if r.Zone == nil {
			t.Errorf("%s: %v", modifier, r.Problems)
			continue
		}
		set, _ := r.Zone.RRset(zones.MustParseName("t.example.org"), dns.TypeTXT)
		if len(set.Data) != 1 || len(set.Data[0]) == 0 || string(set.Data[0][1:]) != want {
			t.Errorf("%s: got %q, want %q", modifier, set.Data, want)
		}
	}
}
