package store

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// Store is the durable state. Its methods are safe for concurrent use; each is one transaction. A cancelled context ends a
// method before it begins to write, not after. The package comment says what holds for all of them.
type Store interface {
	// SaveLoaded keeps these zones as the last good versions of their origins, in place of the versions before: each whole or
	// not at all; after an error, which ones is not known. The order of records in an RRset is no content: of a version that differs in
	// nothing else, it is that of the one before.
	SaveLoaded(ctx context.Context, zs ...Loaded) error
	// Loaded returns the last good version of a zone; ErrNotFound where there is none.
	Loaded(ctx context.Context, origin zones.Name) (Loaded, error)
	// Sources returns where every kept zone came from, by origin in the order of Name.Wire; it reads no records.
	Sources(ctx context.Context) ([]Source, error)
	// EachLoaded calls f with every last good version, by origin in the order of Name.Wire: for a start, which takes most
	// of them. It costs far less than Loaded for each. Zones may lie in files that are mapped into memory, and only
	// their checksums were verified: see Resident and VerifyLoaded. Where a version's records are damaged or gone, f
	// gets its Source, no Zone, and why, which wraps ErrCorrupt. An error of f ends it and is returned. f may call the store.
	EachLoaded(ctx context.Context, f func(Loaded, error) error) error
	// VerifyLoaded verifies that the records kept as the last good version of a zone are those that were saved: their
	// order, index and content hash. It takes the time of reading all of them, and is for after a start. ErrCorrupt says that
	// they are not, ErrNotFound that there is none.
	VerifyLoaded(ctx context.Context, origin zones.Name) error
	// Resident returns z in memory of its own where it lies in a file that EachLoaded mapped, and z itself where it
	// does not. Large zones answer faster from there. Once nothing looks z up any more, release gives back what it took; a
	// reader that still has z is slowed down, no more.
	Resident(z *zones.Zone) (moved *zones.Zone, release func())
	// Forget drops the loaded version, the served image and the journal of a zone. How far its serials and
	// generations went is kept, so that they never go back if the zone returns; so are its mirrors. Forgetting what is not there is no error.
	Forget(ctx context.Context, origin zones.Name) error

	// Heads returns where the served versions of all zones stand, by origin in the order of Name.Wire.
	Heads(ctx context.Context) ([]Head, error)
	// Head returns where the served versions of one zone stand; false where the store knows nothing of the zone.
	Head(ctx context.Context, origin zones.Name) (Head, bool, error)
	// Block returns what SetBlock kept last, 0 where nothing was: how far above its newest journaled serial (above Reserved,
	// where nothing is journaled) each zone may have been served. It makes one write of what would be one for each zone.
	Block(ctx context.Context) (uint32, error)
	// SetBlock keeps a block for all zones; the caller owns serials, as with Reserve.
	SetBlock(ctx context.Context, n uint32) error
	// Reserve sets, for every zone named, the highest serial that may be served. The caller owns serials: the store
	// takes what it says, also where that is lower (a clean stop gives the rest of a block back), except that a
	// serial older (RFC 1982) than the newest journaled one is refused with ErrChain.
	Reserve(ctx context.Context, upTo map[zones.Name]uint32) error
	// AppendServed journals versions, each following the newest of its zone (Prev and From; both 0 for the
	// first; Changes must lead to Zone), else all are refused with ErrChain. Reserved rises to To where it is behind. The
	// oldest entries of a zone go when there are more, or larger ones, than the store keeps.
	AppendServed(ctx context.Context, vs []Version) error
	// Served returns the newest journaled version of a zone as a whole; ErrNotFound where there is none.
	Served(ctx context.Context, origin zones.Name) (*zones.Zone, error)
	// ServedIs says whether z has the content of the newest journaled version of its origin, whatever the
	// serial of its SOA. It is false where nothing was journaled.
	ServedIs(ctx context.Context, z *zones.Zone) (bool, error)
	// Journal returns the entries that lead from serial from to the newest journaled version, oldest first; none where
	// from is the newest. ErrNotFound says that the journal does not reach back to from without a gap: too old,
	// never journaled, or a version between was kept as a whole only.
	Journal(ctx context.Context, origin zones.Name, from uint32) ([]Entry, error)
	// History returns the newest limit entries of a zone, newest first.
	History(ctx context.Context, origin zones.Name, limit int) ([]Entry, error)

	// SaveVerdicts keeps verdicts, in place of the ones before for the same keys.
	SaveVerdicts(ctx context.Context, vs []Verdict) error
	// DropVerdicts forgets the verdicts of these keys.
	DropVerdicts(ctx context.Context, keys []string) error
	// Verdicts returns all verdicts, by key.
	Verdicts(ctx context.Context) ([]Verdict, error)

	// Mirror returns what SaveMirror kept for a zone at a provider; a zero Mirror, without error, where there is nothing.
	Mirror(ctx context.Context, provider string, origin zones.Name) (Mirror, error)
	// SaveMirror replaces what is kept for a zone at a provider. Where the generation kept now is not was (0: nothing kept),
	// it changes nothing and returns ErrStale: another has written since the caller read. A generation never falls. A nil
	// Base leaves the base that is kept. The provider's name is not empty and has no octet 0.
	SaveMirror(ctx context.Context, provider string, origin zones.Name, was uint64, m Mirror) error
	// Mirrors returns what mirrors there are, by provider, then origin in the order of Name.Wire; it reads no blobs.
	Mirrors(ctx context.Context) ([]MirrorInfo, error)

	// AddEvents appends to the log, and drops the oldest events beyond what the store keeps. Seq is set by the store.
	AddEvents(ctx context.Context, es ...Event) error
	// Events returns the newest limit events, newest first; of one zone unless origin is zero.
	Events(ctx context.Context, origin zones.Name, limit int) ([]Event, error)

	// Meta returns a small value; ErrNotFound where there is none.
	Meta(ctx context.Context, key string) ([]byte, error)
	// SetMeta keeps a small value.
	SetMeta(ctx context.Context, key string, value []byte) error

	// Maintain does what no writer should wait for: it merges files, bounds what Served must replay, drops what nothing
	// refers to. Call it after a start, and now and then. What it leaves undone costs space and time, nothing else.
	Maintain(ctx context.Context) error

	// Check verifies everything that the store holds and returns all findings, each complete in one line;
	// none when all is well. It holds up writers for as long as it takes.
	Check(ctx context.Context) []string
	// Backup writes a consistent copy while the store is in use. Bolt writes a tar archive of what its directory holds.
	Backup(ctx context.Context, w io.Writer) error
	// Close waits for the method in progress and frees the store. Methods fail afterwards.
	Close() error
}

