package zones

import "testing"

// BenchmarkImage does with the image of a million records what a start does, and what is done aside after it.
func BenchmarkImage(b *testing.B) {
	z := buildMillion(benchOwners(false))
	hash := z.ContentHash()
	head, arena := z.Image()
	flipped, err := z.WithSerial(7)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"open", func() error { _, err := OpenImage(head, arena); return err }},
		{"hash", func() error { z.hashRecords(); return nil }},
		{"hash-flipped", func() error { flipped.ContentHash(); return nil }},
		{"verify", func() error { return z.Verify(hash) }},
		{"resident", func() error { z.Resident(); return nil }},
		{"flat", func() error { flipped.flat(); return nil }},
		{"rehash", func() error { _, err := RehashImage(head, arena); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if err := c.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
