package integration

import (
	be "encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// RFC 8906, section 8, combined: every EDNS version, set of options, EDNS flag, kind of question, header bit, opcode and transport
// with every other. What the reply has to be follows from the query alone (matrixQuery.demand).

// matrixQuery is one combination.
type matrixQuery struct {
	question string
	opcode   int
	bits     string // of the header
	edns     bool
	version  int
	options  string
	flags    string // of EDNS
	network  string
}

var (
	// matrixQuestions are of a name that is there, of a type that it has not, of one that nobody knows, of a name that is not there, and of
	// a zone that comes signed.
	matrixQuestions = []string{"example.test. SOA", "example.test. A", "example.test. AAAA", "example.test. TYPE1000", "nowhere.example.test. A",
		"signed.test. SOA"}
	matrixBits     = []string{"", "+rd", "+ad", "+cd", "+z", "+ra", "+aa", "+tc", "+aa +tc +rd +ra +z +ad +cd"}
	matrixVersions = []int{0, 1, 255}
	matrixOptions  = []string{"", "+ednsopt=100", "+nsid", "+cookie", "+subnet=192.0.2.0/24", "+expire", "+keepalive", "+padding=20",
		"+ednsopt=65001:00ff +ednsopt=100:01 +ednsopt=100", "+cookie +nsid +expire +subnet=0.0.0.0/0 +keepalive +padding=8 +ednsopt=100:aabb"}
	matrixFlags = []string{"", "+do", "+ednsflags=0x40", "+do +ednsflags=0x7fff"}
)

// matrixOf returns all the combinations with one opcode.
func matrixOf(opcode int) (all []matrixQuery) {
	for _, question := range matrixQuestions {
		for _, bits := range matrixBits {
			for _, network := range []string{"udp", "tcp"} {
				q := matrixQuery{question: question, opcode: opcode, bits: bits, network: network}
				all = append(all, q)
				q.edns = true
				for _, q.version = range matrixVersions {
					for _, q.options = range matrixOptions {
						for _, q.flags = range matrixFlags {
							all = append(all, q)
						}
					}
				}
			}
		}
	}
	return all
}

func (q matrixQuery) String() string {
	s := fmt.Sprintf("%s +opcode=%d %s", q.question, q.opcode, q.bits)
	if q.edns {
		s += fmt.Sprintf(" +edns=%d %s %s", q.version, q.options, q.flags)
	}
	return strings.Join(strings.Fields(s), " ")
}

func (q matrixQuery) has(flag string) bool {
	return strings.Contains(q.bits+" "+q.options+" "+q.flags+" ", flag)
}

// demand says what the reply has to be.
func (q matrixQuery) demand() *messageWant {
	w := &messageWant{end: replied, rcode: "NOERROR", question: "same", edns: "none", options: []string{"any"}, size: 65535}
	if q.network == "udp" {
		w.size = 512
	}
	if q.edns {
		// RFC 6891 6.1.1: an OPT where there is one in the query. 6.1.3, 6.1.4: of our version, with no flag that has no meaning.
		// RFC 3225 3: DO is copied.
		w.edns = "edns"
		if q.has("+do") {
			w.edns = "edns do"
		}
		if q.network == "udp" {
			w.size = 1232
		}
	}
	// RFC 1035 4.1.1: RD is copied; RFC 4035 3.1.6: CD too. TC, RA, Z and AD are never set here.
	for _, bit := range []string{"rd", "cd"} {
		if q.has("+" + bit) {
			w.flags = append(w.flags, bit)
		}
	}
	switch {
	case q.edns && q.version != 0:
		// RFC 6891 6.1.3: "If a responder does not implement the VERSION level of the request, then it MUST respond with RCODE=BADVERS",
		// of whatever opcode the request is.
		w.rcode = "BADVERS"
		return w
	case q.opcode != dns.OpcodeQuery:
		// RFC 8906 3.1.4, 8.1.4. What else may be wrong with a message, nobody can know of an opcode that he does not.
		w.rcode = "NOTIMP"
		return w
	}
	w.flags = append([]string{"aa"}, w.flags...)
	// RFC 8906 3.1.2: a type that nobody knows is one without data.
	switch name, qtype, _ := strings.Cut(q.question, " "); {
	case name == "nowhere.example.test.":
		w.rcode, w.authority = "NXDOMAIN", []string{"SOA"}
	case qtype == "AAAA" || qtype == "TYPE1000":
		w.authority = []string{"SOA"}
	case name == "signed.test." && q.edns && q.has("+do"):
		w.answer = []string{"RRSIG", qtype}
	default:
		w.answer = []string{qtype}
	}
	return w
}

// checkOptions holds the options of a reply to those of the query.
func (q matrixQuery) checkOptions(reply []byte) error {
	r, err := parseReply(reply)
	if err != nil {
		return err
	}
	for _, o := range r.options {
		name := strings.ToLower(o.name([]string{"NSID", "SUBNET", "EXPIRE", "COOKIE", "KEEPALIVE", "PADDING", "EDE"}))
		switch {
		case name == "ede":
		case !q.has("+" + name):
			return fmt.Errorf("the reply has %s, which the query has not", name)
		case name == "keepalive" && q.network == "udp":
			return fmt.Errorf("keepalive by UDP (RFC 7828 3.3.2)")
		case name == "cookie" && (len(o.data) < 16 || len(o.data) > 40 || string(o.data[:8]) != "\x01\x02\x03\x04\x05\x06\x07\x08"):
			return fmt.Errorf("the cookie %x is no answer to the query's (RFC 7873 5.2.3)", o.data)
		case name == "expire" && len(o.data) != 4 && len(o.data) != 0:
			return fmt.Errorf("EXPIRE of %d octets (RFC 7314 2)", len(o.data))
		}
	}
	return nil
}

// matrixExcuses make of a demand what another server does, each where it may.
var matrixExcuses = map[string]func(q matrixQuery, w *messageWant){
	"mangrove": func(matrixQuery, *messageWant) {},
	"knot": func(q matrixQuery, w *messageWant) {
		w.optional("cd")
	},
	"nsd": func(q matrixQuery, w *messageWant) {
		w.optional("cd")
		switch w.rcode { // both are sent with the flags of the query
		case "NOTIMP":
			w.edns, w.flags = "none", anyFlags()
		case "BADVERS":
			w.edns, w.flags = "edns", anyFlags()
		}
	},
	"bind": func(q matrixQuery, w *messageWant) {
		if q.opcode != dns.OpcodeQuery {
			w.optional("rd")
			w.optional("cd")
		}
	},
}

func anyFlags() (flags []string) {
	for _, f := range headerFlags {
		flags = append(flags, f+"?")
	}
	return flags
}

// optional lets a flag be there or not.
func (w *messageWant) optional(flag string) {
	for i, f := range w.flags {
		if f == flag {
			w.flags[i] += "?"
		}
	}
}

// matrixExcused says that a server is not held to what is demanded of q, as others may do otherwise.
func matrixExcused(server string, q matrixQuery) bool {
	switch {
	case server == "mangrove":
		return false
	case q.opcode == dns.OpcodeNotify || q.opcode == dns.OpcodeUpdate:
		return true // they know these
	case server == "nsd" && q.opcode != dns.OpcodeQuery && q.edns && q.version != 0:
		return true // two things are wrong, and it tells the other
	case server == "knot" && q.has("+cookie"):
		return true // BADCOOKIE, by UDP
	case server == "nsd" && q.opcode != dns.OpcodeQuery && q.network == "tcp":
		return true // closes behind its reply
	}
	return false
}

// TestRFC8906 holds Mangrove to all of it with the opcode QUERY, and to some of every other; other servers to fewer.
func TestRFC8906(t *testing.T) {
	t.Parallel()
	seed := envUint("MANGROVE_SEED", uint64(time.Now().UnixNano()))
	t.Logf("MANGROVE_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 8906))
	zones := messageZones(t)
	for _, server := range append([]string{"mangrove"}, comparedPeers...) {
		queries := matrixOf(dns.OpcodeQuery)
		if server != "mangrove" {
			queries = some(r, queries, soak(2500, len(queries)))
		}
		for opcode := 1; opcode < 16; opcode++ {
			all := matrixOf(opcode)
			queries = append(queries, some(r, all, soak(150, len(all)))...)
		}
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			addr := startForMessages(t, server, zones)
			holdMatrix(t, server, addr, queries)
			if server == "mangrove" {
				ignoresReplies(t, addr, queries[:40])
			}
		})
	}
}

