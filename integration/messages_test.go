package integration

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// Messages rather than data (testdata/messages): header bits, opcodes, EDNS, what is malformed, and how TCP carries it. Each file
// is an RFC, numbered as its sections; all are put to the zones of testdata/messages/zones.txtar, at Mangrove and at other
// servers. A case is a message and, indented, the reply to it:
//
//	NAME [CLASS] TYPE [+FLAG...] [udp|tcp]   a query with flags much as dig has them (messages_query_test.go has them all),
//	                                         asked by UDP and TCP unless one of them is said
//	hex [udp|tcp] [COMMENT]                  a message octet by octet, in the lines that follow
//		> question|answer|authority|additional RECORD
//		                             a query has this in it as well, and counts it; a RECORD is text, or octets HEX
//		> octets HEX                 behind all sections; of hex, the next octets. HEX may have "text" for its octets
//		RCODE [FLAG...]              how the header of the reply is, flags by their dig names; those not said are not set, but
//		                             QR, and a flag with ? may be either
//		answer TYPE...|any           the types of the records in each section, which has none unless it is said
//		authority TYPE...
//		additional TYPE...           OPT aside
//		record RECORD                and this is one of the answer section
//		question none|same|any       of a query: same, if it has one; of hex: none, unless said. Of errors of other servers
//		                             it is not looked at
//		noedns | edns [FLAG...]      an OPT record of version 0 or none; as the query has one, with its DO, unless said
//		option NAME[=HEX[*]]         an option in it; none of the others are there, EDE aside. *: and more octets
//		option any                   or as many of those with names as the server likes
//		ede CODE                     an extended error there is (not asked of other servers)
//		size N                       as many octets at most
//		tsig ERROR                   the TSIG record is unsigned, with this error
//		silence                      no reply: of UDP and TCP, the next query is answered first
//		closed                       no reply, and the connection is closed
//		except SERVER[/NET][,...] [RCODE|silence|closed|dropped|unasked]: WHY
//		                             a server that does otherwise, as it may, and what; it is an error where it does not.
//		                             dropped: silence by UDP, closed by TCP
//
// A connection is what is written to it and what comes back:
//
//	connection WHAT
//		> send QUERY [| QUERY...]    queries with their lengths in one write
//		> pieces N QUERY [| ...]     N octets a write
//		> octets HEX
//		> await N                    until so many replies are there, since the beginning
//		> shut                       nothing more is written
//		answers N                    so many replies in all, one for each query
//		open | closed                then the next query is answered, or the server closes
//
// Comments begin with #.

// messageZone is one of zones.txtar that all servers answer for.
const messageZone = "example.test."

func messageZones(t testing.TB) (zones []peerZone) {
	t.Helper()
	a, err := txtar.ParseFile("testdata/messages/zones.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Files {
		zones = append(zones, peerZone{strings.TrimSuffix(f.Name, "zone"), string(f.Data)})
	}
	return zones
}

// readMessages reads all the files of cases, by their names.
func readMessages(t testing.TB) map[string][]*messageCase {
	t.Helper()
	paths, err := filepath.Glob("testdata/messages/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]*messageCase)
	for _, path := range paths {
		if filepath.Base(path) == "zones.txtar" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		a := txtar.Parse(text)
		if len(a.Files) == 0 {
			t.Fatalf("%s has no cases", path)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		for _, f := range a.Files {
			before, _, _ := strings.Cut(string(text), "-- "+f.Name+" --\n")
			cases := parseMessages(t, filepath.Base(path), 1+strings.Count(before, "\n"), string(f.Data))
			if len(cases) == 0 {
				t.Fatalf("%s %s has no cases", path, f.Name)
			}
			files[name] = append(files[name], cases...)
		}
	}
	return files
}

func TestMessages(t *testing.T) {
	t.Parallel()
	zones, files := messageZones(t), readMessages(t)
	for _, server := range append([]string{"mangrove"}, comparedPeers...) {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			addr := startForMessages(t, server, zones)
			for _, name := range slices.Sorted(maps.Keys(files)) {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					for _, c := range files[name] {
						for _, network := range c.networks {
							if e, ok := c.except[server+"/"+network]; ok && e.unasked {
								continue
							}
							c.hold(t, server, addr, network)
						}
					}
				})
			}
		})
	}
}

// hold puts the message to a server and holds what it does to what it should.
func (c *messageCase) hold(t *testing.T, server, addr, network string) {
	t.Helper()
	want, where := c.want, fmt.Sprintf("%s: %s by %s", c.where, c.title, network)
	e, excepted := c.except[server+"/"+network]
	if excepted && e.want != nil {
		want = *e.want // what it does instead, of which the header's code is all that is said
	}
	if server == "nsd" && network == "tcp" && (want.rcode == "FORMERR" || want.rcode == "NOTIMP") {
		return // it closes behind such a reply, which at times is lost by that
	}
	diff := c.ask(addr, network, server, &want, excepted)
	switch {
	case !excepted && diff != "":
		t.Errorf("%s (-got +want):\n%s", where, diff)
	case excepted && e.want != nil && diff != "":
		t.Errorf("%s: %s does something else yet (-got +want):\n%s", where, server, diff)
	case excepted && e.want == nil && diff == "":
		t.Errorf("%s: %s agrees, though it is said: %s", where, server, e.why)
	}
}

// ask puts the message to a server and returns how that differs from want. codeOnly: the rest of a reply is not looked at.
func (c *messageCase) ask(addr, network, server string, want *messageWant, codeOnly bool) (diff string) {
	conn, err := net.Dial(network, addr)
	if err != nil {
		return err.Error()
	}
	m := messenger{conn: conn, tcp: network == "tcp", addr: addr}
	defer m.close()
	if c.steps != nil {
		return m.play(c.steps, want)
	}
	wire := withID(c.wire, 0x4d47)
	reply, what := m.put(wire, want.end)
	if what != want.end {
		return fmt.Sprintf("%v, want %v\n%x", what, want.end, reply)
	}
	if what != replied {
		return ""
	}
	return want.compare(wire, reply, server, codeOnly && want.codeOnly)
}
