package zones

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// A node in an arena starts at a multiple of four octets (its place, divided by four):
//
//	0     flags: flagCut … flagGone
//	1     cover: 0, or 1 + the depth (labels below the apex) of the topmost delegation at or above, or DNAME above
//	2     how many RRsets, 16 bits
//	4     length of the name
//	5     the name below the apex in wire form, lower case, without the root label; empty at the apex
//	      place of the wildcard child, 32 bits, where flagWild
//	      places of the NSEC3 records of the name and of "*" below it, 32 bits each, where flagHashed (hashed.go)
//	      for each RRset, by ascending type, 8 octets:
//	          type 16, records 16, end 24 (from the node's start), flags 8
//	      for each RRset, its body:
//	          how many signatures, 8 bits, 255 for more too; their octets, 24, where setSigned
//	          its records as they go out (Set.Wire)
//	          the signatures that cover them, as they go out (signature.go), where setSigned
//	          for each record the place of its target, 32 bits, where setTargets
//	          the referral (referral.go), where setReferral
//
// Numbers are little-endian outside of what goes out. The next node of the arena starts at the next multiple of four.
const (
	nodeHead = 5
	setHead  = 8
	sigHead  = 4

	maxPlace    = 1<<31 - 4                // of a node: the upper half of the numbers is for those of the overlay
	maxNodeSize = 1<<24 - 16 - maxReferral // an end has 24 bits
	maxRecords  = 1<<16 - 1                // of an RRset
	maxRdata    = 1<<16 - 1
	recordHead  = 12 // c00c, type, class, TTL, RDLENGTH
)

const (
	flagCut    = 1 << iota // NS below the apex
	flagDNAME              // DNAME
	flagWild               // "*" exists below
	flagGone               // in an overlay: the name does not exist any more
	flagHashed             // the NSEC3 records that prove something of the name are known
)

const (
	setTargets  = 1 << iota // flag of an RRset: places of targets stand behind the records
	setReferral             // and a referral behind them; only with setTargets
	setSigned               // signatures stand behind the records, and how long they are before them
)

// Targets that are no place.
const (
	targetOutside = uint32(NoNode)     // not in this zone
	targetByName  = uint32(NoNode) - 1 // in this zone, but nowhere in the base: look it up, it may have come since
)

// nodeAt returns the arena from the node at place on.
func nodeAt(arena []byte, place uint32) []byte { return arena[int(place)<<2:] }

func nodeName(b []byte) []byte { return b[nodeHead : nodeHead+int(b[4])] }

func nodeSets(b []byte) int { return int(binary.LittleEndian.Uint16(b[2:])) }

// nodeHeads returns where the heads of the RRsets start.
func nodeHeads(b []byte) int {
	at := nodeHead + int(b[4])
	if b[0]&(flagWild|flagHashed) != 0 {
		at += headExtra(b[0])
	}
	return at
}

// headExtra returns how many octets of places follow the name of a node with flags.
func headExtra(flags byte) (n int) {
	if flags&flagWild != 0 {
		n = 4
	}
	if flags&flagHashed != 0 {
		n += 8
	}
	return n
}

// nodeWild returns the place of the wildcard child; the node must have flagWild.
func nodeWild(b []byte) uint32 { return binary.LittleEndian.Uint32(b[nodeHead+int(b[4]):]) }

// nodeSize returns how many octets the node takes, up to where the next one starts.
func nodeSize(b []byte) int {
	end, n := nodeHeads(b), nodeSets(b)
	if n > 0 {
		end = int(binary.LittleEndian.Uint32(b[end+(n-1)*setHead+4:]) & 0xffffff)
	}
	return align(end)
}

func align(n int) int { return (n + 3) &^ 3 }

// set is an RRset within a node.
type set struct {
	typ   uint16
	count uint16
	flags byte
	sigs  uint32 // octets of signatures, 24 bits, and how many there are
	body  []byte // records, then signatures, then targets, then the referral
}

// nodeSet returns RRset number i of the node, i < nodeSets(b).
func nodeSet(b []byte, heads, i int) set {
	h := b[heads+i*setHead:]
	from, tail := heads+nodeSets(b)*setHead, binary.LittleEndian.Uint32(h[4:])
	if i > 0 {
		from = int(binary.LittleEndian.Uint32(b[heads+i*setHead-4:]) & 0xffffff)
	}
	s := set{
		typ:   binary.LittleEndian.Uint16(h),
		count: binary.LittleEndian.Uint16(h[2:]),
		flags: byte(tail >> 24),
		body:  b[from : tail&0xffffff],
	}
	if s.flags&setSigned != 0 {
		s.sigs = binary.LittleEndian.Uint32(s.body)
		s.body = s.body[sigHead:]
	}
	return s
}

