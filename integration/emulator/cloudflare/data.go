package cloudflare

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// member is one component of a record's data, in the order of the presentation form.
type member struct {
	name string
	kind memberKind
	max  float64 // of number and decimal
	min  float64
}

type memberKind int

const (
	number    memberKind = iota // whole
	decimal                     // with a fraction
	literal                     // any string
	keyword                     // letters and digits
	hexUpper                    // hexadecimal, shown in upper case
	hexDigits                   // hexadecimal, shown as given
	base64Str                   // base64, shown as given
	hostName                    // a target
	compass                     // N, S, E, W
)

const u8, u16 = 255, 65535

var dataMembers = map[string][]member{
	"CAA":    {{name: "flags", max: u8}, {name: "tag", kind: keyword}, {name: "value", kind: literal}},
	"CERT":   {{name: "type", max: u16}, {name: "key_tag", max: u16}, {name: "algorithm", max: u8}, {name: "certificate", kind: base64Str}},
	"DNSKEY": {{name: "flags", max: u16}, {name: "protocol", max: u8}, {name: "algorithm", max: u8}, {name: "public_key", kind: base64Str}},
	"DS":     {{name: "key_tag", max: u16}, {name: "algorithm", max: u8}, {name: "digest_type", max: u8}, {name: "digest", kind: hexDigits}},
	"HTTPS":  {{name: "priority", max: u16}, {name: "target", kind: hostName}, {name: "value", kind: literal}},
	"SVCB":   {{name: "priority", max: u16}, {name: "target", kind: hostName}, {name: "value", kind: literal}},
	"LOC": {
		{name: "lat_degrees", max: 90}, {name: "lat_minutes", max: 59}, {name: "lat_seconds", kind: decimal, max: 59.999}, {name: "lat_direction", kind: compass},
		{name: "long_degrees", max: 180}, {name: "long_minutes", max: 59}, {name: "long_seconds", kind: decimal, max: 59.999}, {name: "long_direction", kind: compass},
		{name: "altitude", kind: decimal, min: -100000, max: 42849672.95}, {name: "size", kind: decimal, max: 90000000},
		{name: "precision_horz", kind: decimal, max: 90000000}, {name: "precision_vert", kind: decimal, max: 90000000},
	},
	"NAPTR": {
		{name: "order", max: u16}, {name: "preference", max: u16}, {name: "flags", kind: literal}, {name: "service", kind: literal},
		{name: "regex", kind: literal}, {name: "replacement", kind: hostName},
	},
	"SMIMEA": {{name: "usage", max: u8}, {name: "selector", max: u8}, {name: "matching_type", max: u8}, {name: "certificate", kind: hexUpper}},
	"SRV":    {{name: "priority", max: u16}, {name: "weight", max: u16}, {name: "port", max: u16}, {name: "target", kind: hostName}},
	"SSHFP":  {{name: "algorithm", max: u8}, {name: "type", max: u8}, {name: "fingerprint", kind: hexDigits}},
	"TLSA":   {{name: "usage", max: u8}, {name: "selector", max: u8}, {name: "matching_type", max: u8}, {name: "certificate", kind: hexUpper}},
	"URI":    {{name: "weight", max: u16}, {name: "target", kind: literal}},
}

// fromData reads the data object. Content is computed: what a request says there is ignored.
func fromData(r *Record, f fields, p *problems) {
	data, ok := read[fields](f, "data")
	if f.has("data") && !ok {
		p.add(9102, "data must be an object.")
		return
	}
	before := len(*p)
	if r.Type == "URI" {
		priority(r, f, p)
	}
	r.Data = make(map[string]any)
	for _, m := range dataMembers[r.Type] {
		if v, ok := m.read(data, p); ok {
			r.Data[m.name] = v
		}
	}
	if len(*p) > before {
		return
	}
	r.present(p)
}

