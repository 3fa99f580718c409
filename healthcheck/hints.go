package healthcheck

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// Service parameters of RFC 9460 14.3.2.
const (
	paramMandatory = 0
	paramIPv4Hint  = 4
	paramIPv6Hint  = 6
)

// findHints notes the HTTPS and SVCB records at the name that carry an address of a checked record: a client may connect
// to a hint without asking for A or AAAA (RFC 9460 7.3), so hints follow, and their TTL is bounded likewise.
func (g *group) findHints(loaded *zones.Zone) {
	name := g.checked[0].set.Name
	for _, typ := range []uint16{dns.TypeSVCB, dns.TypeHTTPS} {
		set, ok := loaded.RRset(name, typ)
		if ok && slices.ContainsFunc(set.Data, func(d []byte) bool { return slices.ContainsFunc(hintsOf(d), g.holds) }) {
			g.hints = append(g.hints, set)
		}
	}
}

// holds says whether a checked RRset of the group has addr.
func (g *group) holds(addr netip.Addr) bool {
	return slices.ContainsFunc(g.checked, func(c checked) bool {
		return slices.ContainsFunc(c.set.Data, func(d []byte) bool {
			return bytes.Equal(d, addr.AsSlice()) && c.set.Type != dns.TypeCNAME
		})
	})
}

// follow returns set without the addresses in out among its hints.
func (g *group) follow(set zones.RRset, out []netip.Addr) (zones.Change, Decision) {
	ttl := set.TTL
	for _, c := range g.checked {
		ttl = c.rule.TTL.cap(ttl)
	}
	d := Decision{Name: set.Name, Type: set.Type, Pos: g.checked[0].rule.Pos, TTL: ttl}
	next := zones.RRset{Name: set.Name, Type: set.Type, TTL: ttl}
	var gone []string
	for _, data := range set.Data {
		for _, addr := range hintsOf(data) {
			if slices.Contains(out, addr) && !slices.Contains(gone, addr.String()) {
				gone = append(gone, addr.String())
			}
		}
		data = withoutHints(data, out)
		if !slices.ContainsFunc(next.Data, func(have []byte) bool { return bytes.Equal(have, data) }) {
			next.Data = append(next.Data, data)
		}
	}
	d.Outcome = "hints follow the addresses: all are kept"
	if len(gone) > 0 {
		d.Outcome = fmt.Sprintf("hints follow the addresses: without %s", strings.Join(gone, ", "))
	}
	return zones.Change{Name: set.Name, Type: set.Type, Old: set, New: next}, d
}

// param is one service parameter in wire form.
type param struct {
	key   uint16
	value []byte
}

// params takes the RDATA of a SVCB or HTTPS record apart (RFC 9460 2.2); ok is false where it is not of that form.
func params(data []byte) (head []byte, ps []param, ok bool) {
	off := 2 // priority
	for {
		if off >= len(data) {
			return nil, nil, false
		}
		n := int(data[off])
		off += 1 + n
		if n == 0 {
			break
		}
	}
	head = data[:off]
	for rest := data[off:]; len(rest) > 0; {
		if len(rest) < 4 {
			return nil, nil, false
		}
		n := 4 + int(binary.BigEndian.Uint16(rest[2:]))
		if n > len(rest) {
			return nil, nil, false
		}
		ps = append(ps, param{binary.BigEndian.Uint16(rest), rest[4:n]})
		rest = rest[n:]
	}
	return head, ps, true
}

// size is how many octets an address has in the hint of this key; 0 where it is no hint.
func (p param) size() int {
	switch p.key {
	case paramIPv4Hint:
		return 4
	case paramIPv6Hint:
		return 16
	}
	return 0
}

// hintsOf returns the addresses in the hints of one record.
func hintsOf(data []byte) []netip.Addr {
	_, ps, _ := params(data)
	var addrs []netip.Addr
	for _, p := range ps {
		if p.size() == 0 {
			continue
		}
		for chunk := range slices.Chunk(p.value, p.size()) {
			if addr, ok := netip.AddrFromSlice(chunk); ok {
				addrs = append(addrs, addr)
			}
		}
	}
	return addrs
}

// withoutHints returns data without the addresses in out. A hint that has none left goes, because an empty one is
// malformed, and so does its mention under "mandatory" (RFC 9460 8: what is mandatory must be there). data is
// returned as it is where nothing changes, and never modified.
func withoutHints(data []byte, out []netip.Addr) []byte {
	head, ps, ok := params(data)
	if !ok || !slices.ContainsFunc(hintsOf(data), func(a netip.Addr) bool { return slices.Contains(out, a) }) {
		return data
	}
	var dropped []uint16
	for i := range ps {
		p := &ps[i]
		if p.size() == 0 {
			continue
		}
		var left []byte
		for chunk := range slices.Chunk(p.value, p.size()) {
			if addr, ok := netip.AddrFromSlice(chunk); !ok || !slices.Contains(out, addr) {
				left = append(left, chunk...)
			}
		}
		p.value = left
		if len(left) == 0 {
			dropped = append(dropped, p.key)
		}
	}
	next := bytes.Clone(head)
	for _, p := range ps {
		if p.key == paramMandatory {
			p.value = withoutKeys(p.value, dropped)
		}
		if len(p.value) == 0 && (p.key == paramMandatory || p.size() > 0) {
			continue
		}
		next = binary.BigEndian.AppendUint16(next, p.key)
		next = binary.BigEndian.AppendUint16(next, uint16(len(p.value)))
		next = append(next, p.value...)
	}
	return next
}

// withoutKeys returns a list of parameter keys without those in dropped.
func withoutKeys(list []byte, dropped []uint16) []byte {
	var left []byte
	for chunk := range slices.Chunk(list, 2) {
		if len(chunk) != 2 || !slices.Contains(dropped, binary.BigEndian.Uint16(chunk)) {
			left = append(left, chunk...)
		}
	}
	return left
}
