package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// A dataset is a directory of zone files, NAME.zone each, that servers are started with. Several workloads may ask it.
type dataset struct {
	name   string
	title  string
	signed bool // zones come signed; servers that cannot serve signatures cannot serve it
	// write makes the zone files in dir and returns how many zones and records they have.
	write func(dir string) error
	// old, where it is not nil, writes the same zones for servers that do not know all of their types.
	old   func(dir string) error
	zones func() []string // their names, without final dot; "." is the root
	sign  bool            // written unsigned, then signed by dnssec-signzone
}

// A workload is a list of questions to a dataset.
type workload struct {
	id      string
	title   string
	dataset string
	tcp     bool
	fixed   bool // latency at a fixed rate is measured as well
	ask     asking
	count   int  // of questions; behind the last one comes the first
	do      bool // questions ask for signatures
}

// asking adds so many questions. What it draws from the generator alone decides which.
type asking func(r *rand.Rand, q *questions, count int)

func datasets() []dataset {
	one := func(z string) func() []string { return func() []string { return []string{z} } }
	return []dataset{
		{name: "small", title: "one zone, 1,000 names with A and AAAA", write: writeSmall, zones: one(smallZone)},
		{name: "mix", title: "one zone, 100,000 delegations with glue", write: writeMix, zones: one(mixZone)},
		{name: "big", title: "one zone, 1,000,000 A records", write: writeBig(bigNames), zones: one(bigZone)},
		{name: "many", title: "50,000 zones of 5 records", write: writeMany, zones: manyZones},
		{name: "signed", title: "the small zone signed, ECDSA P-256 and NSEC", write: writeSmall, zones: one(smallZone), sign: true, signed: true},
		{name: "shapes", title: "one zone of wildcards, CNAME chains, MX, SRV and HTTPS, 1,000 each", write: writeShapes, old: writeOldShapes, zones: one(shapesZone)},
		{name: "root", title: "a signed root zone of 1,500 made-up TLDs", write: writeRoot, zones: one("."), sign: true, signed: true},
		{name: "ten", title: "one zone, 10,000,000 A records", write: writeBig(tenNames), zones: one(bigZone)},
	}
}

func workloads() []workload {
	return []workload{
		{id: "W1", title: "1,000 names, hits", dataset: "small", fixed: true, ask: askSmall(0), count: 50_000},
		{id: "W2", title: "100,000 delegations: 60 % referrals, 30 % NXDOMAIN, 10 % hits", dataset: "mix", fixed: true, ask: askMix, count: 500_000},
		{id: "W3", title: "one zone, 1,000,000 records, hits", dataset: "big", fixed: true, ask: askBig(bigNames), count: 500_000},
		{id: "W4", title: "50,000 zones of 5 records, hits", dataset: "many", fixed: true, ask: askMany, count: 500_000},
		{id: "W5", title: "W1 signed, DO: 80 % hits, 20 % NXDOMAIN", dataset: "signed", fixed: true, ask: askSmall(0.2), count: 50_000, do: true},
		{id: "W6", title: "W1 over TCP, 16 connections", dataset: "small", tcp: true, ask: askSmall(0), count: 50_000},
		{id: "zipf", title: "W3's zone, names drawn from a Zipf distribution", dataset: "big", ask: askZipf, count: 500_000},
		{id: "wildcard", title: "names that a wildcard answers", dataset: "shapes", ask: askWildcard, count: 50_000},
		{id: "cname", title: "CNAME chains of 2 and 3 links within the zone", dataset: "shapes", ask: askCNAME, count: 50_000},
		{id: "mx", title: "MX, with addresses in the additional section", dataset: "shapes", ask: askMX, count: 50_000},
		{id: "srv", title: "SRV, with addresses in the additional section", dataset: "shapes", ask: askSRV, count: 50_000},
		{id: "https", title: "HTTPS (type 65)", dataset: "shapes", ask: askHTTPS, count: 50_000},
		{id: "root", title: "signed root zone, DO: 60 % NXDOMAIN, 40 % referrals", dataset: "root", ask: askRoot, count: 200_000, do: true},
		{id: "ten", title: "one zone, 10,000,000 records, hits", dataset: "ten", ask: askBig(tenNames), count: 1_000_000},
	}
}

// questions returns the workload's questions. The seed is the workload's own, so that leaving one out changes no other.
func (w *workload) questions() *questions {
	var seed uint64
	for _, c := range w.id {
		seed = seed*131 + uint64(c)
	}
	q := newQuestions(w.do)
	w.ask(rand.New(rand.NewPCG(42, seed)), q, w.count)
	return q
}

// generation changes when a generator does: zone files of another one are made again.
const generation = "2"

// prepare returns the directory with the dataset's zone files, below root; it makes them unless they are there.
func (d *dataset) prepare(root string) (string, error) {
	dir := filepath.Join(root, d.name)
	stamp := filepath.Join(root, d.name+".made")
	if text, err := os.ReadFile(stamp); err == nil && string(text) == generation {
		return dir, nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := d.write(dir); err != nil {
		return "", fmt.Errorf("dataset %s: %w", d.name, err)
	}
	if d.old != nil {
		if err := os.MkdirAll(oldDir(dir), 0o755); err != nil {
			return "", err
		}
		if err := d.old(oldDir(dir)); err != nil {
			return "", fmt.Errorf("dataset %s: %w", d.name, err)
		}
	}
	if d.sign {
		for _, z := range d.zones() {
			if err := signZone(filepath.Join(root, d.name+".keys"), z, zoneFile(dir, z)); err != nil {
				return "", fmt.Errorf("dataset %s: %w", d.name, err)
			}
		}
	}
	return dir, os.WriteFile(stamp, []byte(generation), 0o644)
}

// oldDir is where the zones are as dataset.old writes them.
func oldDir(dir string) string { return dir + "-old" }

// zoneFile is where a zone's file is: NAME.zone, root.zone for the root.
func zoneFile(dir, zone string) string { return filepath.Join(dir, fileName(zone)) }

func fileName(zone string) string {
	if zone == "." {
		return "root.zone"
	}
	return zone + ".zone"
}
