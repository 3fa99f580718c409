//go:build amd64 || arm64

package zones

// prefetchLine and prefetchNode tell the processor what will be read soon: a cache line, and the four from
// p on, which hold most nodes. Where reading one place says where the next one is, the caches are missed one after the
// other; told early, the misses run side by side. They are hints without effect on what a program computes, and p
// may be wherever it likes, also close to the end of an arena.

//go:noescape
func prefetchLine(p *byte)

//go:noescape
func prefetchNode(p *byte)

// prefetchSlot does so for a slot of a catalog, prefetchZone for what Find reads of a zone, prefetchString for the
// start of a string.

//go:noescape
func prefetchSlot(p *catalogSlot)

//go:noescape
func prefetchZone(p *Zone)

//go:noescape
func prefetchString(s string)
