package resolver

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

func headerCatalog(tb testing.TB) *zones.Catalog {
	return parseCatalog(tb, "example.", "@ SOA ns hostmaster 1 2 3 4 60\n@ NS ns\nns A 192.0.2.53\n")
}

const headerSOA = "ns example. 60 SOA ns.example. hostmaster.example. 1 2 3 4 60"

func TestHeaderFlags(t *testing.T) {
	run(t, headerCatalog(t), Policy{}, []asked{
		{"ns.example. A +rd", "NOERROR aa rd\nan ns.example. 300 A 192.0.2.53"},
		{"ns.example. A +cd", "NOERROR aa cd\nan ns.example. 300 A 192.0.2.53"}, // RFC 4035 3.1.6
		{"ns.example. A +ad +z", "NOERROR aa\nan ns.example. 300 A 192.0.2.53"}, // AD: RFC 6840 5.7, we validate nothing; Z is ignored
		{"NS.eXaMpLe. A", "NOERROR aa\nan NS.eXaMpLe. 300 A 192.0.2.53"},
	})
}

func TestOutsideOurZones(t *testing.T) {
	run(t, headerCatalog(t), Policy{}, []asked{
		{"www.example.org. A +rd", "REFUSED rd"},
		{"www.example.org. A +edns", "REFUSED\nopt 1232 ede=20"}, // RFC 8914: not authoritative
		{"xexample. A", "REFUSED"},
		{". NS", "REFUSED"},
		{"ns.example. A HS", "REFUSED"},
		{"ns.example. A ANYCLASS", "REFUSED"},
		{"ns.example. A CH", "REFUSED"},
	})
}

func TestMetaTypes(t *testing.T) {
	run(t, headerCatalog(t), Policy{}, []asked{
		{"example. AXFR +edns", "NOTIMP\nopt 1232 ede=21"}, // RFC 5936 4.2
		{"example. AXFR +tcp +edns", "REFUSED\nopt 1232 ede=18"},
		{"example. IXFR", "REFUSED"},
		{"example. IXFR +tcp", "REFUSED"},
		{"elsewhere. AXFR +tcp", "NOTAUTH"}, // RFC 5936 2.2.1
		{"elsewhere. IXFR +edns", "NOTAUTH\nopt 1232 ede=20"},
		{"ns.example. AXFR +tcp", "NOTAUTH"}, // a name of ours, but no zone
		{"example. AXFR CH +tcp", "REFUSED"},
		{"example. MAILA", "NOTIMP"},
		{"example. MAILB", "NOTIMP"},
		{"example. OPT", "FORMERR"},
		{"example. TSIG", "FORMERR"},
		{"example. TSIG +edns", "FORMERR\nopt 1232 ede=30"},
		{"example. TKEY", "FORMERR"},
		{"example. TYPE128 +edns", "FORMERR\nopt 1232 ede=30"}, // RFC 9824: NXNAME is never asked for
		{"example. TYPE200", "FORMERR"},
		{"example. TYPE256", "NOERROR aa\n" + headerSOA},
		{"example. TYPE65535", "NOERROR aa\n" + headerSOA},
		{"example. TYPE65281", "NOERROR aa\n" + headerSOA},
	})
}

// CH TXT version.bind and its kin are hidden unless configured.
func TestIdentity(t *testing.T) {
	cat := headerCatalog(t)
	run(t, cat, Policy{}, []asked{
		{"version.bind. TXT CH", "REFUSED"},
		{"id.server. TXT CH", "REFUSED"},
		{"ns.example. A +nsid", "NOERROR aa\nan ns.example. 300 A 192.0.2.53\nopt 1232"},
	})
	run(t, cat, Policy{Identity: Identity{Version: "mangrove", Name: "fra1", NSID: "fra1"}}, []asked{
		{"version.bind. TXT CH", "NOERROR aa\nan version.bind. 0 CH TXT \"mangrove\""},
		{"VERSION.server. TXT CH", "NOERROR aa\nan VERSION.server. 0 CH TXT \"mangrove\""},
		{"id.server. TXT CH", "NOERROR aa\nan id.server. 0 CH TXT \"fra1\""},
		{"hostname.bind. ANY CH", "NOERROR aa\nan hostname.bind. 0 CH TXT \"fra1\""},
		{"hostname.bind. A CH", "REFUSED"},
		{"authors.bind. TXT CH", "REFUSED"},
		{"ns.example. A +nsid", "NOERROR aa\nan ns.example. 300 A 192.0.2.53\nopt 1232 nsid=66726131"},
		{"ns.example. A +edns", "NOERROR aa\nan ns.example. 300 A 192.0.2.53\nopt 1232"},
		{"elsewhere. A +nsid", "REFUSED\nopt 1232 nsid=66726131 ede=20"},
	})
}

