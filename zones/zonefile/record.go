package zonefile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// ttlState is what is known for records without a TTL of their own: the last $TTL, or else the last TTL
// that was written (RFC 1035 5.1, RFC 2308 4). A SOA without either sets $TTL to its MINIMUM.
type ttlState struct {
	directive, last       uint32
	hasDirective, hasLast bool
	warned                bool // that last had to be used
}

// soaState remembers the zone's SOA; there must be no second one.
type soaState struct {
	pos  zones.Pos
	data []byte
}

// header is what stands before a record's data.
type header struct {
	owner  zones.Name // zero where it cannot be read
	first  token      // where the record starts
	typ    uint16
	typTok token
	ttl    uint32
	hasTTL bool
	data   []token
}

// record reads one resource record: [owner] [TTL] [class] type data, TTL and class in either order.
// It reports what is wrong, and says whether nothing was.
func (p *parser) record(toks []token, blank bool) bool {
	h, ok := p.header(toks, blank)
	if !ok {
		return false
	}
	data, fault := p.rdata(h)
	if fault != nil {
		p.rdataFault(h, fault)
		p.noteTTL(h)
		return false
	}
	if !p.fillTTL(&h, data) || h.owner.IsZero() {
		return false
	}
	return p.add(h, data)
}

// name names the record's owner for a message.
func (h header) name() string {
	if h.owner.IsZero() {
		return string(h.first.text)
	}
	return h.owner.String()
}

// severalLines is what a line that starts with white space may want to be, where its first word is none of a record's.
const severalLines = ": a record that goes over several lines stands in parentheses"

// header reads up to the type; false says that the rest cannot be read.
func (p *parser) header(toks []token, blank bool) (h header, ok bool) {
	h.first = toks[0]
	i := 0
	switch {
	case !blank:
		h.owner, _ = p.owner(toks[0], false) // a bad one is no reason not to look at the rest
		if string(toks[0].text) == "IN" {
			p.warnAt(toks[0], "%q starts the line, so it is the owner and not the class: write white space before it to continue the record above, or an owner, as @", toks[0].text)
		}
		i = 1
	case p.src.owner.IsZero() && !p.src.ownerBad:
		p.errorAt(toks[0], "the line starts with white space, so it continues the record before it, but there is none")
		p.src.ownerBad = true
	default:
		h.owner = p.src.owner
	}
	hasClass := false
	for ; i < len(toks); i++ {
		t := toks[i]
		if t.quoted {
			hint := ""
			if i == 0 {
				hint = severalLines
			}
			p.errorAt(t, "a quoted string stands where the record's type is expected%s", hint)
			return h, false
		}
		if '0' <= t.text[0] && t.text[0] <= '9' {
			if !p.headerTTL(&h, t) {
				return h, false
			}
			continue
		}
		if class, isClass := lookupClass(t.text); isClass {
			if hasClass {
				p.errorAt(t, "a second class %q in one record", t.text)
				return h, false
			}
			if class != dns.ClassINET {
				p.errorAt(t, "class %s: only IN is served", t.text)
				return h, false
			}
			hasClass = true
			continue
		}
		h.typTok, h.data = t, toks[i+1:]
		return h, p.headerType(&h, blank)
	}
	last := toks[len(toks)-1]
	last.col += last.width()
	p.errorAt(last, "the line ends before the record's type")
	return h, false
}

func (p *parser) headerTTL(h *header, t token) bool {
	ttl, ok := parseTTL(t.text)
	typ := ""
	if !ok {
		typ = addressType(t.text)
	}
	switch {
	case typ != "":
		p.missingType(h, t, typ)
	case h.hasTTL:
		p.errorAt(t, "a second TTL %q in one record", t.text)
	case !ok:
		p.errorAt(t, "bad TTL %q: a number of seconds up to %d is needed, or units as in 1h30m%s", t.text, maxTTL, p.takenForOwner(h))
	default:
		h.ttl, h.hasTTL = ttl, true
		return true
	}
	return false
}

// missingType reports an address where the type is expected that holds it.
func (p *parser) missingType(h *header, t token, typ string) {
	hint := p.takenForOwner(h)
	if hint == "" {
		hint = ": write " + typ + " before it"
	}
	p.errorAt(t, "the address %s has no type before it%s", t.text, hint)
}

