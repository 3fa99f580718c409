package resolver

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

const (
	headerLen     = 12
	pointer       = 0xc000              // RFC 1035 4.1.4
	questionPtr   = pointer | headerLen // the question's name
	optionNSID    = 3                   // RFC 5001
	optionSubnet  = 8                   // RFC 7871
	optionExpire  = 9                   // RFC 7314
	optionCookie  = 10                  // RFC 7873
	optionAlive   = 11                  // RFC 7828
	optionEDE     = 15                  // RFC 8914
	minPayload    = 512                 // RFC 1035 4.2.1, RFC 6891 6.2.3
	maxMessage    = 65535
	firstMetaType = 128 // RFC 6895 3.1: 128 to 255 are Q and meta types
	lastMetaType  = 255
)

// request is what a message says, as far as answering needs it.
type request struct {
	// 64 octets at most: they are cleared for every query, and more of them cost noticeably more.
	opcode    int
	end       int // where the question ends; headerLen without one
	size      int // the client's UDP payload size, 512 at least
	tsig      int // where the TSIG record starts, 0 without one
	qtype     uint16
	qclass    uint16
	cookie    uint16 // where the content of the first COOKIE option starts, 0 without one, and its length
	cookieLen uint16
	subnetAt  uint16 // where the content of the first CLIENT-SUBNET option starts, 0 without one
	version   uint8
	edns      bool
	do        bool
	expire    bool // the client asks when the zone expires
	nsid      bool // the client asks for our identity
	keepalive bool // the client asks how long a connection may idle
	question  bool // there is one, and it is sound; a sound query without one asks for a cookie
	plain     bool // a question that Worker.short may answer; nothing is said of what was found wrong behind it
}

// parse reads msg, which has a header, into q and the question's name into key. It returns FORMERR where msg is not
// what RFC 1035 and RFC 6891 demand; what was read until then stands in q, so that the error can be sent
// in the form that the client understands.
func (q *request) parse(msg []byte, key *zones.Key) (rcode int) {
	*q = request{}
	q.opcode, q.end, q.size = int(msg[2]>>3)&15, headerLen, minPayload
	qd := binary.BigEndian.Uint16(msg[4:])
	an := int(binary.BigEndian.Uint16(msg[6:]))
	ns := int(binary.BigEndian.Uint16(msg[8:]))
	ar := int(binary.BigEndian.Uint16(msg[10:]))

	off := headerLen
	if qd == 1 {
		end, ok := key.Parse(msg, off)
		if !ok || end+4 > len(msg) {
			return dns.RcodeFormatError
		}
		q.qtype = binary.BigEndian.Uint16(msg[end:])
		q.qclass = binary.BigEndian.Uint16(msg[end+2:])
		off = end + 4
		q.question, q.end = true, off
	}
	for range qd {
		if q.question {
			break
		}
		// More than one: an error, but what stands behind them says in which form to send it.
		end, ok := skipName(msg, off)
		if !ok || end+4 > len(msg) {
			return dns.RcodeFormatError
		}
		off = end + 4
	}

	if qd == 1 && an|ns == 0 && q.opcode == dns.OpcodeQuery && q.qclass == dns.ClassINET && q.rest(msg, off, ar) {
		q.plain = plainType(q.qtype)
		return dns.RcodeSuccess
	}

	// An ordinary query has nothing in the answer section, and only an IXFR something in the authority section.
	standard := q.opcode == dns.OpcodeQuery
	strange := qd > 1 || standard && (an != 0 || ns > 1 || ns == 1 && q.qtype != dns.TypeIXFR)
	for i := range an + ns + ar {
		var ok bool
		if off, ok = q.record(msg, off, i >= an+ns, i == an+ns+ar-1); !ok {
			return dns.RcodeFormatError
		}
	}
	if off != len(msg) || strange || standard && !q.question && (q.cookie == 0 || q.tsig != 0) {
		return dns.RcodeFormatError
	}
	return dns.RcodeSuccess
}

