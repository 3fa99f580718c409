package resolver

import "github.com/mangrove-dns/mangrove/zones"

// maxSteps bounds how many CNAME and DNAME records one question may lead through.
const maxSteps = 16

// maxAuthority is for a proof with each step that a wildcard answered, then a SOA and three NSEC3 records.
const maxAuthority = maxSteps + 4

// rrset is one RRset of a response with the owner to put before it.
type rrset struct {
	zones.Set
	zone  *zones.Zone
	node  zones.Node
	every bool   // all RRsets of node (QTYPE ANY) or, with the type RRSIG, all signatures; Set is unused otherwise
	ptr   uint16 // the owner as a compression pointer into the question; 0: see owner
	owner []byte // the owner in wire form, in the zone or in the worker's scratch; with a ptr the labels before that
}

// Response is what was decided about a question: a plain value that refers to RRsets of the zones it came from.
// It says nothing about sizes and holds no additional section: that follows from the sets that it holds.
type Response struct {
	Rcode         int
	Extended      uint16 // RFC 8914 code to go with it; 0 for none
	Authoritative bool
	expires       bool   // the SOA of the zone asked for is the answer, and its EXPIRE goes into the option as well
	expire        uint32 // RFC 7314

	zone *zones.Zone // as the outcome has it
	node zones.Node
	kind Kind

	answers     int
	authorities int
	answer      [2*maxSteps + 1]rrset
	authority   [maxAuthority]rrset
	owners      [maxAuthority][maxName]byte // names that proofs have, where the question does not hold most of them
	referral    bool                        // the authority section holds the NS set of a cut whose glue is due
	cut         int                         // which one it is
	prepared    zones.Referral              // and this is both as one piece, where there is one
}

// clear forgets everything, so that an idle worker keeps no zone alive.
func (r *Response) clear() {
	clear(r.answer[:r.answers])
	clear(r.authority[:r.authorities])
	r.zone, r.node, r.kind = nil, 0, KindError
	r.expires = false
	r.Rcode, r.Extended, r.Authoritative, r.referral, r.prepared = 0, 0, false, false, zones.Referral{}
	r.answers, r.authorities, r.cut = 0, 0, 0
}

// has says whether the RRset of typ at node of zone is in the answer section.
func (r *Response) has(zone *zones.Zone, node zones.Node, typ uint16) bool {
	for i := range r.answer[:r.answers] {
		s := &r.answer[i]
		if s.zone == zone && s.node == node && s.Type == typ {
			return true
		}
	}
	return false
}
