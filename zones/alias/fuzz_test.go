package alias

import (
	"bytes"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// What is taken for kept addresses is written and read again as the same.
func FuzzDecode(f *testing.F) {
	f.Add(Encode(nil))
	f.Add([]byte(`{"revision":1,"targets":[{"target":"a.b.","a":["192.0.2.2","192.0.2.1","192.0.2.1"],"aaaa":[],"since":"2026-11-21T12:00:00Z"},{"target":"c.","aaaa":["2001:db8::1"],"problem":"x","owners":["o.","p."]}]}`))
	f.Add([]byte(`{"revision":1,"targets":[{"target":"a.","problem":"x","held":[{"owner":"o.","target":"b.","a":["192.0.2.1"],"since":"2026-11-21T12:00:00Z"}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		states, err := Decode(text)
		if err != nil {
			return
		}
		once := Encode(states)
		again, err := Decode(once)
		if err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		if twice := Encode(again); len(again) != len(states) || !bytes.Equal(once, twice) {
			t.Errorf("%s became %s", once, twice)
		}
	})
}

// Whatever a resolver sends: no address is taken that is refused, none of the other family, and none that is not in the message.
func FuzzRead(f *testing.F) {
	q := new(dns.Msg).SetQuestion("t.example.", dns.TypeA)
	for _, records := range [][]string{nil, {"t.example. 60 A 192.0.2.1", "t.example. 60 A 127.0.0.1"}, {"t.example. 60 CNAME a.example.", "a.example. 5 A 192.0.2.1"}, {"t.example. 60 CNAME t.example."}} {
		b, err := answer(q, dns.RcodeSuccess, records...).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := new(dns.Msg)
		if m.Unpack(b) != nil || len(m.Question) != 1 {
			return
		}
		r, err := new(Client).read(m, zones.MustParseName("t.example."))
		if err != nil && (len(r.Addrs) > 0 || r.None != "") {
			t.Errorf("%v, and %v", r, err)
		}
		if err == nil && (len(r.Addrs) > 0) == (r.None != "") {
			t.Errorf("neither addresses nor none: %v", r)
		}
		for _, a := range r.Addrs {
			if Refused(a) || a.Is4() != (m.Question[0].Qtype == dns.TypeA) || !bytes.Contains(b, a.AsSlice()) {
				t.Errorf("took %v of %v", a, m)
			}
		}
	})
}
