package alias

import "net/netip"

// reserved are networks of which no address is anybody's host for others: 0.0.0.0/8 (this host), 240.0.0.0/4 (reserved, with
// broadcast), IPv4-mapped ones (RFC 4291 2.5.5.2), which belong into A records.
var reserved = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("::ffff:0:0/96"),
}

// Refused says whether an address is one that no resolver's answer may bring: loopback, unspecified, link-local, multicast, reserved.
func Refused(a netip.Addr) bool {
	if a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast() {
		return true
	}
	for _, n := range reserved {
		if n.Contains(a) {
			return true
		}
	}
	return false
}
