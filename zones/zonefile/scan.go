package zonefile

import (
	"bytes"
	"fmt"

	"github.com/mangrove-dns/mangrove/zones"
)

// A token is one word or quoted string of a logical record. text is raw: escapes are
// kept, quotes are not part of it. It points into the file's bytes.
type token struct {
	text      []byte
	line, col int  // where it starts; the opening quote of a quoted string
	quoted    bool //
	joined    bool // no white space between it and the token before
}

// width is the number of columns that the token takes in the file.
func (t token) width() int {
	if t.quoted {
		return len(t.text) + 2
	}
	return len(t.text)
}

// raw returns the token as it stands in the file.
func (t token) raw() string {
	if t.quoted {
		return `"` + string(t.text) + `"`
	}
	return string(t.text)
}

// A flaw is a lexical problem of one logical record.
type flaw struct {
	line, col int
	severity  zones.Severity
	text      string
}

// scanner splits the text of a master file into logical records (RFC 1035 5.1): lines, joined
// by parentheses, without comments. It never stops at a flaw: the record that holds it is marked bad,
// and scanning goes on with the next one.
type scanner struct {
	data      []byte
	in        *window // where data comes from; nil: it is all there
	off       int
	line      int // of off
	lineStart int // offset of that line's first byte

	// The logical record found by next.
	toks  []token
	blank bool // it starts with white space: its owner is the one before
	bad   bool // it has a flaw of severity error and cannot be read
	flaws []flaw

	remarks   *[]remark // where comments are kept; nil: nowhere
	depth     int       // open parentheses
	open      token
	crowded   bool // it has more tokens than are kept
	openQuote bool // the record has an unclosed quote, which may have swallowed its ")"
	// wary is set once a parenthesis was left open to the end of the file. From then on a line in parentheses that
	// looks like a record's first is taken for one. Before, it must not be: such lines may be data.
	wary bool
}

func newScanner(data []byte) *scanner { return &scanner{data: data, line: 1} }

const strayParenthesis = `")" without a "(" before it`

const (
	// maxTokens is more than any record needs: 65535 octets of data, a hexadecimal digit a word.
	maxTokens = 1 << 18
	maxFlaws  = 1000
)

// class of an octet outside of quotes.
type class uint8

const (
	word class = iota
	space
	newline
	special
	control
)

var classes = func() (t [256]class) {
	for c := range 0x20 {
		t[c] = control
	}
	t[0x7f] = control
	t[' '], t['\t'] = space, space
	t['\n'] = newline
	for _, c := range "\r;()\"" {
		t[c] = special
	}
	return t
}()

// next finds the next logical record, in toks, and returns false behind the last one. Lines that hold nothing are passed over.
func (s *scanner) next() bool {
	startOff, startLine, startLineStart := s.off, s.line, s.lineStart
	for {
		closed := s.scanRecord()
		if s.off == len(s.data) && s.in.more() {
			// The record may go on in what is not read yet.
			s.off, s.line, s.lineStart = startOff, startLine, startLineStart
			s.refill()
			startOff, startLineStart = s.off, s.lineStart
			continue
		}
		if closed || s.wary || s.openQuote {
			break
		}
		// A parenthesis is open and the file is over. Read the record again, warily, so that what follows it is not lost.
		s.wary = true
		s.off, s.line, s.lineStart = startOff, startLine, startLineStart
	}
	if s.depth > 0 {
		if !s.openQuote {
			s.flaw(s.open.line, s.open.col, "parenthesis is never closed")
		}
		s.bad = true
		s.depth = 0
	}
	return len(s.toks) > 0 || len(s.flaws) > 0
}

// scanRecord reads one logical record; false says that the file ended within parentheses.
func (s *scanner) scanRecord() bool {
	s.toks, s.flaws, s.bad, s.depth, s.openQuote, s.crowded = s.toks[:0], s.flaws[:0], false, 0, false, false
	s.blank = s.atBlank()
	joined := false
	for s.off < len(s.data) {
		c := s.data[s.off]
		switch classes[c] {
		case word:
			s.word(joined)
			joined = true
		case space:
			s.off++
			joined = false
		case newline:
			s.off++
			s.line++
			s.lineStart = s.off
			joined = false
			switch {
			case s.depth > 0:
				if (s.wary || s.openQuote) && s.startsRecord() {
					return true
				}
			case len(s.toks) > 0 || len(s.flaws) > 0:
				return true
			default:
				s.blank = s.atBlank()
			}
		case special:
			joined = s.special(c, joined)
		case control:
			s.flaw(s.line, s.col(), fmt.Sprintf("control character %#02x", c))
			s.off++
		}
	}
	return s.depth == 0
}

func (s *scanner) atBlank() bool {
	return s.off < len(s.data) && classes[s.data[s.off]] == space
}

func (s *scanner) col() int { return s.off - s.lineStart + 1 }

func (s *scanner) flaw(line, col int, text string) {
	s.bad = true
	if len(s.flaws) < maxFlaws {
		s.flaws = append(s.flaws, flaw{line, col, zones.Error, text})
	}
}

// add adds a token. One logical record of a huge file must not take many times its size in memory.
func (s *scanner) add(t token) {
	if len(s.toks) == maxTokens {
		if !s.crowded {
			s.crowded = true
			s.flaw(t.line, t.col, fmt.Sprintf("more than %d words in one record", maxTokens))
		}
		return
	}
	s.toks = append(s.toks, t)
}

