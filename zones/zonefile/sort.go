package zonefile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// sorter puts records in canonical order. What parts them stays where it is: directives change what follows them, and a
// comment that stands alone is a heading.
type sorter struct {
	zone   zones.Name
	origin zones.Name // in force

	owner       zones.Name // of the record before
	ownerText   string
	ownerOrigin zones.Name // in force where ownerText was read
}

// sortPieces returns pieces with their records sorted, each owner written where it begins.
func sortPieces(pieces []piece, zone zones.Name) ([]piece, error) {
	s := &sorter{zone: zone, origin: zone}
	out := make([]piece, 0, len(pieces))
	for len(pieces) > 0 {
		n := slices.IndexFunc(pieces, func(p piece) bool { return p.kind != pieceRecord })
		switch {
		case n < 0:
			n = len(pieces)
		case n == 0:
			s.directive(pieces[0])
			out = append(out, pieces[0])
			pieces = pieces[1:]
			continue
		}
		sorted, err := s.records(pieces[:n])
		if err != nil {
			return nil, err
		}
		out = append(out, sorted...)
		pieces = pieces[n:]
	}
	return out, nil
}

// directive follows the origin.
func (s *sorter) directive(p piece) {
	if p.kind == pieceDirective && directiveName(p.toks[0]) == "$ORIGIN" {
		s.origin = nameOf(p.toks[1].text, s.origin)
	}
}

// nameOf reads a name that Parse has read; a zero Name where it cannot be.
func nameOf(text []byte, origin zones.Name) zones.Name {
	wire, _, fault := appendName(nil, text, origin.Wire())
	if fault != faultNone {
		return zones.Name{}
	}
	name, err := zones.NameFromWire(wire)
	if err != nil {
		return zones.Name{}
	}
	return name
}

// sortable is a record on its way.
type sortable struct {
	piece
	owner zones.Name
	text  string // of its owner
	typ   uint16
}

// records sorts those between two fences.
func (s *sorter) records(pieces []piece) ([]piece, error) {
	list := make([]sortable, len(pieces))
	for i, p := range pieces {
		h, ok := headOf(p)
		if !p.blank {
			s.owner, s.ownerText, s.ownerOrigin = nameOf(p.toks[0].text, s.origin), string(p.toks[0].text), s.origin
		}
		if !ok || s.owner.IsZero() {
			return nil, fmt.Errorf("sort records: line %d cannot be read", p.line)
		}
		text := s.ownerText
		if s.ownerOrigin != s.origin {
			text = string(appendNameText(nil, []byte(s.owner.Wire()), ""))
		}
		list[i] = sortable{p, s.owner, text, h.typCode}
	}
	first := pieces[0].gap
	slices.SortStableFunc(list, func(a, b sortable) int {
		return cmp.Or(a.owner.Compare(b.owner), cmp.Compare(s.rank(a), s.rank(b)), cmp.Compare(a.typ, b.typ))
	})
	out := make([]piece, len(list))
	for i, r := range list {
		p := r.piece
		if !p.blank {
			p.toks = p.toks[1:]
		}
		if p.blank = i > 0 && r.owner == list[i-1].owner; !p.blank {
			p.toks = append([]token{{text: []byte(r.text), line: p.line}}, p.toks...)
		}
		p.gap = i == 0 && first
		out[i] = p
	}
	return out, nil
}

// rank puts SOA and NS of the apex before its other types.
func (s *sorter) rank(r sortable) int {
	switch {
	case r.owner != s.zone:
		return 2
	case r.typ == dns.TypeSOA:
		return 0
	case r.typ == dns.TypeNS:
		return 1
	}
	return 2
}
