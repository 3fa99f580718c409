package providers

import (
	"errors"
	"sync"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// State keeps what must outlive the process: for each provider and zone two blobs, whose codec is this package's. It is
// safe for concurrent use.
type State interface {
	// Load returns what Save kept; a zero Saved, without error, where there is nothing.
	Load(provider string, zone zones.Name) (Saved, error)
	// Save replaces what is kept, atomically, and is durable when it returns. Where the generation kept now is not
	// was (0: nothing kept), it changes nothing and returns an error wrapping ErrFenced: another controller writes there. A nil
	// Base leaves the base that is kept.
	Save(provider string, zone zones.Name, was uint64, s Saved) error
}

// Saved is the state of one mirror as a store sees it.
type Saved struct {
	Generation uint64 // rises with every write to the provider, never falls
	Live       []byte // small: changes with every flip
	Base       []byte // as large as the zone: changes with a push
}

// ErrFenced means that another controller has written for this provider and zone since we read its state. Nothing was done.
var ErrFenced = errors.New("another controller writes to this mirror")

// MirrorState is what we know of one zone at one provider that the provider can't tell us.
type MirrorState struct {
	// Generation counts our writes. A write of generation n is never followed by one of n or less.
	Generation uint64
	// Approved is what the last push of each RRset was to hold while every target lives, as the provider holds it. Its
	// keys are what is ours there, even when the zone has dropped them since.
	Approved map[Key]RRset
	// Applied is what we saw there last as our own work, where that is not Approved (something is withdrawn).
	Applied map[Key]RRset
	// Pending is the write that was begun and whose outcome was not yet seen.
	Pending *Intent
	// Doubts are changes that were begun and not seen to be done when their outcome was looked for, and RRsets that we saw
	// gone after we deleted them. A provider may show things late: what then appears is still our own work. They are
	// forgotten after an hour.
	Doubts map[Key]Doubt
	// Verified is when all of it was last seen at the provider (and its name servers, where they can be asked), and the served serial.
	Verified Verified
	// Error is the last error in words, "" once it is over.
	Error   string
	ErrorAt time.Time
}

// Verified is a moment at which a provider was seen to hold and answer what it should.
type Verified struct {
	Time   time.Time
	Serial uint32
}

// Intent is a write that is about to begin. It is durable before the first call.
type Intent struct {
	Generation uint64
	Time       time.Time
	Mode       Mode
	Serial     uint32
	Changes    []IntentChange
}

// IntentChange is one RRset of an Intent.
type IntentChange struct {
	Key    Key
	New    RRset // no records: it goes
	Record RRset // what Approved becomes once New is seen; with Health, what Applied becomes
	Health bool  // Approved stays as it is
}

// Doubt is a change whose outcome was not seen, and when it was begun.
type Doubt struct {
	Change IntentChange
	Begun  time.Time
}

const doubtHolds = time.Hour

// NewMirrorState returns the state of a mirror that was never written to.
func NewMirrorState() *MirrorState {
	return &MirrorState{Approved: make(map[Key]RRset), Applied: make(map[Key]RRset), Doubts: make(map[Key]Doubt)}
}

// owns says whether we have ever written k there, and not deleted it since.
func (m *MirrorState) owns(k Key) bool { _, ok := m.Approved[k]; return ok }

// applied returns what we last saw there as our own work.
func (m *MirrorState) applied(k Key) (RRset, bool) {
	if s, ok := m.Applied[k]; ok {
		return s, true
	}
	s, ok := m.Approved[k]
	return s, ok
}

// released says that an RRset is gone and no longer ours.
func (s settle) released() bool { return s.held.IsZero() && s.approve.IsZero() && !s.health }

// settle takes over that the provider holds s for k. It says whether Approved changed.
func (m *MirrorState) settle(k Key, s settle) (base bool) {
	if s.released() {
		base = m.owns(k)
		delete(m.Approved, k)
		delete(m.Applied, k)
		return base
	}
	if !s.health {
		old, ok := m.Approved[k]
		if base = !ok || !same(old, s.approve); base {
			m.Approved[k] = s.approve
		}
	}
	if same(m.Approved[k], s.held) {
		delete(m.Applied, k)
	} else {
		m.Applied[k] = s.held
	}
	return base
}

// same says whether a and b ask for exactly the same.
func same(a, b RRset) bool { return Equal(a, b) && Equal(b, a) }

// MemoryState is a State that lives as long as the process: for tests, and for a mirror whose durable state can't be had.
// The zero MemoryState is empty and ready.
type MemoryState struct {
	mu sync.Mutex
	m  map[memoryKey]Saved
}

type memoryKey struct {
	provider string
	zone     zones.Name
}

// Load implements State.
func (m *MemoryState) Load(provider string, zone zones.Name) (Saved, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.m[memoryKey{provider, zone}], nil
}

// Save implements State.
func (m *MemoryState) Save(provider string, zone zones.Name, was uint64, s Saved) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := memoryKey{provider, zone}
	old := m.m[k]
	if old.Generation != was {
		return ErrFenced
	}
	if s.Base == nil {
		s.Base = old.Base
	}
	if m.m == nil {
		m.m = make(map[memoryKey]Saved)
	}
	m.m[k] = s
	return nil
}
