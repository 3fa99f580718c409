package integration

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// TestDifferentialFiles gives mangrove's reader, Knot, NSD and BIND the same random zone files. What the three load mangrove
// has to, with the same records; what they all refuse it has to refuse. The records of the peers come by AXFR.
//
// MANGROVE_DIFFERENTIAL_SEED repeats a run, MANGROVE_DIFFERENTIAL_FILES is how many files there are.
func TestDifferentialFiles(t *testing.T) {
	seed := envUint("MANGROVE_DIFFERENTIAL_SEED", uint64(time.Now().UnixNano()))
	files := int(envUint("MANGROVE_DIFFERENTIAL_FILES", uint64(soak(3000, 60_000))))
	perRound := min(files, 3000)
	d := &differingFiles{differing: newDiffering()}
	for i := range (files + perRound - 1) / perRound {
		d.round(t, rand.New(rand.NewPCG(seed, uint64(i))), perRound)
		if t.Failed() {
			break
		}
	}
	t.Logf("seed %d: %d files, %d loaded by all and alike, %d not alike by the peers, %d refused by them, %d loaded by some; excused: %v",
		seed, d.files, d.same, d.unlike, d.refused, d.some, d.excused)
	if d.same < d.files/10 || d.refused < d.files/20 {
		t.Errorf("files are no longer what tells readers apart")
	}
}

type differingFiles struct {
	*differing
	files, same, unlike, refused, some int
}

// loaded is what a reader makes of a file.
type loaded struct {
	ok      bool
	records string   // with their TTLs
	data    string   // without
	says    []string // of mangrove
}

// isSimple says which files of a round have one odd thing alone: of the others it cannot be said that all refuse them for
// what mangrove accepts, since each may refuse another part.
func isSimple(i int) bool { return i%2 == 0 }

func (d *differingFiles) round(t *testing.T, rnd *rand.Rand, count int) {
	all := []peerZone{sentinel}
	for i := range count {
		origin := fmt.Sprintf("f%d.files.test.", i)
		all = append(all, peerZone{origin, randomFile(rnd, origin, isSimple(i+1))})
	}
	peerBinary(t, "nsd-checkzone")
	files := writeZones(t, all)
	got := make(map[string][]loaded)
	var mu sync.Mutex
	var wait sync.WaitGroup
	for _, name := range []string{"knot", "bind"} {
		addr := startLenient(t, name, files, all)
		has := served(t, addr, all)
		wait.Go(func() {
			l := transferAll(addr, all, has)
			mu.Lock()
			defer mu.Unlock()
			got[name] = l
		})
	}
	wait.Wait()
	for name, l := range got {
		untransferred := 0
		for i := range l {
			if !l[i].ok && l[i].says != nil { // broken data, in the eyes of the server or of the reader here
				untransferred++
			}
		}
		if untransferred > len(all)/50 {
			t.Errorf("%s does not transfer %d zones of %d that it has", name, untransferred, len(all))
		}
	}
	for i, z := range all {
		d.compare(t, z, isSimple(i), readByMangrove(t, z), got["knot"][i], got["bind"][i], func() loaded { return readByNSD(t, z, zonePath(files, i)) })
	}
}

// compare compares what mangrove makes of a file with what Knot and BIND do. NSD is asked where it decides.
func (d *differingFiles) compare(t *testing.T, z peerZone, simple bool, mine, knot, bind loaded, nsd func() loaded) {
	d.files++
	text := func() string {
		return fmt.Sprintf("%s %q\n%s\n-- mangrove: %t\n%s%s\n-- knot, bind: %t\n%s", z.origin, z.text, z.text,
			mine.ok, mine.records, strings.Join(mine.says, "\n"), knot.ok, knot.records)
	}
	switch {
	case knot.ok != bind.ok, knot.says != nil, bind.says != nil:
		d.some++
	case !knot.ok:
		d.refused++
		switch {
		case !mine.ok || !simple || nsd().ok:
		case excuseRecord(z.text) != "":
			d.excused[excuseRecord(z.text)]++
		default:
			d.differs(t, "only mangrove loads a file", text)
		}
	case knot.data != bind.data:
		d.unlike++
	case mine.ok && mine.data == knot.data && (mine.records == knot.records || knot.records != bind.records):
		d.same++
	case !mine.ok && excuseFile(mine.says) != "":
		d.excused[excuseFile(mine.says)]++
	default:
		n := nsd()
		switch {
		case !n.ok || n.data != knot.data:
			d.some++
		case !mine.ok:
			kind := strings.Join(mine.says, "; ")
			if _, what, ok := strings.Cut(kind, ": "); ok {
				kind = what
			}
			d.differs(t, "all but mangrove load a file: "+kind, text)
		case mine.data != knot.data:
			d.differs(t, "mangrove reads other records", text)
		case n.records == knot.records && bind.records == knot.records:
			d.differs(t, "mangrove reads other TTLs", text)
		}
	}
}

