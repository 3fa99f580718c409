package providers_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/providertest"
	"github.com/mangrove-dns/mangrove/zones"
)

// TestSimulation lets edits, verdicts, pushes, foreign edits, faults and restarts happen at random, with what must hold
// checked at every change at the provider, and convergence at the end.
func TestSimulation(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		for _, edits := range []providers.Edits{providers.PlanOnly, providers.Auto} {
			t.Run(fmt.Sprintf("seed %d edits %d", seed, edits), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { newWorld(t, seed, edits).live(80) })
			})
		}
	}
}

// world is the model: a map of what the zone says, what is dead, and what was ever pushed.
type world struct {
	t     *testing.T
	rnd   *rand.Rand
	edits providers.Edits
	fake  *providertest.Fake
	state *generations
	rig   *rig

	mu      sync.Mutex
	loaded  map[string][]int        // owner -> last octets
	dead    map[int]bool            //
	pushed  map[string]map[int]bool // owner -> octets that a push was ever allowed to write
	gone    map[string]bool         // owners that a push was ever allowed to delete
	editing bool                    // the test itself changes the provider
	faulty  bool
	luck    *rand.Rand   // of the faults
	decided map[int]bool // what was dead when the write under way began
}

func newWorld(t *testing.T, seed uint64, edits providers.Edits) *world {
	w := &world{t: t, rnd: rand.New(rand.NewPCG(seed, 7)), luck: rand.New(rand.NewPCG(seed, 8)), edits: edits, fake: providertest.NewFake(origin),
		state: &generations{t: t}, loaded: make(map[string][]int), dead: make(map[int]bool), pushed: make(map[string]map[int]bool), gone: make(map[string]bool)}
	w.fake.Edit(providertest.Set(origin, "theirs A 192.0.2.250"))
	w.fake.Step = w.step
	w.fake.Fault = w.fault
	for i := range 5 {
		w.loaded[fmt.Sprintf("n%d", i)] = []int{1, 2, 3}
	}
	w.start()
	return w
}

func (w *world) start() {
	o := options(w.state, nil)
	o.Timeouts = providers.Timeouts{Read: 5 * time.Second, Apply: 5 * time.Second, Stop: time.Second}
	gen := uint64(0)
	if w.rig != nil {
		gen = w.rig.gen
	}
	w.rig = newRig(w.t, o, providers.Mirror{Provider: "p", Driver: w.fake, Edits: w.edits,
		Limits: providers.Limits{DeletePercent: 100, UpdatePercent: 100}})
	w.rig.gen = gen
	w.tell()
	w.rig.run()
}

// octets returns the values of an RRset as their last octets.
func octets(s providers.RRset) (out []int) {
	for _, d := range s.Data {
		out = append(out, int(d[3]))
	}
	return out
}

// step checks one change at the provider.
func (w *world) step(n zones.Name, old, next providers.RRset) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.editing {
		return
	}
	owner := n.Relative(zone)
	if owner == "theirs" {
		w.t.Errorf("what is not ours was changed: %v -> %v", octets(old), octets(next))
	}
	if !old.IsZero() && next.IsZero() && !w.gone[owner] {
		w.t.Errorf("%s was emptied, and no push or edit said so: %v", owner, octets(old))
	}
	for _, v := range octets(next) {
		if !slices.Contains(octets(old), v) && !w.pushed[owner][v] {
			w.t.Errorf("%s: %d was written and never pushed", owner, v)
		}
	}
	live := func(v int) bool { return !w.decided[v] }
	if slices.ContainsFunc(octets(old), live) && !slices.ContainsFunc(octets(next), live) && !next.IsZero() {
		if said := w.loaded[owner]; slices.ContainsFunc(said, func(v int) bool { return live(v) && slices.Contains(octets(old), v) }) {
			w.t.Errorf("%s: %v -> %v takes the last live one away", owner, octets(old), octets(next))
		}
	}
}

func (w *world) fault(c providertest.Call) providertest.Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.Op == providertest.OpApply {
		w.decided = maps.Clone(w.dead)
	}
	if !w.faulty || w.luck.IntN(4) != 0 {
		return providertest.Fault{}
	}
	return []providertest.Fault{
		{Before: providers.ErrUnavailable}, {After: providers.ErrUnavailable}, {Lost: true}, {Hang: true}, {Part: 1}, {Stale: true},
		{Before: providers.ErrConflict}, {Delay: time.Second}, {Before: &providers.RetryError{After: 3 * time.Second, Err: providers.ErrRateLimited}},
	}[w.luck.IntN(9)]
}

