package resolver

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

const (
	optLen = 11 // an OPT record without options
	// extendedInvalidQueryType is code 30 of RFC 9824 7.3.
	extendedInvalidQueryType = 30
)

// tailLen returns how many octets of records come behind all sections. They are reserved before anything is written:
// an OPT is in truncated and in error answers too (RFC 6891 7).
func (w *Worker) tailLen() int {
	q := &w.req
	n := len(w.tsig)
	if !q.edns {
		return n
	}
	n += optLen
	if w.flags&flagCookie != 0 {
		n += 4 + cookieLen
	}
	if w.sendsNSID() {
		n += 4 + len(w.policy.Identity.NSID)
	}
	if w.sendsKeepalive() {
		n += 6
	}
	if w.res.expires {
		n += 8
	}
	if w.res.Extended != 0 {
		n += 6
	}
	return n
}

func (w *Worker) sendsNSID() bool { return w.req.nsid && w.policy.Identity.NSID != "" }

func (w *Worker) sendsKeepalive() bool {
	return w.req.keepalive && w.via == TCP && w.policy.KeepAlive != 0
}

// tellExpire has the answer say when a secondary of the zone gives it up (RFC 7314 3). A primary says what the SOA record does: soa is
// that as it lies in the zone, and EXPIRE the last number of its data but one.
func (w *Worker) tellExpire(soa []byte) {
	end := recordLen + int(binary.BigEndian.Uint16(soa[recordLen-2:]))
	w.res.expires, w.res.expire = true, binary.BigEndian.Uint32(soa[end-8:])
}

// putTail writes what tailLen reserved at off, and returns the number of records.
func (w *Worker) putTail(msg []byte, off int) (count uint16) {
	q := &w.req
	if q.edns {
		b := append(msg[:off], 0, 0, byte(dns.TypeOPT))
		b = binary.BigEndian.AppendUint16(b, uint16(w.policy.MaxUDPSize))
		var do uint16
		if q.do {
			do = 1 << 15
		}
		b = append(b, byte(w.res.Rcode>>4), 0) // extended code, version
		b = binary.BigEndian.AppendUint16(b, do)
		b = append(b, 0, 0)
		options := len(b)
		if w.flags&flagCookie != 0 {
			b = appendOption(b, optionCookie, cookieLen)
			b = append(b, w.cookie[:]...)
		}
		if w.sendsNSID() {
			b = appendOption(b, optionNSID, len(w.policy.Identity.NSID))
			b = append(b, w.policy.Identity.NSID...)
		}
		if w.sendsKeepalive() {
			b = appendOption(b, optionAlive, 2)
			b = binary.BigEndian.AppendUint16(b, w.policy.KeepAlive)
		}
		if w.res.expires {
			b = appendOption(b, optionExpire, 4)
			b = binary.BigEndian.AppendUint32(b, w.res.expire)
		}
		if w.res.Extended != 0 {
			b = appendOption(b, optionEDE, 2)
			b = binary.BigEndian.AppendUint16(b, w.res.Extended)
		}
		binary.BigEndian.PutUint16(b[options-2:], uint16(len(b)-options))
		off, count = len(b), count+1
	}
	if len(w.tsig) > 0 {
		copy(msg[off:], w.tsig)
		count++
	}
	return count
}

func appendOption(b []byte, code uint16, length int) []byte {
	b = binary.BigEndian.AppendUint16(b, code)
	return binary.BigEndian.AppendUint16(b, uint16(length))
}