var (
	// ErrLocked is returned when another process has the store open (a second opener, or a command beside the daemon).
	ErrLocked = errors.New("store is in use by another process")
	// ErrNewer is returned when a newer program wrote the store: this one would not understand all of it.
	ErrNewer = errors.New("store was written by a newer version of mangrove")
	// ErrOlder is returned when the store is of the time before the first release.
	ErrOlder = errors.New("store was written by a version of mangrove before the first release: move it away to start anew, with serials in the zone files above those served last")
	// ErrNotFound is returned when the store does not hold what was asked for.
	ErrNotFound = errors.New("not in the store")
	// ErrCorrupt is returned when something in the store is not what was written: a checksum, a length, an order.
	ErrCorrupt = errors.New("store is damaged")
	// ErrChain is returned when a served version does not follow the newest one, or a serial would go back. It has a
	// method Chain, by which package live knows it.
	ErrChain error = chainError{}
	// ErrStale is returned when another has written the mirror since the caller read it.
	ErrStale = errors.New("another has written since")
	// ErrReadOnly is returned when a store that was opened for reading is written to.
	ErrReadOnly = errors.New("store is open for reading only")
)

type chainError struct{}

func (chainError) Error() string { return "does not follow the newest journaled version" }
func (chainError) Chain() bool   { return true }

// File is one file that a loaded version was read from.
type File struct {
	Path     string
	Size     int64
	Modified time.Time
	Inode    uint64 // 0, as Device: not known
	Device   uint64
	SHA256   [32]byte
}

// Source says where a loaded version came from.
type Source struct {
	Origin zones.Name
	Files  []File // the zone's own file first, then what it includes
	Loaded time.Time
	Serial uint32 // the SOA's, as written
	Meta   []byte // the caller's: what else the version was made from. Small, opaque
}

// Loaded is a zone as the operator wrote it.
type Loaded struct {
	Source
	Zone *zones.Zone
}

// Head is where a zone's served versions stand. It is an alias, as Version is, so that package live can ask for it
// in an interface of its own: neither package imports the other.
type Head = struct {
	Origin     zones.Name
	Reserved   uint32 // the highest serial that may have been served
	Generation uint64 // the newest ever journaled; 0: none
	Journaled  bool   // a version is in the journal: what follows describes the newest
	Serial     uint32
	Time       time.Time
	// FileSerial and FileVersion are what the version was journaled with: the serial that its file had, and
	// an opaque identity of the file's content.
	FileSerial  uint32
	FileVersion string
}

// Version is a served version to be journaled.
type Version = struct {
	Origin      zones.Name
	Prev        uint64 // generation of the version that it follows; 0: none
	Generation  uint64 // above every one before
	From, To    uint32 // serial of the version that it follows (0: none), its own
	Time        time.Time
	Reasons     []string // in words
	FileSerial  uint32
	FileVersion string
	// Changes is all that differs from the version before, the apex SOA with its serial included: exactly
	// zones.Diff. Whole says that they are not known; they are not looked at then, nor where Prev is 0.
	Changes []zones.Change
	Whole   bool
	// Zone is the version itself, its SOA serial To. What Changes make of the version before must be its content.
	Zone *zones.Zone
}

// Entry is a served version in the journal.
type Entry = struct {
	Origin     zones.Name
	Generation uint64
	From, To   uint32
	Time       time.Time
	Reasons    []string
	// Whole says that the changes were not kept: the first version, or one that differs too much from the one before.
	Whole   bool
	Changes []zones.Change
}

// Verdict is the last verdict about a target.
type Verdict = struct {
	Key    string // opaque; not empty
	State  uint8
	Since  time.Time
	Reason string // in words
}

// Mirror is what must be known of a zone at a provider beyond what the provider can tell. Blobs are opaque, and may be as
// large as the zone; one without octets is kept as none.
type Mirror struct {
	Generation uint64 // of whoever writes to the provider
	Live       []byte // changes with every write
	Base       []byte // changes seldom
}

// MirrorInfo names a mirror, and says where it stands.
type MirrorInfo struct {
	Provider   string
	Origin     zones.Name
	Generation uint64
}

// Event is one line of the log.
type Event = struct {
	Seq  uint64 // set by the store; rises
	Time time.Time
	Kind string     // one word
	Zone zones.Name // zero: of no zone
	Text string
}
