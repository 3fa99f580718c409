package integration

import (
	"errors"
	"net"
	"strings"
	"testing"
)

// TestPeerDoesNotStart: what keeps a peer from answering is known as soon as the peer knows it.
func TestPeerDoesNotStart(t *testing.T) {
	good, bad := peerZone{"good.test.", apex(1)}, peerZone{"bad.test.", apex(1) + "www IN A 192.0.2.\n"}
	for _, name := range comparedPeers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			try := func(s peerSetup, addr string) error {
				t.Helper()
				p, err := peerKinds[name].try(t, s, shortDir(t), addr)
				p.silent = true
				if err == nil {
					t.Errorf("it starts:\n%s", p.log)
				}
				return err
			}
			if err := try(peerSetup{zones: []peerZone{good, bad}}, freePort(t)); err != nil && !strings.Contains(err.Error(), "bad.test") {
				t.Errorf("with a zone that it refuses: %v", err)
			}
			if err := try(peerSetup{zones: []peerZone{good}, server: "nonsense: yes;"}, freePort(t)); err != nil && !strings.Contains(err.Error(), "ended") {
				t.Errorf("with a bad configuration: %v", err)
			}
			taken, err := net.ListenPacket("udp", freePort(t))
			if err != nil {
				t.Fatal(err)
			}
			defer taken.Close()
			if err := try(peerSetup{zones: []peerZone{good}}, taken.LocalAddr().String()); err != nil && !errors.Is(err, errPortTaken) {
				t.Errorf("at a port that is taken: %v", err)
			}
		})
	}
}
