package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
)

// A plot is a grid of panels. It is a file of its own without scripts; its colours follow what the reader's system prefers, and it
// brings its own background, since the page around it may be of the other kind.

// plot is what a file shows.
type plot struct {
	title   string
	note    string
	columns int
	panels  []panel
}

// panel is one set of rows over one axis.
type panel struct {
	title string
	rows  []row
	log   bool // logarithmic axis, for marks alone
	unit  string
}

// row is a server's line: a bar with the spread around its end, or marks on a line.
type row struct {
	label string
	class string // "own", "peer" or "floor"
	spread
	text  string    // beside the bar
	marks []float64 // where it is marks: p50, p99, p99.9, max
}

const (
	panelWidth  = 306
	labelWidth  = 76
	textWidth   = 62
	rowHeight   = 19
	barHeight   = 12
	panelHead   = 30
	panelFoot   = 16
	gutter      = 18
	plotHead    = 52
	plotMargin  = 20
	axisWidth   = panelWidth - labelWidth - textWidth
	axisHeight  = 20
	labelIndent = 6
)

const style = `
.back{fill:#fff}text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:#1f2328}
.title{font-size:16px;font-weight:600}.head{font-weight:600}.note,.axis{fill:#59636e;font-size:11px}
.own{fill:#12805c}.peer{fill:#a3adb8}.floor{fill:#d8c08a}.spread{stroke:#1f2328;stroke-width:1.2;fill:none}
.rule{stroke:#d1d9e0;stroke-width:1}.line-own{stroke:#12805c}.line-peer{stroke:#a3adb8}.line-own,.line-peer{stroke-width:2}
.name-own{font-weight:600}
@media (prefers-color-scheme:dark){.back{fill:#0d1117}text{fill:#e6edf3}.note,.axis{fill:#9198a1}
.own{fill:#3fb98a}.peer{fill:#66707b}.floor{fill:#8a7440}.spread{stroke:#e6edf3}.rule{stroke:#30363d}
.line-own{stroke:#3fb98a}.line-peer{stroke:#66707b}}
`

// canvas writes SVG elements.
type canvas struct{ bytes.Buffer }

func (c *canvas) text(x, y float64, class, anchor, text string) {
	fmt.Fprintf(c, `<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">`, x, y, class, anchor)
	_ = xml.EscapeText(c, []byte(text)) // a buffer takes everything
	c.WriteString("</text>\n")
}

func (c *canvas) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(c, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="%s"/>`+"\n", x1, y1, x2, y2, class)
}

func (c *canvas) rect(x, y, w, h float64, class string) {
	fmt.Fprintf(c, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2" class="%s"/>`+"\n", x, y, w, h, class)
}

func (c *canvas) dot(x, y, r float64, class string) {
	fmt.Fprintf(c, `<circle cx="%.1f" cy="%.1f" r="%.1f" class="%s"/>`+"\n", x, y, r, class)
}

func (p *panel) height() float64 {
	h := float64(panelHead + len(p.rows)*rowHeight + panelFoot)
	if p.log {
		h += axisHeight
	}
	return h
}

// svg draws the plot.
func (p *plot) svg() []byte {
	columns := max(1, min(p.columns, len(p.panels)))
	width := float64(2*plotMargin + columns*panelWidth + (columns-1)*gutter)
	var body canvas
	y := float64(plotHead + plotMargin)
	for at := 0; at < len(p.panels); at += columns {
		line := p.panels[at:min(at+columns, len(p.panels))]
		var tallest float64
		for i := range line {
			line[i].draw(&body, float64(plotMargin+i*(panelWidth+gutter)), y)
			tallest = max(tallest, line[i].height())
		}
		y += tallest
	}
	height := y + plotMargin/2
	var c canvas
	fmt.Fprintf(&c, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img">`+"\n<title>", width, height, width, height)
	_ = xml.EscapeText(&c, []byte(p.title)) // a buffer takes everything
	fmt.Fprintf(&c, "</title>\n<style>%s</style>\n", style)
	fmt.Fprintf(&c, `<rect width="%.0f" height="%.0f" rx="6" class="back"/>`+"\n", width, height)
	c.text(plotMargin, plotMargin+12, "title", "start", p.title)
	c.text(plotMargin, plotMargin+32, "note", "start", p.note)
	c.Write(body.Bytes())
	c.WriteString("</svg>\n")
	return c.Bytes()
}

// draw puts the panel with its upper left corner at x, y.
func (p *panel) draw(c *canvas, x, y float64) {
	c.text(x, y+14, "head", "start", p.title)
	axis := x + labelWidth
	rows := y + panelHead
	bottom := rows + float64(len(p.rows)*rowHeight)
	if p.log {
		p.drawMarks(c, x, axis, rows, bottom)
		return
	}
	c.line(axis, rows-4, axis, bottom, "rule")
	scale := axisWidth / p.largest()
	for i, r := range p.rows {
		at := rows + float64(i*rowHeight)
		r.name(c, x, at)
		c.rect(axis, at, max(1, r.mid*scale), barHeight, r.class)
		end := r.mid
		if r.high > r.low {
			middle := at + barHeight/2
			c.line(axis+r.low*scale, middle, axis+r.high*scale, middle, "spread")
			c.line(axis+r.low*scale, middle-3, axis+r.low*scale, middle+3, "spread")
			c.line(axis+r.high*scale, middle-3, axis+r.high*scale, middle+3, "spread")
			end = max(end, r.high)
		}
		c.text(axis+end*scale+5, at+10, "name-"+r.class, "start", r.text)
	}
}

func (r *row) name(c *canvas, x, y float64) {
	c.text(x+labelWidth-labelIndent, y+10, "name-"+r.class, "end", r.label)
}

// largest is the value at the right end of the axis.
func (p *panel) largest() float64 {
	most := 1e-9
	for _, r := range p.rows {
		most = max(most, r.mid, r.high)
	}
	return most
}

// drawMarks draws rows of marks over a logarithmic axis.
func (p *panel) drawMarks(c *canvas, x, axis, rows, bottom float64) {
	low, high := math.Inf(1), 0.0
	for _, r := range p.rows {
		low, high = min(low, r.marks[0]), max(high, r.marks[len(r.marks)-1])
	}
	from, to := math.Floor(math.Log10(max(low, 1))), math.Ceil(math.Log10(max(high, 10)))
	width := float64(axisWidth + textWidth - 14)
	at := func(v float64) float64 { return axis + (math.Log10(max(v, 1))-from)/(to-from)*width }
	for e := from; e <= to; e++ {
		c.line(at(math.Pow(10, e)), rows-4, at(math.Pow(10, e)), bottom+2, "rule")
		c.text(at(math.Pow(10, e)), bottom+15, "axis", "middle", axisLabel(math.Pow(10, e), p.unit))
	}
	for i, r := range p.rows {
		y := rows + float64(i*rowHeight)
		r.name(c, x, y)
		c.line(at(r.marks[0]), y+6, at(r.marks[len(r.marks)-1]), y+6, "line-"+r.class)
		for k, v := range r.marks {
			c.dot(at(v), y+6, []float64{5, 4, 3, 2}[min(k, 3)], r.class)
		}
	}
}

// axisLabel shortens powers of ten of microseconds.
func axisLabel(v float64, unit string) string {
	switch {
	case unit == "µs" && v >= 1e6:
		return fmt.Sprintf("%.0f s", v/1e6)
	case unit == "µs" && v >= 1e3:
		return fmt.Sprintf("%.0f ms", v/1e3)
	}
	return fmt.Sprintf("%.0f %s", v, unit)
}
