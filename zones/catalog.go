package zones

import (
	"iter"
	"math/bits"
	"slices"
)

// Catalog is the set of zones that are served. It is immutable and safe for any number of readers: With and Without
// return another one. The two share all pages but those of the zones that differ: a flip in one of 100,000
// zones copies a list of 512 pages and one page of 200 zones.
type Catalog struct {
	pages  [][]catalogSlot // a power of two; by the upper bits of the hash
	length int
	octets int        // of the zones, without what their overlays hold
	depths [128]int32 // how many origins have so many labels
}

// catalogSlot is a place in a page, an open hash table by the lower bits of the hash; without a zone it is free.
type catalogSlot struct {
	hash uint64
	zone *Zone
}

const pageZones = 256 // on average, at most

// NewCatalog returns a catalog of zones; of two with one origin the later counts.
func NewCatalog(zs ...*Zone) *Catalog { return (&Catalog{}).With(zs...) }

// With returns c with zones added or replaced; of two with one origin the later counts.
func (c *Catalog) With(zs ...*Zone) *Catalog {
	next := c.copy(c.length + len(zs))
	for _, z := range zs {
		i := next.page(z.hash)
		page := next.pages[i]
		if i < len(c.pages) && samePage(page, c.pages[i]) {
			page = slices.Clone(page)
		}
		if s := findSlot(page, z.hash, z.origin.wire); s >= 0 && page[s].zone != nil {
			next.octets -= len(page[s].zone.base)
			page[s].zone = z
		} else {
			page = addSlot(page, catalogSlot{z.hash, z})
			next.length++
			next.depths[z.labels]++
		}
		next.octets += len(z.base)
		next.pages[i] = page
	}
	return next
}

// Without returns c without the zone at origin.
func (c *Catalog) Without(origin Name) *Catalog {
	gone := c.Zone(origin)
	if gone == nil {
		return c
	}
	next := c.copy(c.length)
	i := next.page(gone.hash)
	var page []catalogSlot
	for _, s := range next.pages[i] {
		if s.zone != nil && s.zone != gone {
			page = addSlot(page, s)
		}
	}
	next.pages[i] = page
	next.length--
	next.octets -= len(gone.base)
	next.depths[gone.labels]--
	return next
}

// copy returns a catalog of the same zones that has a list of pages for itself, long enough for n zones.
func (c *Catalog) copy(n int) *Catalog {
	next := &Catalog{length: c.length, octets: c.octets, depths: c.depths}
	if n <= pageZones*len(c.pages) {
		next.pages = slices.Clone(c.pages)
		return next
	}
	next.pages = make([][]catalogSlot, 1<<bits.Len(uint(n/pageZones)))
	for _, page := range c.pages {
		for _, s := range page {
			if s.zone != nil {
				i := next.page(s.hash)
				next.pages[i] = addSlot(next.pages[i], s)
			}
		}
	}
	return next
}

// page returns the number of the page that a hash belongs into.
func (c *Catalog) page(hash uint64) int {
	return int(hash >> (64 - bits.TrailingZeros(uint(len(c.pages)))))
}

// samePage says whether a and b are one and the same.
func samePage(a, b []catalogSlot) bool {
	return len(a) > 0 && len(b) > 0 && &a[0] == &b[0]
}

// findSlot returns the slot of the zone with a hash and origin, else the free one where it would be; -1 in a page
// without slots.
func findSlot[T octets](page []catalogSlot, hash uint64, origin T) int {
	if len(page) == 0 {
		return -1
	}
	for i := hash; ; i++ {
		s := &page[i&uint64(len(page)-1)]
		if s.zone == nil || s.hash == hash && s.zone.origin.wire == string(origin) {
			return int(i & uint64(len(page)-1))
		}
	}
}

// addSlot adds a zone that page has not, in place where it has room; a quarter of its slots stay free.
func addSlot(page []catalogSlot, s catalogSlot) []catalogSlot {
	used := 0
	for i := range page {
		if page[i].zone != nil {
			used++
		}
	}
	if 4*(used+1) > 3*len(page) {
		old := page
		page = make([]catalogSlot, max(2, 2*len(old)))
		for _, o := range old {
			if o.zone != nil {
				page[findSlot(page, o.hash, o.zone.origin.wire)] = o
			}
		}
	}
	page[findSlot(page, s.hash, s.zone.origin.wire)] = s
	return page
}

// lookupZone returns the zone with a hash and origin, or nil.
func lookupZone[T octets](c *Catalog, hash uint64, origin T) *Zone {
	if len(c.pages) == 0 {
		return nil
	}
	page := c.pages[c.page(hash)]
	if i := findSlot(page, hash, origin); i >= 0 {
		return page[i].zone
	}
	return nil
}

// Zone returns the zone at exactly origin, or nil.
func (c *Catalog) Zone(origin Name) *Zone {
	return lookupZone(c, hashName(seed.root, origin.wire), origin.wire)
}

// Len returns the number of zones.
func (c *Catalog) Len() int { return c.length }

// All iterates over the zones in canonical order of their origins.
func (c *Catalog) All() iter.Seq[*Zone] {
	return func(yield func(*Zone) bool) {
		all := make([]*Zone, 0, c.length)
		for _, page := range c.pages {
			for _, s := range page {
				if s.zone != nil {
					all = append(all, s.zone)
				}
			}
		}
		for _, i := range canonicalOrder(len(all), func(i uint32) string { return all[i].origin.wire }) {
			if !yield(all[i]) {
				return
			}
		}
	}
}

// Find returns the zone with the longest origin that k is within, and nil where there is none. It allocates nothing.
// maxLabels bounds the origin's labels: k.Labels() for any, one less for the parent side of a cut (DS, RFC 4035 3.1.4.1).
func (c *Catalog) Find(k *Key, maxLabels int) *Zone {
	for l := min(maxLabels, k.labels); l >= 0; l-- {
		if c.depths[l&127] == 0 {
			continue
		}
		if z := lookupZone(c, k.hash[l&127], k.Wire(l)); z != nil {
			return z
		}
	}
	return nil
}
