package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/integration/emulator/cloudflare"
	"github.com/mangrove-dns/mangrove/integration/emulator/route53"
	"github.com/mangrove-dns/mangrove/providers"
)

// kill ends the daemon as the power does. What it wrote is of no interest any more.
func (n *node) kill() {
	n.t.Helper()
	n.daemon.kill()
	n.daemon.silent = true
}

// storm is what goes on around a daemon that is killed again and again: edits, targets that die and return, providers that
// fail. It is the plain model of what the zone is to be.
type storm struct {
	*pair
	rand *rand.Rand

	edit  int  // number of the edit that is in the file
	extra bool // whether the file has a fourth address for www
	alive [4]bool

	conn atomic.Pointer[dns.Conn] // to the daemon while it lives
	life time.Duration            // how long it lives at most
}

var stormIPs = [4]string{at11, at12, at13, at14}

func newStorm(t *testing.T, seed uint64) *storm {
	t.Helper()
	s := &storm{pair: newPair(t, "edits: auto\n"), rand: rand.New(rand.NewPCG(seed, 0)), alive: [4]bool{true, true, true, true}}
	config, err := os.ReadFile(s.path("mangrove.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("mangrove.yaml", strings.Replace(string(config), "providers:\n", "providers:\n  file: {type: zonefile, directory: mirror}\n", 1))
	s.write("zones/example.com.yaml", "providers: [cf, aws, file]\nedits: auto\nhealth: {www: web}\n")
	s.write("zones/example.com.zone", s.text())
	return s
}

// text is the zone file. Names beside those that change keep it large enough for no guard to take an edit for a mistake.
func (s *storm) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "$TTL 60\n@ IN SOA ns1 hostmaster %d 3600 600 1209600 60\n@ IN NS ns1\nns1 IN A 192.0.2.53\n", 100+s.edit)
	fmt.Fprintf(&b, "seq IN TXT \"%d\"\n", s.edit)
	for i, ip := range stormIPs {
		if i < 3 || s.extra {
			fmt.Fprintf(&b, "www IN A %s\n", ip)
		}
	}
	for i := range 40 {
		fmt.Fprintf(&b, "host%d IN A 192.0.2.%d\n", i, i+1)
	}
	return b.String()
}

// www is what is to be answered for www: what the file says, less the dead; all of it where all are dead.
func (s *storm) www() []string {
	var all, up []string
	for i, ip := range stormIPs {
		if i < 3 || s.extra {
			all = append(all, ip)
			if s.alive[i] {
				up = append(up, ip)
			}
		}
	}
	if len(up) == 0 {
		return all
	}
	return up
}

// step does one thing that a daemon has to cope with.
func (s *storm) step() {
	switch i := s.rand.IntN(4); s.rand.IntN(8) {
	case 0, 1, 2:
		s.edit++
		s.extra = s.rand.IntN(3) == 0
		s.write("zones/example.com.zone", s.text())
	case 3, 4, 5:
		if s.alive[i] = !s.alive[i]; s.alive[i] {
			s.targets[i].revive()
		} else {
			s.targets[i].kill()
		}
	case 6:
		s.cf.Inject(cloudflare.Fault{Kind: cloudflare.FaultKind(s.rand.IntN(7)), RetryAfter: time.Second})
	case 7:
		effects := []route53.Effect{route53.Throttle, route53.InternalError, route53.Reset, route53.ApplyThenError, route53.ApplyThenReset}
		s.aws.Fail("ChangeResourceRecordSets", 1, effects[s.rand.IntN(len(effects))])
	}
}

