package zones

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/miekg/dns"
)

const (
	// Below this many octets a zone is rebuilt whole: that costs no more than an overlay, and look-ups are plain.
	smallZone = 8 << 10
	// An overlay of more names, or octets, should be merged into its base.
	largeOverlay      = 2048
	largeOverlayStore = 256 << 10
)

// With returns z changed: each Change's RRset becomes New (or goes, where New is zero), under the Change's name and type;
// of two Changes of one RRset the later counts. Old is not looked at. z stays as it is, and the two share what
// did not change: the cost is that of the changed RRsets, in a small zone that of the zone. A name without
// records left goes, unless names below keep it as an empty non-terminal. The error says that a change's name is not
// within the zone, or wraps ErrTooLarge; nothing is made then.
func (z *Zone) With(changes []Change) (*Zone, error) {
	for _, c := range changes {
		if !c.Name.Within(z.origin) {
			return nil, notWithin(c.Name, z.origin)
		}
	}
	changes = lastChanges(changes)
	size := len(changes)
	if z.over != nil {
		size += len(z.over.order)
	}
	if len(z.base) < smallZone || size > int(z.nodes)/4 {
		return z.rebuild(changes)
	}
	return z.overlaid(changes)
}

// lastChanges returns the changes by name and type, one of each.
func lastChanges(changes []Change) []Change {
	out := slices.Clone(changes)
	slices.SortStableFunc(out, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Name.wire, b.Name.wire), cmp.Compare(a.Type, b.Type))
	})
	last := out[:0]
	for i, c := range out {
		if i+1 == len(out) || out[i+1].Name != c.Name || out[i+1].Type != c.Type {
			last = append(last, c)
		}
	}
	return last
}

// WithSerial returns z with another SOA serial.
func (z *Zone) WithSerial(serial uint32) (*Zone, error) {
	soa, ok := z.SOA()
	if !ok || soaNumbers(soa.Data[0]) == nil {
		return nil, fmt.Errorf("%s has no SOA record", z.origin)
	}
	next := soa
	next.Data = slices.Clone(soa.Data)
	next.Data[0] = bytes.Clone(soa.Data[0])
	binary.BigEndian.PutUint32(soaNumbers(next.Data[0]), serial)
	return z.With([]Change{{Name: z.origin, Type: dns.TypeSOA, Old: soa, New: next}})
}

// NeedsCompaction says that so much was changed since the zone was built that it should be built again, aside: Compact.
// Until then everything works, with somewhat dearer look-ups and changes.
func (z *Zone) NeedsCompaction() bool {
	return z.over != nil && (len(z.over.order) > largeOverlay || z.over.live > largeOverlayStore)
}

// Compact returns a zone equal to z that shares nothing with older versions; z itself where it is so already.
// Diff of it and an older version visits every record.
func (z *Zone) Compact() *Zone {
	if z.over == nil {
		return z
	}
	c, err := z.rebuild(nil)
	if err != nil {
		return z // cannot happen: everything in z was within the limits
	}
	return c
}

// rebuild builds the changed zone from nothing. changes are as lastChanges returns them.
func (z *Zone) rebuild(changes []Change) (*Zone, error) {
	b := NewBuilder(z.origin)
	b.Grow(int(z.nodes))
	changed := make(map[string][]Change, len(changes))
	for from, to := 0, 0; from < len(changes); from = to {
		for to = from; to < len(changes) && changes[to].Name == changes[from].Name; to++ {
		}
		changed[changes[from].Name.relative(z.origin)] = changes[from:to]
	}
	var owner [maxName]byte
	for w := z.walk(); w.next(); {
		rel := nodeName(w.node)
		gone := changed[string(rel)]
		end := copy(owner[:], rel)
		end += copy(owner[end:], z.origin.wire)
		changes := func(typ uint16) bool {
			return slices.ContainsFunc(gone, func(c Change) bool { return c.Type == typ })
		}
		for i, heads := 0, nodeHeads(w.node); i < nodeSets(w.node); i++ {
			s := nodeSet(w.node, heads, i)
			wire := s.wire()
			if !changes(s.typ) {
				if err := b.addRecords(owner[:end], s.typ, wire); err != nil {
					return nil, err
				}
			}
			if s.sigs != 0 && !changes(dns.TypeRRSIG) {
				if err := b.addRecords(owner[:end], dns.TypeRRSIG, wire[len(wire):cap(wire)]); err != nil {
					return nil, err
				}
			}
		}
	}
	for _, c := range changes {
		if err := b.AddRRset(RRset{c.Name, c.Type, c.New.TTL, c.New.Data}); err != nil {
			return nil, err
		}
	}
	return b.Zone(), nil
}

// addRecords adds the records of one type in wire, as a node has them.
func (b *Builder) addRecords(owner []byte, typ uint16, wire []byte) error {
	for len(wire) > 0 {
		d, rest := firstRecord(wire)
		if _, _, err := b.AddWire(owner, typ, binary.BigEndian.Uint32(wire[6:]), d); err != nil {
			return err
		}
		wire = rest
	}
	return nil
}

