package zonefile

import (
	"bytes"
	"strings"
)

// A remark is a comment, with its semicolon and without white space at its end.
type remark struct {
	line int
	text string
}

// A piece is one logical part of a file as its author sees it: what Format moves about, and what Patch replaces.
type piece struct {
	kind  pieceKind
	toks  []token // of a directive or record
	blank bool    // a record that takes its owner from the one before
	above []remark
	// inner are comments within a record, on its lines but the last; trail is that on the last.
	inner []remark
	trail string
	gap   bool // there is an empty line before it

	line       int // its first line with a token; of a comment its own
	start, end int // its octets, from the start of its first line with a token to behind the newline of its last
}

type pieceKind uint8

const (
	pieceComment   pieceKind = iota // comments that belong to no record: an empty line, a directive or the end follows
	pieceDirective                  // $ORIGIN and its like
	pieceRecord
)

// byteOrderMark is what some editors put in front of UTF-8.
const byteOrderMark = "\ufeff"

// outline takes a file apart. It is one that Parse finds no errors in.
func outline(data []byte) []piece {
	s := newScanner(data)
	if bytes.HasPrefix(data, []byte(byteOrderMark)) {
		s.off, s.lineStart = len(byteOrderMark), len(byteOrderMark)
	}
	var remarks []remark
	s.remarks = &remarks
	var out []piece
	last := 0 // line that was read last
	for {
		remarks = remarks[:0]
		more := s.next()
		first := s.line + 1
		if more && len(s.toks) > 0 {
			first = s.toks[0].line
		}
		n := 0
		var above []remark
		gap := false
		for ; n < len(remarks) && remarks[n].line < first; n++ {
			if r := remarks[n]; r.line > last+1 {
				out = appendRemarks(out, above, gap)
				above, gap = nil, len(out) > 0
			}
			above = append(above, remarks[n])
			last = remarks[n].line
		}
		if !more {
			return appendRemarks(out, above, gap)
		}
		if len(s.toks) == 0 { // an empty pair of parentheses, with a flaw in it
			out = appendRemarks(out, above, gap)
			continue
		}
		if first > last+1 {
			out = appendRemarks(out, above, gap)
			above, gap = nil, len(out) > 0
		}
		p := piece{kind: pieceRecord, toks: append([]token(nil), s.toks...), blank: s.blank, above: above, gap: gap, line: first}
		if !s.blank && isDirective(s.toks[0]) {
			p.kind = pieceDirective
		}
		last = s.line
		if s.off > 0 && data[s.off-1] == '\n' {
			last--
		}
		p.end = s.off
		p.start = bytes.LastIndexByte(data[:offsetOf(data, s.toks[0])], '\n') + 1
		for _, r := range remarks[n:] {
			if r.line == last {
				p.trail = r.text
			} else {
				p.inner = append(p.inner, r)
			}
		}
		out = append(out, p)
	}
}

// appendRemarks adds comments that belong to no record.
func appendRemarks(out []piece, above []remark, gap bool) []piece {
	if len(above) == 0 {
		return out
	}
	return append(out, piece{kind: pieceComment, above: above, gap: gap, line: above[0].line})
}

// offsetOf returns where in data a token starts whose text lies there.
func offsetOf(data []byte, t token) int {
	// Both slices end where the file's memory ends.
	off := cap(data) - cap(t.text)
	if t.quoted {
		off--
	}
	return off
}

// directiveName is a directive's name in capitals.
func directiveName(t token) string { return strings.ToUpper(string(t.text)) }

// A recordHead is what stands before a record's data, as it is written.
type recordHead struct {
	owner    string // "": that of the record before
	ttl      string
	class    string
	typ      string
	typCode  uint16
	typLine  int
	data     []token
	headLast int // index of the type's token
}

// headOf splits a record that can be read.
func headOf(p piece) (h recordHead, ok bool) {
	i := 0
	if !p.blank {
		h.owner = string(p.toks[0].text)
		i = 1
	}
	for ; i < len(p.toks); i++ {
		t := p.toks[i]
		if len(t.text) == 0 || t.quoted {
			return h, false
		}
		if '0' <= t.text[0] && t.text[0] <= '9' {
			h.ttl = string(t.text)
			continue
		}
		if _, isClass := lookupClass(t.text); isClass {
			h.class = strings.ToUpper(string(t.text))
			continue
		}
		h.typ, h.typLine, h.data, h.headLast = strings.ToUpper(string(t.text)), t.line, p.toks[i+1:], i
		h.typCode, ok = lookupType(t.text)
		return h, ok
	}
	return h, false
}
