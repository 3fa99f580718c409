package live

import (
	"math"
	"testing"
)

func TestNewer(t *testing.T) {
	for _, c := range []struct {
		a, b uint32
		want bool
	}{
		{1, 0, true}, {0, 1, false}, {0, 0, false}, {5, 5, false},
		{44, 0, true}, {100, 44, true}, {200, 100, true}, {300, 200, true}, // RFC 1982 5.2 with 32 bits
		{0, math.MaxUint32, true}, {math.MaxUint32, 0, false}, {5, math.MaxUint32 - 5, true},
		{1<<31 - 1, 0, true}, {0, 1<<31 - 1, false},
		{1 << 31, 0, false}, {0, 1 << 31, false}, // undefined: neither
		{1<<31 + 1, 0, false}, {0, 1<<31 + 1, true},
		{2026112101, 2026112001, true}, {1, 2026112001, false}, {2026112001, 1, true},
		{4000000000, 2026112001, true}, {2026112001, 4000000000, false}, {1, 4000000000, true},
	} {
		if got := newer(c.a, c.b); got != c.want {
			t.Errorf("newer(%d, %d) = %t, want %t", c.a, c.b, got, c.want)
		}
	}
}

func TestSucc(t *testing.T) {
	for s, want := range map[uint32]uint32{0: 1, 1: 2, math.MaxUint32 - 1: math.MaxUint32, math.MaxUint32: 1} {
		if got := succ(s); got != want || !newer(got, s) {
			t.Errorf("succ(%d) = %d, want %d", s, got, want)
		}
	}
}

func TestNext(t *testing.T) {
	for _, c := range []struct {
		name                       string
		cur, journaled, file, want uint32
	}{
		{"file stays", 10, 10, 10, 11},
		{"file goes back", 10, 10, 3, 11},
		{"file is behind what was served", 57, 57, 11, 58},
		{"file rises", 10, 10, 11, 11},
		{"file jumps", 10, 10, 2026112001, 2026112001},
		{"file around the corner", math.MaxUint32 - 3, math.MaxUint32 - 3, 7, 7},
		{"file is 0", math.MaxUint32 - 3, math.MaxUint32 - 3, 0, math.MaxUint32 - 2},
		{"corner without file", math.MaxUint32, math.MaxUint32, 5e8 - 1 + 1<<31, 1},
		{"2^31 away", 10, 10, 10 + 1<<31, 11},
		{"no room behind it", 10, 10, 1<<31 + 9, 11},
		{"as far as may be", 10, 10, 1<<31 + 9 - slack, 1<<31 + 9 - slack},
		{"one too far", 10, 10, 1<<31 + 10 - slack, 11},
		{"no room for what is journaled", 4 * slack, 10, 1<<31 + 9, 4*slack + 1},
		{"too far from what is journaled", 300, 10, 1<<31 + 9, 301},
	} {
		got := next(c.cur, c.journaled, c.file)
		if got != c.want {
			t.Errorf("%s: next(%d, %d, %d) = %d, want %d", c.name, c.cur, c.journaled, c.file, got, c.want)
		}
		if !newer(got, c.cur) || !newer(got, c.journaled) {
			t.Errorf("%s: %d is not newer than %d and %d", c.name, got, c.cur, c.journaled)
		}
	}
}

func TestLeft(t *testing.T) {
	for _, c := range []struct{ cur, reserved, want uint32 }{
		{10, 266, 256}, {10, 10, 0}, {11, 10, 0}, {math.MaxUint32, 254, 255}, {5, math.MaxUint32, 0},
	} {
		if got := left(c.cur, c.reserved); got != c.want {
			t.Errorf("left(%d, %d) = %d, want %d", c.cur, c.reserved, got, c.want)
		}
	}
}
