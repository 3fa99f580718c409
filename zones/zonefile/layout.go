package zonefile

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/miekg/dns"
)

const (
	maxOwnerColumn  = 32  // longer owners push their line's columns to the right
	maxTypeColumn   = 10  //
	maxRemarkColumn = 100 // comments behind longer lines are not aligned
	maxDataLine     = 80  // longer data of several words is put in parentheses
	wrappedDataLine = 64  // the width that it is then filled to
	soaFieldColumn  = 11  // of a comment: behind a serial, the longest of the fields
	soaFields       = 7
	soaNames        = 2 // the first of them
)

// layout makes the text of a file.
type layout struct {
	owner, ttl, class, typ int // widths of columns; 0: there is none
	everyClass             bool

	lines []outLine
}

// outLine is one line of the text, and its comment, which is aligned with those of the lines around it.
type outLine struct {
	text   string
	remark string
	record bool // a record of one line: its comment is in a column with those of its neighbours
}

// newLayout measures the columns of a file.
func newLayout(pieces []piece) *layout {
	l := &layout{}
	for _, p := range pieces {
		if p.kind != pieceRecord {
			continue
		}
		h, _ := headOf(p)
		if n := width(h.owner); n <= maxOwnerColumn {
			l.owner = max(l.owner, n)
		}
		if n := width(h.typ); n <= maxTypeColumn {
			l.typ = max(l.typ, n)
		}
		l.ttl = max(l.ttl, width(period(h.ttl)))
		l.everyClass = l.everyClass || h.class != ""
	}
	if l.everyClass {
		l.class = len("IN")
	}
	return l
}

func width(s string) int { return utf8.RuneCountInString(s) }

func (l *layout) add(text, remark string) {
	l.lines = append(l.lines, outLine{text: text, remark: remark})
}

