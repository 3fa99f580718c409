package dnssec

import (
	"cmp"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// told is how many RRsets with a signature that does not hold are told of; the rest is counted.
const told = 10

// Where returns the place of record i of an RRset; the zero Pos where it is not known.
type Where func(name zones.Name, typ uint16, i int) zones.Pos

// Verify returns what is wrong with the signatures of z: a Warning for each RRset with one that does not hold, the first ten
// of them and how many more there are, and what could not be verified. where may be nil. It keeps all cores busy, and returns
// nothing for zones without signatures. z is not changed.
func Verify(z *zones.Zone, where Where) []zones.Problem {
	if !z.Signed() {
		return nil
	}
	v := &verification{origin: z.Origin(), unknown: make(map[uint8]int)}
	keys, ok := z.RRset(z.Origin(), dns.TypeDNSKEY)
	for _, d := range keys.Data {
		if k, ok := parseKey(d); ok {
			v.keys = append(v.keys, k)
		}
	}
	if len(v.keys) == 0 {
		what := "no DNSKEY record"
		if ok {
			what = "no DNSKEY record that signs zones"
		}
		return []zones.Problem{{Pos: place(where, z.Origin(), dns.TypeSOA), Severity: zones.Warning,
			Text: fmt.Sprintf("%s SOA is that of a zone with signatures and %s: nobody can verify them; sign the zone again", z.Origin(), what)}}
	}
	v.run(z)
	return v.problems(where)
}

func place(where Where, name zones.Name, typ uint16) zones.Pos {
	if where == nil {
		return zones.Pos{}
	}
	return where(name, typ, 0)
}

// verification is one run of Verify.
type verification struct {
	origin zones.Name
	keys   []key

	mu      sync.Mutex
	faults  []fault // the first ones of each worker
	n       int     // of all faults
	unknown map[uint8]int
}

// fault is an RRset with a signature that does not hold.
type fault struct {
	at   int // in the order of the zone
	name zones.Name
	typ  uint16
	text string
}

// job is what is at a name.
type job struct {
	at   int
	sets []zones.RRset
}

// run verifies everything.
func (v *verification) run(z *zones.Zone) {
	jobs := make(chan job, 64)
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			w := worker{verification: v, unknown: make(map[uint8]int)}
			for j := range jobs {
				w.name(j)
			}
			w.finish()
		})
	}
	var j job
	for s := range z.RRsets() {
		if len(j.sets) > 0 && j.sets[0].Name != s.Name {
			jobs <- j
			j = job{at: j.at + 1}
		}
		j.sets = append(j.sets, s)
	}
	jobs <- j
	close(jobs)
	all.Wait()
}

// worker verifies names; it is of one goroutine.
type worker struct {
	*verification
	faults  []fault
	n       int
	unknown map[uint8]int
	buf     []byte
}

// name verifies what is at a name. Signatures that cover nothing are for zones.Check to report.
func (w *worker) name(j job) {
	at := slices.IndexFunc(j.sets, func(s zones.RRset) bool { return s.Type == dns.TypeRRSIG })
	if at < 0 {
		return
	}
	for _, set := range j.sets {
		if set.Type != dns.TypeRRSIG {
			w.set(j.at, set, j.sets[at].Data)
		}
	}
}

// set verifies those of the signatures that cover a set.
func (w *worker) set(at int, set zones.RRset, signatures [][]byte) {
	good, bad, reason := 0, 0, ""
	for _, d := range signatures {
		s, ok := parseSignature(d)
		if !ok || s.covers() != set.Type {
			continue
		}
		switch j, why := w.judge(set, s, &w.buf); j {
		case holds:
			good++
		case wrong:
			if bad++; bad == 1 {
				reason = why
			}
		case unknown:
			w.unknown[s.algorithm()]++
		}
	}
	if bad == 0 {
		return
	}
	text := fmt.Sprintf("%s %s has no signature that holds: %s; resolvers that validate refuse the records; sign the zone again", set.Name, zones.TypeString(set.Type), reason)
	if good > 0 {
		text = fmt.Sprintf("%s %s has a signature that does not hold, beside one that does: %s; sign the zone again", set.Name, zones.TypeString(set.Type), reason)
	}
	if w.n++; w.n <= told {
		w.faults = append(w.faults, fault{at, set.Name, set.Type, text})
	}
}

// finish hands what was found to the verification.
func (w *worker) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.verification.faults = append(w.verification.faults, w.faults...)
	w.verification.n += w.n
	for a, n := range w.unknown {
		w.verification.unknown[a] += n
	}
}

// problems says what was found.
func (v *verification) problems(where Where) []zones.Problem {
	slices.SortStableFunc(v.faults, func(a, b fault) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.typ, b.typ)) })
	v.faults = v.faults[:min(told, len(v.faults))]
	var out []zones.Problem
	for i, f := range v.faults {
		if more := v.n - told; more > 0 && i == told-1 {
			f.text += fmt.Sprintf(" (and %d more likewise)", more)
		}
		out = append(out, zones.Problem{Pos: place(where, f.name, f.typ), Severity: zones.Warning, Text: f.text})
	}
	for _, a := range slices.Sorted(maps.Keys(v.unknown)) {
		why := "this program cannot"
		for _, k := range v.keys {
			if k.algorithm == a && k.err != nil && k.err != errAlgorithm {
				why = fmt.Sprintf("key %d: %v", k.tag, k.err)
			}
		}
		out = append(out, zones.Problem{Pos: place(where, v.origin, dns.TypeDNSKEY), Severity: zones.Warning,
			Text: fmt.Sprintf("%s DNSKEY of algorithm %s: %d of its signatures were not verified: %s", v.origin, algorithmName(a), v.unknown[a], why)})
	}
	return out
}
