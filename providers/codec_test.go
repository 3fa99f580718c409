package providers

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mangrove-dns/mangrove/zones"
)

func sampleState() *MirrorState {
	k := Key{zones.MustParseName(`a\.b.example.org`), 16}
	s := RRset{zones.RRset{Name: k.Name, Type: 16, TTL: 60, Data: [][]byte{{1, 'x'}, {2, 0xff, 0}}}, map[string]string{"comment": "ü"}}
	gone := RRset{zones.RRset{Name: k.Name, Type: 16}, nil}
	m := NewMirrorState()
	m.Generation, m.Approved[k], m.Applied[k] = 7, s, s
	m.Pending = &Intent{Generation: 7, Time: time.Unix(1, 0).UTC(), Mode: Health, Serial: 9,
		Changes: []IntentChange{{Key: k, New: s, Record: s, Health: true}, {Key: k, New: gone, Record: gone}}}
	m.Doubts[k] = Doubt{m.Pending.Changes[0], time.Unix(4, 0).UTC()}
	m.Verified, m.Error, m.ErrorAt = Verified{time.Unix(2, 0).UTC(), 8}, "what", time.Unix(3, 0).UTC()
	return m
}

var stateCmp = cmp.Options{cmp.AllowUnexported(zones.Name{}), cmpopts.EquateEmpty()}

func encode(t testing.TB, m *MirrorState) Saved {
	t.Helper()
	live, err := encodeLive(m)
	if err != nil {
		t.Fatal(err)
	}
	base, err := encodeBase(m)
	if err != nil {
		t.Fatal(err)
	}
	return Saved{m.Generation, live, base}
}

func TestStateRoundTrip(t *testing.T) {
	m := sampleState()
	got, err := decodeState(encode(t, m))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, got, stateCmp); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestBadStateIsAnErrorNeverEmpty(t *testing.T) {
	for _, s := range []Saved{
		{Generation: 1},
		{Generation: 1, Live: []byte("{")},
		{Generation: 1, Live: []byte(`{"v":2,"generation":1}`)},
		{Generation: 2, Live: []byte(`{"v":1,"generation":1}`)},
		{Generation: 1, Live: []byte(`{"v":1,"generation":1}`), Base: []byte(`{"v":9}`)},
		{Generation: 1, Live: []byte(`{"v":1,"generation":1}`), Base: []byte(`{"v":1,"approved":[{"n":"a..b","t":1}]}`)},
		{Generation: 1, Live: []byte(`{"v":1,"generation":1}`), Base: []byte(`{"v":1,"approved":[{"n":"a.","t":1},{"n":"a.","t":1}]}`)},
		{Generation: 1, Live: []byte(`{"v":1,"generation":1,"pending":{"changes":[{"new":{"n":"a.","t":1},"record":{"n":"a.","t":6}}]}}`)},
		{Generation: 1, Live: []byte(`{"v":1,"generation":1,"doubts":[{"new":{"n":"a.","t":1},"record":{"n":"b.","t":1}}]}`)},
		{Generation: 1, Live: []byte(`{"v":1,"generation":1,"doubts":[{"new":{"n":"a."},"record":{"n":"a."}},{"new":{"n":"a."},"record":{"n":"a."}}]}`)},
	} {
		if m, err := decodeState(s); !errors.Is(err, ErrState) {
			t.Errorf("%s %s: %v, %v, want ErrState", s.Live, s.Base, m, err)
		}
	}
}

func FuzzState(f *testing.F) {
	s := encode(f, sampleState())
	f.Add(s.Generation, s.Live, s.Base)
	f.Fuzz(func(t *testing.T, gen uint64, live, base []byte) {
		m, err := decodeState(Saved{gen, live, base})
		if err != nil {
			return
		}
		again, err := decodeState(encode(t, m))
		if err != nil {
			t.Fatalf("what was decoded can't be encoded and read again: %v", err)
		}
		if diff := cmp.Diff(m, again, stateCmp); diff != "" {
			t.Errorf("(-first +second)\n%s", diff)
		}
	})
}

func TestMemoryState(t *testing.T) {
	z, st := zones.MustParseName("example.org"), &MemoryState{}
	if s, err := st.Load("p", z); err != nil || s.Generation != 0 {
		t.Fatalf("empty: %+v, %v", s, err)
	}
	if err := st.Save("p", z, 0, Saved{1, []byte("l1"), []byte("b1")}); err != nil {
		t.Fatal(err)
	}
	if err := st.Save("p", z, 0, Saved{1, []byte("other"), nil}); !errors.Is(err, ErrFenced) {
		t.Errorf("late save: %v, want ErrFenced", err)
	}
	if err := st.Save("p", z, 1, Saved{2, []byte("l2"), nil}); err != nil {
		t.Fatal(err)
	}
	s, err := st.Load("p", z)
	if diff := cmp.Diff(Saved{2, []byte("l2"), []byte("b1")}, s); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}
