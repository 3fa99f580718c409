package cloudflare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// autoTTL is what Cloudflare answers for TTL 1, "automatic", and for everything proxied.
const autoTTL = 300

// mixedTTL stands for an RRset whose records have several TTLs. No zone of ours is projected to it, so a plan always sees the
// difference.
const mixedTTL = 0

// A record is a DNS record as the API shows it, as far as we read it.
type record struct {
	ID       string                     `json:"id"`
	Type     string                     `json:"type"`
	Name     string                     `json:"name"`
	Content  string                     `json:"content"`
	Priority *uint16                    `json:"priority"`
	Proxied  bool                       `json:"proxied"`
	TTL      uint32                     `json:"ttl"`
	Data     map[string]json.RawMessage `json:"data"`
	Comment  string                     `json:"comment"`
	Tags     []string                   `json:"tags"`
	Locked   bool                       `json:"locked"`
	Meta     struct {
		ReadOnly     bool `json:"read_only"`
		EmailRouting bool `json:"email_routing"`
	} `json:"meta"`
}

// ttl is what name servers answer with.
func (r *record) ttl() uint32 {
	if r.Proxied || r.TTL == 1 {
		return autoTTL
	}
	return r.TTL
}

// managed says who else owns the record, "" for nobody.
func (r *record) managed() string {
	switch {
	case r.Meta.EmailRouting:
		return "managed by Email Routing"
	case r.Meta.ReadOnly || r.Locked:
		return "managed by another Cloudflare product"
	}
	return ""
}

// A held is one RRset with the records that make it up.
type held struct {
	name    zones.Name
	rrtype  uint16
	records []value
	foreign string // why it is none that we touch
}

// A value is one record and its RDATA.
type value struct {
	*record
	rdata []byte
}

type key struct {
	name   zones.Name
	rrtype uint16
}

// arrange groups a listing into RRsets. A record that cannot be read, or that is another product's, makes its whole
// RRset foreign: what is not understood as a whole is not changed in part.
func arrange(zone zones.Name, raw []json.RawMessage) []*held {
	var out []*held
	at := make(map[key]*held)
	for _, r := range raw {
		k, v, problem := read(zone, r)
		h := at[k]
		if h == nil {
			h = &held{name: k.name, rrtype: k.rrtype}
			at[k] = h
			out = append(out, h)
		}
		if problem != "" {
			h.foreign = strings.TrimPrefix(h.foreign+"; "+problem, "; ")
			continue
		}
		h.records = append(h.records, v)
	}
	return out
}

// read understands one record, or says why not, for people.
func read(zone zones.Name, raw json.RawMessage) (k key, v value, problem string) {
	// The name and type first: they say what a record that cannot be read further stands at.
	var id struct {
		Name, Type, Content string
	}
	k.name = zone
	if err := json.Unmarshal(raw, &id); err != nil {
		return k, v, fmt.Sprintf("record %.200s: %v", raw, err)
	}
	text := strings.TrimSpace(id.Type + " " + id.Content)
	name, err := zones.ParseName(id.Name)
	if err != nil || !name.Within(zone) {
		return k, v, fmt.Sprintf("%s at %q, which is no name of the zone", text, id.Name)
	}
	k.name, k.rrtype = name, dns.StringToType[id.Type]
	rec := new(record)
	if err := json.Unmarshal(raw, rec); err != nil {
		return k, v, fmt.Sprintf("%s (not understood: %v)", text, err)
	}
	if why := rec.managed(); why != "" {
		return k, v, fmt.Sprintf("%s (%s)", text, why)
	}
	rdata, err := decode(rec)
	if err != nil {
		return k, v, fmt.Sprintf("%s (not understood: %v)", text, err)
	}
	if rec.ID == "" {
		return k, v, text + " (without an id)"
	}
	return k, value{rec, rdata}, ""
}

// rrset is what the records make up for the DNS.
func (h *held) rrset() zones.RRset {
	s := zones.RRset{Name: h.name, Type: h.rrtype}
	for i, v := range h.records {
		if !slices.ContainsFunc(s.Data, func(d []byte) bool { return bytes.Equal(d, v.rdata) }) {
			s.Data = append(s.Data, v.rdata)
		}
		switch {
		case i == 0:
			s.TTL = v.ttl()
		case s.TTL != v.ttl():
			s.TTL = mixedTTL
		}
	}
	if h.anyProxied() {
		s.TTL = autoTTL
	}
	return s
}

// anyProxied: where one address of a name is proxied, Cloudflare answers as if all of them were.
func (h *held) anyProxied() bool {
	return slices.ContainsFunc(h.records, func(v value) bool { return v.Proxied })
}
