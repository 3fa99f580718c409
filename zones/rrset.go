package zones

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// RRset is all records of one owner and type, class IN: the unit of withdrawal, plan and
// signature. An RRset without data means "not there". It is a value at the edges of the
// program; a Zone holds its RRsets packed. The slices in it are never modified once the
// RRset has been handed over.
type RRset struct {
	Name Name
	Type uint16
	TTL  uint32 // seconds
	// Data is each record's RDATA in wire form, names in it uncompressed and in the case
	// that they were written in. The order is the zone file's; no value stands twice.
	Data [][]byte
}

// TypeString names a type: "A", "ALIAS", "TYPE65400".
func TypeString(t uint16) string {
	if t == TypeALIAS {
		return "ALIAS"
	}
	if t == dns.TypeNone || t == dns.TypeReserved {
		return fmt.Sprintf("TYPE%d", t) // miekg/dns has names for them that no file may use
	}
	return dns.Type(t).String()
}

// ParseType reads "A", "https", "ALIAS", "TYPE65400".
func ParseType(s string) (uint16, error) {
	s = strings.ToUpper(s)
	if s == "ALIAS" {
		return TypeALIAS, nil
	}
	if t, ok := dns.StringToType[s]; ok {
		return t, nil
	}
	var t uint16
	if n, err := fmt.Sscanf(s, "TYPE%d", &t); n == 1 && err == nil && fmt.Sprintf("TYPE%d", t) == s {
		return t, nil
	}
	return 0, fmt.Errorf("unknown record type %q", s)
}

// IsZero says that the RRset has no records.
func (s RRset) IsZero() bool { return len(s.Data) == 0 }

// RR returns record i for the edges of the program. The error says that the RDATA is not
// what its type demands, which a parsed zone never holds, or that miekg/dns has no form for it, as for rare ones of rare types.
func (s RRset) RR(i int) (dns.RR, error) {
	hdr := dns.RR_Header{Name: s.Name.String(), Rrtype: s.Type, Class: dns.ClassINET, Ttl: s.TTL, Rdlength: uint16(len(s.Data[i]))}
	if len(s.Data[i]) == 0 && !mayBeEmpty(s.Type) {
		return nil, fmt.Errorf("%s %s: no data", s.Name, TypeString(s.Type)) // miekg/dns takes it for a deletion
	}
	rr, _, err := dns.UnpackRRWithHeader(hdr, s.Data[i], 0)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", s.Name, TypeString(s.Type), err)
	}
	escapeOctets(rr)
	if !packsTo(rr, s.Data[i]) {
		return nil, fmt.Errorf("%s %s: miekg/dns cannot represent the data", s.Name, TypeString(s.Type))
	}
	return rr, nil
}

// packsTo says whether rr has data, octet for octet. miekg/dns takes data that end early for shorter records, and gives an ISDN
// record a subaddress: a record that is not the zone's must not go to anybody.
func packsTo(rr dns.RR, data []byte) bool {
	buf := make([]byte, dns.Len(rr)+len(data)+255)
	end, err := dns.PackRR(rr, buf, 0, nil, false)
	return err == nil && end >= len(data) && bytes.Equal(buf[end-len(data):end], data)
}

// escapeOctets mends fields that miekg/dns unpacks as they are, but takes for escaped when it prints or packs them: a
// backslash in them would be lost.
func escapeOctets(rr dns.RR) {
	const backslash = "\\"
	switch rr := rr.(type) {
	case *dns.CAA:
		rr.Value = strings.ReplaceAll(rr.Value, backslash, backslash+backslash)
	case *dns.URI:
		rr.Target = strings.ReplaceAll(rr.Target, backslash, backslash+backslash)
	}
}

// mayBeEmpty says whether RDATA of no octets is valid: for APL (RFC 3123 4), NULL (RFC 1035 3.3.10) and types that
// are not known.
func mayBeEmpty(typ uint16) bool {
	_, known := dns.TypeToRR[typ]
	return !known || typ == dns.TypeAPL || typ == dns.TypeNULL
}

