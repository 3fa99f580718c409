package zones

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// emptyZone returns a zone of nothing.
func emptyZone(origin string) *Zone { return NewBuilder(MustParseName(origin)).Zone() }

func origins(c *Catalog) []string {
	var out []string
	for z := range c.All() {
		out = append(out, z.Origin().String())
	}
	return out
}

func TestCatalogFind(t *testing.T) {
	c := NewCatalog(emptyZone("com."), emptyZone("example.com."), emptyZone("a.b.example.com."), emptyZone("example.net."))
	withRoot := c.With(emptyZone("."))
	tests := []struct {
		catalog *Catalog
		name    string
		parent  int // so many labels less than the name has
		want    string
	}{
		{c, "example.com.", 0, "example.com."},
		{c, "www.EXAMPLE.com.", 0, "example.com."},
		{c, "b.example.com.", 0, "example.com."},
		{c, "a.b.example.com.", 0, "a.b.example.com."},
		{c, "x.y.a.b.example.com.", 0, "a.b.example.com."},
		{c, "example.com.", 1, "com."},
		{c, "a.b.example.com.", 1, "example.com."},
		{c, "com.", 0, "com."},
		{c, "com.", 1, ""},
		{c, "notexample.net.", 0, ""},
		{c, "net.", 0, ""},
		{c, ".", 0, ""},
		{c, ".", 1, ""},
		{withRoot, ".", 0, "."},
		{withRoot, ".", 1, ""},
		{withRoot, "com.", 1, "."},
		{withRoot, "notexample.net.", 0, "."},
		{&Catalog{}, "com.", 0, ""},
		{&Catalog{}, ".", 0, ""},
	}
	for _, tt := range tests {
		var k Key
		if _, ok := k.Parse(wireOf(tt.name), 0); !ok {
			t.Fatalf("%s does not parse", tt.name)
		}
		got := ""
		if z := tt.catalog.Find(&k, k.Labels()-tt.parent); z != nil {
			got = z.Origin().String()
		}
		if got != tt.want {
			t.Errorf("Find(%s, %d labels less): got %q, want %q", tt.name, tt.parent, got, tt.want)
		}
	}
	var none Key
	none.Set(Name{})
	if z := withRoot.Find(&none, 0); z != nil {
		t.Errorf("the zero Name is in %s", z.Origin())
	}
	if z := withRoot.Zone(Name{}); z != nil {
		t.Errorf("the zero Name is the origin of %s", z.Origin())
	}
	if z := withRoot.Zone(Root); z == nil || z.Origin() != Root {
		t.Errorf("Zone of the root: got %v", z)
	}
}

// TestCatalogAgainstMap makes thousands of versions of a catalog and compares each with a map.
func TestCatalogAgainstMap(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	c, want := NewCatalog(), map[Name]*Zone{}
	name := func() Name {
		return MustParseName(fmt.Sprintf("z%d.%s", r.IntN(400), []string{"example.", "a.b.example.", ""}[r.IntN(3)]))
	}
	for step := range 3000 {
		before, length := c, c.Len()
		switch r.IntN(4) {
		case 0:
			n := name()
			c = c.Without(n)
			delete(want, n)
		case 1:
			a, b := NewBuilder(name()).Zone(), NewBuilder(name()).Zone()
			again := NewBuilder(a.Origin()).Zone()
			c = c.With(a, b, again)
			want[a.Origin()], want[b.Origin()] = a, b
			want[a.Origin()] = again
		default:
			z := NewBuilder(name()).Zone()
			c = c.With(z)
			want[z.Origin()] = z
		}
		if c.Len() != len(want) {
			t.Fatalf("step %d: got %d zones, want %d", step, c.Len(), len(want))
		}
		if before.Len() != length || len(origins(before)) != length && step%100 == 0 {
			t.Fatalf("step %d: the version before has changed", step)
		}
		n := name()
		if got := c.Zone(n); got != want[n] {
			t.Fatalf("step %d: Zone(%s): got %v, want %v", step, n, got, want[n])
		}
		var k Key
		k.Set(n)
		if got := c.Find(&k, k.Labels()); got != want[n] {
			t.Fatalf("step %d: Find(%s): got %v, want %v", step, n, got, want[n])
		}
	}
	var names []Name
	for n := range want {
		names = append(names, n)
	}
	slices.SortFunc(names, refCompare)
	var got []Name
	for z := range c.All() {
		got = append(got, z.Origin())
		if z != want[z.Origin()] {
			t.Fatalf("All: got another zone of %s", z.Origin())
		}
	}
	if d := cmp.Diff(names, got, equateNames); d != "" {
		t.Fatalf("All (-want +got):\n%s", d)
	}
}

func TestCatalogOrder(t *testing.T) {
	c := NewCatalog()
	want := ". com. example.com. a.example.com. z.example.com. example.net."
	names := strings.Fields(want)
	for _, i := range []int{3, 5, 0, 2, 4, 1} {
		c = c.With(emptyZone(names[i]))
	}
	if got := strings.Join(origins(c), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for range c.All() {
		break // may stop early
	}
}
