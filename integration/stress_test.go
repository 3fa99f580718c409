package integration

import (
	"flag"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"
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