// word reads an unquoted token.
func (s *scanner) word(joined bool) {
	start := s.off
	data := s.data
	i := start
	for i < len(data) && classes[data[i]] == word {
		if data[i] == '\\' && i+1 < len(data) && data[i+1] != '\n' && data[i+1] != '\r' {
			i++
		}
		i++
	}
	s.add(token{text: data[start:i], line: s.line, col: start - s.lineStart + 1, joined: joined})
	s.off = i
}

// special reads what starts with one of \r ; ( ) " and says whether a token that follows directly is joined to it.
func (s *scanner) special(c byte, joined bool) bool {
	switch c {
	case '\r':
		if s.off+1 >= len(s.data) || s.data[s.off+1] != '\n' {
			s.flaw(s.line, s.col(), "carriage return without a line feed behind it")
		}
		s.off++
	case ';':
		s.comment()
	case '(':
		if s.depth == 0 {
			s.open = token{line: s.line, col: s.col()}
		}
		s.depth++
		s.off++
	case ')':
		if s.depth == 0 {
			s.flaw(s.line, s.col(), strayParenthesis)
		} else {
			s.depth--
		}
		s.off++
	case '"':
		s.quoted(joined)
		return true
	}
	return false
}

// comment passes over a comment, up to its newline. A carriage return in it would hide lines of a file
// that was written with these alone.
func (s *scanner) comment() {
	end := bytes.IndexByte(s.data[s.off:], '\n')
	if end < 0 {
		end = len(s.data) - s.off
	}
	text := s.data[s.off : s.off+end]
	if s.remarks != nil {
		*s.remarks = append(*s.remarks, remark{line: s.line, text: string(bytes.TrimRight(text, " \t\r"))})
	}
	if i := bytes.IndexByte(text, '\r'); i >= 0 && i != len(text)-1 {
		s.flaw(s.line, s.col()+i, "carriage return without a line feed behind it")
	}
	s.off += end
}

// quoted reads a quoted string. It ends with its line at the latest, as for BIND: a forgotten quote must not swallow the file.
func (s *scanner) quoted(joined bool) {
	t := token{line: s.line, col: s.col(), quoted: true, joined: joined}
	start := s.off + 1
	i := start
	for i < len(s.data) && s.data[i] != '"' && s.data[i] != '\n' {
		if s.data[i] == '\\' && i+1 < len(s.data) && s.data[i+1] != '\n' {
			i++
		}
		i++
	}
	if i >= len(s.data) || s.data[i] == '\n' {
		s.off = min(i, len(s.data))
		if s.closedLater() {
			s.flaw(t.line, t.col, "quote is not closed on its line: put each line of the string in quotes of its own, and all of them in parentheses")
			return
		}
		s.flaw(t.line, t.col, "quote is not closed on its line")
		s.openQuote = true
		return
	}
	t.text = s.data[start:i]
	if j := bytes.IndexByte(t.text, '\r'); j >= 0 {
		s.flaw(t.line, t.col+1+j, `carriage return in a quoted string: write \013`)
	}
	s.add(t)
	s.off = i + 1
}

// maxQuoted is how much of a string over several lines is passed over as one mistake.
const maxQuoted = 1 << 16

// closedLater goes to the end of a quoted string that goes over several lines, from the end of its first: behind a quote that leaves
// none open in its line. It stays, and says so, where the quote looks forgotten, since a record comes first.
func (s *scanner) closedLater() bool {
	data := s.data[:min(len(s.data), s.off+maxQuoted)]
	start := s.off + 1
	for n := 1; start < len(data); n++ {
		line := lineAt(data, start)
		first, quotes := quotesOf(line)
		switch {
		case looksLikeRecord(line), quotes > 0 && quotes%2 == 0:
			return false
		case quotes > 0:
			s.off, s.line, s.lineStart = start+first+1, s.line+n, start
			return true
		}
		start += len(line) + 1
	}
	return false
}

// quotesOf counts the quotes of a line, and finds the first.
func quotesOf(line []byte) (first, count int) {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			if count == 0 {
				first = i
			}
			count++
		}
	}
	return first, count
}

// lineAt returns the rest of the line from offset on, without its end.
func lineAt(data []byte, offset int) []byte {
	line := data[min(offset, len(data)):]
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
	}
	return line
}

// numbersAlone says whether the logical record is numbers and times, or a parenthesis, and nothing else: what no record is, and a
// SOA ends with.
func (s *scanner) numbersAlone() bool {
	for _, f := range s.flaws {
		if f.text != strayParenthesis {
			return false
		}
	}
	for _, t := range s.toks {
		if _, ok := parsePeriod(t.text, 1<<32-1); !ok || t.quoted {
			return false
		}
	}
	return true
}

// startsRecord says whether the line at off looks like the first of a record: it begins in its first column.
func (s *scanner) startsRecord() bool {
	return s.off < len(s.data) && classes[s.data[s.off]] == word && looksLikeRecord(lineAt(s.data, s.off))
}

// looksLikeRecord says whether a line begins with a directive, or with a name, which is the last one where there is white space
// instead, that a type follows, past TTL and class.
func looksLikeRecord(line []byte) bool {
	if len(line) == 0 {
		return false
	}
	if line[0] == '$' {
		return true
	}
	if len(line) > 1024 {
		line = line[:1024]
	}
	words := bytes.Fields(line)
	first := 1
	if classes[line[0]] == space {
		first = 0
	}
	for i := first; i < len(words) && i < first+3; i++ {
		if _, ok := lookupType(words[i]); ok {
			return true
		}
		_, isClass := lookupClass(words[i])
		if _, ok := parseTTL(words[i]); !ok && !isClass {
			return false
		}
	}
	return false
}
