package zones

// TypeALIAS is the type that PowerDNS uses for ALIAS, from the private range (RFC 6895 3.1): its RDATA is one name. The addresses
// of that name are served as A and AAAA records of the owner. A loaded zone holds it as it was written. In a served
// zone it stands for addresses that are not known: where it is left, A and AAAA records that are not there may exist, so nobody
// may deny them.
const TypeALIAS uint16 = 65401

// ALIASTarget returns the target of record i of an ALIAS RRset; false for other types, and where the data is not one name.
func (s RRset) ALIASTarget(i int) (Name, bool) {
	if s.Type != TypeALIAS {
		return Name{}, false
	}
	n, err := NameFromWire(s.Data[i])
	return n, err == nil && len(n.wire) == len(s.Data[i])
}

// ALIASes returns the ALIAS RRsets of z that are authoritative data of it, in canonical order of their owners; those at and below
// delegations are not. It looks at every name.
func (z *Zone) ALIASes() []RRset {
	var out []RRset
	var key Key
	for w := z.walk(); w.next(); {
		s, ok := nodeType(w.node, TypeALIAS)
		if !ok {
			continue
		}
		name := z.nameOf(w.node)
		key.Set(name)
		if z.Find(&key).Kind == KindNone {
			out = append(out, s.rrset(name))
		}
	}
	return out
}
