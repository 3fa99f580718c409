package zones

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/miekg/dns"
)

// Signatures that come with a zone (RRSIG, RFC 4034 3) lie in its nodes behind the records that they cover, in the form
// that both go out in: the answer to a resolver that wants signatures (DO) is one copy, to others a shorter one.
// They have the TTL of what they cover, whatever the file says, as RFC 4034 3 demands; so RRSIG is the one type
// whose records at a name may differ in their TTL.
//
// To the rest of the program the signatures of a name are one RRset of type RRSIG, in the order of the types that they
// cover, with the TTL of the first. Those that cover nothing that is there ("lone") stand last in it; nodes hold them as
// any other RRset, each with the TTL that it says was the original one.

// minSignature is the RDATA of an RRSIG before the signer's name (RFC 4034 3.1).
const minSignature = 18

// coveredType returns the type that a signature covers; false where it cannot be one that counts.
func coveredType(rdata []byte) (typ uint16, ok bool) {
	if len(rdata) < minSignature {
		return 0, false
	}
	typ = binary.BigEndian.Uint16(rdata)
	return typ, typ != dns.TypeRRSIG // RFC 4035 2.2: they are not signed themselves
}

// loneTTL returns the TTL of a signature that covers nothing: its original TTL (RFC 4034 3.1.4).
func loneTTL(rdata []byte) uint32 {
	if len(rdata) < minSignature {
		return 0
	}
	return binary.BigEndian.Uint32(rdata[4:])
}

// signatures returns how many signatures the set has.
func (s *set) signatures() uint16 {
	n := uint16(s.sigs & 0xff)
	if n == 0xff {
		wire := s.wire()
		n = countRecords(wire[len(wire):cap(wire)])
	}
	return n
}

// sigLen returns how many octets the signatures take.
func (s *set) sigLen() int { return int(s.sigs >> 8) }

// countRecords returns how many records wire has.
func countRecords(wire []byte) (n uint16) {
	for len(wire) > 0 {
		_, wire = firstRecord(wire)
		n++
	}
	return n
}

// Signed returns the records, and behind them the signatures that cover them: Count + Signatures records as those of
// Wire are. It is Wire where there are no signatures.
func (s *Set) Signed() []byte {
	if s.Signatures == 0 {
		return s.Wire
	}
	return s.Wire[:cap(s.Wire)]
}

// Signed says whether the zone comes signed: its SOA record is, or it proves what does not exist. Whatever of it is changed,
// its serial first of all, is not covered by signatures any more.
func (z *Zone) Signed() bool {
	soa, ok := nodeType(z.node(z.apex), dns.TypeSOA)
	return z.denial != Unsigned || ok && soa.sigs != 0
}

// HasSignatures says whether signatures cover the records of a type at name.
func (z *Zone) HasSignatures(name Name, typ uint16) bool {
	n := z.lookupName(name)
	if n == NoNode {
		return false
	}
	s, ok := nodeType(z.node(n), typ)
	return ok && s.sigs != 0
}

// SignatureSet returns the signatures that cover s, as an RRset of their own; false where there are none.
func (s *Set) SignatureSet() (Set, bool) {
	if s.Signatures == 0 {
		return Set{}, false
	}
	return Set{Type: dns.TypeRRSIG, TTL: s.TTL, Count: int(s.Signatures), Wire: s.Wire[len(s.Wire):cap(s.Wire)]}, true
}

// nodeSigned says whether a node has signatures.
func nodeSigned(b []byte) bool {
	heads := nodeHeads(b)
	for i := range nodeSets(b) {
		h := b[heads+i*setHead:]
		if h[7]&setSigned != 0 || binary.LittleEndian.Uint16(h) == dns.TypeRRSIG {
			return true
		}
	}
	return false
}

