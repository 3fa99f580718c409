package zones

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestKey(t *testing.T) {
	var k Key
	msg := append([]byte("header------"), wireOf("WWW.Exactly8.longer-Than-8.com.")...)
	msg = append(msg, "question"...)
	end, ok := k.Parse(msg, 12)
	if !ok || string(msg[end:]) != "question" {
		t.Fatalf("got end %d, %v", end, ok)
	}
	if k.Labels() != 4 {
		t.Fatalf("got %d labels", k.Labels())
	}
	offsets := []int{31, 27, 13, 4, 0}
	for l, want := range []string{".", "com.", "longer-than-8.com.", "exactly8.longer-than-8.com.", "www.exactly8.longer-than-8.com."} {
		n := MustParseName(want)
		if got := string(k.Wire(l)); got != n.Wire() {
			t.Errorf("suffix of %d labels: got %q, want %q", l, got, n.Wire())
		}
		if got := k.Offset(l); got != offsets[l] {
			t.Errorf("suffix of %d labels: got offset %d, want %d", l, got, offsets[l])
		}
		var own Key
		own.Set(n)
		if own.hash[l] != k.hash[l] || hashName(seed.root, n.Wire()) != k.hash[l] || hashName(seed.root, []byte(n.Wire())) != k.hash[l] {
			t.Errorf("suffix of %d labels: the hash depends on how it was made", l)
		}
	}
}

func TestKeyBad(t *testing.T) {
	tests := []struct {
		name string
		msg  string
		off  int
	}{
		{"nothing", "", 0},
		{"behind the end", "\x00", 1},
		{"no root label", "\x03www", 0},
		{"within a label", "\x03ww", 0},
		{"pointer", "\x00\xc0\x00", 1},
		{"label type", "\x40a\x00", 0},
		{"too long", strings.Repeat("\x01a", 128) + "\x00", 0},
		{"too long by one", strings.Repeat("\x01a", 126) + "\x02aa\x00", 0},
	}
	var k Key
	for _, tt := range tests {
		if end, ok := k.Parse([]byte(tt.msg), tt.off); ok {
			t.Errorf("%s: got %d", tt.name, end)
		}
	}
	if end, ok := k.Parse([]byte(strings.Repeat("\x01a", 127)+"\x00"), 0); !ok || end != 255 || k.Labels() != 127 {
		t.Errorf("the longest name: got %d, %v", end, ok)
	}
}

func TestKeyReused(t *testing.T) {
	var k, fresh Key
	k.Set(MustParseName(strings.Repeat("z.", 127)))
	k.Set(Name{})
	if k.Labels() != 0 || len(k.Wire(0)) != 0 {
		t.Errorf("the zero Name: got %d labels, %q", k.Labels(), k.Wire(0))
	}
	k.Set(MustParseName("a.b."))
	fresh.Set(MustParseName("a.b."))
	for l := range 3 {
		if !bytes.Equal(k.Wire(l), fresh.Wire(l)) || k.hash[l] != fresh.hash[l] {
			t.Errorf("suffix of %d labels: what was before shows", l)
		}
	}
}

// TestHash: names that differ in little have hashes that differ in much.
func TestHash(t *testing.T) {
	seen := make(map[uint64]string)
	add := func(rel string) {
		h := hashName(seed.root, rel)
		if other, ok := seen[h]; ok {
			t.Errorf("%q and %q have one hash", rel, other)
		}
		seen[h] = rel
	}
	for n := range 20 {
		add("\x14" + strings.Repeat("\x00", n) + "a" + strings.Repeat("\x00", 19-n))
		add(string(rune(n+1)) + strings.Repeat("\x00", n+1)) // lengths of zeros
		add("\x01a" + string(rune(n+1)) + strings.Repeat("a", n+1))
		add(string(rune(n+2)) + strings.Repeat("a", n+2) + "\x02aa")
	}
	add("\x01a\x01b")
	add("\x01b\x01a")
	add("\x03a\x01b")
}

// FuzzKeyParse holds Parse against NameFromWire.
func FuzzKeyParse(f *testing.F) {
	f.Add([]byte("\x03WWW\x07example\x00rest"), uint8(0))
	f.Add([]byte("\x00"), uint8(0))
	f.Add([]byte(strings.Repeat("\x01A", 127)+"\x00"), uint8(0))
	f.Add([]byte("xx\xc0\x00"), uint8(2))
	var k Key
	f.Fuzz(func(t *testing.T, msg []byte, off uint8) {
		end, ok := k.Parse(msg, int(off))
		var want Name
		if int(off) < len(msg) {
			if n, err := wireName(msg[off:]); err == nil {
				if want, err = NameFromWire(msg[off : int(off)+n]); err != nil {
					t.Fatal(err)
				}
			}
		}
		if ok == want.IsZero() {
			t.Fatalf("got %v, want %q", ok, want)
		}
		if !ok {
			return
		}
		if end != int(off)+len(want.Wire()) || k.Labels() != want.Labels() {
			t.Fatalf("got end %d, %d labels, want %q", end, k.Labels(), want)
		}
		for l := k.Labels(); l >= 0; l-- {
			if string(k.Wire(l)) != want.Wire() || k.hash[l] != hashName(seed.root, want.Wire()) {
				t.Fatalf("suffix of %d labels: got %q, want %q", l, k.Wire(l), want.Wire())
			}
			want, _ = want.Parent()
		}
	})
}

// TestIndexReach: a bucket that is overfull passes names on, and all are found.
func TestIndexReach(t *testing.T) {
	const n = 500
	buckets := bucketsFor(n)
	index := make([]byte, buckets*bucketSize)
	var arena []byte
	r := rand.New(rand.NewPCG(7, 8))
	hashes, names := make([]uint64, n), make([][]byte, n)
	for i := range n {
		hashes[i] = ^uint64(0) // all into the last bucket, which goes on with the first
		if i >= 200 {
			hashes[i] = r.Uint64()
		}
		names[i] = []byte{3, byte(i >> 8), byte(i), 'x'}
		place := uint32(len(arena) / 4)
		arena = appendHead(arena, 0, 0, 0, names[i])
		for len(arena)%4 != 0 {
			arena = append(arena, 0)
		}
		insert(index, buckets, hashes[i], place)
	}
	arena = append(arena, make([]byte, 16)...)
	for i := range n {
		p, ok := search(index, buckets, arena, hashes[i], names[i])
		if !ok || !bytes.Equal(nodeName(nodeAt(arena, p)), names[i]) {
			t.Fatalf("name %d: got %d, %v", i, p, ok)
		}
		if p, ok := search(index, buckets, arena, hashes[i], []byte("\x03no!")); ok {
			t.Fatalf("found a name that is not there: %d", p)
		}
		replace(index, buckets, hashes[i], p, p|1<<30)
		replace(index, buckets, hashes[i], p|1<<30, p)
	}
}
