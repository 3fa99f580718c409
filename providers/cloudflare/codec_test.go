package cloudflare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/providertest"
	"github.com/mangrove-dns/mangrove/zones"
)

func TestTextContent(t *testing.T) {
	for _, c := range []struct {
		strs    []string
		content string
	}{
		{[]string{""}, `""`},
		{[]string{"v=spf1 -all"}, `"v=spf1 -all"`},
		{[]string{"two", "strings"}, `"two" "strings"`},
		{[]string{`a"b\c`}, `"a\"b\\c"`},
		{[]string{"grün"}, `"grün"`},
		{[]string{"\x00\t\xff"}, `"\000\009\255"`},
		{[]string{"gr\xc3", "\xbcn"}, `"gr\195" "\188n"`},
	} {
		if got := joinStrings(c.strs); got != c.content {
			t.Errorf("%q: got %s, want %s", c.strs, got, c.content)
		}
		back, err := splitStrings(c.content)
		if diff := cmp.Diff(c.strs, back); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", c.content, err, diff)
		}
	}
	for content, want := range map[string][]string{
		`no quotes \ at all "x`:                  {`no quotes \ at all "x`},
		strings.Repeat("x", 300):                 {strings.Repeat("x", 255), strings.Repeat("x", 45)},
		`"` + strings.Repeat("x", 300) + `" "y"`: {strings.Repeat("x", 255), strings.Repeat("x", 45), "y"},
		`"a""b"`:                                 {"a", "b"},
		`"\065\;"`:                               {"A;"},
		``:                                       {""},
	} {
		got, err := splitStrings(content)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", content, err, diff)
		}
	}
	for _, content := range []string{`"`, `"a`, `"a" b`, `"a\`, `"\25"`, `"\256"`, `"\2x6"`, `"a"b"`} {
		if got, err := splitStrings(content); err == nil {
			t.Errorf("%s: got %q", content, got)
		}
	}
}

func FuzzTextContent(f *testing.F) {
	f.Add([]byte("a"), []byte("\xff\"\\"))
	f.Add([]byte(""), bytes.Repeat([]byte("ü"), 127))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		strs := []string{string(a[:min(len(a), 255)]), string(b[:min(len(b), 255)])}
		content := joinStrings(strs)
		raw, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		var over string
		if err := json.Unmarshal(raw, &over); err != nil {
			t.Fatal(err)
		}
		back, err := splitStrings(over)
		if diff := cmp.Diff(strs, back); diff != "" || err != nil {
			t.Fatalf("%s: %v\n%s", content, err, diff)
		}
	})
}

// fuzzTypes are what FuzzRecords tries.
var fuzzTypes = []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME, dns.TypeNS, dns.TypePTR, dns.TypeMX, dns.TypeTXT, dns.TypeOPENPGPKEY,
	dns.TypeURI, dns.TypeCAA, dns.TypeSRV, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeNAPTR, dns.TypeLOC, dns.TypeDS, dns.TypeDNSKEY,
	dns.TypeTLSA, dns.TypeSMIMEA, dns.TypeSSHFP, dns.TypeCERT, dns.TypeDNAME}

// Whatever RDATA a zone may hold: it survives, or it is said that it cannot be held.
func FuzzRecords(f *testing.F) {
	for _, s := range providertest.MustRRsets("example.com", `@ IN CAA 0 issue "x\"y"
@ IN LOC 1 2 3.456 N 4 5 6.789 E 10m 1m 2m 3m
@ IN NAPTR 1 2 "u" "s" "!\\1!" .
@ IN HTTPS 1 . alpn="h2" key65400="\255"
@ IN SVCB 1 a.b mandatory=alpn alpn="h2,h3" ipv4hint=192.0.2.1 ech="AEX+DQ=="
@ IN URI 1 2 "x"
@ IN CERT 1 0 0 MIIDBzCCAe8=
@ IN SRV 1 2 3 a.b`) {
		f.Add(uint8(slices.Index(fuzzTypes, s.Type)), s.Data[0])
	}
	f.Add(uint8(slices.Index(fuzzTypes, dns.TypeCAA)), []byte{})
	d := new(Driver)
	f.Fuzz(func(t *testing.T, index uint8, rdata []byte) {
		rrtype := fuzzTypes[int(index)%len(fuzzTypes)]
		s := zones.RRset{Name: zones.MustParseName("example.com"), Type: rrtype, TTL: 300, Data: [][]byte{rdata}}
		if _, err := s.RR(0); err != nil {
			return
		}
		held, _, err := d.Project(providers.RRset{RRset: s})
		if err != nil {
			if strings.Contains(err.Error(), "panic") {
				t.Fatal(err)
			}
			return
		}
		canonical := providers.Canonical(held.RRset).Data[0]
		p, err := encode(rrtype, canonical)
		if err != nil {
			t.Fatal(err)
		}
		if err := survives(rrtype, canonical, p); err != nil {
			t.Fatal(err)
		}
	})
}

