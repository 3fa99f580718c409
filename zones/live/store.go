package live

import (
	"context"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// Store is what the publisher needs of durable state; *store.Bolt and any other store.Store have it, and document it. Its
// errors mean "not known to be written": the publisher reads again before it tries again.
type Store interface {
	// Heads returns where all zones stand, Head where one does.
	Heads(ctx context.Context) ([]Head, error)
	Head(ctx context.Context, origin zones.Name) (Head, bool, error)
	// Block returns what SetBlock kept last: how far above its newest journaled serial (above Head.Reserved, where nothing
	// is journaled) each zone may have been served; 0: no further.
	Block(ctx context.Context) (uint32, error)
	SetBlock(ctx context.Context, n uint32) error
	// Reserve sets the highest serial that may be served, for each zone.
	Reserve(ctx context.Context, upTo map[zones.Name]uint32) error
	// AppendServed journals versions: all of them or, with an error, as far as is known none. An error that has a
	// method Chain() bool which returns true says that one of them does not follow the newest journaled one.
	AppendServed(ctx context.Context, vs []Journal) error
	// Served returns the newest journaled version.
	Served(ctx context.Context, origin zones.Name) (*zones.Zone, error)
	// ServedIs says whether z has the content of the newest journaled version, whatever its serial.
	ServedIs(ctx context.Context, z *zones.Zone) (bool, error)
}

// Head is store.Head. The two are aliases of one type without a name, so that neither package imports the other.
type Head = struct {
	Origin      zones.Name
	Reserved    uint32
	Generation  uint64
	Journaled   bool
	Serial      uint32
	Time        time.Time
	FileSerial  uint32
	FileVersion string
}

// Journal is store.Version, in the same manner as Head.
type Journal = struct {
	Origin      zones.Name
	Prev        uint64
	Generation  uint64
	From, To    uint32
	Time        time.Time
	Reasons     []string
	FileSerial  uint32
	FileVersion string
	Changes     []zones.Change
	Whole       bool
	Zone        *zones.Zone
}
