package zones

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestBuilderAdd(t *testing.T) {
	b := NewBuilder(MustParseName("example.com."))
	www := MustParseName("www.example.com.")
	tests := []struct {
		ttl         uint32
		data        string
		added, same bool
	}{
		{60, "\x01\x02\x03\x04", true, true},
		{60, "\x01\x02\x03\x04", false, true},
		{90, "\x01\x02\x03\x04", false, false},
		{90, "\x01\x02\x03\x05", true, false},
		{60, "\x01\x02\x03\x06", true, true},
	}
	for _, tt := range tests {
		added, same, err := b.Add(www, dns.TypeA, tt.ttl, []byte(tt.data))
		if err != nil || added != tt.added || same != tt.same {
			t.Errorf("%d %q: got %v, %v, %v", tt.ttl, tt.data, added, same, err)
		}
	}
	z := b.Zone()
	s, _ := z.RRset(www, dns.TypeA)
	if s.TTL != 60 || len(s.Data) != 3 || z.Records() != 3 || z.Nodes() != 2 {
		t.Errorf("got %v in %d records, %d nodes", s, z.Records(), z.Nodes())
	}
}

// TestBuilderKeepsNothing: what was handed over may be used again.
func TestBuilderKeepsNothing(t *testing.T) {
	b := NewBuilder(MustParseName("example.com."))
	owner, data := []byte("\x01a\x07Example\x03com\x00"), []byte{192, 0, 2, 1}
	b.AddWire(owner, dns.TypeA, 60, data)
	owner[1], data[3] = 'b', 2
	b.AddWire(owner, dns.TypeA, 60, data)
	z := b.Zone()
	for i, name := range []string{"a.example.com.", "b.example.com."} {
		s, ok := z.RRset(MustParseName(name), dns.TypeA)
		if !ok || len(s.Data) != 1 || s.Data[0][3] != byte(i+1) {
			t.Errorf("%s: got %v", name, s)
		}
		s.Data[0][3] = 99 // a copy
	}
	if s, _ := z.RRset(MustParseName("a.example.com."), dns.TypeA); s.Data[0][3] != 1 {
		t.Error("the zone's own octets were handed out")
	}
}

func TestBuilderErrors(t *testing.T) {
	origin := MustParseName("example.com.")
	tests := []struct {
		name string
		add  func(b *Builder) error
		want string
	}{
		{"outside", func(b *Builder) error {
			_, _, err := b.Add(MustParseName("www.example.net."), dns.TypeA, 60, nil)
			return err
		}, "www.example.net. is not within example.com."},
		{"above", func(b *Builder) error {
			_, _, err := b.AddWire([]byte("\x03com\x00"), dns.TypeA, 60, nil)
			return err
		}, "com. is not within example.com."},
		{"no boundary", func(b *Builder) error {
			_, _, err := b.AddWire([]byte("\x0dx\x07example\x03com\x00"), dns.TypeA, 60, nil)
			return err
		}, `x\007example\003com. is not within example.com.`},
		{"zero Name", func(b *Builder) error {
			_, _, err := b.Add(Name{}, dns.TypeA, 60, nil)
			return err
		}, "the zero Name is not within example.com."},
		{"bad wire", func(b *Builder) error {
			_, _, err := b.AddWire([]byte("\x03www\x00x"), dns.TypeA, 60, nil)
			return err
		}, "bad domain name: octets behind the root label"},
		{"RDATA", func(b *Builder) error {
			_, _, err := b.Add(origin, 65280, 60, make([]byte, 65536))
			return err
		}, "too large for a zone: 65536 octets of data, 65535 are the limit"},
		{"records", func(b *Builder) error {
			for i := range 65536 {
				if _, _, err := b.Add(origin, 65280, 60, binary.BigEndian.AppendUint32(nil, uint32(i))); err != nil {
					return err
				}
			}
			return nil
		}, "too large for a zone: more than 65535 TYPE65280 records at a name"},
		{"node", func(b *Builder) error {
			for i := range 1000 {
				d := make([]byte, 65000)
				d[0], d[1] = byte(i>>8), byte(i)
				if _, _, err := b.Add(origin, uint16(60000+i%2), 60, d); err != nil {
					return err
				}
			}
			return nil
		}, "too large for a zone: more than 16776688 octets at a name"},
		{"RRset", func(b *Builder) error {
			return b.AddRRset(RRset{origin, 65280, 60, [][]byte{{1}, make([]byte, 65536)}})
		}, "too large for a zone: 65536 octets of data, 65535 are the limit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := NewBuilder(origin)
			if err := tt.add(b); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			} else if strings.HasPrefix(tt.want, "too large") != errors.Is(err, ErrTooLarge) {
				t.Errorf("%v wraps what it should not, or does not", err)
			}
			www := MustParseName("www.example.com.")
			if _, _, err := b.Add(www, dns.TypeA, 60, []byte{1, 2, 3, 4}); err != nil {
				t.Errorf("after the error: %v", err)
			}
			z := b.Zone()
			records := 0
			for s := range z.RRsets() {
				records += len(s.Data)
			}
			if s, ok := z.RRset(www, dns.TypeA); !ok || len(s.Data) != 1 || records != z.Records() {
				t.Errorf("after the error: got %v, %d records of %d", s, records, z.Records())
			}
		})
	}
}

