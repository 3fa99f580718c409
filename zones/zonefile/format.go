package zonefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/mangrove-dns/mangrove/zones"
)

// FormatOptions say how a file is formatted.
type FormatOptions struct {
	// Sort puts the records between two directives, or two comments that stand alone, in canonical order (RFC 4034 6.1), SOA and
	// NS of the apex first. Records are in the order of the file otherwise. Those of an RRset keep theirs.
	Sort bool
}

// Formatted is a file in its canonical form.
type Formatted struct {
	Text []byte
	// Notes tell in words what else became of the file than its layout.
	Notes []string
	// Result is what the file holds. Where it has errors, there is no Text.
	Result *Result
}

// ErrMeaning is returned when the formatted text would not hold the same records as the file, or not in the same
// order: nothing is to be done with it then.
var ErrMeaning = errors.New("the formatted file would not mean the same")

// Format lays out the text of the master file at path in one canonical way, which is its own canonical form: names, TTLs, types and
// data in columns, one record a line, SOA and long data in parentheses. Directives, their order, comments and empty
// lines (one of several) stay as the author put them, and names stay as they are written. What the file
// holds is read before and after with o, included files too, and must be the same record by record. Included files
// stay as they are.
func Format(path string, data []byte, o Options, f FormatOptions) (*Formatted, error) {
	before, err := formatRead(path, data, o)
	if err != nil {
		return nil, err
	}
	out := &Formatted{Result: before}
	if before.Errors > 0 {
		return out, nil
	}
	pieces := outline(data)
	if f.Sort {
		if pieces, err = sortPieces(pieces, before.Origin); err != nil {
			return nil, err
		}
	}
	l := newLayout(pieces)
	for i := range pieces {
		l.piece(&pieces[i])
	}
	out.Text = l.text()
	after, err := formatRead(path, out.Text, o)
	if err != nil {
		return nil, err
	}
	if why := differs(before, after); why != "" {
		return nil, fmt.Errorf("format %s: %w: %s", path, ErrMeaning, why)
	}
	if bytes.HasPrefix(data, []byte(byteOrderMark)) {
		out.Notes = append(out.Notes, "the byte order mark is gone")
	}
	if n := bytes.Count(data, []byte("\r\n")); n > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%d of %d lines ended with a carriage return, none does any more", n, bytes.Count(data, []byte{'\n'})))
	}
	return out, nil
}

// formatRead reads a text with a builder: records that stand twice are found, and their order is that of the file.
func formatRead(path string, data []byte, o Options) (*Result, error) {
	return (&Reader{slowly: true}).ParseBytes(context.Background(), path, data, o)
}

// differs says how what was read differs; "" where it does not. Also the order of the records in an RRset counts, and the case of
// names in their data.
func differs(before, after *Result) string {
	if after.Errors > 0 {
		return after.Problems[slices.IndexFunc(after.Problems, func(p zones.Problem) bool { return p.Severity == zones.Error })].Text
	}
	if changes := zones.Diff(before.Zone, after.Zone); len(changes) > 0 {
		return fmt.Sprintf("%s %s would differ", changes[0].Name, zones.TypeString(changes[0].Type))
	}
	next, stop := iter.Pull(after.Zone.RRsets())
	defer stop()
	for s := range before.Zone.RRsets() {
		t, ok := next()
		if !ok || !slices.EqualFunc(s.Data, t.Data, bytes.Equal) || s.TTL != t.TTL {
			return fmt.Sprintf("%s %s would be in another order", s.Name, zones.TypeString(s.Type))
		}
	}
	if after.Warnings > before.Warnings {
		return fmt.Sprintf("%d warnings would become %d", before.Warnings, after.Warnings)
	}
	return ""
}
