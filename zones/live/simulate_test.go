package live

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// TestSimulate runs random edits, flips, disk faults, crashes and restarts against a map of what should be served. After every
// step: what is served is what was published last, serials have not gone back and are reserved, and what is durable
// never shows two contents under one serial. At the end the disk heals, and everything is journaled without a gap.
func TestSimulate(t *testing.T) {
	seeds, steps := 60, 150
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				sim := &simulation{t: t, r: rand.New(rand.NewPCG(uint64(seed), 14)), d: newDisk(), want: map[string]string{},
					file: map[string]uint32{}, last: map[string]seen{}, durable: map[string]string{}}
				for i, serial := range []uint32{0, 1, math.MaxUint32 - 20, 2026112001, 1<<31 - 5} {
					sim.file[fmt.Sprintf("z%d.example.", i)] = serial
				}
				sim.boot()
				defer func() { sim.free(); sim.s.kill() }()
				for i := range steps {
					sim.step = i
					sim.act()
					if t.Failed() {
						t.Fatalf("seed %d, step %d: %s", seed, i, sim.did)
					}
				}
				sim.heal()
			})
		})
	}
}

type simulation struct {
	t       *testing.T
	r       *rand.Rand
	d       *disk
	s       *server
	release chan struct{} // frees a hanging disk; nil: none hangs
	faulty  bool
	step    int
	did     string

	want    map[string]string // origin → address of www that should be served
	file    map[string]uint32
	last    map[string]seen
	durable map[string]string // origin and serial → content
}

// seen is what was served of a zone when it was last looked at.
type seen struct {
	serial     uint32
	content    string
	unreserved bool
}

const simZones = 5

func (sim *simulation) origin() string { return fmt.Sprintf("z%d.example.", sim.r.IntN(simZones)) }
func (sim *simulation) addr() string   { return fmt.Sprintf("%04d", sim.r.IntN(4)) }

// zone makes the zone that the model wants.
func (sim *simulation) zone(origin string) *zones.Zone {
	z, err := zone(origin, sim.file[origin]).With([]zones.Change{change(origin, "www", sim.want[origin])})
	if err != nil {
		panic(err)
	}
	return z
}

func (sim *simulation) update(origin string) Update {
	return Update{Zone: sim.zone(origin), FileSerial: sim.file[origin], FileVersion: fmt.Sprint(sim.step), Reasons: []string{"edit"}}
}

func (sim *simulation) boot() {
	sim.s = boot(sim.t, &mount{disk: sim.d}, Options{Block: 8, RetryMin: time.Second, RetryMax: time.Second})
}

// act does one random thing and looks at the result.
func (sim *simulation) act() {
	switch n := sim.r.IntN(100); {
	case n < 35:
		sim.flip()
	case n < 55:
		sim.edit()
	case n < 65:
		sim.did = "remove"
		origin := sim.origin()
		sim.s.Remove(zones.MustParseName(origin))
		delete(sim.want, origin)
	case n < 80:
		sim.did = "fault"
		sim.setFault(sim.r.IntN(6))
	case n < 90:
		sim.did = "time"
		time.Sleep(time.Duration(sim.r.IntN(5)) * time.Second)
	case n < 95:
		sim.crash()
	default:
		sim.restart()
	}
	if sim.r.IntN(2) == 0 {
		synctest.Wait()
	}
	sim.check()
}

func (sim *simulation) flip() {
	origin, addr := sim.origin(), sim.addr()
	sim.did = "flip " + origin
	res, err := sim.s.PublishChanges(zones.MustParseName(origin), []zones.Change{change(origin, "www", addr)}, []string{"flip"})
	switch {
	case sim.want[origin] == "":
		if !errors.Is(err, ErrNotServed) {
			sim.t.Errorf("%s: error is %v, want ErrNotServed", origin, err)
		}
		return
	case err != nil:
		sim.t.Error(err)
	case len(res.Published) != 1 && sim.want[origin] != addr:
		sim.t.Errorf("%s: a flip was not published", origin)
	}
	sim.want[origin] = addr
}

// edit publishes some zones together, with serials of every kind.
func (sim *simulation) edit() {
	sim.did = "edit"
	var us []Update
	for range 1 + sim.r.IntN(3) {
		origin := sim.origin()
		sim.want[origin] = sim.addr()
		switch sim.r.IntN(5) {
		case 0:
			sim.file[origin]++
		case 1:
			sim.file[origin] += 1000
		case 2:
			sim.file[origin] += 1 << 25 // so that no run goes around twice, where serials would not compare
		case 3:
			sim.file[origin] -= uint32(sim.r.IntN(20))
		}
		us = append(us, sim.update(origin))
		sim.did += " " + origin
	}
	sim.s.publish(sim.t, us...)
}