// TestLargeRRset: records beyond bigSet, and beyond one chunk of the log.
func TestLargeRRset(t *testing.T) {
	b := NewBuilder(Root)
	name := MustParseName("large.")
	const n = 60000
	for _, want := range []bool{true, false} {
		for i := range n {
			if added, _, err := b.Add(name, dns.TypeTXT, 60, fmt.Appendf(nil, "\x1f%031d", i)); err != nil || added != want {
				t.Fatalf("record %d: got %v, %v, want %v", i, added, err, want)
			}
		}
	}
	z := b.Zone()
	s, _ := z.RRset(name, dns.TypeTXT)
	if len(s.Data) != n {
		t.Fatalf("got %d records, want %d", len(s.Data), n)
	}
	for i, d := range s.Data {
		if want := fmt.Sprintf("\x1f%031d", i); string(d) != want {
			t.Fatalf("record %d: got %q, want %q", i, d, want)
		}
	}
}

// TestGrow: room made in advance changes nothing else.
func TestGrow(t *testing.T) {
	b := NewBuilder(MustParseName("example.com."))
	for i := range 2000 {
		if i%700 == 0 {
			b.Grow(500)
		}
		b.AddWire(wireOf(fmt.Sprintf("h%d.x%d.example.com.", i, i%10)), dns.TypeA, 60, []byte{1, 2, 3, 4})
	}
	z := b.Zone()
	if z.Records() != 2000 || z.Nodes() != 2011 {
		t.Errorf("got %d records, %d nodes", z.Records(), z.Nodes())
	}
	for i := range 2000 {
		if name := MustParseName(fmt.Sprintf("h%d.x%d.example.com.", i, i%10)); !z.Exists(name) {
			t.Fatalf("%s does not exist", name)
		}
	}
}

// TestDeepNames: the deepest tree that there is.
func TestDeepNames(t *testing.T) {
	b := NewBuilder(Root)
	deep := MustParseName(strings.Repeat("a.", 127))
	b.Add(deep, dns.TypeA, 60, []byte{1, 2, 3, 4})
	z := b.Zone()
	if z.Nodes() != 128 {
		t.Errorf("got %d nodes", z.Nodes())
	}
	var k Key
	k.Set(deep)
	if f := z.Find(&k); !f.Exact || f.Labels != 127 || z.Name(f.Node) != deep {
		t.Errorf("got %+v", f)
	}
	k.Set(MustParseName("b." + strings.Repeat("a.", 126)))
	if f := z.Find(&k); f.Exact || f.Labels != 126 {
		t.Errorf("got %+v", f)
	}
	k.Set(MustParseName(strings.Repeat("b.", 127)))
	if f := z.Find(&k); f.Exact || f.Labels != 0 {
		t.Errorf("got %+v", f)
	}
}
