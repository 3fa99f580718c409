package main

import (
	"strings"
	"unique"

	"github.com/mangrove-dns/mangrove/zones"
)

// findings are the problems of a source, kept small: 50,000 zones may well have the same warning each.
type findings []finding

type finding struct {
	file      string // "": the zone's own, which also stands for no place at all
	text      string // shared by all that have the same, behind the zone's name
	line, col int32
	severity  zones.Severity
	named     bool // text goes on behind the zone's name
}

// findingsOf keeps problems of the zone at origin whose file is at path.
func findingsOf(path string, origin zones.Name, problems []zones.Problem) findings {
	if len(problems) == 0 {
		return nil
	}
	out := make(findings, len(problems))
	for i, p := range problems {
		f := finding{line: int32(p.Pos.Line), col: int32(p.Pos.Col), severity: p.Severity}
		if p.Pos.File != path {
			f.file = unique.Make(p.Pos.File).Value()
		}
		text, named := strings.CutPrefix(p.Text, origin.String())
		f.text, f.named = unique.Make(text).Value(), named
		out[i] = f
	}
	return out
}

// list returns the problems as they were.
func (fs findings) list(path string, origin zones.Name) []zones.Problem {
	out := make([]zones.Problem, len(fs))
	for i, f := range fs {
		p := zones.Problem{Pos: zones.Pos{File: f.file, Line: int(f.line), Col: int(f.col)}, Severity: f.severity, Text: f.text}
		if f.file == "" {
			p.Pos.File = path
		}
		if f.named {
			p.Text = origin.String() + f.text
		}
		out[i] = p
	}
	return out
}

// problems returns what is wrong with the source.
func (src *source) problems() []zones.Problem { return src.found.list(src.path, src.origin) }

// found adds problems to those of the source.
func (src *source) add(problems ...zones.Problem) {
	src.found = append(src.found, findingsOf(src.path, src.origin, problems)...)
}
