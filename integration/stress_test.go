package integration

import (
	"bytes"
	"context"
	octets "encoding/binary"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/resolver"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/image"
	"github.com/mangrove-dns/mangrove/zones/live"
	"github.com/mangrove-dns/mangrove/zones/store"
)

// TestStress changes zones in every way that there is (loaded whole, mapped from an image and moved into memory, flipped,
// compacted, taken out and put in again) while clients ask over UDP and TCP as fast as they can, and checks each answer to the octet.
//
// The content of a zone is a function of its version's number: what a name holds, which names exist, whether a delegation is
// there, whether the zone is. So each answer says of which version it is. It must be one that was served while the question
// was on its way: not older than the last that was published before it was sent, not newer than the last whose publication
// had begun when its answer was there. All records of an answer must be of the same version, and a client never sees a zone
// go back. No clock is involved.
//
// What is done is determined by the seed; when, by the scheduler.
func TestStress(t *testing.T) {
	seed := *stressSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	versions := soak(150, 10000)
	if raceEnabled {
		versions = soak(60, 5000)
	}
	t.Logf("seed %d: go test ./integration -run TestStress -stress.seed %[1]d", seed)

	s := startStress(t, seed)
	s.round(10)
	goroutines, before := runtime.NumGoroutine(), liveHeap()
	s.round(versions)
	if after := liveHeap(); after > before+before/2+4<<20 {
		t.Errorf("%d kB are in use at the end, %d kB were after the first versions", after>>10, before>>10)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines at the end, %d after the first versions", n, goroutines)
	}
	st := s.server.Stats()
	if st.UDP.Panics+st.TCP.Panics > 0 {
		t.Errorf("panics: %d over UDP, %d over TCP", st.UDP.Panics, st.TCP.Panics)
	}
	if s.mapped.Load() == 0 || s.moved.Load() == 0 {
		t.Errorf("%d zones were mapped, %d of them moved into memory: too few to test anything", s.mapped.Load(), s.moved.Load())
	}
	t.Logf("%d versions of %d zones, %d times from an image, %d answers over UDP and %d over TCP", versions, len(s.zones), s.mapped.Load(), st.UDP.Queries, st.TCP.Queries)
}

var stressSeed = flag.Uint64("stress.seed", 0, "seed of TestStress; 0: another one each time")

// liveHeap is how much is in use when nothing is going on.
func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers and pools held on to
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// ---- the model: what a version of a zone holds

// stressZone is a zone and which of its versions may be answered: those from done to begun.
type stressZone struct {
	number int
	origin zones.Name
	fill   int // further names, which no version changes
	churn  int // further names, which every version replaces
	begun  atomic.Uint32
	done   atomic.Uint32
	image  *zones.Zone // what is served, or was changed to what is served, where that lies in a mapped file

	mu      sync.Mutex
	serials map[uint32]uint32 // by version, as they were seen
}

// absent says whether a version is that the zone is not served.
func absent(v uint32) bool   { return v%7 == 6 }
func wildcard(v uint32) bool { return v%2 == 0 }
func gone(v uint32) bool     { return v%3 != 0 }
func delegated(v uint32) bool {
	return v%5 != 4
}

// a is an address that says which version it is of.
func a(k int, v uint32) string {
	return fmt.Sprintf("A %d.%d.%d.%d", 10+k, v>>16&255, v>>8&255, v&255)
}

// soa is the record that bears the version of negative answers; its serial is the publisher's.
func (z *stressZone) soa(v uint32) string {
	return fmt.Sprintf("SOA ns.%s host.%[1]s 0 %d 7200 1209600 60", z.origin, v)
}

// records returns what version v holds at the names that versions change, as "name data".
func (z *stressZone) records(v uint32) []string {
	rs := []string{
		"@ " + z.soa(v), fmt.Sprintf("txt TXT %d", v), "mail " + a(1, v),
		fmt.Sprintf("mx MX %d mail.%s", v&0x7fff, z.origin),
		fmt.Sprintf("alias CNAME real%d.%s", v, z.origin), fmt.Sprintf("real%d %s", v, a(2, v)),
		fmt.Sprintf("deep.w TXT %d", v),
	}
	for k := range 8 {
		rs = append(rs, "many "+a(10+k, v))
	}
	if wildcard(v) {
		rs = append(rs, "*.w "+a(3, v))
	}
	if !gone(v) {
		rs = append(rs, "gone "+a(4, v))
	}
	if delegated(v) {
		rs = append(rs, fmt.Sprintf("sub NS ns%d.sub.%s", v, z.origin), fmt.Sprintf("ns%d.sub %s", v, a(5, v)))
	} else {
		rs = append(rs, "www.sub "+a(6, v))
	}
	for k := range z.churn {
		rs = append(rs, fmt.Sprintf("churn%d-%d %s", v, k, a(7, v)))
	}
	return rs
}

