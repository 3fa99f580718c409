package zonefile

import (
	"bytes"
	"encoding/binary"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// Most lines of a large file are one plain record each: an owner of letters and digits, perhaps a TTL and a class, a common
// type, its data. They are read here, straight from the text to wire form, without tokens, names or errors: a line
// that has anything else in it, however harmless, is left to the scanner and the parser, which alone say what is right and what is
// not. So the only rule is: what is read here, they would read alike and without a word.

// plainReader is the state of reading plain lines.
type plainReader struct {
	off    bool // for tests: read nothing
	rel    [256]byte
	relLen int
	wire   []byte // scratch for RDATA
	origin string // of the source, in wire form
	below  string // origin without the zone's; relative owners end with it
	inside bool   // the origin is within the zone
}

// Classes of octets, by table: nonzero means that the octet belongs to the word.
var (
	ownerOctet = wordTable("-_*/", 'a'-'A') // the octet in lower case
	nameOctet  = wordTable("-_*/", 0)
	typeOctet  = upperTable()
	plainText  = wordTable("-_*/.:=+,~!#%&<>?^`{|}'@", 0)
)

func wordTable(extra string, lower byte) (t [256]byte) {
	for c := byte('0'); c <= '9'; c++ {
		t[c] = c
	}
	for c := byte('a'); c <= 'z'; c++ {
		t[c] = c
		t[c-'a'+'A'] = c - 'a' + 'A' + lower
	}
	for _, c := range []byte(extra) {
		t[c] = c
	}
	return t
}

func upperTable() (t [256]byte) {
	for c := byte('A'); c <= 'Z'; c++ {
		t[c], t[c-'A'+'a'] = c, c
	}
	for c := byte('0'); c <= '9'; c++ {
		t[c] = c
	}
	return t
}

// plainBatch is how many octets are read before anybody is asked whether to go on.
const plainBatch = 1 << 20

// plainLines reads lines up to one that is not plain, or is not there as a whole.
func (p *parser) plainLines() {
	if p.plain.off {
		return
	}
	src := p.src
	s := src.scan
	r := &p.plain
	r.origin = src.origin.Wire()
	if r.inside = src.origin.Within(p.zone); r.inside {
		r.below = r.origin[:len(r.origin)-len(p.zone.Wire())]
	}
	for !p.stop {
		end := min(len(s.data), s.off+plainBatch)
		stop := s.off + bytes.LastIndexByte(s.data[s.off:end], '\n') + 1 // lines up to here are whole
		if stop == s.off && end < len(s.data) {
			return // a line as long as that is not plain
		}
		for s.off < stop {
			next, ok := p.plainLine(s.data[:stop], s.off)
			if !ok || p.stop {
				return
			}
			s.off, s.lineStart = next, next
			s.line++
		}
		if p.stop = p.stop || p.ctx.Err() != nil; p.stop || end == len(s.data) && !s.refill() {
			return
		}
	}
}

// plainLine reads the line at i and returns where the next one starts; false where it is not plain. data ends with a newline.
func (p *parser) plainLine(data []byte, i int) (next int, ok bool) {
	r := &p.plain
	src := p.src
	first := i
	blank := isBlank(data[i])
	if blank {
		for i++; isBlank(data[i]); i++ {
		}
		first = i
	}
	if c := data[i]; c == ';' || c == '\n' || c == '\r' {
		return endOfLine(data, i)
	}
	var fresh [256]byte
	relLen := 0
	if blank {
		if !p.ownerToPlain() {
			return 0, false
		}
	} else if i, relLen, ok = r.owner(&fresh, data, i, p.zone.Wire()); !ok || !isBlank(data[i]) || i-first == 2 && data[first] == 'I' && data[first+1] == 'N' {
		return 0, false
	}
	// TTL, class and type.
	var ttl uint32
	hasTTL, hasClass := false, false
	var typ uint64
	for {
		for isBlank(data[i]) {
			i++
		}
		c := data[i]
		if '0' <= c && c <= '9' {
			n, to := plainNumber(data, i)
			if hasTTL || n > maxTTL || to-i > 10 || !isBlank(data[to]) {
				return 0, false
			}
			ttl, hasTTL, i = uint32(n), true, to
			continue
		}
		typ = 0
		start := i
		for u := typeOctet[data[i]]; u != 0; u = typeOctet[data[i]] {
			typ = typ<<8 | uint64(u)
			i++
		}
		if i-start > 8 || !isBlank(data[i]) {
			return 0, false
		}
		if typ != 'I'<<8|'N' {
			break
		}
		if hasClass {
			return 0, false
		}
		hasClass = true
	}
	if !hasTTL {
		if !p.ttl.hasDirective {
			return 0, false
		}
		ttl = p.ttl.directive
	}
	for isBlank(data[i]) {
		i++
	}
	n, i, ok := r.data(typ, data, i)
	if !ok {
		return 0, false
	}
	if next, ok = endOfLine(data, i); !ok {
		return 0, false
	}
	if hasTTL {
		p.ttl.last, p.ttl.hasLast = ttl, true
	}
	if !blank {
		copy(r.rel[:], fresh[:relLen])
		r.relLen = relLen
		src.ownerPlain = true
	}
	s := src.scan
	p.addPlain(n, ttl, r.wire, token{text: data[first:first], line: s.line, col: first - s.lineStart + 1})
	return next, true
}

// addPlain adds a record of the plain owner at place t.
func (p *parser) addPlain(typ uint16, ttl uint32, data []byte, t token) {
	rel := p.plain.rel[:p.plain.relLen]
	switch {
	case p.packer != nil:
		p.records++
		p.stop = !p.packer.Add(rel, typ, ttl, data)
		if len(rel) == 0 {
			p.apex.note(typ, p.src.file, t)
		}
	default:
		p.ownerFromPlain()
		p.add(header{owner: p.src.owner, first: t, typ: typ, ttl: ttl}, data)
		p.src.ownerPlain = true
	}
}

// ownerToPlain makes the last owner the plain one; false where there is none.
func (p *parser) ownerToPlain() bool {
	src := p.src
	if src.ownerPlain {
		return true
	}
	if src.owner.IsZero() || src.ownerBad {
		return false
	}
	wire := src.owner.Wire()
	p.plain.relLen = copy(p.plain.rel[:], wire[:len(wire)-len(p.zone.Wire())])
	src.ownerPlain = true
	return true
}

// ownerFromPlain makes the plain owner the last one, for whoever needs its Name.
func (p *parser) ownerFromPlain() {
	src := p.src
	if !src.ownerPlain {
		return
	}
	src.ownerPlain = false
	wire := append(append(p.ownerBuf[:0], p.plain.rel[:p.plain.relLen]...), p.zone.Wire()...)
	p.ownerBuf = wire
	if src.owner.Wire() == string(wire) && !src.ownerBad {
		return
	}
	name, err := zones.NameFromWire(wire)
	src.owner, src.ownerBad = name, err != nil
	src.ownerText = src.ownerText[:0]
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// endOfLine passes over blanks and a comment, and returns where the next line starts; false where anything else is there.
func endOfLine(data []byte, i int) (next int, ok bool) {
	for isBlank(data[i]) {
		i++
	}
	switch data[i] {
	case '\n':
		return i + 1, true
	case '\r':
		return i + 2, data[i+1] == '\n'
	case ';':
		end := i + bytes.IndexByte(data[i:], '\n')
		cr := bytes.IndexByte(data[i:end], '\r')
		return end + 1, cr < 0 || i+cr == end-1
	}
	return 0, false
}

// plainNumber reads digits, ten or so at the most.
func plainNumber(data []byte, i int) (n uint64, next int) {
	start := i
	for c := data[i] - '0'; c <= 9 && i-start < 12; c = data[i] - '0' {
		n = n*10 + uint64(c)
		i++
	}
	return n, i
}

// owner reads an owner into rel, without the zone's own labels.
func (r *plainReader) owner(rel *[256]byte, data []byte, i int, zone string) (next, n int, ok bool) {
	if data[i] == '@' {
		return i + 1, copy(rel[:], r.below), r.inside
	}
	start, label := i, 0
	n = 1
	for {
		c := ownerOctet[data[i]]
		if c != 0 {
			rel[uint8(n)] = c
			n++
			i++
			continue
		}
		length := n - label - 1
		if length == 0 || length > maxLabelOctets || i-start > 240 {
			return 0, 0, false
		}
		rel[uint8(label)] = byte(length)
		if data[i] != '.' {
			break
		}
		i++
		if c := data[i]; isBlank(c) || c == '\n' { // an absolute name
			cut := n - (len(zone) - 1)
			if cut < 0 || string(rel[cut:n]) != zone[:len(zone)-1] || !atLabel(rel, cut) {
				return 0, 0, false
			}
			return i, cut, true
		}
		label = n
		n++
	}
	if !r.inside || n+len(r.origin) > maxNameOctets || r.repeats(rel[:n]) {
		return 0, 0, false
	}
	return i, n + copy(rel[n:], r.below), true
}

// atLabel says whether a label starts at offset cut, or the name ends there.
func atLabel(rel *[256]byte, cut int) bool {
	at := 0
	for at < cut {
		at += int(rel[at]) + 1
	}
	return at == cut
}

// repeats says whether a relative name ends like the origin, of which the parser warns.
func (r *plainReader) repeats(labels []byte) bool {
	n := len(r.origin) - 1
	return n > 0 && len(labels) >= n && labels[len(labels)-1]|0x20 == r.origin[n-1]|0x20 && hasSuffixFold(labels, r.origin[:n])
}

// data reads the data of a type, given by its letters, into r.wire.
func (r *plainReader) data(letters uint64, data []byte, i int) (typ uint16, next int, ok bool) {
	r.wire = r.wire[:0]
	switch letters {
	case 'A':
		typ = dns.TypeA
		i, ok = r.ipv4(data, i)
	case 'A'<<24 | 'A'<<16 | 'A'<<8 | 'A':
		typ = dns.TypeAAAA
		i, ok = r.ipv6(data, i)
	case 'N'<<8 | 'S':
		typ = dns.TypeNS
		i, ok = r.name(data, i)
	case 'P'<<16 | 'T'<<8 | 'R':
		typ = dns.TypePTR
		i, ok = r.name(data, i)
	case 'C'<<32 | 'N'<<24 | 'A'<<16 | 'M'<<8 | 'E':
		typ = dns.TypeCNAME
		i, ok = r.name(data, i)
	case 'D'<<32 | 'N'<<24 | 'A'<<16 | 'M'<<8 | 'E':
		typ = dns.TypeDNAME
		i, ok = r.name(data, i)
	case 'M'<<8 | 'X':
		typ = dns.TypeMX
		if i, ok = r.number(data, i); ok {
			i, ok = r.name(data, i)
		}
	case 'S'<<16 | 'R'<<8 | 'V':
		typ = dns.TypeSRV
		for range 3 {
			if i, ok = r.number(data, i); !ok {
				return
			}
		}
		i, ok = r.name(data, i)
	case 'D'<<8 | 'S':
		typ = dns.TypeDS
		i, ok = r.ds(data, i)
	case 'T'<<16 | 'X'<<8 | 'T':
		typ = dns.TypeTXT
		i, ok = r.strings(data, i)
	}
	return typ, i, ok
}

func (r *plainReader) ipv4(data []byte, i int) (next int, ok bool) {
	var a uint32
	for part := 0; ; part++ {
		c := data[i] - '0'
		if c > 9 {
			return 0, false
		}
		n := uint32(c)
		i++
		if c = data[i] - '0'; c <= 9 && n != 0 {
			n = n*10 + uint32(c)
			i++
			if c = data[i] - '0'; c <= 9 {
				n = n*10 + uint32(c)
				i++
			}
		}
		if n > 255 {
			return 0, false
		}
		a = a<<8 | n
		if part == 3 {
			break
		}
		if data[i] != '.' {
			return 0, false
		}
		i++
	}
	r.wire = binary.BigEndian.AppendUint32(r.wire, a)
	return i, true
}

func (r *plainReader) ipv6(data []byte, i int) (next int, ok bool) {
	var a [16]byte
	n, gap := 0, -1
	if data[i] == ':' {
		if data[i+1] != ':' {
			return 0, false
		}
		i, gap = i+2, 0
	}
	for {
		start, group := i, uint32(0)
		for d := hexDigit[data[i]]; d != 0; d = hexDigit[data[i]] {
			group = group<<4 | uint32(d-1)
			i++
		}
		switch {
		case i == start && gap == n: // "::" ends the address
		case i == start || i-start > 4 || n == 16:
			return 0, false
		default:
			a[n], a[n+1] = byte(group>>8), byte(group)
			n += 2
		}
		if i == start || data[i] != ':' {
			break
		}
		i++
		if data[i] == ':' {
			if gap >= 0 {
				return 0, false
			}
			gap = n
			i++
		} else if hexDigit[data[i]] == 0 {
			return 0, false
		}
	}
	switch {
	case gap < 0 && n < 16 || gap >= 0 && n == 16:
		return 0, false
	case gap >= 0:
		copy(a[16-(n-gap):], a[gap:n])
		clear(a[gap : 16-(n-gap)])
	}
	r.wire = append(r.wire, a[:]...)
	return i, true
}

// hexDigit has the value of a digit and one.
var hexDigit = func() (t [256]byte) {
	for i, c := range []byte("0123456789abcdef") {
		t[c] = byte(i + 1)
		if c >= 'a' {
			t[c-'a'+'A'] = byte(i + 1)
		}
	}
	return t
}()

// number reads a number of 16 bits and the blanks behind it.
func (r *plainReader) number(data []byte, i int) (next int, ok bool) {
	n, to := plainNumber(data, i)
	if to == i || n > 65535 || to-i > 10 || !isBlank(data[to]) {
		return 0, false
	}
	r.wire = binary.BigEndian.AppendUint16(r.wire, uint16(n))
	for isBlank(data[to]) {
		to++
	}
	return to, true
}

// octet reads a number of 8 bits and the blanks behind it.
func (r *plainReader) octet(data []byte, i int) (next int, ok bool) {
	start := len(r.wire)
	if next, ok = r.number(data, i); !ok || r.wire[start] != 0 {
		return 0, false
	}
	r.wire[start] = r.wire[start+1]
	r.wire = r.wire[:start+1]
	return next, true
}

// ds reads the data of a DS record: numbers, and a digest of as many octets as its type has, in one word or several.
func (r *plainReader) ds(data []byte, i int) (next int, ok bool) {
	if i, ok = r.number(data, i); !ok {
		return 0, false
	}
	for range 2 {
		if i, ok = r.octet(data, i); !ok {
			return 0, false
		}
	}
	start := len(r.wire)
	digits, octet := 0, byte(0)
	for isHex(data[i]) {
		for d := hexDigit[data[i]]; d != 0; d = hexDigit[data[i]] {
			octet = octet<<4 | (d - 1)
			if digits++; digits%2 == 0 {
				r.wire = append(r.wire, octet)
			}
			i++
		}
		for isBlank(data[i]) {
			i++
		}
	}
	n, want := len(r.wire)-start, digestLen(r.wire[start-1])
	return i, n > 0 && digits%2 == 0 && (want == 0 || n == want) && len(r.wire) <= maxRdata
}

// name reads a domain name, in its case.
func (r *plainReader) name(data []byte, i int) (next int, ok bool) {
	if data[i] == '@' {
		r.wire = append(r.wire, r.origin...)
		return i + 1, true
	}
	var buf [256]byte
	start, label, n := i, 0, 1
	for {
		c := nameOctet[data[i]]
		if c != 0 {
			buf[uint8(n)] = c
			n++
			i++
			continue
		}
		length := n - label - 1
		if length == 0 || length > maxLabelOctets || i-start > 240 {
			return 0, false
		}
		buf[uint8(label)] = byte(length)
		if data[i] != '.' {
			break
		}
		i++
		if nameOctet[data[i]] == 0 { // an absolute name, or nothing plain
			r.wire = append(append(r.wire, buf[:n]...), 0)
			return i, true
		}
		label = n
		n++
	}
	if n+len(r.origin) > maxNameOctets || r.repeats(buf[:n]) {
		return 0, false
	}
	r.wire = append(append(r.wire, buf[:n]...), r.origin...)
	return i, true
}

// strings reads character strings up to the end of the line, in quotes or not, without escapes.
func (r *plainReader) strings(data []byte, i int) (next int, ok bool) {
	for {
		start, end := i, i
		if data[i] == '"' {
			start++
			for end = start; data[end] != '"'; end++ {
				if c := data[end]; c == '\\' || c == '\n' || c == '\r' {
					return 0, false
				}
			}
			i = end + 1
		} else {
			for plainText[data[end]] != 0 {
				end++
			}
			i = end
			if end == start {
				return 0, false
			}
		}
		if end-start > 255 || len(r.wire) > 0 && data[start-1] != '"' && bytes.HasPrefix(r.wire[1:], []byte("v=")) {
			return 0, false // of a second word, behind a text that wants quotes, the parser may warn
		}
		r.wire = append(append(r.wire, byte(end-start)), data[start:end]...)
		if len(r.wire) > maxRdata {
			return 0, false
		}
		switch c := data[i]; {
		case isBlank(c):
			for isBlank(data[i]) {
				i++
			}
			if c := data[i]; c != '\n' && c != '\r' && c != ';' {
				continue
			}
			return i, true
		case c == '\n' || c == '\r':
			return i, true
		}
		return 0, false
	}
}
