package zonefile

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// generate carries out $GENERATE as BIND defines it: a record for each number of a range, with the number put
// in place of each "$" of owner and data.
//
//	$GENERATE 1-254 $ PTR dhcp-$.example.com.
//	$GENERATE 0-4095/16 ${0,5,n}.8.b.d.0.1.0.0.2.ip6.arpa. NS ns.example.com.
//	$GENERATE 1-9 host-$ MX "10 mail-$"
//
// Data of one quoted string is the text of the data, as for BIND, with \" for quotes in it; data of several words may also stand unquoted.
func (p *parser) generate(toks []token) {
	const usage = `$GENERATE START-STOP[/STEP] OWNER [TTL] [CLASS] TYPE DATA`
	if !p.arguments(toks, 4, 1<<30, usage) {
		return
	}
	r, why := parseRange(toks[1].text)
	if why == "" && r.count() > int64(p.o.MaxGenerate) {
		why = fmt.Sprintf("it makes %d records, %d are the limit", r.count(), p.o.MaxGenerate)
	}
	if why != "" {
		p.errorAt(toks[1], "bad range %q: %s", toks[1].text, why)
		return
	}
	// The records are made aside: neither their owner nor their TTL is the last one for what follows, as with BIND.
	src, ttl := *p.src, p.ttl
	p.src.ownerText = nil // the copy keeps it
	defer func() {
		p.src.owner, p.src.ownerBad, p.src.ownerText, p.src.ownerOrigin = src.owner, src.ownerBad, src.ownerText, src.ownerOrigin
		p.ttl.last, p.ttl.hasLast = ttl.last, ttl.hasLast
	}()
	template := toks[2:]
	for _, t := range template {
		if carriesOffset(t.text) {
			p.warnAt(t, "an offset counts for its own ${ } alone here; BIND adds the offset to each $ behind it in the same word: put the offset last, or give each $ one")
		}
	}
	made := make([]token, 0, len(template))
	for n := r.start; n <= r.stop; n += r.step {
		made = made[:0]
		for i, t := range template {
			var ok bool
			if made, ok = p.generateToken(made, t, n, i == len(template)-1); !ok {
				return
			}
		}
		// The same mistake in each record is one mistake.
		if !p.record(made, false) {
			return
		}
	}
}

// generateToken appends what template t becomes for number n. The last template, if quoted, is the data's text.
func (p *parser) generateToken(made []token, t token, n int64, last bool) ([]token, bool) {
	template := t.text
	if last && t.quoted {
		template = bytes.ReplaceAll(template, []byte(`\"`), []byte(`"`))
	}
	text, why := expand(template, n)
	if why != "" {
		p.errorAt(t, "bad template %q in $GENERATE: %s", t.text, why)
		return made, false
	}
	if !last || !t.quoted {
		t.text = text
		return append(made, t), true
	}
	inner := newScanner(text)
	inner.next()
	if inner.bad || inner.off < len(text) {
		p.errorAt(t, "bad template %q in $GENERATE: it does not hold the data of one record", t.text)
		return made, false
	}
	for _, it := range inner.toks {
		it.line, it.col = t.line, t.col
		made = append(made, it)
	}
	return made, true
}

// numberRange is start, start+step, … up to stop.
type numberRange struct{ start, stop, step int64 }

func (r numberRange) count() int64 { return (r.stop-r.start)/r.step + 1 }

const maxRange = 1<<31 - 1

// parseRange reads START-STOP or START-STOP/STEP.
func parseRange(text []byte) (r numberRange, why string) {
	bounds, step, hasStep := bytes.Cut(text, []byte{'/'})
	start, stop, ok := bytes.Cut(bounds, []byte{'-'})
	if !hasStep {
		step = []byte{'1'}
	}
	first, ok1 := parseUint(start, maxRange)
	end, ok2 := parseUint(stop, maxRange)
	by, ok3 := parseUint(step, maxRange)
	switch {
	case !ok || !ok1 || !ok2 || !ok3:
		return r, fmt.Sprintf("START-STOP or START-STOP/STEP is needed, of numbers up to %d", maxRange)
	case by == 0:
		return r, "the step is 0"
	case end < first:
		return r, "it ends before it starts"
	}
	return numberRange{int64(first), int64(end), int64(by)}, ""
}

// expand puts n in place of each "$" of a template: "$" is the number, "${offset,width,base}" the number plus offset, with
// zeros up to width, in base d, o, x or X, or as nibbles with dots, the lowest first, in base n or N; "$$" and "\$" are a dollar sign.
func expand(template []byte, n int64) (text []byte, why string) {
	for i := 0; i < len(template); i++ {
		c := template[i]
		next := byte(0)
		if i+1 < len(template) {
			next = template[i+1]
		}
		switch {
		case c == '\\' && next != 0:
			text = append(text, c, next)
			i++
		case c != '$':
			text = append(text, c)
		case next == '$':
			text = append(text, '$')
			i++
		case next != '{':
			text = strconv.AppendInt(text, n, 10)
		default:
			end := bytes.IndexByte(template[i:], '}')
			if end < 0 {
				return nil, "a ${ is not closed"
			}
			if text, why = appendModified(text, string(template[i+2:i+end]), n); why != "" {
				return nil, why
			}
			i += end
		}
	}
	return text, ""
}

// carriesOffset says whether BIND makes something else of a template: there, an offset stays for what follows it in the word.
func carriesOffset(template []byte) bool {
	carried := false
	for i := 0; i < len(template); i++ {
		c, rest := template[i], template[i+1:]
		switch {
		case c == '\\' || c == '$' && len(rest) > 0 && rest[0] == '$':
			i++
		case c != '$':
		case carried:
			return true
		case len(rest) > 0 && rest[0] == '{':
			number, _, _ := bytes.Cut(rest[1:], []byte("}"))
			offset, _, _ := bytes.Cut(number, []byte(","))
			n, err := strconv.Atoi(string(offset))
			carried = err == nil && n != 0
		}
	}
	return false
}

// appendModified appends n as ${modifier} says.
func appendModified(dst []byte, modifier string, n int64) ([]byte, string) {
	parts := strings.Split(modifier, ",")
	offset, err := strconv.ParseInt(parts[0], 10, 32)
	width, base := uint64(0), "d"
	if err == nil && len(parts) > 1 {
		width, err = strconv.ParseUint(parts[1], 10, 8)
	}
	if len(parts) > 2 {
		base = parts[2]
	}
	if err != nil || len(parts) > 3 || len(base) != 1 || !strings.Contains("doxXnN", base) {
		return dst, "${OFFSET,WIDTH,BASE} is needed, width up to 255, base one of d o x X n N"
	}
	if n += offset; n < 0 || n > maxRange {
		return dst, fmt.Sprintf("offset %d makes the number %d", offset, n)
	}
	if base == "n" || base == "N" {
		return appendNibbles(dst, n, int(width), base), ""
	}
	return fmt.Appendf(dst, "%0"+strconv.Itoa(int(width))+base, n), ""
}

// appendNibbles appends hexadecimal digits, the lowest first, dots between; width counts digits and dots, so an even one ends
// with a dot, as with BIND.
func appendNibbles(dst []byte, n int64, width int, base string) []byte {
	digits := "0123456789abcdef"
	if base == "N" {
		digits = "0123456789ABCDEF"
	}
	start := len(dst)
	for {
		dst = append(dst, digits[n&15])
		n >>= 4
		if n != 0 || len(dst)-start < width {
			dst = append(dst, '.')
		}
		if n == 0 && len(dst)-start >= width {
			return dst
		}
	}
}
