package zonefile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// ErrElsewhere is returned where what is to be changed does not stand in the file itself: an included file has it, or $GENERATE makes it.
var ErrElsewhere = errors.New("it does not stand in the file itself")

// Patch returns the text of the master file at path, changed so that it holds exactly what target does. Only the
// records that differ are touched: the rest stays as its author wrote it, to the octet. A record that takes the place of another of its name and
// type is written as that one was. A new record goes behind those of its name, or to the end;
// a comment on a record that goes away goes with it, one on a record that changes stays. The text is read again and held to target before
// it is returned. ErrElsewhere and ErrMeaning say that it cannot be done; the file has no errors.
func Patch(path string, data []byte, target *zones.Zone, o Options) ([]byte, error) {
	before, err := formatRead(path, data, o)
	if err != nil {
		return nil, err
	}
	if before.Errors > 0 {
		return nil, fmt.Errorf("patch %s: %s", path, before.Problems[0].Text)
	}
	p := &patcher{path: path, data: data, res: before, target: target, pieces: outline(data), byLine: map[int]int{}}
	if err := p.plan(); err != nil {
		return nil, fmt.Errorf("patch %s: %w", path, err)
	}
	// How a record was written may leave its TTL to those before it, which are no more what they were.
	for _, p.alike = range []bool{true, false} {
		out := p.text()
		after, err := formatRead(path, out, o)
		if err != nil {
			return nil, err
		}
		if after.Errors == 0 && len(zones.Diff(target, after.Zone)) == 0 {
			return out, nil
		}
	}
	return nil, fmt.Errorf("patch %s: %w", path, ErrMeaning)
}

// patcher is the state of one Patch.
type patcher struct {
	path   string
	data   []byte
	res    *Result
	target *zones.Zone
	pieces []piece
	byLine map[int]int // line of a piece's first token -> its index

	owners  []zones.Name // of each piece that is a record
	gone    []bool
	instead []string // data of the record that takes a piece's place, from its TTL on; "" for none
	serial  string   // where the SOA's serial alone differs
	behind  map[int][]newRecord
	alike   bool // records are written as those in whose place they come
}

// newRecord is a record that is to come.
type newRecord struct {
	owner zones.Name
	set   zones.RRset
	i     int
	// sameTTL: its RRset had this TTL before.
	sameTTL bool
}

// plan decides what becomes of each piece.
func (p *patcher) plan() error {
	p.owners = make([]zones.Name, len(p.pieces))
	p.gone = make([]bool, len(p.pieces))
	p.instead = make([]string, len(p.pieces))
	p.behind = make(map[int][]newRecord)
	origin, owner := p.res.Origin, zones.Name{}
	last := make(map[zones.Name]int) // the last piece of each name
	for i, e := range p.pieces {
		if e.kind == pieceComment {
			continue
		}
		p.byLine[e.line] = i
		switch {
		case e.kind == pieceDirective && directiveName(e.toks[0]) == "$ORIGIN":
			origin = nameOf(e.toks[1].text, origin)
		case e.kind == pieceRecord:
			if !e.blank {
				owner = nameOf(e.toks[0].text, origin)
			}
			p.owners[i], last[owner] = owner, i
		}
	}
	for _, c := range zones.Diff(p.res.Zone, p.target) {
		places, err := p.places(c.Old)
		if err != nil {
			return err
		}
		if p.onlySerial(c) {
			p.serial = strconv.FormatUint(uint64(p.target.Serial()), 10)
			p.instead[places[0]] = p.serial
			continue
		}
		var free []int // pieces whose record goes
		for i, d := range c.Old.Data {
			if c.Old.TTL != c.New.TTL || !slices.ContainsFunc(c.New.Data, func(n []byte) bool { return bytes.Equal(n, d) }) {
				p.gone[places[i]] = true
				free = append(free, places[i])
			}
		}
		at, known := last[c.Name]
		if !known {
			at = len(p.pieces)
		}
		for i, d := range c.New.Data {
			if c.Old.TTL == c.New.TTL && slices.ContainsFunc(c.Old.Data, func(n []byte) bool { return bytes.Equal(n, d) }) {
				continue
			}
			r := newRecord{c.Name, c.New, i, c.Old.TTL == c.New.TTL}
			if len(free) > 0 {
				p.behind[free[0]] = append(p.behind[free[0]], r)
				free = free[1:]
			} else {
				p.behind[at] = append(p.behind[at], r)
			}
		}
	}
	return nil
}

// onlySerial says whether c is the SOA with another serial.
func (p *patcher) onlySerial(c zones.Change) bool {
	if c.Type != dns.TypeSOA || c.Old.IsZero() || c.New.IsZero() || c.Old.TTL != c.New.TTL {
		return false
	}
	const numbers = 20
	a, b := c.Old.Data[0], c.New.Data[0]
	if len(a) != len(b) {
		return false
	}
	n := len(a) - numbers
	return bytes.Equal(a[:n], b[:n]) && bytes.Equal(a[n+4:], b[n+4:])
}

