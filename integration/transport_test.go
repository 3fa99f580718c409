package integration

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// Sizes, EDNS and transports, by the sockets of the built binary.

// newLarge serves an RRset of about 3 KB.
func newLarge(t *testing.T, listen string) *node {
	t.Helper()
	n := newNode(t, "")
	if listen != "" {
		n.write("mangrove.yaml", "listen: "+listen+"\n")
	}
	var large strings.Builder
	for i := range 40 {
		fmt.Fprintf(&large, "large IN TXT \"%02d %s\"\n", i, strings.Repeat("x", 60))
	}
	n.write("zones/example.com.zone", numbered(1)+large.String())
	n.start()
	return n
}

func TestTruncation(t *testing.T) {
	t.Parallel()
	n := newLarge(t, "")
	for _, tt := range []struct {
		name string
		size uint16 // of EDNS; 0: none
		most int
	}{
		{"without EDNS", 0, 512},
		{"EDNS less than allowed", 100, 512},
		{"EDNS 512", 512, 512},
		{"EDNS 1232", 1232, 1232},
		{"EDNS more than the server sends", 65535, 1232},
	} {
		q := new(dns.Msg)
		q.SetQuestion("large."+example, dns.TypeTXT)
		if tt.size > 0 {
			q.SetEdns0(tt.size, false)
		}
		conn, err := net.Dial("udp", n.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		wire, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		got, _ := roundTrip(t, conn, wire, make([]byte, 65536), func([]byte) {})
		r := new(dns.Msg)
		if err := r.Unpack(got); err != nil || len(got) > tt.most {
			t.Errorf("%s: an answer of %d bytes, %v; want at most %d", tt.name, len(got), err, tt.most)
			continue
		}
		if !r.Truncated || (r.IsEdns0() != nil) != (tt.size > 0) {
			t.Errorf("%s: truncated %v, OPT %v", tt.name, r.Truncated, r.IsEdns0())
		}
	}
	r, err := exchange(n.addr, "tcp", query("large."+example, dns.TypeTXT))
	if err != nil || r.Truncated || len(r.Answer) != 40 {
		t.Errorf("by TCP: %d records, %v; want all 40", len(r.Answer), err)
	}
}

func TestEDNS(t *testing.T) {
	t.Parallel()
	n := newLarge(t, "")
	ask := func(change func(*dns.Msg)) *dns.Msg {
		q := query("first."+example, dns.TypeTXT)
		change(q)
		r, err := exchange(n.addr, "udp", q)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := ask(func(q *dns.Msg) { q.IsEdns0().SetVersion(1) }); r.Rcode != dns.RcodeBadVers || len(r.Answer) != 0 {
		t.Errorf("EDNS version 1: %v; want BADVERS", r)
	}
	if r := ask(func(q *dns.Msg) { q.IsEdns0().SetDo() }); r.Rcode != dns.RcodeSuccess || r.IsEdns0() == nil || len(r.Answer) != 1 {
		t.Errorf("DO: %v", r)
	}
	if r := ask(func(q *dns.Msg) {
		q.IsEdns0().Option = append(q.IsEdns0().Option, &dns.EDNS0_LOCAL{Code: 65001, Data: []byte("unknown")})
	}); r.Rcode != dns.RcodeSuccess || len(r.Answer) != 1 || len(r.IsEdns0().Option) != 0 {
		t.Errorf("an unknown option: %v; want it ignored", r)
	}
	if r := ask(func(q *dns.Msg) { q.Extra = append(q.Extra, q.Extra[0]) }); r.Rcode != dns.RcodeFormatError {
		t.Errorf("two OPT records: %v; want FORMERR", r)
	}
	if r := ask(func(q *dns.Msg) { q.Opcode = dns.OpcodeStatus }); r.Rcode != dns.RcodeNotImplemented {
		t.Errorf("opcode STATUS: %v; want NOTIMP", r)
	}
	if r := ask(func(q *dns.Msg) { q.Question[0].Qclass = dns.ClassCHAOS }); r.Rcode != dns.RcodeRefused {
		t.Errorf("class CH: %v; want REFUSED", r)
	}
	if r := ask(func(q *dns.Msg) { q.RecursionDesired = true }); !r.RecursionDesired || r.RecursionAvailable {
		t.Errorf("RD: %v; want RD copied and no RA", r)
	}
}

// What a server says of itself in class CH is configured, each for itself (RFC 4892 3); TestMessages has it hidden.
func TestServerNames(t *testing.T) {
	t.Parallel()
	n := newNode(t, "server: {identity: ams1, version: none of your business}\n")
	n.start()
	for name, want := range map[string]string{
		"id.server.": "ams1", "HOSTNAME.bind.": "ams1", "version.server.": "none of your business", "version.bind.": "none of your business",
	} {
		q := query(name, dns.TypeTXT)
		q.Question[0].Qclass = dns.ClassCHAOS
		r, err := exchange(n.addr, "udp", q)
		if err != nil {
			t.Fatal(err)
		}
		txt := new(dns.TXT)
		if len(r.Answer) == 1 {
			txt, _ = r.Answer[0].(*dns.TXT)
		}
		if r.Rcode != dns.RcodeSuccess || txt == nil || txt.Hdr.Class != dns.ClassCHAOS || strings.Join(txt.Txt, "|") != want {
			t.Errorf("%s: %v; want %q", name, r, want)
		}
	}
}

// One TCP connection carries many questions (RFC 7766 6.2.1), and answers come for all of them.
func TestPipelining(t *testing.T) {
	t.Parallel()
	n := newLarge(t, "")
	c, err := dns.DialTimeout("tcp", n.addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := make(map[uint16]bool)
	for range 200 {
		q := query("large."+example, dns.TypeTXT)
		if want[q.Id] {
			continue
		}
		want[q.Id] = true
		if err := c.WriteMsg(q); err != nil {
			t.Fatal(err)
		}
	}
	for len(want) > 0 {
		r, err := c.ReadMsg()
		if err != nil {
			t.Fatalf("%d answers are missing: %v", len(want), err)
		}
		if !want[r.Id] || len(r.Answer) != 40 {
			t.Fatalf("an answer to nothing, or with %d records", len(r.Answer))
		}
		delete(want, r.Id)
	}
}

// Two addresses, each by UDP and TCP; IPv6 beside IPv4 where the machine has it.
func TestListenAddresses(t *testing.T) {
	t.Parallel()
	for name, ip := range map[string]string{"IPv4": "127.0.0.2", "IPv6": "::1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			second := net.JoinHostPort(ip, "0")
			if l, err := net.Listen("tcp", second); err == nil {
				l.Close()
			} else if name == "IPv6" {
				t.Skipf("no IPv6 on loopback: %v", err)
			}
			n := newLarge(t, fmt.Sprintf(`["127.0.0.1:0", %q]`, second))
			listen := n.status().Listen
			if len(listen) != 2 {
				t.Fatalf("status shows the addresses %v, want two", listen)
			}
			if !slices.ContainsFunc(listen, func(a string) bool { return strings.HasPrefix(a, strings.TrimSuffix(second, "0")) }) {
				t.Errorf("%s is not among %v", ip, listen)
			}
			for _, addr := range listen {
				for _, network := range []string{"udp", "tcp"} {
					r, err := exchange(addr, network, query("first."+example, dns.TypeTXT))
					if err != nil || len(r.Answer) != 1 {
						t.Errorf("%s at %s: %v %v", network, addr, r, err)
					}
				}
			}
		})
	}
}