// overlaid puts the changed nodes into an overlay. changes are as lastChanges returns them.
func (z *Zone) overlaid(changes []Change) (*Zone, error) {
	next := *z
	if z.over == nil {
		next.over = newOverlay()
	} else {
		next.setOverlay(z.over.clone(z.hash))
	}
	e := edit{z: &next}
	for from, to := 0, 0; from < len(changes); from = to {
		for to = from; to < len(changes) && changes[to].Name == changes[from].Name; to++ {
		}
		if err := e.apply(changes[from].Name, changes[from:to]); err != nil {
			return nil, err
		}
	}
	if int64(len(next.over.arena)) > maxPlace*4 {
		return next.rebuild(nil)
	}
	if slices.ContainsFunc(changes, next.decidesDenial) {
		if denial, params := next.denialOf(); denial != next.denial || denial == NSEC3 && !params.equal(next.hashParams()) {
			return next.rebuild(nil) // what is prepared for it is in the base
		}
	}
	if next.apex&inOverlay != 0 {
		next.neg = negativeSOA(next.node(next.apex))
	}
	return &next, nil
}

// setOverlay gives z, which nobody else sees yet, an overlay with the same names.
func (z *Zone) setOverlay(o *overlay) {
	z.over = o
	if z.apex&inOverlay != 0 {
		z.apex, _ = o.lookup(z.hash, nil) // it may have moved
	}
}

// edit is a zone that nobody else sees yet.
type edit struct {
	z    *Zone
	sets []set  // of the node at hand
	node []byte // as it is put together
}

// apply makes the changes of one name.
func (e *edit) apply(name Name, changes []Change) error {
	rel := []byte(name.relative(e.z.origin))
	n := e.z.lookup(hashName(e.z.hash, rel), rel)
	if err := e.merge(n, changes); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if n != NoNode {
		e.z.records -= nodeRecords(e.z.node(n))
	}
	for _, s := range e.sets {
		e.z.records += uint32(s.count) + uint32(s.signatures())
	}
	switch {
	case len(e.sets) > 0:
		e.set(n, rel)
	case n != NoNode:
		e.empty(n, rel)
	}
	return nil
}

// merge sets e.sets to those of node n, changed.
func (e *edit) merge(n Node, changes []Change) error {
	e.sets = e.sets[:0]
	changed := func(typ uint16) bool {
		return slices.ContainsFunc(changes, func(c Change) bool { return c.Type == typ })
	}
	var sigs [][]byte
	signed := changed(dns.TypeRRSIG)
	if n != NoNode {
		b := e.z.node(n)
		if nodeSigned(b) {
			signed = true
			s, _ := nodeSignatures(b, e.z.origin)
			sigs = s.Data
		}
		for i, heads := 0, nodeHeads(b); i < nodeSets(b); i++ {
			s := nodeSet(b, heads, i)
			if changed(s.typ) {
				continue
			}
			if changed(dns.TypeA) || changed(dns.TypeAAAA) {
				s.dropReferral() // a server may have the name of the cut itself
			}
			e.sets = append(e.sets, s)
		}
	}
	for _, c := range changes {
		if c.Type == dns.TypeRRSIG {
			sigs = c.New.Data
			continue
		}
		if c.New.IsZero() {
			continue
		}
		s, err := packSet(c.Type, c.New, e.z.origin.wire)
		if err != nil {
			return err
		}
		e.sets = append(e.sets, s)
	}
	slices.SortFunc(e.sets, func(a, b set) int { return cmp.Compare(a.typ, b.typ) })
	if signed {
		if err := e.sign(sigs); err != nil {
			return err
		}
	}
	size := nameExtra + maxName
	for _, s := range e.sets {
		size += setHead + s.size()
	}
	if size > maxNodeSize {
		return fmt.Errorf("%w: more than %d octets at a name", ErrTooLarge, maxNodeSize)
	}
	return nil
}

// packSet returns the records of r as a node has them, each once. Targets within origin are marked to be looked up.
func packSet(typ uint16, r RRset, origin string) (set, error) {
	s := set{typ: typ}
	seen := make(map[string]bool)
	var targets []byte
	for _, d := range r.Data {
		if len(d) > maxRdata {
			return s, fmt.Errorf("%w: %d octets of data, %d are the limit", ErrTooLarge, len(d), maxRdata)
		}
		if len(r.Data) > 1 {
			if seen[string(d)] {
				continue
			}
			seen[string(d)] = true
		}
		if s.count == maxRecords {
			return s, fmt.Errorf("%w: more than %d %s records at a name", ErrTooLarge, maxRecords, TypeString(typ))
		}
		s.count++
		s.body = appendRecord(s.body, typ, r.TTL, d)
		place := targetOutside
		if keepsTargets(typ) && nameWithin(targetName(typ, d), origin) {
			place = targetByName
			s.flags |= setTargets
		}
		targets = binary.LittleEndian.AppendUint32(targets, place)
	}
	if s.flags&setTargets != 0 {
		s.body = append(s.body, targets...)
	}
	return s, nil
}

