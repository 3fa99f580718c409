package zonefile

// nameFault says what is wrong with a name's text.
type nameFault string

const (
	faultNone      nameFault = ""
	faultEmpty     nameFault = "it is empty"
	faultDots      nameFault = "a label in it is empty"
	faultLabel     nameFault = "a label in it is over 63 octets"
	faultLong      nameFault = "it is over 255 octets"
	faultEscape    nameFault = `a backslash must have a character behind it, or three digits up to 255`
	faultNoOrigin  nameFault = "it is relative, and there is no origin"
	maxNameOctets            = 255
	maxLabelOctets           = 63
)

// nameForm tells how a name was written, for warnings.
type nameForm struct {
	// repeats: the name has no final dot, and ends like the origin that is then appended: the dot was forgotten, most likely.
	repeats bool
	raw8bit bool // there are octets above 127 in it, unescaped
}

// appendName appends the wire form of a name as it stands in a file; relative names are below origin (wire form).
// The case is kept.
func appendName(dst, text []byte, origin string) ([]byte, nameForm, nameFault) {
	var form nameForm
	switch {
	case len(text) == 0:
		return dst, form, faultEmpty
	case len(text) == 1 && text[0] == '@':
		if origin == "" {
			return dst, form, faultNoOrigin
		}
		return append(dst, origin...), form, faultNone
	case len(text) == 1 && text[0] == '.':
		return append(dst, 0), form, faultNone
	}
	start := len(dst)
	label := start // where the length octet of the present label is
	dst = append(dst, 0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '.':
			n := len(dst) - label - 1
			if n == 0 {
				return dst, form, faultDots
			}
			if n > maxLabelOctets {
				return dst, form, faultLabel
			}
			dst[label] = byte(n)
			label = len(dst)
			dst = append(dst, 0)
			continue
		case c == '\\':
			var n int
			c, n = unescape(text[i:])
			if n == 0 {
				return dst, form, faultEscape
			}
			i += n - 1
		case c >= 0x80:
			form.raw8bit = true
		}
		dst = append(dst, c)
	}
	n := len(dst) - label - 1
	switch {
	case n > maxLabelOctets:
		return dst, form, faultLabel
	case n > 0 && origin == "":
		return dst, form, faultNoOrigin
	case n > 0: // no final dot: relative
		dst[label] = byte(n)
		form.repeats = len(origin) > 1 && hasSuffixFold(dst[start:], origin[:len(origin)-1])
		dst = append(dst, origin...)
	}
	if len(dst)-start > maxNameOctets {
		return dst, form, faultLong
	}
	return dst, form, faultNone
}

// unescape reads the escape at the start of text, \X or \DDD, and how many octets it takes; 0 for a bad one.
func unescape(text []byte) (byte, int) {
	if len(text) < 2 {
		return 0, 0
	}
	c := text[1]
	if c < '0' || c > '9' {
		return c, 2
	}
	if len(text) < 4 {
		return 0, 0
	}
	n, ok := parseUint(text[1:4], 255)
	if !ok {
		return 0, 0
	}
	return byte(n), 4
}

// hasSuffixFold says whether labels end like suffix (lower case), without regard to case. Both are in wire form
// without the root label. A label that holds such octets itself may match too: that costs a needless warning.
func hasSuffixFold(labels []byte, suffix string) bool {
	return len(labels) >= len(suffix) && equalFoldASCII(labels[len(labels)-len(suffix):], suffix)
}

// appendNameText appends the presentation form of a name in wire form, as every name server reads it, relative to origin
// (wire form, lower case) where it is within it and origin is not empty. A name with the origin in another case is written
// in full, for it keeps its case.
func appendNameText(dst, wire []byte, origin string) []byte {
	if len(wire) == 1 {
		return append(dst, '.')
	}
	first := true
	for off := 0; wire[off] != 0; off += int(wire[off]) + 1 {
		if origin != "" && string(wire[off:]) == origin {
			if first {
				return append(dst, '@')
			}
			return dst
		}
		if !first {
			dst = append(dst, '.')
		}
		first = false
		for _, c := range wire[off+1 : off+1+int(wire[off])] {
			dst = appendEscaped(dst, c)
		}
	}
	if origin == "\x00" {
		return dst
	}
	return append(dst, '.')
}

// appendEscaped appends one octet of a label.
func appendEscaped(dst []byte, c byte) []byte {
	switch c {
	case '"', '$', '(', ')', '.', ';', '@', '\\':
		return append(dst, '\\', c)
	}
	if c <= ' ' || c >= 0x7f {
		return append(dst, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
	}
	return append(dst, c)
}

// equalFoldASCII compares octets without regard to ASCII case; b is in lower case.
func equalFoldASCII(a []byte, b string) bool {
	for i, c := range a {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != b[i] {
			return false
		}
	}
	return true
}
