package zones

import (
	"iter"
	"maps"
	"slices"
)

// Catalog is the set of zones that are served. It is immutable: With and Without return another one.
type Catalog struct{ zones map[Name]*Zone }

// NewCatalog returns a catalog of zones; of two with one origin the later counts.
func NewCatalog(zs ...*Zone) *Catalog { return (&Catalog{}).With(zs...) }

// With returns c with zones added or replaced.
func (c *Catalog) With(zs ...*Zone) *Catalog {
	m := maps.Clone(c.zones)
	if m == nil {
		m = make(map[Name]*Zone)
	}
	for _, z := range zs {
		m[z.Origin()] = z
	}
	return &Catalog{m}
}

// Without returns c without the zone at origin.
func (c *Catalog) Without(origin Name) *Catalog {
	m := maps.Clone(c.zones)
	delete(m, origin)
	return &Catalog{m}
}

// Zone returns the zone at exactly origin, or nil.
func (c *Catalog) Zone(origin Name) *Zone { return c.zones[origin] }

// Len returns the number of zones.
func (c *Catalog) Len() int { return len(c.zones) }

// All iterates over the zones in canonical order of their origins.
func (c *Catalog) All() iter.Seq[*Zone] {
	return func(yield func(*Zone) bool) {
		for _, n := range slices.SortedFunc(maps.Keys(c.zones), Name.Compare) {
			if !yield(c.zones[n]) {
				return
			}
		}
	}
}

// Find returns the zone with the longest origin that k is within, and nil where there is none. It allocates nothing.
// maxLabels bounds the origin's labels: k.Labels() for any, one less for the parent side of a cut (DS, RFC 4035 3.1.4.1).
func (c *Catalog) Find(k *Key, maxLabels int) *Zone {
	for l := maxLabels; l >= 0; l-- {
		if z := c.zones[Name{string(k.Wire(l))}]; z != nil {
			return z
		}
	}
	return nil
}