// readByNSD reads a file with nsd-checkzone: in a server that reads many, one that ends within quotes or parentheses has
// an effect on those behind it.
func readByNSD(t *testing.T, z peerZone, file string) (l loaded) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), peerBinary(t, "nsd-checkzone"), "-p", z.origin, file).Output()
	if err != nil {
		return l
	}
	var rrs []dns.RR
	p := dns.NewZoneParser(bytes.NewReader(out), ".", "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		rrs = append(rrs, rr)
	}
	if p.Err() != nil {
		return loaded{ok: true, data: p.Err().Error()} // like nobody's
	}
	l.take(rrs)
	return l
}

// readByMangrove reads a zone as mangrove serve does.
func readByMangrove(t *testing.T, z peerZone) loaded {
	t.Helper()
	r, err := zonefile.ParseBytes(strings.TrimSuffix(z.origin, ".")+".zone", []byte(z.text), zonefile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	problems := r.Problems
	if r.Zone != nil {
		problems = append(problems, zones.Check(r.Zone, zones.CheckOptions{})...)
	}
	l := loaded{ok: true}
	for _, p := range problems {
		if p.Severity == zones.Error {
			l.ok = false
			l.says = append(l.says, p.Text)
		}
	}
	if !l.ok {
		return l
	}
	var rrs []dns.RR
	for s := range r.Zone.RRsets() {
		for _, data := range s.Data {
			rrs = append(rrs, fromWire(s, data))
		}
	}
	l.take(rrs)
	return l
}

// fromWire makes a record of its wire form.
func fromWire(s zones.RRset, data []byte) dns.RR {
	wire := append([]byte(nil), s.Name.Wire()...)
	wire = append(wire, byte(s.Type>>8), byte(s.Type), 0, 1, byte(s.TTL>>24), byte(s.TTL>>16), byte(s.TTL>>8), byte(s.TTL), byte(len(data)>>8), byte(len(data)))
	rr, _, err := dns.UnpackRR(append(wire, data...), 0)
	if err != nil { // what others have of it the library does not read either
		return &dns.RFC3597{Hdr: dns.RR_Header{Name: s.Name.String(), Rrtype: s.Type, Class: dns.ClassINET, Ttl: s.TTL}, Rdata: hex.EncodeToString(data)}
	}
	return rr
}

// take keeps the records of a zone.
func (l *loaded) take(rrs []dns.RR) {
	l.ok = true
	l.records = unique(texts(rrs))
	for _, rr := range rrs {
		rr.Header().Ttl = 0
	}
	l.data = unique(texts(rrs))
}

// unique leaves out lines that stand twice: some transfer a record twice that stands twice in the file.
func unique(lines string) string {
	return strings.Join(slices.Compact(strings.Split(lines, "\n")), "\n")
}

// transferAll transfers the zones that a server has.
func transferAll(addr string, all []peerZone, has []bool) []loaded {
	out := make([]loaded, len(all))
	work := make(chan int)
	var wait sync.WaitGroup
	for range askers {
		wait.Go(func() {
			var c net.Conn
			for i := range work {
				for range 3 {
					if c == nil {
						var err error
						if c, err = net.Dial("tcp", addr); err != nil {
							continue
						}
					}
					rrs, err := transfer(c, all[i].origin)
					if err == nil {
						out[i].take(rrs)
						break
					}
					out[i].says = []string{err.Error()}
					c.Close()
					c = nil
				}
			}
			if c != nil {
				c.Close()
			}
		})
	}
	for i := range all {
		if has[i] {
			work <- i
		}
	}
	close(work)
	wait.Wait()
	return out
}

// transfer transfers a zone.
func transfer(c net.Conn, origin string) ([]dns.RR, error) {
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, err
	}
	co := &dns.Conn{Conn: c}
	m := new(dns.Msg)
	m.SetAxfr(origin)
	if err := co.WriteMsg(m); err != nil {
		return nil, err
	}
	var rrs []dns.RR
	for soas := 0; soas < 2; {
		r, err := co.ReadMsg()
		if err != nil {
			return nil, err
		}
		if r.Rcode != dns.RcodeSuccess || len(r.Answer) == 0 {
			return nil, fmt.Errorf("%s", dns.RcodeToString[r.Rcode])
		}
		for _, rr := range r.Answer {
			if rr.Header().Rrtype == dns.TypeSOA {
				soas++
			}
			if soas < 2 {
				rrs = append(rrs, rr)
			}
		}
	}
	return rrs, nil
}
