package edits

import (
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
)

// entry frames a payload as encode does, so that what a fuzzer makes of one is looked at behind its checksum.
func entry(payload []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload)+sumOctets))
	b = append(b, payload...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(payload, castagnoli))
}

// FuzzEntry decodes any payload: it is refused, or says what it says when it is written again.
func FuzzEntry(f *testing.F) {
	name, err := zones.ParseName("www.example.com.")
	if err != nil {
		f.Fatal(err)
	}
	a := func(ttl uint32, data ...[]byte) zones.RRset {
		return zones.RRset{Name: name, Type: 1, TTL: ttl, Data: data}
	}
	for _, e := range []Edit{
		{Read: time.Unix(0, 1_700_000_000)},
		{Lost: true, Before: [32]byte{1}, After: [32]byte{2}},
		{Changes: []zones.Change{{Name: name, Type: 1, Old: a(60, []byte{192, 0, 2, 1}), New: a(300, []byte{192, 0, 2, 1}, []byte{192, 0, 2, 2})}}},
		{Changes: []zones.Change{{Name: name, Type: 1, New: a(0, []byte{}, make([]byte, 300))}, {Name: name, Type: 1, Old: a(1<<31-1, []byte{1})}}},
	} {
		b := e.encode()
		f.Add(b[lengthOctets : len(b)-sumOctets])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, payload []byte) {
		b := entry(payload)
		if n, ok := entrySize(append(b[:len(b):len(b)], "of the next"...)); !ok || n != len(b) {
			t.Fatalf("an entry of %d octets has %d, %t", len(b), n, ok)
		}
		e, err := decode(b)
		if err != nil {
			return
		}
		again, err := decode(e.encode())
		if err != nil {
			t.Fatalf("%v, written again: %v", e, err)
		}
		if diff := cmp.Diff(e, again, cmp.Comparer(func(a, b zones.Name) bool { return a == b })); diff != "" {
			t.Fatalf("written again it says something else (-was +is)\n%s", diff)
		}
		broken := e.encode()
		broken[lengthOctets+len(payload)%(len(broken)-lengthOctets)] ^= 1
		if _, err := decode(broken); err == nil {
			t.Fatal("an octet that is damaged is not noticed")
		}
	})
}
