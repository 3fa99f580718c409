package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestDifferential asks mangrove, Knot, NSD and BIND the same random questions about the same random zones. Where the three
// agree, mangrove has to, but for what docs/rfc.md lists under Differences.
//
// MANGROVE_DIFFERENTIAL_SEED repeats a run, MANGROVE_DIFFERENTIAL_QUESTIONS is how many questions there are.
func TestDifferential(t *testing.T) {
	seed := envUint("MANGROVE_DIFFERENTIAL_SEED", uint64(time.Now().UnixNano()))
	questions := int(envUint("MANGROVE_DIFFERENTIAL_QUESTIONS", uint64(soak(10_000, 300_000))))
	perRound := min(questions, 50_000)
	rounds := (questions + perRound - 1) / perRound
	d := newDiffering(comparedPeers...)
	for i := range rounds {
		rnd := rand.New(rand.NewPCG(seed, uint64(i)))
		d.round(t, rnd, perRound, i)
		if t.Failed() && i+1 < rounds {
			t.Logf("%d rounds are left out", rounds-i-1)
			break
		}
	}
	t.Logf("seed %d: %s", seed, d)
}

// envUint is a number from the environment.
func envUint(name string, unset uint64) uint64 {
	n, err := strconv.ParseUint(os.Getenv(name), 10, 64)
	if err != nil {
		return unset
	}
	return n
}

// differing counts what was compared, and collects differences.
type differing struct {
	peers            []string // that are to agree
	questions, alike int
	signed           int // zones
	unsigned         int // rounds that NSD does not survive with signed zones
	compared         [aspects]int
	alone            [aspects]int // where the peers differ, and mangrove from all of them
	excused          map[string]int
	found            map[string]int // kinds of differences that were reported
}

// newDiffering compares with some of the peers.
func newDiffering(peers ...string) *differing {
	return &differing{peers: peers, excused: map[string]int{}, found: map[string]int{}}
}

func (d *differing) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d signed zones (%d rounds without), %d questions, %d with the peers alike in all; alike in", d.signed, d.unsigned, d.questions, d.alike)
	for i, n := range d.compared {
		fmt.Fprintf(&b, " %s %d (else with nobody: %d),", aspectNames[i], n, d.alone[i])
	}
	fmt.Fprintf(&b, " excused: %v", d.excused)
	return b.String()
}

// round makes zones, starts everybody with them, asks and compares.
func (d *differing) round(t *testing.T, rnd *rand.Rand, questions, number int) {
	var realms []*realm
	all := []peerZone{sentinel}
	for i := range 150 {
		base := fmt.Sprintf("r%d.test.", i)
		if i == 0 && number%3 == 1 {
			base = "."
		}
		r := newRealm(rnd, base)
		realms = append(realms, r)
	}
	all = append(all, d.sign(t, realms)...)
	servers := startAll(t, all)
	ok := make(map[string]bool)
	for i, z := range all {
		var has []string
		for name, s := range servers {
			if s.served[i] {
				has = append(has, name)
			}
		}
		slices.Sort(has)
		ok[z.origin] = len(has) == len(servers)
		switch {
		case len(has) == 1 && has[0] == "mangrove":
			d.differs(t, "only mangrove serves a zone", func() string { return z.text })
		case len(has) == len(servers)-1 && !slices.Contains(has, "mangrove"):
			if !checkedByBIND(t, z) {
				continue // the server was told to be lenient
			}
			d.differs(t, "all but mangrove serve a zone", func() string {
				return z.text + "\n" + strings.Join(servers["mangrove"].problems[z.origin], "\n")
			})
		}
	}
	realms = slices.DeleteFunc(realms, func(r *realm) bool {
		return slices.ContainsFunc(r.zones, func(z peerZone) bool { return !ok[z.origin] })
	})
	if len(realms) < 75 { // of 150, of which a third has something that somebody refuses
		t.Errorf("only %d realms are served by all", len(realms))
	}
	apex := make(map[string]bool)
	for _, z := range all {
		apex[strings.ToLower(z.origin)] = true
	}
	asked := make([]question, questions)
	of := make([]*realm, questions)
	for i := range asked {
		of[i] = pick(rnd, realms)
		m, network := of[i].ask()
		asked[i] = newQuestion(t, m, network)
	}
	answers := make(map[string][][]byte)
	var mu sync.Mutex
	var wait sync.WaitGroup
	for name, s := range servers {
		wait.Go(func() {
			a := askAll(t, s.addr, asked)
			mu.Lock()
			defer mu.Unlock()
			answers[name] = a
		})
	}
	wait.Wait()
	for i, q := range asked {
		c := comparison{question: q, realm: of[i], apex: apex, sizes: map[string]int{}, verdicts: map[string]verdict{}, answers: map[string]*dns.Msg{}}
		for name := range servers {
			c.sizes[name] = len(answers[name][i])
			c.verdicts[name], c.answers[name] = judge(answers[name][i], apex)
		}
		d.compare(t, &c)
	}
}

// sign signs zones of realms and returns all zones. Where NSD does not live with a signed one, the realms stay as they are.
func (d *differing) sign(t *testing.T, realms []*realm) []peerZone {
	t.Helper()
	var plain, signed []peerZone
	for _, r := range realms {
		plain = append(plain, r.zones...)
		r.zones = slices.Clone(r.zones)
	}
	count := signRealms(t, realms)
	for _, r := range realms {
		signed = append(signed, r.zones...)
	}
	if with := append([]peerZone{sentinel}, signed...); nsdSurvives(t, writeZones(t, with), with) {
		d.signed += count
		return signed
	}
	d.unsigned++
	left := plain
	for _, r := range realms {
		r.zones, left = left[:len(r.zones)], left[len(r.zones):]
	}
	return plain
}

// checkedByBIND says whether named-checkzone accepts a zone, host names aside: named itself is told to be more lenient, so that
// answers from bad zones are compared as well.
func checkedByBIND(t *testing.T, z peerZone) bool {
	t.Helper()
	file := filepath.Join(t.TempDir(), "zone")
	writeFile(t, file, z.text)
	return exec.CommandContext(t.Context(), peerBinary(t, "named-checkzone"), "-q", "-k", "ignore", z.origin, file).Run() == nil
}

// runningServer is one of those that are compared.
type runningServer struct {
	addr     string
	served   []bool
	problems map[string][]string // of mangrove's zones
}

// startAll starts mangrove and its peers, with the same zones.
func startAll(t *testing.T, zones []peerZone) map[string]runningServer {
	t.Helper()
	servers := make(map[string]runningServer)
	files := writeZones(t, zones)
	for _, name := range comparedPeers {
		addr := startLenient(t, name, files, zones)
		servers[name] = runningServer{addr: addr, served: served(t, addr, zones)}
	}
	n := newNode(t, "")
	for _, z := range zones {
		n.writeZone(z)
	}
	n.start()
	n.daemon.silent = true
	s := runningServer{addr: n.addr, served: served(t, n.addr, zones), problems: map[string][]string{}}
	for _, z := range n.status().Zones {
		s.problems[z.Zone] = z.Problems
	}
	servers["mangrove"] = s
	return servers
}