// start starts the daemon, and has the witness ask it.
func (s *storm) start() {
	s.t.Helper()
	begin := time.Now()
	s.node.start()
	conn, err := dns.Dial("udp", s.node.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	conn.UDPSize = 1232
	s.conn.Store(conn)
	s.life = max(1200*time.Millisecond, 2*time.Since(begin)) // where everything takes longer, it lives longer
}

// die lets the daemon live for a random time, in which things happen, and kills it. An edit is taken up once the file has
// rested, so most lives are long enough for that, and some are not.
func (s *storm) die() {
	end := time.After(time.Duration(s.rand.Float64() * float64(s.life)))
	for {
		select {
		case <-end:
			s.hangUp()
			s.kill()
			return
		case <-time.After(time.Duration(s.rand.IntN(300)) * time.Millisecond):
			s.step()
		}
	}
}

// hangUp ends what the witness asks: of a daemon that is killed, no answer comes any more.
func (s *storm) hangUp() {
	s.conn.Swap(nil).Close()
}

// killPush kills a push that runs by itself, without a daemon.
func (s *storm) killPush() {
	s.t.Helper()
	push := startProcess(s.t, "mangrove push", s.env, binary(s.t), "push", "--config", s.path("mangrove.yaml"))
	select {
	case <-time.After(time.Duration(s.rand.IntN(300)) * time.Millisecond):
		push.signal(syscall.SIGKILL)
	case <-push.done:
	}
	<-push.done
	push.silent = true
}

// checkStore runs the check that people run.
func (s *storm) checkStore() {
	s.t.Helper()
	if r := s.run("store", "check"); r.code != 0 || r.stdout != "OK\n" {
		s.t.Fatalf("store check after the crash: %s", r)
	}
}

// calm ends what providers do wrong, but for one thing that the daemon meets at its next call. Faults that came faster than it
// calls would have it wait longer and longer between its tries: how many are left depends on the machine.
func (s *storm) calm() {
	s.cf.ClearFaults()
	s.aws.ClearFaults()
	s.cf.Inject(cloudflare.Fault{Kind: cloudflare.ServerError})
}

// settled waits until everything is as the model says: own answers and all mirrors.
func (s *storm) settled(t *testing.T) {
	t.Helper()
	want, seq := s.www(), strconv.Quote(strconv.Itoa(s.edit))
	name := "seq." + mirrorZone
	for _, side := range s.sides() {
		answer(t, side.name, side.addr, "www", want...)
		eventually(t, side.name+" answers edit "+seq, func() (bool, string) {
			got := values(dig(t, side.addr, name, dns.TypeTXT).Answer, name, dns.TypeTXT)
			return slices.Equal(got, []string{seq}), fmt.Sprint(got)
		})
	}
	for _, provider := range []string{"cf", "aws", "file"} {
		s.phase(t, provider, providers.InSync)
	}
	file := readRecords(t, mirrorZone, s.path("mirror/example.com.zone"))
	www := rrset{"www." + mirrorZone, "A"}
	if got := values(file[www], www.name, dns.TypeA); !slices.Equal(got, want) {
		t.Errorf("the mirror file has %v for www, want %v", got, want)
	}
	if got := file.text(rrset{name, "TXT"}); got != "60 "+seq {
		t.Errorf("the mirror file has %s for seq, want %s", got, seq)
	}
	parseRecords(t, mirrorZone, s.text()).compareAnswers(t, "own", s.node.addr, mirrorZone, nil, func(k rrset) bool { return k == www || k.rrtype == "SOA" })
	if r := s.run("plan", "--exit-code"); r.code != 0 {
		t.Errorf("a plan is not empty: %s", r)
	}
}

// mirrorSerial returns the serial in the mirror file, which never goes back either.
func (s *storm) mirrorSerial(t *testing.T, last uint32) uint32 {
	t.Helper()
	if _, err := os.Stat(s.path("mirror/example.com.zone")); err != nil {
		return last // not written yet
	}
	soa := readRecords(t, mirrorZone, s.path("mirror/example.com.zone"))[rrset{mirrorZone, "SOA"}]
	if len(soa) != 1 {
		t.Fatalf("the mirror file has SOA %v", soa)
	}
	now := soa[0].(*dns.SOA).Serial
	if last != 0 && newer(last, now) {
		t.Errorf("the mirror file has serial %d after %d", now, last)
	}
	return now
}

func TestCrash(t *testing.T) {
	t.Parallel()
	seed := envUint("MANGROVE_SEED", uint64(time.Now().UnixNano()))
	t.Logf("MANGROVE_SEED=%d", seed)
	crashes := soak(50, 500)
	if testing.Short() {
		crashes = 10
	}
	s := newStorm(t, seed)
	stop := s.watch(t)
	mirrors := []*recorder{record(t, s.cf.dns, "www"), record(t, s.aws.DNSAddr(), "www")}
	var last uint32
	for i := range crashes {
		if i%10 == 9 {
			s.killPush()
			s.checkStore()
		}
		if i%10 == 5 {
			s.calm()
		}
		s.start()
		if i%10 == 5 {
			s.settled(t)
		}
		s.die()
		s.checkStore()
		last = s.mirrorSerial(t, last)
		if t.Failed() {
			t.Fatalf("after crash %d", i+1)
		}
	}
	s.calm()
	s.start()
	s.settled(t)
	w := stop()
	s.hangUp()
	s.stop()
	s.checkStore()
	s.mirrorSerial(t, last)
	for _, m := range mirrors {
		m.stop()
		for i, seen := range m.seen {
			if seen == "" && i > 0 {
				t.Errorf("a mirror had no address for www between %q", m.seen[max(0, i-1):min(len(m.seen), i+2)])
			}
		}
	}
	t.Logf("%d crashes, %d edits, %d contents seen under %d serials, the last %d", crashes, s.edit, w.asked, len(w.known), w.last)
	if len(w.known) < crashes {
		t.Errorf("only %d serials were seen: the storm was too calm to test anything", len(w.known))
	}
}

// soak returns how often something random is done: few, or many where MANGROVE_SOAK is set.
func soak(few, many int) int {
	if os.Getenv("MANGROVE_SOAK") != "" {
		return many
	}
	return few
}