// addressType is the type that holds an address; "" for what is none.
func addressType(text []byte) string {
	a, err := netip.ParseAddr(string(text))
	switch {
	case err != nil:
		return ""
	case a.Is4():
		return "A"
	}
	return "AAAA"
}

// takenForOwner explains what a line means that starts with a type or class in its first column, or with a comment of another language.
func (p *parser) takenForOwner(h *header) string {
	if p.src.scan.blank {
		return ""
	}
	if hint := foreignComment(h.first.text); hint != "" {
		return hint
	}
	_, isType := lookupType(h.first.text)
	_, isClass := lookupClass(h.first.text)
	if !isType && !isClass {
		return ""
	}
	return fmt.Sprintf("; %q starts the line, so it is the owner: write white space before it to continue the record above, or an owner, as @", h.first.text)
}

// foreignComment says how a comment starts, where a word starts one in other languages.
func foreignComment(text []byte) string {
	if bytes.HasPrefix(text, []byte("#")) || bytes.HasPrefix(text, []byte("//")) {
		return `; a comment starts with ";"`
	}
	return ""
}

func (p *parser) headerType(h *header, blank bool) bool {
	t := h.typTok
	var known bool
	h.typ, known = lookupType(t.text)
	switch {
	case known && isMeta(h.typ):
		p.errorAt(t, "type %s stands in messages alone, a zone cannot hold it", t.text)
	case known:
		return true
	case addressType(t.text) != "":
		p.missingType(h, t, addressType(t.text))
	case blank && isDirective(t):
		p.errorAt(t, "%s must start in the first column of its line", t.text)
	case blank && startsLikeHeader(h.data):
		p.errorAt(t, "unknown record type %q: a line that starts with white space continues the record before it, it has no owner of its own", t.text)
	case startsLikeHeader(h.data):
		p.errorAt(t, "unknown record type %q: TTL and class stand here, of which the class is IN", t.text)
	case blank && len(h.data) == 0:
		p.errorAt(t, "unknown record type %q%s", t.text, severalLines)
	default:
		hint := likelyType(t.text)
		if hint == "" {
			hint = p.takenForOwner(h)
		}
		p.errorAt(t, "unknown record type %q%s", t.text, hint)
	}
	return false
}

// startsLikeHeader says whether words may stand right behind an owner: a type, with TTL and class before it or without.
func startsLikeHeader(toks []token) bool {
	for _, t := range toks[:min(len(toks), 3)] {
		if t.quoted {
			return false
		}
		if _, isType := lookupType(t.text); isType {
			return true
		}
		_, isClass := lookupClass(t.text)
		if _, isTTL := parseTTL(t.text); !isTTL && !isClass {
			return false
		}
	}
	return false
}

// owner reads the owner of a record; silent: reports nothing.
func (p *parser) owner(t token, silent bool) (zones.Name, bool) {
	src := p.src
	if !src.owner.IsZero() && !src.ownerBad && src.ownerOrigin == src.origin && !t.quoted && bytes.Equal(t.text, src.ownerText) {
		return src.owner, true
	}
	src.owner, src.ownerBad = zones.Name{}, true
	say := p.errorAt
	if silent {
		say = func(token, string, ...any) {}
	}
	if t.quoted {
		say(t, "owner name %s is quoted: write it without quotes", t.raw())
		return zones.Name{}, false
	}
	wire, form, fault := appendName(p.ownerBuf[:0], t.text, src.origin.Wire())
	p.ownerBuf = wire
	if fault != faultNone {
		say(t, "bad owner name %q: %s", t.text, fault)
		return zones.Name{}, false
	}
	name, err := zones.NameFromWire(wire)
	if err != nil {
		say(t, "bad owner name %q: %s", t.text, err)
		return zones.Name{}, false
	}
	if !name.Within(p.zone) {
		say(t, "%s is outside the zone %s", name, p.zone)
		return zones.Name{}, false
	}
	if !silent {
		p.warnForm(t, wire, form)
	}
	src.owner, src.ownerBad = name, false
	src.ownerText, src.ownerOrigin = append(src.ownerText[:0], t.text...), src.origin
	return name, true
}

