package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// Zones have next to no pointers, so that collecting garbage costs little: it may come often, and memory stays near what is
// in use. What a load leaves behind goes back to the system at once.

// loadHeap is how far the heap grows in a load before garbage is collected at all: most of what a start allocates stays.
const loadHeap = 64 << 20

// loadZone is how much more a zone may add: with very many, what is in use beside their records counts, and nearly all of it stays.
const loadZone = 4 << 10

// load is a load of zones, in which garbage collection is put off until there is something to collect.
type load struct {
	mu  sync.Mutex
	off bool
}

// beforeLoad begins a load. Where GOGC or GOMEMLIMIT say otherwise, they win.
func beforeLoad() *load {
	l := &load{}
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return l
	}
	l.off = true
	before := debug.SetGCPercent(-1)
	debug.SetMemoryLimit(loadHeap)
	// The first collection ends it.
	runtime.SetFinalizer(new([16]byte), func(*[16]byte) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.off = false
		debug.SetMemoryLimit(math.MaxInt64)
		debug.SetGCPercent(before)
	})
	return l
}

// expect says how many zones will be loaded.
func (l *load) expect(zones int) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.off {
		debug.SetMemoryLimit(loadHeap + loadZone*int64(zones))
	}
}

// garbage is how much of it may be there, in percent of what is in use, before it is collected.
const garbage = 60

// afterLoad settles memory once zones were loaded.
func afterLoad() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(math.MaxInt64)
	}
	if freeable() > 8<<20 {
		debug.FreeOSMemory()
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
}

// trimmer gives back what pieces of work leave behind, once they have gone through so much memory that it pays.
type trimmer struct {
	mu      sync.Mutex
	trimmed uint64 // octets allocated, ever, at the last time
}

const trimEvery = 64 << 20

// aside is aside for work that may leave much behind.
func (t *trimmer) aside(f func()) {
	aside(f)
	t.trim()
}

func (t *trimmer) trim() {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	t.mu.Lock()
	allocated := s[0].Value.Uint64()
	due := allocated-t.trimmed > trimEvery
	if due {
		t.trimmed = allocated
	}
	t.mu.Unlock()
	if due {
		debug.FreeOSMemory()
	}
}

// freeable returns how many octets of the heap are garbage or free, and not yet given back.
func freeable() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	n := s[0].Value.Uint64() + s[1].Value.Uint64()
	if objects, live := s[2].Value.Uint64(), s[3].Value.Uint64(); objects > live {
		n += objects - live
	}
	return n
}
