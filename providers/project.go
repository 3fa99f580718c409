package providers

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// Key names an RRset: the unit of ownership, plan and change.
type Key struct {
	Name zones.Name
	Type uint16
}

func (k Key) String() string { return k.Name.String() + " " + zones.TypeString(k.Type) }

func (k Key) compare(o Key) int {
	if c := k.Name.Compare(o.Name); c != 0 {
		return c
	}
	return int(k.Type) - int(o.Type)
}

// sorted returns the keys of m in canonical order.
func sorted[V any](m map[Key]V) []Key { return slices.SortedFunc(maps.Keys(m), Key.compare) }

// Overlay is what one provider is to hang on the RRsets of a zone, by owner: "proxied": "true", "comment": "web". What
// an attribute means, and on which types, the provider's Driver says (its Project).
type Overlay map[zones.Name]map[string]string

// WholeZone is implemented by drivers that hold a zone as a whole (a zone file): they are given the apex SOA
// and NS too, which every other provider has of its own and keeps. The SOA goes along with other changes; a difference of the
// serial alone is none.
type WholeZone interface{ WholeZone() }

func isWhole(d Driver) bool { _, ok := d.(WholeZone); return ok }

// mirrored says whether an RRset of ours goes to providers at all, and if not, whether the plan should say so.
// The apex SOA and NS are each provider's own. Signatures are each signer's own: a copy of ours would outlive its
// validity at a provider that we can't reach. Of ALIAS records the addresses go there (alias.go).
func mirrored(k Key, origin zones.Name, whole bool) (yes bool, note string) {
	switch k.Type {
	case dns.TypeSOA:
		return whole && k.Name == origin, ""
	case dns.TypeNS:
		return whole || k.Name != origin, ""
	case dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeNSEC3PARAM, zones.TypeALIAS:
		return false, ""
	case dns.TypeDNSKEY, dns.TypeCDNSKEY, dns.TypeCDS, dns.TypeZONEMD:
		if k.Name == origin {
			return false, "not mirrored: each provider signs for itself"
		}
	}
	return true, ""
}

// Loss is an RRset that a provider can't hold, or that something of others' keeps us from writing. The rest of the zone goes
// on without it, and the mirror is never called in sync without naming it.
type Loss struct {
	Name string `json:"name"` // relative to the zone
	Type string `json:"type"`
	Text string `json:"text"` // why, complete in words
}

// Note says how an RRset is held otherwise than it was written.
type Note struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Text string `json:"text"`
}

// projection projects RRsets of one zone onto one provider.
type projection struct {
	driver  Driver
	origin  zones.Name
	overlay Overlay
	whole   bool
}

// rrsets iterates over the RRsets of z that go to providers. z may be nil.
func (p projection) rrsets(z *zones.Zone) iter.Seq2[Key, zones.RRset] {
	return func(yield func(Key, zones.RRset) bool) {
		if z == nil {
			return
		}
		for s := range z.RRsets() {
			k := Key{s.Name, s.Type}
			if ok, _ := mirrored(k, p.origin, p.whole); ok && !yield(k, s) {
				return
			}
		}
	}
}

// held returns s as the provider holds it. Attributes that the provider shows at its RRset already (found) and that no
// overlay names stay as they are: what is held can depend on them (a proxied name has no TTL of its own).
func (p projection) held(s zones.RRset, found map[string]string) (RRset, []string, error) {
	in := RRset{RRset: s}
	if over := p.overlay[s.Name]; len(over) > 0 || len(found) > 0 {
		in.Attrs = maps.Clone(found)
		if in.Attrs == nil {
			in.Attrs = make(map[string]string)
		}
		maps.Copy(in.Attrs, over)
	}
	out, notes, err := p.driver.Project(in)
	if err != nil {
		return RRset{}, nil, err
	}
	return out, notes, nil
}

// values is the records of an RRset by their canonical form.
type values struct {
	canon []string // in order, no value twice
	index map[string]int
}

func valuesOf(s RRset) values {
	v := values{index: make(map[string]int, len(s.Data))}
	for i, d := range Canonical(s.RRset).Data {
		if _, twice := v.index[string(d)]; twice {
			continue
		}
		v.index[string(d)] = i
		v.canon = append(v.canon, string(d))
	}
	return v
}

func (v values) has(canon string) bool { _, ok := v.index[canon]; return ok }

// differentAttrs tells in words what want asks for and held has not: "proxied false -> true".
func differentAttrs(held, want RRset) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(want.Attrs)) {
		if held.Attrs[k] != want.Attrs[k] {
			out = append(out, fmt.Sprintf("%s %s -> %s", k, orNone(held.Attrs[k]), orNone(want.Attrs[k])))
		}
	}
	return strings.Join(out, ", ")
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}
