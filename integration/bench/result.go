package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
)

// results are the samples of a campaign, and all that the page is made of. Parts of it may come from several runs of the program;
// each part holds when it was made and with what.
type results struct {
	Machine   machine                    `json:"machine"`
	Servers   map[string]serverInfo      `json:"servers"`
	Workloads map[string]*workloadResult `json:"workloads"` // by id; "W1x2" is W1 with two workers
	Starts    map[string]*startResult    `json:"starts"`    // by dataset; "bigx2" likewise
	Again     map[string][]startSample   `json:"again"`     // Mangrove's second starts on the same data directory, by dataset
	Reloads   map[string]*reloadResult   `json:"reloads"`   // by server
	Flip      *flipResult                `json:"flip,omitempty"`
}

type machine struct {
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
	Memory string `json:"memory"`
	Kernel string `json:"kernel"`
	System string `json:"system"`
	Go     string `json:"go"`
}

type serverInfo struct {
	Version string `json:"version,omitempty"`
	Missing string `json:"missing,omitempty"` // the package that would bring it
}

// made says when and how a part was measured.
type made struct {
	Date    string  `json:"date"`
	Seconds float64 `json:"seconds"` // of a measurement
	Rounds  int     `json:"rounds"`
	Starts  int     `json:"starts"`
	Workers int     `json:"workers"`
}

type workloadResult struct {
	Made    made                `json:"made"`
	Samples map[string][]sample `json:"samples"` // by server; sample i of each is of round i
	Fixed   map[string][]sample `json:"fixed,omitempty"`
	Failed  map[string]string   `json:"failed,omitempty"` // why a server has no samples
}

// sample is one measurement.
type sample struct {
	Round      int      `json:"round"`
	NS         float64  `json:"ns"` // CPU time of the server for one answer
	QPS        float64  `json:"qps"`
	User       float64  `json:"user"`    // part of NS that was not the kernel's
	Util       float64  `json:"util"`    // of one CPU, by the server
	Load       float64  `json:"load"`    // of one CPU, by the generator
	Foreign    float64  `json:"foreign"` // of one CPU, by anything else
	Bytes      float64  `json:"bytes"`   // of an answer
	Lost       uint64   `json:"lost"`
	Reconnects int      `json:"reconnects,omitempty"` // connections that the server ended
	Latency    *latency `json:"latency,omitempty"`
}

// latency in microseconds.
type latency struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

func latencyOf(h *histogram) *latency {
	us := func(q float64) float64 { return float64(h.quantile(q)) / 1e3 }
	return &latency{us(0.5), us(0.99), us(0.999), float64(h.max) / 1e3}
}

// memory in MB (10^6 bytes).
type memory struct {
	PSS  float64 `json:"pss"`  // shared pages in equal parts
	Anon float64 `json:"anon"` // backed by no file
	Peak float64 `json:"peak"` // the most that one of the processes ever had
}

type startResult struct {
	Made    made                     `json:"made"`
	Samples map[string][]startSample `json:"samples"`
	Failed  map[string]string        `json:"failed,omitempty"`
}

type startSample struct {
	First float64 `json:"first"` // seconds from the start to the first right answer
	Ready float64 `json:"ready"` // and until 50 questions all over the data were answered
	Idle  memory  `json:"idle"`  // before the first question of the load
	After memory  `json:"after"` // after the load
}

type reloadResult struct {
	Made    made           `json:"made"`
	Samples []reloadSample `json:"samples,omitempty"`
	Failed  string         `json:"failed,omitempty"`
}

type reloadSample struct {
	Rate    float64 `json:"rate"`   // offered, questions a second
	Before  latency `json:"before"` // at that rate, with nothing going on
	During  latency `json:"during"`
	Lost    uint64  `json:"lost"`
	Seconds float64 `json:"seconds"` // from the new file to the last changed answer
	Foreign float64 `json:"foreign"` // of one CPU, by anything else, the worse of both times
}

type flipResult struct {
	Made   made      `json:"made"`
	Rate   float64   `json:"rate"`
	Down   []float64 `json:"down"` // microseconds from the failing check to the changed answer
	Up     []float64 `json:"up"`
	Before []latency `json:"before"`
	During []latency `json:"during"`
	Lost   uint64    `json:"lost"`
	Failed string    `json:"failed,omitempty"`
}

// readResults returns what is in a file; empty results where there is none.
func readResults(path string) (*results, error) {
	r := &results{Servers: map[string]serverInfo{}, Workloads: map[string]*workloadResult{}, Starts: map[string]*startResult{},
		Again: map[string][]startSample{}, Reloads: map[string]*reloadResult{}}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	return r, json.Unmarshal(b, r)
}

func (r *results) write(path string) error {
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// values returns f of each sample.
func values[S any](samples []S, f func(S) float64) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = f(s)
	}
	return out
}

func sampleNS(s sample) float64  { return s.NS }
func sampleQPS(s sample) float64 { return s.QPS }

// best returns the peer with the least median of f; "" where no peer has samples. Floors are no peers.
func best[S any](of map[string][]S, f func(S) float64) string {
	var name string
	var least float64
	for _, s := range order {
		if m := of[s]; len(m) > 0 && s != mangroveName && !isFloor(s) {
			if v := median(values(m, f)); name == "" || v < least {
				name, least = s, v
			}
		}
	}
	return name
}

// ratios returns a's values by b's of the same rounds.
func ratios(a, b []sample, f func(sample) float64) []float64 {
	byRound := map[int]float64{}
	for _, s := range b {
		byRound[s.Round] = f(s)
	}
	var out []float64
	for _, s := range a {
		if v := byRound[s.Round]; v > 0 {
			out = append(out, f(s)/v)
		}
	}
	return out
}

// order is how servers are listed where nothing else orders them.
var order = []string{mangroveName, "gdnsd", "yadifa", "nsd", "knot", "bind", "powerdns", "floor-c", "floor-go"}

func isFloor(name string) bool { return slices.Contains(order[7:], name) }
