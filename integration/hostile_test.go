package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// What comes from anybody: packets that no resolver sends, over UDP and TCP, and clients that misuse TCP. Whatever comes, the
// server answers what can be answered and nothing else, good questions get their answers, and afterwards it is as it was before.

// hostile is a daemon under such traffic.
type hostile struct {
	*node
	t    *testing.T
	seed uint64

	packets, replies, probes, connections atomic.Int64
	codes                                 [32]atomic.Int64
}

// newHostile starts a daemon with an unsigned zone, and two that are signed where there is something to sign them with.
func newHostile(t *testing.T) *hostile {
	t.Helper()
	text, err := os.ReadFile("testdata/mirror/example.com.zone")
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{t: t, seed: envUint("MANGROVE_SEED", uint64(time.Now().UnixNano()))}
	t.Logf("MANGROVE_SEED=%d", h.seed)
	h.node = newNode(t, "server: {tcp_per_client: 2000, nsid: hostile}\n")
	h.write("zones/example.com.zone", string(text))
	for origin, how := range hostileSigned {
		z := peerZone{origin, hostileZone}
		if _, installed := findPeer("dnssec-signzone"); installed || peersRequired() {
			z = newSigner(t).sign(t, shortDir(t), z, how)
		}
		h.writeZone(z)
	}
	h.start()
	return h
}

// hostileSigned are the zones that are signed.
var hostileSigned = map[string][]string{"nsec.test.": {}, "nsec3.test.": {"-3", "aabb", "-H", "3", "-A"}}

const hostileZone = `$TTL 300
@ SOA ns host 1 3600 900 604800 300
@ NS ns
ns A 192.0.2.53
www A 192.0.2.1
*.wild A 192.0.2.2
*.wild TXT "wild"
deep.er.and.deep.er A 192.0.2.3
inside CNAME www
cname CNAME www.example.com.
dname DNAME deep.er
sub NS ns.sub
ns.sub A 192.0.2.4
big TXT "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big TXT "1123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big TXT "2123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big TXT "3123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big TXT "4123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
`

// origins are the zones that packets are about.
func (h *hostile) origins() []string { return []string{mirrorZone, "nsec.test.", "nsec3.test."} }

// note counts a reply, and reports one that is not right.
func (h *hostile) note(sent, got []byte, udp bool) {
	h.replies.Add(1)
	if len(got) >= 12 {
		h.codes[got[3]&15].Add(1)
	}
	if fault := replyFault(sent, got, udp); fault != "" {
		h.t.Errorf("%s: %x -> %x", fault, sent, got)
	}
}

// TestHostileInput has a million packets, half of them over each transport, misuse by clients of TCP beside them.
func TestHostileInput(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	total := int(envUint("MANGROVE_HOSTILE_PACKETS", uint64(soak(30_000, 1_000_000))))
	if !raceEnabled {
		t.Log("neither this test nor the daemon is under the race detector")
	}
	h.storm(0, total/10) // what it needs once, it has then
	h.abuseTCP()
	before, files := h.memory(), h.files()
	h.ask(t, "before")
	h.storm(1, total-total/10)
	h.abuseTCP()
	h.ask(t, "after")
	if n := h.packets.Load(); n != int64(total) {
		t.Errorf("%d packets, want %d", n, total)
	}
	if h.files() >= 0 {
		eventually(t, "all connections are gone", func() (bool, string) {
			n := h.files()
			return n <= files, fmt.Sprintf("%d files are open, %d were before", n, files)
		})
	}
	after := h.memory()
	// Under the race detector, memory once used is not given back, and each octet has several of its own.
	if after > before+96<<20 {
		t.Errorf("%d MB of memory, %d MB before", after>>20, before>>20)
	}
	if log := h.daemon.log.String(); strings.Contains(log, "panic") {
		t.Errorf("the log tells of a panic:\n%s", log)
	}
	var codes []string
	for i := range h.codes {
		if n := h.codes[i].Load(); n > 0 {
			codes = append(codes, fmt.Sprintf("%s %d", dns.RcodeToString[i], n))
		}
	}
	t.Logf("%d packets, %d replies (%s), %d connections, %d good questions between; memory %d MB, then %d MB", h.packets.Load(), h.replies.Load(),
		strings.Join(codes, ", "), h.connections.Load(), h.probes.Load(), before>>20, after>>20)
	for _, code := range []int{dns.RcodeSuccess, dns.RcodeNameError, dns.RcodeFormatError, dns.RcodeNotImplemented, dns.RcodeRefused} {
		if h.codes[code].Load() == 0 {
			t.Errorf("not one reply with %s: the packets test too little", dns.RcodeToString[code])
		}
	}
	h.stop()
}

// storm sends packets over both transports at a time.
func (h *hostile) storm(part, packets int) {
	h.t.Helper()
	const each = 2
	var wait sync.WaitGroup
	for i := range 2 * each {
		r := rand.New(rand.NewPCG(h.seed, uint64(part*100+i)))
		m := newMangler(h.t, r, h.origins()...)
		n := packets / (2 * each)
		if i == 0 {
			n += packets % (2 * each)
		}
		wait.Go(func() {
			if i < each {
				h.overUDP(m, n)
			} else {
				h.overTCP(m, n)
			}
		})
	}
	wait.Wait()
	if h.daemon.ended() {
		h.t.Fatalf("mangrove serve has ended: %v", h.daemon.err)
	}
	if h.t.Failed() {
		h.t.FailNow()
	}
}

// ask asks good questions as fast as it can, and says how fast that was.
func (h *hostile) ask(t *testing.T, when string) {
	t.Helper()
	questions := make([]question, soak(20_000, 100_000))
	for i := range questions {
		questions[i] = question{goodWire(t, i, 0), "udp"}
		if i%4 == 3 {
			questions[i].network = "tcp"
		}
	}
	start := time.Now()
	answers := askAll(t, h.addr, questions)
	took := time.Since(start)
	for i, a := range answers {
		if a == nil {
			t.Fatalf("%s: question %d is not answered", when, i)
		}
		if fault := goodFault(i, a); fault != "" {
			t.Fatalf("%s: %s", when, fault)
		}
	}
	t.Logf("%s: %d good questions answered in %v, %.0f a second", when, len(questions), took.Round(time.Millisecond), float64(len(questions))/took.Seconds())
}