// stressQuestions are what clients ask, below the zone's origin.
var stressQuestions = []struct {
	name string
	typ  uint16
	want func(z *stressZone, v uint32) []string
}{
	{"@", dns.TypeSOA, func(z *stressZone, v uint32) []string { return []string{"NOERROR aa", "an @ " + z.soa(v)} }},
	{"txt", dns.TypeTXT, func(_ *stressZone, v uint32) []string {
		return []string{"NOERROR aa", fmt.Sprintf("an txt TXT %d", v)}
	}},
	{"txt", dns.TypeAAAA, func(z *stressZone, v uint32) []string { return z.negative("NOERROR", v) }},
	{"nothing", dns.TypeA, func(z *stressZone, v uint32) []string { return z.negative("NXDOMAIN", v) }},
	{"many", dns.TypeA, func(_ *stressZone, v uint32) []string {
		want := []string{"NOERROR aa"}
		for k := range 8 {
			want = append(want, "an many "+a(10+k, v))
		}
		return want
	}},
	{"mx", dns.TypeMX, func(z *stressZone, v uint32) []string {
		return []string{"NOERROR aa", fmt.Sprintf("an mx MX %d mail.%s", v&0x7fff, z.origin), "ar mail " + a(1, v)}
	}},
	{"alias", dns.TypeA, func(z *stressZone, v uint32) []string {
		return []string{"NOERROR aa", fmt.Sprintf("an alias CNAME real%d.%s", v, z.origin), fmt.Sprintf("an real%d %s", v, a(2, v))}
	}},
	{"x.w", dns.TypeA, func(z *stressZone, v uint32) []string {
		if wildcard(v) {
			return []string{"NOERROR aa", "an x.w " + a(3, v)}
		}
		return z.negative("NXDOMAIN", v)
	}},
	{"deep.w", dns.TypeTXT, func(_ *stressZone, v uint32) []string {
		return []string{"NOERROR aa", fmt.Sprintf("an deep.w TXT %d", v)}
	}},
	{"gone", dns.TypeA, func(z *stressZone, v uint32) []string {
		if gone(v) {
			return z.negative("NXDOMAIN", v)
		}
		return []string{"NOERROR aa", "an gone " + a(4, v)}
	}},
	{"www.sub", dns.TypeA, func(z *stressZone, v uint32) []string {
		if delegated(v) {
			return []string{"NOERROR", fmt.Sprintf("ns sub NS ns%d.sub.%s", v, z.origin), fmt.Sprintf("ar ns%d.sub %s", v, a(5, v))}
		}
		return []string{"NOERROR aa", "an www.sub " + a(6, v)}
	}},
}

func (z *stressZone) negative(code string, v uint32) []string {
	return []string{code + " aa", "ns @ " + z.soa(v)}
}

// want returns the answer of version v to a question, as rendered does.
func (z *stressZone) want(q int, v uint32) string {
	if absent(v) {
		return "REFUSED"
	}
	want := stressQuestions[q].want(z, v)
	slices.Sort(want[1:])
	return strings.Join(want, "\n")
}

// rendered returns an answer as text, sections sorted, names relative, without TTLs; and the serial of the SOA in it.
func (z *stressZone) rendered(m *dns.Msg) (text string, serial uint32) {
	head := dns.RcodeToString[m.Rcode]
	if m.Authoritative {
		head += " aa"
	}
	var lines []string
	for section, rrs := range map[string][]dns.RR{"an": m.Answer, "ns": m.Ns, "ar": m.Extra} {
		for _, rr := range rrs {
			if soa, ok := rr.(*dns.SOA); ok {
				serial, soa.Serial = soa.Serial, 0
			}
			name, err := zones.ParseName(rr.Header().Name)
			if err != nil {
				return err.Error(), 0
			}
			data := strings.TrimPrefix(rr.String(), rr.Header().String())
			data = strings.ReplaceAll(data, `"`, "")
			lines = append(lines, fmt.Sprintf("%s %s %s %s", section, name.Relative(z.origin), dns.TypeToString[rr.Header().Rrtype], data))
		}
	}
	slices.Sort(lines)
	return strings.Join(append([]string{head}, lines...), "\n"), serial
}