// rest reads what stands behind the question of nearly every query: nothing, or an OPT record of version 0 with no option or with a
// cookie. False: something else, and nothing was read.
func (q *request) rest(msg []byte, off, records int) bool {
	if records == 0 {
		return off == len(msg)
	}
	n := len(msg) - off
	if records != 1 || n < optLen {
		return false
	}
	// Owner, type and version, then the options' length.
	opt := msg[off:][:optLen]
	if opt[0]|opt[1]|opt[6] != 0 || opt[2] != byte(dns.TypeOPT) {
		return false
	}
	if n != optLen || opt[9]|opt[10] != 0 {
		const head = optLen + 4
		if n < head || binary.BigEndian.Uint32(msg[off+9:]) != uint32(n-optLen)<<16|optionCookie ||
			int(binary.BigEndian.Uint16(msg[off+head-2:])) != n-head {
			return false
		}
		q.cookie, q.cookieLen = uint16(off+head), uint16(n-head)
	}
	q.edns, q.do = true, opt[7]&0x80 != 0
	q.size = max(minPayload, int(binary.BigEndian.Uint16(opt[3:])))
	return true
}

// record reads the record at off and returns where it ends.
func (q *request) record(msg []byte, off int, additional, last bool) (end int, ok bool) {
	start := off
	off, ok = skipName(msg, off)
	if !ok || off+10 > len(msg) {
		return 0, false
	}
	typ := binary.BigEndian.Uint16(msg[off:])
	end = off + 10 + int(binary.BigEndian.Uint16(msg[off+8:]))
	if end > len(msg) {
		return 0, false
	}
	switch typ {
	case dns.TypeOPT:
		// RFC 6891 6.1.1: in the additional section, once, owned by the root.
		if !additional || q.edns || msg[start] != 0 {
			return 0, false
		}
		return end, q.opt(msg[:end], off)
	case dns.TypeTSIG:
		// RFC 8945 5.1: the last record of the additional section.
		if !additional || !last {
			return 0, false
		}
		q.tsig = start
	}
	return end, true
}

// skipName returns where the name at off ends. A pointer must lead back (RFC 1035 4.1.4: to a prior occurrence).
func skipName(msg []byte, off int) (end int, ok bool) {
	start := off
	for off < len(msg) {
		c := int(msg[off])
		switch {
		case c == 0:
			return off + 1, true
		case c < 64:
			off += c + 1
		case c >= 0xc0 && off+1 < len(msg):
			to := (c&0x3f)<<8 | int(msg[off+1])
			return off + 2, to < start && to >= headerLen
		default:
			return 0, false
		}
	}
	return 0, false
}

// opt reads the OPT record that ends msg, from its type on, which stands at off (RFC 6891 6.1.2): type, size, extended code,
// version, flags, length, options.
func (q *request) opt(msg []byte, off int) (ok bool) {
	rr := msg[off:]
	q.edns = true
	q.size = max(minPayload, int(binary.BigEndian.Uint16(rr[2:])))
	q.version = rr[5]
	q.do = rr[6]&0x80 != 0
	if q.version != 0 {
		return true // how another version's options look nobody knows (RFC 6891 6.1.3)
	}
	for o := rr[10:]; len(o) > 0; {
		if len(o) < 4 {
			return false
		}
		n := 4 + int(binary.BigEndian.Uint16(o[2:]))
		if n > len(o) {
			return false
		}
		if !q.option(binary.BigEndian.Uint16(o), len(msg)-len(o)+4, o[4:n]) {
			return false
		}
		o = o[n:]
	}
	return true
}

// option reads an option whose content stands at off.
func (q *request) option(code uint16, off int, content []byte) (ok bool) {
	switch code {
	case optionNSID:
		q.nsid = true
	case optionAlive:
		q.keepalive = true
	case optionCookie:
		// RFC 7873 5.2: all but the first are ignored.
		if q.cookie == 0 {
			q.cookie, q.cookieLen = uint16(off), uint16(len(content))
		}
	case optionExpire:
		// RFC 7314 2: with a content it is an answer.
		q.expire = q.expire || len(content) == 0
	case optionSubnet:
		if !soundSubnet(content) {
			return false // RFC 7871 7.2.1
		}
		if q.subnetAt == 0 {
			q.subnetAt = uint16(off)
		}
	}
	return true
}
