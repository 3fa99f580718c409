package integration

import (
	bin "encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Packets that no resolver sends. Whatever comes, the server goes on, and answers nothing that is an answer itself.

// seeds are packets that mutations start from.
func seeds(t *testing.T) [][]byte {
	t.Helper()
	pack := func(m *dns.Msg) []byte {
		b, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	update := new(dns.Msg)
	update.SetUpdate(mirrorZone)
	update.Insert([]dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "new." + mirrorZone, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.IPv4(192, 0, 2, 1)}})
	notify, axfr, ixfr := new(dns.Msg), new(dns.Msg), new(dns.Msg)
	notify.SetNotify(mirrorZone)
	axfr.SetAxfr(mirrorZone)
	ixfr.SetIxfr(mirrorZone, 1, "ns1."+mirrorZone, "hostmaster."+mirrorZone)
	cookie := query("www."+mirrorZone, dns.TypeA)
	cookie.IsEdns0().Option = append(cookie.IsEdns0().Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"},
		&dns.EDNS0_NSID{Code: dns.EDNS0NSID}, &dns.EDNS0_PADDING{Padding: make([]byte, 100)})
	answer := new(dns.Msg)
	answer.SetReply(query("www."+mirrorZone, dns.TypeA))
	return [][]byte{
		pack(query("www."+mirrorZone, dns.TypeA)), pack(query("a.b.c.d.wild."+mirrorZone, dns.TypeTXT)), pack(query(mirrorZone, dns.TypeANY)),
		pack(query("x.sub."+mirrorZone, dns.TypeDS)), pack(query("x.dname."+mirrorZone, dns.TypeA)),
		pack(update), pack(notify), pack(axfr), pack(ixfr), pack(cookie), pack(answer),
		{}, {0}, make([]byte, 11), make([]byte, 12), make([]byte, 512), slices.Repeat([]byte{0xff}, 512),
		slices.Repeat([]byte{0xc0, 0x0c}, 300), // compression pointers that lead to themselves
	}
}

// mutate changes a packet a little, or a lot.
func mutate(r *rand.Rand, p []byte) []byte {
	p = slices.Clone(p)
	for range 1 + r.IntN(4) {
		switch r.IntN(7) {
		case 0, 1, 2: // a byte, most often one of the header and the question
			if len(p) > 0 {
				p[r.IntN(min(len(p), 40))] = byte(r.Uint32())
			}
		case 3: // cut off
			p = p[:r.IntN(len(p)+1)]
		case 4: // something behind
			for range r.IntN(40) {
				p = append(p, byte(r.Uint32()))
			}
		case 5: // counts that are not true
			if len(p) >= 12 {
				bin.BigEndian.PutUint16(p[4+2*r.IntN(4):], uint16(r.IntN(4)*r.IntN(20000)))
			}
		case 6: // a compression pointer somewhere
			if len(p) > 14 {
				bin.BigEndian.PutUint16(p[12+r.IntN(len(p)-13):], 0xc000|uint16(r.IntN(len(p))))
			}
		}
	}
	return p
}

// checkReply holds what came back for a packet to what RFC 1035 4.1.1 wants of any reply.
func checkReply(t *testing.T, sent, got []byte) {
	t.Helper()
	switch {
	case len(sent) < 12:
		t.Errorf("a reply to %d bytes, which are no header: %x -> %x", len(sent), sent, got)
	case sent[2]&0x80 != 0:
		t.Errorf("a reply to what is a reply itself: %x -> %x", sent, got)
	case len(got) < 12 || got[2]&0x80 == 0:
		t.Errorf("a reply that is none: %x -> %x", sent, got)
	case got[0] != sent[0] || got[1] != sent[1]:
		t.Errorf("a reply with another id: %x -> %x", sent, got)
	}
	if err := new(dns.Msg).Unpack(got); err != nil {
		t.Errorf("a reply that can't be read: %v: %x -> %x", err, sent, got)
	}
}

func hostileNode(t *testing.T) *node {
	t.Helper()
	text, err := os.ReadFile("testdata/mirror/example.com.zone")
	if err != nil {
		t.Fatal(err)
	}
	n := newNode(t, "")
	n.write("zones/example.com.zone", string(text))
	n.start()
	return n
}

