package resolver

import (
	"encoding/binary"
	"net/netip"
)

// subnetHead is the family and the two prefix lengths in front of the address of a client's network (RFC 7871 6).
const subnetHead = 4

// soundSubnet says that the content of a query's CLIENT-SUBNET option is well-formed: a family that we know, no scope, and exactly
// as many octets and bits of the address as the prefix has. No family at all is sound for no address at all, which is how a
// client says that its address is to be told to nobody.
func soundSubnet(o []byte) bool {
	if len(o) < subnetHead || o[3] != 0 {
		return false
	}
	bits, addr := int(o[2]), o[subnetHead:]
	longest := [...]int{0, 32, 128}
	family := int(binary.BigEndian.Uint16(o))
	if family >= len(longest) || bits > longest[family] || len(addr) != (bits+7)/8 {
		return false
	}
	return bits%8 == 0 || addr[len(addr)-1]<<(bits%8) == 0
}

// subnet returns the network that query asks for on behalf of somebody in it (RFC 7871); not valid without one. No answer depends on it
// yet, so none has the option: a server that does not use it for a name must not answer with it (RFC 7871 7.2.1).
func (q *request) subnet(query []byte) netip.Prefix {
	if q.subnetAt == 0 {
		return netip.Prefix{}
	}
	o := query[q.subnetAt:]
	var addr [16]byte
	bits := int(o[2])
	copy(addr[:], o[subnetHead:][:(bits+7)/8])
	switch binary.BigEndian.Uint16(o) {
	case 1:
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(addr[:4])), bits)
	case 2:
		return netip.PrefixFrom(netip.AddrFrom16(addr), bits)
	}
	return netip.Prefix{}
}