// text joins the lines, with comments in columns.
func (l *layout) text() []byte {
	var b bytes.Buffer
	for i := 0; i < len(l.lines); {
		n, column := i, 0
		for n < len(l.lines) && l.lines[n].record && l.lines[i].record {
			if w := width(l.lines[n].text); l.lines[n].remark != "" && w <= maxRemarkColumn {
				column = max(column, w)
			}
			n++
		}
		n = max(n, i+1)
		for ; i < n; i++ {
			line := l.lines[i]
			b.WriteString(line.text)
			if line.remark != "" {
				b.WriteString(strings.Repeat(" ", max(0, column-width(line.text))+1))
				b.WriteString(line.remark)
			}
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// piece adds one piece.
func (l *layout) piece(p *piece) {
	if p.gap && len(l.lines) > 0 {
		l.add("", "")
	}
	for _, r := range p.above {
		l.add(r.text, "")
	}
	switch p.kind {
	case pieceDirective:
		l.directive(p)
	case pieceRecord:
		l.record(p)
	}
}

// directive puts a directive on one line, and comments that stood within it above.
func (l *layout) directive(p *piece) {
	for _, r := range p.inner {
		l.add(r.text, "")
	}
	words := units(p.toks)
	words[0].text = directiveName(p.toks[0])
	if words[0].text == "$TTL" && len(words) == 2 {
		words[1].text = period(words[1].text)
	}
	l.add(joinUnits(words), p.trail)
}

// unit is what stands between white space: one token, or several that touch.
type unit struct {
	text   string
	line   int
	remark string   // behind it, at the end of its line
	above  []string // on lines of their own before it
}

func units(toks []token) (out []unit) {
	for i, t := range toks {
		if n := len(out); i > 0 && t.joined {
			out[n-1].text += t.raw()
			continue
		}
		out = append(out, unit{text: t.raw(), line: t.line})
	}
	return out
}

func joinUnits(us []unit) string {
	texts := make([]string, len(us))
	for i, u := range us {
		texts[i] = u.text
	}
	return strings.Join(texts, " ")
}

// record adds a record.
func (l *layout) record(p *piece) {
	h, _ := headOf(*p)
	data := units(h.data)
	below, lifted := l.remarks(p, h, data)
	for _, text := range lifted {
		l.add(text, "")
	}
	head := l.head(h)
	plain := len(below) == 0 && !slices.ContainsFunc(data, func(u unit) bool { return u.remark != "" || len(u.above) > 0 })
	switch {
	case h.typCode == dns.TypeSOA && len(data) == soaFields && data[2].text != `\#` && soaShaped(data, below):
		l.soa(head, data, plain, p.trail)
	case !plain:
		l.asWritten(head, h, data, below, p.trail)
	case len(data) > 1 && width(joinUnits(data)) > maxDataLine:
		l.wrapped(head, h, data, p.trail)
	default:
		text := head.text
		if len(data) > 0 {
			text = head.before() + joinUnits(data)
		}
		l.lines = append(l.lines, outLine{text: text, remark: p.trail, record: true})
	}
}

// remarks hangs the comments within a record on its data. Those between its owner and type are lifted above it; below are those
// on lines of their own behind the last of the data.
func (l *layout) remarks(p *piece, h recordHead, data []unit) (below, lifted []string) {
	for _, r := range p.inner {
		onLine, next := -1, len(data)
		for i, u := range data {
			if u.line == r.line {
				onLine = i
			}
			if u.line > r.line && next == len(data) {
				next = i
			}
		}
		switch {
		case onLine >= 0:
			data[onLine].remark = r.text
		case r.line <= h.typLine:
			lifted = append(lifted, r.text)
		case next < len(data):
			data[next].above = append(data[next].above, r.text)
		default:
			below = append(below, r.text)
		}
	}
	// A comment behind the last of the data is that of the line, where there is but one.
	if n := len(data); n > 0 && data[n-1].remark != "" && p.trail == "" && len(below) == 0 {
		p.trail, data[n-1].remark = data[n-1].remark, ""
	}
	return below, lifted
}

// lineHead is the start of a record's line.
type lineHead struct {
	text   string // without blanks at the end
	column int    // where data starts
}

// before is the text up to the data.
func (h lineHead) before() string { return pad(h.text, h.column) }

// pad fills text with blanks up to a column; at least one.
func pad(text string, column int) string {
	return text + strings.Repeat(" ", max(1, column-width(text)))
}

// head lays out what stands before the data.
func (l *layout) head(h recordHead) lineHead {
	column := max(l.owner, 1) + 1
	text := h.owner
	put := func(s string, w int) {
		if w == 0 {
			return
		}
		if s != "" {
			text = pad(text, column) + s
		}
		column += w + 1
	}
	put(period(h.ttl), l.ttl)
	put("IN", l.class)
	put(h.typ, l.typ)
	return lineHead{text, column}
}

// soaShaped says whether the comments of a SOA are where soa can put them: behind its second name and its numbers.
func soaShaped(data []unit, below []string) bool {
	return len(below) == 0 && data[0].remark == "" && !slices.ContainsFunc(data, func(u unit) bool { return len(u.above) > 0 })
}

// soa writes a SOA as everybody does. Where it has no comments it gets the usual ones.
func (l *layout) soa(head lineHead, data []unit, plain bool, trail string) {
	l.add(head.before()+joinUnits(data[:soaNames])+" (", data[soaNames-1].remark)
	indent := strings.Repeat(" ", head.column)
	usual := [...]string{"; serial", "; refresh", "; retry", "; expire", "; minimum"}
	for i, u := range data[soaNames:] {
		text, remark := u.text, u.remark
		if i > 0 {
			text = period(text)
		}
		last := i == soaFields-soaNames-1
		switch {
		case !last:
		case remark != "" && trail != "":
			l.add(indent+pad(text, soaFieldColumn)+remark, "")
			l.add(indent+")", trail)
			return
		default:
			text, remark = text+" )", trail
		}
		if remark == "" && plain {
			remark = usual[i]
		}
		if remark != "" {
			text = pad(text, soaFieldColumn) + remark
		}
		l.add(indent+text, "")
	}
}

// asWritten keeps the lines of a record that has comments between them.
func (l *layout) asWritten(head lineHead, h recordHead, data []unit, below []string, trail string) {
	indent := strings.Repeat(" ", head.column)
	text := head.before() + "("
	remark := ""
	for i, u := range data {
		newLine := u.line != h.typLine
		if i > 0 {
			newLine = u.line != data[i-1].line
		}
		if newLine || len(u.above) > 0 {
			l.add(text, remark)
			for _, a := range u.above {
				l.add(indent+a, "")
			}
			text = indent + u.text
		} else {
			text += " " + u.text
		}
		remark = u.remark
	}
	if remark == "" && len(below) == 0 {
		l.add(text+" )", trail)
		return
	}
	l.add(text, remark)
	for _, b := range below {
		l.add(indent+b, "")
	}
	l.add(indent+")", trail)
}

// wrapped puts long data in parentheses: strings of text a line each, other words as many as fit.
func (l *layout) wrapped(head lineHead, h recordHead, data []unit, trail string) {
	indent := strings.Repeat(" ", head.column)
	text := head.before() + "("
	fill := wrappedDataLine
	if h.typCode == dns.TypeTXT || h.typCode == dns.TypeSPF {
		fill = 0
	}
	length := -1 // of the data on the line; -1: there is none yet
	for i, u := range data {
		if i == 0 && fill > 0 {
			text += " " + u.text
			length = width(u.text)
			continue
		}
		if length < 0 || length+1+width(u.text) > fill {
			l.add(text, "")
			text, length = indent+u.text, width(u.text)
			continue
		}
		text += " " + u.text
		length += 1 + width(u.text)
	}
	l.add(text+" )", trail)
}

// period is a time as it is to be written: plain seconds as they are, others in the largest units that there are.
func period(text string) string {
	n, ok := parsePeriod([]byte(text), 1<<32-1)
	if !ok {
		return text
	}
	if _, plain := parseUint([]byte(text), 1<<32-1); plain {
		return strconv.FormatUint(n, 10)
	}
	if n == 0 {
		return "0"
	}
	var out []byte
	for _, u := range []struct {
		seconds uint64
		letter  byte
	}{{604800, 'w'}, {86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}} {
		if k := n / u.seconds; k > 0 {
			out = append(strconv.AppendUint(out, k, 10), u.letter)
			n %= u.seconds
		}
	}
	return string(out)
}
