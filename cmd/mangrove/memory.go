package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
)

// Zones have next to no pointers, so that collecting garbage costs little: it may come often, and memory stays near what is
// in use. What a load leaves behind goes back to the system at once.

// garbage is how much of it may be there, in percent of what is in use, before it is collected.
const garbage = 25

// afterLoad settles memory once zones were loaded.
func afterLoad() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	if free := freeable(); free > 8<<20 {
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