// Garbage of the API never panics and never becomes a record that cannot be sent.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"id":"1","type":"A","name":"www.example.com","content":"192.0.2.1","ttl":1}`))
	f.Add([]byte(`{"id":"1","type":"LOC","name":"example.com","data":{"lat_degrees":1,"lat_minutes":1,"lat_seconds":1e300}}`))
	f.Add([]byte(`{"id":"1","type":"HTTPS","name":"example.com","data":{"priority":1,"target":".","value":"alpn=h2 (\n"}}`))
	zone := zones.MustParseName("example.com")
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, v, problem := read(zone, raw)
		if problem != "" {
			return
		}
		s := zones.RRset{Name: zone, Type: dns.StringToType[v.Type], Data: [][]byte{v.rdata}}
		if _, err := s.RR(0); err != nil {
			t.Fatalf("%s became %x: %v", raw, v.rdata, err)
		}
	})
}

// What libdns cannot send is sent: every zero.
func TestZeroValuesAreSent(t *testing.T) {
	for text, want := range map[string]string{
		"@ IN MX 0 .":         `{"content":".","priority":0}`,
		"@ IN SRV 0 0 0 .":    `{"data":{"port":0,"priority":0,"target":".","weight":0}}`,
		`@ IN URI 0 0 "x"`:    `{"priority":0,"data":{"target":"x","weight":0}}`,
		`@ IN CAA 0 issue ""`: `{"data":{"flags":0,"tag":"issue","value":""}}`,
		"@ IN HTTPS 0 a.":     `{"data":{"priority":0,"target":"a","value":""}}`,
		"@ IN LOC 51 30 12.748 N 0 7 39.611 W 0.00m 0m 0m 0m": `{"data":{"altitude":0.00,"lat_degrees":51,"lat_direction":"N","lat_minutes":30,"lat_seconds":12.748,` +
			`"long_degrees":0,"long_direction":"W","long_minutes":7,"long_seconds":39.611,"precision_horz":0.00,"precision_vert":0.00,"size":0.00}}`,
	} {
		s := providertest.Set("example.com", text)
		p, err := encode(s.Type, s.Data[0])
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := json.Marshal(operation{payload: p})
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", text, got, err, want)
		}
	}
}

