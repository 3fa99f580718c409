package resolver

import (
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// slot is one query of many that came together. All are parsed before any is answered, so that what their look-ups read from
// memory can be asked for together. Of its two kilobytes a query uses some cache lines.
type slot struct {
	parsed
	query []byte
	state slotState
	zone  *zones.Zone // in which the name seems to be
}

type slotState uint8

const (
	slotNone   slotState = iota // no datagram
	slotSilent                  // not to be answered
	slotBroken                  // it made us panic
	slotSound                   // to be answered
)

// touch asks for what answering the queries from cat will read (see zones/touch.go).
func touch(cat *zones.Catalog, slots []slot) {
	for i := range slots {
		if s := &slots[i]; s.asks() {
			cat.Touch(&s.key)
		}
	}
	for i := range slots {
		s := &slots[i]
		if s.zone = nil; s.asks() {
			s.zone = cat.TouchZone(&s.key)
		}
	}
	for i := range slots {
		if s := &slots[i]; s.zone != nil {
			s.zone.TouchIndex(&s.key)
		}
	}
	for i := range slots {
		if s := &slots[i]; s.zone != nil {
			s.zone.TouchNodes(&s.key)
			s.zone = nil
		}
	}
}

// asks says that a name will be looked up.
func (s *slot) asks() bool {
	return s.state == slotSound && s.req.question && s.rcode == dns.RcodeSuccess && s.req.opcode == dns.OpcodeQuery
}
