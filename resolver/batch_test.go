package resolver

import (
	"bytes"
	"testing"

	"github.com/mangrove-dns/mangrove/zones"
)

// checkBatch has query answered as one of many, between others, and compares with what it was answered alone. All tests
// that ask by way of send hold the batch path to the single one so, the fuzzers among them.
func checkBatch(tb testing.TB, w *Worker, cat *zones.Catalog, query, want []byte, wanted Outcome) {
	tb.Helper()
	defer func() { w.parsed = w.own }()
	other := []byte("\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x02b.\x00\x00\x01\x00\x01")
	slots := make([]slot, 4)
	for i, q := range [][]byte{other, query, {1, 2}, query} {
		s := &slots[i]
		s.query = q
		s.state = slotSilent
		if s.parsed.parse(q) {
			s.state = slotSound
		}
	}
	if cat != nil {
		touch(cat, slots)
	}
	for i := range slots {
		s := &slots[i]
		if s.zone != nil {
			tb.Errorf("query %x: slot %d keeps a zone", s.query, i)
		}
		if s.state == slotSilent {
			if i&1 == 1 && want != nil {
				tb.Fatalf("query %x: not answered in a batch", query)
			}
			continue
		}
		w.parsed = &s.parsed
		got, o := w.answer(cat, s.query, &Source{Addr: clientAddr}, make([]byte, w.policy.MaxUDPSize))
		if i&1 == 1 && (!bytes.Equal(got, want) || o != wanted) {
			tb.Fatalf("query %x:\nalone      %x %+v\nin a batch %x %+v", query, want, wanted, got, o)
		}
	}
}