// Before anything is loaded nothing can be refused in earnest: a resolver would remember it.
func TestNoCatalogYet(t *testing.T) {
	run(t, nil, Policy{}, []asked{{"ns.example. A", "SERVFAIL"}, {"ns.example. AXFR +tcp +edns", "SERVFAIL\nopt 1232 ede=14"}})
}

// raw is a packet by hand, in hex with blanks, and its answer. "*" stands for the question's octets.
type raw struct {
	name, query, want string
}

const (
	rawName = "02 6e73 07 6578616d706c65 00" // ns.example
	rawQ    = rawName + "0001 0001"
	rawOPT  = "00 0029 0400 00 00 0000 0000"
)

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		tb.Fatalf("%q: %v", s, err)
	}
	return b
}

// TestPackets holds what a packet may have wrong. Each case is asked over both transports.
func TestPackets(t *testing.T) {
	cat := headerCatalog(t)
	const ok = "NOERROR aa\nan ns.example. 300 A 192.0.2.53"
	cases := []raw{
		{"sound", "0001 0000 0001 0000 0000 0000" + rawQ, ok},
		{"empty", "", "dropped"},
		{"shorter than a header", "0001 0000 0001 0000 0000 00", "dropped"},
		{"a response", "0001 8000 0001 0000 0000 0000" + rawQ, "dropped"},
		{"a response of another opcode", "0001 a800 0001 0000 0000 0000" + rawQ, "dropped"},
		{"a broken response", "0001 8000 0001 0000 0000 0000 ff", "dropped"},
		{"header alone", "0001 0000 0000 0000 0000 0000", "FORMERR"},
		{"no question but an OPT", "0001 0000 0000 0000 0000 0001" + rawOPT, "FORMERR\nopt 1232"},
		{"question is missing", "0001 0000 0001 0000 0000 0000", "FORMERR"},
		{"question ends in the name", "0001 0000 0001 0000 0000 0000 02 6e73 07 6578", "FORMERR"},
		{"question without class", "0001 0000 0001 0000 0000 0000" + rawName + "0001", "FORMERR"},
		{"two questions", "0001 0000 0002 0000 0000 0000" + rawQ + rawQ, "FORMERR"},
		{"two questions and an OPT", "0001 0000 0002 0000 0000 0001" + rawQ + rawQ + rawOPT, "FORMERR\nopt 1232"},
		{"65535 questions", "0001 0000 ffff 0000 0000 0000" + rawQ, "FORMERR"},
		{"trailing octet", "0001 0000 0001 0000 0000 0000" + rawQ + "00", "FORMERR"},
		{"pointer in the question", "0001 0000 0001 0000 0000 0000 02 6e73 c00c 0001 0001", "FORMERR"},
		{"pointer to itself", "0001 0000 0001 0000 0000 0000 c00c 0001 0001", "FORMERR"},
		{"forward pointer", "0001 0000 0001 0000 0000 0000 c012 0001 0001 00", "FORMERR"},
		{"label type 01", "0001 0000 0001 0000 0000 0000 41 00 0001 0001", "FORMERR"},
		{"label type 10", "0001 0000 0001 0000 0000 0000 81 00 0001 0001", "FORMERR"},
		{"name of 255 octets", "0001 0000 0001 0000 0000 0000" + strings.Repeat("01 61", 127) + "00 0001 0001", "REFUSED"},
		{"name of 257 octets", "0001 0000 0001 0000 0000 0000" + strings.Repeat("01 61", 128) + "00 0001 0001", "FORMERR"},
		{"a record in the answer section", "0001 0000 0001 0001 0000 0000" + rawQ + "c00c 0001 0001 00000000 0004 7f000001", "FORMERR"},
		{"a record in the authority section", "0001 0000 0001 0000 0001 0000" + rawQ + "c00c 0001 0001 00000000 0004 7f000001", "FORMERR"},
		{"an unknown record in the additional section", "0001 0000 0001 0000 0000 0001" + rawQ + "c00c 0001 0001 00000000 0004 7f000001", ok},
		{"a count without its record", "0001 0000 0001 0000 0000 0001" + rawQ, "FORMERR"},
		{"a record that ends early", "0001 0000 0001 0000 0000 0001" + rawQ + "c00c 0001 0001 00000000 0005 7f000001", "FORMERR"},
		{"an owner that points forward", "0001 0000 0001 0000 0000 0001" + rawQ + "c0ff 0001 0001 00000000 0004 7f000001", "FORMERR"},
		{"an owner that points at itself", "0001 0000 0001 0000 0000 0001" + rawQ + "c01c 0001 0001 00000000 0004 7f000001", "FORMERR"},
		{"an owner that points into the header", "0001 0000 0001 0000 0000 0001" + rawQ + "c000 0001 0001 00000000 0004 7f000001", "FORMERR"},
		{"an owner of label type 01", "0001 0000 0001 0000 0000 0001" + rawQ + "41 00 0001 0001 00000000 0004 7f000001", "FORMERR"},
		{"AA, TC, RA, AD in the query", "0001 06a0 0001 0000 0000 0000" + rawQ, ok},
		{"an rcode in the query", "0001 000f 0001 0000 0000 0000" + rawQ, ok},
		{"IXFR for what is no zone", "0001 0000 0001 0000 0001 0000" + rawName + "00fb 0001 c00c 0006 0001 00000000 0016 00 00 00000001 00000001 00000001 00000001 00000001", "NOTAUTH"},
	}
	w := NewWorker(Policy{})
	for _, c := range cases {
		for via, name := range []string{"udp", "tcp"} {
			t.Run(name+" "+c.name, func(t *testing.T) {
				if got, want := render(send(t, w, cat, unhex(t, c.query), Transport(via))), squeeze(c.want); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		}
	}
}

// NOTIMP keeps ID, opcode and RD, whatever else the message holds; EDNS is answered with EDNS.
func TestOpcodes(t *testing.T) {
	cat := headerCatalog(t)
	w := NewWorker(Policy{})
	for opcode := 1; opcode < 16; opcode++ {
		for _, body := range []string{
			"0001 0000 0000 0000" + rawQ,
			"0001 0000 0000 0001" + rawQ + rawOPT,
			"0001 0001 0000 0000" + rawName + "0006 0001" + "c00c 0006 0001 00000000 0016 00 00 00000001 00000001 00000001 00000001 00000001",
			"0000 0000 0000 0000",
			"0005 0001 0002 0003 ff",
		} {
			query := unhex(t, fmt.Sprintf("abcd %02x00", opcode<<3|1)+body)
			m := send(t, w, cat, query, UDP)
			want := dns.RcodeNotImplemented
			if (opcode == dns.OpcodeNotify || opcode == dns.OpcodeUpdate) && strings.HasSuffix(body, "ff") {
				want = dns.RcodeFormatError // these forms we know
			}
			if m.Rcode != want || m.Opcode != opcode || m.Id != 0xabcd || !m.RecursionDesired || m.Authoritative {
				t.Errorf("opcode %d, %s:\n%v", opcode, body, m)
			}
			if asked, answered := strings.HasSuffix(body, rawOPT), m.IsEdns0() != nil; asked != answered {
				t.Errorf("opcode %d: OPT asked %v, answered %v", opcode, asked, answered)
			}
		}
	}
}

// Another version of EDNS is told before what is asked (RFC 6891 6.1.3), unless the message is none that can be read.
func TestVersionBeforeOpcode(t *testing.T) {
	w, cat := NewWorker(Policy{}), headerCatalog(t)
	for opcode := range 16 {
		for body, want := range map[string]string{
			"0001 0000 0000 0001" + rawQ + "00 0029 0400 00 01 0000 0000":                            "BADVERS\nopt 1232",
			"0001 0000 0000 0001" + rawQ + "00 0029 0400 00 ff 8000 0004 ffff ffff":                  "BADVERS\nopt 1232 do",
			"0001 0000 0000 0002" + rawQ + "00 0029 0400 00 01 0000 0000 00 00fa 00ff 00000000 0000": "BADVERS\nopt 1232",
			"0001 0000 0000 0001" + rawQ + "00 0029 0400 00 01 0000 0000 00": map[bool]string{
				true: "FORMERR\nopt 1232", false: "NOTIMP\nopt 1232 ede=21"}[opcode == dns.OpcodeQuery || opcode == dns.OpcodeNotify || opcode == dns.OpcodeUpdate],
		} {
			for _, via := range []Transport{UDP, TCP} {
				m := send(t, w, cat, unhex(t, fmt.Sprintf("abcd %02x00", opcode<<3)+body), via)
				if got := render(m); got != want || m.Opcode != opcode {
					t.Errorf("opcode %d, %s: got %s, want %s", opcode, body, got, want)
				}
			}
		}
	}
}

// A worker keeps nothing of one answer that shows in the next.
func TestWorkerIsReused(t *testing.T) {
	cat := headerCatalog(t)
	queries := []string{
		"ns.example. A +dnssec +tcp", "x.example. A +bufsize=4096", "ns.example. A", "example. ANY +tcp",
		"elsewhere. A +edns", "ns.example. A +edns=3", "version.bind. TXT CH", "example. NS +nsid", "example. AXFR +tcp",
	}
	old := NewWorker(Policy{Identity: Identity{NSID: "x", Version: "y"}})
	for _, a := range queries {
		for _, b := range queries {
			dig(t, old, cat, a)
			q := parseQuery(t, b)
			wire := pack(t, q.msg)
			got, _ := old.Answer(cat, wire, &Source{Via: q.via}, make([]byte, 65535))
			want, _ := NewWorker(old.policy).Answer(cat, wire, &Source{Via: q.via}, make([]byte, 65535))
			if !bytes.Equal(got, want) {
				t.Errorf("%s after %s: got %x, want %x", b, a, got, want)
			}
		}
	}
}
