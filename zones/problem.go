package zones

import "fmt"

// Pos is a place in a file. Line and Col count from 1, Col in bytes; a Line of 0 means the file as a whole.
type Pos struct {
	File      string
	Line, Col int
}

// String returns file:line:col, or as much as is known.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Severity says what a problem means for its zone.
type Severity uint8

const (
	// Warning: the zone is served; its owner should look.
	Warning Severity = iota
	// Error: the zone is refused; what was served before goes on.
	Error
)

func (s Severity) String() string {
	if s == Error {
		return "error"
	}
	return "warning"
}

// Problem is one finding about a zone or a file, complete in one line: what is wrong and what to do.
type Problem struct {
	Pos      Pos
	Severity Severity
	Text     string // lower case, without final dot
}

// String returns "file:line:col: text", warnings marked as such.
func (p Problem) String() string {
	mark := ""
	if p.Severity == Warning {
		mark = "warning: "
	}
	if p.Pos == (Pos{}) {
		return mark + p.Text
	}
	return p.Pos.String() + ": " + mark + p.Text
}