// set gives the name rel, whose node is n or none yet, the RRsets e.sets.
func (e *edit) set(n Node, rel []byte) {
	if n != NoNode {
		e.write(rel, e.z.node(n)[0]&flagWild)
		return
	}
	sets := slices.Clone(e.sets)
	e.add(parentOf(rel))
	e.sets = sets
	e.write(rel, 0)
	e.z.nodes++
	if isWild(rel) {
		e.rewrite(parentOf(rel), flagWild)
	}
}

// add makes rel an empty non-terminal where it does not exist.
func (e *edit) add(rel []byte) {
	if e.lookup(rel) != NoNode {
		return
	}
	e.add(parentOf(rel))
	e.sets = e.sets[:0]
	e.write(rel, 0)
	e.z.nodes++
	if isWild(rel) {
		e.rewrite(parentOf(rel), flagWild)
	}
}

// empty takes the last RRset of the name rel away: what is below keeps it as an empty non-terminal, else
// it goes, and so do those above that it kept.
func (e *edit) empty(n Node, rel []byte) {
	flags := e.z.node(n)[0]
	e.sets = e.sets[:0]
	if len(rel) == 0 || e.z.hasBelow(rel) {
		e.write(rel, flags&flagWild)
		return
	}
	e.write(rel, flagGone)
	e.z.nodes--
	parent := parentOf(rel)
	if isWild(rel) {
		e.rewrite(parent, 0)
	}
	if p := e.lookup(parent); len(parent) > 0 && nodeSets(e.z.node(p)) == 0 {
		e.empty(p, parent)
	}
}

func (e *edit) lookup(rel []byte) Node { return e.z.lookup(hashName(e.z.hash, rel), rel) }

// rewrite writes the node of rel again with other flags.
func (e *edit) rewrite(rel []byte, flags byte) {
	b := e.z.node(e.lookup(rel))
	e.sets = e.sets[:0]
	for i, heads := 0, nodeHeads(b); i < nodeSets(b); i++ {
		e.sets = append(e.sets, nodeSet(b, heads, i))
	}
	e.write(rel, flags)
}

// write puts the node of rel with e.sets into the overlay. What e.sets refers to may lie in the same arena.
func (e *edit) write(rel []byte, flags byte) {
	o := e.z.over
	h, depth := hashName(e.z.hash, rel), byte(countLabels(rel))
	e.z.depth = max(e.z.depth, depth)
	at, inBase := search(e.z.base, int(e.z.buckets), e.z.base, h, rel)
	if len(rel) == 0 {
		at, inBase = e.z.first, true
	}
	for _, s := range e.sets {
		flags |= typeFlags(s.typ, depth)
	}
	var was, cover byte
	if inBase {
		was, cover = nodeAt(e.z.base, at)[0], nodeAt(e.z.base, at)[1]
	} else {
		at = e.z.seek(rel)
		above := e.z.node(e.lookup(parentOf(rel)))
		cover = coverBelow(above[0], above[1], depth-1, 0)
	}
	// Covers that change would change below, in nodes that are not touched here.
	o.covers = o.covers || (was^flags)&(flagCut|flagDNAME) != 0
	hashed := func(s set) bool { return s.typ == dns.TypeNSEC3 }
	o.hashes = o.hashes || slices.ContainsFunc(e.sets, hashed) || inBase && hasSet(nodeAt(e.z.base, at), dns.TypeNSEC3)
	o.glue = o.glue || cover != 0 && cover <= depth
	e.node = appendHead(e.node[:0], flags, cover, len(e.sets), rel)
	end := len(e.node) + setHead*len(e.sets)
	for _, s := range e.sets {
		end += s.size()
		e.node = appendSetHead(e.node, s.typ, s.count, end, s.flags)
	}
	for _, s := range e.sets {
		if s.flags&setSigned != 0 {
			e.node = binary.LittleEndian.AppendUint32(e.node, s.sigs)
		}
		e.node = append(e.node, s.body...)
	}
	n := o.put(h, e.z.hash, at, inBase, e.node)
	if len(rel) == 0 {
		e.z.apex = n
	}
}

// below says whether name is below rel, both being relative to one origin.
func below(name, rel []byte) bool {
	cut := len(name) - len(rel)
	if cut <= 0 || string(name[cut:]) != string(rel) {
		return false
	}
	off := 0
	for off < cut {
		off += int(name[off]) + 1
	}
	return off == cut
}

func hasSet(b []byte, typ uint16) bool {
	_, ok := nodeType(b, typ)
	return ok
}

func parentOf(rel []byte) []byte { return rel[int(rel[0])+1:] }

func isWild(rel []byte) bool { return len(rel) > 1 && rel[0] == 1 && rel[1] == '*' }
