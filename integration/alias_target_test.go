package integration

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// The targets of ALIAS records are served by a Knot, and asked for through an Unbound, which can both die.

const aliasTarget = "target.test."

// targetServer is a Knot with the zone of targets.
type targetServer struct{ *peer }

// startTargetServer starts it with records; at an address, or, where that is empty, somewhere.
func startTargetServer(t testing.TB, at, records string) targetServer {
	t.Helper()
	return targetServer{knotPeer.start(t, peerSetup{
		at:    at,
		zones: []peerZone{{aliasTarget, "$TTL 1\n@ SOA ns h 1 3600 600 1209600 1\n@ NS ns\nns A 127.0.0.1\n" + records}},
		sections: `
acl:
  - id: anybody
    address: 127.0.0.1
    action: update
`,
		zone: "acl: anybody",
	})}
}

// set makes records, of one name and type each, what the server has.
func (s targetServer) set(records ...string) {
	s.t.Helper()
	m := new(dns.Msg).SetUpdate(aliasTarget)
	var all []dns.RR
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, rr)
	}
	m.RemoveRRset(all)
	m.Insert(all)
	r, err := exchange(s.addr, "tcp", m)
	if err != nil || r.Rcode != dns.RcodeSuccess {
		s.t.Fatalf("update of %s: %v %v", aliasTarget, err, r)
	}
}

// startResolver starts an Unbound that has the zone of targets from their server; at an address, or, where that is empty, somewhere.
func startResolver(t testing.TB, at string, target targetServer) *peer {
	t.Helper()
	return unboundPeer.start(t, peerSetup{
		at:    at,
		zones: []peerZone{{origin: aliasTarget}},
		server: `
			module-config: "iterator"
			infra-host-ttl: 1`,
		zone: "stub-addr: " + unboundAddr(t, target.addr),
	})
}

// stubResolver answers every question for A with the addresses, and every other with nothing, until it is stopped.
func stubResolver(t testing.TB, addresses ...string) (addr string, stop func()) {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	up := make(chan struct{})
	server := &dns.Server{PacketConn: socket, NotifyStartedFunc: func() { close(up) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.RecursionAvailable = true
		if q.Question[0].Qtype == dns.TypeA {
			for _, ip := range addresses {
				m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 3600}, A: net.ParseIP(ip)})
			}
		}
		_ = w.WriteMsg(m) // who asked asks again
	})}
	go func() { _ = server.ActivateAndServe() }() // ends with Shutdown
	<-up
	stop = sync.OnceFunc(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return socket.LocalAddr().String(), stop
}

// addressesAt returns what a server answers for A and AAAA, in a line; else its RCODE.
func addressesAt(t testing.TB, addr, name string) string {
	t.Helper()
	var out []string
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		r := dig(t, addr, name, qtype)
		if r.Rcode != dns.RcodeSuccess {
			out = append(out, dns.RcodeToString[r.Rcode])
			continue
		}
		for _, rr := range r.Answer {
			if rr.Header().Rrtype == 65401 {
				t.Errorf("%s answers an ALIAS record: %v", addr, rr)
			}
		}
		out = append(out, values(r.Answer, name, qtype)...)
	}
	return strings.Join(out, " ")
}

// eventuallyAddresses waits until a server has these.
func eventuallyAddresses(t testing.TB, addr, name, want string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s has %s at %s", name, want, addr), func() (bool, string) {
		got := addressesAt(t, addr, name)
		return got == want, "it has " + got
	})
}

// aliasReport is an ALIAS record in the status.
type aliasReport struct {
	Name, Target, Problem string
	Addresses, Unknown    []string
}

// aliases returns how it stands with the ALIAS records of a zone.
func (n *node) aliases(zone string) []aliasReport {
	n.t.Helper()
	rep := decode[struct {
		Zones []struct {
			Zone    string
			Aliases []aliasReport
		}
	}](n.t, n.must("status", "--json"))
	for _, z := range rep.Zones {
		if z.Zone == zone {
			return z.Aliases
		}
	}
	return nil
}