// places returns the pieces of an RRset's records.
func (p *patcher) places(s zones.RRset) ([]int, error) {
	out := make([]int, len(s.Data))
	for i := range s.Data {
		pos := p.res.Where(s.Name, s.Type, i)
		at, ok := p.byLine[pos.Line]
		switch {
		case pos.File != p.path:
			return nil, fmt.Errorf("%s %s stands in %s: %w", s.Name, zones.TypeString(s.Type), pos, ErrElsewhere)
		case !ok:
			return nil, fmt.Errorf("%s %s is not found: %w", s.Name, zones.TypeString(s.Type), ErrElsewhere)
		case p.pieces[at].kind != pieceRecord:
			return nil, fmt.Errorf("%s %s is made by %s in line %d: %w", s.Name, zones.TypeString(s.Type), directiveName(p.pieces[at].toks[0]), pos.Line, ErrElsewhere)
		}
		out[i] = at
	}
	return out, nil
}

// text puts the file together again.
func (p *patcher) text() []byte {
	var b bytes.Buffer
	origin, owner := p.res.Origin, zones.Name{} // as a reader of the new text has them
	done := 0
	write := func(r newRecord, e *piece) {
		line, ok := p.lineLike(r, e, owner, origin)
		if !ok {
			line = p.line(r, origin)
			if e != nil && e.trail != "" {
				line = append(line, " "+e.trail...)
			}
			line = append(line, '\n')
		}
		b.Write(line)
		owner = r.owner
	}
	for i := range p.pieces {
		e := &p.pieces[i]
		if e.kind == pieceComment {
			continue
		}
		b.Write(p.data[done:e.start])
		done = e.end
		switch {
		case e.kind == pieceDirective:
			b.Write(p.data[e.start:e.end])
			if directiveName(e.toks[0]) == "$ORIGIN" {
				origin = nameOf(e.toks[1].text, origin)
			}
		case p.gone[i]:
		case p.instead[i] != "":
			serial := p.serialToken(e)
			at := offsetOf(p.data, serial)
			b.Write(p.data[e.start:at])
			b.WriteString(p.instead[i])
			b.Write(p.data[at+len(serial.text) : e.end])
			owner = p.owners[i]
		default:
			if e.blank && owner != p.owners[i] {
				b.Write(appendNameText(nil, []byte(p.owners[i].Wire()), origin.Wire()))
			}
			b.Write(p.data[e.start:e.end])
			owner = p.owners[i]
		}
		for n, r := range p.behind[i] {
			p.endLine(&b)
			var from *piece
			if n == 0 && p.gone[i] {
				from = e
				for _, c := range e.inner {
					b.WriteString(c.text + "\n")
				}
			}
			write(r, from)
		}
	}
	b.Write(p.data[done:])
	for _, r := range p.behind[len(p.pieces)] {
		p.endLine(&b)
		write(r, nil)
	}
	return b.Bytes()
}

// endLine ends the last line, if the file did not.
func (p *patcher) endLine(b *bytes.Buffer) {
	if n := b.Len(); n > 0 && b.Bytes()[n-1] != '\n' {
		b.WriteByte('\n')
	}
}

// serialToken is the third of a SOA's data.
func (p *patcher) serialToken(e *piece) token {
	h, _ := headOf(*e)
	return h.data[2]
}

// line is a record as a line of a file, names relative to origin.
func (p *patcher) line(r newRecord, origin zones.Name) []byte {
	q := printer{origin: origin.Wire()}
	line := appendNameText(nil, []byte(r.owner.Wire()), q.origin)
	line = fmt.Appendf(line, "\t%d\tIN\t", r.set.TTL)
	return q.data(line, r.set, r.i, r.set.Data[r.i])
}

// lineLike is a record in place of another of its name and type: nothing but the data differs, neither blanks nor what is left out. It is
// for records of one line without parentheses.
func (p *patcher) lineLike(r newRecord, e *piece, owner, origin zones.Name) ([]byte, bool) {
	if !p.alike || e == nil || !r.sameTTL {
		return nil, false
	}
	h, ok := headOf(*e)
	if !ok || len(h.data) == 0 {
		return nil, false
	}
	typ, last := e.toks[h.headLast], h.data[len(h.data)-1]
	typEnd, dataEnd := offsetOf(p.data, typ)+typ.width(), offsetOf(p.data, last)+last.width()
	head, blanks, rest := p.data[e.start:typEnd], p.data[typEnd:offsetOf(p.data, h.data[0])], p.data[dataEnd:e.end]
	behind, _, _ := bytes.Cut(rest, []byte(";"))
	parentheses := bytes.ContainsAny(head, "()") || bytes.ContainsAny(blanks, "()") || bytes.ContainsAny(behind, "()")
	q := printer{origin: origin.Wire()}
	name, data, _ := bytes.Cut(q.data(nil, r.set, r.i, r.set.Data[r.i]), []byte("\t"))
	if last.line != e.line || parentheses || string(name) != h.typ {
		return nil, false
	}
	var line []byte
	if e.blank && owner != r.owner {
		line = appendNameText(nil, []byte(r.owner.Wire()), origin.Wire())
	}
	return slices.Concat(line, head, blanks, data, rest), true
}
