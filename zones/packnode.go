package zones

import (
	"bytes"
	"encoding/binary"

	"github.com/miekg/dns"
)

// Plain nodes: RRsets that a packer writes by itself, of few records each, by ascending type and with one TTL. Targets are put in
// when all nodes are there, and of a delegation's glue only its referral knows, which is made from the runs that follow.

const (
	plainTypes   = 24 // more than there are plain types
	plainRecords = 8  // of an RRset, in a plain node
	plainGlue    = 64 // runs below a delegation that are looked through for its glue
)

// isPlain says whether an RRset of a type is nothing but its records, in its node: no target, no cut, no signature.
func isPlain(typ uint16) bool {
	switch typ {
	case dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypePTR, dns.TypeCAA, dns.TypeTLSA, dns.TypeSSHFP, dns.TypeHINFO, dns.TypeNAPTR, dns.TypeDS:
		return true
	}
	return false
}

// isTargeting says whether it is that with targets, or a cut.
func isTargeting(typ uint16) bool { return keepsTargets(typ) && typ != dns.TypeDNAME }

// single returns the only record of runs from … to-1; false where there are others, or it has more to it. It is a shorter way
// for most nodes of large zones.
func (p *Packer) single(from, to int) (r packedRecord, ok bool) {
	if to-from != 1 {
		return r, false
	}
	_, records := p.run(*p.runs.at(uint32(from)))
	r, rest, ok := p.next(records)
	return r, ok && rest[0] == kindEnd && isPlain(r.typ)
}

// plainSet is an RRset of a plain node.
type plainSet struct {
	typ, count uint16
	size       int // of the records
	ttl        uint32
	targets    bool // one at least is in the zone
}

// body returns how large the RRset's body is, without a referral.
func (s *plainSet) body() int {
	if s.targets {
		return s.size + 4*int(s.count)
	}
	return s.size
}

// plainSize returns how many octets the node at hand takes; false where it is not plain. Of a delegation it makes the referral.
func (p *Packer) plainSize(from, to int) (size int, plain bool) {
	var room [plainTypes]plainSet
	sets := room[:0]
	var seen [plainRecords][]byte
	for r := range p.each(from, to) {
		if n := len(sets); n == 0 || r.typ != sets[n-1].typ {
			if n > 0 && r.typ < sets[n-1].typ || !isPlain(r.typ) && !isTargeting(r.typ) {
				return 0, false
			}
			sets = append(sets, plainSet{typ: r.typ, ttl: r.ttl})
		}
		s := &sets[len(sets)-1]
		if r.ttl != s.ttl || s.count == plainRecords {
			return 0, false
		}
		for _, d := range seen[:s.count] {
			if bytes.Equal(d, r.data) {
				return 0, false
			}
		}
		seen[s.count] = r.data
		p.note(s, r)
	}
	k := &p.packing
	size = nodeHead + len(k.path[k.depth].rel)
	for i := range sets {
		s := &sets[i]
		size += setHead + s.body()
		if s.typ == dns.TypeNS && k.depth > 0 {
			k.cut()
			referral, ok := p.referral(s, from, to)
			if !ok {
				return 0, false
			}
			size += referral
		}
	}
	return size, true
}

// note adds r to what is known of its RRset.
func (p *Packer) note(s *plainSet, r packedRecord) {
	s.count++
	s.size += recordHead + len(r.data)
	if !s.targets && isTargeting(r.typ) {
		s.targets = nameWithin(targetName(r.typ, r.data), p.origin.wire)
	}
}

// cut makes the node at hand a delegation.
func (k *packing) cut() {
	step, above := &k.path[k.depth], &k.path[k.depth-1]
	step.flags |= flagCut
	step.cover = coverBelow(above.flags, above.cover, byte(k.depth-1), coverOf(step.flags, byte(k.depth)))
}

