package resolver

import (
	"net/netip"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// Transport is how a query came; it decides how large an answer may be.
type Transport uint8

const (
	// UDP answers are as large as both sides agreed, and have TC set when that is not enough.
	UDP Transport = iota
	// TCP answers may fill a message.
	TCP
)

// Source is where a query came from.
type Source struct {
	Via Transport
	// Addr is the client's address. It is looked at where Worker.asksForAddr says so, and may be missing otherwise.
	Addr netip.Addr
}

// Identity is what a server says about itself. Empty values are not told to anybody.
type Identity struct {
	Version string // version.bind, version.server (CH TXT)
	Name    string // id.server, hostname.bind (CH TXT, RFC 4892)
	NSID    string // RFC 5001, raw octets; the first 128 of them
}

// maxNSID bounds the NSID: with it every answer's question and OPT fit into 512 octets.
const maxNSID = 128

// Policy is what a worker needs to know beyond the zones.
type Policy struct {
	MaxUDPSize int // largest UDP answer and the payload size that we announce; 1232 if 0, 512 at least
	Identity   Identity
	Cookies    *Cookies // makes and checks server cookies (RFC 7873); nil ignores the option
	KeepAlive  uint16   // TCP idle time to announce (RFC 7828), in units of 100 ms; 0 announces none
}

// Outcome says what became of a query.
type Outcome struct {
	// Zone is the zone that the question's name was answered from, nil for none, and Node the node there: the name's own, the wildcard
	// that it was made from, the owner of the DNAME or of the cut above it; NoNode where there is no such name, anything without a zone.
	// Whoever keeps Zone keeps it alive.
	Zone  *zones.Zone
	Node  zones.Node
	Rcode int
	manner
}

// manner is apart because structs of more than four fields, or of more than four words, never are in registers: an Outcome returned
// through memory costs a fifth of a small answer.
type manner struct {
	Kind  Kind
	flags flags
}

// Kind is what the question's name was answered with. What was found behind a CNAME does not count.
type Kind uint8

const (
	KindError    Kind = iota // nothing from a zone: an error, a refusal, class CH
	KindAnswer               // records of the name
	KindReferral             // the servers of a cut at or above it
	KindNoData               // not of that type (NOERROR)
	KindNXDomain             // no such name
)

// flags are the yes and no of an Outcome.
type flags uint8

const (
	flagTCP   = flags(TCP)       // and nothing for UDP
	flagValid = flags(1) << iota // a server cookie of ours
	flagCookie
	flagTruncated
	flagRare
)

// Truncated says that the answer has TC.
func (o Outcome) Truncated() bool { return o.flags&flagTruncated != 0 }

// Rare says that the query asks for what Answer leaves to others (UPDATE, NOTIFY, a transfer, TSIG); the answer is the refusal
// that stands where nobody takes it.
func (o Outcome) Rare() bool { return o.flags&flagRare != 0 }

// Proven says that the client has shown to receive what is sent to its address: it asks over TCP, or with a server cookie of ours.
func (o Outcome) Proven() bool { return o.flags&(flagTCP|flagValid) != 0 }

// Cookie says that the query has a sound COOKIE option, so that BADCOOKIE would be understood.
func (o Outcome) Cookie() bool { return o.flags&flagCookie != 0 }

// Worker answers one query after the other. It is not safe for concurrent use: one worker for each goroutine that
// answers. It is some kilobytes of buffers, which it uses again and again.
type Worker struct {
	policy  Policy
	*parsed // the query: own, or one of a batch's
	own     *parsed
	res     Response
	enc     encoder
	via     Transport
	flags   flags           // for the outcome: what is known before the answer is
	now     uint32          // the time as cookies have it; 0: nobody has asked for it in this batch
	cookie  [cookieLen]byte // goes back where flags have flagCookie
	qname   []byte          // the question's name as it came
	current []byte          // the name that is looked for: the question's, then each CNAME's target
	first   bool            // current is the question's name
	other   zones.Key       // targets of MX, SRV and the like; the name of a TSIG key
	added   [maxAdded]addedNode
	tsig    []byte // the TSIG record to go behind everything; empty for none
	scratch []byte // records made for one answer: CNAMEs from DNAMEs, CH TXT; never grown
}

// parsed is what a query says.
type parsed struct {
	req   request
	rcode int // FORMERR where the query is not sound
	// key is the question's name, then each CNAME's target.
	key zones.Key
}

// parse reads query; false where it may not be answered.
func (p *parsed) parse(query []byte) bool {
	if len(query) < headerLen || query[2]&0x80 != 0 {
		return false
	}
	p.rcode = p.req.parse(query, &p.key)
	return true
}

// parseDatagram is parse of what a socket received into a buffer of readDatagram octets: what fills it may go on, so that it is a sound
// question only as far as it was read.
func (p *parsed) parseDatagram(query []byte) bool {
	if !p.parse(query) {
		return false
	}
	if len(query) > maxDatagram {
		p.rcode = dns.RcodeFormatError
	}
	return true
}

// asksForAddr says that the client's address is looked at in answering the query that was parsed.
func (p *parsed) asksForAddr() bool { return p.req.cookie != 0 }

// NewWorker returns a worker.
func NewWorker(p Policy) *Worker {
	if p.MaxUDPSize == 0 {
		p.MaxUDPSize = 1232
	}
	p.MaxUDPSize = min(max(p.MaxUDPSize, minPayload), maxMessage)
	p.Identity.NSID = p.Identity.NSID[:min(len(p.Identity.NSID), maxNSID)]
	own := new(parsed)
	return &Worker{policy: p, parsed: own, own: own, scratch: make([]byte, 0, maxSteps*(recordLen+maxName))}
}
