package zones

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"

	"github.com/miekg/dns"
)

// ErrNotPacked is returned by Packer.Zone where a record was added twice, where the records of an RRset have several TTLs,
// where they are too many or too large, and in zones that come signed. A Builder makes a zone of such
// records, or says which ones cannot be in one.
var ErrNotPacked = errors.New("records that only a builder makes a zone of")

// Packer makes a zone of many records, as a Builder does, in a fraction of the time and of the memory. What it does not do is to
// tell at once that a record was there already: it does not look names up when they come. It writes the records
// behind one another into a log, sorts the names where they do not come in canonical order, and writes the nodes one after
// the other. pack.go has that half, packnode.go says what of it needs no Builder.
//
// A Packer is made by new(Packer) and may be used for one zone after the other; what small zones need is kept. It is not
// safe for concurrent use. One that has records must be ended by Zone or Reset, or memory outside of the heap is lost.
type Packer struct {
	origin Name
	labels int
	key    Key // of the origin

	log     [][]byte // runs: records of one name that came together
	runs    parts[uint32]
	rel     []byte // the last run's name, in the log
	ordered bool   // the runs are in canonical order
	spoilt  bool   // Zone fails
	kinds   []packedKind
	kind    int      // that of the last record
	wild    [][]byte // parents of wildcards, in the log
	records int
	size    int64 // an upper bound of the zone's octets
	packing packing
}

// packedKind is what most records have in common with others, which their log refers to.
type packedKind struct {
	ttl uint32
	typ uint16
}

// A run in the log is the length of the name below the apex, 8 bits, the name, and its records, each:
//
//	kind 8, length of RDATA 8, RDATA
//
// A kind is the number of a packedKind, from 1 on; kindOwn: type 16 and TTL 32 follow; 0: the run ends. A length
// of longData: it follows in 16 bits.
const (
	kindEnd  = 0
	kindOwn  = 255
	maxKinds = 32
	longData = 255

	firstChunk = 16 << 10 // of a log: enough for small zones, and kept for the next one
)

// Reset makes p a packer for a zone at origin, and forgets what was added.
func (p *Packer) Reset(origin Name) {
	useSeed()
	p.origin, p.labels = origin, origin.Labels()
	p.key.Set(origin)
	p.drop()
}

// drop frees what was added.
func (p *Packer) drop() {
	p.log = dropChunks(p.log)
	p.runs.reset()
	p.rel, p.ordered, p.spoilt = nil, true, false
	p.kinds, p.kind = p.kinds[:0], 0
	p.wild = p.wild[:0]
	p.records, p.size = 0, 0
	p.packing.drop()
}

// dropChunks frees all chunks but the first, which is small.
func dropChunks(log [][]byte) [][]byte {
	for i, c := range log {
		if i > 0 {
			freeScratch(c[:cap(c)])
			log[i] = nil
		}
	}
	if len(log) > 0 {
		log[0] = log[0][:0]
		log = log[:1]
	}
	return log
}

// Add adds a record. rel is the owner without the origin that Reset was given: labels in wire form, lower case, without the
// root label, which must make a name of at most 255 octets with the origin. rdata is in wire form with names uncompressed.
// Both are copied. False says that there is no use in going on: Zone will return ErrNotPacked.
func (p *Packer) Add(rel []byte, typ uint16, ttl uint32, rdata []byte) bool {
	need := recordExtra + len(rdata)
	if p.records == 0 || !bytes.Equal(p.rel, rel) || !p.fits(need) {
		p.open(rel, need)
	}
	p.records++
	p.size += int64(need + setHead)
	c := p.log[len(p.log)-1]
	if p.kind < len(p.kinds) && p.kinds[p.kind] == (packedKind{ttl, typ}) || p.findKind(typ, ttl) {
		c = append(c, byte(p.kind+1))
	} else {
		c = append(c, kindOwn)
		c = binary.LittleEndian.AppendUint16(c, typ)
		c = binary.LittleEndian.AppendUint32(c, ttl)
	}
	if len(rdata) < longData {
		c = append(c, byte(len(rdata)))
	} else {
		c = append(c, longData)
		c = binary.LittleEndian.AppendUint16(c, uint16(len(rdata)))
	}
	p.log[len(p.log)-1] = append(c, rdata...)
	return !p.spoilt
}

