package integration

import (
	"bytes"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// TestTLD serves a root zone, and a top-level domain with a million delegations: the answers are what its registry says, and what
// NSD and Knot say with the same files; an edit of one delegation is taken up; and a restart changes nothing.
//
// MANGROVE_SEED repeats the questions, MANGROVE_TLD_DELEGATIONS is how many there are.
func TestTLD(t *testing.T) {
	seed := envUint("MANGROVE_SEED", uint64(time.Now().UnixNano()))
	t.Logf("MANGROVE_SEED=%d", seed)
	g := &registry{origin: "tld.", count: int(envUint("MANGROVE_TLD_DELEGATIONS", uint64(soak(50_000, 1_000_000)))), serial: 1, edited: map[int]int{}}
	files := shortDir(t)
	g.file(t, zonePath(files, 0))
	writeFile(t, zonePath(files, 1), g.rootText())
	writeFile(t, zonePath(files, 2), sentinel.text)
	zones := []peerZone{{origin: g.origin}, {origin: "."}, {origin: sentinel.origin}}

	n := newNode(t, "")
	for i, z := range []string{"tld", "root", "sentinel.invalid"} {
		link(t, zonePath(files, i), n.path("zones/"+z+".zone"))
	}
	binary(t) // which takes its time when it is not built yet
	start := time.Now()
	n.start()
	n.daemon.silent = true
	started := time.Since(start)
	t.Logf("mangrove: %d delegations answered after %v, %d MB, %d MB of them anonymous", g.count, started.Round(time.Millisecond), n.resident()>>20, n.memory()>>20)

	g.holds(t, n.addr, rand.New(rand.NewPCG(seed, 1)), soak(2000, 20_000))
	questions := g.questions(t, rand.New(rand.NewPCG(seed, 2)), soak(10_000, 100_000))
	first := askAll(t, n.addr, questions)
	t.Run("peers", func(t *testing.T) {
		compareWithTwo(t, seed, n.addr, questions, files, zones)
	})
	t.Run("edit", func(t *testing.T) {
		i := g.count / 3
		was := g.delegation(i)
		g.edited[i], g.serial = 1, 2
		if cmp.Equal(was, g.delegation(i), cmp.AllowUnexported(delegation{})) {
			t.Fatal("the edit changes nothing")
		}
		g.file(t, n.path("zones/.aside~"))
		start := time.Now()
		if err := os.Rename(n.path("zones/.aside~"), n.path("zones/tld.zone")); err != nil {
			t.Fatal(err)
		}
		// The whole file is read at low priority, beside answers.
		eventuallyWithin(t, patience+4*started, "the edit is served", func() (bool, string) {
			diff := g.differs(t, n.addr, i)
			return diff == "", diff
		})
		t.Logf("served %v after it was written", time.Since(start).Round(time.Millisecond))
		g.holds(t, n.addr, rand.New(rand.NewPCG(seed, 3)), soak(2000, 20_000))
	})
	t.Run("restart", func(t *testing.T) {
		before := askAll(t, n.addr, questions)
		changed := 0
		for i := range first {
			if !bytes.Equal(first[i], before[i]) {
				changed++
			}
		}
		if changed == 0 || changed > len(first)/2 {
			t.Errorf("%d of %d answers are others after an edit of one delegation and of the serial", changed, len(first))
		}
		eventually(t, "what is served is kept", func() (bool, string) {
			z := n.zone(g.origin)
			return z.Durable, z.State
		})
		n.stop()
		start := time.Now()
		n.start()
		n.daemon.silent = true
		t.Logf("answered after %v, %d MB, %d MB of them anonymous", time.Since(start).Round(time.Millisecond), n.resident()>>20, n.memory()>>20)
		if mapped, known := n.maps(n.path("data/images/")); known && !mapped {
			t.Error("no image is mapped")
		}
		for i, got := range askAll(t, n.addr, questions) {
			if !bytes.Equal(got, before[i]) {
				t.Fatalf("question %x\n got %x\nwant %x", questions[i].wire, got, before[i])
			}
		}
		g.holds(t, n.addr, rand.New(rand.NewPCG(seed, 4)), soak(2000, 20_000))
	})
}

// TestSignedTLD is the same for a smaller zone that is signed with NSEC3 and opt-out, as large registries do it.
func TestSignedTLD(t *testing.T) {
	seed := envUint("MANGROVE_SEED", uint64(time.Now().UnixNano()))
	t.Logf("MANGROVE_SEED=%d", seed)
	s := newSigner(t)
	g := &registry{origin: "tld.", count: soak(4000, 20_000), serial: 1, edited: map[int]int{}, signed: true}
	var text strings.Builder
	if err := g.write(&text); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	tld := s.sign(t, shortDir(t), peerZone{g.origin, text.String()}, []string{"-3", "-", "-H", "0", "-A"})
	root := s.sign(t, shortDir(t), peerZone{".", g.rootText()}, []string{})
	t.Logf("signed in %v", time.Since(start).Round(time.Millisecond))
	zones := []peerZone{tld, root, sentinel}
	for _, z := range zones[:2] {
		if !strings.Contains(z.text, "RRSIG") {
			t.Fatalf("dnssec-signzone does not sign %s", z.origin)
		}
	}
	n := newNode(t, "")
	for i, z := range []string{"tld", "root", "sentinel.invalid"} {
		writeFile(t, n.path("zones/"+z+".zone"), zones[i].text)
	}
	n.start()
	n.daemon.silent = true
	g.holds(t, n.addr, rand.New(rand.NewPCG(seed, 1)), soak(2000, 20_000))
	questions := g.questions(t, rand.New(rand.NewPCG(seed, 2)), soak(10_000, 100_000))
	compareWithTwo(t, seed, n.addr, questions, writeZones(t, zones), zones)
}

// link gives a file a second name.
func link(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Link(from, to); err != nil {
		t.Fatal(err)
	}
}

func (g *registry) questions(t testing.TB, r *rand.Rand, count int) []question {
	t.Helper()
	questions := make([]question, count)
	for i := range questions {
		network := "udp"
		m := g.ask(r)
		// NSD and Knot answer ANY with one RRset over TCP, too, BIND and mangrove with all of them (RFC 8482 4.4).
		if r.IntN(5) == 0 && m.Question[0].Qtype != dns.TypeANY {
			network = "tcp"
		}
		questions[i] = newQuestion(t, m, network)
	}
	return questions
}

// holds asks below random delegations, and holds the referrals to what the registry has.
func (g *registry) holds(t *testing.T, addr string, r *rand.Rand, count int) {
	t.Helper()
	var numbers []int
	var asked []question
	for range count {
		i := r.IntN(g.count)
		numbers, asked = append(numbers, i), append(asked, g.referral(t, i))
	}
	for at, wire := range askAll(t, addr, asked) {
		if diff := g.referralDiff(numbers[at], wire); diff != "" {
			t.Fatalf("delegation %d (-want +got)\n%s", numbers[at], diff)
		}
	}
}

// differs asks below one delegation.
func (g *registry) differs(t testing.TB, addr string, i int) string {
	t.Helper()
	return g.referralDiff(i, askAll(t, addr, []question{g.referral(t, i)})[0])
}

func (g *registry) referral(t testing.TB, i int) question {
	t.Helper()
	return newQuestion(t, new(dns.Msg).SetQuestion("www."+g.name(i), dns.TypeA).SetEdns0(1232, true), "tcp")
}

// referralDiff compares a referral with a delegation: servers, DS, glue below the cut. Proofs are left out.
func (g *registry) referralDiff(i int, wire []byte) string {
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		return err.Error()
	}
	d := g.delegation(i)
	var want []string
	for _, ns := range d.ns {
		want = append(want, "NS "+ns)
	}
	for _, ds := range d.ds {
		if !g.signed {
			break // there is nothing that a DS leads on from
		}
		want = append(want, "DS "+strings.ToLower(ds))
	}
	for _, glue := range d.glue {
		want = append(want, "glue "+glue)
	}
	var got []string
	if m.Rcode != dns.RcodeSuccess || m.Authoritative || len(m.Answer) > 0 {
		got = append(got, m.String())
	}
	name := strings.ToLower(d.name)
	for _, rr := range m.Ns {
		data := strings.ToLower(strings.TrimPrefix(rr.String(), rr.Header().String()))
		if t := rr.Header().Rrtype; strings.EqualFold(rr.Header().Name, name) && (t == dns.TypeNS || t == dns.TypeDS) {
			got = append(got, dns.Type(t).String()+" "+data)
		}
	}
	for _, rr := range m.Extra {
		if owner := strings.ToLower(rr.Header().Name); dns.IsSubDomain(name, owner) && rr.Header().Rrtype != dns.TypeOPT {
			got = append(got, "glue "+owner+" "+dns.Type(rr.Header().Rrtype).String()+" "+strings.TrimPrefix(rr.String(), rr.Header().String()))
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	return cmp.Diff(want, got)
}

// compareWithTwo compares mangrove's answers with NSD's and Knot's, where these agree, which they do nearly always.
func compareWithTwo(t *testing.T, seed uint64, addr string, questions []question, files string, zones []peerZone) {
	peers := []string{"knot", "nsd"}
	apex := map[string]bool{}
	for _, z := range zones {
		apex[z.origin] = true
	}
	answers := map[string][][]byte{}
	for _, name := range append([]string{"mangrove"}, peers...) {
		to := addr
		if name != "mangrove" {
			start := time.Now()
			to = startLenient(t, name, files, zones)
			t.Logf("%s: answers after %v", name, time.Since(start).Round(time.Millisecond))
		}
		answers[name] = askAll(t, to, questions)
	}
	d := newDiffering(peers...)
	for i, q := range questions {
		c := comparison{question: q, apex: apex, sizes: map[string]int{}, verdicts: map[string]verdict{}, answers: map[string]*dns.Msg{}}
		for name := range answers {
			c.sizes[name] = len(answers[name][i])
			c.verdicts[name], c.answers[name] = judge(answers[name][i], apex)
		}
		d.compare(t, &c)
	}
	t.Logf("seed %d: %s", seed, d)
	for a := range aspects {
		if d.compared[a] < len(questions)/2 {
			t.Errorf("NSD and Knot agree in %s in %d of %d answers", aspectNames[a], d.compared[a], len(questions))
		}
	}
}