// nodeSignatures returns a copy of the signatures of a node.
func nodeSignatures(b []byte, name Name) (RRset, bool) {
	out := RRset{Name: name, Type: dns.TypeRRSIG}
	take := func(ttl uint32, wire []byte) {
		if len(out.Data) == 0 {
			out.TTL = ttl
		}
		out.Data = appendData(out.Data, make([]byte, 0, len(wire)), wire)
	}
	heads := nodeHeads(b)
	for i := range nodeSets(b) {
		if s := nodeSet(b, heads, i); s.sigs != 0 {
			wire := s.wire()
			take(s.ttl(), wire[len(wire):cap(wire)])
		}
	}
	if lone, ok := nodeType(b, dns.TypeRRSIG); ok {
		take(lone.ttl(), lone.wire())
	}
	return out, len(out.Data) > 0
}

// nodeRecords returns how many records a node has, signatures included.
func nodeRecords(b []byte) (n uint32) {
	heads := nodeHeads(b)
	for i := range nodeSets(b) {
		s := nodeSet(b, heads, i)
		n += uint32(s.count) + uint32(s.signatures())
	}
	return n
}

// attach moves the signatures of a name that cover what it has behind that, and leaves the lone ones where they are. The
// records of the RRSIG set are linked anew: those that stay, and from its referral on those that go, ordered by type.
func (b *Builder) attach(n *builtName) {
	sigs := b.setOf(n, dns.TypeRRSIG)
	if sigs == nil {
		return
	}
	w := &b.signer
	w.lone, w.covering = w.lone[:0], w.covering[:0]
	for i, at := uint16(0), sigs.first; i < sigs.count; i++ {
		r := b.record(at)
		if typ, ok := coveredType(r[recordLink:]); ok {
			w.covering = append(w.covering, builtSignature{at, typ})
		} else {
			w.lone = append(w.lone, at)
		}
		at = binary.LittleEndian.Uint32(r)
	}
	slices.SortStableFunc(w.covering, func(a, b builtSignature) int { return cmp.Compare(a.typ, b.typ) })
	set, kept := n.set, w.covering[:0]
	for _, s := range w.covering {
		for set != 0 && b.sets.at(set).typ < s.typ {
			set = b.sets.at(set).next
		}
		if set != 0 && b.sets.at(set).typ == s.typ {
			kept = append(kept, s)
		} else {
			w.lone = append(w.lone, s.record)
		}
	}
	sigs.count, sigs.size, sigs.first, sigs.referral = uint16(len(w.lone)), 0, 0, 0
	for i := len(w.lone) - 1; i >= 0; i-- {
		sigs.first = b.link(w.lone[i], sigs.first)
		sigs.size += uint32(len(b.record(w.lone[i])) - recordLink)
	}
	for i := len(kept) - 1; i >= 0; i-- {
		sigs.referral = b.link(kept[i].record, sigs.referral)
	}
}

// link makes next the record behind the one at at, which it returns.
func (b *Builder) link(at, next uint32) uint32 {
	binary.LittleEndian.PutUint32(b.record(at), next)
	return at
}

// builtSignature is a record of the log that covers a type.
type builtSignature struct {
	record uint32
	typ    uint16
}

// signer is what attach works with.
type signer struct {
	lone     []uint32
	covering []builtSignature
}

// signatures passes over those signatures of a name that cover its RRsets, in their order.
type signatures struct {
	b  *Builder
	at uint32
}

func (b *Builder) signaturesOf(n *builtName) signatures {
	if s := b.setOf(n, dns.TypeRRSIG); s != nil {
		return signatures{b, s.referral}
	}
	return signatures{b, 0}
}

// next returns the RDATA of the next signature if it covers typ.
func (s *signatures) next(typ uint16) (rdata []byte, ok bool) {
	if s.at == 0 {
		return nil, false
	}
	r := s.b.record(s.at)
	if binary.BigEndian.Uint16(r[recordLink:]) != typ {
		return nil, false
	}
	s.at = binary.LittleEndian.Uint32(r)
	return r[recordLink:], true
}

// size passes over the signatures that cover typ, and returns how many there are and how many octets they will take.
func (s *signatures) size(typ uint16) (count, octets int) {
	for {
		rdata, ok := s.next(typ)
		if !ok {
			return count, octets
		}
		count, octets = count+1, octets+recordHead+len(rdata)
	}
}

