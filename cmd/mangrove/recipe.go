package main

import (
	"encoding/binary"
	"errors"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/alias"
)

// A recipe is what a last good version was made from beyond its files, and what was found then: with it the version can be
// taken from the store at the next start, instead of being read again. The store keeps it as Source.Meta.
type recipe struct {
	ctimes []int64 // of the files, in their order
	conf   []byte  // text of NAME.yaml
	found  findings
	// aliases are the ALIAS records of the zone, so that nobody has to look through it for them.
	aliases []alias.Record
}

// readingRevision says how files become zones and problems: it rises when the same files give others. Versions made by another
// one are read again.
const readingRevision = 5

var errRecipe = errors.New("was made by another version of mangrove")

func (r recipe) encode() []byte {
	b := []byte{readingRevision}
	b = binary.AppendUvarint(b, uint64(len(r.ctimes)))
	for _, t := range r.ctimes {
		b = binary.AppendVarint(b, t)
	}
	b = appendText(b, string(r.conf))
	b = binary.AppendUvarint(b, uint64(len(r.found)))
	for _, f := range r.found {
		named := uint64(0)
		if f.named {
			named = 1
		}
		b = binary.AppendUvarint(b, uint64(f.severity)<<1|named)
		b = binary.AppendUvarint(b, uint64(f.line))
		b = binary.AppendUvarint(b, uint64(f.col))
		b = appendText(appendText(b, f.file), f.text)
	}
	b = binary.AppendUvarint(b, uint64(len(r.aliases)))
	for _, a := range r.aliases {
		b = appendText(appendText(b, a.Owner.Wire()), a.Target.Wire())
		b = binary.AppendUvarint(b, uint64(a.TTL))
		b = appendText(b, a.Pos.File)
		b = binary.AppendUvarint(b, uint64(a.Pos.Line))
		b = binary.AppendUvarint(b, uint64(a.Pos.Col))
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeRecipe reads what encode wrote; the error says why it can't be used. b is not kept.
func decodeRecipe(b []byte, share func([]byte) string) (recipe, error) {
	if len(b) == 0 || b[0] != readingRevision {
		return recipe{}, errRecipe
	}
	d := recipeReader{b: b[1:]}
	var r recipe
	for range d.count() {
		n, size := binary.Varint(d.b)
		d.skip(size)
		r.ctimes = append(r.ctimes, n)
	}
	if conf := d.text(); len(conf) > 0 {
		r.conf = append(r.conf, conf...)
	}
	for range d.count() {
		kind := d.number()
		f := finding{severity: zones.Severity(kind >> 1), named: kind&1 != 0, line: int32(d.number()), col: int32(d.number())}
		f.file, f.text = share(d.text()), share(d.text())
		r.found = append(r.found, f)
	}
	for range d.count() {
		a := alias.Record{Owner: d.name(), Target: d.name(), TTL: uint32(d.number())}
		a.Pos = zones.Pos{File: share(d.text()), Line: int(d.number()), Col: int(d.number())}
		r.aliases = append(r.aliases, a)
	}
	if d.bad || len(d.b) > 0 {
		return recipe{}, errors.New("is not whole")
	}
	return r, nil
}

// recipeReader takes a recipe apart; what is beyond its end is zero, and makes it bad.
type recipeReader struct {
	b   []byte
	bad bool
}

func (d *recipeReader) skip(n int) {
	if n <= 0 || n > len(d.b) {
		d.b, d.bad = nil, true
		return
	}
	d.b = d.b[n:]
}

func (d *recipeReader) number() uint64 {
	n, size := binary.Uvarint(d.b)
	d.skip(size)
	return n
}

// count reads how many things follow, of an octet at least each.
func (d *recipeReader) count() uint64 {
	n := d.number()
	if n > uint64(len(d.b)) {
		d.b, d.bad = nil, true
		return 0
	}
	return n
}

// name reads a name in wire form.
func (d *recipeReader) name() zones.Name {
	n, err := zones.NameFromWire(d.text())
	if err != nil {
		d.bad = true
	}
	return n
}

func (d *recipeReader) text() []byte {
	n := d.count()
	if n == 0 {
		return nil
	}
	text := d.b[:n]
	d.skip(int(n))
	return text
}
