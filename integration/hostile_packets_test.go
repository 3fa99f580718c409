package integration

import (
	bin "encoding/binary"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// mangler makes packets that no resolver sends, from such as one does: good requests of all opcodes and types, changed in the
// places where parsers err. Everything it does follows from its source of random numbers.
type mangler struct {
	*rand.Rand
	ordinary, seeds [][]byte // questions of all types, and everything else
}

// newMangler makes one for zones that are served.
func newMangler(t testing.TB, r *rand.Rand, origins ...string) *mangler {
	t.Helper()
	m := &mangler{Rand: r}
	packed := func(q *dns.Msg) []byte {
		b, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	add := func(q *dns.Msg) { m.seeds = append(m.seeds, packed(q)) }
	for _, origin := range origins {
		names := []string{origin, under("www.", origin), under("a.b.c.d.wild.", origin), under("x.sub.", origin), under("x.dname.", origin),
			under("deep.er.", origin), under("MiSSing.", origin), under("inside.", origin), under("cname.", origin)}
		for _, typ := range slices.Sorted(maps.Keys(dns.TypeToString)) {
			for _, name := range names {
				m.ordinary = append(m.ordinary, packed(query(name, typ)), packed(new(dns.Msg).SetQuestion(name, typ).SetEdns0(4096, true)))
			}
		}
		for _, name := range names {
			for opcode := range 7 { // the others come by themselves
				q := query(name, dns.TypeSOA)
				q.Opcode = opcode
				add(q)
			}
			for _, class := range []uint16{dns.ClassINET, dns.ClassCHAOS, dns.ClassHESIOD, dns.ClassNONE, dns.ClassANY, 0, 65535} {
				q := query(name, dns.TypeA)
				q.Question[0].Qclass = class
				add(q)
			}
			for _, do := range []bool{true, false} {
				q := new(dns.Msg).SetQuestion(name, dns.TypeANY)
				add(q.SetEdns0(4096, do))
			}
			add(new(dns.Msg).SetQuestion(name, dns.TypeMX)) // without EDNS
		}
		update := new(dns.Msg).SetUpdate(origin)
		update.Insert([]dns.RR{&dns.A{Hdr: dns.RR_Header{Name: under("new.", origin), Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.IPv4(192, 0, 2, 1)}})
		update.NameUsed([]dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: under("www.", origin)}}})
		add(update)
		add(new(dns.Msg).SetNotify(origin))
		add(new(dns.Msg).SetAxfr(origin))
		add(new(dns.Msg).SetIxfr(origin, 1, under("ns1.", origin), under("hostmaster.", origin)))
		options := query(under("www.", origin), dns.TypeA)
		options.IsEdns0().Option = []dns.EDNS0{
			&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}, &dns.EDNS0_NSID{Code: dns.EDNS0NSID},
			&dns.EDNS0_PADDING{Padding: make([]byte, 100)}, &dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE},
			&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: net.IPv4(192, 0, 2, 0)},
			&dns.EDNS0_EXPIRE{Code: dns.EDNS0EXPIRE, Empty: true}, &dns.EDNS0_EDE{InfoCode: 1, ExtraText: "x"},
		}
		add(options)
		signed := new(dns.Msg).SetQuestion(under("www.", origin), dns.TypeA)
		signed.SetTsig("key.", dns.HmacSHA256, 300, 1_700_000_000)
		wire, _, err := dns.TsigGenerate(signed, "c2VjcmV0", "", false)
		if err != nil {
			t.Fatal(err)
		}
		m.seeds = append(m.seeds, wire)
		add(new(dns.Msg).SetReply(query(under("www.", origin), dns.TypeA)))
	}
	m.seeds = append(m.seeds, nil, []byte{0}, make([]byte, 11), make([]byte, 12), make([]byte, 512), slices.Repeat([]byte{0xff}, 512),
		slices.Repeat([]byte{0xc0, 0x0c}, 300)) // compression pointers that lead to themselves
	return m
}

// packet makes a packet of at most limit octets.
func (m *mangler) packet(limit int) []byte {
	p := slices.Clone(pick(m.Rand, m.seeds))
	if m.IntN(3) > 0 {
		p = slices.Clone(pick(m.Rand, m.ordinary))
	}
	for range pick(m.Rand, []int{0, 0, 0, 1, 1, 1, 2, 4}) {
		p = m.mutate(p)
	}
	return p[:min(len(p), limit)]
}

