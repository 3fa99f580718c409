package healthcheck

import (
	"crypto/x509"
	"net"
	"testing"
	"time"
)

// What people read.
func TestTexts(t *testing.T) {
	at := time.Date(2026, 11, 21, 14, 2, 11, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{Verdict{}.String(), "unknown"},
		{Verdict{State: Down, Since: at, Reason: "tcp 192.0.2.9:443: connection refused, 3 of 3", Pending: "answers again, 1 of 3"}.String(),
			"down since 14:02:11: tcp 192.0.2.9:443: connection refused, 3 of 3 (answers again, 1 of 3)"},
		{State(9).String(), "state 9"},
		{All.String() + " " + Failover.String() + " " + AllDownAll.String(), "all failover all"},
		{Floor{}.String() + " " + Floor{Count: 2}.String() + " " + Floor{Percent: 50}.String(), "1 2 50%"},
		{Decision{Name: name("www.example.com"), Type: 1, Outcome: "2 of 3 up"}.String(), "www.example.com. A: 2 of 3 up"},
		{subjects(&x509.Certificate{}), "no name"},
		{subjects(&x509.Certificate{DNSNames: []string{"a", "b", "c"}, IPAddresses: []net.IP{{192, 0, 2, 1}}}), "a, b, c and 1 more"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestTouches(t *testing.T) {
	o := NewOverlay(zoneOf(t, pair), []Rule{httpsRule("www.example.com")})
	if !o.Touches(o.Watches()[0].Key) || o.Touches("https 192.0.2.9:443 www.example.com") {
		t.Error("an overlay is touched by its watches, and by nothing else")
	}
}
