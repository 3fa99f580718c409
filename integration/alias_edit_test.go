package integration

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// A slip of the pen in an ALIAS, made while the server is down, takes no addresses away: not here, and not from what is asked next.
func TestALIASEditedWhileDown(t *testing.T) {
	t.Parallel()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: socket, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.RecursionAvailable = true
		switch name := strings.ToLower(q.Question[0].Name); {
		case name != "lb.target.test." && name != "cname.target.test.":
			m.Rcode = dns.RcodeNameError
		case q.Question[0].Qtype == dns.TypeA:
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 3600}, A: net.ParseIP("192.0.2.1")})
		}
		_ = w.WriteMsg(m) // who asked asks again
	})}
	up := make(chan struct{})
	server.NotifyStartedFunc = func() { close(up) }
	go func() { _ = server.ActivateAndServe() }() // ends with Shutdown
	<-up
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	n := newNode(t, fmt.Sprintf("resolvers: [%q]\n", socket.LocalAddr()))
	n.write("zones/alias.test.zone", aliasZone)
	n.start()
	eventuallyAddresses(t, n.addr, "alias.test.", "192.0.2.1")
	n.stop()
	n.write("zones/alias.test.zone", strings.Replace(aliasZone, "ALIAS lb.target.test.", "ALIAS lv.target.test.", 1))
	for range 2 { // nor does another start
		n.start()
		if got := addressesAt(t, n.addr, "alias.test."); got != "192.0.2.1" {
			t.Errorf("edited while the server was down, the ALIAS has %s", got)
		}
		const want = "lv.target.test.: 192.0.2.1, still the addresses of lb.target.test.: lv.target.test. has not been resolved: lv.target.test. does not exist (NXDOMAIN)"
		if got := n.must("status"); !strings.Contains(got, want) {
			t.Errorf("status does not say %q:\n%s", want, got)
		}
		n.stop()
	}
	n.write("zones/alias.test.zone", aliasZone)
	n.start()
	eventuallyAddresses(t, n.addr, "alias.test.", "192.0.2.1")
}