// ---- what is under test

type stress struct {
	t      *testing.T
	seed   uint64
	zones  []*stressZone
	live   *live.Publisher
	images *image.Dir
	mapped atomic.Int32 // how many zones were served from a mapped image
	moved  atomic.Int32 // how many of these were moved into memory while they were served
	server *resolver.Server
	addr   string
	rounds uint64
}

func startStress(t *testing.T, seed uint64) *stress {
	db, err := store.OpenBolt(t.TempDir(), store.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	s := &stress{t: t, seed: seed, live: live.New(live.Options{Store: db, ReserveWait: time.Minute, Block: 1 << 20})}
	if err := s.live.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.images, err = image.Open(t.TempDir(), image.Options{NoSync: true}); err != nil {
		t.Fatal(err)
	}
	s.server = resolver.New(resolver.Options{
		Listen: []string{"127.0.0.1:0"}, Workers: 2, Catalog: s.live.Catalog, Log: slog.New(slog.DiscardHandler),
	})
	addrs, err := s.server.Listen()
	if err != nil {
		t.Fatal(err)
	}
	s.addr = addrs[0].String()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for what, run := range map[string]func(context.Context) error{"publisher": s.live.Run, "server": s.server.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
		for _, problem := range db.Check(context.Background()) {
			t.Errorf("store: %s", problem)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	// One that every change builds anew, one whose layers With merges, and two that are compacted aside.
	for i, size := range []struct{ fill, churn int }{{0, 0}, {400, 2}, {10000, 20}, {3000, 30}} {
		z := &stressZone{number: i, fill: size.fill, churn: size.churn, serials: make(map[uint32]uint32)}
		z.origin = zones.MustParseName(fmt.Sprintf("s%d.test.", i))
		s.zones = append(s.zones, z)
		z.begun.Store(1)
		s.load(z, 1, false)
		z.done.Store(1)
		// From now on there are more serials than versions: no two versions have the same.
		if err := s.live.WaitDurable(t.Context(), z.origin, 1); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// sets groups records by RRset.
func (s *stress) sets(z *stressZone, records []string) []zones.RRset {
	p := dns.NewZoneParser(strings.NewReader("$TTL 300\n"+strings.Join(records, "\n")), z.origin.String(), "")
	var rrs []dns.RR
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		rrs = append(rrs, rr)
	}
	sets, err := zones.FromRRs(rrs)
	if err != nil || p.Err() != nil {
		s.t.Errorf("%s: %v, %v", z.origin, err, p.Err())
	}
	return sets
}

// load publishes version v as a zone of its own; mapped, as one that lies in a file.
func (s *stress) load(z *stressZone, v uint32, mapped bool) {
	records := append(z.records(v), "@ NS ns", "ns A 192.0.2.53")
	for i := range z.fill {
		records = append(records, fmt.Sprintf("host%d A 192.0.2.%d", i, i%250))
	}
	b := zones.NewBuilder(z.origin)
	for _, set := range s.sets(z, records) {
		if err := b.AddRRset(set); err != nil {
			s.t.Errorf("%s: %v", z.origin, err)
		}
	}
	loaded := b.Zone()
	before := z.image
	z.image = nil
	if mapped {
		loaded = s.asImage(loaded)
		z.image = loaded
	}
	if _, err := s.live.Publish(s.t.Context(), []live.Update{{Zone: loaded, FileSerial: v}}); err != nil {
		s.t.Errorf("%s: %v", z.origin, err)
	}
	s.drop(before)
}

// asImage writes an image of a zone and returns the zone as it lies there.
func (s *stress) asImage(z *zones.Zone) *zones.Zone {
	refs, release, err := s.images.Put(s.t.Context(), z)
	if err != nil {
		s.t.Error(err)
		return z
	}
	defer release()
	zs, errs := s.images.Map(refs)
	if errs[0] != nil {
		s.t.Error(errs[0])
		return z
	}
	s.mapped.Add(1)
	return zs[0]
}

// move serves a zone from memory that was served from a file.
func (s *stress) move(z *stressZone) {
	moved, release := s.images.Resident(z.image)
	if moved == z.image {
		s.t.Errorf("%s: the image was not mapped", z.origin)
	}
	if err := s.live.Replace(z.origin, z.image, moved); err != nil {
		s.t.Error(err)
	}
	release() // answers may be on their way from there: they fault the pages in again
	s.drop(z.image)
	z.image = nil
	s.moved.Add(1)
}

// drop forgets an image; what is mapped stays so.
func (s *stress) drop(z *zones.Zone) {
	if z == nil {
		return
	}
	if err := s.images.Drop(image.Ref{Origin: z.Origin(), Hash: z.ContentHash()}); err != nil {
		s.t.Error(err)
	}
}

// flip publishes version v as changes of the one before.
func (s *stress) flip(z *stressZone, v uint32) {
	type key struct {
		name zones.Name
		typ  uint16
	}
	changes := make(map[key]zones.Change)
	for _, set := range s.sets(z, z.records(v-1)) {
		changes[key{set.Name, set.Type}] = zones.Change{Name: set.Name, Type: set.Type}
	}
	for _, set := range s.sets(z, z.records(v)) {
		changes[key{set.Name, set.Type}] = zones.Change{Name: set.Name, Type: set.Type, New: set}
	}
	var list []zones.Change
	for _, c := range changes {
		list = append(list, c)
	}
	if _, err := s.live.PublishChanges(z.origin, list, nil); err != nil {
		s.t.Errorf("%s: %v", z.origin, err)
	}
}

// change publishes version v in one of the ways in which that can be done.
func (s *stress) change(z *stressZone, v uint32, r *rand.Rand) {
	switch {
	case absent(v):
		s.live.Remove(z.origin)
		s.drop(z.image)
		z.image = nil
	case absent(v-1) || r.IntN(4) == 0:
		s.load(z, v, z.fill >= mappedFill && r.IntN(5) == 0)
	default:
		s.flip(z, v)
	}
	if z.image != nil && r.IntN(2) == 0 {
		s.move(z)
	}
}

// mappedFill is how many names make a zone large enough to be moved out of its image.
const mappedFill = 3000

// round brings every zone n versions further while clients ask. Changes wait for the clients: each version has the chance
// to be asked for.
func (s *stress) round(n int) {
	s.rounds++
	turns, over := make(chan struct{}), make(chan struct{})
	var changing, asking sync.WaitGroup
	for _, z := range s.zones {
		changing.Go(func() {
			r := rand.New(rand.NewPCG(s.seed, s.rounds<<32|uint64(z.number)))
			for range n {
				<-turns
				v := z.begun.Add(1)
				s.change(z, v, r)
				z.done.Store(v)
				if s.t.Failed() {
					return
				}
			}
		})
	}
	for i := range 8 {
		asking.Go(func() {
			c := &stressClient{stress: s, r: rand.New(rand.NewPCG(s.seed, s.rounds<<32|1<<31|uint64(i)))}
			if err := c.run([]string{"udp", "tcp"}[i%2], turns, over); err != nil {
				s.t.Errorf("client %d: %v", i, err)
				for { // whatever went wrong, those who wait for a turn must end
					select {
					case turns <- struct{}{}:
					case <-over:
						return
					}
				}
			}
		})
	}
	changing.Wait()
	close(over)
	asking.Wait()
}

// ---- the clients

// stressClient asks in batches, and checks the answers.
type stressClient struct {
	*stress
	r     *rand.Rand
	known map[string]uint32 // answers, from the question on, that were found right for a version
	seen  [4]uint32         // the newest version of each zone that was answered
}

// stressBatch is how many questions are under way at a time; those of all clients fit the server's socket buffers.
const stressBatch = 12

type asked struct {
	zone     *stressZone
	question int
	from     uint32 // the oldest version that may be answered
}

func (c *stressClient) run(network string, turns chan<- struct{}, over <-chan struct{}) error {
	conn, err := net.Dial(network, c.addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	c.known = make(map[string]uint32)
	buf := make([]byte, 65535)
	for {
		batch, err := c.ask(conn, network)
		if err != nil {
			return err
		}
		newest := c.seen
		for range batch {
			msg, err := receiveMessage(conn, network, buf)
			if err != nil {
				return fmt.Errorf("an answer is missing: %w", err)
			}
			id := int(octets.BigEndian.Uint16(msg))
			if id >= len(batch) || batch[id].zone == nil {
				return fmt.Errorf("answer %d was not asked for, or came twice", id)
			}
			q := batch[id]
			batch[id].zone = nil
			v, err := c.check(q, msg)
			if err != nil {
				return err
			}
			newest[q.zone.number] = max(newest[q.zone.number], v)
		}
		c.seen = newest
		select {
		case <-over:
			return nil
		case turns <- struct{}{}:
		default:
		}
	}
}

// ask sends a batch of questions, whose IDs are their numbers.
func (c *stressClient) ask(conn net.Conn, network string) ([]asked, error) {
	batch := make([]asked, stressBatch)
	var all []byte
	for id := range batch {
		z := c.zones[c.r.IntN(len(c.zones))]
		q := c.r.IntN(len(stressQuestions))
		m := new(dns.Msg)
		name := z.origin.String()
		if n := stressQuestions[q].name; n != "@" {
			name = n + "." + name
		}
		m.SetQuestion(name, stressQuestions[q].typ)
		m.Id, m.RecursionDesired = uint16(id), false
		b, err := m.Pack()
		if err != nil {
			return nil, err
		}
		batch[id] = asked{z, q, z.done.Load()}
		if network == "tcp" {
			all = append(octets.BigEndian.AppendUint16(all, uint16(len(b))), b...)
		} else if _, err := conn.Write(b); err != nil {
			return nil, err
		}
	}
	if network == "tcp" {
		_, err := conn.Write(all)
		return batch, err
	}
	return batch, nil
}

func receiveMessage(conn net.Conn, network string, buf []byte) ([]byte, error) {
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	if network == "udp" {
		n, err := conn.Read(buf)
		return buf[:n], err
	}
	if _, err := io.ReadFull(conn, buf[:2]); err != nil {
		return nil, err
	}
	msg := buf[:octets.BigEndian.Uint16(buf)]
	_, err := io.ReadFull(conn, msg)
	return msg, err
}

// check returns which version msg is of; an error where that is none that q may be answered from.
func (c *stressClient) check(q asked, msg []byte) (uint32, error) {
	z, to := q.zone, q.zone.begun.Load()
	v, ok := c.known[string(msg[2:])]
	if !ok {
		m := new(dns.Msg)
		if err := m.Unpack(msg); err != nil {
			return 0, fmt.Errorf("%w: %x", err, msg)
		}
		got, serial := z.rendered(m)
		if v, ok = z.versionOf(got, q.question, q.from, to); !ok {
			was := "of none before"
			if v, ok := z.versionOf(got, q.question, max(q.from, 200)-200, q.from); ok {
				was = fmt.Sprintf("that of version %d", v)
			}
			return 0, fmt.Errorf("%s %s: want the answer of a version from %d to %d, got one that is %s:\n%s",
				z.origin, stressQuestions[q.question].name, q.from, to, was, got)
		}
		if got != "REFUSED" { // the same in many versions
			c.known[string(bytes.Clone(msg[2:]))] = v
		}
		if serial != 0 {
			if err := z.noteSerial(v, serial); err != nil {
				return 0, err
			}
		}
		if len(c.known) > 20000 {
			clear(c.known)
		}
	}
	if v < q.from || v > to {
		return 0, fmt.Errorf("%s %s: got version %d, want one from %d to %d", z.origin, stressQuestions[q.question].name, v, q.from, to)
	}
	if v < c.seen[z.number] && !absent(v) {
		return 0, fmt.Errorf("%s %s: got version %d behind %d", z.origin, stressQuestions[q.question].name, v, c.seen[z.number])
	}
	return v, nil
}

// versionOf returns the first version from..to with this answer to a question.
func (z *stressZone) versionOf(answer string, question int, from, to uint32) (v uint32, ok bool) {
	for v := from; v <= to; v++ {
		if z.want(question, v) == answer {
			return v, true
		}
	}
	return 0, false
}

// noteSerial holds that a version has one serial, and newer versions newer ones (RFC 1982).
func (z *stressZone) noteSerial(v, serial uint32) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	for w, other := range z.serials {
		if w == v && other != serial || w < v && int32(serial-other) <= 0 || w > v && int32(other-serial) <= 0 {
			return fmt.Errorf("%s: version %d has serial %d, version %d has %d", z.origin, v, serial, w, other)
		}
	}
	z.serials[v] = serial
	delete(z.serials, v-100)
	return nil
}
