package resolver

import "testing"

// Octets are the same when equal or the same ASCII letter (RFC 4343): "[" and "{" are not, though one bit apart.
func TestEqualFold(t *testing.T) {
	lower := func(c byte) byte {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}
	for a := range 256 {
		for b := range 256 {
			got := equalFold([]byte{1, byte(a), 'x'}, []byte{1, byte(b), 'x'})
			if want := lower(byte(a)) == lower(byte(b)); got != want {
				t.Errorf("%#x and %#x: %v, want %v", a, b, got, want)
			}
		}
	}
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		name, suffix string
		want         bool
	}{
		{"\x02ns\x03sub\x00", "\x03sub\x00", true},
		{"\x03SUB\x00", "\x03sub\x00", true},
		{"\x05nssub\x00", "\x03sub\x00", false},
		{"\x03ub1\x00", "\x03sub\x00", false},
		{"\x00", "\x03sub\x00", false},
		{"\x02ns\x00", "\x00", true},
		{"\x3fns", "\x00", false}, // no name at all
	} {
		if got := within([]byte(c.name), []byte(c.suffix)); got != c.want {
			t.Errorf("%q in %q: %v", c.name, c.suffix, got)
		}
	}
}

func TestSoundName(t *testing.T) {
	for _, c := range []struct {
		data string
		want int
	}{
		{"\x00", 1}, {"\x01a\x00", 3}, {"\x01a\x00rest", 3}, {"", 0}, {"\x01a", 0}, {"\x02a", 0}, {"\xc0\x0c", 0}, {"\x40a\x00", 0},
	} {
		if got := soundName([]byte(c.data)); got != c.want {
			t.Errorf("%q: %d, want %d", c.data, got, c.want)
		}
	}
}