// referral makes the referral of the node at hand, whose NS set is s, a unit, and returns how many octets it takes with its
// length: 0 where there is none. It returns false where only a Builder can say.
func (p *Packer) referral(s *plainSet, from, to int) (size int, ok bool) {
	k := &p.packing
	w := &k.writer
	if !s.targets {
		return 0, true
	}
	w.begin(k.path[k.depth].rel, p.origin.wire)
	for r := range p.each(from, to) {
		if r.typ == dns.TypeNS && !w.add(targetName(r.typ, r.data), p.origin.wire, r.ttl) {
			return 0, true
		}
	}
	end, ok := p.glueEnd(to)
	if !ok {
		return 0, false
	}
	for i := range w.hosts {
		if w.hosts[i].inside {
			p.glue(&w.hosts[i], from, end)
		}
	}
	if size = w.size(); size == 0 {
		return 0, true
	}
	octets := w.appendTo(k.room(size + 2)[:0])
	octets = binary.LittleEndian.AppendUint16(octets, uint16(size+2))
	k.units = append(k.units, packUnit{from: uint32(from), octets: octets})
	return size + 2, true
}

// glueEnd returns the end of the runs from from on that are below the node at hand; false where there are very many.
func (p *Packer) glueEnd(from int) (end int, ok bool) {
	top := p.packing.path[p.packing.depth].rel
	for end = from; end < p.runs.n; end++ {
		if rel, _ := p.run(*p.runs.at(uint32(end))); !below(rel, top) {
			break
		}
		if end-from == plainGlue {
			return 0, false
		}
	}
	return end, true
}

// glue writes the addresses of host, which are in runs from … to-1.
func (p *Packer) glue(host *referralHost, from, to int) {
	w := &p.packing.writer
	var buf [maxName]byte
	name := buf[:copy(buf[:], host.name[:len(host.name)-len(p.origin.wire)])]
	lower(name)
	for _, typ := range [...]uint16{dns.TypeA, dns.TypeAAAA} {
		for run := from; run < to; run++ {
			rel, records := p.run(*p.runs.at(uint32(run)))
			if !bytes.Equal(rel, name) {
				continue
			}
			for r, rest, ok := p.next(records); ok; r, rest, ok = p.next(rest) {
				if r.typ == typ && !w.address(host, typ, r.ttl, r.data) {
					return
				}
			}
		}
	}
}

// appendPlain appends the node at hand, which is plain, with its referral. The second result says whether places of others belong
// into it.
func (p *Packer) appendPlain(out []byte, from, to int, referral []byte) (_ []byte, links bool) {
	k := &p.packing
	step := &k.path[k.depth]
	links = step.flags&flagWild != 0
	if r, ok := p.single(from, to); ok {
		start := len(out)
		out = appendHead(out, step.flags, step.cover, 1, step.rel)
		out = appendSetHead(out, r.typ, 1, len(out)-start+setHead+recordHead+len(r.data), 0)
		return appendRecord(out, r.typ, r.ttl, r.data), links
	}
	var room [plainTypes]plainSet
	sets := room[:0]
	for r := range p.each(from, to) {
		if n := len(sets); n == 0 || r.typ != sets[n-1].typ {
			sets = append(sets, plainSet{typ: r.typ})
			if r.typ == dns.TypeNS && k.depth > 0 {
				k.cut()
			}
		}
		p.note(&sets[len(sets)-1], r)
	}
	start := len(out)
	out = appendHead(out, step.flags, step.cover, len(sets), step.rel)
	end := len(out) - start + len(sets)*setHead
	for i := range sets {
		s, flags := &sets[i], byte(0)
		end += s.body()
		if s.targets {
			flags, links = setTargets, true
		}
		if s.typ == dns.TypeNS && len(referral) > 0 {
			flags |= setReferral
			end += len(referral)
		}
		out = appendSetHead(out, s.typ, s.count, end, flags)
	}
	at := 0 // of sets
	for r := range p.each(from, to) {
		if r.typ != sets[at].typ {
			out = sets[at].appendTail(out, referral)
			at++
		}
		out = appendRecord(out, r.typ, r.ttl, r.data)
	}
	if len(sets) > 0 {
		out = sets[at].appendTail(out, referral)
	}
	return out, links
}

// appendTail appends what stands behind the records: room for the places of targets, and the referral.
func (s *plainSet) appendTail(out, referral []byte) []byte {
	if s.targets {
		for range s.count {
			out = binary.LittleEndian.AppendUint32(out, targetByName)
		}
	}
	if s.typ == dns.TypeNS {
		out = append(out, referral...)
	}
	return out
}
