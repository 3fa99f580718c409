package zonefile

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/miekg/dns"
)

// wireFault says why wire is no data of a type: each field of its layout has to be there, and nothing behind them.
func wireFault(typ uint16, wire []byte) string {
	layout := layoutOf(typ)
	if layout == nil {
		return ""
	}
	data := wire
	for _, f := range layout {
		rest, mayBeEmpty := f.kind.takesRest()
		if len(wire) == 0 && (rest && mayBeEmpty || f.kind == fieldDashBase64) {
			continue
		}
		if len(wire) == 0 && f.kind != fieldText && f.kind != fieldGateway {
			return "it ends before its " + f.name
		}
		n, ok := fieldLen(f.kind, wire)
		if f.kind == fieldGateway {
			n, ok = gatewayLen(data[1], wire)
		}
		if !ok {
			return "its " + f.name + " is cut off, or is none"
		}
		if why := contentFault(f.kind, wire[:n]); why != "" {
			return why
		}
		wire = wire[n:]
	}
	if len(wire) > 0 {
		return fmt.Sprintf("octets behind it are too much: %d", len(wire))
	}
	return ""
}

// contentFault says what is wrong within a field whose length is right.
func contentFault(kind fieldKind, wire []byte) string {
	switch kind {
	case fieldTypes, fieldMayTypes:
		return typesFault(wire)
	case fieldParams:
		return paramsFault(wire)
	case fieldPrefixes:
		for len(wire) > 0 {
			n := prefixLen(wire)
			if n == 0 {
				return "one of its prefixes is none"
			}
			wire = wire[n:]
		}
	case fieldNames:
		for len(wire) > 0 {
			n, ok := nameLen(wire)
			if !ok {
				return "one of its names is none"
			}
			wire = wire[n:]
		}
	}
	return ""
}

// prefixLen is the length of the item of an APL record that wire starts with (RFC 3123 4); 0 where that is none.
func prefixLen(wire []byte) int {
	if len(wire) < 4 || len(wire) < 4+int(wire[3]&0x7f) {
		return 0
	}
	length, most := int(wire[3]&0x7f), addressLen(binary.BigEndian.Uint16(wire))
	if most != 0 && (length > most || int(wire[2]) > most*8 || length > 0 && wire[3+length] == 0) {
		return 0
	}
	return 4 + length
}

// addressLen is how many octets the addresses of a family have; 0 where the family is not known.
func addressLen(family uint16) int {
	switch family {
	case familyIPv4:
		return 4
	case familyIPv6:
		return 16
	}
	return 0
}

// gatewayLen is the length of a gateway of a kind (RFC 4025 2.5).
func gatewayLen(kind byte, wire []byte) (int, bool) {
	switch kind {
	case 0:
		return 0, true
	case 1:
		return 4, len(wire) >= 4
	case 2:
		return 16, len(wire) >= 16
	case 3:
		return nameLen(wire)
	}
	return 0, false
}

