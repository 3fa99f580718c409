package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/miekg/dns"
)

// disk is what survives a crash: a Store as plain data. It panics where a journal entry is not what it says, and refuses what does
// not follow, as package store does.
type disk struct {
	mu       sync.Mutex
	heads    map[zones.Name]Head
	image    map[zones.Name]*zones.Zone
	journal  map[zones.Name][]Journal
	block    uint32
	compared int // calls of ServedIs
	writes   int // that were done
}

// reserved returns the highest serial that may have been served after h.
func (d *disk) reserved(h Head) uint32 {
	switch {
	case !h.Journaled:
		return h.Reserved + d.block
	case newer(h.Reserved, h.Serial+d.block):
		return h.Reserved
	}
	return h.Serial + d.block
}

func newDisk() *disk {
	return &disk{heads: map[zones.Name]Head{}, image: map[zones.Name]*zones.Zone{}, journal: map[zones.Name][]Journal{}}
}

// mount is the disk as one process sees it, with its faults.
type mount struct {
	*disk
	fault func(op string, origins []zones.Name) error // before a write
	after func(op string) error                       // after it: done, but said to have failed
	reads error
}

var errFull = errors.New("no space left on device")

type chainErr struct{ text string }

func (e chainErr) Error() string { return e.text }
func (chainErr) Chain() bool     { return true }

func (m *mount) begin(op string, origins []zones.Name) error {
	m.mu.Lock()
	f := m.fault
	m.mu.Unlock()
	if f != nil {
		return f(op, origins)
	}
	return nil
}

func (m *mount) end(op string) error {
	m.writes++
	if m.after != nil {
		return m.after(op)
	}
	return nil
}

func (m *mount) Heads(context.Context) ([]Head, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.heads)), m.reads
}

func (m *mount) Head(_ context.Context, origin zones.Name) (Head, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.heads[origin]
	return h, ok, m.reads
}

func (m *mount) Block(context.Context) (uint32, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.block, m.reads
}

func (m *mount) SetBlock(_ context.Context, n uint32) error {
	if err := m.begin("block", nil); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.block = n
	return m.end("block")
}

func (m *mount) Reserve(_ context.Context, upTo map[zones.Name]uint32) error {
	if err := m.begin("reserve", slices.Collect(maps.Keys(upTo))); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for n, s := range upTo {
		h := m.heads[n]
		if h.Journaled && newer(h.Serial, s) {
			panic(fmt.Sprintf("%s: reserved %d below what is journaled, %d", n, s, h.Serial))
		}
		h.Origin, h.Reserved = n, s
		m.heads[n] = h
	}
	return m.end("reserve")
}

func (m *mount) AppendServed(_ context.Context, vs []Journal) error {
	origins := make([]zones.Name, len(vs))
	for i, v := range vs {
		origins[i] = v.Origin
	}
	if err := m.begin("append", origins); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range vs {
		h := m.heads[v.Origin]
		if v.Generation <= h.Generation || h.Journaled && (v.Prev != h.Generation || v.From != h.Serial || !newer(v.To, v.From)) || !h.Journaled && v.Prev != 0 {
			return chainErr{fmt.Sprintf("%s: %d/%d → %d/%d after %d/%d", v.Origin, v.Prev, v.From, v.Generation, v.To, h.Generation, h.Serial)}
		}
		if _, known := m.heads[v.Origin]; known && newer(v.To, m.reserved(h)) {
			panic(fmt.Sprintf("%s: serial %d is beyond what is reserved, %d", v.Origin, v.To, m.reserved(h)))
		}
		if v.Zone.Serial() != v.To {
			panic(fmt.Sprintf("%s: serial %d in the zone, %d in the journal", v.Origin, v.Zone.Serial(), v.To))
		}
		if v.Prev != 0 && !v.Whole && text(apply(m.image[v.Origin], v.Changes)) != text(v.Zone) {
			return chainErr{fmt.Sprintf("%s: the changes do not lead to serial %d", v.Origin, v.To)}
		}
	}
	for _, v := range vs {
		h, known := m.heads[v.Origin]
		if !known || newer(v.To, h.Reserved) {
			h.Reserved = v.To
		}
		m.heads[v.Origin] = Head{v.Origin, h.Reserved, v.Generation, true, v.To, v.Time, v.FileSerial, v.FileVersion}
		m.image[v.Origin] = v.Zone
		m.journal[v.Origin] = append(m.journal[v.Origin], v)
	}
	return m.end("append")
}

func (m *mount) Served(_ context.Context, origin zones.Name) (*zones.Zone, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if z := m.image[origin]; z != nil && m.reads == nil {
		return z, nil
	}
	return nil, errors.Join(errors.New("not there"), m.reads)
}

func (m *mount) ServedIs(_ context.Context, z *zones.Zone) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.compared++
	return m.heads[z.Origin()].Journaled && content(m.image[z.Origin()]) == content(z), m.reads
}

