//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// readZone returns the records of a zone file by owner and type.
func readZone(t *testing.T, path, origin string) map[string][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records := map[string][]string{}
	p := dns.NewZoneParser(f, dns.Fqdn(origin), path)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		key := rr.Header().Name + " " + dns.TypeToString[rr.Header().Rrtype]
		records[key] = append(records[key], rr.String())
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return records
}

// lookup answers as a server would that knows nothing but whole names, one label of wildcard, and CNAMEs.
func lookup(zone map[string][]string, name string, qtype string) (answer []string) {
	for range 8 {
		if rrs := zone[name+" "+qtype]; rrs != nil {
			return append(answer, rrs...)
		}
		_, parent, _ := strings.Cut(name, ".")
		if rrs := zone["*."+parent+" "+qtype]; rrs != nil {
			return append(answer, strings.Replace(rrs[0], "*."+parent, name, 1))
		}
		cname := zone[name+" CNAME"]
		if cname == nil {
			break
		}
		answer = append(answer, cname...)
		name = cname[0][strings.LastIndexByte(cname[0], '\t')+1:]
	}
	return answer
}

// few are the first of a workload's questions.
func few(w workload) *questions {
	w.count = 2000
	return w.questions()
}

// TestTruth holds what questions expect against the zones that they ask.
func TestTruth(t *testing.T) {
	zoneDirs := map[string]map[string][]string{}
	for _, d := range datasets() {
		if !slices.Contains([]string{"small", "shapes", "root"}, d.name) {
			continue
		}
		dir := t.TempDir()
		if err := d.write(dir); err != nil {
			t.Fatal(err)
		}
		zone := d.zones()[0]
		zoneDirs[d.name] = readZone(t, zoneFile(dir, zone), zone)
		if d.old == nil {
			continue
		}
		if err := d.old(dir); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(zoneDirs[d.name], readZone(t, zoneFile(dir, zone), zone)); diff != "" {
			t.Errorf("%s differs as old servers get it (-new +old):\n%s", d.name, diff)
		}
	}
	for _, w := range workloads() {
		zone := zoneDirs[w.dataset]
		if zone == nil || w.tcp {
			continue
		}
		q := few(w)
		if len(q.checks) != maxChecks {
			t.Errorf("%s has %d checks", w.id, len(q.checks))
		}
		for _, c := range q.checks {
			got := lookup(zone, c.name+".", dns.TypeToString[c.qtype])
			var want []string
			for _, text := range c.answer {
				rr, err := dns.NewRR(text)
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, rr.String())
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s: %s %s is %q in the zone, expected %q", w.id, c.name, dns.TypeToString[c.qtype], got, want)
			}
			if c.cut != "" && len(zone[c.cut+". NS"]) < 2 {
				t.Fatalf("%s: %s is no cut", w.id, c.cut)
			}
		}
	}
}

func TestQuestions(t *testing.T) {
	for _, w := range workloads() {
		q := few(w)
		if q.len() < 1500 || len(q.at) != q.len()+1 || len(q.answers) != q.len() {
			t.Errorf("%s: %d questions, %d ends, %d counts", w.id, q.len(), len(q.at), len(q.answers))
		}
		for i := 0; i < q.len(); i += q.len() / 100 {
			var m dns.Msg
			if err := m.Unpack(q.message(i)); err != nil {
				t.Fatalf("%s: question %d: %v", w.id, i, err)
			}
			if opt := m.IsEdns0(); len(m.Question) != 1 || opt == nil || opt.Do() != w.do || opt.UDPSize() != optSize {
				t.Fatalf("%s: question %d is %v", w.id, i, &m)
			}
		}
		for _, c := range q.checks {
			var m dns.Msg
			if err := m.Unpack(q.message(c.index)); err != nil || m.Question[0].Name != dns.Fqdn(c.name) || m.Question[0].Qtype != c.qtype {
				t.Fatalf("%s: check %v is of question %v (%v)", w.id, c, m.Question, err)
			}
		}
	}
}

// TestSameEveryTime makes everything small twice.
func TestSameEveryTime(t *testing.T) {
	sum := func() uint64 {
		h := fnv.New64a()
		for _, d := range datasets() {
			if !slices.Contains([]string{"small", "shapes", "root"}, d.name) {
				continue
			}
			dir := t.TempDir()
			if err := d.write(dir); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(zoneFile(dir, d.zones()[0]))
			if err != nil {
				t.Fatal(err)
			}
			h.Write(b)
		}
		for _, w := range workloads() {
			if w.dataset == "small" || w.dataset == "root" || w.dataset == "shapes" {
				q := few(w)
				h.Write(q.wire)
				h.Write(q.answers)
			}
		}
		return h.Sum64()
	}
	if a, b := sum(), sum(); a != b {
		t.Errorf("generated %x, then %x", a, b)
	}
}

func TestSignedCounts(t *testing.T) {
	q := newQuestions(true)
	q.add("a.test", dns.TypeA, expect{answer: []string{rr("a.test", "CNAME", "b.test."), rr("b.test", "A", "10.0.0.1"), rr("b.test", "A", "10.0.0.2")}})
	q.add("x.test", dns.TypeA, expect{rcode: dns.RcodeNameError})
	if !slices.Equal(q.answers, []byte{5, 0}) {
		t.Errorf("records in the answers %v, want 3 and a signature for each of 2 RRsets; and none", q.answers)
	}
}

func TestRootZoneLooksLikeIt(t *testing.T) {
	names := tlds()
	slices.Sort(names)
	if len(slices.Compact(names)) != tldCount {
		t.Error("a TLD stands twice")
	}
	q := newQuestions(true)
	for _, w := range workloads() {
		if w.id == "root" {
			q = few(w)
		}
	}
	missing := bytes.Count(q.rcode, []byte{dns.RcodeNameError})
	if part := float64(missing) / float64(q.len()); part < 0.55 || part > 0.65 {
		t.Errorf("%.2f of the questions are for names that are not there, want 0.6", part)
	}
}

func TestPrepareOnce(t *testing.T) {
	root, made := t.TempDir(), 0
	d := dataset{name: "d", write: func(dir string) error {
		made++
		return os.WriteFile(filepath.Join(dir, "x.zone"), nil, 0o644)
	}}
	for range 2 {
		if _, err := d.prepare(root); err != nil {
			t.Fatal(err)
		}
	}
	if made != 1 {
		t.Errorf("made %d times", made)
	}
	failing := dataset{name: "e", write: func(string) error { made++; return errors.New("disk full") }}
	for range 2 {
		if _, err := failing.prepare(root); err == nil {
			t.Fatal("no error")
		}
	}
	if made != 3 {
		t.Errorf("made %d times: what failed must be made again", made)
	}
}

func TestChangeVersions(t *testing.T) {
	changed := 0
	for i := range 1000 {
		if changeAddr(i, 1) != changeAddr(i, 2) {
			changed++
		}
	}
	if changed != 10 {
		t.Errorf("%d of 1000 addresses change, want 10", changed)
	}
	s := newSentinel(2, 0)
	for k, want := range s.want {
		var m dns.Msg
		if err := m.Unpack(s.ask[k]); err != nil {
			t.Fatal(err)
		}
		var i int
		if _, err := fmt.Sscanf(m.Question[0].Name, "h%07d", &i); err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprintf("%d.%d.%d.%d", want[2], want[3], want[4], want[5]); text != changeAddr(i, 2) || text == changeAddr(i, 1) {
			t.Errorf("sentinel %s waits for %s, the new version has %s", m.Question[0].Name, text, changeAddr(i, 2))
		}
	}
}