// judge finds what is wrong with data whose fields are all right by themselves, and warns of what is likely not meant.
func (p *parser) judge(h header, wire []byte) *rdataFault {
	last := len(h.data) - 1
	switch h.typ {
	case dns.TypeTXT, dns.TypeSPF:
		p.warnText(h)
	case dns.TypeCAA:
		if value := h.data[last]; endsAtSemicolon(value) {
			p.warnAt(value, "a comment starts behind %s, since this value has no quotes: put quotes around the whole value", shown(value))
		}
	case dns.TypeDS, dns.TypeCDS, dns.TypeDLV, dns.TypeTA:
		if n := digestLen(wire[3]); n != 0 && len(wire)-4 != n {
			return wrongDigest(last, len(wire)-4, n)
		}
	case dns.TypeZONEMD:
		switch n := len(wire) - 6; {
		case wire[5] == 1 && n != 48:
			return wrongDigest(last, n, 48)
		case wire[5] == 2 && n != 64:
			return wrongDigest(last, n, 64)
		case n < 12:
			return &rdataFault{at: last, text: fmt.Sprintf("has a digest of %d octets, 12 are the least (RFC 8976 2.2.4)", n)}
		}
	case dns.TypeNSEC3:
		if hash := wire[5+int(wire[4]):]; wire[0] == dns.SHA1 && hash[0] != 20 {
			return &rdataFault{at: min(4, last), text: fmt.Sprintf("has a next hash of %d octets, SHA-1 makes 20, written with 32 characters", hash[0])}
		}
	case dns.TypeX25:
		if digits := wire[1:]; !isGeneric(h) && (len(digits) < 4 || bytes.ContainsFunc(digits, func(c rune) bool { return c < '0' || c > '9' })) {
			return &rdataFault{last, "address", "four or more decimal digits are needed (RFC 1183 3.1)"}
		}
	case dns.TypeKEY:
		if len(wire) == 4 && !isKeyless(wire) {
			return &rdataFault{at: last + 1, text: "ends before its key"}
		}
	case dns.TypeIPSECKEY:
		n, _ := gatewayLen(wire[1], wire[3:])
		if len(wire) == 3+n && wire[2] != noKeyAlgorithm {
			return &rdataFault{at: last + 1, text: "ends before its key: algorithm 0 alone is for records without one"}
		}
	case dns.TypeSSHFP:
		if n := 8 + 12*int(wire[1]); (n == 20 || n == 32) && len(wire)-2 != n { // SHA-1, SHA-256
			p.warnAt(h.data[last], "the SSHFP record of %s has a fingerprint of %d octets, its type makes %d", h.name(), len(wire)-2, n)
		}
	case dns.TypeTLSA, dns.TypeSMIMEA:
		if n := 32 * int(wire[2]); (n == 32 || n == 64) && len(wire)-3 != n { // SHA-256, SHA-512
			p.warnAt(h.data[last], "the %s record of %s has association data of %d octets, its matching type makes %d", h.typTok.text, h.name(), len(wire)-3, n)
		}
	}
	return nil
}

// warnText warns of texts that lack their quotes: words of theirs are strings by themselves, which are joined without the blanks, a semicolon
// starts a comment, and quotes of another kind are part of the text.
func (p *parser) warnText(h header) {
	first, last := h.data[0], h.data[len(h.data)-1]
	for _, t := range h.data {
		if !t.quoted && (bytes.HasPrefix(t.text, []byte("“")) || bytes.HasPrefix(t.text, []byte("”")) || bytes.HasPrefix(t.text, []byte("„"))) {
			p.warnAt(t, `%s starts with a typographic quote, which is part of the text: write " for quotes`, shown(t))
			return
		}
	}
	if first.quoted || !bytes.HasPrefix(first.text, []byte("v=")) {
		return
	}
	switch {
	case endsAtSemicolon(last):
		p.warnAt(last, "a comment starts behind %s, since this text has no quotes: put quotes around the whole text", shown(last))
	case len(h.data) > 1 && !h.data[1].quoted && !h.data[1].joined:
		p.warnAt(first, "this text has no quotes, so each word is a string, and readers join them without blanks: put quotes around the whole text")
	}
}

// endsAtSemicolon says whether a word has a comment right behind it.
func endsAtSemicolon(t token) bool {
	n := len(t.text)
	return !t.quoted && n < cap(t.text) && t.text[:n+1][n] == ';'
}

func wrongDigest(at, got, want int) *rdataFault {
	return &rdataFault{at: at, text: fmt.Sprintf("has a digest of %d octets, its algorithm makes %d", got, want)}
}

// digestLen is how many octets a digest of a DS record has (RFC 4034, 4509, 6605); 0 where that is not known.
func digestLen(digest byte) int {
	switch digest {
	case dns.SHA1:
		return 20
	case dns.SHA256:
		return 32
	case dns.SHA384:
		return 48
	}
	return 0
}