// findKind makes kind the number of that kind; false: there is no room for it.
func (p *Packer) findKind(typ uint16, ttl uint32) bool {
	for i, k := range p.kinds {
		if k.typ == typ && k.ttl == ttl {
			p.kind = i
			return true
		}
	}
	switch typ {
	case dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeNSEC3PARAM:
		p.spoilt = true // what denies names lies beside the nodes
	}
	if len(p.kinds) == maxKinds {
		return false
	}
	p.kind = len(p.kinds)
	p.kinds = append(p.kinds, packedKind{ttl, typ})
	return true
}

// fits says whether the last chunk has room for n octets and the end of the run.
func (p *Packer) fits(n int) bool {
	c := p.log[len(p.log)-1]
	return len(c)+n < cap(c)
}

// open starts a run with room for a record of need octets.
func (p *Packer) open(rel []byte, need int) {
	p.spoilt = p.spoilt || need > recordExtra+maxRdata || len(rel) >= maxName || p.size > maxZone
	if p.runs.n > 0 {
		p.end()
		p.ordered = p.ordered && compareNames(p.rel, rel) <= 0
	}
	switch {
	case len(p.log) == 0:
		p.log = append(p.log, make([]byte, 0, firstChunk))
		if p.fits(1 + len(rel) + need) {
			break
		}
		fallthrough
	case !p.fits(1 + len(rel) + need):
		p.log = append(p.log, newScratch(chunkSize)[:0])
	}
	last := len(p.log) - 1
	c := p.log[last]
	p.runs.add(uint32(last*chunkSize + len(c)))
	c = append(c, byte(len(rel)))
	c = append(c, rel...)
	p.log[last] = c
	p.rel = c[len(c)-len(rel):]
	p.size += int64(nameExtra + len(rel))
	for at := 0; at < len(rel); at += 1 + int(rel[at]) {
		if rel[at] == 1 && rel[at+1] == '*' {
			p.wild = append(p.wild, p.rel[at+2:])
		}
		if at > 0 {
			p.size += int64(nameExtra + len(rel)) // of an empty non-terminal, perhaps
		}
	}
}

// end ends the last run.
func (p *Packer) end() {
	last := len(p.log) - 1
	p.log[last] = append(p.log[last], kindEnd)
}

// run returns the name of a run and its records.
func (p *Packer) run(at uint32) (rel, records []byte) {
	c := p.log[at/chunkSize][at%chunkSize:]
	n := int(c[0])
	return c[1 : 1+n : 1+n], c[1+n:]
}

// packedRecord is a record of the log.
type packedRecord struct {
	packedKind
	data []byte
}

// next returns the first of records and those behind it; false at the end.
func (p *Packer) next(records []byte) (r packedRecord, rest []byte, ok bool) {
	switch k := records[0]; k {
	case kindEnd:
		return r, nil, false
	case kindOwn:
		r.typ, r.ttl = binary.LittleEndian.Uint16(records[1:]), binary.LittleEndian.Uint32(records[3:])
		records = records[7:]
	default:
		r.packedKind = p.kinds[k-1]
		records = records[1:]
	}
	n := int(records[0])
	records = records[1:]
	if n == longData {
		n = int(binary.LittleEndian.Uint16(records))
		records = records[2:]
	}
	r.data = records[:n:n]
	return r, records[n:], true
}

// each passes over the records of runs from … to-1.
func (p *Packer) each(from, to int) iter.Seq[packedRecord] {
	return func(yield func(packedRecord) bool) {
		for run := from; run < to; run++ {
			_, records := p.run(*p.runs.at(uint32(run)))
			for r, rest, ok := p.next(records); ok; r, rest, ok = p.next(rest) {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// touch asks for a run that is soon to be read.
func (p *Packer) touch(at uint32) {
	prefetchNode(&p.log[at/chunkSize][at%chunkSize])
}