// Numbers as strings and strings as numbers: Cloudflare's answers differ from its documentation.
func TestLenientData(t *testing.T) {
	for raw, want := range map[string]string{
		`{"type":"NAPTR","data":{"order":"100","preference":10,"flags":"S","service":"SIP+D2U","regex":"","replacement":"_sip._udp.example.com"}}`:                                                                                                      `100 10 "S" "SIP+D2U" "" _sip._udp.example.com.`,
		`{"type":"SRV","priority":1,"data":{"name":"x","proto":"_tcp","service":"_sip","priority":1,"weight":"2","port":3,"target":"a.example.com"}}`:                                                                                                   `1 2 3 a.example.com.`,
		`{"type":"LOC","data":{"lat_degrees":51,"lat_minutes":30,"lat_seconds":12.7481,"lat_direction":"N","long_degrees":0,"long_minutes":7,"long_seconds":39,"long_direction":"W","altitude":0,"size":1,"precision_horz":10000,"precision_vert":10}}`: `51 30 12.748 N 00 07 39.000 W 0m 1m 10000m 10m`,
		`{"type":"TLSA","data":{"usage":3,"selector":1,"matching_type":1,"certificate":"AB cd"}}`:                                                                                                                                                       `3 1 1 abcd`,
		`{"type":"MX","priority":0,"content":""}`:                 `0 .`,
		`{"type":"MX","priority":10,"content":"mx.example.com."}`: `10 mx.example.com.`,
	} {
		rec := new(record)
		if err := json.Unmarshal([]byte(raw), rec); err != nil {
			t.Fatal(err)
		}
		rdata, err := decode(rec)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if got := (zones.RRset{Name: zones.Root, Type: dns.StringToType[rec.Type], Data: [][]byte{rdata}}).Text(0); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestDataRefused(t *testing.T) {
	for raw, want := range map[string]string{
		`{"type":"SRV","data":{"priority":1,"weight":2,"port":70000,"target":"a"}}`: `data.port is "70000"`,
		`{"type":"SRV","data":{"priority":1,"weight":2,"port":1.5,"target":"a"}}`:   `data.port is "1.5"`,
		`{"type":"SRV"}`: `data.priority is ""`,
		`{"type":"SRV","data":{"priority":[1],"weight":2,"port":1,"target":"a"}}`:                      `data.priority is "[1]"`,
		`{"type":"TLSA","data":{"usage":3,"selector":1,"matching_type":1,"certificate":"xyz"}}`:        `data.certificate is "\"xyz\""`,
		`{"type":"CERT","data":{"type":3,"key_tag":1,"algorithm":1,"certificate":"%"}}`:                `data.certificate is "\"%\""`,
		`{"type":"CAA","data":{"flags":0,"tag":"","value":"x"}}`:                                       `data.tag is "\"\""`,
		`{"type":"URI","data":{"weight":0,"target":"x"}}`:                                              "no priority",
		`{"type":"LOC","data":{"lat_degrees":91,"lat_minutes":0,"lat_seconds":0,"lat_direction":"N"}}`: `data.lat_degrees is "91"`,
		`{"type":"A","content":"192.0.2.1 ; x"}`:                                                       `A "192.0.2.1 ; x" is no record`,
		`{"type":"DNAME","content":"x"}`:                                                               "there are no records of this type at Cloudflare",
	} {
		rec := new(record)
		if err := json.Unmarshal([]byte(raw), rec); err != nil {
			t.Fatal(err)
		}
		if _, err := decode(rec); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", raw, err, want)
		}
	}
}

func TestProject(t *testing.T) {
	nl := strings.Repeat("x", 101)
	for _, c := range []struct {
		plan  Plan
		attrs map[string]string
		in    string
		want  string // what is held and the notes, or the error
	}{
		{"", nil, "www 300 IN A 192.0.2.1", "300 A [192.0.2.1] map[]"},
		{"", nil, "www 20 IN A 192.0.2.1", "60 A [192.0.2.1] map[]; TTL 20 becomes 60, the least that Cloudflare takes"},
		{PlanEnterprise, nil, "www 20 IN A 192.0.2.1", "30 A [192.0.2.1] map[]; TTL 20 becomes 30, the least that Cloudflare takes"},
		{PlanEnterprise, nil, "www 30 IN A 192.0.2.1", "30 A [192.0.2.1] map[]"},
		{"", nil, "www 0 IN A 192.0.2.1", "60 A [192.0.2.1] map[]; TTL 0 becomes 60, the least that Cloudflare takes"},
		{"", nil, "www 604800 IN A 192.0.2.1", "86400 A [192.0.2.1] map[]; TTL 604800 becomes 86400, the most that Cloudflare takes"},
		{"", map[string]string{"proxied": "true"}, "www 60 IN A 192.0.2.1", "300 A [192.0.2.1] map[proxied:true]; TTL 60 becomes automatic (300): it is proxied"},
		{"", map[string]string{"proxied": "false"}, "www 60 IN A 192.0.2.1", "60 A [192.0.2.1] map[proxied:false]"},
		{"", map[string]string{"proxied": "(differs) false | true"}, "www 300 IN A 192.0.2.1", "300 A [192.0.2.1] map[proxied:(differs) false | true]"},
		{"", map[string]string{"proxied": "true"}, "www 60 IN TXT x", `60 TXT ["x"] map[]`},
		{"", map[string]string{"proxied": "true"}, "www 60 IN A 10.0.0.1", "60 A [10.0.0.1] map[proxied:false]; not proxied: 10.0.0.1 cannot be reached by the proxy"},
		{"", map[string]string{"proxied": "yes"}, "www 60 IN A 192.0.2.1", `cannot be held: proxied: "yes" is neither true nor false`},
		{"", map[string]string{"colour": "red"}, "www 60 IN A 192.0.2.1", `cannot be held: overlay "colour" is unknown here: there are proxied, comment and tags`},
		{"", map[string]string{"comment": "web", "tags": "b:2,a:1"}, "www 60 IN A 192.0.2.1", "60 A [192.0.2.1] map[comment:web tags:a:1, b:2]"},
		{PlanFree, map[string]string{"comment": nl, "tags": "a"}, "www 60 IN A 192.0.2.1",
			"60 A [192.0.2.1] map[]; comment left out: 101 characters, and 100 is the most of this plan; tags left out: 1, and 0 is the most of this plan"},
		{"", map[string]string{"comment": "a\nb"}, "www 60 IN A 192.0.2.1", "60 A [192.0.2.1] map[]; comment left out: it has several lines"},
		{"", nil, "@ 60 IN CAA 0 Issue \"X\"", `60 CAA [0 issue "X"] map[]`},
		{"", nil, "@ 60 IN MX 10 A\n@ 60 IN MX 10 a", "60 MX [10 A.example.com.] map[]; 10 a.example.com. stands twice but for the case of letters; it is held once"},
		{"", nil, "@ 60 IN HINFO a b", `cannot be held: "a" "b": there are no records of this type at Cloudflare`},
		{"", nil, "@ 60 IN DNAME a", `cannot be held: a.example.com.: there are no records of this type at Cloudflare`},
		{"", nil, `w\.w 60 IN A 192.0.2.1`, `cannot be held: the name w\.w.example.com. has characters other than a-z, 0-9, hyphen and underscore`},
		{"", nil, `gr\195\188n 60 IN A 192.0.2.1`, `cannot be held: the name gr\195\188n.example.com. has characters other than a-z, 0-9, hyphen and underscore`},
		{"", nil, `a.*.b 60 IN A 192.0.2.1`, `cannot be held: the name a.*.b.example.com. has characters other than a-z, 0-9, hyphen and underscore`},
		{"", nil, `a 60 IN CNAME b\ c`, `cannot be held: b\ c.example.com.: the name b\ c.example.com. has characters other than a-z, 0-9, hyphen and underscore`},
		{"", nil, `@ 60 IN CAA 0 issue "\255"`, "cannot be held: 0 issue \"\\255\": the string \"\\xff\" is not UTF-8"},
	} {
		d := &Driver{plan: c.plan}
		in := providers.RRset{RRset: providertest.MustRRsets("example.com", c.in)[0], Attrs: c.attrs}
		if in.TTL == 300 && strings.Contains(c.in, " 0 IN A") {
			in.TTL = 0
		}
		got := ""
		held, notes, err := d.Project(in)
		if err != nil {
			got = err.Error()
		} else {
			got = strings.Join(append([]string{fmt.Sprintf("%d %s %v %v", held.TTL, zones.TypeString(held.Type), held.Texts(), held.Attrs)}, notes...), "; ")
			again, notes, err := d.Project(held)
			if err != nil || len(notes) > 0 || !providers.Equal(again, held) || !providers.Equal(held, again) {
				t.Errorf("%s: projected again: %v, %v, %v", c.in, again, notes, err)
			}
		}
		if got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestContentTooLong(t *testing.T) {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, "big 300 IN TXT \"%d%s\"\n", i, strings.Repeat("x", 240))
	}
	_, _, err := new(Driver).Project(providertest.Set("example.com", b.String()))
	if want := "cannot be held: 9750 characters at one name and type, Cloudflare takes 8192"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestVisible(t *testing.T) {
	d := new(Driver)
	for _, c := range []struct {
		text, proxied string
		want          bool
	}{
		{"www IN A 192.0.2.1", "", true}, {"www IN A 192.0.2.1", "false", true}, {"www IN A 192.0.2.1", "true", false},
		{"www IN CNAME a.", "true", false}, {"www IN A 192.0.2.1", "(differs) false | true", false}, {"www IN TXT x", "true", true},
	} {
		s := providertest.Set("example.com", c.text)
		s.Attrs = map[string]string{"proxied": c.proxied}
		if got, ok := d.Visible(s); ok != c.want || !got.Equal(s.RRset) {
			t.Errorf("%s proxied %q: got %v, %t", c.text, c.proxied, got, ok)
		}
	}
}