// some returns n of all.
func some(r *rand.Rand, all []matrixQuery, n int) (out []matrixQuery) {
	for _, i := range r.Perm(len(all))[:n] {
		out = append(out, all[i])
	}
	return out
}

func (q matrixQuery) wire(t testing.TB) []byte {
	t.Helper()
	m, err := parseMessageQuery(strings.Fields(q.String()))
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	wire, err := m.pack()
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	return wire
}

func holdMatrix(t *testing.T, server, addr string, queries []matrixQuery) {
	t.Helper()
	var asked []question
	var of []matrixQuery
	for _, q := range queries {
		if !matrixExcused(server, q) {
			asked, of = append(asked, question{q.wire(t), q.network}), append(of, q)
		}
	}
	wrong := 0
	for i, reply := range askAll(t, addr, asked) {
		q := of[i]
		want := q.demand()
		matrixExcuses[server](q, want)
		diff := "no reply"
		if reply != nil {
			diff = want.compare(asked[i].wire, reply, server, false)
			if err := q.checkOptions(reply); diff == "" && err != nil {
				diff = err.Error()
			}
		}
		if diff != "" {
			if wrong++; wrong <= 10 {
				t.Errorf("%s by %s (-got +want):\n%s", q, q.network, diff)
			}
		}
	}
	t.Logf("%d of %d queries asked, %d wrong", len(asked), len(queries), wrong)
	if len(asked) < len(queries)/2 {
		t.Errorf("only %d of %d queries are asked", len(asked), len(queries))
	}
}

// ignoresReplies sends queries with QR set: they are no queries, and have no reply.
func ignoresReplies(t *testing.T, addr string, queries []matrixQuery) {
	t.Helper()
	conn, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, q := range queries {
		wire := withID(q.wire(t), 0x5152)
		be.BigEndian.PutUint16(wire[2:], be.BigEndian.Uint16(wire[2:])|0x8000)
		if _, err := conn.Write(wire); err != nil {
			t.Fatal(err)
		}
	}
	m := messenger{conn: conn, addr: addr}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if reply, what := m.put(probeWire, open); what == open {
			return
		} else if what == "a reply with another ID" {
			t.Fatalf("a reply to a reply: %x", reply)
		}
	}
	t.Fatal("no answer to the query behind them")
}