// nodeType returns the RRset of a type.
func nodeType(b []byte, typ uint16) (set, bool) {
	heads := nodeHeads(b)
	for i := range nodeSets(b) {
		if t := binary.LittleEndian.Uint16(b[heads+i*setHead:]); t >= typ {
			if t == typ {
				return nodeSet(b, heads, i), true
			}
			break
		}
	}
	return set{}, false
}

// wire returns the records as they go out, with room in its capacity for the signatures, which lie there.
func (s *set) wire() []byte {
	end := len(s.body)
	if s.flags&setTargets != 0 {
		end = s.targets()
	}
	return s.body[: end-int(s.sigs>>8) : end]
}

// targets returns where in the body the places of targets start; the set must have setTargets.
func (s *set) targets() int {
	at := len(s.body) - 4*int(s.count)
	if s.flags&setReferral != 0 {
		at -= s.referral()
	}
	return at
}

// referral returns how many octets the referral takes, its length included; the set must have setReferral.
func (s *set) referral() int { return int(binary.LittleEndian.Uint16(s.body[len(s.body)-2:])) }

// dropReferral has s be without its referral, if there is one.
func (s *set) dropReferral() {
	if s.flags&setReferral != 0 {
		s.body, s.flags = s.body[:len(s.body)-s.referral()], s.flags&^setReferral
	}
}

// ttl returns the TTL of the records.
func (s *set) ttl() uint32 { return binary.BigEndian.Uint32(s.body[6:]) }

// target returns the place of record i's target, i < s.count.
func (s *set) target(i int) uint32 {
	if s.flags&setTargets == 0 {
		return targetOutside
	}
	return binary.LittleEndian.Uint32(s.body[s.targets()+4*i:])
}

// rdata returns the RDATA of record i, i < s.count.
func (s *set) rdata(i int) []byte {
	d, rest := firstRecord(s.body)
	for range i {
		d, rest = firstRecord(rest)
	}
	return d
}

// each passes over the RDATA of the records.
func (s *set) each(yield func([]byte) bool) {
	for wire := s.wire(); len(wire) > 0; {
		var d []byte
		if d, wire = firstRecord(wire); !yield(d) {
			return
		}
	}
}

// firstRecord returns the RDATA of the first record in wire, and the records behind it.
func firstRecord(wire []byte) (rdata, rest []byte) {
	end := recordHead + int(binary.BigEndian.Uint16(wire[10:]))
	return wire[recordHead:end], wire[end:]
}

// appendRecord appends a record as it goes out.
func appendRecord(out []byte, typ uint16, ttl uint32, rdata []byte) []byte {
	out = append(out, 0xc0, 0x0c, byte(typ>>8), byte(typ), 0, dns.ClassINET,
		byte(ttl>>24), byte(ttl>>16), byte(ttl>>8), byte(ttl), byte(len(rdata)>>8), byte(len(rdata)))
	return append(out, rdata...)
}

// appendHead appends what stands before the bodies of a node: everything but the wildcard's place is known.
func appendHead(out []byte, flags, cover byte, sets int, rel []byte) []byte {
	out = append(out, flags, cover, byte(sets), byte(sets>>8), byte(len(rel)))
	out = append(out, rel...)
	for n := headExtra(flags); n > 0; n -= 4 {
		out = binary.LittleEndian.AppendUint32(out, targetByName)
	}
	return out
}

// appendSetHead appends the head of an RRset whose body ends at end.
func appendSetHead(out []byte, typ, count uint16, end int, flags byte) []byte {
	out = binary.LittleEndian.AppendUint16(out, typ)
	out = binary.LittleEndian.AppendUint16(out, count)
	return binary.LittleEndian.AppendUint32(out, uint32(end)|uint32(flags)<<24)
}

// targetOffset returns where in the RDATA of a type the name of its target starts; false for types without target.
func targetOffset(typ uint16) (int, bool) {
	switch typ {
	case dns.TypeNS, dns.TypeCNAME, dns.TypeDNAME, dns.TypePTR:
		return 0, true
	case dns.TypeMX, dns.TypeKX, dns.TypeAFSDB, dns.TypeRT, dns.TypeSVCB, dns.TypeHTTPS:
		return 2, true
	case dns.TypeSRV:
		return 6, true
	}
	return 0, false
}

// targetName returns the name of the target in rdata as it was written; nil where there is none or it is broken.
func targetName(typ uint16, rdata []byte) []byte {
	off, ok := targetOffset(typ)
	if !ok || off > len(rdata) {
		return nil
	}
	n, err := wireName(rdata[off:])
	if err != nil {
		return nil
	}
	return rdata[off : off+n]
}
