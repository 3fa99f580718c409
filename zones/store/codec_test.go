package store

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mangrove-dns/mangrove/zones"
)

func set(name string, typ uint16, ttl uint32, data ...string) zones.RRset {
	s := zones.RRset{Name: zones.MustParseName(name), Type: typ, TTL: ttl}
	for _, d := range data {
		s.Data = append(s.Data, []byte(d))
	}
	return s
}

var names = cmp.Comparer(func(a, b zones.Name) bool { return a == b })

// someChanges are changes of every shape.
func someChanges() []zones.Change {
	a, b := set("www.example.org.", 1, 60, "1234", "5678"), set("www.example.org.", 1, 300, "9999")
	odd := set("\\000\\255.example.org.", 65535, math.MaxUint32, "", strings.Repeat("x", math.MaxUint16))
	root := set(".", 0, 0, "x")
	return []zones.Change{{Name: a.Name, Type: 1, Old: a, New: b}, {Name: a.Name, Type: 1, Old: a}, {Name: a.Name, Type: 1, New: b},
		{Name: odd.Name, Type: odd.Type, New: odd}, {Name: zones.Root, Old: root}}
}

func decodeChanges(b []byte) ([]zones.Change, error) {
	r := &reader{b: b}
	cs := r.changes()
	return cs, r.end()
}

func TestChangesRoundTrip(t *testing.T) {
	for _, want := range [][]zones.Change{nil, someChanges()} {
		got, err := decodeChanges(appendChanges(nil, want))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, names); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
	}
}

// TestValuesRoundTrip encodes and decodes each kind of value; every truncation and every flipped bit is refused.
func TestValuesRoundTrip(t *testing.T) {
	now := time.Date(2026, 11, 20, 14, 2, 3, 999999999, time.UTC)
	org := zones.MustParseName("example.org.")
	h := zones.Hash{1, 2, 31: 255}
	for _, c := range []struct {
		name   string
		want   any
		value  []byte
		decode func([]byte) (any, error)
	}{
		{"loaded", loadedHead{Source{org, []File{{"/z", 1, now, 2, 3, [32]byte{1}}, {}}, now, 7, []byte("meta")}, h, 8},
			loadedHead{Source{org, []File{{"/z", 1, now, 2, 3, [32]byte{1}}, {}}, now, 7, []byte("meta")}, h, 8}.encode(),
			func(b []byte) (any, error) { return decodeLoadedHead(org, b) }},
		{"served", servedHead{Head{org, 1, 2, true, 3, now, 4, "v"}, h, zones.Hash{3}, 1, 5, 6, cost{7, 8}},
			servedHead{Head{org, 1, 2, true, 3, now, 4, "v"}, h, zones.Hash{3}, 1, 5, 6, cost{7, 8}}.encode(),
			func(b []byte) (any, error) { return decodeServedHead(org, b) }},
		{"entry", entry{Entry{org, 9, 1, 2, now, []string{"a", ""}, false, someChanges()[:3]}, zones.Hash{1}, h, 0},
			entry{Entry{org, 9, 1, 2, now, []string{"a", ""}, false, someChanges()[:3]}, zones.Hash{1}, h, 0}.encode(),
			func(b []byte) (any, error) {
				e, err := decodeEntry(journalKey(org, 9), b)
				e.octets = 0
				return e, err
			}},
		{"verdict", Verdict{"k", 255, time.Time{}, "r"}, encodeVerdict(Verdict{"k", 255, time.Time{}, "r"}),
			func(b []byte) (any, error) { return decodeVerdict([]byte("k"), b) }},
		{"mirror", mirrorHead{MirrorInfo{"p", org, 1}, blobSum{300, h}, blobSum{}}, mirrorHead{MirrorInfo{"", org, 1}, blobSum{300, h}, blobSum{}}.encode(),
			func(b []byte) (any, error) { return decodeMirrorHead([]byte("p\x00"+org.Wire()), b) }},
		{"event", Event{1, now, "k", zones.Name{}, "t"}, encodeEvent(Event{1, now, "k", zones.Name{}, "t"}),
			func(b []byte) (any, error) { return decodeEvent([]byte{7: 1}, b) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.decode(c.value)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got, names, cmp.AllowUnexported(loadedHead{}, servedHead{}, cost{}, entry{}, mirrorHead{}, blobSum{})); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
			for i := range c.value {
				if _, err := c.decode(c.value[:i]); !errors.Is(err, ErrCorrupt) {
					t.Errorf("cut to %d octets: error is %v, want ErrCorrupt", i, err)
				}
				for bit := range 8 {
					bad := bytes.Clone(c.value)
					bad[i] ^= 1 << bit
					if _, err := c.decode(bad); !errors.Is(err, ErrCorrupt) {
						t.Errorf("bit %d of octet %d: error is %v, want ErrCorrupt", bit, i, err)
					}
				}
			}
			newer := bytes.Clone(c.value[:len(c.value)-4])
			newer[0]++
			if _, err := c.decode(seal(newer)); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "encoding 2 is unknown") {
				t.Errorf("a newer encoding: error is %v", err)
			}
		})
	}
}

// FuzzDecode gives octets to every decoder: none panics or takes more memory than its input justifies, and what decodes,
// encodes to something that decodes to the same.
func FuzzDecode(f *testing.F) {
	f.Add(appendChanges(nil, someChanges()[:3]))
	org := zones.MustParseName("example.org.")
	for _, v := range [][]byte{
		loadedHead{Source: Source{Files: []File{{Path: "x"}}}}.encode(), servedHead{}.encode(), entry{Entry: Entry{Changes: someChanges()[:3]}}.encode(),
		encodeVerdict(Verdict{}), mirrorHead{}.encode(), encodeEvent(Event{Zone: org}),
	} {
		f.Add(v[1 : len(v)-4])
	}
	same := func(t *testing.T, first any, again func() (any, error)) {
		t.Helper()
		second, err := again()
		if err != nil {
			t.Fatalf("%v: %v", first, err)
		}
		if !reflect.DeepEqual(first, second) { // cmp.Diff takes its time
			t.Fatalf("%v\nbecame\n%v", first, second)
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if cs, err := decodeChanges(payload); err == nil {
			same(t, cs, func() (any, error) { return decodeChanges(appendChanges(nil, cs)) })
		}
		value := seal(append(begin(), payload...))
		if h, err := decodeLoadedHead(org, value); err == nil {
			same(t, h, func() (any, error) { return decodeLoadedHead(org, h.encode()) })
		}
		if h, err := decodeServedHead(org, value); err == nil {
			same(t, h, func() (any, error) { return decodeServedHead(org, h.encode()) })
		}
		if e, err := decodeEntryValue(value); err == nil {
			same(t, e, func() (any, error) { return decodeEntryValue(e.encode()) })
		}
		if v, err := decodeVerdict(nil, value); err == nil {
			same(t, v, func() (any, error) { return decodeVerdict(nil, encodeVerdict(v)) })
		}
		key := append([]byte("p\x00"), org.Wire()...)
		if h, err := decodeMirrorHead(key, value); err == nil {
			same(t, h, func() (any, error) { return decodeMirrorHead(key, h.encode()) })
		}
		if e, err := decodeEvent(make([]byte, 8), value); err == nil {
			same(t, e, func() (any, error) { return decodeEvent(make([]byte, 8), encodeEvent(e)) })
		}
		_, _ = decodeMeta(value)
		_, _, _ = splitJournalKey(payload)
	})
}