func (m *mount) forget(origin zones.Name) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.heads[origin]
	m.heads[origin] = Head{Origin: origin, Reserved: h.Reserved, Generation: h.Generation}
	delete(m.image, origin)
	delete(m.journal, origin)
}

// set changes the faults.
func (m *mount) set(fault func(op string, origins []zones.Name) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = fault
}

// hold makes the writes of op wait until the function that it returns is called.
func (m *mount) hold(op string) (release func()) {
	gate := make(chan struct{})
	m.set(func(o string, _ []zones.Name) error {
		if o == op {
			<-gate
		}
		return nil
	})
	return func() { close(gate) }
}

// full is the fault of a disk without space.
func full(string, []zones.Name) error { return errFull }

func apply(z *zones.Zone, changes []zones.Change) *zones.Zone {
	for _, c := range changes {
		if old, _ := z.RRset(c.Name, c.Type); !old.Equal(c.Old) && !(old.IsZero() && c.Old.IsZero()) {
			return nil
		}
	}
	out, err := z.With(changes)
	if err != nil {
		panic(err)
	}
	return out
}

// text is a zone as text; content the same with the serial 0.
func text(z *zones.Zone) string {
	if z == nil {
		return "no zone"
	}
	var b strings.Builder
	for s := range z.RRsets() {
		b.WriteString(s.String() + "\n")
	}
	return b.String()
}

func content(z *zones.Zone) string {
	z, err := z.WithSerial(0)
	if err != nil {
		panic(err)
	}
	return text(z)
}

// zone makes a zone with a serial, and a record for each of texts: "www 192.0.2.1".
func zone(origin string, serial uint32, texts ...string) *zones.Zone {
	o := zones.MustParseName(origin)
	rrs := []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: origin, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 300},
		Ns: "ns." + origin, Mbox: "host." + origin, Serial: serial, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: 60}}
	for _, s := range texts {
		name, addr, _ := strings.Cut(s, " ")
		rr, err := dns.NewRR(fmt.Sprintf("%s.%s 60 IN A %s", name, origin, addr))
		if err != nil {
			panic(err)
		}
		rrs = append(rrs, rr)
	}
	sets, err := zones.FromRRs(rrs)
	if err != nil {
		panic(err)
	}
	b := zones.NewBuilder(o)
	for _, s := range sets {
		if err := b.AddRRset(s); err != nil {
			panic(err)
		}
	}
	return b.Zone()
}

// change is what becomes of the addresses of a name.
func change(origin, name string, addrs ...string) zones.Change {
	c := zones.Change{Name: zones.MustParseName(name + "." + origin), Type: dns.TypeA}
	for _, a := range addrs {
		c.New.Data = append(c.New.Data, []byte(a)[:4])
	}
	if len(addrs) > 0 {
		c.New.Name, c.New.Type, c.New.TTL = c.Name, c.Type, 60
	}
	return c
}

// server is a publisher whose Run is under way.
type server struct {
	*Publisher
	m    *mount
	stop context.CancelFunc
	done chan error
}

// start makes a publisher over d, within a bubble of synctest.
func start(t *testing.T, d *disk, o Options) *server {
	t.Helper()
	s := boot(t, &mount{disk: d}, o)
	t.Cleanup(s.kill)
	return s
}

// boot starts a publisher that reads and writes m.
func boot(t *testing.T, m *mount, o Options) *server {
	t.Helper()
	o.Store = m
	s := &server{Publisher: New(o), m: m, done: make(chan error, 1)}
	if err := s.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.WithoutCancel(t.Context()))
	go func() { s.done <- s.Run(ctx) }()
	return s
}

// shutdown ends a server as SIGTERM does.
func (s *server) shutdown() error {
	s.stop()
	err := <-s.done
	s.done <- err
	return err
}

// kill ends a server as kill -9 does: nothing is written any more.
func (s *server) kill() {
	s.m.set(func(string, []zones.Name) error { return errors.New("killed") })
	_ = s.shutdown()
}

// publish publishes whole zones.
func (s *server) publish(t *testing.T, us ...Update) Result {
	t.Helper()
	res, err := s.Publish(t.Context(), us)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// flip publishes changes.
func (s *server) flip(t *testing.T, origin string, cs ...zones.Change) Result {
	t.Helper()
	res, err := s.PublishChanges(zones.MustParseName(origin), cs, []string{"flip"})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// serial returns the serial that is served, as the zone has it.
func (s *server) serial(origin string) uint32 {
	return s.Catalog().Zone(zones.MustParseName(origin)).Serial()
}

// bubble runs f with virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

const org = "example.org."

var orgName = zones.MustParseName(org)

// after lets the time pass in which the writer tries again.
func after(d time.Duration) {
	time.Sleep(d) // of the bubble: virtual
	synctest.Wait()
}