func hostileSeed(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("MANGROVE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("MANGROVE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// stillWell asks a plain question, by UDP and TCP.
func stillWell(t *testing.T, n *node) {
	t.Helper()
	if n.daemon.ended() {
		t.Fatalf("mangrove serve has ended: %v", n.daemon.err)
	}
	for _, network := range []string{"udp", "tcp"} {
		eventually(t, "it answers by "+network, func() (bool, string) {
			r, err := exchange(n.addr, network, query("mail."+mirrorZone, dns.TypeA))
			if err != nil {
				return false, err.Error()
			}
			return len(r.Answer) == 1, r.String()
		})
	}
}

func TestHostilePacketsUDP(t *testing.T) {
	t.Parallel()
	n, r, all := hostileNode(t), hostileSeed(t), seeds(t)
	conn, err := net.Dial("udp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { conn.Close() }()
	buf := make([]byte, 65536)
	replies := 0
	// Each packet is followed by a question that is answered; what comes before that answer is the reply.
	for i := range soak(20_000, 2_000_000) {
		p := mutate(r, all[r.IntN(len(all))])
		probe := query("mail."+mirrorZone, dns.TypeA)
		for len(p) >= 2 && bin.BigEndian.Uint16(p) == probe.Id {
			probe.Id++
		}
		wire, err := probe.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(p); err != nil && len(p) > 0 {
			t.Fatal(err)
		}
		got, sent := roundTrip(t, conn, wire, buf, func(got []byte) {
			replies++
			checkReply(t, p, got)
		})
		if got == nil {
			stillWell(t, n)
			t.Fatalf("packet %d, and then no answers: %x", i, p)
		}
		if t.Failed() {
			t.FailNow()
		}
		if sent > 1 { // the others may be answered yet, and on this socket that would be taken for the reply to the next packet
			conn.Close()
			if conn, err = net.Dial("udp", n.addr); err != nil {
				t.Fatal(err)
			}
		}
	}
	stillWell(t, n)
	t.Logf("%d replies", replies)
	if replies == 0 {
		t.Error("not one of the packets was answered: they were all too broken to test anything")
	}
}

// roundTrip sends a good question until it is answered, a few times at most, and hands other packets to before. It returns the
// answer, in buf, or nil, and how often it has sent the question.
func roundTrip(t *testing.T, conn net.Conn, wire, buf []byte, before func([]byte)) (answer []byte, sent int) {
	t.Helper()
	for sent < 5 {
		sent++
		if _, err := conn.Write(wire); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		for {
			k, err := conn.Read(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break // lost
			}
			if err != nil {
				t.Fatal(err)
			}
			if k >= 2 && buf[0] == wire[0] && buf[1] == wire[1] {
				return buf[:k], sent
			}
			before(buf[:k])
		}
	}
	return nil, sent
}

func TestHostilePacketsTCP(t *testing.T) {
	t.Parallel()
	n, r, all := hostileNode(t), hostileSeed(t), seeds(t)
	buf := make([]byte, 65536)
	replies := 0
	var conn net.Conn
	var sent [][]byte
	for i := range soak(20_000, 2_000_000) {
		if conn == nil {
			var err error
			if conn, err = net.Dial("tcp", n.addr); err != nil {
				t.Fatalf("packet %d: %v", i, err)
			}
			if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			sent = nil
		}
		p := mutate(r, all[r.IntN(len(all))])
		sent = append(sent, p)
		frame := append(bin.BigEndian.AppendUint16(nil, uint16(len(p))), p...)
		// A length that is not true: what the server reads from there on is anybody's guess.
		torn := r.IntN(8) == 0
		if torn {
			bin.BigEndian.PutUint16(frame, uint16(r.Uint32()))
			sent = nil
		}
		_, err := conn.Write(frame)
		if err == nil && !torn && r.IntN(8) != 0 {
			continue // pipelined
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite() // where the server has closed already, it is not needed
		}
		replies += drain(t, conn, buf, sent)
		conn.Close()
		conn = nil
		if t.Failed() {
			t.FailNow()
		}
	}
	if conn != nil {
		conn.Close()
	}
	stillWell(t, n)
	t.Logf("%d replies", replies)
	if replies == 0 {
		t.Error("not one of the packets was answered: they were all too broken to test anything")
	}
}

// drain reads replies until the server closes, and holds each to what was sent, where that is known.
func drain(t *testing.T, conn net.Conn, buf []byte, sent [][]byte) (replies int) {
	t.Helper()
	for {
		if _, err := io.ReadFull(conn, buf[:2]); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the server neither answers nor closes")
			}
			return replies // closed; a reset is as good
		}
		k := int(bin.BigEndian.Uint16(buf))
		if _, err := io.ReadFull(conn, buf[:k]); err != nil {
			t.Errorf("a reply that is cut short: %v", err)
			return replies
		}
		got := buf[:k]
		replies++
		asked := slices.ContainsFunc(sent, func(p []byte) bool {
			return len(p) >= 12 && p[2]&0x80 == 0 && k >= 2 && p[0] == got[0] && p[1] == got[1]
		})
		if !asked && sent != nil {
			t.Errorf("a reply to nothing that was asked: %x", got)
		}
		if err := new(dns.Msg).Unpack(got); err != nil {
			t.Errorf("a reply that can't be read: %v: %x", err, got)
		}
	}
}
