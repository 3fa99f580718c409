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
	p := &patcher{path: path, data: data, res: before, target: target, pieces: outline(data)}
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
	byLine map[int]int        // line of a piece's first token -> its index
	last   map[zones.Name]int // the last piece of each owner
	fates  []fate             // of each piece; the last one is the end of the file
	alike  bool               // records are written as those in whose place they come
}

// fate is what becomes of a piece.
type fate struct {
	owner  zones.Name  // of its record
	gone   bool        // the record goes
	serial bool        // the record is the SOA, and nothing but its serial becomes another
	behind []newRecord // what comes behind it, or in its place
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
	p.place()
	for _, c := range zones.Diff(p.res.Zone, p.target) {
		if err := p.change(c); err != nil {
			return err
		}
	}
	return nil
}

// place finds the owner and the line of each piece, and the last piece of each owner.
func (p *patcher) place() {
	p.fates = make([]fate, len(p.pieces)+1)
	p.byLine, p.last = make(map[int]int), make(map[zones.Name]int)
	origin, owner := p.res.Origin, zones.Name{}
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
			p.fates[i].owner, p.last[owner] = owner, i
		}
	}
}

// change decides what becomes of the pieces of an RRset.
func (p *patcher) change(c zones.Change) error {
	places, err := p.places(c.Old)
	if err != nil {
		return err
	}
	if p.onlySerial(c) {
		p.fates[places[0]].serial = true
		return nil
	}
	sameTTL := c.Old.TTL == c.New.TTL
	stays := func(data []byte, in zones.RRset) bool {
		return sameTTL && slices.ContainsFunc(in.Data, func(d []byte) bool { return bytes.Equal(d, data) })
	}
	var free []int // pieces whose record goes
	for i, d := range c.Old.Data {
		if !stays(d, c.New) {
			p.fates[places[i]].gone = true
			free = append(free, places[i])
		}
	}
	at, known := p.last[c.Name]
	if !known {
		at = len(p.pieces)
	}
	for i, d := range c.New.Data {
		if stays(d, c.Old) {
			continue
		}
		to := at
		if len(free) > 0 {
			to, free = free[0], free[1:]
		}
		p.fates[to].behind = append(p.fates[to].behind, newRecord{c.Name, c.New, i, sameTTL})
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
	t := newText{patcher: p, origin: p.res.Origin}
	done := 0
	for i := range p.pieces {
		e, f := &p.pieces[i], &p.fates[i]
		if e.kind == pieceComment {
			continue
		}
		t.Write(p.data[done:e.start])
		done = e.end
		if !f.gone {
			t.piece(e, f)
		}
		for n, r := range f.behind {
			t.endLine()
			if n > 0 || !f.gone {
				t.record(r, nil)
				continue
			}
			for _, c := range e.inner {
				t.WriteString(c.text + "\n")
			}
			t.record(r, e)
		}
	}
	t.Write(p.data[done:])
	for _, r := range p.fates[len(p.pieces)].behind {
		t.endLine()
		t.record(r, nil)
	}
	return t.Bytes()
}

// newText is the new text as far as it is written, with the origin and the owner that who reads it has by then.
type newText struct {
	*patcher
	bytes.Buffer
	origin, owner zones.Name
}

// piece writes a piece that stays.
func (t *newText) piece(e *piece, f *fate) {
	switch {
	case e.kind == pieceDirective:
		if directiveName(e.toks[0]) == "$ORIGIN" {
			t.origin = nameOf(e.toks[1].text, t.origin)
		}
		t.Write(t.data[e.start:e.end])
		return
	case f.serial:
		serial := t.serialToken(e)
		at := offsetOf(t.data, serial)
		t.Write(t.data[e.start:at])
		t.WriteString(strconv.FormatUint(uint64(t.target.Serial()), 10))
		t.Write(t.data[at+len(serial.text) : e.end])
	default:
		if e.blank && t.owner != f.owner {
			t.Write(appendNameText(nil, []byte(f.owner.Wire()), t.origin.Wire()))
		}
		t.Write(t.data[e.start:e.end])
	}
	t.owner = f.owner
}

// record writes a record that comes; with from, in place of the record that stood there.
func (t *newText) record(r newRecord, from *piece) {
	line, ok := t.lineLike(r, from, t.owner, t.origin)
	if !ok {
		line = t.line(r, t.origin)
		if from != nil && from.trail != "" {
			line = append(line, " "+from.trail...)
		}
		line = append(line, '\n')
	}
	t.Write(line)
	t.owner = r.owner
}

// endLine ends the last line, if the file did not.
func (t *newText) endLine() {
	if b := t.Bytes(); len(b) > 0 && b[len(b)-1] != '\n' {
		t.WriteByte('\n')
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