// tell publishes what is loaded less what is dead; an RRset whose every target is dead is served whole.
func (w *world) tell() {
	w.mu.Lock()
	var loaded, served strings.Builder
	why := make(map[string]bool)
	for owner, values := range w.loaded {
		live := slices.DeleteFunc(slices.Clone(values), func(v int) bool { return w.dead[v] })
		if len(live) == 0 {
			live = values
		}
		for _, v := range values {
			fmt.Fprintf(&loaded, "%s 60 A 192.0.2.%d\n", owner, v)
			if w.dead[v] {
				why[fmt.Sprintf("%s A 192.0.2.%d", owner, v)] = true
			}
		}
		for _, v := range live {
			fmt.Fprintf(&served, "%s 60 A 192.0.2.%d\n", owner, v)
		}
		if w.edits == providers.Auto {
			w.allowLocked()
		}
	}
	w.mu.Unlock()
	var dead []string
	for d := range why {
		dead = append(dead, d)
	}
	w.rig.update(loaded.String(), served.String(), dead...)
}

// allowLocked notes that what is loaded now may be written, and what is not may go.
func (w *world) allowLocked() {
	for i := range 8 {
		owner := fmt.Sprintf("n%d", i)
		values, ok := w.loaded[owner]
		if !ok {
			w.gone[owner] = true
			continue
		}
		if w.pushed[owner] == nil {
			w.pushed[owner] = make(map[int]bool)
		}
		for _, v := range values {
			w.pushed[owner][v] = true
		}
	}
}

func (w *world) live(steps int) {
	for range steps {
		synctest.Wait()
		w.act()
		time.Sleep(time.Duration(w.rnd.IntN(8000)) * time.Millisecond)
	}
	w.mu.Lock()
	w.faulty = false
	clear(w.dead)
	w.allowLocked()
	w.mu.Unlock()
	w.tell()
	time.Sleep(5 * time.Minute)
	w.push()
	time.Sleep(5 * time.Minute)
	synctest.Wait()
	w.rig.wantPhase("p", providers.InSync)
	for i := range 8 {
		owner := fmt.Sprintf("n%d", i)
		want := slices.Clone(w.loaded[owner])
		got := octets(w.fake.Held(owner+".example.org", dns.TypeA))
		if len(want) == 0 { // someone else may have put something there since it was not ours any more
			got = slices.DeleteFunc(got, func(v int) bool { return v > 100 })
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			w.t.Errorf("%s ends as %v, want %v", owner, got, want)
		}
	}
	w.rig.stop()
}

// act does one thing at random.
func (w *world) act() {
	owner, v := fmt.Sprintf("n%d", w.rnd.IntN(6)), 1+w.rnd.IntN(5)
	w.mu.Lock()
	w.faulty = w.rnd.IntN(3) > 0
	choice := w.rnd.IntN(14)
	switch choice {
	case 0, 1, 2, 3:
		w.dead[v] = !w.dead[v]
	case 4:
		if !slices.Contains(w.loaded[owner], v) {
			w.loaded[owner] = append(slices.Clone(w.loaded[owner]), v)
		}
	case 5:
		if rest := slices.DeleteFunc(slices.Clone(w.loaded[owner]), func(x int) bool { return x == v }); len(rest) > 0 {
			w.loaded[owner] = rest
		}
	case 6:
		if len(w.loaded) > 2 {
			delete(w.loaded, owner)
		}
	}
	w.mu.Unlock()
	switch choice {
	case 7, 8:
		w.push()
	case 9, 10:
		w.foreign(owner, v)
	case 11:
		w.rig.stop()
		w.start()
	case 12, 13:
	default:
		w.tell()
	}
}

// push approves what is loaded now.
func (w *world) push() {
	w.mu.Lock()
	w.allowLocked()
	w.mu.Unlock()
	w.tell()
	_, err := w.rig.engine.Push(w.t.Context(), "p", zone, providers.PushOptions{Wait: -1, Allow: []string{"G2", "G3", "G4", "G5", "G6"}})
	var blocked *providers.BlockedError
	if errors.As(err, &blocked) {
		w.t.Errorf("push: %v", err)
	}
}

// foreign edits one RRset at the provider as someone else would.
func (w *world) foreign(owner string, v int) {
	w.mu.Lock()
	w.editing = true
	w.mu.Unlock()
	s := w.fake.Held(owner+".example.org", dns.TypeA)
	switch w.rnd.IntN(3) {
	case 0:
		s = providertest.Set(origin, fmt.Sprintf("%s 60 A 192.0.2.%d", owner, 100+v))
	case 1:
		if len(s.Data) > 1 {
			s.Data = s.Data[1:]
		}
	case 2:
		s.Data = nil
	}
	s.Name, s.Type = zones.MustParseName(owner+".example.org"), dns.TypeA
	w.fake.Edit(s)
	w.mu.Lock()
	w.editing = false
	w.mu.Unlock()
}
