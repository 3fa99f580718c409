package zonefile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// WriteOptions say how a zone is written.
type WriteOptions struct {
	// Header is put in front as comment lines.
	Header []string
	// DefaultTTL, unless 0, is written as $TTL and left out of the records that have it.
	DefaultTTL uint32
	// Absolute writes every name in full. Names in the zone are relative to its $ORIGIN otherwise.
	Absolute bool
}

// Write writes z as a master file that Parse, BIND, Knot and NSD read as the same zone: the SOA, the other records of the
// apex, then all names in canonical order (RFC 4034 6.1), each record on one line, those of an RRset in the zone's order.
// Equal zones make equal text. ALIAS is written by its name, which of other servers PowerDNS alone reads. The error is w's, or says that a TTL is over what a file can hold.
func Write(w io.Writer, z *zones.Zone, o WriteOptions) error {
	buf := bufio.NewWriter(w)
	p := printer{w: buf, o: o, origin: z.Origin().Wire()}
	p.preamble(z.Origin())
	soa, hasSOA := z.SOA()
	if hasSOA {
		p.rrset(soa)
	}
	for s := range z.RRsets() {
		if s.Type != dns.TypeSOA || s.Name != z.Origin() {
			p.rrset(s)
		}
		if p.err != nil {
			break
		}
	}
	if p.err == nil {
		p.err = buf.Flush()
	}
	if p.err != nil {
		return fmt.Errorf("write zone %s: %w", z.Origin(), p.err)
	}
	return nil
}

// printer holds the state of one Write.
type printer struct {
	w      *bufio.Writer
	o      WriteOptions
	origin string // what names are relative to, wire form; "" for absolute ones
	line   []byte // scratch
	err    error
}

func (p *printer) preamble(origin zones.Name) {
	for _, text := range p.o.Header {
		for line := range strings.Lines(text) {
			line = strings.Map(printable, strings.TrimRight(line, "\r\n"))
			fmt.Fprintln(p.w, strings.TrimRight("; "+line, " "))
		}
	}
	fmt.Fprintf(p.w, "$ORIGIN %s\n", appendNameText(nil, []byte(origin.Wire()), ""))
	if p.o.Absolute {
		p.origin = ""
	}
	if p.o.DefaultTTL != 0 {
		fmt.Fprintf(p.w, "$TTL %d\n", p.o.DefaultTTL)
	}
}

// printable keeps control characters out of comments, where they could end the line for some reader.
func printable(r rune) rune {
	if r != '\t' && (r < ' ' || r == 0x7f) {
		return ' '
	}
	return r
}

func (p *printer) rrset(s zones.RRset) {
	if s.TTL > maxTTL || p.o.DefaultTTL > maxTTL {
		p.err = fmt.Errorf("%s %s: TTL %d is over %d", s.Name, zones.TypeString(s.Type), max(s.TTL, p.o.DefaultTTL), maxTTL)
		return
	}
	owner := appendNameText(nil, []byte(s.Name.Wire()), p.origin)
	for i, data := range s.Data {
		line := append(p.line[:0], owner...)
		line = append(line, '\t')
		if p.o.DefaultTTL == 0 || s.TTL != p.o.DefaultTTL {
			line = strconv.AppendUint(line, uint64(s.TTL), 10)
			line = append(line, '\t')
		}
		line = append(line, "IN\t"...)
		line = p.data(line, s, i, data)
		p.line = append(line, '\n')
		if _, p.err = p.w.Write(p.line); p.err != nil {
			return
		}
	}
}

// data appends type and data of a record: by its layout, in miekg/dns's form where that is known to be read by
// other servers and comes back as it was, or else in the form of RFC 3597.
func (p *printer) data(line []byte, s zones.RRset, i int, wire []byte) []byte {
	name := zones.TypeString(s.Type)
	switch {
	case writtenByLayout(s.Type):
		if out, ok := appendFields(append(append(line, name...), '\t'), layoutOf(s.Type), wire, p.origin); ok {
			return out
		}
	case writtenByName(s.Type):
		if text, ok := foreignText(s, i, wire); ok {
			return append(append(append(line, name...), '\t'), text...)
		}
	}
	return fmt.Appendf(line, "TYPE%d\t\\# %d%s", s.Type, len(wire), hexText(wire))
}

func hexText(wire []byte) string {
	if len(wire) == 0 {
		return ""
	}
	return fmt.Sprintf(" %X", wire)
}

// writtenByLayout says whether BIND 9.18, Knot 3.2 and NSD 4.6 all know the type by name, and its layout writes it. ALIAS is our own.
func writtenByLayout(t uint16) bool {
	switch t {
	case dns.TypeA, dns.TypeAAAA, dns.TypeNS, dns.TypeCNAME, dns.TypePTR, dns.TypeDNAME, zones.TypeALIAS, dns.TypeMX, dns.TypeTXT, dns.TypeSPF, dns.TypeSRV,
		dns.TypeCAA, dns.TypeSOA, dns.TypeAFSDB, dns.TypeKX, dns.TypeLP, dns.TypeRP, dns.TypeHINFO, dns.TypeNAPTR, dns.TypeURI, dns.TypeNID,
		dns.TypeL64, dns.TypeL32:
		return true
	}
	return false
}