// warnForm warns of a name that is likely not what was meant.
func (p *parser) warnForm(t token, wire []byte, form nameForm) {
	if form.repeats {
		p.warnAt(t, "%q has no final dot, so it means %s; write %s. if that is not meant", t.text, appendNameText(nil, wire, ""), t.text)
	}
	if form.raw8bit {
		p.warnAt(t, "%q has octets outside ASCII: an international name is written in its xn-- form", t.text)
	}
}

// fillTTL gives h the TTL that it lacks.
func (p *parser) fillTTL(h *header, data []byte) bool {
	s := &p.ttl
	switch {
	case h.hasTTL:
	case s.hasDirective:
		h.ttl = s.directive
		return true
	case s.hasLast:
		h.ttl = s.last
		if !s.warned {
			s.warned = true
			p.warnAt(h.first, "no TTL here and no $TTL before it: %d is used, the last one written; write $TTL at the top of the file", h.ttl)
		}
		return true
	case h.typ == dns.TypeSOA:
		// As in BIND, it stands for the $TTL that is missing.
		h.ttl = min(binary.BigEndian.Uint32(data[len(data)-4:]), maxTTL)
		s.directive, s.hasDirective = h.ttl, true
		p.warnAt(h.first, "no TTL here and no $TTL before it: %d is used from here on, the SOA's MINIMUM; write $TTL at the top of the file", h.ttl)
		return true
	default:
		p.errorAt(h.first, "no TTL here and no $TTL before it: write $TTL 3600, or what suits, at the top of the file")
		s.warned = true // one line mends all
	}
	s.last, s.hasLast = h.ttl, true
	return true
}

// noteTTL keeps the TTL of a record whose data is bad, for those behind it. One without a TTL leaves everything as it is.
func (p *parser) noteTTL(h header) {
	switch {
	case h.hasTTL:
		p.ttl.last, p.ttl.hasLast = h.ttl, true
	case h.typ == dns.TypeSOA && !p.ttl.hasLast:
		// A broken SOA would have given its MINIMUM. Its own error is enough.
		p.ttl.hasDirective = true
	}
}

// add puts the record into the zone.
func (p *parser) add(h header, data []byte) bool {
	if h.typ == dns.TypeSOA && !p.checkSOA(h, data) {
		return false
	}
	p.res.Aliases = p.res.Aliases || h.typ == zones.TypeALIAS
	switch {
	case p.packer != nil:
		p.records++
		wire := h.owner.Wire()
		if h.owner == p.zone {
			p.apex.note(h.typ, p.src.file, h.first)
		}
		p.stop = p.stop || !p.packer.Add([]byte(wire[:len(wire)-len(p.zone.Wire())]), h.typ, h.ttl, data)
		return true
	case p.build == nil:
		p.records++
		p.res.places.add(h.owner, h.typ, p.src.file, h.first.line, h.first.col)
		return true
	}
	added, sameTTL, err := p.build.Add(h.owner, h.typ, h.ttl, data)
	if err != nil {
		p.errorAt(h.first, "%s", err)
		return false
	}
	p.records++
	if !sameTTL {
		if id := (rrsetID{h.owner, h.typ}); id != p.lastTTL {
			p.lastTTL = id
			p.warnAt(h.first, "TTL %d of %s %s differs from that of the records before it; all of them get the first one's (RFC 2181 5.2)",
				h.ttl, h.owner, zones.TypeString(h.typ))
		}
	}
	if !added {
		set := zones.RRset{Name: h.owner, Type: h.typ, Data: [][]byte{data}}
		p.warnAt(h.first, "%s %s %.60s stands here a second time; it counts once", h.owner, zones.TypeString(h.typ), set.Text(0))
		return true
	}
	p.res.places.add(h.owner, h.typ, p.src.file, h.first.line, h.first.col)
	return true
}

// checkSOA sees to it that the zone has its SOA at the apex and once. The same one again is
// what "dig AXFR" prints as last line; the builder drops it.
func (p *parser) checkSOA(h header, data []byte) bool {
	if h.owner != p.zone {
		p.errorAt(h.first, "SOA at %s: it belongs to the zone's apex, %s", h.owner, p.zone)
		return false
	}
	if p.soa.data != nil && !bytes.Equal(p.soa.data, data) {
		p.errorAt(h.first, "a second SOA, with other data than the one at %s", p.soa.pos)
		return false
	}
	if p.soa.data == nil {
		p.soa = soaState{p.pos(h.first), bytes.Clone(data)}
	}
	return true
}