// mutate changes a packet in one way.
func (m *mangler) mutate(p []byte) []byte {
	if len(p) < 12 {
		return append(p, m.octets(m.IntN(40))...)
	}
	behind := 12 + m.IntN(len(p)-11) // somewhere behind the header, the end included
	switch m.IntN(16) {
	case 0: // a bit, anywhere
		p[m.IntN(len(p))] ^= 1 << m.IntN(8)
	case 1: // an octet of the header and the question, mostly
		p[m.IntN(min(len(p), 40))] = byte(m.Uint32())
	case 2: // two octets, where lengths, types and classes are
		at := m.IntN(len(p) - 1)
		bin.BigEndian.PutUint16(p[at:], m.number())
	case 3: // cut off
		p = p[:m.IntN(len(p)+1)]
	case 4: // something behind
		p = append(p, m.octets(1+m.IntN(40))...)
	case 5: // counts that are not true
		bin.BigEndian.PutUint16(p[4+2*m.IntN(4):], m.number())
	case 6: // counts that belong to others
		a, b := 4+2*m.IntN(4), 4+2*m.IntN(4)
		p[a], p[a+1], p[b], p[b+1] = p[b], p[b+1], p[a], p[a+1]
	case 7: // flags, opcode, code
		keep := pick(m.Rand, []uint16{0xf800, 0xf800, 0x8000, 0}) // QR and opcode, QR, nothing
		bin.BigEndian.PutUint16(p[2:], bin.BigEndian.Uint16(p[2:])&keep|uint16(m.Uint32())&^keep)
	case 8: // a compression pointer: to itself, ahead, into the header, back
		if behind+2 <= len(p) {
			bin.BigEndian.PutUint16(p[behind:], 0xc000|uint16(pick(m.Rand, []int{behind, behind + 2, behind - 1, m.IntN(12), 12, m.IntN(len(p)), 0x3fff})))
		}
	case 9: // a label of a kind or a length that there is not
		if behind < len(p) {
			p[behind] = pick(m.Rand, []byte{0x40, 0x41, 0x7f, 0x80, 0xbf, 0xc0, 0xff, 63, 64, 0})
		}
	case 10: // a name of nearly 255 octets, or more, in place of the question's
		name := m.longName()
		if end, ok := nameEnd(p, 12); ok {
			p = slices.Concat(p[:12], name, p[end:])
		}
	case 11: // a record more, counted or not
		p = append(p, m.record(len(p))...)
		if m.IntN(4) > 0 {
			at := 6 + 2*m.IntN(3)
			bin.BigEndian.PutUint16(p[at:], bin.BigEndian.Uint16(p[at:])+1)
		}
	case 12, 13: // EDNS, odd and even
		p = append(p, m.opt()...)
		bin.BigEndian.PutUint16(p[10:], bin.BigEndian.Uint16(p[10:])+1)
	case 14: // a part of another packet in the middle
		if other := pick(m.Rand, m.seeds); len(other) > 0 {
			p = slices.Insert(p, behind, other[m.IntN(len(other)):]...)
		}
	case 15:
		if m.IntN(20) == 0 { // a lot of it
			p = append(p, slices.Repeat(m.record(len(p)), 1+m.IntN(100))...)
			bin.BigEndian.PutUint16(p[10:], m.number())
		} else { // an octet less
			p = slices.Delete(p, behind-1, behind)
		}
	}
	return p
}

// number is one where something may overflow.
func (m *mangler) number() uint16 {
	return pick(m.Rand, []uint16{0, 1, 2, 3, 11, 12, 41, 249, 250, 251, 252, 255, 256, 0x7fff, 0x8000, 0xfffe, 0xffff, uint16(m.Uint32()), uint16(m.IntN(300))})
}

func (m *mangler) octets(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.Uint32())
	}
	return b
}

// longName is a name in wire form of 240 to 270 octets, 255 are allowed; or one of very many short labels.
func (m *mangler) longName() (name []byte) {
	size := 63
	if m.IntN(2) == 0 {
		size = 1
	}
	for want := 240 + m.IntN(30); len(name) < want-1; {
		n := max(1, min(size, want-2-len(name)))
		name = append(append(name, byte(n)), slices.Repeat([]byte{'a'}, n)...)
	}
	return append(name, 0)
}

