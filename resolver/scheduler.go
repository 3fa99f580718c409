package resolver

import (
	"os"
	"runtime"
)

// spareProcs is how many goroutines may run beside the workers before one of them has to wait. A zone that is parsed, or
// a collection, would otherwise take a worker's place for up to 10 ms; so the operating system shares the processors, in
// slices of its own, and Go's scheduler has nothing to decide.
const spareProcs = 2

// Schedule prepares the Go scheduler for a server with so many workers (0: one for each processor that this process may
// use), and returns their number, for Options. It is for main, before anything runs: it raises GOMAXPROCS, unless the
// environment has set it.
func Schedule(workers int) int {
	if workers == 0 {
		workers = min(runtime.GOMAXPROCS(0), runtime.NumCPU())
	}
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < workers+spareProcs {
		runtime.GOMAXPROCS(workers + spareProcs)
	}
	return workers
}