// read returns the member's value in the API's form.
func (m member) read(data fields, p *problems) (any, bool) {
	if !data.has(m.name) {
		p.add(9101, "%s is a required data field.", m.name)
		return nil, false
	}
	if m.kind == number || m.kind == decimal {
		n, ok := read[float64](data, m.name)
		if !ok || n < m.min || n > m.max || m.kind == number && n != math.Trunc(n) {
			p.add(9102, "%s must be a number between %v and %v.", m.name, m.min, m.max)
			return nil, false
		}
		if m.kind == number {
			return int(n), true
		}
		return n, true
	}
	s, ok := read[string](data, m.name)
	if s, ok = m.normalize(s, ok); !ok {
		p.add(9102, "%s is invalid.", m.name)
		return nil, false
	}
	return s, true
}

// normalize returns a string member as the API shows it, false where it is not one of its kind.
func (m member) normalize(s string, ok bool) (string, bool) {
	if !ok {
		return "", false
	}
	switch m.kind {
	case keyword:
		s = strings.ToLower(s)
		return s, s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
	case hexUpper, hexDigits:
		s = strings.Join(strings.Fields(s), "")
		_, err := hex.DecodeString(s)
		if m.kind == hexUpper {
			s = strings.ToUpper(s)
		}
		return s, err == nil && s != ""
	case base64Str:
		s = strings.Join(strings.Fields(s), "")
		_, err := base64.StdEncoding.DecodeString(s)
		return s, err == nil && s != ""
	case hostName:
		s = target(s)
		return s, s != ""
	case compass:
		want := []string{"N", "S"}
		if strings.HasPrefix(m.name, "long") {
			want = []string{"E", "W"}
		}
		return s, slices.Contains(want, s)
	}
	return s, true
}

// present computes the record and the content from r.Data.
func (r *Record) present(p *problems) {
	d := func(key string) string {
		switch v := r.Data[key].(type) {
		case float64:
			return strconv.FormatFloat(v, 'f', -1, 64)
		default:
			return fmt.Sprint(v)
		}
	}
	quoted := func(key string) string { return `"` + escape(d(key)) + `"` }
	name := func(key string) string { return strings.TrimSuffix(d(key), ".") + "." }
	switch r.Type {
	case "SRV":
		n := r.Data["priority"].(int)
		r.Priority = &n
		r.Content = d("weight") + " " + d("port") + " " + d("target")
		r.setRR(fmt.Sprintf("%d %s %s %s", n, d("weight"), d("port"), name("target")), p)
	case "URI":
		r.Content = d("weight") + " " + quoted("target")
		r.setRR(fmt.Sprintf("%d %s", *r.Priority, r.Content), p)
	case "CAA":
		r.Content = d("flags") + " " + d("tag") + " " + quoted("value")
		r.setRR(r.Content, p)
	case "HTTPS", "SVCB":
		r.setRR(d("priority")+" "+name("target")+" "+d("value"), p)
		if r.rr != nil { // keys in their order, values quoted
			text := strings.TrimPrefix(r.rr.String(), r.rr.Header().String())
			value := strings.TrimSpace(strings.TrimPrefix(text, d("priority")+" "+name("target")))
			r.Data["value"] = value
			r.Content = strings.TrimSpace(d("priority") + " " + d("target") + " " + value)
		}
	case "NAPTR":
		head := strings.Join([]string{d("order"), d("preference"), quoted("flags"), quoted("service"), quoted("regex")}, " ")
		r.Content = head + " " + d("replacement")
		r.setRR(head+" "+name("replacement"), p)
	case "LOC":
		r.Content = fmt.Sprintf("IN LOC %s %s %s %s %s %s %s %s %sm %sm %sm %sm",
			d("lat_degrees"), d("lat_minutes"), d("lat_seconds"), d("lat_direction"),
			d("long_degrees"), d("long_minutes"), d("long_seconds"), d("long_direction"),
			d("altitude"), d("size"), d("precision_horz"), d("precision_vert"))
		r.setRR(strings.TrimPrefix(r.Content, "IN LOC "), p)
	default:
		var words []string
		for _, m := range dataMembers[r.Type] {
			words = append(words, d(m.name))
		}
		r.Content = strings.Join(words, " ")
		r.setRR(r.Content, p)
	}
}
