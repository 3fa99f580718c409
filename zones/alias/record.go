package alias

import (
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// Record is one ALIAS record of a loaded zone.
type Record struct {
	Owner, Target zones.Name
	TTL           uint32
	Pos           zones.Pos // in its file; zero where that is not known
}

// Records returns the ALIAS records of z that are to become addresses, in canonical order of their owners. It looks through
// the whole zone. where tells their places and may be nil.
func Records(z *zones.Zone, where func(zones.Name, uint16, int) zones.Pos) []Record {
	var out []Record
	for _, s := range z.ALIASes() {
		target, ok := s.ALIASTarget(0)
		if !ok {
			continue
		}
		r := Record{Owner: s.Name, Target: target, TTL: s.TTL}
		if where != nil {
			r.Pos = where(s.Name, zones.TypeALIAS, 0)
		}
		out = append(out, r)
	}
	return out
}

// Changes returns what is to be changed in the zone of records, as it was loaded, for their owners to have the addresses that
// look tells. An ALIAS record stays as long as one of its families is not known. The same answers give the same changes.
func Changes(records []Record, look func(Record) Answer) []zones.Change {
	var out []zones.Change
	for _, r := range records {
		a := look(r)
		for _, f := range [...]struct {
			typ uint16
			Family
		}{{dns.TypeA, a.V4}, {dns.TypeAAAA, a.V6}} {
			if len(f.Addrs) > 0 {
				out = append(out, zones.Change{Name: r.Owner, Type: f.typ, New: r.addresses(f.typ, f.Addrs)})
			}
		}
		if a.Whole() {
			out = append(out, zones.Change{Name: r.Owner, Type: zones.TypeALIAS, Old: r.RRset()})
		}
	}
	return out
}

// RRset is the record as it was loaded.
func (r Record) RRset() zones.RRset {
	return zones.RRset{Name: r.Owner, Type: zones.TypeALIAS, TTL: r.TTL, Data: [][]byte{[]byte(r.Target.Wire())}}
}

func (r Record) addresses(typ uint16, addrs []netip.Addr) zones.RRset {
	s := zones.RRset{Name: r.Owner, Type: typ, TTL: r.TTL, Data: make([][]byte, len(addrs))}
	for i, a := range addrs {
		s.Data[i] = a.AsSlice()
	}
	return s
}

// targets returns the targets of records, each once, in canonical order.
func targets(records []Record) []zones.Name {
	out := make([]zones.Name, len(records))
	for i, r := range records {
		out[i] = r.Target
	}
	slices.SortFunc(out, zones.Name.Compare)
	return slices.Compact(out)
}
