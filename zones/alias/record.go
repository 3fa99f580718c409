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
		out = r.Changes(out, Answer{}, look(r))
	}
	return out
}

// Changes appends to out what is to be changed in a zone where the owner of r has what one answer says, for it to have what another one
// says. Of the zero Answer nothing was changed.
func (r Record) Changes(out []zones.Change, from, to Answer) []zones.Change {
	for _, f := range [...]struct {
		typ      uint16
		from, to []netip.Addr
	}{{dns.TypeA, from.V4.Addrs, to.V4.Addrs}, {dns.TypeAAAA, from.V6.Addrs, to.V6.Addrs}} {
		if !slices.Equal(f.from, f.to) {
			out = append(out, zones.Change{Name: r.Owner, Type: f.typ, Old: r.addresses(f.typ, f.from), New: r.addresses(f.typ, f.to)})
		}
	}
	switch {
	case from.Whole() == to.Whole():
	case to.Whole():
		out = append(out, zones.Change{Name: r.Owner, Type: zones.TypeALIAS, Old: r.RRset()})
	default:
		out = append(out, zones.Change{Name: r.Owner, Type: zones.TypeALIAS, New: r.RRset()})
	}
	return out
}

// RRset is the record as it was loaded.
func (r Record) RRset() zones.RRset {
	return zones.RRset{Name: r.Owner, Type: zones.TypeALIAS, TTL: r.TTL, Data: [][]byte{[]byte(r.Target.Wire())}}
}

func (r Record) addresses(typ uint16, addrs []netip.Addr) zones.RRset {
	if len(addrs) == 0 {
		return zones.RRset{}
	}
	s := zones.RRset{Name: r.Owner, Type: typ, TTL: r.TTL, Data: make([][]byte, len(addrs))}
	for i, a := range addrs {
		s.Data[i] = a.AsSlice()
	}
	return s
}