// writtenByName says whether they all know the type by name, in the form that miekg/dns gives it.
func writtenByName(t uint16) bool {
	switch t {
	case dns.TypeLOC, dns.TypeCERT, dns.TypeAPL, dns.TypeDS, dns.TypeSSHFP, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeDNSKEY, dns.TypeDHCID,
		dns.TypeNSEC3, dns.TypeNSEC3PARAM, dns.TypeTLSA, dns.TypeSMIMEA, dns.TypeCDS, dns.TypeCDNSKEY, dns.TypeOPENPGPKEY, dns.TypeCSYNC,
		dns.TypeZONEMD, dns.TypeSVCB, dns.TypeHTTPS, dns.TypeEUI48, dns.TypeEUI64:
		return true
	}
	return false
}

// foreignText returns miekg/dns's text of a record, if it comes back as the same data.
func foreignText(s zones.RRset, i int, wire []byte) (string, bool) {
	rr, err := s.RR(i)
	if err != nil {
		return "", false
	}
	full := rr.String()
	text, ok := strings.CutPrefix(full, rr.Header().String())
	if !ok || text == "" || strings.ContainsAny(text, "\n\r\x00") {
		return "", false
	}
	again, ok := readData(s.Type, text)
	return text, ok && bytes.Equal(again, wire)
}

// readData reads the data of one record, whose names are absolute. It is silent about what is wrong with it.
func readData(typ uint16, text string) ([]byte, bool) {
	s := newScanner([]byte(text))
	if !s.next() || s.bad || s.off < len(s.data) {
		return nil, false
	}
	p := parser{res: new(Result), src: &source{origin: zones.Root}, build: zones.NewBuilder(zones.Root)}
	data, fault := p.rdata(header{owner: zones.Root, first: s.toks[0], typ: typ, typTok: s.toks[0], data: s.toks})
	return data, fault == nil
}

// appendFields appends the fields of a layout with blanks between; false: the data is not what the layout demands.
func appendFields(dst []byte, layout []field, wire []byte, origin string) ([]byte, bool) {
	for i, f := range layout {
		if i > 0 {
			dst = append(dst, ' ')
		}
		n, ok := fieldLen(f.kind, wire)
		if !ok {
			return dst, false
		}
		dst, wire = appendField(dst, f.kind, wire[:n], origin), wire[n:]
	}
	return dst, len(wire) == 0
}

// fieldLen returns how many octets of wire belong to a field; false where it does not fit in.
func fieldLen(kind fieldKind, wire []byte) (int, bool) {
	n := 0
	switch kind {
	case fieldUint8, fieldAlgorithm, fieldScheme:
		n = 1
	case fieldUint16, fieldType, fieldCertType:
		n = 2
	case fieldUint32, fieldPeriod, fieldIPv4, fieldTime:
		n = 4
	case fieldEUI48:
		n = 6
	case fieldLocator, fieldEUI64:
		n = 8
	case fieldIPv6, fieldLocation:
		n = 16
	case fieldString, fieldMayString, fieldSalt, fieldHash:
		if len(wire) == 0 {
			return 0, false
		}
		n = 1 + int(wire[0])
	case fieldTag:
		if len(wire) == 0 {
			return 0, false
		}
		n = 1 + int(wire[0])
		if _, why := appendTag(nil, wire[1:min(n, len(wire))]); why != "" {
			return 0, false
		}
	case fieldRelay:
		if len(wire) == 0 {
			return 0, false
		}
		n, ok := gatewayLen(wire[0]&0x7f, wire[1:])
		return 1 + n, ok
	case fieldHost:
		if len(wire) < 4 {
			return 0, false
		}
		n = 4 + int(wire[0]) + int(binary.BigEndian.Uint16(wire[2:]))
	case fieldName:
		return nameLen(wire)
	case fieldStrings:
		for n < len(wire) {
			n += 1 + int(wire[n])
		}
		return n, n > 0 && n == len(wire)
	default: // all of the rest
		n = len(wire)
	}
	return n, n <= len(wire)
}

// nameLen returns the length of the uncompressed name at the start of wire.
func nameLen(wire []byte) (int, bool) {
	for off := 0; off < len(wire) && wire[off] <= maxLabelOctets; off += int(wire[off]) + 1 {
		if wire[off] == 0 {
			return off + 1, off < maxNameOctets
		}
	}
	return 0, false
}

func appendField(dst []byte, kind fieldKind, wire []byte, origin string) []byte {
	switch kind {
	case fieldName:
		return appendNameText(dst, wire, origin)
	case fieldIPv4, fieldIPv6:
		a, _ := netip.AddrFromSlice(wire)
		return a.AppendTo(dst)
	case fieldUint8:
		return strconv.AppendUint(dst, uint64(wire[0]), 10)
	case fieldUint16:
		return strconv.AppendUint(dst, uint64(binary.BigEndian.Uint16(wire)), 10)
	case fieldUint32, fieldPeriod:
		return strconv.AppendUint(dst, uint64(binary.BigEndian.Uint32(wire)), 10)
	case fieldTag:
		return append(dst, wire[1:]...)
	case fieldLocator:
		return fmt.Appendf(dst, "%04x:%04x:%04x:%04x", binary.BigEndian.Uint16(wire), binary.BigEndian.Uint16(wire[2:]),
			binary.BigEndian.Uint16(wire[4:]), binary.BigEndian.Uint16(wire[6:]))
	case fieldText:
		return appendQuoted(dst, wire)
	default: // fieldString, fieldStrings
		for first := true; len(wire) > 0; first = false {
			if !first {
				dst = append(dst, ' ')
			}
			n := 1 + int(wire[0])
			dst, wire = appendQuoted(dst, wire[1:n]), wire[n:]
		}
		return dst
	}
}

// appendQuoted appends a quoted string; octets outside printable ASCII as \DDD.
func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ' || c >= 0x7f:
			dst = append(dst, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
