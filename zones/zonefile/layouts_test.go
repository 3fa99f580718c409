package zonefile

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestLayouts: each type stands in the table once, and is found, and no other is.
func TestLayouts(t *testing.T) {
	want := make(map[uint16][]field)
	for _, l := range layouts {
		for _, typ := range l.of {
			if want[typ] != nil {
				t.Errorf("type %d has two layouts", typ)
			}
			want[typ] = l.fields
		}
	}
	for typ := range 1 << 16 {
		if diff := cmp.Diff(want[uint16(typ)], layoutOf(uint16(typ)), cmp.AllowUnexported(field{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("type %d (-want +got):\n%s", typ, diff)
		}
	}
}