func (sim *simulation) setFault(kind int) {
	sim.free()
	m, r := sim.s.m, rand.New(rand.NewPCG(sim.r.Uint64(), 1))
	var fault func(string, []zones.Name) error
	var late func(string) error
	sim.faulty = true
	switch kind {
	case 0:
		fault = full
	case 1: // now and then
		fault = func(string, []zones.Name) error {
			if r.IntN(3) == 0 {
				return errFull
			}
			return nil
		}
	case 2:
		release := make(chan struct{})
		fault = func(string, []zones.Name) error { <-release; return nil }
		sim.release = release
	case 3: // done, but said to have failed, now and then
		late = func(string) error {
			if r.IntN(2) == 0 {
				return errors.New("fsync: input/output error")
			}
			return nil
		}
	default:
		sim.faulty = false
	}
	m.mu.Lock()
	m.fault, m.after = fault, late
	m.mu.Unlock()
}

func (sim *simulation) free() {
	if sim.release != nil {
		close(sim.release)
		sim.release = nil
	}
}

// crash ends the process: what was in progress may be done or not.
func (sim *simulation) crash() {
	sim.did = "crash"
	if sim.r.IntN(2) == 0 {
		sim.s.m.set(func(string, []zones.Name) error { return errors.New("killed") })
	}
	sim.free()
	sim.s.kill()
	sim.again()
}

// restart ends the process in order, if the disk lets it. Zones whose content is the same must keep their serials then.
func (sim *simulation) restart() {
	sim.did = "restart"
	sim.free()
	if err := sim.s.shutdown(); err != nil {
		if !sim.faulty {
			sim.t.Error(err)
		}
		sim.again()
		return
	}
	sim.boot()
	for origin := range sim.want {
		sim.s.publish(sim.t, sim.update(origin))
		if got := sim.s.serial(origin); got != sim.last[origin].serial && !sim.last[origin].unreserved {
			sim.t.Errorf("%s: serial %d after a clean restart, was %d", origin, got, sim.last[origin].serial)
		}
	}
}

// again starts the process and publishes what should be served, some of it edited meanwhile.
func (sim *simulation) again() {
	for origin := range sim.last {
		if _, known := sim.d.heads[zones.MustParseName(origin)]; !known {
			delete(sim.last, origin) // a new zone that the store never heard of: nothing can be remembered
		}
	}
	sim.boot()
	sim.faulty = false
	if sim.r.IntN(3) == 0 {
		sim.setFault(sim.r.IntN(4))
	}
	var us []Update
	for origin := range sim.want {
		if sim.r.IntN(3) == 0 {
			sim.want[origin] = sim.addr()
		}
		us = append(us, sim.update(origin))
	}
	sim.s.publish(sim.t, us...)
}

// check looks at everything that must hold at any time.
func (sim *simulation) check() {
	t := sim.t
	if got := sim.s.Catalog().Len(); got != len(sim.want) {
		t.Errorf("%d zones are served, want %d", got, len(sim.want))
	}
	for origin := range sim.want {
		name := zones.MustParseName(origin)
		v, ok := sim.s.Version(name)
		if !ok || v.Zone != sim.s.Catalog().Zone(name) || v.Zone.Serial() != v.Serial {
			t.Errorf("%s: version %+v", origin, v)
			continue
		}
		now := seen{v.Serial, content(v.Zone), v.Unreserved}
		if want := content(sim.zone(origin)); now.content != want {
			t.Errorf("%s: served is\n%s\nwant\n%s", origin, now.content, want)
		}
		sim.checkSerial(origin, name, now)
		sim.last[origin] = now
		if d, ok := sim.s.Durable(name); ok {
			key := fmt.Sprint(origin, d.Serial)
			if was, ok := sim.durable[key]; ok && was != content(d.Zone) {
				t.Errorf("%s: two durable contents have serial %d", origin, d.Serial)
			}
			sim.durable[key] = content(d.Zone)
		}
	}
}

func (sim *simulation) checkSerial(origin string, name zones.Name, now seen) {
	t := sim.t
	if was, ok := sim.last[origin]; ok {
		if newer(was.serial, now.serial) || !newer(now.serial, was.serial) && now.serial != was.serial {
			t.Errorf("%s: serial %d after %d", origin, now.serial, was.serial)
		}
		if now.serial == was.serial && now.content != was.content && !now.unreserved && !was.unreserved {
			t.Errorf("%s: other content with serial %d", origin, now.serial)
		}
	}
	sim.d.mu.Lock()
	h, known := sim.d.heads[name]
	reserved := sim.d.reserved(h)
	sim.d.mu.Unlock()
	if known && !now.unreserved && newer(now.serial, reserved) {
		t.Errorf("%s: serial %d is served, %d is reserved", origin, now.serial, reserved)
	}
}

// heal takes the faults away: everything must become durable then.
func (sim *simulation) heal() {
	sim.did = "heal"
	sim.setFault(5)
	after(10 * time.Minute)
	sim.check()
	if h := sim.s.Health(); !h.OK() || h.Pending > 0 {
		sim.t.Errorf("health: %+v", h)
	}
	for origin := range sim.want {
		name := zones.MustParseName(origin)
		if v, _ := sim.s.Version(name); !v.Durable {
			sim.t.Errorf("%s: %+v", origin, v)
		}
		wantChain(sim.t, sim.d, name, sim.s.Catalog().Zone(name))
	}
}