// record is a record that is to stand at an offset; its data, or what it says of its length, is often not of its type.
func (m *mangler) record(at int) []byte {
	owner := pick(m.Rand, [][]byte{{0}, {0xc0, 12}, {0xc0, byte(at)}, {1, 'a', 0xc0, 12}, m.longName()})
	typ := pick(m.Rand, []uint16{dns.TypeA, dns.TypeNS, dns.TypeSOA, dns.TypeOPT, dns.TypeTSIG, dns.TypeSIG, dns.TypeTKEY, dns.TypeMX, dns.TypeTXT, dns.TypeRRSIG, dns.TypeANY, m.number()})
	data := m.octets(m.IntN(30))
	b := bin.BigEndian.AppendUint16(slices.Clone(owner), typ)
	b = bin.BigEndian.AppendUint16(b, pick(m.Rand, []uint16{dns.ClassINET, dns.ClassANY, dns.ClassNONE, m.number()}))
	b = bin.BigEndian.AppendUint32(b, m.Uint32())
	length := uint16(len(data))
	if m.IntN(4) == 0 {
		length = m.number()
	}
	return append(bin.BigEndian.AppendUint16(b, length), data...)
}

// opt is an OPT record with options of lengths that they may or may not have.
func (m *mangler) opt() []byte {
	var options []byte
	for range m.IntN(4) {
		var data []byte
		code := m.number()
		switch m.IntN(8) {
		case 0, 1: // COOKIE: 8, or 16 to 40 octets
			code, data = dns.EDNS0COOKIE, m.octets(m.IntN(42))
		case 2, 3: // ECS: a family, prefixes, and the octets that these need or not
			code = dns.EDNS0SUBNET
			data = append([]byte{0, byte(m.IntN(4)), byte(m.IntN(140)), byte(m.IntN(3) * m.IntN(140))}, m.octets(m.IntN(18))...)
			data = data[:len(data)-m.IntN(2)*m.IntN(len(data))]
		case 4:
			code, data = dns.EDNS0TCPKEEPALIVE, m.octets(m.IntN(4))
		case 5:
			code, data = dns.EDNS0NSID, m.octets(m.IntN(3))
		case 6:
			code, data = dns.EDNS0PADDING, make([]byte, m.IntN(600))
		case 7:
			data = m.octets(m.IntN(20))
		}
		length := uint16(len(data))
		if m.IntN(8) == 0 {
			length = m.number()
		}
		options = append(bin.BigEndian.AppendUint16(bin.BigEndian.AppendUint16(options, code), length), data...)
	}
	owner := []byte{0}
	if m.IntN(12) == 0 {
		owner = []byte{0xc0, 12}
	}
	version := byte(0)
	if m.IntN(6) == 0 {
		version = byte(m.Uint32())
	}
	b := bin.BigEndian.AppendUint16(owner, dns.TypeOPT)
	b = bin.BigEndian.AppendUint16(b, pick(m.Rand, []uint16{0, 1, 511, 512, 513, 1232, 4096, 65535, m.number()}))
	b = append(b, byte(m.IntN(3)*m.IntN(256)), version, byte(m.IntN(2)<<7), byte(m.IntN(2)*m.IntN(256)))
	length := uint16(len(options))
	if m.IntN(12) == 0 {
		length = m.number()
	}
	return append(bin.BigEndian.AppendUint16(b, length), options...)
}

// nameEnd is where the name at an offset ends, as far as one can tell.
func nameEnd(p []byte, at int) (end int, ok bool) {
	for at < len(p) {
		switch c := int(p[at]); {
		case c == 0:
			return at + 1, true
		case c >= 0xc0:
			return at + 2, at+2 <= len(p)
		default:
			at += 1 + c
		}
	}
	return 0, false
}

// counted says whether a message ends where its counts say, which miekg/dns does not look at.
func counted(p []byte) bool {
	at, ok := 12, true
	for i := range 4 {
		for range bin.BigEndian.Uint16(p[4+2*i:]) {
			if at, ok = nameEnd(p, at); !ok {
				return false
			}
			switch {
			case i == 0:
				at += 4
			case at+10 <= len(p):
				at += 10 + int(bin.BigEndian.Uint16(p[at+8:]))
			default:
				return false
			}
		}
	}
	return at == len(p)
}
