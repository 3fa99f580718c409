package resolver

import (
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// unresolved refuses a question for addresses that node may have and nobody knows: its ALIAS record is still there
// (zones.TypeALIAS). A denial would be kept by resolvers as if there were none. To QTYPE ALIAS itself it is as if the record
// was not there: on the wire it never is.
func (w *Worker) unresolved(z *zones.Zone, node zones.Node) bool {
	switch w.req.qtype {
	case dns.TypeA, dns.TypeAAAA, dns.TypeANY:
	default:
		return false
	}
	if _, pending := z.Set(node, zones.TypeALIAS); !pending {
		return false
	}
	if w.first {
		w.res.node, w.res.kind = zones.NoNode, KindError
	}
	w.res.Authoritative = false
	w.refuse(dns.RcodeServerFailure, dns.ExtendedErrorCodeNotReady)
	return true
}