// signatureHead is what stands before the body of a set with signatures.
func signatureHead(count, octets int) uint32 { return uint32(octets)<<8 | uint32(min(count, 0xff)) }

// size returns how many octets the body of a set takes in a node.
func (s *set) size() int {
	if s.flags&setSigned != 0 {
		return sigHead + len(s.body)
	}
	return len(s.body)
}

// unsigned returns the set without its signatures, in octets that may be those of s.
func (s set) unsigned() set {
	if s.sigs == 0 {
		return s
	}
	records := len(s.wire())
	behind := s.body[records+s.sigLen():]
	s.body, s.sigs, s.flags = s.body[:records:records], 0, s.flags&^setSigned
	if len(behind) > 0 {
		s.body = append(s.body, behind...)
	}
	return s
}

// signed returns the set, which is unsigned, with the signatures that cover it.
func (s set) signed(sigs [][]byte) set {
	if len(sigs) == 0 {
		return s
	}
	records := len(s.wire())
	body := append([]byte(nil), s.body[:records]...)
	for _, d := range sigs {
		body = appendRecord(body, dns.TypeRRSIG, s.ttl(), d)
	}
	s.sigs, s.flags = signatureHead(len(sigs), len(body)-records), s.flags|setSigned
	s.body = append(body, s.body[records:]...)
	return s
}

// sign gives e.sets the signatures sigs instead of those that they have.
func (e *edit) sign(sigs [][]byte) error {
	sigs = uniqueData(sigs)
	var lone [][]byte
	covering := make(map[uint16][][]byte)
	for _, d := range sigs {
		switch typ, ok := coveredType(d); {
		case len(d) > maxRdata:
			return fmt.Errorf("%w: %d octets of data, %d are the limit", ErrTooLarge, len(d), maxRdata)
		case ok:
			covering[typ] = append(covering[typ], d)
		default:
			lone = append(lone, d)
		}
	}
	if len(sigs) > maxRecords {
		return fmt.Errorf("%w: more than %d RRSIG records at a name", ErrTooLarge, maxRecords)
	}
	e.sets = slices.DeleteFunc(e.sets, func(s set) bool { return s.typ == dns.TypeRRSIG })
	for i, s := range e.sets {
		e.sets[i] = s.unsigned().signed(covering[s.typ])
		delete(covering, s.typ)
	}
	for _, typ := range slices.Sorted(maps.Keys(covering)) {
		lone = append(lone, covering[typ]...)
	}
	if len(lone) == 0 {
		return nil
	}
	s := set{typ: dns.TypeRRSIG, count: uint16(len(lone))}
	for _, d := range lone {
		s.body = appendRecord(s.body, dns.TypeRRSIG, loneTTL(d), d)
	}
	at, _ := slices.BinarySearchFunc(e.sets, s.typ, func(s set, typ uint16) int { return cmp.Compare(s.typ, typ) })
	e.sets = slices.Insert(e.sets, at, s)
	return nil
}

// uniqueData returns data with each value once.
func uniqueData(data [][]byte) [][]byte {
	seen := make(map[string]bool, len(data))
	return slices.DeleteFunc(slices.Clone(data), func(d []byte) bool {
		again := seen[string(d)]
		seen[string(d)] = true
		return again
	})
}

// Signatures returns those of the signatures at n that cover one and the same type, number i of these groups; the last is
// that of signatures which cover nothing. False behind it.
func (z *Zone) Signatures(n Node, i int) (Set, bool) {
	b := z.node(n)
	heads := nodeHeads(b)
	for at := range nodeSets(b) {
		s := nodeSet(b, heads, at)
		if s.sigs == 0 {
			continue
		}
		if i == 0 {
			out := s.out()
			return out.SignatureSet()
		}
		i--
	}
	if i > 0 {
		return Set{}, false
	}
	return z.Set(n, dns.TypeRRSIG)
}
