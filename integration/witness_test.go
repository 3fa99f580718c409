package integration

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// witness asks the daemon all the time, over all its lives, and holds it to two promises: serials never go back, and one
// serial is one content.
type witness struct {
	t     *testing.T
	last  uint32
	known map[uint32]string
	asked int
}

// glance asks for the serial, the content, and the serial again: where both are the same, the content is that serial's.
func (w *witness) glance(conn *dns.Conn) {
	before, ok := w.serial(conn)
	if !ok {
		return
	}
	var content []string
	for _, q := range []rrset{{"seq." + mirrorZone, "TXT"}, {"www." + mirrorZone, "A"}} {
		r, err := w.ask(conn, q.name, typeOf(q.rrtype))
		if err != nil {
			return
		}
		content = append(content, values(r.Answer, q.name, typeOf(q.rrtype))...)
	}
	after, ok := w.serial(conn)
	if !ok || before != after {
		return
	}
	w.asked++
	text := strings.Join(content, " ")
	if old, ok := w.known[after]; ok && old != text {
		w.t.Errorf("serial %d is %q, and was %q", after, text, old)
	}
	w.known[after] = text
}

// ask asks once; late answers to what was asked before are not heard.
func (w *witness) ask(conn *dns.Conn, name string, qtype uint16) (*dns.Msg, error) {
	q := query(name, qtype)
	if err := errors.Join(conn.SetDeadline(time.Now().Add(5*time.Second)), conn.WriteMsg(q)); err != nil {
		return nil, err
	}
	for {
		if r, err := conn.ReadMsg(); err != nil || r.Id == q.Id {
			return r, err
		}
	}
}

func (w *witness) serial(conn *dns.Conn) (uint32, bool) {
	r, err := w.ask(conn, mirrorZone, dns.TypeSOA)
	if err != nil || len(r.Answer) != 1 {
		return 0, false // it has just been killed
	}
	soa, ok := r.Answer[0].(*dns.SOA)
	if !ok {
		w.t.Errorf("asked for the SOA, got %v", r.Answer[0])
		return 0, false
	}
	if w.last != 0 && newer(w.last, soa.Serial) {
		w.t.Errorf("serial %d is answered after %d", soa.Serial, w.last)
	}
	w.last = soa.Serial
	return soa.Serial, true
}

// newer compares serials (RFC 1982): whether a is greater than b.
func newer(a, b uint32) bool { return a != b && a-b < 1<<31 }

// watch starts the witness; stop ends it.
func (s *storm) watch(t *testing.T) (stop func() *witness) {
	w := &witness{t: t, known: make(map[uint32]string)}
	end := meanwhile(t, 2*time.Millisecond, func() bool {
		if conn := s.conn.Load(); conn != nil {
			w.glance(conn)
		}
		return true
	})
	return func() *witness {
		end()
		return w
	}
}
