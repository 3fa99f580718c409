package zones

// Change is what becomes of one RRset between two versions of a zone. Old is zero where
// the RRset is new, New is zero where it goes. Old and New are never both zero.
type Change struct {
	Name Name
	Type uint16
	Old  RRset
	New  RRset
}