// RRs returns all records for the edges of the program.
func (s RRset) RRs() ([]dns.RR, error) {
	rrs := make([]dns.RR, len(s.Data))
	for i := range s.Data {
		rr, err := s.RR(i)
		if err != nil {
			return nil, err
		}
		rrs[i] = rr
	}
	return rrs, nil
}

// Text returns the RDATA of record i in presentation form; in the form of RFC 3597 where
// the type is not known or the data is not what it demands.
func (s RRset) Text(i int) string {
	if target, ok := s.ALIASTarget(i); ok {
		return target.String()
	}
	_, known := dns.TypeToRR[s.Type]
	rr, err := s.RR(i)
	switch {
	case err == nil && known && s.Type != dns.TypeNULL:
		return strings.TrimPrefix(rr.String(), rr.Header().String())
	case len(s.Data[i]) == 0:
		return `\# 0`
	}
	return fmt.Sprintf(`\# %d %X`, len(s.Data[i]), s.Data[i])
}

// Texts returns the presentation form of each record's RDATA.
func (s RRset) Texts() []string {
	out := make([]string, len(s.Data))
	for i := range s.Data {
		out[i] = s.Text(i)
	}
	return out
}

// String returns the records as lines of a zone file, without a final newline.
func (s RRset) String() string {
	lines := make([]string, len(s.Data))
	for i := range s.Data {
		lines[i] = fmt.Sprintf("%s %d IN %s %s", s.Name, s.TTL, TypeString(s.Type), s.Text(i))
	}
	return strings.Join(lines, "\n")
}

// Equal says whether both hold the same records with the same TTL; the order does not count.
func (s RRset) Equal(o RRset) bool {
	return s.Name == o.Name && s.Type == o.Type && (s.IsZero() || s.TTL == o.TTL) && s.SameData(o)
}

// SameData says whether both hold the same RDATA, in whatever order.
func (s RRset) SameData(o RRset) bool {
	if len(s.Data) != len(o.Data) {
		return false
	}
	ordered := true
	for i := range s.Data {
		if !bytes.Equal(s.Data[i], o.Data[i]) {
			ordered = false
			break
		}
	}
	if ordered {
		return true
	}
	a, b := slices.Clone(s.Data), slices.Clone(o.Data)
	slices.SortFunc(a, bytes.Compare)
	slices.SortFunc(b, bytes.Compare)
	return slices.EqualFunc(a, b, bytes.Equal)
}

// Rdata returns the wire form of rr's data, uncompressed. It sets rr's Rdlength, as packing does.
func Rdata(rr dns.RR) ([]byte, error) {
	owner, err := ParseName(rr.Header().Name)
	if err != nil {
		return nil, err
	}
	// dns.Len is an estimate, and too low for some records.
	for _, room := range [...]int{dns.Len(rr) + 64, maxName + 10 + maxRdata} {
		buf := make([]byte, room)
		var end int
		if end, err = dns.PackRR(rr, buf, 0, nil, false); err == nil {
			return bytes.Clone(buf[len(owner.wire)+10 : end]), nil
		}
	}
	return nil, fmt.Errorf("%s %s: %w", owner, TypeString(rr.Header().Rrtype), err)
}

// FromRRs groups records into RRsets, in order of first appearance. Repeated records count
// once; the TTL of an RRset is its first record's (RFC 2181 5.2 forbids others).
func FromRRs(rrs []dns.RR) ([]RRset, error) {
	type key struct {
		name Name
		typ  uint16
	}
	var out []RRset
	at := make(map[key]int)
	for _, rr := range rrs {
		name, err := ParseName(rr.Header().Name)
		if err != nil {
			return nil, err
		}
		data, err := Rdata(rr)
		if err != nil {
			return nil, err
		}
		k := key{name, rr.Header().Rrtype}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, RRset{Name: name, Type: k.typ, TTL: rr.Header().Ttl})
		}
		if !slices.ContainsFunc(out[i].Data, func(d []byte) bool { return bytes.Equal(d, data) }) {
			out[i].Data = append(out[i].Data, data)
		}
	}
	return out, nil
}
