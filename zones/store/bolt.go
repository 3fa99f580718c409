package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/mangrove-dns/mangrove/zones/image"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// FileName is the name of the store's file in its directory.
const FileName = "mangrove.db"

// schema is what the buckets and keys of this program are; it rises when an older program would misread the store.
const schema = 1

// Options says how to open a store. The zero value is a good one.
type Options struct {
	// Timeout is how long to wait for another process to let go of the store; 0: one second.
	Timeout time.Duration
	// ReadOnly opens an existing store and changes nothing; beside other readers, not beside a writer.
	ReadOnly bool
	// NoSync leaves it to the operating system when data reach the disk: for tests.
	NoSync bool
	// JournalEntries and JournalBytes bound the journal of each zone; 0: 1000, and 16 MiB.
	JournalEntries int
	JournalBytes   int
	// Events bounds the log; 0: 10,000.
	Events int
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		value *int
		def   int
	}{{&o.JournalEntries, 1000}, {&o.JournalBytes, 16 << 20}, {&o.Events, 10_000}} {
		if *d.value <= 0 {
			*d.value = d.def
		}
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Second
	}
	return o
}

// Bolt is the Store in one bbolt file, with a directory of images beside it.
type Bolt struct {
	db     *bolt.DB
	images *image.Dir
	opts   Options
}

var _ Store = (*Bolt)(nil)

// Buckets. FORMAT.md describes their keys and values.
var (
	bucketMeta        = []byte("meta")
	bucketLoaded      = []byte("loaded")
	bucketServed      = []byte("served")
	bucketJournal     = []byte("journal")
	bucketVerdicts    = []byte("verdicts")
	bucketMirrors     = []byte("mirrors")
	bucketMirrorBlobs = []byte("mirror blobs")
	bucketEvents      = []byte("events")

	// bucketUnreleased is in stores of the time before the first release, which kept zones in the database.
	bucketUnreleased = []byte("loaded image")
)

func buckets() [][]byte {
	return [][]byte{bucketMeta, bucketLoaded, bucketServed, bucketJournal,
		bucketVerdicts, bucketMirrors, bucketMirrorBlobs, bucketEvents}
}

// fullPages is how full pages get. Keys come in order, most often: those of all zones at a first start, or none but those of
// one zone, whose values stay as long as they are.
const fullPages = 0.9

// writable returns a bucket to be written to.
func writable(tx *bolt.Tx, name []byte) *bolt.Bucket {
	b := tx.Bucket(name)
	b.FillPercent = fullPages
	return b
}

// keySchema is a key in the meta bucket that no key of a caller can be (see metaKey).
var keySchema = []byte("schema")

// OpenBolt opens the store in directory dir, and makes both unless o.ReadOnly says otherwise. ErrLocked says that another
// process has it open, ErrNewer that a newer program wrote it, ErrCorrupt that the file is no store;
// fs.ErrNotExist that there is none to read.
func OpenBolt(dir string, o Options) (*Bolt, error) {
	o = o.withDefaults()
	path := filepath.Join(dir, FileName)
	s, err := openBolt(dir, path, o)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	return s, nil
}

func openBolt(dir, path string, o Options) (s *Bolt, err error) {
	defer guard(&err)()
	if o.ReadOnly {
		// bbolt would go on to read an empty file that is no database.
		if st, err := os.Stat(path); err != nil {
			return nil, err
		} else if st.Size() == 0 {
			return nil, fmt.Errorf("%w: the file is empty", ErrCorrupt)
		}
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := checkWhole(path); err != nil {
		return nil, err
	}
	// The freelist is written with each transaction: without it, opening reads the whole file, in a goroutine in which
	// a damaged page would end the program.
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		Timeout: o.Timeout, ReadOnly: o.ReadOnly, NoSync: o.NoSync,
		FreelistType: bolt.FreelistMapType,
	})
	if err != nil {
		return nil, openError(err)
	}
	s = &Bolt{db: db, opts: o}
	if err = s.prepare(); err == nil {
		s.images, err = image.Open(filepath.Join(dir, imagesDir), image.Options{ReadOnly: o.ReadOnly, NoSync: o.NoSync})
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// openError puts bbolt's reasons into ours.
func openError(err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return ErrLocked
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return fmt.Errorf("%w: %w; restore it from a backup, or move it away to start anew", ErrCorrupt, err)
	}
	return err
}

// prepare checks the schema, and makes what a new store lacks.
func (s *Bolt) prepare() error {
	missing := false
	err := s.db.View(func(tx *bolt.Tx) error {
		for _, name := range buckets() {
			missing = missing || tx.Bucket(name) == nil
		}
		if tx.Bucket(bucketUnreleased) != nil {
			return ErrOlder
		}
		meta := tx.Bucket(bucketMeta)
		if meta == nil {
			return nil
		}
		v := meta.Get(keySchema)
		if v == nil {
			return fmt.Errorf("%w: it has no schema", ErrCorrupt)
		}
		r := unseal(v)
		n := r.u32()
		if err := r.end(); err != nil {
			return fmt.Errorf("schema: %w", err)
		}
		if n > schema {
			return fmt.Errorf("%w (schema %d, this one knows %d): use that version, or a backup made by this one", ErrNewer, n, schema)
		}
		return nil
	})
	if err != nil || !missing {
		return err
	}
	if s.opts.ReadOnly {
		return fmt.Errorf("%w: it was never finished", ErrCorrupt)
	}
	return s.db.Update(func(tx *bolt.Tx) error {
		for _, name := range buckets() {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketMeta).Put(keySchema, seal(binary.BigEndian.AppendUint32(begin(), schema)))
	})
}

// view runs f in a transaction that reads; what names it in errors.
func (s *Bolt) view(ctx context.Context, what string, f func(tx *bolt.Tx) error) (err error) {
	defer describe(&err, what)
	defer guard(&err)()
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.db.View(f)
}

// update runs f in a transaction that writes all or nothing; what says in errors what was not saved.
func (s *Bolt) update(ctx context.Context, what string, f func(tx *bolt.Tx) error) (err error) {
	defer describe(&err, what+" (nothing of it is known to be saved)")
	defer guard(&err)()
	if s.opts.ReadOnly {
		return ErrReadOnly
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.db.Update(f)
}

func describe(err *error, what string) {
	if *err != nil {
		*err = fmt.Errorf("%s: %w", what, *err)
	}
}

// guard turns a panic of bbolt over a damaged file, and a fault in its memory map (a file cut short, a dead disk), into
// an error: use as defer guard(&err)(). bbolt has rolled the transaction back by then.
func guard(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			*err = fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
	}
}

// Close implements Store.
func (s *Bolt) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// Exists says whether there is a store in directory dir.
func Exists(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// imagesDir is the directory of compiled zones, beside the store's file.
const imagesDir = "images"

// AdoptSeed makes this process hash names as the zones kept in the store of directory dir demand, so that they can be used as
// they lie in their files; it makes what is missing. It must come before anything makes a zone: zones.ErrSeedInUse says that
// it is too late, which is no harm, but a start without it takes far longer. Call it once, in a program that serves one
// directory.
func AdoptSeed(dir string) error { return image.AdoptSeed(filepath.Join(dir, imagesDir)) }
